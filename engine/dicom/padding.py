"""Pixels that a file calls padding (PS3.3 C.7.5.1.1.2): they fill its rectangle, and nothing was measured there.

No rescale is for them, so what they come to is no value. Below all tissue, as −2000 around a round field of view, they
are told and stay as every reader gives them; above it they would be seen as metal, and get the lowest value that was
measured. What tissue can have as well is left, since many files name a value, such as 0, that was measured too.

Of floating-point pixels no such file is known, and padding has no number.
"""

from collections.abc import Container, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.dicom.planes import StoredImage, StoredPlane
from engine.dicom.units import Scale

#: A CT measures what lies between these, HU: air, and the end of the usual 12 bits.
_MEASURED_HU = (-1024.0, 3071.0)
#: Below this it is air, HU, as good as padding.
_AIR_HU = -900.0
#: More of an image than this has no single value of tissue.
_LARGE_SHARE = 0.02


def without_padding(image: StoredImage, stored: NDArray[Any]) -> NDArray[Any]:
    """The stored values of a plane, NaN in place of the padding of floating-point pixels."""
    if image.padding is None or not image.floating:
        return stored
    low, high = image.padding
    return np.where((stored >= low) & (stored <= high), stored.dtype.type(np.nan), stored)


@dataclass
class Padding:
    """Gathers which voxels are padding while planes are read, and settles what they are.

    Args:
        planes: that are read.
        scale: from stored values to values.
    """

    planes: Sequence[StoredPlane]
    scale: Scale
    _masks: dict[int, NDArray[np.bool_]] = field(default_factory=dict)
    _named: set[tuple[float, float]] = field(default_factory=set)
    _like_tissue: dict[int, int] = field(default_factory=dict)

    @property
    def _in_hu(self) -> bool:
        return self.scale.units in ("HU", "US")

    def look(self, index: int, stored: NDArray[Any]) -> None:
        """Take note of the padding among the stored values (rows, columns) of a plane."""
        plane = self.planes[index]
        named = plane.image.padding
        if named is None or plane.image.floating:
            return
        low, high = sorted(self.scale.values(plane, np.array(named)).tolist())
        if (self._in_hu and _MEASURED_HU[0] <= low and high <= _AIR_HU) or (not self._in_hu and low == high == 0):
            return
        mask = (stored >= named[0]) & (stored <= named[1])
        if not mask.any():
            return
        self._named.add(named)
        if self._in_hu and high >= _MEASURED_HU[0] and low <= _MEASURED_HU[1]:
            self._like_tissue[index] = int(mask.sum())
        else:
            self._masks[index] = mask

    def settle(self, voxels: NDArray[Any], without: Container[int] = ()) -> tuple[str, ...]:
        """Give padding that would be seen the lowest value that was measured, in place; a note on what was done.

        Padding whose value lies among the measured ones is left, as it may have been measured.

        Args:
            voxels: (planes, rows, columns) values.
            without: planes that could not be read.
        """
        called = " and ".join(str(a) if a == b else f"{a} to {b}" for a, b in sorted(self._named))
        like_tissue = sum(self._like_tissue.values())
        if like_tissue > _LARGE_SHARE * voxels.size:
            return (
                f"The file calls {like_tissue} voxels padding (stored value {called}), where nothing was "
                "measured; tissue can have their value too, so they are left as they are: do not measure there.",
            )
        low, high, filled = np.inf, -np.inf, list[float]()
        for k, plane in enumerate(voxels):
            mask = self._masks.get(k)
            measured = plane if mask is None else plane[~mask]
            if measured.size and k not in without:
                low, high = min(low, float(measured.min())), max(high, float(measured.max()))
            if mask is not None:
                filled += [float(plane[mask].min()), float(plane[mask].max())]
        if not filled or low > high or any(low <= value <= high or 0 <= value < low for value in filled):
            return ()
        count = sum(int(mask.sum()) for mask in self._masks.values())
        unit = f" {self.scale.units}" if self.scale.units else ""
        said = f"{count} voxels are padding by the file (stored value {called}): nothing was measured there"
        if self._in_hu and max(filled) < low:
            return (f"{said}, and their {min(filled):g}{unit} is no tissue. Do not measure there.",)
        for k, mask in self._masks.items():
            voxels[k][mask] = low
        return (f"{said}, and they have the lowest value of the image, {low:g}{unit}, in place of {min(filled):g}.",)
