"""What a result tells of itself: written into its attrs as JSON, read back in plain words."""

from collections.abc import Iterable, Mapping
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from cctrack._version import __version__

KEY = "cctrack"
_OF_SOURCE = ("report", "api", "account", "fetched_at", "complete", "missing_columns", "repaired")


def tell(
    table: pd.DataFrame,
    analysis: str,
    *,
    title: str,
    row: str,
    definition: str,
    columns: Mapping[str, str],
    source: Mapping[str, Any],
    notes: Iterable[str] = (),
    **facts: Any,
) -> pd.DataFrame:
    """Write into a result what it is; everything in it is JSON.

    Parameters
    ----------
    table
        The result.
    analysis
        Name of the function in `cctrack.analysis`.
    title
        Heading of its picture.
    row
        What one row is.
    definition
        One or two sentences for the caption of a picture: what is counted, and of what the rates are shares.
    columns
        What each column is: unit, numerator and denominator. Columns that the result lacks are left out; one that
        ends in `_human` is explained by the one without.
    source
        Provenance of the input.
    notes
        What a reader of the figures must know.
    **facts
        Choices that were made (`semantics`, `machine`, `tz`, `as_of`, ...); those that are None are left out.

    Returns
    -------
    pandas.DataFrame
        The same table.
    """
    table.attrs = {
        KEY: {
            "analysis": analysis,
            "title": title,
            "row": row,
            "definition": definition,
            **{name: told for name, value in facts.items() if (told := _json(value)) is not None},
            "columns": {name: columns[name] for name in map(str, table.columns) if name in columns},
            "notes": list(notes),
            "source": {name: _json(source[name]) for name in _OF_SOURCE if name in source},
            "version": __version__,
        }
    }
    return table


def _json(value: Any) -> Any:
    if isinstance(value, pd.Timestamp):
        return value.tz_convert("UTC").isoformat().replace("+00:00", "Z")
    if isinstance(value, Mapping):
        return {str(name): _json(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_json(one) for one in value]
    if isinstance(value, np.generic):
        return value.item()
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    return None if value is pd.NaT else str(value)


class Explanation:
    """A table in plain words: `.text`, the same in a terminal, and as HTML in Jupyter.

    Attributes
    ----------
    title : str
        What the table is.
    parts : list of (str, list of str)
        Headings, and the sentences below each.
    """

    def __init__(self, title: str, parts: list[tuple[str, list[str]]]) -> None:
        self.title = _line(title)
        self.parts = [(_line(heading), [_line(sentence) for sentence in said]) for heading, said in parts]

    @property
    def text(self) -> str:
        """The explanation as plain text."""
        lines = [self.title]
        for heading, sentences in self.parts:
            lines += ["", heading, *(f"  {sentence}" for sentence in sentences)]
        return "\n".join(lines)

    def __repr__(self) -> str:
        return self.text

    def _repr_html_(self) -> str:
        def listed(sentences: list[str]) -> str:
            return "".join(f"<li>{_named(sentence)}</li>" for sentence in sentences)

        body = "".join(f"<p><b>{escape(heading)}</b></p><ul>{listed(said)}</ul>" for heading, said in self.parts)
        return f'<div class="cctrack-explanation"><p><b>{escape(self.title)}</b></p>{body}</div>'


def _line(text: str) -> str:
    """Keep it to one line: names of columns and accounts may hold line ends and commands to the terminal."""
    return "".join(char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in text)


def _named(sentence: str) -> str:
    """Set the name before the first colon, that of a column for instance, as code."""
    name, colon, rest = sentence.partition(": ")
    return f"<code>{escape(name)}</code>: {escape(rest)}" if colon and " " not in name else escape(sentence)


def explain(table: pd.DataFrame) -> Explanation:
    """Say in plain words what a table is: its rows, columns, definitions, rules, and the state of its data.

    Parameters
    ----------
    table
        What a function of `cctrack.analysis`, or a report such as `cctrack.clicks_df`, gave.

    Returns
    -------
    Explanation
        With `.text`; Jupyter shows it as HTML.

    Raises
    ------
    TypeError, ValueError
        When it is no frame, or carries nothing that tells of it: pandas drops that in some operations.
    """
    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"table must be a pandas frame, not {type(table).__name__}; pass what an analysis gave")
    told = table.attrs.get(KEY)
    if not isinstance(told, Mapping):
        raise ValueError("the table carries no explanation: pandas drops it in some operations; pass what was given")
    if "analysis" not in told:
        return Explanation(f"Report {told.get('report')}, as it came", [("Where it comes from", _source(told))])
    parts = [
        ("Definition", [str(told["row"]), str(told["definition"])]),
        ("Choices", _choices(told)),
        ("Columns", _columns(table, told)),
        ("Automatic activity", _machine(told)),
        ("To know", list(told["notes"])),
        ("Data", [*_as_of(told), *_source(told["source"])]),
    ]
    return Explanation(f"{told['title']} (analysis.{told['analysis']})", [part for part in parts if part[1]])


_CHOICES = (
    "semantics", "definitions", "level", "by", "window", "tolerance", "allow_implied", "orphans", "ci", "tz", "method",
    "metric", "baseline", "adjust", "kinds", "drop", "collapse", "event", "view", "cadence", "before",
)  # fmt: skip


def _choices(told: Mapping[str, Any]) -> list[str]:
    return [f"{name}: {_shown(told[name])}" for name in _CHOICES if told.get(name) is not None]


def _columns(table: pd.DataFrame, told: Mapping[str, Any]) -> list[str]:
    names = [str(name) for name in table.columns]
    said = [f"{name}: {told['columns'][name]}" for name in names if name in told["columns"]]
    if any(name.endswith("_human") and name not in told["columns"] for name in names):
        said.append("..._human: the same, without the events set aside as automatic")
    return said


def _machine(told: Mapping[str, Any]) -> list[str]:
    if told.get("machine") is None:
        return []
    how = {
        "include": "machine: included; everything is counted as recorded",
        "flagged": "machine: flagged; events that look automatic are marked, none is left out",
        "exclude": "machine: excluded; events that look automatic are set aside before anything is counted",
        "both": "machine: both; columns as recorded, and the same with _human after events that look automatic "
        "are set aside",
    }
    said = [how.get(told["machine"], f"machine: {told['machine']}")]
    if told.get("set_aside") is not None:
        aside = ", ".join(f"{reason} {n:,}" for reason, n in told["set_aside"].items())
        said.append(f"set_aside: {aside or 'nothing'}")
    return said + [str(rule) for rule in told.get("rules", [])]


def _as_of(told: Mapping[str, Any]) -> list[str]:
    return [f"as_of: {told['as_of']}"] if told.get("as_of") else []


def _source(source: Mapping[str, Any]) -> list[str]:
    return [f"{name}: {_shown(source[name])}" for name in _OF_SOURCE if source.get(name) not in (None, [], 0)]


def _shown(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value))
    return str(value)
