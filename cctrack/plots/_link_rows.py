"""The links of a table as rows of a picture: those that are shown, and the others as one."""

from collections.abc import Sequence
from typing import Final

import pandas as pd

from cctrack.plots._bars import Bar
from cctrack.plots._panels import Point
from cctrack.plots._words import HUMAN, Record, count, flag, human, joined, missing, number, percent, records, value

NO_ADDRESS: Final = "(address not known)"
SHOWN: Final = 12  # links of a group, at most
_FEW = 4  # rows that a group should have, below which groups are left out
Groups = Sequence[tuple[str, pd.DataFrame]]


def longest_first(rows: pd.DataFrame) -> pd.DataFrame:
    """Put the most clicked first, without automatic clicks where the table tells them."""
    names = [human(rows, name) for name in ("clicks_total", "unique_clickers")]
    return rows.sort_values(names, ascending=False, kind="stable")


def largest(groups: Groups, room: int) -> Groups:
    """Give the groups with most clicks that so many rows can show, in the order of the table."""
    most = max(1, room // (_FEW + 1))
    if len(groups) <= most:
        return groups
    clicks = [rows[human(rows, "clicks_total")].sum() for _, rows in groups]
    kept = sorted(sorted(range(len(groups)), key=lambda place: -clicks[place])[:most])
    return [groups[place] for place in kept]


def shared_out(groups: Groups, room: int) -> list[int]:
    """Give how many links of each group are shown: one more of each in turn, as long as there is room."""
    shown = [1] * len(groups)

    def taken() -> int:
        parts = zip(shown, groups, strict=True)
        return sum(bool(name) + n + (len(rows) > n) for n, (name, rows) in parts)

    for turn in range(1, SHOWN):
        for place, (_, rows) in enumerate(groups):
            if len(rows) > turn == shown[place]:
                shown[place] += 1
                if taken() > room:
                    shown[place] -= 1
    return shown


def rows_of(name: str, links: pd.DataFrame, most: int) -> tuple[list[Bar], list[Point | None]]:
    """Give the bars of a group and the reach of its links, beginning with a heading where it has a name."""
    bars = [Bar(name, strong=True, group=name)] if name else []
    reach: list[Point | None] = [None] * len(bars)
    for link in records(links.head(most)):
        bars.append(_bar(link, name))
        reach.append(_point(link))
    if len(links) > most:
        bars.append(_others(links.iloc[most:], name))
        reach.append(None)
    return bars, reach


def address(link: Record) -> str:
    """Give the words for a link: what all its spellings have in common, or else its address."""
    known = [link[name] for name in ("url_key", "link_uri") if name in link and not missing(link[name])]
    return str(known[0]) if known else NO_ADDRESS


def _get(link: Record, name: str) -> float | None:
    """Give a number of a link, without automatic clicks where there is such a one."""
    held = link.get(name + HUMAN, link.get(name))
    return None if held is None else value(held)


def _bar(link: Record, group: str) -> Bar:
    clicks, people = _get(link, "clicks_total"), _get(link, "unique_clickers")
    return Bar(
        address(link).removeprefix("https://"),
        value=people,
        behind=clicks,
        outline=value(link["clicks_total"]) if f"clicks_total{HUMAN}" in link else None,
        at_end=joined(count(clicks, "click"), count(people, "contact"), percent(_get(link, "share_of_clicks"))),
        aside=_rank(link),
        group=group,
        address=address(link) != NO_ADDRESS,
    )


def _rank(link: Record) -> str:
    rank, low, high = (_get(link, name) for name in ("rank", "rank_low", "rank_high"))
    if rank is None:
        return ""
    ends = "" if low is None or high is None or low == high else f" ({number(low)}\N{EN DASH}{number(high)})"
    return f"rank {number(rank)}{ends}"


def _point(link: Record) -> Point:
    reach, low, high = (_get(link, name) for name in ("reach", "reach_low", "reach_high"))
    return Point(reach, low, high, hollow=flag(link.get(f"low_n{HUMAN}", link.get("low_n", False))))


def _others(links: pd.DataFrame, group: str) -> Bar:
    """Give the words for the others: a bar of many links beside bars of one would be misread."""
    clicks = links[human(links, "clicks_total")]
    never = int((clicks == 0).sum())
    share = links[human(links, "share_of_clicks")].sum(min_count=1)
    none = f"{number(never)} of them never clicked" if never else ""
    words = joined(count(clicks.sum(), "click"), percent(share), none)
    return Bar(f"other ({count(len(links), 'link')})", beside=words, group=group)
