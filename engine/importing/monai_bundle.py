"""A MONAI bundle: `configs/metadata.json`, `configs/inference.json` or `.yaml`, and `models/model.pt`.

It is read as data: what it writes as Python is understood by a closed grammar or refused by its key, its `scripts` are
left where they are, and its weights are taken without running anything of them.
"""

import inspect
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from engine.cards.weights import sha256_of
from engine.errors import CardError
from engine.importing.about import exact_option, kinds_noted, licence_of, licence_told, stored_axes
from engine.importing.bundle_after import After, Pieces, after_of, inferer_of
from engine.importing.bundle_arguments import Arguments
from engine.importing.bundle_before import Before, before_of
from engine.importing.bundle_values import Configuration
from engine.importing.meanings import named
from engine.importing.naming import card_id, identifiers, modalities, outputs
from engine.importing.source import Source

Json = dict[str, Any]

_CONFIGURATIONS = ("inference.json", "inference.yaml", "inference.yml")
#: MONAI's name → the name in a card, for a class a voxel and a class an image.
_SEGMENTERS = {name: name for name in ("UNet", "DynUNet", "SegResNet", "SegResNetDS", "SwinUNETR", "UNETR")}
_CLASSIFIERS = (
    {f"resnet{n}": f"ResNet{n}" for n in (10, 18, 34, 50, 101, 152, 200)}
    | {f"DenseNet{n}": f"DenseNet{n}" for n in (121, 169, 201, 264)}
    | {"ResNet": "ResNet", "EfficientNetBN": "EfficientNet", "SEResNet50": "SEResNet50"}
)
#: Layers that MONAI's DynUNet stores a second time under another name.
_TWICE = ("input_block.", "downsamples.", "bottleneck.", "upsamples.")
#: Arguments that older versions took, or that only training or loading heeds.
_IDLE = {"SwinUNETR": {"img_size", "use_checkpoint"}, "UNETR": {"pos_embed"}}
_OF_LOADING = {"pretrained", "progress"}
_LARGEST_ARGUMENT, _MOST_LAYERS = 1_000_000, 64
#: Modalities of pictures.
_PICTURES = ["XC", "ES", "GM", "OP", "OT", "US"]
_PROGRAM = "MONAI"
_BACKGROUND = re.compile(r"background|bg|none|0|other|others|outside", re.I)


def recognises(folder: Path) -> bool:
    """Whether a bundle lies there."""
    configs = folder / "configs"
    return (configs / "metadata.json").is_file() or any((configs / name).is_file() for name in _CONFIGURATIONS)


def convert(source: Source, target: Path) -> Json:
    """Write the weights into `target`, and give the card.

    Raises:
        CardError: the bundle is damaged, or something in it is not known here.
    """
    metadata = source.json(source.folder / "configs" / "metadata.json")
    configuration = _configuration(source)
    network = _network(configuration)
    before, after = before_of(configuration), after_of(configuration)
    if source.wish.axes:
        before.axes = source.wish.axes
    if network["network"] in _CLASSIFIERS.values():
        made = _classifier(configuration, metadata, network, before, after)
    else:
        made = _segmenter(configuration, metadata, network, before, after)
    source.progress(0.1, "Converting the weights")
    made[0]["weights"] = [_weights(source, configuration, network, target)]
    return _card(source, metadata, made, before, after)


def _configuration(source: Source) -> Configuration:
    for name in _CONFIGURATIONS:
        path = source.folder / "configs" / name
        if path.is_file():
            values = source.json(path) if path.suffix == ".json" else source.yaml(path)
            return Configuration(values, source.told(path))
    raise CardError(f"{source.name} has no configs/inference.json, so it does not say how its network is run.")


def _network(configuration: Configuration) -> Json:
    """The network as `build_network` takes it."""
    key = next((name for name in ("network_def", "network", "net") if name in configuration), "")
    values = configuration.get(key) if key else None
    if not isinstance(values, dict) or "_target_" not in values:
        raise CardError(f"{configuration.where} has no network that is understood at 'network_def'.")
    target = str(values["_target_"])
    name = target.rpartition(".")[2]
    known = _SEGMENTERS | _CLASSIFIERS
    if name not in known or ("." in target and not target.startswith("monai.")):
        raise CardError(f"{configuration.where} names the network '{target[:80]}', which is not known here.")
    arguments = Arguments(values, key, configuration.where)
    network: Json = {"network": known[name]}
    for argument in values:
        if argument.startswith("_") or argument in _IDLE.get(name, set()) | _OF_LOADING:
            continue
        network[argument] = _small(arguments.take(argument), f"{key}#{argument}", configuration.where)
    if name == "EfficientNetBN":
        # Else it would fetch weights from the network.
        network["pretrained"] = False
    return network


def _small(value: Any, key: str, where: str) -> Any:
    """An argument of a network that does not make it larger than any."""
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for part in parts:
        _small(part, key, where)
    large = isinstance(value, int | float) and abs(value) > _LARGEST_ARGUMENT
    counted = re.search(r"blocks|layers|depths|units|config", key) and isinstance(value, int) and value > _MOST_LAYERS
    if large or counted or len(parts) > _MOST_LAYERS:
        raise CardError(f"{where} has a network that is larger than any at '{key[:80]}'.")
    return value


def _size_of(network: Json, *names: str) -> int:
    """An argument by one of its names, or its default."""
    from engine.inference.networks import network_class

    parameters = inspect.signature(network_class(network["network"])).parameters
    for name in names:
        value = network.get(name, parameters[name].default if name in parameters else None)
        if isinstance(value, int):
            return value
    raise CardError(f"The bundle does not say how many {names[0].replace('_', ' ')} its network has.")


def _channels(metadata: Json, side: str) -> list[str]:
    """The channels that `network_data_format` names; none where it names none."""
    try:
        given = next(iter(metadata["network_data_format"][side].values()))["channel_def"]
        numbered = sorted(given, key=int)
        if [int(key) for key in numbered] != list(range(len(numbered))):
            raise CardError(
                f"The bundle's metadata.json numbers the channels of its {side} otherwise than 0, 1, 2, ..."
            )
        return [str(given[key]) for key in numbered]
    except (KeyError, TypeError, ValueError, AttributeError, StopIteration):
        return []


def _format(metadata: Json) -> tuple[str, str]:
    """(modality, format) of the images, lower case."""
    try:
        image = next(iter(metadata["network_data_format"]["inputs"].values()))
        return str(image.get("modality", "")).lower(), str(image.get("format", "")).lower()
    except (KeyError, TypeError, AttributeError, StopIteration):
        return "", ""


def _segmenter(
    configuration: Configuration, metadata: Json, network: Json, before: Before, after: After
) -> tuple[Json, list[Json], list[Json]]:
    """(node, inputs, outputs) of a bundle that draws."""
    params = inferer_of(configuration) | {"network": network, "axes": before.axes, "before": before.steps}
    dimensions = _size_of(network, "spatial_dims")
    if dimensions != params.get("dimensions", 3):
        raise CardError(f"{configuration.where} runs a network for {dimensions} dimensions in another number of them.")
    count = _size_of(network, "out_channels")
    exclusive = after.decided != "regions" and after.activation != "sigmoid"
    names = _channels(metadata, "outputs")
    if not names:
        names = ["background" if exclusive and not number else f"label {number}" for number in range(count)]
        after.notes.append("The bundle does not say what its channels are, so its labels are numbered.")
    if len(names) != count:
        raise CardError(f"The bundle names {len(names)} channels at its output, and its network has {count}.")
    if exclusive and not _BACKGROUND.fullmatch(names[0].strip()):
        after.notes.append(f"Channel 0, '{names[0][:40]}', was taken to be the background.")
    names = names[1:] if exclusive else names
    if not names:
        raise CardError("The bundle's network has a background and nothing else.")
    inputs = _inputs(metadata, _size_of(network, "in_channels"), after.notes)
    labels = identifiers(names)
    moves = any(step["do"] in {"resample", "crop_foreground", "pad"} for step in before.steps)
    if not after.carried and moves:
        if any(step["do"] in {"crop_foreground", "pad"} for step in before.steps):
            raise CardError(f"{configuration.where} crops the image, and has no Invertd that brings its answer back.")
        after.notes.append("The bundle does not bring its answer back by itself; the nearest label is taken.")
    if not after.decided:
        where = "likeliest" if exclusive else "likelier than not"
        after.notes.append(f"The bundle leaves probabilities; each label is drawn where it is {where}.")
    params |= {
        "images": len(inputs),
        "labels": labels,
        "activation": "softmax" if exclusive else "sigmoid",
        "threshold": after.threshold,
        "carried": after.carried or "labels",
        "largest": [_largest(pieces, labels, int(exclusive)) for pieces in after.largest],
    }
    node = {"node": "network", "op": "sliding_window", "in": [image["role"] for image in inputs], "params": params}
    known_as = named(names)
    after.notes += known_as.notes
    found = outputs(labels, known_as, "network")
    for output in found:
        output["threshold"] = after.threshold
    return node, inputs, found


def _largest(pieces: Pieces, labels: Sequence[str], background: int) -> Json:
    """Pieces that are kept, by the names of the labels."""
    numbers: Sequence[int] = pieces.labels or range(background, len(labels) + background)
    if pieces.labels and len(labels) + background == 1 and not pieces.one_hot:
        numbers = [number - 1 for number in pieces.labels]
    if any(not background <= number < len(labels) + background for number in numbers):
        raise CardError("The bundle keeps pieces of a label that its network does not have.")
    return {
        "labels": [labels[number - background] for number in numbers],
        "keep": pieces.keep,
        "connectivity": pieces.connectivity,
        "on_image": pieces.on_image,
    }


def _classifier(
    configuration: Configuration, metadata: Json, network: Json, before: Before, after: After
) -> tuple[Json, list[Json], list[Json]]:
    """(node, inputs, outputs) of a bundle that scores."""
    if inferer_of(configuration)["patch"] != [0, 0, 0]:
        raise CardError(f"{configuration.where} runs a classifier over windows, which is not known here.")
    count = _size_of(network, "num_classes", "out_channels")
    names = _channels(metadata, "outputs")
    if not names:
        names = [f"class {number}" for number in range(count)]
        after.notes.append("The bundle does not say what its classes are, so they are numbered.")
    if len(names) != count:
        raise CardError(f"The bundle names {len(names)} classes at its output, and its network has {count}.")
    dimensions = _size_of(network, "spatial_dims")
    channels = _size_of(network, "in_channels", "n_input_channels")
    inputs = _pictures(metadata, channels, after.notes) if dimensions == 2 else _inputs(metadata, channels, after.notes)
    labels = identifiers(names)
    for step in before.steps:
        if "size" in step:
            step["size"] = step["size"][:dimensions]
    activation = after.activation or ("softmax" if after.decided == "labels" else "none")
    params = {
        "network": network, "dimensions": dimensions, "axes": before.axes, "images": len(inputs),
        "before": before.steps, "labels": labels, "activation": activation,
    }  # fmt: skip
    node = {"node": "network", "op": "whole_image", "in": [image["role"] for image in inputs], "params": params}
    shown = dict(zip(labels, names, strict=True))
    found = [{"kind": "score", "label": label, "name": shown[label][:64], "node": "network"} for label in labels]
    for number, output in enumerate(found):
        if any(other["name"] == output["name"] for other in found[:number]):
            output["name"] = f"{output['name'][:58]} {number + 1}"
    return node, inputs, found


def _inputs(metadata: Json, count: int, notes: list[str]) -> list[Json]:
    """The images of a card; further ones are laid onto the first. What had to be guessed is noted."""
    modality, kind = _format(metadata)
    names = _channels(metadata, "inputs")
    if len(names) != count:
        if count > 1:
            notes.append(
                f"The bundle does not name its {count} channels, so they are called image 1 to {count}; give them in "
                "the order in which it was taught."
            )
        names = [f"image {number + 1}" for number in range(count)]
    found: list[Json] = []
    roles = [role.lower() for role in identifiers(names)]
    for role, name in zip(identifiers(roles), names, strict=True):
        is_ct = (modality == "ct" and count == 1) or name.strip().lower() == "ct"
        known = modalities(name, is_ct)
        if len(known) > 1 and modality not in {"", "none", "n/a"}:
            known = modalities(modality, False)
        image: Json = {"role": role, "modality": known}
        if is_ct and kind in {"hounsfield", ""}:
            image["units"] = "HU"
        if found:
            image["register_to"] = found[0]["role"]
        found.append(image)
    notes += kinds_noted(found)
    if any("units" in image for image in found) and not kind:
        notes.append("It does not say the units of its CT; Hounsfield units were assumed.")
    elif kind and kind != "hounsfield" and any(image["modality"] == ["CT"] for image in found):
        notes.append(f"It says that its CT is in '{kind[:40]}'; the image's own values are taken.")
    return found


def _pictures(metadata: Json, channels: int, notes: list[str]) -> list[Json]:
    if channels not in {1, 3}:
        raise CardError(f"The bundle looks at pictures of {channels} channels; 1 or 3 are known here.")
    names = [name.strip().lower() for name in _channels(metadata, "inputs")]
    if channels == 3 and names not in (["r", "g", "b"], ["red", "green", "blue"]):
        notes.append("The bundle does not say the order of its colours; red, green, blue was assumed.")
    return [{"role": "picture", "modality": _PICTURES, "units": "rgb" if channels == 3 else "grey"}]


def _weights(source: Source, configuration: Configuration, network: Json, target: Path) -> Json:
    # Only here is torch needed, which takes its time to load.
    from engine.importing.checkpoint import read_checkpoint, tensors_of, write_weights

    path = _model_file(source, configuration)
    where = source.told(path)
    source.count(path)
    values: Any = read_checkpoint(path, where)
    for key in ("model", "state_dict", "model_state_dict", "network", "net"):
        if isinstance(values.get(key), Mapping):
            values = values[key]
            break
    tensors = tensors_of(values, where)
    if network["network"] == "DynUNet" and any(name.startswith("skip_layers.") for name in tensors):
        tensors = {name: value for name, value in tensors.items() if not name.startswith(_TWICE)}
    write_weights(tensors, network, target / "network.safetensors", where, f"in {configuration.where}")
    return {"file": "network.safetensors", "sha256": sha256_of(target / "network.safetensors")}


def _model_file(source: Source, configuration: Configuration) -> Path:
    """The checkpoint that the bundle loads, in its folder `models`."""
    models = source.folder / "models"
    named, there = _loaded(configuration), sorted(path.name for path in models.glob("*.pt*"))
    if named is None and len(there) == 1:
        named = there[0]
    elif named is None and len(there) > 1:
        raise CardError(
            f"{configuration.where} does not say in a way that is understood which of {', '.join(there)[:200]} is "
            "loaded; leave that one alone in the bundle's folder models."
        )
    path = models / (named or "model.pt")
    if path.is_file():
        return path
    if (models / "model.ts").is_file():
        raise CardError(
            f"{source.told(models / 'model.ts')} is TorchScript, which is a program; its weights are needed, and "
            f"{source.told(path)} is missing."
        )
    raise CardError(f"{source.told(path)} is missing, so there are no weights.")


def _loaded(configuration: Configuration) -> str | None:
    """The name of the file that a CheckpointLoader of the bundle loads.

    "" where nothing is loaded, None where it is not understood what.
    """
    places = [configuration.get(key) for key in ("checkpointloader", "handlers", "val_handlers")]
    for place in places:
        for values in place if isinstance(place, list) else [place]:
            if isinstance(values, dict) and str(values.get("_target_", "")).endswith("CheckpointLoader"):
                path = values.get("load_path")
                if isinstance(path, str) and re.fullmatch(r".*models/[A-Za-z0-9_][A-Za-z0-9_.-]*\.pth?", path):
                    return path.rpartition("/")[2]
                return None
    return ""


def _card(
    source: Source, metadata: Json, made: tuple[Json, list[Json], list[Json]], before: Before, after: After
) -> Json:
    node, inputs, found = made
    name = str(metadata.get("name") or source.name)[:100]
    draws = node["op"] == "sliding_window"
    of_pictures = not draws and node["params"].get("dimensions") == 2
    if not before.axes and not of_pictures:
        after.notes.append(stored_axes())
    drawn = "Contours are traced from the network's own grid. " if draws else ""
    data = str(metadata.get("data_source") or "the data of the bundle's authors")[:200]
    card: Json = {
        "id": source.wish.card_id or card_id(name),
        "version": "1.0",
        "task": "segment" if draws else "classify",
        "title": name,
        "fidelity": "modern",
        "badge": "runs",
        "inputs": inputs,
        "graph": [node],
        "outputs": found,
        "provenance": {
            "imported_from": "MONAI bundle",
            "sources": source.sources,
            "notes": after.notes,
            "training_data": [{"name": data, "licence": "see there"}],
        },
        "licence": licence_told(licence_of(source.folder)),
        "intended_use": str(metadata.get("intended_use") or metadata.get("description") or "")[:4000],
        "limits": f"Imported; not measured here. {drawn}".strip(),
    }
    if draws:
        card["uncertainty"] = {"method": "entropy"}
        card["options"] = [exact_option("network.exact", _PROGRAM)]
    return card
