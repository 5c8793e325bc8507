"""The picture of a result as PNG, drawn by `cctrack.plots`, and its words."""

from dataclasses import dataclass
from io import BytesIO
from typing import Any

import pandas as pd

from cctrack.export._tables import KEY

_DPI = 100  # pixels of the page to an inch; the file has twice as many
_FONTS = ("font.family", "font.sans-serif", "font.serif", "font.monospace")


@dataclass(frozen=True)
class Picture:
    """A picture to be put into a page.

    Attributes
    ----------
    png : bytes
        The file, at twice the size that it is shown at.
    width, height : int
        What it is shown at.
    words : str
        What those who do not see it read.
    """

    png: bytes
    width: int
    height: int
    words: str


def picture(table: pd.DataFrame) -> Picture | None:
    """Draw a table; None if there is no picture of it, or it takes no such table."""
    told = table.attrs.get(KEY)
    name = told.get("analysis") if isinstance(told, dict) else None
    from cctrack import plots

    if name not in plots.__all__ or name == "alt_text":
        return None
    try:
        words = plots.alt_text(table)
        return _drawn(getattr(plots, name), table, words)
    except (TypeError, ValueError):  # what a plot raises for a table that it does not take
        return None


def _drawn(draw: Any, table: pd.DataFrame, words: str) -> Picture:
    """Draw on a figure of its own, which knows its height, and close it whatever happens."""
    import matplotlib as mpl
    import matplotlib.pyplot as plt

    # Loads the backend. A notebook's turns interactive mode on as it loads; what follows would turn that off for good.
    plt.draw_if_interactive()  # type: ignore[no-untyped-call]
    there = set(plt.get_fignums())
    # Ink on white whatever the notebook's style is, but in fonts that have the reader's letters.
    fonts = {name: value for name, value in mpl.rcParams.items() if name in _FONTS}
    style: Any = ["default", fonts]
    with plt.ioff(), plt.style.context(style), mpl.rc_context({"figure.max_open_warning": 0}):
        try:
            figure = draw(table).figure.canvas.figure
            file = BytesIO()
            figure.savefig(file, format="png", dpi=2 * _DPI, facecolor="white", metadata={"Software": None})
            width, height = figure.get_size_inches()
        finally:
            for number in set(plt.get_fignums()) - there:
                plt.close(number)
    return Picture(file.getvalue(), round(width * _DPI), round(height * _DPI), words)
