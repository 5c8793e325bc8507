"""The v3 dialect over a demo account: who may call, and its ways of saying no."""

import logging
import threading
from typing import Final
from urllib.parse import unquote

from .account import Account
from .parameters import pattern
from .quirks import Quirks
from .v2_objects import Objects
from .v2_rows import EventBook
from .v3_access import Access, Scopes
from .v3_counts import Counts
from .v3_ids import Directory
from .v3_mails import Mails
from .v3_people import People
from .v3_reports import Reports, Route
from .v3_rows import TrackingBook
from .v3_tables import Tables
from .wire import Answer, Call, Gate, Refusal, as_json

_LOG = logging.getLogger(__name__)
_WORDS: Final = {
    400: ("bad_request", "Bad Request"),
    401: ("unauthorized", "Unauthorized"),
    403: ("forbidden", "Forbidden"),
    404: ("not_found", "Not Found"),
    415: ("unsupported_media_type", "Unsupported Media Type"),
    429: ("throttled", "Too Many Requests"),
    500: ("internal_server_error", "Internal Server Error"),
    503: ("service_unavailable", "Service Unavailable"),
    504: ("gateway_timeout", "Endpoint request timed out"),
}
_BARE: Final = (401, 403, 429)  # these come from the gateway
_CHALLENGE: Final = {"WWW-Authenticate": "Bearer realm=api.cc.email", "x-amzn-ErrorType": "UnauthorizedException"}


class V3Face:
    """Answers v3 calls about one account."""

    prefix = "/v3"

    def __init__(self, account: Account, quirks: Quirks, gate: Gate, access: Access) -> None:
        self._quirks, self._gate, self._access = quirks, gate, access
        self._errors, self._lock = list(quirks.errors), threading.Lock()
        book, directory = EventBook(account, quirks), Directory(account, quirks)
        people = People(account, quirks, directory, Objects(account, quirks, book))
        tracking = TrackingBook(account, quirks, directory, book, people.deleted_on())
        counts = Counts(account, quirks, directory, book, tracking)
        reports = Reports(account, quirks, directory, tracking, counts)
        tables = Tables(account, quirks, directory, people, Mails(account, directory, book))
        self._routes = [
            (pattern(self.prefix, route.path), route) for area in (reports, tables) for route in area.routes()
        ]

    def __repr__(self) -> str:
        return "V3Face()"

    def answer(self, call: Call) -> Answer:
        """Answer one call; what goes wrong becomes an answer too."""
        try:
            scopes = self._admit(call)
            route, ids = self._route(call)
            self._permit(route, scopes)
            if call.headers.get("content-type", "application/json").split(";")[0].strip() != "application/json":
                raise _plain(415)
            given = route.handler(call, ids)
            return given if isinstance(given, Answer) else as_json(200, given)
        except Refusal as no:
            return self._refusal(no)
        except Exception:
            _LOG.exception("no answer for %s", call.path)
            return self._refusal(_plain(500))

    def _admit(self, call: Call) -> Scopes:
        """Turn away who may not call, in the order of the gateway: token, rate, application."""
        scopes = self._access.of_header(call.headers.get("authorization", ""))
        if scopes is None:
            raise _plain(401)
        over = self._gate.refuse()
        if over == "qps":
            raise _plain(429)
        if over == "quota":
            raise Refusal(429, "quota_exceeded", "Limit Exceeded")
        with self._lock:
            status = self._errors.pop(0) if self._errors else 0
        if status:
            raise _plain(status)
        if self._quirks.deactivated:
            raise _plain(403)
        return scopes

    def _route(self, call: Call) -> tuple[Route, dict[str, str]]:
        """Find who answers; the gateway forbids what it does not know."""
        for path, route in self._routes:
            match = path.fullmatch(call.path)
            if match and call.method == "GET":
                return route, {name: unquote(text) for name, text in match.groupdict().items()}
        raise _plain(403)

    def _permit(self, route: Route, scopes: Scopes) -> None:
        """Refuse for want of a scope or of a privilege; the answer does not say which."""
        if route.scope is not None and route.scope not in scopes:
            raise _plain(403)
        if route.privilege in self._quirks.privileges_missing:
            raise _plain(403)

    def _refusal(self, no: Refusal) -> Answer:
        words = {"error_key": no.key, "error_message": no.message}
        if no.status in _BARE:
            answer = as_json(no.status, words)
            return Answer(no.status, answer.body, headers=_CHALLENGE if no.status == 401 else {})
        shape = self._quirks.error_shape
        if shape == "html":
            page = f"<html><head><title>{no.status}</title></head><body><h1>{no.message}</h1></body></html>"
            return Answer(no.status, page.encode(), "text/html")
        if shape == "empty":
            return Answer(no.status, b"")
        return as_json(no.status, [words] if shape == "array" else words)


def _plain(status: int) -> Refusal:
    return Refusal(status, *_WORDS.get(status, ("error", "Error")))
