"""One contact's story: order, hours since the send, what looks automatic, and its picture."""

from typing import Any

import engines
import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from by_hand import START, Event, table
from hypothesis import given, settings
from hypothesis import strategies as st

from cctrack import plots
from cctrack.analysis import contact_timeline, explain, machine_activity
from cctrack.errors import ClockWarning

mpl.use("agg")

from matplotlib.figure import Figure

HOUR = 3600
ROWS = [
    Event("SEND", "a", "1", 0),
    Event("OPEN", "a", "1", 2 * HOUR),
    Event("CLICK", "a", "1", 3 * HOUR),
    Event("SEND", "a", "2", HOUR),
    Event("SEND", "b", "1", 30 * HOUR),
    Event("BOUNCE", "b", "1", 31 * HOUR, "V"),
    Event("CLICK", "b", "1", 30 * HOUR + 4),  # instant
    Event("UNSUBSCRIBE", "c", "1", 40 * HOUR),
    Event("OPEN", "a", "1", None),
]


def full(rows: list[Event], **more: Any) -> pd.DataFrame:
    held = table(rows, **more)
    return held.assign(link_uri=pd.array(["https://example.org/" if one.kind == "CLICK" else None for one in rows]))


def test_the_story_is_told_in_order() -> None:
    given = full(ROWS)
    before = given.copy()
    got = contact_timeline(given, "1", tz="Europe/Berlin")
    pd.testing.assert_frame_equal(given, before)
    kinds = [one.removeprefix("EMAIL_") for one in got["activity_type"]]
    assert kinds == ["SEND", "OPEN", "CLICK", "SEND", "CLICK", "BOUNCE", "UNSUBSCRIBE", "OPEN"]
    hours = [0, 2, 3, 0, 4 / HOUR, 1, np.nan, np.nan]
    np.testing.assert_allclose(got["hours_since_send"].to_numpy(), hours)
    assert got["machine"].tolist() == [False] * 4 + [True] + [False] * 3
    assert got["machine_reason"].tolist()[4] == "instant"
    assert got["machine_reason"].count() == 1
    assert str(got["local_time"].dtype) == "datetime64[us, Europe/Berlin]"
    assert got["local_time"][0].hour == 23
    assert got["activity_date"][0].hour == 22
    assert got["bounce_code"][5] == "V"
    told = got.attrs["cctrack"]
    assert set(got.columns) == set(told["columns"])
    assert told["contact_id"] == "1"
    assert "instant 1" in explain(got).text


def test_the_choice_of_automatic_events() -> None:
    given = full(ROWS)
    assert len(contact_timeline(given, "1", machine="exclude")) == 7
    plain = contact_timeline(given, "1", machine="include")
    assert len(plain) == 8
    assert "machine" not in plain.columns
    flags = machine_activity(given)
    again = contact_timeline(flags, "1")  # the verdicts of a table that has them hold
    pd.testing.assert_frame_equal(again, contact_timeline(given, "1"))


def test_clocks_are_judged_with_everybodys_events() -> None:
    kinds = {"SEND": 0, "OPEN": 8000, "CLICK": 9000}
    many = [Event(kind, "a", str(n), when) for n in range(2, 300) for kind, when in kinds.items()]
    early = [Event("OPEN", "a", "1", -1), Event("SEND", "a", "1", 0), Event("CLICK", "a", "1", 5)]
    got = contact_timeline(full(early + many), "1")
    assert got["machine_reason"].tolist() == [pd.NA, pd.NA, "instant"]
    with pytest.warns(ClockWarning):
        contact_timeline(full(early))


def test_names_stand_beside_campaigns() -> None:
    labels = pd.DataFrame({"campaign_id": ["a"], "name": ["Letter"]}, dtype="string")
    got = contact_timeline(full(ROWS), "1", labels=labels)
    assert got["campaign_name"].tolist() == ["Letter"] * 3 + [pd.NA] * 4 + ["Letter"]
    assert got["send_date"][0] == START


def test_the_contact_must_be_known() -> None:
    given = full(ROWS)
    with pytest.raises(ValueError, match=r"of 2 contacts; name one: contact_timeline\(activities, '1'\)"):
        contact_timeline(given)
    with pytest.raises(ValueError, match="contact '3' is not in the activities"):
        contact_timeline(given, "3")
    with pytest.raises(TypeError, match="contact_id must be text, not int"):
        contact_timeline(given, 1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no time zone"):
        contact_timeline(given, "1", tz="Berlin")
    assert len(contact_timeline(given[given["contact_id"] == "2"])) == 1
    early = contact_timeline(given, "2", as_of=START)  # known, but nothing had happened
    assert len(early) == 0


@pytest.mark.parametrize("machine", ["both", "exclude", "include"])
def test_nothing_gives_a_table_and_a_picture(machine: Any) -> None:
    for rows, who in (
        ([], None),
        ([], "1"),
        ([Event("OPEN", "a", None, 0)], None),
        ([Event("OPEN", None, "1", None)], "1"),
    ):
        got = contact_timeline(full(rows), who, machine=machine)
        assert isinstance(got.index, pd.RangeIndex)
        assert got["hours_since_send"].dtype == "float64"
        assert got["activity_type"].dtype == "string"
        for x in ("time", "since_send"):
            plots.contact_timeline(got, Figure().subplots(), x=x)
        assert "Nothing happened" in plots.alt_text(got)


events = st.lists(
    st.builds(
        Event,
        kind=st.sampled_from(["SEND", "OPEN", "CLICK", "BOUNCE", "FORWARD", "UNSUBSCRIBE"]),
        campaign=st.sampled_from(["a", "b", None]),
        contact=st.sampled_from(["1", "2"]),
        when=st.none() | st.sampled_from([0.0, 1.0, 1.5, 4000.0, 90_000.0]),
        code=st.sampled_from(["B", "V"]),
        machine=st.booleans(),
    ),
    max_size=20,
)


@settings(max_examples=25, deadline=None)
@given(rows=events, shuffle=st.randoms(use_true_random=False))
def test_order_and_repeats_do_not_matter(rows: list[Event], shuffle: Any) -> None:
    rows = [Event("SEND", "a", "1", 0), *{row[:5]: row for row in rows}.values()]
    mixed = rows + rows[:3]
    shuffle.shuffle(mixed)
    got = contact_timeline(full(rows, machine=True), "1")
    again = contact_timeline(full(mixed, machine=True), "1")
    pd.testing.assert_frame_equal(again, got)
    own = [row for row in rows if row.contact == "1"]
    told = {(row.kind, row.campaign, row.when, row.code if row.kind == "BOUNCE" else None) for row in own}
    assert len(got) == len(told)
    for row in got.to_dict("records"):
        campaign = None if pd.isna(row["campaign_id"]) else row["campaign_id"]
        sends = [one for one in own if campaign and one.kind == "SEND" and one.campaign == campaign]
        sent = [one.when for one in sends if one.when is not None]
        known = sent and not pd.isna(row["activity_date"])
        hours = ((row["activity_date"] - START).total_seconds() - min(sent)) / HOUR if known else np.nan
        np.testing.assert_allclose(row["hours_since_send"], hours)


@pytest.mark.parametrize("name", ["polars", "duckdb"])
def test_engines_agree(name: str) -> None:
    given = engines.activities(80, 6)
    held = pytest.importorskip(name).from_arrow(
        pytest.importorskip("pyarrow").Table.from_pandas(given, preserve_index=False)
    )
    clicks = given.loc[given["activity_type"] == "EMAIL_CLICK", "contact_id"].value_counts()
    for who in clicks.index[[0, 5]]:
        expected = contact_timeline(given, who)
        for other in (held, engines.categorical(given).sample(frac=1, random_state=1)):
            pd.testing.assert_frame_equal(contact_timeline(other, who), expected)


# --- the picture ------------------------------------------------------------------------------------------------------


def test_each_kind_has_its_mark() -> None:
    got = contact_timeline(full(ROWS), "1")
    ax = plots.contact_timeline(got)
    marks = {line.get_marker() for line in ax.lines if line.get_linestyle() == "None"}
    assert marks == {"|", "o", "D", "x", "s"}
    legend = ax.get_xlabel().replace("\n", " ")
    for words in ("circle: opened", "dot: clicked", "cross: bounced", "square: unsubscribed", "1 event without a date"):
        assert words in legend
    assert "triangle" not in legend
    data = plots.data(ax)
    assert len(data) == 7
    assert data["name"].nunique() == 3
    assert "1 of these automatic" in plots.alt_text(got)


def test_a_click_just_after_the_open_is_seen_within_its_ring() -> None:
    ax = plots.contact_timeline(contact_timeline(full(ROWS), "1"))
    marks = [line for line in ax.lines if line.get_marker() == "o"]
    rings = [line for line in marks if line.get_markerfacecolor() == "white"]
    dots = [line for line in marks if line not in rings]
    assert rings
    assert dots
    assert max(line.get_zorder() for line in rings) <= min(line.get_zorder() for line in dots)
    assert max(map(marks.index, rings)) < min(map(marks.index, dots))
    assert min(line.get_markersize() for line in rings) > max(line.get_markersize() for line in dots)


def test_marks_stand_by_the_time_since_the_send() -> None:
    got = contact_timeline(full(ROWS), "1")
    ax = plots.contact_timeline(got, x="since_send")
    assert plots.data(ax)["value"].tolist() == pytest.approx([2, 3, 4 / HOUR, 1])
    legend = ax.get_xlabel().replace("\n", " ")
    assert "At the left end" in legend
    assert "1 event of a campaign without a send left out" in legend
    with pytest.raises(ValueError, match="x='age' is not known"):
        plots.contact_timeline(got, x="age")  # type: ignore[arg-type]


def test_small_axes_show_the_newest() -> None:
    rows = [Event("SEND", f"c{n:02}", "1", n * 90 * HOUR) for n in range(60)]
    got = contact_timeline(full(rows))
    shown = plots.data(plots.contact_timeline(got, Figure((4, 3), layout="constrained").subplots()))["name"]
    assert 5 < len(shown) < 30
    assert shown.iloc[-1] == "c59"
    assert plots.data(plots.contact_timeline(got))["name"].nunique() == 40
