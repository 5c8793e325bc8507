"""The difference between two rates that a comparison of this size would have seen."""

from statistics import NormalDist

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
POWER = 0.8
_STEPS = 60  # of halving: to the last digit of a share


def detectable(
    rate: npt.ArrayLike,
    n1: npt.ArrayLike,
    n2: npt.ArrayLike,
    common: npt.ArrayLike = 0.0,
    phi: npt.ArrayLike = 0.0,
    alpha: npt.ArrayLike = 0.05,
    power: float = POWER,
) -> Floats:
    """Give the smallest difference of two rates that a two-sided score test would have found with this power.

    Parameters
    ----------
    rate
        That of the larger side; the other one differs towards one half.
    n1, n2
        Recipients of both sides.
    common
        Contacts that are on both.
    phi
        Correlation of both outcomes among these.
    alpha
        Size of the test.
    power
        Share of such comparisons that find it.

    Returns
    -------
    numpy.ndarray
        Absolute differences, from 0 to 1; NaN where not even the greatest one would be found.

    Notes
    -----
    The difference that is z(1 - alpha/2) standard errors under equal rates and z(power) under unequal ones. For
    different contacts: Fleiss, Levin and Paik, Statistical Methods for Rates and Proportions, 3rd ed. 2003, ch. 4; for
    the same ones: Connor, Biometrics 43 (1987) 207-211, the discordant share being that of the correlation.
    """
    given = (np.asarray(one, np.float64) for one in (rate, n1, n2, common, phi, alpha))
    p, n1, n2, m, phi, alpha = np.broadcast_arrays(*given)
    p = np.minimum(p, 1 - p)
    n1, n2 = (np.where((n1 > 0) & (n2 > 0), n, np.nan) for n in (n1, n2))
    large, small = np.maximum(n1, n2), np.minimum(n1, n2)
    z_size = np.array([-NormalDist().inv_cdf(one / 2) for one in alpha.flat]).reshape(alpha.shape)
    z_power = NormalDist().inv_cdf(power)

    def seen(gap: Floats) -> npt.NDArray[np.bool_]:
        q = p + gap
        covariance = phi * np.sqrt(np.maximum(p * (1 - p) * q * (1 - q), 0))
        covariance = np.clip(covariance, np.maximum(0, p + q - 1) - p * q, np.minimum(p, q) - p * q)
        pooled = (large * p + small * q) / (large + small)
        joint = covariance + (p - pooled) * (q - pooled)
        equal = pooled * (1 - pooled) * (1 / large + 1 / small) - 2 * m * joint / (large * small)
        unequal = p * (1 - p) / large + q * (1 - q) / small - 2 * m * covariance / (large * small)
        wanted = z_size * np.sqrt(np.maximum(equal, 0)) + z_power * np.sqrt(np.maximum(unequal, 0))
        return np.asarray(gap >= wanted, dtype=np.bool_)

    low, high = np.zeros(p.shape), 1 - p
    possible = seen(high)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        enough = seen(middle)
        low, high = np.where(enough, low, middle), np.where(enough, middle, high)
    return np.where(possible & ~np.isnan(small), high, np.nan)
