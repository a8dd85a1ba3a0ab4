"""Images whose stored values become values by a Modality LUT, not by a rescale (PS3.3 C.11.1)."""

from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.pixels import apply_modality_lut

from engine.errors import ReadError
from engine.opening import open_volume
from tests.synthetic import make_geometry, write_series

SHAPE = (3, 6, 7)
STORED = np.arange(-20, 106).reshape(SHAPE)


def series(
    folder: Path, modality: str = "CT", kind: str = "HU", first: int = -10, count: int = 100, **odd: int
) -> Path:
    count = 100

    def edit(dataset: Dataset, plane: int) -> None:
        del dataset.RescaleSlope, dataset.RescaleIntercept
        if "RescaleType" in dataset:
            del dataset.RescaleType
        if plane == odd.get("without", -1):
            return
        item = Dataset()
        item.add_new("LUTDescriptor", "SS", [count, first, 16])
        item.LUTExplanation, item.ModalityLUTType = "Curve", kind
        values = np.round(np.linspace(0, 200, count - odd.get("short", 0)) ** 1.5 + 10 * plane).astype(int).tolist()
        item.add_new("LUTData", "US", values)
        dataset.ModalityLUTSequence = [item]

    write_series(folder, STORED, make_geometry(SHAPE), modality, edit=edit)
    return folder


@pytest.mark.parametrize(("modality", "kind", "units"), [("CT", "HU", "HU"), ("MR", "US", ""), ("CT", "US", "")])
def test_the_table_of_each_plane_is_applied_as_pydicom_does(
    tmp_path: Path, modality: str, kind: str, units: str
) -> None:
    volume = open_volume(series(tmp_path, modality, kind))
    assert volume.units == units and any("Modality LUT" in note for note in volume.notes)
    planes = sorted((dcmread(path) for path in tmp_path.iterdir()), key=lambda file: file.ImagePositionPatient[2])
    for plane, file in enumerate(planes):
        # Below and above the table its ends hold.
        theirs = apply_modality_lut(file.pixel_array, file)
        np.testing.assert_array_equal(volume.voxels[plane], theirs)


def test_a_table_that_is_short_or_lacks_on_a_plane_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ReadError, match="has 98 values and says that it has 100"):
        open_volume(series(tmp_path / "a", short=2))
    with pytest.raises(ReadError, match="lacks the Modality LUT that other planes have"):
        open_volume(series(tmp_path / "b", without=1))
