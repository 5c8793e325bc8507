"""The authorisation server: a form goes in, tokens or the reason for having none come out, and neither shows itself."""

import json
import math
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import urlencode

import requests
import urllib3

from cctrack.api import settings
from cctrack.api.clock import Clock
from cctrack.api.connection import Credentials, Deadline, guarded_session
from cctrack.api.credentials import Redactor, Secret
from cctrack.api.faults import fault
from cctrack.api.tokens import Tokens
from cctrack.errors import AuthError, CctrackError, NetworkError, RateLimitError, ResponseError, ServiceError

HOST = "https://authz.constantcontact.com"
_PLACE = "/oauth2/default/v1"
_ANSWER = 30.0  # seconds
_CONNECT = 5.0
_MOST_BYTES = 256 * 1024
_TRIES = 5
_SECOND = 1.0  # the token endpoint takes one request in it
_LIFETIME = 86_400.0  # of an access token, where the answer does not tell
_MARGIN = 300.0  # seconds before its end in which a token is renewed already, but no more than a tenth of its life
_SHOWN = 200

Outcome = TypeVar("Outcome")


def apart(work: Callable[[], Outcome]) -> Outcome:
    """Do something with secrets in a thread of its own.

    A Ctrl-C then comes over the caller only: it breaks nothing off between an answer and its writing down, and its
    traceback shows no more than that somebody waits.

    Parameters
    ----------
    work
        Gives its errors back instead of raising them.
    """
    pool = ThreadPoolExecutor(1, thread_name_prefix="cctrack_login")
    try:
        return pool.submit(work).result()
    finally:
        pool.shutdown(wait=False)  # after a Ctrl-C it goes on to its end by itself


class Server:
    """Asks one authorisation server.

    Parameters
    ----------
    url
        Scheme, host and port.
    clock
        The time.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        self.url, self._loopback = settings.origin(url, HOST, "auth_url")
        self._clock = clock

    def address(self, params: Mapping[str, str | Secret]) -> Secret:
        """Give the page on which a person allows the access."""
        # A blank is written as +, as in the vendor's own examples.
        return Secret(f"{self.url}{_PLACE}/authorize?{_form(params)}")

    def tokens(self, grant: str, form: Mapping[str, str | Secret], client_id: Secret) -> Tokens | CctrackError:
        """Ask for tokens.

        Parameters
        ----------
        grant
            Its type.
        form
            Its further fields.
        client_id
            Of the application.

        Returns
        -------
        Tokens or CctrackError
            The error is given, not raised: what it was made from stays out of its chain.
        """
        found = self.ask("/token", {"grant_type": grant, "client_id": client_id, **form})
        return found if isinstance(found, CctrackError) else _tokens(found, self._clock.time())

    def ask(self, path: str, form: Mapping[str, str | Secret]) -> dict[str, Any] | CctrackError:
        """Post a form until it is answered or cannot be; the answer is an object, or an error that is not raised."""
        tries = 0
        while True:
            tries += 1
            found = self._once(f"{self.url}{_PLACE}{path}", form)
            if not isinstance(found, (RateLimitError, ServiceError)) or tries >= _TRIES:
                return found
            self._clock.sleep(max(_SECOND, min(found.retry_after or 0.0, _ANSWER)))

    def _once(self, url: str, form: Mapping[str, str | Secret]) -> dict[str, Any] | CctrackError:
        body = Secret(_form(form))
        redactor = Redactor([value for value in form.values() if isinstance(value, Secret)])
        http = guarded_session(self.url, _at_once, Credentials(body=body), loopback=self._loopback)
        try:
            with Deadline(_ANSWER), http:
                status, headers, answer = _answer(http, url, len(body.reveal()))
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            kind = type(error).__name__
            return NetworkError(
                f"no answer from the authorisation server {self.url} ({kind}); check the network, then try again",
                retryable=True,
                url=url,
            )
        except CctrackError as error:
            return error.with_traceback(None)
        read = _read(answer)
        if status == requests.codes.ok:
            return read if read is not None else _no_answer(url)
        if read is not None and isinstance(read.get("error"), str) and status < 429:
            return _refused(read, status, url, redactor)
        failed = fault(status, headers, redactor.body(answer), url, self._clock.time())
        failed.args = (redactor.text(str(failed)),)
        return failed


def _form(fields: Mapping[str, str | Secret]) -> str:
    return urlencode({name: value.reveal() if isinstance(value, Secret) else value for name, value in fields.items()})


def _at_once() -> None:
    """Count nothing: the day's calls are those of the reports' host."""


def _answer(http: requests.Session, url: str, length: int) -> tuple[int, Mapping[str, str], bytes]:
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(length)}
    timeout = (_CONNECT, _ANSWER)
    with http.post(url, headers=headers, stream=True, allow_redirects=False, timeout=timeout) as response:
        answer = b""
        for part in response.iter_content(16 * 1024):
            answer += part
            if len(answer) > _MOST_BYTES:
                raise _no_answer(url)
        return response.status_code, response.headers, answer


def _read(answer: bytes) -> dict[str, Any] | None:
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _no_answer(url: str) -> ResponseError:
    return ResponseError(
        "the authorisation server gave an answer that is none; check auth_url, then try again later", url=url
    )


_WHY = {
    "access_denied": "the access was not allowed; log in again and allow it",
    "expired_token": "the code has expired; log in again",
    "unauthorized_client": (
        "the application may not use this flow; the developer portal says which one it has: "
        'flow="pkce" or flow="device"'
    ),
    "invalid_client": "the authorisation server does not know the application; check client_id in the developer portal",
    "invalid_scope": "the application may not ask for what the reports need; check it in the developer portal",
    "redirect_uri_mismatch": "redirect_uri is not one of those that the developer portal has for the application",
}


def _refused(answer: dict[str, Any], status: int | None, url: str, redactor: Redactor) -> AuthError:
    key = redactor.text(str(answer["error"]))[:_SHOWN]
    return refused(key, redactor.text(str(answer.get("error_description") or "")), status, url)


def refused(key: str, said: str, status: int | None = None, url: str | None = None) -> AuthError:
    """Say what the authorisation server's word for an error means."""
    shown = " ".join("".join(letter if letter.isprintable() else " " for letter in f"{key}: {said}").split())[:_SHOWN]
    why = _WHY.get(key, "the authorisation server refused it; log in again with cctrack.login(client_id)")
    return AuthError(f'{why} (it said: "{shown.rstrip(": ")}")', status=status, error_key=key, url=url)


def _tokens(answer: dict[str, Any], now: float) -> Tokens | CctrackError:
    access, refresh = (_token(answer.get(name)) for name in ("access_token", "refresh_token"))
    if access is None:
        return ResponseError("the authorisation server gave no access token; check auth_url, then log in again")
    lifetime = answer.get("expires_in")
    try:
        seconds = float(lifetime) if lifetime is not None else _LIFETIME
    except (TypeError, ValueError):
        seconds = _LIFETIME
    if not 0 < seconds < math.inf:
        seconds = _LIFETIME
    return Tokens(access, refresh, now + seconds - min(_MARGIN, seconds / 10))


def _token(value: object) -> Secret | None:
    """Take what can stand in a header."""
    if isinstance(value, str) and value and value.isascii() and value.isprintable() and " " not in value:
        return Secret(value)
    return None
