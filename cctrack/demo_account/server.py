"""The demo account over HTTP, on the loopback only: one small server, both API dialects and whatever is mounted."""

import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Sequence
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from .account import NOW, Account
from .quirks import Quirks
from .v2_face import V2Face
from .v3_access import Access
from .v3_auth import AuthFace
from .v3_face import V3Face
from .wire import Answer, Call, Face, Gate, as_json

_LOG = logging.getLogger(__name__)
_DATE = format_datetime(NOW, usegmt=True)
_SECRETS = ("api_key", "access_token")
_LOG_LENGTH = 10_000
_BODY_CAP = 1 << 20  # a body we do not read must not block the connection, nor fill the memory


class DemoServer:
    """Serves a synthetic account to any client on this machine.

    Attributes
    ----------
    url : str
        Where the server answers, such as ``http://127.0.0.1:40123``.
    requests : int
        How many requests were answered.
    log : collections.deque
        The latest requests as (method, path); keys and tokens are left out.
    access : Access
        The tokens that the v3 API accepts; v2 goes by `access_token` alone.
    auth : AuthFace
        The authorisation server; the v3 API accepts the tokens that it gave.

    Examples
    --------
    >>> with DemoServer(generate(contacts=50)) as server:
    ...     server.url
    """

    def __init__(
        self,
        account: Account,
        quirks: Quirks | None = None,
        *,
        port: int = 0,
        api_key: str | None = None,
        access_token: str | None = None,
    ) -> None:
        self.account = account
        self.quirks = quirks if quirks is not None else Quirks()
        self.requests = 0
        self.log: deque[tuple[str, str]] = deque(maxlen=_LOG_LENGTH)
        gate = Gate(self.quirks.throttle, self.quirks.daily_quota)
        self.access = Access(access_token)
        self.auth = AuthFace(per_second=1.0 if self.quirks.throttle is not None else None)
        self.access.add(self.auth.scopes)
        self.faces: list[Face] = [
            V2Face(account, self.quirks, gate, api_key=api_key, access_token=access_token),
            V3Face(account, self.quirks, gate, self.access),
            self.auth,
        ]
        self._lock = threading.Lock()
        self._http = _Listener(("127.0.0.1", port), self)
        self._thread: threading.Thread | None = None
        self.url = f"http://127.0.0.1:{self._http.server_address[1]}"

    def mount(self, face: Face) -> None:
        """Let a further dialect answer the paths below its prefix."""
        self.faces.append(face)

    def start(self) -> Self:
        """Answer in the background until `stop`."""
        if self._thread is None:
            self._thread = threading.Thread(
                target=self._http.serve_forever,
                kwargs={"poll_interval": 0.05},
                name="cctrack-demo",
                daemon=True,
            )
            self._thread.start()
        return self

    def stop(self) -> None:
        """Stop answering and close every connection."""
        if self._thread is not None:
            self._http.shutdown()
            self._thread.join()
            self._thread = None
        self._http.close_all()

    def serve_forever(self) -> None:
        """Answer in the foreground until interrupted."""
        try:
            self._http.serve_forever(poll_interval=0.2)
        finally:
            self._http.close_all()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def __repr__(self) -> str:
        return f"DemoServer({self.url}, {len(self.account.contacts)} contacts)"

    def answer(self, method: str, target: str, headers: dict[str, str], body: bytes = b"") -> Answer:
        """Answer one request; `target` is the path with its query, as it came."""
        parts = urlsplit(target)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        call = Call(method, parts.path, dict(reversed(pairs)), headers, tuple(pairs), body)
        if self.quirks.latency > 0:
            time.sleep(self.quirks.latency)
        face = _face_of(self.faces, parts.path)
        if face is None:
            answer = as_json(404, [{"error_key": "http.status.not_found", "error_message": "No such resource."}])
        else:
            answer = face.answer(call)
        kept = urlencode([pair for pair in pairs if pair[0] not in _SECRETS])
        with self._lock:
            self.requests += 1
            self.log.append((method, unquote(parts.path) + (f"?{kept}" if kept else "")))
        return answer


def _face_of(faces: Sequence[Face], path: str) -> Face | None:
    return next((face for face in faces if path == face.prefix or path.startswith(face.prefix + "/")), None)


class _Listener(ThreadingHTTPServer):
    """The socket side; knows its open connections, so that stopping does not leave any behind."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], demo: DemoServer) -> None:
        self.demo = demo
        self.live: set[socket.socket] = set()
        super().__init__(address, _Handler)

    def close_all(self) -> None:
        self.server_close()
        for connection in list(self.live):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:  # it is closing by itself
                continue

    def handle_error(self, request: Any, client_address: Any) -> None:
        _LOG.debug("a client went away in the middle of a request", exc_info=True)


class _Handler(BaseHTTPRequestHandler):
    """Turns bytes into a call and an answer into bytes, in one send."""

    server: _Listener
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # unbuffered, headers and body would wait 40 ms for each other
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.server.live.add(self.connection)

    def finish(self) -> None:
        self.server.live.discard(self.connection)
        super().finish()

    def version_string(self) -> str:
        return "cctrack-demo"

    def date_time_string(self, timestamp: float | None = None) -> str:
        """Give the account's clock, whatever the time is here."""
        return _DATE

    def log_message(self, format: str, *args: Any) -> None:
        """Keep quiet: the path would hold the key."""

    def _serve(self) -> None:
        length, body = self.headers.get("Content-Length", "0"), b""
        if self.headers.get("Transfer-Encoding") or not length.isdecimal() or int(length) > _BODY_CAP:
            self.close_connection = True
        elif int(length):
            body = self.rfile.read(int(length))
        headers = {name.lower(): value for name, value in self.headers.items()}
        answer = self.server.demo.answer(self.command, self.path, headers, body)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        for name, value in answer.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(answer.body)
        self.wfile.flush()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815
