"""Whether more mail costs clicks or readers: rates by how much a contact got, and departures by the n-th mail."""

from collections.abc import Mapping
from typing import Any, Final, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.analysis._bursts import NO_TIME, microseconds
from cctrack.analysis._definitions import chosen_definitions, duration, moment, one_of
from cctrack.analysis._dense import PandasEvents
from cctrack.analysis._events import RECIPIENT, Events, opened
from cctrack.analysis._human import Flagged, Machine, checked_machine, flagged, side_by_side
from cctrack.analysis._intervals import checked_ci, clustered, design_effect, wilson
from cctrack.analysis._patterns import HAS, PATTERN, UNSUBSCRIBE
from cctrack.analysis._told import tell

Table = Literal["bands", "hazard"]
Floats = npt.NDArray[np.float64]
_NEEDED: Final = ("activity_type", "activity_date", "campaign_id", "contact_id", "bounce_code")
_RIPE: Final = pd.Timedelta(days=3)  # after which nearly all clicks and departures have come
_SECOND: Final = 1_000_000  # microseconds
_DAY: Final = 86_400 * _SECOND
_BANDS: Final[Mapping[str, int]] = {"0": 0, "1": 1, "2": 2, "3-4": 3, "5-8": 5, "9+": 9}  # and where each begins
_OF_BANDS: Final[Mapping[str, str]] = {
    "pressure_band": "other campaigns sent to the contact in the {days} days before",
    "sends": "delivered sends with this many before them",
    "contacts": "contacts that they went to",
    "click_rate": "sends with a click / sends",
    "click_low": "lower end of the interval of click_rate, with contacts as clusters",
    "click_high": "upper end of the interval of click_rate, with contacts as clusters",
    "contacts_within": "of contacts those with sends in other bands, too: they alone can be compared with themselves",
    "click_rate_within": "mean over their sends in the band of click (0 or 1) less the contact's own rate over all of "
    "its counted sends; NaN where nobody can be compared",
    "within_low": "lower end of its interval, with contacts as clusters; NaN where nobody clicked",
    "within_high": "upper end of its interval, with contacts as clusters; NaN where nobody clicked",
    "unsubscribes": "of sends those that were unsubscribed from",
    "unsubscribe_rate": "unsubscribes / sends",
    "low": "lower end of the interval of unsubscribe_rate, with contacts as clusters",
    "high": "upper end of the interval of unsubscribe_rate, with contacts as clusters",
}
_OF_HAZARD: Final[Mapping[str, str]] = {
    "send_index": "the how-manieth send to the contact",
    "at_risk": "contacts that were delivered this send and had not unsubscribed before",
    "unsubscribes": "of at_risk those that unsubscribed from this send",
    "hazard": "unsubscribes / at_risk",
    "low": "lower end of the Wilson interval of hazard",
    "high": "upper end of the Wilson interval of hazard",
}
_NO_EXPERIMENT: Final = (
    "This is no experiment: contacts that get much mail differ from those that get little (they chose lists, bought, "
    "clicked), and busy weeks differ from quiet ones."
)
_WITHIN: Final = (
    "click_rate_within compares contacts with themselves, which takes out how they differ from each other, not what "
    "changes for all of them with time."
)


def pressure(
    activities: Any,
    *,
    table: Table = "bands",
    days: Literal[7, 28] = 7,
    machine: Machine = "both",
    edge: Any = "28D",
    as_of: Any = None,
    ci: float = 0.95,
) -> pd.DataFrame:
    """Tell whether more mail costs clicks or readers.

    Parameters
    ----------
    activities
        A table such as `cctrack.account_activities_df` gives, from any engine.
    table
        "bands": click and unsubscribe rates by how many sends the contact got in the days before. "hazard": the share
        that unsubscribes from the n-th send, of those who were still there.
    days
        7 or 28: how far back sends count, with "bands".
    machine
        "include" everything, "exclude" events that look automatic, or "both" with the suffix `_human`.
    edge
        With "hazard": a contact whose first send is less than this after the oldest of all may have had sends that
        the activities do not reach back to; it is left out. "0D" where the table holds every send there was.
    as_of
        Later events are not counted; None takes the newest one's date.
    ci
        Confidence of the intervals.

    Returns
    -------
    pandas.DataFrame
        One row is one band, or one place in the order of sends; the columns are told by `analysis.explain`.

    Raises
    ------
    TypeError, ValueError
        When the table lacks a column or an argument is none of those named.
    EngineError
        When there are more than 5 million recipients.

    Notes
    -----
    Sends of the last 3 days are left out, since answers may still come; so are sends after the contact's first
    unsubscription, whoever made it. Left truncation: Kalbfleisch and Prentice, The Statistical Analysis of Failure
    Time Data, 2nd ed. 2002, ch. 1.
    """
    one_of("table", table, ("bands", "hazard"))
    if days not in (7, 28):
        raise ValueError(f"days={days!r} is not known; it is 7 or 28")
    checked_machine(machine)
    level, margin = checked_ci(ci), duration("edge", edge)
    events = opened(activities, _NEEDED if machine == "include" else (*_NEEDED, "link_id"))
    now = moment("as_of", as_of) if as_of is not None else events.newest()
    events = events if as_of is None else events.until(now)
    found = None if machine == "include" else flagged(events)
    mails, notes = _mails(events, found, now)
    if table == "bands":
        kept, more = _with_known_pressure(mails, days)
        sides = [_bands(kept, side, level) for side in ("recorded", "human")]
        columns = {name: meaning.format(days=days) for name, meaning in _OF_BANDS.items()}
    else:
        kept, more = _seen_from_the_start(mails, margin or pd.Timedelta(0))
        sides = [_hazard(kept, side, level) for side in ("recorded", "human")]
        columns = dict(_OF_HAZARD)
    return tell(
        side_by_side(sides[0], sides[1], machine, [next(iter(columns))]),
        "pressure",
        title=f"Rates by sends in {days} days" if table == "bands" else "Departures by the n-th send",
        row="One row is one band." if table == "bands" else "One row is one place in the order of a contact's sends.",
        definition=f"Delivered sends by the number of other campaigns that the contact got in the {days} days before."
        if table == "bands"
        else "Contacts that unsubscribed from their n-th send, of those delivered it who had not unsubscribed before.",
        columns=columns,
        source=events.source,
        notes=[_NO_EXPERIMENT, *([_WITHIN] if table == "bands" else []), *more, *notes],
        shows=table,
        days=days if table == "bands" else None,
        edge=str(margin) if table == "hazard" else None,
        ci=level,
        as_of=now,
        **({"machine": machine} if found is None else found.facts(machine)),
    )


def _mails(events: Events, found: Flagged | None, now: pd.Timestamp) -> tuple[pd.DataFrame, list[str]]:
    """Give the sends of each contact in order.

    Returns
    -------
    tuple
        Columns `contact`, `sent` (microseconds), `index` (from 1), `delivered`, `clicked`, `left` of both sides, and
        `counts`: old enough, and not after the contact's first unsubscription; and notes.
    """
    said = {"why": "the sends of each contact", "instead": "leave the older ones out"}
    rows = events.recipients([], UNSUBSCRIBE, **said)
    patterns = {"recorded": rows[PATTERN].to_numpy(dtype=np.int64)}
    patterns["human"] = patterns["recorded"] if found is None else _human(rows, found, said)
    contact = pd.factorize(rows["contact_id"].to_numpy(dtype=object), sort=True)[0]
    sent, gone = microseconds(rows["sent"]), microseconds(rows["first"])
    leaving = np.full(len(rows), np.iinfo(np.int64).max)
    known = gone != NO_TIME
    np.minimum.at(leaving, contact[known], gone[known])  # there are no more contacts than rows
    first = known & (gone == leaving[contact])
    table = pd.DataFrame({"contact": contact, "sent": sent, "campaign": rows["campaign_id"].to_numpy(dtype=object)})
    engaged = HAS["open"] | HAS["click"] | HAS["forward"] | HAS["unsubscribe"]
    arrived = (HAS["send"] & ~chosen_definitions("cctrack").bounced) | engaged
    for side, pattern in patterns.items():
        table[f"delivered_{side}"], table[f"clicked_{side}"] = arrived[pattern], HAS["click"][pattern]
        table[f"left_{side}"] = HAS["unsubscribe"][pattern] & first
    end = NO_TIME if pd.isna(now) else int(microseconds(pd.Series([now]))[0]) - _RIPE // pd.Timedelta("1us")
    table["counts"] = (sent <= end) & (sent <= leaving[contact])
    dated = table[sent != NO_TIME].sort_values(["contact", "sent", "campaign"], ignore_index=True)
    dated["index"] = dated.groupby("contact").cumcount() + 1
    young = int((dated["sent"] > end).sum())
    notes = [f"{young:,} sends of the last {_RIPE.days} days are left out: answers may still come."] if young else []
    lost = int((table["left_recorded"] & (table["sent"] == NO_TIME)).sum())
    notes += [f"{lost:,} unsubscriptions from a campaign without a dated send are left out."] if lost else []
    return dated, notes


def _human(rows: pd.DataFrame, found: Flagged, said: Mapping[str, str]) -> npt.NDArray[np.int64]:
    """Give the patterns without the events that were set aside."""
    own = PandasEvents.of(found.human.reset_index(drop=True), {}).recipients([], UNSUBSCRIBE, **said)
    names = list(RECIPIENT)
    everyone = pd.MultiIndex.from_frame(rows[names])
    judged = everyone.isin(pd.MultiIndex.from_frame(found.rows[names].drop_duplicates()))
    place = pd.MultiIndex.from_frame(own[names]).get_indexer(everyone)
    left = np.append(own[PATTERN].to_numpy(dtype=np.int64), 0)[place]  # the last is that of recipients all set aside
    return np.where(judged, left, rows[PATTERN].to_numpy(dtype=np.int64))


def _with_known_pressure(mails: pd.DataFrame, days: int) -> tuple[pd.DataFrame, list[str]]:
    """Give the mails that count with the number of sends in the days before; not those too near the oldest send."""
    sent, contact = mails["sent"].to_numpy(), mails["contact"].to_numpy()
    table = mails.assign(pressure=0)
    if len(mails):
        second = (sent - sent.min()) // _SECOND
        place = contact * (int(second.max()) + 1) + second  # in order of contacts and seconds
        window = days * _DAY // _SECOND
        start = np.maximum(np.searchsorted(place, place - window), np.searchsorted(contact, contact))
        table["pressure"] = np.searchsorted(place, place, side="left") - start
    early = table["counts"] & (table["sent"] < (sent.min() if len(sent) else 0) + days * _DAY)
    said = f"{int(early.sum()):,} sends of the first {days} days are left out: what came before them is not known."
    kept = table[table["counts"] & ~early]
    edges = np.array(list(_BANDS.values()))
    return kept.assign(band=np.searchsorted(edges, kept["pressure"], side="right") - 1), [said] if early.any() else []


def _bands(mails: pd.DataFrame, side: str, ci: float) -> pd.DataFrame:
    own = mails[mails[f"delivered_{side}"]]
    band, contact = own["band"].to_numpy(), own["contact"].to_numpy()
    table = pd.DataFrame({"pressure_band": pd.array(list(_BANDS), dtype="string")})
    cells = pd.DataFrame({"band": band, "contact": contact, "n": 1})
    cells["click"], cells["left"] = own[f"clicked_{side}"].to_numpy(int), own[f"left_{side}"].to_numpy(int)
    cells = cells.groupby(["band", "contact"], as_index=False)[["n", "click", "left"]].sum()
    size = len(table)
    sends, clusters = (_summed(cells["band"], one, size) for one in (cells["n"], cells["n"] > 0))
    table["sends"], table["contacts"] = (pd.array(one.astype(int), dtype="Int64") for one in (sends, clusters))
    rate, low, high, _ = _clustered_rate(cells, "click", sends, clusters, ci)
    table["click_rate"], table["click_low"], table["click_high"] = rate, low, high
    for name, values in _within(cells, size, ci).items():
        table[name] = values
    rate, low, high, gone = _clustered_rate(cells, "left", sends, clusters, ci)
    table["unsubscribes"] = pd.array(gone.astype(int), dtype="Int64")
    table["unsubscribe_rate"], table["low"], table["high"] = rate, low, high
    return table


def _clustered_rate(
    cells: pd.DataFrame, name: str, n: Floats, clusters: Floats, ci: float
) -> tuple[Floats, Floats, Floats, Floats]:
    """Give rate and interval by band, and the number of successes."""
    k_of, n_of = cells[name].to_numpy(float), cells["n"].to_numpy(float)
    k, kk, kn, nn = (_summed(cells["band"], one, len(n)) for one in (k_of, k_of**2, k_of * n_of, n_of**2))
    low, high = clustered(k, n, design_effect(k, n, kk, kn, nn, clusters), ci)
    return np.divide(k, n, out=np.full(len(n), np.nan), where=n > 0), low, high, k


def _summed(band: Any, values: Any, size: int) -> Floats:
    """Add values up by band."""
    return np.bincount(band, weights=values, minlength=size).astype(np.float64)


def _within(cells: pd.DataFrame, size: int, ci: float) -> dict[str, Any]:
    """Compare contacts with themselves: the mean of click less the contact's own rate, by band.

    The variance is that of a ratio of sums over contacts, linearised (see `design_effect`), with Student's t.
    """
    from scipy.stats import t

    whole = cells.groupby("contact")[["n", "click"]].transform("sum")
    varied = (cells.groupby("contact")["band"].transform("size") > 1).to_numpy(dtype=np.bool_)
    band, n = cells["band"].to_numpy()[varied], cells["n"].to_numpy(float)[varied]
    beyond = cells["click"].to_numpy(float)[varied] - n * (whole["click"] / whole["n"]).to_numpy(float)[varied]
    c, total, away = (_summed(band, one, size) for one in (n > 0, n, beyond))
    mean = np.divide(away, total, out=np.full(size, np.nan), where=total > 0)
    squares = _summed(band, (beyond - mean[band] * n) ** 2, size)
    known = (c > 1) & (squares > 0)
    variance = np.divide(c * squares, (c - 1) * total**2, out=np.full(size, np.nan), where=known)
    reach = t.ppf((1 + ci) / 2, np.where(known, c - 1, np.nan)) * np.sqrt(variance)
    return {
        "contacts_within": pd.array(c.astype(int), dtype="Int64"),
        "click_rate_within": mean,
        "within_low": np.clip(mean - reach, -1, 1),
        "within_high": np.clip(mean + reach, -1, 1),
    }


def _seen_from_the_start(mails: pd.DataFrame, edge: pd.Timedelta) -> tuple[pd.DataFrame, list[str]]:
    """Give the mails of contacts that were first sent to after the edge: before it sends may not be visible."""
    if not len(mails):
        return mails, []
    first = mails.groupby("contact")["sent"].transform("min")
    late = (first - mails["sent"].min() < edge // pd.Timedelta("1us")).to_numpy(dtype=np.bool_)
    n = mails.loc[late, "contact"].nunique()
    said = (
        f"{n:,} contacts whose first send is less than {edge.days} days after the oldest of all are left out: they may "
        "have had sends before, to which the activities do not reach back (about 180 days), so that their n-th visible "
        "send need not be their n-th. With edge='0D' they count."
    )
    return mails[~late], [said] if n else []


def _hazard(mails: pd.DataFrame, side: str, ci: float) -> pd.DataFrame:
    """Give the life table; all rows that either side has."""
    size = int(mails.loc[mails["counts"], "index"].max()) if mails["counts"].any() else 0
    own = mails[mails["counts"] & mails[f"delivered_{side}"]]
    at_risk = np.bincount(own["index"], minlength=size + 1)[1:]
    left = np.bincount(own["index"], weights=own[f"left_{side}"], minlength=size + 1)[1:].astype(np.int64)
    low, high = wilson(left, at_risk, ci)
    table = pd.DataFrame({"send_index": pd.array(np.arange(1, size + 1), dtype="Int64")})
    table["at_risk"], table["unsubscribes"] = pd.array(at_risk, dtype="Int64"), pd.array(left, dtype="Int64")
    table["hazard"] = np.divide(left, at_risk, out=np.full(size, np.nan), where=at_risk > 0)
    table["low"], table["high"] = low, high
    return table
