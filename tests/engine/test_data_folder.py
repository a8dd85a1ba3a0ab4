"""What is a person's own lies in one folder, which one variable moves."""

from pathlib import Path

import platformdirs
import pytest

from engine.card_templates import user_templates as card_templates
from engine.cards.registry import user_models
from engine.data_folder import data_folder
from engine.journal.session import journal_folder
from engine.templates import user_templates
from engine.training_process.run_folder import runs_home


def test_one_variable_moves_all_that_is_a_persons_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    places = (user_models, user_templates, card_templates, journal_folder, runs_home)
    monkeypatch.setenv("PLANIMETER_DATA", str(tmp_path))
    assert {place().parent for place in places} == {tmp_path}
    monkeypatch.delenv("PLANIMETER_DATA")
    home = platformdirs.user_data_path("planimeter", appauthor=False)
    assert data_folder() == home and {place().parent for place in places} == {home}
