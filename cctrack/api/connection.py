"""The last step before the socket: gate, credentials and a deadline that a slow drip cannot stretch.

Credentials join a request here and nowhere above: what urllib3 logs, what requests keeps and what an exception
carries is the request without them.
"""

import logging
import socket
import threading
from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote, urlsplit

from requests import PreparedRequest, Response, Session
from requests.adapters import HTTPAdapter
from requests.auth import AuthBase
from requests.cookies import RequestsCookieJar
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.connectionpool import HTTPConnectionPool, HTTPSConnectionPool

from cctrack.api.credentials import Secret
from cctrack.errors import NetworkError


class TokenSource(Protocol):
    """Gives the access token, where it is not one for good.

    Attributes
    ----------
    owner : str
        Names the login and tells nothing of it; the same in other processes, another one after another login.
    """

    owner: str

    def ready(self) -> None:
        """Have a token that lasts; called before each request, while no connection is held."""
        ...

    def current(self) -> Secret:
        """Give the token at hand."""
        ...

    def renew(self, refused: Secret) -> None:
        """Have another token than the one that was refused.

        Raises
        ------
        AuthError
            When there is none; says what to do.
        """
        ...

    def secrets(self) -> Iterable[Secret]:
        """Give all that is to be blanked in answers and errors."""
        ...


@dataclass(frozen=True)
class Credentials:
    """What a dialect adds to each request.

    Attributes
    ----------
    query : dict of str to Secret
        Parameters of the address.
    bearer : Secret or None
        Token of the Authorization header.
    body : Secret or None
        What is posted, where that is a secret too.
    source : TokenSource or None
        Gives the token in the place of `bearer`.
    """

    query: dict[str, Secret] = field(default_factory=dict)
    bearer: Secret | None = None
    body: Secret | None = None
    source: TokenSource | None = None

    def __iter__(self) -> Any:
        yield from self.query.values()
        if self.source is not None:
            yield from self.source.secrets()
        if self.bearer is not None:
            yield self.bearer

    def token(self) -> Secret | None:
        """Give the token that a request is to carry now."""
        return self.bearer if self.source is None else self.source.current()

    def address(self, url: str) -> str:
        """Give the address with the parameters in it."""
        for name, secret in self.query.items():
            url += f"{'&' if '?' in url else '?'}{name}={quote(secret.reveal(), safe='')}"
        return url


class Deadline(AbstractContextManager["Deadline"]):
    """Cuts a connection when an answer takes too long, whatever trickles in.

    A time-out of requests starts anew with every byte; this one does not.

    Attributes
    ----------
    passed : bool
        Whether the connection was cut.
    """

    _of_thread = threading.local()

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.passed = False
        self._timer: threading.Timer | None = None

    def __enter__(self) -> "Deadline":
        self._of_thread.now = self
        return self

    def __exit__(self, *_: object) -> None:
        self._of_thread.now = None
        if self._timer is not None:
            self._timer.cancel()
            # Now the thread is its own last owner. What Python runs at a thread's end would run in the caller's thread
            # otherwise, and a Ctrl-C that falls there gets lost.
            self._timer = None

    @classmethod
    def watch(cls, sock: socket.socket) -> None:
        """Start the time for this thread's request, now that its turn has come."""
        if (now := getattr(cls._of_thread, "now", None)) is not None:
            now._timer = threading.Timer(now.seconds, now._cut, [sock])
            now._timer.daemon = True
            now._timer.start()

    @classmethod
    def running(cls) -> bool:
        """Tell whether a request of ours is under way in this thread."""
        return getattr(cls._of_thread, "now", None) is not None

    def _cut(self, sock: socket.socket) -> None:
        self.passed = True
        try:
            socket.socket.shutdown(sock, socket.SHUT_RDWR)  # a TLS socket's own would drop its state first
        except OSError:
            return  # closed meanwhile


class _NoQuoting(logging.Filter):
    """Keeps from the log the headers of ours that urllib3 cannot read: they may be an echo of the credentials."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not Deadline.running()


logging.getLogger("urllib3.connection").addFilter(_NoQuoting())


class _Guarded:
    """Mixed into urllib3's connections."""

    gate: Callable[[], None]
    credentials: Credentials
    sock: Any

    def putrequest(self, method: str, url: str, *args: Any, **kwargs: Any) -> None:
        # Connected first: the turn is taken when the request itself can leave at once.
        if self.sock is None:
            self.connect()  # type: ignore[attr-defined]
        self.gate()
        Deadline.watch(self.sock)
        # In this step, not in `request`: urllib3 keeps the address that `request` was given.
        self._clean(super().putrequest, method, self.credentials.address(url), *args, **kwargs)  # type: ignore[misc]
        if (bearer := self.credentials.token()) is not None:
            self.putheader("Authorization", f"Bearer {bearer.reveal()}")  # type: ignore[attr-defined]

    def endheaders(self, message_body: bytes | None = None, **kwargs: Any) -> None:
        self._clean(self._end, message_body, **kwargs)

    def _end(self, posted: bytes | None, **kwargs: Any) -> None:
        if (own := self.credentials.body) is not None:
            posted = own.reveal().encode()
        super().endheaders(posted, **kwargs)  # type: ignore[misc]

    @staticmethod
    def _clean(step: Callable[..., None], *args: Any, **kwargs: Any) -> None:
        failure: BaseException | None = None
        try:
            step(*args, **kwargs)
        except BaseException as error:
            failure = _without_traces(error)
        if failure is not None:
            del step, args
            raise failure


def _without_traces(error: BaseException) -> BaseException:
    """Make the error anew: the old one's traceback holds frames that know the credentials."""
    if isinstance(error, OSError):
        return type(error)(*error.args)
    if isinstance(error, (KeyboardInterrupt, SystemExit)):
        return type(error)()
    return ConnectionError(f"the request could not be sent ({type(error).__name__})")


class _NoCredentials(AuthBase):
    """Keeps requests from taking a password out of ~/.netrc, which would replace the bearer token."""

    def __call__(self, request: PreparedRequest) -> PreparedRequest:
        return request


class GuardedAdapter(HTTPAdapter):
    """Sends to one origin only, through connections that are gated and add the credentials.

    Parameters
    ----------
    origin
        Scheme, host and port that may be asked.
    gate
        Called before each request leaves; it waits for the request's turn.
    credentials
        What to add.
    """

    def __init__(self, origin: str, gate: Callable[[], None], credentials: Credentials) -> None:
        self._origin = origin
        members = {"gate": staticmethod(gate), "credentials": credentials}
        plain = type("_Connection", (_Guarded, HTTPConnection), members)
        tls = type("_TlsConnection", (_Guarded, HTTPSConnection), members)
        self._pools = {
            "http": type("_Pool", (HTTPConnectionPool,), {"ConnectionCls": plain}),
            "https": type("_TlsPool", (HTTPSConnectionPool,), {"ConnectionCls": tls}),
        }
        # No retries here: urllib3's would pass neither the gate's count nor our deadline.
        super().__init__(max_retries=0)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """Make the pools of direct connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = self._pools

    def proxy_manager_for(self, *args: Any, **kwargs: Any) -> Any:
        """Make the pools of connections through a proxy."""
        manager = super().proxy_manager_for(*args, **kwargs)
        manager.pool_classes_by_scheme = self._pools
        return manager

    def send(self, request: PreparedRequest, *args: Any, **kwargs: Any) -> Response:
        """Send, if it is for the one origin."""
        asked = urlsplit(request.url or "")
        if f"{asked.scheme}://{asked.netloc}" != self._origin:
            raise NetworkError("a request to another host than the session's was refused; nothing was sent")
        return super().send(request, *args, **kwargs)


def guarded_session(origin: str, gate: Callable[[], None], credentials: Credentials, *, loopback: bool) -> Session:
    """Make the requests session of one origin.

    Parameters
    ----------
    origin
        Scheme, host and port.
    gate
        See `GuardedAdapter`.
    credentials
        See `GuardedAdapter`.
    loopback
        Whether the host is this machine, which no proxy stands before.
    """
    session = Session()
    session.trust_env = not loopback
    session.auth = _NoCredentials()
    session.headers.clear()
    # gzip alone: what else requests would accept depends on what is installed.
    session.headers.update({"Accept": "application/json", "Accept-Encoding": "gzip", "User-Agent": "cctrack"})
    session.cookies = _NoCookies()
    adapter = GuardedAdapter(origin, gate, credentials)
    session.adapters.clear()
    session.mount(f"{origin}/", adapter)
    return session


class _NoCookies(RequestsCookieJar):
    """Keeps no cookie: the API needs none, and one would be a secret more."""

    def set_cookie(self, cookie: Any, *args: Any, **kwargs: Any) -> None:
        """Forget it."""
