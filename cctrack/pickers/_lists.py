"""Picking rows from a list that is searched: fifty of them stand in the browser, however many there are."""

from collections.abc import Sequence
from typing import Any, ClassVar

import pandas as pd
import traitlets
from ipywidgets import Layout, Select, SelectMultiple, Text

from cctrack.export._texts import shortened, visible
from cctrack.pickers._picker import NAMES, WIDE, Picker
from cctrack.pickers._search import Index
from cctrack.pickers._supply import Supply

_SHOWN = 50  # options in the browser
_LETTERS = 90  # of a label
_LINES = 8
_PREVIEW = 5  # rows where nobody can point and click


class ListPicker(Picker):
    """Picks one row, or with `_many` several, by its id."""

    _id: ClassVar[str] = ""
    _many: ClassVar[bool] = False

    def __init__(self, supply: Supply) -> None:
        name = self._noun.capitalize()
        self._search = Text(
            description=f"Search {self._noun}s", placeholder=self._hint, style=NAMES, layout=Layout(**WIDE)
        )
        kind = SelectMultiple if self._many else Select
        self._list = kind(
            description=f"{name}s" if self._many else name, rows=_LINES, style=NAMES, layout=Layout(**WIDE)
        )
        self._ids: list[str] = []
        self._at: dict[str, int] = {}
        self._rows = pd.DataFrame()
        self._index = Index([])
        self._drawing = False
        super().__init__(supply, [self._search, self._list])
        self._search.observe(lambda _: self._draw(), "value")
        self._search.on_msg(self._entered)
        self._list.observe(self._picked, "value")
        self.observe(lambda _: self._draw(), "value")

    _hint: ClassVar[str] = ""

    def _texts(self, rows: pd.DataFrame) -> Sequence[Sequence[object]]:
        """Give the texts of each row in which is searched."""
        raise NotImplementedError

    def _label(self, at: int) -> str:
        """Give the words of a row."""
        raise NotImplementedError

    def _ordered(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Give the rows in the order in which they are shown."""
        return rows

    def _take(self, rows: pd.DataFrame) -> None:
        known = rows[rows[self._id].notna()]
        known = known.assign(**{self._id: known[self._id].astype("string").astype(object)})
        self._rows = self._ordered(known.drop_duplicates(self._id)).reset_index(drop=True)
        self._ids = self._rows[self._id].tolist()
        self._at = {one: at for at, one in enumerate(self._ids)}
        self._index = Index(self._texts(self._rows))
        if any(one not in self._at for one in self._chosen()):
            self.value = () if self._many else None  # it was of other rows
        self._draw()

    @traitlets.validate("value")
    def _known(self, proposal: Any) -> Any:
        value = proposal["value"]
        wanted = tuple(map(str, value)) if self._many else () if value is None else (str(value),)
        unknown = [one for one in wanted if self._ids and one not in self._at]
        if unknown:
            raise traitlets.TraitError(f"no {self._noun} {unknown[0]!r} among the {len(self._ids):,} that were read")
        return wanted if self._many else wanted[0] if wanted else None

    def _chosen(self) -> tuple[str, ...]:
        return self.value or () if self._many else (() if self.value is None else (self.value,))

    def _draw(self) -> None:
        """Show what the search finds, and before it what is picked."""
        if self._drawing or not self._ids:
            return
        found, count = self._index.hits(self._search.value, _SHOWN)
        picked = [self._at[one] for one in self._chosen() if one in self._at]
        shown = [*[at for at in picked if at not in found], *found]
        self._drawing = True
        try:
            options = [(visible(shortened(self._label(at), _LETTERS)), self._ids[at]) for at in shown]
            if list(self._list.options) != options:
                self._list.options = options
            self._list.value = self._chosen() if self._many else self.value
        finally:
            self._drawing = False
        self._tell(self._counted(count))

    def _counted(self, count: int) -> str:
        total = f"{len(self._ids):,} {self._noun}{'' if len(self._ids) == 1 else 's'}"
        if count == 0:
            return f"None of {total} has these words; try fewer letters."
        if count > _SHOWN:
            of = total if count == len(self._ids) else f"{count:,} of {total} found"
            return f"{of}; the first {_SHOWN} are shown: type to find others."
        return total if count == len(self._ids) else f"{count:,} of {total} found."

    def _picked(self, change: Any) -> None:
        if not self._drawing:
            self.value = change["new"]

    def _entered(self, _: Any, content: Any, __: Any) -> None:
        """Take the first that was found when Enter is pressed in the search."""
        if content.get("event") == "submit" and not self.disabled:
            found, _count = self._index.hits(self._search.value, 1)
            if found:
                first = self._ids[found[0]]
                self.value = (first,) if self._many else first

    def _words(self) -> str:
        named = [self._label(self._at[one]) for one in self._chosen() if one in self._at]
        return f"{type(self).__name__}: {visible('; '.join(named)) or 'nothing picked'}"

    def _preview(self) -> pd.DataFrame | None:
        first = range(min(_PREVIEW, len(self._ids)))
        return pd.DataFrame({self._id: self._ids[:_PREVIEW], self._noun: [self._label(at) for at in first]})
