"""From `cctrack demo --lab` to the funnel of a campaign of one's choice, without writing code."""

import os
import re
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from playwright.sync_api import expect

from browser.chromium import Window
from browser.lab import ROOT, SECONDS_TO_END, Process, environment

MINE, EDITED = "09_outgrowing_one_machine.ipynb", "what somebody wrote"
WITH_TOKEN = re.compile(r"(http://127\.0\.0\.1:\d+/lab/\S+\?token=\S+)")


@pytest.fixture
def started(tmp_path: Path) -> Iterator[Process]:
    """Run the command in an empty folder; its browser is one that does nothing, as ours takes the address."""
    settings = environment(tmp_path / "jupyter") | {"BROWSER": "true", "HOME": str(tmp_path)}
    (tmp_path / "cctrack-notebooks").mkdir()
    (tmp_path / "cctrack-notebooks" / MINE).write_text(EDITED)
    process = Process([sys.executable, "-m", "cctrack", "demo", "--lab"], settings, tmp_path)
    yield process
    process.end()


def test_a_newcomer_finds_a_funnel(started: Process, window: Window, tmp_path: Path) -> None:
    page = window.page
    page.goto(started.wait_for(WITH_TOKEN))
    expect(page.get_by_role("tab", name="01_quickstart.ipynb")).to_be_visible()
    page.get_by_role("listitem", name=re.compile("02_engagement_funnels")).dblclick()
    expect(page.get_by_role("tab", name="02_engagement_funnels.ipynb")).to_be_visible()
    expect(page.get_by_text("Python 3 (ipykernel) | Idle")).to_be_visible()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    campaigns = page.get_by_role("listbox", name="Campaigns")
    campaigns.get_by_text("Winter sale").click()
    explorer = page.locator(".jp-Cell-outputArea").filter(has=campaigns)
    expect(explorer.get_by_role("row", name="sent 1,733")).to_be_visible()
    expect(explorer.get_by_role("img", name=re.compile("sent 1,733"))).to_be_visible()

    copied = tmp_path / "cctrack-notebooks"
    assert all((copied / path.name).exists() for path in (ROOT / "notebooks").glob("*.ipynb"))
    assert (copied / MINE).read_text() == EDITED
    assert f"Yours were kept: {MINE}." in started.output
    kernels = psutil.Process(started.popen.pid).children(recursive=True)
    assert kernels
    os.kill(started.popen.pid, signal.SIGINT)
    assert started.popen.wait(SECONDS_TO_END) == 0
    assert "Traceback" not in started.output
    _, left = psutil.wait_procs(kernels, SECONDS_TO_END)
    assert left == []
