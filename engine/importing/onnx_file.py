"""An ONNX file with a small card beside it, which says what the file itself does not: see docs/your-own-model.md."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError, model_validator

from engine.dicom.report_codes import MODALITIES
from engine.errors import CardError
from engine.faults import first_fault
from engine.importing.about import exact_option, licence_of, licence_told, stored_axes
from engine.importing.meanings import named
from engine.importing.naming import card_id, identifiers, outputs
from engine.importing.source import Source
from engine.operations.image_steps import AnyLetters, Edges, Resample, Resize, Steps
from engine.operations.sliding_window import Blend
from engine.values import Millimetres, Share, Short, Strict, Text

if TYPE_CHECKING:
    import torch

Json = dict[str, Any]

_PICTURE, _PICTURES = "picture", ["XC", "ES", "GM", "OP", "OT", "US"]
_UNITS = {"CT": "HU"}
#: Shares of a whole, rounded to 16 bits, add up to 1 within this.
_SUM_OF_SHARES = 4e-3


class SmallCard(Strict):
    """What lies beside an ONNX file, as JSON.

    Args:
        name: of the model.
        task: "segment", a class for each voxel, or "classify", scores of the whole image.
        modality: of the images; "picture" for photographs, which have rows and columns alone.
        images: what each channel is called, where there are several.
        axes: patient directions along which the axes of its array rise: "RAS" for [x, y, z] of a NIfTI file, "SPL" for
            [plane, row, column] of a DICOM series.
        spacing_mm: along those axes; without it the image's own is kept.
        size: of a classifier's image; it is brought to so many voxels.
        intensities: steps of `engine.operations.image_steps`, in order.
        labels: of its channels, without the background.
        activation: of its output: softmax, behind whose channel 0 is the background, or sigmoid; also where the file
            does it itself. "none" where the file does it itself, or its scores are ready; "labels" where it answers the
            number of a label for each voxel, 0 for the background.
        patch, overlap, blend: of the windows; a patch of 0 is the whole image.
        threshold: from which on a label of a sigmoid is there.
        licence: of the weights.
    """

    name: Annotated[str, StringConstraints(min_length=1, max_length=100)]
    task: Literal["segment", "classify"]
    modality: Annotated[str, StringConstraints(pattern=r"^([A-Z]{2,8}|picture)$")]
    images: Annotated[tuple[Short, ...], Field(min_length=1, max_length=16)] = ("image",)
    axes: AnyLetters = ""
    spacing_mm: tuple[Millimetres, Millimetres, Millimetres] | None = None
    size: Edges | None = None
    intensities: Steps = ()
    labels: Annotated[tuple[Short, ...], Field(min_length=1, max_length=2000)]
    activation: Literal["softmax", "sigmoid", "none", "labels"] = "softmax"
    patch: Edges | None = None
    overlap: Annotated[float, Field(ge=0, lt=1)] = 0.5
    blend: Blend = "gaussian"
    threshold: Share = 0.5
    licence: Short = ""
    description: Text = ""

    @model_validator(mode="after")
    def _consistent(self) -> "SmallCard":
        if any(isinstance(step, Resample | Resize) for step in self.intensities):
            raise ValueError("resampling is said by spacing_mm or size, not among the intensities")
        if self.task == "segment" and self.modality == _PICTURE:
            raise ValueError("structures are drawn on volumes, not on pictures")
        if self.task == "segment" and (self.patch is None or len(self.patch) != 3 or not self.axes):
            raise ValueError("a model that draws says its patch, three numbers, and its axes")
        if self.task == "classify" and self.activation == "labels":
            raise ValueError("numbers of labels are an answer for each voxel, and it scores the whole image")
        if self.task == "classify" and self.size is None:
            raise ValueError("a model that scores says the size of its images")
        if self.size is not None and len(self.size) != (2 if self.modality == _PICTURE else 3):
            raise ValueError("the size needs 2 numbers for pictures, and 3 for volumes")
        if self.modality == _PICTURE and (self.axes or self.spacing_mm):
            raise ValueError("a picture has no patient directions and no millimetres")
        if self.modality not in {_PICTURE, *MODALITIES}:
            raise ValueError(f"modality '{self.modality}' is none of DICOM's, such as CT, MR, PT or US")
        for what, names in (("label", self.labels), ("image", self.images)):
            _check_told_apart(what, names)
        return self


def _check_told_apart(what: str, names: tuple[str, ...]) -> None:
    """Raise ValueError where a name is empty, or two are the same for a person."""
    plain = [" ".join(re.split(r"[\s_]+", name)).strip().casefold() for name in names]
    for name, other in zip(names, plain, strict=True):
        if not other:
            raise ValueError(f"a {what} has no name")
        if plain.count(other) > 1:
            raise ValueError(f"two {what}s are called '{name[:60]}'")


def recognises(folder: Path) -> bool:
    """Whether it is an ONNX file, or a folder with one."""
    return (folder.suffix.lower() == ".onnx" and folder.is_file()) or bool(list(folder.glob("*.onnx")))


def convert(source: Source, target: Path) -> Json:
    """Write the file into `target`, and give the card.

    Raises:
        CardError: the file or its small card is damaged, or something in it is refused.
    """
    path = _chosen(source)
    beside = path.with_suffix(".json")
    if not beside.is_file():
        raise CardError(
            f"{source.told(path)} has no {beside.name} beside it, which must say its axes, spacing, intensities, "
            "labels, activation and patch."
        )
    small = _small(source.json(beside), source.told(beside))
    # Only here are onnx and torch needed, which take their time to load.
    try:
        from engine.importing.onnx_weights import write_graph
    except ImportError as error:
        raise CardError(f"{source.told(path)} needs the extra planimeter[onnx]; install it and try again.") from error
    numbers = len(small.labels) + 1 if small.activation == "labels" else 0
    weights, graph, within = write_graph(source, path, target, numbers)
    if numbers:
        # Told apart as a softmax that is sure of everything.
        small = small.model_copy(update={"activation": "softmax"})
    activation = _activation(small, within, source.told(path))
    classes = len(small.labels) + int(small.task == "segment" and activation == "softmax")
    answer = graph.check(len(small.images) if small.modality != _PICTURE else None, _window(small), classes)
    within = within or ("softmax" if _adds_up(answer) else "")
    _activation(small, within, source.told(path))
    if small.task == "segment":
        node, found = _drawing(small, activation)
        node["params"]["ready"] = bool(within)
    else:
        _check_scores(small, within, answer, source.told(path))
        node, found = _scoring(small, "none" if within else activation)
    node["weights"] = weights
    return _card(source, small, node, found, "labels" if numbers else within)


def _activation(small: SmallCard, within: str, where: str) -> str:
    """Of a network, by its small card and what its file does itself.

    Raises:
        CardError: they contradict each other, or a model that draws says none.
    """
    if within and small.activation not in {"none", within}:
        raise CardError(
            f"{where} ends with a {within}, and its card says {small.activation}; write {within} or none there, "
            "if the file is meant so."
        )
    if not within and small.task == "segment" and small.activation == "none":
        raise CardError(f"{where} does not end with a softmax or sigmoid, so its card must say which is to be done.")
    return within if small.activation == "none" and small.task == "segment" else small.activation


def _adds_up(answer: "torch.Tensor") -> bool:
    """Whether the channels of an answer are the probabilities of a softmax, however the file makes them."""
    if answer.shape[1] < 2 or not (answer >= 0).all():
        return False
    return bool(((answer.sum(1) - 1).abs() < _SUM_OF_SHARES).all())


def _check_scores(small: SmallCard, within: str, answer: "torch.Tensor", where: str) -> None:
    """Refuse scores that are said to be ready, and are none."""
    if small.activation == "none" and not within and not ((answer >= 0) & (answer <= 1)).all():
        raise CardError(
            f"{where} answers {float(answer.flatten()[0]):.3g} for a blank image, so its scores are not ready: its "
            "card must say softmax or sigmoid."
        )


def _chosen(source: Source) -> Path:
    if source.name.lower().endswith(".onnx") and (source.folder / source.name).is_file():
        return source.folder / source.name
    found = sorted(source.folder.glob("*.onnx"))
    if len(found) != 1:
        names = ", ".join(path.name[:60] for path in found[:4])
        raise CardError(f"{source.name} holds {len(found)} ONNX files ({names}); import one of them.")
    return found[0]


def _small(values: Json, where: str) -> SmallCard:
    try:
        return SmallCard.model_validate(values)
    except ValidationError as error:
        raise CardError(f"{where} does not describe the model: {first_fault(error, 'the card')}.") from error


def _window(small: SmallCard) -> tuple[int, ...]:
    """The edges of what the network sees; 0 where they are those of the image."""
    if small.task == "segment":
        return small.patch or ()
    return small.size or ()


def _drawing(small: SmallCard, activation: str) -> tuple[Json, list[Json]]:
    labels = identifiers(small.labels)
    before = [{"do": "resample", "spacing_mm": list(small.spacing_mm)}] if small.spacing_mm else []
    params = {
        "network": {"network": "OnnxGraph"}, "axes": small.axes, "images": len(small.images),
        "before": [*before, *_intensities(small)], "patch": list(small.patch or ()), "overlap": [small.overlap] * 3,
        "blend": small.blend, "labels": labels, "activation": activation, "threshold": small.threshold,
    }  # fmt: skip
    found = outputs(labels, named(small.labels), "network")
    for output in found:
        output["threshold"] = small.threshold if activation == "sigmoid" else 0.5
    return {"node": "network", "op": "sliding_window", "params": params}, found


def _scoring(small: SmallCard, activation: str) -> tuple[Json, list[Json]]:
    labels = identifiers(small.labels)
    before = [{"do": "resample", "spacing_mm": list(small.spacing_mm)}] if small.spacing_mm else []
    before.append({"do": "resize", "size": list(small.size or ()), "mode": "linear"})
    params = {
        "network": {"network": "OnnxGraph"}, "dimensions": 2 if small.modality == _PICTURE else 3, "axes": small.axes,
        "images": len(small.images) if small.modality != _PICTURE else 1,
        "before": [*before, *_intensities(small)], "labels": labels, "activation": activation,
    }  # fmt: skip
    found: list[Json] = []
    for number, (label, name) in enumerate(zip(labels, small.labels, strict=True), start=1):
        again = any(other["name"] == name[:64] for other in found)
        shown = f"{name[:58]} {number}" if again else name[:64]
        found.append({"kind": "score", "label": label, "name": shown, "node": "network"})
    return {"node": "network", "op": "whole_image", "params": params}, found


def _intensities(small: SmallCard) -> list[Json]:
    return [step.model_dump(mode="json", exclude_none=True) for step in small.intensities]


def _inputs(small: SmallCard) -> list[Json]:
    if small.modality == _PICTURE:
        units = "grey" if len(small.images) == 1 and small.images[0].lower() in {"grey", "gray"} else "rgb"
        return [{"role": "picture", "modality": _PICTURES, "units": units}]
    found: list[Json] = []
    for role in identifiers([name.lower() for name in small.images]):
        image: Json = {"role": role, "modality": [small.modality]}
        if small.modality in _UNITS and len(small.images) == 1:
            image["units"] = _UNITS[small.modality]
        if found:
            image["register_to"] = found[0]["role"]
        found.append(image)
    return found


def _card(source: Source, small: SmallCard, node: Json, found: list[Json], within: str) -> Json:
    inputs = _inputs(small)
    card: Json = {
        "id": source.wish.card_id or card_id(small.name),
        "version": "1.0",
        "task": small.task,
        "title": small.name,
        "fidelity": "modern",
        "badge": "runs",
        "inputs": inputs,
        "graph": [node | {"in": [image["role"] for image in inputs]}],
        "outputs": found,
        "provenance": {"imported_from": "ONNX", "sources": source.sources},
        "licence": licence_told(small.licence or licence_of(source.folder), ""),
        "intended_use": small.description,
        "limits": "Imported; not measured here.",
    }
    if not small.axes and small.modality != _PICTURE:
        card["provenance"]["notes"] = [stored_axes("with `axes` in its small card")]
    if small.task == "segment":
        card["provenance"]["notes"] = named(small.labels).notes
        card["uncertainty"] = {"method": "entropy"}
        card["options"] = [exact_option("network.exact", "the file")]
        card["limits"] += " Contours are traced from the network's own grid."
    if within == "labels":
        card["limits"] += " The file answers labels, so it does not tell where it may be wrong."
    elif within:
        card["limits"] += f" The file itself ends with a {within}, so none is done after it."
    return card
