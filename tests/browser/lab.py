"""A JupyterLab server on loopback, with folders of its own for everything that Jupyter reads or writes."""

import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

import nbformat

ROOT = Path(__file__).resolve().parents[2]
SECONDS_TO_END = 30
NEWS = "@jupyterlab/apputils-extension:announcements"  # its question would cover the corner of every page
_ADDRESS = re.compile(r"(http://127\.0\.0\.1:\d+)/")
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")


def environment(folder: Path) -> dict[str, str]:
    """Give a Jupyter process the library of this repository, folders of its own and nothing of the developer's."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("CCTRACK_", "JUPYTER", "MPLBACKEND")) and name.lower() not in _PROXIES
    }
    parts = ("CONFIG_DIR", "DATA_DIR", "RUNTIME_DIR", "LAB_WORKSPACES_DIR", "LAB_SETTINGS_DIR")
    own = {f"JUPYTER{'' if part.startswith('LAB') else '_'}{part}": str(folder / part.lower()) for part in parts}
    configured = folder / "config_dir" / "labconfig"
    configured.mkdir(parents=True, exist_ok=True)
    (configured / "page_config.json").write_text(json.dumps({"disabledExtensions": {NEWS: True}}))
    return {
        **kept,
        **own,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "IPYTHONDIR": str(folder / "ipython"),
        "CCTRACK_CACHE_DIR": str(folder / "cache"),
        "CCTRACK_PROGRESS": "0",
    }


class Process:
    """A process that serves JupyterLab: what it says is read, and it is ended whatever happens."""

    def __init__(self, command: Sequence[str | Path], settings: Mapping[str, str], folder: Path) -> None:
        self.said: list[str] = []
        self.popen = subprocess.Popen(
            command, env=settings, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._told = threading.Event()
        self._reader.start()

    def _read(self) -> None:
        assert self.popen.stdout is not None
        with self.popen.stdout as said:
            for line in said:
                self.said.append(line)
                if _ADDRESS.search(line):
                    self._told.set()
        self._told.set()

    def wait_for(self, pattern: re.Pattern[str], seconds: float = 60) -> str:
        """Wait until it tells an address, and give what it told of this form."""
        self._told.wait(seconds)
        found = pattern.search(self.output)
        assert found is not None, f"JupyterLab did not start:\n{self.output}"
        return found[1]

    @property
    def output(self) -> str:
        """All that it said so far."""
        return "".join(self.said)

    def end(self) -> None:
        """End it, with its kernels."""
        self.popen.terminate()
        try:
            self.popen.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            self.popen.kill()
            self.popen.wait(SECONDS_TO_END)
        self._reader.join(SECONDS_TO_END)


class Lab:
    """JupyterLab on a folder of notebooks; `url` is where it answers."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "work"
        self.folder.mkdir(parents=True)
        options = (
            "--no-browser",
            "--allow-root",
            "--ServerApp.ip=127.0.0.1",
            "--ServerApp.port=0",  # a free one
            "--IdentityProvider.token=",
            f"--ServerApp.root_dir={self.folder}",
            "--LabApp.expose_app_in_browser=True",
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
            "--LabApp.extension_manager=readonly",
        )
        settings = environment(folder)
        self.process = Process([sys.executable, "-m", "jupyterlab", *options], settings, self.folder)

    def __enter__(self) -> Self:
        try:
            self.url = self.process.wait_for(_ADDRESS)
        except BaseException:
            self.process.end()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.process.end()

    def write(self, name: str, cells: Sequence[str]) -> str:
        """Put a notebook of code cells into the folder, and give its name there."""
        notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(source) for source in cells])
        notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
        nbformat.write(notebook, self.folder / f"{name}.ipynb")
        return f"{name}.ipynb"

    def copy(self, path: Path) -> str:
        """Put a copy of a notebook into the folder, and give its name there."""
        (self.folder / path.name).write_bytes(path.read_bytes())
        return path.name
