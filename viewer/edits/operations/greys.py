"""Operations that read the image: a structure of the voxels in a range of values. No Qt."""

import numpy as np
from shapely import MultiPolygon

from engine.contouring import combine as combining
from engine.contouring.fill import fill_plane
from engine.contouring.islands import remove_islands
from engine.contouring.levels import depth_in_range, level_area
from engine.contouring.stack import changed
from engine.errors import PlanimeterError
from engine.progress import part
from viewer.edits.grey import box_of
from viewer.edits.operations.form import OF_IMAGE, Operation, Work
from viewer.edits.operations.margins import with_planes
from viewer.edits.parameters import Parameter, Values, choice
from viewer.edits.ranges import PER_MAXIMUM, unit_text
from viewer.layers import Layer

OF_VALUES, OF_MAXIMUM = 0.0, 1.0
TOPMOST, BASE = 0.0, 1.0


def _threshold(work: Work) -> dict[int, MultiPolygon]:
    """What lies in the range, everywhere or within the other structure."""
    values, geometry = work.values, work.geometry
    layer = _image(values, work.layers)
    planes, rows, columns = geometry.shape
    wanted = sorted(k for k, area in work.other.items() if not area.is_empty) if work.other else list(range(planes))
    low, high = values["low"], values["high"]
    read = {}
    most = -np.inf
    for n, k in enumerate(wanted):
        work.progress(0.3 * n / len(wanted), "Reading values")
        i0, j0, i1, j1 = 0, 0, columns, rows
        if work.other:
            left, top, right, bottom = work.other[k].bounds
            du, dv = geometry.spacing_uv
            i0, j0 = max(int(left / du) - 1, 0), max(int(top / dv) - 1, 0)
            i1, j1 = min(int(right / du) + 3, columns), min(int(bottom / dv) + 3, rows)
        if i1 <= i0 or j1 <= j0:
            continue
        grey = box_of(layer, geometry, np.array([k, j0, i0]), np.array([k + 1, j1, i1]))[0]
        read[k] = (grey, i0, j0)
        if values["of"] == OF_MAXIMUM:
            most = max(most, _greatest_within(work, k, grey, i0, j0))
    if values["of"] == OF_MAXIMUM:
        if not np.isfinite(most) or most <= 0:
            raise PlanimeterError("There is no maximum above 0 here to take a share of: choose values instead.")
        # Nothing is above the maximum, which belongs to what is taken.
        low, high = low / 100 * most, high / 100 * most if high < 100 else np.inf
    found = {}
    for n, (k, (grey, i0, j0)) in enumerate(read.items()):
        work.progress(0.3 + 0.5 * n / len(read), f"Threshold on plane {k + 1}")
        du, dv = geometry.spacing_uv
        area = level_area(depth_in_range(grey, low, high), (du, dv), (i0 * du, j0 * dv))
        if not area.is_empty:
            found[k] = area
    if work.other:
        how = combining.Operation.INTERSECTION
        found = with_planes(found, combining.combine(found, work.other, geometry, how, part(work.progress, 0.8, 0.9)))
    if values["volume"] > 0:
        found = with_planes(found, remove_islands(found, geometry, values["volume"], part(work.progress, 0.9, 1.0)))
    return changed(work.areas, found)


def _greatest_within(work: Work, plane: int, grey: np.ndarray, column: int, row: int) -> float:
    """The greatest value of a plane, within the other structure where there is one."""
    inside = np.isfinite(grey)
    if work.other:
        _, rows, columns = work.geometry.shape
        mask = fill_plane(work.other[plane], (rows, columns), work.geometry.spacing_uv)
        inside &= mask[row : row + grey.shape[0], column : column + grey.shape[1]]
    return float(grey[inside].max()) if inside.any() else -np.inf


def _image(values: Values, layers: tuple[Layer, ...]) -> Layer:
    """The image whose values count."""
    shown = [layer for layer in layers if layer.visible]
    return layers[0] if values["image"] == BASE or not shown else shown[-1]


def _unit_of(values: Values, layers: tuple[Layer, ...]) -> str:
    if values["of"] == OF_MAXIMUM:
        return PER_MAXIMUM
    return unit_text(_image(values, layers).volume.units) if layers else ""


def _says(values: Values) -> str:
    return f"{values['low']:g} to {values['high']:g}{' % of the maximum' if values['of'] == OF_MAXIMUM else ''}"


THRESHOLD = Operation(
    "threshold", "Threshold", "Take what lies in a range of values (HU, SUV, or shares of the maximum), everywhere or "
    "within another structure",
    _threshold,
    (
        choice("image", "Image", "topmost", "base", tip="Whose values: the topmost image that is shown, or the base"),
        choice("of", "Range of", "values", "% of the maximum", tip="The maximum within the other structure, or at all"),
        Parameter("low", "From", OF_IMAGE, 150, -100000, 1000000, 2),
        Parameter("high", "To", OF_IMAGE, 3000, -100000, 1000000, 2),
        Parameter("volume", "Pieces from", "cm³", 0.1, 0, 1000, 2, tip="Smaller pieces are left out"),
    ),
    "within", derives=True, other_optional=True, takes_empty=True, reads_image=True, unit_of=_unit_of, says=_says,
)  # fmt: skip
