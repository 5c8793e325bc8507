"""What a disk can do to the cache file: no call waits long for it, and no wrong row is served.

Between the damage and the next call a row arrives, so that old rows served as new ones would show. A call is timed
beside one that nothing disturbs. What is swapped is so as one flipped bit in the file's index
does it.
"""

import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from reliability.figures import Figure, at_most, exactly, told
from service import Row, Service
from sessions import clicks, files, ids_of, link_ids, quiet, session_on, walks_file
from test_cache import _flip, _half, _header, _locked

import cctrack
from cctrack.api.clock import SystemClock

_CONTACTS = ("36", "37", "38", "39")
_LIMIT = 4
_ROWS = 14


@dataclass
class World:
    """A service with four reports, and a cache folder."""

    service: Service
    folder: Path
    rng: Random
    rows: dict[str, list[Row]] = field(default_factory=dict)
    arrived: int = 0

    def __post_init__(self) -> None:
        for place, one in enumerate(_CONTACTS):
            self.rows[one] = clicks(_ROWS, 100 * place)
            self.service.rows(f"/v2/contacts/{one}/tracking/clicks", self.rows[one])

    def arrive(self) -> None:
        """Let a row arrive in each report, and another one leave it."""
        self.arrived += 1
        for rows in self.rows.values():
            rows.insert(0, clicks(1, first=-self.arrived)[0])
            rows.pop()

    def truth(self) -> list[str]:
        """Tell the rows as they stand."""
        return [one for rows in self.rows.values() for one in ids_of(rows)]

    def session(self) -> Any:
        """Open the cache in the machine's own time."""
        return session_on(self.service, self.folder, SystemClock())  # type: ignore[arg-type]


def _ask(session: Any, *, refresh: bool = False) -> list[str]:
    frame = cctrack.clicks_df(list(_CONTACTS), limit=_LIMIT, refresh=refresh, session=session)
    return link_ids(frame)


Damage = Callable[[World, Any], AbstractContextManager[object]]  # done while a session is open, or with None to a file


def _bytes_of(change: Callable[[bytearray, Random], None]) -> Damage:
    @contextmanager
    def damage(world: World, _: Any) -> Iterator[None]:
        path = walks_file(world.folder)
        data = bytearray(path.read_bytes())
        change(data, world.rng)
        path.write_bytes(data)
        yield

    return damage


def _one_bit(data: bytearray, rng: Random) -> None:
    data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _swapped(table: str) -> Damage:
    """As a flipped bit in the index does it: two values answer to each other's names."""

    @contextmanager
    def damage(world: World, _: Any) -> Iterator[None]:
        with closing(sqlite3.connect(walks_file(world.folder))) as db:
            keys = [key for (key,) in db.execute(f"SELECT key FROM {table} ORDER BY key")]
            if table == "pages":  # of one walk
                walk = world.rng.choice(keys).partition("-")[0]
                keys = [key for key in keys if key.startswith(walk)]
            one, other = world.rng.sample(keys, 2)
            for old, new in ((one, "x"), (other, one), ("x", other)):
                db.execute(f"UPDATE {table} SET key = ? WHERE key = ?", (new, old))
            db.commit()
        yield

    return damage


def _held_locked(which: str) -> Damage:
    def damage(world: World, _: Any) -> AbstractContextManager[None]:
        found = [path for path in files(world.folder) if path.suffix == ".sqlite"]
        return _locked(next(path for path in found if path.name.startswith("walks") == (which == "walks")))

    return damage


def _told_sqlite(command: str) -> Damage:
    @contextmanager
    def damage(_: World, session: Any) -> Iterator[None]:
        for table in session.store._tables.values():
            with table.connection() as db:
                db.execute(command)
        yield

    return damage


@contextmanager
def _deleted(world: World, _: Any) -> Iterator[None]:
    for path in files(world.folder):
        path.unlink()
    yield


@contextmanager
def _no_folder(world: World, _: Any) -> Iterator[None]:
    """A file stands where the folder should be: as on a home that cannot be written."""
    moved = world.folder.rename(world.folder.with_name("moved"))
    world.folder.write_text("no folder")
    yield
    world.folder.unlink()
    moved.rename(world.folder)


# Whether a session is open meanwhile, how it is done, and how often in the long form.
DAMAGES: dict[str, tuple[bool, Damage, int]] = {
    "400 flipped bits": (False, _bytes_of(_flip), 100),
    "one flipped bit": (False, _bytes_of(_one_bit), 300),
    "two pages of a walk swapped": (False, _swapped("pages"), 50),
    "two walks swapped": (False, _swapped("entries"), 50),
    "header overwritten": (False, _bytes_of(_header), 50),
    "file cut in half": (False, _bytes_of(_half), 50),
    "walks locked by another process, opened before": (True, _held_locked("walks"), 5),
    "walks locked by another process, opened then": (False, _held_locked("walks"), 5),
    "count of calls locked by another process": (True, _held_locked("calls"), 5),
    "read-only": (True, _told_sqlite("PRAGMA query_only = ON"), 50),
    "disk full": (True, _told_sqlite("PRAGMA max_page_count = 1"), 50),
    "files deleted while open": (True, _deleted, 50),
    "no folder can be made": (False, _no_folder, 50),
}


@dataclass
class Found:
    """What came of one kind of damage."""

    times: int = 0
    wrong: int = 0
    failed: int = 0
    longest: float = 0.0


def _suffered(world: World, name: str, normal: float, found: Found) -> None:
    """Damage the file once, and ask."""
    opened, damage, _ = DAMAGES[name]
    found.times += 1
    with quiet():
        session = world.session()
        held = _ask(session, refresh=True)
        right = held == world.truth()
        if not opened:
            session.close()
        with damage(world, session):
            if not opened:
                session = world.session()
            began = time.monotonic()
            try:
                again = _ask(session)
                world.arrive()
                fresh = _ask(session, refresh=True)
                after = _ask(session)
            except Exception as error:
                print(f"disk, {name}: {type(error).__name__}: {error}", file=sys.stderr)
                found.failed += 1
            else:
                found.longest = max(found.longest, time.monotonic() - began - 3 * normal)
                right &= again == held and fresh == world.truth()
                # What could not be kept: then the whole walk held before is still the answer, report by report.
                right &= all(
                    after[start : start + _ROWS] in (held[start : start + _ROWS], fresh[start : start + _ROWS])
                    for start in range(0, len(fresh), _ROWS)
                ) and len(after) == len(fresh)
                found.wrong += not right
            session.close()


def run(folder: Path, *, quick: bool, seed: int) -> list[Figure]:
    """Damage the cache in every way."""
    figures: list[Figure] = []
    for name, (_, _, times) in DAMAGES.items():
        found = Found()
        with Service() as service:
            world = World(service, folder / name.replace(" ", "-").replace(",", ""), Random(f"{seed} {name}"))
            with quiet():
                session = world.session()
                spans = []
                for _ in range(3):
                    began = time.monotonic()
                    _ask(session, refresh=True)
                    spans.append(time.monotonic() - began)
                session.close()
            for _ in range(min(times, 2) if quick else times):
                _suffered(world, name, min(spans), found)
        figures += [
            exactly("disk", f"{name}: wrong rows", found.wrong, of=found.times),
            exactly("disk", f"{name}: calls that failed", found.failed, of=found.times),
            at_most("disk", f"{name}: longest wait beyond three usual answers", max(0.0, found.longest), 2.0, " s"),
        ]
    figures.append(told("disk", "kinds of damage", len(DAMAGES)))
    return figures
