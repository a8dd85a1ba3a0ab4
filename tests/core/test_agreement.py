"""Two sets of structures are compared name by name; the numbers are those of another program."""

import csv
from pathlib import Path

import numpy as np
import pytest
from shapely import MultiPolygon, Point

from engine.agreement import agreement, compare, pair, write_table
from engine.contouring.fill import fill
from engine.errors import MismatchError
from engine.structures import PlaneContours, Roi, StructureSet
from engine.volume import Geometry

GRID = Geometry.regular((-40.0, -40.0, 0.0), np.eye(3), (1.0, 1.2, 2.5), (24, 70, 80))


def ball(number: int, name: str, centre: tuple[float, float, float], radius: float) -> Roi:
    planes = {}
    for k, position in enumerate(GRID.positions - GRID.positions[0]):
        away = position - centre[2]
        if abs(away) < radius:
            disc = Point(centre[:2]).buffer(np.sqrt(radius**2 - away**2), quad_segs=24)
            planes[k] = PlaneContours(MultiPolygon([disc]))
    return Roi(number, name, planes=planes)


FIRST = ball(1, "Parotid_L", (38.0, 40.0, 30.0), 15.0)
SECOND = ball(4, "PAROTID L", (41.0, 42.0, 31.0), 14.0)


def test_the_numbers_are_those_of_the_reference_implementation() -> None:
    reference = pytest.importorskip("surface_distance")
    masks = [fill({k: c.area for k, c in roi.planes.items()}, GRID) for roi in (FIRST, SECOND)]
    found = reference.compute_surface_distances(*masks, (2.5, 1.2, 1.0))
    row = agreement(FIRST, SECOND, GRID, 2.0)
    # Elements lie between voxel centres in both; ours have other areas, which moves a share by some percent.
    assert row.surface_dice == pytest.approx(reference.compute_surface_dice_at_tolerance(found, 2.0), abs=0.03)
    # Percentiles fall on one of a few distances between grid places; the next is half a voxel away.
    assert row.hd95_mm == pytest.approx(reference.compute_robust_hausdorff(found, 95), abs=0.6)
    assert row.mean_mm == pytest.approx(np.mean(reference.compute_average_surface_distance(found)), abs=0.15)
    # Polygons against voxels: a twentieth of a voxel all round.
    assert row.dice == pytest.approx(reference.compute_dice_coefficient(*masks), abs=0.01)
    assert 0.5 < row.surface_dice < 0.95 and row.added_path_mm > 0
    assert row.first_cm3 == pytest.approx(4 / 3 * np.pi * 1.5**3, rel=0.02)


def test_a_structure_agrees_with_itself() -> None:
    row = agreement(FIRST, FIRST, GRID)
    assert (row.dice, row.surface_dice, row.hd95_mm, row.mean_mm, row.added_path_mm) == pytest.approx((1, 1, 0, 0, 0))


def test_pairs_have_the_same_name_however_it_is_joined() -> None:
    model, other = ball(2, "Parotid_L^AI", (38, 40, 30), 5), ball(3, "Parotid_R", (38, 40, 30), 5)
    assert pair((FIRST, other), (model,)) == [(FIRST, model), (other, None)]
    compared = compare(StructureSet(GRID, (FIRST, other)), StructureSet(GRID, (SECOND,)))
    assert [row and (row.first, row.second) for row in compared.rows] == [("Parotid_L", "PAROTID L"), None]


def test_pairs_are_the_same_by_tg_263_and_a_person_has_the_last_word() -> None:
    theirs = [
        ball(number, name, (38, 40, 30), 5) for number, name in enumerate(("Rt Parotid Gland", "cord", "Lens"), 1)
    ]
    ours = [
        ball(number, name, (38, 40, 30), 5)
        for number, name in enumerate(("Parotid_L", "Parotid_R", "SpinalCord", "Lens_L"), 11)
    ]
    names = {ours.name: other and other.name for ours, other in pair(ours, theirs)}
    assert names == {"Parotid_L": None, "Parotid_R": "Rt Parotid Gland", "SpinalCord": "cord", "Lens_L": None}
    by_hand = {14: 3, 12: None}
    compared = compare(StructureSet(GRID, tuple(ours)), StructureSet(GRID, tuple(theirs)), by_hand=by_hand)
    names = {ours.name: other and other.name for ours, other in compared.pairs}
    assert names == {"Parotid_L": None, "Parotid_R": None, "SpinalCord": "cord", "Lens_L": "Lens"}
    assert [roi.name for roi in compared.left] == ["Rt Parotid Gland"]


def test_sets_on_different_images_are_refused() -> None:
    other = Geometry.regular((-40.0, -40.0, 1.0), np.eye(3), (1.0, 1.2, 2.5), (24, 70, 80))
    with pytest.raises(MismatchError):
        compare(StructureSet(GRID, (FIRST,)), StructureSet(other, ()))


def test_the_table_has_a_row_a_pair(tmp_path: Path) -> None:
    alone, left = ball(7, "Larynx", (38, 40, 30), 5), ball(8, "Heart", (38, 40, 30), 5)
    write_table(compare(StructureSet(GRID, (FIRST, alone)), StructureSet(GRID, (SECOND, left))), tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8") as file:
        row, *others = csv.DictReader(file)
    assert [(other["first"], other["second"], other["dice"]) for other in others] == [
        ("Larynx", "", ""),
        ("", "Heart", ""),
    ]
    assert row["first"] == "Parotid_L" and 0 < float(row["dice"]) < 1 and row["tolerance_mm"] == "2"
