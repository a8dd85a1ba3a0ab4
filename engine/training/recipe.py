"""A card's recipe: everything that a training run depends on besides the data."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import CardError
from engine.training.augment import Augmentation


@dataclasses.dataclass(frozen=True)
class Recipe:
    """How a card's network is trained; read from `provenance.recipe` of the card.

    Args:
        structures: names in the data set, in the order of the network's classes from 1.
        mirror_pairs: structures that are each other's mirror image, left and right.
        patch: (planes, rows, columns) of a crop.
        padding: what the network is shown where there is no image.
        network: parameters of `engine.inference.networks.build_network`.
        dimensions: 3, or 2 for a network of single planes.
        minutes: the length of the schedule; the learning rate follows the time, so that a slower or busier machine
            takes fewer steps of the same schedule.
        batch: crops a step.
        left_out: case → structures whose contours do not fit the image; they count as not contoured.
        steps: ends the schedule by steps as well, whichever comes first; 0 for no limit.
        learning_rate, weight_decay, warm_up (steps), power: AdamW, and the polynomial decay of its rate to zero.
        clip: largest norm of the gradient.
        average: decay of the moving average of the weights, which is what is validated and kept.
        validate_minutes, validate_cases: how often, and on how many cases, the average is scored.
        patience: stop after so many validations without improvement; 0 for never.
        holdout: fraction of the cases kept for validation where no validation set is given.
        compile: fuse the network's operations with torch.compile, where a C++ compiler is installed.
        seed: of the weights and of every crop.
        augment: see `Augmentation`.
    """

    structures: list[str]
    patch: tuple[int, int, int]
    network: dict[str, Any]
    dimensions: int = 3
    padding: float = 0.0
    mirror_pairs: list[list[str]] = dataclasses.field(default_factory=list)
    minutes: float = 100.0
    batch: int = 1
    left_out: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    steps: int = 0
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    warm_up: int = 100
    power: float = 0.9
    clip: float = 5.0
    average: float = 0.999
    validate_minutes: float = 15.0
    validate_cases: int = 8
    patience: int = 0
    holdout: float = 0.1
    compile: bool = True
    seed: int = 0
    augment: Augmentation = dataclasses.field(default_factory=Augmentation)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "Recipe":
        """The recipe of a card.

        Raises:
            CardError: a field is unknown, missing or of the wrong kind.
        """
        values = dict(values)
        try:
            augment = Augmentation(**values.pop("augment", {}))
            recipe = cls(**values, augment=augment)
            return dataclasses.replace(recipe, patch=(recipe.patch[0], recipe.patch[1], recipe.patch[2]))
        except (TypeError, IndexError) as error:
            raise CardError(f"The card's training recipe is not usable: {error}.") from error

    @property
    def mirror(self) -> NDArray[np.intp]:
        """(classes,) the class that each class becomes in a mirror, background included."""
        table = np.arange(len(self.structures) + 1)
        for left, right in self.mirror_pairs:
            a, b = self.structures.index(left) + 1, self.structures.index(right) + 1
            table[a], table[b] = b, a
        return table
