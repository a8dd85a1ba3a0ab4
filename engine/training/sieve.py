"""Training a sieve: crops around the candidates that the card itself finds in images with marked findings.

A sieve behind another learns from what that one leaves: the candidates that are hard to tell.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.cards.nodes import Node
from engine.cards.registry import LoadedCard
from engine.cards.schema import Card
from engine.errors import CardError, MismatchError
from engine.inference.boxes import Boxes
from engine.inference.context import Context
from engine.inference.graph import given_to
from engine.inference.preprocess import Prepared
from engine.inference.sieve import crops_around
from engine.operations import sieve
from engine.training.classifier import ClassifierTrainer, Pictures
from engine.training.labelled.sample import fingerprint
from engine.training.loop import Lesson
from engine.training.marked import Marked, sides_of
from engine.training.recipe import ClassifierRecipe

#: What a candidate is that is no finding.
NOTHING = "none"


def recipe_of(card: Card, node: Node, told: dict[str, Any]) -> ClassifierRecipe:
    """The recipe of a sieve: what the card's recipe says, and what its graph does.

    Raises:
        CardError: it is not usable.
    """
    params = node.params
    assert isinstance(params, sieve.Params), "no sieve"
    softmax = params.activation == "softmax"
    labels = (NOTHING, *params.labels) if softmax else params.labels
    drawn = {"network": params.network.arguments, "labels": labels, "exclusive": (labels,) if softmax else ()}
    return ClassifierRecipe.from_dict({**told, **drawn})


def trainer_of(lesson: Lesson, recipe: ClassifierRecipe) -> ClassifierTrainer:
    """The run of a sieve's recipe on marked images, split by their names.

    Raises:
        CardError: a network before it is not trained yet.
        PlanimeterError: the set can't be read, or doesn't fit the card.
    """
    params = lesson.node.params
    assert isinstance(params, sieve.Params), "no sieve"
    learned, held_out = parted_marked(lesson, params.labels, recipe.holdout)
    sides = []
    for images, teaches in ((learned, True), (held_out, False)):
        crops, labels = [], []
        for index, one in enumerate(images):
            lesson.report(0.0, f"candidates of image {index + 1} of {len(images)}")
            found, known = _crops(lesson, params, one, with_missed=teaches)
            if len(known):
                crops.append(found)
                labels += known
        views = np.concatenate(crops) if crops else np.zeros((0, 1, 1, 1), np.float16)
        sides.append(Pictures(views, labels, recipe))
    if not sides[0].targets[:, -len(params.labels) :].any():
        raise MismatchError(f"Nothing is marked in the images of {lesson.data} that the model is to learn.")
    return ClassifierTrainer(recipe, sides[0], sides[1], lesson.folder, lesson.device, start=lesson.start)


def parted_marked(lesson: Lesson, labels: Sequence[str], holdout: float) -> tuple[list[Marked], list[Marked]]:
    """The marked images of a lesson to learn from, and those to choose by."""
    return sides_of(lesson.data, lesson.validation, labels, lesson.card, holdout)


def _crops(
    lesson: Lesson, params: sieve.Params, one: Marked, *, with_missed: bool
) -> tuple[NDArray[np.float16], list[frozenset[str]]]:
    """Crops around the candidates in an image and what each is; to learn from, with findings that no candidate met."""
    images, marks = one.open(params.labels)
    if with_missed:
        lesson.learned.add(fingerprint(*images.values()))
    image, candidates = given_to(Context(LoadedCard(lesson.home, parsed=lesson.card), images), lesson.node)
    assert isinstance(image, Prepared) and isinstance(candidates, Boxes), "a sieve judges boxes in an image"
    if not candidates.prepared.geometry.same_grid(image.geometry):
        raise CardError(f"The network '{lesson.node.node}' of '{lesson.card.id}' judges candidates of another image.")
    volume, centres = image.volume, candidates.centres
    low, high = candidates.on_volume()
    places = np.clip(((low + high) / 2).round().astype(int), 0, np.array(volume.geometry.shape) - 1)
    known: list[set[str]] = [set() for _ in centres]
    for label in params.labels:
        own = marks[label]
        met = own.numbers[tuple(places.T)]
        for index in np.flatnonzero(met):
            known[index].add(label)
        rest = own.centres[~np.isin(np.arange(1, len(own.centres) + 1), met)]
        if with_missed and len(rest):
            centres = np.concatenate([centres, image.from_volume(rest)])
            known += [{label} for _ in rest]
    labels = [frozenset(each or {NOTHING}) for each in known]
    if not len(centres):
        return np.zeros((0, 1, 1, 1), np.float16), labels
    return crops_around(params, image, centres).astype(np.float16), labels
