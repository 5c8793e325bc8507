"""The picture of a funnel."""

import pandas as pd
from matplotlib.axes import Axes

from cctrack.plots._bars import Row, draw
from cctrack.plots._words import FUNNEL_COLUMNS, checked, definition, groups_of, steps

_DEFINITION = "Each recipient counts once a stage."
_MOST_GROUPS = 8


def funnel(table: pd.DataFrame, ax: Axes | None = None) -> Axes:
    """Draw a funnel as bars on one baseline: a stage in dark before the stage that it comes from in light.

    Parameters
    ----------
    table
        What `analysis.funnel` gave; with groups, their funnels stand below each other on one scale.
    ax
        Axes to draw on; None makes a new figure of the right height.

    Returns
    -------
    matplotlib.axes.Axes
        Each bar's words are the count, its share of what was sent and its share of the stage before.

    Raises
    ------
    TypeError, ValueError
        When the table is no funnel, or has more than 8 groups.
    """
    parts = list(groups_of(checked(table, FUNNEL_COLUMNS, "analysis.funnel")))
    if len(parts) > _MOST_GROUPS:
        raise ValueError(f"the table has {len(parts)} groups; pass the rows of at most {_MOST_GROUPS} of them")
    rows = []
    for name, stages in parts:
        if name:
            rows.append(Row(name, strong=True))
        before = None
        for stage, n, words in steps(stages):
            rows.append(Row(stage, dark=n, light=before, beside=words, strong=not name))
            before = n
    caption = f"Light: the stage before. {definition(table, _DEFINITION)}"
    return draw(rows, ax, "From sent to clicked", caption)
