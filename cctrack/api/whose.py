"""Whose account it is: named by its credentials on v2; asked once on v3, where a token lasts a day, and remembered."""

import re
import threading
import uuid
import warnings
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from types import ModuleType

from cctrack.api import settings
from cctrack.api.connection import TokenSource
from cctrack.api.folder import private_file
from cctrack.api.store import Store
from cctrack.errors import AuthError, CacheWarning, NotFoundError, ResponseError

_NAME = re.compile(r"[\w.-]{1,80}", re.ASCII)
_FOLDER = "accounts"
_UNAUTHORIZED = 401


@dataclass(frozen=True)
class Account:
    """Whose reports these are.

    Attributes
    ----------
    name : str or None
        Stands in frames and names the cache folder; tells nothing of the credentials. None as long as it is not known:
        the service is asked then, before the first report.
    key : str
        Under which calls are counted.
    owner : str
        Names the login, under which the account's name is remembered.
    """

    name: str | None
    key: str
    owner: str = ""


class Whose:
    """Finds the cache of a login's account.

    Parameters
    ----------
    account
        What is known of it.
    folder
        The cache folder; None keeps everything in memory.
    ask
        Asks the service for the account's name; gives the calls that it took too.
    store
        The cache, where it is given.

    Attributes
    ----------
    calls : int
        Requests sent.
    """

    def __init__(
        self,
        account: Account,
        folder: Path | None,
        ask: Callable[[], tuple[str | None, int]] | None,
        store: Store | None = None,
    ) -> None:
        self.calls = 0
        self._account = account
        self._folder = folder
        self._ask = ask
        self._lock = threading.RLock()
        self._store = store or (None if account.name is None else self._store_of(account.name))
        self._named = self._store is not None

    @property
    def name(self) -> str | None:
        """The account's name, as far as it was needed yet."""
        return None if self._store is None else self._store.account

    @property
    def is_known(self) -> bool:
        """Whether nobody needs to be asked."""
        return self._named or self._remembered() is not None

    def store(self, api: str, *, silent: bool) -> Store:
        """Give the cache; one in memory where nothing names the account, and nobody is to be asked."""
        with self._lock:
            if self._store is None:
                name = self._remembered()
                if name is None and self._ask is not None and not silent:
                    name = self._asked(self._ask)
                    self._named = True
                self._store = Store(None, f"{api}-{uuid.uuid4().hex[:16]}") if name is None else self._store_of(name)
            return self._store

    def silenced(self) -> "Whose":
        """Give this as it asks nobody."""
        with self._lock:
            other = Whose(self._account, self._folder, None, self._store)
            other._named = self._named
            return other

    def close(self) -> None:
        """Close the cache's file."""
        if self._store is not None:
            self._store.close()

    def _asked(self, ask: Callable[[], tuple[str | None, int]]) -> str | None:
        try:
            name, calls = ask()
        except (AuthError, NotFoundError, ResponseError) as error:
            if error.status == _UNAUTHORIZED:
                raise
            name, calls = None, 1
        self.calls += calls
        if name is None:
            warnings.warn(
                "the service does not tell whose account this is, so reports are kept in memory until this process "
                "ends; grant the scope account_read, or connect with profile= as a name for the account",
                CacheWarning,
                stacklevel=2,
            )
        else:
            self._remember(name)
        return name

    def _store_of(self, name: str) -> Store:
        return Store(None if self._folder is None else self._folder / name, name)

    def _remembered(self) -> str | None:
        return None if self._folder is None else remembered(self._folder, self._account.owner)

    def _remember(self, name: str) -> None:
        if self._folder is not None:
            remember(self._folder, self._account.owner, name)


def remembered(folder: Path, owner: str) -> str | None:
    """Give the account's name as it was found for a login; None when it was not, or cannot be read."""
    with suppress(OSError, UnicodeDecodeError):
        name = (folder / _FOLDER / owner).read_text(encoding="ascii")
        return name if _NAME.fullmatch(name) else None
    return None


def remember(folder: Path, owner: str, name: str) -> None:
    """Keep the account's name; where it cannot be written it is asked for again."""
    with suppress(OSError):
        path = folder / _FOLDER / owner
        private_file(path)
        path.write_text(name, encoding="ascii")


def named(chosen: settings.Settings, origin: str, dialect: ModuleType, source: TokenSource | None) -> Account:
    """Name the account so that no other one on this machine has its cache, and the name tells no secret."""
    secrets = [secret.reveal() if secret else "" for secret in (chosen.api_key, chosen.access_token)]
    known = [chosen.profile] if chosen.profile else [] if dialect.ACCOUNT else secrets
    return Account(
        name=f"{chosen.api}-{fingerprint(origin, chosen.api, *known)}" if known else None,
        key=fingerprint(origin, chosen.api, secrets[0]),
        owner=fingerprint(origin, chosen.api, secrets[1] if source is None else source.owner),
    )


def fingerprint(*parts: str) -> str:
    """Give a name that stands for these and tells none of them."""
    return blake2b("\n".join(parts).encode(), digest_size=8, person=b"cctrack").hexdigest()
