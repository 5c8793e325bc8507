"""Columns in one of seven kinds, whatever dtype they came in."""

import re
from collections.abc import Callable, Collection
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from pandas.api import types

from cctrack.export._texts import sound

Kind = Literal["text", "whole", "real", "flag", "date", "naive", "span"]
"""Text; Int64; float64; true or false; an instant; a date without a zone; a length of time."""

_SHARE = re.compile(r"(?:^|_)(?:rate|share|reach)(?:_|$)")
_OF_SHARE = re.compile(r"_human$|(?:^|_)(?:low|high)(?=_|$)")
_BIGGEST = 2**63


def is_id(name: str) -> bool:
    """Tell whether a column holds ids: they are text, even where they look like numbers."""
    return name.endswith("_id")


def is_share(name: str, names: Collection[str]) -> bool:
    """Tell by its name whether a column holds shares of 1; the bounds of a rate do as well.

    Parameters
    ----------
    name
        The column.
    names
        All columns of the table: `step_low` is a bound of `step_rate`, `low` one of `rate`.
    """
    stem = _OF_SHARE.sub("", _OF_SHARE.sub("", name))
    rate = f"{stem}_rate" if stem else "rate"
    return bool(_SHARE.search(name)) or (stem != name and (rate in names or f"{rate}_human" in names))


def kind_of(column: "pd.Series[Any]") -> Kind:
    """Tell the kind of a settled column."""
    dtype: Any = column.dtype
    if isinstance(dtype, pd.DatetimeTZDtype):
        return "date"
    kinds: dict[str, Kind] = {"M": "naive", "m": "span", "b": "flag", "i": "whole", "f": "real"}
    return kinds.get(getattr(dtype, "kind", "O"), "text")


def settled(name: str, column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Give a column in the dtype of its kind: "string" or a categorical of text, Int64, float64 and so on.

    Parameters
    ----------
    name
        Its name: ids become text.
    column
        Of any dtype; what is of no kind becomes text.
    """
    dtype: Any = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        texts = types.infer_dtype(dtype.categories, skipna=True) in ("string", "empty")
        return mapped(column, sound) if texts else settled(name, column.astype(object))
    if types.is_numeric_dtype(dtype) and is_id(name):
        return _texts(column.astype(object))
    if isinstance(dtype, pd.StringDtype):
        return mapped(column.astype("string"), sound)
    if not isinstance(dtype, _UNUSUAL):
        if types.is_bool_dtype(dtype) or getattr(dtype, "kind", "O") in "Mm":
            return column
        if types.is_integer_dtype(dtype):
            return _whole(column)
        if types.is_float_dtype(dtype):
            return column.astype("float64")
    return _of_objects(name, pd.Series(np.asarray(column, dtype=object), index=column.index, dtype=object))


_UNUSUAL = (pd.ArrowDtype, pd.SparseDtype, pd.PeriodDtype, pd.IntervalDtype)


def _whole(column: "pd.Series[Any]") -> "pd.Series[Any]":
    if types.is_unsigned_integer_dtype(column.dtype) and column.max() >= _BIGGEST:
        return _texts(column.astype(object))
    return column.astype("Int64")


def _of_objects(name: str, column: "pd.Series[Any]") -> "pd.Series[Any]":
    found = types.infer_dtype(column, skipna=True)
    try:
        if found == "boolean":
            return column.astype("boolean")
        if found == "integer" and not is_id(name):
            return column.astype("Int64")
        if found in ("floating", "mixed-integer-float", "decimal") and not is_id(name):
            return pd.to_numeric(column.where(column.notna(), np.nan)).astype("float64")
        if found in ("datetime64", "datetime", "date"):
            zoned = any(getattr(one, "tzinfo", None) is not None for one in column.dropna())
            return pd.to_datetime(column, utc=zoned)
        if found in ("timedelta", "timedelta64"):
            return pd.to_timedelta(column)
    except (ValueError, TypeError, OverflowError):  # too big, or of two kinds
        pass
    return _texts(column)


def _texts(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Make text of objects; an id that became a float after a gap is written without its fraction."""
    written = [None if gone else sound(_written(one)) for one, gone in zip(column, column.isna(), strict=True)]
    return pd.Series(pd.array(written, dtype="string"), index=column.index, name=column.name)


def _written(value: object) -> str:
    return str(int(value)) if isinstance(value, (float, np.floating)) and value.is_integer() else str(value)


def coded(column: "pd.Series[Any]") -> tuple[npt.NDArray[np.intp], list[str]]:
    """Give a column of text as codes into its different values; -1 is NA."""
    if isinstance(column.dtype, pd.CategoricalDtype):
        return np.asarray(column.cat.codes, dtype=np.intp), list(map(str, column.cat.categories))
    # Not `pd.factorize`: in pandas 2.2 it takes texts for the same that differ after a NUL only.
    known: dict[str, int] = {}
    cells = column.array.to_numpy(dtype=object, na_value=None).tolist()
    codes = [-1 if one is None else known.setdefault(one, len(known)) for one in cells]
    return np.array(codes, dtype=np.intp), list(known)


def mapped(column: "pd.Series[Any]", change: Callable[[str], str | None]) -> "pd.Series[Any]":
    """Change the texts of a column, each different one once; None becomes NA."""
    codes, before = coded(column)
    after = list(map(change, before))
    if after == before:
        return column
    values = {value: code for code, value in enumerate(dict.fromkeys(one for one in after if one is not None))}
    recoded = np.array([-1 if one is None else values[one] for one in after] + [-1], dtype=np.intp)[codes]
    texts = pd.array(list(values), dtype="string")
    if not isinstance(column.dtype, pd.CategoricalDtype):
        cells = texts.take(recoded, allow_fill=True, fill_value=pd.NA)
        return pd.Series(cells, index=column.index, name=column.name)
    ordered = bool(column.cat.ordered) and len(values) == len(before)
    categories = pd.Index(texts.astype(column.cat.categories.dtype))
    return pd.Series(
        pd.Categorical.from_codes(recoded, categories=categories, ordered=ordered), index=column.index, name=column.name
    )
