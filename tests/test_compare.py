"""Campaigns compared: against statsmodels and scipy, counts by hand, simulated truth, the made-up account, engines."""

import json
import warnings
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations
from types import ModuleType
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from engines import _of_kind, categorical
from engines import activities as engine_rows
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from scipy import stats

mpl.use("agg")

import matplotlib.pyplot as plt
from test_plots import NAMES, SMALL, WIDE, assert_fits, said

from cctrack import plots
from cctrack.analysis import _events as events_module
from cctrack.analysis import _pairs as pairs_module
from cctrack.analysis import compare_campaigns, explain, funnel
from cctrack.analysis._conclusions import points
from cctrack.analysis._differences import differences, drawn_interval
from cctrack.analysis._intervals import mcnemar_mid_p, newcombe, paired_newcombe
from cctrack.analysis._limits import dispersion, limits, limits_at
from cctrack.analysis._pairs import Pairs, reach
from cctrack.analysis._patterns import HAS, PATTERN, N
from cctrack.analysis._power import detectable
from cctrack.analysis._significance import adjusted, conditional_mid_p, score_p
from cctrack.demo_account.account import KINDS, Account, generate
from cctrack.errors import EngineError

START = pd.Timestamp("2026-01-01T10:00:00Z")
PAIRS = [
    "a", "b", "metric", "n_a", "n_b", "overlap", "rate_a", "rate_b", "diff", "diff_low", "diff_high", "method", "p",
    "p_adj", "detectable_diff", "conclusion", "k_a", "k_b", "n_common", "n_both", "only_a", "only_b", "diff_common",
    "diff_common_low", "diff_common_high",
]  # fmt: skip
LIMITS = [
    "campaign_id", "metric", "n", "k", "rate", "rate_low", "rate_high", "pooled_rate", "low_95", "high_95", "low_998",
    "high_998", "outside",
]  # fmt: skip
SWAPPED = {"n_a": "n_b", "rate_a": "rate_b", "k_a": "k_b", "only_a": "only_b", "a": "b"}
Event = tuple[str, str | None, str | None]  # kind, campaign, contact


@pytest.fixture(scope="module")
def statsmodels() -> Iterator[ModuleType]:
    """Give statsmodels, which is slow to import and warns on its own account."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import statsmodels.stats.contingency_tables
        import statsmodels.stats.multitest
        import statsmodels.stats.proportion

        yield statsmodels.stats


def activities(rows: Iterable[Event], hours: dict[str, float] | None = None) -> pd.DataFrame:
    """Make a table of activities; each campaign is sent a day after the one before, or hours after the start."""
    held = list(rows)
    order = {name: 24.0 * place for place, name in enumerate(sorted({row[1] or "" for row in held}))} | (hours or {})
    later = {"SEND": 0, "BOUNCE": 1}
    dates = [START + pd.Timedelta(hours=order[row[1] or ""] + later.get(row[0], 5)) for row in held]
    texts = {
        "campaign_id": [row[1] for row in held],
        "contact_id": [row[2] for row in held],
        "link_id": ["7" if row[0] == "CLICK" else None for row in held],
        "bounce_code": ["B" if row[0] == "BOUNCE" else None for row in held],
    }
    return pd.DataFrame(
        {
            "activity_type": pd.Categorical([f"EMAIL_{row[0]}" for row in held]),
            "activity_date": pd.array(dates, dtype="datetime64[us, UTC]"),
            **{name: pd.array(values, dtype="string") for name, values in texts.items()},
        }
    )


def mailing(campaign: str, contacts: Iterable[int], clicked: Iterable[int], kind: str = "CLICK") -> list[Event]:
    """Send a campaign to contacts, some of whom respond."""
    sent: list[Event] = [("SEND", campaign, str(one)) for one in contacts]
    return sent + [(kind, campaign, str(one)) for one in clicked]


def two(n_a: int, k_a: int, n_b: int, k_b: int, common: int, both: int = 0) -> pd.DataFrame:
    """Send "a" and "b" to so many contacts, so many of them the same; those who responded to both are."""
    b = n_a - common
    rows = mailing("a", range(n_a), range(n_a - both, n_a - both + k_a) if both else range(k_a))
    if both:
        rows = mailing("a", range(n_a), [*range(n_a - both, n_a), *range(k_a - both)])
    clicked = [*range(n_a - both, n_a), *range(b + n_b - (k_b - both), b + n_b)]
    return activities(rows + mailing("b", range(b, b + n_b), clicked))


def people(account: Account) -> pd.DataFrame:
    """Give the activities of a made-up account, with a column `origin`: who did it."""
    parts = [_of_kind(account, kind).assign(origin=account.truth.origin(kind)) for kind in KINDS]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def account() -> pd.DataFrame:
    return people(generate(600, seed=3, campaigns=8, preset="b2b"))


# The tests that it stands on.


def tables() -> np.ndarray:
    """Give counts of two groups, from the smallest on, of all rates."""
    rng = np.random.default_rng(1)
    n1, n2 = rng.integers(1, 3000, (2, 300))
    rate = rng.choice([0.0, 0.002, 0.02, 0.3, 0.9, 1.0], 300)
    return np.stack([rng.binomial(n1, rate), n1, rng.binomial(n2, rate), n2], axis=1)


def test_score_test_is_that_of_statsmodels_and_scipy(statsmodels: ModuleType) -> None:
    test = statsmodels.proportion.test_proportions_2indep
    for k1, n1, k2, n2 in tables().tolist():
        got = float(score_p(k1, n1, k2, n2))
        if k1 + k2 in (0, n1 + n2):
            assert got == 1
            continue
        want = test(k1, n1, k2, n2, method="score", compare="diff", correction=False, return_results=True).pvalue
        squared = stats.chi2_contingency([[k1, n1 - k1], [k2, n2 - k2]], correction=False).pvalue
        assert got == pytest.approx(want, rel=1e-9, abs=1e-12) == pytest.approx(squared, rel=1e-9, abs=1e-12)
    assert np.isnan(score_p([0, 1], [0, 3], [1, 0], [5, 0])).all()


def test_score_test_of_the_same_contacts_is_mcnemars(statsmodels: ModuleType) -> None:
    for both, only_a, only_b, neither in np.random.default_rng(2).integers(1, 300, (50, 4)).tolist():
        n, k_a, k_b = both + only_a + only_b + neither, both + only_a, both + only_b
        rate = (k_a + k_b) / (2 * n)
        got = score_p(k_a, n, k_b, n, both - rate * (k_a + k_b) + n * rate**2)
        want = statsmodels.contingency_tables.mcnemar(
            [[both, only_a], [only_b, neither]], exact=False, correction=False
        )
        assert float(got) == pytest.approx(want.pvalue, rel=1e-9, abs=1e-12)


@given(*[st.integers(0, 12)] * 6)
@settings(deadline=None, max_examples=60)
def test_exact_test_is_its_definition(only_a: int, only_b: int, k1: int, no1: int, k2: int, no2: int) -> None:
    """Every way to share out those who differ, one after the other."""
    n1, n2, differ = k1 + no1, k2 + no2, only_a + only_b
    chance: dict[int, float] = {}
    for heads in range(differ + 1):
        for hits in range(max(0, k1 + k2 - n2), min(k1 + k2, n1) + 1):
            others = stats.hypergeom.pmf(hits, n1 + n2, k1 + k2, n1) if n1 + n2 else 1.0
            p = stats.binom.pmf(heads, differ, 0.5) * others
            chance[heads + hits] = chance.get(heads + hits, 0.0) + p
    seen = only_a + k1
    tails = [sum(p for at, p in chance.items() if at * way < seen * way) for way in (1, -1)]
    want = min(1.0, 2 * min(tails) + chance[seen])
    got = conditional_mid_p(only_a, only_b, k1, n1, k2, n2)
    assert got == pytest.approx(want, rel=1e-9)
    assert got == pytest.approx(conditional_mid_p(only_b, only_a, k2, n2, k1, n1), rel=1e-9)
    if not n1 + n2:
        assert got == pytest.approx(float(mcnemar_mid_p(only_a, only_b)), rel=1e-9)


def test_exact_test_without_common_contacts_is_fishers_as_mid_p() -> None:
    for k1, n1, k2, n2 in tables()[:60].tolist():
        less = stats.fisher_exact([[k1, n1 - k1], [k2, n2 - k2]], "less").pvalue
        more = stats.fisher_exact([[k1, n1 - k1], [k2, n2 - k2]], "greater").pvalue
        half = stats.hypergeom.pmf(k1, n1 + n2, k1 + k2, n1) / 2
        want = min(1.0, 2 * (min(less, more) - half))
        assert conditional_mid_p(0, 0, k1, n1, k2, n2) == pytest.approx(want, rel=1e-7, abs=1e-9)


def test_families_are_those_of_statsmodels_and_scipy(statsmodels: ModuleType) -> None:
    rng = np.random.default_rng(3)
    for size in (1, 2, 7, 300):
        p = np.round(rng.random(size) ** 3, 3)  # with ties
        holes = rng.random(size) < 0.2
        given = np.where(holes, np.nan, p)
        known = p[~holes]
        assert np.array_equal(adjusted(given, "none"), given, equal_nan=True)
        for how, method in (("holm", "holm"), ("bh", "fdr_bh")):
            got = adjusted(given, how)  # type: ignore[arg-type]
            assert np.isnan(got[holes]).all()
            if known.size:
                np.testing.assert_allclose(got[~holes], statsmodels.multitest.multipletests(known, method=method)[1])
        if known.size:
            np.testing.assert_array_equal(adjusted(given, "bh")[~holes], stats.false_discovery_control(known))


def test_detectable_difference_has_its_power(statsmodels: ModuleType) -> None:
    power = statsmodels.proportion.power_proportions_2indep
    for rate, large, small, alpha in [(0.02, 5000, 5000, 0.05), (0.3, 900, 400, 0.05), (0.002, 9000, 7000, 0.001)]:
        gap = float(detectable(rate, small, large, alpha=alpha))
        assert (
            gap
            == float(detectable(rate, large, small, alpha=alpha))
            == pytest.approx(float(detectable(1 - rate, large, small, alpha=alpha)))
        )
        # The rarer side is asked first: nobs1 is the group whose rate is higher by gap.
        got = power(gap, rate, small, ratio=large / small, alpha=alpha, return_results=False)
        assert got == pytest.approx(0.8, abs=2e-5)  # the far tail is left out here


@pytest.mark.parametrize(("rate", "n", "points_seen"), [(0.02, 5000, 0.86), (0.30, 5000, 2.6), (0.02, 1000, 2.16)])
def test_detectable_differences_that_are_known(rate: float, n: int, points_seen: float) -> None:
    assert 100 * float(detectable(rate, n, n)) == pytest.approx(points_seen, rel=0.006)


def test_detectable_difference_of_the_same_contacts_is_connors() -> None:
    for rate, n, phi in [(0.3, 1000, 0.23), (0.02, 5000, 0.1), (0.5, 400, -0.2)]:
        gap = float(detectable(rate, n, n, n, phi))
        other = rate + gap
        joint = rate * other + phi * np.sqrt(rate * (1 - rate) * other * (1 - other))
        discordant = rate + other - 2 * joint
        z = stats.norm.ppf([0.975, 0.8])
        wanted = (z[0] * np.sqrt(discordant) + z[1] * np.sqrt(discordant - gap**2)) ** 2 / gap**2
        assert wanted == pytest.approx(n, rel=1e-9)
        if phi > 0:
            assert gap < float(detectable(rate, n, n))


def test_detectable_difference_of_few() -> None:
    assert np.isnan(detectable([0.5, 0.5, 0.1], [3, 0, np.nan], [3, 10, 5])).all()
    assert 0.05 < float(detectable(0.0, 100, 100)) < 0.1  # nobody responded so far


# Simulated truth.


def nulls(times: int, common: int, alone_a: int, alone_b: int, rate: float = 1.0, more: float = 1.0) -> Pairs:
    """Mail contacts twice who respond with a probability of their own (rho of 0.23), and others once."""
    rng = np.random.default_rng(7)
    size = (times, common + alone_a + alone_b)
    own = rate * rng.beta(0.9, 2.4, size)
    a, b = rng.random(size) < own, rng.random(size) < own * more
    a[:, common + alone_a :], b[:, common : common + alone_a] = False, False
    both = (a & b)[:, :common].sum(axis=1)
    k_a, k_b = a.sum(axis=1), b.sum(axis=1)
    only_a, only_b = a[:, :common].sum(axis=1) - both, b[:, :common].sum(axis=1) - both
    whole = np.full(times, common)
    return Pairs(whole + alone_a, whole + alone_b, k_a, k_b, whole, both, only_a, only_b)


def test_paired_nulls() -> None:
    pairs = nulls(5000, 600, 0, 0)
    got = differences(pairs, False, 0.95, "none")
    assert (got["method"] == "paired").all()
    assert abs((got["p"] < 0.05).mean() - 0.05) < 0.01
    assert (score_p(pairs.k_a, pairs.n_a, pairs.k_b, pairs.n_b) < 0.05).mean() < 0.035  # as if they were different
    assert ((got["diff_low"] <= 0) & (got["diff_high"] >= 0)).mean() == pytest.approx(0.95, abs=0.012)


def test_unpaired_nulls() -> None:
    got = differences(nulls(5000, 0, 250, 300), False, 0.95, "none")
    assert (got["method"] == "unpaired").all()
    assert abs((got["p"] < 0.05).mean() - 0.05) < 0.01
    assert ((got["diff_low"] <= 0) & (got["diff_high"] >= 0)).mean() == pytest.approx(0.95, abs=0.012)
    rare = differences(nulls(1200, 0, 200, 300, rate=0.05), False, 0.95, "none")  # about three responses
    assert (rare["p"] < 0.05).mean() < 0.055


def test_intervals_cover_on_average() -> None:
    """Over true rates that spread from 0 to 1, of different recipients and of the same ones."""
    rng = np.random.default_rng(9)
    rate_a, rate_b = rng.random((2, 20_000))
    k_a, k_b = rng.binomial(120, rate_a), rng.binomial(80, rate_b)
    low, high = newcombe(k_a, 120, k_b, 80)
    assert ((low <= rate_a - rate_b) & (rate_a - rate_b <= high)).mean() == pytest.approx(0.95, abs=0.01)
    cells = rng.dirichlet(np.ones(4), 20_000)
    seen = rng.multinomial(100, cells)
    low, high = paired_newcombe(*seen.T)
    gap = cells[:, 1] - cells[:, 2]
    assert ((low <= gap) & (gap <= high)).mean() == pytest.approx(0.95, abs=0.012)


def test_overlapping_nulls() -> None:
    pairs = nulls(1000, 300, 200, 100)
    got = differences(pairs, False, 0.95, "none")
    assert (got["method"] == "overlapping").all()
    assert abs((got["p"] < 0.05).mean() - 0.05) < 0.013
    assert ((got["diff_low"] <= 0) & (got["diff_high"] >= 0)).mean() == pytest.approx(0.95, abs=0.015)
    rare = differences(nulls(800, 200, 100, 50, rate=0.04), False, 0.95, "none")
    assert (rare["p"] < 0.05).mean() < 0.055
    assert ((rare["diff_low"] <= 0) & (rare["diff_high"] >= 0)).mean() > 0.94


@pytest.mark.parametrize(("common", "alone"), [(900, 0), (0, 900), (600, 300)])
def test_power_is_what_is_said(common: int, alone: int) -> None:
    said = differences(nulls(60, common, alone, alone), False, 0.95, "none")["detectable_diff"].mean()
    rate = 0.9 / 3.3
    got = differences(nulls(700, common, alone, alone, more=1 + said / rate), False, 0.95, "none")
    assert got["diff"].mean() == pytest.approx(-said, abs=0.004)
    assert (got["p"] < 0.05).mean() == pytest.approx(0.8, abs=0.045)


def test_draws_give_what_the_closed_forms_give() -> None:
    apart, same = np.array([80, 920, 110, 990, 0, 0, 0, 0]), np.array([0, 0, 0, 0, 60, 90, 50, 800])
    for kinds, (low, high) in (
        (apart, newcombe(80, 1000, 110, 1100)),
        (same, paired_newcombe(60, 90, 50, 800)),
    ):
        got = drawn_interval(kinds, 0.95)
        assert got == drawn_interval(kinds, 0.95)
        np.testing.assert_allclose(got, [low, high], atol=0.06 * float(high - low))
        turned = drawn_interval(kinds[[2, 3, 0, 1, 4, 6, 5, 7]], 0.95)
        np.testing.assert_allclose(got, [-turned[1], -turned[0]], atol=1e-12)


# Counts.

answers = st.dictionaries(
    st.tuples(st.sampled_from("abc"), st.integers(0, 9)),
    st.tuples(st.booleans(), st.booleans(), st.booleans(), st.booleans()),  # sent, opened, clicked, bounced
    max_size=25,
)


@given(answers, st.randoms(use_true_random=False))
@settings(deadline=None, max_examples=25)
def test_pairs_are_counted_as_by_hand(held: dict[tuple[str, int], tuple[bool, ...]], chance: Any) -> None:
    kinds = ("SEND", "OPEN", "CLICK", "BOUNCE")
    rows: list[Event] = [
        (kind, campaign, str(contact))
        for (campaign, contact), did in held.items()
        for kind, done in zip(kinds, did, strict=True)
        if done
    ]
    got_sent = {one: {c for (camp, c), did in held.items() if camp == one and did[0]} for one in "abc"}
    live = {
        one: {c for c in got_sent[one] if not held[one, c][3] or held[one, c][1] or held[one, c][2]} for one in "abc"
    }
    hit = {one: {c for c in live[one] if held[one, c][2]} for one in "abc"}
    chance.shuffle(rows)
    table = activities(rows + rows[:3])
    ids = sorted({row[1] or "" for row in rows})
    got = compare_campaigns(table, ids, machine="include")
    assert list(got.columns) == PAIRS
    assert [*zip(got["a"], got["b"], strict=True)] == [*combinations(ids, 2)]
    for row in got.itertuples():
        both = live[row.a] & live[row.b]
        counts = {
            "n_common": len(both),
            "n_both": len(both & hit[row.a] & hit[row.b]),
            "only_a": len((both & hit[row.a]) - hit[row.b]),
            "only_b": len((both & hit[row.b]) - hit[row.a]),
        }
        assert {name: getattr(row, name) for name in counts} == counts
        used = (both, both) if row.method == "paired" else (live[row.a], live[row.b])
        want = [len(used[0]), len(used[1]), len(used[0] & hit[row.a]), len(used[1] & hit[row.b])]
        assert [row.n_a, row.n_b, row.k_a, row.k_b] == want
        either = len(live[row.a] | live[row.b])
        assert row.overlap == pytest.approx(len(both) / either if either else np.nan, nan_ok=True)


def test_counts_do_not_hang_on_how_many_contacts_fit_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    flags = HAS["send"], HAS["click"]
    table = pd.DataFrame(
        {
            "campaign_id": rng.choice(["a", "b", "c", "other"], 500),
            "contact_id": rng.integers(0, 130, 500).astype(str),
            PATTERN: rng.choice([1, 5], 500),
            N: 1,
        }
    ).drop_duplicates(["campaign_id", "contact_id"])
    whole = reach(table, ["a", "b", "c"], *flags)
    monkeypatch.setattr(pairs_module, "_CELLS", 7)
    few = reach(table.sample(frac=1, random_state=1), ["a", "b", "c"], *flags)
    for name in ("reached", "responded", "both"):
        np.testing.assert_array_equal(getattr(whole, name), getattr(few, name))
    taken = pd.concat([table, table.iloc[:50].assign(**{N: -1})])
    rest = reach(table.iloc[50:], ["a", "b", "c"], *flags)
    np.testing.assert_array_equal(reach(taken, ["a", "b", "c"], *flags).both, rest.both)


# The analysis.


def test_recipients_decide_how_campaigns_are_compared() -> None:
    apart = compare_campaigns(two(1000, 60, 1000, 30, common=0)).iloc[0]
    assert apart["method"] == "unpaired"
    low, high = newcombe(60, 1000, 30, 1000)
    assert (apart["diff_low"], apart["diff_high"]) == (float(low), float(high))
    assert apart["p"] == float(score_p(60, 1000, 30, 1000))
    assert apart["p_adj"] == apart["p"]
    assert apart["conclusion"].startswith("differs: a is higher by 3.0 points (1.2 to ")
    assert np.isnan(apart["diff_common"])
    same = compare_campaigns(two(1000, 60, 1000, 45, common=980, both=30)).iloc[0]
    assert same["method"] == "paired"
    assert (same["n_a"], same["n_b"]) == (980, 980)
    assert same["p"] == float(mcnemar_mid_p(same["only_a"], same["only_b"]))
    assert same["diff"] == pytest.approx(same["diff_common"]) == pytest.approx((same["only_a"] - same["only_b"]) / 980)
    part = compare_campaigns(two(1000, 60, 1000, 45, common=600, both=20)).iloc[0]
    assert part["method"] == "overlapping"
    assert part["diff"] == pytest.approx(0.015)
    assert part["diff_low"] < 0.015 < part["diff_high"]
    assert part["overlap"] == pytest.approx(600 / 1400)
    assert part["conclusion"].startswith("no difference seen; one of ")
    assert part["conclusion"].endswith(" points would have been seen with 80% power")
    nearly = compare_campaigns(two(1000, 60, 1000, 30, common=19)).iloc[0]
    assert nearly["method"] == "unpaired"
    assert nearly["p"] == apart["p"]


def test_few_responses_have_an_interval_and_an_exact_test() -> None:
    got = compare_campaigns(two(500, 3, 500, 0, common=250)).iloc[0]
    assert got["method"] == "overlapping"
    assert got["diff_low"] < 0 < got["diff_high"]
    assert got["p"] == pytest.approx(conditional_mid_p(0, 0, 3, 250, 0, 250))
    nobody = compare_campaigns(two(500, 0, 500, 0, common=250)).iloc[0]
    assert (nobody["diff"], nobody["p"]) == (0, 1)
    assert nobody["diff_low"] < 0 < nobody["diff_high"]


def test_those_who_left_are_never_paired() -> None:
    rows = mailing("a", range(500), range(20), "UNSUBSCRIBE") + mailing(
        "b", range(20, 500), range(20, 40), "UNSUBSCRIBE"
    )
    got = compare_campaigns(activities(rows), metric="unsubscribe").iloc[0]
    assert (got["method"], got["n_a"], got["k_a"], got["only_a"]) == ("unpaired", 500, 20, 0)
    assert got["p"] > 0.5  # paired, nobody left after a and 20 after b
    assert "Never paired" in explain(compare_campaigns(activities(rows), metric="unsubscribe")).text


@pytest.mark.parametrize("metric", ["click", "open", "confirmed_open", "forward", "unsubscribe", "bounce"])
def test_rates_are_those_of_the_funnel(account: pd.DataFrame, metric: Any) -> None:
    got = compare_campaigns(account, metric=metric, table="limits", machine="both", min_delivered=0)
    stages = funnel(account, by="campaign_id", orphans="drop").set_index(["campaign_id", "stage"])
    for side in ("", "_human"):
        for row in got.to_dict("records"):
            own = stages.loc[row["campaign_id"]]
            if metric == "bounce":
                assert row["n" + side] == own.loc["sent", "n" + side]
                assert row["k" + side] == own.loc["sent", "n_bounced" + side]
            else:
                assert row["n" + side] == own.loc["delivered", "n" + side]
            if metric == "click":
                assert row["rate" + side] == own.loc["clicked", "rate_of_delivered" + side]
            if metric == "unsubscribe":
                assert row["k" + side] <= own.loc["delivered", "n_unsubscribed" + side]


def test_either_campaign_may_come_first(account: pd.DataFrame) -> None:
    ids = sorted(account["campaign_id"].dropna().unique())
    for metric in ("click", "open", "unsubscribe"):
        got, turned = (compare_campaigns(account, order, metric=metric) for order in (ids, ids[::-1]))
        both = [*SWAPPED.items(), *((b, a) for a, b in SWAPPED.items())]
        turned = turned.rename(columns=dict(both)).sort_values(["a", "b"], ignore_index=True)
        assert [*zip(got["a"], got["b"], strict=True)] == [*zip(turned["a"], turned["b"], strict=True)]
        for name in ("n_a", "n_b", "rate_a", "method", "only_a", "n_common"):
            assert got[name].equals(turned[name])
        for name in ("p", "p_adj", "detectable_diff"):
            np.testing.assert_allclose(got[name], turned[name], rtol=1e-9)
        for name in ("diff", "diff_common"):
            np.testing.assert_allclose(got[name], -turned[name], atol=1e-12)
            np.testing.assert_allclose(got[f"{name}_low"], -turned[f"{name}_high"], atol=1e-12)


def test_a_pair_is_the_same_whatever_else_is_compared(account: pd.DataFrame) -> None:
    whole = compare_campaigns(account, adjust="none").set_index(["a", "b"])
    a, b = whole.index[5]
    alone = compare_campaigns(account, [a, b], adjust="none").set_index(["a", "b"])
    pd.testing.assert_series_equal(whole.loc[(a, b)], alone.loc[(a, b)])


def test_family() -> None:
    rng = np.random.default_rng(4)
    rows = [row for name in "abcde" for row in mailing(name, range(400), rng.choice(400, rng.integers(20, 60), False))]
    table = activities(rows)
    alone = compare_campaigns(table, adjust="none")
    holm, bh = compare_campaigns(table), compare_campaigns(table, adjust="bh")
    assert len(alone) == 10
    np.testing.assert_allclose(holm["p_adj"], adjusted(alone["p"], "holm"))
    np.testing.assert_allclose(bh["p_adj"], adjusted(alone["p"], "bh"))
    assert (holm["detectable_diff"] > alone["detectable_diff"]).all()
    against = compare_campaigns(table, baseline="c")
    assert against["a"].tolist() == ["a", "b", "d", "e"]
    assert set(against["b"]) == {"c"}
    np.testing.assert_allclose(against["p_adj"], adjusted(against["p"], "holm"))
    assert compare_campaigns(table, "e", baseline="c")["a"].tolist() == ["e"]
    assert against.attrs["cctrack"]["tests"] == 4
    assert "allows for 4 pairs" in explain(against).text


def test_automatic_events_are_set_aside(account: pd.DataFrame) -> None:
    table = account.drop(columns="origin")
    both = compare_campaigns(table, machine="both")
    assert list(both.columns) == [*PAIRS, *(f"{name}_human" for name in PAIRS[3:])]
    recorded, human = compare_campaigns(table, machine="include"), compare_campaigns(table)
    keys = PAIRS[:3]
    pd.testing.assert_frame_equal(both[PAIRS], recorded)
    renamed = both[[*keys, *(f"{name}_human" for name in PAIRS[3:])]].set_axis(PAIRS, axis=1)
    pd.testing.assert_frame_equal(renamed, human)
    truth = compare_campaigns(
        account[account["origin"].isin(["human", "duplicate"]) | account["link_id"].isna()].drop(columns="origin"),
        machine="include",
    )
    for frame, share in ((recorded, 1.0), (human, 0.35)):
        off = (frame["rate_a"] - truth["rate_a"]).abs().mean(), (recorded["rate_a"] - truth["rate_a"]).abs().mean()
        assert off[0] <= share * off[1]
    told = human.attrs["cctrack"]
    assert told["machine"] == "exclude"
    assert told["set_aside"]["sweep"] > 0
    assert recorded.attrs["cctrack"]["machine"] == "include"


def test_order_of_rows_repeats_and_types_change_nothing(account: pd.DataFrame) -> None:
    table = account.drop(columns="origin")
    before = table.copy(deep=True)
    for wanted in ("pairs", "limits"):
        first = compare_campaigns(table, metric="open", table=wanted)  # type: ignore[arg-type]
        pd.testing.assert_frame_equal(table, before)
        shuffled = pd.concat([table, table.iloc[:300]]).sample(frac=1, random_state=2)
        for other in (shuffled, categorical(table)):
            again = compare_campaigns(other, metric="open", table=wanted)  # type: ignore[arg-type]
            pd.testing.assert_frame_equal(first, again)
            assert first.attrs == again.attrs


def test_types_of_columns(account: pd.DataFrame) -> None:
    got = compare_campaigns(account)
    assert isinstance(got.index, pd.RangeIndex)
    for name in PAIRS:
        whole = name[:2] in ("n_", "k_") or name[:5] == "only_"
        text = name in ("a", "b", "metric", "method", "conclusion")
        assert got[name].dtype == ("Int64" if whole else "string" if text else "float64"), name
    told = got.attrs["cctrack"]
    json.dumps(told)
    assert set(told["columns"]) == set(PAIRS)
    empty = compare_campaigns(account.iloc[:0])
    assert empty.dtypes.equals(got.dtypes)
    limits_table = compare_campaigns(account, table="limits")
    assert list(limits_table.columns) == LIMITS
    assert compare_campaigns(account.iloc[:0], table="limits").dtypes.equals(limits_table.dtypes)
    assert set(limits_table.attrs["cctrack"]["columns"]) == set(LIMITS)
    json.dumps(limits_table.attrs)


def test_small_inputs_give_a_table_that_says_why() -> None:
    one = compare_campaigns(activities(mailing("a", range(50), range(5))))
    assert (len(one), list(one.columns)) == (0, PAIRS)
    assert "one of the two" in " ".join(one.attrs["cctrack"]["notes"]) or "1 of the two" in explain(one).text
    none = compare_campaigns(activities([]))
    assert "none of the two" in explain(none).text
    small = two(20, 5, 20, 3, common=20)
    assert len(compare_campaigns(small)) == 0
    assert "Left out: 2 campaigns with fewer than 30 recipients" in explain(compare_campaigns(small)).text
    assert len(compare_campaigns(small, min_delivered=20)) == len(compare_campaigns(small, ["a", "b"])) == 1
    single = compare_campaigns(two(1, 1, 1, 0, common=1), ["a", "b"]).iloc[0]
    assert single["conclusion"] == "no difference seen; with so few recipients none could have been"
    orphans = [("CLICK", "b", str(one)) for one in range(40)]
    got = compare_campaigns(activities([*mailing("a", range(50), range(5)), *orphans]), ["a", "b"])
    assert got.loc[0, "conclusion"] == "not compared: a campaign has no recipients"
    assert got[["p", "p_adj", "diff", "rate_b", "detectable_diff"]].isna().all(axis=None)
    assert "Left out: 40 recipients with an event but no send" in explain(got).text


def test_all_by_machine() -> None:
    table = two(60, 20, 60, 20, common=60)
    table["machine"] = (table["activity_type"] == "EMAIL_CLICK").to_numpy()
    got = compare_campaigns(table, machine="both").iloc[0]
    assert (got["k_a"], got["k_a_human"], got["p_human"]) == (20, 0, 1)


def test_bad_arguments() -> None:
    table = two(60, 20, 60, 20, common=60)
    with pytest.raises(ValueError, match=r"no recipients of 'z' in the activities; there are: 'a', 'b'"):
        compare_campaigns(table, ["a", "z"])
    with pytest.raises(ValueError, match="baseline: no recipients of 'z'"):
        compare_campaigns(table, baseline="z")
    with pytest.raises(TypeError, match="no campaign id"):
        compare_campaigns(table, ["a", None])  # type: ignore[list-item]
    with pytest.raises(TypeError, match="takes campaign ids"):
        compare_campaigns(table, table)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="baseline goes with"):
        compare_campaigns(table, baseline="a", table="limits")
    with pytest.raises(ValueError, match="one campaign id"):
        compare_campaigns(table, baseline=["a", "b"])  # type: ignore[arg-type]
    for name, value in (("metric", "clicks"), ("table", "all"), ("adjust", "bonferroni"), ("machine", "no")):
        with pytest.raises(ValueError, match=f"{name}='{value}' is not known"):
            compare_campaigns(table, **{name: value})
    many = activities([("SEND", f"c{one:03}", "1") for one in range(102)])
    with pytest.raises(ValueError, match="102 campaigns make 5,151 pairs, more than 5,000"):
        compare_campaigns(many, min_delivered=1)
    assert len(compare_campaigns(many, min_delivered=1, baseline="c007")) == 101
    assert len(compare_campaigns(many, min_delivered=1, table="limits")) == 102


def test_young_campaigns_and_the_end_of_the_data() -> None:
    table = two(100, 20, 100, 20, common=100)
    later = activities([*mailing("c", range(100), range(9))], {"c": 24 * 30})
    got = compare_campaigns(pd.concat([table, later], ignore_index=True))
    assert "rates will still rise: c." in explain(got).text
    early = compare_campaigns(pd.concat([table, later], ignore_index=True), as_of="2026-01-01T12:00Z")
    assert "rates will still rise: a." in explain(early).text
    assert early.attrs["cctrack"]["as_of"] == "2026-01-01T12:00:00Z"


def test_labels() -> None:
    table = two(100, 20, 100, 20, common=100)
    names = pd.DataFrame(
        {"campaign_id": pd.array(["b", "a"], dtype="string"), "name": pd.array(["Second", None], dtype="string")}
    )
    got = compare_campaigns(table, labels=names)
    assert list(got.columns)[:7] == ["a", "a_name", "a_send_date", "b", "b_name", "b_send_date", "metric"]
    assert got.loc[0, "b_name"] == "Second"
    assert pd.isna(got.loc[0, "a_name"])
    assert got.loc[0, "a_send_date"] == START
    among = compare_campaigns(table, labels=names, table="limits")
    assert list(among.columns)[:3] == ["campaign_id", "campaign_name", "send_date"]


# Campaigns among all.


def test_limits_are_the_binomials() -> None:
    sizes = np.array([60.0, 400.0, 3000.0])
    for rate in (0.02, 0.3):
        ends = limits_at(rate, sizes, 1.0)
        for name, level in (("95", 0.95), ("998", 0.998)):
            for side, tail in (("low", (1 - level) / 2), ("high", (1 + level) / 2)):
                want = stats.binom.ppf(tail, sizes, rate)
                assert (np.abs(ends[f"{side}_{name}"] * sizes - want) <= 1).all()
        wide = limits_at(rate, sizes, 4.0)
        assert wide["high_95"] == pytest.approx(limits_at(rate, sizes / 4, 1.0)["high_95"])


def test_limits_hold_what_chance_makes() -> None:
    rng = np.random.default_rng(5)
    n = rng.integers(100, 3000, 1500)
    got, factor = limits(rng.binomial(n, 0.025), n, 0.95)
    assert factor == 1
    assert (got["outside"] != "inside").mean() == pytest.approx(0.05, abs=0.01)
    assert got["outside"].str.contains("99.8").mean() < 0.006
    wide, factor = limits(rng.binomial(n, rng.beta(25, 975, len(n))), n, 0.95)
    assert factor > 1.5
    assert 0.03 < (wide["outside"] != "inside").mean() < 0.15  # large ones differ by more than the factor says


def test_dispersion_by_hand() -> None:
    k, n = np.array([10.0, 20.0, 30.0, 90.0]), np.full(4, 1000.0)
    scores = (k / n - 0.0375) / np.sqrt(0.0375 * 0.9625 / n)
    ends = np.quantile(scores, [0.1, 0.9])
    assert dispersion(k, n, 0.0375) == pytest.approx(np.mean(np.clip(scores, *ends) ** 2))
    assert dispersion(k[:1], n[:1], 0.01) == 1
    assert dispersion(k * 0, n, 0.0) == 1


def test_a_campaign_that_stands_out() -> None:
    rng = np.random.default_rng(6)
    rows = [row for name in "abcdefgh" for row in mailing(name, range(800), rng.choice(800, 24, False))]
    rows += [*mailing("x", range(800), range(120)), ("SEND", "y", "1")]
    got = compare_campaigns(activities(rows), table="limits").set_index("campaign_id")
    assert got.loc["x", "outside"] == "above 99.8 %"
    assert "y" not in got.index
    told = compare_campaigns(activities(rows), table="limits").attrs["cctrack"]
    assert told["dispersion"] > 1
    assert list(told["curves"]) == ["n", "low_95", "high_95", "low_998", "high_998"]
    nobody = compare_campaigns(activities(mailing("a", range(50), []) + mailing("b", range(50), [])), table="limits")
    assert (nobody["outside"] == "inside").all()
    alone = compare_campaigns(activities(mailing("a", range(50), range(5))), table="limits")
    assert alone["rate"].tolist() == alone["pooled_rate"].tolist() == [0.1]


@pytest.mark.parametrize(
    ("rate", "said"), [(0.0123, "1.2"), (0.0086, "0.86"), (0.00044, "0.044"), (0, "0.0"), (1, "100.0")]
)
def test_points(rate: float, said: str) -> None:
    assert points(rate) == said


# Engines.


def on(engine: str, frame: pd.DataFrame) -> Any:
    """Put a table on another engine."""
    module = pytest.importorskip(engine)
    if engine == "polars":
        return module.from_pandas(frame).lazy()
    return module.from_df(frame) if engine == "duckdb" else module.Table.from_pandas(frame, preserve_index=False)


@pytest.mark.parametrize("engine", ["polars", "duckdb", "pyarrow"])
def test_engines(engine: str) -> None:
    table = engine_rows(80, 4)
    ids = sorted(table["campaign_id"].dropna().unique())[:3]
    choices: Sequence[dict[str, Any]] = ({"machine": "both", "min_delivered": 1}, {"campaigns": ids, "table": "limits"})
    for choice in choices:
        want, got = (compare_campaigns(one, **choice) for one in (table, on(engine, table)))
        pd.testing.assert_frame_equal(want, got)
    assert len(compare_campaigns(on(engine, table.iloc[:0]))) == 0


def test_too_many_recipients_for_an_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events_module, "ROW_LIMIT", 100)
    with pytest.raises(EngineError, match=r"compare_campaigns needs more than .* name the campaigns"):
        compare_campaigns(on("polars", engine_rows(80, 4)), machine="include")


# Pictures.


@pytest.fixture
def _closed() -> Iterator[None]:
    yield
    plt.close("all")


def names(ids: Sequence[str]) -> pd.DataFrame:
    """Name campaigns, some at length, some alike."""
    told = [NAMES[place % len(NAMES)] + str(place // 3) for place in range(len(ids))]
    return pd.DataFrame({"campaign_id": ids, "name": told}, dtype="string")


def mailings(campaigns: int, better: Sequence[int] = (3, 7, 11)) -> pd.DataFrame:
    """Send so many campaigns to about the same contacts, some of them far better than the others."""
    rng = np.random.default_rng(8)
    rows: list[Event] = []
    for place in range(campaigns):
        n = 100 + 40 * (place % 5)
        rows += mailing(f"c{place:02}", range(n), rng.choice(n, 5 + 30 * (place in better), False))
    return activities(rows)


@pytest.mark.parametrize(
    ("campaigns", "size"),
    [(0, SMALL), (1, None), (2, WIDE), (9, None), (9, SMALL), (9, WIDE), (41, None), (41, SMALL)],
)
@pytest.mark.usefixtures("_closed")
def test_pictures_fit(campaigns: int, size: tuple[float, float] | None) -> None:
    table = mailings(campaigns)
    ids = [f"c{place:02}" for place in range(campaigns)]
    for choice in ({}, {"table": "limits"}):
        choice["labels"] = names(ids)
        got = compare_campaigns(table, machine="include", **choice)  # type: ignore[arg-type]
        assert_fits(plots.compare_campaigns(got, None if size is None else Figure(size).subplots()))
        plt.close("all")
    if campaigns > 1:
        got = compare_campaigns(table, baseline=ids[1], machine="include")
        ax = plots.compare_campaigns(got, None if size is None else Figure(size).subplots())
        assert_fits(ax)
        data = plots.data(ax)
        if size is None:
            np.testing.assert_array_equal(data[["value", "low", "high"]], got[["diff", "diff_low", "diff_high"]])
            assert f"less {ids[1]}" in said(ax)


@pytest.mark.usefixtures("_closed")
def test_picture_of_many_pairs_has_the_surest(account: pd.DataFrame) -> None:
    got = compare_campaigns(mailings(11), machine="include")
    ax = plots.compare_campaigns(got)
    data = plots.data(ax)
    assert len(data) == 40
    assert f"Without {len(got) - 40} pairs of larger p." in ax.get_xlabel()
    assert data["value"].abs().min() >= got.sort_values("p_adj").tail(len(got) - 40)["diff"].abs().min()
    both = compare_campaigns(account, machine="both")
    marks = plots.data(plots.compare_campaigns(both))
    np.testing.assert_array_equal(marks.loc[marks["measure"] == "diff", "value"], both["diff_human"])
    assert "tick: as recorded" in " ".join(plots.compare_campaigns(both).get_xlabel().split())


@pytest.mark.usefixtures("_closed")
def test_picture_of_limits_names_those_outside() -> None:
    got = compare_campaigns(mailings(9, better=[8]), table="limits", machine="include")
    ax = plots.compare_campaigns(got)
    outside = got.loc[got["outside"] != "inside", "campaign_id"].tolist()
    assert outside
    assert set(outside) & set(said(ax))
    assert not set(got.loc[got["outside"] == "inside", "campaign_id"]) & set(said(ax))
    data = plots.data(ax)
    assert sorted(data.loc[data["measure"] == "rate", "value"]) == pytest.approx(sorted(got["rate"]))
    assert sorted(data.loc[data["measure"] == "n", "value"]) == sorted(got["n"])
    bare = got.copy()
    bare.attrs = {}  # without the curves
    assert_fits(plots.compare_campaigns(bare))


@pytest.mark.usefixtures("_closed")
def test_words_for_those_who_do_not_see() -> None:
    got = compare_campaigns(mailings(5), machine="include")
    words = plots.alt_text(got)
    assert words == plots.compare_campaigns(got).cctrack_alt  # type: ignore[attr-defined]
    assert words.startswith("Click rates compared, differences as points with intervals: 10 pairs, ")
    assert "c02 and c03: differs: c02 is lower by " in words
    assert "caused" not in words + explain(got).text
    limits_words = plots.alt_text(compare_campaigns(mailings(5), table="limits", machine="include"))
    assert limits_words.startswith("Click rates and the limits of chance, rates by recipients ")
    for empty in ({"table": "pairs"}, {"table": "limits"}):
        assert "No " in plots.alt_text(compare_campaigns(activities([]), **empty))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no column b"):
        plots.compare_campaigns(got.drop(columns="b"))
