"""What a young campaign shows of itself: most recipients never respond, the others after a delay of a known shape."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from cctrack.analysis._maturity import LEARNED, Ends
from cctrack.analysis._survival import Curve, Floats

Shape = Literal["log-normal", "log-logistic"]
LEAST_HOURS: Final = 24.0
LEAST_EVENTS: Final = 100
_SOON: Final = 1 / 3600  # hours; delays of less than a second are as good as that
_STEP: Final = 1e-4  # of the parameters, for derivatives
_UNSURE: Final = 2.0  # standard error on the logit scale from which a share is as good as unknown
# The model knows of no nights and weekends: of what is still to come this much is unsure, as a standard error; so much
# it was wrong in simulated accounts that have nights.
_NIGHTS: Final = 0.4
# The largest distance of the fit from what was seen, times the root of the number of responses; with a delay of the
# model's shape it is below 0.85 in 99 of 100 cases, the parameters being fitted.
_FAR: Final = 0.95
_MISFIT: Final = "the {{event}}s do not come in the shape of the cure model (its fit is {far:.1%} off)"
_NOT_YET: Final = "the curve does not bend enough yet to tell its end"


@dataclass(frozen=True)
class Cured:
    """A delay of some shape for a share of the recipients, and none for the others.

    Attributes
    ----------
    shape : str
        Of the delay.
    values : numpy.ndarray
        Logit of the share, mean of the log delay in hours, logarithm of its scale.
    covariance : numpy.ndarray
        Of these.
    seen : numpy.ndarray
        Hours for which each recipient has been followed.
    window : float
        Hours up to which responses count.
    ci : float
        Coverage of the intervals.

    Notes
    -----
    The split hazard of Bonfrer and Dreze, Marketing Science 28 (2009) 251-263.
    """

    shape: Shape
    values: Floats
    covariance: Floats
    seen: Floats
    window: float
    ci: float

    @cached_property
    def maturity(self) -> float:
        """Share of the final responses that has come."""
        parts = _delayed(self.shape, self.values, self.seen) / self._all
        return float(np.minimum(parts, 1).mean())

    @cached_property
    def uncertainty(self) -> float:
        """Variance of the logarithm of the final share: that of what has come is in it."""
        chance = 1 / (1 + np.exp(-self._logit(self.values, self.window)))
        return float(self._variance(self.window) * (1 - chance) ** 2)

    @property
    def horizon(self) -> float:
        """Hours up to which a curve is worth drawing."""
        return min(self.window, LEARNED)

    def share(self, hours: npt.ArrayLike) -> Ends:
        """Give the share that will have responded by some times; see `Ahead.share`."""
        from scipy.special import expit, ndtri

        times = np.minimum(np.asarray(hours, np.float64), self.window)
        middle = np.array([self._logit(self.values, one) for one in times])
        wide = ndtri((1 + self.ci) / 2) * np.sqrt([self._variance(one) for one in times])
        return expit(middle), expit(middle - wide), expit(middle + wide)

    def when(self, part: float) -> float:
        """Give the time by which a part of the final responses has come."""
        from scipy.special import logit, ndtri

        _, mean, scale = self.values
        quantile = (ndtri if self.shape == "log-normal" else logit)(part * self._all)
        return float(np.exp(mean + np.exp(scale) * quantile))

    @property
    def _all(self) -> float:
        """Share of the delays that the window lets through."""
        return float(_delayed(self.shape, self.values, np.array([self.window]))[0])

    def _logit(self, values: Floats, hours: float) -> float:
        from scipy.special import expit, logit

        return float(logit(expit(values[0]) * _delayed(self.shape, values, np.array([hours]))[0]))

    def _variance(self, hours: float) -> float:
        from scipy.special import expit

        slope = _slope(lambda values: self._logit(values, hours), self.values)
        now, then = _delayed(self.shape, self.values, np.array([min(float(np.median(self.seen)), hours), hours]))
        nights = _NIGHTS * (1 - now / then) / (1 - expit(self._logit(self.values, hours)))
        return float(slope @ self.covariance @ slope + nights**2)


def cured(after: Floats, seen: Floats, window: float, ci: float) -> Cured | str:
    """Fit the model by maximum likelihood, in the shape that fits better; or say why it cannot be.

    Parameters
    ----------
    after
        Hours to the response of each recipient, NaN where there is none.
    seen
        Hours for which each has been followed.
    window
        Hours up to which responses count; infinity where all do.
    ci
        Coverage of the intervals.
    """
    from scipy.optimize import minimize

    came = np.maximum(after[~np.isnan(after)], _SOON)
    silent, times = np.unique(np.round(seen[np.isnan(after)] * 60) / 60, return_counts=True)  # to the minute
    best: tuple[float, Shape, Floats] | None = None
    for shape in ("log-normal", "log-logistic"):
        fitness = _fitness(shape, came, silent, times)
        begin = np.array([0.0, np.log(np.median(came)) + 0.5, np.log(max(np.log(came).std(), 0.1))])
        begin[0] = np.log(len(came) / max(len(after) - len(came), 1)) + 0.3
        found = minimize(fitness, begin, method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-8, "maxiter": 2000})
        if found.success and (best is None or found.fun < best[0]):
            best = float(found.fun), shape, np.asarray(found.x, np.float64)
    if best is None:
        return _NOT_YET
    _, shape, values = best
    curvature = _curvature(_fitness(shape, came, silent, times), values)
    if not np.isfinite(curvature).all() or np.linalg.eigvalsh(curvature).min() <= 0:
        return _NOT_YET
    covariance = np.linalg.inv(curvature)
    if covariance[0, 0] >= _UNSURE**2:
        return _NOT_YET
    far = _distance(shape, values, Curve.of(after, seen))
    if far * np.sqrt(len(came)) > _FAR:
        return _MISFIT.format(far=far)
    return Cured(shape, values, np.asarray(covariance, np.float64), seen, window, ci)


def _distance(shape: Shape, values: Floats, curve: Curve) -> float:
    """Give how far the fit is from what was seen, of all that has been seen (Kolmogorov and Smirnov's distance)."""
    from scipy.special import expit

    fit = expit(values[0]) * _delayed(shape, values, np.maximum(curve.time, _SOON))
    before = np.concatenate([[0.0], curve.share[:-1]])
    return float(np.maximum(abs(fit - curve.share), abs(fit - before)).max() / curve.share[-1])


def _delayed(shape: Shape, values: Floats, hours: Floats) -> Floats:
    """Give the share of the delays up to some times."""
    from scipy.special import expit, ndtr

    with np.errstate(divide="ignore"):
        z = (np.log(hours) - values[1]) / np.exp(values[2])
    found: Floats = ndtr(z) if shape == "log-normal" else expit(z)
    return found


def _fitness(shape: Shape, came: Floats, silent: Floats, times: npt.NDArray[np.int64]) -> Callable[[Floats], float]:
    """Give the negative logarithm of the likelihood, as a function of the parameters."""
    from scipy.special import expit, log_expit

    logs = np.log(came)

    def fitness(values: Floats) -> float:
        share, mean, scale = values
        z = (logs - mean) / np.exp(scale)
        dense = -(z**2) / 2 - np.log(2 * np.pi) / 2 if shape == "log-normal" else log_expit(z) + log_expit(-z)
        still = np.log1p(-expit(share) * _delayed(shape, values, silent))
        found = len(came) * (log_expit(share) - scale) + dense.sum() - logs.sum() + (times * still).sum()
        return -float(found)

    return fitness


def _slope(function: Callable[[Floats], float], at: Floats) -> Floats:
    steps = _STEP * np.eye(len(at))
    return np.array([(function(at + one) - function(at - one)) / (2 * _STEP) for one in steps])


def _curvature(function: Callable[[Floats], float], at: Floats) -> Floats:
    """Give the second derivatives."""
    steps = 10 * _STEP * np.eye(len(at))
    rows = [_slope(function, at + one) - _slope(function, at - one) for one in steps]
    found = np.array(rows) / (20 * _STEP)
    return (found + found.T) / 2
