"""Which links the same contacts clicked."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd

from cctrack.analysis._definitions import moment, zone
from cctrack.analysis._events import opened
from cctrack.analysis._grouping import By, Grouping, checked_labels, grouping, labelled
from cctrack.analysis._human import Machine, checked_machine, flagged, side_by_side
from cctrack.analysis._intervals import checked_ci
from cctrack.analysis._link_choices import LinkChoices, chosen_links
from cctrack.analysis._link_clicks import described, listed, prepared
from cctrack.analysis._link_exposure import spelled
from cctrack.analysis._link_notes import of_hidden
from cctrack.analysis._link_pairs import Clicked, clicked, judged
from cctrack.analysis._machine import Rules
from cctrack.analysis._significance import ADJUSTS, Adjust, checked_adjust
from cctrack.analysis._told import tell
from cctrack.analysis._urls import Level

_NEEDED: Final = ("activity_type", "activity_date", "campaign_id", "contact_id", "link_id", "link_uri")
_COLUMNS: Final[Mapping[str, str]] = {
    "link_a": "address by which most contacts clicked the first link, the one that more of them clicked",
    "link_b": "address by which most contacts clicked the second link",
    "n_both": "contacts that clicked both",
    "n_a": "contacts that clicked link_a",
    "n_b": "contacts that clicked link_b",
    "n_clickers": "contacts that clicked any link shown (of the group)",
    "jaccard": "n_both / contacts that clicked either",
    "lift": "n_both * n_clickers / (n_a * n_b): how many times as often as if those who clicked one were any clickers",
    "lift_low": "lower end of the interval of lift",
    "lift_high": "upper end of the interval of lift",
    "p": "chance of so many contacts or more if it were chance which clickers clicked which (Fisher's exact test)",
    "p_adj": "p, allowing for the number of pairs",
    "url_key_a": "what all spellings of link_a have in common, at the level that was chosen",
    "url_key_b": "what all spellings of link_b have in common",
}
_AMONG: Final = (
    "Everybody counted clicked at least one link, so that links of one mail that have nothing to do with each other "
    "have a lift below 1 among its clickers (by='campaign_id')."
)
_ACROSS: Final = (
    "Among the clickers of several mails, links of the same mail have a high lift for that alone: who clicked one of "
    "them had read it. by='campaign_id' compares within each."
)
_FIRST: Final = (
    "{n:,} clicks that look automatic set aside first: scanners follow all links, and tie them all together."
)
_WITH: Final = "Clicks of mail scanners are counted: they follow all links, and tie them all together."
_FEW: Final = "{n:,} pairs that fewer than {least:,} contacts clicked both of are not shown."
_FAMILY: Final = "p_adj allows for {n:,} pairs of links that {least:,} contacts or more clicked each. {how}."
_NOWHERE: Final = "{n:,} clicks whose address is not known are left out; pass links=cctrack.links_df(campaign_ids)."


def co_clicks(
    activities: Any,
    links: pd.DataFrame | None = None,
    *,
    by: By = None,
    level: Level = "page",
    machine: Machine = "exclude",
    adjust: Adjust = "holm",
    min_both: int = 5,
    ci: float = 0.95,
    labels: pd.DataFrame | None = None,
    kinds: str | Collection[str] = "content",
    extra_kinds: Mapping[str, str] | None = None,
    drop: str | Collection[str] = (),
    as_of: Any = None,
    tz: str = "UTC",
) -> pd.DataFrame:
    """Links that the same contacts clicked, the surest first; one row is one pair of links, of one group.

    Parameters
    ----------
    activities
        A table such as `cctrack.campaign_activities_df` or `cctrack.stack` gives, from pandas, Polars, PyArrow,
        DuckDB, Dask or PySpark.
    links
        What `cctrack.links_df` gave: gives clicks without an address theirs.
    by
        What makes groups; pairs are of links of one group, such as "campaign_id". As in `funnel`.
    level, kinds, extra_kinds, drop
        What counts as one link, and which are shown; as in `link_popularity`.
    machine
        "exclude" sets clicks that look automatic aside first, "include" counts everything, "both" gives the recorded
        columns, then the same with the suffix `_human`.
    adjust
        How `p_adj` allows for the number of pairs: "holm", "bh" (Benjamini and Hochberg) or "none".
    min_both
        Contacts that must have clicked both for a pair to be shown.
    ci
        Confidence of the intervals.
    labels
        What `cctrack.campaigns_df` gave: puts `campaign_name` and `send_date` beside each campaign id.
    as_of
        Later events are not counted; None takes the newest one's date.
    tz
        Zone of the months.

    Returns
    -------
    pandas.DataFrame
        The columns of `by`, then those that `analysis.explain` tells.

    Raises
    ------
    TypeError, ValueError
        When a table lacks a column or an argument is none of those named.
    EngineError
        When an engine cannot count, or more than 5 million rows would have to come over.

    Notes
    -----
    All is among contacts that clicked, not recipients, by whom every lift would be large. The test asks for more
    than by chance alone, since among clickers unrelated links have fewer. Its family does not depend on how many
    clicked both: all pairs of links that `min_both` contacts clicked each, also those that are not shown.
    """
    checked_machine(machine)
    checked_adjust(adjust)
    choices = chosen_links(level, kinds, extra_kinds, drop)
    least, coverage = _least(min_both), checked_ci(ci)
    named, known = checked_labels(labels), listed(links)
    events = opened(activities, _NEEDED)
    newest = moment("as_of", as_of) if as_of is not None else events.newest()
    events = events if as_of is None else events.until(newest)
    groups = grouping(by, events, _COLUMNS, zone(tz))
    found = flagged(events, groups.keys, Rules(()) if machine == "include" else None)
    clicks = described(prepared(found, known, None), choices.describe)
    shown = choices.shown(clicks)
    placed = groups.of(events, clicks[shown & clicks["url_key"].notna().to_numpy()])
    table, tests, hidden = _table(placed, groups, machine, least, coverage, adjust)
    rows = clicks["_row"].to_numpy(dtype=np.int64)[shown]
    of_clicks = replace(found, rows=found.rows.iloc[rows], reasons=found.reasons[rows])
    aside = sum(of_clicks.set_aside.values())
    nowhere = int(clicks["url_key"].isna().sum())
    several = "campaign_id" not in groups.names and placed["campaign_id"].nunique() > 1
    notes = [_ACROSS, _AMONG] if several else [_AMONG]
    notes += [_WITH] if machine == "include" else [_FIRST.format(n=aside)] if aside else []
    notes += [_FEW.format(n=hidden, least=least)] if hidden else []
    notes += [_FAMILY.format(n=tests, least=least, how=ADJUSTS[adjust])] if tests else []
    notes += [_NOWHERE.format(n=nowhere)] if nowhere else []
    return tell(
        labelled(table, named, events),
        "co_clicks",
        title="Links clicked by the same contacts",
        row="One row is one pair of links" + (f", by {' and '.join(groups.names)}." if groups.names else "."),
        definition=_definition(choices),
        columns={**groups.meanings, **_COLUMNS},
        source=events.source,
        notes=[*notes, *of_hidden(clicks[~shown], machine)],
        by=groups.names or None,
        level=level,
        kinds=choices.kinds or "all",
        drop=choices.drop or None,
        adjust=adjust,
        min_both=least,
        tests=tests,
        ci=coverage,
        tz=tz if groups.monthly else None,
        as_of=newest,
        **({"machine": machine} if machine == "include" else of_clicks.facts(machine)),
    )


def _least(given: object) -> int:
    if isinstance(given, bool) or not isinstance(given, (int, np.integer)) or given < 1:
        raise ValueError(f"min_both={given!r} is no number of contacts; give one such as 5")
    return int(given)


def _table(
    placed: pd.DataFrame, groups: Grouping, machine: Machine, least: int, ci: float, adjust: Adjust
) -> tuple[pd.DataFrame, int, int]:
    """Count, judge and sort the pairs; also give the size of the family and how many pairs are not shown."""
    names = list(groups.names)
    numbered = placed.assign(_group=0, _clicks=1)
    if names:
        numbered["_group"] = placed.groupby(names, sort=True, observed=True, dropna=False).ngroup()
    numbered["_link"] = numbered.groupby(["_group", "url_key"], sort=True).ngroup()
    # Each contact once: a click that comes twice is no reason to spell the link otherwise.
    links = spelled(numbered.drop_duplicates(["_link", "_contact", "link_uri"])).reset_index(drop=True)
    group = links["_group"].to_numpy(dtype=np.int64)
    human = numbered[~numbered["_automatic"].to_numpy(dtype=np.bool_)]
    sides = {"include": [numbered], "exclude": [human], "both": [numbered, human]}[machine]
    counts = [clicked(side["_contact"].to_numpy(), side["_link"].to_numpy(), group) for side in sides]
    pairs = _larger_first(counts[0], least)
    told = _named(pairs, numbered, links, names)
    measures = [judged(one, pairs, least, ci, adjust) for one in counts]
    laid = [pd.concat([told, one], axis=1) for one in measures]
    table = side_by_side(laid[0], laid[-1], machine, list(told.columns))
    order = np.lexsort(
        (pairs["b"], pairs["a"], -measures[-1]["lift"].fillna(0), measures[-1]["p"].fillna(2), group[pairs["a"]])
    )
    keys = [f"url_key_{side}" for side in ("a", "b")]
    table = table.iloc[order].reset_index(drop=True)
    table = table[[*(name for name in table if name not in keys), *keys]]
    return table, counts[0].tests(least), int((counts[0].pairs["n_both"] < least).sum())


def _larger_first(counts: Clicked, least: int) -> pd.DataFrame:
    """Give the pairs that are shown, each with the link first that more contacts clicked."""
    pairs = counts.pairs.loc[counts.pairs["n_both"] >= least, ["a", "b"]].reset_index(drop=True)
    a, b = (pairs[name].to_numpy(dtype=np.int64) for name in ("a", "b"))
    turned = counts.of_link[b] > counts.of_link[a]
    return pd.DataFrame({"a": np.where(turned, b, a), "b": np.where(turned, a, b)})


def _named(pairs: pd.DataFrame, clicks: pd.DataFrame, links: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """Give what the pairs are of: the groups' columns, then addresses and keys."""
    first = clicks.drop_duplicates("_group").sort_values("_group")[list(names)]
    held = first.iloc[links["_group"].iloc[pairs["a"]]].reset_index(drop=True)
    for column, name in (("link_uri", "link"), ("url_key", "url_key")):
        for side in ("a", "b"):
            held[f"{name}_{side}"] = links[column].iloc[pairs[side]].astype("string").array
    return held


def _definition(choices: LinkChoices) -> str:
    kinds = "links" if choices.kinds is None else f"links of kind {', '.join(choices.kinds)}"
    return f"Contacts that clicked both of two {kinds}, among those that clicked any; lift: as many times as by chance."
