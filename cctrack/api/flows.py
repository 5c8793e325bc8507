"""The two ways in which a person allows the access: on the page that a browser opens, or with a code on any device."""

import hashlib
import math
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass
from secrets import token_urlsafe
from typing import Protocol
from urllib.parse import urlsplit

from cctrack.api import settings
from cctrack.api.clock import Clock
from cctrack.api.credentials import Secret
from cctrack.api.grants import Server, apart
from cctrack.api.redirects import Listener, listens, pasted
from cctrack.api.tokens import Login, Tokens
from cctrack.errors import AuthError, CctrackError, ConfigError, NetworkError, ResponseError

# Without the last one the server gives no refresh token, and says nothing about it.
SCOPES = ("contact_data", "campaign_data", "account_read", "offline_access")
REDIRECT = "http://localhost:8912/"
_DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
_INTERVAL = 5.0  # seconds between two questions, where the server names none
_SLOWER = 5.0  # seconds more, each time that it says slow_down
_EXPIRES = 600.0
_LONGEST = 1800.0
_PASTES = 3

Form = dict[str, str | Secret]
Keep = Callable[[Tokens], "Login | CctrackError"]


class Person(Protocol):
    """Who logs in, as far as this machine can reach them."""

    def open(self, url: str) -> bool:
        """Show them a page in a browser; False where there is none."""
        ...

    def tell(self, text: str, url: str) -> None:
        """Show them a text and an address."""
        ...

    def ask(self, question: str) -> Secret:
        """Let them type or paste something that nobody else sees."""
        ...

    def done(self) -> None:
        """Take away what is not needed any more."""
        ...


@dataclass(frozen=True)
class Way:
    """How the person gets to the page, and the answer back.

    Attributes
    ----------
    redirect_uri : str
        As it stands in the developer portal.
    browser : bool
        Open one and listen for its return, if `redirect_uri` is of this machine; else the person pastes the address.
    seconds : float
        How long to wait for the browser.
    anew : bool
        Have the person choose the account, even if the browser is logged in to one.
    """

    redirect_uri: str = REDIRECT
    browser: bool = True
    seconds: float = 300.0
    anew: bool = False


def by_code(server: Server, client_id: Secret, way: Way, person: Person, keep: Keep) -> Login:
    """Log in with an authorisation code and PKCE.

    Parameters
    ----------
    server
        Who is asked.
    client_id
        Of the application.
    way
        To the page and back.
    person
        Who allows it.
    keep
        Stores the tokens.

    Raises
    ------
    CctrackError
        When the access is not allowed, or the answer cannot be had.
    """
    verifier, state = Secret(token_urlsafe(64)), Secret(token_urlsafe(24))
    digest = hashlib.sha256(verifier.reveal().encode()).digest()
    params: Form = {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": way.redirect_uri,
        "scope": " ".join(SCOPES),
        "state": state,
        "code_challenge": urlsafe_b64encode(digest).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    if way.anew:
        params["prompt"] = "login"
    url = server.address(params)
    code = _returned(url, way, state, person)
    form: Form = {"code": code, "redirect_uri": way.redirect_uri, "code_verifier": verifier}
    return _kept(lambda: server.tokens("authorization_code", form, client_id), keep)


def _returned(url: Secret, way: Way, state: Secret, person: Person) -> Secret:
    if way.browser and listens(way.redirect_uri) is not None:
        with Listener(way.redirect_uri, state).open() as listener:
            if person.open(url.reveal()):
                return _or_raised(listener.wait(way.seconds))
    elif way.browser:
        person.open(url.reveal())
    person.tell("Allow the access on this page, and copy the address of the page on which you arrive:", url.reveal())
    for tries in range(1, _PASTES + 1):
        found = pasted(person.ask("Paste that address: "), state)
        if isinstance(found, Secret) or found.error_key is not None or tries == _PASTES:
            break
    return _or_raised(found)


def _or_raised(found: Secret | CctrackError) -> Secret:
    if isinstance(found, CctrackError):
        raise found
    return found


def _kept(ask: Callable[[], Tokens | CctrackError], keep: Keep) -> Login:
    """Get tokens and store them in one go, which a Ctrl-C does not part."""

    def work() -> Login | CctrackError:
        found = ask()
        return found if isinstance(found, CctrackError) else keep(found)

    login = apart(work)
    if isinstance(login, CctrackError):
        raise login
    return login


@dataclass(frozen=True)
class _Device:
    code: Secret
    shown: str
    url: str
    interval: float
    expires: float


def by_device(server: Server, client_id: Secret, person: Person, keep: Keep, clock: Clock) -> Login:
    """Log in with a code that the person types in on any device.

    Parameters
    ----------
    server
        Who is asked.
    client_id
        Of the application.
    person
        Who allows it.
    keep
        Stores the tokens.
    clock
        The time.

    Raises
    ------
    CctrackError
        When the access is not allowed in time, or the answer cannot be had.
    """
    device = apart(lambda: _begun(server, client_id))
    if isinstance(device, CctrackError):
        raise device
    person.tell(f"Allow the access on this page, on any device, with the code {device.shown}:", device.url)
    interval, until = device.interval, clock.monotonic() + device.expires
    while True:
        clock.sleep(interval)
        if clock.monotonic() >= until:
            raise AuthError("the code has expired before the access was allowed; log in again")
        try:
            return _kept(lambda: server.tokens(_DEVICE, {"device_code": device.code}, client_id), keep)
        except AuthError as error:
            if error.error_key not in ("authorization_pending", "slow_down"):
                raise
            interval += _SLOWER if error.error_key == "slow_down" else 0.0
        except NetworkError:
            interval *= 2  # as the standard asks for


def _begun(server: Server, client_id: Secret) -> _Device | CctrackError:
    # The type and the state are of the vendor's other flows; a server that does not want them passes over them.
    form: Form = {
        "client_id": client_id,
        "scope": " ".join(SCOPES),
        "response_type": "code",
        "state": token_urlsafe(24),
    }
    answer = server.ask("/device/authorize", form)
    if isinstance(answer, CctrackError):
        return answer
    code, shown = answer.get("device_code"), answer.get("user_code")
    url = answer.get("verification_uri_complete") or answer.get("verification_uri")
    if not all(isinstance(one, str) and one and one.isprintable() for one in (code, shown, url)) or not _is_page(url):
        return ResponseError("the authorisation server gave no device code; check auth_url, or use flow='pkce'")
    return _Device(
        Secret(str(code)),
        str(shown),
        str(url),
        _number(answer.get("interval"), _INTERVAL),
        min(_number(answer.get("expires_in"), _EXPIRES), _LONGEST),
    )


def _is_page(url: object) -> bool:
    """Whether it may be shown as the place to log in at."""
    try:
        parts = urlsplit(str(url))
        settings.origin(f"{parts.scheme}://{parts.netloc}", "", "verification_uri")
    except (ValueError, ConfigError):
        return False
    return True


def _number(value: object, otherwise: float) -> float:
    try:
        number = float(str(value))
    except ValueError:
        return otherwise
    return number if 0 < number < math.inf else otherwise
