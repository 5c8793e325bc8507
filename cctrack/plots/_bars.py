"""Horizontal bars on one baseline, each before a lighter one, with their words."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.text import Annotation

from cctrack.plots._letters import fitted, taken, trimmed
from cctrack.plots._sheet import DARK, GREY, INK, LEAST, LIGHT, points, row_height, written

_LARGEST = 14.0  # points, of names
_SHORT = 24  # letters of a name, for which there is always room
_EM = 0.6  # of the size of a letter, its usual width and some more
_LEAST_FOR_BARS = 0.3  # of the width, or for a name, however long the other words are
_NAMES = 0.3  # of the width, at most, for names that stand left of their bars


@dataclass(frozen=True)
class Bar:
    """One row: a bar, or a heading where there are no numbers.

    Attributes
    ----------
    name : str
        Stands above the bar, or left of it.
    value, behind, outline : float or None
        Lengths of the dark bar, of the light one behind it, and of an empty one.
    hatched : float or None
        How much of the dark bar is hatched, at its end.
    low, high : float or None
        Ends of the whisker.
    beside, at_end, aside : str
        Words after the name, after the bars, and at the right edge.
    group : str
        Of which the row is one.
    strong, address : bool
        Whether the name is set in bold, and whether it is a web address.
    """

    name: str
    value: float | None = None
    behind: float | None = None
    outline: float | None = None
    hatched: float | None = None
    low: float | None = None
    high: float | None = None
    beside: str = ""
    at_end: str = ""
    aside: str = ""
    group: str = ""
    strong: bool = False
    address: bool = False

    @property
    def length(self) -> float:
        """How far bars and whisker reach."""
        return max(0.0, self.value or 0.0, self.behind or 0, self.outline or 0, self.high or 0)

    @property
    def heading(self) -> bool:
        """Whether there are no numbers."""
        return self.value is None and self.behind is None and self.outline is None


Measures = dict[str, str]  # what the lengths of a bar are, by the name of the attribute
_STYLES: Final[dict[str, dict[str, Any]]] = {
    "behind": {"color": LIGHT, "linewidth": 0},
    "value": {"color": DARK, "linewidth": 0},
    "hatched": {"facecolor": DARK, "edgecolor": "white", "hatch": "/////", "linewidth": 0},
    "outline": {"facecolor": "none", "edgecolor": INK, "linewidth": 0.8},
}


def marks(bars: Sequence[Bar], measures: Measures) -> pd.DataFrame:
    """Give what bars show, one row a mark."""
    rows = [
        {
            "group": bar.group,
            "name": bar.name,
            "measure": measure,
            "value": getattr(bar, kind),
            "low": bar.low if kind == "value" else None,
            "high": bar.high if kind == "value" else None,
        }
        for bar in bars
        for kind, measure in measures.items()
        if getattr(bar, kind) is not None
    ]
    return as_data(rows)


def as_data(rows: Sequence[dict[str, Any]]) -> pd.DataFrame:
    """Make the frame that `data` gives."""
    frame = pd.DataFrame(rows, columns=["group", "name", "measure", "value", "low", "high"])
    texts = dict.fromkeys(("group", "name", "measure"), "string")
    return frame.astype({**texts, **dict.fromkeys(("value", "low", "high"), "float64")})


def draw_bars(ax: Axes, bars: Sequence[Bar], measures: Measures, *, above: bool = True, width: float = 1.0) -> None:
    """Draw bars from the top down.

    Parameters
    ----------
    ax
        As a `Sheet` opened it.
    bars
        One a row.
    measures
        What the lengths are; the kinds that are not named are not drawn.
    above
        Whether names stand above their bars, else left of them.
    width
        Share of the width of the axes for bars and words.
    """
    row = row_height(ax)
    room = ax.bbox.width * width
    size = _size(bars, row * (0.31 if above else 0.6), room / points(ax), above)
    thick, down = (0.36, 0.24) if above else (0.62, 0.0)
    left = 0.0 if above else _left_names(ax, bars, size, room)
    ends = [(bar, _at_end(ax, bar, y + down, size, room - left)) for y, bar in enumerate(bars)]
    reach = _reach(ends, room - left, points(ax))
    unit = (room - left) / reach
    ax.set_xlim(-left / unit, (ax.bbox.width - left) / unit)
    for kind in ("behind", "value", "hatched", "outline"):
        if kind in measures:
            _lay(ax, list(_placed(bars, kind)), kind, thick, down, measures[kind])
    _whiskers(ax, bars, down)
    lined = [y for y, bar in enumerate(bars) if above or not bar.heading]
    ax.vlines([0] * len(lined), [y - 0.5 for y in lined], [y + 0.5 for y in lined], color=GREY, linewidth=0.8)
    for y, bar in enumerate(bars):
        if above or bar.heading:
            _name(ax, bar, y, size, room, left)


def _placed(bars: Sequence[Bar], kind: str) -> Iterator[tuple[int, float, float]]:
    """Give place, start and length of the bars of a kind."""
    for y, bar in enumerate(bars):
        length = getattr(bar, kind)
        if length is None or (kind == "outline" and length == bar.value) or (kind == "hatched" and not length):
            continue
        yield y, (bar.value or 0.0) - length if kind == "hatched" else 0.0, length


def _lay(ax: Axes, placed: list[tuple[int, float, float]], kind: str, thick: float, down: float, measure: str) -> None:
    places, starts, lengths = [y + down for y, _, _ in placed], [x for _, x, _ in placed], [n for _, _, n in placed]
    ax.barh(places, lengths, left=starts, height=thick, label=measure, **_STYLES[kind])


def _whiskers(ax: Axes, bars: Sequence[Bar], down: float) -> None:
    known = [
        (y + down, bar.low, bar.high) for y, bar in enumerate(bars) if bar.low is not None and bar.high is not None
    ]
    if not known:
        return
    ax.hlines([y for y, _, _ in known], [low for _, low, _ in known], [high for _, _, high in known], color=INK, lw=1.1)
    ends = [(x, y) for y, low, high in known for x in (low, high)]
    ax.plot([x for x, _ in ends], [y for _, y in ends], "|", color=INK, markersize=5, markeredgewidth=1.1)


def _size(bars: Sequence[Bar], tallest: float, room: float, above: bool) -> float:
    """Choose the points of letters for which there is room."""
    if above:
        letters = [len(bar.beside) + len(bar.aside) + min(len(bar.name), _SHORT) + 6.0 for bar in bars]
    else:
        letters = [1.6 * len(bar.at_end) + 12.0 for bar in bars]  # the bars take more than a third
    return max(LEAST, min(_LARGEST, tallest, room / (_EM * max(letters, default=1.0))))


def _left_names(ax: Axes, bars: Sequence[Bar], size: float, room: float) -> float:
    """Write the names left of their bars; give the width that they take."""
    widest = 0.0
    for y, bar in enumerate(bars):
        if bar.heading:
            continue
        name = written(ax, "", (0, y), xycoords=ax.get_yaxis_transform(), xytext=(0, 0), va="center", fontsize=size)
        fitted(name, bar.name, room * _NAMES, address=bar.address)
        widest = max(widest, taken(name))
    return widest + 5 * points(ax)


def _name(ax: Axes, bar: Bar, y: int, size: float, room: float, left: float) -> None:
    """Write the name above its bar, the words that belong to it after it, and those at the right edge."""
    style: dict[str, Any] = {"xycoords": ax.get_yaxis_transform(), "va": "baseline", "fontsize": size}
    place = y if bar.heading else y - 0.2
    down = -0.36 * size
    indent = 0.0 if left else 3.0
    available = room - indent * points(ax)
    name = written(ax, "", (0, place), xytext=(indent, down), weight="bold" if bar.strong else "normal", **style)
    beside = written(ax, bar.beside, (0, place), xytext=(indent, down), **style) if bar.beside else None
    if beside is not None:
        trimmed(beside, available * (1 - _LEAST_FOR_BARS))
        available -= taken(beside) + 6 * points(ax)
    if bar.aside:
        smaller = {**style, "fontsize": max(LEAST, size * 0.88), "color": GREY, "ha": "right"}
        aside = written(ax, bar.aside, (room / ax.bbox.width, place), xytext=(0, down), **smaller)
        left_over = available - taken(aside) - 8 * points(ax)
        if left_over < _EM * size * points(ax) * min(len(bar.name), _SHORT):
            aside.remove()
        else:
            available = left_over
    fitted(name, bar.name, available, address=bar.address)
    if beside is not None:
        beside.set_position((indent + taken(name) / points(ax) + 6, down))


def _at_end(ax: Axes, bar: Bar, y: float, size: float, room: float) -> Annotation | None:
    if not bar.at_end:
        return None
    style = {"xytext": (4, 0), "va": "center", "fontsize": max(LEAST, size * 0.9)}
    words = written(ax, bar.at_end, (bar.length, y), **style)
    trimmed(words, room * (1 - _LEAST_FOR_BARS) - 8 * points(ax))
    return words


def _reach(ends: Sequence[tuple[Bar, Annotation | None]], room: float, point: float) -> float:
    """Give the end of the axis at which every bar has room for its words."""
    reach = max((bar.length for bar, _ in ends), default=0.0) or 1.0
    for bar, words in ends:
        if words is not None:
            left = room - taken(words) - 8 * point
            reach = max(reach, bar.length * room / max(left, _LEAST_FOR_BARS * room))
    return reach
