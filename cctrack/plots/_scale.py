"""From values to places: the scale of a panel, and its round values."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from matplotlib.ticker import MaxNLocator

EM: Final = 0.66  # of the size of a letter, its width in figures
_EDGE = 0.04  # of the scale, beyond its outermost values
_NEAR_ZERO = 0.4  # a scale whose lower end is below this share of its upper end begins at zero
_STEPS: Final = (1, 2, 2.5, 5, 10)


@dataclass(frozen=True)
class Scale:
    """From values to shares of the width of the axes.

    Attributes
    ----------
    low, high : float
        Values at the ends.
    left, right : float
        Places of the ends.
    """

    low: float
    high: float
    left: float
    right: float

    def at(self, value: float) -> float:
        """Give the place of a value, at the edge where it lies beyond."""
        inside = min(max(value, self.low), self.high)
        return self.left + (self.right - self.left) * (inside - self.low) / (self.high - self.low)

    def ticks(
        self, write: Callable[[float], str], width: float, limit: float, size: float, *, whole: bool = False
    ) -> list[float]:
        """Choose as many round values as can stand beside each other.

        Parameters
        ----------
        write
            Writes a value.
        width, limit
            Points of the scale, and those to the end of the last value's words.
        size
            Points of the letters.
        whole
            Whether there are none between whole numbers.
        """
        found: list[float] = []
        for most in (4, 3, 2, 1):
            found = self._round(most, whole)
            places = [width * (self.at(tick) - self.left) / (self.right - self.left) for tick in found]
            halves = [(len(write(tick)) + 1) * EM * size / 2 for tick in found]
            if len(found) > 1 and places[-1] + halves[-1] > limit:
                found, places, halves = found[:-1], places[:-1], halves[:-1]
            if all(places[i] + halves[i] <= places[i + 1] - halves[i + 1] for i in range(len(found) - 1)):
                return found
        return found[:1]

    def _round(self, most: int, whole: bool) -> list[float]:
        found = MaxNLocator(nbins=most, steps=_STEPS, integer=whole).tick_values(self.low, self.high)
        slack = 1e-9 * (self.high - self.low)
        return [float(one) for one in found if self.low - slack <= one <= self.high + slack]


def scale_of(values: Sequence[float], left: float, right: float, *, zero: bool) -> Scale:
    """Choose a scale that holds values.

    Parameters
    ----------
    values
        All that it must hold.
    left, right
        Where it begins and ends.
    zero
        Whether it must hold zero.
    """
    low, high = min(values, default=0.0), max(values, default=1.0)
    if low >= 0 and (zero or low < _NEAR_ZERO * high):
        low = 0.0
    elif zero:
        high = max(high, 0.0)
    if not high > low:
        low, high = (low - abs(low or 1.0), low) if low < 0 else (0.0, 2 * high or 1.0)
    edge = _EDGE * (high - low)
    return Scale(low if low == 0 else low - edge, high if high == 0 else high + edge, left, right)
