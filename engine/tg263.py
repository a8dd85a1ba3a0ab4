"""Structure names of AAPM TG-263, and what belongs to them."""

from functools import cache

from pydantic import BaseModel, ConfigDict

from engine.shipped import read_list
from engine.structures import Code, Roi


class StandardName(BaseModel):
    """A structure name of AAPM TG-263, with the type, code and colour that belong to it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    meaning: str
    roi_type: str = "ORGAN"
    code: tuple[str, str, str] | None = None
    colour: tuple[int, int, int] | None = None


@cache
def standard_names() -> dict[str, StandardName]:
    """TG-263 names that come with the program, by name."""
    return {entry["name"]: StandardName(**entry) for entry in read_list("tg263.json")["names"]}


def standard_colour(name: str) -> tuple[int, int, int] | None:
    """The colour by which a structure of a TG-263 name is known; targets by how the name begins; else None."""
    known = standard_names().get(name)
    if known is None:
        known = next((standard_names()[kind] for kind in ("GTV", "CTV", "PTV", "ITV") if name.startswith(kind)), None)
    return known.colour if known is not None else None


def standard_code(roi: Roi) -> Code | None:
    """The structure's own code, else that of its TG-263 name, else None."""
    if roi.code is not None:
        return roi.code
    known = standard_names().get(roi.name)
    return Code(*known.code) if known is not None and known.code is not None else None


def standard_type(name: str) -> str:
    """RT ROI Interpreted Type of a TG-263 name; of targets by how the name begins; else "ORGAN"."""
    known = standard_names().get(name)
    if known is not None:
        return known.roi_type
    return next((kind for kind in ("GTV", "CTV", "PTV") if name.startswith(kind)), "ORGAN")


def standard_side(roi: Roi) -> Code | None:
    """Left or right, as SNOMED CT codes it, for a TG-263 name that ends in _L or _R and whose code has no side."""
    known = standard_names().get(roi.name)
    if roi.code is not None or known is None or known.code is None:
        return None
    meaning = known.code[2].lower()
    if "left" in meaning or "right" in meaning:
        return None
    return {"_L": Code("7771000", "SCT", "Left"), "_R": Code("24028007", "SCT", "Right")}.get(roi.name[-2:])
