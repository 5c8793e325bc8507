"""The notebooks run, and what is committed of them is what a run gives and nothing of anybody's machine."""

import json
import re
from pathlib import Path
from typing import Any

import nbformat
import pytest
from make_notebooks import cleaned, notebooks, pandas_release, run, sources_of
from nbformat import NotebookNode

from cctrack.demo_account.start import ACCESS_TOKEN, API_KEY

WIDGETS = "application/vnd.jupyter.widget-state+json"
LARGEST = 400_000
OF_A_MACHINE = re.compile(
    r"(?<![\w.])/(?:home|root|tmp|work|Users|var|opt|mnt|srv)\b|\b[A-Z]:\\|site-packages|ipykernel_\d|127\.0\.0\.1|localhost"
)
ADDRESS = re.compile(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)")
NOBODYS = re.compile(r"(?:.+\.)?example\.(?:com|org|net)")

_ran: dict[Path, NotebookNode] = {}

each = pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)


@pytest.fixture
def committed(path: Path) -> NotebookNode:
    """Give the notebook as it stands in the repository."""
    return nbformat.read(path, as_version=4)


@pytest.fixture
def ran(path: Path, committed: NotebookNode, tmp_path: Path) -> NotebookNode:
    """Give the notebook as it comes out of a run with an empty cache; run once for all tests of it."""
    if path not in _ran:
        _ran[path] = run(committed, tmp_path / "kernel", widgets=True)
    return _ran[path]


_FETCHED = re.compile(r"fetched_at: \S+")


def outputs(notebook: NotebookNode) -> list[Any]:
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def errors(notebook: NotebookNode) -> list[Any]:
    """Find errors, also those inside widgets: of these no tool that runs notebooks says a word."""
    state = notebook.metadata.get("widgets", {}).get(WIDGETS, {}).get("state", {})
    hidden = [output for model in state.values() for output in model.get("state", {}).get("outputs", ())]
    return [one for one in [*outputs(notebook), *hidden] if one["output_type"] == "error"]


def texts(notebook: NotebookNode) -> list[list[str]]:
    """Give what each code cell shows in words, but for the time of the run; a picture's words tell only its size."""
    return [
        [
            _FETCHED.sub("fetched_at", one["text"] if "text" in one else one["data"].get("text/plain", ""))
            for one in cell.outputs
            if one["output_type"] == "stream" or "image/png" not in one["data"]
        ]
        for cell in notebook.cells
        if cell.cell_type == "code"
    ]


def readable(notebook: NotebookNode) -> str:
    """Give everything in the file but the pictures, which could spell anything."""
    copy = nbformat.from_dict(notebook)
    for output in outputs(copy):
        output.get("data", {}).pop("image/png", None)
    return json.dumps(copy, ensure_ascii=False)


def test_there_are_notebooks() -> None:
    assert "01_quickstart" in [path.stem for path in notebooks()]


@each
def test_runs(ran: NotebookNode) -> None:
    assert errors(ran) == []
    assert [one["text"] for one in outputs(ran) if one.get("name") == "stderr"] == []


@each
def test_committed_outputs_are_of_the_committed_sources(committed: NotebookNode) -> None:
    assert committed.metadata["cctrack"]["sources"] == sources_of(committed), "run python -m tests.make_notebooks"
    counts = [cell.execution_count for cell in committed.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


@each
def test_committed_words_are_those_of_a_run(committed: NotebookNode, ran: NotebookNode) -> None:
    shown = texts(ran)
    assert any(shown)
    if committed.metadata["cctrack"]["pandas"] == pandas_release():
        assert texts(committed) == shown, "run python -m tests.make_notebooks"


@each
def test_is_short_and_has_pictures(path: Path, committed: NotebookNode) -> None:
    assert 12 <= len(committed.cells) <= 25
    assert path.stat().st_size < LARGEST
    assert any("image/png" in one.get("data", {}) for one in outputs(committed))


@each
def test_is_clean(path: Path, committed: NotebookNode) -> None:
    nbformat.validate(committed)
    assert set(committed.metadata) == {"cctrack", "kernelspec", "language_info"}
    assert committed.metadata["language_info"] == {"name": "python"}
    assert all(cell.metadata == {} for cell in committed.cells)
    name = path.stem.replace("_", "-")
    assert [cell["id"] for cell in committed.cells] == [f"{name}-{n:02d}" for n in range(1, len(committed.cells) + 1)]
    assert errors(committed) == []


@each
def test_tells_nothing_of_machines_people_or_secrets(committed: NotebookNode) -> None:
    words = readable(committed)
    assert OF_A_MACHINE.findall(words) == []
    assert API_KEY not in words
    assert ACCESS_TOKEN not in words
    assert [host for host in ADDRESS.findall(words) if not NOBODYS.fullmatch(host)] == []


def test_errors_inside_widgets_are_found() -> None:
    notebook = nbformat.v4.new_notebook()
    broken = {"state": {"outputs": [{"output_type": "error", "ename": "KeyError"}]}}
    notebook.metadata["widgets"] = {WIDGETS: {"state": {"a": {"state": {}}, "b": broken}}}
    assert [one["ename"] for one in errors(notebook)] == ["KeyError"]


def test_cleaning_takes_out_what_differs_from_run_to_run() -> None:
    cell = nbformat.v4.new_code_cell("1 + 1", metadata={"execution": {"started": "today"}}, execution_count=1)
    notebook = nbformat.v4.new_notebook(
        cells=[cell], metadata={"widgets": {}, "language_info": {"name": "python", "version": "3.99"}}
    )
    clean = cleaned(notebook, "01-name")
    assert clean.cells[0]["id"] == "01-name-01"
    assert "today" not in json.dumps(clean)
    assert "3.99" not in json.dumps(clean)
    assert clean.metadata["cctrack"]["sources"] == sources_of(clean)
