"""The scorecard against its definition said in sets, pandas, statsmodels and the counts of the service."""

import json
import math
import warnings
from collections.abc import Iterator, Sequence
from statistics import mean
from types import ModuleType
from typing import Any

import numpy as np
import pandas as pd
import pytest
from by_hand import BOUNCES, START, Event, months, table
from demo_reports import reports_of
from engines import THEIR_WARNINGS, _of_kind
from engines import activities as engine_rows
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from statsmodels.stats.proportion import proportion_confint

from cctrack.analysis import explain, funnel, scorecard
from cctrack.analysis._events import opened
from cctrack.analysis._human import flagged
from cctrack.analysis._machine_activity import auto_openers
from cctrack.demo_account.account import KINDS, generate

COUNTS = [
    "sent", "delivered", "bounced", "hard_bounced", "soft_bounced", "blocked", "other_bounced", "autoreplied",
    "opens_total", "unique_openers", "confirmed_openers", "clicks_total", "unique_link_clicks", "unique_clickers",
    "forwards_total", "forwarders", "unsubscribed", "removed_by_owner", "spam_complaints", "sent_less_auto",
    "delivered_less_auto", "openers_less_auto", "orphan_recipients", "orphan_openers", "orphan_clickers",
    "n_duplicates",
]  # fmt: skip
RATES = [
    "delivery", "bounce", "open", "open_less_auto", "click", "confirmed_open", "click_to_open", "unsubscribe",
    "complaint", "forward", "forward_to_open",
]  # fmt: skip
RATIOS = ["repeat_open_ratio", "clicks_per_clicker"]
COLUMNS = [
    "line",
    *COUNTS,
    *(f"{name}_{part}" for name in RATES for part in ("rate", "low", "high")),
    *RATIOS,
    "low_n",
]
CODES = {"hard_bounced": "BS", "soft_bounced": "DF", "blocked": "Z", "autoreplied": "V"}

relaxed = settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.too_slow])
events = st.lists(
    st.builds(
        Event,
        st.sampled_from(["SEND", "SEND", "SEND", "OPEN", "CLICK", "CLICK", "FORWARD", "BOUNCE", "UNSUBSCRIBE"]),
        st.sampled_from(["a", "b", "b", "c", None]),
        st.sampled_from(["1", "2", "01", "3", None]),
        st.sampled_from([None, 0, 1, 1, 12]),
        st.sampled_from(["B", "S", "D", "F", "V", "X", "Z", "N", None]),
        st.booleans(),
        st.sampled_from(["7", "8", None]),  # the link of a click
        st.sampled_from(["ACTION_BY_OWNER", "ACTION_BY_CUSTOMER", None]),
    ),
    max_size=30,
)
presets = st.sampled_from(["cctrack", "constant_contact", "sent"])


def activities(rows: Sequence[Event]) -> pd.DataFrame:
    """Make a table of activities, the links of clicks among them, and what is said to be automatic."""
    made = table(rows, machine=True)
    links = [row.colour if row.kind == "CLICK" else None for row in rows]
    return made.assign(link_id=pd.array(links, dtype="string"))


def known(rows: Sequence[Event]) -> list[Event]:
    return [row for row in rows if row.campaign is not None and row.contact is not None]


def counted(rows: Sequence[Event], definitions: str) -> dict[str, int]:
    """Count as analytics.md 1.1 defines it, in sets of recipients."""
    having: dict[str, set[Any]] = {
        kind: set() for kind in ("SEND", "OPEN", "CLICK", "FORWARD", "UNSUBSCRIBE", "REMOVED")
    }
    codes: dict[str | None, set[Any]] = {}
    for row in rows:
        who = (row.campaign, row.contact)
        if row.kind == "BOUNCE":
            codes.setdefault(row.code, set()).add(who)
        else:
            owner = row.kind == "UNSUBSCRIBE" and row.source == "ACTION_BY_OWNER"
            having["REMOVED" if owner else row.kind].add(who)
    none: set[Any] = set()
    bounced = none.union(*(who for code, who in codes.items() if code in BOUNCES[definitions]))
    sent, opened_, clicked = having["SEND"], having["OPEN"], having["CLICK"]
    left = having["UNSUBSCRIBE"] | (having["REMOVED"] if definitions == "constant_contact" else none)
    everyone = none.union(*having.values(), *codes.values())
    sets = {
        "sent": sent, "delivered": sent - bounced, "bounced": bounced, "unique_openers": opened_,
        "confirmed_openers": opened_ | clicked, "unique_clickers": clicked, "forwarders": having["FORWARD"],
        "unsubscribed": left, "removed_by_owner": having["REMOVED"], "orphan_recipients": everyone - sent,
        "orphan_openers": opened_ - sent, "orphan_clickers": clicked - sent,
        **{name: none.union(*(codes.get(code, none) for code in group)) for name, group in CODES.items()},
        "other_bounced": none.union(*(who for code, who in codes.items() if code is None or code in "XN")),
        "unique_link_clicks": {(row.campaign, row.contact, row.colour) for row in rows if row.kind == "CLICK"},
    }  # fmt: skip
    counts = {name: len(one) for name, one in sets.items()}
    for name, kind in (("opens_total", "OPEN"), ("clicks_total", "CLICK"), ("forwards_total", "FORWARD")):
        counts[name] = sum(row.kind == kind for row in rows)
    different = {
        (row[:4], row.code if row.kind == "BOUNCE" else "", row.colour if row.kind == "CLICK" else "") for row in rows
    }
    less = {"sent_less_auto": "sent", "delivered_less_auto": "delivered", "openers_less_auto": "unique_openers"}
    return counts | {"n_duplicates": len(rows) - len(different)} | {name: counts[of] for name, of in less.items()}


def fractions(definitions: str) -> dict[str, tuple[str, str]]:
    """Give numerator and denominator of each rate as analytics.md 1.2 and 1.3 have them."""
    base = "sent" if definitions == "sent" else "delivered"
    opened_ = "unique_openers" if definitions == "constant_contact" else "confirmed_openers"
    of_base = {"open": "unique_openers", "click": "unique_clickers", "confirmed_open": "confirmed_openers"}
    of_base |= {"unsubscribe": "unsubscribed", "complaint": "spam_complaints", "forward": "forwarders"}
    return {
        "delivery_rate": ("delivered", "sent"),
        "bounce_rate": ("bounced", "sent"),
        **{f"{name}_rate": (of, base) for name, of in of_base.items()},
        "open_less_auto_rate": ("openers_less_auto", f"{base}_less_auto"),
        "click_to_open_rate": ("unique_clickers", opened_),
        "forward_to_open_rate": ("forwarders", "confirmed_openers"),
        "repeat_open_ratio": ("opens_total", "unique_openers"),
        "clicks_per_clicker": ("clicks_total", "unique_clickers"),
    }


def share(k: float, n: float) -> float:
    return k / n if n else math.nan


def effect(k: Any, n: Any) -> float:
    """Give the design effect by its formula, from the successes and trials of each contact."""
    k, n = np.asarray(k, float), np.asarray(n, float)
    clusters, p = (n > 0).sum(), k.sum() / n.sum() if n.sum() else math.nan
    if clusters < 2 or not 0 < p < 1:
        return 1.0
    between = clusters / (clusters - 1) * ((k - p * n) ** 2).sum() / n.sum() ** 2
    return max(float(between * (n.sum() - 1) / (p * (1 - p))), 1.0)


def check_line(got: Any, rows: Sequence[Event], definitions: str, suffix: str, *, several: bool) -> None:
    """Compare one line with what is counted by hand, its intervals with those of statsmodels."""
    want = counted(rows, definitions)
    assert {name: got[f"{name}{suffix}"] for name in want} == want
    by_contact = {
        who: counted([row for row in rows if row.contact == who], definitions) for who in ("1", "2", "3", "01")
    }
    for rate, (top, bottom) in fractions(definitions).items():
        k, n = (want.get(name, math.nan) for name in (top, bottom))
        np.testing.assert_equal(got[f"{rate}{suffix}"], share(k, n))
        if not rate.endswith("_rate") or top not in want:
            continue
        name = rate.removesuffix("_rate")
        low, high = got[f"{name}_low{suffix}"], got[f"{name}_high{suffix}"]
        if n == 0 or k > n:
            assert np.isnan(low)
            assert np.isnan(high)
            continue
        own = [[one[part] for one in by_contact.values()] for part in (top, bottom)]
        deff = effect(*own) if several else 1.0
        np.testing.assert_allclose((low, high), proportion_confint(k / deff, n / deff, method="wilson"), atol=1e-9)
    base = want["sent" if definitions == "sent" else "delivered"]
    fewest = (min(want[name], base - want[name]) for name in ("unique_openers", "unique_clickers"))
    assert got[f"low_n{suffix}"] == (min(fewest) < 5)


@given(events, presets)
@relaxed
def test_the_scorecard_is_its_definition(rows: list[Event], definitions: Any) -> None:
    got = scorecard(activities(rows), definitions=definitions)
    mine = known(rows)
    campaigns = sorted({row.campaign for row in mine})  # type: ignore[type-var]
    assert list(got.columns) == ["campaign_id", *COLUMNS, *(f"{name}_human" for name in COLUMNS[1:])]
    assert got["campaign_id"].tolist() == [*campaigns, pd.NA, pd.NA]
    assert got["line"].tolist() == [*["group"] * len(campaigns), "pooled", "mean"]
    assert got.attrs["cctrack"]["rates"] == {name: list(one) for name, one in fractions(definitions).items()}
    for suffix, of in (("", mine), ("_human", [row for row in mine if not row.machine])):
        for place, campaign in enumerate([*campaigns, None]):
            own = [row for row in of if campaign in (None, row.campaign)]
            check_line(got.iloc[place], own, definitions, suffix, several=campaign is None)
        check_mean(got, suffix)


def check_mean(got: pd.DataFrame, suffix: str) -> None:
    groups, line = got[got["line"] == "group"], got.iloc[-1]
    for name in [*(f"{one}_rate" for one in RATES), *RATIOS]:
        rates = groups[f"{name}{suffix}"].dropna().tolist()
        np.testing.assert_allclose(line[f"{name}{suffix}"], mean(rates) if rates else math.nan)
    assert line[[f"{name}{suffix}" for name in COUNTS]].isna().all()
    assert line[[f"{name}_{end}{suffix}" for name in RATES for end in ("low", "high")]].isna().all()


@given(events, presets, st.sampled_from(["UTC", "Europe/Berlin"]))
@relaxed
def test_months_take_campaigns_together(rows: list[Event], definitions: Any, zone: str) -> None:
    got = scorecard(activities(rows), by="month", definitions=definitions, tz=zone)
    mine = known(rows)
    month = months(mine, zone)
    names = sorted({month[row.campaign] for row in mine}, key=lambda one: (one is None, one or ""))
    assert got["month"].tolist() == [*(pd.NA if name is None else name for name in names), pd.NA, pd.NA]
    for suffix, of in (("", mine), ("_human", [row for row in mine if not row.machine])):
        for place, name in enumerate(names):
            own = [row for row in of if month[row.campaign] == name]
            check_line(got.iloc[place], own, definitions, suffix, several=True)
        check_line(got.iloc[len(names)], of, definitions, suffix, several=True)


SEGMENTS = pd.Series(
    ["x", "y", "x", "z"], index=pd.Index(["1", "1", "2", "absent"], dtype="string"), name="list", dtype="string"
)


@given(events)
@relaxed
def test_segments_of_contacts(rows: list[Event]) -> None:
    got = scorecard(activities(rows), by=SEGMENTS)
    mine = known(rows)
    of = {"x": {"1", "2"}, "y": {"1"}, None: {"01", "3"}}
    names = [name for name, who in of.items() if any(row.contact in who for row in mine)]
    assert got["list"].tolist() == [*(pd.NA if name is None else name for name in names), pd.NA, pd.NA]
    for place, name in enumerate(names):
        own = [row for row in mine if row.contact in of[name]]
        check_line(got.iloc[place], own, "cctrack", "", several=True)
    check_line(got.iloc[len(names)], mine, "cctrack", "", several=True)  # each contact once
    both = scorecard(activities(rows), by=["campaign_id", SEGMENTS], pooled=False)
    for _, line in both.iterrows():
        own = [row for row in mine if row.campaign == line["campaign_id"]]
        own = [row for row in own if row.contact in of[None if pd.isna(line["list"]) else line["list"]]]
        check_line(line, own, "cctrack", "", several=False)


@given(events, st.sampled_from(["campaign_id", "month", "contact_id", None]), presets)
@relaxed
def test_one_side_alone_is_that_side_of_both(rows: list[Event], by: Any, definitions: Any) -> None:
    said = {"by": by, "definitions": definitions}
    both, left = (scorecard(activities(rows), machine=machine, **said) for machine in ("both", "exclude"))
    names = [] if by is None else [by]
    human = both[[*names, "line", *(f"{name}_human" for name in COLUMNS[1:])]]
    pd.testing.assert_frame_equal(left, human.rename(columns=lambda name: name.removesuffix("_human")))
    whole = scorecard(activities(rows), machine="include", **said)
    shared = [name for name in COLUMNS if "less_auto" not in name]
    pd.testing.assert_frame_equal(whole[[*names, *shared]], both[[*names, *shared]])
    assert whole[[name for name in COLUMNS if "less_auto" in name]].isna().all(axis=None)


@given(events, st.randoms(use_true_random=False), st.sampled_from(["campaign_id", "month", None]))
@relaxed
def test_order_of_rows_changes_nothing_and_repeats_only_totals(rows: list[Event], chance: Any, by: Any) -> None:
    want = scorecard(activities(rows), by=by)
    more = rows + chance.choices(rows, k=5) if rows else []
    chance.shuffle(more)
    pd.testing.assert_frame_equal(scorecard(activities(chance.sample(rows, len(rows))), by=by), want)
    counts = ["opens_total", "clicks_total", "forwards_total", "n_duplicates", *RATIOS]
    totals = [f"{name}{suffix}" for name in counts for suffix in ("", "_human")]
    pd.testing.assert_frame_equal(scorecard(activities(more), by=by).drop(columns=totals), want.drop(columns=totals))


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    return reports_of(generate(300), tmp_path_factory.mktemp("cache"))


def test_what_the_service_counts_is_what_the_funnel_and_the_scorecard_count(demo: dict[str, pd.DataFrame]) -> None:
    card = scorecard(demo["activities"], demo["summaries"], machine="include").set_index("campaign_id")
    said: dict[str, Any] = {"by": "campaign_id", "semantics": "observed", "machine": "include"}
    stages = funnel(demo["activities"], **said).pivot(index="campaign_id", columns="stage", values="n")
    summary = demo["summaries"].set_index("campaign_id")
    summary = summary[summary["sends"] > 0].sort_index()
    groups = card[card["line"] == "group"]
    assert groups.index.tolist() == summary.index.tolist() == stages.index.tolist()
    for count, field, stage in (
        ("sent", "sends", "sent"),
        ("unique_openers", "opens", "opened"),
        ("unique_clickers", "clicks", "clicked"),
    ):
        assert groups[count].tolist() == summary[field].tolist() == stages[stage].tolist()
    assert groups["delivered"].tolist() == stages["delivered"].tolist()
    assert groups["forwarders"].tolist() == summary["forwards"].tolist()
    assert (groups["unsubscribed"] + groups["removed_by_owner"]).tolist() == summary["unsubscribes"].tolist()
    assert groups["removed_by_owner"].sum() > 0
    assert groups["spam_complaints"].tolist() == summary["spam_count"].tolist()
    theirs = scorecard(demo["activities"], machine="include", definitions="constant_contact", pooled=False)
    assert theirs["bounced"].tolist() == summary["bounces"].tolist()
    assert theirs["delivered"].tolist() == (summary["sends"] - summary["bounces"]).tolist()
    assert theirs["unsubscribed"].tolist() == summary["unsubscribes"].tolist()
    pooled = card[card["line"] == "pooled"].iloc[0]
    for name in COUNTS:
        if "less_auto" not in name:
            assert pooled[name] == groups[name].sum()


def test_counts_are_those_of_a_line_of_pandas(demo: dict[str, pd.DataFrame]) -> None:
    rows = demo["activities"]
    card = scorecard(rows, machine="include", pooled=False).set_index("campaign_id")
    for kind, total, unique in (
        ("OPEN", "opens_total", "unique_openers"),
        ("CLICK", "clicks_total", "unique_clickers"),
        ("FORWARD", "forwards_total", "forwarders"),
    ):
        own = rows[rows["activity_type"] == f"EMAIL_{kind}"].groupby("campaign_id")["contact_id"]
        for column, want in ((total, own.size()), (unique, own.nunique())):
            assert card[column].to_dict() == want.reindex(card.index, fill_value=0).to_dict()
    clicks = rows[rows["activity_type"] == "EMAIL_CLICK"].drop_duplicates(["campaign_id", "contact_id", "link_id"])
    assert card["unique_link_clicks"].sum() == len(clicks)
    assert card["n_duplicates"].sum() == rows.duplicated().sum()


def test_openers_by_machine_leave_numerator_and_denominator() -> None:
    rows = pd.concat([_of_kind(generate(200, seed=3), kind) for kind in KINDS], ignore_index=True)
    found = flagged(opened(rows, []))
    auto = auto_openers(opened(rows, []), found)
    assert len(auto) > 3
    others = rows[~rows["contact_id"].isin(auto)]
    for by in ("campaign_id", "month", None):
        got, want = scorecard(rows, by=by), scorecard(others, by=by)
        for suffix in ("", "_human"):
            for name, of in (("sent", "sent"), ("delivered", "delivered"), ("openers", "unique_openers")):
                assert got[f"{name}_less_auto{suffix}"].tolist() == want[f"{of}{suffix}"].tolist()
            for part in ("rate", "low", "high"):
                pd.testing.assert_series_equal(
                    got[f"open_less_auto_{part}{suffix}"], want[f"open_{part}{suffix}"], check_names=False
                )
        assert got.attrs["cctrack"]["auto_openers"] == len(auto)


@pytest.fixture(scope="module")
def statsmodels() -> Iterator[ModuleType]:
    """Give statsmodels, which is slow to import and warns on its own account."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import statsmodels.api

        yield statsmodels.api


def test_the_pooled_interval_is_that_of_a_cluster_robust_variance(
    demo: dict[str, pd.DataFrame], statsmodels: ModuleType
) -> None:
    rows = demo["activities"]
    wide = rows.groupby(["campaign_id", "contact_id", "activity_type"], observed=True).size().unstack(fill_value=0) > 0
    got = scorecard(rows, by=None, definitions="sent", machine="include", ci=0.9).iloc[0]
    effects = scorecard(rows, definitions="sent").attrs["cctrack"]["design_effects"]
    for rate, kind in (("open", "OPEN"), ("click", "CLICK"), ("unsubscribe", "UNSUBSCRIBE")):
        y = wide[f"EMAIL_{kind}"].to_numpy(dtype=float)
        if kind == "UNSUBSCRIBE":  # by their own hand
            own = rows[
                (rows["activity_type"] == "EMAIL_UNSUBSCRIBE") & (rows["unsubscribe_source"] != "ACTION_BY_OWNER")
            ]
            y = wide.index.isin(pd.MultiIndex.from_frame(own[["campaign_id", "contact_id"]])).astype(float)
        contacts = pd.factorize(wide.index.get_level_values("contact_id"))[0]
        fit = statsmodels.OLS(y, np.ones(len(y))).fit(cov_type="cluster", cov_kwds={"groups": contacts})
        p, n = y.mean(), len(y)
        deff = max(fit.cov_params()[0, 0] * (n - 1) / (p * (1 - p)), 1)
        assert effects[rate] == pytest.approx(deff, abs=1e-4)
        low, high = proportion_confint(y.sum() / deff, n / deff, alpha=0.1, method="wilson")
        assert (got[f"{rate}_rate"], got[f"{rate}_low"], got[f"{rate}_high"]) == pytest.approx((p, low, high), abs=1e-9)
    assert effects["open"] > 5  # who opens one opens the next


TWO = [
    *(Event("SEND", campaign, contact, 0) for campaign in "ab" for contact in ("1", "2", "3")),
    Event("OPEN", "a", "1", 5),
    Event("CLICK", "a", "1", 6, colour="7"),
    Event("OPEN", "b", "9", 7),
]


def complaints(**counts: int | None) -> pd.DataFrame:
    return pd.DataFrame(
        {"campaign_id": pd.array([*counts], dtype="string"), "spam_count": pd.array([*counts.values()], dtype="Int64")}
    )


def test_complaints_come_from_summaries_and_of_several_campaigns_have_no_interval() -> None:
    got = scorecard(activities(TWO), complaints(a=1, b=0, never=5), definitions="sent")
    assert got["spam_complaints"].tolist() == [1, 0, 1, pd.NA] == got["spam_complaints_human"].tolist()
    assert got["complaint_rate"].tolist() == pytest.approx([1 / 3, 0, 1 / 6, 1 / 6])
    assert got["complaint_high"].notna().tolist() == [True, True, False, False]
    assert "complaint_rate has no interval" in explain(got).text
    assert "Gmail" in explain(got).text
    month = scorecard(activities(TWO), complaints(a=1, b=2), by="month")
    assert month["spam_complaints"].tolist() == [3, 3, pd.NA]
    lacking = scorecard(activities(TWO), complaints(a=1, b=None))
    assert lacking["spam_complaints"].tolist() == [1, pd.NA, pd.NA, pd.NA]
    assert scorecard(activities(TWO), complaints(a=1))["spam_complaints"].tolist() == [1, pd.NA, pd.NA, pd.NA]
    assert scorecard(activities(TWO))["spam_complaints"].isna().all()
    by_contact = scorecard(activities(TWO), complaints(a=1, b=2), by="contact_id")
    assert by_contact["spam_complaints"].tolist() == [*[pd.NA] * 4, 3, pd.NA]


def test_labels_stand_beside_the_campaigns() -> None:
    labels = pd.DataFrame({"campaign_id": ["b", "a"], "name": ["May", "June"]}, dtype="string")
    got = scorecard(activities(TWO), labels=labels)
    assert list(got.columns[:4]) == ["campaign_id", "campaign_name", "send_date", "line"]
    assert got["campaign_name"].tolist() == ["June", "May", pd.NA, pd.NA]
    assert got["send_date"].tolist() == [START, START, pd.NaT, pd.NaT]


def test_the_lines_below_survive_sorting_and_writing() -> None:
    got = scorecard(activities(TWO), machine="include").sort_values("click_rate")
    assert got.loc[got["line"] == "group", "campaign_id"].tolist() == ["b", "a"]
    assert got.sort_values("line")["line"].tolist() == ["group", "group", "pooled", "mean"]
    assert scorecard(activities(TWO), pooled=False)["line"].tolist() == ["group", "group"]
    alone = scorecard(activities(TWO), by=None, pooled=False)
    assert alone["line"].tolist() == ["pooled"]
    pooled = got[got["line"] == "pooled"].drop(columns="campaign_id").reset_index(drop=True)
    again = scorecard(activities(TWO), by=None, machine="include")
    pd.testing.assert_frame_equal(pooled, again)


SMALL = {
    "none": [],
    "send": TWO[:1],
    "orphan": TWO[-1:],
    "automatic": [Event("CLICK", "a", "1", 1, machine=True)],
    "nobody": [Event("OPEN", None, "1", 1)],
    "some": TWO,
}


@pytest.mark.parametrize(
    "by", ["campaign_id", "month", "contact_id", SEGMENTS, None], ids=lambda by: getattr(by, "name", by)
)
def test_the_smallest_tables_give_a_table(by: Any) -> None:
    full = scorecard(activities(TWO), by=by)
    for rows in SMALL.values():
        got = scorecard(activities(rows), by=by)
        assert got.dtypes.equals(full.dtypes)
        assert isinstance(got.index, pd.RangeIndex)
        assert got["line"].iloc[-1] == ("pooled" if by is None else "mean")
        pooled = got[got["line"] == "pooled"].iloc[0]
        if not known(rows):
            assert pooled[[name for name in COUNTS if name != "spam_complaints"]].eq(0).all()
            assert pooled[[f"{name}_rate" for name in RATES]].isna().all()
        assert ("without a campaign or contact id" in explain(got).text) == (rows != known(rows))
        plain = scorecard(activities(rows), by=by, machine="include")
        assert plain.dtypes.equals(full[plain.columns].dtypes)


def test_what_a_reader_must_know_is_said() -> None:
    got = scorecard(activities(TWO))
    said = explain(got).text
    assert "an event but no send: 1." in said
    assert "click_rate: unique_clickers / delivered" in said
    assert explain(scorecard(activities(TWO), machine="include")).text.count("auto-openers")
    assert "nobody looks for" in explain(scorecard(activities(TWO), machine="include")).text
    no_source = activities(TWO).drop(columns="unsubscribe_source")
    assert "do not tell who unsubscribed" in explain(scorecard(no_source)).text
    facts = got.attrs["cctrack"]
    assert facts["by"] == ["campaign_id"]
    assert set(facts["design_effects"]) == set(RATES) - {"complaint"}
    assert set(facts["columns"]) == {"campaign_id", *COLUMNS}
    assert json.loads(json.dumps(got.attrs)) == got.attrs


def test_a_date_as_of_leaves_later_events_out() -> None:
    got = scorecard(activities(TWO), as_of=START + pd.Timedelta("5s"), by=None)
    assert got[["sent", "unique_openers", "unique_clickers"]].iloc[0].tolist() == [6, 1, 0]


def test_dtypes_change_nothing_and_the_input_is_not_changed(demo: dict[str, pd.DataFrame]) -> None:
    rows, summaries = demo["activities"].iloc[::3].reset_index(drop=True), demo["summaries"]
    before, kept = rows.copy(), summaries.copy()
    want = scorecard(rows, summaries, labels=demo["campaigns"])
    pd.testing.assert_frame_equal(rows, before)
    pd.testing.assert_frame_equal(summaries, kept)
    texts = [name for name in rows if name not in ("activity_date", "activity_type")]
    for dtype in ("category", object):
        other = rows.astype(dict.fromkeys(texts, dtype))
        got = scorecard(other, summaries.astype({"campaign_id": dtype}), labels=demo["campaigns"])
        pd.testing.assert_frame_equal(got, want)
    pd.testing.assert_frame_equal(
        scorecard(rows.set_index("campaign_id", drop=False), summaries, labels=demo["campaigns"]), want
    )


@pytest.mark.filterwarnings(*THEIR_WARNINGS, "ignore::cctrack.errors.ClockWarning")
@pytest.mark.parametrize("by", ["campaign_id", "month", ["region", "campaign_id"], None], ids=str)
def test_engines_give_what_pandas_gives(by: Any) -> None:
    import duckdb
    import polars as pl

    rows = engine_rows(60, 4)
    want = scorecard(rows, by=by)
    connection = duckdb.connect()
    connection.register("rows", rows)
    for table_ in (pl.from_pandas(rows).lazy(), connection.sql("select * from rows")):
        got = scorecard(table_, by=by)
        pd.testing.assert_frame_equal(got, want)
    connection.close()


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        ({"machine": "no"}, ValueError, "machine='no' is not known"),
        ({"definitions": "x"}, ValueError, "definitions='x' is not known"),
        ({"ci": 95}, ValueError, "give 0.95"),
        ({"by": "line"}, ValueError, "'line' is a column of the result already"),
        ({"by": "absent"}, ValueError, "no column absent to group by"),
        ({"tz": "Berlin"}, ValueError, "no time zone"),
        ({"as_of": "now"}, ValueError, "no point in time"),
        ({"summaries": [1]}, TypeError, "summaries must be a pandas frame"),
        ({"summaries": pd.DataFrame({"campaign_id": ["a"]})}, ValueError, "summaries has no column spam_count"),
        ({"summaries": complaints(a=1).astype("string")}, ValueError, "spam_count holds no numbers"),
        ({"labels": complaints(a=1)}, ValueError, "labels has no column name"),
    ],
    ids=lambda one: str(one)[:25],
)
def test_a_choice_that_is_none_is_refused(said: dict[str, Any], error: type[Exception], words: str) -> None:
    rows = activities(TWO).assign(line="x") if said.get("by") == "line" else activities(TWO)
    with pytest.raises(error, match=words):
        scorecard(rows, **said)


def test_a_table_that_lacks_something_is_refused() -> None:
    with pytest.raises(TypeError, match="is a list, no table"):
        scorecard([1])
    with pytest.raises(ValueError, match="bounce_code tells bounces from automatic replies"):
        scorecard(activities(TWO).drop(columns="bounce_code"))
    with pytest.raises(ValueError, match="no column link_id"):
        scorecard(activities(TWO).drop(columns="link_id"))
    uri = activities(TWO).rename(columns={"link_id": "link_uri"})  # some services tell the address only
    pd.testing.assert_frame_equal(scorecard(uri), scorecard(activities(TWO)))
