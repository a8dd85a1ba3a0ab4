"""What is anatomically unlikely is told, with its place; what persons drew is mostly left in peace."""

from collections.abc import Mapping

import numpy as np
import pytest
from shapely import MultiPolygon, Point, box, union_all

from engine.flags.anatomy import anatomy_of
from engine.flags.flag import Flag
from engine.flags.table import FLAGS, Flagging, find_flags, flag_sentence
from engine.structures import PlaneContours, Roi, StructureSet
from engine.volume import Geometry, Volume

#: The patient's left is at rising columns.
GEOMETRY = Geometry.regular((-100, -100, 0), np.eye(3), (2.0, 2.0, 3.0), (24, 100, 100))


def ball(u: float, v: float, plane: int = 12, radius: float = 18.0) -> dict[int, MultiPolygon]:
    heights = {k: 3.0 * (k - plane) for k in range(GEOMETRY.shape[0])}
    inside = {k: radius**2 - height**2 for k, height in heights.items() if abs(height) < radius}
    return {k: MultiPolygon([Point(u, v).buffer(left**0.5)]) for k, left in inside.items()}


def roi(number: int, name: str, areas: Mapping[int, MultiPolygon], roi_type: str = "ORGAN") -> Roi:
    planes = {k: PlaneContours(area) for k, area in areas.items()}
    return Roi(number, name, roi_type=roi_type, planes=planes)


def together(*areas: Mapping[int, MultiPolygon]) -> dict[int, MultiPolygon]:
    keys = sorted({k for each in areas for k in each})
    joined = {k: union_all([each[k] for each in areas if k in each]) for k in keys}
    return {k: area if isinstance(area, MultiPolygon) else MultiPolygon([area]) for k, area in joined.items()}


def flags_of(*rois: Roi, volume: Volume | None = None) -> list[tuple[str, tuple[str, ...], int]]:
    structures = StructureSet(GEOMETRY, rois)
    return [(flag.kind, flag.names, flag.plane) for flag in find_flags(structures, [r.number for r in rois], volume)]


def test_organs_as_they_should_be_have_no_flag() -> None:
    rois = [
        roi(1, "Parotid_R", ball(50, 100)), roi(2, "Parotid_L", ball(150, 100)), roi(3, "Brainstem", ball(100, 100)),
        roi(4, "GTV", together(ball(150, 100), ball(30, 30, radius=8)), "GTV"),
        roi(5, "SpinalCord", {k: MultiPolygon([Point(100, 150).buffer(6)]) for k in range(24)}),
        roi(6, "LN_Neck", together(ball(20, 150, radius=8), ball(180, 150, radius=8))),
    ]  # fmt: skip
    assert flags_of(*rois) == []


def test_left_and_right_by_the_names_and_the_patient_not_by_the_picture() -> None:
    swapped = [roi(1, "Kidney_L", ball(50, 100)), roi(2, "Kidney_R", ball(150, 100))]
    assert flags_of(*swapped) == [("swapped sides", ("Kidney_L", "Kidney_R"), 12)]
    # The same areas in an image whose columns rise towards the right: a patient seen from above, or lying prone.
    turned = Geometry.regular((100, -100, 72), np.diag([-1.0, 1.0, -1.0]), (2.0, 2.0, 3.0), (24, 100, 100))
    assert find_flags(StructureSet(turned, tuple(swapped)), [1, 2]) == ()
    assert [flag.kind for flag in find_flags(StructureSet(turned, (roi(1, "kidney_right", ball(50, 100)),
            roi(2, "kidney_left", ball(150, 100)))), [1])] == ["swapped sides"]  # fmt: skip


@pytest.mark.parametrize(
    "names", [("left kidney", "right kidney"), ("kidney_l", "kidney_r"), ("Niere links", "Rechte Niere")]
)
def test_free_names_are_told_apart_by_their_sides(names: tuple[str, str]) -> None:
    assert flags_of(roi(1, names[0], ball(150, 100)), roi(2, names[1], ball(50, 100))) == []
    swapped = flags_of(roi(1, names[0], ball(50, 100)), roi(2, names[1], ball(150, 100)))
    assert [(kind, told) for kind, told, _ in swapped] == [("swapped sides", names)]
    over = flags_of(roi(1, names[0], ball(100, 100)), roi(2, names[1], ball(102, 100)))
    assert "overlap" in [kind for kind, *_ in over]


def test_one_of_a_pair_on_the_other_side_of_the_middle() -> None:
    rois = [roi(1, "Parotid_L", ball(50, 100)), roi(2, "Brainstem", ball(100, 100))]
    assert flags_of(*rois) == [("swapped sides", ("Parotid_L",), 12)]
    assert flags_of(rois[0]) == [], "nothing tells where the middle is"


def test_the_second_piece_is_told_with_its_place() -> None:
    whole = roi(1, "Parotid_L", together(ball(140, 100), ball(40, 40, plane=14, radius=9)))
    (flag,) = find_flags(StructureSet(GEOMETRY, (whole,)), [1])
    assert flag.kind == "several pieces"
    assert flag.text == "Parotid_L is in 2 pieces; the second, of 3 cm³, lies on planes 13 to 17."
    assert flag.plane == 14
    np.testing.assert_allclose(flag.point_lps, (-60, -60, 42), atol=2.5)
    crumb = roi(1, "Parotid_L", together(ball(140, 100), {12: MultiPolygon([box(40, 40, 41, 41)])}))
    assert flags_of(crumb) == []


def test_what_runs_on_may_be_in_two_limbs_at_its_end() -> None:
    limbs = {k: MultiPolygon([Point(100, 120).buffer(12)]) for k in range(20)}
    limbs |= {k: MultiPolygon([Point(100, 120).buffer(12), Point(120, 60).buffer(12)]) for k in range(15, 20)}
    assert flags_of(roi(1, "A_Aorta", limbs)) == []
    limbs |= {20: MultiPolygon([Point(100, 120).buffer(12)])}
    assert flags_of(roi(1, "A_Aorta", limbs)) == [("several pieces", ("A_Aorta",), 17)]


def test_empty_planes_inside() -> None:
    areas = {k: area for k, area in ball(100, 100).items() if k not in (11, 12, 15)}
    (flag,) = find_flags(StructureSet(GEOMETRY, (roi(1, "Liver", areas),)), [1])
    assert (flag.kind, flag.plane) == ("empty planes", 11)
    assert flag.text == "Liver has nothing on planes 12 to 13 and 16, and is drawn on both sides of them."


def test_an_organ_that_ends_flat_and_one_that_the_image_cuts() -> None:
    upper = {k: area for k, area in ball(100, 100, radius=24).items() if k >= 12}
    assert flags_of(roi(1, "Liver", upper)) == [("flat end", ("Liver",), 12)]
    assert flags_of(roi(1, "Esophagus", upper)) == [], "what runs on ends where it is no longer drawn"
    assert flags_of(roi(1, "Liver", ball(100, 100, plane=22))) == [("image border", ("Liver",), 23)]
    assert flags_of(roi(1, "Liver", ball(190, 100)))[0][0] == "image border"


def test_the_body_may_touch_the_ends_of_the_image_but_not_its_sides() -> None:
    inside = {k: MultiPolygon([Point(100, 100).buffer(80)]) for k in range(24)}
    assert flags_of(roi(1, "External", inside, "EXTERNAL")) == []
    cut = {k: MultiPolygon([box(-1, 40, 150, 160)]) for k in range(24)}
    assert flags_of(roi(1, "External", cut, "EXTERNAL")) == [("image border", ("External",), 12)]


def test_structures_that_exclude_each_other_share_no_place() -> None:
    rois = [roi(1, "Liver", ball(60, 100)), roi(2, "Kidney_R", ball(85, 100)), roi(3, "External", ball(60, 100))]
    (flag,) = find_flags(StructureSet(GEOMETRY, tuple(rois)), [1, 2, 3])
    assert (flag.kind, flag.names) == ("overlap", ("Liver", "Kidney_R"))
    shared = sum(rois[0].area(k).intersection(rois[1].area(k)).area for k in range(24)) * 3 / 1000
    assert f"share {shared:.2g} cm³" in flag.text
    assert find_flags(StructureSet(GEOMETRY, tuple(rois)), [3]) == (), "neither of the two is asked about"
    assert flags_of(roi(1, "Brain", ball(60, 100)), roi(2, "Brainstem", ball(60, 100, radius=9))) == []
    touching = [roi(1, "Liver", {5: MultiPolygon([box(20, 20, 40, 40)])}),
                roi(2, "Spleen", {5: MultiPolygon([box(39.9, 20, 80, 40)])})]  # fmt: skip
    assert [kind for kind, _, _ in flags_of(*touching)] == []


@pytest.fixture(scope="module")
def ct() -> Volume:
    """A cylinder of water with an airway in it, in air."""
    rows, columns = np.mgrid[:100, :100]
    plane = np.where((rows - 50) ** 2 + (columns - 50) ** 2 < 40**2, 0, -1000)
    plane[45:55, 45:55] = -1000
    return Volume(np.repeat(plane[None], 24, axis=0).astype(np.int16), GEOMETRY, "CT", "HU")


def test_outside_the_body_is_told_where_a_ct_shows_it(ct: Volume) -> None:
    out = roi(1, "Parotid_R", ball(20, 60))
    (flag,) = find_flags(StructureSet(GEOMETRY, (out,)), [1], ct)
    assert flag.kind == "outside the body"
    u, v = GEOMETRY.plane_from_lps(flag.plane, flag.point_lps)[0]
    assert out.area(flag.plane).contains(Point(u, v)) and np.hypot(u - 100, v - 100) > 80
    assert flags_of(out) == [], "without the image nobody knows"
    assert flags_of(roi(1, "Larynx", ball(100, 100, radius=12)), volume=ct) == [], "an airway is inside"
    assert flags_of(roi(1, "PTV", ball(20, 60), "PTV"), volume=ct) == [], "a target may reach into the air"


def test_what_did_not_change_is_not_reckoned_anew(monkeypatch: pytest.MonkeyPatch, ct: Volume) -> None:
    looked: list[str] = []
    pieces = FLAGS["several pieces"]
    monkeypatch.setitem(FLAGS, "several pieces", type(pieces)(
        alone=lambda subject, patient: looked.append(subject.roi.name) or ()))  # fmt: skip
    liver, spleen = roi(1, "Liver", ball(60, 100)), roi(2, "Spleen", ball(150, 100))
    flagging = Flagging()
    flagging.find(StructureSet(GEOMETRY, (liver, spleen)), [1, 2], ct)
    flagging.find(StructureSet(GEOMETRY, (liver, spleen.with_areas({3: MultiPolygon()}))), [1, 2], ct)
    assert looked == ["Liver", "Spleen", "Spleen"]


def test_names_of_other_habits_have_their_sides() -> None:
    known = {name: (anatomy_of(name).base, anatomy_of(name).side) for name in
             ("Parotid_L", "rib_left_1", "vertebrae_L1", "Left Kidney", "L", "A_LAD", "Lobe_Temporal_R")}  # fmt: skip
    assert known == {
        "Parotid_L": ("parotid", "L"), "rib_left_1": ("rib 1", "L"), "vertebrae_L1": ("vertebrae l1", ""),
        "Left Kidney": ("kidney", "L"), "L": ("l", ""), "A_LAD": ("a lad", ""),
        "Lobe_Temporal_R": ("lobe temporal", "R"),
    }  # fmt: skip


def test_a_sentence_names_the_first_and_counts_the_rest() -> None:
    rois = tuple(roi(n, f"Kidney_{'LR'[n % 2]}", ball(190, 100)) for n in (1, 2))
    sentence = flag_sentence(find_flags(StructureSet(GEOMETRY, rois), [1, 2]))
    assert sentence.startswith(f"{len(find_flags(StructureSet(GEOMETRY, rois), [1, 2]))} things are anatomically")
    assert flag_sentence(()) == ""


def test_a_sentence_brings_together_what_is_of_a_kind() -> None:
    flags = [Flag("flat end", (n,), (name,), "", "ends flat", 0, (0, 0, 0)) for n, name in enumerate("ABCDE")]
    flags.append(Flag("several pieces", (9,), ("F",), "", "in 2 pieces", 0, (0, 0, 0)))
    assert flag_sentence(flags) == (
        "6 things are anatomically unlikely: flat end 5 times (A, B, C and 2 more); F in 2 pieces."
    )
