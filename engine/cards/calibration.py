"""How a model's confidence was made honest, as a card says it."""

from typing import Annotated

from pydantic import Field, model_validator

from engine.cards.weights import Weights
from engine.values import Identifier, Labels, Share, Short, Strict


class Band(Strict):
    """Probability levels of an inner and an outer contour of a structure.

    Args:
        label: of the structure.
        risk: expected share of the structure that the outer contour misses, and of the inner contour that is wrong.
        inner, outer: probabilities at which the two contours are drawn.
    """

    label: Identifier
    risk: Share
    inner: Share
    outer: Share


class ClassCalibration(Strict):
    """How the scores of labels of which one holds were made honest.

    Args:
        labels: of a classifier, or sums of them.
        temperature: the logits are divided by it.
        offsets: added to the logits then, one a label (bias-corrected temperature scaling, Alexandari et al., ICML
            2020); none for labels that are sums.
        coverage: share of the pictures of each label in whose set of labels it is to be; 0 where there are no sets.
        levels: probability from which on each label is in the set.
    """

    labels: Annotated[Labels, Field(min_length=2)]
    temperature: Annotated[float, Field(gt=0, le=100)] = 1.0
    offsets: tuple[Annotated[float, Field(ge=-50, le=50)], ...] = ()
    coverage: Share = 0.0
    levels: tuple[Share, ...] = ()

    @model_validator(mode="after")
    def _complete(self) -> "ClassCalibration":
        if any(len(values) not in {0, len(self.labels)} for values in (self.offsets, self.levels)):
            raise ValueError("a calibration has an offset and a level for each of its labels, or none")
        return self


class Familiarity(Strict):
    """What the training set looks like to a classifier, by which it knows what it has not learned.

    Args:
        node: the classifier.
        reference: file of the mean and the main axes of its features.
        limit: distance from which on an image is unlike the training set.
        share: of held-out pictures of the same kind that lie farther.
    """

    node: Identifier
    reference: Weights
    limit: Annotated[float, Field(gt=0)]
    share: Share = 0.0


class Calibration(Strict):
    """How the network's confidence was made honest.

    Args:
        temperature: the logits are divided by it; 1 where none made cases likelier that it was not fitted on.
        loss, uncalibrated_loss: of structures, the mean negative log-likelihood of each case's voxels with the
            temperature that the other cases give, and without any.
        classes: of classifiers, in place of the temperature for the labels that they name.
        familiarity: of a classifier.
        bands: levels of the inner and outer contours.
        dataset, n: what it was fitted on.
    """

    temperature: Annotated[float, Field(gt=0, le=100)] = 1.0
    loss: Annotated[float, Field(ge=0)] | None = None
    uncalibrated_loss: Annotated[float, Field(ge=0)] | None = None
    classes: Annotated[tuple[ClassCalibration, ...], Field(max_length=256)] = ()
    familiarity: Familiarity | None = None
    bands: Annotated[tuple[Band, ...], Field(max_length=4000)] = ()
    dataset: Short = ""
    n: Annotated[int, Field(ge=0)] = 0
