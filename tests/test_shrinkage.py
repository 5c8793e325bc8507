"""Empirical-Bayes estimates and ranks, against other maximisations and simulated truth."""

import tracemalloc
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, stats

from cctrack.analysis._shrinkage import MIN_ITEMS, Prior, credible, fit_beta, rank_intervals, shrunken

CTR = (0.8, 60.0)
items = st.lists(st.tuples(st.integers(0, 60), st.integers(0, 60)), max_size=40)


def simulated(seed: int, size: int = 300, shape: tuple[float, float] = CTR) -> tuple[Any, Any, Any]:
    """Give successes, trials and true rates of links."""
    chance = np.random.default_rng(seed)
    n, truth = chance.integers(50, 4001, size), chance.beta(*shape, size)
    return chance.binomial(n, truth), n, truth


def known(alpha: float, beta: float) -> Prior:
    """Give a prior that was fitted to nothing."""
    return Prior(alpha, beta, 0, 0.0, "fitted")


@pytest.mark.parametrize("shape", [CTR, (0.9, 2.4), (0.05, 3.0), (20.0, 30.0), (300.0, 9.0)])
def test_the_fit_is_the_maximum_that_another_search_finds(shape: tuple[float, float]) -> None:
    k, n, _ = simulated(1, 120, shape)
    prior = fit_beta(k, n)
    assert prior.basis == "fitted"
    assert prior.n_items == 120

    def loss(at: Any) -> float:
        return -float(stats.betabinom.logpmf(k, n, *np.exp(at)).sum())

    assert prior.log_likelihood == pytest.approx(-loss(np.log([prior.alpha, prior.beta])), abs=1e-6)
    found = optimize.minimize(loss, np.log([1.0, 10.0]), method="Nelder-Mead", options={"xatol": 1e-8, "fatol": 1e-9})
    assert prior.log_likelihood == pytest.approx(-found.fun, abs=1e-6)
    assert (prior.alpha, prior.beta) == pytest.approx(np.exp(found.x), rel=1e-3)


def test_the_fit_finds_the_truth() -> None:
    fits = [fit_beta(*simulated(seed)[:2]) for seed in range(12)]
    assert np.mean([one.mean for one in fits]) == pytest.approx(0.8 / 60.8, rel=0.05)
    assert np.mean([one.strength for one in fits]) == pytest.approx(60.8, rel=0.1)


def test_posterior_is_that_of_scipy() -> None:
    k, n, _ = simulated(2)
    prior = fit_beta(k, n)
    posterior = stats.beta(k + prior.alpha, n - k + prior.beta)
    np.testing.assert_allclose(shrunken(k, n, prior), posterior.mean(), atol=1e-9)
    for ci in (0.5, 0.95):
        low, high = credible(k, n, prior, ci)
        np.testing.assert_allclose(low, posterior.ppf((1 - ci) / 2), atol=1e-9)
        np.testing.assert_allclose(high, posterior.ppf((1 + ci) / 2), atol=1e-9)


@pytest.mark.parametrize("seed", range(8))
def test_shrunken_rates_are_nearer_the_truth(seed: int) -> None:
    k, n, truth = simulated(seed)
    estimate = shrunken(k, n, fit_beta(k, n))
    assert np.mean((estimate - truth) ** 2) < np.mean((k / n - truth) ** 2)


def test_credible_intervals_cover_on_average() -> None:
    inside = []
    for seed in range(10):
        k, n, truth = simulated(seed)
        low, high = credible(k, n, fit_beta(k, n))
        inside.append((low <= truth) & (truth <= high))
    assert 0.935 <= np.mean(inside) <= 0.965


def test_rates_that_are_alike_count_as_one() -> None:
    k, n = [5] * 10, [100] * 10
    prior = fit_beta(k, n)
    assert prior.basis == "alike"
    assert prior.strength == pytest.approx(900)
    assert prior.mean == pytest.approx(0.05, rel=0.02)
    assert "no more than by chance" in prior.note
    low, high = credible(k, n, prior)
    pooled = stats.beta(50.5, 950.5)
    assert (low[0], high[0]) == pytest.approx(pooled.interval(0.95), rel=0.02)


def test_all_or_nothing_keeps_a_little_weight() -> None:
    prior = fit_beta([0, 10] * 10, [10] * 20)
    assert (prior.basis, prior.strength) == ("apart", pytest.approx(0.01))
    assert np.isfinite(credible([0, 5, 10], 10, prior)).all()
    rank, low, high = rank_intervals([0, 10] * 3, [10] * 6, prior)
    assert rank.tolist() == [4, 1, 5, 2, 6, 3]
    assert (low.tolist(), high.tolist()) == ([4, 1, 4, 1, 4, 1], [6, 3, 6, 3, 6, 3])


@pytest.mark.parametrize(
    ("k", "n", "alpha", "beta"),
    [
        ([], [], 0.5, 0.5),  # Jeffreys
        ([0, 3], [0, 0], 0.5, 0.5),
        ([4], [10], 0.5, 0.5),  # an item alone has no others
        ([3, 4], [1000, 900], 0.5, 118.375),  # half of both, 4 of 951
        ([0] * 300, [1000] * 300, 0.5, 299_000.5),
        ([1000] * 300, [1000] * 300, 299_000.5, 0.5),
        ([0, 1, 0, 0] * 5, [1] * 20, 0.5, 1.4047619),  # single trials know no spread
    ],
)
def test_too_little_to_fit(k: list[int], n: list[int], alpha: float, beta: float) -> None:
    prior = fit_beta(k, n)
    assert (prior.alpha, prior.beta) == pytest.approx((alpha, beta))
    assert (prior.basis, prior.n_items) == ("few", sum(one > 0 for one in n))
    assert f"{prior.n_items} item" in prior.note
    low, high = credible(k, n, prior)
    assert (low[np.array(n, dtype=bool)] <= high[np.array(n, dtype=bool)]).all()


def test_what_is_no_count_is_left_out() -> None:
    k, n, _ = simulated(4, 50)
    more = fit_beta([*k, 0, np.nan, 3, 8, -1], [*n, 0, 10, np.nan, 7, 5])
    assert more == fit_beta(k, n)
    missing = pd.Series([*k, None], dtype="Int64"), pd.Series([*n, 100], dtype="Int64")
    assert fit_beta(*missing) == more
    assert np.isnan(shrunken([np.nan, 3, 0], [5, 2, 0], more)).tolist() == [True, True, False]
    assert shrunken(0, 0, more) == pytest.approx(more.mean)
    assert np.isnan(credible([3], [2], more)).all()


@settings(max_examples=150, deadline=None)
@given(rows=items, chance=st.randoms(use_true_random=False))
def test_any_counts_give_a_prior_whatever_their_order(rows: list[tuple[int, int]], chance: Any) -> None:
    k, n = np.array([a for a, _ in rows]), np.array([a + b for a, b in rows])
    prior = fit_beta(k, n)
    assert min(prior.alpha, prior.beta) > 0
    assert np.isfinite([prior.strength, prior.log_likelihood]).all()
    assert "rates" in prior.note.lower()
    if prior.basis != "few":
        assert (n >= 2).sum() >= MIN_ITEMS
        assert 0.0099 < prior.strength < n.sum()
    mean, (low, high) = shrunken(k, n, prior), credible(k, n, prior)
    assert ((low >= 0) & (low <= mean) & (mean <= high) & (high <= 1)).all()
    order = chance.sample(range(len(rows)), len(rows))
    assert fit_beta(k[order], n[order]) == prior


@settings(max_examples=100, deadline=None)
@given(rows=items, chance=st.randoms(use_true_random=False), ci=st.floats(0.01, 0.999))
def test_ranks_lie_in_their_intervals_whatever_the_order(rows: list[tuple[int, int]], chance: Any, ci: float) -> None:
    k, n = np.array([a for a, _ in rows]), np.array([a + b for a, b in rows])
    prior = known(0.3, 4.0)
    rank, low, high = rank_intervals(k, n, prior, ci, draws=60)
    assert sorted(rank) == list(range(1, len(rows) + 1))
    assert ((low >= 1) & (low <= rank) & (rank <= high) & (high <= len(rows))).all()
    mean = shrunken(k, n, prior)
    assert (np.diff(mean[np.argsort(rank)]) <= 0).all()
    order = chance.sample(range(len(rows)), len(rows))
    again = rank_intervals(k[order], n[order], prior, ci, draws=60)
    before, after = np.stack([k, n, rank, low, high]), np.stack([k[order], n[order], *again])
    assert sorted(map(tuple, before.T)) == sorted(map(tuple, after.T))


def test_ranks_move_with_their_items() -> None:
    k, n, _ = simulated(6, 200)
    n += np.arange(200) * 5000  # no two alike
    prior = fit_beta(k, n)
    order = np.random.default_rng(0).permutation(200)
    got = np.stack(rank_intervals(k, n, prior))
    np.testing.assert_array_equal(np.stack(rank_intervals(k[order], n[order], prior)), got[:, order])
    np.testing.assert_array_equal(np.stack(rank_intervals(k, n, prior)), got)
    assert (np.stack(rank_intervals(k, n, prior, seed=1)) != got).any()


def test_of_equal_means_more_trials_then_the_first_come() -> None:
    prior = known(1.0, 9.0)
    rank, low, high = rank_intervals([1, 2, 1, 0, np.nan, 5], [10, 20, 10, 0, 10, 2], prior)
    np.testing.assert_array_equal(rank, [2, 1, 3, 4, np.nan, np.nan])
    assert np.isnan([low[4], high[5]]).all()
    assert [part.tolist() for part in rank_intervals([], [], prior)] == [[], [], []]
    assert [part.tolist() for part in rank_intervals([1], [9], prior, draws=1)] == [[1.0]] * 3


def test_certain_and_uncertain_ranks() -> None:
    prior = known(1.0, 20.0)
    rank, low, high = rank_intervals([9000, 5000, 100], [10_000] * 3, prior)
    assert rank.tolist() == low.tolist() == high.tolist() == [1, 2, 3]
    rank, low, high = rank_intervals([0] * 20, [0] * 20, prior)  # nothing known: any rank, and the own one
    assert rank.tolist() == list(range(1, 21))
    assert low.max() <= 20
    assert (high - low).min() >= 18


def test_draws_are_those_of_the_posterior() -> None:
    # Rank 1 of two: the chance that one Beta is above the other, by quadrature.
    prior, grid = known(0.02, 1.5), (np.arange(200_000) + 0.5) / 200_000
    first, second = stats.beta(3.02, 8.5), stats.beta(1.02, 4.5)
    chance = float((second.pdf(grid) * first.sf(grid)).mean())
    level = 1 - 2 * (1 - chance)
    _, _, wide = rank_intervals([3, 1], [10, 4], prior, ci=min(level + 0.04, 0.999), draws=20_000)
    _, _, narrow = rank_intervals([3, 1], [10, 4], prior, ci=level - 0.04, draws=20_000)
    assert (wide[0], narrow[0]) == (2, 1)


def test_rank_intervals_cover_the_true_ranks() -> None:
    inside = []
    for seed in range(6):
        k, n, truth = simulated(seed, 200)
        _, low, high = rank_intervals(k, n, known(*CTR), draws=1000)
        true = stats.rankdata(-truth)
        inside.append((low <= true) & (true <= high))
    assert 0.93 <= np.mean(inside) <= 0.975


def test_many_links_fit_into_memory() -> None:
    k, n, _ = simulated(8, 5000)
    tracemalloc.start()
    try:
        rank_intervals(k, n, known(*CTR))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 100e6
