"""Excel workbooks in which ids stay text, times are local, and nothing is a formula."""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import tzinfo
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cctrack.export._columns import Kind, coded, is_share, kind_of
from cctrack.export._files import needed, replacing, target
from cctrack.export._redaction import Redact, Redaction
from cctrack.export._tables import Table, Tables, gathered
from cctrack.export._texts import GUARDED, visible

# What a sheet holds: rows, columns, letters of a cell (in UTF-16) and of a sheet's name.
_ROWS, _COLUMNS, _LETTERS, _NAME = 1_048_576, 16_384, 32_767, 31
_CUT = "\N{HORIZONTAL ELLIPSIS} (cut)"
_FORBIDDEN = re.compile(r"[\[\]:*?/\\\t\r\n]")
_DEFINITIONS = "definitions"
_RESERVED = ("history", _DEFINITIONS)
_TEXT = "@"
_DIGITS = 10**15  # Excel rounds whole numbers from here on
_DAY_0 = np.datetime64("1899-12-30", "us")  # as Excel counts from March 1900 on; before, it has a 29th of February
_FIRST, _LAST = np.datetime64("1900-03-01", "us"), np.datetime64("9999-12-31T23:59:59", "us")
_TIME = "yyyy-mm-dd hh:mm:ss"
_FORMATS: dict[Kind, str] = {"text": _TEXT, "whole": "0", "date": _TIME, "naive": _TIME, "span": "0.00"}
_AT_ONCE = 20_000  # rows
_SAMPLE = 500  # rows that a width is measured by
_WIDTHS = (9, 60)
# How Excel itself writes a carriage return, and what would look like it.
_RETURN, _ESCAPED = "_x000D_", re.compile(r"\r|_(?=x[0-9A-Fa-f]{4}_)")


def to_excel(
    tables: Tables, path: str | os.PathLike[str], *, tz: str | tzinfo = "UTC", redact: Redact | None = None
) -> Path:
    """Write tables as an Excel workbook: a sheet for each, and one that defines their columns.

    Parameters
    ----------
    tables
        A frame, several by name, or several in a list; those are named by their analysis or report.
    path
        The file, which ends in .xlsx; one that is there is replaced when the new one is complete.
    tz
        Zone of the times, such as "Europe/Berlin"; Excel has no zones, so it stands in the heading of the column.
    redact
        None writes e-mail addresses as they are. "hash" puts a mark in their place wherever they stand, in links
        too, and in the place of first and last names: the same for the same one within this file, and not to be
        guessed, since the key is random and forgotten. "domain" keeps what follows the @, and leaves names empty.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    TypeError, ValueError
        For tables that cannot be written, more rows than a sheet holds, or a bad argument, before anything is written.
    ImportError
        Without openpyxl.
    OSError
        When the file cannot be written; no half file is left.

    Notes
    -----
    Ids and all other text are text cells, also where they look like numbers or formulas. Control characters are
    shown by their pictures; a text beyond 32,767 letters is cut and says so. Lengths of time are hours; whole numbers
    of 16 digits and more, infinity, and dates that Excel does not know (before March 1900) are text. NA and "" are
    empty cells. An index that has a name, or is not of whole numbers, comes first.
    """
    redaction = Redaction(redact)
    zone = _zone(tz)
    where = target(path, ".xlsx")
    openpyxl = needed("openpyxl")
    found = gathered(tables, redaction)
    for table in found:
        _check(table)
    names = _sheet_names([table.name for table in found])
    book = openpyxl.Workbook(write_only=True)
    book.properties.creator = "cctrack"
    try:
        for name, table in zip(names, found, strict=True):
            _fill(book.create_sheet(name), table.frame, zone)
        _fill(book.create_sheet(_DEFINITIONS), _definitions(names, found, redaction, zone), zone, wrap=True)
        with replacing(where) as scratch:
            book.save(scratch)
    except BaseException:
        _drop(book)
        raise
    return where


def _zone(tz: object) -> str | tzinfo:
    try:
        pd.Timestamp(0, tz="UTC").tz_convert(tz)  # type: ignore[arg-type]
    except (KeyError, ValueError, TypeError, AttributeError, OSError):
        tz = None
    if not isinstance(tz, (str, tzinfo)):
        raise ValueError("tz is no time zone; pass a name such as 'Europe/Berlin' or 'UTC'") from None
    return tz


def _check(table: Table) -> None:
    """Raise before a sheet would overflow."""
    rows, columns = table.frame.shape
    if rows >= _ROWS:
        raise ValueError(
            f"table {table.name!r} has {rows:,} rows, a sheet of Excel holds {_ROWS - 1:,} below the headings; "
            "write it with to_csv or to_parquet, or fewer rows of it"
        )
    if columns > _COLUMNS:
        raise ValueError(f"table {table.name!r} has {columns:,} columns, a sheet of Excel holds {_COLUMNS:,}")


def _sheet_names(wanted: Sequence[str]) -> list[str]:
    """Make names of sheets that Excel allows, different also in capitals."""
    taken: dict[str, str] = dict.fromkeys(_RESERVED, "")
    names = []
    for name in wanted:
        plain = _FORBIDDEN.sub("_", visible(name)).strip().strip("'") or "table"
        number, one = 1, _shortened(plain, _NAME).rstrip("'")
        while one.casefold() in taken:
            number += 1
            one = f"{_shortened(plain, _NAME - len(f' ({number})'))} ({number})"
        taken[one.casefold()] = one
        names.append(one)
    return names


def _shortened(text: str, letters: int) -> str:
    """Cut a text to so many letters, as Excel counts them."""
    return text.encode("utf-16-le")[: 2 * letters].decode("utf-16-le", "ignore")


def _definitions(names: list[str], found: list[Table], redaction: Redaction, zone: str | tzinfo) -> pd.DataFrame:
    rows = [
        (name, heading, sentence)
        for name, table in zip(names, found, strict=True)
        for heading, sentences in [*table.parts, *_of_times(table.frame, zone)]
        for sentence in sentences
    ]
    rows += [("", "Personal data", sentence) for sentence in redaction.told]
    return pd.DataFrame(rows, columns=["table", "heading", "sentence"], dtype="string")


def _of_times(frame: pd.DataFrame, zone: str | tzinfo) -> Iterator[tuple[str, list[str]]]:
    kinds = {kind_of(frame[name]) for name in frame.columns}
    if "date" in kinds:
        said = f"Times are local ones of {zone}, as their headings say."
        if str(zone) != "UTC":
            said += (
                " Where clocks are set back in autumn, the hour before comes twice, and the two cannot be told apart;"
                " the hour left out in spring does not occur."
            )
        yield "Times", [said]
    if "span" in kinds:
        yield "Times", ["Lengths of time are in hours."]


class _Column:
    """A column that is written cell by cell; one cell of openpyxl serves for all that look alike."""

    def __init__(self, sheet: Any, number_format: str, *, wrap: bool = False, bold: bool = False) -> None:
        self._number, self._text, self._formula = (needed("openpyxl.cell").WriteOnlyCell(sheet) for _ in range(3))
        self._number.number_format = number_format
        styles = needed("openpyxl.styles")
        for cell in (self._text, self._formula):
            cell.number_format = _TEXT
            if wrap:
                cell.alignment = styles.Alignment(wrap_text=True, vertical="top")
            if bold:
                cell.font = styles.Font(name="Calibri", size=11, bold=True)
        self._formula.quotePrefix = True  # so that it stays text when somebody edits the cell

    def cell(self, value: Any) -> Any:
        """Give the cell of a value; text is never a formula and never an error."""
        if value is None:
            return None
        if not isinstance(value, str):
            self._number.value = value
            return self._number
        cell = self._formula if value.startswith(_RETURN) or GUARDED.match(value) else self._text
        cell.value = value
        cell.data_type = "s"
        return cell


def _fill(sheet: Any, frame: pd.DataFrame, zone: str | tzinfo, *, wrap: bool = False) -> None:
    """Write headings and rows."""
    letter = needed("openpyxl.utils").get_column_letter
    names = list(map(str, frame.columns))
    kinds = [kind_of(frame[name]) for name in names]
    heads = [_letters(_heading(name, kind, zone)) for name, kind in zip(names, kinds, strict=True)]
    first = [_values(frame[name].head(_SAMPLE), zone) for name in names]
    for number, (head, kind, values) in enumerate(zip(heads, kinds, first, strict=True), 1):
        sheet.column_dimensions[letter(number)].width = _width(head or "", kind, values)
    sheet.freeze_panes = "A2"
    sheet.auto_filter.ref = f"A1:{letter(len(names))}{len(frame) + 1}"
    sheet.append([_Column(sheet, _TEXT, bold=True).cell(head) for head in heads])
    columns = [_Column(sheet, _format(frame, name), wrap=wrap) for name in names]
    for start in range(0, len(frame), _AT_ONCE):
        part = frame.iloc[start : start + _AT_ONCE]
        for row in zip(*(_values(part[name], zone) for name in names), strict=True):
            sheet.append([column.cell(value) for column, value in zip(columns, row, strict=True)])


def _heading(name: str, kind: Kind, zone: str | tzinfo) -> str:
    return f"{name} ({zone})" if kind == "date" else f"{name} (hours)" if kind == "span" else name


def _format(frame: pd.DataFrame, name: str) -> str:
    column = frame[name]
    kind = kind_of(column)
    if kind == "real":
        return "0.0%" if is_share(name, set(frame.columns)) else "General"
    if kind == "naive" and (column.dropna() == column.dropna().dt.normalize()).all():
        return "yyyy-mm-dd"
    return _FORMATS.get(kind, "General")


def _width(head: str, kind: Kind, values: list[Any]) -> int:
    least, most = _WIDTHS
    fixed = 19 if kind in ("date", "naive") else 0
    longest = max((len(one) for one in values if isinstance(one, str)), default=fixed)
    return min(most, max(least, len(head) + 3, longest + 1))  # the arrow of the filter needs room


def _values(column: "pd.Series[Any]", zone: str | tzinfo) -> list[Any]:
    """Give the cells of a column: text, numbers, True and False, or None."""
    kind = kind_of(column)
    if kind == "text":
        codes, texts = coded(column)
        cells = [*map(_letters, texts), None]
        return [cells[code] for code in codes]
    if kind == "date":
        return _days(column.dt.tz_convert(zone).dt.tz_localize(None))
    if kind == "naive":
        return _days(column)
    if kind == "span":
        hours = column.to_numpy(dtype="timedelta64[us]") / np.timedelta64(1, "h")
        return [None if hour != hour else hour for hour in hours.tolist()]
    if kind == "real":
        return [None if one != one else str(one) if abs(one) == np.inf else one for one in column.tolist()]
    if kind == "whole":
        return [None if one is pd.NA else one if abs(one) < _DIGITS else str(one) for one in column.tolist()]
    return [None if one is pd.NA else bool(one) for one in column.tolist()]


def _days(column: "pd.Series[Any]") -> list[Any]:
    """Give local times as Excel counts them; what it does not know as text."""
    moments = column.to_numpy(dtype="datetime64[us]")
    days = (moments - _DAY_0) / np.timedelta64(1, "D")
    known = (moments >= _FIRST) & (moments <= _LAST)
    texts = np.datetime_as_string(moments, unit="s")
    return [
        None if text == "NaT" else day if fits else text.replace("T", " ")
        for day, fits, text in zip(days.tolist(), known.tolist(), texts.tolist(), strict=True)
    ]


def _letters(text: str) -> str | None:
    """Write a text as a cell holds it; an empty one is an empty cell."""
    written = _ESCAPED.sub(lambda found: _RETURN if found[0] == "\r" else "_x005F_", visible(text))
    if len(written) > _LETTERS // 2 and len(written.encode("utf-16-le")) > 2 * _LETTERS:
        written = _shortened(written, _LETTERS - len(_CUT)) + _CUT
    return written or None


def _drop(book: Any) -> None:
    """Remove the sheets that openpyxl has written to temporary files: it would keep them until Python ends."""
    for sheet in book.worksheets:
        with suppress(Exception):
            sheet.close()
        with suppress(Exception):
            sheet._writer.cleanup()
