"""The reliability suite in its short form: nothing lost, nothing invented, nothing silently wrong, nobody stuck."""

import contextlib
import importlib
import sqlite3
import threading
from pathlib import Path
from typing import Any

import pytest
from reliability.figures import Figure, exactly, markdown, plain
from service import Service
from sessions import CLICKS, clicks, ids_of, link_ids, session_on, walks_file

import cctrack
from cctrack.api.clock import SystemClock
from cctrack.api.quota import Ledger

ITEMS = ("walks", "sent", "two_processes", "tokens", "ctrl_c", "kill", "faults", "secrets", "disk")
HERE = Path(__file__).resolve().parent / "reliability"


@pytest.mark.parametrize("item", ITEMS)
def test_short_form(item: str, tmp_path: Path) -> None:
    figures: list[Figure] = importlib.import_module(f"reliability.{item}").run(tmp_path, quick=True, seed=0)
    assert not [figure for figure in figures if figure.right is False], plain(figures)
    assert sum(figure.right is True for figure in figures) >= 4


def test_a_missed_figure_is_said() -> None:
    figures = [exactly("walks", "rows lost", 3, of=60), exactly("walks", "rows invented", 0, of=60)]
    assert [figure.verdict for figure in figures] == ["MISSED", "met"]
    assert "MISSED" in plain(figures)
    assert "| walks | rows lost | 3 of 60 | 0 | MISSED |" in markdown(figures)


def test_the_written_figures_are_those_of_a_whole_run_that_met_them_all() -> None:
    written = (HERE / "README.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in written.splitlines() if line.startswith("| ")]
    assert {row[0] for row in rows[2:]} == set(ITEMS)
    assert {row[-1] for row in rows[2:]} <= {"met", "-"}


# --- moments that random interrupts seldom hit -----------------------------------------------------


@pytest.mark.parametrize("moment", [1, 2, 7])
def test_interrupt_on_the_way_into_a_transaction_locks_nobody_out(
    service: Service, tmp_cache: Path, monkeypatch: pytest.MonkeyPatch, moment: int
) -> None:
    """The traceback is kept, as notebooks do: neither another thread nor another process may wait for it."""
    service.rows(CLICKS, clicks(5))
    session = session_on(service, tmp_cache)
    cctrack.clicks_df("36", limit=2, session=session)
    left = moment

    def enter(manager: Any) -> Any:
        nonlocal left
        entered = next(manager.gen)
        if manager.gen.__qualname__.endswith("_acquire_sqlite_lock"):
            left -= 1
            if left == 0:
                raise KeyboardInterrupt
        return entered

    with monkeypatch.context() as patch:
        patch.setattr(contextlib._GeneratorContextManager, "__enter__", enter)
        with pytest.raises(KeyboardInterrupt) as kept:
            cctrack.clicks_df("36", limit=2, refresh=True, session=session)
    found: list[list[str]] = []
    other = threading.Thread(
        target=lambda: found.append(link_ids(cctrack.clicks_df("36", refresh=True, session=session))), daemon=True
    )
    other.start()
    other.join(10)
    assert found == [ids_of(clicks(5))]
    with contextlib.closing(sqlite3.connect(walks_file(tmp_cache), timeout=0.5, isolation_level=None)) as db:
        db.execute("BEGIN IMMEDIATE")
    assert kept.value.__traceback__ is not None


class _Interrupted:
    """A connection that a Ctrl-C comes over just after a transaction has begun."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self._db = db

    @property
    def in_transaction(self) -> bool:
        return self._db.in_transaction

    def execute(self, command: str, *args: Any) -> Any:
        done = self._db.execute(command, *args)
        if command.startswith("BEGIN"):
            raise KeyboardInterrupt
        return done


def test_interrupt_just_after_the_count_of_calls_is_locked(tmp_path: Path) -> None:
    ledger = Ledger(tmp_path / "calls.sqlite", 1000, 1000, SystemClock())
    ledger.enter()
    real = ledger._db
    assert real is not None
    ledger._db = _Interrupted(real)  # type: ignore[assignment]
    with pytest.raises(KeyboardInterrupt):
        ledger.enter()
    ledger._db = real
    for one in (Ledger(tmp_path / "calls.sqlite", 1000, 1000, SystemClock()), ledger):
        one.enter()  # a warning would fail this test
    assert ledger.used() == 3
