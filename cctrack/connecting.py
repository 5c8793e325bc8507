"""Connecting to an account: by arguments, by the environment, or to the demo account."""

import os
import threading
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, Literal

from cctrack.api import session as sessions
from cctrack.api import settings
from cctrack.api.credentials import Secret, checked
from cctrack.errors import ConfigError

_first = threading.Lock()


def connect(
    api_key: str | None = None,
    access_token: str | None = None,
    *,
    api: Literal["v2", "v3", "demo"] | None = None,
    base_url: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    expire_after: float | timedelta | Mapping[str, float] | None = None,
    offline: bool = False,
    profile: str | None = None,
    rate: float = 4.0,
    daily_quota: int = 10_000,
    verify: Literal["head", "strict"] = "head",
    **unknown: Any,
) -> sessions.Session:
    """Connect to an account; the session becomes the default one.

    Parameters
    ----------
    api_key
        Key of the application; v3 calls it the client id. Else the environment's `CCTRACK_API_KEY`.
    access_token
        Token of the account. Else `CCTRACK_ACCESS_TOKEN`. On v3 a login that is stored (`cctrack.login`) does too.
    api
        Dialect of the service: "v2" (the default), "v3", or "demo" for the embedded account. Else `CCTRACK_API`.
    base_url
        Another host. Else `CCTRACK_BASE_URL`, else the vendor's.
    cache_dir
        Folder of the cache. Else `CCTRACK_CACHE_DIR`, else the platform's folder for caches.
    expire_after
        Seconds after which a report is asked for again, 3600 by default; or a dict of them by report, with `"*"`
        for all others. Else `CCTRACK_EXPIRE_AFTER`. Campaigns without new activity for 30 days are asked for 24
        times less often.
    offline
        Answer from the cache alone, however old. Else `CCTRACK_OFFLINE`.
    profile
        Name of the account for the cache, where it should not be derived from the credentials.
        Else `CCTRACK_PROFILE`.
    rate
        Requests a second.
    daily_quota
        Requests a day, from 00:00 UTC.
    verify
        "head" reads page one again at the end of a walk of several pages and walks anew if it changed;
        "strict" walks until two walks agree, at twice the calls.

    Returns
    -------
    Session
        Nothing has been sent yet.

    Raises
    ------
    ConfigError
        When a setting is missing, unknown or out of range. No message shows a credential.
    """
    # Before anything can fail: a traceback that shows local variables must not show these.
    unknown = dict.fromkeys(unknown)  # a credential under a misspelled name
    api_key, access_token, wrong = _hidden(api_key, access_token)  # type: ignore[assignment]
    if wrong is not None:
        raise wrong
    given = {
        "api_key": api_key,
        "access_token": access_token,
        "api": api,
        "base_url": base_url,
        "cache_dir": cache_dir,
        "expire_after": expire_after,
        "offline": offline,
        "profile": profile,
        "rate": rate,
        "daily_quota": daily_quota,
        "verify": verify,
    }
    settings.refuse_unknown(unknown, given, "connect(): the argument")
    chosen = settings.settle(given)
    if chosen.api == "demo":
        from cctrack.demo_account.start import demo

        return demo()
    return sessions.made_default(sessions.opened(chosen))


def _hidden(api_key: object, access_token: object) -> tuple[Secret | None, Secret | None, ConfigError | None]:
    try:
        return checked(api_key, "api_key"), checked(access_token, "access_token"), None
    except ConfigError as error:
        return None, None, error.with_traceback(None)


def current(given: sessions.Session | None = None) -> sessions.Session:
    """Give the session that a report is to ask: the given one, else the one in scope, else the default.

    Raises
    ------
    TypeError
        When something else than a session was given.
    ConfigError
        When none was connected and the environment does not configure one.
    """
    if given is not None:
        if not isinstance(given, sessions.Session):
            raise TypeError(f"session is a {type(given).__name__}; pass what cctrack.connect() gave")
        return given
    with _first:
        return sessions.chosen() or connect()


def is_default(session: sessions.Session | None) -> bool:
    """Whether reports ask this session when they are given none; nothing is connected for the answer."""
    return session is None or sessions.chosen() is session
