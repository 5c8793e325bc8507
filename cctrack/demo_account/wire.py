"""What passes between the demo server and its API dialects: calls, answers, and the gate before both."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol

import msgspec


@dataclass(frozen=True)
class Call:
    """One request, taken apart; `query` holds the first value of each name, decoded."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """By lower-case name."""
    pairs: tuple[tuple[str, str], ...] = ()
    """The query again, in order, with the names that come more than once."""
    body: bytes = b""

    def every(self, name: str) -> list[str]:
        """Give all values of a parameter."""
        return [value for own, value in self.pairs if own == name]


@dataclass(frozen=True)
class Answer:
    """One reply, ready to send."""

    status: int
    body: bytes
    content_type: str = "application/json;charset=UTF-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    """Further ones."""


class Refusal(Exception):  # noqa: N818 -- an answer on its way, not an error of ours
    """Ends a call early with an error answer in the dialect's own shape."""

    def __init__(self, status: int, key: str, message: str) -> None:
        super().__init__(message)
        self.status, self.key, self.message = status, key, message


class Face(Protocol):
    """One API dialect over the account."""

    prefix: str
    """First part of the paths it answers, such as ``/v2``."""

    def answer(self, call: Call) -> Answer:
        """Answer one call; never raises."""
        ...


class Gate:
    """Counts calls against the rate and the day's allowance, for all dialects together."""

    def __init__(
        self, per_second: float | None, per_day: int | None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._per_second, self._per_day, self._clock = per_second, per_day, clock
        self._recent: deque[float] = deque()
        self._today = 0
        self._lock = threading.Lock()

    def refuse(self) -> Literal["qps", "quota"] | None:
        """Count a call; say which limit it breaks, if any. A refused call is not counted."""
        with self._lock:
            now = self._clock()
            while self._recent and self._recent[0] <= now - 1.0:
                self._recent.popleft()
            if self._per_day is not None and self._today >= self._per_day:
                return "quota"
            if self._per_second is not None and len(self._recent) >= self._per_second:
                return "qps"
            self._recent.append(now)
            self._today += 1
            return None


_ENCODER = msgspec.json.Encoder()


def as_json(status: int, body: object) -> Answer:
    """Give an answer with `body` as JSON."""
    return Answer(status, _ENCODER.encode(body))
