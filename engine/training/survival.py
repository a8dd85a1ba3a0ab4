"""Cox's model of the time to an event, fitted with a penalty, and how well a risk orders times.

Cox, J R Stat Soc B 1972;34:187; ties by Efron, J Am Stat Assoc 1977;72:557; the share without the event by Breslow,
Biometrics 1974;30:89; the penalty by cross-validated partial likelihood, Verweij and van Houwelingen, Stat Med
1993;12:2305; lasso by accelerated proximal steps, Beck and Teboulle, SIAM J Imaging Sci 2009;2:183.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

_STEPS, _PROXIMAL_STEPS = 60, 1000
#: Enough to choose a penalty by, since each begins where the one before ended.
_TRIAL_STEPS = 80
_TOLERANCE = 1e-9
#: Penalties that are tried, in units of the mean partial log likelihood of one patient.
PENALTIES = tuple(float(value) for value in np.geomspace(1.0, 1e-3, 10))


def partial_likelihood(
    columns: NDArray[np.float64], times: NDArray[np.float64], events: NDArray[np.bool_], weights: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Log partial likelihood, its gradient (p,), and the negative of its Hessian (p, p); ties by Efron.

    Args:
        columns: (n, p).
        times: (n,).
        events: (n,) whether the event was seen at that time; the others were last seen without it.
        weights: (p,).
    """
    order = np.argsort(-times, kind="stable")
    columns, times, events = columns[order], times[order], events[order]
    predicted = columns @ weights
    risk = np.exp(predicted - predicted.max())
    count = columns.shape[1]
    value, gradient, hessian = 0.0, np.zeros(count), np.zeros((count, count))
    sum0, sum1, sum2 = 0.0, np.zeros(count), np.zeros((count, count))
    for start, stop in _ties(times):
        own, chance = columns[start:stop], risk[start:stop]
        sum0 += chance.sum()
        sum1 += chance @ own
        sum2 += (own * chance[:, None]).T @ own
        happened = events[start:stop]
        deaths = int(happened.sum())
        if not deaths:
            continue
        dead, dead_chance = own[happened], chance[happened]
        dead0, dead1 = dead_chance.sum(), dead_chance @ dead
        dead2 = (dead * dead_chance[:, None]).T @ dead
        value += float(predicted[start:stop][happened].sum()) - deaths * float(predicted.max())
        gradient += dead.sum(axis=0)
        for place in range(deaths):
            share = place / deaths
            at0, at1, at2 = sum0 - share * dead0, sum1 - share * dead1, sum2 - share * dead2
            value -= float(np.log(at0))
            gradient -= at1 / at0
            hessian += at2 / at0 - np.outer(at1, at1) / at0**2
    return value, gradient, hessian


def fit_cox(
    columns: NDArray[np.float64],
    times: NDArray[np.float64],
    events: NDArray[np.bool_],
    penalty: float,
    *,
    sparse: bool = False,
) -> NDArray[np.float64]:
    """(p,) weights that maximise the mean log partial likelihood of a patient less the penalty.

    Args:
        columns: (n, p), each of mean 0 and deviation 1 where the penalty is to be fair.
        times, events: as of `partial_likelihood`.
        penalty: times half the squares of the weights, or, where it is sparse, times their sizes.
        sparse: some weights become 0.
    """
    weights = np.zeros(columns.shape[1])
    if sparse and penalty:
        return _fit_sparse(columns, _Order.of(times, events), penalty, weights, _PROXIMAL_STEPS)
    patients = len(times)

    order = _Order.of(times, events)

    def goal(at: NDArray[np.float64]) -> float:
        return order.likelihood(columns @ at) / patients - penalty / 2 * float(at @ at)

    best = goal(weights)
    for _ in range(_STEPS):
        _, gradient, hessian = partial_likelihood(columns, times, events, weights)
        slope = gradient / patients - penalty * weights
        curve = hessian / patients + (penalty + 1e-9) * np.eye(len(weights))
        step = np.linalg.solve(curve, slope)
        while (reached := goal(weights + step)) < best and np.abs(step).max() > _TOLERANCE:
            step = step / 2
        weights, gained, best = weights + step, reached - best, reached
        if np.abs(step).max() < _TOLERANCE or gained < _TOLERANCE**1.5:
            break
    return weights


def chosen_penalty(
    columns: NDArray[np.float64],
    times: NDArray[np.float64],
    events: NDArray[np.bool_],
    *,
    sparse: bool = False,
    folds: int = 5,
    seed: int = 0,
) -> float:
    """The one of `PENALTIES` with the highest cross-validated partial likelihood."""
    part = _folds(events, folds, seed)
    whole = _Order.of(times, events)
    totals = np.zeros(len(PENALTIES))
    for fold in range(folds):
        rest = part != fold
        own = _Order.of(times[rest], events[rest])
        weights = np.zeros(columns.shape[1])
        for index, penalty in enumerate(PENALTIES):
            if sparse:
                weights = _fit_sparse(columns[rest], own, penalty, weights, _TRIAL_STEPS)
            else:
                weights = fit_cox(columns[rest], times[rest], events[rest], penalty)
            totals[index] += whole.likelihood(columns @ weights) - own.likelihood(columns[rest] @ weights)
    return PENALTIES[int(totals.argmax())]


def free_of_event(
    predicted: NDArray[np.float64], times: NDArray[np.float64], events: NDArray[np.bool_], horizon: float
) -> float:
    """The share without the event at the horizon, at a predictor of 0."""
    hazard = 0.0
    risk = np.exp(predicted)
    for moment in np.unique(times[events & (times <= horizon)]):
        hazard += float((events & (times == moment)).sum()) / float(risk[times >= moment].sum())
    return float(np.exp(-hazard))


def concordance(times: NDArray[np.float64], events: NDArray[np.bool_], risk: NDArray[np.float64]) -> float | None:
    """Harrell's C: of the pairs whose order in time is known, in how many the one at higher risk comes first.

    Pairs at the same risk count half; None where no order is known.
    """
    earlier = events[:, None] & (times[:, None] < times[None, :])
    earlier |= (events[:, None] & ~events[None, :]) & (times[:, None] == times[None, :])
    pairs = int(earlier.sum())
    if not pairs:
        return None
    higher = risk[:, None] > risk[None, :]
    same = risk[:, None] == risk[None, :]
    return float((earlier & higher).sum() + 0.5 * (earlier & same).sum()) / pairs


@dataclass(frozen=True, eq=False)
class _Order:
    """Who is at risk when, so that likelihood and gradient are sums over whole arrays.

    Args:
        order: (n,) patients, those seen longest first.
        events: (n,) in that order.
        ends: (deaths,) the last patient in that order who is at risk when a death happens.
        shares: (deaths,) of the deaths at its moment, how many count as gone before it (Efron).
        moments: (deaths,) number of its moment, and `moment_of` (n,) that of each patient.
    """

    order: NDArray[np.intp]
    events: NDArray[np.bool_]
    ends: NDArray[np.intp]
    shares: NDArray[np.float64]
    moments: NDArray[np.intp]
    moment_of: NDArray[np.intp]

    @classmethod
    def of(cls, times: NDArray[np.float64], events: NDArray[np.bool_]) -> "_Order":
        order = np.argsort(-times, kind="stable")
        happened = events[order]
        moment_of = np.zeros(len(times), np.intp)
        ends, shares, moments = [], [], []
        for number, (start, stop) in enumerate(_ties(times[order])):
            moment_of[start:stop] = number
            deaths = int(happened[start:stop].sum())
            ends += [stop - 1] * deaths
            shares += [place / deaths for place in range(deaths)]
            moments += [number] * deaths
        return cls(order, happened, np.array(ends, np.intp), np.array(shares), np.array(moments, np.intp), moment_of)

    def _at_risk(self, risk: NDArray[np.float64]) -> NDArray[np.float64]:
        """(deaths,) the sum of the chances of those at risk."""
        dead = np.bincount(self.moment_of, risk * self.events)
        return np.asarray(np.cumsum(risk)[self.ends] - self.shares * dead[self.moments])

    def likelihood(self, predicted: NDArray[np.float64]) -> float:
        """Log partial likelihood of (n,) predictors."""
        ordered = predicted[self.order]
        highest = float(ordered.max())
        at_risk = self._at_risk(np.exp(ordered - highest))
        return float(ordered[self.events].sum() - np.log(at_risk).sum() - highest * len(self.ends))

    def gradient(self, columns: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """(p,) of the log partial likelihood."""
        own = columns[self.order]
        ordered = own @ weights
        risk = np.exp(ordered - ordered.max())
        inverse = 1 / self._at_risk(risk)
        later = np.cumsum(np.bincount(self.ends, inverse, len(risk))[::-1])[::-1]
        gone = np.bincount(self.moments, inverse * self.shares, int(self.moment_of.max()) + 1)[self.moment_of]
        return np.asarray(own.T @ (self.events - risk * (later - self.events * gone)))


def _fit_sparse(
    columns: NDArray[np.float64], order: _Order, penalty: float, start: NDArray[np.float64], steps: int
) -> NDArray[np.float64]:
    patients = len(columns)
    weights = ahead = start
    # The curvature of the likelihood is no greater than the largest singular value of the columns allows.
    step = 1.0 / (float(np.linalg.norm(columns, 2)) ** 2 / patients + 1e-9)
    speed = 1.0
    for _ in range(steps):
        moved = ahead + step * order.gradient(columns, ahead) / patients
        reached = np.sign(moved) * np.maximum(np.abs(moved) - step * penalty, 0.0)
        faster = (1 + np.sqrt(1 + 4 * speed**2)) / 2
        ahead = reached + (speed - 1) / faster * (reached - weights)
        change = float(np.abs(reached - weights).max(initial=0.0))
        weights, speed = reached, faster
        if change < 1e-6:
            break
    return weights


def _ties(times: NDArray[np.float64]) -> Sequence[tuple[int, int]]:
    """(first, behind the last) of each run of equal times."""
    edges = [0, *(np.flatnonzero(np.diff(times)) + 1).tolist(), len(times)]
    return list(pairwise(edges))


def _folds(events: NDArray[np.bool_], folds: int, seed: int) -> NDArray[np.intp]:
    """(n,) the fold of each patient, events spread evenly."""
    rng = np.random.default_rng(seed)
    part = np.zeros(len(events), np.intp)
    for group in (np.flatnonzero(events), np.flatnonzero(~events)):
        part[rng.permutation(group)] = np.arange(len(group)) % folds
    return part
