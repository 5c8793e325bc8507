"""Every report, once, as data."""

from dataclasses import replace

from cctrack.schema import Column, Report

_TYPE = Column("activity_type", "activity", "What happened; one of six values, or one never seen before.")
_CAMPAIGN = Column("campaign_id", "id", "The campaign.")
_CONTACT = Column("contact_id", "id", "The contact.")
_ADDRESS = Column("email_address", "text", "The address that the mail was sent to.")
_EVENT = (_TYPE, _CAMPAIGN, _CONTACT, _ADDRESS)

_LINK = Column("link_id", "id", "The link, as the service numbers it within the campaign.")
_URI = Column("link_uri", "text", "Where the link leads.")

SEND_DATE = Column("send_date", "date", "When it was sent.")
OPEN_DATE = Column("open_date", "date", "When its images were loaded.")
CLICK_DATE = Column("click_date", "date", "When the link was followed.")
FORWARD_DATE = Column("forward_date", "date", "When it was forwarded by the mail's own link.")
BOUNCE_DATE = Column("bounce_date", "date", "When it came back.")
UNSUBSCRIBE_DATE = Column("unsubscribe_date", "date", "When the contact was unsubscribed.")

# The type's own date, by activity type: there is no event time common to all.
DATE_OF = {
    "EMAIL_SEND": SEND_DATE.name,
    "EMAIL_OPEN": OPEN_DATE.name,
    "EMAIL_CLICK": CLICK_DATE.name,
    "EMAIL_FORWARD": FORWARD_DATE.name,
    "EMAIL_BOUNCE": BOUNCE_DATE.name,
    "EMAIL_UNSUBSCRIBE": UNSUBSCRIBE_DATE.name,
}

_CODE = Column("bounce_code", "text", "B, D, F, S, V (was delivered), X or Z; others are kept as they come.")
_DESCRIPTION = Column("bounce_description", "text", "The service's words for the code.")
_MESSAGE = Column("bounce_message", "text", "What the other mail system said; often empty.")
_SOURCE = Column("unsubscribe_source", "text", "Who did it, in the service's words.")
_REASON = Column("unsubscribe_reason", "text", "What the contact gave as the reason; often empty.")

_SENDS = (*_EVENT, SEND_DATE)
_OPENS = (*_EVENT, OPEN_DATE)
_CLICKS = (*_EVENT, _LINK, _URI, CLICK_DATE)
_FORWARDS = (*_EVENT, FORWARD_DATE)
_BOUNCES = (*_EVENT, _CODE, _DESCRIPTION, _MESSAGE, BOUNCE_DATE)
_UNSUBSCRIBES = (*_EVENT, _SOURCE, _REASON, UNSUBSCRIBE_DATE)


def _optional(column: Column, only: str | None = None) -> Column:
    return replace(column, optional=True, only=only)


# The service may leave the address of a link out of the campaigns' click rows.
_CAMPAIGN_CLICKS = tuple(_optional(column) if column is _URI else column for column in _CLICKS)

_ACTIVITY_DATE = Column("activity_date", "date", "When it happened: the activity type's own date.")
_ACTIVITIES = (
    _TYPE,
    _ACTIVITY_DATE,
    _CAMPAIGN,
    _CONTACT,
    _ADDRESS,
    *(_optional(column, "EMAIL_CLICK") for column in (_LINK, _URI)),
    *(_optional(column, "EMAIL_BOUNCE") for column in (_CODE, _DESCRIPTION, _MESSAGE)),
    *(_optional(column, "EMAIL_UNSUBSCRIBE") for column in (_SOURCE, _REASON)),
)

_COMMON = ("limit", "refresh")
_MANY = ("progress", "on_missing")
_CONTACT_EVENTS = ("created_since", "route", "details", *_COMMON, *_MANY, "session")
_CAMPAIGN_EVENTS = ("created_since", *_COMMON, *_MANY, "session")


# What the reports take on v3: its rows leave out what v2's hold, and hang on mails instead of campaigns.
_NEW_MAILS = "1 for ten mails that are new to the cache"
_OF_CONTACT = (
    f"1 call for 100 rows of a contact, 1 for its present address, which stands in `email_address`, and {_NEW_MAILS}, "
    "to tell their campaigns; the last two are kept."
)
_OF_DETAILS = " With `details=True` also those of the campaigns' reports, for each mail that has such rows."
_MAILS = "1 call for the mails of a campaign (the first sending and its resends), which is kept, and"
_ONE_MAIL = "The id of one mail gives that mail alone, for 1 call more."
_OF_CAMPAIGN = f"{_MAILS} 1 for 500 rows of each. {_ONE_MAIL}"
_SIX = f"{_MAILS} 6 for each, with 500 rows in a page."


def _contact_events(name: str, row: str, columns: tuple[Column, ...]) -> Report:
    further = _OF_DETAILS if {_URI.name, _CODE.name, _REASON.name} & {column.name for column in columns} else ""
    on_v3 = _OF_CONTACT + further
    return Report(name, row, ("contact_id",), columns, _CONTACT_EVENTS, since=_date(columns), on_v3=on_v3)


def _campaign_events(name: str, row: str, columns: tuple[Column, ...], *further: str) -> Report:
    keys = ("campaign_id", *further)
    return Report(name, row, keys, columns, _CAMPAIGN_EVENTS, since=_date(columns), on_v3=_OF_CAMPAIGN)


def _date(columns: tuple[Column, ...]) -> str:
    return next(column.name for column in columns if column.kind == "date")


def _counts(**meanings: str) -> tuple[Column, ...]:
    return tuple(Column(name, "count", meaning) for name, meaning in meanings.items())


CLICKS = _contact_events("clicks", "one click by the contact", _CLICKS)
OPENS = _contact_events("opens", "one open by the contact", _OPENS)
SENDS = _contact_events("sends", "one send to the contact", _SENDS)
FORWARDS = _contact_events("forwards", "one forward by the contact", _FORWARDS)
BOUNCES = _contact_events("bounces", "one bounce of a mail to the contact", _BOUNCES)
UNSUBSCRIBES = _contact_events("unsubscribes", "one unsubscribe of the contact", _UNSUBSCRIBES)
ACTIVITIES = _contact_events("activities", "one activity of the contact, of any type", _ACTIVITIES)

SUMMARY = Report(
    "summary",
    "one contact",
    ("contact_id",),
    (
        _CONTACT,
        *_counts(
            sends="Mails sent to the contact.",
            opens="Opens, repeats counted.",
            clicks="Clicks, repeats counted.",
            forwards="Forwards, repeats counted.",
            unsubscribes="Unsubscribes.",
            bounces="Bounces.",
        ),
    ),
    (*_COMMON, *_MANY, "session"),
    on_v3="1 call for 200 mails sent to the contact, whose counts are summed.",
)
SUMMARY_BY_CAMPAIGN = Report(
    "summary_by_campaign",
    "one campaign sent to the contact",
    ("contact_id",),
    (
        _CONTACT,
        _CAMPAIGN,
        *_counts(
            opens="Times opened.",
            clicks="Distinct links clicked.",
            forwards="Times forwarded.",
            bounces="Times bounced.",
        ),
    ),
    (*_COMMON, *_MANY, "session"),
    on_v3=f"1 call for 200 mails sent to the contact, and {_NEW_MAILS}. `clicks` counts every click there.",
)

CAMPAIGN_CLICKS = _campaign_events("campaign_clicks", "one click in the campaign", _CAMPAIGN_CLICKS)
CAMPAIGN_LINK_CLICKS = _campaign_events("campaign_link_clicks", "one click on the link", _CAMPAIGN_CLICKS, "link_id")
CAMPAIGN_OPENS = _campaign_events("campaign_opens", "one open of the campaign", _OPENS)
CAMPAIGN_SENDS = _campaign_events("campaign_sends", "one send of the campaign", _SENDS)
CAMPAIGN_FORWARDS = _campaign_events("campaign_forwards", "one forward of the campaign", _FORWARDS)
CAMPAIGN_BOUNCES = _campaign_events("campaign_bounces", "one bounce of the campaign", _BOUNCES)
CAMPAIGN_UNSUBSCRIBES = _campaign_events("campaign_unsubscribes", "one unsubscribe after the campaign", _UNSUBSCRIBES)
CAMPAIGN_DID_NOT_OPENS = _campaign_events(
    "campaign_did_not_opens",
    "one contact that did not open the campaign",
    (*_EVENT, replace(OPEN_DATE, meaning="When the mail was sent: it was not opened.")),
)
CAMPAIGN_UNIQUE_OPENS = _campaign_events("campaign_unique_opens", "one contact that opened the campaign", _OPENS)
CAMPAIGN_ACTIVITIES = Report(
    "campaign_activities",
    "one activity in the campaign, of any type",
    ("campaign_id",),
    _ACTIVITIES,
    _CAMPAIGN_EVENTS,
    since="activity_date",
    order="date_within_id",
    on_v3=_SIX,
)
ACCOUNT_ACTIVITIES = Report(
    "account_activities",
    "one activity of any campaign and type",
    (),
    _ACTIVITIES,
    ("created_since", "status", *_COMMON, "progress", "session"),
    since="activity_date",
    order="date",
    on_v3=f"1 call for 500 campaigns, and for each: {_SIX}",
)

BY_CAMPAIGN = {
    CLICKS: CAMPAIGN_CLICKS,
    OPENS: CAMPAIGN_OPENS,
    SENDS: CAMPAIGN_SENDS,
    FORWARDS: CAMPAIGN_FORWARDS,
    BOUNCES: CAMPAIGN_BOUNCES,
    UNSUBSCRIBES: CAMPAIGN_UNSUBSCRIBES,
    ACTIVITIES: CAMPAIGN_ACTIVITIES,
}
"""The campaign's report that holds the same events as the contact's."""

_UNIQUE = _counts(
    sends="Recipients it was sent to.",
    opens="Recipients who opened it.",
    clicks="Recipients who clicked any link.",
    forwards="Recipients who forwarded it.",
    unsubscribes="Recipients who unsubscribed.",
    bounces="Addresses that bounced.",
)
_SPAM = Column("spam_count", "count", "Complaints; the service lists no events for them.", optional=True)

CAMPAIGN_SUMMARY = Report(
    "campaign_summary",
    "one campaign",
    ("campaign_id",),
    (_CAMPAIGN, *_UNIQUE, _SPAM),
    ("update_summary", *_COMMON, *_MANY, "session"),
    on_v3="1 call for 50 of these campaigns, and 1 for 500 campaigns of the account, which tells the complaints.",
)
LINKS = Report(
    "links",
    "one tracked link of the campaign",
    ("campaign_id",),
    (
        _CAMPAIGN,
        _LINK,
        _URI,
        *_counts(click_count="Clicks by the service's count; on v3 contacts, on v2 that is not documented."),
    ),
    (*_COMMON, *_MANY, "session"),
    on_v3=f"{_MAILS} 1 for each.",
)

_PERSON = (
    _CONTACT,
    Column("email_address", "text", "The contact's first address.", optional=True),
    Column("first_name", "text", "First name.", optional=True),
    Column("last_name", "text", "Last name.", optional=True),
    Column("company_name", "text", "Company.", optional=True),
    Column("status", "text", "ACTIVE, UNCONFIRMED, OPTOUT, REMOVED, ...", optional=True),
    Column("created_date", "date", "When the contact was created.", optional=True),
    Column("modified_date", "date", "When the contact was last changed.", optional=True),
)
CONTACTS = Report(
    "contacts",
    "one contact",
    (),
    _PERSON,
    ("email", "status", "modified_since", *_COMMON, "session"),
    since="modified_date",
    on_v3="1 call for 500 contacts.",
)
LIST_MEMBERS = Report(
    "list_members",
    "one contact on the list",
    ("list_id",),
    (Column("list_id", "id", "The list."), *_PERSON),
    (*_COMMON, *_MANY, "session"),
    on_v3="1 call for 500 contacts on the list, and 1 for a list that has none, to tell whether there is such a list.",
)
LISTS = Report(
    "lists",
    "one list",
    (),
    (
        Column("list_id", "id", "The list."),
        Column("name", "text", "Its name."),
        Column("status", "text", "ACTIVE or HIDDEN.", optional=True),
        Column("contact_count", "count", "Contacts on it, by the service's count.", optional=True),
        Column("created_date", "date", "When it was made.", optional=True),
        Column("modified_date", "date", "When it was last changed.", optional=True),
    ),
    ("modified_since", *_COMMON, "session"),
    since="modified_date",
    on_v3="1 call for 500 lists.",
)
CAMPAIGNS = Report(
    "campaigns",
    "one campaign",
    (),
    (
        _CAMPAIGN,
        Column("name", "text", "Its name in the account."),
        Column("status", "text", "DRAFT, RUNNING, SENT, SCHEDULED or DELETED."),
        Column("modified_date", "date", "When it was last changed.", optional=True),
    ),
    ("status", "modified_since", "details", *_COMMON, "progress", "session"),
    since="modified_date",
    on_v3="1 call for 500 campaigns. With `details=True` 1 more for 500, and 2 for each: its mails, its subject.",
)
# What `campaigns_df(details=True)` adds: one call a campaign. Not a public function of its own.
CAMPAIGN_DETAILS = Report(
    "campaign_details",
    "one campaign",
    ("campaign_id",),
    (
        _CAMPAIGN,
        Column("subject", "text", "Subject line.", optional=True),
        Column("last_run_date", "date", "When it was last sent.", optional=True),
        *(_optional(column) for column in _UNIQUE),
        _SPAM,
    ),
    (),
)

REPORTS: dict[str, Report] = {
    report.name: report
    for report in (
        CLICKS,
        OPENS,
        SENDS,
        FORWARDS,
        BOUNCES,
        UNSUBSCRIBES,
        ACTIVITIES,
        SUMMARY,
        SUMMARY_BY_CAMPAIGN,
        CAMPAIGN_CLICKS,
        CAMPAIGN_LINK_CLICKS,
        CAMPAIGN_OPENS,
        CAMPAIGN_SENDS,
        CAMPAIGN_FORWARDS,
        CAMPAIGN_BOUNCES,
        CAMPAIGN_UNSUBSCRIBES,
        CAMPAIGN_SUMMARY,
        CAMPAIGN_ACTIVITIES,
        CAMPAIGN_DID_NOT_OPENS,
        CAMPAIGN_UNIQUE_OPENS,
        CONTACTS,
        LISTS,
        CAMPAIGNS,
        LIST_MEMBERS,
        ACCOUNT_ACTIVITIES,
        LINKS,
    )
}
"""Every public report by name."""
