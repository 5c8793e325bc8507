"""Snapshots: the same figures without credentials or network, no addresses if masked, and no harm from a stranger's."""

import json
import os
import pickle
import random
import re
import sqlite3
import stat
import struct
import subprocess
import sys
import tempfile
import tracemalloc
import warnings
import zipfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pandas as pd
import pytest
from service import Account, Answer, Service, account, bounce, click, contact, unsubscribe
from sessions import CLICKS, clicks, ids_of, link_ids, pages_in, quiet, session_on, walks_file

import cctrack
from cctrack.api import snapshot
from cctrack.api.session import Session
from cctrack.catalog import REPORTS

Asks = list[tuple[str, tuple[Any, ...], dict[str, Any]]]


def _asks(acc: Account) -> Asks:
    """Ask for every report of the dialect, and for some with filters."""
    given: dict[tuple[str, ...], tuple[Any, ...]] = {
        (): (),
        ("contact_id",): (list(acc.contacts),),
        ("campaign_id",): (list(acc.sent),),
        ("list_id",): (list(acc.lists),),
        ("campaign_id", "link_id"): (acc.sent[1], list(acc.links[acc.sent[1]])),
    }
    asks: Asks = [
        (report.function, given[report.keys], {})
        for report in REPORTS.values()
        if report.name not in ("campaign_did_not_opens", "campaign_unique_opens")
    ]
    since = {"created_since": "2026-03-03"}
    return [
        *asks,
        ("campaigns_df", (), {"details": True, "status": None}),
        ("contacts_df", (), {"email": "person36@example.org"}),
        ("clicks_df", (list(acc.contacts),), {"route": "campaigns"}),
        ("opens_df", ("36",), since),
    ]


def _read(asks: Asks, session: Session) -> list[pd.DataFrame]:
    with quiet():
        return [getattr(cctrack, name)(*ids, session=session, **options) for name, ids, options in asks]


_READER = """
import pickle, socket, sys, warnings
from pathlib import Path

def refuse(*_):
    raise RuntimeError("reached for the network")

socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = refuse
import cctrack

warnings.simplefilter("ignore")
cctrack.open_snapshot(sys.argv[1])
found = []
for name, ids, options in pickle.loads(Path(sys.argv[2]).read_bytes()):
    try:
        found.append(getattr(cctrack, name)(*ids, **options))
    except cctrack.CctrackError as error:
        found.append(type(error).__name__)
Path(sys.argv[3]).write_bytes(pickle.dumps(found))
"""


def _elsewhere(snapshot: Path, asks: Asks, folder: Path) -> list[Any]:
    """Read in a process that knows nothing: no settings, another home, another cache folder, no network."""
    home = folder / "elsewhere"
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith("CCTRACK_")}
    environment = kept | {"HOME": str(home), "XDG_CACHE_HOME": str(home / "c"), "CCTRACK_CACHE_DIR": str(home / "d")}
    environment["PYTHONPATH"] = str(Path(cctrack.__file__).parent.parent)
    wanted, result = folder / "asks.pickle", folder / "frames.pickle"
    wanted.write_bytes(pickle.dumps(asks))
    command = [sys.executable, "-c", _READER, str(snapshot), str(wanted), str(result)]
    done = subprocess.run(command, cwd=home, env=environment, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert list(home.iterdir()) == []  # it wrote nothing
    found: list[Any] = pickle.loads(result.read_bytes())
    return found


def _same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(one, other, check_exact=True)
    told = [{**frame.attrs["cctrack"], "calls": None, "from_cache": None} for frame in (one, other)]
    assert told[0] == told[1]


# --- the same figures elsewhere ------------------------------------------------------------------


def test_every_report_elsewhere(service: Service, tmp_path: Path, tmp_cache: Path) -> None:
    acc = account(service, page_size=3)
    asks = _asks(acc)
    with session_on(service, tmp_cache) as session:
        frames = _read(asks, session)
        path = cctrack.freeze(tmp_path / "q1.zip", session=session)
    assert path == tmp_path / "q1.zip"
    service.close()
    missing: Asks = [
        ("clicks_df", ("99",), {}),
        ("clicks_df", ("99",), {"refresh": True}),
        ("clicks_df", (["36", "99"],), {}),
        ("opens_df", ("36",), {"created_since": "2026-03-04"}),
        ("contacts_df", (), {"email": "person37@example.org"}),
    ]
    refreshed: Asks = [(name, ids, {**options, "refresh": True}) for name, ids, options in asks[:3]]
    found = _elsewhere(path, [*asks, *refreshed, *missing], tmp_path)
    assert found[-len(missing) :] == ["CacheMissError"] * len(missing)
    for one, other in zip([*frames, *frames[:3]], found, strict=False):
        _same(one, other)
        assert other.attrs["cctrack"]["calls"] == 0
    assert all(frame.attrs["cctrack"]["from_cache"] for frame in found[: len(asks)] if len(frame))


@pytest.mark.filterwarnings("default::UserWarning")
def test_demo_account_elsewhere(tmp_path: Path) -> None:
    asks: Asks = [("contacts_df", (), {}), ("campaigns_df", (), {}), ("activities_df", (["1", "2", "36"],), {})]
    session = cctrack.demo(contacts=120)
    frames = _read(asks, session)
    path = cctrack.freeze(tmp_path / "demo.zip")
    session.close()
    for one, other in zip(frames, _elsewhere(path, asks, tmp_path), strict=True):
        _same(one, other)
        assert len(other) > 3


def test_opened_snapshot_is_the_default_and_can_be_frozen_again(
    service: Service, tmp_path: Path, tmp_cache: Path
) -> None:
    service.rows(CLICKS, clicks(5))
    with session_on(service, tmp_cache) as session:
        frame = cctrack.clicks_df("36", limit=2, session=session)
        cctrack.freeze(tmp_path / "one.zip", session=session)
    service.reset()
    with cctrack.open_snapshot(str(tmp_path / "one.zip")) as opened:
        assert isinstance(opened, cctrack.Session)
        _same(frame, cctrack.clicks_df("36"))
        assert cctrack.cache.info().loc[0, ["report", "walks", "pages", "rows"]].tolist() == ["clicks", 1, 3, 5]
        with pytest.raises(cctrack.CctrackError, match="never changed"):
            cctrack.cache.forget("36")
        cctrack.freeze(tmp_path / "two.zip")
    with cctrack.open_snapshot(tmp_path / "two.zip"):
        _same(frame, cctrack.clicks_df("36", refresh=True))
    assert service.connections == 0


# --- the file ------------------------------------------------------------------------------------


def _held(service: Service, folder: Path, rows: int = 5) -> Session:
    service.rows(CLICKS, clicks(rows))
    session = session_on(service, folder)
    cctrack.clicks_df("36", limit=2, session=session)
    return session


def _texts(path: Path) -> Iterator[str]:
    """Give all that a snapshot tells, in every way to read it."""
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        yield archive.comment.decode()
        for one in archive.infolist():
            yield f"{one.filename} {one.comment!r} {one.extra!r}"
            text = archive.read(one).decode()
            yield text
            yield json.dumps(json.loads(text), ensure_ascii=False)
            for _ in range(3):
                text = unquote(text)
                yield text


def test_nothing_held(tmp_path: Path, service: Service, tmp_cache: Path) -> None:
    session = session_on(service, tmp_cache)
    with pytest.raises(cctrack.CacheMissError, match="nothing to freeze"):
        cctrack.freeze(tmp_path / "q.zip", session=session)
    service.rows(CLICKS, [])
    cctrack.clicks_df("36", session=session)
    cctrack.freeze(tmp_path / "q.zip", session=session)  # an empty report is something
    with cctrack.open_snapshot(tmp_path / "q.zip"):
        assert cctrack.clicks_df("36").empty


def test_only_whole_walks(service: Service, tmp_path: Path, tmp_cache: Path) -> None:
    session = _held(service, tmp_cache)
    service.rows("/v2/contacts/37/tracking/clicks", clicks(5))
    cctrack.clicks_df("37", limit=2, session=session)
    # Of one walk a page is gone; another one broke off at its second page.
    with closing(sqlite3.connect(walks_file(tmp_cache))) as db:
        (key,) = db.execute("SELECT key FROM pages ORDER BY rowid DESC").fetchone()
        db.execute("DELETE FROM pages WHERE key = ?", (key,))
        db.commit()
    served = service.rows("/v2/contacts/38/tracking/clicks", clicks(5))
    service.on(served.path, lambda request: served(request) if "next" not in request.query else Answer.error(401))
    with pytest.raises(cctrack.CctrackError):
        cctrack.clicks_df("38", limit=2, session=session)
    assert pages_in(tmp_cache) == 6
    with cctrack.open_snapshot(cctrack.freeze(tmp_path / "q.zip", session=session)) as opened:
        assert link_ids(cctrack.clicks_df("36")) == ids_of(clicks(5))
        for one in ("37", "38"):
            with pytest.raises(cctrack.CacheMissError):
                cctrack.clicks_df(one)
        assert len(opened.store.all()) == 1
    with closing(sqlite3.connect(walks_file(tmp_cache))) as db:
        db.execute("DELETE FROM pages")
        db.commit()
    (tmp_path / "q.zip").write_bytes(b"as it was")
    with pytest.raises(cctrack.CacheMissError, match="nothing to freeze"):
        cctrack.freeze(tmp_path / "q.zip", session=session)
    assert (tmp_path / "q.zip").read_bytes() == b"as it was"


def test_replaced_when_complete(
    service: Service, tmp_path: Path, tmp_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = _held(service, tmp_cache)
    folder = tmp_path / "shared"
    folder.mkdir()
    path = folder / "q.zip"
    path.write_bytes(b"as it was")
    path.chmod(0o644)
    written = zipfile.ZipFile.writestr

    def failing(error: BaseException) -> Callable[..., None]:
        def write(self: zipfile.ZipFile, name: Any, *rest: Any) -> None:
            written(self, name, *rest)
            if "000001" in str(name):
                raise error

        return write

    for error in (OSError(28, "No space left on device"), KeyboardInterrupt()):
        with monkeypatch.context() as patch:
            patch.setattr(zipfile.ZipFile, "writestr", failing(error))
            with pytest.raises(type(error)):
                cctrack.freeze(path, session=session)
        assert path.read_bytes() == b"as it was"
        assert list(folder.iterdir()) == [path]
    assert cctrack.freeze(str(path), session=session) == path
    assert list(folder.iterdir()) == [path]
    if os.name == "posix":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    for wrong in (folder, folder / "none" / "q.zip"):
        with pytest.raises(OSError):
            cctrack.freeze(wrong, session=session)
    assert list(folder.iterdir()) == [path]


def test_bad_arguments(service: Service, tmp_path: Path, tmp_cache: Path) -> None:
    session = _held(service, tmp_cache)
    for wrong in (None, b"q.zip", 3, ["q.zip"]):
        with pytest.raises(TypeError, match="path"):
            cctrack.freeze(wrong, session=session)  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="path"):
            cctrack.open_snapshot(wrong)  # type: ignore[arg-type]
    with pytest.raises((TypeError, ValueError), match="mask_emails"):
        cctrack.freeze(tmp_path / "q.zip", mask_emails="yes", session=session)  # type: ignore[arg-type]
    with pytest.raises(OSError):
        cctrack.open_snapshot(tmp_path / "none.zip")
    with pytest.raises(OSError):
        cctrack.open_snapshot(tmp_path)


@pytest.mark.parametrize("masked", [False, True])
def test_no_secret_and_no_place_in_it(service: Service, tmp_path: Path, tmp_cache: Path, masked: bool) -> None:
    asks = _asks(account(service, page_size=3))
    session = cctrack.connect(service.key, service.token, base_url=service.url, rate=1000)
    _read(asks, session)
    path = cctrack.freeze(tmp_path / "q.zip", mask_emails=masked)
    session.close()
    found = "\n".join(_texts(path))
    assert "EMAIL_CLICK" in found
    port = service.url.rpartition(":")[2]
    for secret in (service.key, service.token, f"127.0.0.1:{port}", str(tmp_path), str(Path.home()), os.getcwd()):  # noqa: PTH109
        assert secret not in found
        assert secret.encode() not in path.read_bytes()


# --- pseudonyms ----------------------------------------------------------------------------------

_ADA = ("Ada.Lovelace+news@Example.ORG", "ada.lovelace+news@example.org")
_SECRET = (
    *("ada.lovelace", "lovelace", "example.org", "grace", "hopper", "navy.example", "countess", "engine works"),
    *("+44 20 7946", "12 st james", "marylebone", "the enchantress", "analyst-in-chief", "private note", "0xada"),
)


def _load_people(service: Service) -> None:
    ada, small = _ADA
    coded = "Ada.Lovelace%2Bnews%40Example.ORG"
    twice = "ada.lovelace%252Bnews%2540example.org"
    uris = [
        f"https://shop.test/unsubscribe?email={coded}&x=1",
        f"https://shop.test/in/{small}/page#top",
        f"https://shop.test/r?to=https%3A%2F%2Fother.test%2F%3Fe%3D{twice}",
        f"https://shop.test/two?a={coded}&b=grace%40navy.example",
        f"mailto:{ada}?subject=Hi",
        "https://shop.test/plain?x=1",
    ]
    service.rows(CLICKS, [click(email_address=_ADA[n % 2], link_id=str(n), link_uri=uri) for n, uri in enumerate(uris)])
    words = [
        f"550 5.1.1 <{ada}>: Recipient address rejected; to={small}, try 'GRACE@navy.example'.",
        f'Final-Recipient: rfc822;{ada}\nsee https://help.test/?a={coded} and "grace hopper"@navy.example',
        f"VERP bounce-lovelace=example.org@lists.test, {small}; GRACE@[192.0.2.7] grace@navy.example.",
    ]
    service.rows(
        "/v2/contacts/36/tracking/bounces", [bounce(email_address=small, bounce_message=text) for text in words]
    )
    reason = f"write to grace@navy.example instead of {ada}"
    service.rows("/v2/contacts/36/tracking/unsubscribes", [unsubscribe(email_address=ada, unsubscribe_reason=reason)])
    people = [
        contact(
            "36",
            first_name="Ada",
            last_name="Lovelace",
            prefix_name="Countess",
            job_title="Analyst-in-chief",
            company_name="Engine Works",
            cell_phone="+44 20 7946 0000",
            fax="+44 20 7946 0001",
            addresses=[{"line1": "12 St James Square", "city": "Marylebone", "postal_code": "0xADA"}],
            custom_fields=[{"name": "CustomField1", "value": "The Enchantress"}],
            notes=[{"note": f"private note of {ada}"}],
            **{f"alias {small}": [small, {"of": ada}]},
        ),
        contact("37", first_name="Grace", last_name="Hopper", company_name="Engine Works"),
    ]
    people[0]["email_addresses"][0]["email_address"] = ada
    people[1]["email_addresses"][0]["email_address"] = "grace@navy.example"
    found = service.rows("/v2/contacts", people)
    found.where = lambda row, asked: "email" not in asked or row["id"] == "36"


def _masked(service: Service, folder: Path, path: Path) -> list[pd.DataFrame]:
    session = session_on(service, folder)
    asks: Asks = [(name, ("36",), {}) for name in ("clicks_df", "bounces_df", "unsubscribes_df")]
    frames = _read([*asks, ("contacts_df", (), {}), ("contacts_df", (), {"email": _ADA[0]})], session)
    cctrack.freeze(path, mask_emails=True, session=session)
    with cctrack.open_snapshot(path) as opened:
        return [*frames, *_read([*asks, ("contacts_df", (), {})], opened)]


def test_mask(service: Service, tmp_path: Path, tmp_cache: Path) -> None:
    _load_people(service)
    path = tmp_path / "q.zip"
    clear_clicks, clear_bounces, _, _, _, clicked, bounced, left, people = _masked(service, tmp_cache, path)
    told = "\n".join(_texts(path)).lower()
    for secret in _SECRET:
        assert secret not in told, told[max(0, told.find(secret) - 80) : told.find(secret) + 40]

    pseudonyms = set(clicked["email_address"]) | set(bounced["email_address"]) | set(left["email_address"])
    assert len(pseudonyms) == 1  # one person, however it is written
    (ada,) = pseudonyms
    grace = people["email_address"].iloc[1]
    assert re.fullmatch(r"p[0-9a-f]{16}@d[0-9a-f]{16}\.example", ada)
    assert people["email_address"].tolist() == [ada, grace]
    assert ada.partition("@")[2] != grace.partition("@")[2]
    assert clicked["link_uri"].tolist() == [
        f"https://shop.test/unsubscribe?email={ada}&x=1",
        f"https://shop.test/in/{ada}/page#top",
        f"https://shop.test/r?to=https%3A%2F%2Fother.test%2F%3Fe%3D{ada}",
        f"https://shop.test/two?a={ada}&b={grace}",
        f"mailto:{ada}?subject=Hi",
        "https://shop.test/plain?x=1",
    ]
    first, second, third = bounced["bounce_message"]
    assert first == f"550 5.1.1 <{ada}>: Recipient address rejected; {ada}, try {grace}'."
    assert first.count(ada) == 2
    assert f"rfc822;{ada}\n" in second
    assert f"?a={ada} and " in second
    assert ada in third
    assert third.endswith(f" {grace}.")
    assert left["unsubscribe_reason"].iloc[0] == f"write to {grace} instead of {ada}"
    assert people[["first_name", "last_name", "company_name"]].replace("", pd.NA).isna().all(axis=None)
    # All else is as it was.
    pd.testing.assert_frame_equal(
        clicked.drop(columns=["email_address", "link_uri"]), clear_clicks.drop(columns=["email_address", "link_uri"])
    )
    assert bounced["bounce_description"].equals(clear_bounces["bounce_description"])
    # The person can be asked for by the pseudonym.
    with cctrack.open_snapshot(path):
        assert cctrack.contacts_df(email=ada)["contact_id"].tolist() == ["36"]
        with pytest.raises(cctrack.CacheMissError):
            cctrack.contacts_df(email=_ADA[0])


def test_pseudonyms_are_others_in_the_next_file(service: Service, tmp_path: Path, tmp_cache: Path) -> None:
    hosts, found = [], []
    service.rows(
        CLICKS,
        [click(email_address=one) for one in ("a@one.example", "b@one.example", "a@two.example", "A@one.example")],
    )
    for number in range(2):
        with session_on(service, tmp_cache) as session:
            cctrack.clicks_df("36", session=session)
            path = cctrack.freeze(tmp_path / f"{number}.zip", mask_emails=True, session=session)
        with cctrack.open_snapshot(path):
            one, other, third, again = cctrack.clicks_df("36")["email_address"]
        assert one == again
        assert len({one, other, third}) == 3
        assert one.partition("@")[2] == other.partition("@")[2] != third.partition("@")[2]
        assert one.partition("@")[0] != third.partition("@")[0]
        found += [one, other, third]
        hosts += [one.partition("@")[2], third.partition("@")[2]]
    assert len(set(found)) == 6
    assert len(set(hosts)) == 4


def test_figures_do_not_change_by_the_mask(service: Service, tmp_path: Path, tmp_cache: Path) -> None:
    acc = account(service)
    asks = _asks(acc)
    with session_on(service, tmp_cache) as session:
        frames = _read(asks, session)
        cctrack.freeze(tmp_path / "q.zip", mask_emails=True, session=session)
    asks = [ask for ask in asks if "email" not in ask[2]]
    frames = [frame for frame, ask in zip(frames, _asks(acc), strict=True) if ask in asks]
    with cctrack.open_snapshot(tmp_path / "q.zip") as opened:
        masked = _read(asks, opened)
    told = "\n".join(_texts(tmp_path / "q.zip")).lower()
    for secret in ("@example.org", "person36", "josé", "ångström", "zoë", "山田", "o'neill", "example ltd"):
        assert secret not in told
    hidden = ["email_address", "first_name", "last_name", "company_name"]
    for clear, other, ask in zip(frames, masked, asks, strict=True):
        drop = [name for name in hidden if name in clear]
        pd.testing.assert_frame_equal(clear.drop(columns=drop), other.drop(columns=drop))
        if "email_address" in clear:
            assert clear["email_address"].nunique() == other["email_address"].nunique()
        if ask[0] == "account_activities_df":
            links = cctrack.analysis.link_popularity
            pd.testing.assert_frame_equal(cctrack.analysis.funnel(clear), cctrack.analysis.funnel(other))
            pd.testing.assert_frame_equal(links(clear), links(other))


def test_a_long_text_is_masked_in_time(service: Service, tmp_path: Path, tmp_cache: Path) -> None:
    long = "a" * 30_000
    uris = [f"https://x.test/?{long}&e=ada%40navy.example", f"x@y {long}", "%40" * 20_000, "a@" * 20_000]
    service.rows(CLICKS, [click(link_uri=uri) for uri in uris])
    with session_on(service, tmp_cache) as session:
        cctrack.clicks_df("36", session=session)
        cctrack.freeze(tmp_path / "q.zip", mask_emails=True, session=session)
    with cctrack.open_snapshot(tmp_path / "q.zip"):
        assert cctrack.clicks_df("36")["link_uri"].str.contains("navy").sum() == 0


# --- a stranger's file ---------------------------------------------------------------------------

Members = dict[str, bytes]
INDEX = "snapshot.json"
PAGE = "pages/000000.json"


@pytest.fixture
def frozen(service: Service, tmp_path: Path, tmp_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Freeze five clicks of contact 36 on three pages; what is written somewhere after that is seen."""
    for name in ("here", "temporary"):
        (tmp_path / name).mkdir()
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    with _held(service, tmp_cache) as session:
        return cctrack.freeze(tmp_path / "frozen.zip", session=session)


def _members(path: Path) -> Members:
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def _written(path: Path, members: Members, compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def _listing(folder: Path) -> dict[Path, int]:
    return {path: path.stat().st_mtime_ns for path in folder.rglob("*")}


def _refused(path: Path, folder: Path, *, at_once: bool = True, megabytes: float = 24) -> None:
    """Open it and read from it: an error of ours, nothing written, and little memory."""
    before = _listing(folder)

    def use() -> None:
        with cctrack.open_snapshot(path):
            assert not at_once
            cctrack.clicks_df("36")

    tracemalloc.start()
    try:
        with pytest.raises((cctrack.ResponseError, cctrack.CacheMissError)) as caught:
            use()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(str(caught.value)) < 400
    assert str(folder) not in str(caught.value)
    assert peak < megabytes * 2**20
    assert _listing(folder) == before


def _indexed(members: Members, **changes: Any) -> Members:
    return {**members, INDEX: json.dumps(json.loads(members[INDEX]) | changes).encode()}


def _entry(members: Members, **changes: Any) -> Members:
    entries = json.loads(members[INDEX])["entries"]
    return _indexed(members, entries=[entries[0] | changes, *entries[1:]])


class _Run:
    """Leaves a file behind when it is unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return Path.touch, (self.path,)


_BAD: dict[str, Callable[[Members], Members]] = {
    "no index": lambda held: {name: data for name, data in held.items() if name != INDEX},
    "only an index": lambda held: {INDEX: held[INDEX]},
    "a page is missing": lambda held: {name: data for name, data in held.items() if name != PAGE},
    "other format": lambda held: _indexed(held, format=2),
    "format of another type": lambda held: _indexed(held, format="1"),
    "unknown field": lambda held: _indexed(held, more=1),
    "unknown API": lambda held: _indexed(held, api="v9" * 1000),
    "no account": lambda held: _indexed(held, account=""),
    "account is a path": lambda held: _indexed(held, account="../../x"),
    "account is long": lambda held: _indexed(held, account="x" * 1000),
    "extra member": lambda held: held | {"notes.txt": b"hello"},
    "climbing name": lambda held: held | {"../../x": b"x"},
    "absolute name": lambda held: held | {"/tmp/x": b"x"},
    "drive": lambda held: held | {"C:\\x": b"x"},
    "folder": lambda held: held | {"pages/": b""},
    "climbing page": lambda held: _entry(held | {"../x.json": held[PAGE]}, pages=["../x.json"]),
    "page twice": lambda held: _entry(held, pages=[PAGE] * 1000),
    "page is the index": lambda held: _entry(held, pages=[INDEX]),
    "pages is text": lambda held: _entry(held, pages=PAGE),
    "rows is text": lambda held: _entry(held, rows="5"),
    "rows is a fraction": lambda held: _entry(held, rows=5.5),
    "date is text": lambda held: _entry(held, fetched_at="now"),
    "date is far": lambda held: _entry(held, fetched_at=1e300),
    "other date is far": lambda held: _entry(held, whole_at=-1e18),
    "path is a list": lambda held: _entry(held, path=["/"]),
    "entries is an object": lambda held: _indexed(held, entries={}),
    "entry is null": lambda held: _indexed(held, entries=[None]),
    "index is a list": lambda held: held | {INDEX: b"[]"},
    "index is empty": lambda held: held | {INDEX: b""},
    "index is no UTF-8": lambda held: held | {INDEX: b"\xff\xfe{}"},
    "index is nested": lambda held: held | {INDEX: b'{"format":' + b"[" * 200_000},
    "index is a pickle": lambda held: held | {INDEX: pickle.dumps(held)},
}


@pytest.mark.parametrize("name", _BAD)
def test_no_snapshot(frozen: Path, tmp_path: Path, name: str) -> None:
    _refused(_written(tmp_path / "bad.zip", _BAD[name](_members(frozen))), tmp_path)


@pytest.mark.parametrize(
    "page",
    [
        *(b"", b"[]", b"null", b"{}", b"not JSON", b'{"results": 3}', b'{"results": [1]}', b"\xff" * 9),
        *(b"[" * 200_000, b'{"results": ' * 50_000, b'{"results": [' + b"[" * 5_000, b'{"results": [NaN]}'),
    ],
)
def test_pages_that_are_none(frozen: Path, tmp_path: Path, page: bytes) -> None:
    _refused(_written(tmp_path / "bad.zip", _members(frozen) | {PAGE: page}), tmp_path, at_once=False)


def test_nothing_of_it_is_run(frozen: Path, tmp_path: Path) -> None:
    held, left = _members(frozen), tmp_path / "was-run"
    for run in (pickle.dumps(_Run(left)), f"__import__('pathlib').Path({str(left)!r}).touch()".encode()):
        _refused(_written(tmp_path / "bad.zip", held | {PAGE: run}), tmp_path, at_once=False)
        _refused(_written(tmp_path / "bad.zip", held | {INDEX: run}), tmp_path)
        _refused(_written(tmp_path / "bad.zip", held | {"cctrack.py": run, "pages/000000.pickle": run}), tmp_path)
    assert not left.exists()
    pickle.loads(pickle.dumps(_Run(left)))  # it would have shown
    assert left.exists()


def test_rows_that_it_does_not_have(frozen: Path, tmp_path: Path) -> None:
    for changes in ({"rows": -1}, {"pages": []}):
        held = _entry(_members(frozen), **changes)
        if "pages" in changes:
            held = {INDEX: held[INDEX]}
        _refused(_written(tmp_path / "bad.zip", held), tmp_path, at_once=False)
    odd = _entry(_members(frozen), rows=10**15, newest=10**30, oldest=-(10**30), order="?", overlap="?", number="../x")
    with cctrack.open_snapshot(_written(tmp_path / "odd.zip", odd)):
        assert link_ids(cctrack.clicks_df("36")) == ids_of(clicks(5))
        assert len(cctrack.cache.info()) == 1


def test_a_link_within_it_is_not_followed(frozen: Path, tmp_path: Path) -> None:
    held = _members(frozen)
    secret = tmp_path / "secret.json"
    secret.write_bytes(held.pop(PAGE))
    with zipfile.ZipFile(tmp_path / "bad.zip", "w") as archive:
        for name, data in held.items():
            archive.writestr(name, data)
        link = zipfile.ZipInfo(PAGE)
        link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
        # An absolute path whose beginning, which an error may show as that of a wrong answer, names no folder.
        archive.writestr(link, "/" + "./" * 100 + str(secret).lstrip("/"))
    _refused(tmp_path / "bad.zip", tmp_path, at_once=False)


def test_names_that_stand_twice(frozen: Path, tmp_path: Path) -> None:
    held = _members(frozen)
    for name in (INDEX, PAGE):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            path = _written(tmp_path / "bad.zip", held)
            with zipfile.ZipFile(path, "a") as archive:
                archive.writestr(name, held[name])
        _refused(path, tmp_path)


@pytest.mark.parametrize("compression", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
@pytest.mark.parametrize("lies", [False, True])
def test_bomb(frozen: Path, tmp_path: Path, compression: int, lies: bool) -> None:
    """70 MB of blanks in a few kB, with or without its size being told."""
    size = 70 * 2**20 + 12_345
    path = _written(tmp_path / "bad.zip", _members(frozen) | {PAGE: b" " * size}, compression)
    if lies:
        data = path.read_bytes()
        told, lie = struct.pack("<I", size), struct.pack("<I", 1000)
        assert data.count(told) == 2
        path.write_bytes(data.replace(told, lie))
    plain = compression == zipfile.ZIP_DEFLATED
    _refused(path, tmp_path, at_once=not (lies and plain))


def test_size_of_all_is_limited(frozen: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(snapshot, "_MOST_OF_ALL", 100)
    _refused(frozen, tmp_path)


def test_encrypted(frozen: Path, tmp_path: Path) -> None:
    data = bytearray(frozen.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.find(mark)
        while at >= 0:
            data[at + offset] |= 1
            at = data.find(mark, at + 4)
    (tmp_path / "bad.zip").write_bytes(data)
    _refused(tmp_path / "bad.zip", tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"PK", b"hello" * 99, b"PK\x05\x06" + b"\0" * 18, b"PK\x05\x06" + b"\xff" * 18]
)
def test_no_zip(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.zip").write_bytes(content)
    _refused(tmp_path / "bad.zip", tmp_path)


def test_truncated_and_flipped(frozen: Path, tmp_path: Path) -> None:
    """Whatever is wrong with it: the rows that were frozen, or an error of ours."""
    rng = random.Random(5)
    whole = frozen.read_bytes()
    path = tmp_path / "bad.zip"
    for length in range(0, len(whole), len(whole) // 20):
        path.write_bytes(whole[:length])
        with pytest.raises(cctrack.ResponseError):
            cctrack.open_snapshot(path)
    outcomes = set()
    for _ in range(300):
        data = bytearray(whole)
        for _ in range(rng.choice((1, 1, 2, 8))):
            data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
        path.write_bytes(data)
        try:
            with cctrack.open_snapshot(path):
                assert link_ids(cctrack.clicks_df("36")) == ids_of(clicks(5))
            outcomes.add("right")
        except (cctrack.ResponseError, cctrack.CacheMissError) as error:
            outcomes.add(type(error).__name__)
    assert outcomes == {"right", "ResponseError", "CacheMissError"}


def test_a_refused_file_changes_no_session(frozen: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.zip").write_bytes(b"no zip")
    with cctrack.open_snapshot(frozen) as opened:
        with pytest.raises(cctrack.ResponseError):
            cctrack.open_snapshot(tmp_path / "bad.zip")
        assert len(cctrack.clicks_df("36")) == 5
        assert cctrack.provenance(cctrack.clicks_df("36")) is not None
        assert "offline" in repr(opened)
