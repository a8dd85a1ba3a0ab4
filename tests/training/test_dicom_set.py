"""DICOM studies with RTSTRUCTs as a data set."""

from pathlib import Path

import numpy as np
import pytest

from engine.cards.schema import CardInput
from engine.errors import MismatchError, PlanimeterError, ReadError
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


def test_other_images_than_ct_keep_their_values_and_say_what_they_are(shared_data: Path) -> None:
    pet = CardInput(role="pet", modality=("PT",), units="SUVbw")
    dataset = open_data(shared_data / "dicom" / "sts_petct_mr", ["gtv_mass_pet"], [pet])
    case = dataset.read(dataset.names[0])
    assert (case.kind.modality, case.kind.units) == ("PT", "SUVbw")
    assert case.image.dtype == np.float32 and (case.image % 1 > 0).any()


def test_a_model_of_several_images_is_not_taught_by_rtstructs(tmp_path: Path) -> None:
    two = [CardInput(role=role, modality=("MR",)) for role in ("t1", "t2")]
    with pytest.raises(MismatchError, match="needs 2"):
        open_data(tmp_path, ["A"], two)
