"""Who reads and who does not: one state for each contact, by printed rules, at one moment or between two."""

from collections.abc import Mapping
from itertools import product
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from cctrack.analysis._alive import Alive, Counts, fit_alive
from cctrack.analysis._definitions import duration, moment, one_of, zone
from cctrack.analysis._events import Events, opened
from cctrack.analysis._histories import Histories, histories, microsecond
from cctrack.analysis._human import OF_LINKS, Flagged, Machine, checked_machine, flagged, side_by_side
from cctrack.analysis._intervals import Floats
from cctrack.analysis._machine_activity import auto_openers
from cctrack.analysis._shrinkage import Prior
from cctrack.analysis._states import RULES, STATES, UNSEEN, Cadence, Window, classes, measured, states
from cctrack.analysis._told import tell

Table = Literal["contacts", "transitions"]
Response = Literal["click", "open"]
_NEEDED: Final = ("activity_type", "activity_date", "campaign_id", "contact_id", "bounce_code")
_USUAL: Final[Mapping[str, Any]] = {"days": "91D", "sends": 10}
_RIPE: Final = pd.Timedelta(days=3)  # after a send, for p_alive: before, silence says nothing
_SHARED: Final = ("contact_id", "email_address", "sends")
_COLUMNS: Final[Mapping[str, str]] = {
    "contact_id": "the contact",
    "email_address": "its newest address",
    "state": "the first rule that holds, of those below",
    "state_before": "the same at the moment `before`, automatic events as judged now; unseen where there was no event "
    "of the contact yet",
    "sends": "campaigns sent to the contact",
    "clicks_campaigns": "campaigns in which it clicked",
    "opens_campaigns": "campaigns that it opened, as far as images tell",
    "days_since_click": "days of the calendar in the zone since its last click; NA without one",
    "sends_since_click": "campaigns sent to it after its last click; NA without one",
    "p_alive": "probability that it had not silently dropped out at its last mail; NaN for those unsubscribed or "
    "undeliverable, and where there is none",
    "last_action": "what r counts from: the last click, or the last open of those that never clicked",
    "days_since_action": "days of the calendar in the zone since then",
    "sends_since_action": "campaigns sent to it since then",
    "delivered_in_window": "campaigns sent in the window and delivered to it: not bounced, or opened or clicked",
    "clicked_in_window": "those of delivered_in_window that it clicked",
    "click_rate": "clicked_in_window / delivered_in_window, drawn towards the rate of all contacts as far as there "
    "are few; NaN where nothing was delivered",
    "links_per_click": "different links clicked in those campaigns / clicked_in_window; NaN without a click",
}
_OF_TRANSITIONS: Final[Mapping[str, str]] = {
    "state_before": _COLUMNS["state_before"],
    "state": _COLUMNS["state"],
    "n": "contacts that went from the one to the other",
    "share": "n / contacts in state_before; NaN where there were none",
}


def engagement_states(
    activities: Any,
    *,
    as_of: Any = None,
    before: Any = None,
    window: Any = None,
    cadence: Cadence = "days",
    table: Table = "contacts",
    machine: Machine = "exclude",
    p_alive: bool | Response = False,
    tz: str = "UTC",
) -> pd.DataFrame:
    """In which state each contact is; one row is one contact, or one change of state.

    Parameters
    ----------
    activities
        A table such as `cctrack.account_activities_df` gives, from any engine.
    as_of
        Moment of the states; later events are left out. None takes the newest event's date.
    before
        An earlier moment, for `state_before`; "transitions" needs it.
    window
        How far back an action makes a reader: a length of time ("91D", the default), or with cadence "sends" the
        number of a contact's latest sends (10).
    cadence
        Whether the window and `r` count days, or sends to the contact: fair to those who get little mail.
    table
        "contacts", or "transitions": how many went from which state to which.
    machine
        "exclude" sets events aside that look automatic, and the opens of suspected auto-openers; "include" takes
        everything, "both" gives the columns as recorded and with the suffix `_human`.
    p_alive
        Whether to fit how likely each contact still reads: True by clicks, "open" by opens and clicks.
    tz
        Zone whose days are counted, such as "Europe/Berlin".

    Returns
    -------
    pandas.DataFrame
        "contacts": sorted by contact id, columns as `analysis.explain` tells. "transitions": `state_before`,
        `state`, `n`, `share` for every two states.

    Raises
    ------
    TypeError, ValueError
        When the table lacks a column or an argument is none of those named.
    EngineError
        When more than 5 million events would have to come over.

    Notes
    -----
    The states are those of magnews' recency model; P(alive) is that of Fader, Hardie and Shang, Marketing Science 29
    (2010) 1086-1108. Activities reach back about 180 days: who acted before is not known to have.
    """
    length = _checked(cadence, table, window, before, p_alive)
    checked_machine(machine)
    where = zone(tz)
    events = opened(activities, _NEEDED)
    if not set(OF_LINKS).intersection(events.columns):
        events.require(["link_id"])
    now = moment("as_of", as_of) if as_of is not None else events.newest()
    events = events if as_of is None else events.until(now)
    earlier = None if before is None else _earlier(before, now)
    found = None if machine == "include" else flagged(events)
    response: Response | None = ("click" if p_alive is True else p_alive) or None
    sides, notes = {}, _notes(table, response, earlier)
    for human in {"include": (False,), "exclude": (True,), "both": (False, True)}[machine]:
        side, said = _contacts(events, found if human else None, length, now, earlier, response, where)
        sides[human] = side if table == "contacts" else _transitions(side)
        notes += [f"Without automatic events: {one}" if human and machine == "both" else one for one in said]
    shared = _SHARED if table == "contacts" else ("state_before", "state")
    result = side_by_side(sides.get(False, sides.get(True)), sides.get(True), machine, shared)  # type: ignore[arg-type]
    return tell(
        result,
        "engagement_states",
        title="Engagement of contacts" if table == "contacts" else "Changes of engagement",
        row="One row is one contact." if table == "contacts" else "One row is one change of state.",
        definition=f"Each contact in the first state whose rule holds; the window is {length.words}.",
        columns={**_COLUMNS, **classes(cadence)} if table == "contacts" else _OF_TRANSITIONS,
        source=events.source,
        notes=notes,
        states={name: f"{name}: {rule}" for name, rule in RULES.items()},
        shows=table,
        window=length.words,
        cadence=cadence,
        before=earlier,
        tz=where,
        as_of=now,
        **({"machine": machine} if found is None else found.facts(machine)),
    )


def _checked(cadence: object, table: object, window: Any, before: Any, p_alive: object) -> Window:
    """Check the choices, and read the window."""
    one_of("cadence", cadence, _USUAL)
    one_of("table", table, ("contacts", "transitions"))
    if not isinstance(p_alive, bool):
        one_of("p_alive", p_alive, ("click", "open"))
    if table == "transitions" and before is None:
        raise ValueError("table='transitions' needs an earlier moment; give one, such as before='2026-01-01'")
    if table == "transitions" and p_alive:
        raise ValueError("p_alive goes with table='contacts'; leave it out, or ask for that")
    return window_of(str(cadence), window)


def window_of(cadence: str, window: Any) -> Window:
    """Read the window.

    Raises
    ------
    ValueError
        When it is no length of time, or no number of sends.
    """
    given = _USUAL[cadence] if window is None else window
    if cadence == "days":
        length = duration("window", given)
        return Window("days", length)
    if isinstance(given, bool) or not isinstance(given, (int, np.integer)) or given < 1:
        raise ValueError(f"window={window!r} is no number of sends, which cadence='sends' needs; give one such as 10")
    return Window("sends", int(given))


def _earlier(before: Any, now: pd.Timestamp) -> pd.Timestamp:
    earlier = moment("before", before)
    if not pd.isna(now) and earlier > now:
        raise ValueError(f"before={before!r} is after as_of, {now.isoformat()}; give an earlier moment")
    return earlier


def read(events: Events, found: Flagged | None) -> Histories:
    """Bring over what each contact did; without automatic events, and the opens of those that open by machine."""
    return histories(events, found, () if found is None else auto_openers(events, found).tolist())


def _contacts(
    events: Events,
    found: Flagged | None,
    window: Window,
    now: pd.Timestamp,
    earlier: pd.Timestamp | None,
    response: Response | None,
    tz: str,
) -> tuple[pd.DataFrame, list[str]]:
    """Give one row a contact, and what a reader must know."""
    held = read(events, found)
    starts = window.starts(held, now)
    values, prior = measured(held, starts, now, window.cadence, tz)
    values.insert(0, "contact_id", held.contacts)
    values.insert(1, "email_address", held.addresses)
    values.insert(2, "state", states(held, starts))
    values.insert(3, "state_before", _before(held, window, earlier))
    chances, said = _chances(held, now, response)
    gone = values["state"].isin(STATES[:2]).to_numpy(dtype=np.bool_)
    values.insert(12, "p_alive", np.where(gone, np.nan, chances))
    return values, [_of_rates(prior), *said, *_undated(held)]


def _before(held: Histories, window: Window, earlier: pd.Timestamp | None) -> "pd.Series[Any]":
    """Give the states at the earlier moment; what looks automatic is judged with all that is known now."""
    if earlier is None:
        return pd.Series(pd.NA, index=held.contacts.index, dtype="string")
    then = held.until(earlier)
    seen = np.bincount(then.contact, minlength=len(held.contacts)) > 0
    return states(then, window.starts(then, earlier)).where(seen, UNSEEN)


def _chances(held: Histories, now: pd.Timestamp, response: Response | None) -> tuple[Floats, list[str]]:
    """Give the probability that each contact still reads, and what was fitted."""
    if response is None or pd.isna(now):
        return np.full(len(held.contacts), np.nan), []
    x, last, n = mails_answered(held, now, response)
    found = fit_alive(x, last, n)
    if isinstance(found, Alive):
        return found.probability(x, last, n), [found.note]
    return np.full(len(held.contacts), np.nan), [f"p_alive is left blank: {found}."]


def mails_answered(held: Histories, now: pd.Timestamp, response: Response) -> tuple[Counts, Counts, Counts]:
    """Give for each contact the mails responded to, the place of the last of these, and the mails."""
    mails, size = held.mails, len(held.contacts)
    ripe = mails.delivered & (mails.start <= microsecond(now) - _RIPE // pd.Timedelta("1us"))
    contact = mails.contact[ripe]
    answered = (mails.clicked if response == "click" else mails.clicked | mails.opened)[ripe]
    place = np.arange(len(contact)) - np.searchsorted(contact, contact, side="left") + 1
    last = np.zeros(size, dtype=np.int64)
    np.maximum.at(last, contact[answered], place[answered])
    n = np.bincount(contact, minlength=size).astype(np.int64)
    return np.bincount(contact[answered], minlength=size).astype(np.int64), last, n


def _transitions(contacts: pd.DataFrame) -> pd.DataFrame:
    pairs = list(product((*STATES, UNSEEN), STATES))
    counts = contacts.groupby(["state_before", "state"]).size().to_dict()
    n = np.array([counts.get(pair, 0) for pair in pairs], dtype=np.int64)
    total = np.repeat(n.reshape(-1, len(STATES)).sum(axis=1), len(STATES))
    table = pd.DataFrame(pairs, columns=["state_before", "state"]).astype("string")
    table["n"] = pd.array(n, dtype="Int64")
    table["share"] = np.divide(n, total, out=np.full(len(n), np.nan), where=total > 0)
    return table


def _notes(table: Table, response: Response | None, earlier: pd.Timestamp | None) -> list[str]:
    rules = [f"{name}: {rule}" for name, rule in RULES.items()]
    notes = [*rules, "The first rule that holds is the state: the rules are asked in this order."]
    notes.append(
        "States are counts of what was recorded, not estimates, so they have no intervals. Activities reach back about "
        "180 days, so that 'new' and 'never' mean as far as they tell; programs that fetch images make openers."
    )
    if earlier is not None:
        notes.append(f"state_before is that of {earlier:%Y-%m-%d %H:%M} UTC.")
    if table == "contacts" and response is not None:
        notes.append(
            f"p_alive is of {'clicks' if response == 'click' else 'opens and clicks'} in delivered mails, each a "
            f"chance; mails of the last {_RIPE.days} days are left out, as their answers may still come."
        )
    return notes


def _of_rates(prior: Prior) -> str:
    return f"click_rate: {prior.note}"


def _undated(held: Histories) -> list[str]:
    return [f"{held.undated:,} events without a date are left out."] if held.undated else []
