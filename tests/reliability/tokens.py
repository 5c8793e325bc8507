"""A login whose refresh token is good for one use, in two processes that renew it at once, and killed in between.

All access tokens end at the same moment, and both processes ask. Killed means kill -9 by the authorisation server:
after the old token is spent and before the answer is sent, or up to some milliseconds after it was sent. The next
process must either go on or say what to do in one line.
"""

import base64
import hashlib
import json
import os
import signal
import stat
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from random import Random
from typing import Any

from reliability.apart import answered, started
from reliability.figures import Figure, exactly, told
from visitor import pressed, query_of

import cctrack
from cctrack.api import flows, oauth, tokens
from cctrack.api.clock import SystemClock
from cctrack.api.credentials import Secret
from cctrack.api.grants import Server
from cctrack.demo_account.account import generate
from cctrack.demo_account.server import DemoServer
from cctrack.demo_account.v3_auth import AuthFace
from cctrack.demo_account.wire import Answer, Call

_CLIENT = "client-of-nobody"
_BACK = "http://localhost:1/"
_AFTER = 0.004  # seconds; reading the answer and writing it down take about as long


class _Auth(AuthFace):
    """Can kill who asks for tokens."""

    victim: int | None = None
    wait: float | None = None

    def answer(self, call: Call) -> Answer:
        answer = super().answer(call)
        if call.path.endswith("/token") and self.victim is not None:
            if self.wait is None:
                os.kill(self.victim, signal.SIGKILL)
            else:
                timer = threading.Timer(self.wait, os.kill, (self.victim, signal.SIGKILL))
                timer.daemon = True
                timer.start()
        return answer


@contextmanager
def _serving(folder: Path, per_second: float | None) -> Iterator[tuple[DemoServer, _Auth, dict[str, str]]]:
    before = os.environ.get("XDG_CONFIG_HOME")
    os.environ["XDG_CONFIG_HOME"] = str(folder / "config")
    with DemoServer(generate(contacts=20), access_token="a token for good") as server:
        face = _Auth(per_second=per_second, ask=True)
        server.faces.remove(server.auth)
        server.mount(face)
        server.access.add(face.scopes)
        settings = {
            "CCTRACK_API": "v3",
            "CCTRACK_BASE_URL": server.url,
            "CCTRACK_CACHE_DIR": str(folder / "cache"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.fail.Keyring",
        }
        try:
            yield server, face, settings
        finally:
            if before is None:
                del os.environ["XDG_CONFIG_HOME"]
            else:
                os.environ["XDG_CONFIG_HOME"] = before


def _log_in(url: str) -> None:
    """Log in as the library does, with a visitor who presses the button."""
    verifier, server = "v" * 43, Server(url, SystemClock())
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    wanted = {"response_type": "code", "client_id": _CLIENT, "redirect_uri": _BACK, "scope": " ".join(flows.SCOPES)}
    page = server.address(wanted | {"code_challenge": challenge, "code_challenge_method": "S256"})
    form = {"code": query_of(pressed(page.reveal()))["code"], "redirect_uri": _BACK, "code_verifier": verifier}
    found = server.tokens("authorization_code", form, Secret(_CLIENT))
    assert isinstance(found, tokens.Tokens), found
    oauth.keep(Secret(_CLIENT), "both", server, url, found)


def _asking() -> None:
    """Be a process that asks for a report whenever it is told to."""
    session = cctrack.connect(rate=1000, daily_quota=1_000_000, profile="both")
    for _ in sys.stdin:
        found: dict[str, Any] = {"error": None, "rows": 0}
        try:
            found["rows"] = len(cctrack.lists_df(refresh=True, session=session))
        except Exception as error:
            found["error"] = f"{type(error).__name__}: {error}"
        print(json.dumps(found), flush=True)


def _ended(child: "subprocess.Popen[str]") -> None:
    for pipe in (child.stdin, child.stdout):
        if pipe is not None:
            pipe.close()
    child.kill()
    child.wait()


def _together(folder: Path, rounds: int, per_second: float | None) -> list[Figure]:
    wrong: list[str] = []
    with _serving(folder, per_second) as (server, face, settings):
        _log_in(server.url)
        children = [started("tokens", **settings) for _ in range(2)]
        try:
            rows = answered(children[0], 0)["rows"]
            answered(children[1], 0)
            before = face.answered["refresh_token"]
            for number in range(rounds):
                face.expire()
                for child in children:
                    assert child.stdin is not None
                    child.stdin.write(f"{number}\n")
                    child.stdin.flush()
                for child in children:
                    assert child.stdout is not None
                    found = json.loads(child.stdout.readline())
                    wrong += [str(found["error"])] * (found["error"] is not None or found["rows"] != rows)
        finally:
            for child in children:
                _ended(child)
        renewals = face.answered["refresh_token"] - before
    for one in sorted(set(wrong)):
        print(one, file=sys.stderr)
    title = f"two processes, {rounds} times" + ("" if per_second is None else f", {per_second:g} request a second")
    return [
        exactly("tokens", f"{title}: tokens refused", face.answered["invalid_grant"]),
        exactly("tokens", f"{title}: reports that failed", len(wrong), of=2 * rounds),
        exactly("tokens", f"{title}: renewals", renewals, rounds),
        told("tokens", f"{title}: requests that came too soon, and were repeated", face.answered["throttled"]),
    ]


def _end_of(error: str | None) -> str:
    if error is None:
        return "gone on"
    clear = error.startswith("AuthError: ") and "log in again with cctrack.login" in error and "\n" not in error
    return "said what to do" if clear else "other"


def _killed(folder: Path, trials: int, seed: int) -> list[Figure]:
    rng, ends, modes = Random(seed), Counter[str](), set[int]()
    odd: list[str] = []
    killed = 0
    with _serving(folder, None) as (server, face, settings):
        for trial in range(trials):
            face.victim = None
            _log_in(server.url)
            child = started("tokens", **settings)
            answered(child, trial)
            face.victim, face.wait = child.pid, (None if trial % 4 == 0 else rng.uniform(0, _AFTER))
            face.expire()
            with suppress(RuntimeError):  # it was killed before it could answer
                answered(child, trial)
            child.wait(10)
            killed += child.poll() == -signal.SIGKILL
            face.victim = None
            _ended(child)
            following = started("tokens", **settings)
            found = answered(following, trial)
            _ended(following)
            end = _end_of(found["error"])
            ends[end] += 1
            odd += [str(found["error"])] * (end == "other")
            modes |= {stat.S_IMODE(path.stat().st_mode) for path in tokens.folder().iterdir()}
    for one in sorted(set(odd)):
        print(one, file=sys.stderr)
    return [
        told("tokens", "processes killed at a renewal", f"{killed} of {trials}"),
        told("tokens", "next processes that went on", f"{ends['gone on']} of {trials}"),
        told("tokens", "next processes that said in one line what to do", f"{ends['said what to do']} of {trials}"),
        exactly("tokens", "next processes that did neither", ends["other"], of=trials),
        exactly("tokens", "files that others may read", len(modes - {0o600})),
    ]


def run(folder: Path, *, quick: bool, seed: int) -> list[Figure]:
    """Renew in two processes, then kill."""
    figures = _together(folder / "two", 20, None)
    if not quick:
        figures += _together(folder / "slow", 20, 1.0) + _together(folder / "more", 100, None)
    return figures + _killed(folder / "kill", 4 if quick else 40, seed)


if __name__ == "__main__":
    _asking()
