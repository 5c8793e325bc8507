"""What counts as one link, and which links are shown."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import cast

import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.analysis._definitions import one_of
from cctrack.analysis._kinds import KINDS, link_kind
from cctrack.analysis._urls import LEVELS, Level, link_key


@dataclass(frozen=True)
class LinkChoices:
    """What was asked for, checked.

    Attributes
    ----------
    level : str
        What counts as one link.
    kinds : tuple of str or None
        Kinds that are shown, None for all.
    extra_kinds : mapping of str to str or None
        Patterns of the user's own that tell kinds.
    drop : tuple of str
        Further parameters of addresses that only track.
    """

    level: Level
    kinds: tuple[str, ...] | None
    extra_kinds: Mapping[str, str] | None
    drop: tuple[str, ...]

    def describe(self, address: str) -> tuple[str, str]:
        """Give key and kind of an address."""
        return link_key(address, self.level, drop=self.drop), link_kind(address, self.extra_kinds)

    def shown(self, table: pd.DataFrame) -> npt.NDArray[np.bool_]:
        """Tell which clicks or links are of the kinds that are shown; those without an address always are."""
        if self.kinds is None:
            return np.ones(len(table), dtype=np.bool_)
        kind = table["kind"]
        return np.asarray(kind.isin(self.kinds) | kind.isna(), dtype=np.bool_)


def chosen_links(
    level: object, kinds: str | Collection[str], extra_kinds: Mapping[str, str] | None, drop: str | Collection[str]
) -> LinkChoices:
    """Check what was asked for.

    Raises
    ------
    ValueError
        When a level or kind is not known, no kind is named, or a pattern is no regular expression.
    """
    one_of("level", level, LEVELS)
    names = (kinds,) if isinstance(kinds, str) else tuple(kinds)
    known = list(dict.fromkeys((*KINDS, *(extra_kinds or {}).values())))
    for name in names:
        one_of("kinds", name, ["all", *known])
    if not names:
        raise ValueError(f"kinds is empty, so that no link would be shown; name some of {', '.join(known)}, or 'all'")
    link_kind("", extra_kinds)  # complains of rules that are none
    shown = None if "all" in names else names
    return LinkChoices(cast(Level, level), shown, extra_kinds, (drop,) if isinstance(drop, str) else tuple(drop))
