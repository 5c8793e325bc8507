"""What tables tell of themselves, in the words of a picture."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import pandas as pd

from cctrack.plots._letters import BETWEEN

NONE: Final = "n/a"  # stands where there is no value
Record = Mapping[Any, Any]
HUMAN: Final = "_human"
_REASONS, _NOTES = 5, 2  # that are named


def checked(table: object, columns: Iterable[str], analysis: str) -> pd.DataFrame:
    """Give the table if it is what the analysis returns.

    Raises
    ------
    TypeError, ValueError
        When it is no frame, or columns are missing.
    """
    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"table must be a pandas frame, not {type(table).__name__}; {analysis} gives one")
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise ValueError(f"table has no column {', '.join(missing)}; pass what {analysis} gives")
    return table


def missing(cell: object) -> bool:
    """Tell whether there is no value."""
    return bool(pd.isna(cell))  # type: ignore[call-overload]


def flag(cell: Any) -> bool:
    """Give a truth, False where it is not known."""
    return not missing(cell) and bool(cell)


def records(table: pd.DataFrame) -> list[Record]:
    """Give the rows, without what came with the table: pandas would copy that for each."""
    return [*pd.DataFrame(table, copy=False).to_dict("records")]


def told(table: pd.DataFrame) -> Mapping[str, Any]:
    """Give what came with the table; nothing where pandas dropped it."""
    held = table.attrs.get("cctrack")
    return held if isinstance(held, Mapping) else {}


def title(table: pd.DataFrame, otherwise: str) -> str:
    """Give the heading of the picture."""
    return str(told(table).get("title") or otherwise)


def definition(table: pd.DataFrame, otherwise: str) -> str:
    """Give the sentence that says what is counted, and of what the rates are shares."""
    return str(told(table).get("definition") or otherwise)


def as_of(table: pd.DataFrame) -> str:
    """Say of what day the data are."""
    date = told(table).get("as_of")
    return f"Data as of {str(date)[:10]}." if date else ""


def reasons(table: pd.DataFrame) -> str:
    """Name why events were set aside: `sweep 812, instant 9`."""
    found = told(table).get("set_aside")
    if not isinstance(found, Mapping):
        return ""
    named = [f"{reason} {number(n)}" for reason, n in list(found.items())[:_REASONS]]
    return ", ".join(named)


def interval(table: pd.DataFrame) -> str:
    """Name the kind of interval: `95% interval`."""
    level = told(table).get("ci")
    return "interval" if level is None else f"{100 * float(level):.3g}% interval"


def human(table: pd.DataFrame, column: str) -> str:
    """Give the name of the column without automatic events, where there is one."""
    return column + HUMAN if column + HUMAN in table.columns else column


def value(cell: Any) -> float | None:
    """Give a number, None where there is none."""
    return None if missing(cell) else float(cell)


def number(cell: Any) -> str:
    """Write a whole number."""
    return NONE if missing(cell) else f"{int(cell):,}"


def count(cell: Any, what: str) -> str:
    """Write a number of things: `what` is the name of one."""
    return f"{number(cell)} {what}{'' if not missing(cell) and int(cell) == 1 else 's'}"


def percent(rate: Any) -> str:
    """Write a share of 1 as per cent, with two figures where it is small."""
    if missing(rate):
        return NONE
    return f"{rate:.2%}" if 0 < abs(rate) < 0.00995 else f"{rate:.1%}"


def joined(*parts: str) -> str:
    """Put words beside each other."""
    return BETWEEN.join(part for part in parts if part)


def notes(table: pd.DataFrame) -> str:
    """Give the first things that a reader of the figures must know; those on single columns are not for pictures."""
    known = [str(note) for note in told(table).get("notes") or ()]
    return " ".join([note for note in known if note.partition(":")[0] not in table.columns][:_NOTES])
