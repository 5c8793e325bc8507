"""Pages that are held, as rows with dates: cut rows out of them, and put those of two walks together."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, NamedTuple

import msgspec

from cctrack.api.ask import Ask
from cctrack.api.overlap import Record, key
from cctrack.api.store import Entry, Store, new_number
from cctrack.api.transport import strict_json
from cctrack.moments import microseconds


class Newer(NamedTuple):
    """A held walk, parted at a date."""

    older: list[str]  # pages with the rows before it, in order
    rows: Counter[bytes]  # those on or after it that have the newest date
    removed: int  # how many are on or after it


class Sheets:
    """Works on the pages of one address.

    Parameters
    ----------
    store
        Where they stand.
    ask
        How they are read.
    url
        What stands with a page that is written.
    """

    def __init__(self, store: Store, ask: Ask, url: str) -> None:
        self._store = store
        self._ask = ask
        self._url = url

    def part(self, entry: Entry, bound: int) -> Newer | None:
        """Part a walk whose dates run one way; None when a page is not there."""
        falling = entry.order == "falling"
        keys = entry.pages if falling else entry.pages[::-1]
        older: list[str] = []
        newest: Counter[bytes] = Counter()
        removed = 0
        for position, name in enumerate(keys):
            rows = self._rows(name)
            if rows is None:
                return None
            dates = [self.date(row) for row in rows]
            keep = [date is not None and date < bound for date in dates]
            if rows and all(keep):
                older += keys[position:]
                break
            newest.update(key(row) for row, date in zip(rows, dates, strict=True) if date == entry.newest)
            removed += keep.count(False)
            older += self.cut(name, keep)
        return Newer(older if falling else older[::-1], newest, removed)

    def before(self, entry: Entry, bound: int) -> tuple[list[str], int] | None:
        """Give pages with the rows before a date alone, and how many rows those are."""
        parted = self.part(entry, bound)
        return None if parted is None else (parted.older, entry.rows - parted.removed)

    def newer(self, entry: Entry, bound: int) -> int | None:
        """Count the rows on or after a date; None when a page is not there."""
        count = 0
        for name in entry.pages if entry.order == "falling" else entry.pages[::-1]:
            rows = self._rows(name)
            if rows is None:
                return None
            dates = [self.date(row) for row in rows]
            count += (found := sum(date is None or date >= bound for date in dates))
            if found < len(rows):
                break
        return count

    def since(self, pages: Iterable[str], drop: set[int], bound: int) -> tuple[list[str], list[Record]] | None:
        """Give pages with the rows from a date on, without those at the positions to drop; and these rows."""
        kept: list[str] = []
        found: list[Record] = []
        offset = 0
        for name in pages:
            rows = self._rows(name)
            if rows is None:
                return None
            keep = [
                offset + position not in drop and (date := self.date(row)) is not None and date >= bound
                for position, row in enumerate(rows)
            ]
            offset += len(rows)
            kept += self.cut(name, keep)
            found += [row for row, wanted in zip(rows, keep, strict=True) if wanted]
        return kept, found

    def without(self, pages: list[str], drop: Iterable[int]) -> list[str]:
        """Take rows out of a walk, by position."""
        unwanted = set(drop)
        if not unwanted:
            return pages
        kept: list[str] = []
        offset = 0
        for name in pages:
            rows = self._rows(name) or []
            kept += self.cut(name, [offset + position not in unwanted for position in range(len(rows))])
            offset += len(rows)
        return kept

    def cut(self, name: str, keep: list[bool]) -> list[str]:
        """Write a page anew with some of its rows; the page itself stays as it is."""
        if all(keep):
            return [name]
        body = self._store.page(name) if any(keep) else None
        if body is None:
            return []
        answer = self._ask.cut(strict_json(body), keep)
        written = f"{new_number(self._began(name))}-0"
        self._store.keep_page(written, self._url, msgspec.json.encode(answer))
        return [written]

    def date(self, row: Record) -> int | None:
        """Read a row's date."""
        text: Any = row.get(self._ask.date or "")
        return microseconds(text) if isinstance(text, str) else None

    def _rows(self, name: str) -> list[Record] | None:
        body = self._store.page(name)
        return None if body is None else self._ask.rows(strict_json(body))

    @staticmethod
    def _began(name: str) -> float:
        return float(int(name.partition("x")[0], 16))
