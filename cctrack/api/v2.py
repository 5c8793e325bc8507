"""The v2 dialect: paths, parameters, envelopes and names on the wire."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from cctrack import catalog
from cctrack.api.ask import Ask
from cctrack.api.connection import Credentials, TokenSource
from cctrack.api.credentials import Secret
from cctrack.api.given import Batch, Given
from cctrack.catalog import DATE_OF
from cctrack.errors import CctrackError, ResponseError
from cctrack.schema import Report

NAME = "v2"
# Fields of a contact that tell who it is; the address is treated by itself.
PERSONAL = frozenset(
    {
        *("prefix_name", "first_name", "middle_name", "last_name", "job_title", "company_name", "fax"),
        *("home_phone", "work_phone", "cell_phone", "addresses", "custom_fields", "notes", "source_details"),
        "next_link",  # nobody can tell what its token holds
    }
)
HOST = "https://api.constantcontact.com"
PREFIX = "/v2"
SETTINGS = ("api_key", "access_token")  # both are needed
ACCOUNT: str | None = None  # where the service names the account

_LONGEST_LINK = 2048
_ADDRESS = re.compile(r"[A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+", re.ASCII)

Rows = list[dict[str, Any]]
Ids = Mapping[str, str]


@dataclass(frozen=True)
class _Wire:
    """How a report stands on the wire."""

    path: str
    shape: Literal["envelope", "array", "object"] = "envelope"
    most: int | None = 500
    names: Callable[[dict[str, Any], Ids], Any] | None = None
    params: Mapping[str, str] | None = None


def _activity(row: dict[str, Any], _: Ids) -> dict[str, Any]:
    """Give a row of any type its one date."""
    kind = row.get("activity_type")
    field = DATE_OF.get(kind) if isinstance(kind, str) else None
    if field is None:  # a type never seen before: its date is named like the others
        field = next((name for name in row if name.endswith("_date")), None)
    return {**row, "activity_date": row[field]} if field in row else row


def _contact(row: dict[str, Any], ids: Ids) -> dict[str, Any]:
    renamed = {**row, **ids, "contact_id": row.get("id")}
    addresses = row.get("email_addresses")
    first = addresses[0] if isinstance(addresses, list) and addresses else {}
    if isinstance(first, dict) and "email_address" in first:
        renamed["email_address"] = first["email_address"]
    return renamed


def _renamed(own: str) -> Callable[[dict[str, Any], Ids], dict[str, Any]]:
    return lambda row, _: {**row, own: row.get("id")}


def _of_asked(row: dict[str, Any], ids: Ids) -> dict[str, Any]:
    """Name what was asked for, where the answer does not."""
    return {**ids, **{name: value for name, value in row.items() if value is not None}}


def _details(row: dict[str, Any], ids: Ids) -> dict[str, Any]:
    counts = row.get("tracking_summary")
    return {**row, **(counts if isinstance(counts, dict) else {}), **ids}


def _links(row: dict[str, Any], ids: Ids) -> Rows:
    links = row.get("click_through_details", [])
    if not isinstance(links, list):
        raise ResponseError("click_through_details of the campaign is no list; the service may have changed")
    return [
        {**link, **ids, "link_id": link.get("url_uid"), "link_uri": link.get("url")} if isinstance(link, dict) else link
        for link in links
    ]


_CONTACT = "/contacts/{contact_id}/tracking"
_CAMPAIGN = "/emailmarketing/campaigns/{campaign_id}/tracking"
_CAMPAIGN_OBJECT = _Wire("/emailmarketing/campaigns/{campaign_id}", "object", None, _details)

_WIRES: dict[Report, tuple[_Wire, ...]] = {
    catalog.ACTIVITIES: (_Wire(_CONTACT, names=_activity),),
    catalog.CLICKS: (_Wire(f"{_CONTACT}/clicks"),),
    catalog.OPENS: (_Wire(f"{_CONTACT}/opens"),),
    catalog.SENDS: (_Wire(f"{_CONTACT}/sends"),),
    catalog.FORWARDS: (_Wire(f"{_CONTACT}/forwards"),),
    catalog.BOUNCES: (_Wire(f"{_CONTACT}/bounces"),),
    catalog.UNSUBSCRIBES: (_Wire(f"{_CONTACT}/unsubscribes"),),
    catalog.SUMMARY: (_Wire(f"{_CONTACT}/reports/summary", "object", None, _of_asked),),
    catalog.SUMMARY_BY_CAMPAIGN: (_Wire(f"{_CONTACT}/reports/summaryByCampaign", "array", None, _of_asked),),
    catalog.CAMPAIGN_CLICKS: (_Wire(f"{_CAMPAIGN}/clicks"),),
    catalog.CAMPAIGN_LINK_CLICKS: (_Wire(f"{_CAMPAIGN}/clicks/{{link_id}}"),),
    catalog.CAMPAIGN_OPENS: (_Wire(f"{_CAMPAIGN}/opens"),),
    catalog.CAMPAIGN_SENDS: (_Wire(f"{_CAMPAIGN}/sends"),),
    catalog.CAMPAIGN_FORWARDS: (_Wire(f"{_CAMPAIGN}/forwards"),),
    catalog.CAMPAIGN_BOUNCES: (_Wire(f"{_CAMPAIGN}/bounces"),),
    catalog.CAMPAIGN_UNSUBSCRIBES: (_Wire(f"{_CAMPAIGN}/unsubscribes"),),
    catalog.CAMPAIGN_SUMMARY: (_Wire(f"{_CAMPAIGN}/reports/summary", "object", None, _of_asked),),
    catalog.CONTACTS: (_Wire("/contacts", names=_contact),),
    catalog.LISTS: (_Wire("/lists", "array", None, _renamed("list_id")),),
    catalog.LIST_MEMBERS: (_Wire("/lists/{list_id}/contacts", names=_contact),),
    catalog.CAMPAIGNS: (_Wire("/emailmarketing/campaigns", most=50, names=_renamed("campaign_id")),),
    catalog.CAMPAIGN_DETAILS: (_CAMPAIGN_OBJECT,),
    catalog.LINKS: (_Wire(_CAMPAIGN_OBJECT.path, "object", None, _links),),
}
# All types of a campaign: the one path that would give them together is in no document of the service.
_WIRES[catalog.CAMPAIGN_ACTIVITIES] = tuple(
    _Wire(f"{_CAMPAIGN}/{kind}", names=_activity)
    for kind in ("sends", "opens", "clicks", "forwards", "bounces", "unsubscribes")
)
_WIRES[catalog.ACCOUNT_ACTIVITIES] = _WIRES[catalog.CAMPAIGN_ACTIVITIES]

_PARAMS = {"update_summary": "updateSummary"}


def offers(report: Report) -> bool:
    """Whether this dialect has the report."""
    return report in _WIRES


def given(report: Report) -> Given:
    """Tell how this dialect gives a report: as the catalogue has it."""
    return Given(report)


def batch(report: Report) -> Batch | None:
    """Tell how several ids are asked for in one call: they never are."""
    return None


def worded(report: Report, options: Mapping[str, str]) -> dict[str, str]:
    """Give the filters in the words of the tables, which are this API's."""
    return dict(options)


def credentials(api_key: Secret | None, access_token: Secret | None, source: TokenSource | None = None) -> Credentials:
    """Say where the credentials go: the key into every address, the token into the header."""
    return Credentials({"api_key": api_key} if api_key is not None else {}, access_token, source=source)


def explain(error: CctrackError, told: Callable[[str], Any]) -> CctrackError:
    """Leave an error as it is: there is nothing to ask that would tell more."""
    return error


def account_named(answer: Any) -> str | None:
    """Name no account: its key and token are there to be told apart by."""
    return None


def is_of_contact(path: str, contact: str) -> bool:
    """Whether an address is that of a contact's own report."""
    return f"{path}/".startswith(f"/contacts/{quote(contact, safe='')}/")


def without_contact(answer: Any, path: str, contact: str) -> tuple[Any, Rows]:
    """Give a page without a contact's rows, and these rows."""
    rows = answer.get("results") if isinstance(answer, dict) else None
    if not isinstance(rows, list):
        return answer, []
    field = "id" if path.endswith("/contacts") else "contact_id"
    theirs = [isinstance(row, dict) and _as_id(row.get(field)) == contact for row in rows]
    kept = [row for row, own in zip(rows, theirs, strict=True) if not own]
    return {**answer, "results": kept}, [row for row, own in zip(rows, theirs, strict=True) if own]


def _as_id(value: Any) -> str:
    return str(int(value) if isinstance(value, float) and value.is_integer() else value)


def asks(report: Report, ids: Ids, options: Mapping[str, str], limit: int, now: float) -> Iterator[Ask]:
    """Give the walks that make up a report.

    Parameters
    ----------
    report
        What is asked.
    ids
        Its identifiers by name, checked.
    options
        Filters by name, as text.
    limit
        Wanted page size.
    now
        Seconds since 1970.
    """
    for wire in _WIRES[report]:
        yield Ask(
            path=wire.path.format_map({name: quote(value, safe="") for name, value in ids.items()}),
            params={_PARAMS.get(name, name): value for name, value in options.items()},
            limit=min(limit, wire.most) if wire.most else None,
            rows=_reader(report, wire, ids),
            since="created_since" if "created_since" in report.options else None,
            date=report.since if "created_since" in report.options else None,
        )


def _reader(report: Report, wire: _Wire, ids: Ids) -> Callable[[Any], Rows]:
    def rows(answer: Any) -> Rows:
        found = _unwrapped(answer, wire.shape, report.name)
        if wire.names is None:
            return found
        if wire.names is _links:
            return [row for item in found for row in _links(item, ids)]
        return [wire.names(row, ids) if isinstance(row, dict) else row for row in found]

    return rows


def _unwrapped(answer: Any, shape: str, report: str) -> Rows:
    if shape == "object" and isinstance(answer, dict):
        return [answer]
    if shape == "array" and isinstance(answer, list):
        return answer
    if shape == "envelope" and isinstance(answer, dict) and isinstance(answer.get("results"), list):
        return answer["results"]  # type: ignore[no-any-return]
    found = "no `results` list" if isinstance(answer, dict) else type(answer).__name__
    raise ResponseError(
        f"the answer to {report} is not a report (expected {shape}, found {found}); "
        "try again later, and check base_url if it stays so",
        retryable=True,
    )


def next_token(answer: Any, ask: Ask, origin: str) -> str | None:
    """Take the query of the next page out of its link: the opaque token, and nothing else.

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
        The token as it stands in the link, percent-encoding and all; None on the last page.

    Raises
    ------
    ResponseError
        When the link leads elsewhere or holds no single token, or when nothing says whether there is one.
    """
    if ask.limit is None:
        return None
    meta = answer.get("meta", {})
    pagination = meta.get("pagination", {}) if isinstance(meta, dict) else None
    if "meta" not in answer and len(answer["results"]) >= ask.limit:
        raise _bad_link("a full page does not say whether another one follows")
    if pagination is None and isinstance(meta, dict):
        return None
    if not isinstance(pagination, dict):
        raise _bad_link("`meta.pagination` is no object")
    if (link := pagination.get("next_link")) is None:
        return None
    if not isinstance(link, str) or len(link) > _LONGEST_LINK or not _ADDRESS.fullmatch(link):
        raise _bad_link("it is no address")
    here = link.removeprefix(origin)  # an absolute link must be of the very host that was asked
    if not here.startswith("/") or here.startswith("//"):
        raise _bad_link("it leads to another host")
    place, _, query = here.partition("?")
    if place.rstrip("/") not in _same_places(PREFIX + ask.path):
        raise _bad_link("it leads to another report")
    tokens = [part.removeprefix("next=") for part in query.split("&") if part.startswith("next=")]
    if len(tokens) != 1 or not tokens[0]:
        raise _bad_link("it does not hold exactly one token")
    return f"next={tokens[0]}"


def _same_places(path: str) -> set[str]:
    """List what the service is known to write for a path in its own links."""
    path = path.rstrip("/")
    campaigns = f"{PREFIX}/emailmarketing/campaigns/"
    places = {path, path.replace(campaigns, f"{PREFIX}/emailcampaigns/")}  # the name before the first release
    if path.endswith("/tracking/forwards"):  # the contact's page shows the campaign's path
        places.add(path.replace(f"{PREFIX}/contacts/", campaigns))
    return places


def _bad_link(why: str) -> ResponseError:
    return ResponseError(f"the link to the next page was not followed: {why}; try again later")
