"""The training loop: crops, steps, averages, checkpoints and validations, by the clock."""

import csv
import math
import shutil
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from pathlib import Path

import numpy as np
import torch
from monai.inferers.utils import sliding_window_inference
from safetensors.torch import save_file
from torch import nn

from engine.errors import EngineError
from engine.inference.networks import build_network, faster_norms
from engine.training.augment import Crop, draw
from engine.training.checkpoint import MovingAverage, Progression, load, save
from engine.training.dataset import Case
from engine.training.losses import segmentation_loss
from engine.training.recipe import Recipe
from engine.training.seen import seen

#: Called after each step with the fraction done (0..1) and a line to show.
Report = Callable[[float, str], None]

_CURVE = ["step", "minutes", "learning_rate", "loss", "validation_dice"]
_LOG_STEPS = 50
_SAVE_MINUTES = 3.0

#: The averaged weights of a run, in its folder.
AVERAGE_FILE = "average.safetensors"


class Trainer:
    """One run of a recipe.

    Args:
        recipe: what to do.
        cases: to learn from, as the card prepares them.
        validation: to choose by; may be empty.
        folder: gets `checkpoint.safetensors`, `average.safetensors` (the weights that scored best, or the last where
            there is no validation), and `curves.csv`. A checkpoint found there is resumed.
        device: "cpu" or "cuda".
        start: weights to begin with in place of random ones; not looked at when a checkpoint is resumed.
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
        self.recipe, self.cases, self.validation, self.folder = recipe, cases, validation, folder
        self.device = torch.device(device)
        torch.manual_seed(recipe.seed)
        self.network = self._build()
        if start is not None:
            self.network.load_state_dict(start)
        self.average = MovingAverage(self.network, recipe.average)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
        )
        # A compiled step is a third faster, but takes half a minute to build, and needs a C++ compiler on the CPU.
        can_compile = recipe.compile and (self.device.type == "cuda" or shutil.which("g++") is not None)
        self.loss = torch.compile(self._loss) if can_compile else self._loss
        self.progression = Progression()
        self.checkpoint = folder / "checkpoint.safetensors"
        folder.mkdir(parents=True, exist_ok=True)
        if self.checkpoint.exists():
            self.progression = load(self.checkpoint, self.network, self.average, self.optimizer)

    def run(self, report: Report) -> Progression:
        """Train to the end of the schedule, or until validation no longer improves; return where the run ended."""
        recipe, state = self.recipe, self.progression
        began, losses, validated = time.monotonic() - 60 * state.minutes, [], state.minutes
        saved = state.minutes
        with ThreadPoolExecutor(1) as background:
            # The next crops are cut while the network works on these.
            coming: Future[list[Crop]] = background.submit(self._draw, state.step)
            while (fraction := self._fraction()) < 1 and not self._stale():
                crops = coming.result()
                coming = background.submit(self._draw, state.step + 1)
                losses.append(self._step(crops, fraction))
                state.minutes = (time.monotonic() - began) / 60
                if state.step % _LOG_STEPS == 0:
                    self._log(losses, fraction)
                    report(fraction, f"step {state.step}, loss {np.mean(losses):.3f}")
                    losses.clear()
                if self.validation and state.minutes - validated >= recipe.validate_minutes:
                    report(fraction, f"step {state.step}, validating")
                    self._validate(self.validation[: recipe.validate_cases])
                    validated = (time.monotonic() - began) / 60
                if state.minutes - saved >= _SAVE_MINUTES:
                    self.save()
                    saved = state.minutes
            coming.cancel()
        if self.validation:
            self._validate(self.validation)
        else:
            self._keep()
        self.save()
        report(1.0, f"step {state.step}, done")
        return state

    def step(self) -> float:
        """One step of the schedule; returns the loss."""
        return self._step(self._draw(self.progression.step), self._fraction())

    def save(self) -> None:
        """Write the checkpoint."""
        save(self.checkpoint, self.network, self.average, self.optimizer, self.progression)

    def dice(self, cases: list[Case]) -> dict[str, float]:
        """Mean Dice of the averaged weights for each structure, over the cases that have it contoured."""
        network = self._build()
        network.load_state_dict(self.average.weights)
        network.eval()
        scores: dict[str, list[float]] = {name: [] for name in self.recipe.structures}
        for case in cases:
            predicted = self._predict(network, case)
            for index, name in enumerate(self.recipe.structures):
                if case.contoured[index]:
                    a, b = predicted == index + 1, case.labels == index + 1
                    scores[name].append(2 * float((a & b).sum()) / max(float(a.sum() + b.sum()), 1.0))
        return {name: float(np.mean(values)) for name, values in scores.items() if values}

    def _build(self) -> nn.Module:
        network = build_network(self.recipe.network).to(self.device)
        if self.device.type == "cpu":
            faster_norms(network)
        return network.to(memory_format=self._layout)  # type: ignore[call-overload, no-any-return]

    @property
    def _layout(self) -> torch.memory_format:
        """Channels last is the layout that convolutions in bfloat16 are fast in."""
        return torch.channels_last if self.recipe.dimensions == 2 else torch.channels_last_3d

    def _logits(self, network: nn.Module, image: torch.Tensor) -> torch.Tensor:
        """(batch, classes, planes, rows, columns) of a network that may be one for single planes."""
        if self.recipe.dimensions == 2:
            flat: torch.Tensor = network(image[:, :, 0].contiguous(memory_format=self._layout))
            return flat[:, :, None]
        logits: torch.Tensor = network(image.contiguous(memory_format=self._layout))
        return logits

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

    def _draw(self, step: int) -> list[Crop]:
        recipe, rng = self.recipe, np.random.default_rng([self.recipe.seed, step])
        return [draw(rng, self.cases, recipe.patch, recipe.mirror, recipe.augment) for _ in range(recipe.batch)]

    def _loss(self, image: torch.Tensor, labels: torch.Tensor, contoured: torch.Tensor) -> torch.Tensor:
        with self._precision():
            logits = self._logits(self.network, image)
        return segmentation_loss(logits, labels, contoured)

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16)

    def _step(self, crops: list[Crop], fraction: float) -> float:
        state, recipe = self.progression, self.recipe
        rate = recipe.learning_rate * (1 - fraction) ** recipe.power * min((state.step + 1) / recipe.warm_up, 1)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.network.train()
        image = torch.stack([seen(crop.values, crop.inside, recipe.padding) for crop in crops]).to(self.device)
        labels = torch.stack([crop.labels for crop in crops]).to(self.device)
        contoured = torch.stack([crop.contoured for crop in crops]).to(self.device)
        loss = self.loss(image, labels, contoured)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        norm = float(nn.utils.clip_grad_norm_(self.network.parameters(), recipe.clip))
        value = float(loss.detach())
        if not math.isfinite(value):
            raise EngineError(f"Training diverged at step {state.step} (loss {value}); lower the learning rate.")
        if math.isfinite(norm):
            self.optimizer.step()
        self.average.update(self.network, state.step)
        state.step += 1
        return value

    def _fraction(self) -> float:
        """How much of the schedule is over, 0..1, by the clock or by steps."""
        state, recipe = self.progression, self.recipe
        by_steps = state.step / recipe.steps if recipe.steps else 0.0
        return max(state.minutes / recipe.minutes if not recipe.steps or recipe.minutes else 0.0, by_steps)

    def _stale(self) -> bool:
        return bool(self.recipe.patience) and self.progression.stale >= self.recipe.patience

    def _validate(self, cases: list[Case]) -> None:
        scores = self.dice(cases)
        mean = float(np.mean(list(scores.values()))) if scores else 0.0
        state = self.progression
        state.history.append({"step": state.step, "minutes": state.minutes, "n": len(cases), "mean": mean, **scores})
        self._write_curve(None, mean)
        whole = len(cases) == len(self.validation)
        # Means over few cases and over all are not comparable, and the last average is the one the schedule aims at.
        if whole or mean > state.best:
            state.stale = 0
            state.best = mean
            self._keep()
        else:
            state.stale += 1

    def _keep(self) -> None:
        weights = {name: value.cpu().contiguous() for name, value in self.average.weights.items()}
        temporary = self.folder / "average.part"
        save_file(weights, temporary)
        temporary.replace(self.folder / AVERAGE_FILE)

    def _log(self, losses: list[float], fraction: float) -> None:
        self._write_curve(float(np.mean(losses)), None)

    def _write_curve(self, loss: float | None, dice: float | None) -> None:
        path, state = self.folder / "curves.csv", self.progression
        new = not path.exists()
        with path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(_CURVE)
            rate = self.optimizer.param_groups[0]["lr"]
            shown = ["" if value is None else f"{value:.4f}" for value in (loss, dice)]
            writer.writerow([state.step, f"{state.minutes:.2f}", f"{rate:.2e}", *shown])
