"""What the parts of one run share."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from engine.answers import RunOptions
from engine.cards.calibration import ClassCalibration, Familiarity
from engine.cards.nodes import Node
from engine.cards.registry import LoadedCard
from engine.cards.schema import Card
from engine.cards.weights import Weights
from engine.operations import features
from engine.progress import Progress, silent
from engine.volume import Volume

#: Called as `on_tile(tile, tiles, device)` before each tile.
OnTile = Callable[[int, int, str], None]

#: Begins the note of a run that a person insisted on.
AGAINST = "Run against the card's advice: "


def nobody(tile: int, tiles: int, device: str) -> None:
    """An `OnTile` that tells nobody."""


@dataclass(eq=False)
class Context:
    """What the parts of a run share.

    Args:
        loaded: the card and its folder.
        inputs: images by the roles of the card's inputs.
        device: asked for: "auto", "cpu", "cuda" or "mps".
        options: chosen by the user.
        progress: of the run, or of the node that is run.
        on_tile: told of each tile.
        notes: gathered for the user.
        devices: what the networks ran on, in the order of their first use.
        stages: seconds of each part.
        node: that is run.
    """

    loaded: LoadedCard
    inputs: Mapping[str, Volume]
    device: str = "auto"
    options: RunOptions = field(default_factory=RunOptions)
    progress: Progress = silent
    on_tile: OnTile = nobody
    notes: list[str] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)
    stages: dict[str, float] = field(default_factory=dict)
    node: Node | None = None

    @property
    def card(self) -> Card:
        """The card."""
        return self.loaded.card

    @property
    def temperature(self) -> float:
        """By which logits are divided, so that probabilities are honest."""
        calibration = self.card.uncertainty.calibration
        return calibration.temperature if calibration is not None else 1.0

    @property
    def weights(self) -> tuple[Weights, ...]:
        """Of the node that is run."""
        return self.node.weights if self.node is not None else ()

    @property
    def familiarity(self) -> Familiarity | None:
        """What the training set looks like to the node that is run, where that is known."""
        calibration = self.card.uncertainty.calibration
        known = calibration.familiarity if calibration is not None else None
        return known if known is not None and self.node is not None and known.node == self.node.node else None

    @property
    def features_wanted(self) -> bool:
        """Whether a later node asks for the features of the node that is run."""
        if self.node is None:
            return False
        asking = [other for other in self.card.graph if isinstance(other.params, features.Params)]
        return any(name in other.inputs for other in asking for name in self.node.names)

    def calibration_of(self, labels: Sequence[str]) -> ClassCalibration | None:
        """How the scores of labels of which one holds were made honest; None where they were not."""
        calibration = self.card.uncertainty.calibration
        classes = calibration.classes if calibration is not None else ()
        return next((made for made in classes if made.labels == tuple(labels)), None)

    @property
    def volume(self) -> Volume:
        """The image whose planes the answers lie on: that of the card's first input."""
        return self.inputs[self.card.inputs[0].role]

    def at(self, node: Node, progress: Progress) -> "Context":
        """The same run, as a node sees it; what it notes is noted for the run."""
        return replace(self, node=node, progress=progress)

    def note(self, sentence: str) -> None:
        """Tell the user, once."""
        if sentence not in self.notes:
            self.notes.append(sentence)

    def ran_on(self, device: str) -> None:
        """Count a device among those that were used."""
        if device not in self.devices:
            self.devices.append(device)

    def timed(self, name: str, since: float) -> float:
        """Count the seconds since `since` to part `name`; returns now."""
        now = time.perf_counter()
        self.stages[name] = self.stages.get(name, 0.0) + now - since
        return now
