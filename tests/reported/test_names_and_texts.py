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
from tests.rtstruct.study import Contour, make_study, write_rtstruct
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
    # One value that is something else speaks against it: Latin-1, which is told as well.
    both = written(tmp_path / "both", 0x00100010, "PN", "Jäger".encode())
    for path in both.iterdir():
        dataset = dcmread(path)
        dataset[0x00081030] = RawDataElement(Tag(0x00081030), "LO", 4, b"M\xfcn ", 0, False, True)
        dataset.save_as(path)
    volume = open_volume(both)
    assert volume.info.study_description == "Mün" and not any("UTF-8" in note for note in volume.notes)
    assert any("Latin-1" in note for note in volume.notes)


@pytest.mark.parametrize(
    ("stored", "character_sets", "name", "said"),
    [
        ("Jürgen".encode("latin-1"), [], "Jürgen", "read as Latin-1"),
        ("左".encode("shift_jis"), [], "\x8d\xb6", "read as Latin-1"),
        (b"\x1b$B:8A#\x1b(B", [], "左腺", "read as ISO 2022 IR 87"),
        (b"\x1b$)C\xbf\xde", [], "왼", "read as ISO 2022 IR 149"),
        ("Jürgen".encode(), ["ISO_IR 100"], "Jürgen", "all of it is UTF-8"),
        ("Jürgen".encode(), ["ISO 2022 IR 6", "ISO 2022 IR 100"], "Jürgen", "all of it is UTF-8"),
        ("Jürgen".encode("latin-1"), ["ISO_IR 192"], "Jürgen", "UTF-8, which it is not"),
        ("Jürgen".encode(), ["KLINGON"], "Jürgen", "not known (“KLINGON”)"),
        ("Jürgen".encode(), ["ISO_IR_192"], "Jürgen", ""),
        ("Jürgen".encode(), ["UTF-8"], "Jürgen", ""),
        ("Jürgen".encode("latin-1"), ["ISO_IR 100"], "Jürgen", ""),
        ("Лев".encode("iso8859_5"), ["ISO_IR 144"], "Лев", ""),
        (b"Plain", ["ISO_IR 192"], "Plain", ""),
        (b"Plain", [], "Plain", ""),
    ],
)
def test_text_that_is_not_in_the_characters_that_the_file_says_is_told(
    tmp_path: Path, stored: bytes, character_sets: list[str], name: str, said: str
) -> None:
    instead = b"N" * len(stored)
    for path in written(tmp_path, 0x00081030, "LO", instead, *character_sets).iterdir():
        # pydicom would write it in the characters that the file says.
        path.write_bytes(path.read_bytes().replace(instead, stored))
    volume = open_volume(tmp_path)
    assert volume.info.study_description == name
    notes = [note for note in volume.notes if "character" in note or "its text" in note]
    assert [said in note for note in notes] == ([True] if said else [])


@pytest.mark.parametrize(
    ("stored", "said"),
    [("Drüse".encode("latin-1"), "Latin-1"), (b"\x1b$B:8A#\x1b(B", "ISO 2022 IR 87")],
    ids=["Latin-1", "Japanese"],
)
def test_names_of_structures_in_characters_that_are_not_said_are_told(tmp_path: Path, stored: bytes, said: str) -> None:
    volume = make_study(tmp_path / "ct")
    path = write_rtstruct(tmp_path / "rt.dcm", volume, {"N" * len(stored): [Contour(0)]})
    path.write_bytes(path.read_bytes().replace(b"N" * len(stored), stored))
    read = read_rtstruct(path, volume)
    assert [roi.name for roi in read.rois] == [{"Latin-1": "Drüse"}.get(said, "左腺")]
    assert any(said in note for note in read.notes)


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
