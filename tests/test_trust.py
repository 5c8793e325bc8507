"""Activities beside the service's summaries, with and without its oddities; and the clocks of the reports."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from by_hand import START, Event, table
from demo_reports import reports_of
from engines import THEIR_WARNINGS
from engines import activities as engine_rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import cctrack
from cctrack.analysis import clock_check, explain, reconcile
from cctrack.demo_account.account import Account, generate
from cctrack.demo_account.quirks import Quirks

METRICS = {"sends": "SEND", "opens": "OPEN", "clicks": "CLICK", "forwards": "FORWARD"}
METRICS |= {"unsubscribes": "UNSUBSCRIBE", "bounces": "BOUNCE"}
COLUMNS = ["metric", "rows_total", "rows_unique", "summary", "diff", "compared", "status", "explanation"]
LATE = ("opens", "clicks", "forwards", "bounces", "unsubscribes")
WAYS = {"summaries": ["campaign_id"], "contacts": ["contact_id"], "recipients": ["campaign_id", "contact_id"]}

relaxed = settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow])
events = st.lists(
    st.builds(
        Event,
        st.sampled_from([*METRICS.values(), "NEVER_SEEN"]),
        st.sampled_from(["a", "b", "c", None]),
        st.sampled_from(["1", "2", None]),
        st.sampled_from([None, 0, 1, 12]),
        st.sampled_from(["B", "V", None]),
        st.just(False),
        st.just(None),
        st.sampled_from(["ACTION_BY_OWNER", None]),
    ),
    max_size=25,
)


@pytest.fixture(scope="module")
def account() -> Account:
    return generate(300)


@pytest.fixture(scope="module")
def clean(account: Account, tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    return reports_of(account, tmp_path_factory.mktemp("cache"))


def summaries(rows: dict[str, Sequence[int | None]], key: str = "campaign_id") -> pd.DataFrame:
    """Make summaries of (sends, opens, clicks) by id."""
    held = pd.DataFrame.from_dict(rows, orient="index", columns=["sends", "opens", "clicks"]).astype("Int64")
    return held.rename_axis(key).reset_index().astype({key: "string"})


# --- activities and summaries


@pytest.mark.parametrize("way", WAYS)
def test_on_clean_data_all_agree(clean: dict[str, pd.DataFrame], way: str) -> None:
    told = clean[way]
    got = reconcile(clean["activities"], told)
    assert list(got.columns) == [*WAYS[way], *COLUMNS]
    assert got["status"].eq("equal").all()
    assert got["diff"].eq(0).all()
    metrics = [name for name in METRICS if name in told.columns]
    assert len(got) == len(told) * len(metrics)
    assert got.attrs["cctrack"]["statuses"] == {"equal": len(got)}
    held = got.pivot(index=WAYS[way], columns="metric", values="summary").sort_index()
    want = told.set_index(WAYS[way])[metrics].sort_index()
    for name in metrics:
        assert held[name].tolist() == want[name].tolist()
    assert held.index.tolist() == want.index.tolist()


def test_details_of_campaigns_are_summaries_too(clean: dict[str, pd.DataFrame]) -> None:
    got = reconcile(clean["activities"], clean["details"], labels=clean["campaigns"])
    assert list(got.columns[:3]) == ["campaign_id", "campaign_name", "send_date"]
    assert got["status"].eq("equal").all()
    # A campaign sent to nobody has no rows and counts of nothing: they agree.
    assert len(got[got["rows_total"].eq(0) & got["metric"].eq("sends")]) == 1


def test_of_a_contact_by_campaign_v3_counts_every_click() -> None:
    click = Event("CLICK", "a", "1", 1)
    rows = table([Event("SEND", "a", "1", 0), click, click])
    held = pd.DataFrame({"contact_id": ["1"], "campaign_id": ["a"], "clicks": [2]})
    held = held.astype({"contact_id": "string", "campaign_id": "string"})
    told = {}
    for api in ("v2", "v3"):
        held.attrs = {"cctrack": {"report": "summary_by_campaign", "api": api}}
        told[api] = reconcile(rows, held).iloc[0]
    assert [told[api]["compared"] for api in told] == ["rows_unique", "rows_total"]
    assert [int(told[api]["diff"]) for api in told] == [-1, 0]
    assert told["v3"]["status"] == "equal"


@given(events)
@relaxed
def test_rows_are_counted_as_each_summary_counts_them(rows: list[Event]) -> None:
    known = [row for row in rows if row.campaign is not None and row.contact is not None]
    held = pd.DataFrame({"campaign_id": ["a", "b", "z"], **{name: [1, 0, 0] for name in METRICS}})
    got = reconcile(table(rows), held.astype({"campaign_id": "string"}))
    campaigns = sorted({"a", "b", "z"} | {str(row.campaign) for row in known if row.kind != "NEVER_SEEN"})
    assert got["campaign_id"].tolist() == [one for one in campaigns for _ in METRICS]
    assert got["metric"].tolist() == [*METRICS] * len(campaigns)
    for _, line in got.iterrows():
        own = [row for row in known if (row.campaign, row.kind) == (line["campaign_id"], METRICS[line["metric"]])]
        assert line["rows_total"] == len(own)
        assert line["rows_unique"] == len({row.contact for row in own})
        told = {"a": 1, "b": 0, "z": 0}.get(line["campaign_id"])
        if told is None:
            assert (line["summary"], line["diff"], line["status"]) == (pd.NA, pd.NA, "not_in_summaries")
        else:
            assert line["diff"] == line["rows_unique"] - told
            assert (line["status"] == "equal") == (line["diff"] == 0)
    by_contact = reconcile(table(rows), summaries({"1": [0, 0, 0], "x": [1, 1, 0]}, "contact_id"))
    assert by_contact["contact_id"].tolist() == [*["1"] * 3, *["x"] * 3]
    for _, line in by_contact.iterrows():
        own = [row for row in known if (row.contact, row.kind) == (line["contact_id"], METRICS[line["metric"]])]
        assert (line["rows_total"], line["compared"]) == (len(own), "rows_total")
        assert line["rows_unique"] == len({row.campaign for row in own})
        assert line["diff"] == len(own) - line["summary"]


def test_a_summary_that_is_behind(account: Account, tmp_path: Path) -> None:
    told = reports_of(account, tmp_path, Quirks(stale_summary=True))
    got = reconcile(told["activities"], told["summaries"])
    assert set(got["status"]) == {"equal", "summary_stale"}
    stale = got[got["status"] == "summary_stale"]
    assert (stale["diff"] > 0).all()
    assert stale["explanation"].str.contains("update_summary=True", regex=False).all()
    assert len(stale[stale["metric"] == "opens"]) > 20
    assert reconcile(told["activities"], told["updated"])["status"].eq("equal").all()


@pytest.mark.parametrize("by", ["send", "event"])
def test_rows_that_are_no_longer_listed(account: Account, tmp_path: Path, by: Any) -> None:
    told = reports_of(account, tmp_path, Quirks(retention_days=100, retention_by=by))
    got = reconcile(told["activities"], told["details"], retention="100D")
    assert set(got["status"]) == {"equal", "truncated"}
    missing = got[got["status"] == "truncated"]
    assert (missing["diff"] < 0).all()
    assert len(missing) > 20
    older = pd.Timestamp("2026-03-31T12:00Z") - told["details"].set_index("campaign_id")["last_run_date"]
    assert (missing["campaign_id"].map(older) > pd.Timedelta(days=93)).all()
    # Without their dates, campaigns of which nothing is listed may just as well not have been asked for.
    undated = reconcile(told["activities"], told["summaries"], retention="100D")
    assert set(undated["status"]) == {"equal", "truncated", "not_in_rows"} - ({"truncated"} if by == "send" else set())
    gone = undated[undated["status"] == "not_in_rows"]
    assert gone["rows_total"].eq(0).all()
    by_labels = reconcile(told["activities"], told["summaries"], retention="100D", labels=told["details"])
    assert by_labels["status"].tolist() == got["status"].tolist()
    contacts = reconcile(told["activities"], told["contacts"], retention="100D")
    assert set(contacts["status"]) == {"equal", "truncated"}


def test_orphans_tell_of_rows_that_are_missing() -> None:
    rows = table([Event("OPEN", "a", "1", 5), Event("SEND", "a", "2", 6), Event("SEND", "b", "1", 0)])
    got = reconcile(rows, summaries({"a": [2, 1, 0], "b": [2, 0, 0]})).set_index(["campaign_id", "metric"])
    assert got.loc[("a", "sends"), "status"] == "truncated"
    assert "events without a send (1)" in got.loc[("a", "sends"), "explanation"]
    assert got.loc[("b", "sends"), "status"] == "unexplained"
    assert "refresh=True" in got.loc[("b", "sends"), "explanation"]


def test_rows_that_were_not_asked_for(clean: dict[str, pd.DataFrame]) -> None:
    rows = clean["activities"]
    since = pd.Timestamp("2026-02-01T00:00Z")
    windowed = rows[rows["activity_date"] >= since].reset_index(drop=True)
    windowed.attrs["cctrack"] = {**rows.attrs["cctrack"], "created_since": "2026-02-01T00:00:00Z"}
    got = reconcile(windowed, clean["details"])
    assert set(got["status"]) == {"equal", "truncated"}
    assert got["explanation"].str.contains("those before 2026-02-01T00:00:00Z were not asked for").any()
    early = reconcile(rows, clean["details"], as_of=since)
    assert set(early["status"]) == {"equal", "truncated"}
    assert early["explanation"].str.contains("those after as_of are left out").any()
    few = reconcile(rows[rows["activity_type"] == "EMAIL_CLICK"], clean["details"])
    assert set(few["status"]) == {"equal", "not_in_rows"}
    assert few["explanation"].str.contains("no EMAIL_OPEN rows at all").any()


def test_openers_that_the_summary_leaves_out(account: Account, clean: dict[str, pd.DataFrame]) -> None:
    """Give the summaries the openers that the truth knows for people, as the service's own pages do."""
    own, origin = account.opens, account.truth.origin("opens")
    people = pd.DataFrame({"campaign": own.campaign, "contact": own.contact})[np.isin(origin, ["mpp"], invert=True)]
    opens = people.drop_duplicates().groupby("campaign").size()
    ids = pd.Series(account.campaigns.ids)
    told = clean["summaries"]
    counted = told["campaign_id"].map({ids[at]: n for at, n in opens.items()}).astype("Int64")
    got = reconcile(clean["activities"], told.assign(opens=counted.fillna(told["opens"])))
    of_opens = got[got["metric"] == "opens"]
    assert got.loc[got["metric"] != "opens", "status"].eq("equal").all()
    assert (of_opens["status"] == "proxy_opens_in_rows").sum() >= 24
    assert set(of_opens["status"]) <= {"proxy_opens_in_rows", "equal", "summary_stale"}
    # Where other counts are behind as well, the summary is old.
    late = told.assign(opens=counted.fillna(told["opens"]), clicks=(told["clicks"] - 1).clip(lower=0))
    assert set(reconcile(clean["activities"], late)["status"]) == {"equal", "summary_stale"}


def test_what_only_one_side_knows_is_a_row(clean: dict[str, pd.DataFrame]) -> None:
    told = clean["summaries"]
    first, last = told["campaign_id"].iloc[[0, -1]]
    rows = clean["activities"][clean["activities"]["campaign_id"] != first]
    got = reconcile(rows, told[told["campaign_id"] != last]).set_index(["campaign_id", "metric"])
    assert len(got) == len(told) * 6
    status = "not_in_rows" if told["sends"].iloc[0] else "equal"
    assert got.loc[(first, "sends"), "status"] == status
    other = "not_in_summaries" if told["sends"].iloc[-1] else None
    assert other is None or set(got.loc[last, "status"]) == {other}
    unknown = told.astype({"sends": "Int64"}).assign(sends=pd.array([pd.NA] * len(told), dtype="Int64"))
    got = reconcile(clean["activities"], unknown)
    assert set(got.loc[got["metric"] == "sends", "status"]) == {"not_in_summaries"}


def test_rows_that_repeat_count_where_activities_count(account: Account, tmp_path: Path) -> None:
    told = reports_of(account, tmp_path, Quirks(duplicates=True))
    assert reconcile(told["activities"], told["summaries"])["status"].eq("equal").all()
    got = reconcile(told["activities"], told["contacts"])
    assert set(got["status"]) == {"equal", "unexplained"}
    repeated = got[got["status"] == "unexplained"]
    assert repeated["explanation"].str.contains("repeat another").all()
    assert (repeated["diff"] > 0).all()


@pytest.mark.parametrize("way", WAYS)
def test_the_smallest_tables_give_a_table(clean: dict[str, pd.DataFrame], way: str) -> None:
    rows, told = clean["activities"], clean[way]
    want = reconcile(rows, told)
    for some, other in ((rows.head(0), told), (rows, told.head(0)), (rows.head(0), told.head(0)), (rows[:1], told[:1])):
        got = reconcile(some, other)
        assert got.dtypes.equals(want.dtypes)
        assert isinstance(got.index, pd.RangeIndex)
    assert len(reconcile(rows.head(0), told.head(0))) == 0
    assert set(reconcile(rows.head(0), told)["status"]) == {"equal", "not_in_rows"}


def test_dtypes_and_order_change_nothing_and_the_inputs_are_not_changed(clean: dict[str, pd.DataFrame]) -> None:
    rows, told = clean["activities"], clean["summaries"]
    before, kept = rows.copy(), told.copy()
    want = reconcile(rows, told)
    pd.testing.assert_frame_equal(rows, before)
    pd.testing.assert_frame_equal(told, kept)
    small = rows.astype({"campaign_id": "category", "contact_id": "category"}).sample(frac=1, random_state=1)
    shuffled = told.sample(frac=1, random_state=1).astype({"campaign_id": "category"})
    pd.testing.assert_frame_equal(reconcile(small, shuffled), want)
    assert json.loads(json.dumps(want.attrs)) == want.attrs
    assert "summary_stale: more rows" in explain(want).text


@pytest.mark.filterwarnings(*THEIR_WARNINGS)
def test_engines_give_what_pandas_gives() -> None:
    import duckdb
    import polars as pl

    rows = engine_rows(60, 4)
    ids = rows["campaign_id"].dropna().unique()
    of_campaigns = summaries({one: [40, 10 + place, 3] for place, one in enumerate(ids)})
    of_contacts = summaries({"001": [4, 3, 2], "002": [1, 1, 1]}, "contact_id")
    both = of_contacts.assign(campaign_id=pd.array([ids[0]] * 2, dtype="string")).drop(columns="sends")
    connection = duckdb.connect()
    connection.register("rows", rows)
    for other in (pl.from_pandas(rows).lazy(), connection.sql("select * from rows")):
        for told in (of_campaigns, of_contacts, both):
            pd.testing.assert_frame_equal(reconcile(other, told), reconcile(rows, told))
        pd.testing.assert_frame_equal(clock_check(other), clock_check(rows))
    connection.close()


@pytest.mark.parametrize(
    ("told", "said", "error", "words"),
    [
        ([1], {}, TypeError, "summaries must be a pandas frame"),
        (pd.DataFrame({"sends": [1]}), {}, ValueError, "no column campaign_id or contact_id"),
        (pd.DataFrame({"campaign_id": ["a"]}), {}, ValueError, "no column any of sends"),
        (pd.DataFrame({"campaign_id": [1], "sends": [1]}), {}, ValueError, "campaign_id .*holds numbers"),
        (summaries({"a": [1, 1, 1]}).astype({"opens": "string"}), {}, ValueError, "opens holds no numbers"),
        (pd.concat([summaries({"a": [1, 1, n]}) for n in (0, 1)]), {}, ValueError, "a twice.*drop_duplicates"),
        (summaries({"a": [1, 1, 1]}), {"retention": "long"}, ValueError, "no length of time"),
        (summaries({"a": [1, 1, 1]}), {"as_of": "now"}, ValueError, "no point in time"),
        (summaries({"a": [1, 1, 1]}), {"labels": summaries({"a": [1, 1, 1]})}, ValueError, "no column name"),
    ],
    ids=range(9),
)
def test_what_are_no_summaries_is_refused(told: Any, said: Any, error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words):
        reconcile(table([Event("SEND", "a", "1", 0)]), told, **said)
    with pytest.raises(ValueError, match="no column bounce_code"):
        reconcile(table([]).drop(columns="bounce_code"), summaries({"a": [1, 1, 1]}))


# --- clocks


def test_clean_clocks(clean: dict[str, pd.DataFrame]) -> None:
    got = clock_check(clean["activities"])
    assert list(got.columns) == [
        "activity_type", "n", "share_before_send", "p01", "p05", "suggested_offset_hours", "verdict", "explanation",
    ]  # fmt: skip
    assert got["activity_type"].tolist() == [f"EMAIL_{kind[:-1].upper()}" for kind in LATE]
    assert got["verdict"].dropna().eq("ok").all()
    assert got["suggested_offset_hours"].dropna().eq(0).all()
    rows = clean["activities"]
    firsts = (
        rows.groupby(["campaign_id", "contact_id", "activity_type"], observed=True)["activity_date"].min().unstack()
    )
    for line in got.itertuples():
        late = (firsts[line.activity_type] - firsts["EMAIL_SEND"]).dropna()
        assert line.n == len(late)
        if len(late):
            assert line.share_before_send == (late < pd.Timedelta(0)).mean()
            for name, share in (("p01", 0.01), ("p05", 0.05)):
                assert abs(getattr(line, name) - late.quantile(share)) <= pd.Timedelta(1, "us")
    assert got.attrs["cctrack"]["clocks"] == "ok"


@pytest.mark.parametrize("hours", [-5, -10, -4, 5, 8])
def test_skews_are_found(clean: dict[str, pd.DataFrame], hours: int) -> None:
    rows = clean["activities"]
    skewed = rows.assign(
        activity_date=rows["activity_date"].where(
            rows["activity_type"] == "EMAIL_SEND", rows["activity_date"] + pd.Timedelta(hours=hours)
        )
    )
    got = clock_check(skewed).set_index("activity_type")
    for kind in ("OPEN", "CLICK", "BOUNCE"):
        assert got.loc[f"EMAIL_{kind}", ["verdict", "suggested_offset_hours"]].tolist() == ["suspect", -hours]
    if hours < 0:  # the few of the others too, by what mends the many
        assert got["suggested_offset_hours"].dropna().eq(-hours).all()
    assert got.attrs["cctrack"]["clocks"] == "suspect"
    mended = skewed.copy()
    for kind, offset in got["suggested_offset_hours"].dropna().items():
        mended.loc[mended["activity_type"] == kind, "activity_date"] += pd.Timedelta(hours=int(offset))
    assert clock_check(mended)["verdict"].dropna().eq("ok").all()


def test_the_skew_of_the_service(account: Account, tmp_path: Path) -> None:
    quirks = Quirks(clock_skew_hours=dict.fromkeys(LATE, -5.0))
    told = reports_of(account, tmp_path, quirks)
    for rows, hours in ((told["activities"], 5), (told["of_contacts"], 10)):  # of contacts it is shifted twice
        got = clock_check(rows)
        assert got["verdict"].dropna().eq("suspect").all()
        assert got["suggested_offset_hours"].dropna().eq(hours).all()


def delays(kind: str, minutes: Sequence[float]) -> list[Event]:
    return [
        event
        for place, late in enumerate(minutes)
        for event in (Event("SEND", "a", str(place), 0), Event(kind, "a", str(place), late * 60))
    ]


def test_thresholds_of_the_verdict() -> None:
    def of(minutes: Sequence[float], kind: str = "OPEN") -> list[Any]:
        got = clock_check(table(delays(kind, minutes))).set_index("activity_type")
        return got.loc[f"EMAIL_{kind}", ["verdict", "suggested_offset_hours"]].tolist()

    assert of([-1, *[1] * 100]) == ["ok", 0]  # under 1 %
    assert of([-1, *[1] * 99]) == ["suspect", pd.NA]  # 1 %, but no whole hour explains it
    assert of([-300, *[60] * 99]) == ["suspect", pd.NA]  # +5 h would leave none before, but all too late
    assert of([0.0] * 3) == ["ok", 0]
    assert of([600] * 50) == ["suspect", -10]
    assert of([600] * 5) == ["ok", 0]  # so few may well be late
    assert of([360] * 50) == ["ok", 0]  # 6 h is the offset of none
    assert of([30] * 50) == ["ok", 0]  # slow, not wrong
    assert of([-299] * 4, "FORWARD") == ["suspect", 5]


def test_only_the_first_event_of_a_recipient_with_a_send_counts() -> None:
    rows = [
        *delays("OPEN", [1, 2]), Event("OPEN", "a", "0", 9e5), Event("OPEN", "a", "orphan", -9e5),
        Event("OPEN", "a", "1", None), Event("OPEN", None, "1", -9e5), Event("SEND", "a", "1", 9e5),
        Event("SOMETHING", "a", "1", 5),
    ]  # fmt: skip
    got = clock_check(table(rows)).set_index("activity_type")
    assert got.loc["EMAIL_OPEN", ["n", "share_before_send", "verdict"]].tolist() == [2, 0.0, "ok"]
    assert got.loc["EMAIL_OPEN", "p01"] == pd.Timedelta("60.6s")
    assert got.index[-1] == "EMAIL_SOMETHING"
    early = clock_check(table(rows), as_of=START)
    assert early["n"].eq(0).all()


@pytest.mark.parametrize("rows", [[], [Event("SEND", "a", "1", 0)], [Event("OPEN", "a", "1", 0)]])
def test_without_delays_there_is_no_verdict(rows: list[Event]) -> None:
    got = clock_check(table(rows))
    assert len(got) == 5
    assert got["n"].eq(0).all()
    assert got[["verdict", "suggested_offset_hours", "p01", "p05", "share_before_send"]].isna().all(axis=None)
    assert got.dtypes.equals(clock_check(table(delays("OPEN", [1]))).dtypes)


def test_what_is_no_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no column contact_id"):
        clock_check(table([]).drop(columns="contact_id"))
    with pytest.raises(TypeError, match="no table"):
        clock_check("rows")
    with pytest.raises(ValueError, match="point in time"):
        clock_check(table([]), as_of="soon")


def test_the_names_are_public() -> None:
    assert {"scorecard", "reconcile", "clock_check"} <= set(cctrack.analysis.__all__)
