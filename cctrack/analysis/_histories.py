"""What each contact was sent and did with it, up to one moment: arrays with a place for each contact."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.analysis._bursts import NO_TIME, microseconds
from cctrack.analysis._events import RECIPIENT, Events
from cctrack.analysis._human import OF_LINKS, Flagged
from cctrack.analysis._patterns import BOUNCE, BOUNCES, KINDS, UNSUBSCRIBE

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]

_NEVER: Final = np.iinfo(np.int64).max
_COLUMNS: Final = (
    "activity_type", "activity_date", *RECIPIENT, "email_address", *OF_LINKS, "bounce_code",
)  # fmt: skip
_WHY: Final = "the history of each contact"


@dataclass(frozen=True)
class Mails:
    """One place a recipient: a campaign and a contact. Times are microseconds.

    Attributes
    ----------
    order : numpy.ndarray of int64
        Which recipient each is in the order of contacts and campaigns.
    contact, campaign : numpy.ndarray of int64
        Places of both, in the order of their ids.
    sent : numpy.ndarray of int64
        The first send, `NO_TIME` without one.
    start : numpy.ndarray of int64
        The same, or the first event of those without a send.
    bounced, opened, clicked : numpy.ndarray of bool
        Automatic replies are no bounces.
    """

    order: Numbers
    contact: Numbers
    campaign: Numbers
    sent: Numbers
    start: Numbers
    bounced: Flags
    opened: Flags
    clicked: Flags

    @cached_property
    def delivered(self) -> Flags:
        """Sent and not bounced, or opened or clicked whatever else was recorded."""
        sent: Flags = (self.sent != NO_TIME) & ~self.bounced
        return sent | self.opened | self.clicked


@dataclass(frozen=True)
class Histories:
    """The dated events of contacts.

    Attributes
    ----------
    contacts : pandas.Series
        Their ids, sorted; everything else goes by the place in it.
    addresses : pandas.Series
        The newest address of each.
    rows : pandas.DataFrame
        Their events, with ids and dates.
    contact, time : numpy.ndarray of int64
        Of each row.
    undated : int
        Events without a date, which are left out.
    """

    contacts: "pd.Series[Any]"
    addresses: "pd.Series[Any]"
    rows: pd.DataFrame
    contact: Numbers
    time: Numbers
    undated: int

    def until(self, moment: pd.Timestamp) -> "Histories":
        """Give the same contacts with their events up to a moment."""
        kept = self.time <= microsecond(moment)
        return replace(self, rows=self.rows[kept], contact=self.contact[kept], time=self.time[kept])

    def of(self, kind: str, codes: Iterable[str] | None = None) -> Flags:
        """Tell the rows of a kind; of bounces those of some codes."""
        own = self.rows["activity_type"].eq(kind).to_numpy(dtype=np.bool_, na_value=False)
        return own if codes is None else own & self.rows["bounce_code"].isin(list(codes)).to_numpy(dtype=np.bool_)

    def latest(self, rows: Flags) -> Numbers:
        """Give the time of the last of some rows for each contact, `NO_TIME` without any."""
        found = np.full(len(self.contacts), NO_TIME)
        np.maximum.at(found, self.contact[rows], self.time[rows])
        return found

    @cached_property
    def mails(self) -> Mails:
        """The recipients, sorted by contact and start."""
        at, keys, place, size = self._places
        sends = self.of("EMAIL_SEND")[at]
        sent, first = np.full(len(keys), _NEVER), np.full(len(keys), _NEVER)
        np.minimum.at(sent, place[sends], self.time[at][sends])
        np.minimum.at(first, place, self.time[at])
        contact, campaign = np.divmod(keys, size)
        start = np.where(sent < _NEVER, sent, first)
        order = np.lexsort((campaign, start, contact))
        bounces = self.of(BOUNCE) & ~self.of(BOUNCE, BOUNCES["autoreplied"])
        flags = (self._having(rows)[order] for rows in (bounces, self.of("EMAIL_OPEN"), self.of("EMAIL_CLICK")))
        sent = np.where(sent < _NEVER, sent, NO_TIME)
        return Mails(order, contact[order], campaign[order], sent[order], start[order], *flags)

    @cached_property
    def _places(self) -> tuple[Numbers, Numbers, Numbers, int]:
        """Give the rows that have a campaign, the recipients as numbers, that of each row, and the campaigns."""
        at = np.flatnonzero(self.rows["campaign_id"].notna().to_numpy())
        campaigns, names = pd.factorize(self.rows["campaign_id"].to_numpy(dtype=object)[at], sort=True)
        size = max(len(names), 1)
        keys, place = np.unique(self.contact[at] * size + campaigns, return_inverse=True)
        return at, keys, place, size

    def _having(self, rows: Flags) -> Flags:
        at, keys, place, _ = self._places
        return np.asarray(np.bincount(place[rows[at]], minlength=len(keys)) > 0, dtype=np.bool_)

    def marked(self, rows: Flags) -> Flags:
        """Tell the mails with one of some rows, in the order of `mails`."""
        return self._having(rows)[self.mails.order]

    def counted(self, mails: Flags) -> Numbers:
        """Count some of the recipients by contact."""
        return np.bincount(self.mails.contact[mails], minlength=len(self.contacts)).astype(np.int64)

    def links(self, mails: Flags) -> Numbers:
        """Count by contact the different links that were clicked in some of the mails."""
        at, keys, place, _ = self._places
        wanted = np.zeros(len(keys), dtype=np.bool_)
        wanted[self.mails.order] = mails
        chosen = self.of("EMAIL_CLICK")[at] & wanted[place]
        rows = self.rows.iloc[at[chosen]]
        told = [rows[name] for name in OF_LINKS if name in rows]
        link = told[0].fillna("#" + told[1].fillna("")) if len(told) > 1 else told[0].fillna("")
        own = pd.DataFrame({"mail": place[chosen], "link": link.to_numpy(dtype=object), "at": self.contact[at[chosen]]})
        return np.bincount(own.drop_duplicates(["mail", "link"])["at"], minlength=len(self.contacts)).astype(np.int64)


def microsecond(moment: pd.Timestamp) -> int:
    """Give a moment as `Histories.time` has it; NaT is `NO_TIME`."""
    return int(np.int64(moment.asm8.astype("M8[us]").astype(np.int64)))


def histories(events: Events, found: Flagged | None, suspected: Iterable[str] = ()) -> Histories:
    """Bring the events over.

    Parameters
    ----------
    events
        The activities.
    found
        Their events that look automatic, which are left out; None keeps them. Unsubscriptions stay: whoever made
        them, they hold.
    suspected
        Contacts whose opens are left out.

    Raises
    ------
    EngineError
        When there are more rows than may come over.
    """
    recorded = events.fetched(_COLUMNS, [*KINDS, BOUNCE], why=_WHY, instead="leave part of them out with as_of")
    recorded = recorded[recorded["contact_id"].notna()]
    contact, contacts = pd.factorize(recorded["contact_id"].to_numpy(dtype=object), sort=True)
    addresses = _addresses(recorded, contact, len(contacts))
    rows = recorded if found is None else _human(recorded, found)
    doubtful = rows["activity_type"].eq("EMAIL_OPEN") & rows["contact_id"].isin(list(suspected))
    dated = rows["activity_date"].notna() & rows["activity_type"].notna()
    kept = rows[(dated & ~doubtful).to_numpy(dtype=np.bool_, na_value=False)].reset_index(drop=True)
    places = pd.Index(contacts).get_indexer(pd.Index(kept["contact_id"].to_numpy(dtype=object)))
    undated = int(recorded["activity_date"].isna().sum())
    ids = pd.Series(contacts, dtype="string")
    return Histories(ids, addresses, kept, places.astype(np.int64), microseconds(kept["activity_date"]), undated)


def _human(recorded: pd.DataFrame, found: Flagged) -> pd.DataFrame:
    """Take the events that were set aside out of all, but for unsubscriptions."""
    names = list(RECIPIENT)
    changed = pd.MultiIndex.from_frame(found.rows.loc[found.automatic, names].drop_duplicates())
    gone = recorded["activity_type"].eq(UNSUBSCRIBE).to_numpy(dtype=np.bool_, na_value=False)
    others = recorded[gone | ~pd.MultiIndex.from_frame(recorded[names]).isin(changed)]
    human = found.human
    own = human[pd.MultiIndex.from_frame(human[names]).isin(changed)]
    own = own[[name for name in recorded if name in own]].assign(activity_type=own["activity_type"].astype("string"))
    own = own[own["activity_type"].ne(UNSUBSCRIBE)]
    return pd.concat([others.assign(activity_type=others["activity_type"].astype("string")), own], ignore_index=True)


def _addresses(rows: pd.DataFrame, contact: Numbers, size: int) -> "pd.Series[Any]":
    """Give the newest address of each contact; of several at once the last in the order of letters."""
    found: pd.Series[Any] = pd.Series(pd.NA, index=range(size), dtype="string")
    if "email_address" in rows:
        told = pd.DataFrame({"contact": contact, "date": microseconds(rows["activity_date"])})
        told["address"] = rows["email_address"].to_numpy(dtype=object)
        told = told.dropna(subset=["address"]).sort_values(["date", "address"])
        told = told.drop_duplicates("contact", keep="last")
        found.loc[told["contact"].to_numpy()] = told["address"].to_numpy()
    return found
