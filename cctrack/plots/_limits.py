"""The statistical funnel plot: rates by recipients, between the limits of chance round the rate of all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from cctrack.plots._bars import as_data
from cctrack.plots._groups import names_of
from cctrack.plots._letters import fitted
from cctrack.plots._panels import share
from cctrack.plots._scale import Scale, scale_of
from cctrack.plots._sheet import DARK, FAINT, GREY, INK, LEAST, Layout, Sheet, row_height, width_of, written
from cctrack.plots._words import HUMAN, as_of, checked, count, definition, human, number, percent, reasons, title, told

COLUMNS: Final = ("campaign_id", "n", "rate", "pooled_rate", "low_95", "high_95", "low_998", "high_998", "outside")
_TITLE, _DEFINITION = "Rates and the limits of chance", "Rate by number of recipients."
_EMPTY: Final = "No campaign has recipients."
_ROWS: Final = 11  # of the sheet, that the plane takes
_LAYOUT = Layout(0.26, 10, head=2.0)
_LARGEST: Final = 8.5  # points, of letters
_SAMPLES: Final = 60  # places along a line
_NAMED: Final = 12  # campaigns that have their names
_WIDEST: Final = 0.34  # of the width, of a name
_CURVES: Final = {"95": (0, (4, 2)), "998": (0, (1, 1.5))}
_LEVELS: Final = {"95": "95%", "998": "99.8%"}
# Where a name may stand beside its mark: points across and up, and which side of it is there.
_BEHIND: Final = {"facecolor": "white", "alpha": 0.75, "linewidth": 0, "pad": 0.5}
_BESIDE: Final = (
    (7, 0, "left"),
    (-7, 0, "right"),
    (0, 9, "center"),
    (0, -9, "center"),
    (7, 9, "left"),
    (7, -9, "left"),
)


@dataclass(frozen=True)
class _Plane:
    """Where values are: recipients across, rates up."""

    across: Scale
    up: Scale
    size: float

    def line(self, n: Sequence[float], rates: Sequence[float]) -> tuple[list[float], list[float]]:
        """Give the places of a line, without those that lie beyond."""
        across, up = self.across, self.up
        both = zip(n, rates, strict=True)
        held = [(x, y) for x, y in both if across.low <= x <= across.high and up.low <= y <= up.high]
        return [self.across.at(x) for x, _ in held], [self.up.at(y) for _, y in held]


def limits(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw each campaign among all; see `compare_campaigns`."""
    sheet = Sheet(ax, title(table, _TITLE), _LAYOUT)
    known = _read(table)
    if not len(known):
        return sheet.empty(_EMPTY, [definition(table, _DEFINITION), as_of(table)], as_data([]))
    ax = sheet.opened(_ROWS, _caption(table))
    ax.set_xlim(0, 1)
    curves = _curves(table, known)
    plane = _plane(ax, known, curves["n"])
    _scales(ax, plane)
    placed, lines = _draw_curves(ax, plane, curves, float(known["pooled"].iloc[0]))
    _draw_marks(ax, plane, known)
    _draw_names(ax, plane, known, placed, lines)
    return sheet.closed(ax, _marks(known), said(table))


def _read(table: pd.DataFrame) -> pd.DataFrame:
    """Take what is drawn: one row a campaign that has recipients, those furthest outside first."""
    columns = [name for name in ("campaign_id", "campaign_name", "send_date") if name in table.columns]
    own = {name: human(table, name) for name in COLUMNS[1:]}
    known = pd.DataFrame({name: table[column].to_numpy() for name, column in own.items()})
    known["name"] = names_of(table, columns) if len(table) else pd.Series(dtype="string")
    known = known[known["rate"].notna()].rename(columns={"pooled_rate": "pooled"})
    known["level"] = known["outside"].astype("string").str.extract(r"([\d.]+) %", expand=False).fillna("")
    room = (known["high_998"] - known["low_998"]).where(lambda one: one > 0, 1.0)
    known["far"] = (known["rate"] - known["pooled"]).abs() / room
    return known.sort_values("far", ascending=False, kind="stable", ignore_index=True)


def _plane(ax: Axes, known: pd.DataFrame, n: Sequence[float]) -> _Plane:
    """Choose scales that hold all rates, the 95 % limits, and the 99.8 % ones of the largest campaign."""
    size = max(LEAST, min(_LARGEST, width_of(ax) / 46))
    rates = known["rate"].tolist()
    ends = [end for name in ("low_95", "high_95") for end in (known[name].min(), known[name].max())]
    ends += [known["low_998"].max(), known["high_998"].min()]
    wide = width_of(ax)
    left, right = 4.4 * size / wide, 1 - 5.2 * size / wide
    bottom = _ROWS - 0.5 - 3.2 * size / row_height(ax)
    across = scale_of(n, left, right, zero=False)
    return _Plane(across, scale_of([float(one) for one in (*rates, *ends)], bottom, -0.4, zero=False), size)


def _scales(ax: Axes, plane: _Plane) -> None:
    """Write the values of both scales, and draw the lines from them."""
    line: dict[str, Any] = {"linewidth": 0.6, "color": FAINT, "zorder": 0}
    text: dict[str, Any] = {"fontsize": plane.size, "color": GREY}
    across, up = plane.across, plane.up
    tall = (up.left - up.right) * row_height(ax)
    for tick in up.ticks(lambda _: "00", tall, tall + plane.size, plane.size):
        ax.plot([across.left, across.right], [up.at(tick)] * 2, **line)
        written(ax, share(tick), (across.left, up.at(tick)), xytext=(-3, 0), ha="right", va="center", **text)
    wide = (across.right - across.left) * width_of(ax)
    for tick in across.ticks(lambda one: f"{one:,.4g}", wide, wide, plane.size):
        ax.plot([across.at(tick)] * 2, [up.left, up.right], **line)
        written(ax, number(tick), (across.at(tick), up.left), xytext=(0, -3), ha="center", va="top", **text)
    middle = (across.left + across.right) / 2
    written(ax, "recipients", (middle, up.left), xytext=(0, -4 - 1.3 * plane.size), ha="center", va="top", **text)


def _curves(table: pd.DataFrame, known: pd.DataFrame) -> dict[str, list[float]]:
    """Give the limits from the smallest to the largest campaign; where pandas dropped them, those of the campaigns."""
    side = HUMAN if human(table, "rate") != "rate" else ""
    held = told(table).get(f"curves{side}")
    if isinstance(held, Mapping) and held.get("n"):
        return {str(name): [float(one) for one in values] for name, values in held.items()}
    rows = known.sort_values("n")
    return {name: rows[name].astype("float64").tolist() for name in ("n", "low_95", "high_95", "low_998", "high_998")}


def _draw_curves(
    ax: Axes, plane: _Plane, curves: Mapping[str, Sequence[float]], pooled: float
) -> tuple[list[Bbox], list[tuple[float, float]]]:
    """Draw the rate of all and the limits round it, with their names at the right end as far as there is room.

    Gives the boxes of the names, and places along the lines.
    """
    across, up = plane.across, plane.up
    middle = np.linspace(across.left, across.right, _SAMPLES)
    ax.plot(middle, [up.at(pooled)] * len(middle), color=GREY, linewidth=0.9)
    held = [(float(x), up.at(pooled)) for x in middle]
    ends = [(pooled, f"all {percent(pooled)}")]
    for level, dashes in _CURVES.items():
        for side in ("high", "low"):
            rates = curves[f"{side}_{level}"]
            x, y = plane.line(curves["n"], rates)
            ax.plot(x, y, color=GREY, linewidth=0.9, linestyle=dashes)
            held.extend(zip(x, y, strict=True))
            ends.append((rates[-1], _LEVELS[level]))
    placed: list[Bbox] = []
    for rate, words in ends:
        if not up.low <= rate <= up.high:
            continue
        style: dict[str, Any] = {"fontsize": max(LEAST, 0.9 * plane.size), "color": GREY, "va": "center"}
        text = written(ax, words, (across.right, up.at(rate)), xytext=(3, 0), **style)
        box = text.get_window_extent()
        if any(box.overlaps(other) for other in placed) or box.x1 > ax.bbox.x1:
            text.remove()
        else:
            placed.append(box)
    return placed, held


def _draw_marks(ax: Axes, plane: _Plane, known: pd.DataFrame) -> None:
    """Draw a mark for each campaign: hollow within the limits, full outside, a diamond beyond the wider ones."""
    looks: dict[str, dict[str, Any]] = {
        "": {"marker": "o", "markerfacecolor": "white"},
        "95": {"marker": "o", "markerfacecolor": DARK},
        "99.8": {"marker": "D", "markerfacecolor": DARK},
    }
    for level, look in looks.items():
        own = known[known["level"] == level]
        places = [
            (plane.across.at(float(n)), plane.up.at(float(rate))) for n, rate in zip(own["n"], own["rate"], strict=True)
        ]
        style: dict[str, Any] = {"linestyle": "none", "markersize": 4.6, "color": DARK, "zorder": 4}
        ax.plot([x for x, _ in places], [y for _, y in places], **style, **look)


def _draw_names(
    ax: Axes, plane: _Plane, known: pd.DataFrame, placed: list[Bbox], lines: Sequence[tuple[float, float]]
) -> None:
    """Write the names of campaigns outside, where they cover no words, no marks and few lines, the furthest out first.

    Beside the mark of another campaign a name would be taken for that one's: then there is none.
    """
    low, high = ax.transData.transform([(plane.across.left, plane.up.left), (1.0, plane.up.right)])
    pairs = zip(known["n"], known["rate"], strict=True)
    places = [(plane.across.at(float(n)), plane.up.at(float(rate))) for n, rate in pairs]
    marks, along = ax.transData.transform(places), ax.transData.transform(lines)
    for place in [place for place, level in enumerate(known["level"]) if level][:_NAMED]:
        best: tuple[int, Annotation, Bbox] | None = None
        for right, above, side in _BESIDE:
            style: dict[str, Any] = {"fontsize": plane.size, "color": INK, "ha": side, "va": "center"}
            text = written(ax, "", places[place], xytext=(right, above), bbox=_BEHIND, **style)
            fitted(text, str(known["name"].iloc[place]), _WIDEST * ax.bbox.width)
            box = text.get_window_extent()
            covered = int(box.count_contains(along))
            within = low[0] <= box.x0 and box.x1 <= high[0] and low[1] <= box.y0 and box.y1 <= high[1]
            free = not box.padded(5).count_contains(marks) and not any(box.padded(1).overlaps(one) for one in placed)
            if not (within and free) or (best is not None and best[0] <= covered):
                text.remove()
                continue
            if best is not None:
                best[1].remove()
            best = covered, text, box
        if best is not None:
            placed.append(best[2])


def _marks(known: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for row in known.itertuples():
        own: dict[str, Any] = {"group": str(row.outside), "name": str(row.name)}
        rows.append({**own, "measure": "n", "value": float(row.n)})  # type: ignore[arg-type]
        rows.append({**own, "measure": "rate", "value": row.rate})
    return as_data(rows)


def _caption(table: pd.DataFrame) -> list[str]:
    side = HUMAN if human(table, "rate") != "rate" else ""
    factor = told(table).get(f"dispersion{side}")
    wider = (
        f", widened since rates vary {float(factor):.2g} times as much as by chance"
        if factor is not None and factor > 1
        else ""
    )
    key = f"Line: the rate of all; broken: between these chance alone takes 95 and 99.8% of campaigns{wider}."
    why = reasons(table)
    aside = f"Events set aside as automatic: {why}." if why else ""
    first = (told(table).get("notes") or [""])[0]
    return [
        key,
        "Full marks: outside the 95% limits; diamonds: outside the others; names as far as there is room.",
        definition(table, _DEFINITION),
        str(first),
        aside,
        as_of(table),
    ]


def said(table: pd.DataFrame) -> str:
    """Say what the picture shows."""
    checked(table, COLUMNS, "analysis.compare_campaigns")
    known = _read(table)
    if not len(known):
        return f"{title(table, _TITLE)}. {_EMPTY}"
    out = known[known["level"] != ""]
    parts = [
        f"{title(table, _TITLE)}, rates by recipients with limits round the rate of all, "
        f"{percent(known['pooled'].iloc[0])}: {count(len(known), 'campaign')}, {len(out)} outside."
    ]
    parts += [f"{row.name}: {percent(row.rate)} of {number(row.n)}, {row.outside}." for row in out.itertuples()]
    return " ".join(parts)
