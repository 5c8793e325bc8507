"""What a table of summaries is of, and what it counts: one word means three things."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from cctrack.analysis._events import RECIPIENT
from cctrack.analysis._patterns import BOUNCES, HAS, Flags
from cctrack.analysis._tables import checked, pandas_kind, plain
from cctrack.analysis._told import KEY

# In the order of the summaries: the type of the rows, and the patterns of recipients that have one.
METRICS: Final[Mapping[str, tuple[str, Flags]]] = {
    "sends": ("EMAIL_SEND", HAS["send"]),
    "opens": ("EMAIL_OPEN", HAS["open"]),
    "clicks": ("EMAIL_CLICK", HAS["click"]),
    "forwards": ("EMAIL_FORWARD", HAS["forward"]),
    "unsubscribes": ("EMAIL_UNSUBSCRIBE", HAS["unsubscribe"] | HAS["removed"]),
    "bounces": ("EMAIL_BOUNCE", np.logical_or.reduce([HAS[name] for name in (*BOUNCES, "other_bounced")])),
}
_ORIGINS: Final = "cctrack.campaign_summary_df (or campaigns_df(details=True)), summary_df or summary_by_campaign_df"


@dataclass(frozen=True)
class Grain:
    """What a summary is of, and what it counts.

    Attributes
    ----------
    keys : tuple of str
        Columns that tell its rows.
    what : str
        In words.
    unique : frozenset of str
        Metrics that count each recipient (or link) once; the others count rows.
    sentence : str
        What is compared with what.
    """

    keys: tuple[str, ...]
    what: str
    unique: frozenset[str]
    sentence: str

    @property
    def of_campaigns(self) -> bool:
        """Whether it is of whole campaigns."""
        return self.keys == ("campaign_id",)


_GRAINS: Final = {
    ("campaign_id",): Grain(
        ("campaign_id",),
        "campaign",
        frozenset(METRICS),
        "Summaries of campaigns count recipients, each once: compared with rows_unique.",
    ),
    ("contact_id",): Grain(
        ("contact_id",), "contact", frozenset(), "Summaries of contacts count activities: compared with rows_total."
    ),
    RECIPIENT: Grain(
        RECIPIENT,
        "contact in this campaign",
        frozenset({"clicks"}),
        "Summaries of a contact by campaign count activities, but of clicks the different links: compared with "
        "rows_total, clicks with rows_unique.",
    ),
}

# What v2 says of a contact by campaign; v3 counts every click there, as in all its summaries of contacts.
_V3_OF_RECIPIENTS: Final = Grain(
    RECIPIENT,
    "contact in this campaign",
    frozenset(),
    "Summaries of a contact by campaign count activities: compared with rows_total.",
)


def read(summaries: pd.DataFrame) -> tuple[Grain, pd.DataFrame]:
    """Tell what the summaries are of, and give their ids, metrics and `last_run_date`."""
    table = checked(summaries, (), "summaries", _ORIGINS)
    keys = tuple(name for name in RECIPIENT if name in table.columns)
    metrics = [name for name in METRICS if name in table.columns]
    if not keys or not metrics:
        lacks = f"any of {', '.join(METRICS)}" if keys else "campaign_id or contact_id"
        raise ValueError(f"summaries has no column {lacks}; pass a table such as {_ORIGINS} gives")
    dates = [name for name in ("last_run_date",) if name in table.columns]
    checked(table, [*keys, *dates], "summaries", _ORIGINS)
    for name in metrics:
        if table[name].notna().any() and pandas_kind(table[name]) != "number":
            raise ValueError(f"summaries: {name} holds no numbers; mend it: summaries.astype({{{name!r}: 'Int64'}})")
    known = pd.DataFrame({name: plain(table[name]) for name in keys})
    for name in metrics:
        known[name] = table[name].astype("Int64").array
    for name in dates:
        known[name] = table[name].array
    known = known.dropna(subset=[*keys]).drop_duplicates([*keys, *metrics], ignore_index=True)
    twice = known.duplicated([*keys])
    if twice.any():
        one = ", ".join(known.loc[twice, list(keys)].iloc[0])
        raise ValueError(f"summaries has {one} twice, and not the same; keep one: summaries.drop_duplicates({[*keys]})")
    on_v3 = keys == RECIPIENT and (summaries.attrs.get(KEY) or {}).get("api") == "v3"
    return _V3_OF_RECIPIENTS if on_v3 else _GRAINS[keys], known
