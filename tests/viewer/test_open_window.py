"""Opening by every way that the window offers, and bad input, which is a sentence and takes nothing away."""

import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.dataset import Dataset
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QImage
from PySide6.QtWidgets import QApplication, QFileDialog

from engine.contouring.trace import trace_mask_volume
from engine.dicom.rtstruct_write import export_rtstruct
from engine.opening import find_images, find_structures, image_of, open_volume
from engine.stored.catalogue import Catalogue, Series
from engine.structures import PlaneContours, Roi, StructureSet
from tests.synthetic import make_geometry, make_voxels, write_series
from tests.viewer.hand import wait_until
from tests.viewer.told import Told
from viewer import history
from viewer.features.opening import Opener
from viewer.widgets.main_window import MainWindow


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CT of 12 planes, its structures, and a PET of the same frame of reference and an MR of another."""
    folder = tmp_path_factory.mktemp("study")
    geometry = make_geometry((12, 30, 40), (2.0, 2.0, 3.0))
    write_series(folder / "ct", make_voxels(geometry.shape), geometry, SeriesDescription="Planning CT")
    volume = open_volume(folder / "ct")
    mask = np.zeros(geometry.shape, bool)
    mask[3:8, 8:20, 10:30] = True
    planes = {k: PlaneContours(area) for k, area in trace_mask_volume(mask, volume.geometry).items()}
    export_rtstruct(StructureSet(volume.geometry, (Roi(1, "Box", planes=planes),)), volume, folder / "rt.dcm")
    frame = volume.info.frame_of_reference_uid
    for name, modality, extra in (("pt", "PT", {"FrameOfReferenceUID": frame}), ("mr", "MR", {})):
        write_series(
            folder / name,
            make_voxels((6, 10, 12), low=0, high=900),
            make_geometry((6, 10, 12), (6.0, 6.0, 6.0)),
            modality=modality,
            SeriesDescription=f"A {modality}",
            PatientName="Phantom^Synthetic",
            **extra,
        )
    return folder


def test_folder_opens_its_ct_and_the_tree_shows_everything(
    seeing: MainWindow, opener: Opener, told: Told, study: Path
) -> None:
    opener.open_paths([study])
    wait_until(lambda: told.opened == 1)
    assert seeing.session.volume.info.description == "Planning CT"
    assert {series.modality for series in opener.tree.series} == {"CT", "PT", "MR", "RTSTRUCT"}
    ct = next(series for series in opener.tree.series if series.modality == "CT")
    rt = next(series for series in opener.tree.series if series.is_structures)
    assert opener.tree.item_of(rt.uid).parent() is opener.tree.item_of(ct.uid)
    wait_until(lambda: not opener.tree.without_picture())
    icon = opener.tree.item_of(ct.uid).icon(0).pixmap(52, 52).toImage()
    assert len({icon.pixelColor(x, 26).red() for x in range(8, 44)}) > 10


def test_tree_grows_while_the_rest_is_read(
    seeing: MainWindow, opener: Opener, told: Told, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from engine.stored.scan import scan

    go_on = threading.Event()

    def slow(paths, progress, found):
        first = scan([paths[0] / "ct"])
        found(first)
        go_on.wait(20)
        return scan(paths, progress)

    monkeypatch.setattr("engine.stored.scan.scan", slow)
    opener.open_paths([study])
    wait_until(lambda: len(opener.tree.series) == 1)
    assert opener.busy and opener.loading.isVisible() and told.scanned == 0
    go_on.set()
    wait_until(lambda: told.opened == 1)
    assert len(opener.tree.series) == 4


def test_the_tree_has_one_order_whichever_series_is_found_first(
    seeing: MainWindow, opener: Opener, told: Told, study: Path
) -> None:
    from engine.stored.scan import scan

    scanned = scan([study])
    (patient,) = scanned.patients
    every = tuple(scanned.series())

    def catalogue(*series: Series) -> Catalogue:
        return replace(scanned, patients=(replace(patient, studies=(replace(patient.studies[0], series=series),)),))

    tree, orders = opener.tree, []
    for first in every:
        tree.forget()
        tree.show_catalogue(catalogue(first))
        tree.show_catalogue(catalogue(*every))
        branch = tree.topLevelItem(0).child(0)
        orders.append([branch.child(n).text(0) for n in range(branch.childCount())])
        assert all(tree.item_of(each.uid).parent().isExpanded() for each in every)
    assert len(orders[0]) == 3 and all(order == orders[0] for order in orders)
    tree.forget()


def test_stop_ends_reading_and_keeps_what_is_open(
    seeing: MainWindow, opener: Opener, told: Told, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opener.open_paths([study / "ct"])
    wait_until(lambda: told.opened == 1)
    before = seeing.session.volume
    waiting = threading.Event()

    def endless(paths, progress, found):
        while True:
            waiting.set()
            progress(0.5, "Looking")
            threading.Event().wait(0.01)

    monkeypatch.setattr("engine.stored.scan.scan", endless)
    opener.open_paths([study])
    wait_until(waiting.is_set)
    wait_until(lambda: opener.loading.label.text() == "Looking")
    opener.loading.stop.click()
    wait_until(lambda: not opener.busy)
    assert seeing.session.volume is before
    assert not opener.loading.isVisible()
    assert any(sentence.startswith("Stopped") for sentence in seeing.messages.sentences)


def test_file_dialog_folder_dialog_and_drop_open(
    seeing: MainWindow, opener: Opener, told: Told, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plane, kinds = sorted((study / "ct").iterdir())[3], list[str]()
    monkeypatch.setattr(QFileDialog, "getOpenFileNames", lambda *a: kinds.append(a[-1]) or ([str(plane)], ""))
    monkeypatch.setattr(QFileDialog, "getExistingDirectory", lambda *_, **__: str(study / "mr"))
    opener.ask_files()
    assert "Volumes (*.nii.gz *.nii" in kinds[0] and "*.png" in kinds[0]
    wait_until(lambda: told.opened == 1)
    assert seeing.session.volume.geometry.shape == (12, 30, 40)
    seeing.session.close()
    opener.ask_folder()
    wait_until(lambda: told.opened == 2)
    assert seeing.session.volume.modality == "MR"
    seeing.session.close()
    (data := QMimeData()).setUrls([QUrl.fromLocalFile(str(study / "pt"))])
    actions, button = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    enter = QDragEnterEvent(QPoint(300, 300), actions, data, button, Qt.KeyboardModifier.NoModifier)
    QApplication.sendEvent(seeing, enter)
    assert enter.isAccepted()
    QApplication.sendEvent(seeing, QDropEvent(QPointF(300, 300), actions, data, button, Qt.KeyboardModifier.NoModifier))
    wait_until(lambda: told.opened == 3)
    assert seeing.session.volume.modality == "PT"


def test_dicomdir_opens(seeing: MainWindow, opener: Opener, told: Told, study: Path, tmp_path: Path) -> None:
    from pydicom.fileset import FileSet

    files = FileSet()
    for file in sorted((study / "ct").iterdir()):
        files.add(file)
    files.write(tmp_path / "disc")
    opener.open_paths([tmp_path / "disc" / "DICOMDIR"])
    wait_until(lambda: told.opened == 1)
    assert seeing.session.volume.geometry.shape == (12, 30, 40)


@pytest.mark.parametrize("name", ["image.nii.gz", "image.nrrd", "image.mha"])
def test_research_formats_open(seeing: MainWindow, opener: Opener, told: Told, tmp_path: Path, name: str) -> None:
    import SimpleITK as sitk

    image = sitk.GetImageFromArray(make_voxels((5, 6, 7)))
    image.SetSpacing((1.0, 2.0, 3.0))
    sitk.WriteImage(image, tmp_path / name)
    opener.open_paths([tmp_path / name])
    wait_until(lambda: told.opened == 1)
    assert np.array_equal(seeing.session.volume.voxels, sitk.GetArrayFromImage(image))


def test_double_click_on_structures_loads_them_onto_their_series(
    seeing: MainWindow, opener: Opener, told: Told, study: Path
) -> None:
    opener.open_paths([study / "mr", study])
    wait_until(lambda: told.opened == 1)
    rt = next(series for series in opener.tree.series if series.is_structures)
    mr = next(series for series in opener.tree.series if series.modality == "MR")
    opener.open_series(mr)
    wait_until(lambda: told.opened == 2)
    opener.tree.itemActivated.emit(opener.tree.item_of(rt.uid), 0)
    wait_until(lambda: told.opened == 3)
    assert seeing.session.volume.info.description == "Planning CT"
    assert [roi.name for roi in seeing.session.structures.rois] == ["Box"]
    # Again, onto the open series, where structures are: one step that can be undone.
    opener.open_series(rt)
    wait_until(lambda: told.opened == 4)
    assert [roi.number for roi in seeing.session.structures.rois] == [1, 2]
    seeing.history.undo()
    assert [roi.number for roi in seeing.session.structures.rois] == [1]


@pytest.mark.parametrize("which", ["study", "study with structures", "sts"])
def test_the_window_opens_what_the_command_line_opens(
    seeing: MainWindow, opener: Opener, told: Told, study: Path, *, request: pytest.FixtureRequest, which: str
) -> None:
    folder = study if which != "sts" else request.getfixturevalue("shared_data") / "dicom/sts_petct_mr/STS_001"
    if which == "study with structures":
        opener.open_paths([folder], study / "rt.dcm", show=True)
        expected = image_of(find_structures(study / "rt.dcm"), find_images(folder)).series.info
    else:
        opener.open_paths([folder])
        expected = open_volume(folder).info
    wait_until(lambda: told.opened == 1)
    assert seeing.session.volume.info == expected


def test_structures_loaded_onto_an_open_series_keep_the_view(
    seeing: MainWindow, opener: Opener, told: Told, study: Path
) -> None:
    opener.open_paths([study / "ct"])
    wait_until(lambda: told.opened == 1)
    cursor = seeing.session.cursor_lps - np.array([4.0, 6.0, 9.0])
    seeing.session.move_cursor(cursor)
    volume = seeing.session.volume
    opener.open_paths([study / "rt.dcm"])
    wait_until(lambda: told.opened == 2)
    assert seeing.session.volume is volume and len(seeing.session.structures.rois) == 1
    assert np.array_equal(seeing.session.cursor_lps, cursor)


def test_structures_of_another_frame_of_reference_are_not_drawn_and_are_named(
    seeing: MainWindow, opener: Opener, told: Told, study: Path, tmp_path: Path
) -> None:
    dataset = pydicom.dcmread(study / "rt.dcm")
    frame, item = Dataset(), deepcopy(dataset.StructureSetROISequence[0])
    frame.FrameOfReferenceUID = item.ReferencedFrameOfReferenceUID = "1.2.3.4"
    item.ROINumber, item.ROIName = 2, "Moved"
    dataset.ReferencedFrameOfReferenceSequence.append(frame)
    dataset.StructureSetROISequence.append(item)
    drawn = deepcopy(dataset.ROIContourSequence[0])
    drawn.ReferencedROINumber = 2
    for contour in drawn.ContourSequence:
        del contour.ContourImageSequence
    dataset.ROIContourSequence.append(drawn)
    dataset.save_as(tmp_path / "two.dcm")
    opener.open_paths([study / "ct"])
    wait_until(lambda: told.opened == 1)
    opener.load_structures(tmp_path / "two.dcm")
    wait_until(lambda: told.opened == 2)
    assert [roi.name for roi in seeing.session.structures.rois] == ["Box"]
    assert any("'Moved' lies in another frame" in sentence for sentence in seeing.messages.sentences)
    # Once more, beside the structures that are there: these are what an export writes.
    opener.load_structures(tmp_path / "two.dcm")
    wait_until(lambda: told.opened == 3)
    assert len(seeing.session.structures.rois) == 2
    assert any("'Moved' of two.dcm will not be exported" in sentence for sentence in seeing.messages.sentences)


def test_layer_of_the_same_frame_of_reference_only(seeing: MainWindow, opener: Opener, told: Told, study: Path) -> None:
    opener.open_paths([study])
    wait_until(lambda: told.opened == 1)
    by_modality = {series.modality: series for series in opener.tree.series}
    opener.add_layer(by_modality["MR"])
    assert "another frame of reference" in told.failed[-1] and told.failed[-1] in seeing.messages.sentences
    assert len(seeing.session.layers) == 1
    opener.add_layer(by_modality["PT"])
    wait_until(lambda: told.opened == 2)
    over = seeing.session.layers[1]
    assert over.volume.modality == "PT" and over.colour_map == "hot"
    assert "A PT" in seeing.banner.full_text
    seeing.session.change_layer(1, replace(over, opacity=0.3, visible=False))
    opener.add_layer(by_modality["PT"])
    wait_until(lambda: told.opened == 3)
    # Once is enough: it is seen again, as it looked.
    assert [(layer.opacity, layer.visible) for layer in seeing.session.layers] == [(1.0, True), (0.3, True)]
    opener.add_layer(by_modality["CT"])
    wait_until(lambda: len(told.failed) == 2)
    assert "is what is open" in told.failed[-1] and len(seeing.session.layers) == 2


def _text_file(folder: Path) -> Path:
    (folder / "notes.txt").write_text("not an image")
    return folder / "notes.txt"


def _empty(folder: Path) -> Path:
    (folder / "empty").mkdir()
    return folder / "empty"


def _truncated(folder: Path, study: Path) -> Path:
    shutil.copytree(study / "ct", folder / "cut")
    for file in (folder / "cut").iterdir():
        file.write_bytes(file.read_bytes()[:900])
    return folder / "cut"


BAD: dict[str, Callable[[Path, Path], Path]] = {
    "absent": lambda folder, _: folder / "absent",
    "empty": lambda folder, _: _empty(folder),
    "text": lambda folder, _: _text_file(folder),
    "truncated": _truncated,
}


@pytest.mark.parametrize("kind", BAD)
def test_bad_input_is_a_sentence_and_what_is_open_stays(
    opener: Opener, told: Told, study: Path, tmp_path: Path, kind: str
) -> None:
    seeing = opener.parent()
    opener.open_paths([study / "ct"])
    wait_until(lambda: told.opened == 1)
    before = seeing.session.volume
    seeing.messages.dismiss_all()
    opener.open_paths([BAD[kind](tmp_path, study)], show=True)
    wait_until(lambda: told.scanned == 2)
    wait_until(lambda: bool(told.failed))
    assert seeing.session.volume is before
    sentences = seeing.messages.sentences
    assert sentences and all(s[-1] in ".)" and "Traceback" not in s and "\n" not in s for s in sentences)


def test_structures_of_another_study_are_refused_and_nothing_is_lost(
    seeing: MainWindow, opener: Opener, told: Told, study: Path, tmp_path: Path
) -> None:
    geometry = make_geometry((5, 20, 20), origin=(900.0, 900.0, 900.0))
    write_series(tmp_path / "other", make_voxels(geometry.shape), geometry, PatientName="Else^Someone")
    opener.open_paths([tmp_path / "other"])
    wait_until(lambda: told.opened == 1)
    before = seeing.session.structures
    opener.load_structures(study / "rt.dcm")
    wait_until(lambda: bool(told.failed))
    assert seeing.session.structures is before
    assert told.failed[-1] in seeing.messages.sentences


def test_a_series_that_is_opened_again_has_its_structures_and_its_undo(
    seeing: MainWindow, opener: Opener, told: Told, study: Path
) -> None:
    def show(series: Series) -> None:
        before = told.opened
        opener.open_series(series)
        wait_until(lambda: told.opened == before + 1)

    opener.open_paths([study])
    wait_until(lambda: told.opened == 1)
    ct, mr = (next(s for s in opener.tree.series if s.modality == modality) for modality in ("CT", "MR"))
    show(ct)
    structures = seeing.session.structures
    seeing.history.do(history.add(structures, (Roi(structures.next_number(), "GTV"),), text="Add GTV", tool="add"))
    drawn = seeing.session.structures
    show(mr)
    assert seeing.session.structures.rois == ()
    show(ct)
    assert seeing.session.structures is drawn and seeing.history.undo_text == "Add GTV"
    # What is open already is said, not read and not left.
    volume = seeing.session.volume
    show(ct)
    assert seeing.session.volume is volume and any("is open" in said for said in seeing.messages.sentences)


def _planimeter(*arguments: str, tmp_path: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PLANIMETER_SETTINGS": str(tmp_path / "s.ini"), "XDG_DATA_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "viewer", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120, check=False)


def test_open_with_screenshot_draws_the_study_and_exits(study: Path, tmp_path: Path) -> None:
    picture = tmp_path / "window.png"
    options = ("--rtstruct", str(study / "rt.dcm"), "--screenshot", str(picture))
    run = _planimeter("open", str(study), *options, tmp_path=tmp_path)
    assert run.returncode == 0, run.stderr
    assert run.stderr == "" and run.stdout == ""
    image = QImage(str(picture))
    assert image.width() >= 1200
    # The structure's outline, in its colour, is among the pixels.
    colours = {image.pixel(x, y) & 0xFFFFFF for x in range(0, image.width(), 2) for y in range(0, image.height(), 2)}
    assert len(colours) > 100


@pytest.mark.parametrize("arguments", [("absent",), ("TEXT",), ("TEXT", "--rtstruct", "absent")])
def test_command_says_in_one_line_what_cannot_be_opened(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    given = [str(_text_file(tmp_path)) if argument == "TEXT" else argument for argument in arguments]
    run = _planimeter("open", *given, "--screenshot", str(tmp_path / "x.png"), tmp_path=tmp_path)
    assert run.returncode == 2
    assert run.stderr.startswith("planimeter: ") and run.stderr.count("\n") == 1
    assert not (tmp_path / "x.png").exists()
