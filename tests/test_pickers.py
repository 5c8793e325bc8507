"""Pickers, acted on as a browser acts on them: what they hold, what they show, and what they send, which is nothing."""

import unicodedata
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import ipywidgets
import numpy as np
import pandas as pd
import pytest
import traitlets
from acting import clicks, enters, everything, is_alert, labels, offered, picks, said, sets, told, types
from hypothesis import given, settings
from hypothesis import strategies as st
from service import Answer, Service, account, campaign, contact, link
from sessions import session_on

import cctrack
from cctrack import pickers
from cctrack.api.session import Session
from cctrack.pickers._campaigns import CampaignsPicker
from cctrack.pickers._labels import as_ids, distinct, one_line
from cctrack.pickers._quoting import quoted
from cctrack.pickers._search import Index, folded

CAMPAIGNS = "/v2/emailmarketing/campaigns"
SHOWN = 50
SECRET = "SEKRETof-the-user"

CONTACTS = pd.DataFrame(
    {
        "contact_id": ["7", "8", "9"],
        "email_address": ["zoe@example.org", "ada@example.org", "bo@example.net"],
        "first_name": ["Zoë", "Ada", pd.NA],
        "last_name": ["Ångström", "Byron", pd.NA],
        "company_name": [pd.NA, "Analytical Ltd", ""],
    }
)
MAILINGS = pd.DataFrame(
    {
        "campaign_id": ["1", "2", "3"],
        "name": ["Spring news", "Autumn appeal", "Spring news"],
        "subject": ["Snowdrops", "Leaves", "Tulips"],
        "last_run_date": pd.to_datetime(["2026-03-01", "2025-10-01", "2026-04-01"], utc=True),
        "sends": pd.array([1200, 1, None], dtype="Int64"),
    }
)
LINKS = pd.DataFrame(
    {
        "campaign_id": ["1", "1", "2", "1"],
        "link_id": ["100", "101", "100", "102"],
        "link_uri": ["https://example.org/a", "https://example.org/b", "https://example.org/other", pd.NA],
        "click_count": pd.array([1, 1234, 9999, None], dtype="Int64"),
    }
)
DAYS = pd.DataFrame({"open_date": pd.to_datetime(["2026-01-05T23:59:00Z", None, "2026-02-01T00:00:00Z"])})


def of_contacts(source: Any = None, **given: Any) -> Any:
    return pickers.ContactPicker(source, **given)


def of_campaigns(source: Any = None, **given: Any) -> Any:
    return pickers.CampaignPicker(source, **given)


def of_links(source: Any = None, **given: Any) -> Any:
    return pickers.LinkPicker("1", source, **given)


def of_days(source: Any = None, **given: Any) -> Any:
    return pickers.DateRangePicker(source, **given)


def encodable(text: str) -> bool:
    """Tell whether somebody could type this."""
    return not any("\ud800" <= letter <= "\udfff" for letter in text)


Make = Callable[..., Any]
LISTS = [
    pytest.param(of_contacts, CONTACTS, "contact_id", id="contacts"),
    pytest.param(of_campaigns, MAILINGS, "campaign_id", id="campaigns"),
    pytest.param(of_links, LINKS, "link_id", id="links"),
]
ALL = [*LISTS, pytest.param(of_days, DAYS, "open_date", id="days")]
each_list = pytest.mark.parametrize(("make", "frame", "column"), LISTS)
each = pytest.mark.parametrize(("make", "frame", "column"), ALL)


@pytest.fixture
def session(service: Service, tmp_cache: Path) -> Session:
    """Connect to a small account that is not the demo."""
    account(service)
    return session_on(service, tmp_cache)


def run(code: str) -> dict[str, Any]:
    """Run the code of a picker."""
    names: dict[str, Any] = {}
    exec(compile(code, "the code of a picker", "exec"), names)
    return names


# Values --------------------------------------------------------------------------------------------------------------


@each_list
def test_a_value_is_set_or_picked_and_can_be_observed(make: Make, frame: pd.DataFrame, column: str) -> None:
    picker = make(frame)
    assert (picker.state, picker.value) == ("ready", None)
    seen: list[Any] = []
    picker.observe(lambda change: seen.append(change["new"]), "value")
    last = len(picker._list.options) - 1
    picks(picker._list, last)
    picked = picker.value
    assert picked == picker._list.options[last][1]
    sets(picker._list, index=None)
    assert picker.value is None
    picker.value = picked
    assert picker._list.value == picked
    picker.value = None
    assert picker._list.index is None
    assert seen == [picked, None, picked, None]


@each_list
def test_code_gives_the_value(make: Make, frame: pd.DataFrame, column: str) -> None:
    picker = make(frame)
    assert run(picker.code)[column] is None
    picks(picker._list, 0)
    assert run(picker.code)[column] == picker.value


def test_the_code_of_a_link_names_its_campaign_too() -> None:
    picker = of_links(LINKS)
    picker.value = "101"
    assert picker.code == 'campaign_id, link_id = "1", "101"'


@each_list
def test_unknown_ids_are_refused(make: Make, frame: pd.DataFrame, column: str) -> None:
    picker = make(frame)
    picks(picker._list, 0)
    before = picker.value
    with pytest.raises(traitlets.TraitError, match=r"no .* '12345' among the"):
        picker.value = "12345"
    assert picker.value == before
    empty = make(frame.head(0))
    with pytest.raises(traitlets.TraitError, match="'12345'"):
        empty.value = "12345"


@each_list
def test_an_id_may_be_a_number(make: Make, frame: pd.DataFrame, column: str) -> None:
    picker = make(frame)
    known = picker._list.options[1][1]
    for one in (int(known), float(known), np.int64(known), known):
        picker.value = one
        assert picker.value == known
        picker.value = None


@each
def test_disabled_reaches_all_controls(make: Make, frame: pd.DataFrame, column: str) -> None:
    picker = make(frame)
    controls = [one for one in everything(picker) if hasattr(one, "disabled")]
    assert len(controls) >= 4
    picker.disabled = True
    assert all(one.disabled for one in controls)
    picker.disabled = False
    assert not any(one.disabled for one in controls)


def test_enter_does_nothing_while_disabled() -> None:
    picker = of_contacts(CONTACTS)
    types(picker._search, "zoe")
    picker.disabled = True
    enters(picker._search)
    assert picker.value is None
    picker.disabled = False
    enters(picker._search)
    assert picker.value == "7"


@each
def test_every_control_has_words(make: Make, frame: pd.DataFrame, column: str) -> None:
    picker = make(frame)
    controls = [one for one in everything(picker) if hasattr(one, "disabled") and one is not picker]
    assert all(one.description.strip() for one in controls)
    assert len({one.description for one in controls}) == len(controls)


@each
def test_interact_takes_it(make: Make, frame: pd.DataFrame, column: str) -> None:
    picker = make(frame)
    seen: list[Any] = []
    interactive = ipywidgets.interactive(lambda picked: seen.append(picked), picked=picker)
    interactive.update()
    ipywidgets.interactive_output(lambda picked: seen.append(picked), {"picked": picker})
    assert len(seen) >= 2
    assert set(seen) == {picker.value}


@each
def test_the_repr_is_short(make: Make, frame: pd.DataFrame, column: str) -> None:
    picker = make(frame)
    assert len(repr(picker)) < 120
    assert type(picker).__name__ in repr(picker)


@each_list
def test_shown_in_a_terminal_it_is_a_few_rows(make: Make, frame: pd.DataFrame, column: str) -> None:
    shown = make(frame)._repr_mimebundle_()
    assert set(shown) == {"text/plain", "text/html"}
    assert column in shown["text/plain"]
    assert "<table" in shown["text/html"]


# Searching -----------------------------------------------------------------------------------------------------------


def test_contacts_are_found_by_address_name_and_company() -> None:
    picker = of_contacts(CONTACTS)
    assert labels(picker._list) == [
        "ada@example.org · Ada Byron · Analytical Ltd",
        "bo@example.net",
        "zoe@example.org · Zoë Ångström",
    ]
    for words, found in {"ANALYT": "8", "angstrom": "7", "zoë": "7", "bo@": "9", "byron ada": "8", "9": "9"}.items():
        types(picker._search, words)
        assert [one for _, one in picker._list.options] == [found], words
    assert said(picker) == "1 of 3 contacts found."
    types(picker._search, "nobody")
    assert labels(picker._list) == []
    assert said(picker).startswith("None of 3 contacts")
    assert picker.value is None


def test_what_is_picked_stays_in_sight() -> None:
    picker = of_contacts(CONTACTS)
    picker.value = "7"
    types(picker._search, "ada")
    assert [one for _, one in picker._list.options] == ["7", "8"]
    assert picker.value == picker._list.value == "7"
    types(picker._search, "nobody")
    assert picker.value == picker._list.value == "7"


def test_enter_takes_the_first_that_was_found() -> None:
    picker = of_contacts(CONTACTS)
    enters(picker._search)
    assert picker.value is None  # nobody was looked for
    types(picker._search, "example.org")
    enters(picker._search)
    assert picker.value == "8"
    types(picker._search, "nobody")
    enters(picker._search)
    assert picker.value == "8"


def test_campaigns_stand_newest_first_with_date_and_size() -> None:
    picker = of_campaigns(MAILINGS)
    assert labels(picker._list) == [
        "Spring news · 2026-04-01",
        "Spring news · 2026-03-01 · 1,200 sent",
        "Autumn appeal · 2025-10-01 · 1 sent",
    ]
    for words, found in {"tulips": "3", "march 2026": "1", "2025-10": "2", "autumn": "2"}.items():
        types(picker._search, words)
        assert [one for _, one in picker._list.options] == [found], words


def test_campaigns_of_one_name_are_told_apart() -> None:
    """A list with two equal labels would give the first for either."""
    twins = MAILINGS.assign(last_run_date=pd.Timestamp("2026-04-01", tz="UTC"), name="Spring news", sends=5)
    picker = CampaignsPicker(twins)
    assert len(set(labels(picker._list))) == 3
    for place, one in enumerate(["1", "2", "3"]):
        picks(picker._list, place)
        assert picker.value == (one,)
        assert picker._list.index == (place,)
    single = of_campaigns(twins)
    picks(single._list, 2)
    assert single.value == "3"


def test_several_campaigns_come_newest_first_and_once() -> None:
    picker = CampaignsPicker(MAILINGS)
    picks(picker._list, 2, 0)
    assert picker.value == ("3", "2")
    picker.value = ["1", "3", "1"]
    assert picker.value == ("3", "1")
    assert run(picker.code)["campaign_ids"] == ["3", "1"]
    with pytest.raises(traitlets.TraitError):
        picker.value = ("3", "x")
    types(picker._search, "autumn")
    assert picker.value == ("3", "1")
    assert [one for _, one in picker._list.options] == ["3", "1", "2"]


def test_links_are_of_the_campaign_the_most_clicked_first() -> None:
    picker = of_links(LINKS)
    assert picker._list.options == (
        ("1,234 clicks · https://example.org/b", "101"),
        ("1 click · https://example.org/a", "100"),
        ("link 102 (address not known)", "102"),
    )
    assert pickers.LinkPicker(2.0, LINKS)._list.options == (("9,999 clicks · https://example.org/other", "100"),)
    assert pickers.LinkPicker("3", LINKS).state == "empty"
    with pytest.raises(ValueError, match="campaign_id"):
        pickers.LinkPicker("a/b", LINKS)
    with pytest.raises(ValueError, match="one id"):
        pickers.LinkPicker(["1", "2"], LINKS)


texts = st.text(st.characters(codec=None, exclude_categories=()), max_size=12)
hard = st.one_of(
    texts, st.sampled_from(["İstanbul", "ẞ", "㎒", "ﬁ", "Å", "\u202egnp", "\ud800", "a\r\nb", "\u2028", "👩‍👩‍👧"])
)


@settings(max_examples=200, deadline=None)
@given(st.lists(st.lists(hard, max_size=3), max_size=6), hard)
def test_a_row_is_found_exactly_if_each_word_is_in_one_of_its_texts(rows: list[list[str]], words: str) -> None:
    found, count = Index(rows).hits(words, len(rows))
    wanted = folded(words).split()
    expected = [at for at, row in enumerate(rows) if all(any(word in folded(text) for text in row) for word in wanted)]
    assert sorted(found) == expected  # each once
    assert count == len(expected)
    some, again = Index(rows).hits(words, 2)
    assert some == found[:2]
    assert again == count


@given(hard)
def test_capitals_and_accents_do_not_matter(text: str) -> None:
    assert folded(folded(text)) == folded(text)
    apart = unicodedata.normalize("NFD", text)
    assert folded(apart) == folded(text)
    assert folded(unicodedata.normalize("NFC", text)) == folded(text)


@pytest.mark.parametrize(
    ("typed", "there"),
    [
        ("MHZ", "5 ㎒"),
        ("strasse", "Straße"),
        ("istanbul", "İSTANBUL"),
        ("lucja", "ŁUCJA"),
        ("Łucja", "lucja"),
        ("sorensen", "Sørensen"),
        ("dorde", "Đorđe"),
        ("aether", "Æther"),
        ("thora", "Þóra"),
    ],
)
def test_letters_that_are_written_in_two_ways(typed: str, there: str) -> None:
    assert Index([[there], ["other"]]).hits(typed, 5) == ([0], 1)


def test_what_begins_with_the_words_comes_first() -> None:
    index = Index([["xan"], ["an x"], ["b", "Änne"], ["ban"]])
    assert index.hits("an", 9) == ([1, 2, 0, 3], 4)
    assert index.hits("an", 1) == ([1], 4)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(hard, hard), max_size=8), hard.filter(encodable), st.integers(0, 7))
def test_whatever_texts_hold_the_list_can_be_picked_from(rows: list[tuple[str, str]], words: str, place: int) -> None:
    ids = [f"{one}{at}" for at, (one, _) in enumerate(rows)]
    frame = pd.DataFrame({"contact_id": ids, "last_name": [name for _, name in rows]}, dtype=object)
    picker = of_contacts(frame)
    sets(picker._search, value=words)
    shown = labels(picker._list)
    assert len(set(shown)) == len(shown) <= len(rows)
    assert all(is_line(label) for label in shown)
    if place < len(shown):
        picks(picker._list, place)
        assert picker.value == picker._list.options[place][1]
        assert run(picker.code)["contact_id"] == picker.value
    told(picker).encode("utf-8")  # nothing that cannot be sent


def is_line(label: str) -> bool:
    """Tell whether a label is one line that shows all it holds."""
    unseen = [one for one in label if unicodedata.category(one) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
    return (
        len(label.splitlines()) <= 1 and set(unseen) <= {"\u200c", "\u200d"} and label.isascii() <= label.isprintable()
    )


@given(hard)
def test_lines_are_lines(text: str) -> None:
    assert is_line(one_line(text))


@given(st.lists(st.tuples(st.sampled_from(["a", "a · 1", "a · 1 · 1", "1. a"]), st.sampled_from(["1", "1 · 1", "2"]))))
def test_labels_are_distinct(rows: list[tuple[str, str]]) -> None:
    found = distinct([label for label, _ in rows], [one for _, one in rows])
    assert len(set(found)) == len(rows)


@given(st.text(st.characters(codec=None, exclude_categories=())))
def test_code_holds_texts_as_they_are(text: str) -> None:
    assert eval(quoted(text), {}) == text
    assert "\n" not in quoted(text)
    quoted(text).encode("utf-8")


# A hundred thousand --------------------------------------------------------------------------------------------------


def test_of_a_hundred_thousand_contacts_fifty_go_to_the_browser() -> None:
    count = 100_000
    frame = pd.DataFrame(
        {
            "contact_id": [str(one) for one in range(count)],
            "email_address": [f"person{one}@example.org" for one in range(count)],
            "first_name": "Ada",
            "last_name": [f"Ångström {one}" for one in range(count)],
            "company_name": "A company of a long name, with limited liability",
        }
    )
    picker = of_contacts(frame)
    sent = [len(told(picker).encode())]
    assert len(picker._list.options) == SHOWN
    for end in range(1, 6):
        sets(picker._search, value="99999"[:end])
        sent.append(len(told(picker._list).encode()) + len(picker._status.value))
    assert sum(sent) < 100_000
    assert "99999" in [one for _, one in picker._list.options]
    picker.value = "77777"
    sets(picker._search, value="person")
    assert len(picker._list.options) == SHOWN + 1
    assert said(picker) == "100,000 contacts; the first 50 are shown: type to find others."


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 130), st.lists(st.integers(0, 129), max_size=4), st.sampled_from(["", "1", "mail 2"]))
def test_there_are_never_more_options_than_fifty_and_what_is_picked(count: int, many: list[int], words: str) -> None:
    frame = pd.DataFrame({"campaign_id": [str(one) for one in range(count)], "name": "mail"})
    picker = CampaignsPicker(frame)
    picker.value = [str(one) for one in many if one < count]
    sets(picker._search, value=words)
    ids = [one for _, one in picker._list.options]
    assert len(set(ids)) == len(ids) <= SHOWN + len(picker.value)
    assert set(picker.value) <= set(ids)
    assert set(picker._list.value) == set(picker.value)


# Odd frames ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "expected"),
    [
        ([36, 36, 7], ["36", "7"]),
        ([36.0, np.nan, 7.0], ["36", "7"]),
        (pd.array([36, None, 7], dtype="Int64"), ["36", "7"]),
        (pd.array(["36", None, "7"], dtype="string"), ["36", "7"]),
        (pd.Categorical(["36", None, "7"]), ["36", "7"]),
        (pd.Categorical([36, None, 7]), ["36", "7"]),
        (["036", "36", 36], ["036", "36"]),
        ([None, None, None], []),
        ([], []),
        (["7"], ["7"]),
    ],
)
@each_list
def test_ids_in_whatever_type(make: Make, frame: pd.DataFrame, column: str, ids: Any, expected: list[str]) -> None:
    picker = make(pd.DataFrame({column: ids}))
    assert [one for _, one in picker._list.options] == expected
    assert picker.state == ("ready" if expected else "empty")
    if not expected:
        assert said(picker).startswith("There are no")


@each_list
def test_texts_that_are_all_absent(make: Make, frame: pd.DataFrame, column: str) -> None:
    for nothing in (pd.NA, None, np.nan):
        bare = frame.assign(**{name: nothing for name in frame.columns if name != column})
        picker = make(bare.drop(columns="campaign_id") if make is of_links else bare)
        noun = column.removesuffix("_id")
        assert all(label.startswith(noun) for label in labels(picker._list))
        types(picker._search, "x")
        assert labels(picker._list) == []


@each_list
def test_an_odd_index_does_not_matter(make: Make, frame: pd.DataFrame, column: str) -> None:
    expected = make(frame)._list.options
    assert make(frame.set_axis([0] * len(frame)))._list.options == expected
    assert make(frame.iloc[::-1].iloc[::-1].set_axis(list("zyxw")[: len(frame)]))._list.options == expected


@each_list
def test_the_source_stays_as_it_is(make: Make, frame: pd.DataFrame, column: str) -> None:
    before = frame.copy(deep=True)
    picker = make(frame)
    picks(picker._list, 0)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize(
    "dates",
    [
        ["2026-03-01", "2025-10-01", "2026-04-01"],
        [datetime(2026, 3, 1), datetime(2025, 10, 1, tzinfo=UTC), date(2026, 4, 1)],
        pd.to_datetime(["2026-03-01", "2025-10-01", "2026-04-01"]),
        pd.to_datetime(["2026-03-01", "2025-10-01", "2026-04-01"]).tz_localize("Europe/Berlin") + pd.Timedelta("3h"),
        pd.Categorical(["2026-03-01", "2025-10-01", "2026-04-01"]),
    ],
)
@pytest.mark.parametrize("name", ["last_run_date", "send_date", "modified_date"])
def test_dates_in_whatever_type(name: str, dates: Any) -> None:
    picker = of_campaigns(pd.DataFrame({"campaign_id": ["1", "2", "3"], name: dates}))
    words = "changed " if name == "modified_date" else ""
    assert labels(picker._list) == [
        f"campaign 3 · {words}2026-04-01",
        f"campaign 1 · {words}2026-03-01",
        f"campaign 2 · {words}2025-10-01",
    ]


def test_dates_that_are_none() -> None:
    dates = {"last_run_date": ["soon", None, "2026-13-77"], "modified_date": [pd.NaT, pd.NaT, pd.NaT]}
    picker = of_campaigns(pd.DataFrame({"campaign_id": ["1", "2", "3"], "sends": ["many", 2.0, np.inf], **dates}))
    assert labels(picker._list) == ["campaign 1", "campaign 2 · 2 sent", "campaign 3"]
    mixed = pd.DataFrame({"campaign_id": ["1", "2"], "last_run_date": [None, "2026-01-01"]})
    mixed["modified_date"] = pd.Timestamp("2026-02-02", tz="UTC")
    assert labels(of_campaigns(mixed)._list) == ["campaign 1 · changed 2026-02-02", "campaign 2 · 2026-01-01"]


HOSTILE = [
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "two\nlines\r\nand\ta tab",
    "\x00\x07\x1b[31m",
    "\u202egpj.exe",
    "\ud800 half",
    "x" * 10_000,
    "'; import os; '",
    "\u2028",
]


@each_list
def test_hostile_texts_are_shown_as_texts(make: Make, frame: pd.DataFrame, column: str) -> None:
    ids = [f"{number}{text}" for number, text in enumerate(HOSTILE)]
    others = dict.fromkeys(["name", "subject", "email_address", "last_name", "link_uri"], HOSTILE)
    picker = make(pd.DataFrame({column: ids, **others}, dtype=object))
    assert len(picker._list.options) == len(HOSTILE)
    for place, label in enumerate(labels(picker._list)):
        assert is_line(label)
        assert len(label) < 120
        picks(picker._list, place)
        assert run(picker.code)[column] == picker.value
    shown = picker._repr_mimebundle_()
    assert "<script" not in shown["text/html"]
    assert "<img" not in shown["text/html"]
    told(picker).encode()


def test_an_unknown_id_in_an_error_is_escaped() -> None:
    picker = of_contacts(lambda: pd.DataFrame({"<img src=x onerror=alert(1)>": [1]}))
    assert picker.state == "error"
    assert "<img" not in picker._status.value


@pytest.mark.parametrize("source", [5, "contacts.csv", [], {"contact_id": ["1"]}, np.array([1])])
@each
def test_what_is_no_source_is_refused(make: Make, frame: pd.DataFrame, column: str, source: Any) -> None:
    with pytest.raises(TypeError, match="pass a pandas frame, a callable that gives one, or None"):
        make(source)


@each_list
def test_a_frame_without_the_ids_is_refused(make: Make, frame: pd.DataFrame, column: str) -> None:
    with pytest.raises(ValueError, match=f"source has no column {column}; pass what cctrack"):
        make(pd.DataFrame({"other": [1]}))
    with pytest.raises(ValueError, match="twice"):
        make(pd.concat([frame, frame], axis=1))
    with pytest.raises(ValueError, match="several rows of column names"):
        make(pd.concat({"a": frame}, axis=1))


@each
def test_what_is_no_session_is_refused(make: Make, frame: pd.DataFrame, column: str) -> None:
    with pytest.raises(TypeError, match="session is a str"):
        make(session="mine")


# Callables -----------------------------------------------------------------------------------------------------------


@each
def test_a_callable_is_asked_and_may_fail_at_first(make: Make, frame: pd.DataFrame, column: str) -> None:
    left: list[Any] = [RuntimeError(f"https://x.example/?key={SECRET}"), frame[[]], "no frame", frame]

    def source() -> Any:
        found = left.pop(0)
        if isinstance(found, Exception):
            raise found
        return found

    picker = make(source)
    words = []
    while left:
        if picker.state != "error":
            break
        assert is_alert(picker)
        assert offered(picker) == "Try again"
        words.append(said(picker))
        assert SECRET not in told(picker) + repr(picker)
        clicks(picker._button)
    if make is of_days:  # a frame without columns has no days
        assert (picker.state, len(left)) == ("empty", 2)
        picker.load()
        picker.load()
    assert "raised RuntimeError" in words[0]
    assert picker.state == "ready"
    assert offered(picker) == ""
    assert not is_alert(picker)


def test_an_error_of_cctrack_says_what_it_says() -> None:
    def source() -> pd.DataFrame:
        raise cctrack.NotFoundError("no such list; ask lists_df()")

    picker = of_contacts(source)
    assert said(picker) == "The contacts could not be read: no such list; ask lists_df()"


def test_an_interrupt_is_said_and_passed_on() -> None:
    calls = []

    def source() -> pd.DataFrame:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return CONTACTS

    picker = of_contacts(source)
    with pytest.raises(KeyboardInterrupt):
        picker.load()
    assert (picker.state, offered(picker)) == ("error", "Try again")
    assert "interrupted" in said(picker)
    clicks(picker._button)
    assert picker.state == "ready"


def test_a_warning_is_said_within_the_widget(service: Service, session: Session) -> None:
    service.rows("/v2/contacts", [contact("36"), contact("37", created_date="soon")])
    picker = of_contacts(session=session)
    clicks(picker._button)
    assert picker.state == "ready"
    assert "created_date" in said(picker)
    types(picker._search, "36")
    assert "created_date" in said(picker)  # and stays


def test_other_warnings_go_their_way() -> None:
    def source() -> pd.DataFrame:
        import warnings

        warnings.warn("old", DeprecationWarning, stacklevel=1)
        return CONTACTS

    with pytest.warns(DeprecationWarning, match="old"):
        assert of_contacts(source).state == "ready"


def test_rows_that_are_read_anew_take_the_place_of_the_old() -> None:
    left = [CONTACTS, CONTACTS.tail(1), CONTACTS.head(0)]
    picker = of_contacts(lambda: left.pop(0))
    picker.value = "7"
    picker.load()
    assert picker.value is None
    assert [one for _, one in picker._list.options] == ["9"]
    assert said(picker) == "1 contact. No contact 7 is among them."
    picker.load()
    assert (picker.state, labels(picker._list)) == ("empty", [])


# Reports of a session ------------------------------------------------------------------------------------------------


def test_contacts_of_an_account_wait_for_leave(service: Service, session: Session) -> None:
    picker = of_contacts(session=session)
    assert service.hits() == 0
    assert (picker.state, offered(picker)) == ("waiting", "Read the contacts")
    assert "at least 1 call" in said(picker)
    picker.value = "36"  # not checked as yet
    clicks(picker._button)
    assert service.hits() == service.hits("/v2/contacts") == 1
    assert (picker.state, picker.value, picker._list.value) == ("ready", "36", "36")
    types(picker._search, "josé")
    enters(picker._search)
    picks(picker._list, 0)
    assert service.hits() == 1  # no keystroke sends anything
    assert of_contacts(session=session).state == "ready"  # from the cache
    assert service.hits() == 1


@pytest.mark.parametrize("make", [of_campaigns, lambda **given: pickers.LinkPicker("1100000000001", **given)])
def test_short_lists_are_read_at_once(service: Service, session: Session, make: Make) -> None:
    picker = make(session=session)
    assert picker.state == "ready"
    sent = service.hits()
    assert sent == 1
    types(picker._search, "1")
    picks(picker._list, 0)
    assert picker.value
    assert service.hits() == sent


def test_campaigns_have_dates_and_sizes_where_these_cost_nothing(service: Service, session: Session) -> None:
    assert labels(of_campaigns(session=session)._list)[0] == "März — neu · changed 2026-03-09"
    cctrack.campaigns_df(details=True, session=session)
    sent = service.hits()
    assert labels(of_campaigns(session=session)._list)[0] == "März — neu · 2026-03-09 · 2 sent"
    assert service.hits() == sent


def test_offline_the_list_alone_is_enough(service: Service, session: Session, tmp_cache: Path) -> None:
    cctrack.campaigns_df(session=session)
    sent = service.hits()
    offline = session_on(service, tmp_cache, offline=True)
    assert of_campaigns(session=offline).state == "ready"
    assert of_days(session=offline).state == "ready"
    missing = of_contacts(session=offline)
    assert (missing.state, is_alert(missing)) == ("error", True)
    assert service.hits() == sent


def test_the_days_of_an_account(service: Service, session: Session) -> None:
    """The list tells when campaigns were changed, which is no bound of what happened before."""
    picker = of_days(session=session)
    assert (picker.state, picker.value, service.hits()) == ("ready", (None, None), 0)
    cctrack.campaigns_df(details=True, session=session)
    sent = service.hits()
    assert of_days(session=session).value == (date(2026, 3, 2), None)
    assert service.hits() == sent


def test_a_demo_account_is_read_at_once() -> None:
    with cctrack.use(cctrack.demo(contacts=60)):
        assert [make().state for make in (of_contacts, of_campaigns, of_days)] == ["ready"] * 3
        assert of_days().value[0] is not None
        newest = of_campaigns()._list.options[0][1]
        assert pickers.LinkPicker(newest).state == "ready"


@pytest.mark.parametrize("make", [of_contacts, of_campaigns, of_links, of_days])
def test_a_session_that_is_connected_later(
    service: Service, tmp_cache: Path, monkeypatch: pytest.MonkeyPatch, make: Make
) -> None:
    picker = make()
    assert (picker.state, is_alert(picker), offered(picker)) == ("error", True, "Try again")
    assert "cctrack.demo()" in said(picker)
    assert said(picker) in picker._repr_mimebundle_()["text/plain"]
    account(service)
    service.json(f"{CAMPAIGNS}/1", {"id": "1", "status": "SENT", "click_through_details": [link()]})
    cctrack.connect(service.key, service.token, base_url=service.url, cache_dir=tmp_cache, rate=1000)
    clicks(picker._button)
    if make is of_contacts:  # what costs calls still wants leave
        assert (picker.state, service.hits()) == ("waiting", 0)
        clicks(picker._button)
    assert picker.state == "ready"


FAULTS = {
    "401": Answer.error(401),
    "404": Answer.error(404),
    "403": Answer.error(403, "mashery.not.authorized.over.qps"),
    "503": Answer.error(503),
    "no report": Answer(body=b"<html>maintenance</html>"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("make", [of_contacts, of_campaigns, of_links])
def test_a_fault_is_said_without_secrets_and_can_be_mended(
    service: Service, session: Session, make: Make, fault: str
) -> None:
    service.json(f"{CAMPAIGNS}/1", {"id": "1", "status": "SENT", "click_through_details": [link()]})
    service.before = lambda request: FAULTS[fault]
    picker = make(session=session)
    if picker.state == "waiting":
        clicks(picker._button)
    assert (picker.state, is_alert(picker), offered(picker)) == ("error", True, "Try again")
    assert "could not be read: " in said(picker)
    assert service.key not in told(picker) + repr(picker)
    assert service.token not in told(picker) + repr(picker)
    service.before = None
    clicks(picker._button)
    assert (picker.state, is_alert(picker), offered(picker)) == ("ready", False, "")


def test_a_network_that_is_down(tmp_cache: Path) -> None:
    with Service() as service:
        session = session_on(service, tmp_cache)
    picker = of_campaigns(session=session)
    assert (picker.state, offered(picker)) == ("error", "Try again")
    assert service.key not in told(picker)


def test_an_account_without_campaigns_or_contacts(service: Service, tmp_cache: Path) -> None:
    service.rows(CAMPAIGNS, [])
    service.rows("/v2/contacts", [])
    session = session_on(service, tmp_cache)
    assert of_campaigns(session=session).state == "empty"
    nobody = of_contacts(session=session)
    clicks(nobody._button)
    assert (nobody.state, said(nobody)) == ("empty", "There are no contacts here.")


def test_a_second_press_reads_nothing_more(service: Service, session: Session) -> None:
    picker = of_contacts(session=session)
    for _ in range(2):  # both were sent before the first was answered
        picker._button._handle_custom_msg({"event": "click"}, [])
    assert service.hits() == 1


def test_hostile_reports(service: Service, tmp_cache: Path) -> None:
    rows = [campaign(str(number), name=text) for number, text in enumerate(HOSTILE, 1)]
    service.rows(CAMPAIGNS, rows)
    picker = of_campaigns(session=session_on(service, tmp_cache))
    assert (picker.state, len(picker._list.options)) == ("ready", len(HOSTILE))
    assert all(map(is_line, labels(picker._list)))


# Days ----------------------------------------------------------------------------------------------------------------


def test_days_of_a_frame() -> None:
    picker = of_days(DAYS)
    assert picker.value == (date(2026, 1, 5), date(2026, 2, 1))
    assert picker._first.value == date(2026, 1, 5)
    zoned = pd.DataFrame({"a": pd.to_datetime(["2026-01-01T00:30:00"]).tz_localize("Europe/Berlin")})
    assert of_days(zoned).value == (date(2025, 12, 31),) * 2
    assert of_days(pd.DataFrame({"a": pd.to_datetime([None])})).state == "empty"
    assert of_days(pd.DataFrame()).value == (None, None)
    with pytest.raises(ValueError, match="no column of dates"):
        of_days(pd.DataFrame({"a": ["2026-01-01"]}))


def test_days_are_set_and_picked_and_each_change_is_seen_once() -> None:
    picker = of_days(DAYS)
    seen: list[Any] = []
    picker.observe(lambda change: seen.append(change["new"]), "value")
    picker.value = ("2026-01-10", pd.Timestamp("2026-01-20T23:00:00-05:00"))
    sets(picker._first, value={"year": 2026, "month": 0, "date": 12})
    sets(picker._last, value=None)
    picker.value = (None, None)
    assert seen == [
        (date(2026, 1, 10), date(2026, 1, 21)),
        (date(2026, 1, 12), date(2026, 1, 21)),
        (date(2026, 1, 12), None),
        (None, None),
    ]
    assert said(picker) == "No days picked: all are meant."
    assert (picker._first.value, picker._last.value) == (None, None)


def test_days_in_the_wrong_order_are_refused_until_they_are_right() -> None:
    picker = of_days(DAYS)
    sets(picker._first, value={"year": 2026, "month": 4, "date": 1})
    assert picker.value == (date(2026, 1, 5), date(2026, 2, 1))
    assert is_alert(picker)
    assert "Still picked: 2026-01-05 to 2026-02-01" in said(picker)
    sets(picker._last, value={"year": 2026, "month": 4, "date": 31})
    assert picker.value == (date(2026, 5, 1), date(2026, 5, 31))
    assert not is_alert(picker)
    sets(picker._first, value={"year": 202, "month": 4, "date": 1})  # in the middle of typing a year
    assert is_alert(picker)
    assert picker.value == (date(2026, 5, 1), date(2026, 5, 31))
    sets(picker._first, value={"year": 2026, "month": 4, "date": 1})
    assert not is_alert(picker)


@pytest.mark.parametrize("wrong", ["soon", 5, True, pd.NA, "2026-02-30"])
def test_what_is_no_day_is_refused(wrong: Any) -> None:
    picker = of_days(DAYS)
    with pytest.raises(traitlets.TraitError, match="the day is"):
        picker.value = (wrong, None)
    assert of_days(DAYS).value == picker.value


def test_absent_days_are_open() -> None:
    picker = of_days(DAYS)
    picker.value = (pd.NaT, None)
    assert picker.value == (None, None)


@pytest.mark.parametrize(
    ("days", "expected"),
    [
        ((None, None), 16),
        (("2026-03-09", None), 7),
        (("2026-03-02", "2026-03-09"), 12),
        ((None, "2026-03-02"), 9),
        (("2026-03-03", "2026-03-08"), 0),
    ],
)
def test_the_code_of_days_gives_their_activities(session: Session, days: Any, expected: int) -> None:
    picker = of_days(session=session)
    picker.value = days
    with cctrack.use(session):
        assert "session" not in picker.code
        assert len(run(picker.code)["activities"]) == expected
    # Where reports would ask another account, or none, the code says whose days these are.
    names = {"session": session}
    exec(picker.code, names)
    assert len(names["activities"]) == expected


@pytest.mark.parametrize("zone", [None, "UTC", "America/New_York"])
def test_the_code_of_days_of_a_frame_takes_its_rows(zone: str | None) -> None:
    dates = pd.Series(
        pd.to_datetime(
            ["2026-03-01 23:59", "2026-03-02 00:00", "2026-03-03 23:59:59", "2026-03-04", None], format="ISO8601"
        )
    )
    table = pd.DataFrame({"n": range(5), "open_date": dates.dt.tz_localize("UTC")})
    table["open_date"] = table["open_date"].dt.tz_convert(zone)
    for source in (table, lambda: table):
        picker = of_days(source)
        for days, rows in (
            (("2026-03-02", "2026-03-03"), [1, 2]),
            ((None, "2026-03-02"), [0, 1]),
            (("2026-03-03", None), [2, 3]),
            ((None, None), [0, 1, 2, 3, 4]),
        ):
            picker.value = days
            names = {"table": table}
            exec(picker.code, names)
            assert names["table"]["n"].tolist() == rows


# Ids -----------------------------------------------------------------------------------------------------------------


@given(st.lists(st.one_of(st.none(), st.integers(0, 10**15), texts, st.just(np.nan))))
def test_ids_become_text_each_in_its_place(values: list[Any]) -> None:
    found = as_ids(pd.Series(values, dtype=object)).tolist()
    assert found == [None if pd.isna(one) else str(one) for one in values]
