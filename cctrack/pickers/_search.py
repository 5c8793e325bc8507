"""Finding rows by words that somebody types: in memory, so that no keystroke asks anybody for anything."""

import unicodedata
from collections.abc import Iterable, Sequence


class Index:
    """Rows as they are searched: without regard to capitals and accents, each word anywhere.

    Parameters
    ----------
    rows
        The texts of each row in which words are looked for; what is absent is left out.
    """

    def __init__(self, rows: Iterable[Sequence[object]]) -> None:
        self._rows = [folded("\n" + "\n".join(text for text in row if isinstance(text, str))) for row in rows]

    def hits(self, words: str, most: int) -> tuple[list[int], int]:
        """Find the rows with all of these words.

        Parameters
        ----------
        words
            As typed; none finds all rows.
        most
            How many are wanted.

        Returns
        -------
        tuple of list of int and int
            The first rows, those with a text that begins with the words before those that hold them elsewhere; and
            how many there are.
        """
        wanted = folded(words).split()
        rows = list(range(len(self._rows)))
        for word in wanted:
            rows = [at for at in rows if word in self._rows[at]]
        if not wanted or len(rows) <= 1:
            return rows[:most], len(rows)
        begins = "\n" + " ".join(wanted)
        first = [at for at in rows if begins in self._rows[at]]
        if len(first) < most:
            ahead = set(first)
            first += [at for at in rows if at not in ahead]
        return first[:most], len(rows)


def folded(text: str) -> str:
    """Give a text without capitals and accents."""
    if text.isascii():
        return text.lower()
    # Apart first: some signs, such as that of the megahertz, have capitals within them.
    parts = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    return parts.translate(_MARKS)


class _Marks(dict[int, str | int | None]):
    """What becomes of each letter: accents, which stand apart, go."""

    def __missing__(self, letter: int) -> str | int | None:
        self[letter] = None if unicodedata.combining(chr(letter)) else letter
        return self[letter]


# Letters that Unicode does not take apart, as they are typed where keyboards lack them.
_STROKES = {"ł": "l", "ø": "o", "đ": "d", "ð": "d", "ħ": "h", "ı": "i", "ŧ": "t", "þ": "th", "æ": "ae", "œ": "oe"}
_MARKS = _Marks({ord(letter): plain for letter, plain in _STROKES.items()})
