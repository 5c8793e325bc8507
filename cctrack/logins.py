"""Logging in to v3 and out again, as a user calls it: what is shown, what is asked, and which session comes of it."""

import os
import sys
import warnings
import webbrowser
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from getpass import getpass
from hashlib import blake2b
from typing import Any, Literal

from cctrack.api import flows, oauth, settings, tokens, v3, whose
from cctrack.api import session as sessions
from cctrack.api.clock import SystemClock
from cctrack.api.credentials import Secret, checked
from cctrack.api.grants import HOST, Server
from cctrack.api.redirects import listens
from cctrack.errors import CctrackError, ConfigError

# Where any of these is set, a browser would open on another machine than the user's.
_ELSEWHERE = ("SSH_CONNECTION", "JUPYTERHUB_USER", "COLAB_RELEASE_TAG", "BINDER_SERVICE_HOST", "CODESPACES")
_SCREENS = ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER")


def login(
    client_id: str,
    *,
    flow: Literal["pkce", "device"] = "pkce",
    redirect_uri: str = flows.REDIRECT,
    browser: bool | None = None,
    timeout: float = 300.0,
    auth_url: str | None = None,
    base_url: str | None = None,
    profile: str | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    expire_after: float | timedelta | Mapping[str, float] | None = None,
    rate: float = 4.0,
    daily_quota: int = 10_000,
    verify: Literal["head", "strict"] = "head",
    **unknown: Any,
) -> sessions.Session:
    """Log in to an account of the v3 API; the session becomes the default one.

    A person allows the access once, in a browser. After that `cctrack.connect(api="v3")` is enough, in every process:
    the tokens are kept in the system's keyring where `keyring` is installed and has one, else in a file that only you
    can read, and renew themselves. No client secret is needed. The application must be registered in the vendor's
    developer portal for the flow that is used; choose long-lived refresh tokens there.

    Parameters
    ----------
    client_id
        Of the application; the portal calls it the API key.
    flow
        "pkce" opens the browser; where there is none, you paste the address of the page on which you arrive.
        "device" shows an address and a code, and waits until you have typed it in on any device.
    redirect_uri
        Where the browser arrives, exactly as it is registered. One on this machine is listened on at 127.0.0.1;
        for any other, such as "https://localhost", you paste.
    browser
        Open a browser, or paste; None opens one unless this machine has none or is not yours.
    timeout
        Seconds to wait for the browser.
    auth_url
        Another authorisation host. Else `CCTRACK_AUTH_URL`, else the vendor's.
    base_url
        Another host of the API, as for `connect`. The tokens are shown to no other.
    profile
        Name of this login and its cache; needed where one application is used for several accounts.
    cache_dir, expire_after, rate, daily_quota, verify
        As for `connect`.

    Returns
    -------
    Session
        Logged in.

    Raises
    ------
    ConfigError
        When a setting is unknown or out of range, nobody can be asked, or `profile` has been another account.
    AuthError
        When the access was not allowed, or not in time.
    """
    # Before anything can fail: a traceback that shows local variables must not show these.
    unknown = dict.fromkeys(unknown)
    client_id, wrong = _hidden(client_id)  # type: ignore[assignment]
    if wrong is not None:
        raise wrong
    wanted = {"base_url": base_url, "profile": profile, "cache_dir": cache_dir, "expire_after": expire_after}
    wanted |= {"rate": rate, "daily_quota": daily_quota, "verify": verify}
    own = ("client_id", "flow", "redirect_uri", "browser", "timeout", "auth_url")
    settings.refuse_unknown(unknown, (*own, *wanted), "login(): the argument")
    chosen = settings.settle({**wanted, "api": "v3", "api_key": client_id})
    if flow not in ("pkce", "device"):
        raise ConfigError(f"flow must be 'pkce' or 'device', not {flow!r}")
    if isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or not 0 < timeout < 86_400:
        raise ConfigError("timeout must be a number of seconds above 0, such as 300")
    listens(redirect_uri)
    # A browser that is logged in to one account would give that one to every profile.
    way = flows.Way(
        redirect_uri, has_browser() if browser is None else browser, timeout, anew=chosen.profile is not None
    )
    person = Person()
    try:
        held = _asked(chosen, _server(auth_url), person, None if flow == "device" else way)
    finally:
        person.done()
    _tell_of(held)
    source = oauth.Renewing(held, SystemClock())
    session = sessions.opened(replace(chosen, access_token=None), source=source)
    if chosen.profile is not None:
        _same_account(session, held, chosen)
    return sessions.made_default(session)


def _same_account(session: sessions.Session, held: tokens.Login, chosen: settings.Settings) -> None:
    """Refuse another account under a name that has been one's: its cache would give the figures of both."""
    if chosen.offline:
        return
    try:
        found, _ = session.read(str(v3.ACCOUNT), "", v3.account_named)
    except CctrackError:
        return  # the service does not tell whose it is
    if found is None:
        return
    now, name = (
        blake2b(text.encode(), digest_size=8).hexdigest() for text in (found, f"{held.api_url} {held.profile}")
    )
    before = whose.remembered(chosen.cache_dir, f"profile-{name}")
    if before is not None and before != now:
        tokens.remove(held)
        session.close()
        raise ConfigError(
            f"profile {chosen.profile!r} has been another account until now, and its cache would mix both; log in to "
            "that account (the browser may have given the wrong one), or choose another profile"
        )
    whose.remember(chosen.cache_dir, f"profile-{name}", now)


def _asked(chosen: settings.Settings, server: Server, person: flows.Person, way: flows.Way | None) -> tokens.Login:
    """Have somebody allow it: on a page, or without a way there on a device."""
    client_id = chosen.api_key or Secret("")
    api_url, _ = settings.origin(chosen.base_url, v3.HOST)

    def keep(found: tokens.Tokens) -> tokens.Login | CctrackError:
        return oauth.keep(client_id, chosen.profile, server, api_url, found)

    if way is None:
        return flows.by_device(server, client_id, person, keep, SystemClock())
    return flows.by_code(server, client_id, way, person, keep)


def logout(client_id: str | None = None, *, profile: str | None = None) -> None:
    """Remove a stored login from this machine, from the keyring too.

    If it is the default session's, that one is forgotten; the cache stays. The vendor documents no way to take tokens
    back: an access token that somebody copied is good for up to 24 hours. To end the application's access itself,
    remove it in the account's settings.

    Parameters
    ----------
    client_id
        Of the application whose login it is; None for any.
    profile
        Its name. With neither, the default session's login is meant, or else the only one that is stored.

    Raises
    ------
    ConfigError
        When several could be meant; names them.
    """
    client_id, wrong = _hidden(client_id, needed=False)  # type: ignore[assignment]
    if wrong is not None:
        raise wrong
    sources = {session: getattr(session, "source", None) for session in (sessions.chosen(), sessions.default())}
    own = [source for source in sources.values() if isinstance(source, oauth.Renewing)]
    found = oauth.matching(client_id, profile)  # type: ignore[arg-type]
    if client_id is None and profile is None and own:
        found = [one for one in found if one.owner == own[0].owner] or found
    if not found:
        return
    held = oauth.only(found, "logout(profile=...)")
    tokens.remove(held)
    for session, source in sources.items():
        if isinstance(source, oauth.Renewing) and source.owner == held.owner:
            source.end()
            if session is sessions.default():
                sessions.forget_default()


def _hidden(client_id: object, *, needed: bool = True) -> tuple[Secret | None, ConfigError | None]:
    try:
        found = checked(client_id, "client_id")
    except ConfigError as error:
        return None, error.with_traceback(None)
    if found is None and needed:
        return None, ConfigError("login() needs the application's client id; the developer portal calls it API key")
    return found, None


def _tell_of(held: tokens.Login) -> None:
    """Warn of what will not go on as it should."""
    if held.tokens.refresh is None:
        warnings.warn(
            "the service gave no refresh token (scope offline_access): this login ends within 24 hours and cannot "
            "renew itself; allow offline access to the application in the developer portal, then log in again",
            UserWarning,
            stacklevel=3,
        )
    if held.kept == "file" and tokens.place() == "keyring":
        oauth.warn_of_file()


def _server(auth_url: str | None) -> Server:
    return Server(auth_url or os.environ.get(settings.VARIABLES["auth_url"]) or HOST, SystemClock())


def has_browser() -> bool:
    """Whether a browser that opens here would open before the user."""
    if any(os.environ.get(name) for name in _ELSEWHERE):
        return False
    if sys.platform.startswith(("linux", "freebsd")) and not any(os.environ.get(name) for name in _SCREENS):
        return False  # what is found then are browsers for the terminal
    try:
        webbrowser.get()
    except webbrowser.Error:
        return False
    return True


class Person:
    """Who sits at this machine: a notebook or a terminal shows them what is to be done, the one place that speaks."""

    _shown: Any = None

    def open(self, url: str) -> bool:
        """Show them a page in a browser; False where there is none."""
        with suppress(webbrowser.Error, OSError):
            return webbrowser.open(url)
        return False

    def tell(self, text: str, url: str) -> None:
        """Show them a text and an address."""
        if (display := _display()) is not None:
            self._shown = display({"text/plain": f"{text}\n{url}"}, raw=True, display_id=True)
            return
        sys.stdout.write(f"{text}\n{url}\n")
        sys.stdout.flush()

    def done(self) -> None:
        """Take the address out of the notebook, where it would be kept: the client id stands in it."""
        if self._shown is not None:
            self._shown.update({"text/plain": "The login has ended."}, raw=True)

    def ask(self, question: str) -> Secret:
        """Let them type or paste something that does not show: notebooks keep what is shown."""
        try:
            return Secret(getpass(question))
        except (EOFError, NotImplementedError, OSError):  # the second: a notebook that runs without anybody before it
            failed = ConfigError(
                "nobody can be asked here; log in once where you can be, in a notebook or a terminal: the login is kept"
            )
        raise failed


def _display() -> Any:
    """Give IPython's display where a notebook runs."""
    ipython: Any = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return ipython.display.display if hasattr(shell, "kernel") else None
