"""The funnel said in sets and loops, one recipient after another: what `cctrack.analysis.funnel` is compared with."""

import math
from collections.abc import Callable, Iterable, Sequence
from statistics import median
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

STAGES = ["sent", "delivered", "opened", "clicked"]
EXITS = {
    "n_bounced": "sent",
    "n_bounced_but_engaged": "delivered",
    "n_unsubscribed": "delivered",
    "n_forwarded": "opened",
}
START = pd.Timestamp("2026-01-31T22:59:50Z")  # ten seconds later it is February in Berlin
_BOUNCES: set[str | None] = {"B", "S", "D", "F", "X", "Z", "N", None}
BOUNCES = {"cctrack": _BOUNCES, "sent": _BOUNCES, "constant_contact": _BOUNCES | {"V"}}


class Event(NamedTuple):
    """One activity: when is in seconds after `START`."""

    kind: str
    campaign: str | None
    contact: str | None
    when: float | None
    code: str | None = None
    machine: bool = False
    colour: str | None = None
    source: str | None = None


def table(rows: Iterable[Event], *, machine: bool = False, colour: bool = False) -> pd.DataFrame:
    """Make a table of activities as reports have it."""
    held = list(rows)
    columns: dict[str, Any] = {
        "activity_type": pd.Categorical([f"EMAIL_{row.kind}" for row in held]),
        "activity_date": pd.array(
            [pd.NaT if row.when is None else START + pd.Timedelta(seconds=row.when) for row in held],
            dtype="datetime64[us, UTC]",
        ),
    }
    texts = {
        "campaign_id": [row.campaign for row in held],
        "contact_id": [row.contact for row in held],
        "link_id": ["7" if row.kind == "CLICK" else None for row in held],
        "bounce_code": [row.code if row.kind == "BOUNCE" else None for row in held],
        "unsubscribe_source": [row.source if row.kind == "UNSUBSCRIBE" else None for row in held],
    }
    columns |= {name: pd.array(values, dtype="string") for name, values in texts.items()}
    if machine:
        columns["machine"] = np.array([row.machine for row in held], dtype=np.bool_)
    if colour:
        columns["colour"] = pd.array([row.colour for row in held], dtype="string")
    return pd.DataFrame(columns)


class Person(NamedTuple):
    """What the definition says of one recipient; stages by name."""

    reached: dict[str, bool]
    inferred: dict[str, bool]
    orphan: dict[str, bool]
    mature: bool
    gaps: dict[str, float]
    exits: dict[str, bool]


def followed(own: Sequence[Event], said: dict[str, Any], end_of_data: float | None) -> Person:
    """Follow one recipient as analytics.md 2.2 defines it."""
    kinds = {row.kind for row in own}
    bounced = any(row.kind == "BOUNCE" and row.code in BOUNCES[said["definitions"]] for row in own)
    send, opens, click, forward = ("SEND" in kinds, "OPEN" in kinds, "CLICK" in kinds, "FORWARD" in kinds)
    recorded = {"sent": send, "delivered": send and not bounced, "opened": opens, "clicked": click}
    if said["semantics"] == "closed":
        opened = opens or click or forward
        delivered = recorded["delivered"] or opened
        reached = {"sent": send or delivered, "delivered": delivered, "opened": opened, "clicked": click}
        inferred = {stage: reached[stage] and not recorded[stage] for stage in STAGES}
    else:
        reached, inferred = dict(recorded), dict.fromkeys(STAGES, False)
    mature, gaps = True, {}
    if said["semantics"] == "ordered":
        reached, inferred, mature, gaps = in_order(own, bounced, said, end_of_data)
    counts = send or (said["orphans"] == "keep" and said["semantics"] != "ordered")
    exits = {
        "n_bounced": bounced,
        "n_bounced_but_engaged": bounced and (opens or click or forward),
        "n_unsubscribed": any(
            row.kind == "UNSUBSCRIBE" and (row.source != "ACTION_BY_OWNER" or said["definitions"] == "constant_contact")
            for row in own
        ),
        "n_forwarded": forward,
    }
    of_orphans = recorded if said["semantics"] == "ordered" else reached
    return Person(
        {stage: one and counts for stage, one in reached.items()},
        {stage: one and counts for stage, one in inferred.items()},
        {stage: one and not send and said["orphans"] != "drop" for stage, one in of_orphans.items()},
        mature,
        gaps,
        {name: one and counts for name, one in exits.items()},
    )


def in_order(
    own: Sequence[Event], bounced: bool, said: dict[str, Any], end_of_data: float | None
) -> tuple[dict[str, bool], dict[str, bool], bool, dict[str, float]]:
    """Follow a recipient from its send: t_k = min{ts of type k: ts >= t_(k-1) - tolerance, ts <= t_send + window}."""
    slack = pd.Timedelta(said["tolerance"]).total_seconds()

    def at(kind: str, since: float) -> float | None:
        times = [row.when for row in own if row.kind == kind and row.when is not None and since <= row.when <= end]
        return min(times, default=None)

    end = math.inf
    sent_at = at("SEND", -math.inf)
    nowhere = dict.fromkeys(STAGES, False)
    if sent_at is None:
        return nowhere, dict(nowhere), False, {}
    if said["window"] is not None:
        end = sent_at + pd.Timedelta(said["window"]).total_seconds()
    mature = end == math.inf or (end_of_data is not None and end <= end_of_data)
    open_at = opened_at = at("OPEN", sent_at - slack)
    click_at = at("CLICK", sent_at - slack)
    if said["allow_implied"] and click_at is not None:
        opened_at = click_at if open_at is None else min(open_at, click_at)
    clicked_at = None if opened_at is None else at("CLICK", opened_at - slack)
    opened = opened_at is not None
    reached = {"sent": True, "delivered": opened or not bounced, "opened": opened, "clicked": clicked_at is not None}
    inferred = {**nowhere, "delivered": opened and bounced, "opened": opened and open_at is None}
    gaps = {}
    if opened_at is not None:
        gaps["opened"] = max(opened_at - sent_at, 0)
        if clicked_at is not None:
            gaps["clicked"] = max(clicked_at - opened_at, 0)
    return reached, inferred, mature, gaps


Key = tuple[str | None, ...]
Groups = Callable[[Event], Sequence[Key]]


def people(rows: Sequence[Event], groups: Groups) -> dict[Key, dict[tuple[str, str], list[Event]]]:
    """Put the events of each recipient together, group by group."""
    found: dict[Key, dict[tuple[str, str], list[Event]]] = {}
    for row in rows:
        if row.campaign is not None and row.contact is not None:
            for group in groups(row):
                found.setdefault(group, {}).setdefault((row.campaign, row.contact), []).append(row)
    return found


class Row(NamedTuple):
    """One stage of one group."""

    group: Key
    stage: str
    counts: tuple[int, int, int]  # n, n_inferred, n_orphan
    mature: int
    time: float | None
    exits: tuple[int | None, ...]


def by_hand(rows: Sequence[Event], said: dict[str, Any], groups: Groups, known: Sequence[Event]) -> list[Row]:
    """Give the rows of the result; `known` are all events there are, those that are set aside among them."""
    end = max((row.when for row in known if row.when is not None), default=None)
    end = end if said["as_of"] is None else (said["as_of"] - START).total_seconds()
    everyone, mine = people(known, groups), people(rows, groups)
    # A recipient whom no stage and no exit knows makes no group.
    names = [
        name for name, who in everyone.items() if any(row.kind != "NEVER_SEEN" for own in who.values() for row in own)
    ]
    result = []
    for name in sorted(names, key=lambda parts: [(part is None, part or "") for part in parts]):
        persons = [followed(own, said, end) for own in mine.get(name, {}).values()]
        result += [of_stage(name, stage, persons) for stage in STAGES]
    return result


def of_stage(group: Key, stage: str, persons: Sequence[Person]) -> Row:
    counts = tuple(sum(getattr(one, part)[stage] for one in persons) for part in ("reached", "inferred", "orphan"))
    mature = [one for one in persons if one.mature and one.reached[stage]]
    gaps = [one.gaps[stage] for one in mature if stage in one.gaps]
    exits = tuple(sum(one.exits[name] for one in persons) if at == stage else None for name, at in EXITS.items())
    return Row(group, stage, counts, len(mature), median(gaps) if gaps else None, exits)  # type: ignore[arg-type]


def until(rows: Sequence[Event], said: dict[str, Any]) -> list[Event]:
    """Give the events that `as_of` leaves."""
    if said["as_of"] is None:
        return list(rows)
    end = (said["as_of"] - START).total_seconds()
    return [row for row in rows if row.when is None or row.when <= end]


Months = dict[str | None, str | None]


def months(rows: Sequence[Event], zone: str) -> Months:
    """Give the month of each campaign's first send, or of its first event where it has none."""
    first: Months = {}
    for campaign in {row.campaign for row in rows}:
        own = [row for row in rows if row.campaign == campaign and row.when is not None]
        times = [row.when for row in own if row.kind == "SEND"] or [row.when for row in own]
        moments = [(START + pd.Timedelta(seconds=when or 0)).astimezone(ZoneInfo(zone)) for when in times]
        first[campaign] = f"{min(moments):%Y-%m}" if moments else None
    return first
