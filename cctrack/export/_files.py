"""Files that are there whole or not at all, and the libraries that write them."""

import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

_LONGEST_NAME = 100  # of the part that the temporary file takes over; systems allow about 255 bytes


def target(given: object, suffix: str = "") -> Path:
    """Read where a file is to be written.

    Parameters
    ----------
    given
        A file name.
    suffix
        What it must end in; "" for anything.

    Raises
    ------
    TypeError, ValueError
        When it is no file name, or ends in something else.
    OSError
        When it is a folder, or its folder does not exist.
    """
    if isinstance(given, bytes) or not isinstance(given, (str, os.PathLike)) or not (text := os.fspath(given)):
        raise TypeError(f"path must be a file name, not {given!r}; pass one such as 'clicks{suffix or '.csv'}'")
    path = Path(text).expanduser()
    if suffix and path.suffix.lower() != suffix:
        raise ValueError(f"path must end in {suffix}, or Excel will not open it: {path.with_suffix(suffix).name!r}")
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder; name a file in it")
    if not path.parent.is_dir():
        raise FileNotFoundError(f"the folder {path.parent} does not exist; make it first, or name another one")
    return path


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a file to write, and put it in the place of another one when the block ends well.

    Parameters
    ----------
    path
        The file to be. One that is there stays as it is until then, and hands on its permissions; a link is followed.
    """
    final = Path(os.path.realpath(path))  # a new file in its folder, so that changing places is one step
    scratch = final.with_name(f".{final.name.encode()[:_LONGEST_NAME].decode(errors='ignore')}.{secrets.token_hex(8)}")
    try:
        scratch.open("xb").close()
        if final.exists():
            shutil.copymode(final, scratch)
        yield scratch
        scratch.replace(final)
    except BaseException:  # Ctrl-C too
        scratch.unlink(missing_ok=True)
        raise


def needed(library: str) -> Any:
    """Import a library of the extra `export`.

    Raises
    ------
    ImportError
        When it is not installed; says how to get it.
    """
    try:
        return import_module(library)
    except ImportError as error:
        name = library.partition(".")[0]
        raise ImportError(f'this needs {name}: pip install "cctrack-jupyter[export]"', name=name) from error
