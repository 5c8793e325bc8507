"""What people meet before they import anything: metadata, environment, README, the built wheel."""

import os
import re
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

import cctrack
from cctrack.demo_account.account import generate
from cctrack.demo_account.server import DemoServer

ROOT = Path(__file__).resolve().parent.parent
DISTRIBUTION = "cctrack-jupyter"
# What conda-forge calls by another name.
CONDA_NAMES = {"matplotlib": "matplotlib-base", "duckdb": "python-duckdb", "playwright": "playwright-python"}
RUN = "python3 -m venv .venv && .venv/bin/pip install . && .venv/bin/python -m cctrack demo"
TEST = "python3 -m venv .venv && .venv/bin/pip install '.[test]' && .venv/bin/python -m pytest"
EXTRAS = {"lab", "engines", "export", "login", "test", "dev"}

README = (ROOT / "README.md").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@cache
def shipped() -> tuple[Path, ...]:
    """List the files that a clone has, with or without git at hand."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True
    )
    if listed.returncode == 0:
        names = listed.stdout.decode().split("\0")
        return tuple(ROOT / name for name in names if name and (ROOT / name).is_file())
    left_out = re.compile(
        r"\.git|\.venv.*|\.\w+_cache|__pycache__|\.hypothesis|build|dist|cctrack-(demo|notebooks)|.*\.egg-info"
    )
    found = []
    for folder, folders, names in os.walk(ROOT):
        folders[:] = [name for name in folders if not left_out.fullmatch(name)]
        found += [Path(folder, name) for name in names]
    return tuple(found)


def texts() -> Iterator[tuple[str, str]]:
    """Give each shipped text by its path."""
    for path in shipped():
        try:
            yield str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue


def required(*extras: str) -> dict[str, SpecifierSet]:
    """Give what pyproject.toml asks for, by conda's names."""
    lines = list(PROJECT["dependencies"])
    for extra in extras:
        lines += PROJECT["optional-dependencies"][extra]
    found: dict[str, SpecifierSet] = {}
    for line in lines:
        asked = Requirement(line)
        name = canonicalize_name(asked.name)
        if name != DISTRIBUTION:
            found[CONDA_NAMES.get(name, name)] = found.get(name, SpecifierSet()) & asked.specifier
    return found


# Metadata ------------------------------------------------------------------------------------------------------------


def test_version_is_one_and_the_changelog_knows_it() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## (\S+) \((\d{4}-\d\d-\d\d)\)$", changes, re.MULTILINE)
    assert newest is not None
    assert newest[1] == cctrack.__version__


def test_extras_are_the_promised_ones_and_dev_is_all_of_them() -> None:
    extras = PROJECT["optional-dependencies"]
    assert set(extras) == EXTRAS
    everything = next(Requirement(one) for one in extras["dev"] if Requirement(one).name == DISTRIBUTION)
    assert everything.extras == EXTRAS - {"dev"}


def test_floors_keep_known_holes_out() -> None:
    floors = {"urllib3": "2.6.9", "requests": "2.32.9", "requests-cache": "1.3.1"}
    asked = required()
    for name, too_old in floors.items():
        assert not asked[name].contains(too_old), f"{name} {too_old} must not do"


# environment.yml -----------------------------------------------------------------------------------------------------


def test_environment_is_in_step_with_pyproject() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    lines = [one for one in environment["dependencies"] if isinstance(one, str)]
    listed = {Requirement(one).name: Requirement(one).specifier for one in lines}
    assert len(listed) == len(lines)  # none is listed twice
    assert listed.pop("python") == SpecifierSet(PROJECT["requires-python"])
    assert listed.pop("pip") == SpecifierSet()
    assert listed == required(*sorted(EXTRAS))
    assert environment["channels"] == ["conda-forge"]
    assert [one for one in environment["dependencies"] if not isinstance(one, str)] == [{"pip": ["-e ."]}]


# README --------------------------------------------------------------------------------------------------------------


def test_readme_has_the_two_commands_and_ci_takes_them_from_it() -> None:
    assert README.count(f"```bash\n{RUN}\n```") == 1
    assert README.count(f"```bash\n{TEST}\n```") == 1
    printed = subprocess.run(["bash", ".ci/run", "--print"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert printed.stdout.splitlines() == [RUN, TEST]


def test_ci_refuses_an_unknown_job() -> None:
    refused = subprocess.run(["bash", ".ci/run", "lnit"], cwd=ROOT, capture_output=True, text=True)
    assert refused.returncode == 2
    assert "lint" in refused.stderr


@pytest.mark.parametrize("skip", ["def test_it():\n    pytest.skip('no tool')", "pytest.importorskip('no_such_tool')"])
def test_a_skip_fails_where_all_tools_are_installed(skip: str, tmp_path: Path) -> None:
    (tmp_path / "test_one.py").write_text(f"import pytest\n\n{skip}\n")
    command = [sys.executable, "-m", "pytest", "-p", "tests.no_skips", "-c", os.devnull, f"--rootdir={tmp_path}"]
    done = subprocess.run([*command, tmp_path], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode != 0
    assert "skipped, which counts as failed here" in done.stdout


def test_readme_shows_small_pictures_with_words() -> None:
    shown = re.findall(r"!\[([^\]]*)\]\(([^)]*)\)", README)
    assert [Path(path).name for _, path in shown] == ["explorer.png", "funnel.png", "links.png"]
    for words, path in shown:
        assert len(words) > 50
        assert (ROOT / path).read_bytes().startswith(b"\x89PNG")
        assert (ROOT / path).stat().st_size < 60_000, "run python -m tests.make_pictures"


def test_readme_lists_every_report() -> None:
    rows = re.findall(r"^\| `(\w+_df)\((.*?)\)` \|", README, re.MULTILINE)
    reports = _reports()
    assert sorted(name for name, _ in rows) == sorted(reports)
    for name, arguments in rows:
        assert tuple(filter(None, arguments.split(", "))) == reports[name].keys, name


def test_readme_names_the_columns_as_they_are() -> None:
    shown = dict(re.findall(r"^\| `(\w+_df)\(.*?\)` \| [^|]* \| `([\w ]+)`", README, re.MULTILINE))
    for name, columns in shown.items():
        if "_df" not in columns and name != "list_members_df":
            assert tuple(columns.split()) == _reports()[name].names, name
    listed = re.search(r"\*activity columns\* are `([\w\s]+)`", README)
    assert listed is not None
    assert tuple(listed[1].split()) == _reports()["activities_df"].names


def test_readme_lists_every_analysis() -> None:
    part = README.partition("| analysis |")[2].partition("\n\n")[0]
    listed = re.findall(r"^\| `(\w+)` \|", part, re.MULTILINE)
    assert sorted(listed) == sorted(set(cctrack.analysis.__all__) - {"explain"})


def test_readme_names_every_keyword_and_error() -> None:
    words = set(re.findall(r"`\"?(\w+)\"?`", README))
    assert {option for report in _reports().values() for option in report.options} <= words
    assert {name for name in cctrack.__all__ if name.endswith(("Error", "Warning"))} - {"CctrackError"} <= words
    assert "`cctrack.CctrackError`" in README


def _reports() -> dict[str, cctrack.catalog.Report]:
    return {report.function: report for report in cctrack.catalog.REPORTS.values()}


@pytest.mark.filterwarnings("default")
def test_readme_runs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Run its blocks in order; where it connects to the reader's account, a server of ours answers."""
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```python\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    assert len(blocks) > 5
    with DemoServer(generate(contacts=300)) as server:
        monkeypatch.setenv("CCTRACK_API_KEY", "a-key")
        monkeypatch.setenv("CCTRACK_ACCESS_TOKEN", "a-token")
        monkeypatch.setenv("CCTRACK_BASE_URL", server.url)
        names: dict[str, object] = {}
        for number, block in enumerate(blocks):
            exec(compile(block, f"README block {number + 1}", "exec"), names)
    assert len(names["everything"]) > 0  # type: ignore[arg-type]


# Every file ----------------------------------------------------------------------------------------------------------


def test_nothing_tells_to_install_the_other_package() -> None:
    wrong = "pip install " + "cctrack"
    assert [path for path, text in texts() if wrong in text] == []


def test_no_file_holds_a_path_of_a_machine() -> None:
    # Put together here, so that this file does not find itself.
    own = re.compile(
        "|".join((re.escape(str(ROOT)) + r"\b", "/ho" + r"me/\w", "/Us" + r"ers/\w", "/ro" + "ot/", "/wo" + "rk/"))
    )
    assert [f"{path}: {found[0]}" for path, text in texts() if (found := own.search(text))] == []


def test_no_file_names_a_package_index() -> None:
    hosts = re.compile(
        "|".join(("py" + r"pi\.org", "python" + r"hosted\.org", "npm" + r"js\.(com|org)", "ana" + r"conda\.org"))
    )
    assert [f"{path}: {found[0]}" for path, text in texts() if (found := hosts.search(text))] == []


def test_no_file_is_large() -> None:
    large = [str(path.relative_to(ROOT)) for path in shipped() if path.stat().st_size > 512_000]
    assert large == []


# The wheel -----------------------------------------------------------------------------------------------------------


def quiet(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    """Run Python and show what it said only if it failed."""
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, timeout=300, **options)  # type: ignore[call-overload]
    assert done.returncode == 0, done.stdout + done.stderr
    return done  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as pip does, without the network."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = ("-m", "pip", "--disable-pip-version-check", "--no-input")
    quiet(*pip, "wheel", "--no-deps", "--no-build-isolation", "--no-index", "-w", str(folder), ".", cwd=ROOT)
    (built,) = folder.glob("*.whl")
    return built


def test_wheel_carries_what_it_should(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        held = set(archive.namelist())
        metadata = archive.read(next(name for name in held if name.endswith(".dist-info/METADATA"))).decode()
        entry = archive.read(next(name for name in held if name.endswith("entry_points.txt"))).decode()
    modules = {str(path.relative_to(ROOT)) for path in shipped() if path.is_relative_to(ROOT / "cctrack")}
    notebooks = {f"cctrack/{path.relative_to(ROOT)}" for path in shipped() if path.is_relative_to(ROOT / "notebooks")}
    assert modules | notebooks == {name for name in held if name.startswith("cctrack/")}
    assert "cctrack/py.typed" in held
    assert any(name.endswith("/licenses/LICENSE") for name in held)
    assert all(name.startswith(("cctrack/", "cctrack_jupyter-")) for name in held)
    assert f"Name: {DISTRIBUTION}\nVersion: {cctrack.__version__}\n" in metadata
    assert "cctrack = cctrack.__main__:main" in entry


def test_wheel_builds_without_notebooks(tmp_path: Path) -> None:
    """A tree in which there are none yet still builds."""
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    for path in (ROOT / "cctrack").glob("*.py"):
        (tmp_path / "cctrack").mkdir(exist_ok=True)
        (tmp_path / "cctrack" / path.name).write_bytes(path.read_bytes())
    quiet("-m", "hatchling", "build", "-t", "wheel", cwd=tmp_path)
    assert len(list((tmp_path / "dist").glob("*.whl"))) == 1


def test_installed_wheel_runs_the_demo(wheel: Path, tmp_path: Path) -> None:
    """The copy that was installed is what runs, not the tree beside it."""
    target, elsewhere, pictures = tmp_path / "installed", tmp_path / "elsewhere", tmp_path / "pictures"
    elsewhere.mkdir()
    pip = ("-m", "pip", "--disable-pip-version-check", "--no-input")
    quiet(*pip, "install", "--no-deps", "--no-index", "--target", str(target), str(wheel), cwd=elsewhere)
    settings = {
        **{name: value for name, value in os.environ.items() if not name.startswith("CCTRACK_")},
        "PYTHONPATH": str(target),
        "CCTRACK_CACHE_DIR": str(tmp_path / "cache"),
    }
    where = quiet("-c", "import cctrack; print(cctrack.__file__)", cwd=elsewhere, env=settings).stdout.strip()
    assert Path(where).is_relative_to(target)
    told = quiet("-m", "cctrack", "demo", "--out", str(pictures), cwd=elsewhere, env=settings).stdout
    assert str(pictures) in told
    drawn = sorted(pictures.iterdir())
    assert [path.suffix for path in drawn] == [".png", ".png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 5_000 for path in drawn)
