"""Lists of contacts that need care, against planted cases."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import engines
import matplotlib as mpl
import pandas as pd
import pytest
from by_hand import START, Event, table
from hypothesis import given, settings
from hypothesis import strategies as st

mpl.use("agg")

import matplotlib.pyplot as plt

from cctrack import export, plots
from cctrack.analysis import engagement_states, explain, hygiene
from cctrack.analysis._hygiene import LISTS

DAY = 86_400
COLUMNS = [
    "contact_id", "email_address", "list", "rule", "n", "first_ts", "last_ts", "bounce_code", "domain", "action",
]  # fmt: skip


def addressed(rows: Iterable[Event], addresses: dict[str, str] | None = None) -> pd.DataFrame:
    """Make a table with addresses: each contact in a domain of its own where none is given."""
    given = table(rows)
    named = [
        None if pd.isna(one) else (addresses or {}).get(one, f"{one}@d{one}.example") for one in given["contact_id"]
    ]
    return given.assign(email_address=pd.array(named, dtype="string"))


def sends(contact: str, campaigns: int) -> list[Event]:
    return [Event("SEND", str(at), contact, at * DAY) for at in range(campaigns)]


def bounces(contact: str, codes: str) -> list[Event]:
    """Send a mail a day; each letter is the code with which it bounced, a dash none."""
    found = sends(contact, len(codes))
    return found + [
        Event("BOUNCE", str(at), contact, at * DAY + 60, code=code) for at, code in enumerate(codes) if code != "-"
    ]


def listed(got: pd.DataFrame, name: str) -> pd.DataFrame:
    return got[got["list"] == name].set_index("contact_id")


def test_bounces() -> None:
    rows = bounces("1", "-BSS") + bounces("2", "VV-") + bounces("3", "DF-X") + bounces("4", "S")
    got = hygiene(addressed(rows))
    assert got.columns.tolist() == COLUMNS
    remove = listed(got, "remove")
    assert remove.index.tolist() == ["1", "4"]
    assert remove.loc["1", ["n", "bounce_code", "domain"]].tolist() == [3, "B, S", "d1.example"]
    assert remove.loc["1", "first_ts"] == START + pd.Timedelta(days=1, seconds=60)
    assert remove.loc["1", "last_ts"] == START + pd.Timedelta(days=3, seconds=60)
    leave = listed(got, "leave")
    assert leave["n"].to_dict() == {"2": 2}
    assert leave["action"].tolist() == ["do nothing"]
    assert set(got["list"]) == {"remove", "leave"}


def test_soft_bounces_in_a_row() -> None:
    rows = bounces("1", "-DFD") + bounces("2", "DD-DD") + bounces("3", "FFFF-D") + bounces("4", "DDVDD")
    rows += bounces("5", "DDZD") + bounces("6", "DDD-FFF")
    watch = listed(hygiene(addressed(rows)), "watch")
    assert watch["n"].to_dict() == {"1": 3, "3": 4, "6": 3}
    assert watch["bounce_code"].to_dict() == {"1": "D, F", "3": "D, F", "6": "D, F"}
    assert watch["action"].str.startswith("retry").to_dict() == {"1": True, "3": False, "6": True}
    assert watch.loc["3", "first_ts"] == START
    assert watch.loc["6", ["first_ts", "last_ts"]].tolist() == [START + pd.Timedelta(days=at) for at in (4, 6)]
    assert "4" in listed(hygiene(addressed(rows), min_campaigns=2), "watch").index


def test_blocks_of_a_domain() -> None:
    addresses = {"1": "a@Firm.example", "2": "b@firm.EXAMPLE", "3": "c@firm.example", "4": "d@other.example"}
    rows = [event for contact in "1234" for event in bounces(contact, "Z-")]
    blocked = listed(hygiene(addressed(rows, addresses)), "blocked")
    assert blocked.index.tolist() == ["1", "2", "3", "4"]
    assert blocked["domain"].tolist() == ["firm.example"] * 3 + ["other.example"]
    assert blocked["action"].str.startswith("check the sender's authentication").tolist() == [True] * 3 + [False]
    assert blocked["rule"].iloc[0] == "blocked (Z), as were 3 contacts of this domain"
    few = listed(hygiene(addressed(rows, addresses), min_contacts=4), "blocked")
    assert few["action"].nunique() == 1


def test_sent_after_unsubscribing() -> None:
    rows = [*sends("1", 4), Event("UNSUBSCRIBE", "1", "1", 1 * DAY + 60)]
    rows += [*sends("2", 2), Event("UNSUBSCRIBE", "1", "2", 1 * DAY + 60)]
    rows += [*sends("3", 2), Event("UNSUBSCRIBE", "1", "3", 1 * DAY - 60)]  # from a mail that came later: a clock
    rows += [*sends("4", 2), Event("UNSUBSCRIBE", None, "4", 60, source="ACTION_BY_OWNER")]
    late = listed(hygiene(addressed(rows), machine="include"), "sent_after_unsubscribe")
    assert late["n"].to_dict() == {"1": 2, "4": 1}
    assert late.loc["1", ["first_ts", "last_ts"]].tolist() == [START + pd.Timedelta(days=at) for at in (2, 3)]


def test_unsubscriptions_that_look_automatic() -> None:
    rows = sends("1", 1) + sends("2", 1)
    rows += [Event("CLICK", "0", "1", 100 + at) for at in range(3)]
    rows += [Event("UNSUBSCRIBE", "0", contact, 110) for contact in "12"]
    given = addressed(rows)
    given["link_id"] = given["link_id"].mask(given["link_id"].notna(), [str(at) for at in range(len(given))])
    suspect = listed(hygiene(given), "suspect_unsubscribes")
    assert suspect.index.tolist() == ["1"]
    assert suspect["rule"].iloc[0].endswith("(unsub_in_sweep)")
    assert engagement_states(given)["state"].tolist() == ["unsubscribed"] * 2
    said = given.assign(machine=given["contact_id"].eq("2").to_numpy(dtype=bool))
    assert listed(hygiene(said), "suspect_unsubscribes")["rule"].str.contains("given").to_dict() == {"2": True}


def test_dormant_as_the_states_say() -> None:
    account = engines.activities(300, 14)
    for machine in ("include", "exclude"):
        said: dict[str, Any] = {"cadence": "sends", "window": 6, "machine": machine}
        contacts = engagement_states(account, **said)
        expected = contacts[contacts["state"].isin(["lapsed", "never"]) & (contacts["sends"] >= 8)]
        dormant = listed(hygiene(account, min_sends=8, **said), "dormant")
        assert dormant.index.tolist() == expected["contact_id"].tolist()
        since = expected["sends_since_action"]  # of a click, where there is one; else of the last open
        acted = expected["last_action"].eq("open").fillna(False).to_numpy(dtype=bool)
        assert dormant["n"].to_numpy()[acted].tolist() == since[acted].tolist()
        never = expected["state"].eq("never").to_numpy(dtype=bool)
        assert dormant["n"].to_numpy()[never].tolist() == expected.loc[never, "sends"].tolist()
        assert len(expected) > 10


events = st.lists(
    st.builds(
        Event,
        kind=st.sampled_from(["SEND", "SEND", "BOUNCE", "BOUNCE", "OPEN", "UNSUBSCRIBE"]),
        campaign=st.sampled_from(["a", "b", "c", "d", None]),
        contact=st.sampled_from(["1", "2", "03", None]),
        when=st.none() | st.integers(0, 9).map(lambda day: day * DAY),
        code=st.sampled_from(["B", "S", "D", "F", "V", "Z"]),
    ),
    max_size=40,
)


@settings(max_examples=12, deadline=None)
@given(rows=events)
def test_a_contact_is_once_on_a_list(rows: list[Event]) -> None:
    given = addressed(rows)
    before = given.copy()
    got = hygiene(given, min_sends=2, window="3D")
    pd.testing.assert_frame_equal(given, before)
    assert not got.duplicated(["contact_id", "list"]).any()
    assert got["list"].tolist() == sorted(got["list"], key=LISTS.index)
    for name, codes in (("remove", "BS"), ("blocked", "Z"), ("leave", "V")):
        own = {row.contact for row in rows if row.kind == "BOUNCE" and row.code and row.code in codes and row.contact}
        assert set(listed(got, name).index) == own
    assert (got["first_ts"].isna() | (got["first_ts"] <= got["last_ts"])).all()
    assert got[["rule", "action", "n", "domain"]].notna().all(axis=None)
    repeated = pd.concat([given, given]).sample(frac=1, random_state=2)
    pd.testing.assert_frame_equal(hygiene(repeated, min_sends=2, window="3D"), got)


def test_little_is_a_table_that_can_be_written(tmp_path: Path) -> None:
    rows = addressed(bounces("1", "B"))
    dtypes = hygiene(rows).dtypes
    for part in (rows.iloc[:0], rows.iloc[:1], rows):
        got = hygiene(part)
        pd.testing.assert_series_equal(got.dtypes, dtypes)
        assert set(got.attrs["cctrack"]["columns"]) == set(COLUMNS)
    for name in LISTS:
        assert f"{name}: " in explain(got).text
    export.to_csv(got, tmp_path / "lists.csv")
    assert "1@d1.example" in (tmp_path / "lists.csv").read_text(encoding="utf-8-sig")


def test_the_picture() -> None:
    addresses = {contact: f"{contact}@firm.example" for contact in "1234"}
    rows = [event for contact in "1234" for event in bounces(contact, "Z-")] + bounces("5", "Z") + bounces("6", "B")
    got = hygiene(addressed(rows, addresses))
    for ax in (plots.hygiene(got), plots.hygiene(got, plt.subplots(figsize=(4, 3))[1])):
        data = plots.data(ax)
        assert data["value"].tolist() == [1, 4, 1]
        assert data["group"].tolist() == ["remove", "blocked", "blocked"]
    words = plots.alt_text(got)
    for said in ("6 contacts on lists", "remove: 1, correct", "Most blocked: firm.example (4)"):
        assert said in words
    assert "No contact is on a list" in plots.alt_text(got.iloc[:0])
    assert len(plots.data(plots.hygiene(got.iloc[:0]))) == 0
    plt.close("all")


def test_wrong_arguments_are_told() -> None:
    rows = addressed(bounces("1", "B"))
    for name in ("min_sends", "min_campaigns", "min_contacts"):
        with pytest.raises(ValueError, match=f"{name}=0 is no number"):
            hygiene(rows, **{name: 0})
    with pytest.raises(ValueError, match="machine='both' is not known"):
        hygiene(rows, machine="both")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="no column email_address"):
        hygiene(rows.drop(columns="email_address"))


def test_engines_agree() -> None:
    import duckdb
    import polars as pl

    account = engines.activities(120, 12)
    expected = hygiene(account, min_sends=5, min_campaigns=1)
    assert set(expected["list"]) >= {"remove", "watch", "blocked", "leave", "dormant"}
    pd.testing.assert_frame_equal(hygiene(pl.from_pandas(account), min_sends=5, min_campaigns=1), expected)
    with duckdb.connect() as base:
        base.execute("SET TimeZone = 'America/New_York'")
        pd.testing.assert_frame_equal(hygiene(base.from_df(account), min_sends=5, min_campaigns=1), expected)
