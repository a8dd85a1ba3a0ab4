"""Which classes a card's score stands for, and which others exclude them, as its graph says it."""

from engine.cards.graph import made_in, maker_of
from engine.cards.nodes import Node
from engine.cards.schema import Card, Output
from engine.operations import classify, hierarchy, pool

#: Of pools, those by which the probabilities of all classes still are of one of them.
_POOLS = ("mean", "vote", "attention")


def classes_of(card: Card, output: Output) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(classes, rivals) of a score: one of them all is true. Nothing where its network does not choose one of several.

    Args:
        card: that has the output.
        output: of the scores.
    """
    nodes: dict[str, Node] = {name: node for node in card.graph for name in node.names}
    name = maker_of(card, made_in(card), output)
    classes: tuple[str, ...] = (output.label,)
    while name in nodes:
        node = nodes[name]
        params = node.params
        if isinstance(params, hierarchy.Params):
            classes = tuple(leaf for parent in classes for leaf in params.parents[parent])
        elif isinstance(params, classify.Params):
            group = next((group for group in params.groups if set(classes) <= set(group)), ())
            rivals = tuple(label for label in group if label not in classes)
            return (classes, rivals) if rivals else ((), ())
        elif not isinstance(params, pool.Params) or params.pool not in _POOLS or len(node.inputs) != 1:
            return (), ()
        name = node.inputs[0] if node.inputs else ""
    return (), ()
