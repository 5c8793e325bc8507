"""Pictures of results: a table in, matplotlib Axes out; nothing is shown, saved or styled beyond those Axes."""

from cctrack.plots._alt import alt_text
from cctrack.plots._clock_check import clock_check
from cctrack.plots._co_clicks import co_clicks
from cctrack.plots._compare_campaigns import compare_campaigns
from cctrack.plots._engagement_states import engagement_states
from cctrack.plots._funnel import funnel
from cctrack.plots._heatmap import activity_heatmap
from cctrack.plots._hygiene import hygiene
from cctrack.plots._links import link_popularity
from cctrack.plots._machine_activity import machine_activity
from cctrack.plots._pressure import pressure
from cctrack.plots._reconcile import reconcile
from cctrack.plots._response import response_curve
from cctrack.plots._scorecard import scorecard
from cctrack.plots._sheet import data
from cctrack.plots._timeline import contact_timeline

__all__ = [
    "activity_heatmap",
    "alt_text",
    "clock_check",
    "co_clicks",
    "compare_campaigns",
    "contact_timeline",
    "data",
    "engagement_states",
    "funnel",
    "hygiene",
    "link_popularity",
    "machine_activity",
    "pressure",
    "reconcile",
    "response_curve",
    "scorecard",
]
