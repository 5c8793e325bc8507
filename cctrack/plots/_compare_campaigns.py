"""The pictures of campaigns compared: differences with their intervals, and each campaign among all."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes

from cctrack.plots import _limits
from cctrack.plots._dots import Row, dot_marks, draw_dots, room_for
from cctrack.plots._groups import names_of
from cctrack.plots._panels import HEAD, Panel, Point
from cctrack.plots._sheet import Layout, Sheet
from cctrack.plots._words import (
    NONE,
    as_of,
    checked,
    count,
    definition,
    human,
    interval,
    reasons,
    title,
    told,
    value,
)

PAIRS: Final = ("a", "b", "diff", "diff_low", "diff_high", "p_adj", "detectable_diff", "conclusion")
_TITLE, _DEFINITION = "Campaigns compared", "Differences of rates."
_EMPTY: Final = "No two campaigns to compare."
_DIFFERS: Final = "differs"
_MOST: Final = 40
_LAYOUT = Layout(0.22, 8.5, head=HEAD)


def compare_campaigns(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw the difference of each pair with its interval, or each campaign among all as a statistical funnel plot.

    Parameters
    ----------
    table
        What `analysis.compare_campaigns` gave; of more than 40 pairs the 40 with the smallest p values.
    ax
        Axes to draw on; None makes a new figure of the right height.

    Returns
    -------
    matplotlib.axes.Axes
        Of pairs: a row for each with the difference in points of per cent, its interval, a line at zero, and as words
        the adjusted p value and the difference that would have been seen, as far as there is room; pairs that differ
        stand out. Of limits: rate by recipients, between the 95 and 99.8 % limits; those outside have their names.

    Raises
    ------
    TypeError, ValueError
        When the table is neither.
    """
    if isinstance(table, pd.DataFrame) and set(_limits.COLUMNS) <= set(table.columns):
        return _limits.limits(table, ax)
    checked(table, PAIRS, "analysis.compare_campaigns")
    sheet = Sheet(ax, title(table, _TITLE), _LAYOUT)
    panels, used = _panels(table, room_for(ax, 3))
    caption = _caption(table, panels)
    if not len(table):
        return sheet.empty(_EMPTY, [definition(table, _DEFINITION), as_of(table)], dot_marks([], []))
    shown = _surest(table, sheet.holds(_MOST, ["", *caption]))
    if len(shown) < len(table):
        caption.insert(0, f"Without {count(len(table) - len(shown), 'pair')} of larger p.")
    rows = _rows(shown, used)
    ax = sheet.opened(len(rows), caption)
    draw_dots(ax, rows, panels)
    marks = [Row(_pair(row, panels), [row.points[used.index("diff")]]) for row in rows]
    return sheet.closed(ax, dot_marks(marks, [panels[used.index("diff")]]), said(table))


def _surest(table: pd.DataFrame, most: int) -> pd.DataFrame:
    """Give the pairs with the smallest p values, in the order of the table."""
    order = table[human(table, "p_adj")].reset_index(drop=True).sort_values(kind="stable", na_position="last").index
    return table.iloc[sorted(order[:most].tolist())]


def _points(difference: Any) -> str:
    """Write a difference of shares in points, with two figures where it is small."""
    if pd.isna(difference):
        return NONE
    return f"{100 * difference:+.1f}" if abs(difference) >= 0.00995 or not difference else f"{100 * difference:+.2f}"


def _panels(table: pd.DataFrame, room: int) -> tuple[list[Panel], list[str]]:
    """Give the panels for which there is room, and what each of them holds."""
    single = table["b"].nunique() == 1
    less = f"less {_names(table)['b'].iloc[0]}" if single and len(table) else "difference"
    known = {
        "b": Panel("less", "b", kind="words", weight=1.7),
        "diff": Panel(less, "diff", "points", weight=2.4, zero=True, line=0.0, form=_points, tick=_tick),
        "p": Panel("p", "p_adj", "(seen from)", kind="words", weight=1.1),
    }
    wanted = [name for name in ("diff", "b", "p") if not (single and name == "b")][:room]
    used = [name for name in known if name in wanted]
    return [known[name] for name in used], used


def _names(table: pd.DataFrame) -> pd.DataFrame:
    """Name both campaigns of each pair."""
    sides = []
    for side in ("a", "b"):
        held = {"campaign_id": table[side]}
        if f"{side}_name" in table.columns:
            held["campaign_name"] = table[f"{side}_name"]
        sides.append(pd.DataFrame(held))
    both = pd.concat(sides, ignore_index=True)
    names = names_of(both, [str(name) for name in both.columns]) if len(both) else []
    return pd.DataFrame({"a": names[: len(table)], "b": names[len(table) :]}, index=table.index, dtype="string")


def _rows(table: pd.DataFrame, used: Sequence[str]) -> list[Row]:
    columns = {name: human(table, name) for name in PAIRS}
    names, single = _names(table), table["b"].nunique() == 1
    found = []
    for (_, row), a, b in zip(table.iterrows(), names["a"], names["b"], strict=True):
        own = {name: row[column] for name, column in columns.items()}
        differ = str(own["conclusion"]).startswith(_DIFFERS)
        diff, low, high = (value(own[name]) for name in ("diff", "diff_low", "diff_high"))
        recorded = value(row["diff"]) if columns["diff"] != "diff" else None
        cells = {
            "b": Point(None, words=str(b)),
            "diff": Point(diff, low, high, None if recorded == diff else recorded),
            "p": Point(None, words=_p(own["p_adj"]) if differ else f"{_p(own['p_adj'])} ({_seen(own)})"),
        }
        name = str(a) if "b" in used or single else f"{a} less {b}"
        found.append(Row(name, [cells[one] for one in used], strong=differ))
    return found


def _tick(difference: float) -> str:
    return f"{100 * difference:+.4g}" if difference else "0"


def _seen(row: Mapping[str, Any]) -> str:
    return _points(row["detectable_diff"]).lstrip("+")


def _p(p: Any) -> str:
    if pd.isna(p):
        return NONE
    return "<0.001" if p < 0.001 else f"{p:.3f}" if p < 0.0995 else f"{p:.2f}"


def _pair(row: Row, panels: Sequence[Panel]) -> str:
    other = [point.words for point, panel in zip(row.points, panels, strict=True) if panel.measure == "b"]
    return f"{row.name} less {other[0]}" if other else row.name


def _caption(table: pd.DataFrame, panels: Sequence[Panel]) -> list[str]:
    key = [f"Line: {interval(table)}", "shaded: they differ"]
    key += ["tick: as recorded"] if human(table, "diff") != "diff" else []
    if panels[-1].measure == "p_adj":
        key.append("p: allowing for the number of pairs, and the difference that would have been seen with 80% power")
    why = reasons(table)
    aside = f"Events set aside as automatic: {why}." if why else ""
    first = (told(table).get("notes") or [""])[0]
    return [f"{'; '.join(key)}.", definition(table, _DEFINITION), str(first), aside, as_of(table)]


def said(table: pd.DataFrame) -> str:
    """Say what the picture shows."""
    if isinstance(table, pd.DataFrame) and set(_limits.COLUMNS) <= set(table.columns):
        return _limits.said(table)
    checked(table, PAIRS, "analysis.compare_campaigns")
    if not len(table):
        return f"{title(table, _TITLE)}. {_EMPTY}"
    conclusion = table[human(table, "conclusion")].astype("string")
    differ = int(conclusion.str.startswith(_DIFFERS).sum())
    parts = [
        f"{title(table, _TITLE)}, differences as points with intervals: {count(len(table), 'pair')}, {differ} differ."
    ]
    shown = _surest(table, _MOST)
    for (a, b), words in zip(_names(shown).to_numpy(), shown[human(table, "conclusion")], strict=True):
        parts.append(f"{a} and {b}: {str(words).replace(': a is', f': {a} is')}.")
    if len(table) > _MOST:
        parts.append(f"And {count(len(table) - _MOST, 'more pair')}.")
    return " ".join(parts)
