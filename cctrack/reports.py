"""The public report functions: each checks its arguments and asks by the one path there is.

The Parameters and the column table of each docstring come from the declaration in `cctrack.catalog`.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any, Literal

import numpy as np
import pandas as pd

from cctrack import catalog
from cctrack.api.session import Session
from cctrack.connecting import current
from cctrack.errors import ResponseError
from cctrack.fetching import fetch
from cctrack.inputs import (
    address,
    choice,
    flag,
    identifiers,
    instant,
    one_identifier,
    page_size,
    wire_time,
    word,
)
from cctrack.origin import KEY, described_ids, joined
from cctrack.request import Request
from cctrack.schema import DTYPES, Report, serves

Id = str | int | float
Ids = Id | Iterable[Id]
When = str | date | datetime | pd.Timestamp | np.datetime64
Route = Literal["contacts", "campaigns"]
OnMissing = Literal["raise", "skip"]

_OF_ALL_CALLS = ("fetched_at", "from_cache", "calls", "pages", "complete")
_NOT_SEEN = [
    "events of campaigns that were deleted, and of those that `missing` names",
    "contacts that the service does not know: they have no rows, as those without events",
    "the clock of the contacts' reports, which may differ by hours from that of the campaigns' reports",
]


def _events(
    report: Report,
    ids: Ids,
    created_since: When | None,
    limit: int,
    refresh: bool,
    progress: bool | None,
    on_missing: str,
    session: Session | None,
    *,
    fixed: dict[str, str] | None = None,
    options: dict[str, str] | None = None,
    key: str | None = None,
    details: bool = False,
) -> pd.DataFrame:
    """Check the arguments of a report of one or many ids and fetch it."""
    key = key or report.keys[-1]
    since = instant(created_since, "created_since")
    request = Request(
        report,
        key=key,
        ids=identifiers(ids, key),
        fixed=fixed or {},
        options={**(options or {}), **({"created_since": wire_time(since)} if since is not None else {})},
        since=since,
        limit=page_size(limit),
        refresh=flag(refresh, "refresh"),
        progress=None if progress is None else flag(progress, "progress"),
        skip_missing=choice(on_missing, ("raise", "skip"), "on_missing") == "skip",
        route="contacts" if "route" in report.options else None,
        details=details,
    )
    return fetch(request, current(session))


def _contact_events(
    report: Report,
    contact_id: Ids,
    created_since: When | None,
    route: str,
    details: bool,
    limit: int,
    refresh: bool,
    progress: bool | None,
    on_missing: str,
    session: Session | None,
) -> pd.DataFrame:
    """Fetch events of contacts, from their own reports or out of those of the campaigns."""
    wanted_too = flag(details, "details")
    if choice(route, ("contacts", "campaigns"), "route") == "contacts":
        return _events(
            report, contact_id, created_since, limit, refresh, progress, on_missing, session, details=wanted_too
        )
    wanted = identifiers(contact_id, "contact_id")
    choice(on_missing, ("raise", "skip"), "on_missing")
    instant(created_since, "created_since")
    if progress is not None:
        flag(progress, "progress")
    session = current(session)
    campaigns = campaigns_df(limit=limit, refresh=refresh, session=session) if wanted else None
    ids = [] if campaigns is None else _listed(campaigns)
    whole = _events(catalog.BY_CAMPAIGN[report], ids, created_since, limit, refresh, progress, "skip", session)
    places = {one.lower(): place for place, one in reversed(list(enumerate(wanted)))}  # a UUID is one in either case
    frame = whole[whole["contact_id"].str.lower().isin(places)]
    parts = [whole.attrs[KEY]] if campaigns is None else [campaigns.attrs[KEY], whole.attrs[KEY]]
    if "link_uri" in frame and len(frame):
        frame, links = _with_addresses(frame, limit, refresh, session)
        parts += links
    frame = _shaped(frame, session.given(report).report)
    position = frame["contact_id"].str.lower().map(places).astype("int64")
    frame = frame.assign(_position=position).sort_values(
        ["_position", str(report.since)], kind="stable", ignore_index=True
    )
    frame = frame.drop(columns="_position")
    told = joined(report.name, parts)
    frame.attrs = {
        KEY: {
            **told,
            "created_since": whole.attrs[KEY]["created_since"],
            "route": "campaigns",
            "ids": described_ids(wanted),
            "not_seen": _NOT_SEEN,
        }
    }
    return frame


def _listed(campaigns: pd.DataFrame) -> list[str]:
    """Give the ids of the campaigns that the service lists."""
    try:
        return identifiers(campaigns["campaign_id"].dropna(), "campaign_id")
    except ValueError as error:  # no argument of the caller's
        raise ResponseError(
            f"the service lists a campaign that cannot be asked for ({error}); try again later", retryable=True
        ) from error


def _shaped(frame: pd.DataFrame, report: Report) -> pd.DataFrame:
    """Give a frame the columns of a report, whichever way its rows came."""
    lacks = {column.name: DTYPES[column.kind] for column in report.columns if column.name not in frame}
    return frame.assign(**{name: pd.Series(pd.NA, frame.index, dtype) for name, dtype in lacks.items()})[
        list(report.names)
    ]


def _with_addresses(
    frame: pd.DataFrame, limit: int, refresh: bool, session: Session
) -> tuple[pd.DataFrame, list[dict[str, Any]]]:
    """Fill in where links lead, which campaigns' reports may leave out."""
    without = frame["link_uri"].isna() & frame["link_id"].notna()
    if not without.any():
        return frame, []
    links = _events(catalog.LINKS, _listed(frame[without]), None, limit, refresh, None, "skip", session)
    known = links.drop_duplicates(["campaign_id", "link_id"]).set_index(["campaign_id", "link_id"])["link_uri"]
    asked = pd.MultiIndex.from_frame(frame[["campaign_id", "link_id"]])
    found = pd.Series(known.reindex(asked).array, index=frame.index)
    return frame.assign(link_uri=frame["link_uri"].fillna(found)), [links.attrs[KEY]]


def _whole_account(
    report: Report,
    options: dict[str, str],
    status: str | None,
    modified_since: When | None,
    limit: int,
    refresh: bool,
    progress: bool | None,
    session: Session | None,
) -> pd.DataFrame:
    """Check the arguments of a report of the whole account and fetch it."""
    since = instant(modified_since, "modified_since")
    chosen = word(status, "status")
    filters = dict(options)
    if chosen is not None:
        filters["status"] = chosen
    if since is not None:
        filters["modified_since"] = wire_time(since)
    request = Request(
        report,
        options=filters,
        since=since,
        limit=page_size(limit),
        refresh=flag(refresh, "refresh"),
        progress=None if progress is None else flag(progress, "progress"),
    )
    return fetch(request, current(session))


@serves(catalog.CLICKS)
def clicks_df(
    contact_id: Ids,
    *,
    created_since: When | None = None,
    route: Route = "contacts",
    details: bool = False,
    limit: int = 500,
    refresh: bool = False,
    progress: bool | None = None,
    on_missing: OnMissing = "raise",
    session: Session | None = None,
) -> pd.DataFrame:
    """Clicks of a contact; one row is one click.

    Notes
    -----
    The same link clicked twice is two rows; see `analysis.link_popularity` for counts by contact. Rows
    come as the service lists them, not in a promised order. Where it pages by time, it may itself skip
    rows that share a millisecond: no client can see those.
    """
    return _contact_events(
        catalog.CLICKS, contact_id, created_since, route, details, limit, refresh, progress, on_missing, session
    )


@serves(catalog.OPENS)
def opens_df(
    contact_id: Ids,
    *,
    created_since: When | None = None,
    route: Route = "contacts",
    details: bool = False,
    limit: int = 500,
    refresh: bool = False,
    progress: bool | None = None,
    on_missing: OnMissing = "raise",
    session: Session | None = None,
) -> pd.DataFrame:
    """Opens by a contact; one row is one open.

    Notes
    -----
    Opens are loads of the mail's images: mail programs that load them ahead count too, those that block
    them do not. Rows come as the service lists them, not in a promised order. Where it pages by time,
    it may itself skip rows that share a millisecond: no client can see those.
    """
    return _contact_events(
        catalog.OPENS, contact_id, created_since, route, details, limit, refresh, progress, on_missing, session
    )


@serves(catalog.SENDS)
def sends_df(
    contact_id: Ids,
    *,
    created_since: When | None = None,
    route: Route = "contacts",
    details: bool = False,
    limit: int = 500,
    refresh: bool = False,
    progress: bool | None = None,
    on_missing: OnMissing = "raise",
    session: Session | None = None,
) -> pd.DataFrame:
    """Sends to a contact; one row is one mail sent.

    Notes
    -----
    The service lists about 180 days; the counts of `summary_df` may reach further back. Rows come as
    the service lists them, not in a promised order. Where it pages by time, it may itself skip rows
    that share a millisecond: no client can see those.
    """
    return _contact_events(
        catalog.SENDS, contact_id, created_since, route, details, limit, refresh, progress, on_missing, session
    )


@serves(catalog.FORWARDS)
def forwards_df(
    contact_id: Ids,
    *,
    created_since: When | None = None,
    route: Route = "contacts",
    details: bool = False,
    limit: int = 500,
    refresh: bool = False,
    progress: bool | None = None,
    on_missing: OnMissing = "raise",
    session: Session | None = None,
) -> pd.DataFrame:
    """Forwards by a contact; one row is one forward by the mail's own link.

    Notes
    -----
    What a contact forwards with the mail program is not seen by the service. Rows come as the service
    lists them, not in a promised order. Where it pages by time, it may itself skip rows that share a
    millisecond: no client can see those.
    """
    return _contact_events(
        catalog.FORWARDS, contact_id, created_since, route, details, limit, refresh, progress, on_missing, session
    )


@serves(catalog.BOUNCES)
def bounces_df(
    contact_id: Ids,
    *,
    created_since: When | None = None,
    route: Route = "contacts",
    details: bool = False,
    limit: int = 500,
    refresh: bool = False,
    progress: bool | None = None,
    on_missing: OnMissing = "raise",
    session: Session | None = None,
) -> pd.DataFrame:
    """Bounces of a contact; one row is one mail that came back.

    Notes
    -----
    Code V is an automatic reply: that mail was delivered. Rows come as the service lists them, not in a
    promised order. Where it pages by time, it may itself skip rows that share a millisecond: no client
    can see those.
    """
    return _contact_events(
        catalog.BOUNCES, contact_id, created_since, route, details, limit, refresh, progress, on_missing, session
    )


@serves(catalog.UNSUBSCRIBES)
def unsubscribes_df(
    contact_id: Ids,
    *,
    created_since: When | None = None,
    route: Route = "contacts",
    details: bool = False,
    limit: int = 500,
    refresh: bool = False,
    progress: bool | None = None,
    on_missing: OnMissing = "raise",
    session: Session | None = None,
) -> pd.DataFrame:
    """Unsubscribes of a contact; one row is one unsubscribe.

    Notes
    -----
    What the service means by `ACTION_BY_CUSTOMER` is not documented: it may be the account's owner.
    Rows come as the service lists them, not in a promised order. Where it pages by time, it may itself
    skip rows that share a millisecond: no client can see those.
    """
    return _contact_events(
        catalog.UNSUBSCRIBES, contact_id, created_since, route, details, limit, refresh, progress, on_missing, session
    )


@serves(catalog.ACTIVITIES)
def activities_df(
    contact_id: Ids,
    *,
    created_since: When | None = None,
    route: Route = "contacts",
    details: bool = False,
    limit: int = 500,
    refresh: bool = False,
    progress: bool | None = None,
    on_missing: OnMissing = "raise",
    session: Session | None = None,
) -> pd.DataFrame:
    """All that a contact did or was sent; one row is one activity of any type.

    Notes
    -----
    Columns that an activity type does not have are NA in its rows. Rows come as the service lists them,
    not in a promised order. Where it pages by time, it may itself skip rows that share a millisecond:
    no client can see those.
    """
    return _contact_events(
        catalog.ACTIVITIES, contact_id, created_since, route, details, limit, refresh, progress, on_missing, session
    )


@serves(catalog.CAMPAIGN_CLICKS)
def campaign_clicks_df(
    campaign_id: Ids,
    *,
    created_since: When | None = None,
    limit: int = 500,
    refresh: bool = False,
    progress: bool | None = None,
    on_missing: OnMissing = "raise",
    session: Session | None = None,
) -> pd.DataFrame:
    """Clicks in a campaign; one row is one click.

    Notes
    -----
    The service may leave `link_uri` out; `cctrack.links_df` has the addresses by `link_id`. Rows come
    as the service lists them. Where it pages by time, it may itself skip rows that share a millisecond:
    no client can see those.
    """
    return _events(catalog.CAMPAIGN_CLICKS, campaign_id, created_since, limit, refresh, progress, on_missing, session)


@serves(catalog.CAMPAIGN_OPENS)
def campaign_opens_df(
    campaign_id: Ids,
    *,
    created_since: When | None = None,
    limit: int = 500,
    refresh: bool = False,
    progress: bool | None = None,
    on_missing: OnMissing = "raise",
    session: Session | None = None,
) -> pd.DataFrame:
    """Opens of a campaign; one row is one open.

    Notes
    -----
    The summary's `opens` counts recipients, not opens. Rows come as the service lists them. Where it
    pages by time, it may itself skip rows that share a millisecond: no client can see those.
    """
    return _events(catalog.CAMPAIGN_OPENS, campaign_id, created_since, limit, refresh, progress, on_missing, session)


@serves(catalog.CAMPAIGN_SENDS)
def campaign_sends_df(
    campaign_id: Ids,
    *,
    created_since: When | None = None,
    limit: int = 500,
    refresh: bool = False,
    progress: bool | None = None,
    on_missing: OnMissing = "raise",
    session: Session | None = None,
) -> pd.DataFrame:
    """Sends of a campaign; one row is one mail sent.

    Notes
    -----
    Rows come as the service lists them. Where it pages by time, it may itself skip rows that share a
    millisecond: no client can see those.
    """
    return _events(catalog.CAMPAIGN_SENDS, campaign_id, created_since, limit, refresh, progress, on_missing, session)


@serves(catalog.CAMPAIGN_FORWARDS)
def campaign_forwards_df(
    campaign_id: Ids,
    *,
    created_since: When | None = None,
    limit: int = 500,
    refresh: bool = False,
    progress: bool | None = None,
    on_missing: OnMissing = "raise",
    session: Session | None = None,
) -> pd.DataFrame:
    """Forwards of a campaign; one row is one forward by the mail's own link.

    Notes
    -----
    Whose address the row carries is not documented. Rows come as the service lists them. Where it pages
    by time, it may itself skip rows that share a millisecond: no client can see those.
    """
    return _events(catalog.CAMPAIGN_FORWARDS, campaign_id, created_since, limit, refresh, progress, on_missing, session)


@serves(catalog.CAMPAIGN_BOUNCES)
def campaign_bounces_df(
    campaign_id: Ids,
    *,
    created_since: When | None = None,
    limit: int = 500,
    refresh: bool = False,
    progress: bool | None = None,
    on_missing: OnMissing = "raise",
    session: Session | None = None,
) -> pd.DataFrame:
    """Bounces of a campaign; one row is one mail that came back.

    Notes
    -----
    Code V is an automatic reply: that mail was delivered. Rows come as the service lists them. Where it
    pages by time, it may itself skip rows that share a millisecond: no client can see those.
    """
    return _events(catalog.CAMPAIGN_BOUNCES, campaign_id, created_since, limit, refresh, progress, on_missing, session)


@serves(catalog.CAMPAIGN_UNSUBSCRIBES)
def campaign_unsubscribes_df(
    campaign_id: Ids,
    *,
    created_since: When | None = None,
    limit: int = 500,
    refresh: bool = False,
    progress: bool | None = None,
    on_missing: OnMissing = "raise",
    session: Session | None = None,
) -> pd.DataFrame:
    """Unsubscribes after a campaign; one row is one unsubscribe.

    Notes
    -----
    Rows come as the service lists them. Where it pages by time, it may itself skip rows that share a
    millisecond: no client can see those.
    """
    return _events(
        catalog.CAMPAIGN_UNSUBSCRIBES,
        campaign_id,
        created_since,
        limit,
        refresh,
        progress,
        on_missing,
        session,
    )


@serves(catalog.CAMPAIGN_ACTIVITIES)
def campaign_activities_df(
    campaign_id: Ids,
    *,
    created_since: When | None = None,
    limit: int = 500,
    refresh: bool = False,
    progress: bool | None = None,
    on_missing: OnMissing = "raise",
    session: Session | None = None,
) -> pd.DataFrame:
    """All that happened to a campaign; one row is one activity of any type.

    Notes
    -----
    Six walks a campaign, its rows sorted by `activity_date`; campaigns in the order given. Where the
    service pages by time, it may itself skip rows that share a millisecond: no client can see those.
    """
    return _events(
        catalog.CAMPAIGN_ACTIVITIES, campaign_id, created_since, limit, refresh, progress, on_missing, session
    )


@serves(catalog.CAMPAIGN_DID_NOT_OPENS)
def campaign_did_not_opens_df(
    campaign_id: Ids,
    *,
    created_since: When | None = None,
    limit: int = 500,
    refresh: bool = False,
    progress: bool | None = None,
    on_missing: OnMissing = "raise",
    session: Session | None = None,
) -> pd.DataFrame:
    """Contacts that did not open a campaign; one row is one contact.

    Notes
    -----
    Only the v3 API has this report; `open_date` is the time of the send there, and the activity type is
    EMAIL_DID_NOT_OPEN, so that no row is ever counted as an open. Rows come as the service lists them.
    Where it pages by time, it may itself skip rows that share a millisecond: no client can see those.
    """
    return _events(
        catalog.CAMPAIGN_DID_NOT_OPENS,
        campaign_id,
        created_since,
        limit,
        refresh,
        progress,
        on_missing,
        session,
    )


@serves(catalog.CAMPAIGN_UNIQUE_OPENS)
def campaign_unique_opens_df(
    campaign_id: Ids,
    *,
    created_since: When | None = None,
    limit: int = 500,
    refresh: bool = False,
    progress: bool | None = None,
    on_missing: OnMissing = "raise",
    session: Session | None = None,
) -> pd.DataFrame:
    """Contacts that opened a campaign; one row is one contact.

    Notes
    -----
    Only the v3 API has this report; the row is the contact's latest open. Rows come as the service
    lists them. Where it pages by time, it may itself skip rows that share a millisecond: no client can
    see those.
    """
    return _events(
        catalog.CAMPAIGN_UNIQUE_OPENS,
        campaign_id,
        created_since,
        limit,
        refresh,
        progress,
        on_missing,
        session,
    )


@serves(catalog.CAMPAIGN_LINK_CLICKS)
def campaign_link_clicks_df(
    campaign_id: Id,
    link_id: Ids,
    *,
    created_since: When | None = None,
    limit: int = 500,
    refresh: bool = False,
    progress: bool | None = None,
    on_missing: OnMissing = "raise",
    session: Session | None = None,
) -> pd.DataFrame:
    """Clicks on links of one campaign; one row is one click.

    Notes
    -----
    A link's id is the service's own for this campaign: the same address has another id in another campaign.
    Rows come as the service lists them. Where it pages by time, it may itself skip rows that share a
    millisecond: no client can see those.
    """
    campaign = one_identifier(campaign_id, "campaign_id")
    return _events(
        catalog.CAMPAIGN_LINK_CLICKS,
        link_id,
        created_since,
        limit,
        refresh,
        progress,
        on_missing,
        session,
        fixed={"campaign_id": campaign},
    )


@serves(catalog.SUMMARY)
def summary_df(
    contact_id: Ids,
    *,
    limit: int = 500,
    refresh: bool = False,
    progress: bool | None = None,
    on_missing: OnMissing = "raise",
    session: Session | None = None,
) -> pd.DataFrame:
    """Totals of a contact; one row is one contact.

    Notes
    -----
    The counts are activities, repeats included: five opens of one mail are five.
    """
    return _events(catalog.SUMMARY, contact_id, None, limit, refresh, progress, on_missing, session)


@serves(catalog.SUMMARY_BY_CAMPAIGN)
def summary_by_campaign_df(
    contact_id: Ids,
    *,
    limit: int = 500,
    refresh: bool = False,
    progress: bool | None = None,
    on_missing: OnMissing = "raise",
    session: Session | None = None,
) -> pd.DataFrame:
    """Totals of a contact by campaign; one row is one campaign sent to the contact.

    Notes
    -----
    On v2 `clicks` are distinct links here, where `summary_df` counts clicks, and the service gives no sends and no
    unsubscribes in this report; v3 counts every click, and adds both as columns.
    """
    return _events(catalog.SUMMARY_BY_CAMPAIGN, contact_id, None, limit, refresh, progress, on_missing, session)


@serves(catalog.CAMPAIGN_SUMMARY)
def campaign_summary_df(
    campaign_id: Ids,
    *,
    update_summary: bool = False,
    limit: int = 500,
    refresh: bool = False,
    progress: bool | None = None,
    on_missing: OnMissing = "raise",
    session: Session | None = None,
) -> pd.DataFrame:
    """Totals of a campaign; one row is one campaign.

    Notes
    -----
    Opens, clicks and forwards are recipients, not events. Without `update_summary` they are of the service's last
    count, so they may lag behind the rows of the other reports.
    """
    options = {"update_summary": "true"} if flag(update_summary, "update_summary") else {}
    return _events(
        catalog.CAMPAIGN_SUMMARY,
        campaign_id,
        None,
        limit,
        refresh,
        progress,
        on_missing,
        session,
        options=options,
    )


@serves(catalog.LINKS)
def links_df(
    campaign_id: Ids,
    *,
    limit: int = 500,
    refresh: bool = False,
    progress: bool | None = None,
    on_missing: OnMissing = "raise",
    session: Session | None = None,
) -> pd.DataFrame:
    """Tracked links of a campaign, clicked or not; one row is one link.

    Notes
    -----
    One address may stand under several ids. Drafts have no links yet.
    """
    return _events(catalog.LINKS, campaign_id, None, limit, refresh, progress, on_missing, session)


@serves(catalog.LIST_MEMBERS)
def list_members_df(
    list_id: Ids,
    *,
    limit: int = 500,
    refresh: bool = False,
    progress: bool | None = None,
    on_missing: OnMissing = "raise",
    session: Session | None = None,
) -> pd.DataFrame:
    """Contacts on a list; one row is one contact on one list."""
    return _events(catalog.LIST_MEMBERS, list_id, None, limit, refresh, progress, on_missing, session)


@serves(catalog.CONTACTS)
def contacts_df(
    *,
    email: str | None = None,
    status: str | None = None,
    modified_since: When | None = None,
    limit: int = 500,
    refresh: bool = False,
    session: Session | None = None,
) -> pd.DataFrame:
    """Contacts of the account; one row is one contact.

    Notes
    -----
    The service searches by whole addresses only; an address that nobody has gives an empty frame. A contact who
    takes text messages alone has no status and is listed whatever is asked for.
    """
    whole = address(email, "email")
    options = {"email": whole} if whole else {}
    return _whole_account(catalog.CONTACTS, options, status, modified_since, limit, refresh, None, session)


@serves(catalog.LISTS)
def lists_df(
    *,
    modified_since: When | None = None,
    limit: int = 500,
    refresh: bool = False,
    session: Session | None = None,
) -> pd.DataFrame:
    """Contact lists of the account; one row is one list."""
    return _whole_account(catalog.LISTS, {}, None, modified_since, limit, refresh, None, session)


@serves(catalog.CAMPAIGNS)
def campaigns_df(
    *,
    status: str | None = "SENT",
    modified_since: When | None = None,
    details: bool = False,
    limit: int = 500,
    refresh: bool = False,
    progress: bool | None = None,
    session: Session | None = None,
) -> pd.DataFrame:
    """Campaigns of the account; one row is one campaign.

    Notes
    -----
    With `details=True` the columns `subject last_run_date sends opens clicks forwards unsubscribes bounces
    spam_count` follow; they are NA for a campaign that the service lists but does not show. `status=None` lists
    campaigns of every status but the deleted ones, which only `status="DELETED"` lists.
    """
    further = flag(details, "details")
    session = current(session)
    table = _whole_account(catalog.CAMPAIGNS, {}, status, modified_since, limit, refresh, progress, session)
    if not further:
        return table
    found = _events(
        catalog.CAMPAIGN_DETAILS,
        _listed(table),
        None,
        limit,
        refresh,
        progress,
        "skip",
        session,
    )
    by_id = found.set_index("campaign_id").reindex(table["campaign_id"]).reset_index(drop=True)
    whole = pd.concat([table, by_id], axis=1)
    whole.attrs = {KEY: joined(catalog.CAMPAIGNS.name, [table.attrs[KEY], found.attrs[KEY]])}
    return whole


@serves(catalog.ACCOUNT_ACTIVITIES)
def account_activities_df(
    *,
    created_since: When | None = None,
    status: str | None = "SENT",
    limit: int = 500,
    refresh: bool = False,
    progress: bool | None = None,
    session: Session | None = None,
) -> pd.DataFrame:
    """All that happened in the account's campaigns; one row is one activity, sorted by `activity_date`.

    Notes
    -----
    One call for the list of campaigns and six walks for each. A campaign that is deleted meanwhile is left out and
    stands in the provenance as missing. Where the service pages by time, it may itself skip rows that share a
    millisecond: no client can see those.
    """
    instant(created_since, "created_since")  # wrong ones are to be refused before the campaigns are asked for
    if progress is not None:
        flag(progress, "progress")
    session = current(session)
    campaigns = campaigns_df(status=status, limit=limit, refresh=refresh, session=session)
    whole = _events(
        catalog.ACCOUNT_ACTIVITIES,
        _listed(campaigns),
        created_since,
        limit,
        refresh,
        progress,
        "skip",
        session,
        key="campaign_id",
    )
    told = whole.attrs[KEY]
    # A list of campaigns that is not whole makes a table that is not.
    both = joined(told["report"], [campaigns.attrs[KEY], told])
    whole.attrs = {KEY: {**told, **{name: both[name] for name in _OF_ALL_CALLS}}}
    return whole
