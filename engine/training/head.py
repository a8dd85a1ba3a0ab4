"""Fitting a head: what the nodes before it make of each patient, and the formula that makes the answer of that.

Logistic regression and linear support vectors are scikit-learn's, Cox's model is `engine.training.survival`; how much
they are held back is chosen by cross-validation within the patients that are learned from. Margins of a support vector
machine become probabilities by Platt's way, from margins of patients left out in turn (Platt 1999).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.svm import SVC

from engine.answers import RunOptions
from engine.cards.registry import LoadedCard
from engine.errors import CardError, MismatchError
from engine.inference.context import Context
from engine.inference.features import Features
from engine.inference.graph import given_to
from engine.inference.head import answers_of, row_of
from engine.inference.scores import Scores
from engine.operations.head import Fitted, Params
from engine.training.cohort import Patient, parted_patients, patients_of
from engine.training.labelled.sample import fingerprint, labels_in
from engine.training.labelled.table import labelled_samples
from engine.training.loop import Lesson
from engine.training.survival import chosen_penalty, concordance, fit_cox, free_of_event

#: Fewer patients, or events, are no ground for a formula.
_LEAST_PATIENTS, _LEAST_EVENTS = 8, 4
#: How strongly scikit-learn's models follow the data, tried in turn.
_STRENGTHS = (0.001, 0.01, 0.1, 1.0, 10.0)
#: Columns of less deviation say nothing.
_FLAT = 1e-9


@dataclass(frozen=True, eq=False)
class Rows:
    """What a head is given of each patient, and what became of them.

    Args:
        columns: NODE.COLUMN.
        values: (n, columns).
        patients: in the same order.
        prints: fingerprints of their images.
    """

    columns: tuple[str, ...]
    values: NDArray[np.float64]
    patients: Sequence[Patient]
    prints: Sequence[int] = ()

    @property
    def months(self) -> NDArray[np.float64]:
        """(n,) times; NaN where none is told."""
        return np.array([np.nan if p.months is None else p.months for p in self.patients], np.float64)

    @property
    def events(self) -> NDArray[np.bool_]:
        """(n,)."""
        return np.array([p.event for p in self.patients], np.bool_)

    def holds(self, label: str) -> NDArray[np.bool_]:
        """(n,) whether the label holds."""
        return np.array([label in p.sample.labels for p in self.patients], np.bool_)


def fitted_head(lesson: Lesson, holdout: float) -> tuple[Params, dict[str, float]]:
    """A head, fitted on a cohort, and its scores on those held out, by label, and their "mean".

    The score is the area under the curve, of a model of times Harrell's C.

    Args:
        lesson: whose node is the head.
        holdout: share of the patients that is held out where the cohort does not say.

    Raises:
        MismatchError: there are too few patients or events to fit on, or a label is nobody's.
        PlanimeterError: an image can't be read, or the nodes before the head can't be run.
    """
    params = lesson.node.params
    assert isinstance(params, Params), "no head"
    learned, held_out = parted_patients(lesson.data, lesson.card, holdout)
    if lesson.validation is not None:
        others = labelled_samples(lesson.validation, labels_in(lesson.card))
        learned, held_out = learned + held_out, patients_of(others, lesson.card)
    rows = rows_of(lesson, learned)
    lesson.learned.update(rows.prints)
    fitted = fitted_on(params, rows)
    made = Params.model_validate(params.model_dump() | {"fitted": fitted.model_dump()})
    return made, scores_of(made, rows_of(lesson, held_out)) if held_out else {}


def rows_of(lesson: Lesson, patients: Sequence[Patient]) -> Rows:
    """What the head of a lesson is given of each patient."""
    card, node = lesson.card, lesson.node
    loaded = LoadedCard(lesson.home, parsed=card)
    found: list[dict[str, float]] = []
    prints: list[int] = []
    for index, patient in enumerate(patients):
        lesson.report(index / max(len(patients), 1), f"patient {index + 1} of {len(patients)}")
        images = patient.sample.images_for(card)
        prints += [fingerprint(*images.values())] if images else []
        context = Context(loaded, images, lesson.device, RunOptions(variables=patient.given))
        taken = [value for value in given_to(context, node) if isinstance(value, Features | Scores)]
        found.append(row_of(node.inputs, taken))
    columns = tuple(found[0]) if found else ()
    if any(tuple(row) != columns for row in found):
        raise CardError(f"The head '{node.node}' of '{card.id}' is not given the same features of each patient.")
    return Rows(columns, np.array([list(row.values()) for row in found], np.float64), list(patients), prints)


def fitted_on(params: Params, rows: Rows) -> Fitted:
    """The formula.

    Raises:
        MismatchError: there are too few patients or events.
    """
    _check(params, rows)
    means, scales = rows.values.mean(axis=0), rows.values.std(axis=0)
    counts = scales > _FLAT
    scaled = (rows.values[:, counts] - means[counts]) / scales[counts]
    survival = None
    slopes: list[float] = []
    shifts: list[float] = []
    if params.is_of_times:
        penalty = chosen_penalty(scaled, rows.months, rows.events, sparse=params.sparse)
        weights = fit_cox(scaled, rows.months, rows.events, penalty, sparse=params.sparse)[None]
        offsets = np.zeros(1)
        survival = free_of_event(scaled @ weights[0], rows.months, rows.events, params.horizon_months)
        happened = int(rows.events.sum())
    else:
        fits = [_of_label(params, scaled, rows.holds(label)) for label in params.labels]
        weights, offsets = np.stack([fit.weights for fit in fits]), np.array([fit.offset for fit in fits])
        if params.model == "svm":
            slopes, shifts = [fit.slope for fit in fits], [fit.shift for fit in fits]
        happened = int(rows.holds(params.labels[0]).sum())
    kept = np.flatnonzero(counts)[np.abs(weights).max(axis=0) > 0]
    weights = weights[:, np.abs(weights).max(axis=0) > 0]
    return Fitted(
        columns=tuple(rows.columns[index] for index in kept),
        means=_numbers(means[kept]),
        scales=_numbers(scales[kept]),
        lows=_numbers(rows.values[:, kept].min(axis=0)),
        highs=_numbers(rows.values[:, kept].max(axis=0)),
        weights=tuple(_numbers(row) for row in weights),
        offsets=_numbers(offsets),
        slopes=tuple(slopes),
        shifts=tuple(shifts),
        survival=survival,
        patients=len(rows.patients),
        events=happened,
    )


def scores_of(params: Params, rows: Rows) -> dict[str, float]:
    """How well a fitted head tells patients apart, by label, and the "mean"; empty where that can't be told."""
    assert params.fitted is not None, "it was just fitted"
    places = [rows.columns.index(column) for column in params.fitted.columns]
    answers = answers_of(params, params.fitted, rows.values[:, places])
    scores: dict[str, float] = {}
    for index, label in enumerate(params.labels):
        if params.is_of_times:
            order = concordance(rows.months, rows.events, answers[:, index])
            scores |= {label: order} if order is not None else {}
        elif 0 < rows.holds(label).sum() < len(rows.patients):
            scores[label] = float(roc_auc_score(rows.holds(label), answers[:, index]))
    return scores | ({"mean": float(np.mean(list(scores.values())))} if scores else {})


@dataclass(frozen=True, eq=False)
class _Fit:
    weights: NDArray[np.float64]
    offset: float
    slope: float = 1.0
    shift: float = 0.0


def _of_label(params: Params, scaled: NDArray[np.float64], holds: NDArray[np.bool_]) -> _Fit:
    """The formula of one label, as strong as does best on patients left out in turn."""
    folds = StratifiedKFold(min(5, int(min(holds.sum(), (~holds).sum()))), shuffle=True, random_state=0)
    margins = {
        strength: cross_val_predict(_machine(params, strength), scaled, holds, cv=folds, method="decision_function")
        for strength in _STRENGTHS
    }
    best = max(_STRENGTHS, key=lambda strength: _worth(params, holds, margins[strength]))
    machine = _machine(params, best).fit(scaled, holds)
    weights, offset = np.asarray(machine.coef_[0], np.float64), float(machine.intercept_[0])
    if params.model == "logistic":
        return _Fit(weights, offset)
    honest = LogisticRegression().fit(margins[best][:, None], holds)
    return _Fit(weights, offset, float(honest.coef_[0, 0]), float(honest.intercept_[0]))


def _worth(params: Params, holds: NDArray[np.bool_], margins: NDArray[np.float64]) -> float:
    """How good margins of patients left out are: as probabilities, where they are logits, else in their order."""
    if params.model == "logistic":
        return -float(log_loss(holds, expit(margins)))
    return float(roc_auc_score(holds, margins))


def _machine(params: Params, strength: float) -> Any:
    if params.model == "svm":
        return SVC(kernel="linear", C=strength, class_weight="balanced")
    return LogisticRegression(C=strength, l1_ratio=float(params.sparse), solver="liblinear", max_iter=2000)


def _check(params: Params, rows: Rows) -> None:
    count = len(rows.patients)
    if count < _LEAST_PATIENTS:
        raise MismatchError(f"There are {count} patients to fit on, and it takes {_LEAST_PATIENTS} at least.")
    if params.is_of_times:
        if np.isnan(rows.months).any():
            raise MismatchError("The table of patients tells no times: it needs 'time_months' and 'event'.")
        if rows.events.sum() < _LEAST_EVENTS:
            raise MismatchError(f"The event came to {int(rows.events.sum())} patients, and it takes {_LEAST_EVENTS}.")
        return
    for label in params.labels:
        holds = int(rows.holds(label).sum())
        if min(holds, count - holds) < _LEAST_EVENTS:
            raise MismatchError(
                f"'{label}' holds for {holds} of {count} patients; it takes {_LEAST_EVENTS} for whom it holds, and as "
                "many for whom it does not."
            )


def _numbers(values: NDArray[np.float64]) -> tuple[float, ...]:
    """To eight digits, which is more than was measured."""
    return tuple(float(f"{value:.8g}") for value in values)
