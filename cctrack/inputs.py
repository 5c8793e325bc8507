"""Arguments of the report functions, checked before anything is sent."""

import re
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd

from cctrack.moments import iso, microseconds

_ID = re.compile(r"[A-Za-z0-9._~:@=+-]+", re.ASCII)
_BLANKS = " "  # the other ones are control characters, which no id carries
_LIMIT = range(1, 501)
_YEARS = range(1970, 10_000)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ONE = (str, bytes, bytearray, memoryview, bool, int, float, np.generic)


def identifiers(given: object, what: str) -> list[str]:
    """Read one id or many.

    Parameters
    ----------
    given
        A text, an integer or an integral float; or an iterable of them.
    what
        Name of the argument, for the error.

    Returns
    -------
    list of str
        In the order given, each once.

    Raises
    ------
    ValueError
        For anything that is no id; names its position.
    """
    if given is None or given is pd.NA or given is pd.NaT or isinstance(given, _ONE):
        return [_identifier(given, what)]
    if isinstance(given, (dict, pd.DataFrame)) or not isinstance(given, Iterable):
        raise ValueError(f"{what} is a {type(given).__name__}; pass one id as text, or a list or a column of them")
    found = [_identifier(one, f"{what} at position {position}") for position, one in enumerate(given)]
    return list(dict.fromkeys(found))


def one_identifier(given: object, what: str) -> str:
    """Read exactly one id.

    Raises
    ------
    ValueError
        For none or for several.
    """
    found = identifiers(given, what)
    if len(found) != 1:
        raise ValueError(f"{what} takes one id here, not {len(found)}")
    return found[0]


def _identifier(given: Any, what: str) -> str:
    if isinstance(given, np.generic):
        given = given.item()
    if isinstance(given, str):
        text = given.strip(_BLANKS)
        if _ID.fullmatch(text) and text.strip("."):
            return text
        found = "empty" if not text else f"{text[:40]!r}"
        raise ValueError(f"{what} is {found}; an id is letters, digits or hyphens, such as '36'")
    if isinstance(given, int) and not isinstance(given, bool) and given >= 0:
        return str(given)
    if isinstance(given, float) and given.is_integer() and 0 <= given < 2**53:
        return str(int(given))
    raise ValueError(f"{what} is {given!r}, which is no id; pass a text such as '36'")


def instant(given: object, what: str) -> pd.Timestamp | None:
    """Read a point in time.

    Parameters
    ----------
    given
        An ISO-8601 text, a date, a datetime, a Timestamp or a datetime64; without a zone it means UTC.
    what
        Name of the argument, for the error.

    Raises
    ------
    ValueError
        For anything else, and for years before 1970.
    """
    if given is None:
        return None
    found: int | None = None
    if isinstance(given, str):
        found = microseconds(given)
    elif isinstance(given, np.datetime64):
        # By its year first: a far one would overflow in microseconds.
        if not np.isnat(given) and int(given.astype("datetime64[Y]").astype(np.int64)) + 1970 in _YEARS:
            found = int(given.astype("datetime64[us]").astype(np.int64))
    elif isinstance(given, date) and not pd.isna(given):
        found = microseconds(given.isoformat())
    stamp = None if found is None else _EPOCH + timedelta(microseconds=found)
    if stamp is None or stamp.year not in _YEARS:
        raise ValueError(
            f"{what} is {given!r}, which is no point in time; "
            "pass a text such as '2026-01-31' or '2026-01-31T08:00:00Z', a date, a datetime or a Timestamp"
        )
    return pd.Timestamp(stamp)


def wire_time(stamp: pd.Timestamp) -> str:
    """Write a point in time as the service reads it: UTC, milliseconds, cut and not rounded."""
    return iso((stamp.to_pydatetime() - _EPOCH) // timedelta(microseconds=1))


def page_size(given: object) -> int:
    """Check `limit`.

    Raises
    ------
    ValueError
        When it is not between 1 and 500.
    """
    if isinstance(given, (bool, np.bool_)) or not isinstance(given, (int, np.integer)) or int(given) not in _LIMIT:
        raise ValueError(f"limit is {given!r}; pass a whole number of rows in a page, 1 to 500")
    return int(given)


def choice(given: object, known: tuple[str, ...], what: str) -> str:
    """Check an argument that takes one of a few words.

    Raises
    ------
    ValueError
        When it is none of them.
    """
    if not isinstance(given, str) or given not in known:
        raise ValueError(f"{what} is {given!r}; pass one of {', '.join(map(repr, known))}")
    return given


def word(given: object, what: str) -> str | None:
    """Check a status.

    Raises
    ------
    ValueError
        When it is no word of letters and underscores.
    """
    if given is None:
        return None
    if not isinstance(given, str) or not re.fullmatch(r"[A-Za-z_]+", given.strip()):
        raise ValueError(f"{what} is {given!r}; pass a word such as 'ACTIVE', or None for all")
    return given.strip().upper()


def address(given: object, what: str) -> str | None:
    """Check an e-mail address.

    Raises
    ------
    ValueError
        When it cannot be one.
    """
    if given is None:
        return None
    text = given.strip() if isinstance(given, str) else ""
    if not text.isprintable() or " " in text or "@" not in text.strip("@"):
        raise ValueError(f"{what} must be a whole address such as 'ann@example.org'; the service knows no search")
    return text


def flag(given: object, what: str) -> bool:
    """Check a switch.

    Raises
    ------
    TypeError
        When it is neither True nor False.
    """
    if isinstance(given, (bool, np.bool_)):
        return bool(given)
    raise TypeError(f"{what} is {given!r}; pass True or False")
