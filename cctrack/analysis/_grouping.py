"""What `by=` makes groups of, and the names that `labels=` puts beside campaign ids."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from cctrack.analysis._events import Events
from cctrack.analysis._patterns import PATTERN, N
from cctrack.analysis._tables import checked, pandas_kind, plain

By = str | pd.Series | Sequence[str | pd.Series] | None
MONTH: Final = "month"
_SENT: Final = "last_run_date"
_LABELS: Final[Mapping[str, str]] = {
    "campaign_name": "name of the campaign, from labels",
    "send_date": "when the campaign was sent: its last run, from labels, else its first send in the activities",
}


@dataclass(frozen=True)
class Grouping:
    """What makes groups.

    Attributes
    ----------
    names : tuple of str
        Columns of the result.
    keys : tuple of str
        Columns of the activities that are counted by.
    segments : tuple of (str, pandas.DataFrame)
        Segments with the contacts in them: columns `contact_id` and that of the segment.
    tz : str
        Zone of the months.
    monthly : bool
        Whether months make groups.
    """

    names: tuple[str, ...]
    keys: tuple[str, ...]
    segments: tuple[tuple[str, pd.DataFrame], ...]
    tz: str
    monthly: bool = False

    def of(self, events: Events, rows: pd.DataFrame) -> pd.DataFrame:
        """Put the groups' columns into a table that has the `keys`; a contact in several segments comes several times.

        The month is that of the campaign's first send.
        """
        table = rows
        if self.monthly:
            first = events.first_sends()
            when = pd.Series(first.reindex(table["campaign_id"]).array).dt.tz_convert(self.tz)
            table = table.assign(**{MONTH: when.dt.strftime("%Y-%m").astype("string").array})
        for _, members in self.segments:
            table = table.merge(members, on="contact_id", how="left")
        return table

    def counted(self, events: Events, counts: pd.DataFrame) -> pd.DataFrame:
        """Turn counts of patterns by `keys` into counts by `names`."""
        table = self.of(events, counts)
        columns = [*self.names, PATTERN]
        return table.groupby(columns, sort=False, observed=True, dropna=False)[N].sum().reset_index()

    @property
    def meanings(self) -> dict[str, str]:
        """What the columns of the groups are, and those that `labelled` puts beside them."""
        told = {name: _COLUMNS.get(name, f"value of {name} in the activities") for name in self.names}
        if self.monthly:
            told[MONTH] = f"month of the campaign's first send, zone {self.tz}"
        for name, _ in self.segments:
            told[name] = "segment of the contact; a contact in several counts in each, NA are those in none"
        return {**_LABELS, **told}


_COLUMNS: Final[Mapping[str, str]] = {
    "campaign_id": "the campaign",
    "contact_id": "the contact",
    "email_address": "the address that the mail was sent to",
}


def grouping(by: By, events: Events, result: Iterable[str], tz: str = "UTC") -> Grouping:
    """Read `by=`.

    Parameters
    ----------
    by
        A column, "month", a Series of segments indexed by contact id, or several of them.
    events
        The activities.
    result
        Columns of the result, which no group may be called.
    tz
        Zone of the months.

    Raises
    ------
    TypeError, ValueError
        When a column is missing, or something is neither.
    """
    taken = {PATTERN, N, *_LABELS}.union(*((name, f"{name}_human") for name in result))
    names: list[str] = []
    keys: list[str] = []
    segments: list[tuple[str, pd.DataFrame]] = []
    for one in _several(by):
        if isinstance(one, pd.Series):
            name, members = _segments(one)
            segments.append((name, members))
            keys.append("contact_id")
        else:
            name = one
            keys.append(_key(one, events.columns))
        if name in taken or name in names:
            where = "twice in by" if name in names else "a column of the result already"
            raise ValueError(f"{name!r} is {where}; rename the column, or the Series with segments.rename('list')")
        names.append(name)
    months = MONTH in names and MONTH not in (*events.columns, *dict(segments))
    return Grouping(tuple(names), tuple(dict.fromkeys(keys)), tuple(segments), tz, months)


def _several(by: Any) -> list[Any]:
    if by is None or isinstance(by, (str, pd.Series)):
        return [] if by is None else [by]
    if not isinstance(by, (list, tuple)) or not all(isinstance(one, (str, pd.Series)) for one in by):
        what = [type(one).__name__ for one in by] if isinstance(by, (list, tuple)) else type(by).__name__
        raise TypeError(f"by takes columns, 'month', Series of segments or a list of these, not {what}")
    return list(by)


def _key(name: str, columns: Sequence[str]) -> str:
    """Give the column of the activities that a group is counted by."""
    if name not in columns and name != MONTH:
        raise ValueError(f"activities has no column {name} to group by; there are: {', '.join([*columns, MONTH])}")
    return name if name in columns else "campaign_id"


def _segments(given: "pd.Series[Any]") -> tuple[str, pd.DataFrame]:
    """Give name and members of segments: values are segments, the index tells the contacts."""
    name = "segment" if given.name is None else str(given.name)
    if name in ("contact_id", "campaign_id"):
        raise ValueError(f"the segments are called {name}; give the Series a name of its own: segments.rename('list')")
    ids = pd.Series(given.index.array) if given.index.nlevels == 1 else pd.Series([], dtype="string")
    if len(given) and (given.index.nlevels > 1 or pandas_kind(ids) != "text"):
        raise ValueError(
            "the index of the segments must be contact ids as text, such as contacts.set_index('contact_id')['status']"
        )
    contacts = plain(ids) if len(given) else ids.astype("string")
    members = pd.DataFrame({"contact_id": contacts.array, name: plain(given.reset_index(drop=True)).array})
    return name, members.dropna().drop_duplicates(ignore_index=True)


def checked_labels(labels: Any) -> pd.DataFrame | None:
    """Give what was passed as `labels=`, if it tells what campaigns are called.

    Raises
    ------
    TypeError, ValueError
        When it is no frame, a column is missing or of another type.
    """
    if labels is None:
        return None
    columns = ["campaign_id", "name"]
    if isinstance(labels, pd.DataFrame) and _SENT in labels.columns:
        columns.append(_SENT)
    return checked(labels, columns, "labels", "cctrack.campaigns_df")[columns]


def labelled(table: pd.DataFrame, labels: pd.DataFrame | None, events: Events) -> pd.DataFrame:
    """Put `campaign_name` and `send_date` after each `campaign_id`.

    The date is the `last_run_date` of the labels where they have it, else that of the first send in the activities.
    """
    known = checked_labels(labels)
    if known is None or "campaign_id" not in table.columns:
        return table
    known = pd.DataFrame({name: plain(known[name]) for name in known.columns})
    known = known.dropna(subset="campaign_id").drop_duplicates("campaign_id").set_index("campaign_id")
    known = known.reindex(table["campaign_id"])
    told = known[_SENT].array if _SENT in known.columns else pd.NaT
    sent = pd.Series(told, index=table.index, dtype="datetime64[us, UTC]")
    if sent.isna().any():
        first = events.first_sends().reindex(table["campaign_id"])
        sent = sent.where(sent.notna(), pd.Series(first.array, index=table.index))
    place = list(table.columns).index("campaign_id") + 1
    table.insert(place, "campaign_name", known["name"].astype("string").set_axis(table.index))
    table.insert(place + 1, "send_date", sent)
    return table
