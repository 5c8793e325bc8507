"""Two processes with one key and one cache folder: the rate and the day's count hold for both together.

Each fans out over contacts as fast as it may. The stamps are those of the arrivals at the server.
"""

import json
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from random import Random

from reliability.apart import ended, started
from reliability.figures import Figure, at_least, exactly, told
from service import Service
from sessions import clicks, files, ids_of, link_ids, quiet
from test_quota import _worst

import cctrack

_CONTACTS = 12
_LIMIT = 4


def _asking(seconds: float, rate: float, seed: int) -> None:
    """Be one of the two."""
    session = cctrack.connect(rate=rate, daily_quota=1_000_000)
    rng = Random(seed)
    calls = wrong = locks = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        ids = [str(one) for one in rng.sample(range(_CONTACTS), 4)]
        with quiet() as told_of:
            try:
                frame = cctrack.clicks_df(ids, limit=_LIMIT, refresh=True, session=session)
            except (sqlite3.Error, cctrack.CctrackError):
                locks += 1
                continue
        calls += frame.attrs["cctrack"]["calls"]
        wrong += link_ids(frame) != [one for ident in ids for one in ids_of(clicks(6, 10 * int(ident)))]
        locks += len(told_of)
    print(json.dumps([calls, wrong, locks]))


def _together(folder: Path, seconds: float, rate: float, seed: int, second: float) -> list[Figure]:
    with Service() as service:
        for one in range(_CONTACTS):
            service.rows(f"/v2/contacts/{one}/tracking/clicks", clicks(6, 10 * one))
        settings = {
            "CCTRACK_API_KEY": service.key,
            "CCTRACK_ACCESS_TOKEN": service.token,
            "CCTRACK_BASE_URL": service.url,
            "CCTRACK_CACHE_DIR": str(folder),
        }
        runs = [started("two_processes", seconds, rate, f"{seed}{one}", **settings) for one in range(2)]
        found = [ended(run, seconds + 60) for run in runs]
        stamps = [request.at for request in service.requests]
    (ledger,) = [path for path in files(folder / "calls") if path.suffix == ".sqlite"]
    with closing(sqlite3.connect(ledger)) as db:
        ((counted,),) = db.execute("SELECT SUM(calls) FROM days").fetchall()
    title = f"{rate:g} a second for {seconds:g} s"
    worst = _worst(stamps, second)
    return [
        Figure("two_processes", f"{title}: most in any {second:g} s", f"{worst}", f"at most {rate:g}", worst <= rate),
        at_least("two_processes", f"{title}: requests", len(stamps), int(0.6 * seconds * rate)),
        told("two_processes", f"{title}: by the one and by the other", f"{found[0][0]} and {found[1][0]}"),
        exactly("two_processes", f"{title}: the day's count is off by", counted - len(stamps)),
        exactly("two_processes", f"{title}: frames that were wrong", sum(one[1] for one in found)),
        exactly("two_processes", f"{title}: lock errors and warnings", sum(one[2] for one in found)),
    ]


def run(folder: Path, *, quick: bool, seed: int) -> list[Figure]:
    """Let two run."""
    if quick:  # the machine may make an arrival wait: a second of the server is a little less than one of ours
        return _together(folder, 4, 10.0, seed, 0.9)
    return _together(folder / "slow", 60, 4.0, seed, 1.0) + _together(folder / "fast", 15, 20.0, seed, 1.0)


if __name__ == "__main__":
    _asking(float(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
