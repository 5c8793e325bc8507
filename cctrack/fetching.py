"""The one path down and up: from a declared report and its ids to a typed frame with its provenance."""

import os
import sys
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
from tqdm.auto import tqdm

from cctrack.api.fanout import each
from cctrack.api.quota import Ledger
from cctrack.api.session import Session
from cctrack.api.walk import Walk
from cctrack.errors import CctrackError, IncompleteWarning, NotFoundError, RepairWarning
from cctrack.frames import Columns
from cctrack.inputs import wire_time
from cctrack.moments import iso
from cctrack.origin import KEY, described
from cctrack.schema import Report

_HANDFUL = 5  # a bar for fewer would be gone before it is read
_BAR_AFTER = 0.5  # seconds
_LEDGER_EVERY = 0.5  # seconds: other processes wait while the shared count is read
_FUTURE = pd.Timedelta(days=1)  # the service's clocks are known to be off by hours
_WORTH_A_TABLE = 500  # rows; fewer are read from their page as fast
_PROGRESS_VARIABLE = "CCTRACK_PROGRESS"


@dataclass
class _Facts:
    """What the walks of one report came to."""

    calls: int = 0
    hits: int = 0
    pages: int = 0
    fetched_at: float | None = None
    from_cache: bool = True
    complete: bool = True
    overlap: set[str] = field(default_factory=set)
    whole_at: float | None = None

    def add(self, other: "_Facts") -> None:
        self.calls += other.calls
        self.hits += other.hits
        self.pages += other.pages
        self.fetched_at = _earlier(self.fetched_at, other.fetched_at)
        self.whole_at = _earlier(self.whole_at, other.whole_at)
        self.from_cache &= other.from_cache
        self.complete &= other.complete
        self.overlap |= other.overlap


def _earlier(one: float | None, other: float | None) -> float | None:
    return min((time for time in (one, other) if time is not None), default=None)


@dataclass(frozen=True)
class Request:
    """A report that is to be fetched; every part is checked already.

    Attributes
    ----------
    report : Report
        Which.
    key : str or None
        Name of the identifier of which there are many.
    ids : list of str or None
        The many; None for a report of the whole account.
    fixed : dict of str to str
        Identifiers before the many.
    options : dict of str to str
        Filters as the catalogue names them.
    since : Timestamp or None
        Rows before it are left out, whatever the service sends.
    limit : int
        Wanted page size.
    refresh : bool
        Ask the service again.
    progress : bool or None
        Show a bar; None shows one for more than a handful.
    skip_missing : bool
        Leave out ids that the service does not know.
    route : str or None
        Stands in the provenance.
    """

    report: Report
    key: str | None = None
    ids: Sequence[str] | None = None
    fixed: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    since: pd.Timestamp | None = None
    limit: int = 500
    refresh: bool = False
    progress: bool | None = None
    skip_missing: bool = False
    route: str | None = None


def fetch(request: Request, session: Session) -> pd.DataFrame:
    """Fetch a report, typed, with its provenance.

    Raises
    ------
    CctrackError
        When any part of it cannot be had: a frame is never short.
    """
    report = request.report
    session.offers(report)
    _warn_of_future(request, session)
    columns, facts, missing = Columns(report), _Facts(), []
    tasks = [None] if request.ids is None else list(request.ids)
    with _bar(request, len(tasks)) as shown:
        bar = _Told(shown, session.ledger)

        def one(task: str | None) -> tuple[Columns, _Facts] | None:
            try:
                return _one(request, session, task, bar if len(tasks) == 1 else None)
            except CctrackError as error:
                if request.skip_missing and isinstance(error, NotFoundError):
                    return None
                if task is not None:
                    error.add_note(f"{report.function}: while asking for {request.key} {task}")
                raise

        for task, found in zip(tasks, each(one, tasks), strict=True):
            if found is None:
                missing.append(str(task))
                facts.add(_Facts(calls=1, from_cache=False))
            else:
                columns = _and(columns, found[0])
                facts.add(found[1])
            if len(tasks) > 1:
                bar.step(facts.calls, columns.rows, facts.hits)
    if report.order == "date" and report.since:
        columns.sort(report.since)
    frame = _filtered(columns.frame(), request)
    _warn(report, columns, facts)
    frame.attrs[KEY] = described(
        report=report.name,
        api=session.api,
        account=session.account,
        fetched_at=facts.fetched_at,
        from_cache=facts.from_cache and facts.pages > 0,
        calls=facts.calls,
        pages=facts.pages,
        complete=facts.complete,
        created_since=None if request.since is None else wire_time(request.since),
        route=request.route,
        ids=request.ids,
        missing=missing,
        missing_columns=columns.missing_columns,
        repaired=sum(columns.repaired.values()),
    )
    if facts.whole_at is not None:  # rows that were not asked for since stand as they were then
        frame.attrs[KEY]["whole_at"] = iso(int(facts.whole_at * 1e6))
    if facts.overlap:
        frame.attrs[KEY]["overlap"] = "undecided" if "undecided" in facts.overlap else "removed"
    return frame


def _one(request: Request, session: Session, task: str | None, bar: "_Told | None") -> tuple[Columns, _Facts]:
    """Read all walks of one id."""
    report = request.report
    ids = dict(request.fixed) if task is None else {**request.fixed, str(request.key): task}
    columns, facts = Columns(report), _Facts()

    def seen(calls: int, rows: int) -> None:
        if bar is not None:
            bar.step(facts.calls + calls, columns.rows + rows, facts.hits)

    for walk in session.walks(report, ids, request.options, request.limit, refresh=request.refresh):
        part = _from_table(report, walk, session)
        if part is None:
            part = _from_pages(report, walk, session, seen)
        columns = _and(columns, part)
        entry = walk.entry
        if entry is None:  # a walk ends with an entry or with an error
            raise CctrackError(f"{report.name} ended without a result; please report this")
        overlap = {entry.overlap} - {"none"}
        whole_at = entry.whole_at if entry.whole_at < entry.fetched_at else None
        facts.add(
            _Facts(
                walk.calls,
                int(walk.from_cache),
                len(entry.pages),
                entry.fetched_at,
                walk.from_cache,
                walk.complete,
                overlap,
                whole_at,
            )
        )
    if report.order == "date_within_id" and report.since:
        columns.sort(report.since)
    return columns, facts


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


def _filtered(frame: pd.DataFrame, request: Request) -> pd.DataFrame:
    """Filter again: a page after the first need not keep the filter. What has no date or status is kept."""
    keep = pd.Series(True, index=frame.index)
    if request.since is not None and request.report.since is not None:
        dates = frame[request.report.since]
        keep &= dates.isna() | (dates >= request.since)
    if (status := request.options.get("status", "ALL")) != "ALL" and "status" in frame:
        keep &= (frame["status"].str.upper() == status).fillna(True).astype(bool)
    return frame if keep.all() else frame[keep].reset_index(drop=True)


def _warn_of_future(request: Request, session: Session) -> None:
    if request.since is None:
        return
    now = pd.Timestamp(session.clock.time(), unit="s", tz="UTC")
    if request.since > now + _FUTURE:
        warnings.warn(
            f"{request.report.function}: {wire_time(request.since)} is in the future, so there is nothing since then",
            UserWarning,
            stacklevel=_callers_level(),
        )


def _warn(report: Report, columns: Columns, facts: _Facts) -> None:
    if columns.repaired:
        fields = ", ".join(f"{name} ({count})" for name, count in columns.repaired.items())
        warnings.warn(
            f"{report.function}: fields were missing or malformed and are NA now; their rows were kept: {fields}",
            RepairWarning,
            stacklevel=_callers_level(),
        )
    if not facts.complete:
        warnings.warn(
            f"{report.function}: the report kept changing while it was read, so rows may be missing or repeated; "
            'ask again with refresh=True when the account is quieter, or connect with verify="strict"',
            IncompleteWarning,
            stacklevel=_callers_level(),
        )
    if "undecided" in facts.overlap:
        warnings.warn(
            f"{report.function}: equal rows stand where two pages meet, and it cannot be told whether they are "
            "repeats or overlap; they were kept",
            IncompleteWarning,
            stacklevel=_callers_level(),
        )


def _callers_level() -> int:
    """Count the frames up to the caller of the library: a warning is to show the line of the notebook."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] == "cctrack":
        level, frame = level + 1, frame.f_back
    return level


def _bar(request: Request, tasks: int) -> Any:
    """Make the progress bar: of the ids, or of the pages of a single one."""
    wanted = request.progress
    if wanted is None:
        wanted = tasks > _HANDFUL or tasks == 1
    if os.environ.get(_PROGRESS_VARIABLE, "1").strip().lower() in ("0", "false", "no", "off"):
        wanted = False
    many = tasks > 1
    return tqdm(
        total=tasks if many else None,
        desc=request.report.name,
        unit=(request.key or "").removesuffix("_id") if many else "page",
        disable=not wanted,
        leave=False,
        delay=_BAR_AFTER,
    )


class _Told:
    """Stands between the bar and the work: shows beside the bar what the report has cost so far.

    Parameters
    ----------
    bar
        From `_bar`.
    ledger
        Tells what is left of today's calls.
    """

    def __init__(self, bar: Any, ledger: Ledger) -> None:
        self._bar = bar
        self._ledger = ledger
        self._left = ""
        self._look_at = time.monotonic() + _BAR_AFTER  # what is done before the bar shows need not look

    def step(self, calls: int, rows: int, hits: int) -> None:
        """Note that one more is done, and what all of it came to: `hits` are walks that the cache answered."""
        if self._bar.disable:
            return
        if (now := time.monotonic()) >= self._look_at:
            self._look_at = now + _LEDGER_EVERY
            self._left = f"{max(0, self._ledger.daily_quota - self._ledger.used()):,}"
        # As text: tqdm would write 10000 as 1e+4.
        told = {"calls": f"{calls:,}", "rows": f"{rows:,}", "hits": f"{hits:,}", "left_today": self._left}
        self._bar.set_postfix({name: text for name, text in told.items() if text}, refresh=False)
        self._bar.update()
