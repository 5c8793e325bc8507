"""Credentials that do not show themselves, and text without them."""

import json
from collections.abc import Callable, Iterable
from typing import NoReturn
from urllib.parse import quote

from cctrack.errors import ConfigError

_MASK = "***"
_FEWEST_SHOWN = 4  # blanking a shorter one would make a message unreadable
_FEWEST = 6  # a shorter one would stand in ordinary text by chance,
_FEWEST_DIGITS = 16  # and a shorter one of digits alone looks like an id


class Secret:
    """A text that neither `repr`, `str`, a traceback nor a pickle shows."""

    __slots__ = ("_reveal",)

    def __init__(self, text: str) -> None:
        # In a closure: what prints attributes sees a function.
        self._reveal: Callable[[], str] = lambda: text

    def reveal(self) -> str:
        """Give the text; only for the moment in which it is sent."""
        return self._reveal()

    def __repr__(self) -> str:
        return f"Secret('{_MASK}')"

    def __reduce__(self) -> NoReturn:
        raise TypeError("credentials are not pickled: connect again in the other process")


def checked(given: object, what: str) -> Secret | None:
    """Wrap a credential that a user gave.

    Parameters
    ----------
    given
        The credential; None or a blank one counts as not given.
    what
        Its name, for the error.

    Raises
    ------
    ConfigError
        When it could not stand in a request. The message does not show it.
    """
    if given is None or isinstance(given, Secret):
        return given
    if not isinstance(given, str):
        raise ConfigError(f"{what} must be a text, not {type(given).__name__}; pass it in quotes")
    if not given.strip():
        return None
    if not (given.isascii() and given.isprintable()) or " " in given:
        raise ConfigError(f"{what} holds a blank, a line break or another character that none has; copy it again")
    return Secret(given)


class Redactor:
    """Removes known secrets from messages and from answers."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        texts = sorted({form for secret in secrets for form in _forms(secret.reveal())}, key=len, reverse=True)
        telling = [text.encode() for text in texts if _is_telling(text)]
        shown = [text for text in texts if len(text) >= _FEWEST_SHOWN]
        self._texts: Callable[[], list[str]] = lambda: shown
        self._telling: Callable[[], list[bytes]] = lambda: telling

    def text(self, text: str) -> str:
        """Blank them in a message."""
        for secret in self._texts():
            text = text.replace(secret, _MASK)
        return text

    def body(self, body: bytes) -> bytes:
        """Blank them in an answer, so that an echo reaches neither the cache nor a frame."""
        for secret in self._telling():
            body = body.replace(secret, _MASK.encode())
        return body


def _forms(secret: str) -> set[str]:
    """List the ways in which a text is written in addresses and in JSON."""
    return {
        secret,
        quote(secret, safe=""),
        quote(secret),
        json.dumps(secret)[1:-1],
        secret.replace("/", "\\/"),
    }


def _is_telling(text: str) -> bool:
    return len(text) >= (_FEWEST_DIGITS if text.isdigit() else _FEWEST)
