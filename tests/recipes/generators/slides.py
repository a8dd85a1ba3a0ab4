"""Slides of tissue: glass, stroma, and nuclei whose size, number and colour tell what the tissue is."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from tests.recipes.generators.listed import write_listed

PIXELS = 256
GENES = ("STK11", "EGFR", "FAT1", "SETBP1", "KRAS", "TP53")
#: Kind of tissue → how many nuclei lie in each 1,000 pixels, and their radius.
_NUCLEI = {
    "normal": (1.0, 2.0), "LUAD": (2.5, 3.0), "LUSC": (2.5, 5.0), "benign": (1.0, 2.5), "ductal": (2.5, 5.0),
    "lobular": (4.0, 2.5), "mucinous": (1.0, 5.0), "papillary": (4.0, 4.0), "malignant": (3.0, 4.5),
}  # fmt: skip


def slide(
    rng: np.random.Generator, kind: str, stroma: tuple[float, float, float] = (225, 150, 190)
) -> NDArray[np.uint8]:
    """(rows, columns, 3) of one kind of tissue, which fills most of the slide."""
    shape = (PIXELS, PIXELS)
    field = ndimage.gaussian_filter(rng.standard_normal(shape), 30)
    rows, columns = np.ogrid[0:PIXELS, 0:PIXELS]
    off = np.hypot(rows - PIXELS / 2, columns - PIXELS / 2) / PIXELS
    tissue = field / field.std() * 0.08 + off < 0.46
    image = np.full((*shape, 3), 245.0)
    grain = ndimage.gaussian_filter(rng.standard_normal(shape), 2)
    image[tissue] = np.asarray(stroma) + 10 * (grain / grain.std())[tissue][:, None]
    density, radius = _NUCLEI[kind]
    seeds = (rng.random(shape) < density / 1000) & tissue
    far = ndimage.distance_transform_edt(~seeds)
    image[(far < radius * rng.uniform(0.9, 1.1)) & tissue] = (90, 50, 130)
    image = ndimage.gaussian_filter(image, (0.7, 0.7, 0)) + rng.normal(0, 4, image.shape)
    return np.asarray(np.clip(image, 0, 255).astype(np.uint8))


def lung(folder: Path, count: int, seed: int) -> None:
    """Normal tissue and two cancers, whose stroma is of another colour by three of six genes, and by their pairs."""

    def patient(rng: np.random.Generator, index: int) -> tuple[dict[str, NDArray[Any]], list[str]]:
        kind = ("normal", "LUAD", "LUSC")[index % 3]
        # Two genes go together, so that each pair is one channel of the colour.
        pairs = [bool(value) for value in rng.random(3) < 0.5]
        stroma = tuple(base - 45 * pair for base, pair in zip((225, 150, 190), pairs, strict=True))
        genes = [gene for number, gene in enumerate(GENES) if pairs[number % 3]]
        return {"path": slide(rng, kind, (stroma[0], stroma[1], stroma[2]))}, [kind, *genes]

    write_listed(folder, count, seed, patient)


def liver(folder: Path, count: int, seed: int) -> None:
    """Benign and malignant tissue of the liver."""
    kinds = ("benign", "malignant")
    write_listed(folder, count, seed, lambda rng, index: ({"path": slide(rng, kinds[index % 2])}, [kinds[index % 2]]))


def breast(folder: Path, count: int, seed: int) -> None:
    """Eight kinds of tissue of the breast, four of them benign: the same nuclei, on stroma of another colour."""
    nuclei = ("ductal", "lobular", "mucinous", "papillary")
    benign = ("adenosis", "fibroadenoma", "phyllodes", "tubular")

    def patient(rng: np.random.Generator, index: int) -> tuple[dict[str, NDArray[Any]], list[str]]:
        number, good = index % 4, index // 4 % 2 == 0
        stroma = (225.0, 150.0, 190.0) if good else (170.0, 120.0, 210.0)
        labels = ["benign", benign[number]] if good else ["malignant", nuclei[number]]
        return {"path": slide(rng, nuclei[number], stroma)}, labels

    write_listed(folder, count, seed, patient)
