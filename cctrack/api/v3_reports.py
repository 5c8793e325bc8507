"""The reports as the v3 API gives them: its own columns, what it leaves out, and what is asked besides."""

from dataclasses import replace

from cctrack import catalog
from cctrack.api.given import Detail, Given, Lookup
from cctrack.schema import Column, Report

_CAMPAIGN = Column("campaign_id", "id", "The campaign.", optional=True)
_CONTACT = Column("contact_id", "id", "The contact.", optional=True)
_ACTIVITY = Column("campaign_activity_id", "id", "The campaign's mail: the first sending or a resend.", optional=True)
_ACTIVITY_NAME = Column("campaign_activity_name", "text", "Its name in the account.", optional=True)
_DEVICE = Column("device_type", "text", "computer, mobile, tablet or other.", optional=True)
_NAMES = (
    Column("first_name", "text", "First name of the contact.", optional=True),
    Column("last_name", "text", "Last name of the contact.", optional=True),
)
_PRESENT = Column("current_email_address", "text", "The contact's address today.", optional=True)
_DELETED = Column("deleted_at", "date", "When the contact was deleted.", optional=True)

# Further reads, which have no public function.
ACTIVITIES_OF = Report(
    "campaign_mails",
    "one mail of the campaign",
    ("campaign_id",),
    (
        _CAMPAIGN,
        _ACTIVITY,
        Column("role", "text", "primary_email or resend.", optional=True),
        Column("unsent", "text", "Whether it was not sent yet.", optional=True),
        Column("changed", "date", "When the campaign was last changed; a resend changes it.", optional=True),
    ),
    (),
    since="changed",
)
STATE_OF = Report(
    "mail_state",
    "one mail",
    ("campaign_activity_id",),
    (_ACTIVITY, Column("unsent", "text", "Whether it was not sent yet.", optional=True)),
    (),
)
FIRST_OF = replace(ACTIVITIES_OF, name="campaign_first_mail")
CAMPAIGN_OF = Report(
    "campaign_of_mail", "one mail", ("campaign_activity_id",), (_ACTIVITY, replace(_CAMPAIGN, optional=True)), ()
)
ADDRESS = Report(
    "contact_address",
    "one contact",
    ("contact_id",),
    (_CONTACT, Column("email_address", "text", "The contact's present address.", optional=True)),
    (),
)
LIST = Report("list", "one list", ("list_id",), (Column("list_id", "id", "The list.", optional=True),), ())
TOTALS = Report(
    "campaign_totals",
    "one sent campaign",
    (),
    tuple(replace(column, optional=True) for column in catalog.CAMPAIGN_DETAILS.columns if column.name != "subject"),
    (),
)

# Names under which the cache holds what has no public function.
FURTHER = (
    catalog.CAMPAIGN_DETAILS.name,
    *(report.name for report in (ACTIVITIES_OF, STATE_OF, FIRST_OF, CAMPAIGN_OF, ADDRESS, LIST, TOTALS)),
)

_OF_MAIL = Lookup(CAMPAIGN_OF, "campaign_activity_id", ("campaign_id",))
_OF_PERSON = Lookup(ADDRESS, "contact_id", ("email_address",))
_DETAILS = (
    Detail(catalog.CAMPAIGN_CLICKS, "EMAIL_CLICK", ("link_id", "link_uri")),
    Detail(catalog.CAMPAIGN_BOUNCES, "EMAIL_BOUNCE", ("bounce_code",)),
    Detail(catalog.CAMPAIGN_UNSUBSCRIBES, "EMAIL_UNSUBSCRIBE", ("unsubscribe_reason",)),
)
_TOLD_OF_CONTACT = (
    *("campaign_id", "email_address", "link_id", "link_uri", "bounce_code", "bounce_description", "bounce_message"),
    *("unsubscribe_source", "unsubscribe_reason"),
)
_TOLD_OF_MAIL = ("bounce_description", "bounce_message", "unsubscribe_source")


def _with(report: Report, lacks: tuple[str, ...], *further: Column) -> Report:
    """Give a report without some fields and with others."""
    held = (replace(column, optional=column.name in lacks or column.optional) for column in report.columns)
    return replace(report, columns=(*held, *further))


def _of_contact(report: Report) -> Given:
    details = tuple(one for one in _DETAILS if set(one.fills) <= set(report.names))
    told = _with(report, _TOLD_OF_CONTACT, _ACTIVITY, _ACTIVITY_NAME)
    return Given(told, lookups=(_OF_MAIL, _OF_PERSON), details=details)


def _of_campaign(report: Report, *further: Column, proof: Report | None = None) -> Given:
    told = _with(report, _TOLD_OF_MAIL, _ACTIVITY, *further, *_NAMES, _DELETED)
    # Whether there is a reason is up to the contact: that nobody gave one does not say that the service leaves it out.
    columns = (replace(one, optional=False) if one.name == "unsubscribe_reason" else one for one in told.columns)
    return Given(replace(told, columns=tuple(columns)), spread=ACTIVITIES_OF, excuse=STATE_OF, proof=proof)


_SENT = (
    Column("sends", "count", "Mails of the campaign sent to the contact.", optional=True),
    Column("unsubscribes", "count", "Unsubscribes.", optional=True),
)
_ALL = (_DEVICE, _PRESENT)

GIVEN: dict[Report, Given] = {
    **{report: _of_contact(report) for report in catalog.BY_CAMPAIGN},
    **{
        report: _of_campaign(report, _DEVICE)
        for report in (catalog.CAMPAIGN_OPENS, catalog.CAMPAIGN_CLICKS, catalog.CAMPAIGN_UNIQUE_OPENS)
    },
    **{
        report: _of_campaign(report)
        for report in (
            catalog.CAMPAIGN_SENDS,
            catalog.CAMPAIGN_FORWARDS,
            catalog.CAMPAIGN_UNSUBSCRIBES,
            catalog.CAMPAIGN_DID_NOT_OPENS,
        )
    },
    catalog.CAMPAIGN_BOUNCES: _of_campaign(catalog.CAMPAIGN_BOUNCES, _PRESENT),
    catalog.CAMPAIGN_LINK_CLICKS: _of_campaign(catalog.CAMPAIGN_LINK_CLICKS, _DEVICE, proof=catalog.LINKS),
    catalog.CAMPAIGN_ACTIVITIES: _of_campaign(catalog.CAMPAIGN_ACTIVITIES, *_ALL),
    catalog.ACCOUNT_ACTIVITIES: _of_campaign(catalog.ACCOUNT_ACTIVITIES, *_ALL),
    catalog.SUMMARY: Given(catalog.SUMMARY, sums=("contact_id",)),
    catalog.SUMMARY_BY_CAMPAIGN: Given(
        _with(catalog.SUMMARY_BY_CAMPAIGN, ("campaign_id",), *_SENT, _ACTIVITY),
        lookups=(_OF_MAIL,),
        sums=("contact_id", "campaign_id"),
    ),
    catalog.CAMPAIGN_SUMMARY: Given(
        catalog.CAMPAIGN_SUMMARY,
        lookups=(Lookup(TOTALS, "campaign_id", ("spam_count",)),),
        ignores=("update_summary",),
    ),
    catalog.LINKS: Given(_with(catalog.LINKS, (), _ACTIVITY), spread=ACTIVITIES_OF, excuse=STATE_OF),
    catalog.LIST_MEMBERS: Given(catalog.LIST_MEMBERS, proof=LIST),
    catalog.CAMPAIGNS: Given(catalog.CAMPAIGNS, unlisted=frozenset({"DELETED"})),
    catalog.CAMPAIGN_DETAILS: Given(
        catalog.CAMPAIGN_DETAILS,
        spread=FIRST_OF,
        lookups=(Lookup(TOTALS, "campaign_id", tuple(name for name in TOTALS.names if name != "campaign_id")),),
    ),
}
