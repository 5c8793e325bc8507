"""kill -9 in the middle of a write to the cache: the next run is right, says nothing, and serves no half of a walk.

The process ends itself, up to a millisecond after one of its writes began: of a page, of an entry, of a removal. Rows
arrive while it walks; what the next process has must be the report as it stood at one moment.
"""

import json
import os
import signal
import sqlite3
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

from reliability.apart import answered, started
from reliability.figures import Figure, at_most, exactly
from service import Service
from sessions import CLICKS, clicks, ids_of, link_ids, quiet, walks_file

import cctrack
from cctrack.api.store import Store

_LIMIT = 4
_AFTER = 0.001  # seconds; a write takes about as long
_MOST_WRITES = 40


def _in_a_fork(work: Callable[[], object]) -> tuple[str, int]:
    """Do something in a process of its own; give what it printed and how it ended."""
    out, into = os.pipe()
    child = os.fork()
    if not child:
        os.close(out)
        status = 1
        try:
            os.write(into, json.dumps(work()).encode())
            status = 0
        finally:
            os._exit(status)
    os.close(into)
    with os.fdopen(out) as pipe:
        text = pipe.read()
    return text, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _writing(seed: int) -> None:
    """Refresh until killed."""
    rng = Random(seed)
    left = rng.randint(1, _MOST_WRITES)
    do = Store._do

    def die() -> None:
        time.sleep(rng.uniform(0, _AFTER))
        os.kill(os.getpid(), signal.SIGKILL)

    def counted(store: Store, step: Any, otherwise: Any, *, write: bool = False) -> Any:
        nonlocal left
        left -= write
        if write and left == 0:
            threading.Thread(target=die).start()
        return do(store, step, otherwise, write=write)

    Store._do = counted  # type: ignore[method-assign]
    session = cctrack.connect(rate=1000, daily_quota=1_000_000)
    while True:
        with quiet():
            cctrack.clicks_df("36", limit=_LIMIT, refresh=True, session=session)


def _reading() -> dict[str, Any]:
    """Be the next run."""
    found: dict[str, Any] = {"error": None}
    began = time.monotonic()
    try:
        with quiet() as told:
            session = cctrack.connect(rate=1000, daily_quota=1_000_000)
            held = cctrack.clicks_df("36", limit=_LIMIT, session=session)
            fresh = cctrack.clicks_df("36", limit=_LIMIT, refresh=True, session=session)
            session.close()
        found |= {"held": link_ids(held), "fresh": link_ids(fresh), "told": told}
        found["warm"] = held.attrs["cctrack"]["from_cache"]
    except Exception as error:
        found["error"] = f"{type(error).__name__}: {error}"
    return {**found, "seconds": time.monotonic() - began}


def _serve() -> None:
    """Be the process that forks: it has all imported, and neither a thread nor a file."""
    cctrack.clicks_df([], session=cctrack.connect())  # loads what is loaded late; nothing is asked
    for line in sys.stdin:
        seed = json.loads(line)
        _, status = _in_a_fork(lambda seed=seed: _writing(seed))  # type: ignore[misc]
        text, read = _in_a_fork(_reading)
        print(json.dumps({"killed": status == -signal.SIGKILL, "read": read, **json.loads(text or "{}")}), flush=True)


def run(folder: Path, *, quick: bool, seed: int) -> list[Figure]:
    """Kill, and look what the next run has."""
    trials = 5 if quick else 200
    rng = Random(seed)
    killed = failed = wrong = told = damaged = warm = 0
    longest = 0.0
    rows = clicks(18)
    states: list[list[str]] = [ids_of(rows)]

    def before(request: Any) -> None:
        if rng.random() < 0.03:
            rows.insert(0, clicks(1, first=-len(states))[0])
            rows.pop()
            states.append(ids_of(rows))

    with Service() as service:
        service.rows(CLICKS, rows)
        settings = {
            "CCTRACK_API_KEY": service.key,
            "CCTRACK_ACCESS_TOKEN": service.token,
            "CCTRACK_BASE_URL": service.url,
            "CCTRACK_CACHE_DIR": str(folder),
        }
        child = started("kill", **settings)
        try:
            for trial in range(trials):
                service.before = before
                found = answered(child, seed * 1_000_003 + trial)
                killed += found["killed"]
                if found["read"] or found["error"]:
                    print(found["error"] or f"ended with status {found['read']}", file=sys.stderr)
                    failed += 1
                    continue
                wrong += found["held"] not in states or found["fresh"] not in states[-20:]
                told += len(found["told"])
                warm += found["warm"]
                longest = max(longest, found["seconds"])
                with closing(sqlite3.connect(walks_file(folder))) as db:
                    damaged += db.execute("PRAGMA integrity_check").fetchall() != [("ok",)]
        finally:
            assert child.stdin is not None
            child.stdin.close()
            child.wait(10)
            assert child.stdout is not None
            child.stdout.close()
    return [
        exactly("kill", "processes killed in a write", killed, trials, of=trials),
        exactly("kill", "next runs that failed", failed, of=trials),
        exactly("kill", "next runs with rows of no one moment", wrong, of=trials),
        exactly("kill", "next runs with a warning", told, of=trials),
        exactly("kill", "cache files that were damaged", damaged, of=trials),
        Figure("kill", "next runs that found a whole walk", f"{warm} of {trials}"),
        at_most("kill", "longest next run, two calls and the opening", longest, 2.0, " s"),
    ]


if __name__ == "__main__":
    _serve()
