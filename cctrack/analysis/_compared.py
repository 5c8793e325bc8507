"""The tables of a comparison: every pair of campaigns, or each campaign among all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
import pandas as pd

from cctrack.analysis._conclusions import conclusions
from cctrack.analysis._definitions import Definitions
from cctrack.analysis._differences import DIFFERENT, DRAWS, FEW, SAME, differences
from cctrack.analysis._limits import LEVELS, limits, limits_at
from cctrack.analysis._pairs import Pairs, Reach
from cctrack.analysis._power import POWER
from cctrack.analysis._responses import Response
from cctrack.analysis._significance import ADJUSTS, Adjust

HUMAN: Final = "_human"
MOST: Final = 5_000  # pairs: about 100 campaigns with each other
_CURVE: Final = 60  # places of the limits' curves
_PAIRS: Final[Mapping[str, str]] = {
    "a": "the first campaign",
    "b": "the second campaign, or the baseline",
    "metric": "the rate that is compared",
    "n_a": "{base} recipients of a that are compared; with method paired those that b has too",
    "n_b": "{base} recipients of b that are compared; with method paired those that a has too",
    "overlap": "contacts among the {base} recipients of both / of either",
    "rate_a": "k_a / n_a",
    "rate_b": "k_b / n_b",
    "diff": "rate_a - rate_b",
    "diff_low": "lower end of the interval of diff, of this pair alone",
    "diff_high": "upper end of the interval of diff, of this pair alone",
    "method": "how recipients are compared: paired, unpaired or overlapping",
    "p": "chance of a difference as great or greater if there were none, of this pair alone",
    "p_adj": "p, allowing for the number of pairs",
    "detectable_diff": "difference that would have been seen with {power:.0%} power from rates as low, at p_adj of "
    "{alpha:.3g} in the strictest case; NaN where not even the greatest one would",
    "conclusion": "what this says: that they differ, or what difference would have been seen",
    "k_a": "those of n_a that responded: {responded}",
    "k_b": "those of n_b that responded: {responded}",
    "n_common": "contacts among the {base} recipients of both",
    "n_both": "those of n_common that responded to both",
    "only_a": "those of n_common that responded to a, not to b",
    "only_b": "those of n_common that responded to b, not to a",
    "diff_common": "(only_a - only_b) / n_common, the difference among common contacts; NaN with method unpaired",
    "diff_common_low": "lower end of the paired interval of diff_common",
    "diff_common_high": "upper end of the paired interval of diff_common",
}
_LIMITS: Final[Mapping[str, str]] = {
    "campaign_id": "the campaign",
    "metric": "the rate that is compared",
    "n": "{base} recipients",
    "k": "those of n that responded: {responded}",
    "rate": "k / n",
    "rate_low": "lower end of the Wilson interval of rate",
    "rate_high": "upper end of the Wilson interval of rate",
    "pooled_rate": "k / n of all campaigns of the table together",
    "low_95": "lower 95 % limit: below it chance alone takes one of 40 campaigns of this size",
    "high_95": "upper 95 % limit",
    "low_998": "lower 99.8 % limit: below it chance alone takes one of 1,000",
    "high_998": "upper 99.8 % limit",
    "outside": "on which side of which limit the rate is: inside, above 95 %, above 99.8 %, below 95 %, below 99.8 %",
}
_HOW: Final = (
    f"unpaired: up to {DIFFERENT:.0%} overlap; all recipients; Newcombe's interval (1998, method 10); score test, or "
    f"Fisher's as mid-p where fewer than {FEW} are expected.",
    f"paired: from {SAME:.0%} overlap; common contacts alone, the others are left out; Newcombe's paired interval "
    "(1998); McNemar's test as mid-p.",
    f"overlapping: between; all recipients; interval from {DRAWS:,} draws of contacts with all that each got and did, "
    f"where fewer than {FEW} responded Newcombe's, joined through the correlation; score test with the covariance of "
    f"common contacts, exact as mid-p where fewer than {FEW} are expected.",
)
_ENDS: Final = "Never paired: after this there is no later mail, so that common contacts are those who stayed."
_FAMILY: Final = (
    "p_adj allows for {n:,} pairs. {how}. Intervals are of each pair alone: of many, some miss by chance, and an "
    "interval may say more than p_adj."
)
_DISPERSION: Final = (
    "Over-dispersion: rates vary {factor:.3g} times as much as chance alone makes them; the limits are widened by its "
    "root (Spiegelhalter, 2005)."
)
_CHANCE: Final = "Of {n:,} campaigns chance alone takes about {each:.2g} beyond the 95 % limits."


@dataclass(frozen=True)
class Comparison:
    """What was asked for, checked."""

    response: Response
    definitions: Definitions
    adjust: Adjust
    ci: float

    @property
    def words(self) -> dict[str, Any]:
        """What the meanings of columns are about."""
        base = self.response.base(self.definitions)
        return {"base": base, "responded": self.response.responded, "power": POWER, "alpha": 1 - self.ci}


@dataclass(frozen=True)
class Sides:
    """What was counted.

    Attributes
    ----------
    ids : sequence of str
        The campaigns, in their order.
    counts : mapping of str to Reach
        By the suffix of the columns: "", and `HUMAN` where there is a second side.
    """

    ids: Sequence[str]
    counts: Mapping[str, Reach]

    @property
    def sizes(self) -> "np.ndarray[Any, np.dtype[np.int64]]":
        """Recipients of each campaign."""
        return next(iter(self.counts.values())).reached.diagonal()

    def of(self, ids: Sequence[str]) -> "Sides":
        """Take some campaigns alone."""
        places = np.array([list(self.ids).index(one) for one in ids], dtype=np.int64)
        return replace(self, ids=ids, counts={name: one.of(places) for name, one in self.counts.items()})


@dataclass(frozen=True)
class Found:
    """A table, and what is to be told of it."""

    table: pd.DataFrame
    columns: Mapping[str, str]
    notes: Sequence[str]
    facts: Mapping[str, Any]


def pairs_of(sides: Sides, asked: Comparison, baseline: str | None) -> Found:
    """Compare each campaign with each, or with the baseline.

    Raises
    ------
    ValueError
        When there are more pairs than anybody reads.
    """
    size = len(sides.ids)
    if baseline is None:
        a, b = np.triu_indices(size, 1)
    else:
        base = list(sides.ids).index(baseline)
        a = np.delete(np.arange(size), base)
        b = np.full(len(a), base)
    if len(a) > MOST:
        raise ValueError(
            f"{size:,} campaigns make {len(a):,} pairs, more than {MOST:,}; name campaigns or a baseline, or take "
            "table='limits', which shows each among all"
        )
    ids = np.array([*sides.ids], dtype=object)
    told = {"a": ids[a], "b": ids[b], "metric": np.full(len(a), asked.response.name, dtype=object)}
    parts, tests = [pd.DataFrame(told, dtype="string")], {}
    for suffix, counts in sides.counts.items():
        part = differences(Pairs.of(counts, a, b), asked.response.ends, asked.ci, asked.adjust)
        part.insert(list(part).index("k_a"), "conclusion", conclusions(part, 1 - asked.ci))
        tests[f"tests{suffix}"] = int(part["p"].notna().sum())
        parts.append(_typed(part).add_suffix(suffix))
    notes = [*_HOW[:1], _ENDS] if asked.response.ends else list(_HOW)
    notes.append(_FAMILY.format(n=tests["tests"], how=ADJUSTS[asked.adjust]))
    facts = {"adjust": asked.adjust, "baseline": baseline, **tests, "draws": DRAWS, "power": POWER}
    columns = {name: said.format(**asked.words) for name, said in _PAIRS.items()}
    return Found(pd.concat(parts, axis=1), columns, notes, facts)


def _typed(table: pd.DataFrame) -> pd.DataFrame:
    counts = {name: "Int64" for name in table if pd.api.types.is_integer_dtype(table[name])}
    return table.astype({**counts, **({"method": "string"} if "method" in table else {})})


def limits_of(sides: Sides, asked: Comparison) -> Found:
    """Put each campaign among all."""
    told = {"campaign_id": [*sides.ids], "metric": [asked.response.name] * len(sides.ids)}
    parts, notes, facts = [pd.DataFrame(told, dtype="string")], [], dict[str, Any]()
    for suffix, counts in sides.counts.items():
        n, k = counts.reached.diagonal(), counts.both.diagonal()
        part, factor = limits(k, n, asked.ci)
        parts.append(_typed(pd.concat([pd.DataFrame({"n": n, "k": k}), part], axis=1)).add_suffix(suffix))
        notes.append(f"{_DISPERSION.format(factor=factor)}{' This is of the human columns.' if suffix else ''}")
        facts |= {f"dispersion{suffix}": round(factor, 6), f"curves{suffix}": _curves(k, n, factor)}
    notes.append(_CHANCE.format(n=len(sides.ids), each=len(sides.ids) * (1 - LEVELS["95"])))
    columns = {name: said.format(**asked.words) for name, said in _LIMITS.items()}
    return Found(pd.concat(parts, axis=1), columns, notes, facts)


def _curves(k: Any, n: Any, factor: float) -> dict[str, list[float]]:
    """Give the limits from below the smallest to above the largest campaign, for the picture's curves."""
    known = n[n > 0]
    if not len(known):
        return {}
    sizes = np.geomspace(known.min() / 1.15, known.max() * 1.05, _CURVE)
    ends = limits_at(float(k.sum() / known.sum()), sizes, factor)
    return {"n": sizes.tolist(), **{name: values.tolist() for name, values in ends.items()}}
