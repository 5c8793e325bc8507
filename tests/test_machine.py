"""Which events look automatic: each rule against its definition spelled out, known truth, clocks, engines, speed."""

import json
import linecache
import random
import time
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cctrack.analysis import explain, funnel, machine_activity
from cctrack.analysis._bursts import Line, coincident
from cctrack.analysis._clocks import clock_check
from cctrack.analysis._events import opened
from cctrack.analysis._human import flagged
from cctrack.analysis._machine import RULES, rules_of
from cctrack.analysis._machine_activity import auto_openers
from cctrack.analysis._patterns import OWNER, N
from cctrack.catalog import ACTIVITIES
from cctrack.demo_account.account import KINDS, Account, generate
from cctrack.errors import ClockWarning, EngineError
from cctrack.frames import Columns

COUNTS = ["n_events", "n_contacts"]
START = pd.Timestamp("2026-03-01T10:00:00Z")
SEND, OPEN, CLICK, LEAVE = "EMAIL_SEND", "EMAIL_OPEN", "EMAIL_CLICK", "EMAIL_UNSUBSCRIBE"
# kind, seconds after the start, campaign, contact, link
Event = tuple[str, float | None, str | None, str | None, str | None]


def table(rows: Sequence[Event]) -> pd.DataFrame:
    """Make a table of activities; the address is of the contact."""
    columns = Columns(ACTIVITIES)
    columns.add(
        [
            {
                "activity_type": kind,
                "activity_date": None if at is None else (START + pd.Timedelta(round(at * 1e6), "us")).isoformat(),
                "campaign_id": campaign,
                "contact_id": contact,
                "email_address": f"{contact}@Firm.example",
                "link_id": link,
                "bounce_code": "B" if kind == "EMAIL_BOUNCE" else None,
            }
            for kind, at, campaign, contact, link in rows
        ]
    )
    return columns.frame()


ENGINES = ["pyarrow", "polars", "duckdb"]


def on(engine: str, frame: pd.DataFrame) -> Any:
    """Put a table on another engine."""
    module = pytest.importorskip(engine)
    if engine == "polars":
        return module.from_pandas(frame).lazy()
    return module.from_df(frame) if engine == "duckdb" else module.Table.from_pandas(frame, preserve_index=False)


def reasons(rows: Sequence[Event], **choices: Any) -> list[str | None]:
    """Give the reason of each row, None where it does not look automatic."""
    told = machine_activity(table(rows), **choices)
    named = [None if pd.isna(one) else str(one) for one in told["machine_reason"]]
    assert [one is not None for one in named] == told["machine"].tolist()
    return named


def clicks(*rows: tuple[float | None, str | None]) -> list[Event]:
    """Make clicks of one recipient, sent to an hour earlier, of (seconds, link)."""
    return [(SEND, -3600, "c1", "1", None), *((CLICK, at, "c1", "1", link) for at, link in rows)]


def people(account: Account) -> pd.DataFrame:
    """Give the activities of a made-up account, with a column `origin`: who did it."""
    parts = []
    for kind in KINDS:
        events = account.events(kind)
        link = events.link if len(events.link) else np.zeros(len(events), dtype=np.int64)
        part = pd.DataFrame(
            {
                "activity_type": f"EMAIL_{kind.removesuffix('s').upper()}",
                "activity_date": pd.to_datetime(events.time, unit="ms", utc=True).as_unit("us"),
                "campaign_id": np.array(account.campaigns.ids)[events.campaign],
                "contact_id": np.array(account.contacts.ids)[events.contact],
                "link_id": np.array(account.links.ids)[link] if len(events.link) else None,
                "bounce_code": "B" if kind == "bounces" else None,
                "origin": account.truth.origin(kind),
            }
        )
        parts.append(part.astype({name: "string" for name in part if name != "activity_date"}))
    return pd.concat(parts, ignore_index=True)


# The rules, as they are written down.


def near(one: Event, other: Event, before: float, after: float) -> bool:
    """Tell whether one is from `before` before to `after` after the other."""
    return (
        one[1] is not None
        and other[1] is not None
        and round(-before * 1e6) <= round(one[1] * 1e6) - round(other[1] * 1e6) <= round(after * 1e6)
    )


def same(one: Event, other: Event) -> bool:
    return one[2:4] == other[2:4]


def swept(rows: Sequence[Event]) -> set[int]:
    found: set[int] = set()
    for window, links in ((10, 3), (1, 2)):
        for first in rows:
            inside = {
                place
                for place, row in enumerate(rows)
                if row[0] == CLICK and first[0] == CLICK and same(row, first) and near(row, first, 0, window)
            }
            if len({rows[place][4] for place in inside} - {None}) >= links:
                found |= inside
    return found


def spelled_out(rows: Sequence[Event], honeypots: Sequence[str]) -> list[str | None]:
    """Give the reason of each row by the rules as they are written down."""
    sweep = swept(rows)
    caught = [row for row in rows if row[0] == CLICK and row[4] in honeypots]
    found: list[str | None] = []
    for place, row in enumerate(rows):
        kind = row[0]
        mine = [rows[other] for other in sweep if same(rows[other], row)]
        near_trap = kind not in (SEND, "EMAIL_BOUNCE") and any(
            one[3] == row[3] and near(row, one, 20, 20) for one in caught
        )
        sends = [one for one in rows if one[0] == SEND and same(one, row)]
        holds = {
            "honeypot": row in caught or near_trap,
            "sweep": place in sweep,
            "instant": kind == CLICK and any(near(row, one, 0, 10) for one in sends),
            "unsub_in_sweep": kind == LEAVE and any(near(row, one, 60, 60) for one in mine),
            "scan_open": kind == OPEN and any(near(row, one, 60, 0) for one in mine),
        }
        found.append(next((name for name in RULES if holds.get(name)), None))
    return found


# Steps that meet and just miss every edge, with many ties.
moments = st.one_of(
    st.none(),
    st.sampled_from([0, 0.5, 1, 1.000001, 5, 9.5, 10, 10.000001, 11, 20, 20.000001, 60, 60.000001, 70, 71]),
    st.integers(0, 48).map(lambda quarter: quarter / 4),
)
histories = st.lists(
    st.tuples(
        st.sampled_from([CLICK] * 8 + [OPEN, OPEN, LEAVE, SEND, "EMAIL_BOUNCE", "EMAIL_FORWARD", "NEVER_SEEN"]),
        moments,
        st.sampled_from(["c1", "c1", "c2", None]),
        st.sampled_from(["1", "1", "01"]),
        st.sampled_from(["a", "b", "c", "d", None]),
    ).map(lambda row: row if row[0] == CLICK else (*row[:4], None)),
    max_size=24,
)
SENT: list[Event] = [(SEND, -1, campaign, contact, None) for campaign in ("c1", "c2") for contact in ("1", "01")]


@settings(max_examples=250, deadline=None)
@given(histories, st.sampled_from([(), ("a",)]))
@example([(CLICK, at / 4, "c1", "1", "ab"[at % 2]) for at in range(9)] + [(CLICK, 9, "c1", "1", "c")], ())
@example([(CLICK, 0, "c1", "1", "a"), (CLICK, 5, "c1", "1", None), (CLICK, 5.5, "c1", "1", "b")], ())
@example([(CLICK, 0, "c1", "1", "a"), (CLICK, 0.5, "c1", "1", "b"), (CLICK, 1.2, "c1", "1", None)], ())
def test_rules_are_what_they_say(rows: list[Event], honeypots: tuple[str, ...]) -> None:
    history = [*SENT, *rows]
    known = [place for place, row in enumerate(history) if row[2] is not None]
    expected: list[str | None] = [None] * len(history)
    for place, reason in zip(known, spelled_out([history[place] for place in known], honeypots), strict=True):
        expected[place] = reason
    assert reasons(history, honeypot_link_ids=honeypots) == expected


@settings(max_examples=50, deadline=None)
@given(histories, st.randoms(use_true_random=False))
def test_order_repeats_and_dtype_do_not_matter(rows: list[Event], chance: Any) -> None:
    activities = table([*SENT, *rows])
    told = machine_activity(activities)
    order = chance.sample(range(len(activities)), len(activities))
    again = machine_activity(activities.iloc[order])
    pd.testing.assert_frame_equal(again.sort_index(), told)
    categories = activities.astype({name: "category" for name in activities if name != "activity_date"})
    pd.testing.assert_series_equal(machine_activity(categories)["machine_reason"], told["machine_reason"])
    twice = machine_activity(pd.concat([activities, activities], ignore_index=True))
    assert twice["machine"].tolist() == told["machine"].tolist() * 2


@pytest.mark.parametrize(
    ("given_clicks", "caught"),
    [
        ([(0, "a"), (1, "b")], True),
        ([(0, "a"), (1.000001, "b")], False),
        ([(0, "a"), (0, "b")], True),
        ([(0, "a"), (0.3, "a"), (0.6, "a")], False),
        ([(0, "a"), (5, "b"), (10, "c")], True),
        ([(0, "a"), (5, "b"), (10.000001, "c")], False),
        ([(0, "a"), (4, "b"), (6, "a"), (8, "b"), (10, "a")], False),
        ([(0, "a"), (5, None), (10, "b")], False),
        ([(None, "a"), (None, "b"), (None, "c")], False),
    ],
)
def test_edges_of_a_sweep(given_clicks: list[tuple[float | None, str | None]], caught: bool) -> None:
    assert reasons(clicks(*given_clicks))[1:] == ["sweep" if caught else None] * len(given_clicks)


def test_only_the_burst_is_flagged_not_the_person() -> None:
    rows = clicks((0, "a"), (0.1, "b"), (0.2, "c"), (45, "a"), (400, "b"))
    assert reasons(rows) == [None, "sweep", "sweep", "sweep", None, None]


def test_different_people_and_mails_make_no_sweep() -> None:
    rows: list[Event] = [
        (CLICK, 0, "c1", "1", "a"),
        (CLICK, 0.1, "c1", "2", "b"),
        (CLICK, 0.2, "c2", "1", "c"),
        (CLICK, 0.3, None, "1", "d"),
        (CLICK, 0.3, "c1", None, "e"),
    ]
    assert reasons(rows) == [None] * 5


def test_every_send_to_the_contact_counts_for_instant() -> None:
    rows: list[Event] = [
        (SEND, 0, "c1", "1", None),
        (SEND, 5000, "c1", "1", None),
        (CLICK, 5010, "c1", "1", "a"),
        (CLICK, 5010.1, "c1", "1", "a"),
    ]
    assert reasons(rows) == [None, None, "instant", None]


def test_a_honeypot_reaches_the_contact_in_every_mail() -> None:
    rows: list[Event] = [
        (CLICK, 100, "c1", "1", "trap"),
        (OPEN, 120, "c2", "1", None),
        (OPEN, 121, "c2", "1", None),
        (OPEN, 100, "c1", "2", None),
        (SEND, 99, "c2", "1", None),
        (CLICK, None, "c3", "1", "trap"),
    ]
    assert reasons(rows, honeypot_link_ids=["trap"]) == ["honeypot", "honeypot", None, None, None, "honeypot"]
    assert reasons(rows) == [None] * 6


@pytest.mark.parametrize("engine", ENGINES)
def test_a_honeypot_on_other_engines(engine: str) -> None:
    rows: list[Event] = [(CLICK, 100, "c1", "1", "trap"), (OPEN, 120, "c2", "1", None), (OPEN, 120, "c2", "2", None)]
    found = flagged(opened(on(engine, table(rows)), []), rules=rules_of(None, ["trap"]))
    assert found.set_aside == {"honeypot": 2}


def test_the_first_rule_names_the_reason() -> None:
    rows: list[Event] = [
        (SEND, 0, "c1", "1", None),
        *((CLICK, 5 + at, "c1", "1", link) for at, link in enumerate("abc")),
    ]
    assert reasons(rows)[1:] == ["sweep"] * 3
    assert reasons(rows, rules=["instant"])[1:] == ["instant"] * 3
    assert reasons(rows, rules=["scan_open"]) == [None] * 4
    assert reasons(rows, rules=[]) == [None] * 4


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"rules": "sweep"}, TypeError),
        ({"rules": 3}, TypeError),
        ({"rules": ["swept"]}, ValueError),
        ({"honeypot_link_ids": "12"}, TypeError),
        ({"honeypot_link_ids": [12]}, TypeError),
        ({"rules": ["sweep"], "honeypot_link_ids": ["12"]}, ValueError),
        ({"table": "rows"}, ValueError),
        ({"definitions": "mine", "table": "summary"}, ValueError),
        ({"as_of": "someday"}, ValueError),
        ({"links": table([])}, ValueError),
        ({"labels": table([])}, ValueError),
        ({"links": pd.DataFrame(), "table": "summary"}, ValueError),
    ],
)
def test_wrong_arguments_are_refused(wrong: dict[str, Any], error: type[Exception]) -> None:
    with pytest.raises(error):
        machine_activity(table(clicks((0, "a"))), **wrong)


# Links, cohorts and the places where definitions could slip.


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30), st.integers(-1, 4)), max_size=40),
    st.sampled_from([2, 3]),
    st.integers(0, 12),
)
def test_windows_of_links(rows: list[tuple[int, int, int]], links: int, window: int) -> None:
    group, at, link = (np.array([row[place] for row in rows], dtype=np.int64) for place in range(3))
    line = Line.of(group, at)
    expected = np.zeros(len(rows), dtype=bool)
    for start in range(31):
        for one in range(3):
            inside = (group == one) & (at >= start) & (at <= start + window)
            if len(set(link[inside]) - {-1}) >= links:
                expected |= inside
    assert line.sweeping(link[line.at], links, window).tolist() == expected[line.at].tolist()


def test_links_without_an_id_are_told_by_their_address() -> None:
    activities = table(clicks((0, None), (0.5, None), (100, None), (100.5, None)))
    assert not machine_activity(activities)["machine"].any()
    activities["link_uri"] = pd.array([None, "https://a.example", "https://b.example", None, None], dtype="string")
    assert machine_activity(activities)["machine"].tolist() == [False, True, True, False, False]
    assert machine_activity(activities.drop(columns="link_id"))["machine"].sum() == 2
    with pytest.raises(ValueError, match="link_id"):
        machine_activity(activities.drop(columns=["link_id", "link_uri"]))
    with pytest.raises(ValueError, match="link_id"):
        machine_activity(activities.drop(columns="link_id"), honeypot_link_ids=["x"])
    with pytest.raises(ValueError, match="email_address"):
        machine_activity(activities.drop(columns="email_address"), rules=["cohort_second"])


def test_a_firm_that_clicks_in_one_second_is_a_cohort() -> None:
    rows: list[Event] = [(CLICK, 50.2 + at / 10, "c1", str(at), "a") for at in range(4)]
    rows += [(CLICK, 90, "c1", "1", "a"), (CLICK, 50.2, "c2", "9", "a"), (CLICK, 50.2, "c1", "7", "a")]
    activities = table(rows)
    activities.loc[6, "email_address"] = "someone@elsewhere.example"
    activities["activity_date"] = activities["activity_date"].dt.as_unit("ns")
    told = machine_activity(activities, rules=["cohort_second"])
    assert told["machine_reason"].notna().tolist() == [True] * 4 + [False] * 3
    assert not machine_activity(activities)["machine"].any()
    for unknown in (pd.NA, "no address"):
        activities["email_address"] = pd.array([unknown] * len(activities), dtype="string")
        assert not machine_activity(activities, rules=["cohort_second"])["machine"].any()


def test_cohorts_are_counted_as_written_down() -> None:
    from scipy.stats import binom

    chance = np.random.default_rng(5)
    group, who = chance.integers(0, 2, 400), chance.integers(0, 60, 400)
    second = chance.choice(np.r_[0:300:4, 50, 50, 51, 200, 200, 200, 200], 400)
    expected = []
    for place in range(400):
        mine = {
            (second[i], who[i]) for i in range(400) if group[i] == group[place] and abs(second[i] - second[place]) <= 60
        }
        k = len({person for at, person in mine if at == second[place]})
        expected.append(k >= 3 and binom.sf(k - 1, len(mine), 1 / 121) <= 1e-6)
    assert coincident(group, second, who, 3).tolist() == expected
    assert 0 < sum(expected) < 400


@pytest.mark.parametrize(("size", "spread"), [(500, 900), (20_000, 900), (200_000, 900), (10_000, 1)])
def test_a_large_domain_is_no_cohort_by_chance(size: int, spread: int) -> None:
    """People of one freemail domain, whose clicks follow a mailing as published curves have it."""
    chance = np.random.default_rng([7, size, spread])
    delay = np.exp(np.log(2.8 * 3600) + 2.44 * chance.standard_normal(size))
    second = (chance.uniform(0, spread, size) + delay).astype(np.int64)
    found = coincident(np.zeros(size, dtype=np.int64), second, np.arange(size), 3)
    assert found.mean() < 1e-4


# Against the truth, and quick.


@pytest.mark.parametrize("preset", ["default", "b2b"])
@pytest.mark.parametrize("seed", range(4))
def test_scanners_are_found_and_people_are_kept(seed: int, preset: Any) -> None:
    activities = people(generate(2000, seed, preset=preset))
    told = machine_activity(activities)
    click = (told["activity_type"] == CLICK).to_numpy(dtype=bool)
    scanner = (told["origin"] == "scanner").to_numpy(dtype=bool)
    machine = told["machine"].to_numpy()
    recipient = told["campaign_id"] + "/" + told["contact_id"]
    clickers, kept = (set(recipient[click & ~scanner & chosen]) for chosen in (np.ones_like(click), ~machine))
    assert machine[click & scanner].mean() >= 0.98
    assert scanner[click & machine].mean() >= 0.99
    assert 1 - len(kept) / len(clickers) <= 0.005
    left = machine_activity(activities, table="summary")
    sweeps = left[left["reason"] == "sweep"]
    assert sweeps["n_events"].sum() == (told["machine_reason"] == "sweep").sum()


def test_a_contact_that_clicks_two_links_in_turn_for_ever_is_no_trap() -> None:
    size = 100_000
    activities = pd.DataFrame(
        {
            "activity_type": CLICK,
            "activity_date": START + pd.to_timedelta(np.arange(size) * 10, unit="us"),
            "campaign_id": "c1",
            "contact_id": "1",
            "link_id": np.where(np.arange(size) % 2, "a", "b"),
        }
    )
    events = opened(activities, [])
    started = time.process_time()
    found = flagged(events)
    assert time.process_time() - started < 1
    assert found.automatic.all()


# Clocks.


def skewed(hours: float) -> pd.DataFrame:
    """Give a small account whose events are dated so many hours off, but for the sends."""
    activities = people(generate(300, 1))
    late = activities["activity_type"] != SEND
    activities.loc[late, "activity_date"] += pd.Timedelta(hours=hours)
    return activities


def test_suspect_clocks_are_told_once_and_bursts_hold() -> None:
    right, wrong = skewed(0), skewed(-5)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        told = machine_activity(wrong)
        stages = funnel(wrong)
    assert [one.category for one in caught] == [ClockWarning] * 2
    assert {one.filename for one in caught} == {__file__}
    lines = [linecache.getline(one.filename, one.lineno).strip() for one in caught]
    assert lines == ["told = machine_activity(wrong)", "stages = funnel(wrong)"]
    assert "suspect" in set(clock_check(wrong)["verdict"].dropna())
    assert "suspect" not in set(clock_check(right)["verdict"].dropna())
    assert "instant, unsub_in_sweep, scan_open" in str(caught[0].message)
    for result in (told, stages):
        assert result.attrs["cctrack"]["clocks"] == "suspect"
        assert "scan_open: not applied" in explain(result).text
    assert set(told["machine_reason"].dropna()) == {"sweep"}
    expected = machine_activity(right)
    assert expected.attrs["cctrack"]["clocks"] == "ok"
    assert (told["machine_reason"] == "sweep").tolist() == (expected["machine_reason"] == "sweep").tolist()


def test_a_rule_is_left_out_only_where_its_own_clocks_disagree() -> None:
    rows: list[Event] = []
    for place in range(50):
        rows += [
            (SEND, 0, "c1", str(place), None),
            (OPEN, -7200.0, "c1", str(place), None),
            (CLICK, 10, "c1", str(place), "a"),
        ]
    with pytest.warns(ClockWarning, match="without scan_open;"):
        found = reasons(rows)
    assert found == [None, None, "instant"] * 50
    with pytest.warns(ClockWarning, match="without the time to other events;"):
        reasons(rows, rules=["sweep"])
    assert reasons([row for row in rows if row[0] != OPEN]) == [None, "instant"] * 50


def test_one_event_in_two_hundred_before_its_send_is_no_alarm() -> None:
    rows: list[Event] = [
        (kind, at, "c1", str(place), link)
        for place in range(200)
        for kind, at, link in ((SEND, 100, None), (CLICK, 99 if place == 0 else 900, "a"))
    ]
    assert reasons(rows) == [None] * 400


# What is left.

kinds_left = st.sampled_from([SEND, OPEN, OPEN, CLICK, CLICK, "EMAIL_FORWARD", LEAVE, "EMAIL_BOUNCE"])
marks = st.lists(
    st.tuples(
        kinds_left,
        st.sampled_from(["c1", "c2"]),
        st.sampled_from(["1", "2"]),
        st.sampled_from(["a", "b"]),
        st.booleans(),
    ),
    max_size=30,
)


def marked(rows: Sequence[tuple[str, str, str, str, bool | None]]) -> pd.DataFrame:
    """Make activities that say themselves which are automatic."""
    activities = table([(kind, 0, campaign, contact, link) for kind, campaign, contact, link, _ in rows])
    activities["machine"] = pd.array([row[4] for row in rows], dtype="boolean")
    return activities


def sorted_counts(counts: pd.DataFrame, keys: list[str]) -> pd.DataFrame:
    added = counts.groupby([*keys, "_pattern"], dropna=False, observed=True)[N].sum().reset_index()
    return added[added[N] != 0].astype({N: "int64", "_pattern": "int64"}).reset_index(drop=True)


@settings(max_examples=80, deadline=None)
@given(marks, st.sampled_from([[], ["campaign_id"], ["contact_id"], ["link_id"], ["campaign_id", "email_address"]]))
def test_corrected_counts_are_those_of_the_events_that_stay(rows: list[Any], keys: list[str]) -> None:
    activities = marked(rows)
    events = opened(activities, ["activity_type"])
    found = flagged(events, keys)
    left = opened(activities[~activities["machine"].fillna(False)].drop(columns="machine"), ["activity_type"])
    corrected = sorted_counts(found.counts(events.patterns(keys), keys), keys)
    pd.testing.assert_frame_equal(corrected, sorted_counts(left.patterns(keys), keys), check_dtype=False)


@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("seed", range(3))
def test_flags_of_the_analyst_are_taken_as_they_stand(seed: int, engine: str) -> None:
    chance = random.Random(seed)
    kinds = [SEND, OPEN, CLICK, LEAVE, "EMAIL_BOUNCE"]
    rows = [
        (
            chance.choice(kinds),
            chance.choice(["c1", "c2"]),
            chance.choice("123"),
            "a",
            chance.choice([True, False, None]),
        )
        for _ in range(20 * seed)
    ]
    activities = marked(rows)
    kept = activities[~activities["machine"].fillna(False)].drop(columns="machine")
    expected = funnel(kept, machine="include")
    for given_table in (activities, on(engine, activities), activities.astype({"machine": "object"})):
        result = funnel(given_table, machine="exclude")
        assert result["n"].tolist() == expected["n"].tolist()
        assert "clocks" not in result.attrs["cctrack"]
        assert result.attrs["cctrack"]["rules"][0].startswith("given")


def test_marks_that_are_missing_or_no_marks() -> None:
    rows = [(SEND, "c1", "1", "a", True), (OPEN, "c1", "1", "a", None), (CLICK, "c1", "2", "a", False)]
    activities = marked(rows).astype({"machine": object})
    assert funnel(activities, machine="exclude")["n"].tolist() == [2, 2, 2, 1]
    activities["machine_reason"] = pd.Categorical(["scan_open", None, "sweep"])
    assert flagged(opened(activities, [])).set_aside == {"scan_open": 1}
    activities["machine_reason"] = ["I know them", None, None]
    assert flagged(opened(activities, [])).set_aside == {"given": 1}
    for wrong in (["True", "False", "True"], [1, 0, 0], [0.5, 1, 1]):
        activities["machine"] = wrong
        with pytest.raises(ValueError, match="machine holds"):
            funnel(activities)
        with pytest.raises(ValueError, match="machine holds"):
            funnel(on("pyarrow", activities))
        assert not machine_activity(activities)["machine"].any()


# The table of events.


def test_the_activities_stay_as_they_are_and_have_a_verdict() -> None:
    activities = people(generate(200, 2)).sample(frac=1, random_state=1)
    activities.attrs["cctrack"] = {"report": "campaign_activities", "account": "x"}
    before = activities.copy()
    told = machine_activity(activities)
    pd.testing.assert_frame_equal(activities, before)
    pd.testing.assert_frame_equal(told.drop(columns=["machine", "machine_reason"]), before)
    assert told["machine"].dtype == np.dtype(bool)
    assert list(told["machine_reason"].cat.categories) == list(RULES)
    assert told.attrs["cctrack"]["source"] == {"report": "campaign_activities", "account": "x"}
    assert funnel(told).attrs["cctrack"]["source"] == {"report": "campaign_activities", "account": "x"}
    pd.testing.assert_frame_equal(funnel(told), funnel(activities))
    edited = told.assign(machine=True, machine_reason="mine")
    pd.testing.assert_frame_equal(machine_activity(edited), told)
    assert funnel(edited, machine="exclude")["n"].sum() < funnel(edited, machine="include")["n"].sum()


@pytest.mark.parametrize("engine", ENGINES)
def test_activities_of_other_engines(engine: str) -> None:
    activities = people(generate(200, 3))
    told = machine_activity(on(engine, activities))
    expected = machine_activity(activities)
    pd.testing.assert_frame_equal(told, expected)
    assert told.attrs == expected.attrs
    summary = machine_activity(on(engine, activities), table="summary")
    pd.testing.assert_frame_equal(summary, machine_activity(activities, table="summary"))
    again = machine_activity(on(engine, expected.astype({"machine_reason": "string"})))
    pd.testing.assert_frame_equal(again, expected)


def test_too_many_rows_name_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    from cctrack.analysis import _events, _machine_activity

    monkeypatch.setattr(_events, "ROW_LIMIT", 3)
    monkeypatch.setattr(_machine_activity, "ROW_LIMIT", 3)
    activities = table([(SEND, 0, "c1", str(place), None) for place in range(4)])
    assert len(machine_activity(activities)) == 4
    with pytest.raises(EngineError, match="table='summary'"):
        machine_activity(on("pyarrow", activities))
    with pytest.raises(EngineError, match="4 contacts"):
        machine_activity(on("pyarrow", activities), table="summary")


def test_rows_after_the_day_are_left_out() -> None:
    activities = table(clicks((0, "a"), (0.5, "b"), (100, "c"), (None, "d")))
    told = machine_activity(activities, as_of=START)
    assert told.index.tolist() == [0, 1, 4]
    assert not told["machine"].any()
    assert machine_activity(activities)["machine"].sum() == 2


@pytest.mark.parametrize(
    "rows", [[], [(CLICK, None, None, None, None)], [(SEND, 0, "c1", "1", None)], clicks((0, "a"), (0, "b"))]
)
@pytest.mark.parametrize("shape", ["events", "summary"])
def test_small_tables(rows: list[Event], shape: Any) -> None:
    for activities in (table(rows), *(on(engine, table(rows)) for engine in ENGINES)):
        told = machine_activity(activities, table=shape)
        assert explain(told).text
        assert isinstance(told.index, pd.RangeIndex)
        assert len(told) == (len(rows) if shape == "events" else 7 * len({row[2] for row in rows} - {None}))


# The table of campaigns and reasons.


def brute_summary(told: pd.DataFrame, sizes: dict[str, int]) -> pd.DataFrame:
    """Count by the definitions, from activities with a verdict."""
    rows = []
    stays = ~told["machine"]
    own = told[told["campaign_id"].notna() & told["contact_id"].notna()]
    suspects = brute_openers(told[stays])
    of_metric = {"click_rate": CLICK, "open_rate": OPEN, "unsubscribe_rate": LEAVE}
    for campaign, mail in own.groupby("campaign_id"):
        sent = set(mail.loc[mail["activity_type"] == SEND, "contact_id"])
        delivered = sent - set(mail.loc[mail["activity_type"] == "EMAIL_BOUNCE", "contact_id"])
        clicked = mail[mail["activity_type"] == CLICK].dropna(subset=["link_id"])
        n_links = max(sizes.get(str(campaign), 0), clicked["link_id"].nunique())
        by_contact = clicked.groupby("contact_id")["link_id"].nunique()
        many = set(by_contact.index[(by_contact >= 4) & (by_contact >= 0.8 * n_links - 1e-9)])
        timed = clicked.dropna(subset=["activity_date"]).sort_values("activity_date", kind="stable")
        gap = timed.groupby(["contact_id", "link_id"])["activity_date"].diff()
        again = mail.index.isin(timed.index[gap <= pd.Timedelta("2s")])
        chosen = {name: mail["machine_reason"] == name for name in RULES if name not in ("honeypot", "cohort_second")}
        kept = ~mail["machine"]
        chosen["all_links"] = kept & (mail["activity_type"] == CLICK) & mail["contact_id"].isin(many)
        chosen["auto_opener"] = kept & (mail["activity_type"] == OPEN) & mail["contact_id"].isin(suspects)
        chosen["repeat"] = kept & again
        for reason, mine in chosen.items():
            metric = {"scan_open": "open_rate", "auto_opener": "open_rate", "unsub_in_sweep": "unsubscribe_rate"}.get(
                reason, "click_rate"
            )
            of_kind = mail["activity_type"] == of_metric[metric]
            whole = delivered - suspects if reason == "auto_opener" else delivered
            left = set(mail.loc[of_kind & ~mine, "contact_id"]) - (suspects if reason == "auto_opener" else set())
            recorded, human = (set(mail.loc[of_kind & keep, "contact_id"]) for keep in (True, kept))
            rows.append(
                (
                    campaign, reason, mine.sum(), mail.loc[mine, "contact_id"].nunique(),
                    *(len(part) / len(of) if of else np.nan
                      for part, of in ((recorded, delivered), (left, whole), (human, delivered))),
                )
            )  # fmt: skip
    columns = ["campaign_id", "reason", "n_events", "n_contacts", "rate_recorded", "rate_without", "rate_human"]
    return pd.DataFrame(rows, columns=columns)


def brute_openers(left: pd.DataFrame) -> set[str]:
    """Give contacts that open (nearly) all by machine, from the activities that stay."""
    found = set()
    for contact, mine in left.groupby("contact_id"):
        mails = {kind: set(mine.loc[mine["activity_type"] == kind, "campaign_id"]) for kind in (SEND, OPEN, CLICK)}
        opens = (mine["activity_type"] == OPEN).sum()
        delivered = (mails[SEND] - set(mine.loc[mine["activity_type"] == "EMAIL_BOUNCE", "campaign_id"])) | mails[OPEN]
        often = len(delivered) >= 8 and 10 * len(mails[OPEN]) >= 9 * len(delivered)
        if often and not mails[CLICK] and 100 * opens <= 105 * len(mails[OPEN]):
            found.add(str(contact))
    return found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("with_links", [False, True])
def test_the_summary_counts_what_it_says(seed: int, with_links: bool) -> None:
    account = generate(150, seed, preset="b2b")
    activities = people(account)
    devoted = activities["contact_id"].isin(["3", "5", "8", "13"])  # who opens everything once, and does nothing else
    sends = activities[devoted & (activities["activity_type"] == SEND)]
    opens = sends.iloc[1:].assign(activity_type=OPEN)
    activities = pd.concat([activities[~devoted], sends, opens, opens.tail(1)], ignore_index=True)
    paced = activities[activities["activity_type"] == CLICK].drop_duplicates("link_id")
    slow = paced["activity_date"] + pd.to_timedelta(np.arange(len(paced)), unit="h")
    activities = pd.concat([activities, paced.assign(contact_id="1", activity_date=slow)], ignore_index=True)
    links = pd.DataFrame({"campaign_id": [account.campaigns.ids[at] for at in account.links.campaign]}, dtype="string")
    links["link_id"] = pd.array(account.links.ids, dtype="string")
    told = machine_activity(activities)
    sizes = links.groupby("campaign_id").size().to_dict() if with_links else {}
    summary = machine_activity(activities, table="summary", links=links if with_links else None)
    expected = brute_summary(told, sizes)
    assert brute_openers(told[~told["machine"]])
    counted = summary.groupby("reason", observed=True)["n_events"].sum()
    assert (counted[["sweep", "scan_open", "all_links", "auto_opener", "repeat"]] > 0).all()
    pd.testing.assert_frame_equal(
        summary[list(expected)].astype({"reason": str}), expected, check_dtype=False, check_categorical=False
    )
    assert summary["flagged"].tolist() == [name in RULES for name in summary["reason"]]
    told = summary.attrs["cctrack"]
    assert sum(told["set_aside"].values()) == summary.loc[summary["flagged"], "n_events"].sum()


def test_rates_of_the_summary() -> None:
    rows: list[Event] = [(SEND, -100, "c1", str(place), None) for place in range(10)]
    rows += [("EMAIL_BOUNCE", 0, "c1", "9", None)]
    rows += [(CLICK, at / 10, "c1", "1", "abc"[at]) for at in range(3)]
    rows += [(OPEN, -20, "c1", "1", None), (OPEN, 500, "c1", "2", None), (LEAVE, 30, "c1", "1", None)]
    rows += [(CLICK, 900, "c1", "2", "a"), (CLICK, 901, "c1", "2", "a")]
    summary = machine_activity(table(rows), table="summary").set_index("reason")
    assert summary["n_events"].to_dict() == {
        "sweep": 3, "instant": 0, "unsub_in_sweep": 1, "scan_open": 1, "all_links": 0, "auto_opener": 0, "repeat": 1,
    }  # fmt: skip
    rates = summary[["metric", "rate_recorded", "rate_without", "rate_human"]]
    assert rates.loc["sweep"].tolist() == ["click_rate", 2 / 9, 1 / 9, 1 / 9]
    assert rates.loc["instant"].tolist() == ["click_rate", 2 / 9, 2 / 9, 1 / 9]
    assert rates.loc["scan_open"].tolist() == ["open_rate", 2 / 9, 1 / 9, 1 / 9]
    assert rates.loc["unsub_in_sweep"].tolist() == ["unsubscribe_rate", 1 / 9, 0, 0]
    of_sent = machine_activity(table(rows), table="summary", definitions="sent").set_index("reason")
    assert of_sent.loc["sweep", "rate_recorded"] == 2 / 10


def test_who_the_sender_unsubscribed_is_no_machine() -> None:
    rows = [*clicks((0, "a"), (0.5, "b")), (LEAVE, 1, "c1", "1", None), (LEAVE, 2, "c1", "1", None)]
    activities = table(rows)
    activities["unsubscribe_source"] = pd.array([None, None, None, OWNER, "ACTION_BY_CUSTOMER"], dtype="string")
    told = machine_activity(activities)
    assert told["machine"].tolist() == [False, True, True, False, True]
    summary = machine_activity(activities[:-1], table="summary").set_index("reason")
    assert summary.loc["unsub_in_sweep", "rate_recorded"] == 0


def test_the_summary_takes_verdicts_as_they_stand() -> None:
    activities = people(generate(200, 4))
    told = machine_activity(activities)
    pd.testing.assert_frame_equal(
        machine_activity(told, table="summary").query("n_events > 0").reset_index(drop=True),
        machine_activity(activities, table="summary").query("n_events > 0").reset_index(drop=True),
    )
    mine = told.assign(machine=told["contact_id"] == "7").drop(columns="machine_reason")
    summary = machine_activity(mine, table="summary")
    assert set(summary.loc[summary["flagged"], "reason"]) == {"given"}
    assert summary["n_events"][summary["flagged"]].sum() == (told["contact_id"] == "7").sum()
    for choice in ({"rules": ["sweep"]}, {"honeypot_link_ids": ["x"]}):
        with pytest.raises(ValueError, match="as it stands"):
            machine_activity(told, table="summary", **choice)


def test_names_stand_beside_the_campaigns() -> None:
    activities = table(clicks((0, "a")))
    names = pd.DataFrame({"campaign_id": ["c1"], "name": ["Spring"]}, dtype="string")
    summary = machine_activity(activities, table="summary", labels=names)
    assert list(summary.columns[:3]) == ["campaign_id", "campaign_name", "send_date"]
    assert set(summary["campaign_name"]) == {"Spring"}


def test_every_column_is_explained() -> None:
    activities = table(clicks((0, "a")))
    assert set(machine_activity(activities).attrs["cctrack"]["columns"]) == {"machine", "machine_reason"}
    summary = machine_activity(activities, table="summary")
    assert set(summary.columns) - set(summary.attrs["cctrack"]["columns"]) == {"campaign_id"}
    json.dumps(summary.attrs)


def test_automatic_openers_are_a_column_of_text() -> None:
    for activities in (table([]), people(generate(150, 1))):
        events = opened(activities, [])
        suspects = auto_openers(events, flagged(events))
        assert suspects.dtype == "string"
        assert isinstance(suspects.index, pd.RangeIndex)


def test_edges_of_a_repeat_and_of_automatic_opens() -> None:
    rows: list[Event] = clicks((0, "a"), (2, "a"), (4.000001, "a"), (5, None), (5, None))
    summary = machine_activity(table(rows), table="summary").set_index("reason")
    assert summary.loc["repeat", COUNTS].tolist() == [1, 1]
    for mails, sent, opened_mails, extra, caught in (
        (8, 8, 8, 0, True), (7, 7, 7, 0, False), (10, 10, 9, 0, True), (10, 10, 8, 0, False), (8, 3, 8, 0, True),
        (20, 20, 20, 1, True), (20, 20, 20, 2, False),
    ):  # fmt: skip
        history: list[Event] = [(SEND, 0, f"c{place}", "1", None) for place in range(sent)]
        history += [(OPEN, 900, f"c{place}", "1", None) for place in range(mails - opened_mails, mails)]
        history += [(OPEN, 999, f"c{mails - 1}", "1", None)] * extra
        events = opened(table(history), [])
        assert auto_openers(events, flagged(events)).tolist() == (["1"] if caught else [])
