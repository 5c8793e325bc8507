"""What an analysis asks of the tables it is given, and how their values come out again."""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

# What each column is needed for: said when it is missing.
PURPOSE: Final[Mapping[str, str]] = {
    "activity_type": "tells sends, opens, clicks and the rest apart",
    "activity_date": "tells when it happened",
    "campaign_id": "a recipient is a contact in a campaign",
    "contact_id": "a recipient is a contact in a campaign",
    "email_address": "tells the domain of a contact",
    "link_id": "tells the links of a campaign apart",
    "link_uri": "tells where a link leads",
    "bounce_code": "tells bounces from automatic replies",
    "unsubscribe_source": "tells who unsubscribed a contact",
    "name": "is what stands beside the id",
}
IDS: Final = ("campaign_id", "contact_id", "link_id")
TEXT: Final = ("activity_type", *IDS, "email_address", "link_uri", "bounce_code", "unsubscribe_source")
DATES: Final = ("activity_date", "last_run_date")


def checked(table: object, columns: Iterable[str], what: str, origin: str) -> pd.DataFrame:
    """Give the table if it is one and has the columns.

    Raises
    ------
    TypeError
        When it is no frame.
    ValueError
        When columns are missing, there twice or of another type; says what they are for and how to mend it.
    """
    if not isinstance(table, pd.DataFrame):
        raise TypeError(f"{what} must be a pandas frame, not {type(table).__name__}; {origin} gives one")
    twice = table.columns[table.columns.duplicated()]
    if len(twice) or table.columns.nlevels > 1:
        named = f"the column {twice[0]} twice" if len(twice) else "several rows of column names"
        raise ValueError(f"{what} has {named}; rename or drop columns until each has a name of its own")
    wanted = list(columns)
    complain_of_missing([name for name in wanted if name not in table.columns], what, origin)
    for name in wanted:
        column = table[name]
        nothing = pd.api.types.is_float_dtype(column.dtype) and bool(column.isna().all())  # as a CSV is read
        complain_of_type(name, "nothing" if nothing and name in TEXT else pandas_kind(column), what)
    return table


def complain_of_missing(missing: list[str], what: str, origin: str) -> None:
    """Raise ValueError when there are missing columns."""
    if missing:
        why = "; ".join(f"{name} {PURPOSE[name]}" for name in missing if name in PURPOSE)
        said = f"{what} has no column {', '.join(missing)}" + (f" ({why})" if why else "")
        raise ValueError(f"{said}; pass a table such as {origin} gives")


def complain_of_type(name: str, kind: str, what: str, engine: str = "pandas") -> None:
    """Raise ValueError when a column is not what its name promises.

    Parameters
    ----------
    name, what
        The column and the table, as the message is to call them.
    kind
        What the column holds: "text", "number", "date" (with a zone), "naive date" or the name of something else.
    engine
        Where the table is, and is to be mended.
    """
    why = f"{what}: {name} ({PURPOSE.get(name, 'a date')}) holds {_A.get(kind, kind)}"
    if name in DATES and kind != "date":
        mend = _MEND_DATES[kind == _NAIVE].format(name=name)
        if engine != "pandas":
            mend = f"make them timestamps with a time zone in {engine}"
            mend += f": {_ZONED[engine].format(name=name)}" if kind == _NAIVE and engine in _ZONED else ""
        raise ValueError(f"{why}, not dates with a time zone; {mend}")
    if name == "machine" and kind not in ("true and false", "nothing"):
        raise ValueError(
            f"{what}: machine holds {_A.get(kind, kind)}, not True and False; make them that, or drop the column to "
            "have the events judged by analysis.machine_activity"
        )
    if name in TEXT and kind not in ("text", "nothing"):
        steps = ".astype('Int64').astype('string')" if kind == "number" else ".astype('string')"
        mend = f"table[{name!r}]{steps}" if engine == "pandas" else f"cast {name} to text in {engine}"
        raise ValueError(
            f"{why}, not text; numbers lose leading zeros and, as floats, the last digits of long ids. Read the file "
            f"with cctrack.export.read_csv, or with dtype=str; to mend a table: {mend}"
        )


_NAIVE = "naive date"
_A = {"number": "numbers", "date": "dates", _NAIVE: "dates without a time zone", "text": "text", "nothing": "nothing"}
_MEND_DATES = {
    True: "say which it is, such as table['{name}'].dt.tz_localize('UTC')",
    False: "make dates of it, such as pandas.to_datetime(table['{name}'], utc=True, format='ISO8601')",
}
_ZONED = {
    "Polars": "pl.col('{name}').dt.replace_time_zone('UTC')",
    "PyArrow": "pyarrow.compute.assume_timezone(table['{name}'], 'UTC')",
    "DuckDB": "{name} AT TIME ZONE 'UTC'",
    "Dask": "table['{name}'].dt.tz_localize('UTC')",
    "PySpark": "F.to_timestamp_ltz('{name}'), read in spark.sql.session.timeZone",
}


def pandas_kind(column: "pd.Series[Any]") -> str:
    """Say what a column of pandas holds, in the words of `complain_of_type`."""
    dtype: Any = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return pandas_kind(dtype.categories.to_series())
    if isinstance(dtype, pd.DatetimeTZDtype):
        return "date"
    if pd.api.types.is_datetime64_any_dtype(dtype):
        zoned = isinstance(dtype, pd.ArrowDtype) and getattr(dtype.pyarrow_dtype, "tz", None) is not None
        return "date" if zoned else _NAIVE
    if pd.api.types.is_bool_dtype(dtype):
        return "true and false"
    if pd.api.types.is_numeric_dtype(dtype):
        return "number"
    if isinstance(dtype, pd.ArrowDtype):
        return "text" if "string" in str(dtype.pyarrow_dtype) else str(dtype)
    if pd.api.types.is_object_dtype(dtype):
        return _OF_OBJECTS.get(pd.api.types.infer_dtype(column, skipna=True), "mixed values")
    return "text" if isinstance(dtype, pd.StringDtype) else str(dtype)


_OF_OBJECTS = {
    "string": "text", "empty": "nothing", "boolean": "true and false",
    "integer": "number", "floating": "number", "decimal": "number", "mixed-integer": "numbers and text",
    "datetime": "date objects", "date": "date objects",
}  # fmt: skip


def truths(column: "pd.Series[Any]") -> npt.NDArray[np.bool_]:
    """Give True and False, in whatever dtype they stand; NA is False."""
    return column.astype("boolean").fillna(False).to_numpy(dtype=np.bool_)


def plain(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Give the values in the dtype that results have, whatever the engine made of them.

    Text is "string", numbers are Int64 or float64, true and false "boolean"; dates are in microseconds, in UTC where
    they have a zone; categories become what their values are. The rest stays.
    """
    dtype: Any = column.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        # Plain before NA come in, which would make floats of whole numbers.
        values = plain(pd.Series(dtype.categories)).reindex(column.cat.codes.to_numpy())
        return pd.Series(values.array, index=column.index, name=column.name)
    kind = pandas_kind(column)
    if kind == "date" and not isinstance(dtype, pd.DatetimeTZDtype):
        return column.astype("datetime64[us, UTC]")
    if kind == "date":
        return pd.Series(column.dt.tz_convert("UTC").dt.as_unit("us"))
    if kind in ("text", "nothing") and dtype != pd.StringDtype():
        return column.astype(object).where(column.notna(), None).astype("string")
    number: Any = "Int64" if pd.api.types.is_integer_dtype(dtype) else "float64"
    if kind == "number":
        return column if pd.api.types.is_object_dtype(dtype) else column.astype(number)
    return column.astype(_DTYPES[kind]) if kind in _DTYPES else column


_DTYPES: Final[Mapping[str, Any]] = {"true and false": "boolean", _NAIVE: "datetime64[us]"}
