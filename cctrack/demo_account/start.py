"""Runs the demo account in the background and connects to it."""

import atexit
import threading
from typing import Any, Literal

from cctrack.api import session as sessions
from cctrack.api import settings
from cctrack.api.credentials import Secret
from cctrack.demo_account.account import GENERATOR_VERSION, generate
from cctrack.demo_account.server import DemoServer
from cctrack.errors import ConfigError

# The demo account guards nothing: these are as public as its figures.
API_KEY = "demo-key-of-nobody"
ACCESS_TOKEN = "demo-token-of-nobody"  # noqa: S105
_MOST_CONTACTS = 200_000  # above that the generator needs gigabytes

_servers: dict[tuple[int, int], DemoServer] = {}
_counted: set[str] = set()  # accounts whose calls of the day were begun anew
_lock = threading.Lock()


def demo(
    api: Literal["v2", "v3"] = "v2", *, contacts: int = 2000, seed: int = 0, rate: float = 200.0, **unknown: Any
) -> sessions.Session:
    """Connect to an embedded account, for which no credentials are needed; the session becomes the default one.

    The account is made up from `seed` and stands at a fixed instant: its figures are the same in every process.
    A server on this machine alone speaks the service's API for it until the process ends, and everything works as
    with a real account, the cache and the limits included.

    Parameters
    ----------
    api
        Dialect it is to speak. The people, the mail and what became of it are the same in both; ids are not, and
        in v3 a second mailing is part of the first one's campaign.
    contacts
        How many contacts it has.
    seed
        Another account for another number.
    rate
        Requests a second.

    Returns
    -------
    Session
        Its cache belongs to `(api, contacts, seed)`: the next process finds it warm.

    Raises
    ------
    ConfigError
        When an argument is unknown or out of range.
    """
    settings.refuse_unknown(unknown, ("api", "contacts", "seed", "rate"), "demo(): the argument")
    if (dialect := sessions._DIALECTS.get(str(api))) is None:
        raise ConfigError(f"the demo account speaks 'v2' and 'v3', not {api!r}")
    _check(contacts, "contacts", 1, _MOST_CONTACTS)
    _check(seed, "seed", 0, 2**32 - 1)
    chosen = settings.settle(
        {"api": api, "api_key": Secret(API_KEY), "access_token": Secret(ACCESS_TOKEN), "rate": rate}
    )
    server = _server(contacts, seed)
    name = f"demo-{api}-{contacts}-{seed}-{GENERATOR_VERSION}"
    session = sessions.assembled(dialect, server.url, sessions.Account(name, name), chosen, loopback=True)
    with _lock:
        if name not in _counted:
            _counted.add(name)
            session.ledger.forget()
    return sessions.made_default(session)


def _check(given: object, what: str, least: int, most: int) -> None:
    if isinstance(given, bool) or not isinstance(given, int) or not least <= given <= most:
        raise ConfigError(f"{what} is {given!r}; pass a whole number from {least:,} to {most:,}")


def _server(contacts: int, seed: int) -> DemoServer:
    """Give the process's server of an account."""
    with _lock:
        if (contacts, seed) not in _servers:
            account = generate(contacts=contacts, seed=seed)
            server = DemoServer(account, api_key=API_KEY, access_token=ACCESS_TOKEN).start()
            _servers[contacts, seed] = server
            atexit.register(server.stop)
        return _servers[contacts, seed]
