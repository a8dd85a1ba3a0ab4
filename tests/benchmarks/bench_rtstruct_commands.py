"""Masks to RTSTRUCT and back as whole processes: 20 structures on 200 planes of 512², ours and rt-utils in turn."""

import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from engine.sitk_image import to_image
from tests.benchmarks.bench_rtstruct import SPACING, shapes
from tests.rtstruct.foreign import peers_python
from tests.synthetic import make_geometry, write_series

SHAPE = (200, 512, 512)
REPEATS = 3

PEER_WRITE = """
import sys, numpy as np, SimpleITK as sitk
from pathlib import Path
from rt_utils import RTStructBuilder
masks, series, out = sys.argv[1:]
made = RTStructBuilder.create_new(dicom_series_path=series)
for path in sorted(Path(masks).glob("*.nii.gz")):
    mask = sitk.GetArrayFromImage(sitk.ReadImage(str(path))).astype(bool)
    made.add_roi(mask=np.ascontiguousarray(np.moveaxis(mask, 0, 2)), name=path.name.removesuffix(".nii.gz"))
made.save(out)
"""
PEER_READ = """
import sys, numpy as np, SimpleITK as sitk
from pathlib import Path
from rt_utils import RTStructBuilder
file, series, out = sys.argv[1:]
made = RTStructBuilder.create_from(dicom_series_path=series, rt_struct_path=file)
image = sitk.ReadImage(sitk.ImageSeriesReader.GetGDCMSeriesFileNames(series))
Path(out).mkdir(exist_ok=True)
for name in made.get_roi_names():
    mask = np.ascontiguousarray(np.moveaxis(made.get_roi_mask_by_name(name), 2, 0)).astype(np.uint8)
    written = sitk.GetImageFromArray(mask)
    written.CopyInformation(image)
    sitk.WriteImage(written, f"{out}/{name}.nii.gz", True, 1)
"""


def _timed(command: list[str]) -> tuple[float, float]:
    """(seconds by the clock, seconds of all processors) of a process and its children."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, capture_output=True, env={**os.environ})
    clock, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return clock, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Print medians by the clock and of the processors, and the ratios to rt-utils."""
    python = peers_python()
    times: dict[str, list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        geometry = make_geometry(SHAPE, SPACING)
        write_series(root / "ct", np.zeros(SHAPE, dtype=np.int16), geometry)
        (root / "masks").mkdir()
        for name, mask in shapes(SHAPE).items():
            image = to_image(mask.astype(np.uint8), geometry)
            sitk.WriteImage(image, str(root / "masks" / f"{name}.nii.gz"), True, 1)
        masks, series = str(root / "masks"), str(root / "ct")
        ours, theirs = str(root / "ours.dcm"), str(root / "theirs.dcm")
        run = [sys.executable, "-m", "engine", "rtstruct"]
        commands = {
            "planimeter: from-masks": [*run, "from-masks", masks, series, "-o", ours],
            "planimeter: to-masks": [*run, "to-masks", ours, series, "-o", str(root / "back")],
        }
        if python is not None:
            commands["rt-utils: from-masks"] = [str(python), "-c", PEER_WRITE, masks, series, theirs]
            commands["rt-utils: to-masks"] = [str(python), "-c", PEER_READ, theirs, series, str(root / "their back")]
        for _ in range(REPEATS):
            for name, command in commands.items():
                times.setdefault(name, []).append(_timed(command))
    print(f"{'median of':44}{'clock':>9}{'CPU':>9}  s")
    medians = {
        name: tuple(statistics.median(column) for column in zip(*values, strict=True)) for name, values in times.items()
    }
    for name, (clock, processors) in medians.items():
        print(f"{name:44}{clock:9.2f}{processors:9.2f}")
    if python is None:
        print("rt-utils is not there to compare with: install packaging/peers.txt into .venv-peers", file=sys.stderr)
        return
    for command in ("from-masks", "to-masks"):
        clock, processors = (
            there / here
            for there, here in zip(medians[f"rt-utils: {command}"], medians[f"planimeter: {command}"], strict=True)
        )
        print(f"rt-utils / planimeter, {command}: {clock:.1f}× by the clock, {processors:.1f}× of the processors")


if __name__ == "__main__":
    main()
