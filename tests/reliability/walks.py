"""Walks of reports that change while they are read: what is called complete has every row, and none too many.

A row is lost when the server had it during the whole of a walk and the frame has not; it is invented when the frame has
it more often than the server ever had. Walks that were refused, or came back marked incomplete, are counted apart.
Each row has a millisecond of its own, but for five in a hundred under the offset cursor, which occur twice. Rows that
are erased while a report is walked are more than `verify="head"` can see: there the share of walks that were silently
wrong is told, on a busy account (0.15 arrivals and 0.05 erasures a request) and on a slow one (0.02 and 0.005), from a
third of the walks; `verify="strict"` is for these. Increments are refreshes of reports that are held, over weeks.
"""

import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pandas as pd
from clock import Clock
from reliability.apart import spread
from reliability.figures import Figure, at_least, at_most, exactly, told
from service import Row, Service, click
from sessions import link_ids, quiet, session_on, walks_file

import cctrack
from cctrack.api.session import Session

_HOUR, _DAY = 3_600_000, 86_400_000  # milliseconds
_ROUNDS = 8  # walks of one report
_KEPT = 40  # reports after which the cache is emptied
_TWICE = 0.05  # of the rows, under an offset cursor: a double click in one millisecond is legal


@dataclass(frozen=True)
class Rates:
    """How often something happens before a request is answered."""

    arrivals: float
    erasures: float = 0.0
    late: float = 0.0


@dataclass(frozen=True)
class Cell:
    """One setting of the simulation."""

    scheme: str
    verify: str
    rates: Rates
    count: int
    seed: int
    folder: Path
    increments: bool = False


@dataclass
class Tally:
    """What came of it."""

    walks: int = 0
    held: int = 0
    refused: int = 0
    lost: int = 0
    invented: int = 0
    wrong: int = 0
    mixed: int = 0
    requests: int = 0
    partly: int = 0


@dataclass
class Live:
    """A report on the server to which things happen; knows each state it was in since it was last asked."""

    rng: Random
    now: int
    apart: tuple[int, int]
    count: int
    twice: float
    rows: list[Row] = field(default_factory=list)
    states: list[list[str]] = field(default_factory=list)
    _number: int = 0
    _moments: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        when = self.now
        for _ in range(self.count):
            when -= self.rng.randint(*self.apart)
            self.rows.append(self._row(when))
            if self.rng.random() < self.twice:
                self.rows.append(dict(self.rows[-1]))

    def _row(self, when: int) -> Row:
        self._moments.add(when)
        self._number += 1
        date = f"{pd.Timestamp(when, unit='ms'):%Y-%m-%dT%H:%M:%S}.{when % 1000:03d}Z"
        return click(date=date, link_id=f"{self._number}", link_uri=f"{when}")

    def ids(self, since: int = 0) -> list[str]:
        """Tell the rows as they stand, from a date on."""
        return [row["link_id"] for row in self.rows if self.when(row) >= since]

    @staticmethod
    def when(row: Row) -> int:
        """Tell a row's date."""
        return int(row["link_uri"])

    @property
    def newest(self) -> int:
        """Tell the newest date."""
        return self.when(self.rows[0]) if self.rows else self.now

    def begin(self, since: int = 0) -> None:
        """Forget the states that were."""
        self.states = [self.ids(since)]

    def happen(self, rates: Rates, since: int = 0) -> None:
        """Let happen what may."""
        if self.rng.random() < rates.arrivals:
            self.arrive(self.newest + self.rng.randint(1, self.apart[0]))
        if self.rng.random() < rates.erasures and len(self.rows) > 1:
            del self.rows[self.rng.randrange(len(self.rows))]
        if self.rng.random() < rates.late and len(self.rows) > 1:
            self.come_late(self.when(self.rows[-1]))
        if (now := self.ids(since)) != self.states[-1]:
            self.states.append(now)

    def arrive(self, when: int) -> None:
        """Let a row arrive that is newer than all."""
        self.rows.insert(0, self._row(when))

    def come_late(self, after: int) -> None:
        """Let a row arrive that is not the newest; each has a millisecond of its own."""
        when = self.rng.randint(min(after, self.newest), self.newest)
        if when in self._moments:
            return
        at = next((place for place, row in enumerate(self.rows) if self.when(row) < when), len(self.rows))
        self.rows.insert(at, self._row(when))

    def judged(self, found: list[str]) -> tuple[int, int]:
        """Count the rows lost and invented."""
        counts = [Counter(state) for state in self.states]
        keys = {key for one in counts for key in one}
        always = Counter({key: min(one[key] for one in counts) for key in keys})
        ever = Counter({key: max(one[key] for one in counts) for key in keys})
        seen = Counter(found)
        return (always - seen).total(), (seen - ever).total()


def _evict(folder: Path, session: Session, contact: int, rng: Random) -> bool:
    """Take some pages of the report out of the cache file; tell whether there were any."""
    entry = session.store.find(f"/contacts/{contact}/tracking/clicks", "")
    if entry is None:
        return False
    gone = rng.sample(entry.pages, rng.randint(1, len(entry.pages)))
    with closing(sqlite3.connect(walks_file(folder))) as db:
        db.executemany("DELETE FROM pages WHERE key = ?", [(key,) for key in gone])
        db.commit()
    return True


def _busy(cell: Cell, service: Service, session: Session, clock: Clock, tally: Tally) -> None:
    """Reports that change during each walk; between walks they expire, lose pages, or are asked for again."""
    rng = Random(f"{cell.seed} {cell.scheme} {cell.verify} {cell.rates}")
    twice = _TWICE if cell.scheme == "offset" else 0.0
    for contact in range(cell.count // _ROUNDS + 1):
        if contact % _KEPT == 0:
            cctrack.cache.clear(session=session)
        live = Live(rng, int(clock.time() * 1000), (30_000, 180_000), rng.randint(6, 28), twice)
        service.rows(f"/v2/contacts/{contact}/tracking/clicks", live.rows, scheme=cell.scheme)  # type: ignore[arg-type]
        service.before = lambda request, live=live: live.happen(cell.rates)  # type: ignore[misc]
        held: list[str] = []
        evicted = False
        for _ in range(min(_ROUNDS, cell.count - tally.walks)):
            if rng.random() < 0.35:
                clock.advance(3601)
            evicted = (rng.random() < 0.35 and _evict(cell.folder, session, contact, rng)) or evicted
            live.begin()
            found, told_of = _asked(session, contact, tally, limit=rng.randint(3, 6), refresh=rng.random() < 0.35)
            if found is None:
                continue  # it was not kept: what was held before still is
            if told_of["from_cache"]:
                tally.held += 1
                tally.mixed += evicted or found != held
            else:
                _note(tally, *live.judged(found))
                held, evicted = found, False


def _asked(session: Session, contact: int, tally: Tally, **how: Any) -> tuple[list[str] | None, dict[str, Any]]:
    """Ask for the report; None when it was refused or is marked incomplete."""
    tally.walks += 1
    with quiet():
        try:
            frame = cctrack.clicks_df(str(contact), session=session, **how)
        except cctrack.ResponseError:
            tally.refused += 1
            return None, {}
    about = frame.attrs["cctrack"]
    tally.requests += about["calls"]
    if not about["complete"]:
        tally.refused += 1
        return None, about
    return link_ids(frame), about


def _note(tally: Tally, lost: int, invented: int) -> None:
    tally.lost += lost
    tally.invented += invented
    tally.wrong += bool(lost or invented)


def _between(live: Live, held_newest: int, now: int) -> Iterator[None]:
    """Let rows arrive, come late and be erased between two walks, none of them older than the look-back."""
    live.now = now
    for _ in range(live.rng.choice([0, 0, 1, 2, 5])):
        if (newest := live.newest) < now:
            live.arrive(live.rng.randint(newest + 1, now))
    bound = held_newest - _DAY
    for _ in range(live.rng.choice([0, 0, 0, 1, 2])):
        live.come_late(bound)
    if live.rng.random() < 0.2:
        recent = [place for place, row in enumerate(live.rows) if live.when(row) >= bound]
        if recent and len(live.rows) > 1:
            del live.rows[live.rng.choice(recent)]
    yield


def _growing(cell: Cell, service: Service, session: Session, clock: Clock, tally: Tally) -> None:
    """Reports over weeks that are brought up to date: each time the rows are the server's."""
    rng = Random(f"{cell.seed} {cell.scheme} increments")
    twice = _TWICE if cell.scheme == "offset" else 0.0
    for contact in range(cell.count // _ROUNDS + 1):
        if contact % _KEPT == 0:
            cctrack.cache.clear(session=session)
        live = Live(rng, int(clock.time() * 1000), (_HOUR // 2, 5 * _HOUR), rng.randint(20, 50), twice)
        since = live.when(rng.choice(live.rows)) if rng.random() < 0.3 else 0
        options = {"created_since": pd.Timestamp(since, unit="ms", tz="UTC")} if since else {}
        service.rows(
            f"/v2/contacts/{contact}/tracking/clicks",
            live.rows,
            scheme=cell.scheme,  # type: ignore[arg-type]
            keeps_filters=rng.random() < 0.7,
        )
        service.before = lambda request, live=live, since=since: live.happen(cell.rates, since)  # type: ignore[misc]
        for _ in range(min(_ROUNDS, cell.count - tally.walks)):
            newest = live.newest
            clock.advance(rng.choice([0.1, 1.0, 6.0, 30.0, 100.0]) * 3600)
            for _ in _between(live, newest, int(clock.time() * 1000)):
                live.begin(since)
            found, about = _asked(session, contact, tally, limit=rng.randint(4, 9), refresh=True, **options)
            if found is None:
                continue
            lost, invented = live.judged(found)
            if not lost + invented and found not in live.states:  # the order counts too
                lost = invented = 1
            _note(tally, lost, invented)
            tally.partly += about["calls"] < about["pages"]


def simulated(cell: Cell) -> Tally:
    """Run one setting."""
    tally, clock = Tally(), Clock()
    cell.folder.mkdir(parents=True, exist_ok=True)
    with Service() as service, session_on(service, cell.folder, clock, verify=cell.verify) as session:
        (_growing if cell.increments else _busy)(cell, service, session, clock, tally)
    return tally


_ARRIVALS = Rates(0.10)
_ALL = Rates(0.05, 0.02, 0.02)
_ERASED = {"busy": (Rates(0.15, 0.05), 8.0), "slow": (Rates(0.02, 0.005, 0.005), 3.0)}


def run(folder: Path, *, quick: bool, seed: int) -> list[Figure]:
    """Run every setting under both cursors."""
    count = 60 if quick else 3000
    cells: dict[tuple[str, str], Cell] = {}
    for scheme in ("offset", "timestamp"):

        def cell(name: str, verify: str, rates: Rates, scheme: str = scheme, **more: Any) -> None:
            options = {"count": count, "seed": seed, "folder": folder / f"{scheme}-{name}"} | more
            cells[scheme, name] = Cell(scheme, verify, rates, **options)

        cell("strict", "strict", _ALL)
        cell("head", "head", _ARRIVALS)
        for account, (rates, _) in _ERASED.items():
            cell(f"head, {account}", "head", rates, count=count // 3)
        cell("increments", "head", Rates(0.03), increments=True)
    tallies = dict(zip(cells, spread(simulated, list(cells.values()), here=quick), strict=True))
    figures: list[Figure] = []
    for (scheme, name), tally in tallies.items():
        figures += _figures(f"{name}, {scheme} cursor", name, tally, sure=quick)
    return figures


def _figures(title: str, name: str, tally: Tally, *, sure: bool) -> list[Figure]:
    fresh = tally.walks - tally.held - tally.refused
    found = [told("walks", f"{title}: walks (refused or marked, from cache)",
                  f"{tally.walks:,} ({tally.refused:,}, {tally.held:,})")]  # fmt: skip
    _, _, account = name.partition(", ")
    if account:
        share = 100 * tally.wrong / max(1, tally.walks - tally.held)
        bound = 100.0 if sure else _ERASED[account][1]  # of few walks a share says little
        found.append(at_most("walks", f"{title}: silently wrong", share, bound, " %"))
    else:
        found.append(exactly("walks", f"{title}: rows lost", tally.lost, of=fresh))
        found.append(exactly("walks", f"{title}: rows invented", tally.invented, of=fresh))
    found.append(exactly("walks", f"{title}: pages of two walks mixed", tally.mixed, of=tally.held))
    if name == "increments":
        found[-1] = at_least("walks", f"{title}: of them asked for in part", tally.partly, fresh // 3)
        found.append(told("walks", f"{title}: requests a walk", tally.requests / max(1, fresh)))
    return found
