"""Names of the kinds of event."""

from typing import Final

KINDS: Final = {
    "EMAIL_CLICK": "clicks",
    "EMAIL_OPEN": "opens",
    "EMAIL_UNSUBSCRIBE": "unsubscribes",
    "EMAIL_FORWARD": "forwards",
    "EMAIL_BOUNCE": "bounces",
    "EMAIL_SEND": "sends",
}


def kind_name(activity_type: object) -> str:
    """Name a kind of event; one that is not known by its type."""
    return KINDS.get(str(activity_type), str(activity_type))
