"""Pixels that a file calls padding are no values, unless tissue may have theirs."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom.dataset import Dataset
from pydicom.uid import JPEGLSLossless

from engine.opening import open_volume
from engine.volume import Volume
from tests.synthetic import make_geometry, make_voxels, write_series

SHAPE = (3, 16, 16)
#: Half of the pixels are padding.
AROUND = np.broadcast_to(np.arange(16) < 8, SHAPE)


def opened(
    folder: Path,
    stored: int,
    value: tuple[str, int] | None,
    limit: int | None = None,
    low: int = -1000,
    **series: Any,
) -> tuple[Volume, NDArray[np.int16]]:
    """(what is read, what was measured) of a series whose left half stores one number that the header calls padding."""
    measured = make_voxels(SHAPE, low=low)
    intercept = float(series.get("intercept", 0))

    def edit(dataset: Dataset, _: int) -> None:
        if value is not None:
            dataset.add_new(0x00280120, *value)
        if limit is not None:
            dataset.add_new(0x00280121, value[0] if value else "SS", limit)

    voxels = np.where(AROUND, stored + intercept, measured)
    write_series(folder, voxels, make_geometry(SHAPE), edit=edit, **series)
    return open_volume(folder), measured


def told(volume: Volume) -> str:
    return " ".join(note for note in volume.notes if "padding" in note)


@pytest.mark.parametrize(("stored", "value", "series"), [
    (65535, ("US", 65535), {"signed": False, "intercept": -1024.0}), (32767, ("SS", 32767), {}),
    (32767, ("SS", 32767), {"transfer_syntax": JPEGLSLossless}),
])  # fmt: skip
def test_padding_that_would_be_seen_as_metal_is_as_dark_as_the_darkest(
    tmp_path: Path, stored: int, value: tuple[str, int], series: dict[str, Any]
) -> None:
    volume, measured = opened(tmp_path / "ct", stored, value, **series)
    assert np.array_equal(volume.voxels[~AROUND], measured[~AROUND])
    lowest = measured[~AROUND].min()
    assert (volume.voxels[AROUND] == lowest).all() and volume.units == "HU"
    assert f"{AROUND.sum()} voxels are padding" in told(volume) and f"{lowest} HU" in told(volume)


@pytest.mark.parametrize(("value", "intercept"), [(("SS", -2000), -1024), (("US", 63536), 0), (("SS", -2000), 0)])
def test_padding_below_all_tissue_is_as_every_reader_has_it_and_told(
    tmp_path: Path, value: tuple[str, int], intercept: int
) -> None:
    volume, measured = opened(tmp_path / "ct", -2000, value, intercept=float(intercept))
    assert np.array_equal(volume.voxels, np.where(AROUND, -2000 + intercept, measured))
    assert f"{AROUND.sum()} voxels are padding by the file (stored value -2000)" in told(volume)
    assert f"{-2000 + intercept} HU is no tissue" in told(volume)


def test_a_range_of_padding_is_taken_whole(tmp_path: Path) -> None:
    volume, measured = opened(tmp_path / "ct", 30001, ("SS", 30002), limit=30000)
    assert (volume.voxels[AROUND] == measured[~AROUND].min()).all()
    assert "stored value 30000 to 30002" in told(volume)


def test_padding_that_is_as_good_as_air_needs_no_word(tmp_path: Path) -> None:
    volume, _ = opened(tmp_path / "ct", 0, ("US", 0), signed=False, intercept=-1024.0)
    assert (volume.voxels[AROUND] == -1024).all() and not volume.notes


def test_padding_whose_value_tissue_has_is_left_and_told(tmp_path: Path) -> None:
    volume, measured = opened(tmp_path / "ct", 0, ("SS", 0))
    assert (volume.voxels[AROUND] == 0).all()
    assert np.array_equal(volume.voxels[~AROUND], measured[~AROUND])
    assert "left as they are" in told(volume)


def test_a_value_of_padding_that_few_voxels_have_needs_no_word(tmp_path: Path) -> None:
    volume, _ = opened(tmp_path / "ct", 40, ("SS", 2500))
    assert (volume.voxels[AROUND] == 40).all() and not volume.notes


def test_without_the_word_nothing_is_padding(tmp_path: Path) -> None:
    volume, _ = opened(tmp_path / "ct", -2000, None)
    assert (volume.voxels[AROUND] == -2000).all() and not volume.notes


@pytest.mark.parametrize(("stored", "low", "kept"), [(0, 1, True), (-32768, 1, False), (32767, 0, False), (7, 0, True)])
def test_padding_of_an_mr(tmp_path: Path, stored: int, low: int, kept: bool) -> None:
    volume, measured = opened(tmp_path / "mr", stored, ("SS", stored), low=low, modality="MR")
    assert np.array_equal(volume.voxels[~AROUND], measured[~AROUND])
    assert (volume.voxels[AROUND] == (stored if kept else measured[~AROUND].min())).all()
    assert bool(told(volume)) != kept
