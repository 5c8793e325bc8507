"""The disk cache: whole walks behind requests-cache's storage, one file per account.

A page by itself is never served. A walk's pages are written as they come, under a number of their own; the walk
exists from the moment its entry is written, after the last page, and an entry whose pages are not all there is a miss.
"""

import json
import sqlite3
import threading
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from requests.structures import CaseInsensitiveDict
from requests_cache.backends.base import BaseStorage
from requests_cache.backends.sqlite import SQLiteDict
from requests_cache.models.response import CachedResponse
from requests_cache.serializers import SerializerPipeline, Stage, json_serializer

from cctrack.api.folder import private_file
from cctrack.errors import CacheWarning

_FORMAT = 1
_LIBRARY = ".".join(version("requests-cache").split(".")[:2])
# Another version of either does not read this file, and is not read by this one.
FILE = f"walks-{_FORMAT}-rc{_LIBRARY}.sqlite"
_LOCK_WAIT = 1.0
_LEAVE_ALONE = 5.0  # seconds in which a file that another process keeps locked is not written to
_JSON = CaseInsensitiveDict({"Content-Type": "application/json"})
_FASTEST = 1  # of zlib: seven times smaller at little cost

Result = TypeVar("Result")


@dataclass(frozen=True)
class Entry:
    """A walk in the store.

    Attributes
    ----------
    report : str
        Name of the report it was made for.
    path, query : str
        What was asked; two reports that ask the same share a walk.
    number : str
        Under which its pages stand.
    pages : int
        How many there are.
    rows : int
        Rows on them.
    fetched_at : float
        When the walk began, seconds since 1970.
    drop : list of int
        Rows that are overlap between pages.
    overlap : str
        "none", "removed" or "undecided".
    whole : bool
        False for the beginning of a walk that broke off; it is only ever used to go on from there.
    """

    report: str
    path: str
    query: str
    number: str
    pages: int
    rows: int
    fetched_at: float
    drop: list[int] = field(default_factory=list)
    overlap: str = "none"
    whole: bool = True


def _expanded(data: bytes) -> str:
    try:
        return zlib.decompress(data).decode()  # it carries a checksum: a flipped bit does not pass
    except zlib.error as error:
        raise ValueError(str(error)) from None


_compressed = Stage(dumps=lambda text: zlib.compress(text.encode(), _FASTEST), loads=_expanded)
# JSON, never pickle: reading a file that somebody planted must not run it.
_PAGES = SerializerPipeline([*json_serializer.stages, _compressed], name="json", is_binary=True)
_ENTRIES = SerializerPipeline([Stage(dumps=json.dumps, loads=json.loads), _compressed], name="json", is_binary=True)


class _Table(SQLiteDict):
    """requests-cache's table, which by itself waits for a lock without end and keeps it after an interrupt."""

    _connection: Any

    @contextmanager
    def _acquire_sqlite_lock(self) -> Iterator[None]:
        with self._lock:
            try:
                self._connection.execute("BEGIN IMMEDIATE")  # waits as long as the connection's `timeout`
                self._active_transaction = True
                yield
                self._connection.execute("COMMIT")
            finally:
                self._active_transaction = False
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def deserialize(self, key: str, value: Any) -> Any:
        try:
            return super().deserialize(key, value)
        except Exception:  # whatever somebody put there, it is not ours
            return None

    def init_db(self) -> None:
        self.close()  # type: ignore[no-untyped-call]
        with self.connection(commit=True) as db:
            columns = "key TEXT PRIMARY KEY, value BLOB, expires INTEGER"
            db.execute(f"CREATE TABLE IF NOT EXISTS {self.table_name} ({columns})")


class _Memory(BaseStorage[str, Any]):
    """The same in memory, compressed as on disk."""

    def __init__(self, serializer: SerializerPipeline) -> None:
        super().__init__(serializer=serializer)
        self._held: dict[str, Any] = {}

    def __getitem__(self, key: str) -> Any:
        return self.deserialize(key, self._held[key])

    def __setitem__(self, key: str, value: Any) -> None:
        self._held[key] = self.serialize(value)

    def __delitem__(self, key: str) -> None:
        del self._held[key]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._held))

    def __len__(self) -> int:
        return len(self._held)


class Store:
    """The walks of one account.

    Parameters
    ----------
    folder
        The account's own; None keeps the walks in memory.
    account
        Part of every key: a file that was copied to another account's folder answers nothing there.
    """

    def __init__(self, folder: Path | None, account: str) -> None:
        self.path = folder / FILE if folder is not None else None
        self._account = account
        self._lock = threading.RLock()
        self._pages: Any = None
        self._entries: Any = None
        self._busy_until = 0.0

    def find(self, path: str, query: str, *, whole: bool = True) -> Entry | None:
        """Give the newest walk of an address, however old; or the beginning of one that broke off."""
        return self._do(lambda: _entry(self._entries.get(self._key(path, query, whole))), None)

    def page(self, number: str, position: int) -> bytes | None:
        """Give a page's body; None when it is not there."""

        def step() -> bytes | None:
            held = self._pages.get(f"{number}-{position}")
            return held.content if isinstance(held, CachedResponse) and held.content else None

        return self._do(step, None)

    def keep_page(self, number: str, position: int, url: str, body: bytes) -> None:
        """Write a page of a walk under way."""
        page = CachedResponse(status_code=200, url=url, content=body, headers=_JSON)
        self._do(lambda: self._pages.__setitem__(f"{number}-{position}", page), None, write=True)

    def keep(self, entry: Entry) -> None:
        """Write a walk whose pages are all kept, or its beginning, in place of an older one."""
        older = [self.find(entry.path, entry.query, whole=whole) for whole in {False, entry.whole}]
        self._do(lambda: self._entries.__setitem__(self._key_of(entry), asdict(entry)), None, write=True)
        if entry.whole:
            unfinished = [self._key(entry.path, entry.query, False)]
            self._do(lambda: self._entries.bulk_delete(unfinished), None, write=True)
        for one in older:
            if one is not None and one.number != entry.number:
                self.drop_pages(one.number, one.pages)

    def drop_pages(self, number: str, pages: int) -> None:
        """Remove the pages of a walk that was replaced or given up."""
        keys = [f"{number}-{position}" for position in range(pages)]
        self._do(lambda: self._pages.bulk_delete(keys), None, write=True)

    def entries(self) -> list[Entry]:
        """Give every walk."""
        return [entry for entry in self._all() if entry.whole]

    def clear(self, wanted: Callable[[Entry], bool]) -> int:
        """Remove walks, and what unfinished ones left behind; tell how many walks went."""
        gone = [entry for entry in self._all() if not entry.whole or wanted(entry)]
        self._do(lambda: self._entries.bulk_delete([self._key_of(entry) for entry in gone]), None)
        kept = {entry.number for entry in self._all()}
        pages: list[str] = self._do(lambda: list(self._pages), [])
        left = [key for key in pages if key.partition("-")[0] not in kept]
        self._do(lambda: self._pages.bulk_delete(left), None)
        self._do(self._shrink, None)
        return sum(entry.whole for entry in gone)

    def size(self) -> int:
        """Bytes on disk; 0 in memory."""
        if self.path is None:
            return 0
        return sum(file.stat().st_size for file in self.path.parent.glob(f"{FILE}*"))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            for table in (self._pages, self._entries):
                if table is not None:
                    table.close()
            self._pages = self._entries = None

    def _all(self) -> list[Entry]:
        found: list[Entry | None] = self._do(lambda: [_entry(held) for held in self._entries.values()], [])
        return [entry for entry in found if entry is not None]

    def _key(self, path: str, query: str, whole: bool) -> str:
        parts = (self._account, path, query, "" if whole else "unfinished")
        return blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()

    def _key_of(self, entry: Entry) -> str:
        return self._key(entry.path, entry.query, entry.whole)

    def _shrink(self) -> None:
        if isinstance(self._pages, _Table):
            with self._pages.connection() as db:
                for command in (
                    "PRAGMA wal_checkpoint(TRUNCATE)",
                    "VACUUM",
                    "PRAGMA wal_checkpoint(TRUNCATE)",
                ):
                    db.execute(command)

    def _open(self) -> None:
        if self._pages is not None:
            return
        if self.path is None:
            self._pages, self._entries = _Memory(_PAGES), _Memory(_ENTRIES)
            return
        private_file(self.path)
        settings: dict[str, Any] = {"wal": True, "timeout": _LOCK_WAIT, "lock": self._lock}
        pages = _Table(self.path, table_name="pages", serializer=_PAGES, **settings)
        self._entries = _Table(self.path, table_name="entries", serializer=_ENTRIES, **settings)
        self._pages = pages

    def _do(self, step: Callable[[], Result], otherwise: Result, *, write: bool = False) -> Result:
        """Take a step. Whatever the storage does, the report itself goes on: what cannot be read is a miss."""
        with self._lock:
            if (write or self._pages is None) and time.monotonic() < self._busy_until:
                return otherwise
            try:
                self._open()
                return step()
            except (sqlite3.Error, OSError) as error:
                self._mend(error)
            return otherwise

    def _mend(self, error: Exception) -> None:
        """Make the store usable again: with a new file if this one is damaged, else in memory."""
        if "locked" in str(error):
            self._busy_until = time.monotonic() + _LEAVE_ALONE
            return  # another process is busy: nothing is kept this time
        with suppress(sqlite3.Error):
            self.close()
        self._pages = self._entries = None
        path, self.path = self.path, None
        damaged = not isinstance(error, (sqlite3.OperationalError, OSError)) or "decode" in str(error)
        if damaged and path is not None:
            with suppress(OSError):
                path.replace(path.with_suffix(".damaged"))
                for rest in path.parent.glob(f"{FILE}-*"):  # its journal belongs to it
                    rest.unlink()
                self.path = path
        where = "a new file was begun" if self.path else "reports are kept in memory until this process ends"
        warnings.warn(f"the cache file cannot be used ({error}); {where}", CacheWarning, stacklevel=2)


def _entry(held: Any) -> Entry | None:
    try:
        entry = msgspec.convert(held, Entry)
    except msgspec.ValidationError:  # nothing held, or not one of ours
        return None
    return entry if entry.pages > 0 and all(0 <= at < entry.rows for at in entry.drop) else None
