"""A table and its picture where nobody can point and click."""

from typing import Any

import pandas as pd

from cctrack.export._pictures import picture


class Plain:
    """An answer without a widget: what `funnel_explorer` and `link_explorer` give under nbconvert and papermill.

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

    def __init__(self, value: pd.DataFrame, shown: pd.DataFrame, code: str) -> None:
        self.value = value
        self.code = code
        self._shown = shown

    def __repr__(self) -> str:
        return self._shown.to_string(index=False)

    def _ipython_display_(self) -> None:
        display_plainly(self.value, self._shown)


def display_plainly(table: pd.DataFrame, shown: pd.DataFrame) -> None:
    """Display a table as pandas does, and its picture."""
    from IPython.display import display

    # Rates to as many places as their picture shows; the table itself keeps them all.
    display(shown.round(3))  # type: ignore[no-untyped-call]
    if (drawn := picture(table)) is not None:
        size: dict[str, Any] = {"width": drawn.width, "height": drawn.height}
        bundle = {"image/png": drawn.png, "text/plain": drawn.words}
        display(bundle, metadata={"image/png": size}, raw=True)  # type: ignore[no-untyped-call]
