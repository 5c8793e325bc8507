"""One request and its answer: bounded tries, strict JSON, and no secret in any error."""

import json
import logging
import math
import random
import socket
import threading
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

import msgspec
import requests
import urllib3

from cctrack.api.clock import Clock
from cctrack.api.connection import Credentials, Deadline, guarded_session
from cctrack.api.credentials import Redactor
from cctrack.api.faults import fault
from cctrack.errors import CctrackError, NetworkError, RateLimitError, ResponseError

_TRIES = 5
_TRIES_OF_A_BODY = 3  # an answer that is no report is seldom mended by asking again
_BUDGET = 60.0  # seconds for all tries of one page, and as many again for waits that the service asks for
_ANSWER = 30.0  # seconds in which one answer must have come
_CONNECT = 5.0
_MOST_BYTES = 64 * 1024 * 1024  # a page of 500 rows has 150 kB
_CHUNK = 64 * 1024
_TOGETHER = 30.0  # seconds in which errors have one cause

Answer = TypeVar("Answer")
log = logging.getLogger(__name__)


class Transport:
    """Asks one origin, a page at a time.

    Parameters
    ----------
    origin
        Scheme, host and port.
    credentials
        What each request is to carry.
    gate
        Waits for a request's turn.
    clock
        The time.
    loopback
        Whether the host is this machine.
    explain
        Adds to an error what there is to do, with a further request at most; None leaves it as it is.
    """

    def __init__(
        self,
        origin: str,
        credentials: Credentials,
        gate: Callable[[], None],
        clock: Clock,
        *,
        loopback: bool,
        explain: Callable[[CctrackError, Callable[[str], Any]], CctrackError] | None = None,
    ) -> None:
        self.origin = origin
        self._credentials = credentials
        self._redactor = Redactor(credentials)
        self._explain = explain
        self._explained: dict[str, tuple[float, Any]] = {}
        self._explaining = threading.Lock()
        self._clock = clock
        self._http = guarded_session(origin, gate, credentials, loopback=loopback)
        self._random = random.Random()  # noqa: S311 (spreads waits, keeps no secret)

    @property
    def redactor(self) -> Redactor:
        """Removes the credentials from what is shown and kept; those of now, where they change."""
        if self._credentials.source is not None:
            self._redactor = Redactor(self._credentials)
        return self._redactor

    def fetch(self, path: str, query: str, read: Callable[[Any], Answer]) -> tuple[Answer, bytes, int]:
        """Ask for one page until it is had or cannot be had.

        Parameters
        ----------
        path
            With the dialect's prefix.
        query
            As it is to stand in the address, without credentials.
        read
            Makes of the JSON value what is wanted, or raises `ResponseError`.

        Returns
        -------
        tuple
            What `read` gave, the body without secrets, and the number of requests sent.

        Raises
        ------
        CctrackError
            Of the kind that the last try met.
        """
        url = f"{self.origin}{path}" + (f"?{query}" if query else "")
        spent = told = 0.0
        tries = 0
        source, renewed = self._credentials.source, False
        while True:
            tries += 1
            if source is not None:
                source.ready()
            sent = self._credentials.token()
            started = self._clock.monotonic()
            outcome = self._once(url, read)
            if not isinstance(outcome, CctrackError):
                return *outcome, tries
            if (
                outcome.status == requests.codes.unauthorized
                and source is not None
                and sent is not None
                and not renewed
            ):
                source.renew(sent)
                renewed = True
                continue
            if not outcome.retryable and self._explain is not None:
                outcome = self._explain(outcome, self._told)
            spent += self._clock.monotonic() - started
            wait = self._wait(outcome, tries)
            if wait is None or tries >= _TRIES:
                raise outcome
            if outcome.retry_after is not None:
                told += wait
            else:
                spent += wait
            if max(told, spent) > _BUDGET:
                raise outcome
            log.debug("try %d of %s failed (%s); again in %.1f s", tries, url, type(outcome).__name__, wait)
            self._clock.sleep(wait)

    def _told(self, path: str) -> Any:
        """Ask for what explains an error, once for those that come together; None when that cannot be had either."""
        with self._explaining:
            asked_at, told = self._explained.get(path, (-math.inf, None))
            if self._clock.monotonic() - asked_at > _TOGETHER:
                answer = self._once(f"{self.origin}{path}", lambda value: value)
                told = None if isinstance(answer, CctrackError) else answer[0]
                self._explained[path] = self._clock.monotonic(), told
            return told

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def _wait(self, error: CctrackError, tries: int) -> float | None:
        """Seconds until the next try; None when there is to be none."""
        if not error.retryable:
            return None
        if isinstance(error, ResponseError) and tries >= _TRIES_OF_A_BODY:
            return None
        if error.retry_after is not None:
            return error.retry_after if error.retry_after <= _BUDGET else None
        base = 1.0 if isinstance(error, RateLimitError) else 0.5
        return float(base * 2 ** (tries - 1) * self._random.uniform(0.5, 1.0))

    def _once(self, url: str, read: Callable[[Any], Answer]) -> tuple[Answer, bytes] | CctrackError:
        """Try once. An error is given, not raised: what it was made from stays out of its chain."""
        with Deadline(_ANSWER) as deadline:
            try:
                status, headers, body = self._answer(url)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                return self._no_answer(error, deadline, url)
            except CctrackError as error:
                return _again(error, url)
        body = self.redactor.body(body)
        if status != requests.codes.ok:
            refused = fault(status, headers, body, url, self._clock.time())
            refused.args = (self.redactor.text(str(refused)),)
            return refused
        try:
            return read(strict_json(body)), body
        except CctrackError as error:
            error.status = error.status or status
            return _again(error, url)

    def _answer(self, url: str) -> tuple[int, Mapping[str, str], bytes]:
        with self._http.get(url, stream=True, allow_redirects=False, timeout=(_CONNECT, _ANSWER)) as response:
            parts, size = [], 0
            for part in response.iter_content(_CHUNK):
                parts.append(part)
                size += len(part)
                if size > _MOST_BYTES:
                    raise ResponseError(
                        f"an answer of over {_MOST_BYTES // 2**20} MB was broken off; ask for smaller pages with limit="
                    )
            return response.status_code, response.headers, b"".join(parts)

    def _no_answer(self, error: Exception, deadline: Deadline, url: str) -> NetworkError:
        if deadline.passed or isinstance(error, requests.Timeout):
            why = f"the answer did not come within {_ANSWER:g} s"
        elif isinstance(error, requests.exceptions.SSLError):
            why = "the connection could not be secured (TLS)"
        elif isinstance(error, requests.exceptions.ProxyError):
            why = "the proxy did not answer"
        elif any(
            isinstance(cause, (socket.gaierror, urllib3.exceptions.NameResolutionError)) for cause in _causes(error)
        ):
            why = "the host's name could not be resolved"
        elif any(isinstance(cause, ConnectionRefusedError) for cause in _causes(error)):
            why = "the host refused the connection"
        else:
            why = f"the answer broke off ({type(error).__name__})"
        return NetworkError(
            f"{why}, asking {self.origin}; check the network and base_url, then try again: what was fetched is kept",
            retryable=True,
            url=url,
        )


def _again(error: CctrackError, url: str) -> CctrackError:
    error.url = url
    return error.with_traceback(None)


def _causes(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    waiting: list[Any] = [error]
    while waiting and len(found) < 20:
        one = waiting.pop()
        if isinstance(one, BaseException) and one not in found:
            found.append(one)
            waiting += [one.__cause__, one.__context__, getattr(one, "reason", None), *one.args]
    return found


def encoded(params: dict[str, str]) -> str:
    """Write parameters for an address; everything but letters, digits and ``_.-~`` is percent-encoded."""
    return urlencode(params)


def strict_json(body: bytes) -> Any:
    """Read JSON as the standard has it: UTF-8, no NaN, nothing behind the value.

    Raises
    ------
    ResponseError
        When it is not.
    """
    body = body.removeprefix(b"\xef\xbb\xbf")
    try:
        return msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        found = type(error).__name__
    if b"\\u" in body or b"\\U" in body:
        value = _with_lone_surrogates(body)
        if value is not None:
            return value
    shown = body[:60].decode("utf-8", "replace")
    raise ResponseError(
        f"the answer is not JSON ({found}) and begins {shown!r}; try again later, and check base_url if it stays so",
        retryable=True,
    )


def _with_lone_surrogates(body: bytes) -> Any:
    """Read JSON that is right but for half a surrogate pair, which no text may hold: it becomes U+FFFD."""
    try:
        return _mended(json.loads(body.decode("utf-8"), parse_constant=_refuse, parse_float=_finite))
    except (ValueError, RecursionError):
        return None


def _mended(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, list):
        return [_mended(item) for item in value]
    if isinstance(value, dict):
        return {_mended(name): _mended(item) for name, item in value.items()}
    return value


def _refuse(constant: str) -> float:
    raise ValueError(constant)


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number
