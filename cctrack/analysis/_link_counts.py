"""What is counted of each link, from clicks as numbers: totals, different contacts, first clicks, delays."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.analysis._bursts import NO_TIME, SECOND
from cctrack.analysis._intervals import few, wilson
from cctrack.analysis._shrinkage import Prior, fit_beta, rank_intervals, shrunken

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_LAST: Final = np.iinfo(np.int64).max
_DAY: Final = 86_400 * SECOND
DRAWS: Final = 2_000


def counted(clicks: pd.DataFrame, group: Numbers, as_of: pd.Timestamp, ci: float) -> pd.DataFrame:
    """Count the clicks of every link; one row a link, without rates that need to know who was exposed.

    Parameters
    ----------
    clicks
        One row a click of a group: `_link`, `_recipient`, `_contact`, `_click`, `_time` and `_sent`.
    group
        The group of each link.
    as_of
        When the data end.
    ci
        Coverage of the median's interval.
    """
    size = len(group)
    link, recipient = (clicks[name].to_numpy(dtype=np.int64) for name in ("_link", "_recipient"))
    time, sent = (clicks[name].to_numpy(dtype=np.int64) for name in ("_time", "_sent"))
    late = np.where(time == NO_TIME, _LAST, time)  # what has no date comes after what has one
    table = pd.DataFrame(
        {
            "clicks_total": _different(link, clicks["_click"], size),
            "unique_clickers": _different(link, clicks["_contact"], size),
            "clicked_recipients": _different(link, recipient, size),
        }
    )
    of_click = group[link]
    people, readers = (_different(of_click, clicks[name], _count(group)) for name in ("_contact", "_recipient"))
    table["clicks_per_clicker"] = _share(table["clicks_total"], table["unique_clickers"])
    totals = np.bincount(group, weights=table["clicks_total"], minlength=_count(group))
    table["share_of_clicks"] = _share(table["clicks_total"], totals[group])
    table["share_of_clickers"] = _share(table["unique_clickers"], people[group])
    starts = _firsts([of_click, recipient], late, link)
    table["first_clicks"] = np.bincount(link[starts], minlength=size)
    table["first_click_share"] = _share(table["first_clicks"], readers[group])
    firsts = _firsts([link, recipient], late)
    firsts = firsts[(time[firsts] != NO_TIME) & (sent[firsts] != NO_TIME)]
    _add_delays(table, link[firsts], time[firsts] - sent[firsts], sent[firsts], as_of, ci)
    whole = ["clicks_total", "unique_clickers", "clicked_recipients", "first_clicks"]
    return table.astype(dict.fromkeys(whole, "Int64")).assign(_readers=readers[group])


def rated(table: pd.DataFrame, exposed: Floats, ci: float) -> tuple[pd.DataFrame, Prior]:
    """Give the rates of those exposed, NaN where these are not known or none, and the prior of the estimates."""
    clicked = table["clicked_recipients"].to_numpy(dtype=np.float64)
    some = np.where(exposed > 0, exposed, np.nan)
    prior = fit_beta(clicked, some)
    low, high = wilson(clicked, some, ci)
    return table.assign(
        reach=clicked / some,
        reach_low=low,
        reach_high=high,
        reach_eb=shrunken(clicked, some, prior),
        low_n=few(clicked, np.where(np.isnan(exposed), 2 * clicked, exposed)),
    ), prior


def ranked(table: pd.DataFrame, trials: Floats, prior: Prior, group: Numbers, ci: float) -> pd.DataFrame:
    """Rank the links of each group by the estimates of `clicked_recipients` in `trials`; NA without trials.

    Equal estimates go by clicks, then by the order of the table.
    """
    clicked = table["clicked_recipients"].to_numpy(dtype=np.float64)
    ranks = np.full((3, len(table)), np.nan)
    order = np.lexsort((-table["clicks_total"].to_numpy(dtype=np.int64), group))
    for rows in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        if np.isfinite(trials[rows]).any():
            ranks[:, rows] = rank_intervals(clicked[rows], trials[rows], prior, ci, DRAWS)
    for name, values in zip(("rank", "rank_low", "rank_high"), ranks, strict=True):
        table[name] = pd.Series(values).astype("Int64")
    return table


def _count(group: Numbers) -> int:
    return int(group.max(initial=-1)) + 1


def _different(where: Numbers, what: Any, size: int) -> Numbers:
    """Count the different values at each place."""
    values = np.asarray(what, dtype=np.int64)
    width = int(values.max(initial=0)) + 1
    pairs = pd.unique(where * width + values)  # by far quicker than that of NumPy
    return np.bincount(pairs // width, minlength=size)


def _share(part: Any, whole: Any) -> Floats:
    """Divide, with NaN where the whole is 0."""
    parts, wholes = np.asarray(part, dtype=np.float64), np.asarray(whole, dtype=np.float64)
    shares: Floats = np.divide(parts, wholes, out=np.full(parts.shape, np.nan), where=wholes > 0)
    return shares


def _firsts(keys: Sequence[Numbers], *order: Numbers) -> Numbers:
    """Give where the first row of each combination of keys stands, in an order."""
    sorted_ = np.lexsort((*reversed(order), *reversed(keys)))
    begins = np.zeros(len(sorted_), dtype=np.bool_)
    begins[:1] = True
    for key in keys:
        begins[1:] |= np.diff(key[sorted_]) != 0
    return sorted_[begins]


def _add_delays(
    table: pd.DataFrame, link: Numbers, delay: Numbers, sent: Numbers, as_of: pd.Timestamp, ci: float
) -> None:
    """Add the median delay of each link with its interval, and the share within a day of those sent before a day."""
    order = np.lexsort((delay, link))
    n = np.bincount(link, minlength=len(table))
    start = np.cumsum(n) - n
    for name, values in zip(("t50", "t50_low", "t50_high"), _medians(delay[order], start, n, ci), strict=True):
        table[name] = pd.Series(pd.to_timedelta(np.round(values), unit="us")).astype("timedelta64[us]")
    day_ago = NO_TIME if pd.isna(as_of) else (as_of - pd.Timestamp(0, tz="UTC")) // pd.Timedelta(1, "us") - _DAY
    ripe = sent <= day_ago
    within = np.bincount(link[ripe & (delay <= _DAY)], minlength=len(table))
    table["share_24h"] = _share(within, np.bincount(link[ripe], minlength=len(table)))


def _medians(values: Numbers, start: Numbers, n: Numbers, ci: float) -> tuple[Floats, Floats, Floats]:
    """Give the median of each run of sorted values, and its interval between two of them.

    The interval is the usual one of order statistics (Conover, Practical Nonparametric Statistics, 3.2): it is exact,
    and there is none for under 6 values at 95 %.
    """
    from scipy.stats import binom

    padded = np.append(values, 0).astype(np.float64)

    def at(place: Any, known: Any) -> Floats:
        where = np.where(known, start + place, len(values)).astype(np.int64)
        return np.where(known, padded[where], np.nan)

    middle = (at((n - 1) // 2, n > 0) + at(n // 2, n > 0)) / 2
    tail = (1 - ci) / 2
    # So many values on each side are outside, but for the last of them, which is the end.
    out = np.asarray(binom.ppf(tail, n, 0.5), np.float64)
    out += (n > 0) & (binom.cdf(out, n, 0.5) <= tail)
    return middle, at(out - 1, out > 0), at(n - out, out > 0)
