"""CSV that spreadsheets show and none of them runs, and that comes back as it was (`_reading.py`)."""

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cctrack.export._columns import coded, kind_of
from cctrack.export._files import replacing, target
from cctrack.export._redaction import Redact, Redaction
from cctrack.export._tables import prepared
from cctrack.export._texts import GUARDED

PREFIX = "'"
MINUS_INFINITY = "'-inf"
_ROWS = 50_000  # at a time
_SECOND = 1_000_000  # microseconds


def to_csv(table: pd.DataFrame, path: str | os.PathLike[str], *, redact: Redact | None = None) -> Path:
    """Write a table as CSV: UTF-8 with a byte order mark, so that Excel reads its letters.

    `cctrack.export.read_csv` gives it back. Excel itself turns long ids into rounded numbers when it opens a CSV:
    for people who will edit it there, use `to_excel`.

    Parameters
    ----------
    table
        Any frame with one level of columns. An index that has a name, or is not of whole numbers, comes first.
    path
        The file; one that is there is replaced when the new one is complete.
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
        For a table that cannot be written, or a bad argument, before anything is written.
    OSError
        When the file cannot be written; no half file is left.

    Notes
    -----
    Text stands in quotes; numbers, dates and what is missing (nothing at all) do not. Text that a spreadsheet could
    take for a formula, because it begins with = + - @, a tab or a line end (or with blanks before these), has a '
    before it; so has text that begins with one. Dates are ISO-8601 in UTC with Z, microseconds or finer; without a
    zone they have no Z. Lengths of time are seconds as in PT90.500000S. Halves of letters (lone surrogates) become
    U+FFFD.
    """
    redaction = Redaction(redact)
    where = target(path)
    frame = prepared(table, redaction)
    with replacing(where) as scratch, scratch.open("w", encoding="utf-8-sig", newline="") as file:
        # The quotes of a heading tell text from numbers where a column has no value at all.
        heads = [_quoted(name) if kind_of(frame[name]) == "text" else _plain_heading(name) for name in frame.columns]
        file.write(_lines([heads]))
        for start in range(0, len(frame), _ROWS):
            part = frame.iloc[start : start + _ROWS]
            file.write(_lines(zip(*(_cells(part[name]) for name in frame.columns), strict=True)))
    return where


def _lines(rows: Iterable[Iterable[str]]) -> str:
    return "".join([",".join(row) + "\r\n" for row in rows])


def guarded(text: str) -> str:
    """Put the prefix before what a spreadsheet could run."""
    return f"{PREFIX}{text}" if GUARDED.match(text) else text


def _quoted(text: str) -> str:
    return '"' + guarded(text).replace('"', '""') + '"'


def _plain_heading(name: str) -> str:
    return name if re.fullmatch(r"[A-Za-z_][\w .()%-]*", name) else _quoted(name)


def _cells(column: "pd.Series[Any]") -> list[str]:
    """Write a column's cells."""
    kind = kind_of(column)
    if kind == "text":
        codes, values = coded(column)
        cells = [*map(_quoted, values), ""]
        return [cells[code] for code in codes]
    if kind in ("date", "naive"):
        return _dates(column, "Z" if kind == "date" else "")
    if kind == "span":
        return [_span(one) for one in column.to_numpy(dtype="timedelta64[us]")]
    if kind == "real":
        return ["" if one != one else MINUS_INFINITY if one == -np.inf else repr(one) for one in column.tolist()]
    return ["" if one is pd.NA else str(one) for one in column.array]


def _dates(column: "pd.Series[Any]", zone: str) -> list[str]:
    moments = column.dt.tz_convert("UTC").dt.tz_localize(None) if zone else column
    fine = moments.to_numpy(dtype=f"datetime64[{moments.dt.unit}]")
    micro = fine.astype("datetime64[us]")
    texts = np.datetime_as_string(micro if (micro == fine)[~np.isnat(fine)].all() else fine)
    return ["" if text == "NaT" else f"{text}{zone}" for text in texts.tolist()]


def _span(length: np.timedelta64) -> str:
    if np.isnat(length):
        return ""
    microseconds = int(length.astype("int64"))
    sign, size = ("'-" if microseconds < 0 else ""), abs(microseconds)
    return f"{sign}PT{size // _SECOND}.{size % _SECOND:06d}S"
