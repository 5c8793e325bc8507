"""The pictures of responses over time: curves, and campaigns with what is expected of them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from cctrack.plots._bars import as_data
from cctrack.plots._curves import MOST, ROWS, Floats, Line, draw_curves, room_for_names
from cctrack.plots._dots import Row, dot_marks, draw_dots, room_for
from cctrack.plots._groups import grouped, names_of
from cctrack.plots._panels import HEAD, Panel, Point
from cctrack.plots._sheet import Layout, Sheet
from cctrack.plots._words import (
    HUMAN,
    NONE,
    Record,
    as_of,
    checked,
    count,
    definition,
    human,
    interval,
    joined,
    missing,
    number,
    percent,
    reasons,
    records,
    title,
    told,
    value,
)

CURVE: Final = ("event", "hours", "forecast", "n_at_risk", "share", "low", "high", "t50_estimated", "status", "note")
CAMPAIGNS: Final = ("event", "age_h", "n", "observed_rate", "maturity", "final_rate", "t50_estimated", "status", "note")
_TITLE, _DEFINITION = "How responses come in", "Share that has responded, by the time since the send."
_EMPTY: Final = "No recipients in these data."
_PLANE, _DOTS = Layout(0.26, 10, head=2.0), Layout(0.22, 8.5, head=HEAD)
_STAND_OUT: Final = 5  # lines that do when there are too many for all
_SMALL: Final = 30  # recipients below which a group, such as a proof, would stretch the scale of the others by chance
_MOST: Final = 40
_UNITS: Final = ((48.0, 24.0, "d"), (1.0, 1.0, "h"), (0.0, 1 / 60, "min"))  # from how many hours, hours each


def response_curve(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw how responses came in, and where they are expected to end.

    Parameters
    ----------
    table
        What `analysis.response_curve` gave: the curves, or one row a campaign.
    ax
        Axes to draw on; None makes a new figure of the right height.

    Returns
    -------
    matplotlib.axes.Axes
        Of curves: the share that had responded by the time since the send, on a logarithmic scale; dotted what is
        expected, hollow the mark by which half has come. Of more than 8 the youngest, the highest and the lowest stand
        out; those with fewer than 30 recipients are left out beside larger ones. Of campaigns: a row each with the
        final rate (the tick is what has come so far), half-life and maturity.

    Raises
    ------
    TypeError, ValueError
        When the table is neither.
    """
    if isinstance(table, pd.DataFrame) and set(CAMPAIGNS) <= set(table.columns):
        return _of_campaigns(table, Sheet(ax, title(table, _TITLE), _DOTS), room_for(ax, 4))
    checked(table, CURVE, "analysis.response_curve")
    sheet = Sheet(ax, title(table, _TITLE), _PLANE)
    every = _lines(table)
    lines = _stand_out([line for line in every if line.n is None or line.n >= _SMALL] or every, room_for_names(ax))
    if not lines:
        return sheet.empty(_EMPTY, [definition(table, _DEFINITION), as_of(table)], as_data([]))
    small = len(every) - len(lines)
    without = [f"Without {count(small, 'line')} of fewer than {_SMALL} recipients."] if small else []
    ax = sheet.opened(ROWS, [*without, *_caption(table, lines)])
    draw_curves(ax, lines)
    return sheet.closed(ax, _marks(lines), said(table))


def _lines(table: pd.DataFrame) -> list[Line]:
    """Give a line for each group that has recipients."""
    side = HUMAN if f"share{HUMAN}" in table.columns else ""
    groups = [(name, rows) for name, rows in grouped(_short(table), "event") if rows[f"share{side}"].notna().any()]
    return [_line(name, rows, side, len(groups) == 1) for name, rows in groups]


def _short(table: pd.DataFrame) -> pd.DataFrame:
    """Leave out the dates of campaigns whose names tell them apart: there is little room beside the lines."""
    if not {"campaign_id", "campaign_name", "send_date"} <= set(table.columns):
        return table
    named = table[["campaign_id", "campaign_name"]].drop_duplicates()
    alone = named["campaign_name"].notna().all() and named["campaign_name"].is_unique
    return table.drop(columns="send_date") if alone else table


def _line(name: str, rows: pd.DataFrame, side: str, alone: bool) -> Line:
    def floats(column: str) -> Floats:
        return rows[column].to_numpy(dtype=np.float64, na_value=np.nan)

    half = value(rows[f"t50_estimated{side}"].iloc[0])
    return Line(
        name,
        _words(rows, side),
        floats("hours"),
        floats(f"share{side}"),
        floats(f"low{side}"),
        floats(f"high{side}"),
        coming=rows["forecast"].to_numpy(dtype=np.bool_),
        half=np.nan if half is None else half,
        recorded=floats("share") if side and alone else None,
        forecast=str(rows[f"status{side}"].iloc[0]) == "forecast",
        n=value(rows[f"n_at_risk{side}"].max()),
    )


def _words(rows: pd.DataFrame, side: str) -> str:
    """Say what has come, what is expected, and by when half has come."""
    shares = rows[f"share{side}"]
    now = shares[~rows["forecast"].astype(bool)].dropna()
    words = percent(now.iloc[-1]) if len(now) else NONE
    status = str(rows[f"status{side}"].iloc[0])
    if status == "refused":
        return f"{words} so far, no forecast"
    if status == "forecast" and (then := percent(shares.iloc[-1])) != words:
        words = f"{words} \N{RIGHTWARDS ARROW} {then}"
    half = rows[f"t50_estimated{side}"].iloc[0]
    return words if missing(half) else joined(words, f"half by {_time(half)}")


def _time(hours: Any) -> str:
    """Write a length of time."""
    if missing(hours):
        return NONE
    _, unit, word = next(one for one in _UNITS if hours >= one[0])
    return f"{hours / unit:.2g} {word}" if hours / unit < 99.5 else f"{hours / unit:,.0f} {word}"


def _stand_out(lines: list[Line], room: int) -> list[Line]:
    """Choose which lines have a colour and a name: all, or the youngest, then the highest and the lowest."""
    if len(lines) <= min(MOST, room):
        return lines
    ages = [line.hours[~line.coming].max() if (~line.coming).any() else 0.0 for line in lines]
    tops = [float(np.nanmax(line.share)) for line in lines]
    by_age = sorted(range(len(lines)), key=lambda place: ages[place])
    by_top = sorted(range(len(lines)), key=lambda place: tops[place])
    turns = [by_age[0], by_top[-1], by_top[0], *by_age[1:]]
    chosen = set(list(dict.fromkeys(turns))[: min(_STAND_OUT, room)])
    return [replace(line, named=place in chosen) for place, line in enumerate(lines)]


def _caption(table: pd.DataFrame, lines: Sequence[Line]) -> list[str]:
    side = HUMAN if f"share{HUMAN}" in table.columns else ""
    event = str(table["event"].iloc[0])
    named = [line for line in lines if line.named]
    key = ["Dotted: expected"] if any(line.coming.any() and line.words for line in lines) else []
    key += (
        [f"hollow mark: half of the final {event}s have come"] if any(line.half == line.half for line in named) else []
    )
    if len(named) <= 2 or any(line.forecast for line in named):
        key.append(f"{'shade' if len(named) <= 2 else 'bar at the end'}: {interval(table)}")
    key += ["thin grey: as recorded"] if lines[0].recorded is not None else []
    key += [f"grey: {count(len(lines) - len(named), 'more')}".removesuffix("s")] if len(lines) > len(named) else []
    words = "; ".join(key)
    first = [words[0].upper() + words[1:] + "."] if words else []
    refused = table[table[f"status{side}"].astype("string") == "refused"].drop_duplicates(f"note{side}")
    why = [f"No forecast: {'; '.join(refused[f'note{side}'].astype(str).head(2))}."] if len(refused) else []
    aside = reasons(table)
    set_aside = [f"Events set aside as automatic: {aside}."] if aside else []
    return [*first, *why, definition(table, _DEFINITION), *_learned(table), *set_aside, as_of(table)]


def _learned(table: pd.DataFrame) -> list[str]:
    """Give the note that says where the forecast comes from."""
    return [str(note) for note in (told(table).get("notes") or [])[:1]]


def _marks(lines: Sequence[Line]) -> pd.DataFrame:
    rows = []
    for line in lines:
        for hours, share, low, high, coming in zip(
            line.hours, line.share, line.low, line.high, line.coming, strict=True
        ):
            own: dict[str, Any] = {"group": "expected" if coming else "seen", "name": line.name}
            rows.append({**own, "measure": "hours", "value": float(hours)})
            rows.append({**own, "measure": "share", "value": float(share), "low": float(low), "high": float(high)})
    return as_data(rows)


def _of_campaigns(table: pd.DataFrame, sheet: Sheet, room: int) -> Axes:
    caption = _keys(table)
    if not len(table):
        return sheet.empty(_EMPTY, caption, dot_marks([], []))
    shown = table
    most = sheet.holds(_MOST, ["", *caption])
    if len(table) > most:
        youngest = table["age_h"].fillna(np.inf).sort_values(kind="stable").index[:most]
        shown = table.loc[table.index.isin(youngest)]
        caption.insert(0, f"Without {count(len(table) - most, 'older row')}.")
    panels = _panels(table)[:room]
    rows = _rows(shown, len(panels))
    ax = sheet.opened(len(rows), caption)
    draw_dots(ax, rows, panels)
    return sheet.closed(ax, dot_marks(rows, panels), said(table))


def _panels(table: pd.DataFrame) -> list[Panel]:
    event = str(table["event"].iloc[0])
    return [
        Panel("in the end", "final_rate", under=f"{event} rate"),
        Panel("half by", "t50_estimated", under="since the send", form=_time, tick="{:g} h".format, zero=True),
        Panel("maturity", "maturity", kind="words", weight=0.8),
        Panel("so far", "observed_rate", under=f"{event} rate"),
    ]


def _rows(table: pd.DataFrame, panels: int) -> list[Row]:
    columns = [str(name) for name in table.columns[: list(table.columns).index("event")]]
    found = []
    for name, row in zip(names_of(table, columns), records(table), strict=True):
        found.append(Row(name, _points(row)[:panels], words=number(row["n"])))
    return found


def _points(row: Record) -> list[Point]:
    side = HUMAN if f"final_rate{HUMAN}" in row else ""

    def own(middle: str, low: str = "", high: str = "", **more: Any) -> Point:
        ends = [value(row[f"{name}{side}"]) if name else None for name in (low, high)]
        return Point(value(row[f"{middle}{side}"]), ends[0], ends[1], **more)

    status = str(row[f"status{side}"])
    now = value(row[f"observed_rate{side}"]) if status == "forecast" else None
    words = "no forecast" if status == "refused" else None
    return [
        own("final_rate", "final_low", "final_high", recorded=now, words=words),
        own("t50_estimated", "t50_low", "t50_high"),
        own("maturity"),
        own("observed_rate", "observed_low", "observed_high"),
    ]


def _keys(table: pd.DataFrame) -> list[str]:
    side = HUMAN if f"final_rate{HUMAN}" in table.columns else ""
    status = table[f"status{side}"].astype("string")
    key = f"Line: {interval(table)}" + ("; tick: so far" if (status == "forecast").any() else "") + "."
    refused = table[status == "refused"].drop_duplicates(f"note{side}")
    why = f"No forecast: {'; '.join(refused[f'note{side}'].astype(str).head(2))}." if len(refused) else ""
    aside = reasons(table)
    set_aside = f"Events set aside as automatic: {aside}." if aside else ""
    return [key, why, definition(table, _DEFINITION), *_learned(table), set_aside, as_of(table)]


def said(table: pd.DataFrame) -> str:
    """Say what the picture shows."""
    if set(CAMPAIGNS) <= set(table.columns):
        return _said_of_campaigns(table)
    checked(table, CURVE, "analysis.response_curve")
    lines = _lines(table)
    parts = [f"{title(table, _TITLE)}, as curves by the time since the send: {count(len(lines), 'line')}."]
    arrow = "\N{RIGHTWARDS ARROW}"
    parts += [f"{line.name}: {line.words.replace(arrow, 'so far, expected')}." for line in lines[:_MOST]]
    parts += [f"And {count(len(lines) - _MOST, 'more line')}."] if len(lines) > _MOST else []
    return " ".join(parts)


def _said_of_campaigns(table: pd.DataFrame) -> str:
    final, half, status = (human(table, name) for name in ("final_rate", "t50_estimated", "status"))
    low, high, now = (human(table, name) for name in ("final_low", "final_high", "observed_rate"))
    columns = [str(name) for name in table.columns[: list(table.columns).index("event")]]
    parts = [f"{title(table, _TITLE)}, with what is expected: {count(len(table), 'row')}."]
    for name, row in list(zip(names_of(table, columns) if len(table) else [], records(table), strict=True))[:_MOST]:
        words = f"{percent(row[now])} so far, no forecast: {row[human(table, 'note')]}"
        if str(row[status]) != "refused":
            ends = f"{percent(row[low])} to {percent(row[high])}"
            words = f"{percent(row[final])} in the end ({ends}), half by {_time(row[half])}"
        parts.append(f"{name}: {words}.")
    if len(table) > _MOST:
        parts.append(f"And {count(len(table) - _MOST, 'more row')}.")
    return " ".join(parts)
