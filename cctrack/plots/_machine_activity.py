"""The picture of what was set aside as automatic."""

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes

from cctrack.plots._bars import Bar, draw_bars, marks
from cctrack.plots._dots import Row, dot_marks, draw_dots, room_for
from cctrack.plots._groups import names_of
from cctrack.plots._kinds import KINDS, kind_name
from cctrack.plots._panels import HEAD, Panel, Point
from cctrack.plots._sheet import Layout, Sheet
from cctrack.plots._words import (
    as_of,
    checked,
    count,
    definition,
    flag,
    joined,
    number,
    percent,
    reasons,
    title,
    told,
    value,
)

EVENTS: Final = ("activity_type", "machine", "machine_reason")
SUMMARY: Final = ("campaign_id", "reason", "flagged", "metric", "n_events", "rate_recorded", "rate_human")
_TITLE, _DEFINITION = "Automatic activity", "Events that look automatic are set aside, not deleted."
_RATES: Final = {"click_rate": "clicked", "open_rate": "opened", "unsubscribe_rate": "unsubscribed"}
_MOST, _MOST_PANELS = 40, 6
_BARS, _DOTS = Layout(0.46, 19), Layout(0.22, 8.5, head=HEAD)
_MEASURES: Final = {"behind": "all events", "value": "share set aside"}
_NOTHING: Final = "Nothing looks automatic in these data."


def machine_activity(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw what was set aside as automatic, and why.

    Parameters
    ----------
    table
        What `analysis.machine_activity` gave: the events, or their summary by campaign.
    ax
        Axes to draw on; None makes a new figure of the right height.

    Returns
    -------
    matplotlib.axes.Axes
        Of events: a bar for each kind, those set aside in dark before all of them. Of the summary: a row for each
        campaign (of more than 40 those with most events set aside) with the events by reason, and what setting them
        aside does to the rates: the tick is the rate as recorded, the point the rate that is left.

    Raises
    ------
    TypeError, ValueError
        When the table is neither.
    """
    if isinstance(table, pd.DataFrame) and set(EVENTS) <= set(table.columns):
        return _of_events(table, Sheet(ax, title(table, _TITLE), _BARS))
    checked(table, SUMMARY, "analysis.machine_activity")
    return _of_summary(table, Sheet(ax, title(table, _TITLE), _DOTS), room_for(ax, _MOST_PANELS))


def _of_events(table: pd.DataFrame, sheet: Sheet) -> Axes:
    bars = _bars(table)
    end = [definition(table, _DEFINITION), as_of(table)]
    if not bars:
        return sheet.empty(_NOTHING, end, marks([], _MEASURES))
    caption = ["Light: all events of the kind; dark: those set aside.", _rules(table), *end]
    ax = sheet.opened(len(bars), caption)
    draw_bars(ax, bars, _MEASURES)
    return sheet.closed(ax, marks(bars, _MEASURES), said(table))


def _bars(table: pd.DataFrame) -> list[Bar]:
    """Give a bar for each kind of event of which some were set aside."""
    aside = table["machine"].fillna(False).astype(bool)
    kinds = table["activity_type"].astype("string")
    totals, parts = kinds.value_counts(), kinds[aside].value_counts()
    found = []
    for kind in [*KINDS, *sorted(set(parts.index) - set(KINDS))]:
        n = int(parts.get(kind, 0))
        if not n:
            continue
        total = int(totals[kind])
        why = table.loc[aside & (kinds == kind), "machine_reason"].astype("string").fillna("given").value_counts()
        words = ", ".join(f"{reason} {number(each)}" for reason, each in sorted(why.items(), key=_most_first))
        share = f"{number(n)} of {number(total)} set aside · {percent(n / total)}"
        found.append(Bar(kind_name(kind), value=n / total, behind=1.0, beside=share, aside=words, strong=True))
    return found


def _most_first(part: tuple[Any, int]) -> tuple[int, str]:
    return -part[1], str(part[0])


def _of_summary(table: pd.DataFrame, sheet: Sheet, room: int) -> Axes:
    rows, panels = _rows(table, room)
    caption = _caption(table)
    if not rows:
        return sheet.empty("No mailings in these data.", caption, dot_marks([], []))
    most = sheet.holds(_MOST, ["", *caption])
    if len(rows) > most:
        kept = sorted(sorted(range(len(rows)), key=lambda place: -_events(rows[place], panels))[:most])
        caption.insert(0, f"Without {count(len(rows) - most, 'row')} of fewer events set aside.")
        rows = [rows[place] for place in kept]
    ax = sheet.opened(len(rows), caption)
    draw_dots(ax, rows, panels)
    return sheet.closed(ax, dot_marks(rows, panels), said(table))


def _events(row: Row, panels: Sequence[Panel]) -> float:
    """Give how many events of a row were set aside."""
    pairs = zip(row.points, panels, strict=True)
    return sum(point.value or 0 for point, panel in pairs if panel.kind == "bar")


def _rows(table: pd.DataFrame, room: int) -> tuple[list[Row], list[Panel]]:
    """Give a row for each campaign: its events by reason, then its rates."""
    columns = [str(name) for name in table.columns[: list(table.columns).index("reason")]]
    flagged = table[table["flagged"].map(flag)]
    sums = flagged.groupby(flagged["reason"].astype("string"))["n_events"].sum()
    held = [str(name) for name, n in sorted(sums.items(), key=_most_first) if n]
    rates = _changed(table)[: max(1, room // 2)]
    single = held if len(held) <= room - len(rates) else held[: max(0, room - len(rates) - 1)]
    rest = [name for name in held if name not in single]
    panels = [_count_panel(name, name) for name in single]
    panels += [_count_panel("other" if single else "set aside", ", ".join(rest))] if rest else []
    panels += [Panel(_RATES[rate], rate, under="of delivered", zero=True) for rate in rates]
    rows = []
    names = names_of(table, columns)
    first = dict(zip(table["campaign_id"].astype("string").fillna(""), names, strict=True))
    for (_, own), name in zip(table.groupby("campaign_id", sort=False, dropna=False), first.values(), strict=True):
        events = own[own["flagged"].map(flag)]
        by_reason = events.groupby(events["reason"].astype("string"))["n_events"].sum()
        points = [Point(float(by_reason.get(reason, 0))) for reason in single]
        points += [Point(float(sum(by_reason.get(reason, 0) for reason in rest)))] if rest else []
        rows.append(Row(name, [*points, *(_rate(own, rate) for rate in rates)]))
    return rows, panels


def _count_panel(heading: str, measure: str) -> Panel:
    return Panel(
        heading, f"events, {measure}", under="events", kind="bar", whole=True, form=number, tick=lambda n: f"{n:,.4g}"
    )


def _changed(table: pd.DataFrame) -> list[str]:
    """Give the rates that what was set aside changes, the click rate always."""
    found = []
    for rate in _RATES:
        own = table[table["metric"] == rate]
        if rate == "click_rate" or (own["rate_recorded"] != own["rate_human"])[own["rate_human"].notna()].any():
            found.append(rate)
    return found


def _rate(own: pd.DataFrame, rate: str) -> Point:
    lines = own[own["metric"] == rate]
    if not len(lines):
        return Point(None)
    recorded, left = value(lines["rate_recorded"].iloc[0]), value(lines["rate_human"].iloc[0])
    return Point(left, recorded=None if recorded == left else recorded)


def _caption(table: pd.DataFrame) -> list[str]:
    only = table[~table["flagged"].map(flag)]
    sums = only.groupby(only["reason"].astype("string"))["n_events"].sum()
    reported = ", ".join(f"{name} {number(n)}" for name, n in sorted(sums.items(), key=_most_first) if n)
    return [
        "Tick: the rate as recorded; point: what is left.",
        _aside(table),
        _rules(table),
        f"Reported, not set aside: {reported}." if reported else "",
        definition(table, _DEFINITION),
        as_of(table),
    ]


def _rules(table: pd.DataFrame) -> str:
    """Say what the rules are that found something."""
    found = told(table).get("set_aside") or {}
    named = [str(rule) for rule in told(table).get("rules") or () if str(rule).partition(":")[0] in found]
    return f"{'; '.join(named)}." if named else ""


def _aside(table: pd.DataFrame) -> str:
    facts, why = told(table), reasons(table)
    if "clicks" not in facts or "clicks_set_aside" not in facts:
        return f"Set aside: {why}." if why else ""
    words = f"{number(facts['clicks_set_aside'])} of {count(facts['clicks'], 'click')} set aside as automatic"
    return f"{words} (events: {why})." if why else f"{words}."


def said(table: pd.DataFrame) -> str:
    """Say what the picture shows."""
    if isinstance(table, pd.DataFrame) and set(EVENTS) <= set(table.columns):
        parts = [f"{bar.name}: {joined(bar.beside, bar.aside).replace(' · ', ', ')}" for bar in _bars(table)]
        return f"Events set aside as automatic, as horizontal bars. {'. '.join(parts) or _NOTHING[:-1]}."
    checked(table, SUMMARY, "analysis.machine_activity")
    rows, panels = _rows(table, _MOST_PANELS)
    parts = [f"Automatic activity by campaign: {count(len(rows), 'campaign')}. {_aside(table)}".strip()]
    parts += [f"{row.name}: {_in_words(row, panels)}." for row in rows[:_MOST]]
    if len(rows) > _MOST:
        parts.append(f"And {count(len(rows) - _MOST, 'more campaign')}.")
    return " ".join(parts)


def _in_words(row: Row, panels: Sequence[Panel]) -> str:
    found = []
    for panel, point in zip(panels, row.points, strict=True):
        if panel.kind == "bar":
            found.append(f"{panel.heading} {panel.words(point)}")
        else:
            before = "" if point.recorded is None else f", recorded {percent(point.recorded)}"
            found.append(f"{panel.heading} {panel.words(point)}{before}")
    return "; ".join(found)
