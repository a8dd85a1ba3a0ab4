"""Structures that lie in another frame of reference, or beside the pixels: not drawn, not counted, but said."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from click.testing import CliRunner
from pydicom.dataset import Dataset
from shapely import MultiPolygon

from engine.__main__ import commands
from engine.answers import Document
from engine.dicom.rtstruct_read import read_rtstruct
from engine.dicom.rtstruct_write import export_rtstruct
from engine.journal.codec import document_from_json, document_to_json
from engine.structures import PlaneContours, Roi, StructureSet
from engine.volume import Volume
from tests.rtstruct.foreign import contour_texts
from tests.rtstruct.study import Contour, make_study, write_rtstruct
from tests.synthetic import make_geometry

FRAMES = ("1.2.3.1", "1.2.3.2", "1.2.3.3")
Edit = Callable[[Dataset], None]


@pytest.fixture(scope="module")
def series(tmp_path_factory: pytest.TempPathFactory) -> list[Volume]:
    """Three series of one study on one grid, each in a frame of reference of its own."""
    folder = tmp_path_factory.mktemp("study")
    return [
        make_study(folder / f"ct{k}", FrameOfReferenceUID=uid, StudyInstanceUID="1.2.3", SeriesDescription=f"CT {k}")
        for k, uid in enumerate(FRAMES)
    ]


def in_frames(series: list[Volume], edit: Edit = lambda dataset: None) -> Edit:
    """List all series in the file, and put its k-th ROI into the frame of the k-th, contour references and all."""

    def change(dataset: Dataset) -> None:
        dataset.ReferencedFrameOfReferenceSequence = []
        for volume in series:
            frame, study, member = Dataset(), Dataset(), Dataset()
            member.SeriesInstanceUID = volume.info.series_uid
            member.ContourImageSequence = [image(volume, k) for k in range(len(volume.instances))]
            study.RTReferencedSeriesSequence = [member]
            frame.FrameOfReferenceUID = volume.info.frame_of_reference_uid
            frame.RTReferencedStudySequence = [study]
            dataset.ReferencedFrameOfReferenceSequence.append(frame)
        for k, (item, drawn) in enumerate(
            zip(dataset.StructureSetROISequence, dataset.ROIContourSequence, strict=True)
        ):
            item.ReferencedFrameOfReferenceUID = FRAMES[k]
            for contour in drawn.ContourSequence:
                contour.ContourImageSequence = [image(series[k], 1 + k)]
        edit(dataset)

    return change


def image(volume: Volume, plane: int) -> Dataset:
    item = Dataset()
    item.ReferencedSOPClassUID = volume.instances[plane].sop_class_uid
    item.ReferencedSOPInstanceUID = volume.instances[plane].sop_instance_uid
    return item


def write(folder: Path, series: list[Volume], edit: Edit = lambda dataset: None) -> Path:
    rois = {name: [Contour(1 + k, image=False)] for k, name in enumerate(("cord", "tumour", "node"))}
    return write_rtstruct(folder / "rt.dcm", series[0], rois, in_frames(series, edit))


def shown(structures: StructureSet) -> tuple[list[str], list[str]]:
    return [roi.name for roi in structures.rois], [roi.name for roi in structures.elsewhere]


def test_a_structure_of_another_frame_of_reference_is_left_out_and_named(tmp_path: Path, series: list[Volume]) -> None:
    path = write(tmp_path, series)
    names = ["cord", "tumour", "node"]
    for volume, own in zip(series, names, strict=True):
        structures = read_rtstruct(path, volume)
        others = [name for name in names if name != own]
        assert shown(structures) == ([own], others)
        assert all(
            any(f"'{name}'" in note and "another frame of reference" in note for note in structures.notes)
            for name in others
        )


def test_a_structure_that_names_no_frame_has_that_of_its_images(tmp_path: Path, series: list[Volume]) -> None:
    def edit(dataset: Dataset) -> None:
        for item in dataset.StructureSetROISequence:
            del item.ReferencedFrameOfReferenceUID

    assert shown(read_rtstruct(write(tmp_path, series, edit), series[1])) == (["tumour"], ["cord", "node"])


def test_a_structure_in_a_frame_that_is_not_listed_is_left_out_where_others_are_in_the_image_s(
    tmp_path: Path, series: list[Volume]
) -> None:
    def edit(dataset: Dataset) -> None:
        del dataset.ReferencedFrameOfReferenceSequence[1:]

    assert shown(read_rtstruct(write(tmp_path, series, edit), series[0])) == (["cord"], ["tumour", "node"])


def test_a_slip_in_the_frame_of_all_structures_costs_none(tmp_path: Path, series: list[Volume]) -> None:
    def edit(dataset: Dataset) -> None:
        for item, drawn in zip(dataset.StructureSetROISequence, dataset.ROIContourSequence, strict=True):
            item.ReferencedFrameOfReferenceUID = "1.2.3.4.5"
            del drawn.ContourSequence[0].ContourImageSequence

    assert shown(read_rtstruct(write(tmp_path, series, edit), series[0])) == (["cord", "tumour", "node"], [])


def test_contours_that_refer_to_the_image_are_shown_though_the_frame_is_another(
    tmp_path: Path, series: list[Volume]
) -> None:
    def edit(dataset: Dataset) -> None:
        dataset.ROIContourSequence[1].ContourSequence[0].ContourImageSequence = [image(series[0], 2)]

    structures = read_rtstruct(write(tmp_path, series, edit), series[0])
    assert shown(structures) == (["cord", "tumour"], ["node"])
    assert any("'tumour' names another frame" in note for note in structures.notes)


def test_a_file_that_knows_only_another_frame_of_the_study_is_shown_with_a_warning(
    tmp_path: Path, series: list[Volume]
) -> None:
    path = write_rtstruct(tmp_path / "rt.dcm", series[1], {"tumour": [Contour(1)]})
    structures = read_rtstruct(path, series[0])
    assert shown(structures) == (["tumour"], [])
    assert any("another frame of reference" in note and "make sure" in note for note in structures.notes)


def test_an_image_that_the_file_lists_without_a_structure_gets_none(tmp_path: Path, series: list[Volume]) -> None:
    def edit(dataset: Dataset) -> None:
        for item, drawn in zip(dataset.StructureSetROISequence, dataset.ROIContourSequence, strict=True):
            item.ReferencedFrameOfReferenceUID = FRAMES[1]
            drawn.ContourSequence[0].ContourImageSequence = [image(series[1], 1)]

    assert shown(read_rtstruct(write(tmp_path, series, edit), series[0])) == ([], ["cord", "tumour", "node"])


def test_without_an_image_the_first_frame_is_shown(tmp_path: Path, series: list[Volume]) -> None:
    assert shown(read_rtstruct(write(tmp_path, series), None)) == (["cord"], ["tumour", "node"])


@pytest.mark.parametrize("alone", [False, True], ids=["on the image", "without it"])
def test_what_was_left_out_is_written_back_as_it_was(tmp_path: Path, series: list[Volume], alone: bool) -> None:
    path = write(tmp_path, series)
    volume = None if alone else series[0]
    structures = read_rtstruct(path, volume)
    cord = replace(structures.rois[0], name="edited")
    edited = cord.with_areas(
        {
            plane: MultiPolygon([contours.area.geoms[0].buffer(1.0, join_style="mitre")])
            for plane, contours in cord.planes.items()
        }
    )
    export_rtstruct(structures.with_roi(edited), volume, tmp_path / "again.dcm")
    old, new = pydicom.dcmread(path), pydicom.dcmread(tmp_path / "again.dcm")
    assert [item.ROIName for item in new.StructureSetROISequence] == ["edited", "tumour", "node"]
    assert [item.ReferencedFrameOfReferenceUID for item in new.StructureSetROISequence] == list(FRAMES)
    assert [item.FrameOfReferenceUID for item in new.ReferencedFrameOfReferenceSequence] == list(FRAMES)
    texts = contour_texts(path), contour_texts(tmp_path / "again.dcm")
    assert all(texts[0][number] == texts[1][number] for number in (2, 3))
    for k in (1, 2):
        references = [
            str(dataset.ROIContourSequence[k].ContourSequence[0].ContourImageSequence[0].ReferencedSOPInstanceUID)
            for dataset in (old, new)
        ]
        assert references[0] == references[1]
    assert shown(read_rtstruct(tmp_path / "again.dcm", series[1])) == (["tumour"], ["edited", "node"])


def test_what_was_left_out_survives_the_journal_and_keeps_its_number(tmp_path: Path, series: list[Volume]) -> None:
    structures = read_rtstruct(write(tmp_path, series), series[0])
    rows: list[PlaneContours] = []

    def store(contours: PlaneContours) -> int:
        rows.append(contours)
        return len(rows) - 1

    saved = document_to_json(Document(structures), store)
    again = document_from_json(saved, structures.geometry, dict(enumerate(rows)))
    assert shown(again.structures) == shown(structures)
    assert [roi.loose for roi in again.structures.elsewhere] == [roi.loose for roi in structures.elsewhere]
    assert structures.next_number() == Document(structures).next_number(Roi) == 4


def masks(rtstruct: Path, images: Path, folder: Path) -> tuple[dict[str, str], str]:
    """(what is printed of each structure, standard error) of `planimeter rtstruct to-masks`."""
    arguments = ["rtstruct", "to-masks", str(rtstruct), str(images), "-o", str(folder)]
    result = CliRunner().invoke(commands, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    lines = [line.split("\t") for line in result.stdout.splitlines()]
    return {name: volume for _, name, volume in lines}, result.stderr


def test_masks_say_the_volume_that_they_hold_and_what_lies_outside(tmp_path: Path) -> None:
    """The image is 40 × 48 pixels of 1 × 1.25 mm, six planes of 2.5 mm."""
    volume = make_study(tmp_path / "ct")
    far = [(u + 500.0, v) for u, v in ((10.0, 10.0), (30.0, 10.0), (30.0, 30.0), (10.0, 30.0))]
    half = [(-20.0, 9.4), (19.5, 9.4), (19.5, 29.4), (-20.0, 29.4)]
    rim = [(-0.5, -0.6), (39.5, -0.6), (39.5, 59.3), (-0.5, 59.3)]
    grain = [(10.1, 10.1), (10.4, 10.1), (10.4, 10.4), (10.1, 10.4)]
    rois = {
        "inside": [Contour(2, [*half[1:3], (9.5, 29.4), (9.5, 9.4)])],
        "half": [Contour(2, half)],
        "beside": [Contour(2, far), Contour(3, far)],
        "rim": [Contour(2, rim)],
        "grain": [Contour(2, grain)],
        "between": [Contour(2, [*half[1:3], (9.5, 29.4), (9.5, 9.4)], off_mm=1.0)],
        "above": [Contour(5, off_mm=40.0)],
    }
    printed, said = masks(write_rtstruct(tmp_path / "rt.dcm", volume, rois), tmp_path / "ct", tmp_path / "out")
    expected = {"inside": 160, "half": 320, "beside": 0, "rim": 1920, "grain": 0, "between": 160, "above": 0}
    for name, count in expected.items():
        written = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / f"{name}.nii.gz")))
        assert np.count_nonzero(written) == count
        assert printed[name] == f"{count * 1.25 * 2.5 / 1000:.3f} cm³"
    notes = said.splitlines()
    outside = [note for note in notes if "outside the image" in note]
    assert [("All of 'beside'" in note, "of 'half'" in note) for note in outside] == [(False, True), (True, False)]
    empty = [note for note in notes if "is empty" in note]
    assert [name for name in rois if any(f"'{name}'" in note for note in empty)] == ["beside", "grain", "above"]


def test_masks_of_uneven_planes_weigh_each_by_its_own_thickness(tmp_path: Path) -> None:
    offsets = np.zeros((4, 3))
    offsets[:, 2] = [0, 0, 3, 9]
    volume = make_study(tmp_path / "ct", make_geometry((4, 48, 40), (1.0, 1.25, 2.5), offsets=offsets))
    square = [(9.5, 9.4), (19.5, 9.4), (19.5, 29.4), (9.5, 29.4)]
    path = write_rtstruct(tmp_path / "rt.dcm", volume, {"A": [Contour(2, square)]})
    printed, _ = masks(path, tmp_path / "ct", tmp_path / "out")
    thickness = float(volume.geometry.plane_thickness[2])
    assert thickness == pytest.approx(7.0)
    assert printed["A"] == f"{160 * 1.25 * thickness / 1000:.3f} cm³"
