"""How many contacts two campaigns have in common, and how these responded to either."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.analysis._patterns import PATTERN, Flags, N

Numbers = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
_CELLS: Final = 1 << 22  # of contacts and campaigns at a time
_EXACT: Final = 1 << 24  # float32 counts exactly up to here


@dataclass(frozen=True)
class Reach:
    """Counts of contacts by two campaigns, as matrices; on the diagonal by one campaign.

    Attributes
    ----------
    reached : numpy.ndarray
        Contacts that both reached.
    responded : numpy.ndarray
        Those of them that responded to the campaign of the row.
    both : numpy.ndarray
        Those that responded to both.
    """

    reached: Numbers
    responded: Numbers
    both: Numbers

    def of(self, places: Numbers) -> "Reach":
        """Take the campaigns in these places alone."""
        own = np.ix_(places, places)
        return Reach(self.reached[own], self.responded[own], self.both[own])


def reach(recipients: pd.DataFrame, campaigns: Sequence[str], base: Flags, success: Flags) -> Reach:
    """Count the contacts of campaigns and of each two of them.

    Parameters
    ----------
    recipients
        Columns `campaign_id`, `contact_id`, `_pattern` and `_n`; patterns of one recipient are added up, so that
        one with an `_n` of -1 takes it out again.
    campaigns
        Those to count, in the order of the result.
    base, success
        Which patterns count as reached, and which of these as responded.
    """
    column = pd.Index(campaigns).get_indexer(pd.Index(recipients["campaign_id"]))
    contact, contacts = pd.factorize(recipients["contact_id"])
    wanted = (column >= 0) & (contact >= 0)
    place = contact[wanted].astype(np.int64) * len(campaigns) + column[wanted]
    change = (recipients[PATTERN] * recipients[N]).to_numpy(dtype=np.int64)[wanted]
    size, step = len(campaigns), max(1, min(_EXACT, _CELLS // max(len(campaigns), 1)))
    found = [np.zeros((size, size), dtype=np.int64) for _ in range(3)]
    order = np.argsort(place, kind="stable")
    place, change = place[order], change[order]
    for start in range(0, len(contacts), step):
        first, last = np.searchsorted(place, [start * size, (start + step) * size])
        own = min(step, len(contacts) - start)
        pattern = np.bincount(place[first:last] - start * size, weights=change[first:last], minlength=own * size)
        number = pattern.astype(np.int64).reshape(own, size)
        got = base[number].astype(np.float32)
        did = got * success[number]
        for held, left, right in zip(found, (got, did, did), (got, got, did), strict=True):
            held += (left.T @ right).astype(np.int64)
    return Reach(*found)


def share(k: Numbers, n: Numbers) -> Floats:
    """Divide counts; NaN where there is nothing to divide by."""
    found: Floats = np.divide(k, n, out=np.full(n.shape, np.nan), where=n > 0)
    return found


@dataclass(frozen=True)
class Pairs:
    """Pairs of campaigns, one an element.

    Attributes
    ----------
    n_a, n_b : numpy.ndarray
        Recipients of either.
    k_a, k_b : numpy.ndarray
        Those that responded.
    common : numpy.ndarray
        Contacts that are recipients of both.
    both, only_a, only_b : numpy.ndarray
        Those of the common ones that responded to both, and to one alone.
    """

    n_a: Numbers
    n_b: Numbers
    k_a: Numbers
    k_b: Numbers
    common: Numbers
    both: Numbers
    only_a: Numbers
    only_b: Numbers

    @classmethod
    def of(cls, counts: Reach, a: Numbers, b: Numbers) -> "Pairs":
        """Take the pairs of the campaigns in these places."""
        n, k, both = counts.reached.diagonal(), counts.both.diagonal(), counts.both[a, b]
        only_a, only_b = counts.responded[a, b] - both, counts.responded[b, a] - both
        return cls(n[a], n[b], k[a], k[b], counts.reached[a, b], both, only_a, only_b)

    @property
    def neither(self) -> Numbers:
        """Common contacts that responded to neither."""
        return self.common - self.both - self.only_a - self.only_b

    @property
    def kinds(self) -> Numbers:
        """Contacts by what they got and did, a column a kind.

        Those of a alone that responded and that did not, the same of b alone, then of the common ones `both`, `only_a`,
        `only_b` and `neither`.
        """
        yes_a, yes_b = self.k_a - self.both - self.only_a, self.k_b - self.both - self.only_b
        no_a, no_b = self.n_a - self.common - yes_a, self.n_b - self.common - yes_b
        return np.stack([yes_a, no_a, yes_b, no_b, self.both, self.only_a, self.only_b, self.neither], axis=1)

    @property
    def overlap(self) -> Floats:
        """Common contacts as a share of those that either reached; NaN where there are none."""
        return share(self.common, self.n_a + self.n_b - self.common)

    def paired_where(self, where: Flags) -> "Pairs":
        """Take the common contacts alone where this is wanted."""
        k_a, k_b = self.both + self.only_a, self.both + self.only_b
        n_a, n_b = np.where(where, self.common, self.n_a), np.where(where, self.common, self.n_b)
        sides = n_a, n_b, np.where(where, k_a, self.k_a), np.where(where, k_b, self.k_b)
        return Pairs(*sides, self.common, self.both, self.only_a, self.only_b)
