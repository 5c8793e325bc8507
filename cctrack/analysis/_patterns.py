"""Which kinds of event a recipient has, as one number: what every count of recipients is made from.

A recipient is a pair of campaign and contact. Its pattern has a bit for each kind of event that it has at least once.
There are few patterns, so that a table of groups, patterns and numbers of recipients is small whatever the size of
the activities, and every stage, exit and rate is a sum over it.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]

# Bounce codes by what they mean for the address (analytics.md 1.1); what is not listed counts as `other_bounced`.
BOUNCES: Final = {
    "hard_bounced": ("B", "S"),
    "soft_bounced": ("D", "F"),
    "blocked": ("Z",),
    "autoreplied": ("V",),
}
KINDS: Final = {
    "EMAIL_SEND": "send",
    "EMAIL_OPEN": "open",
    "EMAIL_CLICK": "click",
    "EMAIL_FORWARD": "forward",
    "EMAIL_UNSUBSCRIBE": "unsubscribe",
}
BOUNCE: Final = "EMAIL_BOUNCE"
UNSUBSCRIBE: Final = "EMAIL_UNSUBSCRIBE"
OWNER: Final = "ACTION_BY_OWNER"  # unsubscribed by the sender: `removed`, no reaction to the mailing
BITS: Final = (*KINDS.values(), *BOUNCES, "other_bounced", "removed")
SIZE: Final = 1 << len(BITS)
PATTERN, N = "_pattern", "_n"

_ALL = np.arange(SIZE)
HAS: Final[Mapping[str, Flags]] = {name: (_ALL >> place & 1).astype(np.bool_) for place, name in enumerate(BITS)}


def tally(counts: pd.DataFrame, names: Sequence[str], wanted: Mapping[str, Flags]) -> pd.DataFrame:
    """Add up recipients by group.

    Parameters
    ----------
    counts
        Columns `names`, `_pattern` and `_n`.
    names
        Columns that make the groups; with none there is one group, also when there are no rows.
    wanted
        Which patterns each column of the result counts, as flags indexed by pattern.

    Returns
    -------
    pandas.DataFrame
        One row a group, in the order of its values with NA last: the columns `names`, then those of `wanted`.
    """
    patterns = counts[PATTERN].to_numpy(dtype=np.int64)
    n = counts[N].to_numpy(dtype=np.int64)
    sums = pd.DataFrame({name: n * flags[patterns] for name, flags in wanted.items()}, dtype="int64")
    if not names:
        return sums.sum().to_frame().T.astype("int64")
    keys = counts.loc[:, list(names)].reset_index(drop=True)
    grouped = sums.groupby([keys[name] for name in names], sort=True, observed=True, dropna=False).sum()
    return grouped.reset_index()
