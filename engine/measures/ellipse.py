"""An ellipse by its centre and the ends of its two half axes: its area, and the image's values in it."""

import numpy as np

from engine.measures.inside import values_inside
from engine.measures.measure import Measure, MeasureKind, Value
from engine.measures.statistics import statistics
from engine.volume import FloatArray, Volume

_ANGLES = np.linspace(0.0, 2 * np.pi, 97)


def outline(measure: Measure) -> FloatArray:
    """(n, 3) LPS mm around it, closed."""
    centre, first, second = measure.points
    return np.asarray(centre + np.outer(np.cos(_ANGLES), first - centre) + np.outer(np.sin(_ANGLES), second - centre))


def _size(measure: Measure) -> tuple[Value, ...]:
    centre, first, second = measure.points
    lengths = sorted((float(np.linalg.norm(end - centre)) * 2 for end in (first, second)), reverse=True)
    area = np.pi * float(np.linalg.norm(np.cross(first - centre, second - centre)))
    return Value("Area", area, "mm²"), Value("Long axis", lengths[0], "mm"), Value("Short axis", lengths[1], "mm")


def _on_image(measure: Measure, volume: Volume) -> tuple[Value, ...]:
    return statistics(values_inside(measure, outline(measure), volume), volume)


KIND = MeasureKind("Ellipse", outline, _size, _on_image)
