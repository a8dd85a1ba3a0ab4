"""Readers of RTSTRUCT that are not ours: RTSTRUCT and image series → masks.

plastimatch is Debian's; rt-utils and DicomRTTool live in an environment of their own (`.venv-peers`, made from
`packaging/peers.txt`), because they bring another Qt with them; `even_odd_masks` is a plain reader made of pydicom and
matplotlib's test of a point in a polygon.
"""

import os
import shutil
import subprocess
from collections import defaultdict
from functools import cache
from pathlib import Path

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from matplotlib.path import Path as Outline
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[2]
Masks = dict[str, NDArray[np.bool_]]


@cache
def peers_python() -> Path | None:
    """The interpreter of the environment with the other readers: $PLANIMETER_PEERS, or .venv-peers; None without it."""
    path = Path(os.environ.get("PLANIMETER_PEERS", ROOT / ".venv-peers" / "bin" / "python"))
    return path if path.exists() else None


def need_peers() -> None:
    if peers_python() is None:
        pytest.skip("needs other RTSTRUCT readers: python3 -m venv .venv-peers, then install packaging/peers.txt there")


def need_program(name: str) -> None:
    if shutil.which(name) is None:
        pytest.skip(f"needs {name}: apt-get install plastimatch dcmtk dicom3tools")


def run(*command: object) -> str:
    result = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, timeout=300)
    assert result.returncode == 0, f"{command[0]}: {(result.stdout + result.stderr)[-2000:]}"
    return result.stdout


def plastimatch_masks(rtstruct: Path, series: Path, folder: Path, *, xor: bool) -> Masks:
    """Structure name → (planes, rows, columns), as plastimatch fills them."""
    folder.mkdir(parents=True, exist_ok=True)
    option = ["--xor-contours"] if xor else []
    run("plastimatch", "convert", "--input", rtstruct, "--referenced-ct", series, *option,
        "--output-prefix", folder, "--prefix-format", "nrrd")  # fmt: skip
    return {p.stem: sitk.GetArrayFromImage(sitk.ReadImage(str(p))) > 0 for p in folder.glob("*.nrrd")}


def peer_masks(reader: str, rtstruct: Path, series: Path, folder: Path) -> Masks:
    """As `plastimatch_masks`, by "rt-utils" or "DicomRTTool"."""
    folder.mkdir(parents=True, exist_ok=True)
    output = folder / "masks.npz"
    python = peers_python()
    assert python is not None
    run(python, Path(__file__).with_name("peer_reader.py"), reader, rtstruct, series, output)
    with np.load(output) as found:
        return {name: found[name] for name in found.files}


def write_with_rt_utils(masks: Masks, series: Path, output: Path) -> None:
    """An RTSTRUCT by rt-utils."""
    np.savez(output.with_suffix(".npz"), **masks)  # type: ignore[arg-type]
    run(peers_python(), Path(__file__).with_name("peer_reader.py"), "write", output.with_suffix(".npz"), series, output)


def write_with_plastimatch(masks: Masks, series: Path, folder: Path) -> Path:
    """An RTSTRUCT by plastimatch; gives its path."""
    folder.mkdir(parents=True, exist_ok=True)
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(series))
    labels = sum(mask.astype(np.uint32) << n for n, mask in enumerate(masks.values()))
    image = sitk.GetImageFromArray(labels)
    image.CopyInformation(sitk.ReadImage(names))
    sitk.WriteImage(image, str(folder / "labels.nrrd"))
    (folder / "names.txt").write_text("".join(f"{n}|255 0 0|{name}\n" for n, name in enumerate(masks)))
    run("plastimatch", "convert", "--input-ss-img", folder / "labels.nrrd", "--input-ss-list", folder / "names.txt",
        "--referenced-ct", series, "--output-dicom", folder / "out")  # fmt: skip
    return next(path for path in (folder / "out").iterdir() if b"RTSTRUCT" in path.read_bytes()[:2000])


def even_odd_masks(rtstruct: Path, series: Path) -> Masks:
    """As `plastimatch_masks`, by even-odd of the contours at the voxel centres of the image that each refers to."""
    images = sorted(
        (pydicom.dcmread(path, stop_before_pixels=True) for path in series.glob("*.dcm")),
        key=lambda ds: float(
            np.dot(ds.ImagePositionPatient, np.cross(*np.reshape(ds.ImageOrientationPatient, (2, 3))))
        ),
    )
    index = {str(ds.SOPInstanceUID): k for k, ds in enumerate(images)}
    first = images[0]
    rows, columns = int(first.Rows), int(first.Columns)
    dv, du = (float(value) for value in first.PixelSpacing)
    along_row, along_column = np.reshape([float(v) for v in first.ImageOrientationPatient], (2, 3))
    j, i = np.mgrid[:rows, :columns]
    centres = np.stack([i.ravel() * du, j.ravel() * dv], axis=1)
    dataset = pydicom.dcmread(rtstruct)
    names = {int(item.ROINumber): str(item.ROIName) for item in dataset.StructureSetROISequence}
    out: Masks = {name: np.zeros((len(images), rows, columns), dtype=np.bool_) for name in names.values()}
    for roi in dataset.ROIContourSequence:
        mask = out[names[int(roi.ReferencedROINumber)]]
        for contour in roi.get("ContourSequence", []):
            k = index[str(contour.ContourImageSequence[0].ReferencedSOPInstanceUID)]
            origin = np.array([float(v) for v in images[k].ImagePositionPatient])
            offset = np.array([float(v) for v in contour.ContourData]).reshape(-1, 3) - origin
            uv = np.stack([offset @ along_row, offset @ along_column], axis=1)
            near = (centres >= uv.min(axis=0)).all(axis=1) & (centres <= uv.max(axis=0)).all(axis=1)
            inside = np.zeros(rows * columns, dtype=np.bool_)
            if near.any():
                inside[near] = Outline(np.concatenate([uv, uv[:1]])).contains_points(centres[near])
            mask[k] ^= inside.reshape(rows, columns)
    return out


def dice(first: NDArray[np.bool_], second: NDArray[np.bool_]) -> float:
    total = int(first.sum()) + int(second.sum())
    return 2 * int((first & second).sum()) / total if total else 1.0


def contour_texts(rtstruct: Path) -> dict[int, list[tuple[str, str]]]:
    """ROI number → (geometric type, text of Contour Data) of each contour, as pydicom gives them."""
    dataset = pydicom.dcmread(rtstruct)
    out: dict[int, list[tuple[str, str]]] = defaultdict(list)
    for roi in dataset.get("ROIContourSequence", []):
        for contour in roi.get("ContourSequence", []):
            raw = contour.get_item("ContourData").value
            text = raw.decode() if isinstance(raw, bytes) else "\\".join(str(v.original_string) for v in raw)
            out[int(roi.ReferencedROINumber)].append((str(contour.ContourGeometricType), text.strip()))
    return dict(out)
