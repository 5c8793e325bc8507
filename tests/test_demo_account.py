"""The demo account's generator: repeatable, believable, and honest about who did what."""

import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from cctrack.demo_account.account import (
    BOUNCE_CODES,
    GENERATOR_VERSION,
    KINDS,
    NOW,
    ORIGINS,
    Account,
    Events,
    generate,
)

NOW_MS = int(NOW.timestamp() * 1000)


@pytest.fixture(scope="module")
def account() -> Account:
    return generate()


@pytest.fixture(scope="module")
def crowd() -> Account:
    return generate(20_000)


def pairs(account: Account, kind: str, *origins: str) -> np.ndarray:
    """Distinct (campaign, contact) pairs of a kind, as numbers, of the given origins or of all."""
    events = account.events(kind)
    keep = np.isin(account.truth.origin(kind), origins) if origins else slice(None)
    return np.unique((events.campaign * len(account.contacts) + events.contact)[keep])


def rows_of(account: Account, kind: str, campaign: str) -> list[tuple[object, ...]]:
    events = account.events(kind)
    mine = np.flatnonzero(events.campaign == account.campaign_at[campaign])
    link = [account.links.ids[k] for k in events.link[mine]] if len(events.link) else [""] * len(mine)
    origin = account.truth.origin(kind)[mine].tolist()
    return list(zip(events.contact[mine].tolist(), events.time[mine].tolist(), link, origin, strict=True))


def same(a: Events, b: Events) -> bool:
    return all(np.array_equal(getattr(a, name), getattr(b, name)) for name in a.__dataclass_fields__)


def test_the_clock_is_fixed() -> None:
    assert datetime(2026, 3, 31, 12, tzinfo=UTC) == NOW
    assert GENERATOR_VERSION == 1


def test_the_same_arguments_give_the_same_account(account: Account) -> None:
    again = generate(2000, 0, 26, "default")
    assert all(same(account.events(kind), again.events(kind)) for kind in KINDS)
    assert account.contacts.email == again.contacts.email
    assert account.links.url == again.links.url
    assert np.array_equal(account.truth.reads_time, again.truth.reads_time)


def test_another_seed_gives_another_account(account: Account) -> None:
    other = generate(seed=1)
    assert not same(account.opens, other.opens)
    assert account.contacts.email != other.contacts.email


@pytest.mark.parametrize(("few", "more"), [(3, 4), (25, 26), (26, 27), (26, 40), (60, 61)])
def test_a_campaign_more_leaves_the_others_alone(few: int, more: int) -> None:
    small, large = generate(300, 5, few), generate(300, 5, more)
    for campaign in small.campaigns.ids:
        for kind in KINDS:
            assert rows_of(small, kind, campaign) == rows_of(large, kind, campaign)
    assert [u for u in large.links.url if u not in small.links.url]


def test_generation_is_quick() -> None:
    started = time.process_time()
    generate(seed=3)
    assert time.process_time() - started < 1.5


def test_sizes(account: Account) -> None:
    assert len(account.contacts) == 2000
    assert 38_000 < len(account.sends) < 50_000
    assert account.campaigns.status.count("SENT") == 26 + 2
    assert {"DRAFT", "SCHEDULED", "DELETED"} <= set(account.campaigns.status)


@pytest.mark.parametrize("kind", KINDS)
def test_events_are_sorted_complete_and_past(account: Account, kind: str) -> None:
    events = account.events(kind)
    assert len(events)
    assert (np.diff(events.time) <= 0).all()
    assert events.time.max() <= NOW_MS
    assert len(account.truth.codes[kind]) == len(events)
    assert set(account.truth.origin(kind)) <= set(ORIGINS)


def test_every_event_follows_its_send(account: Account) -> None:
    size = len(account.contacts)
    key = account.sends.campaign * size + account.sends.contact
    order = np.argsort(key)
    for kind in KINDS[1:]:
        events = account.events(kind)
        mine = events.campaign * size + events.contact
        at = order[np.searchsorted(key[order], mine)]
        assert (key[at] == mine).all()
        assert (events.time >= account.sends.time[at]).all()


def test_nobody_is_mailed_twice_or_after_leaving(account: Account) -> None:
    sends = account.sends
    assert len(pairs(account, "sends")) == len(sends)
    left = np.full(len(account.contacts), 2**62)
    left[account.unsubscribes.contact] = account.unsubscribes.time
    # The list is drawn up when a mailing starts; one may leave while it goes out.
    assert (account.campaigns.sent[sends.campaign] <= left[sends.contact]).all()
    assert len(np.unique(account.unsubscribes.contact)) == len(account.unsubscribes)


def test_clicks_are_on_links_of_their_campaign(account: Account) -> None:
    assert (account.links.campaign[account.clicks.link] == account.clicks.campaign).all()


def test_rates_are_believable(crowd: Account) -> None:
    sent = len(crowd.sends)
    recorded = len(pairs(crowd, "opens")) / sent
    read = len(crowd.truth.reads_time) / sent
    people = len(pairs(crowd, "clicks", "human")) / sent
    assert 0.40 < recorded < 0.50
    assert 0.18 < read < 0.26
    assert 0.016 < people < 0.030
    assert 0.08 < people / read < 0.14
    assert 0.025 < len(crowd.bounces) / sent < 0.036
    assert 0.0015 < len(crowd.unsubscribes) / sent < 0.0030
    assert 0.40 < (np.array(BOUNCE_CODES)[crowd.bounces.code] == "S").mean() < 0.55
    assert 0.0000 < crowd.campaigns.spam_count.sum() / sent < 0.0003
    repeat = crowd.opens.contact.size / len(pairs(crowd, "opens"))
    assert 1.1 < repeat < 1.7


def test_privacy_proxies_open_once_and_often_at_night(crowd: Account) -> None:
    mpp, human = pairs(crowd, "opens", "mpp"), pairs(crowd, "opens", "human")
    assert not np.intersect1d(mpp, human).size
    recorded = pairs(crowd, "opens")
    read = crowd.truth.reads_campaign * len(crowd.contacts) + crowd.truth.reads_contact
    assert 0.45 < np.setdiff1d(recorded, read).size / len(recorded) < 0.60
    assert (crowd.truth.origin("opens") == "mpp").sum() == len(mpp)


def test_scanner_share_follows_the_preset(crowd: Account) -> None:
    business = generate(5000, preset="b2b")
    for account, low, high in ((crowd, 0.13, 0.27), (business, 0.38, 0.60)):
        share = len(pairs(account, "clicks", "scanner")) / len(pairs(account, "clicks"))
        assert low < share < high
        traits = account.truth.traits
        assert not (traits.scanned & ~traits.corporate).any()


def test_blocked_images_leave_clickers_without_an_open(crowd: Account) -> None:
    clickers = pairs(crowd, "clicks", "human")
    assert 0.02 < np.setdiff1d(clickers, pairs(crowd, "opens")).size / clickers.size < 0.08


def test_human_clicks_come_early(crowd: Account) -> None:
    size = len(crowd.contacts)
    sent = dict(
        zip(
            (crowd.sends.campaign * size + crowd.sends.contact).tolist(),
            crowd.sends.time.tolist(),
            strict=True,
        )
    )
    human = crowd.truth.origin("clicks") == "human"
    key = (crowd.clicks.campaign * size + crowd.clicks.contact)[human].tolist()
    hours = (crowd.clicks.time[human] - np.array([sent[k] for k in key])) / 3.6e6
    for limit, low, high in ((1, 0.25, 0.40), (3, 0.42, 0.58), (24, 0.70, 0.88)):
        assert low < (hours < limit).mean() < high


def test_bad_addresses_go_b_s_b_s(crowd: Account) -> None:
    bad = set(np.flatnonzero(crowd.truth.traits.bad_address).tolist())
    codes: dict[int, str] = {}
    for contact, code in zip(crowd.bounces.contact[::-1].tolist(), crowd.bounces.code[::-1].tolist(), strict=True):
        if contact in bad:
            codes[contact] = codes.get(contact, "") + BOUNCE_CODES[code]
    long = [text for text in codes.values() if len(text) > 8]
    assert long
    assert all(text.startswith("BS") and text.count("B") == 2 and text.endswith("SSSS") for text in long)


def test_odd_campaigns_and_links_are_there(account: Account) -> None:
    counts = np.bincount(account.sends.campaign, minlength=len(account.campaigns))
    sent = np.array([status == "SENT" for status in account.campaigns.status])
    assert (counts[sent] == 1).sum() == 1
    assert (counts[sent] == 0).sum() == 1
    assert not counts[~sent].any()
    assert any(len(url) == 1900 for url in account.links.url)
    assert any(not url.isascii() for url in account.links.url)
    assert any("unsubscribe" in url for url in account.links.url)
    for campaign in range(0, 26, 2):
        span = account.campaigns.links(campaign)
        assert account.links.url[span[0]] == account.links.url[span[1]]
    assert len(np.setdiff1d(np.arange(len(account.links)), account.clicks.link)) > 20


def test_ids_look_like_the_services(account: Account) -> None:
    assert account.contacts.ids[:2] == ("1", "2")
    ids = account.campaigns.ids + account.links.ids
    assert len(set(ids)) == len(ids)
    assert all(len(id_) == 13 and id_.isdecimal() for id_ in ids)


def test_addresses_are_examples_only(account: Account) -> None:
    assert len(set(account.contacts.email)) == len(account.contacts)
    allowed = tuple(f"{lead}example.{top}" for lead in "@." for top in ("com", "org", "net"))
    assert all(email.endswith(allowed) and email.isascii() for email in account.contacts.email)
    assert all(email.endswith(allowed) for email in account.contacts.former_email)
    for url in account.links.url:
        host = url.split("/")[2]
        assert host.endswith((".example.org", ".example.com", ".example.net"))
    assert any(not name.isascii() for name in account.contacts.first_name)
    firms = {
        email.split("@")[1]
        for email, firm in zip(account.contacts.email, account.contacts.company_name, strict=True)
        if firm
    }
    assert len(firms) > 30


def test_some_contacts_never_did_anything(account: Account) -> None:
    assert len(np.setdiff1d(np.arange(len(account.contacts)), account.sends.contact)) > 10


@pytest.mark.parametrize("seed", range(6))
def test_featured_contact_and_campaign_are_rich(seed: int) -> None:
    account = generate(seed=seed)
    assert account.featured_contact == "36"
    at = account.contact_at["36"]
    assert (account.sends.contact == at).sum() >= 20
    assert (account.clicks.contact == at).sum() >= 12
    campaign = account.campaign_at[account.featured_campaign]
    assert all((account.events(kind).campaign == campaign).any() for kind in KINDS)
    assert 1000 < (account.sends.campaign == campaign).sum() < 2000


@pytest.mark.parametrize(("contacts", "campaigns"), [(1, 1), (1, 0), (2, 5), (7, 26), (40, 0), (36, 3)])
def test_tiny_accounts_work(contacts: int, campaigns: int) -> None:
    account = generate(contacts, 0, campaigns)
    assert account.featured_contact in account.contact_at
    assert account.featured_campaign in account.campaign_at


@pytest.mark.parametrize("wrong", [{"contacts": 0}, {"seed": -1}, {"campaigns": -1}, {"preset": "c2c"}])
def test_wrong_arguments_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError):
        generate(**wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        generate(contacts=2.5)  # type: ignore[arg-type]


def test_no_wall_clock_and_no_heavy_import_in_the_generator() -> None:
    import cctrack.demo_account.account as module

    for path in Path(module.__file__).parent.glob("*.py"):
        text = path.read_text(encoding="utf-8")
        assert "import pandas" not in text
        assert "datetime.now" not in text
        assert "time.time(" not in text
