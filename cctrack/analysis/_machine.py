"""Which events look automatic: rules over contact, campaign, link and time, one event at a time, nothing deleted.

The rules and their figures are those of published logs of mail scanners; a window holds both its ends.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt
import pandas as pd

from cctrack.analysis._bursts import NO_TIME, SECOND, Flags, Line, Numbers, coincident, microseconds
from cctrack.analysis._patterns import OWNER
from cctrack.analysis._places import factorized
from cctrack.analysis._tables import truths

# In the order in which they are named as the reason where several hold.
RULES: Final[Mapping[str, str]] = {
    "honeypot": "the click is on a link that no reader sees, or the contact made one within 20 s of the event",
    "sweep": "3 or more different links of a mail clicked within 10 s, or 2 within 1 s, by one contact",
    "instant": "clicked 10 s or less after the mail was sent to this contact",
    "cohort_second": "3 or more contacts of one e-mail domain clicked in the same second, more than chance would make",
    "unsub_in_sweep": "unsubscribed within 60 s of a sweep by the same contact",
    "scan_open": "opened 60 s or less before a click of a sweep by the same contact",
}
DEFAULT: Final = ("honeypot", "sweep", "instant", "unsub_in_sweep", "scan_open")
GIVEN: Final = "given"
REASONS: Final = (*RULES, GIVEN)
# Kinds of event whose dates a rule compares with those of another kind: it does not hold where their clocks disagree.
COMPARED: Final[Mapping[str, tuple[str, ...]]] = {
    "instant": ("EMAIL_CLICK",),
    "unsub_in_sweep": ("EMAIL_UNSUBSCRIBE", "EMAIL_CLICK"),
    "scan_open": ("EMAIL_OPEN", "EMAIL_CLICK"),
}
SUSPECT: Final = 0.01  # share of first events before their own send at which clocks disagree; see `clock_check`


@dataclass(frozen=True)
class Rules:
    """Which rules hold, and what they need beside the events.

    Attributes
    ----------
    names : tuple of str
        Of `RULES`.
    honeypots : frozenset of str
        Link ids that no reader sees.
    """

    names: tuple[str, ...] = DEFAULT
    honeypots: frozenset[str] = frozenset()

    @property
    def asked(self) -> tuple[str, ...]:
        """Those that can find something: without honeypots there is nothing in one."""
        return tuple(name for name in self.names if name != "honeypot" or self.honeypots)

    @property
    def needed(self) -> tuple[str, ...]:
        """Columns of the activities that they need, beside one that tells links apart."""
        kinds = ("activity_type", "activity_date", "campaign_id", "contact_id")
        links = ("link_id",) if "honeypot" in self.asked else ()
        return (*kinds, *links, *(("email_address",) if "cohort_second" in self.names else ()))


def rules_of(names: Collection[str] | None, honeypots: Iterable[str]) -> Rules:
    """Read the choice of rules.

    Raises
    ------
    TypeError, ValueError
        When a rule is not known, or link ids are no texts.
    """
    for argument, value in (("rules", names), ("honeypot_link_ids", honeypots)):
        if isinstance(value, str) or not isinstance(value, (Iterable, type(None))):
            raise TypeError(f"{argument} takes several texts, such as a list, not one {type(value).__name__}")
    chosen = DEFAULT if names is None else tuple(names)
    unknown = [name for name in chosen if name not in RULES]
    if unknown:
        raise ValueError(f"there is no rule {', '.join(map(repr, unknown))}; there are: {', '.join(RULES)}")
    links = frozenset(honeypots)
    if not all(isinstance(one, str) for one in links):
        raise TypeError("honeypot_link_ids takes link ids as texts, such as '1100000000001'")
    if links and "honeypot" not in chosen:
        raise ValueError("honeypot_link_ids goes with the rule 'honeypot'; add it to rules")
    return Rules(tuple(name for name in RULES if name in chosen), links)


@dataclass(frozen=True)
class Found:
    """What the rules say of some rows.

    Attributes
    ----------
    reasons : numpy.ndarray of int8
        Of each row: place in `REASONS`, -1 where it does not look automatic.
    held : tuple of str
        The rules that were applied; `GIVEN` where the rows said themselves which events are automatic.
    off : tuple of str
        Rules that were asked for and not applied, because clocks disagree.
    clocks_suspect : bool
        Whether events come before their own send so often that times between kinds of event do not hold.
    """

    reasons: npt.NDArray[np.int8]
    held: tuple[str, ...]
    off: tuple[str, ...] = ()
    clocks_suspect: bool = False


def judged(rows: pd.DataFrame, rules: Rules) -> Found:
    """Judge the rows of recipients that have clicks; all rows of each must be there.

    Parameters
    ----------
    rows
        Columns `Rules.needed`; without missing campaign and contact ids. A column `machine` is taken as it stands.
    rules
        Which ones.
    """
    if "machine" in rows.columns:
        return Found(_given(rows), (GIVEN,))
    reasons = np.full(len(rows), -1, dtype=np.int8)
    seen = _Seen(rows)
    suspect = {kind for kind in ("EMAIL_OPEN", "EMAIL_CLICK", "EMAIL_UNSUBSCRIBE") if seen.before_send(kind) >= SUSPECT}
    off = tuple(name for name in rules.asked if suspect.intersection(COMPARED.get(name, ())))
    held = tuple(name for name in rules.asked if name not in off)
    for name in reversed(held):
        reasons[seen.caught(name, rules)] = REASONS.index(name)
    return Found(reasons, held, off, bool(suspect))


def _given(rows: pd.DataFrame) -> npt.NDArray[np.int8]:
    """Give the reasons that the rows tell themselves, `GIVEN` where they tell none that is known."""
    automatic = truths(rows["machine"])
    reasons = np.where(automatic, REASONS.index(GIVEN), -1).astype(np.int8)
    if "machine_reason" in rows.columns:
        told = pd.Index(REASONS, dtype=object).get_indexer(pd.Index(rows["machine_reason"].astype(object)))
        known = automatic & (told >= 0)
        reasons[known] = told[known]
    return reasons


def recipients(rows: pd.DataFrame) -> Numbers:
    """Give a number for the campaign and contact of each row."""
    campaign, _ = factorized(rows["campaign_id"])
    contact, contacts = factorized(rows["contact_id"])
    return campaign.astype(np.int64) * max(len(contacts), 1) + contact


def links_of(rows: pd.DataFrame) -> Numbers:
    """Give a number for the link of each row: of its id, else of its address, -1 where neither is known."""
    link = np.full(len(rows), -1, dtype=np.int64)
    used = 0
    for name in ("link_id", "link_uri"):
        if name in rows.columns and (link < 0).any():
            codes, values = factorized(rows[name])
            link = np.where((link < 0) & (codes >= 0), codes.astype(np.int64) + used, link)
            used += len(values)
    return link


def by_owner(rows: pd.DataFrame) -> Flags:
    """Tell unsubscriptions by the sender's own hand, where the rows say who did it."""
    if "unsubscribe_source" not in rows.columns:
        return np.zeros(len(rows), dtype=np.bool_)
    return rows["unsubscribe_source"].isin([OWNER]).to_numpy(dtype=np.bool_)


def _domain(address: str) -> str | None:
    _, sign, domain = address.rpartition("@")
    return domain.lower() if sign else None


class _Seen:
    """What recipients did, in order of time."""

    def __init__(self, rows: pd.DataFrame) -> None:
        self._rows = rows
        self._times = microseconds(rows["activity_date"])
        self._kinds, self._names = factorized(rows["activity_type"])
        self._line = Line.of(recipients(rows), self._times)

    def before_send(self, kind: str) -> float:
        """Give the share of first events of a kind that are before the first send to their recipient."""
        sends, events = self._sends, self._line.only(self._on_line(kind)).firsts()
        if not len(sends):
            return 0.0
        place = np.minimum(np.searchsorted(sends.group, events.group), len(sends) - 1)
        sent = sends.group[place] == events.group
        return float((events.time < sends.time[place])[sent].mean()) if sent.any() else 0.0

    @cached_property
    def _sends(self) -> Line:
        """The first send to each recipient."""
        return self._line.only(self._on_line("EMAIL_SEND")).firsts()

    def caught(self, name: str, rules: Rules) -> Numbers:
        """Give the positions of the rows for which a rule holds."""
        if name == "honeypot":
            return self._near_honeypots(rules.honeypots)
        if name == "cohort_second":
            return self._cohorts()
        line, swept = self._line, self._swept
        if name == "sweep":
            return line.at[swept]
        if name == "instant":
            held = self._on_line("EMAIL_CLICK") & line.near(self._on_line("EMAIL_SEND"), after=10 * SECOND)
        elif name == "scan_open":
            held = self._on_line("EMAIL_OPEN") & line.near(swept, before=60 * SECOND)
        else:
            held = self._on_line("EMAIL_UNSUBSCRIBE")
            if held.any():
                held &= line.near(swept, before=60 * SECOND, after=60 * SECOND) & ~by_owner(self._rows)[line.at]
        return line.at[held]

    @cached_property
    def _swept(self) -> Flags:
        """Which rows of the line are clicks of a sweep."""
        clicked = self._on_line("EMAIL_CLICK")
        clicks = self._line.only(clicked)
        link = links_of(self._rows)[clicks.at]
        swept = np.zeros(len(self._line), dtype=np.bool_)
        swept[clicked] = clicks.sweeping(link, 3, 10 * SECOND) | clicks.sweeping(link, 2, SECOND)
        return swept

    def _near_honeypots(self, honeypots: frozenset[str]) -> Numbers:
        """Give clicks on these links, and what their contacts did, in any campaign, within 20 s of one."""
        caught = self._of_kind("EMAIL_CLICK") & self._rows["link_id"].isin(honeypots).to_numpy(dtype=np.bool_)
        if not caught.any():
            return np.zeros(0, dtype=np.int64)
        line = Line.of(factorized(self._rows["contact_id"])[0].astype(np.int64), self._times)
        near = line.at[line.near(caught[line.at], before=20 * SECOND, after=20 * SECOND)]
        done = ~self._of_kind("EMAIL_SEND", "EMAIL_BOUNCE")  # these are not the contact's doing
        return np.union1d(np.flatnonzero(caught), near[done[near]])

    def _cohorts(self) -> Numbers:
        """Give clicks that contacts of one domain made in the same second, where chance does not explain them."""
        at = np.flatnonzero(self._of_kind("EMAIL_CLICK") & (self._times != NO_TIME))
        address, known = factorized(self._rows["email_address"].iloc[at])
        domain, domains = pd.factorize(np.array([_domain(one) for one in known] + [None], dtype=object))
        group = domain[address].astype(np.int64)  # the last is that of NA
        at, group = at[group >= 0], group[group >= 0]
        group += factorized(self._rows["campaign_id"])[0][at].astype(np.int64) * len(domains)
        contact = factorized(self._rows["contact_id"])[0][at].astype(np.int64)
        return at[coincident(group, self._times[at] // SECOND, contact, 3)]

    def _of_kind(self, *kinds: str) -> Flags:
        chosen = np.append(np.isin(self._names, kinds), False)  # the last is that of NA
        return np.asarray(chosen[self._kinds], dtype=np.bool_)

    def _on_line(self, kind: str) -> Flags:
        return self._of_kind(kind)[self._line.at]
