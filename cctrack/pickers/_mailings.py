"""The campaigns that can be picked: which are read, and in which order they stand."""

from typing import Any

import pandas as pd

from cctrack.errors import CacheMissError
from cctrack.pickers._labels import as_ids, counted
from cctrack.pickers._supply import Read, costs_nothing
from cctrack.reports import campaigns_df

LISTED = Read(campaigns_df)
_DETAILED = Read(campaigns_df, (), (("details", True),))
# Where a date is known, and what is said of it; the first that a campaign has counts.
_DATES = {"last_run_date": "", "send_date": "", "modified_date": "changed "}
AT, SAID = "_at", "_said"

NAMES = ("name", "campaign_name")


def with_details(session: Any) -> pd.DataFrame | None:
    """Give the campaigns with their send dates and sizes; None where that would cost calls."""
    if not costs_nothing(session, _DETAILED):
        return None
    try:
        return _DETAILED.frame(session)
    except CacheMissError:  # offline, and the cache has the list alone
        return None


def newest_first(rows: pd.DataFrame) -> pd.DataFrame:
    """Order campaigns by date, with the date and its words in columns of their own; those without come last."""
    table = rows.assign(campaign_id=as_ids(rows["campaign_id"])).dropna(subset="campaign_id").reset_index(drop=True)
    at, words = pd.Series(pd.NaT, table.index, "datetime64[us, UTC]"), pd.Series("", table.index, dtype=object)
    for name, said in _DATES.items():
        if name in table.columns:
            dates = _dates(table[name])
            words = words.mask(at.isna() & dates.notna(), said)
            at = at.fillna(dates)
    table = table.assign(**{AT: at, SAID: words})
    return table.sort_values(AT, ascending=False, kind="stable", na_position="last")


def in_short(row: "pd.Series[Any]") -> str:
    """Give name, date and size of a campaign, as far as they are known."""
    names = [row[name] for name in NAMES if isinstance(row.get(name), str) and row[name].strip()]
    date = "" if pd.isna(row[AT]) else f"{row[SAID]}{row[AT]:%Y-%m-%d}"
    parts = [names[0] if names else f"campaign {row['campaign_id']}", date, counted(row.get("sends"), "sent", "sent")]
    return " · ".join(filter(None, parts))


def _dates(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Read dates in whatever type they stand; naive ones are in UTC, and what is none is NaT."""
    if not pd.api.types.is_datetime64_any_dtype(column):
        given = [one if isinstance(one, str) or hasattr(one, "year") else None for one in column.astype(object)]
        column = pd.Series(given, index=column.index, dtype=object)
        column = pd.to_datetime(column, utc=True, errors="coerce", format="ISO8601")
    return pd.to_datetime(column, utc=True).astype("datetime64[us, UTC]")
