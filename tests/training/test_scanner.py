"""A data set's case made to look as from a scanner keeps its patient and its labels."""

from pathlib import Path

import numpy as np
import pytest

from engine.training.nnunet_set import DataSet
from engine.training.scanner import as_from_scanner


@pytest.mark.parametrize("padding", [-1024, -3024])
def test_fine_pixels_couch_and_padding(boxes: Path, padding: int) -> None:
    case = DataSet(boxes, ["Box_R", "Box_L"]).read("a").cropped()
    made = as_from_scanner(case, 0, padding)
    assert made.spacing == (3.0, 1.0, 1.0)
    assert made.image.shape == (case.image.shape[0], 500, 500) and made.image.dtype == np.int16
    assert (made.image[:, 0, 0] == padding).all()
    behind = np.argwhere(case.labels > 0)[:, 1].max()
    assert (made.image[:, 250 + 4 * int(behind - case.image.shape[1] / 2) :] > -200).any()
    for value in (1, 2):
        before = np.count_nonzero(case.labels == value) * np.prod(case.spacing)
        after = np.count_nonzero(made.labels == value) * np.prod(made.spacing)
        assert after == pytest.approx(before, rel=0.1)
    # The patient lies in the middle of the field, not mirrored.
    assert np.argwhere(made.labels == 1)[:, 2].max() < np.argwhere(made.labels == 2)[:, 2].min()
