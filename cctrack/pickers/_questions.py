"""The two questions that can be explored, and the words of their choices."""

from cctrack.pickers._exploration import Choice, Question

_MACHINE = Choice(
    "machine",
    "Scanners",
    (
        ("as recorded, and people beside it", "both"),
        ("people only: automatic events set aside", "exclude"),
        ("as recorded", "include"),
    ),
)
_INTERVAL = ("step_rate", "step_low", "step_high")


def _human(*names: str) -> tuple[str, ...]:
    return tuple(f"{name}_human" for name in names)


FUNNEL = Question(
    name="funnel",
    title="How far do people get?",
    choices=(
        Choice(
            "semantics",
            "Counting",
            (
                ("closed: a click counts as an open", "closed"),
                ("observed: as the rows say", "observed"),
                ("ordered: in this order, within 7 days", "ordered"),
            ),
        ),
        _MACHINE,
        Choice(
            "definitions",
            "Definitions",
            (
                ("cctrack: automatic replies were delivered", "cctrack"),
                ("constant_contact: they bounced", "constant_contact"),
                ("sent: all rates of what was sent", "sent"),
            ),
        ),
    ),
    columns={
        "both": ("stage", "n", *_human("n", "rate_of_sent", "rate_of_delivered", *_INTERVAL)),
        "exclude": ("stage", "n", "rate_of_sent", "rate_of_delivered", *_INTERVAL),
        "include": ("stage", "n", "rate_of_sent", "rate_of_delivered", *_INTERVAL),
    },
)
_LINK = ("link_uri", "kind", "exposed")
_REACH = ("unique_clickers", "reach", "reach_low", "reach_high", "rank_low", "rank_high")

LINKS = Question(
    name="link_popularity",
    title="Which links do people follow?",
    choices=(
        Choice(
            "level",
            "One link is",
            (
                ("a page, without tracking parameters", "page"),
                ("an address as it stands", "raw"),
                ("a path, without any parameters", "path"),
                ("a section of a site", "section"),
                ("a site", "host"),
                ("a domain", "domain"),
            ),
        ),
        Choice("kinds", "Kinds", (("content", "content"), ("all, unsubscribing included", "all"))),
        _MACHINE,
    ),
    columns={
        "both": (*_LINK, "clicks_total", *_human("clicks_total", *_REACH)),
        "exclude": (*_LINK, "clicks_total", *_REACH),
        "include": (*_LINK, "clicks_total", *_REACH),
    },
    with_links=True,
)
