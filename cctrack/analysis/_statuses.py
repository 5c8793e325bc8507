"""Why the rows and a summary differ, judged from what else is known."""

from dataclasses import dataclass
from typing import Final

STATUSES: Final = {
    "equal": "they agree",
    "summary_stale": "more rows: the summary was counted earlier",
    "truncated": "fewer rows, of a time that is no longer listed or was not asked for",
    "proxy_opens_in_rows": "more openers in the rows while clicks agree: opens by privacy proxies, which the "
    "summary leaves out",
    "not_in_rows": "the summary has no rows beside it",
    "not_in_summaries": "the rows have no summary beside them",
    "unexplained": "none of these",
}


@dataclass(frozen=True)
class Difference:
    """A count of rows, a summary, and what is known beside them.

    Attributes
    ----------
    what : str
        What the summary is of, such as "campaign".
    metric, kind : str
        What is counted, and the type of its rows.
    rows, summary : int
        The counts; no summary is None.
    listed, kind_listed : bool
        Whether the activities have rows of this campaign or contact, and rows of this kind of anybody.
    proxies : bool
        Whether the clicks agree, and the openers that the summary lacks are not just the last ones.
    orphans : int
        Recipients with an event and no send.
    repeats : int
        Rows of this kind that repeat another, where they count.
    old : str
        Why rows may be no longer listed, empty where nothing says so.
    cut : str
        Which rows were not asked for, empty where all were.
    """

    what: str
    metric: str
    kind: str
    rows: int
    summary: int | None
    listed: bool
    kind_listed: bool
    proxies: bool
    orphans: int
    repeats: int
    old: str
    cut: str

    def judged(self) -> tuple[str, str]:
        """Give the status, and the reason in plain words."""
        if self.summary is None:
            return "not_in_summaries", f"no summary of this {self.what} was passed, or it has no {self.metric}"
        if self.rows == self.summary:
            return "equal", "rows and summary agree"
        if not self.listed and not self.old and not self.cut:
            return "not_in_rows", (
                f"the activities have no rows of this {self.what}: ask for them too; or they are no longer listed, "
                "which labels=cctrack.campaigns_df(details=True) would tell by the campaign's date"
            )
        return self._more() if self.rows > self.summary else self._fewer(self.summary - self.rows)

    def _more(self) -> tuple[str, str]:
        more = self.rows - (self.summary or 0)
        if self.repeats >= more:
            return "unexplained", (
                f"{more:,} more in the rows, where as many repeat another ({self.repeats:,}): true repeats, or pages "
                "that were read twice"
            )
        if self.metric == "opens" and self.proxies:
            return "proxy_opens_in_rows", (
                f"{more:,} more openers in the rows while clicks agree, also late ones: the rows seem to hold opens by "
                "privacy proxies, which the summary leaves out"
            )
        return "summary_stale", (
            f"{more:,} more in the rows: the summary was counted earlier; ask for it again, of campaigns with "
            "update_summary=True"
        )

    def _fewer(self, fewer: int) -> tuple[str, str]:
        if self.cut:
            return "truncated", f"{fewer:,} fewer in the rows: {self.cut}"
        if not self.kind_listed:
            return "not_in_rows", f"the activities have no {self.kind} rows at all: pass those too"
        if self.old:
            return "truncated", f"{fewer:,} fewer in the rows: {self.old}"
        if self.orphans:
            return "truncated", (
                f"{fewer:,} fewer in the rows, where recipients have events without a send ({self.orphans:,}): what is "
                "older seems to be no longer listed"
            )
        return "unexplained", (
            f"{fewer:,} fewer in the rows, though they are young enough to be listed; ask for them again with "
            "refresh=True"
        )
