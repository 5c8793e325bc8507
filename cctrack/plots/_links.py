"""The picture of the most clicked links."""

from collections.abc import Sequence
from typing import Final

import pandas as pd
from matplotlib.axes import Axes

from cctrack.plots._bars import Bar, draw_bars, marks
from cctrack.plots._dots import Row, dot_marks
from cctrack.plots._groups import grouped
from cctrack.plots._link_rows import SHOWN, Groups, address, largest, longest_first, rows_of, shared_out
from cctrack.plots._panels import HEAD, Panel, Place, Point, draw_panel
from cctrack.plots._sheet import Layout, Sheet, width_of
from cctrack.plots._words import (
    as_of,
    checked,
    count,
    definition,
    human,
    interval,
    notes,
    number,
    percent,
    reasons,
    records,
    title,
)

COLUMNS: Final = ("link_uri", "clicks_total", "unique_clickers", "share_of_clicks")
_TITLE, _DEFINITION = "Most clicked links", "Shares are of all clicks in the table."
_NOTHING: Final = "No links in these data."
_MOST, _NAMED = 40, 3
_PANEL = 0.25  # of the width, for the reach
_LEAST_FOR_PANEL = 360.0  # points of width
_SMALL = 8.0  # points, of words in the panel
_LAYOUT = Layout(0.42, 16)
_MEASURES: Final = {"behind": "clicks_total", "value": "unique_clickers", "outline": "clicks_total recorded"}


def link_popularity(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw clicks by link, the longest bar first: all clicks in light, different contacts in dark before them.

    Parameters
    ----------
    table
        What `analysis.link_popularity` gave; groups stand below each other, those with most clicks where there is
        not room for all.
    ax
        Axes to draw on; None makes a new figure of the right height.

    Returns
    -------
    matplotlib.axes.Axes
        Up to 12 links, fewer where there is no room, and the others in words. Words: clicks, contacts, share of the
        clicks; at the right the rank with its interval, and the reach with its own. Automatic clicks stand in the
        outline alone, where the table tells them. Long addresses are shortened in the middle.

    Raises
    ------
    TypeError, ValueError
        When the table is none of links.
    """
    checked(table, COLUMNS, "analysis.link_popularity")
    if not len(table):
        nothing = Sheet(ax, title(table, _TITLE), _LAYOUT)
        return nothing.empty(_NOTHING, [definition(table, _DEFINITION), as_of(table)], marks([], _MEASURES))
    panel = _reach_known(table) and width_of(ax) >= _LEAST_FOR_PANEL
    sheet = Sheet(ax, title(table, _TITLE), Layout(_LAYOUT.row, _LAYOUT.least, HEAD if panel else 0.0))
    groups = [(name, longest_first(rows)) for name, rows in grouped(table, "link_uri")]
    caption = _caption(table, groups, panel)
    room = sheet.holds(_MOST if len(groups) > 1 else SHOWN + 1, ["", *caption])
    shown = largest(groups, room)
    if len(shown) < len(groups):
        caption.insert(0, f"Without {count(len(groups) - len(shown), 'group')} of fewer clicks.")
    bars: list[Bar] = []
    reach: list[Point | None] = []
    for (name, links), most in zip(shown, shared_out(shown, room), strict=True):
        new, points = rows_of(name, links, most)
        bars, reach = bars + new, reach + points
    ax = sheet.opened(len(bars), caption)
    draw_bars(ax, bars, _MEASURES, width=1 - _PANEL if panel else 1.0)
    data = marks(bars, _MEASURES)
    if panel:
        data = pd.concat([data, _reach(ax, bars, reach)], ignore_index=True)
    return sheet.closed(ax, data, said(table))


def _reach_known(table: pd.DataFrame) -> bool:
    names = [human(table, name) for name in ("reach", "reach_low", "reach_high")]
    return all(name in table.columns for name in names) and bool(table[names[0]].notna().any())


def _reach(ax: Axes, bars: Sequence[Bar], reach: Sequence[Point | None]) -> pd.DataFrame:
    """Draw the reach of the links beside their bars; give what is drawn."""
    panel = Panel("reach", "reach", under="of those exposed")
    draw_panel(ax, reach, panel, Place(1.03 - _PANEL, 1.0, _SMALL, down=0.24))
    rows = [Row(bar.name, [point], group=bar.group) for bar, point in zip(bars, reach, strict=True) if point]
    return dot_marks(rows, [panel])


def _caption(table: pd.DataFrame, groups: Groups, panel: bool) -> list[str]:
    key = ["Light: all clicks", "dark: different contacts"]
    key += ["outline: clicks as recorded"] if human(table, "clicks_total") != "clicks_total" else []
    words = "; ".join(key) + "."
    if panel:
        hollow = "; hollow: very few clicked" if "low_n" in table.columns else ""
        words += f" Reach with its {interval(table)}{hollow}."
    return [
        words,
        _together(table, groups),
        _aside(table, groups),
        definition(table, _DEFINITION),
        notes(table),
        as_of(table),
    ]


def _together(table: pd.DataFrame, groups: Groups) -> str:
    """Say how much the first few have of all clicks."""
    if len(groups) != 1 or len(table) < 2 * _NAMED:
        return ""
    shares = groups[0][1][human(table, "share_of_clicks")].head(_NAMED)
    return "" if shares.isna().any() else f"The first {_NAMED} links have {percent(shares.sum())} of the clicks."


def _aside(table: pd.DataFrame, groups: Groups) -> str:
    """Say how many clicks were set aside, and why."""
    column, why = human(table, "clicks_total"), reasons(table)
    if column == "clicks_total":
        return f"Events set aside as automatic: {why}." if why else ""
    recorded, left = int(table["clicks_total"].sum()), int(table[column].sum())
    because = f" ({why})" if why else ""
    # Segments may share contacts, whose clicks then count in each: the sum is not that of the whole.
    over = ", added up over the groups," if len(groups) > 1 else ""
    return f"{number(recorded - left)} of {count(recorded, 'click')}{over} set aside as automatic{because}."


def said(table: pd.DataFrame) -> str:
    """Say what the picture shows."""
    checked(table, COLUMNS, "analysis.link_popularity")
    names = [human(table, name) for name in COLUMNS[1:]]
    total = count(table[names[0]].sum(), "click")
    parts = [f"Clicks by link as horizontal bars: {count(len(table), 'link')}, {total}."]
    for name, links in grouped(table, "link_uri") if len(table) else []:
        most = []
        for link in records(longest_first(links).head(_NAMED)):
            clicks, people, share = (link[one] for one in names)
            numbers = f"{count(clicks, 'click')} by {count(people, 'contact')} ({percent(share)} of clicks)"
            most.append(f"{address(link)} with {numbers}")
        parts.append(f"{name}: most clicked: {'; '.join(most)}." if name else f"Most clicked: {'; '.join(most)}.")
    return " ".join(parts[: _MOST + 1])
