"""One card, its images: from the check of the input to named structures. Torch is imported only where a network is."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from shapely import MultiPolygon

from engine.answers import Box, Result, RunOptions, Score
from engine.cards.classes import classes_of
from engine.cards.options import with_chosen
from engine.cards.registry import LoadedCard, check_supported
from engine.cards.saliency import MAP_METHODS, MapMethod, why_no_map
from engine.cards.schema import Output
from engine.cards.suitability import why_unsuitable
from engine.cards.variables import check_variables, sentence_of
from engine.errors import CardError, UnsuitableInputError
from engine.inference.boxes import Boxes
from engine.inference.context import AGAINST, Context, OnTile, nobody
from engine.inference.evidence import evidence_of
from engine.inference.graph import run_graph
from engine.inference.opinions import opinion_of
from engine.inference.scores import Scores
from engine.inference.structures import Found
from engine.later import later
from engine.progress import Progress, part, rising, silent
from engine.saliency_map import SaliencyMap
from engine.structures import Code, Generation, PlaneContours, Provenance, Roi
from engine.volume import Volume

if TYPE_CHECKING:
    from engine.inference import saliency
else:
    saliency = later("engine.inference.saliency")

#: The share of a run after which its scores are there, where maps are asked for as well.
_SCORED = 0.2


def run_card(
    loaded: LoadedCard,
    inputs: Mapping[str, Volume],
    *,
    device: str = "auto",
    options: RunOptions | None = None,
    progress: Progress = silent,
    on_tile: OnTile = nobody,
) -> Result:
    """Run a card on images, in this process.

    Args:
        loaded: the card.
        inputs: images by the roles of the card's inputs; the planes of the first input's are those of the result.
        device: "auto", "cpu", "cuda" or "mps".
        options: what the user chose.
        progress: reports and may stop.
        on_tile: told of each tile of a network.

    Raises:
        CardError: the card, its weights or what was chosen are not usable.
        UnsuitableInputError: the image is not one that the card was made for.
        EngineError: it could not be run on any device.
        CancelledError: stopped by `progress`.
    """
    options = options or RunOptions()
    progress = rising(progress)
    loaded = replace(loaded, parsed=with_chosen(loaded.card, options.chosen))
    context = Context(loaded, inputs, device, options, progress, on_tile)
    check_supported(context.card)
    check_variables(context.card, options.variables)
    _check_input(context)
    lost = sorted((options.only or set()) - {output.name for output in context.card.outputs if output.kind == "mask"})
    if lost:
        raise CardError(f"The model '{context.card.id}' draws no structure '{lost[0]}'.")
    for label in options.maps:
        if problem := why_no_map(context.card, label, _method(options)):
            raise CardError(problem)
    answers = run_graph(replace(context, progress=part(progress, 0.0, _SCORED)) if options.maps else context)
    found = answers.structures
    scores = _scores(context, answers.scores)
    # What knows nothing of the image drew on it as well.
    doubt = scores[0].abstained if scores and all(score.abstained for score in scores) else ""
    rois = tuple(
        _roi(context, number, output, found[output.name], doubt)
        for number, output in enumerate(_drawn(context), start=1)
    )
    _note_missing(context, rois)
    rois += tuple(_bands(context, rois, found))
    maps = _maps(replace(context, progress=part(progress, _SCORED, 1.0)))
    progress(1.0, "Done")
    return Result(
        (*rois, *scores, *_boxes(context, answers.boxes)),
        " and ".join(context.devices) or "cpu",
        tuple(context.notes),
        tuple(context.stages.items()),
        maps,
    )


def _maps(context: Context) -> tuple[SaliencyMap, ...]:
    if not context.options.maps:
        return ()
    began = time.perf_counter()
    made = saliency.saliency_maps(context, context.options.maps, _method(context.options))
    context.timed("maps", began)
    return made


def _method(options: RunOptions) -> MapMethod:
    method = next((method for method in MAP_METHODS if method == options.map_method), None)
    if method is None:
        raise CardError(f"There are no maps by '{options.map_method}'.")
    return method


def _drawn(context: Context) -> list[Output]:
    """The structures that are asked for."""
    return [each for each in context.card.outputs if each.kind == "mask" and context.options.wants(each.name)]


def _check_input(context: Context) -> None:
    refusals = why_unsuitable(context.card, context.inputs)
    if not refusals:
        return
    overridable = all(refusal.overridable for refusal in refusals)
    if overridable and context.options.override:
        for refusal in refusals:
            context.note(f"{AGAINST}{refusal.text}")
        return
    raise UnsuitableInputError(" ".join(refusal.text for refusal in refusals), overridable)


def _note_missing(context: Context, rois: Sequence[Roi]) -> None:
    missing = [roi.name for roi in rois if roi.is_empty]
    if missing and len(missing) == len(rois):
        context.note(f"Nothing was found: none of {len(rois)} structures." if len(rois) > 1 else "Nothing was found.")
    elif missing:
        context.note(f"Nothing was found of {', '.join(missing)}.")


def _scores(context: Context, made: Mapping[str, Scores]) -> list[Score]:
    provenance = _provenance(context)
    scores: list[Score] = []
    told = sentence_of(context.card, context.options.variables)
    for output in context.card.outputs:
        if output.name in made:
            code = _code(output)
            opinion = opinion_of(context, output, made[output.name])
            own = made[output.name].notes.get(output.label, "")
            classes, rivals = classes_of(context.card, output)
            scores.append(
                Score(
                    len(scores) + 1,
                    output.label,
                    output.name,
                    made[output.name].of(output.label),
                    output.threshold,
                    output.unit,
                    code,
                    provenance,
                    note=" ".join(part for part in (opinion.note, own, told) if part),
                    one_of=opinion.one_of,
                    abstained=opinion.abstained,
                    form=context.card.form or "",
                    evidence=evidence_of(context.card, output),
                    classes=classes,
                    rivals=rivals,
                )
            )
    draws = any(output.kind == "mask" for output in context.card.outputs)
    _note_abstained(context, scores, draws)
    return scores


def _note_abstained(context: Context, scores: Sequence[Score], draws: bool) -> None:
    """Beside the numbers, since whoever reads them alone would take them for an opinion."""
    names: dict[str, list[str]] = {}
    for score in scores:
        if score.abstained:
            names.setdefault(score.abstained, []).append(score.name)
    for reason, about in names.items():
        part = "" if len(about) == len(scores) else f" on {', '.join(about)}"
        drawn = " The same is true of what it drew." if draws else ""
        context.note(f"The model gives no opinion{part}: {reason}{drawn}")


def _boxes(context: Context, values: Mapping[str, Boxes]) -> list[Box]:
    """Each box under the output whose label is the likeliest in it, the surest first within an output."""
    provenance = _provenance(context)
    made: list[Box] = []
    for output in context.card.outputs:
        if output.name not in values:
            continue
        boxes = values[output.name]
        column = boxes.labels.index(output.label)
        mine = np.flatnonzero(boxes.values.argmax(axis=1) == column)
        lows, highs = boxes.chosen(mine).on_volume()
        for low, high, value in zip(lows, highs, boxes.values[mine, column], strict=True):
            made.append(
                Box(
                    len(made) + 1,
                    output.label,
                    output.name,
                    (float(low[0]), float(low[1]), float(low[2])),
                    (float(high[0]), float(high[1]), float(high[2])),
                    float(value),
                    output.threshold,
                    _code(output),
                    provenance,
                    form=context.card.form or "",
                )
            )
    return made


def _code(output: Output) -> Code | None:
    code = output.code
    return Code(code.value, code.scheme, code.meaning) if code is not None else None


def _roi(context: Context, number: int, output: Output, found: Found, doubt: str) -> Roi:
    provenance = _provenance(context)
    if doubt:
        told = f"{provenance.description} (the model gives no opinion on this image)"
        provenance = replace(provenance, description=told, abstained=doubt)
    return Roi(
        number=number,
        name=output.name,
        colour=output.colour,
        roi_type=output.roi_type,
        planes=_planes(found.areas),
        provenance=provenance,
        code=_code(output),
        expected_edit=found.expected_edit,
    )


def _bands(context: Context, rois: tuple[Roi, ...], found: Mapping[str, Found]) -> list[Roi]:
    """The inner and outer contours, as ROIs after the others, where they were asked for."""
    bands = []
    number = len(rois)
    for output, roi in zip(_drawn(context), rois, strict=True):
        for side, areas in found[output.name].bands.items():
            number += 1
            colour = (roi.colour[0] // 2, roi.colour[1] // 2, roi.colour[2] // 2)
            bands.append(
                Roi(number, f"{roi.name}_{side}"[:64], colour, "CONTROL", _planes(areas), provenance=roi.provenance)
            )
    return bands


def _planes(areas: Mapping[int, MultiPolygon]) -> dict[int, PlaneContours]:
    return {k: PlaneContours(area) for k, area in sorted(areas.items()) if not area.is_empty}


def _provenance(context: Context) -> Provenance:
    card = context.card
    against = any(note.startswith(AGAINST) for note in context.notes)
    description = f"{card.title}{' (input outside what the model was made for)' if against else ''}"
    return Provenance(
        generation=Generation.AUTOMATIC,
        description=f"{description}{'' if card.licence.commercial else ' (not for commercial use)'}",
        algorithm=card.id,
        version=card.version,
        weights_sha256=" ".join(weights.sha256 for weights in card.weights),
    )
