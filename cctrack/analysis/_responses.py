"""What a campaign is compared by: who responded, of whom."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from cctrack.analysis._definitions import Definitions, one_of
from cctrack.analysis._patterns import HAS, Flags

Metric = Literal["click", "open", "confirmed_open", "forward", "unsubscribe", "bounce"]


@dataclass(frozen=True)
class Response:
    """A rate.

    Attributes
    ----------
    name : str
        What it is asked for by.
    word : str
        Stands before "rate".
    responded : str
        Its numerator.
    ends : bool
        Whether contacts that respond get no later mail.
    of_sent : bool
        Whether its denominator is always what was sent.
    """

    name: Metric
    word: str
    responded: str
    ends: bool = False
    of_sent: bool = False

    def base(self, definitions: Definitions) -> str:
        """Name the denominator."""
        return "sent" if self.of_sent else definitions.base

    def reached(self, definitions: Definitions) -> Flags:
        """Tell which patterns are of the denominator: those with a send only, for the others are not known in full."""
        if self.base(definitions) == "sent":
            return HAS["send"]
        return HAS["send"] & (~definitions.bounced | HAS["open"] | HAS["click"] | HAS["forward"])

    def success(self, definitions: Definitions) -> Flags:
        """Tell which patterns responded."""
        found: Mapping[Metric, Flags] = {
            "click": HAS["click"],
            "open": HAS["open"],
            "confirmed_open": HAS["open"] | HAS["click"],
            "forward": HAS["forward"],
            "unsubscribe": definitions.unsubscribed,
            "bounce": definitions.bounced,
        }
        return found[self.name]


RESPONSES: Final[Mapping[str, Response]] = {
    "click": Response("click", "click", "recipients with a click"),
    "open": Response("open", "open", "recipients with an open"),
    "confirmed_open": Response("confirmed_open", "confirmed open", "recipients with an open or a click"),
    "forward": Response("forward", "forward", "recipients that used the forward link"),
    "unsubscribe": Response("unsubscribe", "unsubscribe", "recipients that unsubscribed", ends=True),
    "bounce": Response("bounce", "bounce", "recipients with a bounce", ends=True, of_sent=True),
}


def chosen_response(metric: object) -> Response:
    """Give a rate by its name.

    Raises
    ------
    ValueError
        When there is none of this name.
    """
    one_of("metric", metric, RESPONSES)
    return RESPONSES[str(metric)]
