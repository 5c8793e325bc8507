"""How the demo service reads what it is asked: paths, parameters, dates, and its refusals of bad ones."""

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

from .wire import Call, Refusal

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DATE = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?)?")


def pattern(prefix: str, path: str) -> re.Pattern[str]:
    """Pattern of a path with names in braces; a slash at the end is let pass, as some clients send one."""
    return re.compile(prefix + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + "/?")


def found(positions: Mapping[str, int], id_: str, what: str) -> int:
    """Position of a thing, which must exist."""
    if id_ not in positions:
        raise missing(what)
    return positions[id_]


def missing(what: str) -> Refusal:
    """Make the refusal of what is not there."""
    return Refusal(404, "http.status.not_found", f"The {what} was not found.")


def bad(name: str) -> Refusal:
    """Make the refusal of a value."""
    return Refusal(400, "query.param.invalid", f"The value of {name} is not valid.")


def page_size(call: Call, default: int, most: int) -> int:
    """Read ``limit``."""
    text = call.query.get("limit", str(default))
    if not re.fullmatch(r"[0-9]{1,6}", text) or not 1 <= int(text) <= most:
        raise bad("limit")
    return int(text)


def switch(call: Call, name: str, default: str = "false") -> bool:
    """Read a parameter that is true or false."""
    return switch_of(call.query.get(name, default), name)


def switch_of(text: str, name: str) -> bool:
    """Read true or false."""
    if text.lower() not in ("true", "false"):
        raise bad(name)
    return text.lower() == "true"


def instant(call: Call, name: str) -> int | None:
    """Read a date, if one was given."""
    return instant_of(call.query[name], name) if name in call.query else None


def instant_of(text: str, name: str) -> int:
    """Epoch milliseconds of an ISO-8601 date; one without a zone is taken as UTC."""
    try:
        if not _DATE.fullmatch(text):
            raise ValueError(text)
        when = datetime.fromisoformat(text)
    except ValueError:
        raise bad(name) from None
    when = when if when.tzinfo else when.replace(tzinfo=UTC)
    return -((_EPOCH - when) // timedelta(microseconds=1000))  # up to the next millisecond
