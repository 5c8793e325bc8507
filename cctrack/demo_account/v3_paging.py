"""How v3 pages: an opaque token that holds page size, offset and filters, in a link below ``_links``."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from .parameters import page_size
from .quirks import Quirks
from .v2_rows import read_token, whole
from .wire import Call

LONGEST_PAGE = 1000


@dataclass(frozen=True)
class Span:
    """The part of a collection that a call asks for; `fields` are its filters, from the query or the token."""

    limit: int
    offset: int
    fields: Mapping[str, str]
    path: str
    parameter: str


def asked(call: Call, filters: Mapping[str, str], default: int, most: int | None, parameter: str = "next") -> Span:
    """Read which page is wanted; a token brings all with it, and whatever stands beside it is ignored.

    Parameters
    ----------
    call
        The call.
    filters
        What it filters by, when it asks for a first page.
    default
        Page size where none is given.
    most
        Largest page size; None where it is always the default.
    parameter
        Name of the token.
    """
    if parameter not in call.query:
        limit = default if most is None else page_size(call, default, most)
        return Span(limit, 0, filters, call.path, parameter)
    fields = read_token(call.query[parameter].rstrip("="))
    limit, offset = whole(fields.pop("limit", None), LONGEST_PAGE), whole(fields.pop("o", None))
    return Span(limit, offset, fields, call.path, parameter)


@dataclass(frozen=True)
class Cut:
    """Where a page begins and ends, and what it has to say of the next one."""

    start: int
    end: int
    links: Mapping[str, object]
    """``{"_links": ...}``, or nothing."""


def cut(span: Span, size: int, quirks: Quirks) -> Cut:
    """Find a page in a collection of `size` rows."""
    start = span.offset
    if quirks.page_overlap and start and span.limit > 1:
        start -= 1
    end = start + span.limit + (1 if quirks.extra_row else 0)
    if end >= size:
        return Cut(min(start, size), size, _LAST[quirks.last_page])
    fields = urlencode({**span.fields, "limit": span.limit, "o": end})
    token = quote(base64.urlsafe_b64encode(fields.encode()), safe="")
    return Cut(start, end, {"_links": {"next": {"href": f"{span.path}?{span.parameter}={token}"}}})


_LAST: Mapping[str, Mapping[str, object]] = {
    "absent": {},
    "empty": {"_links": {}},
    "null_next": {"_links": {"next": None}},
    "null_href": {"_links": {"next": {"href": None}}},
}
