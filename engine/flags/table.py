"""All kinds of flag. A new one is a file, and a line here."""

from collections.abc import Iterable
from dataclasses import dataclass

from engine.flags import empty_planes, flat_end, image_border, outside_body, overlaps, pieces, sides
from engine.flags.flag import Alone, Flag, Subject, Together
from engine.flags.patient import patient_in
from engine.progress import Progress, silent
from engine.structures import Roi, StructureSet
from engine.volume import Volume


@dataclass(frozen=True)
class Kind:
    """A kind of flag.

    Args:
        alone: looks at one structure at a time.
        together: looks at all of them.
    """

    alone: Alone | None = None
    together: Together | None = None


FLAGS: dict[str, Kind] = {
    "swapped sides": Kind(together=sides.find),
    "outside the body": Kind(alone=outside_body.find),
    "several pieces": Kind(alone=pieces.find),
    "empty planes": Kind(alone=empty_planes.find),
    "overlap": Kind(together=overlaps.find),
    "flat end": Kind(alone=flat_end.find),
    "image border": Kind(alone=image_border.find),
}


class Flagging:
    """Looks at structures again and again; of those that are the same objects nothing is reckoned anew."""

    def __init__(self) -> None:
        self._volume: Volume | None = None
        self._known: dict[Roi, tuple[Subject, tuple[Flag, ...] | None]] = {}

    def find(
        self,
        structures: StructureSet,
        numbers: Iterable[int],
        volume: Volume | None = None,
        progress: Progress = silent,
    ) -> tuple[Flag, ...]:
        """As `find_flags`."""
        if not structures.geometry.in_patient:
            return ()
        known = self._known if volume is self._volume else {}
        wanted, drawn = set(numbers), [roi for roi in structures.rois if not roi.is_empty]
        self._volume, self._known = volume, {}
        asked, others = [], []
        told: list[Flag] = []
        for index, roi in enumerate(drawn):
            progress(index / len(drawn), f"Looking for what is unlikely: {roi.name}")
            subject, flags = known.get(roi, (Subject(roi, structures.geometry), None))
            if not subject.areas:
                continue
            if roi.number in wanted:
                flags = _alone(subject, volume) if flags is None else flags
                asked.append(subject)
                told += flags
            else:
                others.append(subject)
            self._known[roi] = (subject, flags)
        for word, kind in FLAGS.items():
            if kind.together is not None:
                told += [each.as_flag(word) for each in kind.together(asked, others)]
        order = list(FLAGS)
        return tuple(sorted(told, key=lambda flag: (order.index(flag.kind), flag.names)))


def find_flags(
    structures: StructureSet, numbers: Iterable[int], volume: Volume | None = None, progress: Progress = silent
) -> tuple[Flag, ...]:
    """What is anatomically unlikely of structures, in order of the table; nothing is changed by it.

    Args:
        structures: all that are drawn, on an image of a patient; of a picture nothing is told.
        numbers: of the ROIs that are asked about; the others are compared with.
        volume: the image, for what must lie in the body; without it, or where it is no CT, that is not told.
        progress: reports and may stop.
    """
    return Flagging().find(structures, numbers, volume, progress)


def _alone(subject: Subject, volume: Volume | None) -> tuple[Flag, ...]:
    patient = patient_in(volume)
    kinds = [(word, kind.alone) for word, kind in FLAGS.items() if kind.alone is not None]
    return tuple(told.as_flag(word) for word, look in kinds for told in look(subject, patient))


def flag_sentence(flags: Iterable[Flag]) -> str:
    """What to tell of flags in one sentence, those of a kind together; "" where there are none."""
    every = tuple(flags)
    if not every:
        return ""
    kinds: dict[str, list[Flag]] = {}
    for flag in every:
        kinds.setdefault(flag.kind, []).append(flag)
    told = "; ".join(_of_kind(kind, group) for kind, group in kinds.items())
    return f"{len(every)} thing{'s are' if len(every) > 1 else ' is'} anatomically unlikely: {told}."


def _of_kind(kind: str, flags: list[Flag]) -> str:
    if len(flags) == 1:
        return f"{flags[0].names[0]} {flags[0].short}"
    names = list(dict.fromkeys(" and ".join(flag.names) for flag in flags))
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return f"{kind} {len(flags)} times ({', '.join(names[:3])}{more})"
