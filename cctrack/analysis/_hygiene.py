"""Which contacts to correct, watch, leave or ask: lists by printed rules, with what to do, ready to export."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from cctrack.analysis._bursts import NO_TIME
from cctrack.analysis._definitions import moment, one_of
from cctrack.analysis._engagement import read, window_of
from cctrack.analysis._events import Events, opened
from cctrack.analysis._histories import Flags, Histories, Numbers
from cctrack.analysis._human import Flagged, flagged
from cctrack.analysis._machine import REASONS
from cctrack.analysis._patterns import BOUNCE, BOUNCES, UNSUBSCRIBE
from cctrack.analysis._states import Cadence, Window, states
from cctrack.analysis._told import tell

LISTS: Final = (
    "remove", "watch", "blocked", "leave", "sent_after_unsubscribe", "suspect_unsubscribes", "dormant",
)  # fmt: skip
_NEEDED: Final = ("activity_type", "activity_date", "campaign_id", "contact_id", "email_address", "bounce_code")
_TEXTS: Final = ("contact_id", "email_address", "list", "rule", "bounce_code", "domain", "action")
_COLUMNS: Final[Mapping[str, str]] = {
    "contact_id": "the contact; once in a list, in several lists if so",
    "email_address": "its newest address",
    "list": "which list",
    "rule": "why it is on it",
    "n": "campaigns with such an event; of watch in the longest run, of dormant sent since the last click or open",
    "first_ts": "date of the first of these, NaT where none has a date",
    "last_ts": "date of the last of these",
    "bounce_code": "their bounce codes; NA where the list is not of bounces",
    "domain": "what follows the @ of the address",
    "action": "what to do",
}
_RULES: Final[Mapping[str, str]] = {
    "remove": "bounced as not existing (B) or suspended (S)",
    "watch": "undeliverable (D) or mailbox full (F) in {watch} or more campaigns in a row",
    "blocked": "blocked (Z); {blocked} or more contacts of one domain point to the sender, not to them",
    "leave": "automatic reply (V): the mail was delivered",
    "sent_after_unsubscribe": "sent a campaign after an unsubscription, other than one that was unsubscribed from",
    "suspect_unsubscribes": "an unsubscription looks automatic, such as by a scanner that follows all links",
    "dormant": "engagement state lapsed or never, with {sends} or more campaigns sent",
}
_ACTIONS: Final[Mapping[str, str]] = {
    "remove": "correct the address or delete the contact",
    "watch": "retry, then delete the contact",
    "watch, over": "keep: the run of bounces has ended",
    "blocked": "ask the contact to allow the sender",
    "blocked, domain": "check the sender's authentication (SPF, DKIM, DMARC); keep the contacts",
    "leave": "do nothing",
    "sent_after_unsubscribe": "check that the contact signed up again; if not, stop sending to it",
    "suspect_unsubscribes": "ask the contact before deleting it",
    "dormant": "send one mail to win it back, then stop",
}


def hygiene(
    activities: Any,
    *,
    as_of: Any = None,
    window: Any = None,
    cadence: Cadence = "days",
    machine: Literal["include", "exclude"] = "exclude",
    min_sends: int = 10,
    min_campaigns: int = 3,
    min_contacts: int = 3,
) -> pd.DataFrame:
    """Which contacts need care, why, and what to do; one row is one contact on one list.

    Parameters
    ----------
    activities
        A table such as `cctrack.account_activities_df` gives, from any engine.
    as_of
        Later events are left out; None takes the newest event's date.
    window, cadence
        Of the states that make a contact dormant; see `analysis.engagement_states`.
    machine
        "include" takes automatic clicks and opens for signs of life; with "exclude" they are none. It is about the
        list dormant alone: bounces, sends and unsubscriptions count as recorded.
    min_sends
        Campaigns that a dormant contact has been sent.
    min_campaigns
        Campaigns in a row that put a contact on the list watch.
    min_contacts
        Contacts of one domain that make a block a matter of the sender.

    Returns
    -------
    pandas.DataFrame
        Columns as `analysis.explain` tells; list by list in the order remove, watch, blocked, leave,
        sent_after_unsubscribe, suspect_unsubscribes, dormant; in each sorted by domain ("blocked") and contact id.

    Raises
    ------
    TypeError, ValueError
        When the table lacks a column or an argument is none of those named.
    EngineError
        When more than 5 million events would have to come over.
    """
    least = {"sends": min_sends, "watch": min_campaigns, "blocked": min_contacts}
    for name, value in zip(("min_sends", "min_campaigns", "min_contacts"), least.values(), strict=True):
        if isinstance(value, bool) or not isinstance(value, (int, np.integer)) or value < 1:
            raise ValueError(f"{name}={value!r} is no number of at least 1")
    one_of("cadence", cadence, ("days", "sends"))
    length = window_of(cadence, window)
    one_of("machine", machine, ("include", "exclude"))
    events = opened(activities, _NEEDED)
    now = moment("as_of", as_of) if as_of is not None else events.newest()
    events = events if as_of is None else events.until(now)
    found = flagged(events)
    held = read(events, None if machine == "include" else found)
    table = _lists(events, found, held, length, now, least)
    return tell(
        table,
        "hygiene",
        title="Contacts that need care",
        row="One row is one contact on one list.",
        definition="Contacts on each list, by the rules that explain() tells; a contact can be on several.",
        columns=_COLUMNS,
        source=events.source,
        notes=_notes(least, held, found),
        window=length.words,
        cadence=cadence,
        as_of=now,
        **found.facts(machine),
    )


def _lists(
    events: Events, found: Flagged, held: Histories, window: Window, now: pd.Timestamp, least: Mapping[str, int]
) -> pd.DataFrame:
    """Put the lists below each other."""
    bounces = events.fetched(
        ("activity_type", "activity_date", "campaign_id", "contact_id", "bounce_code"), [BOUNCE, UNSUBSCRIBE],
        why="the lists of bounces",
    )  # fmt: skip
    bounces = bounces[bounces["contact_id"].notna()]
    domains = held.addresses.str.extract("@([^@]+)$", expand=False).str.lower()
    people = pd.DataFrame({"email_address": held.addresses, "domain": domains})
    people.index = pd.Index(held.contacts, name="contact_id")
    made: dict[str, Callable[[], pd.DataFrame]] = {
        "remove": lambda: _bounced(bounces, "hard_bounced"),
        "watch": lambda: _in_a_row(held, least["watch"]),
        "blocked": lambda: _blocked(_bounced(bounces, "blocked"), people, least["blocked"]),
        "leave": lambda: _bounced(bounces, "autoreplied"),
        "sent_after_unsubscribe": lambda: _sent_after(held),
        "suspect_unsubscribes": lambda: _suspect(found),
        "dormant": lambda: _dormant(held, window, now, least["sends"]),
    }
    parts = []
    for name, make in made.items():
        own = make().assign(list=name)
        usual: dict[str, Any] = {"rule": _RULES[name].format(**least), "action": _ACTIONS[name], "bounce_code": pd.NA}
        own = own.assign(**{column: told for column, told in usual.items() if column not in own})
        told = people.reindex(own["contact_id"].to_numpy())
        own = own.assign(email_address=told["email_address"].array, domain=told["domain"].array)
        parts.append(own.sort_values([*(["domain"] if name == "blocked" else []), "contact_id"]))
    return pd.concat([part[list(_COLUMNS)].astype(_DTYPES) for part in parts], ignore_index=True)


_DTYPES: Final[dict[str, Any]] = {
    **dict.fromkeys(_TEXTS, "string"), "n": "Int64",
    **dict.fromkeys(("first_ts", "last_ts"), "datetime64[us, UTC]"),
}  # fmt: skip


def _summed(rows: pd.DataFrame) -> pd.DataFrame:
    """Count campaigns by contact, with the first and the last date."""
    parts = rows.groupby("contact_id", sort=True, observed=True)
    table = pd.DataFrame(
        {
            "n": parts["campaign_id"].nunique(dropna=False),
            "first_ts": parts["activity_date"].min(),
            "last_ts": parts["activity_date"].max(),
        }
    )
    return table.reset_index()


def _bounced(rows: pd.DataFrame, group: str) -> pd.DataFrame:
    """List contacts with bounces of a group."""
    own = rows[rows["bounce_code"].isin(BOUNCES[group]).to_numpy(dtype=np.bool_) & rows["activity_type"].eq(BOUNCE)]
    table = _summed(own)
    return table.assign(bounce_code=_joined(own["contact_id"], own["bounce_code"], table["contact_id"]))


def _joined(of: Iterable[Any], codes: Iterable[Any], contacts: Iterable[Any]) -> list[str]:
    """Name the codes of contacts."""
    known: dict[Any, list[str]] = {}
    for contact, code in sorted(set(zip(of, codes, strict=True))):
        known.setdefault(contact, []).append(str(code))
    return [", ".join(known[contact]) for contact in contacts]


def _blocked(table: pd.DataFrame, people: pd.DataFrame, least: int) -> pd.DataFrame:
    """Tell contacts that were blocked with others of their domain from those that were alone."""
    domains = people["domain"].reindex(table["contact_id"].to_numpy())
    counts = domains.value_counts().to_dict()
    together = np.array([counts.get(domain, 1) for domain in domains], dtype=np.int64)
    many = together >= least
    said = [
        f"blocked (Z), as were {number:,} contacts of this domain" if number > 1 else "blocked (Z), alone of its domain"
        for number in together
    ]
    action = np.where(many, _ACTIONS["blocked, domain"], _ACTIONS["blocked"])
    return table.assign(rule=said, action=action)


def _in_a_row(held: Histories, least: int) -> pd.DataFrame:
    """List contacts whose mails bounced softly in several campaigns in a row."""
    mails = held.mails
    rows = held.of(BOUNCE, BOUNCES["soft_bounced"])
    soft = held.marked(rows)
    starts = soft & ~(np.append(False, soft[:-1]) & (np.diff(mails.contact, prepend=-1) == 0))
    runs = np.cumsum(starts) - 1
    own = pd.DataFrame({"run": runs[soft], "contact": mails.contact[soft], "at": np.flatnonzero(soft)})
    found = own.groupby("run").agg(contact=("contact", "first"), begin=("at", "min"), end=("at", "max"))
    found["n"] = found["end"] - found["begin"] + 1
    # The longest of a contact, of two as long the later one.
    found = found[found["n"] >= least].sort_values(["n", "end"]).drop_duplicates("contact", keep="last")
    ends = found["end"].to_numpy(dtype=np.int64)
    over = np.append(mails.contact, -1)[ends + 1] == found["contact"].to_numpy()
    return pd.DataFrame(
        {
            "contact_id": held.contacts.to_numpy()[found["contact"]],
            "n": found["n"].to_numpy(),
            "first_ts": _dates(mails.start[found["begin"]]),
            "last_ts": _dates(mails.start[ends]),
            "bounce_code": _joined(held.contact[rows], held.rows["bounce_code"][rows], found["contact"]),
            "rule": [
                f"undeliverable (D) or mailbox full (F) in {n} campaigns in a row"
                + (", mail after them did not bounce so" if past else ", up to the newest")
                for n, past in zip(found["n"], over, strict=True)
            ],
            "action": np.where(over, _ACTIONS["watch, over"], _ACTIONS["watch"]),
        }
    )


def _sent_after(held: Histories) -> pd.DataFrame:
    """List contacts that were sent something after they had unsubscribed."""
    mails, own = held.mails, held.of(UNSUBSCRIBE)
    first = np.full(len(held.contacts), np.iinfo(np.int64).max)
    np.minimum.at(first, held.contact[own], held.time[own])
    # A send after the unsubscription from the same campaign tells of clocks that disagree.
    late = (mails.sent > first[mails.contact]) & ~held.marked(own)
    return _of_mails(held, late)


def _suspect(found: Flagged) -> pd.DataFrame:
    """List contacts with an unsubscription that looks automatic."""
    own = found.rows["activity_type"].eq(UNSUBSCRIBE).to_numpy(dtype=np.bool_, na_value=False) & found.automatic
    table = _summed(found.rows[own])
    why = pd.DataFrame({"contact_id": found.rows.loc[own, "contact_id"], "why": found.reasons[own]})
    reasons = why.groupby("contact_id")["why"].min().reindex(table["contact_id"])
    return table.assign(rule=[f"{_RULES['suspect_unsubscribes']} ({REASONS[int(one)]})" for one in reasons])


def _dormant(held: Histories, window: Window, now: pd.Timestamp, least: int) -> pd.DataFrame:
    """List contacts that read nothing of what they are sent."""
    state = states(held, window.starts(held, now))
    sends = held.counted(held.mails.sent != NO_TIME)
    chosen = state.isin(["lapsed", "never"]).to_numpy(dtype=np.bool_) & (sends >= least)
    acted = np.maximum(held.latest(held.of("EMAIL_CLICK")), held.latest(held.of("EMAIL_OPEN")))
    mails = held.mails
    since = chosen[mails.contact] & (mails.sent > acted[mails.contact])
    table = _of_mails(held, since).set_index("contact_id")
    ids = held.contacts[chosen]
    said = [f"state {state[at]}, {sends[at]:,} campaigns sent" for at in ids.index]
    table = table.reindex(ids.to_numpy()).rename_axis("contact_id").reset_index()
    return table.assign(n=table["n"].fillna(0), rule=said)


def _of_mails(held: Histories, chosen: Flags) -> pd.DataFrame:
    """List the contacts of some mails, with the dates of their sends."""
    mails = held.mails
    rows = pd.DataFrame({"contact": mails.contact[chosen], "sent": mails.sent[chosen]})
    found = rows.groupby("contact")["sent"].agg(["size", "min", "max"])
    return pd.DataFrame(
        {
            "contact_id": held.contacts.to_numpy()[found.index.to_numpy(dtype=np.int64)],
            "n": found["size"].to_numpy(),
            "first_ts": _dates(found["min"].to_numpy(dtype=np.int64)),
            "last_ts": _dates(found["max"].to_numpy(dtype=np.int64)),
        }
    )


def _dates(times: Numbers) -> "pd.Series[Any]":
    return pd.Series(times.astype("M8[us]")).dt.tz_localize("UTC")


def _notes(least: Mapping[str, int], held: Histories, found: Flagged) -> list[str]:
    notes = [f"{name}: {_RULES[name].format(**least)}; {_ACTIONS[name]}" for name in LISTS]
    notes.append(
        "The lists tell of what was recorded, about 180 days, and are no estimates. Activities do not tell who signed "
        "up again, nor which addresses were corrected."
    )
    if found.clocks_suspect:
        notes.append(
            "The clocks of the reports disagree: sent_after_unsubscribe may be wrong; see analysis.clock_check."
        )
    if held.undated:
        notes.append(
            f"{held.undated:,} events have no date; they count on the lists remove, blocked, leave and "
            "suspect_unsubscribes alone."
        )
    return notes
