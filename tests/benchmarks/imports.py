"""`import cctrack`, net of the bare interpreter, beside all that a notebook of this kind imports."""

import subprocess
import sys
from pathlib import Path

from tests.benchmarks.measure import ROOT, Figures, Row, environment, installed, medians

_TARGET = 100.0  # milliseconds
_HEAVY = ("requests_cache", "requests_ratelimiter", "pandas", "matplotlib.pyplot", "ipywidgets")


def run(folder: Path, *, quick: bool) -> list[Row]:
    """Measure both in fresh processes, in turns."""
    eager = installed(name.partition(".")[0] for name in _HEAVY)
    heavy = [name for name in _HEAVY if name.partition(".")[0] in eager]
    programs = {
        "bare": "",
        "ours": "import cctrack",
        "reports": "import cctrack; cctrack.clicks_df",
        "eager": f"import {', '.join(heavy)}",
    }
    found = medians({name: lambda text=text: _started(text) for name, text in programs.items()}, 3 if quick else 9)  # type: ignore[misc]
    net = {name: figures["cpu"] - found["bare"]["cpu"] for name, figures in found.items()}
    peer = "all eager" if len(heavy) == len(_HEAVY) else f"eager: {', '.join(heavy)}"
    return [
        Row("import cctrack: CPU", "ms", net["ours"], peer, net["eager"], _TARGET, "ours"),
        Row("import and a report's function: CPU", "ms", net["reports"], peer, net["eager"]),
    ]


def _started(program: str) -> Figures:
    text = f"{program}\nimport time\nprint(time.process_time())"
    ended = subprocess.run(
        [sys.executable, "-c", text], cwd=ROOT, env=environment(), capture_output=True, text=True, check=True
    )
    return {"cpu": 1000 * float(ended.stdout)}
