"""The pictures of links that the same contacts clicked: a matrix of few links, or the surest pairs of many."""

from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import unquote

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.patches import Rectangle

from cctrack.plots._bars import as_data
from cctrack.plots._dots import Row, draw_dots, room_for
from cctrack.plots._groups import grouped
from cctrack.plots._letters import fitted, taken
from cctrack.plots._panels import HEAD, HEADING, Panel, Point
from cctrack.plots._scale import EM
from cctrack.plots._sheet import DARK, FAINT, GREY, INK, LEAST, WARM, Layout, Sheet, row_height, width_of, written
from cctrack.plots._words import (
    as_of,
    checked,
    count,
    definition,
    flag,
    human,
    interval,
    joined,
    number,
    reasons,
    title,
    told,
    value,
)

COLUMNS: Final = ("link_a", "link_b", "n_both", "n_a", "n_b", "n_clickers", "lift", "p_adj")
_TITLE, _DEFINITION = (
    "Links clicked by the same contacts",
    "Contacts that clicked both links, among those that clicked.",
)
_EMPTY: Final = "No two links were clicked by the same contacts often enough."
_MOST_LINKS, _MOST = 25, 40
_MATRIX, _LIST = Layout(0.24, 10, head=HEADING / 2), Layout(0.22, 8.5, head=HEAD)
_LARGEST = 9.0  # points, of letters
_NAMES = 0.42  # of the width, at most
_WIDEST = 0.1  # of the width, of a cell
_DEEPEST = 4.0  # doublings of the lift, from which cells are darkest
_DARKEST = 0.8  # of the full colour, on which letters can still be read


def co_clicks(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw which links were clicked by the same contacts more often than chance would have it.

    Parameters
    ----------
    table
        What `analysis.co_clicks` gave.
    ax
        Axes to draw on; None makes a new figure of the right height.

    Returns
    -------
    matplotlib.axes.Axes
        Up to 25 links of one group: a matrix with the lift of each pair, framed where it is surely more than chance,
        blank where too few clicked both. Of more links, or several groups, a row for each of the 40 surest pairs: a
        bar for the contacts that clicked both, a point for the lift with its interval.

    Raises
    ------
    TypeError, ValueError
        When the table is none of pairs of links.
    """
    checked(table, COLUMNS, "analysis.co_clicks")
    known = _read(table)
    if not len(known):
        sheet = Sheet(ax, title(table, _TITLE), _MATRIX)
        return sheet.empty(_EMPTY, [definition(table, _DEFINITION), as_of(table)], as_data([]))
    links = list(dict.fromkeys(known[["a", "b"]].to_numpy().ravel().tolist()))
    sheet, caption = Sheet(ax, title(table, _TITLE), _MATRIX), _caption(table, matrix=True)
    if known["group"].nunique() == 1 and len(links) <= min(_MOST_LINKS, sheet.holds(_MOST_LINKS, caption)):
        ax = sheet.opened(len(links), caption)
        _draw_matrix(ax, known, links)
        return sheet.closed(ax, _marks(known), said(table))
    return _listed(table, known, ax)


def _read(table: pd.DataFrame) -> pd.DataFrame:
    """Take the pairs that are judged, the surest first."""
    names = ("n_both", "n_clickers", "lift", "lift_low", "lift_high", "p_adj")
    held = {
        name: table[human(table, name)].astype("float64").to_numpy() for name in names if human(table, name) in table
    }
    known = pd.DataFrame({"lift_low": np.nan, "lift_high": np.nan, **held}, index=range(len(table)))
    for side in ("a", "b"):
        known[side] = [_name(one) for one in table.get(f"url_key_{side}", table[f"link_{side}"])]
    known["group"] = ""
    for name, rows in grouped(table.reset_index(drop=True), "link_a"):
        known.loc[rows.index, "group"] = name
    known["sure"] = known["p_adj"] <= 1 - float(told(table).get("ci") or 0.95)
    known = known[known["lift"].notna()]
    return known.sort_values(["p_adj", "lift"], ascending=[True, False], kind="stable", ignore_index=True)


def _name(address: object) -> str:
    return str(address).removeprefix("https://")


def _read_as(name: object) -> str:
    """Give an address as people write it; several may look the same."""
    return unquote(str(name))


def _draw_matrix(ax: Axes, known: pd.DataFrame, links: Sequence[str]) -> None:
    """Draw a cell for each pair: rows and columns are the links, in one order."""
    ax.set_xlim(0, 1)
    size = max(LEAST, min(_LARGEST, 0.55 * row_height(ax), width_of(ax) / 46))
    left = _draw_links(ax, links, size)
    each = min(_WIDEST, (1 - left) / max(len(links) - 1, 1))
    letters = max(LEAST, min(size, each * width_of(ax) / (4.5 * EM)))
    place = {name: at for at, name in enumerate(links)}
    ax.hlines([at + 0.5 for at in range(len(links))], 0, 1, color=FAINT, linewidth=0.5, zorder=0)
    for at in range(len(links) - 1):
        middle = left + (at + 0.5) * each
        style: dict[str, Any] = {"ha": "center", "va": "bottom", "fontsize": letters, "color": GREY}
        written(ax, str(at + 1), (middle, at + 0.5), xytext=(0, 2), **style)
    for row in known.itertuples():
        low, high = sorted((place[str(row.a)], place[str(row.b)]))
        _draw_cell(ax, row, (left + low * each, high - 0.5), each, letters)


def _draw_links(ax: Axes, links: Sequence[str], size: float) -> float:
    """Write the links with their numbers at the left; give the share of the width that they take."""
    widest = 0.0
    style: dict[str, Any] = {"va": "center", "fontsize": size}
    indent = (len(str(len(links))) + 1) * EM * size
    for at, name in enumerate(links):
        written(ax, str(at + 1), (0, at), color=GREY, **style)
        text = written(ax, "", (0, at), xytext=(indent, 0), **style)
        fitted(text, _read_as(name), _NAMES * ax.bbox.width, address=True)
        widest = max(widest, taken(text))
    return float(widest / ax.bbox.width + (indent + 6) / width_of(ax))


def _draw_cell(ax: Axes, row: Any, corner: tuple[float, float], width: float, size: float) -> None:
    depth = _DARKEST * min(1.0, abs(float(np.log2(max(row.lift, 1e-6)))) / _DEEPEST)
    far = np.array(to_rgb(DARK if row.lift >= 1 else WARM))
    colour = tuple((1 - depth) * np.ones(3) + depth * far)
    frame: dict[str, Any] = {"edgecolor": INK, "linewidth": 1.4, "zorder": 2} if row.sure else {"linewidth": 0}
    ax.add_patch(Rectangle((corner[0], corner[1] + 0.06), width, 0.88, facecolor=colour, **frame))
    words = _times(row.lift)
    if len(words) * EM * size > width * width_of(ax):
        return
    style: dict[str, Any] = {"ha": "center", "va": "center", "fontsize": size, "zorder": 3}
    middle = corner[0] + width / 2, corner[1] + 0.5
    written(ax, words, middle, weight="bold" if row.sure else "normal", **style)


def _times(lift: float) -> str:
    return f"{lift:.1f}" if lift < 9.95 else f"{lift:.0f}"


def _tick(place: float) -> str:
    return f"{place:,.4g}"


def _listed(table: pd.DataFrame, known: pd.DataFrame, ax: Axes | None) -> Axes:
    """Draw a row for each of the surest pairs."""
    sheet, caption = Sheet(ax, title(table, _TITLE), _LIST), _caption(table, matrix=False)
    most = sheet.holds(_MOST, ["", *caption])
    if len(known) > most:
        caption.insert(0, f"Without {count(len(known) - most, 'pair')} less sure.")
    shown = known.head(most)
    panels = {
        "b": Panel("and", "link_b", kind="words", weight=1.9),
        "lift": Panel("lift", "lift", "times", weight=1.3, zero=True, line=1.0, form=_times, tick=_tick),
        "n_both": Panel("clicked both", "n_both", "contacts", kind="bar", form=number, tick=_tick),
    }
    room = room_for(ax, len(panels))
    used = ["lift"] if room == 1 else ["b", "lift"] if room == 2 else [*panels]
    rows = []
    for pair in shown.itertuples():
        points = {
            "b": Point(None, words=_read_as(pair.b)),
            "lift": Point(value(pair.lift), value(pair.lift_low), value(pair.lift_high)),
            "n_both": Point(value(pair.n_both)),
        }
        name = _read_as(pair.a if room > 1 else f"{pair.a} and {pair.b}")
        rows.append(Row(joined(str(pair.group), name), [points[one] for one in used], strong=flag(pair.sure)))
    ax = sheet.opened(len(rows), caption)
    draw_dots(ax, rows, [panels[one] for one in used])
    return sheet.closed(ax, _marks(shown), said(table))


def _marks(known: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for pair in known.itertuples():
        own: dict[str, Any] = {"group": str(pair.group), "name": f"{pair.a} and {pair.b}"}
        rows.append({**own, "measure": "lift", "value": pair.lift, "low": pair.lift_low, "high": pair.lift_high})
        rows.append({**own, "measure": "n_both", "value": pair.n_both})
    return as_data(rows)


def _caption(table: pd.DataFrame, *, matrix: bool) -> list[str]:
    least = told(table).get("min_both")
    few = f"fewer than {least}" if least else "too few"
    key = f"Numbers: lift; framed: more than by chance; blank: {few} contacts clicked both."
    if not matrix:
        key = f"Line: {interval(table)} of lift; shaded: more than by chance, allowing for the number of pairs."
    why = reasons(table)
    aside = f"Clicks set aside as automatic: {why}." if why else ""
    first = (told(table).get("notes") or [""])[0]
    return [key, definition(table, _DEFINITION), aside, str(first), as_of(table)]


def said(table: pd.DataFrame) -> str:
    """Say what the picture shows."""
    checked(table, COLUMNS, "analysis.co_clicks")
    known = _read(table)
    if not len(known):
        return f"{title(table, _TITLE)}. {_EMPTY}"
    sure = int(known["sure"].sum())
    parts = [f"{title(table, _TITLE)}: {count(len(known), 'pair')} of links, {sure} surely more than by chance."]
    for pair in known.head(_MOST).itertuples():
        name = joined(str(pair.group), f"{pair.a} and {pair.b}")
        parts.append(f"{name}: clicked by the same {count(pair.n_both, 'contact')}, lift {_times(float(pair.lift))}.")  # type: ignore[arg-type]
    if len(known) > _MOST:
        parts.append(f"And {count(len(known) - _MOST, 'more pair')}.")
    return " ".join(parts)
