"""Where a picker's rows come from: a frame, a callable, or a report of the session, and what reading them costs."""

import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from inspect import signature
from typing import Any

import pandas as pd

from cctrack.connecting import current
from cctrack.errors import CacheWarning, CctrackError, ClockWarning, IncompleteWarning, RepairWarning
from cctrack.planning import Plan, plan

Source = pd.DataFrame | Callable[[], pd.DataFrame] | None
_OURS = (IncompleteWarning, RepairWarning, CacheWarning, ClockWarning)


@dataclass(frozen=True)
class Read:
    """A report to be read.

    Attributes
    ----------
    function : callable
        Of `cctrack.reports`.
    ids : tuple
        Its identifiers.
    options : tuple of (str, object)
        Its keywords and their values.
    """

    function: Callable[..., pd.DataFrame]
    ids: tuple[Any, ...] = ()
    options: tuple[tuple[str, Any], ...] = ()

    def plan(self, session: Any) -> Plan:
        """Tell what it costs."""
        return plan(self.function, *self.ids, session=session, **dict(self.options))

    def frame(self, session: Any) -> pd.DataFrame:
        """Read it; without a bar, which has no place to stand when a button is pressed."""
        quiet = {"progress": False} if "progress" in signature(self.function).parameters else {}
        return self.function(*self.ids, session=session, **quiet, **dict(self.options))


def costs_nothing(session: Any, read: Read) -> bool:
    """Whether this may be read without asking: it is on disk, or the account is the embedded one."""
    return session.is_demo or read.plan(session).calls == 0


class Supply:
    """Gives the rows of a picker.

    Parameters
    ----------
    source
        A frame, or a callable that gives one; None asks the session's report.
    read
        That report.
    needs
        The columns without which there is nothing to pick.
    session
        Which session; None takes the current one at the time of reading.

    Raises
    ------
    TypeError, ValueError
        When the source is neither, or the frame lacks a column.
    """

    def __init__(self, source: Source, read: Read, needs: Sequence[str], session: Any) -> None:
        if source is not None and not isinstance(source, pd.DataFrame) and not callable(source):
            raise TypeError(
                f"source is a {type(source).__name__}; pass a pandas frame, a callable that gives one, or None"
            )
        if session is not None:
            current(session)  # refuses what is no session
        self._source, self._needs, self._session = source, tuple(needs), session
        self.read = read
        if isinstance(source, pd.DataFrame):
            self._check(source)

    @property
    def is_report(self) -> bool:
        """Whether the rows are read from the service."""
        return self._source is None

    def session(self) -> Any:
        """Give the session that is asked.

        Raises
        ------
        ConfigError
            When there is none.
        """
        return current(self._session)

    def frame(self) -> pd.DataFrame:
        """Give the rows.

        Raises
        ------
        CctrackError
            When they cannot be had; its words tell no secrets.
        """
        if self._source is None:
            return self.read.frame(self.session())
        if isinstance(self._source, pd.DataFrame):
            return self._source
        try:
            found = self._source()
        except CctrackError:
            raise
        except Exception as error:
            # Its words are not ours: an address with a key in it may be among them.
            name = type(error).__name__
            raise SourceError(f"the source raised {name}; call it in a cell of its own to see why") from None
        if not isinstance(found, pd.DataFrame):
            raise SourceError(f"the source gave a {type(found).__name__}; it must give a pandas frame")
        try:
            self._check(found)
        except ValueError as error:
            raise SourceError(str(error)) from None
        return found

    def _check(self, frame: pd.DataFrame) -> None:
        gives = f"pass what cctrack.{self.read.function.__name__} gives"
        twice = frame.columns[frame.columns.duplicated()]
        if frame.columns.nlevels > 1 or len(twice):
            what = "several rows of column names" if frame.columns.nlevels > 1 else f"the column {twice[0]} twice"
            raise ValueError(f"source has {what}; {gives}")
        missing = [name for name in self._needs if name not in frame.columns]
        if missing:
            raise ValueError(f"source has no column {' and '.join(missing)}; {gives}")


class SourceError(CctrackError):
    """A source of the user's own gave no frame; its words are ours."""


def in_words(error: BaseException) -> str:
    """Say what went wrong, in one line and without secrets."""
    if isinstance(error, (CctrackError, TypeError, ValueError)):
        return " ".join(str(error).split())
    if isinstance(error, KeyboardInterrupt):
        return "it was interrupted."
    return f"{type(error).__name__}, which was not expected; the same call in a cell of its own shows more."


@contextmanager
def noting() -> Iterator[list[str]]:
    """Collect what cctrack warns of, for the widget to say: of a warning after a click nobody hears."""
    told: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        for category in _OURS:
            warnings.simplefilter("always", category)
        yield told
    for warning in caught:
        if issubclass(warning.category, _OURS):
            told.append(" ".join(str(warning.message).split()))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)
    told[:] = dict.fromkeys(told)
