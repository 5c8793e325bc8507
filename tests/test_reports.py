"""Every report against somebody else's account: the same promises, whatever the report."""

import json
import math
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from clock import Clock
from pandas.testing import assert_frame_equal
from service import (
    ABSENT,
    KINDS,
    Account,
    Answer,
    Request,
    Row,
    Service,
    account,
    bounce,
    campaign,
    campaign_detail,
    campaign_summary,
    click,
    contact,
    contact_list,
    contact_summary,
    link,
    moment,
    open_,
    row_moment,
    send,
)
from service_v3 import SUMMARY, account_v3
from sessions import session_on

import cctrack
from cctrack.api import v2, v3
from cctrack.catalog import REPORTS
from cctrack.connecting import current
from cctrack.schema import ACTIVITY_TYPES, DTYPES, Column

DIALECTS = {"v2": v2, "v3": v3}
OFFERED = tuple(name for name, report in REPORTS.items() if v2.offers(report))
ELSEWHERE = tuple(name for name in REPORTS if name not in OFFERED)
KEYED = tuple(name for name in OFFERED if REPORTS[name].keys)
WHOLE = tuple(name for name in OFFERED if not REPORTS[name].keys)
SINCE = tuple(name for name in OFFERED if "created_since" in REPORTS[name].options)
SINCE_ON_V3 = tuple(name for name, report in REPORTS.items() if "created_since" in report.options)
ENVELOPES = (
    *("results", "tracking_activities", "campaign_activities", "contacts", "lists", "campaigns", "link_click_counts"),
    "bulk_email_campaign_summaries",
)
OBJECTS = ("summary", "campaign_summary")  # the service has one for every contact and campaign
EVENTS = (*KINDS, "activities")


def on_both(*names: str) -> pytest.MarkDecorator:
    """Ask a test's questions of each dialect that has the report."""
    cases = [
        pytest.param(api, name, id=f"{api}-{name}")
        for api, dialect in DIALECTS.items()
        for name in names
        if dialect.offers(REPORTS[name])
    ]
    return pytest.mark.parametrize(("api", "name"), cases, indirect=["api"])


NEWER, OLDER = Account.sent
CAMPAIGN = f"/v2/emailmarketing/campaigns/{OLDER}"
CLICKS = "/v2/contacts/36/tracking/clicks"
CAMPAIGNS = "/v2/emailmarketing/campaigns"
KEPT = {
    *("report", "api", "account", "fetched_at", "from_cache", "calls", "pages", "complete", "created_since"),
    *("route", "ids", "missing", "missing_columns", "repaired", "version"),
}


@pytest.fixture
def api(request: pytest.FixtureRequest) -> str:
    """Name the dialect that is spoken."""
    return str(getattr(request, "param", "v2"))


@pytest.fixture
def session(service: Service, tmp_cache: Path, api: str) -> Iterator[cctrack.Session]:
    """Connect to the service; it is the default session."""
    with cctrack.connect(
        service.key, service.token, api=api, base_url=service.url, cache_dir=tmp_cache, rate=1000
    ) as opened:
        if api == "v3":  # whose account it is, is asked once
            service.json("/v3/account/summary", SUMMARY)
            opened.identify()
            service.reset()
        yield opened


def loaded(service: Service, api: str, **paging: Any) -> Account:
    """Load the account as a dialect shows it."""
    return account(service, **paging) if api == "v2" else account_v3(service, **paging)


@pytest.fixture
def acc(service: Service, session: cctrack.Session) -> Account:
    """Load the account and connect to it."""
    return loaded(service, session.api)


def ids_for(name: str, session: cctrack.Session | None = None) -> list[Any]:
    """Give the identifiers of the account that a report is asked for."""
    acc = loaded(Service(), current(session).api)
    known: dict[str, Any] = {
        "contact_id": list(acc.contacts),
        "campaign_id": [*acc.sent],
        "list_id": list(acc.lists),
        "link_id": list(acc.links[acc.sent[1]])[:3],
    }
    keys = REPORTS[name].keys
    return [acc.sent[1] if len(keys) > 1 and key == "campaign_id" else known[key] for key in keys]


def columns_of(name: str) -> tuple[Column, ...]:
    """Give the columns of a report in the dialect that is spoken: the contract's, and then its own."""
    own = [column for column in current().given(REPORTS[name]).report.columns if column.name not in REPORTS[name].names]
    hidden = {"campaign_activity_id"} if name == "summary_by_campaign" else set()
    return (*REPORTS[name].columns, *(column for column in own if column.name not in hidden))


def call(name: str, *ids: Any, **options: Any) -> pd.DataFrame:
    """Call the public function of a report."""
    frame = getattr(cctrack, REPORTS[name].function)(*ids, **options)
    assert isinstance(frame, pd.DataFrame)
    return frame


def ask(name: str, **options: Any) -> pd.DataFrame:
    """Call it for all that the account has."""
    return call(name, *ids_for(name, options.get("session")), **options)


def told(frame: pd.DataFrame) -> dict[str, Any]:
    """Give the provenance, which must be JSON and come back unchanged."""
    found = frame.attrs["cctrack"]
    assert set(found) >= KEPT
    assert json.loads(json.dumps(found, allow_nan=False)) == found
    return dict(found)


def assert_shape(frame: pd.DataFrame, columns: tuple[Column, ...]) -> None:
    """Hold a frame to the rules of every frame."""
    assert type(frame) is pd.DataFrame
    assert tuple(frame.columns) == tuple(column.name for column in columns)
    assert isinstance(frame.index, pd.RangeIndex)
    assert (frame.index.start, frame.index.stop, frame.index.step) == (0, len(frame), 1)
    for column in columns:
        values = frame[column.name]
        assert str(values.dtype) == DTYPES[column.kind], column.name
        if column.kind in ("id", "text"):
            assert isinstance(values.dtype, pd.StringDtype)
            assert values.dtype.na_value is pd.NA
            assert all(isinstance(value, str) or value is pd.NA for value in values)
        if column.kind == "activity":
            assert tuple(values.cat.categories[:6]) == ACTIVITY_TYPES


def same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    """Compare the frames, not where they come from."""
    bare = [frame.copy() for frame in (left, right)]
    for frame in bare:
        frame.attrs = {}
    assert_frame_equal(*bare)


def plain(value: Any) -> Any:
    """Make a cell comparable: NA is None."""
    if value is None or value is pd.NA or value is pd.NaT or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, pd.Timestamp):
        return value.to_pydatetime()
    return int(value) if isinstance(value, np.integer) else value


def cells(frame: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Give the rows as plain tuples."""
    columns = [frame[name].astype(object).tolist() for name in frame.columns]
    return [tuple(map(plain, row)) for row in zip(*columns, strict=True)]


def expected(name: str, rows: list[Row], **given: Any) -> list[tuple[Any, ...]]:
    """Say what a report must make of the service's rows, without the library."""
    made = []
    for row in rows:
        values: list[Any] = []
        for column in REPORTS[name].columns:
            value = (row | given).get(column.name)
            if column.name == "activity_date":
                value = row_moment(row)
            elif column.kind == "date":
                value = moment(value)
            elif column.kind == "id" and value is not None:
                value = str(value)
            values.append(value)
        made.append(tuple(values))
    return made


# --- what every report promises ------------------------------------------------------------------


@on_both(*REPORTS)
@pytest.mark.usefixtures("acc")
def test_shape_provenance_and_a_warm_repeat(service: Service, api: str, name: str) -> None:
    began = datetime.now(UTC).replace(microsecond=0)
    frame = ask(name)
    sent = service.hits()
    assert sent > 0
    assert len(frame) > 0
    assert_shape(frame, columns_of(name))
    provenance = told(frame)
    assert provenance["report"] == name
    assert provenance["api"] == api
    assert provenance["version"] == cctrack.__version__
    assert provenance["complete"] is True
    assert provenance["from_cache"] is False
    assert (provenance["repaired"], provenance["missing"]) == (0, [])
    assert 0 < provenance["pages"] <= provenance["calls"] <= sent
    assert began <= datetime.fromisoformat(provenance["fetched_at"]) <= datetime.now(UTC)
    assert service.key not in str(provenance)
    assert service.token not in str(provenance)
    again = ask(name)
    assert service.hits() == sent
    same(frame, again)
    kept = told(again)
    assert (kept["from_cache"], kept["calls"], kept["pages"]) == (True, 0, provenance["pages"])
    assert kept["fetched_at"] == provenance["fetched_at"]


@on_both(*REPORTS)
@pytest.mark.usefixtures("acc")
def test_refresh_sends_again_and_unknown_fields_are_ignored(service: Service, name: str) -> None:
    frame = ask(name)
    service.reset()

    def more(request: Request) -> Answer:
        """Add fields that nobody told us about to every object of the answer."""
        body = json.loads(service.answer(request).body)
        listed = [value for key, value in body.items() if key in ENVELOPES] if isinstance(body, dict) else [body]
        objects = listed[0] if listed else [body]
        for one in objects:
            one |= {"zz_new": {"deep": [1, None]}, "": 7, "index": "x"}
        return Answer.json(body)

    service.before = more
    again = ask(name, refresh=True)
    assert service.hits() > 0
    same(frame, again)
    assert told(again)["from_cache"] is False
    service.reset()
    same(ask(name), again)
    assert service.hits() == 0


@on_both(*REPORTS)
def test_a_new_session_finds_the_cache_warm(service: Service, tmp_cache: Path, api: str, name: str) -> None:
    loaded(service, api)
    with session_on(service, tmp_cache, api=api) as first:
        frame = ask(name, session=first)
    service.reset()
    with session_on(service, tmp_cache, api=api) as second, cctrack.use(second):
        same(ask(name), frame)
    with session_on(service, tmp_cache, api=api, offline=True) as third:
        same(ask(name, session=third), frame)
    assert service.hits() == 0


@on_both(*REPORTS)
def test_the_given_session_is_asked_and_no_other(
    service: Service, session: cctrack.Session, tmp_path: Path, api: str, name: str
) -> None:
    with Service() as other:
        loaded(other, api)
        with session_on(other, tmp_path / "other", account="other", api=api) as given:
            assert told(ask(name, session=given))["account"] == "other"
        assert other.hits() > 0
    assert service.hits() == 0
    assert session.account != "other"


EMPTIES = [[], (), set(), {}.keys(), pd.Series([], dtype="object"), pd.Index([]), np.array([])]


@on_both(*KEYED)
@pytest.mark.usefixtures("acc")
def test_no_ids_give_the_empty_frame_without_a_call(service: Service, name: str) -> None:
    for none in [*EMPTIES, iter([]), (one for one in [])]:
        frame = call(name, *ids_for(name)[:-1], none)
        assert len(frame) == 0
        assert_shape(frame, columns_of(name))
        provenance = told(frame)
        assert (provenance["calls"], provenance["pages"], provenance["ids"]["n"]) == (0, 0, 0)
    if "route" in REPORTS[name].options:
        frame = call(name, [], route="campaigns")
        assert_shape(frame, columns_of(name))
        assert told(frame)["route"] == "campaigns"
    assert service.hits() == 0


def _nothing_on_v3(path: str, last: str) -> Answer:
    if path.startswith("/v3/emails/"):
        mails = [{"campaign_activity_id": f"mail-of-{last}", "role": "primary_email"}]
        return Answer.json({"campaign_id": last, "current_status": "Done", "campaign_activities": mails})
    if path.startswith("/v3/contact_lists/"):
        return Answer.json({"list_id": last})
    envelopes = {"activity_summary": "campaign_activities", "links": "link_click_counts", "contact_lists": "lists"}
    envelopes |= {"emails": "campaigns", "contacts": "contacts"}
    return Answer.json({envelopes.get(last, "tracking_activities"): []})


def nothing(request: Request) -> Answer:
    """Answer as an account in which nothing ever happened."""
    last = request.path.rsplit("/", 1)[1]
    if request.path.startswith("/v3/"):
        return _nothing_on_v3(request.path, last)
    if last in ("lists", "summaryByCampaign"):
        return Answer.json([])
    if last.isdigit() and "/clicks/" not in request.path:
        return Answer.json(campaign_detail(last, click_through_details=[]))
    return Answer.page([])


@on_both(*(name for name in REPORTS if name not in OBJECTS))
@pytest.mark.usefixtures("session")
def test_no_rows_give_the_same_columns_and_dtypes(service: Service, name: str) -> None:
    service.before = nothing
    if name == "campaign_link_clicks":  # a link that nobody clicked is there all the same
        held = [{"url_id": one, "link_url": "https://example.org", "unique_clicks": 0} for one in ids_for(name)[1]]
        listed = Answer.json({"link_click_counts": held})
        service.before = lambda request: listed if request.path.endswith("/links") else nothing(request)
    frame = ask(name)
    assert len(frame) == 0
    assert_shape(frame, columns_of(name))
    assert told(frame)["missing_columns"] == []
    assert service.hits() > 0


@on_both(*KEYED)
@pytest.mark.usefixtures("acc")
def test_one_id_and_many_give_the_same_shape_and_rows(service: Service, name: str) -> None:
    *before, many = ids_for(name)
    whole = ask(name)
    parts = [call(name, *before, one) for one in many]
    for part in parts:
        assert_shape(part, columns_of(name))
    assert [row for part in parts for row in cells(part)] == cells(whole)
    turned = call(name, *before, reversed(many))
    assert cells(turned) == [row for part in reversed(parts) for row in cells(part)]
    assert told(turned)["ids"]["first"] == many[::-1]


@on_both(*KEYED)
@pytest.mark.usefixtures("acc")
def test_an_id_given_twice_is_asked_and_listed_once(service: Service, name: str) -> None:
    *before, many = ids_for(name)
    once = call(name, *before, many[0])
    sent = service.hits()
    service.reset()
    number = [int(many[0])] if str(many[0]).isdigit() and len(str(many[0])) < 16 else []
    again = call(name, *before, [many[0], *number, f" {many[0]}", many[0]], refresh=True)
    same(again, once)
    assert service.hits() <= sent
    assert told(again)["ids"]["n"] == 1


@on_both(*KEYED)
@pytest.mark.usefixtures("acc")
def test_unknown_ids_are_never_confused_with_empty_reports(service: Service, name: str) -> None:
    *before, many = ids_for(name)
    with pytest.raises(cctrack.NotFoundError) as missed:
        call(name, *before, "999")
    assert missed.value.status == 404
    assert missed.value.retryable is False
    with pytest.raises(cctrack.NotFoundError, match="999"):
        call(name, *before, [many[0], "999", many[1]])
    frame = call(name, *before, [many[0], "999", many[1], "998"], on_missing="skip")
    same(frame, call(name, *before, many[:2]))
    provenance = told(frame)
    assert (provenance["missing"], provenance["missing_count"]) == (["999", "998"], 2)
    assert provenance["ids"]["n"] == 4
    alone = call(name, *before, "999", on_missing="skip")
    assert_shape(alone, columns_of(name))
    assert (len(alone), told(alone)["missing"]) == (0, ["999"])


@pytest.mark.usefixtures("acc")
def test_the_list_of_missing_ids_is_cut_at_a_hundred() -> None:
    frame = cctrack.summary_df([*range(1000, 1103), 36], on_missing="skip")
    provenance = told(frame)
    assert frame["contact_id"].tolist() == ["36"]
    assert provenance["missing"] == [str(one) for one in range(1000, 1100)]
    assert provenance["missing_count"] == 103
    assert (provenance["ids"]["n"], len(provenance["ids"]["first"])) == (104, 10)


@pytest.mark.parametrize("name", OFFERED)
@pytest.mark.usefixtures("acc")
def test_page_sizes_are_sent_and_capped(service: Service, name: str) -> None:
    frame = ask(name)
    bare = ("/v2/lists", "/summary", "/summaryByCampaign")
    paged = [
        request
        for request in service.asked()
        if not request.path.endswith(bare) and not (name == "links" and "tracking" not in request.path)
    ]
    for request in service.asked():
        most = "50" if request.path == CAMPAIGNS else "500"
        assert request.query.get("limit") == ([most] if request in paged else None), request.target
    service.reset()
    smaller = ask(name, limit=7, refresh=True)
    same(smaller, frame)
    assert {tuple(request.query.get("limit", [])) for request in service.asked()} <= {("7",), ()}


@pytest.mark.parametrize("name", ELSEWHERE)
@pytest.mark.usefixtures("acc")
def test_reports_of_the_other_dialect_say_so_before_any_call(service: Service, name: str) -> None:
    for ids in (ids_for(name)[-1], "1", []):
        with pytest.raises(cctrack.NotOfferedError, match="v3") as refused:
            call(name, *ids_for(name)[:-1], ids)
        assert REPORTS[name].function in str(refused.value)
    assert service.hits() == 0
    assert ELSEWHERE == ("campaign_did_not_opens", "campaign_unique_opens")


# --- rows and values -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", EVENTS)
def test_events_of_contacts(acc: Account, name: str) -> None:
    frame = call(name, acc.contacts)
    kind = None if name == "activities" else name
    rows = [row for one in acc.contacts for row in acc.of(kind, contact=one)]
    assert cells(frame) == expected(name, rows)
    quiet = call(name, acc.quiet)
    assert len(quiet) == 0
    assert_shape(quiet, REPORTS[name].columns)


@pytest.mark.parametrize("kind", KINDS)
def test_events_of_campaigns_in_the_order_of_the_service(acc: Account, kind: str) -> None:
    name = f"campaign_{kind}"
    rows: list[Row] = []
    for one in acc.sent:
        found = [{**row, "link_uri": None} for row in acc.of(kind, campaign=one)]
        rows += found[::-1] if kind == "bounces" else found  # bounces come oldest first
    frame = call(name, acc.sent)
    assert cells(frame) == expected(name, rows)
    assert told(frame)["missing_columns"] == (["link_uri"] if kind == "clicks" else [])


def test_clicks_on_links(service: Service, acc: Account) -> None:
    first, second, *rest = acc.links[OLDER]
    frame = cctrack.campaign_link_clicks_df(OLDER, [second, first, *rest])
    rows = [row for uid in (second, first) for row in acc.of("clicks", campaign=OLDER) if row["link_id"] == uid]
    assert cells(frame) == expected("campaign_link_clicks", rows, link_uri=None)
    assert {request.path for request in service.asked()} == {
        f"{CAMPAIGN}/tracking/clicks/{uid}" for uid in acc.links[OLDER]
    }


def by_date(rows: list[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Sort activities as promised; rows of one instant by what they are."""
    return sorted(rows, key=lambda row: (row[1], str(row)))


def test_activities_of_campaigns_are_sorted_within_each(service: Service, acc: Account) -> None:
    frame = cctrack.campaign_activities_df(acc.sent)
    assert service.hits() == 12
    for one in acc.sent:
        part = frame[frame["campaign_id"] == one]
        assert part["activity_date"].is_monotonic_increasing
        rows = expected("activities", acc.of(campaign=one), link_uri=None)
        assert by_date(cells(part)) == by_date(rows)
    assert list(dict.fromkeys(frame["campaign_id"])) == list(acc.sent)


def test_activities_of_the_account_are_sorted_as_a_whole(service: Service, acc: Account) -> None:
    frame = cctrack.account_activities_df()
    assert service.hits() == 13
    assert frame["activity_date"].is_monotonic_increasing
    rows = expected("activities", list(acc.events), link_uri=None)
    assert by_date(cells(frame)) == by_date(rows)
    assert told(frame)["missing_columns"] == ["link_uri"]
    assert (told(frame)["calls"], told(frame)["pages"]) == (13, 13)  # with the list of campaigns
    assert told(cctrack.account_activities_df())["from_cache"] is True
    drafts = cctrack.account_activities_df(status="DRAFT", session=None)
    assert_shape(drafts, REPORTS["account_activities"].columns)
    assert len(drafts) == 0


def test_a_campaign_that_goes_meanwhile_stands_in_the_provenance(service: Service, acc: Account) -> None:
    service.rows(CAMPAIGNS, [campaign(one) for one in (OLDER, "1100000000009")], maximum=50)
    frame = cctrack.account_activities_df()
    assert set(frame["campaign_id"]) == {OLDER}
    assert told(frame)["missing"] == ["1100000000009"]


def test_summaries_of_contacts(acc: Account) -> None:
    rows = [{"contact_id": one, **{kind: len(acc.of(kind, contact=one)) for kind in KINDS}} for one in acc.contacts]
    assert cells(cctrack.summary_df(acc.contacts)) == expected("summary", rows)
    frame = cctrack.summary_by_campaign_df(acc.contacts)
    assert list(zip(frame["contact_id"], frame["campaign_id"], strict=True)) == [
        *(("36", one) for one in acc.sent),
        *(("37", one) for one in acc.sent),
    ]
    for row in frame.itertuples():
        contact_id, campaign_id = str(row.contact_id), str(row.campaign_id)
        clicks = acc.of("clicks", contact=contact_id, campaign=campaign_id)
        assert row.clicks == len({one["link_id"] for one in clicks})
        for kind in ("opens", "forwards", "bounces"):
            assert getattr(row, kind) == len(acc.of(kind, contact=contact_id, campaign=campaign_id))


def test_summaries_of_campaigns_have_the_id_that_the_answer_lacks(acc: Account) -> None:
    frame = cctrack.campaign_summary_df([*acc.sent, acc.draft])
    assert frame["campaign_id"].tolist() == [*acc.sent, acc.draft]
    assert frame["sends"].tolist() == [len(acc.of("sends", campaign=one)) for one in (*acc.sent, acc.draft)]
    assert frame["opens"].tolist() == [2, 1, 0]
    assert frame["spam_count"].tolist() == [0, 0, 0]


@pytest.mark.usefixtures("acc")
def test_update_summary_is_sent_and_kept_apart(service: Service) -> None:
    old = cctrack.campaign_summary_df(OLDER)
    assert "updateSummary" not in service.asked()[-1].query
    service.json(f"{CAMPAIGN}/tracking/reports/summary", campaign_summary(sends=99))
    new = cctrack.campaign_summary_df(OLDER, update_summary=True)
    assert service.asked()[-1].query["updateSummary"] == ["true"]
    assert (old["sends"].tolist(), new["sends"].tolist()) == ([2], [99])
    assert service.hits() == 2


def test_contacts_and_their_filters(service: Service, acc: Account) -> None:
    frame = cctrack.contacts_df()
    assert cells(frame[["contact_id", "email_address", "first_name", "last_name", "status"]]) == [
        ("36", "person36@example.org", "José", "Ångström", "ACTIVE"),
        ("37", "person37@example.org", "Zoë 🌻", "山田", "ACTIVE"),
        ("41", "person41@example.org", "", "O'Neill", "PENDING_REVIEW"),
    ]
    assert frame["modified_date"].iloc[2] == pd.Timestamp("2026-01-01T00:00:00Z")
    assert cctrack.contacts_df(email="person37@example.org")["contact_id"].tolist() == ["37"]
    assert cctrack.contacts_df(status="active")["contact_id"].tolist() == ["36", "37"]
    assert service.asked()[-1].query["status"] == ["ACTIVE"]
    nobody = cctrack.contacts_df(email="nobody+x&y@example.org")
    assert service.asked()[-1].query["email"] == ["nobody+x&y@example.org"]
    assert_shape(nobody, REPORTS["contacts"].columns)
    since = cctrack.contacts_df(modified_since="2026-02-02T10:00:00+01:00", status="ACTIVE")
    assert since["contact_id"].tolist() == ["36", "37"]
    assert service.asked()[-1].query["modified_since"] == ["2026-02-02T09:00:00.000Z"]
    assert cctrack.contacts_df(modified_since="2026-02-02T09:00:00.001Z")["contact_id"].tolist() == ["36"]


def test_lists_and_their_members(service: Service, acc: Account) -> None:
    lists = cctrack.lists_df()
    assert cells(lists[["list_id", "name", "status", "contact_count"]]) == [
        ("1", "Général ★", "ACTIVE", 2),
        ("2", "VIP", "HIDDEN", 2),
    ]
    assert cctrack.lists_df(modified_since="2026-01-15")["list_id"].tolist() == ["2"]
    members = cctrack.list_members_df(lists["list_id"])
    found = list(zip(members["list_id"], members["contact_id"], strict=True))
    assert found == [(one, member) for one in acc.lists for member in acc.members[one]]


def test_campaigns_and_their_filters(service: Service, acc: Account) -> None:
    assert cctrack.campaigns_df()["campaign_id"].tolist() == list(acc.sent)
    assert service.asked()[-1].query["status"] == ["SENT"]
    whole = cctrack.campaigns_df(status=None)
    assert whole["campaign_id"].tolist() == [acc.draft, *acc.sent]
    assert "status" not in service.asked()[-1].query
    same(cctrack.campaigns_df(status="ALL"), whole)
    assert cctrack.campaigns_df(status="draft")["name"].tolist() == ["Entwurf"]
    assert cctrack.campaigns_df(modified_since="2026-03-09T14:59Z")["campaign_id"].tolist() == [NEWER]


@pytest.mark.usefixtures("session")
def test_campaigns_with_details(service: Service) -> None:
    account(service)
    plain_ = cctrack.campaigns_df(status=None)
    service.reset()
    frame = cctrack.campaigns_df(status=None, details=True)
    further = [
        "subject",
        "last_run_date",
        "sends",
        "opens",
        "clicks",
        "forwards",
        "unsubscribes",
        "bounces",
        "spam_count",
    ]
    assert list(frame.columns) == [*plain_.columns, *further]
    assert service.hits() == 3
    same(frame[list(plain_.columns)], plain_)
    kinds = [str(frame[name].dtype) for name in further]
    assert kinds == ["string", "datetime64[us, UTC]", *["Int64"] * 7]
    assert frame["subject"].tolist() == ["Entwurf", "März — neu", "Spring 🌱 news"]
    assert frame["last_run_date"].isna().tolist() == [True, False, False]
    assert frame["sends"].tolist() == [0, 2, 2]
    assert told(frame)["report"] == "campaigns"
    service.before = nothing
    none = cctrack.campaigns_df(status="SCHEDULED", details=True)
    assert len(none) == 0
    assert [str(dtype) for dtype in none.dtypes] == [str(dtype) for dtype in frame.dtypes]
    assert list(none.columns) == list(frame.columns)
    assert isinstance(none.index, pd.RangeIndex)
    told(none)


@pytest.mark.usefixtures("session")
def test_details_of_a_campaign_that_is_gone_are_na(service: Service) -> None:
    service.rows(CAMPAIGNS, [campaign("1"), campaign("2")], maximum=50)
    service.json(f"{CAMPAIGNS}/2", campaign_detail("2", tracking_summary=campaign_summary(sends=5)))
    frame = cctrack.campaigns_df(details=True)
    assert frame["campaign_id"].tolist() == ["1", "2"]
    assert [plain(value) for value in frame["sends"].astype(object)] == [None, 5]
    assert told(frame)["missing"] == ["1"]


def test_links(service: Service, acc: Account) -> None:
    frame = cctrack.links_df(acc.sent)
    assert list(zip(frame["campaign_id"], frame["link_id"], strict=True)) == [
        (one, uid) for one in acc.sent for uid in acc.links[one]
    ]
    assert frame.loc[frame["link_id"] == "1100000000102", "link_uri"].tolist() == [
        "https://shop.example.org/ü?q=ß&x=1#top"
    ]
    assert frame["click_count"].sum() == len(acc.of("clicks"))
    draft = cctrack.links_df(acc.draft)
    assert_shape(draft, REPORTS["links"].columns)


@pytest.mark.parametrize("details", [False, True])
def test_details_change_nothing_on_v2(service: Service, acc: Account, details: bool) -> None:
    frame = cctrack.unsubscribes_df("36", details=details)
    assert frame["unsubscribe_reason"].tolist() == ["zu häufig, 太多了"]
    assert frame["unsubscribe_source"].tolist() == ["ACTION_BY_ROBOT"]
    assert service.hits() == 1
    assert told(frame)["missing_columns"] == []


ENDS = ("absent", "empty", "null", "null_next", "null_href")
PAGED = [
    *(("v2", {"page_size": size, "scheme": scheme}) for size in (1, 2, 3) for scheme in ("offset", "opaque")),
    *(("v3", {"page_size": size, "end": end}) for size in (1, 2, 3) for end in ENDS[size - 1 :: 2]),
]


@pytest.mark.parametrize(("api", "paging"), PAGED, indirect=["api"], ids=str)
def test_pages_change_nothing(service: Service, session: cctrack.Session, paging: dict[str, Any]) -> None:
    loaded(service, session.api)
    whole = {name: ask(name) for name in (*EVENTS, *(f"campaign_{kind}" for kind in KINDS), "account_activities")}
    loaded(service, session.api, **paging)
    for name, frame in whole.items():
        again = ask(name, refresh=True)
        same(again, frame)
        assert told(again)["complete"] is True


# --- the other route -----------------------------------------------------------------------------


@on_both(*EVENTS)
def test_the_route_over_campaigns_gives_the_same_rows(service: Service, acc: Account, api: str, name: str) -> None:
    wanted = [acc.contacts[place] for place in (1, 2, 0)]
    over_contacts = call(name, wanted, details=True)
    service.reset()
    over_campaigns = call(name, wanted, route="campaigns")
    assert not service.hits(f"/{api}/contacts")
    assert_shape(over_campaigns, columns_of(name))
    told_by_both = list(REPORTS[name].names)
    assert sorted(map(str, cells(over_campaigns[told_by_both]))) == sorted(map(str, cells(over_contacts[told_by_both])))
    owners = over_campaigns["contact_id"].tolist()
    assert owners == sorted(owners, key=wanted.index)
    first, second = told(over_contacts), told(over_campaigns)
    assert (first["route"], second["route"]) == ("contacts", "campaigns")
    assert first["ids"] == second["ids"]
    assert second["report"] == name
    service.reset()
    same(call(name, wanted, route="campaigns"), over_campaigns)
    assert service.hits() == 0


@on_both(*EVENTS)
def test_the_route_over_campaigns_filters_too(acc: Account, name: str) -> None:
    since = "2026-03-05"
    left, right = (
        call(name, acc.contacts[0], created_since=since, route=route, details=True)[list(REPORTS[name].names)]
        for route in ("contacts", "campaigns")
    )
    assert sorted(map(str, cells(left))) == sorted(map(str, cells(right)))
    assert told(left)["created_since"] == told(right)["created_since"] == "2026-03-05T00:00:00.000Z"
    unknown = call(name, "999", route="campaigns")
    assert_shape(unknown, columns_of(name))
    assert "not_seen" in told(unknown)


# --- created_since -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", SINCE)
def test_created_since_is_sent_once_and_holds_on_every_page(
    service: Service, session: cctrack.Session, name: str
) -> None:
    """The service forgets the filter with the first page; the frame must not."""
    account(service, page_size=1, keeps_filters=False)
    date = str(REPORTS[name].since)
    whole = ask(name)
    bound = whole[date].sort_values().iloc[len(whole) // 2]
    service.reset()
    frame = ask(name, created_since=bound)
    wire = f"{bound:%Y-%m-%dT%H:%M:%S}.{bound.microsecond // 1000:03d}Z"
    for request in service.asked():
        if request.path != CAMPAIGNS:
            assert request.query.get("created_since") == (None if "next" in request.query else [wire])
    assert (frame[date] >= bound).all()
    assert frame[date].min() == bound  # inclusive
    order = sorted(map(str, cells(frame)))
    assert order == sorted(map(str, cells(whole[whole[date] >= bound])))
    assert_shape(frame, REPORTS[name].columns)
    assert told(frame)["created_since"] == wire
    assert told(whole)["created_since"] is None


@on_both(*SINCE_ON_V3)
def test_created_since_holds_in_every_dialect(service: Service, session: cctrack.Session, api: str, name: str) -> None:
    loaded(service, api, page_size=2)
    date = str(REPORTS[name].since)
    whole = ask(name)
    bound = whole[date].sort_values().iloc[len(whole) // 2]
    for refresh in (False, True):
        frame = ask(name, created_since=bound, refresh=refresh)
        assert_shape(frame, columns_of(name))
        assert frame[date].min() == bound
        assert sorted(map(str, cells(frame))) == sorted(map(str, cells(whole[whole[date] >= bound])))
        assert told(frame)["complete"] is True


@pytest.mark.parametrize("finer", [0, 1, 400])
@pytest.mark.usefixtures("acc")
def test_finer_than_the_service_counts(finer: int) -> None:
    bound = datetime(2026, 3, 2, 15, 6, 10, 500_000 + finer, tzinfo=UTC)
    frame = cctrack.clicks_df("36", created_since=bound)
    assert (frame["click_date"] >= bound).all()
    assert len(frame) == (4 if finer == 0 else 3)


@pytest.mark.usefixtures("session")
def test_rows_without_a_date_pass_the_filter(service: Service) -> None:
    """What has no date may be newer: it is kept."""
    service.on(CLICKS, lambda request: Answer.page([click(), click(date=None), click(date="2020-01-01")]))
    with pytest.warns(cctrack.RepairWarning):
        frame = cctrack.clicks_df("36", created_since="2026-01-01")
    assert frame["click_date"].isna().tolist() == [False, True]
    assert isinstance(frame.index, pd.RangeIndex)


# --- what the wire may hold ----------------------------------------------------------------------


def clicks_of(service: Service, *rows: Any, **options: Any) -> pd.DataFrame:
    """Serve these rows as the clicks of contact 36 and ask for them."""
    service.rows(CLICKS, list(rows))
    return cctrack.clicks_df("36", refresh=True, **options)


IDS = [
    (36, "36"),
    ("36", "36"),
    ("036", "036"),
    (36.0, "36"),
    (0, "0"),
    ("", ""),
    (2**53 + 1, "9007199254740993"),
    ("9007199254740993", "9007199254740993"),
    (2**63 - 1, "9223372036854775807"),
    (2**64 + 1, "18446744073709551617"),
    ("3f8b6a1e-0000-4000-8000-00000000abcd", "3f8b6a1e-0000-4000-8000-00000000abcd"),
    ("36.0", "36.0"),
    (" 36", " 36"),
]


@pytest.mark.parametrize("column", ["contact_id", "campaign_id", "link_id"])
@pytest.mark.usefixtures("session")
def test_ids_are_text_whatever_came(service: Service, column: str) -> None:
    frame = clicks_of(service, *(click() | {column: value} for value, _ in IDS))
    assert frame[column].tolist() == [text for _, text in IDS]
    assert_shape(frame, REPORTS["clicks"].columns)


T = "2026-03-02T15:04:05"
DATES: list[tuple[str, datetime]] = [
    *((text, datetime(2026, 3, 2, 15, 4, 5, tzinfo=UTC)) for text in (f"{T}Z", f"{T}.0Z", f"{T}+00:00", T)),
    *((text, datetime(2026, 3, 2, 15, 4, 5, tzinfo=UTC)) for text in (f"{T}-00:00", f"{T},000Z", "20260302T150405Z")),
    *((text, datetime(2026, 3, 2, 15, 4, 5, tzinfo=UTC)) for text in ("2026-03-02 15:04:05Z", f" {T}Z ")),
    (f"{T}.678Z", datetime(2026, 3, 2, 15, 4, 5, 678_000, tzinfo=UTC)),
    (f"{T}.6Z", datetime(2026, 3, 2, 15, 4, 5, 600_000, tzinfo=UTC)),
    (f"{T}.678901Z", datetime(2026, 3, 2, 15, 4, 5, 678_901, tzinfo=UTC)),
    (f"{T}.678901999Z", datetime(2026, 3, 2, 15, 4, 5, 678_901, tzinfo=UTC)),
    (f"{T}+01:00", datetime(2026, 3, 2, 14, 4, 5, tzinfo=UTC)),
    (f"{T}.250-0530", datetime(2026, 3, 2, 20, 34, 5, 250_000, tzinfo=UTC)),
    (f"{T}+14", datetime(2026, 3, 2, 1, 4, 5, tzinfo=UTC)),
    ("2026-03-02T15:04Z", datetime(2026, 3, 2, 15, 4, tzinfo=UTC)),
    ("2026-03-02", datetime(2026, 3, 2, tzinfo=UTC)),
    ("20260302", datetime(2026, 3, 2, tzinfo=UTC)),
    ("2026-W10-1", datetime(2026, 3, 2, tzinfo=UTC)),
    ("2026-03-01T24:00:00Z", datetime(2026, 3, 2, tzinfo=UTC)),
    ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
    ("2024-02-29T00:00:00.000Z", datetime(2024, 2, 29, tzinfo=UTC)),
    ("0001-01-01T00:00:00.000Z", datetime(1, 1, 1, tzinfo=UTC)),
    ("9999-12-31T23:59:59.999Z", datetime(9999, 12, 31, 23, 59, 59, 999_000, tzinfo=UTC)),
    ("1969-12-31T19:00:00.000Z", datetime(1969, 12, 31, 19, tzinfo=UTC)),
]
NO_DATES = [
    *("soon", "2026-02-30T00:00:00.000Z", "2026-13-01", "2026-03-02T25:00:00Z", "2026-03-02T15:04:61Z", "12:00"),
    *("0000-01-01T00:00:00.000Z", "9999-12-31T24:00:00.000Z", "0001-01-01T00:00:00+01:00", "NaT", "null", "0"),
    *(1_772_463_845_000, 0, 1.5, True, [], {}, ["2026-03-02"], {"date": T}, "", " ", None, ABSENT),
    *("٢٠٢٦-03-02T15:04:05.678Z", "２０２６-03-02T15:04:05.678Z", "2026-03-02T15:04:05.678Z\x00"),
    *("2026-03-02T15:04:05.1234567x9Z", "2026-03-02x15:04:05Z", "2026-03-02_15:04:05"),
]


@pytest.mark.usefixtures("session")
def test_every_form_of_a_date(service: Service) -> None:
    frame = clicks_of(service, *(click(date=text) for text, _ in DATES))
    assert [plain(value) for value in frame["click_date"]] == [when for _, when in DATES]
    assert told(frame)["repaired"] == 0
    frame["click_date"].dt.tz_convert("Asia/Kathmandu")
    assert len(str(frame)) > 0
    alone = [clicks_of(service, click(date=text))["click_date"].iloc[0] for text, _ in DATES]
    assert alone == frame["click_date"].tolist()


@pytest.mark.usefixtures("session")
def test_what_is_no_date_is_na_and_its_row_stays(service: Service) -> None:
    rows = [click(date=value) if value is not ABSENT else click(click_date=ABSENT) for value in NO_DATES]
    with pytest.warns(cctrack.RepairWarning, match=r"clicks_df.*click_date") as warned:
        frame = clicks_of(service, click(), *rows, click())
    assert len(warned) == 1
    assert frame["click_date"].isna().tolist() == [False, *[True] * len(rows), False]
    assert told(frame)["repaired"] == len(rows)
    assert_shape(frame, REPORTS["clicks"].columns)
    assert len(str(frame)) > 0


@pytest.mark.parametrize("name", [*KINDS, "activities"])
@pytest.mark.usefixtures("session")
def test_activity_types_never_seen_before_are_kept(service: Service, name: str) -> None:
    part = "" if name == "activities" else f"/{name}"
    rows: list[Row] = [
        {"activity_type": kind, "campaign_id": "1", "contact_id": "36", "email_address": "a@example.org"}
        | {f"{'reply' if name == 'activities' else name[:-1]}_date": f"2026-03-02T15:04:0{number}Z"}
        for number, kind in enumerate(["EMAIL_REPLY", "EMAIL_SPAM", "EMAIL_REPLY", ""])
    ]
    service.rows(f"/v2/contacts/36/tracking{part}", rows)
    with pytest.warns(cctrack.RepairWarning) if name in ("clicks", "bounces", "unsubscribes") else _calm():
        frame = call(name, "36")
    assert frame["activity_type"].tolist() == ["EMAIL_REPLY", "EMAIL_SPAM", "EMAIL_REPLY", ""]
    assert list(frame["activity_type"].cat.categories) == [*ACTIVITY_TYPES, "EMAIL_REPLY", "EMAIL_SPAM", ""]
    assert frame[str(REPORTS[name].since)].notna().all()
    assert_shape(frame, REPORTS[name].columns)


class _calm:  # noqa: N801 (stands where `pytest.warns` does)
    def __enter__(self) -> None:
        return None

    def __exit__(self, *_: object) -> None:
        return None


TEXTS = [
    *("é", "e\u0301", "山田", "🌻👩\u200d👧", "\u202eevil\u202c", "a\x00b", "\x00", "tab\tnew\nline\r", "<b>"),
    *("x" * 65_536, "ß" * 65_536, "\ufeff", "\u2028", "NA", "nan", "None", "null", "", " ", "=cmd"),
    *("\x7f\x1b[31m", "\ufffd", "\U0010ffff"),
]


@pytest.mark.parametrize("column", ["email_address", "link_uri"])
@pytest.mark.usefixtures("session")
def test_texts_arrive_unchanged(service: Service, column: str) -> None:
    frame = clicks_of(service, *(click(**{column: text}) for text in TEXTS))
    assert frame[column].tolist() == TEXTS
    assert told(frame)["repaired"] == 0
    service.reset()
    assert cctrack.clicks_df("36")[column].tolist() == TEXTS  # from disk
    assert service.hits() == 0


REPAIRS: list[tuple[dict[str, Any], dict[str, int]]] = [
    ({"email_address": None}, {}),  # an absent text is only absent
    ({"link_uri": None}, {}),
    ({"email_address": ABSENT}, {"email_address": 1}),
    ({"email_address": True}, {"email_address": 1}),
    ({"email_address": ["a@example.org"]}, {"email_address": 1}),
    ({"link_uri": {"href": "x"}}, {"link_uri": 1}),
    ({"contact_id": None}, {"contact_id": 1}),
    ({"contact_id": False}, {"contact_id": 1}),
    ({"contact_id": []}, {"contact_id": 1}),
    ({"campaign_id": ABSENT}, {"campaign_id": 1}),
    ({"link_id": {}}, {"link_id": 1}),
    ({"activity_type": None}, {"activity_type": 1}),
    ({"activity_type": ABSENT}, {"activity_type": 1}),
    ({"activity_type": {"kind": "EMAIL_CLICK"}}, {"activity_type": 1}),
    ({"click_date": None}, {"click_date": 1}),
    ({"click_date": ""}, {"click_date": 1}),
    ({"click_date": ABSENT, "contact_id": None}, {"click_date": 1, "contact_id": 1}),
]


@pytest.mark.parametrize(("changes", "repairs"), REPAIRS, ids=[str(changes) for changes, _ in REPAIRS])
@pytest.mark.usefixtures("session")
def test_repairs_keep_the_row_and_are_told(service: Service, changes: dict[str, Any], repairs: dict[str, int]) -> None:
    good = [click(date=f"2026-03-02T15:04:0{second}.678Z") for second in range(3)]
    rows = [good[0], good[1] | changes, good[2]]
    rows[1] = {name: value for name, value in rows[1].items() if value is not ABSENT}
    if repairs:
        with pytest.warns(cctrack.RepairWarning) as warned:
            frame = clicks_of(service, *rows)
        assert len(warned) == 1
        assert "clicks_df" in str(warned[0].message)
        assert all(field in str(warned[0].message) for field in repairs)
        assert "person36@example.org" not in str(warned[0].message)
    else:
        frame = clicks_of(service, *rows)
    assert told(frame)["repaired"] == sum(repairs.values())
    wrong = [REPORTS["clicks"].names.index(name) for name in changes]
    for position, (row, whole) in enumerate(zip(cells(frame), expected("clicks", good), strict=True)):
        for at, (value, right) in enumerate(zip(row, whole, strict=True)):
            assert value == (None if position == 1 and at in wrong else right)
    assert_shape(frame, REPORTS["clicks"].columns)


@pytest.mark.usefixtures("session")
def test_one_warning_names_all_fields_of_many_ids(service: Service) -> None:
    for ident in ("1", "2", "3"):
        service.rows(f"/v2/contacts/{ident}/tracking/clicks", [click(ident, date="x", link_id=None)] * 2)
    with pytest.warns(cctrack.RepairWarning) as warned:
        frame = cctrack.clicks_df(["1", "2", "3"])
    assert len(warned) == 1
    for word in ("clicks_df", "click_date", "link_id"):
        assert word in str(warned[0].message)
    assert told(frame)["repaired"] == 12
    with pytest.warns(cctrack.RepairWarning):
        again = cctrack.clicks_df(["1", "2", "3"])  # the same from disk
    assert (told(again)["repaired"], told(again)["calls"]) == (12, 0)


COUNTS = [(0, 0), (7, 7), ("7", 7), (7.0, 7), (2**53 + 1, 2**53 + 1), (-1, -1)]
NO_COUNTS = [None, "x", "", 1.5, True, [], {}, "1.5", 2**64, ABSENT]


@pytest.mark.usefixtures("session")
def test_counts_are_whole_or_na(service: Service) -> None:
    values = [*(value for value, _ in COUNTS), *NO_COUNTS]
    for ident, value in enumerate(values):
        service.json(f"/v2/contacts/{ident}/tracking/reports/summary", contact_summary(str(ident), opens=value))
    with pytest.warns(cctrack.RepairWarning, match=r"summary_df.*opens \(10\)"):
        frame = cctrack.summary_df(range(len(values)))
    found = [plain(value) for value in frame["opens"].astype(object)]
    assert found == [*(right for _, right in COUNTS), *[None] * len(NO_COUNTS)]
    assert_shape(frame, REPORTS["summary"].columns)
    assert told(frame)["repaired"] == len(NO_COUNTS)


@pytest.mark.usefixtures("session")
def test_what_the_service_may_leave_out_is_no_repair(service: Service) -> None:
    bare = {"id": 36}
    service.rows("/v2/contacts", [bare, contact("37", email_addresses=[], created_date="", status=ABSENT)])
    service.json("/v2/lists", [{"id": 1, "name": "x"}, contact_list("2", modified_date="")])
    service.json(f"{CAMPAIGN}/tracking/reports/summary", campaign_summary(spam_count=ABSENT))
    frame = cctrack.contacts_df()
    assert frame["contact_id"].tolist() == ["36", "37"]
    assert frame.iloc[0].isna().sum() == len(frame.columns) - 1
    assert frame["email_address"].isna().all()
    assert frame["created_date"].isna().all()
    assert told(frame)["repaired"] == 0
    assert set(told(frame)["missing_columns"]) == {"email_address", "created_date", "status"}
    assert cctrack.lists_df()["modified_date"].isna().all()
    summary = cctrack.campaign_summary_df(OLDER)
    assert summary["spam_count"].isna().all()
    assert str(summary["spam_count"].dtype) == "Int64"
    assert told(summary)["missing_columns"] == ["spam_count"]


@pytest.mark.usefixtures("session")
def test_columns_of_other_types_are_na_and_no_repair(service: Service) -> None:
    service.rows("/v2/contacts/36/tracking", [click(), send(), bounce(bounce_message=ABSENT)])
    frame = cctrack.activities_df("36")
    assert frame["link_id"].notna().tolist() == [True, False, False]
    assert frame["bounce_code"].notna().tolist() == [False, False, True]
    assert frame["activity_date"].notna().all()
    provenance = told(frame)
    assert provenance["repaired"] == 0
    assert provenance["missing_columns"] == ["bounce_message"]


@pytest.mark.parametrize(
    ("name", "path", "body"),
    [
        ("clicks", CLICKS, []),
        ("clicks", CLICKS, {"meta": {"pagination": {}}}),
        ("clicks", CLICKS, {"meta": {"pagination": {}}, "results": {}}),
        ("clicks", CLICKS, {"meta": {"pagination": {}}, "results": [click(), None]}),
        ("clicks", CLICKS, {"meta": {"pagination": {}}, "results": [click(), ["a"]]}),
        ("activities", "/v2/contacts/36/tracking", {"meta": {"pagination": {}}, "results": ["a"]}),
        ("contacts", "/v2/contacts", {"meta": {"pagination": {}}, "results": [7]}),
        ("lists", "/v2/lists", {"results": []}),
        ("lists", "/v2/lists", [None]),
        ("summary", "/v2/contacts/36/tracking/reports/summary", []),
        ("summary_by_campaign", "/v2/contacts/36/tracking/reports/summaryByCampaign", {}),
        ("summary_by_campaign", "/v2/contacts/36/tracking/reports/summaryByCampaign", ["x"]),
        ("links", CAMPAIGN, campaign_detail(OLDER, click_through_details={})),
        ("links", CAMPAIGN, campaign_detail(OLDER, click_through_details=[link(), 5])),
    ],
    ids=str,
)
def test_what_is_no_report_raises(
    service: Service, tmp_cache: Path, clock: Clock, name: str, path: str, body: Any
) -> None:
    service.json(path, body)
    ids = {"contact_id": "36", "campaign_id": OLDER}
    with session_on(service, tmp_cache, clock) as session:
        for _ in range(2):  # nothing of it was kept
            service.reset()
            with pytest.raises(cctrack.ResponseError):
                call(name, *(ids[key] for key in REPORTS[name].keys), session=session)
            assert service.hits() > 0


# --- many ids ------------------------------------------------------------------------------------


def many(service: Service, count: int) -> list[str]:
    """Load contacts of whom each has as many opens as its number's last digit."""
    ids = [str(1000 + number) for number in range(count)]
    for ident in ids:
        newest = datetime(2026, 3, 2, tzinfo=UTC)
        rows = [open_(ident, date=(newest - timedelta(minutes=minute)).isoformat()) for minute in range(int(ident[-1]))]
        service.rows(f"/v2/contacts/{ident}/tracking/opens", rows, page_size=3)
    return ids


@pytest.mark.usefixtures("session")
def test_many_ids_keep_their_order(service: Service) -> None:
    ids = many(service, 60)[::-1]
    frame = cctrack.opens_df(iter(ids))
    assert frame["contact_id"].tolist() == [ident for ident in ids for _ in range(int(ident[-1]))]
    for _, part in frame.groupby("contact_id"):
        assert part["open_date"].is_monotonic_decreasing
    provenance = told(frame)
    assert provenance["ids"]["n"] == 60
    assert provenance["ids"]["first"] == ids[:10]
    assert provenance["calls"] == service.hits()


@pytest.mark.parametrize("at", [0, 7, 23])
@pytest.mark.usefixtures("session")
def test_a_failing_id_raises_and_the_finished_ones_are_kept(service: Service, at: int) -> None:
    ids = many(service, 24)
    service.before = lambda request: Answer.error(400) if f"/{ids[at]}/" in request.path else None
    with pytest.raises(cctrack.CctrackError) as failed:
        cctrack.opens_df(ids)
    assert failed.value.status == 400
    service.before = None
    service.reset()
    frame = cctrack.opens_df(ids)
    assert list(dict.fromkeys(frame["contact_id"])) == [ident for ident in ids if ident[-1] != "0"]
    asked = {request.path.split("/")[3] for request in service.asked()}
    assert asked.isdisjoint(ids[:at])
    assert ids[at] in asked
    if at == len(ids) - 1:
        assert asked == {ids[at]}


@pytest.mark.usefixtures("session")
def test_a_day_used_up_keeps_the_finished_ones(service: Service, tmp_cache: Path) -> None:
    ids = [ident for ident in many(service, 30) if int(ident[-1]) in (1, 2, 3)]
    with session_on(service, tmp_cache / "small", daily_quota=5) as small:
        with pytest.raises(cctrack.RateLimitError) as used_up:
            cctrack.opens_df(ids, session=small)
        assert used_up.value.daily is True
        assert service.hits() == 5
    service.reset()
    with session_on(service, tmp_cache / "small") as larger:
        frame = cctrack.opens_df(ids, session=larger)
    assert len(frame) == sum(int(ident[-1]) for ident in ids)
    assert service.hits() == len(ids) - 5


@pytest.mark.parametrize("progress", [None, True, False])
@pytest.mark.usefixtures("session")
def test_progress_changes_nothing(
    service: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], progress: bool | None
) -> None:
    ids = many(service, 8)
    monkeypatch.setenv("CCTRACK_PROGRESS", "0")
    frame = cctrack.opens_df(ids, progress=progress)
    assert len(frame) == sum(int(ident[-1]) for ident in ids)
    assert capsys.readouterr() == ("", "")


# --- asked before anything is known --------------------------------------------------------------


@pytest.mark.parametrize("name", OFFERED)
def test_without_a_session_each_report_says_what_is_missing(name: str) -> None:
    with pytest.raises(cctrack.ConfigError) as missing:
        ask(name)
    for word in ("CCTRACK_API_KEY", "CCTRACK_ACCESS_TOKEN", "cctrack.demo()"):
        assert word in str(missing.value)


@pytest.mark.usefixtures("acc")
def test_what_a_caller_does_to_a_frame_stays_there() -> None:
    first = cctrack.clicks_df("36")
    first.attrs["cctrack"]["report"] = "mine"
    first.attrs["cctrack"]["ids"]["first"].append("x")
    first.loc[:, "link_uri"] = "x"
    second = cctrack.clicks_df("36")
    assert told(second)["report"] == "clicks"
    assert told(second)["ids"]["first"] == ["36"]
    assert "x" not in set(second["link_uri"])
