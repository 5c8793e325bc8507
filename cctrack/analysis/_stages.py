"""The stages of a mailing: which recipients each takes, and the rows that tell of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.analysis._definitions import Definitions
from cctrack.analysis._intervals import wilson
from cctrack.analysis._ordered import STAGES, TIMES, Window
from cctrack.analysis._patterns import HAS, Flags

Semantics = Literal["closed", "observed", "ordered"]
Orphans = Literal["keep", "drop", "separate"]
Numbers = npt.NDArray[np.int64]
EXITS: Final[Mapping[str, str]] = {  # and the stage that they leave
    "n_bounced": "sent",
    "n_bounced_but_engaged": "delivered",
    "n_unsubscribed": "delivered",
    "n_forwarded": "opened",
}


@dataclass(frozen=True)
class Choices:
    """What was asked for, checked.

    Attributes
    ----------
    semantics : str
        What it takes to be counted in a stage.
    definitions : Definitions
        What delivered is, and which rates there are.
    ci : float
        Confidence of the intervals.
    orphans : str
        What becomes of recipients without a send row.
    window : Window
        For the funnel in order.
    as_of : pandas.Timestamp or None
        When the data end; None is the newest event.
    """

    semantics: Semantics
    definitions: Definitions
    ci: float
    orphans: Orphans
    window: Window
    as_of: pd.Timestamp | None


def lookups(choices: Choices) -> dict[str, Flags]:
    """Give which patterns each count takes, as `column.stage`."""
    bounced = choices.definitions.bounced
    send, click = HAS["send"], HAS["click"]
    engaged = HAS["open"] | click | HAS["forward"]
    recorded = {"sent": send, "delivered": send & ~bounced, "opened": HAS["open"], "clicked": click}
    delivered = recorded["delivered"] | engaged
    closed = {"sent": send | delivered, "delivered": delivered, "opened": engaged, "clicked": click}
    reached = closed if choices.semantics == "closed" else recorded
    counted = send | (choices.orphans == "keep")
    orphans = ~send & (choices.orphans != "drop")
    exits = {
        "n_bounced": bounced,
        "n_bounced_but_engaged": bounced & engaged,
        "n_unsubscribed": choices.definitions.unsubscribed,
        "n_forwarded": HAS["forward"],
    }
    wanted = {f"n.{stage}": flags & counted for stage, flags in reached.items()}
    wanted |= {f"n_inferred.{stage}": flags & counted & ~recorded[stage] for stage, flags in reached.items()}
    wanted |= {f"n_orphan.{stage}": flags & orphans for stage, flags in reached.items()}
    return wanted | {f"{name}.{EXITS[name]}": flags & counted for name, flags in exits.items()}


def laid_out(counts: pd.DataFrame, names: Sequence[str], choices: Choices) -> pd.DataFrame:
    """Make the rows of the result.

    Parameters
    ----------
    counts
        One row a group: the columns `names`, the counts of `lookups`, and in order those of `counted_in_order`.
    names
        Columns of the groups.
    choices
        What was asked for.

    Returns
    -------
    pandas.DataFrame
        Four rows a group; `n_machine` is NA.
    """
    followed = "n_mature" if choices.semantics == "ordered" else "n"
    counted = dict.fromkeys(["n", "n_inferred", "n_orphan", "n_machine", followed])
    nobody = np.ones(4 * len(counts), dtype=np.bool_)
    columns: dict[str, Any] = {"stage": pd.Categorical(STAGES * len(counts), categories=STAGES, ordered=True)}
    for name in counted:
        n = np.zeros_like(nobody, dtype=np.int64) if name == "n_machine" else _matrix(counts, name).ravel()
        columns[name] = pd.arrays.IntegerArray(n, mask=nobody if name == "n_machine" else ~nobody)
    columns |= _rates(_matrix(counts, followed), choices)
    times = counts.reindex(columns=TIMES).to_numpy(dtype=np.float64).ravel()
    columns["median_time_from_prev"] = np.round(times).astype("timedelta64[us]")
    for name, stage in EXITS.items():
        n = np.repeat(counts[f"{name}.{stage}"].to_numpy(dtype=np.int64), len(STAGES))
        columns[name] = pd.arrays.IntegerArray(n, mask=np.tile([one != stage for one in STAGES], len(counts)))
    groups = counts.loc[counts.index.repeat(len(STAGES)), list(names)].reset_index(drop=True)
    return pd.concat([groups, pd.DataFrame(columns)], axis=1)


def _matrix(counts: pd.DataFrame, name: str) -> Numbers:
    """Give a count of all groups and stages."""
    return counts[[f"{name}.{stage}" for stage in STAGES]].to_numpy(dtype=np.int64)


def _rates(n: Numbers, choices: Choices) -> dict[str, Any]:
    """Give the shares of stages, and what is left behind on the way from one to the next."""
    none = np.zeros((len(n), 1), dtype=np.int64)
    before = np.hstack([none, n[:, :-1]])
    dropped = np.hstack([none, n[:, :-1] - n[:, 1:]])
    of_delivered = np.zeros_like(n)
    if choices.definitions.base == "delivered":
        of_delivered[:, 1:] = n[:, 1:2]
    low, high = wilson(n.ravel(), before.ravel(), choices.ci)
    return {
        "rate_of_sent": _share(n, np.repeat(n[:, :1], len(STAGES), axis=1)),
        "rate_of_delivered": _share(n, of_delivered),
        "step_rate": _share(n, before),
        "step_low": low,
        "step_high": high,
        "drop_n": pd.array(dropped.ravel(), dtype="Int64"),
        "drop_rate": _share(dropped, before),
    }


def _share(part: Numbers, whole: Numbers) -> npt.NDArray[np.float64]:
    """Divide, with NaN where the whole is 0."""
    rates: npt.NDArray[np.float64] = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return rates.ravel()
