"""The first notebook, run in JupyterLab as its readers run it."""

from collections.abc import Callable

from playwright.sync_api import expect

from browser.lab import ROOT, Lab
from browser.notebook import Notebook


def test_the_first_notebook_runs(lab: Lab, notebook: Callable[[str], Notebook]) -> None:
    opened = notebook(lab.copy(ROOT / "notebooks" / "01_quickstart.ipynb"))
    opened.run_all()
    assert sum("image/png" in one.get("data", {}) for cell in opened.outputs for one in cell) >= 2
    expect(opened.page.locator(".jp-OutputArea img").first).to_be_visible()
    assert opened.text("print(funnel['n'].iloc[0])").isdecimal()
