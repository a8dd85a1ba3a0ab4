"""A folder of several stacks, in one series or many, is parted so that each volume is one stack."""

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread

from engine.opening import open_volume
from engine.stored.read import read_series
from engine.stored.scan import Series, scan
from tests.synthetic import make_geometry, make_voxels, write_series

SHAPE = (5, 12, 9)
AXIAL = make_geometry(SHAPE)
UID = "1.2.826.0.1.3680043.8.498.1"


def images(*paths: Path) -> list[Series]:
    return [series for series in scan(list(paths)).series() if series.is_image]


def assert_each_is(found: list[Series], expected: list[np.ndarray]) -> None:
    """The volumes of `found` are `expected`, in any order."""
    left = list(expected)
    for series in found:
        voxels = read_series(series).voxels
        match = [k for k, other in enumerate(left) if other.shape == voxels.shape and (other == voxels).all()]
        assert match, f"{series.info.description} is none of the volumes that were written"
        left.pop(match[0])
    assert not left
    assert len({series.uid for series in found}) == len(found)


def test_two_series_in_one_folder(tmp_path: Path) -> None:
    first, second = make_voxels(SHAPE, 1), make_voxels(SHAPE, 2)
    write_series(tmp_path, first, AXIAL, SeriesDescription="a", names=[f"a{k}" for k in range(5)])
    write_series(tmp_path, second, AXIAL, SeriesDescription="b", names=[f"b{k}" for k in range(5)])
    found = images(tmp_path)
    assert [series.plane_count for series in found] == [5, 5]
    assert_each_is(found, [first, second])


@pytest.mark.parametrize(
    ("keyword", "values"),
    [
        ("AcquisitionNumber", (1, 2)),
        ("TemporalPositionIdentifier", (1, 2)),
        ("EchoTime", ("4.5", "90")),
        ("DiffusionBValue", (0.0, 800.0)),
        ("TriggerTime", ("0", "400")),
        ("ImageType", (["ORIGINAL", "PRIMARY", "W"], ["ORIGINAL", "PRIMARY", "F"])),
        ("FrameReferenceTime", ("0", "60000")),
        ("ConvolutionKernel", ("B30f", "B70f")),
        ("ContentTime", ("101500", "101600")),
    ],
)
def test_stacks_at_the_same_places_are_told_apart_by(tmp_path: Path, keyword: str, values: tuple) -> None:
    volumes = [make_voxels(SHAPE, seed) for seed in (1, 2)]
    for n in (0, 1):
        names = [f"{n}_{k}" for k in range(5)]
        write_series(
            tmp_path, volumes[n], AXIAL, "MR", names=names, SeriesInstanceUID=UID, InstanceNumber=1,
            edit=lambda ds, k, n=n: setattr(ds, "SOPInstanceUID", f"{UID}.{n}.{k}"), **{keyword: values[n]},
        )  # fmt: skip
    found = images(tmp_path)
    assert {series.info.series_uid for series in found} == {UID}
    assert_each_is(found, volumes)
    assert len({series.info.description for series in found}) == 2


def test_two_traits_together_part_a_series(tmp_path: Path) -> None:
    volumes = []
    for n, (echo, phase) in enumerate([("5", 1), ("5", 2), ("9", 1), ("9", 2)]):
        volumes.append(make_voxels(SHAPE, n))
        write_series(
            tmp_path, volumes[n], AXIAL, "MR", names=[f"{n}_{k}" for k in range(5)], SeriesInstanceUID=UID,
            EchoTime=echo, TemporalPositionIdentifier=phase,
            edit=lambda ds, k, n=n: setattr(ds, "SOPInstanceUID", f"{UID}.{n}.{k}"),
        )  # fmt: skip
    assert_each_is(images(tmp_path), volumes)


def test_stacks_that_nothing_tells_apart_are_parted_by_instance_number_with_a_note(tmp_path: Path) -> None:
    volumes = [make_voxels(SHAPE, seed) for seed in (1, 2)]
    for n in (0, 1):

        def edit(dataset, k, n=n):
            dataset.InstanceNumber = 5 * n + k + 1
            dataset.AcquisitionTime = f"1015{5 * n + k:02d}"  # a clock, which tells planes apart and no stacks
            dataset.SOPInstanceUID = f"{UID}.{n}.{k}"

        names = [f"{k}_{n}" for k in range(5)]
        write_series(tmp_path, volumes[n], AXIAL, names=names, SeriesInstanceUID=UID, edit=edit)
    found = images(tmp_path)
    assert_each_is(found, volumes)
    assert all("Instance Number" in series.notes[0] for series in found)


def test_acquisitions_that_overlap_without_meeting_are_parted(tmp_path: Path) -> None:
    volumes = [make_voxels(SHAPE, seed) for seed in (1, 2)]
    for n in (0, 1):
        geometry = make_geometry(SHAPE, origin=(0, 0, 7.1 * n))
        write_series(
            tmp_path, volumes[n], geometry, names=[f"{n}_{k}" for k in range(5)], SeriesInstanceUID=UID,
            AcquisitionNumber=n, edit=lambda ds, k, n=n: setattr(ds, "SOPInstanceUID", f"{UID}.{n}.{k}"),
        )  # fmt: skip
    assert_each_is(images(tmp_path), volumes)


def test_acquisitions_that_interleave_evenly_stay_one(tmp_path: Path) -> None:
    geometry = make_geometry((10, 12, 9))
    voxels = make_voxels((10, 12, 9))
    write_series(tmp_path, voxels, geometry, edit=lambda ds, k: setattr(ds, "AcquisitionNumber", k % 2))
    assert_each_is(images(tmp_path), [voxels])


def test_an_acquisition_number_for_each_plane_parts_nothing(tmp_path: Path) -> None:
    voxels = make_voxels(SHAPE)
    write_series(tmp_path, voxels, AXIAL, edit=lambda ds, k: setattr(ds, "AcquisitionNumber", k))
    assert_each_is(images(tmp_path), [voxels])


def test_orientations_and_localizers_are_parted(tmp_path: Path) -> None:
    sagittal = make_geometry(SHAPE, directions=np.array([[0, 1, 0], [0, 0, -1], [-1, 0, 0]]).T)
    volumes = [make_voxels(SHAPE, 1), make_voxels(SHAPE, 2), make_voxels((1, 12, 9), 3)]
    shared = {"SeriesInstanceUID": UID, "FrameOfReferenceUID": UID + ".9"}
    write_series(tmp_path, volumes[0], AXIAL, names=[f"a{k}" for k in range(5)], **shared)
    write_series(tmp_path, volumes[1], sagittal, names=[f"s{k}" for k in range(5)], **shared)
    scout = make_geometry((1, 12, 9), origin=(-40, -60, -95))
    write_series(tmp_path, volumes[2], scout, names=["l"], ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], **shared)
    for n, file in enumerate(sorted(tmp_path.iterdir())):
        dataset = dcmread(file)
        dataset.SOPInstanceUID = f"{UID}.{n}"
        dataset.save_as(file)
    found = images(tmp_path)
    assert_each_is(found, volumes)
    assert {series.info.description for series in found} == {
        "Synthetic CT [axial]",
        "Synthetic CT [sagittal]",
        "Synthetic CT [localizer]",
    }


def test_slices_of_different_sizes_are_parted(tmp_path: Path) -> None:
    small = make_voxels((2, 6, 9), 2)
    large = make_voxels(SHAPE, 1)
    write_series(tmp_path, large, AXIAL, names=list("abcde"), SeriesInstanceUID=UID)
    write_series(
        tmp_path, small, make_geometry((2, 6, 9)), names=list("fg"), SeriesInstanceUID=UID,
        edit=lambda ds, k: setattr(ds, "SOPInstanceUID", f"{UID}.{k}"),
    )  # fmt: skip
    found = images(tmp_path)
    assert_each_is(found, [large, small])
    assert {series.info.description.split()[-1] for series in found} == {"[9×12]", "[9×6]"}


def test_two_series_of_two_patients_with_one_uid_are_parted(tmp_path: Path) -> None:
    volumes = [make_voxels(SHAPE, 1), make_voxels(SHAPE, 2)]
    for n in (0, 1):
        write_series(tmp_path / str(n), volumes[n], AXIAL, SeriesInstanceUID=UID, PatientID=f"P{n}")
    assert len(scan([tmp_path]).patients) == 2
    assert_each_is(images(tmp_path), volumes)


def test_copies_are_read_once_and_named(tmp_path: Path) -> None:
    voxels = make_voxels(SHAPE)
    files = write_series(tmp_path, voxels, AXIAL)
    (tmp_path / "zz_copy.dcm").write_bytes(files[2].read_bytes())
    found = images(tmp_path)
    assert_each_is(found, [voxels])
    assert any("zz_copy.dcm" in note for note in found[0].notes)


def test_one_sop_instance_uid_for_all_planes_loses_none(tmp_path: Path) -> None:
    voxels = make_voxels(SHAPE)
    write_series(tmp_path, voxels, AXIAL, edit=lambda ds, _: setattr(ds, "SOPInstanceUID", UID))
    found = images(tmp_path)
    assert_each_is(found, [voxels])
    assert any("share" in note for note in found[0].notes)


def test_a_plane_sent_twice_under_two_uids_leaves_the_series_whole(tmp_path: Path) -> None:
    voxels = make_voxels(SHAPE)
    files = write_series(tmp_path, voxels, AXIAL)
    dataset = dcmread(files[2])
    dataset.SOPInstanceUID = UID
    dataset.InstanceNumber = 99
    dataset.save_as(tmp_path / "again.dcm")
    found = images(tmp_path)
    assert_each_is(found, [voxels])
    assert any("twice" in note for note in found[0].notes)


def test_the_largest_series_is_opened_unless_one_is_named(tmp_path: Path) -> None:
    small, large = make_voxels((3, 12, 9), 1), make_voxels(SHAPE, 2)
    write_series(tmp_path / "small", small, make_geometry((3, 12, 9)), SeriesInstanceUID=UID)
    write_series(tmp_path / "large", large, AXIAL)
    np.testing.assert_array_equal(open_volume(tmp_path).voxels, large)
    np.testing.assert_array_equal(open_volume(tmp_path, UID).voxels, small)
