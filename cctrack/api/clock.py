"""The time, as something that tests can set."""

import time as machine
from typing import Protocol


class Clock(Protocol):
    """Where waiting and telling the time go through."""

    def time(self) -> float:
        """Seconds since 1970, by the wall clock: for ages and for the day's count."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back: for deadlines."""
        ...

    def sleep(self, seconds: float) -> None:
        """Wait."""
        ...


class SystemClock:
    """The machine's own time."""

    time = staticmethod(machine.time)
    monotonic = staticmethod(machine.monotonic)
    sleep = staticmethod(machine.sleep)
