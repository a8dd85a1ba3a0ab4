"""What other readers make of our files, by the way holes are written; and whose polygons keep the volume."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.dicom.presets import ExportOptions, HoleStyle
from engine.dicom.rtstruct_read import read_rtstruct
from engine.dicom.rtstruct_write import export_rtstruct
from engine.volume import Geometry
from tests.rtstruct import foreign
from tests.rtstruct.study import make_study, traced
from tests.synthetic import make_geometry

SHAPE, SPACING = (28, 128, 128), (0.98, 0.98, 3.0)


def shapes(geometry: Geometry) -> tuple[foreign.Masks, dict[str, float]]:
    """Masks, and the volume by the formula in cm³ of those that have one."""
    index = np.indices(geometry.shape).reshape(3, -1).T
    x, y, z = (geometry.lps_from_kji(index) - geometry.lps_from_kji([[13.5, 63.3, 63.6]])[0]).T
    r, rho = np.sqrt(x * x + y * y + z * z), np.hypot(x, y)
    slant = np.hypot(x - 0.6 * z, y) * np.cos(np.arctan(0.6))
    rng = np.random.default_rng(1)
    noise = np.kron(rng.random((SHAPE[0], 32, 32)) < 0.5, np.ones((1, 4, 4), dtype=np.bool_))
    voxels = (np.abs(x - 20.58) < 1.2) & (np.abs(y) < 0.5) & (np.abs(z) < 1.6)
    masks: dict[str, NDArray[np.bool_]] = {
        "sphere r 30": r < 30,
        "sphere r 5": r < 5,
        "torus 30, 10": (rho - 30) ** 2 + z * z < 100,
        "shell 27..30": (r < 30) & (r >= 27),
        "cone": (rho < 30 * (36 - z) / 72) & (np.abs(z) < 36),
        "cylinder r 5": (rho < 5) & (np.abs(z) < 36),
        "cylinder r 2": (rho < 2) & (np.abs(z) < 36),
        "tilted r 6": (slant < 6) & (np.abs(z) < 36),
        "island in hole": ((r < 38) & (r >= 30)) | (r < 15),
        "noise": noise.reshape(-1),
        "voxels": voxels,
    }
    pi = np.pi
    volumes = {
        "sphere r 30": 4 / 3 * pi * 30**3,
        "sphere r 5": 4 / 3 * pi * 5**3,
        "torus 30, 10": 2 * pi**2 * 30 * 100,
        "shell 27..30": 4 / 3 * pi * (30**3 - 27**3),
        "cone": pi * 30**2 * 72 / 3,
        "cylinder r 5": pi * 25 * 72,
        "cylinder r 2": pi * 4 * 72,
        "tilted r 6": pi * 36 / np.cos(np.arctan(0.6)) ** 2 * 72,
    }
    return {k: m.reshape(SHAPE) for k, m in masks.items()}, {k: v / 1000 for k, v in volumes.items()}


def readers(rtstruct: Path, series: Path, out: Path) -> dict[str, Callable[[], foreign.Masks]]:
    """Name → how to read, for those that are installed."""
    found: dict[str, Callable[[], foreign.Masks]] = {"even-odd": lambda: foreign.even_odd_masks(rtstruct, series)}
    if shutil.which("plastimatch"):
        found["plastimatch"] = lambda: foreign.plastimatch_masks(rtstruct, series, out / "plain", xor=False)
        found["plastimatch --xor-contours"] = lambda: foreign.plastimatch_masks(rtstruct, series, out / "xor", xor=True)
    if foreign.peers_python() is not None:
        for name in ("rt-utils", "DicomRTTool"):
            found[name] = lambda name=name: foreign.peer_masks(name, rtstruct, series, out / name)  # type: ignore[misc]
    return found


def main() -> None:
    """Print both tables."""
    geometry = make_geometry(SHAPE, SPACING)
    masks, volumes = shapes(geometry)
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        volume = make_study(root / "ct", geometry)
        structures = traced(volume, masks)
        print("Dice of what a reader finds, to the mask that was written")
        print(f"{'holes':9}{'reader':28}" + "".join(f"{shape:>15}" for shape in masks))
        for style in HoleStyle:
            folder = root / style.value
            folder.mkdir()
            export_rtstruct(structures, volume, folder / "rt.dcm", ExportOptions(holes=style))
            (folder / "rt.dcm.certificate.json").unlink()
            for reader, read in readers(folder / "rt.dcm", root / "ct", root / f"{style}-out").items():
                found = {name.casefold(): mask for name, mask in read().items()}
                scores = [
                    foreign.dice(found[n.casefold()], m) if n.casefold() in found else None for n, m in masks.items()
                ]
                print(
                    f"{style.value:9}{reader:28}"
                    + "".join(f"{'lost' if s is None else f'{s:.4f}':>15}" for s in scores)
                )
        print("\nVolume of the written polygons over the formula's (in brackets: over the mask's)")
        files = {"planimeter": root / "keyhole" / "rt.dcm"}
        solid = {name: masks[name] for name in volumes}
        if foreign.peers_python() is not None:
            foreign.write_with_rt_utils(solid, root / "ct", root / "rt-utils.dcm")
            files["rt-utils"] = root / "rt-utils.dcm"
        if shutil.which("plastimatch"):
            files["plastimatch"] = foreign.write_with_plastimatch(solid, root / "ct", root / "plastimatch")
        print(f"{'':14}" + "".join(f"{shape:>17}" for shape in volumes))
        for writer, path in files.items():
            rois = {roi.name: roi.volume_cm3(volume.geometry) for roi in read_rtstruct(path, volume).rois}
            voxel = float(np.prod(SPACING)) / 1000
            cells = [f"{rois[n] / v:.4f} ({rois[n] / (masks[n].sum() * voxel):.4f})" for n, v in volumes.items()]
            print(f"{writer:14}" + "".join(f"{cell:>17}" for cell in cells))


if __name__ == "__main__":
    main()
