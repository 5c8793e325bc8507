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

_MODULES = ("analysis", "cache", "catalog", "errors", "plots")
_NAMES = {
    "Session": "cctrack.api.session",
    "connect": "cctrack.connecting",
    "use": "cctrack.api.session",
    "demo": "cctrack.demo_account.start",
    "provenance": "cctrack.origin",
    "stack": "cctrack.origin",
    **dict.fromkeys(
        (
            "ApiGoneError",
            "AuthError",
            "CacheMissError",
            "CacheWarning",
            "CctrackError",
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
    from cctrack import analysis, cache, catalog, errors, plots
    from cctrack.api.session import Session, use
    from cctrack.connecting import connect
    from cctrack.demo_account.start import demo
    from cctrack.errors import (
        ApiGoneError,
        AuthError,
        CacheMissError,
        CacheWarning,
        CctrackError,
        ConfigError,
        EngineError,
        IncompleteWarning,
        NetworkError,
        NotFoundError,
        NotOfferedError,
        RateLimitError,
        RepairWarning,
        ResponseError,
        ServiceError,
    )
    from cctrack.origin import provenance, stack
    from cctrack.reports import (
        account_activities_df,
        activities_df,
        bounces_df,
        campaign_activities_df,
        campaign_bounces_df,
        campaign_clicks_df,
        campaign_did_not_opens_df,
        campaign_forwards_df,
        campaign_link_clicks_df,
        campaign_opens_df,
        campaign_sends_df,
        campaign_summary_df,
        campaign_unique_opens_df,
        campaign_unsubscribes_df,
        campaigns_df,
        clicks_df,
        contacts_df,
        forwards_df,
        links_df,
        list_members_df,
        lists_df,
        opens_df,
        sends_df,
        summary_by_campaign_df,
        summary_df,
        unsubscribes_df,
    )
