"""Which links were clicked."""

import pandas as pd

from cctrack.analysis._tables import checked

_DEFINITION = "Shares are of all clicks in the table, those on footer links (preferences, unsubscribe) among them."


def link_popularity(activities: pd.DataFrame, links: pd.DataFrame | None = None) -> pd.DataFrame:
    """Clicks by link; one row is one link address, the most clicked first.

    Parameters
    ----------
    activities
        A table such as `cctrack.campaign_activities_df` or `cctrack.stack` gives; rows other than clicks may be in it.
    links
        The campaigns' links, from `cctrack.links_df`. They give the address of clicks that came without one, and
        bring in the links that nobody clicked.

    Returns
    -------
    pandas.DataFrame
        `link_uri`; `n_link_ids`, links (pairs of campaign and link id) that lead there; `clicks_total`, click rows;
        `unique_clickers`, different contacts; `share_of_clicks`, `clicks_total` as a share (0 to 1) of all clicks
        in the table, NaN where there are none. Clicks whose address is not known stand together in one row
        without a `link_uri`. Equal counts come in the order of their addresses.

    Raises
    ------
    TypeError, ValueError
        When a table is not of activities, or not of links.

    Notes
    -----
    An address is taken as it is written: the same page with other tracking parameters is another row. Links of
    the footer, such as those to preferences and to unsubscribe, are not treated specially yet. Unique clickers of
    several links do not add up: one contact may click many. The counts are those of common e-mail reporting
    ("total" and "unique" clicks by link).
    """
    wanted = ["campaign_id", "contact_id", "link_id", "link_uri"]
    checked(activities, ("activity_type", *wanted), "activities", "cctrack.campaign_activities_df")
    clicks = activities.loc[activities["activity_type"].isin(["EMAIL_CLICK"]), wanted].astype("string")
    known = clicks[["campaign_id", "link_id", "link_uri"]]
    if links is not None:
        checked(links, ("campaign_id", "link_id", "link_uri"), "links", "cctrack.links_df")
        listed = links[["campaign_id", "link_id", "link_uri"]].astype("string")
        clicks = _with_addresses(clicks, listed)
        known = pd.concat([listed, clicks[known.columns]])
    ids = known.dropna(subset=["link_id"]).drop_duplicates()
    addresses = known["link_uri"].drop_duplicates()
    if links is not None and clicks["link_uri"].notna().all():
        addresses = addresses.dropna()
    table = pd.DataFrame({"link_uri": addresses.array}, dtype="string")
    by_address = clicks.groupby("link_uri", dropna=False)
    table["n_link_ids"] = _looked_up(table["link_uri"], ids.groupby("link_uri", dropna=False).size())
    table["clicks_total"] = _looked_up(table["link_uri"], by_address.size())
    table["unique_clickers"] = _looked_up(table["link_uri"], by_address["contact_id"].nunique())
    total = len(clicks)
    table["share_of_clicks"] = table["clicks_total"].astype("float64") / (total or float("nan"))
    table = table.sort_values("link_uri", na_position="last", kind="stable")
    table = table.sort_values(["clicks_total", "unique_clickers"], ascending=False, kind="stable", ignore_index=True)
    table.attrs = {"cctrack": {"analysis": "link_popularity", "definition": _DEFINITION}}
    return table


def _with_addresses(clicks: pd.DataFrame, listed: pd.DataFrame) -> pd.DataFrame:
    """Give clicks without an address the one that their link has in the list."""
    known = listed.dropna().drop_duplicates(["campaign_id", "link_id"]).set_index(["campaign_id", "link_id"])
    found = known["link_uri"].reindex(pd.MultiIndex.from_frame(clicks[["campaign_id", "link_id"]]))
    return clicks.assign(link_uri=clicks["link_uri"].fillna(pd.Series(found.array, index=clicks.index)))


def _looked_up(addresses: pd.Series, counts: pd.Series) -> pd.Series:
    """Give the count of each address, 0 for those that have none."""
    found = counts.reindex(pd.Index(addresses)).fillna(0)
    return pd.Series(found.to_numpy(dtype="int64"), index=addresses.index, dtype="Int64")
