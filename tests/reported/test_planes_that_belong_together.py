"""Series whose files contradict each other on what belongs together: what is one volume is one, what is not is told."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset

from engine.errors import ReadError
from engine.opening import open_volume
from engine.stored.catalogue import Series
from engine.stored.read import read_series
from engine.stored.scan import scan
from engine.volume import Geometry
from tests.synthetic import make_geometry, make_voxels, write_series

SHAPE = (6, 12, 9)
GEOMETRY = make_geometry(SHAPE, spacing=(1.0, 1.0, 3.0))
UID = "1.2.826.0.1.3680043.8.498.7"


def images(path: Path) -> list[Series]:
    return [series for series in scan([path]).series() if series.is_image]


def write_volume(
    folder: Path, name: str, voxels: np.ndarray, edit: Callable[[Dataset, int], None], modality: str = "CT", *,
    geometry: Geometry | None = None, skip: tuple[int, ...] = (),
) -> None:  # fmt: skip
    """Add one volume to the series of a folder, without the planes in `skip`."""

    def change(dataset: Dataset, k: int) -> None:
        dataset.SOPInstanceUID = f"{UID}.{name.encode().hex()[:12].lstrip('0')}.{k}".replace("a", "1").replace("f", "2")
        dataset.SeriesInstanceUID = UID
        edit(dataset, k)

    chosen = make_geometry(voxels.shape, spacing=(1.0, 1.0, 3.0)) if geometry is None else geometry
    files = write_series(
        folder, voxels, chosen, modality, edit=change, names=[f"{name}{k:02d}" for k in range(len(voxels))]
    )
    for k in skip:
        files[k].unlink()


@pytest.mark.parametrize(
    "frame",
    [lambda k: f"1.2.{k}", lambda k: f"1.2.{k % 2}", lambda k: f"1.2.{k == 2:d}", lambda k: f"1.2.{k // 3}"],
    ids=["each plane", "every second", "one", "each half"],
)  # fmt: skip
def test_frames_of_reference_that_change_within_one_even_stack_are_one_volume(
    tmp_path: Path, frame: Callable[[int], str]
) -> None:
    voxels = make_voxels(SHAPE)
    write_series(tmp_path, voxels, GEOMETRY, edit=lambda ds, k: setattr(ds, "FrameOfReferenceUID", frame(k)))
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels, voxels)
    assert any("frames of reference" in note for note in volume.notes)
    assert not volume.left_out


def test_two_frames_of_reference_far_apart_stay_two_volumes_and_the_other_is_told(tmp_path: Path) -> None:
    voxels = make_voxels((8, 12, 9))
    offsets = np.array([[0, 0, 0.0]] * 5 + [[0, 0, 400.0]] * 3)
    geometry = make_geometry((8, 12, 9), spacing=(1.0, 1.0, 3.0), offsets=offsets)
    write_series(tmp_path, voxels, geometry, edit=lambda ds, k: setattr(ds, "FrameOfReferenceUID", f"1.2.{int(k > 4)}"))
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels, voxels[:5])
    assert [(left.planes, len(left.files)) for left in volume.left_out] == [(3, 3)]
    assert volume.left_out[0].sentence in volume.notes


@pytest.mark.parametrize("number", [lambda k: 1 + k % 2, lambda k: k, lambda k: None if k == 3 else 4])
def test_series_numbers_that_change_under_one_series_uid_are_one_series(
    tmp_path: Path, number: Callable[[int], int | None]
) -> None:
    voxels = make_voxels(SHAPE)
    write_series(tmp_path, voxels, GEOMETRY, edit=lambda ds, k: setattr(ds, "SeriesNumber", number(k)))
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels, voxels)
    assert any("series numbers" in note for note in volume.notes)


@pytest.mark.parametrize("keyword", ["AcquisitionNumber", "SeriesNumber"])
@pytest.mark.parametrize("same", [True, False], ids=["same values", "other values"])
def test_two_passes_that_share_a_place_are_one_volume_of_all_places(tmp_path: Path, keyword: str, same: bool) -> None:
    voxels = make_voxels((11, 12, 9))
    write_volume(tmp_path, "a", voxels, lambda ds, k: setattr(ds, keyword, 1 if k <= 5 else 2))
    shared = voxels[5:6] if same else make_voxels((1, 12, 9), 3)
    place = make_geometry((1, 12, 9), spacing=(1.0, 1.0, 3.0), origin=GEOMETRY.origins_lps[5])
    write_volume(tmp_path, "b", shared, lambda ds, k: setattr(ds, keyword, 2), geometry=place)
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels, voxels)
    assert sum(left.planes for left in volume.left_out) == (0 if same else 1)


@pytest.mark.parametrize("other", ["no rescale", "no slope", "no intercept"])
@pytest.mark.parametrize("modality", ["MR", "CT"])
def test_a_plane_without_the_rescale_of_the_others_is_left_out_and_told(
    tmp_path: Path, modality: str, other: str
) -> None:
    def lose(dataset: Dataset, k: int) -> None:
        if k == 5:
            for keyword in ("RescaleSlope", "RescaleIntercept"):
                if other in ("no rescale", f"no {keyword[7:].lower()}"):
                    delattr(dataset, keyword)

    voxels = make_voxels(SHAPE)
    write_series(tmp_path, voxels, GEOMETRY, modality, edit=lose)
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels, voxels[:5])
    assert [left.planes for left in volume.left_out] == [1]
    assert any("no rescale" in note for note in volume.notes)


@pytest.mark.parametrize("word", ["LOCALIZER", "SCOUT", None])
def test_an_overview_in_a_series_is_no_part_of_its_volume(tmp_path: Path, word: str | None) -> None:
    voxels = make_voxels(SHAPE)
    write_volume(tmp_path, "a", voxels, lambda ds, k: None)
    overview = make_geometry((1, 12, 9), directions=np.array([[1, 0, 0], [0, 0, -1], [0, 1, 0]]).T)
    write_volume(
        tmp_path, "b", make_voxels((1, 12, 9), 4),
        lambda ds, k: setattr(ds, "ImageType", ["ORIGINAL", "PRIMARY", word or "AXIAL"]),
        geometry=overview,
    )  # fmt: skip
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels, voxels)
    assert [left.planes for left in volume.left_out] == [1]


@pytest.mark.parametrize("step", [0.005, 0.02, 0.5])
def test_planes_as_near_as_this_are_one_volume(tmp_path: Path, step: float) -> None:
    voxels = make_voxels(SHAPE)
    geometry = make_geometry(SHAPE, spacing=(1.0, 1.0, step))
    write_series(tmp_path, voxels, geometry)
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels, voxels)
    assert volume.geometry.plane_spacing == pytest.approx(step)


@pytest.mark.parametrize("angle", [30.0, 45.0, 12.0])
def test_directions_with_two_decimals_are_made_perpendicular_and_said(tmp_path: Path, angle: float) -> None:
    turn = np.radians(angle)
    axes = np.array([[np.cos(turn), np.sin(turn), 0], [-np.sin(turn), np.cos(turn), 0], [0, 0, 1.0]]).T
    axes = axes @ np.array([[1, 0, 0], [0, np.cos(0.4), -np.sin(0.4)], [0, np.sin(0.4), np.cos(0.4)]])
    voxels = make_voxels(SHAPE)
    geometry = make_geometry(SHAPE, spacing=(1.0, 1.0, 3.0), directions=axes)

    def shorten(dataset: Dataset, k: int) -> None:
        dataset.ImageOrientationPatient = [f"{float(value):.2f}" for value in dataset.ImageOrientationPatient]

    write_series(tmp_path, voxels, geometry, edit=shorten)
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels, voxels)
    assert any("rounded" in note for note in volume.notes)
    assert not any("tilted" in note or "uneven" in note for note in volume.notes)
    # Two decimals are off by at most 0.005 in each of three components: less than 0.6°.
    assert np.abs(volume.geometry.directions - axes).max() < 0.01


def test_directions_that_are_no_rounding_are_refused_with_the_reason(tmp_path: Path) -> None:
    write_series(
        tmp_path, make_voxels(SHAPE), GEOMETRY,
        edit=lambda ds, k: setattr(ds, "ImageOrientationPatient", [1, 0, 0, 0.3, 0.9, 0]),
    )  # fmt: skip
    with pytest.raises(ReadError, match="not perpendicular"):
        open_volume(tmp_path)


PHASES: dict[str, Callable[[Dataset, int, int], None]] = {
    "comments": lambda ds, phase, k: setattr(ds, "ImageComments", f"Phase {25 * phase}%, image {6 * phase + k}"),
    "description": lambda ds, phase, k: setattr(ds, "SeriesDescription", f"CT Resp T={25 * phase}%"),
    "trigger": lambda ds, phase, k: setattr(ds, "TriggerTime", str(40 * phase)),
    "trigger of each beat": lambda ds, phase, k: setattr(ds, "TriggerTime", str(40 * phase + 0.7 * k)),
    "time point": lambda ds, phase, k: setattr(ds, "TemporalPositionIdentifier", phase + 1),
    "time index": lambda ds, phase, k: setattr(ds, "TemporalPositionIndex", phase + 1),
    "cardiac percent": lambda ds, phase, k: setattr(ds, "NominalPercentageOfCardiacPhase", 25.0 * phase),
    "trigger delay": lambda ds, phase, k: setattr(ds, "NominalCardiacTriggerDelayTime", 40.0 * phase),
    "acquisition": lambda ds, phase, k: setattr(ds, "AcquisitionNumber", phase + 1),
    "time": lambda ds, phase, k: setattr(ds, "AcquisitionTime", f"10150{phase}"),
    "numbers": lambda ds, phase, k: None,
}


@pytest.mark.parametrize("apart_mm", [0.0, 0.02, 0.3])
@pytest.mark.parametrize("kind", PHASES)
def test_phases_are_not_mixed_although_one_lacks_a_plane(tmp_path: Path, kind: str, apart_mm: float) -> None:
    if apart_mm > 0.1 and kind in ("numbers", "time", "trigger of each beat"):
        pytest.skip("planes at places of their own that nothing tells apart are one volume")
    number = 0

    def edit(dataset: Dataset, k: int, phase: int) -> None:
        nonlocal number
        if (phase, k) != (0, 2):
            number += 1
        dataset.InstanceNumber = number
        PHASES[kind](dataset, phase, k)

    for phase in range(4):
        voxels = np.full(SHAPE, 100 * phase, np.int16)
        write_volume(
            tmp_path, f"{phase}", voxels, lambda ds, k, phase=phase: edit(ds, k, phase),
            skip=(2,) if phase == 0 else (),
            geometry=make_geometry(SHAPE, spacing=(1.0, 1.0, 3.0), origin=(-40, -60, apart_mm * phase)),
        )  # fmt: skip
    found = images(tmp_path)
    volumes = [read_series(series) for series in found]
    assert sorted(volume.geometry.shape[0] for volume in volumes) == [5, 6, 6, 6]
    assert all(volume.voxels.min() == volume.voxels.max() for volume in volumes)
    assert all(left.planes in (17, 18) for volume in volumes for left in volume.left_out)
    assert all(volume.left_out for volume in volumes)
    assert len({series.member for series in found}) == 4


def test_planes_that_could_be_of_any_phase_are_in_none(tmp_path: Path) -> None:
    """Nothing tells the phases apart but the order of numbers, which is that of the places."""
    number = 0

    def edit(dataset: Dataset, k: int) -> None:
        nonlocal number
        number += 1
        dataset.InstanceNumber = 1000 - (number * 7919) % 997

    for phase in range(3):
        voxels = np.full(SHAPE, 100 * phase, np.int16)
        write_volume(tmp_path, f"{phase}", voxels, edit, skip=(2,) if phase == 0 else ())
    found = images(tmp_path)
    assert sum(series.plane_count for series in found if not series.problem) == 15
    assert any("belong" in series.problem for series in found)


@pytest.mark.parametrize(
    ("keyword", "values", "named"),
    [
        ("EchoTime", ("4.6", "9.2"), ("echo time 4.6 ms", "echo time 9.2 ms")),
        ("DiffusionBValue", (0.0, 800.0), ("b-value 0", "b-value 800")),
        ("ImageType", (["DERIVED", "PRIMARY", "W"], ["DERIVED", "PRIMARY", "F"]), ("image type W", "image type F")),
        ("FlipAngle", ("3", "15"), ("flip angle 3°", "flip angle 15°")),
    ],
)
def test_volumes_of_one_series_are_named_by_what_differs(
    tmp_path: Path, keyword: str, values: tuple, named: tuple[str, ...]
) -> None:
    for n, value in enumerate(values):
        write_volume(
            tmp_path, f"{n}", make_voxels(SHAPE, n), lambda ds, k, value=value: setattr(ds, keyword, value), "MR"
        )
    found = images(tmp_path)
    assert {series.info.description for series in found} == {f"Synthetic MR [{name}]" for name in named}
    assert all(left.kind == "volumes" and left.planes == 6 for series in found for left in series.left_out)


@pytest.mark.parametrize(
    ("block", "element", "value"),
    [
        ((0x19, "SIEMENS MR HEADER"), (0x0C, "IS"), ("0", "1000")),
        ((0x2001, "Philips Imaging DD 001"), (0x03, "FL"), (0.0, 1000.0)),
        ((0x43, "GEMS_PARM_01"), (0x39, "IS"), ([0, 0, 0, 0], [1000001000, 8, 0, 0])),
    ],
)
def test_diffusion_weightings_of_vendors_own_elements_part_a_series(
    tmp_path: Path, block: tuple[int, str], element: tuple[int, str], value: tuple
) -> None:
    for n in (0, 1):

        def edit(dataset: Dataset, k: int, n: int = n) -> None:
            dataset.private_block(*block, create=True).add_new(*element, value[n])

        write_volume(tmp_path, f"{n}", make_voxels(SHAPE, n), edit, "MR")
    assert {series.member for series in images(tmp_path)} == {"0", "1000"}


def test_a_plane_that_is_there_twice_with_other_values_is_told(tmp_path: Path) -> None:
    voxels = make_voxels(SHAPE)
    write_volume(tmp_path, "a", voxels, lambda ds, k: None)
    place = make_geometry((1, 12, 9), spacing=(1.0, 1.0, 3.0), origin=GEOMETRY.origins_lps[2])
    write_volume(
        tmp_path, "b", make_voxels((1, 12, 9), 9), lambda ds, k: setattr(ds, "InstanceNumber", 99), geometry=place
    )
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels, voxels)
    assert [left.planes for left in volume.left_out] == [1]


def test_studies_that_change_under_one_series_uid_are_one_series(tmp_path: Path) -> None:
    voxels = make_voxels(SHAPE)
    write_series(tmp_path, voxels, GEOMETRY, edit=lambda ds, k: setattr(ds, "StudyInstanceUID", f"1.2.{k}"))
    volume = open_volume(tmp_path)
    np.testing.assert_array_equal(volume.voxels, voxels)
    assert any("studies" in note for note in volume.notes)


@pytest.mark.parametrize("parts", [2, 6])
def test_series_that_continue_each_other_are_told(tmp_path: Path, parts: int) -> None:
    write_series(
        tmp_path, make_voxels(SHAPE), GEOMETRY,
        edit=lambda ds, k: setattr(ds, "SeriesInstanceUID", f"{UID}.{k * parts // 6}"),
    )  # fmt: skip
    volume = open_volume(tmp_path)
    assert volume.geometry.shape[0] == 6 // parts
    assert [(left.kind, left.planes) for left in volume.left_out] == [("series", 6 - 6 // parts)]


def test_two_series_of_the_same_places_are_two_images_and_nothing_is_left_out(tmp_path: Path) -> None:
    for n in (0, 1):
        own = {"SeriesInstanceUID": f"{UID}.{n}", "StudyInstanceUID": "1.2", "FrameOfReferenceUID": "1.3"}
        write_series(tmp_path / str(n), make_voxels(SHAPE, n), GEOMETRY, **own)
    assert not open_volume(tmp_path).left_out


@pytest.mark.parametrize("apart_mm", [0.3, 1.25])
@pytest.mark.parametrize(
    ("modality", "times", "told"),
    [
        ("CT", lambda k: k % 2, True),
        # In MR slices are interleaved so.
        ("MR", lambda k: k % 2, False),
        # Rotations of a scanner with several rows; a helix.
        ("CT", lambda k: k // 4, False),
        ("CT", lambda k: k, False),
    ],
    ids=["two phases", "interleaved", "rotations", "helix"],
)
def test_phases_that_the_clock_alone_tells_apart_are_told(
    tmp_path: Path, apart_mm: float, modality: str, times: Callable[[int], int], told: bool
) -> None:
    shape = (16, 8, 8)
    pairs = np.zeros((16, 3))
    pairs[1::2, 2] = apart_mm - 1.25

    def edit(dataset: Dataset, k: int) -> None:
        dataset.AcquisitionTime = f"10{times(k):02d}00"

    geometry = make_geometry(shape, spacing=(1.0, 1.0, 1.25), offsets=pairs)
    write_series(tmp_path, make_voxels(shape), geometry, modality, edit=edit)
    volume = open_volume(tmp_path)
    assert volume.geometry.shape[0] == 16
    assert any("may be 2 phases" in note for note in volume.notes) == told


@pytest.mark.parametrize("told_by", ["ContentTime", "FrameReferenceTime", "InstanceNumber"])
@pytest.mark.parametrize("apart_mm", [0.3, 1.0])
def test_phases_that_another_clock_or_their_numbers_alone_tell_apart_are_told(
    tmp_path: Path, told_by: str, apart_mm: float
) -> None:
    # Three phases of five planes, 3 mm apart, each a little beside the one before.
    shape = (15, 8, 8)
    along = np.array([3.0 * (k // 3) + apart_mm * (k % 3) for k in range(15)])
    offsets = np.zeros((15, 3))
    offsets[:, 2] = along - np.arange(15)

    def edit(dataset: Dataset, k: int) -> None:
        if told_by == "InstanceNumber":
            dataset.InstanceNumber = 5 * (k % 3) + k // 3 + 1
        else:
            setattr(dataset, told_by, f"10000{k % 3}")

    geometry = make_geometry(shape, spacing=(1.0, 1.0, 1.0), offsets=offsets)
    write_series(tmp_path, make_voxels(shape), geometry, edit=edit)
    volume = open_volume(tmp_path)
    assert volume.geometry.shape[0] == 15
    assert any("may be 3 phases" in note for note in volume.notes)
