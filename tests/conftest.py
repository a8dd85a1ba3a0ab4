"""Fixtures shared by all tests."""

import os
import random
import shutil
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

#: Where the random numbers of every test begin. $PLANIMETER_TEST_SEED tries other ones.
SEED = int(os.environ.get("PLANIMETER_TEST_SEED", "0"))

# The same examples each time, or with another seed others each time. How long one takes says how busy the machine is.
settings.register_profile("planimeter", derandomize=SEED == 0, deadline=None)
settings.load_profile("planimeter")


def pytest_configure(config: pytest.Config) -> None:
    """Each worker of `make test` gets a virtual screen: windows that share one take the keys from each other."""
    if hasattr(config, "workerinput") and (xvfb := shutil.which("Xvfb")):
        reading, writing = os.pipe()
        command = [xvfb, "-displayfd", str(writing), "-screen", "0", "1600x1200x24", "-nolisten", "tcp", "-noreset"]
        server = subprocess.Popen(command, pass_fds=[writing], stderr=subprocess.DEVNULL)
        os.close(writing)
        with open(reading) as display:
            os.environ["DISPLAY"] = f":{display.readline().strip()}"
        config.add_cleanup(server.terminate)


@pytest.fixture(autouse=True)
def seeded(request: pytest.FixtureRequest) -> None:
    """Each test has the same random numbers whenever and beside whichever others it runs."""
    seed = (SEED + zlib.crc32(request.node.nodeid.encode())) % 2**32
    random.seed(seed)
    np.random.seed(seed)  # noqa: NPY002 - what libraries draw from
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.manual_seed(seed)


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks as small as those of the tests only wait for a second thread."""
    torch = sys.modules.get("torch")
    threads = torch.get_num_threads() if torch is not None else 0
    if torch is not None:
        torch.set_num_threads(1)
    yield
    if torch is not None and threads:
        torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real test images: $PLANIMETER_TEST_DATA, or ../shared/data beside the checkout."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("PLANIMETER_TEST_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"needs the real test images; set PLANIMETER_TEST_DATA to their folder (looked in {folder})")
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder of models, empty."""
    monkeypatch.delenv("PLANIMETER_DATA", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return tmp_path / "data" / "planimeter" / "models"
