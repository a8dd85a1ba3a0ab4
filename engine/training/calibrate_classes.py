"""Honest scores: temperature and offsets, conformal sets, and what is familiar, fitted on what was held out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from engine.cards.calibration import Calibration, ClassCalibration, Familiarity
from engine.cards.nodes import Node
from engine.cards.registry import LoadedCard
from engine.cards.schema import Card
from engine.errors import MismatchError
from engine.inference.classify import logits_of, mean_of_copies
from engine.inference.devices import Device
from engine.inference.familiarity import Reference, features_of
from engine.inference.networks import load_networks
from engine.operations import classify
from engine.training.classes import Report, classifier_of, questions_of
from engine.training.classifier import views_of
from engine.training.labelled.sample import Sample
from engine.training.publish import amend_card
from engine.training.tensor_file import write_weights

#: Share of the pictures of each class in whose set the class is to be.
COVERAGE = 0.9
#: Share of the held-out pictures that the model may call unlike its training set.
STRANGE = 0.01
_REFERENCE_FILE = "reference.safetensors"
_BATCH = 32


def calibrate_classes(
    loaded: LoadedCard,
    learned: Sequence[Sample],
    held_out: Sequence[Sample],
    dataset: str,
    *,
    report: Report,
) -> Card:
    """Fit a card's calibration and write it, and the reference of its training set, into its folder.

    Args:
        loaded: a card with a classifier.
        learned: what it learned from, by which it knows what is familiar.
        held_out: what it did not learn from, by which all else is fitted.
        dataset: how the card names the set.
        report: told the fraction done and what is going on.

    Raises:
        MismatchError: there is nothing held out, or none of its labels are the card's.
    """
    if not learned or not held_out:
        raise MismatchError("Calibration needs pictures that the model learned from, and some that were held out.")
    node = classifier_of(loaded.card)
    params = node.params
    assert isinstance(params, classify.Params), "a classifier"
    known = _look(loaded, node, learned, lambda f, text: report(0.8 * f, text))
    seen = _look(loaded, node, held_out, lambda f, text: report(0.8 + 0.2 * f, text))
    questions = questions_of(loaded.card)
    classes: dict[tuple[str, ...], ClassCalibration] = {}
    values = torch.empty_like(seen.logits)
    for group in params.groups:
        columns = [params.labels.index(label) for label in group]
        (question,) = [q for q in questions if q.labels == group]
        made = scaled(seen.logits[:, columns], [question.truth(sample) for sample in held_out], group)
        values[:, columns] = torch.softmax(
            seen.logits[:, columns] / made.temperature + torch.tensor(made.offsets), dim=1
        )
        classes[group] = made
    for question in questions:
        own = classes.get(question.labels, ClassCalibration(labels=question.labels))
        # What a hierarchy gives is the sum of its leaves.
        sums = [values[:, [params.labels.index(leaf) for leaf in leaves]].sum(1) for leaves in question.leaves.values()]
        classes[question.labels] = with_levels(
            own, torch.stack(sums, 1).numpy(), [question.truth(sample) for sample in held_out]
        )
    familiarity = _familiarity(loaded, node, known, seen)
    # What it draws is calibrated on other data.
    before = loaded.card.uncertainty.calibration or Calibration()
    calibration = Calibration(
        temperature=before.temperature,
        bands=before.bands,
        classes=tuple(classes.values()),
        familiarity=familiarity,
        dataset=dataset,
        n=len(held_out),
    )
    uncertainty = loaded.card.uncertainty.model_copy(update={"calibration": calibration})
    return amend_card(loaded, {"uncertainty": uncertainty})


def scaled(logits: torch.Tensor, truth: Sequence[str | None], labels: Sequence[str]) -> ClassCalibration:
    """Temperature and offsets of the least negative log-likelihood.

    Args:
        logits: (n, labels).
        truth: the label that holds, n times; None where that is not known.
        labels: in order.

    Raises:
        MismatchError: fewer than two of the labels are there.
    """
    rows = [index for index, label in enumerate(truth) if label is not None]
    places = torch.tensor([labels.index(label) for label in truth if label is not None])
    if len(set(places.tolist())) < 2:
        raise MismatchError(f"What was held out has fewer than two of {', '.join(labels)}.")
    shown = logits[rows].double()
    scale = torch.zeros((), dtype=torch.float64, requires_grad=True)
    offsets = torch.zeros(len(labels), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([scale, offsets], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        # A little weight keeps the offset of a class with hardly any pictures from running away.
        loss = functional.cross_entropy(shown * torch.exp(scale) + offsets, places) + 1e-3 * (offsets**2).sum()
        torch.autograd.backward(loss)
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    temperature = float(np.clip(np.exp(-float(scale.detach())), 0.05, 20))
    return ClassCalibration(
        labels=tuple(labels),
        temperature=round(temperature, 4),
        offsets=tuple(round(float(v), 4) for v in (offsets - offsets.mean()).detach()),
    )


def with_levels(own: ClassCalibration, values: NDArray[np.float32], truth: Sequence[str | None]) -> ClassCalibration:
    """The calibration with the levels of its sets.

    With n pictures of a class, its level is the k-th smallest of their probabilities of it, k = floor((n + 1)(1 -
    coverage)), so that the class of a new picture is in its set at that coverage or more; 0 where n is too small.

    Args:
        own: of the labels.
        values: (n, labels) calibrated probabilities.
        truth: the label that holds, n times; None where that is not known.
    """
    levels = []
    for index, label in enumerate(own.labels):
        reached = np.sort([values[row, index] for row, holds in enumerate(truth) if holds == label])
        rank = int(np.floor((len(reached) + 1) * (1 - COVERAGE)))
        levels.append(float(np.floor(reached[rank - 1] * 1e6) / 1e6) if rank >= 1 else 0.0)
    return own.model_copy(update={"coverage": COVERAGE, "levels": tuple(levels)})


@dataclass(frozen=True)
class _Looked:
    """What a classifier makes of pictures: (n, labels) logits, (n, features), and the pictures' fingerprints."""

    logits: torch.Tensor
    features: torch.Tensor
    fingerprints: torch.Tensor


def _look(loaded: LoadedCard, node: Node, samples: Sequence[Sample], report: Report) -> _Looked:
    params = node.params
    assert isinstance(params, classify.Params), "a classifier"
    network = load_networks(loaded.folder, params.network.arguments, node.weights)[0]
    seen = views_of(loaded.card, node, samples, report, loaded.folder)
    views, prints = seen.values, seen.prints
    if set(seen.counts) != {1}:
        raise MismatchError(f"'{loaded.id}' makes one score of several views, and such can't be calibrated yet.")
    logits = []
    device = Device("cpu")
    with features_of(network) as features:
        for start in range(0, len(views), _BATCH):
            report(start / len(views), f"picture {start + 1} of {len(views)}")
            logits.append(logits_of(params, network, views[start : start + _BATCH].astype(np.float32), device))
    means = torch.cat([mean_of_copies(part, params.mirrors) for part in features])
    return _Looked(torch.cat(logits), means, torch.tensor(prints))


def _familiarity(loaded: LoadedCard, node: Node, known: _Looked, seen: _Looked) -> Familiarity:
    reference = replace(Reference.of(known.features), learned=known.fingerprints)
    limit = float(torch.quantile(reference.distance(seen.features), 1 - STRANGE))
    weights = write_weights(reference.stored(), loaded.folder / _REFERENCE_FILE, loaded.card.licence.weights)
    return Familiarity(node=node.node, reference=weights, limit=round(limit, 4), share=STRANGE)
