"""Who may import whom, and how the rooms are named."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import cctrack
from cctrack.catalog import REPORTS

PACKAGE = Path(cctrack.__file__).parent
SOURCES = {
    ".".join(["cctrack", *path.relative_to(PACKAGE).with_suffix("").parts]).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
TREES = {name: ast.parse(path.read_text(encoding="utf-8")) for name, path in SOURCES.items()}

# Who may import what of ours; a folder stands for its modules. The first that fits counts.
ANALYSIS = {"errors", "analysis", "schema", "catalog", "frames"}
TABLE: list[tuple[str, set[str] | None]] = [
    ("errors", set()),
    ("schema", set()),
    ("_version", set()),
    ("catalog", {"schema"}),
    ("moments", set()),
    ("api", {"errors", "schema", "catalog", "moments", "_version", "api"}),
    ("frames", {"schema", "errors", "moments"}),
    ("inputs", {"errors", "moments", "schema"}),
    ("origin", {"errors", "schema", "catalog", "frames", "_version"}),
    ("frontend", set()),
    ("progress", {"api", "frontend"}),
    ("request", {"errors", "schema", "api"}),
    ("cautions", {"errors", "schema", "inputs", "request", "api"}),
    ("joins", {"schema", "api"}),
    (
        "fetching",
        {
            "errors",
            "schema",
            "catalog",
            "frames",
            "inputs",
            "moments",
            "origin",
            "joins",
            "progress",
            "request",
            "cautions",
            "api",
        },
    ),
    ("connecting", {"errors", "api", "demo_account.start"}),
    (
        "reports",
        {"errors", "schema", "catalog", "frames", "inputs", "origin", "request", "fetching", "connecting", "api"},
    ),
    ("costs", {"errors", "schema", "catalog", "frames", "inputs", "request", "fetching", "api", "reports"}),
    ("planning", {"errors", "schema", "catalog", "inputs", "connecting", "costs", "api", "reports"}),
    ("snapshots", {"inputs", "connecting", "api"}),
    ("logins", {"errors", "api"}),
    ("identifiers", {"errors", "inputs", "origin", "progress", "connecting", "api"}),
    ("cache", {"errors", "catalog", "schema", "inputs", "connecting", "api"}),
    ("analysis", {"errors", "analysis", "_version"}),
    ("plots", {"plots"}),
    (
        "pickers",
        {
            "errors",
            "catalog",
            "inputs",
            "reports",
            "analysis",
            "plots",
            "connecting",
            "planning",
            "export",
            "frontend",
            "pickers",
        },
    ),
    ("export", {"errors", "export", "analysis", "plots", "catalog", "schema", "moments"}),
    ("demo_account.start", {"errors", "api", "connecting", "demo_account"}),
    ("demo_account", {"demo_account"}),
    ("lab", set()),
    ("__main__", None),
    ("", None),
]
ONLY_BELOW_API = {"requests", "requests_cache", "urllib3", "http", "socket", "ssl"}
STANDARD = set(sys.stdlib_module_names)


def imported(name: str, tree: ast.Module) -> Iterator[str]:
    """Give the full names that a module imports, also within functions and for type checkers."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                own = name.split(".")
                upper = own if SOURCES[name].name == "__init__.py" else own[:-1]
                base = ".".join([*upper[: len(upper) - node.level + 1], *([base] if base else [])])
            # `from cctrack import catalog` names a module, `from cctrack.catalog import X` a thing in one.
            yield from (full if (full := f"{base}.{alias.name}") in SOURCES else base for alias in node.names)


def room(name: str) -> str:
    """Give a module's name within the package."""
    return name.removeprefix("cctrack").removeprefix(".")


def within(name: str, allowed: str) -> bool:
    """Tell whether a module is this one or in this folder."""
    return name == allowed or name.startswith(f"{allowed}.")


def allowed_of(name: str) -> set[str] | None:
    """Look a module up in the table."""
    return next(allowed for own, allowed in TABLE if within(room(name), own) or (own == "" and room(name) == ""))


@pytest.mark.parametrize("name", SOURCES)
def test_rooms_import_what_they_may(name: str) -> None:
    allowed = allowed_of(name)
    if allowed is None:
        return
    ours = {room(one) for one in imported(name, TREES[name]) if within(one, "cctrack")} - {""}
    wrong = {one for one in ours if not any(within(one, each) for each in allowed)}
    assert wrong == set()


@pytest.mark.parametrize("name", SOURCES)
def test_only_one_folder_knows_http(name: str) -> None:
    others = {one.partition(".")[0] for one in imported(name, TREES[name])}
    if within(room(name), "api"):
        return
    # The demo account answers, it does not ask.
    own = {"http", "socket"} if within(room(name), "demo_account") else set()
    assert others & (ONLY_BELOW_API - own) == set()


@pytest.mark.parametrize("name", ["errors", "schema"])
def test_the_ground_floor_stands_on_the_standard_library(name: str) -> None:
    tree = TREES[f"cctrack.{name}"]
    assert {one.partition(".")[0] for one in imported(f"cctrack.{name}", tree)} <= STANDARD


def test_nobody_but_the_session_asks_for_the_demo() -> None:
    for name, tree in TREES.items():
        if within(room(name), "demo_account") or room(name) in ("", "__main__", "connecting"):
            continue
        assert not [one for one in imported(name, tree) if within(room(one), "demo_account")], name


@pytest.mark.parametrize("name", SOURCES)
def test_the_library_never_prints_or_exits(name: str) -> None:
    if room(name) == "__main__":
        return
    called = {
        node.func.id if isinstance(node.func, ast.Name) else node.func.attr
        for node in ast.walk(TREES[name])
        if isinstance(node, ast.Call) and isinstance(node.func, (ast.Name, ast.Attribute))
    }
    assert called & {"print", "breakpoint", "exit", "quit", "_exit"} == set()


@pytest.mark.parametrize("name", SOURCES)
def test_names_of_modules(name: str) -> None:
    own = name.rpartition(".")[2]
    assert own not in {"utils", "util", "helpers", "common", "misc", "tools", "lib"}
    public = set(cctrack.__all__) - set(cctrack._MODULES)
    assert room(name) not in public  # `quota` of the package and `api.quota` do not meet


@pytest.mark.parametrize("name", [name for name in SOURCES if SOURCES[name].name == "__init__.py"])
def test_no_module_has_the_name_of_a_function_of_its_package(name: str) -> None:
    tree = TREES[name]
    below = {one.rpartition(".")[2] for one in SOURCES if one.rpartition(".")[0] == name}
    functions = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    for node in tree.body:
        if isinstance(node, ast.ImportFrom):
            things = [alias for alias in node.names if f"{node.module}.{alias.name}" not in SOURCES]
            functions |= {alias.asname or alias.name for alias in things}
    assert below & functions == set()


@pytest.mark.parametrize("name", SOURCES)
def test_each_room_says_its_job_first(name: str) -> None:
    told = ast.get_docstring(TREES[name])
    assert told
    assert told.splitlines()[0].rstrip().endswith((".", ":"))


@pytest.mark.parametrize("name", SOURCES)
def test_annotations_are_not_quoted(name: str) -> None:
    """Shift-Tab would show quoted types."""
    assert "__future__" not in set(imported(name, TREES[name]))


def test_functions_of_reports_have_no_catch_all() -> None:
    for node in TREES["cctrack.reports"].body:
        if isinstance(node, ast.FunctionDef) and node.name.endswith("_df"):
            assert node.args.kwarg is None
            assert node.args.vararg is None
    public = {
        node.name
        for node in TREES["cctrack.reports"].body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    }
    assert public == {report.function for report in REPORTS.values()}


def test_pandas_is_not_extended() -> None:
    for name, tree in TREES.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute):
                assert not node.attr.startswith("register_"), name
            if isinstance(node, ast.ClassDef):
                bases = {ast.unparse(base) for base in node.bases}
                assert not bases & {"pd.DataFrame", "pd.Series", "DataFrame", "Series"}, name


def test_nothing_imports_in_a_circle() -> None:
    """Follow the imports that run at import time."""
    graph: dict[str, set[str]] = {}
    for name, tree in TREES.items():
        top = ast.Module([node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))], [])
        graph[name] = {one for one in imported(name, top) if one in SOURCES and one != name}
    seen: dict[str, bool] = {}

    def follow(name: str, path: tuple[str, ...]) -> None:
        assert name not in path, f"circle: {' -> '.join([*path, name])}"
        if name not in seen:
            for one in sorted(graph[name]):
                follow(one, (*path, name))
            seen[name] = True

    for name in graph:
        follow(name, ())
