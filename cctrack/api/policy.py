"""How a session wants its walks: how sure, and how fresh."""

from dataclasses import dataclass, field
from typing import Literal

from cctrack.api.ask import FOR_GOOD
from cctrack.api.store import Entry
from cctrack.moments import DAY

Verify = Literal["head", "strict"]

MOST_PAGES = 10_000  # five million rows: a chain that goes on has no end
_QUIET = 30 * DAY
_OF_CAMPAIGNS = ("campaign_", "account_activities")
_QUIET_FACTOR = 24  # a campaign without new activity for that long is asked less often by this factor


@dataclass(frozen=True)
class Policy:
    """How a session wants its walks.

    Attributes
    ----------
    verify : {"head", "strict"}
        Read page one again at the end, or walk until two walks agree.
    expire_after : float
        Seconds for which a walk is fresh.
    expire_report : dict of str to float
        The same for some reports by name.
    offline : bool
        Answer from the store alone, however old.
    most_pages : int
        Where a chain of pages is taken to have no end.
    """

    verify: Verify = "head"
    expire_after: float = 3600.0
    expire_report: dict[str, float] = field(default_factory=dict)
    offline: bool = False
    most_pages: int = MOST_PAGES

    def is_fresh(self, report: str, entry: Entry, now: float, lasts: float = 1.0) -> bool:
        """Whether a report need not ask for a walk again, whichever report it was made for."""
        if lasts == FOR_GOOD:
            return True
        limit = self.expire_report.get(report, self.expire_after) * lasts
        quiet = entry.newest is not None and now * 1e6 - entry.newest > _QUIET
        if quiet and report.startswith(_OF_CAMPAIGNS):
            limit *= _QUIET_FACTOR
        # An entry of the future is of a clock that was set back: its age is not known.
        return self.offline or 0 <= now - entry.fetched_at < limit
