"""The pictures of engagement: how many contacts are in each state, and who went from which to which."""

from typing import Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import to_hex, to_rgb

from cctrack.plots._bars import Bar, draw_bars, marks
from cctrack.plots._dots import NAMES, Row, dot_marks, draw_dots
from cctrack.plots._panels import HEADING, Panel, Point
from cctrack.plots._sheet import LIGHT, Layout, Sheet, width_of
from cctrack.plots._words import (
    HUMAN,
    as_of,
    checked,
    count,
    definition,
    human,
    joined,
    number,
    percent,
    reasons,
    title,
    told,
    value,
)

CONTACTS: Final = ("contact_id", "state", "state_before", "r", "f", "d")
TRANSITIONS: Final = ("state_before", "state", "n", "share")
_TITLE, _DEFINITION = "Engagement of contacts", "Contacts by state."
_CHANGES, _CHANGED = "Changes of engagement", "Contacts by the state they were in and the state they are in."
_EMPTY: Final = "No contacts."
# From those to keep to those to part with, where the table does not say its order.
_ORDER: Final = (
    "clicker", "opener", "new", "lapsed", "never", "out_of_recency", "unsubscribed", "undeliverable", "unseen",
)  # fmt: skip
_BARS, _CELLS = Layout(0.26, 12.0), Layout(0.26, 9.0, head=HEADING)
_EM, _LARGEST, _USUAL = 0.62, 8.5, 7.5  # of the size of a letter, its width; points of letters
_EASY: Final = 8.5  # letters of a cell, below which shares have no decimals and headings are short
_SHORT: Final = {
    "clicker": "click", "opener": "open", "lapsed": "laps.", "never": "nev.", "out_of_recency": "out",
    "unsubscribed": "uns.", "undeliverable": "und.",
}  # fmt: skip
_HEADINGS: Final = {"out_of_recency": "out", "unsubscribed": "unsubscr.", "undeliverable": "undeliv."}
_MEASURES: Final = {"behind": "contacts before", "value": "contacts", "outline": "contacts, recorded"}


def engagement_states(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw how many contacts are in each state, or how many went from which state to which.

    Parameters
    ----------
    table
        What `analysis.engagement_states` gave: of contacts, or of transitions.
    ax
        Axes to draw on; None makes a new figure of the right height.

    Returns
    -------
    matplotlib.axes.Axes
        Of contacts a bar a state, before the lighter one of the earlier moment, with number and share. Of
        transitions a row for each state before and a column for each state now; a cell says which share of its row
        went there.

    Raises
    ------
    TypeError, ValueError
        When the table is neither.
    """
    if isinstance(table, pd.DataFrame) and set(TRANSITIONS) <= set(table.columns):
        return _matrix(table, ax)
    checked(table, CONTACTS, "analysis.engagement_states")
    bars = _bars(table)
    sheet = Sheet(ax, title(table, _TITLE), _BARS)
    caption = [_key(table), definition(table, _DEFINITION), _aside(table), as_of(table)]
    if not bars:
        return sheet.empty(_EMPTY, caption[1:], marks([], {}))
    ax = sheet.opened(len(bars), caption)
    draw_bars(ax, bars, _MEASURES, above=False)
    return sheet.closed(ax, marks(bars, _MEASURES), said(table))


def _bars(table: pd.DataFrame) -> list[Bar]:
    """Give a bar for each state that contacts are or were in."""
    own, recorded = human(table, "state"), table["state"].value_counts()
    now, before = table[own].value_counts(), table[human(table, "state_before")].value_counts()
    known = [state for state in _ORDER if state != "unseen" and (state in now or state in before or state in recorded)]
    compared = len(before) > 0
    bars = []
    for state in known:
        n = float(now.get(state, 0))
        words = joined(number(n), percent(n / len(table)))
        if compared:
            words = joined(words, f"before {number(before.get(state, 0))}")
        outline = float(recorded.get(state, 0)) if own != "state" else None
        behind = float(before.get(state, 0)) if compared else None
        bars.append(Bar(_named(state), value=n, behind=behind, outline=outline, at_end=words))
    return bars


def _named(state: object) -> str:
    return str(state).replace("_", " ")


def _key(table: pd.DataFrame) -> str:
    parts = []
    if table[human(table, "state_before")].notna().any():
        date = told(table).get("before")
        parts.append(f"Light: on {str(date)[:10]}" if date else "Light: before")
    if f"state{HUMAN}" in table.columns:
        parts.append("outline: with automatic events")
    words = "; ".join(parts)
    return f"{words[0].upper()}{words[1:]}." if words else ""


def _aside(table: pd.DataFrame) -> str:
    why = reasons(table)
    return f"Events set aside as automatic: {why}." if why else ""


def _matrix(table: pd.DataFrame, ax: Axes | None) -> Axes:
    sheet = Sheet(ax, title(table, _CHANGES), _CELLS)
    end = [definition(table, _CHANGED), _aside(table), as_of(table)]
    room = (1 - NAMES) * width_of(ax)
    _, states = _cells(table)
    if not states:
        return sheet.empty(_EMPTY, end, dot_marks([], []))
    letters = room / len(states) / (_EM * _USUAL)
    brief = letters < _EASY
    rows, _ = _cells(table, brief=brief)
    panels = [
        Panel(_SHORT.get(state, state) if brief else _HEADINGS.get(state, state), f"share, {state}", kind="words")
        for state in states
    ]
    date = str(told(table).get("before") or "before")[:10]
    stayed = "" if brief else ", in brackets of those who stayed"
    key = f"Rows: state and contacts, {date}; columns: state now; cells: share of the row{stayed}."
    ax = sheet.opened(len(rows), [key, *end])
    draw_dots(ax, rows, panels, largest=_LARGEST, gap=2.0)
    return sheet.closed(ax, dot_marks(rows, panels), said(table))


def _cells(table: pd.DataFrame, *, brief: bool = False) -> tuple[list[Row], list[str]]:
    """Give a row for each state that contacts were in, with a cell for each that they are in."""
    n, share = human(table, "n"), human(table, "share")
    known = table[table[n].fillna(0) > 0]
    befores = [state for state in _ORDER if state in set(known["state_before"])]
    states = [state for state in _ORDER if state in set(known["state"])]
    cells = {(row["state_before"], row["state"]): value(row[share]) for _, row in known.iterrows()}
    rows = []
    for before in befores:
        points = [_cell(cells.get((before, state)), before == state, brief) for state in states]
        total = int(known.loc[known["state_before"] == before, n].sum())
        rows.append(Row(_named(before), points, words=number(total)))
    return rows, states


def _cell(part: float | None, stayed: bool, brief: bool) -> Point:
    """Write a share on a ground that is the darker the larger it is."""
    if part is None:
        return Point(0.0, words="")
    words = f"{part:.0%}" if brief else percent(part)
    return Point(part, words=f"[{words}]" if stayed and not brief else words, tint=_tint(part))


def _tint(part: float) -> str:
    """Mix white and the light blue, and at most a little more, so that words stay readable."""
    red, green, blue = (1 - (1 - light) * (0.25 + 1.25 * part) for light in to_rgb(LIGHT))
    return to_hex((red, green, blue))


def said(table: pd.DataFrame) -> str:
    """Say what the picture shows."""
    if isinstance(table, pd.DataFrame) and set(TRANSITIONS) <= set(table.columns):
        return _matrix_said(table)
    checked(table, CONTACTS, "analysis.engagement_states")
    parts = [f"{bar.name}: {bar.at_end}" for bar in _bars(table)]
    lead = f"{title(table, _TITLE)}, a bar for each state, {count(len(table), 'contact')}."
    return f"{lead} {'. '.join(parts)}." if parts else f"{title(table, _TITLE)}. {_EMPTY}"


def _matrix_said(table: pd.DataFrame) -> str:
    rows, states = _cells(table)
    if not rows:
        return f"{title(table, _CHANGES)}. {_EMPTY}"
    parts = [f"{title(table, _CHANGES)}, a row for each state before, a column for each state now."]
    for row in rows:
        cells = [
            f"{_named(state)} {percent(point.value)}"
            for state, point in zip(states, row.points, strict=True)
            if point.value
        ]
        parts.append(f"{row.name} ({row.words}): {', '.join(cells)}.")
    return " ".join(parts)
