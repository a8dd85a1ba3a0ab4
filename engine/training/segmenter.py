"""Training a network that draws: crops of cases, and the Dice of what it draws on those held out."""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from monai.inferers.utils import sliding_window_inference
from torch import nn

from engine.cards.nodes import Node
from engine.cards.registry import LoadedCard
from engine.cards.schema import Card
from engine.errors import CardError, MismatchError
from engine.inference.networks import last_layers
from engine.operations import segment
from engine.progress import Progress
from engine.training.augment import Crop, draw
from engine.training.case import Case, DataSource
from engine.training.learned import print_of
from engine.training.loop import Lesson, Trainer
from engine.training.losses import segmentation_loss
from engine.training.parting import parted
from engine.training.recipe import Recipe
from engine.training.seen import as_fed, as_prepared, is_fed, seen, spacing_behind
from engine.training.unions import open_united


class SegmenterTrainer(Trainer):
    """One run of a segmenter's recipe.

    Args:
        recipe: what to do.
        cases: to learn from, as the card prepares them.
        validation: to choose by; may be empty.
        folder, device, start: as for `Trainer`.

    Raises:
        MismatchError: the run has learned from a case that is held out now.
    """

    def __init__(
        self,
        recipe: Recipe,
        cases: list[Case],
        validation: list[Case],
        folder: Path,
        device: str,
        *,
        start: dict[str, torch.Tensor] | None = None,
    ) -> None:
        self.recipe, self.cases, self.validation = recipe, cases, validation
        super().__init__(recipe, folder, device, held_out=len(validation), start=start)
        self._keep_apart()

    @property
    def layout(self) -> torch.memory_format:
        """Of planes, or of volumes."""
        return torch.channels_last if self.recipe.dimensions == 2 else torch.channels_last_3d

    def _keep_apart(self) -> None:
        """Refuse to be judged by what an earlier part of the run learned from: a set that grew is parted anew."""
        own = {_fingerprint(case) for case in self.cases}
        before = set(self.progression.learned) - own
        both = [case.name for case in self.validation if _fingerprint(case) in before]
        if both:
            raise MismatchError(
                f"The data set has changed since this run began: it has learned from {', '.join(both[:4])}, and would "
                "be judged by the same now. Start a new run, or put the data set back as it was."
            )
        self.progression.learned = sorted(before | own)

    def _logits(self, network: nn.Module, image: torch.Tensor) -> torch.Tensor:
        """(batch, classes, planes, rows, columns) of a network that may be one for single planes."""
        if self.recipe.dimensions == 2:
            flat: torch.Tensor = network(image[:, :, 0].contiguous(memory_format=self.layout))
            return flat[:, :, None]
        logits: torch.Tensor = network(image.contiguous(memory_format=self.layout))
        return logits

    def _draw(self, step: int) -> list[Crop]:
        recipe, rng = self.recipe, np.random.default_rng([self.recipe.seed, step])
        augment = replace(recipe.augment, background=1.0) if self._is_natural() else recipe.augment
        return [draw(rng, self.cases, recipe.patch, recipe.mirror, augment) for _ in range(recipe.batch)]

    def _is_natural(self) -> bool:
        return self.recipe.natural > 0 and self._fraction() >= 1 - self.recipe.natural

    def _learning(self) -> None:
        super()._learning()
        if self._is_natural():
            last = {id(value) for layer in last_layers(self.network) for value in layer.parameters()}
            for value in self.network.parameters():
                value.requires_grad_(not last or id(value) in last)

    def _tensors(self, drawn: list[Crop]) -> tuple[torch.Tensor, ...]:
        image = torch.stack([seen(crop.values, crop.inside, self.recipe.padding) for crop in drawn])
        labels = torch.stack([crop.labels for crop in drawn])
        contoured = torch.stack([crop.contoured for crop in drawn])
        return image.to(self.device), labels.to(self.device), contoured.to(self.device)

    def _loss(self, *tensors: torch.Tensor) -> torch.Tensor:
        image, labels, contoured = tensors
        with self._precision():
            logits = self._logits(self.network, image)
        return segmentation_loss(logits, labels, contoured)

    def _scores(self, network: nn.Module, most: int, report: Progress) -> dict[str, float]:
        """Mean Dice of each structure, over the cases that have it contoured."""
        scores: dict[str, list[float]] = {name: [] for name in self.recipe.structures}
        for number, case in enumerate(self.validation[:most], start=1):
            report((number - 1) / most, f"judging case {number} of {most}")
            predicted = self._predict(network, case)
            for index, name in enumerate(self.recipe.structures):
                if case.contoured[index]:
                    a, b = predicted == index + 1, case.labels == index + 1
                    scores[name].append(2 * float((a & b).sum()) / max(float(a.sum() + b.sum()), 1.0))
        return {name: float(np.mean(values)) for name, values in scores.items() if values}

    def _predict(self, network: nn.Module, case: Case) -> np.ndarray:
        padding = self.recipe.padding
        inside = torch.ones(case.image.shape, dtype=torch.bool)
        further = [(other.image.astype(np.float32), other.intensity) for other in case.further]
        images = [(case.image.astype(np.float32), case.intensity), *further]
        image = seen(images, inside, padding)[None].to(self.device)
        with torch.inference_mode(), self._precision():
            logits = sliding_window_inference(
                image,
                self.recipe.patch,
                1,
                partial(self._logits, network),
                overlap=0.25,
                mode="gaussian",
                padding_mode="constant",
                cval=padding,
            )
        assert isinstance(logits, torch.Tensor)
        return logits[0].argmax(0).byte().cpu().numpy()


def _fingerprint(case: Case) -> str:
    """By which a case's image is known again; every fourth pixel of every second plane is enough."""
    return hashlib.sha256(np.ascontiguousarray(case.image[::2, ::4, ::4]).tobytes()).hexdigest()[:16]


def recipe_of(card: Card, node: Node, told: dict[str, Any]) -> Recipe:
    """The recipe of a segmenter: what the card's recipe says, and what its graph does.

    Raises:
        CardError: it is not usable.
    """
    params = node.params
    assert isinstance(params, segment.Params), "no segmenter"
    if params.context_planes:
        raise CardError(
            f"The network '{node.node}' of '{card.id}' sees neighbouring planes, which training can't give it."
        )
    drawn = {
        "network": params.network.arguments,
        "patch": params.patch,
        "dimensions": params.dimensions,
        "structures": list(params.labels),
        "mirror_pairs": [list(pair) for pair in params.mirror_pairs],
        "padding": params.padding,
    }
    return Recipe.from_dict({**told, **drawn})


def trainer_of(lesson: Lesson, recipe: Recipe) -> SegmenterTrainer:
    """The run of a segmenter's recipe on a data set.

    Raises:
        PlanimeterError: the data can't be read, or don't fit the card.
    """
    card = lesson.card
    opened = partial(open_united, structures=recipe.structures, unions=recipe.unions, inputs=card.inputs)
    dataset, chosen_by = opened(lesson.data), opened(lesson.validation) if lesson.validation else None
    prepared: Callable[[Case], Case]
    if is_fed(card, lesson.node):
        loaded = LoadedCard(lesson.home, parsed=card)
        prepared = partial(as_fed, loaded=loaded, node=lesson.node, device=lesson.device)
    else:
        spacing = spacing_behind(card, lesson.node)
        steps, *further = [card.steps_of(image.role) for image in card.inputs]
        prepared = partial(as_prepared, steps=steps, spacing_mm=spacing, further_steps=further)
    cases, held_out = _cases(lesson, recipe, dataset, chosen_by, prepared)
    return SegmenterTrainer(recipe, cases, held_out, lesson.folder, lesson.device, start=lesson.start)


def _cases(
    lesson: Lesson, recipe: Recipe, dataset: DataSource, held_out: DataSource | None, prepared: Callable[[Case], Case]
) -> tuple[list[Case], list[Case]]:
    patients = {name: dataset.patient_of(name) for name in dataset.names}
    holdout = recipe.holdout if held_out is None else None
    names, chosen = parted(lesson.card, lesson.data, patients, holdout, recipe.seed)
    cases = []
    for index, name in enumerate(names):
        lesson.report(0.0, f"reading case {index + 1} of {len(names)}")
        out = recipe.left_out.get(name, [])
        case = dataset.read(name)
        lesson.learned.add(print_of(case))
        cases.append(prepared(case).without([structure in out for structure in recipe.structures]))
    if not any(case.voxels_of for case in cases):
        raise MismatchError(f"No case of the data set has any of {', '.join(recipe.structures)} contoured.")
    taught = {place for case in cases for place in case.voxels_of}
    lesson.untaught.extend(name for place, name in enumerate(recipe.structures, 1) if place not in taught)
    source, chosen = (held_out, held_out.names) if held_out else (dataset, chosen)
    return cases, [prepared(source.read(name)) for name in chosen]
