"""E-mail addresses and names of people, taken out of whatever is written to a file.

How addresses are found is what `cctrack.freeze(mask_emails=True)` does (`cctrack/api/privacy.py`); an export knows
nothing of the store, and gives marks instead of addresses of another host.
"""

import re
import secrets
from collections.abc import Callable, Mapping
from hashlib import blake2b
from typing import Any, Literal, get_args
from urllib.parse import unquote

import pandas as pd

from cctrack.export._columns import kind_of, mapped
from cctrack.export._texts import sound

Redact = Literal["hash", "domain"]

# What stands before the @ may be part of a link: with its delimiters and escapes, to be cut off at the last of them.
_AT = r"(?:@|%(?:25)*40|&#(?:0*64|x0*40);|\uff20)"
_WORD = r"(?:[\w-]|%[89A-Fa-f][0-9A-Fa-f])+"
_HOST = rf"(?P<host>\[[^\]\s]+\]|{_WORD}(?:\.{_WORD})*)"
_ADDRESS = re.compile(
    rf"""(?P<person>(?:[\w.!#$&'*+/=?^`{{|}}~-]|%(?!(?:25)*40)){{1,256}}|"[^"\n]{{1,64}}"){_AT}{_HOST}"""
)
_HAS_AT = re.compile(_AT)
_DELIMITER = re.compile(r"^'+|[/?&=#]|%(?:25)*(?:2[023F67f]|3[A-Fa-f]|0[AaDd])")
_LINK = re.compile(r"://|^mailto:", re.IGNORECASE)
_LONGEST_LINK = 2048
_MOST_ESCAPES = 3  # a link within a link within a link

_OF_NAMES = ("firstname", "lastname", "middlename")
_OF_ADDRESSES = ("email", "emailaddress")


class Redaction:
    """Puts marks in the place of addresses, or leaves their domains.

    Parameters
    ----------
    how
        None changes nothing. "hash" gives the same mark to the same address (capitals apart), in links too, so that
        rows can still be counted. The key is random and forgotten with this object: nobody can tell an address by
        trying, and the marks of two exports do not compare. "domain" keeps what follows the @.

    Raises
    ------
    ValueError
        For anything else.
    """

    def __init__(self, how: object) -> None:
        if how is not None and how not in get_args(Redact):
            raise ValueError(f"redact={how!r} is not known; pass 'hash', 'domain' or None")
        self.how = how
        self._key = secrets.token_bytes(32)

    @property
    def told(self) -> list[str]:
        """Say what was done, for the reader of a file."""
        if self.how is None:
            return []
        if self.how == "domain":
            return ["Of e-mail addresses only the domain is shown; first and last names of people are left out."]
        return [
            "Marks such as person-0123456789abcdef stand for e-mail addresses and names: the same for the same one."
        ]

    def frame(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Redact texts, the names of columns, and what the frame tells of itself."""
        if self.how is None:
            return frame
        columns = [self._column(str(name), frame[name]) for name in frame.columns]
        names = _numbered([self.text(str(name)) for name in frame.columns])
        redacted = pd.DataFrame(dict(zip(names, columns, strict=True)), index=frame.index)
        redacted.attrs = self.value(frame.attrs)
        return redacted

    def text(self, text: str) -> str:
        """Redact the addresses within a text."""
        return _ADDRESS.sub(self._found, text) if self.how and _HAS_AT.search(text) else text

    def value(self, value: Any) -> Any:
        """Redact every text in what is JSON."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, (list, tuple)):
            return [self.value(one) for one in value]
        if isinstance(value, Mapping):
            return {self.text(str(name)): self.value(one) for name, one in value.items()}
        return value

    def _column(self, name: str, column: "pd.Series[Any]") -> "pd.Series[Any]":
        letters = re.sub(r"[^a-z]", "", name.lower())
        changes: dict[bool, Callable[[str], str | None]] = {
            letters.endswith(_OF_NAMES): self._name,
            letters.endswith(_OF_ADDRESSES): self._address,
        }
        return mapped(column, changes.get(True, self.text)) if kind_of(column) == "text" else column

    def _name(self, text: str) -> str | None:
        if self.how == "domain":
            return None
        return self._mark("name", text.strip().casefold()) if text.strip() else text

    def _address(self, text: str) -> str | None:
        """Redact a whole cell of a column of addresses, whether it looks like one or not."""
        if self.how == "hash":
            return self._mark("person", _unescaped(text.strip())) if text.strip() else text
        _, at, rest = text.rpartition("@")
        host = re.match(_HOST, rest)
        return host[0] if at and host else None

    def _found(self, found: re.Match[str]) -> str:
        before, person = "", found["person"]
        if found[0] != found.string:  # within other words, or a link
            end = max((cut.end() for cut in _DELIMITER.finditer(person)), default=0)
            before, person = person[:end], person[end:]
            if not person:
                return found[0]
            # Elsewhere than in a link, what stands before a delimiter may be an address too.
            word = found.string[max(0, found.start() - _LONGEST_LINK) : found.start()].rpartition(" ")[2]
            before = before if _LINK.search(word + before) else ""
        if self.how == "domain":
            return f"{before}{found['host']}"
        return before + self._mark("person", f"{_unescaped(person)}@{_unescaped(found['host'])}")

    def _mark(self, what: str, text: str) -> str:
        return f"{what}-{blake2b(sound(text).encode(), key=self._key, digest_size=8).hexdigest()}"


def _unescaped(text: str) -> str:
    for _ in range(_MOST_ESCAPES):
        text = unquote(text)
    return text.casefold()


def _numbered(names: list[str]) -> list[str]:
    """Keep names different: what two addresses become may be the same."""
    taken: dict[str, None] = {}
    for name in names:
        number = 1
        while (one := name if number == 1 else f"{name} ({number})") in taken:
            number += 1
        taken[one] = None
    return list(taken)
