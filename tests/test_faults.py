"""What can go wrong on the wire, one case each, over a real socket; numbered as in the list of cases."""

import json
import random
import re
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from clock import Clock
from service import SAMPLE, Answer, Service, click, encode, envelope
from sessions import CLICKS, always, clicks, ids_of, link_ids, pages_in, quiet, session_on, threads_ended

import cctrack
from cctrack.api import transport
from cctrack.errors import CctrackError

GOOD = clicks(3)
PAGE = Answer.page(GOOD)
HTML = b"<html><body><h1>Service temporarily unavailable</h1></body></html>"
NOW = Clock().time()
# What a message may end with: something to do.
ADVICE = re.compile(
    r"\b(check|try|wait|ask|connect|report|get a new|pass|again|copy|can still be read|15 minutes)\b", re.IGNORECASE
)


def _date(offset: float) -> str:
    return format_datetime(datetime.fromtimestamp(NOW + offset, UTC), usegmt=True)


def _error(status: int, key: str, **headers: str) -> Answer:
    return Answer.error(status, key, "the service's own words", {n.replace("_", "-"): v for n, v in headers.items()})


@dataclass(frozen=True)
class Case:
    """One fault: how it is answered, and what must come of it when it stays."""

    name: str
    answer: Answer
    kind: type[CctrackError]
    requests: int
    status: int | None = None
    key: str | None = None
    retryable: bool = False
    retry_after: float | None = None
    daily: bool | None = None
    says: str = ""
    waits: list[tuple[float, float]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.requests > 1 and not self.waits:
            # Half of the doubling wait at least, all of it at most.
            base = 1.0 if self.kind is cctrack.RateLimitError else 0.5
            for number in range(self.requests - 1):
                self.waits.append((base * 2**number / 2, base * 2**number))


QPS, DAY = "mashery.not.authorized.over.qps", "mashery.not.authorized.over.ratelimit"
TO_MIDNIGHT = 86_400 - NOW % 86_400


def _burst(name: str, answer: Answer, **more: Any) -> Case:
    known: dict[str, Any] = {"status": 429, "key": "throttled", "retryable": True, "daily": False, "requests": 5}
    return Case(name, answer, cctrack.RateLimitError, **(known | more))


def _told(name: str, value: str, seconds: float | None, **more: Any) -> Case:
    waits = [] if seconds is None else [(seconds, seconds)] * 4
    answer = _error(429, "throttled", Retry_After=value)
    return _burst(f"26-retry-after-{name}", answer, **({"retry_after": seconds, "waits": waits} | more))


def _service(name: str, answer: Answer, status: int, **more: Any) -> Case:
    return Case(name, answer, cctrack.ServiceError, 5, status, retryable=True, **more)


def _broken(name: str, answer: Answer, **more: Any) -> Case:
    return Case(name, answer, cctrack.NetworkError, 5, retryable=True, says="broke off", **more)


def _not_json(name: str, body: bytes, **more: Any) -> Case:
    return Case(name, Answer(body=body), cctrack.ResponseError, 3, 200, retryable=True, **more)


def _results(name: str, results: Any, says: str) -> Case:
    body = encode({"meta": {"pagination": {}}, "results": results})
    return _not_json(f"46-results-{name}", body, says=says)


# A date is obeyed once; after that it lies in the past.
AFTER_10 = [(10.0, 10.0), (1.0, 2.0), (2.0, 4.0), (4.0, 8.0)]
STATUS = [
    Case("18-401", _error(401, "no.token"), cctrack.AuthError, 1, 401, "no.token", says="access_token"),
    _burst("19-403-over-qps", _error(403, QPS), status=403, key=QPS),
    _burst(
        "19-403-over-qps-in-a-header",
        Answer(403, HTML, {"X-Mashery-Error-Code": "ERR_403_DEVELOPER_OVER_QPS"}),
        status=403,
        key=None,
    ),
    Case(
        "20-403-over-ratelimit",
        _error(403, DAY),
        cctrack.RateLimitError,
        1,
        403,
        DAY,
        retry_after=TO_MIDNIGHT,
        daily=True,
        says="00:00 UTC",
    ),
    Case(
        "20-429-quota-exceeded",
        _error(429, "quota_exceeded"),
        cctrack.RateLimitError,
        1,
        429,
        "quota_exceeded",
        retry_after=TO_MIDNIGHT,
        daily=True,
        says="00:00 UTC",
    ),
    Case(
        "21-403-inactive",
        _error(403, "mashery.not.authorized.inactive"),
        cctrack.AuthError,
        1,
        403,
        "mashery.not.authorized.inactive",
        says="15 minutes",
    ),
    Case("22-403-html", Answer(403, HTML * 20), cctrack.AuthError, 1, 403, says="temporarily unavailable"),
    Case("22-403-other-key", _error(403, "not.yours"), cctrack.AuthError, 1, 403, "not.yours", says="own words"),
    Case("23-404", _error(404, "no.contact"), cctrack.NotFoundError, 1, 404, "no.contact", says="check the id"),
    *(
        Case(f"24-{status}", _error(status, "odd"), CctrackError, 1, status, "odd", says="own words")
        for status in (400, 406, 415)
    ),
    _burst("25-429-without-retry-after", _error(429, "throttled")),
    _burst("25-429-plain-text", Answer(429, b"slow down"), key=None),
    _told("1", "1", 1.0),
    _told("0", "0", None),
    _told("blank-around", " 2 ", 2.0),
    _told("date", _date(10), None, waits=AFTER_10),
    _told("date-with-zone", format_datetime(datetime.fromtimestamp(NOW + 10, UTC)), None, waits=AFTER_10),
    _told("date-past", _date(-100), None),
    _told("negative", "-5", None),
    _told("word", "soon", None),
    _told("empty", "", None),
    _told("fraction", "1.5", 1.5),
    _told("nan", "nan", None),
    _told("inf", "inf", None),
    _told("hours", "7200", 7200.0, requests=1, waits=[], says="7,?200 s|2026-05-28 22:26"),
    _told("three-years", "99999999", 99_999_999.0, requests=1, waits=[], says="99,?999,?999 s|2029"),
    _told("30-once", "30", 30.0, requests=3, waits=[(30.0, 30.0)] * 2),
    _service("28-500", _error(500, "oops"), 500, key="oops"),
    _service("29-503-html", Answer(503, HTML), 503, says="temporarily unavailable"),
    _service("29-502-empty", Answer(502), 502),
    _service("29-504", Answer(504, HTML), 504),
    *(Case(f"30-{status}", Answer(status), cctrack.ResponseError, 1, status) for status in (204, 206, 304)),
    Case("31-302-same-place", Answer.redirect(CLICKS), cctrack.ResponseError, 1, 302),
    Case("31-301-same-host", Answer.redirect("/v2/elsewhere", 301), cctrack.ResponseError, 1, 301),
    Case("31-307-no-place", Answer(307), cctrack.ResponseError, 1, 307),
    Case("31-302-other-host", Answer.redirect("https://evil.example/"), cctrack.ResponseError, 1, 302),
    _broken("32-status-line", Answer.bad_status_line()),
    _broken("32-header-of-70-kB", Answer.big_header()),
    Case("410", _error(410, "gone"), cctrack.ApiGoneError, 1, 410, "gone"),
    Case("408", Answer(408), cctrack.NetworkError, 5, 408, retryable=True),
]

BODY = [
    _broken("33-short", Answer.cut()),
    _broken("33-length-and-nothing", Answer.cut(at=0)),
    _broken("33-reset", Answer.reset()),
    _broken("33-no-answer", Answer.silent()),
    *(_broken(f"33-chunk-{how}", Answer.broken_chunk(how=how)) for how in ("size", "cut", "end")),  # type: ignore[arg-type]
    Case("34-half-without-length", Answer.unframed(at=0.5), cctrack.ResponseError, 3, 200, retryable=True),
    _broken("36-no-gzip", Answer.bad_gzip()),
    _not_json("38-html", HTML, says="is not JSON.*<html>"),
    _not_json("38-empty", b""),
    _not_json("38-blank", b"  \n"),
    _not_json("38-error-list", encode([{"error_key": "x", "error_message": "y"}]), says="list"),
    _not_json("38-number", b"36"),
    _not_json("38-null", b"null"),
    _not_json("38-behind-the-value", SAMPLE + b"{}"),
    _not_json("40-latin-1", '{"meta":{"pagination":{}},"results":[{"email_address":"José"}]}'.encode("latin-1")),
    *(
        _not_json(f"42-{value}", b'{"meta":{"pagination":{}},"results":[{"contact_id":%s}]}' % value.encode())
        for value in ("NaN", "Infinity", "-Infinity", "1e999")
    ),
    _not_json("43-nested", b"[" * 100_000),
    _not_json("43-nested-objects", b'{"a":' * 100_000),
    _results("null", None, "no `results` list"),
    _results("object", {}, "no `results` list"),
    _results("text", "x", "no `results` list"),
    _results("null-row", [None, GOOD[0]], "NoneType"),
    _results("text-row", ["a"], "str"),
    _results("list-row", [[GOOD[0]]], "list"),
    _not_json("46-no-results", b'{"meta":{"pagination":{}}}', says="no `results` list"),
]


@pytest.mark.parametrize("case", [*STATUS, *BODY], ids=lambda case: case.name)
def test_fault_that_stays(case: Case, service: Service, tmp_cache: Path, clock: Clock) -> None:
    always(service, CLICKS, case.answer)
    session = session_on(service, tmp_cache, clock)
    with pytest.raises(CctrackError) as caught:
        cctrack.clicks_df("36", session=session)
    error = caught.value
    assert type(error) is case.kind
    assert service.hits() == service.hits(CLICKS) == case.requests
    assert error.status == case.status
    assert error.error_key == case.key
    assert error.retryable is case.retryable
    assert error.url is not None
    assert error.url.startswith(f"{service.url}{CLICKS}")
    assert "api_key" not in error.url
    if case.retry_after is None:
        assert error.retry_after is None
    else:
        assert error.retry_after == pytest.approx(case.retry_after, abs=1.01)  # dates have whole seconds
    if case.daily is not None:
        assert isinstance(error, cctrack.RateLimitError)
        assert error.daily is case.daily
    _useful(error, case.says)
    assert len(clock.sleeps) == case.requests - 1
    for slept, (least, most) in zip(clock.sleeps, case.waits, strict=True):
        assert least - 1.01 * (least >= 10) <= slept <= most
    assert clock.slept <= 60
    _nothing_kept_and_usable(service, session, tmp_cache)


def _useful(error: CctrackError, says: str) -> None:
    text = str(error)
    assert re.search(says, text), text
    assert ADVICE.search(text[-120:]), text
    assert len(text) < 700
    assert text.isprintable()


def _nothing_kept_and_usable(service: Service, session: cctrack.Session, folder: Path) -> None:
    """The fault left nothing behind, and the session goes on."""
    assert cctrack.cache.info(session=session).empty
    assert pages_in(folder) == 0
    service.reset()
    always(service, CLICKS, PAGE)
    assert link_ids(cctrack.clicks_df("36", session=session)) == ids_of(GOOD)
    assert service.hits() == 1


@pytest.mark.parametrize("case", [case for case in (*STATUS, *BODY) if case.requests > 1], ids=lambda case: case.name)
def test_fault_that_passes(case: Case, service: Service, tmp_cache: Path, clock: Clock) -> None:
    service.script(CLICKS, [case.answer, PAGE])
    frame = cctrack.clicks_df("36", session=session_on(service, tmp_cache, clock))
    assert link_ids(frame) == ids_of(GOOD)
    assert service.hits() == 2
    assert cctrack.provenance(frame) is not None
    assert frame.attrs["cctrack"]["calls"] == 2
    assert len(clock.sleeps) == 1


def test_18_revoked_token_is_not_hidden_by_old_rows(service: Service, tmp_cache: Path, clock: Clock) -> None:
    session = session_on(service, tmp_cache, clock)
    always(service, CLICKS, PAGE)
    cctrack.clicks_df("36", session=session)
    clock.advance(3601)
    service.token = "another"
    with pytest.raises(cctrack.AuthError):
        cctrack.clicks_df("36", session=session)


def test_22_html_is_cut(service: Service, tmp_cache: Path) -> None:
    always(service, CLICKS, Answer(403, b"<p>" + b"word " * 2000))
    with pytest.raises(cctrack.AuthError) as caught:
        cctrack.clicks_df("36", session=session_on(service, tmp_cache))
    assert str(caught.value).count("word") == 39  # 200 characters of it, with the tag


def test_22_control_characters_do_not_reach_the_message(service: Service, tmp_cache: Path) -> None:
    always(service, CLICKS, Answer(403, "\x1b[31mred\r\n\x00 \u202e!".encode()))
    with pytest.raises(cctrack.AuthError) as caught:
        cctrack.clicks_df("36", session=session_on(service, tmp_cache))
    assert str(caught.value).isprintable()


@pytest.mark.parametrize("many", [["36", "37"], ["37", "36"]])
def test_23_missing_of_many(service: Service, tmp_cache: Path, many: list[str]) -> None:
    always(service, CLICKS, PAGE)
    session = session_on(service, tmp_cache)
    with pytest.raises(cctrack.NotFoundError) as caught:
        cctrack.clicks_df(many, session=session)
    assert "/37/" in str(caught.value)
    frame = cctrack.clicks_df(many, on_missing="skip", session=session)
    assert link_ids(frame) == ids_of(GOOD)
    assert frame.attrs["cctrack"]["missing"] == ["37"]


@pytest.mark.parametrize("name", ["Retry-After", "retry-after", "RETRY-AFTER"])
def test_26_header_names_have_no_case(service: Service, tmp_cache: Path, clock: Clock, name: str) -> None:
    service.script(CLICKS, [Answer.error(429, headers={name: "7"}), PAGE])
    cctrack.clicks_df("36", session=session_on(service, tmp_cache, clock))
    assert clock.sleeps == [7.0]


def test_26_waits_of_all_tries_stay_within_the_budget(service: Service, tmp_cache: Path, clock: Clock) -> None:
    """Told waits together are bounded too, not each by itself."""
    always(service, CLICKS, Answer.error(429, headers={"Retry-After": "25"}))
    with pytest.raises(cctrack.RateLimitError):
        cctrack.clicks_df("36", session=session_on(service, tmp_cache, clock))
    assert clock.slept <= 60
    assert service.hits() == 3


def test_slow_answers_use_the_budget_up(service: Service, tmp_cache: Path, clock: Clock) -> None:
    def before(request: Any) -> None:
        clock.advance(25)

    service.before = before
    always(service, CLICKS, Answer(503))
    with pytest.raises(cctrack.ServiceError):
        cctrack.clicks_df("36", session=session_on(service, tmp_cache, clock))
    assert service.hits() == 3  # after the third, 75 s are gone


def _page_three_fails(service: Service, faults: int) -> None:
    rows = clicks(10)
    served = service.rows(CLICKS, rows)
    left = [faults]

    def handler(request: Any) -> Answer:
        answer = served(request)
        if json.loads(answer.body)["results"][:1] == rows[4:5] and left[0]:
            left[0] -= 1
            return Answer(500)
        return answer

    service.on(CLICKS, handler)


def test_27_page_three_fails_once(service: Service, tmp_cache: Path, clock: Clock) -> None:
    service.rows(CLICKS, clicks(10))
    plain = cctrack.clicks_df("36", limit=2, session=session_on(service, tmp_cache, clock, account="v2-plain"))
    service.reset()
    _page_three_fails(service, 1)
    frame = cctrack.clicks_df("36", limit=2, session=session_on(service, tmp_cache, clock))
    pd.testing.assert_frame_equal(frame, plain)
    assert service.hits() == 7  # five pages, one of them twice, and the first again


def test_28_page_three_always_fails(service: Service, tmp_cache: Path, clock: Clock) -> None:
    """No part of it is a report; the next try soon after goes on where it broke off, and is checked."""
    _page_three_fails(service, 10**6)
    session = session_on(service, tmp_cache, clock)
    for requests in (7, 5):
        service.reset()
        with pytest.raises(cctrack.ServiceError):
            cctrack.clicks_df("36", limit=2, session=session)
        assert service.hits() == requests
        assert cctrack.cache.info(session=session).empty
    with pytest.raises(cctrack.CacheMissError):
        cctrack.clicks_df("36", session=session_on(service, tmp_cache, clock, offline=True))
    service.reset()
    service.rows(CLICKS, clicks(10))
    assert link_ids(cctrack.clicks_df("36", limit=2, session=session)) == ids_of(clicks(10))
    assert service.hits() == 4  # pages three to five, and the first again


@pytest.mark.parametrize("arrived", [1, 2, 3, 5])
def test_28_gone_on_with_after_rows_arrived(service: Service, tmp_cache: Path, clock: Clock, arrived: int) -> None:
    _page_three_fails(service, 10**6)
    session = session_on(service, tmp_cache, clock)
    with pytest.raises(cctrack.ServiceError):
        cctrack.clicks_df("36", limit=2, session=session)
    rows = clicks(10 + arrived, first=-arrived)
    service.rows(CLICKS, rows)
    assert link_ids(cctrack.clicks_df("36", limit=2, session=session)) == ids_of(rows)


def test_28_not_gone_on_with_after_a_while(service: Service, tmp_cache: Path, clock: Clock) -> None:
    _page_three_fails(service, 10**6)
    session = session_on(service, tmp_cache, clock)
    with pytest.raises(cctrack.ServiceError):
        cctrack.clicks_df("36", limit=2, session=session)
    clock.advance(3600)
    service.reset()
    service.rows(CLICKS, clicks(10))
    assert link_ids(cctrack.clicks_df("36", limit=2, session=session)) == ids_of(clicks(10))
    assert service.hits() == 6


def test_28_a_token_that_died_meanwhile_does_not_block(service: Service, tmp_cache: Path, clock: Clock) -> None:
    """What was kept to go on with must not make the report unreadable."""
    _page_three_fails(service, 10**6)
    session = session_on(service, tmp_cache, clock)
    with pytest.raises(cctrack.ServiceError):
        cctrack.clicks_df("36", limit=2, session=session)
    service.rows(CLICKS, clicks(10), scheme="opaque")  # knows none of the earlier tokens
    with pytest.raises(CctrackError):
        cctrack.clicks_df("36", limit=2, session=session)
    frame = cctrack.clicks_df("36", limit=2, session=session)
    assert link_ids(frame) == ids_of(clicks(10))


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_31_no_redirect_is_followed(service: Service, tmp_cache: Path, status: int) -> None:
    with Service(auth=False) as other:
        always(other, CLICKS, PAGE)
        always(service, CLICKS, Answer.redirect(f"{other.url}{CLICKS}", status))
        with pytest.raises(cctrack.ResponseError):
            cctrack.clicks_df("36", session=session_on(service, tmp_cache))
        assert other.hits() == other.connections == 0
    assert service.hits() == 1


def test_35_half_gzip(service: Service, tmp_cache: Path, clock: Clock) -> None:
    always(service, CLICKS, Answer.half_gzip())
    session = session_on(service, tmp_cache, clock)
    with pytest.raises((cctrack.ResponseError, cctrack.NetworkError)) as caught:
        cctrack.clicks_df("36", session=session)
    assert caught.value.retryable
    assert service.hits() >= 3
    _nothing_kept_and_usable(service, session, tmp_cache)


def test_37_gzip_bomb_is_broken_off(service: Service, tmp_cache: Path, clock: Clock) -> None:
    """It would be a valid empty page in the end."""
    always(service, CLICKS, Answer.bomb(90))
    session = session_on(service, tmp_cache, clock)
    with pytest.raises(cctrack.ResponseError, match="64 MB"):
        cctrack.clicks_df("36", session=session)
    assert service.hits() == 1
    _nothing_kept_and_usable(service, session, tmp_cache)


@pytest.mark.parametrize(
    "headers", [{"Content-Type": "text/html"}, {"Content-Type": "text/html; charset=latin-1"}, {"Content-Type": ""}]
)
@pytest.mark.parametrize("bom", [b"", b"\xef\xbb\xbf"])
def test_39_41_always_utf_8(service: Service, tmp_cache: Path, headers: dict[str, str], bom: bytes) -> None:
    always(
        service,
        CLICKS,
        Answer(body=bom + encode(envelope([click(email_address="josé🌻@example.org")])), headers=headers),
    )
    frame = cctrack.clicks_df("36", session=session_on(service, tmp_cache))
    assert frame["email_address"].tolist() == ["josé🌻@example.org"]


@pytest.mark.parametrize("answer", [Answer.gzip(encode(envelope(GOOD))), Answer.chunked(encode(envelope(GOOD)))])
def test_right_answers_of_other_forms(service: Service, tmp_cache: Path, answer: Answer) -> None:
    always(service, CLICKS, answer)
    assert link_ids(cctrack.clicks_df("36", session=session_on(service, tmp_cache))) == ids_of(GOOD)


def test_43_number_of_5000_digits(service: Service, tmp_cache: Path) -> None:
    body = encode(envelope([click(link_id=7)])).replace(b": 7", b": " + b"9" * 5000)
    assert b"9999" in body
    always(service, CLICKS, Answer(body=body))
    with pytest.raises(cctrack.ResponseError):
        cctrack.clicks_df("36", session=session_on(service, tmp_cache))


def test_44_lone_surrogate_keeps_its_row(service: Service, tmp_cache: Path) -> None:
    always(service, CLICKS, Answer.page([click(email_address="a\ud800b"), click(email_address="😀")]))
    frame = cctrack.clicks_df("36", session=session_on(service, tmp_cache))
    assert frame["email_address"].tolist() == ["a\ufffdb", "😀"]


def test_45_last_of_two_equal_names_counts(service: Service, tmp_cache: Path) -> None:
    body = encode(envelope(GOOD)).replace(b'"link_id": "0"', b'"link_id": "x", "link_id": "0"')
    always(service, CLICKS, Answer(body=body))
    assert link_ids(cctrack.clicks_df("36", session=session_on(service, tmp_cache))) == ids_of(GOOD)


@pytest.mark.parametrize(
    "answer",
    [Answer.drip(pause=0.02), Answer.drip_head(pause=0.02), Answer.hang(), Answer.late(5, PAGE)],
    ids=["69-body-drips", "69-head-drips", "70-hangs", "70-late"],
)
def test_answer_that_does_not_end(
    answer: Answer, service: Service, tmp_cache: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(transport, "_ANSWER", 0.2)
    always(service, CLICKS, answer)
    session = session_on(service, tmp_cache, clock)
    began = time.monotonic()
    with pytest.raises(cctrack.NetworkError, match="did not come within") as caught:
        cctrack.clicks_df("36", session=session)
    assert time.monotonic() - began < 5 * 0.2 + 2
    assert service.hits() == 5
    assert caught.value.retryable
    _useful(caught.value, "")
    _nothing_kept_and_usable(service, session, tmp_cache)


def test_71_refused(service: Service, tmp_cache: Path, clock: Clock) -> None:
    session = session_on(service, tmp_cache, clock)
    service.close()
    with pytest.raises(cctrack.NetworkError, match="refused the connection") as caught:
        cctrack.clicks_df("36", session=session)
    assert caught.value.retryable
    assert len(clock.sleeps) == 4
    _useful(caught.value, "")


def test_71_name_not_resolved(service: Service, tmp_cache: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []

    def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
        asked.append(host)
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", lookup)
    session = session_on(service, tmp_cache, clock, url="https://nowhere.example")
    with pytest.raises(cctrack.NetworkError, match="could not be resolved") as caught:
        cctrack.clicks_df("36", session=session)
    assert set(asked) == {"nowhere.example"}
    _useful(caught.value, "")


CERTIFICATE = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgeJdTqLOoBi6XVML6
I0mPbNLchCc3jZKN2NfvbfHE1eyhRANCAAQd1zDj8N1XdDzfs5T9beeYtWSNZUa8
UExK5BF1sJQYRlqi4dT5o8Pxj7GoU77mOmxHeJ613c8WEWQJlpzIad7v
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBkDCCATagAwIBAgIUGZ81U7U/6iE6HkdRcMwnCRDJIZ0wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJMTI3LjAuMC4xMCAXDTI2MTEyMzEzMTgzOVoYDzIxMjYxMDMw
MTMxODM5WjAUMRIwEAYDVQQDDAkxMjcuMC4wLjEwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQd1zDj8N1XdDzfs5T9beeYtWSNZUa8UExK5BF1sJQYRlqi4dT5o8Px
j7GoU77mOmxHeJ613c8WEWQJlpzIad7vo2QwYjAdBgNVHQ4EFgQUqJ5KVoC5rN9P
rOBgwRcVqWW3AjowHwYDVR0jBBgwFoAUqJ5KVoC5rN9PrOBgwRcVqWW3AjowDwYD
VR0TAQH/BAUwAwEB/zAPBgNVHREECDAGhwR/AAABMAoGCCqGSM49BAMCA0gAMEUC
IBewln30L1uBcYPGZ8g9hhDHZD837/kD+Y9GIt1jLlyvAiEAnY3iplN8mqB9W+S5
md8awFxi9PTkMgGKgUTuwIAHmco=
-----END CERTIFICATE-----
"""


@contextmanager
def _tls_server(folder: Path, *, speaks_tls: bool) -> Iterator[tuple[str, list[bytes]]]:
    """Listen on loopback with a certificate that nobody trusts, or without TLS; collect what is asked."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    pem = folder / "server.pem"
    pem.write_text(CERTIFICATE)
    context.load_cert_chain(pem)
    received: list[bytes] = []

    def talk() -> None:
        while True:
            try:
                conn, _ = listener.accept()
            except OSError:
                return
            with conn:
                conn.settimeout(5)
                try:
                    if speaks_tls:
                        with context.wrap_socket(conn, server_side=True) as inner:
                            received.append(inner.recv(65536))
                    else:
                        conn.recv(16)
                        conn.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                except OSError:
                    continue

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=talk, daemon=True)
        thread.start()
        try:
            yield f"https://127.0.0.1:{listener.getsockname()[1]}", received
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(5)


@pytest.mark.parametrize("speaks_tls", [True, False], ids=["untrusted-certificate", "no-tls"])
def test_71_tls(service: Service, tmp_path: Path, tmp_cache: Path, clock: Clock, speaks_tls: bool) -> None:
    with _tls_server(tmp_path, speaks_tls=speaks_tls) as (url, received):
        session = session_on(service, tmp_cache, clock, url=url)
        with pytest.raises(cctrack.NetworkError, match="TLS") as caught:
            cctrack.clicks_df("36", session=session)
        assert received == []  # the credentials never left
        _useful(caught.value, "")


def test_71_certificates_are_always_checked() -> None:
    with pytest.raises(cctrack.ConfigError):
        cctrack.connect("key", "token", verify=False)  # type: ignore[arg-type]


def test_fuzzed_answers_give_a_frame_or_one_of_our_errors(service: Service, tmp_cache: Path, clock: Clock) -> None:
    """No other exception leaves, whatever bytes come."""
    rng = random.Random(26)
    body = encode(envelope(GOOD, f"{CLICKS}?next=AAAA"))
    session = session_on(service, tmp_cache, clock)
    seen: set[str] = set()
    with quiet(), cctrack.cache.disabled():
        for _ in range(150):
            always(service, CLICKS, Answer(rng.choice([200, 200, 200, 403, 429, 500]), _mutated(body, rng)))
            try:
                cctrack.clicks_df("36", session=session)
                seen.add("frame")
            except CctrackError as error:
                seen.add(type(error).__name__)
    assert {"ResponseError", "AuthError", "ServiceError", "RateLimitError"} <= seen


def _mutated(body: bytes, rng: random.Random) -> bytes:
    changed = bytearray(body)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(changed))
        match rng.randrange(4):
            case 0:
                changed[at] = rng.randrange(256)
            case 1:
                del changed[at : at + rng.randint(1, 40)]
            case 2:
                changed[at:at] = rng.choice([b"null", b"[]", b"{}", b'"', b"\\ud800", b"-1e400", b"9" * 40, b"\xff"])
            case _:
                changed += changed[at : at + rng.randint(1, 40)]
    return bytes(changed)


def test_partial_failure_of_a_fan_out_keeps_what_was_done(service: Service, tmp_cache: Path, clock: Clock) -> None:
    ids = [str(number) for number in range(100, 112)]
    for one in ids:
        always(service, f"/v2/contacts/{one}/tracking/clicks", PAGE)
    always(service, "/v2/contacts/108/tracking/clicks", Answer(400))
    session = session_on(service, tmp_cache, clock)
    with pytest.raises(CctrackError):
        cctrack.clicks_df(ids, session=session)
    threads_ended()
    always(service, "/v2/contacts/108/tracking/clicks", PAGE)
    asked = {request.path for request in service.asked() if "/108/" not in request.path}
    assert len(asked) >= 8  # all before the failing one
    service.reset()
    frame = cctrack.clicks_df(ids, session=session)
    assert len(frame) == 36
    assert not asked & {request.path for request in service.asked()}


# --- the table of errors -------------------------------------------------------------------------

Setup = Callable[[Service, Path, Clock], cctrack.Session]


def _answering(answer: Answer) -> Setup:
    def prepare(service: Service, folder: Path, clock: Clock) -> cctrack.Session:
        always(service, CLICKS, answer)
        return session_on(service, folder, clock)

    return prepare


def _offline(service: Service, folder: Path, clock: Clock) -> cctrack.Session:
    return session_on(service, folder, clock, offline=True)


def _spent(service: Service, folder: Path, clock: Clock) -> cctrack.Session:
    always(service, CLICKS, PAGE)
    session = session_on(service, folder, clock, daily_quota=1)
    cctrack.clicks_df("36", session=session)
    return session


@pytest.mark.parametrize(
    ("prepare", "kind", "status", "retryable", "requests"),
    [
        (_answering(_error(401, "x")), "AuthError", 401, False, 1),
        (_answering(_error(403, "x")), "AuthError", 403, False, 1),
        (_answering(_error(404, "x")), "NotFoundError", 404, False, 1),
        (_answering(_error(403, QPS)), "RateLimitError", 403, True, 5),
        (_answering(_error(429, "x")), "RateLimitError", 429, True, 5),
        (_answering(_error(403, DAY)), "RateLimitError", 403, False, 1),
        (_spent, "RateLimitError", None, False, 1),
        (_answering(_error(500, "x")), "ServiceError", 500, True, 5),
        (_answering(Answer.silent()), "NetworkError", None, True, 5),
        (_answering(Answer(body=HTML)), "ResponseError", 200, True, 3),
        (_answering(_error(410, "x")), "ApiGoneError", 410, False, 1),
        (_offline, "CacheMissError", None, False, 0),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_error_table(
    service: Service,
    tmp_cache: Path,
    clock: Clock,
    prepare: Setup,
    kind: str,
    status: int | None,
    retryable: bool,
    requests: int,
) -> None:
    session = prepare(service, tmp_cache, clock)
    with pytest.raises(CctrackError) as caught:
        cctrack.clicks_df("36", refresh=True, session=session)
    assert type(caught.value) is getattr(cctrack, kind)
    assert caught.value.status == status
    assert caught.value.retryable is retryable
    assert service.hits() == requests
    assert getattr(caught.value, "daily", False) is (prepare is _spent or caught.value.error_key == DAY)
    _useful(caught.value, "")


def test_error_table_before_any_call(service: Service, tmp_cache: Path) -> None:
    session = session_on(service, tmp_cache)
    with pytest.raises(cctrack.NotOfferedError, match="v3") as caught:
        cctrack.campaign_did_not_opens_df("1100000000001", session=session)
    assert isinstance(caught.value, ValueError)
    with pytest.raises(cctrack.ConfigError) as told:
        cctrack.connect("key")
    assert isinstance(told.value, ValueError)
    for error in (caught.value, told.value):
        _useful(error, "cctrack.demo|connect")
        assert (error.status, error.error_key, error.retryable, error.retry_after, error.url) == (
            None,
            None,
            False,
            None,
            None,
        )
    assert service.hits() == service.connections == 0
