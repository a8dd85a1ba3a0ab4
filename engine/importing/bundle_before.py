"""MONAI's transforms before a network, by name, as the words of a card; what is not known is refused by its key."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import TypeAdapter, ValidationError

from engine.faults import first_fault
from engine.importing.bundle_arguments import Arguments, edges, transforms
from engine.importing.bundle_values import Configuration
from engine.operations.image_steps import Step

Json = dict[str, Any]

_STEP: TypeAdapter[Step] = TypeAdapter(Step)
#: What the image is called that the network sees, where others, such as a person's contours, are loaded beside it.
_IMAGE_KEYS = {"image", "img", "images"}
#: Steps that move voxels.
_MOVING = {"resample", "crop_foreground", "pad", "resize"}
#: Transforms that MONAI may do in one with those behind them, and steps that then give other voxels.
_LAZY, _LAZILY_OTHER = {"Spacingd", "Resized", "CropForegroundd", "SpatialPadd", "DivisiblePadd"}, {
    "crop_foreground", "resize", "resample"
}  # fmt: skip
_ABOVE = re.compile(r"\$\s*lambda\s+(\w+)\s*:\s*\1\s*>\s*(-?\d+(?:\.\d*)?)\s*")


@dataclass
class Before:
    """What is done to an image: `axes` and `steps` of the operations for models of other programs."""

    axes: str
    steps: list[Json]


def before_of(configuration: Configuration) -> Before:
    """The transforms before the network.

    Raises:
        CardError: one is not known here.
    """
    made = Before("", [])
    image, lazily = "", False
    key = configuration.used("dataset", "transform", "preprocessing") or "preprocessing"
    for arguments in transforms(configuration, key):
        if image and image not in arguments.keys:
            continue
        if arguments.target == "LoadImaged":
            image = image or next((key for key in arguments.keys if key in _IMAGE_KEYS), "") or arguments.keys[0]
        arguments.of(image)
        if arguments.target == "Orientationd":
            if any(step["do"] in _MOVING for step in made.steps):
                raise arguments.refuse("behind a step that moves voxels, which is not known here")
            made.axes = _axes(arguments)
        elif arguments.target in _BEFORE:
            step = _BEFORE[arguments.target](arguments)
            if step is not None and step["do"] == "resample" and any(it["do"] == "resample" for it in made.steps):
                raise arguments.refuse("a second time, which is not known here")
            if step is not None and step["do"] in _LAZILY_OTHER and arguments.lazy and lazily:
                raise arguments.refuse("done in one with the steps before it ('lazy'), which is not known here")
            lazily = lazily or (arguments.lazy and arguments.target in _LAZY)
            if step is not None:
                made.steps.append(_checked(arguments, {key: value for key, value in step.items() if value is not None}))
        else:
            raise arguments.refuse("which is not known here")
        arguments.done()
    return made


def _checked(arguments: Arguments, step: Json) -> Json:
    """The step, which can be done with such values."""
    try:
        _STEP.validate_python(step)
    except ValidationError as error:
        raise arguments.refuse(f"which can't be done: {first_fault(error)}") from error
    return step


def _axes(arguments: Arguments) -> str:
    axes = arguments.take("axcodes")
    if arguments.take("as_closest_canonical", False):
        axes = "RAS"
    labels = arguments.take("labels")
    axes = "".join(axes) if isinstance(axes, list) else axes
    if labels not in (None, [["L", "R"], ["P", "A"], ["I", "S"]]) or not re.fullmatch(
        "[LR][AP][SI]", str(axes).upper()
    ):
        raise arguments.refuse("with axes that are not known here")
    return str(axes).upper()


def _nothing(*known: str) -> Callable[[Arguments], Json | None]:
    """A transform that changes no value, whatever these arguments are."""

    def taken(arguments: Arguments) -> None:
        arguments.only("dtype", None, "float32", "torch.float32", "numpy.float32")
        for name in known:
            arguments.text(name)

    return taken


def _spacing(arguments: Arguments) -> Json:
    arguments.only("diagonal", False)
    arguments.only("scale_extent", False)
    arguments.only("recompute_affine", False)
    arguments.only("mode", "bilinear", 1, "linear")
    arguments.only("padding_mode", "border", "nearest")
    arguments.only("dtype", "float64", None, "float32")
    arguments.take("align_corners")
    arguments.take("ensure_same_shape")
    spacing = _triple(arguments, arguments.take("pixdim"))
    return {
        "do": "resample",
        "spacing_mm": [max(step, 0.0) for step in spacing],
        "least_mm": _bounds(arguments, "min_pixdim", spacing),
        "most_mm": _bounds(arguments, "max_pixdim", spacing),
    }


def _bounds(arguments: Arguments, name: str, spacing: Sequence[float]) -> list[float] | None:
    """Of each axis; of those that are not named, which MONAI does not fill up, the spacing itself."""
    given = arguments.take(name)
    if given is None:
        return None
    values = given if isinstance(given, list) else [given]
    return _triple(arguments, [*values, *spacing[len(values) :]])


def _triple(arguments: Arguments, value: Any) -> list[float]:
    given = value if isinstance(value, list) else [value]
    given = [*given, *[given[-1]] * (3 - len(given))] if given else []
    if len(given) != 3 or not all(isinstance(step, int | float) for step in given):
        raise arguments.refuse("with lengths that are not three numbers")
    return [float(step) for step in given]


def _crop(arguments: Arguments) -> Json:
    chosen = arguments.text("select_fn")
    above = 0.0
    if chosen:
        match = _ABOVE.fullmatch(chosen)
        if match is None:
            arguments.take("select_fn")
            raise arguments.refuse("which chooses voxels in a way that is not known here")
        above = float(match[2])
    arguments.only("channel_indices", None)
    source = arguments.text("source_key")
    if source and source not in arguments.keys:
        raise arguments.refuse(f"to what '{source[:40]}' shows, which is not known here")
    arguments.text("start_coord_key")
    arguments.text("end_coord_key")
    return {
        "do": "crop_foreground",
        "above": above,
        "margin": edges(arguments, arguments.take("margin", 0)),
        "multiple": edges(arguments, arguments.take("k_divisible", 1)),
        "inside": bool(arguments.take("allow_smaller", False)),
        **_beyond(arguments),
    }


def _beyond(arguments: Arguments) -> Json:
    mode = str(arguments.one("mode", "constant"))
    known = {"constant": "constant", "edge": "edge", "replicate": "edge", "minimum": "minimum", "reflect": "reflect"}
    if mode not in known:
        raise arguments.refuse(f"which fills up by '{mode[:40]}', and that is not known here")
    value = arguments.take("value", arguments.take("constant_values", 0.0))
    return {"beyond": known[mode], "value": value}


def _pad(arguments: Arguments) -> Json:
    arguments.only("method", "symmetric", "end")
    multiple = arguments.target == "DivisiblePadd"
    return {
        "do": "pad",
        "size": edges(arguments, arguments.take("k" if multiple else "spatial_size")),
        "multiple": multiple,
        "at_end": arguments.take("method", "symmetric") == "end",
        **_beyond(arguments),
    }


def _resize(arguments: Arguments) -> Json:
    arguments.only("size_mode", "all")
    arguments.only("align_corners", None, False)
    arguments.only("anti_aliasing", False)
    arguments.only("anti_aliasing_sigma", None)
    arguments.only("dtype", "float32", None)
    mode = str(arguments.one("mode", "area"))
    known = dict.fromkeys(("linear", "bilinear", "trilinear"), "linear") | {"area": "area", "nearest": "nearest"}
    if mode not in known:
        raise arguments.refuse(f"by '{mode[:40]}', which is not known here")
    size = arguments.take("spatial_size")
    return {"do": "resize", "size": edges(arguments, size), "mode": known[mode]}


def _valued(do: str, renamed: Json, **defaults: Any) -> Callable[[Arguments], Json]:
    """A transform of values.

    Args:
        do: the word of the step.
        renamed: MONAI's argument → ours.
        defaults: of MONAI's, where they are others than ours.
    """

    def taken(arguments: Arguments) -> Json:
        arguments.only("dtype", "float32", None)
        step: Json = {"do": do}
        for name, ours in renamed.items():
            value = arguments.take(name, defaults.get(name))
            if value is not None or name in defaults:
                step[ours] = value
        return step

    return taken


def _normalise(arguments: Arguments) -> Json:
    step = _valued("normalise", {"nonzero": "nonzero", "channel_wise": "each_channel"})(arguments)
    for name, ours in (("subtrahend", "mean"), ("divisor", "deviation")):
        value = arguments.take(name)
        if value is not None:
            step[ours] = value if isinstance(value, list) else [value]
            if len(step[ours]) > 1 and not step.get("each_channel"):
                raise arguments.refuse("with figures for each channel, but not channel_wise")
    return step


_BEFORE: dict[str, Callable[[Arguments], Json | None]] = {
    "LoadImaged": _nothing("reader", "image_only", "ensure_channel_first", "simple_keys", "overwriting"),
    "EnsureChannelFirstd": _nothing("strict_check", "channel_dim"),
    "EnsureTyped": _nothing("data_type", "wrap_sequence", "track_meta"),
    "CastToTyped": _nothing(),
    "ToTensord": _nothing("wrap_sequence", "track_meta"),
    "Spacingd": _spacing,
    "CropForegroundd": _crop,
    "SpatialPadd": _pad,
    "DivisiblePadd": _pad,
    "Resized": _resize,
    "ScaleIntensityRanged": _valued(
        "scale_range", {"a_min": "low", "a_max": "high", "b_min": "to_low", "b_max": "to_high", "clip": "clip"}
    ),
    "ScaleIntensityRangePercentilesd": _valued(
        "scale_percentiles",
        {
            "lower": "low", "upper": "high", "b_min": "to_low", "b_max": "to_high", "clip": "clip",
            "relative": "relative", "channel_wise": "each_channel",
        },
    ),
    "ScaleIntensityd": _valued(
        "scale_all", {"minv": "to_low", "maxv": "to_high", "factor": "factor", "channel_wise": "each_channel"}
    ),
    "NormalizeIntensityd": _normalise,
    "ThresholdIntensityd": _valued("cut", {"threshold": "threshold", "above": "above", "cval": "value"}),
}  # fmt: skip
