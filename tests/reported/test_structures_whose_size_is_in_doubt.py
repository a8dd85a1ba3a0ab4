"""Contours that go round a place twice, and volumes that a file states beside contours of another size."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
from pydicom import dcmread
from pydicom.dataset import Dataset

from engine.answers import Document
from engine.contouring.rings import area_from_rings, crossing_area
from engine.dicom.rtstruct_read import read_rtstruct
from engine.dicom.rtstruct_write import export_rtstruct
from engine.edits import apply
from engine.structures import StructureSet
from engine.volume import Volume
from tests.rtstruct.study import SQUARE, Contour, make_study, write_rtstruct
from viewer.history import redraw

TURNS = np.pi / 2 + 4 * np.pi * np.arange(5) / 5
STAR = tuple(map(tuple, np.stack([20 + 9 * np.cos(TURNS), 20 + 9 * np.sin(TURNS)], axis=1)))
INNER = ((12.0, 12.0), (28.0, 12.0), (28.0, 28.0), (12.0, 28.0))
KEYHOLE = (*SQUARE, SQUARE[0], INNER[0], INNER[3], INNER[2], INNER[1], INNER[0])
BOW = ((10.0, 10.0), (30.0, 30.0), (30.0, 10.0), (10.0, 30.0))


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Volume:
    return make_study(tmp_path_factory.mktemp("study") / "ct")


def read(folder: Path, volume: Volume, points: tuple[tuple[float, float], ...], stated: str = "") -> StructureSet:
    def edit(dataset: Dataset) -> None:
        if stated:
            dataset.StructureSetROISequence[0].ROIVolume = stated

    return read_rtstruct(write_rtstruct(folder / "rt.dcm", volume, {"cord": [Contour(2, points)]}, edit), volume)


def test_the_middle_of_a_star_is_the_area_that_readers_disagree_on() -> None:
    pieces = shapely.get_parts(shapely.polygonize([shapely.node(shapely.LinearRing(STAR))]))
    assert len(pieces) == 6
    # The line goes round it twice, so that its turns count it twice, and even-odd not at all.
    assert crossing_area([STAR], area_from_rings([STAR])[0]) == pytest.approx(2 * max(shapely.area(pieces)))
    for rings in ([SQUARE], [KEYHOLE], [KEYHOLE[::-1]], [SQUARE, INNER], [(*SQUARE, SQUARE[0])]):
        assert crossing_area(rings, area_from_rings(rings)[0]) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize(("points", "told"), [
    (STAR, True), ((*SQUARE, *INNER), True), (BOW, True), (SQUARE, False), (KEYHOLE, False),
])  # fmt: skip
def test_a_contour_that_crosses_itself_is_told(
    tmp_path: Path, volume: Volume, points: tuple[tuple[float, float], ...], told: bool
) -> None:
    notes = read(tmp_path, volume, points).notes
    assert any("cross themselves on plane 3" in note for note in notes) == told


@pytest.mark.parametrize(
    ("stated", "told"), [("1.0", False), ("1.2", False), ("99", True), ("0.2", True), ("0", False)]
)
def test_a_stated_volume_that_the_contours_contradict_is_told(
    tmp_path: Path, volume: Volume, stated: str, told: bool
) -> None:
    notes = read(tmp_path, volume, SQUARE, stated).notes
    assert any("but its contours on this image enclose 1 cm³" in note for note in notes) == told


def test_the_volume_that_is_written_is_that_of_what_is_drawn(tmp_path: Path, volume: Volume) -> None:
    structures = read(tmp_path, volume, SQUARE, "1.04")
    export_rtstruct(structures, volume, tmp_path / "same.dcm")
    assert dcmread(tmp_path / "same.dcm").StructureSetROISequence[0].ROIVolume == 1.04
    roi = structures.rois[0].with_areas({2: shapely.MultiPolygon([shapely.box(10, 10, 20, 20)])})
    export_rtstruct(replace(structures, rois=(roi,)), volume, tmp_path / "edited.dcm")
    assert dcmread(tmp_path / "edited.dcm").StructureSetROISequence[0].ROIVolume == pytest.approx(0.25)


@pytest.mark.parametrize("generation", ["MANUAL", "SEMIAUTOMATIC"])
def test_a_small_edit_leaves_neither_the_old_volume_nor_the_old_date_of_a_structure(
    tmp_path: Path, volume: Volume, generation: str
) -> None:
    def edit(dataset: Dataset) -> None:
        for item in dataset.StructureSetROISequence:
            item.ROIVolume, item.ROIDateTime = "2.04", "20200101120000"
            item.ROIGenerationAlgorithm = generation

    contours = [Contour(plane, SQUARE) for plane in (2, 3)]
    rings = {"cord": contours, "parotid": contours}
    structures = read_rtstruct(write_rtstruct(tmp_path / "rt.dcm", volume, rings, edit), volume)
    cord = structures.rois[0]
    smaller = redraw(cord, {2: shapely.MultiPolygon([shapely.box(10, 10, 29, 30)])}, text="Brush", tool="brush")
    emptied = redraw(cord, {3: shapely.MultiPolygon()}, text="Delete", tool="eraser")
    for step, cm3 in ((smaller, 1.95), (emptied, 1.0)):
        document = apply(Document(structures), step)[0]
        export_rtstruct(document.structures, volume, tmp_path / "edited.dcm")
        first, second = dcmread(tmp_path / "edited.dcm").StructureSetROISequence
        assert "ROIDateTime" not in first and first.ROIVolume == pytest.approx(cm3, rel=0.01)
        assert (second.ROIDateTime, second.ROIVolume) == ("20200101120000", 2.04), "untouched"
