"""Cases as a card's network sees them: the same preprocessing as in a run, the labels brought along."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from engine.cards.graph import made_in
from engine.cards.nodes import CardStep, Node
from engine.cards.registry import LoadedCard
from engine.cards.schema import Card
from engine.errors import CardError
from engine.inference.context import Context
from engine.inference.graph import given_to
from engine.inference.preprocess import Prepared, as_seen, prepare, prepare_onto
from engine.operations import concatenate, crop
from engine.preprocessing.table import planned
from engine.progress import silent
from engine.resample import positions_of, sample
from engine.training.case import Case, Further, ImageKind, inputs_of, volume_of, volumes_of
from engine.values import Triple
from engine.volume import Volume


def as_prepared(
    case: Case,
    steps: Sequence[CardStep],
    spacing_mm: Triple | None = None,
    further_steps: Sequence[Sequence[CardStep]] = (),
) -> Case:
    """A case on the grid of a card's network, network axes, its values still in the image's units.

    A voxel has the label that fills most of it, where that is half of it at least.

    Args:
        case: as it was acquired.
        steps: of the card, for its first input.
        further_steps: likewise for each further image of the case.
        spacing_mm: (column, row, plane) mm in place of the card's, as a node behind a crop may see.

    Raises:
        EngineError: the image would be too large at the card's spacing.
    """
    volume = volume_of(case)
    image = prepare(volume, steps)
    if spacing_mm is not None:
        image = image.recut(None, spacing_mm, silent)
    laid = [prepare_onto(other, image, own) for other, own in zip(volumes_of(case)[1:], further_steps, strict=True)]
    further = tuple(
        replace(other, image=_narrowed(made.values), intensity=made.intensity)
        for other, made in zip(case.further, laid, strict=True)
    )
    return replace(
        case,
        further=further,
        image=_narrowed(image.values),
        labels=_labels_on(image, case, volume),
        spacing=image.spacing,
        outside=image.blank,
        intensity=image.intensity,
    )


def as_fed(case: Case, loaded: LoadedCard, node: Node, device: str) -> Case:
    """A case as a network is given it that earlier nodes feed: they are run, with their weights, as in a run.

    Args:
        case: as it was acquired.
        loaded: the card, with the weights of the nodes that `node` depends on, and their folder.
        node: whose network is given what they make.
        device: to run them on.

    Raises:
        CardError: it is no image.
        PlanimeterError: an earlier node can't be run.
    """
    card, name = loaded.card, node.inputs[0]
    image = given_to(Context(loaded, inputs_of(card, case), device=device), node)[0]
    if not isinstance(image, Prepared) or image.colours is not None:
        raise CardError(f"'{name}' of '{card.id}' is no image of grey levels, which training on cases needs.")
    own = replace(image, fed=None)
    channels = () if image.fed is None else image.fed
    further = tuple(
        Further(channel, ImageKind("", "", ()), varies=varies)
        for channel, varies in zip(channels, _fed_images(card, name), strict=True)
    )
    return replace(
        case,
        further=further,
        image=_narrowed(own.values),
        labels=_labels_on(own, case, volume_of(case)),
        spacing=own.spacing,
        outside=own.blank,
        intensity=own.intensity,
    )


def is_fed(card: Card, node: Node) -> bool:
    """Whether a network is given anything else than all images of a case, in their order.

    Where it is given a crop of these, no earlier network is needed: the structures tell where crops are to be.
    """
    nodes = {name: made for made in card.graph for name in made.names}
    source = nodes.get(node.inputs[0])
    while source is not None and isinstance(source.params, crop.Params):
        source = nodes.get(source.inputs[0])
    whole = [image.role for image in card.inputs]
    if source is None:
        return len(whole) > 1
    return not isinstance(source.params, concatenate.Params) or list(source.inputs) != whole


def _fed_images(card: Card, name: str) -> list[bool]:
    """For each fed channel of an image of the graph, whether it is one of an image."""
    nodes = {known: made for made in card.graph for known in made.names}
    node = nodes.get(name)
    if node is None:
        return []
    fed = _fed_images(card, node.inputs[0])
    if isinstance(node.params, concatenate.Params):
        made = made_in(card)
        for other in node.inputs[1:]:
            if made[other].kind == "image":
                fed += [True] * _own_channels(card, other) + _fed_images(card, other)
            else:
                fed += [False] * len(made[other].labels)
    return fed


def _own_channels(card: Card, name: str) -> int:
    """How many channels an image of the graph has besides what is fed to it."""
    nodes = {known: made for made in card.graph for known in made.names}
    while name in nodes:
        name = nodes[name].inputs[0]
    return planned(card.steps_of(name))[1]


def seen(
    images: Sequence[tuple[NDArray[np.float32], Sequence[CardStep]]], inside: torch.Tensor, padding: float
) -> torch.Tensor:
    """(channels, planes, rows, columns) of values in the images' units, as the network is shown them.

    Args:
        images: (planes, rows, columns) of each of a case's images, with the steps that change its values.
        inside: alike, true where there is an image.
        padding: what a network is shown elsewhere.
    """
    channels = [channel for values, intensity in images for channel in as_seen([values], intensity)]
    return torch.where(inside, torch.from_numpy(np.stack(channels)), torch.tensor(padding))


def spacing_behind(card: Card, node: Node) -> Triple | None:
    """The spacing of the image that a node is given, where a crop before it has one of its own."""
    nodes = {name: made for made in card.graph for name in made.names}
    source = nodes.get(node.inputs[0])
    while source is not None:
        if isinstance(source.params, crop.Params) and source.params.spacing_mm is not None:
            return source.params.spacing_mm
        source = nodes.get(source.inputs[0])
    return None


def _narrowed(values: NDArray[np.float32]) -> NDArray[np.int16] | NDArray[np.float32]:
    """The same values in half the memory, where that is exact."""
    whole = values.astype(np.int16) if values.size and np.abs(values).max() < 32767 else None
    return whole if whole is not None and np.array_equal(whole, values) else values


def _labels_on(image: Prepared, case: Case, volume: Volume) -> NDArray[np.uint8]:
    positions = positions_of(volume.geometry, image.geometry)
    labels = np.zeros(image.geometry.shape, np.uint8)
    best = np.full(labels.shape, 0.5, np.float32)
    for value in case.voxels_of:
        share = sample(Volume(case.labels == value, volume.geometry), positions, 0.0)
        won = share >= best
        labels[won] = value
        best = np.maximum(best, share)
    return np.ascontiguousarray(image.axes.to_network(labels))
