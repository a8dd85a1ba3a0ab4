"""Pictures varied for training as hands, cameras and scanners vary them; a batch at a time."""

from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional


@dataclass(frozen=True)
class PictureAugmentation:
    """How strongly pictures are varied; each field is also a key of a card's recipe.

    Args:
        flip_columns, flip_rows: probability of a mirror left-right, top-bottom.
        rotation_deg: largest rotation.
        scale: largest relative change of size; `stretch` of one axis against the other.
        shift: largest shift, as a share of the picture.
        contrast, brightness: standard deviation of the relative gain and of the offset (values are about -1..1).
        colour: standard deviation of a gain of each channel, and of the saturation.
        noise: largest standard deviation of the noise.
        blur: probability that the picture is made coarser by up to `coarsest` times.
        erase: probability that a rectangle of up to a quarter of the area is blanked.
        mix: strength (alpha of the beta distribution) of mixing pairs of pictures with their labels; 0 for none.
    """

    flip_columns: float = 0.5
    flip_rows: float = 0.5
    rotation_deg: float = 180.0
    scale: float = 0.2
    stretch: float = 0.08
    shift: float = 0.08
    contrast: float = 0.12
    brightness: float = 0.08
    colour: float = 0.06
    noise: float = 0.05
    blur: float = 0.1
    coarsest: float = 2.0
    erase: float = 0.2
    mix: float = 0.0


def varied(rng: np.random.Generator, pictures: torch.Tensor, how: PictureAugmentation) -> torch.Tensor:
    """(batch, channels, rows, columns) pictures, each varied by itself.

    Args:
        rng: the only source of chance.
        pictures: as a network sees them, float32, about -1..1.
        how: to vary.
    """
    count, channels, rows, columns = pictures.shape
    grid = functional.affine_grid(_places(rng, count, rows, columns, how), list(pictures.shape), align_corners=False)
    out = functional.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)
    gain = 1 + how.contrast * _normal(rng, (count, 1, 1, 1))
    offset = how.brightness * _normal(rng, (count, 1, 1, 1))
    if channels == 3:
        grey = out.mean(1, keepdim=True)
        out = grey + (out - grey) * (1 + 2 * how.colour * _normal(rng, (count, 1, 1, 1)))
        gain = gain * (1 + how.colour * _normal(rng, (count, 3, 1, 1)))
        offset = offset + how.colour / 2 * _normal(rng, (count, 3, 1, 1))
    middle = out.mean((1, 2, 3), keepdim=True)
    out = (out - middle) * gain + middle + offset
    for index in range(count):
        if rng.random() < how.blur:
            out[index] = _coarser(out[index], float(rng.uniform(1, how.coarsest)))
        if rng.random() < how.erase:
            _erase(rng, out[index])
    if how.noise:
        strength = torch.from_numpy(rng.uniform(0, how.noise, (count, 1, 1, 1)).astype(np.float32))
        out = out + strength * _normal(rng, (count, channels, rows, columns))
    return out


def mixed(
    rng: np.random.Generator, pictures: torch.Tensor, targets: torch.Tensor, how: PictureAugmentation
) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures and targets (batch, labels), each averaged with another of the batch (Zhang et al., ICLR 2018)."""
    if not how.mix:
        return pictures, targets
    share = float(rng.beta(how.mix, how.mix))
    other = torch.from_numpy(rng.permutation(len(pictures)))
    return pictures * share + pictures[other] * (1 - share), targets * share + targets[other] * (1 - share)


def _places(rng: np.random.Generator, count: int, rows: int, columns: int, how: PictureAugmentation) -> torch.Tensor:
    """(batch, 2, 3) affine maps of the output's places (-1..1 along columns and rows) to the input's."""
    angle = np.deg2rad(rng.uniform(-how.rotation_deg, how.rotation_deg, count))
    size = np.exp(rng.uniform(-1, 1, count) * np.log1p(how.scale))
    long = np.exp(rng.uniform(-1, 1, count) * np.log1p(how.stretch))
    flip_u = np.where(rng.random(count) < how.flip_columns, -1.0, 1.0)
    flip_v = np.where(rng.random(count) < how.flip_rows, -1.0, 1.0)
    cosine, sine = np.cos(angle) * size, np.sin(angle) * size
    # Rotation is in pixels, so that a picture that is wider than high is not sheared.
    maps = np.zeros((count, 2, 3))
    maps[:, 0, 0], maps[:, 0, 1] = cosine * flip_u * long, -sine * flip_v * rows / columns
    maps[:, 1, 0], maps[:, 1, 1] = sine * flip_u * long * columns / rows, cosine * flip_v
    maps[:, :, 2] = rng.uniform(-2 * how.shift, 2 * how.shift, (count, 2))
    return torch.from_numpy(maps.astype(np.float32))


def _normal(rng: np.random.Generator, shape: tuple[int, ...]) -> torch.Tensor:
    return torch.from_numpy(rng.standard_normal(shape, dtype=np.float32))


def _coarser(picture: torch.Tensor, times: float) -> torch.Tensor:
    size = [max(round(n / times), 4) for n in picture.shape[1:]]
    small = functional.interpolate(picture[None], size, mode="bilinear", antialias=True)
    return functional.interpolate(small, list(picture.shape[1:]), mode="bilinear")[0]


def _erase(rng: np.random.Generator, picture: torch.Tensor) -> None:
    """Blank a rectangle with the picture's mean, in place."""
    _, rows, columns = picture.shape
    height, width = (max(int(n * rng.uniform(0.1, 0.5)), 1) for n in (rows, columns))
    row, column = int(rng.integers(0, rows - height + 1)), int(rng.integers(0, columns - width + 1))
    picture[:, row : row + height, column : column + width] = picture.mean()
