"""Warnings about a frame: of what was asked, and of what came."""

import sys
import warnings
from collections.abc import Mapping

import pandas as pd

from cctrack.api.given import Given
from cctrack.api.session import Session
from cctrack.errors import IncompleteWarning, RepairWarning
from cctrack.inputs import wire_time
from cctrack.request import Request
from cctrack.schema import Report

_FUTURE = pd.Timedelta(days=1)  # the service's clocks are known to be off by hours


def warn_of_future(request: Request, session: Session) -> None:
    """Warn of a bound that lies in the future."""
    if request.since is None:
        return
    now = pd.Timestamp(session.clock.time(), unit="s", tz="UTC")
    if request.since > now + _FUTURE:
        warnings.warn(
            f"{request.report.function}: {wire_time(request.since)} is in the future, so there is nothing since then",
            UserWarning,
            stacklevel=_callers_level(),
        )


def warn_of_ignored(request: Request, given: Given, session: Session) -> None:
    """Warn of options that the dialect cannot heed."""
    for name in given.ignores:
        if name in request.options:
            warnings.warn(
                f"{request.report.function}: {name} has no effect, because the {session.api} API cannot do it",
                UserWarning,
                stacklevel=_callers_level(),
            )


def warn(report: Report, repaired: Mapping[str, int], *, complete: bool, undecided: bool) -> None:
    """Warn of what may be missing from a frame, or stand in it twice."""
    if repaired:
        fields = ", ".join(f"{name} ({count})" for name, count in repaired.items())
        warnings.warn(
            f"{report.function}: fields were missing or malformed and are NA now; their rows were kept: {fields}",
            RepairWarning,
            stacklevel=_callers_level(),
        )
    if not complete:
        warnings.warn(
            f"{report.function}: the report kept changing while it was read, so rows may be missing or repeated; "
            'ask again with refresh=True when the account is quieter, or connect with verify="strict"',
            IncompleteWarning,
            stacklevel=_callers_level(),
        )
    if undecided:
        warnings.warn(
            f"{report.function}: equal rows stand where two pages meet, and it cannot be told whether they are "
            "repeats or overlap; they were kept",
            IncompleteWarning,
            stacklevel=_callers_level(),
        )


def _callers_level() -> int:
    """Count the frames up to the caller of the library: a warning is to show the line of the notebook."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and str(frame.f_globals.get("__name__", "")).partition(".")[0] == "cctrack":
        level, frame = level + 1, frame.f_back
    return level
