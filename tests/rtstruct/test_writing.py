"""RTSTRUCT files that we write: conformant, repeatable, and true to what was read."""

import dataclasses
import os
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from shapely import MultiPolygon

from engine.dicom.conformance import outside_checker
from engine.dicom.presets import ExportOptions, HoleStyle, preflight, preset, presets
from engine.dicom.rtstruct_read import read_rtstruct
from engine.dicom.rtstruct_write import export_rtstruct
from engine.errors import PlanimeterError
from engine.structures import Code, Generation, Provenance, Roi, StructureSet
from engine.tg263 import standard_names
from engine.volume import Volume
from tests.rtstruct.foreign import contour_texts, need_program
from tests.rtstruct.study import DISC, Contour, disc, problems, write_rtstruct


def test_the_standard_s_checkers_find_no_error(tmp_path: Path, volume: Volume) -> None:
    need_program("dciodvfy")
    provenance = Provenance(Generation.AUTOMATIC, "Drawn by a model", "head-neck-oar", "1.0.0", "ab" * 32)
    rois = (
        Roi(1, "Brainstem", provenance=provenance, code=Code("15926001", "SCT", "Brainstem")),
        Roi(7, "PTV_脑", roi_type="PTV"),
        Roi(8, "Parotid_L"),
        Roi(9, "x" * 64, roi_type="", provenance=Provenance(Generation.UNKNOWN)),
    )
    whole = disc(volume, *rois).with_roi(Roi(12, "Empty"))
    export_rtstruct(
        whole, volume, tmp_path / "rt.dcm", ExportOptions(label="A label longer than sixteen", operator="Doe^J")
    )
    assert problems(tmp_path / "rt.dcm", volume) == []


def test_a_conformant_file_of_the_checker_is_really_checked(tmp_path: Path, volume: Volume) -> None:
    need_program("dciodvfy")
    path = write_rtstruct(tmp_path / "rt.dcm", volume, {"A": [Contour(0)]})
    assert any(problem.startswith("dciodvfy: Missing attribute") for problem in outside_checker(path))


def test_study_series_frame_of_reference_and_images_are_those_of_the_volume(
    tmp_path: Path, volume: Volume, structures: StructureSet
) -> None:
    export_rtstruct(structures, volume, tmp_path / "rt.dcm")
    ds = pydicom.dcmread(tmp_path / "rt.dcm")
    image = volume.info
    assert (ds.StudyInstanceUID, ds.FrameOfReferenceUID) == (image.study_uid, image.frame_of_reference_uid)
    assert (str(ds.PatientName), ds.PatientID) == (image.patient_name, image.patient_id)
    frame = ds.ReferencedFrameOfReferenceSequence[0]
    series = frame.RTReferencedStudySequence[0].RTReferencedSeriesSequence[0]
    assert frame.FrameOfReferenceUID == image.frame_of_reference_uid
    assert frame.RTReferencedStudySequence[0].ReferencedSOPInstanceUID == image.study_uid
    assert series.SeriesInstanceUID == image.series_uid
    listed = [str(item.ReferencedSOPInstanceUID) for item in series.ContourImageSequence]
    assert listed == [instance.sop_instance_uid for instance in volume.instances]
    for contour in ds.ROIContourSequence[0].ContourSequence:
        plane = listed.index(str(contour.ContourImageSequence[0].ReferencedSOPInstanceUID))
        points = np.array(contour.ContourData, dtype=float).reshape(-1, 3)
        assert np.abs(points @ volume.geometry.normal - volume.geometry.positions[plane]).max() < 1e-3
    assert ds.ApprovalStatus == "UNAPPROVED"


def test_who_drew_a_structure_is_in_the_standard_s_attributes(tmp_path: Path, volume: Volume) -> None:
    model = Provenance(Generation.AUTOMATIC, "By a model", "head-neck-oar", "1.2", "cd" * 32)
    rois = (
        Roi(1, "Drawn", provenance=model),
        Roi(2, "Edited", provenance=dataclasses.replace(model, edited=True)),
        Roi(3, "ByHand", provenance=Provenance(Generation.MANUAL)),
    )
    export_rtstruct(disc(volume, *rois), volume, tmp_path / "rt.dcm")
    items = pydicom.dcmread(tmp_path / "rt.dcm").StructureSetROISequence
    assert [item.ROIGenerationAlgorithm for item in items] == ["AUTOMATIC", "SEMIAUTOMATIC", "MANUAL"]
    algorithm = items[0].ROIDerivationAlgorithmIdentificationSequence[0]
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == ("head-neck-oar", "1.2")
    assert algorithm.AlgorithmFamilyCodeSequence[0].CodeMeaning == "Artificial Intelligence"
    assert "ROIDerivationAlgorithmIdentificationSequence" not in items[2]
    again = read_rtstruct(tmp_path / "rt.dcm", volume)
    assert again[1].provenance == model and again[2].provenance.edited


def test_standard_names_bring_their_codes(tmp_path: Path, volume: Volume) -> None:
    export_rtstruct(disc(volume, Roi(1, "SpinalCord"), Roi(2, "Mine")), volume, tmp_path / "rt.dcm")
    first, second = pydicom.dcmread(tmp_path / "rt.dcm").RTROIObservationsSequence
    code = first.RTROIIdentificationCodeSequence[0]
    assert (code.CodeValue, code.CodingSchemeDesignator, code.CodeMeaning) == ("2748008", "SCT", "Spinal cord")
    assert "RTROIIdentificationCodeSequence" not in second


def test_codes_of_standard_names_are_those_of_the_standard() -> None:
    from pydicom.sr import _snomed_dict

    known = {value for mapping in _snomed_dict.mapping.values() for value in mapping}
    coded = [name for name in standard_names().values() if name.code is not None]
    assert len(coded) > 60 and len(standard_names()) > 120
    for name in standard_names().values():
        assert len(name.name) <= 16
    for name in coded:
        assert name.code is not None and name.code[1] == "SCT" and name.code[0] in known, name.name


@pytest.mark.parametrize("name", ["Pærøtis_é", "脑干", "脊髄", "Größe", "Спинной мозг"])
def test_names_in_any_script_survive_and_conform(tmp_path: Path, volume: Volume, name: str) -> None:
    export_rtstruct(disc(volume, Roi(1, name)), volume, tmp_path / "rt.dcm")
    ds = pydicom.dcmread(tmp_path / "rt.dcm")
    assert ds.StructureSetROISequence[0].ROIName == name
    assert ds.SpecificCharacterSet == ("ISO_IR 100" if name in ("Pærøtis_é", "Größe") else "ISO_IR 192")
    assert problems(tmp_path / "rt.dcm", volume) == []


def test_the_same_structures_give_the_same_file(tmp_path: Path, volume: Volume, structures: StructureSet) -> None:
    first = export_rtstruct(structures, volume, tmp_path / "rt.dcm")
    os.utime(tmp_path / "rt.dcm", (0, 0))
    before = (tmp_path / "rt.dcm").read_bytes()
    second = export_rtstruct(structures, volume, tmp_path / "rt.dcm")
    assert (tmp_path / "rt.dcm").read_bytes() == before
    assert first.sha256 == second.sha256
    elsewhere = export_rtstruct(structures, volume, tmp_path / "other.dcm")
    assert elsewhere.sop_instance_uid == first.sop_instance_uid
    moved = structures.rois[0].with_areas({1: MultiPolygon([DISC])})
    assert (
        export_rtstruct(structures.with_roi(moved), volume, tmp_path / "rt.dcm").sop_instance_uid
        != first.sop_instance_uid
    )


def test_a_structure_keeps_its_uid_through_edits_and_files(
    tmp_path: Path, volume: Volume, structures: StructureSet
) -> None:
    export_rtstruct(structures, volume, tmp_path / "rt.dcm")
    read = read_rtstruct(tmp_path / "rt.dcm", volume)
    edited = read.with_roi(dataclasses.replace(read.rois[0], name="Other").with_areas({1: MultiPolygon([DISC])}))
    export_rtstruct(edited, volume, tmp_path / "edited.dcm")
    assert read.rois[0].uid.startswith("2.25.")
    assert read_rtstruct(tmp_path / "edited.dcm", volume).rois[0].uid == read.rois[0].uid
    old = pydicom.dcmread(tmp_path / "edited.dcm").PredecessorStructureSetSequence[0]
    assert old.ReferencedSOPInstanceUID == read.sop_instance_uid


@pytest.mark.parametrize("style", list(HoleStyle))
def test_holes_are_written_as_asked(tmp_path: Path, volume: Volume, structures: StructureSet, style: HoleStyle) -> None:
    certificate = export_rtstruct(structures, volume, tmp_path / "rt.dcm", ExportOptions(holes=style))
    kinds = {kind for kind, _ in contour_texts(tmp_path / "rt.dcm")[1]}
    assert kinds == {"CLOSED_PLANAR" if style is HoleStyle.KEYHOLE else "CLOSEDPLANAR_XOR"}
    (entry,) = certificate.structures
    assert entry.holes_screen == entry.holes_file > 0 and entry.dice == 1


def test_untouched_planes_are_written_as_they_were_read_beside_edited_ones(tmp_path: Path, volume: Volume) -> None:
    source = write_rtstruct(tmp_path / "rt.dcm", volume, {"A": [Contour(k) for k in range(5)]})
    read = read_rtstruct(source, volume)
    edited = read.with_roi(read.rois[0].with_areas({2: MultiPolygon([DISC])}))
    certificate = export_rtstruct(edited, volume, tmp_path / "edited.dcm")
    before, after = contour_texts(source)[1], contour_texts(tmp_path / "edited.dcm")[1]
    assert [after[k] for k in (0, 1, 3, 4)] == [before[k] for k in (0, 1, 3, 4)]
    assert after[2] != before[2]
    assert certificate.structures[0].untouched_planes == 4 and certificate.structures[0].untouched_identical


def test_what_a_file_says_beside_the_contours_survives(tmp_path: Path, volume: Volume) -> None:
    def rich(ds: Dataset) -> None:
        ds.StructureSetName = "Plan A"
        ds.add_new(0x37730010, "LO", "VENDOR")
        ds.add_new(0x37731001, "LO", "kept")
        ds.StructureSetROISequence[0].ROIDescription = "About A"
        seen = ds.RTROIObservationsSequence[0]
        seen.ROIInterpreter = "Doe^Jane"
        density = Dataset()
        density.ROIPhysicalProperty, density.ROIPhysicalPropertyValue = "REL_ELEC_DENSITY", "1.1"
        seen.ROIPhysicalPropertiesSequence = [density]
        second = Dataset()
        second.ObservationNumber, second.ReferencedROINumber, second.ROIObservationDescription = 2, 1, "Second"
        second.RTROIInterpretedType = second.ROIInterpreter = ""
        ds.RTROIObservationsSequence.append(second)
        contour = ds.ROIContourSequence[0].ContourSequence[0]
        contour.ContourNumber, contour.ContourSlabThickness = 5, "2.5"

    path = write_rtstruct(tmp_path / "rt.dcm", volume, {"A": [Contour(0), Contour(1)]}, rich)
    export_rtstruct(read_rtstruct(path, volume), volume, tmp_path / "again.dcm")
    ds = pydicom.dcmread(tmp_path / "again.dcm")
    assert (ds.StructureSetName, bytes(ds[0x37731001].value)) == ("Plan A", b"kept")
    assert ds.StructureSetROISequence[0].ROIDescription == "About A"
    first, second = ds.RTROIObservationsSequence
    assert first.ROIInterpreter == "Doe^Jane" and second.ROIObservationDescription == "Second"
    assert first.ROIPhysicalPropertiesSequence[0].ROIPhysicalPropertyValue == 1.1
    contour = ds.ROIContourSequence[0].ContourSequence[0]
    assert (contour.ContourNumber, contour.ContourSlabThickness) == (5, 2.5)


def test_only_the_chosen_structures_are_written(tmp_path: Path, volume: Volume) -> None:
    both = disc(volume, Roi(1, "A"), Roi(2, "B"), Roi(5, "C"))
    certificate = export_rtstruct(both, volume, tmp_path / "rt.dcm", ExportOptions(numbers=(5, 2)))
    assert [entry.name for entry in certificate.structures] == ["B", "C"]
    assert [roi.number for roi in read_rtstruct(tmp_path / "rt.dcm", volume).rois] == [2, 5]


def test_an_image_without_identity_still_gives_a_conformant_file(tmp_path: Path, volume: Volume) -> None:
    nameless = Volume(volume.voxels, volume.geometry)
    first = export_rtstruct(disc(nameless), nameless, tmp_path / "rt.dcm")
    assert outside_checker(tmp_path / "rt.dcm") == []
    assert export_rtstruct(disc(nameless), nameless, tmp_path / "b.dcm").sop_instance_uid == first.sop_instance_uid


def test_values_that_break_the_rules_are_written_so_that_they_keep_them(tmp_path: Path, volume: Volume) -> None:
    info = dataclasses.replace(
        volume.info, study_id="longer than sixteen letters", accession_number="x" * 40, study_date="yesterday",
        study_time="noon", patient_birth_date="1.2.1970", patient_sex="W", patient_id="x" * 80, patient_name="张^三",
        description="two\nlines", study_description="y" * 100,
    )  # fmt: skip
    odd = dataclasses.replace(volume, info=info)
    export_rtstruct(disc(odd, Roi(1, "tab\there\\slash")), odd, tmp_path / "rt.dcm")
    need_program("dciodvfy")
    assert problems(tmp_path / "rt.dcm", odd) == []


def test_presets_cite_their_sources_and_the_preflight_says_what_would_change(tmp_path: Path, volume: Volume) -> None:
    assert next(iter(presets())) == "standard"
    for entry in presets().values():
        assert all(rule.source and rule.reason for rule in entry.rules)
        entry.options()
    short = preset("tg263").options()
    both = disc(volume, Roi(1, "OpticNerve_Left_PRV"), Roi(2, "OpticNerve_Left_PRV05"), Roi(3, "Heart"))
    said = preflight(both, volume, short)
    assert (
        said
        == [
            "The name 'OpticNerve_Left_PRV' would be written as 'OpticNerve_Left'.",
            "The name 'OpticNerve_Left_PRV05' would be written as 'OpticNerve_Lef~2'.",
        ]
        or len(said) == 2
    )
    export_rtstruct(both, volume, tmp_path / "rt.dcm", short)
    names = [roi.name for roi in read_rtstruct(tmp_path / "rt.dcm", volume).rois]
    assert all(len(name) <= 16 for name in names) and len(set(names)) == 3 and names[2] == "Heart"
    assert preflight(disc(volume), volume, preset("standard").options()) == []
    with pytest.raises(PlanimeterError, match="no export preset 'mine'"):
        preset("mine")
