"""The disk cache: whole walks behind requests-cache's storage, one file per account.

A page by itself is never served. A walk's pages are written as they come; the walk exists from the moment its entry is
written, after the last page, and an entry whose pages are not all there is a miss. Beside the pages stands the typed
table that was made of them: it is only ever derived, and made anew when it is missing.
"""

import json
import math
import sqlite3
import threading
import time
import traceback
import uuid
import warnings
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
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
from cctrack.catalog import CAMPAIGN_DETAILS, REPORTS
from cctrack.errors import CacheWarning, CctrackError

_FORMAT = 2
_LIBRARY = ".".join(version("requests-cache").split(".")[:2])
# Another version of either does not read this file, and is not read by this one.
FILE = f"walks-{_FORMAT}-rc{_LIBRARY}.sqlite"
_LOCK_WAIT = 1.0
_LEAVE_ALONE = 5.0  # seconds in which a file that another process keeps locked is not written to
_JSON = CaseInsensitiveDict({"Content-Type": "application/json"})
_BODY = 6  # of zlib: what a page is kept as, twelve times smaller
_FASTEST = 1  # for what is small, or compressed already and written as base64
MOST_BYTES = 2 * 1024**3  # 80 million rows; above it the walks that were read longest ago go
_PURGE_TO = 0.8
_DAY = 86_400
_UNDER_WAY = 3600.0  # seconds after which no walk is still under way
KEPT_UNFINISHED = 600.0  # seconds for which the beginning of a walk can be gone on with

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
        Names this state of it.
    pages : list of str
        Keys of its pages, in order.
    rows : int
        Rows on them.
    fetched_at : float
        When it was last known to be current, seconds since 1970.
    whole_at : float
        When it was last read in whole; earlier than `fetched_at` when only the newest rows were asked for since.
    newest, oldest : int or None
        Dates of the newest and the oldest row, microseconds since 1970.
    order : str
        "falling", "rising" or "mixed": how the dates run; "mixed" too where a row has none.
    overlap : str
        "none", "removed" or "undecided".
    whole : bool
        False for the beginning of a walk that broke off; it is only ever used to go on from there.
    """

    report: str
    path: str
    query: str
    number: str
    pages: list[str]
    rows: int
    fetched_at: float
    whole_at: float
    newest: int | None = None
    oldest: int | None = None
    order: str = "mixed"
    overlap: str = "none"
    whole: bool = True


def _expanded(data: bytes) -> bytes:
    try:
        return zlib.decompress(data)  # it carries a checksum: a flipped bit does not pass
    except zlib.error as error:
        raise ValueError(str(error)) from None


_compressed = Stage(
    dumps=lambda text: zlib.compress(text.encode(), _FASTEST), loads=lambda data: _expanded(data).decode()
)
_bytes_compressed = Stage(dumps=lambda data: zlib.compress(data, _FASTEST), loads=_expanded)
# JSON, never pickle: reading a file that somebody planted must not run it.
_PAGES = SerializerPipeline([*json_serializer.stages, _compressed], name="json", is_binary=True)
_ENTRIES = SerializerPipeline([Stage(dumps=json.dumps, loads=json.loads), _compressed], name="json", is_binary=True)
_TABLES = SerializerPipeline([_bytes_compressed], name="bytes", is_binary=True)
_SERIALIZERS = {"pages": _PAGES, "entries": _ENTRIES, "tables": _TABLES}


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
            return self.serializer.loads(value)  # type: ignore[union-attr]
        except Exception:  # whatever somebody put there, it is not ours; requests-cache itself would print it
            return None

    def init_db(self) -> None:
        self.close()  # type: ignore[no-untyped-call]
        with self.connection() as db:
            db.execute("PRAGMA secure_delete = ON")  # what is forgotten is overwritten
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
    most_bytes
        Size above which the walks that were read longest ago are removed.
    """

    def __init__(self, folder: Path | None, account: str, *, most_bytes: int = MOST_BYTES) -> None:
        self.path = folder / FILE if folder is not None else None
        self.account = account
        self._folder = folder
        self._strict = False
        self._most_bytes = most_bytes
        self._lock = threading.RLock()
        self._tables: dict[str, Any] = {}
        self._busy_until = 0.0
        self._tidied = False

    def find(self, path: str, query: str, *, whole: bool = True) -> Entry | None:
        """Give the newest walk of an address, however old; or the beginning of one that broke off."""

        def step() -> Entry | None:
            held = _entry(self._tables["entries"].get(self._key(path, query, whole)))
            asked = held is not None and (held.path, held.query, held.whole) == (path, query, whole)
            return held if asked else None

        return self._do(step, None)

    def page(self, key: str) -> bytes | None:
        """Give a page's body; None when it is not there."""

        def step() -> bytes | None:
            held = self._tables["pages"].get(key)
            # Each page knows its name: a flipped bit in the file's index would give it under another one.
            return _unpacked(held) if isinstance(held, CachedResponse) and held.reason == key else None

        return self._do(step, None)

    def holds(self, entry: Entry) -> bool:
        """Whether all pages of a walk are there."""
        return set(entry.pages) <= set(self._do(lambda: list(self._tables["pages"]), []))

    def keep_page(self, key: str, url: str, body: bytes) -> None:
        """Write a page of a walk under way."""
        page = CachedResponse(status_code=200, reason=key, url=url, content=zlib.compress(body, _BODY), headers=_JSON)
        self._do(lambda: self._tables["pages"].__setitem__(key, page), None, write=True)

    def table(self, number: str, report: str) -> bytes | None:
        """Give the typed table that was made of a walk."""
        held = self._do(lambda: self._tables["tables"].get(f"{number}-{report}"), None)
        name = f"{number}-{report}\n".encode()
        return held.removeprefix(name) if isinstance(held, bytes) and held.startswith(name) else None

    def keep_table(self, number: str, report: str, table: bytes) -> None:
        """Write the typed table that was made of a walk."""
        named = f"{number}-{report}\n".encode() + table
        self._do(lambda: self._tables["tables"].__setitem__(f"{number}-{report}", named), None, write=True)

    def keep(self, entry: Entry) -> None:
        """Write a walk whose pages are all kept, or its beginning, in place of an older one."""
        older = [self.find(entry.path, entry.query, whole=whole) for whole in {False, entry.whole}]
        self._do(lambda: self._tables["entries"].__setitem__(self._key_of(entry), asdict(entry)), None, write=True)
        if entry.whole:
            self._delete("entries", [self._key(entry.path, entry.query, False)])
        for one in older:
            if one is not None and one.number != entry.number:
                self.drop_pages(set(one.pages) - set(entry.pages))
                self._drop_tables(one.number)

    def replace(self, entry: Entry, by: Entry | None) -> None:
        """Put another state in the place of a walk, or nothing."""
        if by is not None:
            self.keep(by)
            return
        self._delete("entries", [self._key_of(entry)])
        self.drop_pages(entry.pages)
        self._drop_tables(entry.number)

    def drop_pages(self, keys: Iterable[str]) -> None:
        """Remove the pages of a walk that was replaced or given up."""
        self._delete("pages", list(keys))

    def entries(self) -> list[Entry]:
        """Give every walk."""
        return [entry for entry in self.all() if entry.whole]

    def all(self) -> list[Entry]:
        """Give every walk, and the beginnings of those that broke off."""
        found: list[Entry | None] = self._do(lambda: [_entry(held) for held in self._tables["entries"].values()], [])
        return [entry for entry in found if entry is not None]

    def clear(self, wanted: Callable[[Entry], bool]) -> int:
        """Remove walks, and what unfinished ones left behind; tell how many walks went."""
        gone = [entry for entry in self.all() if not entry.whole or wanted(entry)]
        self._delete("entries", [self._key_of(entry) for entry in gone])
        self._sweep()
        self.shrink()
        return sum(entry.whole for entry in gone)

    def tidy(self, now: float) -> None:
        """Purge once a day, and when the file is too large; asked again by the same store it does nothing."""
        with self._lock:  # whoever reads or writes waits: nothing is under way in this process
            if self._tidied:
                return
            self._tidied = True
            today = int(now // _DAY)
            if self._do(lambda: self._last_purge(today), today) != today or self.size() > self._most_bytes:
                self.purge(now)

    def _last_purge(self, today: int) -> int:
        """Tell the day of the last purge, which stands in the file's header, and put today there."""
        if not isinstance(pages := self._tables["pages"], _Table):
            return today
        with pages.connection() as db:
            (day,) = db.execute("PRAGMA user_version").fetchone()
            if day != today:
                db.execute(f"PRAGMA user_version = {today}")
        return int(day)

    def purge(self, now: float) -> None:
        """Remove what nothing points to any more and, above the size cap, the walks read longest ago."""
        for entry in self.all():
            if not entry.whole and not 0 <= now - entry.fetched_at < KEPT_UNFINISHED:
                self.replace(entry, None)
        self._sweep(began_before=now - _UNDER_WAY)
        if self.size() <= self._most_bytes:
            return
        for entry in sorted(self.entries(), key=lambda one: one.fetched_at):
            self.replace(entry, None)
            if self._used() <= self._most_bytes * _PURGE_TO:
                break
        self.shrink()

    def size(self) -> int:
        """Bytes on disk; 0 in memory."""
        if self.path is None:
            return 0
        return sum(file.stat().st_size for file in self.path.parent.glob(f"{FILE}*"))

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let no other thread in; what the file refuses is an error here and no miss.

        Raises
        ------
        CctrackError
            When not all was done, such as when another process keeps the file locked.
        """
        with self._lock:
            self._strict = True
            try:
                if self.path is None and self._folder is not None and any(self._folder.glob("walks-*")):
                    raise OSError("it could not be used before, and reports are kept in memory since")
                yield
            except (sqlite3.Error, OSError) as error:
                raise CctrackError(
                    f"the cache file refused it ({error}), so that not all was removed; close what else uses the "
                    "cache, such as other notebooks, and call it again",
                    retryable=True,
                ) from error
            finally:
                self._strict = False

    def remove_leftovers(self) -> None:
        """Remove what no walk points to, and files that are not read: damaged ones, and those of other versions."""
        self._sweep()
        if self.path is not None:
            for file in self.path.parent.glob("walks-*"):
                if not file.name.startswith(FILE):
                    file.unlink(missing_ok=True)

    def shrink(self) -> None:
        """Give the room of what was removed back, and leave nothing of it in the file or its journal."""

        def step() -> None:
            if isinstance(pages := self._tables["pages"], _Table):
                with pages.connection() as db:
                    for command in ("wal_checkpoint(TRUNCATE)", "VACUUM", "wal_checkpoint(TRUNCATE)"):
                        told = db.execute(command if command == "VACUUM" else f"PRAGMA {command}").fetchone()
                if self._strict and told[0]:  # somebody reads: the journal could not be emptied
                    raise sqlite3.OperationalError("database is locked by a reader")

        self._do(step, None)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            for table in self._tables.values():
                table.close()
            self._tables = {}

    def _used(self) -> int:
        def step() -> int:
            with self._tables["pages"].connection() as db:
                count, free, size = (
                    db.execute(f"PRAGMA {what}").fetchone()[0] for what in ("page_count", "freelist_count", "page_size")
                )
            return int((count - free) * size)

        return self._do(step, 0)

    def _sweep(self, began_before: float = math.inf) -> None:
        """Remove pages and tables that no walk points to, unless another process may be at them."""
        kept = self.all()
        pages = {key for entry in kept for key in entry.pages}
        numbers = {entry.number for entry in kept}
        held: list[str] = self._do(lambda: list(self._tables["pages"]), [])
        self._delete("pages", [key for key in held if key not in pages and began(key) < began_before])
        held = self._do(lambda: list(self._tables["tables"]), [])
        self._delete("tables", [name for name in held if name.partition("-")[0] not in numbers])

    def _drop_tables(self, number: str) -> None:
        self._delete("tables", [f"{number}-{report}" for report in (*REPORTS, CAMPAIGN_DETAILS.name)])

    def _delete(self, table: str, keys: list[str]) -> None:
        self._do(lambda: self._tables[table].bulk_delete(keys), None, write=True)

    def _key(self, path: str, query: str, whole: bool) -> str:
        parts = (self.account, path, query, "" if whole else "unfinished")
        return blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()

    def _key_of(self, entry: Entry) -> str:
        return self._key(entry.path, entry.query, entry.whole)

    def _open(self) -> None:
        if self._tables:
            return
        if self.path is None:
            self._tables = {name: _Memory(serializer) for name, serializer in _SERIALIZERS.items()}
            return
        private_file(self.path)
        settings: dict[str, Any] = {"wal": True, "timeout": _LOCK_WAIT, "lock": self._lock}
        until = time.monotonic() + _LOCK_WAIT
        while True:
            try:
                self._tables = {
                    name: _Table(self.path, table_name=name, serializer=serializer, **settings)
                    for name, serializer in _SERIALIZERS.items()
                }
                return
            except sqlite3.OperationalError as error:
                # Two that open a new file at once: SQLite refuses one of them without waiting.
                if "locked" not in str(error) or time.monotonic() > until:
                    raise
                time.sleep(_LOCK_WAIT / 100)

    def _do(self, step: Callable[[], Result], otherwise: Result, *, write: bool = False) -> Result:
        """Take a step. Whatever the storage does, the report itself goes on: what cannot be read is a miss."""
        with self._lock:
            if (write or not self._tables) and time.monotonic() < self._busy_until and not self._strict:
                return otherwise
            try:
                self._open()
                return step()
            except (sqlite3.Error, OSError, UnicodeDecodeError) as error:  # the last: a damaged table of contents
                if self._strict and not _is_damage(error):
                    raise
                self._mend(error)
            except BaseException as error:
                # An interrupt on the way into a transaction leaves it open in a frame, and notebooks keep tracebacks.
                traceback.clear_frames(error.__traceback__)
                raise
            return otherwise

    def _mend(self, error: Exception) -> None:
        """Make the store usable again: with a new file if this one is damaged, else in memory."""
        if "locked" in str(error):
            self._busy_until = time.monotonic() + _LEAVE_ALONE
            return  # another process is busy: nothing is kept this time
        with suppress(sqlite3.Error):
            self.close()
        self._tables = {}
        path, self.path = self.path, None
        if _is_damage(error) and path is not None:
            with suppress(OSError):
                path.replace(path.with_suffix(".damaged"))
                for rest in path.parent.glob(f"{FILE}-*"):  # its journal belongs to it
                    rest.unlink()
                self.path = path
        where = "a new file was begun" if self.path else "reports are kept in memory until this process ends"
        warnings.warn(f"the cache file cannot be used ({error}); {where}", CacheWarning, stacklevel=2)


def _is_damage(error: Exception) -> bool:
    return not isinstance(error, (sqlite3.OperationalError, OSError)) or "decode" in str(error)


def new_number(now: float) -> str:
    """Name a walk, or a state of one, so that its age can be told."""
    return f"{int(now):x}x{uuid.uuid4().hex}"


def began(key: str) -> float:
    """Tell when the walk of a page began; seconds since 1970."""
    try:
        return float(int(key.partition("x")[0], 16))
    except ValueError:
        return -math.inf


def _unpacked(page: CachedResponse) -> bytes | None:
    try:
        return zlib.decompress(page.content or b"") or None
    except zlib.error:
        return None


def _entry(held: Any) -> Entry | None:
    try:
        entry = msgspec.convert(held, Entry)
    except msgspec.ValidationError:  # nothing held, or not one of ours
        return None
    return entry if entry.pages and entry.rows >= 0 else None
