"""How values of a table stand in one line: ids, counts, and labels that cannot be mistaken for each other."""

import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pandas as pd

from cctrack.export._texts import shortened, visible

_LETTERS = 90  # of a label
_JOINERS = "\N{ZERO WIDTH JOINER}\N{ZERO WIDTH NON-JOINER}"  # families of emoji and Persian are written with them
# What turns a line around, or cannot be seen at all, could make one name look like another.
_UNSEEN = ("Cc", "Cf", "Cs", "Zl", "Zp")


def one_line(text: str) -> str:
    """Give a text without line breaks, and with marks in the place of what cannot be seen."""
    if text.isascii() and text.isprintable():
        return text
    return visible("".join(_seen(letter) for letter in text))


def _seen(letter: str) -> str:
    if letter.isspace():
        return " "
    if letter in _JOINERS or ord(letter) < ord(" ") or unicodedata.category(letter) not in _UNSEEN:
        return letter
    return "\N{REPLACEMENT CHARACTER}"


def distinct(labels: Sequence[str], ids: Sequence[str]) -> list[str]:
    """Shorten labels and put ids behind equal ones: a list with two of them would pick the first for either."""
    short = [shortened(one_line(label), _LETTERS) for label in labels]
    count = Counter(short)
    short = [f"{label} · {one_line(one)}" if count[label] > 1 else label for label, one in zip(short, ids, strict=True)]
    if len(set(short)) < len(short):
        short = [f"{number}. {label}" for number, label in enumerate(short, 1)]
    return short


def as_ids(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Give ids as text, in whatever type they stand; what is absent is None."""
    ids = [None if gone else _id(one) for one, gone in zip(column.astype(object), column.isna(), strict=True)]
    return pd.Series(ids, index=column.index, dtype=object)


def _id(value: Any) -> str:
    """Write an id; a whole number became a float where others are absent."""
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def counted(number: Any, noun: str, nouns: str) -> str:
    """Give a count with its noun; nothing where it is absent or no number."""
    try:
        count = int(number)
    except (TypeError, ValueError, OverflowError):
        return ""
    return f"{count:,} {noun if count == 1 else nouns}"
