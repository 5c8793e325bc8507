"""In which state a contact is, and how recently, how often and how deeply it clicks: the rules, and what they give."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from cctrack.analysis._bursts import NO_TIME
from cctrack.analysis._histories import Flags, Histories, Numbers, microsecond
from cctrack.analysis._intervals import Floats
from cctrack.analysis._patterns import BOUNCE, BOUNCES, UNSUBSCRIBE
from cctrack.analysis._shrinkage import Prior, fit_beta, shrunken

Cadence = Literal["days", "sends"]
# In the order in which they are asked: the first that holds is the state, so that each contact has one and only one.
RULES: Final[Mapping[str, str]] = {
    "unsubscribed": "has an unsubscription, whoever made it",
    "undeliverable": "has a bounce B or S, and has opened or clicked nothing since",
    "out_of_recency": "was sent nothing in the window",
    "clicker": "clicked in the window",
    "opener": "opened in the window, and did not click in it",
    "new": "was first sent something in the window, and has never opened or clicked",
    "lapsed": "opened or clicked before the window, and not in it",
    "never": "was first sent something before the window, and has never opened or clicked",
}
STATES: Final = tuple(RULES)
UNSEEN: Final = "unseen"  # of a contact without any event yet
# The least value of the classes 1 to 4 (of r the most, of 4 to 1); 0 is a class of its own: nothing at all.
_RECENT: Final[Mapping[str, tuple[int, int, int]]] = {"days": (30, 91, 182), "sends": (3, 10, 20)}
_OFTEN: Final = (0.05, 0.15, 0.30)
_DEEP: Final = (1.01, 2.0, 3.0)


@dataclass(frozen=True)
class Window:
    """How far back looking goes: a length of time, or the last sends to each contact.

    Attributes
    ----------
    cadence : str
        Which of the two.
    length : pandas.Timedelta or int
        How long, or how many.
    """

    cadence: Cadence
    length: Any

    @property
    def words(self) -> str:
        """What it is."""
        if self.cadence == "sends":
            return f"from the contact's {self.length}th latest send on"
        days = self.length / pd.Timedelta(days=1)
        return f"the last {days:g} days"

    def starts(self, held: Histories, moment: pd.Timestamp) -> Numbers:
        """Give the first microsecond of the window of each contact."""
        size = len(held.contacts)
        if self.cadence == "days":
            back = self.length // pd.Timedelta("1us")
            return np.full(size, NO_TIME + 1 if pd.isna(moment) else microsecond(moment) - back)
        mails = held.mails
        own = np.flatnonzero(mails.sent != NO_TIME)
        contact, sent = mails.contact[own], mails.sent[own]
        order = np.lexsort((-sent, contact))
        contact, sent = contact[order], sent[order]
        before = np.searchsorted(contact, contact, side="left")
        chosen = np.arange(len(contact)) - before == self.length - 1
        starts = np.full(size, NO_TIME + 1)
        starts[contact[chosen]] = sent[chosen]
        return starts


def states(held: Histories, starts: Numbers) -> "pd.Series[Any]":
    """Give the state of each contact."""
    size = len(held.contacts)
    click, opened = held.latest(held.of("EMAIL_CLICK")), held.latest(held.of("EMAIL_OPEN"))
    hard = held.latest(held.of(BOUNCE, BOUNCES["hard_bounced"]))
    acted = np.maximum(click, opened)
    mails = held.mails
    sends = mails.sent != NO_TIME
    last, first = np.full(size, NO_TIME), np.full(size, np.iinfo(np.int64).max)
    np.maximum.at(last, mails.contact[sends], mails.sent[sends])
    np.minimum.at(first, mails.contact[sends], mails.sent[sends])
    holds: dict[str, Flags] = {
        "unsubscribed": held.latest(held.of(UNSUBSCRIBE)) != NO_TIME,
        "undeliverable": (hard != NO_TIME) & (acted <= hard),
        "out_of_recency": last < starts,
        "clicker": click >= starts,
        "opener": opened >= starts,
        "new": (first >= starts) & (acted == NO_TIME),
        "lapsed": acted != NO_TIME,
        "never": np.ones(size, dtype=np.bool_),
    }
    chosen = np.select([holds[name] for name in STATES], np.arange(len(STATES)).tolist(), len(STATES) - 1)
    return pd.Series(np.array(STATES, dtype=object)[chosen], dtype="string")


def measured(
    held: Histories, starts: Numbers, moment: pd.Timestamp, cadence: Cadence, tz: str
) -> tuple[pd.DataFrame, Prior]:
    """Give how recently, how often and how deeply each contact clicks, and what rates are drawn towards."""
    mails = held.mails
    click, opened = held.latest(held.of("EMAIL_CLICK")), held.latest(held.of("EMAIL_OPEN"))
    clicked = click != NO_TIME
    last = np.where(clicked, click, opened)
    within = (mails.start >= starts[mails.contact]) & mails.delivered
    delivered, took = held.counted(within), held.counted(within & mails.clicked)
    prior = fit_beta(took, delivered)
    rate = np.where(delivered > 0, shrunken(took, delivered, prior), np.nan)
    deep = np.full(len(took), np.nan)
    np.divide(held.links(within & mails.clicked), took, out=deep, where=took > 0)
    days, sends = _days(last, moment, tz), _sends_since(held, last)
    table = {
        "sends": pd.array(held.counted(mails.sent != NO_TIME), dtype="Int64"),
        "clicks_campaigns": pd.array(held.counted(mails.clicked), dtype="Int64"),
        "opens_campaigns": pd.array(held.counted(mails.opened), dtype="Int64"),
        "days_since_click": days.where(clicked),
        "sends_since_click": sends.where(clicked),
        "r": _recent(days if cadence == "days" else sends, cadence),
        "f": _class(rate, _OFTEN).mask(took == 0, 0).mask(delivered == 0),
        "d": _class(deep, _DEEP).mask(took == 0, 0).mask(delivered == 0),
        "last_action": pd.Series(np.select([clicked, opened != NO_TIME], ["click", "open"], ""), dtype="string"),
        "days_since_action": days,
        "sends_since_action": sends,
        "delivered_in_window": pd.array(delivered, dtype="Int64"),
        "clicked_in_window": pd.array(took, dtype="Int64"),
        "click_rate": rate,
        "links_per_click": deep,
    }
    found = pd.DataFrame(table)
    found["last_action"] = found["last_action"].replace("", pd.NA)
    return found, prior


def _days(times: Numbers, moment: pd.Timestamp, tz: str) -> "pd.Series[Any]":
    """Count the days of the calendar from times to a moment; NA without one: `NO_TIME` is NaT."""
    dates: pd.Series[Any] = pd.Series(times.view("M8[us]"))
    local = dates.dt.tz_localize("UTC").dt.tz_convert(tz).dt.tz_localize(None).dt.normalize()
    ends: pd.Series[Any] = pd.Series([moment] * len(times), dtype="datetime64[us, UTC]")
    days: pd.Series[Any] = (ends.dt.tz_convert(tz).dt.tz_localize(None).dt.normalize() - local).dt.days
    return days.astype("Int64")


def _sends_since(held: Histories, times: Numbers) -> "pd.Series[Any]":
    """Count the sends after times; NA without one."""
    after = held.counted((held.mails.sent != NO_TIME) & (held.mails.sent > times[held.mails.contact]))
    return pd.Series(after, dtype="Int64").mask(times == NO_TIME)


def _recent(passed: "pd.Series[Any]", cadence: Cadence) -> "pd.Series[Any]":
    """Class what has passed since the last action: 4 the most recent, 0 where there was none."""
    values = passed.to_numpy(dtype=np.float64, na_value=np.nan)
    classes = 4 - np.searchsorted(np.array(_RECENT[cadence], dtype=np.float64), np.nan_to_num(values), side="left")
    return pd.Series(np.where(np.isnan(values), 0, classes), dtype="Int64")


def _class(values: Floats, cuts: tuple[float, ...]) -> "pd.Series[Any]":
    """Class values: 1 below the first cut, 4 from the last."""
    return pd.Series(1 + np.searchsorted(np.array(cuts), np.nan_to_num(values), side="right"), dtype="Int64")


def classes(cadence: Cadence) -> dict[str, str]:
    """Say what the classes are."""
    near, middle, far = _RECENT[cadence]
    passed = "days" if cadence == "days" else "sends to the contact"
    low, some, high = (f"{100 * cut:g} %" for cut in _OFTEN)
    return {
        "r": f"class of {cadence}_since_action: 4 up to {near} {passed}, 3 up to {middle}, 2 up to {far}, 1 more; "
        "0 never clicked or opened",
        "f": f"class of click_rate: 4 from {high}, 3 from {some}, 2 from {low}, 1 less; 0 no click in the window, "
        "NA nothing delivered in it",
        "d": "class of links_per_click: 4 from 3 links, 3 from 2, 2 more than 1, 1 one link; 0 no click in the window, "
        "NA nothing delivered in it",
    }
