"""Which links there are, and how many recipients could have clicked each: those of the campaigns that contained it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.analysis._definitions import Definitions
from cctrack.analysis._events import Events
from cctrack.analysis._grouping import Grouping
from cctrack.analysis._patterns import HAS, tally

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Links:
    """The links of every group.

    Attributes
    ----------
    table : pandas.DataFrame
        One row a link of a group, those of a group together, without an address last: the groups' columns and what
        does not depend on who clicked.
    of_clicks : numpy.ndarray of int64
        The row of each click.
    group : numpy.ndarray of int64
        The group of each row.
    """

    table: pd.DataFrame
    of_clicks: Numbers
    group: Numbers


def mailings(events: Events, groups: Grouping, definitions: Definitions) -> pd.DataFrame:
    """Give the campaigns of each group: the groups' columns, `campaign_id`, and numbers of recipients.

    `_base` are those that rates are shares of, in the closed sense; `_sends` have a send row. `_group` numbers the
    groups.
    """
    names = list(dict.fromkeys((*groups.names, "campaign_id")))
    delivered = (HAS["send"] & ~definitions.bounced) | HAS["open"] | HAS["click"] | HAS["forward"]
    base = delivered | HAS["send"] if definitions.base == "sent" else delivered
    patterns = groups.of(events, events.patterns(list(dict.fromkeys((*groups.keys, "campaign_id")))))
    found = tally(patterns, names, {"_base": base, "_sends": HAS["send"]})
    if not groups.names:
        return found.assign(_group=0)
    grouped = found.groupby(list(groups.names), sort=True, observed=True, dropna=False)
    return found.assign(_group=grouped.ngroup())


def not_listed(sent: pd.DataFrame, listed: pd.DataFrame | None, clicked: "pd.Series[str]") -> npt.NDArray[np.bool_]:
    """Tell which campaigns may contain links that are not known.

    With a list these are the ones that it lacks though they have clicks: one without clicks has no links. Without a
    list they are all.
    """
    has_recipients = sent["_base"].to_numpy() > 0
    if listed is None:
        return np.asarray(has_recipients, dtype=np.bool_)
    lacking = ~sent["campaign_id"].isin(listed.loc[listed["link_uri"].notna(), "campaign_id"])
    return np.asarray(has_recipients & lacking & sent["campaign_id"].isin(clicked), dtype=np.bool_)


def links_of(
    clicks: pd.DataFrame,
    listed: pd.DataFrame | None,
    sent: pd.DataFrame,
    unsure: npt.NDArray[np.bool_],
    names: Sequence[str],
) -> Links:
    """Put together the links that were clicked and those that are listed.

    Parameters
    ----------
    clicks
        One row a click of a group, with its place in `sent` as `_mailing`.
    listed
        Links of the campaigns, with `url_key` and `kind`; None without a list.
    sent
        What `mailings` gave.
    unsure
        Of each mailing, what `not_listed` gave.
    names
        Columns of the groups.
    """
    own = ["_mailing", "link_id", "link_uri", "url_key", "kind"]
    places = sent[["campaign_id"]].assign(_mailing=np.arange(len(sent)))
    known = clicks[own]
    if listed is not None:
        known = pd.concat([known, places.merge(listed, on="campaign_id")[own]], ignore_index=True)
    known = known.assign(
        _group=sent["_group"].to_numpy()[known["_mailing"]], _clicks=(np.arange(len(known)) < len(clicks)).astype(int)
    )
    known["_link"] = known.groupby(["_group", "url_key"], sort=True, dropna=False).ngroup()
    table = spelled(known).drop(columns="_clicks").reset_index(drop=True)
    group = table["_group"].to_numpy(dtype=np.int64)
    ids = known.dropna(subset=["link_id"]).drop_duplicates(["_link", "_mailing", "link_id"])
    held = known.drop_duplicates(["_link", "_mailing"])
    addresses = known.dropna(subset=["link_uri"]).drop_duplicates(["_link", "link_uri"])
    for name, rows in (("n_link_ids", ids), ("n_campaigns", held), ("n_addresses", addresses)):
        table[name] = pd.array(np.bincount(rows["_link"], minlength=len(table)), dtype="Int64")
    exposed = _exposed(held, sent, unsure, group)
    exposed[table["url_key"].isna().to_numpy()] = np.nan
    table["exposed"] = pd.Series(exposed).astype("Int64")
    first = np.unique(sent["_group"].to_numpy(), return_index=True)[1]
    named = sent[list(names)].iloc[first[group]].reset_index(drop=True)
    return Links(
        pd.concat([named, table.drop(columns="_group")], axis=1),
        known["_link"].to_numpy(dtype=np.int64)[: len(clicks)],
        group,
    )


def spelled(known: pd.DataFrame) -> pd.DataFrame:
    """Give each link with the address that was most often clicked; of equal ones the shortest, then the least."""
    spellings = known.groupby(["_link", "_group", "url_key", "link_uri", "kind"], dropna=False, observed=True)
    counted = spellings["_clicks"].sum().reset_index()
    counted["_length"] = counted["link_uri"].str.len()
    counted = counted.sort_values(["_link", "_clicks", "_length", "link_uri"], ascending=[True, False, True, True])
    return counted.drop_duplicates("_link")[["_group", "link_uri", "url_key", "kind", "_clicks"]]


def _exposed(held: pd.DataFrame, sent: pd.DataFrame, unsure: npt.NDArray[np.bool_], group: Numbers) -> Floats:
    """Add up the recipients of the campaigns that contained each link.

    It is not known, NaN, where another campaign may have contained the link too, or one of them has no send rows.
    """
    base = sent["_base"].to_numpy(dtype=np.float64)
    base[(sent["_sends"].to_numpy() == 0) & (base > 0)] = np.nan
    link, mailing = held["_link"].to_numpy(), held["_mailing"].to_numpy()
    exposed = np.bincount(link, weights=base[mailing], minlength=len(group))
    seen = np.bincount(link, weights=unsure[mailing], minlength=len(group))
    in_group = np.bincount(sent["_group"], weights=unsure, minlength=int(group.max(initial=-1)) + 1)
    return np.where(seen < in_group[group], np.nan, exposed)
