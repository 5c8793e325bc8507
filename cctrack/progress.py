"""The progress bar of a fan-out, and beside it what the report has cost so far."""

import os
import time
from typing import Any

from tqdm import tqdm

from cctrack.api.quota import Ledger
from cctrack.frontend import in_a_batch, in_a_notebook

_HANDFUL = 5  # a bar for fewer would be gone before it is read
_BAR_AFTER = 0.5  # seconds
_LEDGER_EVERY = 0.5  # seconds: other processes wait while the shared count is read
_PROGRESS_VARIABLE = "CCTRACK_PROGRESS"


def bar(report: str, unit: str, tasks: int, wanted: bool | None) -> Any:
    """Make the progress bar: of the ids, or of the pages of a single one."""
    if wanted is None:
        wanted = (tasks > _HANDFUL or tasks == 1) and not in_a_batch()
    if os.environ.get(_PROGRESS_VARIABLE, "1").strip().lower() in ("0", "false", "no", "off"):
        wanted = False
    many = tasks > 1
    return tqdm(
        total=tasks if many else None,
        desc=report,
        unit=unit if many else "page",
        disable=not wanted,
        leave=False,
        delay=_BAR_AFTER,
        file=_Output() if in_a_notebook() else None,
    )


class _Output:
    """Where a bar is written in a notebook: an output of its own, which is empty when the bar has gone.

    The bar that tqdm makes for notebooks is a widget, and those stand as errors in a notebook that was saved.
    """

    def __init__(self) -> None:
        self._handle: Any = None
        self._line = ""

    def write(self, text: str) -> None:
        """Show what is written in the place of what was."""
        line = text.replace("\x1b[A", "").strip()
        if line == self._line:
            return
        self._line = line
        bundle = {"text/plain": line}
        if self._handle is None:
            from IPython.display import display

            self._handle = display(bundle, raw=True, display_id=True)  # type: ignore[no-untyped-call]
        else:
            self._handle.update(bundle, raw=True)

    def flush(self) -> None:
        """Nothing waits."""


class Told:
    """Stands between the bar and the work: shows beside the bar what the report has cost so far.

    Parameters
    ----------
    bar
        From `bar`.
    ledger
        Tells what is left of today's calls.
    """

    def __init__(self, bar: Any, ledger: Ledger) -> None:
        self._bar = bar
        self._ledger = ledger
        self._left = ""
        self._look_at = time.monotonic() + _BAR_AFTER  # what is done before the bar shows need not look

    def step(self, calls: int, rows: int, hits: int) -> None:
        """Note that one more is done, and what all of it came to: `hits` are walks that the cache answered."""
        if self._bar.disable:
            return
        if (now := time.monotonic()) >= self._look_at:
            self._look_at = now + _LEDGER_EVERY
            self._left = f"{max(0, self._ledger.daily_quota - self._ledger.used()):,}"
        # As text: tqdm would write 10000 as 1e+4.
        told = {"calls": f"{calls:,}", "rows": f"{rows:,}", "hits": f"{hits:,}", "left_today": self._left}
        self._bar.set_postfix({name: text for name, text in told.items() if text}, refresh=False)
        self._bar.update()
