"""The disk cache as its users see it: what it holds, and how to make it forget."""

from contextlib import AbstractContextManager
from datetime import timedelta

import pandas as pd

from cctrack.api.session import Session, cache_disabled
from cctrack.api.store import Entry
from cctrack.api.v3_reports import FURTHER
from cctrack.catalog import REPORTS
from cctrack.connecting import current
from cctrack.inputs import one_identifier

_COLUMNS = {
    "report": "string",
    "walks": "Int64",
    "pages": "Int64",
    "rows": "Int64",
    "oldest": "datetime64[us, UTC]",
    "newest": "datetime64[us, UTC]",
    "age": "timedelta64[us]",
}


def info(*, session: Session | None = None) -> pd.DataFrame:
    """Show what the cache of an account holds, one report a row.

    Parameters
    ----------
    session
        Whose cache; None takes the current session's.

    Returns
    -------
    pandas.DataFrame
        `report`; `walks`, the addresses held (one for each id and filter); `pages` and `rows` on them; `oldest` and
        `newest`, when they were fetched; `age`, the time since the oldest. `attrs` holds `path`, `size` in bytes
        and `expire_after` in seconds.
    """
    session = current(session)
    now = session.clock.time()
    held: dict[str, list[Entry]] = {}
    for entry in session.store.entries():
        held.setdefault(entry.report, []).append(entry)
    rows = [
        {
            "report": report,
            "walks": len(entries),
            "pages": sum(len(entry.pages) for entry in entries),
            "rows": sum(entry.rows for entry in entries),
            "oldest": _instant(min(entry.fetched_at for entry in entries)),
            "newest": _instant(max(entry.fetched_at for entry in entries)),
            "age": pd.Timedelta(now - min(entry.fetched_at for entry in entries), unit="s"),
        }
        for report, entries in sorted(held.items())
    ]
    table = pd.DataFrame(rows, columns=list(_COLUMNS)).astype(_COLUMNS)
    table.attrs = {
        "path": None if session.store.path is None else str(session.store.path),
        "size": session.store.size(),
        "expire_after": session.policy.expire_after,
    }
    return table


def _instant(seconds: float) -> pd.Timestamp:
    return pd.Timestamp(seconds, unit="s", tz="UTC").floor("s")


def clear(
    report: str | None = None, older_than: float | timedelta | None = None, *, session: Session | None = None
) -> int:
    """Remove reports from the cache of an account.

    Parameters
    ----------
    report
        Name of one report as `info` shows it, with or without `_df`; None removes all.
    older_than
        Only what was fetched longer ago than this: seconds, or a timedelta.
    session
        Whose cache; None takes the current session's.

    Returns
    -------
    int
        How many walks were removed.

    Raises
    ------
    ValueError
        When there is no such report, or the age is negative.
    """
    name = None if report is None else _report(report)
    age = older_than.total_seconds() if isinstance(older_than, timedelta) else older_than
    if age is not None and not age >= 0:
        raise ValueError(f"older_than is {older_than!r}; pass seconds, 0 or more, or a timedelta")
    session = current(session)
    now = session.clock.time()

    def wanted(entry: Entry) -> bool:
        return (name is None or entry.report == name) and (age is None or now - entry.fetched_at > age)

    return session.store.clear(wanted)


def _report(given: str) -> str:
    name = given.removesuffix("_df") if isinstance(given, str) else ""
    if name not in (*REPORTS, *FURTHER):
        raise ValueError(f"report is {given!r}; pass the name of a report function, such as 'clicks_df'")
    return name


def forget(contact_id: str | float, *, session: Session | None = None) -> int:
    """Remove a person from everything that the cache of an account holds, the database's journal included.

    The service still has the person: a report that is asked for anew may bring the rows back. Files that were written
    from a frame, and snapshots, are not touched.

    Parameters
    ----------
    contact_id
        The contact's identifier.
    session
        Whose cache; None takes the current session's.

    Returns
    -------
    int
        How many rows were removed.

    Raises
    ------
    ValueError
        When it is no id.
    CctrackError
        When the file cannot be changed, such as while another process keeps it locked: not all was removed then.
    """
    contact = one_identifier(contact_id, "contact_id")
    return current(session).forget(contact)


def disabled() -> AbstractContextManager[None]:
    """Neither read nor write the cache within a `with` block.

    Examples
    --------
    >>> with cctrack.cache.disabled():
    ...     clicks = cctrack.clicks_df("36")
    """
    return cache_disabled()
