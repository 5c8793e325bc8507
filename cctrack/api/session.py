"""A session: the pieces put together, and which one is in use."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

from cctrack.api import privacy, settings, snapshot, v2
from cctrack.api.clock import Clock, SystemClock
from cctrack.api.connection import Credentials
from cctrack.api.privacy import Mask
from cctrack.api.quota import Ledger
from cctrack.api.store import Store
from cctrack.api.transport import Transport
from cctrack.api.walk import Policy, Walk
from cctrack.errors import ConfigError, NotOfferedError, ResponseError
from cctrack.schema import Report

_DIALECTS: dict[str, ModuleType] = {"v2": v2}
_TRY_DEMO = "To try cctrack without credentials: cctrack.demo()"


@dataclass(frozen=True)
class Account:
    """Whose reports these are.

    Attributes
    ----------
    name : str
        Stands in frames and names the cache folder; tells nothing of the credentials.
    key : str
        Under which calls are counted.
    """

    name: str
    key: str


class Session:
    """Connects the reports with one account; made by `cctrack.connect` or `cctrack.demo`.

    Attributes
    ----------
    api : str
        The dialect, "v2".
    account : str
        Name of the account in the cache and in the provenance of frames.
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
        self.account = account.name
        self.policy = policy
        self.clock = clock
        self.ledger = ledger
        self.store = store or Store(folder, account.name)
        self._dialect: Any = dialect
        self._origin = origin
        self._transport = Transport(origin, credentials, ledger.enter, clock, loopback=loopback)

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
        """Remove a contact from the store."""
        return privacy.forget(self.store, self._dialect, contact)

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

    def walks(
        self, report: Report, ids: Mapping[str, str], options: Mapping[str, str], limit: int, *, refresh: bool
    ) -> Iterator[Walk]:
        """Give the walks that make up a report of one id."""
        if not self.policy.offline and not _cache_off.get():
            self.store.tidy(self.clock.time())
        for ask in self._dialect.asks(report, ids, options, limit):
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
            )

    def from_cache(self) -> "Session":
        """Give this session as it answers from the cache alone, however old: nothing is ever sent for it."""
        other = Session.__new__(Session)
        vars(other).update(vars(self), policy=replace(self.policy, offline=True))
        return other

    def close(self) -> None:
        """Close connections and files; what is in the cache stays."""
        self._transport.close()
        self.store.close()
        self.ledger.close()

    def __enter__(self) -> "Session":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        offline = " offline" if self.policy.offline else ""
        return f"<cctrack.Session {self.api} account={self.account}{offline}>"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a session is not pickled: connect again in the other process")


_cache_off: ContextVar[bool] = ContextVar("cctrack_cache_off", default=False)
_scoped: ContextVar[Session | None] = ContextVar("cctrack_session", default=None)
_default: Session | None = None


def opened(chosen: settings.Settings) -> Session:
    """Make a session of settings.

    Raises
    ------
    ConfigError
        When one is missing.
    """
    dialect = _DIALECTS.get(chosen.api)
    if dialect is None:
        raise ConfigError(f"api={chosen.api!r} is not spoken by this version, only {', '.join(_DIALECTS)}. {_TRY_DEMO}")
    origin, loopback = settings.origin(chosen.base_url, dialect.HOST)
    missing = [name for name in dialect.SETTINGS if getattr(chosen, name) is None]
    if missing and not (chosen.offline and chosen.profile):
        wanted = "; ".join(f"{name} (argument {name}= or variable {settings.VARIABLES[name]})" for name in missing)
        raise ConfigError(f"not connected, because these settings are missing: {wanted}. {_TRY_DEMO}")
    account = _account(chosen, origin)
    return assembled(dialect, origin, account, chosen, loopback=loopback)


def assembled(
    dialect: ModuleType,
    origin: str,
    account: Account,
    chosen: settings.Settings,
    *,
    loopback: bool,
    clock: Clock | None = None,
) -> Session:
    """Put a session together from what is known to be right."""
    clock = clock or SystemClock()
    counted = chosen.cache_dir / "calls" / f"{account.key}.sqlite"
    return Session(
        dialect,
        origin,
        account,
        dialect.credentials(chosen.api_key, chosen.access_token),
        Policy(chosen.verify, chosen.expire_after, dict(chosen.expire_report), chosen.offline),
        Ledger(counted, chosen.rate, chosen.daily_quota, clock),
        chosen.cache_dir / account.name,
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


def _account(chosen: settings.Settings, origin: str) -> Account:
    """Name the account so that no other one on this machine has its cache, and the name tells no secret."""
    secrets = [secret.reveal() if secret else "" for secret in (chosen.api_key, chosen.access_token)]
    whose = [chosen.profile] if chosen.profile else secrets
    return Account(
        name=f"{chosen.api}-{_fingerprint(origin, chosen.api, *whose)}",
        key=_fingerprint(origin, chosen.api, secrets[0]),
    )


def _fingerprint(*parts: str) -> str:
    return blake2b("\n".join(parts).encode(), digest_size=8, person=b"cctrack").hexdigest()


def made_default(session: Session) -> Session:
    """Let the reports ask this session from now on."""
    global _default
    _default = session
    return session


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
