"""Where the patient is in a CT, coarsely, found once an image.

On blocks of about 3 mm: what is denser than foam, and on each plane all air that it encloses, with a block around it.
A couch counts as part of the patient, which for what must not lie in open air makes no difference.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from shapely import MultiPolygon

from engine.contouring.fill import fill_plane
from engine.later import later
from engine.volume import Geometry, Volume

if TYPE_CHECKING:
    from scipy import ndimage
else:
    ndimage = later("scipy.ndimage")

_BLOCK_MM = 3.0
#: HU above which a block is something solid.
_SOLID = -350.0
#: Neighbours within a plane alone.
_IN_PLANE = np.zeros((3, 3, 3), np.bool_)
_IN_PLANE[1] = True

_known: WeakKeyDictionary[Volume, "Patient | None"] = WeakKeyDictionary()


class Patient:
    """The body in blocks.

    Args:
        near: (planes, rows, columns) of blocks.
        steps: image planes, rows and columns from one block's sample to the next.
        geometry: of the image.
    """

    def __init__(self, near: NDArray[np.bool_], steps: tuple[int, int, int], geometry: Geometry) -> None:
        self._near, self._steps, self._geometry = near, steps, geometry

    def share_outside(self, areas: Mapping[int, MultiPolygon]) -> tuple[float, int]:
        """How much of a structure lies further than a block outside the body.

        Args:
            areas: plane index → polygons, `(u, v)` mm.

        Returns:
            The share of its blocks, 0 to 1, and the plane with most of them outside.
        """
        count = outside = 0
        worst = (0, min(areas))
        for plane, area in areas.items():
            if plane % self._steps[0] == 0:
                inside, beyond = self._blocks(area, plane)
                count, outside = count + int(inside.sum()), outside + int(beyond.sum())
                worst = max(worst, (int(beyond.sum()), plane))
        return outside / max(count, 1), worst[1]

    def place_outside(self, area: MultiPolygon, plane: int) -> tuple[float, float]:
        """`(u, v)` mm of a block of an area that lies outside the body; there must be one."""
        places = np.argwhere(self._blocks(area, plane)[1])
        row, column = places[len(places) // 2].tolist()
        du, dv = self._geometry.spacing_uv
        return column * self._steps[2] * du, row * self._steps[1] * dv

    def _blocks(self, area: MultiPolygon, plane: int) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """The blocks of an area, and those of them outside the body."""
        near = self._near[plane // self._steps[0]]
        du, dv = self._geometry.spacing_uv
        blocks = fill_plane(area, (near.shape[0], near.shape[1]), (self._steps[2] * du, self._steps[1] * dv))
        return blocks, blocks & ~near


def patient_in(volume: Volume | None) -> Patient | None:
    """The body in a CT in HU; None where there is no such image, or nothing solid is seen in it."""
    if volume is None or volume.units != "HU" or not volume.geometry.in_patient:
        return None
    if volume not in _known:
        _known[volume] = _found(volume)
    return _known[volume]


def _found(volume: Volume) -> Patient | None:
    columns, rows, planes = (max(round(_BLOCK_MM / step), 1) for step in volume.geometry.spacing_xyz)
    solid = volume.voxels[::planes, ::rows, ::columns] > _SOLID
    if not solid.any():
        return None
    air, _ = ndimage.label(~solid, _IN_PLANE)
    border = np.unique(np.concatenate([air[:, [0, -1]].ravel(), air[:, :, [0, -1]].ravel()]))
    inside = solid | ~np.isin(air, border[border > 0])
    return Patient(ndimage.binary_dilation(inside, _IN_PLANE), (planes, rows, columns), volume.geometry)
