"""Connecting: where each setting comes from, what is refused, and that nothing happens before it must."""

import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from platformdirs import user_cache_path
from service import Service
from sessions import CLICKS, clicks, ids_of, link_ids

import cctrack

KEY, TOKEN = "key-of-the-test", "token-of-the-test"


def _connected(service: Service, **more: Any) -> cctrack.Session:
    return cctrack.connect(service.key, service.token, **({"base_url": service.url, "rate": 1000} | more))


def test_nothing_happens_at_connect(service: Service, tmp_cache: Path) -> None:
    threads = threading.active_count()
    session = _connected(service)
    assert service.hits() == service.connections == 0
    assert not tmp_cache.exists()
    assert threading.active_count() == threads
    assert session.api == "v2"
    assert repr(session) == f"<cctrack.Session v2 account={session.account}>"


def test_it_becomes_the_default(service: Service) -> None:
    service.rows(CLICKS, clicks(2))
    _connected(service)
    assert link_ids(cctrack.clicks_df("36")) == ids_of(clicks(2))


# --- the ladder: argument, environment, default --------------------------------------------------


def test_credentials_from_the_environment(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first report call connects by itself."""
    service.rows(CLICKS, clicks(2))
    monkeypatch.setenv("CCTRACK_API_KEY", service.key)
    monkeypatch.setenv("CCTRACK_ACCESS_TOKEN", service.token)
    monkeypatch.setenv("CCTRACK_BASE_URL", service.url)
    assert len(cctrack.clicks_df("36")) == 2
    assert len(cctrack.clicks_df("36")) == 2
    assert service.hits() == 1


def test_an_argument_stands_above_the_environment(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.rows(CLICKS, clicks(2))
    monkeypatch.setenv("CCTRACK_API_KEY", "wrong-key")
    monkeypatch.setenv("CCTRACK_ACCESS_TOKEN", "wrong-token")
    monkeypatch.setenv("CCTRACK_BASE_URL", "https://nowhere.example")
    _connected(service)
    assert len(cctrack.clicks_df("36")) == 2


def test_one_of_each(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    service.rows(CLICKS, clicks(2))
    monkeypatch.setenv("CCTRACK_ACCESS_TOKEN", service.token)
    cctrack.connect(service.key, base_url=service.url)
    assert len(cctrack.clicks_df("36")) == 2


def test_cache_folder(service: Service, tmp_path: Path, tmp_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def folder(**given: Any) -> Path:
        path = _connected(service, **given).store.path
        assert path is not None
        return path.parent.parent

    assert folder() == tmp_cache
    assert folder(cache_dir=tmp_path / "own") == tmp_path / "own"
    assert folder(cache_dir=str(tmp_path / "own")) == tmp_path / "own"
    monkeypatch.setenv("HOME", str(tmp_path))
    assert folder(cache_dir="~/own") == tmp_path / "own"
    monkeypatch.delenv("CCTRACK_CACHE_DIR")
    assert folder() == user_cache_path("cctrack", appauthor=False)


def test_age(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _connected(service).policy.expire_after == 3600
    monkeypatch.setenv("CCTRACK_EXPIRE_AFTER", "60.5")
    assert _connected(service).policy.expire_after == 60.5
    assert _connected(service, expire_after=0).policy.expire_after == 0
    assert _connected(service, expire_after=timedelta(days=1)).policy.expire_after == 86_400


@pytest.mark.parametrize(
    ("value", "offline"),
    [("1", True), ("true", True), ("YES", True), ("on", True), ("0", False), ("no", False), ("", False)],
)
def test_offline(service: Service, monkeypatch: pytest.MonkeyPatch, value: str, offline: bool) -> None:
    assert _connected(service).policy.offline is False
    monkeypatch.setenv("CCTRACK_OFFLINE", value)
    session = _connected(service)
    assert session.policy.offline is offline
    assert ("offline" in repr(session)) is offline
    assert _connected(service, offline=True).policy.offline is True


def test_defaults_of_rate_and_quota(service: Service) -> None:
    session = cctrack.connect(service.key, service.token)
    assert session.ledger.rate == 4.0
    assert session.ledger.daily_quota == 10_000
    assert session.policy.verify == "head"


def test_profile_names_the_account(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    own = _connected(service)
    named = _connected(service, profile="newsletter")
    monkeypatch.setenv("CCTRACK_PROFILE", "newsletter")
    assert _connected(service).account == named.account != own.account
    # The same account whatever the credentials, which may have been renewed.
    assert cctrack.connect("x", "y", base_url=service.url).account == named.account


def test_account_is_of_host_and_credentials(service: Service) -> None:
    base: dict[str, Any] = {"api_key": KEY, "access_token": TOKEN, "base_url": service.url}
    own = cctrack.connect(**base).account
    assert cctrack.connect(**base).account == own
    for change in ({"api_key": "another-key"}, {"access_token": "another"}, {"base_url": "https://elsewhere.example"}):
        assert cctrack.connect(**(base | change)).account != own


def test_offline_with_a_profile_needs_no_credentials(service: Service) -> None:
    cctrack.connect(offline=True, profile="colleague", base_url=service.url)
    with pytest.raises(cctrack.CacheMissError):
        cctrack.clicks_df("36")
    assert service.connections == 0


# --- base_url ------------------------------------------------------------------------------------


@pytest.mark.parametrize("ending", ["", "/", "/v2", "/v2/", "/v3"])
def test_base_url_forms(service: Service, ending: str) -> None:
    service.rows(CLICKS, clicks(2))
    plain = _connected(service).account
    session = _connected(service, base_url=service.url + ending)
    assert session.account == plain
    assert len(cctrack.clicks_df("36", session=session)) == 2
    assert {request.path for request in service.requests} == {CLICKS}


def test_base_url_by_name(service: Service) -> None:
    service.rows(CLICKS, clicks(2))
    session = _connected(service, base_url=service.url.replace("127.0.0.1", "localhost"))
    assert len(cctrack.clicks_df("36", session=session)) == 2


@pytest.mark.parametrize(
    "same", ["HTTPS://API.EXAMPLE.COM", "https://api.example.com:443", "https://api.example.com/v2"]
)
def test_base_urls_that_are_one_host(same: str) -> None:
    def account(base_url: str) -> str:
        return cctrack.connect(KEY, TOKEN, base_url=base_url).account

    assert account(same) == account("https://api.example.com")
    assert account("https://api.example.com:8443") != account("https://api.example.com")


@pytest.mark.parametrize("url", ["http://127.0.0.1:1", "http://localhost", "http://[::1]:8000", "http://127.8.9.1"])
def test_plain_http_to_this_machine(url: str) -> None:
    cctrack.connect(KEY, TOKEN, base_url=url)


@pytest.mark.parametrize(
    "url",
    [
        "http://api.constantcontact.com",
        "http://10.0.0.1",
        "http://localhost.example.com",
        "http://127.0.0.1.example.com",
        "http://0.0.0.0",
        "http://2130706433",
        "http://user@127.0.0.1",
        "http://user:word@127.0.0.1",
        "ftp://127.0.0.1",
        "file:///etc/passwd",
        "api.constantcontact.com",
        "127.0.0.1:8000",
        "https://",
        "https://api.example.com/v2/contacts",
        "https://api.example.com/v4",
        "https://api.example.com?x=1",
        "https://api.example.com#x",
        "https://api.example.com:99999",
        "https://api.example.com:http",
        "https://[::1",
    ],
)
def test_base_urls_that_are_refused(url: str) -> None:
    with pytest.raises(cctrack.ConfigError, match="base_url"):
        cctrack.connect(KEY, TOKEN, base_url=url)


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "missing", "given"),
    [
        (lambda: cctrack.clicks_df("36"), ("api_key", "access_token"), ()),
        (cctrack.connect, ("api_key", "access_token"), ()),
        (lambda: cctrack.connect(KEY), ("access_token",), ("api_key",)),
        (lambda: cctrack.connect(access_token=TOKEN), ("api_key",), ("access_token",)),
        (lambda: cctrack.connect("", "  "), ("api_key", "access_token"), ()),
        (lambda: cctrack.connect(offline=True), ("api_key", "access_token"), ()),
        (lambda: cctrack.connect(profile="x"), ("api_key", "access_token"), ()),
    ],
)
def test_missing_settings_are_named(
    call: Callable[[], Any], missing: tuple[str, ...], given: tuple[str, ...], tmp_cache: Path
) -> None:
    with pytest.raises(cctrack.ConfigError) as caught:
        call()
    told = str(caught.value)
    assert isinstance(caught.value, ValueError)
    for name in missing:
        assert f"{name}=" in told
        assert f"CCTRACK_{name.upper()}" in told
    for name in given:
        assert f"CCTRACK_{name.upper()}" not in told
    assert told.endswith("cctrack.demo()")
    assert not tmp_cache.exists()


@pytest.mark.parametrize(
    ("given", "says"),
    [
        ({"api": "v4"}, "api must be one of"),
        ({"api": "V2"}, "api must be one of"),
        ({"verify": "counts"}, "verify must be one of"),
        ({"verify": None}, "verify"),
        ({"rate": 0}, "rate"),
        ({"rate": -1}, "rate"),
        ({"rate": float("inf")}, "rate"),
        ({"rate": float("nan")}, "rate"),
        ({"rate": "4"}, "rate"),
        ({"rate": True}, "rate"),
        ({"daily_quota": 0}, "daily_quota"),
        ({"daily_quota": 2.5}, "daily_quota"),
        ({"daily_quota": True}, "daily_quota"),
        ({"expire_after": -1}, "expire_after"),
        ({"expire_after": "soon"}, "expire_after"),
        ({"expire_after": float("nan")}, "expire_after"),
        ({"expire_after": True}, "expire_after"),
        ({"expire_after": timedelta(seconds=-1)}, "expire_after"),
        ({"offline": "maybe"}, "offline"),
        ({"offline": 2}, "offline"),
        ({"profile": 36}, "profile"),
        ({"profile": "  "}, "profile"),
        ({"cache_dir": 36}, "cache_dir"),
        ({"cache_dir": b"x"}, "cache_dir"),
        ({"base_url": 36}, "base_url"),
        ({"api_key": 36}, "api_key"),
        ({"api_key": "two words"}, "api_key"),
        ({"api_key": "line\nbreak"}, "api_key"),
        ({"access_token": "töken"}, "access_token"),
        ({"access_token": "tab\t"}, "access_token"),
    ],
)
def test_settings_out_of_range(given: dict[str, Any], says: str) -> None:
    with pytest.raises(cctrack.ConfigError, match=says) as caught:
        cctrack.connect(**({"api_key": KEY, "access_token": TOKEN} | given))
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize(
    ("name", "value"), [("EXPIRE_AFTER", "soon"), ("EXPIRE_AFTER", "-1"), ("OFFLINE", "maybe"), ("API", "v1")]
)
def test_variables_out_of_range(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    monkeypatch.setenv(f"CCTRACK_{name}", value)
    with pytest.raises(cctrack.ConfigError, match=name.lower()):
        cctrack.connect(KEY, TOKEN)


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("acess_token", "access_token"),
        ("apikey", "api_key"),
        ("url", "base_url"),
        ("cache", "cache_dir"),
        ("quota", "daily_quota"),
    ],
)
def test_misspelled_argument(wrong: str, meant: str) -> None:
    arguments: dict[str, Any] = {wrong: "x"}
    with pytest.raises(cctrack.ConfigError, match=f"{wrong}.*did you mean {meant}") as caught:
        cctrack.connect(KEY, TOKEN, **arguments)
    assert isinstance(caught.value, TypeError)


@pytest.mark.parametrize(
    ("wrong", "meant"),
    [
        ("CCTRACK_APIKEY", "CCTRACK_API_KEY"),
        ("CCTRACK_TOKEN", "CCTRACK_ACCESS_TOKEN"),
        ("CCTRACK_CACHEDIR", "CCTRACK_CACHE_DIR"),
        ("CCTRACK_OFLINE", "CCTRACK_OFFLINE"),
    ],
)
def test_misspelled_variable(monkeypatch: pytest.MonkeyPatch, wrong: str, meant: str) -> None:
    monkeypatch.setenv(wrong, "SEKRET")
    with pytest.raises(cctrack.ConfigError, match=f"{wrong}.*did you mean {meant}") as caught:
        cctrack.connect(KEY, TOKEN)
    assert "SEKRET" not in str(caught.value)


def test_a_failed_connect_leaves_the_default_alone(service: Service) -> None:
    service.rows(CLICKS, clicks(2))
    _connected(service)
    with pytest.raises(cctrack.ConfigError):
        cctrack.connect(KEY, TOKEN, base_url="http://example.com")
    assert len(cctrack.clicks_df("36")) == 2


# --- which session is asked ----------------------------------------------------------------------


@pytest.fixture
def two(service: Service) -> Any:
    """Two accounts on two hosts, the second the default."""
    with Service() as other:
        service.rows(CLICKS, clicks(2))
        other.rows(CLICKS, clicks(3))
        yield _connected(service), _connected(other)


def test_default_scope_and_argument(two: tuple[cctrack.Session, cctrack.Session]) -> None:
    first, second = two
    assert len(cctrack.clicks_df("36")) == 3
    assert len(cctrack.clicks_df("36", session=first)) == 2
    with cctrack.use(first) as used:
        assert used is first
        assert len(cctrack.clicks_df("36")) == 2
        with cctrack.use(second):
            assert len(cctrack.clicks_df("36")) == 3
            assert len(cctrack.clicks_df("36", session=first)) == 2
        assert len(cctrack.clicks_df("36")) == 2
    assert len(cctrack.clicks_df("36")) == 3


def test_scope_ends_with_an_error(two: tuple[cctrack.Session, cctrack.Session]) -> None:
    with pytest.raises(ZeroDivisionError), cctrack.use(two[0]):
        raise ZeroDivisionError
    assert len(cctrack.clicks_df("36")) == 3


def test_scope_is_of_this_thread(two: tuple[cctrack.Session, cctrack.Session]) -> None:
    found: list[int] = []
    with cctrack.use(two[0]):
        thread = threading.Thread(target=lambda: found.append(len(cctrack.clicks_df("36"))))
        thread.start()
        thread.join()
    assert found == [3]


def test_scope_holds_in_the_threads_of_a_fan_out(two: tuple[cctrack.Session, cctrack.Session]) -> None:
    first, _ = two
    with cctrack.use(first):
        with pytest.raises(cctrack.NotFoundError):
            cctrack.clicks_df(["36", "37"])
        assert len(cctrack.clicks_df(["36", "37"], on_missing="skip")) == 2


@pytest.mark.parametrize("given", [None, "demo", 36, object()])
def test_use_takes_a_session(given: Any) -> None:
    with pytest.raises(TypeError, match=r"cctrack\.connect"), cctrack.use(given):
        pass


def test_session_as_a_context(service: Service) -> None:
    service.rows(CLICKS, clicks(2))
    with _connected(service) as session:
        assert len(cctrack.clicks_df("36", session=session)) == 2
    assert len(cctrack.clicks_df("36", session=session)) == 2  # closed connections open again


def test_reading_no_ids_asks_nothing(service: Service, tmp_cache: Path) -> None:
    frame = cctrack.clicks_df([], session=_connected(service))
    assert frame.empty
    assert service.connections == 0
