"""Stored logins: the tokens in the keyring where there is a real one, else in a file that only its owner can read."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal

import msgspec
from filelock import FileLock, Timeout
from platformdirs import user_config_path

from cctrack.api.credentials import Secret
from cctrack.api.folder import FILE_MODE, private_folder
from cctrack.errors import CctrackError

_SERVICE = "cctrack"
_LOCK_WAIT = 90.0  # seconds: another process may be at a renewal, with its tries
_PUTS, _PUT_AGAIN = 20, 0.05  # tries, and seconds between them
_REAL = 1  # priority of a keyring that keeps secrets; keyring's own stand-ins for a missing one have 0 and less


@dataclass(frozen=True)
class Tokens:
    """What the authorisation server gives.

    Attributes
    ----------
    access : Secret or None
        Goes with each request; None where only the other one could be kept.
    refresh : Secret or None
        Gets the next ones; None where the server gave none.
    renew_at : float
        When the first one is to be renewed, shortly before it expires; seconds since 1970.
    """

    access: Secret | None
    refresh: Secret | None
    renew_at: float


@dataclass(frozen=True)
class Login:
    """A stored login.

    Attributes
    ----------
    client_id : Secret
        Of the application; the portal calls it the API key.
    profile : str or None
        The user's name for it.
    owner : str
        Names this login; another one of the same application has another.
    auth_url, api_url : str
        Who gave the tokens, and who may be shown them.
    tokens : Tokens
        Not in the file if they are kept in the keyring.
    kept : {"keyring", "file"}
        Where they are.
    renewing_since : float or None
        When a renewal began whose answer was not written down; None if none is open.
    ended : str or None
        Why the login cannot be renewed any more.
    """

    client_id: Secret
    profile: str | None
    owner: str
    auth_url: str
    api_url: str
    tokens: Tokens
    kept: Literal["keyring", "file"] = "file"
    renewing_since: float | None = None
    ended: str | None = None

    @property
    def name(self) -> str:
        """Name of its file: the same for the same application, hosts and profile; tells none of them."""
        parts = (self.auth_url, self.api_url, self.client_id.reveal(), self.profile or "")
        return blake2b("\n".join(parts).encode(), digest_size=8, person=b"cctrack").hexdigest()


def folder() -> Path:
    """Give the folder of the stored logins."""
    return user_config_path("cctrack", appauthor=False) / "logins"


def every() -> list[Login]:
    """Read all that are stored, but not what is in the keyring: it may ask its owner for each entry."""
    found = [_noted(path.stem) for path in sorted(folder().glob("*.json"))]
    return [login for login in found if login is not None]


def read(name: str) -> Login | None:
    """Read one with its tokens; None where there is none, or none that can be read."""
    login = _noted(name)
    if login is not None and login.kept == "keyring":
        login = replace(login, tokens=_from_keyring(name))
    return login


def _noted(name: str) -> Login | None:
    try:
        return msgspec.json.decode(_path(name).read_bytes(), type=Login, dec_hook=_hidden)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        return None


def write(login: Login) -> Login:
    """Store a login with its tokens, so that after a crash at any moment the old ones or the new ones are there.

    Parameters
    ----------
    login
        `kept` says where its tokens are to be; the keyring may refuse them.

    Returns
    -------
    Login
        As it is stored: `kept` is "file" where the keyring refused them.

    Raises
    ------
    CctrackError
        When it cannot be stored at all.
    """
    if login.kept == "keyring" and not _to_keyring(login):
        _forget_in_keyring(login.name)
        login = replace(login, kept="file")
    return note(login)


def note(login: Login) -> Login:
    """Store what there is to know of a login, but leave the tokens in the keyring as they are.

    Raises
    ------
    CctrackError
        When it cannot be stored.
    """
    shown = replace(login, tokens=Tokens(None, None, 0.0)) if login.kept == "keyring" else login
    try:
        _replace(_path(login.name), Secret(msgspec.json.encode(shown, enc_hook=Secret.reveal).decode()))
    except OSError as error:
        failed = CctrackError(
            f"the login could not be written to {folder()} ({error.strerror}); make it writable and log in again"
        )
    else:
        return login
    raise failed


def remove(login: Login) -> None:
    """Remove one, from the keyring too."""
    with locked(login.name):
        if login.kept == "keyring":
            _forget_in_keyring(login.name)
        for suffix in (".json", ".new"):
            _path(login.name).with_suffix(suffix).unlink(missing_ok=True)


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Let no other process change a login meanwhile.

    Raises
    ------
    CctrackError
        When another one does not let go of it.
    """
    private_folder(folder())
    lock = FileLock(_path(name).with_suffix(".lock"), timeout=_LOCK_WAIT, mode=FILE_MODE)
    try:
        lock.acquire()
    except Timeout:
        raise CctrackError(
            "another process is renewing the login and does not come to an end; end it, then try again", retryable=True
        ) from None
    try:
        yield
    finally:
        lock.release()


def place() -> Literal["keyring", "file"]:
    """Tell where a new login's tokens belong on this machine."""
    return "file" if _keyring() is None else "keyring"


def _path(name: str) -> Path:
    return folder() / f"{name}.json"


def _hidden(kind: type, value: Any) -> Any:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise ValueError(kind.__name__)


def _replace(path: Path, text: Secret) -> None:
    """Write a file under another name first, then put it in the place of the old one."""
    private_folder(path.parent)
    beside = path.with_suffix(".new")
    beside.unlink(missing_ok=True)  # of a process that was killed; under the lock there is no other
    handle = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, FILE_MODE)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(text.reveal())
            file.flush()
            os.fsync(file.fileno())
        _put(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
    if os.name == "posix":  # the name too must be on the disk before the tokens are used
        place = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(place)
        finally:
            os.close(place)


def _put(beside: Path, path: Path) -> None:
    for _ in range(_PUTS):
        try:
            beside.replace(path)
            return
        except PermissionError:  # on Windows, while another process reads the file
            time.sleep(_PUT_AGAIN)
    beside.replace(path)


def _keyring() -> Any:
    """Give keyring if it is installed and has somewhere to keep secrets."""
    try:
        import keyring
    except ImportError:
        return None
    with suppress(Exception):  # a backend that does not even start keeps nothing
        if keyring.get_keyring().priority >= _REAL:
            return keyring
    return None


def _to_keyring(login: Login) -> bool:
    """Put tokens into the keyring. The refresh token first: without the other one, only a renewal comes sooner."""
    keyring, tokens = _keyring(), login.tokens
    stored = keyring is not None
    if stored and tokens.refresh is not None:
        stored = _set(keyring, f"{login.name}:refresh", tokens.refresh)
    elif stored:
        _delete(keyring, f"{login.name}:refresh")
    # On Windows an entry holds 1,280 characters, about as many as an access token has.
    if stored and not _set(keyring, f"{login.name}:access", _with_date(tokens)):
        _delete(keyring, f"{login.name}:access")
        stored = tokens.refresh is not None
    return stored


def _with_date(tokens: Tokens) -> Secret:
    return Secret(f"{tokens.renew_at:.0f} {tokens.access.reveal() if tokens.access else ''}")


def _from_keyring(name: str) -> Tokens:
    keyring = _keyring()
    refresh = None if keyring is None else _get(keyring, f"{name}:refresh")
    access = None if keyring is None else _get(keyring, f"{name}:access")
    date, _, token = access.reveal().partition(" ") if access else ("", "", "")
    return Tokens(Secret(token) if token else None, refresh, float(date) if date.isdecimal() else 0.0)


def _forget_in_keyring(name: str) -> None:
    if (keyring := _keyring()) is not None:
        for entry in (f"{name}:refresh", f"{name}:access"):
            _delete(keyring, entry)


# What a backend raises differs from one to the next, and its traceback may show what it was given.


def _set(keyring: Any, entry: str, secret: Secret) -> bool:
    try:
        keyring.set_password(_SERVICE, entry, secret.reveal())
    except Exception:
        return False
    return True


def _get(keyring: Any, entry: str) -> Secret | None:
    try:
        held = keyring.get_password(_SERVICE, entry)
    except Exception:
        return None
    return Secret(held) if held else None


def _delete(keyring: Any, entry: str) -> None:
    with suppress(Exception):
        keyring.delete_password(_SERVICE, entry)
