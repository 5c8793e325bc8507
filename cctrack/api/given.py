"""How a dialect gives a report: its columns, and the further reads that the report takes there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from cctrack.schema import Report


@dataclass(frozen=True)
class Lookup:
    """Columns that a report leaves empty, and the other report that has them.

    Attributes
    ----------
    report : Report
        Of each thing, or of all of the account; its rows have `by` and the columns.
    by : str
        Column that both have.
    fills : tuple of str
        Columns that it fills.
    """

    report: Report
    by: str
    fills: tuple[str, ...]


@dataclass(frozen=True)
class Detail:
    """Columns of some rows that stand in another report of the same events.

    Attributes
    ----------
    report : Report
        The other one, of one mail at a time.
    kind : str
        Activity type of the rows.
    fills : tuple of str
        Columns that it fills.
    """

    report: Report
    kind: str
    fills: tuple[str, ...]


@dataclass(frozen=True)
class Given:
    """A report as a dialect gives it.

    Attributes
    ----------
    report : Report
        With the columns that its rows have there; those that the dialect lacks are optional.
    spread : Report or None
        Asked first: the report is one walk, or some, for each of its rows.
    excuse : Report or None
        Asked where the service has no report of such a part: it is to have none if that names it `unsent`.
    lookups : tuple of Lookup
        Asked afterwards.
    details : tuple of Detail
        Asked afterwards if it is wanted.
    proof : Report or None
        Asked where there are no rows, to tell an id that is unknown from one without any.
    sums : tuple of str
        Columns by which counts are summed, where the rows are of something smaller than the report's.
    unlisted : frozenset of str
        Statuses left out unless they are asked for.
    ignores : tuple of str
        Options that the dialect cannot heed.
    """

    report: Report
    spread: Report | None = None
    excuse: Report | None = None
    lookups: tuple[Lookup, ...] = ()
    details: tuple[Detail, ...] = ()
    proof: Report | None = None
    sums: tuple[str, ...] = ()
    unlisted: frozenset[str] = frozenset()
    ignores: tuple[str, ...] = ()


@dataclass(frozen=True)
class Batch:
    """How a report of many ids is asked for in few calls.

    Attributes
    ----------
    size : int
        Most ids in a call.
    path : callable
        Gives the address for some ids.
    split : callable
        Makes of its answer that of each id by itself; an id that it does not tell of is left out.
    """

    size: int
    path: Callable[[Sequence[str]], str]
    split: Callable[[Any], dict[str, Any]]
