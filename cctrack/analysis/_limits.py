"""Many campaigns beside each other: how far from the rate of all together chance alone would take each."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.analysis._intervals import wilson

Floats = npt.NDArray[np.float64]
LEVELS: Final = {"95": 0.95, "998": 0.998}
_TAIL: Final = 0.1  # of the scores at each end, which are drawn in before their spread is taken
_STEPS: Final = 50  # of halving


def limits(k: npt.ArrayLike, n: npt.ArrayLike, ci: float) -> tuple[pd.DataFrame, float]:
    """Give each campaign's rate with the limits of a statistical funnel plot.

    Parameters
    ----------
    k, n
        Responses and recipients, one of each a campaign.
    ci
        Confidence of the intervals of the rates; the limits are those of 95 and 99.8 %.

    Returns
    -------
    tuple
        The columns, and the factor of over-dispersion, 1 where campaigns differ no more than by chance.

    Notes
    -----
    Spiegelhalter, Statistics in Medicine 24 (2005) 1185-1202: exact binomial limits, interpolated between counts, at
    the recipients over the factor, which is the mean of the squared scores, 10 % of them at each end drawn in.
    """
    k, n = np.asarray(k, np.float64), np.asarray(n, np.float64)
    known = n > 0
    rate = np.divide(k, n, out=np.full(n.shape, np.nan), where=known)
    pooled = float(k[known].sum() / n[known].sum()) if known.any() else float("nan")
    factor = dispersion(k[known], n[known], pooled)
    low, high = wilson(k, n, ci)
    columns: dict[str, Any] = {"rate": rate, "rate_low": low, "rate_high": high, "pooled_rate": pooled}
    columns |= limits_at(pooled, n, factor)
    outside = np.full(n.shape, "inside", dtype=object)
    outside[~known] = None
    for name, level in LEVELS.items():
        outside[rate < columns[f"low_{name}"]] = f"below {100 * level:g} %"
        outside[rate > columns[f"high_{name}"]] = f"above {100 * level:g} %"
    return pd.DataFrame({**columns, "outside": pd.array(outside, dtype="string")}), factor


def dispersion(k: Floats, n: Floats, pooled: float) -> float:
    """Tell how many times the variance between campaigns is that of chance, at least 1."""
    if n.size < 2 or not 0 < pooled < 1:
        return 1.0
    scores = (k / n - pooled) / np.sqrt(pooled * (1 - pooled) / n)
    drawn_in = np.clip(scores, *np.quantile(scores, [_TAIL, 1 - _TAIL]))
    return max(1.0, float(np.mean(drawn_in**2)))


def limits_at(pooled: float, n: Floats, factor: float) -> dict[str, Floats]:
    """Give the limits for so many recipients: below and above each there is half of what its level leaves."""
    ends = {f"{side}_{name}": (1 - level) / 2 for name, level in LEVELS.items() for side in ("low", "high")}
    shares = {name: tail if name.startswith("low") else 1 - tail for name, tail in ends.items()}
    return {name: _quantile(pooled, n / factor, share) for name, share in shares.items()}


def _quantile(pooled: float, n: Floats, share: float) -> Floats:
    """Give the rate up to which there is this share of a binomial, its steps made smooth through their middles."""
    from scipy.special import betainc

    size = np.where(n > 0, n, 1.0)

    def below(rate: Floats) -> Floats:
        return 1 - np.asarray(betainc(size * rate + 0.5, size * (1 - rate) + 0.5, pooled), dtype=np.float64)

    low, high = np.zeros(n.shape), np.ones(n.shape)
    least, most = below(low) >= share, below(high) <= share
    for _ in range(_STEPS):
        middle = (low + high) / 2
        enough = below(middle) >= share
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    found = np.where(least, 0.0, np.where(most, 1.0, (low + high) / 2))
    return np.asarray(np.where((n > 0) & ~np.isnan(pooled), found, np.nan), dtype=np.float64)
