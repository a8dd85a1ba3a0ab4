"""Structures of other series of the same frame of reference, seen on the open one and changed on their own alone.

No Qt.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace

from engine.structures import Roi, StructureSet
from engine.volume import SeriesInfo, Volume


@dataclass(frozen=True, eq=False)
class Companion:
    """The structures of another series.

    Args:
        info: of that series.
        structures: on the planes of that series; which are visible is told for this use of them alone.
    """

    info: SeriesInfo
    structures: StructureSet

    @property
    def name(self) -> str:
        """What the series is called: "CT Thorax"."""
        return " ".join(part for part in (self.info.modality, self.info.description) if part) or "another series"

    @property
    def shown(self) -> tuple[Roi, ...]:
        """The structures that are visible."""
        return tuple(roi for roi in self.structures.rois if roi.visible)

    def with_visible(self, numbers: Iterable[int], visible: bool) -> "Companion":
        """The same with some structures shown or hidden."""
        chosen = set(numbers)
        rois = tuple(replace(roi, visible=visible) if roi.number in chosen else roi for roi in self.structures.rois)
        return replace(self, structures=replace(self.structures, rois=rois))


def companions_of(volume: Volume, others: Iterable[tuple[SeriesInfo, StructureSet]]) -> tuple[Companion, ...]:
    """The structures that can be seen on `volume`, of other series: same patient, same named frame of reference.

    Args:
        volume: the open series.
        others: identity and structures of each other series.
    """
    frame, patient = volume.info.frame_of_reference_uid, volume.info.patient_id
    return tuple(
        Companion(info, structures)
        for info, structures in others
        if frame and info.frame_of_reference_uid == frame and info.patient_id == patient and structures.rois
    )
