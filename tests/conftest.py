"""What every test stands on: no outside network, no settings from outside, no session left over."""

import ipaddress
import os
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from clock import Clock
from service import Service

_refused: list[str] = []
# Nobody's own keyring: what is found instead keeps nothing, as on a machine without one.
os.environ["PYTHON_KEYRING_BACKEND"] = "keyring.backends.fail.Keyring"
# What a shell starts in the background ignores Ctrl-C, and hands that on; tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)


class OutsideNetworkError(RuntimeError):
    """A test reached for an address that is not loopback."""

    # No OSError on purpose: HTTP libraries would turn that into an ordinary network error.


def _is_loopback(host: Any) -> bool:
    """Tell whether this name or address means the machine itself."""
    if isinstance(host, bytes):
        host = host.decode("ascii", "replace")
    # Programs look up the machine's own name; connecting to what that gives is checked again.
    if host in (None, "localhost", socket.gethostname()):
        return True
    try:
        return ipaddress.ip_address(str(host).partition("%")[0]).is_loopback
    except ValueError:
        return False


def _check(host: Any, what: str) -> None:
    if not _is_loopback(host):
        _refused.append(str(host))
        raise OutsideNetworkError(f"a test tried to {what} {host!r}; tests talk to loopback only")


@pytest.fixture(scope="session", autouse=True)
def _loopback_only() -> Iterator[None]:
    """Guard the doors of the socket module; what passes is the real thing."""
    connect, connect_ex = socket.socket.connect, socket.socket.connect_ex
    lookups = {name: getattr(socket, name) for name in ("getaddrinfo", "gethostbyname", "gethostbyname_ex")}

    def target(sock: socket.socket, address: Any) -> None:
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            _check(address[0], "connect to")

    def guarded_connect(sock: socket.socket, address: Any) -> None:
        target(sock, address)
        return connect(sock, address)

    def guarded_connect_ex(sock: socket.socket, address: Any) -> int:
        target(sock, address)
        return connect_ex(sock, address)

    def guarded(name: str) -> Any:
        def lookup(host: Any, *args: Any, **kwargs: Any) -> Any:
            _check(host, "look up")
            return lookups[name](host, *args, **kwargs)

        return lookup

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded_connect)
        patch.setattr(socket.socket, "connect_ex", guarded_connect_ex)
        for name in lookups:
            patch.setattr(socket, name, guarded(name))
        yield


@pytest.fixture(autouse=True)
def refused() -> Iterator[list[str]]:
    """Outside hosts refused in this test; any left in the list fails it, even if the error was swallowed."""
    _refused.clear()
    yield _refused
    left, _refused[:] = list(_refused), []
    if left:
        pytest.fail(f"reached for outside addresses: {left}")


@pytest.fixture
def tmp_cache(tmp_path: Path) -> Path:
    """Give the cache folder of this test; not created yet, so that the library makes it."""
    return tmp_path / "cache"


@pytest.fixture(autouse=True)
def _clean_settings(tmp_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Start without the developer's settings and end without a default session."""
    for name in list(os.environ):
        # A proxy of the developer's machine would take the place of the loopback server.
        if name.startswith("CCTRACK_") or name.lower() in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("CCTRACK_CACHE_DIR", str(tmp_cache))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_cache.parent / "config"))  # where logins are stored
    monkeypatch.setenv("CCTRACK_PROGRESS", "0")
    yield
    session: Any = sys.modules.get("cctrack.api.session")  # only if a test imported it
    forget = getattr(session, "forget_default", None)
    if forget is not None:
        forget()
    elif session is not None:
        session._default = None


@pytest.fixture
def service() -> Iterator[Service]:
    """Serve somebody else's account on loopback, empty as yet."""
    with Service() as running:
        yield running


@pytest.fixture
def clock() -> Clock:
    """Give a clock that only moves when told to."""
    return Clock()
