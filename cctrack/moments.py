"""Points in time as the service writes them: ISO-8601, in any of its forms."""

import re
from datetime import UTC, datetime, timedelta

DAY = 86_400_000_000  # microseconds
HOUR = DAY // 24
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_TICK = timedelta(microseconds=1)
_PLAIN = len("2014-05-01T10:00:00.123Z")
# `datetime.fromisoformat` overlooks others than these, after a long fraction for instance.
_OF_DATES = re.compile(r"[\dTWZ:.,+ -]+", re.ASCII)
# Two forms that ISO-8601 allows and `datetime.fromisoformat` does not take in Python 3.11.
_END_OF_DAY = re.compile(r"T24(?::?00){0,2}(?:[.,]0+)?(?=$|[Z+-])")
_LEAP_SECOND = re.compile(r"(?<=T\d\d:\d\d):60(?:[.,]\d+)?(?=$|[Z+-])")


def microseconds(text: str) -> int | None:
    """Read an ISO-8601 date or date-time, in any of its forms.

    Parameters
    ----------
    text
        With or without a fraction, with `Z`, an offset or neither (which means UTC).

    Returns
    -------
    int or None
        Microseconds since 1970-01-01T00:00Z, None for what is no date.
    """
    if len(text) == _PLAIN and text[10] == "T" and text[-1] == "Z":  # as the service documents it: the quick way
        try:
            return (datetime.fromisoformat(text) - _EPOCH) // _TICK
        except ValueError:
            pass
    text = text.strip().upper()
    if _OF_DATES.fullmatch(text) is None:
        return None
    plain, days = _END_OF_DAY.subn("T00:00:00", text)
    plain, seconds = _LEAP_SECOND.subn(":59", plain)
    try:
        moment = datetime.fromisoformat(plain)
        moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
        moment += timedelta(seconds=86_400 * days + seconds)  # none follows the last day of year 9999
        return (moment - _EPOCH) // _TICK
    except (ValueError, OverflowError):
        return None


def iso(moment: int) -> str:
    """Write microseconds since 1970 as the service reads them: UTC, milliseconds, cut and not rounded."""
    stamp = _EPOCH + timedelta(microseconds=moment)
    return f"{stamp:%Y-%m-%dT%H:%M:%S}.{stamp.microsecond // 1000:03d}Z"
