"""Requests, counted at the server: a warm repeat, an increment, and the clicks of a whole account by two routes.

Both routes to the clicks of 10,000 contacts are really taken, not reckoned.
"""

from pathlib import Path

import pandas as pd
from clock import Clock
from reliability.figures import Figure, at_most, exactly, told
from service import Service, campaign, campaign_detail, click, link
from sessions import CLICKS, clicks, ids_of, link_ids, session_on

import cctrack

_PAGES = 40
_CAMPAIGNS = 50
_EACH = 2  # clicks of a contact


def _increments(folder: Path, size: int) -> list[Figure]:
    """Hold a report of 40 pages, and bring it up to date."""
    rows = clicks(_PAGES * size)
    clock = Clock(pd.Timestamp("2026-03-02T16:00:00Z").timestamp())
    for place, row in enumerate(rows):  # a row an hour: a day's look-back is less than a page
        when = pd.Timestamp("2026-03-02T15:00:00Z") - pd.Timedelta(hours=place)
        row["click_date"] = f"{when:%Y-%m-%dT%H:%M:%S}.000Z"
    with Service() as service, session_on(service, folder, clock) as session:
        service.rows(CLICKS, rows)
        counts, right = {}, 0

        def asked(name: str, *, refresh: bool) -> None:
            nonlocal right
            service.reset()
            frame = cctrack.clicks_df("36", limit=size, refresh=refresh, session=session)
            right += link_ids(frame) == ids_of(rows)
            counts[name] = service.hits()

        asked("cold", refresh=False)
        asked("warm", refresh=False)
        asked("refresh, nothing new", refresh=True)
        for number in range(3):
            rows.insert(0, click(link_id=f"new{number}", date=f"2026-03-02T15:3{number}:00.000Z"))
        asked("refresh, three rows new", refresh=True)
        clock.advance(3601)
        asked("after an hour", refresh=False)
    with Service() as service, session_on(service, folder, clock) as session:
        service.rows(CLICKS, rows)
        asked("warm, another session", refresh=False)
    return [
        exactly("sent", "40 pages, cold: requests (page one is read again)", counts["cold"], _PAGES + 1),
        exactly("sent", "40 pages, warm: requests", counts["warm"] + counts["warm, another session"]),
        at_most("sent", "40 pages, refresh without news: requests", counts["refresh, nothing new"], 2),
        at_most("sent", "40 pages, refresh with three new rows: requests", counts["refresh, three rows new"], 2),
        at_most("sent", "40 pages, asked after they expired: requests", counts["after an hour"], 2),
        exactly("sent", "40 pages: answers that were the server's rows", right, 6),
    ]


def _routes(folder: Path, contacts: int) -> list[Figure]:
    """Ask for all clicks by contact, and by campaign."""
    ids = [str(number) for number in range(1, contacts + 1)]
    campaigns = [str(1100000000001 + number) for number in range(_CAMPAIGNS)]
    events = []
    newest = pd.Timestamp("2026-03-02T15:00:00Z")
    for place, one in enumerate(ids):
        for number in range(_EACH):
            when = newest - pd.Timedelta(seconds=_EACH * place + number)
            chosen = (place + 7 * number) % _CAMPAIGNS
            uri = {"link_id": f"{chosen}", "link_uri": f"https://shop.example.org/{chosen}"}
            events.append(click(one, campaigns[chosen], f"{when:%Y-%m-%dT%H:%M:%S}.000Z", **uri))
    with Service() as service, session_on(service, folder / "routes") as session:
        by_contact: dict[str, list[dict[str, object]]] = {one: [] for one in ids}
        by_campaign: dict[str, list[dict[str, object]]] = {one: [] for one in campaigns}
        for row in events:
            by_contact[row["contact_id"]].append(row)
            by_campaign[row["campaign_id"]].append({key: row[key] for key in row if key != "link_uri"})
        for one, rows in by_contact.items():
            service.rows(f"/v2/contacts/{one}/tracking/clicks", rows)
        service.rows("/v2/emailmarketing/campaigns", [campaign(one) for one in campaigns], maximum=50)
        for place, (one, rows) in enumerate(by_campaign.items()):
            base = f"/v2/emailmarketing/campaigns/{one}"
            service.rows(f"{base}/tracking/clicks", rows)
            uri = f"https://shop.example.org/{place}"
            service.json(base, campaign_detail(one, click_through_details=[link(url=uri, url_uid=f"{place}")]))
        long = cctrack.clicks_df(ids, session=session)
        asked_contacts = service.hits()
        service.reset()
        short = cctrack.clicks_df(ids, route="campaigns", session=session)
        asked_campaigns = service.hits()
    order = ["contact_id", "click_date", "link_id"]
    same = long.sort_values(order, ignore_index=True).equals(short.sort_values(order, ignore_index=True))
    return [
        exactly("sent", f"all clicks of {contacts:,} contacts, by contact: requests", asked_contacts, contacts),
        at_most("sent", f"the same by campaign ({_CAMPAIGNS} of them): requests", asked_campaigns, 2 * _CAMPAIGNS + 1),
        exactly("sent", "rows that differ between the two", 0 if same else len(events), of=len(long)),
        told("sent", "requests saved", f"{100 * (1 - asked_campaigns / asked_contacts):.1f} %"),
    ]


def run(folder: Path, *, quick: bool, seed: int) -> list[Figure]:
    """Count both."""
    return _increments(folder, 100 if quick else 500) + _routes(folder, 300 if quick else 10_000)
