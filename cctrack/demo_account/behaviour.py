"""What happens to one mailing: sends, bounces, people, privacy proxies, scanners, forwards and goodbyes.

Curves and rates are those published for newsletters; each constant carries its unit. A mailing draws from a
generator of its own, so another mailing more leaves it as it was.
"""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from .clock import DAY, HOUR, MINUTE, NEVER, NOW_MS, SECOND, Bools, Floats, Ints, after, into_night
from .mailings import SMALL_PRINT, UNSUBSCRIBE_LINK
from .people import Traits

HUMAN, MPP, SCANNER, FORWARD, DUPLICATE = range(5)
ORIGINS: Final = ("human", "mpp", "scanner", "forward", "duplicate")
BOUNCE_CODES: Final = ("B", "D", "F", "S", "V", "X", "Z")
SOURCES: Final = ("ACTION_BY_CUSTOMER", "ACTION_BY_CONTACT", "ACTION_BY_OWNER")
REASONS: Final = ("", "Too many emails", "No longer interested", "I did not sign up")
KINDS: Final = ("sends", "opens", "clicks", "forwards", "bounces", "unsubscribes")

_B, _D, _F, _S, _V, _X, _Z = range(7)
# Share of sends, and median delay of the report (a vacation reply is a delivery all the same).
_BOUNCE_RATES: Final = {_F: 0.0025, _D: 0.0020, _Z: 0.0060, _V: 0.0030, _X: 0.0015}
_BOUNCE_MEDIAN: Final = np.array([20 * SECOND, 3 * DAY, 5 * MINUTE, 2 * SECOND, 40 * SECOND, 2 * MINUTE, 15 * SECOND])
_BOUNCE_SIGMA: Final = np.array([0.8, 0.05, 1.0, 0.4, 0.6, 1.0, 0.8])
_FEATURED_FORWARDS = 0.12  # the contact people look at first should have forwards too


@dataclass
class State:
    """What earlier mailings have left behind, one entry a contact."""

    sends: Ints
    last_send: Ints
    week_sends: list[tuple[Ints, Ints]]
    left_at: Ints
    first_bad: Ints
    second_bad: Bools

    @classmethod
    def fresh(cls, count: int) -> "State":
        """Start with nobody ever mailed."""
        nothing = np.zeros(count, dtype=np.int64)
        never = np.full(count, NEVER, dtype=np.int64)
        return cls(nothing.copy(), nothing.copy(), [], never.copy(), never.copy(), np.zeros(count, dtype=bool))


@dataclass
class Log:
    """Rows of one mailing: by kind, the columns (contact, time, detail, second detail, origin)."""

    rows: dict[str, list[tuple[Ints, Ints, Ints, Ints, Ints]]] = field(
        default_factory=lambda: {kind: [] for kind in KINDS}
    )
    reads: tuple[Ints, Ints] = field(default_factory=lambda: (np.zeros(0, np.int64), np.zeros(0, np.int64)))
    spam: int = 0

    def add(
        self, kind: str, who: Ints, time: Ints, origin: int | Ints, one: int | Ints = 0, two: int | Ints = 0
    ) -> None:
        """Note rows, but none that the account has not lived to see."""
        seen = time <= NOW_MS
        columns = (
            np.broadcast_to(np.asarray(c, dtype=np.int64), who.shape)[seen] for c in (who, time, one, two, origin)
        )
        self.rows[kind].append(tuple(columns))  # type: ignore[arg-type]


def mail(
    rng: np.random.Generator, due: int, who: Ints, traits: Traits, state: State, links: Ints, weight: Floats
) -> Log:
    """Send one mailing to `who` and play what follows; `links` are positions in the link table."""
    log = Log()
    count = len(who)
    # The outbox works in ticks of 50 ms, so that some mails share their instant.
    sent = due + (rng.random(count) * 15 * MINUTE).astype(np.int64) // 50 * 50
    log.add("sends", who, sent, HUMAN)
    code = _bounce_codes(rng, who, sent, traits, state)
    bounced = np.flatnonzero(code >= 0)
    hit = code[bounced]
    delay = _BOUNCE_MEDIAN[hit] * np.exp(_BOUNCE_SIGMA[hit] * rng.standard_normal(len(hit)))
    log.add("bounces", who[bounced], sent[bounced] + delay.astype(np.int64), HUMAN, hit)

    reached = np.flatnonzero((code < 0) | (code == _V))
    mine, at = who[reached], sent[reached]
    zones = traits.zone[mine]
    awake = state.sends[mine] < traits.sends_until_drop_out[mine]
    read_at = _reads(rng, mine, at, zones, awake, traits)
    fetched = _fetches(rng, mine, at, zones, traits)
    _note_opens(rng, log, mine, zones, read_at, fetched, traits)
    _clicks(rng, log, mine, at, read_at, traits, links, weight)
    _forwards(rng, log, mine, read_at, traits, links, weight)
    left = _human_goodbyes(rng, log, mine, at, awake, read_at, state, traits, links)
    _sweeps(rng, log, mine, at, left, state, traits, links)

    readers = read_at <= NOW_MS
    log.reads = (mine[readers], read_at[readers])
    log.spam = int(rng.binomial(len(mine), 0.0001))
    state.sends[who] += 1
    state.last_send[who] = np.maximum(state.last_send[who], sent)
    state.week_sends.append((who, sent))
    return log


def _bounce_codes(rng: np.random.Generator, who: Ints, sent: Ints, traits: Traits, state: State) -> Ints:
    """Position in `BOUNCE_CODES` for each recipient, -1 where the mail went through."""
    code = np.full(len(who), -1, dtype=np.int64)
    draw = rng.random(len(who))
    floor = 0.0
    for kind, rate in _BOUNCE_RATES.items():
        code[(draw >= floor) & (draw < floor + rate)] = kind
        floor += rate
    if rng.random() < 0.02 and traits.corporate[who].any():  # one firm's filter blocks the whole mailing
        blocked = rng.choice(traits.domain[who][traits.corporate[who]])
        code[traits.domain[who] == blocked] = _Z
    code[traits.loyal[who]] = -1
    # A bad address: B, then held back as S for 15 days, tried and refused once more, then S for ever.
    bad = np.flatnonzero(traits.bad_address[who])
    owner, time = who[bad], sent[bad]
    first = state.first_bad[owner] == NEVER
    held = ~first & (time < state.first_bad[owner] + 15 * DAY)
    again = ~first & ~held & ~state.second_bad[owner]
    code[bad] = np.where(first | again, _B, _S)
    state.first_bad[owner[first]] = time[first]
    state.second_bad[owner[again]] = True
    return code


def _reads(rng: np.random.Generator, who: Ints, sent: Ints, zones: Ints, awake: Bools, traits: Traits) -> Ints:
    """When each recipient first really opens the mail, `NEVER` if not."""
    mood = rng.normal(0.0, 0.2)
    chance = _shifted(traits.open_propensity[who], mood)
    opens = awake & (rng.random(len(who)) < chance)
    hours = np.exp(np.log(5.9) + 2.27 * rng.standard_normal(len(who)))
    return np.where(opens, after(sent, hours, zones), NEVER)


def _fetches(rng: np.random.Generator, who: Ints, sent: Ints, zones: Ints, traits: Traits) -> Ints:
    """When a privacy proxy fetches the pictures, `NEVER` if not: soon after, or in the reader's night."""
    count = len(who)
    active = traits.proxied[who] & (rng.random(count) < 0.75)
    soon = np.exp(np.log(0.4) + 1.2 * rng.standard_normal(count))
    late = np.exp(np.log(9.0) + 0.6 * rng.standard_normal(count))
    at_once = rng.random(count) < 0.45
    time = sent + (np.where(at_once, soon, late) * HOUR).astype(np.int64)
    time = np.where(at_once, time, into_night(time, zones, rng.random(count)))
    return np.where(active, time, NEVER)


def _note_opens(
    rng: np.random.Generator, log: Log, who: Ints, zones: Ints, read_at: Ints, fetched: Ints, traits: Traits
) -> None:
    """Note opens as recorded: blocked pictures leave none, and a proxy's cache leaves only the first."""
    shown = np.where(traits.images_blocked[who], NEVER, read_at)
    proxied = fetched < NEVER
    first = np.minimum(shown, fetched)
    log.add("opens", who, first, np.where(fetched < shown, MPP, HUMAN))
    direct = np.flatnonzero((shown < NEVER) & ~proxied)
    again = np.repeat(direct, rng.poisson(0.5, len(direct)))
    hours = np.exp(np.log(5.0) + 1.8 * rng.standard_normal(len(again)))
    log.add("opens", who[again], after(shown[again], hours, zones[again]), HUMAN)


def _clicks(
    rng: np.random.Generator,
    log: Log,
    who: Ints,
    sent: Ints,
    read_at: Ints,
    traits: Traits,
    links: Ints,
    weight: Floats,
) -> None:
    """Clicks of those who read: early readers click more; some come back the next day, some click twice."""
    mood = rng.normal(0.0, 0.3)
    readers = np.flatnonzero(read_at <= NOW_MS)
    hours = np.maximum((read_at[readers] - sent[readers]) / HOUR, 0.02)
    chance = _shifted(np.minimum(traits.click_propensity[who[readers]] * 1.15 * hours**-0.12, 0.98), mood)
    clickers = readers[rng.random(len(readers)) < chance]
    live = np.flatnonzero(weight > 0)
    if not len(clickers):
        return
    wanted = np.minimum(rng.geometric(0.72, len(clickers)), len(live))
    # Weighted draw without repeats: the largest keys log(weight) + Gumbel noise.
    keys = np.log(weight[live]) + rng.gumbel(size=(len(clickers), len(live)))
    ranked = live[np.argsort(-keys, axis=1)]
    gaps = np.exp(np.log(40.0) + 1.2 * rng.standard_normal(ranked.shape))
    gaps[:, 0] = np.exp(np.log(72.0) + rng.standard_normal(len(clickers)))
    times = read_at[clickers][:, None] + (np.cumsum(gaps, axis=1) * SECOND).astype(np.int64)
    taken = np.arange(len(live)) < wanted[:, None]
    contact = np.broadcast_to(who[clickers][:, None], ranked.shape)[taken]
    link, time = links[ranked[taken]], times[taken]
    log.add("clicks", contact, time, HUMAN, link)
    double = rng.random(len(time)) < 0.06
    log.add(
        "clicks",
        contact[double],
        time[double] + rng.integers(120, 1500, int(double.sum())),
        DUPLICATE,
        link[double],
    )
    back = rng.random(len(clickers)) < 0.12
    next_day = times[back, 0] + (rng.uniform(16, 30, int(back.sum())) * HOUR).astype(np.int64)
    log.add("clicks", who[clickers[back]], next_day, HUMAN, links[ranked[back, 0]])


def _forwards(
    rng: np.random.Generator, log: Log, who: Ints, read_at: Ints, traits: Traits, links: Ints, weight: Floats
) -> None:
    """Forward by the mail's own link; the copy's opens and clicks count under the first recipient."""
    readers = np.flatnonzero(read_at <= NOW_MS)
    rate = np.where(traits.loyal[who[readers]], _FEATURED_FORWARDS, 0.0005)
    chosen = readers[rng.random(len(readers)) < rate]
    time = read_at[chosen] + (np.exp(np.log(90) + rng.standard_normal(len(chosen))) * SECOND).astype(np.int64)
    log.add("forwards", who[chosen], time, HUMAN)
    seen = rng.random(len(chosen)) < 0.30
    opened = time + (np.exp(np.log(3.0) + 1.5 * rng.standard_normal(len(chosen))) * HOUR).astype(np.int64)
    log.add("opens", who[chosen[seen]], opened[seen], FORWARD)
    clicked = seen & (rng.random(len(chosen)) < 0.05 / 0.30)
    pick = rng.choice(len(links), len(chosen), p=weight / weight.sum())
    log.add("clicks", who[chosen[clicked]], opened[clicked] + 40 * SECOND, FORWARD, links[pick[clicked]])


def _human_goodbyes(
    rng: np.random.Generator,
    log: Log,
    who: Ints,
    sent: Ints,
    awake: Bools,
    read_at: Ints,
    state: State,
    traits: Traits,
    links: Ints,
) -> Ints:
    """Unsubscribes by people; gives the recipients (positions in `who`) who left."""
    hazard = 0.0018 * np.where(state.sends[who] < 3, 3.0, 1.0) * np.where(awake, 1.0, 0.6)
    hazard = hazard * np.where(_sends_of_the_week(state, who, sent) > 2, 1.5, 1.0)
    free = (state.left_at[who] == NEVER) & (state.last_send[who] <= sent) & ~traits.loyal[who]
    leaving = np.flatnonzero(free & (rng.random(len(who)) < hazard))
    time = sent[leaving] + (np.exp(np.log(2.0) + 1.5 * rng.standard_normal(len(leaving))) * HOUR).astype(np.int64)
    source = rng.choice(3, len(leaving), p=[0.6, 0.3, 0.1])
    reason = np.where(source == 2, 0, rng.choice(len(REASONS), len(leaving), p=[0.7, 0.12, 0.12, 0.06]))
    log.add("unsubscribes", who[leaving], time, HUMAN, source, reason)
    by_link = (read_at[leaving] < time) & (source != 2)
    log.add("clicks", who[leaving[by_link]], time[by_link] - 6 * SECOND, HUMAN, int(links[UNSUBSCRIBE_LINK]))
    gone = time <= NOW_MS
    state.left_at[who[leaving[gone]]] = time[gone]
    left: Ints = leaving[gone]
    return left


def _sweeps(
    rng: np.random.Generator,
    log: Log,
    who: Ints,
    sent: Ints,
    left: Ints,
    state: State,
    traits: Traits,
    links: Ints,
) -> None:
    """Let scanners open within seconds, then take the links in a burst, seldom the unsubscribe link too."""
    at = np.flatnonzero(traits.scanned[who] & (rng.random(len(who)) < 0.15))
    count = len(at)
    opened = sent[at] + (np.exp(np.log(8.5) + 0.84 * rng.standard_normal(count)) * SECOND).astype(np.int64)
    prompt = np.exp(np.log(48.0) + 0.45 * rng.standard_normal(count))
    late = np.exp(np.log(1800.0) + 1.2 * rng.standard_normal(count))
    start = sent[at] + (np.where(rng.random(count) < 0.96, prompt, late) * SECOND).astype(np.int64)
    looks = rng.random(count) < 0.85
    start = np.where(looks, np.maximum(start, opened + SECOND), start)
    log.add("opens", who[at[looks]], opened[looks], SCANNER)

    body = np.setdiff1d(np.arange(len(links)), [len(links) + UNSUBSCRIBE_LINK, len(links) + SMALL_PRINT])
    pattern = rng.choice(4, count, p=[0.72, 0.13, 0.10, 0.05])  # all at once, one a second, some, one
    shape = (count, len(body))
    burst = np.sort(rng.random(shape), axis=1) * 0.9
    paced = np.cumsum(rng.uniform(0.7, 1.3, shape), axis=1)
    wait = np.where((pattern == 1)[:, None], paced, burst)
    size = np.select([pattern < 2, pattern == 2], [len(body), rng.integers(2, len(body), count)], 1)
    order = np.argsort(rng.random(shape), axis=1)
    touched = np.where((pattern < 2)[:, None], True, order < size[:, None])
    time = start[:, None] + (wait * SECOND).astype(np.int64)
    contact = np.broadcast_to(who[at][:, None], shape)
    log.add("clicks", contact[touched], time[touched], SCANNER, np.broadcast_to(links[body], shape)[touched])

    trapped = (rng.random(count) < 0.02) & (state.left_at[who[at]] == NEVER) & (state.last_send[who[at]] <= sent[at])
    trapped &= ~np.isin(at, left)
    last = time[trapped].max(axis=1) if trapped.any() else np.zeros(0, dtype=np.int64)
    log.add("clicks", who[at[trapped]], last + 20, SCANNER, int(links[UNSUBSCRIBE_LINK]))
    log.add("unsubscribes", who[at[trapped]], last + 350, SCANNER, 0)
    state.left_at[who[at[trapped]]] = last + 350


def _sends_of_the_week(state: State, who: Ints, sent: Ints) -> Ints:
    """Mails each recipient has had in the seven days up to this one, which counts."""
    count = np.ones(len(who), dtype=np.int64)
    if not len(who):
        return count
    for earlier, times in state.week_sends:
        if len(times) and sent[0] - 8 * DAY < times[0] < sent[0]:
            order = np.searchsorted(earlier, who)
            order = np.minimum(order, len(earlier) - 1)
            count += (earlier[order] == who) & (times[order] > sent - 7 * DAY)
    return count


def _shifted(chance: Floats, by: float) -> Floats:
    """Probabilities moved by `by` on the logit scale."""
    odds = chance / np.maximum(1 - chance, 1e-12) * np.exp(by)
    shifted: Floats = odds / (1 + odds)
    return shifted
