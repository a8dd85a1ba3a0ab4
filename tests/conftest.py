"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real test images: $PLANIMETER_TEST_DATA, or ../shared/data beside the checkout."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("PLANIMETER_TEST_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"needs the real test images; set PLANIMETER_TEST_DATA to their folder (looked in {folder})")
    return folder
