"""The two questions that can be explored, and the words of their choices."""

from collections.abc import Mapping
from dataclasses import dataclass

WHOLE, CAMPAIGN, MONTH, LIST = "", "campaign_id", "month", "list"


@dataclass(frozen=True)
class Choice:
    """One thing to choose.

    Attributes
    ----------
    name : str
        Keyword of the analysis.
    label : str
        Stands beside the control.
    options : tuple of (str, str)
        Words and value of each; the first is the default. None for free text.
    """

    name: str
    label: str
    options: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Question:
    """One analysis as it is explored.

    Attributes
    ----------
    name : str
        Of the analysis, of its picture, and of the variable in the code.
    title : str
        What is asked.
    choices : tuple of Choice
        What can be chosen beside campaigns, groups and zone.
    columns : dict of str to tuple of str
        What of the table is shown, by the choice of `machine`.
    with_links : bool
        Whether the links of the campaigns are read, too.
    """

    name: str
    title: str
    choices: tuple[Choice, ...]
    columns: Mapping[str, tuple[str, ...]]
    with_links: bool = False


@dataclass(frozen=True)
class Chosen:
    """What is chosen.

    Attributes
    ----------
    campaigns : tuple of str
        Their ids.
    split : str
        What makes groups: a column, or one of `WHOLE`, `CAMPAIGN`, `MONTH` and `LIST`.
    tz : str
        The zone.
    keywords : tuple of (str, str)
        Further keywords of the analysis.
    """

    campaigns: tuple[str, ...]
    split: str
    tz: str
    keywords: tuple[tuple[str, str], ...]


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
_LINK = ("url_key", "kind", "exposed")
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
