"""What happened close together in time, found for all rows at once: nothing here loops over rows or contacts.

Times are whole microseconds; a window holds both its ends.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]

SECOND: Final = 1_000_000
NO_TIME: Final = np.iinfo(np.int64).min
_MINUTE: Final = 60  # seconds to either side in which clicks come at one rate: opens and clicks change over minutes
_CHANCE: Final = 1e-6  # of one second; an account of 100,000 clicks then has about one click by chance


def microseconds(dates: "pd.Series[Any]") -> Numbers:
    """Give dates as microseconds since 1970, NaT as `NO_TIME`."""
    times: Numbers = dates.dt.tz_convert("UTC").dt.as_unit("us").dt.tz_localize(None).to_numpy().astype(np.int64)
    return times


@dataclass(frozen=True)
class Line:
    """Rows in order of group and time; those without a time are left out.

    Attributes
    ----------
    at : numpy.ndarray of int64
        Positions of the rows.
    group, time : numpy.ndarray of int64
        What they belong to, and when they were.
    """

    at: Numbers
    group: Numbers
    time: Numbers

    @classmethod
    def of(cls, group: Numbers, time: Numbers) -> "Line":
        """Put rows in order."""
        timed = np.flatnonzero(time != NO_TIME)
        order = timed[np.lexsort((time[timed], group[timed]))]
        return cls(order, group[order], time[order])

    def __len__(self) -> int:
        return len(self.at)

    def only(self, chosen: Flags) -> "Line":
        """Keep some, told by their place on the line."""
        return Line(self.at[chosen], self.group[chosen], self.time[chosen])

    def firsts(self) -> "Line":
        """Keep the first of each group."""
        return self.only(np.diff(self.group, prepend=-1) != 0)

    def near(self, marked: Flags, *, before: int = 0, after: int = 0) -> Flags:
        """Tell which are within a window around something marked of their group.

        Parameters
        ----------
        marked
            What the window is around, by place on the line.
        before, after
            How long before it the window begins, and how long after it the window ends.
        """
        if not marked.any():
            return np.zeros(len(self), dtype=np.bool_)
        place = np.arange(len(self))
        last = np.maximum.accumulate(np.where(marked, place, 0))
        coming = np.minimum.accumulate(np.where(marked, place, len(self) - 1)[::-1])[::-1]
        found = np.zeros(len(self), dtype=np.bool_)
        for mark, length in ((last, after), (coming, before)):
            found |= marked[mark] & (self.group[mark] == self.group) & (np.abs(self.time - self.time[mark]) <= length)
        return found

    def sweeping(self, link: Numbers, links: int, window: int) -> Flags:
        """Mark everything in a window that holds so many different links of one group.

        Parameters
        ----------
        link
            Link of each, by place on the line; -1 where it is not known, which makes no different link.
        links
            How many: 2 or 3.
        window
            How long.
        """
        known = np.flatnonzero(link >= 0)
        if not len(known):
            return np.zeros(len(self), dtype=np.bool_)
        begins = _last_different(self.group[known], link[known], links)
        # A window that ends at a click without a link holds the links of the last click before it that has one.
        upto = np.cumsum(link >= 0) - 1
        begin = np.where(upto >= 0, begins[np.maximum(upto, 0)], -1)
        start = known[np.maximum(begin, 0)]
        near = (begin >= 0) & (self.group[start] == self.group) & (self.time - self.time[start] <= window)
        line = self.closed_up(window)
        first = np.searchsorted(line, line[near] - window, side="left")
        behind = np.searchsorted(line, line[near], side="right")
        size = len(self) + 1
        inside = np.cumsum(np.bincount(first, minlength=size) - np.bincount(behind, minlength=size))
        return np.asarray(inside[:-1] > 0, dtype=np.bool_)

    def closed_up(self, window: int) -> Numbers:
        """Put all groups on one line of time: gaps longer than the window, and other groups, are just out of it."""
        gap = np.minimum(np.diff(self.time, prepend=self.time[:1]), window + 1)
        line: Numbers = np.cumsum(np.where(np.diff(self.group, prepend=self.group[:1]) != 0, window + 1, gap))
        return line


def _last_different(group: Numbers, link: Numbers, links: int) -> Numbers:
    """Give where the last so many different links up to each click begin, -1 where its group has fewer.

    A run is clicks in a row on one link. The third last link stands two runs back, unless that is the link of the
    present run: then it is what it was at the run before. So the nearest run up to here whose link is not that of
    two runs earlier tells it; for the second last link this is the run itself.
    """
    fresh = (np.diff(group, prepend=-1) != 0) | (np.diff(link, prepend=-1) != 0)
    first = np.flatnonzero(fresh)
    last = np.append(first[1:], len(link)) - 1
    own, links_of = group[first], link[first]
    back = links - 1
    turns = np.zeros(len(first), dtype=np.bool_)
    turns[back:] = (own[back:] == own[:-back]) & (links_of[back:] != links_of[:-back])
    turn = np.maximum.accumulate(np.where(turns, np.arange(len(first)), 0))
    begin = np.where(turns[turn] & (own[turn] == own), last[np.maximum(turn - back, 0)], -1)
    found: Numbers = begin[np.cumsum(fresh) - 1]
    return found


def coincident(group: Numbers, second: Numbers, who: Numbers, least: int) -> Flags:
    """Tell which happened in a second that brought together more of a group than chance would.

    Parameters
    ----------
    group, second, who
        Of each row.
    least
        How many different ones it takes in any case.

    Notes
    -----
    Clicks of the minute before and after tell the rate. If it is steady, each of the n clicks of these 121 seconds
    falls into the middle one with chance 1/121, so that k of them there have the upper tail of a binomial: no rate
    has to be known, and a large domain on a busy morning needs more of them than a small one.
    """
    from scipy.stats import binom

    order = np.lexsort((who, second, group))
    new_second = (np.diff(group[order], prepend=-1) != 0) | (np.diff(second[order], prepend=-1) != 0)
    new = new_second | (np.diff(who[order], prepend=-1) != 0)
    cell = np.cumsum(new_second) - 1
    count = np.bincount(cell, weights=new).astype(np.int64)
    seconds = Line(order[new_second], group[order][new_second], second[order][new_second])
    line = seconds.closed_up(_MINUTE)
    upto = np.concatenate([[0], np.cumsum(count)])
    around = (
        upto[np.searchsorted(line, line + _MINUTE, side="right")]
        - upto[np.searchsorted(line, line - _MINUTE, side="left")]
    )
    crowded = count >= least
    crowded[crowded] = binom.sf(count[crowded] - 1, around[crowded], 1 / (2 * _MINUTE + 1)) <= _CHANCE
    found = np.zeros(len(group), dtype=np.bool_)
    found[order] = crowded[cell]
    return found
