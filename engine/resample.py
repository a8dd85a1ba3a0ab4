"""Resampling of volumes whose planes are tilted or unevenly spaced onto a rectangular grid."""

import dataclasses

import numpy as np

from engine.volume import Geometry, Volume


def regular_geometry(geometry: Geometry) -> Geometry:
    """The smallest rectangular grid with the in-plane spacing and smallest gap of `geometry` that covers it."""
    gaps = np.diff(geometry.positions)
    step = float(gaps.min()) if len(gaps) else geometry.slice_thickness
    offsets = geometry.origins_lps - geometry.origins_lps[0]
    u, v = offsets @ geometry.row_direction, offsets @ geometry.column_direction
    du, dv = geometry.spacing_uv
    origin = geometry.origins_lps[0] + u.min() * geometry.row_direction + v.min() * geometry.column_direction
    extent = geometry.positions[-1] - geometry.positions[0]
    shape = (
        int(np.ceil(extent / step - 1e-6)) + 1,
        geometry.shape[1] + int(np.ceil((v.max() - v.min()) / dv - 1e-6)),
        geometry.shape[2] + int(np.ceil((u.max() - u.min()) / du - 1e-6)),
    )
    return Geometry.regular(origin, geometry.directions, (du, dv, step), shape)


def onto_regular_grid(volume: Volume) -> Volume:
    """`volume` on `regular_geometry(volume.geometry)`, linear within and between its real planes.

    A volume whose planes are regular is returned as it is. Outside the acquired field the value is the minimum of the
    volume. The type of the voxels is kept. Contours never live on this grid.
    """
    if volume.geometry.is_regular:
        return volume
    source = volume.geometry
    target = regular_geometry(source)
    background = volume.voxels.min()
    out = np.full(target.shape, background, dtype=volume.voxels.dtype)
    for k in range(target.shape[0]):
        position = min(max(target.positions[k], source.positions[0]), source.positions[-1])
        upper = int(np.clip(np.searchsorted(source.positions, position), 1, max(source.shape[0] - 1, 1)))
        upper = min(upper, source.shape[0] - 1)
        lower = max(upper - 1, 0)
        gap = source.positions[upper] - source.positions[lower]
        weight = float((position - source.positions[lower]) / gap) if gap > 0 else 0.0
        # Tilted planes are shifted against each other, so each is first moved to where it really is.
        low = _shifted(volume, lower, target)
        plane = low if weight == 0 else (1 - weight) * low + weight * _shifted(volume, upper, target)
        plane = np.where(np.isnan(plane), background, plane)
        out[k] = np.rint(plane) if np.issubdtype(out.dtype, np.integer) else plane
    note = "The planes are unevenly spaced or tilted: shown on a resampled grid; contours stay on the real planes."
    return dataclasses.replace(volume, voxels=out, geometry=target, instances=(), notes=(*volume.notes, note))


def _shifted(volume: Volume, plane: int, target: Geometry) -> np.ndarray:
    """Plane `plane` of `volume` on the rows and columns of `target`, linear, float64, NaN outside its field."""
    source = volume.geometry
    offset = source.origins_lps[plane] - target.origins_lps[0]
    rows = np.arange(target.shape[1]) - float(offset @ source.column_direction) / source.spacing_uv[1]
    columns = np.arange(target.shape[2]) - float(offset @ source.row_direction) / source.spacing_uv[0]
    image = volume.voxels[plane].astype(np.float64)
    return _sample_axis(_sample_axis(image, rows, 0), columns, 1)


def _sample_axis(image: np.ndarray, index: np.ndarray, axis: int) -> np.ndarray:
    size = image.shape[axis]
    index = np.where(np.abs(index - np.rint(index)) < 1e-6, np.rint(index), index)
    lower = np.clip(np.floor(index).astype(int), 0, size - 1)
    upper = np.clip(lower + 1, 0, size - 1)
    shape = [1, 1]
    shape[axis] = -1
    weight = (index - np.floor(index)).reshape(shape)
    out = (1 - weight) * np.take(image, lower, axis) + weight * np.take(image, upper, axis)
    outside = ((index < 0) | (index > size - 1)).reshape(shape)
    return np.where(outside, np.nan, out)
