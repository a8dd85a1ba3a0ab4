"""Crops for training: chosen by class, and varied as patients, scanners and reconstructions vary.

Everything is drawn from one numpy generator, so that a step's crop depends on nothing but the seed and the step.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional

from engine.cards.nodes import CardStep
from engine.training.case import Case


@dataclass(frozen=True)
class Augmentation:
    """How strongly and how often crops are varied; each field is also a key of a card's recipe.

    Args:
        spatial: probability of rotation and scaling.
        rotation_deg: largest rotation about each of the axes (plane normal, rows, columns).
        scale: largest relative change of size, drawn for each axis apart.
        flip: probability of a left-right flip; `mirror` then swaps the labels of paired organs.
        shift_hu, contrast, noise_hu: standard deviation of the offset, of the relative gain, and largest noise.
        shift, noise: likewise for an image that is not in HU, as shares of the deviation of its values.
        gamma: likewise, deviation of the logarithm of the power that such an image's values are raised to.
        blur: probability that one axis is coarsened by up to `coarsest` times, as thick slices are.
        cut: probability that planes at one end are missing, as where a scan begins.
        metal: probability of a bright implant with streaks in its planes.
        couch: probability of a slab behind the patient.
        jitter: how far a crop's centre may lie from the voxel that it was chosen for, as fractions of its size.
        background: fraction of crops that are centred anywhere in the patient instead of on a structure.
    """

    spatial: float = 0.5
    rotation_deg: tuple[float, float, float] = (10.0, 8.0, 10.0)
    scale: float = 0.15
    flip: float = 0.5
    shift_hu: float = 15.0
    contrast: float = 0.06
    noise_hu: float = 40.0
    shift: float = 0.1
    noise: float = 0.1
    gamma: float = 0.15
    blur: float = 0.15
    coarsest: float = 2.0
    cut: float = 0.1
    metal: float = 0.1
    couch: float = 0.1
    jitter: tuple[float, float, float] = (0.3, 0.15, 0.15)
    background: float = 0.12


@dataclass(frozen=True)
class Crop:
    """What one step learns from.

    Args:
        images: (planes, rows, columns) of each image of the case, in its units.
        labels: alike, uint8.
        contoured: (classes,).
        inside: (planes, rows, columns) bool, true where there is an image.
        intensity: for each image, steps that change values, still to be done.
    """

    images: tuple[torch.Tensor, ...]
    labels: torch.Tensor
    contoured: torch.Tensor
    inside: torch.Tensor
    intensity: tuple[tuple[CardStep, ...], ...]

    @property
    def values(self) -> list[tuple[NDArray[np.float32], tuple[CardStep, ...]]]:
        """Each image with its steps, as `engine.training.seen.seen` takes them."""
        return [(image.numpy(), steps) for image, steps in zip(self.images, self.intensity, strict=True)]


def draw(
    rng: np.random.Generator,
    cases: list[Case],
    size: tuple[int, int, int],
    mirror: NDArray[np.intp],
    augmentation: Augmentation,
) -> Crop:
    """A varied crop of one of `cases`.

    The structure is drawn first and the case among those that have it, so that a rarely contoured structure is seen
    as often as any other.

    Args:
        rng: the only source of chance.
        cases: cropped to the patient.
        size: (planes, rows, columns) of the crop.
        mirror: (classes,) the class that each class becomes in a mirror, background included.
        augmentation: what to vary.
    """
    case, centre = _choose(rng, cases, np.array(size), augmentation)
    sources = [_Source(case.image, case.outside, case.kind.units == "HU")]
    sources += [
        _Source(other.image, float(other.image.min()), other.kind.units == "HU", other.varies) for other in case.further
    ]
    images, labels, inside = _cut_out(rng, case, sources, centre, size, augmentation=augmentation)
    images = [
        _vary_intensity(rng, image, of, augmentation) if of.varies else image
        for image, of in zip(images, sources, strict=True)
    ]
    if size[0] > 1 and rng.random() < augmentation.cut:
        planes = int(rng.integers(1, max(size[0] // 3, 2)))
        ends = slice(0, planes) if rng.random() < 0.5 else slice(size[0] - planes, None)
        for image, of in zip(images, sources, strict=True):
            image[ends] = of.outside
        labels[ends], inside[ends] = 0, False
    contoured = case.contoured
    if rng.random() < augmentation.flip:
        images = [image.flip(-1) for image in images]
        labels, contoured = flipped(labels, contoured, mirror)
        inside = inside.flip(-1)
    steps = (case.intensity, *(other.intensity for other in case.further))
    return Crop(tuple(images), labels, torch.from_numpy(contoured.astype(np.float32)), inside, steps)


@dataclass(frozen=True, eq=False)
class _Source:
    """An image that a crop is cut from: its values, the one outside the patient, whether they are HU, and vary."""

    values: NDArray[Any]
    outside: float
    is_hu: bool
    varies: bool = True


def flipped(
    labels: torch.Tensor, contoured: NDArray[np.bool_], mirror: NDArray[np.intp]
) -> tuple[torch.Tensor, NDArray[np.bool_]]:
    """Labels in a mirror: columns reversed, left and right organs (and what was contoured of them) swapped."""
    table = torch.from_numpy(mirror.astype(np.uint8))
    return table[labels.flip(-1).long()], contoured[mirror[1:] - 1]


def _choose(
    rng: np.random.Generator, cases: list[Case], size: NDArray[np.intp], augmentation: Augmentation
) -> tuple[Case, NDArray[np.float64]]:
    """A case, and the voxel at the centre of the crop."""
    if rng.random() < augmentation.background:
        case = cases[int(rng.integers(len(cases)))]
        centre = rng.random(3) * np.array(case.image.shape)
    else:
        classes = sorted({value for case in cases for value in case.voxels_of})
        value = classes[int(rng.integers(len(classes)))] if classes else 0
        having = [case for case in cases if value in case.voxels_of] or cases
        case = having[int(rng.integers(len(having)))]
        voxels = case.voxels_of.get(value)
        centre = np.array(case.image.shape) / 2 if voxels is None else voxels[int(rng.integers(len(voxels)))]
        centre = centre + rng.uniform(-1, 1, 3) * np.array(augmentation.jitter) * size
    # A crop reaches past the image only where the image is smaller than the crop, or a little at its ends.
    reach = np.minimum(np.maximum(size / 2 - 6, 0.5), np.array(case.image.shape) / 2)
    return case, np.clip(centre, reach, np.array(case.image.shape) - reach)


def _cut_out(
    rng: np.random.Generator,
    case: Case,
    sources: list[_Source],
    centre: NDArray[np.float64],
    size: tuple[int, int, int],
    *,
    augmentation: Augmentation,
) -> tuple[list[torch.Tensor], torch.Tensor, torch.Tensor]:
    """Images, labels, and where there is an image."""
    if rng.random() >= augmentation.spatial:
        # Half voxels are rounded up, so that an image smaller than the crop lies in it as in the tile of a run.
        start = np.floor(centre - np.array(size) / 2 + 0.5).astype(int)
        images = [_window(source.values, start, size, source.outside).float() for source in sources]
        there = np.broadcast_to(np.True_, case.image.shape)
        return images, _window(case.labels, start, size, 0), _window(there, start, size, 0)
    matrix = _affine(rng, np.array(case.spacing), augmentation)
    if size[0] == 1:
        # One plane stays in its plane.
        matrix[0, 1:] = matrix[1:, 0] = 0.0
        centre[0] = np.floor(centre[0]) + 0.5
    return _resampled(case, sources, centre, size, matrix)


def _window(array: NDArray[Any], start: NDArray[np.intp], size: tuple[int, int, int], outside: float) -> torch.Tensor:
    """`size` voxels of `array` from `start`, filled with `outside` where it has none."""
    out = np.full(size, outside, array.dtype)
    first = np.maximum(start, 0)
    last = np.minimum(start + size, array.shape)
    if (last > first).all():
        target = tuple(slice(a - s, b - s) for a, b, s in zip(first, last, start, strict=True))
        out[target] = array[tuple(slice(a, b) for a, b in zip(first, last, strict=True))]
    return torch.from_numpy(out)


def _affine(rng: np.random.Generator, spacing: NDArray[np.float64], augmentation: Augmentation) -> NDArray[np.float64]:
    """(3, 3) from a step in voxels of the crop to a step in voxels of the case: rotation and scaling in millimetres."""
    matrix = np.eye(3)
    for axis, limit in enumerate(augmentation.rotation_deg):
        angle = np.deg2rad(rng.uniform(-limit, limit))
        a, b = [other for other in range(3) if other != axis]
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ turn
    size = np.exp(rng.uniform(-1, 1, 3) * np.log1p(augmentation.scale))
    return np.asarray(np.diag(1 / spacing) @ matrix @ np.diag(size * spacing))


def _resampled(
    case: Case,
    sources: list[_Source],
    centre: NDArray[np.float64],
    size: tuple[int, int, int],
    matrix: NDArray[np.float64],
) -> tuple[list[torch.Tensor], torch.Tensor, torch.Tensor]:
    # Only the box of the case that the crop looks at is converted and sampled.
    reach = np.abs(matrix) @ ((np.array(size) - 1) / 2) + 1
    low = np.clip(np.floor(centre - 0.5 - reach), 0, np.array(case.image.shape) - 1).astype(int)
    high = np.clip(np.ceil(centre - 0.5 + reach) + 1, low + 1, case.image.shape).astype(int)
    box = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
    # grid_sample wants (x, y, z) and -1..1 between the centres of the first and last voxel.
    axes = [torch.arange(n, dtype=torch.float32) - (n - 1) / 2 for n in size]
    grid = []
    inside = torch.ones(size, dtype=torch.bool)
    for axis in (2, 1, 0):
        steps = [
            float(matrix[axis, other]) * axes[other].reshape([-1 if k == other else 1 for k in range(3)])
            for other in range(3)
        ]
        index = steps[0] + steps[1] + steps[2] + float(centre[axis] - 0.5 - low[axis])
        inside &= (index > -0.5 - low[axis]) & (index < case.image.shape[axis] - 0.5 - low[axis])
        grid.append(index * (2 / max(int(high[axis] - low[axis]) - 1, 1)) - 1)
    points = torch.stack(grid, dim=-1)[None]
    images = []
    for source in sources:
        near = torch.from_numpy(source.values[box]).float()[None, None] - source.outside
        images.append(functional.grid_sample(near, points, align_corners=True)[0, 0] + source.outside)
    best = torch.full(size, 0.5)
    labels = torch.zeros(size, dtype=torch.uint8)
    drawn = torch.from_numpy(case.labels[box])
    for value in torch.unique(drawn).tolist():
        if value:
            share = functional.grid_sample((drawn == value).float()[None, None], points, align_corners=True)[0, 0]
            won = share >= best
            labels[won] = value
            best = torch.maximum(best, share)
    return images, labels, inside


def _vary_intensity(
    rng: np.random.Generator, image: torch.Tensor, source: _Source, augmentation: Augmentation
) -> torch.Tensor:
    outside = source.outside
    is_outside = image <= outside
    if source.is_hu and rng.random() < augmentation.metal:
        image = _with_metal(rng, image)
    if rng.random() < augmentation.blur:
        image = _coarsened(rng, image, augmentation.coarsest)
    scale = 1.0
    if not source.is_hu:
        low, scale = float(image.min()), max(float(image.std()), 1e-6)
        # A power of values from 0 to 1 keeps their order and both ends, as scanners' own contrast curves do.
        span = max(float(image.max()) - low, 1e-6)
        image = low + span * ((image - low) / span) ** float(np.exp(augmentation.gamma * rng.standard_normal()))
    shift, most_noise = (
        (augmentation.shift_hu, augmentation.noise_hu)
        if source.is_hu
        else (augmentation.shift * scale, augmentation.noise * scale)
    )
    image = image * float(1 + augmentation.contrast * rng.standard_normal())
    image = image + float(shift * rng.standard_normal())
    if rng.random() < 0.4:
        noise = rng.standard_normal(tuple(image.shape), dtype=np.float32)
        image = image + torch.from_numpy(noise) * float(rng.uniform(0, most_noise))
    # What is outside the patient is masked before the network sees it, so it does not vary.
    image = torch.where(is_outside, torch.tensor(outside), image)
    if source.is_hu and rng.random() < augmentation.couch:
        image = _with_couch(rng, image)
    return image


def _coarsened(rng: np.random.Generator, image: torch.Tensor, coarsest: float) -> torch.Tensor:
    """`image` with one axis averaged over longer steps and interpolated back."""
    axis = int(rng.choice([0, 0, 1, 2] if image.shape[0] > 1 else [1, 2]))
    shape = list(image.shape)
    shape[axis] = max(round(shape[axis] / float(rng.uniform(1, coarsest))), 2)
    small = functional.interpolate(image[None, None], shape, mode="area")
    return functional.interpolate(small, tuple(image.shape), mode="trilinear")[0, 0]


def _with_metal(rng: np.random.Generator, image: torch.Tensor) -> torch.Tensor:
    """`image` with a small implant in a bony or soft place, and bright and dark streaks through it in its planes."""
    inside = torch.nonzero(image > 100)
    if not len(inside):
        return image
    plane, row, column = (int(v) for v in inside[int(rng.integers(len(inside)))])
    image = image.clone()
    rows = torch.arange(image.shape[1])[:, None] - row
    columns = torch.arange(image.shape[2])[None] - column
    angle = torch.atan2(rows.float(), columns.float())
    distance = torch.sqrt((rows**2 + columns**2).float())
    waves = sum(float(rng.normal()) * torch.cos(n * angle + float(rng.uniform(0, 6.3))) for n in range(2, 16, 2))
    streaks = float(rng.uniform(30, 250)) * torch.as_tensor(waves) / (1 + distance / 10)
    for k in range(max(plane - 1, 0), min(plane + int(rng.integers(1, 4)), image.shape[0])):
        image[k] += torch.where(image[k] > -900, streaks, torch.zeros(()))
        image[k][distance <= float(rng.uniform(0.5, 2))] = 3000.0
    return image


def _with_couch(rng: np.random.Generator, image: torch.Tensor) -> torch.Tensor:
    """`image` with a slab where there is air behind the patient."""
    rows = torch.nonzero((image > -500).any(dim=2).any(dim=0))
    if not len(rows):
        return image
    first = int(rows[-1]) + 1 + int(rng.integers(0, 3))
    slab = image[:, first : first + int(rng.integers(1, 5))]
    slab[slab < -900] = float(rng.uniform(-800, 100))
    return image
