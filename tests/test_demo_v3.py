"""The demo server's v3 API over a real socket: every report against the truth, paging, oddities and refusals."""

import base64
import http.client
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cctrack
from cctrack.demo_account.account import BOUNCE_CODES, KINDS, REASONS, Account, Quirks, generate
from cctrack.demo_account.server import DemoServer
from cctrack.demo_account.wire import Answer, Call, as_json

ROOT = Path(__file__).resolve().parent.parent
TYPE = dict(zip(KINDS, ("em_sends", "em_opens", "em_clicks", "em_forwards", "em_bounces", "em_optouts"), strict=True))
DATE = {kind: f"{'bounce' if kind == 'bounces' else kind[:-1]}_date" for kind in KINDS}
SUFFIX = {"unsubscribes": "optouts"}
COMMON = {
    "contact_id", "campaign_activity_id", "tracking_activity_type", "email_address", "first_name", "last_name",
    "created_time",
}  # fmt: skip
EXTRA = {"clicks": {"url_id", "link_url"}, "bounces": {"bounce_code", "current_email_address"}}
OPTIONAL = {"opens": {"device_type"}, "clicks": {"device_type"}, "unsubscribes": {"opt_out_reason"}}
EVER = {"start": "2022-01-01T00:00:00-0500", "end": "2026-03-31T12:00:00.000Z"}
PRIMARY, RESEND = "Gift guide", "Giving week"


class Client:
    """One keep-alive connection with a valid token."""

    def __init__(self, server: DemoServer) -> None:
        self.server = server
        self._connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)

    def raw(self, path: str, headers: dict[str, str] | None = None, method: str = "GET") -> Any:
        self._connection.request(method, path, headers=headers or {"Authorization": "Bearer t"})
        response = self._connection.getresponse()
        return response, response.read()

    def get(self, path: str, **query: Any) -> Any:
        response, body = self.raw(f"/v3{path}" + (f"?{urlencode(query, doseq=True)}" if query else ""))
        assert response.status == 200, body
        assert response.getheader("Content-Type") == "application/json;charset=UTF-8"
        return json.loads(body)

    def walk(self, path: str, rows: str = "tracking_activities", **query: Any) -> list[dict[str, Any]]:
        found = []
        for page in self.pages(path, **query):
            found += page[rows]
        return found

    def pages(self, path: str, **query: Any) -> list[Any]:
        pages = [self.get(path, **query)]
        while (link := ((pages[-1].get("_links") or {}).get("next") or {}).get("href")) is not None:
            assert link.startswith(f"/v3{path}?")
            assert len(pages) < 3000
            pages.append(self.get(link.removeprefix("/v3")))
        return pages

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
    return generate(600)


@pytest.fixture(scope="module")
def client(account: Account) -> Iterator[Client]:
    with serving(account) as client:
        yield client


@pytest.fixture(scope="module")
def featured(account: Account) -> int:
    return account.campaign_at[account.featured_campaign]


def contact_id(account: Account, at: int) -> str:
    return account.uuid("contact", account.contacts.ids[at])


def activity_id(account: Account, at: int) -> str:
    return account.uuid("activity", account.campaigns.ids[at])


def campaign_id(account: Account, at: int) -> str:
    names = account.campaigns.name
    return account.uuid("campaign", account.campaigns.ids[names.index(PRIMARY) if names[at] == RESEND else at])


def email_report(account: Account, at: int, report: str) -> str:
    return f"/reports/email_reports/{activity_id(account, at)}/{report}"


def contact_report(account: Account, at: int, report: str) -> str:
    return f"/reports/contact_reports/{contact_id(account, at)}/{report}"


def milliseconds(text: str) -> int:
    assert text.endswith("Z")
    return int(np.datetime64(text[:-1], "ms").astype(int))


def mine(account: Account, kind: str, *, campaign: int | None = None, contact: int | None = None) -> np.ndarray:
    """Positions of the events of a campaign or of a contact."""
    events = account.events(kind)
    owners, owner = (events.campaign, campaign) if campaign is not None else (events.contact, contact)
    return np.flatnonzero(owners == owner)


# reports of an activity


@pytest.mark.parametrize("kind", KINDS)
def test_rows_of_an_activity_are_the_events_of_the_mailing(
    account: Account, client: Client, featured: int, kind: str
) -> None:
    at = featured if len(mine(account, kind, campaign=featured)) else int(account.events(kind).campaign[0])
    numbers, events = mine(account, kind, campaign=at), account.events(kind)
    rows = client.walk(email_report(account, at, f"tracking/{SUFFIX.get(kind, kind)}"), limit=37)
    times = [milliseconds(row["created_time"]) for row in rows]
    assert len(rows) > 0
    assert times == sorted(times, reverse=True)
    for row in rows:
        assert (
            COMMON | EXTRA.get(kind, set()) <= set(row) <= COMMON | EXTRA.get(kind, set()) | OPTIONAL.get(kind, set())
        )
        assert row["tracking_activity_type"] == TYPE[kind]
        assert row["campaign_activity_id"] == activity_id(account, at)
    people = events.contact[numbers].tolist()
    true = zip([contact_id(account, who) for who in people], events.time[numbers].tolist(), strict=True)
    assert Counter((row["contact_id"], time) for row, time in zip(rows, times, strict=True)) == Counter(true)
    assert Counter(row["email_address"] for row in rows) == Counter(account.address(who, at) for who in people)
    if kind == "clicks":
        urls = Counter(account.links.url[link] for link in events.link[numbers])
        assert Counter(row["link_url"] for row in rows) == urls
    if kind == "bounces":
        codes = Counter(BOUNCE_CODES[code] for code in events.code[numbers])
        assert Counter(row["bounce_code"] for row in rows) == codes
    if kind == "unsubscribes":
        reasons = Counter(REASONS[code] for code in events.reason[numbers])
        assert Counter(row.get("opt_out_reason", "") for row in rows) == reasons


@pytest.mark.parametrize("kind", KINDS)
def test_both_apis_list_the_same_events_of_a_campaign(account: Account, client: Client, kind: str) -> None:
    at = int(np.bincount(account.events(kind).campaign).argmax())
    path = f"/v2/emailmarketing/campaigns/{account.campaigns.ids[at]}/tracking/{kind}?api_key=k"
    old = json.loads(client.raw(path)[1])["results"]
    new = client.get(email_report(account, at, f"tracking/{SUFFIX.get(kind, kind)}"))["tracking_activities"]
    names = ("bounce_code", "email_address")
    true = Counter(
        (account.uuid("contact", row["contact_id"]), row[DATE[kind]], row.get("link_uri"), *map(row.get, names))
        for row in old
    )
    assert true
    assert true == Counter(
        (row["contact_id"], row["created_time"], row.get("link_url"), *map(row.get, names)) for row in new
    )


@pytest.mark.parametrize("kind", KINDS)
def test_both_apis_list_the_same_events_of_a_contact(account: Account, client: Client, kind: str) -> None:
    at = int(np.bincount(account.events(kind).contact).argmax())
    old = json.loads(client.raw(f"/v2/contacts/{account.contacts.ids[at]}/tracking/{kind}?api_key=k")[1])["results"]
    new = client.walk(contact_report(account, at, "activity_details"), tracking_activities_list=TYPE[kind])
    true = Counter((account.uuid("activity", row["campaign_id"]), row[DATE[kind]]) for row in old)
    assert true
    assert true == Counter((row["campaign_activity_id"], row["created_time"]) for row in new)


def test_unique_opens_are_the_latest_of_each_contact(account: Account, client: Client, featured: int) -> None:
    opens = client.walk(email_report(account, featured, "tracking/opens"))
    latest: dict[str, dict[str, Any]] = {}
    for row in reversed(opens):
        latest[row["contact_id"]] = row
    unique = client.walk(email_report(account, featured, "tracking/unique_opens"), limit=11)
    assert len(unique) == len(latest) < len(opens)
    assert all(row == latest[row["contact_id"]] for row in unique)


def test_who_did_not_open_stands_with_the_time_of_the_send(account: Account, client: Client, featured: int) -> None:
    sends = {row["contact_id"]: row for row in client.walk(email_report(account, featured, "tracking/sends"))}
    openers = {row["contact_id"] for row in client.walk(email_report(account, featured, "tracking/opens"))}
    rows = client.walk(email_report(account, featured, "tracking/didnotopens"), limit=50)
    assert {row["contact_id"] for row in rows} == set(sends) - openers
    for row in rows:
        assert row == {**sends[row["contact_id"]], "tracking_activity_type": "em_didnotopens"}


def test_clicks_of_a_link_and_the_links(account: Account, client: Client) -> None:
    at = next(k for k in range(26) if k % 2 == 0 and len(mine(account, "clicks", campaign=k)) > 20)
    clicks = client.walk(email_report(account, at, "tracking/clicks"))
    every = client.get(email_report(account, at, "links"), no_clicks="true")
    urls = [account.links.url[k] for k in account.campaigns.links(at)]
    assert len(urls) > len(set(urls))  # picture and button lead to one address
    assert [link["link_url"] for link in every["link_click_counts"]] == list(dict.fromkeys(urls))
    assert set(every) == {"campaign_activity_id", "link_click_counts"}
    for link in every["link_click_counts"]:
        assert set(link) == {"link_url", "url_id", "unique_clicks"}
        assert len(link["url_id"]) == 19
        assert int(link["url_id"]) > 2**53
        ours = [row for row in clicks if row["url_id"] == link["url_id"]]
        assert client.walk(email_report(account, at, "tracking/clicks"), url_id=link["url_id"], limit=3) == ours
        assert {row["link_url"] for row in ours} <= {link["link_url"]}
        assert link["unique_clicks"] == len({row["contact_id"] for row in ours})
    clicked = client.get(email_report(account, at, "links"))["link_click_counts"]
    assert clicked == [link for link in every["link_click_counts"] if link["unique_clicks"]]
    assert client.get(email_report(account, at, "tracking/clicks"), url_id="12")["tracking_activities"] == []


def test_bounces_of_some_codes(account: Account, client: Client) -> None:
    at = int(np.bincount(account.bounces.campaign).argmax())
    every = client.walk(email_report(account, at, "tracking/bounces"))
    codes = sorted({row["bounce_code"] for row in every})[:2]
    wanted = [row for row in every if row["bounce_code"] in codes]
    assert client.walk(email_report(account, at, "tracking/bounces"), bounce_code=codes, limit=1) == wanted
    assert 0 < len(wanted) < len(every)


def test_an_address_that_changed_stands_beside_the_one_of_the_time(account: Account, client: Client) -> None:
    people = {contact_id(account, at): email for at, email in enumerate(account.contacts.email)}
    rows = [row for at in range(26) for row in client.walk(email_report(account, at, "tracking/bounces"))]
    assert all(row["current_email_address"] == people[row["contact_id"]] for row in rows)
    sends = [row for at in range(26) for row in client.walk(email_report(account, at, "tracking/sends"))]
    moved = [row for row in sends if row["email_address"] != people[row["contact_id"]]]
    assert moved
    assert all(row["email_address"] == f"old.{people[row['contact_id']]}" for row in moved)


# reports of a contact


def test_details_of_a_contact_mix_the_types_newest_first(account: Account, client: Client) -> None:
    path, types = contact_report(account, 35, "activity_details"), ",".join(TYPE.values())
    rows = client.walk(path, tracking_activities_list=types, limit=7)
    times = [milliseconds(row["created_time"]) for row in rows]
    assert times == sorted(times, reverse=True)
    true = Counter(
        (TYPE[kind], activity_id(account, int(account.events(kind).campaign[n])), int(account.events(kind).time[n]))
        for kind in KINDS
        for n in mine(account, kind, contact=35)
    )
    assert true == Counter(
        (row["tracking_activity_type"], row["campaign_activity_id"], time)
        for row, time in zip(rows, times, strict=True)
    )
    assert {tuple(sorted(row)) for row in rows} == {
        ("campaign_activity_id", "campaign_activity_name", "contact_id", "created_time", "tracking_activity_type")
    }
    assert {row["campaign_activity_name"] for row in rows} <= set(account.campaigns.name)
    plain = client.walk(path, tracking_activities_list=types, include_campaign_activity_names="false", limit=50)
    assert plain == [{name: value for name, value in row.items() if "name" not in name} for row in rows]


def test_types_of_details_may_be_repeated(account: Account, client: Client) -> None:
    path = contact_report(account, 35, "activity_details")
    repeated = client.walk(path, tracking_activity_type=["em_opens", "em_clicks"], limit=9)
    assert repeated == client.walk(path, tracking_activities_list="em_clicks,em_opens")
    assert client.walk(path, tracking_activity_type="p_contact_open") == []
    for wrong in (
        {}, {"tracking_activities_list": ""}, {"tracking_activities_list": "em_abuse"},
        {"tracking_activity_type": "em_sends,em_opens"}, {"tracking_activities_type": "em_sends"},
        {"tracking_activities_list": "em_sends", "tracking_activity_type": "em_opens"},
        {"tracking_activities_list": "em_sends", "limit": 101}, {"tracking_activities_list": "em_sends", "limit": 0},
        {"tracking_activities_list": "em_sends", "include_campaign_activity_names": "maybe"},
    ):  # fmt: skip
        assert client.raw(f"/v3{path}?{urlencode(wrong)}")[0].status == 400, wrong


def test_summary_of_a_contact_counts_by_activity(account: Account, client: Client) -> None:
    path = contact_report(account, 35, "activity_summary")
    body = client.get(path, **EVER)
    assert set(body) == {"contact_id", "campaign_activities"}
    sends = account.sends
    assert [row["campaign_activity_id"] for row in body["campaign_activities"]] == [
        activity_id(account, int(sends.campaign[n])) for n in mine(account, "sends", contact=35)
    ]
    for row in body["campaign_activities"]:
        for kind in KINDS:
            name = "em_unsubscribes" if kind == "unsubscribes" else TYPE[kind]
            found = mine(account, kind, contact=35)
            ids = [activity_id(account, int(c)) for c in account.events(kind).campaign[found]]
            assert row[name] == ids.count(row["campaign_activity_id"])
    oldest = body["campaign_activities"][-1]["start_on"]
    some = client.get(path, start=EVER["start"], end=oldest)["campaign_activities"]
    assert [row["start_on"] for row in some] == [oldest]
    assert client.get(path, start="2020-01-01", end="2020-02-01")["campaign_activities"] == []


def test_summary_of_a_contact_comes_in_pages_of_200() -> None:
    account = generate(40, campaigns=560)
    with serving(account) as client:
        pages = client.pages(contact_report(account, 35, "activity_summary"), **EVER)
        sizes = [len(page["campaign_activities"]) for page in pages]
        assert sizes[:-1] == [200, 200]
        assert sum(sizes) == len(mine(account, "sends", contact=35))


def test_details_come_in_pages_of_at_most_100() -> None:
    account = generate(40, campaigns=180)
    with serving(account) as client:
        path = contact_report(account, 35, "activity_details")
        pages = client.pages(path, tracking_activities_list="em_sends")
        assert [len(page["tracking_activities"]) for page in pages[:-1]] == [100]
        assert sum(len(page["tracking_activities"]) for page in pages) == len(mine(account, "sends", contact=35))


def test_rates_of_a_contact_are_fractions(account: Account, client: Client) -> None:
    path = contact_report(account, 35, "open_and_click_rates")
    body = client.get(path, **EVER)
    rows = client.get(contact_report(account, 35, "activity_summary"), **EVER)["campaign_activities"]
    assert body == {
        "contact_id": contact_id(account, 35),
        "included_activities_count": len(rows),
        "average_open_rate": pytest.approx(np.mean([row["em_opens"] > 0 for row in rows])),
        "average_click_rate": pytest.approx(np.mean([row["em_clicks"] > 0 for row in rows])),
    }
    assert client.get(path, start="2019-01-01", end="2019-01-02")["average_open_rate"] == 0
    client.get(path, start="2021-03-31T12:00:00Z", end="2026-03-31T12:00:00Z")
    for query in ({"start": "2021-03-31T11:59:59Z", "end": EVER["end"]}, {"start": "2022-01-01"}, {}):
        assert client.raw(f"/v3{path}?{urlencode(query)}")[0].status == 400


@pytest.mark.parametrize("report", ["activity_summary", "open_and_click_rates"])
@pytest.mark.parametrize("wrong", [{"start": "x"}, {"end": ""}, {"start": "2026-04-01"}])
def test_ranges_must_make_sense(account: Account, client: Client, report: str, wrong: dict[str, str]) -> None:
    query = urlencode({**EVER, **wrong})
    assert client.raw(f"/v3{contact_report(account, 35, report)}?{query}")[0].status == 400


# resends


def test_a_second_mailing_is_a_resend_in_the_first_ones_campaign(account: Account, client: Client) -> None:
    first, second = (account.campaigns.name.index(name) for name in (PRIMARY, RESEND))
    body = client.get(f"/emails/{campaign_id(account, first)}")
    activities = {row["campaign_activity_id"]: row["role"] for row in body["campaign_activities"]}
    assert activities.pop(account.uuid("permalink", account.campaigns.ids[first])) == "permalink"
    assert activities == {activity_id(account, first): "primary_email", activity_id(account, second): "resend"}
    assert body["name"] == PRIMARY
    listed = client.walk("/emails", "campaigns", limit=500)
    assert RESEND not in {row["name"] for row in listed}
    resend = client.get(f"/emails/activities/{activity_id(account, second)}")
    assert (resend["campaign_id"], resend["role"]) == (campaign_id(account, first), "resend")
    assert resend["subject"] == account.campaigns.subject[second]
    assert len(client.walk(email_report(account, second, "tracking/sends"))) == len(
        mine(account, "sends", campaign=second)
    )
    stats = client.get(f"/reports/stats/email_campaigns/{campaign_id(account, first)}")["results"][0]["stats"]
    both = np.isin(account.sends.campaign, [first, second])
    assert stats["em_sends"] == len(np.unique(account.sends.contact[both]))
    assert stats["em_opens_all"] == np.isin(account.opens.campaign, [first, second]).sum()
    old = client.raw(f"/v2/emailmarketing/campaigns/{account.campaigns.ids[second]}?api_key=k")[1]
    assert json.loads(old)["name"] == RESEND


def test_reminders_of_larger_accounts_are_resends_too() -> None:
    account = generate(30, campaigns=60)
    reminders = [at for at, name in enumerate(account.campaigns.name) if name.startswith("Event reminder no.")]
    assert reminders
    with serving(account) as client:
        rows = client.walk("/emails", "campaigns", limit=7)
        sent = [row for row in rows if row["current_status"] == "Done"]
        assert len(sent) == account.campaigns.status.count("SENT") - len(reminders) - 1
        for at in reminders:
            detail = client.get(f"/emails/activities/{activity_id(account, at)}")
            body = client.get(f"/emails/{detail['campaign_id']}")
            assert detail["role"] == "resend"
            assert activity_id(account, at) in [row["campaign_activity_id"] for row in body["campaign_activities"]]


# figures


def test_figures_of_a_campaign_count_contacts(account: Account, client: Client, featured: int) -> None:
    body = client.get(f"/reports/stats/email_campaigns/{campaign_id(account, featured)}")
    assert (set(body), body["errors"]) == ({"errors", "results"}, [])
    (result,) = body["results"]
    stats, percents = result["stats"], result["percents"]
    assert set(result) == {"campaign_id", "stats", "percents", "last_refresh_time"}
    for kind in KINDS:
        found = mine(account, kind, campaign=featured)
        assert stats[TYPE[kind]] == len(np.unique(account.events(kind).contact[found]))
    for kind in ("opens", "clicks"):
        rows = client.walk(email_report(account, featured, f"tracking/{kind}"))
        assert stats[f"em_{kind}_all"] == len(rows)
        split = Counter(row.get("device_type", "none") for row in rows)
        for device in ("computer", "mobile", "tablet", "other", "none"):
            assert stats[f"em_{kind}_all_{device}"] == split[device]
    delivered = stats["em_sends"] - stats["em_bounces"]
    assert stats["em_not_opened"] == max(0, delivered - stats["em_opens"])
    assert percents["open"] == pytest.approx(100 * stats["em_opens"] / delivered, abs=0.01)
    assert percents["click"] == pytest.approx(100 * stats["em_clicks"] / stats["em_opens"], abs=0.01)
    assert percents["bounce"] == pytest.approx(100 * stats["em_bounces"] / stats["em_sends"], abs=0.01)
    assert set(percents) == {
        "open", "did_not_open", "click", "bounce", "unsubscribe", "desktop_open", "mobile_open", "desktop_click",
        "mobile_click",
    }  # fmt: skip


def test_figures_of_an_activity_have_eight_more(account: Account, client: Client, featured: int) -> None:
    ids = [activity_id(account, featured), account.uuid("activity", "0")]
    body = client.get(f"/reports/stats/email_campaign_activities/{quote(','.join(ids), safe='')}")
    (result,) = body["results"]
    (error,) = body["errors"]
    assert error["error_key"].startswith("reportingsvc.not_found")
    assert ids[1] in error["error_message"]
    stats = result["stats"]
    campaign = client.get(f"/reports/stats/email_campaigns/{campaign_id(account, featured)}")["results"][0]["stats"]
    assert {name: stats[name] for name in campaign} == campaign
    more = set(stats) - set(campaign)
    assert len(more) == 8
    assert stats["em_abuse"] == account.campaigns.spam_count[featured]
    rows = len(mine(account, "bounces", campaign=featured))
    assert sum(stats[name] for name in more if name.startswith("em_bounces_")) == rows


def test_any_unknown_id_fails_the_figures_of_campaigns(account: Account, client: Client, featured: int) -> None:
    good = campaign_id(account, featured)
    gone = campaign_id(account, account.campaigns.status.index("DELETED"))
    for bad in (account.uuid("campaign", "0"), "x", gone, ""):
        assert client.raw(f"/v3/reports/stats/email_campaigns/{good},{bad}")[0].status == 404
    assert client.raw(f"/v3/reports/stats/email_campaign_activities/{activity_id(account, 0)},x")[0].status == 404
    many = [account.uuid("activity", str(k)) for k in range(11)]
    assert client.raw(f"/v3/reports/stats/email_campaign_activities/{','.join(many)}")[0].status == 400
    assert len(client.get(f"/reports/stats/email_campaign_activities/{','.join(many[:10])}")["errors"]) == 10
    many = [account.uuid("campaign", str(k)) for k in range(151)]
    assert client.raw(f"/v3/reports/stats/email_campaigns/{','.join(many)}")[0].status == 400


def test_summaries_of_all_campaigns_latest_send_first(account: Account, client: Client) -> None:
    path = "/reports/summary_reports/email_campaign_summaries"
    pages = client.pages(path, limit=10)
    rows = [row for page in pages for row in page["bulk_email_campaign_summaries"]]
    sent = [row["last_sent_date"] for row in rows]
    assert len(rows) == account.campaigns.status.count("SENT") - 1
    assert sent == sorted(sent, reverse=True)
    for row in rows:
        (result,) = client.get(f"/reports/stats/email_campaigns/{row['campaign_id']}")["results"]
        names = {name.removeprefix("em_"): count for name, count in result["stats"].items() if "_all" not in name}
        assert {name: row["unique_counts"][name] for name in names} == names
        assert set(row["unique_counts"]) == {*names, "abuse"}
        assert row["campaign_type"] == "Newsletter"
    for page in pages:  # percents are of the page alone
        counts = [row["unique_counts"] for row in page["bulk_email_campaign_summaries"]]
        delivered = sum(count["sends"] - count["bounces"] for count in counts)
        share = 100 * sum(count["opens"] for count in counts) / delivered
        assert page["aggregate_percents"]["open"] == pytest.approx(share, abs=0.01)
    assert client.get(path, limit=500)["bulk_email_campaign_summaries"] == rows


def test_mails_never_sent_have_empty_reports(account: Account, client: Client) -> None:
    for status in ("DRAFT", "SCHEDULED"):
        at = account.campaigns.status.index(status)
        assert client.get(email_report(account, at, "tracking/sends")) == {"tracking_activities": []}
        assert client.get(email_report(account, at, "links"), no_clicks="true")["link_click_counts"] == []
        assert client.get(f"/emails/activities/{activity_id(account, at)}/send_history") == []
        (error,) = client.get(f"/reports/stats/email_campaign_activities/{activity_id(account, at)}")["errors"]
        assert error["error_key"]
    with serving(account, Quirks(drafts_missing=True)) as strict:
        assert strict.raw(f"/v3{email_report(account, at, 'tracking/sends')}")[0].status == 404
        assert strict.get(email_report(account, 0, "tracking/sends"))["tracking_activities"]


# contacts, lists, campaigns, the account


def test_contacts(account: Account, client: Client) -> None:
    rows = client.walk("/contacts", "contacts", limit=70)
    present = [at for at in range(600) if account.contacts.status[at] != "REMOVED"]
    assert [row["contact_id"] for row in rows] == [contact_id(account, at) for at in present]
    assert [row["email_address"]["address"] for row in rows] == [account.contacts.email[at] for at in present]
    assert len(client.get("/contacts")["contacts"]) == 50
    everybody = client.walk("/contacts", "contacts", limit=500, status="all")
    assert len(everybody) == 600
    gone = client.walk("/contacts", "contacts", status="deleted")
    assert {row["contact_id"] for row in gone} == {
        contact_id(account, at) for at in range(600) if account.contacts.status[at] == "REMOVED"
    }
    assert all(row["deleted_at"] for row in gone)
    left = client.walk("/contacts", "contacts", status="unsubscribed")
    assert {row["contact_id"] for row in left} == {contact_id(account, at) for at in account.unsubscribes.contact}
    for row in left:
        assert row["email_address"]["permission_to_send"] == "unsubscribed"
        assert row["email_address"]["opt_out_date"] > "2025"
    body = client.get("/contacts", include_count="true", limit=1)
    assert body["contacts_count"] == len(present)
    counts = client.get("/contacts/counts")
    assert counts["total"] == len(present)
    assert counts["unsubscribed"] == len(left)


def test_contacts_by_address_list_and_date(account: Account, client: Client) -> None:
    email = account.contacts.email[40]
    (row,) = client.get("/contacts", email=email.upper())["contacts"]
    assert row["contact_id"] == contact_id(account, 40)
    assert client.get("/contacts", email="nobody@example.com")["contacts"] == []
    lists = client.get("/contact_lists", include_membership_count="all", include_count="true")
    assert lists["lists_count"] == len(lists["lists"]) == len(account.lists)
    for number, each in enumerate(lists["lists"]):
        assert each["list_id"] == account.uuid("list", account.lists.ids[number])
        members = client.walk("/contacts", "contacts", lists=each["list_id"], limit=90, status="all")
        assert len(members) == each["membership_count"] == account.contacts.on_list[number].sum()
    bound = account.contacts.modified[300]
    after = client.walk("/contacts", "contacts", updated_after=_iso(bound), limit=500, status="all")
    assert len(after) == (account.contacts.modified > bound).sum()
    before = client.walk("/contacts", "contacts", updated_before=_iso(bound), limit=500, status="all")
    assert len(before) == (account.contacts.modified < bound).sum()
    since = client.walk("/contacts", "contacts", optout_after="2020-01-01")
    assert len(since) == len(account.unsubscribes)


def _iso(when: int) -> str:
    return f"{np.datetime64(int(when), 'ms')}Z"


def test_what_is_included_in_a_contact(account: Account, client: Client) -> None:
    path = f"/contacts/{contact_id(account, 35)}"
    parts = ("custom_fields", "list_memberships", "phone_numbers", "street_addresses", "taggings", "notes")
    assert not set(parts) & set(client.get(path))
    body = client.get(path, include=",".join(parts))
    assert set(parts) <= set(body)
    assert body["list_memberships"] == [account.uuid("list", str(k)) for k in range(1, 6)]
    assert client.raw(f"/v3{path}?include=everything")[0].status == 400


def test_campaigns_latest_change_first(account: Account, client: Client) -> None:
    rows = client.walk("/emails", "campaigns", limit=6)
    updated = [row["updated_at"] for row in rows]
    assert updated == sorted(updated, reverse=True)
    assert Counter(row["current_status"] for row in rows) == {
        "Done": account.campaigns.status.count("SENT") - 1,
        "Draft": account.campaigns.status.count("DRAFT"),
        "Scheduled": account.campaigns.status.count("SCHEDULED"),
        "Removed": account.campaigns.status.count("DELETED"),
    }
    assert all("campaign_activities" not in row for row in rows)
    inside = client.walk("/emails", "campaigns", after_date=updated[10], before_date=updated[4], limit=2)
    assert inside == rows[4:11]
    gone = next(row for row in rows if row["current_status"] == "Removed")
    (activity,) = [
        row for row in client.get(f"/emails/{gone['campaign_id']}")["campaign_activities"] if row["role"] != "permalink"
    ]
    assert client.raw(f"/v3/emails/activities/{activity['campaign_activity_id']}")[0].status == 404
    assert client.raw(f"/v3/reports/email_reports/{activity['campaign_activity_id']}/links")[0].status == 404


def test_an_activity_and_its_sends(account: Account, client: Client, featured: int) -> None:
    path = f"/emails/activities/{activity_id(account, featured)}"
    body = client.get(path)
    assert body["campaign_id"] == campaign_id(account, featured)
    assert (body["role"], body["current_status"]) == ("primary_email", "DONE")
    lists = [account.uuid("list", account.lists.ids[k]) for k in account.campaigns.lists[featured]]
    assert body["contact_list_ids"] == lists
    (send,) = client.get(f"{path}/send_history")
    assert milliseconds(send["run_date"]) == account.campaigns.sent[featured]
    assert send["count"] == len(mine(account, "sends", campaign=featured))
    assert send["send_status"] == "COMPLETED"
    assert "permalink_url" in client.get(path, include="permalink_url,html_content")
    permalink = account.uuid("permalink", account.featured_campaign)
    assert client.get(f"/emails/activities/{permalink}")["role"] == "permalink"
    assert client.raw(f"/v3/reports/email_reports/{permalink}/tracking/opens")[0].status == 404


def test_account_privileges_segments_and_tags(account: Account, client: Client) -> None:
    summary = client.get("/account/summary")
    assert summary["time_zone_id"] == "America/New_York"
    assert "physical_address" in client.get("/account/summary", extra_fields="physical_address")
    with serving(generate(601)) as other:
        assert other.get("/account/summary")["encoded_account_id"] != summary["encoded_account_id"]
    assert "ui:campaign:metrics" in {row["privilege_name"] for row in client.get("/account/user/privileges")}
    assert client.get("/contact_tags") == {"tags": []}
    (segment,) = client.get("/segments")["segments"]
    assert type(segment["segment_id"]) is int
    found = client.walk("/contacts", "contacts", segment_id=segment["segment_id"], limit=50)
    assert 0 < len(found) < 600
    assert client.raw("/v3/contacts?segment_id=8")[0].status == 404
    with serving(account, Quirks(segment_pending=True)) as slow:
        response, body = slow.raw("/v3/contacts?segment_id=7&limit=5")
        assert (response.status, json.loads(body)["contacts"]) == (202, [])
        assert slow.get("/contacts", segment_id=7, limit=50)["contacts"] == found[:50]


def test_what_v2_called_them(account: Account, client: Client) -> None:
    body = client.get("/contacts/contact_id_xrefs", sequence_ids="36,2,9999")
    assert body == {
        "xrefs": [
            {"sequence_id": "0000000002", "contact_id": contact_id(account, 1)},
            {"sequence_id": "0000000036", "contact_id": contact_id(account, 35)},
        ]
    }
    lists = client.get("/contact_lists/list_id_xrefs", sequence_ids="3")["xrefs"]
    assert lists == [{"sequence_id": "0000000003", "list_id": account.uuid("list", "3")}]
    at = account.campaigns.name.index(RESEND)
    old = account.campaigns.ids[at]
    assert client.get("/emails/campaign_id_xrefs", v2_email_campaign_ids=f"{old},1")["xrefs"] == [
        {
            "v2_email_campaign_id": old,
            "campaign_id": campaign_id(account, at),
            "campaign_activity_id": activity_id(account, at),
        }
    ]
    assert client.get("/contacts/contact_id_xrefs", sequence_ids="0000000036")["xrefs"]
    for path, name, most in (
        ("/contacts/contact_id_xrefs", "sequence_ids", 500),
        ("/contact_lists/list_id_xrefs", "sequence_ids", 500),
        ("/emails/campaign_id_xrefs", "v2_email_campaign_ids", 50),
    ):
        numbers = [str(k) for k in range(1, most + 2)]
        client.get(path, **{name: ",".join(numbers[:-1])})
        for wrong in (",".join(numbers), "", "a,b"):
            assert client.raw(f"/v3{path}?{urlencode({name: wrong})}")[0].status == 400
    v2 = json.loads(client.raw("/v2/contacts/36?include_contact_id=true&api_key=k")[1])
    assert v2["contact_id"] == contact_id(account, 35)


# paging


def test_the_token_holds_size_offset_and_filters(account: Account, client: Client) -> None:
    path = email_report(account, 0, "tracking/sends")
    link = client.get(path, limit=3)["_links"]["next"]["href"]
    parts = urlsplit(link)
    assert (parts.scheme, parts.netloc, parts.path) == ("", "", f"/v3{path}")
    (token,) = parse_qs(parts.query)["next"]
    assert parse_qs(base64.urlsafe_b64decode(token).decode()) == {"limit": ["3"], "o": ["3"]}
    second = client.get(link.removeprefix("/v3"))
    assert len(second["tracking_activities"]) == 3
    assert client.get(f"{link.removeprefix('/v3')}&limit=500") == second  # what stands beside the token is ignored
    cursor = urlsplit(client.get("/contacts", limit=2, status="all")["_links"]["next"]["href"]).query
    assert cursor.startswith("cursor=")
    fields = base64.urlsafe_b64decode(unquote(cursor.removeprefix("cursor="))).decode()
    assert parse_qs(fields) == {"status": ["all"], "limit": ["2"], "o": ["2"]}


@pytest.mark.parametrize("limit", [1, 7, 500])
def test_any_page_size_gives_the_same_walk(account: Account, client: Client, limit: int) -> None:
    path = email_report(account, 25, "tracking/clicks")
    assert client.walk(path, limit=limit) == client.walk(path)


@pytest.mark.parametrize(
    ("form", "links"),
    [("absent", None), ("empty", {}), ("null_next", {"next": None}), ("null_href", {"next": {"href": None}})],
)
def test_last_pages(account: Account, client: Client, form: Any, links: Any) -> None:
    with serving(account, Quirks(last_page=form)) as other:
        for path, rows, query in (
            (email_report(account, 0, "tracking/opens"), "tracking_activities", {"limit": 100}),
            (contact_report(account, 35, "activity_details"), "tracking_activities",
             {"tracking_activities_list": "em_sends", "limit": 10}),
            (contact_report(account, 35, "activity_summary"), "campaign_activities", EVER),
            ("/reports/summary_reports/email_campaign_summaries", "bulk_email_campaign_summaries", {"limit": 10}),
            ("/contacts", "contacts", {"limit": 300}),
            ("/contact_lists", "lists", {"limit": 3}),
            ("/emails", "campaigns", {"limit": 20}),
        ):  # fmt: skip
            pages = other.pages(path, **query)
            assert pages[-1].get("_links") == links
            assert ("_links" in pages[-1]) == (form != "absent")
            assert [row for page in pages for row in page[rows]] == client.walk(path, rows, **query)


@pytest.mark.parametrize("token", ["", "%%", "abc", base64.urlsafe_b64encode(b"limit=10&o=-5").decode(), "bGltaXQ9MTA"])
def test_made_up_tokens_are_refused(account: Account, client: Client, token: str) -> None:
    path = email_report(account, 0, "tracking/sends")
    assert client.raw(f"/v3{path}?{urlencode({'next': token})}")[0].status == 400
    assert client.raw(f"/v3/contacts?{urlencode({'cursor': token})}")[0].status == 400


# oddities


def test_forms_that_the_documents_differ_on(account: Account, client: Client, featured: int) -> None:
    figures = f"/reports/stats/email_campaign_activities/{activity_id(account, featured)}"
    summaries = "/reports/summary_reports/email_campaign_summaries"
    quirks = Quirks(dotted_keys=True, quoted_counts=True, percents_in_array=True, long_url_ids=False)
    with serving(account, quirks) as other:
        plain, dotted = (each.get(figures)["results"][0]["stats"] for each in (client, other))
        assert dotted["em_opens.all.mobile"] == plain["em_opens_all_mobile"]
        assert dotted["em_clicks.all"] == plain["em_clicks_all"]
        assert {name.replace(".", "_"): count for name, count in dotted.items()} == plain
        plain, quoted = (each.get(summaries) for each in (client, other))
        assert quoted["aggregate_percents"] == [plain["aggregate_percents"]]
        first = quoted["bulk_email_campaign_summaries"][0]["unique_counts"]
        assert {name: int(text) for name, text in first.items()} == plain["bulk_email_campaign_summaries"][0][
            "unique_counts"
        ]
        assert all(type(text) is str for text in first.values())
        links = other.get(email_report(account, featured, "links"))["link_click_counts"]
        assert {link["url_id"] for link in links} <= set(account.links.ids)


def test_rows_of_deleted_contacts_stay(account: Account, client: Client) -> None:
    with serving(account, Quirks(deleted_contacts=True)) as other:
        rows = [
            (row, other_row)
            for at in range(26)
            for row, other_row in zip(
                *(each.walk(email_report(account, at, "tracking/sends")) for each in (client, other)), strict=True
            )
        ]
        assert any("deleted_at" in row for _, row in rows)
        for row, other_row in rows:
            deleted = other_row.pop("deleted_at", None)
            assert other_row == row
            assert deleted is None or len(deleted) == len("2026-01-01")
        default = other.walk("/contacts", "contacts", limit=500)
        everybody = other.walk("/contacts", "contacts", limit=500, status="all")
        assert {r["contact_id"] for r in everybody} - {r["contact_id"] for r in default} > {
            row["contact_id"] for row in client.walk("/contacts", "contacts", status="deleted")
        }


def test_a_contact_without_an_address(account: Account, client: Client) -> None:
    with serving(account, Quirks(sms_only_contact=True)) as other:
        rows = other.walk("/contacts", "contacts", limit=500, status="all")
        assert rows[:-1] == client.walk("/contacts", "contacts", limit=500, status="all")
        assert "email_address" not in rows[-1]
        id_ = rows[-1]["contact_id"]
        assert other.get(f"/contacts/{id_}") == rows[-1]
        details = f"/reports/contact_reports/{id_}/activity_details"
        assert other.get(details, tracking_activities_list="em_sends") == {"tracking_activities": []}
        assert other.get(f"/reports/contact_reports/{id_}/activity_summary", **EVER)["campaign_activities"] == []
        assert client.raw(f"/v3/contacts/{id_}")[0].status == 404


def test_oddities_shared_with_v2(account: Account, client: Client) -> None:
    path = email_report(account, 25, "tracking/opens")
    clean = client.walk(path)
    keys = {json.dumps(row) for row in clean}
    with serving(account, Quirks(page_overlap=True)) as other:
        first, second, *_ = other.pages(path, limit=10)
        assert first["tracking_activities"][-1] == second["tracking_activities"][0]
        assert {json.dumps(row) for row in other.walk(path, limit=10)} == keys
    with serving(account, Quirks(duplicates=True)) as other:
        rows = other.walk(path)
        assert len(rows) > len(clean)
        assert {json.dumps(row) for row in rows} == keys
    with serving(account, Quirks(extra_row=True)) as other:
        assert len(other.get(path, limit=10)["tracking_activities"]) == 11
        assert other.walk(path, limit=10) == clean
    with serving(account, Quirks(retention_days=180)) as other:
        assert other.walk(email_report(account, 0, "tracking/sends")) == []
        assert other.get(f"/reports/stats/email_campaigns/{campaign_id(account, 0)}")["results"][0]["stats"]["em_sends"]
    with serving(account, Quirks(stale_summary=True)) as other:
        figures = f"/reports/stats/email_campaigns/{campaign_id(account, 0)}"
        stale, fresh = (each.get(figures)["results"][0] for each in (other, client))
        assert stale["stats"]["em_opens_all"] < fresh["stats"]["em_opens_all"]
        assert stale["last_refresh_time"] < fresh["last_refresh_time"]
    with serving(account, Quirks(unknown_bounce_code="N")) as other:
        codes = {
            row["bounce_code"] for k in range(26) for row in other.walk(email_report(account, k, "tracking/bounces"))
        }
        assert "N" in codes


def test_a_rough_service_misses_nothing(account: Account, client: Client) -> None:
    with serving(account, Quirks.rough()) as rough:
        for kind in KINDS:
            path = email_report(account, 20, f"tracking/{SUFFIX.get(kind, kind)}")
            rows = rough.walk(path, limit=9)
            pick = {(row["contact_id"], row["created_time"]) for row in rows}
            assert pick == {(row["contact_id"], row["created_time"]) for row in client.walk(path)}


# the session


def test_both_dialects_of_the_demo_give_the_same_activities() -> None:
    account, frames = generate(120), {}
    for api in ("v2", "v3"):
        with cctrack.demo(api=api, contacts=120) as session:  # type: ignore[arg-type]
            assert (session.api, session.account) == (api, f"demo-{api}-120-0-1")
            frames[api] = cctrack.account_activities_df(progress=False)
    old, new = frames["v2"], frames["v3"]
    old = old.assign(contact_id=[account.uuid("contact", id_) for id_ in old["contact_id"]])
    old = old.assign(campaign_activity_id=[account.uuid("activity", id_) for id_ in old["campaign_id"]])
    names = ["activity_type", "activity_date", "campaign_activity_id", "contact_id", "email_address", "link_uri"]
    assert len(old) > 1000
    for columns in (names, [*names, "bounce_code"]):
        ours, theirs = (
            Counter(map(tuple, frame[columns].astype("string").fillna("").to_numpy().tolist())) for frame in (old, new)
        )
        assert ours == theirs


def test_another_process_finds_the_v3_cache_warm_and_counts_anew() -> None:
    code = """
import cctrack
cctrack.demo(contacts=61)  # its server answers v3 too
cctrack.lists_df()
cctrack.demo(api="v3", contacts=61)
before = cctrack.quota().used
rows = len(cctrack.contacts_df())
print(before, rows, cctrack.quota().used - before)
"""
    told = [
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=True)
        for _ in range(2)
    ]
    cold, warm = (each.stdout.split() for each in told)
    assert cold[:2] == warm[:2] == ["0", "61"]
    assert int(cold[2]) > 0
    assert warm[2] == "0"


def test_a_dialect_that_nobody_speaks() -> None:
    for wrong in ("v4", None, []):
        with pytest.raises(cctrack.errors.ConfigError, match=r"'v2' and 'v3'"):
            cctrack.demo(api=wrong)  # type: ignore[arg-type]


# refusals


def refused(answer: Any, status: int, shape: type = list) -> str:
    response, body = answer
    assert response.status == status
    found = json.loads(body)
    assert type(found) is shape
    first = found[0] if isinstance(found, list) else found
    assert set(first) == {"error_key", "error_message"}
    return str(first["error_key"])


def test_tokens(account: Account) -> None:
    with serving(account, access_token="right") as client:
        path, good = "/v3/contact_lists", {"Authorization": "Bearer right"}
        assert client.raw(path, good)[0].status == 200
        for token in ("", "Bearer", "Bearer wrong", "Basic right"):
            response, body = client.raw(path, {"Authorization": token})
            assert body == b'{"error_key":"unauthorized","error_message":"Unauthorized"}'
            assert response.status == 401
            assert response.getheader("WWW-Authenticate") == "Bearer realm=api.cc.email"
            assert response.getheader("x-amzn-ErrorType")
        access = client.server.access
        access.revoke("right")
        assert client.raw(path, good)[0].status == 401
        access.allow("newer", frozenset({"campaign_data"}))
        newer = {"Authorization": "Bearer newer"}
        assert refused(client.raw(path, newer), 403, dict) == "forbidden"
        assert client.raw("/v3/emails", newer)[0].status == 200
        assert client.raw("/v3/account/user/privileges", newer)[0].status == 200
        valid = {"issued": frozenset({"contact_data"})}
        access.add(valid.get)
        issued = {"Authorization": "Bearer issued"}
        assert client.raw(path, issued)[0].status == 200
        valid.clear()
        assert client.raw(path, issued)[0].status == 401
    with serving(account) as client:
        assert client.raw("/v3/contact_lists", {"Authorization": "Bearer anything"})[0].status == 200
        client.server.access.revoke("anything")
        assert client.raw("/v3/contact_lists", {"Authorization": "Bearer anything"})[0].status == 401


@pytest.mark.parametrize(
    ("scope", "paths"),
    [
        ("contact_data", ["/contacts", "/contact_lists", "/segments", "/contacts/contact_id_xrefs?sequence_ids=1"]),
        ("campaign_data", ["/emails", "/reports/summary_reports/email_campaign_summaries"]),
        ("account_read", ["/account/summary"]),
    ],
)
def test_each_path_needs_its_scope(account: Account, scope: str, paths: list[str]) -> None:
    with serving(account, access_token="-") as client:
        access = client.server.access
        access.allow("with", frozenset({scope}))
        access.allow("without", frozenset({"contact_data", "campaign_data", "account_read"}) - {scope})
        for path in paths:
            assert client.raw(f"/v3{path}", {"Authorization": "Bearer with"})[0].status == 200
            refused(client.raw(f"/v3{path}", {"Authorization": "Bearer without"}), 403, dict)


def test_privileges_and_switched_off_applications(account: Account) -> None:
    with serving(account, Quirks(privileges_missing=("ui:campaign:metrics",))) as client:
        for path in (contact_report(account, 35, "open_and_click_rates"), email_report(account, 0, "links")):
            refused(client.raw(f"/v3{path}?{urlencode(EVER)}"), 403, dict)
        names = {row["privilege_name"] for row in client.get("/account/user/privileges")}
        assert names
        assert "ui:campaign:metrics" not in names
        assert client.get("/emails")["campaigns"]
    with serving(account, Quirks(deactivated=True)) as client:
        refused(client.raw("/v3/account/user/privileges"), 403, dict)


def test_throttle_and_daily_quota(account: Account) -> None:
    with serving(account, Quirks(throttle=1)) as client:
        answers = [client.raw("/v3/contact_lists") for _ in range(8)]
        over = [answer for answer in answers if answer[0].status == 429]
        assert over
        assert refused(over[0], 429, dict) == "throttled"
        assert over[0][0].getheader("Retry-After") is None
    with serving(account, Quirks(daily_quota=3)) as client:
        answers = [client.raw("/v3/contact_lists") for _ in range(5)]
        assert [response.status for response, _ in answers] == [200, 200, 200, 429, 429]
        assert refused(answers[-1], 429, dict) == "quota_exceeded"


def test_errors_on_request_and_their_shapes(account: Account) -> None:
    with serving(account, Quirks(errors=(503, 0, 429, 504))) as client:
        assert refused(client.raw("/v3/emails"), 503) == "service_unavailable"
        assert client.raw("/v3/emails")[0].status == 200
        assert refused(client.raw("/v3/emails"), 429, dict) == "throttled"
        refused(client.raw("/v3/emails"), 504)
        assert client.raw("/v3/emails")[0].status == 200
    with serving(account, Quirks(error_shape="object")) as client:
        refused(client.raw("/v3/contacts?limit=0"), 400, dict)
    with serving(account, Quirks(errors=(500,), error_shape="html")) as client:
        response, body = client.raw("/v3/emails")
        assert (response.status, response.getheader("Content-Type")) == (500, "text/html")
        assert body.startswith(b"<html>")
    with serving(account, Quirks(errors=(500,), error_shape="empty")) as client:
        assert client.raw("/v3/emails")[1] == b""


def test_unknown_and_malformed_ids(account: Account, client: Client) -> None:
    for name, paths in {
        "contact": ("/contacts/{}", "/reports/contact_reports/{}/activity_details?tracking_activities_list=em_sends",
                    "/reports/contact_reports/{}/activity_summary?" + urlencode(EVER)),
        "activity": ("/emails/activities/{}", "/emails/activities/{}/send_history", "/reports/email_reports/{}/links",
                     "/reports/email_reports/{}/tracking/sends"),
        "campaign": ("/emails/{}",),
        "list": ("/contact_lists/{}",),
    }.items():  # fmt: skip
        for path in paths:
            refused(client.raw(f"/v3{path.format(account.uuid(name, 'nobody'))}"), 404)
            refused(client.raw(f"/v3{path.format('36')}"), 400)
    swapped = contact_id(account, 35)
    refused(client.raw(f"/v3/reports/email_reports/{swapped}/tracking/sends"), 404)
    assert client.get(f"/contacts/{swapped.upper()}")["contact_id"] == swapped


@pytest.mark.parametrize(
    "path",
    [
        "/contacts?limit=501", "/contacts?limit=0", "/contacts?status=lost", "/contacts?updated_after=x",
        "/contacts?lists=1", "/contacts?include=all", "/contacts?segment_id=x", "/contacts?segment_id=7&status=all",
        "/emails?limit=501",
        "/emails?after_date=x", "/contact_lists?limit=1001", "/contact_lists?include_membership_count=x",
        "/reports/summary_reports/email_campaign_summaries?limit=501",
    ],
)  # fmt: skip
def test_bad_parameters_are_400(client: Client, path: str) -> None:
    refused(client.raw(f"/v3{path}"), 400)


IDS = st.sampled_from(["contact", "activity", "campaign", "list", "nobody", "36", "x", "a,b", "%2F", "é", ""])
PARAMETERS = (
    "limit", "next", "cursor", "start", "end", "tracking_activities_list", "tracking_activity_type", "url_id",
    "bounce_code", "no_clicks", "include", "include_count", "status", "lists", "email", "updated_after", "segment_id",
    "after_date", "sequence_ids", "v2_email_campaign_ids", "include_membership_count", "name", "extra_fields",
)  # fmt: skip
PATHS = (
    "/reports/contact_reports/{}/activity_details", "/reports/contact_reports/{}/activity_summary",
    "/reports/contact_reports/{}/open_and_click_rates", "/reports/email_reports/{}/tracking/clicks",
    "/reports/email_reports/{}/tracking/bounces", "/reports/email_reports/{}/links",
    "/reports/summary_reports/email_campaign_summaries", "/reports/stats/email_campaigns/{}",
    "/reports/stats/email_campaign_activities/{}", "/contacts", "/contacts/{}", "/contacts/contact_id_xrefs",
    "/contact_lists", "/contact_lists/{}", "/emails", "/emails/{}", "/emails/activities/{}", "/account/summary",
    "/emails/activities/{}/send_history", "/emails/campaign_id_xrefs", "/segments", "/account/user/privileges",
)  # fmt: skip
TOKENS = st.dictionaries(
    st.sampled_from(["limit", "o", "types", "names", "only", "start", "end", "status", "lists", "segment_id"]),
    st.one_of(st.integers(-1, 10**20).map(str), st.sampled_from(["em_sends", "all", "2020-01-01", "x", ""])),
).map(lambda fields: base64.urlsafe_b64encode(urlencode(fields).encode()).decode())
VALUES = st.one_of(
    st.text(max_size=20),
    st.integers(-1, 10**20).map(str),
    st.sampled_from(["em_sends", "em_opens,em_clicks", "true", "all", "B", "2020-01-01", "9999-12-31", "0001-01-01"]),
    TOKENS,
)


@settings(max_examples=300, deadline=None)
@given(path=st.sampled_from(PATHS), id_=IDS, query=st.dictionaries(st.sampled_from(PARAMETERS), VALUES, max_size=4))
def test_whatever_is_asked_the_server_knows_what_to_say(
    account: Account, client: Client, path: str, id_: str, query: dict[str, str]
) -> None:
    known = {
        "contact": contact_id(account, 35),
        "activity": activity_id(account, 3),
        "campaign": campaign_id(account, 3),
    }
    target = f"/v3{path.format(quote(known.get(id_, id_), safe='%,'))}?{urlencode(query)}"
    answer = client.server.answer("GET", target, {"authorization": "Bearer t"})
    assert answer.status in (200, 400, 403, 404), target
    json.loads(answer.body)


def test_limits_of_the_reports_of_an_activity(account: Account, client: Client) -> None:
    for limit in ("0", "501", "x", ""):
        refused(client.raw(f"/v3{email_report(account, 0, 'tracking/opens')}?limit={limit}"), 400)
    refused(client.raw(f"/v3{email_report(account, 0, 'tracking/bounces')}?bounce_code=Q"), 400)
    refused(client.raw(f"/v3{email_report(account, 0, 'tracking/clicks')}?url_id=x"), 400)
    refused(client.raw(f"/v3{email_report(account, 0, 'links')}?no_clicks=x"), 400)


def test_unknown_paths_methods_and_content_types(account: Account, client: Client) -> None:
    for path in (
        "/nothing", "", "/emails/", email_report(account, 0, "opens"), contact_report(account, 35, "activities")
    ):  # fmt: skip
        response, _ = client.raw(f"/v3{path}")
        assert response.status == (200 if path == "/emails/" else 403), path
    refused(client.raw("/v3/emails", method="POST"), 403, dict)
    token = {"Authorization": "Bearer t"}
    refused(client.raw("/v3/emails", {**token, "Content-Type": "text/plain"}), 415)
    assert client.raw("/v3/emails", {**token, "Content-Type": "application/json;charset=UTF-8"})[0].status == 200


def test_a_key_is_no_parameter(account: Account) -> None:
    with serving(account, api_key="right", access_token="t") as client:
        assert client.raw("/v3/emails")[0].status == 200
        assert client.raw("/v3/emails?api_key=wrong")[0].status == 200
        assert client.raw("/v2/lists")[0].status == 403


def test_the_truth_stays_inside(account: Account, featured: int) -> None:
    with serving(account, access_token="token-5678") as client:
        headers = {"Authorization": "Bearer token-5678"}
        text = repr(client.server) + repr(client.server.faces) + repr(client.server.access)
        for path in (
            "/contacts?include=custom_fields", "/emails", "/account/summary",
            contact_report(account, 35, "activity_details?tracking_activities_list=em_opens"),
            email_report(account, featured, "tracking/clicks"), email_report(account, featured, "links"),
        ):  # fmt: skip
            response, body = client.raw(f"/v3{path}", headers)
            assert response.status == 200
            text += body.decode()
        text += repr(list(client.server.log))
        for word in ("origin", "scanner", "mpp", "propensity", "weight", "token-5678"):
            assert word not in text


def test_a_further_face_is_mounted(account: Account) -> None:
    class Echo:
        prefix = "/further"

        def answer(self, call: Call) -> Answer:
            return Answer(302, call.body, headers={"Location": f"/x?{call.method}={len(call.every('a'))}"})

    with DemoServer(account) as server:
        server.mount(Echo())
        connection = http.client.HTTPConnection(server.url.removeprefix("http://"), timeout=10)
        connection.request("POST", "/further/token?a=1&a=2", body=b"grant=1")
        response = connection.getresponse()
        assert (response.status, response.read(), response.getheader("Location")) == (302, b"grant=1", "/x?POST=2")
        connection.close()
    assert as_json(200, {}).headers == {}


@pytest.mark.parametrize("wrong", [{"last_page": "none"}, {"error_shape": "xml"}])
def test_misspelled_quirks_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Quirks(**wrong)
