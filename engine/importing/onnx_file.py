"""An ONNX file with a small card beside it, which says what the file itself does not: see docs/your-own-model.md."""

from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints, ValidationError, model_validator

from engine.cards.weights import LARGEST_WEIGHTS, sha256_of
from engine.errors import CardError
from engine.importing.about import exact_option, licence_of
from engine.importing.naming import card_id, identifiers, outputs, standard_name
from engine.importing.source import Source
from engine.operations.image_steps import AnyLetters, Edges, Resample, Resize, Steps
from engine.operations.sliding_window import Blend
from engine.values import Millimetres, Share, Short, Strict, Text

Json = dict[str, Any]

_LARGEST_IN_ONE = 2 * 1024**3 - 1
_PICTURES = ["XC", "ES", "GM", "OP", "OT", "US"]
_UNITS = {"CT": "HU"}


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
        activation: what is still to be done to its output: "none" where the file does it itself.
        background: whether channel 0 is the background.
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
    activation: Literal["softmax", "sigmoid", "none"] = "softmax"
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
        if self.task == "segment" and self.modality == "picture":
            raise ValueError("structures are drawn on volumes, not on pictures")
        if self.task == "segment" and (self.patch is None or len(self.patch) != 3 or not self.axes):
            raise ValueError("a model that draws says its patch, three numbers, and its axes")
        if self.task == "segment" and self.activation == "none":
            raise ValueError("a model that draws gives logits: its activation is softmax or sigmoid")
        if self.task == "classify" and self.size is None:
            raise ValueError("a model that scores says the size of its images")
        if self.size is not None and len(self.size) != (2 if self.modality == "picture" else 3):
            raise ValueError("the size needs 2 numbers for pictures, and 3 for volumes")
        if self.modality == "picture" and (self.axes or self.spacing_mm):
            raise ValueError("a picture has no patient directions and no millimetres")
        return self


def recognises(folder: Path) -> bool:
    """Whether it is an ONNX file, or a folder with one."""
    return (folder.suffix.lower() == ".onnx" and folder.is_file()) or bool(list(folder.glob("*.onnx")))


def convert(source: Source, target: Path) -> Json:
    """Write the file into `target` in one piece, and give the card.

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
    weights = _written(source, path, small, target)
    if small.task == "segment":
        node, found = _drawing(small)
    else:
        node, found = _scoring(small)
    node["weights"] = [weights]
    return _card(source, small, node, found)


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
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"])[:120] or "the card"
        raise CardError(f"{where}: {place}: {first['msg'].removeprefix('Value error, ')[:200]}.") from error


def _written(source: Source, path: Path, small: SmallCard, target: Path) -> Json:
    """The file, checked and in one piece, as `weights` of a node."""
    # Only here are onnx and torch needed, which take their time to load.
    from engine.inference.onnx_graph import OnnxGraph, checked, external_files

    where = source.told(path)
    if path.stat().st_size > LARGEST_WEIGHTS:
        raise CardError(f"{where} is larger than {LARGEST_WEIGHTS // 1024**3} GB, so it was not read.")
    source.count(path)
    model = checked(path.read_bytes(), where, allow_external=True)
    total = path.stat().st_size
    for name in external_files(model):
        total += _check_external(path.parent, name, where)
        if total > LARGEST_WEIGHTS:
            raise CardError(f"{where} is larger than {LARGEST_WEIGHTS // 1024**3} GB, so it was not read.")
        source.count(path.parent / name)
    if total > _LARGEST_IN_ONE:
        raise CardError(f"{where} has more than 2 GB of weights, which one ONNX file can't hold.")
    if external_files(model):
        import onnx

        try:
            onnx.external_data_helper.load_external_data_for_model(model, str(path.parent))
        except (OSError, ValueError, onnx.checker.ValidationError) as error:
            raise CardError(f"{where} has weights in another file that is damaged or cut short.") from error
    source.progress(0.3, f"Converting {where}")
    data = model.SerializeToString()
    graph = OnnxGraph(checked(data, where).SerializeToString(), where)
    graph.check(len(small.images) if small.modality != "picture" else None, _window(small), _channels(small))
    (target / "network.onnx").write_bytes(data)
    return {"file": "network.onnx", "sha256": sha256_of(target / "network.onnx")}


def _check_external(folder: Path, name: str, where: str) -> int:
    """The size of a file in which weights lie."""
    parts = PurePosixPath(name.replace("\\", "/"))
    path = folder / name
    outside = parts.is_absolute() or ".." in parts.parts or ":" in name or path.is_symlink()
    if outside or path.resolve().parent != folder.resolve():
        raise CardError(f"{where} has weights in '{name[:80]}', which is outside its folder; nothing was read of it.")
    if not path.is_file():
        raise CardError(f"{where} has weights in '{name[:80]}', which is missing.")
    return path.stat().st_size


def _window(small: SmallCard) -> tuple[int, ...]:
    """The edges of what the network sees; 0 where they are those of the image."""
    if small.task == "segment":
        return small.patch or ()
    return small.size or ()


def _channels(small: SmallCard) -> int:
    return len(small.labels) + int(small.task == "segment" and small.activation == "softmax")


def _drawing(small: SmallCard) -> tuple[Json, list[Json]]:
    labels = identifiers(small.labels)
    before = [{"do": "resample", "spacing_mm": list(small.spacing_mm)}] if small.spacing_mm else []
    params = {
        "network": {"network": "OnnxGraph"}, "axes": small.axes, "images": len(small.images),
        "before": [*before, *_intensities(small)], "patch": list(small.patch or ()), "overlap": [small.overlap] * 3,
        "blend": small.blend, "labels": labels, "activation": small.activation, "threshold": small.threshold,
    }  # fmt: skip
    found = outputs(labels, [standard_name(name) for name in small.labels], "network")
    for output in found:
        output["threshold"] = small.threshold if small.activation == "sigmoid" else 0.5
    return {"node": "network", "op": "sliding_window", "params": params}, found


def _scoring(small: SmallCard) -> tuple[Json, list[Json]]:
    labels = identifiers(small.labels)
    before = [{"do": "resample", "spacing_mm": list(small.spacing_mm)}] if small.spacing_mm else []
    before.append({"do": "resize", "size": list(small.size or ()), "mode": "linear"})
    params = {
        "network": {"network": "OnnxGraph"}, "dimensions": 2 if small.modality == "picture" else 3, "axes": small.axes,
        "images": len(small.images) if small.modality != "picture" else 1,
        "before": [*before, *_intensities(small)], "labels": labels, "activation": small.activation,
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
    if small.modality == "picture":
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


def _card(source: Source, small: SmallCard, node: Json, found: list[Json]) -> Json:
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
        "licence": {"code": "", "weights": small.licence or licence_of(source.folder), "commercial": False},
        "intended_use": small.description,
        "limits": "Imported; not measured here.",
    }
    if small.task == "segment":
        card["uncertainty"] = {"method": "entropy"}
        card["options"] = [exact_option("network.exact", "the file")]
        card["limits"] += " Contours are traced from the network's own grid."
    return card
