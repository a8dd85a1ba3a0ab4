"""Colour maps by name, and the windows that readers know by name."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

from engine.volume import Volume
from viewer.session import Window, default_window

#: Name → control points (position 0..1, red, green, blue 0..255), linear between them.
_CONTROL_POINTS: dict[str, tuple[tuple[float, int, int, int], ...]] = {
    "grey": ((0, 0, 0, 0), (1, 255, 255, 255)),
    "inverted grey": ((0, 255, 255, 255), (1, 0, 0, 0)),
    "hot": ((0, 0, 0, 0), (0.375, 255, 0, 0), (0.75, 255, 255, 0), (1, 255, 255, 255)),
    "ice": ((0, 0, 0, 0), (0.4, 20, 60, 160), (0.75, 90, 190, 235), (1, 255, 255, 255)),
    "green": ((0, 0, 0, 0), (0.5, 20, 130, 60), (1, 200, 255, 200)),
    "rainbow": ((0, 0, 0, 90), (0.25, 0, 120, 255), (0.5, 0, 220, 100), (0.75, 255, 230, 0), (1, 230, 20, 0)),
}

NAMES = tuple(_CONTROL_POINTS)


@cache
def colour_table(name: str) -> NDArray[np.uint8]:
    """(256, 3) red, green, blue of a colour map. Raises KeyError for a name that is not in `NAMES`."""
    points = np.array(_CONTROL_POINTS[name], dtype=np.float64)
    at = np.linspace(0, 1, 256)
    table = np.stack([np.interp(at, points[:, 0], points[:, channel]) for channel in (1, 2, 3)], axis=1)
    out: NDArray[np.uint8] = np.rint(table).astype(np.uint8)
    out.setflags(write=False)
    return out


#: CT windows in HU (centre, width), in the order of the number keys.
CT_PRESETS: tuple[tuple[str, float, float], ...] = (
    ("Abdomen", 40, 400),
    ("Lung", -600, 1500),
    ("Bone", 400, 1800),
    ("Brain", 40, 80),
    ("Head and neck", 60, 350),
    ("Mediastinum", 50, 350),
    ("Liver", 80, 150),
    ("Pelvis", 35, 250),
)

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


def presets(volume: Volume) -> list[tuple[str, Window, str]]:
    """(name, window, colour map) of the presets that suit a volume, in the order of the number keys."""
    if volume.modality == "CT" and volume.units == "HU":
        return [(name, Window(centre, width), "grey") for name, centre, width in CT_PRESETS]
    if volume.units == "SUVbw":
        return [(name, Window.between(low, high), colours) for name, low, high, colours in PET_PRESETS]
    colours = "inverted grey" if volume.modality == "PT" else "grey"
    values = sample(volume)
    above = values[values > values.min()] if values.size else values
    if not above.size:
        return [("Whole range", default_window(volume), colours)]
    out = []
    for name, low, high in PERCENTILE_PRESETS:
        first, last = np.percentile(above, [low, high])
        out.append((name, Window.between(float(first), float(last)), colours))
    return out


def sample(volume: Volume, about: float = 1e6) -> NDArray[np.float32]:
    """(n,) finite values of an even sample of about a million voxels, or all of a smaller volume."""
    step = max(1, round((volume.voxels.size / about) ** (1 / 3)))
    values = np.asarray(volume.voxels[::step, ::step, ::step], dtype=np.float32).ravel()
    return values[np.isfinite(values)]
