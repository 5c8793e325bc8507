"""JupyterLab in the browser, as these tests need it: notebooks run, widgets answer, and what must not happen is seen."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from browser.chromium import Window
from browser.lab import ROOT, Lab
from browser.notebook import Notebook

Open = Callable[[str], Notebook]


def test_the_first_notebook_runs(lab: Lab, notebook: Open) -> None:
    opened = notebook(lab.copy(ROOT / "notebooks" / "01_quickstart.ipynb"))
    opened.run_all()
    assert any("image/png" in one.get("data", {}) for cell in opened.outputs for one in cell)
    assert opened.text("print(funnel['n'].iloc[0])").isdecimal()
