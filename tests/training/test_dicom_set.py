"""DICOM studies with RTSTRUCTs as a data set."""

from pathlib import Path

import numpy as np
import pytest

from engine.errors import PlanimeterError, ReadError
from engine.training.dataset import open_data


def test_real_studies_are_cases_on_the_series_they_were_drawn_on(shared_data: Path) -> None:
    folder = shared_data / "dicom" / "sts_petct_mr"
    dataset = open_data(folder, ["gtv_mass_ct", "Heart"])
    assert dataset.names == ["STS_001/CT/mask/RS.dcm", "STS_002/CT/mask/RS.dcm"]
    case = dataset.read(dataset.names[0])
    assert case.image.shape == case.labels.shape == (59, 202, 198)
    assert case.contoured.tolist() == [True, False]
    # The series is cropped 5 cm around the tumour, so the tumour lies in its middle.
    centre = np.argwhere(case.labels == 1).mean(axis=0) / case.labels.shape
    assert np.abs(centre - 0.5).max() < 0.15
    assert case.spacing == pytest.approx((3.27, 0.976562, 0.976562))


def test_a_folder_without_studies_is_named(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("nothing here")
    with pytest.raises(ReadError, match="RTSTRUCT"):
        open_data(tmp_path, ["A"])


def test_structures_that_differ_in_case_alone_are_refused(tmp_path: Path) -> None:
    with pytest.raises(PlanimeterError, match="upper and lower"):
        open_data(tmp_path, ["Heart", "heart"])
