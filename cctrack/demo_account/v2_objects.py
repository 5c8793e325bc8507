"""The account's contacts, lists, campaigns and counts as v2 writes them."""

from typing import Final

import numpy as np

from .account import KINDS, Account
from .clock import DAY, NOW_MS, Ints
from .quirks import Quirks
from .v2_rows import EventBook, Level, iso

_CITIES: Final = (
    ("Boston", "Massachusetts", "MA", "02108"),
    ("Portland", "Maine", "ME", "04101"),
    ("Chicago", "Illinois", "IL", "60601"),
    ("Madison", "Wisconsin", "WI", "53703"),
    ("Oakland", "California", "CA", "94607"),
)
_COUNTS: Final = ("opens", "clicks", "forwards", "unsubscribes", "bounces")


class Objects:
    """Writes the account's tables as JSON-ready objects."""

    def __init__(self, account: Account, quirks: Quirks, book: EventBook) -> None:
        self._account, self._quirks, self._book = account, quirks, book
        self._recounted: set[int] = set()

    def contact(self, at: int, *, long_id: bool = False) -> dict[str, object]:
        """One contact, in full."""
        people = self._account.contacts
        id_, status = people.ids[at], people.status[at]
        confirmed = status != "UNCONFIRMED"
        created, modified = iso(np.array([people.created[at], people.modified[at]]))
        opted_out = int(people.opted_out[at])
        business = people.company_name[at] != ""
        out: dict[str, object] = {
            "id": id_,
            "status": status,
            "fax": "",
            "addresses": self._postal(at, business) if at % 3 == 0 else [],
            "notes": [],
            "confirmed": False,
            "lists": [
                {"id": self._account.lists.ids[k], "status": "ACTIVE"}
                for k in np.flatnonzero(people.on_list[:, at]).tolist()
            ],
            "source": "Site Owner" if at % 4 else "Website Sign-up Form",
            "source_details": "",
            "email_addresses": [
                {
                    "id": self._account.uuid("email_address", id_),
                    "status": status,
                    "confirm_status": "NO_CONFIRMATION_REQUIRED" if confirmed else "UNCONFIRMED",
                    "opt_in_source": "ACTION_BY_OWNER" if at % 4 else "ACTION_BY_VISITOR",
                    "opt_in_date": created,
                    "opt_out_date": iso(np.array([opted_out]))[0] if opted_out else self._quirks.opt_out_sentinel,
                    "email_address": people.email[at],
                }
            ],
            "prefix_name": "",
            "first_name": people.first_name[at],
            "middle_name": "",
            "last_name": people.last_name[at],
            "job_title": people.job_title[at],
            "company_name": people.company_name[at],
            "home_phone": "",
            "work_phone": f"(555) 555-01{at % 100:02d}" if business else "",
            "cell_phone": "",
            "custom_fields": [{"name": "CustomField1", "label": "Joined at", "value": "Fair"}] if at % 7 == 0 else [],
            "created_date": created,
            "modified_date": modified,
        }
        if long_id:
            out["contact_id"] = self._account.uuid("contact", id_)
        return out

    def _postal(self, at: int, business: bool) -> list[dict[str, object]]:
        city, state, code, postal = _CITIES[at % len(_CITIES)]
        return [
            {
                "id": self._account.uuid("address", self._account.contacts.ids[at]),
                "address_type": "BUSINESS" if business else "PERSONAL",
                "line1": f"{1 + at % 250} Example Street",
                "line2": "",
                "line3": "",
                "city": city,
                "state": state,
                "state_code": code,
                "country_code": "us",
                "postal_code": postal,
                "sub_postal_code": "",
            }
        ]

    def list_(self, at: int) -> dict[str, object]:
        """One contact list."""
        lists = self._account.lists
        created, modified = iso(np.array([lists.created[at], lists.modified[at]]))
        return {
            "id": lists.ids[at],
            "name": lists.name[at],
            "status": lists.status[at],
            "contact_count": int(self._account.contacts.on_list[at].sum()),
            "created_date": created,
            "modified_date": modified,
        }

    def campaign_line(self, at: int) -> dict[str, object]:
        """One row of the campaign collection: four fields and no more."""
        table = self._account.campaigns
        return {
            "id": table.ids[at],
            "name": table.name[at],
            "status": table.status[at],
            "modified_date": iso(table.modified[at : at + 1])[0],
        }

    def campaign(self, at: int, *, recount: bool) -> dict[str, object]:
        """One campaign, in full; drafts lack what only a sent mail has."""
        table, links = self._account.campaigns, self._account.links
        status = table.status[at]
        created, modified = iso(np.array([table.created[at], table.modified[at]]))
        out: dict[str, object] = {
            "id": table.ids[at],
            "name": table.name[at],
            "subject": table.subject[at],
            "status": status,
            "from_name": "The Good Yard",
            "from_email": "hello@goodyard.example.org",
            "reply_to_email": "hello@goodyard.example.org",
            "template_type": "CUSTOM",
            "created_date": created,
            "modified_date": modified,
            "is_permission_reminder_enabled": False,
            "permission_reminder_text": "",
            "is_view_as_webpage_enabled": True,
            "view_as_web_page_text": "Having trouble viewing this email?",
            "view_as_web_page_link_text": "Click here",
            "greeting_salutations": "Dear",
            "greeting_name": "FIRST_NAME",
            "greeting_string": "Dear friend",
            "email_content": f"<html><body><h1>{table.name[at]}</h1></body></html>",
            "text_content": f"<text>{table.name[at]}</text>",
            "email_content_format": "HTML",
            "style_sheet": "",
            "message_footer": {
                "organization_name": "The Good Yard",
                "address_line_1": "1 Example Street",
                "address_line_2": "",
                "address_line_3": "",
                "city": "Boston",
                "state": "MA",
                "international_state": "",
                "postal_code": "02108",
                "country": "US",
                "include_forward_email": True,
                "forward_email_link_text": "Forward this email",
                "include_subscribe_link": False,
                "subscribe_link_text": "",
            },
            "tracking_summary": self.campaign_counts(at, recount=recount),
        }
        if status == "SCHEDULED":
            out["next_run_date"] = iso(table.next_run[at : at + 1])[0]
        if status == "SENT":
            out["last_run_date"] = iso(table.sent[at : at + 1])[0]
            out["permalink_url"] = f"https://mail.example.net/view/{self._account.uuid('campaign', table.ids[at])}"
        if status != "DRAFT":
            out["sent_to_contact_lists"] = [{"id": self._account.lists.ids[k]} for k in table.lists[at]]
            span = table.links(at)
            clicked = self._account.clicks.link[self._book.numbers("clicks", "campaign", at)] - span.start
            counts = np.bincount(clicked, minlength=len(span)).tolist()
            out["click_through_details"] = [
                {"url": links.url[k], "url_uid": links.ids[k], "click_count": count}
                for k, count in zip(span, counts, strict=True)
            ]
        return out

    def campaign_counts(self, at: int, *, recount: bool) -> dict[str, int]:
        """Summary of a campaign: recipients, each counted once however often they acted."""
        if recount:
            self._recounted.add(at)
        stale = self._quirks.stale_summary and at not in self._recounted
        until = int(self._account.campaigns.sent[at]) + DAY if stale else NOW_MS
        counts = {}
        for kind in ("sends", *_COUNTS):
            numbers = self._book.numbers(kind, "campaign", at)
            events = self._account.events(kind)
            counts[kind] = len(np.unique(events.contact[numbers[events.time[numbers] <= until]]))
        counts["spam_count"] = int(self._account.campaigns.spam_count[at])
        return counts

    def contact_counts(self, at: int) -> dict[str, object]:
        """Summary of a contact: activities, each one counted."""
        counts: dict[str, object] = {k: len(self._book.numbers(k, "contact", at)) for k in ("sends", *_COUNTS)}
        counts["contact_id"] = self._account.contacts.ids[at]
        return counts

    def contact_by_campaign(self, at: int) -> list[dict[str, object]]:
        """Count by campaign sent to a contact, newest first; clicks are links clicked."""
        level: Level = "contact"
        numbers = {kind: self._book.numbers(kind, level, at) for kind in KINDS}
        campaigns = self._account.sends.campaign[numbers["sends"]]

        def count(kind: str, campaign: int) -> Ints:
            mine = numbers[kind]
            found: Ints = mine[self._account.events(kind).campaign[mine] == campaign]
            return found

        return [
            {
                "campaign_id": self._account.campaigns.ids[campaign],
                "contact_id": self._account.contacts.ids[at],
                "opens": len(count("opens", campaign)),
                "clicks": len(np.unique(self._account.clicks.link[count("clicks", campaign)])),
                "forwards": len(count("forwards", campaign)),
                "bounces": len(count("bounces", campaign)),
            }
            for campaign in campaigns.tolist()
        ]
