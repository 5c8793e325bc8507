"""The stages of funnels, as a table holds them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import pandas as pd

from cctrack.plots._groups import grouped
from cctrack.plots._words import human, joined, number, percent, records, value

_TINY = 1e-9  # a rate
_EXITS: Final = {
    "n_bounced": "bounced",
    "n_bounced_but_engaged": "bounced but engaged",
    "n_unsubscribed": "unsubscribed",
    "n_forwarded": "forwarded",
}


@dataclass(frozen=True)
class Stage:
    """One stage of one funnel, without automatic events where the table tells them.

    Attributes
    ----------
    name, before : str
        The stage, and the one that it comes from.
    n, recorded, inferred : float or None
        Recipients; with automatic events; known from a later stage.
    n_before : float or None
        Recipients of the stage before.
    of_sent, step, low, high : float or None
        Rates, and the interval of the step.
    exits : tuple of str
        What happened beside it.
    """

    name: str
    before: str
    n: float | None
    recorded: float | None
    inferred: float | None
    n_before: float | None
    of_sent: float | None
    step: float | None
    low: float | None
    high: float | None
    exits: tuple[str, ...]

    @property
    def words(self) -> str:
        """The count and its rates."""
        of_sent = f"{percent(self.of_sent)} of sent" if self.before else ""
        step = f"{percent(self.step)} of {self.before}" if self.before not in ("", "sent") else ""
        return joined(number(self.n), of_sent, step)

    @property
    def also(self) -> str:
        """The count with automatic events, where it is another one."""
        return f"{number(self.recorded)} recorded" if self.recorded not in (None, self.n) else ""

    def ends(self) -> tuple[float | None, float | None]:
        """Give the interval of the step in recipients."""
        if self.low is None or self.high is None or self.n is None or not self.n_before:
            return None, None
        scale = self.n / self.step if self.step and self.step > _TINY else self.n_before
        return self.low * scale, self.high * scale


def groups_of(table: pd.DataFrame) -> list[tuple[str, list[Stage]]]:
    """Take the funnels of a table apart: the name of each group ("" for the only one) and its stages."""
    groups = grouped(table, "stage")
    if any(rows["stage"].duplicated().any() for _, rows in groups):
        raise ValueError("table has a stage twice; keep the columns that tell the groups apart before `stage`")
    return [(name, list(stages(rows))) for name, rows in groups]


def stages(rows: pd.DataFrame) -> Iterator[Stage]:
    """Read the stages of one funnel."""
    before, n_before = "", None
    for row in records(rows):
        said = {name: value(row[name]) for name in _wanted(rows).values() if name in rows.columns}
        own = {short: said.get(name) for short, name in _wanted(rows).items()}
        exits = tuple(
            f"{number(row[column])} {word}"
            for name, word in _EXITS.items()
            if (column := human(rows, name)) in rows.columns and (value(row[column]) or 0) > 0
        )
        recorded = value(row["n"]) if human(rows, "n") != "n" else None
        yield Stage(name=str(row["stage"]), before=before, recorded=recorded, n_before=n_before, exits=exits, **own)
        before, n_before = str(row["stage"]), own["n"]


def _wanted(rows: pd.DataFrame) -> dict[str, str]:
    columns = {"n": "n", "inferred": "n_inferred", "of_sent": "rate_of_sent", "step": "step_rate"}
    columns |= {"low": "step_low", "high": "step_high"}
    return {short: human(rows, name) for short, name in columns.items()}
