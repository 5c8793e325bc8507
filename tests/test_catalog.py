"""The declarations and the public functions hold to each other, and both to the contract's table."""

import ast
import inspect
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

import cctrack
from cctrack import catalog, reports
from cctrack.catalog import REPORTS
from cctrack.schema import ACTIVITY_TYPES, DTYPES, OPTIONS, Column, Report, serves

NAMES = tuple(REPORTS)
PACKAGE = Path(cctrack.__file__).parent

EVENT = "activity_type campaign_id contact_id email_address"
CLICK = f"{EVENT} link_id link_uri click_date"
OPEN = f"{EVENT} open_date"
SEND = f"{EVENT} send_date"
FORWARD = f"{EVENT} forward_date"
BOUNCE = f"{EVENT} bounce_code bounce_description bounce_message bounce_date"
UNSUBSCRIBE = f"{EVENT} unsubscribe_source unsubscribe_reason unsubscribe_date"
ACTIVITY = (
    "activity_type activity_date campaign_id contact_id email_address link_id link_uri bounce_code "
    "bounce_description bounce_message unsubscribe_source unsubscribe_reason"
)
PERSON = "contact_id email_address first_name last_name company_name status created_date modified_date"

COLUMNS = {
    "clicks": CLICK,
    "opens": OPEN,
    "sends": SEND,
    "forwards": FORWARD,
    "bounces": BOUNCE,
    "unsubscribes": UNSUBSCRIBE,
    "activities": ACTIVITY,
    "summary": "contact_id sends opens clicks forwards unsubscribes bounces",
    "summary_by_campaign": "contact_id campaign_id opens clicks forwards bounces",
    "campaign_clicks": CLICK,
    "campaign_link_clicks": CLICK,
    "campaign_opens": OPEN,
    "campaign_sends": SEND,
    "campaign_forwards": FORWARD,
    "campaign_bounces": BOUNCE,
    "campaign_unsubscribes": UNSUBSCRIBE,
    "campaign_summary": "campaign_id sends opens clicks forwards unsubscribes bounces spam_count",
    "campaign_activities": ACTIVITY,
    "campaign_did_not_opens": OPEN,
    "campaign_unique_opens": OPEN,
    "contacts": PERSON,
    "lists": "list_id name status contact_count created_date modified_date",
    "campaigns": "campaign_id name status modified_date",
    "list_members": f"list_id {PERSON}",
    "account_activities": ACTIVITY,
    "links": "campaign_id link_id link_uri click_count",
}
DETAILS = "subject last_run_date sends opens clicks forwards unsubscribes bounces spam_count"
COUNTS = {
    *("sends", "opens", "clicks", "forwards", "unsubscribes", "bounces"),
    *("spam_count", "click_count", "contact_count"),
}

MANY = ("limit", "refresh", "progress", "on_missing", "session")
OF_CONTACT = ("created_since", "route", "details", *MANY)
OF_CAMPAIGN = ("created_since", *MANY)
ARGUMENTS: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    **dict.fromkeys(
        ("clicks", "opens", "sends", "forwards", "bounces", "unsubscribes", "activities"),
        (("contact_id",), OF_CONTACT),
    ),
    **dict.fromkeys(("summary", "summary_by_campaign"), (("contact_id",), MANY)),
    **{name: (("campaign_id",), OF_CAMPAIGN) for name in COLUMNS if name.startswith("campaign_")},
    "campaign_link_clicks": (("campaign_id", "link_id"), OF_CAMPAIGN),
    "campaign_summary": (("campaign_id",), ("update_summary", *MANY)),
    "links": (("campaign_id",), MANY),
    "list_members": (("list_id",), MANY),
    "contacts": ((), ("email", "status", "modified_since", "limit", "refresh", "session")),
    "lists": ((), ("modified_since", "limit", "refresh", "session")),
    "campaigns": ((), ("status", "modified_since", "details", "limit", "refresh", "progress", "session")),
    "account_activities": ((), ("created_since", "status", "limit", "refresh", "progress", "session")),
}


def function(name: str) -> Callable[..., Any]:
    """Give the public function of a report."""
    found = getattr(cctrack, REPORTS[name].function)
    assert callable(found)
    return found  # type: ignore[no-any-return]


def kind(column: str) -> str:
    """Tell from its name what a column of the contract is."""
    if column == "activity_type":
        return "category"
    if column.endswith("_date"):
        return "datetime64[us, UTC]"
    return "Int64" if column in COUNTS else "string"


# --- the contract's table ------------------------------------------------------------------------


def test_the_catalogue_has_the_reports_of_the_contract() -> None:
    assert sorted(REPORTS) == sorted(COLUMNS)
    assert len(REPORTS) == 26
    assert all(report.name == name for name, report in REPORTS.items())


@pytest.mark.parametrize("name", COLUMNS)
def test_columns_and_dtypes_are_those_of_the_contract(name: str) -> None:
    report = REPORTS[name]
    assert report.names == tuple(COLUMNS[name].split())
    assert [DTYPES[column.kind] for column in report.columns] == [kind(column) for column in report.names]
    assert report.function == f"{name}_df"


def test_details_of_campaigns_are_those_of_the_contract() -> None:
    assert catalog.CAMPAIGN_DETAILS.names == ("campaign_id", *DETAILS.split())


@pytest.mark.parametrize("name", COLUMNS)
def test_arguments_are_those_of_the_contract(name: str) -> None:
    keys, options = ARGUMENTS[name]
    parameters = inspect.signature(function(name)).parameters
    assert tuple(parameters) == (*keys, *options)
    for argument, parameter in parameters.items():
        expected = parameter.POSITIONAL_OR_KEYWORD if argument in keys else parameter.KEYWORD_ONLY
        assert parameter.kind is expected, argument


DEFAULTS = {
    "created_since": None,
    "modified_since": None,
    "email": None,
    "route": "contacts",
    "details": False,
    "update_summary": False,
    "limit": 500,
    "refresh": False,
    "progress": None,
    "on_missing": "raise",
    "session": None,
}


@pytest.mark.parametrize("name", NAMES)
def test_defaults_are_the_same_everywhere(name: str) -> None:
    for argument, parameter in inspect.signature(function(name)).parameters.items():
        if argument in REPORTS[name].keys:
            assert parameter.default is parameter.empty
        elif argument == "status":
            assert parameter.default == (None if name == "contacts" else "SENT")
        else:
            assert parameter.default == DEFAULTS[argument], argument


def test_the_activity_types_stand_in_the_order_of_the_contract() -> None:
    words = "EMAIL_SEND EMAIL_OPEN EMAIL_CLICK EMAIL_FORWARD EMAIL_BOUNCE EMAIL_UNSUBSCRIBE"
    assert " ".join(ACTIVITY_TYPES) == words
    assert tuple(catalog.DATE_OF) == ACTIVITY_TYPES


# --- declarations and functions ------------------------------------------------------------------


def test_every_report_has_its_function_and_every_function_its_report() -> None:
    declared = {report.function for report in REPORTS.values()}
    assert {name for name in dir(cctrack) if name.endswith("_df")} == declared
    assert {name for name in vars(reports) if name.endswith("_df")} == declared
    assert declared <= set(cctrack.__all__)


@pytest.mark.parametrize("name", NAMES)
def test_the_signature_is_the_declaration(name: str) -> None:
    report = REPORTS[name]
    parameters = inspect.signature(function(name)).parameters
    assert tuple(parameters) == (*report.keys, *report.options)
    assert set(report.options) <= set(OPTIONS)
    assert report.since is None or report.since in report.names
    assert len(set(report.names)) == len(report.names)


@pytest.mark.parametrize("name", NAMES)
def test_the_docstring_is_complete(name: str) -> None:
    report = REPORTS[name]
    lines = (function(name).__doc__ or "").splitlines()
    assert "one row is one" in lines[0]
    assert lines[1] == ""
    for section in ("Parameters", "Returns", "Raises"):
        at = lines.index(section)
        assert lines[at + 1] == "-" * len(section)
    arguments = lines[lines.index("Parameters") : lines.index("Returns")]
    for argument in (*report.keys, *report.options):
        assert arguments[arguments.index(argument) + 1].startswith("    "), argument
    table = lines[lines.index("Returns") : lines.index("Raises")]
    rows = [line.split(None, 1) for line in table if line.startswith(" " * 8)]
    assert [row[0] for row in rows] == list(report.names)
    for column, (_, rest) in zip(report.columns, rows, strict=True):
        assert rest.startswith(DTYPES[column.kind])
        assert rest.endswith(column.meaning)
    raised = "\n".join(lines[lines.index("Raises") :])
    assert "ValueError" in raised
    assert "TypeError" in raised
    named = {name for name in cctrack.__all__ if name.endswith("Error") and name in raised}
    assert named
    assert not report.keys or named & {"CctrackError", "NotFoundError"}


@pytest.mark.parametrize("name", [name for name in NAMES if "created_since" in REPORTS[name].options])
def test_the_docstring_says_what_no_client_can_see(name: str) -> None:
    words = " ".join((function(name).__doc__ or "").split())
    # Rows that the service skips in every walk: the contract wants this said.
    assert "no client can see" in words


def hand_written() -> dict[str, int]:
    """Count the lines of each docstring of `reports` as they stand in the source."""
    tree = ast.parse(Path(inspect.getfile(reports)).read_text(encoding="utf-8"))
    return {
        node.name: len((ast.get_docstring(node) or "").splitlines())
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name.endswith("_df")
    }


def test_hand_written_docstrings_are_short() -> None:
    counted = hand_written()
    assert len(counted) == len(REPORTS)
    assert {name: lines for name, lines in counted.items() if not 1 <= lines <= 25} == {}


@pytest.mark.parametrize("name", NAMES)
def test_every_column_has_a_sentence(name: str) -> None:
    for column in REPORTS[name].columns:
        assert column.meaning.endswith((".", "...")), column.name
        assert column.meaning[0].isupper(), column.name


# --- drift ---------------------------------------------------------------------------------------

SAMPLE = Report("sample", "one sample", ("contact_id",), (Column("contact_id", "id", "Whose."),), ("limit", "session"))


def sample_df(contact_id: str, *, limit: int = 500, session: object = None) -> str:
    """Samples; one row is one sample."""
    return f"{contact_id} {limit} {session}"


def test_the_binder_gives_the_same_function_back() -> None:
    assert serves(SAMPLE)(sample_df) is sample_df
    assert sample_df("36") == "36 500 None"


@pytest.mark.parametrize(
    "declared",
    [
        replace(SAMPLE, name="other"),
        replace(SAMPLE, keys=("campaign_id",)),
        replace(SAMPLE, keys=()),
        replace(SAMPLE, keys=("contact_id", "link_id")),
        replace(SAMPLE, options=("limit",)),
        replace(SAMPLE, options=("session", "limit")),
        replace(SAMPLE, options=("limit", "refresh", "session")),
    ],
)
def test_drift_raises_at_import(declared: Report) -> None:
    with pytest.raises(TypeError, match="declaration"):
        serves(declared)(sample_df)


def test_an_argument_that_may_be_positional_is_drift() -> None:
    def sample_df(contact_id: str, limit: int = 500, *, session: object = None) -> None:
        """Samples."""

    with pytest.raises(TypeError, match="declaration"):
        serves(SAMPLE)(sample_df)


# --- lazy names ----------------------------------------------------------------------------------


def fresh(code: str, home: Path) -> Any:
    """Run code in a new interpreter that knows no settings; give back what it prints as JSON."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CCTRACK_")}
    environment |= {"HOME": str(home), "PYTHONPATH": str(PACKAGE.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        environment.pop(name, None)
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        env=environment,
        cwd=home,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_importing_is_light_and_touches_nothing(tmp_path: Path) -> None:
    told = fresh(
        """
        import json, sys, threading
        opened = []
        def hook(event, arguments):
            if event == "open" and isinstance(arguments[0], str):
                opened.append([arguments[0], str(arguments[1])])
            elif event.split(".")[0] in ("socket", "sqlite3", "subprocess") or event == "os.mkdir":
                opened.append([event, "x"])
        sys.addaudithook(hook)
        import cctrack
        names = dir(cctrack)
        loaded = {name.partition(".")[0] for name in sys.modules}
        ours = [name for name in sys.modules if name.startswith("cctrack")]
        json.dump([sorted(loaded), ours, opened, names, threading.active_count()], sys.stdout)
        """,
        tmp_path,
    )
    loaded, ours, opened, names, threads = told
    heavy = {
        *("pandas", "numpy", "requests", "requests_cache", "urllib3", "matplotlib", "ipywidgets"),
        *("msgspec", "platformdirs", "tqdm", "sqlite3", "socket"),
    }
    assert not heavy & set(loaded)
    assert set(ours) <= {"cctrack", "cctrack._version"}
    assert names == dir(cctrack)
    assert threads == 1
    assert {path for path, mode in opened if mode not in ("r", "rb", "None")} == set()
    assert {path for path, _ in opened if Path(path).suffix not in (".py", ".pyc")} == set()
    assert list(tmp_path.iterdir()) == []


def test_public_names_survive_the_import_of_every_module(tmp_path: Path) -> None:
    told = fresh(
        """
        import importlib, json, pkgutil, sys, types
        import cctrack
        failed = {}
        modules = [m.name for m in pkgutil.walk_packages(cctrack.__path__, "cctrack.") if "__main__" not in m.name]
        for name in modules:
            importlib.import_module(name)
        kinds = {}
        for name in cctrack.__all__:
            value = getattr(cctrack, name)
            if isinstance(value, types.ModuleType):
                kinds[name] = ["module", value.__name__]
            elif isinstance(value, type):
                kinds[name] = ["class", value.__module__ + "." + value.__qualname__]
            elif callable(value):
                kinds[name] = ["function", value.__module__ + "." + value.__qualname__]
            else:
                kinds[name] = ["value", value]
        json.dump([modules, kinds], sys.stdout)
        """,
        tmp_path,
    )
    modules, kinds = told
    assert {"cctrack.reports", "cctrack.api.session", "cctrack.catalog", "cctrack.demo_account.start"} <= set(modules)
    for name, (kind_of, what) in kinds.items():
        if name == "__version__":
            assert what == cctrack.__version__
        elif name in cctrack._MODULES:
            assert (kind_of, what) == ("module", f"cctrack.{name}")
        else:
            assert kind_of == ("class" if name[0].isupper() else "function"), name
            assert what == f"{cctrack._NAMES[name]}.{name}"


def test_names_that_are_promised_are_there() -> None:
    promised = {"connect", "demo", "use", "stack", "provenance", "Session", "cache", "analysis", "plots", "errors"}
    assert promised <= set(dir(cctrack))
    assert dir(cctrack) == sorted(cctrack.__all__)
    assert len(set(cctrack.__all__)) == len(cctrack.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="clicks_dataframe"):
        cctrack.clicks_dataframe  # noqa: B018


def test_the_type_checker_sees_the_same_names() -> None:
    tree = ast.parse((PACKAGE / "__init__.py").read_text(encoding="utf-8"))
    (block,) = [node for node in tree.body if isinstance(node, ast.If)]
    seen: dict[str, str] = {}
    for node in block.body:
        assert isinstance(node, ast.ImportFrom)
        seen |= {alias.name: str(node.module) for alias in node.names}
    expected = dict(cctrack._NAMES) | dict.fromkeys(cctrack._MODULES, "cctrack")
    assert seen == expected


def test_errors_of_the_contract_are_public() -> None:
    family = (
        *("ConfigError", "AuthError", "NotFoundError", "RateLimitError", "ServiceError", "NetworkError"),
        *("ResponseError", "CacheMissError", "ApiGoneError", "NotOfferedError", "EngineError"),
    )
    for name in family:
        assert issubclass(getattr(cctrack, name), cctrack.CctrackError)
    for name in ("ConfigError", "NotOfferedError"):
        assert issubclass(getattr(cctrack, name), ValueError)
    error = cctrack.CctrackError("x")
    assert (error.status, error.error_key, error.retryable, error.retry_after, error.url) == (
        None,
        None,
        False,
        None,
        None,
    )
