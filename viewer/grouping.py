"""Into which groups the list of structures is divided: by what they are, or by who drew them. No Qt."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from engine.structures import Generation, Roi


@dataclass(frozen=True)
class Grouping:
    """A way to divide the list.

    Args:
        key: word that it is remembered by.
        title, tip: for people.
        order: names of its groups, in the order of the list.
        group_of: the name of the group of a structure.
    """

    key: str
    title: str
    tip: str
    order: tuple[str, ...] = ()
    group_of: Callable[[Roi], str] = lambda _: ""


@dataclass(frozen=True)
class Group:
    """One group: `rows` are places in the list that was divided."""

    name: str
    rows: tuple[int, ...]


#: RT ROI Interpreted Types (PS3.3 C.8.8.8) of a group.
_TYPES = {
    "Targets": ("GTV", "CTV", "PTV", "TREATED_VOLUME", "IRRAD_VOLUME"),
    "Organs": ("ORGAN",),
    "Body": ("EXTERNAL",),
    "Helpers": ("AVOIDANCE", "CONTROL", "DOSE_REGION", "BOLUS", "CAVITY", "CONTRAST_AGENT"),
    "Points and markers": ("MARKER", "ISOCENTER", "REGISTRATION", "DOSE_MEASUREMENT"),
    "Couch and fixation": ("SUPPORT", "FIXATION"),
    "Applicators": ("BRACHY_CHANNEL", "BRACHY_ACCESSORY", "BRACHY_SRC_APP", "BRACHY_CHNL_SHLD"),
}
_NO_TYPE = "Without a type"
_BY_TYPE = {roi_type: name for name, types in _TYPES.items() for roi_type in types}
_BY_SOURCE = {
    Generation.MANUAL: "By hand",
    Generation.SEMIAUTOMATIC: "By a model, edited",
    Generation.AUTOMATIC: "By a model",
    Generation.UNKNOWN: "Not said",
}

NO_GROUPS = Grouping("", "No groups", "One list")
GROUPINGS: tuple[Grouping, ...] = (
    NO_GROUPS,
    Grouping(
        "type", "Groups by type", "Targets, organs, helpers: by the RT ROI interpreted type, and groups of your own",
        (*_TYPES, _NO_TYPE), lambda roi: _BY_TYPE.get(roi.roi_type.strip().upper(), _NO_TYPE),
    ),
    Grouping(
        "drawn", "Groups by who drew them", "Drawn by hand, by a model, by a model and edited; and groups of your own",
        tuple(_BY_SOURCE.values()), lambda roi: _BY_SOURCE[roi.provenance.generation],
    ),
)  # fmt: skip


def divided(rois: Sequence[Roi], grouping: Grouping, own: Mapping[int, str]) -> list[Group]:
    """The groups that hold any structure, in order: a person's own by name, then those of `grouping`.

    Args:
        rois: in the order of the list, which each group keeps.
        grouping: any but NO_GROUPS.
        own: ROI number → the group that a person put it into, whatever else it is.
    """
    rows: dict[tuple[int, str], list[int]] = {}
    for row, roi in enumerate(rois):
        mine = own.get(roi.number, "")
        name = mine or grouping.group_of(roi)
        place = 0 if mine and mine not in grouping.order else 1 + grouping.order.index(name)
        rows.setdefault((place, name), []).append(row)
    return [Group(name, tuple(held)) for (_, name), held in sorted(rows.items(), key=lambda item: item[0])]
