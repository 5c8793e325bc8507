"""Whether the clocks of the reports agree: what every delay between two kinds of event rests on."""

from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.analysis._bursts import microseconds
from cctrack.analysis._definitions import moment
from cctrack.analysis._events import opened
from cctrack.analysis._told import tell

OFFSETS: Final = (0, 4, -4, 5, -5, 7, -7, 8, -8, 10, -10)  # hours, in the order in which they are preferred
_KINDS: Final = ("EMAIL_OPEN", "EMAIL_CLICK", "EMAIL_FORWARD", "EMAIL_BOUNCE", "EMAIL_UNSUBSCRIBE")
_NEEDED: Final = ("activity_type", "activity_date", "campaign_id", "contact_id")
_BEFORE: Final = 0.01  # share of events before their send that still may be chance
_MANY: Final = 20  # of fewer the 5th percentile is the first alone, which may be hours late by chance
_MINUTE: Final = 60_000_000  # microseconds
_SOON: Final = 5 * _MINUTE
_HOUR: Final = 60 * _MINUTE
_COLUMNS: Final = {
    "activity_type": "the kind of event, and with it the report that it came from",
    "n": "recipients with such an event and a send; of several events the first is taken",
    "share_before_send": "of these, the share whose first event is before their own send",
    "p01": "1st percentile of the time from send to first event",
    "p05": "5th percentile of it",
    "suggested_offset_hours": "hours to add to the dates of this kind; 0 when they are fine, NA when none mends it",
    "verdict": "ok or suspect; NA without events",
    "explanation": "why",
}
_HOW: Final = (
    "A kind of event is suspect when 1 % or more of the first events come before their own send, or when they all come "
    "whole hours late. The offset is the whole hour of 0, 4, 5, 7, 8 and 10, earlier or later, that leaves under 1 % "
    "before the send while the 5th percentile is under 5 minutes."
)
_NOTES: Final = (
    "Nothing is corrected. To apply an offset: table.loc[table['activity_type'] == kind, 'activity_date'] += "
    "pandas.Timedelta(hours=offset).",
    "Events without a send of their own, in part those of mails older than what is listed, are left out.",
)
Numbers = npt.NDArray[np.int64]


def clock_check(activities: Any, *, as_of: Any = None) -> pd.DataFrame:
    """Whether events come after their own send; one row is one kind of event.

    Parameters
    ----------
    activities
        A table such as `cctrack.campaign_activities_df` or `cctrack.stack` gives, from pandas, Polars, PyArrow,
        DuckDB, Dask or PySpark; sends among them.
    as_of
        Later events are left out; None keeps all.

    Returns
    -------
    pandas.DataFrame
        Columns `activity_type n share_before_send p01 p05 suggested_offset_hours verdict explanation`; always the
        five kinds, then any that are not known.

    Raises
    ------
    TypeError, ValueError
        When the table lacks a column, or `as_of` is no point in time.
    EngineError
        When an engine cannot count, or there are more than 5 million first events.

    Notes
    -----
    The service has marked times of US Eastern as UTC, in reports of contacts twice: opens were 5 or 10 hours before
    their send. Where a kind of event comes too slowly to tell the hour, the one that mends another kind is suggested
    if it mends this one too.
    """
    events = opened(activities, _NEEDED)
    if as_of is not None:
        events = events.until(moment("as_of", as_of))
    table = events.first_events(why="clock_check", instead="pass a part of the activities: its clocks are those of all")
    table = table.dropna(subset=["sent"])
    delays = microseconds(table["first"]) - microseconds(table["sent"])
    kinds = table["activity_type"].astype("string")
    further = sorted(set(kinds) - set(_KINDS))
    of_kind = {kind: delays[(kinds == kind).to_numpy(dtype=np.bool_)] for kind in (*_KINDS, *further)}
    offsets = _offsets(of_kind)
    rows = [_row(kind, late, offsets[kind]) for kind, late in of_kind.items()]
    result = pd.DataFrame(rows, columns=list(_COLUMNS)).astype(
        dict.fromkeys(("activity_type", "verdict", "explanation"), "string")
        | dict.fromkeys(("n", "suggested_offset_hours"), "Int64")
    )
    for name in ("p01", "p05"):
        result[name] = pd.to_timedelta(result[name], unit="us").astype("timedelta64[us]")
    return tell(
        result,
        "clock_check",
        title="Do the clocks of the reports agree?",
        row="One row is one kind of event.",
        definition=_HOW,
        columns=_COLUMNS,
        source=events.source,
        notes=_NOTES,
        as_of=events.newest(),
        clocks="suspect" if (result["verdict"] == "suspect").any() else "ok",
    )


def disagree(late: Numbers) -> bool:
    """Tell from the delays of first events after their sends, in microseconds, whether they do not hold."""
    return bool(len(late)) and _offsets({"": late})[""] != 0


def _before(late: Numbers, hours: int = 0) -> float:
    """Give the share of events before their send, were these hours added."""
    return float((late + hours * _HOUR < 0).mean())


def _offsets(of_kind: dict[str, Numbers]) -> dict[str, int | None]:
    """Give the hours that mend each kind of event: 0 where it is fine, None where none do."""
    found: dict[str, int | None] = {}
    for kind, late in of_kind.items():
        if not len(late):
            continue
        fifth = np.percentile(late, 5)
        fits = (one for one in OFFSETS if _before(late, one) < _BEFORE and fifth + one * _HOUR < _SOON)
        behind = _before(late) >= _BEFORE
        found[kind] = next(fits, None if behind else 0) if behind or len(late) >= _MANY else 0
    settled = [one for one in found.values() if one]
    usual = max(settled, key=lambda one: (settled.count(one), -OFFSETS.index(one)), default=None)
    for kind, hours in found.items():
        if hours is None and usual is not None and _before(of_kind[kind], usual) < _BEFORE:
            found[kind] = usual
    return {kind: found.get(kind) for kind in of_kind}


def _row(kind: str, late: Numbers, hours: int | None) -> tuple[Any, ...]:
    if not len(late):
        return kind, 0, np.nan, np.nan, np.nan, pd.NA, pd.NA, "no such event of a recipient with a send"
    verdict = "ok" if hours == 0 else "suspect"
    return kind, len(late), _before(late), *np.round(np.percentile(late, [1, 5])), hours, verdict, _why(late, hours)


def _why(late: Numbers, hours: int | None) -> str:
    before = _before(late)
    if hours == 0:
        return "events come after their sends" if before == 0 else f"{before:.2%} come before their send, under 1 %"
    wrong = f"{before:.1%} come before their send" if before >= _BEFORE else "all come whole hours after their send"
    tried = next((one for one in OFFSETS if _before(late, one) < _BEFORE), None) if hours is None else hours
    if tried is None:
        return f"{wrong}; no whole hour among those tried mends it"
    rest = np.percentile(late, 5) / _MINUTE + tried * 60
    mended = f"with {tried:+d} h it is {_before(late, tried):.2%}, and the 5th percentile {rest:.1f} minutes"
    return f"{wrong}; {mended}" + (", too long to be sure of the hour" if hours is None else "")
