"""Which way imports point, and what stays out of the viewer's process."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

LOADED = """
import sys
import {module}
print(",".join(sorted({{name.partition(".")[0] for name in sys.modules}} & set(sys.argv[1:]))))
"""


def loaded_by(module: str, *forbidden: str) -> str:
    """Those of the forbidden packages that a fresh process has loaded after importing `module`, comma-separated."""
    command = [sys.executable, "-c", LOADED.format(module=module), *forbidden]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_imports_point_the_way_of_the_contracts() -> None:
    lint = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run([str(lint), "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("package", ["engine", "viewer"])
def test_every_room_has_its_layer_and_is_described(package: str) -> None:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = [layer for contract in contracts if contract["type"] == "layers" for layer in contract["layers"]]
    described = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    placed = {room.strip() for layer in layers for room in layer.split("|")}
    files = [path for path in (ROOT / package).iterdir() if path.suffix == ".py" and path.stem != "__init__"]
    folders = [path.parent for path in (ROOT / package).glob("*/__init__.py")]
    rooms = {path.stem for path in (*files, *folders)}
    # A folder may have its files on several floors.
    modules = {
        f"{package}.{folder.name}": {f"{package}.{folder.name}.{path.stem}" for path in folder.glob("[!_]*.py")}
        for folder in folders
    }
    lost = {f"{package}.{room}" for room in rooms} - placed
    assert {room for room in lost if not modules.get(room) or modules[room] - placed} == set()
    assert {room for room in rooms if not re.search(rf"\b{room}\b", described)} == set()


@pytest.mark.parametrize(
    "module",
    [
        "viewer.__main__",
        "viewer.features.application",
        "viewer.session",
        "engine.process.client",
        "engine.cards.registry",
        "engine.__main__",
    ],
)
def test_what_the_window_loads_leaves_torch_out(module: str) -> None:
    assert loaded_by(module, "torch", "monai", "torchvision", "openvino") == ""


def test_every_feature_of_the_window_leaves_torch_out() -> None:
    from viewer.features.application import FEATURES

    assert loaded_by(", ".join(FEATURES), "torch", "monai") == ""


@pytest.mark.parametrize(
    "module",
    [
        "engine.process.client",
        "engine.dicom.rtstruct_write",
        "engine.opening",
        "engine.files.masks",
        "engine.process.worker",
    ],
)
def test_the_engine_works_without_a_screen(module: str) -> None:
    assert loaded_by(module, "PySide6", "vtk", "vtkmodules", "pyqtgraph", "viewer") == ""


def test_a_window_that_starts_does_not_wait_for_what_reads_files_and_cards() -> None:
    from viewer.features.application import FEATURES

    assert loaded_by(", ".join(FEATURES), "pydicom", "pydantic", "SimpleITK", "pyqtgraph") == ""


def test_the_probe_would_see_torch() -> None:
    assert loaded_by("engine.inference.networks", "torch") == "torch"


def test_no_file_is_longer_than_a_reader_holds_in_mind() -> None:
    files = [path for room in ("engine", "viewer", "tests", "packaging") for path in (ROOT / room).rglob("*.py")]
    lengths = {str(path.relative_to(ROOT)): len(path.read_text(encoding="utf-8").splitlines()) for path in files}
    assert len(lengths) > 200
    assert {path: lines for path, lines in lengths.items() if lines > 400} == {}
