"""What a plan says is what the service then counts; planning itself asks for nothing."""

import math
import os
from collections.abc import Iterator
from dataclasses import FrozenInstanceError, asdict, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pandas as pd
import pytest
from clock import Clock
from jupyter_client.manager import start_new_kernel
from service import ABSENT, Account, Service, account, campaign, click
from sessions import CAMPAIGN_CLICKS, CLICKS, clicks, session_on
from test_reports import OFFERED, ids_for
from tqdm.auto import tqdm

import cctrack
from cctrack import progress
from cctrack.catalog import REPORTS

ROOT = Path(__file__).resolve().parent.parent
CAMPAIGNS = "/v2/emailmarketing/campaigns"
HOUR = 3600.0


@pytest.fixture
def session(service: Service, tmp_cache: Path, clock: Clock) -> Iterator[cctrack.Session]:
    """Connect to the service; it is the session in scope, and its time stands still."""
    with session_on(service, tmp_cache, clock) as opened, cctrack.use(opened):
        yield opened


def function(name: str) -> Any:
    """Give a report function by the report's name."""
    return getattr(cctrack, REPORTS[name].function)


def planned(service: Service, ask: Any, *ids: Any, **options: Any) -> cctrack.Plan:
    """Plan, and see that nothing is sent."""
    before = service.hits()
    plan = cctrack.plan(ask, *ids, **options)
    assert service.hits() == before
    return plan


def spent(service: Service, ask: Any, *ids: Any, **options: Any) -> int:
    """Ask, and count the requests."""
    before = service.hits()
    ask(*ids, **options)
    return service.hits() - before


def kept_to(service: Service, ask: Any, *ids: Any, **options: Any) -> int:
    """Plan and then ask: the numbers are to be the same."""
    plan = planned(service, ask, *ids, **options)
    assert plan.calls == spent(service, ask, *ids, **options)
    return plan.calls


def many_campaigns(service: Service, count: int, pages: int = 1, **changes: Any) -> list[str]:
    """Serve a list of campaigns and the clicks of each: pages of 500."""
    ids = [str(1_100_000_000_000 + number) for number in range(count)]
    service.rows(CAMPAIGNS, [campaign(one, status="SENT") for one in ids], maximum=50)
    for number, one in enumerate(ids):
        rows = [
            click(str(1 + row % 7), one, link_id=str(row), **changes)
            for row in range(10 if number % 2 or pages == 1 else 700)
        ]
        service.rows(f"{CAMPAIGNS}/{one}/tracking/clicks", rows)
        service.json(f"{CAMPAIGNS}/{one}", campaign(one) | {"click_through_details": []})
    return ids


# --- every report --------------------------------------------------------------------------------


@pytest.mark.usefixtures("session")
@pytest.mark.parametrize("name", OFFERED)
def test_a_plan_is_what_is_counted_cold_warm_and_later(service: Service, clock: Clock, name: str) -> None:
    account(service)
    ask, ids = function(name), ids_for(name)
    if name == "account_activities":
        cctrack.campaigns_df()
    cold = kept_to(service, ask, *ids)
    assert cold > 0
    plan = planned(service, ask, *ids)
    assert plan.calls == 0
    assert plan.calls_cold - (name == "account_activities") == cold  # there the list was fetched before
    clock.advance(2 * HOUR)
    later = kept_to(service, ask, *ids)
    refreshed = kept_to(service, ask, *ids, refresh=True)
    assert later <= cold + 1
    assert refreshed == plan.calls_cold
    assert kept_to(service, ask, *ids) == 0


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("contacts", {"status": "ACTIVE", "modified_since": "2026-02-01"}),
        ("contacts", {"email": "person36@example.org"}),
        ("lists", {"modified_since": "2026-02-01"}),
        ("campaigns", {"status": None}),
        ("campaigns", {"status": "draft", "modified_since": "2026-02-01", "limit": 10}),
        ("campaigns", {"details": True}),
        ("campaign_summary", {"update_summary": True}),
        ("clicks", {"created_since": "2026-03-02", "details": True, "on_missing": "skip", "progress": False}),
        ("clicks", {"route": "campaigns"}),
        ("opens", {"route": "campaigns", "created_since": pd.Timestamp("2026-03-02")}),
        ("activities", {"route": "campaigns"}),
        ("account_activities", {"created_since": "2026-03-02", "status": None}),
    ],
)
@pytest.mark.usefixtures("session")
def test_the_walks_planned_are_those_asked_for(service: Service, name: str, options: dict[str, Any]) -> None:
    """After the call all that it asked for is in the cache: a plan that names other walks is not zero."""
    account(service)
    ask, ids = function(name), ids_for(name)
    first = planned(service, ask, *ids, **options).calls
    cost = spent(service, ask, *ids, **options)
    assert 0 < first <= cost
    plan = planned(service, ask, *ids, **options)
    assert (plan.calls_cold, plan.calls) == (cost, 0)
    other = planned(service, ask, *ids, **options | ({"created_since": "2026-03-03"} if "clicks" in name else {}))
    assert (other.calls > 0) == ("clicks" in name)


def test_nothing_is_known_of_reports_that_are_not_offered(session: cctrack.Session) -> None:
    with pytest.raises(cctrack.NotOfferedError):
        cctrack.plan(cctrack.campaign_did_not_opens_df, "1", session=session)


# --- walks of several pages ----------------------------------------------------------------------


@pytest.mark.usefixtures("session")
def test_pages_are_those_the_cache_saw(service: Service, clock: Clock) -> None:
    service.rows(CLICKS, clicks(23))
    plan = planned(service, cctrack.clicks_df, "36", limit=10)
    assert (plan.calls_cold, plan.calls) == (1, 1)
    assert repr(plan).startswith("at least 1 call, ")
    assert spent(service, cctrack.clicks_df, "36", limit=10) == 4  # three pages, and page one again
    plan = planned(service, cctrack.clicks_df, "36", limit=10)
    assert (plan.calls_cold, plan.calls) == (4, 0)
    assert "at least" not in repr(plan)
    clock.advance(2 * HOUR)
    plan = planned(service, cctrack.clicks_df, "36", limit=10)
    assert (plan.calls_cold, plan.calls) == (4, 4)  # all rows are of the look-back
    assert kept_to(service, cctrack.clicks_df, "36", limit=10) == 4
    assert planned(service, cctrack.clicks_df, "36", limit=5).calls_cold == 6


@pytest.mark.usefixtures("session")
def test_what_can_be_brought_up_to_date_is_one_call(service: Service, clock: Clock) -> None:
    days = pd.date_range("2026-01-01", periods=60, tz="UTC")[::-1]
    rows = [click(date=f"{day:%Y-%m-%dT%H:%M:%S}.000Z") for day in days]
    service.rows(CLICKS, rows)
    assert spent(service, cctrack.clicks_df, "36", limit=10) == 7
    clock.advance(2 * HOUR)
    assert kept_to(service, cctrack.clicks_df, "36", limit=10) == 1
    assert kept_to(service, cctrack.clicks_df, "36", limit=10, refresh=True) == 1
    plan = planned(service, cctrack.clicks_df, "36", limit=10)
    assert (plan.calls_cold, plan.calls) == (7, 0)  # though it is kept in more pieces by now
    # A filter of one's own is another walk.
    assert planned(service, cctrack.clicks_df, "36", limit=10, created_since="2026-02-01").calls == 1


def test_strict_costs_two_walks(service: Service, tmp_cache: Path, clock: Clock) -> None:
    service.rows(CLICKS, clicks(23))
    service.rows(CAMPAIGN_CLICKS, clicks(3))
    with session_on(service, tmp_cache, clock, verify="strict") as strict:
        assert spent(service, cctrack.clicks_df, "36", limit=10, session=strict) == 6
        assert planned(service, cctrack.clicks_df, "36", limit=10, session=strict).calls_cold == 6
        assert kept_to(service, cctrack.campaign_clicks_df, "1100000000001", session=strict) == 1
        assert planned(service, cctrack.campaign_clicks_df, "1100000000001", session=strict).calls_cold == 1


def test_a_report_without_created_since_is_read_again(service: Service, session: cctrack.Session, clock: Clock) -> None:
    account(service)
    assert spent(service, cctrack.contacts_df, limit=2) == 3
    clock.advance(2 * HOUR)
    assert kept_to(service, cctrack.contacts_df, limit=2) == 3
    with cctrack.cache.disabled():
        plan = planned(service, cctrack.contacts_df, limit=2, session=session)
    assert (plan.calls_cold, plan.calls) == (1, 1)


def test_offline_costs_nothing(service: Service, tmp_cache: Path, clock: Clock) -> None:
    service.rows(CLICKS, clicks(23))
    with session_on(service, tmp_cache, clock) as online:
        cctrack.clicks_df("36", limit=10, session=online)
    with session_on(service, tmp_cache, clock, offline=True) as offline:
        plan = planned(service, cctrack.clicks_df, ["36", "37"], limit=10, session=offline)
        assert (plan.calls_cold, plan.calls, plan.minutes, plan.share_of_today) == (5, 0, 0, 0)
        assert "CacheMissError" in repr(plan)


# --- which route ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("session")
def test_ten_thousand_contacts_are_cheaper_by_campaign(service: Service, clock: Clock) -> None:
    many_campaigns(service, 50, pages=2)
    contacts = [str(number) for number in range(1, 10_001)]
    unknown = planned(service, cctrack.clicks_df, contacts)
    assert (unknown.calls, unknown.route, unknown.saving) == (10_000, "contacts", 0)
    assert "campaigns_df()" in repr(unknown)

    assert spent(service, cctrack.campaigns_df) == 1
    unseen = planned(service, cctrack.clicks_df, contacts)
    assert (unseen.calls, unseen.route, unseen.saving) == (10_000, "campaigns", 9_950)
    assert "campaigns_df()" not in repr(unseen)

    cost = spent(service, cctrack.clicks_df, contacts, route="campaigns")
    assert cost == 25 + 25 * 3  # 700 clicks are two pages, and page one again
    clock.advance(2 * HOUR)
    plan = planned(service, cctrack.clicks_df, contacts)
    assert (plan.calls_cold, plan.calls, plan.route) == (10_000, 10_000, "campaigns")
    assert plan.saving == 10_000 - planned(service, cctrack.clicks_df, contacts, route="campaigns").calls
    asked = planned(service, cctrack.clicks_df, contacts, route="campaigns")
    assert (asked.calls_cold, asked.route, asked.saving) == (cost + 1, "campaigns", 0)
    assert 'route="campaigns" saves' in repr(plan)
    assert kept_to(service, cctrack.clicks_df, contacts, route="campaigns") == asked.calls


@pytest.mark.usefixtures("session")
def test_few_contacts_are_cheaper_by_themselves(service: Service) -> None:
    many_campaigns(service, 50)
    cctrack.campaigns_df()
    for count in (1, 2, 40, 120):  # unseen campaigns are taken for two pages each
        plan = planned(service, cctrack.clicks_df, list(range(count)))
        assert (plan.calls, plan.route, plan.saving) == (count, "contacts", 0)
    plan = planned(service, cctrack.clicks_df, list(range(40)), route="campaigns")
    assert (plan.calls, plan.route, plan.saving) == (50, "contacts", 10)
    assert planned(service, cctrack.clicks_df, []).calls == 0
    assert planned(service, cctrack.activities_df, list(range(1000))).saving == 1000 - 6 * 50


@pytest.mark.usefixtures("session")
def test_links_are_counted_where_addresses_are_missing(service: Service, clock: Clock) -> None:
    many_campaigns(service, 4, link_uri=ABSENT)
    people = [str(number) for number in range(1, 41)]
    cold = spent(service, cctrack.clicks_df, people, route="campaigns")
    assert cold == 1 + 4 + 4
    plan = planned(service, cctrack.clicks_df, people, route="campaigns")
    assert (plan.calls_cold, plan.calls, plan.route) == (9, 0, "campaigns")
    clock.advance(2 * HOUR)
    plan = planned(service, cctrack.clicks_df, people)
    asked = kept_to(service, cctrack.clicks_df, people, route="campaigns")
    assert plan.saving == 40 - asked
    # Nobody of these clicked, so no address is missing.
    assert planned(service, cctrack.clicks_df, [str(one) for one in range(100, 140)], route="campaigns").calls_cold == 5


@pytest.mark.usefixtures("session")
def test_other_reports_have_one_route(service: Service) -> None:
    account(service)
    for name in ("summary", "campaign_clicks", "contacts", "account_activities"):
        plan = planned(service, function(name), *ids_for(name))
        assert (plan.route, plan.saving) == (None, 0)
        assert "route" not in plan._repr_html_()


@pytest.mark.usefixtures("session")
def test_campaigns_that_are_not_known_are_said(service: Service) -> None:
    account(service)
    for plan in (
        planned(service, cctrack.account_activities_df),
        planned(service, cctrack.campaigns_df, details=True),
        planned(service, cctrack.opens_df, ["36"], route="campaigns"),
    ):
        assert plan.calls == 1
        assert repr(plan).startswith("at least 1 call,")
        assert "campaigns_df()" in repr(plan)
    cctrack.campaigns_df()
    assert planned(service, cctrack.account_activities_df).calls == 6 * len(Account.sent)


# --- the day -------------------------------------------------------------------------------------


def test_the_ledger_is_shown(service: Service, tmp_cache: Path) -> None:
    noon = datetime(2026, 11, 23, 12, tzinfo=UTC)
    clock = Clock(wall=noon.timestamp())
    service.rows(CLICKS, clicks(3))
    with session_on(service, tmp_cache, clock, rate=4.0, daily_quota=10) as session:
        fresh = cctrack.quota(session=session)
        assert asdict(fresh) == {
            "used": 0,
            "left": 10,
            "limit": 10,
            "rate": 4.0,
            "resets_at": datetime(2026, 11, 24, tzinfo=UTC),
        }
        cctrack.clicks_df("36", session=session)
        cctrack.clicks_df("36", session=session)  # a hit costs nothing
        later = cctrack.quota(session=session)
        assert (later.used, later.left) == (1, 9)
        assert repr(later).startswith(
            "1 of 10 calls used today, 9 left, 4 a second; counted anew from 2026-11-24 00:00"
        )
        clock.advance(12 * HOUR)
        morning = cctrack.quota(session=session)
        assert (morning.used, morning.left, morning.resets_at) == (0, 10, datetime(2026, 11, 25, tzinfo=UTC))
    with pytest.raises(FrozenInstanceError):
        fresh.used = 3  # type: ignore[misc]


def test_minutes_and_share(service: Service, tmp_cache: Path, clock: Clock) -> None:
    service.rows(CLICKS, [])
    with session_on(service, tmp_cache, clock, rate=4.0, daily_quota=1000) as session, cctrack.use(session):
        plan = planned(service, cctrack.summary_df, list(range(480)))
        assert (plan.calls, plan.minutes, plan.share_of_today) == (480, 2.0, 0.48)
        assert repr(plan) == "480 calls, about 2.0 minutes, 48.0% of what is left today, 480 calls with an empty cache."
        cctrack.clicks_df("36")
        assert planned(service, cctrack.summary_df, list(range(999))).share_of_today == 1.0
        over = planned(service, cctrack.summary_df, list(range(1998)))
        assert over.share_of_today == 2.0
        assert "goes on from 2026-05-29 00:00 UTC" in repr(over)


def test_when_the_day_is_used_up(service: Service, tmp_cache: Path, clock: Clock) -> None:
    people = [str(number) for number in range(5)]
    for one in people:
        service.rows(f"/v2/contacts/{one}/tracking/clicks", [click(one)])
    with session_on(service, tmp_cache, clock, daily_quota=3) as session, cctrack.use(session):
        assert planned(service, cctrack.clicks_df, people).calls == 5
        with pytest.raises(cctrack.RateLimitError, match="UTC") as stopped:
            cctrack.clicks_df(people)
        assert stopped.value.daily
        rest = planned(service, cctrack.clicks_df, people)  # what was fetched is kept
        assert (rest.calls_cold, rest.calls, rest.share_of_today) == (5, 2, math.inf)
        assert "more than all" in repr(rest)
        assert planned(service, cctrack.clicks_df, people[0]).share_of_today == 0
        clock.advance(24 * HOUR)
        session.policy = replace(session.policy, expire_after=48 * HOUR)
        assert kept_to(service, cctrack.clicks_df, people) == 2


# --- how it shows, and what it refuses -----------------------------------------------------------


def test_what_shows_in_a_notebook(service: Service, session: cctrack.Session) -> None:
    plan = planned(service, cctrack.clicks_df, range(1234))
    html = plan._repr_html_()
    assert "<th>calls</th><td>at least 1,234 calls</td>" in html
    assert html.count("<tr>") == 5
    assert "<th>used today</th><td>0</td>" in cctrack.quota()._repr_html_()
    bad = replace(plan, route="<script>alert(1)</script>")
    assert "<script>" not in bad._repr_html_()
    assert "&lt;script&gt;" in bad._repr_html_()
    with pytest.raises(FrozenInstanceError):
        plan.calls = 3  # type: ignore[misc]
    assert list(asdict(plan)) == ["calls_cold", "calls", "minutes", "share_of_today", "route", "saving"]
    assert session.account not in html


@pytest.mark.parametrize("what", ["clicks_df", None, len, cctrack.stack, pd.DataFrame(), cctrack.plan])
@pytest.mark.usefixtures("session")
def test_only_report_functions_are_planned(what: Any) -> None:
    with pytest.raises(TypeError, match=r"plan\(cctrack\.clicks_df"):
        cctrack.plan(what, ["36"])


def test_a_function_of_the_same_name_is_none_of_ours() -> None:
    def clicks_df(contact_id: str) -> None:
        raise AssertionError(contact_id)

    with pytest.raises(TypeError, match="report function"):
        cctrack.plan(clicks_df, ["36"])


@pytest.mark.parametrize(
    ("name", "ids", "options", "kind", "words"),
    [
        ("clicks", (), {}, TypeError, "takes contact_id"),
        ("clicks", ("36", "37"), {}, TypeError, "takes contact_id"),
        ("contacts", ("36",), {}, TypeError, "takes no ids"),
        ("campaign_link_clicks", ("36",), {}, TypeError, "campaign_id, link_id"),
        ("clicks", ("a/b",), {}, ValueError, "contact_id"),
        ("clicks", ("36",), {"rout": "campaigns"}, TypeError, "did you mean route"),
        ("clicks", ("36",), {"status": "SENT"}, TypeError, "status is unknown"),
        ("contacts", (), {"created_since": "2026-01-01"}, TypeError, "did you mean modified_since"),
        ("clicks", ("36",), {"route": "lists"}, ValueError, "route"),
        ("clicks", ("36",), {"limit": 0}, ValueError, "limit"),
        ("clicks", ("36",), {"created_since": "tomorrow"}, ValueError, "created_since"),
        ("clicks", ("36",), {"refresh": "yes"}, TypeError, "refresh"),
        ("clicks", ("36",), {"session": "demo"}, TypeError, "session"),
    ],
)
@pytest.mark.usefixtures("session")
def test_bad_arguments_say_what_is_wrong(
    name: str, ids: tuple[str, ...], options: dict[str, Any], kind: type[Exception], words: str
) -> None:
    with pytest.raises(kind, match=words):
        cctrack.plan(function(name), *ids, **options)


def test_without_a_session_it_says_what_is_missing() -> None:
    for ask in (lambda: cctrack.plan(cctrack.clicks_df, "36"), cctrack.quota):
        with pytest.raises(cctrack.ConfigError, match=r"cctrack\.demo\(\)"):
            ask()


# --- while it runs -------------------------------------------------------------------------------


def test_the_bar_tells_what_it_costs(
    service: Service, tmp_cache: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CCTRACK_PROGRESS", "1")
    monkeypatch.setattr(progress, "_BAR_AFTER", 0.0)
    monkeypatch.setattr(progress, "_LEDGER_EVERY", 0.0)
    monkeypatch.setattr(progress, "tqdm", partial(tqdm, mininterval=0, miniters=1))
    people = [str(number) for number in range(12)]
    for one in people:
        service.rows(f"/v2/contacts/{one}/tracking/clicks", [click(one)] * 2)
    service.rows(CLICKS, clicks(25))
    with session_on(service, tmp_cache, daily_quota=20_000) as session:
        cctrack.clicks_df(people[:5], session=session, progress=False)
        assert capsys.readouterr().err == ""
        cctrack.clicks_df(people, session=session)
        shown = capsys.readouterr().err
        assert "calls=7, rows=24, hits=5, left_today=19,988" in shown
        cctrack.clicks_df("36", limit=10, session=session)
        shown = capsys.readouterr().err
        assert "calls=3, rows=25, hits=0, left_today=19,985" in shown


IN_A_NOTEBOOK = """
import cctrack
from cctrack import progress
progress._BAR_AFTER = 0.1
session = cctrack.connect({key!r}, {token!r}, base_url={url!r}, cache_dir={folder!r}, rate=6)
rows = cctrack.clicks_df(range(12))
"""


@pytest.mark.parametrize("attended", [True, False])
def test_in_a_notebook_the_bar_leaves_nothing(service: Service, tmp_path: Path, attended: bool) -> None:
    for one in range(12):
        service.rows(f"/v2/contacts/{one}/tracking/clicks", [click(str(one))] * 2)
    code = IN_A_NOTEBOOK.format(url=service.url, key=service.key, token=service.token, folder=str(tmp_path / "cache"))
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "IPYTHONDIR": str(tmp_path), "CCTRACK_PROGRESS": "1"}
    manager, client = start_new_kernel(kernel_name="python3", env=settings)
    said: list[dict[str, Any]] = []
    try:
        reply = client.execute_interactive(code, allow_stdin=attended, output_hook=said.append, timeout=120)
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    assert reply["content"].get("evalue") is None
    kinds = [one["msg_type"] for one in said]
    assert not {"stream", "comm_open", "error"} & set(kinds)  # no widget, nothing on stderr
    bars = [one["content"]["data"]["text/plain"] for one in said if one["msg_type"].endswith("display_data")]
    if attended:
        assert kinds.count("display_data") == 1
        assert any("/12 [" in bar and "rows=" in bar for bar in bars)
        assert bars[-1] == ""
    else:  # nobody looks on, and what was shown would be kept
        assert bars == []


def test_the_bar_leaves_the_shared_count_alone(
    service: Service, tmp_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = Mock(return_value=0)
    people = [str(number) for number in range(40)]
    for one in people:
        service.rows(f"/v2/contacts/{one}/tracking/clicks", [])
    monkeypatch.setenv("CCTRACK_PROGRESS", "1")
    monkeypatch.setattr(progress, "_LEDGER_EVERY", 1e9)
    with session_on(service, tmp_cache) as session:
        monkeypatch.setattr(session.ledger, "used", looks)
        cctrack.clicks_df(people, session=session, progress=False)
        assert looks.call_count == 0
        monkeypatch.setattr(progress, "_BAR_AFTER", 0.0)
        cctrack.clicks_df(people, session=session, progress=True)
        assert looks.call_count == 1
