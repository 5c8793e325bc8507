"""What every benchmark needs: a fresh process for each measurement, honest peaks of memory, and rows of a table."""

import gc
import importlib
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any, Literal

ROOT = Path(__file__).resolve().parents[2]
MB = 1e6

Figures = dict[str, float]


@dataclass(frozen=True)
class Row:
    """One line of the table.

    Attributes
    ----------
    name : str
        What is measured.
    unit : str
        Of `ours` and `theirs`.
    ours : float or None
        None when it could not be measured.
    peer, theirs
        Who else was measured, and what came out.
    target : float or None
        Bound of the ratio, or of `ours` itself.
    of : {"ratio", "ours"}
        What the target speaks of.
    at_least : bool
        Whether more is better.
    note : str
        Stands below the table.
    """

    name: str
    unit: str
    ours: float | None
    peer: str = ""
    theirs: float | None = None
    target: float | None = None
    of: Literal["ratio", "ours"] = "ratio"
    at_least: bool = False
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours in units of theirs."""
        return None if self.ours is None or not self.theirs else self.ours / self.theirs

    @property
    def verdict(self) -> str:
        """Say "met" or "missed"; nothing where there is no target or no figure."""
        found = self.ratio if self.of == "ratio" else self.ours
        if self.target is None or found is None:
            return "-"
        return "met" if (found >= self.target if self.at_least else found <= self.target) else "missed"

    def record(self) -> dict[str, Any]:
        """Give everything as JSON has it."""
        return {**asdict(self), "ratio": self.ratio, "verdict": self.verdict}


def table(rows: Sequence[Row]) -> str:
    """Write the rows as plain text."""
    head = ("benchmark", "ours", "peer", "", "ratio", "target", "verdict")
    lines = [head, *(_cells(row) for row in rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    left = (0, 3, 6)
    written = [
        "  ".join(cell.ljust(width) if at in left else cell.rjust(width) for at, (cell, width) in enumerate(pairs))
        for pairs in (list(zip(line, widths, strict=True)) for line in lines)
    ]
    notes = [f"{row.name}: {row.note}" for row in rows if row.note]
    return "\n".join(line.rstrip() for line in [*written[:1], "-" * len(written[0]), *written[1:], *notes])


def _cells(row: Row) -> tuple[str, ...]:
    ratio = "-" if row.ratio is None else f"{row.ratio:.3f}"
    wanted = "-"
    if row.target is not None:
        sign = ">=" if row.at_least else "<="
        wanted = f"{sign} {row.target:g}" + (" of peer" if row.of == "ratio" else f" {row.unit}")
    return (row.name, _figure(row.ours, row.unit), _figure(row.theirs, row.unit), row.peer, ratio, wanted, row.verdict)


def _figure(value: float | None, unit: str) -> str:
    if value is None:
        return "-"
    return f"{value:,.{0 if value == int(value) else 1 if value >= 100 else 3}f} {unit}"


# --- in the parent ---------------------------------------------------------------------------------


def environment(**further: str) -> dict[str, str]:
    """Give this process's environment without settings of the library's user."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith("CCTRACK_")}
    return {**clean, "CCTRACK_PROGRESS": "0", "PYTHONHASHSEED": "0", **further}


def apart(module: str, function: str, *args: object) -> Figures:
    """Call a function of a benchmark's module in a process of its own and give what it returns."""
    command = [sys.executable, "-m", "tests.benchmarks.measure", module, function, *map(str, args)]
    ended = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"{function} of {module} failed:\n{ended.stderr}")
    figures: Figures = json.loads(ended.stdout.splitlines()[-1])
    return figures


def medians(calls: Mapping[str, Callable[[], Figures]], times: int) -> dict[str, Figures]:
    """Make each call so many times, in turns, and take the median of every figure."""
    found: dict[str, list[Figures]] = {name: [] for name in calls}
    for _ in range(times):
        for name, call in calls.items():
            found[name].append(call())
    return {
        name: {figure: median(one[figure] for one in several) for figure in several[0]}
        for name, several in found.items()
    }


def installed(modules: Iterable[str]) -> list[str]:
    """Give those of the modules that can be imported here."""
    return [name for name in modules if importlib.util.find_spec(name) is not None]


# --- in the child ----------------------------------------------------------------------------------


def measured(work: Callable[[], Any]) -> tuple[Any, Figures]:
    """Do the work; tell CPU and wall seconds, and the peak of memory over what was in use before, in bytes."""
    gc.collect()
    _forget_peak()
    before = _memory("VmRSS")
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return result, {"cpu": cpu, "wall": wall, "peak": _memory("VmHWM") - before}


def _forget_peak() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        return  # then the peak is that of the whole process, which may hide a small one


def _memory(field: Literal["VmRSS", "VmHWM"]) -> float:
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return _memory_elsewhere(field)
    return next(1024.0 * int(line.split()[1]) for line in status.splitlines() if line.startswith(field))


def _memory_elsewhere(field: str) -> float:
    import psutil

    info = psutil.Process().memory_info()
    if field == "VmRSS":
        return float(info.rss)
    if hasattr(info, "peak_wset"):
        return float(info.peak_wset)
    import resource

    return float(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)  # bytes on macOS


def main() -> None:
    """Run one function of one module and print what it returns."""
    module, function, *args = sys.argv[1:]
    print(json.dumps(getattr(importlib.import_module(f"tests.benchmarks.{module}"), function)(*args)))


if __name__ == "__main__":
    main()
