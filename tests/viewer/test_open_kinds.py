"""Kinds of stored things in the window: what opens as structures, and what is listed with the reason why not."""

from pathlib import Path

import pytest
from PySide6.QtWidgets import QMessageBox

from tests.viewer.hand import wait_until
from tests.viewer.told import Told
from viewer.features.opening import Opener
from viewer.widgets.main_window import MainWindow


def test_a_segmentation_opens_from_the_tree_as_structures_on_its_series(
    seeing: MainWindow, opener: Opener, told: Told, shared_data: Path
) -> None:
    folder = shared_data / "dicom/dcmqi_seg/segmentations/24x38x3"
    opener.open_paths([folder])
    wait_until(lambda: told.opened == 1)
    segmentation = next(series for series in opener.tree.series if series.modality == "SEG")
    row = opener.tree.item_of(segmentation.uid)
    assert row.text(0).startswith("Segmentation") and row.parent().text(0).startswith("CT")
    opener.tree.itemActivated.emit(row, 0)
    wait_until(lambda: told.opened == 2)
    assert seeing.session.volume.info.series_uid in segmentation.references.series_uids
    assert [roi.name for roi in seeing.session.structures.rois] == ["Liver"]
    assert not seeing.session.structures.rois[0].is_empty


@pytest.mark.parametrize("folder", ["dicom/dcmqi_seg/sr-example", "dicom/dcmqi_seg/paramaps", "dicom/breast_rtstruct"])
def test_what_is_not_opened_stays_in_the_tree_with_the_reason(
    seeing: MainWindow, opener: Opener, told: Told, shared_data: Path, folder: str
) -> None:
    opener.open_paths([shared_data / folder], show=False)
    wait_until(lambda: told.scanned == 1)
    others = [series for series in opener.tree.series if series.problem]
    for series in others:
        assert series.problem in opener.tree.item_of(series.uid).toolTip(0)
        opener.open_series(series)
        assert told.failed[-1] == series.problem


def test_a_question_box_never_appears_by_itself(seeing: MainWindow, opener: Opener) -> None:
    assert not seeing.findChildren(QMessageBox)
