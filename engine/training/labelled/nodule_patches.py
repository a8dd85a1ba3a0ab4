"""Candidates for lung nodules as small patches in one file of numpy arrays.

`patches.npz` holds `patches` (n, rows, columns) uint8, -1000 to 400 HU stretched to 0..255; `nodule` (n,) 0 or 1; `row`
(n,), the candidate's row in the table that it was taken from, in which the candidates of a scan follow each other.
"""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import ReadError
from engine.training.labelled.sample import Sample
from engine.volume import Geometry, Volume

_FILE = "patches.npz"
_LOW_HU, _HIGH_HU = -1000.0, 400.0
#: The scans' pixels are 0.5 to 0.9 mm; the file does not say.
_PIXEL_MM = 0.7
#: About twenty scans.
_BLOCK_ROWS = 10_000


def recognises(folder: Path) -> bool:
    """Whether a folder is laid out so."""
    return (folder / _FILE).is_file()


def samples(folder: Path) -> list[Sample]:
    """The patches; a group is a block of neighbouring rows.

    Raises:
        ReadError: the file is damaged or lacks one of its arrays.
    """
    path = folder / _FILE
    try:
        with np.load(path, allow_pickle=False) as file:
            patches, nodule, row = (np.asarray(file[name]) for name in ("patches", "nodule", "row"))
    except (OSError, ValueError, KeyError, EOFError) as error:
        raise ReadError(f"{path} is damaged, or lacks 'patches', 'nodule' or 'row'.") from error
    if patches.ndim != 3 or not len(patches) == len(nodule) == len(row):
        raise ReadError(f"{path} does not hold as many labels as patches.")
    return [
        Sample(
            f"row {int(number)}",
            f"block {int(number) // _BLOCK_ROWS}",
            frozenset(["nodule" if positive else "other"]),
            partial(_volume, patches[index]),
        )
        for index, (positive, number) in enumerate(zip(nodule, row, strict=True))
    ]


def _volume(patch: NDArray[Any]) -> Volume:
    hu = np.rint(patch.astype(np.float32) * ((_HIGH_HU - _LOW_HU) / 255) + _LOW_HU).astype(np.int16)
    shape = (1, hu.shape[0], hu.shape[1])
    geometry = Geometry.regular((0.0, 0.0, 0.0), np.eye(3), (_PIXEL_MM, _PIXEL_MM, 1.0), shape)
    return Volume(hu[None], geometry, modality="CT", units="HU")
