"""The picture of rows beside summaries."""

from collections.abc import Sequence
from typing import Final

import pandas as pd
from matplotlib.axes import Axes

from cctrack.plots._dots import NAMES, Row, dot_marks, draw_dots
from cctrack.plots._groups import names_of
from cctrack.plots._panels import HEADING, Panel, Point
from cctrack.plots._sheet import LIGHT, WARM, Layout, Sheet, width_of
from cctrack.plots._words import Record, as_of, checked, count, definition, number, percent, records, title, value

COLUMNS: Final = ("metric", "summary", "diff", "status")
_TITLE, _DEFINITION = "Activities and summaries", "Rows of the activities beside what the service says."
_EMPTY: Final = "Neither activities nor summaries to compare."
# What stands in a cell, where there is room and where there is little, and what it means.
_SHORT: Final = {
    "equal": ("=", "=", "they agree"),
    "summary_stale": ("stale", "", "more rows, the summary was counted earlier"),
    "truncated": ("cut", "", "fewer rows, of a time that is not listed"),
    "proxy_opens_in_rows": ("proxy", "", "more openers in the rows, by privacy proxies"),
    "not_in_rows": ("no rows", "no rows", "the activities lack them"),
    "not_in_summaries": ("none", "none", "there is no summary to compare with"),
    "unexplained": ("?", "?", "not explained"),
}
_HEADINGS: Final = {"unsubscribes": "unsubs."}
_FINE: Final = ("=", "")  # words of cells that do not differ
_MOST, _LARGEST = 40, 9.0  # rows; points of letters
_EM, _GAP, _INSET = 0.62, 4.0, 8.0  # of the size of a letter, its width; points between cells, and within them
_EASY = 7.5  # points of letters, below which words are left out
_LAYOUT = Layout(0.22, 8.5, head=HEADING)


def reconcile(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw which counts of the activities agree with the summaries, and how far the others are off.

    Parameters
    ----------
    table
        What `analysis.reconcile` gave; of more than 40 campaigns the 40 that differ most.
    ax
        Axes to draw on; None makes a new figure of the right height.

    Returns
    -------
    matplotlib.axes.Axes
        A row for each campaign (or contact), a column for each metric. A cell says "=", or how many more (+) or fewer
        the rows have than the summary, and why.

    Raises
    ------
    TypeError, ValueError
        When the table is none of differences.
    """
    checked(table, COLUMNS, "analysis.reconcile")
    sheet = Sheet(ax, title(table, _TITLE), _LAYOUT)
    metrics = [str(name) for name in table["metric"].dropna().unique()]
    caption = [_summed_up(table), _key(table), definition(table, _DEFINITION), as_of(table)]
    if not metrics:
        return sheet.empty(_EMPTY, [definition(table, _DEFINITION), as_of(table)], dot_marks([], []))
    rows, size = _fitting(table, metrics, width_of(ax))
    most = sheet.holds(_MOST, ["", *caption])
    if len(rows) > most:
        kept = sorted(sorted(range(len(rows)), key=lambda place: _off(rows[place]))[:most])
        left = [row for place, row in enumerate(rows) if place not in set(kept)]
        agree = sum(all(point.words in _FINE for point in row.points) for row in left)
        caption.insert(0, f"Without {count(len(left), 'row')} that differ least, {number(agree)} of them in nothing.")
        rows = [rows[place] for place in kept]
    panels = _panels(rows, metrics)
    ax = sheet.opened(len(rows), caption)
    draw_dots(ax, rows, panels, largest=size, gap=_GAP)
    return sheet.closed(ax, dot_marks(rows, panels), said(table))


def _fitting(table: pd.DataFrame, metrics: Sequence[str], width: float) -> tuple[list[Row], float]:
    """Give the rows with as many words as can be read, and the points of their letters."""
    room = (1 - NAMES) * width - len(metrics) * (_GAP + _INSET)
    rows, size = _rows(table, metrics, 0), _LARGEST
    for level in (0, 1, 2):
        rows = _rows(table, metrics, level)
        size = room / (_EM * sum(panel.weight for panel in _panels(rows, metrics)))
        if size >= _EASY:
            break
    return rows, min(size, _LARGEST)


def _panels(rows: Sequence[Row], metrics: Sequence[str]) -> list[Panel]:
    """Give a panel for each metric, as wide as its words."""
    found = []
    for place, metric in enumerate(metrics):
        heading = _HEADINGS.get(metric, metric)
        letters = max(1.1 * len(heading), *(len(row.points[place].words or "") for row in rows))
        found.append(Panel(heading, f"diff, {metric}", kind="words", weight=letters))
    return found


def _off(row: Row) -> tuple[int, float]:
    """Order rows by how many cells differ, then by how much."""
    differ = [point for point in row.points if point.words not in _FINE]
    return -len(differ), -sum(abs(point.value or 0) for point in differ)


def _rows(table: pd.DataFrame, metrics: Sequence[str], level: int) -> list[Row]:
    columns = [str(name) for name in table.columns[: list(table.columns).index("metric")]]
    names = pd.Series(names_of(table, columns) if columns else [""] * len(table), index=table.index)
    keys = [name for name in columns if name in ("campaign_id", "contact_id")] or columns
    parts = table.groupby(keys, sort=False, dropna=False, observed=True) if keys else [("", table)]
    rows = []
    for _, own in parts:
        by_metric = {str(row["metric"]): row for row in records(own)}
        points = [
            _cell(by_metric[metric], level) if metric in by_metric else Point(None, words="") for metric in metrics
        ]
        rows.append(Row(names[own.index[0]], points))
    return rows


def _cell(row: Record, level: int) -> Point:
    """Give the words of a cell: fewer from level to level."""
    status, diff = str(row["status"]), value(row["diff"])
    long, short, _ = _SHORT.get(status, (status, status, ""))
    word = short if level == 2 else long
    tint = None if status == "equal" else WARM if status == "unexplained" else LIGHT
    if diff is None or status in ("equal", "not_in_rows", "not_in_summaries"):
        return Point(diff, words=word, tint=tint)
    summary = value(row["summary"])
    share = f"({percent(abs(diff / summary))})" if summary and level == 0 else ""
    return Point(diff, words=" ".join(filter(None, (f"{int(diff):+,}", share, word))), tint=tint)


def _statuses(table: pd.DataFrame) -> dict[str, int]:
    counts = table["status"].astype("string").value_counts()
    order = {name: place for place, name in enumerate(_SHORT)}
    return {str(name): int(n) for name, n in sorted(counts.items(), key=lambda one: order.get(str(one[0]), 99))}


def _summed_up(table: pd.DataFrame) -> str:
    agree = _statuses(table).get("equal", 0)
    return f"{number(agree)} of {count(len(table), 'count')} agree."


def _key(table: pd.DataFrame) -> str:
    """Say what the words in the cells mean, of those that are there."""
    known = [(_SHORT[name], n) for name, n in _statuses(table).items() if name in _SHORT and name != "equal"]
    said = [f"{word}: {meaning} ({number(n)})" for (word, _, meaning), n in known]
    return f"{'; '.join(said)}." if said else ""


def said(table: pd.DataFrame) -> str:
    """Say what the picture shows."""
    checked(table, COLUMNS, "analysis.reconcile")
    metrics = [str(name) for name in table["metric"].dropna().unique()]
    if not metrics:
        return f"Activities beside summaries. {_EMPTY}"
    parts = [f"Activities beside summaries, a row for each of them. {_summed_up(table)} {_key(table)}".strip()]
    differ = [row for row in _rows(table, metrics, 0) if _off(row)[0]]
    for row in differ[:_MOST]:
        cells = zip(metrics, row.points, strict=True)
        off = [f"{metric} {point.words}" for metric, point in cells if point.words not in _FINE]
        parts.append(f"{row.name}: {', '.join(off)}.")
    return " ".join(parts)
