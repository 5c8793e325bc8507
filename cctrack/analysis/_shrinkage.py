"""What a rate of few trials is worth beside the other items: empirical-Bayes estimates and ranks."""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from cctrack.analysis._intervals import Floats, checked_ci, counts

MIN_ITEMS = 5  # two parameters from fewer items would be a guess
_LIGHTEST = 0.01  # trials; below, a posterior is all or nothing
_CELLS = 500_000  # draws held at once, 4 MB an array

Basis = Literal["fitted", "alike", "apart", "few"]


@dataclass(frozen=True)
class Prior:
    """How the true rates of items spread: a Beta distribution, and what it rests on.

    `alpha` and `beta` count as so many successes and failures that each item has beforehand. `n_items` had trials;
    `log_likelihood` is that of their counts. `basis` tells where the numbers come from: "fitted", the maximum of
    the likelihood; "alike", the rates differ no more than by chance, and the weight is held at its most; "apart",
    items are all or nothing, and the weight is held at its least; "few", too little to fit, a rule instead.
    """

    alpha: float
    beta: float
    n_items: int
    log_likelihood: float
    basis: Basis

    @property
    def strength(self) -> float:
        """The weight of the prior, in trials."""
        return self.alpha + self.beta

    @property
    def mean(self) -> float:
        """The rate of an item of which nothing is known."""
        return self.alpha / self.strength

    @property
    def note(self) -> str:
        """What was done, as a sentence for the reader of a table."""
        items = f"{self.n_items} item{'' if self.n_items == 1 else 's'}"
        why = {
            "fitted": f"fitted to {items} by maximum likelihood",
            "alike": f"the rates of {items} differ no more than by chance, so that it weighs as much as all others",
            "apart": f"{items} are nearly all or nothing, so that it has the least weight there is",
            "few": f"{items} with trials give too little to fit it, so that it weighs half an event of the rarer kind",
        }
        weight = f"{self.strength:,.0f}" if self.strength >= 100 else f"{self.strength:.3g}"
        return f"Rates are drawn towards {self.mean:.3g} by a prior that weighs {weight} (trials); {why[self.basis]}."


def fit_beta(successes: npt.ArrayLike, trials: npt.ArrayLike) -> Prior:
    """Fit the prior of a beta-binomial to the counts of items, one a link or contact.

    Parameters
    ----------
    successes, trials
        Counts, whole or effective ones; items without trials, with NaN or with impossible counts are left out.

    Returns
    -------
    Prior
        Always one; its `basis` and `note` tell when there was too little to fit. The order of items changes nothing.

    Notes
    -----
    Maximum likelihood of the beta-binomial (Skellam, J. R. Statist. Soc. B 10 (1948) 257-261; as an empirical-Bayes
    prior: Carlin and Louis, Bayes and Empirical Bayes Methods, 2000) over the logit of the mean and the
    logarithm of the weight. Rates that differ no more than by chance would give a prior of infinite weight; it
    is held at the trials that the other items have, (I-1)/I of all: their whole evidence if the rates are equal,
    and nothing that an item would count twice. With under 5 items of two trials or more, without any success or
    without any failure, the spread is unknown, and the prior is the mean of the others, (K(I-1)/I + 1/2) /
    (N(I-1)/I + 1), at the weight of half an event of the rarer kind; for one item or none that is Jeffreys' prior.
    """
    k, n, times = _tallied(successes, trials)
    items, events, total = int(times.sum()), float(times @ k), float(times @ n)
    others = (items - 1) / items if items else 0.0
    if times[n >= 2].sum() < MIN_ITEMS or events in (0.0, total):
        rate = (events * others + 0.5) / (total * others + 1)
        alpha, beta = 0.5 * rate / min(rate, 1 - rate), 0.5 * (1 - rate) / min(rate, 1 - rate)
        return Prior(alpha, beta, items, _log_likelihood(alpha, beta, k, n, times), "few")
    logit, weight = _maximum(k, n, times, heaviest=total * others)
    alpha, beta = weight / (1 + math.exp(-logit)), weight / (1 + math.exp(logit))
    basis: Basis = "fitted"
    if math.isclose(weight, total * others, rel_tol=1e-6):
        basis = "alike"
    elif math.isclose(weight, _LIGHTEST, rel_tol=1e-6):
        basis = "apart"
    return Prior(alpha, beta, items, _log_likelihood(alpha, beta, k, n, times), basis)


def shrunken(successes: npt.ArrayLike, trials: npt.ArrayLike, prior: Prior) -> Floats:
    """Give the posterior mean of each rate: the prior's without trials, NaN where the counts are impossible."""
    k, n = counts(successes, trials)
    return np.asarray((k + prior.alpha) / (n + prior.strength), dtype=np.float64)


def credible(successes: npt.ArrayLike, trials: npt.ArrayLike, prior: Prior, ci: float = 0.95) -> tuple[Floats, Floats]:
    """Give the equal-tailed posterior interval of each rate.

    It is widened to hold the posterior mean, which a very skew posterior (`alpha` far below 1) has outside. The
    prior counts as known, so that with few items the interval is somewhat short.
    """
    from scipy.stats import beta

    tail = (1 - checked_ci(ci)) / 2
    k, n = counts(successes, trials)
    mean = shrunken(k, n, prior)
    a, b = k + prior.alpha, n - k + prior.beta
    return np.minimum(beta.ppf(tail, a, b), mean), np.maximum(beta.isf(tail, a, b), mean)


def rank_intervals(
    successes: npt.ArrayLike,
    trials: npt.ArrayLike,
    prior: Prior,
    ci: float = 0.95,
    draws: int = 2000,
    seed: int = 0,
) -> tuple[Floats, Floats, Floats]:
    """Give the rank of each item by its posterior mean, and between which ranks it may well stand.

    Parameters
    ----------
    successes, trials
        Counts of the items, one-dimensional.
    prior
        What `fit_beta` gave.
    ci
        Coverage of the interval.
    draws, seed
        How many times the rates are drawn from their posteriors, and the seed of the draws.

    Returns
    -------
    tuple
        The rank, 1 the highest rate, and the lower and upper ends of its interval; NaN where counts are impossible.
        Of equal means the one of more trials is first, then the one that came first. The interval is widened
        to hold the rank: equal items share one place in the draws but not in the list.

    Notes
    -----
    The ranks of posterior draws: Laird and Louis, J. Educational Statistics 14 (1989) 29-46. The items are sorted by
    trials and successes before anything is drawn, so that an item has its draws wherever it stands in the input.
    """
    k, n = counts(successes, trials)
    known = np.flatnonzero(~np.isnan(n))
    known = known[np.lexsort((k[known], n[known]))]
    k, n, size = k[known], n[known], k.size
    best = np.lexsort((known, -n, -shrunken(k, n, prior)))
    rank = np.empty(known.size)
    rank[best] = np.arange(1, known.size + 1)
    low, high = _drawn_ranks(k + prior.alpha, n - k + prior.beta, checked_ci(ci), draws, np.random.default_rng(seed))
    result = np.full((3, size), np.nan)
    result[:, known] = rank, np.minimum(low, rank), np.maximum(high, rank)
    return result[0], result[1], result[2]


def _tallied(successes: npt.ArrayLike, trials: npt.ArrayLike) -> tuple[Floats, Floats, npt.NDArray[np.intp]]:
    """Give each different pair of counts and how many items have it, sorted, so that sums do not hang on the order."""
    k, n = counts(successes, trials)
    pairs, times = np.unique(np.stack([n[n > 0], k[n > 0]], axis=1), axis=0, return_counts=True)
    return pairs[:, 1], pairs[:, 0], times


def _log_likelihood(alpha: float, beta: float, k: Floats, n: Floats, times: npt.NDArray[np.intp]) -> float:
    from scipy.special import betaln

    ways = -np.log1p(n) - betaln(n - k + 1, k + 1)
    return float(times @ (ways + betaln(k + alpha, n - k + beta) - betaln(alpha, beta)))


def _maximum(k: Floats, n: Floats, times: npt.NDArray[np.intp], heaviest: float) -> tuple[float, float]:
    """Give the logit of the mean and the weight at which the likelihood is greatest."""
    from scipy.optimize import minimize
    from scipy.special import betaln, digamma

    def loss(at: Floats) -> tuple[float, Floats]:
        weight = math.exp(at[1])
        a, b = weight / (1 + math.exp(-at[0])), weight / (1 + math.exp(at[0]))
        value = times @ (betaln(k + a, n - k + b) - betaln(a, b))
        both = digamma(weight) - digamma(n + weight)
        by_a = times @ (digamma(k + a) - digamma(a) + both)
        by_b = times @ (digamma(n - k + b) - digamma(b) + both)
        return -float(value), -np.array([a * b / weight * (by_a - by_b), a * by_a + b * by_b])

    pooled = math.log((times @ k) / (times @ (n - k)))
    ends = math.log(_LIGHTEST), math.log(heaviest)
    # A coarse look along the weight first: the likelihood is flat far out, where a search would stop at once.
    start = min((np.array([pooled, weight]) for weight in np.linspace(*ends, 5)), key=lambda at: loss(at)[0])
    found = minimize(
        loss,
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=[(-35.0, 35.0), ends],
        options={"ftol": 1e-14, "gtol": 1e-9, "maxiter": 500},
    )
    return float(found.x[0]), math.exp(float(found.x[1]))


def _drawn_ranks(a: Floats, b: Floats, ci: float, draws: int, chance: np.random.Generator) -> tuple[Floats, Floats]:
    """Give the ends between which the ranks of posterior draws lie but for a tail on each side."""
    ranks = np.empty((a.size, draws), dtype=np.min_scalar_type(a.size))
    places = np.arange(1, a.size + 1, dtype=ranks.dtype)[np.newaxis]
    step = max(1, _CELLS // max(1, a.size))
    for start in range(0, draws, step):
        shape = (min(step, draws - start), a.size)
        # Logits of Beta draws rank as the draws do, and where alpha is small the draws themselves would vanish to 0:
        # Gamma(a) is Gamma(a + 1) * U^(1/a) (Marsaglia and Tsang, ACM TOMS 26 (2000) 363-372).
        logits = np.log(chance.standard_gamma(a + 1, shape) / chance.standard_gamma(b + 1, shape))
        logits += chance.standard_exponential(shape) / b - chance.standard_exponential(shape) / a
        placed = np.empty(shape, dtype=ranks.dtype)
        np.put_along_axis(placed, np.argsort(-logits, axis=1), places, axis=1)
        ranks[:, start : start + shape[0]] = placed.T
    out = min(round(draws * (1 - ci) / 2), (draws - 1) // 2)
    ranks.partition([out, draws - 1 - out], axis=1)
    return ranks[:, out].astype(np.float64), ranks[:, draws - 1 - out].astype(np.float64)
