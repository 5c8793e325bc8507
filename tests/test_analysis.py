"""The funnel and the links: their definitions, for any activities whatsoever, and against the demo account."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cctrack
from cctrack.analysis import funnel, link_popularity
from cctrack.catalog import ACTIVITIES
from cctrack.frames import Columns

STAGES = ["sent", "delivered", "opened", "clicked"]
COLUMNS = ["stage", "n", "n_inferred", "n_orphan", "rate_of_sent", "rate_of_delivered", "step_rate", "drop_n"]
Event = tuple[str, str, str, str | None]

events = st.lists(
    st.tuples(
        st.sampled_from(["SEND", "OPEN", "CLICK", "FORWARD", "BOUNCE", "UNSUBSCRIBE", "NEVER_SEEN"]),
        st.sampled_from(["c1", "c2"]),
        st.sampled_from(["1", "2", "01"]),
        st.sampled_from(["B", "V", "N", None]),
    ),
    max_size=25,
)


def table(rows: Sequence[Event]) -> pd.DataFrame:
    """Make a table of activities of (kind, campaign, contact, bounce code)."""
    columns = Columns(ACTIVITIES)
    columns.add(
        [
            {
                "activity_type": f"EMAIL_{kind}",
                "activity_date": "2026-01-01T00:00:00.000Z",
                "campaign_id": campaign,
                "contact_id": contact,
                "bounce_code": code if kind == "BOUNCE" else None,
            }
            for kind, campaign, contact, code in rows
        ]
    )
    return columns.frame()


def clicked(*rows: tuple[str | None, str | None, str | None, str | None]) -> pd.DataFrame:
    """Make a table of clicks of (campaign, contact, link id, address)."""
    names = ["campaign_id", "contact_id", "link_id", "link_uri"]
    columns = Columns(ACTIVITIES)
    columns.add([{"activity_type": "EMAIL_CLICK", **dict(zip(names, row, strict=True))} for row in rows])
    return columns.frame()


def links(*rows: tuple[str, str, str | None]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["campaign_id", "link_id", "link_uri"], dtype="string").assign(click_count=0)


def by_hand(rows: Sequence[Event]) -> dict[str, set[tuple[str, str]]]:
    """Give who reached which stage, said in sets."""
    who = {(campaign, contact) for _, campaign, contact, _ in rows}
    having: dict[str, set[tuple[str, str]]] = {kind: set() for kind, *_ in rows}
    bounced = set()
    for kind, campaign, contact, code in rows:
        having[kind].add((campaign, contact))
        if kind == "BOUNCE" and code != "V":
            bounced.add((campaign, contact))
    none: set[tuple[str, str]] = set()
    sent, opens, clicks = (having.get(kind, none) for kind in ("SEND", "OPEN", "CLICK"))
    opened = opens | clicks | having.get("FORWARD", none)
    delivered = (sent - bounced) | opened
    assert delivered <= who
    return {
        "sent": sent | delivered, "delivered": delivered, "opened": opened, "clicked": clicks,
        "send rows": sent, "arrived": sent - bounced, "open rows": opens,
    }  # fmt: skip


@given(events)
@settings(deadline=None)
def test_funnel_is_its_definition_and_nested(rows: list[Event]) -> None:
    got = funnel(table(rows))
    sets = by_hand(rows)
    n = [len(sets[stage]) for stage in STAGES]
    assert list(got.columns) == COLUMNS
    assert got["stage"].tolist() == STAGES
    assert got["n"].tolist() == n == sorted(n, reverse=True)
    records = [sets["send rows"], sets["arrived"], sets["open rows"], sets["clicked"]]
    assert got["n_inferred"].tolist() == [len(sets[one] - own) for one, own in zip(STAGES, records, strict=True)]
    assert got["n_orphan"].tolist() == [len(sets[stage] - sets["send rows"]) for stage in STAGES]
    assert got["drop_n"].tolist() == [0, n[0] - n[1], n[1] - n[2], n[2] - n[3]]
    for name, wholes in (
        ("rate_of_sent", [n[0]] * 4),
        ("rate_of_delivered", [0, *[n[1]] * 3]),
        ("step_rate", [0, *n[:3]]),
    ):
        want = [part / whole if whole else np.nan for part, whole in zip(n, wholes, strict=True)]
        np.testing.assert_array_equal(got[name].to_numpy(), want)


@given(events, st.randoms(use_true_random=False), st.sampled_from([None, "campaign_id", "contact_id"]))
@settings(deadline=None)
def test_order_and_repeats_of_rows_change_nothing(rows: list[Event], chance: Any, by: str | None) -> None:
    more = rows + chance.choices(rows, k=5) if rows else []
    chance.shuffle(more)
    pd.testing.assert_frame_equal(funnel(table(rows), by=by), funnel(table(more), by=by))


@given(events)
@settings(deadline=None)
def test_groups_are_funnels_of_their_own(rows: list[Event]) -> None:
    got = funnel(table(rows), by="campaign_id")
    assert list(got.columns) == ["campaign_id", *COLUMNS]
    assert got["campaign_id"].dtype == "string"
    groups = sorted({campaign for _, campaign, *_ in rows})
    assert got["campaign_id"].tolist() == [name for name in groups for _ in STAGES]
    for name in groups:
        alone = funnel(table([row for row in rows if row[1] == name]))
        mine = got[got["campaign_id"] == name].drop(columns="campaign_id").reset_index(drop=True)
        pd.testing.assert_frame_equal(mine, alone)


def test_no_activities_give_four_stages_of_nothing() -> None:
    got = funnel(table([]))
    assert got["stage"].tolist() == STAGES
    assert (got[["n", "n_inferred", "n_orphan", "drop_n"]] == 0).all(axis=None)
    assert got[["rate_of_sent", "rate_of_delivered", "step_rate"]].isna().all(axis=None)
    full = funnel(table([("SEND", "c", "1", None)]))
    assert got.dtypes.equals(full.dtypes)
    grouped = funnel(table([]), by="campaign_id")
    assert len(grouped) == 0
    assert grouped.dtypes.equals(funnel(table([("SEND", "c", "1", None)]), by="campaign_id").dtypes)


@pytest.mark.parametrize(("code", "delivered"), [("V", 1), ("B", 0), ("S", 0), ("N", 0), (None, 0)])
def test_an_automatic_reply_was_delivered(code: str | None, delivered: int) -> None:
    got = funnel(table([("SEND", "c", "1", None), ("BOUNCE", "c", "1", code)]))
    assert got["n"].tolist() == [1, delivered, 0, 0]


def test_who_bounced_and_opened_was_delivered() -> None:
    got = funnel(table([("SEND", "c", "1", None), ("BOUNCE", "c", "1", "F"), ("OPEN", "c", "1", None)]))
    assert got["n"].tolist() == [1, 1, 1, 0]
    assert got["n_inferred"].tolist() == [0, 1, 0, 0]


def test_a_recipient_is_a_campaign_and_a_contact() -> None:
    got = funnel(table([("SEND", "a", "1", None), ("SEND", "b", "1", None), ("OPEN", "a", "1", None)]))
    assert got["n"].tolist() == [2, 2, 1, 0]


def test_rows_of_nobody_are_left_out_and_groups_without_a_value_come_last() -> None:
    rows = table([("SEND", "a", "1", None), ("SEND", "a", "2", None), ("CLICK", "a", "2", None)])
    nobody = rows.assign(contact_id=rows["contact_id"].where(rows["contact_id"] != "2"))
    assert funnel(nobody)["n"].tolist() == [1, 1, 0, 0]
    segment = rows.assign(segment=pd.array([pd.NA, "x", "x"], dtype="string"))
    got = funnel(segment, by="segment")
    assert got["segment"].tolist() == ["x"] * 4 + [pd.NA] * 4
    assert got["n"].tolist() == [1, 1, 1, 1, 1, 1, 0, 0]


def test_ids_may_be_categorical_and_the_input_stays_as_it_was() -> None:
    rows = table([("SEND", "a", "1", None), ("OPEN", "a", "1", None), ("SEND", "b", "2", None)])
    small = rows.astype({"campaign_id": "category", "contact_id": "category"})
    before = small.copy()
    got = funnel(small, by="campaign_id")
    link_popularity(small)
    pd.testing.assert_frame_equal(small, before)
    assert got["n"].tolist() == [1, 1, 1, 0, 1, 1, 0, 0]
    assert got["campaign_id"].astype("string").tolist() == ["a"] * 4 + ["b"] * 4


def test_what_is_no_table_of_activities_is_refused() -> None:
    with pytest.raises(TypeError, match="campaign_activities_df"):
        funnel([1, 2])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="bounce_code"):
        funnel(table([]).drop(columns="bounce_code"))
    with pytest.raises(ValueError, match="segment"):
        funnel(table([]), by="segment")
    with pytest.raises(ValueError, match="'stage'"):
        funnel(table([]).assign(stage="x"), by="stage")
    with pytest.raises(ValueError, match="link_id"):
        link_popularity(table([]).drop(columns="link_id"))
    with pytest.raises(ValueError, match="links_df"):
        link_popularity(table([]), links=table([]).drop(columns="link_uri"))


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["c1", "c2"]),
            st.sampled_from(["1", "2", None]),
            st.sampled_from(["7", "8", None]),
            st.sampled_from(["https://example.org/a", "https://example.org/b", None]),
        ),
        max_size=25,
    ),
    st.booleans(),
    st.randoms(use_true_random=False),
)
@settings(deadline=None)
def test_links_add_up_whatever_is_missing(rows: list[Any], listed: bool, chance: Any) -> None:
    known = links(("c1", "7", "https://example.org/a"), ("c2", "7", "https://example.org/z")) if listed else None
    got = link_popularity(clicked(*rows), known)
    assert list(got.columns) == ["link_uri", "n_link_ids", "clicks_total", "unique_clickers", "share_of_clicks"]
    assert got["link_uri"].is_unique
    assert got["clicks_total"].sum() == len(rows)
    assert got["clicks_total"].is_monotonic_decreasing
    assert (got["unique_clickers"] <= got["clicks_total"]).all()
    if rows:
        assert got["share_of_clicks"].sum() == pytest.approx(1)
    else:
        assert got["share_of_clicks"].isna().all()
    if listed:
        assert {"https://example.org/a", "https://example.org/z"} <= set(got["link_uri"].dropna())
    else:
        assert (got["clicks_total"] > 0).all()
    shuffled = chance.sample(rows, len(rows))
    pd.testing.assert_frame_equal(link_popularity(clicked(*shuffled), known), got)


def test_links_count_clicks_contacts_and_ids() -> None:
    a, b, c = (f"https://example.org/{name}" for name in "abc")
    rows = clicked(
        ("c1", "1", "7", a), ("c1", "1", "7", a), ("c1", "2", "8", a), ("c2", "1", "7", None), ("c2", "2", "9", b)
    )
    got = link_popularity(rows, links(("c1", "7", a), ("c1", "8", a), ("c2", "7", b), ("c2", "9", b), ("c2", "6", c)))
    assert got["link_uri"].tolist() == [a, b, c]
    assert got["clicks_total"].tolist() == [3, 2, 0]
    assert got["unique_clickers"].tolist() == [2, 2, 0]
    assert got["n_link_ids"].tolist() == [2, 2, 1]
    assert got["share_of_clicks"].tolist() == [0.6, 0.4, 0.0]
    alone = link_popularity(rows)
    assert alone["link_uri"].tolist() == [a, b, pd.NA]  # of equal counts the unknown one is last
    assert alone["clicks_total"].tolist() == [3, 1, 1]


def test_the_definition_goes_with_the_table() -> None:
    for result in (funnel(table([])), link_popularity(table([]))):
        assert result.attrs["cctrack"]["definition"]
        assert "definition" in cctrack.provenance(result)["property"].tolist()


def test_what_was_observed_in_the_demo_account_is_what_its_summaries_say() -> None:
    with cctrack.demo(contacts=300) as session:
        activities = cctrack.account_activities_df(session=session)
        ids = cctrack.campaigns_df(session=session)["campaign_id"]
        summary = cctrack.campaign_summary_df(ids, update_summary=True, session=session).set_index("campaign_id")
        campaign = activities["campaign_id"].value_counts().index[0]
        listed = cctrack.links_df(campaign, session=session)
    got = funnel(activities, by="campaign_id")
    got["observed"] = got["n"] - got["n_inferred"]
    observed = got.pivot(index="campaign_id", columns="stage", values="observed")
    summary = summary.loc[summary["sends"] > 0].sort_index()
    assert observed.index.tolist() == summary.index.tolist()
    assert len(observed) >= 26
    for stage, field in (("sent", "sends"), ("opened", "opens"), ("clicked", "clicks")):
        assert observed[stage].tolist() == summary[field].tolist()
    assert got["n"].sum() > got["observed"].sum()  # some opens are known from clicks alone

    mine = activities[activities["campaign_id"] == campaign]
    popular = link_popularity(mine, listed)
    counted = listed.groupby("link_uri")["click_count"].sum()
    assert popular.set_index("link_uri")["clicks_total"].to_dict() == counted.to_dict()
    bare = mine.assign(link_uri=pd.array([pd.NA] * len(mine), dtype="string"))
    pd.testing.assert_frame_equal(link_popularity(bare, listed), popular)
