"""CSV that `to_csv` wrote, read back: ids stay text, dates are UTC, and what is missing stays apart from ""."""

import os
import re
from array import array
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd

from cctrack.catalog import CAMPAIGN_DETAILS, REPORTS
from cctrack.export._columns import is_id, is_share
from cctrack.export._csv import PREFIX
from cctrack.export._results import dtypes_of_results
from cctrack.export._texts import GUARDED
from cctrack.moments import microseconds
from cctrack.schema import ACTIVITY_TYPES, Kind

KNOWN: Final[Mapping[str, Kind]] = {
    column.name: column.kind for report in (*REPORTS.values(), CAMPAIGN_DETAILS) for column in report.columns
}
# Names of counts: asked where a column has no value to tell by, and no analysis has it.
_COUNT = re.compile(r"(?:^|_)n(?:_|$)|_total|^unique_|_count$|^sends_|^campaigns_")

_FIELD = re.compile(r'("[^"]*(?:""[^"]*)*"|[^,]*),')
_WHOLE = re.compile(r"-?(?:0|[1-9]\d{0,18})", re.ASCII)
_BIGGEST = 2**63
# No float is written without a point or exponent; a longer number without them would be rounded.
_REAL = re.compile(r"-?(?!\d{16,}$)(?:0|[1-9]\d*)(?:\.\d*)?(?:[eE][+-]?\d+)?|inf|'?-inf", re.ASCII)
_FLAG = re.compile(r"true|false", re.IGNORECASE)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?(Z|[+-]\d\d:?\d\d)?)?", re.ASCII)
_SPAN = re.compile(r"'?(-?)PT(\d+)\.(\d{6})S", re.ASCII)


def read_csv(path: str | os.PathLike[str]) -> pd.DataFrame:
    """Read a table that `cctrack.export.to_csv` wrote.

    Parameters
    ----------
    path
        The file.

    Returns
    -------
    pandas.DataFrame
        The columns that were written. By their names: those of the reports have the dtypes of the reports, so ids
        and text are "string", dates datetime64[us, UTC], `activity_type` is a categorical over the six types and any
        further ones as they occur; what ends in `_id` is text. Categories of an analysis, such as `stage`, are its own.
        By what they hold, others: text where a cell stands in quotes; else Int64, float64, true or false, dates,
        lengths of time, if all cells are such; else text. Nothing between two commas is NA, "" an empty text; "NA",
        "null", "TRUE", "0036" and "1E5" in quotes are what they are. `attrs` are not in the file: they are empty.

    Raises
    ------
    TypeError, ValueError
        When it is no CSV file, not UTF-8, or a column of dates holds something else; says where.
    OSError
        When it cannot be read.

    Notes
    -----
    A column without any value is text if its heading stands in quotes, else what the analyses have by that name, else
    Int64 if it is called as counts are, else float64. A program that writes the file anew, Excel for instance, leaves
    out the quotes: NA and "" are then the same, and only the names keep ids as text. Categories other than those
    above come back as "string".
    """
    if isinstance(path, bytes) or not isinstance(path, (str, os.PathLike)):
        raise TypeError(f"path must be a file name, not {path!r}; pass one such as 'clicks.csv'")
    where = Path(path).expanduser()
    try:
        heads, columns = _read(where)
    except UnicodeDecodeError:
        raise ValueError(f"{where.name} is not UTF-8; have Excel save it as 'CSV UTF-8 (comma delimited)'") from None
    names = list(map(_text, heads))
    if len(set(names)) < len(names):
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"{where.name} has two columns with the name {', '.join(twice)}; rename one in the file")
    size = len(columns[0].codes)
    typed = {
        name: _typed(name, head.startswith('"'), cells, names)
        for name, head, cells in zip(names, heads, columns, strict=True)
    }
    return pd.DataFrame(typed, index=pd.RangeIndex(size), copy=False)


class _Cells:
    """A column's cells as they are written, as codes into the different ones; -1 is nothing."""

    def __init__(self) -> None:
        self.known: dict[str, int] = {"": -1}
        self.codes = array("q")

    def add(self, cell: str) -> None:
        self.codes.append(self.known.setdefault(cell, len(self.known) - 1))

    @property
    def values(self) -> list[str]:
        return list(self.known)[1:]


def _read(where: Path) -> tuple[list[str], list[_Cells]]:
    lines = _records(where)
    _, head = next(lines, (0, ""))
    if not head:
        raise ValueError(f"{where.name} is empty; a file of to_csv begins with the names of the columns")
    heads = _fields(head)
    if len(heads) == 1 and not head.startswith('"') and re.search("[;\t]", head):
        raise ValueError(
            f"{where.name} is not separated by commas; have Excel save it as 'CSV UTF-8 (comma delimited)'"
        )
    columns = [_Cells() for _ in heads]
    for number, line in lines:
        fields = _fields(line)
        if len(fields) != len(heads):
            if not line:
                continue
            raise ValueError(f"{where.name}, line {number}: {len(fields)} cells in {len(heads)} columns; mend the file")
        for cells, field in zip(columns, fields, strict=True):
            cells.add(field)
    return heads, columns


def _records(where: Path) -> Iterator[tuple[int, str]]:
    """Give the lines with their numbers; one that ends within quotes goes on in the next."""
    parts: list[str] = []
    first, open_ = 1, False
    with where.open(encoding="utf-8-sig", newline="") as file:
        for number, line in enumerate(file, 1):
            parts.append(line)
            open_ ^= bool(line.count('"') % 2)
            if not open_:
                yield first, "".join(parts).rstrip("\r\n")
                parts, first = [], number + 1
    if parts:
        raise ValueError(f"{where.name}, line {first}: a quotation mark is never closed; mend the file")


def _fields(line: str) -> list[str]:
    return _FIELD.findall(f"{line},") if '"' in line else line.split(",")


def _text(cell: str) -> str:
    """Take off quotes and prefix."""
    if len(cell) > 1 and cell[0] == cell[-1] == '"':
        cell = cell[1:-1].replace('""', '"')
    return cell[1:] if cell.startswith(PREFIX) and GUARDED.match(cell, 1) else cell


def _typed(name: str, quoted: bool, cells: _Cells, names: list[str]) -> Any:
    kind, values = KNOWN.get(name), cells.values
    texts = list(map(_text, values))
    codes = np.asarray(cells.codes, dtype=np.intp)
    if kind == "activity":
        return _categorical(codes, texts, ACTIVITY_TYPES, ordered=False)
    if kind == "date":
        return _dates(name, codes, texts)
    if kind == "count" and _are_whole(texts):
        return _whole(codes, texts)
    if kind in ("id", "text") or is_id(name):
        return _strings(codes, texts)
    dtype = dtypes_of_results().get(name)
    if isinstance(dtype, pd.CategoricalDtype) and set(texts) <= set(dtype.categories):
        return _categorical(codes, texts, tuple(dtype.categories), ordered=bool(dtype.ordered))
    if not values:
        return _empty(name, quoted, len(codes), names)
    return _strings(codes, texts) if any(one[0] == '"' for one in values) else _by_content(codes, values)


def _empty(name: str, quoted: bool, size: int, names: list[str]) -> Any:
    count = _COUNT.search(name) and not is_share(name, names)
    dtype = "string" if quoted else dtypes_of_results().get(name, "Int64" if count else "float64")
    return pd.Series([None] * size, dtype=dtype).array


def _by_content(codes: Any, values: list[str]) -> Any:
    def all_are(form: re.Pattern[str]) -> bool:
        return all(map(form.fullmatch, values))

    if _are_whole(values):
        return _whole(codes, values)
    if all_are(_REAL):
        return np.array([*(float(one.removeprefix(PREFIX)) for one in values), np.nan])[codes]
    if all_are(_FLAG):
        flags = pd.array([one.lower() == "true" for one in values], dtype="boolean")
        flags = flags.take(codes, allow_fill=True, fill_value=pd.NA)
        return flags if (codes < 0).any() else flags.to_numpy(dtype=bool)
    if all_are(_SPAN):
        numbers = [int("".join(found.groups())) for found in map(_SPAN.fullmatch, values) if found]
        return pd.TimedeltaIndex(np.array([*numbers, "NaT"], dtype="timedelta64[us]")[codes])
    if all_are(_MOMENT) and (moments := _moments(values)) is not None:
        zones = {bool(found[1]) for found in map(_MOMENT.fullmatch, values) if found}
        if len(zones) == 1:
            dates = pd.DatetimeIndex(moments[codes])
            return dates.tz_localize("UTC") if zones == {True} else dates
    return _strings(codes, list(map(_text, values)))


def _are_whole(texts: list[str]) -> bool:
    return all(map(_WHOLE.fullmatch, texts)) and all(-_BIGGEST <= int(one) < _BIGGEST for one in texts)


def _moments(texts: list[str]) -> Any:
    """Read dates, and a missing one after the last; None if one is no date."""
    found = list(map(microseconds, texts))
    return None if None in found else np.array([*found, "NaT"], dtype="datetime64[us]")


def _dates(name: str, codes: Any, texts: list[str]) -> Any:
    moments = _moments(texts)
    if moments is None:
        wrong = next(one for one in texts if microseconds(one) is None)
        raise ValueError(f"column {name} holds {wrong[:40]!r}, which is no ISO-8601 date; mend the file")
    return pd.DatetimeIndex(moments[codes]).tz_localize("UTC")


def _whole(codes: Any, texts: list[str]) -> Any:
    return pd.array(list(map(int, texts)), dtype="Int64").take(codes, allow_fill=True, fill_value=pd.NA)


def _strings(codes: Any, texts: list[str]) -> Any:
    return pd.array(texts, dtype="string").take(codes, allow_fill=True, fill_value=pd.NA)


def _categorical(codes: Any, texts: list[str], known: tuple[str, ...], *, ordered: bool) -> Any:
    categories = {value: code for code, value in enumerate(dict.fromkeys((*known, *texts)))}
    recoded = np.array([*(categories[one] for one in texts), -1], dtype=np.intp)[codes]
    return pd.Categorical.from_codes(recoded, categories=pd.Index(list(categories)), ordered=ordered)
