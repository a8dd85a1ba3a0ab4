"""Folders of links, DICOMDIRs whose names are not those of the disk, and files that are not to be waited for."""

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MediaStorageDirectoryStorage, generate_uid

from engine.errors import CancelledError
from engine.opening import find_images, open_volume
from engine.progress import stoppable
from engine.stored.scan import scan
from tests.synthetic import make_geometry, make_voxels, write_series

SHAPE = (4, 12, 9)
VOXELS = make_voxels(SHAPE)
GEOMETRY = make_geometry(SHAPE)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A folder with the files of one patient."""
    write_series(tmp_path / "store/patient", VOXELS, GEOMETRY)
    (tmp_path / "chosen").mkdir()
    return tmp_path / "store"


def link_folder(store: Path, chosen: Path) -> None:
    (chosen / "patient").symlink_to(store / "patient", target_is_directory=True)


def link_folder_to_links(store: Path, chosen: Path) -> None:
    (store / "other").symlink_to(store / "patient", target_is_directory=True)
    (chosen / "a").symlink_to(store / "other", target_is_directory=True)


def link_files(store: Path, chosen: Path) -> None:
    for file in (store / "patient").iterdir():
        (chosen / file.name).symlink_to(file)


def hard_links(store: Path, chosen: Path) -> None:
    for file in (store / "patient").iterdir():
        os.link(file, chosen / file.name)


def link_twice(store: Path, chosen: Path) -> None:
    link_folder(store, chosen)
    link_files(store, chosen)
    (chosen / "again").symlink_to(store / "patient", target_is_directory=True)


def loop(store: Path, chosen: Path) -> None:
    link_folder(store, chosen)
    (chosen / "self").symlink_to(chosen, target_is_directory=True)
    (chosen / "deeper").mkdir()
    (chosen / "deeper/up").symlink_to(chosen.parent, target_is_directory=True)
    (chosen / "root").symlink_to("/", target_is_directory=True)


@pytest.mark.parametrize("link", [link_folder, link_folder_to_links, link_files, hard_links, link_twice, loop])
def test_links_lead_to_what_they_stand_for_once(store: Path, link: Callable[[Path, Path], None]) -> None:
    chosen = store.parent / "chosen"
    link(store, chosen)
    catalogue = scan([chosen])
    (series,) = catalogue.series()
    assert (series.plane_count, series.notes, catalogue.unreadable) == (4, (), ())
    np.testing.assert_array_equal(open_volume(chosen).voxels, VOXELS)


def test_links_and_what_they_lead_to_are_one(store: Path) -> None:
    link_twice(store, store.parent / "chosen")
    (series,) = scan([store.parent]).series()
    assert (series.plane_count, series.notes) == (4, ())


@pytest.mark.parametrize("target", ["absent", "b"])
def test_a_link_that_leads_nowhere_is_named(tmp_path: Path, target: str) -> None:
    (tmp_path / "a").symlink_to(tmp_path / target)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    reasons = [file.reason for file in scan([tmp_path]).unreadable]
    assert "a is a link that leads to no file." in reasons


def write_directory(folder: Path, names: list[str | list[str]]) -> Path:
    """A DICOMDIR that names files."""
    directory = Dataset()
    directory.SOPClassUID, directory.SOPInstanceUID = MediaStorageDirectoryStorage, generate_uid()
    directory.DirectoryRecordSequence = []
    for name in names:
        record = Dataset()
        record.DirectoryRecordType = "IMAGE"
        record.add_new(0x00041500, "CS", name)
        directory.DirectoryRecordSequence.append(record)
    directory.file_meta = FileMetaDataset()
    directory.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    directory.file_meta.MediaStorageSOPInstanceUID = directory.SOPInstanceUID
    directory.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    folder.mkdir(parents=True, exist_ok=True)
    directory.save_as(folder / "DICOMDIR", enforce_file_format=True)
    return folder / "DICOMDIR"


@pytest.mark.filterwarnings("ignore:Invalid value")
@pytest.mark.parametrize(
    ("named", "on_disk"),
    [
        (["IMG", "I{}"], "IMG/I{}"),
        (["IMG", "I{}"], "IMG/I{}.dcm"),
        (["IMG", "I{}"], "img/i{}.DCM"),
        (["IMG", "I{}"], "Img/i{}.ima"),
        (["IMG", "I{}"], "IMG/I{};1"),
        (["IMG", "I{}"], "IMG/I{}.;1"),
        ("IMG/I{}", "IMG/I{}"),
        ("./IMG/I{}", "IMG/I{}"),
        ("/media/cdrom/IMG/I{}", "IMG/I{}"),
        (["D:", "DICOM", "IMG", "I{}"], "IMG/I{}.dcm"),
        ("D:/CD/IMG/I{}", "img/I{}"),
        (["", "IMG", "I{}"], "IMG/I{}"),
    ],
)
def test_a_dicomdir_leads_to_its_files_under_changed_names(
    tmp_path: Path, named: str | list[str], on_disk: str
) -> None:
    files = write_series(tmp_path / "in", VOXELS, GEOMETRY)
    for k, file in enumerate(files):
        place = tmp_path / "out" / on_disk.format(k)
        place.parent.mkdir(parents=True, exist_ok=True)
        file.rename(place)
    numbered = [
        named.format(k) if isinstance(named, str) else [part.format(k) for part in named] for k in range(len(files))
    ]
    directory = write_directory(tmp_path / "out", numbered)
    assert scan([directory]).unreadable == ()
    np.testing.assert_array_equal(open_volume(directory).voxels, VOXELS)


def test_what_a_dicomdir_names_and_is_absent_is_named(tmp_path: Path) -> None:
    write_series(tmp_path / "IMG", VOXELS, GEOMETRY, names=[f"I{k}" for k in range(4)])
    directory = write_directory(tmp_path, [*(["IMG", f"I{k}"] for k in range(4)), ["IMG", "I4"], ["..", "I5"]])
    reasons = [file.reason for file in scan([directory]).unreadable]
    assert reasons == [r"DICOMDIR names IMG\I4, which is absent.", r"DICOMDIR names ..\I5, which is absent."]


def test_a_volume_of_which_a_dicomdir_names_more_than_there_is_says_so(tmp_path: Path) -> None:
    write_series(tmp_path / "IMG", VOXELS, GEOMETRY, names=[f"I{k}" for k in range(4)])
    directory = write_directory(tmp_path, [["IMG", f"I{k}"] for k in range(6)])
    left = open_volume(directory).left_out
    assert [(part.kind, part.planes) for part in left] == [("absent", 2)] and "I4 and 1 more" in left[0].sentence
    assert [part.kind for part in find_images(directory)[0].left_out] == ["absent"]
    assert not open_volume(tmp_path / "IMG").left_out


def test_a_dicomdir_that_names_nothing_there_says_to_open_the_folder(tmp_path: Path) -> None:
    directory = write_directory(tmp_path, [["IMG", "I0"]])
    assert "names no file that is there; open its folder instead" in scan([directory]).unreadable[0].reason


@pytest.mark.parametrize("name", ["pipe", "pipe.dcm", "pipe.nii", "DICOMDIR"])
def test_pipes_are_not_waited_for(store: Path, name: str) -> None:
    os.mkfifo(store / name)
    catalogue = scan([store])
    assert next(catalogue.series()).plane_count == 4
    assert [file.reason for file in catalogue.unreadable] == [f"{name} is not a file."]


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="needs the devices of Unix")
@pytest.mark.parametrize("device", ["/dev/zero", "/dev/random", "/dev/tty"])
def test_devices_are_not_read(tmp_path: Path, device: str) -> None:
    (tmp_path / "link").symlink_to(device)
    assert [file.reason for file in scan([tmp_path]).unreadable] == ["link is not a file."]


def broken(path: Path, size: int, filler: bytes, left: int) -> Path:
    """A copy of a CT that broke off after some bytes and goes on in another way up to its size."""
    (whole,) = write_series(path.parent / "whole", VOXELS[:1], make_geometry((1, 12, 9)))
    start = whole.read_bytes()[:left]
    with path.open("wb") as file:
        file.write(start)
        if any(filler):
            file.write(filler * ((size - left) // len(filler)))
        file.truncate(size)
    return path


def nested(path: Path, size: int) -> Path:
    """A file whose zeros are inside a sequence."""
    start = b"\0" * 128 + b"DICM" + b"\x02\0\x10\0UI\x14\x001.2.840.10008.1.2.1\0"
    start += b"\x08\0\x60\0CS\x02\0CT" + b"\x08\0\x15\x11SQ\0\0\xff\xff\xff\xff\xfe\xff\0\xe0\xff\xff\xff\xff"
    with path.open("wb") as file:
        file.write(start)
        file.truncate(size)
    return path


@pytest.mark.parametrize("left", [140, 200, 280, 400, 700])
def test_zeros_after_a_broken_header_cost_no_time(store: Path, left: int) -> None:
    broken(store / "broken.dcm", 200 << 20, b"\0", left)
    (store / "whole").rename(store / ".whole")
    started = time.monotonic()
    catalogue = scan([store])
    # A thousandth of that on an idle machine; two minutes when each zero is read.
    assert time.monotonic() - started < 2
    assert next(catalogue.series()).plane_count == 4
    (reason,) = [file.reason for file in catalogue.unreadable]
    assert reason.startswith("broken.dcm is")


def test_zeros_inside_a_sequence_cost_no_time(store: Path) -> None:
    nested(store / "broken.dcm", 200 << 20)
    started = time.monotonic()
    catalogue = scan([store])
    assert time.monotonic() - started < 2
    assert [file.reason for file in catalogue.unreadable] == [
        "broken.dcm is a damaged DICOM file: its header breaks off and is followed by zeros."
    ]


@pytest.mark.parametrize("filler", [b"\xff", b" ", b"\x01", b"\x08\0\x05\0CS\0\0", b"\x11\0\x01\0UN\0\0\x02\0\0\0ab"])
def test_reading_a_damaged_header_stops_when_asked(tmp_path: Path, filler: bytes) -> None:
    (tmp_path / "in").mkdir()
    broken(tmp_path / "in/broken.dcm", 200 << 20, filler, 400)
    asked = threading.Event()
    timer = threading.Timer(0.2, asked.set)
    timer.start()
    started = time.monotonic()
    with contextlib.suppress(CancelledError):
        scan([tmp_path / "in/broken.dcm"], stoppable(lambda fraction, stage: None, asked.is_set))
    assert time.monotonic() - started < 2
    timer.cancel()


def test_what_the_system_makes_up_is_not_read(tmp_path: Path) -> None:
    if not Path("/proc/kmsg").exists():
        pytest.skip("needs Linux's /proc")
    (tmp_path / "messages").symlink_to("/proc/kmsg")
    assert [file.reason for file in scan([tmp_path]).unreadable] == ["messages is empty."]
