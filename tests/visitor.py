"""Somebody who logs in: presses the button on the page, pastes addresses, types codes, or does something else."""

import html
import re
import threading
from collections.abc import Callable
from urllib.error import HTTPError
from urllib.parse import parse_qsl, urlencode, urlsplit
from urllib.request import HTTPRedirectHandler, build_opener

from cctrack.api.credentials import Secret


class _Stays(HTTPRedirectHandler):
    """Shows where a redirect leads instead of going there."""

    def redirect_request(self, *args: object) -> None:
        return None


def page(url: str) -> tuple[int, str]:
    """Open a page, wherever it leads."""
    try:
        with build_opener().open(url, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except HTTPError as error:
        with error:
            return error.code, error.read().decode()


def pressed(url: str) -> str:
    """Press the button of a page: where the browser is sent then."""
    _, text = page(url)
    action = re.search(r'action="([^"]+)"', text)
    fields = re.findall(r'name="([^"]+)" value="([^"]*)"', text)
    assert action is not None, text
    assert ("allow", "yes") in fields
    query = urlencode([(html.unescape(name), html.unescape(value)) for name, value in fields])
    parts = urlsplit(url)
    target = f"{parts.scheme}://{parts.netloc}{action[1]}?{query}"
    try:
        with build_opener(_Stays).open(target, timeout=10) as answer:
            return str(answer.url)
    except HTTPError as error:
        with error:
            return str(error.headers["Location"])


def query_of(url: str) -> dict[str, str]:
    """Take an address apart."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def with_query(url: str, **changed: str) -> str:
    """Change an address; an empty value takes a field away."""
    fields = {name: value for name, value in (query_of(url) | changed).items() if value}
    return f"{url.partition('?')[0]}?{urlencode(fields)}"


class Visitor:
    """A person before this machine.

    Parameters
    ----------
    back
        Gets the address to which the browser is sent after the button, and gives those to open; None opens that.
    browser
        Whether there is one.
    pastes
        What is pasted, one after the other; each gets the address to which the browser was sent.
    """

    def __init__(
        self,
        back: Callable[[str], list[str]] | None = None,
        *,
        browser: bool = True,
        pastes: list[Callable[[str], str]] | None = None,
    ) -> None:
        self._back = back or (lambda address: [address])
        self._browser = browser
        self._pastes = list(pastes or [])
        self.opened: list[str] = []
        self.told: list[tuple[str, str]] = []
        self.arrived: list[tuple[int, str]] = []
        self.threads: list[threading.Thread] = []

    def open(self, url: str) -> bool:
        """Go to the page in a browser, and on from there."""
        self.opened.append(url)
        if self._browser:
            thread = threading.Thread(target=self._visit, args=(url,))
            self.threads.append(thread)
            thread.start()
        return self._browser

    def _visit(self, url: str) -> None:
        self.arrived += [page(address) for address in self._back(pressed(url))]

    def tell(self, text: str, url: str) -> None:
        """Read it."""
        self.told.append((text, url))

    def ask(self, question: str) -> Secret:
        """Paste the next one."""
        address = pressed(self.told[-1][1])
        return Secret(self._pastes.pop(0)(address))

    def done(self) -> None:
        """Go."""
        for thread in self.threads:
            thread.join(10)
