"""From a structure's probability map to contours at the image's own resolution, and to figures of doubt."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from shapely import MultiPolygon

from engine.cards.schema import Output
from engine.contouring.trace import trace_probability_volume
from engine.inference.context import Context
from engine.inference.maps import Map, Maps, processed
from engine.progress import Progress
from engine.volume import Geometry


@dataclass(frozen=True, eq=False)
class Found:
    """One structure, on the planes of the image.

    Args:
        areas: plane index → polygons, `(u, v)` mm.
        doubt: plane index → expected share of the plane's area that is wrong, 0..1.
        bands: "inner" and "outer" → areas, where they were asked for.
    """

    areas: Mapping[int, MultiPolygon]
    doubt: Mapping[int, float] = field(default_factory=dict)
    bands: Mapping[str, Mapping[int, MultiPolygon]] = field(default_factory=dict)


def found_from_maps(context: Context, maps: Maps, output: Output, progress: Progress) -> Found:
    """Trace one output of a card."""
    began = time.perf_counter()
    one = maps.map(output.label, output.threshold)
    if one is None:
        return Found({})
    one = processed(output.label, one, context.card.post, maps.map)
    began = context.timed("post-processing", began)
    image = context.volume.geometry
    areas = trace_probability_volume(one.lead, one.geometry, image, output.threshold, progress)
    doubt = {}
    if context.card.uncertainty.method == "entropy":
        doubt = doubt_of_planes(one, areas, image)
    bands = _bands(context, one, output) if context.options.bands else {}
    context.timed("contours", began)
    return Found(areas, doubt, bands)


def doubtful_area(one: Map) -> NDArray[np.float64]:
    """(planes,) mm² that are expected to be wrong on each plane of a map: each voxel's chance to be on the wrong side.

    With calibrated probabilities that chance is the smaller of p and 1 - p.
    """
    p = np.clip(one.probability, 0, 1)
    chance = np.where(one.mask, 1 - p, p)
    u, v = one.geometry.spacing_uv
    return np.asarray(chance.sum(axis=(1, 2), dtype=np.float64) * u * v)


def doubt_of_planes(one: Map, areas: Mapping[int, MultiPolygon], image: Geometry) -> dict[int, float]:
    """Plane index of the image → expected share of its area that is wrong, 0..1, for each plane with an area."""
    doubtful = doubtful_area(one)
    positions = one.geometry.positions
    doubt = {}
    for k, area in areas.items():
        if not area.is_empty:
            here = float(np.interp(image.positions[k], positions, doubtful))
            doubt[k] = float(min(here / max(area.area, 1e-6), 1.0))
    return doubt


def _bands(context: Context, one: Map, output: Output) -> dict[str, Mapping[int, MultiPolygon]]:
    """Contours at the calibrated levels inside and outside of the structure's own."""
    calibration = context.card.uncertainty.calibration
    band = next((b for b in calibration.bands if b.label == output.label), None) if calibration is not None else None
    if band is None:
        context.note(f"{output.name} has no calibrated inner and outer contours in this model.")
        return {}
    geometry = context.volume.geometry
    return {
        "inner": trace_probability_volume(one.probability, one.geometry, geometry, band.inner),
        "outer": trace_probability_volume(one.probability, one.geometry, geometry, band.outer),
    }
