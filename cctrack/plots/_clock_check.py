"""The picture of the clocks of the reports."""

from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes

from cctrack.plots._dots import Row, dot_marks, draw_dots, room_for
from cctrack.plots._kinds import kind_name
from cctrack.plots._panels import HEAD, Panel, Point
from cctrack.plots._sheet import LIGHT, Layout, Sheet
from cctrack.plots._words import (
    NONE,
    Record,
    as_of,
    checked,
    count,
    definition,
    missing,
    number,
    percent,
    records,
    title,
    value,
)

COLUMNS: Final = (
    "activity_type", "n", "share_before_send", "p01", "p05", "suggested_offset_hours", "verdict", "explanation"
)  # fmt: skip
_TITLE, _DEFINITION = "Do the clocks of the reports agree?", "Events of a recipient beside its own send."
_LAYOUT = Layout(0.26, 9, head=HEAD)
_EMPTY: Final = "No events beside a send of their own in these data."


def clock_check(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw for each kind of event how long after the send its first ones come, and whether that can be.

    Parameters
    ----------
    table
        What `analysis.clock_check` gave.
    ax
        Axes to draw on; None makes a new figure of the right height.

    Returns
    -------
    matplotlib.axes.Axes
        From the left: the time from send to event, as a line from the 1st to the point of the 5th percentile beside
        the send itself, a broken line; the share that comes before the send; the verdict.

    Raises
    ------
    TypeError, ValueError
        When the table is none of clocks.
    """
    checked(table, COLUMNS, "analysis.clock_check")
    sheet = Sheet(ax, title(table, _TITLE), _LAYOUT)
    if not (table["n"].fillna(0) > 0).any():
        return sheet.empty(_EMPTY, [definition(table, _DEFINITION), as_of(table)], dot_marks([], []))
    panels = [
        Panel("send to event", "hours from send", "5th percentile", line=0.0, form=duration, tick=duration, weight=1.4),
        Panel("before send", "share_before_send", "of events", kind="bar"),
        Panel("verdict", "suggested_offset_hours", "hours to add", kind="words"),
    ]
    kept = [0, 1, 2] if room_for(ax, 3) == 3 else [0, 2]
    rows = [_row(row, kept) for row in records(table)]
    key = "Line: from the 1st to the 5th percentile; broken line: the send."
    caption = [key, definition(table, _DEFINITION), as_of(table)]
    ax = sheet.opened(len(rows), caption)
    draw_dots(ax, rows, [panels[place] for place in kept])
    return sheet.closed(ax, dot_marks(rows, [panels[place] for place in kept]), said(table))


def _row(row: Record, kept: list[int]) -> Row:
    first, fifth = hours(row["p01"]), hours(row["p05"])
    offset = value(row["suggested_offset_hours"])
    suspect = str(row["verdict"]) == "suspect"
    points = [
        Point(fifth, first, fifth),
        Point(value(row["share_before_send"])),
        Point(offset, words=_verdict(row), tint=LIGHT if suspect else None),
    ]
    return Row(
        kind_name(row["activity_type"]), [points[place] for place in kept], words=number(row["n"]), strong=suspect
    )


def _verdict(row: Record) -> str:
    if missing(row["verdict"]):
        return "no events"
    if str(row["verdict"]) != "suspect":
        return str(row["verdict"])
    offset = row["suggested_offset_hours"]
    return "suspect" if missing(offset) or not offset else f"suspect: {int(offset):+d} h"


def hours(cell: Any) -> float | None:
    """Give a time as hours."""
    return None if missing(cell) else float(pd.Timedelta(cell) / pd.Timedelta(hours=1))


def duration(length: float) -> str:
    """Write hours in the unit that suits them."""
    if abs(length) >= 1:
        return f"{length:.3g} h"
    if abs(length) * 60 >= 1:
        return f"{length * 60:.3g} min"
    return f"{length * 3600:.3g} s" if length else "0"


def _beside(length: float | None) -> str:
    return NONE if length is None else f"{duration(abs(length))} {'before' if length < 0 else 'after'} it"


def said(table: pd.DataFrame) -> str:
    """Say what the picture shows."""
    checked(table, COLUMNS, "analysis.clock_check")
    parts = [
        f"{kind_name(row['activity_type'])}, {count(row['n'], 'recipient')}: {_verdict(row)}, "
        f"{percent(row['share_before_send'])} before their send, 5th percentile {_beside(hours(row['p05']))}"
        for row in records(table)
    ]
    return f"Clocks of the reports, a row for each kind of event. {'. '.join(parts) or _EMPTY[:-1]}."
