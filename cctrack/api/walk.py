"""From an address to the records of all its pages, which come from one walk of the server or are read again.

A page may shift while the next one is asked for, and rows have no id. So the first page is read again at the end;
a run of rows that ends one page and begins the next is taken for overlap only when it vanishes from a second walk
whose pages end elsewhere. Where the service can be asked for what is new, a walk that is held is only brought up to
date: its newest rows are asked for again, with a look-back, and take the place of those held. Where it cannot but
lists the newest first, the same is had by stopping where the rest is too old, as long as every page kept that order.
"""

from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from msgspec.json import encode

from cctrack.api.ask import FOR_GOOD, Ask
from cctrack.api.chain import Answer, Chain, Dialect, Page
from cctrack.api.clock import Clock
from cctrack.api.increments import Settled, merged, with_lapsed
from cctrack.api.overlap import Overlap, Trail, other_sizes
from cctrack.api.policy import Policy as Policy
from cctrack.api.sheets import Sheets
from cctrack.api.store import KEPT_UNFINISHED, Entry, Store, new_number
from cctrack.api.transport import Transport, encoded, strict_json
from cctrack.errors import AuthError, CacheMissError, CctrackError, RateLimitError, ResponseError
from cctrack.moments import DAY, HOUR, iso, microseconds

_WALKS = 4  # the first one, and up to three when the report changes meanwhile
LOOK_BACK = DAY  # the service's clocks are known to be off by hours, and rows may come late
_CLOCKS = 12 * HOUR  # asked for beyond that, for a filter whose clock is not that of the rows
_PAST = DAY  # how far a walk goes on past a bound: the order of the rows is that of a clock
_PART = "until"  # stands in the store's keys only
_BAD_REQUEST = 400


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
    first : callable or None
        Gives the first page and the calls that it took, where it was asked for together with those of other walks.
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
    first: Callable[[], tuple[bytes | None, int]] | None = None

    def __post_init__(self) -> None:
        self._params = dict(self.ask.params)
        self._query = encoded(self._params)
        bound = self.ask.bound if self.ask.newest_first else None
        self._stop = None if bound is None else bound - _PAST
        # A walk that may end early is another one than the whole, which answers it too.
        self._part = None if bound is None else encoded({**self._params, _PART: iso(bound)})
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
        if not self.keep or (self.refresh and not self.policy.offline and self.ask.lasts != FOR_GOOD):
            return None
        for entry in self._found():
            if self.policy.is_fresh(self.report, entry, now, self.ask.lasts):
                return entry
        return None

    def older(self) -> Entry | None:
        """Give the walk in the store, however old, if there is one."""
        return next(self._found(), None) if self.keep else None

    def _found(self) -> Iterator[Entry]:
        """Find the whole walk in the store, then the part of it that would do."""
        for query in (self._query, self._part):
            if query is not None and (entry := self.store.find(self.ask.path, query)) is not None:
                yield entry

    def newest_from(self, older: Entry) -> int | None:
        """Tell from when on rows are to be asked for to bring a walk up to date; None where it is to be read again."""
        if older.newest is None or older.order == "mixed" or len(older.pages) < 2:
            return None
        if self.ask.since is None and not (self.ask.newest_first and older.order == "falling"):
            return None
        # A row may be dated in the future; those that come after it need not be.
        return min(older.newest, int(older.fetched_at * 1e6)) - LOOK_BACK - _CLOCKS

    def newer_than(self, older: Entry, start: int) -> int | None:
        """Count the rows held from a date on; None when they are not there."""
        return self._sheets.newer(older, start)

    def alternatives(self) -> list["Walk"]:
        """List this walk and those that take its place where the service knows nothing at its address.

        One that the store answers comes first.
        """
        found, ask = [self], self.ask.otherwise
        while ask is not None:
            found.append(
                Walk(
                    self.report,
                    ask,
                    self.dialect,
                    self.transport,
                    self.store,
                    self.policy,
                    self.clock,
                    self.refresh,
                    self.keep,
                )
            )
            ask = ask.otherwise
        return found if len(found) == 1 else sorted(found, key=lambda walk: walk.held() is None)

    def empty(self) -> "Walk":
        """Give the walk of an address that is known to hold nothing: it is kept as if the service had said so."""
        return replace(self, first=lambda: (encode({self.ask.envelope: []}), 0))

    def take(self, entry: Entry) -> None:
        """Be answered by what is in the store."""
        self.entry, self.from_cache = entry, True

    def __iter__(self) -> Iterator[Page]:
        if (entry := self.held()) is not None and (yield from self._replay(entry)):
            self.take(entry)
            return
        if self.policy.offline:
            raise CacheMissError(
                f"the report of {self.report.replace('_', ' ')} is not on disk, and the session is offline or a "
                "snapshot; connect to the account online to ask for it"
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
        settled = yield from self._until_whole(
            self._params, self._begun(), resumable=self.keep, head=self._given(), stop=self._stop
        )
        self.drop, self.complete = settled.drop, settled.complete
        entry = self._entry(settled)
        if settled.complete:
            entry, kept = self._settle(settled, older)
            if kept is not entry and (yield from self._replay(kept)):
                self.drop, entry = [], kept
        self.entry = entry

    def _settle(self, settled: Settled, older: Entry | None) -> tuple[Entry, Entry]:
        """Keep a walk that holds together; give it as it was read, and as it is kept."""
        entry = self._entry(settled)
        pages = self._sheets.without(entry.pages, settled.drop)
        entry = replace(entry, pages=pages, rows=entry.rows - len(settled.drop))
        kept = entry
        if older is not None and older.query == entry.query and self.ask.limit is not None:
            kept = with_lapsed(entry, older, self._sheets, self.clock.time())
        self._scratch.keep(kept)
        self._scratch.drop_pages(set(settled.trail.held) - set(kept.pages))
        return entry, kept

    def _given(self) -> Answer | None:
        """Give the first page where it is asked for together with those of other walks."""
        body, calls = (None, 0) if self.first is None else self.first()
        self._chain.calls += calls
        return None if body is None else self._chain.answer(body)

    def _until_whole(
        self,
        params: dict[str, str],
        begun: Trail | None,
        *,
        resumable: bool,
        head: Answer | None = None,
        stop: int | None = None,
    ) -> Generator[Page, None, Settled]:
        """Walk the server until a walk holds together."""
        before: bytes | None = None
        for attempt in range(_WALKS):
            trail = begun if begun is not None and attempt == 0 else self._trail()
            try:
                yield from self._chain.follow(trail, params, self.ask.limit, head, stop)
                if trail.pages == 1 and begun is not trail:
                    agrees = True
                elif trail.digests:
                    agrees, before = trail.digest() == before, trail.digest()
                else:
                    head = self._chain.page("", params, self.ask.limit)
                    agrees = head.rows == trail.first
                if agrees and (verdict := self._overlap(trail, params, stop)) is not None:
                    return Settled(trail, *verdict)
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
        return Settled(trail, [], "none", complete=False)

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
            self._scratch.keep(replace(self._entry(Settled(trail, [], "none")), whole=False))
        else:
            self._scratch.drop_pages(trail.held)

    def _entry(self, settled: Settled) -> Entry:
        trail = settled.trail
        return Entry(
            report=self.report,
            path=self.ask.path,
            query=self._part if trail.stopped and self._part is not None else self._query,
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

    def _overlap(self, trail: Trail, params: dict[str, str], stop: int | None) -> tuple[list[int], str] | None:
        """Tell which rows are overlap, looking again with other page sizes; None when the looks disagree."""
        if not trail.suspects:
            return [], "none"
        if self.ask.unique:
            return [run.start + offset for run in trail.suspects for offset in range(len(run.rows))], "removed"
        bodies = [self._scratch.page(name) for name in trail.held]
        if None in bodies:  # the store did not take them: nothing to compare with
            return [], "undecided"
        if stop is not None and trail.oldest is not None:
            stop = min(stop, trail.oldest)  # pages of another size are to reach as far
        overlap = Overlap(trail, (row for body in bodies for row in self.ask.rows(strict_json(body or b""))))
        for limit in other_sizes(self.ask.limit or 1):
            if overlap.decided:
                break
            look = self._trail(counted=overlap.suspected)
            try:
                for _ in self._chain.follow(look, params, limit, stop=stop):
                    pass  # only what it counts is wanted
            except ResponseError:
                continue  # pages of this size lead nowhere: nothing is learned from them
            if not overlap.agrees(look):
                return None
        return overlap.verdict()

    def _brought_up(self, older: Entry) -> Entry | None:
        """Ask for the newest rows alone and put them in the place of those held; None where that cannot be done."""
        since, start = self.ask.since, self.newest_from(older)
        if start is None or not self.store.holds(older):
            return None
        bound = start + _CLOCKS
        own = microseconds(self._params[since]) if since is not None and since in self._params else None
        params = (
            self._params if since is None else {**self._params, since: iso(start if own is None else max(start, own))}
        )
        try:
            stop = start if since is None else None
            settled = _drained(self._until_whole(params, None, resumable=False, stop=stop))
        except CctrackError as error:
            if error.status == _BAD_REQUEST:
                return None  # this report does not know the filter: some documents leave it out for bounces
            raise
        if since is None and settled.complete and not settled.trail.stopped:
            return self._settle(settled, older)[1]  # all of it came: the order did not hold, or nothing is older
        entry, written = None, set(settled.trail.held)
        if settled.complete and settled.trail.dated:
            window = self._sheets.since(settled.trail.held, set(settled.drop), bound)
            held = self._sheets.part(older, bound)
            if window is not None and held is not None:
                written |= {*window[0], *held.older}
                entry = merged(older, held, *window, settled, self.clock.time())
        if entry is not None:
            self._scratch.keep(entry)
        self._scratch.drop_pages(written - set((entry or older).pages) - set(older.pages))
        return entry


def _drained(walk: Generator[Page, None, Settled]) -> Settled:
    """Run a walk whose pages are only wanted in the store."""
    while True:
        try:
            next(walk)
        except StopIteration as end:
            settled: Settled = end.value
            return settled
