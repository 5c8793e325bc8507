"""Which contacts clicked two links: counts of every pair, and what they say."""

from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.analysis._significance import Adjust, adjusted

Numbers = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Clicked:
    """Counts of contacts.

    Attributes
    ----------
    pairs : pandas.DataFrame
        Places of two links of a group as `a` and `b`, and contacts that clicked both as `n_both`; where there are any.
    of_link : numpy.ndarray of int64
        Contacts that clicked each link.
    of_group : numpy.ndarray of int64
        Contacts that clicked any link of each group.
    group : numpy.ndarray of int64
        The group of each link.
    """

    pairs: pd.DataFrame
    of_link: Numbers
    of_group: Numbers
    group: Numbers

    def tests(self, least: int) -> int:
        """Count the pairs of links of one group that so many contacts clicked each, whoever clicked both."""
        each = np.bincount(self.group[self.of_link >= least], minlength=1)
        return int((each * (each - 1) // 2).sum())


def clicked(contact: Numbers, link: Numbers, group: Numbers) -> Clicked:
    """Count contacts by pair of links.

    Parameters
    ----------
    contact, link
        Of each click; a link is of one group.
    group
        The group of each link.
    """
    from scipy.sparse import coo_array

    people = int(contact.max(initial=0)) + 1
    row, known = pd.factorize(group[link] * people + contact)
    clicks = pd.DataFrame({"row": row, "link": link}).drop_duplicates()
    cells = np.ones(len(clicks), dtype=np.int64), (clicks["row"].to_numpy(), clicks["link"].to_numpy())
    table = coo_array(cells, shape=(max(len(known), 1), max(len(group), 1))).tocsr()
    both = (table.T @ table).tocoo()
    upper = both.row < both.col
    columns = {"a": both.row[upper], "b": both.col[upper], "n_both": both.data[upper]}
    pairs = pd.DataFrame(columns).astype("int64").sort_values(["a", "b"], ignore_index=True)
    of_link = np.bincount(clicks["link"], minlength=len(group))
    return Clicked(pairs, of_link, np.bincount(known // people, minlength=int(group.max(initial=0)) + 1), group)


def judged(counts: Clicked, pairs: pd.DataFrame, least: int, ci: float, adjust: Adjust) -> pd.DataFrame:
    """Say of pairs how much more often both links were clicked than chance would have it.

    Parameters
    ----------
    counts
        As `clicked` gave them.
    pairs
        Places of the links as `a` and `b`.
    least
        Contacts below which a pair is not judged.
    ci, adjust
        Confidence of the intervals, and how p values allow for the number of pairs.

    Returns
    -------
    pandas.DataFrame
        `n_both`, `n_a`, `n_b`, `n_clickers`, `jaccard`, `lift` with its ends, `p` and `p_adj`, one row a pair.

    Notes
    -----
    The interval is of the logarithm of the lift, by the delta method.
    """
    places = pd.DataFrame({"a": pairs[["a", "b"]].min(axis=1), "b": pairs[["a", "b"]].max(axis=1)})
    tested = counts.pairs.assign(**_tested(counts, least, adjust))
    found = places.merge(tested, on=["a", "b"], how="left", validate="one_to_one")
    both = found["n_both"].fillna(0).to_numpy(dtype=np.int64)
    n_a, n_b = (counts.of_link[pairs[name].to_numpy(dtype=np.int64)] for name in ("a", "b"))
    n = counts.of_group[counts.group[pairs["a"].to_numpy(dtype=np.int64)]]
    enough = both >= least
    share, share_a, share_b = (np.where(enough, one / np.maximum(n, 1), np.nan) for one in (both, n_a, n_b))
    lift = share / (share_a * share_b)
    spread = np.maximum(1 / share - 1 / share_a - 1 / share_b + 2 * lift - 1, 0) / np.maximum(n, 1)
    factor = np.exp(NormalDist().inv_cdf((1 + ci) / 2) * np.sqrt(spread))
    rates: dict[str, Any] = {
        "jaccard": share / (share_a + share_b - share), "lift": lift, "lift_low": lift / factor,
        "lift_high": lift * factor, "p": np.where(enough, found["p"], np.nan),
        "p_adj": np.where(enough, found["p_adj"], np.nan),
    }  # fmt: skip
    held = {"n_both": both, "n_a": n_a, "n_b": n_b, "n_clickers": n}
    return pd.DataFrame({**{name: pd.array(one, dtype="Int64") for name, one in held.items()}, **rates})


def _tested(counts: Clicked, least: int, adjust: Adjust) -> dict[str, Any]:
    """Give the p values of all pairs of the family; of those that nobody clicked both of they are 1."""
    from scipy.stats import hypergeom

    a, b, both = (counts.pairs[name].to_numpy() for name in ("a", "b", "n_both"))
    n_a, n_b, n = counts.of_link[a], counts.of_link[b], counts.of_group[counts.group[a]]
    family = np.minimum(n_a, n_b) >= least
    p = np.full(len(a), np.nan)
    p[family] = hypergeom.sf(both[family] - 1, n[family], n_a[family], n_b[family])
    others = np.ones(counts.tests(least) - int(family.sum()))
    return {"p": p, "p_adj": adjusted(np.concatenate([p, others]), adjust)[: len(p)]}
