"""How what comes from elsewhere is named here: ids, labels, structures by TG-263, kinds of image."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from engine.importing.meanings import Names
from engine.palette import palette
from engine.tg263 import standard_names, standard_type

Json = dict[str, Any]

#: What channels of images are called, by DICOM modality.
_MODALITIES = {
    "CT": r"ct|cect|ncct|hu",
    "PT": r"pet|pt|suv|fdg",
    "MR": r"mri?|t1.*|t2.*|flair|adc|dwi|b\d+|pd|swi|dce.*|mra|perfusion|.*mri?",
    "US": r"us|ultrasound",
}


def card_id(*names: str) -> str:
    """An id for a card, made of names in order: lower case, with dashes."""
    text = re.sub(r"[^a-z0-9]+", "-", " ".join(names).lower()).strip("-")
    return text[:64].strip("-") or "model"


def identifiers(names: Iterable[str]) -> list[str]:
    """A label for each name, all different."""
    found: list[str] = []
    for name in names:
        label = re.sub(r"[^A-Za-z0-9_.+-]+", "_", name).lstrip("_.+-")[:60] or "label"
        unique, number = label, 1
        while unique in found:
            number += 1
            unique = f"{label}_{number}"
        found.append(unique)
    return found


def outputs(labels: Sequence[str], known_as: Names, node: str) -> list[Json]:
    """What a card says of structures: label → name, with the type, code and colour that TG-263 gives."""
    found: list[Json] = []
    used: set[str] = set()
    for index, (label, name) in enumerate(zip(labels, known_as.names, strict=True)):
        known = standard_names().get(name)
        unique = name if name not in used else f"{name[:58]}_{index + 1}"
        used.add(unique)
        output: Json = {"kind": "mask", "label": label, "name": unique, "node": node}
        # Else "body" would stand for the patient's outline.
        output["roi_type"] = "ORGAN" if name in known_as.unclear else standard_type(name)
        output["colour"] = known.colour if known is not None and known.colour is not None else palette(index)
        if known is not None and known.code is not None:
            output["code"] = dict(zip(("value", "scheme", "meaning"), known.code, strict=True))
        found.append(output)
    return found


def modalities(channel: str, is_ct: bool) -> list[str]:
    """The kinds of image that a channel of that name may be; of a name that says nothing, any."""
    if is_ct:
        return ["CT"]
    text = re.sub(r"[\s_\-]+", "", channel.lower())
    return [kind for kind, pattern in _MODALITIES.items() if re.fullmatch(pattern, text)][:1] or [
        "CT",
        "MR",
        "PT",
        "US",
    ]
