"""The picture of a scorecard."""

from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd
from matplotlib.axes import Axes

from cctrack.plots._dots import Row, dot_marks, draw_dots, room_for
from cctrack.plots._groups import names_of
from cctrack.plots._panels import HEAD, Panel, Point
from cctrack.plots._sheet import Layout, Sheet
from cctrack.plots._words import (
    HUMAN,
    NONE,
    Record,
    as_of,
    checked,
    count,
    definition,
    flag,
    human,
    interval,
    missing,
    number,
    percent,
    reasons,
    records,
    title,
    told,
    value,
)

COLUMNS: Final = ("line", "sent", "click_rate")
_TITLE, _DEFINITION = "Scorecard", "Rates of each campaign."
_RATES: Final = ("click", "open", "unsubscribe", "bounce")  # those that matter most first
_HEADINGS: Final = {"click": "clicked", "open": "opened", "unsubscribe": "unsubscribed", "bounce": "bounced"}
_OF: Final = {"bounce": "sent"}
_ALL: Final = {"pooled": "all together", "mean": "average of rates"}
_MOST = 40
_LAYOUT = Layout(0.22, 8.5, head=HEAD)


def scorecard(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the key rates of each campaign as points with their intervals, beside that of all together.

    Parameters
    ----------
    table
        What `analysis.scorecard` gave, in its order; of more than 40 campaigns the 40 with most recipients.
    ax
        Axes to draw on; None makes a new figure of the right height.

    Returns
    -------
    matplotlib.axes.Axes
        Panels of click, open, unsubscribe and bounce rate, as many as there is room for. The broken line is the rate
        of all together, the tick what was recorded with automatic events; hollow points have very few recipients.

    Raises
    ------
    TypeError, ValueError
        When the table is no scorecard.
    """
    checked(table, COLUMNS, "analysis.scorecard")
    sheet = Sheet(ax, title(table, _TITLE), _LAYOUT)
    if not (table["sent"].fillna(0) > 0).any():
        return sheet.empty(
            "No mailings in these data.", [definition(table, _DEFINITION), as_of(table)], dot_marks([], [])
        )
    rates = [name for name in _RATES if f"{name}_rate" in table.columns][: room_for(ax, len(_RATES))]
    caption = _caption(table)
    shown = _largest(table, sheet.holds(_MOST + len(_ALL), ["", *caption]) - int((table["line"] != "group").sum()))
    left = int((table["line"] == "group").sum() - (shown["line"] == "group").sum())
    if left:
        caption.insert(0, f"Without {count(left, 'row')} of fewer recipients.")
    panels = [_panel(table, name) for name in rates]
    rows = _rows(shown, rates)
    ax = sheet.opened(len(rows), caption)
    draw_dots(ax, rows, panels)
    return sheet.closed(ax, dot_marks(rows, panels), said(table))


def _largest(table: pd.DataFrame, most: int) -> pd.DataFrame:
    """Give the lines of all, and the groups with most recipients, in the order of the table."""
    groups = table[table["line"] == "group"]
    sizes = groups["sent"].astype("Float64").fillna(0).sort_values(ascending=False, kind="stable")
    dropped = sizes.index[max(most, 1) :]
    return table.drop(index=dropped)


def _rows(table: pd.DataFrame, rates: Sequence[str]) -> list[Row]:
    columns = [str(name) for name in table.columns[: list(table.columns).index("line")]]
    names = names_of(table, columns) if columns else [""] * len(table)
    found = []
    for name, row in zip(names, records(table), strict=True):
        line = str(row["line"])
        strong = line != "group"
        points = [_point(row, rate) for rate in rates]
        words = "" if missing(row["sent"]) else number(row["sent"])
        found.append(Row(_ALL.get(line, line) if strong else name, points, words=words, strong=line == "pooled"))
    return found


def _point(row: Record, rate: str) -> Point:
    side = HUMAN if f"{rate}_rate{HUMAN}" in row else ""
    found = {name: value(row.get(f"{rate}_{name}{side}")) for name in ("rate", "low", "high")}
    recorded = value(row[f"{rate}_rate"]) if side else None
    hollow = flag(row.get(f"low_n{side}", False))
    return Point(found["rate"], found["low"], found["high"], _other(recorded, found["rate"]), hollow)


def _other(recorded: float | None, left: float | None) -> float | None:
    return None if recorded == left else recorded


def _panel(table: pd.DataFrame, rate: str) -> Panel:
    column = f"{rate}_rate"
    of = told(table).get("rates")
    denominator = of[column][1] if isinstance(of, Mapping) and column in of else _OF.get(rate, "delivered")
    pooled = table.loc[table["line"] == "pooled", human(table, column)]
    line = value(pooled.iloc[0]) if len(pooled) else None
    return Panel(_HEADINGS[rate], column, under=f"of {denominator}".replace("_", " "), line=line)


def _caption(table: pd.DataFrame) -> list[str]:
    key = [f"Line: {interval(table)}"]
    key += ["tick: as recorded"] if human(table, "click_rate") != "click_rate" else []
    key += ["hollow: very few opened or clicked"] if "low_n" in table.columns and table["low_n"].any() else []
    key += ["broken line: all together"] if (table["line"] == "pooled").any() else []
    why = reasons(table)
    aside = f"Events set aside as automatic: {why}." if why else ""
    return [f"{'; '.join(key)}.", aside, definition(table, _DEFINITION), as_of(table)]


def said(table: pd.DataFrame) -> str:
    """Say what the picture shows."""
    checked(table, COLUMNS, "analysis.scorecard")
    rates = [name for name in _RATES if f"{name}_rate" in table.columns]
    groups = table[table["line"] == "group"]
    parts = [f"Scorecard as points with intervals: {count(len(groups), 'row')}."]
    for row in _rows(table[table["line"] == "pooled"], rates):
        parts.append(f"All together: {row.words or NONE} sent, {_in_words(row, rates)}.")
    for row in _rows(groups.head(_MOST), rates):
        parts.append(f"{row.name}: {row.words or NONE} sent, {_in_words(row, rates)}.")
    if len(groups) > _MOST:
        parts.append(f"And {count(len(groups) - _MOST, 'more row')}.")
    return " ".join(parts)


def _in_words(row: Row, rates: Sequence[str]) -> str:
    told = []
    for rate, point in zip(rates, row.points, strict=True):
        ends = f" ({percent(point.low)} to {percent(point.high)})" if point.low is not None else ""
        told.append(f"{rate} rate {percent(point.value)}{ends}")
    return ", ".join(told)
