"""From a finished run to a card that can be used: packed weights, their hash, and the card beside them."""

import hashlib
import shutil
from collections.abc import Sequence
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from engine.cards.nodes import Node
from engine.cards.readme import readme
from engine.cards.registry import CARD_FILE, load_card
from engine.cards.schema import Card, card_json
from engine.cards.weights import Weights
from engine.errors import CardError, ReadError
from engine.inference.networks import build_network
from engine.inference.packing import packed
from engine.operations import classify, segment, sieve
from engine.safe_file import whole_file

WEIGHTS_FILE = "weights.safetensors"


def networks_of(card: Card, name: str | None = None) -> list[Node]:
    """The networks of the card that a recipe trains: all, or the one of this name.

    Raises:
        CardError: there is none.
    """
    nodes = [node for node in card.graph if isinstance(node.params, segment.Params | classify.Params | sieve.Params)]
    if not nodes:
        raise CardError(f"The model '{card.id}' has no network that could be trained.")
    chosen = [node for node in nodes if name in {None, node.node}]
    if not chosen:
        names = ", ".join(node.node for node in nodes)
        raise CardError(f"The model '{card.id}' has no network '{name}' to train; its networks are: {names}.")
    return chosen


def params_of(node: Node) -> segment.Params | classify.Params | sieve.Params:
    """What the card says of a node that `networks_of` gave."""
    assert isinstance(node.params, segment.Params | classify.Params | sieve.Params), "no network that is trained"
    return node.params


def publish(card: Card, average: Path, folder: Path, *, name: str, source: Path | None = None) -> Card:
    """Write `card.json` and a network's weights (packed) into `folder`; return the card as written.

    Args:
        card: whose network was trained.
        average: safetensors file of the network's weights.
        folder: of the card; other files in it stay.
        name: of the network's node.
        source: folder of `card`, from which weights of its other networks are copied where `folder` lacks them.

    Raises:
        CardError: the card has no such network.
        ReadError: the weights can't be read, or belong to another network.
    """
    (node,) = networks_of(card, name)
    try:
        tensors = load_file(average)
    except (OSError, SafetensorError) as error:
        raise ReadError(f"The weights {average} could not be read: {error}.") from error
    names = build_network(params_of(node).network.arguments).state_dict()
    missing = [name for name in names if name not in tensors]
    if missing:
        raise ReadError(f"The weights {average} are those of another network: '{missing[0]}' is not among them.")
    stored = packed({name: tensors[name] for name in sorted(names)})
    folder.mkdir(parents=True, exist_ok=True)
    weights_of = _weights_of_others(card, node.node, folder)
    others = [weights.file for kept in weights_of.values() for weights in kept]
    for file in others:
        if source is not None and (source / file).exists() and not (folder / file).exists():
            shutil.copy(source / file, folder / file)
    path = folder / (node.weights[0].file if len(node.weights) == 1 else _file_of(node, others))
    with whole_file(path) as weights:
        save_file(stored, weights)
        digest = hashlib.sha256(weights.read_bytes()).hexdigest()
    own = Weights(file=path.name, sha256=digest, licence=card.licence.weights)
    values = card.model_dump(mode="json", by_alias=True)
    for other in values["graph"]:
        kept = weights_of.get(other["node"], (own,))
        other["weights"] = [weights.model_dump(mode="json") for weights in kept]
    published = Card.model_validate(values)
    write_card(published, folder)
    return published


def _weights_of_others(card: Card, trained: str, folder: Path) -> dict[str, tuple[Weights, ...]]:
    """The weights of the card's other nodes: those that an earlier run put into `folder`, else the card's own."""
    before = load_card(folder)
    there = {node.node: node for node in before.card.graph} if before.parsed is not None else {}
    found = {}
    for node in card.graph:
        earlier = there.get(node.node, node)
        same = earlier.model_copy(update={"weights": node.weights}) == node
        usable = earlier.weights and same and all((folder / weights.file).exists() for weights in earlier.weights)
        found[node.node] = earlier.weights if usable else node.weights
    del found[trained]
    return found


def _file_of(node: Node, others: Sequence[str]) -> str:
    """A name for the weights of a node that has none yet."""
    return f"{node.node}.safetensors" if others else WEIGHTS_FILE


def write_card(card: Card, folder: Path) -> None:
    """Write `card.json` into `folder`, whole or not at all, and the README that is generated from it."""
    with whole_file(folder / CARD_FILE) as file:
        file.write_text(card_json(card), encoding="utf-8")
    with whole_file(folder / "README.md") as file:
        file.write_text(readme(card), encoding="utf-8")
