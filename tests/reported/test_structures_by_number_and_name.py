"""RTSTRUCTs whose numbers, names or ends are written oddly: each structure keeps its contours and its name."""

from collections.abc import Sequence
from pathlib import Path

import pydicom
import pytest
from pydicom.dataelem import RawDataElement
from pydicom.dataset import Dataset
from pydicom.multival import MultiValue
from pydicom.tag import Tag
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
)

from engine.dicom.rtstruct_read import read_rtstruct
from engine.dicom.rtstruct_write import export_rtstruct
from engine.errors import ReadError
from engine.stored.scan import scan
from engine.structures import StructureSet
from engine.volume import Volume
from tests.rtstruct.study import SQUARE, Contour, make_study, write_rtstruct

ROI_NUMBER, REFERENCED = 0x30060022, 0x30060084


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Volume:
    return make_study(tmp_path_factory.mktemp("study") / "ct")


def raw(item: Dataset, tag: int, written: str | None) -> None:
    """Put an IS value into a data set as it stands; None takes the element away."""
    if written is None:
        del item[tag]
    else:
        value = written.encode() + b" " * (len(written) % 2)
        item[tag] = RawDataElement(Tag(tag), "IS", len(value), value, 0, True, True)


def read(
    folder: Path,
    volume: Volume,
    named: Sequence[str | None],
    drawn: Sequence[str | None],
    seen: Sequence[str | None] | None = None,
) -> StructureSet:
    """Structures "A", "B", ... drawn on planes 0, 1, ..., with these ROI numbers in the three sequences."""

    def edit(dataset: Dataset) -> None:
        for items, tag, numbers in (
            (dataset.StructureSetROISequence, ROI_NUMBER, named),
            (dataset.ROIContourSequence, REFERENCED, drawn),
            (dataset.RTROIObservationsSequence, REFERENCED, seen or drawn),
        ):
            for item, number in zip(items, numbers, strict=True):
                raw(item, tag, number)
        for k, item in enumerate(dataset.RTROIObservationsSequence):
            item.RTROIInterpretedType = ("ORGAN", "PTV", "CTV")[k]

    rois = {"ABC"[k]: [Contour(k)] for k in range(len(named))}
    return read_rtstruct(write_rtstruct(folder / "rt.dcm", volume, rois, edit), volume)


def planes(structures: StructureSet) -> dict[str, tuple[list[int], str]]:
    return {roi.name: (list(roi.planes), roi.roi_type) for roi in structures.rois}


APART = {"A": ([0], "ORGAN"), "B": ([1], "PTV"), "C": ([2], "CTV")}


@pytest.mark.parametrize("form", ["{}.0", "0{}", " {}", "+{}", "{}e0", "{}.", "{}.000", "-{}", "00{} "])
@pytest.mark.parametrize("plain", ["", "named", "drawn"])
def test_a_number_is_the_same_in_any_form(tmp_path: Path, volume: Volume, form: str, plain: str) -> None:
    odd = [form.format(n) for n in (1, 2, 3)]
    even = odd if form == "-{}" else ["1", "2", "3"]
    structures = read(tmp_path, volume, even if plain == "named" else odd, even if plain == "drawn" else odd)
    assert planes(structures) == APART
    assert structures.notes == ()


@pytest.mark.parametrize("bad", ["A1", "1.5", "1\\2", "", "NaN"])
def test_a_number_that_is_none_costs_neither_the_file_nor_the_contours(
    tmp_path: Path, volume: Volume, bad: str
) -> None:
    structures = read(tmp_path, volume, ["1", bad, "3"], ["1", bad, "3"])
    assert planes(structures) == APART
    assert any("'B'" in note and "in whose place" in note for note in structures.notes)


def test_two_structures_of_one_number_keep_their_own_contours(tmp_path: Path, volume: Volume) -> None:
    structures = read(tmp_path, volume, ["1", "1", "2"], ["1", "1", "2"])
    assert planes(structures) == APART
    assert len({roi.number for roi in structures.rois}) == 3
    assert any("several structures have: read in their order" in note for note in structures.notes)


def test_contours_of_a_number_that_two_have_are_given_to_the_first_with_a_note(tmp_path: Path, volume: Volume) -> None:
    structures = read(tmp_path, volume, ["1", "1", "2"], ["1", "2", "2"])
    assert [list(roi.planes) for roi in structures.rois] == [[0], [], [1, 2]]
    assert any("read as those of 'A'" in note for note in structures.notes)


def test_contours_without_a_number_are_those_of_the_structure_in_whose_place_they_stand(
    tmp_path: Path, volume: Volume
) -> None:
    structures = read(tmp_path, volume, ["5", "6", "7"], ["5", None, "7"])
    assert planes(structures) == APART
    assert any("without an ROI number" in note and "'B'" in note for note in structures.notes)


def test_contours_without_a_number_among_others_out_of_place_make_a_structure_of_their_own(
    tmp_path: Path, volume: Volume
) -> None:
    structures = read(tmp_path, volume, ["5", "6", "7"], ["7", None, "5"])
    assert [(roi.name, list(roi.planes)) for roi in structures.rois] == [
        ("A", [2]), ("B", []), ("C", [0]), ("ROI 8", [1]),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "name",
    [
        "GTV\\boost",
        "PTV=70",
        "a=b=c",
        "^caret^",
        "前立腺　右",
        "Ω “quoted” <&>",
        "100 %",
        "zwj‍join",
        "['x', 'y']",
    ],
)
def test_a_name_keeps_its_text(tmp_path: Path, volume: Volume, name: str) -> None:
    path = write_rtstruct(tmp_path / "rt.dcm", volume, {name: [Contour(1)]})
    structures = read_rtstruct(path, volume)
    assert [roi.name for roi in structures.rois] == [name]
    certificate = export_rtstruct(structures, volume, tmp_path / "again.dcm")
    again = read_rtstruct(tmp_path / "again.dcm", volume).rois[0].name
    # A backslash parts values, so that the standard has none in a name; what is written instead is told.
    assert again == name.replace("\\", "_")
    assert any(f"written as '{again}'" in change for change in certificate.changes) == (again != name)


TAILS: list[tuple[str, bytes, bool]] = [
    ("a line end", b"\r\n", True),
    ("one zero", b"\0", False),
    ("seven zeros", b"\0" * 7, False),
    ("a block of zeros", b"\0" * 513, False),
    ("a multipart boundary", b"\r\n--boundary-01--\r\n", True),
    ("a web page", b"<html><body>404</body></html>", True),
    ("spaces", b" " * 30, True),
    ("ones", b"\xff" * 64, True),
    ("another file", b"\0" * 128 + b"DICM" + b"\x02\0\0\0UL\x04\0\xc0\0\0\0", True),
]


@pytest.mark.parametrize(("tail", "noted"), [t[1:] for t in TAILS], ids=[t[0] for t in TAILS])
@pytest.mark.parametrize(
    "syntax",
    [ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian],
    ids=["implicit", "explicit", "deflated", "big endian"],
)
def test_bytes_after_the_end_are_left_out(
    tmp_path: Path, volume: Volume, syntax: str, tail: bytes, noted: bool
) -> None:
    path = write_rtstruct(tmp_path / "rt.dcm", volume, {"A": [Contour(0)], "B": [Contour(1)]}, syntax=syntax)
    path.write_bytes(path.read_bytes() + tail)
    structures = read_rtstruct(path, volume)
    assert [list(roi.planes) for roi in structures.rois] == [[0], [1]]
    if syntax != ExplicitVRBigEndian:
        assert any("after the end" in note for note in structures.notes) == noted


@pytest.mark.parametrize("again", [b"DICM", b"\0" * 128 + b"DICM"], ids=["the prefix", "prefix and preamble"])
def test_a_prefix_that_is_there_twice_is_passed_over(tmp_path: Path, volume: Volume, again: bytes) -> None:
    path = write_rtstruct(tmp_path / "rt.dcm", volume, {"A": [Contour(0)]})
    data = path.read_bytes()
    path.write_bytes(data[:132] + again + data[132:])
    assert planes(read_rtstruct(path, volume)) == {"A": ([0], "ORGAN")}
    # In a folder as well as alone.
    catalogue = scan([tmp_path])
    assert [series.files for series in catalogue.structures()] == [(path,)] and not catalogue.unreadable


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian, DeflatedExplicitVRLittleEndian])
@pytest.mark.parametrize("lost", [3, 7, 40, 400])
def test_a_file_that_is_cut_off_is_still_refused(tmp_path: Path, volume: Volume, syntax: str, lost: int) -> None:
    path = write_rtstruct(tmp_path / "rt.dcm", volume, {"A": [Contour(0)], "B": [Contour(1)]}, syntax=syntax)
    path.write_bytes(path.read_bytes()[:-lost])
    with pytest.raises(ReadError):
        read_rtstruct(path, volume)


def test_elements_after_the_contours_are_no_tail(tmp_path: Path, volume: Volume) -> None:
    def edit(dataset: Dataset) -> None:
        dataset.ApprovalStatus = "UNAPPROVED"
        dataset.private_block(0x4001, "SOMEONE", create=True).add_new(1, "LO", "something")
        dataset.add_new(0xFFFCFFFC, "OB", b"\0" * 64)

    structures = read_rtstruct(write_rtstruct(tmp_path / "rt.dcm", volume, {"A": [Contour(0)]}, edit), volume)
    assert structures.notes == ()
    assert "40010010" in structures.attachments


@pytest.mark.parametrize("alone", [False, True], ids=["with the image", "without it"])
@pytest.mark.parametrize(
    ("keyword", "value"),
    [
        ("PatientID", "12\\34"),
        ("AccessionNumber", "A\\B"),
        ("PatientID", "a=b^c"),
        ("PatientName", "Yamada^Tarou=山田^太郎=やまだ^たろう"),
        ("PatientName", "=".join(["Long" * 14 + "^First"] * 3)),
    ],
)
def test_what_identifies_the_patient_is_written_as_the_image_has_it(
    tmp_path: Path, keyword: str, value: str, alone: bool
) -> None:
    image = make_study(tmp_path / "ct", **{keyword: value})
    path = write_rtstruct(
        tmp_path / "rt.dcm", image, {"A": [Contour(1)]}, lambda dataset: setattr(dataset, keyword, value)
    )
    volume = None if alone else image
    export_rtstruct(read_rtstruct(path, volume), volume, tmp_path / "again.dcm")
    files = next((tmp_path / "ct").iterdir()), tmp_path / "again.dcm"
    for file in files:
        written = pydicom.dcmread(file)[keyword].value
        assert ("\\".join(written) if isinstance(written, MultiValue) else str(written)) == value


@pytest.mark.parametrize(
    ("said", "actual"),
    [(ExplicitVRLittleEndian, ImplicitVRLittleEndian), (ImplicitVRLittleEndian, ExplicitVRLittleEndian)],
)
def test_a_file_in_another_encoding_than_it_says_is_read_and_told(
    tmp_path: Path, volume: Volume, said: str, actual: str
) -> None:
    path = write_rtstruct(tmp_path / "rt.dcm", volume, {"A": [Contour(0)]}, syntax=actual)
    data = path.read_bytes()
    written = b"UI" + len(actual + "\0" * (len(actual) % 2)).to_bytes(2, "little") + actual.encode()
    start = data.index(written)
    end = start + len(written) + len(actual) % 2
    other = said.encode() + b"\0" * (len(said) % 2)
    path.write_bytes(data[:start] + b"UI" + len(other).to_bytes(2, "little") + other + data[end:])
    structures = read_rtstruct(path, volume)
    assert planes(structures) == {"A": ([0], "ORGAN")}
    assert any("as which it was read" in note for note in structures.notes)


@pytest.mark.parametrize("kind", ["CLOSED_PLANAR_XOR", "CLOSEDPLANARXOR", "CLOSEDPLANAR XOR"])
def test_a_contour_s_type_with_other_signs_is_known_and_told(tmp_path: Path, volume: Volume, kind: str) -> None:
    inner = ((15.0, 15.0), (25.0, 15.0), (25.0, 25.0), (15.0, 25.0))
    ring = [Contour(0, geometric_type=kind), Contour(0, inner, geometric_type=kind)]
    structures = read_rtstruct(write_rtstruct(tmp_path / "rt.dcm", volume, {"A": ring}), volume)
    assert structures.rois[0].area(0).area == pytest.approx(300)
    assert any("read as CLOSEDPLANAR_XOR" in note for note in structures.notes)


@pytest.mark.parametrize(
    "again",
    [SQUARE[2:] + SQUARE[:2], SQUARE[::-1], [(u + 0.004, v - 0.003) for u, v in SQUARE]],
    ids=["from another point", "backwards", "with other digits"],
)
def test_a_contour_that_is_there_twice_is_counted_once_and_called_that(
    tmp_path: Path, volume: Volume, again: Sequence[tuple[float, float]]
) -> None:
    path = write_rtstruct(tmp_path / "rt.dcm", volume, {"A": [Contour(0), Contour(0, again)]})
    structures = read_rtstruct(path, volume)
    assert structures.rois[0].area(0).area == pytest.approx(400)
    assert [note for note in structures.notes if "'A'" in note] == [
        "'A' has the same contour twice on plane 1: counted once."
    ]


def test_a_sign_after_the_last_number_of_a_contour_costs_nothing(tmp_path: Path, volume: Volume) -> None:
    def edit(dataset: Dataset) -> None:
        part = dataset.ROIContourSequence[0].ContourSequence[0]
        text = "\\".join(map(str, part.ContourData)) + "\\"
        value = text.encode() + b" " * (len(text) % 2)
        part[0x30060050] = RawDataElement(Tag(0x30060050), "DS", len(value), value, 0, True, True)

    structures = read_rtstruct(write_rtstruct(tmp_path / "rt.dcm", volume, {"A": [Contour(0)]}, edit), volume)
    assert planes(structures) == {"A": ([0], "ORGAN")}
    assert structures.notes == ()


def test_a_structure_without_a_name_has_that_of_its_observation(tmp_path: Path, volume: Volume) -> None:
    def edit(dataset: Dataset) -> None:
        dataset.StructureSetROISequence[0].ROIName = ""
        dataset.RTROIObservationsSequence[0].ROIObservationLabel = "Parotid_L"

    structures = read_rtstruct(write_rtstruct(tmp_path / "rt.dcm", volume, {"A": [Contour(0)]}, edit), volume)
    assert planes(structures) == {"Parotid_L": ([0], "ORGAN")}
    assert any("which was taken" in note for note in structures.notes)
