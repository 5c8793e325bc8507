"""The most clicked links: every figure against plain sets, against the truth of the demo account, and on the edges."""

import json
from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom

import cctrack
from cctrack.analysis import explain, link_popularity
from cctrack.catalog import ACTIVITIES
from cctrack.demo_account.account import Account, generate
from cctrack.frames import Columns

A, B, FOOTER = "https://example.org/a", "https://example.org/b", "https://example.org/unsubscribe"
KEY = {
    A: A, "http://www.example.org/a/?utm_source=one": A, "https://example.org/a?utm_source=two#top": A,
    B: B, FOOTER: FOOTER,
}  # fmt: skip
FIXED = ["link_uri", "url_key", "kind", "n_link_ids", "n_campaigns", "n_addresses", "exposed"]
MEASURES = [
    "clicks_total", "unique_clickers", "clicked_recipients", "clicks_per_clicker", "reach", "reach_low", "reach_high",
    "reach_eb", "share_of_clicks", "share_of_clickers", "first_clicks", "first_click_share", "rank", "rank_low",
    "rank_high", "t50", "t50_low", "t50_high", "share_24h", "low_n",
]  # fmt: skip
RANKS = ["rank", "rank_low", "rank_high"]
START = pd.Timestamp("2026-01-01", tz="UTC")


class Event(NamedTuple):
    kind: str
    campaign: str | None = "c1"
    contact: str | None = "1"
    hours: float | None = 0
    link: str | None = None
    uri: str | None = None
    code: str | None = None
    machine: bool = False


events = st.lists(
    st.builds(
        Event,
        st.sampled_from(["SEND", "SEND", "CLICK", "CLICK", "CLICK", "OPEN", "BOUNCE", "UNSUBSCRIBE", "NEVER_SEEN"]),
        st.sampled_from(["c1", "c2", "c3"]),
        st.sampled_from(["1", "2", "01"]),
        st.sampled_from([0, 1, 2.5, 30, None]),
        st.sampled_from(["7", "8", None]),
        st.sampled_from([*KEY, " ", None]),
        st.sampled_from(["B", "V"]),
        st.booleans(),
    ),
    max_size=25,
)
lists = st.none() | st.lists(
    st.tuples(st.sampled_from(["c1", "c2", "c4"]), st.sampled_from(["7", "8"]), st.sampled_from([*KEY, None])),
    max_size=4,
)


def table(rows: Sequence[Event], machine: bool = True) -> pd.DataFrame:
    """Make a table of activities; with `machine` it says itself what is automatic."""
    columns = Columns(ACTIVITIES)
    columns.add(
        [
            {
                "activity_type": f"EMAIL_{row.kind}",
                "activity_date": None if row.hours is None else (START + pd.Timedelta(hours=row.hours)).isoformat(),
                "campaign_id": row.campaign,
                "contact_id": row.contact,
                "link_id": row.link if row.kind == "CLICK" else None,
                "link_uri": row.uri if row.kind == "CLICK" else None,
                "bounce_code": row.code if row.kind == "BOUNCE" else None,
            }
            for row in rows
        ]
    )
    frame = columns.frame()
    return frame.assign(machine=np.array([row.machine for row in rows], dtype=bool)) if machine else frame


def links(rows: Sequence[tuple[str, str, str | None]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["campaign_id", "link_id", "link_uri"], dtype="string").assign(click_count=0)


def plain_links(rows: Any) -> pd.DataFrame | None:
    return None if rows is None else links(rows)


def sent(campaign: str, contacts: int, hours: float = 0) -> list[Event]:
    return [Event("SEND", campaign, str(one), hours) for one in range(contacts)]


def clicks(campaign: str, contacts: int, uri: str | None, hours: float = 1, link: str = "7") -> list[Event]:
    return [Event("CLICK", campaign, str(one), hours, link, uri) for one in range(contacts)]


def of(got: pd.DataFrame, key: str, column: str) -> Any:
    return got.set_index("url_key")[column][key]


# Figures by hand


class Click(NamedTuple):
    campaign: str
    contact: str
    hours: float | None
    link: str | None
    uri: str | None
    machine: bool

    @property
    def key(self) -> str | None:
        return None if self.uri is None else KEY[self.uri]


def read(rows: Sequence[Event], listed: Any) -> list[Click]:
    """Give the clicks with their addresses."""
    told = [
        Click(*row[1:4], row.link, (row.uri or "").strip() or None, row.machine) for row in rows if row.kind == "CLICK"
    ]  # type: ignore[arg-type]
    known: dict[Any, list[str]] = {}
    for source in ([(c, link, uri) for c, link, uri in listed or []], [(c.campaign, c.link, c.uri) for c in told]):
        found: dict[Any, list[str]] = {}
        for campaign, link, uri in source:
            if uri and link:
                found.setdefault((campaign, link), []).append(uri)
        known = {**found, **known}
    return [one._replace(uri=one.uri or min(known.get((one.campaign, one.link), [None]), key=str)) for one in told]


def exposures(rows: Sequence[Event], listed: Any, told: Sequence[Click]) -> dict[str | None, int | None]:
    """Give how many recipients were exposed to each key, None where that is not known."""
    has: dict[str, set[tuple[str | None, str | None]]] = {}
    for row in rows:
        name = "bounced" if row.kind == "BOUNCE" and row.code != "V" else row.kind
        has.setdefault(name, set()).add((row.campaign, row.contact))
    none: set[Any] = set()
    engaged = has.get("CLICK", none) | has.get("OPEN", none)
    delivered = Counter(campaign for campaign, _ in (has.get("SEND", none) - has.get("bounced", none)) | engaged)
    sends = {campaign for campaign, _ in has.get("SEND", none)}
    active = {row.campaign for row in rows if row.kind in ("SEND", "CLICK", "OPEN", "BOUNCE", "UNSUBSCRIBE")}
    told_of = {campaign for campaign, _, uri in listed or [] if uri}
    clicked = {one.campaign for one in told}
    open_ = {c for c in delivered if c not in told_of and (listed is None or c in clicked)}
    keys = {one.key for one in told} | {KEY[uri] for c, _, uri in listed or [] if uri and c in active}
    found: dict[str | None, int | None] = {}
    for key in keys:
        within = {one.campaign for one in told if one.key == key}
        within |= {c for c, _, uri in listed or [] if uri and KEY[uri] == key and c in active}
        lost = key is None or open_ - within or any(delivered[c] and c not in sends for c in within)
        found[key] = None if lost else sum(delivered[c] for c in within)
    return found


def by_hand(rows: Sequence[Event], told: Sequence[Click], key: str | None) -> dict[str, Any]:
    """Give the figures of a link."""
    shown = [one for one in told if one.key != FOOTER]
    mine = [one for one in shown if one.key == key]
    sends: dict[Any, float] = {}
    for row in rows:
        if row.kind == "SEND" and row.hours is not None:
            who = row.campaign, row.contact
            sends[who] = min(row.hours, sends.get(who, row.hours))
    first: dict[Any, Click] = {}
    own: dict[Any, float] = {}
    for one in shown:
        who = one.campaign, one.contact
        if who not in first or _order(one) < _order(first[who]):
            first[who] = one
        if one.key == key and one.hours is not None and who in sends:
            own[who] = min(one.hours - sends[who], own.get(who, np.inf))
    newest = max([row.hours for row in rows if row.hours is not None], default=0)
    ripe = [delay for who, delay in own.items() if sends[who] <= newest - 24]
    people = {one.contact for one in mine}
    return {
        "clicks_total": len(mine),
        "unique_clickers": len(people),
        "clicked_recipients": len({one[:2] for one in mine}),
        "clicks_per_clicker": _share(len(mine), len(people)),
        "share_of_clicks": _share(len(mine), len(shown)),
        "share_of_clickers": _share(len(people), len({one.contact for one in shown})),
        "first_clicks": sum(one.key == key for one in first.values()),
        "first_click_share": _share(sum(one.key == key for one in first.values()), len(first)),
        "t50": median(own.values()) if own else np.nan,
        "share_24h": _share(sum(delay <= 24 for delay in ripe), len(ripe)),
    }


def _order(click: Click) -> tuple[Any, ...]:
    return (click.hours is None, click.hours, click.key is None, click.key)


def _share(part: int, whole: int) -> float:
    return part / whole if whole else np.nan


@given(events, lists)
@settings(deadline=None, max_examples=60)
def test_figures_are_their_definitions(rows: list[Event], listed: Any) -> None:
    got = link_popularity(table(rows), plain_links(listed))
    assert list(got.columns) == [*FIXED, *MEASURES, *(f"{name}_human" for name in MEASURES)]
    told = read(rows, listed)
    human = [one for one in told if not one.machine]
    exposed = {key: n for key, n in exposures(rows, listed, told).items() if key != FOOTER}
    keys = [None if pd.isna(key) else key for key in got["url_key"]]
    assert len(set(keys)) == len(keys)
    active = {row.campaign for row in rows if row.kind != "NEVER_SEEN"}
    assert set(keys) - {None} == set(exposed) - {None}
    assert (None in keys) == (None in exposed or any(c in active and not uri for c, _, uri in listed or []))
    for key, (_, row) in zip(keys, got.iterrows(), strict=True):
        assert exposed.get(key) is None if pd.isna(row["exposed"]) else row["exposed"] == exposed[key]
        for suffix, side in (("", told), ("_human", human)):
            for name, value in by_hand(rows, side, key).items():
                cell = row[name + suffix]
                cell = cell / pd.Timedelta(hours=1) if name == "t50" else cell
                assert (pd.isna(value) and pd.isna(cell)) or cell == pytest.approx(value), name
            k, n = row[f"clicked_recipients{suffix}"], row["exposed"]
            assert (pd.isna(n) or n == 0) == np.isnan(row[f"reach{suffix}"])
            if not pd.isna(n) and n:
                assert row[f"reach{suffix}"] == k / n
                assert row[f"reach_low{suffix}"] <= k / n <= row[f"reach_high{suffix}"]
                assert 0 <= row[f"reach_eb{suffix}"] <= 1
            assert row[f"low_n{suffix}"] == (k < 5 or (not pd.isna(n) and n - k < 5))


@given(events, lists, st.sampled_from([None, "campaign_id", "contact_id", "machine"]))
@settings(deadline=None, max_examples=30)
def test_what_must_hold_between_figures(rows: list[Event], listed: Any, by: str | None) -> None:
    got = link_popularity(table(rows), plain_links(listed), by=by, kinds="all")
    groups = [got] if by is None else [group for _, group in got.groupby(by, dropna=False, sort=False)]
    assert list(got.index) == list(range(len(got)))
    for group in groups:
        for suffix in ("", "_human"):
            total = group[f"clicks_total{suffix}"]
            assert (group[f"unique_clickers{suffix}"] <= group[f"clicked_recipients{suffix}"]).all()
            assert (group[f"clicked_recipients{suffix}"] <= total).all()
            for name in ("share_of_clicks", "first_click_share"):
                shares = group[name + suffix]
                assert shares.sum() == pytest.approx(1) if total.sum() else shares.isna().all()
            ranks = group[f"rank{suffix}"].dropna()
            assert sorted(ranks) == list(range(1, len(ranks) + 1))
            held = group.dropna(subset=[f"rank{suffix}"])
            assert (held[f"rank_low{suffix}"] <= held[f"rank{suffix}"]).all()
            assert (held[f"rank{suffix}"] <= held[f"rank_high{suffix}"]).all()
        for name in ("clicks_total", "unique_clickers", "clicked_recipients"):
            assert (group[f"{name}_human"] <= group[name]).all()
        ranks = group["rank_human"].fillna(10**6)
        assert ranks.is_monotonic_increasing
        assert group["url_key"].iloc[:-1].notna().all()  # the unknown one is last


@given(events, lists, st.randoms(use_true_random=False), st.sampled_from([None, "campaign_id"]))
@settings(deadline=None, max_examples=20)
def test_order_of_rows_changes_nothing_and_repeats_no_uniques(
    rows: list[Event], listed: Any, chance: Any, by: str | None
) -> None:
    known = plain_links(listed)
    got = link_popularity(table(rows), known, by=by)
    shuffled = chance.sample(rows, len(rows))
    mixed = None if known is None else known.sample(frac=1, random_state=1)
    pd.testing.assert_frame_equal(link_popularity(table(shuffled), mixed, by=by), got)
    more = link_popularity(table(rows + chance.choices(rows, k=5)) if rows else table(rows), known, by=by)
    clicks_alone = {name for name in got if name.startswith(("clicks_", "share_of_clicks", "rank", "link_uri", "kind"))}
    keys = ["url_key"] if by is None else [by, "url_key"]
    same = [name for name in got if name not in clicks_alone]
    left, right = (one[same].sort_values(keys, ignore_index=True) for one in (got, more))
    pd.testing.assert_frame_equal(left, right)


@given(events, lists)
@settings(deadline=None, max_examples=20)
def test_groups_are_tables_of_their_own(rows: list[Event], listed: Any) -> None:
    known = plain_links(listed)
    got = link_popularity(table(rows), known, by="campaign_id")
    drawn = [name for name in got if name.startswith(("reach_eb", "rank"))]  # their prior is that of the whole table
    for campaign, group in got.groupby("campaign_id"):
        alone = link_popularity(table([row for row in rows if row.campaign == campaign]), known)
        mine = group.drop(columns=["campaign_id", *drawn])
        if (row_hours(rows, None) or 0) == (row_hours(rows, str(campaign)) or 0):  # where the data end
            pd.testing.assert_frame_equal(
                mine.sort_values("url_key", ignore_index=True),
                alone.drop(columns=drawn).sort_values("url_key", ignore_index=True),
            )


def row_hours(rows: Sequence[Event], campaign: str | None) -> float | None:
    own = [row.hours for row in rows if row.hours is not None and campaign in (None, row.campaign)]
    return max(own, default=None)


@given(events, lists)
@settings(deadline=None, max_examples=15)
def test_both_is_what_was_recorded_and_what_is_left(rows: list[Event], listed: Any) -> None:
    known = plain_links(listed)
    both, include, exclude = (
        link_popularity(table(rows), known, machine=one).set_index("url_key") for one in ("both", "include", "exclude")
    )
    assert list(include.columns) == list(exclude.columns)
    assert both.index.equals(exclude.index)
    pd.testing.assert_frame_equal(both[include.columns], include.loc[both.index])
    human = both[[*FIXED[:1], *FIXED[2:], *(f"{name}_human" for name in MEASURES)]]
    pd.testing.assert_frame_equal(human.rename(columns=lambda name: name.removesuffix("_human")), exclude)


@given(events)
@settings(deadline=None, max_examples=20)
def test_of_one_campaign_reach_is_of_contacts(rows: list[Event]) -> None:
    mine = [row for row in rows if row.campaign == "c1"]
    got = link_popularity(table(mine), machine="include").dropna(subset=["url_key"])
    assert (got["clicked_recipients"] == got["unique_clickers"]).all()
    if any(row.kind == "SEND" for row in mine):
        np.testing.assert_array_equal(got["reach"], (got["unique_clickers"] / got["exposed"]).astype(float))
        assert got["exposed"].nunique() <= 1
    else:
        assert got["reach"].isna().all()


# Who was exposed


def test_without_a_list_exposure_is_known_of_one_campaign_alone() -> None:
    one = [*sent("c1", 10), *clicks("c1", 4, A), *clicks("c1", 2, B)]
    got = link_popularity(table(one))
    assert got["exposed"].tolist() == [10, 10]
    assert got["reach"].tolist() == [0.4, 0.2]
    two = [*one, *sent("c2", 5), *clicks("c2", 1, A)]
    got = link_popularity(table(two))
    assert got["exposed"].tolist() == [15, pd.NA]  # a was clicked in both
    assert of(got, A, "reach") == 5 / 15
    assert np.isnan(of(got, B, "reach"))
    assert got["rank"].tolist() == [1, 2]
    assert "clicked_recipients" in explain(got).text.split("method: ")[1].splitlines()[0]
    assert "links=cctrack.links_df" in " ".join(got.attrs["cctrack"]["notes"])
    by = link_popularity(table(two), by="campaign_id")
    assert by["exposed"].tolist() == [10, 10, 5]


def test_a_list_tells_who_was_exposed_and_what_nobody_clicked() -> None:
    rows = [*sent("c1", 10), *clicks("c1", 4, A), *sent("c2", 5), *clicks("c2", 1, A), *sent("c3", 7)]
    listed = links(
        [("c1", "7", A), ("c1", "8", B), ("c2", "7", A), ("c2", "9", f"{A}?utm_medium=email"), ("c9", "1", B)]
    )
    got = link_popularity(table(rows), listed)
    assert got["url_key"].tolist() == [A, B]
    assert got["exposed"].tolist() == [15, 10]
    assert got["n_link_ids"].tolist() == [3, 1]
    assert got["n_campaigns"].tolist() == [2, 1]
    assert got["n_addresses"].tolist() == [2, 1]
    zero = got.iloc[1]
    assert zero["clicks_total"] == zero["unique_clickers"] == zero["first_clicks"] == zero["reach"] == 0
    assert np.isnan(zero["clicks_per_clicker"])
    assert zero["share_of_clicks"] == 0
    assert pd.isna(zero["t50"])
    assert zero["reach_low"] == 0 < zero["reach_high"]
    assert "reach_eb" in explain(got).text.split("method: ")[1].splitlines()[0]


def test_a_campaign_that_the_list_lacks_makes_exposure_unknown_where_it_may_matter() -> None:
    rows = [*sent("c1", 10), *clicks("c1", 4, A), *clicks("c1", 1, B), *sent("c2", 5), *clicks("c2", 1, A)]
    got = link_popularity(table(rows), links([("c1", "7", A), ("c1", "8", B)]))
    assert of(got, A, "exposed") == 15  # it was clicked in both
    assert pd.isna(of(got, B, "exposed"))  # c2 may have had it
    assert "`links` lacks 1 campaign" in " ".join(got.attrs["cctrack"]["notes"])


def test_without_send_rows_nobody_knows_who_received_it() -> None:
    got = link_popularity(table(clicks("c1", 4, A)))
    assert got["exposed"].isna().all()
    assert got["reach"].isna().all()
    assert got["clicked_recipients"].tolist() == [4]
    assert got["rank"].tolist() == [1]
    assert "1 campaign without send rows" in got.attrs["cctrack"]["notes"][0]


def test_clicks_of_contacts_that_nothing_was_sent_to_count_as_delivered() -> None:
    got = link_popularity(table([*sent("c1", 3), *clicks("c1", 5, A)]))
    assert got["exposed"].tolist() == [5]
    assert got["reach"].tolist() == [1.0]
    assert "2 recipients that clicked without a send row" in " ".join(got.attrs["cctrack"]["notes"])


@pytest.mark.parametrize(("definitions", "exposed"), [("cctrack", 4), ("constant_contact", 3), ("sent", 5)])
def test_definitions_say_who_was_exposed(definitions: Any, exposed: int) -> None:
    bounced = [Event("BOUNCE", "c1", "3", code="B"), Event("BOUNCE", "c1", "4", code="V")]
    got = link_popularity(table([*sent("c1", 5), *bounced, *clicks("c1", 1, A)]), definitions=definitions)
    assert got["exposed"].tolist() == [exposed]


def test_who_bounced_and_clicked_was_delivered_to() -> None:
    rows = [*sent("c1", 2), Event("BOUNCE", "c1", "0", code="F"), *clicks("c1", 1, A)]
    assert link_popularity(table(rows))["exposed"].tolist() == [2]
    aside = [row._replace(machine=row.kind == "CLICK") for row in rows]  # the denominator stays as recorded
    got = link_popularity(table(aside), machine="exclude")
    assert got[["exposed", "clicked_recipients"]].to_numpy().tolist() == [[2, 0]]


# Addresses, keys and kinds


def test_spellings_of_a_link_are_one_and_the_commonest_is_shown() -> None:
    seen = [uri for uri, key in KEY.items() if key == A]
    rows = [*sent("c1", 9), *clicks("c1", 1, seen[0], link="1"), *clicks("c1", 3, seen[1], link="2")]
    got = link_popularity(table(rows))
    assert got[["link_uri", "url_key", "n_addresses", "n_link_ids"]].to_numpy().tolist() == [[seen[1], A, 2, 2]]
    raw = link_popularity(table(rows), level="raw")
    assert raw["url_key"].tolist() == raw["link_uri"].tolist() == [seen[1], seen[0]]
    host = link_popularity(table([*rows, *clicks("c1", 1, B)]), level="host")
    assert host[["url_key", "clicks_total"]].to_numpy().tolist() == [["https://example.org/", 5]]


def test_the_same_id_in_two_campaigns_is_two_links() -> None:
    got = link_popularity(table([*clicks("c1", 2, A), *clicks("c2", 1, B)]))
    assert got["url_key"].tolist() == [A, B]
    assert got["n_link_ids"].tolist() == [1, 1]
    same = link_popularity(table([*clicks("c1", 2, A), *clicks("c2", 2, A)]))
    assert same[["n_link_ids", "unique_clickers", "clicked_recipients"]].to_numpy().tolist() == [[2, 2, 4]]


def test_a_click_without_an_address_gets_it_from_its_link() -> None:
    rows = [
        *clicks("c1", 2, None, link="7"),
        *clicks("c2", 1, None, link="7"),
        Event("CLICK", "c2", "9", 1, None, None),
    ]
    got = link_popularity(table(rows), links([("c1", "7", A), ("c2", "8", B)]))
    assert got["url_key"].tolist() == [A, B, pd.NA]
    assert got["clicks_total"].tolist() == [2, 0, 2]
    assert got["n_link_ids"].tolist() == [1, 1, 1]
    last = got.iloc[-1]
    assert last[["link_uri", "url_key", "kind", "exposed", "rank", "rank_low", "rank_high"]].isna().all()
    assert last["share_of_clicks"] == 0.5
    seen = link_popularity(table([*rows, Event("CLICK", "c1", "5", 2, "7", B), *clicks("c1", 1, "  ", link="7")]))
    assert seen["url_key"].tolist() == [B, pd.NA]
    assert seen["clicks_total"].tolist() == [4, 2]


def test_only_content_is_shown_unless_asked() -> None:
    rows = [*sent("c1", 9), *clicks("c1", 5, A), *clicks("c1", 3, FOOTER), *clicks("c1", 2, "mailto:a@example.org")]
    got = link_popularity(table(rows))
    assert got["kind"].tolist() == ["content"]
    assert got["share_of_clicks"].tolist() == [1.0]
    assert got.attrs["cctrack"]["notes"][0] == (
        "5 clicks on 2 links of other kinds hidden (unsubscribe 3, mailto 2); kinds='all' shows them."
    )
    every = link_popularity(table(rows), kinds="all")
    assert every["kind"].tolist() == ["content", "unsubscribe", "mailto"]
    assert every["share_of_clicks"].tolist() == [0.5, 0.3, 0.2]
    assert "hidden" not in " ".join(every.attrs["cctrack"]["notes"])
    some = link_popularity(table(rows), kinds=["content", "mailto"])
    assert some["share_of_clicks"].tolist() == pytest.approx([5 / 7, 2 / 7])
    own = link_popularity(table(rows), kinds=["shop"], extra_kinds={"/a": "shop"})
    assert own[["url_key", "kind"]].to_numpy().tolist() == [[A, "shop"]]


def test_parameters_that_only_track_may_be_named() -> None:
    rows = [*clicks("c1", 1, f"{A}?cid=1"), *clicks("c1", 2, f"{A}?cid=2")]
    assert len(link_popularity(table(rows))) == 2
    assert link_popularity(table(rows), drop="cid")["url_key"].tolist() == [A]


def test_odd_addresses() -> None:
    odd = [
        "https://example.org/\N{CJK UNIFIED IDEOGRAPH-65E5}\N{CJK UNIFIED IDEOGRAPH-672C}?q=\N{SNOWMAN}",
        "https://example.org/search?" + "x" * 1900,
        "not an address",
        "https://[::1/broken",
    ]
    rows = [row for place, uri in enumerate(odd) for row in clicks("c1", len(odd) - place, uri, link=str(place))]
    got = link_popularity(table([*sent("c1", 9), *rows]))
    assert got["link_uri"].tolist() == odd
    assert got["clicks_total"].tolist() == [4, 3, 2, 1]


# Times


def test_first_clicks_and_delays_are_of_recipients() -> None:
    rows = [*sent("c1", 3), Event("SEND", "c1", "1", 5), Event("SEND", "c2", "1", 100)]
    rows += [
        Event("CLICK", "c1", "0", 2, "7", A),
        Event("CLICK", "c1", "0", 1, "8", B),
        Event("CLICK", "c1", "0", 9, "7", A),
    ]
    rows += [Event("CLICK", "c1", "1", 30, "7", A), Event("CLICK", "c2", "1", 104, "7", A)]
    got = link_popularity(table(rows), machine="include")
    assert got["first_clicks"].tolist() == [2, 1]
    assert of(got, A, "t50") == pd.Timedelta(hours=4)  # of 2, 4 and 30
    assert of(got, A, "share_24h") == 0.5  # c2 was sent less than a day before the data end
    assert of(got, B, "share_24h") == 1
    assert got["t50"].dtype == "timedelta64[us]"


@pytest.mark.parametrize("n", [1, 2, 5, 6, 7, 20, 41])
@pytest.mark.parametrize("ci", [0.5, 0.95])
def test_the_interval_of_the_median_is_between_two_of_the_delays(n: int, ci: float) -> None:
    rows = [*sent("c1", n), *(Event("CLICK", "c1", str(one), 1 + one, "7", A) for one in range(n))]
    got = link_popularity(table(rows), machine="include", ci=ci).iloc[0]
    assert got["t50"] == pd.Timedelta(hours=1 + (n - 1) / 2)
    out = max((k for k in range(1, n // 2 + 1) if 1 - 2 * binom.cdf(k - 1, n, 0.5) >= ci), default=0)
    if out:
        assert got["t50_low"] == pd.Timedelta(hours=out)
        assert got["t50_high"] == pd.Timedelta(hours=n + 1 - out)
    else:
        assert pd.isna(got["t50_low"])
        assert pd.isna(got["t50_high"])


def test_double_clicks_count_once_where_that_is_asked() -> None:
    second = 1 / 3600
    hours = [1, 1 + second, 1 + 2.5 * second, 1 + 60 * second]
    rows = [*sent("c1", 2), *(Event("CLICK", "c1", "0", hour, "7", A) for hour in hours)]
    rows += [Event("CLICK", "c1", "1", 1, "7", A), Event("CLICK", "c1", "0", 1 + second, "8", B)]
    assert link_popularity(table(rows))["clicks_total"].tolist() == [5, 1]
    got = link_popularity(table(rows), collapse="2s")
    assert got["clicks_total"].tolist() == [3, 1]  # 0 s to 2.5 s is one, then 60 s, then the other contact's
    assert got.attrs["cctrack"]["collapse"] == "0 days 00:00:02"
    twice = link_popularity(table(rows * 2), collapse="2s")
    pd.testing.assert_frame_equal(twice, got)
    aside = [row._replace(machine=row.hours == hours[1]) for row in rows]
    human = link_popularity(table(aside), collapse="2s")
    assert human["clicks_total_human"].tolist() == [3, 0]


def test_later_events_are_not_counted() -> None:
    rows = [*sent("c1", 4), *clicks("c1", 1, A, hours=1), *clicks("c1", 3, B, hours=48)]
    got = link_popularity(table(rows), as_of=START + pd.Timedelta(hours=30))
    assert got["url_key"].tolist() == [A]
    assert got["share_24h"].tolist() == [1.0]
    assert got.attrs["cctrack"]["as_of"] == "2026-01-02T06:00:00Z"
    assert "1 campaign younger than 14 days" in " ".join(got.attrs["cctrack"]["notes"])


def test_clocks_that_disagree_are_told() -> None:
    rows = [*sent("c1", 4, hours=5), *clicks("c1", 3, A, hours=1)]
    with pytest.warns(cctrack.errors.ClockWarning):
        got = link_popularity(table(rows, machine=False))
    assert "t50 and share_24h do not hold" in " ".join(got.attrs["cctrack"]["notes"])
    assert got.attrs["cctrack"]["clocks"] == "suspect"


# Automatic clicks


def test_a_scanner_does_not_make_a_link_the_best() -> None:
    second = 1 / 3600
    rows = [*sent("c1", 40), *clicks("c1", 6, A, hours=3)]
    for contact in range(20, 35):  # they follow every link of the mail within a second
        hit = [Event("CLICK", "c1", str(contact), 1 + n * second / 4, str(n), uri) for n, uri in enumerate((B, FOOTER))]
        rows += hit
    got = link_popularity(table(rows, machine=False))
    assert got["url_key"].tolist() == [A, B]
    assert got["clicks_total"].tolist() == [6, 15]
    assert got["clicks_total_human"].tolist() == [6, 0]
    assert got["rank"].tolist() == [2, 1]
    assert got["rank_human"].tolist() == [1, 2]
    assert got.attrs["cctrack"]["set_aside"] == {"sweep": 15}  # of the clicks that are shown
    assert link_popularity(table(rows, machine=False), machine="include")["url_key"].tolist() == [B, A]
    left = link_popularity(table(rows, machine=False), machine="exclude")
    assert left["clicks_total"].tolist() == [6, 0]  # the link was in the mail all the same


def test_a_table_of_automatic_clicks_alone() -> None:
    rows = [row._replace(machine=True) for row in [*sent("c1", 4), *clicks("c1", 3, A)]]
    got = link_popularity(table(rows))
    assert got[["clicks_total", "clicks_total_human", "exposed"]].to_numpy().tolist() == [[3, 0, 4]]
    assert got[["share_of_clicks_human", "first_click_share_human", "clicks_per_clicker_human"]].isna().all(axis=None)
    assert got["reach_human"].tolist() == [0.0]


# Order


def test_the_best_come_first_by_what_they_would_have_among_equals() -> None:
    others = [(f"https://example.org/{n}", 30 + n) for n in range(9)]
    rows = [*sent("c1", 400), *clicks("c1", 80, A), *sent("c2", 2), *clicks("c2", 1, B)]
    rows += [row for uri, n in others for row in clicks("c1", n, uri)]
    listed = links([("c1", "7", A), ("c2", "7", B), *(("c1", "7", uri) for uri, _ in others)])
    got = link_popularity(table(rows), listed)
    assert got["url_key"].iloc[0] == A  # 1 of 2 is no better than 80 of 400
    assert of(got, B, "reach") == 0.5 > 2 * of(got, B, "reach_eb")
    assert of(got, B, "low_n")
    assert not of(got, A, "low_n")
    assert got[RANKS].iloc[0].tolist() == [1, 1, 1]
    assert of(got, B, "rank_high") - of(got, B, "rank_low") > 5
    clear = link_popularity(table([*sent("c1", 400), *clicks("c1", 200, A), *clicks("c1", 20, B)]))
    assert clear[RANKS].to_numpy().tolist() == [[1, 1, 1], [2, 2, 2]]


def test_equal_links_stand_in_the_order_of_their_clicks_then_keys() -> None:
    rows = [
        *sent("c1", 9),
        *clicks("c1", 2, B),
        *clicks("c1", 2, A),
        *clicks("c1", 2, f"{A}/z"),
        *clicks("c1", 1, f"{A}/z"),
    ]
    got = link_popularity(table(rows))
    assert got["url_key"].tolist() == [f"{A}/z", A, B]


# Groups and labels


def test_groups_by_month_segment_and_several() -> None:
    rows = [*sent("c1", 4), *clicks("c1", 2, A), *sent("c2", 4, 24 * 40), *clicks("c2", 1, A, 24 * 41)]
    month = link_popularity(table(rows), by="month", tz="America/New_York")
    assert month["month"].tolist() == ["2025-12", "2026-02"]
    assert month["exposed"].tolist() == [4, 4]
    segment = pd.Series(["x", "x", "y"], index=pd.Index(["0", "1", "1"], dtype="string"), name="list")
    got = link_popularity(table(rows), by=["campaign_id", segment])
    assert list(got.columns[:2]) == ["campaign_id", "list"]
    assert got[["campaign_id", "list", "exposed", "unique_clickers"]].astype(object).to_numpy().tolist() == [
        ["c1", "x", 2, 2], ["c1", "y", 1, 1], ["c2", "x", 2, 1],
    ]  # fmt: skip
    pooled = link_popularity(table(rows), by=segment)
    assert pooled[["list", "unique_clickers", "clicked_recipients"]].to_numpy().tolist() == [["x", 2, 3], ["y", 1, 1]]
    assert "in several campaigns" in " ".join(pooled.attrs["cctrack"]["notes"])


def test_rows_of_no_group_come_last() -> None:
    rows = table([*sent("c1", 2), *clicks("c1", 2, A)])
    region = pd.array([pd.NA, "x", pd.NA, "x"], dtype="string")
    got = link_popularity(rows.assign(region=region), by="region")
    assert got["region"].tolist() == ["x", pd.NA]
    assert got["clicks_total"].tolist() == [1, 1]


def test_labels_name_the_campaigns() -> None:
    labels = pd.DataFrame({"campaign_id": ["c1"], "name": ["Spring"]}, dtype="string")
    rows = [*sent("c1", 2), *clicks("c1", 2, A), *sent("c2", 2, 5), *clicks("c2", 2, A, 6)]
    got = link_popularity(table(rows), by="campaign_id", labels=labels)
    assert list(got.columns[:4]) == ["campaign_id", "campaign_name", "send_date", "link_uri"]
    assert got["campaign_name"].tolist() == ["Spring", pd.NA]
    assert got["send_date"].tolist() == [START, START + pd.Timedelta(hours=5)]


# What comes in, and what goes out


def test_nothing_gives_a_table_of_nothing() -> None:
    full = link_popularity(table([*sent("c1", 2), *clicks("c1", 2, A)]))
    for rows, known in (([], None), ([], links([("c1", "7", A)])), (sent("c1", 2), None), (sent("c1", 1), links([]))):
        got = link_popularity(table(rows), known)
        assert len(got) == 0
        assert got.dtypes.equals(full.dtypes)
        assert explain(got).text
    grouped = link_popularity(table([]), by="campaign_id")
    assert grouped.dtypes.equals(link_popularity(table(clicks("c1", 1, A)), by="campaign_id").dtypes)
    lone = link_popularity(table(sent("c1", 1)), links([("c1", "7", A)]))
    assert lone[["clicks_total", "exposed", "rank"]].to_numpy().tolist() == [[0, 1, 1]]


def test_dtypes_are_those_of_results() -> None:
    got = link_popularity(table([*sent("c1", 2), *clicks("c1", 2, A)]))
    dtypes = {name.removesuffix("_human"): str(dtype) for name, dtype in got.dtypes.items()}
    counts = {*FIXED[3:], "clicks_total", "unique_clickers", "clicked_recipients", "first_clicks", *RANKS}
    assert {name for name, dtype in dtypes.items() if dtype == "Int64"} == counts
    assert {name for name, dtype in dtypes.items() if dtype == "string"} == set(FIXED[:3])
    assert {name for name, dtype in dtypes.items() if dtype == "timedelta64[us]"} == {"t50", "t50_low", "t50_high"}
    assert dtypes["low_n"] == "bool"


def test_clicks_of_nobody_are_left_out_and_told() -> None:
    rows = [
        *sent("c1", 2),
        *clicks("c1", 2, A),
        Event("CLICK", "c1", None, 1, "7", A),
        Event("CLICK", None, "1", 1, "7", A),
    ]
    got = link_popularity(table(rows))
    assert got["clicks_total"].tolist() == [2]
    assert "2 clicks without campaign or contact id left out." in got.attrs["cctrack"]["notes"]


def account_table(account: Account, kinds: Sequence[str] = ("sends", "clicks")) -> pd.DataFrame:
    """Give what the service would tell of an account, with the truth of each event beside it."""
    parts = []
    for kind in kinds:
        told = account.events(kind)
        size = len(told)
        texts = {
            "activity_type": [f"EMAIL_{kind[:-1].upper()}"] * size,
            "campaign_id": [account.campaigns.ids[place] for place in told.campaign],
            "contact_id": [account.contacts.ids[place] for place in told.contact],
            "link_id": [account.links.ids[place] for place in told.link] or [None] * size,
            "link_uri": [account.links.url[place] for place in told.link] or [None] * size,
            "bounce_code": [None] * size,
            "origin": account.truth.origin(kind).tolist(),
        }
        frame = pd.DataFrame({name: pd.array(values, dtype="string") for name, values in texts.items()})
        frame["activity_date"] = pd.to_datetime(told.time, unit="ms", utc=True).as_unit("us")
        parts.append(frame)
    return pd.concat(parts, ignore_index=True)


def account_links(account: Account) -> pd.DataFrame:
    return links([(account.campaigns.ids[c], *one) for c, *one in zip(
        account.links.campaign.tolist(), account.links.ids, account.links.url, strict=True)])  # fmt: skip


@pytest.fixture(scope="module")
def crowd() -> Account:
    return generate(3000, seed=4, preset="b2b")


@pytest.fixture(scope="module")
def told(crowd: Account) -> pd.DataFrame:
    return account_table(crowd)


def test_engines_and_dtypes_give_the_same(crowd: Account) -> None:
    import duckdb
    import polars as pl
    import pyarrow as pa

    rows = account_table(crowd)
    rows = rows[rows["campaign_id"].isin(crowd.campaigns.ids[:5])].reset_index(drop=True)
    listed = account_links(crowd)
    before = rows.copy(deep=True)
    categorical = rows.assign(**{name: rows[name].astype("category") for name in rows if name != "activity_date"})
    lazy = pl.from_arrow(pa.Table.from_pandas(rows, preserve_index=False))
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone='UTC'")
        known = connection.from_arrow(pa.Table.from_pandas(rows, preserve_index=False))
        for by in (None, "campaign_id"):
            want = link_popularity(rows, listed, by=by)
            pd.testing.assert_frame_equal(rows, before)
            small = listed.astype({"link_id": "category", "link_uri": "category"})
            pd.testing.assert_frame_equal(link_popularity(categorical, small, by=by), want)
            for one in (lazy, lazy.lazy(), known):
                pd.testing.assert_frame_equal(link_popularity(one, listed, by=by), want)


def test_what_people_clicked_is_found_behind_the_scanners(crowd: Account, told: pd.DataFrame) -> None:
    listed = account_links(crowd)
    got = link_popularity(told, listed, by="campaign_id", level="raw", kinds="all")
    got = got.set_index(["campaign_id", "url_key"])
    real = told[(told["activity_type"] == "EMAIL_CLICK") & (told["origin"] != "scanner")]
    truth = real.groupby(["campaign_id", "link_uri"])["contact_id"].nunique().reindex(got.index, fill_value=0)
    recorded, human = got["unique_clickers"].astype(int), got["unique_clickers_human"].astype(int)
    assert recorded.sum() > 2 * truth.sum()
    assert (recorded >= truth).all()
    assert abs(human.sum() / truth.sum() - 1) < 0.06
    # What stays of scanners are those that click one link alone: no rule of time sees these.
    assert (human - truth).abs().max() <= 8
    assert np.corrcoef(human, truth)[0, 1] > 0.97
    delivered = told[told["activity_type"] == "EMAIL_SEND"].groupby("campaign_id")["contact_id"].nunique()
    assert got["exposed"].tolist() == [delivered[campaign] for campaign, _ in got.index]


def test_the_most_popular_link_is_the_one_that_people_like_most(crowd: Account, told: pd.DataFrame) -> None:
    listed = account_links(crowd)
    got = link_popularity(told, listed)
    kinds = link_popularity(told, listed, kinds="all").set_index("url_key")["kind"]
    real = told[(told["activity_type"] == "EMAIL_CLICK") & (told["origin"] != "scanner")]
    who = link_popularity(real.assign(activity_type="EMAIL_CLICK"), level="page", kinds="all", machine="include")
    people = who.set_index("url_key")["clicked_recipients"]
    rate = (people / got.set_index("url_key")["exposed"])[lambda one: kinds.reindex(one.index) == "content"].dropna()
    rate = rate[got.set_index("url_key")["exposed"].reindex(rate.index) > 100]
    assert got["url_key"].iloc[0] in rate.sort_values(ascending=False).index[:3].tolist()
    best = got.set_index("url_key")[["rank_low_human", "rank_high_human"]]
    places = rate.rank(ascending=False, method="first")
    inside = (best["rank_low_human"].reindex(rate.index) <= places) & (
        places <= best["rank_high_human"].reindex(rate.index)
    )
    assert inside.mean() > 0.8
    assert got["clicks_total_human"].sum() < got["clicks_total"].sum()


def test_half_of_the_clicks_come_in_the_first_hours(crowd: Account, told: pd.DataFrame) -> None:
    got = link_popularity(told, account_links(crowd), level="host", machine="exclude")
    busy = got[got["unique_clickers"] >= 100]
    assert len(busy) >= 3
    assert busy["t50"].between(pd.Timedelta("30min"), pd.Timedelta("8h")).all()
    assert (busy["t50_low"] < busy["t50"]).all()
    assert (busy["t50"] < busy["t50_high"]).all()
    assert busy["share_24h"].between(0.65, 0.95).all()


def test_counts_are_those_of_the_service() -> None:
    with cctrack.demo(contacts=300) as session:
        activities = cctrack.account_activities_df(session=session)
        campaign = activities["campaign_id"].value_counts().index[0]
        listed = cctrack.links_df(campaign, session=session)
        summary = cctrack.campaign_summary_df(campaign, update_summary=True, session=session)
    mine = activities[activities["campaign_id"] == campaign]
    got = link_popularity(mine, listed, level="raw", kinds="all")
    counted = listed.groupby("link_uri")["click_count"].sum()
    assert got.set_index("link_uri")["clicks_total"].to_dict() == counted.to_dict()
    assert got["exposed"].nunique() == 1
    assert summary["sends"].iloc[0] - summary["bounces"].iloc[0] <= got["exposed"].iloc[0] <= summary["sends"].iloc[0]
    bare = mine.assign(link_uri=pd.array([pd.NA] * len(mine), dtype="string"))
    pd.testing.assert_frame_equal(link_popularity(bare, listed, level="raw", kinds="all"), got)


def test_every_column_is_explained_and_the_rest_is_json() -> None:
    rows = [*sent("c1", 9), *clicks("c1", 5, A), *clicks("c1", 3, FOOTER)]
    for machine in ("include", "exclude", "both"):
        got = link_popularity(table(rows), machine=machine, by=["campaign_id", "month"], labels=named(), drop=["cid"])
        told = got.attrs["cctrack"]
        json.dumps(told)
        own = {name.removesuffix("_human") for name in got}
        assert own == set(told["columns"])
        assert told["level"] == "page"
        assert told["kinds"] == ["content"]
        assert told["machine"] == machine
        assert ("set_aside" in told) == (machine != "include")
        text = explain(got).text
        assert "reach: clicked_recipients / exposed" in text
        assert "Rates are drawn towards" in text


def named() -> pd.DataFrame:
    return pd.DataFrame({"campaign_id": ["c1"], "name": ["Spring"]}, dtype="string")


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"level": "pages"}, "level='pages'.*'page'"),
        ({"kinds": "footer"}, "kinds='footer'.*'unsubscribe'"),
        ({"kinds": []}, "kinds is empty"),
        ({"extra_kinds": {"(": "x"}}, "regular expression"),
        ({"machine": "none"}, "'include', 'exclude' or 'both'"),
        ({"ci": 95}, "0.95"),
        ({"collapse": 2}, "'2s'"),
        ({"as_of": "soon"}, "as_of"),
        ({"tz": "Mars"}, "tz='Mars'"),
        ({"definitions": "mine"}, "constant_contact"),
        ({"by": "segment"}, "segment"),
        ({"by": "link_uri"}, "link_uri"),
        ({"by": "link_id"}, "link_id"),
        ({"links": pd.DataFrame({"campaign_id": ["c1"]})}, "links_df"),
        ({"links": pd.DataFrame({"campaign_id": [1], "link_id": ["7"], "link_uri": [A]})}, "numbers"),
        ({"labels": pd.DataFrame({"campaign_id": ["c1"]})}, "campaigns_df"),
    ],
)
def test_wrong_arguments_say_what_is_right(wrong: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        link_popularity(table(clicks("c1", 1, A)), **wrong)


def test_what_is_no_table_is_refused() -> None:
    for wrong in ([1, 2], None):
        with pytest.raises(TypeError, match="campaign_activities_df"):
            link_popularity(wrong)
    with pytest.raises(TypeError, match="links_df"):
        link_popularity(table([]), [("c1", "7", A)])  # type: ignore[arg-type]
    for name in ("link_id", "link_uri", "activity_date", "contact_id", "bounce_code"):
        with pytest.raises(ValueError, match=name):
            link_popularity(table([]).drop(columns=name))
