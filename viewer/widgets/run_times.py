"""How long models took on this machine: each run is remembered, so that the next can be told beforehand."""

from __future__ import annotations

import json
import platform
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.volume import Volume
from viewer.widgets.settings import settings

if TYPE_CHECKING:
    from engine.cards.options import Choice
    from engine.cards.schema import Card

_KEY = "runs/times"
#: Runs that are kept of a card with the same choices, and cards with choices that are kept.
_RUNS, _KINDS = 8, 64
#: An image that is so many times larger or smaller than one that was run on says nothing about the time.
_ALIKE = 3.0


@dataclass(frozen=True, eq=False)
class Asked:
    """What is run.

    Args:
        card, chosen: the model, with the values of its options.
        device: that was asked for, such as "auto".
        volume: that it looks at first.
    """

    card: Card
    chosen: Mapping[str, Choice]
    device: str
    volume: Volume

    @property
    def key(self) -> str:
        """The same for runs that take the same time on images of the same size."""
        card = self.card
        return json.dumps([platform.node(), card.id, card.version, self.device, dict(sorted(self.chosen.items()))])


@dataclass(frozen=True)
class Expected:
    """What a run will take.

    Args:
        seconds: by earlier runs.
        device: that they ran on, as a result tells it.
    """

    seconds: float
    device: str

    @property
    def sentence(self) -> str:
        """For the user, before the run."""
        where = "this processor" if self.device.startswith("cpu") else "this graphics card"
        return f"Takes about {spoken(self.seconds)} on {where}, by earlier runs."


def remember(asked: Asked, seconds: float, ran_on: str) -> None:
    """Keep the time of a run, and the device that it ran on."""
    times = _times()
    runs = [*times.pop(asked.key, []), (asked.volume.voxels.size, round(seconds, 2), ran_on)]
    # What was run last stands last, and what has not been run for longest goes.
    kept = [*times.items(), (asked.key, runs[-_RUNS:])][-_KINDS:]
    settings().setValue(_KEY, json.dumps(dict(kept)))


def expected(asked: Asked) -> Expected | None:
    """What a run will take, by the earlier one on the image most alike in size; None where there was none like it."""
    size = asked.volume.voxels.size
    alike = [
        (max(size / voxels, voxels / size), -index, seconds * size / voxels, device)
        for index, (voxels, seconds, device) in enumerate(_times().get(asked.key, []))
        if 1 / _ALIKE <= size / voxels <= _ALIKE
    ]
    if not alike:
        return None
    # Of runs on images of one size the latest tells best what the machine does now.
    _, _, seconds, device = min(alike)
    return Expected(seconds, device)


def spoken(seconds: float) -> str:
    """A time as people say it: "10 s", "45 s", "3 min"."""
    if seconds < 90:
        step = 1 if seconds < 10 else 5
        return f"{max(round(seconds / step) * step, 1)} s"
    return f"{round(seconds / 60)} min"


def _times() -> dict[str, list[tuple[int, float, str]]]:
    """Key → (voxels, seconds, device) of runs, oldest first; none where the settings hold anything else."""
    try:
        stored = json.loads(str(settings().value(_KEY, "{}")))
        return {
            str(key): [(max(int(voxels), 1), float(seconds), str(device)) for voxels, seconds, device in runs]
            for key, runs in stored.items()
        }
    except (ValueError, TypeError, AttributeError):
        return {}
