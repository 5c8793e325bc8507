"""Words for those who do not see a picture."""

from collections.abc import Callable, Sequence
from typing import Final

import pandas as pd

from cctrack.plots import (
    _clock_check,
    _co_clicks,
    _compare_campaigns,
    _engagement_states,
    _funnel,
    _heatmap,
    _hygiene,
    _limits,
    _links,
    _machine_activity,
    _pressure,
    _reconcile,
    _response,
    _scorecard,
    _timeline,
)
from cctrack.plots._words import told

_Said = Callable[[pd.DataFrame], str]
# By analysis, and by the columns that tell its result where pandas has dropped what came with it.
_PICTURES: Final[Sequence[tuple[str, Sequence[str], _Said]]] = (
    ("funnel", _funnel.COLUMNS, _funnel.said),
    ("link_popularity", _links.COLUMNS, _links.said),
    ("scorecard", _scorecard.COLUMNS, _scorecard.said),
    ("machine_activity", _machine_activity.SUMMARY, _machine_activity.said),
    ("machine_activity", _machine_activity.EVENTS, _machine_activity.said),
    ("reconcile", _reconcile.COLUMNS, _reconcile.said),
    ("response_curve", _response.CAMPAIGNS, _response.said),
    ("response_curve", _response.CURVE, _response.said),
    ("clock_check", _clock_check.COLUMNS, _clock_check.said),
    ("engagement_states", _engagement_states.CONTACTS, _engagement_states.said),
    ("engagement_states", _engagement_states.TRANSITIONS, _engagement_states.said),
    ("hygiene", _hygiene.COLUMNS, _hygiene.said),
    ("co_clicks", _co_clicks.COLUMNS, _co_clicks.said),
    ("compare_campaigns", _compare_campaigns.PAIRS, _compare_campaigns.said),
    ("compare_campaigns", _limits.COLUMNS, _limits.said),
    ("activity_heatmap", _heatmap.COLUMNS, _heatmap.said),
    ("contact_timeline", _timeline.COLUMNS, _timeline.said),
    ("pressure", _pressure.BANDS, _pressure.said),
    ("pressure", _pressure.HAZARD, _pressure.said),
)


def alt_text(table: pd.DataFrame) -> str:
    """Say in words what the picture of a table shows, for those who do not see it.

    Parameters
    ----------
    table
        What a function of `cctrack.analysis` gave that `cctrack.plots` draws.

    Returns
    -------
    str
        A sentence or more, with the figures.

    Raises
    ------
    TypeError, ValueError
        When it is none.
    """
    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"table must be a pandas frame, not {type(table).__name__}; pass what an analysis gave")
    analysis = told(table).get("analysis")
    held = [(name == analysis, said) for name, columns, said in _PICTURES if set(columns) <= set(table.columns)]
    if not held:
        raise ValueError("table has the columns of no picture; pass what analysis.funnel, or another analysis, gave")
    return max(held, key=lambda one: one[0])[1](table)
