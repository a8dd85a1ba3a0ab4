"""Names and other texts come as they are written, in any character set; a person's name is shown without its signs."""

from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag
from shapely import MultiPolygon, box

from engine import person_name
from engine.dicom.rtstruct_read import read_rtstruct
from engine.dicom.rtstruct_write import export_rtstruct
from engine.opening import open_volume
from engine.structures import PlaneContours, Roi, StructureSet
from tests.synthetic import make_geometry, make_voxels, write_series

SHAPE = (2, 8, 8)


def written(folder: Path, tag: int, representation: str, value: bytes, *character_sets: str) -> Path:
    """A series with an element of these very bytes."""
    padded = value + b" " * (len(value) % 2)

    def edit(dataset: Dataset, _: int) -> None:
        del dataset.SpecificCharacterSet
        if character_sets:
            dataset.SpecificCharacterSet = list(character_sets)
        dataset[tag] = RawDataElement(Tag(tag), representation, len(padded), padded, 0, False, True)

    write_series(folder, make_voxels(SHAPE), make_geometry(SHAPE), edit=edit)
    return folder


@pytest.mark.parametrize(
    ("character_sets", "stored", "name"),
    [
        (
            ["", "ISO 2022 IR 87"],
            b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B=\x1b$B$d$^$@\x1b(B^\x1b$B$?$m$&\x1b(B",
            "Yamada^Tarou=山田^太郎=やまだ^たろう",
        ),
        (["ISO 2022 IR 13", "ISO 2022 IR 87"], b"\xd4\xcf\xc0\xde=\x1b$B;3ED\x1b(J", "ﾔﾏﾀﾞ=山田"),
        # The second byte of each of these two characters is that of a backslash.
        (["", "ISO 2022 IR 87"], b"Sai=\x1b$B0\\\x1b(B", "Sai=移"),
        (["GB18030"], b"\x81\x5c^\x90\x5c", "乗^怽"),
        (["GB18030"], "Zhang^XiaoDong=张^小东".encode("gb18030"), "Zhang^XiaoDong=张^小东"),
        (["ISO_IR 192"], "Müller\\Jörg".encode(), "Müller\\Jörg"),
        (["ISO_IR 100"], b"A\\B^C", "A\\B^C"),
        (["ISO_IR 999"], b"M\xfcller", "Müller"),
        ([], b"M\xfcller^J", "Müller^J"),
    ],
)
def test_a_person_s_name_keeps_its_text(tmp_path: Path, character_sets: list[str], stored: bytes, name: str) -> None:
    folder = written(tmp_path / "series", 0x00100010, "PN", stored, *character_sets)
    assert open_volume(folder).info.patient_name == name


def test_a_name_is_that_which_pydicom_decodes(tmp_path: Path) -> None:
    folder = written(tmp_path / "series", 0x00100010, "PN", b"\xb0\xed^x=\xf3\xd7", "ISO_IR 149")
    dataset = dcmread(next(folder.iterdir()))
    assert open_volume(folder).info.patient_name == str(dataset.PatientName)


@pytest.mark.parametrize(
    ("tag", "member"), [(0x00100020, "patient_id"), (0x0008103E, "description"), (0x00080050, "accession_number")]
)
def test_a_backslash_in_a_text_stays(tmp_path: Path, tag: int, member: str) -> None:
    folder = written(tmp_path / "series", tag, "SH" if tag == 0x00080050 else "LO", b"a\\b=c ^'[%s]")
    assert getattr(open_volume(folder).info, member) == "a\\b=c ^'[%s]"


@pytest.mark.parametrize(
    ("name", "seen"),
    [
        ("Doe^Jane^^Dr", "Doe Jane Dr"),
        ("Yamada^Tarou=山田^太郎=やまだ^たろう", "Yamada Tarou (山田 太郎, やまだ たろう)"),
        ("Yamada^Tarou==", "Yamada Tarou"),
        ("=山田^太郎", "山田 太郎"),
        ("Same=Same", "Same"),
        ("^^", ""),
        ("", ""),
    ],
)
def test_a_name_is_shown_without_its_signs(name: str, seen: str) -> None:
    assert person_name.shown(name) == seen


def test_utf8_that_is_not_said_is_read_as_such_and_told(tmp_path: Path) -> None:
    folder = written(tmp_path / "series", 0x00100010, "PN", "Jäger^Zoë".encode())
    volume = open_volume(folder)
    assert volume.info.patient_name == "Jäger^Zoë"
    assert any("UTF-8" in note for note in volume.notes)
    # One value that is something else speaks against it: Latin-1 as before, and nothing is claimed.
    both = written(tmp_path / "both", 0x00100010, "PN", "Jäger".encode())
    for path in both.iterdir():
        dataset = dcmread(path)
        dataset[0x00081030] = RawDataElement(Tag(0x00081030), "LO", 4, b"M\xfcn ", 0, False, True)
        dataset.save_as(path)
    volume = open_volume(both)
    assert volume.info.study_description == "Mün" and not any("UTF-8" in note for note in volume.notes)


def test_names_of_structures_in_utf8_that_is_not_said_are_read_as_such(tmp_path: Path) -> None:
    write_series(tmp_path / "ct", make_voxels(SHAPE), make_geometry(SHAPE))
    volume = open_volume(tmp_path / "ct")
    square = {0: PlaneContours(MultiPolygon([box(1, 1, 4, 4)]))}
    path = tmp_path / "rt.dcm"
    export_rtstruct(StructureSet(volume.geometry, (Roi(1, "Drüse", planes=square),)), volume, path)
    dataset = dcmread(path)
    assert dataset.SpecificCharacterSet == "ISO_IR 100"
    dataset.decode()
    dataset.SpecificCharacterSet = "ISO_IR 192"
    dataset.save_as(path)
    stored = path.read_bytes()
    assert "Drüse".encode() in stored
    path.write_bytes(stored.replace(b"ISO_IR 192", b" " * 10))
    read = read_rtstruct(path, volume)
    assert [roi.name for roi in read.rois] == ["Drüse"] and any("UTF-8" in note for note in read.notes)
