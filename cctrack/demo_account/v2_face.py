"""The v2 dialect over a demo account: its routes, its parameters and its ways of saying no."""

import logging
import re
from collections.abc import Callable, Iterable
from typing import Final
from urllib.parse import unquote, urlencode

import numpy as np

from .account import KINDS, Account
from .parameters import bad, found, instant, instant_of, missing, page_size, pattern, switch, switch_of
from .quirks import Quirks
from .v2_objects import Objects
from .v2_rows import LONGEST_PAGE, EventBook, Level, read_token, whole, write_token
from .wire import Answer, Call, Gate, Refusal, as_json

_LOG = logging.getLogger(__name__)
_EVENT_LIMIT, _TABLE_LIMIT, _CAMPAIGN_LIMIT = (
    (LONGEST_PAGE, LONGEST_PAGE),
    (50, LONGEST_PAGE),
    (50, 50),
)  # default, maximum
_CONTACT_STATUSES: Final = {
    "ALL", "ACTIVE", "UNCONFIRMED", "OPTOUT", "REMOVED", "NON_SUBSCRIBER", "VISITOR",
}  # fmt: skip
_CAMPAIGN_STATUSES: Final = ("DRAFT", "RUNNING", "SENT", "SCHEDULED", "DELETED")
_BEARER = re.compile(r"Bearer +(\S+)", re.IGNORECASE)
_ALONE = {"api_key", "access_token", "next"}

Handler = Callable[[Call, dict[str, str]], object]


class V2Face:
    """Answers v2 calls about one account."""

    prefix = "/v2"

    def __init__(
        self,
        account: Account,
        quirks: Quirks,
        gate: Gate,
        *,
        api_key: str | None = None,
        access_token: str | None = None,
    ) -> None:
        self._account, self._quirks, self._gate = account, quirks, gate
        self._key, self._token = api_key, access_token
        self._book = EventBook(account, quirks)
        self._objects = Objects(account, quirks, self._book)
        self._routes = [(pattern(self.prefix, path), handler) for path, handler in self._table()]

    def __repr__(self) -> str:
        return "V2Face()"

    def _table(self) -> Iterable[tuple[str, Handler]]:
        """Every path of the dialect, and who answers it."""
        contact, campaign = "/contacts/{contact}", "/emailmarketing/campaigns/{campaign}"
        yield "/contacts", self._contacts
        yield contact, self._contact
        yield f"{contact}/lists", self._contact_lists
        yield "/lists", self._lists
        yield "/lists/{list}", self._list
        yield "/lists/{list}/contacts", self._list_contacts
        yield "/emailmarketing/campaigns", self._campaigns
        yield campaign, self._campaign
        yield f"{contact}/tracking/reports/summary", self._contact_summary
        yield f"{contact}/tracking/reports/summaryByCampaign", self._contact_by_campaign
        yield f"{campaign}/tracking/reports/summary", self._campaign_summary
        levels: tuple[tuple[str, Level], ...] = ((contact, "contact"), (campaign, "campaign"))
        for path, level in levels:
            yield f"{path}/tracking", self._events(KINDS, level)
            yield f"{path}/tracking/clicks/{{link}}", self._events(("clicks",), level)
            for kind in KINDS:
                yield f"{path}/tracking/{kind}", self._events((kind,), level)

    def answer(self, call: Call) -> Answer:
        """Answer one call; what goes wrong becomes an answer too."""
        try:
            self._admit(call)
            for path, handler in self._routes:
                match = path.fullmatch(call.path)
                if match:
                    ids = {name: unquote(text) for name, text in match.groupdict().items()}
                    return as_json(200, handler(call, ids))
            raise missing("resource")
        except Refusal as no:
            return as_json(no.status, [{"error_key": no.key, "error_message": no.message}])
        except Exception:
            _LOG.exception("no answer for %s", call.path)
            message = "Internal server error."
            return as_json(500, [{"error_key": "http.status.internal_server_error", "error_message": message}])

    def _admit(self, call: Call) -> None:
        """Turn away who may not call, in the order of the gateway: key, rate, token, then the request."""
        key = call.query.get("api_key", "")
        if not key or (self._key is not None and key != self._key):
            raise Refusal(403, "mashery.not.authorized.inactive", "Not authorized - inactive developer key.")
        over = self._gate.refuse()
        if over == "qps":
            raise Refusal(403, "mashery.not.authorized.over.qps", "Account over queries per second limit.")
        if over == "quota":
            raise Refusal(403, "mashery.not.authorized.over.ratelimit", "Account over rate limit.")
        bearer = _BEARER.fullmatch(call.headers.get("authorization", "").strip())
        if bearer is None or (self._token is not None and bearer[1] != self._token):
            raise Refusal(401, "http.status.authentication.invalid_token", "Invalid or missing access token.")
        if call.method != "GET":
            raise Refusal(405, "http.status.method_not_allowed", "This resource is read-only.")
        accept = call.headers.get("accept", "*/*")
        kinds = {part.split(";")[0].strip().lower() for part in accept.split(",")}
        if not kinds & {"application/json", "application/*", "*/*"}:
            raise Refusal(406, "http.status.not_acceptable", "Only application/json is offered.")

    # events

    def _events(self, kinds: tuple[str, ...], level: Level) -> Handler:
        def handler(call: Call, ids: dict[str, str]) -> object:
            limit, since = page_size(call, *_EVENT_LIMIT), instant(call, "created_since")
            token = _token(call)
            owner = self._contact_at(ids) if level == "contact" else self._campaign_at(ids)
            link = self._link_at(ids, owner if level == "campaign" else None) if "link" in ids else None
            rows = self._book.rows(kinds, level, owner, link)
            page, following = self._book.page(rows, limit, since, token)
            return _envelope(call.path, self._book.records(page, level), following)

        return handler

    def _contact_summary(self, call: Call, ids: dict[str, str]) -> object:
        return self._objects.contact_counts(self._contact_at(ids))

    def _contact_by_campaign(self, call: Call, ids: dict[str, str]) -> object:
        return self._objects.contact_by_campaign(self._contact_at(ids))

    def _campaign_summary(self, call: Call, ids: dict[str, str]) -> object:
        recount = switch(call, "updateSummary")
        return self._objects.campaign_counts(self._campaign_at(ids), recount=recount)

    # contacts and lists

    def _contacts(self, call: Call, ids: dict[str, str]) -> object:
        return self._people(call, np.ones(len(self._account.contacts), dtype=bool))

    def _list_contacts(self, call: Call, ids: dict[str, str]) -> object:
        return self._people(call, self._account.contacts.on_list[self._list_at(ids)].copy())

    def _people(self, call: Call, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> object:
        """Give a page of contacts; its token names the contact id with which the next one begins."""
        people = self._account.contacts
        limit, start = page_size(call, *_TABLE_LIMIT), 1
        token = _token(call)
        fields = {
            name: call.query[name] for name in ("status", "modified_since", "include_contact_id") if name in call.query
        }
        if token is not None:
            fields = read_token(token)
            start, limit = whole(fields.pop("startAt", None)), whole(fields.pop("limit", None), LONGEST_PAGE)
        status = fields.get("status", "ALL")
        if status not in _CONTACT_STATUSES:
            raise bad("status")
        if status != "ALL":
            chosen &= np.array(people.status) == status
        modified_since = instant_of(fields["modified_since"], "modified_since") if "modified_since" in fields else None
        if modified_since is not None:
            chosen &= people.modified >= modified_since
        if "email" in call.query:
            wanted = call.query["email"].lower()
            chosen &= np.array([address.lower() == wanted for address in people.email])
        long_id = switch_of(fields.get("include_contact_id", "false"), "include_contact_id")
        chosen[: max(start - 1, 0)] = False
        chosen_at = np.flatnonzero(chosen)
        size = limit + (1 if self._quirks.extra_row else 0)
        following = None
        if len(chosen_at) > size:
            carried = {"startAt": people.ids[chosen_at[size]], "limit": limit, **fields}
            following = write_token(urlencode(carried))
        rows = [self._objects.contact(at, long_id=long_id) for at in chosen_at[:size].tolist()]
        return _envelope(call.path, rows, following)

    def _contact(self, call: Call, ids: dict[str, str]) -> object:
        return self._objects.contact(self._contact_at(ids), long_id=switch(call, "include_contact_id"))

    def _contact_lists(self, call: Call, ids: dict[str, str]) -> object:
        at = self._contact_at(ids)
        return [self._objects.list_(k) for k in np.flatnonzero(self._account.contacts.on_list[:, at]).tolist()]

    def _lists(self, call: Call, ids: dict[str, str]) -> object:
        since = instant(call, "modified_since")
        modified = self._account.lists.modified.tolist()
        return [self._objects.list_(at) for at, when in enumerate(modified) if since is None or when >= since]

    def _list(self, call: Call, ids: dict[str, str]) -> object:
        return self._objects.list_(self._list_at(ids))

    # campaigns

    def _campaigns(self, call: Call, ids: dict[str, str]) -> object:
        """Give a page of campaigns; this collection goes by page numbers."""
        limit, number = page_size(call, *_CAMPAIGN_LIMIT), 1
        token = _token(call)
        fields = {name: call.query[name] for name in ("status", "modified_since") if name in call.query}
        if token is not None:
            fields = read_token(token)
            number, limit = (
                whole(fields.pop("pageNum", None), 10**6),
                whole(fields.pop("pageSize", None), _CAMPAIGN_LIMIT[1]),
            )
        status = fields.get("status", "ALL")
        if status not in (*_CAMPAIGN_STATUSES, "ALL"):
            raise bad("status")
        listed = self._campaigns_in_order(status)
        if "modified_since" in fields:
            since = instant_of(fields["modified_since"], "modified_since")
            listed = [at for at in listed if self._account.campaigns.modified[at] >= since]
        start = max(number - 1, 0) * limit
        page = listed[start : start + limit]
        following = None
        if start + limit < len(listed):
            carried = {"pageNum": number + 1, "pageSize": limit, **fields}
            following = write_token(urlencode(carried))
        return _envelope(call.path, [self._objects.campaign_line(at) for at in page], following)

    def _campaigns_in_order(self, status: str) -> list[int]:
        """Drafts by last change, sent ones by their run, newest first; deleted ones only when asked for."""
        table = self._account.campaigns
        wanted = [s for s in _CAMPAIGN_STATUSES if s == status or (status == "ALL" and s != "DELETED")]
        keys = {"DRAFT": -table.modified, "SCHEDULED": table.next_run}
        ordered: list[int] = []
        for group in wanted:
            members = [at for at, s in enumerate(table.status) if s == group]
            key = keys.get(group, -table.sent)
            ordered += sorted(members, key=lambda at, key=key: int(key[at]))  # type: ignore[misc]
        return ordered

    def _campaign(self, call: Call, ids: dict[str, str]) -> object:
        return self._objects.campaign(self._campaign_at(ids), recount=switch(call, "updateSummary"))

    # ids

    def _contact_at(self, ids: dict[str, str]) -> int:
        return found(self._account.contact_at, ids["contact"], "contact")

    def _list_at(self, ids: dict[str, str]) -> int:
        return found(self._account.list_at, ids["list"], "list")

    def _campaign_at(self, ids: dict[str, str]) -> int:
        at = found(self._account.campaign_at, ids["campaign"], "campaign")
        if self._account.campaigns.status[at] == "DELETED":
            raise missing("campaign")
        return at

    def _link_at(self, ids: dict[str, str], campaign: int | None) -> int:
        at = found(self._account.link_at, ids["link"], "link")
        if campaign is not None and self._account.links.campaign[at] != campaign:
            raise missing("link")
        return at


def _envelope(path: str, rows: list[dict[str, object]], following: str | None) -> dict[str, object]:
    pagination = {"next_link": f"{path.rstrip('/')}?next={following}"} if following else {}
    return {"meta": {"pagination": pagination}, "results": rows}


def _token(call: Call) -> str | None:
    """Give the ``next`` token, which stands alone: it carries what the first call asked for."""
    if "next" in call.query and set(call.query) - _ALONE:
        raise Refusal(400, "query.param.invalid", "next cannot be combined with other parameters.")
    return call.query.get("next")
