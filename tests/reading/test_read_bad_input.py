"""Whatever is wrong with what is opened is said in one clear sentence, and nothing is guessed in silence."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate
from pydicom.uid import MPEG2MPML, DeflatedExplicitVRLittleEndian, JPEG2000Lossless, RLELossless

from engine.dicom import decoding
from engine.dicom.planes import StoredPlane
from engine.errors import CancelledError, PlanimeterError, ReadError
from engine.opening import open_volume
from engine.progress import silent, stoppable
from engine.stored.read import read_series, thumbnail
from engine.stored.scan import scan
from tests.synthetic import make_geometry, make_voxels, write_series

SHAPE = (4, 12, 9)
VOXELS = make_voxels(SHAPE)
GEOMETRY = make_geometry(SHAPE)


def why_not(path: Path) -> str:
    """The sentence that opening `path` ends with."""
    with pytest.raises(PlanimeterError) as error:
        open_volume(path)
    sentence = str(error.value)
    assert "\n" not in sentence and len(sentence) < 400
    return sentence


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    assert why_not(tmp_path / "absent") == f"{tmp_path / 'absent'} does not exist."


def test_an_empty_folder(tmp_path: Path) -> None:
    assert "holds no files" in why_not(tmp_path)


def test_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").touch()
    assert "a.dcm is empty" in why_not(tmp_path / "a.dcm")


@pytest.mark.parametrize("whole_folder", [False, True])
def test_a_text_file(tmp_path: Path, whole_folder: bool) -> None:
    (tmp_path / "a.txt").write_text("Not an image. " * 50)
    assert "a.txt is not a DICOM file" in why_not(tmp_path if whole_folder else tmp_path / "a.txt")


def test_a_pipe_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "pipe is not a file" in why_not(tmp_path)
    assert "pipe is not a file" in why_not(tmp_path / "pipe")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    files = write_series(tmp_path, VOXELS, GEOMETRY)
    files[1].chmod(0)
    assert "cannot be opened" in scan([tmp_path]).unreadable[0].reason


@pytest.mark.parametrize(
    "syntax", ["1.2.840.10008.1.2.1", DeflatedExplicitVRLittleEndian, RLELossless, JPEG2000Lossless]
)
@pytest.mark.parametrize("left", [140, 300, 900, -20])
def test_a_truncated_file_is_named_wherever_it_ends(tmp_path: Path, syntax: str, left: int) -> None:
    shape = (4, 60, 60)
    files = write_series(tmp_path, make_voxels(shape), make_geometry(shape), transfer_syntax=syntax)
    data = files[2].read_bytes()
    files[2].write_bytes(data[:left])
    catalogue = scan([tmp_path])
    named = [file for file in catalogue.unreadable if file.path == files[2]]
    if named:
        assert named[0].reason.startswith("0002.dcm")
        assert open_volume(tmp_path).geometry.shape[0] == 3
    else:
        volume = open_volume(tmp_path)
        assert volume.geometry.shape[0] == 3
        assert "0002.dcm is cut off" in volume.notes[0]


def test_a_truncated_plane_is_left_out_with_a_note_in_its_series(tmp_path: Path) -> None:
    files = write_series(tmp_path, VOXELS, GEOMETRY)
    files[3].write_bytes(files[3].read_bytes()[:-40])
    series = next(scan([tmp_path]).series())
    assert series.plane_count == 3
    assert any("0003.dcm" in note for note in series.notes)
    assert "176 of 216 bytes" in scan([tmp_path]).unreadable[0].reason


def without(keyword: str) -> Callable[[Dataset, int], None]:
    return lambda dataset, _: delattr(dataset, keyword)


@pytest.mark.parametrize(
    ("keyword", "name"),
    [
        ("ImagePositionPatient", "Image Position (Patient)"),
        ("ImageOrientationPatient", "Image Orientation (Patient)"),
        ("PixelSpacing", "Pixel Spacing"),
    ],
)
def test_planes_without_their_place_are_refused(tmp_path: Path, keyword: str, name: str) -> None:
    write_series(tmp_path, VOXELS, GEOMETRY, edit=without(keyword))
    assert f"do not say {name}" in why_not(tmp_path)


def test_one_plane_without_its_place_is_left_out_and_listed(tmp_path: Path) -> None:
    def lose(dataset: Dataset, k: int) -> None:
        if k == 1:
            del dataset.ImagePositionPatient

    write_series(tmp_path, VOXELS, GEOMETRY, edit=lose)
    good, bad = scan([tmp_path]).series()
    assert (good.plane_count, good.problem) == (3, "")
    assert any("1 plane without a place left out" in note for note in good.notes)
    assert "0001.dcm does not say Image Position (Patient)" in bad.problem


def test_a_ct_without_rescale_is_not_taken_for_hu(tmp_path: Path) -> None:
    write_series(tmp_path, VOXELS, GEOMETRY, edit=without("RescaleSlope"))
    volume = open_volume(tmp_path)
    assert volume.units == ""
    assert any("not known to be HU" in note for note in volume.notes)


def test_a_plane_without_the_rescale_of_the_others_is_left_out(tmp_path: Path) -> None:
    def lose(dataset: Dataset, k: int) -> None:
        if k == 3:
            del dataset.RescaleSlope

    write_series(tmp_path, VOXELS, GEOMETRY, edit=lose)
    volume = open_volume(tmp_path)
    assert volume.voxels.shape[0] == 3
    assert any("1 plane [no rescale]" in note for note in volume.notes)


def test_a_rescale_of_zero_is_refused(tmp_path: Path) -> None:
    write_series(tmp_path, VOXELS, GEOMETRY, edit=lambda ds, _: setattr(ds, "RescaleSlope", "0"))
    assert "slope is 0" in why_not(tmp_path)


@pytest.mark.parametrize(
    ("kind", "low", "units", "sentence"),
    [("US", -1024, "HU", "taken for HU"), ("US", 0, "US", "not HU"), ("MGML", -1024, "MGML", "not HU")],
)
def test_a_ct_whose_unit_is_not_hu_or_open_says_so(
    tmp_path: Path, kind: str, low: int, units: str, sentence: str
) -> None:
    voxels = make_voxels(SHAPE, low=low)
    voxels[0, 0, 0] = low
    write_series(tmp_path, voxels, GEOMETRY, RescaleType=kind)
    volume = open_volume(tmp_path)
    assert volume.units == units
    assert any(sentence in note for note in volume.notes)


@pytest.mark.parametrize(
    ("keyword", "value", "sentence"),
    [
        ("PixelSpacing", ["0", "0"], "not positive"),
        ("PixelSpacing", ["-1", "1"], "not positive"),
        ("ImageOrientationPatient", [1, 0, 0, 1, 0, 0], "not perpendicular"),
        ("ImageOrientationPatient", [0, 0, 0, 0, 0, 0], "not perpendicular"),
        ("ImageOrientationPatient", [2, 0, 0, 0, 1, 0], "not perpendicular"),
        ("SamplesPerPixel", 3, "colour"),
        ("PhotometricInterpretation", "PALETTE COLOR", "colour"),
        ("ImageType", ["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"], "mosaic"),
        ("BitsStored", 17, "bits"),
        ("HighBit", 17, "bits"),
        ("BitsStored", 12, "bits"),
        ("Rows", 0, "0 rows"),
    ],
)
def test_an_impossible_value_is_refused(tmp_path: Path, keyword: str, value: object, sentence: str) -> None:
    write_series(tmp_path, VOXELS, GEOMETRY, edit=lambda ds, _: setattr(ds, keyword, value))
    assert sentence in why_not(tmp_path)


@pytest.mark.parametrize("written", [b"nan", b"inf", b"x.5", b"1,5"])
def test_a_number_that_is_none_is_refused(tmp_path: Path, written: bytes) -> None:
    for file in write_series(tmp_path, VOXELS, GEOMETRY, PixelSpacing=["7.7", "7.7"]):
        file.write_bytes(file.read_bytes().replace(b"7.7\\7.7", b"7.7\\" + written))
    assert "PixelSpacing" in why_not(tmp_path)


def test_pixel_data_shorter_than_the_size_is_refused(tmp_path: Path) -> None:
    write_series(tmp_path, VOXELS, GEOMETRY, edit=lambda ds, _: setattr(ds, "Rows", 600))
    assert "damaged" in why_not(tmp_path)


def test_video_is_refused_by_name(tmp_path: Path) -> None:
    for file in write_series(tmp_path, VOXELS, GEOMETRY):
        dataset = dcmread(file)
        dataset.file_meta.TransferSyntaxUID = MPEG2MPML
        dataset.PixelData = encapsulate([dataset.PixelData])
        dataset["PixelData"].is_undefined_length = True
        dataset.save_as(file)
    assert "compressed in a way that is not read: MPEG2" in why_not(tmp_path)


def test_a_file_that_changes_or_goes_between_scan_and_read_is_said(tmp_path: Path) -> None:
    files = write_series(tmp_path, VOXELS, GEOMETRY)
    series = next(scan([tmp_path]).series())
    files[2].write_bytes(files[2].read_bytes() + b"\0\0")
    with pytest.raises(ReadError, match=r"0002\.dcm has changed"):
        read_series(series)
    files[2].unlink()
    with pytest.raises(ReadError, match=r"0002\.dcm cannot be read"):
        read_series(series)


def test_another_series_uid_is_refused_by_name(tmp_path: Path) -> None:
    write_series(tmp_path, VOXELS, GEOMETRY)
    with pytest.raises(ReadError, match=r"no image series 1\.2\.3"):
        open_volume(tmp_path, "1.2.3")


def crash(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Let the decoder end at the first planes that it is given."""
    decode = decoding._Decoder.decode
    crashes = iter(range(times))

    def crashing(decoder: decoding._Decoder, planes: Sequence[StoredPlane], colour: bool) -> list[np.ndarray]:
        if next(crashes, None) is not None:
            decoder._process.kill()
            decoder._process.wait()
        return decode(decoder, planes, colour)

    monkeypatch.setattr(decoding._Decoder, "decode", crashing)


def test_a_decoder_that_crashes_once_is_started_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_series(tmp_path, VOXELS, GEOMETRY, transfer_syntax=JPEG2000Lossless)
    crash(monkeypatch, 1)
    np.testing.assert_array_equal(open_volume(tmp_path).voxels, VOXELS)


def test_a_plane_that_crashes_the_decoder_is_one_sentence_and_the_next_read_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_series(tmp_path, VOXELS[:1], make_geometry((1, 12, 9)), transfer_syntax=JPEG2000Lossless)
    crash(monkeypatch, 2)
    assert "crashes the decoder" in why_not(tmp_path)
    np.testing.assert_array_equal(open_volume(tmp_path).voxels, VOXELS[:1])


def test_a_decoder_that_hangs_is_stopped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_series(tmp_path, VOXELS[:1], make_geometry((1, 12, 9)), transfer_syntax=JPEG2000Lossless)
    series = next(scan([tmp_path]).series())
    monkeypatch.setattr(decoding, "TIMEOUT_S", 0.2)
    decoding.close_decoders()
    decoder = decoding._borrow()
    decoder._process.send_signal(19)
    decoding._give_back(decoder, True)
    with pytest.raises(ReadError, match="does not end"):
        thumbnail(series)


def test_stop_is_heard_while_a_decoder_hangs(tmp_path: Path) -> None:
    write_series(tmp_path, VOXELS, GEOMETRY, transfer_syntax=JPEG2000Lossless)
    series = next(scan([tmp_path]).series())
    decoding.close_decoders()
    decoder = decoding._borrow()
    decoder._process.send_signal(19)
    decoding._give_back(decoder, True)
    began = time.monotonic()
    with pytest.raises(CancelledError):
        read_series(series, stoppable(silent, lambda: time.monotonic() > began + 0.5))
    # Far less than the minute after which a decoder is taken to hang.
    assert time.monotonic() - began < 15
    np.testing.assert_array_equal(read_series(series).voxels, VOXELS)


def test_odd_values_make_no_noise(tmp_path: Path) -> None:
    write_series(tmp_path, VOXELS, GEOMETRY, StudyDescription="x" * 90, StationName="far too long for this element")
    script = (
        "import logging, sys; logging.basicConfig(); from pathlib import Path; from engine.opening import open_volume; "
        "open_volume(Path(sys.argv[1]))"
    )
    done = subprocess.run([sys.executable, "-c", script, tmp_path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_reading_in_two_threads_at_once(tmp_path: Path) -> None:
    write_series(tmp_path, VOXELS, GEOMETRY, transfer_syntax=JPEG2000Lossless)
    series = next(scan([tmp_path]).series())
    volumes: list[np.ndarray] = []
    threads = [threading.Thread(target=lambda: volumes.append(read_series(series).voxels)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(volumes) == 2
    assert all((voxels == VOXELS).all() for voxels in volumes)
