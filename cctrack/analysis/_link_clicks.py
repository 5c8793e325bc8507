"""Clicks made ready to be counted by link: where each leads, when its mail was sent, which repeats another."""

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.analysis._bursts import NO_TIME, microseconds
from cctrack.analysis._human import Flagged
from cctrack.analysis._machine import links_of, recipients
from cctrack.analysis._tables import checked, plain

Numbers = npt.NDArray[np.int64]
Describe = Callable[[str], tuple[str, str]]
LINK: Final = ("campaign_id", "link_id")


def listed(links: pd.DataFrame | None) -> pd.DataFrame | None:
    """Give the different links of the campaigns, in the dtypes that activities have; None without a list.

    Raises
    ------
    TypeError, ValueError
        When it is no table of links.
    """
    if links is None:
        return None
    table = checked(links, (*LINK, "link_uri"), "links", "cctrack.links_df")[[*LINK, "link_uri"]]
    known = pd.DataFrame({name: plain(table[name]) for name in table}).dropna(subset=["campaign_id"])
    return known.assign(link_uri=_told(known["link_uri"])).drop_duplicates(ignore_index=True)


def prepared(found: Flagged, links: pd.DataFrame | None, within: pd.Timedelta | None) -> pd.DataFrame:
    """Give the clicks, one a row, with what has to be known of each to count it.

    Parameters
    ----------
    found
        All events of the recipients with clicks, and which of them are set aside.
    links
        The campaigns' links; clicks without an address get it from them, or from other clicks on the same link.
    within
        Clicks of one contact on one link no further apart than this are one; None takes each for itself.

    Returns
    -------
    pandas.DataFrame
        The columns of the events; `_recipient`, `_contact` and `_click` as numbers, where equal ones of the last are
        one click; `_time` and `_sent` in microseconds; `_automatic`; and `_row`, the place in `found`.
    """
    rows = found.rows
    recipient = pd.factorize(recipients(rows))[0]
    time = microseconds(rows["activity_date"])
    sends = rows["activity_type"].isin(["EMAIL_SEND"]).to_numpy(dtype=np.bool_) & (time != NO_TIME)
    sent = np.full(int(recipient.max(initial=-1)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(sent, recipient[sends], time[sends])
    sent[sent == np.iinfo(np.int64).max] = NO_TIME
    chosen = rows["activity_type"].isin(["EMAIL_CLICK"]).to_numpy(dtype=np.bool_)
    clicks = rows[chosen].reset_index(drop=True)
    clicks = clicks.assign(
        link_uri=_addresses(clicks, links),
        _recipient=recipient[chosen],
        _contact=pd.factorize(clicks["contact_id"])[0],
        _time=time[chosen],
        _sent=sent[recipient[chosen]],
        _automatic=found.automatic[chosen],
        _row=np.flatnonzero(chosen),
    )
    return clicks.assign(_click=_runs(clicks, within))


def described(table: pd.DataFrame, describe: Describe) -> pd.DataFrame:
    """Put `url_key` and `kind` beside each `link_uri`, NA where there is no address.

    Parameters
    ----------
    table
        Clicks or links.
    describe
        Gives key and kind of an address; it is asked once for each.
    """
    codes, addresses = pd.factorize(table["link_uri"])
    told = [describe(str(address)) for address in addresses]
    parts = {"url_key": [key for key, _ in told], "kind": [kind for _, kind in told]}
    return table.assign(
        **{name: np.array([*values, pd.NA], dtype=object)[codes] for name, values in parts.items()}
    ).astype(dict.fromkeys(parts, "string"))


def _told(addresses: "pd.Series[Any]") -> "pd.Series[Any]":
    """Take an address of blanks for none."""
    return addresses.where(addresses.str.strip().ne("").fillna(False).astype("bool"))


def _addresses(clicks: pd.DataFrame, links: pd.DataFrame | None) -> "pd.Series[Any]":
    """Give the address of each click: its own, else the one by which the link is known in this campaign."""
    own = _told(clicks["link_uri"])
    seen = clicks[list(LINK)].assign(link_uri=own)
    # Of several the least, so that the order of rows changes nothing; those of the list before those of clicks.
    tables = [seen] if links is None else [links, seen]
    known = pd.concat([table.dropna().sort_values("link_uri") for table in tables])
    known = known.drop_duplicates(list(LINK))
    found = clicks[list(LINK)].merge(known, on=list(LINK), how="left", validate="many_to_one")["link_uri"]
    return own.fillna(found)


def _runs(clicks: pd.DataFrame, within: pd.Timedelta | None) -> Numbers:
    """Give the clicks numbers; those that repeat the one before have its number."""
    if within is None:
        return np.arange(len(clicks))
    link = links_of(clicks)
    recipient, time = clicks["_recipient"].to_numpy(), clicks["_time"].to_numpy()
    order = np.lexsort((time, link, recipient))
    link, recipient, time = link[order], recipient[order], time[order]
    repeats = (np.diff(recipient) == 0) & (np.diff(link) == 0) & (link[1:] >= 0) & (time[:-1] != NO_TIME)
    repeats &= np.diff(time) <= within // pd.Timedelta(microseconds=1)
    numbers = np.empty(len(clicks), dtype=np.int64)
    numbers[order] = np.cumsum(np.append(True, ~repeats)[: len(clicks)])
    return numbers
