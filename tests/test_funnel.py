"""The funnel against its definition said in sets and loops, for any activities whatsoever, and against known truth."""

import math
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from by_hand import EXITS, STAGES, START, Event, Key, Months, Row, by_hand, months, of_stage, table, until
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

import cctrack
from cctrack.analysis import funnel
from cctrack.analysis._dense import PandasEvents
from cctrack.demo_account.account import generate

COUNTS = ["n", "n_inferred", "n_orphan"]
RATES = ["rate_of_sent", "rate_of_delivered", "step_rate", "step_low", "step_high"]
DROPS = ["drop_n", "drop_rate", "median_time_from_prev"]
COLUMNS = ["stage", *COUNTS, "n_machine", *RATES, *DROPS, *EXITS]
IN_ORDER = ["stage", *COUNTS, "n_machine", "n_mature", *RATES, *DROPS, *EXITS]

relaxed = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

events = st.lists(
    st.builds(
        Event,
        st.sampled_from(["SEND", "SEND", "OPEN", "CLICK", "CLICK", "FORWARD", "BOUNCE", "UNSUBSCRIBE", "NEVER_SEEN"]),
        st.sampled_from(["a", "b", "b", None]),
        st.sampled_from(["1", "2", "01", "01", None]),
        st.sampled_from([None, 0, 1, 2, 3, 5, 9.999999, 10, 10.000001, 12, 15, 100]),
        st.sampled_from(["B", "S", "D", "F", "V", "V", "X", "Z", "N", None]),
        st.booleans(),
        st.sampled_from(["red", "blue", None]),
        st.sampled_from(["ACTION_BY_OWNER", "ACTION_BY_CUSTOMER", None]),
    ),
    max_size=30,
)
choices = st.fixed_dictionaries(
    {
        "semantics": st.sampled_from(["closed", "observed", "ordered", "ordered"]),
        "definitions": st.sampled_from(["cctrack", "constant_contact", "sent"]),
        "orphans": st.sampled_from(["keep", "drop", "separate"]),
        "window": st.sampled_from(["10s", "3s", None]),
        "tolerance": st.sampled_from(["0s", "2s"]),
        "allow_implied": st.booleans(),
        "as_of": st.sampled_from([None, START + pd.Timedelta("12s"), START + pd.Timedelta("10s")]),
    }
)


def sent(*contacts: str, campaign: str = "a", when: float = 0) -> list[Event]:
    return [Event("SEND", campaign, contact, when) for contact in contacts]


def check(got: pd.DataFrame, want: list[Row], said: dict[str, Any], names: Sequence[str], suffix: str = "") -> None:
    """Compare a result, or its columns of a suffix, with what was found by hand; the rates follow from the counts."""
    ordered = said["semantics"] == "ordered"

    def of(columns: Iterable[str], ending: str = suffix) -> list[tuple[Any, ...]]:
        part = got[[f"{name}{ending}" for name in columns]].astype(object)
        return [tuple(row) for row in part.where(part.notna(), None).to_numpy().tolist()]

    assert of([*names, "stage"], "") == [(*row.group, row.stage) for row in want]
    assert of(COUNTS) == [row.counts for row in want]
    assert of(EXITS) == [row.exits for row in want]
    if ordered:
        assert of(["n_mature"]) == [(row.mature,) for row in want]
    times = [math.nan if row.time is None or not ordered else row.time for row in want]
    np.testing.assert_allclose(got[f"median_time_from_prev{suffix}"].dt.total_seconds(), times, atol=1.1e-6)
    n = [row.mature if ordered else row.counts[0] for row in want]
    for start in range(0, len(want), 4):
        check_rates(got.iloc[start : start + 4], n[start : start + 4], said["definitions"], suffix)


def check_rates(rows: pd.DataFrame, n: list[int], definitions: str, suffix: str) -> None:
    def over(part: int, of: int) -> float:
        return part / of if of else math.nan

    delivered = [math.nan] * 4 if definitions == "sent" else [math.nan, *(over(one, n[1]) for one in n[1:])]
    want = {
        "rate_of_sent": [over(one, n[0]) for one in n],
        "rate_of_delivered": delivered,
        "step_rate": [math.nan, *(over(n[place], n[place - 1]) for place in (1, 2, 3))],
        "drop_n": [0, *(n[place - 1] - n[place] for place in (1, 2, 3))],
        "drop_rate": [math.nan, *(over(n[place - 1] - n[place], n[place - 1]) for place in (1, 2, 3))],
    }
    for name, values in want.items():
        np.testing.assert_allclose(rows[f"{name}{suffix}"].to_numpy(dtype=float), values, rtol=1e-12)
    for place in (1, 2, 3):
        low, high = rows[f"step_low{suffix}"].iloc[place], rows[f"step_high{suffix}"].iloc[place]
        if 0 <= n[place] <= n[place - 1] and n[place - 1]:
            np.testing.assert_allclose(
                [low, high], proportion_confint(n[place], n[place - 1], method="wilson"), atol=1e-12
            )
        else:  # more than there were before: `observed` alone
            assert math.isnan(low)
            assert math.isnan(high)


def whole(_: Event) -> Sequence[Key]:
    return [()]


@given(events, choices)
@relaxed
def test_the_funnel_is_its_definition(rows: list[Event], said: dict[str, Any]) -> None:
    got = funnel(table(rows), machine="include", **said)
    assert list(got.columns) == (IN_ORDER if said["semantics"] == "ordered" else COLUMNS)
    known = until(rows, said)
    want = by_hand(known, said, whole, known) or [of_stage((), stage, []) for stage in STAGES]
    check(got, want, said, [])
    assert got["n_machine"].isna().all()


SEGMENTS = pd.Series(["x", "y", "x", "x", None], index=["1", "1", "2", "2", "01"], name="list")
MEMBERS: dict[str, list[str | None]] = {"1": ["x", "y"], "2": ["x"]}


def lists(row: Event) -> list[str | None]:
    return MEMBERS.get(row.contact or "", [None])


BY: dict[str, tuple[Any, list[str], Callable[[Event, Months], Sequence[Key]]]] = {
    "campaign": ("campaign_id", ["campaign_id"], lambda row, _: [(row.campaign,)]),
    "contact, campaign": (
        ["contact_id", "campaign_id"],
        ["contact_id", "campaign_id"],
        lambda row, _: [(row.contact, row.campaign)],
    ),
    "a column that differs within recipients": ("colour", ["colour"], lambda row, _: [(row.colour,)]),
    "month": ("month", ["month"], lambda row, month: [(month[row.campaign],)]),
    "segments": (SEGMENTS, ["list"], lambda row, _: [(one,) for one in lists(row)]),
    "a mix": (
        [SEGMENTS, "month", "colour"],
        ["list", "month", "colour"],
        lambda row, month: [(one, month[row.campaign], row.colour) for one in lists(row)],
    ),
}


@pytest.mark.parametrize("name", BY)
@given(rows=events, said=choices, zone=st.sampled_from(["UTC", "Europe/Berlin"]))
@settings(relaxed, max_examples=12)
def test_groups_and_what_is_set_aside(name: str, rows: list[Event], said: dict[str, Any], zone: str) -> None:
    by, names, of = BY[name]
    known = until(rows, said)
    month = months(known, zone)
    human = [row for row in known if not row.machine]
    got = funnel(table(rows, machine=True, colour=True), by=by, tz=zone, **said)
    check(got, by_hand(known, said, lambda row: of(row, month), known), said, names)
    check(got, by_hand(human, said, lambda row: of(row, month), known), said, names, "_human")
    assert got["n_machine"].tolist() == (got["n"] - got["n_human"]).tolist()
    own = IN_ORDER if said["semantics"] == "ordered" else COLUMNS
    assert list(got.columns) == [*names, *own, *(f"{one}_human" for one in own[1:] if one != "n_machine")]


@given(events, choices, st.sampled_from(sorted(BY)))
@settings(relaxed, max_examples=10)
def test_one_side_alone_is_that_side_of_both(rows: list[Event], said: dict[str, Any], name: str) -> None:
    by, names, _ = BY[name]
    activities = table(rows, machine=True, colour=True)
    both = funnel(activities, by=by, **said)
    recorded = funnel(activities, by=by, machine="include", **said).drop(columns="n_machine")
    pd.testing.assert_frame_equal(both[list(recorded)], recorded)
    human = funnel(activities, by=by, machine="exclude", **said)
    pd.testing.assert_series_equal(human.pop("n_machine"), both["n_machine"])
    renamed = {one: one if one in (*names, "stage") else f"{one}_human" for one in human}
    pd.testing.assert_frame_equal(both[list(renamed.values())], human.rename(columns=renamed))


# --- what holds for any activities ------------------------------------------------------------------------------------


@given(events, st.randoms(use_true_random=False), choices, st.sampled_from(["campaign", "month", "a mix"]))
@settings(relaxed, max_examples=15)
def test_order_and_repeats_of_rows_change_nothing(
    rows: list[Event], chance: Any, said: dict[str, Any], name: str
) -> None:
    more = rows + chance.choices(rows, k=5) if rows else []
    chance.shuffle(more)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cctrack.ClockWarning)
        got, same = (funnel(table(one, colour=True), by=BY[name][0], **said) for one in (rows, more))
    pd.testing.assert_frame_equal(got, same)


@given(events, choices)
@settings(relaxed, max_examples=20)
def test_stages_are_nested_and_order_takes_away(rows: list[Event], said: dict[str, Any]) -> None:
    # What is automatic is never a send or a bounce: no rule names one.
    rows = [row._replace(machine=row.machine and row.kind not in ("SEND", "BOUNCE")) for row in rows]
    activities = table(rows, machine=True)
    closed = funnel(activities, **{**said, "semantics": "closed"})
    ordered = funnel(activities, **{**said, "semantics": "ordered"})
    for side in ("", "_human"):
        assert closed[f"n{side}"].is_monotonic_decreasing
        assert ordered[f"n{side}"].is_monotonic_decreasing
        assert (ordered[f"n{side}"] <= closed[f"n{side}"]).all()
        assert (ordered[f"n_mature{side}"] <= ordered[f"n{side}"]).all()
        for name in ("rate_of_sent", "step_rate", "step_low", "step_high", "drop_rate"):
            assert closed[f"{name}{side}"].dropna().between(0, 1).all()
    assert (closed["n_machine"] >= 0).all()
    assert (ordered["n_machine"] >= 0).all()


def test_only_a_bounce_set_aside_adds_a_recipient() -> None:
    got = funnel(table([*sent("1"), Event("BOUNCE", "a", "1", 1, "B", machine=True)], machine=True))
    assert got["n"].tolist() == [1, 0, 0, 0]
    assert got["n_human"].tolist() == [1, 1, 0, 0]
    assert got["n_machine"].tolist() == [0, -1, 0, 0]


@given(events, choices)
@settings(relaxed, max_examples=15)
def test_excluded_is_as_if_it_had_never_been(rows: list[Event], said: dict[str, Any]) -> None:
    said = {**said, "as_of": said["as_of"] or START + pd.Timedelta("99s")}
    activities = table(rows, machine=True)
    got = funnel(activities, machine="exclude", **said)
    left = funnel(activities[~activities["machine"]].drop(columns="machine"), machine="include", **said)
    pd.testing.assert_frame_equal(got.drop(columns="n_machine"), left.drop(columns="n_machine"))


@given(events, st.sampled_from(["closed", "observed", "ordered"]))
@settings(relaxed, max_examples=10)
def test_campaigns_and_contacts_add_up(rows: list[Event], semantics: Any) -> None:
    activities = table(rows, machine=True)
    total = funnel(activities, semantics=semantics)
    for by in ("campaign_id", "contact_id", ["contact_id", "campaign_id"]):
        parts = funnel(activities, by=by, semantics=semantics).groupby("stage", observed=False)
        for name in ("n", "n_human", "n_inferred", "n_orphan", "n_machine", "drop_n", "drop_n_human"):
            assert parts[name].sum().tolist() == total[name].tolist()


# --- definitions ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["V", "B", "S", "D", "F", "X", "Z", "N", None])
@pytest.mark.parametrize("definitions", ["cctrack", "constant_contact", "sent"])
def test_what_counts_as_bounced(code: str | None, definitions: Any) -> None:
    got = funnel(table([*sent("1", "2"), Event("BOUNCE", "a", "1", 1, code)]), definitions=definitions)
    bounced = code != "V" or definitions == "constant_contact"
    assert got["n"].tolist() == [2, 2 - bounced, 0, 0]
    assert got["n_bounced"].tolist() == [bounced, pd.NA, pd.NA, pd.NA]
    assert got["rate_of_delivered"].isna().all() == (definitions == "sent")


def test_who_bounced_and_opened_was_delivered() -> None:
    got = funnel(table([*sent("1"), Event("BOUNCE", "a", "1", 1, "F"), Event("OPEN", "a", "1", 2)]))
    assert got["n"].tolist() == [1, 1, 1, 0]
    assert got["n_inferred"].tolist() == [0, 1, 0, 0]
    assert got["n_bounced_but_engaged"].tolist() == [pd.NA, 1, pd.NA, pd.NA]


def test_an_open_of_one_campaign_is_not_before_the_click_of_another() -> None:
    rows = [*sent("1"), *sent("1", campaign="b"), Event("OPEN", "a", "1", 1), Event("CLICK", "b", "1", 2)]
    assert funnel(table(rows), semantics="ordered", window=None, machine="include")["n"].tolist() == [2, 2, 1, 0]
    assert funnel(table(rows), machine="include")["n"].tolist() == [2, 2, 2, 1]


def test_the_window_holds_both_its_ends() -> None:
    rows = [*sent("1", "2"), Event("OPEN", "a", "1", 10), Event("OPEN", "a", "2", 10.000001), *sent("3", when=15)]
    got = funnel(table(rows), semantics="ordered", window="10s", machine="include")
    assert got["n"].tolist() == [3, 3, 1, 0]
    assert got["n_mature"].tolist() == [2, 2, 1, 0]  # the third was sent 0 s before the newest event
    assert got["step_rate"].tolist()[1:] == [1.0, 0.5, 0.0]
    assert got["drop_n"].tolist() == [0, 0, 1, 1]
    assert got["median_time_from_prev"].tolist()[2] == pd.Timedelta("10s")
    later = funnel(table(rows), semantics="ordered", window="10s", machine="include", as_of=START + pd.Timedelta("25s"))
    assert later["n_mature"].tolist() == [3, 3, 1, 0]


@pytest.mark.parametrize("ci", [0.5, 0.9, 0.95, 0.99, np.float32(0.9)])
def test_intervals_are_those_of_wilson(ci: Any) -> None:
    rows = [
        *sent(*map(str, range(40))),
        *(Event("OPEN", "a", str(n), 1) for n in range(9)),
        Event("CLICK", "a", "0", 2),
    ]
    got = funnel(table(rows), ci=ci, machine="include")
    assert got[["step_low", "step_high"]].iloc[0].isna().all()
    for row, (k, n) in zip(range(1, 4), ((40, 40), (9, 40), (1, 9)), strict=True):
        want = proportion_confint(k, n, 1 - float(ci), "wilson")
        np.testing.assert_allclose(got[["step_low", "step_high"]].iloc[row], want, atol=1e-12)
    assert got.attrs["cctrack"]["ci"] == pytest.approx(float(ci))


# --- groups and labels ------------------------------------------------------------------------------------------------

TWO = [*sent("1", "2"), *sent("1", campaign="b", when=3), Event("CLICK", "a", "2", 1), Event("OPEN", "b", "1", 4)]


def test_a_contact_of_several_segments_counts_in_each_and_one_of_none_last() -> None:
    segments = pd.Series(["x", "y", "x", None], index=pd.Index(["1", "1", "1", "9"], dtype=object), name="list")
    got = funnel(table(TWO), by=segments, machine="include")
    assert got["list"].dtype == "string"
    assert got["list"].tolist() == ["x"] * 4 + ["y"] * 4 + [pd.NA] * 4
    assert got["n"].tolist() == [2, 2, 1, 0] * 2 + [1, 1, 1, 1]
    unnamed = funnel(table(TWO), by=segments.rename(None), machine="include")
    assert unnamed.columns[0] == "segment"
    categorical = segments.astype("category")
    categorical.index = categorical.index.astype("category")
    pd.testing.assert_frame_equal(funnel(table(TWO), by=categorical, machine="include"), got)
    flags = pd.Series([True], index=["1"], name="vip")
    got = funnel(table(TWO), by=flags, machine="include")
    assert got["vip"].dtype == "boolean"
    assert got["vip"].tolist() == [True] * 4 + [pd.NA] * 4
    nobody = funnel(table(TWO), by=pd.Series([], dtype=object, name="list"), machine="include")
    assert nobody["list"].dtype == "string"
    assert nobody["list"].isna().all()


def test_a_series_may_be_called_month() -> None:
    got = funnel(table(TWO), by=pd.Series(["x"], index=["1"], name="month"), machine="include")
    assert got["month"].tolist() == ["x"] * 4 + [pd.NA] * 4
    mine = funnel(table(TWO).assign(month="mine"), by="month", machine="include")
    assert mine["month"].tolist() == ["mine"] * 4


DATES = ["2026-01-02", None, "2026-01-02", None, "2026-01-02"]
GROUPS: dict[str, tuple[Any, str, list[Any]]] = {
    "int": ([2, 10, 2, 10, 2], "Int64", [2, 10]),
    "Int64": (pd.array([2, None, 2, None, 2], dtype="Int64"), "Int64", [2, pd.NA]),
    "float": ([2.5, math.nan, 2.5, math.nan, 2.5], "float64", [2.5, math.nan]),
    "bool": ([True, False, True, False, True], "boolean", [False, True]),
    "naive date": (pd.to_datetime(DATES), "datetime64[us]", [pd.Timestamp("2026-01-02"), pd.NaT]),
    "zoned date": (
        pd.to_datetime(DATES).tz_localize("Europe/Berlin"),
        "datetime64[us, UTC]",
        [pd.Timestamp("2026-01-01T23:00Z"), pd.NaT],
    ),
    "categories, no text": (pd.Categorical([2, None, 2, None, 2], categories=[10, 2]), "Int64", [2, pd.NA]),
    "unused categories": (pd.Categorical(["b", "a", "b", "a", "b"], categories=["c", "b", "a"]), "string", ["a", "b"]),
    "objects": (pd.Series(["b", None, "b", None, "b"], dtype=object), "string", ["b", pd.NA]),
    "intervals": (pd.cut(pd.Series([5, 1, 5, 1, 5]), [0, 3, 6]), "interval", [pd.Interval(0, 3), pd.Interval(3, 6)]),
}


@pytest.mark.parametrize("semantics", ["closed", "ordered"])
@pytest.mark.parametrize("name", GROUPS)
def test_groups_of_other_columns_than_text(name: str, semantics: Any) -> None:
    values, dtype, want = GROUPS[name]
    activities = table(TWO).assign(group=values)
    got = funnel(activities, by="group", semantics=semantics, window=None)
    assert str(got["group"].dtype).startswith(dtype)
    assert [one for one in got["group"].tolist()[::4] if not pd.isna(one)] == [one for one in want if not pd.isna(one)]
    assert len(got) == 8
    assert pd.isna(got["group"].iloc[-1]) == pd.isna(want[-1])
    assert got["n"].sum() > 0
    assert got.groupby("stage", observed=False)["n"].sum().tolist()[0] == 3
    empty = funnel(activities.iloc[:0], by="group", semantics=semantics)
    assert len(empty) == 0
    if name != "objects":  # which tell nothing without a value
        assert empty.dtypes.equals(got.dtypes)


def test_labels_stand_beside_the_campaigns() -> None:
    labels = pd.DataFrame(
        {
            "campaign_id": pd.array(["b", "a", "b", "z", pd.NA, pd.NA], dtype="string"),
            "name": ["Bee", None, "other", "unknown", "nobody", "nobody"],
            "last_run_date": pd.to_datetime(["2026-03-01T10:00Z", *[None] * 5], utc=True),
        }
    )
    before = labels.copy()
    rows = [*TWO, *sent("1", campaign="c", when=5)]
    got = funnel(table(rows), by=["contact_id", "campaign_id"], labels=labels, machine="include")
    pd.testing.assert_frame_equal(labels, before)
    assert list(got.columns[:5]) == ["contact_id", "campaign_id", "campaign_name", "send_date", "stage"]
    assert got["campaign_name"].dtype == "string"
    assert got["send_date"].dtype == "datetime64[us, UTC]"
    told = got.drop_duplicates("campaign_id").set_index("campaign_id")
    assert told["campaign_name"].fillna("none").to_dict() == {"a": "none", "b": "Bee", "c": "none"}
    assert told["send_date"].to_dict() == {
        "a": START, "b": pd.Timestamp("2026-03-01T10:00Z"), "c": START + pd.Timedelta("5s"),
    }  # fmt: skip
    plain = funnel(table(rows), by=["contact_id", "campaign_id"], machine="include")
    pd.testing.assert_frame_equal(got.drop(columns=["campaign_name", "send_date"]), plain)
    bare = funnel(table(rows), by="campaign_id", labels=labels.drop(columns="last_run_date"), machine="include")
    assert bare["send_date"].tolist()[::4] == [START, START + pd.Timedelta("3s"), START + pd.Timedelta("5s")]
    pd.testing.assert_frame_equal(funnel(table(rows), labels=labels), funnel(table(rows)))
    empty = funnel(table([]), by="campaign_id", labels=labels)
    assert empty.dtypes.equals(funnel(table(TWO), by="campaign_id", labels=labels).dtypes)


def test_what_is_counted_together_is_said() -> None:
    def notes(rows: list[Event], **said: Any) -> str:
        return " ".join(funnel(table(rows, colour=True), machine="include", **said).attrs["cctrack"]["notes"])

    one = [row for row in TWO if row.campaign == "a"]
    segments = pd.Series(["x"], index=["1"])
    for by in (None, "month", segments, "contact_id"):
        assert "Several campaigns" in notes(TWO, by=by)
        assert notes(one, by=by) == ""
    assert notes(TWO, by="campaign_id") == notes(TWO, by=["contact_id", "campaign_id"]) == ""
    assert notes([row._replace(colour="red") for row in one], by="colour") == ""
    assert "differ in colour" in notes([*one, Event("OPEN", "a", "1", 3, colour="red")], by="colour")
    assert "1 times more" in notes([*one, Event("OPEN", "a", "1", 3, colour="red")], by="colour", semantics="ordered")


# --- edges ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("machine", ["include", "exclude", "both"])
@pytest.mark.parametrize("semantics", ["closed", "observed", "ordered"])
def test_no_activities_give_four_stages_of_nothing(machine: Any, semantics: Any) -> None:
    got = funnel(table([]), machine=machine, semantics=semantics)
    full = funnel(table(TWO), machine=machine, semantics=semantics)
    assert got["stage"].tolist() == full["stage"].tolist() == STAGES
    assert got.dtypes.equals(full.dtypes)
    assert isinstance(got.index, pd.RangeIndex)
    counts = [name for name, dtype in got.dtypes.items() if dtype == "Int64" and "machine" not in str(name)]
    assert got[counts].fillna(0).eq(0).all(axis=None)
    assert got[[name for name, dtype in got.dtypes.items() if dtype == "float64"]].isna().all(axis=None)
    for by in ("campaign_id", ["month", "contact_id"], SEGMENTS):
        grouped, filled = (funnel(table(rows), by=by, machine=machine, semantics=semantics) for rows in ([], TWO))
        assert len(grouped) == 0
        assert grouped.dtypes.equals(filled.dtypes)
        assert isinstance(filled.index, pd.RangeIndex)


SMALL: dict[str, list[Event]] = {
    "one row": sent("1"),
    "one recipient": [*sent("1"), Event("OPEN", "a", "1", 1), Event("CLICK", "a", "1", 2)],
    "all automatic": [row._replace(machine=True) for row in TWO],
    "no sends": [Event("CLICK", "a", "1", 1), Event("BOUNCE", "a", "2", 1, "B"), Event("OPEN", "b", "2", 1)],
    "nobody": [Event("SEND", None, "1", 0), Event("CLICK", "a", None, 0)],
    "no dates": [row._replace(when=None) for row in TWO],
    "never seen": [Event("NEVER_SEEN", "a", "1", 0)],
}


@cache
def dtypes(semantics: Any, by: str | None) -> "pd.Series[Any]":
    return funnel(table(TWO, machine=True), by=SEGMENTS if by == "list" else by, semantics=semantics).dtypes


@pytest.mark.parametrize("by", [None, "campaign_id", "month", SEGMENTS], ids=["whole", "campaign", "month", "segments"])
@pytest.mark.parametrize("semantics", ["closed", "observed", "ordered"])
@pytest.mark.parametrize("name", SMALL)
def test_the_smallest_tables_give_a_table(name: str, semantics: Any, by: Any) -> None:
    rows = SMALL[name]
    got = funnel(table(rows, machine=True), by=by, semantics=semantics)
    assert got.dtypes.equals(dtypes(semantics, None if by is None else "list" if by is SEGMENTS else by))
    assert len(got) % 4 == 0
    if by is None and name == "all automatic":
        assert got["n_human"].eq(0).all()
        assert got["n_machine"].equals(got["n"])
    if by is None and name == "no sends":
        assert got["n"].tolist() == {"closed": [2, 2, 2, 1], "observed": [0, 0, 1, 1], "ordered": [0] * 4}[semantics]
        assert got["n_orphan"].tolist()[2:] == ([2, 1] if semantics == "closed" else [1, 1])


def test_a_date_as_of_leaves_later_events_out() -> None:
    activities = table([*sent("1", "2", when=-100), Event("OPEN", "a", "1", 1), Event("OPEN", "a", "2", 4000)])
    got = funnel(activities, as_of="2026-02-01", machine="include")
    assert got["n"].tolist() == [2, 2, 1, 0]
    assert got.attrs["cctrack"]["as_of"] == "2026-02-01T00:00:00Z"
    assert funnel(activities, as_of="2026-01-31", machine="include")["n"].tolist() == [0] * 4
    assert funnel(activities, machine="include").attrs["cctrack"]["as_of"] == "2026-02-01T00:06:30Z"
    local = pd.Timestamp("2026-02-01T00:00:10.000000999+01:00")  # nanoseconds after the open
    assert funnel(activities, as_of=local, machine="include")["n"].tolist() == [2, 2, 1, 0]


DTYPES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "object": lambda table: table.astype(dict.fromkeys(TEXTS, object)).where(lambda one: one.notna(), None),
    "str": lambda table: table.astype({name: "str" for name in TEXTS if table[name].notna().all()}),
    "python": lambda table: table.astype(dict.fromkeys(TEXTS, "string[python]")),
    "pyarrow": lambda table: table.astype(dict.fromkeys(TEXTS, "string[pyarrow]")),
    "arrow": lambda table: table.convert_dtypes(dtype_backend="pyarrow"),
    "categorical": lambda table: table.astype(dict.fromkeys(TEXTS, "category")),
    "more categories": lambda table: table.assign(
        **{name: table[name].astype("category").cat.add_categories(["of no row"]) for name in TEXTS}
    ),
    "nanoseconds": lambda table: table.assign(activity_date=table["activity_date"].astype("datetime64[ns, UTC]")),
    "another zone": lambda table: table.assign(activity_date=table["activity_date"].dt.tz_convert("Asia/Tokyo")),
    "duplicate index": lambda table: table.set_axis([7] * len(table)),
    "index of the same name": lambda table: table.set_index("campaign_id", drop=False),
    "several levels": lambda table: table.set_index(["campaign_id", "contact_id"], drop=False),
    "attrs": lambda table: attributed(table, {"mine": [1], "cctrack": {"report": "activities", "complete": True}}),
}
TEXTS = ["activity_type", "campaign_id", "contact_id", "link_id", "bounce_code", "colour"]


SAID: list[dict[str, Any]] = [
    {"by": ["month", "colour"]},
    {"by": SEGMENTS, "semantics": "ordered"},
    {"by": "campaign_id", "as_of": START + pd.Timedelta("3s"), "machine": "include"},
]


def attributed(table: pd.DataFrame, attrs: dict[Any, Any]) -> pd.DataFrame:
    table.attrs = attrs
    return table


@pytest.mark.parametrize("name", DTYPES)
def test_dtypes_and_indexes_change_nothing_and_are_not_changed(name: str) -> None:
    rows = [
        *TWO,
        Event("BOUNCE", "b", "2", 1, "B", colour="red"),
        Event("OPEN", None, "2", 1),
        *sent("2", campaign="b"),
    ]
    sweep = [Event("CLICK", "a", "1", 20 + n / 10, colour=str(n)) for n in range(4)]
    want_of = table([*rows, *sweep], colour=True)
    want_of["link_id"] = want_of["colour"].where(want_of["activity_type"] == "EMAIL_CLICK")
    given_ = DTYPES[name](want_of.copy())
    before, attrs, index = given_.copy(deep=True), dict(given_.attrs), given_.index.copy()
    for said in SAID:
        got = funnel(given_, **said)
        pd.testing.assert_frame_equal(got, funnel(want_of, **said))
        assert list(got.attrs) == ["cctrack"]
    assert funnel(given_)["n_machine"].tolist() == [0, 0, 2, 2]
    pd.testing.assert_frame_equal(given_, before)
    assert given_.attrs == attrs
    pd.testing.assert_index_equal(given_.index, index)


def series(*values: str, index: Any = ("1",), name: str | None = None) -> "pd.Series[Any]":
    return pd.Series(list(values), index=index, name=name)


BAD_CHOICES: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "semantics": ({"semantics": "open"}, ValueError, "semantics='open'.*'closed', 'observed', 'ordered'"),
    "machine": ({"machine": "only"}, ValueError, "machine='only'.*'both'"),
    "definitions": ({"definitions": "mailchimp"}, ValueError, "definitions='mailchimp'.*constant_contact"),
    "orphans": ({"orphans": True}, ValueError, "orphans=True.*'keep'"),
    "ci in per cent": ({"ci": 95}, ValueError, "ci=95.*0.95"),
    "ci as text": ({"ci": "95%"}, TypeError, "ci .*0.95.*str"),
    "window without a unit": ({"window": "7"}, ValueError, "window='7'.*'7D'"),
    "window before the send": ({"window": "-1D"}, ValueError, "window='-1D'"),
    "no tolerance": ({"tolerance": None}, ValueError, "tolerance=None.*'2s'"),
    "implied as text": ({"allow_implied": "no"}, TypeError, "allow_implied.*'no'"),
    "as of whenever": ({"as_of": "now"}, ValueError, "as_of='now'.*2026-03-31"),
    "zone": ({"tz": "Mars"}, ValueError, "tz='Mars'.*Europe/Berlin"),
    "by what is not there": ({"by": "segment"}, ValueError, "no column segment.*campaign_id.*month"),
    "by a column of the result": ({"by": "stage"}, ValueError, "'stage'.*rename"),
    "by a column beside it": ({"by": "n_human"}, ValueError, "'n_human'.*rename"),
    "by a label": ({"by": "send_date"}, ValueError, "'send_date'.*rename"),
    "by one twice": ({"by": ["month", "month"]}, ValueError, "'month' is twice"),
    "by a number": ({"by": 5}, TypeError, "by takes columns.*int"),
    "by a list of numbers": ({"by": ["month", 5]}, TypeError, "by takes columns"),
    "by a frame": ({"by": pd.DataFrame({"contact_id": ["1"]})}, TypeError, "by takes columns.*DataFrame"),
    "segments by number": ({"by": series("x", index=[1])}, ValueError, "index .*contact ids as text.*set_index"),
    "segments by pairs": ({"by": series("x", index=pd.MultiIndex.from_tuples([("a", "1")]))}, ValueError, "as text"),
    "segments called contact": ({"by": series("x", name="contact_id")}, ValueError, "contact_id.*rename"),
    "segments called n": ({"by": series("x", name="n")}, ValueError, "'n'.*rename"),
    "labels in a dict": ({"labels": {"a": "x"}}, TypeError, "labels .*frame, not dict; cctrack.campaigns_df"),
    "labels without names": ({"labels": pd.DataFrame({"campaign_id": ["a"]})}, ValueError, "column name .*beside"),
    "labels by number": (
        {"labels": pd.DataFrame({"campaign_id": [1], "name": "x"})},
        ValueError,
        "labels: campaign_id",
    ),
    "labels of text dates": (
        {"labels": pd.DataFrame({"campaign_id": ["a"], "name": "x", "last_run_date": "2026"})},
        ValueError,
        "labels: last_run_date .*to_datetime",
    ),
}


@pytest.mark.parametrize("name", BAD_CHOICES)
def test_a_choice_that_is_none_is_refused(name: str) -> None:
    said, error, words = BAD_CHOICES[name]
    with pytest.raises(error, match=f"(?s){words}"):
        funnel(table(TWO).assign(stage=1, n_human=1, send_date=1), **said)


# --- clocks, engines, truth -------------------------------------------------------------------------------------------


def test_clocks_that_disagree_are_said_once_where_it_was_asked() -> None:
    activities = table([*sent("1", when=100), Event("CLICK", "a", "1", 1)])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        got = funnel(activities)
    assert [(one.category, Path(one.filename)) for one in caught] == [(cctrack.ClockWarning, Path(__file__))]
    assert any("clocks" in note for note in got.attrs["cctrack"]["notes"])
    funnel(activities, machine="include")  # asks nothing of the clocks
    with pytest.warns(cctrack.ClockWarning):
        funnel(activities, semantics="ordered")


class Refusing(PandasEvents):
    """Activities of which no row comes over, and whose dates are asked for their newest alone."""

    def fetched(self, *args: Any, **named: Any) -> pd.DataFrame:
        raise AssertionError("rows came over")

    of_clickers = fetched

    def first_sends(self) -> "pd.Series[Any]":
        raise AssertionError("dates were grouped")


def test_counting_alone_brings_no_rows_over(monkeypatch: pytest.MonkeyPatch) -> None:
    activities = table(TWO, colour=True)
    want = funnel(activities, machine="include")
    monkeypatch.setattr("cctrack.analysis._funnel.opened", lambda given_, columns: Refusing.opened(given_, columns))
    for by in (None, "campaign_id", "contact_id", "colour", SEGMENTS):
        for semantics in ("closed", "observed"):
            got = funnel(activities, by=by, machine="include", semantics=semantics, as_of="2026-03-01")  # type: ignore[arg-type]
            if by is None and semantics == "closed":
                pd.testing.assert_frame_equal(got, want)
    with pytest.raises(AssertionError, match="rows came over"):
        funnel(activities)
    with pytest.raises(AssertionError, match="dates were grouped"):
        funnel(activities, machine="include", by="month")


@pytest.mark.parametrize(("preset", "off"), [("default", 0.03), ("b2b", 0.08)])
def test_human_stages_are_near_the_truth(preset: Any, off: float) -> None:
    account = generate(2500, seed=2, preset=preset)
    parts = []
    for kind in ("sends", "opens", "clicks", "forwards", "bounces", "unsubscribes"):
        own = account.events(kind)
        texts = {
            "campaign_id": (account.campaigns.ids, own.campaign),
            "contact_id": (account.contacts.ids, own.contact),
        }
        texts["link_id"] = (account.links.ids, own.link)
        columns: dict[str, Any] = {
            name: pd.Categorical.from_codes(at if len(at) else np.full(len(own), -1), list(ids))
            for name, (ids, at) in texts.items()
        }
        date = pd.to_datetime(own.time, unit="ms", utc=True)
        known = {"bounce_code": pd.Series("B" if kind == "bounces" else None, range(len(own)), dtype="string")}
        parts.append(
            pd.DataFrame({**columns, **known, "activity_type": f"EMAIL_{kind[:-1].upper()}", "activity_date": date})
        )

    def pairs(kind: str, *origins: str) -> set[tuple[int, int]]:
        own = account.events(kind)
        chosen = np.isin(account.truth.origin(kind), origins)
        return set(zip(own.campaign[chosen].tolist(), own.contact[chosen].tolist(), strict=True))

    got = funnel(pd.concat(parts, ignore_index=True)).set_index("stage")
    people = ("human", "forward", "duplicate")
    clickers = pairs("clicks", *people)
    openers = pairs("opens", *people, "mpp") | clickers | pairs("forwards", *people)
    # What remains: scanners that follow a single link, which no rule of time can tell.
    assert len(clickers) <= got.loc["clicked", "n_human"] <= len(clickers) * (1 + off)
    assert got.loc["clicked", "n"] > len(clickers) * (1.15 if preset == "default" else 1.6)
    assert len(openers) <= got.loc["opened", "n_human"] <= len(openers) * 1.02
    # Opens by privacy proxies look like those of people: about half of the recorded openers never read.
    assert 0.35 < len(account.truth.reads_time) / got.loc["opened", "n_human"] < 0.65
    assert got.loc["sent", "n_machine"] == 0


def test_what_was_observed_in_the_demo_account_is_what_its_summaries_say() -> None:
    with cctrack.demo(contacts=300) as session:
        activities = cctrack.account_activities_df(session=session)
        campaigns = cctrack.campaigns_df(session=session)
        summary = cctrack.campaign_summary_df(campaigns["campaign_id"], update_summary=True, session=session)
    summary = summary[summary["sends"] > 0].sort_values("campaign_id")
    said: dict[str, Any] = {"by": "campaign_id", "semantics": "observed", "machine": "include", "labels": campaigns}
    got = funnel(activities, definitions="constant_contact", **said).set_index("campaign_id")
    assert len(summary) >= 26
    assert got.index.unique().tolist() == summary["campaign_id"].tolist()
    assert got["campaign_name"].notna().all()
    for stage, count, field in (
        ("sent", "n", "sends"),
        ("opened", "n", "opens"),
        ("clicked", "n", "clicks"),
        ("sent", "n_bounced", "bounces"),
        ("delivered", "n_unsubscribed", "unsubscribes"),
        ("opened", "n_forwarded", "forwards"),
    ):
        assert got.loc[got["stage"] == stage, count].tolist() == summary[field].tolist(), field
    delivered = (summary["sends"] - summary["bounces"]).tolist()
    assert got.loc[got["stage"] == "delivered", "n"].tolist() == delivered
    closed = funnel(activities, **{**said, "semantics": "closed"})
    assert closed["n"].sum() > got["n"].sum()  # some opens are known from clicks alone
