"""The figures of v3: statistics of campaigns and activities, summaries, and a contact's counts by activity."""

from collections.abc import Iterable, Mapping
from typing import Final

import numpy as np

from .account import KINDS, Account
from .clock import DAY, NOW_MS, Ints
from .quirks import Quirks
from .v2_rows import EventBook, iso
from .v3_ids import Directory
from .v3_rows import DEVICES, TrackingBook

_EM: Final = {
    "sends": "em_sends",
    "opens": "em_opens",
    "clicks": "em_clicks",
    "bounces": "em_bounces",
    "forwards": "em_forwards",
    "unsubscribes": "em_optouts",
}
_BOUNCES: Final = {
    "em_bounces_blocked": "Z",
    "em_bounces_mailbox_full": "F",
    "em_bounces_nonexistent_address": "B",
    "em_bounces_other": "X",
    "em_bounces_suspended": "S",
    "em_bounces_undeliverable": "D",
    "em_bounces_vacation": "V",
}


class Counts:
    """Counts events as the reports of figures do: by contact, each once, unless they say otherwise."""

    def __init__(
        self, account: Account, quirks: Quirks, directory: Directory, book: EventBook, tracking: TrackingBook
    ) -> None:
        self._account, self._quirks, self._directory = account, quirks, directory
        self._book, self._tracking = book, tracking

    def _numbers(self, kind: str, mails: Iterable[int]) -> Ints:
        """Events of some mailings that the figures know of."""
        events = self._account.events(kind)
        parts = [np.zeros(0, np.int64)]
        for mail in mails:
            numbers = self._book.numbers(kind, "campaign", mail)
            parts.append(numbers[events.time[numbers] <= self._until(mail)])
        return np.concatenate(parts)

    def _until(self, mail: int) -> int:
        sent = int(self._account.campaigns.sent[mail])
        return min(sent + DAY, NOW_MS) if self._quirks.stale_summary and sent else NOW_MS

    def _unique(self, mails: Iterable[int]) -> dict[str, int]:
        """Contacts by kind of event, and those who did not open, which is derived and never below zero."""
        mails = list(mails)
        out = {kind: len(np.unique(self._account.events(kind).contact[self._numbers(kind, mails)])) for kind in KINDS}
        out["not_opened"] = max(0, out["sends"] - out["opens"] - out["bounces"])
        return out

    def _stats(self, mails: list[int]) -> dict[str, int]:
        unique = self._unique(mails)
        out = {name: unique[kind] for kind, name in _EM.items()}
        out["em_not_opened"] = unique["not_opened"]
        for kind in ("opens", "clicks"):
            numbers = self._numbers(kind, mails)
            split = np.bincount(self._tracking.devices(kind, numbers), minlength=len(DEVICES)).tolist()
            out[f"em_{kind}_all"] = len(numbers)
            out |= {f"em_{kind}_all_{device}": count for device, count in zip(DEVICES, split, strict=True)}
        return out

    def of_campaign(self, at: int) -> dict[str, object]:
        """Give a campaign's statistics, all its activities together."""
        mails = self._directory.mailings(at)
        stats = self._stats(mails)
        shares = _percents(*(stats[_EM[kind]] for kind in ("sends", "opens", "clicks", "bounces", "unsubscribes")))
        for kind in ("opens", "clicks"):
            known = stats[f"em_{kind}_all"] - stats[f"em_{kind}_all_none"]
            on_the_move = stats[f"em_{kind}_all_mobile"] + stats[f"em_{kind}_all_tablet"]
            shares[f"desktop_{kind[:-1]}"] = _percent(stats[f"em_{kind}_all_computer"], known)
            shares[f"mobile_{kind[:-1]}"] = _percent(on_the_move, known)
        return {
            "campaign_id": self._directory.campaigns[at],
            "stats": stats,
            "percents": shares,
            "last_refresh_time": self._refreshed(mails),
        }

    def of_activity(self, mail: int) -> dict[str, object]:
        """Give an activity's statistics, with spam complaints and bounces by code."""
        stats: Mapping[str, int] = self._stats([mail])
        codes = [self._tracking.bounce_code(number) for number in self._numbers("bounces", [mail]).tolist()]
        bounces = {name: codes.count(code) for name, code in _BOUNCES.items()}
        bounces["em_bounces_other"] = len(codes) - sum(bounces.values()) + bounces["em_bounces_other"]
        stats = {**stats, "em_abuse": int(self._account.campaigns.spam_count[mail]), **bounces}
        if self._quirks.dotted_keys:
            stats = {_dotted(name): count for name, count in stats.items()}
        return {
            "campaign_id": self._directory.campaigns[mail],
            "campaign_activity_id": self._directory.mails[mail],
            "stats": stats,
            "last_refresh_time": self._refreshed([mail]),
        }

    def _refreshed(self, mails: list[int]) -> str:
        return iso([min(self._until(mail) for mail in mails)])[0]

    def summarised(self) -> list[int]:
        """Campaigns that were sent, the latest send first."""
        table = self._account.campaigns
        sent = [at for at in self._directory.firsts if table.status[at] == "SENT"]
        return sorted(sent, key=lambda at: -self._last_sent(at))

    def _last_sent(self, campaign: int) -> int:
        return int(self._account.campaigns.sent[self._directory.mailings(campaign)].max())

    def summaries(self, campaigns: list[int]) -> dict[str, object]:
        """Give a page of campaign summaries, and percents of this page alone."""
        counts = []
        for at in campaigns:
            mails = self._directory.mailings(at)
            unique = self._unique(mails)
            unique["optouts"] = unique.pop("unsubscribes")
            counts.append({**unique, "abuse": int(self._account.campaigns.spam_count[mails].sum())})
        kinds = ("sends", "opens", "clicks", "bounces", "optouts")
        percents = _percents(*(sum(count[kind] for count in counts) for kind in kinds))
        return {
            "bulk_email_campaign_summaries": [
                {
                    "campaign_id": self._directory.campaigns[at],
                    "campaign_type": "Newsletter",
                    "last_sent_date": iso([self._last_sent(at)])[0],
                    "unique_counts": _quoted(count) if self._quirks.quoted_counts else count,
                }
                for at, count in zip(campaigns, counts, strict=True)
            ],
            "aggregate_percents": [percents] if self._quirks.percents_in_array else percents,
        }

    def received(self, contact: int, start: int, end: int) -> list[int]:
        """Mailings that went to a contact between two instants, newest first."""
        if contact >= len(self._account.contacts):
            return []
        numbers = self._book.numbers("sends", "contact", contact)
        when = self._account.sends.time[numbers]
        mails: list[int] = self._account.sends.campaign[numbers[(when >= start) & (when <= end)]].tolist()
        return mails

    def of_contact(self, contact: int, mails: list[int]) -> list[dict[str, object]]:
        """Give a contact's counts of events by activity."""
        numbers = {kind: self._book.numbers(kind, "contact", contact) for kind in KINDS} if mails else {}
        names = {**_EM, "unsubscribes": "em_unsubscribes"}
        out = []
        for mail in mails:
            mine = {kind: found[self._account.events(kind).campaign[found] == mail] for kind, found in numbers.items()}
            out.append(
                {
                    "campaign_activity_id": self._directory.mails[mail],
                    "start_on": iso(self._account.sends.time[mine["sends"]].max(keepdims=True))[0],
                    **{name: len(mine[kind]) for kind, name in names.items()},
                }
            )
        return out

    def rates(self, contact: int, mails: list[int]) -> dict[str, object]:
        """Give the shares of the mailings to a contact that were opened and clicked in, from 0 to 1."""
        rows = self.of_contact(contact, mails)
        count = len(rows)
        return {
            "contact_id": self._directory.contacts[contact],
            "included_activities_count": count,
            "average_open_rate": sum(row["em_opens"] != 0 for row in rows) / count if count else 0.0,
            "average_click_rate": sum(row["em_clicks"] != 0 for row in rows) / count if count else 0.0,
        }


def _percents(sends: int, opens: int, clicks: int, bounces: int, optouts: int) -> dict[str, float]:
    """Percents of what was delivered, but clicks of those who opened, and bounces of what was sent."""
    delivered = sends - bounces
    return {
        "open": _percent(opens, delivered),
        "did_not_open": _percent(max(0, delivered - opens), delivered),
        "click": _percent(clicks, opens),
        "bounce": _percent(bounces, sends),
        "unsubscribe": _percent(optouts, delivered),
    }


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0


def _dotted(name: str) -> str:
    """Write a split as one of the guide's pages does: ``em_opens.all.mobile``."""
    for kind in ("em_opens_all", "em_clicks_all"):
        if name.startswith(kind):
            return name.replace("_all", ".all").replace(".all_", ".all.")
    return name


def _quoted(counts: Mapping[str, int]) -> dict[str, str]:
    return {name: str(count) for name, count in counts.items()}
