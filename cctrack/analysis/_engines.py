"""Tables of any engine as narwhals has them: taken, made ready to be counted, and brought over as pandas."""

import warnings
from collections.abc import Callable
from typing import Any, Final, cast

import pandas as pd

from cctrack.analysis._tables import TEXT, plain
from cctrack.errors import EngineError

GIVES: Final = "cctrack.campaign_activities_df"
_NAMES = {
    "pandas": "pandas", "polars": "Polars", "pyarrow": "PyArrow", "duckdb": "DuckDB", "dask": "Dask",
    "pyspark": "PySpark", "ibis": "Ibis", "modin": "Modin", "cudf": "cuDF", "sqlframe": "SQLFrame",
}  # fmt: skip


def taken(activities: object) -> tuple[Any, str]:
    """Give the table as narwhals has it, and the name of its engine."""
    import narwhals as nw

    try:
        with warnings.catch_warnings():  # that Dask will need a package which is not there yet
            warnings.filterwarnings("ignore", "Dask support is moving", FutureWarning)
            frame: Any = nw.from_native(cast(Any, activities))
    except TypeError:
        raise TypeError(
            f"activities is a {type(activities).__name__}, no table; {GIVES} gives one, and tables of Polars, "
            "PyArrow, DuckDB, Dask and PySpark are taken too"
        ) from None
    engine = str(frame.implementation).rpartition(".")[2].lower()
    return frame, _NAMES.get(engine, engine)


def prepared(frame: Any, engine: str) -> Any:
    """Make text of what stands for it: PyArrow's dictionaries and views, and columns without any value."""
    import narwhals as nw

    if engine == "PyArrow":
        frame = nw.from_native(_decoded(frame.to_native()))
    schema = frame.collect_schema()
    unknown = [name for name, dtype in schema.items() if dtype == nw.Unknown and name in TEXT]
    if not unknown:
        return frame
    empty = frame.lazy().select(*(nw.col(name).is_null().all() for name in unknown)).collect("pandas").to_native()
    nothing = [name for name in unknown if bool(empty[name].iloc[0])]
    return frame.with_columns(*(nw.col(name).cast(nw.String) for name in nothing)) if nothing else frame


def _decoded(table: Any) -> Any:
    """Give a table of PyArrow whose texts can be compared, grouped and joined."""
    import pyarrow as pa

    text = pa.large_string()
    for place, field in enumerate(table.schema):
        column, dtype = table.column(place), field.type
        values = dtype.value_type if pa.types.is_dictionary(dtype) else dtype
        wanted = text if str(values) == "string_view" else values
        if wanted == dtype:
            continue
        if values != dtype:
            parts = [pa.DictionaryArray.from_arrays(one.indices, one.dictionary.cast(wanted)) for one in column.chunks]
            column = pa.chunked_array(parts, pa.dictionary(dtype.index_type, wanted))
        table = table.set_column(place, field.name, column.cast(wanted))
    return table


def brought(frame: Any, engine: str, what: str) -> pd.DataFrame:
    """Let an engine compute, and give its result as pandas.

    Raises
    ------
    EngineError
        When the engine fails.
    """
    try:
        with warnings.catch_warnings():  # what engines themselves ask of pandas and will have to change
            warnings.simplefilter("ignore", DeprecationWarning)
            warnings.simplefilter("ignore", FutureWarning)
            # Spark gives pandas its dates without a zone, in that of the session.
            through = "pyarrow" if engine == "PySpark" else "pandas"
            table = cast(pd.DataFrame, frame.collect(through).to_pandas())
    except Exception as error:
        if engine == "pandas":
            raise
        raise refused(engine, what, error) from error
    table = table.reset_index(drop=True)
    table.attrs = {}
    return table.assign(**{str(name): plain(table[name]) for name in table.columns})


def refused(engine: str, what: str, error: Exception) -> EngineError:
    """Say which engine cannot give what, why, and the way out."""
    said = next(iter(str(error).strip().splitlines()), "")[:300].rstrip(".;: ")
    return EngineError(
        f"{engine} cannot give {what}: {type(error).__name__}: {said}; mend the query that the table stands for, or "
        "write the table to Parquet and pass what pandas.read_parquet or polars.scan_parquet gives"
    )


def kind_of(dtype: Any) -> str:
    """Say what a column of narwhals holds, in the words of `complain_of_type`."""
    import narwhals as nw

    if isinstance(dtype, nw.Datetime):
        return "date" if dtype.time_zone else "naive date"
    if dtype.is_numeric():
        return "number"
    of: dict[Any, str] = {nw.String: "text", nw.Categorical: "text", nw.Enum: "text", nw.Boolean: "true and false"}
    found: Callable[[], str] = str(dtype).lower
    return next((words for kind, words in of.items() if dtype == kind or isinstance(dtype, kind)), found())
