"""A card's graph, node by node."""

import time
from dataclasses import dataclass

import numpy as np

from engine.cards.blocks import Atlas, BodyOutline, Threshold
from engine.cards.schema import ClassicNode, ClassifierNode, JoinNode, Node, Output, SegmenterNode
from engine.errors import CardError
from engine.inference.body import outline
from engine.inference.context import Context
from engine.inference.join import Scores, Value, join
from engine.inference.maps import Maps
from engine.inference.preprocess import Prepared, prepare
from engine.inference.structures import Found, found_from_maps
from engine.progress import Progress


@dataclass(frozen=True, eq=False)
class Answers:
    """What a graph found: structures and scores, by their labels."""

    structures: dict[str, Found]
    scores: dict[str, float]


def run_graph(context: Context) -> Answers:
    """Run the nodes of a card in order, and trace the structures among its outputs.

    Raises:
        CardError: a node can't be run, or an output is made by none.
    """
    found, values = run_nodes(context)
    structures, scores = {}, {}
    masks = [output for output in context.card.outputs if output.kind == "mask" and output.label not in found]
    for index, output in enumerate(masks):
        progress = _part(context.progress, 0.82 + 0.18 * index / len(masks), 0.18 / len(masks))
        structures[output.label] = found_from_maps(context, maps_of(context, values, output), output, progress)
    for output in context.card.outputs:
        if output.kind in {"score", "risk"}:
            answer = _maker(context, values, output)
            if not isinstance(answer, Scores):
                raise CardError(f"The output '{output.label}' of the model '{context.card.id}' is a mask, not a score.")
            scores[output.label] = answer.of(output.label)
    return Answers(found | structures, scores)


def run_nodes(context: Context) -> tuple[dict[str, Found], dict[str, Value]]:
    """Run the nodes of a card in order; return the structures that are whole already, and all values by their names.

    Raises:
        CardError: a node can't be run.
    """
    found: dict[str, Found] = {}
    values: dict[str, Value] = {}
    nodes = context.card.graph
    for index, node in enumerate(nodes):
        progress = _part(context.progress, 0.02 + 0.8 * index / len(nodes), 0.8 / len(nodes))
        if isinstance(node, ClassicNode) and isinstance(node.params, BodyOutline):
            found[node.params.label] = _body(context, node.params, progress)
            continue
        value = _run(context, node, values, progress)
        values[node.node] = value
        if node.out is not None:
            values[node.out] = value
    return found, values


def maps_of(context: Context, values: dict[str, Value], output: Output) -> Maps:
    """The probabilities that an output is traced from.

    Raises:
        CardError: no node makes it, or it is a score.
    """
    maps = _maker(context, values, output)
    if not isinstance(maps, Maps):
        raise CardError(f"The output '{output.label}' of the model '{context.card.id}' is a score, not a mask.")
    return maps


def _run(context: Context, node: Node, values: dict[str, Value], progress: Progress) -> Value:
    """The value of one node."""
    taken = [_value(context, values, name, _part(progress, 0.0, 0.2)) for name in node.inputs]
    progress = _part(progress, 0.2, 0.8)
    began = time.perf_counter()
    if isinstance(node, JoinNode):
        value = join(node.params, taken, progress)
        context.timed("joining", began)
        return value
    image = taken[0]
    if not isinstance(image, Prepared):
        raise CardError(f"Node '{node.node}' of the model '{context.card.id}' needs an image for its first input.")
    if isinstance(node, SegmenterNode):
        from engine.inference.segment import run_segmenter  # noqa: PLC0415 - only networks need torch

        value = run_segmenter(context, node, image, progress)
        context.timed("network", began)
    elif isinstance(node, ClassifierNode):
        from engine.inference.classify import run_classifier  # noqa: PLC0415 - only networks need torch

        value = run_classifier(context, node, image, values, progress)
        context.timed("network", began)
    elif isinstance(node, ClassicNode) and isinstance(node.params, Atlas):
        value = _atlas(context, node.params, image, progress)
        context.timed("registration", began)
    elif isinstance(node, ClassicNode) and isinstance(node.params, Threshold):
        low = -np.inf if node.params.low is None else node.params.low
        high = np.inf if node.params.high is None else node.params.high
        mask = (image.values >= low) & (image.values <= high)
        value = Maps.from_dense((node.params.label,), image, mask[None].astype(np.float32))
    else:
        raise CardError(f"Node '{node.node}' of the model '{context.card.id}' can't be run by this version.")
    return value


def _body(context: Context, params: BodyOutline, progress: Progress) -> Found:
    began = time.perf_counter()
    air = context.options.air or params.air
    areas = outline(context.volume, air, params.pieces, params.least_cm3, progress)
    context.timed("body outline", began)
    return Found(areas)


def _value(context: Context, values: dict[str, Value], name: str, progress: Progress) -> Value:
    """What is called `name` in the graph; the image is preprocessed when it is first needed."""
    if name not in values and name == context.image.role:
        began = time.perf_counter()
        values[name] = prepare(context.volume, context.card.preprocess, progress)
        context.timed("preprocessing", began)
    if name not in values:
        raise CardError(f"The model '{context.card.id}' needs '{name}', which was not given.")
    return values[name]


def _atlas(context: Context, params: Atlas, prepared: Prepared, progress: Progress) -> Maps:
    from engine.inference.atlas import load_atlas, register_atlas  # noqa: PLC0415 - few cards need it

    atlas = load_atlas(context.loaded.folder, list(params.labels))
    spacing = prepared.spacing
    found = register_atlas(
        prepared.values, (spacing[2], spacing[1], spacing[0]), atlas, tuple(params.iterations), progress
    )
    maps = Maps(params.labels, prepared, exclusive=False)
    for plane in range(found.shape[1]):
        maps.add(plane, found[:, plane])
    return maps


def _maker(context: Context, values: dict[str, Value], output: Output) -> Maps | Scores:
    """What makes an output: the node that it names, or the last that has its label."""
    names = [output.node] if output.node is not None else list(reversed(values))
    for name in names:
        value = values.get(name)
        if isinstance(value, Maps | Scores) and output.label in value.labels:
            return value
    raise CardError(f"No node of the model '{context.card.id}' makes its output '{output.label}'.")


def _part(progress: Progress, start: float, share: float) -> Progress:
    def part(fraction: float, stage: str) -> None:
        progress(start + share * fraction, stage)

    return part
