"""A card's recipe: everything that a training run depends on besides the data."""

import dataclasses
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import CardError
from engine.training.augment import Augmentation
from engine.training.backbones import BACKBONES
from engine.training.picture_augment import PictureAugmentation


@dataclasses.dataclass(frozen=True, kw_only=True)
class Schedule:
    """What the training of every kind of network depends on.

    Args:
        network: parameters of `engine.inference.networks.build_network`.
        minutes: the length of the schedule; the learning rate follows the time, so that a slower or busier machine
            takes fewer steps of the same schedule; 0 where steps alone end it, on each machine the same.
        batch: what a step learns from: crops, or pictures.
        steps: ends the schedule by steps as well, whichever comes first; 0 for no limit.
        learning_rate, weight_decay, warm_up (steps), power: AdamW, and the polynomial decay of its rate to zero.
        clip: largest norm of the gradient.
        average: decay of the moving average of the weights, which is what is validated and kept.
        validate_minutes, validate_cases: how often, and on how many cases, the average is scored.
        patience: stop after so many validations without improvement; 0 for never.
        holdout: fraction of the cases kept for validation where no validation set is given.
        start: a word of `engine.training.backbones.BACKBONES`, whose weights the network begins with as far as it has
            the same; "" for random ones.
        compile: fuse the network's operations with torch.compile, where a C++ compiler is installed.
        seed: of the weights and of every crop.
    """

    network: dict[str, Any]
    minutes: float = 100.0
    batch: int = 1
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
    start: str = ""
    compile: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.minutes <= 0 and self.steps <= 0:
            raise CardError("The recipe tells neither minutes nor steps, so its training would not end.")
        if self.start and self.start not in BACKBONES:
            raise CardError(f"The recipe starts from '{self.start}'; there are: {', '.join(sorted(BACKBONES))}.")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Recipe(Schedule):
    """How a card's segmenter is trained; read from `provenance.recipe` of the card.

    Args:
        structures: names in the data set, in the order of the network's classes from 1.
        mirror_pairs: structures that are each other's mirror image, left and right.
        patch: (planes, rows, columns) of a crop.
        dimensions: 3, or 2 for a network of single planes.
        padding: what the network is shown where there is no image.
        natural: share of the schedule, at its end, in which crops are centred anywhere in the image, each class as
            often as there is of it, and only the network's last layers learn (second phase of Havaei et al., 2017).
        unions: structure → those of the data set that it is made of.
        left_out: case → structures whose contours do not fit the image; they count as not contoured.
        augment: see `Augmentation`.
    """

    structures: list[str]
    patch: tuple[int, int, int]
    dimensions: int = 3
    padding: float = 0.0
    mirror_pairs: list[list[str]] = dataclasses.field(default_factory=list)
    natural: float = 0.0
    unions: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    left_out: dict[str, list[str]] = dataclasses.field(default_factory=dict)
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class ClassifierRecipe(Schedule):
    """How a card's classifier is trained; read from `provenance.recipe` of the card.

    Args:
        labels: of the network's values, in order.
        exclusive: labels of which one holds at most, group by group; the others hold or don't, each by itself.
        frozen: names of the network's first parts, which stay as they start.
        ensemble: so many networks are trained, one after the other, which differ in their seeds.
        views: of a picture with several, how many a step looks at, whose probabilities are pooled as in a run; 1 where
            each view learns its picture's labels by itself.
        pool: how the graph makes one score of several views.
        attention: the network gives how much each view counts, behind its labels' values.
        balance: 0 to draw each picture as often as any other, 1 to draw each label as often as any other.
        smoothing: share of each target that is spread over the labels of its group.
        augment: see `PictureAugmentation`.
    """

    labels: tuple[str, ...]
    exclusive: tuple[tuple[str, ...], ...] = ()
    frozen: tuple[str, ...] = ()
    ensemble: int = 1
    views: int = 1
    pool: str = "mean"
    attention: bool = False
    balance: float = 0.5
    smoothing: float = 0.05
    augment: PictureAugmentation = dataclasses.field(default_factory=PictureAugmentation)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> "ClassifierRecipe":
        """The recipe of a card.

        Raises:
            CardError: a field is unknown, missing or of the wrong kind, or the start is none that is known.
        """
        values = dict(values)
        try:
            recipe = cls(**values | {"augment": PictureAugmentation(**values.pop("augment", {}))})
        except TypeError as error:
            raise CardError(f"The card's training recipe is not usable: {error}.") from error
        if recipe.views > 1 and recipe.pool in {"vote", "share"}:
            raise CardError(f"Several views can't be learned from together where a '{recipe.pool}' pools them.")
        return recipe
