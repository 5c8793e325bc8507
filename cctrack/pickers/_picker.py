"""What all pickers share: rows that are read when it may be, and plain words where nobody can point and click."""

from typing import Any, ClassVar

import pandas as pd

from cctrack.frontend import unattended
from cctrack.pickers._html import tabulated
from cctrack.pickers._supply import Supply, costs_nothing, in_words, noting
from cctrack.pickers._widget import Stated


class Picker(Stated):
    """A widget whose value is picked from rows."""

    _noun: ClassVar[str] = "row"
    _at_once: ClassVar[bool] = True  # a list that is short by its nature is read without asking

    def __init__(self, supply: Supply, controls: list[Any]) -> None:
        super().__init__()
        self._supply = supply
        self._leave = False
        self._notes: list[str] = []
        self.children = [*controls, self._status, self._button]
        self._act_on(controls)

    def load(self) -> None:
        """Read the rows, whatever that costs."""
        self._tell(f"Reading the {self._noun}s …", "loading")
        try:
            with noting() as self._notes:
                found = self._take(self._frame())
        except BaseException as error:
            self._tell(f"The {self._noun}s could not be read: {in_words(error)}", "error", "Try again")
            if not isinstance(error, Exception):
                raise
        else:
            self._tell(self._told() if found else f"There are no {self._noun}s here.", "ready" if found else "empty")

    def _begin(self) -> None:
        """Read at once what costs nothing or little; else say what it would cost."""
        try:
            plan = self._plan()
        except Exception as error:
            self._tell(in_words(error), "error", "Try again")
            return
        if plan:
            self._tell(f"Reading the {self._noun}s takes {plan}", "waiting", f"Read the {self._noun}s")
        else:
            self.load()

    def _plan(self) -> str:
        """Tell what needs leave; nothing if it may be read."""
        if self._at_once or not self._supply.is_report:
            return ""
        session = self._supply.session()
        return "" if costs_nothing(session, self._supply.read) else repr(self._supply.read.plan(session))

    def _pressed(self) -> None:
        if self.state not in ("waiting", "error"):
            return  # pressed twice
        self._leave = self._leave or self.state == "waiting"
        if self._leave:
            self.load()
        else:
            self._begin()

    def _frame(self) -> pd.DataFrame:
        return self._supply.frame()

    def _take(self, rows: pd.DataFrame) -> bool:
        """Offer the rows; tell whether there are any."""
        raise NotImplementedError

    def _summary(self) -> str:
        """Say what there is to pick from."""
        raise NotImplementedError

    def _told(self) -> str:
        return " ".join(filter(None, [self._summary(), *self._notes]))

    def _preview(self) -> pd.DataFrame | None:
        """Give a few rows for those who cannot point and click; None where there are none."""
        return None

    def _words(self) -> str:
        return f"{type(self).__name__}({self.value!r})"

    def _repr_mimebundle_(self, **kwargs: Any) -> dict[str, str]:
        if not unattended():
            bundle: dict[str, str] = super()._repr_mimebundle_(**kwargs)
            return {**bundle, "text/plain": self._words()}
        rows = self._preview()
        words = [self._words(), self._line, *([] if rows is None else [rows.to_string(index=False)])]
        table = "" if rows is None else tabulated(f"{self._noun}s, the first of them", rows)
        return {"text/plain": "\n".join(filter(None, words)), "text/html": self._status.value + table}
