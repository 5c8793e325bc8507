"""The way back from the browser: a listener on this machine, or an address that the user pastes."""

import hmac
import html
import os
import queue
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from socketserver import TCPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from cctrack.api.credentials import Secret
from cctrack.api.grants import refused
from cctrack.errors import AuthError, CctrackError, ConfigError

_PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>cctrack</title>
<body style="font-family: sans-serif; margin: 4em auto; max-width: 30em"><h1>{title}</h1><p>{text}</p>"""
_IDLE = 5.0  # seconds; browsers open connections that they never use
_STEP = 0.5  # seconds; where a wait cannot be interrupted, Ctrl-C works after it


def listens(redirect_uri: str) -> tuple[str, int] | None:
    """Give host and port on which the answer to this address arrives; None when it is not this machine's.

    Raises
    ------
    ConfigError
        When it is no address that could stand in the developer portal.
    """
    try:
        parts = urlsplit(redirect_uri)
        port = parts.port
    except (ValueError, TypeError, AttributeError):
        raise ConfigError("redirect_uri is no address; give the one of the developer portal") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.fragment:
        raise ConfigError("redirect_uri must be http(s)://host..., exactly as it stands in the developer portal")
    if parts.scheme == "https" or not port:
        return None
    if parts.hostname == "localhost":
        return "127.0.0.1", port
    try:
        address = ip_address(parts.hostname)
        here = address.is_loopback and address.version == 4
    except ValueError:
        here = False
    return (parts.hostname, port) if here else None


class Listener:
    """Waits for the browser to come back.

    Parameters
    ----------
    redirect_uri
        Where it is sent.
    state
        What the answer must carry.
    """

    def __init__(self, redirect_uri: str, state: Secret) -> None:
        where = listens(redirect_uri)
        if where is None:
            raise ConfigError("redirect_uri must be an address of this machine, such as http://localhost:8912/")
        self._answers: queue.SimpleQueue[Secret | CctrackError] = queue.SimpleQueue()
        self.strangers = 0
        path = urlsplit(redirect_uri).path or "/"
        try:
            self._http = _Quiet(where, _handler(path, state, self._take))
        except OSError as error:
            raise ConfigError(
                f"port {where[1]} cannot be listened on ({error.strerror}); end what uses it, or give another "
                "redirect_uri that the developer portal has"
            ) from None

    def _take(self, query: Secret, state: Secret) -> bool:
        found = answered(query, state)
        if found is None:
            self.strangers += 1  # any page in the browser may try: it must neither count nor end the waiting
            return False
        self._answers.put(found)
        return True

    @contextmanager
    def open(self) -> Iterator["Listener"]:
        """Listen within a `with` block."""
        thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), name="cctrack_login", daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self._http.shutdown()
            thread.join()
            self._http.server_close()

    def wait(self, seconds: float) -> Secret | CctrackError:
        """Give the code, or the error that came in its place, or the one that nothing came."""
        until = time.monotonic() + seconds
        while (left := until - time.monotonic()) > 0:
            with suppress(queue.Empty):
                return self._answers.get(timeout=min(left, _STEP))
        other = "; an answer to another login came and was refused" if self.strangers else ""
        return AuthError(
            f"the browser did not come back within {seconds:,.0f} s{other}; log in again. "
            "If the browser is on another machine: login(..., browser=False)"
        )


def answered(query: Secret, state: Secret) -> Secret | CctrackError | None:
    """Read what came back: the code, or why there is none; None when it is no answer to this login."""
    fields = {name: values[0] for name, values in parse_qs(query.reveal(), keep_blank_values=True).items()}
    if not hmac.compare_digest(fields.get("state", "").encode(), state.reveal().encode()):
        return None
    if "error" in fields:
        return refused(fields["error"], fields.get("error_description", ""))
    if not fields.get("code"):
        return AuthError("the address holds no code; paste all of it, from https:// or http:// to its end")
    return Secret(fields["code"])


def pasted(text: Secret, state: Secret) -> Secret | CctrackError:
    """Read an address that the user copied from the browser.

    The code by itself is not taken: it would not tell to which login it belongs.
    """
    try:
        query = urlsplit(text.reveal().strip().strip("'\"<>")).query
    except ValueError:
        query = ""
    if not query:
        return AuthError(
            "this is no address with an answer in it; paste the whole address from the browser's address bar, which "
            "ends in ?code=...&state=..."
        )
    found = answered(Secret(query), state)
    if found is None:
        return AuthError(
            "this is the answer to another login (its state differs); start again with cctrack.login(client_id) and "
            "use the newest page"
        )
    return found


class _Quiet(ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = os.name == "posix"  # elsewhere it would let another program listen on the same port

    def server_bind(self) -> None:
        """Listen, without looking up the machine's name, which can take long."""
        TCPServer.server_bind(self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: the traceback would show the code."""


def _handler(path: str, state: Secret, take: Any) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _IDLE

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if (parts.path or "/") != path or not parts.query:
                return self._page(404, "Nothing here", "This page belongs to a login of cctrack.")
            if take(Secret(parts.query), state):
                return self._page(200, "Thank you", "You can close this page and go back to your notebook.")
            return self._page(400, "Another login", "This is not the login that cctrack waits for. Start again.")

        def _page(self, status: int, title: str, text: str) -> None:
            body = _PAGE.format(title=html.escape(title), text=html.escape(text)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Cache-Control", "no-store")
            self.send_header("Referrer-Policy", "no-referrer")
            self.send_header("Connection", "close")
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing: the line would show the code."""

    return Handler
