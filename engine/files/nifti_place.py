"""Where a NIfTI file lies in the patient.

A file says so up to three times: by the sform (an affine matrix), by the qform (a rotation), and by the voxel sizes
alone. The sform is taken where its code is at least the qform's; a file whose two forms disagree says so, and either
can be asked for.
"""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from engine.errors import GeometryError
from engine.volume import PERPENDICULAR_WITHIN, FloatArray, Geometry, right_handed

#: Which of the two forms places the grid; "" for the rule at the top of this module.
Placement = Literal["", "sform", "qform"]

#: The forms of a file agree when no voxel centre differs by more than this, mm.
SAME_PLACE_MM = 0.1
#: Voxel sizes of one file that differ by no more than this share agree.
SAME_SIZE_SHARE = 0.01


@dataclass(frozen=True)
class Place:
    """The place of a grid.

    Args:
        name: of the file, for messages.
        shape: (planes, rows, columns).
        forms: RAS mm from (i, j, k), for each form that can be used.
        placement: the form that the rule takes, "" where neither is there.
        voxel_mm: (3,) sizes of a voxel, as the header gives them beside the forms.
        remarks: sentences for the user.
    """

    name: str
    shape: tuple[int, int, int]
    forms: dict[Placement, FloatArray]
    placement: Placement
    voxel_mm: FloatArray
    remarks: tuple[str, ...]

    @property
    def apart_mm(self) -> float:
        """Largest distance between the places that the two forms give a voxel; 0 where there are not two."""
        if len(self.forms) < 2:
            return 0.0
        k, j, i = (n - 1 for n in self.shape)
        corners = np.array([(x, y, z, 1.0) for x in (0, i) for y in (0, j) for z in (0, k)])
        between = (self.forms["sform"] - self.forms["qform"])[:3]
        return float(np.linalg.norm(corners @ between.T, axis=1).max())

    @property
    def placements(self) -> tuple[Placement, ...]:
        """The forms to choose from, the one that is taken first; one or none where they agree."""
        if self.apart_mm <= SAME_PLACE_MM:
            return (self.placement,)
        return self.placement, _other(self.placement)

    def put(self, values: NDArray[Any], placement: Placement = "") -> tuple[NDArray[Any], Geometry]:
        """Values as stored, (planes, rows, columns), and their grid, turned to be right-handed.

        Raises:
            GeometryError: the form that was asked for is not there, or its axes are not perpendicular.
        """
        chosen = placement or self.placement
        if chosen and chosen not in self.forms:
            raise GeometryError(f"{self.name} has no {chosen} that could be used.")
        affine = self.forms[chosen] if chosen else np.diag([*self.voxel_mm, 1.0])
        if not chosen and not (self.voxel_mm > 0).all():
            raise GeometryError(f"{self.name}: it says neither how large its voxels are nor where they lie.")
        lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
        spacing = np.linalg.norm(lps[:3, :3], axis=0)
        try:
            turned, grid = right_handed(values, lps[:3, 3], lps[:3, :3] / spacing, spacing)
        except GeometryError as error:
            raise GeometryError(f"{self.name}: {error}") from error
        assert grid.stored is not None
        told = self.voxel_mm if _agree(spacing, self.voxel_mm) else spacing
        sizes = (float(told[0]), float(told[1]), float(told[2]))
        return turned, replace(grid, stored=replace(grid.stored, affine_ras=affine, spacing=sizes, placed=bool(chosen)))

    def notes(self, placement: Placement = "") -> tuple[str, ...]:
        """What there is to say about where the file lies in the patient."""
        chosen = placement or self.placement
        if not chosen:
            note = "The file does not say how it lies in the patient: left, right, front and back are not certain."
            return (note, *self.remarks)
        if self.apart_mm > SAME_PLACE_MM:
            note = (
                f"The file places its image twice, and the two places differ by up to {self.apart_mm:.1f} mm: "
                f"its {chosen} was taken; its {_other(chosen)} can be chosen in the study list, or by --affine "
                f"{_other(chosen)}."
            )
            return (note, *self.remarks)
        return self.remarks


def _other(placement: Placement) -> Placement:
    return "qform" if placement == "sform" else "sform"


def forms_of(
    raw: np.void, shape: tuple[int, int, int], sizes: FloatArray, unit: float, path: Path
) -> tuple[dict[Placement, FloatArray], Placement, list[str]]:
    """(RAS mm from (i, j, k) for each form that can be used, the one to take, notes).

    Args:
        raw: the header's fields.
        shape: (planes, rows, columns).
        sizes: (3,) of a voxel, mm.
        unit: mm in the file's unit of length.
        path: of the file.

    Raises:
        GeometryError: the file has forms, and none can be used.
    """
    codes: dict[Placement, int] = {"sform": int(raw["sform_code"]), "qform": int(raw["qform_code"])}
    forms: dict[Placement, FloatArray] = {}
    if codes["sform"] > 0:
        sform = np.vstack([np.array(raw["srow"], np.float64) * unit, [0, 0, 0, 1]])
        if shape[0] == 1 and np.isfinite(sform).all() and not sform[:3, 2].any():
            across = np.cross(sform[:3, 0], sform[:3, 1])
            sform[:3, 2] = across / (np.linalg.norm(across) or 1.0) * sizes[2]
        forms["sform"] = sform
    if codes["qform"] > 0:
        forms["qform"] = _qform(raw, sizes, unit)
    broken = {form: problem for form, affine in forms.items() if (problem := _problem(affine))}
    kept = {form: affine for form, affine in forms.items() if form not in broken}
    if broken and not kept:
        form, problem = next(iter(broken.items()))
        raise GeometryError(f"{path.name}: its {form} {problem}; resample it first, or correct its header.")
    notes = [f"The file's {form} {problem}: its {next(iter(kept))} was taken." for form, problem in broken.items()]
    if set(kept) == {"sform"}:
        notes += _size_notes(kept["sform"], sizes)
    if len(kept) == 2:
        return kept, "sform" if codes["sform"] >= codes["qform"] else "qform", notes
    return kept, next(iter(kept), ""), notes


def _agree(by_form: FloatArray, sizes: FloatArray) -> bool:
    """Whether sizes of voxels, those of a form and those that the header gives, differ by rounding at most."""
    given = np.isfinite(sizes).all() and (sizes > 0).all()
    return bool(given and np.abs(by_form / sizes - 1).max() <= SAME_SIZE_SHARE)


def _size_notes(sform: FloatArray, sizes: FloatArray) -> list[str]:
    """A note where the sform's voxels have another size than the header says, by which some programs go."""
    by_form = np.linalg.norm(sform[:3, :3], axis=0)
    if not (np.isfinite(sizes).all() and (sizes > 0).all()) or _agree(by_form, sizes):
        return []
    told = [" × ".join(f"{size:.4g}" for size in each) for each in (sizes, by_form)]
    return [f"The file gives its voxels as {told[0]} mm, and by its sform as {told[1]} mm, which was taken."]


def _problem(affine: FloatArray) -> str:
    """Why a form places no grid, "" where it does."""
    lengths = np.linalg.norm(affine[:3, :3], axis=0)
    if not (np.isfinite(affine).all() and (lengths > 0).all()):
        return "is damaged (it gives no place, or voxels without size)"
    axes = affine[:3, :3] / lengths
    if np.abs(axes.T @ axes - np.eye(3)).max() > PERPENDICULAR_WITHIN:
        return "has axes that are not perpendicular"
    return ""


def _qform(raw: np.void, sizes: FloatArray, unit: float) -> FloatArray:
    """The affine of the quaternion (b, c, d), the offset and the voxel sizes, with qfac for the third axis."""
    b, c, d = (float(value) for value in raw["quatern"])
    rest = 1.0 - (b * b + c * c + d * d)
    out = np.full((4, 4), np.nan)
    if not rest >= -1e-4:
        return out
    a = math.sqrt(max(rest, 0.0))
    b, c, d = (value / math.sqrt(max(1.0, 1.0 - rest)) for value in (b, c, d))
    rotation = np.array([
        [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
        [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
        [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
    ])  # fmt: skip
    out[:3, :3] = rotation * sizes * (1, 1, -1 if raw["pixdim"][0] < 0 else 1)
    out[:3, 3] = np.array(raw["qoffset"], np.float64) * unit
    out[3] = 0, 0, 0, 1
    return out
