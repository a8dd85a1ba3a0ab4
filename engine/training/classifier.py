"""Training a network that gives scores: pictures drawn by label, and how well those held out are told apart."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from torch import nn
from torch.nn import functional

from engine.cards.nodes import Node
from engine.cards.schema import Card
from engine.errors import CardError, MismatchError
from engine.inference.classify import build_views
from engine.inference.preprocess import prepare
from engine.operations import classify
from engine.training.backbones import BACKBONES
from engine.training.labelled.sample import Sample, fingerprint, split
from engine.training.labelled.table import labelled_samples
from engine.training.loop import Lesson, Report, Trainer
from engine.training.picture_augment import mixed, varied
from engine.training.recipe import ClassifierRecipe

Drawn = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class Pictures:
    """Labelled pictures as a network sees them.

    Args:
        views: (n, channels, rows, columns).
        labels: of each, all that hold.
        recipe: names the network's labels, and which exclude each other.
    """

    def __init__(self, views: NDArray[np.float16], labels: Sequence[frozenset[str]], recipe: ClassifierRecipe) -> None:
        self.views = views
        self.targets = np.array([[name in known for name in recipe.labels] for known in labels], np.float32)
        self.known = np.ones(self.targets.shape, np.bool_)
        for columns in columns_of(recipe.exclusive, recipe.labels):
            # Where none of a group is given, which of them holds is not known, and teaches nothing.
            self.known[:, columns] = self.targets[:, columns].any(axis=1, keepdims=True)

    def __len__(self) -> int:
        return len(self.views)

    def chances(self, balance: float, groups: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """(n,) how likely each picture is to be drawn: the mean over the groups of labels."""
        chances = np.zeros(len(self))
        for columns in groups:
            targets = self.targets[:, columns]
            counts = targets.sum(axis=0)
            weight = (targets / np.maximum(counts, 1) ** balance).sum(axis=1)
            chances += weight / max(float(weight.sum()), 1e-12)
        chances = np.where(chances > 0, chances, chances[chances > 0].min() if chances.any() else 1.0)
        return np.asarray(chances / chances.sum())


def columns_of(groups: Sequence[Sequence[str]], labels: Sequence[str]) -> list[list[int]]:
    """Places of the labels of each group."""
    return [[list(labels).index(name) for name in group] for group in groups]


class ClassifierTrainer(Trainer):
    """One run of a classifier's recipe.

    Args:
        recipe: what to do.
        pictures: to learn from.
        validation: to choose by; may be empty.
        folder, device, start: as for `Trainer`; without `start` the recipe's own.
    """

    def __init__(
        self,
        recipe: ClassifierRecipe,
        pictures: Pictures,
        validation: Pictures,
        folder: Path,
        device: str,
        *,
        start: dict[str, torch.Tensor] | None = None,
    ) -> None:
        self.recipe, self.pictures, self.validation = recipe, pictures, validation
        self.groups = columns_of(recipe.exclusive, recipe.labels)
        inside = {column for columns in self.groups for column in columns}
        self.single = [column for column in range(len(recipe.labels)) if column not in inside]
        self.chances = pictures.chances(recipe.balance, self.groups or [self.single])
        super().__init__(recipe, folder, device, held_out=len(validation), start=start)
        for name in recipe.frozen:
            self.network.get_submodule(name).requires_grad_(False)
        if start is None and recipe.start and not self.progression.step:
            self._start_from(BACKBONES[recipe.start]())

    @property
    def layout(self) -> torch.memory_format:
        """Of pictures."""
        return torch.channels_last

    def _start_from(self, weights: dict[str, torch.Tensor]) -> None:
        """Take over what has the same shape; the logits are others."""
        own = self.network.state_dict()
        fitting = {name: value for name, value in weights.items() if name in own and own[name].shape == value.shape}
        self.network.load_state_dict(own | fitting)
        self.average.restart(self.network)

    def _learning(self) -> None:
        super()._learning()
        for name in self.recipe.frozen:
            # Not by the statistics of a batch: those that its weights were trained with.
            self.network.get_submodule(name).eval()

    def _draw(self, step: int) -> Drawn:
        recipe, rng = self.recipe, np.random.default_rng([self.recipe.seed, step])
        picks = rng.choice(len(self.pictures), recipe.batch, p=self.chances)
        pictures = torch.from_numpy(self.pictures.views[picks].astype(np.float32))
        targets = torch.from_numpy(self.pictures.targets[picks])
        known = torch.from_numpy(self.pictures.known[picks].astype(np.float32))
        pictures, targets = mixed(rng, varied(rng, pictures, recipe.augment), targets, recipe.augment)
        return pictures, targets, known

    def _tensors(self, drawn: Drawn) -> tuple[torch.Tensor, ...]:
        pictures, targets, known = drawn
        pictures = pictures.to(self.device, memory_format=self.layout)
        return pictures, targets.to(self.device), known.to(self.device)

    def _loss(self, *tensors: torch.Tensor) -> torch.Tensor:
        pictures, targets, known = tensors
        with self._precision():
            logits = self.network(pictures)
        logits = logits.float()
        total: torch.Tensor = logits.new_zeros(())
        for columns in self.groups:
            wanted = targets[:, columns] * (1 - self.recipe.smoothing) + self.recipe.smoothing / len(columns)
            each = -(wanted * functional.log_softmax(logits[:, columns], dim=1)).sum(1)
            total = total + (each * known[:, columns[0]]).mean()
        if self.single:
            wanted = targets[:, self.single] * (1 - self.recipe.smoothing) + self.recipe.smoothing / 2
            total = total + functional.binary_cross_entropy_with_logits(logits[:, self.single], wanted)
        return total

    def _scores(self, network: nn.Module, most: int) -> dict[str, float]:
        """The area under the curve of each label, and the balanced accuracy of each group, as "accuracy" and number."""
        logits = []
        for begin in range(0, most, 32):
            views = torch.from_numpy(self.validation.views[begin : min(begin + 32, most)].astype(np.float32))
            with torch.inference_mode(), self._precision():
                logits.append(network(views.to(self.device, memory_format=self.layout)).float().cpu())
        values = torch.cat(logits).numpy()
        targets, known = self.validation.targets[:most], self.validation.known[:most]
        scores = {}
        for number, columns in enumerate(self.groups):
            rows = known[:, columns[0]]
            if rows.any():
                truth, said = targets[rows][:, columns].argmax(1), values[rows][:, columns].argmax(1)
                scores[f"accuracy {number + 1}"] = float(balanced_accuracy_score(truth, said))
            values[:, columns] = torch.softmax(torch.from_numpy(values[:, columns]), dim=1).numpy()
        for column, name in enumerate(self.recipe.labels):
            truth = targets[known[:, column], column]
            if 0 < truth.sum() < len(truth):
                scores[name] = float(roc_auc_score(truth, values[known[:, column], column]))
        return scores


def recipe_of(card: Card, node: Node, told: dict[str, Any]) -> ClassifierRecipe:
    """The recipe of a classifier: what the card's recipe says, and what its graph does.

    Raises:
        CardError: it is not usable.
    """
    params = node.params
    assert isinstance(params, classify.Params), "no classifier"
    if params.activation == "none" or params.dimensions == 3:
        raise CardError(f"Training gives pictures labels, which is not what the network '{node.node}' does.")
    drawn = {"network": params.network.arguments, "labels": params.labels, "exclusive": params.groups}
    return ClassifierRecipe.from_dict({**told, **drawn})


def trainer_of(lesson: Lesson, recipe: ClassifierRecipe) -> ClassifierTrainer:
    """The run of a classifier's recipe on a set of labelled pictures.

    Raises:
        PlanimeterError: the set can't be read, or doesn't fit the card.
    """
    learned, held_out = split(labelled_samples(lesson.data), recipe.holdout)
    if lesson.validation is not None:
        learned, held_out = learned + held_out, labelled_samples(lesson.validation)
    made = [
        Pictures(
            views_of(lesson.card, lesson.node, samples, lesson.report)[0], [sample.labels for sample in samples], recipe
        )
        for samples in (learned, held_out)
    ]
    missing = [label for label, count in zip(recipe.labels, made[0].targets.sum(axis=0), strict=True) if not count]
    if missing:
        raise MismatchError(
            f"No picture of {lesson.data} is labelled {', '.join(missing)}, which the model is to learn."
        )
    return ClassifierTrainer(recipe, made[0], made[1], lesson.folder, lesson.device, start=lesson.start)


def views_of(
    card: Card, node: Node, samples: Sequence[Sample], report: Report
) -> tuple[NDArray[np.float16], list[int]]:
    """(n, channels, rows, columns) of pictures as a classifier of the card sees them, and their fingerprints.

    The path is that of a run.

    A sample is what the view shows: where that is a crop around something, the sample is that crop.

    Raises:
        CardError: the classifier is fed what other nodes make, or sees more than one view of an image.
        PlanimeterError: a picture can't be read.
    """
    params = node.params
    assert isinstance(params, classify.Params), "no classifier"
    wanted = next((image for image in card.inputs if image.role == node.inputs[0]), None)
    if wanted is None or params.view.kind not in {"whole", "crops"}:
        raise CardError(f"The network '{node.node}' of '{card.id}' can't be trained on pictures by themselves.")
    whole = params.model_copy(update={"view": params.view.model_copy(update={"kind": "whole"})})
    made, prints = [], []
    for index, sample in enumerate(samples):
        if index % 50 == 0:
            report(0.0, f"reading picture {index + 1} of {len(samples)}")
        volume = sample.load()
        prints.append(fingerprint(volume))
        image = prepare(volume, card.steps_of(wanted.role), colour=wanted.is_colour)
        made.append(build_views(whole, image, None)[0].astype(np.float16))
    return np.stack(made) if made else np.zeros((0, 1, 1, 1), np.float16), prints
