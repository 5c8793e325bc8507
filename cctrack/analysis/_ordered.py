"""The funnel in order: each stage counts only after the one before, and within a window from the send."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.analysis._bursts import NO_TIME, microseconds
from cctrack.analysis._dense import PandasEvents
from cctrack.analysis._events import RECIPIENT, Events
from cctrack.analysis._grouping import Grouping
from cctrack.analysis._patterns import BITS
from cctrack.analysis._places import bits

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]
NEVER: Final = np.iinfo(np.int64).max
STAGES: Final = ("sent", "delivered", "opened", "clicked")
TIMES: Final = [f"time.{stage}" for stage in STAGES]
_COUNTS: Final = [f"{part}.{stage}" for part in ("n", "n_mature", "n_inferred") for stage in STAGES]
_MICROSECOND: Final = pd.Timedelta(1, "us")


@dataclass(frozen=True)
class Window:
    """How long after the send an event counts, and how much before the stage before it.

    Attributes
    ----------
    length : pandas.Timedelta or None
        None has no end.
    tolerance : pandas.Timedelta
        An event so little before the one that it follows is in order.
    implied : bool
        Whether a click without an open before it opens.
    """

    length: pd.Timedelta | None
    tolerance: pd.Timedelta
    implied: bool


def counted_in_order(
    counts: pd.DataFrame,
    events: Events,
    left: PandasEvents,
    groups: Grouping,
    bounces: Sequence[str],
    window: Window,
    as_of: pd.Timestamp | None,
) -> pd.DataFrame:
    """Put what was reached in order in the place of what was reached at all.

    Parameters
    ----------
    counts
        One row a group: the columns of the groups, then counts as `column.stage`.
    events
        All activities: what groups are told by.
    left
        Those that are followed.
    groups
        What makes groups.
    bounces, window, as_of
        As in `in_order`.

    Returns
    -------
    pandas.DataFrame
        The same rows: `n` and `n_inferred` of each stage in order, `n_mature`, and the `TIMES` of the mature ones.
    """
    names = list(groups.names)
    followed = groups.of(events, in_order(left.table, groups.keys, bounces, window, as_of)).reset_index(drop=True)
    how: dict[str, Any] = {**dict.fromkeys(_COUNTS, "sum"), **dict.fromkeys(TIMES, "median")}
    others = counts[[name for name in counts if name not in how]]
    if not names:
        return others.assign(**{name: [followed[name].dropna().agg(rule)] for name, rule in how.items()})
    keys = [followed[name] for name in names]
    grouped = followed[[*how]].groupby(keys, sort=False, observed=True, dropna=False).agg(how).reset_index()
    # Where all events of a group are set aside there is nobody to follow.
    return others.merge(grouped, on=names, how="left").fillna(dict.fromkeys(_COUNTS, 0))


def in_order(
    rows: pd.DataFrame, keys: Sequence[str], bounces: Sequence[str], window: Window, as_of: pd.Timestamp | None
) -> pd.DataFrame:
    """Follow every recipient from its send; one without a send that has a date gets nowhere.

    Parameters
    ----------
    rows
        Activities with the columns of the funnel, and the keys.
    keys
        Columns of the groups.
    bounces
        Which of `BITS` count as bounced.
    window
        What is in time.
    as_of
        When the data end: a recipient whose window ends later is not mature.

    Returns
    -------
    pandas.DataFrame
        One row a recipient: the keys; `n.STAGE`, `n_mature.STAGE` and `n_inferred.STAGE`, 1 or 0; and `TIMES` of the
        mature ones, in microseconds, NaN where a stage was not reached or comes with the one before.
    """
    known = rows.dropna(subset=list(RECIPIENT)).reset_index(drop=True)
    own = list(dict.fromkeys((*keys, *RECIPIENT)))
    number = known.groupby(own, sort=False, observed=True, dropna=False).ngroup().to_numpy().astype(np.int64)
    events = _Events(number, microseconds(known["activity_date"]), bits(known), int(number.max(initial=-1)) + 1)
    sent = events.earliest("send")
    end = _later(sent, window.length)
    since = _earlier(sent, window.tolerance)
    recorded = events.earliest("open", since, end)
    opened = np.minimum(recorded, events.earliest("click", since, end)) if window.implied else recorded
    clicked = events.earliest("click", _earlier(opened, window.tolerance), end)
    back = events.have(bounces)
    reached = {"sent": sent != NEVER, "opened": opened != NEVER, "clicked": clicked != NEVER}
    reached["delivered"] = reached["sent"] & ~back | reached["opened"]
    inferred = {"delivered": back & reached["opened"], "opened": reached["opened"] & (recorded == NEVER)}
    times = {"opened": _gaps(sent, opened), "clicked": _gaps(opened, clicked)}
    mature = _mature(end, window, as_of)
    first = ~pd.Series(number).duplicated().to_numpy()
    groups = known.loc[first, [*keys]].reset_index(drop=True)
    return groups.assign(**_columns(reached, inferred, times, mature))


def _columns(
    reached: Mapping[str, Flags],
    inferred: Mapping[str, Flags],
    times: Mapping[str, npt.NDArray[np.float64]],
    mature: Flags,
) -> dict[str, Any]:
    """Give what each recipient adds to the counts of its group, and its times."""
    none, never = np.zeros(len(mature), dtype=np.int64), np.full(len(mature), np.nan)
    columns: dict[str, Any] = {}
    for stage in STAGES:
        columns[f"n.{stage}"] = reached[stage].astype(np.int64)
        columns[f"n_mature.{stage}"] = (reached[stage] & mature).astype(np.int64)
        columns[f"n_inferred.{stage}"] = inferred[stage].astype(np.int64) if stage in inferred else none
        columns[f"time.{stage}"] = np.where(mature, times.get(stage, never), np.nan)
    return columns


@dataclass(frozen=True)
class _Events:
    """The events as arrays: the number of each one's recipient, its time and its place in `BITS`."""

    recipient: Numbers
    time: Numbers
    bit: npt.NDArray[np.int8]
    size: int

    def earliest(self, kind: str, since: Numbers | None = None, until: Numbers | None = None) -> Numbers:
        """Give of each recipient the time of its first event of a kind, within limits of its own; `NEVER` for none."""
        chosen = (self.bit == BITS.index(kind)) & (self.time != NO_TIME)
        if since is not None and until is not None:
            chosen &= (self.time >= since[self.recipient]) & (self.time <= until[self.recipient])
        found: Numbers = np.full(self.size, NEVER)
        np.minimum.at(found, self.recipient[chosen], self.time[chosen])
        return found

    def have(self, kinds: Sequence[str]) -> Flags:
        """Tell which recipients have an event of these kinds, whenever."""
        found = np.zeros(self.size, dtype=np.bool_)
        found[self.recipient[np.isin(self.bit, [BITS.index(kind) for kind in kinds])]] = True
        return found


def _earlier(times: Numbers, by: pd.Timedelta) -> Numbers:
    return np.where(times == NEVER, NEVER, times - by // _MICROSECOND)


def _later(times: Numbers, by: pd.Timedelta | None) -> Numbers:
    if by is None:
        return np.full(len(times), NEVER)
    return np.where(times == NEVER, NEVER, np.where(times == NEVER, 0, times) + by // _MICROSECOND)


def _mature(end: Numbers, window: Window, as_of: pd.Timestamp | None) -> Flags:
    """Tell whose window has passed: all where it has no end."""
    if window.length is None or as_of is None or pd.isna(as_of):
        return np.ones(len(end), dtype=np.bool_)
    return np.asarray(end <= as_of.to_datetime64().astype("datetime64[us]").astype(np.int64), dtype=np.bool_)


def _gaps(before: Numbers, after: Numbers) -> npt.NDArray[np.float64]:
    """Give the times between; 0 where the tolerance let the later come first."""
    gaps: npt.NDArray[np.float64] = np.where(after == NEVER, np.nan, np.maximum(after - before, 0))
    return gaps
