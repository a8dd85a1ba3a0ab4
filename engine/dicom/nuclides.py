"""Radionuclides of PET: which one a file names, and its half-life."""

import re

from pydicom.dataset import Dataset

from engine.dicom.fields import items, text

#: Nuclide → (half-life in s, its codes in SNOMED CT, in SNOMED RT, or of DICOM; PS3.16 CID 4020).
_NUCLIDES: dict[str, tuple[float, *tuple[str, ...]]] = {
    "C-11": (1221.8, "40565003", "C-105A1"),
    "N-13": (597.9, "21576001", "C-107A1"),
    "O-14": (70.6, "424875009", "C-1018C"),
    "O-15": (122.2, "129504001", "C-B1038"),
    "F-18": (6586.2, "77004003", "C-111A1"),
    "Na-22": (8.2137e7, "71633006", "C-155A1"),
    "K-38": (458.2, "423764008", "C-135A4"),
    "Sc-43": (14008.0, "126605"),
    "Sc-44": (14551.0, "126600"),
    "Ti-45": (11088.0, "75696008", "C-166A2"),
    "Mn-51": (2772.0, "126601"),
    "Mn-52": (483062.0, "37225000", "C-149A1"),
    "Mn-52m": (1266.0, "126607"),
    "Fe-52": (29790.0, "69089000", "C-130A1"),
    "Co-55": (63108.0,),
    "Cu-60": (1422.0, "425364008", "C-127A4"),
    "Cu-61": (12020.0, "71425003", "C-127A1"),
    "Cu-62": (580.2, "422934004", "C-127A5"),
    "Cu-64": (45722.0, "3932008", "C-127A2"),
    "Zn-62": (33095.0, "65054007", "C-141A1"),
    "Ga-66": (34164.0, "79477007", "C-131A1"),
    "Ga-68": (4062.6, "35337001", "C-131A3"),
    "Ge-68": (2.3408e7, "53315004", "C-128A2"),
    "As-70": (3156.0, "126602"),
    "As-72": (93600.0, "2705002", "C-115A2"),
    "Se-73": (25740.0, "87437000", "C-116A2"),
    "Br-75": (5802.0, "17910003", "C-113A1"),
    "Br-76": (58320.0, "79523006", "C-113A2"),
    "Br-77": (205344.0, "86521004", "C-113A3"),
    "Rb-82": (75.5, "79197006", "C-159A2"),
    "Y-86": (53064.0, "10738001", "C-162A3"),
    "Y-90": (230580.0, "14691008", "C-162A7"),
    "Zr-89": (282276.0, "63360001", "C-168A4"),
    "Nb-90": (52560.0, "126603"),
    "Tc-94m": (3120.0, "424079002", "C-163AA"),
    "I-124": (360806.0, "40937006", "C-114A5"),
    "Tb-152": (63000.0, "126606"),
}
#: Fluorodeoxyglucose, which many files name by itself (PS3.16 CID 4021).
_DRUGS = {"35321007": "F-18", "C-B1031": "F-18"}
_FDG = re.compile(r"(?<![a-z])(FDG|fluor[oi]?deoxyglu[ck]ose|fludeoxyglucose)(?![a-z])", re.IGNORECASE)
_BY_CODE = _DRUGS | {code: name for name, (_, *codes) in _NUCLIDES.items() for code in codes}
_ELEMENTS = {
    "Carbon": "C", "Nitrogen": "N", "Oxygen": "O", "Fluorine": "F", "Fluor": "F", "Sodium": "Na", "Potassium": "K",
    "Scandium": "Sc", "Titanium": "Ti", "Manganese": "Mn", "Iron": "Fe", "Cobalt": "Co", "Copper": "Cu", "Zinc": "Zn",
    "Gallium": "Ga", "Germanium": "Ge", "Arsenic": "As", "Selenium": "Se", "Bromine": "Br", "Rubidium": "Rb",
    "Yttrium": "Y", "Zirconium": "Zr", "Niobium": "Nb", "Technetium": "Tc", "Iodine": "I", "Terbium": "Tb",
}  # fmt: skip
_WORD = "|".join(sorted({*_ELEMENTS, *_ELEMENTS.values()}, key=len, reverse=True))
#: "F-18", "F^18^", "Fluorine 18", and "18F", "^18^Fluorine", "[18F]FDG", "18FDG".
_AFTER = re.compile(rf"(?<![A-Za-z0-9])({_WORD})[-^ ]*(\d{{1,3}}m?)(?![0-9A-Za-z])")
_BEFORE = re.compile(rf"(?<![A-Za-z0-9])(\d{{1,3}}m?)[-^ ]*({_WORD})(?![a-z])")

#: Half-lives in use for one nuclide differ by up to 2 %; those of two nuclides of like chemistry by far more.
TOLERANCE = 0.05


def nuclide_of(drug: Dataset) -> str:
    """The nuclide that an item of Radiopharmaceutical Information names, such as "F-18"; "" where it names none."""
    for keyword in ("RadionuclideCodeSequence", "RadiopharmaceuticalCodeSequence"):
        for item in items(drug, keyword):
            name = _BY_CODE.get(text(item, "CodeValue"), "") or _named(text(item, "CodeMeaning"))
            if name:
                return name
    return _named(text(drug, "Radiopharmaceutical"))


def is_known(half_life: float) -> bool:
    """True when a half-life (s) is that of some nuclide of PET."""
    return any(abs(half_life / known - 1) <= TOLERANCE for known, *_ in _NUCLIDES.values())


def half_life_of(nuclide: str) -> float:
    """Half-life in seconds."""
    return _NUCLIDES[nuclide][0]


def _named(words: str) -> str:
    found = {f"{_ELEMENTS.get(element, element)}-{mass}" for element, mass in _AFTER.findall(words)}
    found |= {f"{_ELEMENTS.get(element, element)}-{mass}" for mass, element in _BEFORE.findall(words)}
    if not found and _FDG.search(words):
        return "F-18"
    known = found & _NUCLIDES.keys()
    return known.pop() if len(known) == 1 else ""
