"""Mosaics of Siemens that do not say so in their image type."""

from collections.abc import Callable
from pathlib import Path

import pytest
from pydicom.dataset import Dataset

from engine.errors import ReadError
from engine.opening import open_volume
from tests.reported.test_planes_that_belong_together import GEOMETRY, SHAPE
from tests.synthetic import make_geometry, make_voxels, write_series


def _csa(tiles: int) -> bytes:
    """A CSA header with the element that counts the tiles of a mosaic."""
    name = b"NumberOfImagesInMosaic".ljust(64, b"\0")
    fields = b"".join(value.to_bytes(4, "little") for value in (1, 0x5355, 1, 6, 77))
    text = f"{tiles:8d}".encode()
    item = b"".join(value.to_bytes(4, "little") for value in (len(text), len(text), 77, len(text)))
    return b"SV10\4\3\2\1" + name + fields + item + text


def _tiles(dataset: Dataset) -> None:
    dataset.private_block(0x19, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", 4)


def _csa_tiles(dataset: Dataset) -> None:
    dataset.private_block(0x29, "SIEMENS CSA HEADER", create=True).add_new(0x10, "OB", _csa(36))


def _wide(dataset: Dataset) -> None:
    dataset.AcquisitionMatrix, dataset.PixelSpacing = [6, 0, 0, 3], [100, 100]


def _echo_planar(dataset: Dataset) -> None:
    dataset.AcquisitionMatrix, dataset.ScanningSequence = [0, 3, 3, 0], ["EP"]


@pytest.mark.parametrize("sign", [_tiles, _csa_tiles, _wide, _echo_planar])
def test_a_mosaic_is_refused_although_its_image_type_does_not_say_so(
    tmp_path: Path, sign: Callable[[Dataset], None]
) -> None:
    geometry = make_geometry((1, 12, 9))
    write_series(tmp_path, make_voxels((1, 12, 9)), geometry, "MR", edit=lambda ds, k: sign(ds))
    with pytest.raises(ReadError, match="mosaic"):
        open_volume(tmp_path)


def test_an_mr_whose_csa_header_counts_no_tiles_is_no_mosaic(tmp_path: Path) -> None:
    def sign(dataset: Dataset, k: int) -> None:
        dataset.private_block(0x29, "SIEMENS CSA HEADER", create=True).add_new(0x10, "OB", _csa(0))
        dataset.AcquisitionMatrix = [6, 0, 0, 3]

    write_series(tmp_path, make_voxels(SHAPE), GEOMETRY, "MR", edit=sign)
    assert open_volume(tmp_path).geometry.shape == SHAPE
