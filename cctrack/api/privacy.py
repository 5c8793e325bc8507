"""Personal data in the store: remove a person, or put pseudonyms in the place of addresses and names."""

import re
import secrets
from collections.abc import Iterator
from dataclasses import replace
from hashlib import blake2b
from typing import Any, Protocol
from urllib.parse import parse_qsl

import msgspec

from cctrack.api.store import Entry, Store, began, new_number
from cctrack.api.transport import encoded, strict_json

_ADDRESS = re.compile(r"[\w.!#$&'*+/=?^`{|}~-]+(?:@|%40)[\w-]+(?:\.[\w-]+)+")
_AT = re.compile("@|%40")


class Dialect(Protocol):
    """What is needed of a dialect."""

    PERSONAL: frozenset[str]

    def is_of_contact(self, path: str, contact: str, /) -> bool:
        """Whether an address is that of a contact's own report."""
        ...

    def without_contact(self, answer: Any, path: str, contact: str, /) -> tuple[Any, int]:
        """Give a page without a contact's rows, and how many those were."""
        ...


def forget(store: Store, dialect: Dialect, contact: str) -> int:
    """Remove a contact from every stored report, and from what the file and its journal still hold.

    Returns
    -------
    int
        Rows removed.
    """
    gone = 0
    for entry in store.all():
        if dialect.is_of_contact(entry.path, contact):
            gone += entry.rows
            store.replace(entry, None)
            continue
        pages, removed = _without(store, dialect, entry, contact)
        if not removed:
            continue
        gone += removed
        asked_by_address = "email" in dict(parse_qsl(entry.query))
        number = new_number(entry.fetched_at)
        changed = replace(entry, number=number, pages=pages, rows=max(0, entry.rows - removed))
        store.replace(entry, None if asked_by_address else changed)
    store.shrink()
    return gone


def _without(store: Store, dialect: Dialect, entry: Entry, contact: str) -> tuple[list[str], int]:
    pages, removed = [], 0
    for name in entry.pages:
        body = store.page(name)
        answer, rows = (None, 0) if body is None else dialect.without_contact(strict_json(body), entry.path, contact)
        if rows:
            name = f"{new_number(began(name))}-0"
            store.keep_page(name, entry.path, msgspec.json.encode(answer))
        pages.append(name)
        removed += rows
    return pages, removed


class Mask:
    """Puts pseudonyms in the place of addresses, the same one for the same address, and empties names.

    The part behind the @ has a pseudonym of its own, so that addresses of one host stay together. The salt is
    forgotten with the mask: nobody can tell an address by trying.
    """

    def __init__(self, personal: frozenset[str]) -> None:
        self._personal = personal
        self._salt = secrets.token_bytes(16)

    def query(self, query: str) -> str:
        """Mask what was asked for."""
        return encoded({name: self._text(value) for name, value in parse_qsl(query, keep_blank_values=True)})

    def body(self, body: bytes) -> bytes:
        """Mask a page."""
        return msgspec.json.encode(self._value(strict_json(body)))

    def _value(self, value: Any) -> Any:
        if isinstance(value, str):
            return self._text(value)
        if isinstance(value, list):
            return [self._value(one) for one in value]
        if isinstance(value, dict):
            return {name: self._field(name, one) for name, one in value.items()}
        return value

    def _field(self, name: str, value: Any) -> Any:
        if name in self._personal:
            return [] if isinstance(value, list) else ""
        return self._value(value)

    def _text(self, text: str) -> str:
        return _ADDRESS.sub(self._pseudonym, text) if "@" in text or "%40" in text else text

    def _pseudonym(self, found: re.Match[str]) -> str:
        person, host = _AT.split(found[0].lower(), maxsplit=1)
        return f"p{self._digest(person, host)}@d{self._digest(host)}.example"

    def _digest(self, *parts: str) -> str:
        return blake2b("@".join(parts).encode(), key=self._salt, digest_size=5).hexdigest()


def masked(store: Store, entry: Entry, mask: Mask | None) -> Iterator[bytes]:
    """Give the pages of a walk, masked if wanted; fewer when one is not there."""
    for name in entry.pages:
        body = store.page(name)
        if body is None:
            return
        yield body if mask is None else mask.body(body)
