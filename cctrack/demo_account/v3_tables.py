"""The other paths of v3: contacts, lists, campaigns, the account, and what v2 called them."""

import re
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import numpy as np

from .account import Account
from .clock import DAY, NOW_MS, Bools
from .parameters import bad, instant_of, missing
from .quirks import Quirks
from .v3_ids import UUID, Directory
from .v3_mails import INCLUDES as MAIL_INCLUDES
from .v3_mails import Mails
from .v3_paging import asked, cut
from .v3_people import INCLUDES, STATUSES, People
from .v3_reports import Route
from .wire import Call, as_json

PRIVILEGES: Final = {
    1011: "account:read",
    1023: "contacts:read",
    1027: "contacts:lists:read",
    1042: "campaign:read",
    1051: "ui:campaign:metrics",
}
_SEGMENT: Final = 7
_MOST_LISTS: Final = 25
_DATES: Final = tuple(f"{what}_{side}" for what in ("created", "updated", "optout") for side in ("after", "before"))
_FILTERS: Final = ("email", "lists", "status", "segment_id", "tags", "include", "include_count", *_DATES)


class Tables:
    """Answers the calls about things that are no events."""

    def __init__(self, account: Account, quirks: Quirks, directory: Directory, people: People, mails: Mails) -> None:
        self._account, self._quirks, self._directory = account, quirks, directory
        self._people, self._mails = people, mails
        self._segment_asked = not quirks.segment_pending
        self._lock = threading.Lock()

    def routes(self) -> Iterable[Route]:
        """List the paths; those with a name in them come last."""
        yield Route("/contacts", self._contacts, "contact_data", "contacts:read")
        yield Route("/contacts/counts", self._counts, "contact_data", "contacts:read")
        yield Route("/contacts/contact_id_xrefs", self._contact_xrefs, "contact_data")
        yield Route("/contacts/{contact}", self._contact, "contact_data", "contacts:read")
        yield Route("/contact_lists", self._lists, "contact_data", "contacts:lists:read")
        yield Route("/contact_lists/list_id_xrefs", self._list_xrefs, "contact_data")
        yield Route("/contact_lists/{list}", self._list, "contact_data", "contacts:lists:read")
        yield Route("/contact_tags", lambda call, ids: {"tags": []}, "contact_data")
        yield Route("/segments", self._segments, "contact_data")
        yield Route("/emails", self._emails, "campaign_data", "campaign:read")
        yield Route("/emails/campaign_id_xrefs", self._campaign_xrefs, "campaign_data")
        yield Route("/emails/activities/{activity}", self._activity, "campaign_data", "campaign:read")
        yield Route("/emails/activities/{activity}/send_history", self._history, "campaign_data", "campaign:read")
        yield Route("/emails/{campaign}", self._email, "campaign_data", "campaign:read")
        yield Route("/account/summary", self._summary, "account_read", "account:read")
        yield Route("/account/user/privileges", self._privileges, None)

    # contacts

    def _contacts(self, call: Call, ids: dict[str, str]) -> object:
        given = {name: call.query[name] for name in _FILTERS if name in call.query}
        span = asked(call, given, 50, 500, "cursor")
        include = _included(span.fields.get("include"), INCLUDES)
        if "segment_id" in span.fields:
            if len(span.fields) > 1:  # goes with `limit` alone
                raise bad("segment_id")
            if not self._segment_ready():
                return as_json(202, {"contacts": [], "status": "processing"})
        chosen = np.flatnonzero(self._chosen(span.fields))
        page = cut(span, len(chosen), self._quirks)
        rows = [self._people.contact(at, include) for at in chosen[page.start : page.end].tolist()]
        count = {"contacts_count": len(chosen)} if span.fields.get("include_count", "").lower() == "true" else {}
        return {"contacts": rows, **count, **page.links}

    def _chosen(self, fields: Mapping[str, str]) -> Bools:
        """Tell of each contact, and of the one without an address, whether the filters let it pass."""
        people, account = self._people, self._account.contacts
        statuses = set(fields.get("status", "active,not_set,pending_confirmation,temp_hold,unsubscribed").split(","))
        if not statuses <= set(STATUSES):
            raise bad("status")
        chosen: Bools = np.isin(people.status, STATUSES if "all" in statuses else list(statuses))
        if "email" in fields:
            chosen &= np.array([address.lower() == fields["email"].lower() for address in account.email], dtype=bool)
        if "lists" in fields:
            chosen &= self._on_lists(fields["lists"])
        if "tags" in fields:
            chosen[:] = False  # the account has none
        if "segment_id" in fields:
            chosen &= self._in_segment(fields["segment_id"])
        times = {"created": account.created, "updated": account.modified, "optout": account.opted_out}
        for name in _DATES:
            if name in fields:
                when, (what, side) = instant_of(fields[name], name), name.split("_")
                beyond: Bools = (np.greater if side == "after" else np.less)(times[what], when)
                chosen &= beyond & (times[what] > 0)
        if not self._quirks.sms_only_contact:
            return chosen
        plain = not set(fields) - {"include", "include_count", "status"} and bool(statuses & {"all", "not_set"})
        return np.append(chosen, plain)

    def _on_lists(self, text: str) -> Bools:
        wanted = text.split(",")
        if len(wanted) > _MOST_LISTS or not all(UUID.fullmatch(id_.lower()) for id_ in wanted):
            raise bad("lists")
        at = [place for place, id_ in enumerate(self._directory.lists) if id_ in {one.lower() for one in wanted}]
        on: Bools = np.logical_or.reduce(self._account.contacts.on_list[at])
        return on

    def _segment_ready(self) -> bool:
        with self._lock:
            ready, self._segment_asked = self._segment_asked, True
        return ready

    def _in_segment(self, text: str) -> Bools:
        """Tell who opened in the last 90 days, which is the one segment that the account has."""
        if not re.fullmatch(r"[0-9]{1,9}", text):
            raise bad("segment_id")
        if int(text) != _SEGMENT:
            raise missing("segment")
        opens = self._account.opens
        members = np.zeros(len(self._account.contacts), dtype=bool)
        members[opens.contact[opens.time > NOW_MS - 90 * DAY]] = True
        return members

    def _contact(self, call: Call, ids: dict[str, str]) -> object:
        include = _included(call.query.get("include"), INCLUDES)
        return self._people.contact(self._directory.contact(ids["contact"]), include)

    def _counts(self, call: Call, ids: dict[str, str]) -> object:
        status = self._people.status
        active = status == "active"
        explicit = active & (np.arange(len(status)) % 4 == 0)
        return {
            "total": int((status != "deleted").sum()),
            "explicit": int(explicit.sum()),
            "implicit": int((active & ~explicit).sum()),
            "pending": int((status == "pending_confirmation").sum()),
            "unsubscribed": int((status == "unsubscribed").sum()),
        }

    # lists, tags, segments

    def _lists(self, call: Call, ids: dict[str, str]) -> object:
        names = ("name", "status", "include_count", "include_membership_count", "channel_type")
        span = asked(call, {name: call.query[name] for name in names if name in call.query}, 50, 1000, "cursor")
        fields = span.fields
        counted = fields.get("include_membership_count")
        if counted not in (None, "all", "active"):
            raise bad("include_membership_count")
        if fields.get("status", "active") not in ("active", "deleted", "all"):
            raise bad("status")
        lists = range(len(self._account.lists))
        if fields.get("status") == "deleted" or fields.get("channel_type", "email") != "email":
            lists = range(0)
        chosen = [at for at in lists if fields.get("name") in (None, self._account.lists.name[at])]
        page = cut(span, len(chosen), self._quirks)
        rows = [self._people.list_(at, counted) for at in chosen[page.start : page.end]]
        count = {"lists_count": len(chosen)} if fields.get("include_count", "").lower() == "true" else {}
        return {"lists": rows, **count, **page.links}

    def _list(self, call: Call, ids: dict[str, str]) -> object:
        return self._people.list_(self._directory.list_(ids["list"]), call.query.get("include_membership_count"))

    def _segments(self, call: Call, ids: dict[str, str]) -> object:
        made = self._people.list_(0, None)["created_at"]
        segment = {"segment_id": _SEGMENT, "name": "Opened in 90 days", "created_at": made, "edited_at": made}
        return {"segments": [segment]}

    # campaigns

    def _emails(self, call: Call, ids: dict[str, str]) -> object:
        given = {name: call.query[name] for name in ("after_date", "before_date") if name in call.query}
        span = asked(call, given, 50, 500)
        after, before = (
            instant_of(span.fields[name], name) if name in span.fields else None
            for name in ("after_date", "before_date")
        )
        campaigns = self._mails.listed(after, before)
        page = cut(span, len(campaigns), self._quirks)
        return {"campaigns": [self._mails.campaign_line(at) for at in campaigns[page.start : page.end]], **page.links}

    def _email(self, call: Call, ids: dict[str, str]) -> object:
        return self._mails.campaign(self._directory.campaign(ids["campaign"]))

    def _activity(self, call: Call, ids: dict[str, str]) -> object:
        include = _included(call.query.get("include"), MAIL_INCLUDES)
        return self._mails.activity(self._directory.activity(ids["activity"]), include)

    def _history(self, call: Call, ids: dict[str, str]) -> object:
        return self._mails.history(self._directory.activity(ids["activity"]))

    # the account

    def _summary(self, call: Call, ids: dict[str, str]) -> object:
        extra = _included(call.query.get("extra_fields"), ("physical_address", "company_logo"))
        parts: dict[str, object] = {
            "physical_address": {"address_line1": "1 Example Street", "city": "Boston", "state_code": "MA",
                                 "postal_code": "02108", "country_code": "US"},
            "company_logo": {"url": ""},
        }  # fmt: skip
        return {
            "encoded_account_id": self._account.uuid("account", repr(self._account))[:13].replace("-", ""),
            "organization_name": "The Good Yard",
            "first_name": "Robin",
            "last_name": "Yard",
            "contact_email": "hello@goodyard.example.org",
            "country_code": "US",
            "state_code": "MA",
            "time_zone_id": "America/New_York",
            "website": "https://www.example.org",
            **{name: parts[name] for name in extra},
        }

    def _privileges(self, call: Call, ids: dict[str, str]) -> object:
        return [
            {"privilege_id": id_, "privilege_name": name}
            for id_, name in PRIVILEGES.items()
            if name not in self._quirks.privileges_missing
        ]

    # what v2 called them

    def _contact_xrefs(self, call: Call, ids: dict[str, str]) -> object:
        at = self._account.contact_at
        return _xrefs(call, "sequence_ids", 500, at, "contact_id", lambda place: self._directory.contacts[place])

    def _list_xrefs(self, call: Call, ids: dict[str, str]) -> object:
        at = self._account.list_at
        return _xrefs(call, "sequence_ids", 500, at, "list_id", lambda place: self._directory.lists[place])

    def _campaign_xrefs(self, call: Call, ids: dict[str, str]) -> object:
        wanted = _sequence(call, "v2_email_campaign_ids", 50)
        found = [(id_, self._account.campaign_at[id_]) for id_ in wanted if id_ in self._account.campaign_at]
        return {
            "xrefs": [
                {
                    "v2_email_campaign_id": id_,
                    "campaign_id": self._directory.campaigns[at],
                    "campaign_activity_id": self._directory.mails[at],
                }
                for id_, at in found
            ]
        }


def _xrefs(
    call: Call, parameter: str, most: int, positions: dict[str, int], name: str, long_id: Callable[[int], str]
) -> object:
    """Answer with the pairs that exist, by their number, which is written with ten digits."""
    wanted = sorted({int(text) for text in _sequence(call, parameter, most)})
    found = [(number, positions[str(number)]) for number in wanted if str(number) in positions]
    return {"xrefs": [{"sequence_id": f"{number:010}", name: long_id(at)} for number, at in found]}


def _sequence(call: Call, parameter: str, most: int) -> list[str]:
    numbers = list(dict.fromkeys(call.query.get(parameter, "").split(",")))
    if len(numbers) > most or not all(re.fullmatch(r"[0-9]{1,18}", number) for number in numbers):
        raise bad(parameter)
    return numbers


def _included(text: str | None, known: Iterable[str]) -> list[str]:
    """Read the names of further parts, with commas between them."""
    names = text.split(",") if text else []
    if not set(names) <= set(known):
        raise bad("include")
    return names
