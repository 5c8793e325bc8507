"""When people act, and how mail sent at an hour of the week did: two questions with pictures that look alike."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.analysis._definitions import Definitions, Preset, chosen_definitions, moment, one_of, zone
from cctrack.analysis._events import RECIPIENT, Events, opened
from cctrack.analysis._grouping import By, Grouping, grouping, labelled
from cctrack.analysis._human import OF_LINKS, Flagged, Machine, checked_machine, flagged, side_by_side
from cctrack.analysis._intervals import checked_ci, clustered, design_effect
from cctrack.analysis._machine_activity import auto_openers
from cctrack.analysis._patterns import HAS, tally
from cctrack.analysis._told import tell

Numbers = npt.NDArray[np.int64]
Event = Literal["open", "click"]
View = Literal["people", "sends"]
DAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_SLOTS: Final = 7 * 24
_KINDS: Final[Mapping[str, str]] = {"open": "EMAIL_OPEN", "click": "EMAIL_CLICK"}
_A: Final[Mapping[str, str]] = {"open": "an open, click or forward", "click": "a click"}
_NEEDED: Final = ("activity_type", "activity_date", "campaign_id", "contact_id")
_PEOPLE: Final[Mapping[str, str]] = {
    "weekday": "day of the week in the zone",
    "hour": "hour of the day in the zone, 0 to 23",
    "n": "recipients whose first {event} came in this hour of the week",
    "rate": "n / n of all hours of the week",
    "low": "lower end of the interval of rate, with contacts as clusters",
    "high": "upper end of the interval of rate, with contacts as clusters",
    "n_campaigns": "campaigns that these recipients had",
    "tz": "zone of weekday and hour",
}
_SENDS: Final[Mapping[str, str]] = {
    **_PEOPLE,
    "n": "delivered recipients of the campaigns whose first send (first event without one) came in this hour",
    "n_acted": "those of n with {a}",
    "rate": "n_acted / n; NaN where too few were delivered or too few campaigns sent",
    "low": "lower end of the interval of rate, with campaigns as clusters; NaN of one campaign",
    "high": "upper end of the interval of rate, with campaigns as clusters; NaN of one campaign",
    "n_campaigns": "campaigns sent in this hour of the week",
}
_NO_PROOF: Final = (
    "Hours of sending differ in more than their hour (lists, topics, seasons): that one did better is no proof that "
    "the hour made it so."
)
_AS_SENT: Final = "When people act follows when mail was sent to them: a full hour is no better hour to send."


def activity_heatmap(
    activities: Any,
    *,
    event: Event = "click",
    view: View = "people",
    by: By = None,
    machine: Machine = "both",
    definitions: Preset = "cctrack",
    tz: str = "UTC",
    ci: float = 0.95,
    min_delivered: int = 30,
    min_campaigns: int = 3,
    as_of: Any = None,
    labels: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """When people act, or how mail sent at an hour did; one row is one hour of the week, of one group.

    Parameters
    ----------
    activities
        A table such as `cctrack.account_activities_df` gives, from any engine.
    event
        "click" or "open". A click is a decision; opens are as often those of programs.
    view
        "people": when recipients first acted, which follows when mail was sent to them. "sends": which share of the
        recipients of mail that was sent at this hour acted at all.
    by
        What makes groups, each with a week of its own; see `analysis.funnel`.
    machine
        "include" everything, "exclude" events that look automatic, or "both" with the suffix `_human`. With "people"
        and opens the events of suspected auto-openers are set aside, too: they open by night.
    definitions
        Preset that says what delivered means.
    tz
        Zone of the reader's clock, such as "Europe/Berlin".
    ci
        Confidence of the intervals.
    min_delivered, min_campaigns
        With "sends": below either of them an hour has no rate.
    as_of
        Later events are not counted; None takes the newest one's date.
    labels
        What `cctrack.campaigns_df` gave: puts `campaign_name` and `send_date` beside each campaign id.

    Returns
    -------
    pandas.DataFrame
        168 rows a group, Monday 0:00 first: columns of `by`, `weekday`, `hour`, `n`, with "sends" `n_acted`, then
        `rate`, `low`, `high`, `n_campaigns`, `tz`. An hour in which nothing happened has n of 0.

    Raises
    ------
    TypeError, ValueError
        When the table lacks a column or an argument is none of those named.
    EngineError
        When more than 5 million events would have to come over.

    Notes
    -----
    Hours are those of the clock on the wall: the hour that a clock change leaves out has no events that day, the one
    that it repeats has those of both. Slots differ in more than their hour (lists, topics, seasons): a rate that
    differs is no proof that the hour makes it so.
    """
    one_of("event", event, _KINDS)
    one_of("view", view, ("people", "sends"))
    checked_machine(machine)
    _checked_least(min_delivered=min_delivered, min_campaigns=min_campaigns)
    chosen = chosen_definitions(definitions)
    level, where = checked_ci(ci), zone(tz)
    needed = _NEEDED if machine == "include" else (*_NEEDED, "link_id")
    events = opened(activities, needed if view == "people" else (*needed, "bounce_code"))
    newest = moment("as_of", as_of) if as_of is not None else events.newest()
    events = events if as_of is None else events.until(newest)
    columns = {
        name: meaning.format(event=event, a=_A[event])
        for name, meaning in (_PEOPLE if view == "people" else _SENDS).items()
    }
    groups = grouping(by, events, columns, where)
    found = None if machine == "include" else flagged(events, groups.keys)
    if view == "people":
        table, notes = _of_people(events, groups, event, found, machine, level)
    else:
        table, notes = _of_sends(events, groups, event, found, machine, chosen, level, min_delivered, min_campaigns)
    table["tz"] = pd.array([where] * len(table), dtype="string")
    return tell(
        labelled(table, labels, events),
        "activity_heatmap",
        title=f"When people {event}" if view == "people" else f"{event.capitalize()} rate by hour of sending",
        row=f"One row is one hour of the week in {where}"
        + (f", by {' and '.join(groups.names)}." if by is not None else "."),
        definition=_definition(event, view, chosen, min_delivered, min_campaigns),
        columns={**groups.meanings, **columns},
        source=events.source,
        notes=[_AS_SENT if view == "people" else _NO_PROOF, *notes],
        event=event,
        view=view,
        by=groups.names or None,
        definitions=chosen.name if view == "sends" else None,
        tz=where,
        ci=level,
        as_of=newest,
        **({"machine": machine} if found is None else found.facts(machine)),
    )


def _checked_least(**numbers: object) -> None:
    """Raise ValueError when a least number is none."""
    for name, least in numbers.items():
        if isinstance(least, bool) or not isinstance(least, (int, np.integer)) or least < 1:
            raise ValueError(f"{name}={least!r} is no number of at least 1; give one such as 30")


def _definition(event: Event, view: View, chosen: Definitions, delivered: int, campaigns: int) -> str:
    if view == "people":
        return f"The first {event} of each recipient (contact in a campaign), by the hour in which it came."
    return (
        f"Recipients with {_A[event]}, of those delivered, by the hour in which their campaign was sent; hours "
        f"with less than {delivered} delivered or {campaigns} campaigns are left blank. {chosen.sentence}"
    )


def _of_people(
    events: Events, groups: Grouping, event: Event, found: Flagged | None, machine: Machine, ci: float
) -> tuple[pd.DataFrame, list[str]]:
    columns = (*_NEEDED, *OF_LINKS, *groups.keys)
    rows = events.fetched(columns, [_KINDS[event]], why="the first of each recipient's events")
    undated = int(rows["activity_date"].isna().sum())
    notes = [f"{undated:,} events without a date are left out."] if undated else []
    recorded = _first(rows)
    keys = _weeks(groups.of(events, recorded), groups)
    if found is None:
        return _hours(groups.of(events, recorded), groups, keys, ci), notes
    left = _first(_without(rows, found, event))
    if event == "open":
        suspected = auto_openers(events, found)
        left = left[~left["contact_id"].isin(suspected)]
        if len(suspected):
            notes.append(f"{len(suspected):,} suspected auto-openers (contacts) are left out of the human columns.")
    counted = _hours(groups.of(events, recorded), groups, keys, ci)
    human = _hours(groups.of(events, left), groups, keys, ci)
    return side_by_side(counted, human, machine, [*groups.names, "weekday", "hour"]), notes


def _without(rows: pd.DataFrame, found: Flagged, event: Event) -> pd.DataFrame:
    """Take the events that were set aside out of all events of a kind."""
    kind = found.rows["activity_type"].isin([_KINDS[event]]).to_numpy(dtype=np.bool_)
    own = found.rows[kind & ~found.automatic]
    judged = pd.MultiIndex.from_frame(found.rows[list(RECIPIENT)].drop_duplicates())
    others = rows[~pd.MultiIndex.from_frame(rows[list(RECIPIENT)]).isin(judged)]
    held = [name for name in rows if name in own]
    parts = [part[held].assign(activity_type=_KINDS[event]) for part in (others, own)]  # of one type
    return pd.concat(parts, ignore_index=True)


def _first(rows: pd.DataFrame) -> pd.DataFrame:
    """Give the earliest event of each recipient."""
    dated = rows.dropna(subset=["activity_date", *RECIPIENT])
    return dated.sort_values("activity_date", kind="stable").drop_duplicates(list(RECIPIENT), ignore_index=True)


def _weeks(rows: pd.DataFrame, groups: Grouping) -> pd.DataFrame:
    """Give the groups, one row each, in their order."""
    if not groups.names:
        return pd.DataFrame(index=[0])
    names = list(groups.names)
    return rows[names].groupby(names, sort=True, observed=True, dropna=False).size().reset_index()[names]


def _slot(times: "pd.Series[Any]", tz: str) -> Numbers:
    local = times.dt.tz_convert(tz)
    slots: Numbers = (local.dt.day_of_week * 24 + local.dt.hour).fillna(-1).to_numpy(dtype=np.int64)
    return slots


def _group_numbers(rows: pd.DataFrame, groups: Grouping, keys: pd.DataFrame) -> Numbers:
    if not groups.names:
        return np.zeros(len(rows), dtype=np.int64)
    names = list(groups.names)
    numbered = keys.assign(_group=np.arange(len(keys)))
    return rows[names].merge(numbered, on=names, how="left")["_group"].to_numpy(dtype=np.int64)


def _grid(keys: pd.DataFrame) -> pd.DataFrame:
    """Give the rows of the result: all hours of the week for each group."""
    table = keys.loc[keys.index.repeat(_SLOTS)].reset_index(drop=True)
    hours = np.tile(np.arange(_SLOTS), len(keys))
    table["weekday"] = pd.Categorical.from_codes((hours // 24).tolist(), categories=pd.Index(DAYS), ordered=True)
    table["hour"] = pd.array(hours % 24, dtype="Int64")
    return table


def _hours(rows: pd.DataFrame, groups: Grouping, keys: pd.DataFrame, ci: float) -> pd.DataFrame:
    """Count first events by hour of the week, and their share of the group's."""
    place = _group_numbers(rows, groups, keys) * _SLOTS + _slot(rows["activity_date"], groups.tz)
    size = len(keys) * _SLOTS
    n = np.bincount(place, minlength=size)
    pairs = pd.DataFrame({"place": place, "campaign": rows["campaign_id"].to_numpy()}).drop_duplicates()
    total = np.repeat(n.reshape(-1, _SLOTS).sum(axis=1), _SLOTS)
    effect = _of_contacts(place, pd.factorize(rows["contact_id"].to_numpy(dtype=object))[0], size)
    table = _grid(keys)
    table["n"] = pd.array(n, dtype="Int64")
    table["rate"] = np.divide(n, total, out=np.full(size, np.nan), where=total > 0)
    table["low"], table["high"] = clustered(n, total, effect, ci)
    table["n_campaigns"] = pd.array(np.bincount(pairs["place"], minlength=size), dtype="Int64")
    return table


def _of_contacts(place: Numbers, contact: Numbers, size: int) -> npt.NDArray[np.float64]:
    """Tell how much wider intervals are since a contact has one first event for each of its campaigns."""
    one = pd.DataFrame({"week": place // _SLOTS, "contact": contact, "place": place})
    own = one.groupby(["week", "contact"], sort=False).size().rename("n").reset_index()
    acted = one.groupby(["week", "contact", "place"], sort=False).size().rename("k").reset_index()
    acted = acted.merge(own, on=["week", "contact"])

    def of_hours(values: "pd.Series[Any]") -> npt.NDArray[np.float64]:
        return np.bincount(acted["place"], weights=values, minlength=size).astype(np.float64)

    def of_weeks(values: "pd.Series[Any]") -> npt.NDArray[np.float64]:
        sums = np.bincount(own["week"], weights=values, minlength=size // _SLOTS)
        return np.repeat(sums.astype(np.float64), _SLOTS)

    k, n = acted["k"], acted["n"]
    sums = (of_hours(k), of_weeks(own["n"]), of_hours(k * k), of_hours(k * n), of_weeks(own["n"] ** 2))
    return design_effect(*sums, of_weeks(own["n"] > 0))


def _of_sends(
    events: Events,
    groups: Grouping,
    event: Event,
    found: Flagged | None,
    machine: Machine,
    chosen: Definitions,
    ci: float,
    min_delivered: int,
    min_campaigns: int,
) -> tuple[pd.DataFrame, list[str]]:
    keys = list(dict.fromkeys((*groups.keys, "campaign_id")))
    names = list(dict.fromkeys((*groups.names, "campaign_id")))
    click, engaged = HAS["click"], HAS["open"] | HAS["click"] | HAS["forward"]
    wanted = {
        "n": (HAS["send"] & ~chosen.bounced) | engaged,
        "n_acted": click if event == "click" else engaged,
    }
    patterns = events.patterns(keys)
    recorded = tally(groups.of(events, patterns), names, wanted)
    first = events.first_sends()
    weeks = _weeks(recorded, groups)

    def hours(counts: pd.DataFrame) -> pd.DataFrame:
        sent = counts.assign(_slot=_slot(pd.Series(first.reindex(counts["campaign_id"]).array), groups.tz))
        sent = sent[(sent["_slot"] >= 0) & (sent["n"] > 0)]
        return _of_slots(sent, groups, weeks, ci, min_delivered, min_campaigns)

    if found is None:
        return hours(recorded), []
    left = tally(groups.of(events, found.counts(patterns, keys)), names, wanted)
    return side_by_side(hours(recorded), hours(left), machine, [*groups.names, "weekday", "hour"]), []


def _of_slots(
    sent: pd.DataFrame, groups: Grouping, weeks: pd.DataFrame, ci: float, min_delivered: int, min_campaigns: int
) -> pd.DataFrame:
    """Add up campaigns by hour of the week of their sending."""
    place = _group_numbers(sent, groups, weeks) * _SLOTS + sent["_slot"].to_numpy()
    size = len(weeks) * _SLOTS
    k, n = sent["n_acted"].to_numpy(dtype=np.float64), sent["n"].to_numpy(dtype=np.float64)

    def total(values: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        return np.bincount(place, weights=values, minlength=size).astype(np.float64)

    campaigns = np.bincount(place, minlength=size)
    acted, delivered = total(k), total(n)
    effect = design_effect(acted, delivered, total(k * k), total(k * n), total(n * n), campaigns)
    enough = (delivered >= min_delivered) & (campaigns >= min_campaigns)
    low, high = clustered(acted, delivered, effect * _for_few(campaigns, ci), ci)
    table = _grid(weeks)
    table["n"] = pd.array(delivered.astype(np.int64), dtype="Int64")
    table["n_acted"] = pd.array(acted.astype(np.int64), dtype="Int64")
    table["rate"] = np.divide(acted, delivered, out=np.full(size, np.nan), where=enough & (delivered > 0))
    table["low"], table["high"] = np.where(enough, low, np.nan), np.where(enough, high, np.nan)
    table["n_campaigns"] = pd.array(campaigns, dtype="Int64")
    return table


def _for_few(clusters: Numbers, ci: float) -> npt.NDArray[np.float64]:
    """Widen for few clusters, by (t/z)^2 with one degree of freedom less than there are (Korn and Graubard 1998)."""
    from scipy.stats import norm, t

    tail = (1 + ci) / 2
    freedom = np.where(clusters > 1, clusters - 1, np.nan)
    return np.asarray((t.ppf(tail, freedom) / norm.ppf(tail)) ** 2, dtype=np.float64)
