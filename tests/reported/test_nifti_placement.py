"""Where a NIfTI file lies: its two forms, its units, and what it says when it does not know."""

from pathlib import Path

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray

from engine.errors import PlanimeterError, ReadError
from engine.files.grid_file import read_grid
from engine.opening import open_volume
from engine.stored.scan import scan
from engine.volume import Volume
from tests.synthetic import make_voxels, random_rotation

SHAPE = (5, 7, 6)
STORED = make_voxels(SHAPE, low=0, high=200).transpose(2, 1, 0)


def matrix(
    seed: int = 0, move: tuple[float, float, float] = (0, 0, 0), signs: tuple[int, int, int] = (1, 1, 1)
) -> NDArray:
    out = np.eye(4)
    out[:3, :3] = (random_rotation(seed) if seed else np.eye(3)) * (0.9, 1.1, 2.5) * signs
    out[:3, 3] = np.array((5.0, -6.0, 7.0)) + move
    return out


def save(
    path: Path,
    sform: NDArray | None,
    qform: NDArray | None,
    codes: tuple[int, int] = (1, 1),
    kind: type = nibabel.Nifti1Image,
) -> Path:
    image = kind(STORED, np.eye(4))
    image.set_sform(sform, codes[0] if sform is not None else 0)
    image.set_qform(qform, codes[1] if qform is not None else 0)
    if sform is not None and qform is None:
        # As other programs do, and nibabel only with a qform.
        image.header.set_zooms(np.linalg.norm(sform[:3, :3], axis=0))
    nibabel.save(image, path)
    return path


def header_of(path: Path, **fields: object) -> Path:
    """The file with other values in its header, written as they are."""
    data = path.read_bytes()
    header = np.frombuffer(data, nibabel.Nifti1Header().structarr.dtype, 1).copy()
    for name, value in fields.items():
        header[name] = value
    path.write_bytes(header.tobytes() + data[header.nbytes :])
    return path


def assert_lies_at(volume: Volume, affine: NDArray, stored: NDArray = STORED) -> None:
    """Every voxel is where `affine`, RAS mm from (i, j, k), says."""
    index = np.argwhere(np.ones(volume.voxels.shape, bool))
    ras = volume.geometry.lps_from_kji(index) * (-1, -1, 1)
    there = (ras - affine[:3, 3]) @ np.linalg.inv(affine[:3, :3]).T
    np.testing.assert_allclose(there, np.rint(there), atol=1e-4)
    np.testing.assert_array_equal(volume.voxels[tuple(index.T)], stored[tuple(np.rint(there).astype(int).T)])


@pytest.mark.parametrize(
    ("codes", "taken"), [((2, 1), "sform"), ((1, 1), "sform"), ((1, 2), "qform"), ((4, 1), "sform"), ((1, 4), "qform")]
)
def test_of_two_places_the_one_of_the_higher_code_is_taken_and_both_are_said(
    tmp_path: Path, codes: tuple[int, int], taken: str
) -> None:
    forms = {"sform": matrix(move=(0, 0, 40)), "qform": matrix()}
    path = save(tmp_path / "a.nii.gz", forms["sform"], forms["qform"], codes)
    volume = open_volume(path)
    assert_lies_at(volume, forms[taken])
    assert "differ by up to 40.0 mm" in volume.notes[0] and f"its {taken} was taken" in volume.notes[0]
    if taken == "sform":
        assert_lies_at(volume, nibabel.load(path).affine)


@pytest.mark.parametrize("wanted", ["sform", "qform"])
def test_either_place_can_be_asked_for(tmp_path: Path, wanted: str) -> None:
    forms = {"sform": matrix(3), "qform": matrix(4, (1, 2, 3))}
    path = save(tmp_path / "a.nii", forms["sform"], forms["qform"])
    volume = open_volume(path, placement=wanted)  # type: ignore[arg-type]
    assert_lies_at(volume, forms[wanted])
    assert f"its {wanted} was taken" in volume.notes[0]
    assert read_grid(path, wanted).same_grid(volume.geometry, 1e-6)  # type: ignore[arg-type]


def test_the_study_list_has_a_file_of_two_places_twice(tmp_path: Path) -> None:
    save(tmp_path / "a.nii", matrix(move=(0, 0, 40)), matrix())
    save(tmp_path / "b.nii", matrix(), matrix())
    found = [series.info.description for series in scan([tmp_path]).series()]
    assert found == ["a.nii", "a.nii (placed by its qform)", "b.nii"]


def test_forms_that_agree_but_for_rounding_need_no_word(tmp_path: Path) -> None:
    assert open_volume(save(tmp_path / "a.nii", matrix(5), matrix(5))).notes == ()


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, 1), (1, -1, 1), (1, 1, -1), (-1, -1, -1)])
@pytest.mark.parametrize("form", ["sform", "qform"])
@pytest.mark.parametrize("kind", [nibabel.Nifti1Image, nibabel.Nifti2Image, nibabel.Nifti1Pair, nibabel.Nifti2Pair])
def test_one_form_of_either_hand_in_any_kind_of_file_is_where_nibabel_says(
    tmp_path: Path, signs: tuple[int, int, int], form: str, kind: type
) -> None:
    affine = matrix(6, signs=signs)
    path = tmp_path / ("a.img" if "Pair" in kind.__name__ else "a.nii")
    save(path, affine if form == "sform" else None, affine if form == "qform" else None, kind=kind)
    volume = open_volume(path)
    assert volume.notes == ()
    assert_lies_at(volume, nibabel.load(path).affine)


def test_a_file_without_forms_says_that_its_orientation_is_unknown(tmp_path: Path) -> None:
    image = nibabel.Nifti1Image(STORED, None)
    image.header.set_zooms((0.9, 1.1, 2.5))
    nibabel.save(image, tmp_path / "a.nii")
    volume = open_volume(tmp_path / "a.nii")
    assert "left, right, front and back are not certain" in volume.notes[0]
    np.testing.assert_allclose(volume.geometry.spacing_xyz, (0.9, 1.1, 2.5), rtol=1e-6)


@pytest.mark.parametrize(("unit", "factor"), [("meter", 1000), ("micron", 0.001), ("mm", 1), ("unknown", 1)])
@pytest.mark.parametrize("form", ["sform", "qform", ""])
def test_units_become_millimetres(tmp_path: Path, unit: str, factor: float, form: str) -> None:
    image = nibabel.Nifti1Image(STORED, None)
    affine = np.diag([0.5, 0.5, 2, 1.0])
    affine[:3, 3] = 1, 2, 3
    image.set_sform(affine if form == "sform" else None, int(form == "sform"))
    image.set_qform(affine if form == "qform" else None, int(form == "qform"))
    image.header.set_xyzt_units(unit)
    nibabel.save(image, tmp_path / "a.nii")
    header_of(tmp_path / "a.nii", pixdim=(1, 0.5, 0.5, 2, 0, 0, 0, 0))
    volume = open_volume(tmp_path / "a.nii")
    np.testing.assert_allclose(volume.geometry.spacing_xyz, np.array((0.5, 0.5, 2)) * factor, rtol=1e-6)
    if form:
        np.testing.assert_allclose(volume.geometry.origins_lps[0], np.array((-1, -2, 3)) * factor, rtol=1e-6)
    assert any("millimetres" in note for note in volume.notes) == (factor != 1)


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0])
def test_a_damaged_sform_gives_way_to_the_qform_with_a_note(tmp_path: Path, value: float) -> None:
    path = save(tmp_path / "a.nii", matrix(), matrix(7))
    header_of(path, srow_x=value, srow_y=value, srow_z=value)
    volume = open_volume(path)
    assert_lies_at(volume, matrix(7))
    assert len(volume.notes) == 1
    assert "sform is damaged" in volume.notes[0] and "its qform was taken" in volume.notes[0]


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_file_whose_only_form_is_no_number_is_refused(tmp_path: Path, value: float) -> None:
    path = header_of(save(tmp_path / "a.nii", matrix(), None), srow_y=value)
    with pytest.raises(PlanimeterError, match=r"a\.nii: its sform is damaged"):
        open_volume(path)


@pytest.mark.parametrize("size", [0.0, np.nan])
@pytest.mark.parametrize("forms", [(None, None), (None, matrix())])
def test_voxels_without_size_are_refused(
    tmp_path: Path, size: float, forms: tuple[NDArray | None, NDArray | None]
) -> None:
    path = save(tmp_path / "a.nii", *forms)
    header_of(path, pixdim=(1, size, 1, 1, 1, 1, 1, 1))
    with pytest.raises(PlanimeterError, match=r"a\.nii: it.*(says neither|voxels without size)"):
        open_volume(path)


def test_voxels_without_size_do_not_matter_to_an_sform(tmp_path: Path) -> None:
    path = header_of(save(tmp_path / "a.nii", matrix(2), None), pixdim=0)
    assert_lies_at(open_volume(path), matrix(2))


@pytest.mark.parametrize("factor", [1.0, 1.001, 2.0])
def test_voxel_sizes_that_an_sform_contradicts_are_told(tmp_path: Path, factor: float) -> None:
    path = save(tmp_path / "a.nii", matrix(2), None)
    sizes = np.linalg.norm(matrix(2)[:3, :3], axis=0) * factor
    volume = open_volume(header_of(path, pixdim=(1, *sizes, 1, 1, 1, 1)))
    assert_lies_at(volume, matrix(2))
    assert any("by its sform" in note for note in volume.notes) == (factor == 2)


def test_a_sheared_sform_gives_way_to_the_qform_with_a_note(tmp_path: Path) -> None:
    sheared = matrix()
    sheared[0, 1] = 0.4
    volume = open_volume(save(tmp_path / "a.nii", sheared, matrix()))
    assert_lies_at(volume, matrix())
    assert volume.notes == ("The file's sform has axes that are not perpendicular: its qform was taken.",)
    with pytest.raises(PlanimeterError, match="axes that are not perpendicular; resample it"):
        open_volume(save(tmp_path / "b.nii", sheared, None))


def test_a_form_that_is_not_there_cannot_be_asked_for(tmp_path: Path) -> None:
    path = save(tmp_path / "a.nii", matrix(), None)
    with pytest.raises(PlanimeterError, match="no qform"):
        open_volume(path, placement="qform")


@pytest.mark.parametrize(
    "kind", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8", ">i2", ">u4", ">i8", ">f4", ">f8"]
)
@pytest.mark.parametrize("version", [nibabel.Nifti1Image, nibabel.Nifti2Image, nibabel.Nifti1Pair])
def test_values_of_every_type_and_byte_order_are_those_of_nibabel(tmp_path: Path, kind: str, version: type) -> None:
    dtype = np.dtype(kind)
    values = (STORED % 100).astype(dtype)
    if dtype.kind == "f":
        values = values + dtype.type(0.25)
    image = version(values, matrix(8), version.header_class(endianness=">" if kind[0] == ">" else "<"))
    image.set_data_dtype(dtype)
    path = tmp_path / ("a.img" if version is nibabel.Nifti1Pair else "a.nii")
    nibabel.save(image, path)
    expected = np.asarray(nibabel.load(path).dataobj)
    assert_lies_at(open_volume(path), nibabel.load(path).affine, expected)


@pytest.mark.parametrize(
    ("slope", "intercept"), [(0.5, 10), (2, -1024), (0, 7), (np.nan, np.nan), (1, 0), (-1, 0), (1e-3, 0.2)]
)
def test_values_are_scaled_as_nibabel_scales_them(tmp_path: Path, slope: float, intercept: float) -> None:
    path = header_of(save(tmp_path / "a.nii", matrix(), None), scl_slope=slope, scl_inter=intercept)
    expected = np.asarray(nibabel.load(path).dataobj).astype(np.float32)
    assert_lies_at(open_volume(path), matrix(), expected)


@pytest.mark.parametrize(("slope", "intercept"), [(np.inf, 0), (1, np.nan), (2, np.inf)])
def test_scaling_by_no_number_is_refused(tmp_path: Path, slope: float, intercept: float) -> None:
    path = header_of(save(tmp_path / "a.nii", matrix(), None), scl_slope=slope, scl_inter=intercept)
    with pytest.raises(ReadError, match=r"a\.nii is damaged: its values are to be scaled"):
        open_volume(path)


def test_whole_numbers_that_are_rounded_are_told(tmp_path: Path) -> None:
    values = STORED.astype(np.int64)
    values[0, 0, 0] = 2**40 + 1
    nibabel.save(nibabel.Nifti1Image(values, matrix(), dtype=np.int64), tmp_path / "a.nii")
    volume = open_volume(tmp_path / "a.nii")
    assert any("rounded" in note for note in volume.notes)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (np.zeros((4, 5, 6, 2, 2), np.int16), r"series of volumes \(4 × 5 × 6 × 2 × 2\)"),
        (np.zeros((4, 5, 6, 1, 3), np.float32), "3 values a voxel"),
        (np.zeros((4, 5, 6), np.complex64), "complex numbers"),
        (np.zeros((4, 5, 6), np.complex128), "complex numbers"),
        (np.zeros((4, 5, 6), [("R", "u1"), ("G", "u1"), ("B", "u1")]), "three values a voxel"),
        (np.zeros((4, 5, 6), [("R", "u1"), ("G", "u1"), ("B", "u1"), ("A", "u1")]), "four values a voxel"),
    ],
)
def test_what_is_no_grey_scale_volume_is_refused_by_its_name(tmp_path: Path, values: NDArray, said: str) -> None:
    nibabel.save(nibabel.Nifti1Image(values, matrix()), tmp_path / "a.nii")
    with pytest.raises(ReadError, match=said):
        open_volume(tmp_path / "a.nii")


@pytest.mark.parametrize("shape", [(4, 5), (4, 5, 6, 1), (4, 5, 6, 1, 1), (4, 5, 1)])
def test_axes_of_one_are_no_matter(tmp_path: Path, shape: tuple[int, ...]) -> None:
    nibabel.save(nibabel.Nifti1Image(np.ones(shape, np.int16), matrix()), tmp_path / "a.nii")
    columns, rows, planes = (*shape, 1)[:3]
    assert open_volume(tmp_path / "a.nii").voxels.shape == (planes, rows, columns)


@pytest.mark.parametrize("intent", ["t test", "label"])
def test_labels_and_statistics_are_never_taken_for_hu(tmp_path: Path, intent: str) -> None:
    values = np.linspace(-1000, 2000, STORED.size).reshape(STORED.shape).astype(np.int16)
    image = nibabel.Nifti1Image(values, matrix())
    image.header.set_intent(intent, (4,) if intent == "t test" else ())
    nibabel.save(image, tmp_path / "a.nii")
    volume = open_volume(tmp_path / "a.nii")
    assert volume.units == ""
    assert any("statistic" in note for note in volume.notes) == (intent == "t test")


def test_a_pair_is_one_series_by_either_name(tmp_path: Path) -> None:
    save(tmp_path / "a.img", matrix(3), None, kind=nibabel.Nifti1Pair)
    catalogue = scan([tmp_path])
    assert [series.info.description for series in catalogue.series()] == ["a.hdr"] and not catalogue.unreadable
    for name in ("a.hdr", "a.img"):
        assert_lies_at(open_volume(tmp_path / name), matrix(3))


def test_half_a_pair_and_an_analyze_file_are_refused_by_their_names(tmp_path: Path) -> None:
    save(tmp_path / "a.img", matrix(3), None, kind=nibabel.Nifti1Pair)
    (tmp_path / "a.img").unlink()
    with pytest.raises(ReadError, match=r"a\.hdr is one half of a pair"):
        open_volume(tmp_path / "a.hdr")
    nibabel.save(nibabel.AnalyzeImage(STORED, np.eye(4)), tmp_path / "b.img")
    for name in ("b.hdr", "b.img"):
        with pytest.raises(ReadError, match=r"Analyze.*does not tell left from right"):
            open_volume(tmp_path / name)
