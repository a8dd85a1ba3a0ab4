"""Photographs of a fundus with dots: some are microaneurysms, others haemorrhages or pigment."""

from pathlib import Path

import numpy as np
from PIL import Image
from scipy import ndimage

_SIZE = 128


def dotted_fundi(folder: Path, count: int, seed: int) -> None:
    """Pictures with red and brown dots of one size, of which the red ones are marked as microaneurysms."""
    for sub in ("images", "microaneurysm"):
        (folder / sub).mkdir(parents=True, exist_ok=True)
    for index in range(count):
        rng = np.random.default_rng([seed, index])
        picture = np.full((_SIZE, _SIZE, 3), (190, 110, 60), np.float32)
        mask = np.zeros((_SIZE, _SIZE), np.uint8)
        for number, place in enumerate(rng.permutation(36)[:14]):
            row, column = 12 + 20 * (place // 6) + rng.integers(-3, 4), 12 + 20 * (place % 6) + rng.integers(-3, 4)
            y, x = np.ogrid[:_SIZE, :_SIZE]
            dot = (y - row) ** 2 + (x - column) ** 2 <= 2.6**2
            picture[dot] = (170, 50, 40) if number < 6 else (110, 60, 50)
            mask[dot] = 255 if number < 6 else 0
        for _ in range(3):
            start, slope = rng.uniform(10, 118), rng.uniform(-0.5, 0.5)
            y, x = np.ogrid[:_SIZE, :_SIZE]
            picture[np.abs(y - start - slope * (x - 64)) <= 1.2] = (140, 60, 45)
        mask[(picture == (140, 60, 45)).all(axis=2)] = 0
        soft = ndimage.gaussian_filter(picture, (0.6, 0.6, 0)) + rng.normal(0, 4, picture.shape)
        Image.fromarray(np.clip(soft, 0, 255).astype(np.uint8)).save(folder / "images" / f"p{index:03d}.png")
        Image.fromarray(mask).save(folder / "microaneurysm" / f"p{index:03d}.png")
