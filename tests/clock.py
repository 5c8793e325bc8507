"""A clock that tests move by hand: same face as the library's own, no real waiting."""

import threading


class Clock:
    """Wall seconds, monotonic seconds and a sleep that returns at once."""

    def __init__(self, wall: float = 1_780_000_000.0, monotonic: float = 1_000.0) -> None:
        self._wall = wall
        self._monotonic = monotonic
        self._sleeps: list[float] = []
        self._lock = threading.Lock()

    def time(self) -> float:
        """Seconds since the epoch."""
        with self._lock:
            return self._wall

    def monotonic(self) -> float:
        """Seconds that never go back."""
        with self._lock:
            return self._monotonic

    def sleep(self, seconds: float) -> None:
        """Advance both hands by `seconds` and note it."""
        if seconds < 0:
            raise ValueError("sleep length must be non-negative")  # as time.sleep does
        with self._lock:
            self._wall += seconds
            self._monotonic += seconds
            self._sleeps.append(seconds)

    @property
    def sleeps(self) -> list[float]:
        """Every sleep asked for so far, as a copy."""
        with self._lock:
            return list(self._sleeps)

    @property
    def slept(self) -> float:
        """Seconds slept in all."""
        return sum(self.sleeps)

    def advance(self, seconds: float) -> None:
        """Let time pass without anybody sleeping."""
        with self._lock:
            self._wall += seconds
            self._monotonic += seconds

    def jump(self, seconds: float) -> None:
        """Move the wall clock alone, forth or back, as a user or NTP does."""
        with self._lock:
            self._wall += seconds
