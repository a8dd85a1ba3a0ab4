"""Training a network that draws: crops of cases, and the Dice of what it draws on those held out."""

from functools import partial
from pathlib import Path

import numpy as np
import torch
from monai.inferers.utils import sliding_window_inference
from torch import nn

from engine.training.augment import Crop, draw
from engine.training.dataset import Case
from engine.training.loop import Trainer
from engine.training.losses import segmentation_loss
from engine.training.recipe import Recipe
from engine.training.seen import seen


class SegmenterTrainer(Trainer):
    """One run of a segmenter's recipe.

    Args:
        recipe: what to do.
        cases: to learn from, as the card prepares them.
        validation: to choose by; may be empty.
        folder, device, start: as for `Trainer`.
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

    @property
    def layout(self) -> torch.memory_format:
        """Of planes, or of volumes."""
        return torch.channels_last if self.recipe.dimensions == 2 else torch.channels_last_3d

    def _logits(self, network: nn.Module, image: torch.Tensor) -> torch.Tensor:
        """(batch, classes, planes, rows, columns) of a network that may be one for single planes."""
        if self.recipe.dimensions == 2:
            flat: torch.Tensor = network(image[:, :, 0].contiguous(memory_format=self.layout))
            return flat[:, :, None]
        logits: torch.Tensor = network(image.contiguous(memory_format=self.layout))
        return logits

    def _draw(self, step: int) -> list[Crop]:
        recipe, rng = self.recipe, np.random.default_rng([self.recipe.seed, step])
        return [draw(rng, self.cases, recipe.patch, recipe.mirror, recipe.augment) for _ in range(recipe.batch)]

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

    def _scores(self, network: nn.Module, most: int) -> dict[str, float]:
        """Mean Dice of each structure, over the cases that have it contoured."""
        scores: dict[str, list[float]] = {name: [] for name in self.recipe.structures}
        for case in self.validation[:most]:
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
