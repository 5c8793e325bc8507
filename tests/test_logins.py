"""`cctrack.login` and `cctrack.logout` as users call them: in processes of their own, with a browser or without."""

import json
import os
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient
from reliability.apart import environment
from sessions import decoded, files
from test_secrets import _failure
from visitor import pressed

import cctrack
from cctrack.api import tokens
from cctrack.demo_account.account import generate
from cctrack.demo_account.server import DemoServer

CLIENT = "client-of-nobody-5d41402a"
_SECONDS = 60

# A browser that presses the button and goes where it is sent.
_BROWSER = """
import sys
from visitor import page, pressed
page(pressed(sys.argv[1]))
"""


@pytest.fixture
def demo() -> Iterator[DemoServer]:
    with DemoServer(generate(contacts=30), access_token="a token for good") as server:
        yield server


@pytest.fixture
def settings(demo: DemoServer, tmp_path: Path) -> dict[str, str]:
    """Give what a process is started with: the demo in the place of the vendor, and a browser."""
    script = tmp_path / "browser.py"
    script.write_text(_BROWSER)
    names = ("XDG_CONFIG_HOME", "CCTRACK_CACHE_DIR", "PYTHON_KEYRING_BACKEND")
    return {
        **{name: os.environ[name] for name in names},
        "CCTRACK_AUTH_URL": demo.url,
        "CCTRACK_BASE_URL": demo.url,
        "BROWSER": f"{sys.executable} {script} %s",
        **dict.fromkeys(("SSH_CONNECTION", "JUPYTERHUB_USER", "CODESPACES"), ""),
    }


def run(code: str, settings: dict[str, str], paste: str = "") -> tuple[str, str]:
    """Run a program; give what it printed, and what it complained of."""
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", "import cctrack\n" + textwrap.dedent(code)],
        env=environment(**settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # no terminal: what is asked is read from the pipe
    )
    return process.communicate(paste, timeout=_SECONDS)


def _port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


def _asking(port: int) -> str:
    return f"""
    session = cctrack.login("{CLIENT}", redirect_uri="http://localhost:{port}/")
    print(session.api, len(cctrack.lists_df()), repr(session))
    """


def test_login_then_connect_then_logout(demo: DemoServer, settings: dict[str, str]) -> None:
    told, wrong = run(_asking(_port()), settings)
    assert wrong == ""
    assert told.startswith("v3 ")
    lists = int(told.split()[1])
    assert lists > 0
    code = 'session = cctrack.connect(api="v3")\nprint(len(cctrack.lists_df(refresh=True)))'
    assert run(code, settings) == (f"{lists}\n", "")
    assert run(f'cctrack.connect("{CLIENT}", api="v3"); print(len(cctrack.lists_df()))', settings) == (f"{lists}\n", "")
    # The environment alone will do, as for v2.
    assert run("print(len(cctrack.lists_df()))", {**settings, "CCTRACK_API": "v3"}) == (f"{lists}\n", "")
    demo.auth.expire()
    assert run('cctrack.connect(api="v3"); print(len(cctrack.lists_df(refresh=True)))', settings) == (f"{lists}\n", "")
    assert demo.auth.answered == {"authorization_code": 1, "refresh_token": 1}
    assert run("cctrack.logout(); cctrack.logout()", settings) == ("", "")
    assert not list(tokens.folder().glob("*.json"))
    _, wrong = run('cctrack.connect(api="v3")', settings)
    assert "ConfigError" in wrong
    assert "cctrack.login(client_id)" in wrong


def test_logged_out_session_asks_nothing_more(demo: DemoServer, settings: dict[str, str]) -> None:
    code = f"""
    session = cctrack.login("{CLIENT}", redirect_uri="http://localhost:{_port()}/")
    cctrack.lists_df()
    other = cctrack.demo(contacts=10)
    with cctrack.use(session):
        cctrack.logout()
    assert len(cctrack.lists_df()), "the default session is another one"
    try:
        cctrack.lists_df(session=session, refresh=True)
    except cctrack.AuthError as error:
        print(error)
    """
    told, wrong = run(code, settings)
    assert (told, wrong) == ("this session was logged out; log in again with cctrack.login(client_id)\n", "")


def test_profile_stays_one_account(demo: DemoServer, settings: dict[str, str]) -> None:
    """The browser may be logged in to another account than is meant."""
    code = f"""
    try:
        session = cctrack.login("{CLIENT}", redirect_uri="http://localhost:{_port()}/", profile="north")
        print("logged in", len(cctrack.lists_df()) > 0)
    except cctrack.ConfigError as error:
        print(error)
    """
    assert run(code, settings) == ("logged in True\n", "")
    usual = demo.answer

    def other(method: str, target: str, *rest: Any) -> Any:
        answer = usual(method, target, *rest)
        if target.startswith("/v3/account/summary"):
            account = json.loads(answer.body) | {"encoded_account_id": "another"}
            return replace(answer, body=json.dumps(account).encode())
        return answer

    demo.answer = other  # type: ignore[method-assign]
    told, wrong = run(code, settings)
    assert wrong == ""
    assert "'north' has been another account until now" in told
    assert tokens.every() == []
    demo.answer = usual  # type: ignore[method-assign]
    assert run(code, settings) == ("logged in True\n", "")


def test_no_token_reaches_the_cache(demo: DemoServer, settings: dict[str, str], tmp_cache: Path) -> None:
    run(_asking(_port()), settings)
    (login,) = tokens.every()
    found = list(decoded(tmp_cache))
    assert any("/v3/" in text or "contact_lists" in text for text in found)
    for secret in (login.tokens.access, login.tokens.refresh):
        assert secret is not None
        for text in found:
            assert secret.reveal() not in text
            assert secret.reveal()[8:32] not in text


def test_pasted_where_there_is_no_browser(demo: DemoServer, settings: dict[str, str]) -> None:
    settings |= {"BROWSER": "", "DISPLAY": "", "WAYLAND_DISPLAY": ""}
    code = f"""
    import subprocess, sys, warnings
    warnings.simplefilter("ignore")  # getpass says that there is no terminal
    session = cctrack.login("{CLIENT}", redirect_uri="https://localhost")
    print("logged in", len(cctrack.lists_df()) > 0)
    """
    process = subprocess.Popen(
        [sys.executable, "-c", "import cctrack\n" + textwrap.dedent(code)],
        env=environment(**settings),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert process.stdin is not None
    assert "copy the address" in process.stdout.readline()
    url = process.stdout.readline().strip()
    assert url.startswith(f"{demo.url}/oauth2/default/v1/authorize?")
    address = pressed(url)
    told, wrong = process.communicate(address + "\n", timeout=_SECONDS)
    assert "logged in True" in told
    code = address.partition("code=")[2].partition("&")[0]
    assert len(code) > 20
    assert code not in told + wrong


def test_device(demo: DemoServer, settings: dict[str, str]) -> None:
    demo.auth.interval = 0.2
    code = f'cctrack.login("{CLIENT}", flow="device"); print("logged in", len(cctrack.lists_df()) > 0)'
    process = subprocess.Popen(
        [sys.executable, "-W", "error", "-c", "import cctrack\n" + code],
        env=environment(**settings),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert "with the code" in process.stdout.readline()
    pressed(process.stdout.readline().strip())
    assert "logged in True" in process.communicate(timeout=_SECONDS)[0]


def test_nobody_to_ask(settings: dict[str, str]) -> None:
    code = f"""
    import warnings
    warnings.simplefilter("ignore")
    cctrack.login("{CLIENT}", redirect_uri="https://localhost", browser=False)
    """
    _, wrong = run(code, settings)
    assert wrong.splitlines()[-1].startswith("cctrack.errors.ConfigError: nobody can be asked here; log in once")


def test_missing_refresh_token_is_said(demo: DemoServer, settings: dict[str, str]) -> None:
    usual = demo.auth.answer

    def without(call: Any) -> Any:
        query = dict(call.query)
        if "scope" in query:
            query["scope"] = query["scope"].replace(" offline_access", "")
        return usual(replace(call, query=query))

    demo.auth.answer = without  # type: ignore[method-assign]
    code = f"""
    import warnings
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        cctrack.login("{CLIENT}", redirect_uri="http://localhost:{_port()}/")
    print(*(one.message for one in told))
    """
    told, wrong = run(code, settings)
    assert wrong == ""
    assert "no refresh token (scope offline_access)" in told
    assert "within 24 hours" in told


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"flow": "implicit"}, "flow must be 'pkce' or 'device'"),
        ({"timeout": 0}, "timeout"),
        ({"timeout": "soon"}, "timeout"),
        ({"auth_url": "http://authz.example.org"}, "auth_url must be https"),
        ({"auth_url": "https://a.example/oauth2"}, "auth_url must end with the host"),
        ({"auth_url": 5}, "auth_url must be a text"),
        ({"base_url": "http://api.example.org"}, "base_url must be https"),
        ({"redirect_url": "http://localhost/"}, "did you mean redirect_uri"),
        ({"rate": -1}, "rate"),
        ({"profile": " "}, "profile"),
    ],
)
def test_wrong_argument_opens_no_browser(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(cctrack.ConfigError, match=said):
        cctrack.login(CLIENT, **wrong)


@pytest.mark.parametrize("client", ["", " ", None, 5, "a b", "SEKRET\n"])
def test_wrong_client_id(client: Any) -> None:
    error = _failure(lambda: cctrack.login(client))
    assert isinstance(error, cctrack.ConfigError)
    assert "SEKRET" not in str(error)


def test_misspelled_variable_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CCTRACK_AUTHURL", "https://a.example")
    with pytest.raises(cctrack.ConfigError, match="CCTRACK_AUTH_URL"):
        cctrack.login(CLIENT)


def test_notebook_that_runs_by_itself_says_so_and_keeps_no_address(
    settings: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment(**settings).items():
        monkeypatch.setenv(name, value)
    code = f"""
    import cctrack
    try:
        cctrack.login("{CLIENT}", redirect_uri="https://localhost", browser=False)
    except cctrack.ConfigError as error:
        print(error)
    """
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(textwrap.dedent(code))])
    NotebookClient(notebook, timeout=_SECONDS, kernel_name="python3").execute()
    shown = str(notebook.cells[0]["outputs"])
    assert "nobody can be asked here" in shown
    assert "The login has ended." in shown
    assert CLIENT not in shown
    assert "code_challenge" not in shown


def test_no_file_is_left_where_none_belongs(demo: DemoServer, settings: dict[str, str], tmp_path: Path) -> None:
    run(_asking(_port()), settings)
    config = {path.suffix for path in files(tokens.folder())}
    assert config == {".json", ".lock"}
    assert {path.stat().st_mode & 0o777 for path in files(Path(settings["XDG_CONFIG_HOME"]) / "cctrack")} == {0o600}
