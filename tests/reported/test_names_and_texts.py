"""Names and other texts come as they are written, in any character set; a person's name is shown without its signs."""

from pathlib import Path

import pytest
from pydicom import dcmread
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.tag import Tag

from engine import person_name
from engine.opening import open_volume
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
