"""The one path down and up: from a declared report and its ids to a typed frame with its provenance."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from cctrack.api.fanout import each
from cctrack.api.given import Detail, Given, Lookup
from cctrack.api.session import Session
from cctrack.api.together import Together
from cctrack.api.walk import Walk
from cctrack.catalog import REPORTS
from cctrack.cautions import warn, warn_of_future, warn_of_ignored
from cctrack.errors import CctrackError, NotFoundError
from cctrack.frames import Columns
from cctrack.inputs import wire_time
from cctrack.joins import detailed, filled, summed
from cctrack.moments import iso
from cctrack.origin import KEY, described
from cctrack.progress import Told, bar
from cctrack.request import Facts, Request
from cctrack.schema import Report

_WORTH_A_TABLE = 500  # rows; fewer are read from their page as fast


def fetch(request: Request, session: Session) -> pd.DataFrame:
    """Fetch a report, typed, with its provenance.

    Raises
    ------
    CctrackError
        When any part of it cannot be had: a frame is never short.
    """
    report = request.report
    session.offers(report)
    warn_of_future(request, session)
    request = replace(request, options=session.worded(report, request.options))
    given = session.given(report)
    warn_of_ignored(request, given, session)
    columns, facts, missing = Columns(given.report), Facts(calls=0 if request.ids == [] else session.identify()), []
    tasks = [None] if request.ids is None else list(request.ids)
    together = (
        None if request.ids is None else session.together(report, request.ids, request.options, refresh=request.refresh)
    )
    with bar(report.name, (request.key or "").removesuffix("_id"), len(tasks), request.progress) as shown:
        told = Told(shown, session.ledger)

        def one(task: str | None) -> "Part":
            return Part(request, given, session, task, together, told if len(tasks) == 1 else None).read()

        for part in each(one, tasks):
            facts.add(part.facts)
            missing += part.missing
            columns = _and(columns, part.columns)
            if len(tasks) > 1:
                told.step(facts.calls, columns.rows, facts.hits)
    if report.order == "date" and report.since:
        columns.sort(report.since)
    repaired, absent = Counter(columns.repaired), columns.missing_columns
    frame = _filtered(columns.frame(), request, given)
    for lookup in given.lookups:
        frame, holes = _looked_up(frame, lookup, request, session, facts)
        repaired.update(holes)
        absent = [name for name in absent if name not in lookup.fills or (len(frame) and frame[name].isna().all())]
    for detail in given.details if request.details else ():
        frame, gone = _with_details(frame, detail, request, session, facts)
        missing += (one for one in gone if one not in missing)
        absent = [name for name in absent if name not in detail.fills]
    if given.sums:
        frame = summed(frame, given.sums, report, [one for one in tasks if one is not None and one not in missing])
        absent = [name for name in absent if name in frame]
    warn(report, repaired, complete=facts.complete, undecided="undecided" in facts.overlap)
    frame.attrs[KEY] = described(
        report=report.name,
        api=session.api,
        account=session.account if request.ids != [] or session.identified else None,
        fetched_at=facts.fetched_at,
        from_cache=facts.from_cache and facts.pages > 0,
        calls=facts.calls,
        pages=facts.pages,
        complete=facts.complete,
        created_since=None if request.since is None else wire_time(request.since),
        route=request.route,
        ids=request.ids,
        missing=missing,
        missing_columns=[name for name in absent if name in report.names],
        repaired=sum(repaired.values()),
    )
    if facts.whole_at is not None:  # rows that were not asked for since stand as they were then
        frame.attrs[KEY]["whole_at"] = iso(int(facts.whole_at * 1e6))
    if facts.overlap:
        frame.attrs[KEY]["overlap"] = "undecided" if "undecided" in facts.overlap else "removed"
    return frame


def _looked_up(
    frame: pd.DataFrame, lookup: Lookup, request: Request, session: Session, facts: Facts
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Fill columns from another report; tell how many ids could not be filled in."""
    holes = frame[list(lookup.fills)].isna().any(axis=1)
    by = frame.loc[holes, lookup.by].dropna()
    if by.empty:
        return frame, {}
    found = _further(lookup.report, _askable(by) if lookup.report.keys else None, request, session, facts)
    return filled(frame, found, lookup)


def _askable(ids: "pd.Series[str]") -> list[str]:
    """Give each id once; one that is empty, or dots, would make another address."""
    return [str(one) for one in ids.dropna().unique() if str(one).strip(".")]


def _with_details(
    frame: pd.DataFrame, detail: Detail, request: Request, session: Session, facts: Facts
) -> tuple[pd.DataFrame, list[str]]:
    """Fill columns of some rows from the reports of the mails that they are of; name the mails that have none."""
    mails = _askable(frame.loc[frame["activity_type"] == detail.kind, "campaign_activity_id"])
    if not mails:
        return frame, []
    found = _further(detail.report, mails, request, session, facts, since=request.since)
    return detailed(frame, found, detail, str(request.report.since)), found.attrs[KEY]["missing"]


def _further(
    report: Report,
    ids: Sequence[str] | None,
    request: Request,
    session: Session,
    facts: Facts,
    since: pd.Timestamp | None = None,
) -> pd.DataFrame:
    """Fetch a further report, as far as it is to be had, and count it with the one it is for."""
    found = fetch(
        Request(
            report,
            key=report.keys[0] if report.keys else None,
            ids=ids,
            options={} if since is None else {"created_since": wire_time(since)},
            since=since,
            limit=request.limit,
            refresh=request.refresh,
            progress=False,
            skip_missing=True,
        ),
        session,
    )
    told = found.attrs[KEY]
    # Its age and pages are not those of the rows.
    facts.add(Facts(calls=told["calls"], from_cache=told["from_cache"] or not told["calls"], complete=told["complete"]))
    return found


@dataclass
class Part:
    """The rows of one id: all its walks, or word that the service does not know it."""

    request: Request
    given: Given
    session: Session
    task: str | None
    together: Together | None
    bar: Told | None

    def __post_init__(self) -> None:
        self.columns, self.facts = Columns(self.given.report), Facts()
        self._part = self.columns
        self.missing: list[str] = []

    def read(self) -> "Part":
        """Read them."""
        request = self.request
        try:
            parts = list(self._each())
            for ids in parts:
                try:
                    self._read_part(ids)
                    self.columns = _and(self.columns, self._part)
                except NotFoundError as error:  # the other mails of a campaign have their rows still
                    if len(parts) < 2 or self.given.excuse is None:
                        raise
                    if not request.skip_missing:
                        error.add_note('the campaign has other mails: on_missing="skip" gives their rows')
                        raise
                    self.missing.append(ids[self.given.excuse.keys[0]])
            if len(self.missing) == len(parts) > 0:
                raise NotFoundError(f"the service has no report of {self.task}; check the id", status=404)
            if self.given.proof is not None and not self.columns.rows:
                self._prove(self.given.proof)
        except CctrackError as error:
            if request.skip_missing and isinstance(error, NotFoundError):
                self.columns, self.missing = Columns(self.given.report), [str(self.task)]
                self.facts.from_cache = False
                return self
            if self.task is not None:
                asked = request.report.name.replace("_", " ")  # what is read besides has no function
                asked = request.report.function if request.report.name in REPORTS else f"({asked})"
                error.add_note(f"{asked}: while asking for {request.key} {self.task}")
            raise
        if request.report.order == "date_within_id" and request.report.since:
            self.columns.sort(request.report.since)
        return self

    @property
    def ids(self) -> dict[str, str]:
        """The identifiers by name."""
        return (
            dict(self.request.fixed) if self.task is None else {**self.request.fixed, str(self.request.key): self.task}
        )

    def _each(self) -> Iterator[dict[str, str]]:
        """Give the identifiers of each walk: those asked for, or the parts of what they name."""
        spread = self.given.spread
        if spread is None:
            yield self.ids
            return
        parts = self._known(spread)
        for row in parts.to_dict("records"):
            yield {**self.ids, **{str(name): str(value) for name, value in row.items() if not pd.isna(value)}}

    def _read_part(self, ids: dict[str, str]) -> None:
        """Read all walks of what has these identifiers; a part that was not sent yet has no rows.

        Raises
        ------
        NotFoundError
            When there should be a report and is none.
        """
        request, self._part = self.request, Columns(self.given.report)
        for walk in self.session.walks(
            request.report, ids, request.options, request.limit, refresh=request.refresh, together=self.together
        ):
            try:
                self._read(walk)
            except NotFoundError:
                if not self._unsent(ids):
                    raise
                self._read(walk.empty())

    def _unsent(self, ids: dict[str, str]) -> bool:
        """Whether a part is known not to have been sent, so that no report of it is to be had."""
        excuse = self.given.excuse
        if excuse is None:
            return False
        found = _further(excuse, [ids[excuse.keys[0]]], self.request, self.session, self.facts)
        return bool(found["unsent"].notna().any())

    def _read(self, walk: Walk) -> None:
        """Read a walk, or the one that takes its place where the service knows nothing at its address."""
        walks = walk.alternatives()
        for position, one in enumerate(walks):
            try:
                part = _from_table(self.given.report, one, self.session)
                if part is None:
                    part = _from_pages(self.given.report, one, self.session, self._seen)
            except NotFoundError:
                self.facts.calls += one.calls
                if position + 1 == len(walks):
                    raise
                continue
            self._part = _and(self._part, part)
            self.facts.add(Facts.of(self.request.report, one))
            return

    def _prove(self, proof: Report) -> None:
        """Tell an id without rows from one that the service does not know.

        Raises
        ------
        NotFoundError
            When it is not known.
        """
        key, ids = self.request.report.keys[-1], self.ids
        if ids[key] not in set(self._known(proof)[key]):
            raise NotFoundError(f"the service knows no {key} {ids[key]} there; check the id", status=404)

    def _known(self, report: Report) -> pd.DataFrame:
        """Fetch what has to be known of this id; its calls count, also those in vain."""
        key, request = report.keys[0], self.request
        further = Request(report, key=key, ids=[self.ids[key]], limit=request.limit, refresh=request.refresh)
        part = Part(further, self.session.given(report), self.session, self.ids[key], None, None)
        try:
            part.read()
        finally:  # its age and pages are not those of the rows
            told = part.facts
            self.facts.add(Facts(told.calls, from_cache=told.from_cache or not told.calls, complete=told.complete))
        return part.columns.frame()

    def _seen(self, calls: int, rows: int) -> None:
        if self.bar is not None:
            self.bar.step(self.facts.calls + calls, self.columns.rows + self._part.rows + rows, self.facts.hits)


def _and(columns: Columns, more: Columns) -> Columns:
    """Put rows behind those there are; the first ones are taken as they are."""
    if not columns.rows:
        return more
    columns.absorb(more)
    return columns


def _from_table(report: Report, walk: Walk, session: Session) -> Columns | None:
    """Read a walk that is held as the table that was made of it: far quicker than its pages."""
    entry = walk.held()
    table = None if entry is None else session.store.table(entry.number, report.name)
    part = None if table is None else Columns.loaded(report, table)
    if part is not None and entry is not None and part.rows == entry.rows:
        walk.take(entry)
        return part
    return None


def _from_pages(report: Report, walk: Walk, session: Session, seen: Callable[[int, int], None]) -> Columns:
    part = Columns(report)
    for page in walk:
        if page.position == 0:
            part = Columns(report)  # the walk began anew: what came before does not count
        part.add(page.records)
        seen(walk.calls, part.rows)
    part.drop(walk.drop)
    entry = walk.entry
    if entry is not None and walk.keep and walk.complete and part.rows == entry.rows >= _WORTH_A_TABLE:
        session.store.keep_table(entry.number, report.name, part.dumped())
    return part


def _filtered(frame: pd.DataFrame, request: Request, given: Given) -> pd.DataFrame:
    """Filter again: a page after the first need not keep the filter. What has no date or status is kept."""
    keep = pd.Series(True, index=frame.index)
    if request.since is not None and request.report.since is not None:
        dates = frame[request.report.since]
        keep &= dates.isna() | (dates >= request.since)
    if (status := request.options.get("status", "ALL")) != "ALL" and "status" in frame:
        keep &= (frame["status"].str.upper() == status).fillna(True).astype(bool)
    elif given.unlisted:
        keep &= ~frame["status"].isin(given.unlisted)
    return frame if keep.all() else frame[keep].reset_index(drop=True)
