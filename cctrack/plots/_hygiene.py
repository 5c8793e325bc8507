"""The picture of hygiene: how many contacts are on each list, and what to do with them."""

from typing import Final

import pandas as pd
from matplotlib.axes import Axes

from cctrack.plots._bars import Bar, draw_bars, marks
from cctrack.plots._sheet import Layout, Sheet
from cctrack.plots._words import as_of, checked, count, definition, number, title

COLUMNS: Final = ("contact_id", "list", "rule", "action", "domain")
_TITLE, _DEFINITION = "Contacts that need care", "Contacts on each list."
_EMPTY: Final = "No contact is on a list."
_LAYOUT = Layout(0.46, 20.0)
_MEASURES: Final = {"value": "contacts"}
_DOMAINS: Final = 3  # that are named


def hygiene(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw how many contacts are on each list, with what to do.

    Parameters
    ----------
    table
        What `analysis.hygiene` gave.
    ax
        Axes to draw on; None makes a new figure of the right height.

    Returns
    -------
    matplotlib.axes.Axes
        A bar for each action of each list, with its number of contacts.

    Raises
    ------
    TypeError, ValueError
        When the table is none of lists.
    """
    checked(table, COLUMNS, "analysis.hygiene")
    sheet = Sheet(ax, title(table, _TITLE), _LAYOUT)
    bars = _bars(table)
    caption = [_blocked(table), definition(table, _DEFINITION), as_of(table)]
    if not bars:
        return sheet.empty(_EMPTY, caption[1:], marks([], _MEASURES))
    ax = sheet.opened(len(bars), caption)
    draw_bars(ax, bars, _MEASURES)
    return sheet.closed(ax, marks(bars, _MEASURES), said(table))


def _bars(table: pd.DataFrame) -> list[Bar]:
    """Give a bar for each list and action, the lists as they come, of each the more frequent action first."""
    bars = []
    for name, own in table.groupby("list", sort=False):
        actions = own["action"].value_counts(sort=False).sort_index().sort_values(ascending=False, kind="stable")
        for action, n in actions.items():
            bars.append(
                Bar(str(name).replace("_", " "), value=float(n), at_end=number(n), aside=str(action), group=str(name))
            )
    return bars


def _blocked(table: pd.DataFrame) -> str:
    """Name the domains that block most contacts."""
    own = table[table["list"] == "blocked"]["domain"].dropna()
    counts = own.value_counts(sort=False).sort_index().sort_values(ascending=False, kind="stable")
    counts = counts[counts > 1].head(_DOMAINS)
    named = ", ".join(f"{domain} ({number(n)})" for domain, n in counts.items())
    return f"Most blocked: {named}." if named else ""


def said(table: pd.DataFrame) -> str:
    """Say what the picture shows."""
    checked(table, COLUMNS, "analysis.hygiene")
    bars = _bars(table)
    if not bars:
        return f"{title(table, _TITLE)}. {_EMPTY}"
    parts = [f"{bar.name}: {bar.at_end}, {bar.aside}" for bar in bars]
    lead = f"{title(table, _TITLE)}, {count(table['contact_id'].nunique(), 'contact')} on lists."
    return " ".join(filter(None, (lead, f"{'. '.join(parts)}.", _blocked(table))))
