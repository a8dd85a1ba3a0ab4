"""Where dialogs that ask for a file begin."""

from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog
from pytestqt.qtbot import QtBot

from viewer.widgets.file_places import ask_open_file, ask_save_file
from viewer.widgets.settings import remember


def test_dialogs_begin_at_the_study_then_where_a_file_was_asked_for_last(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PLANIMETER_SETTINGS", str(tmp_path / "settings.ini"))
    home, study, reports = tmp_path / "home", tmp_path / "study", tmp_path / "reports"
    for folder in (home, study, reports):
        folder.mkdir()
    monkeypatch.setattr(Path, "home", lambda: home)
    begun: list[str] = []
    answer = ""

    def chosen(_parent: object, _title: str, place: str, _kinds: str) -> tuple[str, str]:
        begun.append(place)
        return answer, "Table (*.csv)"

    monkeypatch.setattr(QFileDialog, "getSaveFileName", chosen)
    monkeypatch.setattr(QFileDialog, "getOpenFileName", chosen)
    assert ask_save_file(None, "Export", "a.csv", "") == (None, "Table (*.csv)")
    remember(study)
    answer = str(reports / "b.csv")
    assert ask_save_file(None, "Export", "a.csv", "")[0] == Path(answer)
    ask_open_file(None, "Compare", "")
    remember(study)
    ask_open_file(None, "Compare", "")
    assert begun == [str(home / "a.csv"), str(study / "a.csv"), str(reports), str(study)]
