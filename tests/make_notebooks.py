"""Runs notebooks and writes their outputs into them: ``python -m tests.make_notebooks``, or only ``02 03`` of them.

Each runs against the demo account with a cache folder of its own, in a folder that is not the repository's. What is
kept is what people read on the web: no widget state, no timings, nothing of this machine.

With ``--check`` they are run and what goes wrong is told, but nothing is written; ``--check --api v3`` runs them on the
demo account as the v3 API shows it, ``--check --demo "contacts=60, seed=5"`` on the one that these arguments give.
"""

import argparse
import asyncio
import base64
import hashlib
import io
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbformat import NotebookNode
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"
SECONDS_A_CELL = 120  # without a limit, a last cell that shows a widget may hang for ever
DEMO = "cctrack.demo()"  # how a notebook connects
WIDGETS = "application/vnd.jupyter.widget-state+json"
_FAILED = 'role="alert"'  # how our widgets mark the line that tells of an error
FEW_COLOURS = 1000  # a drawing has some 250, of which most are edges of letters
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def notebooks() -> list[Path]:
    """Give all notebooks, in their order."""
    return sorted(FOLDER.glob("*.ipynb"))


def connecting(notebook: NotebookNode, connect: str) -> NotebookNode:
    """Give a copy that connects by other code, as somebody writes it who has an account of her own."""
    copy = nbformat.from_dict(notebook)
    cells = [cell for cell in copy.cells if cell.cell_type == "code"]
    if [cell.source.count(DEMO) for cell in cells if DEMO in cell.source] != [1]:
        raise ValueError(f"the code of a notebook has to say {DEMO} once")
    for cell in cells:
        cell.source = cell.source.replace(DEMO, connect)
    return copy


def run(
    notebook: NotebookNode, folder: Path, *, widgets: bool = False, environment: Mapping[str, str] | None = None
) -> NotebookNode:
    """Run a copy of a notebook in a real kernel.

    Parameters
    ----------
    notebook
        It stays as it is.
    folder
        For its cache and what it writes.
    widgets
        Keep the state of its widgets.
    environment
        Variables besides those of this process.
    """
    copy = nbformat.from_dict(notebook)
    work = folder / "work"
    work.mkdir(parents=True)
    client = NotebookClient(
        copy,
        timeout=SECONDS_A_CELL,
        startup_timeout=SECONDS_A_CELL,
        kernel_name="python3",
        extra_arguments=["--log-level=ERROR"],  # that a kernel on this machine talks in the clear is known
        store_widget_state=widgets,
        record_timing=False,
        coalesce_streams=True,  # else it depends on the load whether two prints are one output or two
        resources={"metadata": {"path": str(work)}},
    )
    # A loop of its own, that is closed: this may be one of several threads.
    asyncio.run(client.async_execute(env={**_environment(folder), **(environment or {})}))
    return copy


def outputs(notebook: NotebookNode) -> list[Any]:
    """Give what all code cells show."""
    return [output for cell in notebook.cells if cell.cell_type == "code" for output in cell.outputs]


def errors(notebook: NotebookNode) -> list[str]:
    """Find what went wrong: also within widgets, of which no tool that runs notebooks says a word, and on stderr."""
    state = notebook.metadata.get("widgets", {}).get(WIDGETS, {}).get("state", {})
    models = [model.get("state", {}) for model in state.values()]
    shown = [*outputs(notebook), *(output for model in models for output in model.get("outputs", ()))]
    raised = [f"{one['ename']}: {one['evalue']}" for one in shown if one["output_type"] == "error"]
    warned = [one["text"] for one in shown if one.get("name") == "stderr"]
    lines = [*(one.get("data", {}).get("text/html", "") for one in shown), *(model.get("value") for model in models)]
    return raised + warned + [line for line in lines if isinstance(line, str) and _FAILED in line]


def _environment(folder: Path) -> dict[str, str]:
    """Give the kernel the library of this repository and none of the developer's settings."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("CCTRACK_") and name.lower() not in _PROXIES
    }
    paths = [str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join(paths),
        "CCTRACK_CACHE_DIR": str(folder / "cache"),
        "IPYTHONDIR": str(folder / "ipython"),
        "JDK_JAVA_OPTIONS": "-XX:TieredStopAtLevel=1",  # half the time of Spark, whose tables are small here
    }


def sources_of(notebook: NotebookNode) -> str:
    """Give a fingerprint of what is executed."""
    text = "\0".join(f"{cell.cell_type}\0{cell.source}" for cell in notebook.cells)
    return hashlib.sha256(text.encode()).hexdigest()


def pandas_release() -> str:
    """Give the release of pandas whose tables the outputs show: another one may set them differently."""
    return ".".join(version("pandas").split(".")[:2])


def smaller(png: str) -> str:
    """Give a picture, in base64, as one of a palette: a third of the size. What has many colours is left as it is."""
    picture = Image.open(io.BytesIO(base64.b64decode(png)))
    plain = picture.convert("RGB")
    seen_through = "A" in picture.getbands() and picture.getchannel("A").getextrema() != (255, 255)
    if seen_through or not plain.getcolors(FEW_COLOURS):
        return png
    written = io.BytesIO()
    plain.quantize(256, dither=Image.Dither.NONE).save(written, "png", optimize=True)
    return base64.b64encode(written.getvalue()).decode()


def cleaned(notebook: NotebookNode, name: str) -> NotebookNode:
    """Leave out of an executed notebook what differs from run to run, and note which sources its outputs are of."""
    for number, cell in enumerate(notebook.cells, start=1):
        cell["id"] = f"{name}-{number:02d}"
        cell["metadata"] = {}
        for output in cell.get("outputs", ()):
            if "image/png" in output.get("data", {}):
                output["data"]["image/png"] = smaller(output["data"]["image/png"])
    about: dict[str, Any] = {"pandas": pandas_release(), "sources": sources_of(notebook)}
    notebook["metadata"] = {"cctrack": about, "kernelspec": _KERNEL, "language_info": {"name": "python"}}
    notebook["nbformat"], notebook["nbformat_minor"] = 4, 5
    return nbformat.from_dict(notebook)


def chosen(beginnings: Sequence[str]) -> list[Path]:
    """Give the notebooks whose names begin so, in their order; all of them when no beginning is given."""
    for one in beginnings:
        if not any(path.stem.startswith(one) for path in notebooks()):
            sys.exit(f"no notebook begins with {one!r}; there are {', '.join(path.stem for path in notebooks())}")
    return [path for path in notebooks() if path.stem.startswith(tuple(beginnings) or "")]


def main() -> int:
    """Run every notebook, or those named on the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.make_notebooks", description=(__doc__ or "").partition(":")[0]
    )
    parser.add_argument("names", nargs="*", help="how the names of the notebooks begin; all of them by default")
    parser.add_argument("--check", action="store_true", help="write nothing")
    account = parser.add_mutually_exclusive_group()
    account.add_argument("--api", choices=("v2", "v3"), default="v2", help="with --check: how the demo account speaks")
    account.add_argument("--demo", metavar="ARGUMENTS", help="with --check: what is passed to cctrack.demo()")
    given = parser.parse_args()
    arguments = given.demo or ("" if given.api == "v2" else f'api="{given.api}"')
    if arguments and not given.check:
        parser.error("what is kept are outputs of cctrack.demo(); add --check to run another account and write nothing")
    connect = f"cctrack.demo({arguments})"
    return sum([_checked(path, connect) if given.check else _made(path) for path in chosen(given.names)]) and 1


def _made(path: Path) -> int:
    """Run a notebook and write it back."""
    with tempfile.TemporaryDirectory() as folder:
        notebook = cleaned(run(nbformat.read(path, as_version=4), Path(folder)), path.stem.replace("_", "-"))
    nbformat.validate(notebook)
    path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
    print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")
    return 0


def _checked(path: Path, connect: str) -> int:
    """Run a notebook and count what goes wrong."""
    notebook = nbformat.read(path, as_version=4)
    with tempfile.TemporaryDirectory() as folder:
        try:
            found = errors(run(connecting(notebook, connect), Path(folder), widgets=True))
        except CellExecutionError as error:
            found = [str(error)]
    print(f"{path.relative_to(ROOT)}, {connect}: {'runs' if not found else 'FAILS'}", *found, sep="\n")
    return len(found)


if __name__ == "__main__":
    sys.exit(main())
