"""Which campaigns are asked for, and in which order they stand."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from cctrack.analysis._events import Events

_NAMED: Final = 8  # known ids that a message tells
_HOW: Final = "give ids as text, such as ['1100000000001', '1100000000002']"


def checked_ids(name: str, given: Any) -> list[str]:
    """Give campaign ids as texts, each once, in their order.

    Raises
    ------
    TypeError
        When something is no id.
    """
    if isinstance(given, (str, int, np.integer)):
        given = [given]
    if isinstance(given, pd.DataFrame) or not isinstance(given, Iterable):
        raise TypeError(f"{name} takes campaign ids, not {type(given).__name__}; {_HOW}")
    found = []
    for one in given:
        if not isinstance(one, (str, int, np.integer)) or isinstance(one, bool):
            raise TypeError(f"{name} holds {one!r}, which is no campaign id; {_HOW}")
        found.append(str(one))
    return list(dict.fromkeys(found))


def in_order(events: Events) -> list[str]:
    """Give all campaigns of the activities, by their first send."""
    first = events.first_sends()
    known = events.of_recipients().distinct(["campaign_id"], ["campaign_id"])["campaign_id"]
    table = pd.DataFrame({"id": known.astype("string"), "first": first.reindex(known).array})
    return table.sort_values(["first", "id"], na_position="last")["id"].tolist()


def complain_of_unknown(name: str, ids: Sequence[str], known: Sequence[str]) -> None:
    """Raise ValueError when campaigns are not in the activities."""
    missing = [one for one in ids if one not in set(known)]
    if not missing:
        return
    told = ", ".join(map(repr, known[:_NAMED])) + (f" and {len(known) - _NAMED:,} more" if len(known) > _NAMED else "")
    named = ", ".join(map(repr, missing[:_NAMED]))
    raise ValueError(f"{name}: no recipients of {named} in the activities; there are: {told or 'none at all'}")
