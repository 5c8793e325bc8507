"""Links that the same contacts clicked: against sets and scipy, planted pairs, made-up scanners, engines, pictures."""

import json
from collections.abc import Iterable
from itertools import combinations
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from engines import _of_kind, categorical
from engines import activities as engine_rows
from hypothesis import given, settings
from hypothesis import strategies as st
from matplotlib.figure import Figure
from scipy import stats

mpl.use("agg")

import matplotlib.pyplot as plt
from test_plots import SMALL, WIDE, assert_fits

from cctrack import plots
from cctrack.analysis import co_clicks, explain
from cctrack.analysis._link_pairs import clicked, judged
from cctrack.analysis._significance import adjusted
from cctrack.demo_account.account import KINDS, Account, generate

START = pd.Timestamp("2026-01-01T10:00:00Z")
COLUMNS = [
    "link_a", "link_b", "n_both", "n_a", "n_b", "n_clickers", "jaccard", "lift", "lift_low", "lift_high", "p", "p_adj",
    "url_key_a", "url_key_b",
]  # fmt: skip
Click = tuple[str, str, str | None]  # campaign, contact, address


def table(clicks: Iterable[Click]) -> pd.DataFrame:
    """Make a table of clicks at a human pace, an hour apart, and the sends before them."""
    held = list(clicks)
    sends = sorted({(campaign, contact) for campaign, contact, _ in held})
    rows = [("EMAIL_SEND", START, campaign, contact, None) for campaign, contact in sends]
    rows += [("EMAIL_CLICK", START + pd.Timedelta(hours=1 + at % 500), *click) for at, click in enumerate(held)]
    columns = ["activity_type", "activity_date", "campaign_id", "contact_id", "link_uri"]
    frame = pd.DataFrame(rows, columns=columns)
    frame["activity_date"] = frame["activity_date"].astype("datetime64[us, UTC]")
    texts = [name for name in columns if name != "activity_date"]
    return frame.astype(dict.fromkeys(texts, "string")).assign(
        link_id=frame["link_uri"].astype("string"), bounce_code=pd.array([pd.NA] * len(frame), dtype="string")
    )


def site(page: object) -> str:
    return f"https://example.org/{page}"


def people(account: Account) -> pd.DataFrame:
    """Give the activities of a made-up account, with a column `origin`: who did it."""
    parts = [_of_kind(account, kind).assign(origin=account.truth.origin(kind)) for kind in KINDS]
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def account() -> pd.DataFrame:
    return people(generate(1000, seed=2, campaigns=10, preset="b2b"))


clicks = st.lists(
    st.tuples(st.sampled_from(["c1", "c2"]), st.sampled_from("123456"), st.sampled_from(["a", "b", "c", "d"])),
    max_size=40,
)


@given(clicks, st.sampled_from([None, "campaign_id"]), st.integers(1, 3))
@settings(deadline=None, max_examples=30)
def test_pairs_are_counted_as_by_hand(rows: list[tuple[str, str, str]], by: Any, least: int) -> None:
    events = table([(campaign, contact, site(page)) for campaign, contact, page in rows])
    got = co_clicks(events, by=by, machine="include", min_both=least, adjust="none")
    want = {}
    for group in {row[0] if by else "" for row in rows}:
        own = [row for row in rows if not by or row[0] == group]
        who = {page: {contact for _, contact, one in own if one == page} for page in "abcd"}
        n = len({contact for _, contact, _ in own})
        for one, other in combinations("abcd", 2):
            both = len(who[one] & who[other])
            if both >= least:
                sizes = sorted([(-len(who[one]), one), (-len(who[other]), other)])
                a, b = sizes[0][1], sizes[1][1]
                want[group, site(a), site(b)] = (both, len(who[a]), len(who[b]), n)
    groups = got["campaign_id"] if by else [""] * len(got)
    found = {}
    for group, row in zip(groups, got.to_dict("records"), strict=True):
        n_both, n_a, n_b, n = counts = tuple(int(row[name]) for name in ("n_both", "n_a", "n_b", "n_clickers"))
        found[str(group), str(row["link_a"]), str(row["link_b"])] = counts
        assert row["jaccard"] == pytest.approx(n_both / (n_a + n_b - n_both))
        assert row["lift"] == pytest.approx(n_both * n / (n_a * n_b))
        assert row["lift_low"] <= row["lift"] * (1 + 1e-9)
        corner = [[n_both, n_a - n_both], [n_b - n_both, n - n_a - n_b + n_both]]
        assert row["p"] == pytest.approx(stats.fisher_exact(corner, alternative="greater").pvalue, rel=1e-9)
    assert found == want


def test_family_is_of_all_pairs_that_could_be_shown() -> None:
    """It does not depend on who clicked both, or the choice of pairs would make differences of nothing."""
    rng = np.random.default_rng(1)
    rows = [("c", str(one), site(page)) for one in range(150) for page in rng.choice(12, rng.integers(1, 4), False)]
    events = table(rows)
    every = co_clicks(events, machine="include", min_both=1, adjust="none")
    got = co_clicks(events, machine="include")
    sizes = pd.Series({page: len({who for _, who, one in rows if one == site(page)}) for page in range(12)})
    often = int((sizes >= 5).sum())
    assert got.attrs["cctrack"]["tests"] == often * (often - 1) // 2
    large = every[(every["n_a"] >= 5) & (every["n_b"] >= 5)]
    p = np.concatenate([large["p"], np.ones(often * (often - 1) // 2 - len(large))])
    want = pd.Series(adjusted(p, "holm")[: len(large)], index=large["link_a"] + large["link_b"])
    assert 0 < len(got) < len(large)
    for row in got.itertuples():
        assert row.p_adj == pytest.approx(want[row.link_a + row.link_b])
    few = int((every["n_both"] < 5).sum())
    assert f"{few} pairs that fewer than 5 contacts clicked both of are not shown" in explain(got).text


def test_independent_links_have_a_lift_of_about_one() -> None:
    """Everybody clicks one link, and two others whether they clicked the other or not."""
    rng = np.random.default_rng(2)
    links = np.array([0, 1, 2])
    lifts, held, sure = [], [], []
    for _ in range(150):
        did = np.column_stack([np.ones(400, bool), rng.random((400, 2)) < [0.3, 0.2]])
        contact, link = np.nonzero(did)
        counts = clicked(contact, links[link], np.zeros(3, dtype=np.int64))
        got = judged(counts, pd.DataFrame({"a": [1], "b": [2]}), 1, 0.95, "none").iloc[0]
        lifts.append(got["lift"])
        held.append(got["lift_low"] <= 1 <= got["lift_high"])
        sure.append(got["p"] < 0.05)
    assert np.mean(lifts) == pytest.approx(1, abs=0.03)
    assert np.mean(held) == pytest.approx(0.95, abs=0.045)
    assert np.mean(sure) < 0.1


def test_a_planted_pair_is_found() -> None:
    rng = np.random.default_rng(3)
    rows: list[Click] = []
    for one in range(500):
        pages = set(rng.choice(15, rng.integers(1, 3), False).tolist())
        if one % 12 == 0:
            pages |= {"menu", "booking"}
        rows += [("c", str(one), site(page)) for page in sorted(map(str, pages))]
    got = co_clicks(table(rows))
    first = got.iloc[0]
    assert {first["link_a"], first["link_b"]} == {site("menu"), site("booking")}
    assert first["p_adj"] < 1e-6
    assert first["lift_low"] > 3
    assert (got["p_adj"].iloc[1:] > 0.05).all()


def test_scanners_tie_all_links_together_and_are_gone(account: pd.DataFrame) -> None:
    events = account.drop(columns="origin")
    recorded, human = co_clicks(events, machine="include"), co_clicks(events)
    sure = [int((frame["p_adj"] < 0.05).sum()) for frame in (recorded, human)]
    assert sure[0] > 100
    assert sure[1] < 0.1 * sure[0]
    assert "scanners follow all links" in explain(human).text
    assert "Clicks of mail scanners are counted" in explain(recorded).text
    assert human.attrs["cctrack"]["set_aside"]["sweep"] > 0
    people_alone = account[~account["origin"].isin(["scanner"])].drop(columns="origin")
    truth = co_clicks(people_alone, machine="include")
    assert abs(len(human) - len(truth)) <= max(3, 0.25 * len(truth))
    both = co_clicks(events, machine="both")
    assert list(both.columns) == [*COLUMNS[:12], *(f"{name}_human" for name in COLUMNS[2:12]), *COLUMNS[12:]]
    assert len(both) == len(recorded)
    keys = ["link_a", "link_b"]
    left = both[[*keys, *COLUMNS[2:12]]].sort_values(keys, ignore_index=True)
    pd.testing.assert_frame_equal(left, recorded[[*keys, *COLUMNS[2:12]]].sort_values(keys, ignore_index=True))
    counted = {frozenset([row.url_key_a, row.url_key_b]): row for row in human.itertuples()}
    judged_rows = both[both["lift_human"].notna()]
    assert len(judged_rows) == len(counted)
    for row in judged_rows.itertuples():
        own = counted[frozenset([row.url_key_a, row.url_key_b])]
        assert (row.n_both_human, row.n_clickers_human) == (own.n_both, own.n_clickers)
        assert row.lift_human == pytest.approx(own.lift)
        assert row.p_adj_human == pytest.approx(own.p_adj)
    assert both.loc[both["n_both_human"] < 5, "p_human"].isna().all()


def test_spellings_of_a_link_are_one() -> None:
    rows = [("c", str(one), f"http://www.example.org/a/?utm_source={one % 3}") for one in range(8)]
    rows += [("d", str(one), site("a")) for one in range(8, 10)]
    rows += [("c", str(one), site("b")) for one in range(6)] + [("c", "99", None)] * 2
    rows += [("c", str(one), "https://www.facebook.com/somebody") for one in range(6)]
    got = co_clicks(table(rows))
    assert len(got) == 1
    assert got.loc[0, ["n_both", "n_a", "n_b"]].tolist() == [6, 10, 6]
    assert got.loc[0, ["url_key_a", "url_key_b"]].tolist() == [site("a"), site("b")]
    assert got.loc[0, "n_clickers"] == 10
    text = explain(got).text
    assert "2 clicks whose address is not known" in text
    assert "kinds='all' shows them" in text
    assert len(co_clicks(table(rows), kinds="all")) == 3
    assert len(co_clicks(table(rows), level="raw")) == 0
    links = pd.DataFrame({"campaign_id": ["c"], "link_id": ["x"], "link_uri": [site("b")]}, dtype="string")
    known = table(rows).assign(
        link_id=lambda frame: frame["link_id"].fillna("x").where(frame["activity_type"] == "EMAIL_CLICK")
    )
    assert co_clicks(known, links).loc[0, "n_b"] == 7


def test_order_of_rows_repeats_and_types_change_nothing(account: pd.DataFrame) -> None:
    events = account.drop(columns="origin")
    before = events.copy(deep=True)
    for choice in ({"machine": "both"}, {"by": "campaign_id", "min_both": 2}):
        first = co_clicks(events, **choice)  # type: ignore[arg-type]
        pd.testing.assert_frame_equal(events, before)
        shuffled = pd.concat([events, events.iloc[::7]]).sample(frac=1, random_state=2)
        for other in (shuffled, categorical(events)):
            pd.testing.assert_frame_equal(first, co_clicks(other, **choice))  # type: ignore[arg-type]


def test_segments_are_groups() -> None:
    rows: list[Click] = [("c", str(one), site(page)) for one in range(20) for page in ("a", "b")]
    segments = pd.Series(["x"] * 12, index=pd.Index([str(one) for one in range(12)], dtype="string"), name="list")
    got = co_clicks(table(rows), by=segments, machine="include")
    assert got["list"].tolist() == ["x", pd.NA] or got["list"].isna().tolist() == [False, True]
    assert got["n_clickers"].tolist() == [12, 8]
    assert got["lift"].tolist() == [1, 1]


def test_small_inputs() -> None:
    full = co_clicks(table([("c", str(one), site(page)) for one in range(20) for page in ("a", "b")]))
    for rows in ([], [("c", "1", site("a"))], [("c", "1", site("a")), ("c", "1", site("b"))]):
        got = co_clicks(table(rows))
        assert (len(got), list(got.columns)) == (0, COLUMNS)
        assert got.dtypes.equals(full.dtypes)
        json.dumps(got.attrs)
    assert isinstance(full.index, pd.RangeIndex)
    assert set(full.attrs["cctrack"]["columns"]) == set(COLUMNS)
    machine = table([("c", str(one), site(page)) for one in range(20) for page in ("a", "b")])
    machine["machine"] = (machine["activity_type"] == "EMAIL_CLICK").to_numpy()
    assert len(co_clicks(machine)) == 0
    assert co_clicks(machine, machine="both")["n_both_human"].tolist() == [0]
    named = pd.DataFrame({"campaign_id": ["c"], "name": ["Spring"]}, dtype="string")
    rows = [("c", str(one), site(page)) for one in range(20) for page in ("a", "b")]
    assert co_clicks(table(rows), by="campaign_id", labels=named)["campaign_name"].tolist() == ["Spring"]
    assert len(co_clicks(table(rows), as_of="2025-01-01")) == 0


def test_bad_arguments() -> None:
    events = table([("c", "1", site("a"))])
    for name, wrong in (("level", "pages"), ("adjust", "yes"), ("machine", "no"), ("kinds", "contents")):
        with pytest.raises(ValueError, match=f"{name}='{wrong}' is not known"):
            co_clicks(events, **{name: wrong})
    for least in (0, True, 2.5):
        with pytest.raises(ValueError, match="is no number of contacts"):
            co_clicks(events, min_both=least)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no column link_uri"):
        co_clicks(events.drop(columns="link_uri"))


@pytest.mark.parametrize("engine", ["polars", "duckdb", "pyarrow"])
def test_engines(engine: str) -> None:
    module = pytest.importorskip(engine)
    frame = engine_rows(150, 5)
    held = {
        "polars": lambda: module.from_pandas(frame).lazy(),
        "duckdb": lambda: module.from_df(frame),
        "pyarrow": lambda: module.Table.from_pandas(frame, preserve_index=False),
    }[engine]()
    want = co_clicks(frame, machine="both", min_both=2)
    assert len(want)
    pd.testing.assert_frame_equal(want, co_clicks(held, machine="both", min_both=2))


# Pictures.


@pytest.fixture
def _closed() -> Any:
    yield
    plt.close("all")


def pairs_of(links: int, groups: int = 1) -> pd.DataFrame:
    """Make a result of so many links, each clicked with the next ones."""
    names = [f"https://example.org/{'a-long-section/' * (at % 5)}page-{at}?x=$1$" for at in range(links)]
    rows = [
        (
            f"c{group}",
            names[a],
            names[b],
            5 + b - a,
            40,
            20,
            100 * (b - a),
            0.3 * 2 ** (b - a),
            0.1,
            20.0,
            0.001 * (a + 1) ** 2,
        )
        for group in range(groups)
        for a, b in combinations(range(links), 2)
        if b - a < 6
    ]
    counts = ["n_both", "n_a", "n_b", "n_clickers"]
    columns = ["campaign_id", "link_a", "link_b", *counts, "lift", "lift_low", "lift_high", "p_adj"]
    found = pd.DataFrame(rows, columns=columns).astype(dict.fromkeys(columns[:3], "string"))
    return found if groups > 1 else found.drop(columns="campaign_id")


@pytest.mark.parametrize(
    ("links", "groups", "size"),
    [(0, 1, SMALL), (2, 1, None), (8, 1, None), (8, 1, SMALL), (8, 1, WIDE), (25, 1, None), (25, 1, SMALL),
     (25, 1, WIDE), (26, 1, None), (40, 1, None), (40, 1, SMALL), (40, 1, WIDE), (6, 3, None), (6, 3, SMALL)],
)  # fmt: skip
@pytest.mark.usefixtures("_closed")
def test_pictures_fit(links: int, groups: int, size: tuple[float, float] | None) -> None:
    held = pairs_of(links, groups)
    ax = plots.co_clicks(held, None if size is None else Figure(size).subplots())
    assert_fits(ax)
    data = plots.data(ax)
    lifts = data[data["measure"] == "lift"]
    if links in (2, 8, 25) and size is None:
        assert sorted(lifts["value"]) == pytest.approx(sorted(held["lift"]))
        assert len([patch for patch in ax.patches if patch.get_linewidth() > 1]) == int((held["p_adj"] <= 0.05).sum())
    if links in (26, 40) and size is None:
        assert len(lifts) == 40
        assert f"Without {len(held) - 40} pairs less sure." in ax.get_xlabel()
    if not links:
        assert len(data) == 0
        assert ax.cctrack_alt.endswith("No two links were clicked by the same contacts often enough.")  # type: ignore[attr-defined]


@pytest.mark.usefixtures("_closed")
def test_picture_of_a_result(account: pd.DataFrame) -> None:
    for machine in ("include", "both", "exclude"):
        got = co_clicks(account.drop(columns="origin"), machine=machine)  # type: ignore[arg-type]
        ax = plots.co_clicks(got)
        assert_fits(ax)
        alt = plots.alt_text(got)
        assert alt == ax.cctrack_alt  # type: ignore[attr-defined]
        assert " of links, " in alt
    bare = got.copy()
    bare.attrs = {}
    assert plots.alt_text(bare).startswith("Links clicked by the same contacts: ")
    with pytest.raises(ValueError, match="no column link_a"):
        plots.co_clicks(got.drop(columns="link_a"))
