"""Explorers, acted on as a browser acts on them: the answer follows what is chosen, and so does the code."""

import ast
import os
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import ipywidgets
import matplotlib.pyplot as plt
import nbformat
import pandas as pd
import pytest
from acting import clicks, everything, is_alert, labels, offered, picks, said, sets, told, types
from make_notebooks import errors, outputs, run
from nbclient.exceptions import CellExecutionError
from service import Answer, Request, Service, account, campaign, campaign_summary, contact, contact_list, send
from sessions import session_on, threads_ended
from traitlets import TraitError

import cctrack
from cctrack import analysis, pickers
from cctrack.api.session import Session
from cctrack.demo_account.account import generate
from cctrack.demo_account.server import DemoServer

ROOT = Path(__file__).resolve().parent.parent
CAMPAIGNS = "/v2/emailmarketing/campaigns"
NEWER, OLDER = "1100000000002", "1100000000001"
SECRET = "SEKRETof-the-user"

BOTH = pytest.mark.parametrize("explore", [pickers.funnel_explorer, pickers.link_explorer])
Explore = Callable[..., Any]


@pytest.fixture(autouse=True)
def _no_figures_left() -> Iterator[None]:
    before = plt.get_fignums()
    yield
    assert plt.get_fignums() == before
    plt.close("all")


@pytest.fixture
def session(service: Service, tmp_cache: Path) -> Session:
    """Connect to a small account that is not the demo."""
    account(service)
    return session_on(service, tmp_cache)


@pytest.fixture(scope="module")
def activities(tmp_path_factory: pytest.TempPathFactory) -> pd.DataFrame:
    """Give all activities of a made-up account, with segments of the user's own."""
    with (
        DemoServer(generate(contacts=150), api_key="key", access_token="token") as server,
        cctrack.connect(
            "key", "token", base_url=server.url, cache_dir=tmp_path_factory.mktemp("explored"), rate=1000
        ) as session,
    ):
        rows = cctrack.account_activities_df(session=session)
    odd = rows["contact_id"].str[-1].isin(list("13579"))
    return rows.assign(half=odd.map({True: "odd", False: "even"}), member=odd, note=range(len(rows)))


def code_of(explorer: Any, drawn: bool, **names: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Run the code of an explorer, which draws only if wanted: give the table, and what of it is shown."""
    name = explorer._exploration.question.name
    code = explorer.code
    if not drawn:
        code = code.replace(f"axes = cctrack.plots.{name}({name})\n", "")
        assert code != explorer.code
    tree = ast.parse(code)
    last = tree.body.pop()
    assert isinstance(last, ast.Expr)
    exec(compile(tree, "the code of an explorer", "exec"), names)
    shown = eval(compile(ast.Expression(last.value), "its last line", "eval"), names)
    if drawn:
        assert names["axes"].get_figure() is plt.gcf()
        plt.close("all")
    return names[name], shown


def assert_code_gives_the_same(explorer: Any, *, drawn: bool = False, **names: Any) -> None:
    table, shown = code_of(explorer, drawn, **names)
    pd.testing.assert_frame_equal(table, explorer.value)
    assert table.attrs == explorer.value.attrs
    pd.testing.assert_frame_equal(shown, explorer.value[explorer._columns])
    assert explorer._code.value == explorer.code


def table_of(events: list[tuple[str, str, str]]) -> pd.DataFrame:
    """Make a table of activities of one campaign, from kinds, contacts and dates."""
    table = pd.DataFrame(events, columns=["activity_type", "contact_id", "activity_date"])
    table["activity_date"] = pd.to_datetime(table["activity_date"], utc=True)
    return table.assign(campaign_id="1", bounce_code=None, link_id="5", link_uri="https://example.org/")


def assert_nothing_is_shown(explorer: Any) -> None:
    assert explorer.value is None
    assert explorer._result.value == ""


# Of a table ----------------------------------------------------------------------------------------------------------


@BOTH
def test_the_default_is_the_newest_campaign(explore: Explore, activities: pd.DataFrame) -> None:
    explorer = explore(activities)
    sends = activities[activities["activity_type"] == "EMAIL_SEND"].groupby("campaign_id")["activity_date"].min()
    newest = sends.idxmax()
    assert explorer.campaigns.value == (newest,)
    assert (explorer.state, said(explorer), offered(explorer)) == ("ready", "", "")
    own = activities[activities["campaign_id"] == newest]
    answer = analysis.funnel if explore is pickers.funnel_explorer else analysis.link_popularity
    pd.testing.assert_frame_equal(explorer.value, answer(own))
    assert '<img src="data:image/png;base64,' in explorer._result.value
    assert ' alt="' in explorer._result.value
    assert "<caption>" in explorer._result.value


@BOTH
def test_every_choice_changes_the_answer_and_the_code(explore: Explore, activities: pd.DataFrame) -> None:
    explorer = explore(activities)
    picks(explorer.campaigns._list, 0, 1)
    changed = set()
    for name, control in explorer.controls.items():
        options = range(len(control.options) - 1, -1, -1) if name != "tz" else ["Asia/Tokyo"]
        for one in options:
            before, shown = explorer._result.value, explorer.value[explorer._columns]
            sets(control, **({"value": one} if name == "tz" else {"index": one}))
            assert explorer.state == "ready", (name, one, said(explorer))
            if not explorer.value[explorer._columns].equals(shown):
                assert explorer._result.value != before
                changed.add(name)
            assert_code_gives_the_same(explorer, activities=activities)
    # These may leave what is shown as it was, in this account.
    assert changed >= set(explorer.controls) - {"tz", "definitions", "kinds"}


def test_groups_are_campaigns_months_and_columns_that_make_some(activities: pd.DataFrame) -> None:
    explorer = pickers.funnel_explorer(activities)
    assert [value for _, value in explorer.controls["by"].options] == ["", "campaign_id", "month", "half", "member"]
    own = activities.assign(
        month="mine", campaign_name="news", machine=False, listed=[[1]] * len(activities), when=pd.Timestamp("2026")
    )
    own["<b>\nx"] = "text"
    own[5] = "no name"
    explorer = pickers.funnel_explorer(own)
    assert explorer.controls["by"].options == (
        ("all together", ""),
        ("each campaign", "campaign_id"),
        ("column month", "month"),
        ("column half", "half"),
        ("column member", "member"),
        ("column <b> x", "<b>\nx"),
    )
    assert labels(explorer.campaigns._list)[0].startswith("news · ")
    for group in ("half", "month", "<b>\nx"):
        explorer.controls["by"].value = group
        assert explorer.state == "ready", said(explorer)
        assert_code_gives_the_same(explorer, activities=own)
    assert "<b>" not in explorer._result.value


def test_the_zone_moves_months() -> None:
    rows = table_of([("EMAIL_SEND", str(one), "2026-01-31T23:30:00Z") for one in range(3)])
    explorer = pickers.funnel_explorer(rows)
    explorer.controls["by"].value = "month"
    assert explorer.value["month"].unique().tolist() == ["2026-01"]
    explorer.controls["tz"].value = "Europe/Berlin"
    assert explorer.value["month"].unique().tolist() == ["2026-02"]
    assert_code_gives_the_same(explorer, activities=rows)


def test_a_wrong_zone_is_said_and_the_old_answer_goes(activities: pd.DataFrame) -> None:
    explorer = pickers.funnel_explorer(activities)
    for wrong in ("Europe/Brelin", "", "'); import os; ('", "../../etc/passwd"):
        sets(explorer.controls["tz"], value=wrong)
        assert (explorer.state, is_alert(explorer), offered(explorer)) == ("error", True, "Try again")
        assert_nothing_is_shown(explorer)
        ast.parse(explorer.code)
    clicks(explorer._button)
    assert explorer.state == "error"
    sets(explorer.controls["tz"], value="Europe/Berlin")
    assert (explorer.state, is_alert(explorer), offered(explorer)) == ("ready", False, "")


def test_what_is_shown_of_a_table(activities: pd.DataFrame) -> None:
    explorer = pickers.funnel_explorer(activities)
    assert "rate_of_delivered_human" in explorer._columns
    assert "n_machine" not in explorer._columns
    assert "%</td>" in explorer._result.value
    for machine in ("exclude", "include"):
        explorer.controls["machine"].value = machine
        assert not [name for name in explorer._columns if name.endswith("_human")]
        assert "rate_of_delivered" in explorer._columns
        assert "%</td>" in explorer._result.value
    links = pickers.link_explorer(activities)
    assert "reach_human" in links._columns
    assert "%</td>" in links._result.value


def test_no_campaign_no_answer(activities: pd.DataFrame) -> None:
    explorer = pickers.funnel_explorer(activities)
    sets(explorer.campaigns._list, index=[])
    assert (explorer.state, said(explorer)) == ("empty", "Pick a campaign above.")
    assert_nothing_is_shown(explorer)
    empty = pickers.funnel_explorer(activities.head(0))
    assert (empty.state, said(empty)) == ("empty", "There are no campaigns here.")
    ast.parse(empty.code)


def test_one_row_is_enough(activities: pd.DataFrame) -> None:
    for explore in (pickers.funnel_explorer, pickers.link_explorer):
        explorer = explore(activities.head(1))
        assert explorer.state == "ready", said(explorer)
        assert_code_gives_the_same(explorer, activities=activities.head(1))


@BOTH
def test_ids_may_be_categories(explore: Explore, activities: pd.DataFrame) -> None:
    ids = ["campaign_id", "contact_id", "link_id"]
    small = activities.astype(dict.fromkeys(ids, "category"))
    explorer = explore(small)
    pd.testing.assert_frame_equal(explorer.value, explore(activities).value)
    explorer.controls["by"].value = "campaign_id"
    assert_code_gives_the_same(explorer, activities=small)


def test_a_table_that_cannot_be_counted_is_refused_at_once(activities: pd.DataFrame) -> None:
    numbers = activities.assign(campaign_id=1)
    for wrong, words in {
        "numbers": (numbers, "holds numbers, not text"),
        "naive": (activities.assign(activity_date=pd.Timestamp("2026-01-01")), "without a time zone"),
        "short": (activities.drop(columns="contact_id"), "no column contact_id"),
        "twice": (pd.concat([activities, activities], axis=1), "twice"),
    }.values():
        with pytest.raises(ValueError, match=words):
            pickers.funnel_explorer(wrong)
        explorer = pickers.funnel_explorer(lambda wrong=wrong: wrong)
        assert (explorer.state, is_alert(explorer), offered(explorer)) == ("error", True, "Try again")
        assert words in said(explorer)
    with pytest.raises(TypeError, match="pass a pandas frame"):
        pickers.link_explorer("activities.csv")
    with pytest.raises(TypeError, match="session is a int"):
        pickers.link_explorer(session=5)


def test_a_callable_is_asked_once_and_may_fail_at_first(activities: pd.DataFrame) -> None:
    asked = []

    def source() -> pd.DataFrame:
        asked.append(1)
        if len(asked) == 1:
            raise OSError(f"https://files.example/?token={SECRET}")
        return activities

    explorer = pickers.funnel_explorer(source)
    assert (explorer.state, explorer.value) == ("error", None)
    assert SECRET not in told(explorer) + repr(explorer)
    assert "raised OSError" in said(explorer)
    assert explorer.code == "import cctrack"
    explorer.disabled = True
    explorer.disabled = False
    clicks(explorer._button)
    assert explorer.state == "ready"
    explorer.controls["by"].value = "half"
    assert len(asked) == 2


def test_it_is_a_widget_of_a_value(activities: pd.DataFrame) -> None:
    explorer = pickers.funnel_explorer(activities)
    seen: list[Any] = []
    ipywidgets.interactive_output(lambda table: seen.append(table), {"table": explorer})
    assert seen[-1] is explorer.value
    explorer.controls["by"].value = "half"
    assert seen[-1] is explorer.value
    parts = [one for one in everything(explorer) if hasattr(one, "disabled")]
    controls = [one for one in parts if one not in (explorer, explorer._code)]  # what is to be copied stays legible
    explorer.disabled = True
    assert all(one.disabled for one in controls)
    explorer.disabled = False
    assert not any(one.disabled for one in controls)
    assert all(one.description.strip() for one in controls if hasattr(one, "description"))


def test_in_a_terminal_it_is_a_table(activities: pd.DataFrame, capsys: pytest.CaptureFixture[str]) -> None:
    explorer = pickers.funnel_explorer(activities)
    explorer._ipython_display_()
    assert "delivered" in capsys.readouterr().out
    sets(explorer.controls["tz"], value="Europe/Brelin")
    assert "(error)" in repr(explorer)
    assert "Brelin" in explorer._repr_mimebundle_()["text/html"]


def test_the_code_unfolds(activities: pd.DataFrame) -> None:
    explorer = pickers.funnel_explorer(activities)
    assert explorer._code.layout.display == "none"
    sets(explorer._copy, value=True)
    assert explorer._code.layout.display != "none"
    assert explorer._code.value == explorer.code


def test_hostile_texts_are_shown_as_texts(activities: pd.DataFrame) -> None:
    hostile = "<img src=x onerror=alert(1)>\u202e\x00'\""
    rows = activities.assign(segment=hostile, campaign_name=hostile)
    rows["link_uri"] = rows["link_uri"].where(rows["link_uri"].isna(), "javascript:alert('<script>')")
    funnel = pickers.funnel_explorer(rows)
    funnel.controls["by"].value = "segment"
    assert funnel.state == "ready"
    assert_code_gives_the_same(funnel, activities=rows)
    links = pickers.link_explorer(rows)
    for explorer in (funnel, links):
        shown = explorer._result.value + explorer._status.value
        assert "<img src=x" not in shown
        assert "<script" not in shown
        assert "href" not in shown
        told(explorer).encode()


def test_warnings_stand_within_the_widget() -> None:
    """Clicks before their send: the clocks disagree, and what compares them is left out."""
    sends = [("EMAIL_SEND", str(one), "2026-03-02T15:00:00Z") for one in range(40)]
    table = table_of([*sends, *(("EMAIL_CLICK", str(one), "2026-03-02T10:05:00Z") for one in range(40))])
    explorer = pickers.funnel_explorer(table)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        analysis.funnel(table)
    assert [one.category for one in caught] == [cctrack.ClockWarning]
    assert (explorer.state, said(explorer)) == ("ready", str(caught[0].message))


# Of reports ----------------------------------------------------------------------------------------------------------


@BOTH
def test_a_small_newest_campaign_is_read_at_once(explore: Explore, service: Service, session: Session) -> None:
    explorer = explore(session=session)
    assert explorer.campaigns.value == (NEWER,)
    assert explorer.state == "ready"
    assert service.hits(f"{CAMPAIGNS}/{NEWER}/tracking/reports/summary") == 1
    assert service.hits(f"{CAMPAIGNS}/{OLDER}") == 0
    sent = service.hits()
    assert_code_gives_the_same(explorer, drawn=True, session=session)
    with cctrack.use(session):
        assert "session" not in explore().code
        assert_code_gives_the_same(explore())
    assert service.hits() == sent


def test_a_large_newest_campaign_waits_for_leave(service: Service, session: Session) -> None:
    service.json(f"{CAMPAIGNS}/{NEWER}/tracking/reports/summary", campaign_summary(sends=5_001))
    explorer = pickers.funnel_explorer(session=session)
    assert (explorer.state, offered(explorer)) == ("waiting", "Read them")
    assert "campaign_activities_df: at least 6 calls" in said(explorer)
    assert_nothing_is_shown(explorer)
    assert service.hits() == 2
    code = explorer._code.value
    clicks(explorer._button)
    assert explorer.state == "ready"
    assert service.hits() == 8
    assert explorer._code.value.startswith(code.rpartition("\n")[0])  # it was there before


def test_a_campaign_of_unknown_size_waits_for_leave(service: Service, session: Session) -> None:
    service.json(f"{CAMPAIGNS}/{NEWER}/tracking/reports/summary", {})
    assert pickers.funnel_explorer(session=session).state == "waiting"


def test_what_costs_calls_waits_for_leave_and_no_keystroke_sends(service: Service, session: Session) -> None:
    explorer = pickers.link_explorer(session=session)
    sent = service.hits()
    types(explorer.campaigns._search, "spring")
    picks(explorer.campaigns._list, 1)
    assert explorer.campaigns.value == (OLDER,)
    assert (explorer.state, offered(explorer)) == ("waiting", "Read them")
    assert "links_df: 1 call" in said(explorer)
    assert_nothing_is_shown(explorer)
    explorer.controls["level"].value = "host"
    explorer.controls["by"].value = "campaign_id"
    assert explorer.state == "waiting"
    assert service.hits() == sent
    clicks(explorer._button)
    assert explorer.state == "ready"
    assert service.hits() == sent + 7
    explorer.controls["by"].value = "month"
    explorer.controls["machine"].value = "include"
    explorer.campaigns.value = (NEWER,)  # read before
    assert explorer.state == "ready"
    explorer.campaigns.value = (NEWER, OLDER)
    assert explorer.state == "ready"
    assert service.hits() == sent + 7
    assert_code_gives_the_same(explorer, session=session)


def test_lists_as_groups_take_leave_twice(service: Service, session: Session) -> None:
    """Which lists there are has to be known before it can be said what their members cost."""
    explorer = pickers.funnel_explorer(session=session)
    sent = service.hits()
    explorer.controls["by"].value = "list"
    assert explorer.state == "waiting"
    assert "lists_df: 1 call" in said(explorer)
    assert service.hits() == sent
    clicks(explorer._button)
    assert explorer.state == "waiting"
    assert "list_members_df: at least 2 calls" in said(explorer)
    assert service.hits() == sent + 1
    clicks(explorer._button)
    assert explorer.state == "ready"
    assert service.hits() == sent + 3
    assert explorer.value["list"].unique().tolist() == ["Général ★", "VIP"]
    assert_code_gives_the_same(explorer, session=session)


def listed(service: Service, names: list[Any], members: dict[str, list[str]]) -> None:
    service.json("/v2/lists", [contact_list(str(at), name=name) for at, name in enumerate(names, 1)])
    for at in range(1, len(names) + 1):
        service.rows(f"/v2/lists/{at}/contacts", [contact(one) for one in members.get(str(at), [])])


@pytest.mark.parametrize(
    ("names", "members", "expected"),
    [
        ([], {}, [pd.NA]),
        (["Friends"], {}, [pd.NA]),
        (["Friends"], {"1": ["36"]}, ["Friends", pd.NA]),
        (["Friends", "Friends"], {"1": ["36"], "2": ["37"]}, ["Friends 1", "Friends 2"]),
        (["Friends", None], {"1": ["36"], "2": ["36", "37"]}, ["2", "Friends"]),
    ],
)
def test_lists_of_all_kinds(
    service: Service, session: Session, names: list[Any], members: dict[str, list[str]], expected: list[Any]
) -> None:
    listed(service, names, members)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cctrack.RepairWarning)  # a list without a name
        explorer = pickers.funnel_explorer(session=session)
        explorer.controls["by"].value = "list"
        while explorer.state == "waiting":
            clicks(explorer._button)
        assert explorer.state == "ready", said(explorer)
        assert [*map(str, explorer.value["list"].unique())] == [*map(str, expected)]
        assert_code_gives_the_same(explorer, session=session)


def test_names_and_dates_stand_beside_campaigns(service: Service, session: Session) -> None:
    explorer = pickers.funnel_explorer(session=session)
    explorer.controls["by"].value = "campaign_id"
    assert explorer._columns[:2] == ["campaign_name", "send_date"]
    assert "details" not in explorer.code
    cctrack.campaigns_df(details=True, session=session)
    again = pickers.funnel_explorer(session=session)
    again.controls["by"].value = "campaign_id"
    assert "campaigns_df(details=True, session=session)" in again.code
    assert_code_gives_the_same(again, session=session)


@pytest.mark.parametrize("names", [["News", "News"], ["News", None]])
def test_campaigns_that_names_do_not_tell_apart_show_their_ids(
    service: Service, tmp_cache: Path, names: list[Any]
) -> None:
    service.rows(CAMPAIGNS, [campaign(one, name=name) for one, name in zip("56", names, strict=True)])
    for one in "56":
        service.json(f"{CAMPAIGNS}/{one}/tracking/reports/summary", campaign_summary(sends=1))
        for kind in ("sends", "opens", "clicks", "forwards", "bounces", "unsubscribes"):
            service.rows(f"{CAMPAIGNS}/{one}/tracking/{kind}", [send("36", one)] if kind == "sends" else [])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", cctrack.RepairWarning)  # a campaign without a name
        explorer = pickers.funnel_explorer(session=session_on(service, tmp_cache))
        explorer.campaigns.value = ("5", "6")
        explorer.controls["by"].value = "campaign_id"
        clicks(explorer._button)
        assert explorer._columns[:4] == ["campaign_name", "send_date", "campaign_id", "stage"]
        assert_code_gives_the_same(explorer, session=explorer._exploration.session)


def test_an_empty_campaign_and_an_empty_account(service: Service, tmp_cache: Path) -> None:
    session = session_on(service, tmp_cache)
    service.rows(CAMPAIGNS, [campaign("5")])
    service.json(f"{CAMPAIGNS}/5/tracking/reports/summary", campaign_summary())
    service.json(f"{CAMPAIGNS}/5", campaign("5") | {"click_through_details": []})
    for kind in ("sends", "opens", "clicks", "forwards", "bounces", "unsubscribes"):
        service.rows(f"{CAMPAIGNS}/5/tracking/{kind}", [])
    funnel = pickers.funnel_explorer(session=session)
    assert (funnel.state, funnel.value["n"].tolist()) == ("ready", [0, 0, 0, 0])
    links = pickers.link_explorer(session=session)
    assert (links.state, len(links.value)) == ("ready", 0)
    for split in ("campaign_id", "month"):
        funnel.controls["by"].value = links.controls["by"].value = split
        assert (funnel.state, links.state) == ("ready", "ready"), said(funnel) + said(links)
    service.rows(CAMPAIGNS, [])
    cctrack.campaigns_df(refresh=True, session=session)
    nothing = pickers.funnel_explorer(session=session)
    assert (nothing.state, said(nothing)) == ("empty", "There are no campaigns here.")


# Faults --------------------------------------------------------------------------------------------------------------


def test_a_fault_of_the_list_is_said_there_and_mended_there(service: Service, session: Session) -> None:
    service.before = lambda request: Answer.error(401)
    explorer = pickers.funnel_explorer(session=session)
    assert (explorer.state, said(explorer), offered(explorer)) == ("error", "", "")
    assert is_alert(explorer.campaigns)
    shown = told(explorer) + repr(explorer)
    assert service.key not in shown
    assert service.token not in shown
    service.before = None
    clicks(explorer.campaigns._button)
    assert (explorer.state, explorer.campaigns.value) == ("ready", (NEWER,))
    assert explorer.value is not None


def test_a_fault_of_a_report_is_said_and_mended(service: Service, session: Session) -> None:
    explorer = pickers.funnel_explorer(session=session)
    explorer.campaigns.value = (OLDER,)
    service.before = lambda request: Answer.error(401)
    clicks(explorer._button)
    assert (explorer.state, is_alert(explorer), offered(explorer)) == ("error", True, "Try again")
    assert_nothing_is_shown(explorer)
    shown = told(explorer) + repr(explorer)
    assert service.key not in shown
    assert service.token not in shown
    service.before = None
    clicks(explorer._button)  # leave was given
    assert explorer.state == "ready"


def test_a_fault_at_the_beginning_gives_no_leave(service: Service, session: Session) -> None:
    size = f"{CAMPAIGNS}/{NEWER}/tracking/reports/summary"
    service.json(size, campaign_summary(sends=9_999))
    service.before = lambda request: Answer.error(401) if request.path == size else None
    explorer = pickers.funnel_explorer(session=session)
    assert explorer.state == "error"
    service.before = None
    sent = service.hits()
    clicks(explorer._button)
    assert explorer.state == "waiting"
    assert service.hits() == sent + 1


def test_a_used_up_day_is_said(service: Service, tmp_cache: Path) -> None:
    account(service)
    session = session_on(service, tmp_cache, daily_quota=4)
    explorer = pickers.funnel_explorer(session=session)
    assert (explorer.state, is_alert(explorer)) == ("error", True)
    assert service.hits() == 4


def test_an_interrupt_is_said_and_passed_on(service: Service, session: Session) -> None:
    explorer = pickers.funnel_explorer(session=session)
    explorer.campaigns.value = (OLDER,)

    def stop(request: Request) -> None:
        service.before = None
        os.kill(os.getpid(), signal.SIGINT)

    service.before = stop
    with pytest.raises(KeyboardInterrupt):
        explorer._follow(explorer._planned)
    assert (explorer.state, offered(explorer)) == ("error", "Try again")
    assert "interrupted" in said(explorer)
    assert_nothing_is_shown(explorer)
    threads_ended()
    clicks(explorer._button)
    assert explorer.state == "ready"


def test_an_error_of_who_observes_is_not_taken_for_its_own(activities: pd.DataFrame) -> None:
    explorer = pickers.funnel_explorer(activities)

    def fail(change: Any) -> None:
        if change["new"] is not None:
            raise ValueError("of the user's own")

    explorer.observe(fail, "value")
    with pytest.raises(ValueError, match="of the user's own"):
        explorer.controls["machine"].value = "include"
    assert (explorer.state, said(explorer)) == ("ready", "")
    assert explorer.value is not None


def test_who_observes_finds_value_and_state_together(activities: pd.DataFrame) -> None:
    explorer = pickers.funnel_explorer(activities)
    seen = []
    explorer.observe(lambda _: seen.append((explorer.state, explorer.value is None)), ["value", "state"])
    explorer.controls["machine"].value = "include"
    assert ("ready", False) in seen
    assert ("ready", True) not in seen
    assert ("loading", False) not in seen


def test_what_was_warned_of_a_report_stays_with_its_answers(service: Service, session: Session) -> None:
    broken = send("36", NEWER, "soon")
    service.rows(f"{CAMPAIGNS}/{NEWER}/tracking/sends", [broken, send("37", NEWER)])
    explorer = pickers.funnel_explorer(session=session)
    assert explorer.state == "ready"
    assert "activity_date (1)" in said(explorer)
    explorer.controls["machine"].value = "include"
    assert "activity_date (1)" in said(explorer)
    explorer.campaigns.value = (OLDER,)
    clicks(explorer._button)
    assert "activity_date" not in said(explorer)


def test_a_session_that_is_connected_later(service: Service, tmp_cache: Path) -> None:
    explorer = pickers.funnel_explorer()
    assert (explorer.state, is_alert(explorer), offered(explorer)) == ("error", True, "Try again")
    account(service)
    cctrack.connect(service.key, service.token, base_url=service.url, cache_dir=tmp_cache, rate=1000)
    clicks(explorer._button)
    assert explorer.state == "ready"
    assert_code_gives_the_same(explorer)


def test_an_answer_is_never_of_two_accounts(service: Service, tmp_cache: Path) -> None:
    account(service)
    cctrack.connect(service.key, service.token, base_url=service.url, cache_dir=tmp_cache, rate=1000)
    explorer = pickers.funnel_explorer()
    with Service() as other:
        account(other)
        cctrack.connect(other.key, other.token, base_url=other.url, cache_dir=tmp_cache, profile="other", rate=1000)
        explorer.campaigns.value = (OLDER,)
        clicks(explorer._button)
        assert explorer.state == "ready"
        assert other.hits() == 0


def test_a_second_press_sends_nothing(service: Service, session: Session) -> None:
    explorer = pickers.funnel_explorer(session=session)
    explorer.campaigns.value = (OLDER,)
    clicks(explorer._button)
    sent, table = service.hits(), explorer.value
    explorer._button._handle_custom_msg({"event": "click"}, [])
    assert service.hits() == sent
    assert explorer.value is table


def test_the_demo_account_is_explored_without_asking() -> None:
    with cctrack.use(cctrack.demo(contacts=60)) as session:
        for explore, splits in {
            pickers.funnel_explorer: ("campaign_id", "month", "list"),
            pickers.link_explorer: ("list",),
        }.items():
            explorer = explore(session=session)
            for split in splits:
                explorer.controls["by"].value = split
                assert explorer.state == "ready", said(explorer)
                assert_code_gives_the_same(explorer, session=session)


@BOTH
def test_the_table_follows_and_cannot_be_set(explore: Explore, activities: pd.DataFrame) -> None:
    explorer = explore(activities)
    before = explorer.value
    for wrong in (5, None, activities, before.copy()):
        with pytest.raises(TraitError, match="set those"):
            explorer.value = wrong
        assert explorer.value is before
        assert explorer.state == "ready"
    newest = explorer.campaigns.ids[0]
    explorer.campaigns.value = newest  # one id is as good as a list of it
    assert explorer.campaigns.value == (newest,)
    explorer.campaigns.value = None
    assert explorer.campaigns.value == ()
    assert explorer.state == "empty"
    assert "campaign_ids = []" in explorer.code


def test_an_answer_says_which_campaigns_it_is_about(activities: pd.DataFrame) -> None:
    names = {one: f"Letter {at}" for at, one in enumerate(sorted(activities["campaign_id"].unique()))}
    explorer = pickers.funnel_explorer(activities.assign(campaign_name=activities["campaign_id"].map(names)))
    ids = explorer.campaigns.ids[:5]
    for many, more in ((1, ""), (3, ""), (5, "; and 2 more")):
        explorer.campaigns.value = ids[:many]
        assert f"{many} of them picked" in said(explorer.campaigns)
        words = explorer.campaigns.named()
        assert words in repr(explorer)
        assert words in explorer._result.value
        assert all(f"{names[one]} · 20" in words for one in ids[:3][:many])
        assert words.endswith(more)
        assert words.count(";") == min(many - 1, 3)


@pytest.mark.parametrize("level", ["page", "host", "raw"])
def test_links_are_named_by_what_one_link_is(activities: pd.DataFrame, level: str) -> None:
    explorer = pickers.link_explorer(activities)
    explorer.controls["level"].value = level
    assert explorer._columns[0] == "url_key"
    if level == "host":
        assert explorer.value["url_key"].str.fullmatch(r"https?://[^/]+/").all()
    assert ("utm_source" in explorer._result.value.split("<table", 1)[1]) == (level == "raw")


def test_lists_without_a_name_are_named_by_their_ids(service: Service, tmp_cache: Path) -> None:
    session = session_on(service, tmp_cache)
    account(service)
    service.json("/v2/lists", [contact_list("7", name=" "), contact_list("8", name="Friends")])
    service.rows("/v2/lists/7/contacts", [contact("36")])
    service.rows("/v2/lists/8/contacts", [contact("36")])
    explorer = pickers.funnel_explorer(session=session)
    explorer.controls["by"].value = "list"
    while explorer.state == "waiting":
        clicks(explorer._button)
    assert explorer.state == "ready", said(explorer)
    assert set(explorer.value["list"]) >= {"7", "Friends"}
    assert_code_gives_the_same(explorer, session=session)


# Where nobody can point and click ------------------------------------------------------------------------------------


WITHOUT = """
import sys
sys.modules["ipywidgets"] = None
import cctrack
session = cctrack.demo(contacts=60)
for explore in (cctrack.pickers.funnel_explorer, cctrack.pickers.link_explorer):
    plain = explore()
    names = {}
    exec(plain.code, names)
    name = "funnel" if "funnel" in names else "link_popularity"
    assert names[name].equals(plain.value)
    assert plain.disabled
    print(type(plain).__name__, len(plain.value), "Pick" in dir(plain))
    print(plain)
    plain._ipython_display_()
try:
    cctrack.pickers.ContactPicker()
except ImportError as error:
    print("ImportError", error)
"""


def test_without_ipywidgets_the_default_is_shown_plainly(tmp_cache: Path) -> None:
    settings = {**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"}
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", WITHOUT], env=settings, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("Plain ") == 2
    assert "delivered" in done.stdout
    assert "ImportError" in done.stdout


CELLS = (
    "import cctrack\nsession = cctrack.demo(contacts=60)",
    "explorer = cctrack.pickers.funnel_explorer()\nexplorer.controls['by'].value = 'month'\nexplorer",
    "cctrack.pickers.link_explorer()",
    "cctrack.pickers.CampaignPicker()",
)


def test_in_a_notebook_that_is_run_the_default_is_a_table_and_a_picture(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    ran = run(notebook, tmp_path, widgets=True)
    assert errors(ran) == []
    for cell in ran.cells[1:3]:
        about, table, drawn = cell.outputs
        assert " · 2026-" in about["data"]["text/plain"]  # which campaign
        assert "<table" in table["data"]["text/html"]
        assert drawn["data"]["image/png"]
        assert drawn["data"]["text/plain"]
    assert "campaign_id" in ran.cells[3].outputs[0]["data"]["text/plain"]
    kinds = {kind for one in outputs(ran) for kind in one.get("data", {})}
    assert "application/vnd.jupyter.widget-view+json" not in kinds
    wrong = "import cctrack, pandas\ncctrack.pickers.funnel_explorer(lambda: pandas.DataFrame({'a': [1]}))"
    failing = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(wrong)])
    with pytest.raises(CellExecutionError, match="source has no column activity_type"):
        run(failing, tmp_path / "wrong")


def test_under_voila_it_is_a_widget(tmp_path: Path) -> None:
    """Voila runs cells as nbconvert does, but shows their widgets."""
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS[:2]])
    ran = run(notebook, tmp_path, environment={"SERVER_SOFTWARE": "voila/0.5.13"})
    (shown,) = ran.cells[1].outputs
    assert "application/vnd.jupyter.widget-view+json" in shown["data"]
    assert "<img " in shown["data"]["text/html"]  # for a page without widgets
