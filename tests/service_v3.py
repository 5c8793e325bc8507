"""The small account of `service` as the v3 API shows it: the same truth, other ids, paths, pages and names.

Written after the vendor's published description of the API, and knows nothing of the library under test.
"""

import base64
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from service import (
    DATE_FIELDS,
    KINDS,
    Account,
    Answer,
    Request,
    Row,
    Service,
    _account_events,
    link,
    moment,
    row_moment,
)

SUMMARY = {"encoded_account_id": "p07e1l0gsn4q", "organization_name": "Example Shop", "time_zone_id": "US/Eastern"}
_WIRE = {
    "sends": "em_sends",
    "opens": "em_opens",
    "clicks": "em_clicks",
    "forwards": "em_forwards",
    "bounces": "em_bounces",
    "unsubscribes": "em_optouts",
}
_SUFFIX = {"unsubscribes": "optouts"}
_ENDS: dict[str, Callable[[Row], Row]] = {
    "absent": lambda body: body,
    "empty": lambda body: {**body, "_links": {}},
    "null": lambda body: {**body, "_links": None},
    "null_next": lambda body: {**body, "_links": {"next": None}},
    "null_href": lambda body: {**body, "_links": {"next": {"href": None}}},
}


def uid(kind: str, ident: Any) -> str:
    """Give the long id of a thing."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, f"{kind}/{ident}"))


def url_id(link_id: Any) -> str:
    """Give the id of a link, of 19 digits as in the vendor's sample."""
    return f"1100{int(link_id):015d}"


@dataclass
class Pages:
    """The rows of one path, page by page; the token holds an offset and the page size."""

    path: str
    rows: Sequence[Row]
    envelope: str = "tracking_activities"
    maximum: int = 500
    page_size: int | None = None
    end: str = "absent"
    name: str = "next"
    where: Callable[[Row, Mapping[str, str]], bool] = lambda row, asked: True
    fixed: int | None = None  # a page size that nobody can choose
    more: Row = field(default_factory=dict)

    def __call__(self, request: Request) -> Answer:
        """Answer one request for a page."""
        asked = {name: values[0] for name, values in request.query.items()}
        state = dict(parse_qsl(base64.urlsafe_b64decode(asked[self.name]).decode())) if self.name in asked else asked
        limit = self.fixed or int(state.get("limit", self.maximum))
        if not 1 <= limit <= self.maximum:
            return fault(400, "reportingsvc.bad_request", f"limit must be 1 to {self.maximum}")
        start, size = int(state.get("o", 0)), min(limit, self.page_size or limit)
        rows = [row for row in self.rows if self.where(row, state)]
        body: Row = {**self.more, self.envelope: rows[start : start + size]}
        if start + size >= len(rows):
            return Answer.json(_ENDS[self.end](body))
        kept = {name: value for name, value in state.items() if name not in ("limit", "o")}
        token = base64.urlsafe_b64encode(urlencode({**kept, "limit": limit, "o": start + size}).encode()).decode()
        return Answer.json({**body, "_links": {"next": {"href": f"{self.path}?{self.name}={quote(token, safe='')}"}}})


def fault(status: int, key: str, message: str = "") -> Answer:
    """Answer with an error as most of the API does."""
    return Answer.json([{"error_key": key, "error_message": message or key}], status)


@dataclass(frozen=True)
class AccountV3(Account):
    """The truth as v3 names it; `plain` is the account as v2 does."""

    plain: Account = field(default_factory=Account)


def event(row: Row, *, of_contact: bool) -> Row:
    """Show an event: a contact's report tells far less than a mail's."""
    kind = next(name for name, value in KINDS.items() if value == row["activity_type"])
    contact, campaign = str(row["contact_id"]), str(row["campaign_id"])
    made: Row = {
        "contact_id": uid("contact", contact),
        "campaign_activity_id": uid("activity", campaign),
        "tracking_activity_type": _WIRE[kind],
        "created_time": row[DATE_FIELDS[row["activity_type"]]],
    }
    if of_contact:
        return made | {"campaign_activity_name": f"Mail {campaign}"}
    made |= {"email_address": row["email_address"], "first_name": "Ada", "last_name": f"Person {contact}"}
    if kind in ("opens", "clicks"):
        made["device_type"] = "mobile"
    if kind == "clicks":
        made |= {"url_id": url_id(row["link_id"]), "link_url": row["link_uri"]}
    if kind == "bounces":
        made |= {"bounce_code": row["bounce_code"], "current_email_address": row["email_address"]}
    if row.get("unsubscribe_reason"):
        made["opt_out_reason"] = row["unsubscribe_reason"]
    return made


def account_v3(svc: Service, *, names: bool = True, **paging: Any) -> AccountV3:
    """Load the small account on every path of the v3 API that reports need; `paging` goes to every report of events."""
    plain = Account(
        links={
            Account.sent[1]: tuple(str(1100000000100 + n) for n in range(1, 13)),
            Account.sent[0]: ("1100000000113",),
        },
        events=_account_events(odd=False),
    )
    acc = AccountV3(
        contacts=tuple(uid("contact", one) for one in plain.contacts),
        quiet=uid("contact", plain.quiet),
        lists=tuple(uid("list", one) for one in plain.lists),
        members={uid("list", one): tuple(uid("contact", each) for each in plain.members[one]) for one in plain.lists},
        sent=tuple(uid("campaign", one) for one in plain.sent),
        draft=uid("campaign", plain.draft),
        links={uid("campaign", one): tuple(map(url_id, held)) for one, held in plain.links.items()},
        plain=plain,
    )
    svc.json("/v3/account/summary", SUMMARY)
    svc.json("/v3/account/user/privileges", [{"privilege_id": "ui:campaign:metrics", "privilege_name": "Metrics"}])
    _contacts(svc, plain, paging)
    _lists(svc, plain)
    _campaigns(svc, plain, paging)
    _stats(svc, plain)
    return acc


def people(plain: Account) -> list[Row]:
    """Make the contact objects."""
    words = {"36": "implicit", "37": "explicit", "41": "pending_confirmation"}
    changed = {"36": "2026-03-10T09:05:00Z", "37": "2026-02-02T09:00:00Z", "41": "2026-01-01T01:00:00+01:00"}
    return [
        {
            "contact_id": uid("contact", one),
            "email_address": {"address": f"person{one}@example.org", "permission_to_send": words[one]},
            "first_name": f"First {one}",
            "last_name": f"Last {one}",
            "company_name": "Example Ltd",
            "created_at": "2024-01-05T09:00:00Z",
            "updated_at": changed[one],
            "list_memberships": [uid("list", each) for each in plain.lists if one in plain.members[each]],
        }
        for one in plain.contacts
    ]


def _asked_for(row: Row, asked: Mapping[str, str]) -> bool:
    words = {"active": ("implicit", "explicit")}
    wanted, address = asked.get("status", "active"), row["email_address"]
    since = moment(asked.get("updated_after"))
    return (
        (wanted == "all" or address["permission_to_send"] in words.get(wanted, (wanted,)))
        and asked.get("email", address["address"]) == address["address"]
        and ("lists" not in asked or asked["lists"] in row["list_memberships"])
        and (since is None or (moment(row["updated_at"]) or since) > since)
    )


def _contacts(svc: Service, plain: Account, paging: Row) -> None:
    objects = people(plain)
    svc.on("/v3/contacts", Pages("/v3/contacts", objects, "contacts", name="cursor", where=_asked_for))
    for one, row in zip(plain.contacts, objects, strict=True):
        svc.json(f"/v3/contacts/{row['contact_id']}", row)
        base = f"/v3/reports/contact_reports/{row['contact_id']}"
        rows = [event(each, of_contact=True) for each in plain.of(contact=one)]
        pages = Pages(f"{base}/activity_details", rows, maximum=100, where=_of_kinds, **paging)
        svc.on(f"{base}/activity_details", _needs(pages, "tracking_activities_list"))
        summary = Pages(
            f"{base}/activity_summary",
            [_by_mail(plain, one, each) for each in plain.sent if plain.of("sends", contact=one, campaign=each)],
            "campaign_activities",
            fixed=paging.get("page_size") or 200,
            more={"contact_id": row["contact_id"]},
        )
        svc.on(f"{base}/activity_summary", _needs(summary, "start", "end"))


def _needs(pages: Pages, *names: str) -> Callable[[Request], Answer]:
    """Refuse a first page without what it cannot be without."""

    def answer(request: Request) -> Answer:
        if not any(name in request.query for name in ("next", "cursor")):
            for name in names:
                if name not in request.query:
                    return fault(400, "reportingsvc.bad_request", f"{name} is missing")
        return pages(request)

    return answer


def _of_kinds(row: Row, asked: Mapping[str, str]) -> bool:
    return row["tracking_activity_type"] in asked["tracking_activities_list"].split(",")


def _by_mail(plain: Account, contact: str, campaign: str) -> Row:
    counts = {f"em_{name}": len(plain.of(name, contact=contact, campaign=campaign)) for name in KINDS}
    sends = plain.of("sends", contact=contact, campaign=campaign)
    return {"campaign_activity_id": uid("activity", campaign), "start_on": sends[0]["send_date"], **counts}


def _lists(svc: Service, plain: Account) -> None:
    rows = [
        {
            "list_id": uid("list", one),
            "name": name,
            "membership_count": len(plain.members[one]),
            "created_at": "2023-06-01T08:00:00Z",
            "updated_at": changed,
        }
        for one, name, changed in (("1", "Général ★", "2026-01-01T08:00:00Z"), ("2", "VIP", "2026-02-01T08:00:00Z"))
    ]
    svc.on("/v3/contact_lists", Pages("/v3/contact_lists", rows, "lists", name="cursor"))
    for row in rows:
        svc.json(f"/v3/contact_lists/{row['list_id']}", row)


def _changed(row: Row, asked: Mapping[str, str]) -> bool:
    after = moment(asked.get("after_date"))
    return after is None or (moment(row["updated_at"]) or after) > after


def _campaigns(svc: Service, plain: Account, paging: Row) -> None:
    known = {
        plain.draft: ("Entwurf", "Draft", "2026-03-12T12:00:00.000Z"),
        plain.sent[0]: ("März — neu", "Done", "2026-03-09T14:59:00.000Z"),
        plain.sent[1]: ("Spring 🌱 news", "Done", "2026-03-02T14:59:00.000Z"),
        "1100000000009": ("Weg", "Removed", "2026-03-01T14:59:00.000Z"),
    }
    rows = [
        {
            "campaign_id": uid("campaign", one),
            "name": name,
            "current_status": status,
            "type": "NEWSLETTER",
            "type_code": 10,
            "created_at": changed,
            "updated_at": changed,
        }
        for one, (name, status, changed) in known.items()
    ]
    svc.on("/v3/emails", Pages("/v3/emails", rows, "campaigns", where=_changed))
    for one, row in zip(known, rows, strict=True):
        mail = uid("activity", one)
        roles = [{"campaign_activity_id": mail, "role": "primary_email"}]
        roles.append({"campaign_activity_id": uid("permalink", one), "role": "permalink"})
        svc.json(f"/v3/emails/{row['campaign_id']}", {**row, "campaign_activities": roles})
        detail = {"campaign_activity_id": mail, "campaign_id": row["campaign_id"], "role": "primary_email"}
        status = str(row["current_status"]).upper()
        svc.json(f"/v3/emails/activities/{mail}", {**detail, "subject": row["name"], "current_status": status})
        base = f"/v3/reports/email_reports/{mail}"
        for kind in KINDS:
            found = [event(each, of_contact=False) for each in plain.of(kind, campaign=one)]
            path = f"{base}/tracking/{_SUFFIX.get(kind, kind)}"
            svc.on(path, Pages(path, found, where=_of_link, **paging))
        _further(svc, plain, one, base, paging)


def _of_link(row: Row, asked: Mapping[str, str]) -> bool:
    return asked.get("url_id") in (None, row.get("url_id"))


def _further(svc: Service, plain: Account, campaign: str, base: str, paging: Row) -> None:
    """Serve what v2 has not: contacts that opened, contacts that did not, and the links by themselves."""
    opens = plain.of("opens", campaign=campaign)
    latest = {str(row["contact_id"]): row for row in reversed(opens)}
    rows = sorted((event(row, of_contact=False) for row in latest.values()), key=lambda row: row["created_time"])
    path = f"{base}/tracking/unique_opens"
    svc.on(path, Pages(path, rows[::-1], **paging))
    sends = [row for row in plain.of("sends", campaign=campaign) if str(row["contact_id"]) not in latest]
    missed = [{**event(row, of_contact=False), "tracking_activity_type": "em_didnotopens"} for row in sends]
    path = f"{base}/tracking/didnotopens"
    svc.on(path, Pages(path, missed, **paging))
    held = [
        {
            "link_url": next(
                (row["link_uri"] for row in plain.of("clicks") if row["link_id"] == one),
                link(int(one) - 1100000000100)["url"],
            ),
            "url_id": url_id(one),
            "unique_clicks": len(
                {str(row["contact_id"]) for row in plain.of("clicks", campaign=campaign) if row["link_id"] == one}
            ),
        }
        for one in plain.links.get(campaign, ())
    ]

    def links(request: Request) -> Answer:
        unclicked = request.query.get("no_clicks") == ["true"]
        shown = [row for row in held if unclicked or row["unique_clicks"]]
        return Answer.json({"campaign_activity_id": uid("activity", campaign), "link_click_counts": shown})

    svc.on(f"{base}/links", links)


def counts(plain: Account, campaign: str) -> Row:
    """Count contacts, as the statistics do."""
    return {
        name: len({str(row["contact_id"]) for row in plain.of(name, campaign=campaign)})
        if name not in ("sends", "bounces")
        else len(plain.of(name, campaign=campaign))
        for name in KINDS
    }


def _stats(svc: Service, plain: Account) -> None:
    rows = []
    for one in plain.sent:
        found = counts(plain, one)
        shown = {_SUFFIX.get(name, name): count for name, count in found.items()}
        rows.append(
            {
                "campaign_id": uid("campaign", one),
                "campaign_type": "Newsletter",
                "last_sent_date": max(plain.of("sends", campaign=one), key=row_moment)["send_date"],  # type: ignore[arg-type]
                "unique_counts": {**shown, "abuse": 0, "not_opened": 0},
            }
        )
    path = "/v3/reports/summary_reports/email_campaign_summaries"
    svc.on(path, Pages(path, rows, "bulk_email_campaign_summaries"))
    campaigns = {uid("campaign", one): one for one in (*plain.sent, plain.draft)}
    mails = {uid("activity", one): one for one in plain.sent}

    def result(one: str, campaign: str, key: str) -> Row:
        stats = {f"em_{_SUFFIX.get(name, name)}": count for name, count in counts(plain, campaign).items()}
        extra = {"campaign_activity_id": one} if key == "campaign_activity_id" else {}
        return {
            "campaign_id": uid("campaign", campaign),
            **extra,
            "stats": stats,
            "last_refresh_time": "2026-03-12T00:00Z",
        }

    def of_campaigns(request: Request) -> Answer:
        ids = request.path.rpartition("/")[2].split(",")
        if len(ids) > 150 or any(one not in campaigns for one in ids):
            return fault(404, "reportingsvc.not_found", "a campaign was not found")
        return Answer.json({"errors": [], "results": [result(one, campaigns[one], "campaign_id") for one in ids]})

    def of_mails(request: Request) -> Answer:
        ids = request.path.rpartition("/")[2].split(",")
        if len(ids) > 10:
            return fault(400, "reportingsvc.bad_request", "too many ids")
        wrong = [{"error_key": "reportingsvc.not_found", "error_message": one} for one in ids if one not in mails]
        found = [result(one, mails[one], "campaign_activity_id") for one in ids if one in mails]
        return Answer.json({"errors": wrong, "results": found})

    svc.below("/v3/reports/stats/email_campaigns/", of_campaigns)
    svc.below("/v3/reports/stats/email_campaign_activities/", of_mails)
