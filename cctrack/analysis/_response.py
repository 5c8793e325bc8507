"""How responses come in after the send: how long they take, how mature a campaign is, and where it will end."""

import warnings
from dataclasses import replace
from typing import Any, Final, Literal

import pandas as pd

from cctrack.analysis._caveats import CAMPAIGNS, CURVE, definition, late, meanings, notes
from cctrack.analysis._clocks import disagree
from cctrack.analysis._definitions import Preset, chosen_definitions, duration, moment, one_of, zone
from cctrack.analysis._events import Events, opened
from cctrack.analysis._followed import KINDS, delays, followed, recipients_of, without_automatic
from cctrack.analysis._forecasts import Side, campaigns, curves, groups_in, marks_of
from cctrack.analysis._grouping import By, Grouping, checked_labels, grouping, labelled
from cctrack.analysis._human import Flagged, Machine, checked_machine, flagged, levels_up, side_by_side
from cctrack.analysis._intervals import checked_ci
from cctrack.analysis._machine_activity import auto_openers
from cctrack.analysis._maturity import LEARNED
from cctrack.analysis._outlook import Choices, Method
from cctrack.analysis._told import tell
from cctrack.errors import ClockWarning

Event = Literal["open", "click"]
Table = Literal["campaigns", "curve"]
_NEEDED: Final = ("activity_type", "activity_date", "campaign_id", "contact_id", "bounce_code")
_COLUMNS: Final = {"campaigns": CAMPAIGNS, "curve": CURVE}
_SHARED: Final = {"campaigns": ("event", "age_h"), "curve": ("event", "hours", "forecast")}
_ROWS: Final = {"campaigns": "One row is one {of}.", "curve": "One row is one time since the send, of one {of}."}
_SUSPECT: Final = (
    "{event}s come before their own send, or whole hours after it, so the clocks of the reports disagree: nothing is "
    "forecast, and delays do not hold; see analysis.clock_check"
)


def response_curve(
    activities: Any,
    *,
    event: Event = "click",
    by: By = None,
    table: Table = "campaigns",
    machine: Machine = "both",
    definitions: Preset = "cctrack",
    method: Method = "completion",
    window: str | pd.Timedelta | None = None,
    as_of: Any = None,
    tz: str = "UTC",
    ci: float = 0.95,
    labels: pd.DataFrame | None = None,
) -> pd.DataFrame:
    """How responses come in after the send, and where young campaigns will end; one row is one campaign, or group.

    Parameters
    ----------
    activities
        A table such as `cctrack.account_activities_df` gives, from any engine; older campaigns among them.
    event
        "click" or "open"; each recipient's first counts.
    by
        What makes rows in place of campaigns; see `analysis.funnel`.
    table
        "campaigns", or "curve" with the share that has responded by hours since the send, a row each.
    machine
        "include" everything, "exclude" events that look automatic, or "both" with the suffix `_human`. Human opens
        leave suspected auto-openers out of numerator and denominator.
    definitions
        Preset that says what delivered means, and whether rates are shares of that or of what was sent.
    method
        "completion" divides by the part that older campaigns had by the same age. "cure" fits a curve to the campaign
        alone: after 24 hours, with 100 responses.
    window
        Only responses within it count, such as "7D", and older is what is older than it; None takes all, and 14 days.
    as_of
        Until when recipients are followed; None takes the newest event's date. Later events are not counted.
    tz, ci, labels
        Zone of months, confidence of the intervals, and what `cctrack.campaigns_df` gave to name campaigns.

    Returns
    -------
    pandas.DataFrame
        The columns of `by` (or `campaign_id`), then those that `analysis.explain` tells. Where nothing can be forecast
        `status` is "refused", `note` says why, and the columns of the forecast are NaN.

    Raises
    ------
    TypeError, ValueError
        When the table lacks a column or an argument is none of those named.
    EngineError
        When there are more than 5 million recipients.

    Warns
    -----
    ClockWarning
        When responses come before their own send: nothing is forecast then.

    Notes
    -----
    Time runs from each contact's own send; those who have not responded are censored at `as_of` (Kaplan and Meier),
    also when they unsubscribed. The half-life of responses so far is too short: a campaign of 24 hours with a true one
    of 6.9 says 3.0. What is learned from older campaigns are their responses alone, whatever share of recipients they
    are. Below a maturity of 0.2, 20 responses, or without older campaigns there is no forecast.
    """
    one_of("event", event, KINDS)
    one_of("table", table, ("campaigns", "curve"))
    one_of("method", method, ("completion", "cure"))
    checked_machine(machine)
    preset, named, where = chosen_definitions(definitions), checked_labels(labels), zone(tz)
    within = _window(window)
    choices = _choices(event, method, within, ci)
    events = opened(activities, _NEEDED)
    newest = events.newest()
    until = newest if as_of is None else moment("as_of", as_of)
    events = events if as_of is None else events.until(until)
    groups = grouping("campaign_id" if by is None else by, events, _COLUMNS[table], where)
    recorded = recipients_of(events, groups.keys, KINDS[event])
    found = None if machine == "include" else flagged(events, groups.keys)
    if disagree(delays(recorded)):
        choices = replace(choices, clocks_suspect=True)
        if found is None or not found.clocks_suspect:
            warnings.warn(_SUSPECT.format(event=event), ClockWarning, stacklevel=levels_up())
    parts, aside = _parts(events, recorded, found, groups, event)
    keys = groups_in(recorded, events, groups)
    known = [followed(one, preset, until, within) for one in parts]
    sides = [Side.of(one, events, groups, keys, choices) for one in known]
    result = _laid_out(sides, keys, table, machine)
    said = notes(recorded, known[0], choices, sides[-1].older, groups)
    return tell(
        labelled(result, named, events),
        "response_curve",
        title=f"How {event}s come in",
        row=_ROWS[table].format(of="campaign" if by is None else f"group of {' and '.join(groups.names)}"),
        definition=definition(choices, preset),
        columns=meanings(_COLUMNS[table], choices, preset.base, groups),
        source=events.source,
        notes=[*said, *aside, *late(until, newest)],
        shows=table,
        event=event,
        method=method,
        by=groups.names,
        definitions=preset.name,
        window="none" if within is None else str(within),
        ci=choices.ci,
        tz=where if groups.monthly else None,
        as_of=until,
        **_facts(found, machine, choices),
    )


def _choices(event: Event, method: Method, within: pd.Timedelta | None, ci: float) -> Choices:
    hours = float("inf") if within is None else within / pd.Timedelta("1h")
    return Choices(event, method, LEARNED if within is None else hours, hours, checked_ci(ci))


def _window(window: str | pd.Timedelta | None) -> pd.Timedelta | None:
    within = duration("window", window, none=True)
    if within is not None and within <= pd.Timedelta(0):
        raise ValueError(f"window={window!r} lets no response in; give one such as '7D', or None")
    return within


def _parts(
    events: Events, recorded: pd.DataFrame, found: Flagged | None, groups: Grouping, event: Event
) -> tuple[list[pd.DataFrame], list[str]]:
    """Give the recipients as recorded, then without what is set aside, if anything is; and what to say of that."""
    if found is None:
        return [recorded], []
    left = without_automatic(recorded, found, groups.keys, KINDS[event])
    if event == "click":
        return [recorded, left], []
    contacts = auto_openers(events, found)
    out = left["contact_id"].isin(contacts).to_numpy()
    said = f"{len(contacts):,} suspected auto-openers (contacts) are left out of the human columns, of n too."
    return [recorded, left[~out]], [said] if len(contacts) else []


def _laid_out(sides: list[Side], keys: pd.DataFrame, table: Table, machine: Machine) -> pd.DataFrame:
    columns = list(_COLUMNS[table])
    if table == "campaigns":
        tables = [campaigns(side, keys, columns) for side in sides]
    else:
        marks = marks_of(sides)
        tables = [curves(side, keys, columns, marks) for side in sides]
    return side_by_side(tables[0], tables[-1], machine, [*keys.columns, *_SHARED[table]])


def _facts(found: Flagged | None, machine: Machine, choices: Choices) -> dict[str, Any]:
    told = {"machine": machine} if found is None else found.facts(machine)
    clocks = "suspect" if choices.clocks_suspect else told.get("clocks") or "ok"
    return {**told, "clocks": clocks}
