"""Recipients from their own send on: when they first responded, and for how long they have been followed."""

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.analysis._bursts import NO_TIME, microseconds
from cctrack.analysis._definitions import Definitions
from cctrack.analysis._dense import PandasEvents
from cctrack.analysis._events import RECIPIENT, Events
from cctrack.analysis._human import Flagged
from cctrack.analysis._patterns import HAS, PATTERN

KINDS: Final = {"open": "EMAIL_OPEN", "click": "EMAIL_CLICK"}
AFTER, SEEN = "_after", "_seen"
_HOUR: Final = 3_600_000_000  # microseconds
_WAY_OUT: Final = "pass the table as pandas"
Numbers = npt.NDArray[np.int64]


def recipients_of(events: Events, keys: Sequence[str], kind: str) -> pd.DataFrame:
    """Bring over each recipient: `keys`, campaign and contact, `_pattern`, `sent`, and `first`, its first event."""
    return events.recipients(keys, kind, why="response_curve", instead=_WAY_OUT)


def without_automatic(recorded: pd.DataFrame, found: Flagged, keys: Sequence[str], kind: str) -> pd.DataFrame:
    """Give the recipients as they are when the events that look automatic are set aside."""
    names = list(RECIPIENT)
    changed = found.rows.loc[found.automatic, names].drop_duplicates().assign(_changed=True)
    if not len(changed):
        return recorded
    stays = recorded.merge(changed, on=names, how="left")["_changed"].isna().to_numpy()
    rows = found.human.merge(changed, on=names)
    return pd.concat([recorded[stays], recipients_of(PandasEvents.of(rows, {}), keys, kind)], ignore_index=True)


def delays(recipients: pd.DataFrame) -> Numbers:
    """Give the microseconds from send to first event of those that have both."""
    sent, first = microseconds(recipients["sent"]), microseconds(recipients["first"])
    both = (sent != NO_TIME) & (first != NO_TIME)
    late: Numbers = first[both] - sent[both]
    return late


def followed(
    recipients: pd.DataFrame, definitions: Definitions, as_of: pd.Timestamp, window: pd.Timedelta | None
) -> pd.DataFrame:
    """Follow the recipients that can respond: those delivered (or sent to), by a send that has a date.

    Parameters
    ----------
    recipients
        As `recipients_of` gives them.
    definitions
        Says what delivered means, and whether it counts.
    as_of
        Until when they are followed.
    window
        For how long at most; None follows them to the end.

    Returns
    -------
    pandas.DataFrame
        All of them, with `_seen`, the hours of following, NaN for those that cannot respond; and `_after`, the hours
        from send to response, NaN where none came within the window. What is before the send comes with it, at 0.
    """
    engaged = HAS["open"] | HAS["click"] | HAS["forward"]
    reached = HAS["send"] if definitions.base == "sent" else (HAS["send"] & ~definitions.bounced) | engaged
    known = reached[recipients[PATTERN].to_numpy(dtype=np.int64)] & recipients["sent"].notna().to_numpy()
    sent, first = microseconds(recipients["sent"]), microseconds(recipients["first"])
    end = microseconds(pd.Series([as_of], dtype="datetime64[us, UTC]"))
    seen = np.where(known, end - sent, 0)
    if window is not None:
        seen = np.minimum(seen, window // pd.Timedelta(1, "us"))
    after = np.where(known & (first != NO_TIME), np.maximum(first - sent, 0), NO_TIME)
    responded = (after != NO_TIME) & (after <= seen)
    return recipients.assign(
        **{AFTER: np.where(responded, after / _HOUR, np.nan), SEEN: np.where(known, seen / _HOUR, np.nan)}
    )
