"""Pictures of results: a table in, matplotlib Axes out; nothing is shown, saved or styled beyond those Axes."""

from cctrack.plots._funnel import funnel
from cctrack.plots._links import link_popularity
from cctrack.plots._words import alt_text

__all__ = ["alt_text", "funnel", "link_popularity"]
