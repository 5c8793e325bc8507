"""From an address to the records of all its pages, which come from one walk of the server or are read again.

A page may shift while the next one is asked for, and rows have no id. So the first page is read again at the end;
a run of rows that ends one page and begins the next is taken for overlap only when it vanishes from a second walk
whose pages end elsewhere.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from cctrack.api.clock import Clock
from cctrack.api.fanout import check_stopped
from cctrack.api.overlap import Overlap, Record, Trail, other_sizes
from cctrack.api.store import Entry, Store
from cctrack.api.transport import Transport, encoded, strict_json
from cctrack.errors import AuthError, CacheMissError, CctrackError, RateLimitError, ResponseError

Verify = Literal["head", "strict"]

MOST_PAGES = 10_000  # five million rows: a chain that goes on has no end
_MOST_EMPTY = 3  # an empty page is not the end, but many in a row lead nowhere
_GO_ON = 600.0  # seconds in which a walk that broke off is gone on with; its first page is read again at the end
_WALKS = 4  # the first one, and up to three when the report changes meanwhile


class Ask(Protocol):
    """One walk, as a dialect describes it; see `cctrack.api.v2.Ask`."""

    path: str
    params: Any
    limit: int | None
    rows: Callable[[Any], list[Record]]


class Dialect(Protocol):
    """What the walk needs of a dialect."""

    PREFIX: str

    def next_token(self, answer: Any, ask: Any, origin: str, /) -> str | None:
        """Give the token of the next page, None on the last one."""
        ...


class Page(NamedTuple):
    """Records of one page. Position 0 begins a walk: what came before it no longer counts."""

    position: int
    records: list[Record]


@dataclass(frozen=True)
class Policy:
    """How a session wants its walks.

    Attributes
    ----------
    verify : {"head", "strict"}
        Read page one again at the end, or walk until two walks agree.
    expire_after : float
        Seconds for which a walk is fresh.
    offline : bool
        Answer from the store alone, however old.
    most_pages : int
        Where a chain of pages is taken to have no end.
    """

    verify: Verify = "head"
    expire_after: float = 3600.0
    offline: bool = False
    most_pages: int = MOST_PAGES


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
        Whether it was read from the store.
    complete : bool
        False when the report kept changing while it was read.
    """

    report: str
    ask: Any
    dialect: Any
    transport: Transport
    store: Store
    policy: Policy
    clock: Clock
    refresh: bool = False
    keep: bool = True
    calls: int = 0
    entry: Entry | None = None
    from_cache: bool = False
    complete: bool = True
    _scratch: Store = field(init=False)

    def __iter__(self) -> Iterator[Page]:
        self._query = encoded(dict(self.ask.params))
        self._scratch = self.store if self.keep else Store(None, "")
        if not self.refresh or self.policy.offline:
            yield from self._held()
        if self.entry is not None:
            return
        if self.policy.offline:
            raise CacheMissError(
                f"{self.report} is not on disk and the session is offline; connect without offline=True to ask for it"
            )
        yield from self._asked()

    def _held(self) -> Iterator[Page]:
        """Read the walk from the store, if all of it is there and it is fresh enough."""
        entry = self.store.find(self.ask.path, self._query) if self.keep else None
        if entry is None or not (self.policy.offline or self._is_fresh(entry)):
            return
        for position in range(entry.pages):
            body = self.store.page(entry.number, position)
            if body is None:
                return
            yield Page(position, self.ask.rows(strict_json(body)))
        self.entry, self.from_cache = entry, True

    def _is_fresh(self, entry: Entry) -> bool:
        # An entry of the future is of a clock that was set back: its age is not known.
        return 0 <= self.clock.time() - entry.fetched_at < self.policy.expire_after

    def _asked(self) -> Iterator[Page]:
        """Walk the server until a walk holds together."""
        head: _Answer | None = None
        before: bytes | None = None
        for attempt in range(_WALKS):
            trail = self._trail(first=attempt == 0)
            try:
                yield from self._one_walk(trail, self.ask.limit, head)
                if trail.pages == 1 and not trail.held:
                    whole = True
                elif self.policy.verify == "strict":
                    whole, before = trail.digest() == before, trail.digest()
                else:
                    head = self._page("", self.ask.limit)
                    whole = head.rows == trail.first
                if whole and (verdict := self._settled(trail)) is not None:
                    self.entry = self._entry(trail, *verdict)
                    self._scratch.keep(self.entry)
                    return
            except BaseException as error:
                self._broke_off(trail, error)
                raise
            self._scratch.drop_pages(trail.number, trail.pages)
        if self.policy.verify == "strict":
            raise ResponseError(
                f"{self.report} changed during each of {_WALKS} walks, so that no two agree; "
                'try again when the account is quieter, or connect with verify="head"',
                url=self._url,
            )
        self.complete = False
        self.entry = self._entry(trail, [], "none")

    def _trail(self, *, first: bool) -> Trail:
        """Begin a walk, or go on with one that broke off a short time ago."""
        strict = self.policy.verify == "strict"
        begun = self._scratch.find(self.ask.path, self._query, whole=False) if first and not strict else None
        if begun is not None and 0 <= self.clock.time() - begun.fetched_at < _GO_ON:
            return Trail(begun.fetched_at, number=begun.number, held=begun.pages)
        return Trail(self.clock.time(), digests=strict)

    def _broke_off(self, trail: Trail, error: BaseException) -> None:
        """Keep the pages for the next try, unless they are what is wrong."""
        # A lasting refusal may be of the page to go on with; one for want of calls or of a good token is not.
        innocent = isinstance(error, (AuthError, RateLimitError))
        wrong = isinstance(error, CctrackError) and not error.retryable and not innocent
        if trail.pages and self.keep and not wrong:
            self._scratch.keep(self._entry(trail, [], "none", whole=False))
        else:
            self._scratch.drop_pages(trail.number, max(trail.pages, trail.held))

    def _entry(self, trail: Trail, drop: list[int], overlap: str, *, whole: bool = True) -> Entry:
        return Entry(
            report=self.report,
            path=self.ask.path,
            query=self._query,
            number=trail.number,
            pages=trail.pages,
            rows=trail.rows,
            fetched_at=trail.began,
            drop=drop,
            overlap=overlap,
            whole=whole,
        )

    def _one_walk(self, trail: Trail, limit: int | None, head: "_Answer | None" = None) -> Iterator[Page]:
        """Follow the chain once from its beginning; `head` is a first page that is at hand."""
        token: str | None = ""
        seen: set[str] = set()
        empty = 0
        while token is not None:
            position = trail.pages
            answer = head if head is not None and not position else self._at_hand(trail)
            if answer is None:
                answer = self._page(token, limit)
                trail.held = 0
            trail.add(answer.rows)
            if position >= trail.held and not trail.counted:  # a second look is not kept
                self._scratch.keep_page(trail.number, position, self._url, answer.body)
            yield Page(position, answer.rows)
            token = answer.token
            empty = 0 if answer.rows else empty + 1
            if token in seen:
                raise self._broken("the service names the same next page twice")
            if empty > _MOST_EMPTY:
                raise self._broken(f"{empty} empty pages in a row")
            if token is not None and trail.pages >= self.policy.most_pages:
                raise self._broken(f"more than {self.policy.most_pages:,} pages")
            seen.add(token or "")

    def _broken(self, why: str) -> ResponseError:
        return ResponseError(
            f"the pages of {self.report} lead nowhere ({why}); nothing of it was kept, try again later",
            url=self._url,
        )

    @property
    def _path(self) -> str:
        return f"{self.dialect.PREFIX}{self.ask.path}"

    @property
    def _url(self) -> str:
        return f"{self.transport.origin}{self._path}"

    def _page(self, token: str, limit: int | None) -> "_Answer":
        """Ask for one page: the first with its filters, a further one by its token alone."""
        check_stopped()
        size = {"limit": str(limit)} if limit is not None else {}
        query = f"next={token}" if token else encoded({**dict(self.ask.params), **size})

        (rows, token_of_next), body, calls = self.transport.fetch(self._path, query, self._read)
        self.calls += calls
        return _Answer(rows, token_of_next, body)

    def _at_hand(self, trail: Trail) -> "_Answer | None":
        """Give the next page of a walk that broke off, as long as there is one."""
        if trail.pages >= trail.held:
            return None
        body = self._scratch.page(trail.number, trail.pages)
        return None if body is None else _Answer(*self._read(strict_json(body)), body)

    def _read(self, answer: Any) -> tuple[list[Record], str | None]:
        rows = self.ask.rows(answer)
        if wrong := set(map(type, rows)) - {dict}:
            raise ResponseError(
                f"a row of {self.report} is no JSON object but {wrong.pop().__name__}; "
                "try again later, and check base_url if it stays so",
                retryable=True,
            )
        return rows, self.dialect.next_token(answer, self.ask, self.transport.origin)

    def _settled(self, trail: Trail) -> tuple[list[int], str] | None:
        """Tell which rows are overlap, looking again with other page sizes; None when the looks disagree."""
        if not trail.suspects:
            return [], "none"
        bodies = [self._scratch.page(trail.number, position) for position in range(trail.pages)]
        if None in bodies:  # the store did not take them: nothing to compare with
            return [], "undecided"
        overlap = Overlap(trail, (row for body in bodies for row in self.ask.rows(strict_json(body or b""))))
        for limit in other_sizes(self.ask.limit or 1):
            if overlap.decided:
                break
            look = Trail(self.clock.time(), counted=overlap.suspected)
            try:
                for _ in self._one_walk(look, limit):
                    pass  # only what it counts is wanted
            except ResponseError:
                continue  # pages of this size lead nowhere: nothing is learned from them
            if not overlap.agrees(look):
                return None
        return overlap.verdict()


class _Answer(NamedTuple):
    """A page as it came."""

    rows: list[Record]
    token: str | None
    body: bytes
