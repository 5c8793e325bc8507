"""What is known and what is expected of a group of recipients, or why nothing is."""

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal

import numpy as np

from cctrack.analysis._cure import LEAST_EVENTS, LEAST_HOURS, cured
from cctrack.analysis._intervals import wilson
from cctrack.analysis._maturity import FEW, YOUNG, Ahead, Completed, Older, length
from cctrack.analysis._survival import Curve, Floats

Method = Literal["completion", "cure"]
_CLOCKS: Final = "the clocks of the reports disagree, so delays do not hold: see analysis.clock_check"
_NOBODY: Final = "nobody to respond: no recipient was delivered by a send that has a date"


@dataclass(frozen=True)
class Choices:
    """What was asked for, checked.

    Attributes
    ----------
    event : str
        The response: "open" or "click".
    method : str
        How it is forecast.
    least : float
        Hours after which a campaign is mature.
    window : float
        Hours up to which responses count, infinity where all do.
    ci : float
        Coverage of the intervals.
    clocks_suspect : bool
        Whether delays do not hold.
    """

    event: str
    method: Method
    least: float
    window: float
    ci: float
    clocks_suspect: bool = False


@dataclass(frozen=True)
class Outlook:
    """A group of recipients.

    Attributes
    ----------
    after, seen : numpy.ndarray
        Hours to the response of each recipient, NaN without one, and hours of following.
    choices : Choices
        What was asked for.
    ahead : Ahead or None
        What is expected, where that can be told.
    status, note : str
        "mature", "forecast" or "refused", and why.
    """

    after: Floats
    seen: Floats
    choices: Choices
    ahead: Ahead | None = None
    status: str = "refused"
    note: str = ""

    @property
    def n(self) -> int:
        """Recipients."""
        return len(self.seen)

    @cached_property
    def responded(self) -> int:
        """Recipients that have responded."""
        return int((~np.isnan(self.after)).sum())

    @cached_property
    def age(self) -> float:
        """Hours for which half of the recipients have been followed."""
        return float(np.median(self.seen)) if self.n else np.nan

    @property
    def end(self) -> float:
        """Hours up to which something is expected, or has been seen."""
        told = self.status != "refused" and self.ahead is not None
        return max(self.age, self.ahead.horizon) if told and self.ahead is not None else self.age

    @cached_property
    def curve(self) -> Curve:
        """What has been seen."""
        return Curve.of(self.after, self.seen)

    @cached_property
    def final(self) -> tuple[float, float, float]:
        """The share that will have responded in the end, and its interval."""
        if self.status == "refused":
            return np.nan, np.nan, np.nan
        if self.ahead is None:
            low, high = wilson(self.responded, self.n, self.choices.ci)
            return self.responded / self.n, float(low), float(high)
        share, low, high = self.ahead.share(np.array([np.inf]))
        return float(share[0]), float(low[0]), float(high[0])

    def when(self, part: float) -> float:
        """Give the time by which a part of the final responses has come, or will have."""
        if part >= 1:
            return np.nan
        time = self.curve.when(part * self.final[0])
        return max(self.age, self.ahead.when(part)) if np.isnan(time) and self.ahead is not None else time

    @cached_property
    def half(self) -> tuple[float, float, float]:
        """Give the time by which half of the final responses have come, and its interval; NaN where few have."""
        if self.status == "refused" or self.responded < FEW:
            return np.nan, np.nan, np.nan
        from scipy.special import ndtri

        part = min(self.final[0] * self.n / self.responded / 2, 1.0)  # of what has come
        unsure = 0.0 if self.ahead is None else self.ahead.uncertainty
        wide = ndtri((1 + self.choices.ci) / 2) * np.sqrt((1 - part) / (part * self.responded) + unsure)
        return self.when(0.5), self.when(0.5 * np.exp(-wide)), self.when(0.5 * np.exp(wide))

    def within(self, hours: float) -> float:
        """Give the part of the final responses that came within some hours, NaN where that is not known yet."""
        known = self.status != "refused" and self.age >= min(hours, self.choices.window) and self.final[0] > 0
        return float(self.curve.at(hours)) / self.final[0] if known else np.nan


def outlook(after: Floats, seen: Floats, choices: Choices, older: "Older | str") -> Outlook:
    """Say what is expected of a group, or why nothing is.

    Parameters
    ----------
    after, seen
        Of each recipient; see `Outlook`.
    choices
        What was asked for.
    older
        What older campaigns teach, or why they do not.
    """
    plain = Outlook(after, seen, choices)
    if not plain.n or choices.clocks_suspect:
        return replace(plain, note=_CLOCKS if plain.n else _NOBODY)
    ahead = _cured(plain) if choices.method == "cure" else _completed(plain, older)
    mature = plain.age >= choices.least
    age = f"older than {length(choices.least)}"
    few = f"fewer than {FEW} {choices.event}s"
    if isinstance(ahead, str):
        why = ahead.format(event=choices.event)
        return (
            replace(plain, status="mature", note=f"{age}: complete as it is ({why})")
            if mature
            else _refused(plain, why)
        )
    if mature:
        left = f"; {few}: no half-life" if plain.responded < FEW else ""
        return replace(plain, ahead=ahead, status="mature", note=age + left)
    if ahead.maturity < YOUNG:
        low = f"maturity {ahead.maturity:.2g} is below {YOUNG:.2g}"
        return replace(_refused(plain, f"younger than the curve can tell: {low}"), ahead=ahead)
    if plain.responded < FEW:
        return replace(_refused(plain, f"{few} so far"), ahead=ahead)
    of = "by the cure model" if choices.method == "cure" else "by older campaigns"
    words = f"{ahead.maturity:.0%} of the final {choices.event}s have come by now, going {of}"
    return replace(plain, ahead=ahead, status="forecast", note=words)


def _refused(plain: Outlook, why: str) -> Outlook:
    return replace(plain, note=why)


def _completed(plain: Outlook, older: "Older | str") -> "Completed | str":
    if isinstance(older, str):
        return older
    return Completed(older, plain.responded, plain.n, plain.seen, plain.choices.ci)


def _cured(plain: Outlook) -> Ahead | str:
    if (age := float(plain.seen.max())) < LEAST_HOURS:
        return f"the cure model needs {LEAST_HOURS:.0f} hours since the first send, and has {length(age)}"
    if plain.responded < LEAST_EVENTS:
        return f"the cure model needs {LEAST_EVENTS} {{event}}s, and has {plain.responded}"
    return cured(plain.after, plain.seen, plain.choices.window, plain.choices.ci)
