"""The reliability suite in its short form: nothing lost, nothing invented, nothing silently wrong, nobody stuck."""

import importlib
from pathlib import Path

import pytest
from reliability.figures import Figure, exactly, markdown, plain

ITEMS = ("walks", "sent", "two_processes", "ctrl_c", "kill", "faults", "secrets", "disk")
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
