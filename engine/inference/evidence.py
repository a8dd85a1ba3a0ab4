"""Where a card's scores are computed from, as its graph says it."""

from engine.cards.graph import made_in, maker_of
from engine.cards.nodes import Node
from engine.cards.schema import Card, Output
from engine.findings.assessment import WHOLE_IMAGE, Evidence


def evidence_of(card: Card, output: Output) -> Evidence:
    """What the score of an output was computed from: a structure of the same answer, or the whole image.

    Structures are numbered from 1 in the order of the card's masks. Where a network looks around several of them at
    once, none is named.
    """
    around = _looked_around(card, output)
    if around is None:
        return WHOLE_IMAGE
    made = made_in(card)
    masks = [each for each in card.outputs if each.kind == "mask"]
    numbers = [number for number, mask in enumerate(masks, start=1) if maker_of(card, made, mask) == around]
    if len(numbers) != 1 or len(made[around].labels) != 1:
        return WHOLE_IMAGE
    return Evidence(roi_number=numbers[0])


def _looked_around(card: Card, output: Output) -> str | None:
    """The node around whose places the network behind an output looks; None where it looks at the image as it is."""
    nodes: dict[str, Node] = {name: node for node in card.graph for name in node.names}
    name = maker_of(card, made_in(card), output)
    while name in nodes:
        node = nodes[name]
        if node.weights:
            return node.inputs[1] if len(node.inputs) > 1 else None
        name = node.inputs[0] if node.inputs else ""
    return None
