"""Sessions for tests: against the loopback service, with waits that take no time."""

import base64
import json
import sqlite3
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
from clock import Clock
from service import Answer, Row, Service, click

from cctrack.api import settings, v2, v3
from cctrack.api.session import Account, Session, assembled

CLICKS = "/v2/contacts/36/tracking/clicks"
CAMPAIGN_CLICKS = "/v2/emailmarketing/campaigns/1100000000001/tracking/clicks"


def session_on(
    service: Service,
    folder: Path,
    clock: Any = None,
    *,
    account: str = "v2-test",
    key: str = "test",
    most_pages: int | None = None,
    url: str | None = None,
    api: str = "v2",
    **given: Any,
) -> Session:
    """Put a session on the service together; with a `Clock` of the tests, no wait takes time."""
    wanted = {
        "api": api,
        "api_key": service.key,
        "access_token": service.token,
        "base_url": url or service.url,
        "cache_dir": str(folder),
        "rate": 1000.0,
        "daily_quota": 1_000_000,
    }
    chosen = settings.settle(wanted | given)
    dialect = {"v2": v2, "v3": v3}[api]
    origin, loopback = settings.origin(chosen.base_url, dialect.HOST)
    session = assembled(dialect, origin, Account(account, key), chosen, loopback=loopback, clock=clock or Clock())
    if most_pages is not None:
        session.policy = replace(session.policy, most_pages=most_pages)
    return session


def clicks(count: int, first: int = 0) -> list[Row]:
    """Make clicks that differ, newest first, a minute apart."""
    newest = pd.Timestamp("2026-03-02T15:00:00Z")
    dates = [newest - pd.Timedelta(minutes=first + number) for number in range(count)]
    return [
        click(date=f"{date:%Y-%m-%dT%H:%M:%S}.{number % 1000:03d}Z", link_id=str(first + number))
        for number, date in enumerate(dates)
    ]


def link_ids(frame: pd.DataFrame) -> list[str]:
    """Tell the rows apart by their links."""
    return [str(value) for value in frame["link_id"]]


def ids_of(rows: list[Row]) -> list[str]:
    """Tell the service's rows apart in the same way."""
    return [str(row["link_id"]) for row in rows]


def threads_ended() -> None:
    """Wait for the threads of a fan-out that failed: each ends the page that it is at."""
    for thread in threading.enumerate():
        if thread.name.startswith("cctrack_"):
            thread.join(10)


def always(service: Service, path: str, answer: Answer) -> None:
    """Let the service give this answer for a path, whatever it is asked."""
    service.on(path, lambda request: answer)


@contextmanager
def quiet() -> Iterator[list[str]]:
    """Collect warnings instead of failing on them."""
    told: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            yield told
        finally:
            told += [f"{warning.category.__name__}: {warning.message}" for warning in caught]


def files(folder: Path) -> list[Path]:
    """List every file below a folder."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


def walks_file(folder: Path) -> Path:
    """Find the cache file of the one account in a cache folder."""
    (found,) = [path for path in files(folder) if path.name.startswith("walks") and path.suffix == ".sqlite"]
    return found


def stored(path: Path) -> list[tuple[str, str, Any]]:
    """Read every value of every table of a SQLite file, with a connection of our own."""
    with closing(sqlite3.connect(path)) as db:
        tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        return [(table, column, value) for table in tables for column, value in _values(db, table)]


def _values(db: sqlite3.Connection, table: str) -> Iterator[tuple[str, Any]]:
    cursor = db.execute(f'SELECT * FROM "{table}"')
    names = [column[0] for column in cursor.description]
    for row in cursor:
        yield from zip(names, row, strict=True)


def pages_in(folder: Path) -> int:
    """Count the pages that lie in the cache file, also those of no finished walk."""
    return sum(
        1
        for path in files(folder)
        if path.name.endswith(".sqlite") and path.name.startswith("walks")
        for table, column, _ in stored(path)
        if (table, column) == ("pages", "key")
    )


def decoded(folder: Path) -> Iterator[str]:
    """All files as they are, and every value of every table in all its layers."""
    for path in sorted(files(folder), key=lambda one: one.suffix == ".sqlite"):  # reading one removes its journal
        yield str(path.relative_to(folder))
        yield path.read_bytes().decode("latin-1")
        if path.suffix == ".sqlite":
            db = sqlite3.connect(path)
            tables = [name for (name,) in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            for table in tables:
                for row in db.execute(f'SELECT * FROM "{table}"').fetchall():
                    for value in row:
                        yield from layers(value)
            db.close()


def layers(value: Any) -> Iterator[str]:
    """Unpack what the cache wrote, as far as it can be."""
    if isinstance(value, bytes):
        try:
            value = zlib.decompress(value)
        except zlib.error:
            yield value.decode("latin-1")
            return
        value = value.decode("utf-8", "replace")  # the typed tables are no text
    yield str(value)
    try:
        inner = json.loads(value) if isinstance(value, str) else value
    except ValueError:
        return
    waiting = [inner]
    while waiting:
        one = waiting.pop()
        if isinstance(one, dict):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, list):
            waiting += one
        elif isinstance(one, str):
            yield one
            try:
                within = base64.b64decode(one, validate=True)
            except ValueError:
                continue
            yield within.decode("latin-1")
            with suppress(zlib.error):  # a page's body
                yield zlib.decompress(within).decode("latin-1")
