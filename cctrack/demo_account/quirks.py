"""What the demo service does wrong, each oddity a switch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

EPOCH_SENTINEL = "1969-12-31T19:00:00.000Z"  # epoch 0 in US Eastern time wearing a Z
_CHOICES: Mapping[str, tuple[str, ...]] = {
    "cursor": ("offset", "timestamp"),
    "retention_by": ("send", "event"),
    "last_page": ("absent", "empty", "null_next", "null_href"),
    "error_shape": ("array", "object", "html", "empty"),
}
LATE_KINDS = ("opens", "clicks", "forwards", "bounces", "unsubscribes")


@dataclass(frozen=True)
class Quirks:
    """Oddities of the service that clients have met or its documents show; as given, a well-behaved service.

    Those from `last_page` on are of v3 alone. Of the others, v3 knows `page_overlap`, `duplicates`,
    `unknown_bounce_code`, `retention_days`, `stale_summary` (until the server ends), `extra_row`, the limits and
    `latency`; it says over-limit with 429.

    Attributes
    ----------
    cursor : {"offset", "timestamp"}
        What an event report's ``next`` token holds: ``startAt=..&limit=..`` or ``limit=..&next=<epoch ms>``.
    cursor_inclusive : bool or None
        Timestamp cursor only. None never parts rows of the same millisecond (a page may then be a little
        longer than ``limit``); True begins a page with the cursor's own instant, so rows repeat and a page
        full of one instant never ends; False begins after it, so rows tied across a boundary are lost.
    page_overlap : bool
        The last row of a page comes again as the first of the next (for ``limit`` above 1).
    duplicates : bool
        About one event row in sixty is listed twice, identically.
    campaign_link_uri : bool
        Whether campaign-level click rows carry ``link_uri``.
    campaign_id_as_int : bool
        Campaign-level event rows give ``campaign_id`` as a number.
    unknown_bounce_code : str or None
        A code outside the documented seven, listed for half of the ``X`` bounces.
    retention_days : int or None
        Events older than this are no longer listed; summaries still count them.
    retention_by : {"send", "event"}
        Whether an event's age is that of its campaign's send, or its own (late events are then orphans).
    stale_summary : bool
        Campaign counts stand a day after the send until ``updateSummary=true`` is asked once.
    clock_skew_hours : mapping of str to float
        Hours added to the dates of an event kind; rows of contact-level reports are shifted twice.
        Order, cursor and ``created_since`` all go by the shifted dates.
    opt_out_sentinel : str
        ``opt_out_date`` of an address that never opted out.
    extra_row : bool
        Pages of events and of contacts hold ``limit + 1`` rows.
    created_since_lost : bool
        Continuation pages forget ``created_since``.
    throttle : float or None
        Requests allowed in any one second; beyond it 403 ``over.qps``.
    daily_quota : int or None
        Requests allowed to one server; beyond it 403 ``over.ratelimit``.
    latency : float
        Seconds each answer is held back.
    last_page : {"absent", "empty", "null_next", "null_href"}
        How a last page says so: no ``_links``, an empty one, ``next`` null, or its ``href`` null.
    dotted_keys : bool
        Statistics of activities spell ``em_opens.all.mobile`` with dots.
    quoted_counts : bool
        Counts of the campaign summaries are texts.
    percents_in_array : bool
        ``aggregate_percents`` is an array of one object.
    long_url_ids : bool
        Link ids have 19 digits, as in the vendor's samples; otherwise those of v2.
    drafts_missing : bool
        Reports of mails never sent are 404 in place of empty.
    deleted_contacts : bool
        Every second contact who unsubscribed was deleted since; the rows stay, with ``deleted_at``.
    sms_only_contact : bool
        One contact more stands at the end, without an e-mail address.
    segment_pending : bool
        A segment's contacts are not ready when first asked for (202).
    errors : tuple of int
        Statuses with which the first requests fail, in order; 0 lets one pass.
    error_shape : {"array", "object", "html", "empty"}
        Body of errors other than 401, 403 and 429, which are always bare objects.
    privileges_missing : tuple of str
        What the user of the token may not do, such as ``ui:campaign:metrics``.
    deactivated : bool
        The application was switched off: every call is 403.
    """

    cursor: Literal["offset", "timestamp"] = "offset"
    cursor_inclusive: bool | None = None
    page_overlap: bool = False
    duplicates: bool = False
    campaign_link_uri: bool = True
    campaign_id_as_int: bool = False
    unknown_bounce_code: str | None = None
    retention_days: int | None = None
    retention_by: Literal["send", "event"] = "send"
    stale_summary: bool = False
    clock_skew_hours: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))
    opt_out_sentinel: str = ""
    extra_row: bool = False
    created_since_lost: bool = False
    throttle: float | None = None
    daily_quota: int | None = None
    latency: float = 0.0
    last_page: Literal["absent", "empty", "null_next", "null_href"] = "absent"
    dotted_keys: bool = False
    quoted_counts: bool = False
    percents_in_array: bool = False
    long_url_ids: bool = True
    drafts_missing: bool = False
    deleted_contacts: bool = False
    sms_only_contact: bool = False
    segment_pending: bool = False
    errors: tuple[int, ...] = ()
    error_shape: Literal["array", "object", "html", "empty"] = "array"
    privileges_missing: tuple[str, ...] = ()
    deactivated: bool = False

    def __post_init__(self) -> None:
        for name, known in _CHOICES.items():
            if (chosen := getattr(self, name)) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, not {chosen!r}")
        unknown = set(self.clock_skew_hours) - {"sends", *LATE_KINDS}
        if unknown:
            raise ValueError(f"clock_skew_hours has no event kind {sorted(unknown)}")

    @classmethod
    def rough(cls) -> "Quirks":
        """Give many oddities at once, but no throttling: what a client must come through unharmed."""
        return cls(
            page_overlap=True,
            duplicates=True,
            campaign_link_uri=False,
            campaign_id_as_int=True,
            unknown_bounce_code="N",
            retention_days=180,
            retention_by="event",
            stale_summary=True,
            clock_skew_hours=MappingProxyType(dict.fromkeys(LATE_KINDS, -5.0)),
            opt_out_sentinel=EPOCH_SENTINEL,
            extra_row=True,
            created_since_lost=True,
            last_page="null_href",
            dotted_keys=True,
            quoted_counts=True,
            percents_in_array=True,
            deleted_contacts=True,
            sms_only_contact=True,
        )
