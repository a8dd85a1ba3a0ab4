"""The kinds of measure: a word, kept with each measure, and one file."""

from engine.measures import angle, distance, ellipse, profile, region
from engine.measures.measure import MeasureKind

KINDS: dict[str, MeasureKind] = {
    "distance": distance.KIND,
    "angle": angle.KIND,
    "ellipse": ellipse.KIND,
    "region": region.KIND,
    "profile": profile.KIND,
}
