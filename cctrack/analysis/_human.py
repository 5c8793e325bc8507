"""What is left when events that look automatic are set aside: the `machine=` of every analysis."""

import warnings
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.analysis._dense import PandasEvents
from cctrack.analysis._events import Events
from cctrack.analysis._machine import GIVEN, REASONS, RULES, Rules, judged, recipients
from cctrack.analysis._patterns import N
from cctrack.analysis._tables import plain
from cctrack.errors import ClockWarning

Machine = Literal["include", "exclude", "both"]
_OF_PATTERNS: Final = ("bounce_code", "unsubscribe_source")
OF_LINKS: Final = ("link_id", "link_uri")  # either tells links apart
_ALWAYS: Final = ("activity_type", "campaign_id", "contact_id")
_WHY: Final = "telling automatic clicks"
_SUSPECT: Final = (
    "events come before their own send, so the clocks of the reports disagree and delays do not hold; automatic "
    "events are told by bursts alone, without {off}; see analysis.clock_check"
)


@dataclass(frozen=True)
class Flagged:
    """The recipients with clicks, and which of their events are set aside.

    Attributes
    ----------
    rows : pandas.DataFrame
        All events of these recipients; in pandas the index tells where they stand in the activities.
    reasons : numpy.ndarray of int8
        Place in `REASONS`, -1 for events that stay.
    rules : Rules
        That were asked.
    clocks_suspect : bool
        Whether delays do not hold.
    held, off : tuple of str
        Rules that were applied, `GIVEN` where the activities said themselves what is automatic; and rules that were
        not, because of the clocks.
    """

    rows: pd.DataFrame
    reasons: npt.NDArray[np.int8]
    rules: Rules
    clocks_suspect: bool
    held: tuple[str, ...] = ()
    off: tuple[str, ...] = ()

    @cached_property
    def automatic(self) -> npt.NDArray[np.bool_]:
        """Which events are set aside."""
        return np.asarray(self.reasons >= 0, dtype=np.bool_)

    @cached_property
    def set_aside(self) -> dict[str, int]:
        """Number of events set aside, by reason."""
        counts = np.bincount(self.reasons[self.automatic], minlength=len(REASONS))
        return {reason: int(n) for reason, n in zip(REASONS, counts, strict=True) if n}

    @cached_property
    def _changed(self) -> npt.NDArray[np.bool_]:
        """Which rows are of recipients that have an event set aside."""
        recipient = recipients(self.rows)
        return np.asarray(np.isin(recipient, np.unique(recipient[self.automatic])), dtype=np.bool_)

    @property
    def human(self) -> pd.DataFrame:
        """The rows that stay."""
        return self.rows[~self.automatic]

    def counts(self, recorded: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
        """Turn recorded counts of patterns into those without the events set aside."""
        return self.left(recorded, lambda events: events.patterns(keys))

    def left(self, recorded: pd.DataFrame, ask: Callable[[Events], pd.DataFrame]) -> pd.DataFrame:
        """Turn the recorded answer to a question into that without the events set aside, as rows to be added up.

        Only recipients that have such an event change: they are taken out as recorded and put in as they are left.

        Parameters
        ----------
        recorded
            What was counted; the count is in `_n`.
        ask
            Counts it of other events. What it counts must belong to one recipient each.
        """
        if not self._changed.any():
            return recorded
        before = ask(PandasEvents.of(self.rows[self._changed], {}))
        after = ask(PandasEvents.of(self.rows[self._changed & ~self.automatic], {}))
        return pd.concat([recorded, before.assign(**{N: -before[N]}), after], ignore_index=True)

    def facts(self, machine: Machine | Literal["flagged"]) -> dict[str, Any]:
        """Give what a result tells of it."""
        clocks = "suspect" if self.clocks_suspect else "ok"
        return {
            "machine": machine,
            "rules": self.told,
            "set_aside": self.set_aside,
            "clocks": None if GIVEN in self.held else clocks,
        }

    @property
    def told(self) -> list[str]:
        """What the rules say, and which of them were left out."""
        if GIVEN in self.held:
            return [f"{GIVEN}: what the column `machine` of the activities says, as it stands"]
        off = [f"{name}: not applied, since the clocks of the reports disagree" for name in self.off]
        return [f"{name}: {RULES[name]}" for name in self.held] + off


def flagged(
    events: Events, columns: Iterable[str] = (), rules: Rules | None = None, *, as_text: bool = True
) -> Flagged:
    """Judge the events.

    Parameters
    ----------
    events
        From any engine; those of recipients with clicks come over.
    columns
        Further columns to bring.
    rules
        None takes the usual ones.
    as_text
        Whether categories come as text; to count alone they are quicker as they are.

    Raises
    ------
    ValueError
        When the activities lack a column that the rules need.

    Warns
    -----
    ClockWarning
        When events come before their own send: rules that compare kinds of event are then left out.
    """
    chosen = Rules() if rules is None else rules
    given = "machine" in events.columns
    events.require((*_ALWAYS, "machine") if given else (*_ALWAYS, *chosen.needed))
    if not given and not set(OF_LINKS).intersection(events.columns):
        events.require(["link_id"])
    wanted = (*_ALWAYS, *chosen.needed, *OF_LINKS, *_OF_PATTERNS, "machine", "machine_reason", *columns)
    rows = events.of_clickers(wanted, why=_WHY, links=() if given else chosen.honeypots)
    found = judged(rows, chosen)
    if found.clocks_suspect:
        off = ", ".join(found.off) or "the time to other events"
        warnings.warn(_SUSPECT.format(off=off), ClockWarning, stacklevel=levels_up())
    if as_text:
        rows = rows.assign(**{str(name): plain(rows[name]) for name in rows if name != "activity_type"})
    return Flagged(rows, found.reasons, chosen, found.clocks_suspect, found.held, found.off)


def levels_up() -> int:
    """Give the level at which the user's own code stands, so that the warning points there."""
    import inspect

    frame = inspect.currentframe()
    level = 0
    while frame is not None and str(frame.f_globals.get("__name__", "")).startswith("cctrack."):
        frame, level = frame.f_back, level + 1
    return max(level, 1)


def checked_machine(machine: object) -> Machine:
    """Give the choice if it is one.

    Raises
    ------
    ValueError
        When it is none.
    """
    for known in ("include", "exclude", "both"):
        if machine == known:
            return known
    raise ValueError(f"machine={machine!r} is not known; it is 'include', 'exclude' or 'both'")


def side_by_side(
    recorded: pd.DataFrame, human: pd.DataFrame | None, machine: Machine, keys: Sequence[str]
) -> pd.DataFrame:
    """Give what was asked for: the recorded columns, the human ones, or both, these with the suffix `_human`.

    Parameters
    ----------
    recorded, human
        Tables with the same rows; `human` is None when automatic events are included.
    machine
        The choice.
    keys
        Columns that tell the rows, and are there once.
    """
    if human is None or machine == "include":
        return recorded
    if machine == "exclude":
        return human
    own = human.drop(columns=[*keys])
    return pd.concat([recorded, own.add_suffix("_human")], axis=1)
