"""A pytest plugin that turns every skip into a failure.

Where all tools are installed, as in `.ci/run`, a skipped test is one that silently did not run. Load it with
`-p tests.no_skips`.
"""

from collections.abc import Generator
from typing import Any

import pytest


def _failed(report: Any) -> Any:
    if report.skipped and not hasattr(report, "wasxfail"):
        reason = report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr
        report.outcome = "failed"
        report.longrepr = f"skipped, which counts as failed here: {reason}"
    return report


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, Any, Any]:
    """Fail a test that skips itself."""
    return _failed((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Generator[None, Any, Any]:
    """Fail a module that skips itself, as `pytest.importorskip` does."""
    return _failed((yield))
