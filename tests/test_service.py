"""The test equipment does what it says: otherwise nothing proved with it holds."""

import gzip
import http.client
import json
import os
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from clock import Clock
from hostile_links import GOOD, GOOD_CAMPAIGN, HOSTILE
from service import (
    ABSENT,
    CLOSE,
    KINDS,
    RESET,
    SAMPLE,
    Account,
    Answer,
    Scheme,
    Service,
    account,
    bounce,
    campaign_detail,
    click,
    contact,
    envelope,
    forward,
    moment,
    open_,
    row_moment,
    send,
    unsubscribe,
)

PATH = "/v2/contacts/36/tracking/clicks"


def get(svc: Service, path: str = PATH, timeout: float = 5, **params: Any) -> requests.Response:
    """Ask as a well-behaved client does."""
    headers = {"Authorization": f"Bearer {svc.token}", "Accept": "application/json", "Connection": "close"}
    query = {"api_key": svc.key, **params}
    return requests.get(svc.url + path, params=query, headers=headers, timeout=timeout, allow_redirects=False)


def walk(svc: Service, path: str = PATH, **params: Any) -> list[list[Any]]:
    """Every page of a report; the token is decoded from the link and sent alone."""
    pages = []
    while True:
        body = get(svc, path, **params).json()
        pages.append(body["results"])
        link = body["meta"]["pagination"].get("next_link", ABSENT)
        if link is ABSENT or len(pages) > 50:
            return pages
        assert urlsplit(link).path == path
        params = {"next": parse_qs(urlsplit(link).query)["next"][0]}


def clicks(count: int, step: float = 60) -> list[dict[str, Any]]:
    """Distinct clicks, newest first."""
    start = moment("2026-03-02T15:00:00Z")
    assert start is not None
    return [click(date=(start - n * timedelta(seconds=step)).isoformat(), n=n) for n in range(count)]


# --- routing, recording, auth --------------------------------------------------------------------


def test_requests_are_recorded_in_order(service: Service) -> None:
    before = time.monotonic()
    service.json("/v2/lists", [{"id": 1}])
    assert get(service, "/v2/lists", note="a b+ü", empty="").json() == [{"id": 1}]
    assert get(service, "/v2/nothing").status_code == 404
    first, second = service.requests
    assert (first.method, first.path) == ("GET", "/v2/lists")
    assert first.query == {"api_key": [service.key], "note": ["a b+ü"], "empty": [""]}
    assert first.headers["authorization"] == f"Bearer {service.token}"
    assert before <= first.at <= second.at <= time.monotonic()
    assert (service.hits(), service.hits("/v2/lists"), service.hits("/v3")) == (2, 1, 0)
    service.reset()
    assert service.hits() == service.connections == 0
    assert get(service, "/v2/lists").status_code == 200


@pytest.mark.parametrize(
    ("query", "headers", "status"),
    [
        ({}, {}, 200),
        ({"api_key": "other"}, {}, 403),
        ({"api_key": None}, {}, 403),
        ({}, {"Authorization": "Bearer other"}, 401),
        ({}, {"Authorization": None}, 401),
        ({}, {"Accept": "*/*"}, 406),
    ],
)
def test_credentials_are_wanted_unless_switched_off(
    service: Service, query: dict[str, Any], headers: dict[str, Any], status: int
) -> None:
    service.json(PATH, [])
    params = {"api_key": service.key} | query
    sent = {"Authorization": f"Bearer {service.token}", "Accept": "application/json"} | headers

    def ask() -> requests.Response:
        # Without this the developer's .netrc could replace the header under test.
        with requests.Session() as session:
            session.trust_env = False
            return session.get(service.url + PATH, params=params, headers=sent, timeout=5)

    answer = ask()
    assert answer.status_code == status
    if status != 200:
        (error,) = answer.json()
        assert set(error) == {"error_key", "error_message"}
    service.auth = False
    assert ask().status_code == 200


def test_one_connection_serves_many_requests(service: Service) -> None:
    service.auth = False
    service.script(PATH, [Answer.page([]), Answer.chunked(), Answer.gzip(), Answer.error(429)])
    with requests.Session() as session:
        statuses = [session.get(service.url + PATH, timeout=5).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert service.connections == 1


def test_scripts_take_callables_and_before_comes_first(service: Service) -> None:
    service.script(PATH, [Answer.error(500), lambda request: Answer.json(request.query["x"])])
    assert get(service).status_code == 500
    assert get(service, x="1").json() == ["1"]
    service.before = lambda request: Answer.cut(service.answer(request).body) if request.query["x"] == ["2"] else None
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        get(service, x="2")
    assert get(service, x="3").json() == ["3"]


def test_a_broken_callable_fails_the_test_not_the_client() -> None:
    def broken(request: object) -> Answer:
        raise LookupError("in the test itself")

    def use() -> None:
        with Service() as svc:
            svc.on(PATH, broken)
            assert get(svc).status_code == 500

    with pytest.raises(LookupError, match="in the test itself"):
        use()


def test_closing_leaves_nothing_behind() -> None:
    threads = threading.active_count()
    with Service() as svc:
        svc.on(PATH, lambda request: Answer.hang())
        address = urlsplit(svc.url)
        idle = socket.create_connection((address.hostname, address.port))
        with pytest.raises(requests.exceptions.ReadTimeout):
            get(svc, timeout=0.05)
        started = time.monotonic()
    assert time.monotonic() - started < 1
    assert threading.active_count() == threads
    assert idle.recv(1) == b""
    idle.close()
    with pytest.raises(requests.exceptions.ConnectionError):
        get(svc)


# --- paging --------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["offset", "timestamp", "opaque"])
@pytest.mark.parametrize(("count", "limit"), [(0, 3), (1, 3), (3, 3), (4, 3), (10, 3), (10, 500)])
def test_a_walk_gives_every_row_once(service: Service, scheme: Scheme, count: int, limit: int) -> None:
    rows = clicks(count)
    service.rows(PATH, rows, scheme=scheme)
    pages = walk(service, limit=limit)
    assert [row for page in pages for row in page] == rows
    assert [len(page) for page in pages[:-1]] == [limit] * (len(pages) - 1)
    assert len(pages) == max(1, -(-count // limit))


def test_the_last_page_has_no_next_link(service: Service) -> None:
    service.rows(PATH, clicks(3), page_size=2)
    first = get(service).json()
    link = first["meta"]["pagination"]["next_link"]
    assert link == f"{PATH}?next=c3RhcnRBdD0zJmxpbWl0PTI"  # the token of the vendor's own samples
    assert first.keys() == {"meta", "results"}
    assert get(service, next=link.partition("=")[2]).json()["meta"] == {"pagination": {}}


@pytest.mark.parametrize("scheme", ["offset", "opaque"])
def test_overlap_repeats_rows_at_page_edges(service: Service, scheme: Scheme) -> None:
    service.rows(PATH, clicks(7), page_size=3, scheme=scheme, overlap=1)
    numbers = [[row["n"] for row in page] for page in walk(service)]
    assert numbers == [[0, 1, 2], [2, 3, 4], [4, 5, 6]]


def test_time_cursors_lose_or_repeat_ties(service: Service) -> None:
    rows = [click(date=f"2026-03-02T15:00:0{9 - n // 2}.000Z", n=n) for n in range(6)]  # pairs of ties
    service.rows(PATH, rows, page_size=3, scheme="timestamp")
    assert [[row["n"] for row in page] for page in walk(service)] == [[0, 1, 2], [4, 5]]
    service.rows(PATH, rows, page_size=3, scheme="timestamp", overlap=1)
    assert [[row["n"] for row in page] for page in walk(service)] == [[0, 1, 2], [2, 3, 4], [4, 5]]


@pytest.mark.parametrize("keeps", [True, False])
def test_created_since_is_inclusive_and_may_not_survive(service: Service, keeps: bool) -> None:
    service.rows(PATH, clicks(6), keeps_filters=keeps)
    pages = walk(service, limit=2, created_since="2026-03-02T14:57:00.000Z")
    assert [row["n"] for page in pages for row in page] == ([0, 1, 2, 3] if keeps else [0, 1, 2, 3, 4, 5])
    # The instant counts, not its spelling.
    assert len(get(service, created_since="2026-03-02T15:57:00+01:00").json()["results"]) == 4


@pytest.mark.parametrize(
    "params",
    [
        {"limit": 0},
        {"limit": 501},
        {"limit": "x"},
        {"limit": [2, 3]},
        {"created_since": "yesterday"},
        {"next": ""},
        {"next": "%%%"},
        {"next": "bGltaXQ9Mg"},  # decodes, but says no place
        {"next": "c3RhcnRBdD0zJmxpbWl0PTI", "limit": 2},
    ],
)
def test_what_the_service_refuses(service: Service, params: dict[str, Any]) -> None:
    service.rows(PATH, clicks(3))
    assert get(service, **params).status_code == 400


def test_opaque_tokens_must_come_back_exactly(service: Service) -> None:
    service.rows(PATH, clicks(3), page_size=2, scheme="opaque")
    link = get(service).json()["meta"]["pagination"]["next_link"]
    token = parse_qs(urlsplit(link).query)["next"][0]
    assert set("+/=%&") < set(token)
    assert get(service, next=token).status_code == 200
    assert get(service, next=token.replace("+", " ")).status_code == 400
    assert get(service, next=link.partition("next=")[2]).status_code == 400  # encoded twice


def test_rows_may_change_between_pages(service: Service) -> None:
    rows = clicks(4)
    service.rows(PATH, rows, page_size=2)

    def arrive(request: Any) -> None:
        if "next" in request.query:
            rows.insert(0, click(n=-1))

    service.before = arrive
    assert [[row["n"] for row in page] for page in walk(service)[:2]] == [[0, 1], [1, 2]]


def test_the_link_may_be_anything(service: Service) -> None:
    for name, make in HOSTILE:
        service.rows(PATH, clicks(3), page_size=2, link=lambda path, token, make=make: make(path, service.url))
        link = get(service).json()["meta"]["pagination"]["next_link"]
        assert link == make(PATH, service.url), name


# --- faults --------------------------------------------------------------------------------------

BROKEN = requests.exceptions.ChunkedEncodingError
LOST = requests.exceptions.ConnectionError
FAULTS: list[tuple[str, Callable[[], Answer], type[Exception]]] = [
    ("cut", Answer.cut, BROKEN),
    ("length too long", lambda: Answer(body=SAMPLE, length=len(SAMPLE) + 9), BROKEN),
    ("reset", Answer.reset, BROKEN),
    ("chunk size", Answer.broken_chunk, BROKEN),
    ("chunk cut", lambda: Answer.broken_chunk(how="cut"), BROKEN),
    ("chunk end", lambda: Answer.broken_chunk(how="end"), BROKEN),
    ("not gzip", Answer.bad_gzip, requests.exceptions.ContentDecodingError),
    ("silent", Answer.silent, LOST),
    ("reset at once", lambda: Answer.raw(RESET), LOST),
    ("status line", Answer.bad_status_line, LOST),
    ("big header", Answer.big_header, LOST),
    ("hang", Answer.hang, requests.exceptions.ReadTimeout),
    ("late", lambda: Answer.late(9, Answer.page([])), requests.exceptions.ReadTimeout),
]


@pytest.mark.parametrize(("make", "error"), [fault[1:] for fault in FAULTS], ids=[fault[0] for fault in FAULTS])
def test_faults_reach_the_client(service: Service, make: Callable[[], Answer], error: type[Exception]) -> None:
    service.script(PATH, [make(), Answer.page([])])
    with pytest.raises(error):
        get(service, timeout=0.2)
    assert get(service).json() == envelope([])  # and the service is fit for the next call


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (Answer(body=SAMPLE), SAMPLE),
        (Answer.gzip(), SAMPLE),
        (Answer.chunked(), SAMPLE),
        (Answer.unframed(), SAMPLE),
        (Answer.late(0.01, Answer.gzip()), SAMPLE),
        (Answer.drip(b"[1, 2]", pause=0.001), b"[1, 2]"),
        (Answer.drip_head(b"[]", pause=0.001, size=8), b"[]"),
        (Answer.raw(b"HTTP/1.1 200 OK\r\n", 0.001, b"Content-Length: 2\r\n\r\n[]", CLOSE), b"[]"),
        # Wrong, but no HTTP client can tell.
        (Answer.unframed(at=0.5), SAMPLE[: len(SAMPLE) // 2]),
        (Answer(body=SAMPLE, length=10), SAMPLE[:10]),
    ],
)
def test_bodies_arrive(service: Service, answer: Answer, body: bytes) -> None:
    service.on(PATH, lambda request: answer)
    for _ in range(2):  # an Answer can be used again
        assert get(service).content == body


def test_half_a_gzip_stream_looks_whole_on_the_wire(service: Service) -> None:
    service.on(PATH, lambda request: Answer.half_gzip())
    body = get(service).content
    assert SAMPLE.startswith(body)
    assert body != SAMPLE
    with pytest.raises(EOFError):
        gzip.decompress(Answer.half_gzip().body)


def test_the_bomb_is_a_valid_page_when_swallowed(service: Service) -> None:
    service.on(PATH, lambda request: Answer.bomb(megabytes=3))
    body = get(service).content
    assert len(body) > 3 * 2**20
    assert json.loads(body) == envelope([])
    on_wire = sum(len(step) for step in Answer.bomb(200).steps() if isinstance(step, bytes))
    assert on_wire < 2 * 2**20


def test_drips_never_pause_longer_than_said(service: Service) -> None:
    service.on(PATH, lambda request: Answer.drip(b"x" * 10, pause=0.03))
    started = time.monotonic()
    assert get(service, timeout=0.2).content == b"x" * 10  # longer in all than the time-out
    assert time.monotonic() - started >= 0.3


def test_status_headers_and_redirects(service: Service) -> None:
    service.script(
        PATH,
        [
            Answer.error(429, "throttled", "slow down", headers={"Retry-After": "1"}),
            Answer.redirect("https://evil.example/", 307),
            Answer(599, b"<html>", {"Content-Type": "text/html"}),
        ],
    )
    throttled, moved, odd = get(service), get(service), get(service)
    assert throttled.headers["Retry-After"] == "1"
    assert throttled.json() == [{"error_key": "throttled", "error_message": "slow down"}]
    assert (moved.status_code, moved.headers["Location"]) == (307, "https://evil.example/")
    assert (odd.status_code, odd.content, odd.headers["Content-Type"]) == (599, b"<html>", "text/html")


# --- rows and the small account ------------------------------------------------------------------


def test_rows_have_the_documented_fields() -> None:
    common = {"activity_type", "campaign_id", "contact_id", "email_address"}
    bounced = {"bounce_code", "bounce_description", "bounce_message", "bounce_date"}
    left = {"unsubscribe_source", "unsubscribe_reason", "unsubscribe_date"}
    assert set(send()) == common | {"send_date"}
    assert set(open_()) == common | {"open_date"}
    assert set(click()) == common | {"link_id", "link_uri", "click_date"}
    assert set(forward()) == common | {"forward_date"}
    assert set(bounce()) == common | bounced
    assert set(unsubscribe()) == common | left
    changed = click(7, "9", "", link_uri=ABSENT, new=[1])
    assert (changed["contact_id"], changed["campaign_id"], changed["click_date"]) == (7, "9", "")
    assert "link_uri" not in changed
    assert changed["new"] == [1]
    assert contact("36")["email_addresses"][0]["email_address"] == click("36")["email_address"]
    assert "next_run_date" not in campaign_detail()


@pytest.mark.parametrize("odd", [True, False])
@pytest.mark.parametrize("scheme", ["offset", "timestamp", "opaque"])
def test_the_account_agrees_with_itself(service: Service, odd: bool, scheme: Scheme) -> None:
    # The time cursor would lose the ties of the bulk send at a page edge: pages of four avoid that.
    acc = account(service, odd=odd, scheme=scheme, page_size=4)

    def flat(path: str) -> list[Any]:
        return [row for page in walk(service, path) for row in page]

    for ident in acc.contacts:
        base = f"/v2/contacts/{ident}/tracking"
        mixed, parts = flat(base), [row for report in KINDS for row in flat(f"{base}/{report}")]
        assert mixed == acc.of(contact=ident)
        assert sorted(mixed, key=repr) == sorted(parts, key=repr)
        summary = get(service, f"{base}/reports/summary").json()
        counts = Counter(row["activity_type"] for row in mixed)
        assert summary == {"contact_id": ident} | {report: counts[kind] for report, kind in KINDS.items()}
        by_campaign = get(service, f"{base}/reports/summaryByCampaign").json()
        for name in ("opens", "forwards", "bounces"):
            assert sum(row[name] for row in by_campaign) == summary[name]
        assert str(get(service, f"/v2/contacts/{ident}").json()["id"]) == ident
    assert not acc.of(contact=acc.quiet)
    for ident in (*acc.sent, acc.draft):
        base = f"/v2/emailmarketing/campaigns/{ident}"
        detail = get(service, base).json()
        summary = get(service, f"{base}/tracking/reports/summary").json()
        assert detail["tracking_summary"] == summary
        for report in KINDS:
            rows = flat(f"{base}/tracking/{report}")
            unique = len({str(row["contact_id"]) for row in rows})
            assert summary[report] == (len(rows) if report in ("sends", "bounces") else unique)
            assert {str(row["campaign_id"]) for row in rows} <= {ident}
        for entry in detail.get("click_through_details", []):
            assert len(flat(f"{base}/tracking/clicks/{entry['url_uid']}")) == entry["click_count"]
        assert ("last_run_date" in detail) == (ident != acc.draft)
    assert sorted(len(found) for found in acc.links.values()) == [2, 12]


def test_the_account_has_a_mind_of_its_own(service: Service) -> None:
    acc = account(service)
    campaigns = "/v2/emailmarketing/campaigns"

    def ids(path: str, **query: Any) -> list[str]:
        return [str(row["id"]) for row in get(service, path, **query).json()["results"]]

    assert ids("/v2/contacts") == list(acc.contacts)
    assert ids("/v2/contacts", email="person37@example.org") == ["37"]
    assert ids("/v2/contacts", email="nobody@example.org") == []
    assert ids("/v2/contacts", status="ACTIVE") == ["36", "37"]
    assert ids("/v2/contacts", modified_since="2026-02-02T09:00:00.000Z") == ["36", "37"]
    assert ids(campaigns, status="SENT") == list(acc.sent)
    assert ids(campaigns, limit=50) == [acc.draft, *acc.sent]
    assert get(service, campaigns, limit=500).status_code == 400
    lists = get(service, "/v2/lists").json()
    assert [str(entry["id"]) for entry in lists] == list(acc.lists)
    for entry in lists:
        assert len(ids(f"/v2/lists/{entry['id']}/contacts")) == entry["contact_count"]
    assert get(service, "/v2/contacts/999/tracking/clicks").status_code == 404
    assert {type(row["contact_id"]) for row in acc.events} == {str, int}
    assert all(row_moment(row) for row in acc.events)
    assert Account().quiet in acc.contacts


# --- links, clock, guard -------------------------------------------------------------------------


def test_links_are_many_and_named_once() -> None:
    names = [name for name, _ in HOSTILE]
    assert len(names) >= 34
    assert len(set(names)) == len(names)
    good = {make(PATH, "http://127.0.0.1:8000") for _, _, make in GOOD}
    values = [make(PATH, "http://127.0.0.1:8000") for _, make in HOSTILE]
    assert not [value for value in values if isinstance(value, str) and value in good]


def test_good_links_lead_to_their_token() -> None:
    path = "/v2/emailmarketing/campaigns/1100000000001/tracking/opens"
    for name, token, make in [*GOOD, *GOOD_CAMPAIGN]:
        assert parse_qs(urlsplit(make(path, "http://127.0.0.1:8000")).query)["next"] == [token], name


def test_the_clock_moves_only_when_told() -> None:
    clock = Clock(wall=100, monotonic=5)
    threads = [threading.Thread(target=clock.sleep, args=(0.5,)) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (clock.time(), clock.monotonic(), clock.slept) == (110, 15, 10)
    clock.advance(1)
    clock.jump(-60)
    assert (clock.time(), clock.monotonic(), clock.sleeps) == (51, 16, [0.5] * 20)
    with pytest.raises(ValueError, match="non-negative"):
        clock.sleep(-1)


@pytest.mark.parametrize(
    "reach",
    [
        lambda: socket.create_connection(("192.0.2.1", 80), timeout=0.1),
        lambda: socket.getaddrinfo("evil.example", 443),
        lambda: socket.gethostbyname("evil.example"),
        lambda: requests.get("https://evil.example/", timeout=0.1),
        lambda: http.client.HTTPConnection("192.0.2.1", timeout=0.1).connect(),
    ],
)
def test_the_guard_refuses_the_outside(reach: Callable[[], object], refused: list[str]) -> None:
    with pytest.raises(RuntimeError, match="loopback only"):
        reach()
    assert refused in (["evil.example"], ["192.0.2.1"])
    refused.clear()  # or the guard fails this test, too


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_the_guard_looks_at_bare_sockets_too(family: socket.AddressFamily, refused: list[str]) -> None:
    address = "192.0.2.1" if family == socket.AF_INET else "2001:db8::1"
    with socket.socket(family) as sock:
        for connect in (sock.connect, sock.connect_ex):
            with pytest.raises(RuntimeError, match="loopback only"):
                connect((address, 80))
    assert refused == [address] * 2
    refused.clear()


def test_settings_are_clean(tmp_cache: Path) -> None:
    settings = {name: value for name, value in os.environ.items() if name.startswith("CCTRACK_")}
    assert settings == {"CCTRACK_CACHE_DIR": str(tmp_cache), "CCTRACK_PROGRESS": "0"}
    assert not tmp_cache.exists()
