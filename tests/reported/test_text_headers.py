"""NRRD and MetaImage headers that say more than ITK reads, and DICOM files under another kind's name."""

import re
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from engine.errors import ReadError
from engine.files.masks import read_mask
from engine.opening import open_volume
from tests.synthetic import make_geometry, make_voxels, write_series

VALUES = np.arange(3 * 5 * 4, dtype=np.int16).reshape(3, 5, 4)
NRRD = "NRRD0004\ntype: short\ndimension: 3\nsizes: 4 5 3\nendian: little\nencoding: raw\n"
META = (
    "ObjectType = Image\nNDims = 3\nDimSize = 4 5 3\nElementSpacing = 1 1 3\nOffset = 1 2 3\nBinaryData = True\n"
    "BinaryDataByteOrderMSB = False\nElementType = MET_SHORT\n"
)


def nrrd(folder: Path, *, space: str = "left-posterior-superior", scale: float = 1.0, units: str = "") -> Path:
    path = folder / "image.nrrd"
    place = f"space: {space}\nspace directions: ({scale},0,0) (0,{scale},0) (0,0,{3 * scale})\n"
    place += f"space origin: ({scale},{2 * scale},{3 * scale})\n"
    place += f"space units: {' '.join([units] * 3)}\n" if units else ""
    path.write_bytes((NRRD + place + "\n").encode() + VALUES.tobytes())
    return path


def meta(folder: Path, fields: str) -> Path:
    path = folder / "image.mha"
    path.write_bytes((META + fields + "ElementDataFile = LOCAL\n").encode() + VALUES.tobytes())
    return path


@pytest.mark.parametrize(
    ("units", "factor"), [('"mm"', 1), ('"um"', 1e-3), ('"µm"', 1e-3), ('"microns"', 1e-3), ('"cm"', 10), ('"m"', 1e3)]
)
def test_lengths_of_an_nrrd_in_other_units_become_millimetres(tmp_path: Path, units: str, factor: float) -> None:
    volume = open_volume(nrrd(tmp_path, scale=1 / factor, units=units))
    np.testing.assert_allclose(volume.geometry.spacing_xyz, (1, 1, 3))
    np.testing.assert_allclose(volume.geometry.origins_lps[0], (1, 2, 3))
    assert any("turned into millimetres" in note for note in volume.notes) == (factor != 1)


def test_a_mask_is_read_in_the_same_units(tmp_path: Path) -> None:
    path = nrrd(tmp_path, scale=1000, units='"um"')
    data = path.read_bytes()
    path.write_bytes(data[: -VALUES.nbytes] + (VALUES > 30).astype("<i2").tobytes())
    np.testing.assert_allclose(read_mask(path).geometry.spacing_xyz, (1, 1, 3))


def test_lengths_in_a_unit_that_is_not_known_are_told(tmp_path: Path) -> None:
    volume = open_volume(nrrd(tmp_path, units='"furlongs"'))
    assert volume.geometry.spacing_uv == (1, 1) and any("furlongs" in note for note in volume.notes)


@pytest.mark.parametrize(
    ("space", "certain"),
    [
        ("left-posterior-superior", True), ("RAS", True), ("left-posterior-superior-time", True),
        ("scanner-xyz", False), ("3D-right-handed", False), ("3D-left-handed", False),
    ],
)  # fmt: skip
def test_a_space_that_is_not_the_patient_s_is_told(tmp_path: Path, space: str, certain: bool) -> None:
    path = nrrd(tmp_path, space=space)
    if space.endswith("time"):
        text = path.read_bytes().replace(b"space: left-posterior-superior-time", b"space: LPS")
        path.write_bytes(text)
    volume = open_volume(path)
    assert any("not certain" in note for note in volume.notes) != certain


def test_the_scale_of_a_metaimage_s_values_is_applied_and_told(tmp_path: Path) -> None:
    fields = "ElementToIntensityFunctionSlope = 2\nElementToIntensityFunctionOffset = -10\n"
    volume = open_volume(meta(tmp_path, fields))
    np.testing.assert_array_equal(volume.voxels, VALUES * 2 - 10)
    assert any("scaled by 2 and -10" in note for note in volume.notes)


def test_a_scale_of_one_needs_no_word_and_one_that_is_no_number_is_refused(tmp_path: Path) -> None:
    volume = open_volume(meta(tmp_path, "ElementToIntensityFunctionSlope = 1\n"))
    np.testing.assert_array_equal(volume.voxels, VALUES)
    assert not any("scaled" in note for note in volume.notes)
    with pytest.raises(ReadError, match="scaled by nan"):
        open_volume(meta(tmp_path, "ElementToIntensityFunctionSlope = nan\n"))


@pytest.mark.parametrize("written", ["RAI", "LPI", "???", "RPI"])
def test_an_orientation_in_letters_that_contradicts_the_matrix_is_told(tmp_path: Path, written: str) -> None:
    matrix = "TransformMatrix = 1 0 0 0 1 0 0 0 1\n"
    volume = open_volume(meta(tmp_path, matrix + f"AnatomicalOrientation = {written}\n"))
    assert any(written in note for note in volume.notes) == (written in ("LPI", "RPI"))


@pytest.mark.parametrize("turned", [0.0, 0.3, 3.0])
def test_letters_that_itk_writes_never_contradict_its_matrix(tmp_path: Path, turned: float) -> None:
    image = sitk.GetImageFromArray(VALUES)
    c, s = np.cos(turned), np.sin(turned)
    image.SetDirection([c, -s, 0, s, c, 0, 0, 0, 1])
    sitk.WriteImage(image, str(tmp_path / "image.mha"))
    assert not any("orientation" in note for note in open_volume(tmp_path / "image.mha").notes)


@pytest.mark.parametrize("suffix", [".nii", ".nrrd", ".img", ".png"])
def test_a_dicom_file_is_one_whatever_its_name_is(tmp_path: Path, suffix: str) -> None:
    voxels = make_voxels((3, 8, 6))
    write_series(tmp_path, voxels, make_geometry(voxels.shape), names=[f"{k}{suffix}" for k in range(3)])
    np.testing.assert_array_equal(open_volume(tmp_path).voxels, voxels)


@pytest.mark.parametrize("kind", ["NRRD", "MetaImage"])
def test_voxels_whose_size_the_file_does_not_say_are_told(tmp_path: Path, kind: str) -> None:
    if kind == "NRRD":
        path = tmp_path / "image.nrrd"
        path.write_bytes((NRRD + "\n").encode() + VALUES.tobytes())
    else:
        path = meta(tmp_path, "")
        path.write_bytes(path.read_bytes().replace(b"ElementSpacing = 1 1 3\n", b""))
    volume = open_volume(path)
    assert volume.geometry.spacing_xyz == (1, 1, 1)
    assert any("how large its voxels are" in note for note in volume.notes)


@pytest.mark.parametrize(("name", "field"), [
    ("a.mha", "Modality = MET_MOD_MR"), ("a.mha", "0008|0060 = MR"), ("a.nrrd", "0008|0060:=MR"),
    ("a.nrrd", "modality:=mr"),
])  # fmt: skip
@pytest.mark.parametrize("modality", ["MR", "CT", "??"])
def test_a_modality_that_the_file_names_is_believed(tmp_path: Path, name: str, field: str, modality: str) -> None:
    values = make_voxels((3, 4, 5))
    sitk.WriteImage(sitk.GetImageFromArray(values), str(tmp_path / name))
    data = (tmp_path / name).read_bytes()
    line = re.sub("MR|mr", modality if "mr" not in field else modality.lower(), field).encode() + b"\n"
    at = data.index(b"ElementDataFile") if name.endswith(".mha") else data.index(b"\n\n") + 1
    (tmp_path / name).write_bytes(data[:at] + line + data[at:])
    volume = open_volume(tmp_path / name)
    assert np.array_equal(volume.voxels, values)
    told = " ".join(volume.notes)
    if modality == "MR":
        assert (volume.modality, volume.units) == ("MR", "") and "taken for" not in told
    else:
        assert (volume.modality, volume.units) == ("CT", "HU")
        assert ("names no unit of its values: taken for HU" in told) == (modality == "CT")
        assert ("names no modality: taken for a CT" in told) == (modality == "??")


def test_voxels_without_a_size_along_an_axis_are_told(tmp_path: Path) -> None:
    header = "NRRD0004\ntype: short\ndimension: 3\nsizes: 5 4 3\nspacings: 1 2 nan\nencoding: raw\nendian: little\n\n"
    (tmp_path / "a.nrrd").write_bytes(header.encode() + make_voxels((3, 4, 5)).tobytes())
    notes = open_volume(tmp_path / "a.nrrd").notes
    assert any("how large its voxels are along axis 3" in note for note in notes)
