"""How much of its responses a young campaign has had by now: learned from the account's own older ones."""

from dataclasses import dataclass
from functools import cached_property
from typing import Final, Protocol

import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.analysis._followed import AFTER, SEEN
from cctrack.analysis._intervals import clustered
from cctrack.analysis._survival import Completion, Floats

LEARNED: Final = 14 * 24.0  # hours after which a campaign teaches, where no window says so
FEW: Final = 20  # responses
YOUNG: Final = 0.2  # maturity below which the curve tells nothing
# How much quicker or slower one campaign is answered than another, on the scale of log time: what is taken for it as
# far as the older campaigns are too few to show it.
_SHIFT: Final = 0.25
Ends = tuple[Floats, Floats, Floats]


class Ahead(Protocol):
    """What is expected of a campaign."""

    @property
    def maturity(self) -> float:
        """Share of the final responses that has come."""

    @property
    def uncertainty(self) -> float:
        """Variance of the logarithm of the maturity."""

    @property
    def horizon(self) -> float:
        """Hours up to which something is expected."""

    def share(self, hours: npt.ArrayLike) -> Ends:
        """Give the share that will have responded by some times, infinity among them, with its interval."""

    def when(self, part: float) -> float:
        """Give the time by which a part of the final responses has come."""


@dataclass(frozen=True)
class Older:
    """What the older campaigns teach.

    Attributes
    ----------
    completion : Completion
        Their curve.
    campaigns : list of numpy.ndarray
        Times of the responses to each, in order.
    least : float
        Hours for which they have been followed at least.
    """

    completion: Completion
    campaigns: list[Floats]
    least: float

    @classmethod
    def of(cls, rows: pd.DataFrame, least: float) -> "Older | str":
        """Learn from the campaigns of which half of the recipients have been followed for long; or say why not.

        Parameters
        ----------
        rows
            Of all recipients, as `followed` gives them.
        least
            Hours that are long.
        """
        ages = rows.groupby("campaign_id")[SEEN].transform("median")
        older = rows[(ages >= least).to_numpy()]
        if not len(older):
            return f"no campaign older than {length(least)} to learn from"
        came = older[older[AFTER].notna()]
        if len(came) < FEW:
            return f"fewer than {FEW} {{event}}s of campaigns older than {length(least)} to learn from"
        times = [np.sort(one.to_numpy(dtype=np.float64)) for _, one in came.groupby("campaign_id")[AFTER]]
        curve = Completion.of(came[AFTER].to_numpy(dtype=np.float64), came[SEEN].to_numpy(dtype=np.float64))
        return cls(curve, times, least)

    def variance(self, now: float, then: float) -> float:
        """Give the variance of the logarithm of what a further campaign has had `now`, of what it will have `then`.

        Notes
        -----
        Between campaigns: by moments (DerSimonian and Laird, Controlled Clinical Trials 7 (1986) 177-188), drawn
        towards what `_SHIFT` makes of the curve, by the variance of either. To it comes that of the curve itself.
        """
        then = min(then, self.completion.horizon)
        if now >= then:
            return 0.0
        least = min(then, self.least)
        had = np.array([np.searchsorted(one, now, side="right") for one in self.campaigns], dtype=np.float64)
        of = np.array([np.searchsorted(one, least, side="right") for one in self.campaigns], dtype=np.float64)
        part = float(self._ratio(now, then, 0.0))
        total = float(sum(of))
        chance = (1 - part) / (part * max(total, 1.0))
        guess = self._guess(now, least)
        between = self._between(np.minimum(had, of)[of > 0], of[of > 0], guess)
        if guess > 0:
            between *= self._guess(now, then) / guess  # from there on no campaign has a curve of its own
        return chance + between * (1 + float((of**2).sum()) / max(total, 1.0) ** 2)

    def _guess(self, now: float, then: float) -> float:
        """Give the variance that a shift of the curve in time makes."""
        ends = [np.log(self._ratio(now, then, by)) for by in (-_SHIFT, _SHIFT)]
        return float(((ends[1] - ends[0]) / 2) ** 2)

    def _ratio(self, now: float, then: float, by: float) -> float:
        """Give the part that has come by `now` when all goes that much slower, at least what one response makes."""
        first, last = self.completion.at(np.array([now, then]) * np.exp(by))
        least = 1 / max(len(self.completion.time), 1)
        return float(min(max(first, least) / max(last, least), 1.0))

    @staticmethod
    def _between(had: Floats, of: Floats, guess: float) -> float:
        """Give the variance between campaigns: of the logarithm of the part that each has had."""
        total = of.sum()
        size = total - (of**2).sum() / total if total else 0.0
        part = had.sum() / total if total else 0.0
        if len(of) < 2 or not 0 < part < 1 or guess <= 0:
            return guess
        free = len(of) - 1
        squares = float((((had - of * part) ** 2) / (of * part * (1 - part))).sum())
        unit = (1 - part) / (part * size)
        found = unit * (squares - free)
        alone = (1 - part) / (part * of.mean())
        unsure = unit**2 * 2 * free * (1 + guess / alone) ** 2
        weight = guess**2 / (guess**2 + unsure)
        return float(max(0.0, (1 - weight) * guess + weight * found))


@dataclass(frozen=True)
class Completed:
    """What is expected by completion: what has come, divided by the part that has come of others by then.

    Attributes
    ----------
    older : Older
        The others.
    responded, n : int
        Responses, and recipients.
    seen : numpy.ndarray
        Hours for which each recipient has been followed.
    ci : float
        Coverage of the intervals.
    """

    older: Older
    responded: int
    n: int
    seen: Floats
    ci: float

    @cached_property
    def maturity(self) -> float:
        """Share of the final responses that has come."""
        return float(self.older.completion.at(np.sort(self.seen)).mean())  # to the last digit, whatever the order

    @cached_property
    def uncertainty(self) -> float:
        """Variance of the logarithm of the maturity."""
        return self.older.variance(self._now, np.inf)

    @property
    def horizon(self) -> float:
        """Hours up to which the others have been followed."""
        return self.older.completion.horizon

    def share(self, hours: npt.ArrayLike) -> Ends:
        """Give the share that will have responded by some times; see `Ahead.share`.

        Notes
        -----
        The interval is Wilson's of what has come, at as many fewer recipients as the maturity is unsure, divided by
        the maturity.
        """
        hours = np.asarray(hours, np.float64)
        part = self.older.completion.at(hours) / self.maturity
        unsure = np.array([self.older.variance(self._now, then) for then in hours])
        rate = self.responded / self.n
        effect = 1 + unsure * self.responded / max(1 - rate, 1 / (self.n + 1))
        low, high = clustered(self.responded, self.n, effect, self.ci)
        return np.minimum(rate * part, 1), np.minimum(low * part, 1), np.minimum(high * part, 1)

    def when(self, part: float) -> float:
        """Give the time by which a part of the final responses has come."""
        return self.older.completion.when(part)

    @cached_property
    def _now(self) -> float:
        """The age up to which others had no larger part."""
        return self.older.completion.until(self.maturity)


def length(hours: float) -> str:
    """Say a length of time."""
    for unit, words in ((24.0, "days"), (1.0, "hours"), (1 / 60, "minutes")):
        if hours >= 2 * unit or words == "minutes":
            return f"{hours / unit:.3g} {words}"
    return ""
