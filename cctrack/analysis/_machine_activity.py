"""Which events look automatic, and what that does to the rates of each campaign."""

from collections.abc import Collection, Iterable
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from cctrack.analysis._definitions import Definitions, Preset, chosen_definitions, moment, one_of
from cctrack.analysis._dense import PandasEvents
from cctrack.analysis._events import ROW_LIMIT, Events, opened
from cctrack.analysis._grouping import labelled
from cctrack.analysis._human import Flagged, flagged
from cctrack.analysis._machine import RULES, Rules, rules_of
from cctrack.analysis._machine_rates import REPORTED, opens_left, summarised
from cctrack.analysis._patterns import HAS, N, tally
from cctrack.analysis._tables import checked
from cctrack.analysis._told import tell
from cctrack.errors import EngineError

Table = Literal["events", "summary"]
_NEEDED: Final = ("activity_type", "activity_date", "campaign_id", "contact_id", "bounce_code")
_MAILS, _OPENED, _OPENS = 8, 90, 105  # mails delivered, percent of them opened, opens for 100 that were opened
_ADDED: Final = ("machine", "machine_reason")
_WAY_OUT: Final = "ask for table='summary', which brings over the rows of those who clicked alone"
_COLUMNS: Final = {
    "machine": "True where the event looks automatic",
    "machine_reason": "the first of the rules that holds, in their order; NA where none does",
    "reason": "the rule",
    "flagged": "whether the rule sets events aside; the others only report what stays and may still be automatic",
    "metric": "the rate that the rule touches: click_rate, open_rate or unsubscribe_rate",
    "n_events": "events of this reason; of rules that only report, those that stay",
    "n_contacts": "contacts with such an event in the campaign",
    "rate_recorded": "different contacts with a click (open, unsubscribe) / delivered, as recorded",
    "rate_without": "the same, had only the events of this row been set aside; auto_opener leaves delivered too",
    "rate_human": "the same after all that is flagged is set aside, whatever the reason; delivered stays as it is",
}
_HOW: Final = (
    "Events are judged one at a time from contact, campaign, link and time: bursts of different links, and what "
    "happened around them. Nothing is deleted, and no contact is judged as a whole."
)
_LIMITS: Final = (
    "What no time tells stays: a scanner that follows one link only, and opens by privacy proxies. "
    "machine is what events look like, not proof.",
    "To judge otherwise, edit the column machine: every analysis takes it as it stands.",
)
_PLAIN: Final = (
    "The rates are counts of what was recorded, not estimates, so they have no intervals; those of a campaign's rates "
    "are in analysis.scorecard.",
    "One reason is named for each event, the first that holds; a contact can be in several rows, events in one only.",
)
_REPORTED: Final = tuple(f"{name}: {text}; reported only" for name, text in REPORTED.items())
_CLOCKS: Final = "The clocks of the reports disagree: automatic events are told by bursts alone."


def machine_activity(
    activities: Any,
    *,
    table: Table = "events",
    rules: Collection[str] | None = None,
    honeypot_link_ids: Iterable[str] = (),
    links: pd.DataFrame | None = None,
    definitions: Preset = "cctrack",
    labels: pd.DataFrame | None = None,
    as_of: Any = None,
) -> pd.DataFrame:
    """Which events look automatic: the activities with a verdict on each, or one row a campaign and reason.

    Parameters
    ----------
    activities
        A table such as `cctrack.campaign_activities_df` or `cctrack.stack` gives, from pandas, Polars, PyArrow,
        DuckDB, Dask or PySpark.
    table
        "events" gives the activities, row by row, with `machine` and `machine_reason`; "summary" counts them.
    rules
        Which rules flag events: of "honeypot", "sweep", "instant", "cohort_second", "unsub_in_sweep" and "scan_open".
        None takes all but "cohort_second".
    honeypot_link_ids
        Links that no reader sees, for the rule "honeypot".
    links
        For "summary": what `cctrack.links_df` gave, to tell how many links a mail has; else those clicked are taken.
    definitions
        For "summary": what delivered means; see `analysis.funnel`.
    labels
        For "summary": what `cctrack.campaigns_df` gave, to put `campaign_name` and `send_date` beside campaign ids.
    as_of
        Later rows are left out; None keeps all.

    Returns
    -------
    pandas.DataFrame
        "events": all columns, with the input's index when it is from pandas. "summary": the columns that
        `analysis.explain` tells, with a row for each rule also where it found nothing.

    Raises
    ------
    TypeError, ValueError
        When the table lacks a column or an argument is none of those named.
    EngineError
        When an engine cannot count, or more than 5 million rows would have to come over.

    Warns
    -----
    ClockWarning
        When events come before their own send. Rules that compare kinds of event are then left out; bursts hold.

    Notes
    -----
    A sweep is 3 or more different links of one mail clicked by one contact within 10 s, or 2 within 1 s: scanners
    follow links in bursts, a median of 43 s after the send, so that nearness to the send tells little. "events" judges
    anew when the activities have a column `machine`; "summary" takes that as it stands, as every analysis does. It
    adds rules that only report: `all_links` (80 % of a mail's links, at least 4, by one contact at any pace),
    `auto_opener` (8 or more mails delivered, 90 % of them opened, at most 1.05 times each, never a click) and
    `repeat` (the same link again within 2 s).
    """
    one_of("table", table, ("events", "summary"))
    chosen = rules_of(rules, honeypot_link_ids)
    preset = chosen_definitions(definitions)
    if table == "events" and (links is not None or labels is not None):
        raise ValueError("links and labels go with table='summary'; leave them out, or ask for it")
    events = opened(activities, _NEEDED if table == "summary" else _NEEDED[:-1])
    if as_of is not None:
        events = events.until(moment("as_of", as_of))
    if table == "events":
        return _judged_anew(events, chosen)
    if "machine" in events.columns and (rules is not None or chosen.honeypots):
        raise ValueError(
            "activities has a column machine, which the summary takes as it stands; drop it, or leave out rules and "
            "honeypot_link_ids"
        )
    return _summary(events, chosen, links, preset, labels)


def _judged_anew(events: Events, rules: Rules) -> pd.DataFrame:
    """Give all rows with the verdicts of the rules."""
    kept = [name for name in events.columns if name not in _ADDED]
    if isinstance(events, PandasEvents):
        rows = events.table.loc[:, kept]
    else:
        rows = events.fetched(kept, why="machine_activity(table='events')", instead=_WAY_OUT)
    found = flagged(PandasEvents.of(rows, events.source), rules=rules)
    reasons = np.full(len(rows), -1, dtype=np.int8)
    reasons[found.rows.index.to_numpy()] = found.reasons
    told = pd.Categorical.from_codes(reasons, categories=pd.Index(list(RULES)))
    result = rows.assign(machine=reasons >= 0, machine_reason=told)
    return tell(
        result,
        "machine_activity",
        title="Events that look automatic",
        row="One row is one row of the activities.",
        definition=_HOW,
        columns=_COLUMNS,
        source=events.source,
        notes=_LIMITS + ((_CLOCKS,) if found.clocks_suspect else ()),
        shows="events",
        as_of=PandasEvents.of(rows, {}).newest(),
        **found.facts("flagged"),
    )


def _summary(
    events: Events, rules: Rules, links: pd.DataFrame | None, definitions: Definitions, labels: pd.DataFrame | None
) -> pd.DataFrame:
    listed = None
    if links is not None:
        listed = checked(links, ("campaign_id", "link_id"), "links", "cctrack.links_df")
    found = flagged(events, rules=rules)
    suspects = auto_openers(events, found)
    result = summarised(events, found, suspects, listed, definitions)
    clicks = found.rows["activity_type"].isin(["EMAIL_CLICK"]).to_numpy()
    return tell(
        labelled(result, labels, events),
        "machine_activity",
        title="Automatic activity",
        row="One row is one reason in one campaign.",
        definition=f"{_HOW} Rates are different contacts of delivered. {definitions.sentence}",
        columns=_COLUMNS,
        source=events.source,
        notes=(*_LIMITS, *_PLAIN, *_REPORTED, *((_CLOCKS,) if found.clocks_suspect else ())),
        shows="summary",
        definitions=definitions.name,
        as_of=events.newest(),
        clicks=int(clicks.sum()),
        clicks_set_aside=int((clicks & found.automatic).sum()),
        auto_openers=len(suspects),
        **found.facts("both"),
    )


def auto_openers(events: Events, found: Flagged) -> "pd.Series[Any]":
    """Give the contacts whose opens look as if a machine made them all: a class for comparison, not a verdict.

    Parameters
    ----------
    events
        The activities.
    found
        Their events that look automatic; these do not count here.

    Returns
    -------
    pandas.Series
        Contact ids: at least 8 mails delivered, 90 % or more of them opened, at most 1.05 opens for each that was
        opened, and no click.

    Raises
    ------
    EngineError
        When there are more contacts than rows may come over.
    """
    contacts = events.distinct([], ["contact_id"])[N].sum()
    if contacts > ROW_LIMIT:
        raise EngineError(
            f"{events.engine}: telling automatic openers needs counts of {contacts:,} contacts, more than the "
            f"{ROW_LIMIT:,} rows that come over at once; take fewer campaigns or contacts"
        )
    left = found.counts(events.patterns(["contact_id"]), ["contact_id"])
    arrived = HAS["send"] & ~chosen_definitions("cctrack").bounced
    wanted = {"delivered": arrived | HAS["open"], "opened": HAS["open"], "clicked": HAS["click"]}
    counts = tally(left, ["contact_id"], wanted)
    often = (counts["delivered"] >= _MAILS) & (100 * counts["opened"] >= _OPENED * counts["delivered"])
    counts = counts[often & (counts["clicked"] == 0)]
    opens = opens_left(events, found, "contact_id").reindex(counts["contact_id"], fill_value=0).to_numpy()
    suspects = counts.loc[100 * opens <= _OPENS * counts["opened"].to_numpy(), "contact_id"]
    return suspects.astype("string").reset_index(drop=True)
