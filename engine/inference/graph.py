"""A card's graph, node by node."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import cast

from engine.cards.graph import before, made_in, maker_of
from engine.cards.nodes import Node
from engine.cards.schema import Output
from engine.cards.variables import TABLE
from engine.cards.weights import find_weights, read_weights
from engine.errors import CardError
from engine.inference.boxes import Boxes
from engine.inference.context import Context
from engine.inference.features import Features, features_of_variables
from engine.inference.maps import Maps
from engine.inference.outlines import Outlines
from engine.inference.preprocess import Prepared, prepare, prepare_onto
from engine.inference.quick_look import check_found
from engine.inference.scores import Scores
from engine.inference.structures import Found, found_from_maps
from engine.operations.table import OPERATIONS
from engine.progress import Progress, part, silent, titled
from engine.volume import Volume

#: What a node without a network takes, as a share of all networks.
_LEAST_SHARE = 0.01

Value = Volume | Prepared | Maps | Outlines | Scores | Boxes | Features


@dataclass(frozen=True, eq=False)
class Answers:
    """What a graph found, by the names of the outputs: structures, and the scores and boxes that theirs are among."""

    structures: dict[str, Found]
    scores: dict[str, Scores]
    boxes: dict[str, Boxes]


def run_graph(context: Context) -> Answers:
    """Run the nodes of a card in order, and trace the structures among its outputs.

    Raises:
        CardError: weights don't fit the card, or an input is missing.
        UnsuitableInputError: the first network finds hardly any of its structures.
    """
    values = run_nodes(context, looked=partial(check_found, context))
    structures, scores, boxes = {}, {}, {}
    for index, output in enumerate(context.card.outputs):
        if output.kind == "mask" and not context.options.wants(output.name):
            continue
        made = _made(context, values, output)
        if isinstance(made, Scores):
            scores[output.name] = made
        elif isinstance(made, Boxes):
            boxes[output.name] = made
        elif isinstance(made, Outlines):
            structures[output.name] = Found(made.areas[output.label], made.expected_edit.get(output.label, {}))
        else:
            count = len(context.card.outputs)
            progress = part(context.progress, 0.82 + 0.18 * index / count, 0.82 + 0.18 * (index + 1) / count)
            structures[output.name] = found_from_maps(context, made, output, progress)
    return Answers(structures, scores, boxes)


def run_nodes(context: Context, looked: Callable[[Maps], None] | None = None) -> dict[str, Value]:
    """Run the nodes of a card in order; return all values by their names.

    Args:
        context: of the run.
        looked: given what the first network finds, before the others run; may raise.

    Raises:
        CardError: weights don't fit the card, or an input is missing.
    """
    values: dict[str, Value] = {}
    nodes = context.card.graph
    for weights in context.card.files:
        # Before any network runs: nobody is to wait for one, only to hear that another can't be used.
        read_weights(context.loaded.folder, weights)
    shares = _shares(context)
    networks = sum(bool(node.weights) for node in nodes)
    network, before = 0, 0.0
    for node, share in zip(nodes, shares, strict=True):
        progress = part(context.progress, 0.02 + 0.8 * before, 0.02 + 0.8 * (before + share))
        if node.weights:
            network += 1
            progress = titled(progress, f"Network {network} of {networks}") if networks > 1 else progress
        value = _run(context, node, values, progress)
        for name in node.names:
            values[name] = value
        if looked is not None and network == 1 and node.weights and isinstance(value, Maps):
            looked(value)
        before += share
    return values


def given_to(context: Context, node: Node) -> list[Value]:
    """What a node is given, by running what comes before it, and nothing else.

    Raises:
        CardError: a network before it has no weights yet, or an input is missing.
    """
    card, values = context.card, dict[str, Value]()
    wanted = before(card, node)
    for other in card.graph:
        if other.node in wanted:
            if OPERATIONS[other.op].needs_weights and not other.weights:
                raise CardError(
                    f"The network '{node.node}' of '{card.id}' comes after '{other.node}': train that first."
                )
            value = _run(context, other, values, silent)
            values |= dict.fromkeys(other.names, value)
    return [_value(context, values, name, silent) for name in node.inputs]


def _shares(context: Context) -> list[float]:
    """The part of the time that each node is likely to take, 0..1: networks take it, larger ones more."""
    sizes = [
        sum(find_weights(context.loaded.folder, weights).stat().st_size for weights in node.weights)
        for node in context.card.graph
    ]
    least = _LEAST_SHARE * sum(sizes) or 1.0
    return [max(size, least) / sum(max(size, least) for size in sizes) for size in sizes]


def maps_of(context: Context, values: Mapping[str, Value], output: Output) -> Maps:
    """The probabilities that an output is traced from.

    Raises:
        CardError: it has none.
    """
    made = _made(context, values, output)
    if not isinstance(made, Maps):
        raise CardError(f"The output '{output.label}' of the model '{context.card.id}' is not made of probabilities.")
    return made


def _run(context: Context, node: Node, values: dict[str, Value], progress: Progress) -> Value:
    """The value of one node."""
    operation = OPERATIONS[node.op]
    if operation.as_acquired:
        roles = {image.role for image in context.card.inputs}
        taken: Sequence[Value] = [_acquired(context, name) if name in roles else values[name] for name in node.inputs]
    else:
        taken = [_value(context, values, name, part(progress, 0.0, 0.2)) for name in node.inputs]
    began = time.perf_counter()
    value = operation.run(node.params, taken, context.at(node, part(progress, 0.2, 1.0)))
    context.timed(operation.stage, began)
    return value


def _acquired(context: Context, name: str) -> Volume:
    """The input of the card that is called `name`, as it was acquired."""
    if name not in context.inputs:
        raise CardError(f"The model '{context.card.id}' needs '{name}', which was not given.")
    return context.inputs[name]


def _value(context: Context, values: dict[str, Value], name: str, progress: Progress) -> Value:
    """What is called `name` in the graph; an image is preprocessed when it is first needed."""
    if name == TABLE and context.card.variables:
        return features_of_variables(context)
    if name not in values:
        volume, steps = _acquired(context, name), context.card.steps_of(name)
        wanted = next(image for image in context.card.inputs if image.role == name)
        onto = wanted.register_to
        base = None if onto is None else _value(context, values, onto, part(progress, 0.0, 0.5))
        began = time.perf_counter()
        if base is None:
            values[name] = prepare(volume, steps, progress, colour=wanted.is_colour)
        else:
            assert isinstance(base, Prepared), "an input of the card is an image"
            values[name] = prepare_onto(volume, base, steps)
        context.timed("preprocessing", began)
    return values[name]


def _made(context: Context, values: Mapping[str, Value], output: Output) -> Maps | Outlines | Scores | Boxes:
    """What an output is made of."""
    value = values[maker_of(context.card, made_in(context.card), output)]
    # A card is checked when it is read: what makes an output has its label and is of its kind.
    return cast(Maps | Outlines | Scores | Boxes, value)
