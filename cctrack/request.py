"""What a report is asked with, and what the asking came to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from cctrack.api.walk import Walk
from cctrack.errors import CctrackError
from cctrack.schema import Report


@dataclass(frozen=True)
class Request:
    """A report that is to be fetched; every part is checked already.

    Attributes
    ----------
    report : Report
        Which.
    key : str or None
        Name of the identifier of which there are many.
    ids : list of str or None
        The many; None for a report of the whole account.
    fixed : dict of str to str
        Identifiers before the many.
    options : dict of str to str
        Filters as the catalogue names them.
    since : Timestamp or None
        Rows before it are left out, whatever the service sends.
    limit : int
        Wanted page size.
    refresh : bool
        Ask the service again.
    progress : bool or None
        Show a bar; None shows one for more than a handful.
    skip_missing : bool
        Leave out ids that the service does not know.
    route : str or None
        Stands in the provenance.
    details : bool
        Ask for what further reports tell of the rows, where the dialect has it there alone.
    """

    report: Report
    key: str | None = None
    ids: Sequence[str] | None = None
    fixed: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    since: pd.Timestamp | None = None
    limit: int = 500
    refresh: bool = False
    progress: bool | None = None
    skip_missing: bool = False
    route: str | None = None
    details: bool = False


@dataclass
class Facts:
    """What the walks of one report came to."""

    calls: int = 0
    hits: int = 0
    pages: int = 0
    fetched_at: float | None = None
    from_cache: bool = True
    complete: bool = True
    overlap: set[str] = field(default_factory=set)
    whole_at: float | None = None

    def add(self, other: "Facts") -> None:
        """Take those of another walk in."""
        self.calls += other.calls
        self.hits += other.hits
        self.pages += other.pages
        self.fetched_at = _earlier(self.fetched_at, other.fetched_at)
        self.whole_at = _earlier(self.whole_at, other.whole_at)
        self.from_cache &= other.from_cache
        self.complete &= other.complete
        self.overlap |= other.overlap

    @classmethod
    def of(cls, report: Report, walk: Walk) -> "Facts":
        """Tell what one walk came to."""
        entry = walk.entry
        if entry is None:  # a walk ends with an entry or with an error
            raise CctrackError(f"{report.name} ended without a result; please report this")
        return cls(
            walk.calls,
            int(walk.from_cache),
            len(entry.pages),
            entry.fetched_at,
            walk.from_cache,
            walk.complete,
            {entry.overlap} - {"none"},
            entry.whole_at if entry.whole_at < entry.fetched_at else None,
        )


def _earlier(one: float | None, other: float | None) -> float | None:
    return min((time for time in (one, other) if time is not None), default=None)
