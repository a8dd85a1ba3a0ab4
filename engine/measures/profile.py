"""The image's values along a straight line."""

import numpy as np

from engine.measures.measure import Measure, MeasureKind, Value
from engine.resample import values_at
from engine.volume import FloatArray, Volume


def _size(measure: Measure) -> tuple[Value, ...]:
    first, second = measure.points
    return (Value("Length", float(np.linalg.norm(second - first)), "mm"),)


def along(measure: Measure, volume: Volume) -> tuple[FloatArray, FloatArray]:
    """The profile of an image, linear between its voxels.

    Returns:
        (n,) mm from the first point, at least four a voxel; (n,) values there, NaN outside the image.
    """
    first, second = measure.points
    length = float(np.linalg.norm(second - first))
    count = max(2, round(4 * length / min(volume.geometry.spacing_xyz)) + 1)
    share = np.linspace(0.0, 1.0, count)
    return length * share, values_at(volume, first + np.outer(share, second - first))


def _on_image(measure: Measure, volume: Volume) -> tuple[Value, ...]:
    values = along(measure, volume)[1]
    values = values[np.isfinite(values)]
    if not values.size:
        return ()
    return tuple(
        Value(name, float(value), volume.units)
        for name, value in (("Mean", values.mean()), ("Minimum", values.min()), ("Maximum", values.max()))
    )


KIND = MeasureKind("Profile", lambda measure: measure.points, _size, _on_image)
