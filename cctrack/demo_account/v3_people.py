"""Contacts and lists as v3 writes them."""

from collections.abc import Collection
from typing import Final

import numpy as np

from .account import REASONS, SOURCES, Account
from .clock import DAY, NOW_MS, Bools, Ints
from .quirks import Quirks
from .v2_objects import Objects
from .v3_ids import Directory

INCLUDES: Final = ("custom_fields", "list_memberships", "phone_numbers", "street_addresses", "taggings", "notes")
STATUSES: Final = ("all", "active", "deleted", "not_set", "pending_confirmation", "temp_hold", "unsubscribed")
_STATUS: Final = {"ACTIVE": "active", "UNCONFIRMED": "pending_confirmation", "OPTOUT": "unsubscribed"}


class People:
    """Writes contacts and lists as JSON-ready objects.

    Attributes
    ----------
    deleted : Ints
        When each contact was deleted, 0 for those who are still there.
    status : array of str
        Standing of each contact, one of `STATUSES`.
    """

    def __init__(self, account: Account, quirks: Quirks, directory: Directory, objects: Objects) -> None:
        self._account, self._directory, self._objects = account, directory, objects
        people = account.contacts
        status = np.array(people.status)
        self.deleted: Ints = np.where(status == "REMOVED", people.modified, 0)
        if quirks.deleted_contacts:
            gone = np.flatnonzero(status == "OPTOUT")[::2]
            self.deleted[gone] = np.minimum(people.opted_out[gone] + DAY, NOW_MS)
        standing = np.array([_STATUS.get(each, "active") for each in people.status])
        self.status = np.where(self.deleted > 0, "deleted", standing)
        events = account.unsubscribes
        self._left_by = dict(zip(events.contact.tolist(), range(len(events)), strict=True))

    def deleted_on(self) -> list[str]:
        """Give the date on which each contact was deleted, empty for those who are still there."""
        dates = np.datetime_as_string(self.deleted.astype("datetime64[ms]"), unit="D").tolist()
        return [date if when else "" for date, when in zip(dates, self.deleted.tolist(), strict=True)]

    def contact(self, at: int, include: Collection[str] = ()) -> dict[str, object]:
        """One contact; the one beyond the last has a telephone only."""
        people = self._account.contacts
        if at == len(people):
            return self._telephone_only(include)
        out: dict[str, object] = {
            "contact_id": self._directory.contacts[at],
            "email_address": self._address(at),
            "first_name": people.first_name[at],
            "last_name": people.last_name[at],
            "job_title": people.job_title[at],
            "company_name": people.company_name[at],
            "create_source": "Account" if at % 4 else "Contact",
            "created_at": _second(people.created[at]),
            "updated_at": _second(people.modified[at]),
        }
        if self.deleted[at]:
            out["deleted_at"] = _second(self.deleted[at])
        return {**out, **self._included(at, include)} if include else out

    def _address(self, at: int) -> dict[str, object]:
        people, status = self._account.contacts, self._account.contacts.status[at]
        permissions = {"OPTOUT": "unsubscribed", "UNCONFIRMED": "pending_confirmation"}
        created = _second(people.created[at])
        out: dict[str, object] = {
            "address": people.email[at],
            "permission_to_send": permissions.get(status, "implicit" if at % 4 else "explicit"),
            "created_at": created,
            "updated_at": _second(people.modified[at]),
            "opt_in_source": "Account" if at % 4 else "Contact",
            "opt_in_date": created,
            "confirm_status": "pending" if status == "UNCONFIRMED" else "off",
        }
        if at in self._left_by:
            number, events = self._left_by[at], self._account.unsubscribes
            by_owner = SOURCES[events.source[number]] == "ACTION_BY_OWNER"
            out["opt_out_source"] = "Account" if by_owner else "Contact"
            out["opt_out_date"] = _second(people.opted_out[at])
            if reason := REASONS[events.reason[number]]:
                out["opt_out_reason"] = reason
        return out

    def _included(self, at: int, include: Collection[str]) -> dict[str, object]:
        """Parts of a contact that are given when asked for."""
        people, older = self._account.contacts, self._objects.contact(at)
        postal = older["addresses"]
        phone = {
            "phone_number_id": self._account.uuid("phone", people.ids[at]),
            "phone_number": older["work_phone"],
            "kind": "work",
        }
        parts: dict[str, object] = {
            "custom_fields": (
                [{"custom_field_id": self._account.uuid("custom_field", "1"), "value": "Fair"}] if at % 7 == 0 else []
            ),
            "list_memberships": [self._directory.lists[k] for k in np.flatnonzero(people.on_list[:, at]).tolist()],
            "phone_numbers": [phone] if older["work_phone"] else [],
            "street_addresses": [
                {
                    "street_address_id": line["id"],
                    "kind": "work" if line["address_type"] == "BUSINESS" else "home",
                    "street": line["line1"],
                    "city": line["city"],
                    "state": line["state"],
                    "postal_code": line["postal_code"],
                    "country": "United States",
                }
                for line in postal  # type: ignore[attr-defined]
            ],
            "taggings": [],
            "notes": [],
        }
        return {name: parts[name] for name in INCLUDES if name in include}

    def _telephone_only(self, include: Collection[str]) -> dict[str, object]:
        """One who gave no address, only a number for text messages."""
        out: dict[str, object] = {
            "contact_id": self._directory.contacts[-1],
            "first_name": "Sam",
            "last_name": "Stone",
            "create_source": "Contact",
            "created_at": _second(NOW_MS - 9 * DAY),
            "updated_at": _second(NOW_MS - 9 * DAY),
            "sms_channel": {"full_sms_address": "+15555550123", "sms_consent": "explicit"},
        }
        return {**out, **{name: [] for name in INCLUDES if name in include}}

    def list_(self, at: int, counted: str | None) -> dict[str, object]:
        """One list; `counted` gives it a number of members, "all" or those who may be mailed."""
        lists = self._account.lists
        out: dict[str, object] = {
            "list_id": self._directory.lists[at],
            "name": lists.name[at],
            "description": "",
            "favorite": at == 0,
            "created_at": _second(lists.created[at]),
            "updated_at": _second(lists.modified[at]),
        }
        if counted is not None:
            members = self.members(at)
            if counted == "active":
                members = members & (self.status == "active")
            out["membership_count"] = int(members.sum())
        return out

    def members(self, at: int) -> Bools:
        """Tell of each contact whether it is on a list."""
        on: Bools = self._account.contacts.on_list[at]
        return on


def _second(when: int | np.int64) -> str:
    """Write an instant as the contact pages do: without a fraction."""
    return f"{np.datetime_as_string(np.datetime64(int(when), 'ms'), unit='s')}Z"
