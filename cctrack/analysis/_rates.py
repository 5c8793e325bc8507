"""What a scorecard counts, and what it divides by what, as data."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from cctrack.analysis._definitions import Definitions
from cctrack.analysis._patterns import HAS, Flags

TOTALS: Final[Mapping[str, str]] = {  # of rows, by type
    "EMAIL_OPEN": "opens_total",
    "EMAIL_CLICK": "clicks_total",
    "EMAIL_FORWARD": "forwards_total",
}
COUNTS: Final[Mapping[str, str]] = {
    "sent": "recipients with a send; a recipient is a contact in a campaign",
    "delivered": "recipients with a send and no bounce",
    "bounced": "recipients with a bounce, {replies}",
    "hard_bounced": "recipients with a bounce of code B or S: no such address, or suspended for it",
    "soft_bounced": "recipients with a bounce of code D or F: undeliverable for now, or mailbox full",
    "blocked": "recipients with a bounce of code Z: refused by the receiving system",
    "other_bounced": "recipients with a bounce of another code",
    "autoreplied": "recipients with an automatic reply (bounce code V), which was delivered",
    "opens_total": "opens",
    "unique_openers": "recipients with an open",
    "confirmed_openers": "recipients with an open or a click",
    "clicks_total": "clicks",
    "unique_link_clicks": "different pairs of recipient and link clicked",
    "unique_clickers": "recipients with a click",
    "forwards_total": "forwards by the mail's own link; those of a mail program leave no trace",
    "forwarders": "recipients with such a forward",
    "unsubscribed": "recipients that unsubscribed{removed}",
    "removed_by_owner": "recipients that the sender unsubscribed: no reaction to the mailing",
    "spam_complaints": "complaints by the summaries; NA without one for each campaign, no activities tell of them",
    "sent_less_auto": "sent, without suspected auto-openers",
    "delivered_less_auto": "delivered, without suspected auto-openers",
    "openers_less_auto": "unique_openers, without suspected auto-openers",
    "orphan_recipients": "recipients with an event and no send: no longer listed, forwarded, or merged contacts",
    "orphan_openers": "those of unique_openers without a send",
    "orphan_clickers": "those of unique_clickers without a send",
    "n_duplicates": "activities that repeat another in all its columns; totals count them",
}
# These need to know who opens by machine.
LESS_AUTO: Final = {"sent_less_auto": "sent", "delivered_less_auto": "delivered", "openers_less_auto": "unique_openers"}


@dataclass(frozen=True)
class Rate:
    """A count over another.

    Attributes
    ----------
    name : str
        With `_rate`, `_low` and `_high` behind it, of the columns; that of a ratio is the column.
    numerator, denominator : str
        Columns of counts.
    remark : str
        What else to know of it.
    ratio : bool
        Whether it is no share of the denominator, and may exceed 1 by its nature.
    """

    name: str
    numerator: str
    denominator: str
    remark: str = ""
    ratio: bool = False

    @property
    def column(self) -> str:
        """Its column."""
        return self.name if self.ratio else f"{self.name}_rate"

    @property
    def meanings(self) -> dict[str, str]:
        """What its columns are."""
        said = {self.column: f"{self.numerator} / {self.denominator}{self.remark}"}
        if self.ratio:
            return {self.column: f"{said[self.column]}; a mean, without an interval"}
        ends = {"low": "lower", "high": "upper"}
        return said | {
            f"{self.name}_{end}": f"{word} end of the interval of {self.column}" for end, word in ends.items()
        }


_GOOGLE: Final = (
    "; Google asks to stay below 0.1 % and never to reach 0.3 %, but of the mail in inboxes of active Gmail users, "
    "which is not this number"
)


def rates_of(definitions: Definitions) -> tuple[Rate, ...]:
    """Give the rates as a preset has them."""
    base = definitions.base
    return (
        Rate("delivery", "delivered", "sent"),
        Rate("bounce", "bounced", "sent"),
        Rate("open", "unique_openers", base, "; the first of three open rates: as recorded, loads by machine included"),
        Rate(
            "open_less_auto", "openers_less_auto", f"{base}_less_auto", "; the second: without suspected auto-openers"
        ),
        Rate("click", "unique_clickers", base, "; the third, clicks only: the one to compare campaigns by"),
        Rate("confirmed_open", "confirmed_openers", base),
        Rate("click_to_open", "unique_clickers", definitions.click_to_open),
        Rate("unsubscribe", "unsubscribed", base),
        Rate("complaint", "spam_complaints", base, _GOOGLE),
        Rate("forward", "forwarders", base),
        Rate("forward_to_open", "forwarders", "confirmed_openers"),
        Rate("repeat_open_ratio", "opens_total", "unique_openers", "; falls where images are kept", ratio=True),
        Rate("clicks_per_clicker", "clicks_total", "unique_clickers", ratio=True),
    )


def lookups(definitions: Definitions) -> dict[str, Flags]:
    """Give which patterns each count of recipients takes."""
    send, opened, click = HAS["send"], HAS["open"], HAS["click"]
    bounced = definitions.bounced
    reached = {
        "sent": send,
        "delivered": send & ~bounced,
        "bounced": bounced,
        **{name: HAS[name] for name in ("hard_bounced", "soft_bounced", "blocked", "other_bounced", "autoreplied")},
        "unique_openers": opened,
        "confirmed_openers": opened | click,
        "unique_clickers": click,
        "forwarders": HAS["forward"],
        "unsubscribed": definitions.unsubscribed,
        "removed_by_owner": HAS["removed"],
        "orphan_recipients": ~send,
        "orphan_openers": opened & ~send,
        "orphan_clickers": click & ~send,
    }
    return reached | {name: reached[whole] for name, whole in LESS_AUTO.items()}


def meanings(definitions: Definitions) -> dict[str, str]:
    """Say what the columns of counts and rates are."""
    replies = (
        "automatic replies among them" if "autoreplied" in definitions.bounces else "automatic replies not counted"
    )
    removed = ", or that the sender removed" if "removed" in definitions.unsubscribes else " themselves, as far as told"
    counts = {name: said.format(replies=replies, removed=removed) for name, said in COUNTS.items()}
    return counts | {name: said for rate in rates_of(definitions) for name, said in rate.meanings.items()}
