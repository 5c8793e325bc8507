"""The notebooks run, and what is committed of them is what a run gives and nothing of anybody's machine."""

import base64
import io
import json
import os
import re
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pandas as pd
import pytest
from engines import WHY_NO_SPARK, has_java
from ipywidgets.embed import dependency_state
from make_notebooks import (
    DEMO,
    WIDGETS,
    cleaned,
    connecting,
    errors,
    notebooks,
    outputs,
    pandas_release,
    run,
    smaller,
    sources_of,
)
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from nbformat import NotebookNode
from PIL import Image, ImageChops

import cctrack
from cctrack.demo_account.account import Account, generate
from cctrack.demo_account.server import DemoServer
from cctrack.demo_account.start import ACCESS_TOKEN, API_KEY
from cctrack.pickers import CampaignPicker
from cctrack.pickers._html import said

AT_ONCE = 2  # kernels: most of the time of one is start-up, which leaves room for another
ON_V3 = ("01", "02", "03", "04", "05", "06", "07", "08")
WITH_SPARK = "09"
LARGEST = 400_000
OF_A_MACHINE = re.compile(
    r"(?<![\w.])/(?:home|root|tmp|work|Users|var|opt|mnt|srv)\b|\b[A-Z]:\\|site-packages|ipykernel_\d"
    r"|(?:127\.0\.0\.1|localhost):|\b\d{1,3}(?:\.\d{1,3}){3}\b|\btcp://"
)
ADDRESS = re.compile(r"[\w.+-]+@([\w-]+(?:\.[\w-]+)+)")
NOBODYS = re.compile(r"(?:.+\.)?example\.(?:com|org|net)")

each = pytest.mark.parametrize("path", notebooks(), ids=lambda path: path.stem)


@pytest.fixture
def committed(path: Path) -> NotebookNode:
    """Give the notebook as it stands in the repository."""
    return nbformat.read(path, as_version=4)


@pytest.fixture(scope="module")
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[tuple[Path, str], Future[NotebookNode]]]:
    """Run each notebook that a chosen test asks for, with an empty cache, once for all tests."""
    asked = [item for item in request.session.items if "ran" in getattr(item, "fixturenames", ())]
    params: list[dict[str, Any]] = [item.callspec.params for item in asked]  # type: ignore[attr-defined]

    def started(path: Path, api: str, folder: Path) -> NotebookNode:
        notebook = nbformat.read(path, as_version=4)
        return run(connecting(notebook, DEMO if api == "v2" else f'cctrack.demo(api="{api}")'), folder, widgets=True)

    pool = ThreadPoolExecutor(AT_ONCE)
    wanted = dict.fromkeys((one["path"], one.get("api", "v2")) for one in params)
    # The folders are made here: pytest makes the one above them at the first call, and not for two threads at once.
    folders = {(path, api): tmp_path_factory.mktemp(f"{path.stem}-{api}") for path, api in wanted}
    yield {one: pool.submit(started, *one, folder) for one, folder in folders.items()}
    pool.shutdown(cancel_futures=True)


@pytest.fixture
def api() -> str:
    """Give the API that the demo account speaks, unless a test names another one."""
    return "v2"


@pytest.fixture
def ran(path: Path, api: str, runs: dict[tuple[Path, str], Future[NotebookNode]]) -> NotebookNode:
    """Give the notebook as it comes out of a run."""
    return runs[path, api].result()


_FETCHED = re.compile(r"fetched_at: \S+")


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


@each
def test_committed_outputs_are_of_the_committed_sources(committed: NotebookNode) -> None:
    assert committed.metadata["cctrack"]["sources"] == sources_of(committed), "run python -m tests.make_notebooks"
    counts = [cell.execution_count for cell in committed.cells if cell.cell_type == "code"]
    assert counts == list(range(1, len(counts) + 1))


@each
def test_committed_words_are_those_of_a_run(path: Path, committed: NotebookNode, ran: NotebookNode) -> None:
    if path.stem.startswith(WITH_SPARK) and not has_java():
        pytest.skip(WHY_NO_SPARK)
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


@each
def test_connects_first_and_once(committed: NotebookNode) -> None:
    first = next(cell.source for cell in committed.cells if cell.cell_type == "code")
    assert first.startswith("import cctrack\n")
    assert DEMO in first
    assert "# cctrack.connect(" in first
    assert connecting(committed, "cctrack.connect()") != committed


@pytest.mark.parametrize("api", ["v3"])
@pytest.mark.parametrize("path", [one for one in notebooks() if one.stem.startswith(ON_V3)], ids=lambda path: path.stem)
def test_runs_on_the_other_api(ran: NotebookNode) -> None:
    assert errors(ran) == []


def of_an_analyst(notebook: NotebookNode, account: Account) -> NotebookNode:
    """Give a copy as somebody edits it who has an account of her own: the first cell, and the names in one further."""
    copy = connecting(notebook, "cctrack.connect(rate=200)")
    own = {'"lolsen@inbox.example.org"': f'"{account.contacts.email[0]}"'}
    own |= {f'"{month} newsletter"': f'"{account.campaigns.name[0]}"' for month in ("February", "March")}
    changed = [cell for cell in copy.cells if any(name in cell.source for name in own)]
    assert len(changed) <= 1
    for cell in changed:
        for name, hers in own.items():
            cell.source = cell.source.replace(name, hers)
    return copy


@pytest.fixture(scope="module")
def own_account() -> Iterator[tuple[Account, dict[str, str]]]:
    """Serve an account of three mailings; also give the variables by which a notebook finds it."""
    account = generate(contacts=300, seed=1, campaigns=3)
    with DemoServer(account, api_key="key-of-an-analyst", access_token="token-of-an-analyst") as server:
        names = {"BASE_URL": server.url, "API_KEY": "key-of-an-analyst", "ACCESS_TOKEN": "token-of-an-analyst"}
        yield account, {f"CCTRACK_{name}": value for name, value in names.items()}


@pytest.mark.parametrize(
    "path", [one for one in notebooks() if not one.stem.startswith(WITH_SPARK)], ids=lambda p: p.stem
)
def test_runs_on_an_account_of_few_mailings(
    path: Path, own_account: tuple[Account, dict[str, str]], tmp_path: Path
) -> None:
    account, environment = own_account
    notebook = of_an_analyst(nbformat.read(path, as_version=4), account)
    notebook = run(notebook, tmp_path / "kernel", widgets=True, environment=environment)
    assert errors(notebook) == []
    assert "of-an-analyst" not in readable(notebook)


def test_missing_engines_are_told_and_do_not_pass_for_success(tmp_path: Path) -> None:
    path = next(one for one in notebooks() if one.stem.startswith(WITH_SPARK))
    for name in ("duckdb", "dask"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('not installed')\n", encoding="utf-8")
    paths = os.pathsep.join([str(tmp_path), str(Path(cctrack.__file__).parents[1])])
    without = {"PYTHONPATH": paths, "JAVA_HOME": str(tmp_path / "no Java here")}
    notebook = run(nbformat.read(path, as_version=4), tmp_path / "kernel", environment=without)
    assert errors(notebook) == []
    told = "\n".join(part for shown in texts(notebook) for part in shown)
    for name in ("DuckDB", "Dask", "Spark"):
        assert f"No funnel from {name}: it " in told
        assert re.search(rf"^{name} +did not run$", told, re.MULTILINE)
    assert told.count("cctrack-jupyter[engines]") == 2
    assert "Java 17" in told
    assert "Equal to pandas: True" not in told


def with_widgets(state: Any) -> NotebookNode:
    return nbformat.v4.new_notebook(metadata={"widgets": {WIDGETS: {"state": state}}})


def test_errors_inside_widgets_are_found() -> None:
    broken = {"output_type": "error", "ename": "KeyError", "evalue": "'x'"}
    notebook = with_widgets({"a": {"state": {"value": 3}}, "b": {"state": {"outputs": [broken]}}})
    assert errors(notebook) == ["KeyError: 'x'"]


def test_errors_that_our_widgets_tell_are_found() -> None:
    def unreachable() -> pd.DataFrame:
        raise cctrack.NetworkError("the line is dead; try again")

    columns = ["campaign_id", "name", "modified_date"]
    nothing = pd.DataFrame({name: pd.Series(dtype="string") for name in columns})
    told = errors(with_widgets(dependency_state([CampaignPicker(unreachable)])))
    assert len(told) == 1
    assert "the line is dead" in told[0]
    assert errors(with_widgets(dependency_state([CampaignPicker(nothing)]))) == []


def test_errors_that_our_widgets_tell_in_plain_outputs_are_found() -> None:
    output = nbformat.v4.new_output("display_data", data={"text/html": said("the line is dead", "wrong")})
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1", outputs=[output])])
    assert ["dead" in line for line in errors(notebook)] == [True]


def png(picture: Image.Image) -> str:
    written = io.BytesIO()
    picture.save(written, "png")
    return base64.b64encode(written.getvalue()).decode()


def test_drawings_are_kept_as_they_look_in_a_third_of_the_size() -> None:
    canvas = FigureCanvasAgg(Figure())
    canvas.figure.subplots().plot([3, 1, 2])
    canvas.draw()
    drawn = Image.fromarray(np.asarray(canvas.buffer_rgba()))
    kept = smaller(png(drawn))
    assert len(kept) < len(png(drawn)) / 2
    shown = Image.open(io.BytesIO(base64.b64decode(kept))).convert("RGB")
    difference = ImageChops.difference(shown, drawn.convert("RGB"))
    assert max(high for _, high in difference.getextrema()) < 8


def test_pictures_of_many_colours_or_seen_through_are_left_as_they_are() -> None:
    noise = png(Image.fromarray(np.random.default_rng(0).integers(0, 256, (90, 90, 3), dtype=np.uint8)))
    glass = png(Image.new("RGBA", (9, 9), (0, 0, 255, 90)))
    assert [smaller(one) for one in (noise, glass)] == [noise, glass]


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
