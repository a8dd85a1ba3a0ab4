"""The averaged patient: many head-and-neck CTs brought into one shape, and where their organs lie in it.

`python -m engine.training.atlas --data DIR -o FOLDER` writes `average.nii.gz` (HU, the built-in study), and the files
of an atlas card: `atlas/average.nii.gz` (coarser) and `atlas/probabilities.nii.gz` (one component an organ, 0..255).
Each voxel of the average is the median over many people whose anatomy was moved by registration, so it shows nobody.
"""

from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from engine.errors import ReadError
from engine.inference.atlas import compared, deform, refine_affine
from engine.training.case import Case
from engine.training.nnunet_set import DataSet

#: HU of what nobody was imaged at, and of the air outside.
_AIR = -1000.0
#: Fewest of the patients that must have been imaged at a voxel for it to count.
_LEAST_SHARE = 0.4
_COARSE_MM = 6.0
_ORGAN_MM = 2.5
_ATLAS_MM = 3.0


@dataclass(frozen=True, eq=False)
class AtlasPatient:
    """One case as images at a common origin: `image` in HU, `labels` from 1, `contoured` a structure."""

    name: str
    image: sitk.Image
    labels: sitk.Image
    contoured: NDArray[np.bool_]
    centres: dict[int, NDArray[np.float64]]


def suitable(case: Case) -> float:
    """How well a case suits the average: 0 for not at all, else higher for more organs and less metal.

    It must show the shoulders, reach from the skull to the chest, and have little metal.
    """
    body = case.image > -500
    extent = [np.ptp(np.flatnonzero(body.any(axis=axes))) + 1 for axes in ((1, 2), (0, 2), (0, 1))]
    planes_mm, _, width_mm = (float(n * s) for n, s in zip(extent, case.spacing, strict=True))
    metal_cm3 = float((case.image > 2200).sum()) * float(np.prod(case.spacing)) / 1000
    if planes_mm < 250 or width_mm < 380 or metal_cm3 > 3 or case.contoured[:4].sum() < 4:
        return 0.0
    return float(case.contoured.sum()) - metal_cm3 / 3


def as_patient(case: Case) -> AtlasPatient:
    """The case as SimpleITK images, origin at zero, with the centre (x, y, z mm) of each of its structures."""
    spacing = case.spacing[::-1]
    image = sitk.GetImageFromArray(np.maximum(case.image, _AIR).astype(np.float32))
    labels = sitk.GetImageFromArray(case.labels)
    image.SetSpacing(spacing)
    labels.SetSpacing(spacing)
    centres = {value: voxels.mean(axis=0)[::-1] * spacing for value, voxels in case.voxels_of.items()}
    return AtlasPatient(case.name, image, labels, case.contoured, centres)


def similarity(points: NDArray[np.float64], images: NDArray[np.float64]) -> sitk.AffineTransform:
    """The rotation, uniform scale and shift that brings (n, 3) `points` nearest to `images` (Umeyama, 1991)."""
    a, b = points - points.mean(axis=0), images - images.mean(axis=0)
    u, singular, vt = np.linalg.svd(b.T @ a)
    sign = np.diag([1.0, 1.0, np.sign(np.linalg.det(u @ vt))])
    matrix = u @ sign @ vt * (singular @ np.diag(sign)) / (a**2).sum()
    transform = sitk.AffineTransform(3)
    transform.SetMatrix([float(v) for v in matrix.ravel()])
    transform.SetTranslation([float(v) for v in images.mean(axis=0) - matrix @ points.mean(axis=0)])
    return transform


def build(patients: list[AtlasPatient], reference: AtlasPatient, edge_mm: float) -> tuple[sitk.Image, list[sitk.Image]]:
    """The average image (HU, int16, `edge_mm`) and the organs' probabilities (0..1, 2.5 mm), in one space.

    Two rounds: to an affine average, then, deforming, to its sharper successor, each recentred so that the shape is
    that of the group and not of the reference.
    """
    grid = reference.image
    affine = _recentred_affine([_affine_to(reference, patient) for patient in patients])
    template = _combined(grid, patients, affine, 4.0, median=False)
    warps = [
        _deformed(template, patient, start, (40, 30), (12.0, 6.0))
        for patient, start in zip(patients, affine, strict=True)
    ]
    template = _combined(grid, patients, _recentred(template, warps), 3.5, median=True)
    final = []
    for index, (patient, start) in enumerate(zip(patients, affine, strict=True)):
        click.echo(f"{index + 1} of {len(patients)}: {patient.name}", err=True)
        final.append(_deformed(template, patient, start, (40, 40, 25), (12.0, 6.0, 3.5)))
    average = _combined(template, patients, final, edge_mm, median=True)
    organs = _organs(template, patients, final)
    return sitk.Cast(sitk.Round(average), sitk.sitkInt16), organs


def _affine_to(reference: AtlasPatient, patient: AtlasPatient) -> sitk.AffineTransform:
    common = [value for value in reference.centres if value in patient.centres]
    start = similarity(
        np.array([reference.centres[value] for value in common]), np.array([patient.centres[value] for value in common])
    )
    refined, _ = refine_affine(compared(reference.image, _COARSE_MM), compared(patient.image, _COARSE_MM), start)
    return sitk.AffineTransform(refined)


def _recentred_affine(transforms: list[sitk.AffineTransform]) -> list[sitk.Transform]:
    """The transforms behind the inverse of their mean, so that the average has the mean size and pose."""
    matrices = np.array([np.reshape(t.GetMatrix(), (3, 3)) for t in transforms])
    shifts = np.array([t.TransformPoint((0.0, 0.0, 0.0)) for t in transforms])
    inverse = np.linalg.inv(matrices.mean(axis=0))
    out: list[sitk.Transform] = []
    for matrix, shift in zip(matrices, shifts, strict=True):
        transform = sitk.AffineTransform(3)
        transform.SetMatrix([float(v) for v in (matrix @ inverse).ravel()])
        transform.SetTranslation([float(v) for v in shift - matrix @ inverse @ shifts.mean(axis=0)])
        out.append(transform)
    # Points are now those of the mean patient, whose images begin at the same corner as the grid of the reference.
    return out


def _deformed(
    template: sitk.Image,
    patient: AtlasPatient,
    affine: sitk.Transform,
    iterations: tuple[int, ...],
    levels: tuple[float, ...],
) -> sitk.Transform:
    return deform(template, patient.image, affine, iterations, levels_mm=levels)


def _recentred(template: sitk.Image, warps: list[sitk.Transform]) -> list[sitk.Transform]:
    """The warps behind the inverse of their mean displacement."""
    size = [max(round(n * s / 6.0), 2) for n, s in zip(template.GetSize(), template.GetSpacing(), strict=True)]
    total = np.zeros((*size[::-1], 3))
    for warp in warps:
        field = sitk.TransformToDisplacementField(
            sitk.CompositeTransform(warp).GetNthTransform(1), sitk.sitkVectorFloat64, size, template.GetOrigin(),
            [6.0] * 3, template.GetDirection(),
        )  # fmt: skip
        total += sitk.GetArrayFromImage(field)
    mean = sitk.GetImageFromArray(total / len(warps), isVector=True)
    mean.CopyInformation(field)
    inverse = sitk.InvertDisplacementField(mean, maximumNumberOfIterations=20)
    back = sitk.DisplacementFieldTransform(sitk.Cast(inverse, sitk.sitkVectorFloat64))
    return [sitk.CompositeTransform([warp, back]) for warp in warps]


def _grid(like: sitk.Image, edge_mm: float) -> sitk.Image:
    """An empty grid of cubic voxels over the field of `like`."""
    size = [int(np.ceil(n * s / edge_mm)) for n, s in zip(like.GetSize(), like.GetSpacing(), strict=True)]
    grid = sitk.Image(size, sitk.sitkUInt8)
    grid.SetSpacing([edge_mm] * 3)
    grid.SetOrigin(like.GetOrigin())
    return grid


def _combined(
    like: sitk.Image, patients: list[AtlasPatient], transforms: list[sitk.Transform], edge_mm: float, median: bool
) -> sitk.Image:
    """Mean or median over the patients who were imaged there, HU; air where too few were."""
    grid = _grid(like, edge_mm)
    stack = np.empty((len(patients), *grid.GetSize()[::-1]), np.int16)
    missing = np.iinfo(np.int16).max
    for index, (patient, transform) in enumerate(zip(patients, transforms, strict=True)):
        # A spline keeps edges that linear interpolation of 4 mm pixels would lose; the rest is clipped away.
        warped = sitk.Resample(patient.image, grid, transform, sitk.sitkBSpline3 if median else sitk.sitkLinear, 9999.0)
        values = sitk.GetArrayFromImage(warped)
        stack[index] = np.where(values > 9000, missing, np.clip(values, _AIR, 3000))
    stack.sort(axis=0)
    count = (stack != missing).sum(axis=0)
    last = np.maximum(count - 1, 0)
    if median:
        low = np.take_along_axis(stack, (last // 2)[None], axis=0)[0].astype(np.float32)
        high = np.take_along_axis(stack, ((last + 1) // 2)[None], axis=0)[0].astype(np.float32)
        values = (low + high) / 2
    else:
        values = np.where(stack == missing, 0, stack).sum(axis=0, dtype=np.float32) / np.maximum(count, 1)
    values[count < _LEAST_SHARE * len(patients)] = _AIR
    image = sitk.GetImageFromArray(values.astype(np.float32))
    image.CopyInformation(grid)
    return image


def _organs(like: sitk.Image, patients: list[AtlasPatient], transforms: list[sitk.Transform]) -> list[sitk.Image]:
    """For each structure the share of the patients with it contoured in whom it lies there."""
    grid = _grid(like, _ORGAN_MM)
    organs = []
    for index in range(len(patients[0].contoured)):
        having = [pair for pair in zip(patients, transforms, strict=True) if pair[0].contoured[index]]
        total = sitk.Cast(grid, sitk.sitkFloat32)
        for patient, transform in having:
            mask = sitk.Cast(patient.labels == index + 1, sitk.sitkFloat32)
            total = total + sitk.Resample(mask, grid, transform, sitk.sitkLinear, 0.0)
        organs.append(total / max(len(having), 1))
    return organs


def coarse(average: sitk.Image) -> sitk.Image:
    """The average on 3 mm voxels, which is as fine as registration looks."""
    blurred = sitk.SmoothingRecursiveGaussian(sitk.Cast(average, sitk.sitkFloat32), 0.4 * _ATLAS_MM)
    grid = _grid(average, _ATLAS_MM)
    resampled = sitk.Resample(blurred, grid, sitk.Transform(), sitk.sitkLinear, _AIR)
    rounded: sitk.Image = sitk.Cast(sitk.Round(resampled), sitk.sitkInt16)
    return rounded


def _write(image: sitk.Image, path: Path) -> None:
    sitk.WriteImage(image, str(path), useCompression=True, compressionLevel=9)


def _cut_to(average: sitk.Image, organs: list[sitk.Image]) -> tuple[sitk.Image, list[sitk.Image]]:
    """All of them within the box of the average that holds anything but air, the patient's origin at its middle."""
    body = sitk.GetArrayFromImage(average) > -500
    used = [np.flatnonzero(body.any(axis=axes)) for axes in ((0, 1), (0, 2), (1, 2))]
    if any(len(index) == 0 for index in used):
        raise ReadError("The average is empty: the registrations did not meet.")
    edge = average.GetSpacing()[0]
    margin = round(12 / edge)
    first = [max(int(index[0]) - margin * (axis < 2), 0) for axis, index in enumerate(used)]
    last = [min(int(i[-1]) + 1 + margin * (a < 2), average.GetSize()[a]) for a, i in enumerate(used)]
    cut = average[first[0] : last[0], first[1] : last[1], first[2] : last[2]]
    middle = np.array(cut.TransformContinuousIndexToPhysicalPoint([(n - 1) / 2 for n in cut.GetSize()]))
    out = []
    for image in [cut, *organs]:
        moved = sitk.Image(image)
        moved.SetOrigin([float(v) for v in np.array(image.GetOrigin()) - middle])
        out.append(moved)
    return out[0], out[1:]


@click.command()
@click.option("--data", type=click.Path(exists=True, path_type=Path), required=True, help="nnU-Net raw data set.")
@click.option("-o", "--output", type=click.Path(path_type=Path), required=True)
@click.option("--patients", "most", default=36, show_default=True, help="How many patients to average.")
@click.option("--edge", default=1.5, show_default=True, help="Edge of the average's voxels, mm.")
@click.option("--structures", default="Brainstem,SpinalCord,Parotid_R,Parotid_L,Esophagus,Larynx,Bone_Mandible")
def main(data: Path, output: Path, most: int, edge: float, structures: str) -> None:
    """Average the most suitable patients of a data set, and their organs."""
    # One thread, so that the sums inside the filters are taken in one order.
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    dataset = DataSet(data, structures.split(","))
    scored = []
    for name in dataset.names:
        case = dataset.read(name).cropped()
        if (score := suitable(case)) > 0:
            scored.append((score, name, case))
    if len(scored) < 2:
        raise ReadError(f"{data} has {len(scored)} suitable patients (skull to shoulders, no metal); 2 are the least.")
    scored.sort(key=lambda row: (-row[0], row[1]))
    patients = [as_patient(case) for _, _, case in scored[:most]]
    click.echo(f"{len(scored)} suitable, {len(patients)} used", err=True)
    # The reference only lends its grid and pose: the patient who was imaged over the greatest length.
    lengths = [p.image.GetSize()[2] * p.image.GetSpacing()[2] if len(p.centres) > 5 else 0 for p in patients]
    average, organs = build(patients, patients[int(np.argmax(lengths))], edge)
    average, organs = _cut_to(average, organs)
    (output / "atlas").mkdir(parents=True, exist_ok=True)
    _write(average, output / "average.nii.gz")
    _write(coarse(average), output / "atlas" / "average.nii.gz")
    maps = sitk.Compose([sitk.Cast(sitk.Round(organ * 255), sitk.sitkUInt8) for organ in organs])
    _write(maps, output / "atlas" / "probabilities.nii.gz")


if __name__ == "__main__":
    main()
