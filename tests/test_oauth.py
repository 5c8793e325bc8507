"""Logging in to v3: the browser's way back, pasted addresses, devices, and tokens that renew themselves."""

import base64
import hashlib
import json
import logging
import os
import signal
import socket
import stat
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import keyring
import pytest
from clock import Clock
from hypothesis import given
from hypothesis import strategies as st
from keyring.backend import KeyringBackend
from keyring.backends.fail import Keyring as NoKeyring
from reliability.apart import environment
from sessions import files, quiet
from test_secrets import _chain, _failure, _reachable
from visitor import Visitor, page, pressed, query_of, with_query

import cctrack
from cctrack.api import flows, oauth, tokens
from cctrack.api.clock import SystemClock
from cctrack.api.credentials import Secret
from cctrack.api.grants import Server
from cctrack.api.redirects import pasted
from cctrack.api.tokens import Login
from cctrack.demo_account.account import Account, generate
from cctrack.demo_account.server import DemoServer
from cctrack.demo_account.v3_auth import AuthFace
from cctrack.demo_account.wire import Answer, Call

CLIENT = "client-of-nobody-5d41402a"
_WAIT = 10.0  # seconds for a browser that answers at once


@pytest.fixture(scope="module")
def account() -> Account:
    return generate(contacts=30)


@pytest.fixture
def demo(account: Account) -> Iterator[DemoServer]:
    """The account and its authorisation server; only tokens given there are taken."""
    with DemoServer(account, access_token="a token for good") as server:
        yield server


@pytest.fixture
def redirect() -> str:
    """Give an address on this machine that nobody listens on."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://localhost:{free.getsockname()[1]}/back"


def _keep(demo: DemoServer, profile: str | None = None) -> flows.Keep:
    server = Server(demo.url, SystemClock())
    return lambda found: oauth.keep(Secret(CLIENT), profile, server, demo.url, found)


def by_browser(
    demo: DemoServer,
    redirect: str,
    visitor: Visitor,
    *,
    seconds: float = _WAIT,
    profile: str | None = None,
    **given: Any,
) -> Login:
    """Log in with a browser."""
    server = Server(demo.url, given.pop("clock", SystemClock()))
    way = flows.Way(redirect, **{"browser": True, "seconds": seconds} | given)
    try:
        return flows.by_code(server, Secret(CLIENT), way, visitor, _keep(demo, profile))
    finally:
        visitor.done()


def logged_in(
    demo: DemoServer, clock: Clock, *, profile: str | None = None, scope: str = " ".join(flows.SCOPES)
) -> oauth.Renewing:
    """Log in without a page: the server is asked as the library asks, and the answer is stored."""
    verifier = "v" * 43
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    back = "http://localhost:1/"
    server = Server(demo.url, clock)
    wanted = {"response_type": "code", "client_id": CLIENT, "redirect_uri": back, "scope": scope}
    url = server.address(wanted | {"code_challenge": challenge, "code_challenge_method": "S256"})
    code = query_of(pressed(url.reveal()))["code"]
    form = {"code": code, "redirect_uri": back, "code_verifier": verifier}
    found = server.tokens("authorization_code", form, Secret(CLIENT))
    assert isinstance(found, tokens.Tokens)
    login = oauth.keep(Secret(CLIENT), profile, server, demo.url, found)
    assert isinstance(login, Login)
    return oauth.Renewing(login, clock)


def again(demo: DemoServer, clock: Clock | None = None, **named: Any) -> oauth.Renewing:
    """Find the stored login, as the next process does."""
    found = oauth.stored(named.get("client_id"), named.get("profile"), demo.url, clock or Clock())
    assert found is not None
    return found


def is_taken(demo: DemoServer, source: oauth.Renewing) -> bool:
    """Ask the v3 API with the token at hand."""
    return demo.access.scopes(source.current().reveal()) is not None


# --- with a browser ------------------------------------------------------------------------------


def test_browser_comes_back_with_a_code(demo: DemoServer, redirect: str) -> None:
    visitor = Visitor()
    login = by_browser(demo, redirect, visitor)
    (asked,) = map(query_of, visitor.opened)
    assert asked["scope"].split() == ["contact_data", "campaign_data", "account_read", "offline_access"]
    assert asked["redirect_uri"] == redirect
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert set(asked) == {
        *("response_type", "client_id", "redirect_uri", "scope", "state", "code_challenge", "code_challenge_method")
    }
    assert [status for status, _ in visitor.arrived] == [200]
    assert "go back to your notebook" in visitor.arrived[0][1]
    assert demo.auth.answered == {"authorization_code": 1}
    source = again(demo)
    assert source.owner == login.owner
    assert is_taken(demo, source)


def test_account_is_asked_for_again_where_there_are_several(demo: DemoServer, redirect: str) -> None:
    visitors = [Visitor(), Visitor()]
    for visitor, anew in zip(visitors, (False, True), strict=True):
        by_browser(demo, redirect, visitor, anew=anew)
    assert [query_of(visitor.opened[0]).get("prompt") for visitor in visitors] == [None, "login"]


def test_two_logins_share_nothing_that_is_secret(demo: DemoServer, redirect: str) -> None:
    visitors = [Visitor(), Visitor()]
    logins = [by_browser(demo, redirect, visitor) for visitor in visitors]
    first, second = (query_of(visitor.opened[0]) for visitor in visitors)
    assert first["state"] != second["state"]
    assert first["code_challenge"] != second["code_challenge"]
    assert logins[0].owner != logins[1].owner
    assert len(tokens.every()) == 1  # the newer one is in the place of the older


def test_answer_to_another_login_is_refused_and_the_right_one_still_taken(demo: DemoServer, redirect: str) -> None:
    visitor = Visitor(
        lambda address: [
            with_query(address, state="another"),
            with_query(address, state=""),
            f"{redirect}?error=access_denied&state=another",
            redirect.removesuffix("back") + "favicon.ico",
            redirect,
            address,
        ]
    )
    by_browser(demo, redirect, visitor)
    assert [status for status, _ in visitor.arrived] == [400, 400, 400, 404, 404, 200]


def test_nothing_but_answers_to_other_logins(demo: DemoServer, redirect: str) -> None:
    visitor = Visitor(lambda address: [with_query(address, state="another")])
    with pytest.raises(cctrack.AuthError, match=r"another login came and was refused.*browser=False"):
        by_browser(demo, redirect, visitor, seconds=1.0)
    assert not tokens.every()
    assert "authorization_code" not in demo.auth.answered


def test_browser_never_comes_back(demo: DemoServer, redirect: str) -> None:
    with pytest.raises(cctrack.AuthError, match="did not come back within 0 s; log in again"):
        by_browser(demo, redirect, Visitor(lambda address: []), seconds=0.1)
    by_browser(demo, redirect, Visitor())  # the port is free again


def test_access_is_not_allowed(demo: DemoServer, redirect: str) -> None:
    visitor = Visitor(lambda address: [with_query(address, code="", error="access_denied", error_description="No.")])
    with pytest.raises(cctrack.AuthError, match="was not allowed; log in again") as caught:
        by_browser(demo, redirect, visitor)
    assert caught.value.error_key == "access_denied"


def test_a_connection_that_says_nothing_holds_nobody_up(demo: DemoServer, redirect: str) -> None:
    """Browsers open connections in advance."""
    port = int(redirect.split(":")[2].partition("/")[0])
    idle: list[socket.socket] = []

    def back(address: str) -> list[str]:
        idle.append(socket.create_connection(("127.0.0.1", port)))
        return [address]

    by_browser(demo, redirect, Visitor(back), seconds=_WAIT)
    for one in idle:
        one.close()


def test_port_is_taken(demo: DemoServer) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        with pytest.raises(cctrack.ConfigError, match="cannot be listened on"):
            by_browser(demo, f"http://127.0.0.1:{other.getsockname()[1]}/", Visitor())


def test_code_that_was_caught_is_worth_nothing_without_the_verifier(demo: DemoServer, redirect: str) -> None:
    caught: list[str] = []

    def back(address: str) -> list[str]:
        server = Server(demo.url, SystemClock())
        form = {"code": query_of(address)["code"], "redirect_uri": redirect, "code_verifier": "w" * 43}
        found = server.tokens("authorization_code", form, Secret(CLIENT))
        caught.append(type(found).__name__)
        return [address]

    with pytest.raises(cctrack.AuthError, match=r"cctrack\.login"):
        by_browser(demo, redirect, Visitor(back))
    assert caught == ["AuthError"]


@pytest.mark.parametrize("wrong", ["", "not an address", "ftp://localhost:1/", "http://", "http://x:99999/", None, 5])
def test_redirect_uri_that_is_none(wrong: Any) -> None:
    with pytest.raises(cctrack.ConfigError, match="redirect_uri"):
        cctrack.login(CLIENT, redirect_uri=wrong)


# --- pasted --------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["http://localhost:8912/", "https://localhost", "https://localhost/done?x=1"])
@pytest.mark.parametrize("browser", [True, False])
def test_pasted_address(demo: DemoServer, where: str, browser: bool) -> None:
    visitor = Visitor(browser=False, pastes=[lambda address: f" '{address}'\n"])
    login = by_browser(demo, where, visitor, browser=browser)
    assert login.tokens.refresh is not None
    assert bool(visitor.opened) is browser
    assert visitor.told[0][1].startswith(demo.url)


def test_incomplete_pastes_may_be_repeated(demo: DemoServer) -> None:
    visitor = Visitor(pastes=[lambda _: "", lambda address: query_of(address)["code"], lambda address: address])
    by_browser(demo, "https://localhost", visitor, browser=False)


@pytest.mark.parametrize(
    ("paste", "said"),
    [
        (lambda address: query_of(address)["code"], "paste the whole address"),  # it does not tell whose login it is
        (lambda address: with_query(address, state="another"), "answer to another login"),
        (lambda address: with_query(address, state=""), "answer to another login"),
        (lambda address: with_query(address, code=""), "holds no code"),
        (lambda address: with_query(address, code="", error="access_denied"), "was not allowed"),
        (lambda address: "http://[", "paste the whole address"),
    ],
)
def test_paste_that_is_refused(demo: DemoServer, paste: Callable[[str], str], said: str) -> None:
    visitor = Visitor(pastes=[paste] * 3)
    with pytest.raises(cctrack.AuthError, match=said):
        by_browser(demo, "https://localhost", visitor, browser=False)
    assert not demo.auth.answered


@given(text=st.text() | st.from_regex(r"http://localhost/\?(code|state|error|x)=.{0,9}(&(code|state)=.{0,9}){0,3}"))
def test_nothing_that_is_pasted_is_a_code_without_the_state(text: str) -> None:
    state = Secret("the-state-of-this-login-and-no-other")
    assert isinstance(pasted(Secret(text), state), cctrack.AuthError)
    found = pasted(Secret(f"http://localhost/?code=c&state={state.reveal()}"), state)
    assert isinstance(found, Secret)


# --- on a device ---------------------------------------------------------------------------------


class _Timed(AuthFace):
    """By the clock of a test; `before` is called before each question of the device."""

    def __init__(self, clock: Clock, **given: Any) -> None:
        super().__init__(clock=clock.monotonic, **given)
        self.before: Callable[[int], Answer | None] = lambda number: None
        self.asked = 0

    def answer(self, call: Call) -> Answer:
        if call.path.endswith("/token"):
            self.asked += 1
            if (answer := self.before(self.asked)) is not None:
                return answer
        return super().answer(call)


@pytest.fixture
def timed(demo: DemoServer, clock: Clock) -> _Timed:
    """Let the server live by the clock of the test."""
    face = _Timed(clock)
    demo.faces.remove(demo.auth)
    demo.auth = face
    demo.mount(face)
    demo.access.add(face.scopes)
    return face


def by_device(demo: DemoServer, clock: Clock, visitor: Visitor) -> Login:
    """Log in with a device."""
    return flows.by_device(Server(demo.url, clock), Secret(CLIENT), visitor, _keep(demo), clock)


def test_device(demo: DemoServer, timed: _Timed, clock: Clock) -> None:
    visitor = Visitor()

    def before(number: int) -> None:
        if number == 3:
            assert pressed(visitor.told[0][1]).startswith(demo.url)

    timed.before = before
    login = by_device(demo, clock, visitor)
    ((text, url),) = visitor.told
    assert query_of(url)["user_code"] in text
    assert clock.sleeps == [5.0, 5.0, 5.0]
    assert timed.answered == {"authorization_pending": 2, timed_grant: 1}
    assert login.tokens.refresh is not None
    assert is_taken(demo, again(demo, clock))


timed_grant = "urn:ietf:params:oauth:grant-type:device_code"


def test_device_that_is_to_ask_less_often(demo: DemoServer, timed: _Timed, clock: Clock) -> None:
    timed.interval = 7.0
    slow = Answer(400, b'{"error": "slow_down"}')
    visitor = Visitor()

    def before(number: int) -> Answer | None:
        if number == 4:
            pressed(visitor.told[0][1])
        return slow if number in (2, 3) else None

    timed.before = before
    by_device(demo, clock, visitor)
    assert clock.sleeps == [7.0, 7.0, 12.0, 17.0]


def test_device_code_expires(demo: DemoServer, timed: _Timed, clock: Clock) -> None:
    with pytest.raises(cctrack.AuthError, match="expired before the access was allowed; log in again"):
        by_device(demo, clock, Visitor())
    assert clock.slept <= 600
    assert timed.asked == 119


@pytest.mark.parametrize(
    ("error", "said"), [("expired_token", "has expired; log in again"), ("access_denied", "was not allowed")]
)
def test_device_is_refused(demo: DemoServer, timed: _Timed, clock: Clock, error: str, said: str) -> None:
    timed.before = lambda number: Answer(400, json.dumps({"error": error}).encode()) if number == 2 else None
    with pytest.raises(cctrack.AuthError, match=said):
        by_device(demo, clock, Visitor())
    assert timed.asked == 2


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        {"device_code": "d", "user_code": "u"},
        {"device_code": "d", "user_code": "u", "verification_uri": "javascript:alert(1)"},
        {"device_code": "d", "user_code": "u", "verification_uri": "http://example.org/"},
        {"device_code": "d", "user_code": "u\x1b[2J", "verification_uri": "https://example.org/"},
        {"device_code": 5, "user_code": "u", "verification_uri": "https://example.org/"},
    ],
)
def test_device_answer_that_is_none(demo: DemoServer, clock: Clock, answer: Any) -> None:
    demo.auth.answer = lambda call: Answer(200, json.dumps(answer).encode())  # type: ignore[method-assign]
    with pytest.raises(cctrack.ResponseError):
        by_device(demo, clock, Visitor())


# --- renewal -------------------------------------------------------------------------------------


def test_renewed_near_its_end_and_not_before_each_call(demo: DemoServer, timed: _Timed, clock: Clock) -> None:
    source = logged_in(demo, clock)
    first = source.current().reveal()
    for _ in range(100):
        source.ready()
    clock.advance(86_400 - 301)
    source.ready()
    assert source.current().reveal() == first
    assert timed.answered == {"authorization_code": 1}
    clock.advance(2)
    for _ in range(100):
        source.ready()
    assert source.current().reveal() != first
    assert timed.answered == {"authorization_code": 1, "refresh_token": 1}
    assert is_taken(demo, source)
    assert again(demo, clock).current().reveal() == source.current().reveal()  # written before it was used


@given(lifetime=st.floats(1, 1e6))
def test_renewed_within_the_last_tenth(lifetime: float) -> None:
    from cctrack.api.grants import _tokens

    found = _tokens({"access_token": "a", "expires_in": lifetime}, 1000.0)
    assert isinstance(found, tokens.Tokens)
    assert 1000 + 0.9 * lifetime <= found.renew_at + 1e-6
    assert found.renew_at < 1000 + lifetime


@pytest.mark.parametrize("lifetime", [None, "soon", -5, 0, "NaN", 1e400])
def test_lifetime_that_is_none_is_a_day(lifetime: Any) -> None:
    from cctrack.api.grants import _tokens

    found = _tokens({"access_token": "a", "expires_in": lifetime}, 0.0)
    assert isinstance(found, tokens.Tokens)
    assert found.renew_at == 86_400 - 300


def test_renewed_when_refused_whatever_the_clock_says(demo: DemoServer, timed: _Timed, clock: Clock) -> None:
    source = logged_in(demo, clock)
    timed.expire()
    assert not is_taken(demo, source)
    source.renew(source.current())
    assert is_taken(demo, source)


def test_threads_renew_once(demo: DemoServer, timed: _Timed, clock: Clock) -> None:
    source = logged_in(demo, clock)
    refused = source.current()
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: source.renew(refused), range(8)))
    assert timed.answered["refresh_token"] == 1
    assert timed.answered["invalid_grant"] == 0


def test_sessions_of_one_login_renew_once(demo: DemoServer, timed: _Timed, clock: Clock) -> None:
    sources = [logged_in(demo, clock)]
    sources += [again(demo, clock) for _ in range(5)]
    refused = sources[0].current()
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda source: source.renew(refused), sources))
    assert timed.answered["refresh_token"] == 1
    assert len({source.current().reveal() for source in sources}) == 1


def test_a_fan_out_of_a_day_later_goes_on(demo: DemoServer, timed: _Timed, clock: Clock) -> None:
    for day in range(10):
        source = again(demo, clock) if day else logged_in(demo, clock)
        source.ready()
        assert is_taken(demo, source)
        clock.advance(86_400)
    assert timed.answered == {"authorization_code": 1, "refresh_token": 9}


def test_token_endpoint_takes_one_request_a_second(demo: DemoServer, clock: Clock) -> None:
    face = _Timed(clock, per_second=1.0)
    demo.faces.remove(demo.auth)
    demo.auth = face
    demo.mount(face)
    source = logged_in(demo, clock)
    for _ in range(3):
        source.renew(source.current())
    assert face.answered["throttled"] == 3
    assert face.answered["refresh_token"] == 3
    assert clock.sleeps == [1.0, 1.0, 1.0]


def test_long_lived_refresh_token_stays(demo: DemoServer, timed: _Timed, clock: Clock) -> None:
    timed.rotating = False
    source = logged_in(demo, clock)
    held = tokens.every()[0].tokens.refresh
    source.renew(source.current())
    assert held is not None
    assert tokens.every()[0].tokens.refresh.reveal() == held.reveal()  # type: ignore[union-attr]


def test_answer_without_a_refresh_token_keeps_the_one_there_is(demo: DemoServer, timed: _Timed, clock: Clock) -> None:
    source = logged_in(demo, clock)
    held = tokens.every()[0].tokens.refresh
    timed.before = lambda number: Answer(200, b'{"access_token": "fresh", "expires_in": 86400}')
    source.renew(source.current())
    assert source.current().reveal() == "fresh"
    assert tokens.every()[0].tokens.refresh.reveal() == held.reveal()  # type: ignore[union-attr]


def test_refresh_token_that_is_not_taken_any_more(demo: DemoServer, timed: _Timed, clock: Clock) -> None:
    source = logged_in(demo, clock)
    timed._refresh.clear()
    error = _failure(lambda: source.renew(source.current()))
    assert isinstance(error, cctrack.AuthError)
    assert "\n" not in str(error)
    assert "log in again with cctrack.login(client_id)" in str(error)
    asked = timed.asked
    for one in (source, again(demo, clock)):  # neither this process nor the next asks in vain
        same = _failure(lambda one=one: one.renew(one.current()))  # type: ignore[misc]
        assert str(same) == str(error)
    assert timed.asked == asked


def test_no_answer_is_no_end(demo: DemoServer, timed: _Timed, clock: Clock) -> None:
    source = logged_in(demo, clock)
    timed.before = lambda number: Answer(503, b"<html>busy</html>", "text/html")
    with pytest.raises(cctrack.ServiceError):
        source.renew(source.current())
    timed.before = lambda number: None
    source.renew(source.current())
    assert is_taken(demo, source)
    assert tokens.every()[0].renewing_since is None


def test_token_that_still_lasts_is_used_while_the_server_is_gone(demo: DemoServer, clock: Clock) -> None:
    source = logged_in(demo, clock)
    first = source.current().reveal()
    clock.advance(86_400 - 200)
    demo.stop()
    for _ in range(3):
        source.ready()
    assert source.current().reveal() == first
    assert tokens.every()[0].renewing_since == clock.time()  # asked once, not before each call
    clock.advance(30)
    source.ready()
    assert tokens.every()[0].renewing_since == clock.time() - 30


def test_server_that_is_gone(demo: DemoServer, clock: Clock) -> None:
    source = logged_in(demo, clock)
    demo.stop()
    with pytest.raises(cctrack.NetworkError, match="check the network"):
        source.renew(source.current())


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"access_token": 5}', b'{"access_token": "a b"}', b"\xff", b"x" * 300_000]
)
def test_answer_that_is_none(demo: DemoServer, timed: _Timed, clock: Clock, body: bytes) -> None:
    source = logged_in(demo, clock)
    held = source.current().reveal()
    timed.before = lambda number: Answer(200, body)
    with pytest.raises(cctrack.ResponseError):
        source.renew(source.current())
    assert again(demo, clock).current().reveal() == held


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirect_takes_no_token_along(
    demo: DemoServer, account: Account, timed: _Timed, clock: Clock, status: int
) -> None:
    source = logged_in(demo, clock)
    with DemoServer(account) as other:
        place = {"Location": f"{other.url}/oauth2/default/v1/token"}
        timed.before = lambda number: Answer(status, b"", headers=place)
        with pytest.raises(cctrack.ResponseError):
            source.renew(source.current())
        assert other.requests == 0


def test_login_was_removed_or_replaced_meanwhile(demo: DemoServer, timed: _Timed, clock: Clock) -> None:
    first = logged_in(demo, clock)
    second = logged_in(demo, clock)  # perhaps to another account: the caches must not mix
    with pytest.raises(cctrack.AuthError, match="replaced by a newer one"):
        first.renew(first.current())
    cctrack.logout()
    with pytest.raises(cctrack.AuthError, match="was removed"):
        second.renew(second.current())
    assert timed.answered["refresh_token"] == 0


def test_login_without_a_refresh_token(demo: DemoServer, timed: _Timed, clock: Clock) -> None:
    source = logged_in(demo, clock, scope="contact_data campaign_data account_read")
    clock.advance(86_400 - 1)
    source.ready()
    assert is_taken(demo, source)  # as long as it lasts
    with pytest.raises(cctrack.AuthError, match="no refresh token"):
        source.renew(source.current())
    assert timed.answered == {"authorization_code": 1}


# --- killed, interrupted, not writable -----------------------------------------------------------

_CHILD = """
import sys
from cctrack.api import oauth
from cctrack.api.clock import SystemClock
source = oauth.stored(None, None, sys.argv[1], SystemClock())
try:
    source.renew(source.current())
except Exception as error:
    print(f"{type(error).__name__}: {error}")
else:
    print("renewed")
"""


def _child(demo: DemoServer) -> "subprocess.Popen[str]":
    command = [sys.executable, "-c", _CHILD, demo.url]
    return subprocess.Popen(command, env=environment(**_own()), stdout=subprocess.PIPE, text=True)


def _own() -> dict[str, str]:
    return {"CCTRACK_CACHE_DIR": os.environ["CCTRACK_CACHE_DIR"]}


class _Killing(AuthFace):
    """Kills who asks, after the token was spent and before the answer is sent."""

    victim: "subprocess.Popen[str] | None" = None
    there = threading.Event()

    def answer(self, call: Call) -> Answer:
        answer = super().answer(call)
        if call.path.endswith("/token") and self.there.wait(_WAIT) and self.victim is not None:
            self.victim.kill()
            self.victim.wait()
        return answer


def test_killed_between_the_answer_and_the_write(demo: DemoServer, clock: Clock) -> None:
    demo.faces.remove(demo.auth)
    demo.auth = face = _Killing()
    face.there.set()
    demo.mount(face)
    logged_in(demo, clock)
    face.there.clear()
    with _child(demo) as victim:
        face.victim = victim
        face.there.set()
        assert victim.communicate(timeout=60) == ("", None)
    assert victim.returncode == -signal.SIGKILL
    assert face.answered["refresh_token"] == 1
    face.victim = None
    with _child(demo) as following:
        told, _ = following.communicate(timeout=60)
    assert told.startswith("AuthError: ")
    assert "was cut off before its answer was written down" in told
    assert "log in again with cctrack.login(client_id)" in told
    assert told.count("\n") == 1
    logged_in(demo, clock)  # and a new login is one
    with _child(demo) as following:
        assert following.communicate(timeout=60) == ("renewed\n", None)


def test_ctrl_c_does_not_part_the_answer_from_the_write(demo: DemoServer, timed: _Timed, clock: Clock) -> None:
    source = logged_in(demo, clock)
    main = threading.main_thread().ident
    assert main is not None
    over = threading.Event()

    def before(number: int) -> None:
        signal.pthread_kill(main, signal.SIGINT)
        over.wait(_WAIT)  # until the caller has gone

    timed.before = before
    error = _failure(lambda: source.renew(source.current()))
    assert isinstance(error, KeyboardInterrupt)
    timed.before = lambda number: None
    over.set()
    source.renew(source.current())  # waits for the one that is under way, and takes what it wrote
    assert is_taken(demo, source)
    assert again(demo, clock).current().reveal() == source.current().reveal()
    assert timed.answered == {"authorization_code": 1, "refresh_token": 1}


def test_answer_that_cannot_be_written_is_used_and_said(demo: DemoServer, timed: _Timed, clock: Clock) -> None:
    source = logged_in(demo, clock)
    moved = tokens.folder().with_name("moved")

    def before(number: int) -> None:
        tokens.folder().rename(moved)
        tokens.folder().write_text("no folder")

    timed.before = before
    with quiet() as told:
        source.renew(source.current())
    assert is_taken(demo, source)
    assert len(told) == 1
    assert "for this process only" in told[0]
    tokens.folder().unlink()
    moved.rename(tokens.folder())
    timed.before = lambda number: None
    following = again(demo, clock)
    with pytest.raises(cctrack.AuthError, match="was cut off before its answer was written down"):
        following.renew(following.current())


# --- where it is stored --------------------------------------------------------------------------


def _modes(folder: Path) -> set[int]:
    return {stat.S_IMODE(path.stat().st_mode) for path in files(folder)}


def test_file_is_its_owners_alone(demo: DemoServer, timed: _Timed, clock: Clock) -> None:
    old = os.umask(0)
    try:
        source = logged_in(demo, clock)
        source.renew(source.current())
    finally:
        os.umask(old)
    assert _modes(tokens.folder()) == {0o600}
    assert stat.S_IMODE(tokens.folder().stat().st_mode) == 0o700
    names = sorted(path.suffix for path in files(tokens.folder()))
    assert names == [".json", ".lock"]  # nothing is left beside it


@pytest.mark.parametrize("damage", [b"", b"{", b"[]", b"null", b'{"client_id": 5}', b"\xff\xfe"])
def test_damaged_file_is_no_login(demo: DemoServer, clock: Clock, damage: bytes) -> None:
    logged_in(demo, clock)
    (path,) = tokens.folder().glob("*.json")
    path.write_bytes(damage)
    assert tokens.every() == []
    assert oauth.stored(None, None, demo.url, clock) is None
    assert is_taken(demo, logged_in(demo, clock))


def test_token_is_shown_to_no_other_host(demo: DemoServer, clock: Clock) -> None:
    logged_in(demo, clock)
    for other in ("https://api.cc.email", "http://127.0.0.1:1"):
        assert oauth.stored(Secret(CLIENT), None, other, clock) is None


def test_several_logins(demo: DemoServer, clock: Clock) -> None:
    one = logged_in(demo, clock, profile="one")
    assert again(demo).owner == one.owner
    two = logged_in(demo, clock, profile="two")
    assert again(demo, profile="two").owner == two.owner
    with pytest.raises(cctrack.ConfigError, match=r"2 logins are stored .*'one'.*'two'"):
        again(demo)
    assert oauth.stored(Secret("another-client"), None, demo.url, clock) is None
    assert oauth.stored(None, "three", demo.url, clock) is None
    plain = logged_in(demo, clock)
    assert again(demo).owner == plain.owner  # no profile means the one without
    with pytest.raises(cctrack.ConfigError, match="logout"):
        cctrack.logout()
    cctrack.logout(profile="two")
    assert sorted(str(login.profile) for login in tokens.every()) == ["None", "one"]
    cctrack.logout("another-client")
    cctrack.logout(CLIENT, profile="one")
    cctrack.logout(CLIENT)
    cctrack.logout()
    assert tokens.every() == []


class _Keyring(KeyringBackend):
    """A keyring that works, as far as it wants."""

    priority = 5  # type: ignore[assignment]

    def __init__(self) -> None:
        super().__init__()
        self.held: dict[tuple[str, str], str] = {}
        self.longest: int | None = None
        self.locked = False

    def get_password(self, service: str, username: str) -> str | None:
        if self.locked:
            raise keyring.errors.KeyringLocked(str(self.held))
        return self.held.get((service, username))

    def set_password(self, service: str, username: str, password: str) -> None:
        if self.locked or (self.longest is not None and len(password) > self.longest):
            raise keyring.errors.PasswordSetError(password)
        self.held[service, username] = password

    def delete_password(self, service: str, username: str) -> None:
        if (service, username) not in self.held:
            raise keyring.errors.PasswordDeleteError("no such entry")
        del self.held[service, username]


@pytest.fixture
def ring() -> Iterator[_Keyring]:
    """Give the machine a keyring."""
    found = _Keyring()
    keyring.set_keyring(found)
    yield found
    keyring.set_keyring(NoKeyring())


def test_tokens_are_in_the_keyring_alone(demo: DemoServer, timed: _Timed, clock: Clock, ring: _Keyring) -> None:
    source = logged_in(demo, clock)
    for _ in range(2):
        held = "".join(ring.held.values())
        assert all(secret.reveal() in held for secret in source.secrets())
        for path in files(tokens.folder()):
            assert not any(secret.reveal() in path.read_text() for secret in source.secrets())
        assert is_taken(demo, again(demo, clock))
        source.renew(source.current())
    clock.advance(86_400)
    following = again(demo, clock)
    following.ready()
    assert is_taken(demo, following)
    cctrack.logout()
    assert ring.held == {}
    assert tokens.every() == []


def test_keyring_with_short_entries(demo: DemoServer, timed: _Timed, clock: Clock, ring: _Keyring) -> None:
    """Windows takes 1,280 characters: a long access token is asked for anew in the next process."""
    ring.longest = 200
    logged_in(demo, clock)
    following = again(demo, clock)
    following.ready()
    assert is_taken(demo, following)
    assert timed.answered["refresh_token"] == 1


def test_keyring_that_refuses(demo: DemoServer, timed: _Timed, clock: Clock, ring: _Keyring) -> None:
    source = logged_in(demo, clock)
    ring.longest = 1
    with quiet() as told:
        source.renew(source.current())  # a token that is good for one use must not be lost for it
    assert len(told) == 1
    assert "the keyring does not take the tokens; they are in a file" in told[0]
    assert ring.held == {}
    assert is_taken(demo, again(demo, clock))


def test_keyring_that_is_locked(demo: DemoServer, timed: _Timed, clock: Clock, ring: _Keyring) -> None:
    logged_in(demo, clock)
    ring.locked = True
    error = _failure(lambda: again(demo, clock))
    assert isinstance(error, cctrack.ConfigError)
    assert "unlock it" in str(error)
    held = "".join(ring.held.values())
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    frames = [frame for frame in shown.stack if not frame.filename.endswith("test_oauth.py")]
    assert not any(part in str([frame.locals for frame in frames]) for part in held.split() if len(part) > 20)


def test_no_real_keyring_counts_as_none(demo: DemoServer, clock: Clock) -> None:
    assert tokens.place() == "file"
    logged_in(demo, clock)
    assert [login.kept for login in tokens.every()] == ["file"]


# --- nothing is shown ----------------------------------------------------------------------------


def _clean(secrets: list[str], *texts: object) -> None:
    for text in texts:
        shown = text.decode("latin-1") if isinstance(text, bytes) else str(text)
        for secret in secrets:
            for form in (secret, secret[8:24]):
                at = shown.find(form)
                assert at < 0, f"found {shown[max(0, at - 60) : at]}[HERE]"


def _clean_failure(secrets: list[str], error: BaseException) -> None:
    for one in _chain(error):
        _clean(secrets, str(one), repr(one), one.args, *_reachable(vars(one)))
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    own = [frame for frame in shown.stack if Path(frame.filename).name not in ("test_oauth.py", "test_secrets.py")]
    assert own
    _clean(secrets, *(str(frame.locals) for frame in own))


def _echoing(call: Call) -> Iterator[Answer]:
    """Answer with what was sent, in every way."""
    sent = call.body.decode() + " " + " ".join(dict(_pairs(call)).values())
    for status in (400, 401, 403, 404, 429, 500):
        yield Answer(status, json.dumps({"error": "invalid_grant", "error_description": sent}).encode())
        yield Answer(status, json.dumps({"error": sent}).encode())
        yield Answer(status, json.dumps({"error_key": "odd", "error_message": sent}).encode())
        yield Answer(status, sent.encode())
    yield Answer(302, b"", headers={"Location": f"http://evil.example/?{call.body.decode()}"})
    yield Answer(200, sent.encode())
    yield Answer(200, json.dumps({"access_token": f"{sent} x"}).encode())


def _pairs(call: Call) -> list[tuple[str, str]]:
    from urllib.parse import parse_qsl

    return parse_qsl(call.body.decode())


def test_no_failure_of_a_renewal_shows_a_token(
    demo: DemoServer, timed: _Timed, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets: list[str] = []
    for number in range(27):
        source = logged_in(demo, clock)
        secrets += [secret.reveal() for secret in source.secrets()]

        def answer(call: Call, number: int = number) -> Answer:
            return list(_echoing(call))[number]

        usual, timed.answer = timed.answer, answer  # type: ignore[method-assign]
        error = _failure(lambda source=source: source.renew(source.current()))  # type: ignore[misc]
        timed.answer = usual  # type: ignore[method-assign]
        assert isinstance(error, cctrack.CctrackError)
        _clean_failure(secrets, error)
        _clean(secrets, *_reachable(source), repr(source))
    assert any(record.name.startswith("urllib3") for record in caplog.records)
    for record in caplog.records:
        _clean(secrets, record.getMessage(), repr(vars(record)))
    _clean(secrets, *demo.log)


def test_no_failure_of_a_login_shows_code_or_verifier(
    demo: DemoServer, redirect: str, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    secrets: list[str] = []
    usual = demo.auth.answer
    for number in range(27):

        def answer(call: Call, number: int = number) -> Answer:
            if call.path.endswith("/token"):
                sent = dict(_pairs(call))
                secrets.extend((sent["code"], sent["code_verifier"]))
                return list(_echoing(call))[number]
            return usual(call)

        demo.auth.answer = answer  # type: ignore[method-assign]
        clock = Clock()
        error = _failure(lambda clock=clock: by_browser(demo, redirect, Visitor(), clock=clock))  # type: ignore[misc]
        assert isinstance(error, cctrack.CctrackError)
        _clean_failure(secrets, error)
    assert len(secrets) >= 54
    for record in caplog.records:
        _clean(secrets, record.getMessage(), repr(vars(record)))
    _clean(secrets, *capfd.readouterr(), *demo.log)
    assert not tokens.every()


def test_tokens_are_in_no_file_but_their_own(demo: DemoServer, timed: _Timed, clock: Clock, tmp_path: Path) -> None:
    source = logged_in(demo, clock)
    secrets = [secret.reveal() for secret in source.secrets()]
    source.renew(source.current())
    secrets += [secret.reveal() for secret in source.secrets()]
    (own,) = tokens.folder().glob("*.json")
    for path in files(tmp_path):
        if path != own:
            _clean(secrets, path.read_bytes())
    _clean(secrets[:2], own.read_bytes())  # the spent ones are gone from it
    with pytest.raises(AssertionError):
        _clean(secrets[2:], own.read_bytes())  # the scan finds what is there


def test_page_of_the_demo_shows_a_button_and_takes_no_stranger(demo: DemoServer) -> None:
    place = f"{demo.url}/oauth2/default/v1/authorize"
    assert page(f"{place}?client_id=x&redirect_uri=https://evil.example/")[0] == 400
    assert page(f"{place}?redirect_uri=http://localhost/")[0] == 400
    status, text = page(
        f"{place}?client_id=%3Cb%3E&redirect_uri=http://localhost/&response_type=code&code_challenge_method=S256"
    )
    assert status == 200
    assert "<b>" not in text
