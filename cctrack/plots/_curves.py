"""Curves over the logarithm of time: each line seen, then expected, with its name where it ends."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from matplotlib.axes import Axes

from cctrack.plots._letters import BETWEEN, fitted, taken
from cctrack.plots._panels import share
from cctrack.plots._scale import Scale, scale_of
from cctrack.plots._sheet import FAINT, GREY, LEAST, row_height, width_of, written

ROWS: Final = 12  # of the sheet, that the plane takes
_LARGEST: Final = 8.5  # points, of letters
_LINES: Final = 2.5  # of letters, that a name with what is below it takes
_NAMES: Final = 0.27  # of the width
_FIRST, _LAST = 1 / 60, 30 * 24.0  # hours: a minute, 30 days
_TICKS: Final = {
    1 / 60: "1 min",
    1 / 6: "10 min",
    1.0: "1 h",
    6.0: "6 h",
    24.0: "1 d",
    168.0: "1 w",
    720.0: "30 d",
}
# Okabe and Ito's colours for colour-blind eyes, without the yellow that white swallows; each with a mark of its own.
_LOOKS: Final = (
    ("#0072B2", "o"),
    ("#D55E00", "s"),
    ("#009E73", "D"),
    ("#CC79A7", "^"),
    ("#E69F00", "v"),
    ("#56B4E9", "P"),
    ("#000000", "X"),
    ("#7A5195", "h"),
)
MOST: Final = len(_LOOKS)  # lines that can be told apart
_STEP: Final = 2.4  # points from one interval to the next
_OTHERS: Final = "#B5B5B5"
_DOTTED: Final = (0, (1, 1.6))
_Look = tuple[str, str]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Line:
    """One curve.

    Attributes
    ----------
    name, words : str
        Stand where it ends, the words below the name.
    hours, share, low, high : numpy.ndarray
        What it is made of.
    coming : numpy.ndarray
        Where it is expected, not seen.
    half : float
        Hours by which half has come, NaN where that is not known.
    recorded : numpy.ndarray or None
        The same share with automatic events.
    forecast : bool
        Whether much is yet to come.
    named : bool
        Whether it is one of those that stand out.
    n : float or None
        Recipients, None where that is not known.
    """

    name: str
    words: str
    hours: Floats
    share: Floats
    low: Floats
    high: Floats
    coming: npt.NDArray[np.bool_]
    half: float
    recorded: Floats | None = None
    forecast: bool = False
    named: bool = True
    n: float | None = None

    @property
    def drawn(self) -> npt.NDArray[np.bool_]:
        """Which of its points can be drawn."""
        return (self.hours >= _FIRST * 0.999) & (self.hours <= _LAST) & ~np.isnan(self.share)


@dataclass(frozen=True)
class _Plane:
    """Where values are: the logarithm of hours across, shares up."""

    across: Scale
    up: Scale
    size: float

    def at(self, hours: Floats, shares: Floats) -> tuple[list[float], list[float]]:
        """Give the places of points."""
        return [self.across.at(math.log(one)) for one in hours], [self.up.at(one) for one in shares]


def room_for_names(ax: Axes | None) -> int:
    """Give how many names there is room for."""
    if ax is None:
        return MOST
    return max(1, min(MOST, int(0.5 * ax.bbox.height / (ax.figure.dpi / 72) / (_LINES * _size(ax)))))


def draw_curves(ax: Axes, lines: Sequence[Line]) -> None:
    """Draw lines, those that stand out above the others.

    Parameters
    ----------
    ax
        As a `Sheet` opened it for `ROWS` rows.
    lines
        At most `MOST` of them stand out.
    """
    ax.set_xlim(0, 1)
    plane = _plane(ax, lines)
    _scales(ax, plane)
    for line in lines:
        if not line.named:
            _draw(ax, plane, line, _OTHERS, 0.8, 1)
    named = [line for line in lines if line.named]
    looks = list(zip(named, _LOOKS, strict=False))
    for line, (colour, _) in looks:
        if len(named) <= 2:
            _shade(ax, plane, line, colour)
        _draw(ax, plane, line, colour, 1.6, 3)
    ends = [(line, look, _marked(ax, plane, line, *look)) for line, look in looks]
    if len(named) > 2:
        _bars(ax, plane, [(line, colour) for line, (colour, _) in looks if line.forecast and line.drawn.any()])
    _named(ax, plane, [(line, look, end) for line, look, end in ends if end is not None])


def _size(ax: Axes) -> float:
    return max(LEAST, min(_LARGEST, width_of(ax) / 50))


def _plane(ax: Axes, lines: Sequence[Line]) -> _Plane:
    size, wide = _size(ax), width_of(ax)
    last = max((float(line.hours[line.drawn].max()) for line in lines if line.drawn.any()), default=1.0)
    tops = [float(np.nanmax(line.share[line.drawn])) for line in lines if line.drawn.any()]
    few = sum(line.named for line in lines) <= 2
    tops += [float(np.nanmax(line.high[line.drawn])) for line in lines if line.named and few and line.drawn.any()]
    tops += [float(line.recorded[line.drawn].max()) for line in lines if line.recorded is not None and line.drawn.any()]
    across = Scale(math.log(_FIRST), math.log(max(last, 1.0)), 4.2 * size / wide, 1 - _NAMES - 1.6 * size / wide)
    return _Plane(across, scale_of(tops, ROWS - 0.5 - 3.2 * size / row_height(ax), -0.4, zero=True), size)


def _scales(ax: Axes, plane: _Plane) -> None:
    """Write the values of both scales, and draw the lines from them."""
    line: dict[str, Any] = {"linewidth": 0.6, "color": FAINT, "zorder": 0}
    text: dict[str, Any] = {"fontsize": plane.size, "color": GREY}
    across, up = plane.across, plane.up
    tall = (up.left - up.right) * row_height(ax)
    for tick in up.ticks(lambda _: "00", tall, tall, plane.size):
        ax.plot([across.left, across.right], [up.at(tick)] * 2, **line)
        written(ax, share(tick), (across.left, up.at(tick)), xytext=(-3, 0), ha="right", va="center", **text)
    upto = -1.0
    for hours, words in _TICKS.items():
        if math.log(hours) > across.high + 1e-9:
            break
        place = across.at(math.log(hours))
        half = 0.33 * (len(words) + 1) * plane.size / width_of(ax)
        ax.plot([place] * 2, [up.left, up.right], **line)
        if place - half > upto:
            written(ax, words, (place, up.left), xytext=(0, -3), ha="center", va="top", **text)
            upto = place + half
    middle = (across.left + across.right) / 2
    below = (0, -4 - 1.3 * plane.size)
    written(ax, "time since the send", (middle, up.left), xytext=below, ha="center", va="top", **text)


def _draw(ax: Axes, plane: _Plane, line: Line, colour: str, wide: float, above: int) -> None:
    """Draw what was seen, and dotted what is expected from there on."""
    seen, coming = line.drawn & ~line.coming, line.drawn & line.coming
    style: dict[str, Any] = {"color": colour, "linewidth": wide, "zorder": above, "solid_capstyle": "round"}
    if line.recorded is not None:
        ax.plot(*plane.at(line.hours[seen], line.recorded[seen]), **{**style, "color": GREY, "linewidth": 0.8})
    ax.plot(*plane.at(line.hours[seen], line.share[seen]), **style)
    if coming.any():
        if seen.any():
            coming[np.flatnonzero(seen)[-1]] = True
        ax.plot(*plane.at(line.hours[coming], line.share[coming]), linestyle=_DOTTED, **style)


def _shade(ax: Axes, plane: _Plane, line: Line, colour: str) -> None:
    x, low = plane.at(line.hours[line.drawn], line.low[line.drawn])
    _, high = plane.at(line.hours[line.drawn], line.high[line.drawn])
    ax.fill_between(x, low, high, color=colour, alpha=0.13, linewidth=0, zorder=1)


def _marked(ax: Axes, plane: _Plane, line: Line, colour: str, marker: str) -> tuple[float, float] | None:
    """Mark where a line ends, and hollow where half has come; give the place of the end."""
    if not line.drawn.any():
        return None
    style: dict[str, Any] = {"color": colour, "marker": marker, "markersize": 5, "linestyle": "none", "zorder": 5}
    hours, shares = line.hours[line.drawn], line.share[line.drawn]
    if _FIRST <= line.half <= hours[-1]:
        middle = np.interp(math.log(line.half), np.log(hours), shares)
        ax.plot(*plane.at(np.array([line.half]), np.array([middle])), markerfacecolor="white", **style)
    (x,), (y,) = plane.at(hours[-1:], shares[-1:])
    ax.plot([x], [y], **style)
    return x, y


def _bars(ax: Axes, plane: _Plane, lines: Sequence[tuple[Line, str]]) -> None:
    """Draw the interval of what is expected beside the end of each line, one after the other."""
    for place, (line, colour) in enumerate(lines):
        x = plane.across.right + (1 + place) * _STEP / width_of(ax)
        ends = [plane.up.at(float(one[line.drawn][-1])) for one in (line.low, line.high)]
        ax.plot([x, x], ends, color=colour, linewidth=1.3, zorder=2)


def _named(ax: Axes, plane: _Plane, ends: Sequence[tuple[Line, _Look, tuple[float, float]]]) -> None:
    """Write the names beside the ends, as far apart as they must be, each behind the mark of its line."""
    tall = _LINES * plane.size / row_height(ax)
    order = sorted(ends, key=lambda one: one[2][1])
    places = _apart([end[1] for _, _, end in order], tall, plane.up.right, plane.up.left)
    letter = plane.size / width_of(ax)
    mark = plane.across.right + 1.8 * letter
    for (line, (colour, marker), (x, y)), place in zip(order, places, strict=True):
        ax.plot([x + 0.5 * letter, mark - 0.5 * letter], [y, place], color=colour, linewidth=0.5, zorder=2)
        ax.plot([mark], [place], color=colour, marker=marker, markersize=4.5, linestyle="none")
        left = mark + 0.8 * letter
        up, room = 0.6 * plane.size if line.words else 0.0, (1 - left) * ax.bbox.width
        text = written(ax, "", (left, place), xytext=(0, up), va="center", fontsize=plane.size)
        fitted(text, line.name, room)
        style: dict[str, Any] = {"va": "center", "fontsize": max(LEAST, 0.88 * plane.size), "color": GREY}
        text = written(ax, line.words, (left, place), xytext=(0, -up), **style)
        if taken(text) > room:  # the half-life goes first
            fitted(text, line.words.partition(BETWEEN)[0], room)


def _apart(wanted: Sequence[float], gap: float, top: float, bottom: float) -> list[float]:
    """Move places, given in their order, as little as keeps them apart and inside: those too near move together."""
    groups: list[tuple[float, int]] = []  # where the first of them would stand, and how many they are
    for place, one in enumerate(wanted):
        groups.append((one - place * gap, 1))
        while len(groups) > 1 and groups[-2][0] > groups[-1][0]:
            (low, many), (high, more) = groups.pop(-2), groups.pop()
            groups.append(((low * many + high * more) / (many + more), many + more))
    first = [start for start, many in groups for _ in range(many)]
    last = bottom - (len(first) - 0.5) * gap
    return [max(min(start, last), top + gap / 2) + place * gap for place, start in enumerate(first)]
