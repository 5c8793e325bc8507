"""What all pickers share: a value, a line that says how things stand, and rows that are read when it may be."""

from typing import Any, ClassVar

import pandas as pd
import traitlets
from ipywidgets import HTML, Button, Layout, ValueWidget, VBox

from cctrack.pickers._html import said, tabulated
from cctrack.pickers._supply import Supply, costs_nothing, in_words
from cctrack.pickers._where import unattended

WIDE = {"width": "min(42em, 96%)"}
NAMES = {"description_width": "7em"}


class Picker(VBox, ValueWidget):
    """A widget that holds a value.

    Attributes
    ----------
    value
        What is picked; None for nothing. Can be observed and set.
    disabled : bool
        Whether it can be acted on.
    state : {"waiting", "loading", "ready", "empty", "error"}
        How things stand; "waiting" for leave to read what costs calls.
    """

    value = traitlets.Any(None, allow_none=True)
    disabled = traitlets.Bool(False)
    state = traitlets.Enum(("waiting", "loading", "ready", "empty", "error"), "waiting")

    _noun: ClassVar[str] = "row"
    _at_once: ClassVar[bool] = True  # a list that is short by its nature is read without asking

    def __init__(self, supply: Supply, controls: list[Any]) -> None:
        self._supply = supply
        self._status = HTML()
        self._load = Button(description="Read", layout=Layout(width="auto"))
        self._load.on_click(lambda _: self.load())
        self._controls = [*controls, self._load]
        super().__init__([*controls, self._status, self._load], layout=Layout(width="100%"))
        self.observe(self._switch, "disabled")
        self._begin()

    @property
    def code(self) -> str:
        """The cell that gives the same result without a widget."""
        raise NotImplementedError

    def load(self) -> None:
        """Read the rows, whatever that costs."""
        self.state = "loading"
        self._tell(f"Reading the {self._noun}s …")
        self._enabled(False)
        try:
            rows = self._supply.frame()
            self._take(rows)
        except Exception as error:
            self.state = "error"
            self._tell(f"The {self._noun}s could not be read: {in_words(error)}", "wrong", "Try again")
        else:
            self.state = "ready" if len(rows) else "empty"
            if self.state == "empty":
                self._tell(f"There are no {self._noun}s here.")
        finally:
            self._enabled(not self.disabled)

    def _begin(self) -> None:
        """Read at once what costs nothing or little; else say what it would cost."""
        if not self._supply.is_report:
            self.load()
            return
        try:
            session = self._supply.session()
            asked = not self._at_once and not costs_nothing(session, [self._supply.read])
            words = f"Reading the {self._noun}s takes {self._supply.read.plan(session)!r}" if asked else ""
        except Exception as error:
            self.state = "error"
            self._tell(in_words(error), "wrong", "Try again")
            return
        if words:
            self._tell(words, button=f"Read the {self._noun}s")
        else:
            self.load()

    def _take(self, rows: pd.DataFrame) -> None:
        raise NotImplementedError

    def _tell(self, words: str, kind: str = "said", button: str = "") -> None:
        self._status.value = said(words, kind)
        self._load.description = button or self._load.description
        self._load.layout.display = "" if button else "none"

    def _switch(self, _: Any) -> None:
        self._enabled(not self.disabled)

    def _enabled(self, enabled: bool) -> None:
        for control in self._controls:
            control.disabled = not enabled

    def _preview(self) -> pd.DataFrame | None:
        """Give a few rows for those who cannot point and click."""
        return None

    def _words(self) -> str:
        return f"{type(self).__name__}({self.value!r})"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        if not unattended():
            bundle: dict[str, str] = super()._repr_mimebundle_(**kwargs)
            return {**bundle, "text/plain": self._words()}
        plain = {"text/plain": self._words(), "text/html": self._status.value}
        if (rows := self._preview()) is not None:
            plain = {
                "text/plain": f"{self._words()}\n{rows.to_string(index=False)}",
                "text/html": self._status.value + tabulated(f"{self._noun}s", rows),
            }
        return plain
