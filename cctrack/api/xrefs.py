"""v2 identifiers as v3 knows them: how they are asked for, and the file that keeps them for good."""

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cctrack.api.folder import private_file
from cctrack.errors import CctrackError, ResponseError

FILE = "crosswalk.sqlite"
_LOCK_WAIT = 5.0
_VARIABLES = 500  # of one statement; SQLite's own limit is higher


@dataclass(frozen=True)
class Xref:
    """One of the three lists that the service has.

    Attributes
    ----------
    path : str
        Below the dialect's prefix.
    param : str
        Parameter with the v2 identifiers.
    old, new : str
        Fields of a row.
    most : int
        Identifiers in one request.
    """

    path: str
    param: str
    old: str
    new: str
    most: int

    def batches(self, keys: Iterable[str]) -> Iterator[list[str]]:
        """Part identifiers into what one request takes."""
        waiting = list(keys)
        for start in range(0, len(waiting), self.most):
            yield waiting[start : start + self.most]

    def query(self, batch: Iterable[str]) -> str:
        """Write the query of a request; the identifiers are digits alone."""
        return f"{self.param}={','.join(batch)}"

    def read(self, answer: Any) -> dict[str, str]:
        """Read an answer; a row without either identifier says nothing.

        Raises
        ------
        ResponseError
            When it is none.
        """
        rows = answer.get("xrefs") if isinstance(answer, dict) else None
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ResponseError("the answer holds no list of identifiers (xrefs); try again later", retryable=True)
        found = {bare(row.get(self.old)): row.get(self.new) for row in rows}
        return {old: new for old, new in found.items() if old and isinstance(new, str) and new}


XREFS = {
    "contact": Xref("/contacts/contact_id_xrefs", "sequence_ids", "sequence_id", "contact_id", 500),
    "list": Xref("/contact_lists/list_id_xrefs", "sequence_ids", "sequence_id", "list_id", 500),
    "campaign": Xref("/emails/campaign_id_xrefs", "v2_email_campaign_ids", "v2_email_campaign_id", "campaign_id", 50),
}


def bare(number: object) -> str:
    """Write a v2 identifier without the zeros that the service sets before it; empty for what is none."""
    text = str(number) if isinstance(number, (str, int)) and not isinstance(number, bool) else ""
    return (text.lstrip("0") or "0") if text.isascii() and text.isdecimal() else ""


class Crosswalk:
    """Pairs of identifiers on disk. They never change, and the vendor will remove where they come from.

    Parameters
    ----------
    folder
        The account's own.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / FILE

    def held(self, kind: str, keys: Iterable[str]) -> dict[str, str]:
        """Look pairs up.

        Raises
        ------
        OSError, sqlite3.Error
            When the file cannot be read.
        """
        if not self.path.exists():
            return {}
        found: dict[str, str] = {}
        waiting = list(keys)
        with self._open() as db:
            for start in range(0, len(waiting), _VARIABLES):
                part = waiting[start : start + _VARIABLES]
                marks = ",".join("?" * len(part))
                rows = db.execute(f"SELECT v2, v3 FROM pairs WHERE kind = ? AND v2 IN ({marks})", (kind, *part))  # noqa: S608
                found.update(rows.fetchall())
        return found

    def keep(self, kind: str, pairs: dict[str, str]) -> None:
        """Add pairs.

        Raises
        ------
        OSError, sqlite3.Error
            When the file cannot be written.
        """
        with self._open() as db:
            rows = [(kind, old, new) for old, new in pairs.items()]
            db.executemany("INSERT OR REPLACE INTO pairs VALUES (?, ?, ?)", rows)

    def forget(self, contact: str) -> int:
        """Remove a contact, by either identifier, and what the file still held of it.

        Raises
        ------
        OSError, sqlite3.Error
            When the file cannot be written.
        """
        if not self.path.exists():
            return 0
        command = "DELETE FROM pairs WHERE kind = 'contact' AND (v2 = ? OR lower(v3) = lower(?))"
        with self._open() as db:
            return db.execute(command, (bare(contact), contact)).rowcount

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        private_file(self.path)
        with closing(sqlite3.connect(self.path, timeout=_LOCK_WAIT)) as db:
            db.execute("PRAGMA secure_delete = ON")  # what is forgotten is overwritten
            with db:  # one transaction
                db.execute(
                    "CREATE TABLE IF NOT EXISTS pairs "
                    "(kind TEXT, v2 TEXT, v3 TEXT, PRIMARY KEY (kind, v2)) WITHOUT ROWID"
                )
                yield db


def forget(store: Path | None, contact: str) -> int:
    """Remove a contact from the file beside a store; give the number of pairs.

    Raises
    ------
    CctrackError
        When the file cannot be changed.
    """
    if store is None:
        return 0
    file = Crosswalk(store.parent)
    try:
        return file.forget(contact)
    except (sqlite3.Error, OSError) as error:
        raise CctrackError(
            f"{file.path} could not be changed ({error}), so that not all was removed; close what else uses it, or "
            "remove it if it is damaged, and call it again",
            retryable=True,
        ) from error
