"""The tables of response curves: what is known and expected of each group, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.analysis._events import Events
from cctrack.analysis._followed import AFTER, SEEN
from cctrack.analysis._grouping import Grouping
from cctrack.analysis._intervals import wilson
from cctrack.analysis._maturity import Older
from cctrack.analysis._outlook import Choices, Outlook, outlook
from cctrack.analysis._survival import Floats

_MINUTES: Final = (1, 1.5, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50)
_HOURS: Final = (1, 1.25, 1.5, 1.75, 2, 2.5, 3, 3.5, 4, 5, 6, 7, 8, 9, 10, 12, 14, 16, 18, 20, 22, 24)
_DAYS: Final = (
    1.25,
    1.5,
    1.75,
    2,
    2.5,
    3,
    3.5,
    4,
    5,
    6,
    7,
    8,
    10,
    12,
    14,
    17,
    21,
    25,
    30,
    40,
    50,
    60,
    75,
    90,
    120,
    150,
)
_DAYS_AFTER: Final = 30  # between those that follow
_DTYPES: Final = {
    "event": "string", "status": "string", "note": "string", "n": "Int64", "n_responded": "Int64", "n_at_risk": "Int64",
}  # fmt: skip
Marks = tuple[Floats, npt.NDArray[np.bool_]]


@dataclass(frozen=True)
class Side:
    """All groups, as recorded or without what is set aside.

    Attributes
    ----------
    outlooks : list of Outlook
        One for each group.
    older : Older or str
        What older campaigns teach, or why they do not.
    """

    outlooks: list[Outlook]
    older: Older | str

    @classmethod
    def of(cls, rows: pd.DataFrame, events: Events, groups: Grouping, keys: pd.DataFrame, choices: Choices) -> "Side":
        """Judge the groups.

        Parameters
        ----------
        rows
            Recipients, as `followed` gives them.
        events
            The activities: they tell the months of campaigns.
        groups, keys
            What makes groups, and which there are.
        choices
            What was asked for.
        """
        followed = rows[rows[SEEN].notna().to_numpy()]
        older = Older.of(followed, choices.least)
        table = groups.of(events, followed)
        names = list(groups.names)
        number = table[names].merge(keys.assign(_group=np.arange(len(keys))), on=names, how="left")["_group"].to_numpy()
        order = np.argsort(number, kind="stable")
        cuts = np.searchsorted(number[order], np.arange(1, len(keys)))
        times = (np.split(table[name].to_numpy(dtype=np.float64)[order], cuts) for name in (AFTER, SEEN))
        parts = list(zip(*times, strict=True))[: len(keys)]
        return cls([outlook(after, seen, choices, older) for after, seen in parts], older)


def groups_in(recipients: pd.DataFrame, events: Events, groups: Grouping) -> pd.DataFrame:
    """Give the groups, a row each, in the order of their values with NA last."""
    names = list(groups.names)
    table = groups.of(events, recipients)[names]
    return table.groupby(names, sort=True, observed=True, dropna=False).size().reset_index()[names]


def campaigns(side: Side, keys: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Lay out a row for each group."""
    table = pd.DataFrame([_summary(one) for one in side.outlooks], columns=list(columns))
    return _typed(pd.concat([keys, table], axis=1))


def marks_of(sides: Sequence[Side]) -> list[Marks]:
    """Give the hours of the curve of each group, the same on all sides, and which of them are yet to come."""
    found = []
    for group in zip(*(side.outlooks for side in sides), strict=True):
        ends = [one.end for one in group if one.n]
        found.append(_steps(group[0].age, max(ends)) if ends and group[0].n else (np.zeros(0), np.zeros(0, np.bool_)))
    return found


def curves(side: Side, keys: pd.DataFrame, columns: Sequence[str], marks: Sequence[Marks]) -> pd.DataFrame:
    """Lay out the curves of all groups."""
    parts = [pd.DataFrame(columns=list(columns))] if not side.outlooks else []
    parts += [_drawn(one, *own) for one, own in zip(side.outlooks, marks, strict=True)]
    repeated = keys.loc[keys.index.repeat([len(hours) for hours, _ in marks])].reset_index(drop=True)
    return _typed(pd.concat([repeated, pd.concat(parts, ignore_index=True)], axis=1))


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    own = {name: dtype for name, dtype in _DTYPES.items() if name in table}
    floats = [name for name in table if name not in own and table[name].dtype == object]
    return table.astype(own | dict.fromkeys(floats, "float64") | ({"forecast": "bool"} if "forecast" in table else {}))


def _summary(group: Outlook) -> dict[str, Any]:
    """Give the row of a group."""
    low, high = wilson(group.responded, group.n, group.choices.ci)
    final, half = group.final, group.half
    came = np.sort(group.after[~np.isnan(group.after)])
    return {
        "event": group.choices.event,
        "age_h": group.age,
        "n": group.n,
        "n_responded": group.responded,
        "observed_rate": group.responded / group.n if group.n else np.nan,
        "observed_low": float(low),
        "observed_high": float(high),
        "maturity": np.nan if group.ahead is None else group.ahead.maturity,
        **dict(zip(("final_rate", "final_low", "final_high"), final, strict=True)),
        "t50_observed": float(came[(len(came) - 1) // 2]) if len(came) else np.nan,
        **dict(zip(("t50_estimated", "t50_low", "t50_high"), half, strict=True)),
        "share_1h": group.within(1.0),
        "share_24h": group.within(24.0),
        "status": group.status,
        "note": group.note,
    }


def _steps(age: float, end: float) -> Marks:
    """Give hours close enough for a logarithmic scale; the age is always one of them."""
    last = max(age, end)
    later = np.arange(_DAYS[-1] + _DAYS_AFTER, last / 24 + 1, _DAYS_AFTER)
    marks = np.concatenate([np.array(_MINUTES) / 60, _HOURS, np.array(_DAYS) * 24, later * 24])
    hours = np.unique(np.append(marks[marks <= last], [age, last]))
    return hours, hours > age


def _drawn(group: Outlook, hours: Floats, coming: npt.NDArray[np.bool_]) -> pd.DataFrame:
    """Give the rows of a group's curve: what was seen up to its age, and what is expected beyond."""
    seen = np.array([group.curve.at(hours), *group.curve.interval(hours, group.choices.ci)])
    if not group.n:
        seen[:] = np.nan
    seen[:, coming] = np.nan
    if group.status != "refused" and group.ahead is not None:
        seen[:, coming] = group.ahead.share(hours[coming])
    share, low, high = seen
    there = pd.array(group.curve.there(hours), dtype="Int64")
    there[coming] = pd.NA
    return pd.DataFrame(
        {
            "event": group.choices.event,
            "hours": hours,
            "forecast": coming,
            "n_at_risk": there,
            "share": share,
            "low": low,
            "high": high,
            "t50_estimated": group.half[0],
            "status": group.status,
            "note": group.note,
        }
    )
