"""Runs all notebooks and writes their outputs into them: ``python -m tests.make_notebooks``.

Each runs against the demo account with a cache folder of its own, in a folder that is not the repository's. What is
kept is what people read on the web: no widget state, no timings, nothing of this machine.
"""

import hashlib
import os
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient
from nbformat import NotebookNode

ROOT = Path(__file__).resolve().parent.parent
FOLDER = ROOT / "notebooks"
SECONDS_A_CELL = 120  # without a limit, a last cell that shows a widget may hang for ever
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_KERNEL = {"display_name": "Python 3 (ipykernel)", "language": "python", "name": "python3"}


def notebooks() -> list[Path]:
    """Give all notebooks, in their order."""
    return sorted(FOLDER.glob("*.ipynb"))


def run(notebook: NotebookNode, folder: Path, *, widgets: bool = False) -> NotebookNode:
    """Run a copy of a notebook in a real kernel; `widgets` keeps the state of its widgets."""
    copy = nbformat.from_dict(notebook)
    work = folder / "work"
    work.mkdir(parents=True)
    client = NotebookClient(
        copy,
        timeout=SECONDS_A_CELL,
        startup_timeout=SECONDS_A_CELL,
        kernel_name="python3",
        store_widget_state=widgets,
        record_timing=False,
        resources={"metadata": {"path": str(work)}},
    )
    client.execute(env=_environment(folder))
    return copy


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
        "CCTRACK_PROGRESS": "0",
        "IPYTHONDIR": str(folder / "ipython"),
    }


def sources_of(notebook: NotebookNode) -> str:
    """Give a fingerprint of what is executed."""
    text = "\0".join(f"{cell.cell_type}\0{cell.source}" for cell in notebook.cells)
    return hashlib.sha256(text.encode()).hexdigest()


def pandas_release() -> str:
    """Give the release of pandas whose tables the outputs show: another one may set them differently."""
    return ".".join(version("pandas").split(".")[:2])


def cleaned(notebook: NotebookNode, name: str) -> NotebookNode:
    """Leave out of an executed notebook what differs from run to run, and note which sources its outputs are of."""
    for number, cell in enumerate(notebook.cells, start=1):
        cell["id"] = f"{name}-{number:02d}"
        cell["metadata"] = {}
    about: dict[str, Any] = {"pandas": pandas_release(), "sources": sources_of(notebook)}
    notebook["metadata"] = {"cctrack": about, "kernelspec": _KERNEL, "language_info": {"name": "python"}}
    notebook["nbformat"], notebook["nbformat_minor"] = 4, 5
    return nbformat.from_dict(notebook)


def main() -> int:
    """Run every notebook and write it back."""
    for path in notebooks():
        with tempfile.TemporaryDirectory() as folder:
            notebook = cleaned(run(nbformat.read(path, as_version=4), Path(folder)), path.stem.replace("_", "-"))
        nbformat.validate(notebook)
        path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8")
        print(f"{path.relative_to(ROOT)}: {path.stat().st_size / 1000:.0f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
