"""NRRD and MetaImage files of several volumes open as NIfTI's do: each volume by itself, the first at once."""

from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk

from engine.errors import ReadError
from engine.files.masks import read_mask
from engine.opening import find_images, open_volume
from engine.stored.read import read_series
from tests.synthetic import make_voxels

COUNT = 3
VALUES = np.stack([make_voxels((4, 5, 6), seed) for seed in range(COUNT)])


def by_itk(path: Path) -> None:
    image = sitk.JoinSeries([sitk.GetImageFromArray(values) for values in VALUES])
    image.SetSpacing((1.5, 2.0, 3.0, 2.5))
    sitk.WriteImage(image, str(path), useCompression="packed" in path.name)


def by_hand(path: Path, kind: str = "list", fields: str = "") -> None:
    """An NRRD file whose list of volumes is its last axis, or its first."""
    last = "last" in path.name
    axes = [["6", "(1.5,0,0)", "domain"], ["5", "(0,2,0)", "domain"], ["4", "(0,0,3)", "domain"]]
    axes.insert(3 if last else 0, [str(COUNT), "none", kind])
    sizes, directions, kinds = (" ".join(words) for words in zip(*axes, strict=True))
    head = (
        f"NRRD0005\ntype: short\ndimension: 4\nspace: left-posterior-superior\nsizes: {sizes}\nspace directions: "
        f"{directions}\nkinds: {kinds}\nendian: little\nencoding: raw\nspace origin: (0,0,0)\n{fields}\n"
    )
    path.write_bytes(head.encode() + np.ascontiguousarray(VALUES if last else VALUES.transpose(1, 2, 3, 0)).tobytes())


@pytest.fixture(params=["a.nrrd", "a.mha", "a.mhd", "packed.mha", "packed.nrrd", "list last.nrrd", "list first.nrrd"])
def path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / request.param
    (by_hand if path.name.startswith("list") else by_itk)(path)
    return path


def test_each_volume_has_its_own_voxels_on_the_one_grid(path: Path) -> None:
    found = find_images(path)
    assert [series.member for series in found] == ["1", "2", "3"]
    for values, series in zip(VALUES, found, strict=True):
        volume = read_series(series)
        assert np.array_equal(volume.voxels, values)
        assert volume.geometry.spacing_xyz == (1.5, 2.0, 3.0)
        assert not any("more than the" in note for note in volume.notes)


def test_the_first_opens_the_others_are_told_and_no_mask_is_made_of_them(path: Path) -> None:
    volume = open_volume(path)
    assert np.array_equal(volume.voxels, VALUES[0])
    (left,) = volume.left_out
    assert (left.kind, left.planes) == ("volumes", 8) and left.sentence in volume.notes
    with pytest.raises(ReadError, match=r"series of volumes \(6 × 5 × 4 × 3\)"):
        read_mask(path)


@pytest.mark.parametrize("word", ["units", "space units"])
def test_a_fourth_axis_in_seconds_names_the_times(tmp_path: Path, word: str) -> None:
    by_itk(tmp_path / "a.nrrd")
    head, voxels = (tmp_path / "a.nrrd").read_bytes().split(b"\n\n", 1)
    if word == "units":
        # Which is for files that lie in no space.
        lines = [line for line in head.split(b"\n") if not line.startswith(b"space")]
        head = b"\n".join([*lines, b"spacings: 1.5 2 3 2.5"])
    (tmp_path / "a.nrrd").write_bytes(head + f'\n{word}: "mm" "mm" "mm" "s"\n\n'.encode() + voxels)
    assert [series.member for series in find_images(tmp_path / "a.nrrd")] == ["1, at 0 s", "2, at 2.5 s", "3, at 5 s"]


@pytest.mark.parametrize(("kind", "sentence"), [("vector", "3 values a voxel"), ("time", "without a direction")])
def test_what_is_no_list_of_volumes_is_refused_in_words(tmp_path: Path, kind: str, sentence: str) -> None:
    by_hand(tmp_path / "list last.nrrd", kind)
    with pytest.raises(ReadError, match=sentence):
        open_volume(tmp_path / "list last.nrrd")
