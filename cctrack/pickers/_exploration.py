"""What an explorer asks, apart from any widget: from what is chosen to reports and to the table."""

from collections.abc import Iterable, Sequence
from typing import Any

import pandas as pd

from cctrack import analysis
from cctrack.analysis._tables import checked
from cctrack.catalog import ACTIVITIES
from cctrack.connecting import is_default
from cctrack.pickers import _code
from cctrack.pickers._labels import one_line
from cctrack.pickers._questions import CAMPAIGN, LIST, MONTH, WHOLE, Chosen, Question
from cctrack.pickers._supply import Read, Source, SourceError, Supply, costs_nothing, noting
from cctrack.reports import (
    account_activities_df,
    campaign_activities_df,
    campaign_summary_df,
    links_df,
    list_members_df,
    lists_df,
)

_NEEDS = ("activity_type", "activity_date", "campaign_id", "contact_id")
_FEW_SENT = 5_000  # up to this size, about 30 calls, the first campaign is read without asking
_MOST_SEGMENTS = 30  # a column of more different values is no segment
# Columns that mean something else to the analyses than a segment.
_NO_SEGMENTS = {*ACTIVITIES.names, "campaign_name", "send_date", "machine", MONTH, WHOLE}
_LISTS = Read(lists_df)


class Exploration:
    """Answers a question for what is chosen.

    Parameters
    ----------
    question
        Which.
    source
        A table of activities, or a callable that gives one; None asks the reports of the session.
    session
        Which session; None takes the current one.
    """

    def __init__(self, question: Question, source: Source, session: Any) -> None:
        self.question = question
        self._supply = Supply(source, Read(account_activities_df), (), session)
        self._given = session
        self._session: Any = None
        self._held: dict[Read, pd.DataFrame] = {}
        self._noted: dict[Read, list[str]] = {}
        self._rows = _activities(source) if isinstance(source, pd.DataFrame) else None

    @property
    def of_reports(self) -> bool:
        """Whether the activities are read from the service."""
        return self._supply.is_report

    @property
    def session(self) -> Any:
        """The session that is asked: always the first one, so that no answer is made of two accounts."""
        if self._session is None:
            self._session = self._supply.session()
        return self._session

    def campaigns(self) -> pd.DataFrame:
        """Give the campaigns of the table that was given."""
        rows = self._table()
        of_campaigns = rows.groupby("campaign_id", observed=True)
        sent = rows[rows["activity_type"].isin(["EMAIL_SEND"])].groupby("campaign_id", observed=True)
        found = pd.DataFrame({"sends": sent["contact_id"].nunique(), "activities": of_campaigns.size()})
        found["send_date"] = sent["activity_date"].min().reindex(found.index)
        found["send_date"] = found["send_date"].fillna(of_campaigns["activity_date"].min())
        if "campaign_name" in rows.columns:
            found["campaign_name"] = of_campaigns["campaign_name"].first()
        return found.rename_axis("campaign_id").reset_index()

    def splits(self) -> list[tuple[str, str]]:
        """Give what can make groups: words and value."""
        found = [("all together", WHOLE), ("each campaign", CAMPAIGN)]
        if self.of_reports:
            return [*found, ("each month", MONTH), ("each list", LIST)]
        rows = self._table()
        found.append(("column month" if MONTH in rows.columns else "each month", MONTH))
        names = [name for name in rows.columns if isinstance(name, str) and name not in _NO_SEGMENTS]
        return [*found, *((f"column {one_line(name)}", name) for name in names if _makes_groups(rows[name]))]

    def reads(self, chosen: Chosen) -> list[Read]:
        """Give the reports that the answer takes, as far as is known: which lists there are tells the list of them."""
        if not self.of_reports:
            return []
        found = [Read(campaign_activities_df, (chosen.campaigns,))]
        if self.question.with_links:
            found.append(Read(links_df, (chosen.campaigns,)))
        if chosen.split == LIST:
            found.append(_LISTS)
            if _LISTS not in self._held and costs_nothing(self.session, _LISTS):
                self.hold([_LISTS])
            if _LISTS in self._held:
                found.append(self._members())
        return found

    def left(self, chosen: Chosen) -> list[Read]:
        """Give those of the reports that cost calls."""
        return [one for one in self.reads(chosen) if one not in self._held and not costs_nothing(self.session, one)]

    def plan(self, reads: Iterable[Read]) -> str:
        """Tell what reports cost."""
        told = [f"{one.function.__name__}: {one.plan(self.session)!r}" for one in reads]
        return " ".join(["This takes calls that are not yet made.", *told])

    def is_small(self, chosen: Chosen, campaigns: pd.DataFrame) -> bool:
        """Whether one campaign is chosen, so small that reading it needs no leave; its size is asked if not known."""
        if len(chosen.campaigns) != 1 or chosen.split == LIST:
            return False
        own = campaigns[campaigns["campaign_id"] == chosen.campaigns[0]]
        if "sends" not in own.columns or own["sends"].isna().all():
            size = Read(campaign_summary_df, (chosen.campaigns,))
            self.hold([size])
            own = self._held.pop(size)
        return bool((own["sends"] <= _FEW_SENT).fillna(False).all())

    def hold(self, reads: Iterable[Read]) -> None:
        """Read reports and keep them in memory."""
        for read in reads:
            if read not in self._held:
                with noting() as self._noted[read]:
                    self._held[read] = read.frame(self.session)

    @property
    def notes(self) -> list[str]:
        """What was warned of when the reports were read: it holds for every answer that is made of them."""
        return [words for read in self._held for words in self._noted[read]]

    def table(self, chosen: Chosen, labels: pd.DataFrame | None) -> pd.DataFrame:
        """Give the answer, reading what it takes."""
        tables: list[pd.DataFrame] = []
        if self.of_reports:
            self.hold(self.reads(chosen))  # the lists first,
            wanted = self.reads(chosen)  # which tell whose members are wanted
            self.hold(wanted)
            self._held = {read: self._held[read] for read in wanted}  # and no more of what was chosen before
            tables = [self._held[read] for read in wanted if read.function in (campaign_activities_df, links_df)]
        else:
            rows = self._table()
            tables = [rows[rows["campaign_id"].isin(chosen.campaigns)]]
        keywords = {**dict(chosen.keywords), "tz": chosen.tz, "by": self._by(chosen)}
        if chosen.split == CAMPAIGN and self.of_reports:
            keywords["labels"] = labels
        answer: pd.DataFrame = getattr(analysis, self.question.name)(*tables, **keywords)
        return answer

    def columns(self, table: pd.DataFrame, chosen: Chosen) -> list[str]:
        """Give the columns of a table that are shown."""
        groups = [chosen.split]
        if chosen.split == CAMPAIGN:
            names = ["campaign_name", "send_date"]
            groups = names if _tell_apart(table, names) else [*names, CAMPAIGN]
        wanted = self.question.columns[dict(chosen.keywords)["machine"]]
        return [name for name in (*groups, *wanted) if name in table.columns]

    def code(self, chosen: Chosen, columns: Sequence[str], *, detailed: bool) -> str:
        """Give the cell that makes the same table and picture without a widget."""
        if self.of_reports:
            return _code.of_reports(
                self.question, chosen, columns, given=not is_default(self._given), detailed=detailed
            )
        return _code.of_table(self.question, chosen, columns)

    def _table(self) -> pd.DataFrame:
        """Give the user's own table, which is asked for once."""
        if self._rows is None:
            try:
                self._rows = _activities(self._supply.frame())
            except ValueError as error:
                raise SourceError(str(error)) from None
        return self._rows

    def _members(self) -> Read:
        return Read(list_members_df, (tuple(self._held[_LISTS]["list_id"]),))

    def _by(self, chosen: Chosen) -> Any:
        """Give what makes groups, as the code has it."""
        if chosen.split != LIST or not self.of_reports:
            return chosen.split or None
        lists = self._held[_LISTS]
        names = lists["name"].mask(lists["name"].str.strip() == "").fillna(lists["list_id"])
        lists = lists.assign(**{LIST: names.mask(names.duplicated(keep=False), names + " " + lists["list_id"])})
        members = self._held[self._members()][["list_id", "contact_id"]]
        return members.merge(lists[["list_id", LIST]]).set_index("contact_id")[LIST]


def _activities(rows: pd.DataFrame) -> pd.DataFrame:
    return checked(rows, _NEEDS, "source", "cctrack.account_activities_df")


def _tell_apart(table: pd.DataFrame, names: list[str]) -> bool:
    """Whether names and dates of campaigns say which is which."""
    if not {"campaign_id", *names} <= set(table.columns):
        return False
    campaigns = table[["campaign_id", *names]].drop_duplicates()
    return bool(campaigns["campaign_name"].notna().all() and not campaigns.duplicated(names).any())


def _makes_groups(column: "pd.Series[Any]") -> bool:
    kind = pd.api.types
    numbers = kind.is_float_dtype(column.dtype) or kind.is_complex_dtype(column.dtype)
    if numbers or kind.is_datetime64_any_dtype(column.dtype) or kind.is_timedelta64_dtype(column.dtype):
        return False
    try:
        return 1 <= column.nunique() <= _MOST_SEGMENTS
    except TypeError:  # lists and dicts
        return False
