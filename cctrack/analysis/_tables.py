"""What an analysis asks of the table it is given."""

from collections.abc import Iterable

import pandas as pd


def checked(table: object, columns: Iterable[str], what: str, origin: str) -> pd.DataFrame:
    """Give the table if it is one and has the columns.

    Raises
    ------
    TypeError
        When it is no frame.
    ValueError
        When columns are missing; names them and the function that gives such a table.
    """
    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"{what} must be a pandas frame, not {type(table).__name__}; {origin} gives one")
    missing = [name for name in columns if name not in table.columns]
    if missing:
        raise ValueError(f"{what} has no column {', '.join(missing)}; pass a table such as {origin} gives")
    return table
