"""Distance between two points."""

import numpy as np

from engine.measures.measure import Measure, MeasureKind, Value


def _size(measure: Measure) -> tuple[Value, ...]:
    first, second = measure.points
    return (Value("Length", float(np.linalg.norm(second - first)), "mm"),)


KIND = MeasureKind("Distance", lambda measure: measure.points, _size)
