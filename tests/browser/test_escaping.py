"""No text of the service runs as HTML or script, wherever it is shown."""

import re
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

import pytest
import service
from playwright.sync_api import expect

import cctrack
from browser.chromium import Window
from browser.hostile import ADDRESSES, TEXTS, HostileService, dangerous
from browser.lab import Lab
from browser.notebook import Notebook

Open = Callable[[str], Notebook]
OUTPUTS = ".jp-OutputArea-output"

REPORTS = """
account = {
    name: getattr(cctrack, name)(*ids)
    for name, ids in {
        "contacts_df": (), "lists_df": (), "campaigns_df": (), "account_activities_df": (),
        "list_members_df": (["1", "2"],), "activities_df": (PEOPLE,), "bounces_df": (PEOPLE,), "clicks_df": (PEOPLE,),
        "unsubscribes_df": (PEOPLE,), "links_df": (CAMPAIGNS,), "campaign_clicks_df": (CAMPAIGNS,),
        "campaign_bounces_df": (CAMPAIGNS,), "campaign_unsubscribes_df": (CAMPAIGNS,),
    }.items()
}
account["details"] = cctrack.campaigns_df(details=True)
display(*account.values())
"""
ANALYSES = """
activities, links = account["account_activities_df"], account["links_df"]
campaigns = account["details"]
surnames = account["list_members_df"].drop_duplicates("contact_id").set_index("contact_id")["last_name"]
analysis = cctrack.analysis
results = {
    "funnel": analysis.funnel(activities, by="campaign_id", labels=campaigns),
    "funnel by name": analysis.funnel(activities, by=surnames),
    "link_popularity": analysis.link_popularity(activities, links),
    "link_popularity raw": analysis.link_popularity(
        activities, links, by="campaign_id", level="raw", labels=campaigns
    ),
    "scorecard": analysis.scorecard(activities, labels=campaigns),
    "reconcile": analysis.reconcile(activities, cctrack.campaign_summary_df(CAMPAIGNS), labels=campaigns),
    "machine_activity": analysis.machine_activity(activities),
    "compare_campaigns": analysis.compare_campaigns(activities, labels=campaigns, min_delivered=1),
    "co_clicks": analysis.co_clicks(activities, links, min_both=1, labels=campaigns),
    "contact_timeline": analysis.contact_timeline(activities, "36", labels=campaigns),
    "response_curve": analysis.response_curve(activities, by=surnames),
}
display(*results.values())
"""
PICTURES = """
import matplotlib.pyplot as plt
for name, table in results.items():
    getattr(cctrack.plots, name.partition(" ")[0])(table)
    plt.show()
    print(cctrack.plots.alt_text(table))
"""
SAID = """
display(*(analysis.explain(table) for table in [*results.values(), *account.values()]))
display(*(cctrack.provenance(table) for table in account.values()))
display(cctrack.plan(cctrack.clicks_df, PEOPLE), cctrack.quota(), cctrack.cache.info())
"""
WRONG = """cctrack.clicks_df("\\"'><img src=x onerror=ran('id')>")"""


@pytest.fixture
def hostile() -> Iterator[HostileService]:
    """Serve an account whose every text is hostile."""
    with HostileService() as running:
        service.account(running)
        yield running


def connected(hostile: HostileService) -> str:
    return f"""
import cctrack
import pandas as pd
from IPython.display import display

pd.set_option("display.max_colwidth", None)
cctrack.connect({hostile.key!r}, {hostile.token!r}, base_url={hostile.url!r}, rate=1000)
PEOPLE, CAMPAIGNS = {list(service.Account.contacts)}, {list(service.Account.sent)}
"""


def test_what_runs_is_seen(window: Window, lab: Lab, notebook: Open) -> None:
    """The same texts as raw HTML: if they did not run here, that they do not run elsewhere would say nothing."""
    around = ("{}", '<b title="{}">b</b>', "<b title='{}'>b</b>", '<a href="{}">a</a>')
    raw = ["".join(one.format(text) for one in around) for text in [*TEXTS.values(), *ADDRESSES.values()]]
    shown = notebook(lab.write("control", [])).run(f"for one in {raw!r}: display({{'text/html': one}}, raw=True)")
    window.page.get_by_text("b", exact=True).first.hover()
    window.wait_until_ran({"image", "script", "frame", "markdown", "image-address", "closing-address"})
    found = "".join(dangerous(shown))
    for form in ("onerror=", "onload=", "onfocus=", "onmouseover=", "srcdoc=", "=javascript:", "=data:", "link"):
        assert form in found
    assert {"http://outside.example/a", "http://outside.example/b"} <= set(window.outside)
    window.ran.clear()
    window.outside.clear()


def test_reports_analyses_and_pictures(window: Window, lab: Lab, notebook: Open, hostile: HostileService) -> None:
    opened = notebook(lab.write("hostile", [connected(hostile), REPORTS, ANALYSES, PICTURES, SAID]))
    opened.run_all()
    for index in range(1, 4):
        expect(opened.cell(index)).to_contain_text("onerror=ran(")
    expect(opened.run(WRONG, fails="ValueError")).to_contain_text("onerror=ran('id')")
    assert dangerous(window.page.locator(OUTPUTS)) == []
    window.assert_clean()


# Names, addresses and groups of the account, and ids of a frame that somebody else wrote.
PICKERS = """
pickers = cctrack.pickers
foreign = pd.DataFrame({"campaign_id": IDS, "contact_id": IDS, "link_id": IDS, "link_uri": ADDRESSES, "name": IDS})
foreign["email_address"] = foreign["first_name"] = foreign["last_run_date"] = foreign["name"]
shown = [
    pickers.ContactPicker(),
    pickers.CampaignPicker(account["details"]),
    pickers.LinkPicker(CAMPAIGNS[1]),
    pickers.ContactPicker(foreign),
    pickers.CampaignPicker(foreign),
    pickers.LinkPicker(CAMPAIGNS[0], foreign.drop(columns="campaign_id")),
    pickers.CampaignPicker(lambda: cctrack.campaign_summary_df("999")),
    pickers.DateRangePicker(account["details"]),
]
for picker in shown[3:6]:
    picker.value = IDS[0]
display(*shown)
"""
EXPLORERS = """
events = account["account_activities_df"].assign(segment=IDS[0])
events["campaign_id"] = events["campaign_id"].replace({CAMPAIGNS[0]: IDS[0], CAMPAIGNS[1]: IDS[1]})
explorers = [pickers.funnel_explorer(events), pickers.link_explorer(events)]
for explorer in explorers:
    explorer.campaigns.value = tuple(IDS[:2])
display(*explorers)
"""
# Ends a text of Python, as the code of an explorer has it.
QUOTING = """"]; print("IN" + "JECTED") #"""


def test_pickers_and_explorers(window: Window, lab: Lab, notebook: Open, hostile: HostileService) -> None:
    ids = [f"{text}{QUOTING}" for text in TEXTS.values()]
    given = f"IDS = {ids!r}\nADDRESSES = {[*ADDRESSES.values(), *ids][: len(ids)]!r}"
    opened = notebook(lab.write("pointed", [connected(hostile), REPORTS, given, PICKERS, EXPLORERS]))
    opened.run_all()
    pickers, explorers = opened.cell(3), opened.cell(4)
    for name in ("Contact", "Campaign", "Link"):
        for one in pickers.get_by_role("listbox", name=name).all()[:2]:  # a third one could not be filled
            expect(one).to_contain_text("ran(")
    expect(pickers.get_by_role("alert").first).to_be_visible()
    pickers.get_by_label("Search campaigns").first.fill(TEXTS["image"])
    for number, name in enumerate(("funnel", "link_popularity")):
        explorers.get_by_role("button", name="Copy as code").nth(number).click()
        code = explorers.get_by_label("Code").nth(number)
        for title, keyword in (("column segment", 'by="segment"'), ("each campaign", 'by="campaign_id"')):
            explorers.get_by_label("Groups").nth(number).select_option(label=title)
            expect(code).to_have_value(re.compile(keyword))
            expect(explorers.get_by_role("table").nth(number)).to_contain_text("ran(")
        opened.run(f"activities = events\n{code.input_value()}")
        assert opened.text(f"print({name}.equals(explorers[{number}].value))") == "True"
    assert "INJECTED" not in "".join(str(cell) for cell in opened.outputs)
    assert dangerous(window.page.locator(OUTPUTS)) == []
    window.assert_clean()


@pytest.fixture
def exported(hostile: HostileService, tmp_path: Path) -> Path:
    """Write the page for colleagues from hostile reports, with hostile titles."""
    with cctrack.connect(hostile.key, hostile.token, base_url=hostile.url, rate=1000):
        activities, links = cctrack.account_activities_df(), cctrack.links_df(service.Account.sent)
        campaigns, contacts = cctrack.campaigns_df(details=True), cctrack.contacts_df()
    popular = cctrack.analysis.link_popularity(activities, links, by="campaign_id", level="raw", labels=campaigns)
    funnel = cctrack.analysis.funnel(activities, by="campaign_id", labels=campaigns)
    tables = zip(TEXTS.values(), [activities, links, campaigns, contacts, popular, funnel], strict=False)
    return cctrack.export.to_html(dict(tables), tmp_path / "report.html", redact=None)


@pytest.fixture
def served(tmp_path: Path) -> Iterator[str]:
    """Serve the folder of the test on loopback."""
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        Thread(target=server.serve_forever).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing."""

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_the_page_for_colleagues(window: Window, exported: Path, served: str) -> None:
    for address in (f"{served}/{exported.name}", exported.as_uri()):
        window.page.goto(address)
        expect(window.page.get_by_role("img")).to_have_count(2)
        expect(window.page.locator("body")).to_contain_text("onerror=ran(")
        assert dangerous(window.page.locator("body")) == []
        window.assert_clean()
