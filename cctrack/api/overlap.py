"""Tells the overlap of two pages from rows that truly occur twice.

Rows have no id, and equal rows are legal: two clicks in one millisecond. A run of rows that ends one page and begins
the next may be either. Seen again through pages of another size, overlap is gone from where it was; repeats stay.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import blake2b
from operator import ge, le
from typing import Any, NamedTuple

import msgspec

from cctrack.moments import microseconds

Record = dict[str, Any]

# Primes: their pages end elsewhere than those of any usual size.
_SIZES = (467, 433, 331, 193, 97, 47, 43, 23, 11, 7, 5, 3, 2)
_LOOKS = 2
_SMALL = 12


def other_sizes(limit: int) -> list[int]:
    """List page sizes for further looks: the largest that are smaller, so that they cost few calls more.

    A small one may be no longer than the overlap itself, and so get nowhere: larger ones are asked then.
    """
    smaller = [size for size in _SIZES if size < limit and limit % size]
    larger = [size for size in reversed(_SIZES) if size > limit]
    return (smaller + larger)[:_LOOKS] if limit > _SMALL else larger[:_LOOKS]


class Run(NamedTuple):
    """Rows that end one page and begin the next."""

    start: int  # where the next page begins, in rows of the walk
    rows: list[bytes]


@dataclass
class Trail:
    """What is remembered of a walk while its pages go by.

    Attributes
    ----------
    began : float
        Seconds since 1970.
    number : str
        Names the walk's pages.
    date : str or None
        Column that holds a row's date.
    counted : set of bytes
        Rows to count; a walk with none is the one that is kept.
    digests : bool
        Whether to remember the whole, to compare it with another walk's.
    held : list of str
        Its pages in the store; at the beginning those from when the walk broke off.
    newest, oldest : int or None
        Dates in microseconds since 1970.
    stopped : bool
        Whether it ended before the last page, where the rest is too old.
    """

    began: float
    number: str
    date: str | None = None
    counted: set[bytes] = field(default_factory=set)
    digests: bool = False
    held: list[str] = field(default_factory=list)
    newest: int | None = None
    oldest: int | None = None
    pages: int = 0
    rows: int = 0
    stopped: bool = False
    first: list[Record] = field(default_factory=list)
    suspects: list[Run] = field(default_factory=list)
    counts: Counter[bytes] = field(default_factory=Counter)
    _last: list[Record] = field(default_factory=list)
    _latest: int | None = None
    _falls: bool = True
    _rises: bool = True
    _undated: bool = False
    _hash: Any = field(default_factory=lambda: blake2b(digest_size=16))

    def add(self, rows: list[Record]) -> None:
        """Take note of a page."""
        if not self.pages:
            self.first = rows
        if length := _common(self._last, rows):
            self.suspects.append(Run(self.rows, [key(row) for row in rows[:length]]))
        if self.counted:
            self.counts.update(found for found in map(key, rows) if found in self.counted)
        if self.digests:
            self._hash.update(msgspec.json.encode(rows))
        if self.date is not None:
            self._note_dates([row.get(self.date) for row in rows])
        self.pages += 1
        self.rows += len(rows)
        self._last = rows or self._last  # an empty page stands between nothing

    @property
    def order(self) -> str:
        """How the dates run: "falling", "rising" or "mixed"; "mixed" too where a row has none."""
        if self._undated or self.newest is None or not (self._falls or self._rises):
            return "mixed"
        return "falling" if self._falls else "rising"

    @property
    def dated(self) -> bool:
        """Whether every row has a date."""
        return not self._undated

    def passed(self, bound: int | None) -> bool:
        """Whether all that is still to come is older than this: true only while every row came newest first."""
        return bound is not None and self.oldest is not None and self.oldest < bound and self.order == "falling"

    def _note_dates(self, texts: list[Any]) -> None:
        dates = [microseconds(text) if isinstance(text, str) else None for text in texts]
        found = [date for date in dates if date is not None]
        self._undated |= len(found) < len(dates)
        if not found:
            return
        run = found if self._latest is None else [self._latest, *found]
        self._falls &= all(map(ge, run, run[1:]))
        self._rises &= all(map(le, run, run[1:]))
        self._latest = found[-1]
        self.newest = max(found) if self.newest is None else max(self.newest, *found)
        self.oldest = min(found) if self.oldest is None else min(self.oldest, *found)

    def digest(self) -> bytes:
        """Give what two walks are compared by."""
        return bytes(self._hash.digest())

    def suspected(self) -> Counter[bytes]:
        """Count the rows that may be overlap."""
        return Counter(row for run in self.suspects for row in run.rows)


class Overlap:
    """Narrows down how often each suspected row truly occurs.

    Parameters
    ----------
    trail
        The walk that is to be kept.
    rows
        All its rows.
    """

    def __init__(self, trail: Trail, rows: Iterable[Record]) -> None:
        surplus = trail.suspected()
        self.suspected = set(surplus)
        self._runs = trail.suspects
        self._seen = Counter(found for found in map(key, rows) if found in surplus)
        self._least = {row: self._seen[row] - surplus[row] for row in surplus}
        self._most = dict(self._seen)

    @property
    def decided(self) -> bool:
        """Whether nothing is open any more."""
        return self._least == self._most

    def agrees(self, look: Trail) -> bool:
        """Use another walk; False when it contradicts this one, because the report changed."""
        surplus = look.suspected()
        for row in self.suspected:
            self._least[row] = max(self._least[row], look.counts[row] - surplus[row])
            self._most[row] = min(self._most[row], look.counts[row])
        return all(self._least[row] <= self._most[row] for row in self.suspected)

    def verdict(self) -> tuple[list[int], str]:
        """Give the positions of the rows to drop, and "removed", "undecided" or "none"; what is open is kept."""
        surplus = {row: self._seen[row] - self._most[row] for row in self.suspected}
        drop = []
        # The beginnings of all runs first: overlap is as long at each page, a longer run goes on with true repeats.
        for offset in range(max((len(run.rows) for run in self._runs), default=0)):
            for run in self._runs:
                if offset < len(run.rows) and surplus[row := run.rows[offset]] > 0:
                    surplus[row] -= 1
                    drop.append(run.start + offset)
        return sorted(drop), "undecided" if not self.decided else "removed" if drop else "none"


def key(row: Record) -> bytes:
    """Give a row as something that can be counted."""
    return msgspec.json.encode(row, order="deterministic")


def _common(before: list[Record], after: list[Record]) -> int:
    """Measure the longest run that ends one page and begins the next."""
    if not before or not after or after[0] not in before:
        return 0
    return next(
        (len(before) - start for start in range(len(before)) if before[start:] == after[: len(before) - start]),
        0,
    )
