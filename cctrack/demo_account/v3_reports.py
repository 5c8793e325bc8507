"""The reporting paths of v3: by contact, by activity, and figures."""

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Final, NamedTuple

from .account import BOUNCE_CODES, Account
from .parameters import bad, instant_of, missing, switch, switch_of
from .quirks import Quirks
from .v3_counts import Counts
from .v3_ids import Directory
from .v3_paging import asked, cut
from .v3_rows import OTHER_TYPES, REPORTS, TYPES, TrackingBook
from .wire import Call, Refusal

METRICS: Final = "ui:campaign:metrics"
_MOST_CAMPAIGNS, _MOST_ACTIVITIES = 150, 10
_SUMMARY_PAGE: Final = 200
_YEARS: Final = 5

Handler = Callable[[Call, dict[str, str]], object]


class Route(NamedTuple):
    """A path, who answers it, and what a caller needs for it; None needs nothing."""

    path: str
    handler: Handler
    scope: str | None
    privilege: str | None = None


class Reports:
    """Answers the calls below ``/reports``."""

    def __init__(
        self, account: Account, quirks: Quirks, directory: Directory, tracking: TrackingBook, counts: Counts
    ) -> None:
        self._account, self._quirks, self._directory = account, quirks, directory
        self._tracking, self._counts = tracking, counts

    def routes(self) -> Iterable[Route]:
        """List the paths."""
        contact = "/reports/contact_reports/{contact}"
        yield Route(f"{contact}/activity_details", self._details, "contact_data", METRICS)
        yield Route(f"{contact}/activity_summary", self._summary, "contact_data", METRICS)
        yield Route(f"{contact}/open_and_click_rates", self._rates, "contact_data", METRICS)
        activity = "/reports/email_reports/{activity}"
        for report in REPORTS:
            yield Route(f"{activity}/tracking/{report}", self._tracked(report), "campaign_data", METRICS)
        yield Route(f"{activity}/links", self._links, "campaign_data", METRICS)
        summaries = "/reports/summary_reports/email_campaign_summaries"
        yield Route(summaries, self._summaries, "campaign_data", METRICS)
        yield Route("/reports/stats/email_campaigns/{ids}", self._campaigns, "campaign_data", METRICS)
        yield Route("/reports/stats/email_campaign_activities/{ids}", self._activities, "campaign_data", METRICS)

    # of a contact

    def _details(self, call: Call, ids: dict[str, str]) -> object:
        names = call.query.get("include_campaign_activity_names", "true")
        listed, single = call.query.get("tracking_activities_list"), call.every("tracking_activity_type")
        if listed is not None and single and "next" not in call.query:
            raise _refused("tracking_activities_list and tracking_activity_type exclude each other.")
        if any("," in name for name in single):
            raise bad("tracking_activity_type")
        types = listed if listed is not None else ",".join(single)
        span = asked(call, {"types": types, "names": names}, 100, 100)
        wanted = tuple(name.strip() for name in span.fields.get("types", "").split(","))
        if not set(wanted) <= {*TYPES, *OTHER_TYPES}:
            raise bad("tracking_activities_list" if listed is not None else "tracking_activity_type")
        with_names = switch_of(span.fields.get("names", "true"), "include_campaign_activity_names")
        rows = self._tracking.of_contact(self._directory.contact(ids["contact"]), wanted)
        page = cut(span, len(rows.number), self._quirks)
        records = self._tracking.contact_records(rows.between(page.start, page.end), names=with_names)
        return {"tracking_activities": records, **page.links}

    def _summary(self, call: Call, ids: dict[str, str]) -> object:
        contact = self._directory.contact(ids["contact"])
        given = {name: call.query[name] for name in ("start", "end") if name in call.query}
        span = asked(call, given, _SUMMARY_PAGE, None)
        mails = self._counts.received(contact, *_range(span.fields))
        page = cut(span, len(mails), self._quirks)
        rows = self._counts.of_contact(contact, mails[page.start : page.end])
        return {"contact_id": ids["contact"].lower(), "campaign_activities": rows, **page.links}

    def _rates(self, call: Call, ids: dict[str, str]) -> object:
        contact = self._directory.contact(ids["contact"])
        start, end = _range(call.query)
        first, last = (datetime.fromtimestamp(when / 1000, UTC).timetuple()[:6] for when in (start, end))
        if (last[0] - _YEARS, *last[1:]) > first:
            raise _refused(f"The range may not be longer than {_YEARS} years.")
        return self._counts.rates(contact, self._counts.received(contact, start, end))

    # of an activity

    def _mail(self, ids: dict[str, str]) -> int:
        """Find the mailing of an activity that has reports."""
        activity = self._directory.activity(ids["activity"])
        status = self._account.campaigns.status[activity.mail]
        if activity.role == "permalink" or status == "DELETED":
            raise missing("report")
        if status != "SENT" and self._quirks.drafts_missing:
            raise missing("report")
        return activity.mail

    def _tracked(self, report: str) -> Handler:
        def handler(call: Call, ids: dict[str, str]) -> object:
            span = asked(call, _filters(call, report), 500, 500)
            only = tuple(span.fields["only"].split(",")) if "only" in span.fields else ()
            rows = self._tracking.of_mail(self._mail(ids), report, only)
            page = cut(span, len(rows.number), self._quirks)
            records = self._tracking.mail_records(rows.between(page.start, page.end), report)
            return {"tracking_activities": records, **page.links}

        return handler

    def _links(self, call: Call, ids: dict[str, str]) -> object:
        mail, unclicked = self._mail(ids), switch(call, "no_clicks")
        sent = self._account.campaigns.status[mail] == "SENT"
        counts = self._tracking.link_counts(mail, unclicked=unclicked) if sent else []
        return {"campaign_activity_id": self._directory.mails[mail], "link_click_counts": counts}

    # figures

    def _summaries(self, call: Call, ids: dict[str, str]) -> object:
        span = asked(call, {}, 50, 500)
        campaigns = self._counts.summarised()
        page = cut(span, len(campaigns), self._quirks)
        return {**self._counts.summaries(campaigns[page.start : page.end]), **page.links}

    def _campaigns(self, call: Call, ids: dict[str, str]) -> object:
        results = [self._counts.of_campaign(self._campaign(id_)) for id_ in _several(ids["ids"], _MOST_CAMPAIGNS)]
        return {"errors": [], "results": results}

    def _campaign(self, id_: str) -> int:
        """Find a campaign that has statistics; any other fails the whole call."""
        try:
            at = self._directory.campaign(id_)
        except Refusal:
            raise missing("campaign") from None
        if self._account.campaigns.status[at] == "DELETED":
            raise missing("campaign")
        return at

    def _activities(self, call: Call, ids: dict[str, str]) -> object:
        results, errors = [], []
        for id_ in _several(ids["ids"], _MOST_ACTIVITIES):
            try:
                activity = self._directory.activity(id_)
                sent = self._account.campaigns.status[activity.mail] == "SENT" and activity.role != "permalink"
            except Refusal as no:
                if no.status != 404:
                    raise missing("activity") from None
                sent = False
            if sent:
                results.append(self._counts.of_activity(activity.mail))
            else:
                key = "reportingsvc.not_found.campaign_activity"
                errors.append({"error_key": key, "error_message": f"No statistics for {id_}."})
        return {"errors": errors, "results": results}


def _filters(call: Call, report: str) -> dict[str, str]:
    """Read what a report of an activity can be narrowed to."""
    if report == "clicks" and "url_id" in call.query:
        if not re.fullmatch(r"[0-9]{1,19}", call.query["url_id"]):
            raise bad("url_id")
        return {"only": call.query["url_id"]}
    if report == "bounces" and (codes := call.every("bounce_code")):
        if not set(codes) <= set(BOUNCE_CODES):
            raise bad("bounce_code")
        return {"only": ",".join(codes)}
    return {}


def _range(fields: Mapping[str, str]) -> tuple[int, int]:
    """Read ``start`` and ``end``, which are both required."""
    for name in ("start", "end"):
        if name not in fields:
            raise _refused(f"{name} is required.")
    start, end = instant_of(fields["start"], "start"), instant_of(fields["end"], "end")
    if start > end:
        raise _refused("start must not be after end.")
    return start, end


def _several(text: str, most: int) -> list[str]:
    """Read ids that stand in the path, with commas between them."""
    ids = list(dict.fromkeys(text.split(",")))
    if len(ids) > most:
        raise _refused(f"At most {most} ids can be asked for at once.")
    return ids


def _refused(why: str) -> Refusal:
    return Refusal(400, "query.param.invalid", why)
