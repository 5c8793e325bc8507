"""How many recipients reached each stage of a mailing."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final, cast

import numpy as np
import pandas as pd

from cctrack.analysis._definitions import Preset, chosen_definitions, duration, moment, one_of, zone
from cctrack.analysis._dense import PandasEvents
from cctrack.analysis._events import RECIPIENT, Events, opened
from cctrack.analysis._grouping import By, Grouping, checked_labels, grouping, labelled
from cctrack.analysis._human import OF_LINKS, Flagged, Machine, checked_machine, flagged, side_by_side
from cctrack.analysis._intervals import checked_ci
from cctrack.analysis._ordered import Window, counted_in_order
from cctrack.analysis._patterns import N, tally
from cctrack.analysis._stages import Choices, Orphans, Semantics, laid_out, lookups
from cctrack.analysis._told import tell

_NEEDED: Final = ("activity_type", "activity_date", "campaign_id", "contact_id", "bounce_code")
# {n} is what the rates count: n, or n_mature in order.
_COLUMNS: Final[Mapping[str, str]] = {
    "stage": "sent, delivered, opened or clicked",
    "n": "recipients that reached the stage; a recipient is a contact in a campaign",
    "n_inferred": "those of n without a record of the stage, known from a later one",
    "n_orphan": "recipients without a send row that reached the stage; {orphans}",
    "n_machine": "recorded less human n: recipients that only automatic events brought here; NA with machine='include'",
    "n_mature": "those of n whose window has passed; the rates, drops and times are of them",
    "rate_of_sent": "{n} / {n} of sent",
    "rate_of_delivered": "{n} / {n} of delivered; NaN for sent, and with definitions='sent'",
    "step_rate": "{n} / {n} of the stage before",
    "step_low": "lower end of the Wilson interval of step_rate",
    "step_high": "upper end of the Wilson interval of step_rate",
    "drop_n": "{n} of the stage before less {n}",
    "drop_rate": "drop_n / {n} of the stage before",
    "median_time_from_prev": "median time from send to open, on opened, and from there to click, on clicked; only with "
    "semantics='ordered', where stages have times",
    "n_bounced": "on sent: recipients with a bounce",
    "n_bounced_but_engaged": "on delivered: recipients with a bounce that opened, clicked or forwarded all the same",
    "n_unsubscribed": "on delivered: recipients that unsubscribed{removed}",
    "n_forwarded": "on opened: recipients that used the forward link",
}
_ORPHANS: Final[Mapping[Orphans, str]] = {
    "keep": "n and the exits hold them",
    "separate": "n and the exits do not hold them",
    "drop": "0, they are left out",
}
_SEMANTICS: Final[Mapping[Semantics, str]] = {
    "closed": "closed, each stage holds the next: a click or forward implies an open, an open implies delivery and "
    "delivery a send.",
    "observed": "observed, each stage is what the rows say, also where a later one says more.",
    "ordered": "ordered, a stage counts after the one before, within the window from the send; what has no date does "
    "not count. Rates are of recipients whose window has passed.",
}
_STEPS: Final = "Step rates are shares of the stage before."
_CLOCKS: Final = "The clocks of the reports disagree: automatic events are told by bursts alone, delays do not hold."
_POOLED: Final = (
    "Several campaigns are counted together. Where they went to the same contacts the intervals are too narrow; the "
    "pooled line of analysis.scorecard has intervals that hold."
)


def funnel(
    activities: Any,
    *,
    by: By = None,
    semantics: Semantics = "closed",
    machine: Machine = "both",
    definitions: Preset = "cctrack",
    ci: float = 0.95,
    labels: pd.DataFrame | None = None,
    orphans: Orphans = "keep",
    window: str | pd.Timedelta | None = "7D",
    tolerance: str | pd.Timedelta = "2s",
    allow_implied: bool = False,
    as_of: Any = None,
    tz: str = "UTC",
) -> pd.DataFrame:
    """How many recipients reached each stage; one row is one stage, of one group.

    Parameters
    ----------
    activities
        A table such as `cctrack.campaign_activities_df` or `cctrack.stack` gives, from pandas, Polars, PyArrow,
        DuckDB, Dask or PySpark.
    by
        What makes groups, each with a funnel of its own: a column, "month" (of the campaign's first send), a Series
        of segments indexed by contact id (a contact in several counts in each), or several of these.
    semantics
        "closed", "observed" or "ordered"; see Notes.
    machine
        "include" counts everything; "exclude" sets events that look automatic aside before the stages are closed;
        "both" gives the recorded columns, then the same with the suffix `_human`.
    definitions
        "cctrack", "constant_contact" (automatic replies are bounces, removals by the sender unsubscriptions) or "sent"
        (rates of what was sent alone).
    ci
        Confidence of the intervals.
    labels
        What `cctrack.campaigns_df` gave: puts `campaign_name` and `send_date` beside each campaign id.
    orphans
        Recipients without a send row: "keep" them, "drop" them, or leave them out and count them "separate" in
        `n_orphan`, as "ordered" always does.
    window, tolerance, allow_implied
        For "ordered": how long after its send an event counts, None for ever; how little before the stage that it
        follows an event may come; and whether a click opens the mail that has no open before it.
    as_of
        Later events are not counted; a date is its first moment in UTC, None the newest event.
    tz
        Zone of the months.

    Returns
    -------
    pandas.DataFrame
        The columns of `by`, then those that `analysis.explain` tells. No rows give four stages of 0; with `by`, none.

    Raises
    ------
    TypeError, ValueError
        When the table lacks a column or an argument is none of those named.
    EngineError
        When an engine cannot count, or more than 5 million rows would have to come over.

    Notes
    -----
    closed: clicked is a click; opened an open, click or forward; delivered a send without a bounce, or opened; sent a
    send, or delivered. observed: a send; a send without a bounce; an open; a click: the counts of common reports.
    ordered: an open not before the send, a click not before that open, within the window. A campaign is never mixed
    with another. "Delivered" is the "accepted" of the S.A.M.E. standard (2010). Repeated rows and the order of rows
    change nothing. Intervals: Wilson (1927), recipients taken as independent.
    """
    checked_machine(machine)
    choices = _chosen(semantics, definitions, ci, orphans, _window(window, tolerance, allow_implied), as_of)
    names = checked_labels(labels)
    zone(tz)
    events = opened(activities, _NEEDED)
    groups = grouping(by, events, _COLUMNS, tz)
    events, choices = _until(events, choices)
    if semantics == "ordered":
        events = _brought(events, groups)
    # By campaign too where that is as quick: it tells whether several are counted together.
    keys = groups.keys if "contact_id" in groups.keys else tuple(dict.fromkeys((*groups.keys, "campaign_id")))
    found = None if machine == "include" else flagged(events, keys, as_text=False)
    patterns = events.patterns(keys)
    table = _counted(events, events, patterns, groups, choices)
    if found is not None:
        left = _counted(events, _without(events, found, choices), found.counts(patterns, keys), groups, choices)
        table = _beside(table, left, machine, groups)
    return tell(
        labelled(table, names, events),
        "funnel",
        title="From sent to clicked",
        row="One row is one stage" + (f", by {' and '.join(groups.names)}." if groups.names else "."),
        definition=f"Recipients, {_SEMANTICS[semantics]} {choices.definitions.sentence} {_STEPS}",
        columns=_meanings(choices, groups),
        source=events.source,
        notes=_notes(events, groups, patterns, found),
        **_facts(choices, groups),
        **({"machine": machine} if found is None else found.facts(machine)),
    )


def _chosen(
    semantics: Semantics, definitions: Preset, ci: float, orphans: Orphans, window: Window, as_of: Any
) -> Choices:
    """Check the choices; in order, orphans cannot be followed, so they are counted apart unless dropped."""
    one_of("semantics", semantics, _SEMANTICS)
    one_of("orphans", orphans, _ORPHANS)
    apart: Orphans = "separate" if semantics == "ordered" and orphans == "keep" else orphans
    end = None if as_of is None else moment("as_of", as_of)
    return Choices(semantics, chosen_definitions(definitions), checked_ci(ci), apart, window, end)


def _window(length: object, tolerance: object, implied: object) -> Window:
    if not isinstance(implied, bool):
        raise TypeError(f"allow_implied must be True or False, not {implied!r}")
    slack = cast(pd.Timedelta, duration("tolerance", tolerance))
    return Window(duration("window", length, none=True), slack, implied)


def _until(events: Events, choices: Choices) -> tuple[Events, Choices]:
    """Leave later events out, or find when the newest one was."""
    if choices.as_of is None:
        return events, replace(choices, as_of=events.newest())
    return events.until(choices.as_of), choices


def _brought(events: Events, groups: Grouping) -> PandasEvents:
    """Bring over what is followed in order, and what tells automatic events."""
    columns = (*_NEEDED, *OF_LINKS, "unsubscribe_source", "machine", "machine_reason", *groups.keys)
    return PandasEvents.of(events.fetched(columns, why="the ordered funnel"), events.source)


def _without(events: Events, found: Flagged, choices: Choices) -> Events:
    """Give the events that are followed in order when the automatic ones are set aside."""
    if choices.semantics != "ordered":
        return events
    rows = cast(PandasEvents, events).table
    kept = np.ones(len(rows), dtype=np.bool_)
    kept[found.rows.index.to_numpy()[found.automatic]] = False
    return PandasEvents.of(rows[kept], events.source)


def _counted(
    events: Events, followed: Events, patterns: pd.DataFrame, groups: Grouping, choices: Choices
) -> pd.DataFrame:
    """Count the stages of every group, and lay them out."""
    counts = tally(groups.counted(events, patterns), groups.names, lookups(choices))
    if choices.semantics == "ordered":
        bounces = choices.definitions.bounces
        held = cast(PandasEvents, followed)
        counts = counted_in_order(counts, events, held, groups, bounces, choices.window, choices.as_of)
    return laid_out(counts, groups.names, choices)


def _beside(recorded: pd.DataFrame, human: pd.DataFrame, machine: Machine, groups: Grouping) -> pd.DataFrame:
    """Put what is left beside what was recorded."""
    aside = recorded["n"] - human["n"]
    if machine == "both":
        return side_by_side(
            recorded.assign(n_machine=aside), human.drop(columns="n_machine"), machine, [*groups.names, "stage"]
        )
    return human.assign(n_machine=aside)


def _meanings(choices: Choices, groups: Grouping) -> dict[str, str]:
    """Say what the columns are."""
    words = {
        "n": "n_mature" if choices.semantics == "ordered" else "n",
        "orphans": _ORPHANS[choices.orphans],
        "removed": ", or that the sender removed" if "removed" in choices.definitions.unsubscribes else " themselves",
    }
    return groups.meanings | {name: meaning.format(**words) for name, meaning in _COLUMNS.items()}


def _facts(choices: Choices, groups: Grouping) -> dict[str, Any]:
    """Give what was chosen."""
    facts: dict[str, Any] = {
        "by": groups.names or None,
        "semantics": choices.semantics,
        "definitions": choices.definitions.name,
        "orphans": choices.orphans,
        "ci": choices.ci,
        "tz": groups.tz if groups.monthly else None,
        "as_of": choices.as_of,
    }
    if choices.semantics != "ordered":
        return facts
    window = choices.window
    length = "none" if window.length is None else str(window.length)
    return facts | {"window": length, "tolerance": str(window.tolerance), "allow_implied": window.implied}


def _notes(events: Events, groups: Grouping, patterns: pd.DataFrame, found: Flagged | None) -> list[str]:
    """Say what a reader of the figures must know."""
    notes = []
    told = patterns if "campaign_id" in patterns else events.distinct(["campaign_id"], ["campaign_id"])
    if "campaign_id" not in groups.names and told["campaign_id"].nunique() > 1:
        notes.append(_POOLED)
    own = [name for name in groups.keys if name not in RECIPIENT]
    if own and (more := int(patterns[N].sum() - events.patterns(["campaign_id"])[N].sum())):
        notes.append(
            f"Rows of one recipient differ in {' and '.join(own)}: it counts in each of its groups by the rows that it "
            f"has there, {more:,} times more than there are recipients."
        )
    if found is not None and found.clocks_suspect:
        notes.append(_CLOCKS)
    return notes
