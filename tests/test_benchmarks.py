"""The benchmarks run and write what they say; how fast they are is no test's business."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]
FIELDS = {
    "name", "unit", "ours", "peer", "theirs", "target", "of", "at_least", "note", "ratio", "verdict",
}  # fmt: skip


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tests.benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=300)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, dict[str, Any]]:
    """Give the table and the file of one quick run."""
    file = tmp_path_factory.mktemp("benchmarks") / "found.json"
    ended = run("pages", "imports", "funnel", "--quick", "--json", str(file))
    assert ended.returncode == 0, ended.stderr
    return ended.stdout, json.loads(file.read_text())


def test_every_row_has_every_field(quick: tuple[str, dict[str, Any]]) -> None:
    _, found = quick
    assert found["quick"] is True
    assert found["versions"]["python"] == ".".join(map(str, sys.version_info[:3]))
    for row in found["rows"]:
        assert set(row) == FIELDS
        assert row["verdict"] in ("met", "missed", "-")
        assert (row["verdict"] == "-") == (row["target"] is None)


def test_ours_stands_beside_a_peer(quick: tuple[str, dict[str, Any]]) -> None:
    _, found = quick
    rows = {(row["name"], row["peer"]): row for row in found["rows"]}
    for kind in ("CPU", "peak"):
        row = rows["pages to frame, 100,000 rows: " + kind, "list of dicts"]
        assert row["target"] is not None
        assert row["ratio"] == pytest.approx(row["ours"] / row["theirs"])
        assert ("pages to frame, 100,000 rows: " + kind, "json_normalize") in rows
    assert any(name == "import cctrack: CPU" for name, _ in rows)
    for label, peer in (
        ("", "polars categorical"),
        (", machine='both'", "naive pandas"),
        (", text ids", "naive pandas"),
    ):
        assert rows[f"funnel, 200,000 rows{label}: wall", peer]["target"] is not None


def test_the_table_says_the_same_as_the_file(quick: tuple[str, dict[str, Any]]) -> None:
    text, found = quick
    for row in found["rows"]:
        line = next(line for line in text.splitlines() if line.startswith(row["name"]) and row["peer"] in line)
        assert line.endswith(row["verdict"])


def test_an_unknown_name_is_refused() -> None:
    ended = run("speed")
    assert ended.returncode == 2
    assert "no benchmark speed" in ended.stderr
