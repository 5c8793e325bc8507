"""A walk that is held, brought up to date: what was read anew is put to what stands."""

from collections import Counter
from dataclasses import dataclass, replace

from cctrack.api.overlap import Record, Trail, key
from cctrack.api.sheets import Newer, Sheets
from cctrack.api.store import Entry
from cctrack.moments import DAY

# The service lists what was sent in the last 180 days or so: events of that time are younger, but seldom by much.
_RETENTION = 185 * DAY
_LAPSED = 150 * DAY


@dataclass(frozen=True)
class Settled:
    """A walk of the server that holds together, or the last of those that did not."""

    trail: Trail
    drop: list[int]
    overlap: str
    complete: bool = True


def merged(
    older: Entry, held: Newer, pages: list[str], rows: list[Record], settled: Settled, now: float
) -> Entry | None:
    """Put the newest rows in the place of those held; None when one that is held is listed no more."""
    trail, newest = settled.trail, older.newest or 0
    if held.rows - Counter(map(key, rows)):
        # The newest row held is listed no more. When it is old, the service has merely ceased to list it.
        if trail.rows or now * 1e6 - newest < _LAPSED:
            return None
        return replace(older, fetched_at=trail.began)
    # Rows of one date run either way.
    runs = trail.order == older.order or trail.newest == trail.oldest or len(rows) < 2
    return replace(
        older,
        number=trail.number,
        pages=pages + held.older if older.order == "falling" else held.older + pages,
        rows=older.rows - held.removed + len(rows),
        fetched_at=trail.began,
        newest=max(newest, trail.newest or newest),
        order=older.order if runs else "mixed",
        overlap=older.overlap if held.older and settled.overlap != "undecided" else settled.overlap,
    )


def with_lapsed(entry: Entry, older: Entry, sheets: Sheets, now: float) -> Entry:
    """Keep what is held and so old that the service has ceased to list it, if it does cease to list what is old."""
    now *= 1e6
    if entry.oldest is not None and entry.oldest < now - _RETENTION:
        return entry  # it lists older rows: what is gone was removed
    bound = int(now - _LAPSED if entry.oldest is None else min(now - _LAPSED, entry.oldest))
    # Rows of one date run either way.
    level = entry.newest == entry.oldest and (entry.order != "mixed" or not entry.rows)
    order = older.order if level else entry.order
    runs = older.order == entry.order or level or older.newest == older.oldest
    if not runs or "mixed" in (order, older.order) or older.oldest is None or older.oldest >= bound:
        return entry
    lapsed = sheets.before(older, bound)
    if lapsed is None or not lapsed[1]:
        return entry
    pages, rows = lapsed
    return replace(
        entry,
        pages=entry.pages + pages if order == "falling" else pages + entry.pages,
        rows=entry.rows + rows,
        whole_at=older.whole_at,
        newest=entry.newest if entry.newest is not None else bound,
        oldest=older.oldest,
        order=order,
    )
