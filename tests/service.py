"""Somebody else's account: a programmable HTTP/1.1 server on loopback, and rows to put in it.

Knows the documented v2 API and nothing of the library under test. `Service` listens and routes,
`Answer` is what goes out on the wire (faults included), the factories at the end make rows, and
`account` loads a small whole account.
"""

import base64
import contextlib
import enum
import gzip as gzip_codec
import http.client
import json
import secrets
import selectors
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, Self
from urllib.parse import parse_qs, parse_qsl, quote, urlencode

Row = dict[str, Any]
Scheme = Literal["offset", "timestamp", "opaque"]


class End(enum.Enum):
    """How a connection ends."""

    CLOSE = "close"
    RESET = "reset"


CLOSE, RESET = End.CLOSE, End.RESET
Step = bytes | float | End  # sent; waited, in seconds; the end

ABSENT: Any = type("Absent", (), {"__repr__": lambda self: "ABSENT"})()  # a field that is not there

DATE_FIELDS = {
    "EMAIL_SEND": "send_date",
    "EMAIL_OPEN": "open_date",
    "EMAIL_CLICK": "click_date",
    "EMAIL_FORWARD": "forward_date",
    "EMAIL_BOUNCE": "bounce_date",
    "EMAIL_UNSUBSCRIBE": "unsubscribe_date",
}


# --- requests ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Request:
    """One request as it arrived; header names are lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    at: float

    @property
    def path(self) -> str:
        """The path as sent, still percent-encoded."""
        return self.target.partition("?")[0]

    @property
    def query(self) -> dict[str, list[str]]:
        """The decoded query, every value of every name."""
        return parse_qs(self.target.partition("?")[2], keep_blank_values=True)


def _read_request(conn: socket.socket, buffer: bytearray) -> Request | None:
    """Take one request off the wire; None when the client has gone."""
    while (end := buffer.find(b"\r\n\r\n")) < 0:
        if not (data := conn.recv(65536)):
            return None
        buffer += data
    at = time.monotonic()
    first, *lines = buffer[:end].decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    method, target, _ = first.split(" ")
    stop = end + 4 + int(headers.get("content-length", 0))
    while len(buffer) < stop:
        if not (data := conn.recv(65536)):
            return None
        buffer += data
    body = bytes(buffer[end + 4 : stop])
    del buffer[:stop]
    return Request(method, target, headers, body, at)


# --- answers -------------------------------------------------------------------------------------


def encode(obj: Any) -> bytes:
    """JSON as the service writes it: UTF-8, escaped only where UTF-8 has no form (lone surrogates)."""
    try:
        return json.dumps(obj, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(obj).encode()


def envelope(rows: Any, next_link: Any = ABSENT) -> Row:
    """Wrap rows as a v2 page; without a next link `pagination` is empty, as on the last page."""
    pagination = {} if next_link is ABSENT else {"next_link": next_link}
    return {"meta": {"pagination": pagination}, "results": rows}


# Long enough that half of it is neither JSON nor a whole gzip stream.
SAMPLE = encode(
    envelope([{"activity_type": "EMAIL_OPEN", "contact_id": str(n), "email_address": "é"} for n in range(30)])
)


def _part(data: bytes, share: float) -> bytes:
    return data[: int(len(data) * share)]


def _chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@dataclass(frozen=True)
class Answer:
    """What goes out on the wire: a plain answer, or with `wire` any sequence of steps."""

    status: int = 200
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    length: int | None = None  # the Content-Length to claim when it is to be a lie
    wire: Callable[["Answer"], Iterable[Step]] | None = None  # called anew for every use

    def head(self, *framing: str) -> bytes:
        """Status line and headers, up to the blank line."""
        reason = http.client.responses.get(self.status, "Odd")
        named = {name.lower() for name in self.headers}
        kind = [] if "content-type" in named else ["Content-Type: application/json"]
        fields = [f"{name}: {value}" for name, value in self.headers.items()]
        lines = [f"HTTP/1.1 {self.status} {reason}", *kind, *fields, *framing, "", ""]
        return "\r\n".join(lines).encode("latin-1")

    def full_head(self) -> bytes:
        """Head with the length of the body, or with the one claimed."""
        return self.head(f"Content-Length: {len(self.body) if self.length is None else self.length}")

    def steps(self) -> Iterator[Step]:
        """Everything to do on the connection, in order."""
        if self.wire is not None:
            yield from self.wire(self)
            return
        yield self.full_head() + self.body  # one send: no delayed-ACK pause between head and body
        if self.length not in (None, len(self.body)):
            yield CLOSE

    # Whole answers.

    @classmethod
    def json(cls, obj: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Self:
        """Answer with any object as JSON."""
        return cls(status, encode(obj), headers or {})

    @classmethod
    def page(cls, rows: Any, next_link: Any = ABSENT) -> Self:
        """Answer with one v2 page; `next_link` may be anything at all."""
        return cls.json(envelope(rows, next_link))

    @classmethod
    def error(cls, status: int, key: str = "", message: str = "", headers: Mapping[str, str] | None = None) -> Self:
        """Answer with a v2 error: a JSON array of one."""
        entry = {"error_key": key or f"http.status.{status}", "error_message": message or f"status {status}"}
        return cls.json([entry], status, headers)

    @classmethod
    def redirect(cls, to: str, status: int = 302) -> Self:
        """Send the client elsewhere."""
        return cls(status, headers={"Location": to})

    @classmethod
    def gzip(cls, body: bytes = SAMPLE) -> Self:
        """Answer compressed, and right."""
        return cls(body=gzip_codec.compress(body), headers={"Content-Encoding": "gzip"})

    @classmethod
    def chunked(cls, body: bytes = SAMPLE, parts: int = 3) -> Self:
        """Answer in chunks, and right."""
        size = max(1, -(-len(body) // parts))
        pieces = b"".join(_chunk(body[at : at + size]) for at in range(0, len(body), size))
        return cls(body=body, wire=lambda self: [self.head("Transfer-Encoding: chunked") + pieces + _chunk(b"")])

    @classmethod
    def late(cls, seconds: float, answer: "Answer") -> Self:
        """Give another answer, after a while."""
        return cls(answer.status, wire=lambda self: (seconds, *answer.steps()))

    # Broken answers.

    @classmethod
    def raw(cls, *steps: Step) -> Self:
        """Send exactly these bytes, with these pauses, and this end."""
        return cls(wire=lambda self: steps)

    @classmethod
    def silent(cls) -> Self:
        """Close without a word."""
        return cls.raw(CLOSE)

    @classmethod
    def hang(cls) -> Self:
        """Never answer, never close."""
        return cls.raw(threading.TIMEOUT_MAX)

    @classmethod
    def cut(cls, body: bytes = SAMPLE, at: float = 0.5) -> Self:
        """Announce the whole body, send a share of it, close."""
        return cls(body=body, wire=lambda self: (self.full_head() + _part(body, at), CLOSE))

    @classmethod
    def reset(cls, body: bytes = SAMPLE, at: float = 0.5) -> Self:
        """Announce the whole body, send a share of it, reset the connection."""
        # The pause lets the client read what came: a reset throws unread bytes away.
        return cls(body=body, wire=lambda self: (self.full_head() + _part(body, at), 0.05, RESET))

    @classmethod
    def unframed(cls, body: bytes = SAMPLE, at: float = 1.0) -> Self:
        """Send (a share of) the body without any length: closing is the only end it has."""
        return cls(body=body, wire=lambda self: (self.head("Connection: close") + _part(body, at), CLOSE))

    @classmethod
    def broken_chunk(cls, body: bytes = SAMPLE, how: Literal["size", "cut", "end"] = "size") -> Self:
        """Send chunks with a nonsense size, with the second one cut short, or without the last one."""
        first, rest = _part(body, 0.5), body[len(_part(body, 0.5)) :]
        tail = {"size": b"XYZ\r\n" + rest, "cut": _part(_chunk(rest), 0.5), "end": _chunk(rest)}[how]
        return cls(
            body=body,
            wire=lambda self: (self.head("Transfer-Encoding: chunked") + _chunk(first) + tail, CLOSE),
        )

    @classmethod
    def half_gzip(cls, body: bytes = SAMPLE) -> Self:
        """Half a gzip stream whose length is announced truly."""
        return cls(body=_part(gzip_codec.compress(body), 0.5), headers={"Content-Encoding": "gzip"})

    @classmethod
    def bad_gzip(cls) -> Self:
        """Announce gzip, send something else."""
        return cls(body=b"this is no gzip stream " * 8, headers={"Content-Encoding": "gzip"})

    @classmethod
    def bomb(cls, megabytes: int = 200) -> Self:
        """A valid empty page between so many megabytes of blanks: a few kilobytes on the wire."""

        def wire(self: Answer) -> Iterator[Step]:
            yield self.head("Transfer-Encoding: chunked")
            squeeze, blanks = zlib.compressobj(level=1, wbits=31), b" " * 2**20
            for _ in range(megabytes):
                if data := squeeze.compress(blanks):
                    yield _chunk(data)
            yield _chunk(squeeze.compress(encode(envelope([]))) + squeeze.flush()) + _chunk(b"")

        return cls(headers={"Content-Encoding": "gzip"}, wire=wire)

    @classmethod
    def drip(cls, body: bytes = SAMPLE, pause: float = 0.1, size: int = 1) -> Self:
        """Send the head at once and the body `size` bytes at a time."""

        def wire(self: Answer) -> Iterator[Step]:
            yield self.full_head()
            for at in range(0, len(body), size):
                yield from (pause, body[at : at + size])

        return cls(body=body, wire=wire)

    @classmethod
    def drip_head(cls, body: bytes = SAMPLE, pause: float = 0.1, size: int = 1) -> Self:
        """Send the head `size` bytes at a time, then the body at once."""

        def wire(self: Answer) -> Iterator[Step]:
            head = self.full_head()
            for at in range(0, len(head), size):
                yield from (head[at : at + size], pause)
            yield body

        return cls(body=body, wire=wire)

    @classmethod
    def bad_status_line(cls) -> Self:
        """Something that is not HTTP."""
        return cls.raw(b"GOOD MORNING\r\nContent-Length: 2\r\n\r\n[]", CLOSE)

    @classmethod
    def big_header(cls, size: int = 70_000) -> Self:
        """One header line longer than clients take."""
        return cls(body=SAMPLE, headers={"X-Padding": "x" * size})


Handler = Callable[[Request], Answer]


# --- paged reports -------------------------------------------------------------------------------


def moment(value: Any) -> datetime | None:
    """Read an ISO-8601 date; naive means UTC; None for what is not one."""
    if not isinstance(value, str):
        return None
    try:
        read = datetime.fromisoformat(value)
    except ValueError:
        return None
    return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)


def row_moment(row: Any, date_field: str | None = None) -> datetime | None:
    """Find the date of a row, in the field of its own activity type unless another is named."""
    if not isinstance(row, dict):
        return None
    return moment(row.get(date_field or DATE_FIELDS.get(row.get("activity_type", ""), "modified_date")))


def _milliseconds(when: datetime | None) -> int:
    return 0 if when is None else int(when.timestamp() * 1000)


def _plain_link(path: str, token: str) -> Any:
    return f"{path}?next={token}"


@dataclass
class Collection:
    """The rows of one path, served page by page. `rows` is read anew for every page: change it at will."""

    path: str
    rows: Sequence[Any]
    page_size: int | None = None  # pages are never longer, whatever the limit
    scheme: Scheme = "offset"
    overlap: int = 0
    date_field: str | None = None
    maximum: int = 500  # a limit above it is a 400
    keeps_filters: bool = True  # whether tokens carry created_since and the other filters
    where: Callable[[Any, dict[str, str]], bool] | None = None
    link: Callable[[str, str], Any] = _plain_link
    _tokens: dict[str, dict[str, str]] = field(default_factory=dict)

    def __call__(self, request: Request) -> Answer:
        """Answer one request for a page."""
        if request.method != "GET":
            return Answer.error(405)
        try:
            state = self._state(request.query)
            size = self._size(state)
            rows = self._selected(state)
            start = int(state.get("startAt", "1")) - 1
        except ValueError as wrong:
            return Answer.error(400, "http.status.bad_request", str(wrong))
        page = rows[start : start + size]
        if len(rows) <= start + size:
            return Answer.page(page)
        kept = {name: state[name] for name in state if self.keeps_filters and name not in ("startAt", "next", "limit")}
        token = self._token(page, start + size, {"limit": str(size)} | kept)
        return Answer.page(page, self.link(self.path, quote(token, safe="")))

    def _state(self, query: dict[str, list[str]]) -> dict[str, str]:
        """Where the walk stands: from the token alone, or at the start from the query."""
        asked = {name: values for name, values in query.items() if name != "api_key"}
        if any(len(values) > 1 for values in asked.values()):
            raise ValueError("a parameter was given twice")
        if "next" not in asked:
            return {name: values[0] for name, values in asked.items() if name != "startAt"}
        if len(asked) > 1:
            raise ValueError("next stands alone")  # so say the vendor's own clients
        token = asked["next"][0]
        if self.scheme == "opaque":
            if token not in self._tokens:
                raise ValueError("unknown next")
            return self._tokens[token]
        state = dict(parse_qsl(base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)).decode()))
        if not {"startAt", "next"} & set(state):
            raise ValueError("unknown next")
        return state

    def _size(self, state: dict[str, str]) -> int:
        limit = int(state.get("limit", self.maximum))
        if not 1 <= limit <= self.maximum:
            raise ValueError(f"limit must be 1 to {self.maximum}")
        return min(limit, self.page_size or limit)

    def _selected(self, state: dict[str, str]) -> list[Any]:
        """Rows that pass the filters and, with a time cursor, come after it."""
        rows = list(self.rows)
        for name, date_field in (("created_since", self.date_field), ("modified_since", "modified_date")):
            if name in state:
                since = moment(state[name])
                if since is None:
                    raise ValueError(f"{name} is not a date")
                rows = [row for row in rows if (row_moment(row, date_field) or since) >= since]
        if self.where is not None:
            rows = [row for row in rows if self.where(row, state)]
        if self.scheme == "timestamp":
            when = {id(row): _milliseconds(row_moment(row, self.date_field)) for row in rows}
            rows.sort(key=lambda row: -when[id(row)])
            if "next" in state:
                # Rows of one millisecond are lost by an exclusive cursor and repeated by an inclusive one.
                edge = int(state["next"]) + (1 if self.overlap else 0)
                rows = [row for row in rows if when[id(row)] < edge]
        return rows

    def _token(self, page: list[Any], done: int, state: dict[str, str]) -> str:
        if self.scheme == "timestamp":
            state["next"] = str(_milliseconds(row_moment(page[-1], self.date_field)))
        else:
            state = {"startAt": str(done + 1 - self.overlap)} | state  # this order is the vendor's
        if self.scheme == "opaque":
            token = f"{secrets.token_urlsafe(6)}+/=%2B&{len(self._tokens)}"  # a careless client breaks it
            self._tokens[token] = state
            return token
        return base64.urlsafe_b64encode(urlencode(state).encode()).decode().rstrip("=")


# --- the server ----------------------------------------------------------------------------------


class Service:
    """A loopback server that answers what it was told to, and remembers what it was asked."""

    def __init__(self, *, auth: bool = True) -> None:
        self.key = "SEKRETkey" + secrets.token_hex(12)
        self.token = "SEKRETtoken" + secrets.token_hex(12)
        self.auth = auth  # False: any key, any token, any Accept header
        self.url = ""
        self.requests: list[Request] = []
        self.connections = 0
        self.failures: list[BaseException] = []  # of the test's own callables; raised on exit
        # Called first for every request: change the data, or return an Answer to give instead.
        self.before: Callable[[Request], Answer | None] | None = None
        self._routes: dict[str, Handler] = {}
        self._prefixes: dict[str, Handler] = {}
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._open: dict[threading.Thread, socket.socket] = {}

    # Telling it what to answer.

    def on(self, path: str, handler: Handler) -> None:
        """Let a callable answer for this exact path, any method."""
        self._routes[path] = handler

    def below(self, prefix: str, handler: Handler) -> None:
        """Let a callable answer for what begins so and has no answer of its own."""
        self._prefixes[prefix] = handler

    def rows(
        self,
        path: str,
        rows: Sequence[Any],
        *,
        page_size: int | None = None,
        scheme: Scheme = "offset",
        overlap: int = 0,
        date_field: str | None = None,
        **more: Any,
    ) -> Collection:
        """Serve rows in pages; see `Collection` for the options."""
        served = Collection(path, rows, page_size, scheme, overlap, date_field, **more)
        self.on(path, served)
        return served

    def json(self, path: str, obj: Any) -> None:
        """Serve a bare object or array; it is written out anew for every request."""
        self.on(path, lambda request: Answer.json(obj) if request.method == "GET" else Answer.error(405))

    def body(
        self, path: str, body: bytes = b"", *, status: int = 200, headers: Mapping[str, str] | None = None
    ) -> None:
        """Serve these bytes."""
        self.on(path, lambda request: Answer(status, body, headers or {}))

    def script(self, path: str, answers: Sequence[Answer | Handler]) -> None:
        """Give the next answer at each call; the last one stays."""
        left = list(answers)

        def handler(request: Request) -> Answer:
            with self._lock:
                answer = left.pop(0) if len(left) > 1 else left[0]
            return answer if isinstance(answer, Answer) else answer(request)

        self.on(path, handler)

    # What it was asked.

    def asked(self, path_prefix: str = "") -> list[Request]:
        """Requests so far whose path begins so."""
        with self._lock:
            return [request for request in self.requests if request.path.startswith(path_prefix)]

    def hits(self, path_prefix: str | None = None) -> int:
        """Count them."""
        return len(self.asked(path_prefix or ""))

    def reset(self) -> None:
        """Forget the requests and connections seen; what was told stays."""
        with self._lock:
            self.requests.clear()
            self.connections = 0

    # Answering.

    def answer(self, request: Request) -> Answer:
        """Check and route one request, as far as it goes without `before`."""
        if self.auth and (refusal := self._refusal(request)):
            return refusal
        handler = self._routes.get(request.path)
        if handler is None:
            handler = next((one for prefix, one in self._prefixes.items() if request.path.startswith(prefix)), None)
        if handler is None:
            return Answer.error(404, "http.status.resource.not_found", "The resource was not found.")
        return handler(request)

    def _refusal(self, request: Request) -> Answer | None:
        if request.path.startswith("/v3/"):
            if request.headers.get("authorization") == f"Bearer {self.token}" and "api_key" not in request.query:
                return None
            return Answer.json({"error_key": "unauthorized", "error_message": "Unauthorized"}, 401)
        if request.query.get("api_key") != [self.key]:
            return Answer.error(403, "mashery.not.authorized.inactive", "The API key is not active.")
        if request.headers.get("authorization") != f"Bearer {self.token}":
            key = "http.status.authentication.invalid_token"
            return Answer.error(401, key, "The access token is invalid.")
        if "application/json" not in request.headers.get("accept", ""):
            return Answer.error(406)
        return None

    def _reply(self, request: Request) -> Answer:
        with self._lock:
            self.requests.append(request)
        try:
            return (self.before and self.before(request)) or self.answer(request)
        except Exception as error:
            self.failures.append(error)
            return Answer.error(500, "test.callable.failed", repr(error))

    def _send(self, conn: socket.socket, answer: Answer) -> bool:
        """Play the steps; tell whether the connection stays."""
        for step in answer.steps():
            if isinstance(step, bytes):
                conn.sendall(step)
            elif isinstance(step, End):
                if step is RESET:
                    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                return False
            elif self._stop.wait(step):
                return False
        return True

    def _talk(self, conn: socket.socket) -> None:
        """Serve one connection until either side ends it."""
        try:
            with conn:
                conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                buffer = bytearray()
                while request := _read_request(conn, buffer):
                    if not self._send(conn, self._reply(request)):
                        break
                    if request.headers.get("connection", "").lower() == "close":
                        break
        except OSError:
            pass  # the client went away
        except Exception as error:  # a step that raises, or a client that does not speak HTTP
            self.failures.append(error)
        finally:
            with self._lock:
                self._open.pop(threading.current_thread(), None)

    def _listen(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._wake[0], selectors.EVENT_READ)
            while not any(key.fileobj is self._wake[0] for key, _ in selector.select()):
                with contextlib.suppress(OSError):
                    conn, _ = self._listener.accept()
                    thread = threading.Thread(target=self._talk, args=(conn,), name="service", daemon=True)
                    with self._lock:
                        self.connections += 1
                        self._open[thread] = conn
                    thread.start()

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._wake = socket.socketpair()
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"
        self._thread = threading.Thread(target=self._listen, name="service", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: object, *rest: object) -> None:
        self.close()
        if self.failures and kind is None:
            raise self.failures[0]

    def close(self) -> None:
        """Stop listening and hang up on everybody; the port then refuses."""
        if self._stop.is_set():
            return
        self._stop.set()
        self._wake[1].send(b"x")
        self._thread.join(5)
        with self._lock:
            still_open = dict(self._open)
        for conn in still_open.values():
            with contextlib.suppress(OSError):  # already closed by its own thread
                conn.shutdown(socket.SHUT_RDWR)
        for thread in still_open:
            thread.join(5)
        for sock in (self._listener, *self._wake):
            sock.close()
        stuck = [thread for thread in (self._thread, *still_open) if thread.is_alive()]
        if stuck:
            raise RuntimeError(f"{len(stuck)} threads of the service did not end: does a callable wait?")


# --- rows ----------------------------------------------------------------------------------------
# Exactly the documented fields; `changes` replace or add some, and ABSENT takes one away.

CAMPAIGN = "1100000000001"
DATE = "2026-03-02T15:04:05.678Z"


def _changed(row: Row, changes: Row) -> Row:
    return {name: value for name, value in (row | changes).items() if value is not ABSENT}


def _event(kind: str, contact: Any, campaign: Any, date: Any, extra: Row, changes: Row) -> Row:
    head = {"activity_type": kind, "campaign_id": campaign, "contact_id": contact}
    email = {"email_address": f"person{contact}@example.org"}
    return _changed({**head, **email, **extra, DATE_FIELDS[kind]: date}, changes)


def send(contact: Any = "36", campaign: Any = CAMPAIGN, date: Any = DATE, **changes: Any) -> Row:
    """Make one send."""
    return _event("EMAIL_SEND", contact, campaign, date, {}, changes)


def open_(contact: Any = "36", campaign: Any = CAMPAIGN, date: Any = DATE, **changes: Any) -> Row:
    """Make one open."""
    return _event("EMAIL_OPEN", contact, campaign, date, {}, changes)


def click(contact: Any = "36", campaign: Any = CAMPAIGN, date: Any = DATE, **changes: Any) -> Row:
    """Make one click."""
    link = {"link_id": "1100000000101", "link_uri": "https://shop.example.org/1"}
    return _event("EMAIL_CLICK", contact, campaign, date, link, changes)


def forward(contact: Any = "36", campaign: Any = CAMPAIGN, date: Any = DATE, **changes: Any) -> Row:
    """Make one forward."""
    return _event("EMAIL_FORWARD", contact, campaign, date, {}, changes)


def bounce(contact: Any = "36", campaign: Any = CAMPAIGN, date: Any = DATE, **changes: Any) -> Row:
    """Make one bounce."""
    why = {"bounce_code": "B", "bounce_description": "Non-existent address", "bounce_message": ""}
    return _event("EMAIL_BOUNCE", contact, campaign, date, why, changes)


def unsubscribe(contact: Any = "36", campaign: Any = CAMPAIGN, date: Any = DATE, **changes: Any) -> Row:
    """Make one unsubscribe."""
    why = {"unsubscribe_source": "ACTION_BY_CONTACT", "unsubscribe_reason": ""}
    return _event("EMAIL_UNSUBSCRIBE", contact, campaign, date, why, changes)


def contact(ident: Any = "36", **changes: Any) -> Row:
    """Make one contact object."""
    address = {
        "id": f"00000000-0000-4000-8000-{int(ident):012d}",
        "email_address": f"person{ident}@example.org",
        "status": "ACTIVE",
        "confirm_status": "NO_CONFIRMATION_REQUIRED",
        "opt_in_source": "ACTION_BY_OWNER",
        "opt_in_date": "2024-01-05T09:00:00.000Z",
        "opt_out_date": "",
    }
    names = ("prefix_name", "middle_name", "job_title", "home_phone", "work_phone", "cell_phone", "fax")
    row = {
        "id": ident,
        "status": "ACTIVE",
        **dict.fromkeys(names, ""),
        "first_name": "Ada",
        "last_name": f"Person {ident}",
        "company_name": "Example Ltd",
        "confirmed": False,
        "source": "Import",
        "source_details": "",
        "created_date": "2024-01-05T09:00:00.000Z",
        "modified_date": "2026-02-01T09:00:00.000Z",
        "email_addresses": [address],
        "addresses": [],
        "lists": [{"id": "1", "status": "ACTIVE"}],
        "custom_fields": [],
        "notes": [],
    }
    return _changed(row, changes)


def contact_list(ident: Any = "1", **changes: Any) -> Row:
    """Make one list object."""
    row = {
        "id": ident,
        "name": f"List {ident}",
        "status": "ACTIVE",
        "contact_count": 0,
        "created_date": "2023-06-01T08:00:00.000Z",
        "modified_date": "2026-01-01T08:00:00.000Z",
    }
    return _changed(row, changes)


def campaign(ident: Any = CAMPAIGN, **changes: Any) -> Row:
    """Make one row of the campaign collection: four fields, no more."""
    row = {"id": ident, "name": f"Campaign {ident}", "status": "SENT", "modified_date": DATE}
    return _changed(row, changes)


def link(number: int = 1, clicks: int = 0, **changes: Any) -> Row:
    """Make one entry of `click_through_details`."""
    uri, uid = f"https://shop.example.org/{number}", str(1100000000100 + number)
    return _changed({"url": uri, "url_uid": uid, "click_count": clicks}, changes)


def campaign_summary(**changes: Any) -> Row:
    """Make one campaign summary: no id in it, and the undocumented `spam_count`."""
    names = ("sends", "opens", "clicks", "forwards", "unsubscribes", "bounces", "spam_count")
    return _changed(dict.fromkeys(names, 0), changes)


def campaign_detail(ident: Any = CAMPAIGN, **changes: Any) -> Row:
    """Make one campaign object of a sent campaign."""
    row = campaign(ident) | {
        "subject": "News of the week",
        "from_name": "Example Shop",
        "from_email": "news@example.org",
        "reply_to_email": "news@example.org",
        "template_type": "CUSTOM",
        "created_date": "2026-02-20T10:00:00.000Z",
        "last_run_date": DATE,
        "next_run_date": ABSENT,
        "permalink_url": f"https://news.example.org/{ident}",
        "is_permission_reminder_enabled": False,
        "permission_reminder_text": "",
        "is_view_as_webpage_enabled": False,
        "view_as_web_page_text": "",
        "view_as_web_page_link_text": "",
        "greeting_salutations": "Dear",
        "greeting_name": "FIRST_NAME",
        "greeting_string": "",
        "email_content": "<html><body>Hello</body></html>",
        "text_content": "Hello",
        "email_content_format": "HTML",
        "style_sheet": "",
        "message_footer": {"organization_name": "Example Shop", "city": "Springfield", "country": "US"},
        "tracking_summary": campaign_summary(),
        "sent_to_contact_lists": [{"id": "1"}],
        "click_through_details": [link()],
    }
    return _changed(row, changes)


def contact_summary(contact: Any = "36", **changes: Any) -> Row:
    """Make the summary of one contact."""
    names = ("sends", "opens", "clicks", "forwards", "unsubscribes", "bounces")
    return _changed({**dict.fromkeys(names, 0), "contact_id": contact}, changes)


def contact_campaign_summary(contact: Any = "36", campaign: Any = CAMPAIGN, **changes: Any) -> Row:
    """Make one element of a contact's summary by campaign."""
    counts = dict.fromkeys(("opens", "clicks", "forwards", "bounces"), 0)
    return _changed({"campaign_id": campaign, "contact_id": contact, **counts}, changes)


# --- a small whole account -----------------------------------------------------------------------

KINDS = {
    "sends": "EMAIL_SEND",
    "opens": "EMAIL_OPEN",
    "clicks": "EMAIL_CLICK",
    "forwards": "EMAIL_FORWARD",
    "bounces": "EMAIL_BOUNCE",
    "unsubscribes": "EMAIL_UNSUBSCRIBE",
}


@dataclass(frozen=True)
class Account:
    """The truth behind a loaded service: ids as text, every event once, newest first."""

    contacts: tuple[str, ...] = ("36", "37", "41")
    quiet: str = "41"  # the contact without any activity
    lists: tuple[str, ...] = ("1", "2")
    members: Mapping[str, tuple[str, ...]] = field(default_factory=lambda: {"1": ("36", "37"), "2": ("36", "41")})
    sent: tuple[str, ...] = ("1100000000002", "1100000000001")
    draft: str = "1100000000003"
    links: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    events: tuple[Row, ...] = ()

    def of(self, report: str | None = None, *, contact: str | None = None, campaign: str | None = None) -> list[Row]:
        """Events of one report (`"clicks"`, ...), one contact, one campaign, newest first."""
        wanted = {"activity_type": KINDS[report] if report else None}
        wanted |= {"contact_id": contact, "campaign_id": campaign}
        return [
            row
            for row in self.events
            if all(value is None or str(row[name]) == value for name, value in wanted.items())
        ]


def _account_events(odd: bool) -> tuple[Row, ...]:
    newer, older = Account.sent
    second = {"link_id": "1100000000102", "link_uri": "https://shop.example.org/ü?q=ß&x=1#top"}
    other = {"link_id": "1100000000113", "link_uri": "https://shop.example.org/13"}
    rows = [
        send("36", older, "2026-03-02T15:00:00.120Z"),
        send("37", older, "2026-03-02T15:00:00.120Z"),  # one bulk send, one millisecond
        bounce("37", older, "2026-03-02T15:00:09Z", bounce_code="F", bounce_description="Mailbox full"),
        open_("36", older, "2026-03-02T15:05:00.000Z"),
        click("36", older, "2026-03-02T15:06:10.500Z"),
        open_("36", older, "2026-03-02T16:30:00+01:00"),
        click("36", older, "2026-03-02T16:30:20.250+01:00", **second),
        click("36", older, "2026-03-02T10:40:00.007-05:00"),
        forward("36", older, "2026-03-02T16:00:00Z"),
        send("36", newer, "2026-03-09T15:00:00.000Z"),
        send("37", newer, "2026-03-09T15:00:00.001Z"),
        bounce("37", newer, "2026-03-09T15:00:30.000Z", bounce_code="V", bounce_message="Ich bin im Urlaub 🏖"),
        open_("37", newer, "2026-03-10T08:00:00Z"),
        open_("36", newer, "2026-03-10T09:00:00.000Z"),
        click("36", newer, "2026-03-10T09:00:30.000Z", **other),
        unsubscribe("36", newer, "2026-03-10T09:05:00.000Z", unsubscribe_reason="zu häufig, 太多了"),
    ]
    if odd:
        rows[4] |= {"device": {"name": "phone", "screens": [1, 2]}}  # fields nobody told us about
        rows[5] |= {"contact_id": 36}
        rows[11] |= {"bounce_code": "N"}
        rows[15] |= {"unsubscribe_source": "ACTION_BY_ROBOT", "campaign_id": int(newer)}
    return tuple(sorted(rows, key=lambda row: -_milliseconds(row_moment(row))))


def _contact_status(row: Row, asked: dict[str, str]) -> bool:
    emails = [entry["email_address"] for entry in row["email_addresses"]]
    wanted = asked.get("status", "ALL")
    return wanted in ("ALL", row["status"]) and asked.get("email", emails[0]) in emails


def _campaign_status(row: Row, asked: dict[str, str]) -> bool:
    wanted = asked.get("status", "ALL")
    return row["status"] == wanted or (wanted == "ALL" and row["status"] != "DELETED")


def account(svc: Service, *, odd: bool = True, **paging: Any) -> Account:
    """Load three contacts, two sent campaigns, a draft and two lists on every documented v2 path.

    `odd` adds what real answers have: ids as numbers, unknown codes, unknown fields. `paging`
    (`page_size`, `scheme`, `overlap`, ...) goes to every event report.
    """
    links = {
        Account.sent[1]: [link(number) for number in range(1, 13)],
        Account.sent[0]: [link(number) for number in (13, 14)],
    }
    links[Account.sent[1]][1]["url"] = "https://shop.example.org/ü?q=ß&x=1#top"
    acc = Account(
        links={ident: tuple(entry["url_uid"] for entry in found) for ident, found in links.items()},
        events=_account_events(odd),
    )
    for found in links.values():
        for entry in found:
            entry["click_count"] = sum(row["link_id"] == entry["url_uid"] for row in acc.of("clicks"))
    _load_contacts(svc, acc, odd, paging)
    _load_lists(svc, acc, odd)
    _load_campaigns(svc, acc, odd, links, paging)
    return acc


def _contact_objects(acc: Account, odd: bool) -> list[Row]:
    people = [
        contact("36", first_name="José", last_name="Ångström", modified_date="2026-03-10T09:05:00.000Z"),
        contact("37", first_name="Zoë 🌻", last_name="山田", company_name="", modified_date="2026-02-02T09:00:00Z"),
        contact("41", first_name="", last_name="O'Neill", modified_date="2026-01-01T01:00:00+01:00"),
    ]
    for person in people:
        on = [ident for ident in acc.lists if person["id"] in acc.members[ident]]
        person["lists"] = [{"id": ident, "status": "ACTIVE"} for ident in on]
    if odd:
        people[1] |= {"id": 37, "score": 0.5}
        people[2] |= {"status": "PENDING_REVIEW"}
    return people


def _load_contacts(svc: Service, acc: Account, odd: bool, paging: Row) -> None:
    """C1 to C9, H1 and H2. Paths that only some clients know are left out: nobody may rely on them."""
    people = _contact_objects(acc, odd)
    svc.rows("/v2/contacts", people, where=_contact_status)
    for person in people:
        ident = str(person["id"])
        base = f"/v2/contacts/{ident}"
        svc.json(base, person)
        svc.rows(f"{base}/tracking", acc.of(contact=ident), **paging)
        for report in KINDS:
            svc.rows(f"{base}/tracking/{report}", acc.of(report, contact=ident), **paging)
        counts = {report: len(acc.of(report, contact=ident)) for report in KINDS}
        svc.json(f"{base}/tracking/reports/summary", contact_summary(ident, **counts))
        svc.json(
            f"{base}/tracking/reports/summaryByCampaign",
            [
                contact_campaign_summary(
                    ident,
                    each,
                    opens=len(acc.of("opens", contact=ident, campaign=each)),
                    # documented as unique link clicks
                    clicks=len({row["link_id"] for row in acc.of("clicks", contact=ident, campaign=each)}),
                    forwards=len(acc.of("forwards", contact=ident, campaign=each)),
                    bounces=len(acc.of("bounces", contact=ident, campaign=each)),
                )
                for each in acc.sent
                if acc.of("sends", contact=ident, campaign=each)
            ],
        )


def _load_lists(svc: Service, acc: Account, odd: bool) -> None:
    """H3 to H5."""
    people = _contact_objects(acc, odd)
    lists = [
        contact_list("1", name="Général ★", contact_count=len(acc.members["1"])),
        contact_list(
            "2",
            name="VIP",
            status="HIDDEN",
            contact_count=len(acc.members["2"]),
            modified_date="2026-02-01T08:00:00Z",
        ),
    ]
    if odd:
        lists[1] |= {"id": 2, "opt_in_default": False}

    def collection(request: Request) -> Answer:
        since = moment(request.query.get("modified_since", ["0001-01-01"])[0])
        if since is None:
            return Answer.error(400)
        return Answer.json([entry for entry in lists if (row_moment(entry) or since) >= since])

    svc.on("/v2/lists", collection)
    for entry in lists:
        ident = str(entry["id"])
        svc.json(f"/v2/lists/{ident}", entry)
        members = [person for person in people if str(person["id"]) in acc.members[ident]]
        svc.rows(f"/v2/lists/{ident}/contacts", members)


def _campaign_row(row: Row, odd: bool) -> Row:
    """The same event as campaign reports show it: no link address, the campaign's id often a number."""
    plain = {name: value for name, value in row.items() if name != "link_uri"}
    plain["campaign_id"] = int(row["campaign_id"]) if odd else str(row["campaign_id"])
    return plain


def _load_campaigns(svc: Service, acc: Account, odd: bool, links: Mapping[str, list[Row]], paging: Row) -> None:
    """E1 to E8, H6 and H7."""
    dates = {
        acc.draft: "2026-03-12T12:00:00.000Z",
        acc.sent[0]: "2026-03-09T14:59:00.000Z",
        acc.sent[1]: "2026-03-02T14:59:00.000Z",
    }
    names = {acc.draft: "Entwurf", acc.sent[0]: "März — neu", acc.sent[1]: "Spring 🌱 news"}
    rows = []
    for ident, date in dates.items():
        status = "DRAFT" if ident == acc.draft else "SENT"
        rows.append(campaign(ident, name=names[ident], status=status, modified_date=date))
        summary = campaign_summary(
            sends=len(acc.of("sends", campaign=ident)),
            bounces=len(acc.of("bounces", campaign=ident)),
            # these count recipients, not events
            **{
                report: len({str(row["contact_id"]) for row in acc.of(report, campaign=ident)})
                for report in ("opens", "clicks", "forwards", "unsubscribes")
            },
        )
        parts = ("last_run_date", "permalink_url", "sent_to_contact_lists", "click_through_details")
        ran = dict.fromkeys(parts, ABSENT)
        if status == "SENT":
            ran = {"last_run_date": date, "click_through_details": links[ident]}
            ran["sent_to_contact_lists"] = [{"id": 1 if odd else "1"}]
        detail = campaign_detail(ident, **(rows[-1] | {"tracking_summary": summary, "subject": names[ident]} | ran))
        base = f"/v2/emailmarketing/campaigns/{ident}"
        svc.json(base, detail)
        svc.json(f"{base}/tracking/reports/summary", summary)
        for report in KINDS:
            found = [_campaign_row(row, odd) for row in acc.of(report, campaign=ident)]
            if report == "bounces":
                found.reverse()  # the one report that captures show oldest first
            svc.rows(f"{base}/tracking/{report}", found, **paging)
        for entry in links.get(ident, []):
            clicks = [row for row in acc.of("clicks", campaign=ident) if row["link_id"] == entry["url_uid"]]
            svc.rows(
                f"{base}/tracking/clicks/{entry['url_uid']}",
                [_campaign_row(row, odd) for row in clicks],
                **paging,
            )
    if odd:
        rows[1]["id"] = int(rows[1]["id"])
        rows[2]["campaign_kind"] = {"unknown": True}
    svc.rows("/v2/emailmarketing/campaigns", rows, where=_campaign_status, maximum=50)
