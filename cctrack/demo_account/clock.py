"""The demo account's clock: the instant at which it stands, and how people's days run in their zones."""

from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

NOW: Final = datetime(2026, 3, 31, 12, 0, tzinfo=UTC)
NOW_MS: Final = int(NOW.timestamp()) * 1000
SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
FIRST_MONDAY: Final = int(datetime(2025, 9, 29, tzinfo=UTC).timestamp()) * 1000
"""The week of the first regular campaign, 26 weeks and a day before `NOW`."""
NEVER: Final = 2**62
"""A time after every other one."""

ZONES: Final = ("America/New_York", "America/Chicago", "America/Los_Angeles")
ZONE_SHARES: Final = (0.7, 0.2, 0.1)

_GRID_START = FIRST_MONDAY - 14 * DAY
_GRID_HOURS = (NOW_MS - _GRID_START) // HOUR + 48
# How readily people act by hour of their day; nights are quiet and weekends slower.
_HOUR_WEIGHTS = np.repeat([0.25, 0.8, 1.4, 1.2, 1.1, 0.6], [7, 1, 4, 6, 4, 2])
_WEEKEND_WEIGHT = 0.75


@cache
def _offsets() -> Ints:
    """UTC offset in milliseconds by zone and hour of the grid."""
    start = datetime.fromtimestamp(_GRID_START / 1000, UTC)
    instants = [start + timedelta(hours=hour) for hour in range(_GRID_HOURS)]
    rows = []
    for name in ZONES:
        zone = ZoneInfo(name)
        rows.append([int(i.astimezone(zone).utcoffset().total_seconds()) * 1000 for i in instants])  # type: ignore[union-attr]
    return np.array(rows, dtype=np.int64)


@cache
def _virtual() -> tuple[Floats, Floats]:
    """Grid instants, and by zone the activity (in hours) that has gone by at each."""
    grid = _GRID_START + HOUR * np.arange(_GRID_HOURS + 1, dtype=np.float64)
    local_hours = (grid[:-1].astype(np.int64) + _offsets()) // HOUR
    weekday = (local_hours // 24 + 3) % 7  # 1970-01-01 was a Thursday
    weights = _HOUR_WEIGHTS[local_hours % 24] * np.where(weekday >= 5, _WEEKEND_WEIGHT, 1.0)
    passed = np.zeros((len(ZONES), len(grid)))
    np.cumsum(weights, axis=1, out=passed[:, 1:])
    return grid, passed


def to_local(times: Ints, zones: Ints) -> Ints:
    """Local wall-clock milliseconds of UTC instants inside the account's half year."""
    hours = np.clip((times - _GRID_START) // HOUR, 0, _GRID_HOURS - 1)
    return times + _offsets()[zones, hours]


def local_instant(day_ms: int, hour: float, zone: int = 0) -> int:
    """UTC milliseconds of an hour of the given day (UTC midnight of its date) in a zone."""
    naive = day_ms + int(hour * HOUR)
    offset = int(_offsets()[zone, min(max((naive - _GRID_START) // HOUR, 0), _GRID_HOURS - 1)])
    return naive - offset


def after(times: Ints, delay_hours: Floats, zones: Ints) -> Ints:
    """Instants reached when `delay_hours` of activity have gone by since `times`; `NEVER` when past `NOW`."""
    grid, passed = _virtual()
    out = np.full(len(times), NEVER, dtype=np.int64)
    for zone in range(len(ZONES)):
        mine = zones == zone
        started = np.interp(times[mine], grid, passed[zone])
        done = np.interp(started + delay_hours[mine], passed[zone], grid, right=float(NEVER))
        out[mine] = done.astype(np.int64)
    return out


def into_night(times: Ints, zones: Ints, spread: Floats) -> Ints:
    """Move instants that fall between 6 and 22 local time into the coming night, by `spread` in [0, 1)."""
    local = to_local(times, zones)
    hour = local % DAY / HOUR
    by_day = (hour >= 6) & (hour < 22)
    moved = times + ((22 - hour + 8 * spread) * HOUR).astype(np.int64)
    return np.where(by_day, moved, times)
