"""Pictures of a case show both contours where they lie, on the planes where there is most to see."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.palette import palette
from engine.training.case import Case, Further, ImageKind
from engine.training.case_pictures import panel, planes_of, write_case_picture


@pytest.fixture
def case() -> Case:
    """A square of 20 mm on 5 planes, the middle one larger, in the corner of the image; CT with PET."""
    labels = np.zeros((9, 100, 80), np.uint8)
    labels[2:7, 40:60, 40:60] = 1
    labels[4, 30:60, 40:60] = 1
    image = np.full(labels.shape, 40, np.int16)
    pet = Further(np.zeros(labels.shape, np.float32), ImageKind("PT", "SUVbw", ("PT",)))
    return Case("a/b 1", image, labels, (3.0, 1.0, 1.0), np.ones(1, np.bool_), further=(pet,))


def drawn(case: Case) -> dict[str, np.ndarray]:
    moved = np.zeros(case.labels.shape, np.bool_)
    moved[2:7, 40:60, 46:66] = True
    return {"Organ": moved}


def test_lines_lie_where_the_contours_are(case: Case) -> None:
    made = panel(case, ["Organ"], drawn(case), 3)
    # The box is 30 mm wider than all that is there: rows 0 to 90, columns 10 to 80.
    scale = 260 / 90
    row = made[round(52 * scale)].astype(int)
    white = np.flatnonzero((row > 240).all(axis=1)) / scale + 10
    own = np.flatnonzero(np.abs(row - palette(0)).sum(axis=1) < 30) / scale + 10
    assert [white.min(), white.max()] == pytest.approx([40, 60], abs=0.7)
    assert [own.min(), own.max()] == pytest.approx([46, 66], abs=1.0)


def test_the_planes_are_spread_over_what_is_there_and_one_plane_is_that_with_the_most(case: Case) -> None:
    assert planes_of(case, drawn(case), 1) == [4]
    three = planes_of(case, drawn(case), 3)
    assert three == sorted(set(three)) and three[0] >= 2 and three[-1] <= 6


def test_a_case_is_one_file_named_by_it_with_a_row_for_each_image(case: Case, tmp_path: Path) -> None:
    path = write_case_picture(case, ["Organ"], drawn(case), tmp_path / "new")
    assert [file.name for file in (tmp_path / "new").iterdir()] == ["a_b_1.png"] == [path.name]
    with Image.open(path) as picture:
        assert picture.width == 3 * 260 and picture.height > 2 * 200


def test_a_model_that_drew_nothing_is_shown_with_the_reference_alone(case: Case, tmp_path: Path) -> None:
    assert write_case_picture(case, ["Organ"], {}, tmp_path).exists()
    made = panel(case, ["Organ"], {}, 4)
    assert (made == 255).all(axis=2).any() and not (made == palette(0)).all(axis=2).any()
