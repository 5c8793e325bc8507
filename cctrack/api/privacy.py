"""Personal data in the store: remove a person, or put pseudonyms in the place of addresses and names."""

import re
import secrets
from collections.abc import Iterator
from dataclasses import replace
from hashlib import blake2b
from typing import Any, Protocol
from urllib.parse import parse_qsl, unquote

import msgspec

from cctrack.api.store import Entry, Store, began, new_number
from cctrack.api.transport import encoded, strict_json
from cctrack.errors import ResponseError

# What stands before the @ may be part of a link: with its delimiters and escapes, to be cut off at the last of them.
_AT = r"(?:@|%(?:25)*40)"
_WORD = r"(?:[\w-]|%[89A-Fa-f][0-9A-Fa-f])+"
_ADDRESS = re.compile(
    rf"""(?P<person>(?:[\w.!#$&'*+/=?^`{{|}}~-]|%(?!(?:25)*40)){{1,256}}|"[^"\n]{{1,64}}"){_AT}"""
    rf"(?P<host>\[[^\]\s]+\]|{_WORD}(?:\.{_WORD})*)"
)
_LONGEST_LINK = 2048
_MOST_ESCAPES = 3  # a link within a link within a link
_ADDRESS_FIELDS = ("email_address", "current_email_address", "address")
_HAS_AT = re.compile(_AT)
_DELIMITER = re.compile(r"^'+|[/?&=#]|%(?:25)*(?:2[023F67f]|3[A-Fa-f]|0[AaDd])")


class Dialect(Protocol):
    """What is needed of a dialect."""

    PERSONAL: frozenset[str]

    def is_of_contact(self, path: str, contact: str, /) -> bool:
        """Whether an address is that of a contact's own report."""
        ...

    def without_contact(self, answer: Any, path: str, contact: str, /) -> tuple[Any, list[dict[str, Any]]]:
        """Give a page without a contact's rows, and these rows."""
        ...


def forget(store: Store, dialect: Dialect, contact: str) -> int:
    """Remove a contact from every stored report, and from what the file and its journal still hold.

    Returns
    -------
    int
        Rows removed.

    Raises
    ------
    CctrackError
        When the file cannot be changed; what was removed until then stays removed.
    """
    gone = 0
    addresses: set[str] = set()
    with store.alone():
        for entry in store.all():
            pages = _pages(store, entry)
            if pages is None:  # it answers nothing any more
                store.replace(entry, None)
            elif dialect.is_of_contact(entry.path, contact):
                gone += entry.rows
                addresses.update(_addresses(pages))
                store.replace(entry, None)
            else:
                removed = _remove(store, dialect, entry, pages, contact)
                gone += len(removed)
                addresses.update(_addresses(removed))
        for entry in store.all():
            if _asked_address(entry) in addresses:  # somebody asked for the address and found nothing
                store.replace(entry, None)
        store.remove_leftovers()
        store.shrink()
    return gone


def _pages(store: Store, entry: Entry) -> list[Any] | None:
    """Read the pages of a walk; None when one cannot be read."""
    bodies = [store.page(name) for name in entry.pages]
    try:
        return None if None in bodies else [strict_json(body or b"") for body in bodies]
    except ResponseError:
        return None


def _remove(store: Store, dialect: Dialect, entry: Entry, pages: list[Any], contact: str) -> list[dict[str, Any]]:
    """Put a walk without the contact in the place of one; give the rows that went."""
    names, removed = [], []
    for name, answer in zip(entry.pages, pages, strict=True):
        kept, rows = dialect.without_contact(answer, entry.path, contact)
        if rows and entry.whole and not _asked_address(entry):
            name = f"{new_number(began(name))}-0"
            store.keep_page(name, entry.path, msgspec.json.encode(kept))
        names.append(name)
        removed += rows
    if removed:
        number = new_number(entry.fetched_at)
        changed = replace(entry, number=number, pages=names, rows=max(0, entry.rows - len(removed)))
        # The beginning of a walk is no use without rows: it would go on, and they be missing from what it gives.
        store.replace(entry, changed if entry.whole and not _asked_address(entry) else None)
    return removed


def _asked_address(entry: Entry) -> str:
    return dict(parse_qsl(entry.query)).get("email", "").lower()


def _addresses(value: Any) -> Iterator[str]:
    """Find the addresses in records."""
    if isinstance(value, list):
        for one in value:
            yield from _addresses(one)
    elif isinstance(value, dict):
        for name, one in value.items():
            if name in _ADDRESS_FIELDS and isinstance(one, str) and one:
                yield one.lower()
            else:
                yield from _addresses(one)


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
            return {self._text(name): self._field(name, one) for name, one in value.items()}
        return value

    def _field(self, name: str, value: Any) -> Any:
        if name in self._personal:
            return [] if isinstance(value, list) else ""
        return self._value(value)

    def _text(self, text: str) -> str:
        return _ADDRESS.sub(self._pseudonym, text) if _HAS_AT.search(text) else text

    def _pseudonym(self, found: re.Match[str]) -> str:
        before, person = "", found["person"]
        if found[0] != found.string:  # within other words, or a link
            end = max((cut.end() for cut in _DELIMITER.finditer(person)), default=0)
            before, person = person[:end], person[end:]
            if not person:
                return found[0]
            # Elsewhere than in a link, what stands before a delimiter may be an address too.
            word = found.string[max(0, found.start() - _LONGEST_LINK) : found.start()].rpartition(" ")[2]
            before = before if "://" in word + before else ""
        person, host = _unescaped(person), _unescaped(found["host"])
        return f"{before}p{self._digest(person, host)}@d{self._digest(host)}.example"

    def _digest(self, *parts: str) -> str:
        return blake2b("@".join(parts).encode(), key=self._salt, digest_size=8).hexdigest()


def _unescaped(text: str) -> str:
    for _ in range(_MOST_ESCAPES):
        text = unquote(text)
    return text.lower()


def masked(store: Store, entry: Entry, mask: Mask | None) -> Iterator[bytes]:
    """Give the pages of a walk, masked if wanted; fewer when one is not there."""
    for name in entry.pages:
        body = store.page(name)
        if body is None:
            return
        yield body if mask is None else mask.body(body)
