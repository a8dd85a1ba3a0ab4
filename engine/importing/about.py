"""What a card says of where its model comes from, whichever program that was."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Json = dict[str, Any]

_ABSENT = "absent"
#: What is noted of a model without a licence.
ABSENT = "The licence of its weights is absent: ask who made it whether it may be used."
_LICENCES = ("LICENSE", "LICENSE.txt", "LICENSE.md", "LICENCE", "LICENCE.txt", "LICENCE.md")
#: A file that speaks of the code alone, and the heading of what it says of the weights.
_NOT_OF_WEIGHTS, _OF_WEIGHTS = (
    re.compile(r"except (the )?model weights", re.I),
    re.compile(r"^\W*model (weights )?licen[cs]e", re.I),
)

#: Licences, as files name them, that allow commercial use; of any other it isn't known to be allowed.
_ALLOWS_COMMERCE = re.compile(
    r"apache([ -]licen[cs]e)?(,? ?-?(version )?2\.0)?|(the )?mit( licen[cs]e)?|bsd[ -][23][ -]clause( licen[cs]e)?"
    r"|cc[ -]?0([ -]1\.0)?( universal)?|(cc[ -]by|creative commons attribution)([ -]sa)?[ -][1-4]\.0( international)?",
    re.I,
)


def licence_told(weights: str, code: str = "Apache-2.0") -> Json:
    """A card's licence.

    Args:
        weights: the licence of the weights, as their files name it; "absent" where they name none.
        code: that of what runs them.
    """
    return {"code": code, "weights": weights, "commercial": bool(_ALLOWS_COMMERCE.fullmatch(weights.strip()))}


def exact_option(sets: str, program: str) -> Json:
    """The choice of another program's own voxels."""
    return {
        "key": "exact",
        "label": f"Exactly {program}'s voxels",
        "kind": "flag",
        "sets": sets,
        "tip": f"Outlines of the voxels that {program} itself would set, in full precision, not smooth contours",
    }


def notes_on(card: Json) -> list[str]:
    """What a card that was converted says of itself, and what is to be said of any, in sentences."""
    notes = [str(note) for note in card["provenance"].get("notes", ())]
    if card.get("licence", {}).get("weights", "") in {"", _ABSENT} and ABSENT not in notes:
        notes.append(ABSENT)
    return notes


def kinds_noted(images: Sequence[Json]) -> list[str]:
    """Which kinds of image were guessed by the names of a model's inputs, in sentences.

    Args:
        images: the inputs of the card.
    """
    notes: dict[str, list[str]] = {}
    for image in images:
        told = image["modality"]
        if told != ["CT"]:
            notes.setdefault(told[0] if len(told) == 1 else "", []).append(str(image["role"]))
    return [
        f"Taken to be {kind} by name: {', '.join(roles)}."
        if kind
        else f"The kind of image is not said of {', '.join(roles)}, so any is taken."
        for kind, roles in notes.items()
    ]


def stored_axes(again: str = "with its axes") -> str:
    """What is to be known of a model that does not say along which directions of the patient its axes rise.

    Args:
        again: how it is said in another import.
    """
    return (
        "It takes columns, rows and planes as an image's file stores them, and those of a DICOM series as SimpleITK "
        "reads it: a model that was taught on files stored otherwise, such as those of dcm2niix (LAS), must be "
        f"imported again {again}."
    )


def licence_of(*folders: Path) -> str:
    """The first words of a file with a licence of the weights; else "absent".

    Args:
        folders: of the model, from the inmost. Above the last may lie what is of something else, so that is told.
    """
    for folder in (*folders, folders[-1].parent):
        told = _licence_in(folder)
        if told:
            return told if folder in folders or told == _ABSENT else f"{told} (of the folder above the model)"
    return _ABSENT


def _licence_in(folder: Path) -> str:
    """As `licence_of`; "" where a folder has no such file."""
    for name in _LICENCES:
        try:
            text = (folder / name).read_text("utf-8", errors="replace")[:100_000]
        except OSError:
            continue
        lines = [line.strip(" #\t\r") for line in text.splitlines() if line.strip(" #\t\r")]
        if _NOT_OF_WEIGHTS.search(text[:2000]):
            own = [number for number, line in enumerate(lines) if _OF_WEIGHTS.match(line)]
            return " ".join(lines[own[0] + 1 : own[0] + 3])[:160] if own else _ABSENT
        if lines:
            return lines[0][:160]
    return ""
