"""A structure that was drawn in the window, as what a model looks at: offered, chosen, handed over, and named."""

from dataclasses import replace
from html import unescape
from pathlib import Path

import numpy as np
from pytestqt.qtbot import QtBot

from engine.answers import Result, Score
from engine.cards.suitability import why_unsuitable
from engine.process.messages import Finished
from engine.structures import PlaneContours, Roi, StructureSet
from tests.engine.models import network_of, write_card, write_weights
from tests.engine.test_two_inputs import ct
from tests.viewer.cards_bench import FakeJobs
from tests.viewer.see import ball
from viewer.edits.structures import rename
from viewer.features.drawn_inputs import drawn_images
from viewer.history import History
from viewer.session import Session
from viewer.widgets.cards_panel import CardsPanel

NETWORK = {"network": "PatchNet", "in_channels": 1, "num_classes": 1, "filters": [4, 4]}


class Bench:
    def __init__(self, qtbot: QtBot, folder: Path, *names: str) -> None:
        folder.mkdir()
        view = {"kind": "crops", "pixels": [1, 16, 16]}
        params = {"network": NETWORK, "view": view, "labels": ["solid"], "activation": "sigmoid"}
        weights = [write_weights(folder, "net", network_of(NETWORK))]
        graph = [
            {"node": "nodule", "op": "threshold", "in": ["outline"], "params": {"label": "nodule", "low": 0.5}},
            {"node": "net", "op": "classify", "in": ["ct", "nodule"], "params": params, "weights": weights},
        ]
        inputs = [
            {"role": "ct", "modality": ["CT"], "units": "HU"},
            {"role": "outline", "modality": ["SEG"], "register_to": "ct"},
        ]
        outputs = [{"kind": "score", "label": "solid", "name": "Solid nodule"}]
        self.card = write_card(folder, graph, outputs, inputs=inputs, task="classify")
        self.session, self.jobs = Session(), FakeJobs()
        self.history = History(self.session)
        self.panel = CardsPanel(
            self.session, self.history, self.jobs, [self.card], others=lambda: drawn_images(self.session)
        )  # type: ignore[arg-type]
        qtbot.addWidget(self.panel)
        self.panel.show()
        self.volume = ct()
        middle = self.volume.geometry.lps_from_kji(np.array(self.volume.geometry.shape) // 2)[0]
        rois = [replace(ball(self.volume.geometry, middle, 12.0, n + 1), name=name) for n, name in enumerate(names)]
        empty = Roi(9, "Nothing yet", (1, 2, 3))
        self.session.open(self.volume, StructureSet(self.volume.geometry, (*rois, empty)))

    @property
    def offered(self) -> list[str]:
        field = self.panel.roles.fields["outline"]
        return [field.itemText(row) for row in range(field.count())]


def test_the_only_structure_is_what_the_model_looks_at(qtbot: QtBot, tmp_path: Path) -> None:
    bench = Bench(qtbot, tmp_path / "m", "Nodule")
    assert bench.offered == ["Choose …", "Nodule"] and bench.panel.run_button.isEnabled()
    bench.panel.run_button.click()
    qtbot.waitUntil(lambda: bool(bench.jobs.runs))
    mask = bench.jobs.inputs["outline"]
    roi = bench.session.structures[1]
    inside = np.abs(mask.voxels.sum() * np.prod(mask.geometry.spacing_xyz) / 1000 - roi.size(mask.geometry))
    assert inside < 0.05 * roi.size(mask.geometry) and set(np.unique(mask.voxels)) == {0, 1}
    assert mask.geometry is bench.volume.geometry
    assert why_unsuitable(bench.card.card, bench.jobs.inputs) == []
    bench.jobs.finished.emit(Finished(1, Result((Score(1, "solid", "Solid nodule", 0.7),)), 1.0))
    (score,) = bench.session.document.scores
    assert score.evidence.roi_number == 1, "the reader can go to what it was computed from"


def test_of_several_structures_a_person_chooses_and_a_new_name_is_seen(qtbot: QtBot, tmp_path: Path) -> None:
    bench = Bench(qtbot, tmp_path / "m", "Nodule", "Vessel")
    assert bench.offered == ["Choose …", "Nodule", "Vessel"] and not bench.panel.run_button.isEnabled()
    bench.panel.roles.fields["outline"].setCurrentIndex(2)
    assert bench.panel.run_button.isEnabled()
    rename(bench.session, bench.history, 2, "Artery")
    assert bench.offered == ["Choose …", "Nodule", "Artery"]
    assert bench.panel.roles.fields["outline"].currentText() == "Artery", "what was chosen stays chosen"


def test_a_score_of_a_structure_that_was_changed_meanwhile_does_not_say_that_it_is_of_it(
    qtbot: QtBot, tmp_path: Path
) -> None:
    bench = Bench(qtbot, tmp_path / "m", "Nodule")
    bench.panel.run_button.click()
    qtbot.waitUntil(lambda: bool(bench.jobs.runs))
    roi = bench.session.structures[1]
    plane = min(roi.planes)
    changed = replace(roi, planes={**roi.planes, plane: PlaneContours(roi.area(plane).buffer(-1.0))})
    structures = bench.session.structures.with_roi(changed)
    bench.session._document = replace(bench.session.document, structures=structures)
    bench.jobs.finished.emit(Finished(1, Result((Score(1, "solid", "Solid nodule", 0.7),)), 1.0))
    assert bench.session.document.scores[0].evidence.roi_number is None


def test_without_a_structure_the_card_says_what_it_needs(qtbot: QtBot, tmp_path: Path) -> None:
    bench = Bench(qtbot, tmp_path / "m")
    assert not bench.panel.run_button.isEnabled()
    bench.panel.select(bench.card.id)
    assert not bench.panel.run_button.isEnabled()
    assert "looks at a structure as 'outline'" in unescape(bench.panel.details.text())
