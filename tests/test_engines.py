"""The same answers from every engine, value for value, and clear errors where an engine cannot answer."""

import ast
import importlib.metadata
import time
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import engines
import narwhals as nw
import pandas as pd
import pytest
from engines import Engines

import cctrack
from cctrack import EngineError
from cctrack.analysis import (
    _events,
    _places,
    activity_heatmap,
    clock_check,
    co_clicks,
    compare_campaigns,
    contact_timeline,
    engagement_states,
    funnel,
    hygiene,
    link_popularity,
    machine_activity,
    pressure,
    reconcile,
    response_curve,
    scorecard,
)
from cctrack.analysis._dense import PandasEvents
from cctrack.analysis._events import Events

pytestmark = [pytest.mark.filterwarnings(one) for one in engines.THEIR_WARNINGS]

SEMANTICS = ("closed", "observed", "ordered")
MACHINE = ("include", "exclude", "both")
Call = Callable[[Any, Engines], pd.DataFrame]


def funnels() -> Iterator[tuple[str, Call]]:
    """Give fifteen funnels in which every two of `by`, `semantics` and `machine` meet."""
    groups: dict[str, Callable[[Engines], Any]] = {
        "all": lambda _: None,
        "campaign": lambda _: "campaign_id",
        "month": lambda _: "month",
        "segments": lambda on: on.segments,
        "columns": lambda _: ["region", "link_uri"],
    }
    for (at, by), (place, semantics) in product(enumerate(groups), enumerate(SEMANTICS)):
        machine: Any = MACHINE[(at + place) % 3]

        def call(
            table: Any, on: Engines, by: str = by, semantics: Any = semantics, machine: Any = machine
        ) -> pd.DataFrame:
            return funnel(table, by=groups[by](on), semantics=semantics, machine=machine, tz="Pacific/Auckland")

        yield f"funnel by {by}, {semantics}, {machine}", call


CALLS: dict[str, Call] = {
    "funnel": lambda table, _: funnel(table),
    **dict(funnels()),
    "funnel up to a date": lambda table, _: funnel(
        table, as_of="2025-12-20T12:00:00.5Z", definitions="constant_contact"
    ),
    "link_popularity": lambda table, on: link_popularity(table, on.links),
    "link_popularity by month": lambda table, _: link_popularity(
        table, by="month", level="host", kinds="all", machine="exclude", collapse="2s", tz="Pacific/Auckland"
    ),
    "machine_activity": lambda table, _: machine_activity(table),
    "machine_activity, honeypot": lambda table, on: machine_activity(table, honeypot_link_ids=on.links["link_id"][:2]),
    "machine_activity, summary": lambda table, on: machine_activity(table, table="summary", links=on.links),
    "scorecard": lambda table, on: scorecard(table, labels=on.labels),
    "scorecard by segments": lambda table, on: scorecard(table, by=on.segments, machine="exclude"),
    "reconcile": lambda table, on: reconcile(table, on.summaries),
    "clock_check": lambda table, _: clock_check(table),
    "activity_heatmap": lambda table, _: activity_heatmap(table, tz="Pacific/Auckland"),
    "co_clicks": lambda table, on: co_clicks(table, on.links, min_both=1),
    "contact_timeline": lambda table, on: contact_timeline(table, on.contact, labels=on.labels),
    "engagement_states": lambda table, _: engagement_states(table),
    "hygiene": lambda table, _: hygiene(table, min_sends=2, min_campaigns=2),
    "pressure": lambda table, _: pressure(table),
    "response_curve": lambda table, _: response_curve(table),
    "compare_campaigns": lambda table, on: compare_campaigns(table, labels=on.labels, min_delivered=10),
}
LONG = ("scorecard by segments",)  # not of Dask and Spark: it asks for little else than others do, and often
# What is asked of the other forms of Dask and Spark.
FEW = ("funnel by segments, closed, include", "funnel by all, ordered, both", "link_popularity", "machine_activity")
CASES = [
    (name, call)
    for name in engines.NAMES
    for call in CALLS
    if call in FEW or name in engines.QUICK or (name in ("dask text", "pyspark text") and call not in LONG)
]
SMALL = ("polars eager", "pyarrow text", "duckdb text", "dask text", "pyspark text")  # one form of each engine


@pytest.fixture(scope="module")
def on(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engines]:
    """Give the table on every engine, in a zone that is neither that of the data nor that of the engines."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TZ", "Asia/Kolkata")
        _take_zone()
        started = Engines(tmp_path_factory.mktemp("engines"))
        yield started
        started.close()
    _take_zone()


def _take_zone() -> None:
    """Let this process take the zone of its environment, where it can."""
    if hasattr(time, "tzset"):
        time.tzset()


@pytest.fixture(scope="module")
def expected(on: Engines) -> Callable[[str], pd.DataFrame]:
    """Give what pandas makes of texts, worked out once."""
    known: dict[str, pd.DataFrame] = {}

    def answer(call: str) -> pd.DataFrame:
        if call not in known:
            known[call] = CALLS[call](on.on("pandas text"), on)
        return known[call]

    return answer


def comparable(table: pd.DataFrame) -> pd.DataFrame:
    """Bring rows of activities into one order, and their categories to text; other tables stay as they are."""
    if "machine_reason" not in table or "activity_date" not in table:
        return table
    texts = {name: "string" for name in table if isinstance(table[name].dtype, pd.CategoricalDtype)}
    return table.astype(texts).sort_values(list(table.columns), ignore_index=True)


# The same everywhere -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "call"), CASES)
def test_every_engine_gives_what_pandas_gives(
    name: str, call: str, on: Engines, expected: Callable[[str], pd.DataFrame]
) -> None:
    want, got = expected(call), CALLS[call](on.on(name), on)
    pd.testing.assert_frame_equal(comparable(got), comparable(want), check_exact=True)
    assert got.attrs == want.attrs


def test_every_analysis_is_asked() -> None:
    asked = {call.partition(" ")[0].removesuffix(",") for call in CALLS}
    assert asked == set(cctrack.analysis.__all__) - {"explain"}


def test_the_table_has_what_makes_engines_differ(on: Engines) -> None:
    table = on.table
    assert {
        "EMAIL_SEEN",
        *(f"EMAIL_{kind}" for kind in ("SEND", "OPEN", "CLICK", "FORWARD", "BOUNCE", "UNSUBSCRIBE")),
    } == {*table["activity_type"].dropna()}
    assert table[["activity_type", "activity_date", "campaign_id", "contact_id", "region"]].isna().any().all()
    assert {"V", "N"} <= {*table["bounce_code"].dropna()}
    assert "ACTION_BY_OWNER" in {*table["unsubscribe_source"].dropna()}
    assert table.duplicated().any()
    found = funnel(table)
    assert (found["n_orphan"] > 0).all()
    assert (found["n_machine"].iloc[2:] > 0).all()


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("semantics", ["closed", "ordered"])
def test_no_rows_are_no_error(name: str, semantics: Any, on: Engines) -> None:
    table = on.on(name)
    frame = nw.from_native(table)
    none = frame.filter(nw.col("contact_id") == "of nobody").to_native()
    got = funnel(none, semantics=semantics)
    pd.testing.assert_frame_equal(got, funnel(on.table[:0], semantics=semantics))


@pytest.mark.parametrize("name", SMALL)
def test_a_verdict_in_the_table_is_taken(name: str, on: Engines) -> None:
    judged = machine_activity(on.table).assign(machine=lambda table: table["machine"].astype("boolean"))
    judged.loc[judged.index[::5], "machine"] = pd.NA
    judged["machine_reason"] = judged["machine_reason"].astype("string").where(judged["machine"])
    got = funnel(on.of(name, judged), machine="both")
    want = funnel(judged, machine="both")
    pd.testing.assert_frame_equal(got, want)
    assert got.attrs["cctrack"]["set_aside"] == want.attrs["cctrack"]["set_aside"] != {}


@pytest.mark.parametrize("name", ["polars eager", "pyarrow text", "duckdb text"])
def test_a_column_of_nothing_is_text_without_values(name: str, on: Engines) -> None:
    """An account without bounces has no type for their codes."""
    import pyarrow as pa

    without = on.table[on.table["activity_type"] != "EMAIL_BOUNCE"].assign(bounce_code=pd.NA)
    table = pa.Table.from_pandas(without, preserve_index=False)
    place = table.schema.get_field_index("bounce_code")
    table = table.set_column(place, "bounce_code", pa.nulls(len(table)))
    got = funnel(on.of(name, table))
    pd.testing.assert_frame_equal(got, funnel(without.astype({"bounce_code": "string"})))


def test_texts_of_newer_arrow_are_texts(on: Engines) -> None:
    import polars as pl
    import pyarrow as pa

    views = pl.from_pandas(on.table).to_arrow(compat_level=pl.CompatLevel.newest())
    assert "string_view" in {str(one) for one in views.schema.types}
    parts = [
        pa.DictionaryArray.from_arrays(one.indices, one.dictionary)
        for one in views["contact_id"].dictionary_encode().chunks
    ]
    coded = views.set_column(views.schema.get_field_index("contact_id"), "contact_id", pa.chunked_array(parts))
    want = funnel(on.table)
    pd.testing.assert_frame_equal(funnel(views), want)
    pd.testing.assert_frame_equal(funnel(coded), want)


# How pandas is counted -----------------------------------------------------------------------------------------------

KEYS = ([], ["campaign_id"], ["contact_id"], ["region", "campaign_id"], ["link_uri", "contact_id"], ["seen"])


@pytest.mark.parametrize("keys", KEYS, ids=" ".join)
@pytest.mark.parametrize("most", [_places._MOST_PLACES, 0], ids=["an array", "hashed"])
@pytest.mark.parametrize("form", ["text", "categorical", "no ids", "unknown kinds", "empty"])
def test_the_quick_way_counts_what_narwhals_counts(
    keys: list[str], most: int, form: str, on: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_places, "_MOST_PLACES", most)
    table = on.on("pandas categorical") if form == "categorical" else on.table
    if form == "no ids":
        table = table[table["contact_id"].isna()]
    elif form == "unknown kinds":  # so many that they are counted as one
        table = table.assign(activity_type=table["activity_type"].mask(table["link_id"].isna(), table["contact_id"]))
    table = (table[:0] if form == "empty" else table).assign(seen=on.table["activity_date"].dt.floor("30D"))

    def ordered(counts: pd.DataFrame) -> pd.DataFrame:
        columns = [*keys, "_pattern"]
        added = counts.astype({"_pattern": "int64", "_n": "int64"}).groupby(columns, dropna=False)["_n"].sum()
        return added.reset_index().sort_values(columns, ignore_index=True)

    quick = PandasEvents.of(table, {}).patterns(keys)
    slow = Events(nw.from_native(table).lazy(), "pandas", {}).patterns(keys)
    pd.testing.assert_frame_equal(ordered(quick), ordered(slow))


def test_a_condition_within_agg_is_wrong_without_an_error() -> None:
    """The reason for the rule in `_events.py`; the test after this one keeps it."""
    table = pd.DataFrame({"campaign": ["a"] * 4, "kind": ["SEND", "SEND", "SEND", "OPEN"], "contact": list("1232")})
    opened = nw.when(nw.col("kind") == "OPEN").then(nw.col("contact"))
    told = importlib.metadata.version("narwhals")
    for frame in (nw.from_native(table), nw.from_native(_arrow(table))):
        found = frame.group_by("campaign").agg(opened.n_unique().alias("n"))["n"].to_list()
        assert found == [3], (
            f"narwhals {told} now counts {found[0]} on {frame.implementation}: one contact opened. If it is [1], the "
            "condition is kept, and the rule 'never within agg' is no longer needed for this engine"
        )
    right = nw.from_native(table).filter(nw.col("kind") == "OPEN").group_by("campaign")
    assert right.agg(nw.col("contact").n_unique().alias("n"))["n"].to_list() == [1]


def _arrow(table: pd.DataFrame) -> Any:
    import pyarrow as pa

    return pa.Table.from_pandas(table)


ANALYSIS = sorted((Path(cctrack.__file__).parent / "analysis").glob("*.py"))


@pytest.mark.parametrize("path", ANALYSIS, ids=lambda path: path.stem)
def test_no_condition_stands_within_agg(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    called = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)]
    within = {
        f"line {inner.lineno}: {inner.func.attr}"
        for outer in called
        if outer.func.attr == "agg"  # type: ignore[attr-defined]
        for given in (*outer.args, *outer.keywords)
        for inner in ast.walk(given)
        if isinstance(inner, ast.Call) and isinstance(inner.func, ast.Attribute) and inner.func.attr in _CONDITIONS
    }
    assert within == set()


_CONDITIONS = {"when", "then", "otherwise", "filter", "where", "mask"}


# What cannot be answered ---------------------------------------------------------------------------------------------

ENGINE = {"polars": "Polars", "pyarrow": "PyArrow", "duckdb": "DuckDB", "dask": "Dask", "pyspark": "PySpark"}


def engine_of(name: str) -> str:
    """Give an engine's name as messages have it."""
    return ENGINE[name.partition(" ")[0]]


@pytest.mark.parametrize("name", SMALL)
def test_rows_come_over_up_to_a_limit(name: str, on: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_events, "ROW_LIMIT", 50)
    with pytest.raises(EngineError) as ordered:
        funnel(on.on(name), semantics="ordered")
    with pytest.raises(EngineError) as flags:
        funnel(on.on(name))
    for failed in (ordered, flags):
        said = str(failed.value)
        assert said.startswith(f"{engine_of(name)}: ")
        assert "more than the 50 rows" in said
        assert (
            "take fewer campaigns or contacts, or leave that part out (machine='include', semantics='closed')" in said
        )
    assert len(funnel(on.on(name), machine="include")) == 4  # counted by the engine


def test_what_is_in_pandas_already_has_no_limit(on: Engines, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_events, "ROW_LIMIT", 50)
    assert len(funnel(on.table, semantics="ordered")) == 4


def closed_connection(on: Engines, file: Path) -> Any:
    import duckdb

    with duckdb.connect() as connection:
        return connection.read_parquet(str(file))


def vanished(name: str) -> Callable[[Engines, Path], Any]:
    """Give a table whose file is gone when it is to be counted."""

    def table(on: Engines, file: Path) -> Any:
        made = on.read(name, file)
        file.unlink()
        return made

    return table


def missing(on: Engines, file: Path) -> Any:
    import polars as pl

    return pl.scan_parquet(file.with_name("never.parquet"))


def impossible(on: Engines, file: Path) -> Any:
    import polars as pl

    return pl.scan_parquet(file).with_columns(contact_id=pl.col("contact_id").str.to_date("%Y").dt.to_string())


FAILURES = {
    "polars missing": missing,
    "polars impossible": impossible,
    "polars vanished": vanished("polars lazy"),
    "duckdb closed": closed_connection,
    "duckdb vanished": vanished("duckdb text"),
    "dask vanished": vanished("dask text"),
    "pyspark vanished": vanished("pyspark text"),
}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_query_that_fails_says_where_and_what_helps(failure: str, on: Engines, tmp_path: Path) -> None:
    file = tmp_path / "activities.parquet"
    on.table.to_parquet(file, index=False)
    table = FAILURES[failure](on, file)
    with pytest.raises(EngineError) as failed:
        funnel(table, machine="include")
    said = str(failed.value)
    assert said.startswith(f"{engine_of(failure)} cannot give ")
    assert said.endswith(
        "mend the query that the table stands for, or write the table to Parquet and pass what pandas.read_parquet or "
        "polars.scan_parquet gives"
    )
    assert "\n" not in said
    assert failed.value.__cause__ is not None


@pytest.mark.parametrize("thing", [{}, [], None, "activities.parquet", 1, pd.Series(["1"]), object()], ids=repr)
def test_what_is_no_table_is_refused(thing: object) -> None:
    with pytest.raises(TypeError, match=rf"activities is a {type(thing).__name__}, no table; cctrack.campaign_activi"):
        funnel(thing)


@pytest.mark.parametrize("name", SMALL)
def test_a_missing_column_is_named_with_what_it_is_for(name: str, on: Engines) -> None:
    table = on.of(name, on.table.drop(columns=["contact_id", "bounce_code"]))
    with pytest.raises(ValueError, match="activities has no column contact_id, bounce_code") as failed:
        funnel(table)
    assert "a recipient is a contact in a campaign; bounce_code tells bounces from automatic replies" in str(
        failed.value
    )


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(
    ("column", "change", "held"),
    [
        ("contact_id", lambda ids: ids.astype("Int64"), "numbers, not text"),
        ("contact_id", lambda ids: ids.astype("Float64"), "numbers, not text"),
        ("activity_type", lambda ids: ids.notna(), "true and false, not text"),
        ("activity_date", lambda dates: dates.dt.tz_localize(None), "dates without a time zone"),
        ("activity_date", lambda dates: dates.astype("string"), "text, not dates with a time zone"),
    ],
)
def test_a_column_of_another_type_is_named_with_how_to_mend_it(
    name: str, column: str, change: Any, held: str, on: Engines
) -> None:
    table = on.of(name, on.table.assign(**{column: change(on.table[column])}))
    with pytest.raises(ValueError, match=rf"activities: {column} \(.*\) holds {held}") as failed:
        funnel(table)
    assert f"in {engine_of(name)}" in str(failed.value)


def test_an_engine_is_not_imported_before_it_is_used() -> None:
    tree = [ast.parse(path.read_text(encoding="utf-8")) for path in ANALYSIS]
    first = {
        (node.names[0].name if isinstance(node, ast.Import) else str(node.module)).partition(".")[0]
        for module in tree
        for node in module.body
        if isinstance(node, (ast.Import, ast.ImportFrom))
    }
    assert first & {"polars", "pyarrow", "duckdb", "dask", "pyspark", "narwhals", "scipy"} == set()
