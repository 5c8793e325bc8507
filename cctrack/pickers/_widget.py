"""What pickers and explorers share: a value, a state, a line that tells it, and one button beside that."""

from collections.abc import Sequence
from typing import Any

import traitlets
from ipywidgets import HTML, Button, Layout, ValueWidget, VBox

from cctrack.pickers._html import said

WIDE = {"width": "min(52em, 96%)"}
NAMES = {"description_width": "10em"}


class Checked(traitlets.Any):
    """Any value that the widget's own validation takes: None, too, passes through it."""

    allow_none = False


class Stated(VBox, ValueWidget):
    """A widget that holds a value and says how things stand.

    Attributes
    ----------
    value
        What is picked or shown; None for nothing. Can be observed.
    disabled : bool
        Whether it can be acted on.
    state : {"waiting", "loading", "ready", "empty", "error"}
        How things stand; "waiting" for leave to read what costs calls.
    """

    value = traitlets.Any(None, allow_none=True)
    disabled = traitlets.Bool(False)
    state = traitlets.Enum(("waiting", "loading", "ready", "empty", "error"), "waiting")

    def __init__(self) -> None:
        self._line = ""
        self._status = HTML()
        self._button = Button(description="Read", layout=Layout(width="auto", display="none", align_self="flex-start"))
        self._button.on_click(lambda _: self._pressed())
        self._controls: list[Any] = [self._button]
        super().__init__(layout=Layout(width="100%"))
        self.observe(lambda _: self._enable(), "disabled")

    def __repr__(self) -> str:
        return self._words()

    @property
    def code(self) -> str:
        """The cell that gives the same without a widget."""
        raise NotImplementedError

    def _act_on(self, controls: Sequence[Any]) -> None:
        """Name the controls that `disabled` is about, beside the button."""
        self._controls = [*controls, self._button]
        self._enable()

    def _enable(self) -> None:
        for control in self._controls:
            control.disabled = self.disabled

    def _tell(self, words: str, state: str = "", button: str = "") -> None:
        """Say how things stand, and offer the button if it has words; the state last, for those who observe it."""
        self._line = words
        self._status.value = said(words, "wrong" if state == "error" else "said")
        self._button.description = button or self._button.description
        self._button.layout.display = "" if button else "none"
        self.state = state or self.state

    def _pressed(self) -> None:
        """Do what the button says."""
        raise NotImplementedError

    def _words(self) -> str:
        """Give the widget in words, for those who cannot see it."""
        raise NotImplementedError
