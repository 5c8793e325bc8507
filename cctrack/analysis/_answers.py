"""What the engine is asked for a scorecard, once, and how the answers add up to its counts."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.analysis._definitions import Definitions
from cctrack.analysis._events import IDENTITY, Events
from cctrack.analysis._grouping import MONTH, Grouping
from cctrack.analysis._human import Flagged
from cctrack.analysis._patterns import PATTERN, Flags, N
from cctrack.analysis._rates import LESS_AUTO, TOTALS, lookups

Numbers = npt.NDArray[np.int64]
Question = Callable[[Events], pd.DataFrame]


@dataclass(frozen=True)
class Answers:
    """What the engine counted, by the keys of the groups.

    Attributes
    ----------
    questions : mapping of str to callable
        By name, to be asked again of the events that change when some are set aside.
    tables : mapping of str to pandas.DataFrame
        The answers, as rows to be added up.
    auto : collection of str or None
        Contacts that seem to open by machine, None where they were not looked for.
    """

    questions: Mapping[str, Question]
    tables: Mapping[str, pd.DataFrame]
    auto: Collection[str] | None

    def without(self, found: Flagged) -> "Answers":
        """Give the answers without the events set aside."""
        return replace(self, tables={name: found.left(self.tables[name], ask) for name, ask in self.questions.items()})

    def counts(self, events: Events, groups: Grouping, definitions: Definitions) -> pd.DataFrame:
        """Add up by group: the columns of the groups, and those of all counts but the complaints."""
        flags = lookups(definitions)
        columns = [*flags, *TOTALS.values(), "unique_link_clicks", "n_duplicates"]
        place = {name: at for at, name in enumerate(columns)}
        parts = [
            (table, _amounts(name, table, flags, place)) for name, table in self.tables.items() if name != "contacts"
        ]
        keys = [name for name in self.tables["links"] if name != N]
        told = pd.concat([table[keys] for table, _ in parts], ignore_index=True)
        amounts = np.concatenate([amount for _, amount in parts])
        rows = groups.of(events, told.assign(_row=np.arange(len(amounts))))
        if groups.names:
            grouped = rows.groupby(list(groups.names), sort=True, observed=True, dropna=False)
            table, group = grouped.size().reset_index()[list(groups.names)], grouped.ngroup().to_numpy()
        else:
            table, group = pd.DataFrame(index=[0]), np.zeros(len(rows), dtype=np.int64)
        sums = np.zeros((len(table), len(columns)), dtype=np.int64)
        np.add.at(sums, group, amounts[rows["_row"].to_numpy(dtype=np.int64)])
        counts = pd.DataFrame(sums, columns=columns, index=table.index).astype("Int64")
        if self.auto is None:
            counts = counts.assign(**{name: pd.array([pd.NA] * len(counts), dtype="Int64") for name in LESS_AUTO})
        return pd.concat([table, counts], axis=1)


def answered(events: Events, groups: Grouping, auto: Collection[str] | None, known: Answers | None = None) -> Answers:
    """Ask the engine.

    Parameters
    ----------
    events
        The activities.
    groups
        What makes groups. Where these take campaigns together, the answers have `contacts` too.
    auto
        Contacts that seem to open by machine, None where they were not looked for.
    known
        Answers that need not be asked again: of groups that fall into these ones, each recipient in one.
    """
    questions = _questions(events, groups, auto or ()) if known is None else dict(known.questions)
    tables = {} if known is None else dict(known.tables)
    if "campaign_id" not in groups.names:
        questions["contacts"] = _by_contact(events, groups)
        tables.pop("contacts", None)
    tables |= {name: ask(events) for name, ask in questions.items() if name not in tables}
    return Answers(questions, tables, auto)


def _questions(events: Events, groups: Grouping, auto: Collection[str]) -> dict[str, Question]:
    keys = groups.keys
    same = [name for name in IDENTITY if name in events.columns]
    questions: dict[str, Question] = {
        "patterns": lambda some: some.patterns(keys),
        "rows": lambda some: some.totals(keys),
        "links": lambda some: some.links_clicked(keys),
        "different": lambda some: some.distinct(keys, same),
    }
    if auto:
        questions["auto"] = lambda some: some.of_contacts(auto).patterns(keys)
    return questions


def _by_contact(events: Events, groups: Grouping) -> Question:
    """Give the question for the recipients of each contact by pattern, the months among the keys where they are wanted.

    Campaigns are not told apart, so that there are few rows for each contact.
    """
    keys = [name for name in groups.keys if name != "campaign_id"]
    if not groups.monthly:
        return lambda some: some.patterns(list(dict.fromkeys((*keys, "contact_id"))))
    ids = pd.DataFrame({"campaign_id": events.first_sends().index, "contact_id": pd.NA})
    months = groups.of(events, ids).drop_duplicates("campaign_id").set_index("campaign_id")[MONTH]
    keys = list(dict.fromkeys((*keys, MONTH, "contact_id")))
    return lambda some: some.with_campaigns_as(MONTH, months).patterns(keys)


def _amounts(question: str, table: pd.DataFrame, flags: Mapping[str, Flags], place: Mapping[str, int]) -> Numbers:
    """Give what each row of an answer adds to each count: one line a row, one column a count."""
    n = table[N].to_numpy(dtype=np.int64)
    amounts = np.zeros((len(table), len(place)), dtype=np.int64)
    if question in ("patterns", "auto"):
        patterns = table[PATTERN].to_numpy(dtype=np.int64)
        for name in flags if question == "patterns" else LESS_AUTO:  # who opens by machine is taken off
            amounts[:, place[name]] = n * flags[name][patterns] * (1 if question == "patterns" else -1)
    elif question == "rows":
        for kind, name in TOTALS.items():
            amounts[:, place[name]] = n * table["activity_type"].isin([kind]).to_numpy(dtype=np.bool_)
        amounts[:, place["n_duplicates"]] = n
    elif question == "links":
        amounts[:, place["unique_link_clicks"]] = n
    else:  # rows less different rows are repeats
        amounts[:, place["n_duplicates"]] = -n
    return amounts
