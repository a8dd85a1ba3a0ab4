"""Ultrasound of the breast as BUSI is laid out: `images/`, whose names begin with benign, malignant or normal.

The set has pictures that are nearly the same; those that look alike are one group.
"""

import re
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import fft
from scipy.cluster.hierarchy import DisjointSet

from engine.files.picture_file import read_picture
from engine.training.labelled.pictures import picture, pictures_in
from engine.training.labelled.sample import Sample

_CLASSES = ("benign", "malignant", "normal")
_NAME = re.compile(rf"^({'|'.join(_CLASSES)})[ _]")
#: Bits of 256 in which the hashes of look-alikes differ at most.
_ALIKE = 40


def recognises(folder: Path) -> bool:
    """Whether a folder is laid out so."""
    files = pictures_in(folder / "images") if (folder / "images").is_dir() else {}
    return bool(files) and all(_NAME.match(name) for name in files)


def samples(folder: Path) -> list[Sample]:
    """The pictures; a group is those that look alike.

    Raises:
        ReadError: one of them is damaged.
    """
    files = pictures_in(folder / "images")
    names = sorted(files)
    hashes = np.array([perceptual_hash(_grey(files[name])) for name in names])
    alike = DisjointSet(names)
    for index, name in enumerate(names):
        for other in np.flatnonzero((hashes[index + 1 :] != hashes[index]).sum(axis=1) <= _ALIKE):
            alike.merge(name, names[index + 1 + int(other)])
    group = {name: min(members) for members in alike.subsets() for name in members}
    found = []
    for name in names:
        match = _NAME.match(name)
        assert match is not None, "recognised by it"
        found.append(Sample(name, group[name], frozenset([match.group(1)]), partial(picture, files[name])))
    return found


def perceptual_hash(grey: NDArray[np.float32]) -> NDArray[np.bool_]:
    """(256,) whether each of the 16 × 16 lowest frequencies of a picture is above their median."""
    rows, columns = (np.linspace(0, n, 65).astype(int) for n in grey.shape)
    small = np.add.reduceat(np.add.reduceat(grey, rows[:-1], axis=0), columns[:-1], axis=1)
    sizes = np.maximum(np.diff(rows)[:, None] * np.diff(columns)[None], 1)
    low = fft.dctn(small / sizes, norm="ortho")[:16, :16].ravel()
    return np.asarray(low > np.median(low[1:]))


def _grey(path: Path) -> NDArray[np.float32]:
    values = read_picture(path).values.astype(np.float32)
    return values.mean(axis=2) if values.ndim == 3 else values
