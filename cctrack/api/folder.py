"""Folders and files that only their owner can read."""

import os
from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def private_folder(path: Path) -> None:
    """Make a folder of ours, 0700, with the parents that are missing.

    Raises
    ------
    OSError
        When it cannot be made.
    """
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    for folder in reversed(missing):
        folder.mkdir(mode=FOLDER_MODE, exist_ok=True)
    path.chmod(FOLDER_MODE)


def private_file(path: Path) -> None:
    """Make an empty file, 0600, before a library makes it for everyone to read.

    Raises
    ------
    OSError
        When it cannot be made.
    """
    private_folder(path.parent)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, FILE_MODE))
    path.chmod(FILE_MODE)
