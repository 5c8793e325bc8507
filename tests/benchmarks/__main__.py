"""Ours beside its peers: ``python -m tests.benchmarks [name ...] [--quick] [--json FILE]``.

The verdicts are words: a figure that misses its target fails nothing, for it may be the machine's.
"""

import argparse
import json
import platform
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.benchmarks import cache, demo, fanout, funnel, imports, pages
from tests.benchmarks.measure import Row, table

BENCHMARKS: dict[str, Callable[..., list[Row]]] = {
    "pages": pages.run,
    "fanout": fanout.run,
    "imports": imports.run,
    "cache": cache.run,
    "demo": demo.run,
    "funnel": funnel.run,
}
_PACKAGES = ("pandas", "numpy", "pyarrow", "polars", "msgspec", "requests", "requests-cache", "requests-ratelimiter")


def main() -> None:
    """Run the benchmarks asked for and print one table."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(BENCHMARKS)}; all without any")
    parser.add_argument("--quick", action="store_true", help="fewer rows, calls and repeats")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there too")
    given = parser.parse_args()
    if unknown := set(given.names) - set(BENCHMARKS):
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are {', '.join(BENCHMARKS)}")
    rows: list[Row] = []
    for name in given.names or BENCHMARKS:
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            rows += BENCHMARKS[name](Path(folder), quick=given.quick)
    versions = _versions()
    print(table(rows))
    print(", ".join(f"{name} {number}" for name, number in versions.items()))
    if given.json:
        found = {"quick": given.quick, "versions": versions, "rows": [row.record() for row in rows]}
        given.json.write_text(json.dumps(found, indent=1) + "\n")


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            found[package] = "absent"
    return found


if __name__ == "__main__":
    main()
