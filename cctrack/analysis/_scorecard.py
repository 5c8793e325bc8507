"""Every count and rate of a mailing beside each other, then of all mailings together."""

from collections.abc import Mapping
from typing import Any, Final

import pandas as pd

from cctrack.analysis._definitions import Preset, chosen_definitions, moment, zone
from cctrack.analysis._events import Events, opened
from cctrack.analysis._grouping import By, checked_labels, grouping, labelled
from cctrack.analysis._human import OF_LINKS, Flagged, Machine, checked_machine, flagged, side_by_side
from cctrack.analysis._intervals import checked_ci
from cctrack.analysis._lines import Choices, lines_of
from cctrack.analysis._machine_activity import auto_openers
from cctrack.analysis._patterns import N
from cctrack.analysis._rates import meanings
from cctrack.analysis._tables import checked, pandas_kind
from cctrack.analysis._told import tell

_NEEDED: Final = ("activity_type", "activity_date", "campaign_id", "contact_id", "bounce_code")
_LINE: Final = (
    "group: one of what the rows are by; pooled: all together, its rates are sums over sums; mean: the average of the "
    "rates above, each group weighing the same, without counts and intervals"
)
_LOW: Final = "whether fewer than 5 opened or clicked, or all but fewer than 5: do not rank by such a rate"
_ALONE: Final = "The one row is of everything together."
_HOW: Final = "Counts are what the rows say (observed), each recipient once; every rate has its two counts beside it."
_POOLED: Final = (
    "Intervals of lines that take campaigns together allow for contacts that got several; taken as if all were "
    "different, the pooled click rate would have {effect:.1f} times too little variance."
)
_COMPLAINTS: Final = "Nobody knows which contacts complained: of several campaigns complaint_rate has no interval."
_INCLUDED: Final = "With machine='include' nobody looks for automatic openers: the counts without them are NA."
_ORPHANS: Final = (
    "Recipients with an event but no send: {n:,}. They are in numerators, not in denominators, so that rates may be "
    "too high, even above 1, where the interval is NaN; analysis.funnel(orphans='drop') leaves them out."
)
_NOBODY: Final = "Activities without a campaign or contact id are left out: {n:,}."
_UNKNOWN: Final = "The activities do not tell who unsubscribed a contact: removals by the sender count as unsubscribed."
_CLOCKS: Final = "The clocks of the reports disagree: automatic events are told by bursts alone."


def scorecard(
    activities: Any,
    summaries: pd.DataFrame | None = None,
    *,
    by: By = "campaign_id",
    machine: Machine = "both",
    definitions: Preset = "cctrack",
    ci: float = 0.95,
    labels: pd.DataFrame | None = None,
    pooled: bool = True,
    as_of: Any = None,
    tz: str = "UTC",
) -> pd.DataFrame:
    """Every count and rate of each campaign; one row is one campaign, then come all together and their average.

    Parameters
    ----------
    activities
        A table such as `cctrack.account_activities_df` or `cctrack.stack` gives, from pandas, Polars, PyArrow,
        DuckDB, Dask or PySpark.
    summaries
        What `cctrack.campaign_summary_df` gave, or `campaigns_df(details=True)`: only they tell spam complaints.
    by
        What the rows are: a column, "month" (of the campaign's first send), a Series of segments indexed by contact
        id, or several of these. None gives the pooled line alone.
    machine
        "include" counts everything; "exclude" sets events that look automatic aside; "both" gives the recorded
        columns, then the same with the suffix `_human`.
    definitions
        "cctrack", "constant_contact" (automatic replies are bounces, click-to-open is of `unique_openers`) or "sent"
        (rates are shares of what was sent).
    ci
        Confidence of the intervals.
    labels
        What `cctrack.campaigns_df` gave: puts `campaign_name` and `send_date` beside each campaign id.
    pooled
        Whether the lines of all together and of their average are to follow.
    as_of
        Later events are not counted; None takes the newest one's date.
    tz
        Zone of the months.

    Returns
    -------
    pandas.DataFrame
        The columns of `by`; `line`, which is "group", "pooled" or "mean"; counts; of each rate `X_rate`, `X_low` and
        `X_high`; `low_n`. `attrs["cctrack"]["rates"]` has numerator and denominator of each rate by name;
        `analysis.explain` says what all columns are.

    Raises
    ------
    TypeError, ValueError
        When a table lacks a column or an argument is none of those named.
    EngineError
        When an engine cannot count, or more than 5 million rows would have to come over.

    Notes
    -----
    "Delivered" is the "accepted" of the S.A.M.E. standard (2010). Three open rates, for no v2 report tells a privacy
    proxy from a reader: as recorded, without suspected auto-openers, and clicks alone. Intervals: Wilson (1927); where
    a line takes campaigns together, at the effective number of recipients (Korn and Graubard, 1998), from the
    variance between contacts. Net list growth is left out: activities do not tell when a contact joined.
    """
    checked_machine(machine)
    preset, coverage, named = chosen_definitions(definitions), checked_ci(ci), checked_labels(labels)
    complaints = _complaints(summaries)
    whole = opened(activities, _NEEDED)
    if not set(OF_LINKS).intersection(whole.columns):
        whole.require(["link_id"])
    newest = moment("as_of", as_of) if as_of is not None else whole.newest()
    whole = whole if as_of is None else whole.until(newest)
    events = whole.of_recipients()
    columns = {"line": _LINE, **meanings(preset), "low_n": _LOW}
    groups = grouping(by, events, columns, zone(tz))
    found = None if machine == "include" else flagged(events, groups.keys)
    auto = None if found is None else auto_openers(events, found).tolist()
    choices = Choices(preset, coverage, auto, complaints, pooled)
    recorded, human, effects = lines_of(events, groups, choices, found)
    table = side_by_side(recorded, human, machine, [*groups.names, "line"])
    return tell(
        labelled(table, named, events),
        "scorecard",
        title="Scorecard",
        row=f"One row is one {' and '.join(groups.names)}, or a line below these." if groups.names else _ALONE,
        definition=f"{_HOW} {preset.sentence}",
        columns={**groups.meanings, **columns},
        source=events.source,
        notes=_notes(whole, events, recorded, choices, found, effects),
        by=groups.names or None,
        definitions=definitions,
        ci=ci,
        tz=groups.tz if groups.monthly else None,
        as_of=newest,
        rates={rate.column: [rate.numerator, rate.denominator] for rate in choices.rates},
        design_effects=effects or None,
        auto_openers=None if auto is None else len(auto),
        **({"machine": machine} if found is None else found.facts(machine)),
    )


def _complaints(summaries: pd.DataFrame | None) -> "pd.Series[Any] | None":
    """Give the spam complaints by campaign id."""
    if summaries is None:
        return None
    known = checked(summaries, ("campaign_id", "spam_count"), "summaries", "cctrack.campaign_summary_df")
    known = known[["campaign_id", "spam_count"]].dropna().drop_duplicates("campaign_id")
    if len(known) and pandas_kind(known["spam_count"]) != "number":
        raise ValueError("summaries: spam_count holds no numbers; mend it: summaries.astype({'spam_count': 'Int64'})")
    return pd.Series(known["spam_count"].array, index=known["campaign_id"].astype("string"), dtype="Int64")


def _notes(
    whole: Events,
    events: Events,
    table: pd.DataFrame,
    choices: Choices,
    found: Flagged | None,
    effects: Mapping[str, float],
) -> list[str]:
    """Say what a reader of the figures must know."""
    notes = [_POOLED.format(effect=effects["click"])] if effects.get("click", 1) > 1 else []
    notes += [_COMPLAINTS] if choices.complaints is not None and effects else []
    notes += [_INCLUDED] if found is None else []
    notes += [_CLOCKS] if found is not None and found.clocks_suspect else []
    notes += [_UNKNOWN] if "unsubscribe_source" not in whole.columns else []
    orphans = int(table.loc[table["line"] == ("pooled" if effects else "group"), "orphan_recipients"].sum())
    notes += [_ORPHANS.format(n=orphans)] if orphans else []
    nobody = int(whole.totals([])[N].sum() - events.totals([])[N].sum())
    return notes + ([_NOBODY.format(n=nobody)] if nobody else [])
