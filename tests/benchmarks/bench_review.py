"""The order of review: how much of the true error lies in the planes that the model doubts most.

Needs the test images (PLANIMETER_TEST_DATA, or ../shared/data): OpenKBP's validation cases. PLANIMETER_CASES limits how
many of them are run.
"""

import os
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.cards.registry import find_card
from engine.cards.roles import only_input
from engine.contouring.fill import fill_plane
from engine.inference.run import run_card
from engine.structures import Roi
from engine.training.case import volume_of
from engine.training.nnunet_set import DataSet
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


def plane_errors(roi: Roi, truth: NDArray[np.bool_], geometry: Geometry) -> NDArray[np.float64]:
    """(planes,) mm² of each plane of the image that are drawn wrongly, or not drawn and should be."""
    pixel = geometry.spacing_uv[0] * geometry.spacing_uv[1]
    wrong = [
        (fill_plane(roi.area(k), geometry.shape[1:], geometry.spacing_uv) ^ truth[k]).sum() * pixel
        for k in range(geometry.shape[0])
    ]
    return np.array(wrong, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Items:
    """Contours to look at, an element each: the wrong area, what was expected, and the area drawn; all in mm²."""

    error: NDArray[np.float64]
    expected: NDArray[np.float64]
    area: NDArray[np.float64]

    @classmethod
    def of(cls, roi: Roi, error: NDArray[np.float64]) -> "Items":
        """One structure's: all planes on which something is drawn, wrong, or expected to be missing."""
        expected = np.array([roi.expected_edit.get(k, 0.0) for k in range(len(error))])
        area = np.array([roi.area(k).area for k in range(len(error))])
        used = (error > 0) | (expected > 0) | (area > 0)
        return cls(error[used], expected[used], area[used])

    def shares(self) -> tuple[float, float, float, float]:
        """Of the wrong area, in the first planes: as expected, at best, by area, and by chance."""
        by = [share_in_first(self.error, np.argsort(-rank, kind="stable")) for rank in
              (self.expected, self.error, self.area)]  # fmt: skip
        return by[0], by[1], by[2], max(round(FIRST * len(self.error)), 1) / len(self.error)


def main() -> None:
    """Compare the order of the review queue with the best order, the order by area, and chance."""
    here = Path(__file__).resolve().parents[3] / "shared" / "data"
    data = Path(os.environ.get("PLANIMETER_TEST_DATA", here)) / "openkbp" / "validation"
    if not data.is_dir():
        print(f"No images in {data}; set PLANIMETER_TEST_DATA.")
        return
    loaded = find_card(CARD)
    dataset = DataSet(data, [output.name for output in loaded.card.outputs])
    names = dataset.names[: int(os.environ.get("PLANIMETER_CASES", str(len(dataset.names))))]
    shares: dict[str, list[tuple[float, float, float, float]]] = {}
    for name in names:
        case = dataset.read(name)
        volume = volume_of(case)
        found: dict[str, Items] = {}
        for roi in run_card(loaded, only_input(loaded.card, volume)).rois:
            index = dataset.structures.index(roi.name)
            if case.contoured[index]:
                found[roi.name] = Items.of(roi, plane_errors(roi, case.labels == index + 1, volume.geometry))
        columns = [[getattr(items, field.name) for items in found.values()] for field in fields(Items)]
        found["whole queue"] = Items(*(np.concatenate(column) for column in columns))
        for label, items in found.items():
            if items.error.any():
                shares.setdefault(label, []).append(items.shares())
    print(f"{CARD}, {len(names)} validation cases: share of the wrong area in the first {FIRST:.0%} of the planes")
    print(f"{'':16}{'n':>4}{'queue':>8}{'best':>8}{'by area':>9}{'chance':>8}")
    for label, rows in shares.items():
        queue, best, area, chance = np.mean(rows, axis=0)
        print(f"{label:16}{len(rows):4}{queue:8.2f}{best:8.2f}{area:9.2f}{chance:8.2f}")
