"""Horizontal bars on one baseline: a dark one before a light one, words above them and at their end.

Words stand inside the axes, where no margin can cut them off, and are shortened to the width there is.
"""

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any
from urllib.parse import quote

from matplotlib.axes import Axes
from matplotlib.figure import SubFigure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.text import Annotation, Text

# The blue of Okabe and Ito's palette for colour-blind eyes, and a tint of it.
DARK, LIGHT = "#0072B2", "#C7DFEE"
_INK, _GREY = "#1A1A1A", "#595959"
_PLAIN: dict[str, Any] = {"parse_math": False, "usetex": False}  # a $ in an address is no formula
_WIDTH, _ROW, _REST = 7.2, 0.42, 1.25  # inches: the figure, a row of it, and what stands above and below the rows
_SMALL = 7.5  # points
_BAR = 0.4  # of a row; the words above it take the rest
_LEAST_FOR_BARS = 0.25  # of the width, however long the words at the end are


@dataclass(frozen=True)
class Row:
    """One bar, or a heading where there are no numbers.

    Attributes
    ----------
    name : str
        Stands above the bar.
    dark, light : float or None
        Lengths of the bar in front and of the one behind it.
    beside, at_end : str
        Words after the name, and after the bars.
    strong : bool
        Whether the name is set in bold.
    address : bool
        Whether the name is a web address.
    """

    name: str
    dark: float | None = None
    light: float | None = None
    beside: str = ""
    at_end: str = ""
    strong: bool = False
    address: bool = False


def draw(rows: Sequence[Row], ax: Axes | None, title: str, caption: str) -> Axes:
    """Draw the rows from the top down, on new axes if none are given."""
    ax = _fresh(len(rows)) if ax is None else ax
    longest = max(map(_length, rows), default=0) or 1
    _bare(ax, title)
    ax.set_ylim(max(len(rows), 1) - 0.4, -0.6)
    ax.set_xlim(0, 2 * longest)
    _laid_out(ax)
    for kind, colour in (("light", LIGHT), ("dark", DARK)):
        shown = [(y, length) for y, row in enumerate(rows) if (length := getattr(row, kind)) is not None]
        places, lengths = [y + _BAR / 2 for y, _ in shown], [length for _, length in shown]
        ax.barh(places, lengths, height=_BAR, color=colour, linewidth=0, label=kind)
    size = _font_size(ax, rows)
    for y, row in enumerate(rows):
        _name(ax, row, y, size)
    ends = [(_length(row), _at_end(ax, row, y, size)) for y, row in enumerate(rows) if row.at_end]
    ax.set_xlim(0, _reach(ax, longest, ends))
    letters = max(20, int(ax.bbox.width / (_SMALL * 0.52 * _pixels(ax))))
    ax.set_xlabel("\n".join(wrap(caption, letters)), loc="left", labelpad=3, fontsize=_SMALL, color=_GREY, **_PLAIN)
    return ax


def _fresh(rows: int) -> Axes:
    import matplotlib.pyplot as plt

    axes: Axes = plt.subplots(figsize=(_WIDTH, _REST + _ROW * max(rows, 1)), layout="constrained")[1]
    return axes


def _bare(ax: Axes, title: str) -> None:
    """Leave nothing of the axes but the baseline and a title."""
    ax.set_xticks([])
    ax.set_yticks([])
    for side in ("top", "right", "bottom"):
        ax.spines[side].set_visible(False)
    ax.spines["left"].set_color(_GREY)
    ax.set_title(title, loc="left", color=_INK, **_PLAIN)


def _laid_out(ax: Axes) -> None:
    """Let the figure give the axes their width now, where it would do so when it is drawn: words are fitted to it."""
    figure = ax.figure
    while isinstance(figure, SubFigure):
        figure = figure.figure
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()


def _length(row: Row) -> float:
    return max(row.dark or 0, row.light or 0)


def _pixels(ax: Axes) -> float:
    """Give the pixels of a point."""
    return ax.figure.dpi / 72


def _font_size(ax: Axes, rows: Sequence[Row]) -> float:
    """Choose what fits between two bars, and lets the words beside the names fit into the width."""
    pitch = ax.bbox.height / _pixels(ax) / max(len(rows), 1)
    size = min(9.5, 0.4 * pitch)
    widest = max((len(row.name) + len(row.beside) + 4 for row in rows if row.beside), default=0)
    return max(5.0, min(size, ax.bbox.width / _pixels(ax) / (0.58 * widest) if widest else size))


def _name(ax: Axes, row: Row, y: int, size: float) -> None:
    heading = row.dark is None and row.light is None
    place: dict[str, Any] = {"textcoords": "offset points", "va": "bottom", "fontsize": size, **_PLAIN}
    weight = "bold" if row.strong else "normal"
    name = ax.annotate("", (0, y + _BAR * heading), xytext=(3, 1), weight=weight, color=_INK, **place)
    available = ax.bbox.width - 4 * _pixels(ax)
    if row.beside:
        beside = ax.annotate(row.beside, (1, 0), xycoords=name, xytext=(6, 0), color=_GREY, **place)
        available -= beside.get_window_extent().width + 6 * _pixels(ax)
    _fit(name, drawable(row.name, name.get_fontproperties(), address=row.address), available)


def _fit(text: Text, words: str, available: float) -> None:
    """Set the words, with as much of their middle left out as needed."""
    kept = len(words)
    text.set_text(words)
    while kept > 4 and (width := text.get_window_extent().width) > available:
        kept = max(4, min(kept - 1, int(kept * available / width)))
        text.set_text(shortened(words, kept))


def shortened(words: str, letters: int) -> str:
    """Leave out the middle: the beginning of an address names the site, its end the page."""
    if len(words) <= letters:
        return words
    head = (letters - 1) * 3 // 5
    tail = letters - 1 - head
    return f"{words[:head]}\N{HORIZONTAL ELLIPSIS}{words[len(words) - tail :]}"


def _at_end(ax: Axes, row: Row, y: int, size: float) -> Annotation:
    return ax.annotate(
        row.at_end,
        (_length(row), y + _BAR / 2),
        xytext=(4, 0),
        textcoords="offset points",
        va="center",
        fontsize=size * 0.92,
        color=_INK,
        **_PLAIN,
    )


def _reach(ax: Axes, longest: float, ends: Sequence[tuple[float, Annotation]]) -> float:
    """Give the end of the axis at which every bar has room for its words."""
    width = ax.bbox.width
    reach = longest
    for length, words in ends:
        left = width - words.get_window_extent().width - 8 * _pixels(ax)
        reach = max(reach, length * width / max(left, _LEAST_FOR_BARS * width))
    return reach


def drawable(words: str, font: FontProperties, *, address: bool) -> str:
    """Replace what cannot be drawn: in an address by its bytes in per cent, as browsers do, elsewhere by a mark."""
    has = _glyphs(font)
    mark = "\N{REPLACEMENT CHARACTER}" if has("\N{REPLACEMENT CHARACTER}") else "?"

    def seen(letter: str) -> str:
        if letter == " " or (unicodedata.category(letter)[0] not in "CZ" and has(letter)):
            return letter
        if unicodedata.category(letter)[0] == "Z":
            return "%20" if address and letter == " " else " "
        return quote(letter, safe="", errors="replace") if address else mark

    return "".join(map(seen, words))


def _glyphs(font: FontProperties) -> Callable[[str], bool]:
    """Tell of a letter whether one of the fonts that will be used has it."""
    fonts = []
    for family in font.get_family():
        one = font.copy()
        one.set_family(family)
        try:
            fonts.append(get_font(findfont(one, fallback_to_default=False)))
        except ValueError:  # not installed
            continue
    fonts = fonts or [get_font(findfont(font))]
    return lambda letter: any(one.get_char_index(ord(letter)) for one in fonts)
