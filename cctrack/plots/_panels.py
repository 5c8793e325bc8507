"""A mark for each row on one scale: points with intervals or bars, their values as words, or words alone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from matplotlib.axes import Axes

from cctrack.plots._letters import fitted
from cctrack.plots._scale import EM, Scale, scale_of
from cctrack.plots._sheet import DARK, FAINT, GREY, INK, LEAST, LIGHT, width_of, written
from cctrack.plots._words import NONE, percent

HEAD: Final = 38.0  # points above the rows that headings and scales take
HEADING: Final = 26.0  # the same without scales
_LINE = 10.5  # points from one line of them to the next
_LEAST_FOR_MARKS = 30.0  # points of a panel, beside which its values can stand as words
_FAR = 4.0  # times the middle one, from which an interval is far wider than most
_INSET = 3.0  # points from the edge of a cell to its words


@dataclass(frozen=True)
class Point:
    """One value in one panel.

    Attributes
    ----------
    value, low, high : float or None
        The value and its interval.
    recorded : float or None
        The value with automatic events.
    hollow : bool
        Whether there are too few for the value to mean much.
    words : str or None
        In place of the value.
    tint : str or None
        Colour behind words.
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    recorded: float | None = None
    hollow: bool = False
    words: str | None = None
    tint: str | None = None

    @property
    def width(self) -> float:
        """The width of the interval, 0 without one."""
        return 0.0 if self.low is None or self.high is None else self.high - self.low


def share(rate: float) -> str:
    """Write a value of a scale of shares."""
    return f"{100 * rate:.4g}%"


@dataclass(frozen=True)
class Panel:
    """What stands in one column.

    Attributes
    ----------
    heading, under : str
        Stand above: what it is, and of what it is a share.
    measure : str
        What its values are.
    kind : str
        Whether the marks are points or bars, or the words alone.
    weight : float
        Its width, against that of others.
    zero : bool
        Whether the scale holds zero whatever the values.
    whole : bool
        Whether the values are whole numbers.
    line : float or None
        A value to compare with.
    form, tick : callable
        Write a value, and a value of the scale.
    """

    heading: str
    measure: str
    under: str = ""
    kind: Literal["point", "bar", "words"] = "point"
    weight: float = 1.0
    zero: bool = False
    whole: bool = False
    line: float | None = None
    form: Callable[[Any], str] = percent
    tick: Callable[[float], str] = share

    def words(self, point: Point) -> str:
        """Write the value of a point."""
        if point.words is not None:
            return point.words
        return NONE if point.value is None else self.form(point.value)

    def scale(self, column: Sequence[Point], left: float, right: float) -> Scale:
        """Choose a scale; hollow points, and intervals far wider than most, do not stretch it."""
        firm = [point for point in column if not point.hollow] or column
        widths = sorted(point.width for point in firm if point.width)
        usual = _FAR * widths[len(widths) // 2] if widths else 0.0
        ends = [end for point in firm if point.width <= usual for end in (point.low, point.high)]
        values = [one for point in firm for one in (point.value, point.recorded)]
        known = [one for one in (*ends, *values, self.line) if one is not None]
        return scale_of(known, left, right, zero=self.zero or self.kind == "bar")


@dataclass(frozen=True)
class Place:
    """Where a panel stands, and how large its letters are.

    Attributes
    ----------
    left, right : float
        Its ends, as shares of the width of the axes.
    size : float
        Points of the letters.
    strong : sequence of bool
        Whether a row is that of all; none is, if empty.
    down : float
        How far below the middle of their rows the marks stand.
    """

    left: float
    right: float
    size: float
    strong: Sequence[bool] = ()
    down: float = 0.0

    def bold(self, row: int) -> bool:
        """Tell whether a row is that of all."""
        return bool(self.strong) and self.strong[row]

    @property
    def small(self) -> float:
        """Points of smaller letters."""
        return max(LEAST, self.size * 0.85)


def draw_panel(ax: Axes, column: Sequence[Point | None], panel: Panel, place: Place) -> None:
    """Draw one panel on axes whose rows are laid out.

    Parameters
    ----------
    ax
        As a `Sheet` opened it.
    column
        A point a row, or None where there is nothing to say.
    panel
        What stands above, and what the marks are.
    place
        Where.
    """
    if panel.kind == "words":
        _cells(ax, column, panel, place)
        return
    known = [point for point in column if point is not None]
    letters = EM * place.size * max((len(panel.words(point)) for point in known), default=0) + 5
    beside = (place.right - place.left) * width_of(ax) - letters >= _LEAST_FOR_MARKS
    scale = panel.scale(known, place.left, place.right - (letters / width_of(ax) if beside else 0.0))
    _head(ax, panel, scale, len(column), place)
    marks = [(row, row + place.down, point) for row, point in enumerate(column) if point is not None]
    if panel.kind == "bar":
        _bars(ax, [(y, point.value) for _, y, point in marks if point.value], scale)
    else:
        _dots(ax, [(y, place.bold(row), point) for row, y, point in marks], scale)
    for row, y, point in marks:
        if beside or point.value is None:
            style: dict[str, Any] = {"color": GREY if point.value is None else INK, "va": "center"}
            style |= {"weight": "bold" if place.bold(row) else "normal", "ha": "right" if beside else "left"}
            at = (place.right if beside else place.left, y)
            written(ax, panel.words(point), at, xycoords=ax.get_yaxis_transform(), fontsize=place.size, **style)


def _cells(ax: Axes, column: Sequence[Point | None], panel: Panel, place: Place) -> None:
    """Write the words of a panel that has no scale."""
    _headings(ax, panel, place, 2.0)
    inset = _INSET / width_of(ax)
    style: dict[str, Any] = {"xycoords": ax.get_yaxis_transform(), "va": "center", "fontsize": place.size}
    for y, point in enumerate(column):
        if point is None:
            continue
        if point.tint is not None:
            box: dict[str, Any] = {"color": point.tint, "linewidth": 0, "zorder": 0.5}
            wide = place.right - place.left
            ax.barh([y], [wide], 0.86, left=[place.left], transform=ax.get_yaxis_transform(), **box)
        colour = GREY if point.tint is None and not place.bold(y) else INK
        text = written(ax, "", (place.left + inset, y), **{**style, "color": colour})
        fitted(text, panel.words(point), (place.right - place.left - 2 * inset) * ax.bbox.width)


def _headings(ax: Axes, panel: Panel, place: Place, low: float) -> None:
    """Write what stands above a panel, beginning so many points above the rows."""
    for words, size, weight in ((panel.under, place.small, "normal"), (panel.heading, place.size, "bold")):
        if not words:
            continue
        style: dict[str, Any] = {"xycoords": ax.get_yaxis_transform(), "va": "bottom", "weight": weight}
        text = written(ax, "", (place.left, -0.5), xytext=(0, low), fontsize=size, **style)
        fitted(text, words, (place.right - place.left) * ax.bbox.width)
        low += _LINE


def _head(ax: Axes, panel: Panel, scale: Scale, rows: int, place: Place) -> None:
    """Write heading and scale above the rows, and draw the lines down from them."""
    _headings(ax, panel, place, 2.5 + _LINE)
    wide = (scale.right - scale.left) * width_of(ax)
    line: dict[str, Any] = {"linewidth": 0.6, "color": FAINT, "zorder": 0, "transform": ax.get_yaxis_transform()}
    text: dict[str, Any] = {"va": "bottom", "fontsize": place.small, "color": GREY, "xytext": (0, 1)}
    full = (place.right - place.left) * width_of(ax)
    ticks = scale.ticks(panel.tick, wide, full, place.small, whole=panel.whole)
    ax.vlines([scale.at(tick) for tick in ticks], -0.5, rows - 0.5, **line)
    for tick in ticks:
        at = scale.at(tick)
        half = 0.5 * EM * place.small * len(panel.tick(tick)) / width_of(ax)
        x, side = (at, "center") if at + half <= place.right else (place.right, "right")
        written(ax, panel.tick(tick), (x, -0.5), xycoords=ax.get_yaxis_transform(), ha=side, **text)
    if panel.line is not None:
        style = {**line, "color": GREY, "linestyle": "--", "linewidth": 0.9}
        ax.vlines([scale.at(panel.line)], -0.5, rows - 0.5, **style)


def _dots(ax: Axes, marks: Sequence[tuple[float, bool, Point]], scale: Scale) -> None:
    """Draw points with their intervals, given with their place and whether they are of all."""
    across: dict[str, Any] = {"transform": ax.get_yaxis_transform()}
    changed = [(y, scale.at(one.value), scale.at(one.recorded)) for y, _, one in marks
               if one.value is not None and one.recorded is not None]  # fmt: skip
    _lines(ax, changed, color=LIGHT, linewidth=3, **across)
    ends = [(y, one.low, one.high) for y, _, one in marks if one.low is not None and one.high is not None]
    _lines(ax, [(y, scale.at(low), scale.at(high)) for y, low, high in ends], color=DARK, linewidth=1.3, **across)
    shapes: dict[tuple[str, bool], list[tuple[float, float]]] = {}
    for y, bold, one in marks:
        if one.value is not None:
            shape = "<" if one.value < scale.low else ">" if one.value > scale.high else "D" if bold else "o"
            shapes.setdefault((shape, one.hollow), []).append((scale.at(one.value), y))
    for y, low, high in ends:  # that go on beyond the scale
        if low < scale.low:
            shapes.setdefault(("<", False), []).append((scale.left, y))
        if high > scale.high:
            shapes.setdefault((">", False), []).append((scale.right, y))
    recorded = [(scale.at(one.recorded), y) for y, _, one in marks if one.recorded is not None]
    _marks(ax, recorded, "|", color=INK, markersize=7, markeredgewidth=1.2, **across)
    for (shape, hollow), places in shapes.items():
        _marks(ax, places, shape, color=DARK, markersize=4.6, markerfacecolor="white" if hollow else DARK, **across)


def _lines(ax: Axes, lines: Sequence[tuple[float, float, float]], **style: Any) -> None:
    if lines:
        ax.hlines([y for y, _, _ in lines], [low for _, low, _ in lines], [high for _, _, high in lines], **style)


def _marks(ax: Axes, places: Sequence[tuple[float, float]], shape: str, **style: Any) -> None:
    if places:
        ax.plot([x for x, _ in places], [y for _, y in places], shape, **style)


def _bars(ax: Axes, bars: Sequence[tuple[float, float]], scale: Scale) -> None:
    start = scale.at(0.0)
    style: dict[str, Any] = {"height": 0.56, "left": start, "linewidth": 0, "color": DARK}
    ax.barh([y for y, _ in bars], [scale.at(n) - start for _, n in bars], transform=ax.get_yaxis_transform(), **style)
