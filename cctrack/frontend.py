"""Where the code runs: in a terminal, in a notebook that somebody looks at, or in one that runs by itself."""

import os
import sys
from typing import Any

GET_WIDGETS = "pip install ipywidgets, and start the kernel again"


def has_widgets() -> bool:
    """Whether ipywidgets can be imported."""
    try:
        import ipywidgets  # noqa: F401
    except ImportError:
        return False
    return True


def in_a_notebook() -> bool:
    """Whether what is displayed goes to a notebook."""
    return _kernel() is not None


def in_a_batch() -> bool:
    """Whether the cell runs under nbconvert, papermill and the like, where nobody can act on a widget.

    These run cells with `allow_stdin` off, since nobody could answer; JupyterLab, Notebook and VS Code have it on.
    Voila, which runs cells in the same way, shows widgets all the same.
    """
    kernel = _kernel()
    if kernel is None or os.environ.get("SERVER_SOFTWARE", "").startswith("voila"):
        return False
    parent = kernel.get_parent("shell") or {}
    return parent.get("content", {}).get("allow_stdin", True) is False


def unattended() -> bool:
    """Whether widgets cannot be seen: in a batch, or in a terminal."""
    return not in_a_notebook() or in_a_batch()


def _kernel() -> Any:
    """Give the kernel of this process, if it is one."""
    if (ipython := sys.modules.get("IPython")) is None:
        return None
    shell = ipython.get_ipython()
    return getattr(shell, "kernel", None)
