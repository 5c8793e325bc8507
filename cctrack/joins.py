"""Columns that come from another report, and rows that are summed up to what a report's rows are."""

from collections.abc import Sequence

import pandas as pd

from cctrack.api.given import Detail, Lookup
from cctrack.schema import DTYPES, Report


def filled(frame: pd.DataFrame, found: pd.DataFrame, lookup: Lookup) -> tuple[pd.DataFrame, dict[str, int]]:
    """Fill columns of a frame from those of another one.

    Parameters
    ----------
    frame
        Has the columns, empty or with holes.
    found
        One row for each value of `lookup.by`; of several the first counts.
    lookup
        Says which columns.

    Returns
    -------
    tuple
        The frame, and for columns of identifiers how many rows the other report does not tell of.
    """
    known = found.dropna(subset=[lookup.by]).drop_duplicates(lookup.by).set_index(lookup.by)
    holes = {}
    for name in lookup.fills:
        values = pd.Series(known[name].reindex(frame[lookup.by]).array, index=frame.index)
        frame = frame.assign(**{name: frame[name].fillna(values).astype(values.dtype)})
        count = int((frame[name].isna() & frame[lookup.by].notna()).sum())
        if count and name.endswith("_id"):
            holes[name] = count
    return frame, holes


def summed(frame: pd.DataFrame, by: Sequence[str], report: Report, ids: Sequence[str]) -> pd.DataFrame:
    """Sum counts of something smaller up to a report's rows, in the order in which they come.

    Parameters
    ----------
    frame
        One row for each of the smaller things.
    by
        What a row of the report is, the identifier asked for first.
    report
        Its declaration.
    ids
        Identifiers asked for; where a report has one row for each, one without any gets zeros.
    """
    counts = [str(name) for name, dtype in frame.dtypes.items() if str(dtype) == DTYPES["count"]]
    # What is unknown is not the same: each such row stays by itself.
    unknown = frame[list(by)].isna().any(axis=1)
    apart = frame.assign(_apart=unknown.cumsum().where(unknown, 0))
    total = apart.groupby([*by, "_apart"], sort=False, dropna=False, as_index=False)[counts].sum(min_count=1)
    if list(by) == list(report.keys):
        total = pd.DataFrame({by[0]: pd.array(ids, dtype="string")}).merge(total, how="left", on=by[0])
        total[counts] = total[counts].fillna(0)
    return total[[name for name in frame.columns if name in (*by, *counts)]]


def detailed(frame: pd.DataFrame, found: pd.DataFrame, detail: Detail, date: str) -> pd.DataFrame:
    """Fill columns of some rows from another report of the same events.

    Events have no id: contact, mail and time tell which row it is, and the place among those of one instant.

    Parameters
    ----------
    frame
        Has the columns, empty.
    found
        The other report.
    detail
        Says which rows and columns.
    date
        The frame's date column.
    """
    own = next(name for name in map(str, found.columns) if name.endswith("_date"))
    rows = frame[frame["activity_type"] == detail.kind]
    keys = ["contact_id", "campaign_activity_id", date]
    there = found.rename(columns={own: date})[[*keys, *detail.fills]]
    there = there.assign(_place=there.groupby(keys, dropna=False).cumcount())
    here = rows[keys].assign(_place=rows.groupby(keys, dropna=False).cumcount())
    values = here.merge(there, how="left", on=[*keys, "_place"])
    filled_in = frame.copy()
    for name in detail.fills:
        filled_in.loc[rows.index, name] = values[name].array
    return filled_in
