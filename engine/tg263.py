"""Structure names of AAPM TG-263, and what belongs to them; what other names in use say of their kind."""

import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from engine.shipped import read_list
from engine.structures import Code, Roi


@dataclass(frozen=True)
class StandardName:
    """A structure name of AAPM TG-263, with the type, code and colour that belong to it."""

    name: str
    meaning: str
    roi_type: str = "ORGAN"
    code: tuple[str, str, str] | None = None
    colour: tuple[int, int, int] | None = None


@cache
def standard_names() -> dict[str, StandardName]:
    """TG-263 names that come with the program, by name."""
    return {name.name: name for name in map(_named, read_list("tg263.json")["names"])}


def standard_colour(name: str) -> tuple[int, int, int] | None:
    """The colour by which a structure of a TG-263 name is known; targets by their kind; else None."""
    known = standard_names().get(name) or standard_names().get(_target(name))
    return known.colour if known is not None else None


def standard_code(roi: Roi) -> Code | None:
    """The structure's own code, else that of its TG-263 name, else None."""
    if roi.code is not None:
        return roi.code
    known = standard_names().get(roi.name)
    return Code(*known.code) if known is not None and known.code is not None else None


def standard_type(name: str) -> str:
    """RT ROI Interpreted Type that a name stands for; "ORGAN" where it says nothing of that, "" of a lesion."""
    return guessed_type(name) or ("" if is_lesion(name) else "ORGAN")


def is_lesion(name: str) -> bool:
    """Whether a name is of something ill, which is no organ, and a target only where a person makes it one."""
    return _LESION.search(name) is not None


def guessed_type(name: str) -> str:
    """RT ROI Interpreted Type that a name stands for: of TG-263, or as planners write them; "" where it says nothing.

    A structure is a target where its name begins with one, after nothing but a side, a dose, a number or a word such as
    "boost". "Brain-PTV" is a part of the brain. What is named as a help for the optimiser, such as "zPTV_ring", is one
    (CONTROL) whatever it lies around.
    """
    text = " ".join(name.split())
    known = standard_names().get(text) or _by_lower_case().get(text.casefold())
    if known is not None:
        return known.roi_type
    kind = next((roi_type for roi_type, pattern in _KINDS if pattern.fullmatch(text)), "")
    if kind:
        return kind
    if _HELPS.search(text):
        return "CONTROL"
    if _AVOIDS.search(text):
        return "AVOIDANCE"
    return _TYPES_OF_TARGETS.get(_target(text), "")


def standard_name_of(name: str) -> str:
    """The TG-263 name of what is called by another habit, as "Left Parotid Gland" or "cord"; "" where none is known.

    The side may stand before or behind, as a word or a letter; it is never guessed.
    """
    words = _words(name)
    sides = [_SIDES[word] for word in words if word in _SIDES]
    if len(sides) > 1 or len(words) == len(sides):
        return ""
    base = " ".join(word for word in words if word not in _SIDES)
    known = _by_words()
    side = f"_{sides[0]}" if sides else ""
    if base + side in _SIDED_WORDS:
        return _SIDED_WORDS[base + side]
    return known.get(_joined(base + side)) or known.get(_joined(_WORDS.get(base, base) + side), "")


def unsided(name: str) -> str:
    """The words of a name in small letters, without its side and qualifier."""
    return " ".join(word for word in _words(name) if word not in _SIDES)


def _words(name: str) -> list[str]:
    sided = re.sub(r"(?<=^[LR])(?=[A-Z][a-z])|(?<=[a-z])(?=[A-Z])", " ", name.partition("^")[0])
    return re.sub(r"[\s_\-.,()]+", " ", sided).strip().lower().split()


def _joined(name: str) -> str:
    return re.sub(r"[\s_\-.]+", "", name).lower()


@cache
def _by_words() -> dict[str, str]:
    return {_joined(name): name for name in standard_names()}


_SIDES = {"left": "L", "l": "L", "lt": "L", "right": "R", "r": "R", "rt": "R"}
#: Words of other naming habits, and what they are in a TG-263 name without its side.
_WORDS = {
    "adrenal gland": "Glnd_Adrenal", "adrenal": "Glnd_Adrenal", "aorta": "A_Aorta", "urinary bladder": "Bladder",
    "small bowel": "Bowel_Small", "small intestine": "Bowel_Small", "large bowel": "Bowel_Large",
    "bowel bag": "Bag_Bowel", "brain stem": "Brainstem", "cord": "SpinalCord", "myelon": "SpinalCord",
    "oesophagus": "Esophagus", "gall bladder": "Gallbladder", "thyroid": "Glnd_Thyroid",
    "thyroid gland": "Glnd_Thyroid", "inferior vena cava": "V_Venacava_I", "ivc": "V_Venacava_I",
    "postcava": "V_Venacava_I", "superior vena cava": "V_Venacava_S", "svc": "V_Venacava_S",
    "parotid gland": "Parotid", "parotis": "Parotid", "glnd parotid": "Parotid",
    "submandibular gland": "Glnd_Submand", "submandibular": "Glnd_Submand", "submand": "Glnd_Submand",
    "glnd submandibular": "Glnd_Submand", "smg": "Glnd_Submand", "mandible": "Bone_Mandible",
    "mandibula": "Bone_Mandible", "optic nerve": "OpticNrv", "optic nrv": "OpticNrv", "optic chiasm": "OpticChiasm",
    "chiasm": "OpticChiasm", "chiasma": "OpticChiasm", "eyeball": "Eye", "globe": "Eye", "femoral head": "Femur_Head",
    "seminal vesicle": "SeminalVes", "seminal vesicles": "SeminalVes", "oral cavity": "Cavity_Oral",
    "lacrimal gland": "Glnd_Lacrimal", "lacrimal": "Glnd_Lacrimal", "body": "External", "clavicula": "Clavicle",
    "common carotid artery": "A_Carotid", "carotid artery": "A_Carotid", "carotid": "A_Carotid",
    "temporal lobe": "Lobe_Temporal", "inner ear": "Ear_Internal", "middle ear": "Ear_Middle",
    "brachial plexus": "BrachialPlex", "tmj": "Joint_TM", "pituitary gland": "Pituitary", "hypophysis": "Pituitary",
    "sigmoid": "Colon_Sigmoid", "anal canal": "Canal_Anal", "lad": "A_LAD", "pulmonary artery": "A_Pulmonary",
    "chest wall": "Chestwall", "main bronchus": "Bronchus_Main",
    "heart atrium": "Atrium", "heart ventricle": "Ventricle", "eye lens": "Lens",
    "brachiocephalic trunk": "A_Brachiocephls", "brachiocephalic vein": "V_Brachioceph",
    "subclavian artery": "A_Subclavian", "iliac artery": "A_Iliac", "common iliac artery": "A_Iliac",
    "iliac vena": "V_Iliac", "common iliac vein": "V_Iliac", "internal jugular vein": "V_Jugular_Int",
    "pulmonary vein": "V_Pulmonary", "celiac trunk": "A_Celiac", "superior mesenteric artery": "A_Mesenteric_S",
    "coronary arteries": "A_Coronary", "hyoid": "Bone_Hyoid", "hyoid bone": "Bone_Hyoid",
    "cricoid cartilage": "Cricoid", "thyroid cartilage": "Cartlg_Thyroid", "hard palate": "Hardpalate",
    "soft palate": "Palate_Soft", "hypopharynx": "Laryngl_Pharynx", "masseter": "Musc_Masseter",
    "temporalis": "Musc_Temporal", "sternocleidomastoid": "Musc_Sclmast", "digastric": "Musc_Digastric",
    "platysma": "Musc_Platysma", "lateral pterygoid": "Pterygoid_Lat", "medial pterygoid": "Pterygoid_Med",
    "superior pharyngeal constrictor": "Musc_Constrict_S", "middle pharyngeal constrictor": "Musc_Constrict_M",
    "inferior pharyngeal constrictor": "Musc_Constrict_I",
} | {f"rib {number}": f"Rib{number:02}" for number in range(1, 13)}  # fmt: skip

#: Those whose TG-263 name has the side within, by the words and the side.
_SIDED_WORDS = {
    "lung upper lobe_L": "Lung_LUL", "lung lower lobe_L": "Lung_LLL", "lung upper lobe_R": "Lung_RUL",
    "lung middle lobe_R": "Lung_RML", "lung lower lobe_R": "Lung_RLL",
}  # fmt: skip


def _target(name: str) -> str:
    """The kind "GTV", "CTV", "ITV" or "PTV", where a name stands for such a target; else ""."""
    found = _TARGET.match(name)
    if found is None or _HELPS.search(name) or _AVOIDS.search(name):
        return ""
    kind = found["kind"].upper()
    return {"ICTV": "ITV", "IGTV": "GTV"}.get(kind, kind)


@cache
def _by_lower_case() -> dict[str, StandardName]:
    return {name.casefold(): known for name, known in standard_names().items()}


_TYPES_OF_TARGETS = {"GTV": "GTV", "CTV": "CTV", "ITV": "CTV", "PTV": "PTV"}

#: Words that may stand before the kind of a target; nothing is tried twice, so that no name takes long.
_BEFORE = r"""
    (?: (?: \d++ (?:[.,]\d++)? (?:\ ?c?gy)? | l | r | lt | rt | left | right | bilat[a-z]*
          | boost | final | new | old | copy | of | initial | auto | ai | draft | total | sum | prior | primary | prim
          | nodal | low | mid | high | intermediate | opt | eval | adapt[a-z]* | replan | plan | hr | ir | lr
        ) (?= [\s_.\-] | i?[gcip]tv ) [\s_.\-]* )*
"""
_TARGET = re.compile(rf"[\s*'\"(\[]* {_BEFORE} (?P<kind> i?gtv | i?ctv | itv | ptv )", re.IGNORECASE | re.VERBOSE)

#: TG-263: a "z" or "_" in front marks what is not for the evaluation of dose. A "z" within a word is a letter like any.
_HELPS = re.compile(
    r"""
    ^\s* (?: _ | z_ | z(?=[A-Z]) | (?i: z (?= i?[igcp]tv | ring ) ) )
    | (?i: (?<![a-z]) (?: ring | rind | shell | halo | donut | doughnut | falloff | fall.off | overlap ) \d* (?![a-z]) )
    | (?i: tv [\s_\d.]* (?: ring | shell | halo ) \d* (?![a-z]) )
    """,
    re.VERBOSE,
)
_LESION = re.compile(
    r"(?<![a-z]) (?: lesion | nodule | mass(?!eter) | (?:micro)?aneurysm | metastas[ei]s | tumou?r (?![\s_]*bed)"
    r" | cyst | polyp | h(?:a)?emorrhage | exudate ) (?: e?s )? (?![a-z])",
    re.IGNORECASE | re.VERBOSE,
)
_AVOIDS = re.compile(r"(?<![a-z])avoid(?:ance)?(?![a-z])", re.IGNORECASE)

#: A number, a thickness or a word that tells two of a kind apart.
_ADDED = r"(?: [\s_\-]* (?: \d++ (?:[.,]\d++)? \s* (?:mm|cm)? | new | copy ) )*"
_KINDS = tuple(
    (roi_type, re.compile(rf"(?:{pattern}) {_ADDED}", re.IGNORECASE | re.VERBOSE))
    for roi_type, pattern in (
        (
            "EXTERNAL",
            r"ext | external | body | patient | outline | (?:body|patient|external|outer) [\s_]* (?:outline|contour)",
        ),
        ("BOLUS", r"(?:virtual|real|daily|custom)? [\s_]* bolus (?:[\s_] \w+)?"),
        (
            "SUPPORT",
            r"(?:treatment|imaging|ct|kv)? [\s_]* (?:couch|table) [\s_]* "
            r"(?:surface|interior|exterior|inner|outer|inside|outside|shell|top|support|rails?)? | base[\s_]*plate",
        ),
        (
            "FIXATION",
            r"(?:head|breast|wing|belly)[\s_]*(?:rest|board) | (?:thermoplastic|thermo)[\s_]*mask "
            r"| vac[\s_]*(?:bag|lok|fix) | immobili[sz]ation [\s_]* (?:device)?",
        ),
        ("MARKER", r"(?:fiducial|marker) s? (?:[\s_\-]* \d+)?"),
        ("ISOCENTER", r"iso (?:cent(?:er|re))?"),
    )
)


def standard_side(roi: Roi) -> Code | None:
    """Left or right, as SNOMED CT codes it, for a TG-263 name that ends in _L or _R and whose code has no side."""
    known = standard_names().get(roi.name)
    if roi.code is not None or known is None or known.code is None:
        return None
    meaning = known.code[2].lower()
    if "left" in meaning or "right" in meaning:
        return None
    return {"_L": Code("7771000", "SCT", "Left"), "_R": Code("24028007", "SCT", "Right")}.get(roi.name[-2:])


def _named(entry: dict[str, Any]) -> StandardName:
    # JSON has no tuples.
    values: dict[str, Any] = {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
    return StandardName(**values)
