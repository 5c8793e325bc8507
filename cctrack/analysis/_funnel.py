"""How many recipients reached each stage of a mailing."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.analysis._tables import checked

STAGES = ("sent", "delivered", "opened", "clicked")
_NEEDED = ("activity_type", "campaign_id", "contact_id", "bounce_code")
_COLUMNS = ("stage", "n", "n_inferred", "n_orphan", "rate_of_sent", "rate_of_delivered", "step_rate", "drop_n")
_DEFINITION = (
    "A recipient is a contact in a campaign. Automatic replies are no bounces; clicks and forwards imply opens."
)

Flags = npt.NDArray[np.bool_]
Numbers = npt.NDArray[np.int64]


def funnel(activities: pd.DataFrame, *, by: str | None = None) -> pd.DataFrame:
    """How many recipients reached each stage; one row is one stage, of one group.

    Parameters
    ----------
    activities
        A table such as `cctrack.campaign_activities_df` or `cctrack.stack` gives.
    by
        Column whose values make groups, each with a funnel of its own; None takes all rows as one.

    Returns
    -------
    pandas.DataFrame
        The column of `by` first, then `stage`: sent, delivered, opened, clicked; `n`, recipients that reached it;
        `n_inferred`, those among them without a record of it, known from a later stage; `n_orphan`, those without
        a send row; `rate_of_sent` and `rate_of_delivered`, `n` as a share (0 to 1) of these stages; `step_rate`,
        its share of the stage before; `drop_n`, recipients lost since that stage. A rate is NaN where its
        denominator is 0 or stands after the stage. No rows give four stages of 0; with `by`, no groups.

    Raises
    ------
    TypeError, ValueError
        When the table is none of activities, or has no column `by`.

    Notes
    -----
    A recipient is a pair of campaign and contact. The stages are closed, so that each holds the next:
    clicked is a click; opened an open, click or forward; delivered a send without a bounce, or opened; sent
    a send, or delivered. Bounce code V is an automatic reply to mail that was delivered. "Delivered" is the
    "accepted" of the S.A.M.E. standard (2010). Repeated rows and the order of rows change nothing; rows
    without a campaign or contact id belong to no recipient and are left out.
    """
    groups = [] if by is None else [by]
    checked(activities, (*_NEEDED, *groups), "activities", "cctrack.campaign_activities_df")
    if by in _COLUMNS:
        raise ValueError(f"by={by!r} is a column of the result; rename it in the activities")
    rows = activities.loc[:, list(dict.fromkeys((*groups, *_NEEDED)))].dropna(subset=["campaign_id", "contact_id"])
    key = list(dict.fromkeys((*groups, "campaign_id", "contact_id")))
    recipient = _numbered(rows[key], sort=False)
    reached, recorded, orphan = _stages(rows, recipient)
    if by is None:
        table = _counted(np.zeros(len(orphan), dtype=np.int64), 1, reached, recorded, orphan)
    else:
        group = rows.loc[_first(recipient), by]
        code = _numbered(group.to_frame(), sort=True)
        values = group[_first(code)].iloc[np.argsort(code[_first(code)])]
        table = _counted(code, len(values), reached, recorded, orphan)
        table.insert(0, by, values.repeat(len(STAGES)).reset_index(drop=True))
    table.attrs = {"cctrack": {"analysis": "funnel", "semantics": "closed", "definition": _DEFINITION}}
    return table


def _numbered(keys: pd.DataFrame, *, sort: bool) -> Numbers:
    """Give equal rows the same number, from 0: as they come, or in their order with NA last."""
    grouped = keys.groupby(list(keys.columns), sort=sort, observed=True, dropna=False)
    return np.asarray(grouped.ngroup(), dtype=np.int64)


def _first(numbers: Numbers) -> Flags:
    return ~pd.Series(numbers).duplicated().to_numpy(dtype=np.bool_)


def _stages(rows: pd.DataFrame, recipient: Numbers) -> tuple[list[Flags], list[Flags], Flags]:
    """Tell of each recipient which stages it reached, of which it has a record, and whether it has no send row."""
    size = int(recipient.max(initial=-1)) + 1
    kind = rows["activity_type"]

    def having(chosen: "pd.Series[bool]") -> Flags:
        flags = np.zeros(size, dtype=np.bool_)
        flags[recipient[chosen.to_numpy(dtype=np.bool_)]] = True
        return flags

    send, open_, click, forward = (
        having(kind.isin([f"EMAIL_{name}"])) for name in ("SEND", "OPEN", "CLICK", "FORWARD")
    )
    bounce = having(kind.isin(["EMAIL_BOUNCE"]) & ~rows["bounce_code"].isin(["V"]))
    opened = open_ | click | forward
    delivered = (send & ~bounce) | opened
    return [send | delivered, delivered, opened, click], [send, send & ~bounce, open_, click], ~send


def _counted(group: Numbers, groups: int, reached: list[Flags], recorded: list[Flags], orphan: Flags) -> pd.DataFrame:
    """Count the recipients of every group and stage; `group` numbers the group of each recipient."""

    def counts(flags: list[Flags]) -> Numbers:
        return np.stack([np.bincount(group[one], minlength=groups) for one in flags], axis=1)

    n = counts(reached)
    sent, delivered, before = n[:, :1], n[:, 1:2], n[:, :3]
    none = np.zeros((groups, 1), dtype=np.int64)
    inferred = counts([stage & ~own for stage, own in zip(reached, recorded, strict=True)])
    return pd.DataFrame(
        {
            "stage": pd.Categorical(STAGES * groups, categories=STAGES, ordered=True),
            "n": _whole(n),
            "n_inferred": _whole(inferred),
            "n_orphan": _whole(counts([stage & orphan for stage in reached])),
            "rate_of_sent": _share(n, np.repeat(sent, 4, axis=1)),
            "rate_of_delivered": _share(n, np.hstack([none, np.repeat(delivered, 3, axis=1)])),
            "step_rate": _share(n, np.hstack([none, before])),
            "drop_n": _whole(np.hstack([none, before - n[:, 1:]])),
        }
    )


def _whole(counts: Numbers) -> Any:
    return pd.array(counts.ravel(), dtype="Int64")


def _share(part: Numbers, whole: Numbers) -> npt.NDArray[np.float64]:
    rates: npt.NDArray[np.float64] = np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
    return rates.ravel()
