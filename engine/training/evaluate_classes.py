"""`planimeter evaluate` for cards that give scores: what they say of labelled pictures beside what holds.

`auc` and its sensitivities are those of the first output (what the card is for: malignant, referable ...); `accuracy`,
`balanced_accuracy`, `ece` and the confusion matrix those of the finest classes of the same classifier. The calibration
error is of the likeliest class, in ten bins of equal width (Guo et al., ICML 2017). Intervals are 95 % percentile
bootstraps over patients or lesions, as a set groups its pictures. Pictures that the card learned from are left out, and
counted, before so many of the others are taken as were asked for. `sensitivity` and `specificity` of a label are those
of what a reader is shown as positive: values from the threshold of the card's output on; a label that is no output has
none.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import rankdata
from sklearn.metrics import confusion_matrix, recall_score, roc_auc_score, roc_curve

from engine.cards.registry import LoadedCard
from engine.cards.schema import Metric
from engine.errors import MismatchError
from engine.progress import part
from engine.training.classes import Question, Report, Said, aim_of, judged_by, questions_of, said_of
from engine.training.labelled.sample import Sample
from engine.training.parting import spread
from engine.training_process.checked import listed_names

SPECIFICITIES = (0.8, 0.9, 0.95)
_RESAMPLES, _BINS = 1000, 10
#: Share of the progress for what was learned from.
_KNOWING = 0.1
#: The figures of a card that go into its table, beside those of its labels.
_RECORDED = ("auc", "accuracy", "balanced_accuracy", "ece")


@dataclass(eq=False)
class ClassScores:
    """What was measured.

    Args:
        card: id and version.
        said: of each picture that was judged.
        questions: of the card.
        aim: the question and the label that the card is for.
        learned: how many pictures were left out as the card learned from them; None where it does not say from which.
        thresholds: label → value from which on the card calls it positive; labels that are no output are absent.
        failed: picture → why it could not be judged.
        unlabelled: pictures of which the set says nothing that the card tells, so that they count in no figure.
    """

    card: str
    said: list[Said]
    questions: list[Question]
    aim: tuple[Question, str]
    learned: int | None
    thresholds: Mapping[str, float] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    unlabelled: Sequence[str] = ()

    def summary(self) -> dict[str, Any]:
        """The JSON of `planimeter evaluate --json`."""
        judged = _Judged.of(self.said, self._finest())
        classes = {label: row for q in self.questions for label, row in self._rows(q).items()}
        own = classes[self.aim[1]]
        summary: dict[str, Any] = {
            "card": self.card,
            "n": len(self.said),
            "learned_from": self.learned,
            "aim": self.aim[1],
            "auc": own["auc"],
            "auc_ci": own["auc_ci"],
            "sensitivity_at_specificity": own["sensitivity_at_specificity"],
            **judged.figures(),
            "classes": classes,
            "abstained": sum(said.strangeness > 1 for said in self.said),
            "failed": self.failed,
            "unlabelled": list(self.unlabelled),
        }
        return summary

    def _finest(self) -> Question:
        """The question whose labels are summed to the aim's, or that of the aim itself."""
        below = {leaf for leaves in self.aim[0].leaves.values() for leaf in leaves}
        if below == set(self.aim[0].labels):
            return self.aim[0]
        return next((q for q in reversed(self.questions) if set(q.labels) == below), self.aim[0])

    def _rows(self, question: Question) -> dict[str, dict[str, Any]]:
        judged = _Judged.of(self.said, question)
        return {label: judged.row(index, self.thresholds.get(label)) for index, label in enumerate(question.labels)}


@dataclass(eq=False)
class _Judged:
    """The pictures whose answer to a question is known.

    Args:
        labels: of the question.
        values: (n, labels).
        truth: (n,) place of the label that holds.
        groups: (n,) of patients or lesions, numbered from 0.
        sets: of each picture, the labels in its conformal set; empty where the card has none.
    """

    labels: tuple[str, ...]
    values: NDArray[np.float64]
    truth: NDArray[np.intp]
    groups: NDArray[np.intp]
    sets: list[list[str]]

    @classmethod
    def of(cls, said: Sequence[Said], question: Question) -> "_Judged":
        alone = len(question.labels) == 1
        labels = (*question.labels, f"not {question.labels[0]}") if alone else question.labels
        told = [(one, question.truth(one.sample)) for one in said]
        known = [(one, label or labels[-1]) for one, label in told if label is not None or alone]
        if not any(label is not None for _, label in told):
            raise MismatchError(f"No picture of the set is labelled {', '.join(question.labels)}.")
        values = np.array([one.of(question) for one, _ in known])
        if alone:
            values = np.concatenate([values, 1 - values], axis=1)
        truth = np.array([labels.index(label) for _, label in known])
        _, groups = np.unique([one.sample.group for one, _ in known], return_inverse=True)
        sets = [one.sets[question.labels] for one, _ in known if question.labels in one.sets]
        return cls(labels, values, truth, groups, sets)

    def figures(self) -> dict[str, Any]:
        """Of all labels together."""
        said = self.values.argmax(axis=1)
        right = said == self.truth
        there = np.unique(self.truth)
        # By pictures of one label it can't be judged whether labels are told apart.
        several = len(there) > 1
        # The balanced accuracy, without a warning for each label that is not there.
        balanced = recall_score(self.truth, said, labels=there, average="macro", zero_division=0.0)
        figures: dict[str, Any] = {
            "accuracy": _rounded(right.mean()) if several else None,
            "balanced_accuracy": _rounded(balanced) if several else None,
            "ece": calibration_error(self.values.max(axis=1), right),
            "reliability": reliability(self.values.max(axis=1), right),
            "confusion": {
                "labels": list(self.labels),
                "truth_by_said": confusion_matrix(self.truth, said, labels=range(len(self.labels))).tolist(),
            },
        }
        if len(self.sets) == len(self.truth):
            held = [self.labels[t] in chosen for t, chosen in zip(self.truth, self.sets, strict=True)]
            figures["sets"] = {
                "coverage": _rounded(np.mean(held)),
                "size": _rounded(np.mean([len(chosen) for chosen in self.sets])),
            }
        return figures

    def row(self, index: int, threshold: float | None) -> dict[str, Any]:
        """Of one label against all others; positive is what reaches the threshold, where there is one."""
        truth, values = self.truth == index, self.values[:, index]
        row: dict[str, Any] = {"n": int(truth.sum()), "auc": None, "auc_ci": None, "sensitivity_at_specificity": None}
        row |= {"threshold": threshold, "sensitivity": None, "specificity": None}
        if threshold is not None:
            said = values >= threshold
            row["sensitivity"] = _rounded(said[truth].mean()) if truth.any() else None
            row["specificity"] = _rounded((~said)[~truth].mean()) if not truth.all() else None
        row["ece"] = calibration_error(values, truth)
        if truth.any() and not truth.all():
            row["auc"] = _rounded(roc_auc_score(truth, values))
            row["auc_ci"] = auc_interval(truth, values, self.groups)
            fpr, tpr, _ = roc_curve(truth, values)
            at = {f"{s:.2f}": _rounded(tpr[fpr <= 1 - s + 1e-9].max()) for s in SPECIFICITIES}
            row["sensitivity_at_specificity"] = at
        return row


def evaluate_classes(
    loaded: LoadedCard,
    samples: Sequence[Sample],
    *,
    device: str = "auto",
    most: int = 0,
    with_learned: bool = False,
    report: Report,
) -> ClassScores:
    """Run a card on labelled pictures and compare.

    Args:
        loaded: the card.
        samples: of a set; where it names parts of its own and one is for tests, those.
        device: as for `run_card`.
        most: no more than so many of those that it did not learn from, spread over the set; 0 for all.
        with_learned: judge by those that it learned from as well.
        report: told the fraction done and the picture.

    Raises:
        MismatchError: the card gives no scores of labels, or no picture has labels that it gives.
    """
    questions = questions_of(loaded.card)
    others, learned = judged_by(loaded, samples, part(report, 0.0, _KNOWING), with_learned=with_learned)
    told = [any(question.is_told_of(sample) for question in questions) for sample in others]
    unlabelled = [sample.name for sample, is_told in zip(others, told, strict=True) if not is_told]
    others = [sample for sample, is_told in zip(others, told, strict=True) if is_told]
    failed: dict[str, str] = {}
    said = list(said_of(loaded, spread(others, most), device, part(report, _KNOWING, 1.0), failed))
    if not said:
        labels = ", ".join(dict.fromkeys(label for question in questions for label in question.labels))
        untold = f"those that the card did not learn from have no label that it gives ({labels})."
        why = next(iter(failed.values()), untold if unlabelled else "the card learned from all of them.")
        count = len(others) + len(unlabelled) + (learned or 0)
        raise MismatchError(f"None of the {count} pictures could be judged: {why}")
    card = f"{loaded.card.id} {loaded.card.version}"
    thresholds = {output.label: output.threshold for output in loaded.card.outputs if output.kind == "score"}
    return ClassScores(card, said, questions, aim_of(loaded.card, questions), learned, thresholds, failed, unlabelled)


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> float:
    """Mean of |how sure - how often right| over ten bins of equal width, weighted by how many lie in them."""
    bins = reliability(confidence, right)
    return _rounded(sum(row["n"] * abs(row["said"] - row["true"]) for row in bins) / len(right))


def reliability(confidence: NDArray[np.float64], right: NDArray[np.bool_]) -> list[dict[str, Any]]:
    """The reliability curve: of each bin that holds any, how many, how sure on average, and how often right."""
    bins = np.clip((confidence * _BINS).astype(int), 0, _BINS - 1)
    rows = [(int((bins == b).sum()), confidence[bins == b].mean(), right[bins == b].mean()) for b in np.unique(bins)]
    return [{"n": n, "said": _rounded(said), "true": _rounded(true)} for n, said, true in rows]


def auc_interval(truth: NDArray[np.bool_], values: NDArray[np.float64], groups: NDArray[np.intp]) -> list[float] | None:
    """95 % percentile bootstrap of the area under the curve, whole groups drawn; None where none could be drawn."""
    rng = np.random.default_rng(0)
    members = [np.flatnonzero(groups == group) for group in range(int(groups.max()) + 1)]
    drawn = []
    for _ in range(_RESAMPLES):
        rows = np.concatenate([members[k] for k in rng.integers(0, len(members), len(members))])
        if truth[rows].any() and not truth[rows].all():
            drawn.append(_area(truth[rows], values[rows]))
    return [_rounded(v) for v in np.percentile(drawn, [2.5, 97.5])] if drawn else None


def _area(truth: NDArray[np.bool_], values: NDArray[np.float64]) -> float:
    """The area under the curve by ranks (Mann and Whitney), a hundred times faster than by way of the curve."""
    count = int(truth.sum())
    ranks = float(rankdata(values)[truth].sum())
    return (ranks - count * (count + 1) / 2) / (count * (len(truth) - count))


def class_metrics(summary: dict[str, Any], measured: Callable[..., Metric]) -> list[Metric]:
    """What a summary of `ClassScores` adds to a card's table; `measured` as for `evaluate.metrics`."""

    def interval(name: str, row: dict[str, Any]) -> tuple[float, ...] | None:
        return tuple(row["auc_ci"]) if name == "auc" and row["auc_ci"] else None

    made = [
        measured(n=summary["n"], name=name, value=summary[name], ci=interval(name, summary))
        for name in _RECORDED
        if summary[name] is not None
    ]
    made += [
        measured(n=row["n"], name=name, label=label, value=row[name], ci=interval(name, row))
        for label, row in summary["classes"].items()
        for name in ("auc", "sensitivity", "specificity")
        if row[name] is not None
    ]
    return made


def class_table(summary: dict[str, Any]) -> str:
    """The summary as text, a label a line."""
    learned = summary["learned_from"]
    of_which = f" that it did not learn from ({learned} left out)" if learned is not None else ""
    lines = [
        f"{summary['card']}, {summary['n']} pictures{of_which}",
        f"AUC of {summary['aim']} {_area_told(summary)}; accuracy {_told(summary['accuracy'])}, "
        f"balanced {_told(summary['balanced_accuracy'])}; calibration error {summary['ece']:.3f}",
        f"{'':16}{'n':>5} {'AUC (95 % interval)':>21} {'sensitivity':>12} {'specificity':>12}",
    ]
    for name, row in summary["classes"].items():
        area = _area_told(row)
        shares = [_told(row[key]) for key in ("sensitivity", "specificity")]
        lines.append(f"{name:16}{row['n']:>5} {area:>21} {shares[0]:>12} {shares[1]:>12}")
    lines += [f"{name}: {why}" for name, why in summary["failed"].items()]
    return "\n".join(lines)


def unjudged_told(summary: dict[str, Any]) -> list[str]:
    """What is said of pictures without labels, and of labels of which nothing could be judged, a sentence each."""
    said = []
    unlabelled = summary["unlabelled"]
    if unlabelled:
        have = "1 picture has" if len(unlabelled) == 1 else f"{len(unlabelled)} pictures have"
        count = "counts" if len(unlabelled) == 1 else "count"
        said.append(f"{have} no label that the model gives, and {count} in no figure: {listed_names(unlabelled)}.")
    rows = summary["classes"].items()
    every = [label for label, row in rows if row["auc"] is None and row["n"]]
    none = [label for label, row in rows if not row["n"]]
    if every:
        rest = f", and none is {listed_names(none)}" if none else ""
        said.append(
            f"Every picture that is labelled so is {listed_names(every)}{rest}, so nothing could be judged of telling "
            "these apart: they have no area under the curve, and no accuracy."
        )
    elif none:
        said.append(f"No picture that was judged is {listed_names(none)}, so nothing could be judged of that.")
    return said


def _told(share: float | None) -> str:
    return "-" if share is None else f"{share:.3f}"


def _area_told(row: dict[str, Any]) -> str:
    """The area under the curve with its interval; "-" where pictures of one class have none."""
    if row["auc"] is None:
        return "-"
    return f"{row['auc']:.3f}" + (f" ({row['auc_ci'][0]:.3f}-{row['auc_ci'][1]:.3f})" if row["auc_ci"] else "")


def _rounded(value: Any) -> float:
    return round(float(value), 4)
