"""What the words mean: presets of definitions, and the checks of choices that many analyses share."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from numbers import Number
from typing import Any, Final, Literal

import numpy as np
import pandas as pd

from cctrack.analysis._patterns import HAS, Flags

Preset = Literal["cctrack", "constant_contact", "sent"]


@dataclass(frozen=True)
class Definitions:
    """What delivered means, and what rates are shares of.

    Attributes
    ----------
    name : str
        Of the preset.
    bounces : tuple of str
        Which of the pattern's bits count as bounced.
    base : str
        The stage that rates are shares of: "delivered" or "sent".
    click_to_open : str
        Denominator of the click-to-open rate.
    unsubscribes : tuple of str
        Which of the pattern's bits count as unsubscribed.
    sentence : str
        What sets it apart.
    """

    name: Preset
    bounces: tuple[str, ...]
    base: Literal["delivered", "sent"]
    click_to_open: Literal["confirmed_openers", "unique_openers"]
    sentence: str
    unsubscribes: tuple[str, ...] = ("unsubscribe",)

    @property
    def bounced(self) -> Flags:
        """Which patterns count as bounced."""
        return _any(self.bounces)

    @property
    def unsubscribed(self) -> Flags:
        """Which patterns count as unsubscribed."""
        return _any(self.unsubscribes)


def _any(names: Iterable[str]) -> Flags:
    flags: Flags = np.logical_or.reduce([HAS[name] for name in names])
    return flags


_BOUNCES: Final = ("hard_bounced", "soft_bounced", "blocked", "other_bounced")
PRESETS: Final[Mapping[str, Definitions]] = {
    "cctrack": Definitions(
        "cctrack",
        _BOUNCES,
        "delivered",
        "confirmed_openers",
        "Delivered is sent and not bounced; automatic replies (bounce code V) are no bounces.",
    ),
    "constant_contact": Definitions(
        "constant_contact",
        (*_BOUNCES, "autoreplied"),
        "delivered",
        "unique_openers",
        "As Constant Contact counts: delivered is sent without any bounce record, automatic replies (V) among them.",
        ("unsubscribe", "removed"),
    ),
    "sent": Definitions(
        "sent",
        _BOUNCES,
        "sent",
        "confirmed_openers",
        "Rates are shares of what was sent; automatic replies (bounce code V) are no bounces.",
    ),
}


def chosen_definitions(name: object) -> Definitions:
    """Give a preset.

    Raises
    ------
    ValueError
        When there is none of this name.
    """
    if not isinstance(name, str) or name not in PRESETS:
        raise ValueError(f"definitions={name!r} is not known; there are: {', '.join(PRESETS)}")
    return PRESETS[name]


def one_of(name: str, value: object, known: Iterable[str]) -> None:
    """Raise ValueError when a choice is not one of those there are."""
    names = list(known)
    if value not in names:
        raise ValueError(f"{name}={value!r} is not known; it is {', '.join(map(repr, names))}")


def duration(name: str, value: object, *, none: bool = False) -> pd.Timedelta | None:
    """Read a length of time such as "7D".

    Raises
    ------
    ValueError
        When it is none, negative, or has no unit.
    """
    if value is None and none:
        return None
    try:
        length: Any = pd.NaT if _is_number(value) else pd.Timedelta(value)  # type: ignore[arg-type]
    except (ValueError, TypeError, OverflowError):
        length = pd.NaT
    if pd.isna(length) or length < pd.Timedelta(0):
        raise ValueError(f"{name}={value!r} is no length of time; give one such as '7D', '12h' or '2s'")
    return pd.Timedelta(length)


def _is_number(value: object) -> bool:
    """Tell a number, also one in text: pandas would take it for nanoseconds."""
    if isinstance(value, str):
        return value.strip().lstrip("+-").isdecimal()
    return isinstance(value, Number) and not isinstance(value, np.timedelta64)


def moment(name: str, value: object) -> pd.Timestamp:
    """Read a point in time, to the microsecond; without a zone it is UTC.

    Raises
    ------
    ValueError
        When it is none, or a text that is not ISO 8601: "now" is another time each time.
    """
    try:
        given: Any = datetime.fromisoformat(value) if isinstance(value, str) else value
        when: Any = pd.NaT if _is_number(given) else pd.Timestamp(given)
    except (ValueError, TypeError, OverflowError):
        when = pd.NaT
    if pd.isna(when):
        raise ValueError(f"{name}={value!r} is no point in time; give one such as '2026-03-31' or a Timestamp")
    utc = when.tz_localize("UTC") if when.tzinfo is None else when.tz_convert("UTC")
    return pd.Timestamp(utc.floor("us").as_unit("us"))


def zone(tz: object) -> str:
    """Give a zone's name if there is such a zone.

    Raises
    ------
    ValueError
        When there is none.
    """
    from zoneinfo import ZoneInfo

    try:
        return str(ZoneInfo(tz).key)  # type: ignore[arg-type]
    except (KeyError, ValueError, OSError, TypeError):
        raise ValueError(f"tz={tz!r} is no time zone; give one such as 'Europe/Berlin' or 'UTC'") from None
