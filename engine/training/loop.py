"""The training loop, the same for every kind of network: steps, averages, checkpoints and validations, by the clock."""

import csv
import math
import os
import shutil
import time
from abc import ABC, abstractmethod
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from engine.cards.nodes import Node
from engine.cards.schema import Card
from engine.errors import CancelledError, EngineError
from engine.inference.networks import build_network, faster_norms, safe_strides
from engine.progress import Progress, part, silent
from engine.safe_file import write_errors
from engine.training.backbones import BACKBONES
from engine.training.checkpoint import MovingAverage, Progression, load, save
from engine.training.recipe import Schedule
from engine.training.tensor_file import write_tensors
from engine.training_process.run_folder import CHECKPOINT_FILE

#: Told the fraction done and a line to show; may stop the run.
Report = Progress

_CURVE = ["step", "minutes", "learning_rate", "loss", "validation"]
_LOG_STEPS = 50
#: Slow steps are logged more often, so that a curve is seen to grow.
_LOG_SECONDS = 20.0
_SAVE_MINUTES = 3.0
_LEAST_COMPILED_MINUTES = 5.0
#: Least time between two reports, which may stop the run, s.
_REPORT_SECONDS = 0.5
#: Threads that draw for a GPU, which is done with a step long before one of them is; at most half of the machine's.
_MOST_DRAWING = 8
#: A step with gradients that are no numbers is left out; so many in a row are no accident.
_MOST_SKIPPED = 20

#: The averaged weights of a run, in its folder.
AVERAGE_FILE = "average.safetensors"


@dataclass(frozen=True)
class Lesson:
    """What a run of training is about.

    Args:
        card: with the node's recipe.
        node: whose network is taught.
        data, validation: folders; without a validation set a share of the data is held out.
        folder: of the run.
        device: "cpu" or "cuda".
        start: weights to begin with in place of the recipe's.
        report: told what is going on.
        home: folder with the weights of the card's other networks.
        learned: fingerprints of the images that are learned from, which whoever reads them adds.
        untaught: structures that no case to learn from has, which whoever reads the cases adds.
    """

    card: Card
    node: Node
    data: Path
    validation: Path | None
    folder: Path
    device: str
    start: dict[str, torch.Tensor] | None
    report: Report
    home: Path
    learned: set[int] = field(default_factory=set)
    untaught: list[str] = field(default_factory=list)


class Trainer(ABC):
    """One run of a schedule; a subclass says what is drawn for a step, its loss, and how the average is scored.

    Args:
        schedule: what to do.
        folder: gets `checkpoint.safetensors`, `average.safetensors` (the weights that scored best, or the last where
            there is no validation), and `curves.csv`. A checkpoint found there is resumed.
        device: "cpu" or "cuda".
        held_out: how many cases there are to choose by; may be 0.
        start: weights to begin with in place of the schedule's; not looked at when a checkpoint is resumed.
    """

    def __init__(
        self,
        schedule: Schedule,
        folder: Path,
        device: str,
        *,
        held_out: int,
        start: dict[str, torch.Tensor] | None = None,
    ) -> None:
        self.schedule, self.folder, self.held_out = schedule, folder, held_out
        self.device = torch.device(device)
        torch.manual_seed(schedule.seed)
        self.network = self._build()
        self.checkpoint = folder / CHECKPOINT_FILE
        if start is not None:
            self.network.load_state_dict(start)
        elif schedule.start and not self.checkpoint.exists():
            self._take_over(BACKBONES[schedule.start]())
        self.average = MovingAverage(self.network, schedule.average)
        self.optimizer = torch.optim.AdamW(
            self.network.parameters(), schedule.learning_rate, weight_decay=schedule.weight_decay, fused=True
        )
        # A compiled step is a third faster, but takes half a minute to build, or minutes on a busy machine, which no
        # short run has; and it needs a C++ compiler on the CPU.
        long = not 0 < schedule.minutes < _LEAST_COMPILED_MINUTES
        can_compile = self.device.type == "cuda" or shutil.which("g++") is not None
        self.compiles = schedule.compile and long and can_compile
        self.loss = torch.compile(self._loss) if self.compiles else self._loss
        self.progression, self.skipped = Progression(), 0
        #: Of the last step; None before the first one here, also where a checkpoint is gone on from.
        self._rate: float | None = None
        self._in_full = False
        folder.mkdir(parents=True, exist_ok=True)
        if self.checkpoint.exists():
            self.progression = load(self.checkpoint, self.network, self.average, self.optimizer)

    @property
    @abstractmethod
    def layout(self) -> torch.memory_format:
        """Channels last is the layout that convolutions in bfloat16 are fast in."""

    @abstractmethod
    def _draw(self, step: int) -> Any:
        """What a step learns from; depends on nothing but the seed and the step."""

    @abstractmethod
    def _tensors(self, drawn: Any) -> tuple[torch.Tensor, ...]:
        """What was drawn, as `_loss` takes it, on the device."""

    @abstractmethod
    def _loss(self, *tensors: torch.Tensor) -> torch.Tensor:
        """The loss of a step, a scalar."""

    @abstractmethod
    def _scores(self, network: nn.Module, most: int, report: Progress) -> dict[str, float]:
        """Scores of a network on the first `most` cases held out; the higher, the better; none where they tell nothing.

        `report` is told how far it is, from 0 to 1, and may stop it.
        """

    def run(self, report: Report) -> Progression:
        """Train to the end of the schedule, or until validation no longer improves; return where the run ended.

        Raises:
            CancelledError: `report` was asked to stop; the checkpoint was written, and another run goes on from it.
            WriteError: there is no room; the last checkpoint is kept.
        """
        try:
            self._steps(report)
            if self.held_out:
                self._validate(self.held_out, report)
            else:
                self._keep()
        except (CancelledError, KeyboardInterrupt):
            self.save()
            raise
        self.save()
        report(1.0, f"step {self.progression.step}, done")
        return self.progression

    def _steps(self, report: Report) -> None:
        schedule, state = self.schedule, self.progression
        began, validated, saved = time.monotonic() - 60 * state.minutes, state.minutes, state.minutes
        losses: list[float] = []
        reported = logged = time.monotonic()
        report(self._fraction(), "compiling the network" if self.compiles else "beginning")
        drawing = self._drawing()
        with ThreadPoolExecutor(drawing) as background:
            # What the next steps learn from is drawn while the network works on this one's.
            coming: deque[Future[tuple[torch.Tensor, ...]]] = deque()
            while (fraction := self._fraction()) < 1 and not self._stale():
                while len(coming) <= drawing:
                    coming.append(background.submit(self._drawn, state.step + len(coming)))
                losses.append(self._step(coming.popleft().result(), fraction))
                now = time.monotonic()
                state.minutes = (now - began) / 60
                told = f"step {state.step}, loss {np.mean(losses):.3f}"
                if state.step % _LOG_STEPS == 0 or now - logged >= _LOG_SECONDS:
                    self._log(losses, fraction)
                    losses.clear()
                    logged = now
                if now - reported >= _REPORT_SECONDS:
                    # The first step may have taken minutes; what is left is told from here on.
                    report(self._fraction(), told)
                    reported = now
                if self.held_out and state.minutes - validated >= schedule.validate_minutes:
                    self._validate(schedule.validate_cases, report)
                    validated = (time.monotonic() - began) / 60
                if state.minutes - saved >= _SAVE_MINUTES:
                    self.save()
                    saved = state.minutes
            background.shutdown(cancel_futures=True)

    def step(self) -> float:
        """One step of the schedule; returns the loss."""
        return self._step(self._drawn(self.progression.step), self._fraction())

    def save(self) -> None:
        """Write the checkpoint."""
        save(self.checkpoint, self.network, self.average, self.optimizer, self.progression)

    def scores(self, most: int, report: Progress = silent) -> dict[str, float]:
        """Scores of the averaged weights on the first `most` cases held out."""
        network = self._build()
        network.load_state_dict(self.average.weights)
        return self._scores(network.eval(), most, report)

    def _build(self) -> nn.Module:
        network = build_network(self.schedule.network).to(self.device)
        if self.device.type == "cpu":
            safe_strides(faster_norms(network))
        return network.to(memory_format=self.layout)  # type: ignore[call-overload, no-any-return]

    def _take_over(self, weights: dict[str, torch.Tensor]) -> None:
        """Take over what has the same name and shape; the last layer has another."""
        own = self.network.state_dict()
        fitting = {name: value for name, value in weights.items() if name in own and own[name].shape == value.shape}
        self.network.load_state_dict(own | fitting)

    def _learning(self) -> None:
        """Bring the network to the state in which it learns."""
        self.network.train()

    def _precision(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=not self._in_full)

    def _drawing(self) -> int:
        """How many threads draw at once; on the processor more than one would only take turns with the network."""
        return 1 if self.device.type == "cpu" else max(min(_MOST_DRAWING, (os.cpu_count() or 2) // 2), 1)

    def _drawn(self, step: int) -> tuple[torch.Tensor, ...]:
        return self._tensors(self._draw(step))

    def _step(self, drawn: tuple[torch.Tensor, ...], fraction: float) -> float:
        state, schedule = self.progression, self.schedule
        rate = schedule.learning_rate * (1 - fraction) ** schedule.power * min((state.step + 1) / schedule.warm_up, 1)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self._rate = rate
        self._learning()
        value, norm = self._gradients(drawn)
        if math.isfinite(value) and not math.isfinite(norm):
            # oneDNN's convolutions in bfloat16 multiply memory that nobody filled by zero (seen with torch 2.13 and few
            # channels); where that memory holds no numbers, nor do the gradients. In float32 they are right.
            self._in_full = True
            value, norm = self._gradients(drawn)
            self._in_full = False
        if not math.isfinite(value):
            raise EngineError(f"Training diverged at step {state.step} (loss {value}); lower the learning rate.")
        self.skipped = 0 if math.isfinite(norm) else self.skipped + 1
        if not self.skipped:
            self.optimizer.step()
        elif self.skipped >= _MOST_SKIPPED:
            raise EngineError(
                f"Training stands still at step {state.step}: {self.skipped} steps in a row had gradients that are no "
                "numbers; lower the learning rate, or give the network other sizes."
            )
        self.average.update(self.network, state.step)
        state.step += 1
        return value

    def _gradients(self, drawn: tuple[torch.Tensor, ...]) -> tuple[float, float]:
        """Loss of what was drawn, and the norm of its gradients before they were clipped, which are in the network."""
        loss = self.loss(*drawn)
        self.optimizer.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        norm = float(nn.utils.clip_grad_norm_(self.network.parameters(), self.schedule.clip))
        return float(loss.detach()), norm

    def _fraction(self) -> float:
        """How much of the schedule is over, 0..1, by the clock or by steps."""
        state, schedule = self.progression, self.schedule
        by_steps = state.step / schedule.steps if schedule.steps else 0.0
        return max(state.minutes / schedule.minutes if not schedule.steps or schedule.minutes else 0.0, by_steps)

    def _stale(self) -> bool:
        return bool(self.schedule.patience) and self.progression.stale >= self.schedule.patience

    def _validate(self, most: int, report: Report) -> None:
        most, fraction = min(most, self.held_out), min(self._fraction(), 1.0)
        scores = self.scores(most, part(report, fraction, fraction))
        if not scores:
            # By these cases nothing can be judged, so no weights are known to be better than the last.
            self._keep()
            return
        mean = float(np.mean(list(scores.values())))
        state = self.progression
        state.history.append({"step": state.step, "minutes": state.minutes, "n": most, "mean": mean, **scores})
        self._write_curve(None, mean)
        whole = most == self.held_out
        # Means over few cases and over all are not comparable, and the last average is the one the schedule aims at.
        if whole or mean > state.best:
            state.stale = 0
            state.best = mean
            self._keep()
        else:
            state.stale += 1

    def _keep(self) -> None:
        weights = {name: value.cpu().contiguous() for name, value in self.average.weights.items()}
        write_tensors(weights, self.folder / AVERAGE_FILE)

    def _log(self, losses: list[float], fraction: float) -> None:
        self._write_curve(float(np.mean(losses)), None)

    def _write_curve(self, loss: float | None, score: float | None) -> None:
        path, state = self.folder / "curves.csv", self.progression
        new = not path.exists()
        with write_errors(path, "try"), path.open("a", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            if new:
                writer.writerow(_CURVE)
            rate = f"{self._rate:.2e}" if self._rate is not None else ""
            shown = ["" if value is None else f"{value:.4f}" for value in (loss, score)]
            writer.writerow([state.step, f"{state.minutes:.2f}", rate, *shown])
