"""A report that is held is brought up to date with a call or two, and is then what the service lists."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pandas as pd
import pytest
from clock import Clock
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from service import ABSENT, DATE_FIELDS, KINDS, Answer, Collection, Request, Row, Service, bounce, click, moment
from sessions import CLICKS, always, link_ids, pages_in, quiet, session_on

import cctrack
from cctrack.api.session import Session

NOW = pd.Timestamp("2026-03-02T16:00:00Z")
HOURS = 3600.0
DAYS = 24 * HOURS
BOUNCES = "/v2/emailmarketing/campaigns/1100000000001/tracking/bounces"
MOST = 2  # requests that a brought-up walk may take


def stamp(hours_ago: float, *, now: pd.Timestamp = NOW) -> str:
    """Write a date as the service does."""
    return f"{now - pd.Timedelta(hours=hours_ago):%Y-%m-%dT%H:%M:%S.%f}"[:-3] + "Z"


def at(hours_ago: float, link: object, *, now: pd.Timestamp = NOW, **changes: Any) -> Row:
    """Make a click so many hours before the clock's beginning."""
    return click(date=stamp(hours_ago, now=now), link_id=str(link), **changes)


def history(count: int, every: float = 6.0) -> list[Row]:
    """Make clicks that differ, newest first; the newest is an hour old."""
    return [at(1 + every * number, number) for number in range(count)]


def listed(rows: list[Row]) -> list[tuple[str, Any]]:
    """Tell rows of the service as `shown` tells those of a frame."""
    return [(str(row["link_id"]), moment(row.get("click_date"))) for row in rows]


def shown(frame: pd.DataFrame) -> list[tuple[str, Any]]:
    """Tell rows of a frame."""
    dates = [None if pd.isna(date) else date.to_pydatetime() for date in frame["click_date"]]
    return list(zip(link_ids(frame), dates, strict=True))


@dataclass
class Held:
    """A contact's clicks on the service, and a session that asks for them."""

    service: Service
    folder: Path
    rows: list[Row]
    limit: int = 10
    paging: dict[str, Any] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)
    asked: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.clock = Clock(NOW.timestamp())
        self.collection = self.service.rows(CLICKS, self.rows, **self.paging)
        self.session: Session = session_on(self.service, self.folder, self.clock, **self.given)

    def ask(self, *, refresh: bool = True) -> pd.DataFrame:
        """Ask for the clicks; the service then counts what that took."""
        self.service.reset()
        return cctrack.clicks_df("36", limit=self.limit, refresh=refresh, session=self.session, **self.asked)

    def current(self, most: int = MOST) -> pd.DataFrame:
        """Bring them up to date, and hold that against the service."""
        frame = self.ask()
        assert shown(frame) == listed(self.rows)
        assert 1 <= self.service.hits() == frame.attrs["cctrack"]["calls"] <= most
        assert frame.attrs["cctrack"]["from_cache"] is False
        warm = self.ask(refresh=False)
        assert shown(warm) == listed(self.rows)
        assert self.service.hits() == 0
        return frame

    def read_whole(self) -> pd.DataFrame:
        """Refresh where bringing up to date is not enough."""
        frame = self.current(most=1_000)
        assert any("created_since" not in request.query for request in self.whole_requests())
        return frame

    def whole_requests(self) -> list[Request]:
        self.ask()
        return [request for request in self.service.requests if "next" not in request.query]

    def since(self) -> list[str]:
        """List the dates that were asked from."""
        return [value for request in self.service.requests for value in request.query.get("created_since", [])]

    def tidy(self) -> bool:
        """Whether the file holds the pages of the walks and no others."""
        info = cctrack.cache.info(session=self.session)
        return pages_in(self.folder) == int(info["pages"].sum())


Make = Callable[..., Held]


@pytest.fixture
def held(service: Service, tmp_cache: Path) -> Make:
    """Give a report that was read already."""

    def make(rows: list[Row], **more: Any) -> Held:
        one = Held(service, tmp_cache, rows, **more)
        first = one.ask(refresh=False)
        if "created_since" not in one.asked:
            assert shown(first) == listed(rows)
        return one

    return make


# --- what is asked -------------------------------------------------------------------------------


@pytest.mark.parametrize("refresh", [True, False], ids=["refreshed", "expired"])
def test_only_what_is_new_is_asked_for(held: Make, refresh: bool) -> None:
    one = held(history(400))
    assert one.service.hits() == 41
    one.rows.insert(0, at(0.5, "new"))
    one.clock.advance(2 * HOURS)
    assert shown(one.ask(refresh=refresh)) == listed(one.rows)
    assert one.service.hits() == 1
    (request,) = one.service.requests
    assert set(request.query) == {"created_since", "limit", "api_key"}
    (since,) = request.query["created_since"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", since)
    assert f"created_since={quote(since, safe='')}" in request.target
    newest = NOW - pd.Timedelta(hours=1)
    assert newest - pd.Timedelta(hours=48) <= pd.Timestamp(since) <= newest - pd.Timedelta(hours=24)


def test_each_refresh_asks_from_the_newest_row_of_the_last(held: Make) -> None:
    one = held(history(100))
    asked = []
    for day in range(1, 5):
        one.clock.advance(DAYS)
        one.rows.insert(0, at(-24 * day, f"day{day}"))
        one.current()
        one.ask()
        asked += one.since()
    steps = pd.Series(pd.to_datetime(asked)).diff().dropna()
    assert list(steps) == [pd.Timedelta(days=1)] * 3
    assert one.tidy()


def test_what_is_new_is_fresh_afterwards(held: Make) -> None:
    one = held(history(100))
    first = one.ask(refresh=False).attrs["cctrack"]
    one.clock.advance(2 * HOURS)
    told = one.ask(refresh=False).attrs["cctrack"]
    assert (told["from_cache"], told["calls"]) == (False, 1)
    assert pd.Timestamp(told["fetched_at"]) - pd.Timestamp(first["fetched_at"]) == pd.Timedelta(hours=2)
    assert pd.Timestamp(told["whole_at"]) == pd.Timestamp(first["fetched_at"])
    assert "whole_at" not in first
    one.clock.advance(0.9 * HOURS)
    one.ask(refresh=False)
    assert one.service.hits() == 0


def test_single_page_is_read_whole(held: Make) -> None:
    one = held(history(9))
    one.rows.insert(0, at(0.5, "new"))
    one.current(most=1)
    assert not one.since()
    one.rows.insert(0, at(0.4, "newer"))  # the eleventh
    one.current(most=3)
    one.current(most=1)
    one.ask()
    assert len(one.since()) == 1


@pytest.mark.parametrize("kind", [*KINDS, "activities"])
def test_every_event_report_of_contacts(service: Service, tmp_cache: Path, kind: str) -> None:
    names = list(KINDS.values()) if kind == "activities" else [KINDS[kind]]
    path = "/v2/contacts/36/tracking" + ("" if kind == "activities" else f"/{kind}")

    def event(hours_ago: float, number: int) -> Row:
        name = names[number % len(names)]
        return {"activity_type": name, "contact_id": "36", "campaign_id": str(number)} | {
            "email_address": "a@example.org",
            DATE_FIELDS[name]: stamp(hours_ago),
        }

    rows = [event(1 + 6 * number, number) for number in range(40)]
    service.rows(path, rows)
    session = session_on(service, tmp_cache, Clock(NOW.timestamp()))
    function = getattr(cctrack, f"{kind}_df")
    with quiet():  # fields that these rows do not have
        function("36", limit=4, session=session)
        rows.insert(0, event(0.5, 101))
        rows.insert(3, event(8, 102))
        del rows[4]
        service.reset()
        frame = function("36", limit=10, refresh=True, session=session)
    assert list(frame["campaign_id"]) == [row["campaign_id"] for row in rows]
    assert service.hits() == 1


def test_campaign_activities(service: Service, tmp_cache: Path) -> None:
    """Six walks: each by itself, those of one page whole."""
    base = "/v2/emailmarketing/campaigns/1100000000001/tracking"
    rows = history(40)
    for kind in KINDS:
        service.rows(f"{base}/{kind}", rows if kind == "clicks" else [])
    session = session_on(service, tmp_cache, Clock(NOW.timestamp()))
    cctrack.campaign_activities_df("1100000000001", limit=5, session=session)
    assert service.hits() == 9 + 5
    rows.insert(0, at(0.5, "new"))
    service.reset()
    frame = cctrack.campaign_activities_df("1100000000001", refresh=True, session=session)
    assert link_ids(frame) == [row["link_id"] for row in reversed(rows)]
    assert service.hits() == 6
    assert [request.path.rpartition("/")[2] for request in service.requests if "created_since" in request.query] == [
        "clicks"
    ]


def test_many_ids(service: Service, tmp_cache: Path) -> None:
    ids = [str(number) for number in range(8)]
    rows = {one: [at(1 + 6 * number, f"{one}-{number}") for number in range(12)] for one in ids}
    for one in ids:
        service.rows(f"/v2/contacts/{one}/tracking/clicks", rows[one])
    session = session_on(service, tmp_cache, Clock(NOW.timestamp()))
    cctrack.clicks_df(ids, limit=4, session=session)
    for one in ids:
        rows[one].insert(0, at(0.5, f"{one}-new"))
    service.reset()
    frame = cctrack.clicks_df(ids, limit=8, refresh=True, session=session)
    assert shown(frame) == [row for one in ids for row in listed(rows[one])]
    assert service.hits() == len(ids)


def test_own_filter_that_reaches_less_far(held: Make) -> None:
    """The later one of both dates is asked from."""
    rows = history(40)
    since = rows[3]["click_date"]  # within the look-back
    one = held(rows, limit=2, asked={"created_since": since})
    rows.insert(0, at(0.5, "new"))
    assert shown(one.ask()) == listed(rows[:5])
    assert set(one.since()) == {since}
    far = {"created_since": rows[20]["click_date"]}
    one.asked = far
    assert shown(one.ask(refresh=False)) == listed(rows[:21])
    del rows[2]
    rows.insert(0, at(0.2, "newer"))
    one.limit = 10
    assert shown(one.ask()) == listed(rows[:21])
    assert one.service.hits() == 1
    assert one.since()[0] > far["created_since"]


# --- what the service lists is what comes out ----------------------------------------------------


def _put(rows: list[Row], *new: Row) -> None:
    rows += new
    rows.sort(key=lambda row: moment(row["click_date"]) or NOW, reverse=True)


def _nothing(rows: list[Row]) -> None:
    pass


def _arrivals(rows: list[Row]) -> None:
    rows[:0] = [at(0.1 * number, f"new{number}") for number in range(1, 5)]


def _late(rows: list[Row]) -> None:
    _put(rows, at(9, "late 9 h"), at(20, "late 20 h"))


def _erased(rows: list[Row]) -> None:
    del rows[1:4]


def _all_at_once(rows: list[Row]) -> None:
    _erased(rows)
    _late(rows)
    _arrivals(rows)


def _repeats_come(rows: list[Row]) -> None:
    rows[2:2] = [dict(rows[2]), dict(rows[2])]
    rows.insert(0, dict(rows[0]))


def _changed_in_place(rows: list[Row]) -> None:
    rows[2] = rows[2] | {"link_uri": "https://shop.example.org/moved", "link_id": "moved"}


def _boundary(rows: list[Row]) -> None:
    """The newest is an hour old: the look-back ends with rows of 25 hours, which is row 4."""
    assert rows[4]["click_date"] == stamp(25)
    rows.insert(4, at(25, "just inside"))


def _other_forms(rows: list[Row]) -> None:
    rows[:0] = [
        click(date="2026-03-02T17:45:00+02:00", link_id="offset"),
        click(date="2026-03-02T10:40:00.5-05:00", link_id="west"),
        click(date="2026-03-02T15:35:00", link_id="naive"),
        click(date="20260302T153000Z", link_id="basic"),
    ]


CHANGES = [
    _nothing,
    _arrivals,
    _late,
    _erased,
    _all_at_once,
    _repeats_come,
    _changed_in_place,
    _boundary,
    _other_forms,
]


@pytest.mark.parametrize("scheme", ["offset", "opaque", "timestamp"])
@pytest.mark.parametrize("change", CHANGES)
def test_rows_are_those_of_the_service(held: Make, change: Callable[[list[Row]], None], scheme: Any) -> None:
    one = held(history(60), limit=20, paging={"scheme": scheme})
    change(one.rows)
    one.current()
    one.current()
    assert one.tidy()


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("overlap", [0, 1])
def test_what_is_new_takes_several_pages(held: Make, change: Callable[[list[Row]], None], overlap: int) -> None:
    """And the service may repeat a row between them."""
    one = held(history(40), limit=5, paging={"overlap": overlap})
    change(one.rows)
    one.current(most=40)
    assert one.tidy()
    one.ask()
    assert len(set(one.since())) == 1  # each look at it asks from the same date


def test_true_repeats_inside_the_window_and_at_its_edge(held: Make) -> None:
    rows = [row for row in history(40) for _ in range(2)]
    one = held(rows, limit=20)
    for change in (_nothing, _repeats_come, _nothing):
        change(one.rows)
        one.current()
    at_edge = next(place for place, row in enumerate(one.rows) if row["click_date"] == stamp(25))
    one.rows.insert(at_edge, dict(one.rows[at_edge]))
    one.current()
    del one.rows[at_edge]
    one.current()
    assert Counter(listed(one.rows))[("4", moment(stamp(25)))] == 2


def test_a_repeat_of_the_newest_row_is_erased(held: Make) -> None:
    one = held([dict(history(1)[0]), *history(40)])
    del one.rows[0]
    one.current(most=10)


@pytest.mark.parametrize("milliseconds", [-1, 0, 1])
def test_around_the_edge(held: Make, milliseconds: int) -> None:
    """Whatever stands a millisecond on either side of the look-back is there once."""
    one = held(history(40))
    hours = 25 - milliseconds / HOURS / 1000
    edge = [at(hours, "edge")] if milliseconds >= 0 else []
    one.rows[4 if milliseconds else 5 : 5] = edge if milliseconds else [at(25, "edge")]
    if milliseconds > 0:
        one.rows[4:6] = sorted(one.rows[4:6], key=lambda row: row["click_date"], reverse=True)
    one.current()


def test_held_dates_in_mixed_forms(held: Make) -> None:
    rows = history(40)
    for number, row in enumerate(rows):
        when = pd.Timestamp(row["click_date"])
        if number % 3:
            row["click_date"] = when.tz_convert("Asia/Kolkata" if number % 3 == 1 else "America/Lima").isoformat()
    one = held(rows)
    for change in (_late, _erased, _arrivals):
        change(one.rows)
        one.current()


@pytest.mark.parametrize("scheme", ["offset", "opaque"])
def test_oldest_first(service: Service, tmp_cache: Path, scheme: Any) -> None:
    """As the bounces of a campaign come."""
    rows = [bounce(date=stamp(241 - 6 * number), contact=str(number)) for number in range(41)]
    service.rows(BOUNCES, rows, scheme=scheme)
    clock = Clock(NOW.timestamp())
    session = session_on(service, tmp_cache, clock)

    def contacts(refresh: bool = True) -> list[str]:
        service.reset()
        frame = cctrack.campaign_bounces_df("1100000000001", limit=10, refresh=refresh, session=session)
        return list(frame["contact_id"])

    contacts(False)
    assert service.hits() == 6
    rows.append(bounce(date=stamp(0.5), contact="new"))
    rows.insert(-3, bounce(date=stamp(8), contact="late"))
    del rows[-5]
    for _ in range(2):
        assert contacts() == [row["contact_id"] for row in rows]
        assert service.hits() == 1
        assert contacts(False) == [row["contact_id"] for row in rows]
        assert service.hits() == 0


def test_oldest_first_and_the_newest_all_at_once(service: Service, tmp_cache: Path) -> None:
    """Rows of one instant do not tell which way the report runs; they do not turn it around either."""
    rows = [bounce(date=stamp(241 - 6 * number), contact=str(number)) for number in range(41)]
    service.rows(BOUNCES, rows)
    clock = Clock(NOW.timestamp())
    session = session_on(service, tmp_cache, clock)
    cctrack.campaign_bounces_df("1100000000001", limit=10, session=session)
    clock.advance(5 * DAYS)
    rows += [bounce(date=stamp(-119), contact=f"new{number}") for number in range(5)]
    for hits in (1, 1, 1, 1):
        service.reset()
        frame = cctrack.campaign_bounces_df("1100000000001", limit=20, refresh=True, session=session)
        assert list(frame["contact_id"]) == [row["contact_id"] for row in rows]
        assert service.hits() == hits


def test_service_that_ignores_the_date(held: Make, service: Service) -> None:
    """It lists everything: what is old stays as it was, and nothing is there twice."""
    one = held(history(60), limit=20)

    def handler(request: Request) -> Answer:
        target = re.sub(r"created_since=[^&]*&?", "", request.target)
        return one.collection(replace(request, target=target))

    service.on(CLICKS, handler)
    for change in (_arrivals, _late, _repeats_come):
        change(one.rows)
        one.current(most=10)
    assert one.tidy()


@pytest.mark.parametrize("hours", [-11.5, 11.5])
def test_service_whose_filter_has_another_clock(held: Make, service: Service, hours: float) -> None:
    one = held(history(60), limit=20)

    def handler(request: Request) -> Answer:
        def shifted(match: re.Match[str]) -> str:
            moved = pd.Timestamp(match[1].replace("%3A", ":")) + pd.Timedelta(hours=hours)
            return f"created_since={moved:%Y-%m-%dT%H:%M:%S}Z"

        return one.collection(replace(request, target=re.sub(r"created_since=([^&]*)", shifted, request.target)))

    service.on(CLICKS, handler)
    for change in (_arrivals, _late, _erased):
        change(one.rows)
        one.current(most=4)


def test_pages_that_lose_the_filter(held: Make) -> None:
    """Pages after the first list what is older too."""
    one = held(history(60), limit=4, paging={"keeps_filters": False})
    for change in (_arrivals, _late, _repeats_come, _erased):
        change(one.rows)
        one.current(most=60)


def test_a_row_of_the_future_hides_nothing(held: Make) -> None:
    """A wrong clock dated it; what comes afterwards is older, and is there all the same."""
    one = held([at(-24 * 400, "future"), *history(40)])
    for number in range(3):
        one.clock.advance(5 * HOURS)
        one.rows.insert(1, at(-4 * number - 0.5, f"new{number}"))
        one.current()


def test_two_sessions_in_turn(service: Service, tmp_cache: Path) -> None:
    rows = history(40)
    service.rows(CLICKS, rows)
    clock = Clock(NOW.timestamp())
    sessions = [session_on(service, tmp_cache, clock) for _ in range(2)]
    cctrack.clicks_df("36", limit=10, session=sessions[0])
    for number in range(6):
        clock.advance(2 * HOURS)
        rows.insert(0, at(-2.0 * number, f"new{number}"))
        service.reset()
        frame = cctrack.clicks_df("36", limit=20, session=sessions[number % 2])
        assert shown(frame) == listed(rows)
        assert service.hits() == 1
        assert shown(cctrack.clicks_df("36", session=sessions[1 - number % 2])) == listed(rows)
        assert service.hits() == 1


# --- what cannot be brought up to date is read whole ---------------------------------------------


def test_newest_row_erased(held: Make) -> None:
    one = held(history(40))
    del one.rows[0]
    one.current(most=6)
    assert one.tidy()


def test_all_that_is_new_erased(held: Make) -> None:
    """Nothing is left within the look-back."""
    one = held(history(40))
    del one.rows[:8]
    one.current(most=6)
    assert one.tidy()


def test_everything_erased(held: Make) -> None:
    one = held(history(40))
    one.rows.clear()
    one.current(most=2)
    assert one.tidy()


def test_order_that_is_mixed(held: Make) -> None:
    rows = history(40)
    rows[10], rows[30] = rows[30], rows[10]
    one = held(rows)
    _arrivals(one.rows)
    one.current(most=6)
    assert not one.since()
    one.ask()
    assert not one.since()


def test_order_that_becomes_mixed(held: Make) -> None:
    """New rows by themselves tell it: from then on it is read whole."""
    one = held(history(40))
    one.rows[1:1] = [at(0.2, "a"), at(3, "b"), at(0.4, "c")]
    one.current()
    one.current(most=6)
    one.ask()
    assert not one.since()


@pytest.mark.parametrize("date", [None, "", "yesterday", ABSENT])
def test_undated_row_that_is_held(held: Make, date: Any) -> None:
    rows = history(40)
    rows[20] = click(date=date, link_id="undated")
    with quiet():
        one = held(rows)
        _arrivals(one.rows)
        one.current(most=6)
        assert not one.since()


@pytest.mark.parametrize("date", [None, "", "yesterday", ABSENT])
def test_undated_row_that_is_new(held: Make, date: Any) -> None:
    one = held(history(40))
    one.rows.insert(0, click(date=date, link_id="undated"))
    with quiet():
        one.current(most=10)
        assert one.tidy()
        one.current(most=10)


def test_page_that_is_gone(held: Make) -> None:
    one = held(history(40))
    (entry,) = one.session.store.entries()
    one.session.store.drop_pages(entry.pages[-1:])
    one.current(most=5)
    one.current(most=1)


def test_page_that_is_damaged(held: Make) -> None:
    """It is there, but cannot be read."""
    one = held(history(40))
    (entry,) = one.session.store.entries()
    one.session.store._tables["pages"][entry.pages[-1]] = {"no": "page"}
    one.current(most=7)
    one.current(most=1)


# --- the stricter way ----------------------------------------------------------------------------


def test_strict(held: Make) -> None:
    one = held(history(60), limit=20, given={"verify": "strict"})
    assert one.service.hits() == 6
    for change in (_arrivals, _late, _erased):
        change(one.rows)
        one.current(most=1)
    one.limit = 4
    one.current(most=8)
    one.ask()
    assert len(one.since()) == 2  # two walks that agree


def _restless(one: Held) -> None:
    numbers = iter(range(10**6))

    def before(request: Request) -> None:
        one.rows.insert(0, at(0.5 - next(numbers) / 1000, "restless"))

    one.service.before = before


def test_strict_that_never_agrees_keeps_the_old_one(held: Make) -> None:
    one = held(history(60), limit=4, given={"verify": "strict"})
    before = listed(one.rows)
    _restless(one)
    with pytest.raises(cctrack.ResponseError, match="no two agree"):
        one.ask()
    one.service.before = None
    assert shown(one.ask(refresh=False)) == before
    assert one.service.hits() == 0
    assert one.tidy()


def test_report_that_keeps_changing(held: Make) -> None:
    """Not even the whole of it holds together: told so, and not kept."""
    one = held(history(40), limit=4)
    before = listed(one.rows)
    _restless(one)
    with quiet() as told:
        frame = one.ask()
    assert any(text.startswith("IncompleteWarning") for text in told)
    assert frame.attrs["cctrack"]["complete"] is False
    one.service.before = None
    assert shown(one.ask(refresh=False)) == before
    assert one.tidy()


# --- what fails ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "answer",
    [
        Answer(500),
        Answer(body=b"<html>"),
        Answer.error(404),
        Answer.error(401),
        Answer.json({"results": None}),
        Answer.page(history(10), f"{CLICKS}?next=again"),
    ],
    ids=["500", "html", "404", "401", "null", "endless"],
)
def test_failing_increment_keeps_the_old_one(held: Make, service: Service, answer: Answer) -> None:
    one = held(history(40), limit=20)
    before, pages = listed(one.rows), pages_in(one.folder)
    always(service, CLICKS, answer)
    with pytest.raises(cctrack.CctrackError):
        one.ask()
    assert pages_in(one.folder) == pages
    assert shown(one.ask(refresh=False)) == before
    assert service.hits() == 0
    service.on(CLICKS, one.collection)
    _arrivals(one.rows)
    one.current()


@pytest.mark.parametrize("after", [1, 2, 3])
def test_interrupted_increment(held: Make, monkeypatch: pytest.MonkeyPatch, after: int) -> None:
    one = held(history(40), limit=4)
    before, pages = listed(one.rows), pages_in(one.folder)
    _arrivals(one.rows)
    with monkeypatch.context() as patch:
        _interrupt(patch, "cctrack.api.chain.Chain.page", after)
        with pytest.raises(KeyboardInterrupt):
            one.ask()
    assert pages_in(one.folder) == pages
    assert shown(one.ask(refresh=False)) == before
    assert one.service.hits() == 0
    one.current(most=5)


def _interrupt(patch: pytest.MonkeyPatch, name: str, after: int) -> None:
    module, _, rest = name.rpartition(".")
    owner: Any = __import__(module.rpartition(".")[0], fromlist=["x"])
    owner = getattr(owner, module.rpartition(".")[2])
    real, calls = getattr(owner, rest), [0]

    def interrupted(*args: Any, **more: Any) -> Any:
        calls[0] += 1
        if calls[0] == after:
            raise KeyboardInterrupt
        return real(*args, **more)

    patch.setattr(owner, rest, interrupted)


@pytest.mark.parametrize(
    ("name", "after"), [("Store.keep", 1), ("Store.drop_pages", 1), ("Store.drop_pages", 2), ("Store.keep_page", 2)]
)
def test_interrupted_while_it_is_kept(held: Make, monkeypatch: pytest.MonkeyPatch, name: str, after: int) -> None:
    """The old walk or the new one, never a mixture."""
    one = held(history(40), limit=4)
    before = listed(one.rows)
    _arrivals(one.rows)
    with monkeypatch.context() as patch:
        _interrupt(patch, f"cctrack.api.store.{name}", after)
        with pytest.raises(KeyboardInterrupt):
            one.ask()
    assert shown(one.ask(refresh=False)) in (before, listed(one.rows))
    one.current(most=20)
    cctrack.cache.clear(session=one.session)
    assert pages_in(one.folder) == 0


@pytest.mark.parametrize("broken", ["keep_page", "keep"])
def test_store_that_takes_nothing(held: Make, monkeypatch: pytest.MonkeyPatch, broken: str) -> None:
    """As when another process keeps the file locked: right rows, more calls."""
    one = held(history(40), limit=10)
    _arrivals(one.rows)
    with monkeypatch.context() as patch:
        patch.setattr(f"cctrack.api.store.Store.{broken}", lambda *args: None)
        assert shown(one.ask()) == listed(one.rows)
    one.current(most=10)


# --- at random -----------------------------------------------------------------------------------

_STEP = st.tuples(
    st.sampled_from(["arrive", "arrive", "late", "erase", "repeat", "nothing"]),
    st.floats(0, 12),  # hours that a row is late
    st.integers(0, 10**6),  # which row
)
_ROUND = st.tuples(st.floats(0.01, 40), st.lists(_STEP, max_size=6))


@settings(
    max_examples=60,
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    count=st.integers(6, 30),
    every=st.floats(0.3, 20),
    limit=st.sampled_from([2, 3, 5, 20]),
    rising=st.booleans(),
    overlap=st.sampled_from([0, 0, 0, 1]),
    scheme=st.sampled_from(["offset", "opaque"]),
    rounds=st.lists(_ROUND, min_size=1, max_size=6),
)
def test_any_history(
    service: Service,
    tmp_path_factory: pytest.TempPathFactory,
    count: int,
    every: float,
    limit: int,
    rising: bool,
    overlap: int,
    scheme: Any,
    rounds: list[Any],
) -> None:
    """Arrivals, rows up to twelve hours late, erasures among the newest: always what the service lists."""
    rows = history(count, every)
    sign = 1 if rising else -1
    names = iter(range(10**6))
    repeated = False

    def sort() -> None:
        rows.sort(key=lambda row: sign * pd.Timestamp(row["click_date"]).value)

    sort()
    service.rows(CLICKS, rows, scheme=scheme, overlap=overlap)
    clock = Clock(NOW.timestamp())
    session = session_on(service, tmp_path_factory.mktemp("any"), clock)
    with quiet() as told:
        cctrack.clicks_df("36", limit=limit, session=session)
    if told:
        assert overlap
        return
    newest_held = max(pd.Timestamp(row["click_date"]) for row in rows)
    for hours, steps in rounds:
        clock.advance(hours * HOURS)
        now = pd.Timestamp(clock.time(), unit="s", tz="UTC")
        edge = newest_held - pd.Timedelta(hours=12)
        for what, late, which in steps:
            recent = [row for row in rows if pd.Timestamp(row["click_date"]) > edge]
            if what in ("arrive", "late"):
                ago = 0.0 if what == "arrive" else late
                date = f"{now - pd.Timedelta(hours=ago) - pd.Timedelta(milliseconds=next(names)):%Y-%m-%dT%H:%M:%S.%f}"
                rows.append(click(date=date[:-3] + "Z", link_id=f"new{next(names)}"))
            elif what == "erase" and recent:
                rows.remove(recent[which % len(recent)])
            elif what == "repeat" and recent:
                rows.append(dict(recent[which % len(recent)]))
                repeated = True
            sort()
        with quiet() as told:
            frame = cctrack.clicks_df("36", limit=limit, refresh=True, session=session)
        if (overlap or repeated) and told:
            assert all("cannot be told" in text for text in told)
            return  # repeats that look like overlap are kept, and that is said
        assert not told
        assert Counter(shown(frame)) == Counter(listed(rows))
        if not repeated:
            assert shown(frame) == listed(rows)
        if not rows:
            return
        newest_held = max(pd.Timestamp(row["click_date"]) for row in rows)
    session.close()


# --- what the service no longer lists ------------------------------------------------------------


class Forgetful(Collection):
    """Lists what was clicked in the last 180 days."""

    clock: Clock

    def __call__(self, request: Request) -> Answer:
        whole = self.rows
        now = pd.Timestamp(self.clock.time(), unit="s", tz="UTC")
        edge = now - pd.Timedelta(days=180)
        self.rows = [row for row in whole if pd.Timestamp(row["click_date"]) >= edge]
        try:
            return super().__call__(request)
        finally:
            self.rows = whole


@contextmanager
def _forgetful(service: Service, folder: Path, rows: list[Row], **more: Any) -> Iterator[Held]:
    one = Held(service, folder, rows, **more)
    one.collection = Forgetful(CLICKS, rows)
    one.collection.clock = one.clock
    service.on(CLICKS, one.collection)
    assert shown(one.ask(refresh=False)) == listed(rows)
    yield one
    assert one.tidy()


@pytest.mark.parametrize("limit", [4, 500], ids=["brought up", "read whole"])
@pytest.mark.parametrize("rising", [False, True])
def test_what_the_service_ceases_to_list_stays(service: Service, tmp_cache: Path, limit: int, rising: bool) -> None:
    rows = history(16, every=240.0)  # 150 days
    if rising:
        rows.reverse()
    with _forgetful(service, tmp_cache, rows, limit=limit) as one:
        first = one.ask(refresh=False).attrs["cctrack"]["fetched_at"]
        for round_ in range(1, 7):  # half a year more
            one.clock.advance(30 * DAYS)
            new = at(-24 * 30 * round_ + 1, f"new{round_}")
            rows.insert(len(rows) if rising else 0, new)
            frame = one.ask()
            assert shown(frame) == listed(rows)
            assert one.service.hits() == 1
            assert shown(one.ask(refresh=False)) == listed(rows)
            assert one.service.hits() == 0
        told = frame.attrs["cctrack"]
        assert told["complete"] is True
        assert pd.Timestamp(told["whole_at"]) == pd.Timestamp(first)
        assert pd.Timestamp(told["fetched_at"]) - pd.Timestamp(first) == pd.Timedelta(days=180)


def test_it_stays_when_the_rest_is_read_whole(service: Service, tmp_cache: Path) -> None:
    """The newest row is erased: what is listed is read anew, what is not is kept."""
    rows = history(20, every=240.0)[:-2]
    with _forgetful(service, tmp_cache, rows, limit=4) as one:
        one.clock.advance(60 * DAYS)
        rows.insert(0, at(-24 * 60 + 1, "new"))
        assert shown(one.ask()) == listed(rows)
        one.clock.advance(DAYS)
        del rows[0]
        assert shown(one.ask()) == listed(rows)
        assert one.service.hits() > 2
        assert "whole_at" in one.ask(refresh=False).attrs["cctrack"]


@pytest.mark.parametrize("limit", [4, 500])
def test_nothing_is_listed_any_more(service: Service, tmp_cache: Path, limit: int) -> None:
    """Nobody clicked for a year: one call tells that there is nothing new."""
    rows = history(12, every=24.0)
    with _forgetful(service, tmp_cache, rows, limit=limit) as one:
        for _ in range(3):
            one.clock.advance(360 * DAYS)
            frame = one.ask()
            assert shown(frame) == listed(rows)
            assert one.service.hits() == 1
            assert shown(one.ask(refresh=False)) == listed(rows)
            assert one.service.hits() == 0
        rows.insert(0, at(-24 * 1080 + 1, "after three years"))
        assert shown(one.ask()) == listed(rows)
        rows.insert(0, at(-24 * 1080 + 0.5, "and one more"))
        assert shown(one.ask()) == listed(rows)
        assert one.service.hits() <= 2


def test_one_old_row_and_a_report_that_runs_the_other_way(service: Service, tmp_cache: Path) -> None:
    """A single row runs either way."""
    rows = [at(24 * 100, "old")]
    with _forgetful(service, tmp_cache, rows) as one:
        one.clock.advance(100 * DAYS)
        rows += [at(-24 * 99 - hours, f"new{hours}") for hours in range(3)]
        assert shown(one.ask()) == listed(rows)
        rows.append(at(-24 * 99 - 4, "newer"))
        assert shown(one.ask()) == listed(rows)


def test_what_vanishes_among_older_rows_is_gone(service: Service, tmp_cache: Path) -> None:
    """A service that lists older rows did not cease to list: it erased."""
    rows = history(30, every=240.0)  # 300 days, and this service lists them all
    one = Held(service, tmp_cache, rows, limit=500)
    one.ask(refresh=False)
    del rows[20:22]
    frame = one.current(most=1)
    assert "whole_at" not in frame.attrs["cctrack"]
    del rows[-1]
    one.current(most=1)
    assert one.tidy()


def test_what_vanishes_and_is_not_old_is_gone(service: Service, tmp_cache: Path) -> None:
    rows = history(10, every=240.0)  # 90 days
    with _forgetful(service, tmp_cache, rows, limit=500) as one:
        del rows[6:]
        one.current(most=1)
        rows.clear()
        one.current(most=1)
        assert "whole_at" not in one.ask(refresh=False).attrs["cctrack"]


def test_erased_rows_between_what_stays_and_what_is_listed(service: Service, tmp_cache: Path) -> None:
    rows = history(16, every=240.0)
    with _forgetful(service, tmp_cache, rows, limit=500) as one:
        one.clock.advance(60 * DAYS)  # rows of 180 days and more, six of them, are listed no more
        kept = [row for row in rows if pd.Timestamp(row["click_date"]) < NOW - pd.Timedelta(days=120)]
        assert 2 < len(kept) < 6
        del rows[3:5]
        assert shown(one.ask()) == listed(rows)
        assert len(one.ask(refresh=False)) == 14
        one.clock.advance(3 * DAYS)
        assert shown(one.ask()) == listed(rows)
