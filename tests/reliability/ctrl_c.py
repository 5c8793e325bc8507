"""Ctrl-C at a random moment of a report call: back within a second, and the next call works and is right.

The moments are spread over the whole of a call, its writes included; one contact and several in turns. A row arrives
after each interrupt, so that pages of two moments in one frame would show. As in a notebook, the exception of the last
interrupt is kept while the next call runs, and with it all that its frames hold.
"""

import json
import os
import signal
import sys
import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from threading import Timer
from typing import Any

from reliability.apart import ended, started
from reliability.figures import Figure, at_most, exactly
from service import Service
from sessions import clicks, ids_of, link_ids, quiet, session_on

import cctrack
from cctrack.api.clock import SystemClock

_CONTACTS = ("36", "37", "38")
_LIMIT = 6
_LATEST = 10.0  # seconds after which an interrupt has got lost


def _interrupted(trials: int, delay: float, seed: int) -> dict[str, Any]:
    """Interrupt this process's own main thread, again and again."""
    rng = Random(f"{seed} {delay}")
    slowest = longest = 0.0
    wrong = failed = lost = 0
    told: list[str] = []
    kept: BaseException | None = None
    with TemporaryDirectory() as folder, Service() as service:
        rows = {one: clicks(18, 100 * place) for place, one in enumerate(_CONTACTS)}
        for one in _CONTACTS:
            service.rows(f"/v2/contacts/{one}/tracking/clicks", rows[one])
        session = session_on(service, Path(folder), SystemClock())  # type: ignore[arg-type]
        service.before = lambda request: time.sleep(delay) if delay else None  # type: ignore[func-returns-value]
        spans = []
        for many in (False, True):
            began = time.monotonic()
            _ask(session, many)
            spans.append(time.monotonic() - began)
        for trial in range(trials):
            many = trial % 2 == 1
            pressed: list[float] = []

            def press(pressed: list[float] = pressed) -> None:
                pressed.append(time.monotonic())
                os.kill(os.getpid(), signal.SIGINT)

            timer = Timer(rng.uniform(0, 1.2 * spans[many]), press)
            back: float | None = None
            try:
                timer.start()
                while not pressed or time.monotonic() < pressed[0] + _LATEST:
                    _ask(session, many)
            except KeyboardInterrupt as error:
                back, kept = time.monotonic(), error
            except Exception as error:
                told.append(f"{type(error).__name__}: {error}")
                failed += 1
            timer.join()
            lost += back is None
            slowest = max(slowest, (back or time.monotonic()) - pressed[0])
            for one in _CONTACTS:
                rows[one].insert(0, clicks(1, first=-trial - 1)[0])
                rows[one].pop()
            try:
                with quiet() as said:
                    began = time.monotonic()
                    frame = _ask(session, many)
                    longest = max(longest, time.monotonic() - began - spans[many])
                    warm = _ask(session, many, refresh=False)
            except Exception as error:
                told.append(f"{type(error).__name__}: {error}")
                failed += 1
                continue
            told += said
            truth = [one for ident in (_CONTACTS if many else _CONTACTS[:1]) for one in ids_of(rows[ident])]
            wrong += link_ids(frame) != truth or link_ids(warm) != truth or warm.attrs["cctrack"]["calls"] > 0
        assert trials == 0 or kept is not None
        session.close()
    return {
        "slowest": slowest, "longest": longest, "wrong": wrong, "failed": failed, "lost": lost, "told": told[:5],
        "warned": len(told),
    }  # fmt: skip


def _ask(session: Any, many: bool, refresh: bool = True) -> Any:
    contacts = list(_CONTACTS) if many else _CONTACTS[0]
    return cctrack.clicks_df(contacts, limit=_LIMIT, refresh=refresh, session=session)


def run(folder: Path, *, quick: bool, seed: int) -> list[Figure]:
    """Interrupt with a server that answers at once, and with one that takes 80 ms."""
    figures: list[Figure] = []
    trials = 6 if quick else 200
    runs = [(delay, started("ctrl_c", trials, delay, seed)) for delay in (0.0, 0.08)]
    for delay, child in runs:
        found = ended(child, 900)
        title = f"{trials} interrupts, server takes {1000 * delay:g} ms"
        if found["told"]:
            print(*found["told"], sep="\n", file=sys.stderr)
        figures += [
            exactly("ctrl_c", f"{title}: that got lost", found["lost"]),
            at_most("ctrl_c", f"{title}: slowest way back", found["slowest"], 1.0, " s"),
            exactly("ctrl_c", f"{title}: next calls that failed", found["failed"]),
            exactly("ctrl_c", f"{title}: next frames that were wrong", found["wrong"]),
            exactly("ctrl_c", f"{title}: warnings of the next calls", found["warned"]),
            at_most("ctrl_c", f"{title}: next call longer than usual by", max(0.0, found["longest"]), 2.0, " s"),
        ]
    return figures


if __name__ == "__main__":
    print(json.dumps(_interrupted(int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))))
