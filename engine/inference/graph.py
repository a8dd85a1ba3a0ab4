"""A card's graph, node by node."""

import time

from engine.cards.blocks import Atlas, BodyOutline
from engine.cards.schema import ClassicNode, SegmenterNode
from engine.errors import CardError
from engine.inference.body import outline
from engine.inference.context import Context
from engine.inference.maps import Maps
from engine.inference.preprocess import Prepared, prepare
from engine.inference.structures import Found, found_from_maps
from engine.progress import Progress


def run_graph(context: Context) -> dict[str, Found]:
    """The structures of a card, by their labels.

    Raises:
        CardError: a node can't be run, or an output is made by none.
    """
    found: dict[str, Found] = {}
    values: dict[str, Prepared | Maps] = {}
    nodes = context.card.graph
    for index, node in enumerate(nodes):
        progress = _part(context.progress, 0.02 + 0.8 * index / len(nodes), 0.8 / len(nodes))
        if isinstance(node, ClassicNode) and isinstance(node.params, BodyOutline):
            began = time.perf_counter()
            air = context.options.air or node.params.air
            params = node.params
            areas = outline(context.volume, air, params.pieces, params.least_cm3, progress)
            context.timed("body outline", began)
            found[params.label] = Found(areas)
            continue
        prepared = _prepared(context, values, node.inputs[0], _part(progress, 0.0, 0.2))
        began = time.perf_counter()
        if isinstance(node, SegmenterNode):
            from engine.inference.segment import run_segmenter  # noqa: PLC0415 - only networks need torch

            values[node.node] = run_segmenter(context, node, prepared, _part(progress, 0.2, 0.8))
            context.timed("network", began)
        elif isinstance(node, ClassicNode) and isinstance(node.params, Atlas):
            values[node.node] = _atlas(context, node.params, prepared, _part(progress, 0.2, 0.8))
            context.timed("registration", began)
    wanted = [output for output in context.card.outputs if output.kind == "mask" and output.label not in found]
    for index, output in enumerate(wanted):
        progress = _part(context.progress, 0.82 + 0.18 * index / len(wanted), 0.18 / len(wanted))
        maps = _maps_of(context, values, output.label, output.node)
        found[output.label] = found_from_maps(context, maps, output, progress)
    return found


def _prepared(context: Context, values: dict[str, Prepared | Maps], name: str, progress: Progress) -> Prepared:
    """The image called `name` in the graph, preprocessed when it is first needed."""
    known = values.get(name)
    if known is None and name in {image.role for image in context.card.inputs}:
        began = time.perf_counter()
        known = values[name] = prepare(context.volume, context.card.preprocess, progress)
        context.timed("preprocessing", began)
    if not isinstance(known, Prepared):
        raise CardError(f"A node of the model '{context.card.id}' takes '{name}' for an image, which it is not.")
    return known


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


def _maps_of(context: Context, values: dict[str, Prepared | Maps], label: str, node: str | None) -> Maps:
    names = [node] if node is not None else list(reversed(values))
    for name in names:
        maps = values.get(name)
        if isinstance(maps, Maps) and label in maps.labels:
            return maps
    raise CardError(f"No node of the model '{context.card.id}' makes its output '{label}'.")


def _part(progress: Progress, start: float, share: float) -> Progress:
    def part(fraction: float, stage: str) -> None:
        progress(start + share * fraction, stage)

    return part
