"""One contact's story: what was sent to her, and what she did with it."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from cctrack.analysis._definitions import moment, zone
from cctrack.analysis._dense import PandasEvents
from cctrack.analysis._events import IDENTITY, RECIPIENT, Events, opened
from cctrack.analysis._grouping import labelled
from cctrack.analysis._human import Flagged, Machine, checked_machine, flagged
from cctrack.analysis._machine import REASONS
from cctrack.analysis._told import tell

_NEEDED: Final = (
    "activity_type", "activity_date", "campaign_id", "contact_id", "link_id", "link_uri", "bounce_code",
)  # fmt: skip
# Of events at the same moment: what comes first.
_ORDER: Final = (
    "EMAIL_SEND", "EMAIL_BOUNCE", "EMAIL_OPEN", "EMAIL_CLICK", "EMAIL_FORWARD", "EMAIL_UNSUBSCRIBE",
)  # fmt: skip
_COLUMNS: Final[Mapping[str, str]] = {
    "activity_date": "when it happened, in UTC",
    "local_time": "the same on the clock of the zone",
    "activity_type": "what happened",
    "campaign_id": "with which campaign",
    "campaign_name": "its name",
    "send_date": "when it was sent",
    "link_uri": "of a click: where it led",
    "hours_since_send": "hours from this contact's own send of the campaign; NaN where there is no send row",
    "machine": "whether the event looks automatic",
    "machine_reason": "by which rule",
    "bounce_code": "of a bounce: its code; V is an automatic reply",
}


def contact_timeline(
    activities: Any,
    contact_id: str | None = None,
    *,
    labels: pd.DataFrame | None = None,
    machine: Machine = "both",
    tz: str = "UTC",
    as_of: Any = None,
) -> pd.DataFrame:
    """One contact's story; one row is one event, the earliest first.

    Parameters
    ----------
    activities
        A table such as `cctrack.activities_df` gives for the contact, or one of many contacts, from any engine.
    contact_id
        Whose; may be left out where the table has one contact only.
    labels
        What `cctrack.campaigns_df` gave: puts `campaign_name` and `send_date` beside each campaign id.
    machine
        "both" has all events, and the columns `machine` and `machine_reason` tell which look automatic; "exclude"
        leaves these out; "include" does not judge, and has not these columns.
    tz
        Zone of `local_time`, such as "Europe/Berlin".
    as_of
        Later events are left out; None takes all.

    Returns
    -------
    pandas.DataFrame
        Columns as `analysis.explain` tells. Events without a date come last, and rows that repeat another are there
        once.

    Raises
    ------
    TypeError, ValueError
        When the table lacks a column, has several contacts and none is named, or the contact is not in it.
    EngineError
        When the engine cannot give the rows.
    """
    checked_machine(machine)
    where = zone(tz)
    events = opened(activities, _NEEDED)
    who = _who(events, contact_id)
    now = moment("as_of", as_of) if as_of is not None else events.newest()
    events = events if as_of is None else events.until(now)
    found = None if machine == "include" else flagged(events)
    rows = events.of_contacts([] if who is None else [who]).fetched(_NEEDED, why="the story of a contact")
    rows = rows if found is None else _judged(rows, found, who)
    table = _in_order(rows)
    repeated = len(rows) - len(table)
    table.insert(1, "local_time", table["activity_date"].dt.tz_convert(where))
    table["hours_since_send"] = _since(table)
    if machine == "exclude":
        table = table[~table["machine"]].reset_index(drop=True)
    table = labelled(table, labels, PandasEvents.of(rows, {}))
    return tell(
        table[[name for name in _COLUMNS if name in table.columns]],
        "contact_timeline",
        title="One contact's story",
        row="One row is one event of the contact.",
        definition=f"What was sent to the contact and what came back; times are those of {where}.",
        columns=_COLUMNS,
        source=events.source,
        notes=[f"{repeated:,} rows that repeat another are left out."] if repeated else [],
        contact_id=who,
        tz=where,
        as_of=now,
        **({"machine": machine} if found is None else found.facts("exclude" if machine == "exclude" else "flagged")),
    )


def _who(events: Events, contact_id: object) -> str | None:
    """Give the contact, None where there is nobody."""
    if contact_id is not None and not isinstance(contact_id, str):
        raise TypeError(f"contact_id must be text, not {type(contact_id).__name__}; write it in quotes")
    known = sorted(events.distinct(["contact_id"], [])["contact_id"].dropna().astype(str))
    if contact_id is None and len(known) > 1:
        raise ValueError(
            f"the activities are of {len(known):,} contacts; name one: contact_timeline(activities, {known[0]!r})"
        )
    if contact_id is not None and known and contact_id not in known:
        raise ValueError(f"contact {contact_id!r} is not in the activities; take one of their contact_id")
    return contact_id if known and contact_id is not None else next(iter(known), None)


def _judged(rows: pd.DataFrame, found: Flagged, who: str | None) -> pd.DataFrame:
    """Put beside the contact's rows which look automatic; rules and clocks were judged with everybody's events."""
    own = found.rows["contact_id"].eq(who or "").to_numpy(dtype=np.bool_, na_value=False)
    reasons = pd.Series(found.reasons[own]).astype("int64")
    known = found.rows.loc[own, list(rows.columns)].reset_index(drop=True)
    judged = pd.MultiIndex.from_frame(known[list(RECIPIENT)].drop_duplicates())
    others = rows[~pd.MultiIndex.from_frame(rows[list(RECIPIENT)]).isin(judged)]
    parts = [part.assign(activity_type=part["activity_type"].astype("string")) for part in (known, others)]
    both = pd.concat(parts, ignore_index=True)
    reasons = reasons.reindex(both.index, fill_value=-1)
    names = pd.Series(pd.Categorical.from_codes(reasons.tolist(), categories=pd.Index(REASONS)), index=both.index)
    return both.assign(machine=(reasons >= 0).to_numpy(), machine_reason=names.astype("string"))


def _in_order(rows: pd.DataFrame) -> pd.DataFrame:
    """Give the rows from the earliest, whatever order they came in, each once."""
    table = rows.assign(activity_type=rows["activity_type"].astype("string"))
    ranks = {kind: place for place, kind in enumerate(_ORDER)}
    table["_rank"] = table["activity_type"].map(ranks).astype("float64")
    marks = ["machine_reason"] if "machine_reason" in table.columns else []
    order = ["activity_date", "_rank", *(name for name in IDENTITY if name != "activity_date"), *marks]
    table = table.sort_values(order, kind="stable", na_position="last", ignore_index=True)
    return table.drop_duplicates(list(IDENTITY), ignore_index=True).drop(columns="_rank")


def _since(rows: pd.DataFrame) -> "pd.Series[Any]":
    """Give the hours from the contact's own send of the campaign to each of its events."""
    dates = rows["activity_date"].where(rows["activity_type"].eq("EMAIL_SEND").fillna(value=False))
    sent = dates.groupby(rows["campaign_id"]).transform("min")
    return (rows["activity_date"] - sent).dt.total_seconds() / 3600
