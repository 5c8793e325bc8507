"""Arguments are right, or refused before anything is sent."""

import math
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from service import Service, account

import cctrack
from cctrack.catalog import REPORTS
from cctrack.inputs import address, choice, flag, identifiers, instant, one_identifier, page_size, wire_time, word

CLICKS = "/v2/contacts/36/tracking/clicks"
OF_IDS = tuple(name for name, report in REPORTS.items() if report.keys)
SINCE = {
    name: option
    for name, report in REPORTS.items()
    for option in ("created_since", "modified_since")
    if option in report.options
}
V3_ONLY = ("campaign_did_not_opens", "campaign_unique_opens")


@pytest.fixture
def session(service: Service, tmp_cache: Path) -> Iterator[cctrack.Session]:
    """Connect to the loaded service; it is the default session."""
    account(service)
    with cctrack.connect(
        service.key, service.token, base_url=service.url, cache_dir=tmp_cache, rate=100_000, daily_quota=10**6
    ) as opened:
        yield opened


def call(name: str, last: Any = "36", **options: Any) -> pd.DataFrame:
    """Call a report function; `last` stands for its last identifier, those before it are fine."""
    keys = REPORTS[name].keys
    arguments = [*("1100000000001" for _ in keys[:-1]), *([last] if keys else [])]
    frame = getattr(cctrack, REPORTS[name].function)(*arguments, **options)
    assert isinstance(frame, pd.DataFrame)
    return frame


# --- 1 to 8: identifiers -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given",
    [
        *(36, "36", np.int64(36), np.uint8(36), np.str_("36"), 36.0, np.float64(36), np.float32(36)),
        *(" 36", "36 ", "  36  ", ["36"], ("36",), [36.0], {36}, {"36": 0}.keys()),
        *(pd.Series([36]), pd.Series([36.0]), pd.Index(["36"]), np.array([36, 36]), np.array(["36"], dtype=object)),
        pd.Series(["36", "36"], dtype="string"),
        pd.Series([36, 36], dtype="Int64"),
        pd.Series(["36"], dtype="category"),
        pd.Series(["36"], index=[7]),
    ],
    ids=repr,
)
@pytest.mark.usefixtures("session")
def test_case_1_2_6_8_forms_of_one_id_are_sent_alike(service: Service, given: Any) -> None:
    frame = cctrack.clicks_df(given)
    assert [request.path for request in service.asked()] == [CLICKS]
    assert set(frame["contact_id"]) == {"36"}


WRONG_IDS = [
    # 2 and 3
    *(36.5, math.nan, math.inf, -math.inf, None, pd.NA, pd.NaT, "", " ", True, False, np.bool_(True), np.nan),
    # 4
    *("36/../../x", "..", ".", "...", "%2e%2e", "%2E", "36%2F..", "/", "36/", "\\", "..\\x"),
    # 5
    *("36?x=1", "36#", "36;x", "?", "36&x=1", "#"),
    # 6
    *("36\n", "\t36", "36\r", "3\n6", "36\x00", "\x7f36", "36\x85", "36\u200b", "36\u2028", "3 6"),
    *("１２", "é", "36é", "\ud800", "٣", b"36", bytearray(b"36"), [["36"]], ["36", ["37"]]),
    # further ones that are no id
    *(-1, np.int64(-36), -36.0, 1e300, 2.0**60, Decimal("36"), 36j, object(), date(2026, 1, 1), {"36": "x"}),
    *(pd.DataFrame({"contact_id": ["36"]}), np.datetime64("2026-01-01"), len, "nan/", "'36'", '"36"', "<36>"),
]


@pytest.mark.parametrize("wrong", WRONG_IDS, ids=repr)
@pytest.mark.usefixtures("session")
def test_case_2_to_6_what_is_no_id_is_refused(service: Service, wrong: Any) -> None:
    """Alone and among others, before anything is sent."""
    with pytest.raises((ValueError, TypeError)) as refused:
        cctrack.clicks_df(wrong)
    assert str(refused.value)
    with pytest.raises((ValueError, TypeError)):
        cctrack.campaign_link_clicks_df(wrong, "1")
    if not isinstance(wrong, (list, bytearray, pd.DataFrame, dict)):
        with pytest.raises(ValueError, match="position 1"):
            cctrack.clicks_df(["36", wrong, "37"])
    assert service.hits() == 0


@pytest.mark.parametrize("name", OF_IDS)
@pytest.mark.usefixtures("session")
def test_case_3_every_report_refuses_what_is_no_id(service: Service, name: str) -> None:
    for wrong in (None, "", math.nan, "36/..", "36?x", "36#", "3\x006", True, ["36", ""], b"36"):
        with pytest.raises(ValueError, match=REPORTS[name].keys[-1]):
            call(name, wrong)
    assert service.hits() == 0


@pytest.mark.parametrize("first", [["1", "2"], [], None, "", "1/2"], ids=repr)
@pytest.mark.usefixtures("session")
def test_links_are_of_one_campaign(service: Service, first: Any) -> None:
    with pytest.raises(ValueError, match="campaign_id"):
        cctrack.campaign_link_clicks_df(first, "1")
    assert service.hits() == 0


@pytest.mark.parametrize("given", [2**53 + 1, str(2**53 + 1), 2**200, str(2**200), np.int64(2**63 - 1)], ids=repr)
@pytest.mark.usefixtures("session")
def test_case_7_long_ids_are_exact(service: Service, given: Any) -> None:
    path = f"/v2/contacts/{int(given)}/tracking/clicks"
    service.rows(path, [{"activity_type": "EMAIL_CLICK", "contact_id": int(given)}])
    with pytest.warns(cctrack.RepairWarning):
        frame = cctrack.clicks_df(given)
    assert [request.path for request in service.asked()] == [path]
    assert frame["contact_id"].tolist() == [str(int(given))]
    assert str(frame["contact_id"].dtype) == "string"


@pytest.mark.usefixtures("session")
def test_case_8_a_long_generator_of_repeats_is_asked_once(service: Service) -> None:
    frame = cctrack.sends_df(("37", 36, "41")[number % 3] for number in range(100_000))
    assert service.hits() == 3
    assert list(dict.fromkeys(frame["contact_id"])) == ["37", "36"]
    assert frame.attrs["cctrack"]["ids"]["n"] == 3


def test_zeros_in_front_belong_to_an_id() -> None:
    assert identifiers(["36", "036", 36, "36", "0036"], "id") == ["36", "036", "0036"]


@pytest.mark.parametrize("broken", [5j, len, np.array(36)], ids=repr)
def test_what_cannot_be_gone_through_is_refused(broken: Any) -> None:
    with pytest.raises((ValueError, TypeError)):
        identifiers(broken, "contact_id")


# --- 9 to 15: points in time ---------------------------------------------------------------------

NEW_YORK = ZoneInfo("America/New_York")
ONE_INSTANT = [
    "2026-03-08T06:30:00.123Z",
    "2026-03-08T06:30:00.123",
    "2026-03-08T06:30:00.123000+00:00",
    "2026-03-08T07:30:00.123+01:00",
    "2026-03-08T01:30:00.123-0500",
    " 2026-03-08 06:30:00.123Z ",
    datetime(2026, 3, 8, 6, 30, 0, 123_000),
    datetime(2026, 3, 8, 6, 30, 0, 123_456, tzinfo=UTC),
    datetime(2026, 3, 8, 1, 30, 0, 123_000, tzinfo=NEW_YORK),
    datetime(2026, 3, 8, 12, 0, 0, 123_000, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    pd.Timestamp("2026-03-08T06:30:00.123"),
    pd.Timestamp("2026-03-08T06:30:00.123456789Z"),
    pd.Timestamp("2026-03-08T01:30:00.123", tz="America/New_York"),
    np.datetime64("2026-03-08T06:30:00.123"),
    np.datetime64("2026-03-08T06:30:00.123456789", "ns"),
]


@pytest.mark.parametrize("given", ONE_INSTANT, ids=repr)
@pytest.mark.usefixtures("session")
def test_case_9_10_instants_are_sent_in_one_form(service: Service, given: Any) -> None:
    frame = cctrack.clicks_df("36", created_since=given)
    (request,) = service.asked()
    assert request.query["created_since"] == ["2026-03-08T06:30:00.123Z"]
    assert frame.attrs["cctrack"]["created_since"] == "2026-03-08T06:30:00.123Z"


@pytest.mark.parametrize(
    "given",
    [
        *("2026-03-08", "20260308", "2026-W10-7", "2026-03-07T24:00:00Z"),
        *(date(2026, 3, 8), pd.Timestamp("2026-03-08"), np.datetime64("2026-03-08"), datetime(2026, 3, 8)),
    ],
    ids=repr,
)
@pytest.mark.usefixtures("session")
def test_case_10_a_day_begins_at_midnight_utc(service: Service, given: Any) -> None:
    cctrack.clicks_df("36", created_since=given)
    assert service.asked()[0].query["created_since"] == ["2026-03-08T00:00:00.000Z"]


@pytest.mark.parametrize("month", range(1, 13))
def test_case_9_naive_means_utc_whatever_the_season(month: int) -> None:
    naive = datetime(2026, month, 29 if month != 2 else 28, 2, 30)
    assert instant(naive, "x") == pd.Timestamp(naive, tz="UTC") == instant(naive.isoformat(), "x")


@pytest.mark.parametrize("fold", [0, 1])
def test_case_9_the_hour_that_comes_twice_is_told_apart(fold: int) -> None:
    given = datetime(2026, 11, 1, 1, 30, tzinfo=NEW_YORK, fold=fold)
    found = instant(given, "x")
    assert found is not None
    assert wire_time(found) == f"2026-11-01T0{5 + fold}:30:00.000Z"


WRONG_TIMES = [
    # 11
    *(pd.NaT, math.nan, pd.NA, "yesterday", "2026-13-01", "2026-02-30", "2026-01-01T25:00", timedelta(1), True, False),
    *(np.datetime64("NaT"), pd.Timedelta(1, "D"), "", " ", "NaT", "None", "now", "12:00", [], ["2026-01-01"], b"2026"),
    # 13
    *(1_772_000_000_000, 1_772_000_000, 1_772_000_000.5, np.int64(1_772_000_000_000), "1772000000000", 0),
    # 15
    *("0001-01-01", date(1, 1, 1), datetime(1, 1, 1), datetime.min, "0000-01-01", "-0001-01-01", "10000-01-01"),
    *(np.datetime64("0001-01-01"), np.datetime64("-5000-01-01"), np.datetime64("20000-01-01"), datetime(1969, 12, 31)),
    *(np.datetime64(2**62, "Y"), np.datetime64(2**62, "s"), np.datetime64(-(2**62), "D"), np.datetime64(2**62, "ms")),
    pd.Period("2026-01-01"),
    object(),
]


@pytest.mark.parametrize("wrong", WRONG_TIMES, ids=repr)
@pytest.mark.usefixtures("session")
def test_case_11_13_15_what_is_no_instant_is_refused(service: Service, wrong: Any) -> None:
    with pytest.raises((ValueError, TypeError), match="created_since"):
        cctrack.clicks_df("36", created_since=wrong)
    with pytest.raises((ValueError, TypeError), match="modified_since"):
        cctrack.contacts_df(modified_since=wrong)
    assert service.hits() == 0


@pytest.mark.parametrize(("name", "option"), SINCE.items())
@pytest.mark.usefixtures("session")
def test_case_11_every_report_refuses_what_is_no_instant(service: Service, name: str, option: str) -> None:
    for wrong in (math.nan, "yesterday", 1_772_000_000_000, pd.NaT):
        with pytest.raises((ValueError, TypeError), match=option):
            call(name, **{option: wrong})
    assert service.hits() == 0


@pytest.mark.usefixtures("session")
def test_case_12_none_asks_for_everything(service: Service) -> None:
    assert len(cctrack.clicks_df("36", created_since=None)) == 4
    assert "created_since" not in service.asked()[0].query
    assert "None asks for everything" in " ".join((cctrack.clicks_df.__doc__ or "").split())


@pytest.mark.parametrize(
    "given", ["2100-01-01", "9999-12-31T23:59:59Z", datetime.max, np.datetime64("9999-12-31")], ids=repr
)
@pytest.mark.usefixtures("session")
def test_case_14_15_the_future_warns_and_is_empty(given: Any) -> None:
    with pytest.warns(UserWarning, match="future") as warned:
        frame = cctrack.clicks_df("36", created_since=given)
    assert len(warned) == 1
    assert len(frame) == 0
    assert tuple(frame.columns) == REPORTS["clicks"].names


# --- 16: page sizes, and the other options -------------------------------------------------------

WRONG_LIMITS = [0, -1, 501, 10**9, "2", True, False, 1.5, 2.0, math.nan, None, [5], np.float64(5), np.bool_(True)]


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.usefixtures("session")
def test_case_16_page_sizes_out_of_range_are_refused(service: Service, name: str) -> None:
    for wrong in WRONG_LIMITS:
        with pytest.raises((ValueError, TypeError), match="limit"):
            call(name, limit=wrong)
    assert service.hits() == 0


@pytest.mark.parametrize("given", [1, 500, np.int64(7)])
@pytest.mark.usefixtures("session")
def test_case_16_page_sizes_in_range_are_sent(service: Service, given: Any) -> None:
    assert len(cctrack.summary_df("36", limit=given)) == 1
    assert len(cctrack.bounces_df("36", limit=given)) == 0
    assert service.asked(CLICKS.replace("clicks", "bounces"))[0].query["limit"] == [str(given)]


WRONG_OPTIONS: dict[str, list[Any]] = {
    "route": ["contact", "", None, 1, ["contacts"], "CAMPAIGNS"],
    "details": [None, 0, 1, "yes", []],
    "update_summary": [None, 0, "true", math.nan],
    "refresh": [None, 0, 1, "no", math.nan],
    "progress": [0, 1, "yes", math.nan],
    "on_missing": ["ignore", "", None, True, "Skip"],
    "session": ["v2", 1, object(), True, []],
    "email": ["ann", "", "@", "a b@example.org", 1, "ann@\nexample.org", "a\x00@example.org", math.nan, ["a@b.c"]],
    "status": ["", "A B", 1, "A/B", "ACTIVE?", ["ACTIVE"], math.nan, True],
}


@pytest.mark.parametrize(
    ("name", "option"),
    [(name, option) for name, report in REPORTS.items() for option in report.options if option in WRONG_OPTIONS],
)
@pytest.mark.usefixtures("session")
def test_wrong_options_are_refused_before_any_call(service: Service, name: str, option: str) -> None:
    routes = [{}, {"route": "campaigns"}] if "route" in REPORTS[name].options and option != "route" else [{}]
    for wrong in WRONG_OPTIONS[option]:
        for route in routes:
            with pytest.raises((ValueError, TypeError), match=option):
                call(name, **route, **{option: wrong})
    assert service.hits() == 0


@pytest.mark.usefixtures("session")
def test_an_unknown_argument_is_a_type_error(service: Service) -> None:
    for name in REPORTS:
        with pytest.raises(TypeError, match="since"):
            call(name, since="2026-01-01")
        with pytest.raises(TypeError):
            call(name, "36", **dict.fromkeys(REPORTS[name].keys, "36") or {"contact_id": "36"})
    assert service.hits() == 0


def test_small_checks() -> None:
    assert page_size(7) == 7
    assert one_identifier([36], "x") == "36"
    assert choice("a", ("a", "b"), "x") == "a"
    assert word(" sent ", "x") == "SENT"
    assert word(None, "x") is None
    assert address(" ann@example.org ", "x") == "ann@example.org"
    assert flag(np.bool_(True), "x") is True


# --- 17: credentials -----------------------------------------------------------------------------


@pytest.mark.parametrize("what", ["api_key", "access_token"])
@pytest.mark.parametrize(
    "wrong", ["", "  ", "SEKRET\nSEKRET", "SEK RET", "SEKRETß", "SEKRET\x00", b"SEKRET", 5, "SEKRET太"]
)
def test_case_17_bad_credentials_are_refused_without_showing_them(service: Service, what: str, wrong: Any) -> None:
    credentials: dict[str, Any] = {"api_key": service.key, "access_token": service.token, what: wrong}
    with pytest.raises(cctrack.ConfigError, match=what) as refused:
        cctrack.connect(**credentials, base_url=service.url)
    text = f"{refused.value!r} {refused.value} {refused.value.__cause__!r} {refused.value.__context__!r}"
    assert "SEK" not in text
    assert service.hits() == 0


# --- anything at all -----------------------------------------------------------------------------

TEXTS = st.text(st.characters(), max_size=20)  # surrogates and control characters among them
ODD = st.one_of(
    *(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS, st.binary(max_size=5), st.complex_numbers()),
    *(st.dates(), st.datetimes(), st.times(), st.timedeltas(), st.decimals(), st.uuids(), st.fractions()),
    *(st.sampled_from([pd.NA, pd.NaT, np.nan, np.int64(1), np.float32(2), np.datetime64("NaT"), object(), int, ...]),),
)
THINGS = st.recursive(ODD, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=2))
QUICK = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


@QUICK
@given(THINGS)
def test_anything_is_ids_or_an_ordinary_error(given: Any) -> None:
    try:
        found = identifiers(given, "contact_id")
    except (ValueError, TypeError):
        return
    assert len(set(found)) == len(found)
    for one in found:
        assert isinstance(one, str)
        assert one.isascii()
        assert one.isprintable()
        assert one == one.strip() != ""
        assert not set(one) & set("/?#%\\;& ")
        assert one.strip(".")


@QUICK
@given(st.one_of(THINGS, st.from_regex(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?", fullmatch=True)))
def test_anything_is_an_instant_or_an_ordinary_error(given: Any) -> None:
    try:
        found = instant(given, "created_since")
    except (ValueError, TypeError):
        return
    assert (found is None) == (given is None)
    if found is not None:
        assert str(found.tz) == "UTC"
        text = wire_time(found)
        assert len(text) == len("2026-03-08T06:30:00.123Z")
        again = instant(text, "created_since")
        assert again is not None
        assert again == found.floor("ms")


@QUICK
@given(st.datetimes(datetime(1970, 1, 2), datetime(9999, 12, 30), timezones=st.timezones()))
def test_every_zone_gives_the_same_instant(given: datetime) -> None:
    found = instant(given, "created_since")
    assert found is not None
    assert found.to_pydatetime() == given.astimezone(UTC)


@QUICK
@given(st.one_of(ODD, st.integers(-2, 600)))
def test_anything_is_a_page_size_or_an_ordinary_error(given: Any) -> None:
    try:
        found = page_size(given)
    except (ValueError, TypeError):
        return
    assert type(found) is int
    assert 1 <= found <= 500
    assert found == given


@QUICK
@given(ODD)
def test_anything_is_a_switch_a_word_an_address_or_an_ordinary_error(given: Any) -> None:
    checks: list[Callable[[Any], Any]] = [
        lambda value: flag(value, "x"),
        lambda value: word(value, "x"),
        lambda value: address(value, "x"),
        lambda value: choice(value, ("a", "b"), "x"),
    ]
    for check in checks:
        try:
            found = check(given)
        except (ValueError, TypeError):
            continue
        assert found is None or isinstance(found, (str, bool))


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
@pytest.mark.usefixtures("session")
def test_nothing_wrong_reaches_the_service(service: Service, data: st.DataObject) -> None:
    """Whatever stands for an id, what is asked is that contact's report and nothing else."""
    given = data.draw(THINGS)
    service.reset()
    try:
        cctrack.summary_df(given, on_missing="skip")
    except (ValueError, TypeError):
        assert service.hits() == 0
    for request in service.asked():
        assert request.path.startswith("/v2/contacts/")
        assert request.path.endswith("/tracking/reports/summary")
        assert request.path.count("/") == 6
