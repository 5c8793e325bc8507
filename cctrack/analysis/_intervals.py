"""How sure a rate is: intervals and a test for shares of counts, of one group or of two."""

import math
from numbers import Real
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

_FEW = 5.0  # the usual bound for expected counts


def checked_ci(ci: object) -> float:
    """Give the coverage of an interval as a float, if it is one.

    Raises
    ------
    TypeError
        When it is no number.
    ValueError
        When it is not between 0 and 1.
    """
    if isinstance(ci, (bool, np.bool_)) or not isinstance(ci, Real):
        raise TypeError(f"ci must be a number between 0 and 1, such as 0.95, not {type(ci).__name__}")
    coverage = float(ci)
    if not 0 < coverage < 1:
        raise ValueError(f"ci={ci} is no probability; give 0.95 for a 95 % interval")
    return coverage


def counts(successes: npt.ArrayLike, trials: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Give both as floats of one shape, NaN where they cannot be counts: negative, infinite, more successes."""
    k, n = np.broadcast_arrays(np.asarray(successes, np.float64), np.asarray(trials, np.float64))
    possible = (k >= 0) & (k <= n) & (n < math.inf)
    return np.where(possible, k, np.nan), np.where(possible, n, np.nan)


def wilson(successes: npt.ArrayLike, trials: npt.ArrayLike, ci: float = 0.95) -> tuple[Floats, Floats]:
    """Give the Wilson score interval of a proportion.

    Parameters
    ----------
    successes, trials
        Counts, whole or effective ones; they broadcast.
    ci
        Coverage of the interval.

    Returns
    -------
    tuple
        The lower and the upper ends, shares from 0 to 1; exactly 0 without a success, exactly 1 without a failure;
        NaN where there are no trials or the counts are impossible.

    Notes
    -----
    Wilson, JASA 22 (1927) 209-212. It covers `ci` on average over the true rates, not at each one (Brown, Cai and
    DasGupta, Statistical Science 16 (2001) 101-133).
    """
    z = _z(ci)
    k, n = counts(successes, trials)
    n = np.where(n > 0, n, np.nan)
    rate = k / n
    upper = k + z * z / 2 + z * np.sqrt(rate * (n - k) + z * z / 4)
    high = np.where(k == n, 1.0, np.clip(upper / (n + z * z), rate, 1))
    # The ends are the roots of a quadratic: their product gives the lower one without a difference of near equals.
    low = np.minimum(rate * k / np.maximum(upper, np.finfo(np.float64).tiny), rate)
    return np.where(np.isnan(rate), np.nan, low), np.where(np.isnan(rate), np.nan, high)


def few(successes: npt.ArrayLike, trials: npt.ArrayLike) -> Flags:
    """Tell where fewer than 5 successes or failures are expected at the observed rate, or nothing is known."""
    k, n = counts(successes, trials)
    return np.asarray(~(np.minimum(k, n - k) >= _FEW), dtype=np.bool_)


def design_effect(
    k: npt.ArrayLike,
    n: npt.ArrayLike,
    sum_k2: npt.ArrayLike,
    sum_kn: npt.ArrayLike,
    sum_n2: npt.ArrayLike,
    clusters: npt.ArrayLike,
) -> Floats:
    """Tell how many times the variance of a rate is that of as many independent trials.

    Parameters
    ----------
    k, n
        Successes and trials, summed over the clusters: contacts, of which one has several trials.
    sum_k2, sum_kn, sum_n2
        Sums over the clusters of the squares and the product of their own successes and trials.
    clusters
        Clusters with at least one trial.

    Returns
    -------
    numpy.ndarray
        The design effect, at least 1: rather no gain from clusters that differ less than by chance. Exactly that
        where there is nothing to tell: under two clusters, no success or no failure.

    Notes
    -----
    The variance of the ratio k/n of two sums over C clusters, linearised, is C/(C-1) * sum((k_i - k/n * n_i)^2) / n^2
    (Cochran, Sampling Techniques, 3rd ed. 1977, ch. 6; it is the cluster-robust variance of a mean). It is divided
    by p(1-p)/(n-1), which a simple random sample would have (Kish, Survey Sampling, 1965), so that clusters of one
    trial each give 1.
    """
    k, n, kk, kn, nn, c = (np.asarray(one, np.float64) for one in (k, n, sum_k2, sum_kn, sum_n2, clusters))
    rate = np.divide(k, n, out=np.full(np.broadcast(k, n).shape, np.nan), where=n > 0)
    squares = c * (kk - 2 * rate * kn + rate * rate * nn) * (n - 1)
    chance = (c - 1) * k * (n - k)
    squares, chance = np.broadcast_arrays(squares, chance)
    effect = np.divide(squares, chance, out=np.ones(chance.shape), where=chance > 0)
    return np.asarray(np.fmax(effect, 1.0), dtype=np.float64)


def clustered(k: npt.ArrayLike, n: npt.ArrayLike, deff: npt.ArrayLike, ci: float = 0.95) -> tuple[Floats, Floats]:
    """Give the Wilson interval at the effective number of trials, `n` over the design effect.

    Notes
    -----
    Korn and Graubard, Survey Methodology 24 (1998) 193-201, for the effective sample size; with Wilson's interval:
    Franco, Little, Louis and Slud, J. Survey Statistics and Methodology 7 (2019) 334-364.
    """
    effect = np.asarray(deff, np.float64)
    return wilson(np.asarray(k, np.float64) / effect, np.asarray(n, np.float64) / effect, ci)


def newcombe(
    k1: npt.ArrayLike, n1: npt.ArrayLike, k2: npt.ArrayLike, n2: npt.ArrayLike, ci: float = 0.95
) -> tuple[Floats, Floats]:
    """Give the hybrid score interval of the first proportion less the second, of different recipients.

    Notes
    -----
    Newcombe, Statistics in Medicine 17 (1998) 873-890, method 10. NaN where one side has no trials.
    """
    return _difference(k1, n1, k2, n2, np.float64(0), ci)


def paired_newcombe(
    a: npt.ArrayLike, b: npt.ArrayLike, c: npt.ArrayLike, d: npt.ArrayLike, ci: float = 0.95
) -> tuple[Floats, Floats]:
    """Give the hybrid score interval of the first proportion less the second, of the same recipients.

    Parameters
    ----------
    a, b, c, d
        Recipients with both successes, the first alone, the second alone, and neither.
    ci
        Coverage of the interval.

    Returns
    -------
    tuple
        The lower and the upper ends of (b - c) / (a + b + c + d); NaN without recipients.

    Notes
    -----
    Newcombe, Statistics in Medicine 17 (1998) 2635-2650, method 10: the limits of each proportion joined through the
    correlation phi, of which a positive numerator is lessened by n/2, as a correction for continuity.
    """
    a, b, c, d = np.broadcast_arrays(*(np.asarray(one, np.float64) for one in (a, b, c, d)))
    n = np.where(np.minimum(np.minimum(a, b), np.minimum(c, d)) >= 0, a + b + c + d, np.nan)
    phi = paired_phi(a, b, c, d)
    return _difference(a + b, n, a + c, n, phi, ci)


def paired_phi(a: npt.ArrayLike, b: npt.ArrayLike, c: npt.ArrayLike, d: npt.ArrayLike) -> Floats:
    """Give the correlation of two outcomes of the same recipients, as `paired_newcombe` takes it.

    A positive numerator is lessened by n/2; 0 where one outcome is all successes or all failures.
    """
    a, b, c, d = np.broadcast_arrays(*(np.asarray(one, np.float64) for one in (a, b, c, d)))
    excess = a * d - b * c
    excess = np.where(excess > 0, np.maximum(excess - (a + b + c + d) / 2, 0), excess)
    margins = np.sqrt(np.maximum((a + b) * (c + d), 0)) * np.sqrt(np.maximum((a + c) * (b + d), 0))
    phi: Floats = np.divide(excess, margins, out=np.zeros(margins.shape), where=margins > 0)
    return phi


def overlapping_newcombe(
    k1: npt.ArrayLike,
    n1: npt.ArrayLike,
    k2: npt.ArrayLike,
    n2: npt.ArrayLike,
    correlation: npt.ArrayLike,
    ci: float = 0.95,
) -> tuple[Floats, Floats]:
    """Give the hybrid score interval of the first proportion less the second, of recipients some of whom are the same.

    Parameters
    ----------
    k1, n1, k2, n2
        Successes and trials.
    correlation
        Of the two rates: that of the outcomes of the same recipients times their number / sqrt(n1 * n2).
    ci
        Coverage of the interval.

    Notes
    -----
    Newcombe's method with correlated estimates: Zou and Donner, Statistics in Medicine 27 (2008) 1693-1702.
    """
    return _difference(k1, n1, k2, n2, np.asarray(correlation, np.float64), ci)


def mcnemar_mid_p(b: npt.ArrayLike, c: npt.ArrayLike) -> Floats:
    """Give the two-sided mid-p value of McNemar's test that both proportions of the same recipients are equal.

    Parameters
    ----------
    b, c
        Recipients with the first success alone and with the second alone; whole counts.

    Returns
    -------
    numpy.ndarray
        From 0 to 1; 1 where nobody differs, NaN where a count is none.

    Notes
    -----
    The exact p value less the probability of what was seen: Fagerland, Lydersen and Laake, BMC Medical Research
    Methodology 13 (2013) 91.
    """
    from scipy.stats import binom

    first, second = np.broadcast_arrays(np.asarray(b, np.float64), np.asarray(c, np.float64))
    less, both = np.minimum(first, second), first + second
    p = 2 * binom.cdf(less, both, 0.5) - binom.pmf(less, both, 0.5)
    return np.where(less >= 0, np.clip(p, 0, 1), np.nan)


def _z(ci: float) -> float:
    return -NormalDist().inv_cdf((1 - checked_ci(ci)) / 2)


def _difference(
    k1: npt.ArrayLike, n1: npt.ArrayLike, k2: npt.ArrayLike, n2: npt.ArrayLike, phi: Floats | np.float64, ci: float
) -> tuple[Floats, Floats]:
    """Join the Wilson limits of two proportions of correlation `phi` to those of their difference."""
    (low1, high1), (low2, high2) = wilson(k1, n1, ci), wilson(k2, n2, ci)
    (k1, n1), (k2, n2) = counts(k1, n1), counts(k2, n2)
    # Where there are no trials the limits are NaN already; 1 only keeps the division quiet.
    rate1, rate2 = k1 / np.where(n1 > 0, n1, 1), k2 / np.where(n2 > 0, n2, 1)
    down1, up1, down2, up2 = rate1 - low1, high1 - rate1, rate2 - low2, high2 - rate2
    below = np.sqrt(down1**2 - 2 * phi * down1 * up2 + up2**2)
    above = np.sqrt(up1**2 - 2 * phi * up1 * down2 + down2**2)
    low, high = np.clip(rate1 - rate2 - below, -1, 1), np.clip(rate1 - rate2 + above, -1, 1)
    return np.asarray(low, np.float64), np.asarray(high, np.float64)
