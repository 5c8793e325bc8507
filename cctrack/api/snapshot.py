"""A store in one file, for a colleague without credentials: pages as JSON in a zip, and nothing that could run."""

import json
import os
import re
import tempfile
import zipfile
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from cctrack._version import __version__
from cctrack.api.folder import FILE_MODE
from cctrack.api.privacy import Mask, masked
from cctrack.api.store import Entry, Store
from cctrack.errors import CacheMissError, CctrackError, ResponseError

_FORMAT = 1
_INDEX = "snapshot.json"
_PAGE = re.compile(r"pages/\d{6,9}\.json")
_ACCOUNT = re.compile(r"[\w.-]{1,80}")
_MOST_OF_A_PAGE = 64 * 2**20
_MOST_OF_ALL = 8 * 2**30
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)  # others are expanded without a limit
_YEAR_10000 = 253_402_300_800


class Index(msgspec.Struct, forbid_unknown_fields=True):
    """What stands in a snapshot."""

    format: int
    version: str
    api: str
    account: str
    frozen_at: str
    masked: bool
    entries: list[Entry]


def write(store: Store, api: str, path: Path, mask: Mask | None, now: float) -> int:
    """Write all whole walks of a store.

    Returns
    -------
    int
        How many walks were written.
    """
    entries: list[Entry] = []
    handle, scratch = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        os.close(handle)
        count = 0
        with zipfile.ZipFile(scratch, "w", zipfile.ZIP_DEFLATED) as archive:
            for entry in store.entries():
                bodies = list(masked(store, entry, mask))
                if len(bodies) < len(entry.pages):
                    continue  # a walk of which a page is gone is no walk
                names = [f"pages/{count + position:06d}.json" for position in range(len(bodies))]
                for name, body in zip(names, bodies, strict=True):
                    archive.writestr(name, body)
                count += len(bodies)
                query = entry.query if mask is None else mask.query(entry.query)
                entries.append(replace(entry, pages=names, query=query))
            index = {
                "format": _FORMAT,
                "version": __version__,
                "api": api,
                "account": store.account,
                "frozen_at": datetime.fromtimestamp(now, UTC).isoformat(timespec="seconds"),
                "masked": mask is not None,
                "entries": [asdict(entry) for entry in entries],
            }
            if not entries:
                raise CacheMissError("the cache holds nothing to freeze yet; read the reports first, then freeze them")
            archive.writestr(_INDEX, json.dumps(index))
        Path(scratch).chmod(FILE_MODE)
        Path(scratch).replace(path)
    finally:
        Path(scratch).unlink(missing_ok=True)
    return len(entries)


class Snapshot(Store):
    """A store that reads from a snapshot and writes nowhere but in memory.

    Parameters
    ----------
    path
        The file.

    Raises
    ------
    ResponseError
        When it is no snapshot, or one of another version.
    """

    def __init__(self, path: Path) -> None:
        wrong: str | None = None
        with path.open("rb"):
            pass  # a file that cannot be read is told by the system's own error
        archive: zipfile.ZipFile | None = None
        try:
            self._archive = archive = zipfile.ZipFile(path)
            self._sizes = {one.filename: one.file_size for one in self._archive.infolist()}
            self.index = msgspec.json.decode(self._member(_INDEX) or b"", type=Index)
            wrong = self._wrong()
        except Exception as error:  # whatever somebody put there, it is not ours
            wrong = type(error).__name__
        if wrong:
            if archive is not None:
                archive.close()
            raise ResponseError(f"{path.name} is no snapshot of cctrack ({wrong}); ask for it to be frozen again")
        super().__init__(None, self.index.account)
        for entry in self.index.entries:
            self.keep(entry)

    def page(self, key: str) -> bytes | None:
        """Give a page's body."""
        return self._member(key) if _PAGE.fullmatch(key) else super().page(key)

    def close(self) -> None:
        """Close the file."""
        super().close()
        self._archive.close()

    def alone(self) -> NoReturn:
        """Refuse to be changed."""
        raise CctrackError(
            "a snapshot is never changed; forget the contact in the cache of the account, and freeze that anew"
        )

    def _wrong(self) -> str | None:
        index = self.index
        if index.format != _FORMAT:
            return f"format {index.format}, this version reads {_FORMAT}"
        if _ACCOUNT.fullmatch(index.account) is None:
            return "the account has no name"
        names = [name for entry in index.entries for name in entry.pages]
        if not all(_PAGE.fullmatch(name) and name in self._sizes for name in names):
            return "pages are missing"
        if not len(names) + 1 == len(self._sizes) == len(self._archive.infolist()) == len({_INDEX, *names}):
            return "more stands in it than belongs there, or something twice"
        if not all(0 <= time < _YEAR_10000 for entry in index.entries for time in (entry.fetched_at, entry.whole_at)):
            return "a walk has no date"
        if any(one.compress_type not in _COMPRESSIONS for one in self._archive.infolist()):
            return "it is compressed in another way"
        if sum(self._sizes.values()) > _MOST_OF_ALL or max(self._sizes.values()) > _MOST_OF_A_PAGE:
            return "it is too large"
        return None

    def _member(self, name: str) -> bytes | None:
        """Read one member, and no more of it than it says that it is."""
        if self._sizes.get(name, _MOST_OF_A_PAGE + 1) > _MOST_OF_A_PAGE:
            return None
        try:
            with self._archive.open(name) as file:
                return file.read(self._sizes[name] + 1)
        except Exception:  # it is not what it says that it is
            return None


def checked_path(given: Any) -> Path:
    """Read where a snapshot is.

    Raises
    ------
    TypeError
        When it is no path.
    """
    if isinstance(given, bytes) or not isinstance(given, (str, os.PathLike)):
        raise TypeError(f"path is a {type(given).__name__}; pass a file name such as 'q3.zip'")
    return Path(given).expanduser()
