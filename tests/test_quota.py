"""The rate and the day's count: one ledger for all threads and processes that share a cache folder."""

import json
import subprocess
import sys
import threading
import warnings
from collections.abc import Sequence
from pathlib import Path

import pytest
from clock import Clock
from hypothesis import given, settings
from hypothesis import strategies as st
from service import Answer, Service
from sessions import CLICKS, always, clicks, session_on, threads_ended

import cctrack
from cctrack.api.clock import SystemClock
from cctrack.api.quota import Ledger


def _worst(stamps: Sequence[float], window: float = 1.0) -> int:
    """Count the requests of the fullest window."""
    ordered = sorted(stamps)
    return max((sum(start <= stamp < start + window for stamp in ordered) for start in ordered), default=0)


@settings(max_examples=60, derandomize=True, database=None, deadline=None)
@given(
    rate=st.sampled_from([0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 4.0, 7.9, 10.0]),
    pauses=st.lists(st.sampled_from([0.0, 0.0, 0.0, 0.01, 0.1, 0.3, 0.9, 1.0, 2.0]), min_size=1, max_size=40),
)
def test_never_more_than_the_rate_in_any_second(rate: float, pauses: list[float]) -> None:
    clock = Clock()
    ledger = Ledger(None, rate, 1_000_000, clock)
    stamps = []
    for pause in pauses:
        clock.advance(pause)
        ledger.enter()
        stamps.append(clock.monotonic())
    assert _worst(stamps) <= max(1, int(rate))
    assert _worst(stamps, 20.0) <= 20 * rate + max(1, int(rate))
    assert clock.slept <= len(pauses) * max(1.1, 1.1 / rate)
    assert ledger.used() == len(pauses)


def test_the_rate_is_used() -> None:
    """Four a second means that forty take about ten seconds, not twenty."""
    clock = Clock()
    ledger = Ledger(None, 4.0, 1_000_000, clock)
    for _ in range(40):
        ledger.enter()
    assert 8.9 <= clock.slept <= 10.5


@pytest.mark.parametrize("jump", [-7200.0, -30.0, 30.0, 7200.0])
def test_a_clock_that_jumps_keeps_nobody_waiting(jump: float) -> None:
    clock = Clock()
    ledger = Ledger(None, 4.0, 1_000_000, clock)
    for _ in range(8):
        ledger.enter()
    before = clock.slept
    clock.jump(jump)
    for _ in range(8):
        ledger.enter()
    assert clock.slept - before <= 2.5


def test_threads_on_the_wire(service: Service, tmp_cache: Path) -> None:
    """Real time, as the service sees it; its stamps come late by what the machine makes them wait."""
    ids = [str(number) for number in range(45)]
    for one in ids:
        always(service, f"/v2/contacts/{one}/tracking/clicks", Answer.page([]))
    session = session_on(service, tmp_cache, SystemClock(), rate=20)
    frame = cctrack.clicks_df(ids, session=session)
    assert frame.attrs["cctrack"]["calls"] == 45
    stamps = [request.at for request in service.requests]
    assert _worst(stamps, 0.9) <= 20
    assert 2.0 <= max(stamps) - min(stamps) <= 4.0
    assert session.ledger.used() == 45


_PROCESS = """
import json, sys, time
from pathlib import Path
from cctrack.api.clock import SystemClock
from cctrack.api.quota import Ledger

ledger = Ledger(Path(sys.argv[1]), 10.0, 1_000_000, SystemClock())
ledger.used()
print("ready", flush=True)
sys.stdin.readline()
stamps = []
for _ in range(12):
    ledger.enter()
    stamps.append(time.time())
print(json.dumps(stamps))
"""


def test_two_processes_share_the_rate(tmp_cache: Path) -> None:
    path = tmp_cache / "calls" / "one.sqlite"
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", _PROCESS, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    stamps: list[float] = []
    try:
        for run in runs:
            assert run.stdout is not None
            assert run.stdout.readline() == "ready\n"
        for run in runs:
            assert run.stdin is not None
            run.stdin.write("go\n")
            run.stdin.flush()
        for run in runs:
            out, _ = run.communicate(timeout=20)
            stamps += json.loads(out)
    finally:
        for run in runs:
            run.kill()
            run.communicate()
    assert len(stamps) == 24
    assert _worst(stamps, 0.95) <= 10
    assert Ledger(path, 10.0, 1_000_000, SystemClock()).used() == 24


def test_daily_quota(service: Service, tmp_cache: Path, clock: Clock) -> None:
    for one in range(6):
        always(service, f"/v2/contacts/{one}/tracking/clicks", Answer.page(clicks(1)))
    session = session_on(service, tmp_cache, clock, daily_quota=3)
    for one in range(3):
        cctrack.clicks_df(str(one), session=session)
    with pytest.raises(cctrack.RateLimitError, match=r"3 calls.*00:00 UTC") as caught:
        cctrack.clicks_df("3", session=session)
    assert caught.value.daily
    assert not caught.value.retryable
    left = 86_400 - clock.time() % 86_400
    assert caught.value.retry_after == pytest.approx(left)
    assert service.hits() == 3
    assert clock.slept == 0
    cctrack.clicks_df(["0", "1", "2"], session=session)  # what is held costs nothing
    clock.advance(left + 1)
    assert session.ledger.used() == 0
    cctrack.clicks_df("3", session=session)
    assert session.ledger.used() == 1


def test_quota_that_runs_out_in_a_fan_out_keeps_what_was_done(service: Service, tmp_cache: Path, clock: Clock) -> None:
    ids = [str(number) for number in range(8)]
    for one in ids:
        always(service, f"/v2/contacts/{one}/tracking/clicks", Answer.page(clicks(1)))
    session = session_on(service, tmp_cache, clock, daily_quota=5)
    with pytest.raises(cctrack.RateLimitError) as caught:
        cctrack.clicks_df(ids, session=session)
    assert caught.value.daily
    threads_ended()
    assert service.hits() == 5
    clock.advance(86_400)
    again = session_on(service, tmp_cache, clock, daily_quota=5, expire_after=10**6)
    assert len(cctrack.clicks_df(ids, session=again)) == 8
    assert service.hits() == 8


def test_the_count_is_shared_by_sessions_with_one_key(service: Service, tmp_cache: Path, clock: Clock) -> None:
    always(service, CLICKS, Answer.page([]))
    first = session_on(service, tmp_cache, clock, daily_quota=2)
    second = session_on(service, tmp_cache, clock, daily_quota=2, account="v2-another")
    for session in (first, second):
        cctrack.clicks_df("36", session=session)
    assert first.ledger.used() == second.ledger.used() == 2
    for session in (first, second):
        with pytest.raises(cctrack.RateLimitError):
            cctrack.clicks_df("36", refresh=True, session=session)
    other_key = session_on(service, tmp_cache, clock, daily_quota=2, key="other")
    assert other_key.ledger.used() == 0


def test_every_try_counts_and_hits_cost_nothing(service: Service, tmp_cache: Path, clock: Clock) -> None:
    service.script(CLICKS, [Answer(500), Answer.error(429), Answer.cut(), Answer.page(clicks(1))])
    session = session_on(service, tmp_cache, clock)
    cctrack.clicks_df("36", session=session)
    assert session.ledger.used() == service.hits() == 4
    for _ in range(20):
        cctrack.clicks_df("36", session=session)
    assert session.ledger.used() == service.hits() == 4


def test_refused_requests_leave_at_the_rate_too(service: Service, tmp_cache: Path, clock: Clock) -> None:
    always(service, CLICKS, Answer(500))
    session = session_on(service, tmp_cache, clock, rate=1)
    for _ in range(2):
        with pytest.raises(cctrack.ServiceError):
            cctrack.clicks_df("36", session=session)
    assert session.ledger.used() == 10
    assert clock.slept >= 9


def test_threads_of_one_ledger_count_right(tmp_cache: Path) -> None:
    ledger = Ledger(tmp_cache / "calls.sqlite", 100_000, 1_000_000, SystemClock())
    failed: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(25):
                ledger.enter()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert ledger.used() == 200


@pytest.mark.parametrize("damage", ["folder is a file", "file is damaged"])
def test_ledger_that_cannot_be_used(tmp_path: Path, damage: str) -> None:
    """One warning, and the count goes on in memory."""
    clock = Clock()
    if damage == "folder is a file":
        (tmp_path / "calls").write_text("")
        path = tmp_path / "calls" / "one.sqlite"
    else:
        path = tmp_path / "one.sqlite"
        path.write_bytes(b"not a database at all" * 200)
    ledger = Ledger(path, 2.0, 5, clock)
    with pytest.warns(cctrack.CacheWarning, match="this process counts alone"):
        ledger.enter()
    stamps = []
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for _ in range(4):
            ledger.enter()
            stamps.append(clock.time())
        assert _worst(stamps) <= 2
        with pytest.raises(cctrack.RateLimitError):
            ledger.enter()


def test_forgetting_the_count(tmp_cache: Path, clock: Clock) -> None:
    ledger = Ledger(tmp_cache / "calls.sqlite", 4.0, 2, clock)
    ledger.enter()
    ledger.enter()
    with pytest.raises(cctrack.RateLimitError):
        ledger.enter()
    ledger.forget()
    assert ledger.used() == 0
    ledger.enter()
