"""What a reader of a table of links must know, in sentences."""

from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.analysis._bursts import NO_TIME
from cctrack.analysis._events import Events
from cctrack.analysis._machine import SUSPECT
from cctrack.analysis._patterns import N

_YOUNG: Final = pd.Timedelta(days=14)
_CLOCKS: Final = (
    "The clocks of the reports disagree, as clicks come before their own send: t50 and share_24h do not hold."
)


def of_hidden(hidden: pd.DataFrame, machine: str) -> list[str]:
    """Say what is not shown because of its kind."""
    counted = hidden[~hidden["_automatic"]] if machine == "exclude" else hidden
    if not len(counted):
        return []
    kinds = counted.groupby("kind", observed=True).size().sort_index().sort_values(ascending=False, kind="stable")
    named = ", ".join(f"{kind} {n:,}" for kind, n in kinds.items())
    what = f"{_count(len(counted), 'click')} on {_count(counted['url_key'].nunique(), 'link')}"
    return [f"{what} of other kinds hidden ({named}); kinds='all' shows them."]


def of_exposure(
    table: pd.DataFrame, sent: pd.DataFrame, unsure: npt.NDArray[np.bool_], with_list: bool, by_group: bool
) -> list[str]:
    """Say why it is not known who was exposed to some links."""
    said = []
    unknown = int((table["exposed"].isna() & table["url_key"].notna()).sum())
    without = sent.loc[(sent["_base"] > 0) & (sent["_sends"] == 0), "campaign_id"].nunique()
    if without and unknown:
        said.append(
            f"{_count(without, 'campaign')} without send rows{' in a group' if by_group else ''}: who received them, "
            "and with it exposed and reach of their links, is not known."
        )
    lacking = sent.loc[unsure, "campaign_id"].nunique()
    if with_list and lacking:
        said.append(
            f"`links` lacks {_count(lacking, 'campaign')} that have clicks: exposed and reach of links that these may "
            "have contained too are not known; pass cctrack.links_df of all."
        )
    elif unknown and lacking > 1:
        said.append(
            f"Who was exposed to {_count(unknown, 'link')} is not known: campaigns without a click on a link may have "
            "contained it too. Pass links=cctrack.links_df(campaign_ids) for exposed and reach."
        )
    return said


def of_recipients(events: Events, clicks: pd.DataFrame, sent: pd.DataFrame, table: pd.DataFrame) -> list[str]:
    """Say which recipients are not as they should be, or come several times."""
    said = []
    totals = events.totals([])
    recorded = int(totals.loc[totals["activity_type"] == "EMAIL_CLICK", N].sum())
    if recorded > len(clicks):
        said.append(f"{_count(recorded - len(clicks), 'click')} without campaign or contact id left out.")
    without = (clicks["_sent"] == NO_TIME) & clicks["campaign_id"].isin(sent.loc[sent["_sends"] > 0, "campaign_id"])
    orphans = clicks.loc[without, "_recipient"].nunique()
    if orphans:
        said.append(
            f"{_count(orphans, 'recipient')} that clicked without a send row: counted as delivered, left out of t50."
        )
    if ((table["n_campaigns"] > 1) & table["exposed"].notna()).any():
        said.append(
            "Some links stood in several campaigns. Where these went to the same contacts the intervals of reach and "
            "rank are too narrow: they take recipients as independent."
        )
    return said


def of_times(clicks: pd.DataFrame, as_of: pd.Timestamp) -> list[str]:
    """Say what is not sure about delays."""
    said = []
    known = clicks[(clicks["_sent"] != NO_TIME) & (clicks["_time"] != NO_TIME)]
    if len(known):
        first = known.groupby("_recipient")[["_time", "_sent"]].min()
        if (first["_time"] < first["_sent"]).mean() > SUSPECT:
            said.append(_CLOCKS)
        newest = (as_of - _YOUNG - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(1, "us")
        young = int((known.groupby("campaign_id", observed=True)["_sent"].min() > newest).sum())
        if young:
            said.append(
                f"{_count(young, 'campaign')} younger than {_YOUNG.days} days: more clicks will come, later ones, so "
                "that t50 will rise and share_24h fall."
            )
    return said


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"
