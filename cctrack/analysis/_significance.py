"""Tests that two rates are equal, and what many of them at once ask for."""

from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from cctrack.analysis._definitions import one_of
from cctrack.analysis._intervals import counts

Floats = npt.NDArray[np.float64]
Adjust = Literal["holm", "bh", "none"]
ADJUSTS: Final = {
    "holm": "Holm (1979): the chance of even one false difference in the family is held",
    "bh": "Benjamini and Hochberg (1995): the share of false ones among the differences found is held",
    "none": "Not adjusted: each pair as if it were the only one",
}


def score_p(
    k1: npt.ArrayLike, n1: npt.ArrayLike, k2: npt.ArrayLike, n2: npt.ArrayLike, joint: npt.ArrayLike = 0.0
) -> Floats:
    """Give the two-sided p value of the score test that two proportions are equal.

    Parameters
    ----------
    k1, n1, k2, n2
        Successes and trials.
    joint
        Where trials of both are of the same contacts: the sum over these of the products of both outcomes, each less
        the pooled rate; 0 for different ones.

    Returns
    -------
    numpy.ndarray
        From 0 to 1; 1 where nothing differs, NaN where one side has no trials.

    Notes
    -----
    The square of the statistic is Pearson's chi-squared without correction for different contacts, McNemar's for the
    same ones. Between them: Derrick, Dobson-McKittrick, Toher and White, J. Applied Quantitative Methods 10 (2015)
    1-14.
    """
    from scipy.special import ndtr

    (k1, n1), (k2, n2) = counts(k1, n1), counts(k2, n2)
    n1, n2 = np.where(n1 > 0, n1, np.nan), np.where(n2 > 0, n2, np.nan)
    pooled = (k1 + k2) / (n1 + n2)
    variance = pooled * (1 - pooled) * (1 / n1 + 1 / n2) - 2 * np.asarray(joint, np.float64) / (n1 * n2)
    gap = np.abs(k1 / n1 - k2 / n2)
    # No variance means that nobody differs, but for what rounding leaves.
    z = np.divide(gap, np.sqrt(np.maximum(variance, 0)), out=np.zeros(gap.shape), where=(variance > 1e-18) & (gap > 0))
    return np.where(np.isnan(gap), np.nan, np.minimum(2 * ndtr(-z), 1))


def conditional_mid_p(only_first: int, only_second: int, k1: int, n1: int, k2: int, n2: int) -> float:
    """Give the two-sided mid-p value of the exact test that two proportions of partly the same contacts are equal.

    Parameters
    ----------
    only_first, only_second
        Contacts with trials on both sides that succeeded on one alone.
    k1, n1, k2, n2
        Successes and trials of the other contacts.

    Returns
    -------
    float
        Twice the smaller tail, at most 1.

    Notes
    -----
    Given how many differ, it is chance which side they are on: a binomial for contacts that are on both, a
    hypergeometric for the others; the test is of their sum. Without others it is McNemar's, without contacts on both
    it is Fisher's, both as mid-p (Fagerland, Lydersen and Laake, BMC Medical Research Methodology 13 (2013) 91;
    Lydersen, Fagerland and Laake, Statistics in Medicine 28 (2009) 1159-1175).
    """
    from scipy.stats import binom, hypergeom

    differ, lowest = only_first + only_second, max(0, k1 + k2 - n2)
    of_both = binom.pmf(np.arange(differ + 1), differ, 0.5)
    of_others = np.ones(1)
    if n1 + n2:
        of_others = hypergeom.pmf(np.arange(lowest, min(k1 + k2, n1) + 1), n1 + n2, k1 + k2, n1)
    chance = np.convolve(of_both, of_others)
    seen = only_first + k1 - lowest
    half = chance[seen] / 2
    return float(min(1.0, 2 * (half + min(chance[:seen].sum(), chance[seen + 1 :].sum()))))


def adjusted(p: npt.ArrayLike, how: Adjust) -> Floats:
    """Adjust the p values of a family of tests; NaN are none of it."""
    given = np.asarray(p, np.float64)
    result = given.copy()
    known = np.flatnonzero(~np.isnan(given))
    if how == "none" or not known.size:
        return result
    if how == "bh":
        from scipy.stats import false_discovery_control

        result[known] = false_discovery_control(given[known])
        return result
    order = known[np.argsort(given[known], kind="stable")]
    steps = given[order] * np.arange(order.size, 0, -1)
    result[order] = np.minimum(np.maximum.accumulate(steps), 1)
    return result


def checked_adjust(adjust: object) -> None:
    """Raise ValueError when there is no such way to adjust."""
    one_of("adjust", adjust, ADJUSTS)
