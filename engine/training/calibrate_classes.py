"""Honest scores: temperature and offsets, conformal sets, and what is familiar, fitted on what was held out."""

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import save_file
from torch.nn import functional

from engine.cards.calibration import Calibration, ClassCalibration, Familiarity
from engine.cards.registry import LoadedCard
from engine.cards.schema import Card
from engine.cards.weights import Weights
from engine.errors import MismatchError
from engine.inference.familiarity import Reference, features_of
from engine.inference.networks import load_networks
from engine.operations import classify
from engine.safe_file import whole_file
from engine.training.classes import Question, Report, Said, classifier_of, fingerprint, questions_of, said_of
from engine.training.classifier import views_of
from engine.training.labelled.sample import Sample
from engine.training.publish import write_card

#: Share of the pictures of each class in whose set the class is to be.
COVERAGE = 0.9
#: Share of the held-out pictures that the model may call unlike its training set.
STRANGE = 0.01
_REFERENCE_FILE = "reference.safetensors"
_SMALLEST = 1e-6


def calibrate_classes(
    loaded: LoadedCard,
    learned: Sequence[Sample],
    held_out: Sequence[Sample],
    dataset: str,
    *,
    device: str = "auto",
    report: Report,
) -> Card:
    """Fit a card's calibration and write it, and the reference of its training set, into its folder.

    Args:
        loaded: a card with a classifier.
        learned: what it learned from, by which it knows what is familiar.
        held_out: what it did not learn from, by which all else is fitted.
        dataset: how the card names the set.
        device: as for `run_card`.
        report: told the fraction done and what is going on.

    Raises:
        MismatchError: there is nothing held out, or none of its labels are the card's.
    """
    if not learned or not held_out:
        raise MismatchError("Calibration needs pictures that the model learned from, and some that were held out.")
    plain = _with(loaded, None)
    failed: dict[str, str] = {}
    said = list(said_of(plain, held_out, device, lambda f, text: report(f / 4, text), failed))
    classes = [scaled(question, said) for question in questions_of(loaded.card) if _is_finest(question)]
    scaled_card = _with(loaded, Calibration(classes=tuple(classes)))
    said = list(said_of(scaled_card, held_out, device, lambda f, text: report(0.25 + f / 4, text), failed))
    sets = [with_levels(question, said, classes) for question in questions_of(loaded.card)]
    familiarity = _familiarity(loaded, learned, held_out, lambda f, text: report(0.5 + f / 2, text))
    calibration = Calibration(classes=tuple(sets), familiarity=familiarity, dataset=dataset, n=len(said))
    card = _with(loaded, calibration).card
    write_card(card, loaded.folder)
    return card


def scaled(question: Question, said: Sequence[Said]) -> ClassCalibration:
    """Temperature and offsets of the least negative log-likelihood, by `said` of a model without any."""
    logits, truth = _answers(question, said)
    scale = torch.zeros((), dtype=torch.float64, requires_grad=True)
    offsets = torch.zeros(len(question.labels), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([scale, offsets], max_iter=200, line_search_fn="strong_wolfe")

    def closure() -> torch.Tensor:
        optimizer.zero_grad()
        # A little weight keeps the offset of a class with hardly any pictures from running away.
        loss = functional.cross_entropy(logits * torch.exp(scale) + offsets, truth) + 1e-3 * (offsets**2).sum()
        torch.autograd.backward(loss)
        return loss

    optimizer.step(closure)
    temperature = float(np.clip(np.exp(-float(scale.detach())), 0.05, 20))
    return ClassCalibration(
        labels=question.labels,
        temperature=round(temperature, 4),
        offsets=tuple(round(float(v), 4) for v in (offsets - offsets.mean()).detach()),
    )


def with_levels(question: Question, said: Sequence[Said], classes: Sequence[ClassCalibration]) -> ClassCalibration:
    """The calibration of a question with the levels of its sets.

    With n pictures of a class, the level is the k-th smallest of their probabilities of it, k = floor((n + 1)(1 -
    coverage)), so that the class of a new picture is in its set at that coverage or more; 0 where n is too small.
    """
    own = next((c for c in classes if c.labels == question.labels), ClassCalibration(labels=question.labels))
    levels = []
    for index, label in enumerate(question.labels):
        values = np.sort([one.of(question)[index] for one in said if question.truth(one.sample) == label])
        rank = int(np.floor((len(values) + 1) * (1 - COVERAGE)))
        levels.append(float(np.floor(values[rank - 1] * 1e6) / 1e6) if rank >= 1 else 0.0)
    return own.model_copy(update={"coverage": COVERAGE, "levels": tuple(levels)})


def _familiarity(
    loaded: LoadedCard, learned: Sequence[Sample], held_out: Sequence[Sample], report: Report
) -> Familiarity:
    node = classifier_of(loaded.card)
    params = node.params
    assert isinstance(params, classify.Params), "a classifier"
    network = load_networks(loaded.folder, params.network.arguments, node.weights)[0]
    made: list[torch.Tensor] = []
    for samples in (learned, held_out):
        views = views_of(loaded.card, node, samples, report)
        with features_of(network) as features, torch.inference_mode():
            for start in range(0, len(views), 32):
                report(start / len(views), f"picture {start + 1} of {len(views)}")
                network(torch.from_numpy(views[start : start + 32].astype(np.float32)))
        made.append(torch.cat(features))
    reference = replace(Reference.of(made[0]), learned=torch.tensor([fingerprint(sample.load()) for sample in learned]))
    limit = float(torch.quantile(reference.distance(made[1]), 1 - STRANGE))
    path = loaded.folder / _REFERENCE_FILE
    with whole_file(path) as file:
        save_file(reference.stored(), file)
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
    weights = Weights(file=path.name, sha256=digest, licence=loaded.card.licence.weights)
    return Familiarity(node=node.node, reference=weights, limit=round(limit, 4), share=STRANGE)


def _answers(question: Question, said: Sequence[Said]) -> tuple[torch.Tensor, torch.Tensor]:
    """Logits (up to a constant) and the place of the label that holds, where that is known."""
    rows: list[NDArray[np.float64]] = []
    truth: list[int] = []
    for one in said:
        label = question.truth(one.sample)
        if label is not None:
            rows.append(np.log(np.clip(one.of(question), _SMALLEST, 1)))
            truth.append(question.labels.index(label))
    if len(set(truth)) < 2:
        raise MismatchError(f"What was held out has fewer than two of {', '.join(question.labels)}.")
    return torch.from_numpy(np.array(rows)), torch.tensor(truth)


def _is_finest(question: Question) -> bool:
    return all(leaves == (label,) for label, leaves in question.leaves.items())


def _with(loaded: LoadedCard, calibration: Calibration | None) -> LoadedCard:
    uncertainty = loaded.card.uncertainty.model_copy(update={"calibration": calibration})
    return replace(loaded, parsed=loaded.card.model_copy(update={"uncertainty": uncertainty}))
