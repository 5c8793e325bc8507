"""Campaigns and their activities as v3 writes them."""

from collections.abc import Collection
from typing import Final

from .account import Account
from .clock import NEVER
from .parameters import missing
from .v2_rows import EventBook, iso
from .v3_ids import Activity, Directory

INCLUDES: Final = ("physical_address_in_footer", "permalink_url", "html_content", "document_properties")
_STATUS: Final = {"SENT": "Done", "DRAFT": "Draft", "SCHEDULED": "Scheduled", "DELETED": "Removed"}
_NEWSLETTER: Final = 10


class Mails:
    """Writes campaigns and activities as JSON-ready objects."""

    def __init__(self, account: Account, directory: Directory, book: EventBook) -> None:
        self._account, self._directory, self._book = account, directory, book

    def listed(self, after: int | None, before: int | None) -> list[int]:
        """Campaigns changed between two instants, the latest change first, those removed included."""
        changed = {at: self.updated(at) for at in self._directory.firsts}
        inside = [at for at, when in changed.items() if (after or 0) <= when <= (NEVER if before is None else before)]
        return sorted(inside, key=lambda at: -changed[at])

    def updated(self, campaign: int) -> int:
        """Instant of a campaign's last change, that of its resends included."""
        return int(self._account.campaigns.modified[self._directory.mailings(campaign)].max())

    def campaign_line(self, at: int) -> dict[str, object]:
        """One row of the campaign collection, without activities."""
        table = self._account.campaigns
        created, updated = self._dates(at)
        return {
            "campaign_id": self._directory.campaigns[at],
            "name": table.name[at],
            "current_status": _STATUS[table.status[at]],
            "type": "NEWSLETTER",
            "type_code": _NEWSLETTER,
            "created_at": created,
            "updated_at": updated,
        }

    def _dates(self, at: int) -> tuple[str, str]:
        created, updated = iso([int(self._account.campaigns.created[at]), self.updated(at)])
        return created, updated

    def campaign(self, at: int) -> dict[str, object]:
        """One campaign with its activities."""
        activities = [
            {"campaign_activity_id": activity.id, "role": activity.role} for activity in self._directory.activities(at)
        ]
        return {**self.campaign_line(at), "campaign_activities": activities}

    def activity(self, of: Activity, include: Collection[str]) -> dict[str, object]:
        """One activity; those of removed campaigns cannot be read."""
        table = self._account.campaigns
        if table.status[of.mail] == "DELETED":
            raise missing("activity")
        name = table.name[of.mail]
        parts = {
            "physical_address_in_footer": {
                "organization_name": "The Good Yard",
                "address_line1": "1 Example Street",
                "city": "Boston",
                "state_code": "MA",
                "postal_code": "02108",
                "country_code": "US",
            },
            "permalink_url": f"https://mail.example.net/view/{self._directory.campaigns[of.mail]}",
            "html_content": f"<html><body><h1>{name}</h1></body></html>",
            "document_properties": {"text_content": f"<text>{name}</text>"},
        }
        return {
            "campaign_activity_id": of.id,
            "campaign_id": self._directory.campaigns[of.mail],
            "role": of.role,
            "current_status": _STATUS[table.status[of.mail]].upper(),
            "format_type": 5,
            "from_name": "The Good Yard",
            "from_email": "hello@goodyard.example.org",
            "reply_to_email": "hello@goodyard.example.org",
            "subject": table.subject[of.mail],
            "preheader": "",
            "contact_list_ids": self._lists(of) if of.role != "permalink" else [],
            "segment_ids": [],
            **{part: parts[part] for part in INCLUDES if part in include},
        }

    def history(self, of: Activity) -> list[dict[str, object]]:
        """Give the sends of an activity, oldest first: one, for those that were sent."""
        table = self._account.campaigns
        if table.status[of.mail] == "DELETED":
            raise missing("activity")
        if table.status[of.mail] != "SENT" or of.role == "permalink":
            return []
        return [
            {
                "send_id": 1,
                "run_date": iso(table.sent[of.mail : of.mail + 1])[0],
                "count": len(self._book.numbers("sends", "campaign", of.mail)),
                "contact_list_ids": self._lists(of),
                "segment_ids": [],
                "send_status": "COMPLETED",
                "reason_code": 0,
            }
        ]

    def _lists(self, of: Activity) -> list[str]:
        return [self._directory.lists[k] for k in self._account.campaigns.lists[of.mail]]
