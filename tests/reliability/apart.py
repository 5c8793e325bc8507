"""Processes of the suite's own: started with the library of this tree and none of the user's settings."""

import json
import multiprocessing
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent
_PROXIES = ("http_proxy", "https_proxy", "all_proxy")
_PROCESSES = 2

Given = TypeVar("Given")
Found = TypeVar("Found")


def environment(**further: str) -> dict[str, str]:
    """Give what a child starts with."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("CCTRACK_") and name.lower() not in _PROXIES
    }
    paths = [str(ROOT), str(TESTS), *filter(None, [os.environ.get("PYTHONPATH")])]
    quick_to_fork = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
    return {**kept, **quick_to_fork, "PYTHONPATH": os.pathsep.join(paths), "CCTRACK_PROGRESS": "0", **further}


def started(module: str, *args: object, **further: str) -> "subprocess.Popen[str]":
    """Start one module of this folder as a program, with pipes."""
    return subprocess.Popen(
        [sys.executable, "-m", f"reliability.{module}", *map(str, args)],
        cwd=ROOT,
        env=environment(**further),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def answered(child: "subprocess.Popen[str]", asked: object) -> Any:
    """Put one question to a child and wait for its answer, a line of JSON each."""
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(json.dumps(asked) + "\n")
    child.stdin.flush()
    line = child.stdout.readline()
    if not line:
        raise RuntimeError(f"the child ended with status {child.wait()}")
    return json.loads(line)


def ended(child: "subprocess.Popen[str]", timeout: float) -> Any:
    """Wait for a child's last line, and read it."""
    try:
        out, _ = child.communicate(timeout=timeout)
    finally:
        child.kill()
        child.wait()
    if child.returncode:
        raise RuntimeError(f"a child ended with status {child.returncode}")
    return json.loads(out.splitlines()[-1])


def spread(work: Callable[[Given], Found], tasks: Sequence[Given], *, here: bool) -> Iterable[Found]:
    """Do tasks in two processes, or one after another in this one."""
    if here:
        return [work(task) for task in tasks]
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(_PROCESSES, mp_context=context) as pool:
        return list(pool.map(work, tasks))
