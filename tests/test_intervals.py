"""Intervals of rates, against scipy, statsmodels, published examples and simulated truth."""

import subprocess
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from cctrack.analysis._intervals import (
    checked_ci,
    clustered,
    design_effect,
    few,
    mcnemar_mid_p,
    newcombe,
    paired_newcombe,
    wilson,
)

LEVELS = (0.5, 0.8, 0.95, 0.99)
coverages = st.floats(0.01, 0.999)
count = st.integers(0, 2000)


@pytest.fixture(scope="module")
def statsmodels() -> Iterator[ModuleType]:
    """Give statsmodels, which is slow to import and warns on its own account."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import statsmodels.api
        import statsmodels.stats.contingency_tables
        import statsmodels.stats.proportion

        yield statsmodels


def pairs() -> tuple[Any, Any]:
    """Give successes and trials from the smallest to large ones, with none and all successes."""
    sizes = np.array([1, 2, 3, 5, 10, 20, 50, 199, 1000, 54321, 2_000_000])
    shares = np.array([0, 0, 0.01, 0.02, 0.1, 0.25, 0.5, 0.77, 0.99, 1])
    n = np.repeat(sizes, len(shares))
    return np.round(np.tile(shares, len(sizes)) * n).astype(int), n


def sums(k: Any, n: Any) -> tuple[Any, ...]:
    """Give what the design effect is made of, from the successes and trials of every cluster."""
    return k.sum(), n.sum(), (k * k).sum(), (k * n).sum(), (n * n).sum(), (n > 0).sum()


@pytest.mark.parametrize("ci", LEVELS)
def test_wilson_is_that_of_scipy(ci: float) -> None:
    k, n = pairs()
    low, high = wilson(k, n, ci)
    for i in range(len(k)):
        want = stats.binomtest(k[i], n[i]).proportion_ci(ci, method="wilson")
        assert (low[i], high[i]) == pytest.approx((want.low, want.high), abs=1e-9)
    every = np.arange(1, 20_001)
    assert (wilson(0, every, ci)[0] == 0).all()
    assert (wilson(every, every, ci)[1] == 1).all()  # some would miss it by rounding


@pytest.mark.parametrize("ci", LEVELS)
def test_wilson_is_that_of_statsmodels(ci: float, statsmodels: ModuleType) -> None:
    k, n = pairs()
    effective = k / 1.7, n / 1.7
    for successes, trials in ((k, n), effective):
        want = statsmodels.stats.proportion.proportion_confint(successes, trials, alpha=1 - ci, method="wilson")
        np.testing.assert_allclose(wilson(successes, trials, ci), want, atol=1e-9)


def test_wilson_where_counts_say_nothing() -> None:
    low, high = wilson([0, 3, -1, np.nan, 1, 1, 0], [0, 2, 5, 5, np.nan, np.inf, 20])
    assert np.isnan(low[:-1]).all()
    assert np.isnan(high[:-1]).all()
    assert (low[-1], round(high[-1], 3)) == (0, 0.161)
    missing = pd.Series([1, None], dtype="Int64")
    assert np.isnan(wilson(missing, 4)).tolist() == [[False, True]] * 2
    assert [end.shape for end in wilson([], [])] == [(0,), (0,)]
    assert float(wilson(1, 4)[0]) == pytest.approx(0.0455873)


@pytest.mark.parametrize("n", [20, 50, 200, 1000])
def test_wilson_covers_on_average(n: int) -> None:
    k = np.arange(n + 1)
    low, high = wilson(k, n)
    p = (np.arange(1000) + 0.5)[:, np.newaxis] / 1000
    covered = (stats.binom.pmf(k, n, p) * ((low <= p) & (p <= high))).sum(axis=1)
    assert 0.945 <= covered.mean() <= 0.958


@settings(max_examples=200, deadline=None)
@given(successes=count, failures=count, ci=coverages)
def test_wilson_holds_the_rate_and_grows_with_it(successes: int, failures: int, ci: float) -> None:
    n = successes + failures
    low, high = wilson(np.arange(n + 1), n, ci)
    if n == 0:
        assert np.isnan(low[0])
        return
    rate = np.arange(n + 1) / n
    assert ((low >= 0) & (low <= rate) & (rate <= high) & (high <= 1)).all()
    assert (np.diff(low) > 0).all()
    assert (np.diff(high) > 0).all()
    np.testing.assert_allclose(low, 1 - high[::-1], atol=1e-12)


@pytest.mark.parametrize("ci", [1e-300, 1e-9, 1 - 1e-16])
def test_wilson_at_the_ends_of_coverage(ci: float) -> None:
    low, high = wilson([0, 3, 7], 7, ci)
    assert (low <= np.array([0, 3, 7]) / 7).all()
    assert (high >= np.array([0, 3, 7]) / 7).all()


def test_few_is_under_five_of_either() -> None:
    got = few([0, 0, 4, 5, 95, 96, np.nan, 6, 4.9], [0, 10, 100, 100, 100, 100, 5, 5, 100])
    assert got.tolist() == [True, True, True, False, False, True, True, True, True]


@pytest.mark.parametrize("ci", [95, 0, 1, 1.0, -0.5, float("nan"), float("inf")])
def test_coverage_out_of_range(ci: float) -> None:
    with pytest.raises(ValueError, match=r"is no probability; give 0\.95 for a 95 % interval"):
        checked_ci(ci)


@pytest.mark.parametrize("ci", [True, np.True_, "0.95", None, [0.95]])
def test_coverage_that_is_no_number(ci: object) -> None:
    with pytest.raises(TypeError, match="ci must be a number between 0 and 1"):
        checked_ci(ci)


def test_coverage_is_a_float() -> None:
    assert checked_ci(np.float64(0.9)) == 0.9
    assert type(checked_ci(np.float32(0.5))) is float
    with pytest.raises(ValueError, match="ci=95"):
        wilson(1, 2, 95)


def test_design_effect_is_the_cluster_robust_variance(statsmodels: ModuleType) -> None:
    chance = np.random.default_rng(3)
    for clusters in (2, 3, 10, 200):
        n = chance.integers(1, 15, clusters)
        k = chance.binomial(n, chance.beta(0.9, 2.4, clusters))
        k[0], n[0] = 1, 4  # neither none nor all
        cluster = np.repeat(np.arange(clusters), n)
        outcome = np.concatenate([np.arange(size) < hits for hits, size in zip(k, n, strict=True)]).astype(float)
        model = statsmodels.api.OLS(outcome, np.ones((len(outcome), 1)))
        # Its correction for small samples is C/(C-1) * (N-1)/(N-K), of which the second is 1 with one parameter.
        robust = model.fit(cov_type="cluster", cov_kwds={"groups": cluster, "use_correction": True}).cov_params()
        rate, total = outcome.mean(), len(outcome)
        want = max(1.0, float(robust[0, 0]) / (rate * (1 - rate) / (total - 1)))
        assert design_effect(*sums(k, n)) == pytest.approx(want, rel=1e-9)


@pytest.mark.parametrize("campaigns", [4, 12])
def test_design_effect_of_the_same_contacts_again(campaigns: int) -> None:
    chance = np.random.default_rng(campaigns)
    rho = 1 / (1 + 0.9 + 2.4)
    got = []
    for _ in range(20):
        n = np.full(4000, campaigns)
        got.append(design_effect(*sums(chance.binomial(n, chance.beta(0.9, 2.4, 4000)), n)))
    assert np.mean(got) == pytest.approx(1 + (campaigns - 1) * rho, rel=0.02)


def test_design_effect_of_single_trials_is_one() -> None:
    k = np.arange(50) < 7
    effect = design_effect(*sums(k.astype(int), np.ones(50, dtype=int)))
    assert effect == pytest.approx(1, abs=1e-12)
    np.testing.assert_allclose(clustered(7, 50, effect), wilson(7, 50), atol=1e-12)


def test_design_effect_where_there_is_nothing_to_tell() -> None:
    # no trials; one cluster; no success; no failure; clusters that are more alike than by chance; not known
    got = design_effect(
        [0, 2, 0, 20, 5, np.nan],
        [0, 4, 20, 20, 10, 3],
        [0, 4, 0, 80, 5, 1],
        [0, 8, 0, 80, 10, 1],
        [0, 16, 80, 80, 20, 1],
        [0, 1, 5, 5, 5, 2],
    )
    assert got.tolist() == [1.0] * 6


def test_clustered_is_wilson_at_the_effective_size() -> None:
    low, high = clustered([0, 30, 100, 3], [100, 100, 100, 0], 3.6)
    np.testing.assert_allclose(clustered(30, 100, 3.6), wilson(30 / 3.6, 100 / 3.6))
    assert (low[0], high[2]) == (0, 1)
    assert np.isnan([low[3], high[3]]).all()
    assert low[1] < wilson(30, 100)[0]


def test_clustered_intervals_cover_and_plain_ones_do_not() -> None:
    chance = np.random.default_rng(5)
    n = np.full(400, 12)
    plain = robust = 0
    for _ in range(400):
        k = chance.binomial(n, chance.beta(0.9, 2.4, 400))
        low, high = clustered(k.sum(), n.sum(), design_effect(*sums(k, n)))
        robust += bool(low <= 0.9 / 3.3 <= high)
        low, high = wilson(k.sum(), n.sum())
        plain += bool(low <= 0.9 / 3.3 <= high)
    assert 0.92 <= robust / 400 <= 0.98
    assert plain / 400 < 0.8


@pytest.mark.parametrize("ci", LEVELS)
def test_newcombe_is_that_of_statsmodels(ci: float, statsmodels: ModuleType) -> None:
    chance = np.random.default_rng(7)
    n1, n2 = chance.integers(1, 3000, (2, 60))
    k1, k2 = chance.binomial(n1, chance.random(60)), chance.binomial(n2, chance.random(60))
    k1[:4], k2[:4] = [0, n1[1], 0, n1[3]], [0, n2[1], n2[2], 0]
    got = np.stack(newcombe(k1, n1, k2, n2, ci), axis=1)
    confint = statsmodels.stats.proportion.confint_proportions_2indep
    for i in range(60):
        want = confint(k1[i], n1[i], k2[i], n2[i], method="newcomb", compare="diff", alpha=1 - ci)
        assert got[i] == pytest.approx(want, abs=1e-9)
    assert np.isnan(newcombe([0, 3], [0, 2], [1, 1], [3, 3], ci)).all()


@pytest.mark.parametrize(
    ("table", "low", "high"),
    [
        ((59, 6, 16, 80), -0.1186, -0.0046),  # Fagerland, Lydersen and Laake 2017, 8: Cavo et al. 2012
        ((1, 1, 7, 12), -0.507, -0.026),  # the same: Bentur et al. 2009
        ((14, 5, 0, 22), 0.011, 0.226),  # Altman et al., Statistics with Confidence, 2000, 6
    ],
)
def test_paired_newcombe_is_as_published(table: tuple[int, ...], low: float, high: float) -> None:
    assert paired_newcombe(*table) == pytest.approx((low, high), abs=0.0006)


@settings(max_examples=200, deadline=None)
@given(table=st.tuples(count, count, count, count), ci=coverages)
def test_paired_newcombe_holds_the_difference(table: tuple[int, int, int, int], ci: float) -> None:
    a, b, c, d = table
    low, high = paired_newcombe(a, b, c, d, ci)
    if sum(table) == 0:
        assert np.isnan([low, high]).all()
        return
    assert -1 <= low <= (b - c) / sum(table) + 1e-12
    assert (b - c) / sum(table) - 1e-12 <= high <= 1
    np.testing.assert_allclose(paired_newcombe(a, c, b, d, ci), (-high, -low), atol=1e-12)  # the sides exchanged
    np.testing.assert_allclose(paired_newcombe(d, c, b, a, ci), (-high, -low), atol=1e-9)  # failures counted


def test_paired_newcombe_without_correlation_is_the_other_one() -> None:
    # ad = bc, so that phi is 0
    np.testing.assert_allclose(paired_newcombe(20, 40, 30, 60), newcombe(60, 150, 50, 150))
    assert np.isnan(paired_newcombe([0, -1, np.nan], [0, 5, 1], [0, 5, 1], [0, 5, 1])).all()


def test_mid_p_is_the_exact_one_less_what_was_seen(statsmodels: ModuleType) -> None:
    b, c = (grid.ravel() for grid in np.meshgrid([0, 1, 2, 5, 9, 30, 400], [0, 1, 3, 5, 10, 31, 377]))
    got = mcnemar_mid_p(b, c)
    for i in range(len(b)):
        exact = statsmodels.stats.contingency_tables.mcnemar([[1, b[i]], [c[i], 1]], exact=True).pvalue
        want = 1.0 if b[i] == c[i] else exact - stats.binom.pmf(b[i], b[i] + c[i], 0.5)
        assert got[i] == pytest.approx(want, abs=1e-9)
    assert np.isnan(mcnemar_mid_p([-1, np.nan, 1.5], [3, 3, 3])).all()


def test_mid_p_has_its_size_where_an_unpaired_test_wastes_power() -> None:
    a, b = 0.9, 2.4
    chance = np.random.default_rng(11)
    both = a * (a + 1) / ((a + b) * (a + b + 1))  # E[p^2] of contacts who open with Beta(0.9, 2.4)
    one = a / (a + b) - both
    n = 500
    seen = chance.multinomial(n, [both, one, one, 1 - both - 2 * one], 20_000).T
    assert 0.04 <= (mcnemar_mid_p(seen[1], seen[2]) <= 0.05).mean() <= 0.06
    first, second = seen[0] + seen[1], seen[0] + seen[2]
    pooled = (first + second) / (2 * n)
    z = (first - second) / n / np.sqrt(pooled * (1 - pooled) * 2 / n)
    assert (np.abs(z) > 1.959964).mean() < 0.035
    low, high = paired_newcombe(*seen)
    assert 0.94 <= ((low <= 0) & (high >= 0)).mean() <= 0.96


def test_scipy_waits_until_it_is_used() -> None:
    code = (
        "import sys; import cctrack.analysis._shrinkage, cctrack.analysis._intervals as own;"
        "own.wilson(1, 2); assert 'scipy' not in sys.modules; own.mcnemar_mid_p(1, 2); assert 'scipy' in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, cwd=Path(__file__).parents[1])
