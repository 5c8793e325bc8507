"""The API key and the token: in no error, log, traceback, repr, pickle, file, frame or warning."""

import base64
import json
import logging
import os
import pickle
import signal
import threading
import traceback
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from clock import Clock
from service import CLOSE, Answer, Service, click, encode, envelope
from sessions import CLICKS, always, clicks, decoded, ids_of, link_ids, quiet, session_on

import cctrack
from cctrack.api import transport


@pytest.fixture(params=["plain", "awkward"])
def secretive(request: pytest.FixtureRequest, service: Service) -> Service:
    """The service with credentials that are written in more than one way."""
    if request.param == "awkward":
        service.key = "SEKRET/key+" + service.key[-12:] + "%3D&'="
        service.token = 'SEKRET/token+"' + service.token[-12:] + "\\=="
    return service


def _forms(service: Service) -> list[str]:
    found = []
    for secret in (service.key, service.token):
        found += [secret, quote(secret), quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]]
        # Whatever stands before it: the part of base64 that depends on the secret alone.
        for shift in range(3):
            coded = base64.b64encode(b"x" * shift + secret.encode()).decode()
            found.append(coded[4 if shift else 0 : len(coded) // 4 * 4 - 4])
        found.append(secret.encode().hex())
        found.append(secret[-18:-6])  # the part that no escape changes
    return sorted(set(found))


def _clean(service: Service, *texts: object) -> None:
    for text in texts:
        shown = text.decode("latin-1") if isinstance(text, bytes) else str(text)
        for form in _forms(service):
            at = shown.find(form)
            assert at < 0, f"found {shown[max(0, at - 60) : at]}[HERE]"


def test_the_scanner_finds_what_it_is_to_find(secretive: Service) -> None:
    for secret in (secretive.key, secretive.token):
        for text in (
            f"a {secret} b",
            quote(secret, safe=""),
            json.dumps({"x": secret}),
            repr([secret]),
            base64.b64encode(b"ab" + secret.encode() + b"cdef"),
            secret.encode().hex(),
        ):
            with pytest.raises(AssertionError):
                _clean(secretive, text)


# --- failures ------------------------------------------------------------------------------------


def _echo(service: Service) -> str:
    return f"you sent {service.key} and Bearer {service.token} ({quote(service.key, safe='')})"


def _failing(service: Service) -> Iterator[tuple[str, Answer]]:
    echo = _echo(service)
    for status in (400, 401, 403, 404, 410, 429, 500, 503):
        yield f"{status}", Answer.error(status, f"odd {service.token}", echo)
        yield f"{status} text", Answer(status, echo.encode())
        yield f"{status} headers", Answer(status, headers={"X-Error-Detail-Header": service.key, "Retry-After": "1"})
    yield "quota", Answer.error(403, "mashery.not.authorized.over.ratelimit", echo)
    yield "redirect", Answer(302, encode(echo), {"Location": f"https://evil.example/?{quote(echo)}"})
    yield "no JSON", Answer(body=echo.encode())
    yield "no report", Answer.json({"results": echo, service.key: service.token})
    yield "odd row", Answer.json({"results": [echo]})
    yield "hostile link", Answer.page(clicks(1), f"https://evil.example/{quote(echo)}")
    yield "cut", Answer.cut(echo.encode() * 30)
    yield "reset", Answer.reset(echo.encode() * 30)
    yield "silent", Answer.silent()
    yield "status line", Answer.raw(f"{service.key} {service.token}\r\n\r\n".encode(), CLOSE)
    yield "header line", Answer.raw(f"HTTP/1.1 200 OK\r\n{service.key} {service.token}\r\n\r\n".encode(), CLOSE)
    yield "status text", Answer.raw(f"HTTP/1.1 999999 {service.key} {service.token}\r\n\r\n".encode(), CLOSE)
    yield "bad gzip", Answer(body=echo.encode(), headers={"Content-Encoding": "gzip"})
    yield (
        "bad chunk",
        Answer.raw(f"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{service.key}\r\n".encode(), CLOSE),
    )
    yield "bad length", Answer.raw(f"HTTP/1.1 200 OK\r\nContent-Length: {service.token}\r\n\r\n".encode(), CLOSE)


def _failure(call: Callable[[], Any]) -> BaseException:
    """Give what it raises; knows nothing that a traceback may not show."""
    try:
        call()
    except BaseException as error:
        return error
    raise AssertionError("nothing was raised")


def _chain(error: BaseException | None) -> list[BaseException]:
    found: list[BaseException] = []
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if one is not None and one not in found:
            found.append(one)
            waiting += [one.__cause__, one.__context__]
    return found


def _clean_failure(service: Service, error: BaseException) -> None:
    for one in _chain(error):
        _clean(service, str(one), repr(one), one.args, getattr(one, "__notes__", ""))
        _clean(service, *_reachable(vars(one)))
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    _clean(service, "".join(shown.format()))


def _reachable(start: Any) -> Iterator[str]:
    """Show everything that attributes, members and items lead to; what only a closure knows stays unknown."""
    seen: set[int] = set()
    waiting = [start]
    keep = []  # an id is only good while its object lives
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, (types.ModuleType, int, float, type(None))):
            continue
        seen.add(id(one))
        keep.append(one)
        if isinstance(one, (str, bytes)):
            yield one if isinstance(one, str) else one.decode("latin-1")
            continue
        yield repr(one)
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, (list, tuple, set, frozenset)):
            waiting += one
        if isinstance(one, type) and not one.__module__.startswith(("cctrack", "urllib3", "requests")):
            continue
        waiting += list(getattr(one, "__dict__", {}).values())
        for kind in type(one).__mro__:
            slots = kind.__dict__.get("__slots__", ())
            names = [slots] if isinstance(slots, str) else slots
            waiting += [getattr(one, name) for name in names if hasattr(one, name)]
        waiting.append(getattr(one, "__self__", None))
        waiting.append(getattr(one, "args", None) if isinstance(one, BaseException) else None)


def test_no_failure_shows_them(
    secretive: Service, tmp_cache: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    session = session_on(secretive, tmp_cache, clock)
    for name, answer in _failing(secretive):
        always(secretive, CLICKS, answer)
        error = _failure(lambda: cctrack.clicks_df("36", session=session))
        assert isinstance(error, cctrack.CctrackError), name
        _clean_failure(secretive, error)
        _clean(secretive, pickle.dumps(error))
    assert any(record.name.startswith("urllib3") for record in caplog.records)
    _clean(secretive, *_logged(caplog))
    _clean(secretive, *decoded(tmp_cache))


def _logged(caplog: pytest.LogCaptureFixture) -> Iterator[str]:
    for record in caplog.records:
        yield record.getMessage()
        yield repr(vars(record))


def test_an_error_survives_the_way_between_processes(service: Service, tmp_cache: Path) -> None:
    always(service, CLICKS, Answer.error(403, "mashery.not.authorized.over.ratelimit"))
    session = session_on(service, tmp_cache)
    error = _failure(lambda: cctrack.clicks_df("36", session=session))
    copy = pickle.loads(pickle.dumps(error))
    assert type(copy) is cctrack.RateLimitError
    assert vars(copy) == vars(error)
    assert str(copy) == str(error)


def test_no_connection_failure_shows_them(
    secretive: Service, tmp_cache: Path, clock: Clock, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    monkeypatch.setattr(transport, "_ANSWER", 0.1)
    monkeypatch.setattr(transport, "_CONNECT", 0.1)
    session = session_on(secretive, tmp_cache, clock)
    for answer in (Answer.hang(), Answer.drip_head(pause=0.02), Answer.drip(pause=0.02)):
        always(secretive, CLICKS, answer)
        _clean_failure(secretive, _failure(lambda: cctrack.clicks_df("36", session=session)))
    tls = session_on(secretive, tmp_cache, clock, url=secretive.url.replace("http://", "https://"))
    _clean_failure(secretive, _failure(lambda: cctrack.clicks_df("36", session=tls)))
    secretive.close()
    error = _failure(lambda: cctrack.clicks_df("36", session=session))
    assert "refused" in str(error)
    _clean_failure(secretive, error)
    _clean(secretive, *_logged(caplog))


@pytest.mark.parametrize("when", ["headers", "body", "waiting"])
def test_no_interrupt_shows_them(secretive: Service, tmp_cache: Path, when: str) -> None:
    """Ctrl-C while the answer is awaited; the traceback is the library's and urllib3's, with their locals."""
    main = threading.main_thread().ident
    assert main is not None

    def press() -> None:
        signal.pthread_kill(main, signal.SIGINT)

    def before(request: Any) -> Answer:
        timer = threading.Timer(0.1, press)
        timer.daemon = True
        timer.start()
        return {
            "headers": Answer.hang(),
            "body": Answer.drip(pause=0.05),
            "waiting": Answer.error(429, headers={"Retry-After": "5"}),
        }[when]

    secretive.before = before
    session = session_on(secretive, tmp_cache, _Real())
    error = _failure(lambda: cctrack.clicks_df("36", session=session))
    assert isinstance(error, KeyboardInterrupt)
    _clean_failure(secretive, error)
    # And the next call works.
    secretive.before = None
    secretive.rows(CLICKS, clicks(2))
    assert link_ids(cctrack.clicks_df("36", session=session)) == ids_of(clicks(2))


class _Real:
    """The machine's own time: an interrupt must find somebody who waits."""

    def __init__(self) -> None:
        from cctrack.api.clock import SystemClock

        self.time, self.monotonic, self.sleep = SystemClock.time, SystemClock.monotonic, SystemClock.sleep


def test_no_configuration_error_shows_them() -> None:
    key, token = "SEKRETkey" + "0123456789abcdef", "SEKRETtoken" + "0123456789abcdef"
    given: list[dict[str, Any]] = [
        {"api_key": key + "\n", "access_token": token},
        {"api_key": key, "access_token": token + " x"},
        {"api_key": key + "é", "access_token": token},
        {"api_key": key, "access_token": token, "base_url": "ftp://x"},
        {"api_key": key, "access_token": token, "acess_token": token},
        {"api_key": key, "access_token": token, "rate": "fast"},
        {"api_key": [key], "access_token": token},
        {"api_key": key.encode(), "access_token": token},
        {"api_key": key},
        {"access_token": token},
    ]
    for arguments in given:
        error = _failure(lambda arguments=arguments: cctrack.connect(**arguments))  # type: ignore[misc]
        assert isinstance(error, cctrack.ConfigError)
        for one in _chain(error):
            assert "SEKRET" not in f"{one} {one!r} {vars(one)}"
        shown = traceback.TracebackException.from_exception(error, capture_locals=True)
        frames = [frame for frame in shown.stack if not frame.filename.endswith("test_secrets.py")]
        assert "SEKRET" not in str([frame.locals for frame in frames])


# --- objects -------------------------------------------------------------------------------------


def test_session_does_not_show_them(secretive: Service, tmp_cache: Path) -> None:
    secretive.rows(CLICKS, clicks(5))
    session = session_on(secretive, tmp_cache)
    cctrack.clicks_df("36", limit=2, session=session)
    _clean(secretive, repr(session), str(session), f"{session}", dir(session))
    shown = list(_reachable(session))
    assert len(shown) > 200
    _clean(secretive, *shown)


def test_public_session_does_not_show_them(secretive: Service) -> None:
    session = cctrack.connect(secretive.key, secretive.token, base_url=secretive.url)
    _clean(secretive, *_reachable(session))
    _clean(secretive, session.account, str(session.store.path))


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_session_is_not_pickled(service: Service, tmp_cache: Path, protocol: int) -> None:
    session = session_on(service, tmp_cache)
    with pytest.raises(TypeError, match="connect again"):
        pickle.dumps(session, protocol)


def test_frames_attrs_and_warnings_do_not_show_an_echo(secretive: Service, tmp_cache: Path) -> None:
    rows = [
        *(click(email_address=_echo(secretive), link_uri=f"https://x.example/?k={secretive.key}") for _ in range(3)),
        click(link_id=secretive.token, campaign_id=quote(secretive.token, safe="")),
        click(date=secretive.key),
        {secretive.key: secretive.token},
    ]
    first = Answer.page(rows, f"{CLICKS}?next=T&api_key={quote(secretive.key, safe='')}")
    last = Answer.page([click(date=secretive.token, activity_type=secretive.key)])
    secretive.on(CLICKS, lambda request: last if "next" in request.query else first)
    session = session_on(secretive, tmp_cache)
    with quiet() as told:
        frame = cctrack.clicks_df("36", limit=6, session=session)
        held = cctrack.clicks_df("36", session=session)
    assert len(frame) == len(held) == 7
    assert any("RepairWarning" in text for text in told)
    shown = [frame.to_html(), frame.to_csv(), json.dumps(frame.attrs), repr(frame["activity_type"].cat.categories)]
    _clean(secretive, *shown, *told, held.to_csv(), cctrack.provenance(frame).to_csv())
    _clean(secretive, cctrack.cache.info(session=session).to_csv(), cctrack.cache.info(session=session).attrs)
    session.close()
    found = list(decoded(tmp_cache))
    assert any("EMAIL_CLICK" in text for text in found)  # the scan reads what is there
    _clean(secretive, *found)


def test_an_echoed_key_is_not_sent_twice(service: Service, tmp_cache: Path) -> None:
    first = Answer.page(clicks(2), f"{CLICKS}?api_key={service.key}&next=T&access_token={service.token}")
    service.script(CLICKS, [first, Answer.page(clicks(1, 2)), first])
    cctrack.clicks_df("36", limit=2, session=session_on(service, tmp_cache))
    assert service.requests[1].query == {"next": ["T"], "api_key": [service.key]}


# --- files ---------------------------------------------------------------------------------------


def test_nothing_on_disk_shows_them(secretive: Service, tmp_cache: Path) -> None:
    secretive.rows(CLICKS, clicks(5))
    secretive.body("/v2/contacts/37/tracking/clicks", encode(envelope([])), headers={"Set-Cookie": secretive.token})
    session = cctrack.connect(secretive.key, secretive.token, base_url=secretive.url, rate=1000)
    cctrack.clicks_df(["36", "37"], limit=2, session=session)
    for _ in range(2):  # open, with its journal, and closed
        found = list(decoded(tmp_cache))
        assert any("EMAIL_CLICK" in text for text in found)
        _clean(secretive, *found)
        session.close()


# --- what leaves ---------------------------------------------------------------------------------


def test_netrc_does_not_replace_the_token(
    service: Service, tmp_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "netrc"
    path.write_text("machine 127.0.0.1 login me password NETRCpassword\ndefault login me password NETRCpassword\n")
    path.chmod(0o600)
    monkeypatch.setenv("NETRC", str(path))
    monkeypatch.setenv("HOME", str(tmp_path))
    os.replace(path, tmp_path / ".netrc")  # noqa: PTH105
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    service.rows(CLICKS, clicks(3))
    cctrack.clicks_df("36", limit=2, session=session_on(service, tmp_cache))
    assert {request.headers["authorization"] for request in service.requests} == {f"Bearer {service.token}"}


def test_credentials_stand_where_they_belong_and_nowhere_else(service: Service, tmp_cache: Path) -> None:
    service.rows(CLICKS, clicks(3))
    cctrack.clicks_df("36", limit=2, session=session_on(service, tmp_cache))
    for request in service.requests:
        assert request.query["api_key"] == [service.key]
        assert service.token not in request.target
        others = {name: value for name, value in request.headers.items() if name != "authorization"}
        assert service.token not in str(others)
        assert service.key not in str(request.headers)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirect_takes_nothing_along(service: Service, tmp_cache: Path, status: int) -> None:
    with Service(auth=False) as other:
        always(service, CLICKS, Answer.redirect(f"{other.url}{CLICKS}", status))
        error = _failure(lambda: cctrack.clicks_df("36", session=session_on(service, tmp_cache)))
        assert isinstance(error, cctrack.ResponseError)
        assert other.connections == 0


def test_no_cookie_is_kept(service: Service, tmp_cache: Path) -> None:
    rows = clicks(5)
    served = service.rows(CLICKS, rows)

    def handler(request: Any) -> Answer:
        answer = served(request)
        return Answer(answer.status, answer.body, {"Set-Cookie": "session=COOKIEvalue; Path=/"})

    service.on(CLICKS, handler)
    session = session_on(service, tmp_cache)
    cctrack.clicks_df("36", limit=2, session=session)
    cctrack.clicks_df("36", refresh=True, session=session)
    assert service.hits() >= 5
    assert all("cookie" not in request.headers for request in service.requests)
    assert not any("COOKIEvalue" in text for text in decoded(tmp_cache))
