"""The authorisation server beside the v3 dialect: one button instead of a password, and tokens as the vendor's are."""

import hashlib
import html
import secrets
import threading
import time
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from .v3_access import ALL_SCOPES, Scopes
from .wire import Answer, Call, Gate, Refusal, as_json

_PLACE: Final = "/oauth2/default/v1"
_CODE_LIVES: Final = 300.0  # seconds
_DEVICE_LIVES: Final = 600.0
_UNUSED: Final = 180 * 86_400.0  # seconds after which a refresh token that nobody used has ended
_DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"
_LETTERS: Final = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels: no words
_PAGE: Final = """<!doctype html><html lang="en"><meta charset="utf-8"><title>Demo account</title>
<body style="font-family: sans-serif; margin: 4em auto; max-width: 30em"><h1>{title}</h1><p>{text}</p>{form}"""
_FORM: Final = '<form method="get" action="{action}">{fields}<button name="allow" value="yes">Allow</button></form>'


@dataclass
class _Code:
    """An authorisation code, or a device that waits for its user."""

    client_id: str
    scope: str
    until: float
    redirect_uri: str = ""
    challenge: str = ""
    allowed: bool = False
    asked_at: float | None = None


@dataclass
class _Refresh:
    client_id: str
    scope: str
    until: float


class AuthFace:
    """Answers for the authorisation hosts; mount it on a server, and let its v3 face ask for the `scopes` of a token.

    Parameters
    ----------
    rotating
        A refresh token is good for one use, and a new one voids the earlier ones; else it stays the same.
    lifetime
        Seconds for which an access token is good.
    per_second
        Requests that the token endpoint takes in a second; None for any number. The vendor's takes one.
    ask
        Show a page with a button; else send the browser back at once.
    interval
        Seconds between two questions of a device.
    clock
        The time, in seconds.
    """

    prefix = "/oauth2"

    def __init__(
        self,
        *,
        rotating: bool = True,
        lifetime: float = 86_400.0,
        per_second: float | None = None,
        ask: bool = True,
        interval: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.rotating, self.lifetime, self.ask, self.interval = rotating, lifetime, ask, interval
        self.answered: Counter[str] = Counter()
        """How often each grant was given, and each error."""
        self._clock = clock
        self._gate = Gate(per_second, None, clock)
        self._lock = threading.Lock()
        self._codes: dict[str, _Code] = {}
        self._devices: dict[str, _Code] = {}
        self._shown: dict[str, str] = {}
        self._access: dict[str, tuple[float, Scopes]] = {}
        self._refresh: dict[str, _Refresh] = {}

    def __repr__(self) -> str:
        return "AuthFace()"

    def scopes(self, token: str) -> Scopes | None:
        """Scopes of an access token that was given here; None where it is not, or no longer, valid."""
        until, scopes = self._access.get(token, (0.0, frozenset()))
        return scopes if self._clock() < until else None

    def expire(self) -> None:
        """Let all access tokens end now."""
        self._access.clear()

    def answer(self, call: Call) -> Answer:
        """Answer one call; what goes wrong becomes an answer too."""
        handlers = {
            ("GET", "/authorize"): self._authorize,
            ("POST", "/token"): self._token,
            ("POST", "/device/authorize"): self._device,
            ("GET", "/activate"): self._activate,
        }
        handler = handlers.get((call.method, call.path.removeprefix(_PLACE)))
        if handler is None:
            return as_json(404, {"error": "not_found", "error_description": "No such resource."})
        try:
            with self._lock:
                return handler(call)
        except Refusal as no:
            self.answered[no.key] += 1
            return as_json(no.status, {"error": no.key, "error_description": no.message})

    def _authorize(self, call: Call) -> Answer:
        """Show the page with the button, or what comes of pressing it."""
        query = call.query
        back = query.get("redirect_uri", "")
        if not query.get("client_id") or not _is_local(back):
            # Not sent back: nobody can tell where that would lead.
            return _page(400, "This link is not in order", "It names no application, or leads to another machine.")
        state = {"state": query["state"]} if "state" in query else {}
        if query.get("response_type") != "code" or query.get("code_challenge_method") != "S256":
            return _redirect(back, {"error": "invalid_request", "error_description": "Only codes with PKCE.", **state})
        if self.ask and query.get("allow") != "yes":
            return _button("Allow access?", "An application wants to read this made-up account.", call.path, query)
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Code(
            query["client_id"],
            query.get("scope", ""),
            self._clock() + _CODE_LIVES,
            redirect_uri=back,
            challenge=query.get("code_challenge", ""),
        )
        return _redirect(back, {"code": code, **state})

    def _token(self, call: Call) -> Answer:
        if self._gate.refuse() is not None:
            self.answered["throttled"] += 1
            return as_json(429, {"error_key": "throttled", "error_message": "Too Many Requests"})
        form = _form(call)
        grants = {"authorization_code": self._by_code, "refresh_token": self._by_refresh, _DEVICE: self._by_device}
        grant = grants.get(form.get("grant_type", ""))
        if grant is None:
            raise Refusal(400, "unsupported_grant_type", "The authorization grant type is not supported.")
        answer = self._given(*grant(form))
        self.answered[form["grant_type"]] += 1
        return answer

    def _by_code(self, form: Mapping[str, str]) -> tuple[str, str, str | None]:
        code = self._codes.pop(form.get("code", ""), None)  # whatever comes of it: it is good for one try
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        if (
            code is None
            or self._clock() >= code.until
            or form.get("client_id") != code.client_id
            or form.get("redirect_uri") != code.redirect_uri
        ):
            raise Refusal(400, "invalid_grant", "The authorization code is invalid or has expired.")
        if not code.challenge or urlsafe_b64encode(digest).rstrip(b"=").decode() != code.challenge:
            raise Refusal(400, "invalid_grant", "PKCE verification failed.")
        return code.client_id, code.scope, None

    def _by_refresh(self, form: Mapping[str, str]) -> tuple[str, str, str | None]:
        token = form.get("refresh_token", "")
        held = self._refresh.get(token)
        if held is None or self._clock() >= held.until or form.get("client_id") != held.client_id:
            raise Refusal(400, "invalid_grant", "The refresh token is invalid or expired.")
        return held.client_id, held.scope, token

    def _by_device(self, form: Mapping[str, str]) -> tuple[str, str, str | None]:
        device = self._devices.get(form.get("device_code", ""))
        if device is None or form.get("client_id") != device.client_id:
            raise Refusal(400, "invalid_grant", "The device code is invalid.")
        before, device.asked_at = device.asked_at, self._clock()
        if device.asked_at >= device.until:
            raise Refusal(400, "expired_token", "The device code has expired.")
        if before is not None and device.asked_at - before < self.interval:
            raise Refusal(400, "slow_down", "Ask less often.")
        if not device.allowed:
            raise Refusal(400, "authorization_pending", "The user has not allowed it yet.")
        del self._devices[form["device_code"]]
        return device.client_id, device.scope, None

    def _given(self, client_id: str, scope: str, old: str | None) -> Answer:
        now = self._clock()
        scopes = ALL_SCOPES & set(scope.split())
        access = secrets.token_urlsafe(810)  # as long as the vendor's
        self._access[access] = (now + self.lifetime, scopes)
        body: dict[str, object] = {"access_token": access, "token_type": "Bearer", "expires_in": int(self.lifetime)}
        body["scope"] = scope
        if "offline_access" in scopes:
            refresh = old
            if refresh is None or self.rotating:
                if old is not None:
                    del self._refresh[old]
                refresh = secrets.token_urlsafe(32)
            self._refresh[refresh] = _Refresh(client_id, scope, now + _UNUSED)
            body["refresh_token"] = refresh
        return as_json(200, body)

    def _device(self, call: Call) -> Answer:
        form = {**call.query, **_form(call)}
        if not form.get("client_id"):
            raise Refusal(400, "invalid_request", "client_id is missing.")
        code = secrets.token_urlsafe(32)
        shown = "-".join("".join(secrets.choice(_LETTERS) for _ in range(4)) for _ in range(2))
        self._devices[code] = _Code(form["client_id"], form.get("scope", ""), self._clock() + _DEVICE_LIVES)
        self._shown[shown] = code
        page = f"http://{call.headers.get('host', '127.0.0.1')}{_PLACE}/activate"
        return as_json(
            200,
            {
                "device_code": code,
                "user_code": shown,
                "verification_uri": page,
                "verification_uri_complete": f"{page}?{urlencode({'user_code': shown})}",
                "expires_in": int(_DEVICE_LIVES),
                "interval": self.interval,
            },
        )

    def _activate(self, call: Call) -> Answer:
        """Let the user of a device allow it."""
        device = self._devices.get(self._shown.get(call.query.get("user_code", ""), ""))
        if device is None:
            return _page(400, "No such code", "Check the code, or log in again for a new one.")
        if self.ask and call.query.get("allow") != "yes":
            return _button("Allow access?", "A device wants to read this made-up account.", call.path, call.query)
        device.allowed = True
        return _page(200, "Thank you", "You can close this page.")


def _form(call: Call) -> dict[str, str]:
    """Read a form; in the query too, as the vendor's support shows it."""
    return {**call.query, **dict(parse_qsl(call.body.decode("utf-8", "replace"), keep_blank_values=True))}


def _is_local(address: str) -> bool:
    """Whether a redirect stays on this machine."""
    parts = urlsplit(address)
    return parts.scheme in ("http", "https") and parts.hostname in ("localhost", "127.0.0.1", "::1")


def _redirect(back: str, fields: Mapping[str, str]) -> Answer:
    return Answer(302, b"", "text/html", {"Location": f"{back}{'&' if '?' in back else '?'}{urlencode(fields)}"})


def _button(title: str, text: str, action: str, query: Mapping[str, str]) -> Answer:
    fields = "".join(
        f'<input type="hidden" name="{html.escape(name)}" value="{html.escape(value)}">'
        for name, value in query.items()
    )
    return _page(200, title, text, _FORM.format(action=html.escape(action), fields=fields))


def _page(status: int, title: str, text: str, form: str = "") -> Answer:
    page = _PAGE.format(title=html.escape(title), text=html.escape(text), form=form)
    return Answer(status, page.encode(), "text/html; charset=utf-8", {"Cache-Control": "no-store"})
