"""Texts that are more than they seem: letters that files cannot hold, and what a spreadsheet would run."""

import re

# What XML 1.0 forbids and what no screen shows; tab, line feed and carriage return are not among them.
_UNSEEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")
_LONE = re.compile("[\ud800-\udfff]")
# What spreadsheets take for the beginning of a formula, full-width forms and blanks before it included; and the
# prefix that keeps it from that, so that it can be taken off again.
GUARDED = re.compile(r"[\s\x00-\x1f]*[=+\-@\uff1d\uff0b\uff0d\uff20]|[\t\r\n']")
_PICTURES = 0x2400  # Unicode has a picture of each of the 32 first control characters
_DELETE = 0x7F
UNKNOWN = "\N{REPLACEMENT CHARACTER}"


def sound(text: str) -> str:
    """Replace halves of letters (lone surrogates), which UTF-8 cannot write."""
    return text if text.isascii() else _LONE.sub(UNKNOWN, text)


def visible(text: str) -> str:
    """Replace control characters by their pictures, and what has none by a mark."""
    return _UNSEEN.sub(_picture, text)


def _picture(found: re.Match[str]) -> str:
    number = ord(found[0])
    if number < ord(" "):
        return chr(_PICTURES + number)
    return "\N{SYMBOL FOR DELETE}" if number == _DELETE else UNKNOWN


def shortened(text: str, letters: int) -> str:
    """Leave out the middle of a long text."""
    if len(text) <= letters:
        return text
    tail = (letters - 1) // 3
    return f"{text[: letters - 1 - tail]}\N{HORIZONTAL ELLIPSIS}{text[len(text) - tail :]}"
