"""The axes of a picture: a title above, rows of one height, a caption below them, nothing outside of the axes.

Names and caption stand inside the axes, where neither a margin nor a neighbour can cut them off, and are fitted to the
size that the axes have while they are drawn.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any, Final

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from matplotlib.text import Annotation

from cctrack.plots._letters import PLAIN, drawable, fitted, taken

# The blue of Okabe and Ito's palette for colour-blind eyes, tints of it and of its vermilion, and greys.
DARK, LIGHT, WARM = "#0072B2", "#C7DFEE", "#F8DCC8"
INK, GREY, FAINT = "#1A1A1A", "#595959", "#E3E3E3"
SMALL: Final = 7.5  # points, of what explains
LEAST: Final = 6.0  # points, of the smallest words
_WIDTH = 7.2  # inches of a figure of our own
_CAPTION = 0.36  # of the height, at most
_GAP = 5.0  # points between the rows and the caption
_NOTHING = 9.0  # points, of the words for it
_DATA, _ALT = "cctrack_data", "cctrack_alt"


@dataclass(frozen=True)
class Layout:
    """How much room rows take.

    Attributes
    ----------
    row : float
        Inches, in a figure of our own.
    least : float
        Points, below which rows cannot be read.
    head : float
        Points above the first row, for what stands over columns.
    """

    row: float
    least: float
    head: float = 0.0


class Sheet:
    """The axes of one picture, from the title to the caption.

    Parameters
    ----------
    ax
        Axes to draw on; None makes a figure as soon as the number of rows is known.
    title
        Stands above.
    layout
        Of its rows.
    """

    def __init__(self, ax: Axes | None, title: str, layout: Layout) -> None:
        self._given = ax
        self._title = title
        self._layout = layout

    def holds(self, most: int, caption: Sequence[str]) -> int:
        """Give how many rows can be read, `most` in a figure of our own."""
        if self._given is None:
            return most
        _bare(self._given, self._title)
        left = height(self._given) - _captioned(self._given, caption) - self._layout.head
        return max(1, min(most, int(left / self._layout.least)))

    def opened(self, rows: int, caption: Sequence[str]) -> Axes:
        """Give the axes with title and caption, and a unit of y for each row, the first at 0, downwards."""
        rows = max(rows, 1)
        ax = _fresh() if self._given is None else self._given
        _bare(ax, self._title)
        if self._given is None:
            below = _written(ax, caption)
            wanted = below + self._layout.head + rows * self._layout.row * 72
            ax.figure.set_figheight(ax.figure.get_figheight() + (wanted - height(ax)) / 72)  # type: ignore[union-attr]
            _laid_out(ax)
        else:
            below = _captioned(ax, caption)
        row = max(height(ax) - below - self._layout.head, 1.0) / rows
        ax.set_ylim(rows - 0.5 + below / row, -0.5 - self._layout.head / row)
        return ax

    def empty(self, words: str, caption: Sequence[str], data: pd.DataFrame) -> Axes:
        """Say that there is nothing to show, in place of rows."""
        ax = self.opened(1, caption)
        ax.set_xlim(0, 1)
        text = written(ax, "", (0.0, 0.0), xytext=(3, 0), va="center", fontsize=_NOTHING, color=GREY)
        fitted(text, words, ax.bbox.width - 6 * points(ax))
        return self.closed(ax, data, f"{self._title}: {words}")

    def closed(self, ax: Axes, data: pd.DataFrame, alt: str) -> Axes:
        """Put the data and the words for those who do not see it beside the picture."""
        setattr(ax, _DATA, data)
        setattr(ax, _ALT, alt)
        if self._given is None:
            setattr(ax.figure, _ALT, alt)
        return ax


def data(ax: Axes) -> pd.DataFrame:
    """Give the values that a picture shows, exactly.

    Parameters
    ----------
    ax
        What a function of `cctrack.plots` gave.

    Returns
    -------
    pandas.DataFrame
        One row is one mark: `group` and `name` of its row, `measure`, `value`, and the ends `low` and `high` of its
        interval; NA where there is none.

    Raises
    ------
    TypeError
        When these axes hold no picture of ours.
    """
    held = getattr(ax, _DATA, None)
    if not isinstance(held, pd.DataFrame):
        raise TypeError("ax holds no picture of cctrack.plots; pass the Axes that one of its functions gave")
    return held.copy()


def points(ax: Axes) -> float:
    """Give the pixels of a point."""
    return ax.figure.dpi / 72


def height(ax: Axes) -> float:
    """Give the height of the axes in points."""
    return float(ax.bbox.height / points(ax))


def width_of(ax: Axes | None) -> float:
    """Give the width of the axes in points; None is a figure of our own."""
    return 72 * _WIDTH if ax is None else float(ax.bbox.width / points(ax))


def row_height(ax: Axes) -> float:
    """Give the height of a row in points."""
    bottom, top = ax.get_ylim()
    return height(ax) / max(bottom - top, 1e-9)


def _fresh() -> Axes:
    import matplotlib.pyplot as plt

    axes: Axes = plt.subplots(figsize=(_WIDTH, 4), layout="constrained")[1]
    return axes


def _bare(ax: Axes, title: str) -> None:
    """Leave nothing of the axes but a title."""
    ax.set_xticks([])
    ax.set_yticks([])
    for side in ("top", "right", "bottom", "left"):
        ax.spines[side].set_visible(False)
    heading = ax.set_title(title, loc="left", color=INK, **PLAIN)
    _laid_out(ax)
    fitted(heading, title, ax.bbox.width)


def _laid_out(ax: Axes) -> None:
    """Let the figure give the axes their size now, where it would do so when it is drawn: words are fitted to it."""
    figure: Figure | SubFigure = ax.figure
    while isinstance(figure, SubFigure):
        figure = figure.figure
    if figure.get_layout_engine() is not None:
        figure.draw_without_rendering()


def _captioned(ax: Axes, sentences: Sequence[str]) -> float:
    """Write the caption; give its height in points.

    Where it is too high, sentences are left out from the end but for the last one, which says when the data end.
    """
    *left, last = [*sentences] or [""]
    left = [sentence for sentence in left if sentence]
    below = _written(ax, [*left, last])
    while len(left) > 1 and below > _CAPTION * height(ax):
        left.pop()
        below = _written(ax, [*left, last])
    return below


def _written(ax: Axes, sentences: Sequence[str]) -> float:
    size = min(9.0, max(LEAST, SMALL * width_of(ax) / (72 * _WIDTH)))
    label = ax.set_xlabel("", loc="left", fontsize=size, color=GREY, va="bottom", **PLAIN)
    ax.xaxis.set_label_coords(0.0, 0.0)
    words = drawable(" ".join(filter(None, sentences)), label.get_fontproperties(), address=False)
    if not words:
        return 0.0
    letters = max(16, int(ax.bbox.width / points(ax) / (0.5 * size)))
    label.set_text("\n".join(wrap(words, letters)))
    while letters > 16 and taken(label) > ax.bbox.width - 2 * points(ax):
        letters -= 2
        label.set_text("\n".join(wrap(words, letters)))
    return float(label.get_window_extent().height / points(ax)) + _GAP


def written(ax: Axes, words: str, xy: Any, **style: Any) -> Annotation:
    """Write words at a place, taken as they are; a layout engine makes no room for them, they have theirs."""
    usual: dict[str, Any] = {"textcoords": "offset points", "xytext": (0, 0), "annotation_clip": False, "color": INK}
    text: Annotation = ax.annotate(words, xy, **{**usual, **PLAIN, **style})
    text.set_in_layout(False)
    return text
