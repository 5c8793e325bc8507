"""v2 identifiers to those of v3: batches, order, what is unknown, and what is kept for good."""

import json
import sqlite3
import stat
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from clock import Clock
from hypothesis import given
from hypothesis import strategies as st
from service import Answer, Request, Service
from sessions import files, quiet
from tqdm.auto import tqdm

import cctrack
from cctrack import progress
from cctrack.api import settings, v3
from cctrack.api.session import Account, Session, assembled
from cctrack.api.xrefs import FILE, XREFS, bare
from cctrack.demo_account.account import Account as DemoAccount
from cctrack.demo_account.account import generate
from cctrack.demo_account.server import DemoServer

TOKEN = "a-token-of-nobody"
_MOST = {"contact": 500, "list": 500, "campaign": 50}


def v3_session(url: str, folder: Path, **given: Any) -> Session:
    """Put a v3 session together whose waits take no time."""
    wanted = {"access_token": TOKEN, "base_url": url, "cache_dir": str(folder), "rate": 1000.0, "api": "v3"}
    chosen = settings.settle(wanted | given)
    origin, loopback = settings.origin(chosen.base_url, v3.HOST)
    return assembled(v3, origin, Account("v3-test", "test"), chosen, loopback=loopback, clock=Clock())


def new_id(kind: str, key: str) -> str:
    """Number things as somebody else's account does."""
    return f"{len(kind):08x}-0000-4000-8000-{int(key):012x}"


@pytest.fixture
def xrefs(service: Service) -> Service:
    """Serve the three lists; what ends in 7 is unknown."""
    service.auth = False

    def handler(kind: str) -> Callable[[Request], Answer]:
        xref = XREFS[kind]

        def answer(request: Request) -> Answer:
            (asked,) = request.query[xref.param]
            keys = asked.split(",")
            if len(keys) > _MOST[kind]:
                return Answer.error(400, "too_many", "too many ids")
            rows = [
                {xref.old: f"{int(key):010}", xref.new: new_id(kind, key), "campaign_activity_id": "a"}
                for key in sorted(keys, key=int)
                if not key.endswith("7")
            ]
            return Answer.json({"xrefs": rows})

        return answer

    for kind, xref in XREFS.items():
        service.on(f"/v3{xref.path}", handler(kind))
    return service


@pytest.fixture
def session(xrefs: Service, tmp_cache: Path) -> Iterator[Session]:
    with v3_session(xrefs.url, tmp_cache) as found:
        yield found


def pairs(frame: pd.DataFrame) -> list[tuple[str, ...]]:
    """List the rows."""
    return list(frame.itertuples(index=False, name=None))


@pytest.mark.parametrize("kind", ["contact", "list", "campaign"])
def test_one_row_is_a_pair(session: Session, xrefs: Service, kind: Any) -> None:
    frame = cctrack.crosswalk(["36", 4, 12.0, "36"], kind, session=session)
    assert pairs(frame) == [(key, new_id(kind, key), kind) for key in ("36", "4", "12")]
    assert list(frame.columns) == ["v2_id", "v3_id", "kind"]
    assert {str(dtype) for dtype in frame.dtypes} == {"string"}
    assert [request.path for request in xrefs.requests] == [f"/v3{XREFS[kind].path}"]
    told = frame.attrs["cctrack"]
    json.dumps(told)
    assert (told["report"], told["calls"], told["from_cache"], told["ids"]["n"]) == ("crosswalk", 1, False, 3)


def test_default_is_contacts(session: Session) -> None:
    assert pairs(cctrack.crosswalk("36", session=session)) == [("36", new_id("contact", "36"), "contact")]


@pytest.mark.parametrize("kind", ["contact", "list", "campaign"])
def test_batches_are_as_large_as_the_service_takes(session: Session, xrefs: Service, kind: Any) -> None:
    keys = [str(10 * number + 1) for number in range(2 * _MOST[kind] + 1)][::-1]
    frame = cctrack.crosswalk(keys, kind, session=session)
    assert list(frame["v2_id"]) == keys
    sizes = [len(request.query[XREFS[kind].param][0].split(",")) for request in xrefs.requests]
    assert sizes == [_MOST[kind], _MOST[kind], 1]


def test_long_work_shows_a_bar(
    session: Session, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CCTRACK_PROGRESS", "1")
    monkeypatch.setattr(progress, "_BAR_AFTER", 0.0)
    monkeypatch.setattr(progress, "tqdm", partial(tqdm, mininterval=0, miniters=1))
    cctrack.crosswalk(range(1, 5_000, 10), session=session)
    assert capsys.readouterr().err == ""
    cctrack.crosswalk(range(5_001, 16_000, 10), session=session)
    assert "crosswalk: 100%" in (shown := capsys.readouterr().err)
    assert "3/3" in shown


def test_zeros_before_make_no_difference(session: Session, xrefs: Service) -> None:
    frame = cctrack.crosswalk(["036", "36", "0000", "0"], session=session)
    assert list(frame["v2_id"]) == ["036", "36", "0000", "0"]
    assert list(frame["v3_id"]) == [new_id("contact", key) for key in ("36", "36", "0", "0")]
    assert xrefs.requests[0].query == {"sequence_ids": ["36,0"]}


@given(number=st.integers(0, 10**18), zeros=st.integers(0, 12))
def test_bare_is_the_number(number: int, zeros: int) -> None:
    assert bare("0" * zeros + str(number)) == bare(number) == str(number)


@given(text=st.text() | st.booleans() | st.none() | st.floats() | st.lists(st.integers()))
def test_bare_of_anything_is_digits_or_nothing(text: Any) -> None:
    found = bare(text)
    assert found == "" or (found.isascii() and found.isdecimal() and found == str(int(found)))


def test_unknown_ids(session: Session, xrefs: Service) -> None:
    with pytest.raises(cctrack.NotFoundError, match=r"no v3 contact for 17, 27; .*on_missing"):
        cctrack.crosswalk(["36", "17", "27"], session=session)
    frame = cctrack.crosswalk(["17", "36", "27"], session=session, on_missing="skip")
    assert list(frame["v2_id"]) == ["36"]
    assert frame.attrs["cctrack"]["missing"] == ["17", "27"]
    # What was found before the error is kept; what is unknown is asked for again.
    assert [request.query["sequence_ids"] for request in xrefs.requests] == [["36,17,27"], ["17,27"]]
    many = [str(number) for number in range(7, 107, 10)]
    with pytest.raises(cctrack.NotFoundError, match="7, 17, 27, 37, 47 and 5 more"):
        cctrack.crosswalk(many, session=session)


def test_kept_for_good(session: Session, xrefs: Service, tmp_cache: Path) -> None:
    first = cctrack.crosswalk(["1", "2"], session=session)
    cctrack.crosswalk(["1"], "list", session=session)
    session.clock.advance(10 * 365 * 86_400)  # type: ignore[attr-defined]
    cctrack.cache.clear(session=session)
    session.close()
    hits = xrefs.hits()
    with v3_session(xrefs.url, tmp_cache) as other:
        again = cctrack.crosswalk(["2", "1"], session=other)
        assert sorted(pairs(again)) == sorted(pairs(first))
        assert (again.attrs["cctrack"]["calls"], again.attrs["cctrack"]["from_cache"]) == (0, True)
        assert xrefs.hits() == hits
        cctrack.crosswalk(["2", "3"], session=other)
        assert xrefs.requests[-1].query == {"sequence_ids": ["3"]}
    with v3_session("http://127.0.0.1:1", tmp_cache, offline=True) as offline:
        assert len(cctrack.crosswalk(["1", "2", "3"], session=offline)) == 3
        with pytest.raises(cctrack.CacheMissError, match="1 of the ids are not on disk"):
            cctrack.crosswalk(["1", "4"], session=offline)


def test_file_is_its_owners_alone(session: Session, tmp_cache: Path) -> None:
    cctrack.crosswalk(["1"], session=session)
    (path,) = [path for path in files(tmp_cache) if path.name == FILE]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_what_breaks_off_goes_on_from_there(session: Session, xrefs: Service) -> None:
    keys = [str(number) for number in range(1, 1000, 10)]
    seen: list[int] = []

    def before(request: Request) -> Answer | None:
        seen.append(1)
        return Answer.error(400, "odd", "no") if len(seen) == 2 else None

    xrefs.before = before
    with pytest.raises(cctrack.CctrackError):
        cctrack.crosswalk(keys, "campaign", session=session)
    xrefs.before = None
    assert list(cctrack.crosswalk(keys, "campaign", session=session)["v2_id"]) == keys
    assert xrefs.requests[-1].query["v2_email_campaign_ids"] == [",".join(keys[50:])]


def test_cache_switched_off(session: Session, xrefs: Service, tmp_cache: Path) -> None:
    with cctrack.cache.disabled():
        cctrack.crosswalk("1", session=session)
        cctrack.crosswalk("1", session=session)
    assert xrefs.hits() == 2
    assert not [path for path in files(tmp_cache) if path.name == FILE]


def test_forgotten_contact(session: Session, xrefs: Service, tmp_cache: Path) -> None:
    cctrack.crosswalk(["1", "2", "3"], session=session)
    cctrack.crosswalk(["2"], "list", session=session)
    assert cctrack.cache.forget("2", session=session) == 1
    assert cctrack.cache.forget(new_id("contact", "3"), session=session) == 1
    (path,) = [path for path in files(tmp_cache) if path.name == FILE]
    assert new_id("contact", "3").encode() not in path.read_bytes()
    hits = xrefs.hits()
    cctrack.crosswalk(["1"], session=session)
    cctrack.crosswalk(["2"], "list", session=session)
    assert xrefs.hits() == hits
    cctrack.crosswalk(["2"], session=session)
    assert xrefs.hits() == hits + 1


def test_damaged_file_is_said_and_nothing_else_lost(session: Session, xrefs: Service, tmp_cache: Path) -> None:
    cctrack.crosswalk(["1"], session=session)
    (path,) = [path for path in files(tmp_cache) if path.name == FILE]
    path.write_bytes(b"no database" * 1000)
    with quiet() as told:
        frame = cctrack.crosswalk(["1", "2"], session=session)
    assert list(frame["v2_id"]) == ["1", "2"]
    assert len(told) == 1
    assert "cannot be used" in told[0]
    assert str(path) in told[0]


def test_no_ids_no_call(session: Session, xrefs: Service) -> None:
    frame = cctrack.crosswalk([], session=session)
    assert frame.empty
    assert {str(dtype) for dtype in frame.dtypes} == {"string"}
    assert xrefs.hits() == 0


@pytest.mark.parametrize(
    ("ids", "given", "said"),
    [
        (["36"], {"kind": "link"}, "kind is 'link'"),
        (["36"], {"on_missing": "na"}, "on_missing"),
        (["3/6"], {}, "position 0"),
        ([None], {}, "position 0"),
        (["1c7ee4a2-0000-4000-8000-000000000001"], {}, "no v2 identifier"),
        (["abc"], {}, "no v2 identifier"),
    ],
)
def test_wrong_arguments_cost_no_call(
    session: Session, xrefs: Service, ids: Any, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(ValueError, match=said):
        cctrack.crosswalk(ids, session=session, **given)
    assert xrefs.hits() == 0


def test_not_offered_by_v2(service: Service, tmp_cache: Path) -> None:
    session = cctrack.connect(service.key, service.token, base_url=service.url)
    with pytest.raises(cctrack.NotOfferedError, match="only by v3"):
        cctrack.crosswalk(["36"], session=session)
    assert service.hits() == 0


@pytest.mark.parametrize("body", [{}, [], {"xrefs": None}, {"xrefs": ["x"]}, {"xrefs": {}}, "text", 5])
def test_answer_that_is_none(session: Session, xrefs: Service, body: Any) -> None:
    xrefs.on(f"/v3{XREFS['contact'].path}", lambda request: Answer.json(body))
    with pytest.raises(cctrack.ResponseError, match="identifiers"):
        cctrack.crosswalk(["36"], session=session)


def test_rows_that_say_nothing(session: Session, xrefs: Service) -> None:
    rows = [
        {"sequence_id": 36, "contact_id": "number"},
        {"sequence_id": "0000000004", "contact_id": ""},
        {"sequence_id": None, "contact_id": "x"},
        {"sequence_id": "5", "contact_id": 5},
        {"sequence_id": "99", "contact_id": "not asked for"},
        {"contact_id": "y"},
    ]
    xrefs.on(f"/v3{XREFS['contact'].path}", lambda request: Answer.json({"xrefs": rows}))
    frame = cctrack.crosswalk(["36", "4", "5"], session=session, on_missing="skip")
    assert pairs(frame) == [("36", "number", "contact")]
    with sqlite3.connect(session.store.path.parent / FILE) as db:  # type: ignore[union-attr]
        assert db.execute("SELECT v2 FROM pairs").fetchall() == [("36",)]
    db.close()


# --- the same truth through both dialects ----------------------------------------------------------


@pytest.fixture(scope="module")
def account() -> DemoAccount:
    return generate(contacts=60)


def test_whole_demo_account(account: DemoAccount, tmp_cache: Path) -> None:
    """Every contact, list and campaign of v2 is one of v3, and what they are called agrees."""
    with DemoServer(account, api_key="k", access_token=TOKEN) as server:
        old = cctrack.connect("k", TOKEN, base_url=server.url, rate=1000.0)
        with v3_session(server.url, tmp_cache) as new:
            people = cctrack.contacts_df(session=old)
            walked = cctrack.crosswalk(people["contact_id"], session=new)
            theirs = cctrack.contacts_df(session=new)
            merged = walked.merge(people, left_on="v2_id", right_on="contact_id").merge(
                theirs, left_on="v3_id", right_on="contact_id", suffixes=("", "_new")
            )
            assert len(merged) == len(people)
            assert merged["email_address"].equals(merged["email_address_new"])
            for kind, report, name in (
                ("list", cctrack.lists_df, "list_id"),
                ("campaign", cctrack.campaigns_df, "campaign_id"),
            ):
                ids = report(session=old)[name]
                found = cctrack.crosswalk(ids, kind, session=new)  # type: ignore[arg-type]
                assert list(found["v2_id"]) == list(ids)
                assert set(found["v3_id"]) <= set(report(session=new)[name])
