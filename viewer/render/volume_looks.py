"""How a volume looks in 3D: a table of looks by kind of image. No VTK."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from engine.volume import Volume
from viewer.looks import sample

#: (value, opacity 0..1), and (value, red, green, blue 0..1); linear between them.
Opacity = tuple[tuple[float, float], ...]
Colours = tuple[tuple[float, float, float, float], ...]


@dataclass(frozen=True)
class VolumeLook:
    """A way to see a volume.

    Args:
        name: for people.
        suits: of which images.
        opacity, colours: by the values of the image; by its percentiles where `by_percentile`.
        maximum: show the highest value along each ray instead of letting it shine through.
        by_percentile: for images whose values have no unit.
    """

    name: str
    suits: Callable[[Volume], bool]
    opacity: Opacity
    colours: Colours
    maximum: bool = False
    by_percentile: bool = False

    def of(self, volume: Volume) -> tuple[Opacity, Colours]:
        """Opacity and colours over the values of a volume."""
        if not self.by_percentile:
            return self.opacity, self.colours
        values = sample(volume)
        at = {percent: float(np.percentile(values, percent)) for percent, *_ in (*self.opacity, *self.colours)}
        return (
            tuple((at[percent], opacity) for percent, opacity in self.opacity),
            tuple((at[percent], *colour) for percent, *colour in self.colours),  # type: ignore[misc]
        )


def looks_of(volume: Volume) -> tuple[VolumeLook, ...]:
    """The looks that suit a volume; none for pictures."""
    if volume.is_colour or not volume.geometry.in_patient or min(volume.geometry.shape) < _LEAST:
        return ()
    return tuple(look for look in VOLUME_LOOKS if look.suits(volume))


#: Fewer planes, rows or columns are no volume.
_LEAST = 4


def _hu(volume: Volume) -> bool:
    return volume.units == "HU"


def _suv(volume: Volume) -> bool:
    return volume.units.startswith("SUV")


def _other(volume: Volume) -> bool:
    return not _hu(volume) and not _suv(volume)


_BONE = ((100.0, 0.55, 0.25, 0.15), (250.0, 0.88, 0.70, 0.50), (600.0, 1.0, 0.96, 0.88), (2000.0, 1.0, 1.0, 1.0))
_SKIN = ((-400.0, 0.75, 0.55, 0.45), (0.0, 0.92, 0.72, 0.60), (150.0, 0.85, 0.45, 0.38), (400.0, 1.0, 0.95, 0.86))
_VESSELS = ((100.0, 0.50, 0.05, 0.05), (250.0, 0.90, 0.30, 0.20), (500.0, 1.0, 0.85, 0.60), (1500.0, 1.0, 1.0, 0.95))
_AIR = ((-1000.0, 0.20, 0.35, 0.55), (-800.0, 0.55, 0.75, 0.95), (-500.0, 0.95, 0.80, 0.75), (0.0, 0.9, 0.6, 0.5))
_GREY_HU = ((-200.0, 0.0, 0.0, 0.0), (1500.0, 1.0, 1.0, 1.0))
_GREY_SUV = ((0.0, 0.0, 0.0, 0.0), (10.0, 1.0, 1.0, 1.0))
_HOT_SUV = ((1.0, 0.25, 0.0, 0.0), (4.0, 0.9, 0.2, 0.0), (8.0, 1.0, 0.8, 0.1), (15.0, 1.0, 1.0, 1.0))
_GREY = ((1.0, 0.0, 0.0, 0.0), (99.8, 1.0, 1.0, 1.0))

#: In the order of the menu.
VOLUME_LOOKS: tuple[VolumeLook, ...] = (
    VolumeLook("CT: bone", _hu, ((150.0, 0.0), (300.0, 0.25), (700.0, 0.7), (2000.0, 0.9)), _BONE),
    VolumeLook("CT: skin and soft tissue", _hu, ((-400.0, 0.0), (-150.0, 0.25), (100.0, 0.5), (600.0, 0.9)), _SKIN),
    VolumeLook("CT: vessels with contrast", _hu, ((120.0, 0.0), (220.0, 0.2), (450.0, 0.7), (1500.0, 0.8)), _VESSELS),
    VolumeLook(
        "CT: lungs", _hu, ((-980.0, 0.0), (-900.0, 0.03), (-650.0, 0.06), (-450.0, 0.0), (3000.0, 0.0)), _AIR
    ),
    VolumeLook("CT: highest value (MIP)", _hu, ((-200.0, 0.0), (1500.0, 1.0)), _GREY_HU, maximum=True),
    VolumeLook("PET: highest value (MIP)", _suv, ((0.3, 0.0), (5.0, 1.0)), _GREY_SUV, maximum=True),
    VolumeLook("PET: glowing", _suv, ((1.5, 0.0), (4.0, 0.15), (10.0, 0.6)), _HOT_SUV),
    VolumeLook(
        "MR: translucent", _other, ((60.0, 0.0), (85.0, 0.06), (97.0, 0.35), (99.8, 0.8)), _GREY, by_percentile=True
    ),
    VolumeLook(
        "MR: highest value (MIP)", _other, ((50.0, 0.0), (99.8, 1.0)), _GREY, maximum=True, by_percentile=True
    ),
)  # fmt: skip
