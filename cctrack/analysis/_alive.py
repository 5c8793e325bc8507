"""Who still reads at all: the beta-geometric / beta-Bernoulli model of silent drop-out.

Each mail is a chance to respond: a contact who is alive does so with its own probability, and before each mail it may
drop out for good with another, without a word. Both probabilities follow Beta distributions over the contacts.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from cctrack.analysis._intervals import Floats
from cctrack.analysis._shrinkage import fit_beta

Counts = npt.NDArray[np.int64]
LEAST_CONTACTS: Final = 100
LEAST_RESPONDENTS: Final = 50
LEAST_MAILS: Final = 4  # of one contact at least: with fewer no silence can be told from chance
_GAIN: Final = 3.0  # of log likelihood, that two more parameters make by chance in one of twenty cases
_BOUNDS: Final = (-7.0, 10.0)  # logarithms of the parameters: from all or nothing to all alike
_STARTS: Final = ((0.5, 10.0), (1.0, 3.0), (0.3, 1.0), (2.0, 60.0))  # of the drop-out: slow, quick, mixed, alike


@dataclass(frozen=True)
class Alive:
    """How responding and dropping out spread over the contacts.

    Attributes
    ----------
    alpha, beta : float
        Of the Beta distribution of the probability to respond to a mail while alive.
    gamma, delta : float
        Of that of the probability to drop out before a mail.
    n_contacts : int
        That the model was fitted to.
    log_likelihood : float
        Of their histories.

    Notes
    -----
    Fader, Hardie and Shang, Marketing Science 29 (2010) 1086-1108.
    """

    alpha: float
    beta: float
    gamma: float
    delta: float
    n_contacts: int
    log_likelihood: float

    def probability(self, x: Counts, last: Counts, n: Counts) -> Floats:
        """Give the probability that contacts were alive at their n-th mail; see `fit_alive`. NaN without mails."""
        still, gone = _parts(np.array([self.alpha, self.beta, self.gamma, self.delta]), x, last, n)
        return np.where(n > 0, np.exp(still - np.logaddexp(still, gone)), np.nan)

    @property
    def note(self) -> str:
        """What was fitted, as a sentence for the reader of a table."""
        return (
            f"p_alive: BG/BB model fitted to {self.n_contacts:,} contacts by maximum likelihood; responding has "
            f"Beta({self.alpha:.3g}, {self.beta:.3g}), dropping out Beta({self.gamma:.3g}, {self.delta:.3g}) a mail. "
            "It holds on average over contacts of one value, not for each of them, and has no interval."
        )


def fit_alive(x: Counts, last: Counts, n: Counts) -> Alive | str:
    """Fit the model by maximum likelihood; or say why it cannot be.

    Parameters
    ----------
    x
        Mails that each contact responded to.
    last
        Place of the last of them among its mails, from 1; 0 where there is none.
    n
        Its mails.
    """
    from scipy.optimize import minimize

    held = n > 0
    table, times = np.unique(np.stack([x[held], last[held], n[held]]), axis=1, return_counts=True)
    few = _too_few(table, times)
    if few:
        return few
    x, last, n = table
    plain = fit_beta(np.repeat(x, times), np.repeat(n, times))

    def loss(logs: Floats) -> float:
        return -float(times @ np.logaddexp(*_parts(np.exp(logs), x, last, n)))

    best = None
    for start in _STARTS:
        # Who has dropped out pulls the rate of all down: the alive respond more often than the pooled rate says.
        begin = np.clip(np.log([plain.alpha, 0.7 * plain.beta, *start]), *_BOUNDS)
        found = minimize(loss, begin, method="L-BFGS-B", bounds=[_BOUNDS] * 4)
        if best is None or found.fun < best.fun:
            best = found
    assert best is not None
    if -best.fun - _without_drop_out(plain.alpha, plain.beta, x, n, times) < _GAIN:
        return "the responses show no drop-out beyond what chance makes"
    alpha, beta, gamma, delta = np.exp(best.x)
    return Alive(float(alpha), float(beta), float(gamma), float(delta), int(times.sum()), -float(best.fun))


def _too_few(table: Counts, times: Counts) -> str:
    x, _, n = table
    contacts, responded = int(times.sum()), int(times[x > 0].sum())
    if contacts < LEAST_CONTACTS or responded < LEAST_RESPONDENTS or int(n.max(initial=0)) < LEAST_MAILS:
        return (
            f"it takes {LEAST_CONTACTS} contacts, {LEAST_RESPONDENTS} of them with a response, and {LEAST_MAILS} mails "
            f"to one of them; there are {contacts:,}, {responded:,} and {int(n.max(initial=0))}"
        )
    return ""


def _without_drop_out(alpha: float, beta: float, x: Counts, n: Counts, times: Counts) -> float:
    from scipy.special import betaln

    return float(times @ (betaln(alpha + x, beta + n - x) - betaln(alpha, beta)))


def _parts(values: Floats, x: Counts, last: Counts, n: Counts) -> tuple[Floats, Floats]:
    """Give the logarithms of the likelihood's two parts: alive to the end, and dropped out somewhere after `last`."""
    from scipy.special import betaln

    alpha, beta, gamma, delta = values
    none = betaln(alpha, beta) + betaln(gamma, delta)
    still = betaln(alpha + x, beta + n - x) + betaln(gamma, delta + n) - none
    if not len(n):
        return still, still
    # Dropped out before mail t + 1, for t from `last` to n - 1: sums from the far end, one row for each x. Terms fall
    # with t, so that a difference of two such sums keeps its digits.
    size = int(n.max())
    rows, row = np.unique(x, return_inverse=True)
    t = np.maximum(np.arange(size), rows[:, np.newaxis])
    terms = betaln(alpha + rows[:, np.newaxis], beta + t - rows[:, np.newaxis]) + betaln(gamma + 1, delta + t)
    most = terms.max(axis=1, initial=-np.inf, keepdims=True)
    sums = np.zeros((len(rows), size + 1))
    sums[:, :-1] = np.cumsum(np.exp(terms - most)[:, ::-1], axis=1)[:, ::-1]
    with np.errstate(divide="ignore"):
        gone = np.log(sums[row, last] - sums[row, n]) + most[row, 0] - none
    return still, gone
