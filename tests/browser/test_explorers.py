"""The explorers: table and picture follow what is chosen, and their code gives the same without them."""

import re
from collections.abc import Callable

from playwright.sync_api import Locator, expect

from browser.lab import Lab
from browser.notebook import Notebook

Open = Callable[[str], Notebook]

# One mail before midnight in Greenwich, one after it; the click came in the next month of the first.
NIGHT = """
import pandas as pd
import cctrack

night = pd.DataFrame(
    [
        ("EMAIL_SEND", "2026-01-31T23:30:00Z", "1", "36", None),
        ("EMAIL_CLICK", "2026-02-01T09:00:00Z", "1", "36", "https://shop.example.org/hats?utm_source=mail"),
        ("EMAIL_CLICK", "2026-02-01T09:01:00Z", "1", "36", "https://shop.example.org/gloves"),
        ("EMAIL_SEND", "2026-02-01T12:00:00Z", "2", "36", None),
        ("EMAIL_SEND", "2026-02-01T12:00:00Z", "2", "37", None),
        ("EMAIL_OPEN", "2026-02-02T12:00:00Z", "2", "37", None),
    ],
    columns=["activity_type", "activity_date", "campaign_id", "contact_id", "link_uri"],
)
night = night.assign(link_id=night["link_uri"], bounce_code=None).astype("string")
night["activity_date"] = pd.to_datetime(night["activity_date"]).astype("datetime64[us, UTC]")
"""


def picture(shown: Locator) -> tuple[str, str]:
    """Give the bytes of the picture, and its words."""
    image = shown.get_by_role("img")
    return image.get_attribute("src") or "", image.get_attribute("alt") or ""


def expect_other_picture(shown: Locator, before: tuple[str, str]) -> None:
    """Wait until another picture is there."""
    image = shown.get_by_role("img")
    expect(image).to_be_visible()
    expect(image).not_to_have_attribute("src", before[0])


def test_funnel_of_a_campaign_of_ones_choice(lab: Lab, notebook: Open) -> None:
    opened = notebook(lab.write("funnels", []))
    shown = opened.run("import cctrack\ncctrack.demo()\nexplorer = cctrack.pickers.funnel_explorer()\nexplorer")
    table = shown.get_by_role("table")
    expect(table.get_by_role("row", name="sent 1,792")).to_be_visible()
    first = picture(shown)
    shown.get_by_role("listbox", name="Campaigns").get_by_text("February newsletter").click()
    expect(table.get_by_role("row", name="sent 1,749")).to_be_visible()
    expect_other_picture(shown, first)
    february = picture(shown)
    assert "sent 1,749" in february[1]

    # By keyboard, on the controls that have the focus.
    scanners = shown.get_by_label("Scanners")
    scanners.focus()
    scanners.press("End")
    expect(table.get_by_role("columnheader", name="n_human")).to_have_count(0)
    expect_other_picture(shown, february)
    recorded = picture(shown)
    shown.get_by_label("Counting").select_option(label="observed: as the rows say")
    expect_other_picture(shown, recorded)
    shown.get_by_label("Groups").select_option(label="each month")
    expect(table.get_by_role("columnheader", name="month")).to_be_visible()

    shown.get_by_role("button", name="Copy as code").click()
    code = shown.get_by_label("Code")
    expect(code).to_have_value(re.compile(r'by="month".*semantics="observed".*machine="include"', re.DOTALL))
    again = opened.run(code.input_value())
    expect(again.get_by_role("img")).to_be_visible()
    expect(again.get_by_role("table")).to_be_visible()
    assert opened.text("print(funnel.equals(explorer.value))") == "True"


def test_links_and_a_zone_of_ones_choice(lab: Lab, notebook: Open) -> None:
    opened = notebook(lab.write("links", [NIGHT]))
    opened.run_all()
    shown = opened.run("explorer = cctrack.pickers.funnel_explorer(night)\nexplorer")
    table, zone = shown.get_by_role("table"), shown.get_by_label("Time zone")
    campaigns = shown.get_by_role("listbox", name="Campaigns")
    campaigns.get_by_text("campaign 2").click()
    campaigns.get_by_text("campaign 1").click(modifiers=["ControlOrMeta"])
    shown.get_by_label("Groups").select_option(label="each month")
    expect(table).to_contain_text("2026-01")
    before = picture(shown)
    zone.fill("Europe/Berlin")
    zone.press("Enter")
    expect(table).not_to_contain_text("2026-01")
    expect_other_picture(shown, before)
    zone.fill("Europe/Atlantis")
    zone.press("Enter")
    expect(shown.get_by_role("alert")).to_contain_text("Atlantis")
    expect(table).to_have_count(0)  # nothing old beside a choice that is refused

    shown = opened.run("links = cctrack.pickers.link_explorer(night)\nlinks")
    table = shown.get_by_role("table")
    shown.get_by_role("listbox", name="Campaigns").get_by_text("campaign 1").click()
    expect(table).to_contain_text("https://shop.example.org/hats")
    expect(table.get_by_role("row")).to_have_count(3)
    before = picture(shown)
    shown.get_by_label("One link is").select_option(label="a site")
    expect(table.get_by_role("row")).to_have_count(2)
    expect_other_picture(shown, before)
    shown.get_by_role("button", name="Copy as code").click()
    code = shown.get_by_label("Code")
    expect(code).to_have_value(re.compile('level="host"'))
    opened.run(f"activities = night\n{code.input_value()}")
    assert opened.text("print(link_popularity.equals(links.value))") == "True"
