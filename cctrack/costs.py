"""Counts the calls of a report before it is asked for, from what the cache holds of it and of what it needs besides."""

import math
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cctrack import catalog, reports
from cctrack.api.ask import Ask
from cctrack.api.given import Given
from cctrack.api.session import Session
from cctrack.api.store import Entry
from cctrack.api.walk import Walk
from cctrack.errors import CacheMissError
from cctrack.fetching import Part
from cctrack.frames import Columns
from cctrack.inputs import identifiers
from cctrack.request import Request
from cctrack.schema import Report

_NOT_KNOWN = "unknown"  # stands for the mail of a campaign that was never looked up


def each(key: str, ids: Sequence[str] | None) -> list[dict[str, str]]:
    """Give the identifiers of each call of a fan-out by name."""
    return [{key: one} for one in ids or ()]


@dataclass(frozen=True)
class Cost:
    """Calls with an empty cache and with the one there is; and how much it never saw that may take more."""

    cold: int = 0
    calls: int = 0
    unseen: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(self.cold + other.cold, self.calls + other.calls, self.unseen + other.unseen)


@dataclass(frozen=True)
class Counter:
    """Counts the calls of walks as a report of this session would make them."""

    session: Session
    limit: int
    refresh: bool

    def report(
        self,
        report: Report,
        options: Mapping[str, str],
        many: Iterable[Mapping[str, str]],
        *,
        details: bool = False,
    ) -> Cost:
        """Count for a report of many ids, with all that it asks besides."""
        many = list(many)
        given = self.session.given(report)
        options = self.session.worded(report, options)
        cost = Cost()
        for ids in many:
            before, parts = self._parts(given, ids)
            cost = sum((self._walks(report, options, one) for one in parts), cost + before)
        cost = self._together(report, many, options, cost)
        if many and (given.lookups or given.proof or given.details):
            cost += self._further(given, report, options, many, details=details)
        return cost

    def _walks(self, report: Report, options: Mapping[str, str], ids: Mapping[str, str]) -> Cost:
        cost = Cost()
        for walk in self.session.walks(report, ids, options, self.limit, refresh=self.refresh):
            known = [one for one in walk.alternatives() if one.older() is not None]
            found = self._walk(known[0] if known else walk)
            refused = _before(walk.ask, known[0].ask) if known else 0
            cost += found + Cost(refused, refused if found.calls else 0)
        return cost

    def _parts(self, given: Given, ids: Mapping[str, str]) -> tuple[Cost, list[Mapping[str, str]]]:
        """Count for what a report is made of; and give the identifiers of each part, as far as the cache knows them."""
        if given.spread is None:
            return Cost(), [ids]
        key = given.spread.keys[0]
        cost = self._walks(given.spread, {}, {key: ids[key]})
        rows = self._rows(Request(given.spread, key=key, ids=[ids[key]]))
        if rows is None:
            return cost + Cost(unseen=1), [{**ids, "campaign_activity_id": _NOT_KNOWN}]
        found = (row.dropna().to_dict() for _, row in rows.frame().iterrows())
        return cost, [{**ids, **{str(name): str(value) for name, value in row.items()}} for row in found]

    def _together(
        self, report: Report, many: Sequence[Mapping[str, str]], options: Mapping[str, str], cost: Cost
    ) -> Cost:
        """Count several ids in a call where they are asked for so."""
        size = self.session.most_together(report)
        if size is None or len(many) < 2:
            return cost
        more = len(many) - math.ceil(len(many) / size)
        return Cost(cost.cold - more, math.ceil(cost.calls / size), cost.unseen)

    def _further(
        self,
        given: Given,
        report: Report,
        options: Mapping[str, str],
        many: Sequence[Mapping[str, str]],
        *,
        details: bool,
    ) -> Cost:
        """Count what is asked once the rows are there; by the rows that the cache holds, however old."""
        key = report.keys[-1] if report.keys else None
        held, unknown = Columns(given.report), 0
        for ids in many:
            rows = self._rows(
                Request(
                    report,
                    key=key,
                    ids=None if key is None else [ids[key]],
                    fixed={name: value for name, value in ids.items() if name != key},
                    options=options,
                    limit=self.limit,
                )
            )
            unknown += rows is None
            if rows is not None:
                held.absorb(rows)
        cost = Cost(0, 0, unknown)
        frame = held.frame()
        for lookup in given.lookups:
            own = lookup.report.keys[0] if lookup.report.keys else None
            if own is None:
                if unknown or frame[list(lookup.fills)].isna().any(axis=None):
                    cost += self.report(lookup.report, {}, [{}])
                continue
            found = [str(one) for one in frame[lookup.by].dropna().unique()]
            if own != key and unknown and not self.session.policy.offline:  # as many as fit into one call, at least
                cost += Cost(1, 1)
            if own == key:  # those whose rows are not known are looked up too, if they have any
                found = [ids[own] for ids in many if ids[own] in found or unknown]
            cost += self.report(lookup.report, {}, each(own, found))
        for detail in given.details if details else ():
            mails = frame.loc[frame["activity_type"] == detail.kind, "campaign_activity_id"].dropna().unique()
            since = {name: text for name, text in options.items() if name == "created_since"}
            for one in map(str, mails):  # whose mail it is, is known by then
                cost += self._walks(detail.report, since, {detail.report.keys[0]: one, "campaign_activity_id": one})
        return cost

    def _rows(self, request: Request) -> Columns | None:
        """Read the rows of one id from the cache alone; None when they are not all there."""
        session = self.session.from_cache()
        task = None if request.ids is None else request.ids[0]
        try:
            given = session.given(request.report)
            return Part(request, replace(given, proof=None), session, task, None, None).read().columns
        except CacheMissError:
            return None

    def listed(self, options: Mapping[str, str]) -> tuple[Cost, list[str] | None]:
        """Count for the list of campaigns; and give their ids, None as long as the cache has no list."""
        cost = self.report(catalog.CAMPAIGNS, options, [{}])
        status, since = options.get("status"), options.get("modified_since")
        table = self._cached(
            lambda session: reports.campaigns_df(status=status, modified_since=since, progress=False, session=session)
        )
        return cost, None if table is None else identifiers(table["campaign_id"].dropna(), "campaign_id")

    def without_addresses(self, campaigns: Sequence[str], since: str | None, contacts: Sequence[str]) -> list[str]:
        """Give the campaigns whose clicks by these contacts, as the cache holds them, do not say where links lead."""
        filters = {} if since is None else {"created_since": since}
        options = self.session.worded(catalog.CAMPAIGN_CLICKS, filters)
        found = []
        for one in campaigns:
            rows = self._rows(
                Request(catalog.CAMPAIGN_CLICKS, key="campaign_id", ids=[one], options=options, limit=self.limit)
            )
            clicks = None if rows is None else rows.frame()
            if clicks is None:
                continue
            bare = clicks["contact_id"].isin(contacts) & clicks["link_uri"].isna() & clicks["link_id"].notna()
            if bare.any():
                found.append(one)
        return found

    def _cached(self, ask: Callable[[Session], Any]) -> Any:
        """Read a frame from the cache alone; None when it is not there."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what there is to warn of was said when it was fetched
            try:
                return ask(self.session.from_cache())
            except CacheMissError:
                return None

    def _walk(self, walk: Walk) -> Cost:
        older, offline = walk.older(), walk.policy.offline
        if older is None:
            return Cost(1, 0 if offline else 1, int(walk.ask.limit is not None or walk.ask.unique))
        pages = _pages(walk, older)
        cold = self._whole(pages)
        if offline or walk.held() is not None:
            return Cost(cold, 0)
        start = walk.newest_from(older)
        if start is None or older.oldest is None or older.oldest >= start:
            return Cost(cold, cold)  # where all rows are as new as that, all are asked for
        newer = walk.newer_than(older, start)
        return Cost(cold, cold if newer is None else self._whole(min(pages, _pages_of(walk, older, pages, newer))))

    def _whole(self, pages: int) -> int:
        """Count the calls of a walk of so many pages."""
        if pages == 1:
            return 1  # it comes as one answer: there is nothing to verify
        return 2 * pages if self.session.policy.verify == "strict" else pages + 1


def _before(ask: Ask, known: Ask) -> int:
    """Count the addresses that are asked in vain before the one that the service knows."""
    count = 0
    while ask.path != known.path and ask.otherwise is not None:
        ask, count = ask.otherwise, count + 1
    return count


def _pages_of(walk: Walk, held: Entry, pages: int, newer: int) -> int:
    """Tell on how many pages the newest rows come, where all that are held come on so many."""
    limit = walk.ask.limit or held.rows
    size = limit if math.ceil(held.rows / limit) == pages else math.ceil(held.rows / pages)
    # Without a filter the page with the first older row comes too.
    return newer // size + 1 if walk.ask.since is None else max(1, math.ceil(newer / size))


def _pages(walk: Walk, held: Entry) -> int:
    """Tell how many pages the service gives for what is held."""
    if walk.ask.limit is None:
        return max(1, len(held.pages))
    full = max(1, math.ceil(held.rows / walk.ask.limit))
    if held.whole_at < held.fetched_at:
        return full  # it was put together of pieces of pages
    # The service may make pages shorter than asked, or a row longer; larger ones were asked with another limit.
    return len(held.pages) if held.rows <= len(held.pages) * (walk.ask.limit + 1) else full
