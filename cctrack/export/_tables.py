"""The tables that are handed over: checked, named, in plain columns, redacted, and what they mean."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from pandas.api import types

from cctrack.analysis import explain
from cctrack.catalog import REPORTS
from cctrack.export._columns import kind_of, settled
from cctrack.export._redaction import Redaction
from cctrack.export._texts import sound

Tables = pd.DataFrame | Mapping[str, pd.DataFrame] | Iterable[pd.DataFrame]
Parts = list[tuple[str, list[str]]]

KEY = "cctrack"  # of what a table tells of itself, in its attrs
_NOTHING = "The table carries no definitions: it is no report and no analysis, or pandas has dropped them on the way."


@dataclass(frozen=True)
class Table:
    """A table as it is to be written.

    Attributes
    ----------
    name : str
        As it was given, or that of its analysis or report.
    title : str
        What stands above it.
    frame : pandas.DataFrame
        A copy in settled columns, redacted.
    parts : list of (str, list of str)
        Headings, and the sentences below each: what `analysis.explain` says.
    merged : bool
        Whether redaction has made rows of an analysis alike in all their text: their groups cannot be told apart.
    """

    name: str
    title: str
    frame: pd.DataFrame
    parts: Parts
    merged: bool


def gathered(tables: object, redaction: Redaction) -> list[Table]:
    """Read one table or several.

    Raises
    ------
    TypeError, ValueError
        When something is no table that can be written, or there is none.
    """
    given: list[tuple[str, Any]]
    if isinstance(tables, pd.DataFrame):
        given = [("", tables)]
    elif isinstance(tables, Mapping):
        given = [(str(name), table) for name, table in tables.items()]
    elif isinstance(tables, Iterable) and not isinstance(tables, (str, bytes)):
        given = [("", table) for table in tables]
    else:
        raise TypeError(f"tables is a {type(tables).__name__}; pass a pandas frame, or several by name or in a list")
    if not given:
        raise ValueError("tables is empty; pass at least one frame")
    return [_table(name, frame, redaction) for name, frame in given]


def _table(name: str, given: object, redaction: Redaction) -> Table:
    plain = _plain(given, f"table {name!r}" if name else "table")
    frame = redaction.frame(plain)
    told = frame.attrs.get(KEY)
    told = told if isinstance(told, dict) else {}
    own = str(told.get("analysis") or told.get("report") or "table")
    title = str(told.get("title") or (f"Report {own}" if "report" in told else own.replace("_", " ").capitalize()))
    name = sound(redaction.text(name)).strip()
    merged = "analysis" in told and redaction.how is not None and _alike(frame) > _alike(plain)
    return Table(name or own, name or title, frame, _parts(frame, told), merged)


def _alike(frame: pd.DataFrame) -> int:
    """Count the rows that are not the first with their texts."""
    texts = [name for name in frame.columns if kind_of(frame[name]) == "text"]
    return int(frame[texts].duplicated().sum()) if texts else 0


def prepared(given: object, redaction: Redaction) -> pd.DataFrame:
    """Give a copy of a table in settled columns, redacted; an index that tells something comes first.

    Raises
    ------
    TypeError, ValueError
        When it is no pandas frame, has no columns, columns of several levels, or a name twice.
    """
    return redaction.frame(_plain(given, "table"))


def _plain(given: object, what: str) -> pd.DataFrame:
    if not isinstance(given, pd.DataFrame):
        raise TypeError(
            f"{what} must be a pandas frame, not {type(given).__name__}; pass what a report or analysis gave"
        )
    if given.columns.nlevels > 1:
        flat = "table.columns = ['_'.join(map(str, name)) for name in table.columns]"
        raise ValueError(f"{what} has columns of {given.columns.nlevels} levels; make them one, such as by {flat}")
    held = [*_of_index(given.index), *((sound(str(name)), given.iloc[:, at]) for at, name in enumerate(given.columns))]
    columns = dict(held)
    if len(columns) < len(held):
        names = [name for name, _ in held]
        twice = sorted({name for name in names if names.count(name) > 1})
        raise ValueError(f"{what} has two columns with the name {', '.join(twice)}; rename one, or drop its index")
    if not columns:
        raise ValueError(f"{what} has no columns; there is nothing to write")
    arrays = {name: settled(name, column).array for name, column in columns.items()}
    frame = pd.DataFrame(arrays, index=pd.RangeIndex(len(given)), copy=False)
    frame.attrs = json.loads(json.dumps(given.attrs, default=str, skipkeys=True))
    return frame


def _of_index(index: pd.Index) -> list[tuple[str, "pd.Series[Any]"]]:
    """Give the levels of an index as columns; none where it only numbers the rows."""
    if index.nlevels == 1 and index.name is None and (types.is_integer_dtype(index.dtype) or not len(index)):
        return []
    unnamed = "level_{}" if index.nlevels > 1 else "index"
    return [
        (sound(unnamed.format(level) if name is None else str(name)), index.get_level_values(level).to_series())
        for level, name in enumerate(index.names)
    ]


def _parts(frame: pd.DataFrame, told: Mapping[str, Any]) -> Parts:
    try:
        said = explain(frame)
    except (ValueError, KeyError, TypeError, AttributeError):  # none, or that of another version
        return [("", [str(told.get("definition") or _NOTHING)])]
    report = REPORTS.get(str(told.get("report")))
    meanings = {column.name: column.meaning for column in report.columns} if report else {}
    columns = [f"{name}: {meanings[name]}" for name in frame.columns if name in meanings]
    rows = [("Rows", [f"One row is {report.row}."])] if report else []
    return [("", [said.title]), *rows, *([("Columns", columns)] if columns else []), *said.parts]
