"""What v3 calls the account's things: long ids, and mails as activities of campaigns."""

import re
from functools import cached_property
from typing import Final, Literal, NamedTuple

from .account import Account
from .mailings import REGULAR
from .parameters import bad, missing
from .quirks import Quirks

UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_REMINDER = "Event reminder no. "
_FOLLOW_UP: Final = ("Gift guide", "Giving week")  # to the same list a week later


class Activity(NamedTuple):
    """One activity of a campaign; `mail` is its position in the account's campaign table."""

    id: str
    role: Literal["primary_email", "permalink", "resend"]
    mail: int


class Directory:
    """Finds things by their v3 ids.

    The account's table has a line for each mailing. v2 calls each one a campaign; in v3 a second mailing is an
    activity of the first one's campaign.
    """

    def __init__(self, account: Account, quirks: Quirks) -> None:
        self._account, self._quirks = account, quirks
        self.first = _firsts(account)

    @cached_property
    def contacts(self) -> list[str]:
        """Id of each contact, and at the end of the one without an address, if there is one."""
        further = ["sms"] if self._quirks.sms_only_contact else []
        return [self._account.uuid("contact", id_) for id_ in (*self._account.contacts.ids, *further)]

    @cached_property
    def lists(self) -> list[str]:
        """Id of each list."""
        return [self._account.uuid("list", id_) for id_ in self._account.lists.ids]

    @cached_property
    def campaigns(self) -> list[str]:
        """Id of the campaign to which each mailing belongs."""
        ids = self._account.campaigns.ids
        return [self._account.uuid("campaign", ids[first]) for first in self.first]

    @cached_property
    def mails(self) -> list[str]:
        """Id of the activity that each mailing is."""
        return [self._account.uuid("activity", id_) for id_ in self._account.campaigns.ids]

    @cached_property
    def urls(self) -> list[str]:
        """Id of each link; links of one mailing with the same address share the first one's."""
        links, ids, seen = self._account.links, [], dict[tuple[int, str], str]()
        for id_, url, mail in zip(links.ids, links.url, links.campaign.tolist(), strict=True):
            ids.append(seen.setdefault((mail, url), f"1100{id_:0>15}" if self._quirks.long_url_ids else id_))
        return ids

    def mailings(self, campaign: int) -> list[int]:
        """Give the mailings of a campaign: the first one and those sent again."""
        return self._mailings[campaign]

    @cached_property
    def _mailings(self) -> dict[int, list[int]]:
        groups: dict[int, list[int]] = {}
        for at, first in enumerate(self.first):
            groups.setdefault(first, []).append(at)
        return groups

    @cached_property
    def firsts(self) -> list[int]:
        """Positions of the campaigns: the mailings that are not second ones."""
        return list(self._mailings)

    def activities(self, campaign: int) -> list[Activity]:
        """Give the activities of a campaign."""
        first, *others = self.mailings(campaign)
        permalink = self._account.uuid("permalink", self._account.campaigns.ids[first])
        return [
            Activity(permalink, "permalink", first),
            Activity(self.mails[first], "primary_email", first),
            *(Activity(self.mails[at], "resend", at) for at in others),
        ]

    def contact(self, id_: str) -> int:
        """Position of a contact."""
        return self._found(self._contact_at, id_, "contact")

    def list_(self, id_: str) -> int:
        """Position of a list."""
        return self._found(self._list_at, id_, "list")

    def campaign(self, id_: str) -> int:
        """Position of a campaign."""
        return self._found(self._campaign_at, id_, "campaign")

    def activity(self, id_: str) -> Activity:
        """Look up an activity."""
        text = _canonical(id_, "activity")
        if text not in self._activity_at:
            raise missing("activity")
        return self._activity_at[text]

    @cached_property
    def _contact_at(self) -> dict[str, int]:
        return {id_: at for at, id_ in enumerate(self.contacts)}

    @cached_property
    def _list_at(self) -> dict[str, int]:
        return {id_: at for at, id_ in enumerate(self.lists)}

    @cached_property
    def _campaign_at(self) -> dict[str, int]:
        return {self.campaigns[at]: at for at in self.firsts}

    @cached_property
    def _activity_at(self) -> dict[str, Activity]:
        return {activity.id: activity for at in self.firsts for activity in self.activities(at)}

    def _found(self, positions: dict[str, int], id_: str, what: str) -> int:
        text = _canonical(id_, what)
        if text not in positions:
            raise missing(what)
        return positions[text]


def _canonical(id_: str, what: str) -> str:
    if not UUID.fullmatch(id_.lower()):
        raise bad(f"{what}_id")
    return id_.lower()


def _firsts(account: Account) -> list[int]:
    """Give for each mailing the one of which it is a second mailing, else itself.

    The generator knows no resends. Mailings that read like one stand for them: one pair of the regular ones, and
    the reminders that larger accounts send in the same week.
    """
    names = account.campaigns.name
    firsts = list(range(len(names)))
    if set(_FOLLOW_UP) <= set(names):
        firsts[names.index(_FOLLOW_UP[1])] = names.index(_FOLLOW_UP[0])
    for at, name in enumerate(names):
        if name.startswith(_REMINDER):
            firsts[at] = firsts[at % REGULAR]
    return firsts
