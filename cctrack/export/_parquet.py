"""Parquet that pandas, Polars, DuckDB and Spark read."""

import os
from pathlib import Path
from typing import Any

import pandas as pd

from cctrack.export._columns import coded, kind_of
from cctrack.export._files import needed, replacing, target
from cctrack.export._redaction import Redact, Redaction
from cctrack.export._tables import prepared

_WHOLE_CATEGORIES = "activity_type"  # its categories are known, with rows and without


def to_parquet(table: pd.DataFrame, path: str | os.PathLike[str], *, redact: Redact | None = None) -> Path:
    """Write a table as Parquet: small, typed, and quick to read again.

    Parameters
    ----------
    table
        Any frame with one level of columns. An index that has a name, or is not of whole numbers, comes first.
    path
        The file; one that is there is replaced when the new one is complete.
    redact
        None writes e-mail addresses as they are. "hash" puts a mark in their place wherever they stand, in links
        too, and in the place of first and last names: the same for the same one within this file, and not to be
        guessed, since the key is random and forgotten. "domain" keeps what follows the @, and leaves names empty.

    Returns
    -------
    pathlib.Path
        The file. `pandas.read_parquet` gives the table back with its `attrs`; ids and text are categorical, as the
        analyses take them.

    Raises
    ------
    TypeError, ValueError
        For a table that cannot be written, or a bad argument, before anything is written.
    ImportError
        Without pyarrow.
    OSError
        When the file cannot be written; no half file is left.

    Notes
    -----
    Text is dictionary-encoded; categories that no row has are left out, but for those of `activity_type` and ordered
    ones; a table without rows comes back without any. Dates are timestamps in microseconds, in UTC if they have a
    zone. Other readers than pandas see lengths of time as whole microseconds.
    """
    redaction = Redaction(redact)
    where = target(path)
    needed("pyarrow.parquet")
    frame = prepared(table, redaction)
    packed = pd.DataFrame({name: _packed(str(name), frame[name]) for name in frame.columns}, copy=False)
    packed.attrs = frame.attrs
    with replacing(where) as scratch:
        packed.to_parquet(scratch, engine="pyarrow", index=False, compression="zstd")
    return where


def _packed(name: str, column: "pd.Series[Any]") -> "pd.Series[Any]":
    kind = kind_of(column)
    dates: Any = column.dt if kind in ("date", "naive", "span") else None
    if dates is not None:
        return pd.Series((dates.tz_convert("UTC").dt if kind == "date" else dates).as_unit("us"))
    if kind != "text":
        return column
    if isinstance(column.dtype, pd.CategoricalDtype):
        if column.cat.ordered or name == _WHOLE_CATEGORIES:
            return column
        column = column.cat.remove_unused_categories()
    codes, values = coded(column)
    categories = pd.Index(pd.array(values, dtype="string"))  # text also where there is none
    return pd.Series(pd.Categorical.from_codes(codes, categories=categories), index=column.index)
