"""The patient in an image, without couch, head rest, mask and tubes, by classic operations. Imports no torch.

What belongs to the patient is decided on a coarse copy (about 3 mm); where the line runs, on the image itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray
from shapely import MultiPolygon

from engine.contouring.trace import trace_mask_volume
from engine.progress import Progress, part, silent
from engine.volume import Geometry, Volume

BoolArray = NDArray[np.bool_]

#: Skin against air, HU: half-way between −1000 and 0, where half of a voxel is tissue.
SKIN_HU = -500.0
#: On the coarse copy a voxel belongs to something solid above this; foams and blankets stay below.
_SOLID_HU = -350.0
_COARSE_MM = 3.0
#: Sheets thinner than twice this are cut off: couch shells, masks, tubes.
_OPENING_MM = 4.5
#: Openings of airways narrower than twice this are closed before cavities are filled.
_CLOSING_MM = 9.0
_SLAB_PLANES = 16


@dataclass(frozen=True, eq=False)
class Body:
    """The patient, coarsely, with what is needed to find the line in the image.

    Args:
        coarse: (planes, rows, columns) of blocks of the image; cavities filled.
        factors: image planes, rows and columns in a block.
        level: value between air and skin, in the image's units.
        shape: of the image.
    """

    coarse: BoolArray
    factors: tuple[int, int, int]
    level: float
    shape: tuple[int, int, int]

    def near(self, start: int, stop: int) -> BoolArray:
        """(planes, rows, columns) of image planes `start`..`stop`: the patient and up to a block around."""
        return self._fine(self._around, start, stop)

    @cached_property
    def _around(self) -> BoolArray:
        return _grown(self.coarse, 1)

    def box(self) -> tuple[slice, slice, slice]:
        """The box around the patient, in image voxels; the whole image where there is none."""
        slices = []
        for axis in range(3):
            used = np.flatnonzero(self.coarse.any(axis=tuple(other for other in range(3) if other != axis)))
            size, factor = self.shape[axis], self.factors[axis]
            first, last = (int(used[0]), int(used[-1]) + 1) if len(used) else (0, size)
            slices.append(slice(first * factor, min(last * factor, size)))
        return slices[0], slices[1], slices[2]

    def _fine(self, coarse: BoolArray, start: int, stop: int) -> BoolArray:
        fk, fj, fi = self.factors
        planes = np.minimum(np.arange(start, stop) // fk, coarse.shape[0] - 1)
        fine = coarse[planes].repeat(fj, axis=1).repeat(fi, axis=2)
        return np.asarray(fine[:, : self.shape[1], : self.shape[2]])


def find_body(
    volume: Volume,
    pieces: int = 1,
    least_cm3: float = 50.0,
    progress: Progress = silent,
    *,
    generous: bool = False,
) -> Body:
    """Find the patient.

    Args:
        volume: CT in HU, or an image whose air is darker than tissue.
        pieces: how many of the largest pieces count as the patient.
        least_cm3: smaller pieces never do.
        progress: reports and may stop.
        generous: keep loose pieces in line with the largest along the patient, whatever `pieces`; and in an image that
            somebody has masked already (its air is one value) all that was left, thin parts too, but for a couch.
    """
    factors = _factors(volume.geometry)
    progress(0.0, "Finding the body")
    small = _block_mean(volume.voxels, factors)
    is_ct = volume.units == "HU" or volume.modality == "CT"
    level = SKIN_HU if is_ct else _air_level(small)
    solid = small > (_SOLID_HU if is_ct else level)
    spacing = tuple(
        float(step * factor) for step, factor in zip(reversed(volume.geometry.spacing_xyz), factors, strict=True)
    )
    progress(0.3, "Finding the body")
    patient = _without_couch(solid, volume.geometry, spacing)
    if generous and _is_masked(volume.voxels):
        kept = _in_line(patient, spacing, large=0.2)
    else:
        opened = _opened(patient, spacing, _OPENING_MM)
        least = least_cm3 * 1000 / float(np.prod(spacing))
        kept = _in_line(opened, spacing, large=1.0) if generous else _largest(opened, pieces, least)
        # The opening rounds off corners of the body itself; one block of them comes back, thin sheets do not.
        kept = _grown(kept, 1) & patient
    progress(0.6, "Finding the body")
    filled = _cavities_filled(kept, spacing)
    progress(1.0, "Finding the body")
    return Body(filled, factors, level, volume.voxels.shape)


def outline(
    volume: Volume, air: str = "filled", pieces: int = 1, least_cm3: float = 50.0, progress: Progress = silent
) -> dict[int, MultiPolygon]:
    """Polygons of the patient on each plane of the image.

    Args:
        volume: as for `find_body`.
        air: "filled" draws the outline alone; "kept" leaves the air inside as holes.
        pieces, least_cm3: as for `find_body`.
        progress: reports and may stop.
    """
    body = find_body(volume, pieces, least_cm3, part(progress, 0.0, 0.4))
    areas: dict[int, MultiPolygon] = {}
    for start, mask in _fine_slabs(volume, body, air):
        progress(0.4 + 0.6 * start / volume.voxels.shape[0], "Drawing the body outline")
        geometry = _planes_of(volume.geometry, start, start + mask.shape[0])
        areas |= {start + k: area for k, area in trace_mask_volume(mask, geometry).items()}
    progress(1.0, "Drawing the body outline")
    return areas


def _fine_slabs(volume: Volume, body: Body, air: str) -> Iterator[tuple[int, BoolArray]]:
    """(first plane, mask at the image's own resolution), a few planes at a time."""
    planes = volume.voxels.shape[0]
    outer, inner = _grown(body.coarse, 1), _shrunk(body.coarse, 1)
    rows, columns = body.box()[1:]
    box = (
        slice(max(rows.start - 2 * body.factors[1], 0), rows.stop + 2 * body.factors[1]),
        slice(max(columns.start - 2 * body.factors[2], 0), columns.stop + 2 * body.factors[2]),
    )
    for start in range(0, planes, _SLAB_PLANES):
        stop = min(start + _SLAB_PLANES, planes)
        mask = np.zeros((stop - start, *volume.voxels.shape[1:]), np.bool_)
        around = body._fine(outer, start, stop)[:, *box]
        if around.any():
            dense = volume.voxels[start:stop, *box] > body.level
            core = body._fine(inner, start, stop)[:, *box]
            # Filling a plane would also fill the gap between an arm and the chest, which the coarse copy knows about.
            whole = _planes_cleaned(core | (dense & around), volume.geometry) & around
            mask[:, *box] = whole & dense if air == "kept" else whole
        yield start, mask


def _planes_cleaned(mask: BoolArray, geometry: Geometry) -> BoolArray:
    """Planes without specks, with their holes filled."""
    # A line of single voxels may tie a mask or tube to the skin.
    opened = sitk.BinaryMorphologicalOpening(sitk.GetImageFromArray(mask.astype(np.uint8)), [1, 1, 0])
    labels = sitk.RelabelComponent(
        sitk.ConnectedComponent(sitk.GetImageFromArray(_apart(sitk.GetArrayFromImage(opened)))),
        minimumObjectSize=_speck(geometry.spacing_uv),
    )
    return _planes_filled(sitk.GetArrayFromImage(labels)[::2] > 0)


def _apart(planes: NDArray[Any]) -> NDArray[np.uint8]:
    """Planes with an empty one behind each, so that what is connected is so within a plane."""
    out = np.zeros((2 * planes.shape[0], *planes.shape[1:]), np.uint8)
    out[::2] = planes
    return out


def _speck(spacing_uv: tuple[float, float]) -> int:
    return max(int(25.0 / (spacing_uv[0] * spacing_uv[1])), 1)


def _factors(geometry: Geometry) -> tuple[int, int, int]:
    columns, rows = (max(round(_COARSE_MM / step), 1) for step in geometry.spacing_uv)
    return max(round(_COARSE_MM / geometry.mean_spacing), 1), rows, columns


def _block_mean(voxels: NDArray[Any], factors: tuple[int, int, int]) -> NDArray[np.float32]:
    """Means of blocks; incomplete blocks at the ends repeat their last voxel."""
    fk, fj, fi = factors
    planes = -(-voxels.shape[0] // fk)
    rows, columns = -(-voxels.shape[1] // fj), -(-voxels.shape[2] // fi)
    out = np.empty((planes, rows, columns), np.float32)
    pad = ((0, 0), (0, rows * fj - voxels.shape[1]), (0, columns * fi - voxels.shape[2]))
    for k in range(planes):
        slab = np.pad(voxels[k * fk : (k + 1) * fk], pad, mode="edge")
        # Padding at −3024 would outweigh the tissue in its block.
        block = slab.astype(np.float32).clip(-1024, None) if voxels.dtype != np.bool_ else slab
        out[k] = block.reshape(block.shape[0], rows, fj, columns, fi).mean(axis=(0, 2, 4))
    return out


def _air_level(small: NDArray[np.float32]) -> float:
    """Value between air and tissue of an image without units.

    Li's minimum cross entropy suits a dark background with faint noise and tissue of many brightnesses.
    """
    top = float(np.percentile(small, 99.5))
    clipped = np.clip(small, None, top)
    if clipped.max() <= clipped.min():
        return float(clipped.min()) - 1.0
    level_filter = sitk.LiThresholdImageFilter()
    level_filter.SetInsideValue(0)
    level_filter.SetOutsideValue(1)
    level_filter.Execute(sitk.GetImageFromArray(clipped))
    level = float(level_filter.GetThreshold())
    dark = clipped[clipped <= level]
    # Air's noise is Rayleigh: a few times its mean lies above all of it, and below dim muscle.
    return min(level, max(3.5 * float(np.median(dark)), 0.35 * level)) if len(dark) else level


def _without_couch(solid: BoolArray, geometry: Geometry, spacing: tuple[float, ...]) -> BoolArray:
    """`solid` without what lies below a flat couch top, where there is one behind the patient.

    A thick plate on which the patient lies can't be told from the back by its density; but it goes on to both sides
    of the patient with a level top, on most planes.
    """
    vertical = 1 if abs(geometry.column_direction[1]) > 0.9 else 0
    if not vertical or abs(geometry.row_direction[0]) < 0.9 or solid.shape[0] < 3:
        return solid
    down = solid if geometry.column_direction[1] > 0 else solid[:, ::-1]
    top = _couch_top(down, spacing)
    if top is None:
        return solid
    cut = down.copy()
    cut[:, top:] = False
    return cut if geometry.column_direction[1] > 0 else cut[:, ::-1]


def _couch_top(down: BoolArray, spacing: tuple[float, ...]) -> int | None:
    """Row of the couch's top; rows rise towards the back. None where no level plate is found."""
    columns = down.shape[2]
    # A couch is the same on all planes; a patient is not.
    steady = down.mean(axis=0) > 0.8
    if not steady.any():
        return None
    least = round(100.0 / spacing[2])
    thick = round(70.0 / spacing[1])
    tops: dict[int, int] = {}
    for column in np.flatnonzero(steady.any(axis=0)):
        last = int(np.flatnonzero(steady[:, column])[-1])
        gaps = np.flatnonzero(~steady[: last + 1, column])
        top = int(gaps[-1]) + 1 if len(gaps) else 0
        if last - top + 1 <= thick and top > 0:
            tops[int(column)] = top
    if len(tops) < least:
        return None
    values = np.array(list(tops.values()))
    level = int(np.median(values))
    flat = np.array([column for column, top in tops.items() if abs(top - level) <= 1])
    lower_half = np.flatnonzero(down.any(axis=(0, 2)))
    on_both_sides = len(flat) and flat.min() < columns / 2 - least / 4 and flat.max() > columns / 2 + least / 4
    if len(flat) < least or not on_both_sides or level < lower_half.mean():
        return None
    return level


def _is_masked(voxels: NDArray[Any]) -> bool:
    """True when nearly all of the air has one value: a scanner's air is noisy."""
    sample = voxels[:: max(voxels.shape[0] // 32, 1), ::2, ::2]
    air = sample[sample < -900]
    if not len(air):
        return False
    return bool(np.count_nonzero(air == air.min()) > 0.95 * len(air))


def _in_line(solid: BoolArray, spacing: tuple[float, ...], large: float) -> BoolArray:
    """The largest piece, those that lie in line with it along the patient, and those above a share `large` of it."""
    if not solid.any():
        return solid
    labels = sitk.RelabelComponent(sitk.ConnectedComponent(sitk.GetImageFromArray(solid.astype(np.uint8)), True))
    numbers = sitk.GetArrayFromImage(labels)
    shadow = _grown((numbers == 1).any(axis=0, keepdims=True), round(15.0 / spacing[1]))[0]
    sizes = np.bincount(numbers.ravel())
    within = np.bincount(numbers[:, shadow].ravel(), minlength=len(sizes))
    keep = (within > 0.7 * sizes) | (sizes >= large * sizes[1])
    keep[0] = False
    return np.asarray(keep[numbers])


def _largest(mask: BoolArray, pieces: int, least_voxels: float) -> BoolArray:
    if not mask.any():
        return mask
    labels = sitk.RelabelComponent(sitk.ConnectedComponent(sitk.GetImageFromArray(mask.astype(np.uint8))))
    found = sitk.GetArrayFromImage(labels)
    sizes = np.bincount(found.ravel())[1 : pieces + 1]
    keep = int(np.count_nonzero(sizes >= least_voxels))
    # A small image may hold no piece as large; then its largest piece is the patient.
    return np.asarray((found > 0) & (found <= max(keep, 1)))


def _opened(mask: BoolArray, spacing: tuple[float, ...], radius_mm: float) -> BoolArray:
    """Opening in the planes and across them; the body goes on beyond the image's edges."""
    return _morphology(mask, spacing, radius_mm, sitk.BinaryErode, sitk.BinaryDilate)


def _cavities_filled(mask: BoolArray, spacing: tuple[float, ...]) -> BoolArray:
    """`mask` with the air that it encloses on its planes, airways with narrow openings included."""
    closed = _morphology(mask, spacing, _CLOSING_MM, sitk.BinaryDilate, sitk.BinaryErode) | mask
    whole = _planes_filled(closed)
    cavities = _enclosed(whole & ~closed, whole)
    # The closing has narrowed the cavities from all sides; they get that back, but only inside the body.
    reach = [round(_CLOSING_MM / step) + 1 for step in reversed(spacing)]
    near = sitk.BinaryDilate(sitk.GetImageFromArray(cavities.astype(np.uint8)), reach, sitk.sitkBall)
    small = _enclosed(_planes_filled(mask) & ~mask, whole)
    return np.asarray(mask | small | (sitk.GetArrayFromImage(near).astype(np.bool_) & whole))


def _planes_filled(mask: BoolArray) -> BoolArray:
    """`mask` with the holes of each plane filled."""
    around = _apart(~np.pad(mask, ((0, 0), (1, 1), (1, 1))))
    labels = sitk.GetArrayFromImage(sitk.ConnectedComponent(sitk.GetImageFromArray(around)))[::2]
    outside = labels == labels[:, :1, :1]
    return np.asarray(~outside[:, 1:-1, 1:-1])


def _enclosed(holes: BoolArray, whole: BoolArray) -> BoolArray:
    """`holes` without those that are only a ring's inside, such as the gap between an arm and the chest.

    Such a gap goes over into the open air above or below with about its whole cross-section; an airway, if at all,
    with a small part of it.
    """
    if not holes.any():
        return holes
    labels = sitk.GetArrayFromImage(sitk.ConnectedComponent(sitk.GetImageFromArray(holes.astype(np.uint8)), True))
    count = int(labels.max()) + 1
    widest = np.max([np.bincount(plane.ravel(), minlength=count) for plane in labels], axis=0)
    opening = np.zeros(count, np.intp)
    # Where the patient ends, so does the image of the airway.
    inside = whole | ~whole.any(axis=(1, 2), keepdims=True)
    for plane, beside in ((labels[:-1], inside[1:]), (labels[1:], inside[:-1])):
        opening += np.bincount(plane[~beside], minlength=count)
    enclosed = opening <= 0.3 * widest
    enclosed[0] = False
    return np.asarray(enclosed[labels])


def _morphology(mask: BoolArray, spacing: tuple[float, ...], radius_mm: float, first: Any, then: Any) -> BoolArray:
    radius = [round(radius_mm / step) for step in reversed(spacing)]
    # One plane, or few, are all the same patient: nothing is to be eroded from the ends.
    pad = [(r, r) for r in reversed(radius)]
    image = sitk.GetImageFromArray(np.pad(mask, pad, mode="edge").astype(np.uint8))
    done = sitk.GetArrayFromImage(then(first(image, radius, sitk.sitkBall), radius, sitk.sitkBall))
    core = tuple(slice(r, r + size) for r, size in zip(reversed(radius), mask.shape, strict=True))
    return np.asarray(done[core]).astype(np.bool_)


def _grown(mask: BoolArray, steps: int) -> BoolArray:
    return sitk.GetArrayFromImage(
        sitk.BinaryDilate(sitk.GetImageFromArray(mask.astype(np.uint8)), [steps] * 3, sitk.sitkBall)
    ).astype(np.bool_)


def _shrunk(mask: BoolArray, steps: int) -> BoolArray:
    image = sitk.GetImageFromArray(np.pad(mask, steps, mode="edge").astype(np.uint8))
    core = (slice(steps, -steps),) * 3
    return sitk.GetArrayFromImage(sitk.BinaryErode(image, [steps] * 3, sitk.sitkBall))[core].astype(np.bool_)


def _planes_of(geometry: Geometry, start: int, stop: int) -> Geometry:
    """The part of `geometry` from plane `start` to `stop`."""
    return Geometry(
        geometry.origins_lps[start:stop],
        geometry.row_direction,
        geometry.column_direction,
        geometry.spacing_uv,
        (stop - start, *geometry.shape[1:]),
        geometry.plane_spacing,
    )
