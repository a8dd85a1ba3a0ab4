"""What a structure amounts to: its size and extent, and the grey values inside it on any image of its patient."""

import numpy as np
import shapely

from engine.contouring.fill import fill_plane
from engine.contouring.islands import components
from engine.contouring.section import plane_heights
from engine.measures.inside import Inside
from engine.measures.measure import Value
from engine.measures.statistics import statistics
from engine.progress import Progress, silent
from engine.structures import Roi
from engine.transform import Transform
from engine.volume import Geometry, Volume


def sizes(roi: Roi, geometry: Geometry) -> tuple[Value, ...]:
    """Volume, planes and pieces of a structure with an area, and how far its contours reach along the patient's axes.

    Args:
        roi: on the planes of `geometry`; on a picture its area stands for the volume.
    """
    drawn = {plane: contours.area for plane, contours in roi.planes.items() if not contours.area.is_empty}
    size = Value("Volume" if geometry.in_patient else "Area", roi.size(geometry), geometry.size_unit)
    if not geometry.in_patient:
        return size, Value("Pieces", float(sum(len(area.geoms) for area in drawn.values())))
    points = np.concatenate(
        [geometry.lps_from_plane(plane, shapely.get_coordinates(area)) for plane, area in drawn.items()]
    )
    reach = points.max(axis=0) - points.min(axis=0)
    # Half a plane belongs to it beyond the first and the last.
    thickness = np.abs(geometry.normal) * (geometry.plane_thickness[min(drawn)] + geometry.plane_thickness[max(drawn)])
    reach = reach + thickness / 2
    return (
        size,
        Value("Planes", float(len(drawn))),
        Value("Pieces in space", float(len(components(drawn, geometry)))),
        *(
            Value(name, float(value), "mm")
            for name, value in zip(("Right to left", "Front to back", "Feet to head"), reach, strict=True)
        ),
    )


def greys(
    roi: Roi, geometry: Geometry, volume: Volume, transform: Transform, progress: Progress = silent
) -> tuple[Value, ...]:
    """Mean, SD, extremes and, of a PET in SUV, SUVpeak of the voxels of an image whose centres lie in a structure.

    A structure lies half a plane's thickness to both sides of its planes, so that of another image the voxels between
    them count too.

    Args:
        roi: on the planes of `geometry`.
        volume: any image; colours have no values of one unit.
        transform: from the volume's frame of reference to that of `geometry`.
        progress: reports and may stop.
    """
    if volume.is_colour:
        return ()
    own = volume.geometry.same_grid(geometry) and transform.is_identity
    index = (
        _on_own_planes(roi, geometry, progress) if own else voxels_inside(roi, geometry, volume, transform, progress)
    )
    values = np.asarray(volume.grey(volume.voxels[tuple(index.T)]), dtype=np.float64)
    return statistics(Inside(index, values), volume)


def _on_own_planes(roi: Roi, geometry: Geometry, progress: Progress) -> np.ndarray:
    parts = [np.empty((0, 3), dtype=np.int64)]
    for done, (plane, contours) in enumerate(roi.planes.items()):
        progress(done / len(roi.planes), "Reading the voxels inside")
        inside = np.argwhere(fill_plane(contours.area, geometry.shape[1:], geometry.spacing_uv))
        parts.append(np.insert(inside, 0, plane, axis=1))
    return np.concatenate(parts)


def voxels_inside(
    roi: Roi, geometry: Geometry, volume: Volume, transform: Transform, progress: Progress = silent
) -> np.ndarray:
    """(N, 3) indices (plane, row, column) of the voxels of `volume` whose centres lie in a structure of another image.

    Args:
        roi: the structure.
        geometry: of the image that it is drawn on.
        volume: any image.
        transform: from the frame of reference of `volume` to that of `geometry`.
        progress: reports and may stop.
    """
    parts = [np.empty((0, 3), dtype=np.int64)]
    back, heights = transform.inverse(), plane_heights(geometry)
    last = np.array(volume.geometry.shape) - 1
    for done, (plane, contours) in enumerate(roi.planes.items()):
        progress(done / len(roi.planes), "Reading the voxels inside")
        if contours.area.is_empty:
            continue
        u0, v0, u1, v1 = contours.area.bounds
        lower, upper = heights.low[plane], heights.high[plane]
        corners = geometry.lps_from_plane(plane, [(u0, v0), (u1, v0), (u0, v1), (u1, v1)])
        ends = [corners + (end - heights.centre[plane]) * geometry.normal for end in (lower, upper)]
        box = volume.geometry.kji_from_lps(back.apply(np.concatenate(ends)))
        low = np.clip(np.floor(box.min(axis=0)).astype(int), 0, last + 1)
        high = np.clip(np.ceil(box.max(axis=0)).astype(int), -1, last)
        index = np.indices(np.maximum(high - low + 1, 0)).reshape(3, -1).T + low
        if not len(index):
            continue
        points = transform.apply(volume.geometry.lps_from_kji(index))
        # A voxel half-way between two planes belongs to one of them alone.
        height = (points - geometry.origins_lps[0]) @ geometry.normal
        near = (height >= lower) & (height < upper)
        index, points = index[near], points[near]
        u, v = geometry.plane_from_lps(plane, points).T
        shapely.prepare(contours.area)
        parts.append(index[shapely.contains_xy(contours.area, u, v)])
    return np.concatenate(parts)
