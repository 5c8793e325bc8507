"""Pages that shift, repeat, overlap, lead elsewhere or nowhere."""

import random
from collections import Counter
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import pandas as pd
import pytest
from clock import Clock
from hostile_links import GOOD, GOOD_CAMPAIGN, HOSTILE, TOKEN, Make, Q
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from service import Answer, Row, Service, click, encode, forward
from sessions import CAMPAIGN_CLICKS, CLICKS, always, clicks, ids_of, link_ids, quiet, session_on

import cctrack


def seeded(examples: int) -> settings:
    """The same examples in every run."""
    return settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )


def _next(token: str, path: str = CLICKS) -> str:
    return f"{path}?next={token}"


# --- links ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [make for _, make in HOSTILE], ids=[name for name, _ in HOSTILE])
def test_59_62_hostile_link_is_not_followed(service: Service, tmp_cache: Path, clock: Clock, make: Make) -> None:
    always(service, CLICKS, Answer.page(clicks(2), make(CLICKS, service.url)))
    session = session_on(service, tmp_cache, clock)
    with pytest.raises(cctrack.ResponseError, match="try again later") as caught:
        cctrack.clicks_df("36", limit=2, session=session)
    assert not caught.value.retryable
    assert caught.value.url is not None
    # The network guard of the tests refuses any other host.
    assert [request.target.partition("?")[0] for request in service.requests] == [CLICKS]
    assert "next=" not in service.requests[0].target
    assert cctrack.cache.info(session=session).empty


@pytest.mark.parametrize(("token", "make"), [case[1:] for case in GOOD], ids=[case[0] for case in GOOD])
def test_63_good_link_is_followed(service: Service, tmp_cache: Path, clock: Clock, token: str, make: Make) -> None:
    rows, link = clicks(4), make(CLICKS, service.url)
    _two_pages(service, CLICKS, rows, link)
    frame = cctrack.clicks_df("36", limit=2, session=session_on(service, tmp_cache, clock))
    assert link_ids(frame) == ids_of(rows)
    first, second, head = service.requests
    assert second.query == {"next": [token], "api_key": [service.key]}
    written = next(part for part in link.partition("?")[2].split("&") if part.startswith("next="))
    assert written in second.target.partition("?")[2].split("&")  # byte for byte
    assert first.target == head.target


def _two_pages(service: Service, path: str, rows: list[Row], link: Any) -> None:
    def handler(request: Any) -> Answer:
        return Answer.page(rows[2:]) if "next" in request.query else Answer.page(rows[:2], link)

    service.on(path, handler)


@pytest.mark.parametrize(("token", "make"), [case[1:] for case in GOOD_CAMPAIGN])
def test_campaign_link_under_its_former_name(service: Service, tmp_cache: Path, token: str, make: Make) -> None:
    rows = clicks(4)
    _two_pages(service, CAMPAIGN_CLICKS, rows, make(CAMPAIGN_CLICKS, service.url))
    frame = cctrack.campaign_clicks_df("1100000000001", limit=2, session=session_on(service, tmp_cache))
    assert link_ids(frame) == ids_of(rows)
    assert {request.path for request in service.requests} == {CAMPAIGN_CLICKS}
    assert service.requests[1].query["next"] == [token]


def test_forwards_of_a_contact_whose_link_shows_a_campaign(service: Service, tmp_cache: Path) -> None:
    """The vendor's own page has it so; what is asked is the contact's report all the same."""
    path = "/v2/contacts/36/tracking/forwards"
    rows = [forward(date=f"2026-03-0{day}T00:00:00Z") for day in (4, 3, 2, 1)]
    _two_pages(service, path, rows, f"/v2/emailmarketing/campaigns/36/tracking/forwards{Q}")
    frame = cctrack.forwards_df("36", limit=2, session=session_on(service, tmp_cache))
    assert len(frame) == 4
    assert {request.path for request in service.requests} == {path}


@pytest.mark.parametrize(
    "token", ["a+b/c=d", "%2B%2b%3D", "caf%C3%A9", "x" * 1900, "a%2Fb%20c", "!$'()*,;:@~._-", "100%25"]
)
def test_63_token_round_trip(service: Service, tmp_cache: Path, token: str) -> None:
    rows = clicks(4)
    _two_pages(service, CLICKS, rows, _next(token))
    assert link_ids(cctrack.clicks_df("36", limit=2, session=session_on(service, tmp_cache))) == ids_of(rows)
    assert service.requests[1].query["next"] == parse_qs(f"next={token}")["next"]


def test_only_the_token_stands_in_a_further_request(service: Service, tmp_cache: Path) -> None:
    """The service refuses any other parameter beside it."""
    rows = clicks(7)
    service.rows(CLICKS, rows, scheme="opaque")
    since = "2026-01-01"
    frame = cctrack.clicks_df("36", limit=2, created_since=since, session=session_on(service, tmp_cache))
    assert link_ids(frame) == ids_of(rows)
    assert {frozenset(request.query) for request in service.requests} == {
        frozenset({"limit", "created_since", "api_key"}),
        frozenset({"next", "api_key"}),
    }


@pytest.mark.parametrize("scheme", ["offset", "timestamp", "opaque"])
def test_filter_holds_though_further_pages_lose_it(service: Service, tmp_cache: Path, scheme: Any) -> None:
    rows = clicks(20)
    service.rows(CLICKS, rows, scheme=scheme, keeps_filters=False)
    since = rows[6]["click_date"]
    frame = cctrack.clicks_df("36", limit=2, created_since=since, session=session_on(service, tmp_cache))
    assert link_ids(frame) == ids_of(rows[:7])


# --- chains --------------------------------------------------------------------------------------


@pytest.mark.parametrize(("chain", "requests"), [(["A", "A"], 3), (["A", "B", "A"], 4), (["A", "B", "C", "D", "B"], 6)])
def test_56_57_chain_that_returns(service: Service, tmp_cache: Path, chain: list[str], requests: int) -> None:
    pages = [Answer.page(clicks(2, 2 * place), _next(token)) for place, token in enumerate([*chain, chain[0]])]
    service.script(CLICKS, pages)
    session = session_on(service, tmp_cache)
    with pytest.raises(cctrack.ResponseError, match="same next page twice") as caught:
        cctrack.clicks_df("36", limit=2, session=session)
    assert service.hits() <= requests
    assert caught.value.url is not None
    assert cctrack.cache.info(session=session).empty


def test_58_endless_fresh_tokens(service: Service, tmp_cache: Path) -> None:
    service.on(CLICKS, lambda request: Answer.page(clicks(2, 2 * service.hits()), _next(f"T{service.hits()}")))
    session = session_on(service, tmp_cache, most_pages=12)
    with pytest.raises(cctrack.ResponseError, match="12 pages"):
        cctrack.clicks_df("36", limit=2, session=session)
    assert service.hits() == 12
    assert cctrack.cache.info(session=session).empty


def test_58_as_many_pages_as_allowed(service: Service, tmp_cache: Path) -> None:
    service.rows(CLICKS, clicks(24))
    session = session_on(service, tmp_cache, most_pages=12)
    assert len(cctrack.clicks_df("36", limit=2, session=session)) == 24


@pytest.mark.parametrize("empty", [1, 2, 3])
def test_61_empty_pages_are_not_the_end(service: Service, tmp_cache: Path, empty: int) -> None:
    rows = clicks(4)
    pages = [Answer.page(rows[:2], _next("T0"))]
    pages += [Answer.page([], _next(f"T{number + 1}")) for number in range(empty)]
    service.script(CLICKS, [*pages, Answer.page(rows[2:]), pages[0]])
    assert link_ids(cctrack.clicks_df("36", limit=2, session=session_on(service, tmp_cache))) == ids_of(rows)


def test_61_only_empty_pages(service: Service, tmp_cache: Path) -> None:
    service.on(CLICKS, lambda request: Answer.page([], _next(f"T{service.hits()}")))
    with pytest.raises(cctrack.ResponseError, match="empty pages in a row"):
        cctrack.clicks_df("36", session=session_on(service, tmp_cache))
    assert service.hits() == 4


def test_61_empty_first_page_then_rows(service: Service, tmp_cache: Path) -> None:
    service.script(CLICKS, [Answer.page([], _next("T")), Answer.page(clicks(2)), Answer.page([], _next("T"))])
    assert len(cctrack.clicks_df("36", session=session_on(service, tmp_cache))) == 2


@pytest.mark.parametrize(
    "meta", [{}, {"meta": {}}, {"meta": {"pagination": {}}}, {"meta": {"pagination": None}},
             {"meta": {"pagination": {"next_link": None}}}]
)  # fmt: skip
def test_64_short_page_without_a_next_link_is_the_last(service: Service, tmp_cache: Path, meta: Row) -> None:
    always(service, CLICKS, Answer.json({"results": clicks(2), **meta}))
    assert len(cctrack.clicks_df("36", limit=3, session=session_on(service, tmp_cache))) == 2
    assert service.hits() == 1


def test_64_full_page_without_meta(service: Service, tmp_cache: Path) -> None:
    """Nothing says whether it is all: never a silently short frame."""
    always(service, CLICKS, Answer.json({"results": clicks(2)}))
    with pytest.raises(cctrack.ResponseError):
        cctrack.clicks_df("36", limit=2, session=session_on(service, tmp_cache))


@pytest.mark.parametrize("meta", [None, [], "x", 36, {"pagination": []}, {"pagination": "x"}, {"pagination": 36}])
def test_64_meta_of_another_type(service: Service, tmp_cache: Path, meta: Any) -> None:
    always(service, CLICKS, Answer.json({"results": clicks(1), "meta": meta}))
    with pytest.raises(cctrack.ResponseError):
        cctrack.clicks_df("36", limit=2, session=session_on(service, tmp_cache))


def test_67_exactly_as_many_rows_as_the_limit(service: Service, tmp_cache: Path) -> None:
    rows = clicks(4)
    always(service, CLICKS, Answer.page(rows))
    assert link_ids(cctrack.clicks_df("36", limit=4, session=session_on(service, tmp_cache))) == ids_of(rows)
    assert service.hits() == 1


def test_67_one_row_more_than_the_limit(service: Service, tmp_cache: Path) -> None:
    rows = clicks(8)
    first = Answer.page(rows[:5], _next("T"))
    service.script(CLICKS, [first, Answer.page(rows[5:]), first])
    assert link_ids(cctrack.clicks_df("36", limit=4, session=session_on(service, tmp_cache))) == ids_of(rows)


def test_fault_on_a_later_page_is_no_short_frame(service: Service, tmp_cache: Path, clock: Clock) -> None:
    first = Answer.page(clicks(2), _next("T"))
    for later in (Answer(503), Answer(body=b"<html>"), Answer.json({"results": None}), Answer.cut(), Answer(204)):
        service.on(CLICKS, lambda request, later=later: later if "next" in request.query else first)
        session = session_on(service, tmp_cache, clock)
        with pytest.raises(cctrack.CctrackError):
            cctrack.clicks_df("36", limit=2, session=session)
        assert cctrack.cache.info(session=session).empty


# --- a report that changes while it is read ------------------------------------------------------


@pytest.mark.parametrize(("count", "verify", "requests"), [
    (2, "head", 1), (2, "strict", 1), (6, "head", 4), (6, "strict", 6), (0, "head", 1), (0, "strict", 1)
])  # fmt: skip
def test_what_verifying_costs(service: Service, tmp_cache: Path, count: int, verify: str, requests: int) -> None:
    service.rows(CLICKS, clicks(count))
    frame = cctrack.clicks_df("36", limit=2, session=session_on(service, tmp_cache, verify=verify))
    assert len(frame) == count
    assert service.hits() == requests
    assert frame.attrs["cctrack"]["calls"] == requests
    assert frame.attrs["cctrack"]["complete"] is True
    assert frame.attrs["cctrack"]["pages"] == max(1, count // 2)


def test_68_first_page_changes_before_it_is_read_again(service: Service, tmp_cache: Path) -> None:
    rows = clicks(6)
    new = clicks(1, first=-1)[0]

    def before(request: Any) -> None:
        if service.hits() == 4:
            rows.insert(0, new)

    service.before = before
    service.rows(CLICKS, rows)
    frame = cctrack.clicks_df("36", limit=2, session=session_on(service, tmp_cache))
    assert link_ids(frame) == ids_of(rows)
    assert service.hits() == 8  # three pages, the first again, three further ones to it, the first again
    assert frame.attrs["cctrack"]["complete"] is True


def _busy(service: Service, rows: list[Row]) -> None:
    """A row arrives before each request."""

    def before(request: Any) -> None:
        rows.insert(0, clicks(1, first=-service.hits())[0])

    service.before = before
    service.rows(CLICKS, rows)


def test_report_that_never_stands_still(service: Service, tmp_cache: Path) -> None:
    _busy(service, clicks(8))
    session = session_on(service, tmp_cache)
    with pytest.warns(cctrack.IncompleteWarning, match=r"clicks_df.*kept changing.*refresh=True"):
        frame = cctrack.clicks_df("36", limit=4, session=session)
    assert frame.attrs["cctrack"]["complete"] is False
    assert set(link_ids(frame)) >= set(ids_of(clicks(8)))
    assert cctrack.cache.info(session=session).empty
    service.reset()
    with quiet():
        cctrack.clicks_df("36", limit=4, session=session)
    assert service.hits() > 0  # it was not kept


def test_report_that_never_stands_still_under_strict(service: Service, tmp_cache: Path) -> None:
    _busy(service, clicks(8))
    session = session_on(service, tmp_cache, verify="strict")
    with pytest.raises(cctrack.ResponseError, match="changed during each") as caught:
        cctrack.clicks_df("36", limit=4, session=session)
    assert caught.value.url is not None
    assert cctrack.cache.info(session=session).empty


class _Live:
    """A collection to which things happen between pages; remembers each state it had."""

    def __init__(self, service: Service, rows: list[Row], happenings: dict[int, list[tuple[str, int]]]) -> None:
        self.rows, self.states, self._fresh = rows, [list(rows)], 0
        self._requests = 0
        self._happenings = happenings
        service.before = self._step

    def _step(self, request: Any) -> None:
        for what, where in self._happenings.get(self._requests, []):
            at = where % (len(self.rows) + 1)
            if what == "erased":
                del self.rows[at : at + 1]
            else:
                self._fresh += 1
                day = 3 if what == "arrived" else 2
                row = click(date=f"2026-03-0{day}T23:00:00.{self._fresh:03d}Z", link_id=f"new{self._fresh}")
                self.rows.insert(0 if what == "arrived" else at, row)
            self.states.append(list(self.rows))
        self._requests += 1


def _happen(*kinds: str) -> st.SearchStrategy[dict[int, list[tuple[str, int]]]]:
    one = st.tuples(st.sampled_from(kinds), st.integers(0, 30))
    return st.dictionaries(st.integers(1, 14), st.lists(one, min_size=1, max_size=2), max_size=4)


@seeded(100)
@given(
    count=st.integers(0, 14),
    limit=st.integers(1, 5),
    scheme=st.sampled_from(["offset", "timestamp", "opaque"]),
    happenings=_happen("arrived"),
)
def test_65_arrivals_are_never_silently_wrong(
    service: Service, tmp_cache: Path, count: int, limit: int, scheme: Any, happenings: Any
) -> None:
    """Default policy: what is called complete is the report as it stood at one moment."""
    live = _Live(service, clicks(count), happenings)
    service.rows(CLICKS, live.rows, scheme=scheme)
    with quiet() as told, cctrack.cache.disabled(), session_on(service, tmp_cache) as session:
        frame = cctrack.clicks_df("36", limit=limit, session=session)
    if frame.attrs["cctrack"]["complete"]:
        assert not told
        assert link_ids(frame) in [ids_of(state) for state in live.states]
    else:
        assert any("IncompleteWarning" in text for text in told)


@seeded(100)
@given(
    count=st.integers(0, 14),
    limit=st.integers(1, 5),
    happenings=_happen("arrived", "erased", "late"),
)
def test_65_strict_is_never_silently_wrong(
    service: Service, tmp_cache: Path, count: int, limit: int, happenings: Any
) -> None:
    """Rows erased and rows that arrive late in the middle: two walks that agree, or an error."""
    live = _Live(service, clicks(count), happenings)
    service.rows(CLICKS, live.rows)
    try:
        with cctrack.cache.disabled(), session_on(service, tmp_cache, verify="strict") as session:
            found = link_ids(cctrack.clicks_df("36", limit=limit, session=session))
    except cctrack.ResponseError as error:
        told = str(error)
        assert "changed during each" in told
        return
    always_there = set.intersection(*(set(ids_of(state)) for state in live.states))
    assert always_there <= set(found)
    assert max(Counter(found).values(), default=1) == 1


def test_65_erasure_under_the_default_policy_is_seen_when_page_one_shows_it(service: Service, tmp_cache: Path) -> None:
    rows = clicks(8)

    def before(request: Any) -> None:
        if service.hits() == 2:
            del rows[0]

    service.before = before
    service.rows(CLICKS, rows)
    frame = cctrack.clicks_df("36", limit=2, session=session_on(service, tmp_cache))
    assert link_ids(frame) == ids_of(rows)


# --- overlap and true repeats --------------------------------------------------------------------

few = st.lists(st.integers(0, 2), max_size=14)  # many true repeats


def _repeating(numbers: list[int]) -> list[Row]:
    return [click(link_id=str(number)) for number in numbers]


@seeded(100)
@given(numbers=few, limit=st.integers(1, 7), page_size=st.none() | st.integers(1, 4))
def test_true_repeats_are_never_dropped(
    service: Service, tmp_cache: Path, numbers: list[int], limit: int, page_size: int | None
) -> None:
    """Offset paging without overlap: every row, whatever equals what; where it cannot be told, it says so."""
    rows = _repeating(numbers)
    service.before = None
    service.rows(CLICKS, rows, page_size=page_size)
    with quiet() as told, cctrack.cache.disabled(), session_on(service, tmp_cache) as session:
        frame = cctrack.clicks_df("36", limit=limit, session=session)
    assert link_ids(frame) == ids_of(rows)
    undecided = frame.attrs["cctrack"].get("overlap") == "undecided"
    assert undecided is bool(told)


@seeded(150)
@given(numbers=few, limit=st.integers(2, 7), overlap=st.integers(1, 3))
def test_overlap_is_dropped_and_repeats_stay(
    service: Service, tmp_cache: Path, numbers: list[int], limit: int, overlap: int
) -> None:
    rows = _repeating(numbers)
    service.before = None
    service.rows(CLICKS, rows, overlap=overlap)
    try:
        with quiet() as told, cctrack.cache.disabled(), session_on(service, tmp_cache) as session:
            frame = cctrack.clicks_df("36", limit=limit, session=session)
    except cctrack.ResponseError:
        assert overlap >= limit  # such a server never gets on
        return
    if frame.attrs["cctrack"].get("overlap") == "undecided":
        assert any("cannot be told" in text for text in told)
        assert not Counter(ids_of(rows)) - Counter(link_ids(frame))
    else:
        assert not told
        assert link_ids(frame) == ids_of(rows)


@pytest.mark.parametrize(("limit", "overlap"), [(5, 1), (10, 1), (10, 2), (50, 1), (50, 2), (50, 3)])
def test_overlap_of_rows_that_all_differ_is_removed(
    service: Service, tmp_cache: Path, limit: int, overlap: int
) -> None:
    rows = clicks(57)
    service.rows(CLICKS, rows, overlap=overlap)
    frame = cctrack.clicks_df("36", limit=limit, session=session_on(service, tmp_cache))
    assert link_ids(frame) == ids_of(rows)
    assert frame.attrs["cctrack"]["overlap"] == "removed"
    assert frame.attrs["cctrack"]["complete"] is True


def test_overlap_that_was_removed_stays_so_from_the_cache(service: Service, tmp_cache: Path, clock: Clock) -> None:
    service.rows(CLICKS, clicks(12), overlap=2)
    session = session_on(service, tmp_cache, clock)
    asked = cctrack.clicks_df("36", limit=5, session=session)
    service.reset()
    held = cctrack.clicks_df("36", session=session)
    assert service.hits() == 0
    pd.testing.assert_frame_equal(held, asked)
    assert held.attrs["cctrack"]["overlap"] == "removed"


def test_fixed_page_size_cannot_be_told(service: Service, tmp_cache: Path, clock: Clock) -> None:
    """Every walk ends its pages at the same rows: equal ones are kept, and it is said."""
    rows = _repeating([1, 2, 3, 3, 4, 5])
    service.rows(CLICKS, rows, page_size=3)
    session = session_on(service, tmp_cache, clock)
    for _ in range(2):  # from the cache too
        with pytest.warns(cctrack.IncompleteWarning, match="cannot be told"):
            frame = cctrack.clicks_df("36", session=session)
        assert link_ids(frame) == ids_of(rows)
        assert frame.attrs["cctrack"]["overlap"] == "undecided"
        assert frame.attrs["cctrack"]["complete"] is True


@pytest.mark.parametrize("limit", [2, 3, 10])
def test_66_bulk_send_of_one_millisecond_inclusive_cursor(service: Service, tmp_cache: Path, limit: int) -> None:
    """More rows of one instant than a page holds: the cursor stands still, and that is an error, not a loop."""
    rows = [*clicks(3), *(click(link_id=f"same{n}", date="2026-03-01T00:00:00.000Z") for n in range(30))]
    service.rows(CLICKS, rows, scheme="timestamp", overlap=1)
    with pytest.raises(cctrack.ResponseError, match="twice"):
        cctrack.clicks_df("36", limit=limit, session=session_on(service, tmp_cache))
    assert service.hits() < 10


@seeded(100)
@given(moments=st.lists(st.integers(0, 5), max_size=14), limit=st.integers(2, 9), same=st.booleans())
def test_66_ties_under_an_inclusive_cursor(
    service: Service, tmp_cache: Path, moments: list[int], limit: int, same: bool
) -> None:
    """Rows of the last instant of a page come again on the next one: dropped, or kept and told; never an invention."""
    rows = [
        click(date=f"2026-03-02T00:00:00.{moment:03d}Z", link_id=str(moment if same else place))
        for place, moment in enumerate(sorted(moments, reverse=True))
    ]
    service.before = None
    service.rows(CLICKS, rows, scheme="timestamp", overlap=1)
    try:
        with quiet() as told, cctrack.cache.disabled(), session_on(service, tmp_cache) as session:
            frame = cctrack.clicks_df("36", limit=limit, session=session)
    except cctrack.ResponseError:
        # Only where one instant fills a page by itself.
        assert max(Counter(moments).values()) >= limit
        return
    if frame.attrs["cctrack"].get("overlap") == "undecided":
        assert told
        assert not Counter(ids_of(rows)) - Counter(link_ids(frame))
    else:
        assert not told
        assert link_ids(frame) == ids_of(rows)


def test_66_ties_under_an_exclusive_cursor(service: Service, tmp_cache: Path) -> None:
    """What the server skips in every walk no client sees; the docstring says so."""
    rows = [click(date="2026-03-02T00:00:00.000Z", link_id=str(place)) for place in range(500)]
    service.rows(CLICKS, rows, scheme="timestamp")
    frame = cctrack.clicks_df("36", limit=100, session=session_on(service, tmp_cache))
    assert link_ids(frame) == ids_of(rows[:100])
    assert "skip" in (cctrack.clicks_df.__doc__ or "")


def test_rows_stay_in_the_servers_order(service: Service, tmp_cache: Path) -> None:
    rows = clicks(12)
    random.Random(1).shuffle(rows)
    service.rows(CLICKS, rows)
    frame = cctrack.clicks_df("36", limit=5, session=session_on(service, tmp_cache))
    assert link_ids(frame) == ids_of(rows)


def test_unknown_fields_of_a_page_do_not_matter(service: Service, tmp_cache: Path) -> None:
    body = {"meta": {"pagination": {"total": 2, "prev_link": "https://evil.example/"}, "x": [1]}, "results": clicks(2)}
    always(service, CLICKS, Answer(body=encode(body | {"more": True})))
    assert len(cctrack.clicks_df("36", limit=2, session=session_on(service, tmp_cache))) == 2
    assert TOKEN not in service.requests[0].target


@pytest.mark.parametrize(
    "numbers", [[0, 0, 1, 1, 1, 0, 1, 0, 1, 0, 0, 0, 1, 0], [1, 1, *[0] * 4, 1, 1, *[0] * 4, 1, 0, 7, 8, 9]]
)
def test_repeats_at_one_page_edge_and_overlap_at_another(service: Service, tmp_cache: Path, numbers: list[int]) -> None:
    """Which of equal rows are dropped decides the order of the others."""
    rows = _repeating(numbers)
    service.rows(CLICKS, rows, overlap=1)
    frame = cctrack.clicks_df("36", limit=7, session=session_on(service, tmp_cache))
    assert link_ids(frame) == ids_of(rows)
