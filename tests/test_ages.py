"""How long a report is fresh: by session, by report, by how quiet a campaign has become."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from clock import Clock
from service import Service, campaign_summary, click, open_
from sessions import CAMPAIGN_CLICKS, CLICKS, session_on

import cctrack
from cctrack.api.session import Session

OPENS = "/v2/contacts/36/tracking/opens"
CAMPAIGN = "1100000000001"
CAMPAIGN_BASE = f"/v2/emailmarketing/campaigns/{CAMPAIGN}/tracking"
NEWEST = pd.Timestamp("2026-03-02T15:00:00Z")
HOUR = 3600.0
DAY = 24 * HOUR


@pytest.fixture
def made(service: Service, tmp_cache: Path) -> Callable[..., tuple[Session, Clock]]:
    """Give a session an hour after the newest event of a contact and a campaign."""
    for path in (CLICKS, CAMPAIGN_CLICKS):
        service.rows(path, [click(date=f"{NEWEST:%Y-%m-%dT%H:%M:%S}.000Z")])
    for kind in ("sends", "opens", "forwards", "bounces", "unsubscribes"):
        service.rows(f"{CAMPAIGN_BASE}/{kind}", [])
    service.rows(OPENS, [open_()])
    service.json(f"{CAMPAIGN_BASE}/reports/summary", campaign_summary())

    def make(after: float = HOUR, **given: Any) -> tuple[Session, Clock]:
        clock = Clock(NEWEST.timestamp() + after)
        return session_on(service, tmp_cache, clock, **given), clock

    return make


def asks(service: Service, ask: Callable[[], object]) -> int:
    """Count what a report sends."""
    service.reset()
    ask()
    return service.hits()


# --- what the setting takes ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (None, 3600),
        (0, 0),
        (60, 60),
        (0.5, 0.5),
        ("90", 90),
        (timedelta(days=1), 86_400),
        (float("inf"), float("inf")),
        ({}, 3600),
        ({"*": 60}, 60),
        ({"clicks": 5}, 3600),
        ({"clicks": 5, "*": timedelta(minutes=2)}, 120),
    ],
    ids=str,
)
def test_age_of_a_session(made: Any, given: Any, seconds: float) -> None:
    session, _ = made(expire_after=given)
    assert session.policy.expire_after == seconds
    assert cctrack.cache.info(session=session).attrs["expire_after"] == seconds


@pytest.mark.parametrize(
    "given", [-1, float("nan"), "soon", True, [60], {"clicks": -1}, {"clicks": "soon"}, {"*": float("nan")}], ids=str
)
def test_age_that_is_none(made: Any, service: Service, given: Any) -> None:
    with pytest.raises(cctrack.ConfigError, match="expire_after must be a number of seconds"):
        made(expire_after=given)
    assert service.hits() == 0


@pytest.mark.parametrize(
    ("given", "meant"),
    [("click", "clicks"), ("campain_opens_df", "campaign_opens"), ("summry", "summary"), ("liste", "lists")],
)
def test_unknown_report_names_the_nearest(made: Any, given: str, meant: str) -> None:
    with pytest.raises(cctrack.ConfigError, match=rf"report {given.removesuffix('_df')} is unknown.*{meant}"):
        made(expire_after={given: 60})


@pytest.mark.parametrize("given", [{5: 60}, {None: 60}, {"": 60}], ids=str)
def test_name_that_is_none(made: Any, given: Any) -> None:
    with pytest.raises(cctrack.ConfigError, match="is unknown"):
        made(expire_after=given)


def test_variable(service: Service, tmp_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCTRACK_EXPIRE_AFTER", "120")
    assert session_on(service, tmp_cache).policy.expire_after == 120
    assert session_on(service, tmp_cache, expire_after=30).policy.expire_after == 30
    assert session_on(service, tmp_cache, expire_after=0).policy.expire_after == 0
    assert session_on(service, tmp_cache, expire_after={"clicks": 1}).policy.expire_after == 3600
    monkeypatch.setenv("CCTRACK_EXPIRE_AFTER", "")
    assert session_on(service, tmp_cache).policy.expire_after == 3600
    monkeypatch.setenv("CCTRACK_EXPIRE_AFTER", "an hour")
    with pytest.raises(cctrack.ConfigError, match="expire_after"):
        session_on(service, tmp_cache)
    monkeypatch.delenv("CCTRACK_EXPIRE_AFTER")
    monkeypatch.setenv("CCTRACK_EXPIRES_AFTER", "120")
    with pytest.raises(cctrack.ConfigError, match="did you mean CCTRACK_EXPIRE_AFTER"):
        session_on(service, tmp_cache)


def test_connect_takes_it(service: Service, tmp_cache: Path) -> None:
    session = cctrack.connect(service.key, service.token, base_url=service.url, expire_after={"clicks_df": 7, "*": 9})
    assert session.policy.expire_after == 9
    assert session.policy.expire_report == {"clicks": 7}


# --- what it does --------------------------------------------------------------------------------


def test_each_report_has_its_own(made: Any, service: Service) -> None:
    session, clock = made(expire_after={"clicks_df": 60, "summary": 5, "*": 600})

    def passed(seconds: float) -> tuple[int, int]:
        clock.advance(seconds)
        return (
            asks(service, lambda: cctrack.clicks_df("36", session=session)),
            asks(service, lambda: cctrack.opens_df("36", session=session)),
        )

    assert passed(0) == (1, 1)
    assert passed(59) == (0, 0)
    assert passed(2) == (1, 0)
    assert passed(59) == (0, 0)
    assert passed(481) == (1, 1)


def test_zero_asks_each_time_and_infinity_never_again(made: Any, service: Service) -> None:
    session, clock = made(expire_after={"clicks": 0, "opens": float("inf")})
    for _ in range(3):
        assert asks(service, lambda: cctrack.clicks_df("36", session=session)) == 1
    cctrack.opens_df("36", session=session)
    clock.advance(10_000 * DAY)
    assert asks(service, lambda: cctrack.opens_df("36", session=session)) == 0
    assert asks(service, lambda: cctrack.opens_df("36", refresh=True, session=session)) == 1


def test_reports_that_share_a_walk_keep_their_own_ages(made: Any, service: Service) -> None:
    """Clicks of a campaign are part of its activities: each report asks as often as it was told to."""
    session, clock = made(expire_after={"campaign_activities": 60, "*": 600})
    cctrack.campaign_clicks_df(CAMPAIGN, session=session)
    assert asks(service, lambda: cctrack.campaign_activities_df(CAMPAIGN, session=session)) == 5
    clock.advance(100)
    assert asks(service, lambda: cctrack.campaign_clicks_df(CAMPAIGN, session=session)) == 0
    assert asks(service, lambda: cctrack.campaign_activities_df(CAMPAIGN, session=session)) == 6
    clock.advance(500)
    assert asks(service, lambda: cctrack.campaign_clicks_df(CAMPAIGN, session=session)) == 0


@pytest.mark.parametrize(("after", "lasts"), [(HOUR, HOUR), (29 * DAY, HOUR), (31 * DAY, DAY), (300 * DAY, DAY)])
def test_a_quiet_campaign_is_asked_less_often(made: Any, service: Service, after: float, lasts: float) -> None:
    session, clock = made(after)
    cctrack.campaign_clicks_df(CAMPAIGN, session=session)
    clock.advance(lasts - 60)
    assert asks(service, lambda: cctrack.campaign_clicks_df(CAMPAIGN, session=session)) == 0
    clock.advance(120)
    assert asks(service, lambda: cctrack.campaign_clicks_df(CAMPAIGN, session=session)) == 1


def test_requests_of_a_quiet_campaign_in_ten_days(made: Any, service: Service) -> None:
    """Asked for every half hour: once a day instead of once an hour."""
    session, clock = made(40 * DAY)
    contact = campaign = 0
    for _ in range(48 * 10):
        clock.advance(HOUR / 2)
        contact += asks(service, lambda: cctrack.clicks_df("36", session=session))
        campaign += asks(service, lambda: cctrack.campaign_clicks_df(CAMPAIGN, session=session))
    assert (contact, campaign) == (240, 10)


def test_a_campaign_wakes_up(made: Any, service: Service) -> None:
    session, clock = made(40 * DAY)
    cctrack.campaign_clicks_df(CAMPAIGN, session=session)
    now = pd.Timestamp(clock.time(), unit="s", tz="UTC")
    service.rows(CAMPAIGN_CLICKS, [click(date=now.isoformat()), click(date=NEWEST.isoformat())])
    clock.advance(2 * HOUR)
    assert len(cctrack.campaign_clicks_df(CAMPAIGN, session=session)) == 1
    assert len(cctrack.campaign_clicks_df(CAMPAIGN, refresh=True, session=session)) == 2
    clock.advance(2 * HOUR)
    assert asks(service, lambda: cctrack.campaign_clicks_df(CAMPAIGN, session=session)) == 1


def test_quiet_counts_with_an_age_of_its_own(made: Any, service: Service) -> None:
    session, clock = made(40 * DAY, expire_after={"campaign_clicks": 60})
    cctrack.campaign_clicks_df(CAMPAIGN, session=session)
    clock.advance(23 * 60)
    assert asks(service, lambda: cctrack.campaign_clicks_df(CAMPAIGN, session=session)) == 0
    clock.advance(2 * 60)
    assert asks(service, lambda: cctrack.campaign_clicks_df(CAMPAIGN, session=session)) == 1


def test_summaries_and_contacts_are_never_quiet(made: Any, service: Service) -> None:
    """What has no date may have changed; a contact may click at any time."""
    session, clock = made(400 * DAY)
    for ask in (
        lambda: cctrack.campaign_summary_df(CAMPAIGN, session=session),
        lambda: cctrack.clicks_df("36", session=session),
        lambda: cctrack.campaign_opens_df(CAMPAIGN, session=session),  # it has no row
    ):
        ask()
        clock.advance(HOUR + 1)
        assert asks(service, ask) == 1


@pytest.mark.parametrize("after", [HOUR, 40 * DAY])
@pytest.mark.parametrize("back", [1.0, HOUR, 100 * DAY])
def test_clock_that_is_set_back(made: Any, service: Service, after: float, back: float) -> None:
    """The age of a walk of the future is not known: asked again, once."""
    session, clock = made(after)
    for ask in (
        lambda: cctrack.campaign_clicks_df(CAMPAIGN, session=session),
        lambda: cctrack.clicks_df("36", session=session),
    ):
        ask()
        clock.jump(-back)
        assert asks(service, ask) == 1
        assert asks(service, ask) == 0
        assert len(cctrack.cache.info(session=session)) >= 1
        clock.jump(back)


def test_info_shows_ages(made: Any) -> None:
    session, clock = made(expire_after={"clicks": 60})
    cctrack.clicks_df("36", session=session)
    clock.advance(50)
    cctrack.opens_df("36", session=session)
    clock.advance(25)
    info = cctrack.cache.info(session=session).set_index("report")
    assert info["age"].dt.total_seconds().to_dict() == {"clicks": 75, "opens": 25}
    assert info.loc["clicks", "oldest"] == NEWEST + pd.Timedelta(hours=1)
    cctrack.clicks_df("36", session=session)  # expired: asked again
    info = cctrack.cache.info(session=session).set_index("report")
    assert info["age"].dt.total_seconds().to_dict() == {"clicks": 0, "opens": 25}
    clock.jump(-1000)
    assert cctrack.cache.info(session=session)["age"].max() < pd.Timedelta(0)


def test_offline_is_of_any_age(made: Any, service: Service) -> None:
    session, _ = made()
    cctrack.clicks_df("36", session=session)
    offline, clock = made(offline=True, expire_after=0)
    clock.advance(1000 * DAY)
    assert asks(service, lambda: cctrack.clicks_df("36", session=offline)) == 0
