"""The command line, run as its users run it."""

import io
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from PIL import Image

import cctrack
from cctrack.__main__ import main
from cctrack.demo_account.account import generate
from cctrack.demo_account.start import ACCESS_TOKEN, API_KEY

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 60  # seconds that no command comes near


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """Give a process this repository's library and the settings of the test."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]),
        "TMPDIR": str(temporary),
        "PYTHONIOENCODING": "utf-8",
    }


def command(arguments: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "cctrack", *arguments]


def run(folder: Path, environment: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    encoding = environment["PYTHONIOENCODING"]
    return subprocess.run(
        command(arguments), cwd=folder, env=environment, capture_output=True, encoding=encoding, timeout=LIMIT
    )


@contextmanager
def served(environment: dict[str, str], *arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Run `serve` and give the process and what it printed."""
    process = subprocess.Popen(command(("serve", *arguments)), env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        printed = ""
        for line in process.stdout:
            printed += line
            if line.startswith("Ctrl-C"):
                break
        yield process, printed
    finally:
        process.kill()
        process.communicate(timeout=LIMIT)


def numbers(line: str) -> list[str]:
    return re.findall(r"\d[\d,.]*%?", line)


def assert_picture(path: Path, says: str) -> None:
    with Image.open(io.BytesIO(path.read_bytes())) as picture:
        picture.load()
        assert picture.format == "PNG"
        assert picture.width > 1000
        assert picture.height > 400
        assert says in picture.info["Description"]
        assert len(picture.convert("RGB").getcolors(1 << 24) or ()) > 20  # something is on it


def test_demo_tells_a_stranger_what_there_is(tmp_path: Path, environment: dict[str, str]) -> None:
    first = run(tmp_path, environment, "demo")
    assert (first.returncode, first.stderr) == (0, "")
    text = first.stdout
    assert max(map(len, text.splitlines())) <= 80
    for said in ("made-up account of 2,000 contacts", 'cctrack.clicks_df("36")', "CCTRACK_API_KEY", "01_quickstart"):
        assert said in text
    assert API_KEY not in text
    paths = [tmp_path / name for name in re.findall(r"^  (\S+\.png)$", text, re.M)]
    assert paths == [tmp_path / "cctrack-demo" / name for name in ("funnel.png", "links.png")]
    assert_picture(paths[0], "sent 1,749")
    assert_picture(paths[1], "Most clicked")
    # The next process prints the same to the digit, out of the cache or not.
    assert run(tmp_path, environment, "demo").stdout == text


def test_demo_prints_the_figures_of_the_reports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--contacts", "400", "--seed", "3", "--out", str(tmp_path / "here")]) == 0
    text = capsys.readouterr().out
    account = generate(contacts=400, seed=3)
    clicks = cctrack.clicks_df(account.featured_contact)
    funnel = cctrack.analysis.funnel(cctrack.campaign_activities_df(account.featured_campaign))
    lines = text.splitlines()
    assert f"the {min(8, len(clicks))} newest of {len(clicks)} click" in text
    newest = clicks["click_date"].sort_values(ascending=False).head(8)
    shown = re.findall(r"^  (\d{4}-\d\d-\d\d \d\d:\d\d)  ", text, re.M)
    assert shown == [f"{when:%Y-%m-%d %H:%M}" for when in newest]
    for row in funnel.itertuples():
        line = next(line for line in lines if line.startswith(f"  {row.stage} "))
        rates = [row.rate_of_delivered_human, row.step_rate_human, row.step_low_human, row.step_high_human]
        assert numbers(line) == [
            *(f"{n:,}" for n in (row.n, row.n_human)),
            *(f"{rate:.1%}" for rate in rates if pd.notna(rate)),
        ]
    assert sorted(path.name for path in (tmp_path / "here").iterdir()) == ["funnel.png", "links.png"]


def test_demo_of_a_tiny_account_on_a_plain_terminal(tmp_path: Path, environment: dict[str, str]) -> None:
    plain = {**environment, "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    done = run(tmp_path, plain, "demo", "--contacts", "1", "--seed", "2", "--out", "a folder")
    assert (done.returncode, done.stderr) == (0, "")
    assert "made-up account of 1 contact," in done.stdout
    assert max(map(len, done.stdout.splitlines())) <= 80
    assert (tmp_path / "a folder" / "links.png").exists()


def test_demo_goes_elsewhere_when_it_cannot_write_here(tmp_path: Path, environment: dict[str, str]) -> None:
    (tmp_path / "cctrack-demo").write_text("in the way")
    done = run(tmp_path, environment, "demo", "--contacts", "20")
    assert (done.returncode, done.stderr) == (0, "")
    paths = [Path(path) for path in re.findall(r"^  (\S+\.png)$", done.stdout, re.M)]
    assert [path.name for path in paths] == ["funnel.png", "links.png"]
    assert all(path.is_relative_to(tmp_path / "temporary") and path.exists() for path in paths)


def test_demo_says_when_the_folder_asked_for_cannot_be_had(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").write_text("in the way")
    assert main(["demo", "--contacts", "20", "--out", str(tmp_path / "file")]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    assert "--out" in told.err


def test_demo_needs_no_window_system(tmp_path: Path, environment: dict[str, str]) -> None:
    code = (
        "import sys; from cctrack.__main__ import main; status = main(['demo', '--contacts', '20']);"
        "sys.exit(status or 'matplotlib.pyplot' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=LIMIT
    )
    assert (done.returncode, done.stderr) == (0, "")


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path, environment: dict[str, str]) -> None:
    process = subprocess.Popen(
        command(("demo", "--contacts", "20")),
        cwd=tmp_path,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdout.close()
    with process.stderr as told:
        assert told.read() == ""
    assert process.wait(LIMIT) == 0


def test_an_error_of_the_library_is_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("CCTRACK_API_KEYS", "x")
    assert main(["demo", "--out", str(tmp_path / "out")]) == 1
    told = capsys.readouterr().err
    assert told.startswith("cctrack: ")
    assert told.count("\n") == 1
    assert "CCTRACK_API_KEY?" in told


def test_an_interrupt_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    def interrupted(**_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("cctrack.demo_account.account.generate", interrupted)
    assert main(["demo", "--out", str(tmp_path / "out")]) == 130
    assert capsys.readouterr().err == ""


def test_without_a_command_there_is_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 0
    text = capsys.readouterr().out
    assert "demo" in text
    assert "serve" in text


def test_version(tmp_path: Path, environment: dict[str, str]) -> None:
    done = run(tmp_path, environment, "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"cctrack {cctrack.__version__}\n", "")


@pytest.mark.parametrize(
    "arguments",
    [
        ["dmeo"],
        ["serve"],
        ["serve", "--port", "65536"],
        ["serve", "--port", "-1"],
        ["demo", "--contacts", "0"],
        ["demo", "--contacts", "\N{SUPERSCRIPT TWO}"],
        ["demo", "--seed", "1.5"],
    ],
)
def test_what_cannot_be_is_a_usage_error(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "usage: cctrack" in told.err


def test_serve_answers_any_client_until_interrupted(environment: dict[str, str], tmp_path: Path) -> None:
    with served(environment, "--port", "0", "--contacts", "50", "--seed", "4") as (process, printed):
        assert max(map(len, printed.splitlines())) <= 80
        assert f"export CCTRACK_API_KEY={API_KEY}" in printed
        assert f"export CCTRACK_ACCESS_TOKEN={ACCESS_TOKEN}" in printed
        assert "curl" in printed
        url = re.findall(r"^  (http://127\.0\.0\.1:\d+)$", printed, re.M)[0]
        assert f'cctrack.connect(base_url="{url}")' in printed
        options: dict[str, Any] = {"base_url": url, "cache_dir": tmp_path / "own", "rate": 200}
        with cctrack.connect(API_KEY, ACCESS_TOKEN, **options) as session:
            got = cctrack.clicks_df("36", session=session)
        with cctrack.demo(contacts=50, seed=4) as demo:
            pd.testing.assert_frame_equal(got, cctrack.clicks_df("36", session=demo))
        assert len(got)
        assert f'cctrack.connect(api="v3", base_url="{url}")' in printed
        (long_id,) = set(re.findall(r"[0-9a-f]{8}-[0-9a-f-]{27}", printed))
        with cctrack.connect(API_KEY, ACCESS_TOKEN, api="v3", **options) as session:
            assert cctrack.clicks_df(long_id, session=session)["click_date"].to_list() == got["click_date"].to_list()

        busy = run(tmp_path, environment, "serve", "--port", url.rpartition(":")[2], "--contacts", "1")
        assert (busy.returncode, busy.stdout) == (2, "")
        assert busy.stderr.count("\n") == 1
        assert "--port 0" in busy.stderr

        process.send_signal(signal.SIGINT)
        assert process.wait(LIMIT) == 0
