"""Every RTSTRUCT of the real test images is read, written again and compared."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from engine.dicom.conformance import outside_checker
from engine.dicom.presets import preflight, preset
from engine.dicom.rtstruct_read import read_rtstruct
from engine.dicom.rtstruct_write import export_rtstruct
from engine.opening import find_images, find_structures, image_of
from engine.structures import StructureSet
from engine.volume import Volume
from tests.rtstruct import foreign
from tests.rtstruct.study import filled, shell, traced

#: RTSTRUCT → the folder of its images, None where they are not there.
FILES = {
    "sts_petct_mr/STS_001/CT/mask/RS.dcm": "sts_petct_mr/STS_001",
    "sts_petct_mr/STS_001/PET/mask/RS.dcm": "sts_petct_mr/STS_001",
    "sts_petct_mr/STS_001/MR_T1/mask/RS.dcm": "sts_petct_mr/STS_001",
    "sts_petct_mr/STS_002/CT/mask/RS.dcm": "sts_petct_mr",
    "sts_petct_mr/STS_002/PET/mask/RS.dcm": "sts_petct_mr",
    "sts_petct_mr/STS_002/MR_T1/mask/RS.dcm": "sts_petct_mr",
    "rt_utils_cases/mock_data/rt.dcm": "rt_utils_cases/mock_data",
    "rt_utils_cases/mock_data/invalid_reference_rt.dcm": "rt_utils_cases/mock_data",
    "rt_utils_cases/mock_data/non_existent_reference_rt.dcm": "rt_utils_cases/mock_data",
    "rt_utils_cases/empty/dummy_rt.dcm": None,
    "breast_rtstruct/rtss.dcm": None,
}


def opened(root: Path, name: str) -> tuple[Path, Volume | None, StructureSet]:
    path = root / "dicom" / name
    images = FILES[name]
    volume = None if images is None else image_of(find_structures(path), find_images(root / "dicom" / images)).volume
    return path, volume, read_rtstruct(path, volume)


def test_no_file_is_left_out(shared_data: Path) -> None:
    found = set()
    for path in (shared_data / "dicom").rglob("*.dcm"):
        data = path.read_bytes()[:2000]
        if b"RTSTRUCT" in data:
            found.add(path.relative_to(shared_data / "dicom").as_posix())
    assert found == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_reading_and_writing_again_keeps_every_contour(shared_data: Path, tmp_path: Path, name: str) -> None:
    path, volume, structures = opened(shared_data, name)
    certificate = export_rtstruct(structures, volume, tmp_path / "again.dcm")
    before, after = foreign.contour_texts(path), foreign.contour_texts(tmp_path / "again.dcm")
    assert before.keys() >= after.keys()
    for number, texts in before.items():
        assert Counter(after.get(number, [])) == Counter(texts)
    for entry in certificate.structures:
        assert entry.untouched_identical and entry.loose_identical and entry.largest_distance_mm == 0
    assert outside_checker(tmp_path / "again.dcm") == []
    again = read_rtstruct(tmp_path / "again.dcm", volume)
    for mine, theirs in zip(again.rois, structures.rois, strict=True):
        assert (mine.number, mine.name, mine.colour, mine.roi_type) == (
            theirs.number, theirs.name, theirs.colour, theirs.roi_type,
        )  # fmt: skip


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("sts")])
def test_the_series_that_it_was_drawn_on_is_found(shared_data: Path, name: str) -> None:
    _, volume, structures = opened(shared_data, name)
    assert volume is not None
    modality = {"CT": "CT", "PET": "PT", "MR_T1": "MR"}[name.split("/")[2]]
    assert volume.modality == modality and name.split("/")[1] in volume.info.description
    (roi,) = structures.rois
    assert not roi.loose and len(roi.planes) in (16, 31)


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("sts")])
def test_masks_agree_with_plastimatch(shared_data: Path, tmp_path: Path, name: str) -> None:
    foreign.need_program("plastimatch")
    _, volume, structures = opened(shared_data, name)
    assert volume is not None
    export_rtstruct(structures, volume, tmp_path / "again.dcm")  # whose references lead to the images
    images = shared_data / "dicom" / Path(name).parents[1] / "image"
    theirs = foreign.plastimatch_masks(tmp_path / "again.dcm", images, tmp_path / "masks", xor=True)
    (ours,), (other,) = filled(structures).values(), theirs.values()
    assert foreign.dice(ours, other) > 0.9999


def test_old_programs_get_short_names(shared_data: Path) -> None:
    _, _, structures = opened(shared_data, "breast_rtstruct/rtss.dcm")
    assert [line for line in preflight(structures, None, preset("tg263").options()) if "name" in line] == []


@pytest.mark.parametrize("folder", ["ge_tilted_gantry_ct", "rt_utils_cases/oriented_data"])
def test_structures_on_tilted_uneven_and_oblique_series_come_back_exactly(
    shared_data: Path, tmp_path: Path, folder: str
) -> None:
    from engine.opening import open_volume

    volume = open_volume(shared_data / "dicom" / folder)
    mask = shell(volume.geometry.shape)
    if not mask.any():
        mask = np.zeros(volume.geometry.shape, dtype=np.bool_)
        mask[:, 3:90, 5:60] = True
        mask[:, 20:30, 20:40] = False
    export_rtstruct(traced(volume, {"Shell": mask}), volume, tmp_path / "rt.dcm")
    assert outside_checker(tmp_path / "rt.dcm") == []
    assert np.array_equal(filled(read_rtstruct(tmp_path / "rt.dcm", volume))["Shell"], mask)
