"""How what comes from elsewhere is named here: ids, labels, structures by TG-263, kinds of image."""

import re
from collections.abc import Iterable, Sequence
from typing import Any

from engine.palette import palette
from engine.tg263 import guessed_type, standard_names

Json = dict[str, Any]

#: What channels of images are called, by DICOM modality.
_MODALITIES = {
    "CT": r"ct|cect|ncct|hu",
    "PT": r"pet|pt|suv|fdg",
    "MR": r"mri?|t1.*|t2.*|flair|adc|dwi|b\d+|pd|swi|dce.*|mra|perfusion|.*mri?",
    "US": r"us|ultrasound",
}
_SIDES = {"left": "L", "l": "L", "lt": "L", "right": "R", "r": "R", "rt": "R"}
#: Words of other naming habits, and what they are at the beginning of a TG-263 name.
_WORDS = {
    "adrenal gland": "Glnd_Adrenal", "aorta": "A_Aorta", "urinary bladder": "Bladder", "bladder": "Bladder",
    "small bowel": "Bowel_Small", "small intestine": "Bowel_Small", "large bowel": "Bowel_Large",
    "brain stem": "Brainstem", "spinal cord": "SpinalCord", "oesophagus": "Esophagus", "gall bladder": "Gallbladder",
    "thyroid": "Glnd_Thyroid", "thyroid gland": "Glnd_Thyroid", "inferior vena cava": "V_Venacava_I",
    "postcava": "V_Venacava_I", "superior vena cava": "V_Venacava_S", "parotid gland": "Parotid",
    "submandibular gland": "Glnd_Submand",
    "mandible": "Bone_Mandible", "optic nerve": "OpticNrv", "optic chiasm": "OpticChiasm", "eyeball": "Eye",
    "femoral head": "Femur_Head", "seminal vesicle": "SeminalVes", "seminal vesicles": "SeminalVes",
    "oral cavity": "Cavity_Oral", "lacrimal gland": "Glnd_Lacrimal", "body": "External",
    "clavicula": "Clavicle", "common carotid artery": "A_Carotid",
}  # fmt: skip


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


def standard_name(name: str) -> str:
    """The TG-263 name of a structure that has another habit's name; the name itself where there is none."""
    text = re.sub(r"[\s_\-.]+", " ", name).strip().lower()
    words = text.split()
    sides = [word for word in words if word in _SIDES]
    if len(sides) == 1 and len(words) > 1:
        base = " ".join(word for word in words if word not in _SIDES)
        found = _known(base, f"_{_SIDES[sides[0]]}")
    else:
        found = _known(text, "")
    return found or name.strip()[:64]


def outputs(labels: Sequence[str], names: Sequence[str], node: str) -> list[Json]:
    """What a card says of structures: label → name, with the type, code and colour that TG-263 gives."""
    found: list[Json] = []
    used: set[str] = set()
    for index, (label, name) in enumerate(zip(labels, names, strict=True)):
        known = standard_names().get(name)
        unique = name if name not in used else f"{name[:58]}_{index + 1}"
        used.add(unique)
        output: Json = {"kind": "mask", "label": label, "name": unique, "node": node}
        output["roi_type"] = guessed_type(name) or "ORGAN"
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


def _known(base: str, side: str) -> str:
    """A name of the list for words and a side."""
    by_words = {_words_of(known): known for known in standard_names()}
    for words in (base, _words_of(_WORDS.get(base, base))):
        if (known := by_words.get(f"{words}{_words_of(side)}")) is not None:
            return known
    return ""


def _words_of(name: str) -> str:
    return re.sub(r"[\s_\-.]+", " ", name).lower()
