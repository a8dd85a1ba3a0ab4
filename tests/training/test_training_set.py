"""A corrected case becomes one to learn from: without the patient, and with the voxels and labels that it had."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom.dataset import Dataset
from shapely import MultiPolygon

from engine import training_set
from engine.cards.schema import Card, CardInput
from engine.errors import MismatchError, WriteError
from engine.opening import open_volume
from engine.structures import PlaneContours, Provenance, Review, ReviewState, Roi, StructureSet
from engine.training.dataset import open_data
from engine.training.parting import parted
from engine.training_images import FurtherImage, why_not_added
from engine.training_set import CONSENT, add_case, case_of_image
from engine.volume import Geometry, Volume
from tests.contouring.shapes import centres_inside, disc
from tests.synthetic import make_geometry, make_voxels, write_series
from tests.training.test_commands import CARD

REVIEWED = Provenance(review=Review(ReviewState.REVIEWED, "A. Reader"))
SHAPE = (6, 24, 20)


@pytest.fixture(autouse=True)
def own(home: Path) -> None:
    """The key of patients' codes is the test's."""


def series(folder: Path, seed: int = 0, edit: Any = None, **elements: Any) -> Volume:
    write_series(folder, make_voxels(SHAPE, seed), make_geometry(SHAPE), edit=edit, **elements)
    return open_volume(folder)


def ball(number: int, name: str, u: float, v: float, radius: float = 3.3, **more: Any) -> Roi:
    planes = {plane: PlaneContours(disc(u, v, radius - abs(plane - 3) / 2)) for plane in range(1, 5)}
    return Roi(number=number, name=name, colour=(255, 0, 0), planes=planes, provenance=more.pop("provenance", REVIEWED))


def on(volume: Volume, *rois: Roi) -> StructureSet:
    return StructureSet(volume.geometry, rois)


def test_voxels_and_labels_come_back_as_they_were(tmp_path: Path) -> None:
    volume = series(tmp_path / "ct")
    drawn = on(volume, ball(1, "Liver", 6.1, 8.2), ball(7, "Spleen", 12.4, 18.7))
    added = add_case(tmp_path / "set", volume, drawn)
    assert (added.case, added.structures, added.notes) == ("case_0001", ("Liver", "Spleen"), ())
    data = open_data(tmp_path / "set", ["Spleen", "Liver"])
    case = data.read("case_0001")
    # Another reader of the series, and another filler of the contours: its planes rise along LPS already.
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path / "ct")))
    image = reader.Execute()
    assert np.array_equal(case.image, sitk.GetArrayFromImage(image))
    assert case.spacing == pytest.approx(image.GetSpacing()[::-1])
    assert case.contoured.all() and case.others == ()
    for value, roi in ((1, drawn.rois[1]), (2, drawn.rois[0])):
        areas = [roi.planes[plane].area if plane in roi.planes else MultiPolygon() for plane in range(SHAPE[0])]
        wanted = np.stack([centres_inside(area, SHAPE[1:], volume.geometry.spacing_uv) for area in areas])
        assert np.array_equal(case.labels == value, wanted) and wanted.sum() > 50


def test_nothing_of_the_header_is_in_the_set(tmp_path: Path) -> None:
    told = {
        "PatientName": "Doe^Jane", "PatientID": "SECRET-77", "PatientBirthDate": "19611231", "StudyDate": "20231117",
        "AccessionNumber": "ACC-4711", "InstitutionName": "St. Elsewhere", "StudyDescription": "Staging",
    }  # fmt: skip
    volume = series(tmp_path / "ct", **told)
    add_case(tmp_path / "set", volume, on(volume, ball(1, "Liver", 6, 8)))
    written = b""
    for path in (tmp_path / "set").rglob("*"):
        if path.name.endswith(".nii.gz"):
            image = sitk.ReadImage(str(path))
            assert image.GetOrigin() == (0, 0, 0)
            written += repr([image.GetMetaData(key) for key in image.GetMetaDataKeys()]).encode()
        elif path.is_file():
            written += path.read_bytes()
        written += path.name.encode()
    info = volume.info
    for secret in (*told.values(), "Doe", "Jane", info.series_uid, info.study_uid, info.frame_of_reference_uid):
        assert secret.encode() not in written, secret


def test_further_cases_are_appended_and_patients_stay_together(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    for number, patient in enumerate(["A", "B", "A", "C"]):
        volume = series(tmp_path / str(number), number, PatientID=patient)
        names = ("Liver",) if number else ("Spleen", "Liver")
        add_case(folder, volume, on(volume, *(ball(i, name, 6, 8 + 10 * i) for i, name in enumerate(names))))
    data = open_data(folder, ["Liver", "Spleen"])
    assert data.names == [f"case_000{number}" for number in (1, 2, 3, 4)]
    patients = {name: data.patient_of(name) for name in data.names}
    assert patients["case_0001"] == patients["case_0003"] and len(set(patients.values())) == 3
    assert [data.read(name).contoured.tolist() for name in data.names] == [[True, True], *[[True, False]] * 3]
    learned, chosen = parted(Card.model_validate(CARD), folder, patients, 0.34)
    assert {patients[name] for name in learned}.isdisjoint(patients[name] for name in chosen) and chosen
    description = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    # What is kept of a person is named in what is agreed to.
    assert {"patients", "fingerprints"} <= description.keys()
    assert "code of the patient" in CONSENT[2] and "fingerprint of the image" in CONSENT[2]
    assert description["numTraining"] == 4 and description["labels"] == {"background": 0, "Spleen": 1, "Liver": 2}


def test_the_same_image_is_known_again_and_replaced(tmp_path: Path) -> None:
    folder, volume = tmp_path / "set", series(tmp_path / "ct")
    assert case_of_image(folder, volume) == ""
    add_case(folder, volume, on(volume, ball(1, "Liver", 6, 8)))
    assert case_of_image(folder, open_volume(tmp_path / "ct")) == "case_0001"
    assert case_of_image(folder, series(tmp_path / "other", 1)) == ""
    add_case(folder, volume, on(volume, ball(1, "Spleen", 6, 8)), replace="case_0001")
    data = open_data(folder, ["Liver", "Spleen"])
    assert data.names == ["case_0001"]
    case = data.read("case_0001")
    assert case.contoured.tolist() == [False, True] and set(np.unique(case.labels)) == {0, 2}


def test_text_in_the_pixels_of_any_plane_is_refused(tmp_path: Path) -> None:
    def burn(dataset: Dataset, plane: int) -> None:
        dataset.BurnedInAnnotation = "YES" if plane == 4 else "NO"

    volume = series(tmp_path / "ct", edit=burn)
    assert "Burned In Annotation is YES" in why_not_added(volume)
    with pytest.raises(MismatchError, match="burned into"):
        add_case(tmp_path / "set", volume, on(volume, ball(1, "Liver", 6, 8)))
    assert not (tmp_path / "set").exists()


def test_what_nobody_reviewed_is_no_label(tmp_path: Path) -> None:
    volume = series(tmp_path / "ct")
    drawn = on(volume, ball(1, "Liver", 6, 8), ball(2, "Spleen", 12, 18, provenance=Provenance()))
    with pytest.raises(MismatchError, match="Spleen nobody has reviewed it"):
        add_case(tmp_path / "set", volume, drawn)
    with pytest.raises(MismatchError, match="left lung a network can't learn a name"):
        add_case(tmp_path / "set", volume, on(volume, ball(1, "left lung", 6, 8)))


def test_where_structures_overlap_the_smaller_one_counts_and_it_is_said(tmp_path: Path) -> None:
    volume = series(tmp_path / "ct")
    large, small = ball(1, "Liver", 8, 10, 7.0), ball(2, "Gallbladder", 15.4, 10, 2.9)
    added = add_case(tmp_path / "set", volume, on(volume, large, small))
    case = open_data(tmp_path / "set", ["Liver", "Gallbladder"]).read("case_0001")
    fills = []
    for roi in (large, small):
        areas = [roi.planes[plane].area if plane in roi.planes else MultiPolygon() for plane in range(SHAPE[0])]
        fills.append(np.stack([centres_inside(area, SHAPE[1:], volume.geometry.spacing_uv) for area in areas]))
    both = int((fills[0] & fills[1]).sum())
    assert both > 0 and added.notes == (
        f"{both} of {fills[0].sum()} voxels of Liver count as Gallbladder, which they lie in too.",
    )
    assert np.array_equal(case.labels == 2, fills[1]) and np.array_equal(case.labels == 1, fills[0] & ~fills[1])
    with pytest.raises(MismatchError, match="Body overlaps Liver, and a voxel has one label"):
        add_case(tmp_path / "set", volume, on(volume, ball(1, "Body", 8, 10, 8.0), large))


def test_cases_of_another_kind_go_to_another_folder(tmp_path: Path) -> None:
    volume = series(tmp_path / "ct")
    add_case(tmp_path / "set", volume, on(volume, ball(1, "Liver", 6, 8)))
    for other, why in ((replace(volume, modality="MR"), "this one is MR"), (replace(volume, units=""), "are in HU")):
        with pytest.raises(MismatchError, match=why):
            add_case(tmp_path / "set", other, on(volume, ball(1, "Liver", 6, 8)))


def test_a_disk_that_is_full_leaves_the_set_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    volume, folder = series(tmp_path / "ct"), tmp_path / "set"
    add_case(folder, volume, on(volume, ball(1, "Liver", 6, 8)))
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    def full(folder: Path, description: dict[str, Any]) -> None:
        raise WriteError("No room.")

    monkeypatch.setattr(training_set, "_write_description", full)
    other = series(tmp_path / "other", 1)
    for image, case in ((other, ""), (volume, "case_0001")):
        with pytest.raises(WriteError):
            add_case(folder, image, on(image, ball(1, "Spleen", 12, 9)), replace=case)
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_a_set_from_elsewhere_keeps_what_its_cases_have(boxes: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True)
    for name in ("imagesTr/a_0000", "labelsTr/a"):
        (folder / f"{name}.nii.gz").write_bytes((boxes / f"{name}.nii.gz").read_bytes())
    told = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "Box_R": 1, "Box_L": 2}, "name": "Boxes"}
    (folder / "dataset.json").write_text(json.dumps(told), encoding="utf-8")
    volume = series(tmp_path / "ct", PatientID="")
    added = add_case(folder, volume, on(volume, ball(1, "box_r", 6, 8)))
    assert "names no patient" in added.notes[0]
    data = open_data(folder, ["Box_R", "Box_L"])
    assert [data.read(name).contoured.tolist() for name in data.names] == [[True, True], [True, False]]
    assert json.loads((folder / "dataset.json").read_text(encoding="utf-8"))["name"] == "Boxes"


def test_a_new_structure_counts_as_contoured_in_no_case_of_a_set_from_elsewhere(boxes: Path, tmp_path: Path) -> None:
    folder = tmp_path / "set"
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True)
    for name in ("imagesTr/a_0000", "labelsTr/a"):
        (folder / f"{name}.nii.gz").write_bytes((boxes / f"{name}.nii.gz").read_bytes())
    told = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "Box_R": 1, "Box_L": 2}}
    (folder / "dataset.json").write_text(json.dumps(told), encoding="utf-8")
    volume = series(tmp_path / "ct")
    add_case(folder, volume, on(volume, ball(1, "Spleen", 6, 8)))
    data = open_data(folder, ["Box_R", "Spleen"])
    assert [data.read(name).contoured.tolist() for name in data.names] == [[True, False], [False, True]]


def pet_of(volume: Volume, patient: str = "") -> Volume:
    """A PET of half the resolution, around the middle of the volume, whose value is the place along the rows in mm."""
    geometry = volume.geometry
    planes, rows, columns = (count // 2 for count in geometry.shape)
    du, dv = geometry.spacing_uv
    half = geometry.mean_spacing
    grid = Geometry.regular(
        geometry.origins_lps[0], geometry.directions, (2 * du, 2 * dv, 2 * half), (planes, rows, columns)
    )
    values = np.broadcast_to(np.arange(columns, dtype=np.float32) * 2 * du, grid.shape).copy()
    info = replace(volume.info, patient_id=patient or volume.info.patient_id)
    return Volume(values, grid, modality="PT", units="SUVbw", info=info)


def test_a_further_image_is_brought_to_the_grid_and_learned_with_the_first(tmp_path: Path) -> None:
    folder, volume = tmp_path / "set", series(tmp_path / "ct")
    added = add_case(folder, volume, on(volume, ball(1, "GTV", 6, 8)), further=[FurtherImage(pet_of(volume))])
    assert "The PT was brought to the grid of the CT." in added.notes
    description = json.loads((folder / "dataset.json").read_text(encoding="utf-8"))
    assert description["channel_names"] == {"0": "CT", "1": "PT"} and description["units"] == ["HU", "SUVbw"]
    ct = CardInput(role="ct", modality=("CT",), units="HU")
    pet = CardInput(role="pet", modality=("PT",), units="SUVbw")
    case = open_data(folder, ["GTV"], [ct, pet]).read("case_0001")
    (other,) = case.further
    assert np.array_equal(case.image, open_data(folder, ["GTV"], [ct]).read("case_0001").image)
    inside = 2 * pet_of(volume).geometry.shape[2] - 1
    # Its value is where it lies, so that the voxels of the grid must tell their own places.
    wanted = np.arange(inside) * volume.geometry.spacing_uv[0]
    assert other.image[2, 8, :inside] == pytest.approx(wanted, abs=1e-4)
    # A model that takes PET first is given it first.
    turned = open_data(folder, ["GTV"], [pet, ct]).read("case_0001")
    assert np.array_equal(turned.image, other.image) and turned.kind.modality == "PT"
    with pytest.raises(MismatchError, match="are CT with PT, and this one is CT;"):
        add_case(folder, series(tmp_path / "b", 1), on(volume, ball(1, "GTV", 6, 8)))
    assert len(list((folder / "imagesTr").iterdir())) == 2


def test_an_image_of_another_patient_is_not_in_one_case(tmp_path: Path) -> None:
    volume = series(tmp_path / "ct", PatientID="A")
    with pytest.raises(MismatchError, match="another patient"):
        add_case(
            tmp_path / "set", volume, on(volume, ball(1, "GTV", 6, 8)), further=[FurtherImage(pet_of(volume, "B"))]
        )
    assert not (tmp_path / "set").exists()
