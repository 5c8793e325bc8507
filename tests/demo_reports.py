"""What the reports say of a demo account, over a server on loopback, with or without the service's oddities."""

from pathlib import Path

import pandas as pd

import cctrack
from cctrack.demo_account.account import Account
from cctrack.demo_account.quirks import Quirks
from cctrack.demo_account.server import DemoServer


def reports_of(account: Account, folder: Path, quirks: Quirks | None = None) -> dict[str, pd.DataFrame]:
    """Ask for activities, campaigns with details, and the three kinds of summaries; of contacts those of 25."""
    with (
        DemoServer(account, quirks, api_key="key", access_token="token") as server,
        cctrack.connect("key", "token", base_url=server.url, cache_dir=folder, rate=1000) as session,
    ):
        campaigns = cctrack.campaigns_df(session=session)
        ids = campaigns["campaign_id"]
        contacts = list(account.contacts.ids[:25])
        return {
            "activities": cctrack.account_activities_df(session=session),
            "campaigns": campaigns,
            "summaries": cctrack.campaign_summary_df(ids, session=session),
            "of_contacts": cctrack.activities_df(contacts, session=session),
            "contacts": cctrack.summary_df(contacts, session=session),
            "recipients": cctrack.summary_by_campaign_df(contacts, session=session),
            "updated": cctrack.campaign_summary_df(ids, update_summary=True, session=session),
            "details": cctrack.campaigns_df(details=True, session=session),
        }
