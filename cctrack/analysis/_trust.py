"""Whether the activities and the service's own summaries agree."""

from typing import Any, Final, cast

import numpy as np
import pandas as pd

from cctrack.analysis._definitions import duration, moment
from cctrack.analysis._events import IDENTITY, RECIPIENT, Events, opened
from cctrack.analysis._grouping import checked_labels, labelled
from cctrack.analysis._patterns import HAS, N, tally
from cctrack.analysis._statuses import STATUSES, Difference
from cctrack.analysis._summaries import METRICS, Grain, read
from cctrack.analysis._told import tell

_NEEDED: Final = ("activity_type", "activity_date", *RECIPIENT, "bounce_code")
_SENT: Final = "last_run_date"
_ABOUT: Final = pd.Timedelta(days=7)  # nobody says how long rows are listed to the day
_OF_IDS: Final = {"campaign_id": "the campaign", "contact_id": "the contact"}
_COLUMNS: Final = {
    "metric": "what is counted, as the summary calls it",
    "rows_total": "rows of it in the activities",
    "rows_unique": "recipients that have one, each once; of a contact in a campaign the different links clicked",
    "summary": "what the summary says; NA without one",
    "diff": "the count of rows that the summary goes by (see compared) less summary",
    "compared": "rows_total or rows_unique: what this summary counts",
    "status": "; ".join(f"{name}: {said}" for name, said in STATUSES.items()),
    "explanation": "why, in words",
}


def reconcile(
    activities: Any,
    summaries: pd.DataFrame,
    *,
    labels: pd.DataFrame | None = None,
    retention: str | pd.Timedelta = "180D",
    as_of: Any = None,
) -> pd.DataFrame:
    """Whether activities and summaries agree, and if not why; one row is one metric of one campaign.

    Parameters
    ----------
    activities
        A table such as `cctrack.account_activities_df` or `cctrack.stack` gives, from pandas, Polars, PyArrow,
        DuckDB, Dask or PySpark.
    summaries
        What `cctrack.campaign_summary_df` or `campaigns_df(details=True)` gave; or `summary_df`, of contacts; or
        `summary_by_campaign_df`, of a contact by campaign. Its columns tell which.
    labels
        What `cctrack.campaigns_df` gave: puts `campaign_name` and `send_date` beside each campaign id.
    retention
        How long the service lists activities, about.
    as_of
        Later events are not counted; None takes the newest one's date. Ages are counted from it.

    Returns
    -------
    pandas.DataFrame
        The ids, then `metric rows_total rows_unique summary diff compared status explanation`. Campaigns without a
        summary, and summaries without rows, are rows too; of contacts only those that have a summary.

    Raises
    ------
    TypeError, ValueError
        When a table lacks a column, a summary is there twice, or an argument is none of those named.
    EngineError
        When an engine cannot count.

    Notes
    -----
    The one word "clicks" is recipients in the summary of a campaign, activities in that of a contact, and in that of a
    contact by campaign different links (v2) or activities (v3, which the provenance of the summaries tells): each is
    compared with the same count of rows. `spam_count` has no rows.
    """
    listed_for = cast(pd.Timedelta, duration("retention", retention))
    named = checked_labels(labels)
    grain, told = read(summaries)
    whole = opened(activities, _NEEDED)
    newest = moment("as_of", as_of) if as_of is not None else whole.newest()
    later = as_of is not None and newest < whole.newest()
    whole = (whole if as_of is None else whole.until(newest)).of_recipients()
    events = whole if grain.of_campaigns else whole.of_contacts(told["contact_id"].unique().tolist())
    table = _beside(events, grain, told)
    edges = _edges(events, grain, told, _sent(whole, told, named), newest, listed_for)
    if later:
        edges = edges.assign(cut="those after as_of are left out")
    table = _explained(table.merge(edges, on=list(grain.keys), how="left"), whole, grain)
    return tell(
        labelled(table, named, events),
        "reconcile",
        title="Activities and summaries",
        row=f"One row is one metric of one {grain.what}.",
        definition=f"Rows of the activities beside what the service says. {grain.sentence}",
        columns={**_OF_IDS, **_COLUMNS},
        source=events.source,
        notes=["spam_count of a summary has no rows to compare it with."],
        by=grain.keys,
        as_of=newest,
        retention=str(listed_for),
        statuses={str(name): int(n) for name, n in table["status"].value_counts().sort_index().items()},
    )


def _beside(events: Events, grain: Grain, told: pd.DataFrame) -> pd.DataFrame:
    """Put counts of rows and summaries side by side; what one lacks is 0 rows, or NA."""
    keys = list(grain.keys)
    metrics = [name for name in METRICS if name in told.columns]
    unique = tally(events.patterns(keys), keys, {name: METRICS[name][1] for name in metrics})
    if len(keys) > 1 and "clicks" in metrics:  # a recipient is there once; what can be several are the links
        links = events.links_clicked(keys).groupby(keys)[N].sum().rename("clicks").reset_index()
        unique = unique.drop(columns="clicks").merge(links, on=keys, how="left").fillna({"clicks": 0})
    parts = {"summary": told.melt(keys, metrics, "metric", "summary")}
    parts["rows_unique"] = unique.melt(keys, metrics, "metric", "rows_unique")
    parts["rows_total"] = _by_metric(events.totals(keys), keys, metrics).rename(columns={N: "rows_total"})
    same = [name for name in IDENTITY if name in events.columns]
    different = events.distinct([*keys, "activity_type"], same) if len(grain.unique) < len(METRICS) else None
    if different is not None:  # only where rows are compared do repeats count
        parts["_different"] = _by_metric(different, keys, metrics).rename(columns={N: "_different"})
    table = parts.pop("summary").astype({"metric": "string", "summary": "Int64"})
    for name, part in parts.items():
        table = table.merge(part.astype({"metric": "string", name: "Int64"}), on=[*keys, "metric"], how="outer")
        table[name] = table[name].fillna(0)
    table["repeats"] = table["rows_total"] - table.pop("_different") if different is not None else 0
    order = table["metric"].map({name: place for place, name in enumerate(METRICS)})
    return table.assign(_order=order).sort_values([*keys, "_order"], ignore_index=True).drop(columns="_order")


def _by_metric(counts: pd.DataFrame, keys: list[str], metrics: list[str]) -> pd.DataFrame:
    """Call the types of rows what the summaries call them."""
    called = {METRICS[name][0]: name for name in metrics}
    metric = counts["activity_type"].astype(object).map(called)
    return counts.assign(metric=metric).dropna(subset=["metric"])[[*keys, "metric", N]]


def _sent(events: Events, told: pd.DataFrame, labels: pd.DataFrame | None) -> "pd.Series[Any]":
    """Give when each campaign was sent: by summaries or labels, else its first send, else its first event."""
    known = [table for table in (told, labels) if table is not None and {"campaign_id", _SENT} <= {*table.columns}]
    dates = [table.dropna(subset=["campaign_id", _SENT]).set_index("campaign_id")[_SENT] for table in known]
    every = pd.concat([*(one.dt.tz_convert("UTC").dt.as_unit("us") for one in dates), events.first_sends()])
    return pd.Series(every[~every.index.duplicated()])


def _edges(
    events: Events,
    grain: Grain,
    told: pd.DataFrame,
    sent: "pd.Series[Any]",
    newest: pd.Timestamp,
    listed_for: pd.Timedelta,
) -> pd.DataFrame:
    """Tell of each campaign or contact why rows may be missing, `old` and `cut`; its `orphans`; whether it has rows."""
    keys = list(grain.keys)
    found = tally(events.patterns(keys), keys, {"orphans": ~HAS["send"]})
    found["listed"] = pd.array([True] * len(found), dtype="boolean")
    table = told[keys].merge(found, on=keys, how="outer")
    if "campaign_id" in keys:
        known: Any = sent.reindex(table["campaign_id"]).array
    else:  # what a contact did long ago may be in any campaign
        known = events.first_sends().min()
    date = pd.Series(known, index=table.index, dtype="datetime64[us, UTC]")
    age = newest - date
    old = (age >= listed_for - _ABOUT).to_numpy(dtype=np.bool_)
    said = "they are up to {} days older than the newest, and rows are listed for about {} days"
    table["old"] = [
        said.format(one.days, listed_for.days) if is_old else "" for one, is_old in zip(age, old, strict=True)
    ]
    begin = events.source.get("created_since")
    before = begin is not None and ~(date >= moment("created_since", begin)).to_numpy(dtype=np.bool_)
    table["cut"] = np.where(before, f"those before {begin} were not asked for", "")
    return table


def _explained(table: pd.DataFrame, whole: Events, grain: Grain) -> pd.DataFrame:
    """Add what differs, and why."""
    by_unique = table["metric"].isin(grain.unique)
    rows = table["rows_unique"].where(by_unique, table["rows_total"])
    table["diff"] = rows - table["summary"]
    table["compared"] = pd.array(np.where(by_unique, "rows_unique", "rows_total"), dtype="string")
    kinds = set(whole.totals([])["activity_type"].dropna())
    proxies = _with_proxies(table, whole) if grain.of_campaigns else set()
    none = pd.Series(False, index=table.index)
    known = {
        "metric": table["metric"],
        "kind": table["metric"].map({name: kind for name, (kind, _) in METRICS.items()}),
        "rows": rows,
        "summary": table["summary"].astype(object).where(table["summary"].notna(), None),
        "listed": table["listed"].fillna(False).astype("bool"),
        "proxies": table["campaign_id"].isin(proxies) if proxies else none,
        "orphans": table["orphans"].fillna(0).astype("int64"),
        "repeats": table["repeats"],
        "old": table["old"],
        "cut": table["cut"],
    }
    known["kind_listed"] = known["kind"].isin(kinds)
    verdicts = [
        Difference(grain.what, **dict(zip(known, one, strict=True))).judged()
        for one in zip(*known.values(), strict=True)
    ]
    for place, name in enumerate(("status", "explanation")):
        table[name] = pd.array([verdict[place] for verdict in verdicts], dtype="string")
    return table[[*grain.keys, *_COLUMNS]]


def _with_proxies(table: pd.DataFrame, events: Events) -> set[str]:
    """Give campaigns with more openers than the summary has, where clicks agree and being late does not explain it.

    A summary that was counted earlier lacks the openers that came last, and all else that came with them. So it is
    taken for late only where nobody clicked, forwarded, bounced or unsubscribed as late as those openers.
    """
    wide = table.pivot(index="campaign_id", columns="metric", values="diff")
    if not {"opens", "clicks"} <= {*wide.columns}:
        return set()
    others = wide.drop(columns="opens")
    agree = (wide["clicks"] == 0).fillna(False) & ~(others > 0).fillna(False).any(axis=1)
    more = wide.loc[agree & (wide["opens"] > 0).fillna(False), "opens"]
    if not len(more):
        return set()
    firsts = events.of_campaigns(more.index).first_events(why="reconcile", instead="leave out summaries of opens")
    is_open = (firsts["activity_type"] == "EMAIL_OPEN").to_numpy(dtype=np.bool_)
    rest = firsts[~is_open].groupby("campaign_id")["first"].max()
    found = set()
    for campaign, opens in firsts[is_open].groupby("campaign_id")["first"]:
        missing = opens.sort_values().tail(int(more[campaign])).min()  # the first of those that a late summary lacks
        if campaign in rest.index and missing <= rest[campaign]:
            found.add(str(campaign))
    return found
