"""The typed table beside a walk: quicker than its pages, equal to them, and never needed."""

import json
import pickle
import random
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pytest
from clock import Clock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal
from service import Row, Service, click, open_
from sessions import CLICKS, clicks, ids_of, link_ids, quiet, session_on, stored, walks_file

import cctrack
from cctrack.api.session import Session
from cctrack.catalog import CAMPAIGN_DETAILS, REPORTS
from cctrack.frames import Columns
from cctrack.schema import ACTIVITY_TYPES, Column, Report

EVERY = {**REPORTS, CAMPAIGN_DETAILS.name: CAMPAIGN_DETAILS}
TRACKING = "/v2/contacts/36/tracking"
WORTH = 500  # rows from which on a table is kept


def seeded(examples: int) -> settings:
    """The same examples in every run."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


def tables(session: Session) -> list[str]:
    """Name the tables in the store."""
    session.store.entries()
    return sorted(session.store._tables["tables"])


def without_pages(session: Session) -> None:
    """Take every page out of the file: what is answered now comes from a table."""
    store = session.store
    store.drop_pages([key for entry in store.entries() for key in entry.pages])


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """List the pages that are read."""
    from cctrack.api.store import Store

    seen: list[str] = []
    page = Store.page

    def counted(self: Store, key: str) -> bytes | None:
        seen.append(key)
        return page(self, key)

    monkeypatch.setattr(Store, "page", counted)
    return seen


# --- warm --------------------------------------------------------------------------------------


def odd(count: int) -> list[Row]:
    """Make activities with all that the service is known to write."""
    rows = clicks(count)
    rows[3] = open_(date="2026-03-02T16:30:00+01:00", contact=36)
    rows[4] |= {"activity_type": "EMAIL_SHARE", "click_date": "2026-03-02T14:00:00"}
    rows[5] |= {"activity_type": "EMAIL_ZOOM", "zoom_date": "2026-03-02T14:00:00Z"}
    rows[6] |= {"campaign_id": None, "link_uri": "", "unknown": [1, 2]}
    rows[7] |= {"email_address": "üñ🌻@example.org", "click_date": "soon"}
    rows[8] |= {"email_address": {"not": "text"}, "contact_id": 36.0}
    del rows[9]["click_date"]
    return rows


@pytest.mark.parametrize("function", ["clicks_df", "activities_df"])
def test_warm_reads_no_page(service: Service, tmp_cache: Path, clock: Clock, reads: list[str], function: str) -> None:
    rows = odd(WORTH + 100)
    service.rows(TRACKING, rows)
    service.rows(CLICKS, rows)
    report = getattr(cctrack, function)
    with quiet() as told:
        session = session_on(service, tmp_cache, clock)
        cold = report("36", limit=50, session=session)
    assert len(tables(session)) == 1
    service.reset()
    reads.clear()
    for again in (session, session_on(service, tmp_cache, clock)):
        with quiet() as warned:
            warm = report("36", session=again)
        assert reads == []
        assert service.hits() == 0
        assert_frame_equal(warm, cold)
        assert warned == told  # repairs are told again, as from pages
        _same_provenance(warm, cold)
    without_pages(session)
    with quiet():
        assert_frame_equal(report("36", session=session), cold)
    assert service.hits() == 0


def _same_provenance(warm: pd.DataFrame, cold: pd.DataFrame) -> None:
    one, other = (dict(frame.attrs["cctrack"]) for frame in (warm, cold))
    assert (one.pop("calls"), one.pop("from_cache")) == (0, True)
    assert other.pop("calls") > 0
    assert other.pop("from_cache") is False
    assert one == other
    assert one["repaired"] > 0


def test_unknown_types_stay_categories(service: Service, tmp_cache: Path) -> None:
    service.rows(TRACKING, odd(WORTH))
    session = session_on(service, tmp_cache)
    with quiet():
        cctrack.activities_df("36", session=session)
        without_pages(session)
        frame = cctrack.activities_df("36", session=session)
    assert list(frame["activity_type"].cat.categories) == [*ACTIVITY_TYPES, "EMAIL_SHARE", "EMAIL_ZOOM"]


def test_small_reports_have_none(service: Service, tmp_cache: Path, reads: list[str]) -> None:
    service.rows(CLICKS, clicks(WORTH - 1))
    session = session_on(service, tmp_cache)
    cctrack.clicks_df("36", session=session)
    assert tables(session) == []
    assert link_ids(cctrack.clicks_df("36", session=session)) == ids_of(clicks(WORTH - 1))
    assert len(reads) == 1


def test_filter_and_ids_come_after_it(service: Service, tmp_cache: Path, reads: list[str]) -> None:
    """Two walks in one frame, each from its table; rows before the date are left out again."""
    rows = clicks(WORTH + 200)
    for one in ("36", "37"):
        service.rows(f"/v2/contacts/{one}/tracking/clicks", rows, keeps_filters=False)
    session = session_on(service, tmp_cache)
    since = rows[WORTH + 50]["click_date"]
    cold = cctrack.clicks_df(["36", "37"], created_since=since, limit=100, session=session)
    assert len(cold) == 2 * (WORTH + 51)
    reads.clear()
    assert_frame_equal(cctrack.clicks_df(["36", "37"], created_since=since, session=session), cold)
    assert reads == []


def test_reports_that_share_a_walk_have_a_table_each(service: Service, tmp_cache: Path, reads: list[str]) -> None:
    base = "/v2/emailmarketing/campaigns/1100000000001/tracking"
    for kind in ("sends", "opens", "clicks", "forwards", "bounces", "unsubscribes"):
        service.rows(f"{base}/{kind}", clicks(WORTH) if kind == "clicks" else [])
    session = session_on(service, tmp_cache)
    one = cctrack.campaign_clicks_df("1100000000001", session=session)
    other = cctrack.campaign_activities_df("1100000000001", session=session)
    assert [name.partition("-")[2] for name in tables(session)] == ["campaign_activities", "campaign_clicks"]
    reads.clear()
    service.reset()
    assert_frame_equal(cctrack.campaign_clicks_df("1100000000001", session=session), one)
    assert reads == []
    assert_frame_equal(cctrack.campaign_activities_df("1100000000001", session=session), other)
    assert service.hits() == 0


def test_what_the_overlap_was_is_gone_from_it(service: Service, tmp_cache: Path) -> None:
    rows = clicks(WORTH + 20)
    service.rows(CLICKS, rows, overlap=1)
    session = session_on(service, tmp_cache)
    cold = cctrack.clicks_df("36", limit=200, session=session)
    assert link_ids(cold) == ids_of(rows)
    without_pages(session)
    assert_frame_equal(cctrack.clicks_df("36", session=session), cold)


def test_disabled_leaves_none(service: Service, tmp_cache: Path) -> None:
    service.rows(CLICKS, clicks(WORTH))
    session = session_on(service, tmp_cache)
    with cctrack.cache.disabled():
        cctrack.clicks_df("36", session=session)
    assert tables(session) == []
    cctrack.clicks_df("36", session=session)
    without_pages(session)
    with cctrack.cache.disabled():
        cctrack.clicks_df("36", session=session)
    assert service.hits() == 3


# --- when it goes ----------------------------------------------------------------------------


def _one_table(session: Session) -> str:
    (name,) = tables(session)
    (entry,) = session.store.entries()
    assert name == f"{entry.number}-clicks"
    return name


def test_it_goes_with_its_walk(service: Service, tmp_cache: Path, clock: Clock) -> None:
    rows = clicks(WORTH)
    service.rows(CLICKS, rows)
    session = session_on(service, tmp_cache, clock)
    cctrack.clicks_df("36", session=session)
    first = _one_table(session)
    rows.insert(0, clicks(1, first=-1)[0])
    cctrack.clicks_df("36", refresh=True, session=session)  # read whole
    second = _one_table(session)
    cctrack.clicks_df("36", limit=100, refresh=True, session=session)
    third = _one_table(session)
    rows.insert(0, clicks(1, first=-2)[0])
    assert link_ids(cctrack.clicks_df("36", refresh=True, session=session)) == ids_of(rows)  # brought up to date
    fourth = _one_table(session)
    assert len({first, second, third, fourth}) == 4
    without_pages(session)
    assert link_ids(cctrack.clicks_df("36", session=session)) == ids_of(rows)
    del rows[100:]
    cctrack.clicks_df("36", refresh=True, session=session)
    assert tables(session) == []


@pytest.mark.parametrize("named", [None, "clicks"])
def test_it_is_cleared(service: Service, tmp_cache: Path, named: str | None) -> None:
    service.rows(CLICKS, clicks(WORTH))
    service.rows(f"{TRACKING}/opens", [open_()] * WORTH)
    session = session_on(service, tmp_cache)
    cctrack.clicks_df("36", session=session)
    cctrack.opens_df("36", session=session)
    kept = [name for name in tables(session) if named and "opens" in name]
    cctrack.cache.clear(named, session=session)
    assert tables(session) == kept


def test_it_is_cleared_by_age(service: Service, tmp_cache: Path, clock: Clock) -> None:
    service.rows(CLICKS, clicks(WORTH))
    session = session_on(service, tmp_cache, clock)
    cctrack.clicks_df("36", session=session)
    clock.advance(100)
    cctrack.cache.clear(older_than=200, session=session)
    assert len(tables(session)) == 1
    cctrack.cache.clear(older_than=50, session=session)
    assert tables(session) == []


# --- what lies in it -------------------------------------------------------------------------


def test_nothing_in_it_can_be_run(service: Service, tmp_cache: Path) -> None:
    service.rows(TRACKING, odd(WORTH))
    session = session_on(service, tmp_cache)
    with quiet():
        cctrack.activities_df("36", session=session)
    (value,) = [v for table, column, v in stored(walks_file(tmp_cache)) if (table, column) == ("tables", "value")]
    for layer in (value, zlib.decompress(value)):
        assert not layer.startswith(tuple(b"\x80" + bytes([protocol]) for protocol in range(2, 6)))
    (entry,) = session.store.entries()
    decoded = msgspec.msgpack.decode(session.store.table(entry.number, "activities") or b"")
    json.dumps(decoded, default=bytes.hex)  # texts, numbers, bytes, and lists of them
    kinds: set[type] = set()

    def look(part: Any) -> None:
        kinds.add(type(part))
        for inner in part if isinstance(part, list) else ():
            look(inner)

    look(decoded)
    assert kinds <= {list, str, int, bytes, bool}


class _Trap:
    """Would make a file when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return (Path.touch, (self.path,))


class Inside(bytes):
    """What stands where the store wrote a table, packed and named as it does."""


def _planted(change: Callable[[list[Any]], None]) -> Callable[[bytes, Path], bytes]:
    def plant(table: bytes, trap: Path) -> bytes:
        decoded = msgspec.msgpack.decode(table)
        change(decoded)
        return Inside(msgspec.msgpack.encode(decoded))

    return plant


def _set(*place: int, to: Any) -> Callable[[bytes, Path], bytes]:
    def change(decoded: Any) -> None:
        for step in place[:-1]:
            decoded = decoded[step]
        decoded[place[-1]] = to

    return _planted(change)


# Of clicks: columns 0 activity_type, 1 campaign_id, ..., 6 click_date; cells are values, size, codes, repaired.
PLANTS: dict[str, Callable[[bytes, Path], Any]] = {
    "pickle": lambda table, trap: pickle.dumps(_Trap(trap)),
    "pickle inside": lambda table, trap: zlib.compress(pickle.dumps(_Trap(trap))),
    "nothing": lambda table, trap: b"",
    "null": lambda table, trap: None,
    "text": lambda table, trap: "text",
    "number": lambda table, trap: 36,
    "not compressed": lambda table, trap: table,
    "empty": lambda table, trap: zlib.compress(b""),
    "of another walk": lambda table, trap: zlib.compress(b"5xother-clicks\n" + table),
    "half": lambda table, trap: Inside(table[: len(table) // 2]),
    "and more": lambda table, trap: Inside(table + b"\x00"),
    "JSON": lambda table, trap: Inside(b"[[], 0, []]"),
    "nested": lambda table, trap: Inside(b"\x91" * 100_000),
    "another shape": _set(0, to=[]),
    "another column": _set(0, 0, to=["activity", "activity"]),
    "another kind": _set(0, 6, 1, to="text"),
    "no rows": _set(1, to=0),
    "negative rows": _set(1, to=-1),
    "rows as text": _set(1, to="500"),
    "more rows": _set(1, to=WORTH + 1),
    "no cells": _set(2, to=[]),
    "cells as a map": _set(2, to={}),
    "a cell of nothing": _set(2, 1, to=[]),
    "a cell as text": _set(2, 1, to="abcd"),
    "values as text": _set(2, 1, 0, to="1100000000001"),
    "values as numbers": _set(2, 1, 0, to=[1100000000001]),
    "values of nothing": _set(2, 1, 0, to=[]),
    "values twice": _set(2, 5, 0, to=["same"] * WORTH),
    "size": _set(2, 1, 1, to="i8"),
    "size of nothing": _set(2, 1, 1, to="O"),
    "codes beyond": _set(2, 1, 2, to=b"\xff" * WORTH),
    "codes below": _planted(lambda table: table[2].__setitem__(1, [["x"], "u4", b"\xf0\xff\xff\xff" * WORTH, 0])),
    "codes cut": _set(2, 1, 2, to=b"\x01" * (WORTH - 1)),
    "codes as text": _set(2, 1, 2, to="x" * WORTH),
    "repaired as text": _set(2, 1, 3, to="many"),
    "types missing": _set(2, 0, 0, to=["EMAIL_CLICK", "EMAIL_OPEN", "EMAIL_SEND", "a", "b", "c"]),
    "dates cut": _set(2, 6, 0, to=b"\x00" * 12),
    "dates too few": _set(2, 6, 0, to=b"\x00" * 8),
    "dates as numbers": _set(2, 6, 0, to=[0] * WORTH),
    "present as text": _set(2, 6, 2, to="x"),
}


@pytest.mark.parametrize("plant", PLANTS.values(), ids=PLANTS)
def test_foreign_table_is_read_from_pages(
    service: Service, tmp_path: Path, tmp_cache: Path, reads: list[str], plant: Callable[[bytes, Path], Any]
) -> None:
    rows = clicks(WORTH)
    service.rows(CLICKS, rows)
    session = session_on(service, tmp_cache)
    cold = cctrack.clicks_df("36", limit=100, session=session)
    name, trap = _one_table(session), tmp_path / "sprung"
    table = session.store.table(name.partition("-")[0], "clicks")
    assert table is not None
    with session.store._tables["tables"].connection(commit=True) as db:
        planted = plant(table, trap)
        if isinstance(planted, Inside):
            ((value,),) = db.execute("SELECT value FROM tables").fetchall()
            planted = zlib.compress(zlib.decompress(value).removesuffix(table) + planted)
        db.execute("UPDATE tables SET value = ?", (planted,))
    reads.clear()
    service.reset()
    assert_frame_equal(cctrack.clicks_df("36", session=session), cold)
    assert (len(reads), service.hits()) == (5, 0)
    assert not trap.exists()
    reads.clear()
    assert_frame_equal(cctrack.clicks_df("36", session=session), cold)
    assert reads == []  # it was made anew


def test_flipped_bits(service: Service, tmp_cache: Path) -> None:
    rng = random.Random(5)
    service.rows(CLICKS, clicks(WORTH))
    session = session_on(service, tmp_cache)
    cold = cctrack.clicks_df("36", session=session)
    service.reset()
    for _ in range(40):
        with session.store._tables["tables"].connection(commit=True) as db:
            ((value,),) = db.execute("SELECT value FROM tables").fetchall()
            data = bytearray(value)
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
            db.execute("UPDATE tables SET value = ?", (bytes(data),))
        assert_frame_equal(cctrack.clicks_df("36", session=session), cold)
    assert service.hits() == 0


@pytest.mark.parametrize(
    "changed",
    [
        (Column("device", "text", "New.", optional=True),),
        (),
    ],
    ids=["a column more", "a column less"],
)
def test_another_set_of_columns(changed: tuple[Column, ...]) -> None:
    """A newer version declares other columns: it does not take the older one's tables."""
    report = REPORTS["clicks"]
    columns = Columns(report)
    columns.add(clicks(3))
    data = columns.dumped()
    for kept in (report.columns[:-1] + changed, changed + report.columns[:-1], report.columns[::-1]):
        other = Report("clicks", "x", ("contact_id",), kept, ())
        assert Columns.loaded(other, data) is None
    assert Columns.loaded(REPORTS["opens"], data) is None
    assert Columns.loaded(report, data) is not None


# --- any records -----------------------------------------------------------------------------

_TEXT = st.text(max_size=6) | st.sampled_from(["", "36", "036", "a" * 300, "\x00", "🌻"])
_DATE = st.sampled_from(
    [
        "2026-03-02T15:04:05.678Z",
        "2026-03-02T15:04:05.678901Z",
        "2026-03-02T16:30:00+01:00",
        "2026-03-02",
        "0001-01-01T00:00:00.000Z",
        "9999-12-31T23:59:59.999Z",
        "",
        "soon",
    ]
)
_COUNT = st.integers(-(2**70), 2**70) | st.sampled_from(["5", "x", 2.0, 2.5, 2**63, 2**63 - 1, -(2**63)])
_TYPE = st.sampled_from([*ACTIVITY_TYPES, "EMAIL_SHARE", "EMAIL_ZOOM", ""])
_OTHER = st.sampled_from([None, True, 36, 36.0, 0.5, [], {}])
_CELLS = {"id": _TEXT, "text": _TEXT, "date": _DATE, "count": _COUNT, "activity": _TYPE}


def _records(report: Report) -> st.SearchStrategy[list[Row]]:
    cells = {column.name: _CELLS[column.kind] | _OTHER for column in report.columns}
    return st.lists(st.fixed_dictionaries({}, optional=cells), max_size=12)


@pytest.mark.parametrize("name", EVERY)
@seeded(15)
@given(data=st.data())
def test_any_table_is_what_its_pages_are(name: str, data: st.DataObject) -> None:
    report = EVERY[name]
    pages = data.draw(st.lists(_records(report), max_size=3))
    columns = Columns(report)
    for page in pages:
        columns.add(page)
    if columns.rows and data.draw(st.booleans()):
        columns.drop([data.draw(st.integers(0, columns.rows - 1))])
    _same(columns)


def _same(columns: Columns) -> None:
    loaded = Columns.loaded(columns.report, columns.dumped())
    assert loaded is not None
    assert_frame_equal(loaded.frame(), columns.frame())
    assert [loaded.rows, loaded.repaired, loaded.missing_columns] == [
        columns.rows,
        columns.repaired,
        columns.missing_columns,
    ]
    # And as a part of a larger frame.
    twice, other = Columns(columns.report), Columns(columns.report)
    for part in (loaded, loaded):
        twice.absorb(part)
    for part in (columns, columns):
        other.absorb(part)
    assert_frame_equal(twice.frame(), other.frame())
    assert (twice.repaired, twice.missing_columns) == (other.repaired, other.missing_columns)


@pytest.mark.parametrize("distinct", [1, 254, 255, 256, 65_534, 65_535, 65_536])
def test_as_many_values_as_codes(distinct: int) -> None:
    """On both sides of where one more byte is needed for a code."""
    columns = Columns(REPORTS["clicks"])
    columns.add([click(link_id=str(number), link_uri=None) for number in range(distinct)])
    _same(columns)


@seeded(100)
@given(
    data=st.binary(max_size=200)
    | st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=4) | st.binary(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
        max_leaves=12,
    ).map(msgspec.msgpack.encode)
)
def test_any_bytes_are_refused(data: bytes) -> None:
    assert Columns.loaded(REPORTS["clicks"], data) is None
