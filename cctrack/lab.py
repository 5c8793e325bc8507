"""JupyterLab on a copy of the notebooks, for somebody who looks around first."""

import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent
_FIRST = "01_quickstart.ipynb"
# A workspace of its own, so that nobody's open tabs are mixed with these.
_PAGE = f"/lab/workspaces/cctrack/tree/{_FIRST}"


class LabError(Exception):
    """JupyterLab cannot be opened; the words say what to do."""


@dataclass(frozen=True)
class Copies:
    """What became of the notebooks.

    Attributes
    ----------
    folder : pathlib.Path
        Where the copies are.
    kept : tuple of str
        Those that were there and differ from the originals; they were left as they are.
    """

    folder: Path
    kept: tuple[str, ...]


def require() -> None:
    """See that JupyterLab is here.

    Raises
    ------
    LabError
        When it is not.
    """
    if missing := [name for name in ("jupyterlab", "ipykernel") if find_spec(name) is None]:
        wanted = " and ".join(missing)
        raise LabError(f"{wanted} not installed; in the clone of cctrack, pip install '.[lab]' adds what is missing")


def copies(folder: Path) -> Copies:
    """Copy the notebooks; what is in the folder already is never written over.

    Parameters
    ----------
    folder
        Where to; made if it is not there.

    Returns
    -------
    Copies
        What was kept.

    Raises
    ------
    LabError
        When the folder cannot be written to or is that of the originals.
    """
    originals = _originals()
    if folder.resolve() == originals:
        raise LabError(f"{folder} holds the notebooks themselves; name another folder with --out")
    kept = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for original in _notebooks(originals):
            copy = folder / original.name
            if not copy.exists():
                shutil.copyfile(original, copy)
            elif copy.read_bytes() != original.read_bytes():
                kept.append(copy.name)
    except OSError as error:
        raise LabError(f"cannot write into {folder}: {error.strerror}; name another folder with --out") from None
    return Copies(folder, tuple(kept))


def run(folder: Path) -> None:
    """Open JupyterLab on a folder, and come back when it was ended.

    It runs in this process, so that Ctrl-C ends it and its kernels, and nothing is left over.

    Parameters
    ----------
    folder
        With the notebooks.
    """
    if _originals() != _PACKAGE / "notebooks":
        # Run from a clone: the kernels find the library as this process did.
        paths = [str(_PACKAGE.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
        os.environ["PYTHONPATH"] = os.pathsep.join(paths)
    # Kernels of this Python, and not of another one that also calls its kernel python3.
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    import_module("jupyterlab.labapp").main(
        [
            f"--ServerApp.root_dir={folder.resolve()}",
            f"--LabApp.default_url={_PAGE}",
            "--ServerApp.answer_yes=True",  # Ctrl-C ends it without a question
            "--ServerApp.allow_root=True",  # in containers there is often nobody else
            "--Application.log_level=ERROR",  # leaves its address, and what went wrong
            "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",  # asks nobody outside
        ]
    )


def _originals() -> Path:
    """Find the notebooks: the wheel has them within the package, a clone beside it."""
    for folder in (_PACKAGE / "notebooks", _PACKAGE.parent / "notebooks"):
        if (folder / _FIRST).is_file():
            return folder
    raise LabError("the notebooks did not come with this copy of cctrack; install it from a clone")


def _notebooks(folder: Path) -> Iterator[Path]:
    yield from sorted(folder.glob("*.ipynb"))
