"""The picture of a funnel."""

from collections.abc import Sequence
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes

from cctrack.plots._bars import Bar, draw_bars, marks
from cctrack.plots._dots import Row, dot_marks, draw_dots
from cctrack.plots._panels import HEAD, Panel, Point
from cctrack.plots._sheet import Layout, Sheet
from cctrack.plots._stages import Stage, groups_of
from cctrack.plots._words import as_of, checked, definition, interval, joined, notes, number, reasons, title

COLUMNS: Final = ("stage", "n", "rate_of_sent", "step_rate")
_TITLE, _DEFINITION = "From sent to clicked", "Each recipient counts once a stage."
_MOST_AS_BARS, _MOST = 8, 40
_ONE, _SEVERAL, _MANY = Layout(0.46, 19), Layout(0.21, 9), Layout(0.22, 8.5, head=HEAD)
_MEASURES: Final = {
    "behind": "n of the stage before",
    "value": "n",
    "hatched": "n_inferred",
    "outline": "n recorded",
}
_NOTHING: Final = "No recipients in these data."
Parts = Sequence[tuple[str, Sequence[Stage]]]


def funnel(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw a funnel as bars on one baseline: a stage in dark before the stage that it comes from in light.

    Parameters
    ----------
    table
        What `analysis.funnel` gave. Up to 8 groups stand below each other on one scale, up to 40 as the rates of
        their steps, a row each; of more the 40 with most recipients.
    ax
        Axes to draw on; None makes a new figure of the right height.

    Returns
    -------
    matplotlib.axes.Axes
        Words: the count, its share of what was sent and its share of the stage before, without automatic events where
        the table tells them (an outline shows what was recorded); at the right edge who bounced, unsubscribed or
        forwarded. The whisker is the interval of the step; inferred opens are hatched.

    Raises
    ------
    TypeError, ValueError
        When the table is no funnel.
    """
    checked(table, COLUMNS, "analysis.funnel")
    parts = groups_of(table)
    alt = _said(parts)
    if not len(table):
        nothing = Sheet(ax, title(table, _TITLE), _ONE)
        return nothing.empty(_NOTHING, [definition(table, _DEFINITION), as_of(table)], marks([], _MEASURES))
    if len(parts) == 1 and not parts[0][0]:
        return _as_bars(table, parts, Sheet(ax, title(table, _TITLE), _ONE), alt)
    sheet = Sheet(ax, title(table, _TITLE), _SEVERAL)
    rows = sum(1 + len(each) for _, each in parts)
    if len(parts) <= _MOST_AS_BARS and sheet.holds(rows, _caption(table, parts, "")) >= rows:
        return _as_bars(table, parts, sheet, alt)
    return _as_dots(table, parts, Sheet(ax, title(table, _TITLE), _MANY), alt)


def _as_bars(table: pd.DataFrame, parts: Parts, sheet: Sheet, alt: str) -> Axes:
    one = len(parts) == 1 and not parts[0][0]
    bars: list[Bar] = []
    for group, each in parts:
        if not one:
            aside = joined(*(words for stage in each for words in stage.exits))
            bars.append(Bar(group, aside=aside, strong=True, group=group))
        bars += [_bar(stage, group, one) for stage in each]
    caption = _caption(table, parts, _key(table, parts))
    ax = sheet.opened(len(bars), caption)
    draw_bars(ax, bars, _MEASURES, above=one)
    return sheet.closed(ax, marks(bars, _MEASURES), alt)


def _bar(stage: Stage, group: str, one: bool) -> Bar:
    low, high = stage.ends()
    lengths: dict[str, Any] = {"value": stage.n, "behind": stage.n_before, "outline": stage.recorded}
    lengths |= {"hatched": stage.inferred, "low": low, "high": high}
    if one:
        beside, aside = joined(stage.words, stage.also), joined(*stage.exits)
        return Bar(stage.name, **lengths, beside=beside, aside=aside, strong=True)
    return Bar(stage.name, **lengths, at_end=stage.words, group=group)


def _key(table: pd.DataFrame, parts: Parts) -> str:
    every = [stage for _, each in parts for stage in each]
    said = ["Light: the stage before"]
    if any(stage.low is not None for stage in every):
        said.append(f"line: {interval(table)} of the step")
    if any(stage.inferred for stage in every):
        said.append("hatched: inferred from a later stage")
    if any(stage.also for stage in every):
        said.append("outline: as recorded")
    return "; ".join(said) + "."


def _aside(table: pd.DataFrame, parts: Parts) -> str:
    """Say what was set aside, of how many."""
    said = []
    for place, who in ((3, "clickers"), (2, "openers")):
        both = [(each[place].recorded, each[place].n) for _, each in parts if len(each) > place]
        known = [(recorded, n) for recorded, n in both if recorded is not None and n is not None]
        total, left = sum(recorded for recorded, _ in known), sum(n for _, n in known)
        if total > left:
            said.append(f"{number(total - left)} of {number(total)} {who}")
    why = reasons(table)
    if not said and not why:
        return ""
    # Segments may share contacts, who then count in each: the sum is not that of the whole.
    over = ", added up over the groups," if said and len(parts) > 1 else ""
    said = said or ["Events"]
    return f"{' and '.join(said)}{over} set aside as automatic{f' (events: {why})' if why else ''}."


def _caption(table: pd.DataFrame, parts: Parts, key: str) -> list[str]:
    return [key, _aside(table, parts), definition(table, _DEFINITION), notes(table), as_of(table)]


def _as_dots(table: pd.DataFrame, parts: Parts, sheet: Sheet, alt: str) -> Axes:
    caption = [f"Line: {interval(table)}.", *_caption(table, parts, "")]
    shown = _largest(parts, sheet.holds(_MOST, ["", *caption]))
    if len(shown) < len(parts):
        left = [each[0].n or 0 for name, each in parts if (name, each) not in shown]
        caption.insert(0, f"The {len(shown)} largest of {len(parts)} groups; the others have {number(sum(left))} sent.")
    names = {stage.name: stage.before for _, each in parts for stage in each if stage.before}
    panels = [Panel(name, f"{name} of {before}", under=f"of {before}") for name, before in names.items()]
    rows = []
    for name, each in shown:
        by_name = {stage.name: Point(stage.step, stage.low, stage.high) for stage in each}
        points = [by_name.get(one, Point(None)) for one in names]
        rows.append(Row(name, points, words=number(each[0].n), group=name))
    ax = sheet.opened(len(rows), caption)
    draw_dots(ax, rows, panels)
    return sheet.closed(ax, dot_marks(rows, panels), alt)


def _largest(parts: Parts, most: int) -> Parts:
    """Give the groups with most recipients, in the order of the table."""
    if len(parts) <= most:
        return parts
    sent = [each[0].n or 0 for _, each in parts]
    kept = sorted(sorted(range(len(parts)), key=lambda place: -sent[place])[:most])
    return [parts[place] for place in kept]


def said(table: pd.DataFrame) -> str:
    """Say what the picture shows."""
    return _said(groups_of(checked(table, COLUMNS, "analysis.funnel")))


def _said(parts: Parts) -> str:
    told = []
    for name, each in parts[:_MOST]:
        words = "; ".join(_in_words(stage) for stage in each)
        told.append(f"{name}: {words}" if name else words)
    if not told:
        return f"Funnel. {_NOTHING}"
    rest = f" And {len(parts) - _MOST} more groups." if len(parts) > _MOST else ""
    return f"Funnel as {_form(parts)}. {'. '.join(told)}.{rest}"


def _form(parts: Parts) -> str:
    return "horizontal bars" if len(parts) <= _MOST_AS_BARS else "rates of each step with their intervals"


def _in_words(stage: Stage) -> str:
    also = f" ({stage.also})" if stage.also else ""
    exits = f", {', '.join(stage.exits)}" if stage.exits else ""
    return f"{stage.name} {stage.words.replace(' · ', ', ')}{also}{exits}"
