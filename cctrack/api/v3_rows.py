"""Objects of the v3 API under the catalogue's names."""

from collections.abc import Mapping
from typing import Any

from cctrack.errors import NotFoundError, ResponseError

Rows = list[dict[str, Any]]
Ids = Mapping[str, str]

# Activity types by what the service calls them; others stay as they are.
KINDS = {
    "em_sends": "EMAIL_SEND",
    "em_opens": "EMAIL_OPEN",
    "em_clicks": "EMAIL_CLICK",
    "em_forwards": "EMAIL_FORWARD",
    "em_bounces": "EMAIL_BOUNCE",
    "em_optouts": "EMAIL_UNSUBSCRIBE",
    "em_didnotopens": "EMAIL_DID_NOT_OPEN",
}
_OF_EVENTS = {
    "tracking_activity_type": "activity_type",
    "url_id": "link_id",
    "link_url": "link_uri",
    "opt_out_reason": "unsubscribe_reason",
}
_OF_LINKS = {"url_id": "link_id", "link_url": "link_uri", "unique_clicks": "click_count"}
_OF_COUNTS = {"optouts": "unsubscribes", "abuse": "spam_count"}

# Statuses by what v2 calls them, so that a filter and a table mean the same on both.
CONTACT_STATUSES = {
    "IMPLICIT": "ACTIVE",
    "EXPLICIT": "ACTIVE",
    "UNSUBSCRIBED": "OPTOUT",
    "DELETED": "REMOVED",
    "PENDING_CONFIRMATION": "UNCONFIRMED",
    "NOT_SET": "NON_SUBSCRIBER",
}
CAMPAIGN_STATUSES = {"DONE": "SENT", "EXECUTING": "RUNNING", "REMOVED": "DELETED"}
_NEVER_SENT = ("DRAFT", "SCHEDULED", "RUNNING", "ERROR")
ROLES = ("primary_email", "resend")  # the only ones with reports


def event_of_mail(row: dict[str, Any], ids: Ids, date: str) -> dict[str, Any]:
    """Name what happened once, where the reason is told if the contact gave one."""
    named = event(row, ids, date)
    named.setdefault("unsubscribe_reason", None)
    return named


def event(row: dict[str, Any], ids: Ids, date: str) -> dict[str, Any]:
    """Name what happened once; there is one field for the time of every type."""
    named = _renamed(row, {**_OF_EVENTS, "created_time": date})
    kind = named.get("activity_type")
    if isinstance(kind, str):
        named["activity_type"] = KINDS.get(kind, kind)
    return {**ids, **named}


def contact(row: dict[str, Any], ids: Ids) -> dict[str, Any]:
    """Name a contact; one who only takes text messages has no address."""
    found = row.get("email_address")
    address = found if isinstance(found, dict) else {"address": found}
    status = "DELETED" if row.get("deleted_at") else address.get("permission_to_send")
    return {
        **_renamed(row, {"created_at": "created_date", "updated_at": "modified_date"}),
        "email_address": address.get("address"),
        "status": _status(status, CONTACT_STATUSES),
        **ids,
    }


def list_(row: dict[str, Any], ids: Ids) -> dict[str, Any]:
    """Name a list."""
    names = {"membership_count": "contact_count", "created_at": "created_date", "updated_at": "modified_date"}
    return {**_renamed(row, names), **ids}


def campaign(row: dict[str, Any], ids: Ids) -> dict[str, Any]:
    """Name a campaign of the collection."""
    named = _renamed(row, {"updated_at": "modified_date"})
    return {**named, "status": _status(row.get("current_status"), CAMPAIGN_STATUSES), **ids}


def link(row: dict[str, Any], ids: Ids) -> dict[str, Any]:
    """Name a link."""
    return {**_renamed(row, _OF_LINKS), **ids}


def of_contact(row: dict[str, Any], ids: Ids) -> dict[str, Any]:
    """Name the counts of one mail and one contact."""
    return {**_renamed(_counts(row), {"em_unsubscribes": "unsubscribes"}), **ids}


def person(answer: Any, ids: Ids) -> Rows:
    """Give the one contact of an answer; none of an empty one."""
    return [contact(answer, ids)] if answer else []


def object_(answer: Any, ids: Ids) -> Rows:
    """Give the one object of an answer; none of an empty one."""
    return [{**answer, **ids}] if answer else []


def activities(answer: dict[str, Any], ids: Ids) -> Rows:
    """Give the activities of a campaign that have reports; one that does not tell its role may have."""
    parts = answer.get("campaign_activities")
    if parts is None and answer:  # the field may be left out, of what is no mailing for one
        raise NotFoundError(f"the service names no mails of campaign {ids['campaign_id']}; check the id", status=404)
    if not isinstance(parts, list) or not all(isinstance(part, dict) for part in parts):
        raise ResponseError("a campaign does not list its `campaign_activities`; try again later", retryable=True)
    found = [part for part in parts if _role(part) in ROLES]
    if not all(part.get("campaign_activity_id") for part in found):
        raise ResponseError("a mail of a campaign has no `campaign_activity_id`; try again later", retryable=True)
    return [_mail(part, answer, ids["campaign_id"]) for part in found]


def _role(part: dict[str, Any]) -> str:
    return str(part.get("role") or ROLES[0]).lower()


def one_activity(answer: dict[str, Any], ids: Ids) -> Rows:
    """Give the one activity that an answer is of."""
    if not answer:  # kept as the word that there is none
        raise NotFoundError(f"the service knows no mail {ids['campaign_id']}; check the id", status=404)
    return [_mail({"campaign_activity_id": ids["campaign_id"], "role": answer.get("role")}, answer, None)]


def state(answer: Any, ids: Ids) -> Rows:
    """Tell whether a mail was not sent yet; nothing of one that the service does not know."""
    return [{**ids, "unsent": _unsent(answer)}] if answer else []


def _unsent(answer: dict[str, Any]) -> str | None:
    return "yes" if _status(answer.get("current_status"), CAMPAIGN_STATUSES) in _NEVER_SENT else None


def _mail(part: dict[str, Any], whole: dict[str, Any], campaign: str | None) -> dict[str, Any]:
    return {
        "campaign_id": whole.get("campaign_id") or campaign,
        "campaign_activity_id": part["campaign_activity_id"],
        "role": _role(part),
        "unsent": _unsent(whole),
        "changed": whole.get("updated_at"),
    }


def first_activity(answer: dict[str, Any], ids: Ids) -> Rows:
    """Give the activity of a campaign that was sent first; a resend where it is all that is left."""
    return sorted(activities(answer, ids), key=lambda row: row["role"] != ROLES[0])[:1]


def activity_of_stats(answer: dict[str, Any], ids: Ids) -> Rows:
    """Give the one activity that statistics are of."""
    return [
        {"campaign_id": row.get("campaign_id"), "campaign_activity_id": ids["campaign_id"]}
        for row in stats(answer, ids)
    ]


def totals(row: dict[str, Any], ids: Ids) -> dict[str, Any]:
    """Name the totals of a campaign as the account's summary has them."""
    counts = _renamed(_one(row.get("unique_counts")), _OF_COUNTS)
    return {**counts, "campaign_id": row.get("campaign_id"), "last_run_date": row.get("last_sent_date")}


def stats(answer: Any, ids: Ids) -> Rows:
    """Give the one result of statistics; what the service does not know stands among the errors of a good answer."""
    results = _results(answer)
    if not results:
        told = answer.get("errors")
        why = told[0].get("error_message") if isinstance(told, list) and told and isinstance(told[0], dict) else ""
        raise NotFoundError(
            f"the service knows nothing of {', '.join(ids.values())} ({why or 'no reason given'}); check the id, and "
            "that it is of this account",
            status=404,
        )
    return [{**ids, **_counts(_one(row.get("stats"))), **row} if isinstance(row, dict) else row for row in results[:1]]


def apart(answer: Any, key: str) -> dict[str, Any]:
    """Take the statistics of several things apart."""
    results = _results(answer)
    return {
        str(row[key]): {"results": [row], "errors": []} for row in results if isinstance(row, dict) and row.get(key)
    }


def _results(answer: Any) -> list[Any]:
    """Take the list of results; there need be none where all that was asked for stands among the errors."""
    found = answer if isinstance(answer, dict) else {}
    results = found.get("results", [] if isinstance(found.get("errors"), list) and found["errors"] else None)
    if not isinstance(results, list):
        raise ResponseError("the statistics hold no `results` list; try again later", retryable=True)
    return results


def _counts(found: dict[str, Any]) -> dict[str, Any]:
    """Name counts; some documents write dots where others write underscores."""
    plain = {name.replace(".", "_").removeprefix("em_"): value for name, value in found.items()}
    return _renamed(plain, _OF_COUNTS)


def _one(found: Any) -> dict[str, Any]:
    """Give an object that some documents show as a list of one."""
    first = found[0] if isinstance(found, list) and found else found
    return first if isinstance(first, dict) else {}


def _renamed(row: dict[str, Any], names: Mapping[str, str]) -> dict[str, Any]:
    return {names.get(name, name): value for name, value in row.items()}


def _status(found: Any, words: Mapping[str, str]) -> Any:
    if not isinstance(found, str):
        return found
    return words.get(found.upper(), found.upper())
