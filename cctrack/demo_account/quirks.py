"""What the demo service does wrong, each oddity a switch."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

EPOCH_SENTINEL = "1969-12-31T19:00:00.000Z"  # epoch 0 in US Eastern time wearing a Z
LATE_KINDS = ("opens", "clicks", "forwards", "bounces", "unsubscribes")


@dataclass(frozen=True)
class Quirks:
    """Oddities of the v2 service that clients have met; as given, a clean and well-behaved service.

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

    def __post_init__(self) -> None:
        if self.cursor not in ("offset", "timestamp"):
            raise ValueError(f"cursor must be 'offset' or 'timestamp', not {self.cursor!r}")
        if self.retention_by not in ("send", "event"):
            raise ValueError(f"retention_by must be 'send' or 'event', not {self.retention_by!r}")
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
        )
