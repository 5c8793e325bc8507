"""A session: the pieces put together, and which one is in use."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn, TypeVar

from cctrack.api import oauth, privacy, settings, snapshot, v2, v3, xrefs
from cctrack.api.clock import Clock, SystemClock
from cctrack.api.connection import Credentials, TokenSource
from cctrack.api.given import Batch, Given
from cctrack.api.privacy import Mask
from cctrack.api.quota import Ledger
from cctrack.api.store import Store
from cctrack.api.together import Together
from cctrack.api.transport import Transport
from cctrack.api.walk import Policy, Walk
from cctrack.api.whose import Account as Account
from cctrack.api.whose import Whose, fingerprint, named
from cctrack.errors import ConfigError, NotOfferedError, ResponseError
from cctrack.schema import Report

_DIALECTS: dict[str, ModuleType] = {"v2": v2, "v3": v3}

Value = TypeVar("Value")
_TRY_DEMO = "To try cctrack without credentials: cctrack.demo()"


class Session:
    """Connects the reports with one account; made by `cctrack.connect` or `cctrack.demo`.

    Attributes
    ----------
    api : str
        The dialect, "v2" or "v3".
    """

    def __init__(
        self,
        dialect: ModuleType,
        origin: str,
        account: Account,
        credentials: Credentials,
        policy: Policy,
        ledger: Ledger,
        folder: Path | None,
        clock: Clock,
        *,
        loopback: bool,
        store: Store | None = None,
    ) -> None:
        self.api: str = dialect.NAME
        self.source = credentials.source
        self.policy = policy
        self.clock = clock
        self.ledger = ledger
        self._dialect: Any = dialect
        self._origin = origin
        self._transport = Transport(
            origin, credentials, ledger.enter, clock, loopback=loopback, explain=dialect.explain
        )
        self._whose = Whose(account, folder, self._asked_name, store)

    @property
    def account(self) -> str:
        """Name of the account in the cache and in the provenance of frames."""
        return self.store.account

    @property
    def store(self) -> Store:
        """The account's cache; which account that is, is asked once where nothing tells it."""
        return self._whose.store(self.api, silent=self.policy.offline)

    def identify(self) -> int:
        """Find out whose account it is, if that is not known; tell how many calls it took."""
        before = self._whose.calls
        self._whose.store(self.api, silent=self.policy.offline)
        return self._whose.calls - before

    @property
    def identified(self) -> bool:
        """Whether it is known whose account it is, without asking."""
        return self._whose.is_known

    def _asked_name(self) -> tuple[str | None, int]:
        found, calls = self.read(str(self._dialect.ACCOUNT), "", self._dialect.account_named)
        return None if found is None else f"{self.api}-{fingerprint(self._origin, self.api, found)}", calls

    def read(self, path: str, query: str, read: Callable[[Any], Value]) -> tuple[Value, int]:
        """Ask for one answer that is kept nowhere; give what `read` makes of it, and the number of calls."""
        value, _, calls = self._transport.fetch(f"{self._dialect.PREFIX}{path}", query, read)
        return value, calls

    @property
    def is_demo(self) -> bool:
        """Whether this is the embedded account, which nothing costs anything."""
        return self._whose.is_known and self.account.startswith("demo-")

    @property
    def personal(self) -> frozenset[str]:
        """Names of the fields that tell who a contact is."""
        fields: frozenset[str] = self._dialect.PERSONAL
        return fields

    def freeze(self, path: Path, mask: Mask | None) -> Path:
        """Write what the store holds into a snapshot."""
        snapshot.write(self.store, self.api, path, mask, self.clock.time())
        return path

    def forget(self, contact: str) -> int:
        """Remove a contact from the store, and from the file that keeps identifiers."""
        return privacy.forget(self.store, self._dialect, contact) + xrefs.forget(self.store.path, contact)

    def offers(self, report: Report) -> None:
        """Refuse a report that the dialect does not have.

        Raises
        ------
        NotOfferedError
            Before anything is sent; names the dialect that has it.
        """
        if not self._dialect.offers(report):
            others = [name for name, other in _DIALECTS.items() if other is not self._dialect and other.offers(report)]
            raise NotOfferedError(
                f"{report.function} is not offered by the {self.api} API, only by {' and '.join(others) or 'v3'}; "
                "connect to an account there to use it"
            )

    def given(self, report: Report) -> Given:
        """Tell how the dialect gives a report."""
        found: Given = self._dialect.given(report)
        return found

    def worded(self, report: Report, options: Mapping[str, str]) -> dict[str, str]:
        """Give the filters of a report in the words of its tables."""
        found: dict[str, str] = self._dialect.worded(report, options)
        return found

    def walks(
        self,
        report: Report,
        ids: Mapping[str, str],
        options: Mapping[str, str],
        limit: int,
        *,
        refresh: bool,
        together: Together | None = None,
    ) -> Iterator[Walk]:
        """Give the walks that make up a report of one id."""
        if not self.policy.offline and not _cache_off.get():
            self.store.tidy(self.clock.time())
        one = ids[report.keys[-1]] if report.keys else ""
        for ask in self._dialect.asks(report, ids, options, limit, self.clock.time()):
            yield Walk(
                report.name,
                ask,
                self._dialect,
                self._transport,
                self.store,
                self.policy,
                self.clock,
                refresh=refresh,
                keep=not _cache_off.get(),
                first=None if together is None else lambda: together.give(one),
            )

    def together(
        self, report: Report, ids: Sequence[str], options: Mapping[str, str], *, refresh: bool
    ) -> Together | None:
        """Ask for several ids in one call, where the dialect can; those that the cache answers are left out."""
        batch: Batch | None = self._dialect.batch(report)
        if batch is None or len(ids) < 2 or self.policy.offline:
            return None
        key = report.keys[-1]
        wanted = [
            one
            for one in ids
            for walk in self.walks(report, {key: one}, options, 1, refresh=refresh)
            if all(other.held() is None for other in walk.alternatives())
        ]
        return Together(batch, wanted, self._transport, self._dialect.PREFIX)

    def most_together(self, report: Report) -> int | None:
        """Tell how many ids go into one call; None where each takes one."""
        batch = self._dialect.batch(report)
        return None if batch is None else int(batch.size)

    def from_cache(self) -> "Session":
        """Give this session as it answers from the cache alone, however old: nothing is ever sent for it."""
        return self._copy(policy=replace(self.policy, offline=True))

    def unasked(self) -> "Session":
        """Give this session as it does not ask whose account it is."""
        return self._copy()

    def _copy(self, **changed: Any) -> "Session":
        other = Session.__new__(Session)
        vars(other).update(vars(self), _whose=self._whose.silenced(), **changed)
        return other

    def close(self) -> None:
        """Close connections and files; what is in the cache stays."""
        self._transport.close()
        self._whose.close()
        self.ledger.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        offline = " offline" if self.policy.offline else ""
        return f"<cctrack.Session {self.api} account={self._whose.name or 'not known yet'}{offline}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a session is not pickled: connect again in the other process")


_cache_off: ContextVar[bool] = ContextVar("cctrack_cache_off", default=False)
_scoped: ContextVar[Session | None] = ContextVar("cctrack_session", default=None)
_default: Session | None = None


def opened(chosen: settings.Settings, source: TokenSource | None = None) -> Session:
    """Make a session of settings.

    Parameters
    ----------
    chosen
        The settings.
    source
        Gives the token in the place of `access_token`.

    Raises
    ------
    ConfigError
        When one is missing.
    """
    dialect = _DIALECTS.get(chosen.api)
    if dialect is None:
        raise ConfigError(f"api={chosen.api!r} is not spoken by this version, only {', '.join(_DIALECTS)}. {_TRY_DEMO}")
    origin, loopback = settings.origin(chosen.base_url, dialect.HOST)
    clock = SystemClock()
    alone = chosen.offline and chosen.profile is not None  # nothing will be asked, so nothing is needed for it
    if source is None and dialect.ACCOUNT and chosen.access_token is None and not alone:
        source = oauth.stored(chosen.api_key, chosen.profile, origin, clock)
        if source is not None and chosen.api_key is None:
            chosen = replace(chosen, api_key=source.client_id)  # calls are counted under it
    missing = [name for name in dialect.SETTINGS if getattr(chosen, name) is None and source is None]
    if missing and not alone:
        wanted = "; ".join(f"{name} (argument {name}= or variable {settings.VARIABLES[name]})" for name in missing)
        login = "" if dialect.ACCOUNT is None else ", or log in once: cctrack.login(client_id)"
        raise ConfigError(f"not connected, because these settings are missing: {wanted}{login}. {_TRY_DEMO}")
    account = named(chosen, origin, dialect, source)
    return assembled(dialect, origin, account, chosen, loopback=loopback, clock=clock, source=source)


def assembled(
    dialect: ModuleType,
    origin: str,
    account: Account,
    chosen: settings.Settings,
    *,
    loopback: bool,
    clock: Clock | None = None,
    source: TokenSource | None = None,
) -> Session:
    """Put a session together from what is known to be right."""
    clock = clock or SystemClock()
    counted = chosen.cache_dir / "calls" / f"{account.key}.sqlite"
    return Session(
        dialect,
        origin,
        account,
        dialect.credentials(chosen.api_key, chosen.access_token, source),
        Policy(chosen.verify, chosen.expire_after, dict(chosen.expire_report), chosen.offline),
        Ledger(counted, chosen.rate, chosen.daily_quota, clock),
        chosen.cache_dir,
        clock,
        loopback=loopback,
    )


def of_snapshot(held: snapshot.Snapshot) -> Session:
    """Make a session that answers from a snapshot alone."""
    dialect = _DIALECTS.get(held.index.api)
    if dialect is None:
        held.close()
        raise ResponseError(
            f"the snapshot is of the API {held.index.api[:20]!r}, which this version does not speak; "
            "open it with the version that froze it"
        )
    clock = SystemClock()
    return Session(
        dialect,
        dialect.HOST,
        Account(held.index.account, held.index.account),
        Credentials(),
        Policy(offline=True),
        Ledger(None, 1.0, 1, clock),
        None,
        clock,
        loopback=False,
        store=held,
    )


def made_default(session: Session) -> Session:
    """Let the reports ask this session from now on."""
    global _default
    _default = session
    return session


def default() -> Session | None:
    """Give the default session, if there is any."""
    return _default


def chosen() -> Session | None:
    """Give the session in scope, else the default one, if there is any."""
    return _scoped.get() or _default


@contextmanager
def use(session: Session) -> Iterator[Session]:
    """Ask another session within a `with` block.

    Parameters
    ----------
    session
        From `cctrack.connect` or `cctrack.demo`.
    """
    if not isinstance(session, Session):
        raise TypeError(f"use() takes a session, not {type(session).__name__}; cctrack.connect() gives one")
    token = _scoped.set(session)
    try:
        yield session
    finally:
        _scoped.reset(token)


def cache_is_off() -> bool:
    """Whether this is within `cache_disabled`."""
    return _cache_off.get()


@contextmanager
def cache_disabled() -> Iterator[None]:
    """Neither read nor write the cache within a `with` block."""
    token = _cache_off.set(True)
    try:
        yield
    finally:
        _cache_off.reset(token)


def forget_default() -> None:
    """Let the next report look for a session anew."""
    global _default
    _default = None
