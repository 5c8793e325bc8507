"""Which links were clicked, by how many, and how sure their order is."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.analysis._definitions import Definitions, Preset, chosen_definitions, duration, moment, zone
from cctrack.analysis._events import Events, opened
from cctrack.analysis._grouping import By, Grouping, checked_labels, grouping, labelled
from cctrack.analysis._human import Flagged, Machine, checked_machine, flagged, side_by_side
from cctrack.analysis._intervals import checked_ci
from cctrack.analysis._link_choices import LinkChoices, chosen_links
from cctrack.analysis._link_clicks import described, listed, prepared
from cctrack.analysis._link_counts import DRAWS, counted, ranked, rated
from cctrack.analysis._link_exposure import Links, links_of, mailings, not_listed
from cctrack.analysis._link_notes import of_exposure, of_hidden, of_recipients, of_times
from cctrack.analysis._machine import Rules
from cctrack.analysis._shrinkage import fit_beta
from cctrack.analysis._told import tell
from cctrack.analysis._urls import Level

_NEEDED: Final = ("activity_type", "activity_date", "campaign_id", "contact_id", "link_id", "link_uri", "bounce_code")
_FIXED: Final[Mapping[str, str]] = {  # they do not depend on which clicks count
    "link_uri": "address by which the link was most often clicked; NA: clicks whose address is not known",
    "url_key": "what all spellings of the link have in common, at the level that was chosen",
    "kind": "what link_uri leads to: content, or one of the links beside it such as unsubscribe",
    "n_link_ids": "links of campaigns (pairs of campaign and link id) that lead there",
    "n_campaigns": "campaigns that contained it, as far as is known",
    "n_addresses": "different addresses that were taken together",
    "exposed": "delivered recipients (contacts in a campaign; under definitions='sent' all that it was sent to) of the "
    "campaigns that contained it; NA: not known",
}
_MEASURES: Final[Mapping[str, str]] = {
    "clicks_total": "clicks",
    "unique_clickers": "different contacts that clicked it; they do not add up over links",
    "clicked_recipients": "recipients (contacts in a campaign) that clicked it; of one campaign as unique_clickers",
    "clicks_per_clicker": "clicks_total / unique_clickers",
    "reach": "clicked_recipients / exposed",
    "reach_low": "lower end of the Wilson interval of reach",
    "reach_high": "upper end of the Wilson interval of reach",
    "reach_eb": "estimate of reach, drawn towards that of all links the more, the fewer were exposed",
    "share_of_clicks": "clicks_total / clicks of all links shown (of the group); sums to 1",
    "share_of_clickers": "unique_clickers / different contacts that clicked any link shown (of the group)",
    "first_clicks": "recipients whose first click on any link shown was on this one",
    "first_click_share": "first_clicks / recipients that clicked any link shown (of the group); sums to 1",
    "rank": "place in the order, 1 the best; NA where nothing to rank it by is known",
    "rank_low": "the best place that it may well have: lower end of the interval of rank",
    "rank_high": "the worst place that it may well have: upper end of the interval of rank",
    "t50": "median time from a recipient's own send to the first click on this link, of the clicks so far",
    "t50_low": "lower end of the interval of t50; NaT with too few clicks for one",
    "t50_high": "upper end of the interval of t50",
    "share_24h": "recipients that first clicked it within 24 h of their send / those that clicked it at all, both of "
    "sends that were 24 h ago",
    "low_n": "whether fewer than 5 recipients clicked it, or fewer than 5 of those exposed did not",
}


@dataclass(frozen=True)
class _Choices:
    """What was asked for, checked."""

    links: LinkChoices
    collapse: pd.Timedelta | None
    definitions: Definitions
    ci: float


def link_popularity(
    activities: Any,
    links: pd.DataFrame | None = None,
    *,
    by: By = None,
    level: Level = "page",
    machine: Machine = "both",
    definitions: Preset = "cctrack",
    ci: float = 0.95,
    labels: pd.DataFrame | None = None,
    kinds: str | Collection[str] = "content",
    extra_kinds: Mapping[str, str] | None = None,
    drop: str | Collection[str] = (),
    collapse: str | pd.Timedelta | None = None,
    as_of: Any = None,
    tz: str = "UTC",
) -> pd.DataFrame:
    """Clicks by link, the best first; one row is one link, of one group.

    Parameters
    ----------
    activities
        A table such as `cctrack.campaign_activities_df` or `cctrack.stack` gives, from pandas, Polars, PyArrow,
        DuckDB, Dask or PySpark.
    links
        What `cctrack.links_df` gave for all the campaigns. It tells who was exposed to a link that stood in
        several, gives clicks without an address theirs, and brings in links that nobody clicked. Campaigns that
        have no activities are left out.
    by
        What makes groups, each with an order of its own; as in `funnel`.
    level
        What counts as one link: "page" (without tracking parameters), "raw", "exact", "path", "section", "host" or
        "domain".
    machine
        "include" counts everything; "exclude" sets clicks that look automatic aside; "both" gives the recorded
        columns, then the same with the suffix `_human`, in the order of the human ones.
    definitions
        "cctrack", "constant_contact" (automatic replies are bounces) or "sent" (reach is of what was sent).
    ci
        Confidence of the intervals.
    labels
        What `cctrack.campaigns_df` gave: puts `campaign_name` and `send_date` beside each campaign id.
    kinds, extra_kinds
        Kinds of link that are shown, several or "all"; and patterns of your own that tell the kinds.
    drop
        Further parameters of addresses that only track, such as "cid".
    collapse
        Clicks of one contact on one link no further apart than this count once, such as "2s" for double clicks.
    as_of
        Later events are not counted; None takes the newest one's date.
    tz
        Zone of the months.

    Returns
    -------
    pandas.DataFrame
        The columns of `by`, then those that `analysis.explain` tells. Clicks whose address is not known are a last
        row, without `link_uri` and rank.

    Raises
    ------
    TypeError, ValueError
        When a table lacks a column or an argument is none of those named.
    EngineError
        When an engine cannot count, or more than 5 million rows would have to come over.

    Notes
    -----
    Links are ranked by `reach_eb` where the exposure of all is known, else by `clicked_recipients`. Exposure is of
    those delivered to in the closed sense of `funnel`, as recorded: it does not change when clicks are set aside.
    A link was in the campaigns that list it or where it was clicked; without `links` other campaigns may have
    contained it too, and `exposed` and `reach` are NA unless it was clicked in all. Intervals: Wilson (1927);
    of `t50` order statistics; of ranks 2,000 draws from the posterior (Laird and Louis, 1989).
    """
    checked_machine(machine)
    shown = chosen_links(level, kinds, extra_kinds, drop)
    apart = duration("collapse", collapse, none=True)
    choices = _Choices(shown, apart, chosen_definitions(definitions), checked_ci(ci))
    names = checked_labels(labels)
    known = listed(links)
    zone(tz)
    events = opened(activities, _NEEDED)
    newest = moment("as_of", as_of) if as_of is not None else events.newest()
    events = events if as_of is None else events.until(newest)
    groups = grouping(by, events, ["link_id", *_FIXED, *_MEASURES], tz)
    found = flagged(events, groups.keys, Rules(()) if machine == "include" else None)
    held = _held(events, groups, found, known, choices)
    table, by_reach, estimated = _table(held, groups.names, machine, newest, choices.ci)
    return tell(
        labelled(table, names, events),
        "link_popularity",
        title="Most clicked links",
        row="One row is one link" + (f", by {' and '.join(groups.names)}." if groups.names else "."),
        definition=_definition(choices),
        columns={**groups.meanings, **_FIXED, **_MEASURES},
        source=events.source,
        notes=[
            *of_hidden(held.clicks[~held.shown], machine),
            *of_exposure(held.links.table, held.sent, held.unsure, links is not None, bool(groups.names)),
            *of_recipients(events, held.clicks, held.sent, held.links.table),
            *of_times(held.clicks[held.shown], newest),
            *estimated,
        ],
        by=groups.names or None,
        level=level,
        kinds=choices.links.kinds or "all",
        drop=choices.links.drop or None,
        collapse=None if choices.collapse is None else str(choices.collapse),
        definitions=definitions,
        method=_method(by_reach, machine),
        ci=choices.ci,
        tz=tz if groups.monthly else None,
        as_of=newest,
        **({"machine": machine} if machine == "include" else held.judged.facts(machine)),
    )


@dataclass(frozen=True)
class _Held:
    """All that is counted: clicks of every kind, and those shown in their groups; campaigns; links."""

    clicks: pd.DataFrame
    shown: npt.NDArray[np.bool_]
    placed: pd.DataFrame
    sent: pd.DataFrame
    unsure: npt.NDArray[np.bool_]
    links: Links
    judged: Flagged


def _held(events: Events, groups: Grouping, found: Flagged, known: pd.DataFrame | None, choices: _Choices) -> _Held:
    """Bring together what is counted."""
    clicks = described(prepared(found, known, choices.collapse), choices.links.describe)
    shown = choices.links.shown(clicks)
    sent = mailings(events, groups, choices.definitions)
    own = list(dict.fromkeys((*groups.names, "campaign_id")))
    places = sent[own].assign(_mailing=np.arange(len(sent)))
    placed = groups.of(events, clicks[shown]).merge(places, on=own, how="left", validate="many_to_one")
    unsure = not_listed(sent, known, clicks["campaign_id"])
    others = None if known is None else described(known, choices.links.describe)
    links = links_of(
        placed, None if others is None else others[choices.links.shown(others)], sent, unsure, groups.names
    )
    rows = clicks["_row"].to_numpy(dtype=np.int64)[shown]
    judged = replace(found, rows=found.rows.iloc[rows], reasons=found.reasons[rows])
    return _Held(clicks, shown, placed.assign(_link=links.of_clicks), sent, unsure, links, judged)


def _table(
    held: _Held, names: Sequence[str], machine: Machine, as_of: pd.Timestamp, ci: float
) -> tuple[pd.DataFrame, bool, list[str]]:
    """Count, rank and sort; also give whether exposure is what ranks, and what is to be said of the estimates."""
    links, group = held.links.table, held.links.group
    address = links["url_key"].notna().to_numpy(dtype=np.bool_)
    exposed = links["exposed"].to_numpy(dtype=np.float64, na_value=np.nan)
    by_reach = not np.isnan(exposed[address]).any()
    human = held.placed[~held.placed["_automatic"]]
    sides = []
    for clicks in {"include": [held.placed], "exclude": [human], "both": [held.placed, human]}[machine]:
        table, prior = rated(counted(clicks, group, as_of, ci), exposed, ci)
        trials = exposed if by_reach else table["_readers"].to_numpy(dtype=np.float64)
        trials = np.where(address & (trials > 0), trials, np.nan)
        basis = prior if by_reach else fit_beta(table["clicked_recipients"], trials)
        sides.append(ranked(table, trials, basis, group, ci)[list(_MEASURES)])
    rank = sides[-1]["rank"].to_numpy(dtype=np.float64, na_value=np.inf)
    order = np.lexsort((-sides[-1]["clicks_total"].to_numpy(dtype=np.int64), rank, ~address, group))
    keys = [*names, *_FIXED]
    laid = [pd.concat([links[keys], side], axis=1) for side in sides]
    table = side_by_side(laid[0], laid[-1], machine, keys).iloc[order].reset_index(drop=True)
    return table, by_reach, [f"reach_eb: {prior.note}"] if (exposed > 0).any() else []


def _definition(choices: _Choices) -> str:
    """Say what is counted, and of what the rates are shares."""
    kinds = "all links" if choices.links.kinds is None else f"links of kind {', '.join(choices.links.kinds)}"
    whole = choices.definitions.base
    return (
        f"Clicks on {kinds}; reach is of the {whole} recipients of the campaigns that contained the link, shares are "
        f"of the clicks or clickers of the links shown. {choices.definitions.sentence}"
    )


def _method(by_reach: bool, machine: Machine) -> str:
    """Say what ranks the links."""
    what = "reach_eb" if by_reach else "clicked_recipients, as who was exposed is not known of all"
    of = "as recorded" if machine == "include" else "without automatic clicks"
    return f"the order is that of {what}, {of}; intervals of ranks from {DRAWS:,} draws"
