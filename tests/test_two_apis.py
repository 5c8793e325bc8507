"""One account through both APIs: equal rows after the crosswalk, and only the differences that are known."""

import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import cctrack
from cctrack.api import v2
from cctrack.catalog import BY_CAMPAIGN, REPORTS
from cctrack.demo_account.account import Account, Quirks, generate
from cctrack.demo_account.server import DemoServer

Frame = pd.DataFrame
TOKEN = "token-of-nobody"
CONTACTS = 120
# What v3 gives of no row: it is NA there, and the provenance names it.
LOST = {"bounce_description", "bounce_message", "unsubscribe_source"}
EVENTS = tuple(report.name for report in BY_CAMPAIGN)
CAMPAIGN_EVENTS = tuple(report.name for report in BY_CAMPAIGN.values())


class Both:
    """A session of each API on one account, and the ids of one in the words of the other."""

    def __init__(self, server: DemoServer, folder: Path) -> None:
        where: dict[str, Any] = {"base_url": server.url, "cache_dir": folder, "rate": 2000}
        self.account = server.account
        self.v2 = cctrack.connect("key-of-nobody", TOKEN, api="v2", **where)
        self.v3 = cctrack.connect(None, TOKEN, api="v3", **where)
        self.campaign: dict[str, str] = {}
        self.mail: dict[str, str] = {}
        ids = self.account.campaigns.ids
        for start in range(0, len(ids), 50):
            query = f"v2_email_campaign_ids={','.join(ids[start : start + 50])}"
            found, _ = self.v3.read("/emails/campaign_id_xrefs", query, lambda answer: answer["xrefs"])
            for row in found:
                self.campaign[row["v2_email_campaign_id"]] = row["campaign_id"]
                self.mail[row["v2_email_campaign_id"]] = row["campaign_activity_id"]

    def contact(self, ident: str) -> str:
        """Give the long id of a contact."""
        return self.account.uuid("contact", ident)

    def sent(self) -> list[str]:
        """List the campaigns that v2 lists as sent."""
        return [str(one) for one in cctrack.campaigns_df(session=self.v2)["campaign_id"]]

    def moved(self, frame: Frame) -> Frame:
        """Give a frame of v2 as v3 names things."""
        maps: dict[str, Callable[[str], str]] = {
            "campaign_id": self.campaign.__getitem__,
            "contact_id": self.contact,
            "list_id": lambda one: self.account.uuid("list", one),
        }
        return frame.assign(
            **{name: frame[name].map(change).astype("string") for name, change in maps.items() if name in frame}
        )


@pytest.fixture(scope="module")
def account() -> Account:
    """Make the account."""
    return generate(contacts=CONTACTS, seed=7)


@pytest.fixture(scope="module")
def server(account: Account) -> Iterator[DemoServer]:
    """Serve it in both dialects."""
    with DemoServer(account, access_token=TOKEN) as running:
        yield running


@pytest.fixture(scope="module")
def both(server: DemoServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Connect to it twice."""
    made = Both(server, tmp_path_factory.mktemp("cache"))
    yield made
    made.v2.close()
    made.v3.close()


def plain(value: Any) -> Any:
    """Make a cell comparable; an empty text is no text."""
    if (
        value is None
        or value is pd.NA
        or value is pd.NaT
        or value == ""
        or (isinstance(value, float) and math.isnan(value))
    ):
        return None
    return value


def rows(frame: Frame, names: list[str]) -> list[tuple[str, ...]]:
    """Give the rows in one order: ties come in any."""
    return sorted(
        tuple(str(plain(value)) for value in row) for row in frame[names].astype(object).itertuples(index=False)
    )


def shared(name: str, *without: str) -> list[str]:
    """List the columns in which both are to be equal."""
    return [column for column in REPORTS[name].names if column not in {*LOST, "link_id", *without}]


def told(frame: Frame) -> dict[str, Any]:
    """Give the provenance."""
    return dict(frame.attrs["cctrack"])


@pytest.mark.parametrize("name", EVENTS)
def test_events_of_contacts(both: Both, name: str) -> None:
    ask = getattr(cctrack, f"{name}_df")
    ids = list(both.account.contacts.ids)
    old = both.moved(ask(ids, session=both.v2))
    new = ask([both.contact(one) for one in ids], details=True, session=both.v3)
    assert len(new) > 0
    # The address is the present one, not the one at the time.
    assert rows(new, shared(name, "email_address")) == rows(old, shared(name, "email_address"))
    people = cctrack.contacts_df(session=both.v2)
    present = dict(zip(map(both.contact, people["contact_id"]), people["email_address"], strict=True))
    assert new["email_address"].tolist() == [present[str(one)] for one in new["contact_id"]]
    assert set(told(new)["missing_columns"]) == LOST & set(REPORTS[name].names)
    assert new[sorted(LOST & set(new.columns))].isna().all(axis=None)
    assert told(new)["repaired"] == 0


@pytest.mark.parametrize("name", EVENTS)
def test_without_details_the_lost_columns_are_told(both: Both, name: str) -> None:
    frame = getattr(cctrack, f"{name}_df")([both.contact(one) for one in both.account.contacts.ids], session=both.v3)
    details = {"link_id", "link_uri", "bounce_code", "unsubscribe_reason"} | LOST
    lost = details & set(REPORTS[name].names)
    assert set(told(frame)["missing_columns"]) == lost
    assert frame[sorted(lost)].isna().all(axis=None)
    assert set(frame["campaign_activity_id"]) <= set(both.mail.values())


@pytest.mark.parametrize("name", CAMPAIGN_EVENTS)
def test_events_of_campaigns_unite_the_first_sending_and_its_resends(both: Both, name: str) -> None:
    ask = getattr(cctrack, f"{name}_df")
    ids = both.sent()
    old = both.moved(ask(ids, session=both.v2))
    new = ask(list(dict.fromkeys(both.campaign[one] for one in ids)), session=both.v3)
    assert len(new) > 0
    uri = ("link_uri",) if "link_uri" in old else ()  # v2 leaves it out where v3 does not
    assert rows(new, shared(name, *uri)) == rows(old, shared(name, *uri))
    assert set(told(new)["missing_columns"]) == LOST & set(REPORTS[name].names)
    if uri:
        clicks = new[new["activity_type"] == "EMAIL_CLICK"]
        assert clicks["link_uri"].notna().all()


def resend(both: Both) -> tuple[str, str]:
    """Find a campaign of v2 that is a resend, and the one whose resend it is."""
    first: dict[str, str] = {}
    for one in both.sent()[::-1]:
        if (whole := both.campaign[one]) in first:
            return first[whole], one
        first[whole] = one
    raise AssertionError("the account has no resend")


@pytest.mark.parametrize("name", CAMPAIGN_EVENTS)
def test_one_mail_of_a_campaign_is_asked_for_by_its_own_id(both: Both, name: str) -> None:
    ask = getattr(cctrack, f"{name}_df")
    for one in resend(both):
        old = both.moved(ask(one, session=both.v2))
        new = ask(both.mail[one], session=both.v3)
        assert rows(new, shared(name, "link_uri")) == rows(old, shared(name, "link_uri"))
        assert set(new["campaign_id"]) <= {both.campaign[one]}
        assert set(new["campaign_activity_id"]) <= {both.mail[one]}


def test_all_activities_of_the_account(both: Both) -> None:
    old = both.moved(cctrack.account_activities_df(session=both.v2))
    new = cctrack.account_activities_df(session=both.v3)
    names = shared("account_activities", "link_uri")
    assert rows(new, names) == rows(old, names)
    assert new["activity_date"].is_monotonic_increasing


def test_totals_of_contacts(both: Both) -> None:
    ids = list(both.account.contacts.ids)
    old = both.moved(cctrack.summary_df(ids, session=both.v2))
    new = cctrack.summary_df([both.contact(one) for one in ids], session=both.v3)
    assert new["contact_id"].tolist() == old["contact_id"].tolist()
    assert [str(dtype) for dtype in new.dtypes] == [str(dtype) for dtype in old.dtypes]
    assert rows(new, shared("summary")) == rows(old, shared("summary"))


def test_totals_of_contacts_by_campaign(both: Both) -> None:
    ids = list(both.account.contacts.ids)
    old = both.moved(cctrack.summary_by_campaign_df(ids, session=both.v2))
    new = cctrack.summary_by_campaign_df([both.contact(one) for one in ids], session=both.v3)
    counts = ["opens", "forwards", "bounces"]
    united = old.groupby(["contact_id", "campaign_id"], as_index=False)[counts].sum()
    names = ["contact_id", "campaign_id", *counts]
    assert rows(new, names) == rows(united, names)
    assert not new.duplicated(["contact_id", "campaign_id"]).any()
    # v2 counts distinct links there, v3 clicks.
    clicks = cctrack.clicks_df([both.contact(one) for one in ids], session=both.v3)
    by = clicks.groupby(["contact_id", "campaign_id"]).size()
    held = new[new["clicks"] > 0].set_index(["contact_id", "campaign_id"])["clicks"]
    assert held.sort_index().tolist() == by.sort_index().tolist()


def test_totals_of_campaigns(both: Both) -> None:
    _, again = resend(both)
    ids = [one for one in both.sent() if both.campaign[one] != both.campaign[again]]
    old = both.moved(cctrack.campaign_summary_df(ids, update_summary=True, session=both.v2))
    new = cctrack.campaign_summary_df([both.campaign[one] for one in ids], session=both.v3)
    assert new["campaign_id"].tolist() == old["campaign_id"].tolist()
    assert rows(new, shared("campaign_summary")) == rows(old, shared("campaign_summary"))


def test_contacts_lists_and_members(both: Both) -> None:
    for name in ("contacts", "list_members"):
        ask = getattr(cctrack, f"{name}_df")
        ids = [list(both.account.lists.ids)] if name == "list_members" else []
        long = [[both.account.uuid("list", one) for one in ids[0]]] if ids else []
        old, new = both.moved(ask(*ids, session=both.v2)), ask(*long, session=both.v3)
        assert rows(new, shared(name)) == rows(old, shared(name))
        assert told(new)["missing_columns"] == []
    old, new = both.moved(cctrack.lists_df(session=both.v2)), cctrack.lists_df(session=both.v3)
    assert rows(new, shared("lists", "status")) == rows(old, shared("lists", "status"))
    assert told(new)["missing_columns"] == ["status"]


@pytest.mark.parametrize("status", ["ACTIVE", "OPTOUT", "REMOVED", "UNCONFIRMED", "unsubscribed", None])
def test_contacts_by_status(both: Both, status: str | None) -> None:
    old = cctrack.contacts_df(status="OPTOUT" if status == "unsubscribed" else status, session=both.v2)
    new = cctrack.contacts_df(status=status, session=both.v3)
    assert sorted(new["contact_id"]) == sorted(map(both.contact, old["contact_id"]))


@pytest.mark.parametrize("status", ["SENT", "DRAFT", "SCHEDULED", "DELETED", "done", None])
def test_campaigns_by_status(both: Both, status: str | None) -> None:
    old = cctrack.campaigns_df(status="SENT" if status == "done" else status, session=both.v2)
    new = cctrack.campaigns_df(status=status, session=both.v3)
    assert set(new["campaign_id"]) == {both.campaign[str(one)] for one in old["campaign_id"]}
    assert set(new["status"]) == set(old["status"])


def test_campaigns_with_their_totals(both: Both) -> None:
    _, again = resend(both)
    old = cctrack.campaigns_df(details=True, session=both.v2)
    old = both.moved(old[old["campaign_id"].map(both.campaign) != both.campaign[again]])
    new = cctrack.campaigns_df(details=True, session=both.v3)
    new = new[new["campaign_id"] != both.campaign[again]]
    names = [
        "campaign_id",
        "name",
        "status",
        "subject",
        "sends",
        "opens",
        "clicks",
        "forwards",
        "bounces",
        "spam_count",
    ]
    assert rows(new, names) == rows(old, names)


def test_links_of_campaigns(both: Both) -> None:
    ids = both.sent()
    old = both.moved(cctrack.links_df(ids, session=both.v2))
    new = cctrack.links_df(list(dict.fromkeys(both.campaign[one] for one in ids)), session=both.v3)
    names = ["campaign_id", "link_uri"]
    assert set(rows(new, names)) == set(rows(old, names))  # one address stands under one id there
    assert new["link_id"].str.len().eq(19).all()
    campaign, link = new.loc[new["click_count"].idxmax(), ["campaign_id", "link_id"]]
    clicks = cctrack.campaign_link_clicks_df(str(campaign), str(link), session=both.v3)
    assert clicks["contact_id"].nunique() == new["click_count"].max()


def test_who_opened_and_who_did_not(both: Both) -> None:
    one = both.campaign[both.account.featured_campaign]
    opens = cctrack.campaign_opens_df(one, session=both.v3)
    sends = cctrack.campaign_sends_df(one, session=both.v3)
    bounces = cctrack.campaign_bounces_df(one, session=both.v3)
    latest = opens.groupby("contact_id")["open_date"].max()
    unique = cctrack.campaign_unique_opens_df(one, session=both.v3).set_index("contact_id")["open_date"]
    assert latest.sort_index().tolist() == unique.sort_index().tolist()
    missed = cctrack.campaign_did_not_opens_df(one, session=both.v3)
    assert not set(missed["contact_id"]) & set(opens["contact_id"])
    assert set(missed["contact_id"]) <= set(sends["contact_id"])
    assert set(sends["contact_id"]) - set(opens["contact_id"]) - set(bounces["contact_id"]) <= set(missed["contact_id"])
    assert set(missed["activity_type"]) == {"EMAIL_DID_NOT_OPEN"}  # never to be counted as an open


def test_every_report_of_v2_is_there(both: Both) -> None:
    for report in REPORTS.values():
        assert not v2.offers(report) or both.v3.given(report).report.names[: len(report.names)] == report.names


# --- whatever form the answers take --------------------------------------------------------------

FORMS: dict[str, dict[str, Any]] = {
    "last page empty": {"last_page": "empty", "dotted_keys": True},
    "no next": {"last_page": "null_next", "quoted_counts": True, "percents_in_array": True},
    "no href": {"last_page": "null_href", "drafts_missing": True, "extra_row": True},
    "overlap": {"page_overlap": True},
    "trouble": {"errors": (503, 429, 500, 504)},
}


def all_reports(server: DemoServer, folder: Path) -> dict[str, Frame]:
    """Ask for every report of a few contacts and campaigns, in small pages."""
    ids: dict[str, Any] = {
        "contact_id": [server.account.uuid("contact", one) for one in server.account.contacts.ids[:3]],
        "campaign_id": [server.account.uuid("campaign", one) for one in server.account.campaigns.ids[6:8]],
        "list_id": server.account.uuid("list", "1"),
    }
    with cctrack.connect(None, TOKEN, api="v3", base_url=server.url, cache_dir=folder, rate=5000) as session:
        one = ids["campaign_id"][0]
        found = {}
        for name, report in REPORTS.items():
            asked = [ids.get(key) for key in report.keys]
            if name == "campaign_link_clicks":
                asked = [one, cctrack.links_df(one, session=session)["link_id"].tolist()[:2]]
            if name != "account_activities":
                found[name] = getattr(cctrack, report.function)(*asked, limit=23, session=session)
        return found


@pytest.fixture(scope="module")
def usual(account: Account, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Frame]:
    """Give every report as it usually comes."""
    with DemoServer(account, access_token=TOKEN) as server:
        return all_reports(server, tmp_path_factory.mktemp("usual"))


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_an_answer_gives_the_same_frames(
    account: Account, usual: dict[str, Frame], tmp_path: Path, form: str
) -> None:
    with DemoServer(account, Quirks(**FORMS[form]), access_token=TOKEN) as server:
        found = all_reports(server, tmp_path)
    assert [name for name, frame in found.items() if not frame.equals(usual[name])] == []
    assert all(told(frame)["complete"] for frame in found.values())
