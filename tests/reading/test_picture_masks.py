"""Structures on pictures leave as PNG masks or a DICOM segmentation, and never as an RTSTRUCT."""

from pathlib import Path

import highdicom
import numpy as np
import pytest
from PIL import Image
from pydicom.data import get_testdata_file
from shapely import MultiPolygon, Point, box

from engine.contouring.fill import fill
from engine.dicom.rtstruct_write import export_rtstruct
from engine.dicom.segmentation_write import export_segmentation
from engine.errors import MismatchError, WriteError
from engine.files.picture_masks import write_picture_masks
from engine.opening import open_volume
from engine.structures import Generation, Provenance, Roi, StructureSet
from engine.volume import Geometry, Volume


def drawn(geometry: Geometry) -> StructureSet:
    last = geometry.shape[0] - 1
    model = Provenance(Generation.AUTOMATIC, algorithm="a-model", version="2")
    return StructureSet(
        geometry,
        (
            Roi(1, "Lesion").with_areas({0: MultiPolygon([box(5.2, 5, 31, 20)])}),
            Roi(2, "Disc/cup", provenance=model).with_areas({last: MultiPolygon([Point(40, 30).buffer(12)])}),
            Roi(3, "Empty"),
        ),
    )


def of_pydicom(name: str) -> Volume:
    return open_volume(Path(str(get_testdata_file(name, download=False))))


def test_png_masks_are_the_filled_contours(tmp_path: Path) -> None:
    Image.new("RGB", (80, 60)).save(tmp_path / "a.png")
    volume = open_volume(tmp_path / "a.png")
    structures = drawn(volume.geometry)
    paths = write_picture_masks(structures, volume, tmp_path / "masks")
    assert [path.name for path in paths] == ["Lesion.png", "Disc_cup.png", "Empty.png"]
    for path, roi in zip(paths, structures.rois, strict=True):
        expected = fill({k: contours.area for k, contours in roi.planes.items()}, volume.geometry)[0]
        assert np.array_equal(np.asarray(Image.open(path)), expected.astype(np.uint8) * 255)


def test_of_frames_those_that_are_drawn_on_have_a_mask(tmp_path: Path) -> None:
    volume = Volume(np.zeros((3, 60, 80), np.uint8), Geometry.picture((3, 60, 80)), "US")
    paths = write_picture_masks(drawn(volume.geometry), volume, tmp_path)
    assert [path.name for path in paths] == ["Lesion_0001.png", "Disc_cup_0003.png"]


@pytest.mark.parametrize("name", ["examples_rgb_color.dcm", "image_dfl.dcm"])
def test_a_segmentation_refers_to_its_picture_and_is_read_by_highdicom(tmp_path: Path, name: str) -> None:
    volume = of_pydicom(name)
    structures = drawn(volume.geometry)
    path = tmp_path / "seg.dcm"
    export_segmentation(structures, volume, path)
    read = highdicom.seg.segread(path)
    assert [read.get_segment_description(n).segment_label for n in (1, 2)] == ["Lesion", "Disc/cup"]
    categories = [read.get_segment_description(n).segmented_property_category.value for n in (1, 2)]
    assert categories == ["49755003", "85756007"], "a lesion is an abnormal structure, not a tissue"
    assert read.get_segment_description(2).algorithm_identification.name == "a-model"
    uid = volume.instances[0].sop_instance_uid
    pixels = read.get_pixels_by_source_instance([uid])
    for segment, roi in enumerate(structures.rois[:2]):
        expected = fill({0: roi.area(0)}, volume.geometry)[0]
        assert np.array_equal(pixels[0, ..., segment], expected)
    before = read.PixelData
    export_segmentation(structures, volume, path)
    assert highdicom.seg.segread(path).SOPInstanceUID == read.SOPInstanceUID
    assert highdicom.seg.segread(path).PixelData == before


def test_what_cannot_be_written_is_refused_in_a_sentence(tmp_path: Path) -> None:
    frames = of_pydicom("examples_ybr_color.dcm")
    with pytest.raises(MismatchError, match="Frames without a frame of reference"):
        export_segmentation(drawn(frames.geometry), frames, tmp_path / "a.dcm")
    Image.new("L", (80, 60)).save(tmp_path / "a.png")
    picture = open_volume(tmp_path / "a.png")
    with pytest.raises(MismatchError, match="This picture is no DICOM file"):
        export_segmentation(drawn(picture.geometry), picture, tmp_path / "a.dcm")
    for volume in (frames, picture):
        with pytest.raises(MismatchError, match="A picture lies in no frame of reference"):
            export_rtstruct(drawn(volume.geometry), volume, tmp_path / "a.dcm")
    dicom = of_pydicom("examples_rgb_color.dcm")
    with pytest.raises(WriteError, match="no structures with an area"):
        export_segmentation(StructureSet(dicom.geometry, (Roi(1, "Empty"),)), dicom, tmp_path / "a.dcm")
    assert not (tmp_path / "a.dcm").exists()
