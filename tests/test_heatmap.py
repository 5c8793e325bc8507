"""Hours of the week against a count in plain Python, across both clock changes of two zones."""

from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

import engines
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from by_hand import START, Event, table
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from cctrack import plots
from cctrack.analysis import activity_heatmap, explain

mpl.use("agg")

from matplotlib.figure import Figure

DAYS = ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"]
# Zone, and the nights of 2025 and 2026 on which its clocks change, in UTC.
CHANGES = [
    ("Europe/Berlin", "2026-03-29T00:00Z", "2025-10-26T00:00Z"),
    ("America/New_York", "2026-03-08T06:00Z", "2025-11-02T05:00Z"),
]


def seconds(moment: str | pd.Timestamp) -> float:
    return (pd.Timestamp(moment) - START).total_seconds()


def by_hour(result: pd.DataFrame, column: str = "n") -> dict[tuple[str, int], int]:
    """Give the hours of the week that have any."""
    rows = zip(result["weekday"], result["hour"], result[column], strict=True)
    return {(str(day), int(hour)): int(n) for day, hour, n in rows if n}


def of_people(rows: Sequence[Event], kind: str, zone: str) -> dict[tuple[str, int], int]:
    """Count recipients by the hour of their first event."""
    first: dict[tuple[str, str], float] = {}
    for row in rows:
        if row.kind == kind and row.campaign and row.contact and row.when is not None:
            who = (row.campaign, row.contact)
            first[who] = min(first.get(who, row.when), row.when)
    found: dict[tuple[str, int], int] = {}
    for when in first.values():
        local = (START + pd.Timedelta(seconds=when)).to_pydatetime().astimezone(ZoneInfo(zone))
        slot = (DAYS[local.weekday()], local.hour)
        found[slot] = found.get(slot, 0) + 1
    return found


events = st.lists(
    st.builds(
        Event,
        kind=st.sampled_from(["SEND", "OPEN", "CLICK", "CLICK", "BOUNCE"]),
        campaign=st.sampled_from(["a", "b", "c", None]),
        contact=st.sampled_from(["1", "2", "03", None]),
        when=st.none() | st.integers(-10_000_000, 6_000_000).map(float),
        code=st.sampled_from(["B", "V"]),
        machine=st.booleans(),
    ),
    max_size=40,
)


@settings(max_examples=25, deadline=None)
@given(rows=events, zone=st.sampled_from([zone for zone, _, _ in CHANGES]), kind=st.sampled_from(["open", "click"]))
def test_people_are_counted_by_their_first_event(rows: list[Event], zone: str, kind: Any) -> None:
    given = table(rows, machine=True)
    before = given.copy()
    got = activity_heatmap(given, event=kind, tz=zone)
    assert by_hour(got) == of_people(rows, kind.upper(), zone)
    assert by_hour(got, "n_human") == of_people([row for row in rows if not row.machine], kind.upper(), zone)
    pd.testing.assert_frame_equal(given, before)
    assert len(got) == 168
    total = got["n"].sum()
    np.testing.assert_allclose(got["rate"].to_numpy(), got["n"].to_numpy(float) / total if total else np.nan)


@pytest.mark.parametrize(("zone", "spring", "autumn"), CHANGES)
def test_the_sums_are_the_totals_across_both_clock_changes(zone: str, spring: str, autumn: str) -> None:
    rows = []
    for change in (spring, autumn):
        start = seconds(change)
        rows += [Event("CLICK", "a", f"{change}{n}", start + 600 * n) for n in range(-36, 36)]
    got = activity_heatmap(table(rows), tz=zone)
    assert got["n"].sum() == got["n_human"].sum() == len(rows) == 144
    hours = by_hour(got)
    assert hours == of_people(rows, "CLICK", zone)
    repeated, left_out = (1, 2) if zone == "America/New_York" else (2, 2)
    # Six clicks an hour: two o'clock is not there in spring; in autumn one hour comes twice.
    in_spring = by_hour(activity_heatmap(table([row for row in rows if str(row.contact).startswith(spring)]), tz=zone))
    in_autumn = by_hour(activity_heatmap(table([row for row in rows if str(row.contact).startswith(autumn)]), tz=zone))
    assert ("Sunday", left_out) not in in_spring
    assert in_spring[("Sunday", left_out - 1)] == in_spring[("Sunday", left_out + 1)] == 6
    assert in_autumn[("Sunday", repeated)] == 12
    assert set(activity_heatmap(table(rows), tz=zone)["tz"]) == {zone}


def sent(campaign: str, when: float, contacts: range, clicks: int, bounces: int = 0) -> list[Event]:
    rows = [Event("SEND", campaign, str(n), when) for n in contacts]
    rows += [Event("CLICK", campaign, str(n), when + 4000) for n in contacts[:clicks]]
    return rows + [Event("BOUNCE", campaign, str(n), when + 9, "B") for n in contacts[clicks : clicks + bounces]]


HOUR, DAY = 3600, 86_400
SLOTS = [
    *sent("a", 10, range(40), 8, 10),  # Saturday night, eleven o'clock in UTC
    *sent("b", 10 + 7 * DAY, range(20), 4),
    *sent("c", 10 + 14 * DAY, range(30), 3),
    *sent("d", 10 + 5 * HOUR, range(90), 9),  # one campaign alone
    *[row for n in range(4) for row in sent(f"e{n}", 10 + 9 * HOUR + 7 * DAY * n, range(5), 1)],  # few recipients
]


def test_slots_are_rates_of_the_delivered_and_blank_where_little_was_sent() -> None:
    got = activity_heatmap(table(SLOTS), view="sends", machine="include").set_index(["weekday", "hour"])
    full = got.loc[("Saturday", 23)]
    assert (full["n"], full["n_acted"], full["n_campaigns"]) == (80, 15, 3)
    assert full["rate"] == 15 / 80
    low, high = proportion_confint(15, 80, method="wilson")
    assert full["low"] < low < 15 / 80 < high < full["high"]  # three campaigns tell less than as many recipients
    for hour, n, campaigns in ((4, 90, 1), (8, 20, 4)):
        row = got.loc[("Sunday", hour)]
        assert (row["n"], row["n_campaigns"]) == (n, campaigns)
        assert row[["rate", "low", "high"]].isna().all()
    assert got.loc[("Monday", 5), ["n", "n_acted", "n_campaigns"]].tolist() == [0, 0, 0]
    free = activity_heatmap(table(SLOTS), view="sends", machine="include", min_delivered=1, min_campaigns=1)
    assert free["rate"].notna().sum() == 3
    alone = free[free["n_campaigns"] == 1].iloc[0]
    assert alone["rate"] == 0.1
    assert np.isnan(alone["low"])
    shifted = activity_heatmap(table(SLOTS), view="sends", machine="include", tz="Asia/Tokyo")
    assert by_hour(shifted)[("Sunday", 8)] == 80


def test_the_interval_widens_where_contacts_repeat() -> None:
    many = [Event("CLICK", f"c{n}", str(n), HOUR * (n % 2)) for n in range(60)]
    same = [Event("CLICK", f"c{n}", str(n % 6), HOUR * (n % 2)) for n in range(60)]
    alone, again = (activity_heatmap(table(rows), machine="include") for rows in (many, same))
    low, high = proportion_confint(30, 60, method="wilson")
    first, other = (one[one["n"] > 0].iloc[0] for one in (alone, again))
    assert first[["low", "high"]].tolist() == pytest.approx([low, high], rel=0.02)
    assert other["low"] < first["low"] < 0.5 < first["high"] < other["high"]


def test_groups_have_weeks_of_their_own() -> None:
    segments = pd.Series(["x", "y", "y"], index=["1", "1", "2"], name="list")
    rows = [Event("CLICK", "a", "1", 0), Event("CLICK", "a", "2", HOUR), Event("CLICK", "a", "3", HOUR)]
    got = activity_heatmap(table(rows), by=segments)
    assert list(got.columns[:3]) == ["list", "weekday", "hour"]
    sums = got.groupby("list", dropna=False)["n"].sum()
    assert {str(name): int(n) for name, n in sums.items()} == {"x": 1, "y": 2, "<NA>": 1}
    assert (got.groupby("list", dropna=False).size() == 168).all()
    labels = pd.DataFrame({"campaign_id": ["a"], "name": ["Letter"]}, dtype="string")
    named = activity_heatmap(table(rows), by="campaign_id", labels=labels)
    assert list(named.columns[:4]) == ["campaign_id", "campaign_name", "send_date", "weekday"]


def test_those_who_open_by_machine_are_no_people() -> None:
    rows = [Event("SEND", f"c{n}", who, n * DAY) for n in range(10) for who in ("1", "2")]
    rows += [Event("OPEN", f"c{n}", "1", n * DAY + 3 * HOUR) for n in range(10)]
    rows += [Event("OPEN", "c0", "2", 20 * HOUR)]
    got = activity_heatmap(table(rows), event="open")
    assert (got["n"].sum(), got["n_human"].sum()) == (11, 1)
    assert "1 suspected auto-openers" in explain(got).text
    assert activity_heatmap(table(rows), event="open", machine="exclude")["n"].sum() == 1
    assert activity_heatmap(table(rows), event="open", machine="include")["n"].sum() == 11


NOTHING: dict[str, list[Event]] = {
    "no row": [],
    "one row": [Event("CLICK", "a", "1", 0)],
    "no date": [Event("CLICK", "a", "1", None), Event("SEND", "a", "1", None)],
    "no id": [Event("CLICK", None, "1", 0), Event("CLICK", "a", None, 0)],
    "automatic": [Event("CLICK", "a", "1", 0, machine=True), Event("SEND", "a", "1", 0)],
}


@pytest.mark.parametrize("view", ["people", "sends"])
@pytest.mark.parametrize("name", NOTHING)
def test_little_gives_a_table_and_a_picture(name: str, view: Any) -> None:
    for machine in ("both", "exclude", "include"):
        got = activity_heatmap(table(NOTHING[name], machine=True), view=view, machine=machine)
        assert len(got) == 168
        assert isinstance(got.index, pd.RangeIndex)
        assert got["n"].dtype == "Int64"
        assert got["rate"].dtype == "float64"
        assert list(got["weekday"].drop_duplicates()) == DAYS
        plots.activity_heatmap(got, Figure().subplots())
        assert plots.alt_text(got)
    assert next(iter(activity_heatmap(table([]), by="campaign_id", view=view).columns)) == "campaign_id"


def test_the_order_and_the_type_of_the_input_do_not_matter() -> None:
    given = engines.activities(80, 6)
    said: dict[str, Any]
    for said in ({"event": "open"}, {"view": "sends", "min_campaigns": 1}, {"by": ["month", "region"]}):
        expected = activity_heatmap(given, **said)
        repeated = pd.concat([given, given.head(300)]).sample(frac=1, random_state=3)
        for other in (repeated, engines.categorical(given)):
            pd.testing.assert_frame_equal(activity_heatmap(other, **said), expected)


@pytest.mark.parametrize("name", ["polars", "duckdb"])
def test_engines_agree(name: str) -> None:
    given = engines.activities(80, 6)
    arrow = pytest.importorskip("pyarrow").Table.from_pandas(given, preserve_index=False)
    module = pytest.importorskip(name)
    held = module.from_arrow(arrow)
    said: dict[str, Any]
    for said in ({"event": "open", "by": "campaign_id"}, {"view": "sends", "tz": "America/New_York"}):
        pd.testing.assert_frame_equal(activity_heatmap(held, **said), activity_heatmap(given, **said))


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "event": ({"event": "forward"}, "event="),
    "view": ({"view": "all"}, "view="),
    "zone": ({"tz": "Berlin"}, "no time zone"),
    "least": ({"min_delivered": 0}, "min_delivered=0"),
    "campaigns": ({"min_campaigns": True}, "min_campaigns=True"),
    "machine": ({"machine": "no"}, "machine="),
    "ci": ({"ci": 95}, "ci=95"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_choices_are_refused(name: str) -> None:
    said, words = WRONG[name]
    with pytest.raises(ValueError, match=words):
        activity_heatmap(table(SLOTS), **said)


def test_later_events_are_not_counted_and_the_words_tell_the_choices() -> None:
    got = activity_heatmap(table(SLOTS), as_of=START + pd.Timedelta(days=1), tz="Europe/Berlin")
    assert got["n"].sum() == 18
    text = explain(got).text
    assert "Europe/Berlin" in text
    assert "no better hour" in text
    told = got.attrs["cctrack"]["columns"]
    assert {name.removesuffix("_human") for name in got.columns} <= set(told)
    assert "no proof" in explain(activity_heatmap(table(SLOTS), view="sends")).text


# --- the picture ------------------------------------------------------------------------------------------------------


def drawn(said: dict[str, Any]) -> Any:
    return plots.activity_heatmap(activity_heatmap(table(SLOTS), **said))


def test_the_picture_tells_blank_from_nothing() -> None:
    ax = drawn({"view": "sends"})
    assert ax.get_title("left") == "Click rate by hour of sending, UTC"
    values = plots.data(ax)
    assert values["value"].notna().sum() == 1
    assert len(values) == 168
    assert sum(bool(one.get_hatch()) for one in ax.patches) == 2  # too few; the other 165 hours are empty
    assert "hatched: too little was sent; empty: nothing was sent" in ax.get_xlabel().replace("\n", " ")
    people = drawn({})
    assert plots.data(people)["value"].sum() == activity_heatmap(table(SLOTS))["n_human"].sum()
    assert "most: Sunday 0:00 15" in plots.alt_text(activity_heatmap(table(SLOTS)))


def test_few_groups_are_drawn_and_many_refused() -> None:
    def few(n: int) -> pd.Series:
        return pd.Series([f"g{at % n}" for at in range(90)], index=map(str, range(90)))

    ax = drawn({"by": few(3).rename("list")})
    assert plots.data(ax)["group"].nunique() == 3
    with pytest.raises(ValueError, match="7 groups, of which 6 can be drawn"):
        drawn({"by": few(7).rename("list")})
