"""One JupyterLab and one Chromium for all tests in this folder, and a clean window for each."""

from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, expect

from browser import chromium
from browser.chromium import Window
from browser.lab import Lab
from browser.notebook import Notebook

expect.set_options(timeout=chromium.MILLISECONDS)


def pytest_pycollect_makemodule() -> None:
    """Leave the whole folder out where there is no Chromium, with one line for all of it."""
    if not chromium.is_here():
        pytest.skip(chromium.WHY_NOT, allow_module_level=True)


@pytest.fixture(scope="package")
def running() -> Iterator[Browser]:
    """Give Chromium."""
    with chromium.browser() as browser:
        yield browser


@pytest.fixture(scope="package")
def lab(running: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """Give JupyterLab on an empty folder."""
    with Lab(tmp_path_factory.mktemp("lab")) as server:
        yield server


@pytest.fixture
def window(running: Browser) -> Iterator[Window]:
    """Give a page of a fresh profile; no text may have been run there, and nothing outside asked for."""
    opened = Window(running)
    yield opened
    opened.close()
    opened.assert_clean()


@pytest.fixture
def notebook(lab: Lab, window: Window) -> Iterator[Callable[[str], Notebook]]:
    """Open notebooks of the lab's folder by name, and end their kernels afterwards."""
    opened: list[Notebook] = []

    def open_(name: str) -> Notebook:
        opened.append(Notebook(window.page, lab.url, name))
        return opened[-1]

    yield open_
    for one in opened:
        one.close()
