"""The disk cache: whole walks only, one account's only, and whatever its file suffers, the right rows."""

import json
import os
import pickle
import random
import sqlite3
import stat
import subprocess
import sys
import threading
import time
import warnings
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from clock import Clock
from service import Answer, Service, send
from sessions import CLICKS, always, clicks, files, ids_of, link_ids, pages_in, quiet, session_on, stored, walks_file

import cctrack

OPENS = "/v2/contacts/36/tracking/opens"


# --- hits and misses -----------------------------------------------------------------------------


def test_warm_repeat_sends_nothing(service: Service, tmp_cache: Path, clock: Clock) -> None:
    service.rows(CLICKS, clicks(7))
    session = session_on(service, tmp_cache, clock)
    cold = cctrack.clicks_df("36", limit=3, session=session)
    assert cold.attrs["cctrack"]["from_cache"] is False
    service.reset()
    # In this session, in a second one beside it, in one after it.
    warm = [cctrack.clicks_df("36", limit=3, session=session)]
    warm += [cctrack.clicks_df("36", session=session_on(service, tmp_cache, clock))]
    session.close()
    warm += [cctrack.clicks_df("36", session=session_on(service, tmp_cache, clock))]
    assert service.hits() == service.connections == 0
    for frame in warm:
        pd.testing.assert_frame_equal(frame, cold)
        told = frame.attrs["cctrack"]
        assert (told["from_cache"], told["calls"], told["pages"]) == (True, 0, 3)
        assert told["fetched_at"] == cold.attrs["cctrack"]["fetched_at"]


_PROCESS = """
import json, sys
import cctrack
session = cctrack.connect()
frame = cctrack.clicks_df("36")
print(json.dumps([list(frame["link_id"]), frame.attrs["cctrack"]["calls"], session.account]))
"""


def test_next_process_finds_it_warm(service: Service, tmp_cache: Path) -> None:
    service.rows(CLICKS, clicks(5))
    session = cctrack.connect(service.key, service.token, base_url=service.url)
    cctrack.clicks_df("36", limit=2, session=session)
    service.reset()
    environment = os.environ | {
        "CCTRACK_API_KEY": service.key,
        "CCTRACK_ACCESS_TOKEN": service.token,
        "CCTRACK_BASE_URL": service.url,
    }
    run = subprocess.run(
        [sys.executable, "-c", _PROCESS], env=environment, capture_output=True, text=True, timeout=60, check=True
    )
    assert json.loads(run.stdout) == [ids_of(clicks(5)), 0, session.account]
    assert service.connections == 0


def test_page_size_does_not_matter(service: Service, tmp_cache: Path) -> None:
    service.rows(CLICKS, clicks(7))
    session = session_on(service, tmp_cache)
    cctrack.clicks_df("36", limit=3, session=session)
    service.reset()
    for limit in (1, 3, 5, 500):
        assert link_ids(cctrack.clicks_df("36", limit=limit, session=session)) == ids_of(clicks(7))
    assert service.hits() == 0


def test_questions_that_differ_are_kept_apart(service: Service, tmp_cache: Path) -> None:
    rows = clicks(6)
    service.rows(CLICKS, rows)
    service.rows(OPENS, [])
    service.rows("/v2/contacts/37/tracking/clicks", clicks(1))
    session = session_on(service, tmp_cache)
    asks: list[tuple[Callable[[], pd.DataFrame], int]] = [
        (lambda: cctrack.clicks_df("36", session=session), 6),
        (lambda: cctrack.clicks_df("36", created_since=rows[2]["click_date"], session=session), 3),
        (lambda: cctrack.clicks_df("36", created_since=rows[4]["click_date"], session=session), 5),
        (lambda: cctrack.opens_df("36", session=session), 0),
        (lambda: cctrack.clicks_df("37", session=session), 1),
    ]
    for hits, (ask, count) in enumerate(asks, 1):
        assert len(ask()) == count
        assert service.hits() == hits
    for ask, count in asks:
        assert len(ask()) == count
    assert service.hits() == len(asks)


def test_an_empty_report_is_held_too(service: Service, tmp_cache: Path) -> None:
    service.rows(CLICKS, [])
    session = session_on(service, tmp_cache)
    for _ in range(3):
        assert cctrack.clicks_df("36", session=session).empty
    assert service.hits() == 1


def test_refresh_is_current(service: Service, tmp_cache: Path) -> None:
    rows = clicks(5)
    service.rows(CLICKS, rows)
    session = session_on(service, tmp_cache)
    cctrack.clicks_df("36", limit=2, session=session)
    rows.insert(0, clicks(1, first=-1)[0])
    assert link_ids(cctrack.clicks_df("36", session=session)) == ids_of(rows[1:])
    fresh = cctrack.clicks_df("36", limit=2, refresh=True, session=session)
    assert link_ids(fresh) == ids_of(rows)
    assert fresh.attrs["cctrack"]["from_cache"] is False
    service.reset()
    assert link_ids(cctrack.clicks_df("36", session=session)) == ids_of(rows)
    assert service.hits() == 0


def test_a_refresh_that_fails_keeps_the_old_one(service: Service, tmp_cache: Path) -> None:
    service.rows(CLICKS, clicks(5))
    session = session_on(service, tmp_cache)
    cctrack.clicks_df("36", session=session)
    for answer in (Answer(500), Answer(body=b"<html>"), Answer.error(404), Answer.json({"results": None})):
        always(service, CLICKS, answer)
        with pytest.raises(cctrack.CctrackError):
            cctrack.clicks_df("36", refresh=True, session=session)
        service.reset()
        assert link_ids(cctrack.clicks_df("36", session=session)) == ids_of(clicks(5))
        assert service.hits() == 0


@pytest.mark.parametrize(
    ("passed", "fresh"), [(0, True), (3599, True), (3601, False), (10**7, False), (-1, False), (-(10**7), False)]
)
def test_age(service: Service, tmp_cache: Path, clock: Clock, passed: float, fresh: bool) -> None:
    """A walk of the future is of a clock that was set back: its age is not known."""
    service.rows(CLICKS, clicks(2))
    session = session_on(service, tmp_cache, clock)
    cctrack.clicks_df("36", session=session)
    clock.jump(passed)
    cctrack.clicks_df("36", session=session)
    assert service.hits() == (1 if fresh else 2)
    cctrack.clicks_df("36", session=session)
    assert service.hits() == (1 if fresh else 2)


@pytest.mark.parametrize(("expire_after", "hits"), [(0, 3), (30, 2), (61, 1)])
def test_age_is_a_setting(service: Service, tmp_cache: Path, clock: Clock, expire_after: float, hits: int) -> None:
    service.rows(CLICKS, clicks(2))
    session = session_on(service, tmp_cache, clock, expire_after=expire_after)
    for pause in (0, 29, 31):
        clock.advance(pause)
        cctrack.clicks_df("36", session=session)
    assert service.hits() == hits


def test_disabled(service: Service, tmp_cache: Path) -> None:
    service.rows(CLICKS, clicks(5))
    session = session_on(service, tmp_cache)
    with cctrack.cache.disabled():
        for _ in range(2):
            assert len(cctrack.clicks_df(["36"], limit=2, session=session)) == 5
    assert service.hits() == 8
    assert cctrack.cache.info(session=session).empty
    assert pages_in(tmp_cache) == 0
    cctrack.clicks_df("36", session=session)
    service.rows(CLICKS, clicks(6))
    with cctrack.cache.disabled():
        assert len(cctrack.clicks_df("36", session=session)) == 6
    assert len(cctrack.clicks_df("36", session=session)) == 5  # neither read nor written


def test_offline_answers_however_old(service: Service, tmp_cache: Path, clock: Clock) -> None:
    service.rows(CLICKS, clicks(5))
    cctrack.clicks_df("36", limit=2, session=session_on(service, tmp_cache, clock))
    service.reset()
    clock.advance(10**8)
    offline = session_on(service, tmp_cache, clock, offline=True)
    assert link_ids(cctrack.clicks_df("36", session=offline)) == ids_of(clicks(5))
    assert link_ids(cctrack.clicks_df("36", refresh=True, session=offline)) == ids_of(clicks(5))
    for ask in (
        lambda: cctrack.opens_df("36", session=offline),
        lambda: cctrack.clicks_df(["36", "37"], session=offline),
        lambda: cctrack.clicks_df("36", created_since="2026-01-01", session=offline),
    ):
        with pytest.raises(cctrack.CacheMissError, match="offline"):
            ask()
    with cctrack.cache.disabled(), pytest.raises(cctrack.CacheMissError):
        cctrack.clicks_df("36", session=offline)
    assert service.connections == 0


# --- accounts ------------------------------------------------------------------------------------


def test_two_accounts_on_one_host_share_no_row(service: Service, tmp_cache: Path) -> None:
    service.auth = False

    def handler(request: Any) -> Answer:
        return Answer.page(clicks(2) if "first" in request.headers["authorization"] else clicks(2, first=50))

    service.on(CLICKS, handler)
    first = cctrack.connect("the-key", "first-token", base_url=service.url)
    second = cctrack.connect("the-key", "second-token", base_url=service.url)
    for _ in range(2):
        assert link_ids(cctrack.clicks_df("36", session=first)) == ["0", "1"]
        assert link_ids(cctrack.clicks_df("36", session=second)) == ["50", "51"]
    assert service.hits() == 2
    assert len(cctrack.cache.info(session=first)) == 1
    cctrack.cache.clear(session=first)
    assert cctrack.cache.info(session=first).empty
    assert len(cctrack.cache.info(session=second)) == 1
    offline = cctrack.connect("the-key", "third-token", base_url=service.url, offline=True)
    with pytest.raises(cctrack.CacheMissError):
        cctrack.clicks_df("36", session=offline)


def test_a_file_of_another_account_put_in_place_is_not_read(service: Service, tmp_cache: Path) -> None:
    """Each entry belongs to its account, not only the folder."""
    service.rows(CLICKS, clicks(2))
    with session_on(service, tmp_cache, account="v2-first") as first:
        cctrack.clicks_df("36", session=first)
    (tmp_cache / "v2-first").rename(tmp_cache / "v2-second")
    service.rows(CLICKS, clicks(3, first=50))
    second = session_on(service, tmp_cache, account="v2-second")
    assert len(cctrack.clicks_df("36", session=second)) == 3


# --- whole walks ---------------------------------------------------------------------------------


@contextmanager
def _database(folder: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(walks_file(folder))) as db:
        yield db
        db.commit()


def test_pages_evicted_at_random(service: Service, tmp_cache: Path, clock: Clock) -> None:
    """A walk of which a page is gone is walked again whole: never pages of two moments in one frame."""
    rng = random.Random(24)
    rows = clicks(6)
    service.rows(CLICKS, rows)
    session = session_on(service, tmp_cache, clock)
    cctrack.clicks_df("36", limit=2, session=session)
    held, fresh = ids_of(rows), 0
    with closing(sqlite3.connect(walks_file(tmp_cache))) as db:
        for _ in range(300):
            keys = [key for (key,) in db.execute("SELECT key FROM pages")]
            gone = [(key,) for key in keys if rng.random() < 0.15]
            db.executemany("DELETE FROM pages WHERE key = ?", gone)
            db.commit()
            fresh += 1
            rows.insert(0, clicks(1, first=-fresh)[0])
            del rows[6:]
            service.reset()
            found = link_ids(cctrack.clicks_df("36", limit=2, session=session))
            assert (found, service.hits()) == ((ids_of(rows), 4) if gone else (held, 0))
            held = found
            assert len(keys) == 3


def test_an_older_walk_is_replaced(service: Service, tmp_cache: Path) -> None:
    service.rows(CLICKS, clicks(6))
    session = session_on(service, tmp_cache)
    for limit in (1, 2, 3, 4):
        cctrack.clicks_df("36", limit=limit, refresh=True, session=session)
    info = cctrack.cache.info(session=session)
    assert info[["walks", "pages", "rows"]].values.tolist() == [[1, 2, 6]]
    assert pages_in(tmp_cache) == 2


def test_walk_that_changed_leaves_no_pages(service: Service, tmp_cache: Path) -> None:
    rows = clicks(6)
    service.rows(CLICKS, rows)
    service.before = lambda request: rows.insert(0, clicks(1, first=-service.hits())[0])
    session = session_on(service, tmp_cache)
    with quiet():
        frame = cctrack.clicks_df("36", limit=2, session=session)
    assert frame.attrs["cctrack"]["complete"] is False
    assert cctrack.cache.info(session=session).empty
    assert pages_in(tmp_cache) == 0


# --- what it shows -------------------------------------------------------------------------------


def test_info_and_clear(service: Service, tmp_cache: Path, clock: Clock) -> None:
    for one in ("36", "37"):
        service.rows(f"/v2/contacts/{one}/tracking/clicks", clicks(3))
        service.rows(f"/v2/contacts/{one}/tracking/sends", [send(one)])
    session = session_on(service, tmp_cache, clock)
    empty = cctrack.cache.info(session=session)
    cctrack.clicks_df(["36", "37"], limit=2, session=session)
    clock.advance(100)
    cctrack.sends_df("36", session=session)
    clock.advance(50)
    info = cctrack.cache.info(session=session)
    assert list(info["report"]) == ["clicks", "sends"]
    assert info[["walks", "pages", "rows"]].values.tolist() == [[2, 4, 6], [1, 1, 1]]
    assert list(info["age"].dt.total_seconds()) == [150, 50]
    assert info.attrs["path"] == str(walks_file(tmp_cache))
    assert info.attrs["size"] > 0
    pd.testing.assert_series_equal(empty.dtypes, info.dtypes)
    assert cctrack.cache.clear(older_than=120, session=session) == 2
    assert list(cctrack.cache.info(session=session)["report"]) == ["sends"]
    cctrack.clicks_df("36", session=session)
    assert cctrack.cache.clear("clicks_df", session=session) == 1
    assert cctrack.cache.clear("clicks", session=session) == 0
    assert cctrack.cache.clear(session=session) == 1
    assert cctrack.cache.info(session=session).empty
    assert pages_in(tmp_cache) == 0
    for wrong in ({"report": "click"}, {"report": "clear"}, {"older_than": -1}, {"older_than": float("nan")}):
        with pytest.raises(ValueError):
            cctrack.cache.clear(**wrong, session=session)  # type: ignore[arg-type]


def test_what_is_cleared_is_gone_from_the_disk(service: Service, tmp_cache: Path) -> None:
    """Also from the journal and from free pages of the file."""
    service.rows(CLICKS, [])
    session = session_on(service, tmp_cache)
    for one in range(20):
        always(service, f"/v2/contacts/{one}/tracking/clicks", Answer.page(clicks(1)))
    cctrack.clicks_df([str(one) for one in range(20)], session=session)
    marks = [value for _, column, value in stored(walks_file(tmp_cache)) if column == "value"]
    assert len(marks) == 40
    cctrack.cache.clear(session=session)
    left = b"".join(path.read_bytes() for path in files(tmp_cache))
    assert not [mark for mark in marks if bytes(mark)[:60] in left]


@pytest.mark.parametrize("closed", [False, True])
def test_only_the_owner_can_read_it(service: Service, tmp_path: Path, closed: bool) -> None:
    old = os.umask(0o022)
    try:
        service.rows(CLICKS, clicks(5))
        session = session_on(service, tmp_path / "a" / "b")
        cctrack.clicks_df("36", limit=2, session=session)
        if closed:
            session.close()
    finally:
        os.umask(old)
    names = {path.name.partition(".sqlite")[2] for path in files(tmp_path)}
    assert names == ({""} if closed else {"", "-wal", "-shm"})
    for path in tmp_path.rglob("*"):
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == (0o700 if path.is_dir() else 0o600), path


def test_a_file_that_was_open_to_all_is_closed(service: Service, tmp_cache: Path) -> None:
    service.rows(CLICKS, clicks(2))
    with session_on(service, tmp_cache) as session:
        cctrack.clicks_df("36", session=session)
    for path in tmp_cache.rglob("*"):
        path.chmod(0o777 if path.is_dir() else 0o666)
    with session_on(service, tmp_cache) as session:
        cctrack.clicks_df("36", refresh=True, session=session)
    for path in tmp_cache.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


# --- what lies in it -----------------------------------------------------------------------------


def test_it_is_json_and_never_pickle(service: Service, tmp_cache: Path) -> None:
    service.rows(CLICKS, clicks(5))
    session = session_on(service, tmp_cache)
    cctrack.clicks_df("36", limit=2, session=session)
    values = [value for _, column, value in stored(walks_file(tmp_cache)) if column == "value"]
    assert len(values) == 4
    for value in values:
        for layer in (value, zlib.decompress(value)):
            assert not layer.startswith(tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6)))
        assert isinstance(json.loads(zlib.decompress(value)), dict)


class _Trap:
    """Would make a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


def _packed(value: Any) -> bytes:
    return zlib.compress(json.dumps(value).encode())


@pytest.mark.parametrize("table", ["pages", "entries"])
@pytest.mark.parametrize(
    "plant",
    [
        lambda trap: pickle.dumps(_Trap(trap)),
        lambda trap: pickle.dumps(_Trap(trap), 0),
        lambda trap: zlib.compress(pickle.dumps(_Trap(trap))),
        lambda trap: b"",
        lambda trap: None,
        lambda trap: "text",
        lambda trap: 36,
        lambda trap: b"\x00\xff" * 50,
        lambda trap: _packed([]),
        lambda trap: _packed({}),
        lambda trap: _packed(None),
        lambda trap: _packed("x"),
        lambda trap: _packed({"headers": 5}),
        lambda trap: _packed({"status_code": 200, "content": 5}),
        lambda trap: zlib.compress(b"[" * 100_000),
    ],
    ids=lambda plant: "",
)
def test_planted_row_is_a_miss(
    service: Service, tmp_path: Path, tmp_cache: Path, table: str, plant: Callable[[Path], Any]
) -> None:
    service.rows(CLICKS, clicks(3))
    with session_on(service, tmp_cache) as session:
        cctrack.clicks_df("36", session=session)
    trap = tmp_path / "sprung"
    with _database(tmp_cache) as db:
        db.execute(f"UPDATE {table} SET value = ?", (plant(trap),))
    with quiet():
        session = session_on(service, tmp_cache)
        for _ in range(2):
            assert link_ids(cctrack.clicks_df("36", session=session)) == ids_of(clicks(3))
        cctrack.cache.info(session=session)
        cctrack.cache.clear(session=session)
    assert not trap.exists()
    assert service.hits() == 2


@pytest.mark.parametrize(
    "change",
    [
        {"pages": "x"},
        {"pages": -1},
        {"pages": 0},
        {"pages": None},
        {"number": 5},
        {"fetched_at": "x"},
        {"drop": [10**6]},
        {"drop": [-1]},
        {"drop": "x"},
        {"rows": None},
        {"overlap": 3},
        {"report": None},
        {"path": []},
    ],
    ids=str,
)
def test_altered_entry_raises_nothing_of_another_kind(
    service: Service, tmp_cache: Path, change: dict[str, Any]
) -> None:
    service.rows(CLICKS, clicks(3))
    with session_on(service, tmp_cache) as session:
        cctrack.clicks_df("36", session=session)
    with _database(tmp_cache) as db:
        ((value,),) = db.execute("SELECT value FROM entries").fetchall()
        entry = json.loads(zlib.decompress(value)) | change
        db.execute("UPDATE entries SET value = ?", (_packed(entry),))
    with quiet():
        session = session_on(service, tmp_cache)
        assert link_ids(cctrack.clicks_df("36", session=session)) == ids_of(clicks(3))


# --- a file that is damaged, locked or cannot be had ---------------------------------------------


def _flip(data: bytearray, rng: random.Random) -> None:
    for _ in range(400):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _header(data: bytearray, rng: random.Random) -> None:
    data[:100] = b"overwritten!" * 8 + b"more"


def _half(data: bytearray, rng: random.Random) -> None:
    del data[len(data) // 2 :]


@pytest.mark.parametrize("damage", [_flip, _header, _half])
def test_damaged_file(service: Service, tmp_cache: Path, damage: Callable[[bytearray, random.Random], None]) -> None:
    """Right rows in any case; and what was asked is held again afterwards."""
    rng = random.Random(7)
    ids = [str(number) for number in range(12)]
    for one in ids:
        service.rows(f"/v2/contacts/{one}/tracking/clicks", clicks(4, first=10 * int(one)))
    wanted = [str(10 * int(one) + row) for one in ids for row in range(4)]
    warned = 0
    for _ in range(3):
        with session_on(service, tmp_cache) as session, quiet():
            cctrack.clicks_df(ids, limit=2, session=session)
        path = walks_file(tmp_cache)
        data = bytearray(path.read_bytes())
        damage(data, rng)
        path.write_bytes(data)
        with session_on(service, tmp_cache) as session, quiet() as told:
            assert link_ids(cctrack.clicks_df(ids, limit=2, session=session)) == wanted
            service.reset()
            assert link_ids(cctrack.clicks_df(ids, session=session)) == wanted
        warned += any("CacheWarning" in text and "new file" in text for text in told)
        assert all("CacheWarning" in text for text in told)
        if damage is not _flip:
            assert service.hits() == 0
    assert warned >= (1 if damage is _flip else 3)


_HOLDER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("BEGIN IMMEDIATE")
print("locked", flush=True)
sys.stdin.readline()
"""


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    command = [sys.executable, "-c", _HOLDER, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "locked\n"
        try:
            yield
        finally:
            run.communicate("\n", timeout=10)


@pytest.mark.parametrize("held", ["walks", "calls"])
def test_locked_by_another_process(service: Service, tmp_cache: Path, held: str) -> None:
    service.rows(CLICKS, clicks(6))
    service.rows(OPENS, [])
    session = session_on(service, tmp_cache)
    cctrack.opens_df("36", session=session)
    path = walks_file(tmp_cache) if held == "walks" else next((tmp_cache / "calls").glob("*.sqlite"))
    with _locked(path), quiet():
        began = time.monotonic()
        frame = cctrack.clicks_df("36", limit=2, session=session)
        assert time.monotonic() - began < 2.5
        assert link_ids(frame) == ids_of(clicks(6))
        service.reset()
        cctrack.opens_df("36", session=session)  # what is held can be read meanwhile
        assert service.hits() == 0


def test_opened_while_locked(service: Service, tmp_cache: Path) -> None:
    service.rows(CLICKS, clicks(6))
    with session_on(service, tmp_cache) as session:
        cctrack.clicks_df("36", limit=2, session=session)
    with _locked(walks_file(tmp_cache)), quiet(), session_on(service, tmp_cache) as session:
        began = time.monotonic()
        assert link_ids(cctrack.clicks_df("36", limit=2, session=session)) == ids_of(clicks(6))
        assert time.monotonic() - began < 2.5


def test_folder_that_cannot_be_made(service: Service, tmp_path: Path) -> None:
    """As on a read-only home: one warning, then the memory of this process serves."""
    (tmp_path / "cache").write_text("a file where the folder should be")
    service.rows(CLICKS, clicks(5))
    session = session_on(service, tmp_path / "cache")
    with quiet() as told:
        frame = cctrack.clicks_df("36", limit=2, session=session)
    assert link_ids(frame) == ids_of(clicks(5))
    assert len([text for text in told if text.startswith("CacheWarning: the cache file")]) == 1
    assert len(told) == 2  # the other one is of the count of calls
    service.reset()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        pd.testing.assert_frame_equal(cctrack.clicks_df("36", session=session), frame)
        cctrack.clicks_df("36", refresh=True, session=session)
        assert len(cctrack.cache.info(session=session)) == 1
    assert service.hits() == 1


def test_disk_full(service: Service, tmp_cache: Path) -> None:
    """SQLite's own limit gives its own error; the data are delivered."""
    service.rows(CLICKS, clicks(5000))
    session = session_on(service, tmp_cache)
    cctrack.cache.info(session=session)
    with session.store._tables["pages"].connection() as db:
        db.execute("PRAGMA max_page_count = 1")  # as many as there are
    with quiet() as told:
        assert link_ids(cctrack.clicks_df("36", session=session)) == ids_of(clicks(5000))
    assert [text.partition(":")[0] for text in told] == ["CacheWarning"]
    assert "disk is full" in told[0]


def test_interrupt_while_a_page_is_read(service: Service, tmp_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was at hand then is not taken for current later."""
    rows = clicks(3)
    service.rows(CLICKS, rows)
    session = session_on(service, tmp_cache)

    def interrupted(*args: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("cctrack.frames.Columns.add", interrupted)
        with suppress(KeyboardInterrupt):
            cctrack.clicks_df("36", session=session)
    assert cctrack.cache.info(session=session).empty
    rows.insert(0, clicks(1, first=-1)[0])
    assert link_ids(cctrack.clicks_df("36", session=session)) == ids_of(rows)


def test_file_deleted_while_it_is_open(service: Service, tmp_cache: Path) -> None:
    service.rows(CLICKS, clicks(5))
    session = session_on(service, tmp_cache)
    cctrack.clicks_df("36", limit=2, session=session)
    for path in files(tmp_cache):
        path.unlink()
    with quiet():
        assert link_ids(cctrack.clicks_df("36", limit=2, refresh=True, session=session)) == ids_of(clicks(5))
        session.close()
        assert link_ids(cctrack.clicks_df("36", limit=2, session=session)) == ids_of(clicks(5))


def test_threads(service: Service, tmp_cache: Path) -> None:
    """Readers and writers of one session and of two on one file."""
    ids = [str(number) for number in range(6)]
    for one in ids:
        service.rows(f"/v2/contacts/{one}/tracking/clicks", clicks(5, first=10 * int(one)))
    sessions = [session_on(service, tmp_cache) for _ in range(2)]
    failed: list[BaseException] = []

    def work(number: int) -> None:
        rng = random.Random(number)
        try:
            for _ in range(12):
                one = rng.choice(ids)
                session = rng.choice(sessions)
                frame = cctrack.clicks_df(one, limit=2, refresh=rng.random() < 0.3, session=session)
                assert link_ids(frame) == ids_of(clicks(5, first=10 * int(one)))
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert cctrack.cache.info(session=sessions[0])[["walks", "pages", "rows"]].values.tolist() == [[6, 18, 30]]
    cctrack.cache.clear(session=sessions[0])
    assert pages_in(tmp_cache) == 0
