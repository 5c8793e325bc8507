"""Chromium without a window, which reaches loopback only and tells when a text was run as a script."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from playwright.sync_api import Browser, BrowserContext, Page, Route, WebSocket, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
WHY_NOT = "no Chromium here, so the tests in a browser were left out; on Debian: apt-get install chromium"
MILLISECONDS = 60_000  # nothing comes near, even on a busy machine
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_QUIET = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@cache
def _program() -> str | None:
    """Find a Chromium: the system's, else the one that Playwright has downloaded."""
    if found := next(filter(None, map(shutil.which, NAMES)), None):
        return found
    with sync_playwright() as playwright:
        own = playwright.chromium.executable_path
    return own if Path(own).exists() else None


def is_here() -> bool:
    """Tell whether there is a Chromium."""
    return _program() is not None


@contextmanager
def browser() -> Iterator[Browser]:
    """Start Chromium."""
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=_program(), args=list(_QUIET)) as running,
    ):
        yield running


def _outside(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in ("http", "https", "ws", "wss", "ftp") and parts.hostname not in _LOOPBACK


class Window:
    """One page of a browser profile of its own, and what must never happen on it.

    Attributes
    ----------
    outside : list of str
        Addresses beyond loopback that were asked for; none was reached.
    ran : list of str
        What was run out of texts that are data, and dialogs that opened. A payload calls `ran("its name")`.
    received : int
        Bytes that came over websockets so far.
    """

    def __init__(self, running: Browser, *, width: int = 1280, height: int = 900, dark: bool = False) -> None:
        self.outside: list[str] = []
        self.ran: list[str] = []
        self.received = 0
        self.context: BrowserContext = running.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if dark else "light",
            service_workers="block",
        )
        self.context.set_default_timeout(MILLISECONDS)
        self.context.route(_outside, self._refuse)
        self.context.route_web_socket(_outside, lambda socket: self._refuse_socket(socket))
        self.context.expose_binding("ran", lambda _, what="nothing": self.ran.append(str(what)))
        self.page: Page = self.context.new_page()
        self.page.on("dialog", self._dialog)
        self.page.on("websocket", self._count)

    def _refuse(self, route: Route) -> None:
        self.outside.append(route.request.url)
        route.abort()

    def _refuse_socket(self, socket: Any) -> None:
        self.outside.append(socket.url)
        socket.close()

    def _dialog(self, dialog: Any) -> None:
        if dialog.type != "beforeunload":  # JupyterLab's own, of a notebook that is not saved
            self.ran.append(f"dialog: {dialog.message}")
        dialog.accept()

    def _count(self, socket: WebSocket) -> None:
        socket.on("framereceived", self._add)

    def _add(self, payload: str | bytes) -> None:
        self.received += len(payload.encode() if isinstance(payload, str) else payload)

    def wait_until_ran(self, names: set[str]) -> None:
        """Wait until all of these were run."""
        for _ in range(MILLISECONDS // 100):
            if names <= set(self.ran):
                return
            self.page.wait_for_timeout(100)
        raise AssertionError(f"never ran: {names - set(self.ran)}")

    def assert_clean(self) -> None:
        """Fail if a text was run, or if anything beyond this machine was asked for."""
        assert self.ran == []
        assert self.outside == []

    def close(self) -> None:
        """Close the page and its profile."""
        self.context.close()
