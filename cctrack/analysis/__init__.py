"""Questions to tables of activities: a frame in, a frame out, nothing read or sent and the input never changed."""

from cctrack.analysis._clocks import clock_check
from cctrack.analysis._co_clicks import co_clicks
from cctrack.analysis._compare import compare_campaigns
from cctrack.analysis._engagement import engagement_states
from cctrack.analysis._funnel import funnel
from cctrack.analysis._heatmap import activity_heatmap
from cctrack.analysis._hygiene import hygiene
from cctrack.analysis._links import link_popularity
from cctrack.analysis._machine_activity import machine_activity
from cctrack.analysis._pressure import pressure
from cctrack.analysis._response import response_curve
from cctrack.analysis._scorecard import scorecard
from cctrack.analysis._timeline import contact_timeline
from cctrack.analysis._told import explain
from cctrack.analysis._trust import reconcile

__all__ = [
    "activity_heatmap",
    "clock_check",
    "co_clicks",
    "compare_campaigns",
    "contact_timeline",
    "engagement_states",
    "explain",
    "funnel",
    "hygiene",
    "link_popularity",
    "machine_activity",
    "pressure",
    "reconcile",
    "response_curve",
    "scorecard",
]
