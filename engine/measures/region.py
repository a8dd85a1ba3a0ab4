"""A closed line drawn by hand: area, length around, and the image's values in it."""

import numpy as np
import shapely

from engine.measures.inside import values_inside
from engine.measures.measure import Measure, MeasureKind, Value
from engine.measures.statistics import statistics
from engine.volume import FloatArray, Volume


def outline(measure: Measure) -> FloatArray:
    """(n, 3) LPS mm around it, closed."""
    return np.concatenate([measure.points, measure.points[:1]])


def _size(measure: Measure) -> tuple[Value, ...]:
    # Where the line crosses itself, what it goes round twice counts once, as for the values inside.
    flat = (measure.points - measure.points[0]) @ measure.axes.T
    area = shapely.make_valid(shapely.polygons(flat)).area
    around = float(np.linalg.norm(np.diff(outline(measure), axis=0), axis=1).sum())
    return Value("Area", float(area), "mm²"), Value("Perimeter", around, "mm")


def _on_image(measure: Measure, volume: Volume) -> tuple[Value, ...]:
    return statistics(values_inside(measure, outline(measure), volume), volume)


KIND = MeasureKind("Region", outline, _size, _on_image)
