"""How a kind of image looks: its windows and its colours, alone and over another. A row a kind; no Qt."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.body_parts import said_part, said_regions
from engine.cranium import shows_head, shows_head_and_neck
from engine.transform import Transform
from engine.volume import Volume
from viewer.layers import Layer, Window

#: Name of a window, the window, the colour map that it is read in.
Preset = tuple[str, Window, str]


@dataclass(frozen=True)
class Look:
    """A kind of image, and what a reader expects of it.

    Args:
        suits: whether a volume is of this kind.
        presets: the windows that readers know by name, in the order of the number keys.
        window: the one that it opens with.
        alone, over: colour map as the base, and as a layer over another image.
        opacity: as a layer over another image, 0..1.
    """

    suits: Callable[[Volume], bool]
    presets: Callable[[Volume], list[Preset]]
    window: Callable[[Volume], Window]
    alone: str = "grey"
    over: str = "grey"
    opacity: float = 0.5


#: CT windows in HU (centre, width), in the order of the number keys.
CT_PRESETS: tuple[tuple[str, float, float], ...] = (
    ("Soft tissue", 40, 400),
    ("Lung", -600, 1500),
    ("Bone", 400, 1800),
    ("Brain", 40, 80),
    ("Head and neck", 60, 350),
    ("Mediastinum", 50, 350),
    ("Liver", 80, 150),
    ("Pelvis", 35, 250),
    ("Abdomen", 50, 400),
)

#: Parts that are read in the window of the abdomen.
_ABDOMEN = (
    "ABDOMEN", "LIVER", "KIDNEY", "PANCREAS", "SPLEEN", "STOMACH", "ADRENAL", "ABDOMENPELVIS", "CHESTABDOMEN",
    "CHESTABDPELVIS", "CHESTABDOMENPELVIS",
)  # fmt: skip

#: SUV windows (low, high) with the colour map that they are read in.
PET_PRESETS: tuple[tuple[str, float, float, str], ...] = (
    ("SUV 0–5, inverted", 0, 5, "inverted grey"),
    ("SUV 0–10, inverted", 0, 10, "inverted grey"),
    ("SUV 0–20, inverted", 0, 20, "inverted grey"),
    ("SUV 0–5, hot", 0, 5, "hot"),
    ("SUV 0–10, hot", 0, 10, "hot"),
    ("SUV 0–20, hot", 0, 20, "hot"),
)

#: Percentiles of the voxels above the background, for images without a unit of their own.
PERCENTILE_PRESETS: tuple[tuple[str, float, float], ...] = (
    ("Percentiles 1–99", 1, 99),
    ("Percentiles 5–95", 5, 95),
    ("Percentiles 0.1–99.9", 0.1, 99.9),
    ("Percentiles 25–99", 25, 99),
)


def presets(volume: Volume) -> list[Preset]:
    """The windows that suit a volume, in the order of the number keys."""
    return look_of(volume).presets(volume)


def default_window(volume: Volume) -> Window:
    """The window that a reader expects first: CT by part of the body, 0 to 10 for SUV, else 1st to 99th percentile."""
    return look_of(volume).window(volume)


def base_layer(volume: Volume, display: Volume) -> Layer:
    """A volume as the base, looking as its kind does alone; `display` is the volume on a rectangular grid."""
    look = look_of(volume)
    dark_is_high = volume.info.attributes.get("PhotometricInterpretation") == "MONOCHROME1"
    colours = "inverted grey" if dark_is_high else look.alone
    frame = volume.info.frame_of_reference_uid
    return Layer(volume, display, look.window(volume), colours, transform=Transform.identity(frame))


def layer_over(volume: Volume, display: Volume, transform: Transform | None = None) -> Layer:
    """A volume as a layer over another, looking as its kind does there.

    `transform` leads to the base's frame of reference; None where the volume shares it.
    """
    look = look_of(volume)
    transform = transform if transform is not None else Transform.identity(volume.info.frame_of_reference_uid)
    return Layer(volume, display, look.window(volume), look.over, look.opacity, transform=transform)


def sample(volume: Volume, about: float = 1e6) -> NDArray[np.float32]:
    """(n,) finite values of an even sample of about a million voxels, or all of a smaller volume.

    Of colours it is the mean of red, green and blue.
    """
    step = max(1, round((volume.voxels.size / about) ** (1 / 3)))
    values = np.asarray(volume.voxels[::step, ::step, ::step], dtype=np.float32)
    values = volume.grey(values).ravel()
    return values[np.isfinite(values)]


def look_of(volume: Volume) -> Look:
    """The row of the first kind that suits a volume."""
    return next(look for look in LOOKS if look.suits(volume))


def _is_hu(volume: Volume) -> bool:
    return volume.modality == "CT" and volume.units == "HU"


def _of_part(*parts: str) -> Callable[[Volume], bool]:
    """Whether a CT says that it is of one of these parts of the body (PS3.16 annex L)."""

    def suits(volume: Volume) -> bool:
        return _is_hu(volume) and said_part(volume) in parts

    return suits


def _seen_head(volume: Volume) -> bool:
    """Whether a CT that names no part of the body is seen to be of a head."""
    return _is_hu(volume) and not said_regions(volume) and shows_head(volume)


def _seen_head_and_neck(volume: Volume) -> bool:
    """Whether a CT that names no part of the body is seen to be of head and neck."""
    return _is_hu(volume) and not said_regions(volume) and shows_head_and_neck(volume)


def _ct_window(name: str) -> Callable[[Volume], Window]:
    """The CT window of that name, for any volume."""
    window = next(Window(centre, width) for known, centre, width in CT_PRESETS if known == name)
    return lambda _: window


def _ct_presets(_: Volume) -> list[Preset]:
    return [(name, Window(centre, width), "grey") for name, centre, width in CT_PRESETS]


def _suv_presets(_: Volume) -> list[Preset]:
    return [(name, Window.between(low, high), colours) for name, low, high, colours in PET_PRESETS]


def _above_background(volume: Volume) -> NDArray[np.float32]:
    """What lies above the lowest value, which leaves the air around an MR out; that value where there is no other."""
    values = sample(volume)
    above = values[values > values.min()] if values.size else values
    return above if above.size else values[:1]


def _window_of(values: NDArray[np.float32], low: float, high: float) -> Window:
    if values.size < 2:
        return Window(float(values[0]) if values.size else 0.0, 1.0)
    first, last = np.percentile(values, [low, high])
    return Window.between(float(first), float(last))


def _percentiles(volume: Volume) -> list[Preset]:
    values = _above_background(volume)
    colours = "inverted grey" if volume.modality == "PT" else "grey"
    return [(name, _window_of(values, low, high), colours) for name, low, high in PERCENTILE_PRESETS]


def _stated_window(volume: Volume) -> Window | None:
    """The first window that the file of a picture states (VOI LUT); None where there is none."""
    first = (str(volume.info.attributes.get(name, "")).split("\\")[0] for name in ("WindowCenter", "WindowWidth"))
    try:
        centre, width = (float(number) for number in first)
    except ValueError:
        return None
    return Window(centre, width) if np.isfinite([centre, width]).all() and width > 0 else None


def _picture_window(volume: Volume) -> Window:
    """As the file states it, else from black to white of its type, or of its values where these are fewer."""
    stated = _stated_window(volume)
    if stated is not None:
        return stated
    if volume.voxels.dtype == np.uint8:
        return Window.between(0.0, 255.0)
    return _window_of(sample(volume), 0.5, 99.5)


def _picture_presets(volume: Volume) -> list[Preset]:
    stated = _stated_window(volume)
    presets = [("As the file states", stated, picture_colours(volume))] if stated is not None else []
    if volume.voxels.dtype == np.uint8:
        presets.append(("Black to white", Window.between(0.0, 255.0), picture_colours(volume)))
    values = sample(volume)
    return presets + [
        (name, _window_of(values, low, high), picture_colours(volume)) for name, low, high in PERCENTILE_PRESETS
    ]


def picture_colours(volume: Volume) -> str:
    """The grey map of a picture, whose file may mean low values to be bright."""
    return "inverted grey" if volume.info.attributes.get("PhotometricInterpretation") == "MONOCHROME1" else "grey"


def _first_percentiles(volume: Volume) -> Window:
    return _window_of(_above_background(volume), *PERCENTILE_PRESETS[0][1:])


#: Kinds of image, the first that suits: pictures, CT in HU by the part of the body, PET in SUV, other PET, the rest.
LOOKS: tuple[Look, ...] = (
    Look(lambda volume: not volume.geometry.in_patient, _picture_presets, _picture_window),
    Look(_of_part("HEAD", "BRAIN", "SKULL"), _ct_presets, _ct_window("Brain")),
    Look(_seen_head, _ct_presets, _ct_window("Brain")),
    Look(_of_part("HEADNECK", "NECK"), _ct_presets, _ct_window("Head and neck")),
    Look(_seen_head_and_neck, _ct_presets, _ct_window("Head and neck")),
    Look(_of_part("CHEST", "THORAX", "LUNG", "HEART", "MEDIASTINUM"), _ct_presets, _ct_window("Mediastinum")),
    Look(_of_part(*_ABDOMEN), _ct_presets, _ct_window("Abdomen")),
    # Limbs, spine, pelvis, the whole body, and what says nothing.
    Look(_is_hu, _ct_presets, _ct_window("Soft tissue")),
    Look(
        lambda volume: volume.units == "SUVbw",
        _suv_presets,
        lambda _: Window.between(0.0, 10.0),
        "inverted grey",
        "hot",
        0.6,
    ),
    Look(lambda volume: volume.modality == "PT", _percentiles, _first_percentiles, "inverted grey", "hot", 0.6),
    Look(lambda _: True, _percentiles, _first_percentiles),
)
