"""The panel of models with a session, a history, and an engine without a process."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from PySide6.QtCore import QObject, Signal
from pytestqt.qtbot import QtBot
from shapely import MultiPolygon, box

from engine.answers import Answer, Result, RunOptions
from engine.cards.registry import SHIPPED, LoadedCard, load_card
from engine.process.messages import Finished
from engine.structures import Generation, PlaneContours, Provenance, Roi, StructureSet
from engine.volume import Geometry, Volume
from viewer.history import History
from viewer.session import Session
from viewer.widgets.cards_panel import CardsPanel

BY_MODEL = Provenance(Generation.AUTOMATIC, algorithm="Body outline", version="1.0", weights_sha256="ab12")


class FakeJobs(QObject):
    """The engine as the panel sees it, without a process."""

    progressed, finished, failed, cancelled = Signal(object), Signal(object), Signal(object), Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.runs: list[tuple[Path, str, RunOptions]] = []
        self.stopped: list[int] = []
        self.is_ready = True

    def run(self, card_folder: Path, inputs: Mapping[str, Volume], *, device: str, options: RunOptions) -> int:
        self.runs.append((card_folder, device, options))
        self.inputs = dict(inputs)
        return len(self.runs)

    def cancel(self, job: int) -> None:
        self.stopped.append(job)


def ct(modality: str = "CT", spacing: float = 4.0) -> Volume:
    voxels = np.full((20, 64, 64), -1000, np.int16)
    voxels[:, 16:48, 16:48] = 40
    geometry = Geometry.regular((0, 0, 0), np.eye(3), (spacing, spacing, spacing), voxels.shape)
    return Volume(voxels, geometry, modality, "HU" if modality == "CT" else "")


def roi(name: str, number: int = 1, provenance: Provenance = BY_MODEL, **more: Any) -> Roi:
    planes = {3: PlaneContours(MultiPolygon([box(0, 0, 50, 50)]))}
    return Roi(number, name, planes=planes, provenance=provenance, **more)


class Bench:
    """A panel with its session, history and fake engine."""

    def __init__(self, qtbot: QtBot, cards: list[LoadedCard], rois: tuple[Roi, ...] = (), volume: Volume | None = None):
        self.session, self.jobs = Session(), FakeJobs()
        self.history = History(self.session)
        self.panel = CardsPanel(self.session, self.history, self.jobs, cards)  # type: ignore[arg-type]
        qtbot.addWidget(self.panel)
        self.panel.resize(340, 700)
        self.panel.show()
        volume = volume or ct()
        self.session.open(volume, StructureSet(volume.geometry, rois))

    def names(self) -> list[str]:
        assert self.session.structures is not None
        return [roi.name for roi in self.session.structures.rois]

    def finish(self, *answers: Answer) -> None:
        self.panel.run()
        self.jobs.finished.emit(Finished(len(self.jobs.runs), Result(answers, "CPU"), 1.0))


def card_like(tmp_path: Path, **changes: Any) -> LoadedCard:
    """The card 'external' with other values."""
    values = json.loads((SHIPPED / "external" / "card.json").read_text()) | changes
    folder = tmp_path / values["id"]
    folder.mkdir()
    (folder / "card.json").write_text(json.dumps(values))
    return load_card(folder)
