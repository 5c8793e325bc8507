"""Event rows as v3 lists them: by contact and by activity, newest first."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np

from .account import BOUNCE_CODES, KINDS, REASONS, Account
from .clock import Ints
from .quirks import Quirks
from .v2_rows import EventBook, iso
from .v3_ids import Directory

TYPES: Final = dict(
    zip(("em_sends", "em_opens", "em_clicks", "em_forwards", "em_bounces", "em_optouts"), KINDS, strict=True)
)
"""Kind of event by type."""
OTHER_TYPES: Final = ("p_contact_open", "p_contact_click", "p_contact_add", "p_contact_update")
"""Types of landing pages, of which the account has none."""
REPORTS: Final = {
    "sends": "em_sends",
    "opens": "em_opens",
    "unique_opens": "em_opens",
    "didnotopens": "em_didnotopens",
    "clicks": "em_clicks",
    "forwards": "em_forwards",
    "optouts": "em_optouts",
    "bounces": "em_bounces",
}
"""Type of the rows of each report of an activity."""
DEVICES: Final = ("computer", "mobile", "tablet", "other", "none")
_NONE = len(DEVICES) - 1


class Rows(NamedTuple):
    """The rows of one report in listing order: kind (in `KINDS`) and position among the events of that kind."""

    kind: Ints
    number: Ints

    def between(self, start: int, end: int) -> "Rows":
        """Give a page of them."""
        return Rows(self.kind[start:end], self.number[start:end])


class TrackingBook:
    """Finds and writes the rows of the tracking reports."""

    def __init__(
        self, account: Account, quirks: Quirks, directory: Directory, book: EventBook, deleted_on: Sequence[str]
    ) -> None:
        self._account, self._quirks, self._directory, self._book = account, quirks, directory, book
        self._deleted_on = deleted_on
        self.of_contact = lru_cache(maxsize=16)(self._of_contact)
        self.of_mail = lru_cache(maxsize=16)(self._of_mail)

    def _of_contact(self, contact: int, types: tuple[str, ...]) -> Rows:
        """Rows of all mailings to a contact, of the types asked for."""
        known = contact < len(self._account.contacts)
        kinds = [TYPES[type_] for type_ in TYPES if type_ in types and known]
        found = [self._book.listed(kind, "contact", contact) for kind in kinds]
        rows = Rows(
            np.repeat(np.array([KINDS.index(kind) for kind in kinds], dtype=np.int64), [len(part) for part in found]),
            np.concatenate([np.zeros(0, np.int64), *found]),
        )
        times = [self._account.events(kind).time[part] for kind, part in zip(kinds, found, strict=True)]
        order = np.argsort(-np.concatenate([np.zeros(0, np.int64), *times]), kind="stable")
        return Rows(rows.kind[order], rows.number[order])

    def _of_mail(self, mail: int, report: str, only: tuple[str, ...]) -> Rows:
        """Rows of one activity; `only` keeps clicks of these link ids or bounces of these codes, if any is given."""
        kind = "sends" if report == "didnotopens" else TYPES[REPORTS[report]]
        numbers = self._book.listed(kind, "campaign", mail)
        who = self._account.events(kind).contact[numbers]
        if report == "unique_opens":
            numbers = numbers[np.sort(np.unique(who, return_index=True)[1])]  # the first of each is its newest
        elif report == "didnotopens":
            opened = self._account.opens.contact[self._book.numbers("opens", "campaign", mail)]
            numbers = numbers[~np.isin(who, opened)]
        if only:
            label = self._url_id if report == "clicks" else self.bounce_code
            numbers = numbers[np.array([label(number) in only for number in numbers.tolist()], dtype=bool)]
        return Rows(np.full(len(numbers), KINDS.index(kind)), numbers)

    def bounce_code(self, number: int) -> str:
        """Code of a bounce as it is served."""
        code = BOUNCE_CODES[int(self._account.bounces.code[number])]
        unknown = self._quirks.unknown_bounce_code
        return unknown if code == "X" and unknown is not None and number % 2 == 0 else code

    def _url_id(self, number: int) -> str:
        return self._directory.urls[int(self._account.clicks.link[number])]

    def contact_records(self, rows: Rows, *, names: bool) -> list[dict[str, object]]:
        """Rows of a contact's report: who, what, when, and the campaign's name if wanted."""
        types = list(TYPES)
        out = []
        for code, number, time in zip(rows.kind.tolist(), rows.number.tolist(), self._times(rows), strict=True):
            events = self._account.events(KINDS[code])
            mail = int(events.campaign[number])
            record: dict[str, object] = {
                "contact_id": self._directory.contacts[events.contact[number]],
                "campaign_activity_id": self._directory.mails[mail],
                "tracking_activity_type": types[code],
                "created_time": time,
            }
            if names:
                record["campaign_activity_name"] = self._account.campaigns.name[self._directory.first[mail]]
            out.append(record)
        return out

    def mail_records(self, rows: Rows, report: str) -> list[dict[str, object]]:
        """Rows of an activity's report."""
        people, more = self._account.contacts, self._more(rows, report)
        out = []
        for code, number, time in zip(rows.kind.tolist(), rows.number.tolist(), self._times(rows), strict=True):
            events = self._account.events(KINDS[code])
            contact, mail = int(events.contact[number]), int(events.campaign[number])
            record: dict[str, object] = {
                "contact_id": self._directory.contacts[contact],
                "campaign_activity_id": self._directory.mails[mail],
                "tracking_activity_type": REPORTS[report],
                "email_address": self._account.address(contact, mail),
                "first_name": people.first_name[contact],
                "last_name": people.last_name[contact],
                "created_time": time,
            }
            if self._deleted_on[contact]:
                record["deleted_at"] = self._deleted_on[contact]
            record.update(more(number))
            out.append(record)
        return out

    def _more(self, rows: Rows, report: str) -> Callable[[int], dict[str, object]]:
        """Give what the rows of a report have beyond those of the others."""
        account = self._account
        if report in ("opens", "unique_opens", "clicks"):
            kind = TYPES[REPORTS[report]]
            codes = dict(zip(rows.number.tolist(), self.devices(kind, rows.number).tolist(), strict=True))

            def acted(number: int) -> dict[str, object]:
                device: dict[str, object] = {"device_type": DEVICES[codes[number]]} if codes[number] != _NONE else {}
                if kind == "clicks":
                    device["url_id"] = self._url_id(number)
                    device["link_url"] = account.links.url[account.clicks.link[number]]
                return device

            return acted
        if report == "bounces":
            return lambda number: {
                "bounce_code": self.bounce_code(number),
                "current_email_address": account.contacts.email[account.bounces.contact[number]],
            }
        if report == "optouts":
            return lambda number: (
                {"opt_out_reason": reason} if (reason := REASONS[account.unsubscribes.reason[number]]) else {}
            )
        return lambda _: {}

    def _times(self, rows: Rows) -> list[str]:
        when = np.zeros(len(rows.number), dtype=np.int64)
        for code in np.unique(rows.kind).tolist():
            mine = rows.kind == code
            when[mine] = self._account.events(KINDS[code]).time[rows.number[mine]]
        return iso(when)

    def devices(self, kind: str, numbers: Ints) -> Ints:
        """Position in `DEVICES` for opens or clicks: people have one that they use, and now and then another.

        The generator knows nothing of devices; they follow from contact and time, so that nothing else changes.
        """
        events = self._account.events(kind)
        contact, time = events.contact[numbers], events.time[numbers]
        usual = contact * 2_654_435_761 // 65_536 % 100
        turn = (time // 7 + contact) % 25
        place = np.where(turn == 1, (usual + 40) % 100, usual)
        return np.where(turn == 0, _NONE, np.digitize(place, [46, 91, 96])).astype(np.int64)

    def link_counts(self, mail: int, *, unclicked: bool) -> list[dict[str, object]]:
        """Addresses of an activity, each once, with how many contacts clicked there."""
        links = self._account.links
        numbers = self._book.numbers("clicks", "campaign", mail)
        clicked: dict[str, set[int]] = {}
        for link, contact in zip(
            self._account.clicks.link[numbers].tolist(), self._account.clicks.contact[numbers].tolist(), strict=True
        ):
            clicked.setdefault(self._directory.urls[link], set()).add(contact)
        listed = {self._directory.urls[link]: links.url[link] for link in self._account.campaigns.links(mail)}
        return [
            {"link_url": url, "url_id": id_, "unique_clicks": len(clicked.get(id_, ()))}
            for id_, url in listed.items()
            if unclicked or id_ in clicked
        ]
