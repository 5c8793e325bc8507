"""A person who is forgotten: in no file of the account any more, and nobody else is missing."""

import base64
import re
import sqlite3
import subprocess
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from clock import Clock
from service import Account, Answer, Service, account, click, contact, envelope, send
from sessions import CAMPAIGN_CLICKS, CLICKS, clicks, decoded, files, quiet, session_on, walks_file

import cctrack
from cctrack.api.session import Session
from cctrack.catalog import REPORTS

# What tells of contact 36 in the account of the tests.
TRACES = ("person36@example.org", "Person36@Example.ORG", "José", "Ångström")
ADDRESS = TRACES[0]
OWN = ("clicks", "opens", "sends", "forwards", "bounces", "unsubscribes", "activities")

Asks = list[tuple[str, tuple[Any, ...], dict[str, Any]]]


def _asks(acc: Account) -> Asks:
    """Ask for every report; those of a contact for each one by itself, so that the others can be asked for again."""
    ids: dict[tuple[str, ...], list[tuple[Any, ...]]] = {
        (): [()],
        ("contact_id",): [(one,) for one in acc.contacts],
        ("campaign_id",): [(one,) for one in acc.sent],
        ("list_id",): [(one,) for one in acc.lists],
        ("campaign_id", "link_id"): [(acc.sent[1], list(acc.links[acc.sent[1]]))],
    }
    asks: Asks = [
        (report.function, given, {})
        for report in REPORTS.values()
        if report.name not in ("campaign_did_not_opens", "campaign_unique_opens")
        for given in ids[report.keys]
    ]
    return [
        *asks,
        ("campaigns_df", (), {"details": True, "status": None}),
        ("contacts_df", (), {"status": "ACTIVE"}),
        ("campaign_opens_df", acc.sent[:1], {"created_since": "2026-03-03"}),
    ]


def _read(asks: Asks, session: Session) -> list[pd.DataFrame]:
    with quiet():
        return [getattr(cctrack, name)(*ids, session=session, **options) for name, ids, options in asks]


def _carved(folder: Path) -> Iterator[str]:
    """Unpack whatever looks compressed, wherever it stands in a file: rows that were deleted, journals, slack."""
    for path in files(folder):
        data = path.read_bytes()
        yield data.decode("latin-1")
        yield data.decode("utf-8", "replace")
        for found in _inflated(data):
            yield found.decode("utf-8", "replace")
            for coded in re.findall(rb"eJ[\w+/]{20,}", found):
                body = base64.b64decode(coded[: len(coded) // 4 * 4])
                yield from (part.decode("utf-8", "replace") for part in _inflated(body))


def _inflated(data: bytes) -> Iterator[bytes]:
    for mark in re.finditer(rb"x[\x01\x5e\x9c\xda]", data):
        stream, found = zlib.decompressobj(), b""
        try:
            for at in range(mark.start(), len(data), 32):
                found += stream.decompress(data[at : at + 32])
                if stream.eof:
                    break
        except zlib.error:
            pass
        if len(found) > 20:
            yield found


def _traces(folder: Path, traces: tuple[str, ...] = TRACES) -> set[str]:
    """Tell which of the traces are in any file, in any way to read it.

    Another process makes a copy: to open and close a database in this one would take away the locks of its session.
    """
    with tempfile.TemporaryDirectory() as place:
        copy = Path(place, "copy")
        command = "import shutil, sys; shutil.copytree(sys.argv[1], sys.argv[2])"
        subprocess.run([sys.executable, "-c", command, str(folder), str(copy)], check=True, timeout=60)
        found = "\n".join([*_carved(copy), *decoded(copy)])  # in this order: a reader tidies the journal away
    escaped = {trace: trace.encode("ascii", "backslashreplace").decode() for trace in traces}
    return {trace for trace in traces if trace in found or escaped[trace] in found}


def _without(frame: pd.DataFrame, contact: str) -> pd.DataFrame:
    if "contact_id" not in frame:
        return frame
    return frame[frame["contact_id"] != contact].reset_index(drop=True)


# --- everywhere ----------------------------------------------------------------------------------


@pytest.mark.parametrize("again", [False, True], ids=["open", "reopened"])
def test_a_person_is_gone_from_everything(service: Service, tmp_cache: Path, again: bool) -> None:
    acc = account(service, page_size=3)
    asks = _asks(acc)
    by_address: Asks = [("contacts_df", (), {"email": ADDRESS}), ("contacts_df", (), {"email": TRACES[1]})]
    session = session_on(service, tmp_cache)
    frames = _read([*asks, *by_address], session)
    assert [len(frame) for frame in frames[-2:]] == [1, 0]  # asked for in other letters, and not found
    if again:
        session.close()
        session = session_on(service, tmp_cache)
    assert _traces(tmp_cache) == {trace for trace in TRACES if trace != TRACES[1]}  # the scan finds what is there
    count = cctrack.cache.forget("36", session=session)
    service.reset()

    own = [name for name, ids, _ in asks if ids == ("36",)]
    assert len(own) == len(OWN) + 2
    rows = 0
    for frame, (name, ids, options) in zip(frames, asks, strict=False):
        if ids == ("36",):
            rows += len(frame)
            continue
        after = _read([(name, ids, options)], session)[0]
        pd.testing.assert_frame_equal(after, _without(frame, "36"), check_exact=True)
        assert after.attrs["cctrack"]["calls"] == 0
    assert service.hits() == 0
    assert count >= rows > 0
    assert _traces(tmp_cache) == set()
    session.close()
    assert _traces(tmp_cache) == set()
    assert not any('"36"' in text or "/36/" in text for text in decoded(tmp_cache))
    with session_on(service, tmp_cache, offline=True) as offline:
        for name, ids, options in [ask for ask in asks if ask[1] == ("36",)] + by_address:
            with pytest.raises(cctrack.CacheMissError):
                getattr(cctrack, name)(*ids, session=offline, **options)
        assert cctrack.cache.forget("36", session=offline) == 0


def test_count(service: Service, tmp_cache: Path) -> None:
    service.rows(CLICKS, clicks(5))
    service.rows(CAMPAIGN_CLICKS, [click(one, link_id=str(n)) for n, one in enumerate(["36", 36, 36.0, "036", "3", 3])])
    service.rows("/v2/contacts", [contact(one) for one in ("3", "36", "360")])
    session = session_on(service, tmp_cache)
    cctrack.clicks_df("36", limit=2, session=session)
    frame = cctrack.campaign_clicks_df("1100000000001", session=session)
    assert frame["contact_id"].tolist() == ["36", "36", "36", "036", "3", "3"]
    cctrack.contacts_df(session=session)
    for unknown in ("35", "6", "0036", "36-x"):
        assert cctrack.cache.forget(unknown, session=session) == 0
    assert cctrack.cache.info(session=session)["rows"].tolist() == [6, 5, 3]
    assert cctrack.cache.forget("36", session=session) == 5 + 3 + 1
    assert cctrack.cache.forget("36", session=session) == 0
    service.reset()
    assert cctrack.campaign_clicks_df("1100000000001", session=session)["contact_id"].tolist() == ["036", "3", "3"]
    assert cctrack.contacts_df(session=session)["contact_id"].tolist() == ["3", "360"]
    assert service.hits() == 0
    assert cctrack.cache.forget("3", session=session) == 3
    assert cctrack.contacts_df(session=session)["contact_id"].tolist() == ["360"]
    assert cctrack.cache.info(session=session).set_index("report")["rows"].to_dict() == {
        "campaign_clicks": 1,
        "contacts": 1,
    }


@pytest.mark.parametrize("form", ["36", " 36 ", 36, 36.0, np.int64(36), ["36"]])
def test_forms_of_an_id(service: Service, tmp_cache: Path, form: Any) -> None:
    service.rows(CLICKS, clicks(2))
    session = session_on(service, tmp_cache)
    cctrack.clicks_df("36", session=session)
    assert cctrack.cache.forget(form, session=session) == 2


@pytest.mark.parametrize("wrong", [None, "", "a/b", "36?x", float("nan"), 36.5, True, [], ["36", "37"], b"36"])
def test_what_is_no_id(service: Service, tmp_cache: Path, wrong: Any) -> None:
    service.rows(CLICKS, clicks(2))
    session = session_on(service, tmp_cache)
    cctrack.clicks_df("36", session=session)
    with pytest.raises(ValueError, match="contact_id"):
        cctrack.cache.forget(wrong, session=session)
    assert len(cctrack.cache.info(session=session)) == 1


def test_nothing_held(service: Service, tmp_cache: Path) -> None:
    assert cctrack.cache.forget("36", session=session_on(service, tmp_cache)) == 0


def test_the_service_may_bring_it_back(service: Service, tmp_cache: Path) -> None:
    rows = [send(str(30 + n), date=f"2026-03-02T15:{50 - n}:00.000Z") for n in range(10)]
    path = CAMPAIGN_CLICKS.replace("clicks", "sends")
    service.rows(path, rows, date_field="send_date")
    session = session_on(service, tmp_cache)
    whole = cctrack.campaign_sends_df("1100000000001", limit=3, session=session)
    for gone in ("36", "30"):  # one in the middle, and the newest
        assert cctrack.cache.forget(gone, session=session) == 1
    held = cctrack.campaign_sends_df("1100000000001", session=session)
    assert len(held) == 8
    fresh = cctrack.campaign_sends_df("1100000000001", refresh=True, session=session)
    assert set(held["contact_id"]) <= set(fresh["contact_id"]) <= set(whole["contact_id"])
    assert fresh["contact_id"].is_unique


# --- where a person may hide ---------------------------------------------------------------------


def test_typed_tables(service: Service, tmp_cache: Path) -> None:
    rows = [send(str(n % 200), date=f"2026-03-02T15:{n // 60:02}:{n % 60:02}.000Z") for n in range(600)]
    service.rows(CAMPAIGN_CLICKS.replace("clicks", "sends"), rows, date_field="send_date")
    session = session_on(service, tmp_cache)
    frame = cctrack.campaign_sends_df("1100000000001", session=session)
    with closing(sqlite3.connect(walks_file(tmp_cache))) as db:
        tables = [zlib.decompress(value) for (value,) in db.execute("SELECT value FROM tables")]
    assert len(tables) == 1
    assert any(b"person36@example.org" in table for table in tables)
    assert cctrack.cache.forget("36", session=session) == 3
    assert _traces(tmp_cache, (ADDRESS,)) == set()
    service.reset()
    for _ in range(2):
        after = cctrack.campaign_sends_df("1100000000001", session=session)
        pd.testing.assert_frame_equal(after, _without(frame, "36"))
    assert service.hits() == 0


def test_unfinished_walks(service: Service, tmp_cache: Path) -> None:
    """Of one that broke off, and of one whose process was killed."""
    rows = [click(str(30 + n), link_id=str(n)) for n in range(9)]
    served = service.rows(CAMPAIGN_CLICKS, rows)
    answers = [served, served, served, lambda request: Answer.error(401)]
    service.script(CAMPAIGN_CLICKS, answers)
    session = session_on(service, tmp_cache)
    with pytest.raises(cctrack.AuthError):
        cctrack.campaign_clicks_df("1100000000001", limit=3, session=session)
    body = envelope([click("36")])
    session.store.keep_page("6a1b2c3dx" + "0" * 32 + "-0", CAMPAIGN_CLICKS, str(body).replace("'", '"').encode())
    assert _traces(tmp_cache, (ADDRESS,)) == {ADDRESS}
    cctrack.cache.forget("36", session=session)
    assert _traces(tmp_cache, (ADDRESS,)) == set()
    service.on(CAMPAIGN_CLICKS, served)
    after = cctrack.campaign_clicks_df("1100000000001", limit=3, session=session)
    assert after["contact_id"].tolist() == [str(30 + n) for n in range(9)]


def test_pages_that_cannot_be_read_any_more(service: Service, tmp_cache: Path) -> None:
    rows = [click(str(30 + n), link_id=str(n)) for n in range(9)]
    service.rows(CAMPAIGN_CLICKS, rows)
    session = session_on(service, tmp_cache)
    cctrack.campaign_clicks_df("1100000000001", limit=3, session=session)
    with closing(sqlite3.connect(walks_file(tmp_cache))) as db:
        db.execute("UPDATE pages SET value = substr(value, 1, length(value) - 8)")  # without its checksum
        db.commit()
    assert _traces(tmp_cache, (ADDRESS,)) == {ADDRESS}
    cctrack.cache.forget("36", session=session)
    assert _traces(tmp_cache, (ADDRESS,)) == set()
    assert len(cctrack.campaign_clicks_df("1100000000001", session=session)) == 9


def test_files_that_are_not_read_any_more(service: Service, tmp_cache: Path) -> None:
    """A damaged one that was put aside, and one of another version."""
    service.rows(CAMPAIGN_CLICKS, [click("36"), click("37")])
    session = session_on(service, tmp_cache)
    cctrack.campaign_clicks_df("1100000000001", session=session)
    session.close()
    path = walks_file(tmp_cache)
    whole = path.read_bytes()
    (path.parent / "walks-1-rc1.2.sqlite").write_bytes(whole)
    path.write_bytes(b"overwritten!" * 8 + b"more" + whole[100:])
    session = session_on(service, tmp_cache)
    with quiet() as told:
        cctrack.campaign_clicks_df("1100000000001", session=session)
    assert any("new file" in text for text in told)
    (damaged,) = path.parent.glob("*.damaged")
    assert _traces(tmp_cache, (ADDRESS,)) == {ADDRESS}
    assert cctrack.cache.forget("36", session=session) == 1
    assert not damaged.exists()
    assert _traces(tmp_cache, (ADDRESS,)) == set()
    assert [one.name for one in files(path.parent) if "-" not in one.suffix] == [path.name]
    assert len(cctrack.campaign_clicks_df("1100000000001", session=session)) == 1


def test_other_accounts_are_left_alone(service: Service, tmp_cache: Path) -> None:
    service.rows(CLICKS, clicks(2))
    first, second = (session_on(service, tmp_cache, account=name) for name in ("v2-first", "v2-second"))
    for session in (first, second):
        cctrack.clicks_df("36", session=session)
    assert cctrack.cache.forget("36", session=first) == 2
    assert len(cctrack.cache.info(session=second)) == 1


def test_in_memory(service: Service, tmp_path: Path, clock: Clock) -> None:
    """Where the folder cannot be had, the memory of the process holds the reports."""
    (tmp_path / "file").write_text("no folder")
    service.rows(CAMPAIGN_CLICKS, [click("36"), click("37")])
    service.rows(CLICKS, clicks(3))
    session = session_on(service, tmp_path / "file", clock)
    with quiet():
        cctrack.campaign_clicks_df("1100000000001", session=session)
        cctrack.clicks_df("36", session=session)
    assert cctrack.cache.forget("36", session=session) == 4
    service.reset()
    assert cctrack.campaign_clicks_df("1100000000001", session=session)["contact_id"].tolist() == ["37"]
    assert service.hits() == 0
    cctrack.clicks_df("36", session=session)
    assert service.hits() == 1


# --- other processes -----------------------------------------------------------------------------

_OTHER = """
import sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
for command in sys.argv[2:]:
    db.execute(command).fetchall()
print("ready", flush=True)
sys.stdin.readline()
print(db.execute("SELECT count(*) FROM pages").fetchone()[0])
"""


@contextmanager
def _other(path: Path, *commands: str) -> Iterator[None]:
    """Have the file open in another process, after some commands."""
    command = [sys.executable, "-c", _OTHER, str(path), *commands]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as run:
        assert run.stdout is not None
        assert run.stdout.readline() == "ready\n"
        try:
            yield
        finally:
            run.communicate("\n", timeout=10)


def _two(service: Service, folder: Path) -> Session:
    service.rows(CAMPAIGN_CLICKS, [click("36"), click("37")])
    service.rows(CLICKS, clicks(3))
    session = session_on(service, folder)
    cctrack.campaign_clicks_df("1100000000001", session=session)
    cctrack.clicks_df("36", session=session)
    return session


def test_open_in_another_process(service: Service, tmp_cache: Path) -> None:
    """It has read, and waits: its connection keeps the journal in being, but empty."""
    session = _two(service, tmp_cache)
    with _other(walks_file(tmp_cache), "SELECT * FROM pages"):
        assert cctrack.cache.forget("36", session=session) == 4
        session.close()
        assert any(path.name.endswith("-wal") for path in files(tmp_cache))
        assert _traces(tmp_cache, (ADDRESS,)) == set()
        assert _traces(tmp_cache, ("person37@example.org",)) != set()


@pytest.mark.parametrize("commands", [["BEGIN IMMEDIATE"], ["BEGIN", "SELECT * FROM pages"]], ids=["writes", "reads"])
def test_locked_by_another_process(service: Service, tmp_cache: Path, commands: list[str]) -> None:
    """Never a count while the rows are there; once it can be done, it is."""
    session = _two(service, tmp_cache)
    for _ in range(2):
        with _other(walks_file(tmp_cache), *commands):
            with pytest.raises(cctrack.CctrackError, match="not all was removed; close what else uses") as caught:
                cctrack.cache.forget("36", session=session)
            assert caught.value.retryable
            assert not isinstance(caught.value, (cctrack.CacheMissError, cctrack.ConfigError))
            assert _traces(tmp_cache, (ADDRESS,)) == {ADDRESS}
    left = cctrack.cache.forget("36", session=session)
    assert left == (4 if "IMMEDIATE" in commands[0] else 0)
    assert _traces(tmp_cache, (ADDRESS,)) == set()
    service.reset()
    assert cctrack.campaign_clicks_df("1100000000001", session=session)["contact_id"].tolist() == ["37"]
    assert service.hits() == 0


def test_after_the_store_gave_the_file_up(service: Service, tmp_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory that serves instead holds nobody, but the file does."""
    session = _two(service, tmp_cache)
    session.close()
    session = session_on(service, tmp_cache)

    def refusing() -> None:
        raise OSError(13, "Permission denied")

    with monkeypatch.context() as patch, quiet() as told:
        patch.setattr(session.store, "_open", refusing)
        cctrack.campaign_clicks_df("1100000000001", session=session)
    assert any("kept in memory" in text for text in told)
    with pytest.raises(cctrack.CctrackError, match="not all was removed"):
        cctrack.cache.forget("36", session=session)
    with session_on(service, tmp_cache) as other:
        assert cctrack.cache.forget("36", session=other) == 4
    assert _traces(tmp_cache, (ADDRESS,)) == set()


def test_refused_midway(service: Service, tmp_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session = _two(service, tmp_cache)
    keep: Callable[..., None] = session.store.keep_page

    def full(*_: Any) -> None:
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(session.store, "keep_page", full)
    with pytest.raises(cctrack.CctrackError, match="disk is full"):
        cctrack.cache.forget("36", session=session)
    monkeypatch.setattr(session.store, "keep_page", keep)
    cctrack.cache.forget("36", session=session)
    assert _traces(tmp_cache, (ADDRESS,)) == set()
    assert cctrack.campaign_clicks_df("1100000000001", session=session)["contact_id"].tolist() == ["37"]
