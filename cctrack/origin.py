"""Where a frame comes from: the provenance that every frame carries, and tables made of several frames."""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pandas as pd

from cctrack._version import __version__
from cctrack.catalog import ACTIVITIES, DATE_OF
from cctrack.frames import Columns

KEY = "cctrack"
_FIRST = 10
_MISSING = 100


def described(
    *,
    report: str,
    api: str,
    account: str | None,
    fetched_at: float | None,
    from_cache: bool,
    calls: int,
    pages: int,
    complete: bool,
    created_since: str | None,
    route: str | None,
    ids: Sequence[str] | None,
    missing: Sequence[str],
    missing_columns: Sequence[str],
    repaired: int,
) -> dict[str, Any]:
    """Write a provenance; everything in it is JSON."""
    return {
        "report": report,
        "api": api,
        "account": account,
        "fetched_at": None if fetched_at is None else _iso(fetched_at),
        "from_cache": from_cache,
        "calls": calls,
        "pages": pages,
        "complete": complete,
        "created_since": created_since,
        "route": route,
        "ids": None if ids is None else described_ids(ids),
        "missing": list(missing[:_MISSING]),
        "missing_count": len(missing),
        "missing_columns": list(missing_columns),
        "repaired": repaired,
        "version": __version__,
    }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def described_ids(ids: Sequence[str]) -> dict[str, Any]:
    """Tell which ids were asked for, without listing thousands."""
    digest = hashlib.sha256("\n".join(ids).encode()).hexdigest()
    return {"n": len(ids), "first": list(ids[:_FIRST]), "sha256": digest}


def joined(report: str, parts: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Make one provenance of those of the frames that a table was made of.

    The oldest `fetched_at` stands for the whole; `complete` and `from_cache` are true only if all are.
    """
    known = [part for part in parts if part]
    if not known:
        return {"report": report}

    def all_same(field: str) -> Any:
        values = [part.get(field) for part in known]
        return values[0] if all(value == values[0] for value in values) else None

    asked = [part for part in known if part.get("calls") or part.get("pages")]  # of no ids, nothing is
    missing = list(dict.fromkeys(one for part in known for one in part.get("missing", [])))
    return {
        **{name: all_same(name) for name in known[0]},
        "report": report,
        "fetched_at": min((part["fetched_at"] for part in known if part.get("fetched_at")), default=None),
        "from_cache": all(part.get("from_cache", False) for part in asked or known),
        "calls": sum(part.get("calls", 0) for part in known),
        "pages": sum(part.get("pages", 0) for part in known),
        "complete": all(part.get("complete", True) for part in known),
        "missing": missing[:_MISSING],
        "missing_count": max(len(missing), *(part.get("missing_count", 0) for part in known)),
        "missing_columns": sorted({one for part in known for one in part.get("missing_columns", [])}),
        "repaired": sum(part.get("repaired", 0) for part in known),
    }


def provenance(frame: pd.DataFrame) -> pd.DataFrame:
    """Show where a frame's rows come from, one property a row.

    Parameters
    ----------
    frame
        What a report function, or `cctrack.stack`, gave.

    Returns
    -------
    pandas.DataFrame
        Columns `property` and `value`, both text.

    Raises
    ------
    ValueError
        When the frame carries no provenance: pandas drops it in some operations.
    """
    told = frame.attrs.get(KEY)
    if not isinstance(told, Mapping):
        raise ValueError("the frame carries no provenance; ask the frame that the report function gave")
    values = [_shown(value) for value in told.values()]
    return pd.DataFrame({"property": list(told), "value": values}, dtype="string")


def _shown(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name}={_shown(one)}" for name, one in value.items())
    if isinstance(value, (list, tuple)):
        return ", ".join(map(str, value)) or "none"
    return "" if value is None else str(value)


def stack(*frames: pd.DataFrame) -> pd.DataFrame:
    """Turn frames of single events into one table, one activity a row.

    Parameters
    ----------
    *frames
        What the click, open, send, forward, bounce and unsubscribe functions gave, for contacts or for campaigns;
        tables of activities may be among them.

    Returns
    -------
    pandas.DataFrame
        The columns of `cctrack.activities_df`, sorted by `activity_date`; equal dates keep their order, rows
        without a date come last. Activity types that the service never had before are united.

    Raises
    ------
    TypeError
        When something is no frame.
    ValueError
        When a frame has none of the date columns of an event.
    """
    parts = [_as_activities(frame, position) for position, frame in enumerate(frames)]
    empty = Columns(ACTIVITIES).frame()
    table = pd.concat([empty, *parts], ignore_index=True) if parts else empty
    kinds = dict.fromkeys(empty["activity_type"].cat.categories)
    for part in parts:
        kinds.update(dict.fromkeys(part["activity_type"].dropna().unique()))
    table["activity_type"] = pd.Categorical(table["activity_type"], categories=list(kinds))
    table = table.sort_values("activity_date", kind="stable", ignore_index=True)
    table.attrs = {KEY: joined("stack", (frame.attrs.get(KEY, {}) for frame in frames))}
    return table


def _as_activities(frame: object, position: int) -> pd.DataFrame:
    if not isinstance(frame, pd.DataFrame):
        raise TypeError(f"stack() takes frames; at position {position} is a {type(frame).__name__}")
    dates = [name for name in ("activity_date", *DATE_OF.values()) if name in frame.columns]
    if len(dates) != 1 or "activity_type" not in frame.columns:
        raise ValueError(
            f"the frame at position {position} is not one of single events; pass what clicks_df, opens_df, ... gave"
        )
    blank = Columns(ACTIVITIES).frame().reindex(range(len(frame)))
    held = frame.rename(columns={dates[0]: "activity_date"})
    columns = {
        name: held[name].array.astype("object") if name == "activity_type" else held[name].array
        for name in blank.columns
        if name in held.columns
    }
    part = blank.assign(activity_type=blank["activity_type"].astype("object")).assign(**columns)
    part.attrs = {}
    return part
