"""`planimeter evaluate` for cards that tell a risk: how well it orders the times, and how honest it is at its horizon.

`c_index` is Harrell's, with a 95 % percentile bootstrap over patients. At the horizon stand beside each other, in four
groups from the lowest risk to the highest, the risk that was told and the share with the event by Kaplan and Meier
(J Am Stat Assoc 1958;53:457); `calibration_error` is the mean of their differences, weighted by the groups' sizes.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.answers import RunOptions
from engine.cards.registry import LoadedCard
from engine.cards.schema import Card, Metric
from engine.errors import CancelledError, MismatchError, PlanimeterError
from engine.inference.run import run_card
from engine.operations import head
from engine.progress import part
from engine.training.classes import judged_by
from engine.training.cohort import patients_of
from engine.training.labelled.sample import Sample, labels_in
from engine.training.labelled.table import labelled_samples
from engine.training.loop import Report
from engine.training.parting import spread
from engine.training.survival import concordance

_RESAMPLES, _GROUPS = 500, 4


@dataclass(eq=False)
class RiskScores:
    """What was measured.

    Args:
        card: id and version.
        label: of the event.
        horizon: months.
        risks: (n,) as the card tells them.
        months, events: (n,) what became of the patients.
        failed: patient → why no risk could be told.
        learned: how many the card learned from, which are left out; None where it does not say.
    """

    card: str
    label: str
    horizon: float
    risks: NDArray[np.float64]
    months: NDArray[np.float64]
    events: NDArray[np.bool_]
    failed: dict[str, str] = field(default_factory=dict)
    learned: int | None = None

    def summary(self) -> dict[str, Any]:
        """The JSON of `planimeter evaluate --json`."""
        value = concordance(self.months, self.events, self.risks)
        groups = self.groups()
        count = sum(row["n"] for row in groups)
        error = sum(row["n"] * abs(row["said"] - row["true"]) for row in groups) / max(count, 1)
        return {
            "card": self.card,
            "n": len(self.risks),
            "events": int(self.events.sum()),
            "label": self.label,
            "c_index": None if value is None else round(value, 4),
            "c_index_ci": self._interval(),
            "horizon_months": self.horizon,
            "calibration_error": round(error, 4),
            "reliability": groups,
            "failed": self.failed,
            "learned_from": self.learned,
        }

    def groups(self) -> list[dict[str, Any]]:
        """Of each group of risk: how many, the mean risk, and the share with the event by the horizon."""
        rows = []
        for group in np.array_split(np.argsort(self.risks, kind="stable"), _GROUPS):
            if len(group):
                true = 1 - kaplan_meier(self.months[group], self.events[group], self.horizon)
                said = round(float(self.risks[group].mean()), 4)
                rows.append({"n": len(group), "said": said, "true": round(true, 4)})
        return rows

    def _interval(self) -> list[float] | None:
        rng = np.random.default_rng(0)
        drawn = []
        for _ in range(_RESAMPLES):
            pick = rng.integers(0, len(self.risks), len(self.risks))
            value = concordance(self.months[pick], self.events[pick], self.risks[pick])
            drawn += [] if value is None else [value]
        return [round(float(end), 4) for end in np.percentile(drawn, [2.5, 97.5])] if drawn else None


def is_of_risks(card: Card) -> bool:
    """Whether a card tells the risk of an event in time."""
    return _head_of(card) is not None


def evaluate_risks(
    loaded: LoadedCard,
    samples: Sequence[Sample],
    *,
    device: str = "auto",
    most: int = 0,
    with_learned: bool = False,
    report: Report,
) -> RiskScores:
    """Run a card on patients and compare its risk with what became of them.

    Args:
        loaded: the card.
        samples: patients of a cohort; where it names parts of its own and one is for tests, those.
        device: as for `run_card`.
        most: no more than so many of those that it did not learn from, spread over the cohort; 0 for all.
        with_learned: judge by those that it learned from as well.
        report: told the fraction done and the patient.

    Raises:
        MismatchError: the cohort tells no times, or a risk could be told of nobody.
    """
    params = _head_of(loaded.card)
    assert params is not None, "asked before"
    others, learned = judged_by(loaded, samples, part(report, 0.0, 0.1), with_learned=with_learned)
    label = params.labels[0]
    failed: dict[str, str] = {}
    told: list[tuple[float, float, bool]] = []
    for index, sample in enumerate(chosen := spread(others, most)):
        report(index / len(chosen), sample.name)
        try:
            (patient,) = patients_of([sample], loaded.card)
            if patient.months is None:
                raise MismatchError("The table of patients tells no times: it needs 'time_months' and 'event'.")
            options = RunOptions(variables=patient.given)
            result = run_card(loaded, sample.images_for(loaded.card), device=device, options=options)
        except CancelledError:
            raise
        except PlanimeterError as error:
            failed[sample.name] = str(error)
            continue
        risk = next(score.value for score in result.scores if score.label == label)
        told.append((risk, patient.months, patient.event))
    report(1.0, "done")
    if not told:
        why = next(iter(failed.values()), "the card learned from all of them." if samples else "there are none.")
        raise MismatchError(f"No risk could be told of the {len(others) + (learned or 0)} patients: {why}")
    risks, months, events = (np.array(column) for column in zip(*told, strict=True))
    card = f"{loaded.card.id} {loaded.card.version}"
    return RiskScores(card, label, params.horizon_months, risks, months, events.astype(np.bool_), failed, learned)


def evaluate_cohort(loaded: LoadedCard, data: Path, **more: Any) -> RiskScores:
    """`evaluate_risks` on the cohort in a folder."""
    return evaluate_risks(loaded, labelled_samples(data, labels_in(loaded.card)), **more)


def kaplan_meier(months: NDArray[np.float64], events: NDArray[np.bool_], horizon: float) -> float:
    """The share that is free of the event at the horizon."""
    free = 1.0
    for moment in np.unique(months[events & (months <= horizon)]):
        free *= 1 - float((events & (months == moment)).sum()) / float((months >= moment).sum())
    return free


def risk_metrics(summary: dict[str, Any], measured: Callable[..., Metric]) -> list[Metric]:
    """What a summary of the risks adds to a card's table; `measured` as for `evaluate.metrics`."""
    n, label = summary["n"], summary["label"]
    made = [measured(n=n, name="calibration_error", label=label, value=summary["calibration_error"])]
    if summary["c_index"] is not None:
        ci = tuple(summary["c_index_ci"]) if summary["c_index_ci"] else None
        made.insert(0, measured(n=n, name="c_index", label=label, value=summary["c_index"], ci=ci))
    return made


def risk_table(summary: dict[str, Any]) -> str:
    """The summary as text."""
    value, (low, high) = summary["c_index"], summary["c_index_ci"] or (float("nan"), float("nan"))
    order = "C can't be told" if value is None else f"C {value:.3f} ({low:.3f}-{high:.3f})"
    lines = [
        f"{summary['card']}, {summary['n']} patients, {summary['label']} in {summary['events']}",
        f"{order}; calibration error at {summary['horizon_months']:g} months {summary['calibration_error']:.3f}",
        f"{'risk told':>10} {'came true':>10} {'n':>5}",
    ]
    lines += [f"{row['said']:>10.3f} {row['true']:>10.3f} {row['n']:>5}" for row in summary["reliability"]]
    lines += [f"{name}: {why}" for name, why in summary["failed"].items()]
    return "\n".join(lines)


def _head_of(card: Card) -> head.Params | None:
    heads = [node.params for node in card.graph if isinstance(node.params, head.Params)]
    return next((params for params in reversed(heads) if params.is_of_times), None)
