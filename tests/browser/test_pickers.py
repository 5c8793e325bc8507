"""The pickers by mouse and by keyboard: what is picked, what is shown, and how much of it goes to the browser."""

from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from browser.chromium import Window
from browser.lab import Lab
from browser.notebook import Notebook

Open = Callable[[str], Notebook]

# In a frame, so that nothing but the rows counts.
CONTACTS = """
import pandas as pd
import cctrack

numbers = pd.Series(range(100_000)).astype("string")
contacts = pd.DataFrame({
    "contact_id": numbers,
    "email_address": "person" + numbers.str.zfill(6) + "@example.org",
    "first_name": "Zoë",
    "last_name": "Number " + numbers,
}).astype("string")
picker = cctrack.pickers.ContactPicker(contacts)
"""
SHORT = """
campaigns = pd.DataFrame({
    "campaign_id": ["1", "2", "3"],
    "name": ["Spring", "Summer", "Autumn"],
    "last_run_date": pd.to_datetime(["2026-03-01", "2026-06-01", "2026-09-01"], utc=True),
    "sends": pd.array([100, 200, 1300], "Int64"),
})
links = pd.DataFrame({
    "campaign_id": "2",
    "link_id": ["7", "8"],
    "link_uri": ["https://shop.example.org/hats", "https://shop.example.org/gloves"],
    "click_count": pd.array([3, 30], "Int64"),
})
"""
FAILS_ONCE = """
tries = []


def source():
    tries.append(1)
    if len(tries) == 1:
        raise RuntimeError("SEKRET")
    return campaigns


campaign = cctrack.pickers.CampaignPicker(source)
campaign
"""


@pytest.fixture
def opened(lab: Lab, notebook: Open) -> Notebook:
    """Open an empty notebook with the frames."""
    fresh = notebook(lab.write("pickers", [CONTACTS, SHORT]))
    fresh.run_all()
    return fresh


def test_contacts_of_a_large_account(opened: Notebook, window: Window) -> None:
    keyboard, before = window.page.keyboard, window.received
    shown = opened.run("picker")
    search, found = shown.get_by_label("Search contacts"), shown.get_by_role("listbox", name="Contact")
    expect(found.get_by_role("option")).to_have_count(50)
    # By keyboard: words, on to the list, the last of those found.
    search.click()
    keyboard.type("zoe person04567")
    expect(shown.get_by_role("status")).to_contain_text("10 of 100,000 contacts found")
    expect(found.get_by_role("option")).to_have_count(10)
    keyboard.press("Tab")
    expect(found).to_be_focused()
    keyboard.press("End")
    opened.wait_for("picker.value, picker.code", '45679 contact_id = "45679"')
    # Enter takes the first one found.
    search.fill("number 77777")
    search.press("Enter")
    opened.wait_for("picker.value", "77777")
    # By mouse.
    search.fill("person09999")
    found.get_by_text("person099993@example.org").click()
    opened.wait_for("picker.value", "99993")
    search.fill("nobody")
    expect(shown.get_by_role("status")).to_contain_text("None of 100,000 contacts")
    assert window.received - before < 100_000


def test_campaigns_links_and_days(opened: Notebook, window: Window) -> None:
    shown = opened.run("campaign = cctrack.pickers.CampaignPicker(campaigns)\ncampaign")
    found = shown.get_by_role("listbox", name="Campaign")
    expect(found.get_by_role("option")).to_have_text(
        ["Autumn · 2026-09-01 · 1,300 sent", "Summer · 2026-06-01 · 200 sent", "Spring · 2026-03-01 · 100 sent"]
    )
    found.get_by_text("Summer").click()
    opened.wait_for("campaign.value", "2")
    found.focus()
    window.page.keyboard.press("End")
    opened.wait_for("campaign.value", "1")

    shown = opened.run("link = cctrack.pickers.LinkPicker('2', links)\nlink")
    shown.get_by_label("Search links").fill("hat")
    shown.get_by_label("Search links").press("Enter")
    opened.wait_for("link.value", "7")

    shown = opened.run("days = cctrack.pickers.DateRangePicker(campaigns)\ndays")
    first, last = shown.get_by_label("From"), shown.get_by_label("To (included)")
    expect(first).to_have_value("2026-03-01")
    first.fill("2026-04-01")
    opened.wait_for("*days.value", "2026-04-01 2026-09-01")
    last.fill("2026-01-01")  # before the first
    expect(shown.get_by_role("alert")).to_contain_text("Not taken")
    assert opened.text("print(*days.value)") == "2026-04-01 2026-09-01"


def test_a_picker_that_is_disabled_or_fails(opened: Notebook) -> None:
    shown = opened.run("campaign = cctrack.pickers.CampaignPicker(campaigns)\ncampaign.disabled = True\ncampaign")
    expect(shown.get_by_label("Search campaigns")).to_be_disabled()
    expect(shown.get_by_role("listbox", name="Campaign")).to_be_disabled()
    opened.run("campaign.disabled = False")
    expect(shown.get_by_label("Search campaigns")).to_be_enabled()

    shown = opened.run(FAILS_ONCE)
    expect(shown.get_by_role("alert")).to_contain_text("RuntimeError")
    expect(shown).not_to_contain_text("SEKRET")
    shown.get_by_role("button", name="Try again").click()
    expect(shown.get_by_role("listbox", name="Campaign").get_by_role("option")).to_have_count(3)
    expect(shown.get_by_role("button")).to_have_count(0)
