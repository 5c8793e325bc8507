"""What a comparison says, as a sentence."""

import math
from typing import Any

import pandas as pd

from cctrack.analysis._power import POWER


def conclusions(table: pd.DataFrame, alpha: float) -> "pd.Series[Any]":
    """Say of each pair whether it differs, and if not, what difference would have been seen.

    Parameters
    ----------
    table
        As `differences` gives it.
    alpha
        The adjusted p value up to which campaigns are said to differ.
    """
    wanted = table[["diff", "diff_low", "diff_high", "p_adj", "detectable_diff"]].to_numpy(dtype="float64")
    said = [_sentence(diff, low, high, p, seen, alpha) for diff, low, high, p, seen in wanted.tolist()]
    return pd.Series(said, index=table.index, dtype="string")


def _sentence(diff: float, low: float, high: float, p: float, detectable: float, alpha: float) -> str:
    if math.isnan(p):
        return "not compared: a campaign has no recipients"
    if p <= alpha:
        way = "higher" if diff > 0 else "lower"
        ends = sorted((abs(low), abs(high))) if low * high >= 0 else (low, high)
        return f"differs: a is {way} by {points(abs(diff))} points ({points(ends[0])} to {points(ends[1])})"
    if math.isnan(detectable):
        return "no difference seen; with so few recipients none could have been"
    return f"no difference seen; one of {points(detectable)} points would have been seen with {POWER:.0%} power"


def points(share: float) -> str:
    """Write a share in points of per cent, with two figures where it is small."""
    return f"{100 * share:.1f}" if abs(share) >= 0.00995 or not share else f"{100 * share:.2g}"
