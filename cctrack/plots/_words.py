"""What the pictures say, in words."""

import math
from collections.abc import Iterable, Iterator
from typing import Any

import pandas as pd

FUNNEL_COLUMNS = ("stage", "n", "rate_of_sent", "step_rate")
LINK_COLUMNS = ("link_uri", "clicks_total", "unique_clickers", "share_of_clicks")
NO_ADDRESS = "(address not known)"
_NAMED = 3


def checked(table: object, columns: Iterable[str], analysis: str) -> pd.DataFrame:
    """Give the table if it is what the analysis returns.

    Raises
    ------
    TypeError, ValueError
        When it is no frame, or columns are missing.
    """
    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"table must be a pandas frame, not {type(table).__name__}; {analysis} gives one")
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise ValueError(f"table has no column {', '.join(missing)}; pass what {analysis} gives")
    return table


def definition(table: pd.DataFrame, otherwise: str) -> str:
    """Give the definition that came with the table."""
    told = table.attrs.get("cctrack")
    return str(told["definition"]) if isinstance(told, dict) and "definition" in told else otherwise


def percent(rate: Any) -> str:
    """Write a share of 1 as per cent."""
    return "\N{EN DASH}" if pd.isna(rate) or math.isnan(rate) else f"{rate:.1%}"


def count(number: Any, what: str) -> str:
    """Write a number of things: `what` is the name of one."""
    return f"{int(number):,} {what}{'' if int(number) == 1 else 's'}"


def groups_of(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Take the funnels of a table apart: the name of each group ("" for the only one) and its four rows."""
    columns = list(table.columns[: list(table.columns).index("stage")])
    if not columns:
        if len(table) and table["stage"].duplicated().any():
            raise ValueError("table has a stage twice; keep the columns that tell the groups apart before `stage`")
        yield "", table
        return
    for value, rows in table.groupby(columns, sort=False, dropna=False, observed=True):
        parts: tuple[Any, ...] = value if isinstance(value, tuple) else (value,)
        yield " · ".join("(none)" if pd.isna(part) else str(part) for part in parts), rows


def steps(rows: pd.DataFrame) -> Iterator[tuple[str, int, str]]:
    """Give name, count and words of every stage of one funnel."""
    before = ""
    for stage, n, of_sent, step in rows.loc[:, list(FUNNEL_COLUMNS)].itertuples(index=False):
        words = f"{int(n):,}"
        if before:
            words += f" · {percent(of_sent)} of sent"
        if before not in ("", "sent"):
            words += f" · {percent(step)} of {before}"
        before = str(stage)
        yield before, int(n), words


def alt_text(table: pd.DataFrame) -> str:
    """Say in words what the picture of a table shows, for those who do not see it.

    Parameters
    ----------
    table
        What `analysis.funnel` or `analysis.link_popularity` gave.

    Returns
    -------
    str
        A sentence or two, with the figures.

    Raises
    ------
    TypeError, ValueError
        When the table is neither.
    """
    if isinstance(table, pd.DataFrame) and "stage" in table.columns:
        return _funnel(checked(table, FUNNEL_COLUMNS, "analysis.funnel"))
    return _links(checked(table, LINK_COLUMNS, "analysis.link_popularity"))


def _funnel(table: pd.DataFrame) -> str:
    said = []
    for name, rows in groups_of(table):
        stages = "; ".join(f"{stage} {words.replace(' · ', ', ')}" for stage, _, words in steps(rows))
        said.append(f"{name}: {stages}" if name else stages)
    return "Funnel as horizontal bars. " + ". ".join(said) + "." if said else "Funnel without groups."


def _links(table: pd.DataFrame) -> str:
    total = int(table["clicks_total"].sum())
    said = f"Clicks by link as horizontal bars: {count(len(table), 'link')}, {count(total, 'click')}."
    most = [
        f"{NO_ADDRESS if pd.isna(uri) else uri} with {count(clicks, 'click')} by {count(people, 'contact')} "
        f"({percent(share)} of clicks)"
        for uri, clicks, people, share in table.loc[:, list(LINK_COLUMNS)].head(_NAMED).itertuples(index=False)
    ]
    return f"{said} Most clicked: {'; '.join(most)}." if most else said
