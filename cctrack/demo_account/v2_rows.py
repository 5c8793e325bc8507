"""Event rows as v2 lists them: which rows a report has, in which order, page by page, as records."""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Literal
from urllib.parse import parse_qsl

import numpy as np

from .account import BOUNCE_CODES, KINDS, REASONS, SOURCES, Account
from .clock import DAY, HOUR, NEVER, NOW_MS, Ints
from .quirks import Quirks
from .wire import Refusal

Level = Literal["contact", "campaign"]
_SINGULAR: Final = dict(zip(KINDS, ("send", "open", "click", "forward", "bounce", "unsubscribe"), strict=True))
_BOUNCE_TEXT: Final = {
    "B": "Non-existent address",
    "D": "Undeliverable",
    "F": "Mailbox full",
    "S": "Suspended",
    "V": "Vacation/auto-reply",
    "X": "Other",
    "Z": "Blocked",
}
_EVERY_NTH_TWICE = 61
LONGEST_PAGE: Final = 500


@dataclass(frozen=True, eq=False, repr=False)
class Rows:
    """The rows of one report in listing order: kind (in `KINDS`), position in that kind, and date served."""

    kind: Ints
    row: Ints
    time: Ints
    ascending: bool = False

    def __getitem__(self, which: Any) -> "Rows":
        return Rows(self.kind[which], self.row[which], self.time[which], self.ascending)

    def __len__(self) -> int:
        return len(self.time)


class EventBook:
    """Finds and writes the event rows of an account, with the oddities asked for."""

    def __init__(self, account: Account, quirks: Quirks) -> None:
        self._account, self._quirks = account, quirks
        self._indexes: dict[tuple[str, Level], tuple[Ints, Ints]] = {}
        self.rows = lru_cache(maxsize=16)(self._rows)  # a walk asks for the same report page after page

    def numbers(self, kind: str, level: Level, owner: int) -> Ints:
        """Positions of all events of a kind that belong to a contact or campaign, newest first."""
        key = (kind, level)
        if key not in self._indexes:
            events = self._account.events(kind)
            owners = events.contact if level == "contact" else events.campaign
            size = len(self._account.contacts if level == "contact" else self._account.campaigns)
            starts = np.concatenate([[0], np.cumsum(np.bincount(owners, minlength=size), dtype=np.int64)])
            self._indexes[key] = (np.argsort(owners, kind="stable"), starts)
        order, starts = self._indexes[key]
        return order[starts[owner] : starts[owner + 1]]

    def _rows(self, kinds: tuple[str, ...], level: Level, owner: int, link: int | None = None) -> Rows:
        """Rows of a report as the service lists them, all pages together."""
        found = [self.listed(kind, level, owner) for kind in kinds]
        rows = Rows(
            np.concatenate(
                [np.full(len(numbers), KINDS.index(kind)) for kind, numbers in zip(kinds, found, strict=True)]
            ),
            np.concatenate(found),
            np.concatenate([self._dates(kind, level, numbers) for kind, numbers in zip(kinds, found, strict=True)]),
        )
        if link is not None:
            rows = rows[self._account.clicks.link[rows.row] == link]
        if len(kinds) > 1:
            rows = rows[np.argsort(-rows.time, kind="stable")]
        if (kinds, level) == (("bounces",), "campaign"):  # the one report that runs forward
            rows = Rows(rows.kind[::-1], rows.row[::-1], rows.time[::-1], ascending=True)
        return rows

    def listed(self, kind: str, level: Level, owner: int) -> Ints:
        """Events that a report still shows, twice where the service would repeat itself."""
        numbers, quirks = self.numbers(kind, level, owner), self._quirks
        if quirks.retention_days is not None:
            events = self._account.events(kind)
            since_send = quirks.retention_by == "send"
            age_from = self._account.campaigns.sent[events.campaign[numbers]] if since_send else events.time[numbers]
            numbers = numbers[age_from >= NOW_MS - quirks.retention_days * DAY]
        if quirks.duplicates:
            numbers = np.repeat(numbers, np.where(numbers % _EVERY_NTH_TWICE == 7, 2, 1))
        return numbers

    def _dates(self, kind: str, level: Level, numbers: Ints) -> Ints:
        skew = self._quirks.clock_skew_hours.get(kind, 0.0) * (2 if level == "contact" else 1)
        return self._account.events(kind).time[numbers] + int(skew * HOUR)

    def records(self, rows: Rows, level: Level) -> list[dict[str, object]]:
        """Rows as the objects of a JSON answer."""
        account, quirks = self._account, self._quirks
        dates = iso(rows.time)
        campaigns, contacts, links = account.campaigns, account.contacts, account.links
        as_int = quirks.campaign_id_as_int and level == "campaign"
        with_uri = quirks.campaign_link_uri or level == "contact"
        out: list[dict[str, object]] = []
        for code, number, date in zip(rows.kind.tolist(), rows.row.tolist(), dates, strict=True):
            kind = KINDS[code]
            events = account.events(kind)
            campaign, contact = int(events.campaign[number]), int(events.contact[number])
            name = _SINGULAR[kind]
            id_ = campaigns.ids[campaign]
            record: dict[str, object] = {
                "activity_type": f"EMAIL_{name.upper()}",
                "campaign_id": int(id_) if as_int else id_,
                "contact_id": contacts.ids[contact],
                "email_address": account.address(contact, campaign),
            }
            if kind == "clicks":
                link = int(events.link[number])
                record["link_id"] = links.ids[link]
                if with_uri:
                    record["link_uri"] = links.url[link]
            elif kind == "bounces":
                record.update(self._bounce(BOUNCE_CODES[events.code[number]], number))
            elif kind == "unsubscribes":
                record["unsubscribe_source"] = SOURCES[events.source[number]]
                record["unsubscribe_reason"] = REASONS[events.reason[number]]
            record[f"{name}_date"] = date
            out.append(record)
        return out

    def _bounce(self, code: str, number: int) -> dict[str, object]:
        if code == "X" and self._quirks.unknown_bounce_code is not None and number % 2 == 0:
            code = self._quirks.unknown_bounce_code
        return {"bounce_code": code, "bounce_description": _BOUNCE_TEXT.get(code, ""), "bounce_message": ""}

    def page(self, rows: Rows, limit: int, since: int | None, token: str | None) -> tuple[Rows, str | None]:
        """One page of a report, and the token of the next; a token brings its own limit and filter."""
        quirks = self._quirks
        place = 0
        if token is not None:
            carried = read_token(token)
            limit = whole(carried.get("limit"), LONGEST_PAGE)
            if "createdSince" in carried:
                since = whole(carried["createdSince"])
        if since is not None:
            rows = rows[rows.time >= since]
        by_time = quirks.cursor == "timestamp"
        if token is not None and by_time:
            place = self._after(rows, whole(carried.get("next")))
        elif token is not None:
            place = whole(carried.get("startAt")) - 1
            if quirks.page_overlap and limit > 1:
                place -= 1
        end = place + limit + (1 if quirks.extra_row else 0)
        if by_time and quirks.cursor_inclusive is None and place < end < len(rows):
            while end < len(rows) and rows.time[end] == rows.time[end - 1]:
                end += 1
        if end >= len(rows):
            return rows[max(place, 0) :], None
        fields = f"startAt={end + 1}&limit={limit}"
        if by_time:
            fields = f"limit={limit}&next={rows.time[end - 1]}"
        if since is not None and not quirks.created_since_lost:
            fields += f"&createdSince={max(since, 1)}"
        return rows[max(place, 0) : end], write_token(fields)

    def _after(self, rows: Rows, instant: int) -> int:
        """Where a walk by time goes on."""
        beyond = rows.time > instant if rows.ascending else rows.time < instant
        if self._quirks.cursor_inclusive or self._quirks.page_overlap:
            beyond |= rows.time == instant
        return int(np.argmax(beyond)) if beyond.any() else len(rows)


def iso(times: Ints | Sequence[int]) -> list[str]:
    """Write instants as the service does: milliseconds and Z."""
    instants = np.asarray(times, dtype=np.int64).astype("datetime64[ms]")
    return [f"{text}Z" for text in np.datetime_as_string(instants, unit="ms").tolist()]


def write_token(fields: str) -> str:
    """Pack a continuation into the opaque form of ``next``."""
    return base64.urlsafe_b64encode(fields.encode()).decode().rstrip("=")


def read_token(token: str) -> dict[str, str]:
    """Unpack a ``next`` token; anything else is refused."""
    try:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", token):
            raise ValueError(token)
        text = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode("ascii")
        return dict(parse_qsl(text, strict_parsing=True))
    except (ValueError, binascii.Error, UnicodeDecodeError):
        raise Refusal(400, "query.param.invalid", "The value of next is not a valid token.") from None


def whole(text: str | None, most: int = NEVER) -> int:
    """Read a number from 1 to `most` inside a token."""
    if text is None or not re.fullmatch(r"[0-9]{1,18}", text) or not 1 <= int(text) <= most:
        raise Refusal(400, "query.param.invalid", "The value of next is not a valid token.")
    return int(text)
