"""A small CT series on disk, read back, with a structure on it."""

from pathlib import Path

import pytest

from engine.opening import open_volume
from engine.structures import StructureSet
from engine.volume import Volume
from tests.rtstruct.study import make_study, shell, traced


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("study") / "ct"
    make_study(folder)
    return folder


@pytest.fixture(scope="module")
def volume(study: Path) -> Volume:
    return open_volume(study)


@pytest.fixture
def structures(volume: Volume) -> StructureSet:
    return traced(volume, {"Shell": shell(volume.geometry.shape)})
