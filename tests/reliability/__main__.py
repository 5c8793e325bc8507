"""What the library withstands, counted: ``python -m tests.reliability [name ...] [--quick] [--seed N]``."""

import argparse
import importlib
import os
import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))  # the tests' own equipment is imported as the tests do

from reliability.figures import Figure, markdown, plain  # noqa: E402

ITEMS = ("walks", "sent", "two_processes", "tokens", "ctrl_c", "kill", "faults", "secrets", "disk")
_ABOUT = """\
# Reliability: the figures

Written by `python -m tests.reliability`, seed {seed}, which takes about fifteen minutes on two cores; an item that is
run by its name takes the place of its own rows. The short form is `tests/test_reliability.py`. Everything goes through
the public functions and over a real socket on loopback.

{about}

{table}
"""


def main() -> int:
    """Run the items asked for, print their table, and keep the figures of a whole run."""
    parser = argparse.ArgumentParser(prog="python -m tests.reliability", description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="name", help=f"of {', '.join(ITEMS)}; all without any")
    parser.add_argument("--quick", action="store_true", help="the short form; writes nothing")
    parser.add_argument("--seed", type=int, default=0, metavar="N")
    given = parser.parse_args()
    if unknown := set(given.names) - set(ITEMS):
        parser.error(f"no item {', '.join(sorted(unknown))}; there are {', '.join(ITEMS)}")
    for name in [name for name in os.environ if name.startswith("CCTRACK_")]:
        del os.environ[name]
    os.environ["CCTRACK_PROGRESS"] = "0"
    figures: list[Figure] = []
    for name in given.names or ITEMS:
        module = importlib.import_module(f"reliability.{name}")
        item = time.monotonic()
        with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
            figures += module.run(Path(folder), quick=given.quick, seed=given.seed)
        print(f"{name}: {time.monotonic() - item:.0f} s", file=sys.stderr, flush=True)
    print(plain(figures))
    if not given.quick:
        _write(HERE / "README.md", figures, given.seed)
    return int(any(figure.right is False for figure in figures))


def _write(page: Path, figures: list[Figure], seed: int) -> None:
    """Put the figures on the page, in the place of those of the same items."""
    lines = page.read_text(encoding="utf-8").splitlines() if page.exists() else []
    head, rule, *rows = markdown(figures).splitlines()
    ran = {figure.item for figure in figures}
    rows += [line for line in lines if line.startswith("| ") and line.split(" | ")[0][2:] in {*ITEMS} - ran]
    rows.sort(key=lambda line: ITEMS.index(line.split(" | ")[0][2:]))
    docs = {name: importlib.import_module(f"reliability.{name}").__doc__ or "" for name in ITEMS}
    about = "\n".join(f"- **{name}**: {' '.join(doc.split())}" for name, doc in docs.items())
    page.write_text(_ABOUT.format(seed=seed, about=about, table="\n".join([head, rule, *rows])), encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
