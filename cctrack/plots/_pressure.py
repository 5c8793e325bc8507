"""The pictures of pressure: rates by how much contacts got, and the share that leaves at the n-th send."""

from typing import Final

import pandas as pd
from matplotlib.axes import Axes

from cctrack.plots._dots import Row, dot_marks, draw_dots, room_for
from cctrack.plots._panels import HEAD, Panel, Point
from cctrack.plots._sheet import Layout, Sheet
from cctrack.plots._words import (
    HUMAN,
    Record,
    as_of,
    checked,
    count,
    definition,
    flag,
    human,
    interval,
    missing,
    notes,
    number,
    reasons,
    records,
    title,
    told,
    value,
)

BANDS: Final = ("pressure_band", "sends", "contacts", "click_rate", "click_rate_within", "unsubscribe_rate")
HAZARD: Final = ("send_index", "at_risk", "unsubscribes", "hazard")
_TITLE, _DEFINITION = "Clicks and departures by earlier sends", "Delivered sends by the number of sends before them."
_DEPARTURES, _LEFT = "Departures by the n-th send", "Contacts that unsubscribed, of those delivered their n-th send."
_EMPTY: Final = "No sends to count."
_MOST: Final = 40  # sends
_FEW: Final = 5  # departures, from which a rate is firm
_LAYOUT = Layout(0.26, 9.0, head=HEAD)


def _points(rate: float) -> str:
    """Write a difference of rates in percentage points."""
    return f"{100 * rate:+.2f}"


_PANELS: Final = (
    Panel("click rate", "click_rate"),
    Panel(
        "against themselves",
        "click_rate_within",
        "points",
        zero=True,
        line=0.0,
        form=_points,
        tick=lambda one: f"{100 * one:+.3g}",
    ),
    Panel("unsubscribe rate", "unsubscribe_rate", zero=True),
    Panel("sends", "sends", kind="bar", weight=0.8, form=number, tick="{:,.0f}".format),
)
_OF_HAZARD: Final = (
    Panel("unsubscribe", "hazard", "of those still there", zero=True, weight=1.6),
    Panel("at risk", "at_risk", "contacts", kind="bar", form=number, tick="{:,.0f}".format),
)
_ENDS: Final = {
    "click_rate": ("click_low", "click_high"),
    "click_rate_within": ("within_low", "within_high"),
    "unsubscribe_rate": ("low", "high"),
    "hazard": ("low", "high"),
}


def pressure(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw whether more mail costs clicks or readers.

    Parameters
    ----------
    table
        What `analysis.pressure` gave: of bands, or of the hazard.
    ax
        Axes to draw on; None makes a new figure of the right height.

    Returns
    -------
    matplotlib.axes.Axes
        A row for each band that has sends, or for each of the first 40 sends, with rates and their intervals; hollow
        where fewer than 5 unsubscribed. Without automatic events where the table has both.

    Raises
    ------
    TypeError, ValueError
        When the table is neither.
    """
    hazard = _of_hazard(table)
    sheet = Sheet(ax, title(table, _DEPARTURES if hazard else _TITLE), _LAYOUT)
    panels: tuple[Panel, ...] = _OF_HAZARD if hazard else _PANELS
    panels = panels[: room_for(ax, len(panels))]
    rows = _rows(table, panels, hazard=hazard)
    caption = _caption(table, hazard=hazard)
    if not rows:
        return sheet.empty(_EMPTY, [*caption[1:2], caption[-1]], dot_marks([], []))
    most = sheet.holds(_MOST, ["", *caption])
    if len(rows) > most:
        caption.insert(0, f"Without {count(len(rows) - most, 'later send')}.")
    ax = sheet.opened(len(rows[:most]), caption)
    draw_dots(ax, rows[:most], panels)
    return sheet.closed(ax, dot_marks(rows[:most], panels), said(table))


def _of_hazard(table: object) -> bool:
    """Check the table, and tell which of the two it is."""
    if isinstance(table, pd.DataFrame) and set(HAZARD) <= set(table.columns):
        return True
    checked(table, BANDS, "analysis.pressure")
    return False


def _rows(table: pd.DataFrame, panels: tuple[Panel, ...], *, hazard: bool) -> list[Row]:
    base = human(table, "at_risk" if hazard else "sends")
    rows = []
    for row in records(table):
        if missing(row[base]) or not int(row[base]):
            continue
        name = f"send {row['send_index']}" if hazard else f"{row['pressure_band']} before"
        rows.append(Row(name, [_point(table, row, panel) for panel in panels]))
    return rows


def _point(table: pd.DataFrame, row: Record, panel: Panel) -> Point:
    own = value(row[human(table, panel.measure)])
    if panel.kind == "bar":
        return Point(own)
    low, high = (value(row[human(table, name)]) for name in _ENDS[panel.measure])
    few = panel.measure in ("hazard", "unsubscribe_rate") and row[human(table, "unsubscribes")] < _FEW
    recorded = value(row[panel.measure]) if human(table, panel.measure).endswith(HUMAN) else None
    changed = recorded is not None and own is not None and abs(recorded - own) > 1e-12
    return Point(own, low, high, recorded=recorded if changed else None, hollow=flag(few))


def _caption(table: pd.DataFrame, *, hazard: bool) -> list[str]:
    parts = [f"Line: {interval(table)}", f"hollow: fewer than {_FEW} unsubscribed"]
    if human(table, "hazard" if hazard else "click_rate").endswith(HUMAN):
        parts.append("stroke: as recorded")
    themselves = "" if hazard else "Against themselves: click rate less the contact's own, in percentage points."
    why = reasons(table)
    aside = f"Events set aside as automatic: {why}." if why else ""
    first = str(next(iter(told(table).get("notes") or ()), ""))
    return [f"{'; '.join(parts)}.", definition(table, _LEFT if hazard else _DEFINITION), themselves, first, aside,
            as_of(table)]  # fmt: skip


def said(table: pd.DataFrame) -> str:
    """Say what the picture shows."""
    hazard = _of_hazard(table)
    panels = _OF_HAZARD if hazard else _PANELS
    rows = _rows(table, panels, hazard=hazard)
    lead = title(table, _DEPARTURES if hazard else _TITLE)
    if not rows:
        return f"{lead}. {_EMPTY}"
    parts = [f"{lead}."]
    for row in rows[:_MOST]:
        known = [
            f"{panel.heading} {panel.words(point)}{_between(point, panel)}"
            for panel, point in zip(panels, row.points, strict=True)
            if point.value is not None
        ]
        parts.append(f"{row.name}: {', '.join(known)}.")
    return " ".join([*parts, notes(table)]).strip()


def _between(point: Point, panel: Panel) -> str:
    if point.low is None or point.high is None:
        return ""
    unit = " points" if panel.form is _points else ""
    return f"{unit} ({panel.form(point.low)} to {panel.form(point.high)})"
