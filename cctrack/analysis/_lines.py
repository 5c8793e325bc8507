"""The lines of a scorecard: one a group, then all together, then the average of the groups."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from cctrack.analysis._answers import Answers, answered
from cctrack.analysis._definitions import Definitions
from cctrack.analysis._events import RECIPIENT, Events
from cctrack.analysis._grouping import MONTH, Grouping
from cctrack.analysis._human import Flagged
from cctrack.analysis._intervals import clustered, few
from cctrack.analysis._rates import COUNTS, Rate, lookups, rates_of
from cctrack.analysis._repeats import design_effects

LINES: Final = ("group", "pooled", "mean")
_EVERYTHING: Final = Grouping((), (), (), "UTC")


@dataclass(frozen=True)
class Choices:
    """What was asked for, checked, and what goes with it.

    Attributes
    ----------
    definitions : Definitions
        The preset.
    ci : float
        Confidence of the intervals.
    auto : list of str or None
        Contacts that seem to open by machine, None where they were not looked for.
    complaints : pandas.Series or None
        Spam complaints by campaign id.
    pooled : bool
        Whether all are to be taken together too.
    """

    definitions: Definitions
    ci: float
    auto: list[str] | None
    complaints: "pd.Series[Any] | None"
    pooled: bool

    @property
    def rates(self) -> tuple[Rate, ...]:
        """The rates as the preset has them."""
        return rates_of(self.definitions)


@dataclass(frozen=True)
class _Part:
    """Lines that are counted alike.

    Attributes
    ----------
    groups : Grouping
        What each is of.
    answers : Answers
        What the engine counted.
    complaints : pandas.DataFrame or None
        Those of each group in `spam_complaints`, where they can be told.
    """

    groups: Grouping
    answers: Answers
    complaints: pd.DataFrame | None


def lines_of(
    events: Events, groups: Grouping, choices: Choices, found: Flagged | None
) -> tuple[pd.DataFrame, pd.DataFrame | None, dict[str, float]]:
    """Lay out all lines.

    Parameters
    ----------
    events
        The activities that belong to a recipient.
    groups
        What each line is of; without names there is the pooled one alone.
    choices
        What else was asked for.
    found
        Events that look automatic, None where they are not to be told apart.

    Returns
    -------
    tuple
        The table as recorded; the same without what is set aside, if it is; and the design effects of the recorded
        pooled line.
    """
    parts = [_part(events, groups, choices, None)] if groups.names else []
    if choices.pooled or not parts:
        # What is told by campaign and contact adds up, and need not be asked again.
        known = parts[0].answers if parts and set(groups.keys) <= set(RECIPIENT) else None
        parts.append(_part(events, _EVERYTHING, choices, known))
    recorded, effects = _laid_out(events, parts, choices)
    if found is None:
        return recorded, None, effects
    left = [replace(part, answers=part.answers.without(found)) for part in parts]
    return recorded, _laid_out(events, left, choices)[0], effects


def _part(events: Events, groups: Grouping, choices: Choices, known: Answers | None) -> _Part:
    answers = answered(events, groups, choices.auto, known)
    return _Part(groups, answers, _complaints(events, groups, choices.complaints))


def _complaints(events: Events, groups: Grouping, told: "pd.Series[Any] | None") -> pd.DataFrame | None:
    """Add up the complaints of whole campaigns by group, NA where a campaign's are not known."""
    of_campaigns = {"campaign_id"} | ({MONTH} if groups.monthly else set())
    if told is None or not set(groups.names) <= of_campaigns:
        return None
    campaigns = events.totals(["campaign_id"])[["campaign_id"]].drop_duplicates()
    table = groups.of(events, campaigns)
    spam = pd.Series(told.reindex(table["campaign_id"]).array, index=table.index, name="spam_complaints")
    if not groups.names:
        return pd.DataFrame({spam.name: pd.array([spam.sum(skipna=False)], dtype="Int64")})
    own = [table[name] for name in groups.names]
    sums = spam.groupby(own, sort=True, observed=True, dropna=False).agg(lambda one: one.sum(skipna=False))
    return sums.astype("Int64").reset_index()


def _laid_out(events: Events, parts: Sequence[_Part], choices: Choices) -> tuple[pd.DataFrame, dict[str, float]]:
    """Put the lines below each other, and give the design effects of the pooled one."""
    names = list(parts[0].groups.names)
    lines, effects = [], {}
    for part in parts:
        counts = _counts(events, part, choices)
        widened = _effects(events, part, counts, choices)
        line = "group" if part.groups.names else "pooled"
        lines.append(_divided(counts, widened, choices).assign(line=line))
        effects = {} if part.groups.names else {str(name): round(float(widened[name].iloc[0]), 4) for name in widened}
    if len(lines) > 1:
        lines.append(_mean(lines[0], choices.rates))
    rates = [name for rate in choices.rates for name in rate.meanings]
    below = [line.reindex(columns=["line", *COUNTS, *rates, "low_n"]) for line in lines]
    table = pd.concat(below, ignore_index=True)
    table["line"] = pd.Categorical(table["line"], categories=LINES, ordered=True)
    if names:  # lines of no group have none of its values
        table = pd.concat([lines[0][names].reindex(range(len(table))), table], axis=1)
    return table, effects


def _counts(events: Events, part: _Part, choices: Choices) -> pd.DataFrame:
    table = part.answers.counts(events, part.groups, choices.definitions)
    if part.complaints is None:
        return table.assign(spam_complaints=pd.array([pd.NA] * len(table), dtype="Int64"))
    if not part.groups.names:
        return pd.concat([table, part.complaints], axis=1)
    return table.merge(part.complaints, on=list(part.groups.names), how="left")


def _effects(events: Events, part: _Part, counts: pd.DataFrame, choices: Choices) -> pd.DataFrame:
    """Give the design effects of each line; 1 where it is of one campaign, so that no contact is in it twice."""
    names = list(part.groups.names)
    if "contacts" not in part.answers.tables:
        return pd.DataFrame({rate.name: 1.0 for rate in choices.rates}, index=counts.index)
    contacts = replace(part.groups, monthly=False).of(events, part.answers.tables["contacts"])  # they have their months
    wanted = lookups(choices.definitions)
    effects = design_effects(contacts, names, choices.rates, wanted, choices.auto or ())
    return counts[names].merge(effects, on=names, how="left").drop(columns=names) if names else effects


def _divided(counts: pd.DataFrame, effects: pd.DataFrame, choices: Choices) -> pd.DataFrame:
    """Put rates and intervals beside the counts."""
    columns: dict[str, Any] = {}
    for rate in choices.rates:
        k, n = (counts[name].to_numpy(dtype=np.float64, na_value=np.nan) for name in (rate.numerator, rate.denominator))
        columns[rate.column] = k / np.where(n > 0, n, np.nan)
        if not rate.ratio:
            # Of complaints nobody knows the contacts: several campaigns have no interval.
            effect = effects[rate.name].to_numpy() if rate.name in effects else np.nan
            columns[f"{rate.name}_low"], columns[f"{rate.name}_high"] = clustered(k, n, effect, choices.ci)
    base = counts[choices.definitions.base].astype("float64")
    columns["low_n"] = few(counts["unique_openers"], base) | few(counts["unique_clickers"], base)
    return pd.concat([counts, pd.DataFrame(columns, index=counts.index)], axis=1)


def _mean(table: pd.DataFrame, rates: Sequence[Rate]) -> pd.DataFrame:
    """Average the rates of the groups that have one."""
    means = {rate.column: [table[rate.column].mean()] for rate in rates}
    nothing = {name: pd.array([pd.NA], dtype="Int64") for name in COUNTS}
    ends = {f"{rate.name}_{end}": [np.nan] for rate in rates if not rate.ratio for end in ("low", "high")}
    return pd.DataFrame({"line": "mean", **nothing, **means, **ends, "low_n": [bool(table["low_n"].any())]})
