"""A table and its picture where nobody can point and click."""

from typing import Any

import pandas as pd

from cctrack.export._pictures import picture
from cctrack.frontend import GET_WIDGETS
from cctrack.pickers._html import said

NO_CAMPAIGN = "there is no campaign to show; pass a table of activities, or send a campaign first"


class Plain:
    """An answer without a widget: what `funnel_explorer` and `link_explorer` give where there is no ipywidgets.

    Attributes
    ----------
    value : pandas.DataFrame
        The whole table.
    code : str
        The cell that makes the same without an explorer.
    disabled : bool
        True: there is nothing to choose.
    """

    disabled = True

    def __init__(self, about: str, value: pd.DataFrame, shown: pd.DataFrame, code: str) -> None:
        self.value = value
        self.code = code
        self._about, self._shown = about, shown

    def __repr__(self) -> str:
        return f"{self._about}\n{self._shown.to_string(index=False)}"

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"there is no {name!r} without ipywidgets, only value and code: {GET_WIDGETS}")

    def _ipython_display_(self) -> None:
        display_plainly(self._about, self.value, self._shown)


def display_plainly(about: str, table: pd.DataFrame, shown: pd.DataFrame) -> None:
    """Display which campaigns it is about, a table as pandas does, and its picture."""
    from IPython.display import display

    display({"text/plain": about, "text/html": said(about, "head")}, raw=True)  # type: ignore[no-untyped-call]
    # Rates to as many places as their picture shows; the table itself keeps them all.
    display(shown.round(3))  # type: ignore[no-untyped-call]
    if (drawn := picture(table)) is not None:
        size: dict[str, Any] = {"width": drawn.width, "height": drawn.height}
        bundle = {"image/png": drawn.png, "text/plain": drawn.words}
        display(bundle, metadata={"image/png": size}, raw=True)  # type: ignore[no-untyped-call]
