"""Names that structures of several parts of the body have, and which is meant beside the others that a model draws.

A ventricle is one of the heart or of the brain. Where the other names do not tell, the name stays as it is: a wrong
standard name, with its code, would go into every file that is written.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from engine.tg263 import standard_name_of, standard_names, unsided

_HEART = (
    r"heart|cardiac|myo(card\w*)?|epicard\w*|endocard\w*|aort\w+|pulmonary|coronar\w+|papillary|appendage|"
    r"vena ?cava|svc|ivc|lvc?|rvc?|mlv|la|ra|lcx|rca|lmca"
)
_BRAIN = (
    r"brain\w*|cereb\w+|thalam\w+|hypothalam\w+|caudate|putamen|pallid\w+|hippocamp\w+|amygdal\w+|accumbens|"
    r"white matter|gr[ae]y matter|wm|gm|csf|hemispher\w+|frontal|parietal|occipital|insular?|\w*gyrus|sulc\w+|"
    r"\w*callosum|pellucidum|choroid|third|fourth|3rd|4th|horn|trigone|aqueduct|cisterns?|falx|tentori\w+|pineal|"
    r"midbrain|pons|medulla|cortex|cortical|lentiform|subarachnoid|ventral dc|lateral ventricle|stroke|infarct|"
    r"glioma|edema|oedema"
)
_PARTS = (
    r"genu|splenium|rostrum|manubrium|xiphoid|pedicles?|laminae?|spinous|facets?|ramus|rami|condyles?|coronoid|"
    r"uncinate( process)?|antrum|pylorus|isthmus|horn|trigone|corpus|corpora|head|tail|neck|fundus|cervix"
)
#: Alone, not within a longer name: "femoral head" is no part of what has a body.
_WHOLE = frozenset({"head", "tail", "neck", "fundus", "cervix"})
_VEINS = r"sagittal|straight|transverse|torcula|jugular|cavernous|sinus(es)?"
_LARYNX = r"cricoid|arytenoids?|hyoid|epiglottis|thyrohyoid|vocal.*|cartilages?|glottis|airway"
_SWALLOWED = r"pharynx|airway|vallecula|p[iy]riform|tongue|epiglottis|larynx|hyoid|residue"
_PREGNANT = r"placenta|f(o)?et(us|al)|amnio\w*|umbilical|uterus|testis|testicle|spermatic"


@dataclass(frozen=True)
class _Shared:
    """A name that is shared.

    Args:
        kinds: of what it may be, in words.
        beside: names beside which it is what TG-263 means; "" where that is so unless something speaks against it.
        against: names beside which it is something else.
    """

    kinds: str
    beside: str = ""
    against: str = ""


#: By the words of a name in small letters, without its side.
_SHARED = {
    "ventricle": _Shared("a ventricle of the heart or of the brain", rf"{_HEART}|atrium", _BRAIN),
    "atrium": _Shared("an atrium of the heart or of a ventricle of the brain", "", _BRAIN),
    "smg": _Shared("the submandibular gland or the supramarginal gyrus", "", _BRAIN),
    "sigmoid": _Shared("the sigmoid colon or a venous sinus", "", _VEINS),
    "cord": _Shared("the spinal, umbilical, spermatic or vocal cord", "", rf"{_PREGNANT}|{_LARYNX}"),
    "thyroid": _Shared("the thyroid gland or cartilage", "", _LARYNX),
    "lad": _Shared("a coronary artery or lymph nodes", rf"{_HEART}|ventricle|atrium|lungs?|breast", ""),
    "bolus": _Shared("a bolus on the skin or a swallowed one", "", _SWALLOWED),
    "external": _Shared("the patient's outline or a branch", "", r"internal|common|middle"),
    "body": _Shared("the patient's outline or a part of an organ", "", _PARTS),
}


@dataclass(frozen=True)
class Names:
    """What structures are called here.

    Args:
        names: in the order in which they were given; the TG-263 name where there is one.
        unclear: of them, those that are left as they were, since they may be one of several.
        notes: on what was left, in sentences.
    """

    names: tuple[str, ...]
    unclear: frozenset[str]
    notes: tuple[str, ...]


def named(given: Iterable[str]) -> Names:
    """The TG-263 names of structures that have another habit's names; the name itself where none is known."""
    every = [name.strip() for name in given]
    bases = [unsided(name) for name in every]
    names: list[str] = []
    unclear: dict[str, list[str]] = {}
    for name, base in zip(every, bases, strict=True):
        shared = _SHARED.get(base)
        standard = standard_name_of(name)
        if shared is None or not standard or _is_meant(shared, name, [other for other in bases if other != base]):
            names.append(standard or name[:64])
            continue
        # A name that TG-263 has would be taken for what it means there; TG-263 sets qualifiers off with a caret.
        names.append(f"{name[:58]}^other" if name in standard_names() else name[:64])
        unclear.setdefault(shared.kinds, []).append(names[-1])
    left = frozenset(name for each in unclear.values() for name in each)
    unknown = [name for name in names if name not in standard_names() and name not in left]
    notes = [
        f"Without a TG-263 name and code, since the names do not tell whether it is {kinds}: {_first(each)}."
        for kinds, each in unclear.items()
    ]
    if unknown:
        notes.append(f"No TG-263 name is known for {len(unknown)} of {len(names)} structures: {_first(unknown)}.")
    return Names(tuple(names), left, tuple(notes))


def _is_meant(shared: _Shared, name: str, others: Sequence[str]) -> bool:
    """Whether a name is what TG-263 means; one that is written as there needs less to be sure."""
    beside, against = bool(shared.beside) and _any(shared.beside, others), _any(shared.against, others)
    if name in standard_names():
        return beside or not against
    return not against and (beside or not shared.beside)


def _any(words: str, names: Sequence[str]) -> bool:
    pattern = re.compile(rf"(?<![a-z])(?:{words})(?![a-z])") if words else None
    found = [match for name in names if pattern is not None and (match := pattern.search(name))]
    return any(match[0] not in _WHOLE or match[0] == match.string for match in found)


def _first(names: Sequence[str], most: int = 6) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return f"{', '.join(names[:most])}{more}"
