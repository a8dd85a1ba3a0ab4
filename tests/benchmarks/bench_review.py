"""The order of review: how much of the true error lies in the planes that the model doubts most.

Needs the test images (PLANIMETER_TEST_DATA, or ../shared/data): OpenKBP's validation cases. PLANIMETER_CASES limits how
many of them are run (10 by default).
"""

import os
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.cards.registry import find_card
from engine.cards.schema import SegmenterNode
from engine.contouring.fill import fill_plane
from engine.inference.run import run_card
from engine.structures import Roi
from engine.training.dataset import DataSet
from engine.training.evaluate import volume_of
from engine.volume import Geometry

CARD = "head-neck-oar"
FIRST = 0.2


def share_in_first(error: NDArray[np.float64], order: NDArray[np.intp], first: float = FIRST) -> float:
    """Share of the summed error in the first planes of an order, at least one; not a number where there is no error.

    Args:
        error: (planes,) of each plane, any unit.
        order: plane indices, those to be seen first in front.
        first: share of the planes that is seen.
    """
    total = float(error.sum())
    seen = max(round(first * len(order)), 1)
    return float(error[order[:seen]].sum()) / total if total > 0 else float("nan")


def plane_errors(roi: Roi, truth: NDArray[np.bool_], geometry: Geometry) -> tuple[list[int], NDArray[np.float64]]:
    """The planes of a structure, and the area (mm²) on each that is drawn wrongly."""
    planes = list(roi.planes)
    pixel = geometry.spacing_uv[0] * geometry.spacing_uv[1]
    wrong = [
        (fill_plane(roi.area(k), geometry.shape[1:], geometry.spacing_uv) ^ truth[k]).sum() * pixel for k in planes
    ]
    return planes, np.array(wrong, dtype=np.float64)


def main() -> None:
    """Compare the order by doubt × area with the best order, the order by area, and chance."""
    here = Path(__file__).resolve().parents[3] / "shared" / "data"
    data = Path(os.environ.get("PLANIMETER_TEST_DATA", here)) / "openkbp" / "validation"
    if not data.is_dir():
        print(f"No images in {data}; set PLANIMETER_TEST_DATA.")
        return
    loaded = find_card(CARD)
    node = next(node for node in loaded.card.graph if isinstance(node, SegmenterNode))
    dataset = DataSet(data, list(node.params.labels))
    names = dataset.names[: int(os.environ.get("PLANIMETER_CASES", "10"))]
    shares: dict[str, list[tuple[float, float, float, float]]] = {}
    for name in names:
        case = dataset.read(name)
        volume = volume_of(case)
        for roi in run_card(loaded, volume).rois:
            index = dataset.structures.index(roi.name)
            if not case.contoured[index] or len(roi.planes) < 5:
                continue
            planes, error = plane_errors(roi, case.labels == index + 1, volume.geometry)
            if not error.any():
                continue
            area = np.array([roi.area(k).area for k in planes])
            doubt = np.array([roi.uncertainty.get(k, 0.0) for k in planes])
            ranks = [doubt * area, error, area]
            by = [share_in_first(error, np.argsort(-rank, kind="stable")) for rank in ranks]
            chance = max(round(FIRST * len(planes)), 1) / len(planes)
            shares.setdefault(roi.name, []).append((by[0], by[1], by[2], chance))
    print(
        f"{CARD}, {len(names)} validation cases: share of the wrong area in the first {FIRST:.0%} of the drawn planes"
    )
    print(f"{'':16}{'n':>4}{'by doubt':>10}{'best':>8}{'by area':>9}{'chance':>8}")
    every = [row for rows in shares.values() for row in rows]
    for name, rows in [*shares.items(), ("all", every)]:
        doubt_, best, area_, chance = np.mean(rows, axis=0)
        print(f"{name:16}{len(rows):4}{doubt_:10.2f}{best:8.2f}{area_:9.2f}{chance:8.2f}")
