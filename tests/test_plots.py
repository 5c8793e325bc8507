"""The pictures: what they draw, that all words fit and can be read, and that nothing outside the axes is touched."""

import io
import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.font_manager import fontManager
from matplotlib.text import Text

mpl.use("agg")

import matplotlib.pyplot as plt

from cctrack import analysis, plots
from cctrack.catalog import ACTIVITIES
from cctrack.frames import Columns

Draw = Callable[..., Axes]
START = pd.Timestamp("2026-01-06T10:00:00Z")
LONG = "https://www.example.org/" + "/".join(f"a-long-section-{n}" for n in range(118)) + "/end?price=$1$&x=\\frac_^"
ODD = [
    "https://example.org/$x_{1}$^2",
    "https://example.org/\N{CJK UNIFIED IDEOGRAPH-65E5}\N{CJK UNIFIED IDEOGRAPH-672C}",
    "https://example.org/\N{GLOVES}?x=%",
    "https://example.org/caf%C3%A9%20%FF%2F",
    "https://example.org/a\nb\tc\N{RIGHT-TO-LEFT OVERRIDE}d",
    "https://example.org/\N{ARABIC LETTER LAM}\N{ARABIC LETTER YEH}",
    None,
    LONG,
]
NAMES = [
    "Harvest appeal",
    "The spring newsletter for our friends in all regions, with the programme of the summer festival ($5 off) and more",
    "$a_1$ \\frac{1}{2} ^_",
    "\N{CJK UNIFIED IDEOGRAPH-65E5}\N{CJK UNIFIED IDEOGRAPH-672C}\N{CJK UNIFIED IDEOGRAPH-8A9E}",
    "\N{HEBREW LETTER SHIN}\N{HEBREW LETTER LAMED}\N{HEBREW LETTER VAV}\N{HEBREW LETTER FINAL MEM} 5",
    "\N{GLOVES} Gloves sale \N{PARTY POPPER}",
    "a\nb\tc\N{RIGHT-TO-LEFT OVERRIDE}d & <b>",
    "\N{GLOVES}\N{PARTY POPPER}",
    "",
]
SMALL, WIDE = (4.0, 3.0), (13.3, 6.0)  # inches


@pytest.fixture(autouse=True)
def _leaves_nothing_behind() -> Iterator[None]:
    settings = dict(mpl.rcParams)
    yield
    assert dict(mpl.rcParams) == settings
    plt.close("all")


# What is drawn


@lru_cache
def activities(campaigns: int, contacts: int = 40, skewed: int = 0) -> pd.DataFrame:
    """Make a mailing a week: half open, a tenth click, two are scanners that follow all links at once."""
    rows = []

    def add(kind: str, campaign: int, contact: int, seconds: float, **more: Any) -> None:
        at = START + pd.Timedelta(weeks=campaign) + pd.Timedelta(seconds=seconds)
        own = {"campaign_id": f"11260000{campaign:05}", "contact_id": str(contact), "activity_date": at.isoformat()}
        rows.append({"activity_type": f"EMAIL_{kind}", **own, **more})

    for campaign, contact in itertools.product(range(campaigns), range(contacts)):
        add("SEND", campaign, contact, contact)
        if contact % 17 == 3:
            add("BOUNCE", campaign, contact, 60, bounce_code="B")
        elif contact % 2 == 0:
            add("OPEN", campaign, contact, 100 + 20 * contact - 3600 * skewed)
        links = range(4) if contact % 20 == 1 else [contact % 3] if contact % (9 + campaign % 5) == 2 else []
        for link in links:
            uri = [*ODD[:3], LONG][link]
            add("CLICK", campaign, contact, 5000 + contact + link / 10, link_id=f"{campaign}-{link}", link_uri=uri)
        if contact % 19 == 4:
            add("UNSUBSCRIBE", campaign, contact, 9000)
        if contact % 23 == 6:
            add("FORWARD", campaign, contact, 8000)
    columns = Columns(ACTIVITIES)
    columns.add(rows)
    return columns.frame()


def labels(campaigns: int) -> pd.DataFrame:
    ids = [f"11260000{campaign:05}" for campaign in range(campaigns)]
    names = [NAMES[campaign % len(NAMES)] for campaign in range(campaigns)]
    columns = {"campaign_id": ids, "name": names, "subject": names}
    dates = START + pd.to_timedelta(np.arange(campaigns), unit="W")
    return pd.DataFrame(columns, dtype="string").assign(last_run_date=dates)


def summaries(campaigns: int) -> pd.DataFrame:
    """Make what the service might say: right but for every fourth campaign, and nothing of the last."""
    events = activities(campaigns)
    if not campaigns:
        return pd.DataFrame({"campaign_id": pd.array([], dtype="string"), "opens": pd.array([], dtype="Int64")})
    names = {kind: f"{kind.removeprefix('EMAIL_').lower()}s" for kind in events["activity_type"].cat.categories}
    counts = events.groupby(["campaign_id", "activity_type"], observed=False)["contact_id"].nunique().unstack()
    table = counts.rename(columns=names).astype("Int64").rename_axis(columns=None).reset_index()
    table.loc[::4, "opens"] -= 3
    return table.head(max(campaigns - 1, 1)).astype({"campaign_id": "string"})


def result(name: str, campaigns: int) -> tuple[Draw, pd.DataFrame]:
    """Give a picture's function and a result to draw."""
    drawn = {"funnels": "funnel", "machine_summary": "machine_activity"}.get(name, name)
    return getattr(plots, drawn), analysed(name, campaigns).copy()


@lru_cache
def analysed(name: str, campaigns: int) -> pd.DataFrame:
    """Give what `analysis` says of so many campaigns."""
    events = activities(campaigns)
    named: dict[str, Any] = {"labels": labels(campaigns)} if campaigns else {}
    made: dict[str, Callable[[], pd.DataFrame]] = {
        "funnel": lambda: analysis.funnel(events),
        "funnels": lambda: analysis.funnel(events, by="campaign_id", **named),
        "link_popularity": lambda: analysis.link_popularity(events),
        "machine_activity": lambda: analysis.machine_activity(events),
        "machine_summary": lambda: analysis.machine_activity(events, table="summary", **named),
        "scorecard": lambda: analysis.scorecard(events, **named),
        "reconcile": lambda: analysis.reconcile(events, summaries(campaigns), **named),
        "clock_check": lambda: analysis.clock_check(events),
    }
    return made[name]()


RESULTS = [
    "funnel", "funnels", "link_popularity", "machine_activity", "machine_summary", "scorecard", "reconcile",
    "clock_check",
]  # fmt: skip


def funnel_table(counts: Sequence[int], **columns: Any) -> pd.DataFrame:
    n = np.array(counts, dtype="float64")
    with np.errstate(invalid="ignore", divide="ignore"):
        rates = {"rate_of_sent": n / n[0], "rate_of_delivered": n / n[1], "step_rate": [np.nan, *n[1:] / n[:-1]]}
    table = pd.DataFrame({"stage": ["sent", "delivered", "opened", "clicked"], "n": counts, **rates})
    for place, (name, value) in enumerate(columns.items()):
        table.insert(place, name, value)
    return table


def link_table(addresses: Sequence[str | None]) -> pd.DataFrame:
    clicks = np.array([2 * (len(addresses) - place) for place in range(len(addresses))])
    return pd.DataFrame(
        {
            "link_uri": pd.array(addresses, dtype="string"),
            "clicks_total": clicks,
            "unique_clickers": clicks // 2,
            "share_of_clicks": clicks / max(clicks.sum(), 1),
        }
    )


# How it is looked at


def words(ax: Axes) -> list[Text]:
    """Give all that is written."""
    texts = [*ax.texts, ax.xaxis.label, ax._left_title]  # type: ignore[attr-defined]
    return [text for text in texts if text.get_text().strip("\N{LEFT-TO-RIGHT MARK} ")]


def said(ax: Axes) -> list[str]:
    return [text.get_text() for text in words(ax)]


def assert_fits(ax: Axes) -> None:
    """Draw, and see that no words leave the figure, or but for the title the axes, and none stand on each other."""
    root: Any = ax.figure.canvas.figure
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a glyph that is missing is a warning
        FigureCanvasAgg(root).draw()
    boxes = [(text, text.get_window_extent()) for text in words(ax)]
    for text, box in boxes:
        around = root.bbox.padded(1) if text is ax._left_title else ax.bbox.padded(3)  # type: ignore[attr-defined]
        assert around.x0 <= box.x0 < box.x1 <= around.x1, text.get_text()
        assert around.y0 <= box.y0 < box.y1 <= around.y1, text.get_text()
    for (one, a), (other, b) in itertools.combinations(boxes, 2):
        across, down = min(a.x1, b.x1) - max(a.x0, b.x0), min(a.y1, b.y1) - max(a.y0, b.y0)
        assert across <= 1 or down <= 2.5 * root.dpi / 100, f"{one.get_text()!r} on {other.get_text()!r}"


def values(ax: Axes, measure: str) -> list[float]:
    data = plots.data(ax)
    return data.loc[data["measure"] == measure, "value"].tolist()


def lengths(ax: Axes, measure: str) -> list[float]:
    """Give the lengths of the bars of a measure, from the top down."""
    bars: Any = next(bars for bars in ax.containers if bars.get_label() == measure)
    return [float(bar.get_width()) for bar in sorted(bars, key=lambda bar: bar.get_y())]


def luminance(colour: Any) -> float:
    parts = [part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return float(np.dot([0.2126, 0.7152, 0.0722], parts))


# The funnel


def test_funnel_draws_each_stage_before_the_one_it_comes_from() -> None:
    ax = plots.funnel(funnel_table([1000, 950, 400, 100]))
    assert isinstance(ax, Axes)
    assert lengths(ax, "n") == values(ax, "n") == [1000, 950, 400, 100]
    assert lengths(ax, "n of the stage before") == values(ax, "n of the stage before") == [1000, 950, 400]
    for one in ("1,000", "950 · 95.0% of sent", "400 · 40.0% of sent · 42.1% of delivered",
                "100 · 10.0% of sent · 25.0% of opened"):  # fmt: skip
        assert one in said(ax)
    assert_fits(ax)


def test_funnel_shows_people_with_what_was_recorded_as_an_outline() -> None:
    table = analysis.funnel(activities(3))
    ax = plots.funnel(table)
    assert values(ax, "n") == lengths(ax, "n") == table["n_human"].tolist()
    assert values(ax, "n recorded") == table["n"].tolist()
    changed = table["n"] != table["n_human"]
    assert changed.any()
    assert lengths(ax, "n recorded") == table.loc[changed, "n"].tolist()
    inferred = table["n_inferred_human"]
    assert lengths(ax, "n_inferred") == inferred[inferred > 0].tolist()
    data = plots.data(ax)
    ends = data.loc[data["measure"] == "n", ["low", "high"]].iloc[1:].to_numpy()
    before = table["n_human"].to_numpy(dtype="float64")[:-1, None]
    assert ends == pytest.approx(table[["step_low_human", "step_high_human"]].iloc[1:].to_numpy() * before)
    clicked = table.iloc[3]
    below = " ".join(ax.get_xlabel().split())
    assert f"{clicked['n_machine']} of {clicked['n']} clickers" in below
    assert " set aside as automatic (events: sweep " in below
    assert any(f"{clicked['n']} recorded" in one for one in said(ax))
    exits = {"n_bounced": "bounced", "n_unsubscribed": "unsubscribed", "n_forwarded": "forwarded"}
    for name, word in exits.items():
        n = table[f"{name}_human"].dropna().iloc[0]
        assert any(f"{n} {word}" in one for one in said(ax))


@pytest.mark.parametrize("machine", ["include", "exclude"])
@pytest.mark.parametrize("semantics", ["observed", "ordered"])
def test_funnels_of_every_kind(semantics: Any, machine: Any) -> None:
    table = analysis.funnel(activities(2), semantics=semantics, machine=machine)
    ax = plots.funnel(table)
    assert values(ax, "n") == table["n"].tolist()
    assert not values(ax, "n recorded")
    assert_fits(ax)


def test_groups_stand_below_each_other_then_become_rates() -> None:
    for groups in (2, 8, 9, 40, 41):
        parts = [funnel_table([100 + n, 90, 50, 5], name=f"group {n}") for n in range(groups)]
        table = pd.concat(parts, ignore_index=True)
        ax = plots.funnel(table)
        data = plots.data(ax)
        if groups <= 8:
            assert values(ax, "n") == lengths(ax, "n") == table["n"].tolist()
        else:
            assert values(ax, "clicked of opened") == [pytest.approx(0.1)] * min(groups, 40)
        shown = set(data["group"])
        assert len(shown) == min(groups, 40)
        if groups == 41:  # the smallest is left out, and said to be
            assert "group 0" not in shown
            assert "40 largest of 41 groups; the others have 100 sent" in ax.get_xlabel()
    with pytest.raises(ValueError, match="twice"):
        plots.funnel(table.drop(columns="name"))


# Links


@pytest.mark.parametrize("n", [1, 8, 12, 13, 40])
def test_links_draw_twelve_and_the_others_as_one(n: int) -> None:
    table = link_table([f"https://example.org/{place}" for place in range(n)])
    ax = plots.link_popularity(table.sample(frac=1, random_state=1))  # the longest first, whatever the order
    shown = table.head(12)
    assert lengths(ax, "unique_clickers") == values(ax, "unique_clickers") == shown["unique_clickers"].tolist()
    assert lengths(ax, "clicks_total") == values(ax, "clicks_total") == shown["clicks_total"].tolist()
    others = table.iloc[12:]
    clicks, share = others["clicks_total"].sum(), others["share_of_clicks"].sum()
    assert (f"{clicks} clicks · {share:.1%}" in said(ax)) == (n > 12)
    assert ("other (28 links)" in said(ax)) == (n == 40)
    assert ("other (1 link)" in said(ax)) == (n == 13)
    if n == 8:
        assert "16 clicks · 8 contacts · 22.2%" in said(ax)
        assert "2 clicks · 1 contact · 2.8%" in said(ax)
        assert "example.org/0" in said(ax)
        assert "The first 3 links have 58.3% of the clicks." in " ".join(ax.get_xlabel().split())
    assert_fits(ax)


def test_links_show_reach_and_rank_with_their_intervals() -> None:
    table = analysis.link_popularity(activities(1))
    ax = plots.link_popularity(table)
    ordered = table.sort_values(["clicks_total_human", "unique_clickers_human"], ascending=False, kind="stable")
    for measure, column in (
        ("clicks_total", "clicks_total_human"),
        ("unique_clickers", "unique_clickers_human"),
        ("clicks_total recorded", "clicks_total"),
        ("reach", "reach_human"),
    ):
        assert values(ax, measure) == ordered[column].tolist()
    reach = plots.data(ax)[lambda data: data["measure"] == "reach"]
    assert reach["low"].tolist() == ordered["reach_low_human"].tolist()
    assert reach["high"].tolist() == ordered["reach_high_human"].tolist()
    rank, low, high = (table[f"{name}_human"].iloc[0] for name in ("rank", "rank_low", "rank_high"))
    assert (f"rank {rank}" if low == high else f"rank {rank} ({low}–{high})") in said(ax)
    recorded, left = table["clicks_total"].sum(), table["clicks_total_human"].sum()
    assert f"{recorded - left} of {recorded} clicks set aside as automatic (sweep" in " ".join(ax.get_xlabel().split())
    assert_fits(ax)


def test_links_of_groups_stand_below_each_other() -> None:
    parts = [link_table([f"https://example.org/{n}" for n in range(6)]).assign(name=f"group {g}") for g in range(10)]
    table = pd.concat(parts, ignore_index=True)[["name", *parts[0].columns[:-1]]]
    table.loc[table["name"].isin(["group 3", "group 5"]), "clicks_total"] -= 1
    ax = plots.link_popularity(table)
    assert "Without 2 groups of fewer clicks." in ax.get_xlabel()
    shown = plots.data(ax)["group"].drop_duplicates().tolist()
    assert shown == [f"group {g}" for g in range(10) if g not in (3, 5)]
    assert said(ax).count("other (3 links)") == 8
    assert_fits(ax)


def test_what_the_service_says_is_never_a_formula() -> None:
    ax = plots.link_popularity(link_table(ODD))
    texts = said(ax)
    assert "example.org/$x_{1}$^2" in texts
    assert "example.org/%E6%97%A5%E6%9C%AC" in texts  # a font without these letters: as browsers write them
    assert "example.org/%F0%9F%A7%A4?x=%" in texts
    assert "example.org/a%0Ab%09c%E2%80%AEd" in texts
    assert "example.org/caf\N{LATIN SMALL LETTER E WITH ACUTE}%20%FF%2F" in texts
    assert "(address not known)" in texts
    for name in RESULTS:
        draw, table = result(name, 8)
        assert not any(text.get_parse_math() or text.get_usetex() for text in words(draw(table))), name
    assert_fits(ax)


def test_names_of_campaigns_can_be_read() -> None:
    draw, table = result("scorecard", 9)
    texts = [text.removeprefix("\N{LEFT-TO-RIGHT MARK}") for text in said(draw(table, Figure((16, 6)).subplots()))]
    assert "2026-01-20 · $a_1$ \\frac{1}{2} ^_" in texts
    assert "2026-01-27 · 1126000000003" in texts  # letters that no font has: the id tells it
    assert "2026-02-10 · Gloves sale" in texts
    assert {"2026-02-24 · 1126000000007", "2026-03-03 · 1126000000008"} <= set(texts)
    hebrew = next(text for text in texts if text.startswith("2026-02-03"))
    assert hebrew.endswith(NAMES[4])
    assert any(text.startswith("2026-01-13 · The spring") and text.endswith("and more") for text in texts)


def test_other_fonts_help_out() -> None:
    # Both come with matplotlib; but the list of fonts that it keeps may be another installation's.
    fontManager.addfont(Path(mpl.get_data_path()) / "fonts/ttf/STIXGeneral.ttf")
    with mpl.rc_context({"font.family": ["DejaVu Sans", "STIXGeneral"]}):
        ax = plots.link_popularity(link_table(["https://example.org/\N{SCRIPT SMALL G}"]))
        assert "example.org/\N{SCRIPT SMALL G}" in said(ax)
        assert_fits(ax)
    ax = plots.link_popularity(link_table(["https://example.org/\N{SCRIPT SMALL G}"]))
    assert "example.org/%E2%84%8A" in said(ax)


def test_long_addresses_lose_their_middle() -> None:
    ax = plots.link_popularity(link_table([f"{LONG}{n}" for n in range(40)]))
    names = [text for text in said(ax) if "\N{HORIZONTAL ELLIPSIS}" in text]
    assert len(names) == 12
    assert all(name.startswith("www.example.org/a-long") for name in names)
    assert [name[-1] for name in names[:10]] == list("0123456789")
    assert all(len(name) > 40 for name in names)
    assert_fits(ax)


# The others


def test_machine_activity_of_events_and_of_their_summary() -> None:
    draw, events = result("machine_activity", 3)
    ax = draw(events)
    kinds = events.groupby("activity_type", observed=True)["machine"]
    shares = {"clicks": kinds.mean()["EMAIL_CLICK"]}
    assert dict(zip(plots.data(ax)["name"], values(ax, "share set aside"), strict=False)) == pytest.approx(shares)
    n, total = kinds.sum()["EMAIL_CLICK"], kinds.size()["EMAIL_CLICK"]
    assert f"{n} of {total} set aside · {n / total:.1%}" in said(ax)
    assert f"sweep {n}" in said(ax)

    draw, table = result("machine_summary", 3)
    ax = draw(table)
    sweeps = table[table["reason"] == "sweep"]
    assert values(ax, "events, sweep") == sweeps["n_events"].tolist()
    assert values(ax, "click_rate") == sweeps["rate_human"].tolist()
    assert values(ax, "click_rate, recorded") == sweeps["rate_recorded"].tolist()
    assert f"{n} of {total} clicks set aside as automatic" in ax.get_xlabel()


@pytest.mark.parametrize("name", ["funnel", "link_popularity"])
def test_what_was_set_aside_is_not_told_as_that_of_all_where_groups_share_contacts(name: str) -> None:
    table, draw, ask = activities(2), getattr(plots, name), getattr(analysis, name)
    twice = pd.concat([table["contact_id"].drop_duplicates().to_frame().assign(list=one) for one in "ab"])
    for by, over in ((None, False), (twice.set_index("contact_id")["list"], True)):
        below = " ".join(draw(ask(table, by=by)).get_xlabel().split())
        assert (", added up over the groups, set aside as automatic" in below) is over


def test_scorecard_draws_rates_with_intervals_beside_the_pooled_one() -> None:
    draw, table = result("scorecard", 8)
    ax = draw(table)
    data = plots.data(ax)
    for rate in ("click", "open", "unsubscribe", "bounce"):
        own = data[data["measure"] == f"{rate}_rate"]
        columns = [f"{rate}_{part}_human" for part in ("rate", "low", "high")]
        expected = table[columns].to_numpy(dtype="float64")
        np.testing.assert_array_equal(own[["value", "low", "high"]].to_numpy(dtype="float64"), expected)
    recorded = data[data["measure"] == "click_rate, recorded"]["value"].tolist()
    assert recorded == table.loc[table["click_rate"] != table["click_rate_human"], "click_rate"].tolist()
    assert data["name"].iloc[-1] == "average of rates"
    assert {"all together", "clicked", "of delivered", "of sent"} <= set(said(ax))
    assert_fits(ax)


def test_many_campaigns_leave_the_largest() -> None:
    table = analysis.scorecard(activities(44, contacts=4))
    table.loc[[3, 7, 11, 20], "sent"] = 1
    ax = plots.scorecard(table)
    names = plots.data(ax)["name"].drop_duplicates()
    assert len(names) == 42
    assert not set(names) & set(table.loc[[3, 7, 11, 20], "campaign_id"])
    assert "Without 4 rows of fewer recipients." in ax.get_xlabel()


def test_reconcile_says_what_agrees_and_how_far_the_others_are_off() -> None:
    draw, table = result("reconcile", 8)
    ax = draw(table)
    data = plots.data(ax)
    for metric in ("sends", "opens", "bounces"):
        own = table[table["metric"] == metric]["diff"].to_numpy(dtype="float64", na_value=np.nan)
        np.testing.assert_array_equal(data[data["measure"] == f"diff, {metric}"]["value"].to_numpy(), own)
    agree = int((table["status"] == "equal").sum())
    assert f"{agree} of {len(table)} counts agree." in ax.get_xlabel()
    assert said(ax).count("=") == agree
    assert any(text.startswith("+3 ") for text in said(ax))
    assert said(ax).count("none") == int((table["status"] == "not_in_summaries").sum())
    assert_fits(ax)


def test_clock_check_shows_the_offset_to_add() -> None:
    table = analysis.clock_check(activities(2, skewed=5))
    ax = plots.clock_check(table)
    assert "suspect: +5 h" in said(ax)
    opens = plots.data(ax)[lambda data: data["name"] == "opens"].set_index("measure")
    hours = table["p05"].iloc[0] / pd.Timedelta(hours=1)
    assert opens.loc["hours from send", "value"] == pytest.approx(hours)
    assert opens.loc["hours from send", "low"] == pytest.approx(table["p01"].iloc[0] / pd.Timedelta(hours=1))
    assert opens.loc["share_before_send", "value"] == table["share_before_send"].iloc[0]
    assert opens.loc["suggested_offset_hours", "value"] == 5
    assert "suspect: +5 h" in plots.alt_text(table)
    assert_fits(ax)


# What holds for all


@pytest.mark.parametrize("name", RESULTS)
@pytest.mark.parametrize("campaigns", [0, 1, 40])
def test_results_of_every_size_can_be_read(name: str, campaigns: int) -> None:
    draw, table = result(name, campaigns)
    before = table.copy()
    ax = draw(table)
    assert_fits(ax)
    ax.figure.set_dpi(200)
    assert_fits(ax)
    for size, layout in ((SMALL, "constrained"), (WIDE, None))[: 2 if campaigns == 40 else 1]:
        given = Figure(size, layout=layout).subplots()
        assert draw(table, ax=given) is given
        assert_fits(given)
        assert not campaigns or "Data as of 2026" in " ".join(given.get_xlabel().split())  # whatever else is left out
    pd.testing.assert_frame_equal(table, before)
    if not campaigns and name != "funnel":
        assert any(text.endswith("these data.") or text.startswith(("No ", "Neither ")) for text in said(ax)), said(ax)


@pytest.mark.parametrize("name", RESULTS)
def test_words_contrast_with_what_is_behind_them(name: str) -> None:
    draw, table = result(name, 8)
    ax = draw(table)
    behind = {"white", *(patch.get_facecolor() for patch in ax.patches if luminance(patch.get_facecolor()) > 0.5)}
    for text, ground in itertools.product(words(ax), behind):
        dark, light = sorted((luminance(text.get_color()), luminance(ground)))
        assert (light + 0.05) / (dark + 0.05) >= 4.5, text.get_text()


@pytest.mark.parametrize("name", RESULTS)
def test_the_caption_has_definition_and_date(name: str) -> None:
    draw, table = result(name, 8)
    below = " ".join(draw(table).get_xlabel().split())
    told = table.attrs["cctrack"]
    assert " ".join(told["definition"].split()) in below
    assert below.endswith(f"Data as of {told['as_of'][:10]}.")
    bare = table.copy()
    bare.attrs = {}
    ax = draw(bare)
    assert ax.get_xlabel()
    assert "Data as of" not in ax.get_xlabel()
    assert plots.alt_text(bare)


@pytest.mark.parametrize("name", RESULTS)
def test_the_same_table_gives_the_same_file(name: str) -> None:
    draw, table = result(name, 2)
    files = []
    for _ in range(2):
        with io.BytesIO() as file:
            draw(table, Figure((7, 4), layout="constrained").subplots()).figure.savefig(file, format="png")
            files.append(file.getvalue())
    assert files[0] == files[1]


@pytest.mark.parametrize("layout", [None, "constrained", "tight"])
def test_axes_that_are_given_are_drawn_on_and_no_others(layout: Any) -> None:
    figure = Figure((12, 4), layout=layout)  # not pyplot's
    first, second, other = figure.subplots(1, 3)
    other.plot([1, 2], [3, 4])
    state = other.get_xlim(), other.get_ylim(), len(other.get_children()), other.get_title(), other.get_xlabel()
    for name, ax in (("funnel", first), ("scorecard", second)):
        draw, table = result(name, 3)
        assert draw(table, ax=ax) is ax
    now = other.get_xlim(), other.get_ylim(), len(other.get_children()), other.get_title(), other.get_xlabel()
    assert now == state
    assert figure.axes == [first, second, other]
    assert figure.texts == []
    assert plt.get_fignums() == []
    assert not hasattr(figure, "cctrack_alt")
    assert_fits(first)
    assert_fits(second)


def test_a_part_of_a_figure_will_do() -> None:
    figure = plt.figure(figsize=(9, 4), layout="constrained")
    ax = figure.subfigures(1, 2)[0].subplots()
    assert plots.link_popularity(link_table(ODD), ax=ax) is ax
    assert plt.get_fignums() == [figure.number]
    assert_fits(ax)


def test_without_axes_there_is_one_new_figure_as_high_as_needed() -> None:
    heights = []
    for n in (1, 8, 40):
        ax = plots.link_popularity(link_table([f"https://example.org/{place}" for place in range(n)]))
        heights.append(ax.figure.get_figheight())  # type: ignore[union-attr]
        alt = ax.figure.cctrack_alt  # type: ignore[union-attr]
        assert alt == ax.cctrack_alt == plots.alt_text(link_table([f"https://example.org/{m}" for m in range(n)]))  # type: ignore[attr-defined]
    assert len(plt.get_fignums()) == 3
    assert heights == sorted(set(heights))


ALT = {
    "funnel": ("sent 120", "delivered 112, 93.3% of sent", "recorded"),
    "funnels": ("2026-01-06 · Harvest appeal: sent 40", "clicked"),
    "link_popularity": ("4 links", "Most clicked: "),
    "machine_activity": ("clicks: 24 of ", "sweep 24"),
    "machine_summary": ("3 campaigns", "24 of ", "sweep 8; clicked ", "recorded "),
    "scorecard": ("All together: 120 sent, click rate ", "2026-01-06 · Harvest appeal: 40 sent", " to "),
    "reconcile": ("of 18 counts agree", "opens +3", "proxy"),
    "clock_check": ("opens, ", ": ok", "0.0% before their send", "after it"),
}


@pytest.mark.parametrize("name", RESULTS)
def test_alt_text_has_the_figures(name: str) -> None:
    _, table = result(name, 3)
    text = plots.alt_text(table)
    for one in ALT[name]:
        assert one in text
    assert plots.alt_text(table.copy()) == text


def test_alt_text_of_links() -> None:
    text = plots.alt_text(
        link_table(["https://example.org/a", None, "https://example.org/$c", "https://example.org/d"])
    )
    for one in ("4 links", "20 clicks", "https://example.org/a with 8 clicks by 4 contacts (40.0% of clicks)", "$c"):
        assert one in text
    assert "(address not known)" in text
    assert "0 clicks" in plots.alt_text(link_table([]))


def test_what_is_no_result_is_refused() -> None:
    drawn = [getattr(plots, name) for name in plots.__all__ if name not in ("alt_text", "data")]
    for refused in (*drawn, plots.alt_text):
        with pytest.raises(TypeError, match="frame"):
            refused("table")
        with pytest.raises(ValueError, match=r"analysis\."):
            refused(pd.DataFrame({"a": [1]}))
    with pytest.raises(TypeError, match="Axes"):
        plots.data(Figure().subplots())


def test_pictures_have_the_names_of_their_analyses() -> None:
    assert {*plots.__all__} - {"alt_text", "data"} <= {*analysis.__all__} - {"explain"}


COUNTS = st.one_of(st.integers(0, 12), st.integers(0, 40_000_000), st.none())
RATES = st.one_of(st.floats(0, 1), st.just(float("nan")), st.floats(1, 9))


@st.composite
def tables(draw: st.DrawFn) -> tuple[Draw, pd.DataFrame]:
    """Take a real result and put odd values into its numbers, leave out columns, and give odd names."""
    name = draw(st.sampled_from(RESULTS))
    picture, table = result(name, draw(st.sampled_from([1, 2, 5])))
    table = table.head(12).copy()
    for column in table.columns:
        kind = str(table[column].dtype)
        if kind == "Int64" and draw(st.booleans()):
            held = draw(st.lists(COUNTS, min_size=len(table), max_size=len(table)))
            table[column] = pd.array(held, dtype="Int64")
        elif kind == "float64" and draw(st.booleans()):
            table[column] = draw(st.lists(RATES, min_size=len(table), max_size=len(table)))
        elif column == "campaign_name":
            table[column] = pd.array(draw(st.lists(st.sampled_from([*NAMES, None]), min_size=len(table),
                                                   max_size=len(table))), dtype="string")  # fmt: skip
    if draw(st.booleans()):
        twice = [column for column in table.columns if str(column).removesuffix("_human") in table.columns[:-1]]
        table = table.drop(columns=[column for column in twice if str(column).endswith("_human")])
    if draw(st.booleans()):
        table.attrs = {}
    return picture, table


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(tables(), st.sampled_from([(4.0, 3.0), (7.2, 4.0), (10.0, 7.0)]))
def test_no_table_is_too_odd(drawn: tuple[Draw, pd.DataFrame], size: tuple[float, float]) -> None:
    draw, table = drawn
    ax = draw(table, Figure(size, layout="constrained").subplots())
    assert plots.alt_text(table)
    assert_fits(ax)
