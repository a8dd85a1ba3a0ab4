"""DICOM SEG as structures, against highdicom's reading and dcmqi's own masks."""

from pathlib import Path

import highdicom
import numpy as np
import pytest
import SimpleITK as sitk
from click.testing import CliRunner
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.sr.codedict import codes

from engine.__main__ import commands
from engine.contouring.fill import fill
from engine.dicom.segmentation import rgb_of_cielab
from engine.errors import MismatchError, PlanimeterError, ReadError
from engine.opening import find_images, find_structures, image_of, open_volume
from engine.stored.read import read_structures
from engine.stored.scan import scan
from engine.structures import StructureSet
from engine.volume import Geometry, Volume
from tests.synthetic import make_geometry, make_voxels, random_rotation, write_series

SHAPE = (6, 20, 24)


def describe(number: int, label: str, kind: object = codes.SCT.Liver) -> highdicom.seg.SegmentDescription:
    return highdicom.seg.SegmentDescription(
        segment_number=number,
        segment_label=label,
        segmented_property_category=codes.SCT.Organ,
        segmented_property_type=kind,
        algorithm_type=highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
        display_color=highdicom.color.CIELabColor(60.0, 20.0, -30.0),
    )


def write(
    path: Path,
    images: Path,
    pixels: NDArray,
    labels: list[str],
    kind: str = "BINARY",
    **extra: object,
) -> None:
    """A segmentation by highdicom. `pixels` (planes in order of the images' files, rows, columns[, segments])."""
    sources = sorted((dcmread(file) for file in images.iterdir()), key=lambda d: float(d.ImagePositionPatient[2]))
    highdicom.seg.Segmentation(
        source_images=sources,
        pixel_array=pixels,
        segmentation_type=kind,
        segment_descriptions=[describe(n, label) for n, label in enumerate(labels, 1)],
        series_instance_uid=highdicom.UID(),
        series_number=9,
        sop_instance_uid=highdicom.UID(),
        instance_number=1,
        manufacturer="Test",
        manufacturer_model_name="Test",
        software_versions="1",
        device_serial_number="1",
        content_label="TEST",
        **extra,
    ).save_as(path)


def masks_of(structures: StructureSet) -> dict[str, NDArray[np.bool_]]:
    return {
        roi.name: fill({k: contours.area for k, contours in roi.planes.items()}, structures.geometry)
        for roi in structures.rois
    }


def opened(path: Path, images: Path) -> tuple[Volume, StructureSet]:
    drawn = find_structures(path)
    volume = image_of(drawn, find_images(images)).volume
    return volume, read_structures(drawn, volume)


@pytest.fixture
def images(tmp_path: Path) -> Path:
    write_series(tmp_path / "ct", make_voxels(SHAPE), make_geometry(SHAPE, (0.9, 1.1, 2.5)))
    return tmp_path / "ct"


@pytest.fixture
def overlapping() -> NDArray[np.uint8]:
    """Two segments that overlap, one with a hole, one with a plane left out."""
    pixels = np.zeros((*SHAPE, 2), np.uint8)
    pixels[1:5, 3:15, 4:18, 0] = 1
    pixels[2, 7:10, 8:12, 0] = 0
    pixels[[2, 4], 10:18, 10:22, 1] = 1
    return pixels


def test_overlapping_binary_segments_are_traced_to_the_voxel(
    tmp_path: Path, images: Path, overlapping: NDArray[np.uint8]
) -> None:
    write(tmp_path / "seg.dcm", images, overlapping, ["Liver", "Tumour"])
    _, structures = opened(tmp_path / "seg.dcm", images)
    masks = masks_of(structures)
    assert structures.notes == ()
    np.testing.assert_array_equal(masks["Liver"], overlapping[..., 0])
    np.testing.assert_array_equal(masks["Tumour"], overlapping[..., 1])
    liver = structures.rois[0]
    assert (liver.code.value, liver.code.scheme, liver.code.meaning) == ("10200004", "SCT", "Liver")
    assert liver.roi_type == "ORGAN" and structures.rois[1].roi_type == ""
    assert liver.provenance.generation == "MANUAL"


def test_a_label_map_gives_the_same_structures(tmp_path: Path, images: Path) -> None:
    pixels = np.zeros(SHAPE, np.uint8)
    pixels[1:5, 3:15, 4:18] = 1
    pixels[3:5, 6:9, 6:12] = 2
    write(tmp_path / "seg.dcm", images, pixels, ["Liver", "Tumour"], "LABELMAP")
    _, structures = opened(tmp_path / "seg.dcm", images)
    masks = masks_of(structures)
    assert list(masks) == ["Liver", "Tumour"]
    for value, name in enumerate(masks, 1):
        np.testing.assert_array_equal(masks[name], pixels == value)


def test_shares_are_traced_at_one_half_and_that_is_said(tmp_path: Path, images: Path) -> None:
    pixels = np.zeros(SHAPE, np.float32)
    pixels[2:4, 5:15, 5:15] = 0.9
    pixels[2:4, 15:18, 5:15] = 0.2
    write(
        tmp_path / "seg.dcm", images, pixels, ["Liver"], "FRACTIONAL", fractional_type="PROBABILITY",
        max_fractional_value=100,
    )  # fmt: skip
    _, structures = opened(tmp_path / "seg.dcm", images)
    np.testing.assert_array_equal(masks_of(structures)["Liver"], pixels > 0.5)
    assert any("one half" in note for note in structures.notes)


def test_a_segment_that_reaches_one_half_nowhere_is_told(tmp_path: Path, images: Path) -> None:
    pixels = np.zeros((*SHAPE, 2), np.float32)
    pixels[2:4, 5:15, 5:15] = 0.9, 0.4
    kinds = {"fractional_type": "PROBABILITY", "max_fractional_value": 100}
    write(tmp_path / "seg.dcm", images, pixels, ["Liver", "Lesion"], "FRACTIONAL", **kinds)
    _, structures = opened(tmp_path / "seg.dcm", images)
    assert [bool(roi.planes) for roi in structures.rois] == [True, False]
    assert "'Lesion' reaches 0.4 at most: no contours." in structures.notes
    assert not any("'Liver'" in note for note in structures.notes)


def test_frames_lie_on_the_planes_of_an_oblique_image(tmp_path: Path, overlapping: NDArray[np.uint8]) -> None:
    geometry = make_geometry(SHAPE, (1.0, 1.0, 3.0), directions=random_rotation(5))
    write_series(tmp_path / "ct", make_voxels(SHAPE), geometry)
    volume = open_volume(tmp_path / "ct")
    uids = [instance.sop_instance_uid for instance in volume.instances]
    files = {str(dcmread(file).SOPInstanceUID): dcmread(file) for file in (tmp_path / "ct").iterdir()}
    highdicom.seg.Segmentation(
        [files[uid] for uid in uids], overlapping[..., 0], "BINARY", [describe(1, "Liver")], highdicom.UID(), 9,
        highdicom.UID(), 1, "Test", "Test", "1", "1",
    ).save_as(tmp_path / "seg.dcm")  # fmt: skip
    _, structures = opened(tmp_path / "seg.dcm", tmp_path / "ct")
    np.testing.assert_array_equal(masks_of(structures)["Liver"], overlapping[..., 0])


def _finer(images: Path, path: Path) -> NDArray[np.uint8]:
    """A segmentation of a box of 20 × 10 × 10 mm on pixels of half the size, in the image's frame of reference."""
    dataset = dcmread(next(iter(images.iterdir())))
    fine = images.parent / "fine"
    volume = open_volume(images)
    columns, rows = SHAPE[2] * 2, SHAPE[1] * 2
    geometry = Geometry.regular(
        volume.geometry.origins_lps[0] - [0.225, 0.275, 0.0], np.eye(3), (0.45, 0.55, 2.5), (SHAPE[0], rows, columns)
    )
    write_series(
        fine, make_voxels(geometry.shape), geometry, FrameOfReferenceUID=dataset.FrameOfReferenceUID,
        StudyInstanceUID=dataset.StudyInstanceUID,
    )  # fmt: skip
    pixels = np.zeros(geometry.shape, np.uint8)
    pixels[2:4, 10:30, 10:40] = 1
    write(path, fine, pixels, ["Liver"])
    return pixels


def test_another_grid_in_the_same_frame_of_reference_is_resampled_and_said(tmp_path: Path, images: Path) -> None:
    pixels = _finer(images, tmp_path / "seg.dcm")
    volume, structures = opened(tmp_path / "seg.dcm", images)
    assert any("another grid" in note for note in structures.notes)
    expected_cm3 = pixels.sum() * 0.45 * 0.55 * 2.5 / 1000
    assert structures.rois[0].volume_cm3(volume.geometry) == pytest.approx(expected_cm3, rel=0.02)
    assert sorted(structures.rois[0].planes) == [2, 3]


def test_a_segmentation_of_another_patient_is_refused(tmp_path: Path, images: Path) -> None:
    other = make_geometry(SHAPE, (0.9, 1.1, 2.5), origin=(900.0, 900.0, 900.0))
    write_series(tmp_path / "other", make_voxels(SHAPE), other)
    pixels = np.zeros(SHAPE, np.uint8)
    pixels[2:4, 5:15, 5:15] = 1
    write(tmp_path / "seg.dcm", tmp_path / "other", pixels, ["Liver"])
    with pytest.raises(MismatchError, match="segmentation"):
        read_structures(find_structures(tmp_path / "seg.dcm"), open_volume(images))


def test_a_label_that_names_nothing_gives_way_to_the_code(tmp_path: Path, images: Path) -> None:
    pixels = np.zeros(SHAPE, np.uint8)
    pixels[2, 5:15, 5:15] = 1
    write(tmp_path / "seg.dcm", images, pixels, ["Segment_1"])
    assert [roi.name for roi in opened(tmp_path / "seg.dcm", images)[1].rois] == ["Liver"]


def test_a_cut_off_segmentation_is_a_sentence(tmp_path: Path, images: Path, overlapping: NDArray[np.uint8]) -> None:
    write(tmp_path / "seg.dcm", images, overlapping, ["Liver", "Tumour"])
    whole = (tmp_path / "seg.dcm").read_bytes()
    (tmp_path / "seg.dcm").write_bytes(whole[:-200])
    with pytest.raises(ReadError, match=r"seg\.dcm"):
        opened(tmp_path / "seg.dcm", images)


def test_mutated_segmentations_end_in_structures_or_a_sentence(
    tmp_path: Path, images: Path, overlapping: NDArray[np.uint8]
) -> None:
    write(tmp_path / "seg.dcm", images, overlapping, ["Liver", "Tumour"])
    whole, rng = (tmp_path / "seg.dcm").read_bytes(), np.random.default_rng(4)
    candidates, ends = find_images(images), set()
    for _ in range(60):
        data = bytearray(whole)
        for place in rng.integers(132, len(data), 4).tolist():
            data[place] = int(rng.integers(256))
        (tmp_path / "seg.dcm").write_bytes(bytes(data))
        for drawn in scan([tmp_path / "seg.dcm"]).structures():
            try:
                read_structures(drawn, image_of(drawn, candidates).volume)
                ends.add("structures")
            except PlanimeterError as error:
                assert str(error) and "\n" not in str(error)
                ends.add("sentence")
    assert ends == {"structures", "sentence"}


def test_it_is_listed_as_structures_and_written_as_masks_by_the_command(
    tmp_path: Path, images: Path, overlapping: NDArray[np.uint8]
) -> None:
    write(images / "seg.dcm", images, overlapping, ["Liver", "Tumour"])
    assert [series.handler.label for series in scan([images]).structures()] == ["Segmentation"]
    arguments = ["rtstruct", "to-masks", str(images / "seg.dcm"), str(images), "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(commands, arguments)
    assert result.exit_code == 0, result.output
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(tmp_path / "out" / "Tumour.nii.gz")))
    np.testing.assert_array_equal(mask, overlapping[..., 1])


@pytest.mark.parametrize("lab", [(60.0, 20.0, -30.0), (95.0, -5.0, 5.0), (30.0, 40.0, 30.0)])
def test_colours_are_those_of_a_colour_management_library(lab: tuple[float, float, float]) -> None:
    encoded = highdicom.color.CIELabColor(*lab).value
    from PIL import Image, ImageCms

    picture = Image.frombytes("LAB", (1, 1), bytes([round(lab[0] * 2.55), round(lab[1]) % 256, round(lab[2]) % 256]))
    transform = ImageCms.buildTransform(ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB")
    expected = ImageCms.applyTransform(picture, transform).getpixel((0, 0))
    # Pillow holds L, a and b in 8 bits each, whose steps move a colour by up to two of 255.
    np.testing.assert_allclose(rgb_of_cielab(tuple(encoded)), expected, atol=2)


REAL = [
    ("partial_overlaps.dcm", "ct-3slice"),
    ("liver.dcm", "ct-3slice"),
    ("23x38x3/seg/label.seg", "23x38x3/image"),
    ("24x38x3/seg/label.seg", "24x38x3/image"),
    ("24x38x3/seg/label.seg", "24x38x3/multiframe"),
    ("sparse-labelmap-noppv.dcm", "24x38x3/image"),
    ("sparse-labelmap-ppv5.dcm", "24x38x3/image"),
]


@pytest.mark.parametrize(("name", "series"), REAL)
def test_dcmqi_s_segmentations_have_the_voxels_that_highdicom_reads(shared_data: Path, name: str, series: str) -> None:
    folder = shared_data / "dicom/dcmqi_seg/segmentations"
    volume, structures = opened(folder / name, folder / series)
    peer = highdicom.seg.segread(folder / name)
    positions = {tuple(np.round(origin, 3)): k for k, origin in enumerate(volume.geometry.origins_lps)}
    masks = list(masks_of(structures).values())
    numbers = [number for number in peer.segment_numbers if number != 0]
    assert len(masks) == len(numbers)
    for number, mask in zip(numbers, masks, strict=True):
        expected = np.zeros(volume.geometry.shape, bool)
        for index, group in enumerate(peer.PerFrameFunctionalGroupsSequence):
            frame = peer.get_stored_frame(index + 1)
            place = tuple(np.round(group.PlanePositionSequence[0].ImagePositionPatient, 3))
            if peer.segmentation_type.value == "LABELMAP":
                expected[positions[place]] |= frame == number
            elif group.SegmentIdentificationSequence[0].ReferencedSegmentNumber == number:
                expected[positions[place]] |= frame > 0
        np.testing.assert_array_equal(mask, expected)


def test_dcmqi_s_overlapping_segments_are_its_own_masks(shared_data: Path) -> None:
    folder = shared_data / "dicom/dcmqi_seg/segmentations"
    volume, structures = opened(folder / "partial_overlaps.dcm", folder / "ct-3slice")
    original = np.zeros((6, *volume.geometry.shape), bool)
    for part in (1, 2, 3):
        labels = sitk.GetArrayFromImage(sitk.ReadImage(str(folder / f"partial_overlaps-{part}.nrrd")))
        for value in np.unique(labels)[1:].tolist():
            original[value] |= labels == value
    for mask in masks_of(structures).values():
        assert any(np.array_equal(mask, whole) for whole in original)
