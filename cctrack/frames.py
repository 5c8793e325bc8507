"""Records to typed frames: the only place where JSON becomes pandas.

Pages arrive one after another. Each is turned into columns at once and its dicts are dropped; texts are
kept as codes into their distinct values. A report of a million rows needs little more memory than its frame.
"""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Annotated, Any

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.moments import microseconds
from cctrack.schema import ACTIVITY_TYPES, Column, Report

Record = Mapping[str, Any]

_TABLE = tuple[list[list[str]], int, list[list[Any]]]
_Int64 = Annotated[int, msgspec.Meta(ge=1 - 2**63, le=2**63 - 1)]
_MISSING: Any = object()
_SIZES = ("u1", "u2", "u4")
_NAT = np.datetime64("NaT", "us")
_PLAIN = b"0000-00-00T00:00:00.000Z"  # as the service documents it, each digit a zero
_AS_ZEROS = bytes.maketrans(b"123456789", b"000000000")
_YEAR_1 = np.datetime64("0001-01-01", "us")


class Columns:
    """The rows of a report, column by column, as they arrive.

    Attributes
    ----------
    report : Report
        The declaration.
    rows : int
        Rows so far.
    """

    def __init__(self, report: Report) -> None:
        self.report = report
        self.rows = 0
        self._cells = [_CELLS[column.kind](column) for column in report.columns]
        self._picks = list(map(itemgetter, report.names))

    @property
    def repaired(self) -> dict[str, int]:
        """Fields that were missing or malformed and are NA now, by column."""
        return {c.column.name: c.repaired for c in self._cells if c.repaired}

    @property
    def missing_columns(self) -> list[str]:
        """Columns that the service may leave out, and left out of every row that could have them."""
        absent = [c.column for c in self._cells if self.rows and c.column.optional and not c.present]
        if all(column.only is None for column in absent):
            return [column.name for column in absent]
        kinds: set[str] = next((c.seen() for c in self._cells if c.column.kind == "activity"), set())
        return [column.name for column in absent if column.only is None or column.only in kinds]

    def add(self, records: Sequence[Record]) -> None:
        """Append a page."""
        if not records:
            return
        try:
            columns: Iterable[Sequence[Any]] = [list(map(pick, records)) for pick in self._picks]
        except KeyError:
            columns = ([record.get(name, _MISSING) for record in records] for name in self.report.names)
        for cells, values in zip(self._cells, columns, strict=True):
            cells.add(values)
        self.rows += len(records)

    def drop(self, positions: Sequence[int]) -> None:
        """Take rows out again, by position."""
        if positions:
            keep = np.ones(self.rows, dtype=bool)
            keep[list(positions)] = False
            self._take(np.flatnonzero(keep))

    def sort(self, name: str) -> None:
        """Order the rows by a date column; equal dates keep their order, rows without one come last."""
        dates = next(c for c in self._cells if c.column.name == name)
        self._take(np.argsort(dates.finish(), kind="stable"))

    def absorb(self, other: "Columns") -> None:
        """Append all rows of another one of the same report."""
        for mine, theirs in zip(self._cells, other._cells, strict=True):
            mine.absorb(theirs)
        self.rows += other.rows

    def frame(self) -> pd.DataFrame:
        """Give the typed frame: columns and dtypes are the declared ones, with rows and without."""
        columns = {c.column.name: c.typed() for c in self._cells}
        return pd.DataFrame(columns, index=pd.RangeIndex(self.rows), copy=False)

    def dumped(self) -> bytes:
        """Write the rows as data, for `loaded` to read; nothing in it can be run."""
        shape = [[c.column.name, c.column.kind] for c in self._cells]
        return msgspec.msgpack.encode([shape, self.rows, [c.dumped() for c in self._cells]])

    @classmethod
    def loaded(cls, report: Report, data: bytes) -> "Columns | None":
        """Read rows that were written; None for those of another version or of something else."""
        columns = cls(report)
        try:
            shape, columns.rows, cells = msgspec.msgpack.decode(data, type=_TABLE)
            if shape != [[c.column.name, c.column.kind] for c in columns._cells]:
                return None
            for mine, theirs in zip(columns._cells, cells, strict=True):
                if mine.load(*msgspec.convert(theirs, mine.DUMPED)) != columns.rows:
                    return None
        except (msgspec.MsgspecError, TypeError, ValueError):
            return None
        return columns

    def _take(self, order: npt.NDArray[np.intp]) -> None:
        for cells in self._cells:
            cells.take(order)
        self.rows = len(order)


class _Texts:
    """Ids and texts as codes into their distinct values; -1 is NA."""

    DUMPED = tuple[list[str], str, bytes, int]

    def __init__(self, column: Column) -> None:
        self.column = column
        self.repaired = 0
        self.codes = array("i")
        self.known = _Codes()
        # A text that is null is only absent; an id that is null is a hole in the row.
        self._null = not column.optional and column.kind != "text"

    @property
    def present(self) -> bool:
        return len(self.known) > 1

    def add(self, cells: Sequence[Any]) -> None:
        first = cells[0]
        if type(first) is str and first == cells[-1] and cells.count(first) == len(cells):  # most pages of most reports
            self.codes += array("i", [self.known[first]]) * len(cells)
            return
        if set(map(type, cells)) != {str}:
            cells = [cell if type(cell) is str else self._text(cell) for cell in cells]
        self.codes.fromlist(list(map(self.known.__getitem__, cells)))

    def _text(self, cell: Any) -> str | None:
        if cell is None or cell is _MISSING:
            self.repaired += self._null if cell is None else not self.column.optional
            return None
        if isinstance(cell, str):
            return cell
        if isinstance(cell, (int, float)) and not isinstance(cell, bool):
            # One number is written one way: 36 and 36.0 are the same id.
            return str(int(cell)) if isinstance(cell, int) or cell.is_integer() else str(cell)
        self.repaired += 1
        return None

    def absorb(self, other: "_Texts") -> None:
        codes = np.array([self.known[value] for value in other.known], dtype=np.int32)
        self.codes.frombytes(codes[np.asarray(other.codes) + 1].tobytes())
        self.repaired += other.repaired

    def take(self, order: npt.NDArray[np.intp]) -> None:
        self.codes = array("i", np.asarray(self.codes)[order].tobytes())

    def dumped(self) -> list[Any]:
        size = next(size for size in _SIZES if len(self.known) <= np.iinfo(size).max)
        codes = (np.asarray(self.codes) + 1).astype(size)
        return [self.known.values_in_order(), size, codes.tobytes(), self.repaired]

    def load(self, values: list[str], size: str, codes: bytes, repaired: int) -> int:
        if size not in _SIZES:
            raise ValueError(size)
        numbers = np.frombuffer(codes, size)
        first = len(self.known) - 1
        if self.known.values_in_order() != values[:first]:
            raise ValueError("other values than those that are always there")
        for value in values[first:]:
            self.known[value]
        if len(self.known) != len(values) + 1 or numbers.max(initial=0) > len(values):
            raise ValueError("values that occur twice, or codes beyond them")
        found = numbers.astype(np.int32) - 1
        self.codes = array("i", found.tobytes())
        self.repaired = repaired
        return len(found)

    def typed(self) -> Any:
        values = pd.array(self.known.values_in_order(), dtype="string")
        return values.take(np.asarray(self.codes), allow_fill=True, fill_value=pd.NA)


class _Activities(_Texts):
    """Activity types: a categorical over the six, and any further value as a further category."""

    def __init__(self, column: Column) -> None:
        super().__init__(column)
        for value in ACTIVITY_TYPES:
            self.known[value]
        self._null = not column.optional

    def seen(self) -> set[str]:
        """Tell which types have rows."""
        values = self.known.values_in_order()
        return {values[code] for code in set(self.codes) if code >= 0}

    def typed(self) -> Any:
        categories = pd.Index(self.known.values_in_order())
        return pd.Categorical.from_codes(np.asarray(self.codes, dtype=np.int32), categories=categories)


class _Codes(dict[str | None, int]):
    """Numbers values in the order in which they are first seen; None is always -1."""

    def __init__(self) -> None:
        super().__init__({None: -1})

    def __missing__(self, value: str | None) -> int:
        self[value] = code = len(self) - 1
        return code

    def values_in_order(self) -> list[str]:
        """Give the values that the codes from 0 on stand for."""
        return [value for value in self if value is not None]


class _Dates:
    """Dates in UTC, to the microsecond."""

    DUMPED = tuple[bytes, int, bool]

    def __init__(self, column: Column) -> None:
        self.column = column
        self.repaired = 0
        self.present = False
        self._done: list[npt.NDArray[np.datetime64]] = []

    def add(self, cells: Sequence[Any]) -> None:
        done = _plain(cells)
        self.present |= done is not None
        self._done.append(np.array(list(map(self._date, cells)), dtype="datetime64[us]") if done is None else done)

    def _date(self, text: Any) -> np.datetime64:
        absent = text is None or text is _MISSING or (isinstance(text, str) and not text.strip())
        found = None if absent or not isinstance(text, str) else microseconds(text)
        if found is None:
            self.repaired += not (absent and self.column.optional)
            return _NAT
        self.present = True
        return np.datetime64(found, "us")

    def finish(self) -> npt.NDArray[np.datetime64]:
        if len(self._done) != 1:
            self._done = [np.concatenate([np.empty(0, dtype="datetime64[us]"), *self._done])]
        return self._done[0]

    def absorb(self, other: "_Dates") -> None:
        self._done.append(other.finish())
        self.repaired += other.repaired
        self.present |= other.present

    def take(self, order: npt.NDArray[np.intp]) -> None:
        self._done = [self.finish()[order]]

    def dumped(self) -> list[Any]:
        # Differences: neighbours are near each other, and small numbers compress well.
        numbers = np.diff(self.finish().view(np.int64), prepend=np.int64(0))
        return [numbers.tobytes(), self.repaired, self.present]

    def load(self, numbers: bytes, repaired: int, present: bool) -> int:
        self._done = [np.cumsum(np.frombuffer(numbers, np.int64)).view("datetime64[us]")]
        self.repaired, self.present = repaired, present
        return len(self._done[0])

    def typed(self) -> Any:
        return pd.DatetimeIndex(self.finish()).tz_localize("UTC")


class _Counts:
    """Whole numbers, or NA."""

    DUMPED = tuple[list[_Int64 | None], int, bool]

    def __init__(self, column: Column) -> None:
        self.column = column
        self.repaired = 0
        self.present = False
        self._numbers: list[int | None] = []

    def add(self, cells: Sequence[Any]) -> None:
        self._numbers.extend(map(self._number, cells))

    def _number(self, cell: Any) -> int | None:
        number = _whole(cell)
        if number is None:
            absent = cell is None or cell is _MISSING
            self.repaired += not (absent and self.column.optional)
            return None
        self.present = True
        return number

    def absorb(self, other: "_Counts") -> None:
        self._numbers += other._numbers
        self.repaired += other.repaired
        self.present |= other.present

    def take(self, order: npt.NDArray[np.intp]) -> None:
        self._numbers = [self._numbers[position] for position in order]

    def dumped(self) -> list[Any]:
        return [self._numbers, self.repaired, self.present]

    def load(self, numbers: list[int | None], repaired: int, present: bool) -> int:
        self._numbers, self.repaired, self.present = numbers, repaired, present
        return len(numbers)

    def typed(self) -> Any:
        return pd.array(self._numbers, dtype="Int64")


_CELLS: dict[str, Any] = {
    "id": _Texts,
    "text": _Texts,
    "activity": _Activities,
    "date": _Dates,
    "count": _Counts,
}


def _plain(texts: Sequence[Any]) -> npt.NDArray[np.datetime64] | None:
    """Read dates at once, if all have the form that the service documents."""
    try:
        joined = "".join(texts).encode("ascii")
        if joined.translate(_AS_ZEROS) != _PLAIN * len(texts) or set(map(len, texts)) != {len(_PLAIN)}:
            return None
        dates = np.frombuffer(joined.replace(b"Z", b""), f"S{len(_PLAIN) - 1}").astype("datetime64[us]")
    except (TypeError, ValueError):  # no text, or the 30th of February
        return None
    return dates if dates.min() >= _YEAR_1 else None


def _whole(cell: Any) -> int | None:
    """Read a count that came as a number or, as some documents show, as a number in quotes."""
    if isinstance(cell, str):
        cell = int(cell) if cell.isascii() and cell.strip().isdigit() and len(cell) < 20 else None
    if isinstance(cell, bool) or not isinstance(cell, (int, float)) or cell != cell // 1:
        return None
    return int(cell) if abs(cell) < 2**63 else None
