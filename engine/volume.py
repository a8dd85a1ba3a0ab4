"""Image volumes and their geometry, in LPS millimetres, with the planes as they were acquired.

Frames, and how names tell them apart:

- `*_lps`: millimetres in the DICOM patient frame (x to the patient's Left, y Posterior, z Superior).
- `*_plane`: `(u, v)` millimetres within a plane; u along a row (rising column index), v along a column
  (rising row index), both from the centre of the plane's first voxel.
- `*_kji`: array index `[plane, row, column]`, fractional values allowed; whole numbers are voxel centres.

A picture lies in no patient: its planes are frames or pages, one apart, and its "millimetres" are those of the picture
itself, or pixels where it says nothing of its size. `Geometry.picture` makes such a geometry, and `Geometry.unit` says
what its lengths are in; whatever shows or writes a length asks it.
"""

from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import GeometryError
from engine.stored_grid import StoredGrid

FloatArray = NDArray[np.float64]
#: Values of voxels on their way through a network.
Float32Array = NDArray[np.float32]

#: Units of a volume in colour.
COLOUR = "rgb"

#: Planes count as evenly spaced and untilted when no voxel centre moves by more than this (mm) on the ideal grid.
REGULARITY_TOLERANCE_MM = 0.01

#: Axes of a file count as perpendicular when no component of a unit vector is farther than this from those that are.
PERPENDICULAR_WITHIN = 1e-3


@dataclass(frozen=True, eq=False)
class Geometry:
    """Where the voxel centres of a stack of parallel planes are.

    Args:
        origins_lps: (planes, 3) centre of the first voxel of each plane, mm, ordered by rising position along
            `normal`.
        row_direction: unit vector along a row, the direction of rising column index (first three values of
            ImageOrientationPatient).
        column_direction: unit vector along a column, the direction of rising row index (last three values).
        spacing_uv: (mm between columns, mm between rows). DICOM's PixelSpacing is the other way round.
        shape: (planes, rows, columns).
        slice_thickness: mm; used for the thickness of the plane where there is only one.
        in_patient: whether the planes are places in a patient; those of a picture are frames or pages, without a
            thickness.
        unit: what lengths in a plane are in; "px" only in pictures.
        measured: where the millimetres of a picture hold, such as "at the detector"; "" where they simply hold.
        stored: how a single file holds them; None where they are of no such file, as those of a DICOM series.
    """

    origins_lps: FloatArray
    row_direction: FloatArray
    column_direction: FloatArray
    spacing_uv: tuple[float, float]
    shape: tuple[int, int, int]
    slice_thickness: float = 1.0
    in_patient: bool = True
    unit: Literal["mm", "px"] = "mm"
    measured: str = ""
    stored: StoredGrid | None = None

    def __post_init__(self) -> None:
        origins = np.ascontiguousarray(self.origins_lps, dtype=np.float64)
        row = np.asarray(self.row_direction, dtype=np.float64)
        column = np.asarray(self.column_direction, dtype=np.float64)
        if origins.shape != (self.shape[0], 3) or self.shape[0] < 1:
            raise GeometryError(f"{self.shape[0]} planes need as many positions, but {origins.shape} were given.")
        if not (np.isfinite(origins).all() and np.isfinite(row).all() and np.isfinite(column).all()):
            raise GeometryError("A position or direction of the image is not a finite number.")
        lengths_off = abs(np.linalg.norm(row) - 1) > 1e-3 or abs(np.linalg.norm(column) - 1) > 1e-3
        if lengths_off or abs(float(row @ column)) > 1e-3:
            raise GeometryError("The directions of the image's rows and columns are not perpendicular unit vectors.")
        if min(self.spacing_uv) <= 0 or not np.isfinite(self.spacing_uv).all():
            raise GeometryError(f"The pixel spacing {self.spacing_uv} mm is not positive.")
        row = row / np.linalg.norm(row)
        column = column / np.linalg.norm(column)
        for array in (origins, row, column):
            array.setflags(write=False)
        object.__setattr__(self, "origins_lps", origins)
        object.__setattr__(self, "row_direction", row)
        object.__setattr__(self, "column_direction", column)
        steps = np.diff(self.positions)
        if len(steps) and steps.min() <= 0:
            raise GeometryError("The planes are not in order of rising position along their normal.")

    @classmethod
    def regular(
        cls, origin_lps: ArrayLike, directions: ArrayLike, spacing: ArrayLike, shape: tuple[int, int, int]
    ) -> "Geometry":
        """A rectangular grid.

        Args:
            origin_lps: (3,) centre of voxel [0, 0, 0], mm.
            directions: (3, 3) columns are the unit vectors of rising column, row and plane index (SimpleITK's order);
                the third must be the cross product of the first two.
            spacing: (3,) mm along columns, rows and planes (SimpleITK's order x, y, z).
            shape: (planes, rows, columns).

        Raises:
            GeometryError: the directions are left-handed or not perpendicular.
        """
        axes = np.asarray(directions, dtype=np.float64)
        step = np.asarray(spacing, dtype=np.float64)
        if float(np.cross(axes[:, 0], axes[:, 1]) @ axes[:, 2]) < 0.999:
            raise GeometryError("The directions of the image's axes are not a right-handed perpendicular set.")
        origins = np.asarray(origin_lps, dtype=np.float64) + np.outer(np.arange(shape[0]) * step[2], axes[:, 2])
        return cls(origins, axes[:, 0], axes[:, 1], (float(step[0]), float(step[1])), shape, float(step[2]))

    @classmethod
    def picture(
        cls, shape: tuple[int, int, int], spacing_uv: tuple[float, float] | None = None, measured: str = ""
    ) -> "Geometry":
        """The geometry of a picture or of its frames: rows to the right, columns down, frames one apart.

        Args:
            shape: (frames, rows, columns).
            spacing_uv: (mm between columns, mm between rows); None where it is not known: then lengths are in pixels.
            measured: where the millimetres hold.
        """
        origins = np.zeros((shape[0], 3))
        origins[:, 2] = np.arange(shape[0])
        return cls(
            origins, np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), spacing_uv or (1.0, 1.0), shape,
            in_patient=False, unit="px" if spacing_uv is None else "mm", measured=measured,
        )  # fmt: skip

    @property
    def size_unit(self) -> str:
        """What the size of a structure is in: a volume in a patient, else the area in all frames."""
        return "cm³" if self.in_patient else f"{self.unit}²"

    @cached_property
    def normal(self) -> FloatArray:
        """(3,) unit vector: row direction × column direction; planes are sorted along it."""
        return np.asarray(np.cross(self.row_direction, self.column_direction), dtype=np.float64)

    @cached_property
    def positions(self) -> FloatArray:
        """(planes,) mm of each plane along the normal, rising."""
        return np.asarray(self.origins_lps @ self.normal, dtype=np.float64)

    @cached_property
    def plane_spacing(self) -> float:
        """Median mm between neighbouring planes along the normal; the slice thickness where there is one plane."""
        if self.shape[0] == 1:
            return float(self.slice_thickness)
        return float(np.median(np.diff(self.positions)))

    @cached_property
    def plane_thickness(self) -> FloatArray:
        """(planes,) mm of tissue that each plane stands for: half-way to its neighbours, mirrored at the ends."""
        if self.shape[0] == 1:
            return np.array([self.slice_thickness], dtype=np.float64)
        gaps = np.diff(self.positions)
        return np.asarray((np.append(gaps, gaps[-1]) + np.insert(gaps, 0, gaps[0])) / 2, dtype=np.float64)

    @cached_property
    def is_regular(self) -> bool:
        """True when the planes are evenly spaced and not sheared, so that the voxels form a rectangular grid."""
        ideal = self.origins_lps[0] + np.outer(np.arange(self.shape[0]) * self.mean_spacing, self.normal)
        return bool(np.abs(self.origins_lps - ideal).max() <= REGULARITY_TOLERANCE_MM)

    @property
    def mean_spacing(self) -> float:
        """Mean mm between planes along the normal."""
        if self.shape[0] == 1:
            return float(self.slice_thickness)
        return float((self.positions[-1] - self.positions[0]) / (self.shape[0] - 1))

    @property
    def spacing_xyz(self) -> tuple[float, float, float]:
        """(column, row, plane) spacing in mm, in SimpleITK's order."""
        return (*self.spacing_uv, self.mean_spacing)

    @cached_property
    def directions(self) -> FloatArray:
        """(3, 3) columns are the row direction, column direction and normal (SimpleITK's direction matrix)."""
        return np.stack([self.row_direction, self.column_direction, self.normal], axis=1)

    def lps_from_plane(self, plane: int, points_plane: ArrayLike) -> FloatArray:
        """(n, 2) `(u, v)` mm on plane index `plane` → (n, 3) LPS mm."""
        uv = np.atleast_2d(np.asarray(points_plane, dtype=np.float64))
        return np.asarray(
            self.origins_lps[plane] + uv[:, :1] * self.row_direction + uv[:, 1:] * self.column_direction,
            dtype=np.float64,
        )

    def plane_from_lps(self, plane: int, points_lps: ArrayLike) -> FloatArray:
        """(n, 3) LPS mm → (n, 2) `(u, v)` mm, projected along the normal onto plane index `plane`."""
        offset = np.atleast_2d(np.asarray(points_lps, dtype=np.float64)) - self.origins_lps[plane]
        return np.stack([offset @ self.row_direction, offset @ self.column_direction], axis=1)

    def nearest_plane(self, point_lps: ArrayLike) -> int:
        """Index of the plane nearest to a (3,) LPS point along the normal."""
        return int(np.abs(self.positions - float(np.asarray(point_lps, dtype=np.float64) @ self.normal)).argmin())

    def lps_from_kji(self, index_kji: ArrayLike) -> FloatArray:
        """(n, 3) fractional [plane, row, column] → (n, 3) LPS mm; planes are interpolated and extrapolated."""
        index = np.atleast_2d(np.asarray(index_kji, dtype=np.float64))
        if self.shape[0] == 1:
            origin = self.origins_lps[0] + np.outer(index[:, 0] * self.slice_thickness, self.normal)
        else:
            lower = np.clip(np.floor(index[:, 0]).astype(int), 0, self.shape[0] - 2)
            step = self.origins_lps[lower + 1] - self.origins_lps[lower]
            origin = self.origins_lps[lower] + (index[:, 0] - lower)[:, None] * step
        u = index[:, 2:3] * self.spacing_uv[0]
        v = index[:, 1:2] * self.spacing_uv[1]
        return np.asarray(origin + u * self.row_direction + v * self.column_direction, dtype=np.float64)

    def kji_from_lps(self, points_lps: ArrayLike) -> FloatArray:
        """(n, 3) LPS mm → (n, 3) fractional [plane, row, column]; the inverse of `lps_from_kji`."""
        points = np.atleast_2d(np.asarray(points_lps, dtype=np.float64))
        position = points @ self.normal
        if self.shape[0] == 1:
            k = (position - self.positions[0]) / self.slice_thickness
            origin = self.origins_lps[0] + np.outer(position - self.positions[0], self.normal)
        else:
            lower = np.clip(np.searchsorted(self.positions, position) - 1, 0, self.shape[0] - 2)
            gap = self.positions[lower + 1] - self.positions[lower]
            fraction = (position - self.positions[lower]) / gap
            k = lower + fraction
            origin = self.origins_lps[lower] + fraction[:, None] * (
                self.origins_lps[lower + 1] - self.origins_lps[lower]
            )
        offset = points - origin
        j = offset @ self.column_direction / self.spacing_uv[1]
        i = offset @ self.row_direction / self.spacing_uv[0]
        return np.stack([k, j, i], axis=1)

    def same_grid(self, other: "Geometry", tolerance_mm: float = 0.01) -> bool:
        """True when both have the same shape and no voxel centre differs by more than the tolerance (mm)."""
        if self.shape != other.shape:
            return False
        last = (self.shape[0] - 1, self.shape[1] - 1, self.shape[2] - 1)
        corners = [(k, j, i) for k in {0, last[0]} for j in {0, last[1]} for i in {0, last[2]}]
        apart = np.abs(self.lps_from_kji(corners) - other.lps_from_kji(corners)).max()
        return bool(apart <= tolerance_mm and np.abs(self.origins_lps - other.origins_lps).max() <= tolerance_mm)


def right_handed(
    values: NDArray[Any], origin_lps: ArrayLike, directions: ArrayLike, spacing: ArrayLike
) -> tuple[NDArray[Any], Geometry]:
    """Values of a file and their grid, turned round along the third axis where the axes are left-handed.

    So planes rise along row × column, as `Geometry` wants it, which remembers that; no voxel moves in space. Axes that
    are perpendicular but for the rounding of a file (32-bit numbers) are made so exactly.

    Args:
        values: (planes, rows, columns); what comes back is a view of them.
        origin_lps: (3,) centre of voxel [0, 0, 0], mm.
        directions: (3, 3) columns are the unit vectors of rising column, row and plane index.
        spacing: (3,) mm along columns, rows and planes.

    Raises:
        GeometryError: the axes are not perpendicular, or a number is not finite or not positive.
    """
    given, origin = np.asarray(directions, dtype=np.float64), np.asarray(origin_lps, dtype=np.float64)
    step = np.asarray(spacing, dtype=np.float64)
    if not (np.isfinite(given).all() and np.isfinite(origin).all() and np.isfinite(step).all() and (step > 0).all()):
        raise GeometryError("the place of its grid in the patient is not given by finite, positive numbers.")
    left, _, right = np.linalg.svd(given)
    axes = left @ right
    if np.abs(axes - given).max() > PERPENDICULAR_WITHIN:
        raise GeometryError("the axes of its grid are not perpendicular; resample it first.")
    stored = StoredGrid.of(origin, given, step, bool(np.linalg.det(axes) < 0))
    if stored.planes_fall:
        origin = origin + axes[:, 2] * step[2] * (values.shape[0] - 1)
        axes = axes * np.array([1, 1, -1])
        values = values[::-1]
    planes, rows, columns = values.shape
    return values, replace(Geometry.regular(origin, axes, step, (planes, rows, columns)), stored=stored)


@dataclass(frozen=True)
class Instance:
    """Which stored image (and frame of it) a plane came from."""

    sop_class_uid: str
    sop_instance_uid: str
    frame_number: int | None = None


@dataclass(frozen=True)
class SeriesInfo:
    """What identifies a series. Patient values go to the screen and to DICOM, never to a log."""

    series_uid: str = ""
    study_uid: str = ""
    frame_of_reference_uid: str = ""
    modality: str = ""
    description: str = ""
    series_number: str = ""
    study_description: str = ""
    study_date: str = ""
    study_time: str = ""
    study_id: str = ""
    accession_number: str = ""
    patient_name: str = ""
    patient_id: str = ""
    patient_birth_date: str = ""
    patient_sex: str = ""
    referring_physician: str = ""
    source: str = ""
    attributes: dict[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A part of what was asked for that is not in what was opened.

    Args:
        kind: "phases" or "volumes" (others of the same series), "parts", "unplaced" or "damaged" planes, "absent"
            files of a DICOMDIR, "series" (of other UIDs), or "patients" (planes of this UID under other patient IDs).
        planes: how many; for damaged files, the files.
        files: where they are.
        sentence: for the user.
    """

    kind: str
    planes: int
    files: tuple[Path, ...]
    sentence: str

    def told(self) -> dict[str, Any]:
        """As JSON has it."""
        return {
            "kind": self.kind,
            "planes": self.planes,
            "files": [str(file) for file in self.files],
            "sentence": self.sentence,
        }


@dataclass(frozen=True, eq=False)
class Volume:
    """Voxels with their geometry and meaning.

    Args:
        voxels: (planes, rows, columns) in `units`; int16 where the values are whole numbers that fit, else float32. Of
            pictures also uint8 or uint16; in colour, where `units` is "rgb", uint8 (planes, rows, columns, 3).
        geometry: the planes as acquired. A tilted or uneven series keeps its real planes here.
        modality: "CT", "MR", "PT" or another DICOM modality; "" for files that don't say.
        units: "HU", "SUVbw", or what the file says ("" where unknown).
        info: identity of the series.
        instances: one per plane for DICOM series; empty for other files.
        notes: plain sentences that the user must see (resampled display, missing tags, ...).
        left_out: parts of the series that are not in it; their sentences are among the notes.
        other_units: in which the file can give the values as well.
        unmeasured: (planes, rows, columns) where the file gives no number; None where it gives one everywhere.
    """

    voxels: NDArray[Any]
    geometry: Geometry
    modality: str = ""
    units: str = ""
    info: SeriesInfo = field(default_factory=SeriesInfo)
    instances: tuple[Instance, ...] = ()
    notes: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    other_units: tuple[str, ...] = ()
    unmeasured: NDArray[np.bool_] | None = None

    def __post_init__(self) -> None:
        wanted = (*self.geometry.shape, 3) if self.is_colour else self.geometry.shape
        if self.voxels.shape != wanted:
            raise GeometryError(f"Voxels {self.voxels.shape} do not fit the geometry {self.geometry.shape}.")

    @property
    def is_colour(self) -> bool:
        """Whether each voxel has red, green and blue."""
        return self.units == COLOUR

    def grey(self, voxels: NDArray[Any]) -> NDArray[Any]:
        """Some of the voxels with one value each: as they are, or of colours the mean of red, green and blue."""
        return np.asarray(voxels.mean(axis=-1)) if self.is_colour else voxels

    def is_measured(self, index_kji: NDArray[np.int64]) -> NDArray[np.bool_]:
        """(n,) whether the file gives a number for the voxels at (n, 3) [plane, row, column]."""
        if self.unmeasured is None:
            return np.ones(len(index_kji), dtype=bool)
        measured: NDArray[np.bool_] = ~self.unmeasured[tuple(index_kji.T)]
        return measured

    @cached_property
    def span(self) -> tuple[float, float]:
        """The least and the greatest value."""
        return float(self.voxels.min()), float(self.voxels.max())
