"""The API key and the token, looked for on every surface that somebody else may come to see.

They are looked for in every form in which they may be written: plain, percent-encoded, as JSON, as a repr, in base64,
in hex, and the part that no escape changes. The service echoes them wherever it can.
"""

import io
import json
import logging
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import nbformat
from clock import Clock
from make_notebooks import SECONDS_A_CELL
from nbclient import NotebookClient
from reliability.apart import environment
from reliability.figures import Figure, at_least, exactly
from service import Answer, Service, click
from sessions import CLICKS, always, clicks, decoded, files, quiet, session_on, stored
from test_secrets import _chain, _echo, _failing, _failure, _forms, _reachable

import cctrack
from cctrack.api import transport

_MODES = ("Plain", "Context", "Verbose", "Minimal")
_SURFACES = 25


@dataclass
class Scanner:
    """Looks through texts, surface by surface."""

    forms: list[str]
    texts: dict[str, int] = field(default_factory=dict)
    found: dict[str, int] = field(default_factory=dict)

    def see(self, surface: str, *texts: object) -> None:
        """Look through some texts of one surface."""
        self.found.setdefault(surface, 0)
        self.texts.setdefault(surface, 0)
        for text in texts:
            shown = text.decode("latin-1") if isinstance(text, bytes) else str(text)
            self.texts[surface] += bool(shown)
            self.found[surface] += any(form in shown for form in self.forms)


class _Collected(logging.Handler):
    """Keeps every record."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)


@contextmanager
def _logged() -> Iterator[_Collected]:
    root, kept = logging.getLogger(), _Collected()
    level = root.level
    root.setLevel(logging.DEBUG)
    root.addHandler(kept)
    try:
        yield kept
    finally:
        root.removeHandler(kept)
        root.setLevel(level)


def _see_error(scanner: Scanner, error: BaseException) -> None:
    chain = _chain(error)
    scanner.see("errors: str", *map(str, chain))
    scanner.see("errors: repr", *map(repr, chain))
    scanner.see("errors: args", *(one.args for one in chain))
    scanner.see("errors: notes", *(getattr(one, "__notes__", "") for one in chain))
    scanner.see("errors: attributes, and what they lead to", *(text for one in chain for text in _reachable(vars(one))))
    scanner.see("errors: causes and contexts", *(f"{one.__cause__!r} {one.__context__!r}" for one in chain))
    with suppress(Exception):  # what cannot be pickled does not get out that way
        scanner.see("errors: pickled", *(pickle.dumps(error, protocol) for protocol in range(6)))
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    scanner.see("traceback: plain Python", "".join(traceback.format_exception(error)))
    scanner.see("traceback: Python with local variables", "".join(shown.format()))
    for mode, text in _xmodes(error):
        scanner.see(f"traceback: IPython {mode}", text)


def _xmodes(error: BaseException) -> Iterator[tuple[str, str]]:
    from IPython.core import ultratb

    for mode in _MODES:
        shown = ultratb.AutoFormattedTB(mode=mode)
        yield mode, shown.text(type(error), error, error.__traceback__)


def _failures(service: Service, folder: Path, *, every: int) -> Iterator[BaseException]:
    """Give an error of every class that a report raises, with the service echoing what it was sent."""
    session = session_on(service, folder, Clock())
    for _, answer in [*_failing(service)][::every]:
        always(service, CLICKS, answer)
        yield _failure(lambda: cctrack.clicks_df("36", session=session))
        yield _failure(lambda: cctrack.clicks_df(["36", "37"], session=session))
    always(service, CLICKS, Answer.error(410, "gone", _echo(service)))
    yield _failure(lambda: cctrack.clicks_df("36", session=session))
    patience = transport._ANSWER, transport._CONNECT
    transport._ANSWER = transport._CONNECT = 0.1
    tls = session_on(service, folder, Clock(), url=service.url.replace("http://", "https://"))
    try:
        yield _failure(lambda: cctrack.clicks_df("36", session=tls))
        for answer in (Answer.hang(), Answer.drip(pause=0.02), Answer.drip_head(pause=0.02))[::every]:
            always(service, CLICKS, answer)
            yield _failure(lambda: cctrack.clicks_df("36", session=session))
    finally:
        transport._ANSWER, transport._CONNECT = patience
    always(service, CLICKS, Answer.json([]))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    service.before = None
    gate = session.ledger._try
    session.ledger._try = interrupt  # type: ignore[assignment, method-assign]
    yield _failure(lambda: cctrack.clicks_df("36", session=session))
    session.ledger._try = gate  # type: ignore[method-assign]
    nowhere = session_on(service, folder, Clock(), url="http://127.0.0.1:9")
    yield _failure(lambda: cctrack.clicks_df("36", session=nowhere))
    offline = session_on(service, folder, Clock(), offline=True)
    yield _failure(lambda: cctrack.clicks_df("nobody", session=offline))
    full = session_on(service, folder, Clock(), daily_quota=1, key="full")
    full.ledger.enter()
    yield _failure(lambda: cctrack.clicks_df("38", session=full))
    for one in (session, tls, nowhere, offline, full):
        one.close()


def _misconfigured(service: Service) -> Iterator[BaseException]:
    given: list[dict[str, Any]] = [
        {"api_key": service.key + "\n"},
        {"access_token": service.token + " x"},
        {"base_url": "ftp://x"},
        {"acess_token": service.token},
        {"rate": "fast"},
        {"api_key": [service.key]},
        {"api_key": service.key.encode()},
    ]
    for changed in given:
        arguments = {"api_key": service.key, "access_token": service.token} | changed
        # The scanner's own frame holds what it passed: it is left out of the traceback.
        error = _failure(lambda arguments=arguments: cctrack.connect(**arguments))  # type: ignore[misc]
        trace = error.__traceback__
        while trace is not None and "cctrack" not in Path(trace.tb_frame.f_code.co_filename).parts[-2:]:
            trace = trace.tb_next
        yield error.with_traceback(trace)


def _objects(scanner: Scanner, service: Service, folder: Path) -> None:
    """Look at a session and at the frames of a service that echoes."""
    echo = _echo(service)
    rows = [
        *(click(email_address=echo, link_uri=f"https://x.example/?k={service.key}") for _ in range(3)),
        click(link_id=service.token, campaign_id=quote(service.token, safe="")),
        click(date=service.key),
        {service.key: service.token},
    ]
    first = Answer.page(rows, f"{CLICKS}?next=T&api_key={quote(service.key, safe='')}")
    last = Answer.page([click(date=service.token, activity_type=service.key)])
    service.on(CLICKS, lambda request: last if "next" in request.query else first)
    service.rows("/v2/contacts/37/tracking/clicks", clicks(1200))
    session = session_on(service, folder)
    with quiet() as said:
        frame = cctrack.clicks_df("36", limit=6, session=session)
        held = cctrack.clicks_df("36", session=session)
        cctrack.clicks_df("37", session=session)  # long enough for a typed table
    scanner.see("warnings", *said)
    scanner.see("frame: values", frame.to_csv(), held.to_csv(), *frame.columns)
    scanner.see("frame: shown", repr(frame), frame.to_html(), repr(frame.dtypes), repr(frame["activity_type"].dtype))
    scanner.see("frame: attrs", json.dumps(frame.attrs), json.dumps(held.attrs))
    scanner.see("frame: pickled", pickle.dumps(frame), pickle.dumps(held))
    scanner.see("provenance", *(f"{told.to_csv()} {told.to_html()}" for told in map(cctrack.provenance, (frame, held))))
    info = cctrack.cache.info(session=session)
    scanner.see("cache.info", info.to_csv(), info.to_html(), repr(info.attrs))
    scanner.see("session: repr", repr(session), str(session), f"{session}")
    scanner.see("session: dir and account", *dir(session), session.account)
    scanner.see("session: all that it leads to", *_reachable(session))
    refused = [_failure(lambda protocol=protocol: pickle.dumps(session, protocol)) for protocol in range(6)]  # type: ignore[misc]
    scanner.see("session: pickling is refused", *(f"{one!r}" for one in refused if isinstance(one, TypeError)))
    credentials = session._transport._http.adapters[f"{service.url}/"]
    scanner.see("session: connections and credentials", *_reachable(vars(credentials)), repr(credentials))
    _disk(scanner, folder, "open")
    session.close()
    _disk(scanner, folder, "closed")


def _disk(scanner: Scanner, folder: Path, state: str) -> None:
    found = files(folder)
    walks = [path for path in found if path.name.startswith("walks")]
    ledgers = [path for path in found if path not in walks]
    scanner.see("disk: names of files and folders", *(path.relative_to(folder) for path in folder.rglob("*")))
    scanner.see(f"disk: walks, raw, {state}", *(path.read_bytes() for path in walks))
    scanner.see(f"disk: count of calls, raw, {state}", *(path.read_bytes() for path in ledgers))
    scanner.see("disk: every value, unpacked", *decoded(folder))
    for path in ledgers:
        if path.suffix == ".sqlite":
            scanner.see("disk: count of calls, values", *(f"{one}" for one in stored(path)))


_CELLS = (
    "import cctrack\nsession = cctrack.connect()\nsession",
    "frame = cctrack.clicks_df('36', limit=2)\ndisplay(frame, cctrack.provenance(frame), cctrack.cache.info())",
    "import logging\nlogging.basicConfig(level=logging.DEBUG)\ncctrack.clicks_df('36', limit=2, refresh=True)",
    "%whos",
    "vars(session), vars(session._transport), vars(session._transport._http)",
    *(
        code
        for mode in _MODES
        for code in (f"%xmode {mode}", "cctrack.clicks_df('broken')", "cctrack.clicks_df(['36', 'broken'])")
    ),
    "cctrack.clicks_df('echo')",
    "import pickle\npickle.dumps(session)",
)


def _notebook(scanner: Scanner, service: Service, folder: Path) -> None:
    """Run cells in a kernel that is connected by its environment, and look at the file."""
    cells = [nbformat.v4.new_code_cell(code) for code in _CELLS]
    notebook = nbformat.v4.new_notebook(cells=cells)
    work = folder / "work"
    work.mkdir(parents=True)
    client = NotebookClient(
        notebook,
        timeout=SECONDS_A_CELL,
        startup_timeout=SECONDS_A_CELL,
        kernel_name="python3",
        allow_errors=True,
        resources={"metadata": {"path": str(work)}},
    )
    with quiet():
        client.execute(env=_settings(service, folder / "cache", IPYTHONDIR=str(folder / "ipython")))
    written = nbformat.writes(notebook)
    failed = sum(one["output_type"] == "error" for cell in notebook.cells for one in cell.outputs)
    if failed < 2 * len(_MODES):
        raise RuntimeError(f"only {failed} cells of the notebook failed as they should")
    scanner.see("notebook: the executed file", written)
    outputs = [one for cell in notebook.cells for one in cell.outputs]
    scanner.see("notebook: outputs", *(json.dumps(one) for one in outputs))
    scanner.see("notebook: history and profile of IPython", *(path.read_bytes() for path in files(folder / "ipython")))
    cache = files(folder / "cache")
    scanner.see("notebook: cache of the kernel", *(path.read_bytes() for path in cache))
    for path in cache:
        if path.suffix == ".sqlite":
            stored(path)  # takes in the journal that a kernel leaves behind
    scanner.see("notebook: cache of the kernel", *decoded(folder / "cache"))


def _settings(service: Service, folder: Path, **further: str) -> dict[str, str]:
    return environment(
        CCTRACK_API_KEY=service.key,
        CCTRACK_ACCESS_TOKEN=service.token,
        CCTRACK_BASE_URL=service.url,
        CCTRACK_CACHE_DIR=str(folder),
        **further,
    )


_CHILD = """
import logging, os, subprocess, sys
logging.basicConfig(level=logging.DEBUG)
import cctrack
key, token, url = sys.stdin.read().split()
session = cctrack.connect(key, token, base_url=url)
del key, token
print(session, cctrack.clicks_df("36", limit=2).attrs)
subprocess.run([sys.executable, "-c", "import os; print(dict(os.environ))"], check=True)
cctrack.clicks_df("broken")
"""


def _child(scanner: Scanner, service: Service, folder: Path) -> None:
    """Run a script that is told them on its standard input, and a child of that script."""
    run = subprocess.run(
        [sys.executable, "-c", _CHILD],
        input=f"{service.key} {service.token} {service.url}",
        env=environment(CCTRACK_CACHE_DIR=str(folder)),
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if "EMAIL" in run.stdout or "Error" not in run.stderr:
        raise RuntimeError(f"the script did not do what it should: {run.stderr[-400:]}")
    output, _, child = run.stdout.partition("\n")
    scanner.see("script: standard output", output)
    scanner.see("script: standard error, logging at DEBUG", run.stderr)
    scanner.see("script: environment of its child", child)


def _wire(scanner: Scanner, service: Service) -> None:
    """Look at requests without the two places where the credentials belong."""
    for request in service.requests:
        others = {name: value for name, value in request.headers.items() if name != "authorization"}
        scanner.see("wire: other headers", str(others))
        address = request.target.replace(quote(service.key, safe=""), "", 1)
        scanner.see("wire: the rest of the address", address, request.body)


def _searched(service: Service, folder: Path, *, every: int) -> Scanner:
    scanner = Scanner(_forms(service))
    seen: Callable[[str, Iterable[object]], None] = lambda surface, texts: scanner.see(surface, *texts)  # noqa: E731
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err), _logged() as log, quiet() as said:
        for error in _failures(service, folder / "failures", every=every):
            _see_error(scanner, error)
        for error in _misconfigured(service):
            _see_error(scanner, error)
        _objects(scanner, service, folder / "objects")
    seen("warnings of failures", said)
    seen("logs at DEBUG: messages", (record.getMessage() for record in log.records))
    seen("logs at DEBUG: all that records hold", (repr(vars(record)) for record in log.records))
    seen("printed", [out.getvalue(), err.getvalue()])
    _disk(scanner, folder / "failures", "closed")
    seen("environment", [str(dict(os.environ))])
    service.rows(CLICKS, clicks(5))
    _wire(scanner, service)
    always(service, "/v2/contacts/broken/tracking/clicks", Answer.error(400, "odd", _echo(service)))
    always(service, "/v2/contacts/echo/tracking/clicks", Answer.page([click(email_address=_echo(service))]))
    _child(scanner, service, folder / "script")
    _notebook(scanner, service, folder / "notebook")
    return scanner


def run(folder: Path, *, quick: bool, seed: int) -> list[Figure]:
    """Look everywhere, with credentials that are plain and, in the long form, with awkward ones too."""
    texts: dict[str, int] = {}
    found: dict[str, int] = {}
    missed = 0
    for awkward in (False,) if quick else (False, True):
        with Service() as service:
            if awkward:
                service.key = "SEKRET/key+" + service.key[-12:] + "%3D&'="
                service.token = 'SEKRET/token+"' + service.token[-12:] + "\\=="
            missed += _overlooked(service)
            scanner = _searched(service, folder / f"{awkward}", every=6 if quick else 1)
        for surface, count in scanner.texts.items():
            texts[surface] = texts.get(surface, 0) + count
            found[surface] = found.get(surface, 0) + scanner.found[surface]
    seen = {surface: count for surface, count in texts.items() if count}
    return [
        exactly("secrets", "planted secrets that the scanner overlooks", missed),
        at_least("secrets", "surfaces", len(seen), _SURFACES),
        *(exactly("secrets", surface, found[surface], of=count) for surface, count in seen.items()),
    ]


def _overlooked(service: Service) -> int:
    """Count the planted secrets that the scanner does not find."""
    scanner = Scanner(_forms(service))
    for secret in (service.key, service.token):
        for form in (secret, quote(secret, safe=""), json.dumps(secret), repr([secret]), secret.encode().hex()):
            scanner.see("planted", f"a {form} b")
    return scanner.texts["planted"] - scanner.found["planted"]
