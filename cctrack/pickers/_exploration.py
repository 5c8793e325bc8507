"""What an explorer asks, apart from any widget: from what is chosen to reports, table and code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from cctrack import analysis
from cctrack.catalog import ACTIVITIES
from cctrack.pickers._quoting import quoted
from cctrack.pickers._supply import Read, Source, Supply, costs_nothing
from cctrack.reports import (
    campaign_activities_df,
    campaign_summary_df,
    links_df,
    list_members_df,
    lists_df,
)

WHOLE, CAMPAIGN, MONTH, LIST = "", "campaign_id", "month", "list"
_NEEDS = ("activity_type", "activity_date", "campaign_id", "contact_id")
_FEW_SENT = 5_000  # up to this size, about 30 calls, the first campaign is read without asking
_LINE = 100  # letters of a line of code
_MOST_SEGMENTS = 30  # a column of more different values is no segment


@dataclass(frozen=True)
class Choice:
    """One thing to choose.

    Attributes
    ----------
    name : str
        Keyword of the analysis.
    label : str
        Stands beside the control.
    options : tuple of (str, str)
        Words and value of each; the first is the default. None for free text.
    """

    name: str
    label: str
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Question:
    """One analysis as it is explored.

    Attributes
    ----------
    name : str
        Of the analysis, of its picture, and of the variable in the code.
    title : str
        What is asked.
    choices : tuple of Choice
        What can be chosen beside campaigns, groups and zone.
    columns : dict of str to tuple of str
        What of the table is shown, by the choice of `machine`.
    with_links : bool
        Whether the links of the campaigns are read, too.
    """

    name: str
    title: str
    choices: tuple[Choice, ...]
    columns: Mapping[str, tuple[str, ...]]
    with_links: bool = False


@dataclass(frozen=True)
class Chosen:
    """What is chosen: campaigns, what makes groups, the zone, and the keywords of the analysis."""

    campaigns: tuple[str, ...]
    split: str
    tz: str
    keywords: tuple[tuple[str, str], ...]


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
        self._supply = Supply(source, Read(campaign_activities_df), _NEEDS, session)
        self._given = session is not None
        self._rows: pd.DataFrame | None = None
        self._held: dict[Read, pd.DataFrame] = {}

    @property
    def of_reports(self) -> bool:
        """Whether the activities are read from the service."""
        return self._supply.is_report

    @property
    def session(self) -> Any:
        """The session that is asked."""
        return self._supply.session()

    def campaigns(self) -> pd.DataFrame:
        """Give the campaigns of the table that was given."""
        rows = self._activities()
        named = {name: (name, "first") for name in ("campaign_name", "send_date") if name in rows.columns}
        sent = rows[rows["activity_type"].astype("string") == "EMAIL_SEND"]
        first = (sent if len(sent) else rows).groupby("campaign_id", observed=True)["activity_date"].min()
        found = rows.groupby("campaign_id", observed=True).agg(activities=("activity_type", "size"), **named)
        found["sends"] = sent.groupby("campaign_id", observed=True)["contact_id"].nunique()
        if "send_date" not in found:
            found["send_date"] = first
        return found.reset_index()

    def splits(self) -> list[tuple[str, str]]:
        """Give what can make groups: words and value."""
        found = [("all together", WHOLE), ("each campaign", CAMPAIGN), ("each month", MONTH)]
        if self.of_reports:
            return [*found, ("each list", LIST)]
        rows = self._activities()
        others = [name for name in rows.columns if name not in ACTIVITIES.names and isinstance(name, str)]
        return [*found, *((f"column {name}", name) for name in others if _makes_groups(rows[name]))]

    def reads(self, chosen: Chosen) -> list[Read]:
        """Give the reports that the answer takes."""
        if not self.of_reports:
            return []
        found = [Read(campaign_activities_df, (chosen.campaigns,))]
        if self.question.with_links:
            found.append(Read(links_df, (chosen.campaigns,)))
        if chosen.split == LIST:
            lists = Read(lists_df)
            found.append(lists)
            if (known := self._known(lists)) is not None and len(known):
                found.append(Read(list_members_df, (tuple(known["list_id"]),)))
        return found

    def at_hand(self, chosen: Chosen) -> bool:
        """Whether the answer costs no calls."""
        left = [read for read in self.reads(chosen) if read not in self._held]
        return not left or costs_nothing(self.session, left)

    def is_small(self, campaign: str, campaigns: pd.DataFrame) -> bool:
        """Whether a campaign is so small that reading it needs no leave; asks for its size where it is not known."""
        own = campaigns.loc[campaigns["campaign_id"] == campaign]
        if "sends" not in own.columns or own["sends"].isna().all():
            own = campaign_summary_df(campaign, session=self.session)
        return bool((own["sends"] <= _FEW_SENT).fillna(False).all())

    def plan(self, chosen: Chosen) -> str:
        """Tell what the answer costs."""
        told = []
        for read in self.reads(chosen):
            if read not in self._held and (plan := read.plan(self.session)).calls:
                told.append(f"{read.function.__name__}: {plan!r}")
        return "This takes calls that are not yet made. " + " ".join(told)

    def table(self, chosen: Chosen, labels: pd.DataFrame | None) -> pd.DataFrame:
        """Give the answer, reading what it takes."""
        if not self.of_reports:
            rows = self._activities()
            links = None
            rows = rows[rows["campaign_id"].astype("string").isin(chosen.campaigns)]
        else:
            self._read(chosen)
            rows = self._held[Read(campaign_activities_df, (chosen.campaigns,))]
            links = self._held.get(Read(links_df, (chosen.campaigns,)))
        keywords: dict[str, Any] = {**dict(chosen.keywords), "tz": chosen.tz, "by": self._by(chosen)}
        if chosen.split == CAMPAIGN:
            keywords["labels"] = labels
        analyse = getattr(analysis, self.question.name)
        table: pd.DataFrame = analyse(rows, links, **keywords) if links is not None else analyse(rows, **keywords)
        return table

    def columns(self, table: pd.DataFrame, chosen: Chosen) -> list[str]:
        """Give the columns of a table that are shown."""
        wanted = self.question.columns[dict(chosen.keywords)["machine"]]
        groups = {CAMPAIGN: ("campaign_name", "send_date"), WHOLE: ()}.get(chosen.split, (chosen.split,))
        groups = groups if set(groups) <= set(table.columns) else (chosen.split,)
        return [name for name in (*groups, *wanted) if name in table.columns]

    def code(self, chosen: Chosen, columns: Sequence[str], *, detailed: bool) -> str:
        """Give the cell that makes the same table and picture without a widget."""
        name = self.question.name
        lines = ["import cctrack", "", f"campaign_ids = [{', '.join(map(quoted, chosen.campaigns))}]"]
        own = ""
        if self.of_reports:
            own = ", session=session" if self._given else ""
            if own:
                lines.append("# session is the one that the explorer was given")
            lines.append(f"activities = cctrack.campaign_activities_df(campaign_ids{own})")
            if self.question.with_links:
                lines.append(f"links = cctrack.links_df(campaign_ids{own})")
        else:
            lines.append("# activities is the table that the explorer was given")
            lines.append('chosen = activities[activities["campaign_id"].isin(campaign_ids)]')
        lines += self._code_of_groups(chosen, own, detailed=detailed)
        tables = ["activities" if self.of_reports else "chosen"]
        tables += ["links"] if self.question.with_links and self.of_reports else []
        lines += [f"{name} = cctrack.analysis.{name}(", _listed([*tables, *self._code_of_keywords(chosen)]), ")"]
        lines += [f"axes = cctrack.plots.{name}({name})", f"{name}[[", _listed(list(map(quoted, columns))), "]]"]
        return "\n".join(lines)

    def _activities(self) -> pd.DataFrame:
        if self._rows is None:
            self._rows = self._supply.frame()
        return self._rows

    def _known(self, read: Read) -> pd.DataFrame | None:
        if read in self._held:
            return self._held[read]
        return read.frame(self.session) if costs_nothing(self.session, [read]) else None

    def _read(self, chosen: Chosen) -> None:
        """Hold what is chosen, and no more of what was chosen before."""
        held: dict[Read, pd.DataFrame] = {}
        while left := [read for read in self.reads(chosen) if read not in held]:
            for read in left:
                held[read] = self._held[read] if read in self._held else read.frame(self.session)
            self._held = {**self._held, **held}
        self._held = held

    def _by(self, chosen: Chosen) -> Any:
        if chosen.split != LIST or not self.of_reports:
            return chosen.split or None
        lists = self._held[Read(lists_df)]
        members = self._held.get(Read(list_members_df, (tuple(lists["list_id"]),)))
        if members is None:
            return pd.Series([], index=pd.Index([], dtype="string"), dtype="string", name=LIST)
        named = members[["list_id", "contact_id"]].merge(lists[["list_id", "name"]], on="list_id")
        return named.set_index("contact_id")["name"].rename(LIST)

    def _code_of_groups(self, chosen: Chosen, own: str, *, detailed: bool) -> list[str]:
        if chosen.split == CAMPAIGN and self.of_reports:
            given = ", ".join(part for part in ("details=True" if detailed else "", own.removeprefix(", ")) if part)
            return [f"campaigns = cctrack.campaigns_df({given})"]
        if chosen.split == LIST and self.of_reports:
            return [
                f"lists = cctrack.lists_df({own.removeprefix(', ')})",
                f'members = cctrack.list_members_df(lists["list_id"]{own})[["list_id", "contact_id"]]',
                'members = members.merge(lists[["list_id", "name"]], on="list_id")',
                f'segment = members.set_index("contact_id")["name"].rename("{LIST}")',
            ]
        return []

    def _code_of_keywords(self, chosen: Chosen) -> list[str]:
        found = []
        if chosen.split:
            segment = chosen.split == LIST and self.of_reports
            found.append("by=segment" if segment else f"by={quoted(chosen.split)}")
            if chosen.split == CAMPAIGN and self.of_reports:
                found.append("labels=campaigns")
        found += [f"{name}={quoted(value)}" for name, value in chosen.keywords]
        return [*found, f"tz={chosen.tz!r}".replace("'", '"')]


def _listed(parts: Sequence[str]) -> str:
    """Give arguments on lines of their own, as many as they take."""
    lines = [""]
    for part in parts:
        if lines[-1] and len(lines[-1]) + len(part) > _LINE:
            lines.append("")
        lines[-1] += f"{' ' if lines[-1] else ''}{part},"
    return "\n".join(f"    {line}" for line in lines)


def _makes_groups(column: pd.Series) -> bool:
    texts = isinstance(column.dtype, (pd.CategoricalDtype, pd.StringDtype)) or column.dtype == object
    return bool(texts) and 1 <= column.nunique() <= _MOST_SEGMENTS
