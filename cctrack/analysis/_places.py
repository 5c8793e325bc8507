"""Recipients as places in an array, and marks there for what their events were: how pandas counts patterns."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.analysis._events import RECIPIENT
from cctrack.analysis._patterns import BITS, BOUNCE, BOUNCES, KINDS, OWNER, PATTERN, UNSUBSCRIBE, N
from cctrack.analysis._tables import plain

# Above these only recipients that occur have a place, found by hashing: slower, and never much larger than the rows.
_MOST_BYTES: Final = 256 << 20
_MOST_PLACES: Final = 16  # for each row
_FEW: Final = 1 << 12  # rows for which it does not matter
_FEW_PATTERNS: Final = 16  # so many are counted quicker one after another
_MOST_KINDS: Final = 64  # with more, those that no stage knows have no marks of their own
_CHUNK: Final = 1 << 17  # rows or places at a time: what is worked out for them stays in the processor's cache

Codes = npt.NDArray[np.integer[Any]]
Numbers = npt.NDArray[np.int64]
Marks = npt.NDArray[np.uint8]


class Coded:
    """A table's columns as codes, -1 for NA, and what these stand for; each is worked out once."""

    def __init__(self, table: pd.DataFrame) -> None:
        self.table = table
        self._known: dict[str, tuple[Codes, Any]] = {}

    def __getitem__(self, name: str) -> tuple[Codes, Any]:
        if name not in self._known:
            self._known[name] = _coded(self.table[name])
        return self._known[name]


def _coded(column: "pd.Series[Any]") -> tuple[Codes, Any]:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return column.array.codes, column.cat.categories  # `cat.codes` is a copy
    codes, values = pd.factorize(column)
    return codes.astype(np.min_scalar_type(-max(len(values), 1))), values


def factorized(column: "pd.Series[Any]") -> tuple[Codes, npt.NDArray[np.object_]]:
    """Give a column as codes (-1 for NA) and their values; those of a category are there already."""
    codes, values = _coded(column)
    return codes, np.asarray(values, dtype=object)


@dataclass(frozen=True)
class Kinds:
    """What the events of a table are.

    Attributes
    ----------
    of : numpy.ndarray
        Of each row the place of its kind in `bits`, -1 where it has none.
    bits : list of int
        Of each kind the place in `BITS`, -1 for one that no stage knows.
    """

    of: Codes
    bits: list[int]


def kinds_of(coded: Coded) -> Kinds:
    """Tell the kinds of events: the types of activity, bounces and unsubscriptions further by what they mean."""
    codes, names = coded["activity_type"]
    found = [BITS.index(KINDS[name]) if name in KINDS else -1 for name in names]
    if further := list(_further(codes, list(names), coded.table)):
        codes = codes.astype(np.min_scalar_type(-(len(found) + len(BITS))))
        for at, bit in further:
            codes[at] = len(found) + bit
        found += range(len(BITS))
    if len(found) > _MOST_KINDS:
        return Kinds(np.array([*found, -1], dtype=np.int8)[codes], list(range(len(BITS))))
    return Kinds(codes, found)


def _further(codes: Codes, names: list[str], table: pd.DataFrame) -> Iterator[tuple[Numbers, Any]]:
    """Give where the bounces and the removals are, and their places in `BITS`."""
    bounced, left = (np.flatnonzero(codes == names.index(one) if one in names else []) for one in (BOUNCE, UNSUBSCRIBE))
    if len(bounced):
        own, values = factorized(table["bounce_code"].iloc[bounced])
        meant = {code: group for group, known in BOUNCES.items() for code in known}
        groups = [meant.get(value, "other_bounced") for value in (*values, None)]  # the last is that of NA
        yield bounced, np.array([BITS.index(group) for group in groups])[own]
    if len(left) and "unsubscribe_source" in table.columns:
        removed = (table["unsubscribe_source"].iloc[left] == OWNER).to_numpy(np.bool_, na_value=False)
        yield left[removed], BITS.index("removed")


def bits(table: pd.DataFrame) -> npt.NDArray[np.int8]:
    """Give of each event the place in `BITS`, -1 for kinds that no stage knows."""
    kinds = kinds_of(Coded(table))
    marked: npt.NDArray[np.int8] = np.array([*kinds.bits, -1], dtype=np.int8)[kinds.of]
    return marked


@dataclass(frozen=True)
class _Digit:
    """A column as one digit of a number.

    Attributes
    ----------
    codes : numpy.ndarray
        Of each row; -1 where it belongs to no recipient.
    size : int
        How many there are.
    values : pandas.Index
        What they stand for; a code behind the last one is NA.
    """

    codes: Codes
    size: int
    values: Any

    @classmethod
    def of(cls, coded: Coded, name: str) -> "_Digit":
        codes, values = coded[name]
        if name in RECIPIENT or codes.min(initial=0) >= 0:
            return cls(codes, max(len(values), 1), values)
        return cls(np.where(codes < 0, len(values), codes), len(values) + 1, values)

    def named(self, codes: Numbers) -> "pd.Series[Any]":
        where = np.where(codes < len(self.values), codes, -1)
        # Plain before NA come in, which would make floats of whole numbers.
        return plain(pd.Series(self.values)).reindex(where).reset_index(drop=True)


class Places:
    """A number for each recipient: groups, campaign and contact are its digits, the contact the lowest."""

    def __init__(self, coded: Coded, keys: Sequence[str]) -> None:
        self._keys = list(keys)
        names = [*(name for name in keys if name not in RECIPIENT), *RECIPIENT]
        self._digits = {name: _Digit.of(coded, name) for name in names}
        self._sizes = [digit.size for digit in self._digits.values()]
        self._size = math.prod(self._sizes)
        self._rows = len(coded.table)
        recipient = [self._digits[name].codes for name in RECIPIENT]
        self._gaps = [codes for codes in recipient if codes.min(initial=0) < 0]  # rows of no recipient are in these

    def counted(self, kinds: Kinds) -> pd.DataFrame:
        """Count recipients by keys and pattern: the keys, `_pattern` and `_n`."""
        if not self._fits(len(kinds.bits) + 1):
            return self._table(*self._of_those_that_occur(kinds))
        marks = np.zeros((len(kinds.bits) + 1, self._size), dtype=np.uint8)  # the last for rows that mark nothing
        flat = marks.reshape(-1)
        for rows in self._chunks():
            flat[self._numbers(rows, kinds.of)] = 1
        return self._table(*(self._listed(marks, kinds) if "contact_id" in self._keys else self._summed(marks, kinds)))

    def sharing(self, told: npt.NDArray[np.bool_]) -> Numbers:
        """Give the positions of all rows whose recipient has a row that was told."""
        if not self._fits(1):
            known, number = self._hashed()
            marks = np.zeros(int(number.max(initial=-1)) + 1, dtype=np.bool_)
            marks[number[told[known]]] = True
            return known[marks[number]]
        marks = np.zeros(self._size + 1, dtype=np.bool_)  # the last for rows of no recipient
        for rows in self._chunks():
            marks[self._numbers(rows)[told[rows]]] = True
        marks[-1] = False
        parts = [np.flatnonzero(marks[self._numbers(rows)]) + rows.start for rows in self._chunks()]
        return np.concatenate([np.zeros(0, dtype=np.int64), *parts])

    def _fits(self, marks: int) -> bool:
        """Tell whether there may be a place for every recipient that could be, with so many marks."""
        most = max(_MOST_BYTES, _MOST_PLACES * self._rows)
        return self._size <= _MOST_PLACES * max(self._rows, _FEW) and self._size * marks <= most

    def _chunks(self) -> Iterator[slice]:
        return (slice(start, min(start + _CHUNK, self._rows)) for start in range(0, self._rows, _CHUNK))

    def _numbers(self, rows: slice, kinds: Codes | None = None) -> Numbers:
        """Give the number of each row's recipient with its kind before it; one below 0 counts from the end."""
        digits = list(self._digits.values())
        first = digits.pop(0).codes if kinds is None else kinds
        numbers = first[rows].astype(np.int64)
        for digit in digits:
            numbers *= digit.size
            numbers += digit.codes[rows]
        for codes in self._gaps:
            numbers[codes[rows] < 0] = -1
        return numbers

    def _hashed(self) -> tuple[Numbers, Numbers]:
        """Give the rows that belong to a recipient, and the number of each one's, counted as they come."""
        campaigns, contacts = (self._digits[name].codes for name in RECIPIENT)
        rows: Numbers = np.flatnonzero((campaigns >= 0) & (contacts >= 0))
        table = pd.DataFrame({name: digit.codes[rows] for name, digit in self._digits.items()})
        return rows, np.asarray(table.groupby(list(table), sort=False).ngroup(), dtype=np.int64)

    def _of_those_that_occur(self, kinds: Kinds) -> "_Counts":
        rows, number = self._hashed()
        first = rows[~pd.Series(number).duplicated().to_numpy()]
        marks = np.zeros((len(kinds.bits) + 1, len(first)), dtype=np.uint8)
        marks[kinds.of[rows], number] = 1
        used, patterns = _used(marks, kinds)
        pattern: Numbers = patterns[_together(marks[used])]
        held = np.flatnonzero(pattern)
        codes: dict[str, Any] = {name: self._digits[name].codes[first[held]] for name in self._keys}
        return codes, pattern[held], np.ones(len(held), dtype=np.int64)

    def _listed(self, marks: Marks, kinds: Kinds) -> "_Counts":
        """Give every recipient that has a mark."""
        used, patterns = _used(marks, kinds)
        places, found = [np.zeros(0, dtype=np.int64)], [np.zeros(0, dtype=np.int64)]
        for start in range(0, self._size, _CHUNK):
            together = _together(marks[used, start : start + _CHUNK])
            held = np.flatnonzero(together)
            places.append(held + start)
            found.append(patterns[together[held]])
        place = np.concatenate(places)
        codes: dict[str, Any] = dict(zip(self._digits, np.unravel_index(place, self._sizes), strict=True))
        return codes, np.concatenate(found), np.ones(len(place), dtype=np.int64)

    def _summed(self, marks: Marks, kinds: Kinds) -> "_Counts":
        """Count the marked places of each group and campaign by pattern."""
        used, patterns = _used(marks, kinds)
        *heads, width = self._sizes
        shaped = marks.reshape(len(marks), -1, width)
        none = np.zeros(0, dtype=np.int64)
        parts = [(none, none, none)]
        step = max(1, _CHUNK // max(width, len(patterns)))
        for top in range(0, shaped.shape[1], step):
            for left in range(0, width, _CHUNK):
                n = _occurrences(_together(shaped[used, top : top + step, left : left + _CHUNK]), len(patterns))
                n[:, 0] = 0
                head, own = np.nonzero(n)
                parts.append((head + top, patterns[own], n[head, own]))
        head, pattern, n = (np.concatenate(part) for part in zip(*parts, strict=True))
        codes: dict[str, Any] = dict(zip(self._digits, np.unravel_index(head, heads), strict=False))
        return codes, pattern, n

    def _table(self, codes: "dict[str, Any]", pattern: Numbers, n: Numbers) -> pd.DataFrame:
        """Add up what has the same keys and pattern, and put the values of the keys in the place of their codes."""
        table = pd.DataFrame({**{name: codes[name] for name in self._keys}, PATTERN: pattern, N: n})
        table = table.groupby([*self._keys, PATTERN], sort=True)[N].sum().reset_index()
        return table.assign(**{name: self._digits[name].named(table[name].to_numpy()) for name in self._keys})


_Counts = tuple[dict[str, Any], Numbers, Numbers]


def _used(marks: Marks, kinds: Kinds) -> tuple[list[int], Numbers]:
    """Give the kinds that left marks and have a bit, and the pattern of each number that `_together` makes of them."""
    used = [place for place, bit in enumerate(kinds.bits) if bit >= 0 and marks[place].any()]
    patterns = np.zeros(1, dtype=np.int64)
    for place in used:
        patterns = np.concatenate([patterns, patterns | 1 << kinds.bits[place]])
    return used, patterns


def _occurrences(numbers: Codes, most: int) -> Numbers:
    """Count how often each number below a bound occurs in each row."""
    if len(numbers) == 1 and most <= _FEW_PATTERNS:
        return np.array([[np.count_nonzero(numbers == one) for one in range(most)]])
    apart = numbers + most * np.arange(len(numbers))[:, None] if len(numbers) > 1 else numbers
    return np.bincount(apart.ravel(), minlength=most * len(numbers)).reshape(-1, most)


def _together(planes: Marks) -> Codes:
    """Put marks that lie above each other into one number, the first one lowest."""
    dtype = np.uint8 if len(planes) <= 8 else np.uint16
    together: Codes = np.zeros(planes.shape[1:], dtype=dtype)
    for plane in planes[::-1]:
        together += together
        together |= plane
    return together
