"""RTSTRUCT files as they come: everything is read, kept or named."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian, ExplicitVRLittleEndian

from engine.contouring.fill import fill
from engine.dicom.rtstruct_read import filled_areas, read_rtstruct
from engine.dicom.rtstruct_write import export_rtstruct
from engine.errors import MismatchError, ReadError
from engine.loose import loose_contours, loose_text
from engine.structures import Generation, Roi, StructureSet
from engine.volume import SeriesInfo, Volume
from tests.rtstruct.foreign import contour_texts
from tests.rtstruct.study import SQUARE, Contour, make_study, write_rtstruct
from tests.synthetic import make_geometry, random_rotation

INNER = ((15.0, 15.0), (25.0, 15.0), (25.0, 25.0), (15.0, 25.0))
KEYHOLE = (*SQUARE, SQUARE[0], *INNER, INNER[0])
ISLAND = ((18.0, 18.0), (22.0, 18.0), (22.0, 22.0), (18.0, 22.0))


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Volume:
    return make_study(tmp_path_factory.mktemp("study") / "ct")


def read(
    path: Path, volume: Volume | None, rois: dict[str, list[Contour]], edit: Any = None, **save: Any
) -> StructureSet:
    owner = volume or make_study(path / "ct")
    return read_rtstruct(write_rtstruct(path / "rt.dcm", owner, rois, edit), volume)


def noted(structures: StructureSet, *words: str) -> bool:
    return any(all(word in note for word in words) for note in structures.notes)


def only(structures: StructureSet) -> Roi:
    (roi,) = structures.rois
    return roi


@pytest.mark.parametrize(
    ("contours", "area"),
    [
        ([Contour(2, KEYHOLE)], 300.0),
        ([Contour(2, SQUARE, "CLOSEDPLANAR_XOR"), Contour(2, INNER, "CLOSEDPLANAR_XOR")], 300.0),
        ([Contour(2, SQUARE), Contour(2, INNER)], 300.0),
        ([Contour(2, INNER), Contour(2, SQUARE)], 300.0),
        ([Contour(2, SQUARE), Contour(2, INNER), Contour(2, ISLAND)], 316.0),
        ([Contour(2, KEYHOLE), Contour(2, ISLAND)], 316.0),
    ],
    ids=["keyhole", "xor", "nested", "hole first", "island in a hole", "island in a keyhole"],
)
def test_holes_are_read_however_they_are_written(
    tmp_path: Path, volume: Volume, contours: list[Contour], area: float
) -> None:
    roi = only(read(tmp_path, volume, {"Hollow": contours}))
    assert roi.area(2).area == pytest.approx(area)
    assert sum(len(polygon.interiors) for polygon in roi.area(2).geoms) == 1


def test_overlapping_contours_are_even_odd_with_a_note(tmp_path: Path, volume: Volume) -> None:
    shifted = tuple((u + 5, v + 5) for u, v in SQUARE)
    structures = read(tmp_path, volume, {"Two": [Contour(1), Contour(1, shifted)]})
    assert only(structures).area(1).area == pytest.approx(2 * (400 - 225))
    assert noted(structures, "overlap", "plane 2", "union")


def test_nested_plain_contours_are_noted_and_xor_ones_are_not(tmp_path: Path, volume: Volume) -> None:
    nested = read(tmp_path, volume, {"Nested": [Contour(1), Contour(1, INNER)]})
    assert noted(nested, "'Nested'", "union")
    kind = "CLOSEDPLANAR_XOR"
    xor = read(tmp_path, volume, {"Xor": [Contour(1, SQUARE, kind), Contour(1, INNER, kind)]})
    assert not xor.notes


def test_the_same_contour_twice_counts_once(tmp_path: Path, volume: Volume) -> None:
    structures = read(tmp_path, volume, {"Twice": [Contour(1), Contour(1)]})
    roi = only(structures)
    assert roi.area(1).area == pytest.approx(400)
    assert len(roi.planes[1].source) == 2
    assert noted(structures, "twice", "plane 2")


def test_points_and_open_contours_are_kept_but_not_filled(tmp_path: Path, volume: Volume) -> None:
    contours = [
        Contour(0, [(5.0, 5.0)], "POINT"),
        Contour(1, [(5.0, 5.0), (9.0, 5.0), (9.0, 9.0)], "OPEN_PLANAR"),
        Contour(2, [(5.0, 5.0)]),
        Contour(3, [(5.0, 5.0), (8.0, 8.0)]),
        Contour(4),
    ]
    structures = read(tmp_path, volume, {"Mixed": contours})
    roi = only(structures)
    assert list(roi.planes) == [4]
    assert [c.geometric_type for c in roi.loose] == ["POINT", "OPEN_PLANAR", "CLOSED_PLANAR", "CLOSED_PLANAR"]
    held = loose_contours(roi.loose, structures.geometry)
    assert [contour.planes for contour in held] == [(0,), (1,), (2,), (3,)]
    assert loose_text(held) == "2 points, 2 open contours"
    assert noted(structures, "2 contours", "POINT") and noted(structures, "2 contours", "one or two points")


def test_contours_between_the_planes_are_kept_and_shown_on_the_nearest(tmp_path: Path, volume: Volume) -> None:
    structures = read(tmp_path, volume, {"Off": [Contour(1, off_mm=1.0), Contour(3)]})
    roi = only(structures)
    assert list(roi.planes) == [3]
    held = loose_contours(roi.loose, structures.geometry)
    assert held[0].planes == (1,) and held[0].apart_mm == pytest.approx(1.0)
    assert loose_text(held) == "1 off-plane contour"
    assert noted(structures, "'Off'", "off the planes", "shown dashed on the nearest plane")
    areas, notes = filled_areas(structures)
    assert areas(roi)[1].area == pytest.approx(400) and any("between the planes" in note for note in notes)


def test_lines_through_voxel_centres_take_the_same_side_everywhere(tmp_path: Path) -> None:
    geometry = make_geometry((3, 40, 40), (0.9765625, 0.9765625, 2.5), (-250.1, -249.7, 33.3), random_rotation(5))
    study = make_study(tmp_path / "ct", geometry)
    box = np.array([(5, 7), (20, 7), (20, 30), (5, 30)]) * 0.9765625
    steps = np.concatenate(
        [np.linspace(a, b, 40, endpoint=False) for a, b in zip(box, np.roll(box, -1, 0), strict=True)]
    )
    texts = [f"{v:.10f}" for v in study.geometry.lps_from_plane(1, steps).ravel()]
    structures = read(tmp_path, study, {"Box": [Contour(1, steps, data=texts)]})
    mask = fill({1: only(structures).area(1)}, study.geometry)[1]
    assert mask.sum() == 15 * 23 and mask[7:30, 5:20].all()


def test_rounding_to_two_decimals_stays_on_the_plane(tmp_path: Path) -> None:
    study = make_study(tmp_path / "ct", make_geometry((5, 40, 40), (1, 1, 1.0), directions=random_rotation(4)))
    roi = only(read(tmp_path, study, {"Rounded": [Contour(2, off_mm=0.02)]}))
    assert list(roi.planes) == [2] and not roi.loose


@pytest.mark.parametrize("seed", [None, 1, 2])
def test_contours_in_any_order_land_on_uneven_tilted_and_oblique_planes(tmp_path: Path, seed: int | None) -> None:
    axes = np.eye(3) if seed is None else random_rotation(seed)
    along = np.array([0, 0.5, -0.2, 2.0, 2.5, 1.0])
    offsets = along[:, None] * axes[:, 2] + (np.arange(6) * 0.6)[:, None] * axes[:, 1]
    study = make_study(tmp_path / "ct", make_geometry((6, 48, 40), (1.0, 1.0, 2.5), directions=axes, offsets=offsets))
    structures = read(tmp_path, study, {"Shuffled": [Contour(k) for k in (4, 0, 5, 2, 1, 3)]})
    roi = only(structures)
    assert sorted(roi.planes) == list(range(6)) and not roi.loose
    for k in range(6):
        assert roi.area(k).bounds == pytest.approx((10, 10, 30, 30), abs=2e-3)


def test_references_that_lead_nowhere_are_matched_by_frame_of_reference(tmp_path: Path, volume: Volume) -> None:
    def lost(ds: Dataset) -> None:
        study = ds.ReferencedFrameOfReferenceSequence[0].RTReferencedStudySequence[0]
        study.RTReferencedSeriesSequence[0].SeriesInstanceUID = "1.2.3"
        ds.ROIContourSequence[0].ContourSequence[0].ContourImageSequence[0].ReferencedSOPInstanceUID = "1.2.3.4"

    structures = read(tmp_path, volume, {"Lost": [Contour(2)]}, lost)
    assert only(structures).area(2).area == pytest.approx(400)
    assert noted(structures, "frame of reference")


def test_a_file_without_references_is_matched_by_geometry(tmp_path: Path, volume: Volume) -> None:
    def bare(ds: Dataset) -> None:
        del ds.ReferencedFrameOfReferenceSequence
        del ds.StructureSetROISequence[0].ReferencedFrameOfReferenceUID

    structures = read(tmp_path, volume, {"Bare": [Contour(2, image=False)]}, bare)
    assert only(structures).area(2).area == pytest.approx(400)
    assert noted(structures, "geometry alone")


def test_a_file_of_another_study_is_refused_in_words(tmp_path: Path, volume: Volume) -> None:
    path = write_rtstruct(tmp_path / "rt.dcm", volume, {"A": [Contour(2)]})
    info = SeriesInfo(series_uid="1.9", study_uid="1.8", frame_of_reference_uid="1.7", description="Other")
    other = dataclasses.replace(volume, info=info, instances=())
    with pytest.raises(MismatchError, match=r"belongs to another image.*'Other'"):
        read_rtstruct(path, other)


def test_structures_open_without_their_images(tmp_path: Path) -> None:
    study = make_study(tmp_path / "ct", make_geometry((5, 40, 40), (1, 1, 2.0), directions=random_rotation(4)))
    path = write_rtstruct(tmp_path / "rt.dcm", study, {"Alone": [Contour(k) for k in (3, 0, 1)]})
    structures = read_rtstruct(path, None)
    roi = only(structures)
    assert structures.geometry.shape[0] == 3 and len(roi.planes) == 3
    assert sum(roi.area(k).area for k in roi.planes) == pytest.approx(1200, rel=1e-3)
    assert noted(structures, "images", "not here")


def test_without_images_the_planes_are_those_of_most_contours(tmp_path: Path, volume: Volume) -> None:
    def upright(ds: Dataset) -> None:
        for contour in ds.ROIContourSequence[0].ContourSequence[:2]:
            contour.ContourData = ["0", "0", "0", "0", "30", "0", "0", "30", "30", "0", "0", "30"]

    path = write_rtstruct(tmp_path / "rt.dcm", volume, {"Mixed": [Contour(k) for k in range(5)]}, upright)
    for image in (None, volume):
        roi = only(read_rtstruct(path, image))
        assert len(roi.planes) == 3 and len(roi.loose) == 2


def test_empty_and_incomplete_files_say_what_is_missing(tmp_path: Path, volume: Volume) -> None:
    def nothing(ds: Dataset) -> None:
        del ds.StructureSetROISequence, ds.ROIContourSequence, ds.RTROIObservationsSequence

    assert noted(read(tmp_path, volume, {"A": [Contour(0)]}, nothing), "no structures")

    def unnamed(ds: Dataset) -> None:
        del ds.StructureSetROISequence, ds.RTROIObservationsSequence

    structures = read(tmp_path, volume, {"A": [Contour(0)]}, unnamed)
    assert only(structures).name == "ROI 1" and noted(structures, "doesn't name")

    def undrawn(ds: Dataset) -> None:
        del ds.ROIContourSequence

    structures = read(tmp_path, volume, {"A": [Contour(0)]}, undrawn)
    assert only(structures).is_empty and noted(structures, "no ROI Contour Sequence") and noted(structures, "'A'")


def test_two_structures_of_one_name_or_number_stay_apart(tmp_path: Path, volume: Volume) -> None:
    def alike(ds: Dataset) -> None:
        for item in ds.StructureSetROISequence:
            item.ROIName = "Same"

    structures = read(tmp_path, volume, {"A": [Contour(0)], "B": [Contour(1)]}, alike)
    assert [list(roi.planes) for roi in structures.rois] == [[0], [1]]
    assert noted(structures, "2 structures are named 'Same'")

    def one_number(ds: Dataset) -> None:
        ds.StructureSetROISequence[1].ROINumber = 1

    structures = read(tmp_path, volume, {"A": [Contour(0)], "B": [Contour(1)]}, one_number)
    assert len({roi.number for roi in structures.rois}) == len(structures.rois)
    assert noted(structures, "'B'", "same ROI number")


def test_malformed_coordinates_are_left_out_and_named(tmp_path: Path, volume: Volume) -> None:
    def broken(ds: Dataset) -> None:
        contours = ds.ROIContourSequence[0].ContourSequence
        contours[1].NumberOfContourPoints = 7
        contours[2].add_new("ContourData", "LO", ["1", "x", "3"])
        contours[3].add_new("ContourData", "LO", ["1", "2", "3", "4"])
        contours[4].ContourData = None

    structures = read(tmp_path, volume, {"Broken": [Contour(k) for k in range(5)]}, broken)
    assert list(only(structures).planes) == [0, 1]
    assert noted(structures, "2 contours", "not all numbers") and noted(structures, "1 contour ", "no points")
    assert noted(structures, "another number of points")


def test_contours_without_a_type_are_taken_as_closed(tmp_path: Path, volume: Volume) -> None:
    def untyped(ds: Dataset) -> None:
        for contour in ds.ROIContourSequence[0].ContourSequence:
            del contour.ContourGeometricType

    structures = read(tmp_path, volume, {"A": [Contour(0), Contour(1, [(5.0, 5.0)])]}, untyped)
    assert only(structures).area(0).area == pytest.approx(400) and len(only(structures).loose) == 1
    assert noted(structures, "2 contours", "without a type")
    assert export_rtstruct(structures, volume, tmp_path / "again.dcm").ok


@pytest.mark.parametrize("name", ["Pærøtis_é", "脑干", "脊髄", "Größe", "Спинной мозг"])
def test_names_in_any_script(tmp_path: Path, volume: Volume, name: str) -> None:
    assert only(read(tmp_path, volume, {name: [Contour(0)]})).name == name


def test_names_in_national_character_sets(tmp_path: Path, volume: Volume) -> None:
    def japanese(ds: Dataset) -> None:
        ds.SpecificCharacterSet = ["", "ISO 2022 IR 87"]

    assert only(read(tmp_path, volume, {"脊髄": [Contour(0)]}, japanese)).name == "脊髄"

    def chinese(ds: Dataset) -> None:
        ds.SpecificCharacterSet = "GB18030"

    assert only(read(tmp_path, volume, {"脑干": [Contour(0)]}, chinese)).name == "脑干"


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian], ids=lambda uid: uid.name
)
def test_every_plain_transfer_syntax_gives_the_same_structures(tmp_path: Path, volume: Volume, syntax: str) -> None:
    rois = {"A": [Contour(0), Contour(1, KEYHOLE)], "B": [Contour(2, off_mm=1)]}
    wanted = read(tmp_path, volume, rois)
    found = read_rtstruct(write_rtstruct(tmp_path / "other.dcm", volume, rois, syntax=syntax), volume)
    for mine, theirs in zip(found.rois, wanted.rois, strict=True):
        assert {k: c.source for k, c in mine.planes.items()} == {k: c.source for k, c in theirs.planes.items()}
        assert (mine.name, mine.loose, mine.colour) == (theirs.name, theirs.loose, theirs.colour)


def test_sequences_of_undefined_length_and_a_missing_preamble(tmp_path: Path, volume: Volume) -> None:
    wanted = read(tmp_path, volume, {"A": [Contour(0), Contour(1)]})
    dataset = pydicom.dcmread(tmp_path / "rt.dcm")

    def undefined(ds: Dataset) -> None:
        for element in ds:
            if element.VR == "SQ":
                element.is_undefined_length = True
                for item in element.value:
                    item.is_undefined_length_sequence_item = True
                    undefined(item)

    undefined(dataset)
    dataset.save_as(tmp_path / "undefined.dcm")
    bare = (tmp_path / "rt.dcm").read_bytes()
    start = bare.index(b"\x08\x00\x05\x00")
    (tmp_path / "bare.dcm").write_bytes(bare[start:])
    for name in ("undefined.dcm", "bare.dcm"):
        found = only(read_rtstruct(tmp_path / name, volume))
        assert {k: c.source for k, c in found.planes.items()} == {k: c.source for k, c in only(wanted).planes.items()}


def test_attributes_of_a_structure_are_read(tmp_path: Path, volume: Volume) -> None:
    def detailed(ds: Dataset) -> None:
        ds.StructureSetDescription = "For planning"
        item = ds.StructureSetROISequence[0]
        item.ROIGenerationAlgorithm = "AUTOMATIC"
        item.ROIGenerationDescription = "By a network"
        seen = ds.RTROIObservationsSequence[0]
        seen.RTROIInterpretedType = "PTV"
        code = Dataset()
        code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning = "1", "99X", "One"
        seen.RTROIIdentificationCodeSequence = [code]

    structures = read(tmp_path, volume, {"PTV": [Contour(0)]}, detailed)
    roi = only(structures)
    assert (roi.roi_type, roi.colour, roi.code and roi.code.scheme) == ("PTV", (255, 0, 1), "99X")
    assert (roi.provenance.generation, roi.provenance.description) == (Generation.AUTOMATIC, "By a network")
    assert (structures.label, structures.description) == ("TEST", "For planning")
    assert structures.sop_instance_uid == str(pydicom.dcmread(tmp_path / "rt.dcm").SOPInstanceUID)


def test_files_that_are_no_rtstruct_are_refused_in_words(tmp_path: Path, volume: Volume) -> None:
    (tmp_path / "text.dcm").write_text("hello, this is no DICOM file" * 20)
    (tmp_path / "empty.dcm").write_bytes(b"")
    write_rtstruct(tmp_path / "whole.dcm", volume, {"A": [Contour(0), Contour(1)]})
    whole = (tmp_path / "whole.dcm").read_bytes()
    (tmp_path / "cut.dcm").write_bytes(whole[: len(whole) * 3 // 4])
    make_study(tmp_path / "ct")
    for name in ("text.dcm", "empty.dcm", "cut.dcm", "gone.dcm", "ct/0000.dcm", "."):
        with pytest.raises(ReadError) as caught:
            read_rtstruct(tmp_path / name, volume)
        assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_damaged_files_give_a_sentence_or_structures(tmp_path: Path, volume: Volume) -> None:
    contours = [Contour(k, KEYHOLE) for k in range(4)]
    whole = write_rtstruct(tmp_path / "whole.dcm", volume, {"A": contours, "B": contours}).read_bytes()
    rng = np.random.default_rng(7)
    for _ in range(400):
        damaged = bytearray(whole)
        for place in rng.integers(0, len(whole), rng.integers(1, 20)):
            damaged[place] = rng.integers(0, 256)
        (tmp_path / "damaged.dcm").write_bytes(damaged[: rng.integers(len(whole) // 2, len(whole) + 1)])
        for image in (volume, None):
            try:
                read_rtstruct(tmp_path / "damaged.dcm", image)
            except (ReadError, MismatchError) as error:
                assert "\n" not in str(error)


def test_reading_and_writing_again_keeps_every_coordinate_as_written(tmp_path: Path, volume: Volume) -> None:
    odd = ["+1.50", " 2", "-12.5", "30e0", "2.000000000000", "-12.5", "3.0E1", "30", "-12.50", "1.5", "30.", "-012.5"]
    middle = str(volume.geometry.origins_lps[2][2])
    odd[2::3] = [middle] * 4
    contours = [Contour(2, data=odd), Contour(0), Contour(1, [(1.0, 1.0)], "POINT"), Contour(3, off_mm=1.0)]
    path = write_rtstruct(tmp_path / "rt.dcm", volume, {"Odd": contours, "None": []})
    export_rtstruct(read_rtstruct(path, volume), volume, tmp_path / "again.dcm")
    before, after = contour_texts(path), contour_texts(tmp_path / "again.dcm")
    assert {n: sorted(texts) for n, texts in after.items()} == {n: sorted(texts) for n, texts in before.items()}
    assert any("+1.50" in text for _, text in after[1])
