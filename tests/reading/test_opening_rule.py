"""Which series opens, and which image structures belong to: the same answer in the window and on the command line."""

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from engine.__main__ import commands
from engine.contouring.trace import trace_mask_volume
from engine.dicom.rtstruct_read import read_rtstruct
from engine.dicom.rtstruct_write import export_rtstruct
from engine.errors import ReadError
from engine.opening import choose_series, find_images, find_structures, image_of, open_volume, owner_of
from engine.stored.read import read_series
from engine.stored.scan import scan
from engine.structures import Roi, StructureSet
from engine.volume import Geometry, Volume
from tests.synthetic import make_geometry, make_voxels, write_series

LARGE, SMALL = make_geometry((12, 20, 20)), make_geometry((5, 20, 20))


def series(folder: Path, modality: str, geometry: Geometry, **elements: object) -> Path:
    write_series(folder, make_voxels(geometry.shape, low=0, high=900), geometry, modality=modality, **elements)
    return folder


def drawn_on(volume: Volume, path: Path) -> Path:
    mask = np.zeros(volume.geometry.shape, bool)
    mask[1:4, 5:15, 5:15] = True
    roi = Roi(1, "Box").with_areas(trace_mask_volume(mask, volume.geometry))
    export_rtstruct(StructureSet(volume.geometry, (roi,)), volume, path)
    return path


def test_ct_opens_before_mr_before_others_and_the_largest_of_a_kind(tmp_path: Path) -> None:
    series(tmp_path / "a", "PT", LARGE, SeriesDescription="pet")
    assert open_volume(tmp_path).info.description == "pet"
    series(tmp_path / "b", "MR", LARGE, SeriesDescription="mr")
    assert open_volume(tmp_path).info.description == "mr"
    series(tmp_path / "c", "CT", SMALL, SeriesDescription="short ct")
    assert open_volume(tmp_path).info.description == "short ct"
    series(tmp_path / "d", "CT", LARGE, SeriesDescription="long ct")
    assert open_volume(tmp_path).info.description == "long ct"


def test_what_a_model_asks_for_goes_before_the_usual_order(tmp_path: Path) -> None:
    series(tmp_path / "ct", "CT", LARGE)
    series(tmp_path / "mr", "MR", SMALL)
    assert open_volume(tmp_path, modalities=("MR",)).modality == "MR"
    assert open_volume(tmp_path, modalities=("PT",)).modality == "CT"


def test_a_localizer_opens_last(tmp_path: Path) -> None:
    series(tmp_path / "a", "CT", LARGE, ImageType=["ORIGINAL", "PRIMARY", "LOCALIZER"], SeriesDescription="scout")
    series(tmp_path / "b", "MR", SMALL, SeriesDescription="mr")
    assert open_volume(tmp_path).info.description == "mr"


def test_structures_belong_to_the_series_that_they_refer_to(tmp_path: Path) -> None:
    frame = "1.2.3.4"
    series(tmp_path / "ct", "CT", LARGE, FrameOfReferenceUID=frame)
    mr = open_volume(series(tmp_path / "mr", "MR", LARGE, FrameOfReferenceUID=frame))
    drawn = find_structures(drawn_on(mr, tmp_path / "ct" / "rt.dcm"))
    catalogue = scan([tmp_path])
    assert owner_of(drawn, catalogue.series()).modality == "MR"
    assert image_of(drawn, catalogue.images()).series.modality == "MR"


def test_structures_belong_to_the_phase_whose_images_they_name(tmp_path: Path) -> None:
    for phase in range(2):
        write_series(
            tmp_path, make_voxels(SMALL.shape, phase), SMALL, names=[f"{phase}{k}" for k in range(SMALL.shape[0])],
            edit=lambda ds, k, phase=phase: (
                setattr(ds, "SOPInstanceUID", f"1.2.{phase + 1}.{k}"),
                setattr(ds, "TemporalPositionIdentifier", phase + 1),
            ),
        )  # fmt: skip
    first, second = find_images(tmp_path)
    volume = read_series(second)
    assert volume.instances[0].sop_instance_uid == "1.2.2.0"
    path = drawn_on(volume, tmp_path / "rt.dcm")
    assert image_of(find_structures(path), [first, second]).series is second
    # On the other phase it can be laid, and that is said.
    assert any("none of the images of this volume" in note for note in read_rtstruct(path, read_series(first)).notes)
    assert not any("none of the images" in note for note in read_rtstruct(path, volume).notes)


def test_in_one_frame_of_reference_structures_belong_where_their_outlines_lie(tmp_path: Path) -> None:
    frame = "1.2.3.4"
    gone = series(tmp_path / "gone", "CT", make_geometry((6, 20, 20), (0.9, 1.1, 4.0)), FrameOfReferenceUID=frame)
    (tmp_path / "ct").mkdir()
    path = drawn_on(open_volume(gone), tmp_path / "ct" / "rt.dcm")
    for file in gone.iterdir():
        file.unlink()
    series(tmp_path / "ct", "CT", LARGE, FrameOfReferenceUID=frame)
    series(tmp_path / "far" / "mr", "MR", make_geometry((6, 20, 20), (0.9, 1.1, 4.0)), FrameOfReferenceUID=frame)
    choice = image_of(find_structures(path), find_images(tmp_path))
    assert choice.series.modality == "MR" and "frame of reference" in choice.reason


def test_the_commands_choose_by_the_same_rule(tmp_path: Path) -> None:
    series(tmp_path / "ct", "CT", LARGE, SeriesDescription="planning")
    mr = open_volume(series(tmp_path / "mr", "MR", SMALL, SeriesDescription="t1"))
    path = drawn_on(mr, tmp_path / "rt.dcm")
    expected = image_of(find_structures(path), find_images(tmp_path))
    masks = str(tmp_path / "masks")
    for arguments in (["check", str(path), str(tmp_path)], ["to-masks", str(path), str(tmp_path), "-o", masks]):
        result = CliRunner().invoke(commands, ["rtstruct", *arguments])
        assert expected.series.info.description == "t1" and "'t1'" in result.output, result.output


def test_structures_without_an_image_are_a_sentence(tmp_path: Path) -> None:
    volume = open_volume(series(tmp_path / "ct", "CT", SMALL))
    path = drawn_on(volume, tmp_path / "rt.dcm")
    with pytest.raises(ReadError, match=r"rt\.dcm"):
        image_of(find_structures(path), [])
    with pytest.raises(ReadError, match="no image series"):
        choose_series(scan([path]), path)
