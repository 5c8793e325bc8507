"""Questions to tables of activities: a frame in, a frame out, nothing read or sent and the input never changed."""

from cctrack.analysis._funnel import funnel
from cctrack.analysis._links import link_popularity

__all__ = ["funnel", "link_popularity"]
