"""Training a detector: patches of images with marked findings, half of them around one."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engine.cards.nodes import Node
from engine.cards.registry import LoadedCard
from engine.cards.schema import Card
from engine.errors import CardError, MismatchError
from engine.inference.context import Context
from engine.inference.detect import detector_of
from engine.inference.graph import given_to
from engine.inference.preprocess import Prepared
from engine.inference.sampling import whole_of
from engine.operations import detect
from engine.progress import Progress
from engine.training.labelled.sample import fingerprint
from engine.training.loop import Lesson, Trainer
from engine.training.recipe import Schedule
from engine.training.sieve import parted_marked

#: Share of the patches that are drawn around a finding.
_AROUND = 0.7
#: Less of a finding than this, cut off by a patch, is not looked for in it.
_LEAST_LEFT = 0.5
Drawn = tuple[torch.Tensor, torch.Tensor, torch.Tensor]


@dataclass(frozen=True, eq=False)
class Scene:
    """One image with its findings.

    Args:
        values: (channels, planes, rows, columns), as the network is shown it.
        boxes: (n, 6) lowest and highest corners, edges of voxels of that.
        labels: (n,) place of each finding's label.
    """

    values: torch.Tensor
    boxes: NDArray[np.float64]
    labels: NDArray[np.intp]


class DetectorTrainer(Trainer):
    """One run of a detector's recipe; scores are told by `planimeter evaluate` (FROC)."""

    def __init__(self, lesson: Lesson, schedule: Schedule, scenes: list[Scene], spacing: tuple[float, ...]) -> None:
        params = lesson.node.params
        assert isinstance(params, detect.Params), "no detector"
        self.params, self.scenes, self.spacing = params, scenes, spacing
        super().__init__(schedule, lesson.folder, lesson.device, held_out=0, start=lesson.start)
        self.detector = detector_of(params, self.network, spacing)
        self.detector.set_atss_matcher(4, False)
        self.detector.set_hard_negative_sampler(64, 0.3, min_neg=16, pool_size=20)

    @property
    def layout(self) -> torch.memory_format:
        """Of pictures, or of volumes."""
        return torch.channels_last_3d if self.params.dimensions == 3 else torch.channels_last

    def _draw(self, step: int) -> Drawn:
        rng = np.random.default_rng([self.schedule.seed, step])
        drawn = [self._patch(rng) for _ in range(self.schedule.batch)]
        most = max(1, *(len(labels) for _, _, labels in drawn))
        boxes = torch.full((len(drawn), most, 2 * self.params.dimensions), float("nan"))
        labels = torch.full((len(drawn), most), -1)
        for index, (_, own, kinds) in enumerate(drawn):
            boxes[index, : len(own)] = torch.from_numpy(own).float()
            labels[index, : len(own)] = torch.from_numpy(kinds)
        return torch.stack([values for values, _, _ in drawn]), boxes, labels

    def _patch(self, rng: np.random.Generator) -> tuple[torch.Tensor, NDArray[np.float64], NDArray[np.intp]]:
        scene = self.scenes[rng.integers(len(self.scenes))]
        size, patch = np.array(scene.values.shape[1:]), np.array(self.params.patch)
        middle = rng.uniform(0, size)
        if len(scene.boxes) and rng.random() < _AROUND:
            box = scene.boxes[rng.integers(len(scene.boxes))]
            middle = rng.uniform(box[:3], box[3:]) + rng.uniform(-0.3, 0.3, 3) * patch * (patch > 1)
        start = np.clip(np.round(middle - patch / 2), 0, np.maximum(size - patch, 0)).astype(int)
        stop = np.minimum(start + patch, size)
        cut = scene.values[:, start[0] : stop[0], start[1] : stop[1], start[2] : stop[2]]
        short = patch - (stop - start)
        values = nn.functional.pad(cut, [0, int(short[2]), 0, int(short[1]), 0, int(short[0])], value=float(cut.min()))
        low, high = scene.boxes[:, :3], scene.boxes[:, 3:]
        inside = np.clip(np.concatenate([low, high], axis=1), np.tile(start, 2), np.tile(start + patch, 2))
        axes = slice(3 - self.params.dimensions, 3)
        left = np.prod((inside[:, 3:] - inside[:, :3])[:, axes], axis=1)
        # On a plane the finding counts by what of it lies there.
        whole = np.prod((high - low)[:, axes], axis=1)
        there = (left >= _LEAST_LEFT * whole) & ((inside[:, 3:] - inside[:, :3]) > 0).all(axis=1)
        own = (inside[there] - np.tile(start, 2)).reshape(-1, 2, 3)[:, :, axes].reshape(-1, 2 * self.params.dimensions)
        if self.params.dimensions == 2:
            values = values[:, 0]
        return values, own, scene.labels[there]

    def _tensors(self, drawn: Drawn) -> tuple[torch.Tensor, ...]:
        values, boxes, labels = drawn
        return values.to(self.device, memory_format=self.layout), boxes.to(self.device), labels.to(self.device)

    def _loss(self, *tensors: torch.Tensor) -> torch.Tensor:
        values, boxes, labels = tensors
        targets = [
            {"boxes": own[kinds >= 0], "labels": kinds[kinds >= 0]} for own, kinds in zip(boxes, labels, strict=True)
        ]
        self.detector.train()
        losses: dict[str, torch.Tensor] = self.detector(list(values), targets)
        return losses["classification"] + losses["box_regression"]

    def _scores(self, network: nn.Module, most: int, report: Progress) -> dict[str, float]:
        return {}


def recipe_of(card: Card, node: Node, told: dict[str, Any]) -> Schedule:
    """The recipe of a detector: what the card's recipe says, and what its graph does.

    Raises:
        CardError: it is not usable.
    """
    params = node.params
    assert isinstance(params, detect.Params), "no detector"
    values = {name: value for name, value in told.items() if name not in {"augment"}}
    try:
        return Schedule(**{**values, "network": params.network.arguments, "compile": False})
    except TypeError as error:
        raise CardError(f"The card's training recipe is not usable: {error}.") from error


def trainer_of(lesson: Lesson, recipe: Schedule) -> DetectorTrainer:
    """The run of a detector's recipe on marked images.

    Raises:
        PlanimeterError: the set can't be read, or doesn't fit the card.
    """
    params = lesson.node.params
    assert isinstance(params, detect.Params), "no detector"
    learned, _ = parted_marked(lesson, params.labels, recipe.holdout if lesson.validation is None else 0.0)
    scenes, spacing = [], (1.0, 1.0, 1.0)
    for index, one in enumerate(learned):
        lesson.report(0.0, f"reading image {index + 1} of {len(learned)}")
        images, marks = one.open(params.labels)
        lesson.learned.add(fingerprint(*images.values()))
        (image,) = given_to(Context(LoadedCard(lesson.home, parsed=lesson.card), images), lesson.node)
        assert isinstance(image, Prepared), "a detector looks at an image"
        spacing = image.spacing
        boxes, labels = [np.zeros((0, 6))], []
        for place, label in enumerate(params.labels):
            own = marks[label]
            ends = [image.from_volume(own.low), image.from_volume(own.high)] if len(own.low) else []
            if ends:
                # Whole numbers are centres of voxels there, and edges here.
                boxes.append(np.concatenate([np.minimum(*ends), np.maximum(*ends)], axis=1) + 0.5)
                labels += [place] * len(own.low)
        scenes.append(Scene(whole_of(image), np.concatenate(boxes), np.array(labels, np.intp)))
    if not any(len(scene.boxes) for scene in scenes):
        raise MismatchError(f"Nothing is marked in the images of {lesson.data} that the model is to learn.")
    return DetectorTrainer(lesson, recipe, scenes, spacing)
