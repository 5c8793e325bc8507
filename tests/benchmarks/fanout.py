"""Many contacts at four requests a second: how much of the bound is used, and whether the server ever saw more."""

from bisect import bisect_left
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks.measure import Figures, Row, apart, installed
from tests.benchmarks.source import served, write_pages

_RATE = 4
_LATENCY = 0.06
_THREADS = 4
_SHARE = 96.0
_PEER = "requests-ratelimiter"
_SAID = "calls / rate in seconds, over those from the first arrival to the last; the first burst flatters a short run"
_STEADY = "bursts after the first one, over the same seconds"


def run(folder: Path, *, quick: bool) -> list[Row]:
    """Measure both against the same server, one after the other."""
    calls = 40 if quick else 120
    file = folder / "one.jsonl"
    write_pages(file, 1)
    found: dict[str, Figures] = {}
    ways = ["ours", "theirs"] if installed(["requests_ratelimiter"]) else ["ours"]
    with served(file, _LATENCY) as server:
        for way in ways:
            apart("fanout", way, server.url, calls)
            found[way] = seen(server.arrivals())
    theirs = found.get("theirs", {})
    label = f"fan-out of {calls} calls at {_RATE}/s"
    absent = "" if theirs else f"{_PEER} is not installed: pip install {_PEER} to measure it"
    mine = found["ours"]
    return [
        Row(
            f"{label}: share", "%", mine["share"], _PEER, theirs.get("share"), _SHARE, "ours", at_least=True, note=_SAID
        ),
        Row(f"{label}: share when under way", "%", mine["steady"], _PEER, theirs.get("steady"), note=_STEADY),
        Row(f"{label}: worst second", "calls", mine["worst"], _PEER, theirs.get("worst"), _RATE, "ours", note=absent),
    ]


def seen(arrivals: list[float]) -> Figures:
    """Judge the instants at which requests arrived."""
    calls, took = len(arrivals), arrivals[-1] - arrivals[0]
    worst = max(bisect_left(arrivals, first + 1.0) - at for at, first in enumerate(arrivals))
    bursts = (calls - 1) // _RATE
    return {"share": 100 * calls / _RATE / took, "steady": 100 * bursts / took, "worst": worst, "calls": calls}


def ours(url: str, calls: str) -> Figures:
    """Ask for so many contacts."""
    import cctrack

    with (
        TemporaryDirectory(ignore_cleanup_errors=True) as folder,
        cctrack.connect("key", "token", base_url=url, cache_dir=folder, rate=float(_RATE)),
    ):
        return {"rows": len(cctrack.clicks_df([str(36 + number) for number in range(int(calls))]))}


def theirs(url: str, calls: str) -> Figures:
    """Ask the same with a limited session and as many threads."""
    from requests_ratelimiter import LimiterSession

    def rows(number: int) -> int:
        path = f"{url}/v2/contacts/{36 + number}/tracking/clicks"
        return len(session.get(path, params={"api_key": "key"}, timeout=30).json()["results"])

    with LimiterSession(per_second=_RATE) as session, ThreadPoolExecutor(_THREADS) as pool:
        return {"rows": sum(pool.map(rows, range(int(calls))))}
