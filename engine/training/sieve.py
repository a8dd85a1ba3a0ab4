"""Training a sieve: crops around the candidates that the card itself finds on pictures with marked findings."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.cards.nodes import Node
from engine.cards.registry import LoadedCard
from engine.cards.schema import Card, CardInput
from engine.errors import CardError, MismatchError
from engine.inference.candidates import find_candidates
from engine.inference.context import Context
from engine.inference.preprocess import prepare
from engine.inference.sieve import crops_around
from engine.operations import candidates, sieve
from engine.training.classifier import ClassifierTrainer, Pictures
from engine.training.labelled.sample import Sample, split
from engine.training.loop import Lesson
from engine.training.marked import Marked, marked_pictures
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
    if params.dimensions == 3:
        raise CardError(f"Training judges crops of pictures, which is not what the network '{node.node}' does.")
    softmax = params.activation == "softmax"
    labels = (NOTHING, *params.labels) if softmax else params.labels
    drawn = {"network": params.network.arguments, "labels": labels, "exclusive": (labels,) if softmax else ()}
    return ClassifierRecipe.from_dict({**told, **drawn})


def trainer_of(lesson: Lesson, recipe: ClassifierRecipe) -> ClassifierTrainer:
    """The run of a sieve's recipe on marked pictures, split by picture.

    Raises:
        CardError: the sieve is not fed by a finder of candidates on an input of the card.
        PlanimeterError: the set can't be read, or doesn't fit the card.
    """
    params, finder, wanted = _parts_of(lesson.card, lesson.node)
    marked = marked_pictures(lesson.data, params.labels)
    learned, held_out = _split(marked, recipe.holdout)
    if lesson.validation is not None:
        learned, held_out = marked, marked_pictures(lesson.validation, params.labels)
    sides = []
    for pictures, teaches in ((learned, True), (held_out, False)):
        crops, labels = [], []
        for index, one in enumerate(pictures):
            lesson.report(0.0, f"candidates of picture {index + 1} of {len(pictures)}")
            found, known = _crops(lesson.card, params, finder, wanted, one, with_missed=teaches)
            crops.append(found)
            labels += known
        views = np.concatenate(crops) if crops else np.zeros((0, 1, 1, 1), np.float16)
        sides.append(Pictures(views, labels, recipe))
    if not sides[0].targets[:, -len(params.labels) :].any():
        raise MismatchError(f"Nothing is marked on the pictures of {lesson.data} that the model is to learn.")
    return ClassifierTrainer(recipe, sides[0], sides[1], lesson.folder, lesson.device, start=lesson.start)


def _parts_of(card: Card, node: Node) -> tuple[sieve.Params, candidates.Params, CardInput]:
    """A sieve, the finder that feeds it, and the input that both look at."""
    params = node.params
    assert isinstance(params, sieve.Params), "no sieve"
    finder = next((other for other in card.graph if node.inputs[1] in other.names), None)
    wanted = next((image for image in card.inputs if image.role == node.inputs[0]), None)
    if wanted is None or finder is None or not isinstance(finder.params, candidates.Params):
        raise CardError(f"The network '{node.node}' of '{card.id}' judges what no finder of candidates found.")
    if finder.inputs != (wanted.role,):
        raise CardError(f"The candidates '{finder.node}' of '{card.id}' need more than a picture to be found.")
    return params, finder.params, wanted


def _crops(
    card: Card,
    params: sieve.Params,
    finder: candidates.Params,
    wanted: CardInput,
    one: Marked,
    *,
    with_missed: bool,
) -> tuple[NDArray[np.float16], list[frozenset[str]]]:
    """Crops around the candidates of a picture and what each is; with the findings that no candidate met, if asked."""
    volume = one.load()
    image = prepare(volume, card.steps_of(wanted.role), colour=wanted.is_colour)
    context = Context(LoadedCard(Path(), parsed=card), {wanted.role: volume})
    centres = find_candidates(finder, image, (), context).centres
    shape = (volume.voxels.shape[1], volume.voxels.shape[2])
    places = volume.geometry.kji_from_lps(image.geometry.lps_from_kji(centres))[:, 1:].round().astype(int)
    places = np.clip(places, 0, np.array(shape) - 1)
    known: list[set[str]] = [set() for _ in centres]
    missed = []
    for label in params.labels:
        numbers, middles = one.findings(label, shape)
        met = numbers[tuple(places.T)]
        for index in np.flatnonzero(met):
            known[index].add(label)
        if with_missed and len(middles):
            rest = middles[~np.isin(np.arange(1, len(middles) + 1), met)]
            missed += [(middle, label) for middle in rest]
    if missed:
        points = np.array([[0.0, *middle] for middle, _ in missed])
        centres = np.concatenate([centres, image.geometry.kji_from_lps(volume.geometry.lps_from_kji(points))])
        known += [{label} for _, label in missed]
    labels = [frozenset(each or {NOTHING}) for each in known]
    if not len(centres):
        return np.zeros((0, 1, 1, 1), np.float16), labels
    return crops_around(params, image, centres).astype(np.float16), labels


def _split(marked: Sequence[Marked], holdout: float) -> tuple[list[Marked], list[Marked]]:
    """By the names of the pictures, as labelled pictures are."""
    by_name = {one.name: one for one in marked}
    sides = split([Sample(one.name, one.name, frozenset(), one.load) for one in marked], holdout)
    learned, held_out = ([by_name[sample.name] for sample in side] for side in sides)
    return learned, held_out
