"""A chain of pages: ask for one page after the other, keep each as it comes, stop where a chain has no end."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from cctrack.api.ask import Ask
from cctrack.api.fanout import check_stopped
from cctrack.api.overlap import Record, Trail
from cctrack.api.store import Store
from cctrack.api.transport import Transport, encoded, strict_json
from cctrack.errors import NotFoundError, ResponseError

_MOST_EMPTY = 3  # an empty page is not the end, but many in a row lead nowhere
_MOST_EQUAL = 100  # so do equal ones; a few may be repeats, on short pages


class Dialect(Protocol):
    """What a chain needs of a dialect."""

    PREFIX: str

    def next_token(self, answer: Any, ask: Any, origin: str, /) -> str | None:
        """Give the query of the next page, None on the last one."""
        ...


class Page(NamedTuple):
    """Records of one page. Position 0 begins a walk: what came before it no longer counts."""

    position: int
    records: list[Record]


class Answer(NamedTuple):
    """A page as it came."""

    rows: list[Record]
    token: str | None
    body: bytes


@dataclass
class Chain:
    """The pages of one address.

    Attributes
    ----------
    calls : int
        Requests sent.
    """

    report: str
    ask: Ask
    dialect: Dialect
    transport: Transport
    store: Store
    most_pages: int
    calls: int = 0

    @property
    def url(self) -> str:
        """The address without its query."""
        return f"{self.transport.origin}{self.dialect.PREFIX}{self.ask.path}"

    def follow(
        self,
        trail: Trail,
        params: dict[str, str],
        limit: int | None,
        head: Answer | None = None,
        stop: int | None = None,
    ) -> Iterator[Page]:
        """Walk the chain once from its beginning.

        Parameters
        ----------
        trail
            Takes note of what goes by; its pages at hand are not asked for again.
        params
            Filters of the first page.
        limit
            Page size.
        head
            A first page that is at hand.
        stop
            The walk ends after a page with rows older than that, as long as all came newest first.
        """
        token: str | None = ""
        seen: set[str] = set()
        empty = equal = 0
        before: list[Record] | None = None
        while token is not None:
            position = trail.pages
            answer = head if head is not None and not position else self._at_hand(trail)
            if answer is None:
                answer = self.page(token, params, limit)
                del trail.held[position:]
            if position >= len(trail.held) and not trail.counted:  # a second look is not kept
                trail.held.append(f"{trail.number}-{position}")
                self.store.keep_page(trail.held[position], self.url, answer.body)
            trail.add(answer.rows)
            yield Page(position, answer.rows)
            token = answer.token
            empty = 0 if answer.rows else empty + 1
            if token in seen:
                raise self._broken("the service names the same next page twice")
            if empty > _MOST_EMPTY:
                raise self._broken(f"{empty} empty pages in a row")
            equal = equal + 1 if answer.rows == before else 0
            before = answer.rows
            if equal >= _MOST_EQUAL:
                raise self._broken(f"the same page {equal + 1} times in a row")
            if token is not None and trail.passed(stop):
                trail.stopped = True
                return
            if token is not None and trail.pages >= self.most_pages:
                raise self._broken(f"more than {self.most_pages:,} pages")
            seen.add(token or "")

    def page(self, token: str, params: dict[str, str], limit: int | None) -> Answer:
        """Ask for one page: the first with its filters, a further one as its link says."""
        check_stopped()
        size = {"limit": str(limit)} if limit is not None else {}
        query = token or encoded({**params, **self.ask.unkeyed, **size})
        try:
            found, body, calls = self.transport.fetch(f"{self.dialect.PREFIX}{self.ask.path}", query, self.read)
        except NotFoundError:
            self.calls += 1
            if self.ask.absent is None or token:
                raise
            return self.answer(self.ask.absent)
        self.calls += calls
        return Answer(*found, body)

    def answer(self, body: bytes) -> Answer:
        """Read a page that is at hand."""
        return Answer(*self.read(strict_json(body)), body)

    def read(self, answer: Any) -> tuple[list[Record], str | None]:
        """Give the records of an answer and the token of the next page."""
        return self.records(answer), self.dialect.next_token(answer, self.ask, self.transport.origin)

    def records(self, answer: Any) -> list[Record]:
        """Give the records of an answer alone."""
        rows = self.ask.rows(answer)
        if wrong := set(map(type, rows)) - {dict}:
            raise ResponseError(
                f"a row of {self.report} is no JSON object but {wrong.pop().__name__}; "
                "try again later, and check base_url if it stays so",
                retryable=True,
            )
        return rows

    def _at_hand(self, trail: Trail) -> Answer | None:
        """Give the next page of a walk that broke off, as long as there is one."""
        if trail.pages >= len(trail.held):
            return None
        body = self.store.page(trail.held[trail.pages])
        return None if body is None else self.answer(body)

    def _broken(self, why: str) -> ResponseError:
        return ResponseError(
            f"the pages of {self.report} lead nowhere ({why}); nothing of it was kept, try again later", url=self.url
        )
