"""What a result tells of itself, and what every analysis asks of the tables that it is given."""

import copy
import io
import json
import math
import pickle
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pandas as pd
import pytest
from by_hand import START, Event, table
from hostile_links import HOSTILE

import cctrack
from cctrack.analysis import explain, funnel
from cctrack.analysis._definitions import duration, moment, one_of, zone
from cctrack.analysis._tables import pandas_kind, plain

ROWS = [
    Event("SEND", "a", "1", 0),
    Event("SEND", "a", "2", 0),
    Event("SEND", "b", "1", 3),
    Event("CLICK", "a", "2", 1),
    Event("OPEN", "b", "1", 4),
]
SEGMENTS = pd.Series(["x"], index=["1"], name="list")
LABELS = pd.DataFrame({"campaign_id": ["a", "b"], "name": ["A", "B"]})

# --- what a result tells ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("machine", ["include", "exclude", "both"])
@pytest.mark.parametrize("semantics", ["closed", "observed", "ordered"])
@pytest.mark.parametrize("by", [None, ["campaign_id", "contact_id", "colour"], ["month", SEGMENTS]])
def test_every_column_has_a_meaning(by: Any, semantics: Any, machine: Any) -> None:
    got = funnel(table(ROWS, colour=True), by=by, semantics=semantics, machine=machine, labels=LABELS)
    told = got.attrs["cctrack"]
    for name in got.columns:
        assert told["columns"].get(name) or told["columns"][name.removesuffix("_human")]
    assert "{" not in "".join(told["columns"].values())
    assert list(got.attrs) == ["cctrack"]
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    text = explain(got).text
    for said in (told["definition"], told["row"], semantics, f"machine: {machine}"[:14], "as_of: 2026-01-31T22:59:54Z"):
        assert said in text
    for name in (*got.columns, *told["notes"]):
        assert name.endswith("_human") or name in text


def test_the_words_follow_the_choices() -> None:
    def columns(**said: Any) -> dict[str, str]:
        meanings: dict[str, str] = funnel(table(ROWS), machine="include", **said).attrs["cctrack"]["columns"]
        return meanings

    assert columns()["step_rate"] == "n / n of the stage before"
    assert columns(semantics="ordered")["step_rate"] == "n_mature / n_mature of the stage before"
    orphans = {columns(orphans=choice)["n_orphan"] for choice in ("keep", "drop", "separate")}
    assert len(orphans) == 3
    assert columns(semantics="ordered")["n_orphan"] == columns(orphans="separate")["n_orphan"]
    assert columns(by="month", tz="Asia/Tokyo")["month"].endswith("Asia/Tokyo")
    ordered = explain(funnel(table(ROWS), semantics="ordered", window="3D", machine="include")).text
    for said in ("window: 3 days", "tolerance: 0 days 00:00:02", "orphans: separate", "ci: 0.95"):
        assert said in ordered


KEPT: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "copy": lambda result: result.copy(),
    "deep copy": copy.deepcopy,
    "some rows": lambda result: result[result["stage"] != "sent"],
    "some columns": lambda result: result[["stage", "n"]],
    "pickle": lambda result: pickle.loads(pickle.dumps(result)),
    "parquet": lambda result: through_parquet(result),
}


def through_parquet(result: pd.DataFrame) -> pd.DataFrame:
    held = io.BytesIO()
    result.to_parquet(held)
    return pd.read_parquet(held)


@pytest.mark.parametrize("name", KEPT)
def test_the_explanation_goes_along(name: str) -> None:
    got = funnel(table(ROWS), by="campaign_id", labels=LABELS)
    again = KEPT[name](got)
    assert again.attrs == got.attrs
    if name != "some columns":
        assert explain(again).text == explain(got).text
    else:
        assert "step_rate" not in explain(again).text.partition("Columns")[2]


def test_what_lost_its_explanation_is_refused() -> None:
    got = funnel(table(ROWS), by="campaign_id")
    other = LABELS.copy()
    other.attrs = {"mine": 1}
    with pytest.raises(ValueError, match=r"pandas drops it.*pass what was given"):
        explain(got.merge(other, on="campaign_id"))
    for wrong in (None, got["n"], [got]):
        with pytest.raises(TypeError, match="pandas frame"):
            explain(wrong)  # type: ignore[arg-type]


def test_a_report_tells_where_it_comes_from() -> None:
    with cctrack.demo(contacts=300) as session:
        campaign = cctrack.campaigns_df(session=session)["campaign_id"].iloc[0]
        activities = cctrack.campaign_activities_df(campaign, session=session)
    text = explain(activities).text
    assert "campaign_activities" in text
    got = funnel(activities)
    assert "report: campaign_activities" in explain(got).text
    assert got.attrs["cctrack"]["source"]["account"] == activities.attrs["cctrack"]["account"]
    got.attrs["cctrack"]["source"]["missing_columns"].append("mine")
    assert activities.attrs["cctrack"]["missing_columns"] == []
    assert "definition" in cctrack.provenance(got)["property"].tolist()


class Seen(HTMLParser):
    """The tags and the words of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[tuple[str, tuple[Any, ...]]] = set()
        self.words: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.add((tag, tuple(attrs)))

    def handle_data(self, data: str) -> None:
        self.words.append(data)


SCRIPTS = ["<script>alert(1)</script>", "<img src=x onerror=alert(1)>", "a&lt;b", "`${1}`", "\x1b[31mred", "x\nTo know"]
LINKS = [str(make("/v2/x", "http://127.0.0.1:1")) for _, make in HOSTILE]
STRANGE = [
    *SCRIPTS,
    *(link for link in LINKS if not (link.isprintable() and link.isascii()) or set(link) & set("<>&'")),
]


def test_strange_names_are_words_and_nothing_more() -> None:
    usual = explain(funnel(table(ROWS), by="campaign_id", machine="include"))
    headings = [usual.title, *(heading for heading, _ in usual.parts)]
    for strange in STRANGE:
        name = strange.encode("utf-8", "replace").decode()  # a column cannot be called by half a character
        activities = table(ROWS).assign(**{name: "x"})
        activities.attrs = {"cctrack": {"report": strange, "account": strange, "complete": False}}
        got = funnel(activities, by=["campaign_id", name], machine="include")
        told = explain(got)
        lines = told.text.split("\n")
        assert all(line.isprintable() for line in lines)
        assert [line for line in lines if line[:1] not in ("", " ")] == headings
        page = Seen(told._repr_html_())
        assert {tag for tag, _ in page.tags} == {"div", "p", "b", "ul", "li", "code"}
        assert {attrs for _, attrs in page.tags} == {(), (("class", "cctrack-explanation"),)}
        assert "".join(page.words) == "".join(line.removeprefix("  ") for line in lines)
        assert Seen(explain(activities)._repr_html_()).tags <= page.tags
        json.dumps(got.attrs, allow_nan=False)


# --- what is asked of tables ------------------------------------------------------------------------------------------


BAD_TABLES: dict[str, tuple[Callable[[pd.DataFrame], Any], str]] = {
    "no bounce codes": (lambda rows: rows.drop(columns="bounce_code"), "bounce_code tells bounces"),
    "no ids": (lambda rows: rows.drop(columns=["campaign_id", "contact_id"]), "campaign_id, contact_id .*recipient"),
    "no links": (lambda rows: rows.drop(columns="link_id"), "link_id .*links"),
    "ids as numbers": (
        lambda rows: rows.assign(contact_id=[1, 2, 1, 2, 1]),
        r"contact_id .*recipient.*numbers.*astype\('Int64'\).astype\('string'\)",
    ),
    "ids as floats": (lambda rows: rows.assign(campaign_id=[1.5] * 5), "campaign_id .*last digits.*dtype=str"),
    "ids of both": (
        lambda rows: rows.assign(contact_id=pd.Series([1, "2", 1, "2", 3], dtype=object)),
        "contact_id .*numbers and text",
    ),
    "categories of numbers": (
        lambda rows: rows.assign(contact_id=pd.Categorical([1, 2, 1, 2, 1])),
        "contact_id .*numbers",
    ),
    "naive dates": (
        lambda rows: rows.assign(activity_date=rows["activity_date"].dt.tz_localize(None)),
        "activity_date .tells when.*tz_localize",
    ),
    "dates as text": (lambda rows: rows.assign(activity_date="2026-01-01"), "activity_date .*text.*to_datetime"),
    "dates as numbers": (lambda rows: rows.assign(activity_date=5), "activity_date .*numbers.*to_datetime"),
    "a column twice": (lambda rows: pd.concat([rows, rows[["link_id"]]], axis=1), "column link_id twice"),
    "two rows of names": (lambda rows: pd.concat([rows], axis=1, keys=["x"]), "several rows of column names"),
    "machine as text": (lambda rows: rows.assign(machine="no"), "machine holds text"),
}


@pytest.mark.parametrize("name", BAD_TABLES)
def test_what_is_wrong_with_a_table_is_named_with_its_purpose_and_the_way_out(name: str) -> None:
    change, words = BAD_TABLES[name]
    activities = change(table(ROWS))
    with pytest.raises(ValueError, match=f"(?s)^activities.*{words}"):
        funnel(activities)


@pytest.mark.parametrize("activities", [[1, 2], None, "36", table(ROWS)["contact_id"], {"contact_id": ["1"]}])
def test_what_is_no_table_is_refused(activities: Any) -> None:
    with pytest.raises(TypeError, match=f"activities .*{type(activities).__name__}.*campaign_activities_df"):
        funnel(activities)


def test_an_empty_column_may_be_of_floats() -> None:
    activities = table(ROWS)
    bare = activities.assign(bounce_code=math.nan, link_id=math.nan)  # as a CSV without a value is read
    pd.testing.assert_frame_equal(funnel(bare), funnel(activities))


UTC = "datetime64[us, UTC]"
TEXT = ["b", None, "a"]
DAY = pd.to_datetime(["2026-01-01", None])
PLAIN: dict[str, tuple[Any, str, str]] = {
    "objects": (pd.Series(TEXT, dtype=object), "string", "text"),
    "string": (pd.Series(TEXT, dtype="string"), "string", "text"),
    "python strings": (pd.Series(TEXT, dtype="string[python]"), "string", "text"),
    "arrow strings": (pd.Series(TEXT, dtype="string[pyarrow]"), "string", "text"),
    "categories": (pd.Series(pd.Categorical(TEXT, categories=["z", "b", "a"])), "string", "text"),
    "nothing": (pd.Series([None, None], dtype=object), "string", "nothing"),
    "ints": (pd.Series([3, 1], dtype="int32"), "Int64", "number"),
    "nullable ints": (pd.Series([3, None], dtype="Int16"), "Int64", "number"),
    "categories of ints": (pd.Series(pd.Categorical([3, None])), "Int64", "number"),
    "floats": (pd.Series([1.5, math.nan]), "float64", "number"),
    "short floats": (pd.Series([1.5, math.nan], dtype="float32"), "float64", "number"),
    "nullable floats": (pd.Series([1.5, None], dtype="Float64"), "float64", "number"),
    "bools": (pd.Series([True, False]), "boolean", "true and false"),
    "objects of bools": (pd.Series([True, None], dtype=object), "boolean", "true and false"),
    "seconds": (
        pd.Series(pd.to_datetime(["2026-01-01", None])).astype("datetime64[s]"),
        "datetime64[us]",
        "naive date",
    ),
    "nanoseconds": (
        pd.Series(pd.to_datetime(["2026-01-01", None], utc=True)).astype("datetime64[ns, UTC]"),
        UTC,
        "date",
    ),
    "Tokyo": (pd.Series(pd.to_datetime(["2026-01-01", None]).tz_localize("Asia/Tokyo")), UTC, "date"),
    "mixed": (pd.Series([1, "a"], dtype=object), "object", "numbers and text"),
    "spans": (pd.Series(pd.to_timedelta(["1s"])).astype("timedelta64[s]"), "timedelta64[s]", "timedelta64[s]"),
}


@pytest.mark.parametrize("name", PLAIN)
def test_values_come_out_in_one_dtype_whatever_they_came_in(name: str) -> None:
    column, dtype, kind = PLAIN[name]
    for given_ in (column, column.iloc[:0]):
        before = given_.copy().rename("x").set_axis([7] * len(given_))
        got = plain(before)
        assert got.dtype == dtype or (given_.dtype == object and not len(given_))  # which tells nothing
        assert got.name == "x"
        pd.testing.assert_index_equal(got.index, before.index)
        assert [one for one in got if not pd.isna(one)] == [one for one in before if not pd.isna(one)]
        assert got.isna().tolist() == before.isna().tolist()
        pd.testing.assert_series_equal(plain(got), got)
    assert pandas_kind(column) == kind


def test_arrow_columns_are_plain_too() -> None:
    arrow = pytest.importorskip("pyarrow")
    zoned = pd.Series(pd.to_datetime(["2026-01-01", None], utc=True))
    for column, kind, dtype in (
        (pd.Series(TEXT), arrow.string(), "string"),
        (pd.Series(TEXT), arrow.large_string(), "string"),
        (pd.Series([3, None], dtype="Int64"), arrow.int32(), "Int64"),
        (pd.Series([True, None], dtype="boolean"), arrow.bool_(), "boolean"),
        (zoned, arrow.timestamp("ns", "Asia/Tokyo"), UTC),
        (zoned.dt.tz_localize(None), arrow.timestamp("s"), "datetime64[us]"),
    ):
        got = plain(column.astype(pd.ArrowDtype(kind)))
        pd.testing.assert_series_equal(got, plain(column))
        assert got.dtype == dtype


@pytest.mark.parametrize("value", ["7D", "P7D", pd.Timedelta("7D"), np.timedelta64(7, "D"), "168h"])
def test_a_length_of_time(value: Any) -> None:
    assert duration("window", value) == pd.Timedelta("7D")
    assert duration("window", None, none=True) is None


@pytest.mark.parametrize(
    "value", [None, "", "7", " 7 ", 7, 7.5, np.int64(7), True, "-7D", "NaT", "soon", [1], "9" * 30 + "D"]
)
def test_what_is_no_length_of_time(value: Any) -> None:
    with pytest.raises(ValueError, match=r"window=.*is no length of time; give one such as '7D'"):
        duration("window", value)


@pytest.mark.parametrize(
    "value", ["2026-01-31T22:59:50Z", "2026-01-31T23:59:50+01:00", "2026-01-31 22:59:50", START, START.to_datetime64()]
)
def test_a_point_in_time(value: Any) -> None:
    assert moment("as_of", value) == START
    assert str(moment("as_of", value).tz) == "UTC"


@pytest.mark.parametrize("value", [None, "", "now", "today", "7", "31.03.2026", 5, np.int64(5), True, pd.NaT, [1]])
def test_what_is_no_point_in_time(value: Any) -> None:
    with pytest.raises(ValueError, match=r"as_of=.*is no point in time; give one such as '2026-03-31'"):
        moment("as_of", value)


def test_zones_and_choices() -> None:
    assert zone("Europe/Berlin") == "Europe/Berlin"
    for wrong in ("Mars", "", None, 5, "../zone"):
        with pytest.raises(ValueError, match="is no time zone; give one such as"):
            zone(wrong)
    one_of("level", "page", ["page", "host"])
    for wrong in ("Page", None, ["page"], 1):
        with pytest.raises(ValueError, match=r"level=.*it is 'page', 'host'"):
            one_of("level", wrong, ["page", "host"])
