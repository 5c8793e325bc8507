"""Files for colleagues: nothing lost, nothing run, nobody's address where it does not belong, whole or not at all."""

import copy
import csv
import io
import re
import resource
import subprocess
import sys
import tempfile
import threading
import zipfile
from base64 import b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta, tzinfo
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import quote
from xml.etree import ElementTree as ET

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hostile_links import HOSTILE
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

mpl.use("agg")

import matplotlib.pyplot as plt

import cctrack
from cctrack import analysis, export, plots
from cctrack.catalog import ACTIVITIES, CLICKS, CONTACTS, REPORTS
from cctrack.frames import Columns
from cctrack.schema import DTYPES, Report

TRAPS = [
    *("", " ", "0036", "1E5", "1100390000000", "NA", "NaN", "null", "None", "TRUE", "false", "-", "36.0", "2026-01-01"),
    *(
        "=1+1",
        "+1",
        "-1",
        "@SUM(A1)",
        "\t=1",
        "\r=1",
        "\n=1",
        " =1",
        "\N{FULLWIDTH EQUALS SIGN}1",
        "=cmd|' /C calc'!A0",
    ),
    *(
        "'",
        "''",
        "'=1",
        "''=1",
        "'tis",
        '"',
        '""',
        'a"b',
        '","',
        "a,b",
        "a;=b",
        "a\rb",
        "a\r\nb",
        "a\nb",
        "\x00",
        "a\x00",
        "\x1b[",
    ),
    *(
        "#N/A",
        "#REF!",
        "_x000D_",
        "_x0041_",
        "\ufeff",
        "\u202e",
        "\N{GRINNING FACE}",
        "\ufffe",
        "</t>",
        "&amp;",
        "\x85",
    ),
    *("inf", "-inf", "PT1.000000S", "2026-01-01T00:00:00Z", "<script>alert(1)</script>", "\u2028"),
]
LINKS = [
    made for _, make in HOSTILE if isinstance(made := make("/v2/contacts/36/tracking/clicks", "http://x.test"), str)
]
texts = st.sampled_from(TRAPS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
moments = st.datetimes(pd.Timestamp("1970-01-01"), pd.Timestamp("2200-01-01")).map(lambda one: f"{one.isoformat()}Z")
CELLS: dict[str, st.SearchStrategy[Any]] = {
    "id": texts | st.none(),
    "text": texts | st.none(),
    "date": moments | st.none(),
    "count": st.integers(-(2**63) + 1, 2**63 - 1) | st.none(),
    "activity": st.sampled_from(["EMAIL_SEND", "EMAIL_CLICK", "EMAIL_NEW", "=EMAIL", None]),
}
quick = settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
FORMATS: dict[str, Callable[..., Path]] = {
    "a.csv": export.to_csv, "a.xlsx": export.to_excel, "a.parquet": export.to_parquet, "a.html": export.to_html,
}  # fmt: skip


def frame_of(report: Report, rows: list[dict[str, Any]]) -> pd.DataFrame:
    columns = Columns(report)
    columns.add(rows)
    frame = columns.frame()
    frame.attrs = {"cctrack": {"report": report.name, "api": "v2", "account": "example", "complete": True}}
    return frame


@st.composite
def report_frames(draw: st.DrawFn) -> pd.DataFrame:
    report = draw(st.sampled_from(list(REPORTS.values())))
    row = st.fixed_dictionaries({column.name: CELLS[column.kind] for column in report.columns})
    return frame_of(report, draw(st.lists(row, max_size=6)))


def clicks(n: int, **changes: Any) -> pd.DataFrame:
    row = {
        "activity_type": "EMAIL_CLICK", "campaign_id": "1100390000000", "contact_id": "0036",
        "email_address": "Jane.Doe@example.org", "link_id": "7", "link_uri": "https://example.org/a",
        "click_date": "2026-10-25T00:30:00.123Z",
    }  # fmt: skip
    return frame_of(CLICKS, [row | changes for _ in range(n)])


def activities(people: int = 9) -> pd.DataFrame:
    def rows(person: int) -> Iterator[dict[str, Any]]:
        one = {"campaign_id": "c1", "contact_id": str(person), "email_address": f"jane{person}@example.org"}
        for kind in ("SEND", "OPEN", "CLICK")[: 1 + person % 3]:
            link = {"link_id": "1", "link_uri": f"https://example.org/?e=jane{person}%40example.org"}
            at = {"activity_type": f"EMAIL_{kind}", "activity_date": f"2026-05-01T1{person % 9}:00:00Z"}
            yield one | at | (link if kind == "CLICK" else {})

    return frame_of(ACTIVITIES, [row for person in range(people) for row in rows(person)])


def told(table: pd.DataFrame, **more: Any) -> pd.DataFrame:
    """Give a table what an analysis writes into it."""
    base = {
        "analysis": "hygiene", "title": "Clean list", "row": "One row is a contact.", "definition": "Who to remove.",
        "columns": {name: f"What {name} is." for name in table.columns}, "notes": [], "source": {"report": "clicks"},
    }  # fmt: skip
    table.attrs = {"cctrack": base | more}
    return table


def frames() -> dict[str, pd.DataFrame]:
    return {
        "clicks": clicks(3),
        "funnel": analysis.funnel(activities()),
        "by contact": analysis.funnel(activities(), by="contact_id"),
        "links": analysis.link_popularity(activities()),
    }


# What every format promises -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", FORMATS)
def test_input_is_not_changed_and_the_path_is_given_back(name: str, tmp_path: Path) -> None:
    for number, table in enumerate(frames().values()):
        before = copy.deepcopy(table)
        path = tmp_path / f"{number}{name}"
        for redact in (None, "hash", "domain"):
            assert FORMATS[name](table, str(path), redact=redact) == path
        pd.testing.assert_frame_equal(table, before)
        assert table.attrs == before.attrs
    assert len(list(tmp_path.iterdir())) == len(frames())


@pytest.mark.parametrize("name", FORMATS)
def test_bad_arguments_write_nothing(name: str, tmp_path: Path) -> None:
    write, table = FORMATS[name], clicks(1)
    many = table.copy()
    many.columns = pd.MultiIndex.from_product([["a"], table.columns])
    twice = pd.concat([table, table[["link_id"]]], axis=1)
    for wrong, error in ((many, "levels"), (twice, "link_id"), (table[[]].iloc[:0], "columns")):
        with pytest.raises(ValueError, match=error):
            write(wrong, tmp_path / name)
    with pytest.raises(TypeError, match="frame"):
        write(3, tmp_path / name)
    with pytest.raises(ValueError, match="'hash', 'domain'"):
        write(table, tmp_path / name, redact="HASH")
    with pytest.raises(FileNotFoundError, match="make it first"):
        write(table, tmp_path / "none" / name)
    (tmp_path / f"folder{name}").mkdir()
    with pytest.raises(IsADirectoryError, match="folder"):
        write(table, tmp_path / f"folder{name}")
    for path in (b"a.csv", 3, "", None):
        with pytest.raises(TypeError, match="file name"):
            write(table, path)
    assert [path.name for path in tmp_path.iterdir()] == [f"folder{name}"]


def test_a_workbook_is_called_so(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"\.xlsx"):
        export.to_excel(clicks(1), tmp_path / "a.xls")
    with pytest.raises(ValueError, match="time zone"):
        export.to_excel(clicks(1), tmp_path / "a.xlsx", tz="Europe/Nowhere")
    for wrong in ({}, []):
        with pytest.raises(ValueError, match="at least one"):
            export.to_excel(wrong, tmp_path / "a.xlsx")
    for wrong in ("abc", 3, [3], {"a": None}):
        with pytest.raises(TypeError, match="frame"):
            export.to_html(wrong, tmp_path / "a.html")  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


@contextmanager
def full_disk(size: int) -> Iterator[None]:
    """Let no file grow beyond a size: the system itself refuses."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def noise(n: int) -> pd.DataFrame:
    random = np.random.default_rng(0)
    return pd.DataFrame({"contact_id": pd.array(random.integers(0, 10**12, n).astype(str), dtype="string")})


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # openpyxl closes its zip once more
def test_a_write_that_fails_leaves_what_was_there(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (scratch := tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    path = tmp_path / "files" / name
    path.parent.mkdir()
    path.write_text("the old one")
    with full_disk(2_000), pytest.raises(OSError, match="large"):
        FORMATS[name](noise(5_000), path)
    assert path.read_text() == "the old one"
    assert list(path.parent.iterdir()) == [path]
    assert list(scratch.iterdir()) == []


def test_interrupted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C in the middle of a sheet, while a time is turned into a local one."""
    (scratch := tmp_path / "scratch").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))

    class Zone(tzinfo):
        def utcoffset(self, dt: datetime | None) -> timedelta:
            if any(scratch.iterdir()):  # openpyxl has begun
                raise KeyboardInterrupt
            return timedelta(hours=1)

        def dst(self, dt: datetime | None) -> timedelta:
            return timedelta(0)

        def tzname(self, dt: datetime | None) -> str:
            return "Office"

    with pytest.raises(KeyboardInterrupt):
        export.to_excel(clicks(3), tmp_path / "a.xlsx", tz=Zone())
    assert list(tmp_path.iterdir()) == [scratch]
    assert list(scratch.iterdir()) == []


def test_a_file_keeps_its_permissions_and_a_link_stays_one(tmp_path: Path) -> None:
    path, link = tmp_path / "a.csv", tmp_path / "b.csv"
    path.write_text("")
    path.chmod(0o600)
    link.symlink_to(path)
    assert export.to_csv(clicks(1), link) == link
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o600
    assert len(export.read_csv(path)) == 1


@pytest.mark.parametrize(("name", "library"), [("a.xlsx", "openpyxl"), ("a.parquet", "pyarrow")])
def test_a_missing_library_is_named(name: str, library: str, tmp_path: Path) -> None:
    code = f"""
        import sys
        sys.modules[{library!r}] = None
        import pandas as pd
        from cctrack import export
        try:
            export.{FORMATS[name].__name__}(pd.DataFrame({{"a": [1]}}), {str(tmp_path / name)!r})
        except ImportError as error:
            print(error)
    """
    got = subprocess.run([sys.executable, "-c", re.sub(r"^ {8}", "", code, flags=re.M)], capture_output=True, text=True)
    assert got.stdout.strip() == f'this needs {library}: pip install "cctrack-jupyter[export]"', got.stderr
    assert list(tmp_path.iterdir()) == []


def test_importing_is_light() -> None:
    code = "import sys, cctrack.export; print({'openpyxl', 'pyarrow.parquet', 'matplotlib'} & set(sys.modules))"
    got = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert got.stdout == "set()\n"
    assert set(export.__all__) == {"read_csv", "to_csv", "to_excel", "to_html", "to_parquet"}
    assert cctrack.export is export


# CSV ------------------------------------------------------------------------------------------------------------------


def back(table: pd.DataFrame, folder: Path) -> pd.DataFrame:
    return export.read_csv(export.to_csv(table, folder / "a.csv"))


@given(report_frames())
@example(frame_of(CLICKS, [{"link_uri": text} for text in ("", "\x00", "x", "x\x00", None)]))
@quick
def test_csv_comes_back(tmp_path: Path, table: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(back(table, tmp_path), table, check_flags=False)


@pytest.mark.parametrize("report", REPORTS.values(), ids=REPORTS)
def test_an_empty_report_comes_back(report: Report, tmp_path: Path) -> None:
    got = back(frame_of(report, []), tmp_path)
    assert {name: str(dtype) for name, dtype in got.dtypes.items()} == {
        column.name: DTYPES[column.kind] for column in report.columns
    }
    pd.testing.assert_frame_equal(got, frame_of(report, []))


def test_results_come_back(tmp_path: Path) -> None:
    none = activities(0)
    results = [analysis.funnel(none), analysis.funnel(none, by="campaign_id"), analysis.link_popularity(none)]
    for table in [*frames().values(), *results]:
        pd.testing.assert_frame_equal(back(table, tmp_path), table)


@given(st.lists(texts | st.none(), max_size=12))
@quick
def test_any_text_comes_back_in_any_column(tmp_path: Path, cells: list[str | None]) -> None:
    table = pd.DataFrame({"whatever": pd.array(cells, dtype="string")})
    pd.testing.assert_frame_equal(back(table, tmp_path), table)
    table = table.assign(n=1, contact_id=table["whatever"]).astype({"n": "Int64"})
    pd.testing.assert_frame_equal(back(table, tmp_path), table)


@given(st.lists(texts, min_size=1, max_size=8), texts)
@quick
def test_no_cell_of_a_csv_begins_a_formula(tmp_path: Path, cells: list[str], name: str) -> None:
    table = pd.DataFrame({"x": cells, name or "y": cells})
    raw = export.to_csv(table, tmp_path / "a.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True))
    assert len(rows) == len(cells) + 1
    for cell in (cell for row in rows for cell in row):
        assert not re.match(r"\s*[=+\-@\N{FULLWIDTH EQUALS SIGN}]|[\t\r\n]", cell)


def test_every_kind_of_column_comes_back(tmp_path: Path) -> None:
    dates = pd.to_datetime(["2026-10-25T00:30:00.123456Z", None, "1899-01-01T00:00:00Z"], format="ISO8601").as_unit(
        "us"
    )
    table = pd.DataFrame(
        {
            "some_date": dates,
            "naive": dates.tz_localize(None),
            "rate": [0.1 + 0.2, np.nan, -1e-300],
            "edge": [np.inf, -np.inf, 3.0],
            "n": pd.array([-5, None, 2**62], dtype="Int64"),
            "flag": [True, False, True],
            "maybe": pd.array([True, None, False], dtype="boolean"),
            "span": pd.to_timedelta(["1h", None, "-2ms"]).as_unit("us"),
            "zip": pd.array(["007", None, ""], dtype="string"),
            "no rate": [np.nan] * 3,
            "no text": pd.array([None] * 3, dtype="string"),
        }
    )
    pd.testing.assert_frame_equal(back(table, tmp_path), table)
    head, first = (tmp_path / "a.csv").read_text(encoding="utf-8-sig").splitlines()[:2]
    assert first.startswith("2026-10-25T00:30:00.123456Z,2026-10-25T00:30:00.123456,0.30000000000000004,inf,-5,True")
    assert '"zip"' in head
    fine = pd.DataFrame({"x": pd.to_datetime(["2026-01-01T00:00:00.123456789Z"])})
    assert "00:00:00.123456789Z" in export.to_csv(fine, tmp_path / "a.csv").read_text()


def test_other_dtypes_become_plain_ones(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "contact_id": [36.0, np.nan, 1100390000000.0],
            "link_id": [1, 2, 3],
            "list": [["a", 1], None, {"b": 2}],
            "mixed": ["a", 1, None],
            "numbers": pd.Series([1, None, 3], dtype=object),
            "period": pd.period_range("2026-01", periods=3, freq="M"),
            "category": pd.Categorical([3, 1, 3]),
            "arrow": pd.array(["x", None, "y"], dtype="string[pyarrow]"),
            "small": np.array([1, 2, 3], dtype="uint8"),
            "half": np.array([0.5, 1, 2], dtype="float32"),
            "half letter": pd.Series(["a\ud800b", "x", None], dtype=object),
            5: [1, 2, 3],
        }
    )
    got = back(table, tmp_path)
    assert got["contact_id"].tolist() == ["36", pd.NA, "1100390000000"]
    assert got["link_id"].tolist() == ["1", "2", "3"]
    assert got["list"].tolist() == ["['a', 1]", pd.NA, "{'b': 2}"]
    assert got["mixed"].tolist() == ["a", "1", pd.NA]
    assert got["numbers"].dtype == "Int64"
    assert got["period"].tolist() == ["2026-01", "2026-02", "2026-03"]
    assert got["category"].tolist() == [3, 1, 3]
    assert got["half letter"].tolist() == ["a\N{REPLACEMENT CHARACTER}b", "x", pd.NA]
    assert got["5"].tolist() == [1, 2, 3]
    for name, write in FORMATS.items():
        write(table, tmp_path / name)


def test_an_index_that_tells_something_is_written(tmp_path: Path) -> None:
    table = clicks(2).set_index("contact_id")
    assert back(table, tmp_path).columns[0] == "contact_id"
    assert back(clicks(3).iloc[[2, 0]], tmp_path).columns[0] == "activity_type"
    assert back(table.rename_axis(None), tmp_path).columns[0] == "index"
    two = clicks(2).set_index(["contact_id", "link_id"])
    assert list(back(two, tmp_path).columns[:2]) == ["contact_id", "link_id"]
    with pytest.raises(ValueError, match="link_id"):
        back(clicks(2).set_index("link_id", drop=False), tmp_path)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "empty"),
        ("a;b\r\n1;2\r\n", "commas"),
        ("a,b\r\n1\r\n", "line 2: 1 cells in 2"),
        ('a,b\r\n1,"2\r\n', "never closed"),
        ("a,a\r\n1,2\r\n", "two columns with the name a"),
        ("click_date\r\n24.12.2026\r\n", "'24.12.2026', which is no ISO-8601 date"),
        ("a\r\n\xe4".encode("latin-1"), "UTF-8"),
        ("a\r\n1".encode("utf-16"), "UTF-8"),
    ],
)
def test_what_is_no_csv_of_ours_is_refused(content: str | bytes, message: str, tmp_path: Path) -> None:
    (path := tmp_path / "a.csv").write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(ValueError, match=message):
        export.read_csv(path)
    with pytest.raises(FileNotFoundError):
        export.read_csv(tmp_path / "none.csv")
    with pytest.raises(TypeError, match="file name"):
        export.read_csv(3)  # type: ignore[arg-type]


def test_a_file_that_another_program_wrote(tmp_path: Path) -> None:
    content = (
        "contact_id,click_date,opens,n,zip,link_uri,x\n0036,2026-01-01T10:00:00+02:00,3,4,007,'=1,1E5\n1E5,,,,,,2.5\n\n"
    )
    (path := tmp_path / "a.csv").write_text(content)
    got = export.read_csv(path)
    assert got["contact_id"].tolist() == ["0036", "1E5"]
    assert got["click_date"][0] == pd.Timestamp("2026-01-01T08:00Z")
    assert (got["opens"].dtype, got["n"].dtype) == ("Int64", "Int64")
    assert got["zip"].tolist() == ["007", pd.NA]
    assert got["link_uri"].tolist() == ["=1", pd.NA]
    assert got["x"].tolist() == [1e5, 2.5]


# Parquet --------------------------------------------------------------------------------------------------------------


@given(report_frames())
@quick
def test_parquet_comes_back(tmp_path: Path, table: pd.DataFrame) -> None:
    got = pd.read_parquet(export.to_parquet(table, tmp_path / "a.parquet"))
    assert got.attrs == table.attrs
    assert list(got.columns) == list(table.columns)
    for name, dtype in table.dtypes.items():
        if dtype == "string":
            assert isinstance(got[name].dtype, pd.CategoricalDtype)
            assert got[name].astype("string").tolist() == table[name].tolist()
        elif len(table):
            pd.testing.assert_series_equal(got[name], table[name])
        else:
            assert str(got[name].dtype) == str(dtype)


def test_parquet_is_for_every_reader(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = activities().assign(text=pd.array([None] * 18, dtype="string"))
    path = export.to_parquet(table, tmp_path / "a.parquet")
    schema = pq.read_schema(path)
    assert schema.field("activity_date").type == pa.timestamp("us", tz="UTC")
    assert {field.type.value_type for field in schema if pa.types.is_dictionary(field.type)} == {pa.string()}
    plain = pq.ParquetFile(path).schema
    kinds = {plain.column(at).name: plain.column(at).logical_type.type for at in range(len(table.columns))}
    assert kinds.pop("activity_date") == "TIMESTAMP"
    assert set(kinds.values()) == {"STRING"}
    # A funnel of what was read is the funnel of what was written.
    got = pd.read_parquet(path).drop(columns="text")
    pd.testing.assert_frame_equal(analysis.funnel(got), analysis.funnel(activities()))


def test_parquet_holds_no_one_who_was_filtered_out(tmp_path: Path) -> None:
    table = activities().astype({"email_address": "category", "link_uri": "category"})
    got = pd.read_parquet(export.to_parquet(table[table["contact_id"] == "3"], tmp_path / "a.parquet"))
    assert list(got["email_address"].cat.categories) == ["jane3@example.org"]
    assert list(got["activity_type"].cat.categories) == list(table["activity_type"].cat.categories)
    stages = pd.read_parquet(export.to_parquet(analysis.funnel(activities()), tmp_path / "a.parquet"))["stage"]
    assert stages.cat.ordered


def test_results_keep_their_attrs_in_parquet(tmp_path: Path) -> None:
    table = told(pd.DataFrame({"contact_id": ["1"], "n": [1]}))
    got = pd.read_parquet(export.to_parquet(table, tmp_path / "a.parquet"))
    assert got.attrs == table.attrs
    table.attrs["other"] = {1: pd.Timestamp("2026-01-01"), ("a", "b"): 2}  # nothing that JSON knows
    assert "other" in pd.read_parquet(export.to_parquet(table, tmp_path / "a.parquet")).attrs


# Excel ----------------------------------------------------------------------------------------------------------------

MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"


class Book:
    """A workbook as its XML has it, read without openpyxl."""

    def __init__(self, path: Path) -> None:
        with zipfile.ZipFile(path) as archive:
            self.parts = {name: archive.read(name) for name in archive.namelist()}
        sheets = ET.fromstring(self.parts["xl/workbook.xml"]).iter(f"{MAIN}sheet")
        self.names = [sheet.attrib["name"] for sheet in sheets]
        self.roots = [ET.fromstring(self.parts[f"xl/worksheets/sheet{at}.xml"]) for at in range(1, len(self.names) + 1)]
        styles = ET.fromstring(self.parts["xl/styles.xml"])
        own = {one.attrib["numFmtId"]: one.attrib["formatCode"] for one in styles.iter(f"{MAIN}numFmt")}
        built_in = {"0": "General", "1": "0", "2": "0.00", "49": "@", "10": "0.00%"}
        self.styles = [one.attrib for one in next(styles.iter(f"{MAIN}cellXfs"))]
        self.formats = [(built_in | own)[style["numFmtId"]] for style in self.styles]

    def rows(self, sheet: int = 0) -> list[dict[str, tuple[Any, str]]]:
        """Give value and number format of each cell by its column's letter."""
        found = []
        for row in self.roots[sheet].iter(f"{MAIN}row"):
            cells = {}
            for cell in row:
                assert cell.find(f"{MAIN}f") is None
                kind, style = cell.attrib["t"], int(cell.attrib.get("s", 0))
                text = "".join(cell.itertext())
                if kind == "inlineStr":
                    value: Any = re.sub(r"_x([0-9A-F]{4})_", lambda code: chr(int(code[1], 16)), text)
                    assert self.formats[style] == "@"
                    assert (self.styles[style]["quotePrefix"] == "1") >= bool(re.match(r"[=+\-@\t\r]", value))
                else:
                    assert kind in ("n", "b")
                    value = float(text) if kind == "n" else text == "1"
                cells[re.sub(r"\d", "", cell.attrib["r"])] = (value, self.formats[style])
            found.append(cells)
        return found

    def column(self, letter: str, sheet: int = 0) -> list[Any]:
        return [row.get(letter, (None, ""))[0] for row in self.rows(sheet)]

    def definitions(self) -> list[list[str]]:
        return [[row.get(letter, ("", ""))[0] for letter in "ABC"] for row in self.rows(len(self.names) - 1)[1:]]


def shown(text: str | None) -> str | None:
    """Give a text as XML can hold it."""
    if text is None or text == "":
        return None
    pictures = {code: chr(0x2400 + code) for code in range(32) if chr(code) not in "\t\n\r"} | {0x7F: "\u2421"}
    marks = dict.fromkeys([*range(0x80, 0xA0), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF], "\ufffd")
    return text.translate(pictures | marks)


@given(st.lists(texts | st.sampled_from(LINKS) | st.none(), max_size=10), texts)
@settings(quick, max_examples=30)
def test_any_text_is_a_text_cell(tmp_path: Path, cells: list[str | None], name: str) -> None:
    table = pd.DataFrame({"contact_id": pd.Series(cells, dtype=object)})
    book = Book(export.to_excel({name: table}, tmp_path / "a.xlsx"))
    assert book.column("A")[1:] == list(map(shown, cells))
    assert b"<f" not in re.sub(rb"<(font|fill|family)", b"", b"".join(book.parts.values()))
    pd.read_excel(tmp_path / "a.xlsx", sheet_name=None)


def test_kinds_of_cells(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "contact_id": [36, 1100390000000],
            "open_rate": [0.125, np.nan],
            "step_rate": [0.5, 1.0],
            "step_low": [0.25, 0.75],
            "lift": [1.5, np.inf],
            "n": pd.array([12345, None], dtype="Int64"),
            "big": [2**60, 1],
            "machine": [True, False],
            "stage": pd.Categorical(["sent", None]),
            "wait": pd.to_timedelta(["90min", None]),
            "day": pd.to_datetime(["2026-03-01", None]),
            "old": pd.to_datetime(["1850-01-01T12:00:00", "2026-03-01T06:00:00"]),
        }
    )
    book = Book(export.to_excel(table, tmp_path / "a.xlsx"))
    head, first, second = book.rows()
    assert [cell[0] for cell in head.values()] == [
        *("contact_id", "open_rate", "step_rate", "step_low", "lift", "n", "big", "machine", "stage"),
        *("wait (hours)", "day", "old"),
    ]
    assert list(first.values()) == [
        ("36", "@"), (0.125, "0.0%"), (0.5, "0.0%"), (0.25, "0.0%"), (1.5, "General"), (12345, "0"), (str(2**60), "@"),
        (True, "General"), ("sent", "@"), (1.5, "0.00"), (46082, "yyyy-mm-dd"), ("1850-01-01 12:00:00", "@"),
    ]  # fmt: skip
    assert second == {
        "A": ("1100390000000", "@"), "C": (1.0, "0.0%"), "D": (0.75, "0.0%"), "E": ("inf", "@"), "G": (1, "0"),
        "H": (False, "General"), "L": (46082.25, "yyyy-mm-dd hh:mm:ss"),
    }  # fmt: skip
    sheet = book.roots[0]
    assert next(sheet.iter(f"{MAIN}autoFilter")).attrib["ref"] == "A1:L3"
    assert next(sheet.iter(f"{MAIN}pane")).attrib["ySplit"] == "1"
    assert all(9 <= float(one.attrib["width"]) <= 60 for one in sheet.iter(f"{MAIN}col"))


@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/Chicago", "UTC"])
def test_local_times_across_both_changes(zone: str, tmp_path: Path) -> None:
    hours = pd.date_range("2026-03-07", "2026-11-02", freq="30min", tz="UTC").as_unit("us")
    table = pd.DataFrame({"click_date": [*hours, pd.NaT]})
    book = Book(export.to_excel(table, tmp_path / "a.xlsx", tz=zone))
    head, *days, none = book.column("A")
    assert head == f"click_date ({zone})"
    assert none is None
    local = hours.tz_convert(zone).tz_localize(None)
    got = pd.to_datetime(np.array(days) - 25569, unit="D").round("s")
    assert (got == local).all()
    read = pd.read_excel(tmp_path / "a.xlsx")[head].dropna()
    assert (read.to_numpy() == local.to_numpy()).all()
    said = " ".join(sentence for *_, sentence in book.definitions())
    assert zone in said
    assert ("twice" in said) == (zone != "UTC")


def test_a_long_text_is_cut_and_says_so(tmp_path: Path) -> None:
    cells = ["x" * 32_767, "x" * 32_768, "\N{GRINNING FACE}" * 20_000, "\r" * 20_000]
    got = Book(export.to_excel(pd.DataFrame({"x": cells}), tmp_path / "a.xlsx")).column("A")[1:]
    assert got[0] == cells[0]
    for text in got[1:]:
        assert text.endswith("(cut)")
        assert len(text.encode("utf-16-le")) <= 2 * 32_767
    assert got[2].startswith("\N{GRINNING FACE}" * 16_000)


def test_more_rows_than_a_sheet_holds(tmp_path: Path) -> None:
    table = pd.DataFrame({"n": np.zeros(1_048_576, dtype="int8")})
    with pytest.raises(ValueError, match=r"1,048,576 rows.*to_csv or to_parquet"):
        export.to_excel(table, tmp_path / "a.xlsx")
    with pytest.raises(ValueError, match="16,385 columns"):
        export.to_excel(pd.DataFrame(np.zeros((1, 16_385))), tmp_path / "a.xlsx")
    assert list(tmp_path.iterdir()) == []


def test_names_of_sheets(tmp_path: Path) -> None:
    one = clicks(1)
    wanted = {
        "History": "History (2)", "definitions": "definitions (2)", "a/b:c*d?e[f]g\\h": "a_b_c_d_e_f_g_h", "'x'": "x",
        "clicks": "clicks", "CLICKS": "CLICKS (2)", "": "clicks (3)", "y" * 31: "y" * 31, "Y" * 40: "Y" * 27 + " (2)",
        "\N{GRINNING FACE}" * 20: "\N{GRINNING FACE}" * 15, "\x00": "\u2400", "''": "table", " ": "clicks (4)",
        "z" * 30 + "'": "z" * 30,
    }  # fmt: skip
    book = Book(export.to_excel(dict.fromkeys(wanted, one), tmp_path / "a.xlsx"))
    assert book.names == [*wanted.values(), "definitions"]
    several = [one, analysis.funnel(activities()), one, pd.DataFrame({"a": [1]})]
    book = Book(export.to_excel(iter(several), tmp_path / "a.xlsx"))
    assert book.names == ["clicks", "funnel", "clicks (2)", "table", "definitions"]


def test_definitions(tmp_path: Path) -> None:
    tables = {"one": told(pd.DataFrame({"contact_id": ["1"], "=n": [1]})), "two": pd.DataFrame({"a": [1]})}
    rows = Book(export.to_excel(tables, tmp_path / "a.xlsx")).definitions()
    assert ["one", "Columns", "=n: What =n is."] in rows
    assert ["one", "Definition", "Who to remove."] in rows
    assert [row for row in rows if row[0] == "two"] == [["two", "", rows[-1][2]]]
    assert "no definitions" in rows[-1][2]
    assert ["", "Columns", "click_date: When the link was followed."] in [
        ["", *row[1:]] for row in Book(export.to_excel(clicks(1), tmp_path / "a.xlsx")).definitions()
    ]


# HTML -----------------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What a browser would see of a page."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(path.read_text(encoding="utf-8"))
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attrs for name, attrs in self.tags if name == tag]


KNOWN_TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "h1", "h2", "h3", "section", "div", "table", "caption"),
    *("thead", "tbody", "tr", "th", "td", "details", "summary", "p", "ul", "li", "code", "footer", "figure", "img"),
}
ATTACKS = [
    '<img src=x onerror="alert(1)">', '"><script>alert(1)</script>', "</style><script>x</script>", "</title><b>",
    "javascript:alert(1)", "' onmouseover='x", "<!--", "\x00<script>", "&lt;", "]]>",
    *(link for link in LINKS if "\ud800" not in link),
]  # fmt: skip


def test_a_page_runs_nothing_whatever_stands_in_it(tmp_path: Path) -> None:
    table = pd.DataFrame({name: pd.Series(ATTACKS[:10], dtype=object) for name in ATTACKS})
    told(table, title=ATTACKS[1], definition=ATTACKS[0], notes=ATTACKS, set_aside={ATTACKS[0]: 3}, machine="both")
    links = analysis.link_popularity(
        frame_of(ACTIVITIES, [{"activity_type": "EMAIL_CLICK", "link_uri": one} for one in ATTACKS])
    )
    for tables in (table, [table], {one: table.head(1) for one in ATTACKS[:12]}, links):
        page = Page(export.to_html(tables, tmp_path / "a.html"))
        assert {tag for tag, _ in page.tags} <= KNOWN_TAGS
        for tag, attrs in page.tags:
            assert not [name for name in attrs if name.startswith("on") or name in ("href", "style", "srcset")]
            assert tag == "img" or "src" not in attrs
        assert all(str(one["src"]).startswith("data:image/png;base64,") for one in page.all("img"))
        text = (tmp_path / "a.html").read_text(encoding="utf-8")
        assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]", text)
        assert "url(" not in text
        assert "@import" not in text


def test_a_page_is_for_everyone(tmp_path: Path) -> None:
    page = Page(export.to_html(frames(), tmp_path / "a.html"))
    assert page.all("html") == [{"lang": "en"}]
    assert "default-src 'none'" in str(page.all("meta")[1]["content"])
    levels = [int(tag[1]) for tag, _ in page.tags if re.fullmatch(r"h\d", tag)]
    assert levels[:2] == [1, 2]
    assert all(later <= earlier + 1 for earlier, later in pairwise(levels))
    assert len(page.all("table")) == len(page.all("caption")) == len(page.all("details")) == len(frames())
    assert {one.get("scope") for one in page.all("th")} == {"col", "row"}
    for image in page.all("img"):
        png = b64decode(str(image["src"]).partition(",")[2])
        width, height = (int.from_bytes(png[at : at + 4], "big") for at in (16, 20))
        assert abs(width - 2 * int(str(image["width"]))) <= 1
        assert abs(height - 2 * int(str(image["height"]))) <= 1
        assert len(str(image["alt"])) > 40
    assert any(words.startswith("funnel") or "Funnel" in words for words in page.words)


def test_pictures_are_drawn_where_there_are_some(tmp_path: Path) -> None:
    tables = frames()
    page = Page(export.to_html(tables, tmp_path / "a.html", redact=None))
    results = [table for name, table in tables.items() if name != "clicks"]  # a report has no picture
    assert [image["alt"] for image in page.all("img")] == list(map(plots.alt_text, results))
    for name in ("funnel", "alt_text", "nothing"):  # the funnel's does not take such a table
        page = Page(export.to_html(told(pd.DataFrame({"a": [1]}), analysis=name), tmp_path / "a.html"))
        assert page.all("img") == []
        assert len(page.all("table")) == 1


def test_no_figure_is_left_and_no_setting_changed(tmp_path: Path) -> None:
    plt.close("all")
    own = plt.figure()
    before = dict(mpl.rcParams)
    export.to_html(frames(), tmp_path / "a.html")
    assert plt.get_fignums() == [own.number]
    assert plt.gcf() is own
    assert dict(mpl.rcParams) == before
    plt.close("all")


def test_figures_for_people(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "campaign_id": [str(number) for number in range(60)],
            "n": pd.array([1_234_567, None] * 30, dtype="Int64"),
            "open_rate": [0.1234, np.nan] * 30,
            "click_date": pd.to_datetime(["2026-05-01T10:00:00.123Z"] * 60),
            "link_uri": ["https://example.org/" + "x" * 500 + "/end"] * 60,
            "wait": pd.to_timedelta(["90min"] * 60),
            "machine": [True] * 60,
            "nothing": pd.array([None] * 60, dtype="string"),
        }
    )
    page = Page(export.to_html({"Ours & theirs": table}, tmp_path / "a.html"))
    words = set(page.words)
    assert {"1,234,567", "12.3%", "\N{EN DASH}", "2026-05-01 10:00:00", "click_date (UTC)", "1.50 h", "yes"} <= words
    assert {"and 10 more rows", "Columns without any value: nothing", "Ours & theirs: the first 50 of 60 rows"} <= words
    assert len(page.all("tr")) == 51
    assert max(map(len, page.words[10:])) < 2_500


# Redaction ------------------------------------------------------------------------------------------------------------

ADDRESS = "jane.doe+news@mail.example.org"
FORMS = [
    ADDRESS, ADDRESS.upper(), f"Jane <{ADDRESS}>", f"mailto:{ADDRESS}?subject=x", f"write to {ADDRESS}, please",
    f"https://x.test/u?email={ADDRESS}&id=3", f"https://x.test/u?e={quote(ADDRESS)}",
    f"https://x.test/r?to={quote('https://y.test/?e=' + quote(ADDRESS))}", f"https://x.test/{quote(ADDRESS)}/off",
    f"=HYPERLINK(\"mailto:{ADDRESS}\")", f"({ADDRESS})", ADDRESS.replace("@", "&#64;"), ADDRESS.replace("@", "\uff20"),
]  # fmt: skip


def held(path: Path) -> str:
    """Give all that can be read out of a file."""
    if path.suffix == ".xlsx":
        return "".join(part.decode(errors="replace") for part in Book(path).parts.values())
    if path.suffix == ".parquet":
        import pyarrow.parquet as pq

        file = pq.ParquetFile(path)
        return f"{file.metadata.metadata} {file.schema_arrow} {file.read().to_pydict()} {path.read_bytes()!r}"
    return path.read_text(encoding="utf-8-sig")


def personal() -> pd.DataFrame:
    table = pd.DataFrame({"email_address": [ADDRESS] * len(FORMS), "link_uri": FORMS, "name": FORMS, ADDRESS: 1})
    table["first_name"], table["last_name"] = "Janeway", "Doeringer"
    table["group"] = pd.Categorical(FORMS, categories=[*FORMS, "unused.jane.doe@example.org"])
    table = told(table, title=f"For {ADDRESS}", definition=f"All of {ADDRESS}", notes=[*FORMS], by=[ADDRESS])
    table.attrs["cctrack"]["columns"][ADDRESS] = "clicks of one"
    table.attrs["more"] = {ADDRESS: [{"who": ADDRESS}]}
    return table


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("how", ["hash", "domain"])
def test_no_address_and_no_name_is_left_anywhere(name: str, how: str, tmp_path: Path) -> None:
    table = personal()
    path = FORMATS[name](table if name in ("a.csv", "a.parquet") else {ADDRESS: table}, tmp_path / name, redact=how)
    words = held(path).lower()
    for secret in ("jane.doe", "doe+news", "doe%2bnews", "janeway", "doeringer"):
        assert secret not in words
    assert ("mail.example.org" in words) == (how == "domain")
    if name == "a.html":
        assert "x.test/u?e" in words


def test_one_address_has_one_mark_which_no_other_file_has(tmp_path: Path) -> None:
    def marks() -> set[str]:
        return set(
            re.findall(r"person-[0-9a-f]{16}", held(export.to_csv(personal(), tmp_path / "a.csv", redact="hash")))
        )

    first, second = marks(), marks()
    assert len(first) == len(second) == 1
    assert first != second
    table = clicks(2).assign(email_address=pd.array(["a@x.test", "b@x.test"], dtype="string"))
    tables = {"one": table, "two": table.iloc[::-1]}
    book = Book(export.to_excel(tables, tmp_path / "a.xlsx", redact="hash"))
    one, two = book.column("D", 0)[1:], book.column("D", 1)[1:]
    assert one == two[::-1]
    assert len(set(one)) == 2
    assert "the same for the same one" in book.definitions()[-1][2]


def test_contacts_redacted(tmp_path: Path) -> None:
    names = {"first_name": "Ada", "last_name": "Lovelace", "company_name": "Engines"}
    people = [names | {"contact_id": str(one), "email_address": f"ada{one}@x.test"} for one in range(2)]
    people += [{"contact_id": "3", "email_address": "not an address", "first_name": ""}]
    table = frame_of(CONTACTS, people)
    got = export.read_csv(export.to_csv(table, tmp_path / "a.csv", redact="domain"))
    assert got["email_address"].tolist() == ["x.test", "x.test", pd.NA]
    assert got[["first_name", "last_name"]].isna().all(axis=None)
    got = export.read_csv(export.to_csv(table, tmp_path / "a.csv", redact="hash"))
    assert got["first_name"].nunique() == 2
    assert got["first_name"].str.fullmatch("name-[0-9a-f]{16}|").all()
    assert got["email_address"].nunique() == 3
    assert got["contact_id"].tolist() == ["0", "1", "3"]
    assert got["company_name"].tolist() == ["Engines", "Engines", pd.NA]


def test_what_is_no_address_stays(tmp_path: Path) -> None:
    cells = ["@handle", "https://x.test/@handle", "a @ b", "https://x.test/a?b=c", "50% @40%", "x%40"]
    table = pd.DataFrame({"link_uri": cells})
    for how in ("hash", "domain"):
        got = export.read_csv(export.to_csv(table, tmp_path / "a.csv", redact=how))  # type: ignore[arg-type]
        assert got["link_uri"].tolist() == cells


def test_a_picture_of_groups_that_redaction_made_alike_is_not_drawn(tmp_path: Path) -> None:
    table = analysis.funnel(activities(6), by="email_address")
    assert len(Page(export.to_html(table, tmp_path / "a.html")).all("img")) == 1
    assert "jane1" not in held(tmp_path / "a.html")
    assert Page(export.to_html(table, tmp_path / "a.html", redact="domain")).all("img") == []
    links = analysis.link_popularity(activities())
    assert len(Page(export.to_html(links, tmp_path / "a.html")).all("img")) == 1
    assert "person-" in plots_alt(tmp_path / "a.html")


def plots_alt(path: Path) -> str:
    return str(Page(path).all("img")[0]["alt"])


def test_a_long_text_is_redacted_in_time(tmp_path: Path) -> None:
    cells = [
        "%40" * 20_000,
        "a@" * 20_000,
        "a" * 100_000 + "@x.test",
        "https://x.test/?" + "a=b&" * 20_000 + "e=j@x.test",
    ]
    done = threading.Event()
    threading.Thread(
        target=lambda: (export.to_csv(pd.DataFrame({"x": cells}), tmp_path / "a.csv", redact="hash"), done.set())
    ).start()
    assert done.wait(20)


def test_file_metadata_names_no_one(tmp_path: Path) -> None:
    book = Book(export.to_excel(clicks(1), tmp_path / "a.xlsx"))
    assert b"<dc:creator>cctrack</dc:creator>" in book.parts["docProps/core.xml"]
