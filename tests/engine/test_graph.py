"""Graphs of several nodes: crops, probabilities fed forward, votes, hierarchies, classifiers and their views."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from engine.answers import RunOptions
from engine.cards.registry import SHIPPED, load_card
from engine.cards.roles import only_input
from engine.contouring.fill import fill
from engine.errors import CardError
from engine.inference.classify import build_views
from engine.inference.context import Context
from engine.inference.graph import run_nodes
from engine.inference.maps import Maps
from engine.inference.networks import build_network
from engine.inference.preprocess import Prepared, prepare
from engine.inference.run import Result, run_card
from engine.inference.scores import Scores
from engine.operations import choose, combine, gate, hierarchy, pool
from engine.progress import rising, silent
from engine.volume import Geometry, Volume
from tests.engine.models import UNET, network_of, segmenter_node, write_card, write_weights
from tests.engine.phantoms import make_scene

Json = dict[str, Any]
FULL = RunOptions(precision="float32")
CONV: Json = {
    "network": "ConvClassifier", "in_shape": [1, 32, 32], "classes": 2, "channels": [4], "strides": [2],
}  # fmt: skip


#: These operations look at nothing of the run.
CONTEXT = Context(
    load_card(SHIPPED / "external"),
    Volume(np.zeros((1, 1, 1)), Geometry.regular((0, 0, 0), np.eye(3), (1, 1, 1), (1, 1, 1))),
)


@pytest.fixture
def volume() -> Volume:
    """Air with one bright box, 8 × 20 × 24 voxels, off the middle."""
    voxels = np.full((24, 64, 64), -1000, np.int16)
    voxels[6:14, 10:30, 30:54] = 200
    return Volume(voxels, Geometry.regular((3, 5, 7), np.eye(3), (2, 2, 2), voxels.shape), "CT", "HU")


def threshold(name: str, label: str, low: float, takes: str = "ct") -> Json:
    return {"node": name, "op": "threshold", "in": [takes], "params": {"label": label, "low": low}}


def joined(name: str, takes: str, op: str, **params: Any) -> Json:
    return {"node": name, "op": op, "in": takes.split(), "params": params}


def volume_of(result: Result, index: int, volume: Volume) -> float:
    return float(fill({k: c.area for k, c in result.rois[index].planes.items()}, volume.geometry).sum())


def test_a_cascade_cuts_the_image_around_what_the_first_node_found(tmp_path: Path, volume: Volume) -> None:
    graph = [
        threshold("where", "Box", 0),
        joined("around", "ct where", "crop", margin_mm=6, spacing_mm=[1, 1, 1]),
        threshold("fine", "Fine", -400, "around"),
    ]
    loaded = write_card(tmp_path / "m", graph, ["Fine"], preprocess=[{"op": "orient", "params": {}}])
    result = run_card(loaded, only_input(loaded.card, volume))
    assert volume_of(result, 0, volume) == pytest.approx(8 * 20 * 24, rel=0.08)


def test_one_progress_runs_over_all_networks_of_a_card_and_names_them(tmp_path: Path, volume: Volume) -> None:
    first = segmenter_node(tmp_path / "two", (0,))
    second = {**segmenter_node(tmp_path / "two", (1,)), "node": "again"}
    loaded = write_card(
        tmp_path / "two", [first, second], ["Left", {"kind": "mask", "label": "Right", "name": "Right"}]
    )
    told: list[tuple[float, str]] = []
    run_card(loaded, {"ct": volume}, device="cpu", progress=lambda fraction, stage: told.append((fraction, stage)))
    fractions = [fraction for fraction, _ in told]
    assert fractions == sorted(fractions) and fractions[-1] == 1.0
    networks = [fraction for fraction, stage in told if stage.startswith("Network 1 of 2, tile")]
    later = [fraction for fraction, stage in told if stage.startswith("Network 2 of 2, tile 1 of ")]
    assert networks and later and min(later) > max(networks)
    assert 0.4 < min(later) < 0.7, "networks of one size take the same time"


def test_no_network_runs_where_the_weights_of_another_are_altered(tmp_path: Path, volume: Volume) -> None:
    first = segmenter_node(tmp_path / "two", (0,))
    second = {**segmenter_node(tmp_path / "two", (1,)), "node": "again"}
    loaded = write_card(tmp_path / "two", [first, second], ["Left"])
    path = tmp_path / "two" / "weights1.safetensors"
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    tiles: list[int] = []
    with pytest.raises(CardError, match="weights1"):
        run_card(loaded, {"ct": volume}, device="cpu", on_tile=lambda tile, *_: tiles.append(tile))
    assert not tiles


def test_a_quick_run_leaves_the_mirrored_copies_out_and_says_so(tmp_path: Path, volume: Volume) -> None:
    loaded = write_card(tmp_path / "net", [segmenter_node(tmp_path / "net", flips=["left-right"])], ["Left"])
    quick = write_card(
        tmp_path / "quick", [segmenter_node(tmp_path / "quick", flips=["left-right"], quick=True)], ["Left"]
    )
    full, unflipped, quickly = (
        run_card(card, {"ct": volume}, device="cpu", options=replace(FULL, flips=flips))
        for card, flips in ((loaded, None), (loaded, False), (quick, None))
    )
    assert volume_of(quickly, 0, volume) == volume_of(unflipped, 0, volume) != volume_of(full, 0, volume)
    assert "quickly" in " ".join(quickly.notes) and not full.notes


def test_work_that_begins_anew_stands_still_until_it_is_as_far_as_it_was() -> None:
    told: list[float] = []
    progress = rising(lambda fraction, _: told.append(fraction))
    for fraction in (0.1, 0.5, 0.2, 0.4, 0.6):
        progress(fraction, "Tile")
    assert told == [0.1, 0.5, 0.5, 0.5, 0.6]


def test_where_nothing_was_found_a_network_behind_looks_at_all_or_at_nothing(tmp_path: Path, volume: Volume) -> None:
    drawn = []
    for only_found in (False, True):
        around = joined("around", "ct where", "crop", only_found=only_found)
        graph = [threshold("where", "Box", 5000), around, segmenter_node(tmp_path / "m") | {"in": ["around"]}]
        loaded = write_card(tmp_path / "m", graph, ["Left", "Right"])
        drawn.append(run_card(loaded, only_input(loaded.card, volume), options=FULL))
    alone = write_card(tmp_path / "alone", [segmenter_node(tmp_path / "alone")], ["Left", "Right"])
    expected = run_card(alone, only_input(alone.card, volume), options=FULL)
    for at_all, at_nothing, by_itself in zip(drawn[0].rois, drawn[1].rois, expected.rois, strict=True):
        assert by_itself.planes and list(at_all.planes) == list(by_itself.planes)
        assert all(at_all.area(k).equals_exact(by_itself.area(k), 0) for k in by_itself.planes)
        assert not at_nothing.planes


def test_tiles_far_from_what_was_found_are_left_out_and_change_nothing_near_it(tmp_path: Path, volume: Volume) -> None:
    """Beside the box and `near_mm` around it a network knows nothing, and what others say there is not diluted."""
    net = segmenter_node(tmp_path / "m", patch=[16, 16, 16], overlap=0.0) | {"in": ["around"]}
    graphs = {}
    for near_mm, low in ((None, 0), (4, 0), (4, 5000)):
        around = joined("around", "ct where", "crop", margin_mm=200, near_mm=near_mm)
        graphs[near_mm, low] = [threshold("where", "Box", low), around, net]
    drawn, tiles, seen = {}, {}, {}
    for case, graph in graphs.items():
        loaded = write_card(tmp_path / "m", graph, ["Left", "Right"])
        context = Context(loaded, only_input(loaded.card, volume), "cpu", FULL)
        counted: list[int] = []
        context.on_tile = lambda _, count, __, counted=counted: counted.append(count)
        maps = run_nodes(context)["net"]
        assert isinstance(maps, Maps)
        assert counted == [len(counted)] * len(counted)
        drawn[case], tiles[case], seen[case] = maps.dense(maps.labels), len(counted), maps.seen_on(maps.prepared)
    # Of 2 × 4 × 4 tiles, evenly spread, those whose middle is within 4 mm (2 voxels) of the box.
    whole, near = drawn[None, 0], drawn[4, 0]
    box = np.zeros(volume.voxels.shape, np.bool_)
    box[4:16, 8:32, 28:56] = True
    assert tiles[None, 0] == 32 and tiles[4, 0] == 2 * 2 * 3
    assert seen[None, 0].all() and seen[4, 0][box].all() and not seen[4, 0].all()
    assert np.array_equal(whole[:, box], near[:, box]) and (whole[:, box] > 0.5).any()
    assert not near[:, ~seen[4, 0]].any() and whole[:, ~seen[4, 0]].any()
    # Where nothing was found, nobody knows where it would be.
    assert tiles[4, 5000] == 32 and np.array_equal(drawn[4, 5000], whole)


def test_probabilities_are_fed_forward_as_channels(tmp_path: Path, volume: Volume) -> None:
    arguments = UNET | {"in_channels": 2}
    params = {"arguments": arguments, "patch": [24, 64, 64]}  # in one tile
    node = segmenter_node(tmp_path / "m", **params) | {"in": ["fed"]}
    image = (volume.voxels.astype(np.float32) + 500).clip(0, 1000) / 500 - 1
    fed_masks = []
    for low in (0, 5000):  # the first node finds the box, or nothing
        graph = [threshold("where", "Box", low), joined("fed", "ct where", "concatenate"), node]
        loaded = write_card(tmp_path / "m", graph, ["Left", "Right"])
        result = run_card(loaded, only_input(loaded.card, volume), options=FULL)
        channels = np.stack([image, (volume.voxels >= low).astype(np.float32)])[None]
        with torch.inference_mode():
            answer = torch.softmax(network_of(arguments)(torch.from_numpy(channels)), 1)[0]
        drawn = fill({k: c.area for k, c in result.rois[0].planes.items()}, volume.geometry)
        expected = (answer.argmax(0) == 1).numpy()
        assert 0.01 < expected.mean() < 0.99
        # Ties of probabilities that are kept in half precision may go either way.
        assert (drawn != expected).mean() < 2e-3
        fed_masks.append(expected)
    assert (fed_masks[0] != fed_masks[1]).mean() > 0.01


def test_a_mask_of_one_node_limits_another(tmp_path: Path, volume: Volume) -> None:
    graph = [
        threshold("all", "Everything", -2000),
        threshold("where", "Box", 0),
        joined("inside", "all where", "mask"),
    ]
    outputs = [{"kind": "mask", "label": "Everything", "name": "Inside", "node": "inside"}]
    loaded = write_card(tmp_path / "m", graph, outputs)
    result = run_card(loaded, only_input(loaded.card, volume))
    assert volume_of(result, 0, volume) == 8 * 20 * 24


def test_a_threshold_is_kept_inside_the_body_outline(tmp_path: Path) -> None:
    volume = make_scene(planes=12, spacing=(3.0, 3.0, 4.0)).volume
    voxels = volume.voxels.copy()
    voxels[:, 3:9, 10:60] = 300  # as dense, and no part of the patient
    volume = replace(volume, voxels=voxels)
    body = {"node": "body", "op": "body_outline", "in": ["ct"], "params": {}}
    graph = [threshold("dense", "Dense", -300), body, joined("inside", "dense body", "mask")]
    outputs = [{"kind": "mask", "label": "Dense", "name": name, "node": node}
               for name, node in (("All", "dense"), ("Inside", "inside"))]  # fmt: skip
    outputs += [{"kind": "mask", "label": "External", "name": "External"}]
    loaded = write_card(tmp_path / "m", graph, outputs, preprocess=[{"op": "orient", "params": {}}])
    result = run_card(loaded, only_input(loaded.card, volume))
    everything, inside, body_voxels = (
        fill({k: c.area for k, c in roi.planes.items()}, volume.geometry) for roi in result.rois
    )
    assert (everything & ~body_voxels).sum() >= 12 * 6 * 50
    assert np.array_equal(inside, everything & body_voxels)


def maps_of(volume: Volume, *values: float) -> Maps:
    prepared = prepare(volume, [])
    dense = np.stack([np.full(prepared.shape, value, np.float32) for value in values])
    return Maps.from_dense([f"c{k}" for k in range(len(values))], prepared, dense)


@pytest.mark.parametrize(
    ("how", "expected"), [("mean", 0.5), ("max", 0.8), ("product", 0.8 * 0.6 * 0.1), ("vote", 2 / 3)]
)
def test_answers_are_combined(volume: Volume, how: Any, expected: float) -> None:
    maps = [maps_of(volume, value) for value in (0.8, 0.6, 0.1)]
    found = combine.run(combine.Params(how=how), maps, CONTEXT)
    assert isinstance(found, Maps)
    assert found.dense(["c0"]).mean() == pytest.approx(expected, abs=2e-3)
    scores = [Scores(("c0",), np.array([[value]], np.float32)) for value in (0.8, 0.6, 0.1)]
    one = combine.run(combine.Params(how=how), scores, CONTEXT)
    assert isinstance(one, Scores) and one.of("c0") == pytest.approx(expected, abs=1e-3)


def test_a_label_is_combined_over_the_answers_that_have_it(volume: Volume) -> None:
    prepared = prepare(volume, [])

    def maps(**values: float) -> Maps:
        dense = np.stack([np.full(prepared.shape, value, np.float32) for value in values.values()])
        return Maps.from_dense(tuple(values), prepared, dense, exclusive=True)

    found = combine.run(combine.Params(how="mean"), [maps(a=0.2, b=0.8), maps(a=0.6), maps(c=0.3)], CONTEXT)
    assert isinstance(found, Maps) and found.labels == ("a", "b", "c")
    # Together they would be more than 1, so none is left for the background.
    assert [found.dense([name]).mean() for name in "abc"] == pytest.approx([0.4 / 1.5, 0.8 / 1.5, 0.3 / 1.5], abs=2e-3)


@pytest.mark.parametrize(
    ("how", "both", "alone"), [("mean", 0.4, 0.6), ("max", 0.6, 0.6), ("product", 0.12, 0.6), ("vote", 0.5, 1.0)]
)
def test_what_a_network_was_not_shown_is_left_to_the_others(
    volume: Volume, how: Any, both: float, alone: float
) -> None:
    whole = prepare(volume, [])
    cut = whole.recut((slice(4, 12), slice(10, 20), slice(10, 30)), None, silent)
    blank = replace(whole, values=np.full_like(whole.values, -1000), outside=-1000.0)

    def maps(prepared: Prepared, value: float) -> Maps:
        return Maps.from_dense(["a"], prepared, np.full((1, *prepared.shape), value, np.float32))

    found = combine.run(combine.Params(how=how), [maps(whole, 0.6), maps(cut, 0.2), maps(blank, 0.0)], CONTEXT)
    assert isinstance(found, Maps)
    expected = np.full(whole.shape, alone)
    expected[4:12, 10:20, 10:30] = both
    assert found.dense(["a"])[0] == pytest.approx(expected, abs=2e-3)


def test_leaves_are_summed_to_their_parents_and_labels_chosen_and_renamed() -> None:
    scores = Scores(("a", "b", "c"), np.array([[0.2, 0.3, 0.5]], np.float32))
    tree = hierarchy.run(hierarchy.Params(parents={"ab": ("a", "b"), "c": ("c",)}), [scores], CONTEXT)
    assert isinstance(tree, Scores) and tree.of("ab") == pytest.approx(0.5)
    chosen = choose.run(choose.Params(labels=("b",), rename={"b": "other"}), [scores], CONTEXT)
    assert isinstance(chosen, Scores) and chosen.labels == ("other",) and chosen.of("other") == pytest.approx(0.3)


@pytest.mark.parametrize(
    ("how", "expected"),
    [
        ("mean", [0.5, 0.5]),
        ("max", [0.9, 0.8]),
        ("noisy_or", [1 - 0.1 * 0.8 * 0.6, 1 - 0.9 * 0.2 * 0.4]),
        ("vote", [1 / 3, 2 / 3]),
        ("share", [1 / 3, 2 / 3]),
    ],
)
def test_views_are_pooled(how: Any, expected: list[float]) -> None:
    views = Scores(("a", "b"), np.array([[0.9, 0.1], [0.2, 0.8], [0.4, 0.6]], np.float32))
    made = pool.run(pool.Params(pool=how), [views], CONTEXT)
    assert made.values == pytest.approx(np.array([expected]), abs=1e-6)


def test_where_nothing_was_found_nothing_is_likely_or_it_is_told() -> None:
    none = Scores(("a",), np.zeros((0, 1), np.float32))
    assert pool.run(pool.Params(pool="noisy_or"), [none], CONTEXT).of("a") == 0
    with pytest.raises(CardError, match="Nothing was found"):
        pool.run(pool.Params(pool="mean"), [none], CONTEXT)
    with pytest.raises(CardError, match="Nothing was found"):
        none.of("a")


def test_what_is_not_believed_is_not_asked_further() -> None:
    kinds = Scores(("ductal", "lobular"), np.array([[0.75, 0.25]], np.float32))
    judge = Scores(("malignant", "benign"), np.array([[0.4, 0.6]], np.float32))
    given = gate.run(gate.Params(label="malignant"), [kinds, judge], CONTEXT)
    assert isinstance(given, Scores) and given.values[0] == pytest.approx([0.3, 0.1])
    shut = gate.run(gate.Params(label="malignant", how="level"), [kinds, judge], CONTEXT)
    assert isinstance(shut, Scores) and not shut.values.any()
    assert any("'malignant' is not believed" in note for note in CONTEXT.notes)


def test_a_classifier_gives_its_scores_and_an_ensemble_their_mean(tmp_path: Path, volume: Volume) -> None:
    weights, networks = [], []
    for seed in (0, 1):
        torch.manual_seed(seed)
        networks.append(build_network(CONV).eval())
        weights.append(write_weights(tmp_path / "m", f"c{seed}", networks[-1]))
    node = {
        "node": "kind", "op": "classify", "in": ["ct"], "weights": weights,
        "params": {"network": CONV, "labels": ["yes", "no"], "view": {"kind": "montage", "pixels": [1, 16, 16],
                                                                      "grid": [2, 2]}},
    }  # fmt: skip
    outputs = [{"kind": "score", "label": "yes", "name": "Finding", "threshold": 0.4}]
    loaded = write_card(tmp_path / "m", [node], outputs, task="classify")
    result = run_card(loaded, only_input(loaded.card, volume))
    view = torch.from_numpy(build_views(loaded.card.graph[0].params, prepare(volume, loaded.card.preprocess), None))
    with torch.inference_mode():
        expected = np.mean([float(torch.softmax(network(view), 1)[0, 0]) for network in networks])
    (score,) = result.scores
    assert (score.name, score.threshold) == ("Finding", 0.4) and score.value == pytest.approx(expected, abs=0.01)
    assert result.rois == ()
