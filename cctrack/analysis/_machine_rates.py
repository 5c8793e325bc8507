"""What automatic events do to the rates of each campaign, reason by reason."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.analysis._bursts import NO_TIME, SECOND, Flags, Numbers, microseconds
from cctrack.analysis._definitions import Definitions
from cctrack.analysis._events import Events
from cctrack.analysis._human import Flagged
from cctrack.analysis._machine import GIVEN, REASONS, by_owner, links_of, recipients
from cctrack.analysis._patterns import HAS, N, tally

# Rules that set nothing aside.
REPORTED: Final[Mapping[str, str]] = {
    "all_links": "80 % or more of the links of a mail, at least 4, clicked by one contact at any pace",
    "auto_opener": "8 or more mails delivered to a contact, 90 % of them opened, at most 1.05 times each, no click",
    "repeat": "clicked a link again within 2 s",
}
_KINDS: Final = {"click_rate": "EMAIL_CLICK", "open_rate": "EMAIL_OPEN", "unsubscribe_rate": "EMAIL_UNSUBSCRIBE"}
_METRICS: Final = {"scan_open": "open_rate", "auto_opener": "open_rate", "unsub_in_sweep": "unsubscribe_rate"}
_PERCENT, _LINKS = 80, 4  # of the links of a mail, and how many in any case
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class _Rows:
    """The rows of recipients with clicks, as numbers.

    Attributes
    ----------
    campaign, recipient : numpy.ndarray of int64
        Of each row: place in `campaigns`, and the number of its campaign and contact.
    kinds : dict
        Which rows are of a kind of event.
    campaigns : pandas.Index
        Campaign ids.
    """

    campaign: Numbers
    recipient: Numbers
    kinds: Mapping[str, Flags]
    campaigns: "pd.Index[Any]"

    @classmethod
    def of(cls, rows: pd.DataFrame, campaigns: "pd.Index[Any]") -> "_Rows":
        """Read rows whose campaigns are among these."""
        place = campaigns.get_indexer(pd.Index(rows["campaign_id"].astype("string")))
        kinds = {kind: rows["activity_type"].isin([kind]).to_numpy(dtype=np.bool_) for kind in _KINDS.values()}
        kinds["EMAIL_UNSUBSCRIBE"] = kinds["EMAIL_UNSUBSCRIBE"] & ~by_owner(rows)  # no reaction to the mailing
        dense = np.asarray(pd.factorize(recipients(rows))[0], dtype=np.int64)
        return cls(place.astype(np.int64), dense, kinds, campaigns)

    def events(self, chosen: Flags | Numbers) -> Numbers:
        """Count chosen rows by campaign."""
        # A campaign without any event of a known kind has no rates, and place -1.
        return np.bincount(self.campaign[chosen] + 1, minlength=len(self.campaigns) + 1)[1:]

    def contacts(self, chosen: Flags) -> Numbers:
        """Count recipients with a chosen row by campaign."""
        first = np.unique(self.recipient[chosen], return_index=True)[1]
        return self.events(np.flatnonzero(chosen)[first])

    def lost(self, kind: str, aside: Flags) -> Numbers:
        """Count recipients of which no row of a kind is left, by campaign."""
        held = self.kinds[kind]
        left = np.isin(self.recipient, self.recipient[held & ~aside])
        return self.contacts(held & ~left)


@dataclass(frozen=True)
class _Part:
    """The rows of one reason, by campaign."""

    reason: str
    n_events: Numbers
    n_contacts: Numbers
    without: Floats

    @property
    def metric(self) -> str:
        return _METRICS.get(self.reason, "click_rate")


def summarised(
    events: Events, found: Flagged, suspects: "pd.Series[Any]", links: pd.DataFrame | None, definitions: Definitions
) -> pd.DataFrame:
    """Count events by campaign and reason, and give the rates with and without them.

    Parameters
    ----------
    events, found
        The activities, and which of them look automatic.
    suspects
        Contacts whose opens look automatic.
    links
        The campaigns' links, where known.
    definitions
        What delivered means.
    """
    wanted = _wanted(definitions)
    recorded = tally(events.patterns(["campaign_id"]), ["campaign_id"], wanted).set_index("campaign_id")
    rows = _Rows.of(found.rows, recorded.index)
    sets = {REASONS[place]: found.reasons == place for place in _places(found)}
    stays = ~found.automatic
    sets["all_links"] = _on_all_links(found.rows, rows, links) & stays
    openers = tally(events.of_contacts(suspects).patterns(["campaign_id"]), ["campaign_id"], wanted)
    openers = openers.set_index("campaign_id").reindex(rows.campaigns, fill_value=0)
    theirs = found.rows["contact_id"].isin(suspects).to_numpy(dtype=np.bool_)
    left = opens_left(events.of_contacts(suspects), found, "campaign_id", theirs)
    parts = [_part(name, flags, rows, recorded) for name, flags in sets.items()]
    parts.append(
        _Part(
            "auto_opener",
            left.reindex(rows.campaigns, fill_value=0).to_numpy(dtype=np.int64),
            openers["open_rate"].to_numpy() - rows.lost("EMAIL_OPEN", found.automatic & theirs),
            _share(recorded["open_rate"] - openers["open_rate"], recorded["delivered"] - openers["delivered"]),
        )
    )
    parts.append(_part("repeat", _again(found.rows, rows) & stays, rows, recorded))
    human = {
        metric: _share(recorded[metric] - rows.lost(kind, found.automatic), recorded["delivered"])
        for metric, kind in _KINDS.items()
    }
    return _laid_out(parts, recorded, human)


def _wanted(definitions: Definitions) -> dict[str, Flags]:
    arrived = HAS["send"] & ~definitions.bounced
    return {
        "delivered": arrived if definitions.base == "delivered" else HAS["send"],
        "click_rate": HAS["click"],
        "open_rate": HAS["open"],
        "unsubscribe_rate": HAS["unsubscribe"],
    }


def _places(found: Flagged) -> list[int]:
    """Give the reasons that have rows: the rules that were applied, and those that the activities told."""
    told = set(found.reasons[found.automatic].tolist())
    held = () if told and GIVEN in found.held else found.held
    return [place for place, name in enumerate(REASONS) if name in held or place in told]


def _part(reason: str, aside: Flags, rows: _Rows, recorded: pd.DataFrame) -> _Part:
    """Count the events of a reason; the rate is that without them."""
    metric = _METRICS.get(reason, "click_rate")
    left = recorded[metric] - rows.lost(_KINDS[metric], aside)
    return _Part(reason, rows.events(aside), rows.contacts(aside), _share(left, recorded["delivered"]))


def _share(part: "pd.Series[Any]", whole: "pd.Series[Any]") -> Floats:
    n, of = part.to_numpy(dtype=np.float64), whole.to_numpy(dtype=np.float64)
    rates: Floats = np.divide(n, of, out=np.full(len(n), np.nan), where=of > 0)
    return rates


def _laid_out(parts: list[_Part], recorded: pd.DataFrame, human: Mapping[str, Floats]) -> pd.DataFrame:
    """Put the parts of each campaign below each other."""
    size = len(recorded)
    names = [part.reason for part in parts]
    rates = {metric: _share(recorded[metric], recorded["delivered"]) for metric in _KINDS}

    def by_campaign(arrays: list[Any]) -> Any:
        return np.stack(arrays, axis=1).ravel()

    return pd.DataFrame(
        {
            "campaign_id": recorded.index.repeat(len(parts)).astype("string"),
            "reason": pd.Categorical(names * size, categories=[*REASONS, *REPORTED]),
            "flagged": np.array([name not in REPORTED for name in names] * size, dtype=np.bool_),
            "metric": pd.array([part.metric for part in parts] * size, dtype="string"),
            "n_events": pd.array(by_campaign([part.n_events for part in parts]), dtype="Int64"),
            "n_contacts": pd.array(by_campaign([part.n_contacts for part in parts]), dtype="Int64"),
            "rate_recorded": by_campaign([rates[part.metric] for part in parts]),
            "rate_without": by_campaign([part.without for part in parts]),
            "rate_human": by_campaign([human[part.metric] for part in parts]),
        }
    )


def opens_left(events: Events, found: Flagged, key: str, chosen: Flags | None = None) -> "pd.Series[Any]":
    """Count opens that stay, by campaign or contact.

    Parameters
    ----------
    events, found
        The activities, and which of them look automatic.
    key
        What to count by.
    chosen
        Which rows of `found` are among the activities; None takes all.
    """
    totals = events.totals([key]).dropna(subset=[key])
    opens = totals[totals["activity_type"] == "EMAIL_OPEN"].set_index(key)[N].astype("int64")
    aside = found.automatic & found.rows["activity_type"].isin(["EMAIL_OPEN"]).to_numpy(dtype=np.bool_)
    if chosen is not None:
        aside &= chosen
    return opens.sub(found.rows.loc[aside, key].value_counts(), fill_value=0).astype("int64")


def _on_all_links(rows: pd.DataFrame, numbers: _Rows, links: pd.DataFrame | None) -> Flags:
    """Tell which clicks are of recipients that clicked nearly all links of their mail."""
    clicks = numbers.kinds["EMAIL_CLICK"]
    table = pd.DataFrame({"recipient": numbers.recipient, "campaign": numbers.campaign, "link": links_of(rows)})
    table = table[clicks & (table["link"] >= 0).to_numpy()]
    seen = table.drop_duplicates(["campaign", "link"]).groupby("campaign").size()
    size = seen.reindex(range(len(numbers.campaigns)), fill_value=0).to_numpy()
    if links is not None:
        listed = links[["campaign_id", "link_id"]].astype("string").dropna().drop_duplicates()
        known = listed.groupby("campaign_id").size().reindex(numbers.campaigns, fill_value=0)
        size = np.maximum(size, known.to_numpy())
    different = table.drop_duplicates(["recipient", "link"])
    clicked = different.groupby(["recipient", "campaign"]).size().reset_index(name="n")
    n, links_there = clicked["n"].to_numpy(), size[clicked["campaign"].to_numpy()]
    nearly_all = (100 * n >= _PERCENT * links_there) & (n >= _LINKS)
    return clicks & np.isin(numbers.recipient, clicked["recipient"][nearly_all])


def _again(rows: pd.DataFrame, numbers: _Rows) -> Flags:
    """Tell which clicks follow one on the same link by the same recipient within 2 s."""
    link, time = links_of(rows), microseconds(rows["activity_date"])
    clicks = np.flatnonzero(numbers.kinds["EMAIL_CLICK"] & (link >= 0) & (time != NO_TIME))
    order = clicks[np.lexsort((time[clicks], link[clicks], numbers.recipient[clicks]))]
    same = (np.diff(numbers.recipient[order]) == 0) & (np.diff(link[order]) == 0)
    again = np.zeros(len(rows), dtype=np.bool_)
    again[order[1:][same & (np.diff(time[order]) <= 2 * SECOND)]] = True
    return again
