"""The groups of a table: the columns before its own tell them, and name them."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.font_manager import FontProperties

from cctrack.plots._letters import readable
from cctrack.plots._words import joined, missing


def grouped(table: pd.DataFrame, first: str) -> list[tuple[str, pd.DataFrame]]:
    """Take a table apart by the columns before one of its own.

    Parameters
    ----------
    table
        In the order of which the groups stay.
    first
        The first column that does not tell groups.

    Returns
    -------
    list of (str, pandas.DataFrame)
        The name of each group and its rows; without such columns one group named "".
    """
    columns = [str(name) for name in table.columns[: list(table.columns).index(first)]]
    if not columns:
        return [("", table)]
    names = names_of(table, columns)
    places = table.groupby(columns, sort=False, dropna=False, observed=True).ngroup().to_numpy()
    found = dict(zip(places.tolist(), names, strict=True))  # the order of numbers is that of the rows
    return [(name, table[places == place]) for place, name in found.items()]


def names_of(table: pd.DataFrame, columns: Sequence[str]) -> list[str]:
    """Give a name to each row from the columns that tell the rows: a campaign's name in place of its id.

    Parameters
    ----------
    table
        Its rows.
    columns
        That tell them: ids, names and dates.
    """
    replaced = "campaign_name" in columns and "campaign_id" in columns
    kept = [name for name in columns if not (replaced and name == "campaign_id")]
    kept.sort(key=lambda name: not pd.api.types.is_datetime64_any_dtype(table[name]))
    names = [joined(*map(_cell, row)) for row in table[kept].itertuples(index=False)]
    if not replaced:
        return names
    ids = [_cell(one) for one in table["campaign_id"]]
    plain = FontProperties()
    unknown = [missing(name) or not readable(str(name), plain) for name in table["campaign_name"]]
    ids_of = pd.DataFrame({"name": names, "id": ids}).groupby("name")["id"]
    several = (ids_of.transform("nunique") > 1).to_list()
    others = [name for name in kept if name != "campaign_name"]
    # A frame without columns has no rows to go through in pandas 2.
    dates = [joined(*map(_cell, row)) for row in table[others].itertuples(index=False)] if others else [""] * len(table)
    rows = zip(names, dates, ids, several, unknown, strict=True)
    return [
        joined(date, one) if nameless else joined(name, one) if twice else name
        for name, date, one, twice, nameless in rows
    ]


def _cell(cell: object) -> str:
    if missing(cell):
        return "(none)"
    return f"{cell:%Y-%m-%d}" if isinstance(cell, pd.Timestamp) else str(cell)
