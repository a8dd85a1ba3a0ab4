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
from engine.volume import Float32Array, FloatArray, Geometry

#: A plane without a contour is named for review when at least so much is expected on it.
_LEAST_MISSING_MM2 = 30.0
#: Logits further than this from a line move it no more; half precision, as maps are kept, tells them apart so far.
_FAR, _TINY = 7.0, 1e-6


@dataclass(frozen=True, eq=False)
class Found:
    """One structure, on the planes of the image.

    Args:
        areas: plane index → polygons, `(u, v)` mm.
        expected_edit: as in `Roi`.
        bands: "inner" and "outer" → areas, where they were asked for.
    """

    areas: Mapping[int, MultiPolygon]
    expected_edit: Mapping[int, float] = field(default_factory=dict)
    bands: Mapping[str, Mapping[int, MultiPolygon]] = field(default_factory=dict)


def found_from_maps(context: Context, maps: Maps, output: Output, progress: Progress) -> Found:
    """Trace one output of a card."""
    began = time.perf_counter()
    raw = maps.map(output.label, output.threshold)
    if raw is None:
        return Found({})
    label_map = processed(output.label, raw, context.card.post, maps.map)
    began = context.timed("post-processing", began)
    image = context.volume.geometry
    if context.card.provenance.imported_from:
        # Other programs interpolate logits, so between two samples the line is where theirs cross.
        values, level = margins(label_map.lead, output.threshold), 0.5
    else:
        values, level = label_map.lead, output.threshold
    areas = trace_probability_volume(values, label_map.geometry, image, level, progress)
    told = context.card.uncertainty.method == "entropy" and maps.tells_doubt
    edits = expected_edits(label_map, areas, image) if told else {}
    bands = _bands(context, label_map, output) if context.card.uncertainty.draw_bands else {}
    context.timed("contours", began)
    return Found(areas, edits, bands)


def margins(lead: Float32Array, level: float) -> Float32Array:
    """How far the logit of `lead` is above that of `level`, within `_FAR` either way, as 0..1 with .5 at the level.

    Between samples it runs straight where a probability would bend, most of all beside one that is sure.
    """
    share = np.clip(lead, _TINY, 1 - _TINY, dtype=np.float32)
    at = min(max(level, _TINY), 1 - _TINY)
    above: Float32Array = np.log(share)
    above -= np.log1p(-share)
    above -= np.float32(np.log(at) - np.log1p(-at))
    np.clip(above, -_FAR, _FAR, out=above)
    above /= 2 * _FAR
    above += 0.5
    return above


def doubtful_area(label_map: Map) -> NDArray[np.float64]:
    """(planes,) mm² that are expected to be wrong on each plane of a map: each voxel's chance to be on the wrong side.

    With calibrated probabilities that chance is the smaller of p and 1 - p.
    """
    p = np.clip(label_map.probability, 0, 1)
    chance = np.where(label_map.mask, 1 - p, p)
    u, v = label_map.geometry.spacing_uv
    return np.asarray(chance.sum(axis=(1, 2), dtype=np.float64) * u * v)


def expected_edits(label_map: Map, areas: Mapping[int, MultiPolygon], image: Geometry) -> dict[int, float]:
    """As `edits_on`, of a map."""
    return edits_on(image, areas, label_map.geometry.positions, doubtful_area(label_map))


def edits_on(
    image: Geometry, areas: Mapping[int, MultiPolygon], positions: FloatArray, doubt: NDArray[np.float64]
) -> dict[int, float]:
    """Plane index of the image → mm² that are expected to be wrong: each plane that is drawn, or may be missing.

    Args:
        image: whose planes are asked for.
        areas: what is drawn on them.
        positions: (samples,) mm along the image's normal, rising.
        doubt: (samples,) mm² that are expected to be wrong there.
    """
    if len(positions) > 1:
        # As the lines, the last samples stand for the half of a step behind them.
        ends = 1.5 * positions[[0, -1]] - 0.5 * positions[[1, -2]]
        positions = np.concatenate([ends[:1], positions, ends[1:]])
        doubt = np.pad(doubt, 1, mode="edge")
    expected = np.interp(image.positions, positions, doubt, left=0.0, right=0.0)
    drawn = {k for k, area in areas.items() if not area.is_empty}
    return {k: float(area) for k, area in enumerate(expected) if k in drawn or area >= _LEAST_MISSING_MM2}


def _bands(context: Context, label_map: Map, output: Output) -> dict[str, Mapping[int, MultiPolygon]]:
    """Contours at the calibrated levels inside and outside of the structure's own."""
    calibration = context.card.uncertainty.calibration
    band = next((b for b in calibration.bands if b.label == output.label), None) if calibration is not None else None
    if band is None:
        context.note(f"{output.name} has no calibrated inner and outer contours in this model.")
        return {}
    geometry = context.volume.geometry
    return {
        "inner": trace_probability_volume(label_map.probability, label_map.geometry, geometry, band.inner),
        "outer": trace_probability_volume(label_map.probability, label_map.geometry, geometry, band.outer),
    }
