"""Angle between two legs that meet in the second of three points."""

import numpy as np

from engine.measures.measure import Measure, MeasureKind, Value


def _size(measure: Measure) -> tuple[Value, ...]:
    first, corner, last = measure.points
    one_leg, other_leg = first - corner, last - corner
    # By the tangent: the cosine alone would lose the digits of small angles.
    turn = np.arctan2(np.linalg.norm(np.cross(one_leg, other_leg)), one_leg @ other_leg)
    return (Value("Angle", float(np.degrees(turn)), "°"),)


KIND = MeasureKind("Angle", lambda measure: measure.points, _size)
