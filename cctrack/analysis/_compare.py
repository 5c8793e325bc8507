"""Which campaigns did better than which others, and which stand out among many."""

from collections.abc import Iterable, Sequence
from typing import Any, Final, Literal

import pandas as pd

from cctrack.analysis._chosen_campaigns import checked_ids, complain_of_unknown, in_order
from cctrack.analysis._compared import HUMAN, Comparison, Sides, limits_of, pairs_of
from cctrack.analysis._definitions import Preset, chosen_definitions, moment, one_of
from cctrack.analysis._events import Events, opened
from cctrack.analysis._grouping import checked_labels, labelled
from cctrack.analysis._human import Flagged, Machine, checked_machine, flagged
from cctrack.analysis._intervals import checked_ci
from cctrack.analysis._pairs import reach
from cctrack.analysis._patterns import HAS, PATTERN, N
from cctrack.analysis._responses import Metric, chosen_response
from cctrack.analysis._significance import Adjust, checked_adjust
from cctrack.analysis._told import tell

Table = Literal["pairs", "limits"]
_NEEDED: Final = ("activity_type", "activity_date", "campaign_id", "contact_id", "bounce_code")
_WEEK: Final = pd.Timedelta("7D")
_NAMED: Final = 5  # young campaigns that a note names
_NO_EXPERIMENT: Final = (
    "Campaigns to other lists, on other days or topics are no experiment: they differ, and nothing here says why."
)
_ONE: Final = "There is nothing to compare with: the table has {n} of the two campaigns that it takes."
_SMALL: Final = "Left out: {n:,} campaigns with fewer than {least:,} recipients; those named in campaigns always stay."
_ORPHANS: Final = "Left out: {n:,} recipients with an event but no send; of the others that were sent to nobody knows."
_YOUNG: Final = "Sent less than a week before the data end, so that rates will still rise: {ids}."
_OPENS: Final = "Nobody can tell opens by privacy proxies from those of readers: open rates compare both together."
_CLOCKS: Final = "The clocks of the reports disagree: automatic events are told by bursts alone."
_LABELS: Final = {
    "_name": "name of {side}, from labels",
    "_send_date": "when {side} was sent: its last run, from labels, else its first send in the activities",
}


def compare_campaigns(
    activities: Any,
    campaigns: Iterable[str] | None = None,
    *,
    metric: Metric = "click",
    baseline: str | None = None,
    table: Table = "pairs",
    machine: Machine = "exclude",
    definitions: Preset = "cctrack",
    adjust: Adjust = "holm",
    ci: float = 0.95,
    min_delivered: int = 30,
    labels: pd.DataFrame | None = None,
    as_of: Any = None,
) -> pd.DataFrame:
    """Differences between campaigns; one row is one pair, or with "limits" one campaign among all.

    Parameters
    ----------
    activities
        A table such as `cctrack.account_activities_df` gives, from pandas, Polars, PyArrow, DuckDB, Dask or PySpark.
    campaigns
        Ids of those to compare; None takes all that have `min_delivered` recipients, by their first send.
    metric
        "click", "open", "confirmed_open", "forward", "unsubscribe" (of delivered) or "bounce" (of sent).
    baseline
        A campaign to compare each of the others with; None compares each with each.
    table
        "pairs"; or "limits", the table of a statistical funnel plot: how far from the rate of all together chance
        alone takes a campaign of its size.
    machine
        "exclude" sets events that look automatic aside, for it is readers that one compares; "include" counts
        everything; "both" gives the recorded columns, then the same with the suffix `_human`.
    definitions
        What delivered means; see `analysis.funnel`.
    adjust
        How `p_adj` allows for the number of pairs: "holm", "bh" (Benjamini and Hochberg, for screening) or "none".
    ci
        Confidence of the intervals; campaigns differ where `p_adj` is at most 1 - `ci`.
    min_delivered
        Recipients that a campaign needs, where none are named.
    labels
        What `cctrack.campaigns_df` gave: puts names and send dates beside the ids.
    as_of
        Later events are not counted; None takes the newest one's date.

    Returns
    -------
    pandas.DataFrame
        The columns that `analysis.explain` tells. Fewer than two campaigns give no pairs.

    Raises
    ------
    TypeError, ValueError
        When the table lacks a column, a campaign is not in it, an argument is none of those named, or there are more
        than 5,000 pairs.
    EngineError
        When an engine cannot count, or more than 5 million recipients would have to come over.

    Notes
    -----
    How two campaigns are compared follows from the contacts that both have, as a share of those that either has: up to
    1 % as different recipients, from 90 % as the same, and between with all recipients, the common ones counted as
    what they are. `analysis.explain` has the methods. The rates are those of `analysis.funnel(orphans="drop")`.
    """
    checked_machine(machine)
    one_of("table", table, ("pairs", "limits"))
    checked_adjust(adjust)
    asked = Comparison(chosen_response(metric), chosen_definitions(definitions), adjust, checked_ci(ci))
    named = checked_labels(labels)
    base = _baseline(baseline, table)
    wanted = None if campaigns is None else list(dict.fromkeys((*checked_ids("campaigns", campaigns), *base)))
    whole = opened(activities, _NEEDED)
    newest = moment("as_of", as_of) if as_of is not None else whole.newest()
    whole = whole if as_of is None else whole.until(newest)
    known = in_order(whole)
    complain_of_unknown("baseline", base, known)
    complain_of_unknown("campaigns", wanted or [], known)
    events = whole.of_campaigns(known if wanted is None else wanted)
    found = None if machine == "include" else flagged(events)
    counted, orphans = _counted(events, known if wanted is None else wanted, asked, machine, found)
    sides = counted if wanted is not None else _large(counted, min_delivered, base)
    result = limits_of(sides, asked) if table == "limits" else pairs_of(sides, asked, base[0] if base else None)
    notes = [*_notes(sides, counted, orphans, min_delivered), *_age(whole, sides.ids, newest), *result.notes]
    notes += [_OPENS] if "open" in metric else []
    notes += [_CLOCKS] if found is not None and found.clocks_suspect else []
    word, words = asked.response.word, asked.words
    return tell(
        _labelled(result.table, named, whole),
        "compare_campaigns",
        title=f"{word.capitalize()} rates {'compared' if table == 'pairs' else 'and the limits of chance'}",
        row="One row is one pair of campaigns." if table == "pairs" else "One row is one campaign.",
        definition=f"The {word} rate is {words['responded']} / {words['base']}. {asked.definitions.sentence}",
        columns={**_label_meanings(), **result.columns},
        source=events.source,
        notes=[_NO_EXPERIMENT, *notes],
        shows=table,
        metric=metric,
        definitions=definitions,
        ci=ci,
        as_of=newest,
        **result.facts,
        **({"machine": machine} if found is None else found.facts(machine)),
    )


def _baseline(baseline: Any, table: Table) -> list[str]:
    """Give the id of the baseline, or nothing."""
    if baseline is None:
        return []
    if table == "limits":
        raise ValueError("baseline goes with table='pairs'; leave it out, or ask for pairs")
    found = checked_ids("baseline", baseline)
    if len(found) != 1:
        raise ValueError(f"baseline is one campaign id, not {len(found)}; name the others in campaigns")
    return found


def _counted(
    events: Events, ids: Sequence[str], asked: Comparison, machine: Machine, found: Flagged | None
) -> tuple[Sides, int]:
    """Count the campaigns as asked for; give the recipients without a send, too."""

    def recipients(some: Events) -> pd.DataFrame:
        return some.each_pattern(why="compare_campaigns", instead="name the campaigns to compare")

    reached, success = asked.response.reached(asked.definitions), asked.response.success(asked.definitions)
    recorded = recipients(events)
    counts = {}
    if found is None or machine == "both":
        counts[""] = reach(recorded, ids, reached, success)
    if found is not None:
        left = found.left(recorded, recipients)
        counts[HUMAN if machine == "both" else ""] = reach(left, ids, reached, success)
    orphans = ~HAS["send"][recorded[PATTERN].to_numpy(dtype="int64")]
    return Sides(ids, counts), int(recorded[N].to_numpy()[orphans].sum())


def _large(sides: Sides, least: int, base: Sequence[str]) -> Sides:
    """Leave out campaigns with few recipients."""
    return sides.of([one for one, n in zip(sides.ids, sides.sizes, strict=True) if n >= max(least, 1) or one in base])


def _notes(sides: Sides, counted: Sides, orphans: int, least: int) -> list[str]:
    """Say what is not compared."""
    small, n = len(counted.ids) - len(sides.ids), len(sides.ids)
    notes = [_ONE.format(n=n or "none")] if n < 2 else []
    notes += [_SMALL.format(n=small, least=max(least, 1))] if small else []
    return notes + ([_ORPHANS.format(n=orphans)] if orphans else [])


def _age(events: Events, ids: Sequence[str], newest: pd.Timestamp) -> list[str]:
    """Name the campaigns whose responses are not all in."""
    first = events.first_sends().reindex([*ids])
    young = [str(one) for one in first.index[(newest - first < _WEEK).to_numpy()]]
    more = f" and {len(young) - _NAMED:,} more" if len(young) > _NAMED else ""
    return [_YOUNG.format(ids=f"{', '.join(young[:_NAMED])}{more}")] if young else []


def _labelled(table: pd.DataFrame, labels: pd.DataFrame | None, events: Events) -> pd.DataFrame:
    """Put names and send dates beside the ids of each pair, or of each campaign."""
    if labels is None or "campaign_id" in table.columns:
        return labelled(table, labels, events)
    for side in ("a", "b"):
        told = labelled(pd.DataFrame({"campaign_id": table[side]}), labels, events)
        place = list(table.columns).index(side) + 1
        table.insert(place, f"{side}_name", told["campaign_name"])
        table.insert(place + 1, f"{side}_send_date", told["send_date"])
    return table


def _label_meanings() -> dict[str, str]:
    return {f"{side}{name}": said.format(side=side) for side in ("a", "b") for name, said in _LABELS.items()} | {
        "campaign_name": "name of the campaign, from labels",
        "send_date": _LABELS["_send_date"].format(side="the campaign"),
    }
