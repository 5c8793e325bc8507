"""Pressure against a life table in plain Python, and against what the demo account plants."""

from collections.abc import Sequence
from typing import Any

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
from cctrack.analysis import explain, pressure
from cctrack.demo_account.account import generate

mpl.use("agg")

from matplotlib.figure import Figure

DAY = 86_400
LATER = START + pd.Timedelta(days=60)
HAZARD = ["send_index", "at_risk", "unsubscribes", "hazard", "low", "high"]


class Mail:
    """One campaign's events of one contact."""

    def __init__(self, rows: Sequence[Event]) -> None:
        self.sent = min((row.when for row in rows if row.kind == "SEND" and row.when is not None), default=None)
        self.campaign = rows[0].campaign or ""
        kinds = {row.kind for row in rows}
        bounced = any(row.kind == "BOUNCE" and row.code != "V" for row in rows)
        asked = any(row.kind == "UNSUBSCRIBE" and row.source != "ACTION_BY_OWNER" for row in rows)
        self.delivered = (self.sent is not None and not bounced) or bool(kinds & {"OPEN", "CLICK", "FORWARD"}) or asked
        self.clicked = "CLICK" in kinds
        gone = min((row.when for row in rows if row.kind == "UNSUBSCRIBE" and row.when is not None), default=None)
        self.asked, self.gone = asked, gone


def histories(rows: Sequence[Event], now: float) -> list[list[tuple[int, Mail, bool, bool]]]:
    """Give for each contact its dated mails in order: place, mail, whether it counts, whether the contact left."""
    found = []
    for contact in sorted({row.contact for row in rows if row.contact}):
        own = [row for row in rows if row.contact == contact and row.campaign]
        mails = [Mail([row for row in own if row.campaign == one]) for one in {row.campaign for row in own}]
        leaving = min((mail.gone for mail in mails if mail.gone is not None), default=np.inf)
        dated = sorted((mail for mail in mails if mail.sent is not None), key=lambda mail: (mail.sent, mail.campaign))
        found.append(
            [
                (n, mail, mail.sent <= min(leaving, now - 3 * DAY), mail.asked and mail.gone == leaving)  # type: ignore[operator]
                for n, mail in enumerate(dated, 1)
            ]
        )
    return found


def life_table(rows: Sequence[Event], now: float, edge: float) -> dict[int, tuple[int, int]]:
    """Count by place those at risk and those that left."""
    found: dict[int, tuple[int, int]] = {}
    everyone = [own for own in histories(rows, now) if own]
    oldest = min((own[0][1].sent or 0 for own in everyone), default=0)
    for own in everyone:
        for n, mail, counts, left in own:
            if counts and mail.delivered and (own[0][1].sent or 0) - oldest >= edge:
                at_risk, gone = found.get(n, (0, 0))
                found[n] = (at_risk + 1, gone + left)
    return found


events = st.lists(
    st.builds(
        Event,
        kind=st.sampled_from(["SEND", "SEND", "SEND", "OPEN", "CLICK", "BOUNCE", "UNSUBSCRIBE"]),
        campaign=st.sampled_from(["a", "b", "c", "d", "e", None]),
        contact=st.sampled_from(["1", "2", "03", "4"]),
        when=st.none() | st.integers(0, 12).map(lambda day: day * DAY + 0.0),
        code=st.sampled_from(["B", "V"]),
        source=st.sampled_from(["ACTION_BY_CUSTOMER", "ACTION_BY_OWNER"]),
        machine=st.booleans(),
    ),
    max_size=40,
)


@settings(max_examples=25, deadline=None)
@given(rows=events, edge=st.sampled_from([0, 2]), now=st.sampled_from([8, 40]), human=st.booleans())
def test_the_life_table_is_that_of_a_count_by_hand(rows: list[Event], edge: int, now: int, human: bool) -> None:
    given = table(rows, machine=True)
    before = given.copy()
    said: dict[str, Any] = {"machine": "exclude" if human else "include", "as_of": START + pd.Timedelta(days=now)}
    got = pressure(given, table="hazard", edge=f"{edge}D", **said)
    pd.testing.assert_frame_equal(given, before)
    known = [row for row in rows if row.when is None or row.when <= now * DAY]
    if human:  # whoever made it, an unsubscription ends the contact's mail
        known = [row for row in known if not row.machine or row.kind in ("SEND", "UNSUBSCRIBE")]
        known = [row._replace(source="ACTION_BY_OWNER") if row.machine else row for row in known]
    if not human or not any(row.machine and row.kind in ("SEND", "UNSUBSCRIBE") for row in rows):
        counted = life_table(known, now * DAY, edge * DAY)
        assert {int(n): (int(a), int(u)) for n, a, u in got[HAZARD[:3]].itertuples(index=False) if a} == counted
    low, high = proportion_confint(
        got["unsubscribes"].to_numpy(float), got["at_risk"].to_numpy(float).clip(1), method="wilson"
    )
    some = got["at_risk"].to_numpy() > 0
    np.testing.assert_allclose(got[["low", "high"]].to_numpy()[some], np.stack([low, high], axis=1)[some], atol=1e-9)


@settings(max_examples=25, deadline=None)
@given(rows=events, days=st.sampled_from([7, 28]))
def test_bands_are_those_of_a_count_by_hand(rows: list[Event], days: Any) -> None:
    got = pressure(table(rows), days=days, machine="include", as_of=LATER).set_index("pressure_band")
    own = histories(rows, 60 * DAY)
    oldest = min((mail.sent or 0 for mails in own for _, mail, _, _ in mails), default=0)
    names = ["0", "1", "2", "3-4", "3-4"]
    kept: list[tuple[int, str, Mail, bool]] = []
    for who, mails in enumerate(own):
        for _, mail, counts, left in mails:
            before = sum(0 < (mail.sent or 0) - (other.sent or 0) <= days * DAY for _, other, _, _ in mails)
            if counts and mail.delivered and (mail.sent or 0) - oldest >= days * DAY:
                kept.append((who, names[before], mail, left))
    for band in got.index:
        mine = [one for one in kept if one[1] == band]
        row = got.loc[band]
        assert row["sends"] == len(mine)
        assert row["contacts"] == len({who for who, *_ in mine})
        assert row["unsubscribes"] == sum(left for *_, left in mine)
        if mine:
            assert row["click_rate"] == pytest.approx(np.mean([mail.clicked for _, _, mail, _ in mine]))
        varied = [one for one in mine if len({other[1] for other in kept if other[0] == one[0]}) > 1]
        own_rate = {who: np.mean([o[2].clicked for o in kept if o[0] == who]) for who, *_ in varied}
        beyond = [one[2].clicked - own_rate[one[0]] for one in varied]
        expected = np.mean(beyond) if beyond else np.nan
        np.testing.assert_allclose(got["click_rate_within"][band], expected, atol=1e-12)


def test_the_generator_lets_new_contacts_leave_three_times_as_often() -> None:
    account = generate(12_000, seed=3)
    got = pressure(of(account, ("sends", "unsubscribes")), table="hazard", edge="0D", machine="include")
    first, others = got.head(3), got.iloc[3:]
    rates = [part["unsubscribes"].sum() / part["at_risk"].sum() for part in (first, others)]
    # Planted: 0.18 % of the delivered, times 3 in the first three sends, less for those who do not read or never leave.
    assert 2.2 < rates[0] / rates[1] < 4.2
    assert rates[0] < 0.0054 * 1.5
    _low, high = proportion_confint(others["unsubscribes"].sum(), others["at_risk"].sum(), method="wilson")
    assert (first["low"] > high).all()
    share = float(others["unsubscribes"].sum() / others["at_risk"].sum())
    held = (others["low"] <= 1.25 * share) & (others["high"] >= 0.75 * share)
    assert held.mean() > 0.9


def of(account: Any, kinds: Sequence[str]) -> pd.DataFrame:
    frames = []
    for kind in kinds:
        rows = account.events(kind)
        frame = pd.DataFrame({"activity_date": pd.to_datetime(rows.time, unit="ms", utc=True).as_unit("us")})
        frame["activity_type"] = f"EMAIL_{kind[:-1].upper()}"
        frame["campaign_id"] = np.array(account.campaigns.ids)[rows.campaign]
        frame["contact_id"] = np.array(account.contacts.ids)[rows.contact]
        frames.append(frame.assign(bounce_code=None))
    return pd.concat(frames, ignore_index=True)


def confounded(seed: int, effect: float = 0.0) -> pd.DataFrame:
    """Make readers who get much mail and click often, and others who get little and click seldom."""
    chance = np.random.default_rng(seed)
    rows = []
    for who in range(300):
        eager = who % 2 == 0
        days = np.flatnonzero(chance.random(120) < (0.35 if eager else 0.08))
        for _at, day in enumerate(days):
            before = int(((days < day) & (days >= day - 7)).sum())
            rows.append(Event("SEND", f"{day}", str(who), float(day * DAY)))
            if chance.random() < (0.4 if eager else 0.1) - effect * before:
                rows.append(Event("CLICK", f"{day}", str(who), float(day * DAY + 5000)))
    return table(rows)


def test_contacts_compared_with_themselves_do_not_show_who_gets_more() -> None:
    got = pressure(confounded(1), machine="include", as_of=START + pd.Timedelta(days=200))
    rates = got["click_rate"].dropna()
    assert rates.iloc[3] - rates.iloc[0] > 0.1  # eager contacts get more
    some = got[got["sends"] > 1000]
    assert len(some) >= 4
    assert (some["within_low"] < 0).all()
    assert (some["within_high"] > 0).all()
    assert some["click_rate_within"].abs().max() < 0.04


def test_a_real_cost_of_mail_is_seen() -> None:
    got = pressure(confounded(2, effect=0.05), machine="include", as_of=START + pd.Timedelta(days=200))
    assert got["within_low"][0] > 0 > got["within_high"][3]


def test_the_interval_of_the_difference_covers() -> None:
    held = []
    for seed in range(8):
        got = pressure(confounded(seed), machine="include", as_of=START + pd.Timedelta(days=200), ci=0.8)
        some = got[got["contacts_within"] > 40]
        held += ((some["within_low"] <= 0) & (some["within_high"] >= 0)).tolist()
    assert 0.62 < np.mean(held) < 0.95


def test_contacts_at_the_edge_are_left_out_and_said_so() -> None:
    rows = [Event("SEND", f"{n}", "old", n * 7.0 * DAY) for n in range(8)]
    rows += [Event("SEND", f"{n}", "new", n * 7.0 * DAY) for n in range(4, 8)]
    got = pressure(table(rows), table="hazard", as_of=START + pd.Timedelta(days=90))
    assert got["at_risk"].tolist() == [1, 1, 1, 1]
    assert "1 contacts whose first send is less than 28 days after the oldest" in explain(got).text
    assert pressure(table(rows), table="hazard", edge="0D", as_of=LATER)["at_risk"].tolist()[:2] == [2, 2]


NOTHING: dict[str, list[Event]] = {
    "no row": [],
    "one send": [Event("SEND", "a", "1", 0)],
    "no send": [Event("UNSUBSCRIBE", "a", "1", 0), Event("CLICK", "a", "1", 0)],
    "no date": [Event("SEND", "a", "1", None), Event("UNSUBSCRIBE", "a", "1", None)],
    "no id": [Event("SEND", None, "1", 0), Event("SEND", "a", None, 0)],
    "automatic": [Event("CLICK", "a", "1", 0, machine=True), Event("SEND", "a", "1", 0, machine=True)],
}


@pytest.mark.parametrize("name", NOTHING)
def test_little_gives_a_table_and_a_picture(name: str) -> None:
    for which in ("bands", "hazard"):
        for machine in ("both", "exclude", "include"):
            said: dict[str, Any] = {"table": which, "machine": machine, "edge": "0D"}
            for as_of in (None, LATER):
                got = pressure(table(NOTHING[name], machine=True), as_of=as_of, **said)
                assert isinstance(got.index, pd.RangeIndex)
                assert len(got) == 6 if which == "bands" else len(got) <= 1
                told = got.attrs["cctrack"]["columns"]
                assert {column.removesuffix("_human") for column in got.columns} == set(told)
            plots.pressure(got, Figure().subplots())
            assert plots.alt_text(got)


def test_the_order_and_the_type_of_the_input_do_not_matter() -> None:
    given = engines.activities(80, 8)
    for said in ({"days": 28}, {"table": "hazard", "edge": "0D"}):
        expected = pressure(given, **said)
        repeated = pd.concat([given, given.head(300)]).sample(frac=1, random_state=3)
        for other in (repeated, engines.categorical(given)):
            pd.testing.assert_frame_equal(pressure(other, **said), expected)


@pytest.mark.parametrize("name", ["polars", "duckdb"])
def test_engines_agree(name: str) -> None:
    given = engines.activities(80, 8)
    arrow = pytest.importorskip("pyarrow").Table.from_pandas(given, preserve_index=False)
    held = pytest.importorskip(name).from_arrow(arrow)
    for said in ({"days": 28}, {"table": "hazard", "edge": "0D"}):
        pd.testing.assert_frame_equal(pressure(held, **said), pressure(given, **said))


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "table": ({"table": "contacts"}, "table="),
    "days": ({"days": 14}, "days=14 is not known; it is 7 or 28"),
    "machine": ({"machine": "no"}, "machine="),
    "edge": ({"edge": 28}, "edge=28 is no length of time"),
    "as_of": ({"as_of": "soon"}, "as_of="),
    "ci": ({"ci": 95}, "ci=95"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_choices_are_refused(name: str) -> None:
    said, words = WRONG[name]
    with pytest.raises(ValueError, match=words):
        pressure(table([]), **said)


def test_pictures_show_the_values() -> None:
    given = confounded(1)
    bands = pressure(given, as_of=LATER)
    data = plots.data(plots.pressure(bands))
    rates = data[data["measure"] == "click_rate"]
    assert rates["value"].tolist() == pytest.approx(bands["click_rate_human"].dropna().tolist())
    hazard = pressure(given, table="hazard", edge="0D", as_of=LATER)
    ax = plots.pressure(hazard, Figure((4, 3), layout="constrained").subplots())
    assert 3 < len(plots.data(ax)) < len(hazard)
    assert "This is no experiment" in plots.alt_text(bands)
