"""What the service's error answers mean, and what to do next."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from cctrack.errors import (
    ApiGoneError,
    AuthError,
    CctrackError,
    NetworkError,
    NotFoundError,
    RateLimitError,
    ResponseError,
    ServiceError,
)

# Names under which the service says "too many calls": of the second, and of the day.
_BURST = ("over.qps", "over_qps", "over qps", "throttled")
_DAILY = ("over.ratelimit", "over_rate", "over rate", "quota_exceeded")
_INACTIVE = ("inactive",)
_EXCERPT = 200


def fault(status: int, headers: Mapping[str, str], body: bytes, url: str, now: float) -> CctrackError:
    """Turn an answer other than 200 into the error it means.

    Parameters
    ----------
    status
        HTTP status.
    headers
        Of the answer.
    body
        Of the answer, without secrets.
    url
        What was asked, without secrets.
    now
        Seconds since 1970, for the time until the day's quota starts anew.
    """
    key, said = _said(body)
    telling = f"{key or ''} {headers.get('X-Mashery-Error-Code', '')} {headers.get('X-Error-Detail-Header', '')}"
    if key is None:
        telling += f" {said}"
    telling = telling.lower()
    quoted = f' (the service said: "{said}")' if said else ""
    known: dict[str, Any] = {"status": status, "error_key": key, "url": url}
    throttling = status == 429 or (status == 403 and any(word in telling for word in (*_BURST, *_DAILY)))
    if throttling:
        wait = retry_after(headers.get("Retry-After"), now)
        if any(word in telling for word in _DAILY):
            reset = 86_400 - now % 86_400
            at = datetime.fromtimestamp(now + reset, UTC)
            return RateLimitError(
                f"the day's calls are used up{quoted}; they count anew from {at:%Y-%m-%d %H:%M} UTC. "
                "Ask again then: what was fetched is kept",
                daily=True,
                retryable=False,
                retry_after=reset,
                **known,
            )
        return RateLimitError(
            f"the service says that calls come too fast{quoted}; {_when(wait, now)} and ask again, "
            "or connect with a lower rate if another program uses the same key",
            retryable=True,
            retry_after=wait,
            **known,
        )
    if status == 401:
        return AuthError(
            f"the service does not accept the access token (401){quoted}; check access_token, or get a new one; "
            "after cctrack.login, log in again",
            **known,
        )
    if status == 403 and any(word in telling for word in _INACTIVE):
        return AuthError(
            f"the service does not accept the API key (403){quoted}; check api_key. "
            "A new key needs about 15 minutes to become active",
            **known,
        )
    if status == 403:
        return AuthError(
            f"the credentials may not read this (403){quoted}; check the account's privileges and the API key",
            **known,
        )
    if status == 404:
        return NotFoundError(
            f"the service knows nothing at {url} (404){quoted}; check the id, and that it is of this account",
            **known,
        )
    if status == 410:
        return ApiGoneError(
            f"the service has switched this API off (410){quoted}; nothing that is asked will work. "
            "Reports that are in the cache can still be read",
            **known,
        )
    if status >= 500:
        wait = retry_after(headers.get("Retry-After"), now)
        return ServiceError(
            f"the service failed ({status}){quoted}; try again later", retryable=True, retry_after=wait, **known
        )
    if status == 408:
        return NetworkError("the service waited too long for the request (408); try again", retryable=True, **known)
    if status == 202:
        return ResponseError(
            f"the service is still at work on the answer (202){quoted}; try again in a minute", retryable=True, **known
        )
    if status < 400:
        what = "a redirect, which is not followed" if 300 <= status < 400 else "an answer without a report"
        return ResponseError(f"{what} ({status}) came from {url}; check base_url", **known)
    return CctrackError(
        f"the service refused the request ({status}){quoted}; check the arguments, and report it if they are right",
        **known,
    )


def _when(wait: float | None, now: float) -> str:
    if wait is None:
        return "wait a little"
    return f"wait {wait:,.0f} s, until {datetime.fromtimestamp(now + wait, UTC):%Y-%m-%d %H:%M:%S} UTC,"


def retry_after(value: str | None, now: float) -> float | None:
    """Read how long the service asks to wait, in seconds; None for what is missing, past or no such value."""
    if value is None:
        return None
    try:
        seconds = float(value) if value.strip().isascii() else -1.0
    except ValueError:
        try:
            when = parsedate_to_datetime(value)
        except (ValueError, TypeError):
            return None
        seconds = (when if when.tzinfo else when.replace(tzinfo=UTC)).timestamp() - now
    return seconds if 0 < seconds < 10**9 else None


def _said(body: bytes) -> tuple[str | None, str]:
    """Find the service's name for the error and its words: in a list, in an object, or else the bare text."""
    text = body[:4096].decode("utf-8", "replace")
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        answer = None
    first = answer[0] if isinstance(answer, list) and answer else answer
    if isinstance(first, dict):
        key = first.get("error_key")
        words = first.get("error_message") or first.get("message") or ""
        return (key if isinstance(key, str) else None), _excerpt(str(words))
    return None, _excerpt(text)


def _excerpt(text: str) -> str:
    shown = "".join(letter if letter.isprintable() else " " for letter in text)
    return " ".join(shown.split())[:_EXCERPT]
