"""The demo server over a real socket: every report, both cursors, each oddity, and every refusal."""

import base64
import http.client
import json
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest

from cctrack.demo_account.account import KINDS, NOW, Account, Quirks, generate
from cctrack.demo_account.server import DemoServer
from cctrack.demo_account.wire import Gate

BASE = {"activity_type": str, "campaign_id": str, "contact_id": str, "email_address": str}
EXTRA: dict[str, dict[str, type]] = {
    "sends": {"send_date": str},
    "opens": {"open_date": str},
    "clicks": {"link_id": str, "link_uri": str, "click_date": str},
    "forwards": {"forward_date": str},
    "bounces": {"bounce_code": str, "bounce_description": str, "bounce_message": str, "bounce_date": str},
    "unsubscribes": {"unsubscribe_source": str, "unsubscribe_reason": str, "unsubscribe_date": str},
}
DATE = {kind: f"{kind[:-1] if kind != 'bounces' else 'bounce'}_date" for kind in KINDS}
COUNTS = ("sends", "opens", "clicks", "forwards", "unsubscribes", "bounces")


class Client:
    """One keep-alive connection with valid credentials."""

    def __init__(self, server: DemoServer) -> None:
        self._connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)

    def raw(
        self,
        path: str,
        headers: dict[str, str] | None = None,
        method: str = "GET",
        key: str | None = "k",
        **query: Any,
    ) -> Any:
        if key is not None:
            query["api_key"] = key
        glue = "&" if "?" in path else "?"
        self._connection.request(
            method, path + glue + urlencode(query), headers=headers or {"Authorization": "Bearer t"}
        )
        response = self._connection.getresponse()
        body = response.read()
        return response, json.loads(body)

    def get(self, path: str, **query: Any) -> Any:
        response, body = self.raw(path, **query)
        assert response.status == 200, body
        return body

    def walk(self, path: str, most: int = 3000, **query: Any) -> list[dict[str, Any]]:
        body = self.get(path, **query)
        rows = list(body["results"])
        for _ in range(most):
            if "next_link" not in body["meta"]["pagination"]:
                return rows
            body = self.get(body["meta"]["pagination"]["next_link"])
            rows += body["results"]
        raise AssertionError("the walk does not end")

    def close(self) -> None:
        self._connection.close()


@contextmanager
def serving(account: Account, quirks: Quirks | None = None, **options: Any) -> Iterator[Client]:
    with DemoServer(account, quirks, **options) as server:
        client = Client(server)
        try:
            yield client
        finally:
            client.close()


@pytest.fixture(scope="module")
def account() -> Account:
    return generate(600, campaigns=26)


@pytest.fixture(scope="module")
def client(account: Account) -> Iterator[Client]:
    with serving(account) as client:
        yield client


def campaign_path(account: Account, rest: str = "", campaign: str | None = None) -> str:
    return f"/v2/emailmarketing/campaigns/{campaign or account.featured_campaign}{rest}"


def keys_of(rows: list[dict[str, Any]]) -> list[str]:
    return [json.dumps(row, sort_keys=True) for row in rows]


# shapes


@pytest.mark.parametrize("level", ["contact", "campaign"])
@pytest.mark.parametrize("kind", KINDS)
def test_event_reports_have_exactly_the_documented_fields(
    account: Account, client: Client, level: str, kind: str
) -> None:
    events = account.events(kind)
    if level == "contact":
        owner = account.contacts.ids[int(events.contact[0])]
        path = f"/v2/contacts/{owner}/tracking/{kind}"
    else:
        owner = account.campaigns.ids[int(events.campaign[0])]
        path = campaign_path(account, f"/tracking/{kind}", owner)
    body = client.get(path)
    assert set(body) == {"meta", "results"}
    assert body["meta"] == {"pagination": {}} or set(body["meta"]["pagination"]) == {"next_link"}
    fields = {**BASE, **EXTRA[kind]}
    for row in body["results"]:
        assert {name: type(value) for name, value in row.items()} == fields
        assert row["activity_type"] == f"EMAIL_{DATE[kind].removesuffix('_date').upper()}"
        assert row[f"{level}_id"] == owner
        assert len(row[DATE[kind]]) == 24
        assert row[DATE[kind]].endswith("Z")
    dates = [row[DATE[kind]] for row in body["results"]]
    assert dates == sorted(dates, reverse=(level, kind) != ("campaign", "bounces"))


@pytest.mark.parametrize("slash", ["", "/"])
def test_all_activities_of_a_contact_mix_the_types_newest_first(account: Account, client: Client, slash: str) -> None:
    rows = client.walk(f"/v2/contacts/36/tracking{slash}", limit=7)
    assert {row["activity_type"] for row in rows} >= {"EMAIL_SEND", "EMAIL_OPEN", "EMAIL_CLICK"}
    dates = [next(value for name, value in row.items() if name.endswith("_date")) for row in rows]
    assert dates == sorted(dates, reverse=True)
    at = account.contact_at["36"]
    assert len(rows) == sum(int((account.events(kind).contact == at).sum()) for kind in KINDS)
    single = [row for kind in KINDS for row in client.walk(f"/v2/contacts/36/tracking/{kind}")]
    assert sorted(keys_of(single)) == sorted(keys_of(rows))


def test_all_activities_of_a_campaign(account: Account, client: Client) -> None:
    rows = client.walk(campaign_path(account, "/tracking"))
    single = [row for kind in KINDS for row in client.walk(campaign_path(account, f"/tracking/{kind}"))]
    assert sorted(keys_of(single)) == sorted(keys_of(rows))


def test_clicks_of_one_link(account: Account, client: Client) -> None:
    clicks = client.walk(campaign_path(account, "/tracking/clicks"))
    link = clicks[0]["link_id"]
    assert client.walk(campaign_path(account, f"/tracking/clicks/{link}")) == [
        r for r in clicks if r["link_id"] == link
    ]
    mine = client.walk("/v2/contacts/36/tracking/clicks")
    one = client.walk(f"/v2/contacts/36/tracking/clicks/{mine[0]['link_id']}")
    assert one == [row for row in mine if row["link_id"] == mine[0]["link_id"]]
    quiet = account.links.ids[account.campaigns.links(account.campaign_at[account.featured_campaign])[-1]]
    assert client.get(campaign_path(account, f"/tracking/clicks/{quiet}"))["results"] == []
    assert client.raw(campaign_path(account, "/tracking/clicks/123"))[0].status == 404


def test_contact_summary_counts_activities(client: Client) -> None:
    summary = client.get("/v2/contacts/36/tracking/reports/summary")
    assert set(summary) == {*COUNTS, "contact_id"}
    assert summary["contact_id"] == "36"
    for kind in KINDS:
        assert summary[kind] == len(client.walk(f"/v2/contacts/36/tracking/{kind}"))


def test_by_campaign_is_a_bare_array_of_distinct_links(client: Client) -> None:
    rows = client.get("/v2/contacts/36/tracking/reports/summaryByCampaign")
    clicks = client.walk("/v2/contacts/36/tracking/clicks")
    assert len(rows) == len(client.walk("/v2/contacts/36/tracking/sends"))
    for row in rows:
        assert set(row) == {"campaign_id", "contact_id", "opens", "clicks", "forwards", "bounces"}
        mine = {c["link_id"] for c in clicks if c["campaign_id"] == row["campaign_id"]}
        assert row["clicks"] == len(mine)


def test_campaign_summary_counts_recipients(account: Account, client: Client) -> None:
    summary = client.get(campaign_path(account, "/tracking/reports/summary"), updateSummary="true")
    assert set(summary) == {*COUNTS, "spam_count"}
    for kind in KINDS:
        rows = client.walk(campaign_path(account, f"/tracking/{kind}"))
        assert summary[kind] == len({row["contact_id"] for row in rows})
    detail = client.get(campaign_path(account))
    assert detail["tracking_summary"] == summary
    clicks = client.walk(campaign_path(account, "/tracking/clicks"))
    for link in detail["click_through_details"]:
        assert set(link) == {"url", "url_uid", "click_count"}
        assert link["click_count"] == sum(row["link_id"] == link["url_uid"] for row in clicks)


def test_drafts_have_zeros_and_no_send_fields(account: Account, client: Client) -> None:
    draft = account.campaigns.ids[account.campaigns.status.index("DRAFT")]
    assert set(client.get(campaign_path(account, "/tracking/reports/summary", draft)).values()) == {0}
    assert client.get(campaign_path(account, "/tracking/sends", draft)) == {
        "meta": {"pagination": {}},
        "results": [],
    }
    detail = client.get(campaign_path(account, "", draft))
    assert not {"sent_to_contact_lists", "click_through_details", "last_run_date", "permalink_url"} & set(detail)


def test_a_contact_without_activity(account: Account, client: Client) -> None:
    quiet = account.contacts.ids[int(np.setdiff1d(np.arange(600), account.sends.contact)[0])]
    assert client.get(f"/v2/contacts/{quiet}/tracking") == {"meta": {"pagination": {}}, "results": []}
    assert client.get(f"/v2/contacts/{quiet}/tracking/reports/summaryByCampaign") == []


# contacts, lists, campaigns


def test_contacts_and_their_cursor_which_is_an_id(account: Account, client: Client) -> None:
    first = client.get("/v2/contacts", limit=10, status="ACTIVE")
    token = first["meta"]["pagination"]["next_link"].partition("next=")[2]
    fields = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
    active = [
        id_ for id_, status in zip(account.contacts.ids, account.contacts.status, strict=True) if status == "ACTIVE"
    ]
    assert fields == f"startAt={active[10]}&limit=10&status=ACTIVE"
    assert [row["id"] for row in client.walk("/v2/contacts", limit=10, status="ACTIVE")] == active
    assert [row["id"] for row in client.walk("/v2/contacts")] == list(account.contacts.ids)
    assert len(client.get("/v2/contacts")["results"]) == 50
    row = first["results"][0]
    assert client.get(f"/v2/contacts/{row['id']}") == row
    assert "contact_id" not in row
    assert client.get("/v2/contacts", limit=1, include_contact_id="true")["results"][0]["contact_id"]
    recent = client.walk("/v2/contacts", modified_since="2026-01-01T00:00:00.000Z")
    assert 0 < len(recent) < 600
    assert all(row["modified_date"] >= "2026-01-01" for row in recent)


def test_contact_by_address(account: Account, client: Client) -> None:
    email = account.contacts.email[40]
    assert [row["id"] for row in client.get("/v2/contacts", email=email)["results"]] == ["41"]
    assert client.get("/v2/contacts", email="nobody@example.com")["results"] == []


def test_opted_out_contacts_say_so(account: Account, client: Client) -> None:
    gone = client.walk("/v2/contacts", status="OPTOUT")
    assert {row["id"] for row in gone} == {account.contacts.ids[k] for k in account.unsubscribes.contact}
    assert all(row["email_addresses"][0]["opt_out_date"] > "2025" for row in gone)
    assert all(row["lists"] == [] for row in gone)


def test_lists_and_members(client: Client) -> None:
    lists = client.get("/v2/lists")
    assert isinstance(lists, list)
    for item in lists:
        assert set(item) == {"id", "name", "status", "contact_count", "created_date", "modified_date"}
        assert client.get(f"/v2/lists/{item['id']}") == item
        assert len(client.walk(f"/v2/lists/{item['id']}/contacts", limit=100)) == item["contact_count"]
    assert [item["id"] for item in client.get("/v2/contacts/36/lists")] == ["1", "2", "3", "4", "5"]
    assert client.get("/v2/lists", modified_since="2030-01-01") == []


def test_campaign_collection_goes_by_pages(account: Account, client: Client) -> None:
    body = client.get("/v2/emailmarketing/campaigns", limit=3)
    token = body["meta"]["pagination"]["next_link"].partition("next=")[2]
    assert token == "cGFnZU51bT0yJnBhZ2VTaXplPTM"
    rows = client.walk("/v2/emailmarketing/campaigns", limit=3)
    assert all(set(row) == {"id", "name", "status", "modified_date"} for row in rows)
    assert len({row["id"] for row in rows}) == len(rows)
    assert {row["status"] for row in rows} == {"DRAFT", "SENT", "SCHEDULED"}
    sent = client.walk("/v2/emailmarketing/campaigns", status="SENT", limit=5)
    runs = [client.get(campaign_path(account, "", row["id"]))["last_run_date"] for row in sent]
    assert len(runs) == 28
    assert runs == sorted(runs, reverse=True)
    gone = client.get("/v2/emailmarketing/campaigns", status="DELETED")["results"]
    assert gone
    assert client.raw(campaign_path(account, "", gone[0]["id"]))[0].status == 404


# paging


@pytest.mark.parametrize("cursor", ["offset", "timestamp"])
@pytest.mark.parametrize("kind", ["sends", "clicks", "bounces", ""])
def test_walks_give_every_row_exactly_once(account: Account, cursor: Any, kind: str) -> None:
    with serving(account, Quirks(cursor=cursor)) as client:
        path = campaign_path(account, f"/tracking/{kind}".rstrip("/"))
        whole = client.walk(path)
        for limit in (1, 7, 100) if kind == "bounces" else (13, 100):
            assert client.walk(path, limit=limit) == whole


def test_tokens_have_the_two_known_forms(account: Account, client: Client) -> None:
    path = campaign_path(account, "/tracking/sends")
    link = client.get(path, limit=2)["meta"]["pagination"]["next_link"]
    assert link == f"{path}?next=c3RhcnRBdD0zJmxpbWl0PTI"
    with serving(account, Quirks(cursor="timestamp")) as other:
        body = other.get(path, limit=3)
        token = body["meta"]["pagination"]["next_link"].partition("next=")[2]
        fields = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()
        last = np.datetime64(body["results"][-1]["send_date"][:-1]).astype("datetime64[ms]").astype(int)
        assert fields == f"limit=3&next={last}"


def test_created_since_is_inclusive_and_outlives_the_first_page(account: Account, client: Client) -> None:
    path = campaign_path(account, "/tracking/opens")
    rows = client.walk(path)
    bound = rows[len(rows) // 2]["open_date"]
    expected = [row for row in rows if row["open_date"] >= bound]
    assert client.walk(path, created_since=bound) == expected
    assert client.walk(path, created_since=bound, limit=9) == expected
    offset = bound[:-1] + "+00:00"
    assert client.walk(path, created_since=offset, limit=50) == expected
    assert client.walk(path, created_since="2020-01-01") == rows
    with serving(account, Quirks(created_since_lost=True)) as forgetful:
        assert forgetful.walk(path, created_since=bound, limit=9) == rows


# oddities


def test_inclusive_and_exclusive_time_cursors(account: Account) -> None:
    path = campaign_path(account, "/tracking/sends")
    with serving(account, Quirks(cursor="timestamp", cursor_inclusive=True)) as client:
        whole, repeated = client.walk(path, limit=500), client.walk(path, limit=20)
        assert len(repeated) > len(whole) - 1
        assert set(keys_of(repeated)) == set(keys_of(whole))
    tied = generate(12_000, campaigns=1)  # enough mails in a quarter of an hour to share their instants
    path = campaign_path(tied, "/tracking/sends")
    with serving(tied, Quirks(cursor="timestamp", cursor_inclusive=False)) as client:
        assert len(client.walk(path)) < len(tied.sends) - 1
    with serving(tied, Quirks(cursor="timestamp")) as client:
        rows = client.walk(path)
        mine = (tied.sends.campaign == tied.campaign_at[tied.featured_campaign]).sum()
        assert len(rows) == mine == len(set(keys_of(rows)))


def test_page_overlap(account: Account, client: Client) -> None:
    path = campaign_path(account, "/tracking/opens")
    with serving(account, Quirks(page_overlap=True)) as rough:
        first = rough.get(path, limit=10)
        second = rough.get(first["meta"]["pagination"]["next_link"])
        assert first["results"][-1] == second["results"][0]
        assert set(keys_of(rough.walk(path, limit=10))) == set(keys_of(client.walk(path)))


def test_duplicates_are_identical_and_on_every_route(account: Account, client: Client) -> None:
    path = campaign_path(account, "/tracking/sends")
    with serving(account, Quirks(duplicates=True)) as rough:
        rows, clean = rough.walk(path), client.walk(path)
        assert len(rows) > len(clean)
        assert set(keys_of(rows)) == set(keys_of(clean))
        assert rough.get(campaign_path(account, "/tracking/reports/summary"))["sends"] == len(clean)


def test_small_differences_of_campaign_rows(account: Account) -> None:
    with serving(account, Quirks(campaign_link_uri=False, campaign_id_as_int=True)) as client:
        for row in client.get(campaign_path(account, "/tracking/clicks"))["results"]:
            assert "link_uri" not in row
            assert row["campaign_id"] == int(account.featured_campaign)
        row = client.get("/v2/contacts/36/tracking/clicks")["results"][0]
        assert row["link_uri"]
        assert isinstance(row["campaign_id"], str)


def test_unknown_bounce_code(account: Account) -> None:
    with serving(account, Quirks(unknown_bounce_code="N")) as client:
        codes = {
            row["bounce_code"]
            for id_ in account.campaigns.ids[:26]
            for row in client.walk(campaign_path(account, "/tracking/bounces", id_))
        }
    assert "N" in codes


@pytest.mark.parametrize("by", ["send", "event"])
def test_retention_hides_rows_but_not_counts(account: Account, by: Any) -> None:
    old = account.campaigns.ids[0]
    with serving(account, Quirks(retention_days=180, retention_by=by)) as client:
        assert client.get(campaign_path(account, "/tracking/sends", old))["results"] == []
        assert client.get(campaign_path(account, "/tracking/reports/summary", old))["sends"] > 400
        orphans = client.walk(campaign_path(account, "/tracking/opens", old))
        assert bool(orphans) == (by == "event")
        assert client.walk(campaign_path(account, "/tracking/sends"))


def test_stale_summary_until_asked_to_recount(account: Account) -> None:
    path = campaign_path(account, "/tracking/reports/summary")
    with serving(account, Quirks(stale_summary=True)) as client:
        before = client.get(path)
        fresh = client.get(path, updateSummary="true")
        assert before["opens"] < fresh["opens"]
        assert client.get(path) == fresh


def test_clock_skew_shifts_contact_rows_twice(account: Account, client: Client) -> None:
    skew = Quirks(clock_skew_hours={"opens": -5.0})
    with serving(account, skew) as rough:
        for path, hours in (
            (campaign_path(account, "/tracking/opens"), 5),
            ("/v2/contacts/36/tracking/opens", 10),
        ):
            true, shown = client.walk(path), rough.walk(path)
            gaps = {
                np.datetime64(a["open_date"][:-1]) - np.datetime64(b["open_date"][:-1])
                for a, b in zip(true, shown, strict=True)
            }
            assert gaps == {np.timedelta64(hours, "h")}
        path = campaign_path(account, "/tracking/sends")
        assert rough.walk(path) == client.walk(path)


def test_opt_out_sentinel_and_extra_row(account: Account) -> None:
    quirks = Quirks(opt_out_sentinel="1969-12-31T19:00:00.000Z", extra_row=True)
    with serving(account, quirks) as client:
        assert client.get("/v2/contacts/36")["email_addresses"][0]["opt_out_date"].startswith("1969")
        assert len(client.get("/v2/contacts", limit=20)["results"]) == 21
        assert [row["id"] for row in client.walk("/v2/contacts", limit=20)] == list(account.contacts.ids)
        path = campaign_path(account, "/tracking/sends")
        assert client.walk(path, limit=20) == client.walk(path)


@pytest.mark.parametrize("cursor", ["offset", "timestamp"])
def test_rough_walks_end_and_miss_nothing(account: Account, client: Client, cursor: Any) -> None:
    quirks = replace(Quirks.rough(), cursor=cursor)
    with serving(account, quirks) as rough:
        for kind in KINDS:
            path = f"/v2/contacts/36/tracking/{kind}"
            pick = [(row["campaign_id"], row.get("link_id")) for row in rough.walk(path, limit=3)]
            young = {account.campaigns.ids[k] for k in range(1, len(account.campaigns))}
            clean = {
                (row["campaign_id"], row.get("link_id")) for row in client.walk(path) if row["campaign_id"] in young
            }
            assert clean <= set(pick)


def test_throttle_and_daily_quota(account: Account) -> None:
    with serving(account, Quirks(throttle=1)) as client:
        answers = [client.raw("/v2/lists") for _ in range(8)]
        refused = [body for response, body in answers if response.status == 403]
        assert refused
        assert refused[0][0]["error_key"] == "mashery.not.authorized.over.qps"
    with serving(account, Quirks(daily_quota=3)) as client:
        answers = [client.raw("/v2/lists") for _ in range(5)]
        assert [response.status for response, _ in answers] == [200, 200, 200, 403, 403]
        assert answers[-1][1][0]["error_key"] == "mashery.not.authorized.over.ratelimit"


def test_the_gate_opens_again_after_a_second() -> None:
    now = [0.0]
    gate = Gate(2, None, clock=lambda: now[0])
    assert [gate.refuse() for _ in range(3)] == [None, None, "qps"]
    now[0] = 1.0
    assert gate.refuse() is None


def test_latency(account: Account) -> None:
    with serving(account, Quirks(latency=0.05)) as client:
        started = time.perf_counter()
        client.get("/v2/lists")
        assert time.perf_counter() - started >= 0.05


@pytest.mark.parametrize("wrong", [{"cursor": "page"}, {"clock_skew_hours": {"open": 1}}, {"retention_by": "x"}])
def test_misspelled_quirks_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Quirks(**wrong)


# refusals


def refused(answer: Any, status: int) -> str:
    response, body = answer
    assert response.status == status
    assert response.getheader("Content-Type") == "application/json;charset=UTF-8"
    assert isinstance(body, list)
    assert set(body[0]) == {"error_key", "error_message"}
    return str(body[0]["error_key"])


def test_keys_and_tokens(account: Account) -> None:
    with serving(account, api_key="right", access_token="secret") as client:
        good = {"Authorization": "Bearer secret"}
        assert client.raw("/v2/lists", good, key="right")[0].status == 200
        for key in (None, "", "wrong"):
            assert refused(client.raw("/v2/lists", good, key=key), 403) == "mashery.not.authorized.inactive"
        for token in ("", "Bearer", "Bearer wrong", "Basic secret"):
            refused(client.raw("/v2/lists", {"Authorization": token}, key="right"), 401)
        refused(client.raw("/v2/lists", {"Accept": "*/*"}, key="right"), 401)


def test_wrong_accept_and_method(client: Client) -> None:
    token = {"Authorization": "Bearer t"}
    refused(client.raw("/v2/lists", {**token, "Accept": "text/html"}), 406)
    assert client.raw("/v2/lists", {**token, "Accept": "application/json"})[0].status == 200
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        refused(client.raw("/v2/lists", method=method), 405)


@pytest.mark.parametrize(
    "path",
    [
        "/v2/contacts/999999/tracking/clicks", "/v2/contacts/036", "/v2/contacts/x/tracking/reports/summary",
        "/v2/contacts/999999/tracking/reports/summaryByCampaign",
        "/v2/emailmarketing/campaigns/1/tracking/opens",
        "/v2/emailmarketing/campaigns/1", "/v2/emailmarketing/campaigns/1/tracking/reports/summary",
        "/v2/lists/99", "/v2/lists/99/contacts", "/v2/nothing", "/v1/contacts", "/",
        "/v2/contacts/36/tracking/sweeps",
    ],
)  # fmt: skip
def test_unknown_things_are_404(client: Client, path: str) -> None:
    refused(client.raw(path), 404)


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "0"}, {"limit": "501"}, {"limit": "-1"}, {"limit": "ten"}, {"limit": "1.5"}, {"limit": ""},
        {"created_since": "yesterday"}, {"created_since": "2026-13-01"}, {"created_since": "20260101"},
        {"created_since": "2026-01-01T10:00:00 00:00"}, {"next": "%%"}, {"next": "abc"}, {"next": ""},
        {"next": "c3RhcnRBdD0zJmxpbWl0PTI", "limit": "2"},
        {"next": base64.urlsafe_b64encode(b"startAt=1&limit=999999").decode().rstrip("=")},
        {"next": base64.urlsafe_b64encode(b"startAt=-5&limit=10").decode().rstrip("=")},
    ],
)  # fmt: skip
def test_bad_parameters_are_400(client: Client, query: dict[str, str]) -> None:
    refused(client.raw("/v2/contacts/36/tracking/clicks", **query), 400)


def test_other_bad_parameters_are_400(account: Account, client: Client) -> None:
    refused(client.raw("/v2/emailmarketing/campaigns", limit=51), 400)
    refused(client.raw("/v2/emailmarketing/campaigns", status="LOST"), 400)
    refused(client.raw("/v2/contacts", status="LOST"), 400)
    refused(client.raw("/v2/contacts", modified_since="x"), 400)
    refused(client.raw(campaign_path(account, "/tracking/reports/summary"), updateSummary="maybe"), 400)


# the server itself


def test_the_date_header_is_the_accounts_clock(client: Client) -> None:
    response, _ = client.raw("/v2/lists")
    assert response.getheader("Date") == NOW.strftime("%a, %d %b %Y %H:%M:%S GMT")
    assert response.version == 11


def test_truth_and_secrets_stay_inside(account: Account) -> None:
    with DemoServer(account, api_key="key-1234", access_token="token-5678") as server:
        client = Client(server)
        headers = {"Authorization": "Bearer token-5678"}
        texts = []
        for path in (
            "/v2/contacts", "/v2/lists", "/v2/emailmarketing/campaigns", "/v2/contacts/36/tracking",
            campaign_path(account), campaign_path(account, "/tracking"),
            campaign_path(account, "/tracking/reports/summary"),
        ):  # fmt: skip
            texts.append(json.dumps(client.raw(path, headers, key="key-1234", access_token="token-5678")[1]))
        client.close()
        text = "".join(texts) + repr(server) + repr(list(server.log)) + repr(server.faces)
        for word in ("origin", "scanner", "mpp", "propensity", "weight", "key-1234", "token-5678", "api_key"):
            assert word not in text
        assert server.requests == 7
        assert server.log[0] == ("GET", "/v2/contacts")


def test_two_servers_give_the_same_bytes_and_stopping_frees_the_port(account: Account) -> None:
    path = "/v2/contacts/36/tracking"
    with serving(account) as one, serving(generate(600)) as two:
        assert json.dumps(one.get(path)) == json.dumps(two.get(path))
    server = DemoServer(account).start()
    client = Client(server)
    client.get("/v2/lists")
    server.stop()
    with pytest.raises((ConnectionError, http.client.HTTPException)):
        client.get("/v2/lists")
    client.close()
    again = DemoServer(account, port=int(server.url.rpartition(":")[2]))
    assert again.url == server.url
    again.stop()


def test_the_address_is_the_one_of_the_time(account: Account, client: Client) -> None:
    people = account.contacts
    moved = np.flatnonzero(people.email_changed)
    seen = {
        row["email_address"] for at in moved for row in client.walk(f"/v2/contacts/{people.ids[at]}/tracking/sends")
    }
    assert any(address.startswith("old.") for address in seen)
    assert any(not address.startswith("old.") for address in seen)


def test_report_what_a_full_page_costs(record_property: Any) -> None:
    account = generate()
    with serving(account) as client:
        path = campaign_path(account, "/tracking/sends")
        costs = []
        for _ in range(30):
            started = time.process_time()
            assert len(client.get(path)["results"]) == 500
            costs.append(time.process_time() - started)
    record_property("page_of_500_cpu_ms", round(statistics.median(costs) * 1000, 2))
