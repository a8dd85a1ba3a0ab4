"""What a structure is, told from its name as planners write it."""

import time

import pytest

from engine.tg263 import guessed_type, standard_colour, standard_name_of, standard_type

TARGETS = {
    "GTV": (
        "GTV", "GTVp", "GTVn", "GTV1", "GTVp1", "GTVn2_Left", "gtv", "GTV-T", "GTV_T", "GTVsb", "IGTV",
        "iGTV_50", "GTVp!", "GTV^Smith", "GTVp_CT1PT1", "HR-GTV", "GTVres", "GTV primary", "GTV-1",
    ),
    "CTV": (
        "CTV", "CTV1", "CTV_50", "CTVp2_5040", "ctv_high", "CTV^Eval", "CTV!_5000", "ITV", "ITVp", "itv 60",
        "ICTV", "HR_CTV", "HRCTV", "IR-CTV", "CTVHR", "CTV Boost", "CTV_Low", "CTVn1_L", "CTV~", "CTV-03",
        "CTV1.8x28",
    ),
    "PTV": (
        "PTV", "PTV70", "PTV_70", "PTV_5040", "PTV 50.4Gy", "PTV50.4", "PTV!", "PTV!_5040", "PTV_High",
        "PTV^Physician1", "ptv", "PTVp2-05", "PTVn_L", "PTV-03", "PTV_7000x35", "PTV_opt", "PTV_eval",
        "PTVBreast_R", "PTV1^dose", "1_PTV", "70 PTV", "70Gy_PTV", "Boost PTV", "L_PTV", "Left PTV 50",
        "final_PTV", "PTV-Brainstem", " PTV_70 ", "PTV (1)", "Copy of PTV_70", "PTV*Liver_20Gyx3",
        "PTV_sparing_L", "ptv_total", "*PTV60",
    ),
}  # fmt: skip
OTHERS = {
    "ORGAN": (
        "Masseter", "TumorBed",
        "Brain-PTV", "Lungs-GTV", "Lung_L-ITV", "Lungs-CTV_50", "Brain minus PTV", "Bowel outside PTV",
        "Rectum_PTV", "Rectum & PTV", "OAR_left", "Parotid_L", "Heart", "VB_L1", "Vertebral body",
        "Body of pancreas", "Bodywall", "SpinalCord_PRV05", "ROI 1", "Lump", "Zygoma", "zygoma", "Skin",
        "Skin_05", "Table of values", "Coucher", "Isotope", "Zenker", "Extremity", "Ear_External", "Non-PTV",
        "notPTV", "R", "70", "L_Lung", "boost", "GreatVes", "Patients bowel", "Bowel_Avoided", "Aorta_Spring",
        "CTX", "Externa",
    ),
    "EXTERNAL": (
        "External", "BODY", "Body", "external", "Body_1", "Patient Outline", "Outer contour", "EXT", "Outline",
    ),
    "BOLUS": (
        "Bolus", "bolus_5mm", "BOLUS 10 mm", "VirtualBolus", "Virtual bolus 1", "Bolus1", "Bolus_Chest",
    ),
    "SUPPORT": (
        "CouchSurface", "CouchInterior", "Couch", "couch top", "Couch Shell", "TableTop", "Treatment Table",
        "Table", "CT couch",
    ),
    "FIXATION": (
        "HeadRest", "Breast board", "Thermoplastic Mask", "VacLok",
    ),
    "CONTROL": (
        "zPTV_ring", "z_PTV", "zPTV", "zRing", "_PTV_opt", "PTV_Ring", "PTV ring 2cm", "Ring_PTV", "PTVring",
        "PTV_70 shell", "PTV_Halo", "zptv_low", "Ring1", "PTV_overlap", "zBrain", "ring_around_PTV",
        "zDoseLimit", "ZPTV_RING", "zITV", "CTV_ring2",
    ),
    "AVOIDANCE": (
        "Avoid", "PTV_avoid", "Avoidance_1", "avoid bowel",
    ),
    "MARKER": (
        "Marker 1", "Fiducials", "fiducial_2",
    ),
    "ISOCENTER": (
        "Iso", "Isocentre", "ISOCENTER1",
    ),
    # What is ill is no organ, nor a target of itself.
    "": (
        "Lesion", "lesion 2", "Nodules", "Microaneurysm", "Tumour_L", "liver metastases",
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    ("roi_type", "name"), [(kind, name) for kind, names in (TARGETS | OTHERS).items() for name in names]
)
def test_a_name_tells_what_the_structure_is(roi_type: str, name: str) -> None:
    assert standard_type(name) == roi_type


def test_a_name_that_tells_nothing_is_told_from_an_organ() -> None:
    assert guessed_type("Parotid_L") == "ORGAN" and guessed_type("parotid_l") == "ORGAN"
    assert guessed_type("Lump") == "" and guessed_type("Brain-PTV") == ""


def test_a_target_has_the_colour_of_its_kind_and_a_help_has_none() -> None:
    assert standard_colour("iGTV_50") == standard_colour("GTV") != standard_colour("ptv 50") == standard_colour("PTV")
    for kind, names in TARGETS.items():
        assert {standard_colour(name) for name in names} <= {standard_colour(kind), standard_colour("ITV")} | {
            standard_colour(f"{kind}{letter}") for letter in "pn"
        }
    assert standard_colour("zPTV_ring") is None and standard_colour("Brain-PTV") is None


def test_no_name_takes_long() -> None:
    start = time.perf_counter()
    for name in (
        "1" * 500,
        "l" * 500,
        "Body" + "1 " * 300,
        "PTV" + "_" * 500,
        "copy of " * 80,
        "tv" * 300,
        " " * 500 + "x",
    ):
        standard_type(name)
    assert time.perf_counter() - start < 0.5, "milliseconds, unless a pattern tries all ways to part a name"


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("Left Parotid", "Parotid_L"), ("parotid gland lt", "Parotid_L"), ("L_Parotid", "Parotid_L"),
        ("RLung", "Lung_R"), ("LungLeft", "Lung_L"), ("Spinal Cord", "SpinalCord"), ("brain stem", "Brainstem"),
        ("Kidney.R^reader2", "Kidney_R"), ("Submandibular (R)", "Glnd_Submand_R"), ("OpticNerve_L", "OpticNrv_L"),
        ("Parotid", ""), ("Left and right lung", ""), ("L", ""), ("", ""), ("PTV_6000", ""), ("Lungs", "Lungs"),
    ],
)  # fmt: skip
def test_a_name_of_another_habit_has_its_standard_name_and_never_a_side_that_it_does_not_say(
    name: str, known: str
) -> None:
    assert standard_name_of(name) == known
