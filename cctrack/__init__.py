"""Constant Contact's tracking reports as tidy pandas frames.

A first session::

    import cctrack

    cctrack.demo()                                  # or cctrack.connect("api key", "access token")
    clicks = cctrack.clicks_df("36")                # one row is one click; ids are text, dates are UTC
    many = cctrack.opens_df(["36", "37", "38"])     # one id or any iterable of them
    cctrack.provenance(clicks)                      # where the rows come from
    cctrack.campaigns_df()                          # what was sent
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from cctrack._version import __version__

_MODULES = ("analysis", "cache", "catalog", "errors", "export", "pickers", "plots")
_NAMES = {
    "Session": "cctrack.api.session",
    "connect": "cctrack.connecting",
    "login": "cctrack.logins",
    "logout": "cctrack.logins",
    "crosswalk": "cctrack.identifiers",
    "use": "cctrack.api.session",
    "demo": "cctrack.demo_account.start",
    **dict.fromkeys(("Plan", "Quota", "plan", "quota"), "cctrack.planning"),
    "freeze": "cctrack.snapshots",
    "open_snapshot": "cctrack.snapshots",
    "provenance": "cctrack.origin",
    "stack": "cctrack.origin",
    **dict.fromkeys(
        (
            "ApiGoneError",
            "AuthError",
            "CacheMissError",
            "CacheWarning",
            "CctrackError",
            "ClockWarning",
            "ConfigError",
            "EngineError",
            "IncompleteWarning",
            "NetworkError",
            "NotFoundError",
            "NotOfferedError",
            "RateLimitError",
            "RepairWarning",
            "ResponseError",
            "ServiceError",
        ),
        "cctrack.errors",
    ),
    **dict.fromkeys(
        (
            "account_activities_df",
            "activities_df",
            "bounces_df",
            "campaign_activities_df",
            "campaign_bounces_df",
            "campaign_clicks_df",
            "campaign_did_not_opens_df",
            "campaign_forwards_df",
            "campaign_link_clicks_df",
            "campaign_opens_df",
            "campaign_sends_df",
            "campaign_summary_df",
            "campaign_unique_opens_df",
            "campaign_unsubscribes_df",
            "campaigns_df",
            "clicks_df",
            "contacts_df",
            "forwards_df",
            "links_df",
            "list_members_df",
            "lists_df",
            "opens_df",
            "sends_df",
            "summary_by_campaign_df",
            "summary_df",
            "unsubscribes_df",
        ),
        "cctrack.reports",
    ),
}

__all__ = ["__version__", *_MODULES, *_NAMES]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"cctrack.{name}")
    if name in _NAMES:
        value = getattr(import_module(_NAMES[name]), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module 'cctrack' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)


if TYPE_CHECKING:
    from cctrack import analysis as analysis
    from cctrack import cache as cache
    from cctrack import catalog as catalog
    from cctrack import errors as errors
    from cctrack import export as export
    from cctrack import pickers as pickers
    from cctrack import plots as plots
    from cctrack.api.session import Session as Session
    from cctrack.api.session import use as use
    from cctrack.connecting import connect as connect
    from cctrack.demo_account.start import demo as demo
    from cctrack.errors import (
        ApiGoneError as ApiGoneError,
    )
    from cctrack.errors import (
        AuthError as AuthError,
    )
    from cctrack.errors import (
        CacheMissError as CacheMissError,
    )
    from cctrack.errors import (
        CacheWarning as CacheWarning,
    )
    from cctrack.errors import (
        CctrackError as CctrackError,
    )
    from cctrack.errors import (
        ClockWarning as ClockWarning,
    )
    from cctrack.errors import (
        ConfigError as ConfigError,
    )
    from cctrack.errors import (
        EngineError as EngineError,
    )
    from cctrack.errors import (
        IncompleteWarning as IncompleteWarning,
    )
    from cctrack.errors import (
        NetworkError as NetworkError,
    )
    from cctrack.errors import (
        NotFoundError as NotFoundError,
    )
    from cctrack.errors import (
        NotOfferedError as NotOfferedError,
    )
    from cctrack.errors import (
        RateLimitError as RateLimitError,
    )
    from cctrack.errors import (
        RepairWarning as RepairWarning,
    )
    from cctrack.errors import (
        ResponseError as ResponseError,
    )
    from cctrack.errors import (
        ServiceError as ServiceError,
    )
    from cctrack.identifiers import crosswalk as crosswalk
    from cctrack.logins import login as login
    from cctrack.logins import logout as logout
    from cctrack.origin import provenance as provenance
    from cctrack.origin import stack as stack
    from cctrack.planning import Plan as Plan
    from cctrack.planning import Quota as Quota
    from cctrack.planning import plan as plan
    from cctrack.planning import quota as quota
    from cctrack.reports import (
        account_activities_df as account_activities_df,
    )
    from cctrack.reports import (
        activities_df as activities_df,
    )
    from cctrack.reports import (
        bounces_df as bounces_df,
    )
    from cctrack.reports import (
        campaign_activities_df as campaign_activities_df,
    )
    from cctrack.reports import (
        campaign_bounces_df as campaign_bounces_df,
    )
    from cctrack.reports import (
        campaign_clicks_df as campaign_clicks_df,
    )
    from cctrack.reports import (
        campaign_did_not_opens_df as campaign_did_not_opens_df,
    )
    from cctrack.reports import (
        campaign_forwards_df as campaign_forwards_df,
    )
    from cctrack.reports import (
        campaign_link_clicks_df as campaign_link_clicks_df,
    )
    from cctrack.reports import (
        campaign_opens_df as campaign_opens_df,
    )
    from cctrack.reports import (
        campaign_sends_df as campaign_sends_df,
    )
    from cctrack.reports import (
        campaign_summary_df as campaign_summary_df,
    )
    from cctrack.reports import (
        campaign_unique_opens_df as campaign_unique_opens_df,
    )
    from cctrack.reports import (
        campaign_unsubscribes_df as campaign_unsubscribes_df,
    )
    from cctrack.reports import (
        campaigns_df as campaigns_df,
    )
    from cctrack.reports import (
        clicks_df as clicks_df,
    )
    from cctrack.reports import (
        contacts_df as contacts_df,
    )
    from cctrack.reports import (
        forwards_df as forwards_df,
    )
    from cctrack.reports import (
        links_df as links_df,
    )
    from cctrack.reports import (
        list_members_df as list_members_df,
    )
    from cctrack.reports import (
        lists_df as lists_df,
    )
    from cctrack.reports import (
        opens_df as opens_df,
    )
    from cctrack.reports import (
        sends_df as sends_df,
    )
    from cctrack.reports import (
        summary_by_campaign_df as summary_by_campaign_df,
    )
    from cctrack.reports import (
        summary_df as summary_df,
    )
    from cctrack.reports import (
        unsubscribes_df as unsubscribes_df,
    )
    from cctrack.snapshots import freeze as freeze
    from cctrack.snapshots import open_snapshot as open_snapshot
