"""The share that has responded by a time since the send, when some have been followed for less long than others."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cctrack.analysis._intervals import wilson

Floats = npt.NDArray[np.float64]
_SLACK = 1e-12  # relative; what divisions leave between two equal shares


@dataclass(frozen=True)
class Curve:
    """A cumulative share that rises at the times of responses: the estimate of Kaplan and Meier.

    Attributes
    ----------
    time : numpy.ndarray
        Different times of responses, in order.
    share : numpy.ndarray
        From each of them on.
    spread : numpy.ndarray
        Greenwood's sum up to each: the variance of the share over the square of what is left.
    ends : numpy.ndarray
        When each recipient responded or was last followed, in order.
    """

    time: Floats
    share: Floats
    spread: Floats
    ends: Floats

    @classmethod
    def of(cls, after: Floats, seen: Floats) -> "Curve":
        """Estimate it.

        Parameters
        ----------
        after
            Time of the response, NaN where there is none.
        seen
            How long each was followed; one that responds just then still does.
        """
        ends = np.sort(np.where(np.isnan(after), seen, after))
        time, came = np.unique(after[~np.isnan(after)], return_counts=True)
        there = len(ends) - np.searchsorted(ends, time, side="left")
        left = there - came
        with np.errstate(divide="ignore"):
            spread: Floats = np.cumsum(came / (there * left.astype(np.float64)))
        return cls(time, np.asarray(1 - np.cumprod(left / there), np.float64), spread, ends)

    def at(self, hours: npt.ArrayLike) -> Floats:
        """Give the share that has responded by some times."""
        return self._of(self.share, np.asarray(hours, np.float64))

    def there(self, hours: npt.ArrayLike) -> npt.NDArray[np.int64]:
        """Give how many have neither responded before some times nor ceased to be followed."""
        gone: npt.NDArray[np.int64] = np.searchsorted(self.ends, np.asarray(hours, np.float64), side="left")
        return len(self.ends) - gone

    def interval(self, hours: npt.ArrayLike, ci: float) -> tuple[Floats, Floats]:
        """Give the interval of the share at some times.

        Notes
        -----
        Wilson's, for as many recipients as would give Greenwood's variance had all been followed to the time
        (Rothman, Journal of Chronic Diseases 31 (1978) 557-560); when they all have, it is Wilson's of the count.
        """
        share = self.at(hours)
        before = self.there(hours).astype(np.float64)
        known = self._of(self._effective, np.asarray(hours, np.float64))
        effective = np.where(share > 0, known, before)
        return wilson(share * effective, effective, ci)

    @property
    def _effective(self) -> Floats:
        """How many recipients would give the variance from each time on; where all have responded, as before it."""
        inner = (self.share < 1) & (self.share > 0)
        odds = np.divide(self.share, 1 - self.share, out=np.full(len(self.share), np.nan), where=inner)
        effective: Floats = np.divide(odds, self.spread, out=odds.copy(), where=inner)
        if len(effective) and not inner[-1]:
            effective[-1] = effective[-2] if len(effective) > 1 else self.there(self.time[0])
        return effective

    def when(self, share: float) -> float:
        """Give the time by which a share has responded, NaN where it has not."""
        place = int(np.searchsorted(self.share, share * (1 - _SLACK), side="left"))
        return float(self.time[place]) if place < len(self.time) else np.nan

    def _of(self, values: Floats, hours: Floats) -> Floats:
        return np.concatenate([[0.0], values])[np.searchsorted(self.time, hours, side="right")]


@dataclass(frozen=True)
class Completion:
    """How much of all responses has come by a time: learned from responses alone, whatever share they are.

    Attributes
    ----------
    time : numpy.ndarray
        Different times of responses, in order.
    share : numpy.ndarray
        Of all responses up to the horizon, from each time on.
    horizon : float
        How far the responses have been followed: what comes later is not known.
    """

    time: Floats
    share: Floats
    horizon: float

    @classmethod
    def of(cls, after: Floats, seen: Floats) -> "Completion":
        """Estimate it.

        Parameters
        ----------
        after, seen
            Of each response its time, and how long its recipient was followed.

        Notes
        -----
        A response is only known when its recipient was followed for long enough (it is truncated from the right).
        So the curve is built from its end: of the responses up to a time, of recipients followed for that long, the
        share that did not come just then (Lagakos, Barraj and De Gruttola, Biometrika 75 (1988) 515-523), which are
        the development factors of actuaries. It ends where half of the responses are followed: beyond, a few old
        campaigns alone would bend it.
        """
        horizon = float(np.quantile(seen, 0.5, method="lower"))
        time, came = np.unique(after[after <= horizon], return_counts=True)
        sooner = np.searchsorted(np.sort(after), time, side="right")
        gone = np.searchsorted(np.sort(seen), time, side="left")
        later = 1 - came / (sooner - gone)
        share = np.concatenate([np.cumprod(later[:0:-1])[::-1], [1.0]]) if len(time) else np.ones(0)
        return cls(time, share, horizon)

    def at(self, hours: npt.ArrayLike) -> Floats:
        """Give the share that has come by some times."""
        hours = np.asarray(hours, np.float64)
        found = np.concatenate([[0.0], self.share])[np.searchsorted(self.time, hours, side="right")]
        return np.where(hours >= self.horizon, 1.0, found)

    def when(self, share: float) -> float:
        """Give the time by which a share has come."""
        place = int(np.searchsorted(self.share, share * (1 - _SLACK), side="left"))
        return float(self.time[place]) if place < len(self.time) else self.horizon

    def until(self, share: float) -> float:
        """Give the time up to which no more than a share has come."""
        place = int(np.searchsorted(self.share, share * (1 + _SLACK), side="right"))
        return float(self.time[place]) if place < len(self.time) else self.horizon
