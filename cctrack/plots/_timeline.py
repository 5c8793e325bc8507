"""The picture of one contact's story: a row for each campaign, a mark for each event."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any, Final, Literal
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.dates import AutoDateFormatter, AutoDateLocator, date2num

from cctrack.plots._bars import as_data
from cctrack.plots._groups import names_of
from cctrack.plots._letters import fitted, taken
from cctrack.plots._scale import EM, Scale
from cctrack.plots._sheet import DARK, FAINT, GREY, INK, LEAST, Layout, Sheet, row_height, width_of, written
from cctrack.plots._words import as_of, checked, count, definition, flag, missing, title, told

COLUMNS: Final = ("activity_date", "local_time", "activity_type", "campaign_id", "hours_since_send")
_TITLE, _DEFINITION = "One contact's story", "What was sent to the contact and what came back."
_EMPTY: Final = "Nothing happened at a known time."
_MOST: Final = 40  # campaigns
_LAYOUT = Layout(0.24, 8.0, head=15.0)
_LARGEST, _NAMES = 9.0, 0.34  # points of letters; of the width, at most
_MINUTE: Final = 1 / 60
_AGES: Final = {  # hours
    "1 min": _MINUTE, "10 min": 1 / 6, "1 h": 1.0, "6 h": 6.0, "1 d": 24.0, "1 w": 168.0, "4 w": 672.0, "1 y": 8760.0,
}  # fmt: skip
# Marks of what people do, and of what looks automatic: an empty circle would be an open.
_MARKS: Final = {
    "EMAIL_SEND": ("|", "|", "stroke: sent"),
    "EMAIL_OPEN": ("o", "o", "circle: opened"),
    "EMAIL_CLICK": ("o", "D", "dot: clicked"),
    "EMAIL_FORWARD": ("^", "^", "triangle: forwarded"),
    "EMAIL_BOUNCE": ("x", "x", "cross: bounced"),
    "EMAIL_UNSUBSCRIBE": ("s", "s", "square: unsubscribed"),
}
_EMPTY_MARKS: Final = ("EMAIL_OPEN",)
_SAID: Final = {
    "EMAIL_SEND": "sent", "EMAIL_OPEN": "opened", "EMAIL_CLICK": "clicked", "EMAIL_FORWARD": "forwarded",
    "EMAIL_BOUNCE": "bounced", "EMAIL_UNSUBSCRIBE": "unsubscribed",
}  # fmt: skip


@dataclass(frozen=True)
class _Story:
    """What is drawn.

    Attributes
    ----------
    known : pandas.DataFrame
        Events with `name` of their campaign, `kind`, `x` and `machine`.
    names : sequence of str
        The campaigns, from the top.
    """

    known: pd.DataFrame
    names: Sequence[str]


def contact_timeline(table: pd.DataFrame, ax: Axes | None = None, *, x: Literal["time", "since_send"] = "time") -> Axes:
    """Draw what was sent to one contact, and what she did with it.

    Parameters
    ----------
    table
        What `analysis.contact_timeline` gave.
    ax
        Axes to draw on; None makes a new figure of the right height.
    x
        "time": when it happened. "since_send": hours since the contact's own send, on a scale that doubles.

    Returns
    -------
    matplotlib.axes.Axes
        A row for each campaign, the oldest above, with a mark for each event; events that look automatic are grey
        and empty. Of more than 40 campaigns, or more than there is room for, the newest.

    Raises
    ------
    TypeError, ValueError
        When the table is none of events of one contact, or `x` is neither.
    """
    if x not in ("time", "since_send"):
        raise ValueError(f"x={x!r} is not known; it is 'time' or 'since_send'")
    checked(table, COLUMNS, "analysis.contact_timeline")
    since = x == "since_send"
    story, left_out = _read(table, since=since)
    sheet = Sheet(ax, _titled(table, since=since), _LAYOUT)
    caption = _caption(table, story, left_out, since=since)
    if not story.names:
        return sheet.empty(_EMPTY, [definition(table, _DEFINITION), as_of(table)], as_data([]))
    most = sheet.holds(_MOST, caption)
    older = len(story.names) - most
    if older > 0:
        names = story.names[older:]
        story = _Story(story.known[story.known["name"].isin(names)], names)
        caption.insert(1, f"Without {count(older, 'older campaign')}.")
    ax = sheet.opened(len(story.names), caption)
    _draw(ax, story, _zone(table), since=since)
    return sheet.closed(ax, _data(story, since=since), _said(table, since=since))


def _titled(table: pd.DataFrame, *, since: bool) -> str:
    heading = title(table, _TITLE)
    return f"{heading}, time since the send" if since else f"{heading}, {_zone(table)}"


def _zone(table: pd.DataFrame) -> str:
    found = told(table).get("tz")
    return str(found or getattr(table["local_time"].dtype, "tz", None) or "UTC")


def _read(table: pd.DataFrame, *, since: bool) -> tuple[_Story, dict[str, int]]:
    """Take the events that have a place, and count the others by what they lack."""
    columns = [name for name in ("campaign_id", "campaign_name") if name in table.columns]
    known = pd.DataFrame(
        {
            "name": pd.array(names_of(table, columns) if len(table) else [], dtype="string"),
            "kind": table["activity_type"].astype("string").to_numpy(dtype=object),
            "date": table["activity_date"].array,
            "machine": [flag(one) for one in table["machine"]] if "machine" in table.columns else False,
            "hours": table["hours_since_send"].to_numpy(dtype=np.float64),
        },
        index=range(len(table)),
    )
    dated = known[known["date"].notna() & known["kind"].isin([*_MARKS])]
    left_out = {"without a date": int(known["date"].isna().sum())}
    if since:
        dated = dated[dated["kind"] != "EMAIL_SEND"]
        left_out["of a campaign without a send"] = int(dated["hours"].isna().sum())
        dated = dated[dated["hours"].notna()]
    dated = dated.assign(x=dated["hours"] if since else date2num(dated["date"].dt.tz_localize(None)))  # type: ignore[no-untyped-call]
    first = known.dropna(subset=["date"]).groupby("name")["date"].min()
    names = first[first.index.isin(dated["name"])].sort_values(kind="stable").index
    return _Story(dated, [str(name) for name in names]), left_out


def _draw(ax: Axes, story: _Story, zone: str, *, since: bool) -> None:
    ax.set_xlim(0, 1)
    size = max(LEAST, min(_LARGEST, 0.62 * row_height(ax), width_of(ax) / 46))
    widest = 0.0
    for y, name in enumerate(story.names):
        text = written(ax, "", (0, y), va="center", fontsize=size)
        fitted(text, name, _NAMES * ax.bbox.width)
        widest = max(widest, taken(text))
    left = widest / float(ax.bbox.width) + 8 / width_of(ax)
    ax.hlines(range(len(story.names)), left, 1, color=FAINT, linewidth=0.6, zorder=0)
    edge = 4.0 / width_of(ax)
    scale, ticks = _of_ages(story, left + edge, 1 - edge) if since else _of_dates(story, left + edge, 1 - edge, zone)
    _draw_ticks(ax, scale, ticks, size, len(story.names))
    places = {name: y for y, name in enumerate(story.names)}
    wide = max(3.0, min(5.5, 0.36 * row_height(ax)))
    for kind, machine in product(_MARKS, (True, False)):
        own = story.known[story.known["kind"].eq(kind) & story.known["machine"].eq(machine)]
        x = [scale.at(_log(one) if since else float(one)) for one in own["x"]]
        if x:
            _draw_marks(ax, x, [places[str(name)] for name in own["name"]], kind, machine, wide)


def _draw_marks(ax: Axes, x: Sequence[float], y: Sequence[int], kind: str, machine: bool, size: float) -> None:
    shape = _MARKS[kind][1 if machine else 0]
    colour = GREY if machine or kind == "EMAIL_SEND" else INK if kind == "EMAIL_UNSUBSCRIBE" else DARK
    face = "white" if machine or kind in _EMPTY_MARKS else colour
    style: dict[str, Any] = {"color": colour, "markerfacecolor": face, "linestyle": "none", "markeredgewidth": 1.0}
    # An open is a ring about what follows it: a click of the same minute would else be hidden behind it.
    order, larger = (1, 2) if kind == "EMAIL_SEND" else (2 if machine else 3, 2.5 if kind == "EMAIL_OPEN" else 0)
    ax.plot(x, y, shape, markersize=size + larger, zorder=order, **style)


def _log(hours: float) -> float:
    """Give the logarithm, from a minute on: what comes earlier, or before its send, stands at the left end."""
    return float(np.log10(max(hours, _MINUTE)))


def _of_ages(story: _Story, left: float, right: float) -> tuple[Scale, list[tuple[float, str]]]:
    high = max(_log(max(story.known["x"].max(), 24.0)), 0.0)
    scale = Scale(_log(_MINUTE), high, left, right)
    return scale, [(_log(age), words) for words, age in _AGES.items() if _log(age) <= high]


def _of_dates(story: _Story, left: float, right: float, zone: str) -> tuple[Scale, list[tuple[float, str]]]:
    low, high = float(story.known["x"].min()), float(story.known["x"].max())
    if high - low < 1 / 24:
        low, high = low - 0.5 / 24, high + 0.5 / 24
    tz = ZoneInfo(zone)
    locator = AutoDateLocator(tz=tz, minticks=3, maxticks=6)  # type: ignore[no-untyped-call]
    start, end = (
        pd.Timestamp(one, unit="D", tz="UTC").floor("s").tz_convert(tz).to_pydatetime() for one in (low, high)
    )
    formatter = AutoDateFormatter(locator, tz=tz)  # type: ignore[no-untyped-call]
    formatter.scaled |= dict.fromkeys((1 / 24, 1 / 1440), "%m-%d %H:%M")
    ticks = [float(one) for one in locator.tick_values(start, end) if low <= one <= high]  # type: ignore[no-untyped-call]
    return Scale(low, high, left, right), [(one, formatter(one)) for one in ticks]


def _draw_ticks(ax: Axes, scale: Scale, ticks: Sequence[tuple[float, str]], size: float, rows: int) -> None:
    """Write the values of the scale, without those that would stand on others."""
    ended = 0.0
    for value, words in ticks:
        at = scale.at(value)
        half = len(words) * EM * size / 2 / width_of(ax)
        middle = min(at, 1 - half)
        if middle - half < ended:
            continue
        ended = middle + half + EM * size / width_of(ax)
        ax.plot([at, at], [-0.5, rows - 0.5], color=FAINT, linewidth=0.6, zorder=0)
        written(ax, words, (middle, -0.5), xytext=(0, 2), ha="center", va="bottom", fontsize=size, color=GREY)


def _caption(table: pd.DataFrame, story: _Story, left_out: dict[str, int], *, since: bool) -> list[str]:
    there = set(story.known["kind"])
    parts = [words for kind, (_, _, words) in _MARKS.items() if kind in there]
    if story.known["machine"].any():
        clicks = (story.known["machine"] & story.known["kind"].eq("EMAIL_CLICK")).any()
        parts.append("grey and empty: looks automatic" + (", of clicks a diamond" if clicks else ""))
    legend = "; ".join(parts)
    legend = f"{legend[0].upper()}{legend[1:]}." if legend else ""
    early = since and (story.known["x"] < _MINUTE).any()
    edge = "At the left end: within a minute, or before the send." if early else ""
    silent = table["campaign_id"].nunique() - len(story.names)
    lost = [f"{count(n, 'event')} {what} left out." for what, n in left_out.items() if n]
    lost += [f"{count(silent, 'campaign')} without a reaction left out."] if since and silent > 0 else []
    return [legend, edge, " ".join(lost), definition(table, _DEFINITION), as_of(table)]


def _data(story: _Story, *, since: bool) -> pd.DataFrame:
    measure = "hours since the send" if since else "days since 1970"
    rows = story.known.itertuples()
    return as_data([{"group": _SAID[row.kind], "name": row.name, "measure": measure, "value": row.x} for row in rows])  # type: ignore[index]


def said(table: pd.DataFrame) -> str:
    """Say what the picture shows."""
    checked(table, COLUMNS, "analysis.contact_timeline")
    return _said(table, since=False)


def _said(table: pd.DataFrame, *, since: bool) -> str:
    story, _ = _read(table, since=since)
    if not story.names:
        return f"{_titled(table, since=since)}. {_EMPTY}"
    parts = [f"{_titled(table, since=since)}, a row for each of {count(len(story.names), 'campaign')}."]
    for name in story.names:
        own = story.known[story.known["name"] == name]
        automatic = int(own["machine"].sum())
        done = [f"{_SAID[kind]} {n}" for kind in _MARKS if (n := int((own["kind"] == kind).sum()))]
        first = own["date"].min()
        day = "" if missing(first) else f" ({first.tz_convert(_zone(table)):%Y-%m-%d})"
        parts.append(f"{name}{day}: {', '.join(done)}{f', {automatic} of these automatic' if automatic else ''}.")
    return " ".join(parts)
