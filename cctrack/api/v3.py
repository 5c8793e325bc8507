"""The v3 dialect: paths, parameters, envelopes and names on the wire.

Reports of mails hang on a campaign's activities, the mail itself and its resends: which these are is asked first. The
reports of a contact tell neither the campaign nor the address: both are asked afterwards, and kept.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, unquote

import msgspec

from cctrack import catalog
from cctrack.api import v3_rows
from cctrack.api.ask import Ask
from cctrack.api.connection import Credentials, TokenSource
from cctrack.api.credentials import Secret
from cctrack.api.given import Batch, Given
from cctrack.api.v3_reports import GIVEN, TOTALS
from cctrack.api.v3_rows import Ids, Rows
from cctrack.api.v3_wires import BATCHES, IN_TURN, WIRES, Wire
from cctrack.errors import AuthError, CctrackError, ResponseError
from cctrack.moments import iso, microseconds
from cctrack.schema import Report

NAME = "v3"
# Fields of a contact that tell who it is; the address is treated by itself.
PERSONAL = frozenset(
    {
        *("first_name", "last_name", "job_title", "company_name", "anniversary", "notes", "custom_fields"),
        *("birthday_month", "birthday_day", "phone_numbers", "street_addresses", "sms_channel"),
        "href",  # nobody can tell what its token holds
    }
)
HOST = "https://api.cc.email"
PREFIX = "/v3"
SETTINGS = ("access_token",)
ACCOUNT: str | None = "/account/summary"  # where the service names the account

_LONGEST_LINK = 4096
_QUERY = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+", re.ASCII)
_MILLISECOND = 1000


def offers(report: Report) -> bool:
    """Whether this dialect has the report."""
    return report in WIRES


def given(report: Report) -> Given:
    """Tell how this dialect gives a report."""
    return GIVEN.get(report) or Given(report)


def batch(report: Report) -> Batch | None:
    """Tell how several ids are asked for in one call, where they can be."""
    return BATCHES.get(report)


def credentials(api_key: Secret | None, access_token: Secret | None, source: TokenSource | None = None) -> Credentials:
    """Say where the credentials go: the token into the header; the key stands for the application alone."""
    return Credentials(bearer=access_token, source=source)


def worded(report: Report, options: Mapping[str, str]) -> dict[str, str]:
    """Give the filters in the words of the tables, also where this API's own words came."""
    words = v3_rows.CAMPAIGN_STATUSES if report in (catalog.CAMPAIGNS, catalog.ACCOUNT_ACTIVITIES) else _PEOPLE
    return {name: words.get(text, text) if name == "status" else text for name, text in options.items()}


_PEOPLE = {word: common for word, common in v3_rows.CONTACT_STATUSES.items() if common != "ACTIVE"}
_ON_THE_WIRE = {common: word.lower() for word, common in _PEOPLE.items()} | {
    "ACTIVE": "active",
    "TEMP_HOLD": "temp_hold",
}


def _filters(report: Report, options: Mapping[str, str]) -> dict[str, str]:
    """Write the filters that the service knows; the others are ours."""
    if report in (catalog.CONTACTS, catalog.LIST_MEMBERS):
        found = {"status": _ON_THE_WIRE.get(options.get("status", ""), "all")}
        if "email" in options:
            found["email"] = options["email"]
        return found | _since(options, "updated_after")
    return _since(options, "after_date") if report is catalog.CAMPAIGNS else {}


def _since(options: Mapping[str, str], name: str) -> dict[str, str]:
    """Ask for what changed after the instant before: whether the service counts the bound itself is not documented."""
    since = microseconds(options["modified_since"]) if "modified_since" in options else None
    return {} if since is None else {name: iso(since - _MILLISECOND)}


def asks(report: Report, ids: Ids, options: Mapping[str, str], limit: int, now: float) -> Iterator[Ask]:
    """Give the walks that make up a report.

    Parameters
    ----------
    report
        What is asked.
    ids
        Its identifiers by name, checked, and those of the mail where it is of one.
    options
        Filters by name, as text.
    limit
        Wanted page size.
    now
        Seconds since 1970.
    """
    made = [_ask(report, wire, ids, options, limit, now) for wire in WIRES[report]]
    if report not in IN_TURN:
        yield from made
        return
    chained = made[-1]
    for ask in reversed(made[:-1]):
        chained = replace(ask, otherwise=chained)
    yield chained


def _ask(report: Report, wire: Wire, ids: Ids, options: Mapping[str, str], limit: int, now: float) -> Ask:
    params = {name: text.format_map(ids) for name, text in wire.params.items()}
    absent = wire.absent
    if ids.get("unsent") and wire.envelope is not None:  # no document is sure whether a draft has a report
        absent = msgspec.json.encode({wire.envelope: []})
    return Ask(
        path=wire.path.format_map({name: quote(value, safe="") for name, value in ids.items()}),
        params=params | _filters(report, options),
        limit=None if wire.most is None else min(limit, wire.most),
        rows=_reader(report, wire, ids),
        date=report.since if "created_since" in report.options or not report.options else None,
        envelope=wire.envelope or "",
        newest_first=wire.newest_first,
        bound=microseconds(options["created_since"]) if "created_since" in options else None,
        unkeyed={"end": _tomorrow(now)} if wire.up_to_now else {},
        lasts=wire.lasts,
        absent=absent,
        unique=wire.up_to_now or report is TOTALS,  # which list a campaign once
    )


def _tomorrow(now: float) -> str:
    day = datetime.fromtimestamp(now, UTC).replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
    return f"{day:%Y-%m-%dT%H:%M:%S}.000Z"


def _reader(report: Report, wire: Wire, ids: Ids) -> Callable[[Any], Rows]:
    named = {name: value for name, value in ids.items() if name in _ID_COLUMNS}

    def rows(answer: Any) -> Rows:
        if not isinstance(answer, dict):
            raise _no_report(report, "an object", type(answer).__name__)
        if wire.envelope is None:
            found: Rows = wire.names(answer, named)
            return found
        listed = answer.get(wire.envelope)
        if not isinstance(listed, list):
            raise _no_report(report, f"a list `{wire.envelope}`", "none")
        return [wire.names(row, named) if isinstance(row, dict) else row for row in listed]

    return rows


_ID_COLUMNS = ("campaign_id", "campaign_activity_id", "contact_id", "list_id", "link_id")


def _no_report(report: Report, expected: str, found: str) -> ResponseError:
    return ResponseError(
        f"the answer to {report.name} is not a report (expected {expected}, found {found}); "
        "try again later, and check base_url if it stays so",
        retryable=True,
    )


def next_token(answer: Any, ask: Ask, origin: str) -> str | None:
    """Take the query of the next page out of its link, as it is: what it holds is the service's own.

    Parameters
    ----------
    answer
        The page.
    ask
        What was asked: the link must lead there.
    origin
        Scheme, host and port that were asked.

    Returns
    -------
    str or None
        None on the last page, which has no link, an empty one or none at all.

    Raises
    ------
    ResponseError
        When the link leads elsewhere.
    """
    links = answer.get("_links") if ask.envelope else None
    link = links.get("next") if isinstance(links, dict) else None
    if isinstance(link, dict):
        link = link.get("href")
    if link is None or link == "":
        return None
    if not isinstance(link, str) or len(link) > _LONGEST_LINK:
        raise _bad_link("it is no address")
    here = link.removeprefix(origin)  # an absolute link must be of the very host that was asked
    if not here.startswith("/") or here.startswith("//"):
        raise _bad_link("it leads to another host")
    place, _, query = here.partition("?")
    if unquote(place).rstrip("/") not in (PREFIX + unquote(ask.path), unquote(ask.path)):
        raise _bad_link("it leads to another report")
    if not _QUERY.fullmatch(query):
        raise _bad_link("it says nothing of the page")
    return query


def _bad_link(why: str) -> ResponseError:
    return ResponseError(f"the link to the next page was not followed: {why}; try again later")


def is_of_contact(path: str, contact: str) -> bool:
    """Whether an address is that of a contact's own report."""
    own = quote(contact, safe="").lower()
    return f"{path}/".lower().startswith((f"/contacts/{own}/", f"/reports/contact_reports/{own}/"))


def without_contact(answer: Any, path: str, contact: str) -> tuple[Any, Rows]:
    """Give a page without a contact's rows, and these rows."""
    for name in ("tracking_activities", "contacts"):
        rows = answer.get(name) if isinstance(answer, dict) else None
        if isinstance(rows, list):
            theirs = [isinstance(row, dict) and _same(row.get("contact_id"), contact) for row in rows]
            kept = [row for row, own in zip(rows, theirs, strict=True) if not own]
            return {**answer, name: kept}, [row for row, own in zip(rows, theirs, strict=True) if own]
    return answer, []


def _same(found: Any, contact: str) -> bool:
    """Whether two ids are one: a UUID may be written in either case."""
    return isinstance(found, str) and found.lower() == contact.lower()


def account_named(answer: Any) -> str | None:
    """Take what names the account out of its summary."""
    found = answer.get("encoded_account_id") if isinstance(answer, dict) else None
    return found if isinstance(found, str) and found.strip() else None


_PRIVILEGES = f"{PREFIX}/account/user/privileges"
_METRICS = "ui:campaign:metrics"


_NUMBER = re.compile(r"/\d{1,16}(?=[/?,]|$)")
_OTHER_IDS = (
    "v3 has other ids than v2, such as 'a4df10fe-957c-52e1-b902-0de10ceda9c8': cctrack.crosswalk(ids) gives them"
)


def explain(error: CctrackError, told: Callable[[str], Any]) -> CctrackError:
    """Add what there is to do: for an id of v2, and for a refusal, whose three causes have one code."""
    if error.status in (400, 404) and _NUMBER.search((error.url or "").partition("?")[0]):
        error.args = (f"{error}; {_OTHER_IDS}",)
    elif error.status == 401:
        error.args = (f"{error}; cctrack.login(client_id) gets one",)
    elif isinstance(error, AuthError) and error.status == 403:
        error.args = (f"{error}; {_why_refused(error, told)}",)
    return error


def _why_refused(error: AuthError, told: Callable[[str], Any]) -> str:
    held = told(_PRIVILEGES)
    if not isinstance(held, list):
        return "the application may have been deactivated: look for it in the developer portal, and log in again"
    # The documents show the name where they declare a number, and the other way round.
    if not any(
        _METRICS in (row.get("privilege_name"), row.get("privilege_id")) for row in held if isinstance(row, dict)
    ):
        return f"the user lacks the privilege {_METRICS}: ask the account's owner for a role that sees reports"
    scope = "contact_data" if "/contact" in (error.url or "") else "campaign_data"
    return f"the user may see reports, so the token lacks the scope {scope}: log in again and grant it"
