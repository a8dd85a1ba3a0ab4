"""What is seen while nothing is open, and how much of a study is seen once it is."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pydicom.dataset import Dataset
from PySide6.QtCore import QSize, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton, QWidget
from pytestqt.qtbot import QtBot

from engine.volume import Geometry, Volume
from tests.synthetic import make_geometry, make_voxels, write_series
from tests.viewer.hand import CTRL
from tests.viewer.person import Person
from viewer.features import application
from viewer.features.editing import Editing
from viewer.features.opening import Opener
from viewer.features.starting import Starting
from viewer.jobs import EngineJobs
from viewer.render.body_box import body_box


@pytest.fixture
def series(tmp_path: Path) -> Path:
    folder = tmp_path / "neck & throat"
    folder.mkdir()
    geometry = make_geometry((5, 16, 20))
    write_series(folder, make_voxels(geometry.shape), geometry)
    return folder


def test_the_start_screen_goes_with_a_study_and_names_it_when_it_comes_back(person: Person, series: Path) -> None:
    starting = person.window.findChild(Starting)
    assert starting is not None and starting.screen.isVisible()
    assert starting.screen.size() == person.window.panes.size()
    person.open(series)
    assert not starting.screen.isVisible()
    person.ctrl(Qt.Key.Key_W)
    assert starting.screen.isVisible()
    (place,) = [b for b in starting.screen.findChildren(QPushButton) if b.accessibleName() == series.name]
    QTest.mouseClick(place, Qt.MouseButton.LeftButton)
    person.until(lambda: person.session.volume is not None)


def test_no_view_covers_the_start_screen(person: Person, series: Path) -> None:
    starting, panes = person.window.findChild(Starting), person.window.panes
    corners = (panes.rect().topLeft(), panes.rect().center(), panes.rect().bottomRight())

    def covered() -> bool:
        QApplication.processEvents()
        seen = [panes.childAt(place) for place in corners]
        return all(starting.screen in (one, *_parents(one)) for one in seen)

    for key, modifier in ((Qt.Key.Key_F5, Qt.KeyboardModifier.NoModifier), (Qt.Key.Key_6, CTRL)):
        QTest.keyClick(person.window, key, modifier)
        assert covered()
    person.open(series)
    QTest.keyClick(person.window, Qt.Key.Key_6, CTRL)
    assert len(panes.shown) == 9
    person.ctrl(Qt.Key.Key_W)
    assert covered()


def _parents(widget: QWidget | None) -> list[QWidget]:
    above = widget.parentWidget() if widget is not None else None
    return [above, *_parents(above)] if above is not None else []


def test_what_needs_a_study_cannot_be_chosen_without_and_quit_ends_the_file_menu(person: Person, series: Path) -> None:
    actions = {action.text().replace("&", ""): action for action in person.window.menu("File").actions()}
    for text in ("Close series", "Export RTSTRUCT…", "Export masks…", "Stop reading"):
        assert not actions[text].isEnabled(), text
    assert list(actions)[-1] == "Quit"
    person.open(series)
    assert all(actions[text].isEnabled() for text in ("Close series", "Export RTSTRUCT…", "Export masks…"))


def test_a_double_click_in_the_tree_opens_and_does_not_fold(person: Person, series: Path, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    geometry = make_geometry((5, 16, 20))

    def another(ds: Dataset, plane: int) -> None:
        ds.SeriesInstanceUID, ds.SOPInstanceUID = "1.2.3.9", f"1.2.3.9.{plane}"

    write_series(other, make_voxels(geometry.shape), geometry, edit=another)
    person.open(series)
    person.open(other)
    opener = person.window.findChild(Opener)
    assert opener is not None
    tree, item = opener.tree, opener.tree.item_of(next(s.uid for s in opener.tree.series if s.uid != "1.2.3.9"))
    assert item is not None and item.isExpanded()
    at = tree.visualItemRect(item).center()
    with_volume = person.session.volume
    # As a mouse does it: a press and a release before the double click.
    QTest.mouseClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=at)
    QTest.mouseDClick(tree.viewport(), Qt.MouseButton.LeftButton, pos=at)
    person.until(lambda: person.session.volume is not with_volume)
    assert item.isExpanded()


def test_zoom_disc_and_place_come_back_with_a_series(person: Person, series: Path, built_in: Path) -> None:
    editing = person.window.findChild(Editing)
    assert editing is not None
    person.open(series)
    person.axial.scene.zoom(3.0, (40.0, 50.0))
    person.session.move_cursor(person.session.cursor_lps + np.array([3.0, 2.0, 3.0]))
    editing.toolbox.set_radius(17.0)
    framing, place = person.axial.scene.framing, person.session.cursor_lps.tolist()
    person.open(built_in)
    editing.toolbox.set_radius(4.0)
    assert person.axial.scene.framing != framing
    person.open(series)
    assert person.axial.scene.framing == framing
    assert person.session.cursor_lps.tolist() == pytest.approx(place)
    assert editing.toolbox.radius_mm == 17.0


@pytest.mark.parametrize("room", [QSize(1580, 1160), QSize(1024, 700)])
def test_the_first_window_takes_the_screen_and_leaves_room_for_the_views(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, room: QSize
) -> None:
    monkeypatch.setattr(EngineJobs, "start_ahead", lambda self: None)
    monkeypatch.setattr(application, "room_on_screen", lambda: room)
    window = application.build_window()
    with qtbot.waitExposed(window):
        window.show()
    QApplication.processEvents()
    assert window.size() == room
    assert window.panes.planes[next(iter(window.panes.planes))].width() >= 300
    window.close()
    window.deleteLater()


def body_in_air(units: str, air: float, tissue: float) -> Volume:
    """60 × 80 × 100 voxels of 2 mm, with a body in a corner of them."""
    voxels = np.full((60, 80, 100), air, np.float32)
    voxels[10:40, 8:30, 40:90] = tissue
    geometry = Geometry.regular((0, 0, 0), np.eye(3), (2, 2, 2), voxels.shape)
    return Volume(voxels, geometry, "CT" if units == "HU" else "MR", units)


@pytest.mark.parametrize(("units", "air", "tissue"), [("HU", -1000, 40), ("", 3, 500), ("SUVbw", 0, 2)])
def test_views_open_on_the_body_with_all_of_it_in_view(units: str, air: float, tissue: float) -> None:
    volume = body_in_air(units, air, tissue)
    first, last = body_box(volume)
    body_first, body_last = np.array([80, 16, 20]), np.array([178, 58, 78])
    assert (first <= body_first).all() and (last >= body_last).all()
    # The margin, and at most a step of looking.
    assert (body_first - first <= 18).all() and (last - body_last <= 18).all()


def test_without_a_body_all_of_the_image_is_shown() -> None:
    volume = body_in_air("HU", -1000, 40)
    empty = replace(volume, voxels=np.full_like(volume.voxels, -1000))
    assert body_box(empty).tolist() == [[0, 0, 0], [198, 158, 118]]
