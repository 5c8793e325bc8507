"""Two campaigns compared by the recipients they have in common: the difference, how sure it is, and what was missed."""

from typing import Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.analysis._intervals import few, mcnemar_mid_p, newcombe, overlapping_newcombe, paired_newcombe, paired_phi
from cctrack.analysis._pairs import Floats, Numbers, Pairs, share
from cctrack.analysis._power import detectable
from cctrack.analysis._significance import Adjust, adjusted, conditional_mid_p, score_p

Flags = npt.NDArray[np.bool_]
Method = Literal["paired", "unpaired", "overlapping"]
SAME: Final = 0.90  # share of common contacts from which two campaigns went to the same ones: the others are left out
DIFFERENT: Final = 0.01  # up to which they went to different ones: the variance is less than 2 % off
DRAWS: Final = 1000
FEW: Final = 5  # the usual bound for expected counts
_SEED: Final = 0
_OTHER_WAY: Final = [2, 3, 0, 1, 4, 6, 5, 7]  # the kinds of contacts, when b is named first


def methods(pairs: Pairs, ends: bool) -> "npt.NDArray[np.object_]":
    """Choose how to compare: "paired", "unpaired" or "overlapping".

    Parameters
    ----------
    pairs
        The campaigns.
    ends
        Whether contacts that respond get no later mail: then common ones are those who did not, and nothing is paired.
    """
    found = np.full(pairs.n_a.shape, "unpaired", dtype=object)
    if not ends:
        found[pairs.overlap > DIFFERENT] = "overlapping"
        found[pairs.overlap >= SAME] = "paired"
    return found


def differences(pairs: Pairs, ends: bool, ci: float, adjust: Adjust) -> pd.DataFrame:
    """Compare campaigns; one row is one pair.

    Parameters
    ----------
    pairs
        The campaigns.
    ends
        See `methods`.
    ci, adjust
        Confidence of the intervals, and how p values allow for the number of pairs.
    """
    method = methods(pairs, ends)
    apart = np.asarray(method == "unpaired", dtype=np.bool_)
    used = pairs.paired_where(np.asarray(method == "paired", dtype=np.bool_))
    rate_a, rate_b = share(used.k_a, used.n_a), share(used.k_b, used.n_b)
    low, high = _interval(used, method, ci)
    p = _p(used, method)
    alpha = (1 - ci) / (1 if adjust == "none" else max(int((~np.isnan(p)).sum()), 1))
    shared, phi = np.where(apart, 0, used.common), np.where(apart, 0.0, _phi(used))
    table = {
        "n_a": used.n_a, "n_b": used.n_b, "overlap": pairs.overlap, "rate_a": rate_a, "rate_b": rate_b,
        "diff": rate_a - rate_b, "diff_low": low, "diff_high": high,
        "method": method, "p": p, "p_adj": adjusted(p, adjust),
        "detectable_diff": detectable(_pooled(used), used.n_a, used.n_b, shared, phi, alpha),
        "k_a": used.k_a, "k_b": used.k_b, "n_common": pairs.common,
        "n_both": pairs.both, "only_a": pairs.only_a, "only_b": pairs.only_b,
    }  # fmt: skip
    return pd.DataFrame({**table, **_of_common(pairs, apart, ci)})


def _of_common(pairs: Pairs, apart: Flags, ci: float) -> dict[str, Floats]:
    """Give the difference among common contacts, where there are enough to speak of."""
    ends = paired_newcombe(pairs.both, pairs.only_a, pairs.only_b, pairs.neither, ci)
    found = {"diff_common": share(pairs.only_a - pairs.only_b, pairs.common)}
    found |= {"diff_common_low": ends[0], "diff_common_high": ends[1]}
    return {name: np.where(apart, np.nan, values) for name, values in found.items()}


def _pooled(pairs: Pairs) -> Floats:
    return share(pairs.k_a + pairs.k_b, np.where((pairs.n_a > 0) & (pairs.n_b > 0), pairs.n_a + pairs.n_b, 0))


def _phi(pairs: Pairs) -> Floats:
    return paired_phi(pairs.both, pairs.only_a, pairs.only_b, pairs.neither)


def _interval(used: Pairs, method: "npt.NDArray[np.object_]", ci: float) -> tuple[Floats, Floats]:
    """Give the ends of the difference: by Newcombe, and from draws of contacts where some are the same.

    Draws hardly vary where few responded: there Newcombe's limits are joined through the correlation of the rates.
    """
    sides = used.k_a, used.n_a, used.k_b, used.n_b
    weight = used.common / np.sqrt(np.maximum(used.n_a * used.n_b, 1).astype(np.float64))
    ways = {
        "unpaired": newcombe(*sides, ci),
        "paired": paired_newcombe(used.both, used.only_a, used.only_b, used.neither, ci),
        "overlapping": overlapping_newcombe(*sides, _phi(used) * weight, ci),
    }
    low, high = (
        np.select([method == name for name in ways], [ends[side] for ends in ways.values()]) for side in (0, 1)
    )
    enough = ~few(used.k_a, used.n_a) & ~few(used.k_b, used.n_b)
    kinds = used.kinds
    for place in np.flatnonzero((method == "overlapping") & enough):
        low[place], high[place] = drawn_interval(kinds[place], ci)
    return low, high


def drawn_interval(kinds: Numbers, ci: float) -> tuple[float, float]:
    """Give the percentile interval of the difference over draws of contacts, each with all that it got and did.

    To draw contacts is to draw how many there are of each kind, a multinomial. Whichever campaign is named first, and
    whatever else is compared, the draws are the same.
    """
    turned = kinds[_OTHER_WAY]
    first, sign = (kinds, 1.0) if tuple(kinds) <= tuple(turned) else (turned, -1.0)
    drawn = np.random.default_rng(_SEED).multinomial(first.sum(), first / first.sum(), size=DRAWS)
    yes_a, no_a, yes_b, no_b, both, only_a, only_b, neither = drawn.T
    common = both + only_a + only_b + neither
    rate_a = share(yes_a + both + only_a, yes_a + no_a + common)
    rate_b = share(yes_b + both + only_b, yes_b + no_b + common)
    low, high = np.nanquantile(sign * (rate_a - rate_b), [(1 - ci) / 2, (1 + ci) / 2])
    return float(low), float(high)


def _p(used: Pairs, method: "npt.NDArray[np.object_]") -> Floats:
    """Give p values: of the score test, of McNemar's for the same contacts, exact ones where few are expected."""
    pooled = _pooled(used)
    responses = 2 * used.both + used.only_a + used.only_b
    joint = used.both - pooled * responses + pooled**2 * used.common
    p = score_p(used.k_a, used.n_a, used.k_b, used.n_b, np.where(method == "overlapping", joint, 0.0))
    same = method == "paired"
    p[same] = np.where(used.common > 0, mcnemar_mid_p(used.only_a, used.only_b), np.nan)[same]
    rare = np.minimum(pooled, 1 - pooled) * np.minimum(used.n_a, used.n_b) < FEW
    for place in np.flatnonzero(rare & ~same & ~np.isnan(p)):
        if method[place] == "unpaired":
            p[place] = conditional_mid_p(0, 0, *(int(one[place]) for one in (used.k_a, used.n_a, used.k_b, used.n_b)))
            continue
        yes_a, no_a, yes_b, no_b, _, only_a, only_b, _ = used.kinds[place].tolist()
        p[place] = conditional_mid_p(only_a, only_b, yes_a, yes_a + no_a, yes_b, yes_b + no_b)
    return p
