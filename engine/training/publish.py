"""From a finished run to a card that can be used: packed weights, their hash, and the card beside them."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from engine.cards.nodes import Node
from engine.cards.published import TRAINED, UNTRAINED
from engine.cards.readme import readme
from engine.cards.registry import CARD_FILE, LoadedCard, check_supported, load_card
from engine.cards.schema import Card, card_json
from engine.cards.weights import Weights
from engine.errors import CardError, MismatchError, ReadError
from engine.inference.networks import build_network
from engine.inference.packing import packed
from engine.operations import classify, detect, head, patch_statistics, segment, sieve
from engine.safe_file import whole_file, write_errors
from engine.training.tensor_file import write_weights
from engine.values import Strict

WEIGHTS_FILE = "weights.safetensors"


#: What is trained as a network, and what is fitted as numbers of the card.
_NETWORKS = (segment.Params, classify.Params, sieve.Params, detect.Params)
_FITTED = (head.Params, patch_statistics.Params)


def networks_of(card: Card, name: str | None = None) -> list[Node]:
    """The networks of the card that a recipe trains: all, or the one of this name.

    Raises:
        CardError: there is none.
    """
    return _chosen(card, name, _NETWORKS)


def learners_of(card: Card, name: str | None = None) -> list[Node]:
    """The networks, heads and codes of the card that a recipe trains or fits: all, or the one of this name.

    Raises:
        CardError: there is none.
    """
    return _chosen(card, name, (*_NETWORKS, *_FITTED))


def _chosen(card: Card, name: str | None, kinds: tuple[type[Strict], ...]) -> list[Node]:
    nodes = [node for node in card.graph if isinstance(node.params, kinds)]
    if not nodes:
        raise CardError(f"The model '{card.id}' has no network that could be trained.")
    chosen = [node for node in nodes if name in {None, node.node}]
    if not chosen:
        names = ", ".join(node.node for node in nodes)
        raise CardError(f"The model '{card.id}' has no network '{name}' to train; its networks are: {names}.")
    return chosen


def params_of(node: Node) -> segment.Params | classify.Params | sieve.Params | detect.Params:
    """What the card says of a node that `networks_of` gave."""
    assert isinstance(node.params, segment.Params | classify.Params | sieve.Params | detect.Params), (
        "no network that is trained"
    )
    return node.params


def publish(card: Card, averages: Sequence[Path], folder: Path, *, name: str, source: Path | None = None) -> Card:
    """Write `card.json` and a network's weights (packed) into `folder`; return the card as written.

    Args:
        card: whose network was trained.
        averages: safetensors files of the network's weights; several are an ensemble.
        folder: of the card; other files in it stay.
        name: of the network's node.
        source: folder of `card`, from which weights of its other networks are copied where `folder` lacks them.

    Raises:
        CardError: the card has no such network.
        ReadError: the weights can't be read, or belong to another network.
    """
    (node,) = networks_of(card, name)
    stored = [_packed(average, node) for average in averages]
    folder.mkdir(parents=True, exist_ok=True)
    weights_of = _weights_of_others(card, node.node, folder)
    others = _brought(weights_of, folder, source)
    own = []
    for number, tensors in enumerate(stored):
        path = folder / _file_of(node, others, number, len(stored))
        own.append(write_weights(tensors, path, card.licence.weights))
    values = card.model_dump(mode="json", by_alias=True)
    for other in values["graph"]:
        kept = weights_of.get(other["node"], tuple(own))
        other["weights"] = [weights.model_dump(mode="json") for weights in kept]
    published = _as_trained(Card.model_validate(values))
    write_card(published, folder)
    return published


def publish_fitted(card: Card, folder: Path, *, name: str, params: Strict, source: Path | None = None) -> Card:
    """Write `card.json` with a fitted node into `folder`; return the card as written.

    Args:
        card, folder, name, source: as of `publish`.
        params: of the node, fitted.
    """
    folder.mkdir(parents=True, exist_ok=True)
    weights_of = _weights_of_others(card, name, folder)
    _brought(weights_of, folder, source)
    values = card.model_dump(mode="json", by_alias=True)
    for node in values["graph"]:
        node["weights"] = [weights.model_dump(mode="json") for weights in weights_of.get(node["node"], ())]
        if node["node"] == name:
            node["params"] = params.model_dump(mode="json")
    published = _as_trained(Card.model_validate(values))
    write_card(published, folder)
    return published


def with_score(card: Card, folder: Path) -> Card:
    """Write into `folder` that all of the card was trained and has a score on patients held out; return the card."""
    if card.badge != "runs" or not _is_whole(card):
        return card
    card = card.model_copy(update={"badge": "trained"})
    write_card(card, folder)
    return card


def _is_whole(card: Card) -> bool:
    """Whether nothing of it is left to be trained."""
    try:
        check_supported(card)
    except CardError:
        return False
    return True


def _as_trained(card: Card) -> Card:
    """The card; once all of it is trained, its limits no longer say that nobody has."""
    if not _is_whole(card):
        return card
    return card.model_copy(update={"limits": card.limits.replace(UNTRAINED, TRAINED)})


def _brought(weights_of: Mapping[str, Sequence[Weights]], folder: Path, source: Path | None) -> list[str]:
    """The files of these weights, copied from the card's folder where they are not in `folder` yet."""
    files = [weights.file for kept in weights_of.values() for weights in kept]
    for file in files:
        if source is not None and (source / file).exists() and not (folder / file).exists():
            shutil.copy(source / file, folder / file)
    return files


def _weights_of_others(card: Card, trained: str, folder: Path) -> dict[str, tuple[Weights, ...]]:
    """The weights of the card's other nodes: those that an earlier run put into `folder`, else the card's own."""
    return {node.node: node.weights for node in with_weights_in(folder, card).graph if node.node != trained}


def _packed(average: Path, node: Node) -> dict[str, torch.Tensor]:
    try:
        tensors = load_file(average)
    except (OSError, SafetensorError) as error:
        raise ReadError(f"The weights {average} could not be read: {error}.") from error
    names = build_network(params_of(node).network.arguments).state_dict()
    missing = [name for name in names if name not in tensors]
    if missing:
        raise ReadError(f"The weights {average} are those of another network: '{missing[0]}' is not among them.")
    return packed({name: tensors[name] for name in sorted(names)})


def _file_of(node: Node, others: Sequence[str], number: int, count: int) -> str:
    """A name for a file of a node's weights: the one that it has, where it has as many."""
    if len(node.weights) == count:
        return node.weights[number].file
    name = node.node if others or count > 1 else Path(WEIGHTS_FILE).stem
    return f"{name}-{number + 1}.safetensors" if count > 1 else f"{name}.safetensors"


def with_weights_in(folder: Path, card: Card) -> Card:
    """The card, with the weights that an earlier run put into `folder` for networks that are still the same."""
    there = load_card(folder)
    if there.parsed is None:
        return card
    earlier = {node.node: node for node in there.card.graph}
    graph = []
    for node in card.graph:
        before = earlier.get(node.node, node)
        same = before.model_copy(update={"weights": node.weights}) == node
        usable = same and all((folder / weights.file).exists() for weights in before.weights)
        graph.append(before if before.weights and usable else node)
    return card.model_copy(update={"graph": tuple(graph)})


def write_card(card: Card, folder: Path) -> None:
    """Write `card.json` into `folder`, whole or not at all, and the README that is generated from it."""
    with write_errors(folder / CARD_FILE, "try"), whole_file(folder / CARD_FILE) as file:
        file.write_text(card_json(card), encoding="utf-8")
    with write_errors(folder / "README.md", "try"), whole_file(folder / "README.md") as file:
        file.write_text(readme(card), encoding="utf-8")


def amend_card(loaded: LoadedCard, update: Mapping[str, Any]) -> Card:
    """The card with other values in some of its fields, written in its folder.

    Raises:
        MismatchError: the card in the folder is no longer the one that was loaded, which may be long ago.
    """
    there = load_card(loaded.folder)
    if not there.is_readable or there.card != loaded.card:
        raise MismatchError(
            f"The card in {loaded.folder} was changed meanwhile, so nothing was written into it; begin again."
        )
    card = loaded.card.model_copy(update=dict(update))
    write_card(card, loaded.folder)
    return card
