"""The cell that makes the same table and picture as an explorer, without it."""

from collections.abc import Sequence

from cctrack.pickers._questions import CAMPAIGN, LIST, Chosen, Question
from cctrack.pickers._quoting import quoted

_LINE = 100  # letters


def of_reports(question: Question, chosen: Chosen, columns: Sequence[str], *, given: bool, detailed: bool) -> str:
    """Give the cell where the activities are reports.

    Parameters
    ----------
    question, chosen
        What was asked.
    columns
        What of the table is shown; none shows all of it.
    given
        Whether the explorer was given a session that reports do not ask by themselves.
    detailed
        Whether the campaigns were read with their details.
    """
    own = "session=session" if given else ""
    more = f", {own}" if given else ""
    lines = ["# session is the one that the explorer was given"] if given else []
    lines.append(f"activities = cctrack.campaign_activities_df(campaign_ids{more})")
    keywords = _keywords(chosen)
    if question.with_links:
        lines.append(f"links = cctrack.links_df(campaign_ids{more})")
    if chosen.split == CAMPAIGN:
        lines.append(f"campaigns = cctrack.campaigns_df({', '.join(filter(None, ['details=True' * detailed, own]))})")
        keywords.insert(1, "labels=campaigns")
    elif chosen.split == LIST:
        lines += _of_lists(own)
        keywords[0] = "by=segment"
    return _cell(question, chosen, columns, lines, ["activities", *["links"] * question.with_links, *keywords])


def of_table(question: Question, chosen: Chosen, columns: Sequence[str]) -> str:
    """Give the cell where the activities are a table of the user's own."""
    lines = [
        "# activities is the table that the explorer was given",
        'chosen = activities[activities["campaign_id"].isin(campaign_ids)]',
    ]
    return _cell(question, chosen, columns, lines, ["chosen", *_keywords(chosen)])


def _cell(
    question: Question, chosen: Chosen, columns: Sequence[str], tables: Sequence[str], arguments: Sequence[str]
) -> str:
    name = question.name
    lines = ["import cctrack", "", *_within("campaign_ids = [", list(map(quoted, chosen.campaigns)), "]"), *tables]
    lines += _within(f"{name} = cctrack.analysis.{name}(", arguments, ")")
    lines.append(f"axes = cctrack.plots.{name}({name})")
    lines += _within(f"{name}[[", list(map(quoted, columns)), "]]") if columns else [name]
    return "\n".join(lines)


def _of_lists(own: str) -> list[str]:
    more = f", {own}" if own else ""
    return [
        f"lists = cctrack.lists_df({own})",
        'names = lists["name"].mask(lists["name"].str.strip() == "").fillna(lists["list_id"])',
        "# lists of the same name stay apart",
        f'lists["{LIST}"] = names.mask(names.duplicated(keep=False), names + " " + lists["list_id"])',
        f'members = cctrack.list_members_df(lists["list_id"]{more})[["list_id", "contact_id"]]',
        f'segment = members.merge(lists[["list_id", "{LIST}"]]).set_index("contact_id")["{LIST}"]',
    ]


def _keywords(chosen: Chosen) -> list[str]:
    by = [f"by={quoted(chosen.split)}"] if chosen.split else []
    return [*by, *(f"{name}={quoted(value)}" for name, value in chosen.keywords), f"tz={quoted(chosen.tz)}"]


def _within(opening: str, parts: Sequence[str], closing: str) -> list[str]:
    """Put parts between brackets, on one line or on as many as they take."""
    whole = f"{opening}{', '.join(parts)}{closing}"
    if len(whole) <= _LINE:
        return [whole]
    lines = [""]
    for part in parts:
        if lines[-1] and len(lines[-1]) + len(part) > _LINE:
            lines.append("")
        lines[-1] += f"{' ' if lines[-1] else ''}{part},"
    return [opening, *(f"    {line}" for line in lines), closing]
