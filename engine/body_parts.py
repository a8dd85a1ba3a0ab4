"""Which parts of the body an image says that it shows (BodyPartExamined, PS3.16 annex L)."""

from typing import Literal

from engine.volume import Volume

Region = Literal["head", "neck", "thorax", "abdomen", "pelvis", "arm", "leg"]

_TRUNK: tuple[Region, ...] = ("thorax", "abdomen", "pelvis")
_WHOLE: tuple[Region, ...] = ("head", "neck", *_TRUNK, "arm", "leg")

#: Regions that may be seen in an image of each part. Terms that are not here say nothing.
_REGIONS: dict[str, tuple[Region, ...]] = {
    **dict.fromkeys(("HEAD", "SKULL", "BRAIN", "FACE", "ORBIT", "EYE", "EAR", "IAC", "PARANASALSINUS", "SINUS",
                     "SELLA", "PITUITARY", "JAW", "MANDIBLE", "MAXILLA", "TMJ", "NOSE", "TEMPORALBONE"),
                    ("head", "neck")),
    **dict.fromkeys(("HEADNECK", "HEADANDNECK", "NECK", "CSPINE", "LARYNX", "PHARYNX", "THYROID", "TONGUE"),
                    ("head", "neck", "thorax")),
    **dict.fromkeys(("CHEST", "THORAX", "LUNG", "HEART", "BREAST", "RIB", "STERNUM", "MEDIASTINUM", "TSPINE"),
                    ("neck", "thorax", "abdomen")),
    **dict.fromkeys(("SHOULDER", "CLAVICLE", "SCAPULA"), ("neck", "thorax", "arm")),
    **dict.fromkeys(("ABDOMEN", "LIVER", "KIDNEY", "PANCREAS", "SPLEEN", "STOMACH", "LSPINE", "ADRENAL"),
                    ("thorax", "abdomen", "pelvis")),
    **dict.fromkeys(("PELVIS", "PROSTATE", "BLADDER", "UTERUS", "CERVIX", "RECTUM", "SACRUM", "SSPINE", "COCCYX"),
                    ("abdomen", "pelvis", "leg")),
    **dict.fromkeys(("HIP",), ("pelvis", "leg")),
    **dict.fromkeys(("LEG", "THIGH", "FEMUR", "KNEE", "CALF", "TIBIA", "FIBULA", "TIBIAFIBULA", "ANKLE", "FOOT", "TOE",
                     "HEEL", "CALCANEUS", "PATELLA"), ("leg",)),
    **dict.fromkeys(("ARM", "HUMERUS", "ELBOW", "FOREARM", "RADIUS", "ULNA", "RADIUSULNA", "WRIST", "HAND", "FINGER",
                     "THUMB"), ("arm",)),
    **dict.fromkeys(("EXTREMITY", "LIMB", "EXTREMITIES"), ("arm", "leg")),
    **dict.fromkeys(("LOWEREXTREMITY", "LOWERLIMB", "LOWERLEG", "UPPERLEG"), ("leg",)),
    **dict.fromkeys(("UPPEREXTREMITY", "UPPERLIMB", "UPPERARM", "LOWERARM"), ("arm",)),
    **dict.fromkeys(("CHESTABDOMEN", "ABDOMENPELVIS", "CHESTABDPELVIS", "CHESTABDOMENPELVIS", "TRUNK"),
                    ("neck", *_TRUNK, "leg")),
    **dict.fromkeys(("NECKCHEST", "NECKCHESTABDOMEN", "NECKCHESTABDPELV"), ("head", "neck", *_TRUNK)),
    **dict.fromkeys(("WHOLEBODY", "BODY"), _WHOLE),
}  # fmt: skip


def said_part(volume: Volume) -> str:
    """The body part that an image names, in capitals without spaces and signs; "" where it names none."""
    said = str(volume.info.attributes.get("BodyPartExamined", ""))
    return "".join(character for character in said.upper() if character.isalnum())


def said_regions(volume: Volume) -> frozenset[Region]:
    """Regions that may be seen in an image by what it says of itself; empty where that tells nothing."""
    return frozenset(_REGIONS.get(said_part(volume), ()))
