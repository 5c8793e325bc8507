"""The rate and the day's count of calls, per API key, shared by the processes that share a cache folder."""

import sqlite3
import threading
import warnings
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from cctrack.api.clock import Clock
from cctrack.api.folder import private_file
from cctrack.errors import CacheWarning, RateLimitError

_SECOND = 1.0
_GUARD = 0.04  # seconds: requests that leave a second apart may arrive a little closer together
_LOCK_WAIT = 1.0
_DAY = 86_400

Result = TypeVar("Result")


class Ledger:
    """Lets requests leave in their turn: never more than `rate` in any second, nor `daily_quota` in a day.

    Parameters
    ----------
    path
        Where the processes keep the count together; None keeps it in memory.
    rate
        Requests a second.
    daily_quota
        Requests a day; a day begins at 00:00 UTC.
    clock
        The time.
    """

    _db: sqlite3.Connection | None = None

    def __init__(self, path: Path | None, rate: float, daily_quota: int, clock: Clock) -> None:
        self.rate = rate
        self.daily_quota = daily_quota
        self._clock = clock
        # Whole requests in whole seconds: 2.5 a second would let 3 leave in some seconds.
        self._burst = max(1, int(rate))
        self._window = max(_SECOND, 1 / rate) + _GUARD
        self._lock = threading.Lock()
        self._path = path

    def enter(self) -> None:
        """Wait for the turn of one request and count it.

        Raises
        ------
        RateLimitError
            When the day's calls are used up; `daily` is true.
        """
        with self._lock:
            while (wait := self._do(self._try)) > 0:
                self._clock.sleep(wait)

    def used(self) -> int:
        """Count the requests of today."""
        with self._lock:
            return self._do(self._today)

    def resets_at(self) -> datetime:
        """Tell when the count begins anew."""
        return self._next_day(self._clock.time())

    def forget(self) -> None:
        """Count anew from zero."""
        with self._lock:
            self._do(lambda db: db.execute("DELETE FROM days"))

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._drop()

    def __del__(self) -> None:
        self._drop()  # a session that nobody closed leaves no file open

    def _drop(self) -> None:
        db, self._db = self._db, None
        if db is not None:
            with suppress(sqlite3.Error):
                db.close()

    def _try(self, db: sqlite3.Connection) -> float:
        """Count a request if its turn has come, else tell how long to wait."""
        now = self._clock.time()
        used = self._today(db)
        if used >= self.daily_quota:
            self._used_up(now)
        # Stamps of the future are of a clock that was set back.
        stamps = "SELECT at FROM stamps WHERE at <= ? ORDER BY at DESC LIMIT 1 OFFSET ?"
        oldest = db.execute(stamps, (now, self._burst - 1)).fetchone()
        if oldest is not None and (wait := oldest[0] + self._window - now) > 0:
            return float(wait)
        db.execute("INSERT INTO stamps VALUES (?)", (now,))
        db.execute("DELETE FROM stamps WHERE at < ? OR at > ?", (now - self._window - 1, now))
        db.execute("INSERT OR REPLACE INTO days VALUES (?, ?)", (self._day(now), used + 1))
        return 0.0

    def _today(self, db: sqlite3.Connection) -> int:
        found = db.execute("SELECT calls FROM days WHERE day = ?", (self._day(self._clock.time()),)).fetchone()
        return int(found[0]) if found else 0

    @staticmethod
    def _day(now: float) -> int:
        return int(now // _DAY)

    @classmethod
    def _next_day(cls, now: float) -> datetime:
        return datetime.fromtimestamp((cls._day(now) + 1) * _DAY, UTC)

    def _used_up(self, now: float) -> None:
        reset = self._next_day(now)
        raise RateLimitError(
            f"the day's {self.daily_quota:,} calls are used up; they count anew from "
            f"{reset:%Y-%m-%d %H:%M} UTC. Ask again then: what was fetched is kept. "
            "If your key allows more, connect(daily_quota=...) says so",
            daily=True,
            retry_after=reset.timestamp() - now,
        )

    def _do(self, step: Callable[[sqlite3.Connection], Result]) -> Result:
        """Take a step in one transaction; where the shared file cannot be used, in memory and with a warning."""
        try:
            return self._in_transaction(step)
        except (sqlite3.Error, OSError, UnicodeDecodeError) as error:
            if self._path is None:
                raise
            why = str(error)
        self._drop()
        self._path = None
        warnings.warn(
            f"the shared count of calls cannot be used ({why}); this process counts alone, "
            "and other processes with the same key are not seen",
            CacheWarning,
            stacklevel=2,
        )
        return self._in_transaction(step)

    def _in_transaction(self, step: Callable[[sqlite3.Connection], Result]) -> Result:
        if self._db is None:
            self._db = self._open()
        try:
            self._db.execute("BEGIN IMMEDIATE")
            return step(self._db)
        finally:  # an interrupt, also one right after BEGIN, must not leave the other processes locked out
            if self._db.in_transaction:
                self._db.execute("COMMIT")

    def _open(self) -> sqlite3.Connection:
        where = ":memory:"
        if self._path is not None:
            private_file(self._path)
            where = str(self._path)
        db = sqlite3.connect(where, timeout=_LOCK_WAIT, isolation_level=None, check_same_thread=False)
        # The count is worth less than the time to force each stamp to the disk.
        try:
            db.execute("PRAGMA synchronous = OFF")
            db.execute("CREATE TABLE IF NOT EXISTS stamps (at REAL)")
            db.execute("CREATE INDEX IF NOT EXISTS newest ON stamps (at)")
            db.execute("CREATE TABLE IF NOT EXISTS days (day INTEGER PRIMARY KEY, calls INTEGER)")
        except BaseException:
            db.close()
            raise
        return db
