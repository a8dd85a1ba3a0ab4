"""Registration of an averaged patient: its probability maps, warped, are where organs may be expected.

The intensities that are compared are HU clipped to soft tissue and bone, so that metal and the air around the patient
weigh little. The affine part is found by gradient descent on the mean square difference from several starts along the
patient, the rest by symmetric-forces demons (Vercauteren et al., NeuroImage 2009;45:S61) from coarse to fine.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from engine.errors import CancelledError, ReadError
from engine.operations.atlas import FILES
from engine.progress import Progress, silent

#: HU range that is compared.
_LOW, _HIGH = -250.0, 350.0
#: Edge (mm) of the voxels on which the affine part and the starts along the patient are found.
_COARSE_MM = 8.0
#: Edge (mm) of the voxels of the demons' levels.
_LEVELS_MM = (12.0, 6.0, 3.5)


@dataclass(frozen=True, eq=False)
class AtlasImage:
    """An averaged patient.

    Args:
        image: HU, on a regular grid in its own space; axes rise along Left, Posterior, Superior.
        probabilities: organ → image of 0..1 on a grid in the same space.
    """

    image: sitk.Image
    probabilities: dict[str, sitk.Image]


def load_atlas(folder: Path, labels: list[str]) -> AtlasImage:
    """The atlas in `folder`: `average.nii.gz` (HU) and `probabilities.nii.gz` (one component a label, 0..255).

    Raises:
        ReadError: a file is missing, damaged, or has another number of labels.
    """
    try:
        image, maps = (sitk.ReadImage(str(folder / name)) for name in FILES)
    except RuntimeError as error:
        raise ReadError(f"The atlas in {folder} could not be read; put its images beside its card again.") from error
    if maps.GetNumberOfComponentsPerPixel() != len(labels):
        raise ReadError(f"The atlas in {folder} has {maps.GetNumberOfComponentsPerPixel()} maps, not {len(labels)}.")
    # A single map is an image of plain numbers, not of vectors.
    vectors = maps if len(labels) > 1 else sitk.Compose(maps)
    split = [sitk.VectorIndexSelectionCast(vectors, index, sitk.sitkFloat32) / 255 for index in range(len(labels))]
    return AtlasImage(image, dict(zip(labels, split, strict=True)))


def register_atlas(
    hu: NDArray[np.number],
    spacing_mm: tuple[float, float, float],
    atlas: AtlasImage,
    iterations: tuple[int, ...] = (50, 40, 20),
    progress: Progress = silent,
) -> NDArray[np.float32]:
    """Probabilities of the atlas's organs on the grid of an image.

    Args:
        hu: (planes, rows, columns), masked to the patient (outside at or below -1000), rising along Superior,
            Posterior and Left.
        spacing_mm: (column, row, plane) mm.
        atlas: what is registered.
        iterations: of the demons, from the coarsest level to the finest.
        progress: told of each stage.

    Returns:
        (organs, planes, rows, columns) float32, 0..1, in the order of `atlas.probabilities`.
    """
    target = sitk.GetImageFromArray(np.ascontiguousarray(hu, dtype=np.float32))
    target.SetSpacing([float(value) for value in spacing_mm])
    progress(0.05, "Finding the level of the atlas")
    affine = _best_affine(target, atlas.image)
    progress(0.4, "Deforming the atlas")
    warp = deform(target, atlas.image, affine, iterations, progress=progress)
    progress(0.9, "Warping the organs")
    maps = [sitk.Resample(image, target, warp, sitk.sitkLinear, 0.0) for image in atlas.probabilities.values()]
    return np.stack([sitk.GetArrayFromImage(image) for image in maps]).astype(np.float32)


def compared(image: sitk.Image, edge_mm: float) -> sitk.Image:
    """`image` (HU) as it is compared: on cubic voxels, smoothed to them, clipped to soft tissue and bone, 0..1."""
    image = sitk.Clamp(sitk.Cast(image, sitk.sitkFloat32), sitk.sitkFloat32, _LOW, _HIGH)
    spacing, size = np.array(image.GetSpacing()), np.array(image.GetSize())
    # Averaging over the new voxel, where that is larger; a Gaussian of this width is the usual stand-in.
    for axis in range(3):
        if edge_mm > 1.2 * spacing[axis]:
            image = sitk.RecursiveGaussian(image, sigma=0.4 * edge_mm, direction=axis)
    count = np.maximum(np.ceil(size * spacing / edge_mm), 4).astype(int)
    shift = ((count - 1) * edge_mm - (size - 1) * spacing) / 2
    origin = np.array(image.GetOrigin()) - shift
    out = sitk.Resample(
        image, [int(n) for n in count], sitk.Transform(), sitk.sitkLinear, [float(v) for v in origin],
        [edge_mm] * 3, image.GetDirection(), _LOW, sitk.sitkFloat32,
    )  # fmt: skip
    scaled: sitk.Image = sitk.Cast((out - _LOW) / (_HIGH - _LOW), sitk.sitkFloat32)
    return scaled


def refine_affine(target: sitk.Image, atlas: sitk.Image, start: sitk.AffineTransform) -> tuple[sitk.Transform, float]:
    """The affine map from points of `target` to points of `atlas` nearest to `start`, and its mean square difference.

    Both images as `compared` gives them.
    """
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMeanSquares()
    method.SetMetricSamplingStrategy(method.REGULAR)
    method.SetMetricSamplingPercentage(0.5)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsRegularStepGradientDescent(1.0, 1e-3, 80, relaxationFactor=0.6)
    method.SetOptimizerScalesFromPhysicalShift()
    transform = sitk.AffineTransform(start)
    method.SetInitialTransform(transform, inPlace=True)
    method.SetNumberOfThreads(1)  # sums in one order, so that the same image gives the same contours
    try:
        method.Execute(target, atlas)
    except RuntimeError:  # no overlap between the two from this start
        return sitk.AffineTransform(start), np.inf
    return transform, float(method.GetMetricValue())


def _best_affine(target: sitk.Image, atlas: sitk.Image) -> sitk.Transform:
    """The best of several starts along the patient, of whom any part may be imaged."""
    fixed, moving = compared(target, _COARSE_MM), compared(atlas, _COARSE_MM)
    body = sitk.GetArrayFromImage(fixed) > 0.2
    other = sitk.GetArrayFromImage(moving) > 0.2
    middle_fixed, middle_moving = _axis_point(fixed, body), _axis_point(moving, other)
    length = fixed.GetSize()[2] * _COARSE_MM
    span = abs(length - moving.GetSize()[2] * _COARSE_MM) / 2 + 60
    tried = []
    for shift in np.arange(-span, span + 1, 24.0):
        start = sitk.AffineTransform(3)
        start.SetCenter(middle_fixed)
        offset = np.array(middle_moving) - np.array(middle_fixed) + [0, 0, shift]
        start.SetTranslation([float(v) for v in offset])
        tried.append((_difference(fixed, moving, start), start))
    tried.sort(key=lambda pair: pair[0])
    refined = [refine_affine(fixed, moving, start) for _, start in tried[:3]]
    scored = [(_difference(fixed, moving, transform), index) for index, (transform, _) in enumerate(refined)]
    return refined[min(scored)[1]][0]


def _difference(fixed: sitk.Image, moving: sitk.Image, transform: sitk.Transform) -> float:
    """Mean square difference where both are imaged; little overlap counts against a start."""
    inside = sitk.Resample(moving * 0 + 1, fixed, transform, sitk.sitkNearestNeighbor, 0.0)
    valid = sitk.GetArrayViewFromImage(inside) > 0.5
    share = float(valid.mean())
    if share < 0.15:
        return float("inf")
    warped = sitk.Resample(moving, fixed, transform, sitk.sitkLinear, 0.0)
    square = (sitk.GetArrayFromImage(warped) - sitk.GetArrayFromImage(fixed)) ** 2
    return float(square[valid].mean() / min(share, 0.6))


def _axis_point(image: sitk.Image, body: NDArray[np.bool_]) -> list[float]:
    """Centre of the body in its planes, half-way along them, in the image's millimetres."""
    voxels = np.argwhere(body)
    if not len(voxels):
        voxels = np.array([np.array(body.shape) // 2])
    row, column = voxels[:, 1].mean(), voxels[:, 2].mean()
    point: list[float] = list(
        image.TransformContinuousIndexToPhysicalPoint([float(column), float(row), (body.shape[0] - 1) / 2])
    )
    return point


class _Watch:
    """Lets a registration be stopped between its iterations; an exception must not pass through the filter itself."""

    def __init__(self, method: sitk.FastSymmetricForcesDemonsRegistrationFilter, progress: Progress, edge: float):
        self.method, self.progress, self.edge = method, progress, edge
        self.stopped: CancelledError | None = None
        method.AddCommand(sitk.sitkIterationEvent, self.look)

    def look(self) -> None:
        """Ask whether to go on."""
        try:
            self.progress(0.5, f"Deforming the atlas, to {self.edge:g} mm")
        except CancelledError as stop:
            self.stopped = stop
            self.method.Abort()


def deform(
    target: sitk.Image,
    atlas: sitk.Image,
    affine: sitk.Transform,
    iterations: tuple[int, ...],
    *,
    levels_mm: tuple[float, ...] = _LEVELS_MM,
    progress: Progress = silent,
) -> sitk.Transform:
    """The map from points of `target` to points of `atlas` (both HU): a displacement field behind the affine part.

    `iterations` are those of the levels from the coarsest on; levels without any are left out.
    """
    field = None
    for count, edge in zip(iterations, levels_mm, strict=False):
        fixed = compared(target, edge)
        moving_full = compared(atlas, edge)
        moving = sitk.Resample(moving_full, fixed, affine, sitk.sitkLinear, 0.0)
        inside = sitk.Resample(moving_full * 0 + 1, fixed, affine, sitk.sitkNearestNeighbor, 0.0, sitk.sitkFloat32)
        # Where the atlas was not imaged nothing is known, so nothing must pull.
        moving = inside * (moving - fixed) + fixed
        demons = sitk.FastSymmetricForcesDemonsRegistrationFilter()
        demons.SetNumberOfIterations(int(count))
        demons.SetSmoothDisplacementField(True)
        demons.SetStandardDeviations(1.5)
        watch = _Watch(demons, progress, edge)
        start: list[sitk.Image] = (
            [] if field is None else [sitk.Resample(field, fixed, sitk.Transform(), sitk.sitkLinear, 0.0)]
        )
        try:
            field = demons.Execute(fixed, moving, *start)
        except RuntimeError:
            if watch.stopped is not None:
                raise watch.stopped from None
            raise
    if field is None:
        return affine
    both = sitk.CompositeTransform(3)
    both.AddTransform(affine)
    both.AddTransform(sitk.DisplacementFieldTransform(sitk.Cast(field, sitk.sitkVectorFloat64)))
    return both
