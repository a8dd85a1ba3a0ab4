"""`planimeter rtstruct to-masks | from-masks | check`, as a program."""

import io
import json
import os
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from engine.__main__ import commands, run
from engine.dicom.rtstruct_write import export_rtstruct
from engine.volume import Volume
from tests.rtstruct.foreign import even_odd_masks
from tests.rtstruct.study import SQUARE, Contour, make_study, shell, traced, write_rtstruct
from tests.synthetic import make_geometry

ROOT = Path(__file__).resolve().parents[2]


def planimeter(*arguments: object, status: int = 0) -> tuple[str, str]:
    """(standard output, standard error) of the command, which must end with `status`."""
    out, err = io.StringIO(), io.StringIO()
    ended: object = 0
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setattr(sys, "argv", ["planimeter", "rtstruct", *map(str, arguments)])
        try:
            run(commands)
        except SystemExit as end:
            ended = end.code
    said = err.getvalue()
    assert ended == status, said
    if status == 2:
        assert len(said.strip().splitlines()) == 1 and said.startswith("planimeter: ")
    return out.getvalue(), said


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Volume]:
    folder = tmp_path_factory.mktemp("study") / "ct"
    return folder, make_study(folder)


def arrays(folder: Path) -> dict[str, np.ndarray]:
    return {p.name: sitk.GetArrayFromImage(sitk.ReadImage(str(p))) for p in sorted(folder.iterdir())}


def test_masks_go_to_a_file_and_come_back_unchanged(tmp_path: Path, study: tuple[Path, Volume]) -> None:
    folder, volume = study
    mask = shell(volume.geometry.shape)
    for name, array in {"Shell": mask, "Not a shell": ~mask}.items():
        image = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder)))
        out = sitk.GetImageFromArray(array.astype(np.uint8))
        out.CopyInformation(image)
        (tmp_path / "in").mkdir(exist_ok=True)
        sitk.WriteImage(out, str(tmp_path / "in" / f"{name}.nii.gz"))
    printed, said = planimeter("from-masks", tmp_path / "in", folder, "-o", tmp_path / "rt.dcm")
    assert "Certified" in printed and "6 planes" in said
    assert (tmp_path / "rt.dcm.certificate.json").exists()
    foreign = even_odd_masks(tmp_path / "rt.dcm", folder)
    assert np.array_equal(foreign["Shell"], mask) and np.array_equal(foreign["Not a shell"], ~mask)
    planimeter("to-masks", tmp_path / "rt.dcm", folder, "-o", tmp_path / "out")
    found = arrays(tmp_path / "out")
    assert np.array_equal(found["Shell.nii.gz"], mask) and np.array_equal(found["Not a shell.nii.gz"], ~mask)
    assert found["Shell.nii.gz"].dtype == np.uint8


def test_the_commands_run_as_a_program(tmp_path: Path, study: tuple[Path, Volume]) -> None:
    folder, volume = study
    rt = write_rtstruct(tmp_path / "rt.dcm", volume, {"A": [Contour(0)]})
    for arguments, status in (
        (("to-masks", rt, folder, "-o", tmp_path / "out"), 0),
        (("check", rt, folder), 1),
        (("check", tmp_path / "gone.dcm", folder), 2),
    ):
        command = [sys.executable, "-m", "engine", "rtstruct", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        result = subprocess.run(command, capture_output=True, text=True, check=False, env=environment, timeout=120)
        assert result.returncode == status and "Traceback" not in result.stderr
    assert (tmp_path / "out" / "A.nii.gz").exists()


def test_the_series_that_the_file_refers_to_is_chosen_among_several(tmp_path: Path) -> None:
    small = make_geometry((4, 30, 30), (1, 1, 2.5), origin=(0, 0, 0))
    first = make_study(tmp_path / "all" / "a", small, SeriesDescription="wanted")
    make_study(
        tmp_path / "all" / "b", make_geometry((9, 40, 40), (1, 1, 2.5), origin=(0, 0, 0)), SeriesDescription="larger"
    )
    write_rtstruct(tmp_path / "rt.dcm", first, {"Box": [Contour(1, ((5, 5), (20, 5), (20, 20), (5, 20)))]})
    _, said = planimeter("to-masks", tmp_path / "rt.dcm", tmp_path / "all", "-o", tmp_path / "out")
    assert "'wanted'" in said and "one of 2" in said
    assert arrays(tmp_path / "out")["Box.nii.gz"].shape == (4, 30, 30)


def test_two_structures_of_one_name_and_empty_ones_each_get_a_file(tmp_path: Path, study: tuple[Path, Volume]) -> None:
    folder, volume = study

    def same(ds: object) -> None:
        for item in ds.StructureSetROISequence[:2]:  # type: ignore[attr-defined]
            item.ROIName = "Same/Name"

    write_rtstruct(tmp_path / "rt.dcm", volume, {"A": [Contour(0)], "B": [Contour(1)], "None": []}, same)
    printed, said = planimeter("to-masks", tmp_path / "rt.dcm", folder, "-o", tmp_path / "out", "--format", "nrrd")
    found = arrays(tmp_path / "out")
    assert list(found) == ["None.nrrd", "Same_Name.nrrd", "Same_Name_2.nrrd"]
    assert [int(found[name].any(axis=(1, 2)).argmax()) for name in list(found)[1:]] == [0, 1]
    assert not found["None.nrrd"].any() and "no contours" in said and "Same/Name" in printed


def test_uneven_planes_are_said_to_be_uneven_and_come_back(tmp_path: Path) -> None:
    offsets = np.zeros((5, 3))
    offsets[:, 2], offsets[:, 1] = [0, 1, 1, 3, 3.5], np.arange(5) * 0.7
    volume = make_study(tmp_path / "ct", make_geometry((5, 40, 40), (1, 1, 3), offsets=offsets))
    mask = shell(volume.geometry.shape)
    export_rtstruct(traced(volume, {"Shell": mask}), volume, tmp_path / "rt.dcm")
    _, said = planimeter("to-masks", tmp_path / "rt.dcm", tmp_path / "ct", "-o", tmp_path / "out")
    assert "unevenly spaced or tilted" in said
    assert np.array_equal(arrays(tmp_path / "out")["Shell.nii.gz"], mask)
    planimeter("from-masks", tmp_path / "out", tmp_path / "ct", "-o", tmp_path / "again.dcm")
    assert np.array_equal(even_odd_masks(tmp_path / "again.dcm", tmp_path / "ct")["Shell"], mask)


def test_check_measures_and_passes_our_own_files(tmp_path: Path, study: tuple[Path, Volume]) -> None:
    folder, volume = study
    export_rtstruct(traced(volume, {"Shell": shell(volume.geometry.shape)}), volume, tmp_path / "rt.dcm")
    printed, said = planimeter("check", tmp_path / "rt.dcm", folder, "--json")
    report = json.loads(printed)
    assert report["ok"] and report["problems"] == [] and said == ""
    (shown,) = report["structures"]
    mask = shell(volume.geometry.shape)
    voxels = mask.sum() * 1.0 * 1.25 * 2.5 / 1000
    assert shown["volume_cm3"] == pytest.approx(voxels, rel=0.01)
    centre = volume.geometry.lps_from_kji(np.argwhere(mask).mean(axis=0))[0]
    assert shown["centroid"] == pytest.approx(centre.tolist(), abs=0.3)
    assert shown["holes"] > 0 and shown["planes"] == int(mask.any(axis=(1, 2)).sum())
    assert "ok" in planimeter("check", tmp_path / "rt.dcm", folder)[0]


def test_check_names_what_is_wrong_and_ends_with_one(tmp_path: Path, study: tuple[Path, Volume]) -> None:
    folder, volume = study

    def wrong(ds: object) -> None:
        contours = ds.ROIContourSequence[0].ContourSequence  # type: ignore[attr-defined]
        contours[0].ContourImageSequence[0].ReferencedSOPInstanceUID = "1.2.3"
        contours[1].ContourImageSequence = contours[2].ContourImageSequence
        contours[2].NumberOfContourPoints = 9
        ds.ROIContourSequence[0].ReferencedROINumber = 4  # type: ignore[attr-defined]

    contours = [*(Contour(k) for k in range(3)), Contour(3, off_mm=1), Contour(4, SQUARE[:2])]
    write_rtstruct(tmp_path / "rt.dcm", volume, {"A": contours}, wrong)
    report = json.loads(planimeter("check", tmp_path / "rt.dcm", folder, "--json", status=1)[0])
    text = "\n".join(report["problems"])
    assert not report["ok"]
    for words in ("not in the series", "another image than", "another number of points", "off the planes",
                  "ROI number 4, which is not there", "fewer than three points", "PatientName is missing"):  # fmt: skip
        assert words in text, words


def test_check_compares_two_files(tmp_path: Path, study: tuple[Path, Volume]) -> None:
    folder, volume = study
    moved = [(u + 2, v) for u, v in SQUARE]
    write_rtstruct(tmp_path / "a.dcm", volume, {"Box": [Contour(k) for k in range(1, 5)], "Only": [Contour(1)]})
    write_rtstruct(tmp_path / "b.dcm", volume, {"Box": [Contour(k, moved) for k in range(1, 5)]})
    arguments = ("check", tmp_path / "a.dcm", folder, "--against", tmp_path / "b.dcm", "--json")
    report = json.loads(planimeter(*arguments, "--tolerance", "1", status=1)[0])
    (entry,) = report["comparison"]
    assert entry["dice"] == pytest.approx(0.9) and entry["hd95_mm"] == pytest.approx(2.0, abs=0.5)
    assert entry["volume_difference_cm3"] == pytest.approx(0, abs=1e-9)
    assert entry["largest_line_distance_mm"] == pytest.approx(2.0, abs=0.15)
    assert 0 < entry["surface_dice"] < 1 and entry["added_path_length_mm"] > 4 * 18
    assert any("'Only'" in note for note in report["notes"])


def test_bad_input_is_one_sentence_and_status_two(tmp_path: Path, study: tuple[Path, Volume]) -> None:
    folder, volume = study
    rt = write_rtstruct(tmp_path / "rt.dcm", volume, {"A": [Contour(0)]})
    (tmp_path / "text.dcm").write_text("no DICOM at all")
    (tmp_path / "empty").mkdir()
    other = tmp_path / "other"
    make_study(other, make_geometry((3, 20, 20)), PatientID="X", FrameOfReferenceUID="1.2.3", StudyInstanceUID="1.2.4")
    out = ("-o", tmp_path / "out")
    planimeter("to-masks", tmp_path / "gone.dcm", folder, *out, status=2)
    planimeter("to-masks", tmp_path / "text.dcm", folder, *out, status=2)
    planimeter("to-masks", folder / "0000.dcm", folder, *out, status=2)
    planimeter("to-masks", rt, tmp_path / "empty", *out, status=2)
    planimeter("to-masks", rt, tmp_path / "gone", *out, status=2)
    assert "belongs to another image" in planimeter("to-masks", rt, other, *out, status=2)[1]
    planimeter("from-masks", tmp_path / "empty", folder, "-o", tmp_path / "x.dcm", status=2)
    planimeter("to-masks", rt, folder, "-o", tmp_path / "text.dcm", status=2)
    planimeter("to-masks", rt, folder, *out)
    far = tmp_path / "far"
    make_study(far, make_geometry((3, 20, 20), origin=(500, 500, 500)))
    assert "outside the image" in planimeter("from-masks", tmp_path / "out", far, "-o", tmp_path / "x.dcm", status=2)[1]
    planimeter("from-masks", tmp_path / "out", folder, "-o", tmp_path / "no" / "x.dcm", status=2)
    planimeter("from-masks", tmp_path / "out", folder, "-o", tmp_path / "x.dcm", "--preset", "mine", status=2)
    planimeter("from-masks", tmp_path / "out", folder, "-o", tmp_path / "x.dcm", "--series", "1.2", status=2)
    planimeter("check", tmp_path / "text.dcm", status=2)
    assert not (tmp_path / "x.dcm").exists()
