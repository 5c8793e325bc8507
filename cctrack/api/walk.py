"""From an address to the records of all its pages, which come from one walk of the server or are read again.

A page may shift while the next one is asked for, and rows have no id. So the first page is read again at the end;
a run of rows that ends one page and begins the next is taken for overlap only when it vanishes from a second walk
whose pages end elsewhere. Where the service can be asked for what is new, a walk that is held is only brought up to
date: its newest rows are asked for again, with a look-back, and take the place of those held.
"""

from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from cctrack.api.chain import Answer, Ask, Chain, Dialect, Page
from cctrack.api.clock import Clock
from cctrack.api.overlap import Overlap, Record, Trail, key, other_sizes
from cctrack.api.sheets import Newer, Sheets
from cctrack.api.store import KEPT_UNFINISHED, Entry, Store, new_number
from cctrack.api.transport import Transport, encoded, strict_json
from cctrack.errors import AuthError, CacheMissError, CctrackError, RateLimitError, ResponseError
from cctrack.moments import DAY, HOUR, iso, microseconds

Verify = Literal["head", "strict"]

MOST_PAGES = 10_000  # five million rows: a chain that goes on has no end
_WALKS = 4  # the first one, and up to three when the report changes meanwhile
LOOK_BACK = DAY  # the service's clocks are known to be off by hours, and rows may come late
_CLOCKS = 12 * HOUR  # asked for beyond that, for a filter whose clock is not that of the rows
# The service lists what was sent in the last 180 days or so: events of that time are younger, but seldom by much.
_RETENTION = 185 * DAY
_LAPSED = 150 * DAY
_BAD_REQUEST = 400
_QUIET = 30 * DAY
_OF_CAMPAIGNS = ("campaign_", "account_activities")
_QUIET_FACTOR = 24  # a campaign without new activity for that long is asked less often by this factor


@dataclass(frozen=True)
class Policy:
    """How a session wants its walks.

    Attributes
    ----------
    verify : {"head", "strict"}
        Read page one again at the end, or walk until two walks agree.
    expire_after : float
        Seconds for which a walk is fresh.
    expire_report : dict of str to float
        The same for some reports by name.
    offline : bool
        Answer from the store alone, however old.
    most_pages : int
        Where a chain of pages is taken to have no end.
    """

    verify: Verify = "head"
    expire_after: float = 3600.0
    expire_report: dict[str, float] = field(default_factory=dict)
    offline: bool = False
    most_pages: int = MOST_PAGES

    def is_fresh(self, report: str, entry: Entry, now: float) -> bool:
        """Whether a report need not ask for a walk again, whichever report it was made for."""
        limit = self.expire_report.get(report, self.expire_after)
        quiet = entry.newest is not None and now * 1e6 - entry.newest > _QUIET
        if quiet and report.startswith(_OF_CAMPAIGNS):
            limit *= _QUIET_FACTOR
        # An entry of the future is of a clock that was set back: its age is not known.
        return self.offline or 0 <= now - entry.fetched_at < limit


@dataclass
class Walk:
    """The walk of one address; iterate over its pages, then read the rest.

    Attributes
    ----------
    calls : int
        Requests sent.
    entry : Entry or None
        What the walk came to; None until it is done.
    from_cache : bool
        Whether nothing was asked for.
    complete : bool
        False when the report kept changing while it was read.
    drop : list of int
        Positions of rows that turned out to be overlap.
    """

    report: str
    ask: Ask
    dialect: Dialect
    transport: Transport
    store: Store
    policy: Policy
    clock: Clock
    refresh: bool = False
    keep: bool = True
    entry: Entry | None = None
    from_cache: bool = False
    complete: bool = True
    drop: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._params = dict(self.ask.params)
        self._query = encoded(self._params)
        self._scratch = self.store if self.keep else Store(None, "")
        self._chain = Chain(self.report, self.ask, self.dialect, self.transport, self._scratch, self.policy.most_pages)
        self._sheets = Sheets(self._scratch, self.ask, self._chain.url)

    @property
    def calls(self) -> int:
        """Requests sent."""
        return self._chain.calls

    def held(self) -> Entry | None:
        """Give the walk in the store that answers this one without a request, if there is one."""
        now = self.clock.time()
        if not self.keep or (self.refresh and not self.policy.offline):
            return None
        entry = self.store.find(self.ask.path, self._query)
        return entry if entry is not None and self.policy.is_fresh(self.report, entry, now) else None

    def older(self) -> Entry | None:
        """Give the walk in the store, however old, if there is one."""
        return self.store.find(self.ask.path, self._query) if self.keep else None

    def newest_from(self, older: Entry) -> int | None:
        """Tell from when on rows are to be asked for to bring a walk up to date; None where it is to be read again."""
        if self.ask.since is None or older.newest is None or older.order == "mixed" or len(older.pages) < 2:
            return None
        # A row may be dated in the future; those that come after it need not be.
        return min(older.newest, int(older.fetched_at * 1e6)) - LOOK_BACK - _CLOCKS

    def take(self, entry: Entry) -> None:
        """Be answered by what is in the store."""
        self.entry, self.from_cache = entry, True

    def __iter__(self) -> Iterator[Page]:
        if (entry := self.held()) is not None and (yield from self._replay(entry)):
            self.take(entry)
            return
        if self.policy.offline:
            raise CacheMissError(
                f"{self.report} is not on disk, and the session is offline or a snapshot; "
                "connect to the account online to ask for it"
            )
        older = self.older()
        entry = None if older is None else self._brought_up(older)
        if entry is not None and (yield from self._replay(entry)):
            self.entry = entry
            return
        yield from self._asked(older)

    def _replay(self, entry: Entry) -> Generator[Page, None, bool]:
        """Read a walk from the store; false when a page is not there, so that what was read does not count."""
        for position, name in enumerate(entry.pages):
            body = self._scratch.page(name)
            if body is None:
                return False
            yield Page(position, self._chain.records(strict_json(body)))
        return True

    def _asked(self, older: Entry | None) -> Iterator[Page]:
        """Read the whole of it."""
        settled = yield from self._until_whole(self._params, self._begun(), resumable=self.keep)
        self.drop, self.complete = settled.drop, settled.complete
        entry = self._entry(settled)
        if settled.complete:
            pages = self._sheets.without(entry.pages, settled.drop)
            entry = replace(entry, pages=pages, rows=entry.rows - len(settled.drop))
            kept = entry if older is None else self._with_lapsed(entry, older)
            self._scratch.keep(kept)
            self._scratch.drop_pages(set(settled.trail.held) - set(kept.pages))
            if kept is not entry and (yield from self._replay(kept)):
                self.drop, entry = [], kept
        self.entry = entry

    def _until_whole(
        self, params: dict[str, str], begun: Trail | None, *, resumable: bool
    ) -> Generator[Page, None, "_Settled"]:
        """Walk the server until a walk holds together."""
        head: Answer | None = None
        before: bytes | None = None
        for attempt in range(_WALKS):
            trail = begun if begun is not None and attempt == 0 else self._trail()
            try:
                yield from self._chain.follow(trail, params, self.ask.limit, head)
                if trail.pages == 1 and begun is not trail:
                    agrees = True
                elif trail.digests:
                    agrees, before = trail.digest() == before, trail.digest()
                else:
                    head = self._chain.page("", params, self.ask.limit)
                    agrees = head.rows == trail.first
                if agrees and (verdict := self._overlap(trail, params)) is not None:
                    return _Settled(trail, *verdict)
            except BaseException as error:
                self._broke_off(trail, error, resumable=resumable)
                raise
            self._scratch.drop_pages(trail.held)
        if self.policy.verify == "strict":
            raise ResponseError(
                f"{self.report} changed during each of {_WALKS} walks, so that no two agree; "
                'try again when the account is quieter, or connect with verify="head"',
                url=self._chain.url,
            )
        return _Settled(trail, [], "none", complete=False)

    def _trail(self, **known: Any) -> Trail:
        now = self.clock.time()
        return Trail(now, new_number(now), self.ask.date, digests=self.policy.verify == "strict", **known)

    def _begun(self) -> Trail | None:
        """Go on with a walk that broke off a short time ago."""
        if self.policy.verify == "strict":
            return None
        begun = self._scratch.find(self.ask.path, self._query, whole=False)
        if begun is None or not 0 <= self.clock.time() - begun.fetched_at < KEPT_UNFINISHED:
            return None
        return Trail(begun.fetched_at, begun.number, self.ask.date, held=list(begun.pages))

    def _broke_off(self, trail: Trail, error: BaseException, *, resumable: bool) -> None:
        """Keep the pages for the next try, unless they are what is wrong."""
        # A lasting refusal may be of the page to go on with; one for want of calls or of a good token is not.
        innocent = isinstance(error, (AuthError, RateLimitError))
        wrong = isinstance(error, CctrackError) and not error.retryable and not innocent
        if trail.pages and resumable and not wrong:
            self._scratch.keep(replace(self._entry(_Settled(trail, [], "none")), whole=False))
        else:
            self._scratch.drop_pages(trail.held)

    def _entry(self, settled: "_Settled") -> Entry:
        trail = settled.trail
        return Entry(
            report=self.report,
            path=self.ask.path,
            query=self._query,
            number=trail.number,
            pages=list(trail.held),
            rows=trail.rows,
            fetched_at=trail.began,
            whole_at=trail.began,
            newest=trail.newest,
            oldest=trail.oldest,
            order=trail.order,
            overlap=settled.overlap,
        )

    def _overlap(self, trail: Trail, params: dict[str, str]) -> tuple[list[int], str] | None:
        """Tell which rows are overlap, looking again with other page sizes; None when the looks disagree."""
        if not trail.suspects:
            return [], "none"
        bodies = [self._scratch.page(name) for name in trail.held]
        if None in bodies:  # the store did not take them: nothing to compare with
            return [], "undecided"
        overlap = Overlap(trail, (row for body in bodies for row in self.ask.rows(strict_json(body or b""))))
        for limit in other_sizes(self.ask.limit or 1):
            if overlap.decided:
                break
            look = self._trail(counted=overlap.suspected)
            try:
                for _ in self._chain.follow(look, params, limit):
                    pass  # only what it counts is wanted
            except ResponseError:
                continue  # pages of this size lead nowhere: nothing is learned from them
            if not overlap.agrees(look):
                return None
        return overlap.verdict()

    def _brought_up(self, older: Entry) -> Entry | None:
        """Ask for the newest rows alone and put them in the place of those held; None where that cannot be done."""
        since, start = self.ask.since, self.newest_from(older)
        if since is None or start is None or not self.store.holds(older):
            return None
        bound = start + _CLOCKS
        own = microseconds(self._params[since]) if since in self._params else None
        params = {**self._params, since: iso(start if own is None else max(start, own))}
        try:
            settled = _drained(self._until_whole(params, None, resumable=False))
        except CctrackError as error:
            if error.status == _BAD_REQUEST:
                return None  # this report does not know the filter: some documents leave it out for bounces
            raise
        entry, written = None, set(settled.trail.held)
        if settled.complete and settled.trail.dated:
            window = self._sheets.since(settled.trail.held, set(settled.drop), bound)
            held = self._sheets.part(older, bound)
            if window is not None and held is not None:
                written |= {*window[0], *held.older}
                entry = self._merged(older, held, *window, settled)
        if entry is not None:
            self._scratch.keep(entry)
        self._scratch.drop_pages(written - set((entry or older).pages) - set(older.pages))
        return entry

    def _merged(
        self, older: Entry, held: Newer, pages: list[str], rows: list[Record], settled: "_Settled"
    ) -> Entry | None:
        """Put the newest rows in the place of those held; None when one that is held is listed no more."""
        trail, newest = settled.trail, older.newest or 0
        if held.rows - Counter(map(key, rows)):
            # The newest row held is listed no more. When it is old, the service has merely ceased to list it.
            if trail.rows or self.clock.time() * 1e6 - newest < _LAPSED:
                return None
            return replace(older, fetched_at=trail.began)
        # Rows of one date run either way.
        runs = trail.order == older.order or trail.newest == trail.oldest or len(rows) < 2
        return replace(
            older,
            number=trail.number,
            pages=pages + held.older if older.order == "falling" else held.older + pages,
            rows=older.rows - held.removed + len(rows),
            fetched_at=trail.began,
            newest=max(newest, trail.newest or newest),
            order=older.order if runs else "mixed",
            overlap=older.overlap if held.older and settled.overlap != "undecided" else settled.overlap,
        )

    def _with_lapsed(self, entry: Entry, older: Entry) -> Entry:
        """Keep what is held and so old that the service has ceased to list it, if it does cease to list what is old."""
        now = self.clock.time() * 1e6
        if entry.oldest is not None and entry.oldest < now - _RETENTION:
            return entry  # it lists older rows: what is gone was removed
        bound = int(now - _LAPSED if entry.oldest is None else min(now - _LAPSED, entry.oldest))
        # Rows of one date run either way.
        level = entry.newest == entry.oldest and (entry.order != "mixed" or not entry.rows)
        order = older.order if level else entry.order
        runs = older.order == entry.order or level or older.newest == older.oldest
        if not runs or "mixed" in (order, older.order) or older.oldest is None or older.oldest >= bound:
            return entry
        lapsed = self._sheets.before(older, bound)
        if lapsed is None or not lapsed[1]:
            return entry
        pages, rows = lapsed
        return replace(
            entry,
            pages=entry.pages + pages if order == "falling" else pages + entry.pages,
            rows=entry.rows + rows,
            whole_at=older.whole_at,
            newest=entry.newest if entry.newest is not None else bound,
            oldest=older.oldest,
            order=order,
        )


@dataclass(frozen=True)
class _Settled:
    """A walk of the server that holds together, or the last of those that did not."""

    trail: Trail
    drop: list[int]
    overlap: str
    complete: bool = True


def _drained(walk: Generator[Page, None, _Settled]) -> _Settled:
    """Run a walk whose pages are only wanted in the store."""
    while True:
        try:
            next(walk)
        except StopIteration as end:
            settled: _Settled = end.value
            return settled
