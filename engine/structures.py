"""Structures: polygons with holes on the planes of an image. The contour is the truth; masks are derived from it.

Everything here is an immutable value. An edit makes a new `PlaneContours` for each plane that it touches and a new
`Roi` around it, so planes that nobody touched stay the same objects, and undo is the old object.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Any

from shapely import MultiPolygon

from engine.volume import Geometry

EMPTY = MultiPolygon()


class Generation(StrEnum):
    """DICOM's ROIGenerationAlgorithm: who drew a structure."""

    AUTOMATIC = "AUTOMATIC"
    SEMIAUTOMATIC = "SEMIAUTOMATIC"
    MANUAL = "MANUAL"
    UNKNOWN = ""


@dataclass(frozen=True)
class RawContour:
    """One contour exactly as a file gave it.

    Args:
        data: the text of Contour Data, backslash-separated decimal strings, untouched.
        geometric_type: DICOM's Contour Geometric Type, such as "CLOSED_PLANAR" or "POINT".
        number: Contour Number where the file has one.
        image_uids: (SOP class UID, SOP instance UID, frame or None) of each Contour Image Sequence item.
        attachments: other elements of the item that must survive a rewrite, as pydicom JSON.
    """

    data: str
    geometric_type: str = "CLOSED_PLANAR"
    number: int | None = None
    image_uids: tuple[tuple[str, str, int | None], ...] = ()
    attachments: str = ""


@dataclass(frozen=True, eq=False)
class PlaneContours:
    """The area of a structure on one plane.

    Args:
        area: valid polygons with holes, `(u, v)` mm in the plane's frame; never overlapping.
        source: the contours of the file that it was read from, in order, when nobody has touched the plane since;
            export writes them back bit for bit.
    """

    area: MultiPolygon
    source: tuple[RawContour, ...] = ()


class ReviewState(StrEnum):
    """How far the review of a structure has come."""

    UNREVIEWED = "unreviewed"
    REVIEWED = "reviewed"
    APPROVED = "approved"


@dataclass(frozen=True)
class Review:
    """That a person looked at a structure as it is, or signed it.

    Args:
        state: an edit makes it unreviewed; what is approved can't be edited.
        reviewer: name of the person, as typed or as a file has it.
        date, time: of the review, YYYYMMDD and HHMMSS local time, as DICOM writes them.
    """

    state: ReviewState = ReviewState.UNREVIEWED
    reviewer: str = ""
    date: str = ""
    time: str = ""

    def __str__(self) -> str:
        return _signed(self.state.value, self.reviewer, self.date, self.time)


@dataclass(frozen=True)
class Provenance:
    """Who or what drew a structure, and who reviewed it since: for the screen, the journal and DICOM's attributes.

    `reopened` is the approval that was taken back, until another is given; `abstained` is why the model that drew it
    gives no opinion on the image, "" where it does.
    """

    generation: Generation = Generation.MANUAL
    description: str = ""
    algorithm: str = ""
    version: str = ""
    weights_sha256: str = ""
    edited: bool = False
    review: Review = Review()
    reopened: Review = Review()
    abstained: str = ""


@dataclass(frozen=True)
class RecipeStep:
    """One operation of a recipe.

    Args:
        operation: its name in the table of operations.
        values: (key, number) of its parameters.
        other: ROI number of the second structure; None where there is none.
        text: for people: "Crop away from Skin, 3 mm".
    """

    operation: str
    values: tuple[tuple[str, float], ...] = ()
    other: int | None = None
    text: str = ""


@dataclass(frozen=True)
class Recipe:
    """How a structure is derived from others, so that it can be renewed when they change.

    Args:
        source: ROI number of the structure that the first step works on.
        source_name: its name then, for the text.
        steps: one after the other, at least one.
        made_from: fingerprint of what the sources were; see `engine.recipes`.
    """

    source: int
    source_name: str
    steps: tuple[RecipeStep, ...]
    made_from: str

    def __str__(self) -> str:
        return f"{self.source_name}: {'; '.join(step.text for step in self.steps)}"


@dataclass(frozen=True)
class Code:
    """A coded concept: (value, scheme, meaning)."""

    value: str
    scheme: str
    meaning: str


@dataclass(frozen=True, eq=False)
class Roi:
    """One structure.

    Args:
        number: ROI Number, unique within the set and stable across edits and export.
        planes: plane index of the image → its contours. A plane that is absent is empty.
        loose: contours that are no areas (POINT, OPEN_PLANAR) or lie off the image planes: kept as they were written
            and written back, not drawn as areas. `engine.loose` tells where to show them.
        roi_type: RT ROI Interpreted Type, such as "ORGAN", "PTV", "EXTERNAL"; "" where unknown.
        uid: stable UID of the ROI's observation across re-export, "" until first written.
        attachments: other elements of the file's ROI items that must survive a rewrite, as pydicom JSON.
        expected_edit: plane index → mm² that are expected to be wrong, for ROIs drawn by a model as it drew them; a
            plane may be named on which it drew nothing, and perhaps missed something.
        recipe: how it is derived from other structures; None where it is not.
    """

    number: int
    name: str
    colour: tuple[int, int, int] = (255, 204, 0)
    roi_type: str = "ORGAN"
    planes: Mapping[int, PlaneContours] = field(default_factory=dict)
    loose: tuple[RawContour, ...] = ()
    provenance: Provenance = Provenance()
    code: Code | None = None
    visible: bool = True
    locked: bool = False
    uid: str = ""
    attachments: str = ""
    expected_edit: Mapping[int, float] = field(default_factory=dict)
    recipe: Recipe | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "planes", MappingProxyType(dict(self.planes)))
        object.__setattr__(self, "expected_edit", MappingProxyType(dict(self.expected_edit)))

    def __reduce__(self) -> tuple[Any, ...]:
        """As plain fields: the read-only mappings can't be pickled themselves."""
        values = (getattr(self, own.name) for own in fields(self))
        return Roi, tuple(dict(value) if isinstance(value, MappingProxyType) else value for value in values)

    @property
    def without_opinion(self) -> bool:
        """Whether a model that gives no opinion on the image drew it, and no person has taken it on since."""
        was = self.provenance
        return bool(was.abstained) and not was.edited and was.review.state is ReviewState.UNREVIEWED

    def area(self, plane: int) -> MultiPolygon:
        """The polygons on plane index `plane`, `(u, v)` mm; empty where there are none."""
        contours = self.planes.get(plane)
        return contours.area if contours is not None else EMPTY

    def with_areas(self, areas: Mapping[int, MultiPolygon]) -> "Roi":
        """This ROI with the given planes redrawn; an empty area clears its plane.

        Other planes stay the same objects.
        """
        return self.with_planes({k: PlaneContours(area) for k, area in areas.items()})

    def with_planes(self, changed: Mapping[int, PlaneContours | None]) -> "Roi":
        """This ROI with the given planes replaced; `None` or an empty area without source clears its plane."""
        planes = dict(self.planes)
        for plane, contours in changed.items():
            if contours is None or (contours.area.is_empty and not contours.source):
                planes.pop(plane, None)
            else:
                planes[plane] = contours
        return replace(self, planes=dict(sorted(planes.items())))

    def volume_cm3(self, geometry: Geometry) -> float:
        """Sum of polygon area × plane thickness, cm³."""
        thickness = geometry.plane_thickness
        return float(sum(contours.area.area * thickness[k] for k, contours in self.planes.items())) / 1000.0

    def size(self, geometry: Geometry) -> float:
        """How large it is, in `geometry.size_unit`: its volume, or on a picture the area in all frames."""
        if geometry.in_patient:
            return self.volume_cm3(geometry)
        return float(sum(contours.area.area for contours in self.planes.values()))

    @property
    def is_empty(self) -> bool:
        """True when no plane has an area."""
        return all(contours.area.is_empty for contours in self.planes.values())


@dataclass(frozen=True)
class Approval:
    """What the file that structures were read from says of their review.

    Args:
        status: Approval Status: "APPROVED", "UNAPPROVED" or "REJECTED"; "" where it says nothing.
        reviewer: name of the person, as the file has it.
        date, time: of the review, YYYYMMDD and HHMMSS.
    """

    status: str = ""
    reviewer: str = ""
    date: str = ""
    time: str = ""

    @classmethod
    def of(cls, rois: Sequence[Roi]) -> "Approval":
        """What a file with these structures says: approved where each of them is, by who signed last."""
        reviews = [roi.provenance.review for roi in rois]
        if not reviews or any(review.state is not ReviewState.APPROVED for review in reviews):
            return cls("UNAPPROVED")
        last = max(reviews, key=lambda review: (review.date, review.time))
        return cls("APPROVED", last.reviewer, last.date, last.time)

    @property
    def is_decided(self) -> bool:
        """True where somebody approved or rejected the structures."""
        return self.status in ("APPROVED", "REJECTED")

    def __str__(self) -> str:
        return _signed(self.status.lower() or "not reviewed", self.reviewer, self.date)


def _signed(state: str, reviewer: str, date: str, time: str = "") -> str:
    """In words: "approved by Doe Jane on 2024-01-31 at 12:00"."""
    by = f" by {' '.join(reviewer.replace('^', ' ').split())}" if reviewer.strip("^ ") else ""
    day = f" on {date[:4]}-{date[4:6]}-{date[6:]}" if len(date) == 8 else ""
    hour = f" at {time[:2]}:{time[2:4]}" if day and len(time) >= 4 else ""
    return f"{state}{by}{day}{hour}"


@dataclass(frozen=True, eq=False)
class StructureSet:
    """Structures on one image series.

    Args:
        geometry: of the series that the plane indices refer to.
        rois: in order of display; numbers are unique.
        sop_instance_uid: of the file that it was read from, else "".
        label, description: Structure Set Label and Description.
        notes: plain sentences about what was found when reading, for the user.
        attachments: other elements of the file that must survive a rewrite, as pydicom JSON.
        elsewhere: structures of the file in another frame of reference: never drawn or measured here, written back as
            they were read. Their numbers are none of `rois`.
        approval: of the file that was read; what is written is approved where each of its structures is.
    """

    geometry: Geometry
    rois: tuple[Roi, ...] = ()
    label: str = ""
    description: str = ""
    sop_instance_uid: str = ""
    notes: tuple[str, ...] = ()
    attachments: str = ""
    elsewhere: tuple[Roi, ...] = ()
    approval: Approval = Approval()

    def __getitem__(self, number: int) -> Roi:
        """The ROI with this number. Raises KeyError where there is none."""
        for roi in self.rois:
            if roi.number == number:
                return roi
        raise KeyError(number)

    def __contains__(self, number: int) -> bool:
        return any(roi.number == number for roi in self.rois)

    def with_roi(self, roi: Roi) -> "StructureSet":
        """This set with `roi` in place of the one with its number, or appended."""
        if roi.number in self:
            return replace(self, rois=tuple(roi if old.number == roi.number else old for old in self.rois))
        return replace(self, rois=(*self.rois, roi))

    def without(self, numbers: Iterable[int]) -> "StructureSet":
        """This set without the ROIs of these numbers."""
        gone = set(numbers)
        return replace(self, rois=tuple(roi for roi in self.rois if roi.number not in gone))

    def next_number(self) -> int:
        """The smallest ROI number above all that are in use."""
        return max((roi.number for roi in (*self.rois, *self.elsewhere)), default=0) + 1
