"""What a dialect asks for: one walk, and how its answers are read."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Optional

Record = dict[str, Any]
FOR_GOOD = math.inf


@dataclass(frozen=True)
class Ask:
    """One walk: an address, and how its answers are read.

    Attributes
    ----------
    path : str
        Below the dialect's prefix.
    params : dict of str to str
        Of the first page, without the page size.
    limit : int or None
        Page size; None where it cannot be chosen.
    rows : callable
        Gives the records of an answer, under the catalogue's names.
    since : str or None
        Parameter that asks for what is new, where there is one.
    date : str or None
        The records' date that it speaks of.
    envelope : str
        Where the records stand in an answer.
    newest_first : bool
        Whether the service says that it lists the newest first, so that a walk may end where the rest is too old.
    bound : int or None
        Older rows are not wanted, in microseconds since 1970; only where there is no parameter for it.
    unkeyed : dict of str to str
        Further parameters of the first page, which make no other report of it.
    lasts : float
        How much longer than a report it stays fresh; `FOR_GOOD` for what never changes.
    absent : bytes or None
        Stands for the answer where the service knows nothing at this address; None lets that be an error.
    unique : bool
        Whether no row is ever listed twice, so that one that is was overlap.
    otherwise : Ask or None
        Asked where the service knows nothing at this address.
    """

    path: str
    params: Mapping[str, str]
    limit: int | None
    rows: Callable[[Any], list[Record]]
    since: str | None = None
    date: str | None = None
    envelope: str = "results"
    newest_first: bool = False
    bound: int | None = None
    unkeyed: Mapping[str, str] = field(default_factory=dict)
    lasts: float = 1.0
    absent: bytes | None = None
    unique: bool = False
    otherwise: Optional["Ask"] = None

    def cut(self, answer: Any, keep: list[bool]) -> Any:
        """Give a page with some of its rows."""
        rows = [row for row, wanted in zip(answer[self.envelope], keep, strict=True) if wanted]
        return {**answer, self.envelope: rows}
