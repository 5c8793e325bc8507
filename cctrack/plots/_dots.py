"""Panels side by side, with a row for each name."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes

from cctrack.plots._bars import as_data
from cctrack.plots._letters import fitted, taken
from cctrack.plots._panels import Panel, Place, Point, draw_panel
from cctrack.plots._sheet import FAINT, GREY, LEAST, points, row_height, width_of, written

_LARGEST, _USUAL = 10.5, 9.0  # points, of names: at most, and in a figure of our own
NAMES: Final = 0.34  # of the width, at most
_GAP = 12.0  # points between panels
_LEAST_FOR_PANEL = 72.0  # points
_BAND: Final = "#F3F3F3"


@dataclass(frozen=True)
class Row:
    """One name with a point for each panel.

    Attributes
    ----------
    name : str
        Stands at the left.
    points : sequence of Point
        One for each panel.
    words : str
        Stand after the name, such as the number of recipients.
    group : str
        Of which the row is one.
    strong : bool
        Whether it is the row of all.
    """

    name: str
    points: Sequence[Point]
    words: str = ""
    group: str = ""
    strong: bool = False


def room_for(ax: Axes | None, most: int) -> int:
    """Give how many panels there is room for."""
    return max(1, min(most, int(width_of(ax) * (1 - NAMES) / _LEAST_FOR_PANEL)))


def dot_marks(rows: Sequence[Row], panels: Sequence[Panel]) -> pd.DataFrame:
    """Give what points show, one row a mark."""
    found = []
    for row in rows:
        for panel, point in zip(panels, row.points, strict=True):
            own: dict[str, Any] = {"group": row.group, "name": row.name, "measure": panel.measure}
            found.append({**own, "value": point.value, "low": point.low, "high": point.high})
            if point.recorded is not None:
                found.append({**own, "measure": f"{panel.measure}, recorded", "value": point.recorded})
    return as_data(found)


def draw_dots(
    ax: Axes, rows: Sequence[Row], panels: Sequence[Panel], *, largest: float = _LARGEST, gap: float = _GAP
) -> None:
    """Draw a row for each name, from the top down.

    Parameters
    ----------
    ax
        As a `Sheet` opened it, with a head for headings and scales.
    rows
        From the top.
    panels
        From the left; each row has a point for each.
    largest
        Points of letters, at most.
    gap
        Points between panels.
    """
    wide = max(min(_USUAL, width_of(ax) / 46), width_of(ax) / 57)
    size = max(LEAST, min(largest, 0.62 * row_height(ax), wide))
    ax.set_xlim(0, 1)
    left = _names(ax, rows, size)
    between = gap * points(ax) / ax.bbox.width
    each = (1 - left) / max(sum(panel.weight for panel in panels), 1)
    start = left
    for place, panel in enumerate(panels):
        end = start + panel.weight * each
        column = [row.points[place] for row in rows]
        draw_panel(ax, column, panel, Place(start + between, end, size, [row.strong for row in rows]))
        start = end
    _guides(ax, rows)


def _names(ax: Axes, rows: Sequence[Row], size: float) -> float:
    """Write names and the words after them; give the share of the width that they take."""
    style: dict[str, Any] = {"xycoords": ax.get_yaxis_transform(), "va": "center", "fontsize": size}
    after = [written(ax, row.words, (0, y), **{**style, "color": GREY}) for y, row in enumerate(rows) if row.words]
    words = max((taken(text) for text in after), default=0.0)
    words += 8 * points(ax) if words else 0.0
    widest = 0.0
    for y, row in enumerate(rows):
        name = written(ax, "", (0, y), weight="bold" if row.strong else "normal", **style)
        fitted(name, row.name, ax.bbox.width * NAMES - words / 2)
        widest = max(widest, taken(name))
    for text in after:
        text.set_horizontalalignment("right")
        text.xy = ((widest + words) / ax.bbox.width, text.xy[1])
    return float(widest + words) / float(ax.bbox.width)


def _guides(ax: Axes, rows: Sequence[Row]) -> None:
    style: dict[str, Any] = {"linewidth": 0.5, "color": FAINT, "zorder": 0, "transform": ax.get_yaxis_transform()}
    ax.hlines([y + 0.5 for y in range(len(rows))], 0, 1, **style)
    for y, row in enumerate(rows):
        if row.strong:
            ax.axhspan(y - 0.5, y + 0.5, color=_BAND, zorder=-1, linewidth=0)
