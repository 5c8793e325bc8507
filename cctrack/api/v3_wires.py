"""Where each report stands on the v3 API: paths, envelopes and page sizes, as data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from cctrack import catalog
from cctrack.api import v3_rows
from cctrack.api.ask import FOR_GOOD
from cctrack.api.given import Batch
from cctrack.api.v3_reports import ACTIVITIES_OF, ADDRESS, CAMPAIGN_OF, FIRST_OF, LIST, TOTALS
from cctrack.api.v3_rows import Ids
from cctrack.schema import Report

_MOST, _MOST_OF_CONTACT, _MOST_OF_STATS = 500, 100, 10
_CAMPAIGNS_AT_ONCE = 50  # 150 may be asked for, but no document says how long an address may be
_KEPT = 24.0  # by how much what seldom changes is kept longer than a report
_NOTHING = b"{}"

Namer = Callable[[dict[str, Any], Ids], Any]


@dataclass(frozen=True)
class Wire:
    """How a report stands on the wire."""

    path: str
    envelope: str | None = "tracking_activities"  # None: the whole answer is read at once
    most: int | None = _MOST
    names: Callable[[Any, Ids], Any] | None = None
    params: Mapping[str, str] | None = None
    newest_first: bool = False
    lasts: float = 1.0
    absent: bytes | None = None


def _event(report: Report, names: Callable[[dict[str, Any], Ids, str], dict[str, Any]]) -> Namer:
    return lambda row, ids: names(row, ids, str(report.since))


_CONTACT = "/reports/contact_reports/{contact_id}"
_EMAIL = "/reports/email_reports/{campaign_activity_id}"
_STATS = "/reports/stats/email_campaigns"
_ACTIVITY_STATS = "/reports/stats/email_campaign_activities"
_ACTIVITY = "/emails/activities"

_OF_CONTACT = {
    catalog.SENDS: "em_sends",
    catalog.OPENS: "em_opens",
    catalog.CLICKS: "em_clicks",
    catalog.FORWARDS: "em_forwards",
    catalog.BOUNCES: "em_bounces",
    catalog.UNSUBSCRIBES: "em_optouts",
    catalog.ACTIVITIES: "em_sends,em_opens,em_clicks,em_forwards,em_bounces,em_optouts",
}
_OF_MAIL = {
    catalog.CAMPAIGN_SENDS: "sends",
    catalog.CAMPAIGN_OPENS: "opens",
    catalog.CAMPAIGN_CLICKS: "clicks",
    catalog.CAMPAIGN_FORWARDS: "forwards",
    catalog.CAMPAIGN_BOUNCES: "bounces",
    catalog.CAMPAIGN_UNSUBSCRIBES: "optouts",
}
# Rows of these change their time or vanish, so that order and age tell nothing.
_MOVING = {catalog.CAMPAIGN_UNIQUE_OPENS: "unique_opens", catalog.CAMPAIGN_DID_NOT_OPENS: "didnotopens"}


def _tracking(report: Report, kind: str, **more: Any) -> Wire:
    return Wire(f"{_EMAIL}/tracking/{kind}", names=_event(report, v3_rows.event_of_mail), **more)


WIRES: dict[Report, tuple[Wire, ...]] = {
    **{
        report: (
            Wire(
                f"{_CONTACT}/activity_details",
                most=_MOST_OF_CONTACT,
                names=_event(report, v3_rows.event),
                params={"tracking_activities_list": kinds},
                newest_first=True,
            ),
        )
        for report, kinds in _OF_CONTACT.items()
    },
    **{report: (_tracking(report, kind, newest_first=True),) for report, kind in _OF_MAIL.items()},
    **{report: (_tracking(report, kind),) for report, kind in _MOVING.items()},
    catalog.CAMPAIGN_LINK_CLICKS: (
        _tracking(catalog.CAMPAIGN_LINK_CLICKS, "clicks", newest_first=True, params={"url_id": "{link_id}"}),
    ),
    catalog.SUMMARY: (Wire(f"{_CONTACT}/activity_summary", "campaign_activities", None, v3_rows.of_contact),),
    catalog.CAMPAIGN_SUMMARY: (
        Wire(f"{_STATS}/{{campaign_id}}", None, None, v3_rows.stats),
        Wire(f"{_ACTIVITY_STATS}/{{campaign_id}}", None, None, v3_rows.stats),
    ),
    catalog.LINKS: (Wire(f"{_EMAIL}/links", "link_click_counts", None, v3_rows.link, {"no_clicks": "true"}),),
    catalog.CONTACTS: (Wire("/contacts", "contacts", names=v3_rows.contact),),
    catalog.LIST_MEMBERS: (Wire("/contacts", "contacts", names=v3_rows.contact, params={"lists": "{list_id}"}),),
    catalog.LISTS: (Wire("/contact_lists", "lists", names=v3_rows.list_, params={"include_membership_count": "all"}),),
    catalog.CAMPAIGNS: (Wire("/emails", "campaigns", names=v3_rows.campaign),),
    catalog.CAMPAIGN_DETAILS: (Wire(f"{_ACTIVITY}/{{campaign_activity_id}}", None, None, v3_rows.object_),),
    ACTIVITIES_OF: (
        Wire("/emails/{campaign_id}", None, None, v3_rows.activities),  # a resend may come: no longer than a report
        Wire(f"{_ACTIVITY}/{{campaign_id}}", None, None, v3_rows.one_activity, lasts=_KEPT),
        Wire(f"{_ACTIVITY_STATS}/{{campaign_id}}", None, None, v3_rows.activity_of_stats, lasts=FOR_GOOD),
    ),
    FIRST_OF: (Wire("/emails/{campaign_id}", None, None, v3_rows.first_activity),),
    CAMPAIGN_OF: (
        Wire(f"{_ACTIVITY_STATS}/{{campaign_activity_id}}", None, None, v3_rows.stats, lasts=FOR_GOOD),
        Wire(f"{_ACTIVITY}/{{campaign_activity_id}}", None, None, v3_rows.object_, lasts=_KEPT, absent=_NOTHING),
    ),
    ADDRESS: (Wire("/contacts/{contact_id}", None, None, v3_rows.person, lasts=_KEPT, absent=_NOTHING),),
    LIST: (Wire("/contact_lists/{list_id}", None, None, v3_rows.object_, lasts=_KEPT),),
    TOTALS: (
        Wire(
            "/reports/summary_reports/email_campaign_summaries", "bulk_email_campaign_summaries", names=v3_rows.totals
        ),
    ),
}
WIRES[catalog.SUMMARY_BY_CAMPAIGN] = WIRES[catalog.SUMMARY]
WIRES[catalog.CAMPAIGN_ACTIVITIES] = tuple(
    _tracking(catalog.CAMPAIGN_ACTIVITIES, kind, newest_first=True) for kind in _OF_MAIL.values()
)
WIRES[catalog.ACCOUNT_ACTIVITIES] = WIRES[catalog.CAMPAIGN_ACTIVITIES]
# The further wires of these are for ids that the first one does not know.
IN_TURN = (catalog.CAMPAIGN_SUMMARY, ACTIVITIES_OF, CAMPAIGN_OF)

BATCHES = {
    catalog.CAMPAIGN_SUMMARY: Batch(
        _CAMPAIGNS_AT_ONCE, lambda ids: f"{_STATS}/{_listed(ids)}", lambda answer: v3_rows.apart(answer, "campaign_id")
    ),
    CAMPAIGN_OF: Batch(
        _MOST_OF_STATS,
        lambda ids: f"{_ACTIVITY_STATS}/{_listed(ids)}",
        lambda answer: v3_rows.apart(answer, "campaign_activity_id"),
    ),
}


def _listed(ids: Sequence[str]) -> str:
    return ",".join(quote(one, safe="") for one in ids)
