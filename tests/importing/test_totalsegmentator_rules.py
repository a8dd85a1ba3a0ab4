"""Tasks of TotalSegmentator that follow rules of their own become cards that follow them."""

import json
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from shapely import MultiPolygon, box

from engine.cards.registry import load_card
from engine.cards.schema import Card
from engine.errors import CardError
from engine.importing.meanings import named
from engine.importing.source import Wish
from engine.importing.worker import converted
from engine.inference.maps import Maps
from engine.inference.nnunet_tidy import grown, grown_into, in_turn, tidied, tidied_maps
from engine.inference.outlines import Outlines
from engine.inference.places import with_margin
from engine.inference.preprocess import prepare
from engine.operations.nnunet import Params
from engine.progress import silent
from engine.shipped import read_list
from engine.volume import Geometry, Volume
from tests.importing.checkpoints import write_checkpoint
from tests.importing.nnunet_models import Model
from tests.importing.peers import needs_nnunet

Json = dict[str, Any]
TABLE = read_list("totalsegmentator.json")
TASKS: dict[str, Json] = {task["task"]: task for task in TABLE["tasks"]}


def asked(script: str, *arguments: str) -> str:
    """What a script prints that the peers' interpreter runs."""
    command = [needs_nnunet(), "-c", textwrap.dedent(script), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def weights_of(number: int, place: Path, *, auxiliary: bool = True) -> None:
    """Random weights of a data set, with TotalSegmentator's labels."""
    task = next(task for task in TABLE["tasks"] if number in task["ids"])
    labels = TABLE["labels"][str(number)] + (task.get("auxiliary", []) if auxiliary else [])
    model = Model(
        name=f"Dataset{number:03}_TotalSegmentator", patch=(8, 8, 8), spacing=(2.0, 2.0, 2.0), features=2,
        reader="NibabelIOWithReorient",
        labels={"background": 0} | {label: value for value, label in enumerate(labels, start=1)},
    )  # fmt: skip
    write_checkpoint(model, place)


def card_of(task: str, place: Path) -> Card:
    """The card of a task, of random weights."""
    needed = [TASKS[task]]
    while needed:
        one = needed.pop()
        for number in one["ids"]:
            weights_of(number, place / "results")
        needed += [TASKS[one[key]["by"]] for key in ("crop", "into") if key in one]
    target = place / "card"
    target.mkdir()
    converted(place / "results", target, Wish(task=task), silent)
    loaded = load_card(target)
    assert not loaded.problem
    return loaded.card


def test_the_table_is_what_totalsegmentator_does() -> None:
    told = json.loads(asked("""
        import json
        from totalsegmentator import map_to_binary as names
        from totalsegmentator.map_tasks_config import DEFAULT_CONFIG, TASK_CONFIGS
        parts = {291: 5, 831: 5, 850: 2, 778: 2}
        tables = [
            (names.class_map_5_parts, names.map_taskid_to_partname_ct),
            (names.class_map_5_parts_total_v3, names.map_taskid_to_partname_ct_v3),
            (names.class_map_parts_mr, names.map_taskid_to_partname_mr),
            (names.class_map_parts_headneck_muscles, names.map_taskid_to_partname_headneck_muscles),
        ]
        of_parts = {number: table[part] for table, ids in tables for number, part in ids.items()}
        out = []
        for name, task in TASK_CONFIGS.items():
            for mode, changes in task.get("sub_modes", {"default": task}).items():
                one = DEFAULT_CONFIG | changes
                ids = one["task_id"] if isinstance(one["task_id"], list) else [one["task_id"]]
                labels = {number: of_parts.get(number, names.class_map.get(name, {})) for number in ids}
                out.append([
                    name if mode == "default" else f"{name}_{mode}",
                    {number: list(own.values()) for number, own in labels.items()},
                    list(names.class_map.get(name + "_auxiliary", {}).values()),
                    one | {"task_id": ids},
                ])
        print(json.dumps(out))
    """))  # fmt: skip
    theirs = {name: rest for name, *rest in told if name not in {"test", "total_highres_test"}}
    assert theirs.keys() == TASKS.keys()
    for name, (labels, auxiliary, task) in theirs.items():
        ours, spacing = TASKS[name], task["resample"]
        assert ours["ids"] == task["task_id"], name
        assert ours["spacing_mm"] == ([spacing] * 3 if isinstance(spacing, float) else spacing), name
        assert ours["free"] != task["commercial"], name
        assert list(ours.get("folds", [0])) == (task["folds"] or []), name
        assert ours.get("auxiliary", []) == auxiliary, name
        assert {number: TABLE["labels"][number] for number in labels} == labels, name
        crop, within = task["crop"], task["remove_outside"]
        assert ours.get("crop", {}).get("around") == crop, name
        if crop:
            usual = "total_fast" if task["robust_crop"] else "total_fastest"
            usual = "total_mr_fast" if ours["modality"] == "MR" else "body_fast" if "body_trunc" in crop else usual
            # Where no model is named, the margin that a task asks for is not what it gets.
            margin = task["crop_addon"][0] if task["crop_model"] else 20
            assert (ours["crop"]["by"], ours["crop"]["margin_mm"]) == (task["crop_model"] or usual, margin), name
        margin = {"labels": within, "margin_mm": task["remove_outside_dilation"]} if within else None
        assert ours.get("within") == margin, name


def bodies(rng: np.random.Generator, first: int, count: int, *, touching: bool) -> NDArray[np.uint8]:
    """[x, y, z] bodies one over another, the topmost last along z; where two touch, one has two labels."""
    labels = np.zeros((20, 18, 9 * count + 3), np.uint8)
    for index in range(count):
        low, size = 2 + 9 * index + int(rng.integers(0, 2)), rng.integers(4, 7)
        labels[5:14, 4 : 4 + size, low : low + size] = first + count - 1 - index
    if touching:
        labels[5:9][labels[5:9] == first] = first + 1
    labels[1, 1, 3 : 3 + int(rng.integers(1, 4))] = first
    return labels


CASES = {
    "from the last one upwards": bodies(np.random.default_rng(0), 21, 4, touching=True),
    "from the first one downwards": bodies(np.random.default_rng(1), 1, 5, touching=True),
    "the lowest in the middle": bodies(np.random.default_rng(2), 8, 4, touching=True),
    "none that touch": bodies(np.random.default_rng(3), 8, 4, touching=False),
    "more than there are names for": np.concatenate(
        [bodies(np.random.default_rng(4), 1, 4, touching=True)] * 7, axis=2
    ),
    "all too small": np.where(bodies(np.random.default_rng(5), 3, 2, touching=True) > 0, 0, 0).astype(np.uint8),
}
CASES["all too small"][3:5, 3, 3] = (4, 5)


def test_bodies_in_a_row_are_named_and_grown_as_totalsegmentator_does(tmp_path: Path) -> None:
    np.savez(tmp_path / "given.npz", **{str(index): labels for index, labels in enumerate(CASES.values())})
    asked(
        """
        import sys
        import numpy as np
        from totalsegmentator import postprocessing
        from totalsegmentator.map_to_binary import class_map
        given, out = np.load(sys.argv[1] + "/given.npz"), {}
        names = class_map["vertebrae_pp"]
        for key in given:
            done = postprocessing.postprocess_vertebrae_pp(given[key].copy(), names, 100, 3.375, (1.5, 1.5, 1.5))
            body = (done > 0) | (np.arange(given[key].shape[1])[:, None] < 8)
            fine = postprocessing.refine_vertebrae_pp_with_body_mask(
                done.copy(), body.astype(np.uint8), names, voxel_spacing=(0.7, 0.9, 3.0)
            )
            out |= {key: done, f"fine{key}": fine, f"body{key}": body}
        np.savez(sys.argv[1] + "/done.npz", **out)
        """,
        str(tmp_path),
    )
    theirs = np.load(tmp_path / "done.npz")
    told: list[str] = []
    for index, (name, labels) in enumerate(CASES.items()):
        geometry = Geometry.regular((0, 0, 0), np.diag([-1.0, -1.0, 1.0]), (1.5, 1.5, 1.5), labels.shape[::-1])
        ours, renamed = tidied(vertebrae(), np.ascontiguousarray(labels.transpose()), geometry, told.append)
        assert np.array_equal(ours.transpose(), theirs[str(index)]), name
        assert renamed == (name != "none that touch")
        fine = Geometry.regular((0, 0, 0), np.eye(3), (0.7, 0.9, 3.0), labels.shape[::-1])
        body = np.ascontiguousarray(theirs[f"body{index}"].transpose())
        by_label = {str(value): ours == value for value in range(1, 25) if (ours == value).any()}
        cut = grown_into(Outlines.of_masks(fine, by_label), body, 2.0)
        again = sum(int(value) * cut.union((), (value,)) for value in by_label) if by_label else np.zeros(fine.shape)
        assert np.array_equal(np.transpose(again), theirs[f"fine{index}"]), name
    assert sum("check their names" in note for note in told) == 4
    assert any("24 more than there are names for" in note or "more than there are names for" in note for note in told)


def vertebrae() -> Params:
    """Of the task of that name."""
    return Params.model_validate(
        {
            "network": {"network": "StagedUNet"}, "dimensions": 3, "spacing_mm": [1.5] * 3, "patch": [8] * 3,
            "channels": [{"scheme": "none"}], "labels": TABLE["labels"]["803"], "axes": "RAS",
            "first_mm": [1.5] * 3, "tidy": TASKS["vertebrae_pp"]["tidy"], "exact": True,
        }
    )  # fmt: skip


def trunk(exact: bool) -> Params:
    """Of the body, with smaller limbs."""
    return Params.model_validate(
        {
            "network": {"network": "StagedUNet"}, "dimensions": 3, "spacing_mm": [1.0] * 3, "patch": [8] * 3,
            "channels": [{"scheme": "none"}], "labels": ["trunk", "limbs"], "exact": exact,
            "tidy": {"largest": ["trunk"], "least_mm3": {"limbs": 8}},
        }
    )  # fmt: skip


@pytest.mark.parametrize("exact", [True, False])
def test_of_the_trunk_the_largest_piece_is_left_and_of_the_limbs_the_large_ones(exact: bool) -> None:
    labels = np.zeros((9, 12, 12), np.uint8)
    labels[1:5, 1:6, 1:6] = 1
    labels[5, 6, 6] = 1  # joined by a corner alone, so another piece
    labels[6:8, 1:3, 1:3] = 2  # 8 mm³ are not more than 8
    labels[6:8, 8:11, 8:11] = 2
    wanted = labels.copy()
    wanted[5, 6, 6] = 0
    wanted[6:8, 1:3, 1:3] = 0
    geometry = Geometry.regular((0, 0, 0), np.eye(3), (1, 1, 1), labels.shape)
    if exact:
        ours, renamed = tidied(trunk(True), labels, geometry, lambda note: None)
        assert not renamed
        assert np.array_equal(ours, wanted)
        return
    maps = Maps(("trunk", "limbs"), prepare(Volume(np.zeros(labels.shape, np.int16), geometry), ()), exclusive=True)
    for k, plane in enumerate(labels):
        maps.add(k, np.stack([np.where(plane == value, 0.9, 0.05) for value in range(3)]).astype(np.float32))
    tidied_maps(trunk(False), maps)
    dense = maps.dense(("trunk", "limbs")) > 0.5
    assert np.array_equal(dense[0], wanted == 1)
    assert np.array_equal(dense[1], wanted == 2)


def test_what_is_grown_takes_nothing_from_others() -> None:
    labels = np.zeros((11, 5, 5), np.uint8)
    labels[2, 2, 2], labels[5, 2, 2] = 1, 2
    out = grown(labels, (1.0, 1.0, 1.0), 2.0)
    # Both reach the middle, and the first comes first.
    assert out[:, 2, 2].tolist() == [1, 1, 1, 1, 1, 2, 2, 2, 0, 0, 0]
    assert not in_turn(np.zeros((4, 4, 4), np.uint8), 24, 5, lambda note: None).any()


def test_outlines_are_kept_within_another_structure_and_its_margin() -> None:
    geometry = Geometry.regular((0, 0, 0), np.eye(3), (2, 2, 2), (5, 20, 20))
    square = {k: MultiPolygon([box(9, 9, 29, 29)]) for k in range(5)}
    heart = Outlines(geometry, {"heart": {k: MultiPolygon([box(9, 9, 19, 19)]) for k in range(1, 4)}, "far": square})
    kept = with_margin(heart.union((), ("heart",)), geometry, 5.0)
    found = Outlines(geometry, {"chamber": square}).keep_where(kept)
    mask = found.union((), ())
    assert mask.sum() == (heart.union((), ("chamber", "heart")) | (kept & mask)).sum()
    # Two steps of 2 mm fit into 5 mm: from face to face, so not around the corner.
    assert mask[2, 5:10, 11].all()
    assert not mask[2, 5:10, 12].any()
    assert not mask[2, 11, 11]


def test_a_task_with_rules_about_voxels_has_no_other_contours_than_those(tmp_path: Path) -> None:
    card = card_of("vertebrae_pp_refined", tmp_path)
    assert [node.node for node in card.graph] == ["part803", "into-part305", "refined"]
    assert not card.options
    assert "outlines of voxels" in card.limits
    assert len(card.outputs) == 24
    first, second, last = (node.params.model_dump() for node in card.graph)
    assert (first["exact"], first["tidy"]["in_turn"], first["tidy"]["grown_mm"]) == (True, True, 3.0)
    assert (tuple(second["only"]), last["into"], last["grown_mm"]) == (("vertebrae_body",), "vertebrae_body", 2.0)


def test_a_task_that_is_cut_to_what_another_finds_is_masked(tmp_path: Path) -> None:
    card = card_of("heartchambers_highres", tmp_path)
    assert [(node.op, node.inputs) for node in card.graph] == [
        ("nnunet", ("ct",)), ("nnunet", ("ct", "around-part297")), ("mask", ("part301", "around-part297")),
    ]  # fmt: skip
    coarse, fine, mask = (node.params.model_dump() for node in card.graph)
    assert set(coarse["only"]) == {"heart", "aorta", "inferior_vena_cava"} == set(mask["labels"])
    assert (tuple(fine["around"]), mask["margin_mm"]) == (("heart",), 10.0)
    assert {output.name for output in card.outputs} >= {"Atrium_L", "Ventricle_R", "A_Aorta"}
    assert "licence number" in card.licence.weights
    assert not card.licence.commercial


def test_the_body_finds_the_part_for_abdominal_muscles(tmp_path: Path) -> None:
    coarse = card_of("abdominal_muscles", tmp_path).graph[0].params.model_dump()
    assert (tuple(coarse["only"]), tuple(coarse["tidy"]["largest"])) == (("body_trunc",), ("body_trunc",))


def test_labels_that_help_a_network_are_not_drawn(tmp_path: Path) -> None:
    card = card_of("kidney_cysts", tmp_path)
    assert [output.label for output in card.outputs] == ["kidney_cyst_left", "kidney_cyst_right"]
    assert card.graph[-1].params.model_dump()["labels"][2:] == ("kidney_left", "kidney_right")
    plain, target = tmp_path / "plain", tmp_path / "second"
    target.mkdir()
    weights_of(789, plain, auxiliary=False)
    weights_of(298, plain)
    converted(plain, target, Wish(task="kidney_cysts"), silent)
    assert len(load_card(target).card.outputs) == 2


def test_weights_with_more_labels_than_a_task_has_are_refused(tmp_path: Path) -> None:
    labels = {"background": 0, "body_trunc": 1, "body_extremities": 2, "tail": 3}
    write_checkpoint(Model(name="Dataset300_TotalSegmentator", labels=labels), tmp_path)
    target = tmp_path / "card"
    target.mkdir()
    with pytest.raises(CardError, match="has other labels than TotalSegmentator's task 'body_fast'"):
        converted(tmp_path, target, Wish(task="body_fast"), silent)


def test_names_are_those_of_tg_263_where_it_has_them() -> None:
    labels = [label for number in TASKS["total"]["ids"] for label in TABLE["labels"][str(number)]]
    names = dict(zip(labels, named(labels).names, strict=True))
    assert names["lung_middle_lobe_right"] == "Lung_RML"
    assert names["rib_left_3"] == "Rib03_L"
    assert names["iliac_vena_right"] == "V_Iliac_R"
    # TG-263 has vertebral bodies, which are less than vertebrae.
    assert names["vertebrae_L3"] == "vertebrae_L3"
    assert len(set(names.values())) == 117
    assert sum(name != label for label, name in names.items()) == 75
