"""What is particular to the v3 API: its links, limits and errors, and the reads that it takes besides."""

import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from clock import Clock
from hypothesis import given, settings
from hypothesis import strategies as st
from service import Answer, Request, Row, Service
from service_v3 import SUMMARY, AccountV3, Pages, account_v3, fault, people, uid, url_id
from sessions import decoded, session_on

import cctrack
from cctrack.api.connection import Credentials
from cctrack.api.credentials import Secret
from cctrack.api.session import Session

NEWER, OLDER = (uid("campaign", one) for one in ("1100000000002", "1100000000001"))
MAIL = uid("activity", "1100000000001")
PERSON = uid("contact", "36")
OPENS = f"/v3/reports/email_reports/{MAIL}/tracking/opens"
CLICKS = f"/v3/reports/email_reports/{MAIL}/tracking/clicks"
DETAILS = f"/v3/reports/contact_reports/{PERSON}/activity_details"
PRIVILEGES = "/v3/account/user/privileges"
DAY = pd.Timedelta(days=1)
NOW = pd.Timestamp("2026-03-15T12:00:00Z")


@pytest.fixture
def acc(service: Service) -> AccountV3:
    """Load the account."""
    return account_v3(service)


@pytest.fixture
def session(service: Service, tmp_cache: Path, acc: AccountV3) -> Iterator[Session]:
    """Connect to it; no wait takes time."""
    clock = Clock()
    with session_on(service, tmp_cache, clock, api="v3") as opened, cctrack.use(opened):
        yield opened


def told(frame: pd.DataFrame) -> dict[str, Any]:
    """Give the provenance."""
    return dict(frame.attrs["cctrack"])


def opens(count: int, newest: str = "2026-03-14T12:00:00Z", every: str = "1h", **more: Any) -> list[Row]:
    """Make opens of the older campaign, newest first."""
    return [
        {
            "contact_id": uid("contact", number),
            "campaign_activity_id": MAIL,
            "tracking_activity_type": "em_opens",
            "email_address": f"person{number}@example.org",
            "created_time": f"{pd.Timestamp(newest) - number * pd.Timedelta(every):%Y-%m-%dT%H:%M:%S}.000Z",
            **more,
        }
        for number in range(count)
    ]


def paths(service: Service, part: str) -> list[str]:
    """List the paths asked for that hold this."""
    return [request.path for request in service.asked() if part in request.path]


# --- links to the next page ----------------------------------------------------------------------


def chained(service: Service, link: Any) -> None:
    """Serve two pages of opens of which the first one's link is this."""
    rows = opens(4)

    def answer(request: Request) -> Answer:
        if "next" in request.query:
            return Answer.json({"tracking_activities": rows[2:]})
        return Answer.json({"tracking_activities": rows[:2], "_links": {"next": {"href": link}}})

    service.on(OPENS, answer)


@pytest.mark.parametrize(
    "form", ["{path}?next=abc%3D%2F&x=1", "{url}{path}?next=abc%3D%2F&x=1", "{short}?next=abc%3D%2F&x=1"]
)
@pytest.mark.usefixtures("session")
def test_links_are_followed_as_they_stand(service: Service, form: str) -> None:
    chained(service, form.format(path=OPENS, url=service.url, short=OPENS.removeprefix("/v3")))
    assert len(cctrack.campaign_opens_df(OLDER)) == 4
    assert [request.target for request in service.asked(OPENS)][1] == f"{OPENS}?next=abc%3D%2F&x=1"


BAD_LINKS: list[Any] = [
    *("https://evil.example/v3/x?next=a", "//evil.example/v3/x?next=a", "http://127.0.0.1:1/v3/x?next=a", "next=a"),
    *(f"{CLICKS}?next=a", f"{OPENS}/more?next=a", OPENS, f"{OPENS}?", f"{OPENS}?next=a b", f"{OPENS}?next=a\r\nX: y"),
    *(7, ["x"], True, f"{OPENS}?next={'a' * 5000}", "/v3/activities/1?next=a"),
]


@pytest.mark.parametrize("link", BAD_LINKS, ids=lambda link: str(link)[-30:])
@pytest.mark.usefixtures("session")
def test_links_that_lead_elsewhere_are_not_followed(service: Service, link: Any) -> None:
    chained(service, link)
    with pytest.raises(cctrack.ResponseError, match="was not followed"):
        cctrack.campaign_opens_df(OLDER)
    assert service.hits(OPENS) == 1


@pytest.mark.usefixtures("acc")
def test_paging_that_never_ends_is_stopped(service: Service, tmp_cache: Path) -> None:
    count = iter(range(10**6))

    def endless(request: Request) -> Answer:
        number = next(count)
        link = {"next": {"href": f"{OPENS}?next=token{number}"}}
        return Answer.json({"tracking_activities": opens(1, every="1s"), "_links": link})

    service.on(OPENS, endless)
    with session_on(service, tmp_cache, api="v3", most_pages=20) as session:
        with pytest.raises(cctrack.ResponseError, match="more than 20 pages"):
            cctrack.campaign_opens_df(OLDER, session=session)
        assert service.hits(OPENS) == 20
    with session_on(service, tmp_cache, api="v3") as session:
        service.reset()
        with pytest.raises(cctrack.ResponseError, match="the same page 101 times"):
            cctrack.campaign_opens_df(OLDER, refresh=True, session=session)
        assert service.hits(OPENS) == 101
        service.on(
            OPENS,
            lambda request: Answer.json({"tracking_activities": [], "_links": {"next": {"href": f"{OPENS}?next=a"}}}),
        )
        with pytest.raises(cctrack.ResponseError, match="twice"):
            cctrack.campaign_opens_df(OLDER, refresh=True, session=session)


@pytest.mark.usefixtures("session")
def test_page_sizes_stay_below_what_each_report_takes(service: Service, acc: AccountV3) -> None:
    cctrack.activities_df(PERSON)
    cctrack.campaign_activities_df(OLDER, limit=500)
    cctrack.contacts_df()
    asked = {request.path: request.query.get("limit") for request in service.asked()}
    assert asked[DETAILS] == ["100"]
    assert asked[OPENS] == ["500"]
    assert asked["/v3/contacts"] == ["500"]
    assert asked[f"/v3/emails/{OLDER}"] is None
    cctrack.activities_df(PERSON, limit=7, refresh=True)
    assert service.asked(DETAILS)[-1].query["limit"] == ["7"]


# --- errors --------------------------------------------------------------------------------------


THROTTLED = {"error_key": "throttled", "error_message": "Too Many Requests"}
USED_UP = {"error_key": "quota_exceeded", "error_message": "Limit Exceeded"}


@pytest.mark.parametrize("body", [THROTTLED, [THROTTLED]])
@pytest.mark.usefixtures("session")
def test_a_burst_is_waited_for(service: Service, body: Any) -> None:
    service.script(
        OPENS, [Answer.json(body, 429), Answer.json(body, 429), Answer.json({"tracking_activities": opens(2)})]
    )
    frame = cctrack.campaign_opens_df(OLDER)
    assert (len(frame), service.hits(OPENS)) == (2, 3)


@pytest.mark.parametrize("body", [USED_UP, [USED_UP]])
@pytest.mark.usefixtures("session")
def test_a_day_used_up_is_never_tried_again(service: Service, body: Any) -> None:
    service.on(OPENS, lambda request: Answer.json(body, 429))
    with pytest.raises(cctrack.RateLimitError) as refused:
        cctrack.campaign_opens_df(OLDER)
    assert (refused.value.daily, refused.value.retryable, service.hits(OPENS)) == (True, False, 1)
    assert "UTC" in str(refused.value)


@pytest.mark.usefixtures("session")
def test_an_answer_that_is_still_being_made_is_asked_for_again(service: Service) -> None:
    waiting, ready = Answer.json({"status": "in progress"}, 202), Answer.json({"contacts": []})
    service.script("/v3/contacts", [waiting, ready])
    assert len(cctrack.contacts_df()) == 0
    service.script("/v3/contacts", [waiting])
    with pytest.raises(cctrack.ResponseError, match="still at work") as refused:
        cctrack.contacts_df(refresh=True)
    assert refused.value.retryable


@pytest.mark.parametrize("status", [500, 503, 504])
@pytest.mark.parametrize("body", [b"", b"<html><h1>Bad Gateway</h1></html>", b'{"error_key":"x"}', b"[]"])
@pytest.mark.usefixtures("session")
def test_what_passes_is_tried_again(service: Service, status: int, body: bytes) -> None:
    service.script(OPENS, [Answer(status, body), Answer.json({"tracking_activities": opens(1)})])
    assert len(cctrack.campaign_opens_df(OLDER)) == 1


FORBIDDEN = Answer.json([{"error_key": "forbidden", "error_message": "Forbidden"}], 403)
CAUSES: list[tuple[Answer, str, str]] = [
    (Answer.json([{"privilege_id": "ui:campaign:metrics"}]), OPENS, "lacks the scope campaign_data"),
    (Answer.json([{"privilege_id": "ui:campaign:metrics"}]), DETAILS, "lacks the scope contact_data"),
    (Answer.json([{"privilege_id": "ui:campaign:create"}]), OPENS, "the user lacks the privilege ui:campaign:metrics"),
    (Answer.json([]), OPENS, "the user lacks the privilege"),
    (FORBIDDEN, OPENS, "may have been deactivated"),
    (Answer(500, b""), OPENS, "may have been deactivated"),
]


@pytest.mark.parametrize(("privileges", "path", "words"), CAUSES, ids=range(len(CAUSES)))
@pytest.mark.usefixtures("session")
def test_the_causes_of_a_refusal_are_told_apart(service: Service, privileges: Answer, path: str, words: str) -> None:
    service.on(path, lambda request: FORBIDDEN)
    service.on(PRIVILEGES, lambda request: privileges)
    with pytest.raises(cctrack.AuthError, match=words) as refused:
        cctrack.campaign_opens_df(OLDER) if path == OPENS else cctrack.opens_df(PERSON)
    assert (refused.value.status, refused.value.error_key) == (403, "forbidden")
    assert (service.hits(path), service.hits(PRIVILEGES)) == (1, 1)


@pytest.mark.usefixtures("session")
def test_refusals_of_a_fan_out_are_explained_by_one_call(service: Service, acc: AccountV3) -> None:
    for one in acc.contacts:
        service.on(f"/v3/reports/contact_reports/{one}/activity_details", lambda request: FORBIDDEN)
    with pytest.raises(cctrack.AuthError, match="lacks the scope contact_data"):
        cctrack.opens_df(acc.contacts)
    assert service.hits(PRIVILEGES) == 1


@pytest.mark.usefixtures("session")
def test_an_id_of_v2_is_told_as_such(service: Service) -> None:
    service.on(
        "/v3/reports/contact_reports/36/activity_details", lambda request: fault(400, "bad_request", "not a uuid")
    )
    with pytest.raises(cctrack.CctrackError, match=r"cctrack\.crosswalk"):
        cctrack.clicks_df("36")
    with pytest.raises(cctrack.NotFoundError, match=r"cctrack\.crosswalk"):
        cctrack.campaign_clicks_df("1100000000001")


# --- a token that is renewed ---------------------------------------------------------------------


class Login:
    """A source of tokens that knows when it is asked."""

    owner = "somebody"

    def __init__(self, *tokens: str) -> None:
        self.tokens = [Secret(token) for token in tokens]
        self.refused: list[str] = []
        self.readied = 0

    def ready(self) -> None:
        """Count."""
        self.readied += 1

    def current(self) -> Secret:
        """Give the token in use."""
        return self.tokens[0]

    def renew(self, refused: Secret) -> None:
        """Take the next one."""
        self.refused.append(refused.reveal())
        if len(self.tokens) == 1:
            raise cctrack.AuthError("log in again", status=401)
        del self.tokens[0]

    def secrets(self) -> list[Secret]:
        """Give all."""
        return self.tokens


@pytest.fixture
def on_login(service: Service, tmp_cache: Path, acc: AccountV3) -> Callable[[Login], Session]:
    """Connect with a source of tokens."""

    def connected(login: Login) -> Session:
        made = session_on(service, tmp_cache, api="v3")
        made._transport = type(made._transport)(
            service.url, Credentials(source=login), made.ledger.enter, made.clock, loopback=True
        )
        return made

    return connected


def test_a_token_is_renewed_once_before_anybody_hears_of_it(
    service: Service, on_login: Callable[[Login], Session]
) -> None:
    login = Login("expired-token-of-nobody", service.token)
    with on_login(login) as session:
        frame = cctrack.campaign_opens_df(OLDER, session=session)
        assert len(frame) == 2
        assert login.refused == ["expired-token-of-nobody"]
        assert login.readied == service.hits() == told(frame)["calls"]


def test_a_renewed_token_that_is_refused_too_is_an_error(
    service: Service, on_login: Callable[[Login], Session]
) -> None:
    login = Login("expired-token-of-nobody", "wrong-token-of-nobody", service.token)
    with on_login(login) as session, pytest.raises(cctrack.AuthError) as refused:
        cctrack.campaign_opens_df(OLDER, session=session)
    assert (login.refused, service.hits()) == (["expired-token-of-nobody"], 2)
    assert "token-of-nobody" not in str(refused.value)


def test_a_login_that_ended_says_so(service: Service, on_login: Callable[[Login], Session]) -> None:
    with on_login(Login("expired-token-of-nobody")) as session, pytest.raises(cctrack.AuthError, match="log in again"):
        cctrack.campaign_opens_df(OLDER, session=session)
    assert service.hits() == 1


# --- since when ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("session")
def test_a_walk_stops_a_day_past_the_bound(service: Service) -> None:
    rows = opens(500)
    service.on(OPENS, Pages(OPENS, rows))
    since = pd.Timestamp(rows[30]["created_time"])
    frame = cctrack.campaign_opens_df(OLDER, created_since=since, limit=10)
    assert frame["open_date"].min() == since
    assert len(frame) == 31
    pages = 1 + (30 + 24) // 10  # rows up to a day before the bound, and the page with the first one beyond
    assert service.hits(OPENS) == pages + 1  # and page one again
    assert told(frame)["complete"] is True
    service.reset()
    assert len(cctrack.campaign_opens_df(OLDER, created_since=since, limit=10)) == 31
    assert service.hits() == 0
    whole = cctrack.campaign_opens_df(OLDER)  # the part does not stand for the whole
    assert len(whole) == 500
    service.reset()
    assert len(cctrack.campaign_opens_df(OLDER, created_since=rows[7]["created_time"])) == 8  # the whole does
    assert service.hits() == 0


@pytest.mark.parametrize("spoil", [lambda rows: rows.reverse(), lambda rows: rows[2].update(created_time=None)])
@pytest.mark.usefixtures("session")
@pytest.mark.filterwarnings("ignore::cctrack.RepairWarning")
def test_a_walk_in_another_order_is_read_to_its_end(service: Service, spoil: Callable[[list[Row]], None]) -> None:
    rows = opens(100)
    since = rows[10]["created_time"]
    spoil(rows)
    service.on(OPENS, Pages(OPENS, rows))
    frame = cctrack.campaign_opens_df(OLDER, created_since=since, limit=10)
    assert len(frame) == 11
    assert service.hits(OPENS) == 11


@pytest.mark.parametrize("kind", ["unique_opens", "didnotopens"])
@pytest.mark.usefixtures("session")
def test_rows_that_move_are_always_read_whole(service: Service, kind: str) -> None:
    path = f"/v3/reports/email_reports/{MAIL}/tracking/{kind}"
    rows = opens(100)
    service.on(path, Pages(path, rows))
    ask = cctrack.campaign_unique_opens_df if kind == "unique_opens" else cctrack.campaign_did_not_opens_df
    assert len(ask(OLDER, created_since=rows[10]["created_time"], limit=10)) == 11
    assert service.hits(path) == 11
    service.reset()
    ask(OLDER, refresh=True, limit=10)
    assert service.hits(path) == 11


@pytest.mark.usefixtures("acc")
def test_a_held_walk_is_brought_up_to_date_from_its_head(service: Service, tmp_cache: Path) -> None:
    rows = opens(300, newest="2026-03-14T12:00:00Z")
    pages = Pages(OPENS, rows)
    service.on(OPENS, pages)
    clock = Clock(NOW.timestamp())
    with session_on(service, tmp_cache, clock, api="v3") as session:
        first = cctrack.campaign_opens_df(OLDER, limit=50, session=session)
        assert (len(first), service.hits(OPENS)) == (300, 7)
        service.reset()
        pages.rows = [*opens(5, newest="2026-03-14T17:00:00Z"), *rows]
        again = cctrack.campaign_opens_df(OLDER, limit=50, refresh=True, session=session)
        assert service.hits(OPENS) == 1  # a page reaches further back than the look-back
        assert again["open_date"].tolist() == [pd.Timestamp(row["created_time"]) for row in pages.rows]
        assert told(again)["complete"] is True
        service.reset()
        pages.rows = pages.rows[1:]  # the newest one was removed: only the whole tells what is left
        third = cctrack.campaign_opens_df(OLDER, limit=50, refresh=True, session=session)
        assert third["open_date"].tolist() == [pd.Timestamp(row["created_time"]) for row in pages.rows]


HOUR = 3600
steps = st.lists(st.integers(0, 30 * HOUR), min_size=1, max_size=40)
jitters = st.lists(st.integers(0, 24 * HOUR - 1), min_size=1, max_size=5)


@given(steps=steps, jitters=jitters, share=st.floats(0, 1), limit=st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_no_row_is_missed_that_stands_less_than_a_day_out_of_order(
    steps: list[int], jitters: list[int], share: float, limit: int
) -> None:
    newest, at, rows = pd.Timestamp("2026-03-14T12:00:00Z"), 0, []
    for number, step in enumerate(steps):
        at += step
        late = jitters[number % len(jitters)] if number % 3 == 0 else 0
        date = newest - pd.Timedelta(seconds=at - late)
        rows.append(opens(1)[0] | {"contact_id": str(number), "created_time": f"{date:%Y-%m-%dT%H:%M:%S}.000Z"})
    bound = newest - pd.Timedelta(seconds=int(at * share))
    with Service() as service, tempfile.TemporaryDirectory() as folder:
        account_v3(service)
        service.on(OPENS, Pages(OPENS, rows))
        with session_on(service, Path(folder), api="v3") as session:
            frame = cctrack.campaign_opens_df(OLDER, created_since=bound, limit=limit, session=session)
    wanted = [row["contact_id"] for row in rows if pd.Timestamp(row["created_time"]) >= bound]
    assert frame["contact_id"].tolist() == wanted


# --- forms that drift ----------------------------------------------------------------------------


@pytest.mark.usefixtures("session")
def test_link_ids_of_19_digits_stay_as_they_are(service: Service) -> None:
    number = 9_007_199_254_740_993_123  # beyond what a float holds
    row = opens(1)[0] | {"tracking_activity_type": "em_clicks", "link_url": "https://example.org"}
    service.on(CLICKS, Pages(CLICKS, [row | {"url_id": number}, row | {"url_id": str(number)}]))
    frame = cctrack.campaign_clicks_df(OLDER)
    assert frame["link_id"].tolist() == [str(number)] * 2


STATS = {"em_sends": 5, "em_opens": 4, "em_clicks": 3, "em_forwards": 2, "em_optouts": 1, "em_bounces": 0}
DRIFTS: list[Row] = [
    STATS,
    {name: str(count) for name, count in STATS.items()},
    {name.replace("_", "."): count for name, count in STATS.items()},
    STATS | {"em_opens.all": 99, "em_opens_all_mobile": 7, "zz_new": {"deep": 1}},
]


@pytest.mark.parametrize("stats", [*DRIFTS, [STATS]], ids=range(5))
@pytest.mark.usefixtures("session")
def test_statistics_in_every_form(service: Service, stats: Any) -> None:
    service.below(
        "/v3/reports/stats/email_campaigns/",
        lambda request: Answer.json({"errors": [], "results": [{"campaign_id": OLDER, "stats": stats}]}),
    )
    service._prefixes = dict(reversed(service._prefixes.items()))
    frame = cctrack.campaign_summary_df(OLDER)
    counts = frame[["sends", "opens", "clicks", "forwards", "unsubscribes", "bounces"]].iloc[0].tolist()
    assert counts == [5, 4, 3, 2, 1, 0]


@pytest.mark.parametrize("form", [dict, lambda counts: [counts], lambda counts: {k: str(v) for k, v in counts.items()}])
@pytest.mark.usefixtures("session")
def test_totals_in_every_form(service: Service, form: Callable[[Row], Any]) -> None:
    path = "/v3/reports/summary_reports/email_campaign_summaries"
    row = {"campaign_id": OLDER, "unique_counts": form({"sends": 9, "abuse": 2}), "last_sent_date": "2026-03-02T15:00Z"}
    service.on(path, Pages(path, [row], "bulk_email_campaign_summaries"))
    frame = cctrack.campaigns_df(details=True).set_index("campaign_id")
    assert (frame.loc[OLDER, "sends"], frame.loc[OLDER, "spam_count"]) == (9, 2)
    assert cctrack.campaign_summary_df(OLDER)["spam_count"].tolist() == [2]


@pytest.mark.usefixtures("session")
def test_types_never_seen_before_are_kept(service: Service) -> None:
    service.on(OPENS, Pages(OPENS, opens(2, tracking_activity_type="em_hologram", zz_new={"deep": [1]})))
    frame = cctrack.campaign_opens_df(OLDER)
    assert frame["activity_type"].tolist() == ["em_hologram"] * 2
    assert "zz_new" not in frame


@pytest.mark.usefixtures("session")
def test_a_contact_without_an_address_and_other_statuses(service: Service) -> None:
    words = ["implicit", "explicit", "unsubscribed", "pending_confirmation", "not_set", "temp_hold", "brand_new"]
    base = people(AccountV3().plain)[0]
    rows = [
        base | {"contact_id": word, "email_address": {"address": f"{word}@example.org", "permission_to_send": word}}
        for word in words
    ]
    rows.append({"contact_id": "sms", "first_name": "Sam", "updated_at": "2026-01-01T00:00:00Z", "created_at": None})
    rows.append(base | {"contact_id": "gone", "deleted_at": "2026-02-02"})
    service.on("/v3/contacts", Pages("/v3/contacts", rows, "contacts", name="cursor"))
    frame = cctrack.contacts_df().set_index("contact_id")
    assert frame["status"].fillna("none").to_dict() == {
        "implicit": "ACTIVE",
        "explicit": "ACTIVE",
        "unsubscribed": "OPTOUT",
        "pending_confirmation": "UNCONFIRMED",
        "not_set": "NON_SUBSCRIBER",
        "temp_hold": "TEMP_HOLD",
        "brand_new": "BRAND_NEW",
        "sms": "none",
        "gone": "REMOVED",
    }
    assert frame.loc["sms", "email_address"] is pd.NA
    assert frame.loc["sms", "first_name"] == "Sam"


WRONG = [
    b"[]",
    b'{"tracking_activities": {}}',
    b'{"tracking_activities": null}',
    b'{"tracking_activities": [7]}',
    b"{}",
    b"x",
]


@pytest.mark.parametrize("body", WRONG)
@pytest.mark.usefixtures("session")
def test_what_is_no_report_raises(service: Service, body: bytes) -> None:
    service.body(OPENS, body)
    with pytest.raises(cctrack.ResponseError):
        cctrack.campaign_opens_df(OLDER)


# --- mails of a campaign -------------------------------------------------------------------------


@pytest.mark.usefixtures("session")
def test_the_mails_of_a_campaign_are_asked_once(service: Service) -> None:
    cctrack.campaign_opens_df(OLDER)
    cctrack.campaign_clicks_df(OLDER)
    cctrack.links_df(OLDER)
    cctrack.campaign_activities_df(OLDER)
    assert paths(service, f"/emails/{OLDER}") == [f"/v3/emails/{OLDER}"]


@pytest.mark.usefixtures("session")
def test_resends_are_united_and_other_roles_left_out(service: Service) -> None:
    roles = [("permalink", "p"), ("resend", "again"), ("primary_email", MAIL), ("RESEND", "once-more")]
    mails = [{"campaign_activity_id": one, "role": role} for role, one in roles]
    service.json(f"/v3/emails/{OLDER}", {"campaign_id": OLDER, "current_status": "Done", "campaign_activities": mails})
    for one in ("again", "once-more"):
        path = f"/v3/reports/email_reports/{one}/tracking/opens"
        service.on(path, Pages(path, [row | {"campaign_activity_id": one} for row in opens(2)]))
    frame = cctrack.campaign_opens_df(OLDER)
    assert frame["campaign_activity_id"].value_counts().to_dict() == {"again": 2, "once-more": 2, MAIL: 2}
    assert set(frame["campaign_id"]) == {OLDER}
    assert not paths(service, "email_reports/p/")


@pytest.mark.usefixtures("session")
def test_a_campaign_of_which_only_a_resend_is_left_has_its_totals(service: Service) -> None:
    whole = cctrack.campaigns_df(details=True).set_index("campaign_id").loc[OLDER]
    mails = [{"campaign_activity_id": "p", "role": "permalink"}, {"campaign_activity_id": MAIL, "role": "resend"}]
    service.json(f"/v3/emails/{OLDER}", {"campaign_id": OLDER, "current_status": "Done", "campaign_activities": mails})
    left = cctrack.campaigns_df(details=True, refresh=True).set_index("campaign_id").loc[OLDER]
    assert left["sends"] > 0
    pd.testing.assert_series_equal(left, whole)


@pytest.mark.usefixtures("session")
def test_errors_name_no_function_that_is_not_there() -> None:
    with pytest.raises(cctrack.NotFoundError) as caught:
        cctrack.campaign_opens_df(PERSON)
    assert caught.value.__notes__ == [
        f"(campaign mails): while asking for campaign_id {PERSON}",
        f"campaign_opens_df: while asking for campaign_id {PERSON}",
    ]


@pytest.mark.usefixtures("session")
def test_a_draft_has_no_rows_whatever_the_service_says(service: Service, acc: AccountV3) -> None:
    assert len(cctrack.campaign_opens_df(acc.draft)) == 0
    mail = uid("activity", acc.plain.draft)
    for one in ("tracking/clicks", "links"):
        service.on(f"/v3/reports/email_reports/{mail}/{one}", lambda request: fault(404, "not_found"))
    assert len(cctrack.campaign_clicks_df(acc.draft)) == 0
    assert len(cctrack.links_df(acc.draft)) == 0
    service.reset()
    assert len(cctrack.campaign_clicks_df(acc.draft)) == 0
    assert service.hits() == 0


@pytest.mark.usefixtures("session")
def test_a_sent_campaign_that_is_gone_is_no_empty_one(service: Service) -> None:
    cctrack.campaign_opens_df(OLDER)
    service.on(CLICKS, lambda request: fault(404, "not_found"))
    with pytest.raises(cctrack.NotFoundError):
        cctrack.campaign_clicks_df(OLDER)


def resent(service: Service, status: str | None) -> None:
    """Give the older campaign a resend without reports, in this state; None for one that is gone."""
    roles = [(MAIL, "primary_email"), ("again", "resend")]
    mails = [{"campaign_activity_id": one, "role": role} for one, role in roles]
    service.json(f"/v3/emails/{OLDER}", {"campaign_id": OLDER, "current_status": "Done", "campaign_activities": mails})
    if status is not None:
        mail = {"campaign_activity_id": "again", "campaign_id": OLDER, "current_status": status}
        service.json("/v3/emails/activities/again", mail)


@pytest.mark.parametrize("status", ["SCHEDULED", "Draft"])
@pytest.mark.usefixtures("session")
def test_a_resend_that_is_still_to_be_sent_has_no_rows(service: Service, status: str) -> None:
    names = ("campaign_opens", "campaign_activities", "links")
    before = {name: len(getattr(cctrack, f"{name}_df")(OLDER)) for name in names}
    whole, of_person = len(cctrack.account_activities_df()), len(cctrack.opens_df(PERSON, route="campaigns"))
    resent(service, status)
    for name in names:
        frame = getattr(cctrack, f"{name}_df")(OLDER, refresh=True)
        assert (len(frame), told(frame)["missing"]) == (before[name], [])
    service.reset()
    assert len(cctrack.campaign_activities_df(OLDER)) == before["campaign_activities"]
    assert len(cctrack.campaign_opens_df(OLDER)) == before["campaign_opens"]
    assert service.hits() == 0, "that there is nothing is kept"
    cctrack.cache.clear()
    frame = cctrack.account_activities_df()
    assert (len(frame), told(frame)["missing"]) == (whole, [])
    # One list, the mails of two campaigns, what became of one mail, six reports of three.
    assert told(frame)["calls"] == service.hits() == 1 + 2 + 1 + 18
    frame = cctrack.opens_df(PERSON, route="campaigns")
    assert (len(frame), told(frame)["missing"]) == (of_person, [])


@pytest.mark.parametrize("status", ["DONE", None])
@pytest.mark.usefixtures("session")
def test_a_resend_that_is_gone_is_named_and_takes_no_other_rows_along(service: Service, status: str | None) -> None:
    whole, of_person = len(cctrack.account_activities_df()), len(cctrack.opens_df(PERSON, route="campaigns"))
    resent(service, status)
    cctrack.cache.clear()
    with pytest.raises(cctrack.NotFoundError) as caught:
        cctrack.campaign_opens_df(OLDER)
    assert 'on_missing="skip"' in caught.value.__notes__[0]
    for frame, rows in (
        (cctrack.campaign_opens_df([NEWER, OLDER], on_missing="skip"), None),
        (cctrack.account_activities_df(), whole),
        (cctrack.opens_df(PERSON, route="campaigns"), of_person),
    ):
        assert (told(frame)["missing"], told(frame)["missing_count"]) == (["again"], 1)
        assert rows is None or len(frame) == rows
        assert OLDER in set(frame["campaign_id"])
    service.on(OPENS, lambda request: fault(404, "not_found"))
    cctrack.cache.clear()
    frame = cctrack.campaign_opens_df([NEWER, OLDER], on_missing="skip")
    assert told(frame)["missing"] == [OLDER]
    assert set(frame["campaign_id"]) == {NEWER}


@pytest.mark.usefixtures("session")
def test_calls_in_vain_count_too(service: Service) -> None:
    unknown, known = uid("campaign", "nobody"), OLDER
    for ask in (
        lambda: cctrack.campaign_opens_df([known, unknown, NEWER], on_missing="skip"),
        lambda: cctrack.links_df([unknown], on_missing="skip"),
        lambda: cctrack.campaign_summary_df([unknown], on_missing="skip"),
        lambda: cctrack.list_members_df([uid("list", "nobody")], on_missing="skip"),
    ):
        service.reset()
        frame = ask()
        assert len(told(frame)["missing"]) == 1
        assert told(frame)["calls"] == service.hits() > 0


@pytest.mark.usefixtures("session")
def test_a_campaign_that_does_not_list_its_mails_is_an_error(service: Service) -> None:
    for wrong in ({}, [7], "none", [{"role": "primary_email"}]):
        service.json(f"/v3/emails/{OLDER}", {"campaign_id": OLDER, "campaign_activities": wrong})
        with pytest.raises(cctrack.ResponseError, match="campaign_activit"):
            cctrack.campaign_opens_df(OLDER)


@pytest.mark.usefixtures("acc")
def test_a_resend_is_seen_once_the_report_is_no_longer_fresh(service: Service, tmp_cache: Path) -> None:
    clock = Clock(NOW.timestamp())
    campaign = {"campaign_id": OLDER, "current_status": "Done", "updated_at": "2026-03-14T08:00:00Z"}
    mails = [{"campaign_activity_id": MAIL, "role": "primary_email"}]
    service.json(f"/v3/emails/{OLDER}", {**campaign, "campaign_activities": mails})
    path = "/v3/reports/email_reports/again/tracking/opens"
    service.on(path, Pages(path, opens(3, campaign_activity_id="again")))
    with session_on(service, tmp_cache, clock, api="v3") as session:
        assert len(cctrack.campaign_opens_df(OLDER, session=session)) == 2
        mails.append({"campaign_activity_id": "again", "role": "resend"})
        clock.advance(3601)
        assert len(cctrack.campaign_opens_df(OLDER, session=session)) == 5
        clock.advance(60 * 86_400)  # nothing happened to it for long: asked for less often
        cctrack.campaign_opens_df(OLDER, session=session)
        service.reset()
        clock.advance(3 * 3600)
        cctrack.campaign_opens_df(OLDER, session=session)
        assert service.hits() == 0


# --- what rows of contacts leave out -------------------------------------------------------------


def many_mails(service: Service, count: int) -> list[str]:
    """Let a contact be sent so many mails; each is of a campaign of its own."""
    mails = [uid("mail", number) for number in range(count)]
    rows = [
        {
            "contact_id": PERSON,
            "campaign_activity_id": mail,
            "tracking_activity_type": "em_sends",
            "created_time": row["created_time"],
        }
        for mail, row in zip(mails, opens(count), strict=True)
    ]
    service.on(DETAILS, Pages(DETAILS, rows, maximum=100))

    def stats(request: Request) -> Answer:
        ids = request.path.rpartition("/")[2].split(",")
        found = [
            {"campaign_id": f"of-{one}", "campaign_activity_id": one, "stats": {}} for one in ids if one in mails[5:]
        ]
        wrong = [{"error_key": "reportingsvc.not_found", "error_message": one} for one in ids if one in mails[:5]]
        return Answer.json({"results": found, "errors": wrong})

    service._prefixes["/v3/reports/stats/email_campaign_activities/"] = stats
    return mails


@pytest.mark.usefixtures("session")
def test_campaigns_of_mails_are_asked_for_ten_at_a_time(service: Service) -> None:
    mails = many_mails(service, 45)
    for number in range(4):
        service.json(f"/v3/emails/activities/{mails[number]}", {"campaign_id": f"of-{mails[number]}"})
    with pytest.warns(cctrack.RepairWarning, match=r"campaign_id \(1\)"):
        frame = cctrack.sends_df(PERSON)
    expected = [f"of-{mail}" for mail in mails]
    assert frame["campaign_id"].fillna("unknown").tolist() == [*expected[:4], "unknown", *expected[5:]]
    assert told(frame)["repaired"] == 1
    batched = [path for path in paths(service, "/stats/email_campaign_activities/") if "," in path]
    assert len(batched) == 5  # the five that it does not tell of are then asked for by themselves
    assert all(path.count(",") < 10 for path in batched)
    assert told(frame)["calls"] == service.hits()
    service.reset()
    with pytest.warns(cctrack.RepairWarning):
        cctrack.sends_df(PERSON)
    assert service.hits() == 0
    with pytest.raises(cctrack.NotFoundError):  # what is kept for the one is no mail for the other
        cctrack.campaign_opens_df(mails[4])


@pytest.mark.usefixtures("session")
def test_the_address_of_a_deleted_contact_is_na_and_not_asked_again(service: Service) -> None:
    service.on(f"/v3/contacts/{PERSON}", lambda request: fault(404, "contacts.api.not_found"))
    frame = cctrack.opens_df(PERSON)
    assert len(frame) == 3
    assert frame["email_address"].isna().all()
    assert told(frame)["missing_columns"] == ["email_address"]
    service.reset()
    cctrack.opens_df(PERSON)
    cctrack.clicks_df(PERSON)
    assert not paths(service, "/v3/contacts/")


@pytest.mark.usefixtures("session")
def test_details_of_a_mail_that_is_gone_leave_the_rows(service: Service) -> None:
    service.on(CLICKS, lambda request: fault(404, "not_found"))
    frame = cctrack.clicks_df(PERSON, details=True)
    gone = frame["campaign_activity_id"] == MAIL
    assert len(frame) == 4
    assert frame.loc[gone, "link_id"].isna().all()
    assert frame.loc[~gone, "link_id"].notna().all()
    assert told(frame)["missing"] == [MAIL]
    assert len(cctrack.clicks_df(PERSON, created_since="2026-03-12", details=True)) == 0


@pytest.mark.usefixtures("session")
def test_details_of_one_instant_keep_their_places(service: Service) -> None:
    """Two clicks of one contact in one millisecond, on two links."""
    instant = {"created_time": "2026-03-02T15:00:00.000Z", "contact_id": PERSON}
    row = opens(1)[0] | instant | {"tracking_activity_type": "em_clicks"}
    bare = {
        name: row[name] for name in ("contact_id", "campaign_activity_id", "tracking_activity_type", "created_time")
    }
    service.on(DETAILS, Pages(DETAILS, [bare, bare], maximum=100))
    links = [{"url_id": url_id(number), "link_url": f"https://example.org/{number}"} for number in (1, 2)]
    service.on(CLICKS, Pages(CLICKS, [row | link for link in links]))
    frame = cctrack.clicks_df(PERSON, details=True)
    assert sorted(frame["link_id"]) == [url_id(1), url_id(2)]
    assert sorted(frame["link_uri"]) == ["https://example.org/1", "https://example.org/2"]
    assert told(frame)["missing_columns"] == []
    assert cctrack.clicks_df(PERSON)["link_id"].isna().all()


@pytest.mark.usefixtures("session")
def test_totals_are_summed_over_all_pages(service: Service) -> None:
    path = f"/v3/reports/contact_reports/{PERSON}/activity_summary"
    counts = {"em_sends": 1, "em_opens": 2, "em_clicks": 3, "em_forwards": 0, "em_bounces": 0, "em_unsubscribes": 1}
    rows = [
        {"campaign_activity_id": uid("mail", number), "start_on": "2026-01-01T00:00:00Z", **counts}
        for number in range(450)
    ]
    service.on(path, Pages(path, rows, "campaign_activities", fixed=200))
    frame = cctrack.summary_df(PERSON)
    assert frame.iloc[0].tolist() == [PERSON, 450, 900, 1350, 0, 450, 0]
    planned = cctrack.plan(cctrack.summary_df, PERSON, refresh=True)
    assert planned.calls == service.hits(path) == 4  # three pages, and the first one again
    first = service.asked(path)[0].query
    assert first["start"] == ["2000-01-01T00:00:00.000Z"]
    assert "limit" not in first
    rows[200] = rows[199]  # pages that overlap: one mail is counted once
    again = cctrack.summary_df(PERSON, refresh=True)
    assert again["sends"].tolist() == [449]


@pytest.mark.usefixtures("session")
def test_the_end_of_the_span_makes_no_other_report_of_it(service: Service, tmp_cache: Path) -> None:
    with session_on(service, tmp_cache, Clock(NOW.timestamp()), api="v3") as first:
        cctrack.summary_df(PERSON, session=first)
    asked = service.hits()
    with session_on(service, tmp_cache, Clock((NOW + 40 * DAY).timestamp()), api="v3", offline=True) as later:
        assert cctrack.summary_df(PERSON, session=later)["sends"].tolist() == [2]
    assert service.hits() == asked


# --- many campaigns at once ----------------------------------------------------------------------


def test_summaries_are_asked_for_fifty_at_a_time(service: Service, session: Session) -> None:
    ids = [uid("campaign", number) for number in range(120)]

    def stats(request: Request) -> Answer:
        asked = request.path.rpartition("/")[2].split(",")
        if ids[77] in asked:
            return fault(404, "reportingsvc.not_found")
        return Answer.json({"results": [{"campaign_id": one, "stats": STATS} for one in reversed(asked)], "errors": []})

    service._prefixes["/v3/reports/stats/email_campaigns/"] = stats
    frame = cctrack.campaign_summary_df(ids[:70])
    assert frame["campaign_id"].tolist() == ids[:70]
    assert told(frame)["calls"] == service.hits() == 3
    service.reset()
    rest = cctrack.campaign_summary_df(ids, on_missing="skip")
    assert rest["campaign_id"].tolist() == [one for one in ids if one != ids[77]]
    assert told(rest)["missing"] == [ids[77]]
    # One id that is not known spoils its batch: that one's are asked for by themselves.
    assert len(paths(service, "/stats/email_campaigns/")) == 1 + 50
    with pytest.raises(cctrack.NotFoundError):
        cctrack.campaign_summary_df(ids)


@pytest.mark.usefixtures("session")
def test_counting_again_is_not_to_be_had(service: Service) -> None:
    with pytest.warns(UserWarning, match="update_summary has no effect") as warned:
        frame = cctrack.campaign_summary_df([OLDER, NEWER], update_summary=True)
    assert len(warned) == 1
    assert warned[0].filename == __file__
    same = cctrack.campaign_summary_df([OLDER, NEWER])
    assert same.equals(frame)


# --- unknown or empty ----------------------------------------------------------------------------


@pytest.mark.usefixtures("session")
def test_an_empty_list_is_told_from_an_unknown_one(service: Service) -> None:
    service.json("/v3/contact_lists/empty", {"list_id": "empty", "name": "Nobody"})
    assert len(cctrack.list_members_df("empty")) == 0
    with pytest.raises(cctrack.NotFoundError):
        cctrack.list_members_df("unknown")


@pytest.mark.usefixtures("session")
def test_a_link_that_nobody_clicked_is_told_from_an_unknown_one(acc: AccountV3) -> None:
    clicked = cctrack.campaign_link_clicks_df(OLDER, acc.links[OLDER][0])
    assert len(clicked) > 0
    assert len(cctrack.campaign_link_clicks_df(OLDER, acc.links[OLDER][7])) == 0
    with pytest.raises(cctrack.NotFoundError, match="link_id"):
        cctrack.campaign_link_clicks_df(OLDER, acc.links[NEWER][0])


# --- whose account -------------------------------------------------------------------------------


def connected(service: Service, folder: Path, token: str | None = None, **more: Any) -> Session:
    """Connect as a user does."""
    given = {"api": "v3", "base_url": service.url, "cache_dir": folder, "rate": 1000, **more}
    return cctrack.connect(None, token or service.token, **given)


@pytest.mark.usefixtures("acc")
def test_the_account_is_asked_for_once_and_named_by_no_token(service: Service, tmp_cache: Path) -> None:
    with connected(service, tmp_cache) as session:
        assert service.hits() == 0
        assert "not known yet" in repr(session)
        cctrack.plan(cctrack.contacts_df)
        assert service.hits() == 0
        cctrack.contacts_df()
        cctrack.lists_df()
        assert service.hits("/v3/account/summary") == 1
        name = session.account
    service.reset()
    with connected(service, tmp_cache) as session:
        assert session.account == name
        cctrack.contacts_df()
        assert service.hits() == 0
    service.token = "another-token-of-the-same-account"  # the day after
    with connected(service, tmp_cache) as session:
        cctrack.contacts_df()
        assert session.account == name
        assert service.hits() == service.hits("/v3/account/summary") == 1
    service.json("/v3/account/summary", SUMMARY | {"encoded_account_id": "another"})
    service.token = "a-token-of-another-account"
    with connected(service, tmp_cache) as session:
        cctrack.contacts_df()
        assert session.account != name
    held = "".join(decoded(tmp_cache))
    assert "token-of" not in held


@pytest.mark.usefixtures("acc")
def test_a_profile_names_the_account_without_a_call(service: Service, tmp_cache: Path) -> None:
    with connected(service, tmp_cache, profile="newsletter"):
        cctrack.contacts_df()
    assert service.hits() == 1
    service.token = "another-token-of-nobody"
    with connected(service, tmp_cache, profile="newsletter"):
        cctrack.contacts_df()
    assert service.hits() == 1


@pytest.mark.parametrize("answer", [fault(403, "forbidden"), fault(404, "not_found"), Answer.json({}), Answer.json([])])
@pytest.mark.usefixtures("acc")
def test_an_account_that_cannot_be_named_is_kept_in_memory(service: Service, tmp_cache: Path, answer: Answer) -> None:
    service.on("/v3/account/summary", lambda request: answer)
    with connected(service, tmp_cache) as session:
        with pytest.warns(cctrack.CacheWarning, match="profile="):
            cctrack.contacts_df()
        service.reset()
        cctrack.contacts_df()
        assert service.hits() == 0
        assert session.store.path is None
    assert not list(tmp_cache.rglob("walks*"))


# --- the rest of the house -----------------------------------------------------------------------


@pytest.mark.usefixtures("session")
def test_what_is_forgotten_is_gone(service: Service, session: Session, tmp_cache: Path) -> None:
    cctrack.activities_df(PERSON, details=True)
    cctrack.contacts_df()
    cctrack.summary_df(PERSON)
    cctrack.campaign_activities_df([OLDER, NEWER])
    assert cctrack.cache.forget(PERSON) > 0
    session.close()
    held = "".join(decoded(tmp_cache))
    assert PERSON not in held
    assert "person36@example.org" not in held
    assert "person37@example.org" in held


@pytest.mark.usefixtures("session")
def test_an_id_in_the_other_case_is_the_same_contact(session: Session, tmp_cache: Path) -> None:
    by_campaigns = cctrack.opens_df([PERSON.upper(), PERSON], route="campaigns")
    assert len(by_campaigns) == len(cctrack.opens_df(PERSON)) > 0
    cctrack.contacts_df()
    assert cctrack.cache.forget(PERSON.upper()) > 0
    assert cctrack.cache.forget(PERSON) == 0
    session.close()
    assert PERSON not in "".join(decoded(tmp_cache))


@pytest.mark.usefixtures("session")
def test_all_that_the_cache_shows_can_be_cleared_by_its_name() -> None:
    cctrack.activities_df(PERSON, details=True)
    cctrack.campaign_opens_df(OLDER)
    cctrack.campaigns_df(details=True)
    shown = cctrack.cache.info()
    assert {"campaign_mails", "campaign_of_mail", "contact_address", "campaign_totals"} < set(shown["report"])
    for name, walks in zip(shown["report"], shown["walks"], strict=True):
        assert cctrack.cache.clear(name) == walks
    assert cctrack.cache.info().empty
    with pytest.raises(ValueError, match="clicks_df"):
        cctrack.cache.clear("campaign_male")


@pytest.mark.usefixtures("session")
def test_a_snapshot_answers_without_credentials(service: Service, tmp_path: Path) -> None:
    asks: list[Callable[[], pd.DataFrame]] = [
        lambda: cctrack.activities_df(PERSON, details=True),
        lambda: cctrack.campaign_activities_df([OLDER, NEWER]),
        lambda: cctrack.campaigns_df(details=True),
        lambda: cctrack.summary_by_campaign_df(PERSON),
        lambda: cctrack.campaign_summary_df([OLDER, NEWER]),
    ]
    frames = [ask() for ask in asks]
    path = cctrack.freeze(tmp_path / "q1.zip")
    masked = cctrack.freeze(tmp_path / "masked.zip", mask_emails=True)
    service.reset()
    with cctrack.open_snapshot(path) as held, cctrack.use(held):
        for ask, frame in zip(asks, frames, strict=True):
            pd.testing.assert_frame_equal(ask(), frame)
    with cctrack.open_snapshot(masked) as held, cctrack.use(held):
        frame = cctrack.campaign_activities_df([OLDER, NEWER])
        assert not frame["email_address"].str.contains("person3").any()
        assert frame["first_name"].fillna("").eq("").all()
        assert len(frame) == len(frames[1])
    assert service.hits() == 0


REPORTED: dict[str, Callable[[], tuple[Any, ...]]] = {
    "activities_df": lambda: (cctrack.activities_df, [PERSON]),
    "summary_by_campaign_df": lambda: (cctrack.summary_by_campaign_df, [PERSON]),
    "campaign_opens_df": lambda: (cctrack.campaign_opens_df, [OLDER, NEWER]),
    "campaign_activities_df": lambda: (cctrack.campaign_activities_df, [OLDER]),
    "campaign_summary_df": lambda: (cctrack.campaign_summary_df, [OLDER, NEWER]),
    "links_df": lambda: (cctrack.links_df, [OLDER]),
    "campaigns_df": lambda: (cctrack.campaigns_df,),
}


@pytest.mark.parametrize("name", REPORTED)
@pytest.mark.usefixtures("acc")
def test_plans_come_true(service: Service, tmp_cache: Path, name: str) -> None:
    function, *ids = REPORTED[name]()
    with connected(service, tmp_cache):
        before = cctrack.plan(function, *ids)
        assert service.hits() == 0
        frame = function(*ids)
        assert service.hits() == before.calls == told(frame)["calls"]
        service.reset()
        warm, again = cctrack.plan(function, *ids), cctrack.plan(function, *ids, refresh=True)
        assert service.hits() == 0
        assert warm.calls == 0
        assert warm.calls_cold == before.calls - 1  # whose account it is, is known by now
        function(*ids, refresh=True)
        assert service.hits() == again.calls


@pytest.mark.usefixtures("acc")
def test_plans_count_where_a_mail_was_looked_for_in_vain(service: Service, session: Session) -> None:
    mails = [MAIL, uid("activity", "1100000000002")]
    for function, ids in ((cctrack.campaign_opens_df, mails), (cctrack.campaign_summary_df, mails[:1])):
        function(ids)
        plan, again = cctrack.plan(function, ids), cctrack.plan(function, ids, refresh=True)
        service.reset()
        function(ids)
        assert service.hits() == plan.calls
        function(ids, refresh=True)
        assert service.hits() == again.calls == again.calls_cold > 0


@pytest.mark.parametrize("limit", [2, 5, 7, 60])
@pytest.mark.parametrize("every", ["1h", "6h", "12h"])
@pytest.mark.usefixtures("session")
def test_plans_count_the_pages_of_the_newest_rows(service: Service, limit: int, every: str) -> None:
    service.on(OPENS, Pages(OPENS, opens(60, every=every)))
    cctrack.campaign_opens_df(OLDER, limit=limit)
    plan = cctrack.plan(cctrack.campaign_opens_df, OLDER, limit=limit, refresh=True)
    service.reset()
    cctrack.campaign_opens_df(OLDER, limit=limit, refresh=True)
    assert service.hits() == plan.calls <= plan.calls_cold


@pytest.mark.usefixtures("session")
def test_a_plan_of_mails_that_are_not_known_says_at_least() -> None:
    assert "at least 2 calls" in repr(cctrack.plan(cctrack.links_df, OLDER))
    cctrack.links_df(OLDER)
    cctrack.cache.clear("links_df")
    assert "at least" not in repr(cctrack.plan(cctrack.links_df, OLDER))


def test_docstrings_tell_the_calls_of_every_report() -> None:
    for report in cctrack.catalog.REPORTS.values():
        text = " ".join((getattr(cctrack, report.function).__doc__ or "").split())
        assert "On v3: 1 call" in text, report.function


@pytest.mark.usefixtures("session")
def test_frames_are_json_proof(acc: AccountV3) -> None:
    frame = cctrack.activities_df(list(acc.contacts), details=True)
    assert json.loads(json.dumps(frame.attrs["cctrack"], allow_nan=False)) == frame.attrs["cctrack"]
