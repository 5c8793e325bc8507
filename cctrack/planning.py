"""What a report will cost, told before anything is sent; and the count of today's calls."""

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from html import escape
from typing import Any, ClassVar

from cctrack import catalog, reports
from cctrack.api.session import Session
from cctrack.api.settings import refuse_unknown
from cctrack.connecting import current
from cctrack.costs import Cost, Counter, each
from cctrack.inputs import address, choice, flag, identifiers, instant, one_identifier, page_size, wire_time, word
from cctrack.schema import Report

_ROUTES = ("contacts", "campaigns")
# A walk never seen is one call at least. Before the campaigns' reports are called cheaper each is taken for one of two
# pages: a campaign has far more rows than a contact.
_UNSEEN_EXTRA = 2
_MINUTE = 60


@dataclass(frozen=True, repr=False)
class Plan:
    """What a report will cost; made by `cctrack.plan`.

    Attributes
    ----------
    calls_cold : int
        Requests if the cache were empty.
    calls : int
        Requests after what the cache holds.
    minutes : float
        For `calls`, at the session's rate.
    share_of_today : float
        `calls` over what is left of today's quota: above 1 they do not fit. 0 when there is nothing to ask, infinite
        when there is and nothing is left.
    route : {"contacts", "campaigns"} or None
        The route with fewer calls, as far as it is known; None where a report has but one.
    saving : int
        Calls that this route saves.
    """

    calls_cold: int
    calls: int
    minutes: float
    share_of_today: float
    route: str | None
    saving: int
    _at_least: ClassVar[bool] = False  # these two go with the words alone, and are no fields
    _notes: ClassVar[Sequence[str]] = ()

    def __repr__(self) -> str:
        told = [self._counted(self.calls)]
        if self.calls:
            told += [_lasting(self.minutes), f"{_share(self.share_of_today)} of what is left today"]
        told.append(f"{self._counted(self.calls_cold)} with an empty cache")
        saving = f'; route="{self.route}" saves {self.saving:,} calls' if self.saving else ""
        return " ".join([f"{', '.join(told)}{saving}.", *self._notes])

    def _counted(self, calls: int) -> str:
        return f"{'at least ' if self._at_least else ''}{calls:,} call{'' if calls == 1 else 's'}"

    def _repr_html_(self) -> str:
        rows = {
            "calls": self._counted(self.calls),
            "calls with an empty cache": self._counted(self.calls_cold),
            "time": _lasting(self.minutes),
            "share of what is left today": _share(self.share_of_today),
        }
        if self.route is not None:
            rows["cheaper route"] = f"{self.route}, saves {self.saving:,} calls" if self.saving else self.route
        return _table(rows, self._notes)


@dataclass(frozen=True, repr=False)
class Quota:
    """The calls of today; made by `cctrack.quota`.

    Attributes
    ----------
    used, left : int
        Requests since 00:00 UTC, and how many more there may be.
    limit : int
        Requests a day.
    rate : float
        Requests a second.
    resets_at : datetime
        When the count begins anew; UTC.
    """

    used: int
    left: int
    limit: int
    rate: float
    resets_at: datetime

    def __repr__(self) -> str:
        return (
            f"{self.used:,} of {self.limit:,} calls used today, {self.left:,} left, {self.rate:g} a second; "
            f"counted anew from {self.resets_at:%Y-%m-%d %H:%M} UTC."
        )

    def _repr_html_(self) -> str:
        rows = {
            "used today": f"{self.used:,}",
            "left": f"{self.left:,}",
            "limit": f"{self.limit:,} a day, {self.rate:g} a second",
            "counted anew from": f"{self.resets_at:%Y-%m-%d %H:%M} UTC",
        }
        return _table(rows, ())


def plan(
    function: Callable[..., Any],
    ids: reports.Ids | None = None,
    *further: reports.Ids,
    created_since: reports.When | None = None,
    limit: int = 500,
    session: Session | None = None,
    **options: Any,
) -> Plan:
    """Tell what a report will cost. Nothing is sent.

    Parameters
    ----------
    function
        A report function such as `cctrack.clicks_df`.
    ids, *further
        Its identifiers, as it takes them; none for a report of the account.
    created_since, limit, session
        As the function takes them.
    **options
        Any further keywords of the function.

    Returns
    -------
    Plan
        A walk that the cache knows has the pages it had then. `calls_cold` counts these and, if there are several, page
        one once more; or all of them twice under `verify="strict"`. A walk never seen counts as one call, a campaign
        whose mails are not known as one mail, and the plan says "at least". `calls` counts nothing for what is fresh,
        and the pages of the newest rows where these alone are asked for. Campaigns are those of the list in the cache,
        however old. A report that changes while it is read, or repeats rows where its pages meet, costs more.

    Notes
    -----
    `route` compares the reports of these contacts with the list of campaigns, one walk each (six for activities),
    and the links of those whose clicks are known to lack addresses. A new walk of a campaign is taken to have two
    pages there. Until the list is in the cache, `route` is the one asked about.

    Raises
    ------
    TypeError
        For what is no report function, for wrong numbers of ids, and for keywords it does not take.
    ValueError
        For a bad id or value.
    """
    report = _report(function)
    given = {**options, **({} if created_since is None else {"created_since": created_since})}
    refuse_unknown((name for name in given if name not in report.options), report.options, f"plan({report.function}):")
    many = _identified(report, [] if ids is None else [ids, *further])
    filters = _filters(function, given)
    route = choice(given.get("route", "contacts"), _ROUTES, "route")
    details = flag(given.get("details", False), "details")
    refresh = flag(given.get("refresh", False), "refresh")
    session = current(session)
    session.offers(report)
    counter = Counter(session if session.identified else session.unasked(), page_size(limit), refresh)
    if report in catalog.BY_CAMPAIGN:
        return _with_route(counter, report, many, filters, route, details=details)
    campaigns: list[str] | None = []
    if report is catalog.ACCOUNT_ACTIVITIES:
        cost, campaigns = counter.listed({"status": filters.pop("status")} if "status" in filters else {})
        cost += counter.report(report, filters, each("campaign_id", campaigns))
    elif report is catalog.CAMPAIGNS and details:
        cost, campaigns = counter.listed(filters)
        cost += counter.report(catalog.CAMPAIGN_DETAILS, {}, each("campaign_id", campaigns))
    else:
        cost = counter.report(report, filters, many)
    return _plan(counter.session, cost, None, 0, [_NO_LIST] if campaigns is None else [])


def quota(*, session: Session | None = None) -> Quota:
    """Show how many of today's calls are used.

    Parameters
    ----------
    session
        Whose calls; None takes the current session's.

    Returns
    -------
    Quota
        The count that all processes with this key and cache folder share. What other programs asked with the key is
        not in it.
    """
    ledger = current(session).ledger
    used = ledger.used()
    return Quota(used, max(0, ledger.daily_quota - used), ledger.daily_quota, ledger.rate, ledger.resets_at())


_NO_LIST = (
    "The list of campaigns is not in the cache, so theirs is not counted: ask cctrack.campaigns_df(), about 1 call, "
    "and plan again."
)
_UNSEEN = "What was never read counts as one page, a campaign as one mail; there may be more."
_LOOKED_UP = (
    "What the rows leave out (a contact's address, a mail's campaign) is asked for once and kept. The address is "
    "counted for every contact, though one without rows needs none; mails that are new take one call for ten."
)
_OFFLINE = "The session is offline: what is not in the cache raises CacheMissError."


def _with_route(
    counter: Counter,
    report: Report,
    many: Sequence[Mapping[str, str]],
    filters: Mapping[str, str],
    asked: str,
    *,
    details: bool,
) -> Plan:
    """Plan a report of contacts, by both routes."""
    by = {"contacts": counter.report(report, filters, many, details=details)}
    notes = []
    if not many:
        by["campaigns"] = Cost()
    elif asked == "campaigns" or by["contacts"].calls > 1:  # one call is never too many
        cost, campaigns = counter.listed({"status": "SENT"})
        cost += counter.report(catalog.BY_CAMPAIGN[report], filters, each("campaign_id", campaigns))
        if campaigns is None:
            notes.append(_NO_LIST)
        elif "link_uri" in report.names:
            bare = counter.without_addresses(
                campaigns, filters.get("created_since"), [one["contact_id"] for one in many]
            )
            cost += counter.report(catalog.LINKS, {}, each("campaign_id", bare))
        if campaigns is not None or asked == "campaigns":
            by["campaigns"] = cost
    cheaper = asked
    if len(by) > 1 and not notes:
        there = by["campaigns"]
        cheaper = "campaigns" if there.calls + _UNSEEN_EXTRA * there.unseen < by["contacts"].calls else "contacts"
    saving = max(0, by[asked].calls - by[cheaper].calls)
    if by[asked].unseen and counter.session.given(report).lookups:
        notes.append(_LOOKED_UP)
    return _plan(counter.session, by[asked], cheaper, saving, notes)


def _plan(session: Session, cost: Cost, route: str | None, saving: int, notes: Sequence[str]) -> Plan:
    if not session.identified and cost.cold:  # whose account it is, is asked first
        cost += Cost(1, 0 if session.policy.offline else 1)
    today = quota(session=session)
    share = cost.calls / today.left if today.left else math.inf if cost.calls else 0.0
    made = Plan(cost.cold, cost.calls, cost.calls / today.rate / _MINUTE, share, route, saving)
    words = [_UNSEEN] if cost.unseen else []
    words += notes
    if session.policy.offline:
        words.append(_OFFLINE)
    if share > 1:
        again = f"{today.resets_at:%Y-%m-%d %H:%M} UTC"
        words.append(f"It stops when the day is used up and keeps what is done; the same call goes on from {again}.")
    vars(made).update(_at_least=cost.unseen > 0, _notes=tuple(words))
    return made


def _report(function: object) -> Report:
    """Find the declaration of a report function."""
    name = getattr(function, "__name__", "")
    report = catalog.REPORTS.get(name.removesuffix("_df")) if isinstance(name, str) else None
    if report is None or getattr(reports, report.function) is not function:
        raise TypeError(
            f"plan() takes a report function, not {function!r:.80}; pass the function itself and then its ids, "
            'such as plan(cctrack.clicks_df, ["36", "37"])'
        )
    return report


def _identified(report: Report, given: Sequence[reports.Ids]) -> list[dict[str, str]]:
    """Check identifiers and give those of each call of the fan-out."""
    if len(given) != len(report.keys):
        wanted = ", ".join(report.keys) or "no ids"
        raise TypeError(
            f"{report.function} takes {wanted}; pass {'them' if report.keys else 'nothing'} after the function"
        )
    if not report.keys:
        return [{}]
    fixed = {key: one_identifier(one, key) for key, one in zip(report.keys[:-1], given, strict=False)}
    return [{**fixed, report.keys[-1]: one} for one in identifiers(given[-1], report.keys[-1])]


def _filters(function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, str]:
    """Write the filters of a report as it does, in its order: another address would be another walk."""
    defaults = {name: known.default for name, known in inspect.signature(function).parameters.items()}
    value = {**defaults, **given}.get
    since, modified = (instant(value(name), name) for name in ("created_since", "modified_since"))
    found = {
        "email": address(value("email"), "email"),
        "status": word(value("status"), "status"),
        "update_summary": "true" if flag(value("update_summary", False), "update_summary") else None,
        "created_since": None if since is None else wire_time(since),
        "modified_since": None if modified is None else wire_time(modified),
    }
    return {name: text for name, text in found.items() if text is not None}


def _lasting(minutes: float) -> str:
    if minutes < 1:
        return f"about {math.ceil(minutes * _MINUTE)} s"
    return f"about {minutes:,.1f} minutes"


def _share(share: float) -> str:
    if math.isinf(share):
        return "more than all"
    return f"{share:.1%}" if share >= 0.001 or not share else "under 0.1%"


def _table(rows: Mapping[str, str], notes: Iterable[str]) -> str:
    lines = [f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>" for name, text in rows.items()]
    return f"<table>{''.join(lines)}</table>" + "".join(f"<p>{escape(note)}</p>" for note in notes)
