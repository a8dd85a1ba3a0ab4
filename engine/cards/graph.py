"""A card's graph, checked before anything runs: names, kinds and labels from node to node, up to the outputs."""

from typing import TYPE_CHECKING

from engine.cards.variables import TABLE, columns_of
from engine.operations.kinds import PLACES, Kind, Made, words
from engine.operations.table import OPERATIONS

if TYPE_CHECKING:
    from engine.cards.nodes import Node
    from engine.cards.schema import Card, Output

#: What each kind of output is made of.
_WANTED: dict[str, tuple[Kind, ...]] = {"mask": PLACES, "score": ("scores",), "risk": ("scores",), "box": ("boxes",)}


def made_in(card: "Card") -> dict[str, Made]:
    """What the inputs and nodes of a card make, by their names, in order.

    Raises:
        ValueError: a name is not known or stands for two things, or a node can't work on what it is given.
    """
    made: dict[str, Made] = {}
    for image in card.inputs:
        if image.role in made:
            raise ValueError("two inputs have the same role")
        made[image.role] = Made("image", acquired=True)
    if card.variables:
        _add_variables(card, made)
    for node in card.graph:
        lost = [name for name in node.inputs if name not in made]
        if lost:
            raise ValueError(f"node '{node.node}' takes '{lost[0]}', which is neither an input nor an earlier node")
        operation = OPERATIONS[node.op]
        if node.weights and not operation.needs_weights:
            raise ValueError(f"node '{node.node}' ({node.op}) has weights, which it does not use")
        try:
            result = operation.makes(node.params, [made[name] for name in node.inputs])
        except ValueError as error:
            raise ValueError(f"node '{node.node}' ({node.op}): {error}") from error
        for name in node.names:
            if name in made:
                raise ValueError(f"the name '{name}' stands for two things in the graph")
            made[name] = result
    return made


def _add_variables(card: "Card", made: dict[str, Made]) -> None:
    if len({variable.key for variable in card.variables}) != len(card.variables):
        raise ValueError("two variables have the same key")
    if TABLE in made:
        raise ValueError(f"an input can't be called '{TABLE}' where the card asks for some")
    if not any(TABLE in node.inputs for node in card.graph):
        raise ValueError("the card asks for variables, and no node takes them")
    made[TABLE] = Made("features", columns_of(card))


def maker_of(card: "Card", made: dict[str, Made], output: "Output") -> str:
    """The node that makes an output: the one that it names, or the last that has its label.

    Raises:
        ValueError: there is none, or what it makes is of another kind.
    """
    roles = {image.role for image in card.inputs}
    names = [output.node] if output.node is not None else [name for name in reversed(made) if name not in roles]
    for name in names:
        if name in made and name not in roles and output.label in made[name].labels:
            wanted = _WANTED[output.kind]
            if made[name].kind not in wanted:
                raise ValueError(
                    f"output '{output.label}' is a {output.kind}, so it needs {words(wanted)}, and '{name}' makes "
                    f"{words([made[name].kind])}"
                )
            return name
    raise ValueError(
        f"output '{output.label}' is made by no node"
        if output.node is None
        else f"output '{output.label}' comes from '{output.node}', which does not make it"
    )


def check_graph(card: "Card") -> None:
    """Refuse a graph that could not be run, outputs that it does not make, and steps behind it for other labels.

    Raises:
        ValueError: says which and why.
    """
    made = made_in(card)
    if len({output.name for output in card.outputs}) != len(card.outputs):
        raise ValueError("two outputs have the same name")
    makers = {output: maker_of(card, made, output) for output in card.outputs}
    drawn = {output.label: made[name] for output, name in makers.items() if made[name].kind == "maps"}
    for step in card.post:
        for label in step.params.labels:
            if label not in drawn:
                raise ValueError(f"post-processing '{step.op}' is for '{label}', which is not drawn from probabilities")
        for label in step.params.labels or drawn:
            lost = [name for name in step.params.others if name not in drawn[label].labels]
            if lost:
                raise ValueError(f"post-processing '{step.op}' of '{label}' needs '{lost[0]}' of the same node")


def before(card: "Card", node: "Node") -> set[str]:
    """The nodes whose values a node is made of, by their first names."""
    makers = {name: made for made in card.graph for name in made.names}
    wanted: set[str] = set()
    left = list(node.inputs)
    while left:
        maker = makers.get(left.pop())
        if maker is not None and maker.node not in wanted:
            wanted.add(maker.node)
            left += maker.inputs
    return wanted
