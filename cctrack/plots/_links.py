"""The picture of the most clicked links."""

import pandas as pd
from matplotlib.axes import Axes

from cctrack.plots._bars import Row, draw
from cctrack.plots._words import LINK_COLUMNS, NO_ADDRESS, checked, count, definition, percent

_DEFINITION = "Shares are of all clicks in the table."
_SHOWN = 12


def link_popularity(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw clicks by link: all clicks as a light bar, different contacts as a dark one before it.

    Parameters
    ----------
    table
        What `analysis.link_popularity` gave.
    ax
        Axes to draw on; None makes a new figure of the right height.

    Returns
    -------
    matplotlib.axes.Axes
        The first 12 links of the table, and one bar for all others: it has no dark one, since different contacts
        of several links do not add up. Long addresses are shortened in the middle.

    Raises
    ------
    TypeError, ValueError
        When the table is none of links.
    """
    checked(table, LINK_COLUMNS, "analysis.link_popularity")
    rows = [
        Row(
            NO_ADDRESS if pd.isna(uri) else str(uri).removeprefix("https://"),
            dark=int(people),
            light=int(clicks),
            at_end=f"{count(clicks, 'click')} · {count(people, 'contact')} · {percent(share)}",
            address=not pd.isna(uri),
        )
        for uri, clicks, people, share in table.loc[:, list(LINK_COLUMNS)].head(_SHOWN).itertuples(index=False)
    ]
    if len(table) > _SHOWN:
        rest = table.iloc[_SHOWN:]
        clicks = int(rest["clicks_total"].sum())
        words = f"{count(clicks, 'click')} · {percent(rest['share_of_clicks'].sum(min_count=1))}"
        rows.append(Row(f"other ({count(len(rest), 'link')})", light=clicks, at_end=words))
    caption = f"Light: all clicks; dark: different contacts. {definition(table, _DEFINITION)}"
    return draw(rows, ax, "Most clicked links", caption)
