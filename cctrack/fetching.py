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
            if part.missing:
                missing.append(str(part.task))
            else:
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
        frame = _with_details(frame, detail, request, session, facts)
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
) -> pd.DataFrame:
    """Fill columns of some rows from the reports of the mails that they are of."""
    mails = _askable(frame.loc[frame["activity_type"] == detail.kind, "campaign_activity_id"])
    if not mails:
        return frame
    found = _further(detail.report, mails, request, session, facts, since=request.since)
    return detailed(frame, found, detail, str(request.report.since))


def _further(
    report: Report,
    ids: Sequence[str] | None,
    request: Request,
    session: Session,
    facts: Facts,
    since: pd.Timestamp | None = None,
    *,
    known: bool = False,
) -> pd.DataFrame:
    """Fetch a further report, and count it with the one it is for; `known` ids are to be there, others may lack."""
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
            skip_missing=not known,
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
    missing: bool = False

    def __post_init__(self) -> None:
        self.columns, self.facts = Columns(self.given.report), Facts()

    def read(self) -> "Part":
        """Read them."""
        request = self.request
        try:
            for ids in self._each():
                for walk in self.session.walks(
                    request.report,
                    ids,
                    request.options,
                    request.limit,
                    refresh=request.refresh,
                    together=self.together,
                ):
                    self._read(walk)
            if self.given.proof is not None and not self.columns.rows:
                self._prove(self.given.proof)
        except CctrackError as error:
            if request.skip_missing and isinstance(error, NotFoundError):
                self.missing = True
                self.facts.calls, self.facts.from_cache = max(1, self.facts.calls), False
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
        parts = _further(spread, [self.ids[spread.keys[0]]], self.request, self.session, self.facts, known=True)
        for row in parts.to_dict("records"):
            yield {**self.ids, **{str(name): str(value) for name, value in row.items() if not pd.isna(value)}}

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
            self.columns = _and(self.columns, part)
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
        known = _further(proof, [ids[proof.keys[0]]], self.request, self.session, self.facts, known=True)
        if ids[key] not in set(known[key]):
            raise NotFoundError(f"the service knows no {key} {ids[key]} there; check the id", status=404)

    def _seen(self, calls: int, rows: int) -> None:
        if self.bar is not None:
            self.bar.step(self.facts.calls + calls, self.columns.rows + rows, self.facts.hits)


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
