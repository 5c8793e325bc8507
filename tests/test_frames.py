"""Records become typed frames: whatever is in them, however they are cut into pages."""

import re
from calendar import monthrange
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from cctrack.catalog import ACTIVITIES, CAMPAIGN_DETAILS, CLICKS, CONTACTS, LISTS, REPORTS, SUMMARY
from cctrack.frames import Columns, microseconds
from cctrack.schema import ACTIVITY_TYPES, DTYPES, Report

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
QUICK = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
ALL = (*REPORTS.values(), CAMPAIGN_DETAILS)
MIXED = (ACTIVITIES, LISTS)
WIDE = (CLICKS, ACTIVITIES, CONTACTS, LISTS, SUMMARY)  # among them every kind of column

# As the transport lets them through: no lone surrogates, no NaN.
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PLAIN_DATES = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31)).map(
    lambda when: f"{when.isoformat(timespec='milliseconds')}Z"
)
SCALARS = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.integers(-(2**80), 2**80), TEXTS, PLAIN_DATES),
    st.floats(allow_nan=False, allow_infinity=False),
    st.sampled_from([*ACTIVITY_TYPES, "36", "036", 36, 36.0, "", " ", "2026-03-02", "2026-02-30T00:00:00.000Z", "7"]),
)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=2) | st.dictionaries(TEXTS, inner, max_size=2), max_leaves=3
)


def records(report: Report, values: st.SearchStrategy[Any] = JSON, most: int = 7) -> st.SearchStrategy[Any]:
    """Draw rows that have any of the report's fields, with anything in them."""
    fields = dict.fromkeys(report.names, values)
    return st.lists(st.fixed_dictionaries({}, optional=fields | {"unknown": values}), max_size=most)


def likely(report: Report) -> st.SearchStrategy[Any]:
    """Draw rows as they mostly come, from few values, so that they repeat."""
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "id": st.sampled_from(["36", 36, "37", None]),
        "text": st.sampled_from(["a", "b", "", None]),
        "date": st.sampled_from([f"2026-03-0{day}T15:04:05.678Z" for day in range(1, 6)] + ["2026-03-02", None, "x"]),
        "count": st.integers(0, 3),
        "activity": st.sampled_from([*ACTIVITY_TYPES[:3], "EMAIL_REPLY"]),
    }
    return st.lists(st.fixed_dictionaries({column.name: kinds[column.kind] for column in report.columns}), max_size=9)


def columns(report: Report, *pages: Sequence[Any]) -> Columns:
    """Take pages in, one after another."""
    made = Columns(report)
    for page in pages:
        made.add(page)
    return made


def frame_of(report: Report, *pages: Sequence[Any]) -> pd.DataFrame:
    """Give the frame of these pages."""
    return columns(report, *pages).frame()


def cut(rows: Sequence[Any], places: Sequence[int]) -> list[Sequence[Any]]:
    """Cut rows into pages, empty ones among them."""
    edges = [0, *sorted(place % (len(rows) + 1) for place in places), len(rows)]
    return [rows[start:stop] for start, stop in pairwise(edges)]


def assert_typed(frame: pd.DataFrame, report: Report, rows: int) -> None:
    """Hold a frame to the declaration."""
    assert tuple(frame.columns) == report.names
    assert len(frame) == rows
    assert isinstance(frame.index, pd.RangeIndex)
    for column in report.columns:
        dtype = frame[column.name].dtype
        assert str(dtype) == DTYPES[column.kind]
        if column.kind in ("id", "text"):
            assert isinstance(dtype, pd.StringDtype)
            assert dtype.na_value is pd.NA
        if column.kind == "activity":
            assert tuple(frame[column.name].cat.categories[:6]) == ACTIVITY_TYPES
            assert not frame[column.name].cat.ordered


# --- anything in any field -----------------------------------------------------------------------


@pytest.mark.parametrize("report", ALL, ids=lambda report: report.name)
def test_no_rows_have_the_declared_dtypes(report: Report) -> None:
    for made in (Columns(report), columns(report, []), columns(report, [], [])):
        assert_typed(made.frame(), report, 0)
        assert (made.rows, made.repaired, made.missing_columns) == (0, {}, [])


@pytest.mark.parametrize("report", WIDE, ids=lambda report: report.name)
@QUICK
@given(data=st.data())
def test_anything_gives_the_declared_dtypes(report: Report, data: st.DataObject) -> None:
    rows = data.draw(records(report))
    made = columns(report, rows)
    frame = made.frame()
    assert_typed(frame, report, len(rows))
    assert set(made.repaired) <= set(report.names)
    assert all(0 < count <= len(rows) for count in made.repaired.values())
    assert len(frame.to_string()) > 0  # no cell that cannot be shown
    for column in report.columns:
        if column.kind == "date":
            frame[column.name].dt.strftime("%Y-%m-%d")
            frame[column.name].astype(object)
        assert not frame[column.name][[column.name not in row for row in rows]].notna().any()


@pytest.mark.parametrize("report", WIDE, ids=lambda report: report.name)
@QUICK
@given(data=st.data())
def test_right_values_are_never_lost(report: Report, data: st.DataObject) -> None:
    """What may be NA is only what is missing or wrong, and without that nothing is repaired."""
    kinds: dict[str, st.SearchStrategy[Any]] = {
        "id": st.one_of(TEXTS, st.integers(), st.integers(2**53, 2**70)),
        "text": TEXTS,
        "date": PLAIN_DATES,
        "count": st.integers(-(2**63) + 1, 2**63 - 1),
        "activity": st.sampled_from([*ACTIVITY_TYPES, "EMAIL_REPLY"]),
    }
    right = {column.name: kinds[column.kind] for column in report.columns}
    rows = data.draw(st.lists(st.fixed_dictionaries(right), max_size=8))
    made = columns(report, rows)
    frame = made.frame()
    assert made.repaired == {}
    for column in report.columns:
        found = frame[column.name].astype(object).tolist()
        came = [row[column.name] for row in rows]
        if column.kind == "id":
            came = [str(value) for value in came]
        if column.kind == "date":
            came = [datetime.fromisoformat(value) for value in came]
            found = [value.to_pydatetime() for value in found]
        assert found == came


@pytest.mark.parametrize("first", ["36", 36, 36.0, None, True, [1]], ids=repr)
def test_ids_are_never_floats(first: Any) -> None:
    """A gap in a column of numbers must not turn its neighbours into other ones."""
    long = [2**53 + 1, "9007199254740993", None, 2**63 + 1, 10**30, "0036"]
    found = frame_of(SUMMARY, [{"contact_id": value} for value in [first, *long]])["contact_id"]
    assert found.iloc[1:].astype(object).tolist() == [
        *("9007199254740993", "9007199254740993", pd.NA),
        *("9223372036854775809", str(10**30), "0036"),
    ]
    assert found.iloc[0] is pd.NA or found.iloc[0] == "36"


@pytest.mark.parametrize(
    ("given_", "count"),
    [
        *((2**53 + 1, 2**53 + 1), (2**63 - 1, 2**63 - 1), ("12", 12), (" 12 ", 12), (3.0, 3), (-4, -4), (0, 0)),
        *((2**63, None), (-(2**63), None), (1e300, None), (1.5, None), ("1e3", None), ("²", None), ("1_0", None)),
        *((True, None), ("", None), ([], None), ({}, None), (None, None), ("9" * 30, None), ("-", None)),
    ],
    ids=repr,
)
def test_counts(given_: Any, count: int | None) -> None:
    made = columns(SUMMARY, [{"contact_id": "36", **dict.fromkeys(SUMMARY.names[1:], 1), "opens": given_}])
    (found,) = made.frame()["opens"].astype(object)
    assert (None if found is pd.NA else found) == count
    assert made.repaired == ({} if count is not None else {"opens": 1})


# --- pages ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("report", MIXED, ids=lambda report: report.name)
@QUICK
@given(data=st.data(), places=st.lists(st.integers(0, 20), max_size=4))
def test_pages_may_end_anywhere(report: Report, data: st.DataObject, places: list[int]) -> None:
    rows = data.draw(records(report) | likely(report))
    whole, parts = columns(report, rows), columns(report, *cut(rows, places))
    assert_frame_equal(whole.frame(), parts.frame())
    assert whole.repaired == parts.repaired
    assert whole.missing_columns == parts.missing_columns


@pytest.mark.parametrize("report", MIXED, ids=lambda report: report.name)
@QUICK
@given(data=st.data(), places=st.lists(st.integers(0, 20), max_size=3))
def test_absorbing_is_the_same_as_adding(report: Report, data: st.DataObject, places: list[int]) -> None:
    rows = data.draw(records(report) | likely(report))
    whole, joined = columns(report, rows), Columns(report)
    for part in cut(rows, places):
        joined.absorb(columns(report, part))
    assert_frame_equal(whole.frame(), joined.frame())
    assert whole.repaired == joined.repaired
    assert whole.missing_columns == joined.missing_columns
    joined.add(rows)  # and it goes on from there
    whole.add(rows)
    assert_frame_equal(whole.frame(), joined.frame())


@pytest.mark.parametrize("report", MIXED, ids=lambda report: report.name)
@QUICK
@given(data=st.data())
def test_dropping_is_the_same_as_in_pandas(report: Report, data: st.DataObject) -> None:
    rows = data.draw(records(report) | likely(report))
    positions = data.draw(st.lists(st.integers(0, max(0, len(rows) - 1)), max_size=5, unique=True)) if rows else []
    made = columns(report, rows)
    expected = made.frame().drop(index=positions).reset_index(drop=True)
    made.drop(positions)
    assert made.rows == len(rows) - len(positions)
    assert_frame_equal(made.frame(), expected)
    made.add(rows)
    assert_frame_equal(made.frame().iloc[len(expected) :].reset_index(drop=True), frame_of(report, rows))


@pytest.mark.parametrize("report", MIXED, ids=lambda report: report.name)
@QUICK
@given(data=st.data())
def test_sorting_is_the_same_as_in_pandas(report: Report, data: st.DataObject) -> None:
    rows = data.draw(records(report) | likely(report))
    by = str(report.since)
    made = columns(report, *cut(rows, [3]))
    expected = made.frame().sort_values(by, kind="stable", ignore_index=True, na_position="last")
    made.sort(by)
    assert_frame_equal(made.frame(), expected)
    made.add(rows)
    assert made.rows == 2 * len(rows)


def test_a_long_report_is_the_same_as_a_short_one() -> None:
    """Dates are parsed in runs; where a run ends, nothing may change."""
    forms = ["2026-03-02T15:04:05.678Z"] * 32_767 + ["2026-03-02T16:04:05+01:00", None, "2026-02-30T00:00:00.000Z"] * 2
    rows = [{"activity_type": "EMAIL_CLICK", "click_date": form, "link_id": str(n)} for n, form in enumerate(forms)]
    whole = columns(CLICKS, rows)
    parts = columns(CLICKS, *(rows[start : start + 499] for start in range(0, len(rows), 499)))
    assert_frame_equal(whole.frame(), parts.frame())
    assert whole.repaired["click_date"] == parts.repaired["click_date"] == 4
    assert whole.frame()["click_date"].isna().sum() == 4
    assert whole.frame()["click_date"].iloc[0] == pd.Timestamp("2026-03-02T15:04:05.678Z")


def test_a_frame_is_its_own() -> None:
    """What comes later does not change a frame that was given."""
    made = columns(CLICKS, [{"activity_type": "EMAIL_CLICK", "click_date": "2026-03-02"}])
    early = made.frame()
    kept = early.copy(deep=True)
    made.add([{"activity_type": "EMAIL_REPLY", "link_id": "1"}])
    made.drop([0])
    assert_frame_equal(early, kept)
    assert made.frame()["activity_type"].tolist() == ["EMAIL_REPLY"]


def test_missing_columns_are_those_that_no_row_has() -> None:
    link = {"activity_type": "EMAIL_CLICK", "link_id": "1"}
    assert columns(ACTIVITIES, [link]).missing_columns == ["link_uri"]
    assert columns(ACTIVITIES, [link], [link | {"link_uri": "x"}]).missing_columns == []
    assert columns(ACTIVITIES, [{"activity_type": "EMAIL_OPEN"}]).missing_columns == []


# --- dates ---------------------------------------------------------------------------------------


def oracle(year: int, month: int, day: int, second_of_day: int, micro: int, offset: int) -> int:
    """Count microseconds from day numbers alone."""
    days = date(year, month, day).toordinal() - date(1970, 1, 1).toordinal()
    return ((days * 86_400 + second_of_day - offset * 60) * 1_000_000) + micro


@st.composite
def written(draw: st.DrawFn) -> tuple[str, int]:
    """Draw a date in one of the forms of ISO-8601, and what it means."""
    year, month = draw(st.integers(2, 9998)), draw(st.integers(1, 12))
    day = draw(st.integers(1, monthrange(year, month)[1]))
    dash, colon = draw(st.sampled_from([("-", ":"), ("", "")]))
    week = date(year, month, day).isocalendar()
    forms = [f"{year:04d}{dash}{month:02d}{dash}{day:02d}"]
    if week.year > 0:
        forms.append(f"{week.year:04d}{dash}W{week.week:02d}{dash}{week.weekday}")
    text = draw(st.sampled_from(forms))
    if draw(st.integers(0, 9)) == 0:
        return text, oracle(year, month, day, 0, 0, 0)
    hour, minute, second = draw(st.integers(0, 23)), draw(st.integers(0, 59)), draw(st.integers(0, 59))
    parts = draw(st.integers(1, 3))
    minute, second = minute if parts > 1 else 0, second if parts > 2 else 0
    text += draw(st.sampled_from("T ")) + colon.join(f"{part:02d}" for part in (hour, minute, second)[:parts])
    micro = 0
    if parts == 3 and draw(st.booleans()):
        digits = draw(st.text("0123456789", min_size=1, max_size=9))
        text += draw(st.sampled_from(".,")) + digits
        micro = int(digits[:6].ljust(6, "0"))
    offset = 0
    zone = draw(st.sampled_from(["", "Z", "hours", "minutes"]))
    if zone == "Z":
        text += "Z"
    elif zone:
        sign = draw(st.sampled_from([1, -1]))
        hours, minutes = draw(st.integers(0, 14)), draw(st.integers(0, 59)) if zone == "minutes" else 0
        offset = sign * (60 * hours + minutes)
        text += ("+" if sign > 0 else "-") + f"{hours:02d}" + (f"{colon}{minutes:02d}" if zone == "minutes" else "")
    return text, oracle(year, month, day, 3600 * hour + 60 * minute + second, micro, offset)


@settings(max_examples=200, deadline=None)
@given(written())
def test_every_form_of_a_date_means_what_it_says(form: tuple[str, int]) -> None:
    text, right = form
    assert microseconds(text) == right
    assert microseconds(f"  {text}\n") == right
    (found,) = frame_of(LISTS, [{"created_date": text}])["created_date"]
    assert (found.to_pydatetime() - EPOCH) // timedelta(microseconds=1) == right


@settings(max_examples=200, deadline=None)
@given(st.datetimes(datetime(1678, 1, 1), datetime(2261, 1, 1)), st.sampled_from(["", "Z", "+00:00", "-00:00"]))
def test_dates_agree_with_pandas(when: datetime, zone: str) -> None:
    right = pd.Timestamp(when, tz="UTC")
    found = microseconds(f"{when.isoformat()}{zone}")
    assert found is not None
    assert pd.Timestamp(found, unit="us", tz="UTC") == right


@QUICK
@given(st.lists(st.one_of(PLAIN_DATES, written().map(lambda form: form[0])), max_size=10))
@example(["0000-01-01T00:00:00.000Z"])
@example(["2026-02-30T00:00:00.000Z", "2026-03-02T15:04:05.678Z"])
@example(["2026-03-02T24:00:00.000Z", "2016-12-31T23:59:60.000Z"])
def test_the_quick_way_agrees_with_the_slow_one(texts: list[str]) -> None:
    """Rows of the documented form are parsed all at once; a neighbour of another form must not matter."""
    rows = [{"created_date": text} for text in texts]
    mixed = frame_of(LISTS, [*rows, {"created_date": "2026-03-02"}])["created_date"].iloc[:-1]
    for found in (frame_of(LISTS, rows)["created_date"], mixed):
        assert [None if value is pd.NaT else value.to_pydatetime() for value in found] == [
            None if (told := microseconds(text)) is None else EPOCH + timedelta(microseconds=told) for text in texts
        ]


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("2026-03-01T24:00:00Z", "2026-03-02T00:00:00Z"),
        ("2026-03-01T24:00Z", "2026-03-02T00:00:00Z"),
        ("20260301T240000Z", "2026-03-02T00:00:00Z"),
        ("2024-02-28T24:00:00.000+01:00", "2024-02-28T23:00:00Z"),
        ("2016-12-31T23:59:60Z", "2017-01-01T00:00:00Z"),
        ("2015-06-30T23:59:60+00:00", "2015-07-01T00:00:00Z"),
        ("2026-03-02t15:04:05z", "2026-03-02T15:04:05Z"),
    ],
)
def test_forms_that_python_does_not_read(text: str, same: str) -> None:
    assert microseconds(text) == microseconds(same) is not None


@settings(max_examples=200, deadline=None)
@given(st.one_of(TEXTS, st.text("0123456789-:TZ.,+W \x00x", max_size=30), written().map(lambda form: form[0] + "\x00")))
@example("9999-12-31T24:00:00Z")
@example("9999-12-31T23:59:60Z")
@example("9999-12-31T23:59:59-01:00")
@example("0001-01-01T00:00:00+01:00")
@example("2026-03-02T15:04:05.1234567x9Z")
@example("2026-03-02T15:04:05.678Z\x00")
@example("2026-03-02\ud80015:04:05")
@example("٢٠٢٦-٠٣-٠٢")
def test_anything_else_is_no_date_and_no_error(text: str) -> None:
    found = microseconds(text)
    if found is None:
        return
    shown = EPOCH + timedelta(microseconds=found)  # a year from 1 to 9999
    assert str(shown.year).isdigit()
    assert re.fullmatch(r"[0-9TWZ:.,+ -]+", text.strip(), re.ASCII | re.IGNORECASE)


def test_dates_at_the_ends_of_time_can_be_worked_with() -> None:
    texts = ["0001-01-01T00:00:00.000Z", "9999-12-31T23:59:59.999Z", "1969-12-31T23:59:59.999Z"]
    found = frame_of(LISTS, [{"created_date": text} for text in texts])["created_date"]
    assert found.dt.year.tolist() == [1, 9999, 1969]
    assert found.dt.tz_convert("UTC").notna().all()
    assert (found - found.iloc[0]).notna().all()
    assert found.sort_values().index.tolist() == [0, 2, 1]
    assert np.asarray(found.dt.tz_localize(None)).dtype == np.dtype("datetime64[us]")
