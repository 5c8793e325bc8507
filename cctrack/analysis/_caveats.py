"""What a reader of response curves must know, and what their columns are."""

from collections.abc import Mapping, Sequence
from typing import Final

import pandas as pd

from cctrack.analysis._definitions import Definitions
from cctrack.analysis._followed import SEEN
from cctrack.analysis._grouping import Grouping
from cctrack.analysis._maturity import Older, length
from cctrack.analysis._outlook import Choices
from cctrack.analysis._patterns import HAS, PATTERN

CAMPAIGNS: Final[Mapping[str, str]] = {
    "event": "the response: open or click",
    "age_h": "hours from send to as_of, or to the end of the window: half of the recipients are older",
    "n": "recipients that were {base}, by a send that has a date; a recipient is a contact in a campaign",
    "n_responded": "those of n with {an} {event}{within}",
    "observed_rate": "n_responded / n",
    "observed_low": "lower end of the Wilson interval of observed_rate",
    "observed_high": "upper end of the Wilson interval of observed_rate",
    "maturity": "share of the final {event}s that has come by this age; NaN where that cannot be told",
    "final_rate": "recipients that will have responded in the end / n: {how}; NaN where status is refused",
    "final_low": "lower end of the interval of final_rate, as a rate: chance in who responds, and an unsure maturity",
    "final_high": "upper end of the same",
    "t50_observed": "hours from send by which half of the {event}s so far had come: too short while it is young",
    "t50_estimated": "hours from send by which half of the final {event}s come, the first of each recipient",
    "t50_low": "lower end of the interval of t50_estimated",
    "t50_high": "upper end of the interval of t50_estimated; NaN where it lies beyond what older campaigns show",
    "share_1h": "share of the final {event}s that came within an hour of the send",
    "share_24h": "share of the final {event}s that came within 24 hours of the send; NaN before that age",
    "status": "mature (older than {least}), forecast, or refused",
    "note": "why",
}
CURVE: Final[Mapping[str, str]] = {
    "event": CAMPAIGNS["event"],
    "hours": "hours since the send, of each recipient its own",
    "forecast": "whether that is later than the age: expected, not seen",
    "n_at_risk": "recipients that had not responded just before and were still followed; NA where forecast",
    "share": "share with {an} {event} by then, of recipients {base}: Kaplan and Meier's estimate; then {later}",
    "low": "lower end of the interval of share",
    "high": "upper end of the interval of share",
    "t50_estimated": CAMPAIGNS["t50_estimated"],
    "status": CAMPAIGNS["status"],
    "note": "why",
}
AN: Final = {"open": "an", "click": "a"}
_HOW: Final = {
    "completion": ("observed_rate / maturity", "what older campaigns had come to by then"),
    "cure": ("the share that responds at all in the fitted model", "what the model fitted to the campaign says"),
}
_CLOCKS: Final = (
    "The clocks of the reports disagree: delays do not hold, so nothing is forecast; automatic events are told by "
    "bursts alone. See analysis.clock_check."
)
_PROXIES: Final = (
    "Opens by privacy proxies stay, also in the human columns, for no time tells them: they come early or by night."
)
_MODEL: Final = (
    "The cure model knows of no nights and weekends: in simulated accounts that have them it was 10 to 15 % low after "
    "one day, 5 % after two or three. Its intervals make room for some of that; older campaigns forecast better."
)
_DIFFER: Final = (
    "How much campaigns differ from each other is learned too, and drawn towards a quarter quicker or slower as far as "
    "the older ones are too few to tell."
)
_POOLED: Final = (
    "Several campaigns are in one row, of different age. Where they went to the same contacts its intervals are too "
    "narrow."
)


def meanings(columns: Mapping[str, str], choices: Choices, base: str, groups: Grouping) -> dict[str, str]:
    """Say what the columns are."""
    how, later = _HOW[choices.method]
    within = "" if choices.window == float("inf") else f" within {length(choices.window)} of the send"
    words = {
        "event": choices.event,
        "an": AN[choices.event],
        "base": base,
        "how": how,
        "later": later,
        "within": within,
    }
    words["least"] = length(choices.least)
    return groups.meanings | {name: meaning.format(**words) for name, meaning in columns.items()}


def definition(choices: Choices, definitions: Definitions) -> str:
    """Say what is counted, and of what the rates are shares."""
    late = "" if choices.window == float("inf") else f" within {length(choices.window)}"
    base = definitions.base
    return (
        f"Recipients (contacts in a campaign) with {AN[choices.event]} {choices.event}{late}, of those {base}, by the "
        f"time from each one's own send to the first. {definitions.sentence}"
    )


def notes(
    recipients: pd.DataFrame, followed: pd.DataFrame, choices: Choices, older: Older | str, groups: Grouping
) -> list[str]:
    """Say what a reader of the figures must know.

    Parameters
    ----------
    recipients, followed
        As recorded: all of them, and as they were followed.
    choices, groups
        What was asked for.
    older
        What older campaigns teach.
    """
    said = [_learned(older, choices)] if choices.method == "completion" else [_MODEL]
    said += [_DIFFER] if choices.method == "completion" and not isinstance(older, str) else []
    said += [_CLOCKS] if choices.clocks_suspect else []
    said += [_PROXIES] if choices.event == "open" else []
    if "campaign_id" not in groups.names and followed["campaign_id"].nunique() > 1:
        said.append(_POOLED)
    without = int((recipients["first"].notna() & followed[SEEN].isna() & recipients["sent"].isna()).sum())
    words = f"{AN[choices.event]} {choices.event}"
    said += [f"Recipients with {words} and no dated send are left out: {without:,}."] if without else []
    undated = int((HAS[choices.event][recipients[PATTERN].to_numpy(dtype="int64")] & recipients["first"].isna()).sum())
    said += (
        [f"Recipients whose {choices.event}s have no date do not count as responding: {undated:,}."] if undated else []
    )
    return said


def _learned(older: Older | str, choices: Choices) -> str:
    least = length(choices.least)
    if isinstance(older, str):
        return f"There is no curve to forecast by: {older.format(event=choices.event)}."
    many = f"{len(older.campaigns)} campaign{'s' if len(older.campaigns) > 1 else ''} older than {least}"
    return (
        f"Forecasts are learned from {sum(map(len, older.campaigns)):,} {choices.event}s of {many}, "
        f"{length(older.completion.horizon)} after the send at most."
    )


def late(as_of: pd.Timestamp, newest: pd.Timestamp) -> Sequence[str]:
    """Say when nothing is recorded for long before the point in time that counts as now."""
    if pd.isna(newest) or as_of - newest < pd.Timedelta("1D"):
        return []
    hours = length((as_of - newest) / pd.Timedelta("1h"))
    return [f"Nothing is recorded in the {hours} before as_of: if the reports were read earlier, give that time."]
