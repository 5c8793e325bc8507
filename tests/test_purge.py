"""What nothing points to any more goes from the file, and above a size the walks that were read longest ago."""

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from clock import Clock
from service import Answer, Service
from sessions import CLICKS, clicks, files, ids_of, link_ids, pages_in, quiet, session_on, walks_file

import cctrack
from cctrack.api.session import Session
from cctrack.api.store import KEPT_UNFINISHED, Store, new_number

HOUR = 3600.0
DAY = 24 * HOUR


def _paths(service: Service, count: int, rows: int = 4) -> list[str]:
    ids = [str(number) for number in range(count)]
    for one in ids:
        service.rows(f"/v2/contacts/{one}/tracking/clicks", clicks(rows, first=10 * int(one)))
    return ids


def _broken_off(service: Service, session: Session, path: str = CLICKS) -> None:
    """Begin a walk and let it fail at the third page."""
    collection = service.rows(path, clicks(8))

    def handler(request: Any) -> Answer:
        return Answer(500) if service.hits() > 2 else collection(request)

    service.reset()
    service.on(path, handler)
    with pytest.raises(cctrack.ServiceError):
        cctrack.clicks_df(path.split("/")[3], limit=2, session=session)
    service.on(path, collection)
    service.reset()


@contextmanager
def _rows_of(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(walks_file(folder))) as db:
        yield db


def _orphan(session: Session, now: float) -> str:
    """Write a page as another process does whose walk is under way, or died."""
    name = f"{new_number(now)}-0"
    session.store.keep_page(name, CLICKS, b'{"results": []}')
    return name


# --- what nothing points to ----------------------------------------------------------------------


@pytest.mark.parametrize(("passed", "left"), [(0, 2), (KEPT_UNFINISHED - 1, 2), (KEPT_UNFINISHED + 1, 0), (-1, 0)])
def test_beginning_of_a_walk(service: Service, tmp_cache: Path, clock: Clock, passed: float, left: int) -> None:
    """It can be gone on with for a while; of the future, it is of a clock that was set back."""
    session = session_on(service, tmp_cache, clock)
    _broken_off(service, session)
    assert pages_in(tmp_cache) == 2
    began = session.store.all()[0].fetched_at
    session.store.purge(began + passed)
    assert pages_in(tmp_cache) == left
    assert len(session.store.all()) == (1 if left else 0)
    assert link_ids(cctrack.clicks_df("36", limit=2, session=session)) == ids_of(clicks(8))
    assert service.hits() == 5 - left


@pytest.mark.parametrize(("age", "stays"), [(0, True), (HOUR - 10, True), (HOUR + 10, False), (-DAY, True)])
def test_page_of_no_walk(service: Service, tmp_cache: Path, clock: Clock, age: float, stays: bool) -> None:
    """Another process may be about to point to it, unless it is old."""
    _paths(service, 2)
    session = session_on(service, tmp_cache, clock)
    cctrack.clicks_df(["0", "1"], limit=2, session=session)
    name = _orphan(session, clock.time() - age)
    session.store.purge(clock.time())
    assert (session.store.page(name) is not None) == stays
    service.reset()
    assert len(cctrack.clicks_df(["0", "1"], session=session)) == 8
    assert service.hits() == 0


def test_page_that_is_not_ours(service: Service, tmp_cache: Path, clock: Clock) -> None:
    session = session_on(service, tmp_cache, clock)
    for name in ("", "x", "zz-0", "hello", "12-0x"):
        session.store.keep_page(name, CLICKS, b"{}")
    session.store.purge(clock.time())
    assert pages_in(tmp_cache) == 0


def test_two_writers_leave_no_orphans(service: Service, tmp_cache: Path, clock: Clock) -> None:
    """Both walk the same report at once: the walk of the later one stays."""
    service.rows(CLICKS, clicks(8))
    first, second = (session_on(service, tmp_cache, clock) for _ in range(2))
    done: list[int] = []

    def before(request: Any) -> None:
        if "next" in request.query and not done:
            done.append(0)
            done.append(len(cctrack.clicks_df("36", limit=3, session=second)))

    service.before = before
    assert link_ids(cctrack.clicks_df("36", limit=2, session=first)) == ids_of(clicks(8))
    assert done == [0, 8]
    assert pages_in(tmp_cache) == 4
    first.store.purge(clock.time() + 10 * DAY)
    assert pages_in(tmp_cache) == 4
    service.reset()
    for session in (first, second):
        assert link_ids(cctrack.clicks_df("36", session=session)) == ids_of(clicks(8))
    assert service.hits() == 0


def test_a_walk_under_way_in_another_process_is_left_alone(service: Service, tmp_cache: Path, clock: Clock) -> None:
    service.rows(CLICKS, clicks(8))
    first, second = (session_on(service, tmp_cache, clock) for _ in range(2))
    service.before = lambda request: second.store.purge(clock.time())
    assert link_ids(cctrack.clicks_df("36", limit=2, session=first)) == ids_of(clicks(8))
    service.before = None
    service.reset()
    cctrack.clicks_df("36", session=first)
    assert service.hits() == 0


def test_table_of_no_walk(service: Service, tmp_cache: Path, clock: Clock) -> None:
    service.rows(CLICKS, clicks(500))
    session = session_on(service, tmp_cache, clock)
    cctrack.clicks_df("36", session=session)
    session.store.keep_table("5xgone", "clicks", b"table")
    session.store.purge(clock.time())
    (entry,) = session.store.entries()
    assert list(session.store._tables["tables"]) == [f"{entry.number}-clicks"]


# --- size ----------------------------------------------------------------------------------------


def _incompressible(seed: int, count: int = 60) -> list[Any]:
    rng = random.Random(seed)
    return [row | {"link_uri": f"https://e.org/{rng.randbytes(200).hex()}"} for row in clicks(count)]


@pytest.mark.parametrize("share", [0.9, 0.5, 0.2])
def test_above_the_size_the_oldest_go(service: Service, tmp_cache: Path, clock: Clock, share: float) -> None:
    ids = [str(number) for number in range(20)]
    session = session_on(service, tmp_cache, clock)
    for one in ids:
        service.rows(f"/v2/contacts/{one}/tracking/clicks", _incompressible(int(one)))
        cctrack.clicks_df(one, limit=20, session=session)
        clock.advance(1)
    cctrack.clicks_df("3", refresh=True, session=session)
    session.close()
    most = int(session.store.size() * share)
    store = Store(tmp_cache / session.account, session.account, most_bytes=most)
    store.purge(clock.time())
    left = {entry.path.split("/")[2] for entry in store.entries()}
    assert "3" in left
    assert left - {"3"} == set(ids[len(ids) - len(left) + 1 :]) - {"3"}
    assert 0.4 * share < len(left) / len(ids) <= share
    assert all(store.holds(entry) for entry in store.entries())
    assert pages_in(tmp_cache) == sum(len(entry.pages) for entry in store.entries())
    store.close()
    assert sum(path.stat().st_size for path in files(tmp_cache / session.account)) <= most


@pytest.mark.parametrize("most", [0, 1, 4096])
def test_tiny_size(service: Service, tmp_cache: Path, clock: Clock, most: int) -> None:
    """An empty file is larger than that: everything goes, and nothing breaks."""
    ids = _paths(service, 5)
    session = session_on(service, tmp_cache, clock)
    session.store._most_bytes = most
    for _ in range(2):
        assert len(cctrack.clicks_df(ids, limit=2, session=session)) == 20
        session.store.purge(clock.time())
        assert session.store.entries() == []
        assert pages_in(tmp_cache) == 0


def test_below_the_size_nothing_goes(service: Service, tmp_cache: Path, clock: Clock) -> None:
    ids = _paths(service, 5)
    session = session_on(service, tmp_cache, clock)
    cctrack.clicks_df(ids, limit=2, session=session)
    session.store.purge(clock.time() + 1000 * DAY)
    assert len(session.store.entries()) == 5


def test_in_memory(service: Service, tmp_path: Path, clock: Clock) -> None:
    store = Store(None, "account", most_bytes=1)
    name = f"{new_number(clock.time())}-0"
    store.keep_page(name, CLICKS, b"{}")
    store.tidy(clock.time())
    store.purge(clock.time())
    assert store.page(name) == b"{}"
    store.purge(clock.time() + DAY)
    assert store.page(name) is None


# --- when ----------------------------------------------------------------------------------------


def test_once_a_day(service: Service, tmp_cache: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the first report of a session; what is expired but whole stays."""
    purged: list[float] = []
    monkeypatch.setattr(Store, "purge", lambda self, now: purged.append(now))
    ids = _paths(service, 3)
    counts = []
    for passed in (0, 1, HOUR, 1.1 * DAY, 60, DAY):
        clock.advance(passed)
        session = session_on(service, tmp_cache, clock)
        assert len(purged) == sum(counts)  # connecting alone touches nothing
        before = len(purged)
        for _ in range(2):
            cctrack.clicks_df(ids, session=session)
        counts.append(len(purged) - before)
        session.close()
    assert counts[:1] + counts[3:] == [1, 1, 0, 1]
    assert sum(counts[1:3]) <= 1  # it may have become midnight


def test_each_session_looks_at_the_size(service: Service, tmp_cache: Path, clock: Clock) -> None:
    ids = _paths(service, 5)
    with session_on(service, tmp_cache, clock) as session:
        cctrack.clicks_df(ids, limit=2, session=session)
    session = session_on(service, tmp_cache, clock)
    session.store._most_bytes = 1
    service.reset()
    assert len(cctrack.clicks_df("0", session=session)) == 4
    assert service.hits() == 1
    assert len(session.store.entries()) == 1


def test_what_a_dead_process_left_behind_goes(service: Service, tmp_cache: Path, clock: Clock) -> None:
    ids = _paths(service, 2)
    with session_on(service, tmp_cache, clock) as session:
        cctrack.clicks_df(ids, limit=2, session=session)
        _broken_off(service, session)
        _orphan(session, clock.time())
    assert pages_in(tmp_cache) == 4 + 2 + 1
    clock.advance(2 * DAY)
    with session_on(service, tmp_cache, clock) as session:
        cctrack.clicks_df("0", session=session)
    assert pages_in(tmp_cache) == 1 + 2


@pytest.mark.parametrize("how", ["offline", "disabled"])
def test_not_when_nothing_is_to_be_written(service: Service, tmp_cache: Path, clock: Clock, how: str) -> None:
    _paths(service, 1)
    with session_on(service, tmp_cache, clock) as session:
        cctrack.clicks_df("0", limit=2, session=session)
        _orphan(session, clock.time())
    clock.advance(2 * DAY)
    with session_on(service, tmp_cache, clock, offline=how == "offline") as session:
        if how == "offline":
            cctrack.clicks_df("0", session=session)
        else:
            with cctrack.cache.disabled():
                cctrack.clicks_df("0", session=session)
    assert pages_in(tmp_cache) == 3


def test_by_many_threads_at_once(service: Service, tmp_cache: Path, clock: Clock) -> None:
    """Of a fan-out whose pages are brought up to date meanwhile."""
    ids = _paths(service, 24, rows=6)
    with session_on(service, tmp_cache, clock) as session:
        cctrack.clicks_df(ids, limit=3, session=session)
        for _ in range(50):
            _orphan(session, clock.time())
    clock.advance(2 * DAY)
    with session_on(service, tmp_cache, clock) as session, quiet() as told:
        assert len(cctrack.clicks_df(ids, limit=10, session=session)) == 24 * 6
        info = cctrack.cache.info(session=session)
        assert info["rows"].sum() == 24 * 6
        assert pages_in(tmp_cache) == info["pages"].sum()
    assert not told


def test_a_damaged_entry_takes_its_pages_along(service: Service, tmp_cache: Path, clock: Clock) -> None:
    """Nothing can point to them any more."""
    ids = _paths(service, 3)
    session = session_on(service, tmp_cache, clock)
    cctrack.clicks_df(ids, limit=2, session=session)
    with _rows_of(tmp_cache) as db:
        db.execute("UPDATE entries SET value = ? WHERE key = (SELECT min(key) FROM entries)", (b"broken",))
        db.commit()
    session.store.purge(clock.time() + DAY)
    assert pages_in(tmp_cache) == 4
    assert len(cctrack.clicks_df(ids, limit=2, session=session)) == 12


def test_an_entry_of_another_day_counts_as_read_then(service: Service, tmp_cache: Path, clock: Clock) -> None:
    """What the cap removes first is what was current longest ago, not what was begun first."""
    ids = _paths(service, 3)
    session = session_on(service, tmp_cache, clock)
    cctrack.clicks_df(ids, limit=2, session=session)
    entries = {entry.path.split("/")[2]: entry for entry in session.store.entries()}
    session.store.keep(replace(entries["1"], fetched_at=clock.time() - DAY))
    order = sorted(session.store.entries(), key=lambda entry: entry.fetched_at)
    assert order[0].path.split("/")[2] == "1"
