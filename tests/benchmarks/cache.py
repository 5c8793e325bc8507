"""A stored report of many pages, asked for again: seconds, requests, bytes on disk."""

from pathlib import Path

from tests.benchmarks.measure import MB, Figures, Row, apart, measured, medians
from tests.benchmarks.pages import tidy
from tests.benchmarks.source import PATH, served, write_pages

_WALL, _DISK = 0.05, 0.15
_PEER = "requests-cache"


def run(folder: Path, *, quick: bool) -> list[Row]:
    """Fill both caches from one server, then ask again in fresh processes."""
    pages = 100 if quick else 1000
    file = folder / "stored.jsonl"
    write_pages(file, pages)
    kept = {"ours": folder / "ours", "theirs": folder / "theirs"}
    requests = {}
    with served(file) as server:
        first = {way: apart("cache", way, server.url, place) for way, place in kept.items()}
        server.arrivals()
        again = {}
        for way, place in kept.items():
            call = {way: lambda way=way, place=place: apart("cache", way, server.url, place)}  # type: ignore[misc]
            again |= medians(call, 1 if quick else 3)
            requests[way] = len(server.arrivals())
    disk = {way: sum(part.stat().st_size for part in place.rglob("*") if part.is_file()) for way, place in kept.items()}
    label = f"warm repeat of {pages:,} pages"
    return [
        Row(f"{label}: wall", "s", again["ours"]["wall"], _PEER, again["theirs"]["wall"], _WALL),
        Row(f"{label}: CPU", "s", again["ours"]["cpu"], _PEER, again["theirs"]["cpu"]),
        Row(f"{label}: requests", "", requests["ours"], _PEER, requests["theirs"], 0, "ours"),
        Row(f"{label}: disk", "MB", disk["ours"] / MB, _PEER, disk["theirs"] / MB, _DISK),
        Row(f"first walk of {pages:,} pages: CPU", "s", first["ours"]["cpu"], _PEER, first["theirs"]["cpu"]),
    ]


def ours(url: str, folder: str) -> Figures:
    """Ask for the report."""
    import cctrack

    with cctrack.connect("key", "token", base_url=url, cache_dir=folder, rate=1000.0):
        _ = cctrack.clicks_df
        frame, figures = measured(lambda: cctrack.clicks_df("36"))
    return {**figures, "rows": len(frame)}


def theirs(url: str, folder: str) -> Figures:
    """Ask page by page through a cached session as it comes."""
    import pandas as pd
    from requests_cache import CachedSession

    def frame() -> pd.DataFrame:
        rows, link = [], f"{PATH}?limit=500"
        while link:
            page = session.get(f"{url}{link}", timeout=30).json()
            rows.extend(page["results"])
            link = page["meta"]["pagination"].get("next_link")
        return tidy(pd.DataFrame(rows))

    Path(folder).mkdir(exist_ok=True)
    with CachedSession(str(Path(folder) / "http_cache"), backend="sqlite") as session:
        found, figures = measured(frame)
    return {**figures, "rows": len(found)}
