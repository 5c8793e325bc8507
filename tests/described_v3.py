"""The answers of the v3 API as its vendor describes them: fields, which are required, and the forms that they take.

Ours to read and draw from: each GET that reports need, its parameters, and strategies for what it may answer.
"""

import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hypothesis import strategies as st
from service import Answer, Request, Row

Form = Literal["least", "whole", "drifting"]
Spec = Mapping[str, Any]  # field, with ! where it is required: what it holds, for what its name does not tell
LONG = [str(uuid.uuid5(uuid.NAMESPACE_URL, f"thing/{number}")) for number in range(3)]
ROLES = ("primary_email", "resend", "permalink")
REPORTED = (None, "primary_email", "resend")  # the roles with reports; who tells none may have some


def fields(names: str, **held: Any) -> Spec:
    """Write fields down; what is in them by name where that does not tell."""
    return {name: held.get(name.rstrip("!")) for name in names.split()}


_EVENT = "contact_id! campaign_activity_id! tracking_activity_type! email_address! created_time! first_name last_name"
EVENT = fields(f"{_EVENT} deleted_at")
OPEN = fields(f"{_EVENT} deleted_at device_type")
CLICK = fields(f"{_EVENT} deleted_at device_type url_id! link_url!")
BOUNCE = fields(f"{_EVENT} deleted_at bounce_code! current_email_address")
OPTOUT = fields(f"{_EVENT} deleted_at opt_out_reason")
_COUNTED = "sends opens clicks forwards optouts abuse bounces not_opened"
_STATS = fields(
    "em_sends em_opens em_clicks em_forwards em_optouts em_bounces em_not_opened em_opens_all em_clicks_all "
    "em_opens_all_mobile em_clicks_all_none"
)
_MAIL_STATS = {**_STATS, **fields("em_abuse em_bounces_blocked")}
_CAMPAIGN = "campaign_id name current_status type type_code created_at updated_at"
CONTACT = fields(
    "contact_id first_name last_name company_name created_at updated_at deleted_at list_memberships email_address",
    email_address=fields("address! permission_to_send opt_in_date opt_out_reason confirm_status"),
)
LIST = fields("list_id! name! description favorite membership_count created_at updated_at deleted_at")


@dataclass(frozen=True, eq=False)
class Get:
    """One GET of the description.

    Attributes
    ----------
    path : str
        With the names of what is in it.
    spec : mapping
        Fields of a row, or of the answer where there is no list.
    envelope : str
        Field with the rows.
    params : frozenset of str
        The parameters that it knows.
    most : int or None
        The largest page; None where it is not the caller's choice.
    paged : bool
        Whether links lead on.
    """

    path: str
    spec: Spec
    envelope: str = ""
    params: frozenset[str] = frozenset()
    most: int | None = None
    paged: bool = False
    needs: frozenset[str] = frozenset()
    matches: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        parts = "".join(
            f"(?P<{part[1:-1]}>[^/]+)" if part[0] == "{" else re.escape(part)
            for part in re.split(r"(?=\{)|(?<=\})", self.path)
            if part
        )
        object.__setattr__(self, "matches", re.compile(f"/v3{parts}"))


def _pages(path: str, spec: Spec, envelope: str = "tracking_activities", *params: str, most: int = 500) -> Get:
    return Get(path, spec, envelope, frozenset({"limit", *params}), most, paged=True)


_OF_CONTACT = "/reports/contact_reports/{contact_id}"
_OF_MAIL = "/reports/email_reports/{campaign_activity_id}"
DETAILS = _pages(
    f"{_OF_CONTACT}/activity_details",
    fields("contact_id! campaign_activity_id! created_time tracking_activity_type campaign_activity_name"),
    "tracking_activities",
    *("tracking_activities_list", "tracking_activity_type", "include_campaign_activity_names"),
    most=100,
)
BY_MAIL = Get(
    f"{_OF_CONTACT}/activity_summary",
    fields("campaign_activity_id! start_on! em_sends! em_opens! em_clicks! em_bounces! em_forwards! em_unsubscribes!"),
    "campaign_activities",
    frozenset({"start", "end"}),
    paged=True,
    needs=frozenset({"start", "end"}),
)
SENDS = _pages(f"{_OF_MAIL}/tracking/sends", EVENT)
OPENS = _pages(f"{_OF_MAIL}/tracking/opens", OPEN)
UNIQUE_OPENS = _pages(f"{_OF_MAIL}/tracking/unique_opens", OPEN)
DID_NOT_OPENS = _pages(f"{_OF_MAIL}/tracking/didnotopens", EVENT)
CLICKS = _pages(f"{_OF_MAIL}/tracking/clicks", CLICK, "tracking_activities", "url_id")
FORWARDS = _pages(f"{_OF_MAIL}/tracking/forwards", EVENT)
OPTOUTS = _pages(f"{_OF_MAIL}/tracking/optouts", OPTOUT)
BOUNCES = _pages(f"{_OF_MAIL}/tracking/bounces", BOUNCE, "tracking_activities", "bounce_code")
LINKS = Get(
    f"{_OF_MAIL}/links",
    fields("link_url url_id unique_clicks list_action list_id link_tag"),
    "link_click_counts",
    frozenset({"no_clicks"}),
)
SUMMARIES = _pages(
    "/reports/summary_reports/email_campaign_summaries",
    fields("campaign_id! campaign_type last_sent_date unique_counts", unique_counts=fields(_COUNTED)),
    "bulk_email_campaign_summaries",
)
CAMPAIGN_STATS = Get(
    "/reports/stats/email_campaigns/{campaign_id}",
    fields("campaign_id stats last_refresh_time", stats=_STATS),
    "results",
)
MAIL_STATS = Get(
    "/reports/stats/email_campaign_activities/{campaign_activity_id}",
    fields("campaign_id campaign_activity_id stats last_refresh_time", stats=_MAIL_STATS),
    "results",
)
CONTACTS = _pages(
    "/contacts",
    CONTACT,
    "contacts",
    *("status", "email", "lists", "segment_id", "tags", "updated_after", "updated_before", "created_after"),
    *("created_before", "optout_after", "optout_before", "include", "sms_status", "include_count"),
)
ONE_CONTACT = Get("/contacts/{contact_id}", CONTACT, params=frozenset({"include"}))
LISTS = _pages(
    "/contact_lists", LIST, "lists", "include_count", "include_membership_count", "name", "status", "channel_type"
)
ONE_LIST = Get("/contact_lists/{list_id}", LIST, params=frozenset({"include_membership_count"}))
CAMPAIGNS = _pages("/emails", fields(_CAMPAIGN), "campaigns", "before_date", "after_date")
ONE_CAMPAIGN = Get(
    "/emails/{campaign_id}",
    fields(f"{_CAMPAIGN} campaign_activities!", campaign_activities=[fields("role")]),
)
MAIL = Get(
    "/emails/activities/{campaign_activity_id}",
    fields(
        "campaign_activity_id campaign_id role current_status from_email! from_name! reply_to_email! subject! preheader"
    ),
    params=frozenset({"include"}),
)
CONTACT_XREFS = Get(
    "/contacts/contact_id_xrefs", fields("sequence_id contact_id"), "xrefs", frozenset({"sequence_ids"})
)
LIST_XREFS = Get("/contact_lists/list_id_xrefs", fields("sequence_id list_id"), "xrefs", frozenset({"sequence_ids"}))
CAMPAIGN_XREFS = Get(
    "/emails/campaign_id_xrefs",
    fields("v2_email_campaign_id campaign_id campaign_activity_id"),
    "xrefs",
    frozenset({"v2_email_campaign_ids"}),
)
EVERY = (
    *(CONTACT_XREFS, LIST_XREFS, CAMPAIGN_XREFS, MAIL_STATS, CAMPAIGN_STATS, SUMMARIES, MAIL, CAMPAIGNS, ONE_CAMPAIGN),
    *(DETAILS, BY_MAIL, SENDS, OPENS, UNIQUE_OPENS, DID_NOT_OPENS, CLICKS, FORWARDS, OPTOUTS, BOUNCES, LINKS),
    *(CONTACTS, ONE_CONTACT, LISTS, ONE_LIST),
)

# --- what a field may hold -----------------------------------------------------------------------

_WORDS = {
    "role": st.sampled_from(ROLES),
    "device_type": st.sampled_from(["computer", "mobile", "tablet", "other"]),
    "bounce_code": st.sampled_from("BDFSVXZ"),
    "permission_to_send": st.sampled_from(["implicit", "explicit", "unsubscribed", "temp_hold", "not_set"]),
    "current_status": st.sampled_from(["Done", "DONE", "Removed", "Draft", "Executing"]),
    "tracking_activity_type": st.sampled_from(["em_sends", "em_clicks", "em_optouts", "p_contact_open"]),
    "url_id": st.sampled_from(["1100000000077", "1100000000000000077"]),
    "type_code": st.just(10),
    "favorite": st.booleans(),
    "list_memberships": st.lists(st.sampled_from(LONG), max_size=2),
}
_TEXT = st.sampled_from(["", "x", "Ünïcode ★ 🌱", "=1+1", "<b>&amp;", "null", "007", "a\tb\u2028c", "2024-05-01"])
_DATES = st.sampled_from(
    ["{}.000Z", "{}Z", "{}.123456Z", "{}-0500", "{}.250-05:00", "{}+01:00"]  # as the documents write them
)
_COUNT = re.compile("em_.+|unique_clicks|membership_count|sends|opens|clicks|forwards|optouts|abuse|bounces|not_opened")


def _leaf(name: str, form: Form) -> st.SearchStrategy[Any]:
    if name in _WORDS:
        return _WORDS[name]
    if name.endswith("_id"):
        return st.sampled_from([*LONG, "7", "x.y_z", 36] if form == "drifting" else LONG)
    if name.endswith(("_at", "_time", "_date", "_on")):
        if name == "deleted_at":
            return st.just("2024-05-02")
        return _DATES.map(lambda shape: shape.format("2024-05-01T10:00:00"))
    if _COUNT.fullmatch(name):
        number = st.integers(0, 2**31 - 1)
        return number | number.map(str) if form == "drifting" else number
    return _TEXT


def objects(spec: Spec, form: Form) -> st.SearchStrategy[Row]:
    """Draw an object; one that drifts has nulls where it may have nothing, and fields that nobody has heard of."""
    needed: dict[str, Any] = {}
    further: dict[str, Any] = {}
    for name, held in spec.items():
        bare = name.rstrip("!")
        if isinstance(held, list):
            drawn: st.SearchStrategy[Any] = st.lists(objects(held[0], form), min_size=1, max_size=3)
        else:
            drawn = objects(held, form) if held is not None else _leaf(bare, form)
        (needed if bare != name else further)[bare] = drawn
    if form == "least":
        return st.fixed_dictionaries(needed)
    if form == "whole":
        return st.fixed_dictionaries(needed | further)
    loose = {name: drawn | st.none() for name, drawn in further.items()}
    return st.fixed_dictionaries(
        needed, optional={**loose, "never_heard_of": st.sampled_from([None, 1, [], {"a": "b"}])}
    )


def sample(name: str, held: Any = None) -> Any:
    """Give one plain value, without drawing."""
    if isinstance(held, Mapping):
        return {each.rstrip("!"): sample(each.rstrip("!"), inner) for each, inner in held.items()}
    if isinstance(held, list):
        return [{"campaign_activity_id": LONG[0], "role": ROLES[0]}]
    plain = {
        "role": ROLES[0],
        "current_status": "Done",
        "tracking_activity_type": "em_clicks",
        "url_id": "1100000000077",
    }
    if _COUNT.fullmatch(name):
        return 3
    if name.endswith("_id") and name not in plain:
        return LONG[0]
    return "2024-05-01T10:00:00.000Z" if name.endswith(("_at", "_time", "_date", "_on")) else plain.get(name, "x")


def pages(get: Get, form: Form) -> st.SearchStrategy[list[list[Row]]]:
    """Draw the rows of a GET, page by page."""
    one = st.lists(objects(get.spec, form), min_size=1, max_size=2)
    return st.lists(one, min_size=1, max_size=2 if get.paged else 1)


ENDS: tuple[Row, ...] = ({}, {"_links": {}}, {"_links": None}, {"_links": {"next": None}}, {"_links": {"next": {}}})


class Described:
    """A server of the description: refuses what it does not know, and answers what was drawn.

    Attributes
    ----------
    drawn : dict
        Pages of rows by GET; what is not in it does not exist.
    end : dict
        What the last page holds besides its rows.
    asked : list of Get
        What was asked for.
    instead : dict
        Other answers by GET.
    endless : dict
        GETs whose links never end: whether each is a new one.
    """

    def __init__(self) -> None:
        self.drawn: dict[Get, list[list[Row]]] = {}
        self.end: Row = {}
        self.asked: list[Get] = []
        self.instead: dict[Get, Answer] = {}
        self.endless: dict[Get, bool] = {}

    def __call__(self, request: Request) -> Answer:
        """Answer one request."""
        get, named = next((one, found) for one in EVERY if (found := one.matches.fullmatch(request.path)))
        self.asked.append(get)
        asked = {name: values[0] for name, values in request.query.items()}
        if get in self.instead:
            return self.instead[get]
        if wrong := _unknown(get, asked):
            raise AssertionError(f"{request.target}: {wrong}")
        if get not in self.drawn:
            return Answer.json([{"error_key": "not_found", "error_message": "nothing there"}], 404)
        if not get.envelope:
            return Answer.json({**self.drawn[get][0][0], **_ids(self.drawn[get][0][0], named.groupdict())})
        if get.envelope == "results":
            return Answer.json({"errors": [], "results": self._results(get, named.groupdict())})
        return Answer.json(self._page(get, request.path, asked))

    def _results(self, get: Get, named: Mapping[str, str]) -> list[Row]:
        row, (name, ids) = self.drawn[get][0][0], next(iter(named.items()))
        return [{**row, name: one} for one in ids.split(",")]  # which is which cannot be left out

    def _page(self, get: Get, path: str, asked: Mapping[str, str]) -> Row:
        number, every = int(asked.get("next", "0")), self.drawn[get]
        if get in self.endless:
            link = f"{path}?next={number + 1 if self.endless[get] else 1}"
            return {get.envelope: every[0], "_links": {"next": {"href": link}}}
        body: Row = {get.envelope: every[number]}
        if number + 1 < len(every):
            return {**body, "_links": {"next": {"href": f"{path}?next={number + 1}"}}}
        return {**body, **self.end}


def _ids(row: Row, named: Mapping[str, str]) -> Row:
    """Give what was asked for the id that was asked for."""
    return {name: value for name, value in named.items() if name in row}


def _unknown(get: Get, asked: Mapping[str, str]) -> str:
    """Tell what is wrong with a request; a link to the next page holds all that there is to say."""
    if "next" in asked:
        return "" if set(asked) == {"next"} and get.paged else "more than the link said"
    if further := set(asked) - get.params:
        return f"there are no parameters {sorted(further)}"
    if get.needs - set(asked):
        return "a parameter is missing"
    return "" if "limit" not in asked or 1 <= int(asked["limit"]) <= (get.most or 0) else "no such page size"
