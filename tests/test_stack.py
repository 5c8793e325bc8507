"""One table of many, and where the rows come from."""

import json
from collections.abc import Iterator
from itertools import permutations
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from service import KINDS, Account, Service, account, click, open_, send

import cctrack
from cctrack.catalog import ACTIVITIES
from cctrack.schema import ACTIVITY_TYPES, DTYPES

DATES = [f"{kind[:-1]}_date" for kind in KINDS]


@pytest.fixture
def acc(service: Service, tmp_cache: Path) -> Iterator[Account]:
    """Load the account and connect to it."""
    with cctrack.connect(service.key, service.token, base_url=service.url, cache_dir=tmp_cache, rate=1000):
        yield account(service)


def parts(ids: Any) -> list[pd.DataFrame]:
    """Ask each of the six reports of contacts."""
    return [getattr(cctrack, f"{kind}_df")(ids) for kind in KINDS]


def assert_activities(table: pd.DataFrame) -> None:
    """Hold a table to the ACTIVITY columns."""
    assert type(table) is pd.DataFrame
    assert tuple(table.columns) == ACTIVITIES.names
    assert [str(dtype) for dtype in table.dtypes] == [DTYPES[column.kind] for column in ACTIVITIES.columns]
    assert isinstance(table.index, pd.RangeIndex)
    assert tuple(table["activity_type"].cat.categories[:6]) == ACTIVITY_TYPES
    assert table["activity_date"].dropna().is_monotonic_increasing
    for column in ACTIVITIES.columns:
        if column.kind in ("id", "text"):
            assert table[column.name].dtype.na_value is pd.NA  # type: ignore[union-attr]


def settled(table: pd.DataFrame) -> pd.DataFrame:
    """Put rows of one instant in one order, and take the provenance off."""
    bare = table.astype({"activity_type": "object"}).fillna("none") if len(table) else table.copy()
    bare = table.assign(_key=[str(row) for row in table.itertuples(index=False)])
    bare = bare.sort_values(["activity_date", "_key"], ignore_index=True).drop(columns="_key")
    bare.attrs = {}
    return bare


# --- stack ---------------------------------------------------------------------------------------


def test_the_six_reports_make_the_seventh(acc: Account) -> None:
    table = cctrack.stack(*parts(acc.contacts))
    assert_activities(table)
    assert len(table) == len(acc.events)
    assert_frame_equal(settled(table), settled(cctrack.activities_df(acc.contacts)))


def test_campaign_frames_make_the_table_of_the_campaign(acc: Account) -> None:
    frames = [getattr(cctrack, f"campaign_{kind}_df")(acc.sent) for kind in KINDS]
    table = cctrack.stack(*frames)
    assert_activities(table)
    assert_frame_equal(settled(table), settled(cctrack.account_activities_df()))
    assert table.attrs["cctrack"]["missing_columns"] == ["link_uri"]


def test_no_frames_and_empty_frames_make_an_empty_table(acc: Account) -> None:
    for table in (cctrack.stack(), cctrack.stack(*parts(acc.quiet)), cctrack.stack(cctrack.clicks_df([]))):
        assert_activities(table)
        assert len(table) == 0
        assert table.attrs["cctrack"]["report"] == "stack"
        json.dumps(table.attrs["cctrack"])


def test_one_frame_is_sorted_and_widened(acc: Account) -> None:
    frame = cctrack.clicks_df("36")
    before = frame.copy(deep=True)
    table = cctrack.stack(frame)
    assert_activities(table)
    assert table["link_id"].tolist() == frame["link_id"].tolist()[::-1]
    assert table["activity_date"].tolist() == frame["click_date"].tolist()[::-1]
    assert table[["bounce_code", "unsubscribe_source"]].isna().all(axis=None)
    assert_frame_equal(frame, before)
    assert frame.attrs["cctrack"]["report"] == "clicks"


def test_tables_may_be_stacked_again(acc: Account) -> None:
    first, second = cctrack.stack(*parts("36")), cctrack.stack(*parts("37"))
    whole = cctrack.stack(*parts(["36", "37"]))
    assert_frame_equal(settled(cctrack.stack(first, second)), settled(whole))
    assert_frame_equal(cctrack.stack(whole), whole)
    assert_frame_equal(settled(cctrack.stack(cctrack.activities_df("36"), *parts("37"))), settled(whole))


def test_the_order_of_frames_does_not_matter(acc: Account) -> None:
    frames = parts("36")[:3]
    tables = [settled(cctrack.stack(*order)) for order in permutations(frames)]
    for table in tables[1:]:
        assert_frame_equal(table, tables[0])


@pytest.mark.usefixtures("acc")
def test_equal_dates_keep_their_order_and_missing_ones_come_last(service: Service) -> None:
    path = "/v2/contacts/36/tracking/"
    service.rows(f"{path}sends", [send(campaign="1"), send(campaign="2", date=None), send(campaign="3")])
    service.rows(f"{path}opens", [open_(campaign="4"), open_(campaign="5", date="2020-01-01")])
    with pytest.warns(cctrack.RepairWarning):
        sends = cctrack.sends_df("36")
    table = cctrack.stack(sends, cctrack.opens_df("36"))
    assert_activities(table)
    assert table["campaign_id"].tolist() == ["5", "1", "3", "4", "2"]
    assert table.attrs["cctrack"]["repaired"] == 1


@pytest.mark.usefixtures("acc")
def test_types_never_seen_before_are_united(service: Service) -> None:
    for ident, kind in (("36", "EMAIL_TAP"), ("37", "EMAIL_SWIPE"), ("41", "EMAIL_TAP")):
        service.rows(f"/v2/contacts/{ident}/tracking/clicks", [click(ident, activity_type=kind)])
    frames = [cctrack.clicks_df(ident) for ident in ("36", "37", "41")]
    table = cctrack.stack(*frames, cctrack.clicks_df([]))
    assert_activities(table)
    assert list(table["activity_type"].cat.categories) == [*ACTIVITY_TYPES, "EMAIL_TAP", "EMAIL_SWIPE"]
    assert table["activity_type"].tolist() == ["EMAIL_TAP", "EMAIL_SWIPE", "EMAIL_TAP"]


def test_a_filtered_frame_may_be_stacked(acc: Account) -> None:
    frame = cctrack.clicks_df("36")
    some = frame[frame["link_id"] == "1100000000101"]
    table = cctrack.stack(some, frame.iloc[:0], frame.iloc[::-1].iloc[:1])
    assert_activities(table)
    assert len(table) == len(some) + 1


@pytest.mark.parametrize("wrong", [None, "36", 5, [], {"a": 1}, pd.Series([1])], ids=repr)
def test_what_is_no_frame_is_a_type_error(wrong: Any) -> None:
    with pytest.raises(TypeError, match="position 0"):
        cctrack.stack(wrong)


def test_what_has_no_events_is_a_value_error(acc: Account) -> None:
    clicks = cctrack.clicks_df("36")
    wrong = [
        *(cctrack.summary_df("36"), cctrack.contacts_df(), cctrack.campaigns_df(), cctrack.links_df(acc.sent)),
        *(pd.DataFrame(), pd.DataFrame({"x": [1]}), clicks.drop(columns="click_date")),
        *(clicks.drop(columns="activity_type"), clicks.assign(open_date=clicks["click_date"])),
    ]
    for frame in wrong:
        with pytest.raises(ValueError, match="position 1"):
            cctrack.stack(clicks, frame)


# --- where it comes from -------------------------------------------------------------------------


def test_the_provenance_of_a_stack_is_that_of_its_parts(service: Service, acc: Account) -> None:
    old = cctrack.opens_df("36")
    frames = [cctrack.clicks_df(["36", "999"], on_missing="skip"), cctrack.opens_df("36"), old]
    told = cctrack.stack(*frames).attrs["cctrack"]
    assert json.loads(json.dumps(told)) == told
    assert told["report"] == "stack"
    assert told["api"] == "v2"
    assert told["account"] == old.attrs["cctrack"]["account"]
    assert told["calls"] == service.hits() == 3
    assert told["pages"] == 3
    assert told["missing"] == ["999"]
    assert told["complete"] is True
    assert told["from_cache"] is False
    assert told["fetched_at"] == min(frame.attrs["cctrack"]["fetched_at"] for frame in frames)
    bare = cctrack.clicks_df("36")
    bare.attrs = {}
    assert_activities(cctrack.stack(bare))


def test_an_incomplete_part_makes_the_whole_incomplete(acc: Account) -> None:
    frame = cctrack.clicks_df("36")
    frame.attrs["cctrack"]["complete"] = False
    assert cctrack.stack(frame, cctrack.opens_df("36")).attrs["cctrack"]["complete"] is False


def test_provenance_is_a_table(acc: Account) -> None:
    frame = cctrack.clicks_df(["36", "999"], on_missing="skip", created_since="2026-03-01")
    table = cctrack.provenance(frame)
    assert list(table.columns) == ["property", "value"]
    assert [str(dtype) for dtype in table.dtypes] == ["string", "string"]
    shown = dict(zip(table["property"], table["value"], strict=True))
    assert list(shown) == list(frame.attrs["cctrack"])
    assert shown["report"] == "clicks"
    assert shown["missing"] == "999"
    assert shown["created_since"] == "2026-03-01T00:00:00.000Z"
    assert "n=2" in shown["ids"]
    assert len(cctrack.provenance(cctrack.stack(frame))) > 0


@pytest.mark.parametrize("attrs", [{}, {"cctrack": None}, {"cctrack": "x"}, {"other": {}}], ids=repr)
def test_without_provenance_it_says_so(attrs: dict[str, Any]) -> None:
    frame = pd.DataFrame({"a": [1]})
    frame.attrs = attrs
    with pytest.raises(ValueError, match="provenance"):
        cctrack.provenance(frame)


def test_provenance_lives_through_a_file_and_a_copy(acc: Account, tmp_path: Path) -> None:
    frame = cctrack.clicks_df("36")
    assert frame.copy().attrs == frame.attrs
    assert frame[frame["link_id"].notna()].attrs == frame.attrs
    frame.to_pickle(tmp_path / "clicks")
    assert pd.read_pickle(tmp_path / "clicks").attrs == frame.attrs
