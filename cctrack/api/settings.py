"""Settings of a session: from arguments, else from the environment, else the default; checked before anything else."""

import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from difflib import get_close_matches
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from platformdirs import user_cache_path

from cctrack.api.credentials import Secret, checked
from cctrack.catalog import REPORTS
from cctrack.errors import ConfigError

PREFIX = "CCTRACK_"
# By name of the argument; `auth_url` is an argument of `login`, and `progress` one of the reports.
VARIABLES = {
    name: f"{PREFIX}{name.upper()}"
    for name in (
        "api",
        "api_key",
        "access_token",
        "base_url",
        "cache_dir",
        "profile",
        "expire_after",
        "offline",
        "auth_url",
        "progress",
    )
}
EXPIRE_AFTER = 3600.0
_TRUE, _FALSE = ("1", "true", "yes", "on"), ("0", "false", "no", "off", "")


class UnknownSettingError(ConfigError, TypeError):
    """An argument or a variable that no setting has."""


def refuse_unknown(names: Iterable[str], known: Iterable[str], what: str) -> None:
    """Say which name was probably meant.

    Raises
    ------
    ConfigError
        When there is an unknown one; it is a `TypeError` too.
    """
    known = list(known)
    for name in names:
        near = get_close_matches(name, known, n=1, cutoff=0.4)
        meant = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
        raise UnknownSettingError(f"{what} {name} is unknown; {meant}")


def check_environment(environment: Mapping[str, str]) -> None:
    """Refuse a misspelled variable, which would otherwise be silently without effect."""
    given = [name for name in environment if name.startswith(PREFIX)]
    refuse_unknown(
        (name for name in given if name not in VARIABLES.values()),
        VARIABLES.values(),
        "the environment variable",
    )


@dataclass(frozen=True)
class Settings:
    """What a session was configured with; the fields are the arguments of `cctrack.connect`."""

    api: str
    api_key: Secret | None
    access_token: Secret | None
    base_url: str | None
    cache_dir: Path
    expire_after: float
    expire_report: Mapping[str, float]
    offline: bool
    profile: str | None
    rate: float
    daily_quota: int
    verify: Literal["head", "strict"]


def settle(given: Mapping[str, Any], environment: Mapping[str, str] | None = None) -> Settings:
    """Check the arguments and fill in what is missing.

    Parameters
    ----------
    given
        Arguments of `cctrack.connect`; None counts as not given.
    environment
        Variables; None reads the process's.

    Raises
    ------
    ConfigError
        When a setting is unknown or out of range.
    """
    environment = os.environ if environment is None else environment
    check_environment(environment)

    def value(name: str) -> Any:
        own = given.get(name)
        return own if own is not None else environment.get(VARIABLES[name]) or None

    folder = value("cache_dir")
    profile = value("profile")
    if profile is not None and not (isinstance(profile, str) and profile.strip()):
        raise ConfigError("profile must be a name for the account, such as 'newsletter'")
    # `offline=False` is the default of the argument: the variable may still say yes.
    offline = given.get("offline") or environment.get(VARIABLES["offline"], False)
    return Settings(
        api=_one_of(value("api") or "v2", ("v2", "v3", "demo"), "api"),
        api_key=checked(value("api_key"), "api_key"),
        access_token=checked(value("access_token"), "access_token"),
        base_url=value("base_url"),
        cache_dir=_folder(folder) if folder is not None else user_cache_path("cctrack", appauthor=False),
        **_ages(value("expire_after")),
        offline=_switch(offline, "offline"),
        profile=profile,
        rate=_number(given.get("rate", 4.0), "rate", "requests a second"),
        daily_quota=_whole(given.get("daily_quota", 10_000), "daily_quota"),
        verify="strict" if _one_of(given.get("verify", "head"), ("head", "strict"), "verify") == "strict" else "head",
    )


def origin(base_url: str | None, default: str, what: str = "base_url") -> tuple[str, bool]:
    """Read the host that is to be asked.

    Parameters
    ----------
    base_url
        A bare host, or one with `/v2` or `/v3` behind it, which means the same.
    default
        Host of the dialect.
    what
        Name of the setting, for the error.

    Returns
    -------
    tuple
        Scheme, host and port; and whether that is this machine.

    Raises
    ------
    ConfigError
        When it is no such address, or plain http to another machine.
    """
    if base_url is not None and not isinstance(base_url, str):
        raise ConfigError(f"{what} must be a text such as {default!r}")
    address = (base_url or default).strip()
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        raise ConfigError(f"{what} is no address; give one such as {default!r}") from None
    if parts.scheme not in ("http", "https") or not host or parts.username or parts.password is not None:
        raise ConfigError(f"{what} must be http(s)://host[:port], without user and password")
    if parts.path.rstrip("/") not in ("", "/v2", "/v3") or parts.query or parts.fragment:
        raise ConfigError(f"{what} must end with the host, or with /v2 or /v3; leave the rest of the path away")
    loopback = _is_loopback(host)
    if parts.scheme == "http" and not loopback:
        raise ConfigError(f"{what} must be https: plain http would send the credentials readable by all")
    shown = f"[{host}]" if ":" in host else host
    standard = {"http": 80, "https": 443}[parts.scheme]
    return f"{parts.scheme}://{shown}" + (f":{port}" if port not in (None, standard) else ""), loopback


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _folder(given: object) -> Path:
    if not isinstance(given, (str, os.PathLike)) or isinstance(given, bytes):
        raise ConfigError("cache_dir must be a path")
    return Path(given).expanduser().absolute()


def _one_of(given: object, known: tuple[str, ...], what: str) -> str:
    if given not in known:
        raise ConfigError(f"{what} must be one of {', '.join(map(repr, known))}, not {given!r}")
    return str(given)


def _ages(given: object) -> dict[str, Any]:
    """Read `expire_after`: one age, or ages by report with that of all others under "*"."""
    if not isinstance(given, Mapping):
        return {"expire_after": _seconds(given), "expire_report": {}}
    by_name = {str(name).removesuffix("_df"): _seconds(age) for name, age in given.items()}
    rest = by_name.pop("*", EXPIRE_AFTER)
    refuse_unknown((name for name in by_name if name not in REPORTS), REPORTS, "expire_after: the report")
    return {"expire_after": rest, "expire_report": by_name}


def _seconds(given: object) -> float:
    if given is None:
        return EXPIRE_AFTER
    if isinstance(given, timedelta):
        given = given.total_seconds()
    try:
        seconds = math.nan if isinstance(given, bool) else float(given)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        seconds = math.nan
    if not seconds >= 0:
        raise ConfigError("expire_after must be a number of seconds (0 or more) or a timedelta, such as 3600")
    return seconds


def _number(given: object, what: str, unit: str) -> float:
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not 0 < given < math.inf:
        raise ConfigError(f"{what} must be a number of {unit} above 0, such as 4.0")
    return float(given)


def _whole(given: object, what: str) -> int:
    if isinstance(given, bool) or not isinstance(given, int) or given < 1:
        raise ConfigError(f"{what} must be a whole number above 0, such as 10_000")
    return given


def _switch(given: object, what: str) -> bool:
    if isinstance(given, bool):
        return given
    if isinstance(given, str) and given.strip().lower() in (*_TRUE, *_FALSE):
        return given.strip().lower() in _TRUE
    raise ConfigError(f"{what} must be True or False (in the environment 1 or 0)")
