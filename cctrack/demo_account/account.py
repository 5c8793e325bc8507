"""The demo account: a made-up mailing list and half a year of what happened to its mail, the same every time.

The account keeps, beside every event, the truth about who caused it; the service never tells.
"""

import operator
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Final, Literal
from uuid import UUID, uuid5

import numpy as np
from numpy.typing import NDArray

from . import mailings, people
from .behaviour import BOUNCE_CODES, KINDS, ORIGINS, REASONS, SOURCES, Log, State, mail
from .clock import DAY, NOW, NOW_MS, Ints
from .mailings import Campaigns, Links
from .people import Contacts, Lists, Traits
from .quirks import Quirks

__all__ = [
    "BOUNCE_CODES", "GENERATOR_VERSION", "KINDS", "NOW", "ORIGINS", "REASONS", "SOURCES",
    "Account", "Campaigns", "Contacts", "Events", "Links", "Lists", "Quirks", "Traits", "Truth", "generate",
]  # fmt: skip

GENERATOR_VERSION: Final = 1
"""Raised whenever the same arguments would give another account."""

_NAMESPACE = UUID("5f0c3c5e-2b52-4d0a-9a51-7d3f6a1e36c2")


@dataclass(frozen=True, eq=False, repr=False)
class Events:
    """All events of one kind, newest first; one entry a row in every array.

    `campaign`, `contact` and `link` are positions in the account's tables; `time` is epoch milliseconds.
    `link` is filled for clicks, `code` (in `BOUNCE_CODES`) for bounces, `source` and `reason` (in `SOURCES`
    and `REASONS`) for unsubscribes; the others are empty.
    """

    campaign: Ints
    contact: Ints
    time: Ints
    link: Ints
    code: Ints
    source: Ints
    reason: Ints

    def __len__(self) -> int:
        return len(self.time)


@dataclass(frozen=True, eq=False, repr=False)
class Truth:
    """What really happened; nothing of it is ever served.

    `codes` holds for each kind of event the position in `ORIGINS`, row by row as in the account.
    `reads_*` are the real first readings, recorded or not, one entry a (campaign, contact).
    """

    codes: dict[str, NDArray[np.int8]]
    reads_campaign: Ints
    reads_contact: Ints
    reads_time: Ints
    traits: Traits

    def origin(self, kind: str) -> NDArray[np.str_]:
        """Give the origin of every event of a kind: human, mpp, scanner, forward or duplicate."""
        return np.array(ORIGINS)[self.codes[kind]]


@dataclass(frozen=True, eq=False, repr=False)
class Account:
    """A synthetic e-mail account as it stands at `NOW`."""

    contacts: Contacts
    lists: Lists
    campaigns: Campaigns
    links: Links
    sends: Events
    opens: Events
    clicks: Events
    forwards: Events
    bounces: Events
    unsubscribes: Events
    truth: Truth
    seed: int
    preset: str
    featured_contact: str
    featured_campaign: str

    def __repr__(self) -> str:
        size = f"{len(self.contacts)} contacts, {len(self.sends)} sends"
        return f"Account({size}, seed={self.seed}, preset={self.preset!r})"

    def events(self, kind: str) -> Events:
        """Give the events of a kind (one of `KINDS`)."""
        if kind not in KINDS:
            raise ValueError(f"no event kind {kind!r}; there are {', '.join(KINDS)}")
        events: Events = getattr(self, kind)
        return events

    @cached_property
    def contact_at(self) -> dict[str, int]:
        """Position of each contact id."""
        return _positions(self.contacts.ids)

    @cached_property
    def list_at(self) -> dict[str, int]:
        """Position of each list id."""
        return _positions(self.lists.ids)

    @cached_property
    def campaign_at(self) -> dict[str, int]:
        """Position of each campaign id."""
        return _positions(self.campaigns.ids)

    @cached_property
    def link_at(self) -> dict[str, int]:
        """Position of each link id."""
        return _positions(self.links.ids)

    def address(self, contact: int, campaign: int) -> str:
        """Give the address to which a campaign was sent: the one the contact had at the time."""
        people = self.contacts
        changed_later = self.campaigns.sent[campaign] < people.email_changed[contact]
        return (people.former_email if changed_later else people.email)[contact]

    def uuid(self, what: str, id_: str) -> str:
        """Give the long id of a thing, always the same one: what the newer API calls it by."""
        return str(uuid5(_NAMESPACE, f"{self.seed}/{what}/{id_}"))


def generate(
    contacts: int = 2000, seed: int = 0, campaigns: int = 26, preset: Literal["default", "b2b"] = "default"
) -> Account:
    """Make an account; the same arguments give the same account to the digit.

    Campaigns beyond the first 26 are second mailings of the same weeks. Each campaign draws from a generator
    of its own, so one more leaves the rows of the others as they were. A few further campaigns always stand
    beside the regular ones: one sent to a single contact, one to nobody, drafts, scheduled and deleted ones.

    Parameters
    ----------
    contacts
        How many contacts the account has; their ids are "1" to this number.
    seed
        Any whole number from 0.
    campaigns
        How many regular campaigns were sent.
    preset
        "default" is a consumer list (20 % corporate addresses), "b2b" a business list (80 %).
    """
    contacts, seed, campaigns = (operator.index(number) for number in (contacts, seed, campaigns))
    if contacts < 1 or seed < 0 or not 0 <= campaigns <= 10_000:
        raise ValueError("contacts must be at least 1, seed at least 0, campaigns between 0 and 10,000")
    if preset not in people.CORPORATE_SHARE:
        raise ValueError(f"preset must be one of {', '.join(people.CORPORATE_SHARE)}, not {preset!r}")
    persons, lists, traits = people.draw(_stream(seed, 1, 0), contacts, preset)
    table, links, places = mailings.draw(seed, campaigns)
    logs, left_at = _play(seed, persons, traits, table, links, places)
    events, codes = _gather(logs)
    reads = [np.concatenate([np.zeros(0, np.int64), *parts]) for parts in _reads(logs)]
    table = replace(table, spam_count=np.array([log.spam for log in logs], dtype=np.int64))
    settled = replace(persons, **people.settle(persons, left_at))  # type: ignore[arg-type]
    return Account(
        contacts=settled,
        lists=lists,
        campaigns=table,
        links=links,
        **events,
        truth=Truth(codes, reads[0], reads[1], reads[2], traits),
        seed=seed,
        preset=preset,
        featured_contact=persons.ids[min(35, contacts - 1)],
        featured_campaign=table.ids[_featured(table, events, campaigns)],
    )


def _stream(seed: int, *key: int) -> np.random.Generator:
    """Give the random generator of one entity of the account."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def _play(
    seed: int, persons: Contacts, traits: Traits, table: Campaigns, links: Links, places: tuple[int, ...]
) -> tuple[list[Log], Ints]:
    """Send every campaign in turn; gives a log a campaign, and when each contact left (`NEVER` if not)."""
    state = State.fresh(len(persons))
    logs = []
    for campaign, place in enumerate(places):
        due = int(table.sent[campaign])
        if table.status[campaign] != "SENT":
            logs.append(Log())
            continue
        invited = persons.on_list[list(table.lists[campaign])].any(axis=0) & traits.mailable
        who = np.flatnonzero(invited & (persons.created <= due) & (state.left_at > due))
        span = table.links(campaign)
        weight = links.weight[span.start : span.stop]
        logs.append(mail(_stream(seed, 3, place), due, who, traits, state, np.array(span), weight))
    return logs, state.left_at


def _gather(logs: Sequence[Log]) -> tuple[dict[str, Events], dict[str, NDArray[np.int8]]]:
    """Join the logs into one table a kind, newest first."""
    events, codes = {}, {}
    for kind in KINDS:
        parts = [(campaign, rows) for campaign, log in enumerate(logs) for rows in log.rows[kind]]
        columns = [np.concatenate([np.zeros(0, np.int64), *(rows[c] for _, rows in parts)]) for c in range(5)]
        contact, time, one, two, origin = columns
        campaign = np.repeat([c for c, _ in parts], [len(rows[0]) for _, rows in parts]).astype(np.int64)
        order = np.lexsort((one, contact, campaign, -time))
        none = np.zeros(0, dtype=np.int64)
        events[kind] = Events(
            campaign[order],
            contact[order],
            time[order],
            link=one[order] if kind == "clicks" else none,
            code=one[order] if kind == "bounces" else none,
            source=one[order] if kind == "unsubscribes" else none,
            reason=two[order] if kind == "unsubscribes" else none,
        )
        codes[kind] = origin[order].astype(np.int8)
    return events, codes


def _reads(logs: Sequence[Log]) -> tuple[list[Ints], list[Ints], list[Ints]]:
    """Campaign, contact and time of the real first readings, campaign by campaign."""
    whose = [np.full(len(log.reads[0]), campaign, dtype=np.int64) for campaign, log in enumerate(logs)]
    return whose, [log.reads[0] for log in logs], [log.reads[1] for log in logs]


def _featured(table: Campaigns, events: dict[str, Events], regular: int) -> int:
    """Choose a sent campaign of ordinary size, grown up, and with as many kinds of event as there are."""
    counts = np.array([np.bincount(events[kind].campaign, minlength=len(table)) for kind in KINDS])
    if not regular:
        return 0
    mine = counts[:, :regular]
    kinds = (mine > 0).sum(axis=0)
    ordinary = mine[0] >= 0.8 * np.median(mine[0])
    grown = table.sent[:regular] < NOW_MS - 21 * DAY
    inside = table.sent[:regular] > NOW_MS - 150 * DAY  # still listed where the service forgets after 180 days
    return int(np.lexsort((table.sent[:regular], ordinary & grown & inside, kinds))[-1])


def _positions(ids: tuple[str, ...]) -> dict[str, int]:
    return {id_: position for position, id_ in enumerate(ids)}
