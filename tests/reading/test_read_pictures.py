"""Photographs and single pictures are listed, read and measured without a millimetre that nobody knows."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from shapely import MultiPolygon, box

from engine.errors import GeometryError, ReadError
from engine.opening import open_volume
from engine.stored.read import read_grid, thumbnail
from engine.stored.scan import scan
from engine.structures import Roi
from engine.volume import Geometry, Volume
from tests.synthetic import make_geometry, write_series


def colours(rows: int = 30, columns: int = 40) -> np.ndarray:
    return np.random.default_rng(rows).integers(0, 256, (rows, columns, 3), dtype=np.uint8)


def test_a_picture_is_a_volume_of_one_plane_in_pixels(tmp_path: Path) -> None:
    Image.fromarray(colours()).save(tmp_path / "a.png")
    volume = open_volume(tmp_path / "a.png")
    assert (volume.modality, volume.units, volume.is_colour) == ("XC", "rgb", True)
    assert np.array_equal(volume.voxels, colours()[None])
    geometry = volume.geometry
    assert (geometry.unit, geometry.size_unit, geometry.in_patient, geometry.spacing_uv) == (
        "px", "px²", False, (1.0, 1.0),
    )  # fmt: skip
    roi = Roi(1, "Lesion").with_areas({0: MultiPolygon([box(2, 3, 12, 8)])})
    assert roi.size(geometry) == 50
    with pytest.raises(GeometryError):
        Volume(colours()[None], geometry)


def test_grey_pictures_keep_their_levels(tmp_path: Path) -> None:
    deep = np.arange(12, dtype=np.uint16).reshape(3, 4) * 5000
    Image.fromarray(deep).save(tmp_path / "a.png")
    volume = open_volume(tmp_path / "a.png")
    assert volume.voxels.dtype == np.uint16
    assert np.array_equal(volume.voxels[0], deep)
    assert (volume.units, volume.span) == ("", (0.0, 55000.0))


def test_a_folder_is_a_list_of_pictures_of_any_size_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for number in (10, 9, 1):
        Image.fromarray(colours(number + 5)).save(tmp_path / f"picture {number}.png")
    (tmp_path / "cut.jpg").write_bytes(b"\xff\xd8\xff\xe0 and no more")
    catalogue = scan([tmp_path])
    (patient,) = catalogue.patients
    (study,) = patient.studies
    assert [series.info.description for series in study.series if not series.problem] == [
        "picture 1.png", "picture 9.png", "picture 10.png",
    ]  # fmt: skip
    assert all(series.handler.pages for series in study.series)
    assert [series.problem for series in study.series if series.problem] == [
        "cut.jpg is damaged: its picture cannot be read whole."
    ]
    assert read_grid(study.series[-1]).geometry.shape == (1, 15, 40)
    assert thumbnail(study.series[-1]).shape == (36, 96, 3)


def test_pages_of_one_size_are_frames_and_others_are_refused(tmp_path: Path) -> None:
    pages = [Image.fromarray(colours(20) // (n + 1)) for n in range(3)]
    pages[0].save(tmp_path / "a.tif", save_all=True, append_images=pages[1:])
    volume = open_volume(tmp_path / "a.tif")
    assert np.array_equal(volume.voxels, np.stack([colours(20) // (n + 1) for n in range(3)]))
    pages[0].save(tmp_path / "b.tif", save_all=True, append_images=[Image.fromarray(colours(21))])
    with pytest.raises(ReadError, match=r"2 pages of b\.tif have different sizes"):
        open_volume(tmp_path / "b.tif")


def test_a_study_opens_before_the_pictures_that_lie_beside_it(tmp_path: Path) -> None:
    Image.fromarray(colours()).save(tmp_path / "logo.png")
    shape = (1, 6, 6)
    write_series(tmp_path / "study", np.zeros(shape, np.int16), make_geometry(shape))
    assert open_volume(tmp_path).modality == "CT"


def test_a_picture_has_no_hounsfield_units(tmp_path: Path) -> None:
    Image.fromarray(colours()).save(tmp_path / "a.png")
    with pytest.raises(ReadError, match=r"a\.png is a picture, which has no values in HU"):
        open_volume(tmp_path / "a.png", units="HU")


def test_colours_have_one_value_where_one_is_needed() -> None:
    volume = Volume(np.full((1, 2, 2, 3), (30, 60, 90), np.uint8), Geometry.picture((1, 2, 2)), units="rgb")
    assert volume.grey(volume.voxels[0]).tolist() == [[60, 60], [60, 60]]
