"""Models in the real window: what they draw, and what happens when they are killed, refused or stopped."""

import json
import os
import shutil
import signal
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from pydicom import dcmread
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from engine.cards.registry import SHIPPED, user_models
from engine.demo import write_demo_series
from tests.viewer.person import Person
from viewer.widgets.cards_panel import CardsPanel


def test_the_body_outline_leaves_the_head_rest_out_and_export_says_who_drew_it(
    person: Person, ct: Path, tmp_path: Path
) -> None:
    person.open(ct)
    panel = person.run("external")
    person.until(lambda: not panel.is_running, 120)
    assert person.names == ["External"], panel.notice.text()
    roi = person.structures.rois[0]
    volume = person.session.volume
    assert volume is not None
    assert len(roi.planes) == volume.geometry.shape[0]
    # What is dense and left out is the head rest: a few per cent of it all, and none of the soft tissue.
    dense = volume.voxels > -300
    outside = dense & ~person.filled(roi.number)
    assert 0.01 < outside.sum() / dense.sum() < 0.05
    soft = (volume.voxels > 20) & (volume.voxels < 60)
    assert (soft & outside).sum() < 0.01 * soft.sum()
    width = max(roi.area(plane).bounds[2] - roi.area(plane).bounds[0] for plane in roi.planes)
    assert 120 < width < 200
    certificate = person.export(tmp_path / "rt.dcm")
    data = dcmread(tmp_path / "rt.dcm")
    assert data.StructureSetROISequence[0].ROIGenerationAlgorithm == "AUTOMATIC"
    QTest.keyClick(certificate, Qt.Key.Key_Escape)
    person.ctrl(Qt.Key.Key_Z)
    assert person.names == []


def test_a_killed_engine_is_a_message_and_the_next_run_works(person: Person, built_in: Path) -> None:
    person.open(built_in)
    panel = person.run("external")
    client = panel.jobs.client
    person.until(lambda: client.wait_ready(0) and client.process_id is not None, 120)
    os.kill(client.process_id, signal.SIGKILL)  # type: ignore[arg-type]
    person.until(lambda: not panel.is_running)
    assert "SIGKILL" in panel.notice.text()
    assert panel.notice.text() in person.window.messages.sentences
    assert person.names == []
    panel = person.run("external")
    person.until(lambda: not panel.is_running, 120)
    assert person.names == ["External"], panel.notice.text()


def test_a_model_with_other_weights_than_its_card_names_is_refused(person: Person, built_in: Path) -> None:
    folder = user_models() / "tampered"
    shutil.copytree(SHIPPED / "head-neck-oar", folder)
    text = (folder / "card.json").read_text().replace('"id": "head-neck-oar"', '"id": "tampered"')
    (folder / "card.json").write_text(text)
    for weights in folder.glob("*.safetensors"):
        data = bytearray(weights.read_bytes())
        data[len(data) // 2] ^= 1
        weights.write_bytes(data)
    person.open(built_in)
    panel = person.window.findChild(CardsPanel)
    assert panel is not None
    next(a for _, a in person.window.listed_actions if "Look for models" in a.text()).trigger()

    def chosen() -> bool:
        panel.select("tampered")
        return panel.selected is not None and panel.selected.id == "tampered"

    person.until(chosen)
    if panel.override.isVisible():
        panel.override.click()
    panel.run()
    assert panel.is_running
    person.until(lambda: not panel.is_running, 180)
    assert "SHA-256" in panel.notice.text()
    assert person.names == []


def memory_of(pid: int) -> int:
    """Resident bytes of a process; 0 when it is gone."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.slow
def test_a_run_on_the_built_in_study_can_be_stopped_and_run_again(person: Person, tmp_path: Path) -> None:
    person.open(write_demo_series(tmp_path / "demo"))
    panel = person.run("head-neck-oar")
    client = panel.jobs.client
    person.until(lambda: panel.progress.bar.value() > 180, 400)
    pid = client.process_id
    assert pid is not None
    before = panel.progress.bar.value()
    person.ctrl(Qt.Key.Key_K)
    person.until(lambda: not panel.is_running)
    assert panel.progress.bar.value() - before < 200, "it went on instead of stopping"
    assert person.names == []
    assert "stopped" in panel.notice.text()
    person.until(lambda: memory_of(pid) < 1_000_000_000)

    panel = person.run("head-neck-oar")
    person.until(lambda: not panel.is_running, 400)
    expected = {"Brainstem", "SpinalCord", "Parotid_R", "Parotid_L", "Esophagus", "Larynx", "Bone_Mandible"}
    assert set(person.names) == expected, panel.notice.text()
    atlas = atlas_labels()
    for roi in person.structures.rois:
        assert roi.provenance.weights_sha256
        assert roi.expected_edit
        assert overlap(person, roi.number, atlas[roi.name]) > 0.5, roi.name
    person.ctrl(Qt.Key.Key_Z)
    assert person.names == []


def atlas_labels() -> dict[str, np.ndarray]:
    """Name → mask on the built-in study's grid, from the probabilities of the averaged atlas: no network took part."""
    folder = SHIPPED / "head-neck-atlas"
    card = json.loads((folder / "card.json").read_text())
    labels = next(node["params"]["labels"] for node in card["graph"] if node["op"] == "atlas")
    image = sitk.ReadImage(str(folder / "probabilities.nii.gz"))
    demo = sitk.ReadImage(str(SHIPPED.parent / "demo" / "average.nii.gz"))
    masks = {}
    for index, label in enumerate(labels):
        one = sitk.VectorIndexSelectionCast(image, index, sitk.sitkFloat32)
        on_grid = sitk.Resample(one, demo, sitk.Transform(), sitk.sitkLinear, 0.0)
        array = sitk.GetArrayFromImage(on_grid)
        masks[label] = array > 0.5 * array.max()
    return masks


def overlap(person: Person, number: int, mask: np.ndarray) -> float:
    """Dice of a structure with a mask on the same grid."""
    mine = person.filled(number)
    return float(2 * (mine & mask).sum() / (mine.sum() + mask.sum()))
