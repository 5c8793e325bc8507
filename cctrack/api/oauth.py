"""v3 login: a person allows the access once, in a browser; after that the tokens renew themselves."""

import threading
import warnings
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime
from secrets import token_hex

from cctrack.api import tokens
from cctrack.api.clock import Clock
from cctrack.api.credentials import Secret
from cctrack.api.grants import Server, apart
from cctrack.api.tokens import Login, Tokens
from cctrack.errors import AuthError, CctrackError, ConfigError, RateLimitError

_PAUSE = 60.0  # seconds until the next try, where the authorisation server does not answer
_AGAIN = "log in again with cctrack.login(client_id)"


class Renewing:
    """The tokens of a stored login, renewed when their time comes or when the service refuses them.

    Parameters
    ----------
    login
        As it is stored.
    clock
        The time.

    Attributes
    ----------
    owner : str
        Names the login, tells nothing of it.
    client_id : Secret
        Of the application.
    profile : str or None
        The user's name for the login.
    """

    def __init__(self, login: Login, clock: Clock) -> None:
        self.owner = login.owner
        self.client_id = login.client_id
        self.profile = login.profile
        self._login = login
        self._clock = clock
        self._lock = threading.Lock()
        self._not_before = 0.0

    def ready(self) -> None:
        """Renew the token if its end is near.

        Raises
        ------
        CctrackError
            When that fails for good.
        """
        held, now = self._login.tokens, self._clock.time()
        if held.access is None and held.refresh is None:
            raise AuthError(f"this session was logged out; {_AGAIN}")
        if held.refresh is None or now < max(held.renew_at, self._not_before):
            return
        try:
            self._renew(held.access)
        except CctrackError as error:
            if not error.retryable or held.access is None:
                raise
            self._not_before = now + _PAUSE  # it is good for some minutes yet; if not, the service will say so

    def current(self) -> Secret:
        """Give the token at hand."""
        return self._login.tokens.access or Secret("")

    def renew(self, refused: Secret) -> None:
        """Get another token in the place of one that the service refused.

        Raises
        ------
        AuthError
            When there is none to be had; says what to do.
        CctrackError
            When the authorisation server cannot be asked.
        """
        self._renew(refused)

    def end(self) -> None:
        """Forget the tokens: the login was removed."""
        self._login = replace(self._login, tokens=Tokens(None, None, 0.0))

    def secrets(self) -> Iterable[Secret]:
        """List what must not be shown."""
        held = self._login.tokens
        return [secret for secret in (held.access, held.refresh) if secret is not None]

    def __repr__(self) -> str:
        return f"<login {self.owner}>"

    def _renew(self, old: Secret | None) -> None:
        with self._lock:
            if not _same(self._login.tokens.access, old):
                return  # another thread was first
            found = apart(lambda: _renewed(self._login, old, self._clock))
        if isinstance(found, CctrackError):
            raise found
        before, (self._login, unwritten) = self._login.kept, found
        if unwritten is not None:
            warnings.warn(f"the renewed login holds for this process only: {unwritten}", UserWarning, stacklevel=2)
        elif before != self._login.kept:
            warn_of_file()


def warn_of_file() -> None:
    """Say that the tokens are not where they belong."""
    warnings.warn(
        f"the keyring does not take the tokens; they are in a file that only you can read, in {tokens.folder()}",
        UserWarning,
        stacklevel=2,
    )


def _same(one: Secret | None, other: Secret | None) -> bool:
    return (one and one.reveal()) == (other and other.reveal())


def _renewed(login: Login, old: Secret | None, clock: Clock) -> tuple[Login, CctrackError | None] | CctrackError:
    """Renew under the lock, unless another process has done so. Errors are given, not raised."""
    try:
        with tokens.locked(login.name):
            held = tokens.read(login.name)
            if held is None or held.owner != login.owner:
                what = "was removed" if held is None else "was replaced by a newer one"
                return AuthError(f"the login of this session {what}; connect again, or {_AGAIN}")
            if not _same(held.tokens.access, old) and clock.time() < held.tokens.renew_at:
                return held, None  # another process was first
            if held.tokens.refresh is None:
                return AuthError(held.ended or f"the login has ended and has no refresh token to renew it; {_AGAIN}")
            return _asked(held, held.tokens.refresh, clock)
    except CctrackError as error:
        return error.with_traceback(None)
    except OSError as error:
        return CctrackError(f"the stored login cannot be used ({error.strerror}); check {tokens.folder()}")


def _asked(held: Login, refresh: Secret, clock: Clock) -> tuple[Login, CctrackError | None] | CctrackError:
    """Ask for the next tokens and write them down before anybody uses them."""
    # Written before asking: if this process is killed between the answer and the write, the next one can tell why the
    # token that it finds is not taken any more.
    begun = tokens.note(replace(held, renewing_since=held.renewing_since or clock.time()))
    found = Server(held.auth_url, clock).tokens("refresh_token", {"refresh_token": refresh}, held.client_id)
    if isinstance(found, Tokens):
        fresh = replace(begun, tokens=replace(found, refresh=found.refresh or refresh), renewing_since=None)
        try:
            return tokens.write(fresh), None
        except CctrackError as error:
            return fresh, error.with_traceback(None)
    if found.error_key == "invalid_grant":
        ended = _ended(held.renewing_since)
        tokens.write(replace(held, tokens=replace(held.tokens, refresh=None), renewing_since=None, ended=ended))
        found.args = (ended,)
    elif isinstance(found, (AuthError, RateLimitError)):  # it answered, and spent nothing
        tokens.note(held)
    return found


def _ended(renewing_since: float | None) -> str:
    """Say why a refresh token is not taken any more, and what to do."""
    if renewing_since is None:
        return (
            f"the login cannot be renewed any more (invalid_grant); {_AGAIN}. A refresh token ends after 180 days "
            "without use, and when it was used elsewhere"
        )
    return (
        f"the login cannot be renewed any more: a renewal that began at "
        f"{datetime.fromtimestamp(renewing_since, UTC):%Y-%m-%d %H:%M} UTC was cut off before its answer was written "
        f"down, and a rotating refresh token is good for one use; {_AGAIN}. Long-lived refresh tokens, a setting of "
        "the application in the developer portal, avoid this"
    )


def stored(client_id: Secret | None, profile: str | None, api_url: str, clock: Clock) -> Renewing | None:
    """Find the stored login that is meant.

    Parameters
    ----------
    client_id
        Of the application; None for any.
    profile
        Its name; None for the one without a name, or else for the only one.
    api_url
        Scheme, host and port that are to be asked: a token is never shown to another host.
    clock
        The time.

    Returns
    -------
    Renewing or None
        None where there is none.

    Raises
    ------
    ConfigError
        When several could be meant, or the keyring does not give its tokens.
    """
    found = [login for login in matching(client_id, profile) if login.api_url == api_url]
    if len(found) > 1:
        found = [login for login in found if login.profile is None] or found
    if not found:
        return None
    login = tokens.read(only(found, "connect(api='v3', profile=...)").name)
    if login is None:
        return None
    if login.tokens.access is None and login.tokens.refresh is None:
        raise ConfigError(f"the keyring does not give the login's tokens now; unlock it, or {_AGAIN}")
    return Renewing(login, clock)


def matching(client_id: Secret | None, profile: str | None) -> list[Login]:
    """List the stored logins of an application and a name; None stands for any."""
    return [
        login
        for login in tokens.every()
        if (client_id is None or _same(client_id, login.client_id)) and profile in (None, login.profile)
    ]


def only(found: list[Login], how: str) -> Login:
    """Give the one login of a list.

    Raises
    ------
    ConfigError
        When there are several; names them, and `how` to name one.
    """
    if len(found) > 1:
        names = ", ".join(
            sorted("one without a profile" if login.profile is None else repr(login.profile) for login in found)
        )
        raise ConfigError(f"{len(found)} logins are stored ({names}); say which one: {how}, or its client id too")
    return found[0]


def keep(client_id: Secret, profile: str | None, server: Server, api_url: str, found: Tokens) -> Login | CctrackError:
    """Store a new login in the place of an earlier one of the same application and name."""
    login = Login(
        client_id=client_id,
        profile=profile,
        owner=token_hex(8),
        auth_url=server.url,
        api_url=api_url,
        tokens=found,
        kept=tokens.place(),
    )
    try:
        with tokens.locked(login.name):
            return tokens.write(login)
    except CctrackError as error:
        return error.with_traceback(None)
    except OSError as error:
        return CctrackError(f"the login could not be stored ({error.strerror}); check {tokens.folder()}")
