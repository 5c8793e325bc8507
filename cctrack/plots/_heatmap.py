"""The picture of the hours of the week: a cell for each, a week for each group."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from cctrack.plots._bars import as_data
from cctrack.plots._groups import grouped
from cctrack.plots._letters import fitted
from cctrack.plots._scale import EM
from cctrack.plots._sheet import GREY, INK, LEAST, Layout, Sheet, row_height, width_of, written
from cctrack.plots._words import (
    as_of,
    checked,
    count,
    definition,
    human,
    joined,
    missing,
    notes,
    number,
    percent,
    reasons,
    records,
    title,
    told,
)

COLUMNS: Final = ("weekday", "hour", "n", "rate", "n_campaigns", "tz")
_TITLE, _DEFINITION = "Hours of the week", "Recipients by hour of the week."
_EMPTY: Final = "Nothing happened at a known time."
_DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MOST_WEEKS: Final = 6
_HEAD = 26.0  # points above the first row, for the scale and the hours
_LAYOUT = Layout(0.24, 6.0, head=_HEAD)
_LARGEST = 8.5  # points, of letters
_MAP: Final = "cividis"
_KEY = 0.16  # of the width, the scale of colours
_STEPS: Final = 24  # of that scale
_BEST: Final = 3  # hours that the words name


@dataclass(frozen=True)
class _Cell:
    """One hour: `value` is None where it is left blank."""

    day: int
    hour: int
    value: float | None
    words: str
    campaigns: int


@dataclass(frozen=True)
class _Week:
    name: str
    cells: Sequence[_Cell]


def activity_heatmap(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw when people act, or how mail sent at an hour of the week did.

    Parameters
    ----------
    table
        What `analysis.activity_heatmap` gave, of at most 6 groups.
    ax
        Axes to draw on; None makes a new figure of the right height.

    Returns
    -------
    matplotlib.axes.Axes
        A week for each group, Monday above, hours from the left: the lighter a cell, the more; hatched where too
        little was sent for a rate, empty where nothing was. Without automatic events where the table has both.

    Raises
    ------
    TypeError, ValueError
        When the table is none of hours, or has more groups.
    """
    checked(table, COLUMNS, "analysis.activity_heatmap")
    weeks = _weeks(table)
    if len(weeks) > _MOST_WEEKS:
        raise ValueError(
            f"table has {len(weeks)} groups, of which {_MOST_WEEKS} can be drawn; choose some, such as "
            "table[table['campaign_id'].isin(few)], or ask for fewer with by="
        )
    sheet = Sheet(ax, _titled(table), _LAYOUT)
    most = max((cell.value for week in weeks for cell in week.cells if cell.value), default=0.0)
    if not any(cell.campaigns for week in weeks for cell in week.cells):
        return sheet.empty(_EMPTY, [definition(table, _DEFINITION), as_of(table)], _marks(weeks, table))
    headed = bool(weeks[0].name)
    ax = sheet.opened(len(weeks) * (7 + headed), _caption(table, weeks))
    ax.set_xlim(0, 1)
    size = max(LEAST, min(_LARGEST, 0.62 * row_height(ax), width_of(ax) / 46))
    left = 4.2 * EM * size / width_of(ax)
    _draw_key(ax, most, _rates(table), size)
    _draw_hours(ax, left, size)
    for place, week in enumerate(weeks):
        top = place * (7 + headed) + headed
        if headed:
            text = written(ax, "", (0, top - 1), va="center", fontsize=size, weight="bold")
            fitted(text, week.name, ax.bbox.width)
        _draw_week(ax, week, top, left, most or 1.0, size)
    return sheet.closed(ax, _marks(weeks, table), said(table))


def _titled(table: pd.DataFrame) -> str:
    """Give the title with the zone of the hours."""
    zone = told(table).get("tz") or next(iter(table["tz"].dropna()), "")
    return f"{title(table, _TITLE)}, {zone}" if zone else title(table, _TITLE)


def _rates(table: pd.DataFrame) -> bool:
    """Tell whether the cells are rates of what was sent."""
    return "n_acted" in table.columns or "n_acted_human" in table.columns


def _weeks(table: pd.DataFrame) -> list[_Week]:
    rates = _rates(table)
    own = {name: human(table, name) for name in ("n", "rate", "n_campaigns")}
    weeks = []
    for name, rows in grouped(table, "weekday") if len(table) else []:
        cells = []
        for row in records(rows):
            cell = row[own["rate"] if rates else own["n"]]
            value = None if missing(cell) else float(cell)
            words = "" if value is None else f"{100 * value:.2g}" if rates else _brief(value)
            campaigns = 0 if missing(row[own["n_campaigns"]]) else int(row[own["n_campaigns"]])
            cells.append(_Cell(_DAYS.index(str(row["weekday"])), int(row["hour"]), value, words, campaigns))
        weeks.append(_Week(name, cells))
    return weeks


def _brief(n: float) -> str:
    """Write a number short enough for a cell."""
    return number(n) if n < 1000 else f"{n / 1000:.1f}k" if n < 9950 else f"{n / 1000:.0f}k"


def _colour(share: float) -> tuple[tuple[float, ...], str]:
    """Give the colour of a cell, and that of words on it."""
    red, green, blue, _ = mpl.colormaps[_MAP](min(max(share, 0.0), 1.0))
    light = 0.299 * red + 0.587 * green + 0.114 * blue
    return (red, green, blue), INK if light > 0.5 else "white"


def _draw_key(ax: Axes, most: float, rates: bool, size: float) -> None:
    """Draw the scale of colours above the right end."""
    row = row_height(ax)
    top, high = -0.5 - (_HEAD - 1.0) / row, 8.0 / row
    words = percent(most) if rates else number(most)
    room = (len(words) + 1) * EM * size / width_of(ax)
    start = 1 - _KEY - room
    for step in range(_STEPS):
        place = (start + _KEY * step / _STEPS, top)
        ax.add_patch(Rectangle(place, _KEY / _STEPS, high, color=_colour(step / (_STEPS - 1))[0], linewidth=0))
    style: dict[str, Any] = {"va": "center", "fontsize": max(LEAST, 0.9 * size), "color": GREY}
    written(ax, "0%" if rates else "0", (start, top + high / 2), xytext=(-3, 0), ha="right", **style)
    written(ax, words, (start + _KEY, top + high / 2), xytext=(3, 0), ha="left", **style)


def _draw_hours(ax: Axes, left: float, size: float) -> None:
    """Write the hours above the cells, as many as there is room for."""
    each = (1 - left) / 24
    room = each * width_of(ax)
    step = next(step for step in (1, 2, 3, 6, 12) if step * room > 3 * EM * size or step == 12)
    for hour in range(0, 24, step):
        middle = left + (hour + 0.5) * each
        written(ax, str(hour), (middle, -0.5), xytext=(0, 2), ha="center", va="bottom", fontsize=size, color=GREY)


def _draw_week(ax: Axes, week: _Week, top: int, left: float, most: float, size: float) -> None:
    for day, name in enumerate(_DAYS):
        written(ax, name[:3], (0, top + day), va="center", fontsize=size, color=INK)
    each = (1 - left) / 24
    room = each * width_of(ax) - 2
    letters = max((len(cell.words) for cell in week.cells), default=0) * EM
    small = min(size, room / letters if letters else size)
    for cell in week.cells:
        corner = (left + cell.hour * each, top + cell.day - 0.5)
        _draw_cell(ax, cell, corner, each, most)
        if cell.value is not None and small >= LEAST and row_height(ax) > 1.2 * small:
            at = (corner[0] + each / 2, corner[1] + 0.5)
            colour = _colour(cell.value / most)[1]
            written(ax, cell.words, at, ha="center", va="center", fontsize=small, color=colour)


def _draw_cell(ax: Axes, cell: _Cell, corner: tuple[float, float], width: float, most: float) -> None:
    """Fill a cell; hatch it where too little was sent, and leave it empty where nothing was."""
    style: dict[str, Any] = {"edgecolor": "white", "linewidth": 0.6}
    if cell.value is not None:
        ax.add_patch(Rectangle(corner, width, 1, facecolor=_colour(cell.value / most)[0], **style))
    elif cell.campaigns:
        # An edge of its own colour would draw the hatching in it, too.
        look: dict[str, Any] = {"facecolor": "white", "edgecolor": "#B0B0B0", "hatch": "//////", "linewidth": 0}
        ax.add_patch(Rectangle(corner, width, 1, **look))


def _caption(table: pd.DataFrame, weeks: Sequence[_Week]) -> list[str]:
    blank = [cell for week in weeks for cell in week.cells if cell.value is None]
    parts = ["Cells: rate in per cent" if _rates(table) else "Cells: recipients"]
    if any(cell.campaigns for cell in blank):
        parts.append("hatched: too little was sent")
    if any(not cell.campaigns for cell in blank):
        parts.append("empty: nothing was sent")
    why = reasons(table)
    aside = f"Events set aside as automatic: {why}." if why else ""
    return [f"{'; '.join(parts)}.", definition(table, _DEFINITION), notes(table), aside, as_of(table)]


def _marks(weeks: Sequence[_Week], table: pd.DataFrame) -> pd.DataFrame:
    measure = "rate" if _rates(table) else "recipients"
    return as_data(
        [
            {"group": week.name, "name": _hour(cell), "measure": measure, "value": cell.value}
            for week in weeks
            for cell in week.cells
        ]
    )


def _hour(cell: _Cell) -> str:
    return f"{_DAYS[cell.day]} {cell.hour}:00"


def said(table: pd.DataFrame) -> str:
    """Say what the picture shows."""
    checked(table, COLUMNS, "analysis.activity_heatmap")
    weeks = _weeks(table)
    parts = [f"{_titled(table)}, a cell for each hour of the week."]
    for week in weeks:
        known = [cell for cell in week.cells if cell.value is not None and cell.campaigns]
        best = [known[place] for place in np.argsort([-(cell.value or 0) for cell in known], kind="stable")[:_BEST]]
        form = percent if _rates(table) else number
        named = ", ".join(f"{_hour(cell)} {form(cell.value)}" for cell in best)
        parts.append(joined(week.name, f"most: {named}." if named else _EMPTY))
        few = sum(cell.value is None and cell.campaigns > 0 for cell in week.cells)
        parts += [f"{count(few, 'hour')} with too little sent."] if few else []
    return " ".join(parts) if weeks else f"{_titled(table)}. {_EMPTY}"
