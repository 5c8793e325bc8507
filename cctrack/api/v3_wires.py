"""Where each report stands on the v3 API: paths, envelopes and page sizes, as data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from cctrack import catalog
from cctrack.api import v3_rows
from cctrack.api.ask import FOR_GOOD
from cctrack.api.given import Batch
from cctrack.api.v3_reports import ACTIVITIES_OF, ADDRESS, CAMPAIGN_OF, FIRST_OF, LIST, STATE_OF, TOTALS
from cctrack.api.v3_rows import Ids
from cctrack.schema import Report

_MOST, _MOST_OF_CONTACT, _MOST_OF_STATS = 500, 100, 10
_CAMPAIGNS_AT_ONCE = 50  # 150 may be asked for, but no document says how long an address may be
_KEPT = 24.0  # by how much what seldom changes is kept longer than a report
_NOTHING = b"{}"

_BEGINNING = "2000-01-01T00:00:00.000Z"  # there is no mail of before
_EVENTS = "tracking_activities"

Namer = Callable[[Any, Ids], Any]


@dataclass(frozen=True)
class Wire:
    """How a report stands on the wire.

    Attributes
    ----------
    path : str
        With the names of identifiers in braces.
    envelope : str or None
        Where the rows stand in an answer; None where it is read as a whole.
    most : int or None
        Rows in a page; None where nobody can choose.
    names : callable
        Gives a row, or the rows of a whole answer, the catalogue's names.
    params : dict of str to str
        With the names of identifiers in braces.
    up_to_now : bool
        Whether the end of the time must be told. A mail is then listed once.
    newest_first, lasts, absent
        As `cctrack.api.ask.Ask` has them.
    """

    path: str
    envelope: str | None
    most: int | None
    names: Namer
    params: Mapping[str, str] = field(default_factory=dict)
    up_to_now: bool = False
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
    return Wire(f"{_EMAIL}/tracking/{kind}", _EVENTS, _MOST, _event(report, v3_rows.event_of_mail), **more)


WIRES: dict[Report, tuple[Wire, ...]] = {
    **{
        report: (
            Wire(
                f"{_CONTACT}/activity_details",
                _EVENTS,
                _MOST_OF_CONTACT,
                _event(report, v3_rows.event),
                {"tracking_activities_list": kinds},
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
    catalog.SUMMARY: (
        Wire(
            f"{_CONTACT}/activity_summary",
            "campaign_activities",
            None,
            v3_rows.of_contact,
            {"start": _BEGINNING},
            up_to_now=True,
        ),
    ),
    catalog.CAMPAIGN_SUMMARY: (
        Wire(f"{_STATS}/{{campaign_id}}", None, None, v3_rows.stats),
        Wire(f"{_ACTIVITY_STATS}/{{campaign_id}}", None, None, v3_rows.stats),
    ),
    catalog.LINKS: (Wire(f"{_EMAIL}/links", "link_click_counts", None, v3_rows.link, {"no_clicks": "true"}),),
    catalog.CONTACTS: (Wire("/contacts", "contacts", _MOST, v3_rows.contact),),
    catalog.LIST_MEMBERS: (Wire("/contacts", "contacts", _MOST, v3_rows.contact, {"lists": "{list_id}"}),),
    catalog.LISTS: (Wire("/contact_lists", "lists", _MOST, v3_rows.list_, {"include_membership_count": "all"}),),
    catalog.CAMPAIGNS: (Wire("/emails", "campaigns", _MOST, v3_rows.campaign),),
    catalog.CAMPAIGN_DETAILS: (Wire(f"{_ACTIVITY}/{{campaign_activity_id}}", None, None, v3_rows.object_),),
    ACTIVITIES_OF: (
        Wire("/emails/{campaign_id}", None, None, v3_rows.activities),  # a resend may come: no longer than a report
        Wire(f"{_ACTIVITY}/{{campaign_id}}", None, None, v3_rows.one_activity, lasts=_KEPT),
        Wire(f"{_ACTIVITY_STATS}/{{campaign_id}}", None, None, v3_rows.activity_of_stats, lasts=FOR_GOOD),
    ),
    STATE_OF: (Wire(f"{_ACTIVITY}/{{campaign_activity_id}}", None, None, v3_rows.state),),
    FIRST_OF: (Wire("/emails/{campaign_id}", None, None, v3_rows.first_activity),),
    CAMPAIGN_OF: (
        Wire(f"{_ACTIVITY_STATS}/{{campaign_activity_id}}", None, None, v3_rows.stats, lasts=FOR_GOOD),
        Wire(f"{_ACTIVITY}/{{campaign_activity_id}}", None, None, v3_rows.object_, lasts=_KEPT, absent=_NOTHING),
    ),
    ADDRESS: (Wire("/contacts/{contact_id}", None, None, v3_rows.person, lasts=_KEPT, absent=_NOTHING),),
    LIST: (Wire("/contact_lists/{list_id}", None, None, v3_rows.object_, lasts=_KEPT),),
    TOTALS: (
        Wire(
            "/reports/summary_reports/email_campaign_summaries",
            "bulk_email_campaign_summaries",
            _MOST,
            v3_rows.totals,
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
