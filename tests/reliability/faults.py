"""The soak: three answers in ten are faulty, callers ask again up to 20 times, and every walk comes out right.

Callers ask again after an error, and after a warning that rows may be repeated. A page that names itself as the next
one is a fault that can look like rows that occur twice: where the library cannot tell, it says so.
Waits are those of a clock that does not wait. Each report is asked for once, refreshed after a row has arrived, and
read back from the cache: a fault that was kept would show there.
"""

import base64
import json
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from clock import Clock
from reliability.apart import spread
from reliability.figures import Figure, at_least, at_most, exactly, told
from service import Answer, Request, Row, Service
from sessions import clicks, ids_of, link_ids, quiet, session_on

import cctrack

_SHARE = 0.30
_ASKED = 20
_STUCK = 20.0  # seconds of one call, waits not counted
_HTML = b"<html><body><h1>Service temporarily unavailable</h1></body></html>"

Fault = Callable[[bytes], Answer]  # of the right answer's body


def _linked(body: bytes, link: Any) -> Answer:
    answer = json.loads(body)
    answer["meta"]["pagination"]["next_link"] = link
    return Answer.json(answer)


def _repeated(request: Request, body: bytes) -> Answer:
    """Let a page name itself as the next one."""
    first = f"startAt=1&limit={request.query.get('limit', ['500'])[0]}".encode()
    token = request.query.get("next", [base64.urlsafe_b64encode(first).decode().rstrip("=")])[0]
    return _linked(body, f"{request.path}?next={token}")


def _shaped(body: bytes, results: Any) -> Answer:
    return Answer.json({**json.loads(body), "results": results})


def _error(status: int, key: str, **headers: str) -> Fault:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda body: Answer.error(status, key, "the service's own words", named)


FAULTS: dict[str, Fault] = {
    "HTML with status 200": lambda body: Answer(body=_HTML, headers={"Content-Type": "text/html"}),
    "empty body with status 200": lambda body: Answer(),
    "204": lambda body: Answer(204),
    "truncated JSON": lambda body: Answer(body=body[: len(body) // 2]),
    "truncated, no length": lambda body: Answer.unframed(body, 0.5),
    "half a gzip stream": Answer.half_gzip,
    "garbage for gzip": lambda body: Answer.bad_gzip(),
    "reset": lambda body: Answer.reset(body, 0.5),
    "cut": Answer.cut,
    "closed without a word": lambda body: Answer.silent(),
    "broken chunk": Answer.broken_chunk,
    "no last chunk": lambda body: Answer.broken_chunk(body, "end"),
    "not HTTP": lambda body: Answer.bad_status_line(),
    "500": _error(500, "http.status.internal_server_error"),
    "503 HTML": lambda body: Answer(503, _HTML, {"Content-Type": "text/html"}),
    "429 with Retry-After": _error(429, "throttled", Retry_After="7"),
    "429 without": _error(429, "throttled"),
    "403 over.qps": _error(403, "mashery.not.authorized.over.qps"),
    "redirect": lambda body: Answer.redirect("/maintenance"),
    "wrong shape": lambda body: _shaped(body, {"rows": []}),
    "results null": lambda body: _shaped(body, None),
    "a row that is no object": lambda body: _shaped(body, ["x"]),
    "a list for the page": lambda body: Answer.json(json.loads(body)["results"]),
    "no meta on a full page": lambda body: Answer.json({"results": json.loads(body)["results"] * 5}),
    "latin-1": lambda body: Answer(body=body.replace(b"example.org", "exämple.org".encode("latin-1"))),
    "NaN": lambda body: Answer(body=body.replace(b'"results": [', b'"results": [NaN, ')),
    "more behind the value": lambda body: Answer(body=body + body),
    "repeated next link": lambda body: _linked(body, "see _repeated"),
    "foreign next link": lambda body: _linked(body, "https://evil.example/v2/contacts/1/tracking/clicks?next=x"),
    "next link that is a number": lambda body: _linked(body, 36),
    "drip": lambda body: Answer.drip(body, 0.001, max(1, len(body) // 10)),  # slow, and right
}
_PATH = "/v2/contacts/{}/tracking/clicks"


@dataclass
class Soaked:
    """What came of a soak."""

    walks: int = 0
    right: int = 0
    wrong: int = 0
    stuck: int = 0
    kept: int = 0
    foreign: int = 0
    answers: int = 0
    faulty: int = 0
    raised: int = 0
    marked: int = 0
    slowest: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Soaked") -> None:
        """Put another one's figures to these."""
        for name, value in vars(other).items():
            if name == "slowest":
                self.slowest = max(self.slowest, value)
            else:
                setattr(self, name, getattr(self, name) + value)


def soaked(task: tuple[Path, int, int]) -> Soaked:
    """Make so many walks."""
    folder, walks, seed = task
    rng, found, clock = Random(f"soak {seed}"), Soaked(), Clock()
    names = list(FAULTS)
    faulty = True

    def before(request: Request) -> Answer | None:
        found.answers += 1
        if not faulty or rng.random() >= _SHARE:
            return None
        name = rng.choice(names)
        right = service.answer(request)
        found.faulty += 1
        found.kinds[name] += 1
        return _repeated(request, right.body) if name == "repeated next link" else FAULTS[name](right.body)

    with Service() as service, session_on(service, folder, clock) as session:
        service.before = before
        for contact in range(walks // 2 + walks % 2):
            if contact % 100 == 99:
                cctrack.cache.clear(session=session)
            rows = clicks(rng.choice([0, 3, 9, 14]), first=10 * contact)
            rows += [dict(row) for row in rows[-2:]]
            service.rows(_PATH.format(contact), rows)
            for refresh in (False, True)[: walks - found.walks]:
                _walked(str(contact), rows, session, found, refresh=refresh)
                faulty = False  # whatever is held now is read back
                with quiet():
                    again = cctrack.clicks_df(str(contact), session=session)
                found.kept += link_ids(again) != ids_of(rows)
                faulty = True
                rows.insert(0, clicks(1, first=10 * contact - 1)[0])
            service.requests.clear()
    return found


def _walked(contact: str, rows: list[Row], session: Any, found: Soaked, *, refresh: bool) -> None:
    """Ask until it is had."""
    found.walks += 1
    for _ in range(_ASKED):
        began = time.monotonic()
        try:
            with quiet():
                frame = cctrack.clicks_df(contact, limit=4, refresh=refresh, session=session)
        except cctrack.CctrackError as error:
            found.raised += 1
            found.errors[type(error).__name__] += 1
            continue
        except Exception as error:
            found.foreign += 1
            found.errors[type(error).__name__] += 1
            continue
        finally:
            found.slowest = max(found.slowest, time.monotonic() - began)
        about = frame.attrs["cctrack"]
        if not about["complete"] or about.get("overlap") == "undecided":
            found.marked += 1
            refresh = True
            continue
        right = link_ids(frame) == ids_of(rows)
        found.right += right
        found.wrong += not right
        return
    found.stuck += 1


def run(folder: Path, *, quick: bool, seed: int) -> list[Figure]:
    """Soak it, in two processes."""
    walks = 60 if quick else 5000
    parts = 1 if quick else 4
    tasks = [(folder / str(part), walks // parts, seed * 100 + part) for part in range(parts)]
    for task in tasks:
        task[0].mkdir()
    found = Soaked()
    for one in spread(soaked, tasks, here=quick):
        found.add(one)
    kinds = len(found.kinds)
    return [
        at_least("faults", "kinds of faults that were met", kinds, 14 if quick else len(FAULTS)),
        told("faults", "answers that were faulty", f"{found.faulty:,} of {found.answers:,}"),
        exactly("faults", "walks that came out right", found.right, walks, of=walks),
        exactly("faults", "walks that were silently wrong", found.wrong, of=walks),
        exactly("faults", f"walks not had after {_ASKED} times of asking", found.stuck, of=walks),
        exactly("faults", "faults that were kept in the cache", found.kept, of=walks),
        exactly("faults", "errors that were not the library's own", found.foreign, of=found.foreign + found.raised),
        told("faults", "errors that callers saw, and warnings", f"{found.raised:,} and {found.marked:,}"),
        at_most("faults", "longest call, waits not counted", found.slowest, _STUCK, " s"),
    ]
