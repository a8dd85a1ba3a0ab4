"""A small CT series on disk, read back, to report on."""

import pytest

from engine.volume import Volume
from tests.rtstruct.study import make_study


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Volume:
    return make_study(tmp_path_factory.mktemp("study") / "ct")
