"""A picture or volume that is no DICOM is written as one, with its patient, for a report or a segmentation of it."""

import json
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import shapely
import SimpleITK as sitk
from PIL import Image
from pydicom import dcmread

from engine.answers import Finding
from engine.contouring.fill import fill
from engine.dicom import report_write
from engine.dicom.picture_write import PICTURE_KINDS, write_picture
from engine.dicom.report_write import export_report
from engine.dicom.segmentation import Frame
from engine.dicom.segmentation_on_picture import on_picture
from engine.dicom.segmentation_write import export_segmentation
from engine.dicom.written_image import PatientIdentity
from engine.errors import MismatchError, WriteError
from engine.findings.assessment import Assessment, Evidence, Signature, Verdict
from engine.opening import find_structures, image_of, open_volume, owner_of
from engine.stored.read import read_findings, read_structures
from engine.stored.scan import scan
from engine.structures import Roi, StructureSet
from engine.volume import Geometry, Instance, Volume
from tests.engine.models import write_card
from tests.engine.operation_examples import classifier, output
from tests.report.findings import box, report_in, score
from tests.report.test_report_command import call

JANE = PatientIdentity("Müller^Jane", "7", "XC")
SIGNED = Signature("Doe^Jane", "St Elsewhere", "2026-02-03T11:00:00+00:00")


def values(shape: tuple[int, ...], kind: type[np.unsignedinteger] = np.uint8) -> np.ndarray:
    return np.random.default_rng(1).integers(0, np.iinfo(kind).max, shape, kind)


def pages(folder: Path, shape: tuple[int, ...], kind: type[np.unsignedinteger] = np.uint8) -> Path:
    first, *others = [Image.fromarray(page) for page in values((3, *shape), kind)]
    first.save(folder / "a.tif", save_all=True, append_images=others)
    return folder / "a.tif"


def file(folder: Path, name: str, array: np.ndarray) -> Path:
    Image.fromarray(array).save(folder / name)
    return folder / name


KINDS: dict[str, Callable[[Path], Path]] = {
    "colours": lambda folder: file(folder, "a.png", values((31, 43, 3))),
    "a lossy JPEG": lambda folder: file(folder, "a.jpg", values((31, 43, 3))),
    "grey": lambda folder: file(folder, "a.png", values((31, 43))),
    "16 bits": lambda folder: file(folder, "a.png", values((31, 43), np.uint16)),
    "pages in colour": lambda folder: pages(folder, (31, 43, 3)),
    "grey pages": lambda folder: pages(folder, (31, 43)),
    "pages of 16 bits": lambda folder: pages(folder, (31, 43), np.uint16),
}


def checked(path: Path) -> list[str]:
    """The errors that dciodvfy finds; none where it is not installed."""
    if not shutil.which("dciodvfy"):
        return []
    told = subprocess.run(["dciodvfy", "-new", path], capture_output=True, check=False).stderr.decode(
        "utf-8", "replace"
    )
    return [line for line in told.splitlines() if line.startswith("Error")]


def judged(finding: Finding) -> Finding:
    return replace(finding, assessment=Assessment(Verdict.ACCEPTED, reader="Doe^Jane", time=SIGNED.time))


@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_becomes_a_dicom_picture_pixel_by_pixel(kind: str, tmp_path: Path) -> None:
    volume = open_volume(KINDS[kind](tmp_path))
    for modality in PICTURE_KINDS:
        path = tmp_path / f"{modality}.dcm"
        write_picture(volume, path, replace(JANE, modality=modality))
        written = dcmread(path)
        pixels = written.pixel_array.reshape(volume.voxels.shape)
        assert np.array_equal(pixels, volume.voxels) and pixels.dtype == volume.voxels.dtype
        assert (written.PatientName, written.PatientID, written.Modality) == (JANE.name, JANE.patient_id, modality)
        assert written.LossyImageCompression == ("01" if kind == "a lossy JPEG" else "00")
        assert checked(path) == []
        again = path.read_bytes()
        path.unlink()
        write_picture(volume, path, replace(JANE, modality=modality))
        assert path.read_bytes() == again


@pytest.mark.parametrize(
    ("patient", "words"),
    [
        (PatientIdentity("", "7", "XC"), "give the patient's name"),
        (PatientIdentity("Doe", " ", "XC"), "give the patient's ID"),
        (PatientIdentity("Doe", "7", ""), "tell whether it is a photograph"),
        (PatientIdentity("Doe", "7", "CT"), "tell whether it is a photograph"),
    ],
)
def test_a_picture_of_nobody_or_of_no_kind_is_refused(patient: PatientIdentity, words: str, tmp_path: Path) -> None:
    volume = open_volume(KINDS["grey"](tmp_path))
    with pytest.raises(MismatchError, match=words):
        export_report([score(1)], volume, tmp_path / "r.dcm", patient=patient)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_signed_report_of_a_picture_refers_to_its_dicom_twin_and_so_does_the_next(tmp_path: Path) -> None:
    volume = open_volume(KINDS["colours"](tmp_path))
    marked = box(1, low_kji=(0, 5, 6), high_kji=(0, 9, 12))
    whole = score(2, evidence=Evidence(series_uid=volume.info.series_uid, plane=0))
    findings = tuple(map(judged, (score(1), marked, whole)))
    first = export_report(findings, volume, tmp_path / "r.dcm", signature=SIGNED, patient=JANE)
    changed = (replace(findings[0], assessment=replace(findings[0].assessment, comment="After all")), *findings[1:])
    second = export_report(
        changed, volume, tmp_path / "r2.dcm", signature=SIGNED, predecessor=first.filed, patient=JANE
    )
    assert second.certificate.predecessor == first.filed.sop_instance_uid
    assert sorted(path.name for path in tmp_path.glob("*.dcm")) == ["a_image.dcm", "r.dcm", "r2.dcm"]
    report, picture = report_in(tmp_path / "r2.dcm"), open_volume(tmp_path / "a_image.dcm")
    assert owner_of(report, scan([tmp_path]).images()).files == (tmp_path / "a_image.dcm",)
    read = read_findings(report, picture)
    assert read.notes == () and read.filed == second.filed
    assert read.findings[1].evidence.high_kji == (0, 9, 12) and read.findings[2].evidence.series_uid == ""
    assert checked(tmp_path / "r.dcm") == []
    with pytest.raises(WriteError, match="another patient; choose another folder"):
        export_report(findings, volume, tmp_path / "r3.dcm", patient=replace(JANE, patient_id="8"))
    with pytest.raises(MismatchError, match="belongs to another study"):
        read_findings(report, volume)


def test_a_report_that_fails_leaves_no_picture_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volume = open_volume(KINDS["grey"](tmp_path))
    monkeypatch.setattr(report_write, "report_bytes", lambda *_: b"no report")
    with pytest.raises(Exception, match=r"r\.dcm"):
        export_report([score(1)], volume, tmp_path / "r.dcm", patient=JANE)
    assert [path.name for path in tmp_path.iterdir()] == ["a.png"]


def test_a_volume_without_dicom_is_written_as_a_series_for_its_report(tmp_path: Path) -> None:
    image = sitk.GetImageFromArray(np.random.default_rng(1).integers(-900, 900, (3, 12, 10)).astype(np.int16))
    sitk.WriteImage(image, str(tmp_path / "a.nii.gz"))
    volume, findings = open_volume(tmp_path / "a.nii.gz"), (judged(box(1, low_kji=(0, 2, 2), high_kji=(2, 8, 7))),)
    patient = replace(JANE, modality="CT")
    for _ in range(2):
        export_report(findings, volume, tmp_path / "r.dcm", patient=patient)
    assert len(list((tmp_path / "r_images").iterdir())) == 3
    read = read_findings(report_in(tmp_path / "r.dcm"), open_volume(tmp_path / "r_images"))
    assert read.findings[0].evidence == findings[0].evidence
    with pytest.raises(WriteError, match="holds something else"):
        export_report(findings, volume, tmp_path / "r.dcm", patient=replace(patient, name="Doe^John"))


def test_times_of_utc_are_no_error_to_dcmtk_and_come_back_as_they_were(tmp_path: Path) -> None:
    volume = open_volume(KINDS["grey"](tmp_path))
    findings = (
        judged(score(1)),
        replace(score(2), assessment=Assessment(Verdict.REJECTED, time="2026-02-03T10:11:12-05:00")),
    )
    written = export_report(findings, volume, tmp_path / "r.dcm", signature=SIGNED, patient=JANE)
    read = read_findings(report_in(tmp_path / "r.dcm"), open_volume(tmp_path / "a_image.dcm"))
    assert [finding.assessment.time for finding in read.findings] == [f.assessment.time for f in findings]
    assert read.filed.signature == SIGNED and read.filed == written.filed
    if shutil.which("dsrdump"):
        dump = subprocess.run(["dsrdump", "-Ee", tmp_path / "r.dcm"], capture_output=True, check=False)
        assert dump.returncode == 0 and dump.stderr == b""


def test_a_segmentation_comes_back_onto_its_picture_and_onto_no_other(tmp_path: Path) -> None:
    volume = open_volume(KINDS["colours"](tmp_path))
    lesion = Roi(1, "Lesion").with_areas({0: shapely.MultiPolygon([shapely.Point(20, 14).buffer(9)])})
    structures = StructureSet(volume.geometry, (lesion,))
    export_segmentation(structures, volume, tmp_path / "seg.dcm", patient=JANE)
    assert checked(tmp_path / "seg.dcm") == []
    found, picture = find_structures(tmp_path / "seg.dcm"), open_volume(tmp_path / "a_image.dcm")
    read = read_structures(found, picture)
    assert read.notes == () and [roi.name for roi in read.rois] == ["Lesion"]
    masks = [fill({0: roi.area(0)}, volume.geometry) for roi in (lesion, read.rois[0])]
    assert np.array_equal(*masks)
    other = file(tmp_path, "b.png", 255 - values((31, 43, 3)))
    write_picture(open_volume(other), tmp_path / "b_image.dcm", JANE)
    assert image_of(found, scan([tmp_path]).images()).series.files == (tmp_path / "a_image.dcm",)
    for stranger in (tmp_path / "b_image.dcm", other):
        with pytest.raises(MismatchError, match="made on another picture"):
            read_structures(found, open_volume(stranger))


def test_frames_of_a_segmentation_lie_on_the_frames_that_they_were_made_of() -> None:
    geometry = Geometry.picture((3, 4, 5))
    instances = tuple(Instance("1.2", "1.2.3", number) for number in (1, 2, 3))
    volume = Volume(np.zeros(geometry.shape, np.uint8), geometry, "US", instances=instances)
    inside = np.eye(4, 5) > 0
    frames = [Frame(None, inside, (("1.2.3", number),)) for number in (2, 3)]  # type: ignore[arg-type]
    notes: list[str] = []
    assert on_picture(frames, volume, "Lesion", notes).sum(axis=(1, 2)).tolist() == [0, 4, 4] and not notes
    unsaid = Frame(None, inside)  # type: ignore[arg-type]
    assert not on_picture([unsaid], volume, "Lesion", notes).any() and "1 frames don't say" in notes[0]
    with pytest.raises(MismatchError, match="5 × 3 pixels and the picture 5 × 4"):
        on_picture([Frame(None, inside[:3])], volume, "Lesion", notes)  # type: ignore[arg-type]


def test_the_command_writes_a_report_with_the_image_when_the_patient_is_told(tmp_path: Path) -> None:
    model, case = tmp_path / "kinds", tmp_path / "case.nii.gz"
    model.mkdir()
    write_card(model, [classifier(model)], [output(label, kind="score") for label in "abc"], task="classify")
    sitk.WriteImage(sitk.GetImageFromArray(np.full((8, 32, 32), 40, np.int16)), str(case))
    told = ("--with-image", "--override", "--patient-name", "Doe^Jane", "--patient-id", "7")
    refused = call("run", case, "--model", model, "-o", tmp_path / "r.dcm", *told[:-2])
    assert isinstance(refused.exception, WriteError) and "give the patient's ID" in str(refused.exception)
    result = call(
        "run", case, "--model", model, "-o", tmp_path / "r.dcm", *told, "--modality", "CT", "--override", "--json"
    )
    assert result.exit_code == 0, result.output
    read = read_findings(report_in(tmp_path / "r.dcm"), open_volume(tmp_path / "r_images"))
    assert len(read.findings) == len(json.loads(result.stdout)["scores"]) == 3
