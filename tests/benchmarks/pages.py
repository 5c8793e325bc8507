"""Pages of JSON to one typed frame: CPU seconds, and the peak of memory above the frame itself."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

from tests.benchmarks.measure import MB, Figures, Row, apart, measured, medians
from tests.benchmarks.source import PAGE, read_pages, write_pages

if TYPE_CHECKING:
    from pandas import DataFrame

_CPU, _MEMORY = 0.65, 0.15


def run(folder: Path, *, quick: bool) -> list[Row]:
    """Measure ours beside a list of dicts and `json_normalize`."""
    sizes = [100_000] if quick else [100_000, 1_000_000]
    file = folder / "clicks.jsonl"
    write_pages(file, max(sizes) // PAGE)
    return [row for size in sizes for row in _of_size(file, size, 1 if quick else 3)]


def _of_size(file: Path, size: int, times: int) -> list[Row]:
    ways = {"ours": "ours", "list of dicts": "list_of_dicts", "json_normalize": "normalized"}
    found = medians(
        {name: lambda way=way: apart("pages", way, file, size // PAGE) for name, way in ways.items()},  # type: ignore[misc]
        times,
    )
    ours, label = found.pop("ours"), f"pages to frame, {size:,} rows"
    rows = []
    for peer, theirs in found.items():
        target = peer == "list of dicts"
        rows += [
            Row(f"{label}: CPU", "s", ours["cpu"], peer, theirs["cpu"], _CPU if target else None),
            Row(f"{label}: peak", "MB", ours["over"], peer, theirs["over"], _MEMORY if target else None),
        ]
    rows.append(Row(f"{label}: frame", "MB", ours["frame"], peer, theirs["frame"]))
    return rows


def ours(file: str, pages: str) -> Figures:
    """Measure the library."""
    from cctrack.api.transport import strict_json
    from cctrack.catalog import CLICKS
    from cctrack.frames import Columns

    def frame(pages: int) -> "DataFrame":
        columns = Columns(CLICKS)
        for body in read_pages(file, pages):
            columns.add(strict_json(body)["results"])
        return columns.frame()

    frame(2)  # what pandas imports at first use is not ours
    return _figures(*measured(lambda: frame(int(pages))))


def list_of_dicts(file: str, pages: str) -> Figures:
    """Measure what most notebooks do: collect the rows, then make a frame of them."""
    import pandas as pd

    def frame(pages: int) -> "DataFrame":
        rows = []
        for body in read_pages(file, pages):
            rows.extend(json.loads(body)["results"])
        return tidy(pd.DataFrame(rows))

    frame(2)
    return _figures(*measured(lambda: frame(int(pages))))


def normalized(file: str, pages: str) -> Figures:
    """Measure what tutorials do: `json_normalize` over the rows."""
    import pandas as pd

    def frame(pages: int) -> "DataFrame":
        rows = []
        for body in read_pages(file, pages):
            rows.extend(json.loads(body)["results"])
        return tidy(pd.json_normalize(rows))

    frame(2)
    return _figures(*measured(lambda: frame(int(pages))))


def tidy(frame: "DataFrame") -> "DataFrame":
    """Type the columns of a frame of clicks, as the peers have to."""
    import pandas as pd

    frame["click_date"] = pd.to_datetime(frame["click_date"], utc=True, format="ISO8601")
    frame["activity_type"] = frame["activity_type"].astype("category")
    return frame


def _figures(frame: "DataFrame", figures: Figures) -> Figures:
    size = frame_size(frame)
    return {**figures, "rows": len(frame), "frame": size / MB, "over": (figures["peak"] - size) / MB}


def frame_size(frame: "DataFrame") -> int:
    """Count the bytes of a frame; a text that stands in many cells is counted once, as it is held once."""
    from sys import getsizeof

    size = int(frame.memory_usage(deep=False).sum())
    texts = frame.select_dtypes(["string", "object"])
    if all(isinstance(column.iloc[0], str) for _, column in texts.items()) and not _in_arrow(texts):
        seen: dict[int, int] = {}
        for _, column in texts.items():
            seen.update({id(text): getsizeof(text) for text in column.array})
        size += sum(seen.values())
    return size


def _in_arrow(texts: "DataFrame") -> bool:
    return any(getattr(dtype, "storage", "python") == "pyarrow" for dtype in texts.dtypes)
