"""Whatever is left out of a series is told alike by all commands, with an exit status that scripts can see."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from pydicom import dcmread
from pydicom.dataset import Dataset

from engine.__main__ import commands
from engine.dicom.rtstruct_write import export_rtstruct
from engine.opening import open_volume
from engine.structures import Roi, StructureSet
from engine.volume import Volume
from tests.engine.phantoms import make_scene
from tests.synthetic import make_geometry, make_voxels, write_series

UID = "1.2.826.0.1.3680043.8.498.9"


def call(*arguments: object) -> Result:
    return CliRunner().invoke(commands, [str(argument) for argument in arguments], prog_name="planimeter")


@pytest.fixture(scope="module")
def volume() -> Volume:
    return make_scene(planes=12, spacing=(2.0, 2.0, 3.0), couch="shell").volume


@pytest.fixture(scope="module")
def phases(tmp_path_factory: pytest.TempPathFactory, volume: Volume) -> Path:
    """A 4D CT of two phases."""
    folder = tmp_path_factory.mktemp("phases")
    for phase in (0, 50):

        def edit(dataset: Dataset, k: int, phase: int = phase) -> None:
            dataset.ImageComments = f"{phase}%"
            dataset.SOPInstanceUID = f"{UID}.{phase + 1}.{k}"

        names = [f"{phase:02d}_{k:02d}" for k in range(12)]
        write_series(folder, volume.voxels, volume.geometry, names=names, edit=edit, SeriesInstanceUID=UID)
    return folder


def test_contour_tells_it_and_ends_with_a_warning_status(phases: Path, tmp_path: Path) -> None:
    result = call("contour", phases, "--model", "external", "-o", tmp_path / "RT.dcm", "--json")
    assert result.exit_code == 3
    told = json.loads(result.stdout)
    assert told["ok"]
    (left,) = told["left_out"]
    assert (left["kind"], left["planes"], len(left["files"])) == ("phases", 12, 12)
    assert left["sentence"] in result.stderr and left["sentence"] in told["notes"]
    assert "50%" in left["sentence"]


@pytest.mark.parametrize(("name", "phase"), [("#50%", 51), ("#0%", 1), ("#1", 1), ("#2", 51)])
def test_a_part_that_is_named_is_contoured_without_a_warning_status(
    phases: Path, tmp_path: Path, name: str, phase: int
) -> None:
    output = tmp_path / "RT.dcm"
    result = call("contour", phases, "--model", "external", "-o", output, "--series", f"{UID}{name}")
    assert result.exit_code == 0, result.output
    contour = dcmread(output).ROIContourSequence[0].ContourSequence[0]
    assert contour.ContourImageSequence[0].ReferencedSOPInstanceUID.startswith(f"{UID}.{phase}.")


def test_the_other_commands_tell_it_too(phases: Path, tmp_path: Path) -> None:
    drawn = tmp_path / "RT.dcm"
    call("contour", phases, "--model", "external", "-o", drawn)
    masks = tmp_path / "masks"
    for arguments in (
        ("rtstruct", "to-masks", drawn, phases, "-o", masks),
        ("rtstruct", "from-masks", masks, phases, "-o", tmp_path / "again.dcm"),
        ("rtstruct", "check", drawn, phases, "--json"),
    ):
        result = call(*arguments)
        assert result.exit_code == 3, (arguments, result.output)
        assert "told apart by phase" in result.stderr
    assert json.loads(result.stdout)["left_out"][0]["planes"] == 12


def test_a_whole_series_has_no_warning_status(tmp_path: Path, volume: Volume) -> None:
    write_series(tmp_path / "ct", volume.voxels, volume.geometry)
    result = call("contour", tmp_path / "ct", "--model", "external", "-o", tmp_path / "RT.dcm", "--json")
    assert result.exit_code == 0
    assert json.loads(result.stdout)["left_out"] == []


def test_a_file_that_is_cut_off_is_told_the_same_way(tmp_path: Path, volume: Volume) -> None:
    files = write_series(tmp_path / "ct", volume.voxels, volume.geometry)
    files[3].write_bytes(files[3].read_bytes()[:-500])
    result = call("contour", tmp_path / "ct", "--model", "external", "-o", tmp_path / "RT.dcm", "--json")
    assert result.exit_code == 3
    assert json.loads(result.stdout)["left_out"][0]["kind"] == "damaged"


@pytest.mark.parametrize("content", [b"", bytes(4096), b"<html>The server is busy</html>"], ids=["none", "0", "other"])
def test_a_file_of_the_series_that_is_no_longer_dicom_is_told(tmp_path: Path, volume: Volume, content: bytes) -> None:
    files = write_series(tmp_path / "ct", volume.voxels, volume.geometry)
    files[-1].write_bytes(content)
    result = call("contour", tmp_path / "ct", "--model", "external", "-o", tmp_path / "RT.dcm", "--json")
    assert result.exit_code == 3, result.output
    (left,) = json.loads(result.stdout)["left_out"]
    assert (left["kind"], left["files"]) == ("damaged", [str(files[-1])])


def test_masks_tell_a_damaged_file_beside_the_series_too(tmp_path: Path, volume: Volume) -> None:
    files = write_series(tmp_path / "ct", volume.voxels, volume.geometry)
    opened = open_volume(tmp_path / "ct")
    export_rtstruct(StructureSet(opened.geometry, (Roi(1, "Empty"),)), opened, tmp_path / "rt.dcm")
    files[-1].write_bytes(files[-1].read_bytes()[:300])
    result = call("rtstruct", "to-masks", tmp_path / "rt.dcm", tmp_path / "ct", "-o", tmp_path / "masks")
    assert result.exit_code == 3 and files[-1].name in result.stderr


def test_other_files_beside_a_series_are_not_missed(tmp_path: Path, volume: Volume) -> None:
    write_series(tmp_path / "ct", volume.voxels, volume.geometry)
    (tmp_path / "ct" / "readme.txt").write_text("")
    (tmp_path / "ct" / "VERSION").write_text("3")
    result = call("contour", tmp_path / "ct", "--model", "external", "-o", tmp_path / "RT.dcm", "--json")
    assert result.exit_code == 0, result.output


def test_a_picture_in_colour_among_the_planes_is_called_that(tmp_path: Path) -> None:
    def edit(dataset: Dataset, k: int) -> None:
        if k == 2:
            dataset.SamplesPerPixel, dataset.PhotometricInterpretation, dataset.PlanarConfiguration = 3, "RGB", 0
            dataset.PixelData = dataset.PixelData[: len(dataset.PixelData) // 2] * 3
            dataset.BitsAllocated = dataset.BitsStored = 8
            dataset.HighBit, dataset.PixelRepresentation = 7, 0

    voxels = make_voxels((4, 6, 6))
    write_series(tmp_path, voxels, make_geometry(voxels.shape), edit=edit)
    assert "Part of this series is left out: 1 plane [in colour]." in open_volume(tmp_path).notes
