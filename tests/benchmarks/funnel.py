"""The funnel of a large account beside what people write by hand: seconds, and memory above the table itself."""

import ctypes
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.benchmarks.measure import MB, Figures, Row, apart, installed, measured, medians

if TYPE_CHECKING:
    import pandas as pd

_WALL, _MEMORY = 0.02, 0.2
_DEFAULTS = (0.2, 0.4)
_TEXT, _POLARS = 0.6, 0.25
_NAIVE, _PEER = "naive pandas", "polars"
_SAID = "the peers count unique contacts by campaign and kind, by group_by and n_unique, and close no stages"
_KINDS = {"sent": "EMAIL_SEND", "clicked": "EMAIL_CLICK"}  # what all ways count alike
_WAYS = {
    "ours": ("ours", "categorical", "include"),
    "defaults": ("ours", "categorical", "both"),
    "text": ("ours", "text", "include"),
    "naive": ("naive", "text"),
    "polars": ("polars", "categorical"),
}


def run(folder: Path, *, quick: bool) -> list[Row]:
    """Measure two sizes, each way in fresh processes, in turns."""
    sizes = (20_000, 200_000) if quick else (1_000_000, 10_000_000)
    ways = {name: way for name, way in _WAYS.items() if name != "polars" or installed(["polars"])}
    found = {}
    for size in sizes:
        file = folder / f"{size}.parquet"
        apart("funnel", "write", file, size)
        calls = {name: lambda way=way, file=file: apart("funnel", way[0], file, *way[1:]) for name, way in ways.items()}  # type: ignore[misc]
        found[size] = medians(calls, 1 if quick else 3)
        _agree(found[size])
        file.unlink()
    small, large = sizes
    rows = [row for size in sizes for row in _of_size(size, found[size], target=size == large)]
    growth = found[large]["ours"]["wall"] / found[small]["ours"]["wall"]
    return [*rows, Row(f"funnel, growth from {small:,} to {large:,}: wall", "times", growth, target=10, of="ours")]


def _agree(found: dict[str, Figures]) -> None:
    """Stop where the ways do not count the same."""
    for name, figures in found.items():
        if any(figures[stage] != found["naive"][stage] for stage in _KINDS):
            raise RuntimeError(f"{name} counts other recipients than {_NAIVE}: {figures}, {found['naive']}")


def _of_size(size: int, found: dict[str, Figures], *, target: bool) -> list[Row]:
    def row(label: str, figure: str, way: str, peer: str, goal: float | None, note: str = "") -> Row:
        unit, factor = ("MB", MB) if figure == "peak" else ("s", 1.0)
        ours, theirs = found[way][figure] / factor, found[peer][figure] / factor if peer in found else None
        said = {"naive": _NAIVE, "polars": f"{_PEER} categorical"}[peer]
        name = f"funnel, {size:,} rows{label}: {'CPU' if figure == 'cpu' else figure}"
        return Row(name, unit, ours, said, theirs, goal if target else None, note=note)

    rows = [
        row("", "wall", "ours", "naive", _WALL, _SAID if target else ""),
        row("", "cpu", "ours", "naive", None),
        row("", "peak", "ours", "naive", _MEMORY),
        row("", "wall", "ours", "polars", _POLARS),
        row("", "peak", "ours", "polars", None),
        row(", machine='both'", "wall", "defaults", "naive", _DEFAULTS[0]),
        row(", machine='both'", "cpu", "defaults", "naive", None),
        row(", machine='both'", "peak", "defaults", "naive", _DEFAULTS[1]),
        row(", text ids", "wall", "text", "naive", _TEXT),
        row(", text ids", "cpu", "text", "naive", None),
        row(", text ids", "peak", "text", "naive", None),
    ]
    return [one for one in rows if one.theirs is not None]


# --- in the child ----------------------------------------------------------------------------------


def ours(file: str, ids: str, machine: Any) -> Figures:
    """Measure the library."""
    from cctrack.analysis import funnel

    def count(table: "pd.DataFrame") -> dict[str, float]:
        found = funnel(table, semantics="closed", machine=machine)
        return {str(stage): float(n) for stage, n in zip(found["stage"], found["n"], strict=True)}

    return _figures(count, _read(file, ids))


def naive(file: str, ids: str) -> Figures:
    """Measure what a notebook does: unique contacts by campaign and kind."""

    def count(table: "pd.DataFrame") -> dict[str, float]:
        found = table.groupby(["campaign_id", "activity_type"], observed=True)["contact_id"].nunique().unstack().sum()
        return {stage: float(found.get(kind, 0)) for stage, kind in _KINDS.items()}

    return _figures(count, _read(file, ids))


def polars(file: str, ids: str) -> Figures:
    """Measure the same in Polars."""
    import polars as pl

    def count(table: pl.DataFrame) -> dict[str, float]:
        found = table.group_by("campaign_id", "activity_type").agg(pl.col("contact_id").n_unique())
        n = dict(found.group_by("activity_type").agg(pl.col("contact_id").sum()).iter_rows())
        return {stage: float(n.get(kind, 0)) for stage, kind in _KINDS.items()}

    return _figures(count, pl.read_parquet(file))


def _figures(count: Callable[[Any], dict[str, float]], table: Any) -> Figures:
    count(table[:1000])  # what is imported at first use is not counted
    _give_back()
    found, figures = measured(lambda: count(table))
    return {**figures, **found}


def _give_back() -> None:
    """Hand freed memory back, lest what was read hides what is used after it."""
    import pyarrow as pa

    pa.default_memory_pool().release_unused()
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _read(file: str, ids: str) -> "pd.DataFrame":
    import pandas as pd

    table = pd.read_parquet(file)
    if ids == "text":
        names = [name for name in table if name != "activity_date"]
        table = table.assign(**{name: table[name].astype("string") for name in names})
    return table


def write(file: str, rows: str) -> Figures:
    """Write made-up activities, the ids as categories: by campaign and date, as the service lists them."""
    table = activities(int(rows))
    table.to_parquet(file, index=False)
    return {"rows": len(table)}


def activities(rows: int, campaigns: int = 50, links: int = 9, seed: int = 0) -> "pd.DataFrame":
    """Make activities: of 1,000 rows 618 are sends, within an hour, 347 opens and 35 clicks, a fifth in bursts."""
    import numpy as np
    import pandas as pd

    rng = np.random.default_rng(seed)
    contacts = max(int(rows * 0.6185) // campaigns, 1)
    opens, clicks = int(rows * 0.3467), int(rows * 0.0348)
    burst = 4
    single, bursts = clicks * 4 // 5, clicks // 5 // burst
    parts = [
        (0, np.repeat(np.arange(campaigns), contacts), np.tile(np.arange(contacts), campaigns)),
        (1, rng.integers(0, campaigns, opens), rng.integers(0, contacts, opens)),
        (2, rng.integers(0, campaigns, single), rng.integers(0, contacts, single)),
        (2, *(np.repeat(rng.integers(0, most, bursts), burst) for most in (campaigns, contacts))),
    ]
    kind = np.concatenate([np.full(len(campaign), number, np.int8) for number, campaign, _ in parts])
    campaign, contact = (np.concatenate([part[at] for part in parts]) for at in (1, 2))
    after = rng.lognormal(np.log(6 * 3600), 1.5, len(kind)) * 1e6
    after = np.where(kind == 0, rng.integers(0, 3_600_000_000, len(kind)), after + 3_600_000_000).astype(np.int64)
    if bursts:
        within = after[-bursts * burst :].reshape(bursts, burst)
        within[:] = within[:, :1] + 2_000_000 * np.arange(burst)
    date = np.datetime64("2026-01-01", "us") + (campaign * 7 * 86_400_000_000 + after).astype("timedelta64[us]")
    link = np.where(kind == 2, np.arange(len(kind)) % links, -1)
    order = np.lexsort((date, campaign))
    others = ["EMAIL_FORWARD", "EMAIL_BOUNCE", "EMAIL_UNSUBSCRIBE"]  # that there may be: categories without rows

    def named(codes: Any, names: list[str]) -> pd.Categorical:
        return pd.Categorical.from_codes(codes[order], names)

    return pd.DataFrame(
        {
            "activity_type": named(kind, ["EMAIL_SEND", "EMAIL_OPEN", "EMAIL_CLICK", *others]),
            "activity_date": pd.Series(date[order]).dt.tz_localize("UTC"),
            "campaign_id": named(campaign, [str(1_100_000_000_000 + number) for number in range(campaigns)]),
            "contact_id": named(contact, [str(36 + number) for number in range(contacts)]),
            "link_id": named(link, [str(1_100_000_100_000 + number) for number in range(links)]),
            "link_uri": named(link, [f"https://shop.example.org/offers/{number}" for number in range(links)]),
            "bounce_code": named(np.full(len(kind), -1, np.int8), ["B"]),
        }
    )
