"""How much wider intervals are where the same contacts got several mailings."""

from collections.abc import Collection, Mapping, Sequence

import numpy as np
import pandas as pd

from cctrack.analysis._intervals import design_effect
from cctrack.analysis._patterns import Flags, tally
from cctrack.analysis._rates import LESS_AUTO, Rate


def design_effects(
    counts: pd.DataFrame,
    names: Sequence[str],
    rates: Sequence[Rate],
    wanted: Mapping[str, Flags],
    auto: Collection[str],
) -> pd.DataFrame:
    """Tell for each rate how many times its variance is that of as many recipients who are all different contacts.

    Parameters
    ----------
    counts
        Recipients by pattern: columns `names`, `contact_id`, `_pattern` and `_n`.
    names
        Columns of the groups.
    rates
        Those of which to tell; rates of what `wanted` does not count are left out.
    wanted
        Which patterns each count takes.
    auto
        Contacts that seem to open by machine.

    Returns
    -------
    pandas.DataFrame
        One row a group: `names`, and a column for each rate.
    """
    known = [rate for rate in rates if {rate.numerator, rate.denominator} <= set(wanted)]
    own = {name: wanted[name] for rate in known for name in (rate.numerator, rate.denominator)}
    sums = tally(counts, list(dict.fromkeys((*names, "contact_id"))), own)
    less = [name for name in own if name in LESS_AUTO]
    sums.loc[sums["contact_id"].isin(list(auto)).to_numpy(), less] = 0
    grouped = sums.groupby(list(names), sort=True, observed=True, dropna=False) if names else None
    group = np.zeros(len(sums), dtype=np.int64) if grouped is None else grouped.ngroup().to_numpy()
    table = pd.DataFrame(index=[0]) if grouped is None else grouped.size().reset_index()[list(names)]
    for rate in known:
        k, n = (sums[name].to_numpy(dtype=np.float64) for name in (rate.numerator, rate.denominator))
        added = (np.bincount(group, weights=one, minlength=len(table)) for one in (k, n, k * k, k * n, n * n, n > 0))
        table[rate.name] = design_effect(*added)
    return table
