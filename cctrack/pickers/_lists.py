"""Picking rows from a list that is searched: fifty of them stand in the browser, however many there are."""

from collections.abc import Sequence
from typing import Any, ClassVar

import pandas as pd
import traitlets
from ipywidgets import Layout, Select, SelectMultiple, Text

from cctrack.pickers._labels import as_ids, distinct, one_line
from cctrack.pickers._picker import Picker
from cctrack.pickers._search import Index
from cctrack.pickers._supply import Supply
from cctrack.pickers._widget import NAMES, WIDE

_SHOWN = 50  # options in the browser
_LINES = 8
_PREVIEW = 5  # rows where nobody can point and click


class ListPicker(Picker):
    """Picks one row, or with `_many` several, by its id."""

    _id: ClassVar[str] = ""
    _hint: ClassVar[str] = ""
    _many: ClassVar[bool] = False

    def __init__(self, supply: Supply) -> None:
        look = {"style": NAMES, "layout": Layout(**WIDE)}
        name = self._noun.capitalize()
        self._search = Text(description=f"Search {self._noun}s", placeholder=self._hint, **look)
        kind = SelectMultiple if self._many else Select
        self._list = kind(description=f"{name}s" if self._many else name, rows=_LINES, **look)
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
        self._begin()

    def _texts(self, rows: pd.DataFrame) -> Sequence[Sequence[object]]:
        """Give the texts of each row in which is searched."""
        raise NotImplementedError

    def _label(self, at: int) -> str:
        """Give the words of a row."""
        raise NotImplementedError

    def _ordered(self, rows: pd.DataFrame) -> pd.DataFrame:
        """Give the rows in the order in which they are shown."""
        return rows

    def _take(self, rows: pd.DataFrame) -> bool:
        known = rows.assign(**{self._id: as_ids(rows[self._id])}).dropna(subset=self._id).reset_index(drop=True)
        self._rows = self._ordered(known).drop_duplicates(self._id).reset_index(drop=True)
        self._ids = self._rows[self._id].tolist()
        self._at = {one: at for at, one in enumerate(self._ids)}
        self._index = Index(self._texts(self._rows))
        gone = [one for one in self._chosen() if one not in self._at]
        if gone:  # it was picked before these rows were read
            self.value = tuple(one for one in self._chosen() if one in self._at) if self._many else None
            self._notes.append(f"No {self._noun} {one_line(gone[0])} is among them.")
        self._draw()
        return bool(self._ids)

    @traitlets.validate("value")
    def _known(self, proposal: Any) -> Any:
        """Take ids as reports do; once the rows are there, those among them only."""
        value = proposal["value"]
        if not self._many or isinstance(value, str | int | float):
            value = [value]
        given = pd.Series(list(() if value is None else value), dtype=object)
        wanted = dict.fromkeys(as_ids(given.dropna()))
        if self._ids or self.state == "empty":
            unknown = [one for one in wanted if one not in self._at]
            if unknown:
                raise traitlets.TraitError(
                    f"no {self._noun} {unknown[0]!r} among the {len(self._ids):,} that were read"
                )
            wanted = dict.fromkeys(sorted(wanted, key=self._at.__getitem__))
        return tuple(wanted) if self._many else next(iter(wanted), None)

    def _chosen(self) -> tuple[str, ...]:
        return self.value or () if self._many else (() if self.value is None else (self.value,))

    def _draw(self) -> None:
        """Show what the search finds, and before it what is picked."""
        if self._drawing:
            return
        found, self._count = self._index.hits(self._search.value, _SHOWN)
        picked = [self._at[one] for one in self._chosen() if one in self._at]
        shown = [*[at for at in picked if at not in found], *found]
        ids = [self._ids[at] for at in shown]
        options = list(zip(distinct([self._label(at) for at in shown], ids), ids, strict=True))
        self._drawing = True
        try:
            if list(self._list.options) != options:
                self._list.options = options
            chosen = tuple(self._ids[at] for at in picked)
            self._list.value = chosen if self._many else next(iter(chosen), None)
        finally:
            self._drawing = False
        if self.state == "ready":
            self._tell(self._told())

    def _summary(self) -> str:
        total = f"{len(self._ids):,} {self._noun}{'' if len(self._ids) == 1 else 's'}"
        if self._count == 0:
            return f"None of {total} has these words; try fewer letters."
        words = total if self._count == len(self._ids) else f"{self._count:,} of {total} found"
        if self._count > _SHOWN:
            return f"{words}; the first {_SHOWN} are shown: type to find others."
        return f"{words}."

    def _picked(self, change: Any) -> None:
        if not self._drawing:
            self.value = change["new"]

    def _entered(self, _: Any, content: Any, __: Any) -> None:
        """Take the first that was found when Enter is pressed after words in the search."""
        if content.get("event") == "submit" and self._search.value.strip() and not self.disabled:
            found, _count = self._index.hits(self._search.value, 1)
            if found:
                first = self._ids[found[0]]
                self.value = (first,) if self._many else first

    def _words(self) -> str:
        named = [self._label(self._at[one]) if one in self._at else one for one in self._chosen()]
        return f"{type(self).__name__}: {one_line('; '.join(named)) or 'nothing picked'}"

    def _preview(self) -> pd.DataFrame | None:
        if not self._ids:
            return None
        labels = [one_line(self._label(at)) for at in range(min(_PREVIEW, len(self._ids)))]
        return pd.DataFrame({self._id: [one_line(one) for one in self._ids[:_PREVIEW]], self._noun: labels})
