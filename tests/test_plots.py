"""The pictures: what their artists hold, that all words fit, and that nothing outside the axes is touched."""

import warnings
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Annotation

mpl.use("agg")

import matplotlib.pyplot as plt

from cctrack import analysis, plots

LONG = "https://www.example.org/" + "/".join(f"a-long-section-{n}" for n in range(150)) + "/end?price=$1$&x=\\frac_^"
ODD = [
    "https://example.org/$x_{1}$^2",
    "https://example.org/\N{CJK UNIFIED IDEOGRAPH-65E5}\N{CJK UNIFIED IDEOGRAPH-672C}",
    "https://example.org/\N{GLOVES}?x=%",
    "https://example.org/caf\N{LATIN SMALL LETTER E WITH ACUTE}",
    "https://example.org/a\nb\tc\N{RIGHT-TO-LEFT OVERRIDE}d",
    "https://example.org/\N{ARABIC LETTER LAM}\N{ARABIC LETTER YEH}",
    None,
    LONG,
]


@pytest.fixture(autouse=True)
def _leaves_nothing_behind() -> Iterator[None]:
    settings = dict(mpl.rcParams)
    yield
    assert dict(mpl.rcParams) == settings
    plt.close("all")


def funnel_table(counts: list[int]) -> pd.DataFrame:
    n = np.array(counts, dtype="float64")
    with np.errstate(invalid="ignore"):
        rates = {"rate_of_sent": n / n[0], "rate_of_delivered": n / n[1], "step_rate": [np.nan, *n[1:] / n[:-1]]}
    return pd.DataFrame({"stage": ["sent", "delivered", "opened", "clicked"], "n": counts, **rates})


def link_table(addresses: list[str | None]) -> pd.DataFrame:
    clicks = np.array([2 * (len(addresses) - place) for place in range(len(addresses))])
    return pd.DataFrame(
        {
            "link_uri": pd.array(addresses, dtype="string"),
            "n_link_ids": 1,
            "clicks_total": clicks,
            "unique_clickers": clicks // 2,
            "share_of_clicks": clicks / max(clicks.sum(), 1),
        }
    )


def lengths(ax: Axes, kind: str) -> list[float]:
    """Give the lengths of the bars of a kind, from the top down."""
    bars: Any = next(bars for bars in ax.containers if bars.get_label() == kind)
    return [bar.get_width() for bar in sorted(bars, key=lambda bar: bar.get_y())]


def words(ax: Axes) -> list[Annotation]:
    return [text for text in ax.texts if isinstance(text, Annotation)]


def assert_fits(ax: Axes) -> None:
    """Draw, and see that no words leave the figure and none stand on each other."""
    root: Any = ax.figure.canvas.figure
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # a glyph that is missing is a warning
        FigureCanvasAgg(root).draw()
    around = root.bbox.padded(1)
    boxes = [text.get_window_extent() for text in (*words(ax), ax.xaxis.label, ax._left_title)]  # type: ignore[attr-defined]
    for box in boxes:
        assert around.x0 <= box.x0 < box.x1 <= around.x1
        assert around.y0 <= box.y0 < box.y1 <= around.y1
    for one, other in ((a, b) for place, a in enumerate(boxes) for b in boxes[place + 1 :]):
        across = min(one.x1, other.x1) - max(one.x0, other.x0)
        down = min(one.y1, other.y1) - max(one.y0, other.y0)
        assert across <= 1 or down <= 2, "words overlap"


def test_funnel_draws_each_stage_before_the_one_it_comes_from() -> None:
    ax = plots.funnel(funnel_table([1000, 950, 400, 100]))
    assert isinstance(ax, Axes)
    assert lengths(ax, "dark") == [1000, 950, 400, 100]
    assert lengths(ax, "light") == [1000, 950, 400]
    assert ax.get_xlim() == (0, 1000)
    said = [text.get_text() for text in words(ax)]
    assert said == [
        "sent", "1,000",
        "delivered", "950 · 95.0% of sent",
        "opened", "400 · 40.0% of sent · 42.1% of delivered",
        "clicked", "100 · 10.0% of sent · 25.0% of opened",
    ]  # fmt: skip
    assert_fits(ax)


def test_funnel_of_nothing_and_of_groups() -> None:
    empty = plots.funnel(analysis.funnel(empty_activities()))
    assert lengths(empty, "dark") == [0, 0, 0, 0]
    assert_fits(empty)
    names = ["$a$", "\N{GLOVES}", LONG]
    parts = [funnel_table([100 * n, 90 * n, 50, 5]).assign(name=name) for n, name in enumerate(names, start=1)]
    table = pd.concat(parts)[["name", *parts[0].columns[:-1]]]
    ax = plots.funnel(table)
    assert lengths(ax, "dark") == [100, 90, 50, 5, 200, 180, 50, 5, 300, 270, 50, 5]
    assert "$a$" in [text.get_text() for text in words(ax)]
    assert_fits(ax)
    with pytest.raises(ValueError, match="9 groups"):
        plots.funnel(pd.concat([parts[0].assign(name=str(n)) for n in range(9)])[table.columns])
    with pytest.raises(ValueError, match="twice"):
        plots.funnel(table.drop(columns="name"))


def empty_activities() -> pd.DataFrame:
    names = ["activity_type", "campaign_id", "contact_id", "bounce_code", "link_id", "link_uri"]
    return pd.DataFrame({name: pd.array([], dtype="string") for name in names})


@pytest.mark.parametrize("n", [0, 1, 8, 12, 13, 40])
def test_links_draw_twelve_and_the_others_as_one(n: int) -> None:
    table = link_table([f"https://example.org/{place}" for place in range(n)])
    ax = plots.link_popularity(table)
    shown = table.head(12)
    rest = [table["clicks_total"].iloc[12:].sum()] if n > 12 else []
    assert lengths(ax, "dark") == shown["unique_clickers"].tolist()
    assert lengths(ax, "light") == [*shown["clicks_total"], *rest]
    said = [text.get_text() for text in words(ax)]
    assert ("other (28 links)" in said) == (n == 40)
    assert ("other (1 link)" in said) == (n == 13)
    if n == 8:
        assert "16 clicks · 8 contacts · 22.2%" in said
        assert "2 clicks · 1 contact · 2.8%" in said
        assert "example.org/0" in said
    assert_fits(ax)


def test_what_the_service_says_is_never_a_formula() -> None:
    ax = plots.link_popularity(link_table(ODD))
    said = [text.get_text() for text in words(ax)]
    assert "example.org/$x_{1}$^2" in said
    assert "example.org/%E6%97%A5%E6%9C%AC" in said  # a font without these letters: as browsers write them
    assert "example.org/%F0%9F%A7%A4?x=%" in said
    assert "example.org/a%0Ab%09c%E2%80%AEd" in said
    assert "example.org/caf\N{LATIN SMALL LETTER E WITH ACUTE}" in said
    assert "(address not known)" in said
    assert not any(text.get_parse_math() or text.get_usetex() for text in words(ax))
    assert_fits(ax)


def test_long_addresses_lose_their_middle() -> None:
    ax = plots.link_popularity(link_table([f"{LONG}{n}" for n in range(40)]))
    names = [text.get_text() for text in words(ax) if "\N{HORIZONTAL ELLIPSIS}" in text.get_text()]
    assert len(names) == 12
    assert all(name.startswith("www.example.org/a-long") for name in names)
    assert [name[-1] for name in names[:10]] == list("0123456789")
    assert all(len(name) > 40 for name in names)
    assert_fits(ax)


@pytest.mark.parametrize("layout", [None, "constrained", "tight"])
@pytest.mark.parametrize("dpi", [72, 200])
def test_axes_that_are_given_are_drawn_on(layout: Any, dpi: int) -> None:
    figure = Figure(figsize=(9, 5), dpi=dpi, layout=layout)  # not pyplot's
    left, right = figure.subplots(1, 2)
    assert plots.funnel(funnel_table([12_345, 12_000, 4_000, 1_000]), ax=left) is left
    assert plots.link_popularity(link_table(ODD * 2), right) is right
    assert figure.axes == [left, right]
    assert plt.get_fignums() == []
    assert_fits(left)
    assert_fits(right)


def test_a_part_of_a_figure_will_do() -> None:
    figure = plt.figure(figsize=(9, 4), layout="constrained")
    ax = figure.subfigures(1, 2)[0].subplots()
    assert plots.link_popularity(link_table(ODD), ax=ax) is ax
    assert plt.get_fignums() == [figure.number]


def test_without_axes_there_is_one_new_figure_as_high_as_needed() -> None:
    heights = []
    for n in (1, 8, 40):
        ax = plots.link_popularity(link_table([f"https://example.org/{place}" for place in range(n)]))
        heights.append(ax.figure.get_figheight())
    assert len(plt.get_fignums()) == 3
    assert all(one < other for one, other in pairwise(heights))


def test_definition_and_denominator_stand_below() -> None:
    funnel = analysis.funnel(empty_activities())
    links = analysis.link_popularity(empty_activities())
    for ax, table in ((plots.funnel(funnel), funnel), (plots.link_popularity(links), links)):
        below = " ".join(ax.get_xlabel().split())
        assert below.startswith("Light: ")
        assert table.attrs["cctrack"]["definition"] in below


def test_the_table_is_not_changed() -> None:
    for draw, table in ((plots.funnel, funnel_table([4, 3, 2, 1])), (plots.link_popularity, link_table(ODD))):
        before = table.copy()
        draw(table)
        plots.alt_text(table)
        pd.testing.assert_frame_equal(table, before)


def test_alt_text_has_the_figures() -> None:
    text = plots.alt_text(funnel_table([1000, 950, 400, 100]))
    for said in ("sent 1,000", "delivered 950, 95.0% of sent", "clicked 100, 10.0% of sent, 25.0% of opened"):
        assert said in text
    text = plots.alt_text(
        link_table(["https://example.org/a", None, "https://example.org/$c", "https://example.org/d"])
    )
    for said in ("4 links", "20 clicks", "https://example.org/a with 8 clicks by 4 contacts (40.0% of clicks)", "$c"):
        assert said in text
    assert "(address not known)" in text
    assert "0 clicks" in plots.alt_text(link_table([]))


def test_what_is_no_result_is_refused() -> None:
    for refused in (plots.funnel, plots.link_popularity, plots.alt_text):
        with pytest.raises(TypeError, match="frame"):
            refused("table")  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"analysis\."):
            refused(pd.DataFrame({"a": [1]}))
