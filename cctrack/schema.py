"""What a report is: its columns, its identifiers and its options, and the binder that holds functions to it."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from textwrap import wrap
from typing import Literal, TypeVar

Kind = Literal["id", "text", "date", "count", "activity"]

ACTIVITY_TYPES = (
    "EMAIL_SEND",
    "EMAIL_OPEN",
    "EMAIL_CLICK",
    "EMAIL_FORWARD",
    "EMAIL_BOUNCE",
    "EMAIL_UNSUBSCRIBE",
)

DTYPES: dict[Kind, str] = {
    "id": "string",
    "text": "string",
    "date": "datetime64[us, UTC]",
    "count": "Int64",
    "activity": "category",
}

OPTIONS: dict[str, str] = {
    "created_since": (
        "Only events on or after this instant: an ISO-8601 string, a date, a datetime or a Timestamp. "
        "One without a zone means UTC. None asks for everything that the service still lists."
    ),
    "modified_since": "Only what was changed on or after this instant; as `created_since` elsewhere.",
    "status": "Only what has this status, in the service's words; None asks for every status.",
    "email": "Only the contact with exactly this address.",
    "details": (
        "Add what only further calls can tell. Campaigns: one call each, two on v3. Events of contacts: on v3, links, "
        "bounce codes and reasons from the campaigns' reports, without which these columns are NA; nothing on v2, "
        "where they are complete."
    ),
    "update_summary": (
        "Have the service count again before it answers, instead of giving its last count. v3 cannot: it is ignored "
        "there, with a warning."
    ),
    "route": (
        '"contacts" asks for each contact; "campaigns" reads the reports of all sent campaigns and keeps '
        "these contacts: far fewer calls for many contacts. It cannot see deleted campaigns."
    ),
    "limit": "Rows in a page, 1 to 500 or as many as the report takes: the number of calls changes, not the rows.",
    "refresh": "Ask the service again, even where the cache holds a fresh answer.",
    "progress": "Show a progress bar; None shows one for more than a handful of ids.",
    "on_missing": (
        '"raise" stops at an id that the service does not know; "skip" leaves it out and names it in the provenance.'
    ),
    "session": "The session to ask; None takes the current one.",
}


@dataclass(frozen=True)
class Column:
    """A column of a report.

    Attributes
    ----------
    name : str
        Name in the frame.
    kind : {"id", "text", "date", "count", "activity"}
        Decides the dtype, see `DTYPES`.
    meaning : str
        One sentence for the tooltip.
    optional : bool
        Whether the service may leave the field out. A field that is not optional and is missing counts as a repair.
    only : str or None
        The activity type whose rows have it; None for all.
    """

    name: str
    kind: Kind
    meaning: str
    optional: bool = False
    only: str | None = None


@dataclass(frozen=True)
class Report:
    """A report, declared once.

    Attributes
    ----------
    name : str
        Name of the function without `_df`.
    row : str
        What one row is.
    keys : tuple of str
        Identifiers the report is asked for, in the order of the arguments; the last may be many.
    columns : tuple of Column
        In the order of the frame.
    options : tuple of str
        Keyword-only arguments, see `OPTIONS`.
    since : str or None
        The date column that `created_since` or `modified_since` speaks of.
    order : {"server", "date", "date_within_id"}
        Rows as the service lists them, or sorted by `since`.
    on_v3 : str
        What it takes on the v3 API, where that is more than one walk.
    """

    name: str
    row: str
    keys: tuple[str, ...]
    columns: tuple[Column, ...]
    options: tuple[str, ...]
    since: str | None = None
    order: Literal["server", "date", "date_within_id"] = "server"
    on_v3: str = ""

    @property
    def function(self) -> str:
        """Name of the public function."""
        return f"{self.name}_df"

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order."""
        return tuple(column.name for column in self.columns)


RAISES = {
    "ValueError, TypeError": "A bad argument, before anything is sent.",
    "ConfigError": "No session, and the environment does not configure one.",
    "AuthError": "The service does not accept the credentials.",
    "NotFoundError": "The service does not know an id.",
    "RateLimitError": "The day's calls are used up, or calls come too fast; what was fetched is kept.",
    "ServiceError, NetworkError, ResponseError": "No answer, or none that is a report, through every try.",
}

_ONCE_MORE = "Of several pages the first is read once more at the end. See `cctrack.plan`."

Function = TypeVar("Function", bound=Callable[..., object])


def serves(report: Report) -> Callable[[Function], Function]:
    """Hold a public function to its declaration and complete its docstring from it.

    Parameters
    ----------
    report
        The declaration.

    Returns
    -------
    callable
        A decorator that gives the same function back.

    Raises
    ------
    TypeError
        At import, when the function's name or arguments are not the declared ones.
    """

    def bind(function: Function) -> Function:
        parameters = inspect.signature(function).parameters.values()
        positional = tuple(p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD)
        keywords = tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY)
        declared = (report.function, report.keys, report.options)
        if (found := (function.__name__, positional, keywords)) != declared:
            raise TypeError(f"{function.__name__} is {found}, its declaration says {declared}")
        function.__doc__ = _docstring(report, inspect.cleandoc(function.__doc__ or ""))
        return function

    return bind


def _docstring(report: Report, written: str) -> str:
    """Put the Parameters and the column table between the summary and the notes that were written by hand."""
    summary, _, notes = written.partition("\n\n")
    lines = [summary, "", "Parameters", "----------"]
    for position, key in enumerate(report.keys):
        many = "One, or any iterable of them." if position == len(report.keys) - 1 else "One."
        lines += [key, *_indented(f"Identifier as text. {many}")]
    for option in report.options:
        lines += [option, *_indented(OPTIONS[option])]
    lines += ["", "Returns", "-------", "pandas.DataFrame", *_indented(f"One row is {report.row}::"), ""]
    width = max(len(name) for name in report.names)
    kinds = max(len(DTYPES[column.kind]) for column in report.columns)
    lines += [
        f"        {column.name:<{width}}  {DTYPES[column.kind]:<{kinds}}  {column.meaning}" for column in report.columns
    ]
    lines += ["", *_indented('`attrs["cctrack"]` tells where the rows come from; see `cctrack.provenance`.'), ""]
    if report.on_v3:
        lines += [*_indented(f"On v3: {report.on_v3} {_ONCE_MORE}"), ""]
    lines += ["Raises", "------"]
    for error, meaning in RAISES.items():
        if error != "NotFoundError" or report.keys:
            lines += [error, *_indented(meaning)]
    return "\n".join([*lines, "", notes] if notes else lines) + "\n"


def _indented(text: str) -> list[str]:
    return wrap(text, 88, initial_indent="    ", subsequent_indent="    ")
