"""Training a network that gives scores: pictures drawn by label, and how well those held out are told apart."""

import dataclasses
import warnings
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
from engine.cards.registry import LoadedCard
from engine.cards.schema import Card
from engine.errors import CardError, MismatchError
from engine.inference.classify import build_views
from engine.inference.context import Context
from engine.inference.graph import given_to
from engine.inference.pooling import TINY, pooled
from engine.operations import classify, pool
from engine.progress import Progress
from engine.training.labelled.sample import Sample, fingerprint, split
from engine.training.labelled.table import labelled_samples
from engine.training.loop import Lesson, Report, Trainer
from engine.training.picture_augment import PictureAugmentation, mixed, varied
from engine.training.recipe import ClassifierRecipe

Drawn = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


class Pictures:
    """Labelled pictures as a network sees them; of each one view, or several that share its labels.

    Args:
        views: (n, channels, rows, columns), or with planes before the rows; those of a picture follow each other.
        labels: of each picture, all that hold.
        recipe: names the network's labels, and which exclude each other.
        counts: views of each picture; one where they are not given.
    """

    def __init__(
        self,
        views: NDArray[np.float16],
        labels: Sequence[frozenset[str]],
        recipe: ClassifierRecipe,
        counts: Sequence[int] | None = None,
    ) -> None:
        self.views = views
        self.counts = np.array([1] * len(labels) if counts is None else counts, np.intp)
        self.ends = np.cumsum(self.counts)
        self.targets = np.array([[name in known for name in recipe.labels] for known in labels], np.float32)
        self.targets = self.targets.reshape(len(labels), len(recipe.labels))
        self.known = np.ones(self.targets.shape, np.bool_)
        for columns in columns_of(recipe.exclusive, recipe.labels):
            # Where none of a group is given, which of them holds is not known, and teaches nothing.
            self.known[:, columns] = self.targets[:, columns].any(axis=1, keepdims=True)

    def __len__(self) -> int:
        return len(self.counts)

    def views_of(self, picture: int) -> slice:
        """Which of the views are those of a picture."""
        end = int(self.ends[picture])
        return slice(end - int(self.counts[picture]), end)

    def some(self, rng: np.random.Generator, picture: int, count: int) -> NDArray[np.intp]:
        """(count,) views of a picture, drawn; more than it has, some of them twice."""
        own = np.arange(len(self.views))[self.views_of(picture)]
        if len(own) == count == 1:
            return own
        return rng.choice(own, count, replace=len(own) < count)

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
        folder, device, start: as for `Trainer`.
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

    @property
    def layout(self) -> torch.memory_format:
        """Of pictures, or of volumes."""
        return torch.channels_last_3d if self.pictures.views.ndim == 5 else torch.channels_last

    def _learning(self) -> None:
        super()._learning()
        for name in self.recipe.frozen:
            # Not by the statistics of a batch: those that its weights were trained with.
            self.network.get_submodule(name).eval()

    def _draw(self, step: int) -> Drawn:
        recipe, rng = self.recipe, np.random.default_rng([self.recipe.seed, step])
        picks = rng.choice(len(self.pictures), recipe.batch, p=self.chances)
        shown = np.concatenate([self.pictures.some(rng, int(pick), recipe.views) for pick in picks])
        pictures = torch.from_numpy(self.pictures.views[shown].astype(np.float32))
        targets = torch.from_numpy(self.pictures.targets[picks])
        known = torch.from_numpy(self.pictures.known[picks].astype(np.float32))
        pictures = _varied(rng, pictures, recipe.augment)
        if recipe.views == 1:
            pictures, targets = mixed(rng, pictures, targets, recipe.augment)
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
        if self.recipe.views > 1:
            logits = self._logits_of_several(logits)
        total: torch.Tensor = logits.new_zeros(())
        for columns in self.groups:
            wanted = targets[:, columns] * (1 - self.recipe.smoothing) + self.recipe.smoothing / len(columns)
            each = -(wanted * functional.log_softmax(logits[:, columns], dim=1)).sum(1)
            total = total + (each * known[:, columns[0]]).mean()
        if self.single:
            wanted = targets[:, self.single] * (1 - self.recipe.smoothing) + self.recipe.smoothing / 2
            total = total + functional.binary_cross_entropy_with_logits(logits[:, self.single], wanted)
        return total

    def _logits_of_several(self, logits: torch.Tensor) -> torch.Tensor:
        """(pictures, labels) of (pictures x views, labels): those of the probabilities that the card makes of views."""
        logits, attention = self._parted(logits)
        views = self._probabilities(logits).reshape(-1, self.recipe.views, logits.shape[1])
        shares = attention.reshape(-1, self.recipe.views)
        made = pooled(views, self.recipe.pool, attention=shares).clamp(TINY, 1 - TINY)
        out = made.log()
        out[:, self.single] = torch.logit(made[:, self.single])
        return out

    def _parted(self, logits: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """(n, labels) logits, and (n,) logarithms of what each view counts; alike where the network says nothing."""
        if self.recipe.attention:
            return logits[:, :-1], logits[:, -1]
        return logits, logits.new_zeros(len(logits))

    def _probabilities(self, logits: torch.Tensor) -> torch.Tensor:
        made = torch.sigmoid(logits)
        for columns in self.groups:
            made[:, columns] = torch.softmax(logits[:, columns], dim=1)
        return made

    def _scores(self, network: nn.Module, most: int, report: Progress) -> dict[str, float]:
        """The area under the curve of each label, and the balanced accuracy of each group, as "accuracy" and number.

        Neither is there where the pictures hold one class alone.
        """
        said = []
        shown = self.validation
        for begin in range(0, int(shown.ends[most - 1]), 32):
            report(begin / int(shown.ends[most - 1]), "judging")
            views = torch.from_numpy(shown.views[begin : min(begin + 32, shown.ends[most - 1])].astype(np.float32))
            with torch.inference_mode(), self._precision():
                logits = network(views.to(self.device, memory_format=self.layout)).float().cpu()
            said.append(logits)
        each, attention = self._parted(torch.cat(said))
        each, how = self._probabilities(each), self.recipe.pool
        own = [shown.views_of(index) for index in range(most)]
        values = torch.stack([pooled(each[views], how, attention=attention[views]) for views in own]).numpy()
        targets, known = self.validation.targets[:most], self.validation.known[:most]
        scores = {}
        for number, columns in enumerate(self.groups):
            rows = known[:, columns[0]]
            truth, likeliest = targets[rows][:, columns].argmax(1), values[rows][:, columns].argmax(1)
            # By pictures of one class alone it can't be judged whether classes are told apart.
            if len(np.unique(truth)) > 1:
                with warnings.catch_warnings():
                    # Of few cases some class may be told and not be there.
                    warnings.simplefilter("ignore", UserWarning)
                    scores[f"accuracy {number + 1}"] = float(balanced_accuracy_score(truth, likeliest))
        for column, name in enumerate(self.recipe.labels):
            truth = targets[known[:, column], column]
            if 0 < truth.sum() < len(truth):
                scores[name] = float(roc_auc_score(truth, values[known[:, column], column]))
        return scores


def _varied(rng: np.random.Generator, views: torch.Tensor, how: PictureAugmentation) -> torch.Tensor:
    """Views, each varied by itself; the planes of a volume alike."""
    if views.ndim == 4:
        return varied(rng, views, how)
    # Planes are no colours.
    planes = varied(rng, views.flatten(1, 2), dataclasses.replace(how, colour=0.0))
    return planes.reshape(views.shape)


def recipe_of(card: Card, node: Node, told: dict[str, Any]) -> ClassifierRecipe:
    """The recipe of a classifier: what the card's recipe says, and what its graph does.

    Raises:
        CardError: it is not usable.
    """
    params = node.params
    assert isinstance(params, classify.Params), "no classifier"
    if params.activation == "none":
        raise CardError(f"Training gives pictures labels, which is not what the network '{node.node}' does.")
    behind = pool_behind(card, node)
    drawn = {"network": params.network.arguments, "labels": params.labels, "exclusive": params.groups, "pool": behind}
    recipe = ClassifierRecipe.from_dict({**told, **drawn, "attention": params.attention})
    if recipe.attention and recipe.views == 1:
        raise CardError(
            f"How much a view counts is learned from several of a picture together: the recipe of '{node.node}' gives "
            "'views'."
        )
    return recipe


def pool_behind(card: Card, node: Node) -> str:
    """How the card makes one score of a classifier's views: as its first pool says, else their mean."""
    for other in card.graph:
        if isinstance(other.params, pool.Params) and set(node.names) & set(other.inputs):
            return other.params.pool
    return "mean"


def trainer_of(lesson: Lesson, recipe: ClassifierRecipe) -> ClassifierTrainer:
    """The run of a classifier's recipe on a set of labelled pictures.

    Raises:
        PlanimeterError: the set can't be read, or doesn't fit the card.
    """
    learned, held_out = split(labelled_samples(lesson.data, recipe.labels), recipe.holdout)
    if lesson.validation is not None:
        learned, held_out = learned + held_out, labelled_samples(lesson.validation, recipe.labels)
    made = []
    for samples in (learned, held_out):
        seen = views_of(lesson.card, lesson.node, samples, lesson.report, lesson.home)
        if samples is learned:
            lesson.learned.update(seen.prints)
        made.append(Pictures(seen.values, [sample.labels for sample in samples], recipe, seen.counts))
    missing = [label for label, count in zip(recipe.labels, made[0].targets.sum(axis=0), strict=True) if not count]
    if missing:
        raise MismatchError(
            f"No picture of {lesson.data} is labelled {', '.join(missing)}, which the model is to learn."
        )
    return ClassifierTrainer(recipe, made[0], made[1], lesson.folder, lesson.device, start=lesson.start)


@dataclasses.dataclass(frozen=True, eq=False)
class Views:
    """What a classifier is shown of some samples.

    Args:
        values: (n, channels, rows, columns), or with planes before the rows; those of a sample follow each other.
        counts: of each sample.
        prints: fingerprints of the samples.
    """

    values: NDArray[np.float16]
    counts: list[int]
    prints: list[int]


def views_of(card: Card, node: Node, samples: Sequence[Sample], report: Report, home: Path) -> Views:
    """The views of a set as a classifier of the card sees them; the path is that of a run.

    Args:
        home: folder with the weights of the networks before it.

    Raises:
        CardError: a network before it is not trained yet.
        PlanimeterError: an image is missing or can't be read, or nothing was found in it to look at.
    """
    params = node.params
    assert isinstance(params, classify.Params), "no classifier"
    loaded = LoadedCard(home, parsed=card)
    made, counts, prints = [], [], []
    for index, sample in enumerate(samples):
        if index % 50 == 0:
            report(0.0, f"reading picture {index + 1} of {len(samples)}")
        images = sample.images_for(card)
        prints.append(fingerprint(*images.values()))
        given: list[Any] = given_to(Context(loaded, images), node)
        try:
            views = build_views(params, given[0], given[1] if len(given) > 1 else None)
        except CardError as error:
            raise CardError(f"{sample.name}: {error}") from error
        made.append(views.astype(np.float16))
        counts.append(len(views))
    return Views(np.concatenate(made) if made else np.zeros((0, 1, 1, 1), np.float16), counts, prints)
