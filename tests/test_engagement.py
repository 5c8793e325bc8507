"""States of contacts against the rules in plain Python, and silent drop-out against direct sums and known truth."""

import math
import re
from collections.abc import Sequence
from typing import Any

import engines
import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from by_hand import START, Event, table
from hypothesis import given, settings
from hypothesis import strategies as st

mpl.use("agg")

import matplotlib.pyplot as plt

from cctrack import EngineError, plots
from cctrack.analysis import _events, engagement_states, explain
from cctrack.analysis._alive import Alive, fit_alive
from cctrack.analysis._states import STATES, UNSEEN
from cctrack.demo_account.account import Account, generate

DAY = 86_400
NOW = START + pd.Timedelta(days=10)
COLUMNS = [
    "contact_id", "email_address", "state", "state_before", "sends", "clicks_campaigns", "opens_campaigns",
    "days_since_click", "sends_since_click", "r", "f", "d", "p_alive",
]  # fmt: skip

# --- the rules in plain Python ----------------------------------------------------------------------------------------


def first_sends(own: Sequence[Event]) -> list[float]:
    """Give the first send of each campaign, the earliest first."""
    campaigns = {row.campaign for row in own if row.kind == "SEND"}
    return sorted(
        min(row.when or 0 for row in own if row.kind == "SEND" and row.campaign == one) for one in campaigns if one
    )


def window_start(own: Sequence[Event], now: float, cadence: str) -> float:
    """Give where a window of 3 days, or of 2 sends, begins."""
    sent = first_sends(own)
    if cadence == "days":
        return now - 3 * DAY
    return sent[-2] if len(sent) >= 2 else -math.inf


def state_of(own: Sequence[Event], now: float, cadence: str) -> str:
    """Give the state of the contact with these events."""
    own = [row for row in own if row.when is not None and row.when <= now]
    start = window_start(own, now, cadence)
    clicks = [row.when for row in own if row.kind == "CLICK"]
    acts = clicks + [row.when for row in own if row.kind == "OPEN"]
    sends = first_sends(own)
    hard = [row.when for row in own if row.kind == "BOUNCE" and row.code in ("B", "S")]
    if any(row.kind == "UNSUBSCRIBE" for row in own):
        return "unsubscribed"
    if hard and not any(act > max(hard) for act in acts):  # type: ignore[operator,type-var]
        return "undeliverable"
    if not any(sent >= start for sent in sends):
        return "out_of_recency"
    if any(act >= start for act in clicks):  # type: ignore[operator]
        return "clicker"
    if any(act >= start for act in acts):  # type: ignore[operator]
        return "opener"
    if acts:
        return "lapsed"
    return "new" if min(sends) >= start else "never"


def figures(own: Sequence[Event], now: float, cadence: str) -> dict[str, Any]:
    """Give the counts of the contact with these events."""
    own = [row for row in own if row.when is not None]
    start, sends = window_start(own, now, cadence), first_sends(own)
    mails = {row.campaign: [one for one in own if one.campaign == row.campaign] for row in own}
    clicked = {name for name, rows in mails.items() if any(row.kind == "CLICK" for row in rows)}
    opened = {name for name, rows in mails.items() if any(row.kind == "OPEN" for row in rows)}
    within = set()
    for name, rows in mails.items():
        dates = [row.when for row in rows if row.kind == "SEND"] or [row.when for row in rows]
        bounced = any(row.kind == "BOUNCE" and row.code != "V" for row in rows)
        arrived = any(row.kind == "SEND" for row in rows) and not bounced
        if min(dates) >= start and (arrived or name in clicked | opened):  # type: ignore[type-var,operator]
            within.add(name)
    last = max((row.when or 0 for row in own if row.kind == "CLICK"), default=None)
    # The clock starts ten seconds before eleven at night: a day of the calendar begins an hour later.
    day = None if last is None else math.floor((now + 82_790) / DAY) - math.floor((last + 82_790) / DAY)
    return {
        "sends": len(sends),
        "clicks_campaigns": len(clicked),
        "opens_campaigns": len(opened),
        "days_since_click": day,
        "sends_since_click": None if last is None else sum(sent > last for sent in sends),
        "delivered_in_window": len(within),
        "clicked_in_window": len(within & clicked),
    }


events = st.lists(
    st.builds(
        Event,
        kind=st.sampled_from(["SEND", "SEND", "OPEN", "CLICK", "BOUNCE", "UNSUBSCRIBE"]),
        campaign=st.sampled_from(["a", "b", "c", "d"]),
        contact=st.sampled_from(["1", "2", "03"]),
        when=st.none() | st.sampled_from([day * DAY + more for day in range(10) for more in (0, 1, 4000)]),
        code=st.sampled_from(["B", "S", "D", "V", "Z"]),
        machine=st.booleans(),
    ),
    max_size=40,
)


@settings(max_examples=25, deadline=None)
@given(rows=events, cadence=st.sampled_from(["days", "sends"]), human=st.booleans())
def test_states_follow_the_rules(rows: list[Event], cadence: Any, human: bool) -> None:
    given = table(rows, machine=True)
    before = given.copy()
    window: Any = "3D" if cadence == "days" else 2
    said: dict[str, Any] = {"as_of": NOW, "window": window, "cadence": cadence}
    said["machine"] = "exclude" if human else "include"
    earlier = START + pd.Timedelta(days=6)
    got = engagement_states(given, before=earlier, **said)
    pd.testing.assert_frame_equal(given, before)
    contacts = sorted({row.contact or "" for row in rows})
    assert got["contact_id"].tolist() == contacts
    judged = {(row.campaign, row.contact) for row in rows if row.kind == "CLICK" or row.machine}
    left = [row for row in rows if not (human and row.machine and (row.campaign, row.contact) in judged)]
    left += [row for row in rows if row not in left and row.kind == "UNSUBSCRIBE"]
    for contact, row in zip(contacts, got.to_dict("records"), strict=True):
        own = [one for one in left if one.contact == contact]
        assert row["state"] == state_of(own, 10 * DAY, cadence)
        seen = any(one.when is not None and one.when <= 6 * DAY for one in own)
        assert row["state_before"] == (state_of(own, 6 * DAY, cadence) if seen else UNSEEN)
        for name, value in figures(own, 10 * DAY, cadence).items():
            assert (None if pd.isna(row[name]) else row[name]) == value, name
        assert pd.isna(row["f"]) == (row["delivered_in_window"] == 0)
        assert (row["r"] == 0) == pd.isna(row["last_action"])
        assert row["clicked_in_window"] == 0 or (row["f"] > 0 and row["d"] > 0)
    shuffled = given.sample(frac=1, random_state=1)
    repeated = pd.concat([shuffled, shuffled]).astype({"contact_id": "category", "campaign_id": "category"})
    pd.testing.assert_frame_equal(engagement_states(repeated, before=earlier, **said), got)


def test_a_window_holds_both_its_ends() -> None:
    def state(kind: str, when: float) -> str:
        rows = [Event("SEND", "a", "1", 0), Event("SEND", "b", "1", 95 * DAY), Event(kind, "a", "1", when)]
        got = engagement_states(table(rows), as_of=START + pd.Timedelta(days=100), machine="include")
        return str(got["state"].iloc[0])

    assert state("CLICK", 9 * DAY) == "clicker"
    assert state("CLICK", 9 * DAY - 1e-6) == "lapsed"
    assert state("OPEN", 100 * DAY) == "opener"
    assert state("OPEN", 100 * DAY + 1e-6) == "never"


@pytest.mark.parametrize("machine", ["include", "exclude", "both"])
def test_little_is_a_table(machine: Any) -> None:
    whole = table([Event("SEND", "a", "1", 0), Event("SEND", None, None, None), Event("CLICK", "a", "2", None)])
    for rows in (whole.iloc[:0], whole.iloc[:1], whole.iloc[1:2], whole):
        got = engagement_states(rows, machine=machine, before="2026-01-01", p_alive=True)
        assert list(got.columns[: len(COLUMNS)]) == COLUMNS or machine == "both"
        assert set(got["state"]) <= set(STATES)
        changes = engagement_states(rows, machine=machine, before="2026-01-01", table="transitions")
        assert len(changes) == 72
        assert changes["n"].sum() == len(got)
        assert explain(got).text
    assert engagement_states(whole)["state"].tolist() == ["new", "out_of_recency"]
    assert any("p_alive is left blank: it takes 100 contacts" in one for one in got.attrs["cctrack"]["notes"])


def test_wrong_arguments_are_told() -> None:
    rows = table([Event("SEND", "a", "1", 0)])
    with pytest.raises(ValueError, match="needs an earlier moment"):
        engagement_states(rows, table="transitions")
    with pytest.raises(ValueError, match="is after as_of"):
        engagement_states(rows, before="2027-01-01")
    with pytest.raises(ValueError, match="no number of sends"):
        engagement_states(rows, cadence="sends", window="91D")
    with pytest.raises(ValueError, match="no length of time"):
        engagement_states(rows, window=91)
    for name in ("cadence", "table", "machine", "p_alive"):
        with pytest.raises(ValueError, match=f"{name}='months' is not known"):
            engagement_states(rows, **{name: "months"})
    with pytest.raises(ValueError, match="no column contact_id"):
        engagement_states(rows.drop(columns="contact_id"))


# --- a whole account --------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def account() -> pd.DataFrame:
    return engines.activities(300, 14)


def test_columns_classes_and_words(account: pd.DataFrame) -> None:
    got = engagement_states(account, before="2026-02-15", p_alive="open", machine="include", tz="Europe/Berlin")
    assert got.columns[: len(COLUMNS)].tolist() == COLUMNS
    told = got.attrs["cctrack"]
    assert set(got.columns) == set(told["columns"])
    for state in STATES:
        assert any(note.startswith(f"{state}: ") for note in told["notes"])
    acted = got[got["r"] > 0]
    cuts = [-1, 30, 91, 182, math.inf]
    expected = 4 - pd.cut(acted["days_since_action"].astype("float64"), cuts, labels=False)
    assert acted["r"].tolist() == expected.tolist()
    clicked = got[got["clicked_in_window"] > 0]
    assert len(clicked) >= 20
    rates = clicked["click_rate"]
    assert clicked["f"].tolist() == (1 + (rates >= 0.05).astype(int) + (rates >= 0.15) + (rates >= 0.3)).tolist()
    deep = clicked["links_per_click"]
    assert (deep >= 1).all()
    assert clicked["d"].tolist() == (1 + (deep > 1).astype(int) + (deep >= 2) + (deep >= 3)).tolist()
    assert (got.loc[(got["clicked_in_window"] == 0) & (got["delivered_in_window"] > 0), ["f", "d"]] == 0).all(axis=None)
    gone = got["state"].isin(["unsubscribed", "undeliverable"])
    assert got.loc[gone, "p_alive"].isna().all()


def test_both_gives_the_same_contacts_twice(account: pd.DataFrame) -> None:
    both = engagement_states(account, machine="both")
    for machine, end in (("include", ""), ("exclude", "_human")):
        alone = engagement_states(account, machine=machine)  # type: ignore[arg-type]
        for name in ("state", "r", "f", "clicks_campaigns", "click_rate"):
            pd.testing.assert_series_equal(both[name + end], alone[name], check_names=False)
    assert (both["state"] != both["state_human"]).any()


def test_transitions_add_up(account: pd.DataFrame) -> None:
    contacts = engagement_states(account, before="2026-02-15")
    changes = engagement_states(account, before="2026-02-15", table="transitions")
    counted = contacts.groupby(["state_before", "state"]).size()
    for row in changes.to_dict("records"):
        assert counted.get((row["state_before"], row["state"]), 0) == row["n"]
    sums = changes.groupby("state_before")["share"].sum(min_count=1).dropna()
    assert np.allclose(sums, 1)
    kept = changes[(changes["state_before"] == "unsubscribed") & (changes["state"] != "unsubscribed")]
    assert kept["n"].sum() == 0


def test_opens_of_machines_make_no_opener() -> None:
    rows = [Event("SEND", str(mail), "1", mail * DAY) for mail in range(9)]
    rows += [Event("OPEN", str(mail), "1", mail * DAY + 60) for mail in range(9)]
    assert engagement_states(table(rows))["state"].tolist() == ["new"]
    assert engagement_states(table(rows), machine="include")["state"].tolist() == ["opener"]


def test_engines_agree(account: pd.DataFrame) -> None:
    import duckdb
    import polars as pl

    said: dict[str, Any] = {"before": "2026-02-15", "machine": "both", "cadence": "sends", "p_alive": "open"}
    expected = engagement_states(account, **said)
    assert set(expected["state"]) >= {"clicker", "opener", "undeliverable"}
    pd.testing.assert_frame_equal(engagement_states(pl.from_pandas(account), **said), expected)
    with duckdb.connect() as base:
        base.execute("SET TimeZone = 'America/New_York'")
        pd.testing.assert_frame_equal(engagement_states(base.from_df(account), **said), expected)


def test_the_pictures(account: pd.DataFrame) -> None:
    got = engagement_states(account, before="2026-02-15")
    changes = engagement_states(account, before="2026-02-15", table="transitions")
    for ax in (plots.engagement_states(got), plots.engagement_states(got, plt.subplots(figsize=(4, 3))[1])):
        data = plots.data(ax).groupby("measure")["value"].sum()
        assert data["contacts"] == len(got)
        assert data["contacts before"] == got["state_before"].ne(UNSEEN).sum()
    for ax in (plots.engagement_states(changes), plots.engagement_states(changes, plt.subplots(figsize=(4, 3))[1])):
        cells = plots.data(ax).groupby("name")["value"].sum()
        assert np.allclose(cells, 1)
    assert f"{len(got)} contacts" in plots.alt_text(got)
    assert "clicker (" in plots.alt_text(changes)
    assert "No contacts" in plots.alt_text(got.iloc[:0])
    for empty in (got.iloc[:0], changes.iloc[:0]):
        assert len(plots.data(plots.engagement_states(empty))) == 0
    both = plots.engagement_states(engagement_states(account, machine="both"))
    assert "contacts, recorded" in set(plots.data(both)["measure"])
    plt.close("all")


def test_too_many_rows_are_told(account: pd.DataFrame, monkeypatch: pytest.MonkeyPatch) -> None:
    import polars as pl

    monkeypatch.setattr(_events, "ROW_LIMIT", 100)
    with pytest.raises(EngineError, match=r"Polars: the history of each contact needs more than the 100 rows"):
        engagement_states(pl.from_pandas(account), machine="include")


# --- silent drop-out --------------------------------------------------------------------------------------------------


def beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def direct(model: Alive, x: int, last: int, n: int) -> tuple[float, float]:
    """Sum the likelihood over the mails before which a contact may have dropped out; give also that of none."""
    parts = []
    for t in range(last, n + 1):
        answered = beta(model.alpha + x, model.beta + t - x) - beta(model.alpha, model.beta)
        if t < n:
            dropped = beta(model.gamma + 1, model.delta + t) - beta(model.gamma, model.delta)
        else:
            dropped = beta(model.gamma, model.delta + n) - beta(model.gamma, model.delta)
        parts.append(math.exp(answered + dropped))
    return math.fsum(parts), parts[-1]


def test_the_likelihood_is_the_sum_over_drop_outs() -> None:
    model = Alive(0.9, 2.4, 0.5, 18.0, 0, 0.0)
    size = 9
    histories: dict[tuple[int, int, int], float] = {}
    ways = [(0, 0, 1)] + [
        (x, last, math.comb(last - 1, x - 1)) for last in range(1, size + 1) for x in range(1, last + 1)
    ]
    for x, last, number in ways:
        histories[x, last, size] = number * direct(model, x, last, size)[0]
    assert math.fsum(histories.values()) == pytest.approx(1, abs=1e-12)
    keys = np.array(list(histories)).T
    got = model.probability(*keys)
    for (x, last, n), one in zip(histories, got, strict=True):
        whole, alive = direct(model, x, last, n)
        assert one == pytest.approx(alive / whole, rel=1e-10)
    assert np.isnan(model.probability(*np.zeros((3, 1), dtype=np.int64)))[0]


def test_long_and_odd_histories() -> None:
    model = Alive(0.05, 3.0, 0.02, 0.6, 0, 0.0)
    for x, last, n in ((0, 0, 500), (1, 1, 500), (400, 450, 500), (300, 300, 500), (500, 500, 500), (1, 499, 500)):
        whole, alive = direct(model, x, last, n)
        assert model.probability(*np.array([[x], [last], [n]]))[0] == pytest.approx(alive / whole, rel=1e-7)


Truth = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.int64], npt.NDArray[np.bool_]]


def simulated(contacts: int, values: Sequence[float], seed: int, *, mixed: bool = False) -> Truth:
    """Let contacts answer mails and drop out; give x, last, n, and who is alive at the last mail."""
    chance = np.random.default_rng(seed)
    n = chance.integers(4, 27, contacts) if mixed else np.full(contacts, 26)
    p = chance.beta(values[0], values[1], contacts)
    theta = chance.beta(values[2], values[3], contacts)
    mails = np.arange(1, 27)
    alive = mails < chance.geometric(np.maximum(theta, 1e-12))[:, np.newaxis]
    answers = alive & (chance.random((contacts, 26)) < p[:, np.newaxis]) & (mails <= n[:, np.newaxis])
    last = np.where(answers, mails, 0).max(axis=1)
    return answers.sum(axis=1), last, n, alive[np.arange(contacts), n - 1]


def calibrated(chances: Any, alive: Any, least: int = 200) -> None:
    """Compare the mean probability with the share alive, in bins."""
    bins = np.minimum((np.asarray(chances) * 6).astype(int), 5)
    for one in range(6):
        own = bins == one
        if own.sum() >= least:
            assert np.mean(chances[own]) == pytest.approx(np.mean(alive[own]), abs=0.05)


@pytest.mark.parametrize(("seed", "mixed"), [(1, False), (2, False), (3, True)])
def test_known_parameters_come_back_and_chances_are_true(seed: int, mixed: bool) -> None:
    truth = (1.0, 2.5, 0.6, 10.0)
    x, last, n, alive = simulated(20_000, truth, seed, mixed=mixed)
    found = fit_alive(x, last, n)
    assert isinstance(found, Alive)
    got = (found.alpha, found.beta, found.gamma, found.delta)
    assert got == pytest.approx(truth, rel=0.35)
    assert got[0] / (got[0] + got[1]) == pytest.approx(1 / 3.5, abs=0.01)
    assert got[2] / (got[2] + got[3]) == pytest.approx(0.6 / 10.6, abs=0.008)
    at_truth = Alive(*truth, 0, 0.0)
    kinds, times = np.unique(np.stack([x, last, n]), axis=1, return_counts=True)
    sums = [times[at] * math.log(direct(at_truth, *map(int, kinds[:, at]))[0]) for at in range(len(times))]
    assert found.log_likelihood >= math.fsum(sums) - 1e-6
    calibrated(found.probability(x, last, n), alive)


def test_no_drop_out_is_said_to_be_none() -> None:
    chance = np.random.default_rng(4)
    answers = chance.random((500, 20)) < chance.beta(1, 3, 500)[:, np.newaxis]
    last = np.where(answers, np.arange(1, 21), 0).max(axis=1)
    assert "no drop-out" in str(fit_alive(answers.sum(axis=1), last, np.full(500, 20)))
    few = np.ones(20, dtype=np.int64)
    assert "it takes 100 contacts" in str(fit_alive(few, few, few))


def test_the_account_knows_who_is_alive() -> None:
    account = generate(3000, seed=5)
    got = engagement_states(what_people_read(account), p_alive="open", machine="include")
    traits, sends = account.truth.traits, account.events("sends")
    ripe = sends.time <= max(sends.time.max(), account.truth.reads_time.max()) - 3 * DAY * 1000
    mails = np.bincount(sends.contact[ripe], minlength=len(account.contacts))
    alive = pd.Series(mails <= traits.sends_until_drop_out, index=list(account.contacts.ids))
    bad = np.array(account.contacts.ids)[traits.bad_address]
    known = got[got["p_alive"].notna() & ~got["contact_id"].isin(bad)]
    assert len(known) > 2500
    # Campaigns differ in the account, which the model knows nothing of: bins are right on average, not each of them.
    chances, is_alive = known["p_alive"].to_numpy(), alive[known["contact_id"]].to_numpy()
    bins = pd.DataFrame({"bin": (chances * 6).astype(int), "chance": chances, "alive": is_alive}).groupby("bin")
    off = (bins["chance"].mean() - bins["alive"].mean()).abs()
    assert np.average(off, weights=bins.size()) < 0.05
    model = next(note for note in got.attrs["cctrack"]["notes"] if "BG/BB" in note)
    alpha, beta_, gamma, delta = map(float, re.findall(r"[\d.]+(?=[,)])", model.partition("Beta")[2]))
    assert (alpha / (alpha + beta_), gamma / (gamma + delta)) == pytest.approx((0.27, 0.027), rel=0.15)


def what_people_read(account: Account) -> pd.DataFrame:
    """Make a table of sends and of what people really read, which is what drop-out is about."""
    sends = account.events("sends")
    truth = account.truth
    parts = [("EMAIL_SEND", sends.campaign, sends.contact, sends.time)]
    parts.append(("EMAIL_OPEN", truth.reads_campaign, truth.reads_contact, truth.reads_time))
    campaigns, contacts = np.array(account.campaigns.ids), np.array(account.contacts.ids)
    frames = [
        pd.DataFrame(
            {
                "activity_type": kind,
                "activity_date": pd.to_datetime(time, unit="ms", utc=True).as_unit("us"),
                "campaign_id": campaigns[campaign],
                "contact_id": contacts[contact],
                "bounce_code": None,
                "link_id": None,
            }
        )
        for kind, campaign, contact, time in parts
    ]
    return pd.concat(frames, ignore_index=True)
