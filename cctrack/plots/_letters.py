"""Words that can be read: in letters that a font has, with the middle left out where the room is short."""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, Final
from urllib.parse import quote, unquote

from matplotlib.font_manager import FontProperties, findfont, fontManager, get_font
from matplotlib.text import Text
from matplotlib.textpath import text_to_path

BETWEEN: Final = " · "  # parts of words
PLAIN: Final[dict[str, Any]] = {"parse_math": False, "usetex": False}  # a $ in a name is no formula
_PASSED_OVER: Final = ("Cf", "Mn", "So", "Sk")  # joiners, accents and pictures: a name is read without them
_FROM_LEFT: Final = "\N{LEFT-TO-RIGHT MARK}"
_ENCODED: Final = re.compile("(?:%[89A-Fa-f][0-9A-Fa-f])+")  # bytes of letters beyond ASCII
_SLACK = 1.02  # for the hinting at yet another resolution
_FEWEST = 4  # letters that are left of words
_MOST = 400  # letters that any picture could hold
# Families with letters that the usual one lacks, on one system or another; those that hold bitmaps cannot be drawn.
_OTHERS: Final = (
    "Noto Sans CJK JP",
    "Noto Sans CJK SC",
    "Yu Gothic",
    "Hiragino Sans",
    "Microsoft YaHei",
    "PingFang SC",
    "Malgun Gothic",
    "Apple SD Gothic Neo",
    "WenQuanYi Zen Hei",
    "Noto Sans Devanagari",
    "Nirmala UI",
    "Noto Sans Thai",
    "Leelawadee UI",
    "Noto Emoji",
    "Segoe UI Emoji",
    "Segoe UI Symbol",
    "Noto Sans Symbols 2",
    "Apple Symbols",
    "Arial Unicode MS",
)


def taken(text: Text) -> float:
    """Give the pixels that words take across, at whatever resolution they are saved: hinting makes them differ."""
    font = text.get_fontproperties()
    lines = text.get_text().split("\n")
    outlines = (text_to_path.get_text_width_height_descent(line, font, ismath=False)[0] for line in lines if line)
    figure = text.get_figure()
    scale = figure.dpi / 72 if figure is not None else 1.0
    return _SLACK * max(scale * max(outlines, default=0.0), text.get_window_extent().width)


def fitted(text: Text, words: str, width: float, *, address: bool = False) -> None:
    """Set words, with as much of their middle left out as the width in pixels asks for.

    Parameters
    ----------
    text
        To be set; other families are added to its font where letters are missing.
    words
        As the service gave them.
    width
        In pixels.
    address
        Whether they are a web address.
    """
    words = shortened(words, _MOST)
    extra = _families(words, text.get_fontproperties())
    if extra:
        text.set_fontfamily([*text.get_fontfamily(), *extra])
    words = drawable(words, text.get_fontproperties(), address=address)
    kept = len(words)
    text.set_text(words)
    while kept > _FEWEST and (found := taken(text)) > width:
        kept = max(_FEWEST, min(kept - 1, int(kept * max(width, 0) / found)))
        text.set_text(shortened(words, kept))


def trimmed(text: Text, width: float) -> None:
    """Leave out the last of the parts of words as long as they are too wide, but for the first."""
    parts = text.get_text().split(BETWEEN)
    while len(parts) > 1 and taken(text) > width:
        del parts[-1]
        text.set_text(BETWEEN.join(parts))


def shortened(words: str, letters: int) -> str:
    """Leave out the middle: the beginning of an address names the site, its end the page."""
    if len(words) <= letters:
        return words
    head = (letters - 1) * 3 // 5
    tail = letters - 1 - head
    return f"{words[:head]}\N{HORIZONTAL ELLIPSIS}{words[len(words) - tail :]}"


def drawable(words: str, font: FontProperties, *, address: bool) -> str:
    """Replace what cannot be drawn: in an address by its bytes in per cent, as browsers do, elsewhere by a mark."""
    files = tuple(_files(font))
    words = _ENCODED.sub(_decoded, words) if address else words
    mark = "\N{REPLACEMENT CHARACTER}" if _has(files, "\N{REPLACEMENT CHARACTER}") else "?"

    def seen(letter: str) -> str:
        kind = unicodedata.category(letter)
        if letter == " " or (kind[0] not in "CZ" and _has(files, letter)):
            return letter
        if address:
            return " " if kind[0] == "Z" and letter != " " else quote(letter, safe="", errors="replace")
        if letter.isspace():
            return " "
        return "" if kind in _PASSED_OVER else mark

    found = "".join(map(seen, words))
    found = found if address else " ".join(found.split())
    leftwards = any(unicodedata.bidirectional(letter) in ("R", "AL") for letter in found)
    # Dates and figures beside a name that reads from the right stay in their places.
    return _FROM_LEFT + found if leftwards and _has(files, _FROM_LEFT) else found


def _decoded(found: re.Match[str]) -> str:
    """Read letters that an address has as bytes; what is no text stays."""
    try:
        return unquote(found[0], errors="strict")
    except UnicodeDecodeError:
        return found[0]


def readable(words: str, font: FontProperties) -> bool:
    """Tell whether there are letters, and most of them can be drawn, here with the help of all families."""
    files = (*_files(font), *(file for name in _families(words, font) for file in _files_of(name)))
    letters = [letter for letter in words if letter.isalnum()]
    return 2 * sum(_has(files, letter) for letter in letters) >= max(len(letters), 1)


def _files(font: FontProperties) -> Iterable[str]:
    """Give the font files that will be used, in turn."""
    found = [file for family in font.get_family() for file in _files_of(family, font)]
    return found or [str(findfont(font))]


def _files_of(family: str, font: FontProperties | None = None) -> list[str]:
    one = FontProperties() if font is None else font.copy()
    one.set_family(family)
    try:
        return [str(findfont(one, fallback_to_default=False))]
    except ValueError:  # not installed
        return []


@lru_cache(maxsize=4096)
def _has(files: tuple[str, ...], letter: str) -> bool:
    return any(get_font(file).get_char_index(ord(letter)) for file in files)


def _families(words: str, font: FontProperties) -> list[str]:
    """Find families for the letters that the font lacks."""
    files = tuple(_files(font))
    found: list[str] = []
    for letter in dict.fromkeys(words):
        if unicodedata.category(letter)[0] in "CZ" or _has(files, letter):
            continue
        for family in _installed():
            own = _files_of(family)
            if own and _has(tuple(own), letter):
                found.append(family)
                files = (*files, *own)
                break
    return found


@lru_cache(maxsize=1)
def _installed() -> tuple[str, ...]:
    known = {one.name for one in fontManager.ttflist}
    return tuple(name for name in _OTHERS if name in known)
