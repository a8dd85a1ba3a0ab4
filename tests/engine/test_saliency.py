"""Where a classifier looked: against the closed form, on its picture, and only where the test was passed."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from PIL import Image
from safetensors.torch import save_file
from torch import nn

from engine.__main__ import commands
from engine.answers import RunOptions
from engine.cards.registry import load_card
from engine.cards.saliency import why_no_map
from engine.cards.schema import Card
from engine.errors import CancelledError, CardError, WriteError
from engine.inference.hirescam import class_maps, last_map
from engine.inference.occlusion import occluded
from engine.inference.picture_networks import EfficientNetLite0, PatchNet
from engine.inference.run import run_card
from engine.progress import silent
from engine.saliency_map import MOST_EDGE, SaliencyMap, map_grid
from engine.saliency_picture import write_saliency
from engine.training.publish import write_card
from engine.training.randomised import likeness, shuffled, with_tests
from engine.volume import Geometry, Volume


class Pooled(nn.Module):
    """A convolution, average pooling and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1), nn.ReLU())
        self.logits = nn.Linear(4, 3)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return self.logits(self.features(image).mean((2, 3)))


def view(rows: int, columns: int, channels: int = 1) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(1, channels, rows, columns)).astype(np.float32)


def test_the_map_is_the_weights_times_the_features_over_the_places() -> None:
    torch.manual_seed(0)
    network, seen = Pooled().eval(), view(8, 12)
    (made,) = class_maps(network, seen, [lambda logits: logits[:, 2]])
    with torch.no_grad():
        features = network.features(torch.from_numpy(seen))[0]
        expected = torch.einsum("c,crk->rk", network.logits.weight[2], features) / (4 * 6)
        score = network(torch.from_numpy(seen))[0, 2] - network.logits.bias[2]
    np.testing.assert_allclose(made, expected.numpy(), rtol=1e-5, atol=1e-7)
    assert made.sum() == pytest.approx(float(score), abs=1e-6)


def test_a_map_of_mirrored_copies_lies_as_the_picture_does() -> None:
    torch.manual_seed(0)
    network, seen = Pooled().eval(), view(9, 13)
    target = [lambda logits: logits[:, 0]]
    (plain,) = class_maps(network, seen, target)
    (turned,) = class_maps(network, seen[..., ::-1].copy(), target)
    (both,) = class_maps(network, seen, target, ("columns",))
    np.testing.assert_allclose(both, (plain + turned[:, ::-1]) / 2, rtol=1e-5, atol=1e-7)


def test_hiding_a_part_loses_what_that_part_gave() -> None:
    class Corner(nn.Module):
        """Twice the mean of the upper left quarter, and nothing else."""

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            rows, columns = image.shape[2] // 2, image.shape[3] // 2
            return 2 * image[:, :, :rows, :columns].mean((1, 2, 3))[:, None]

    seen = np.zeros((1, 1, 32, 48), np.float32)
    seen[..., :16, :24] = 1
    (made,) = occluded(Corner(), seen, [lambda logits: logits[:, 0]], silent)
    assert made.shape == (8, 12)
    # A square of 8 x 8 pixels in the corner of 16 x 24 hides a sixth of it, leaving the mean of the view, a quarter.
    np.testing.assert_allclose(made[:3, :5], 2 * (64 / 384) * 0.75, rtol=1e-5)
    assert np.abs(made[5:]).max() == np.abs(made[:, 7:]).max() == 0


def test_the_first_cards_had_one_test_by_itself() -> None:
    values = json.loads(json.dumps(CARD)) | {
        "saliency": {"node": "spot", "weights": [], "similarity": 0.1, "limit": 0.4, "n": 2, "shuffles": 1}
    }
    assert Card.model_validate(values).saliency[0].method == "hirescam"


@pytest.mark.parametrize(
    ("network", "channels"), [(EfficientNetLite0(3, 4), 3), (PatchNet(1, 4, [8, 16]), 1)], ids=["lite0", "patch"]
)
def test_all_that_the_shipped_networks_see_goes_through_their_last_map(network: nn.Module, channels: int) -> None:
    assert last_map(network.eval(), torch.from_numpy(view(64, 64, channels))) is (
        network.head if isinstance(network, EfficientNetLite0) else network.stages
    )


def test_a_network_with_a_way_past_its_last_map_has_none() -> None:
    class Past(Pooled):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return super().forward(image) + image.mean((1, 2, 3))[:, None]

    with pytest.raises(CardError, match="one feature map"):
        last_map(Past().eval(), torch.from_numpy(view(8, 8) + 1))


def test_shuffled_weights_are_the_same_numbers_elsewhere_and_give_another_map() -> None:
    torch.manual_seed(0)
    network, views = PatchNet(1, 3, [8, 16]).eval(), [view(32, 32)]
    other = shuffled(network, views, torch.Generator().manual_seed(0))
    for before, after in zip(network.parameters(), other.parameters(), strict=True):
        assert torch.equal(before.flatten().sort()[0], after.flatten().sort()[0])
    target = [lambda logits: logits[:, 0]]
    maps = [class_maps(each, views[0], target)[0].ravel() for each in (network, other)]
    assert likeness(maps[0], maps[0]) == pytest.approx(1)
    assert likeness(maps[0], -maps[0]) == pytest.approx(1), "only the sign turned"
    assert likeness(*maps) < 0.9
    assert likeness(maps[0], np.zeros_like(maps[0])) == 1, "a map without content was not seen to change"


CARD = {
    "id": "spots",
    "version": "1",
    "task": "classify",
    "title": "Spots",
    "fidelity": "modern",
    "badge": "runs",
    "inputs": [{"role": "photo", "modality": ["XC"], "units": "rgb"}],
    "preprocess": [{"op": "windows", "params": {"windows": [[0, 255]]}}],
    "graph": [
        {
            "node": "spot",
            "op": "classify",
            "in": ["photo"],
            "params": {
                "network": {"network": "PatchNet", "in_channels": 3, "num_classes": 3, "filters": [8, 16]},
                "view": {"kind": "whole", "pixels": [1, 32, 40]},
                "labels": ["red", "green", "blue"],
            },
        },
        {"node": "sum", "op": "hierarchy", "in": ["spot"], "params": {"parents": {"cold": ["green", "blue"]}}},
    ],
    "outputs": [{"kind": "score", "label": label, "name": f"Is {label}"} for label in ("cold", "red")],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A card whose maps passed; the network was taught nothing."""
    torch.manual_seed(0)
    (tmp_path / "card").mkdir()
    save_file(PatchNet(3, 3, [8, 16]).state_dict(), tmp_path / "card" / "weights.safetensors")
    return with_test(tmp_path / "card", 0.1)


def with_test(folder: Path, similarity: float | None, methods: tuple[str, ...] = ("hirescam",)) -> Path:
    from engine.cards.weights import sha256_of

    sha = sha256_of(folder / "weights.safetensors")
    card = json.loads(json.dumps(CARD))
    card["graph"][0]["weights"] = [{"file": "weights.safetensors", "sha256": sha}]
    if similarity is not None:
        tested = {"node": "spot", "weights": [sha], "similarity": similarity, "limit": 0.4, "n": 12, "shuffles": 3}
        card["saliency"] = [tested | {"method": method} for method in methods]
    write_card(Card.model_validate(card), folder)
    return folder


def picture(rows: int = 48, columns: int = 60) -> Volume:
    voxels = np.random.default_rng(0).integers(0, 255, (1, rows, columns, 3)).astype(np.uint8)
    return Volume(voxels, Geometry.picture((1, rows, columns)), "XC", "rgb")


def test_the_map_of_a_score_lies_on_its_picture(folder: Path) -> None:
    result = run_card(load_card(folder), {"photo": picture()}, device="cpu", options=RunOptions(maps=("cold", "red")))
    cold, red = result.maps
    assert cold.values.shape == red.values.shape == (48, 60)
    # Of three labels, one of which holds, what speaks for two speaks against the third.
    np.testing.assert_allclose(cold.values, -red.values, rtol=1e-3, atol=1e-5)
    assert cold.laid_on(picture()).geometry.same_grid(picture().geometry)
    assert not run_card(load_card(folder), {"photo": picture()}, device="cpu").maps


def test_each_method_needs_a_test_of_its_own(folder: Path) -> None:
    options = RunOptions(maps=("cold",), map_method="occlusion")
    with pytest.raises(CardError, match="by occlusion have not passed"):
        run_card(load_card(folder), {"photo": picture()}, device="cpu", options=options)
    with_test(folder, 0.1, ("hirescam", "occlusion"))
    (made,) = run_card(load_card(folder), {"photo": picture()}, device="cpu", options=options).maps
    assert made.method == "occlusion" and made.values.shape == (48, 60)
    assert len(np.unique(made.values.round(6))) > 20


def test_a_map_stops_when_asked_to(folder: Path) -> None:
    with_test(folder, 0.1, ("occlusion",))
    stages: list[str] = []

    def stop(fraction: float, stage: str) -> None:
        stages.append(stage)
        if stage.startswith("Hiding"):
            raise CancelledError("stopped")

    options = RunOptions(maps=("cold",), map_method="occlusion")
    with pytest.raises(CancelledError):
        run_card(load_card(folder), {"photo": picture()}, device="cpu", options=options, progress=stop)
    assert "of 63" in stages[-1]


@pytest.mark.parametrize(("similarity", "said"), [(0.5, "did not pass"), (None, "have not passed")])
def test_a_card_that_did_not_pass_gives_no_map(folder: Path, similarity: float | None, said: str) -> None:
    with_test(folder, similarity)
    with pytest.raises(CardError, match=said):
        run_card(load_card(folder), {"photo": picture()}, device="cpu", options=RunOptions(maps=("cold",)))


def test_a_test_of_other_weights_does_not_count(folder: Path) -> None:
    card = load_card(folder).card
    assert not why_no_map(card, "cold")
    other = card.saliency[0].model_copy(update={"weights": ("0" * 64,)})
    assert "have not passed" in why_no_map(card.model_copy(update={"saliency": (other,)}), "cold")
    assert "no score 'heat'" in why_no_map(card, "heat")


def test_a_test_that_is_recorded_takes_the_place_of_its_own_kind(folder: Path) -> None:
    card = load_card(with_test(folder, 0.1, ("hirescam", "occlusion"))).card
    again = card.saliency[1].model_copy(update={"similarity": 0.3})
    assert with_tests(card, (again,)) == (card.saliency[0], again)
    other = again.model_copy(update={"weights": ("0" * 64,)})
    assert with_tests(card, (other,)) == (other,), "what was tested were other weights"
    assert with_tests(card, ()) == card.saliency


def test_the_readme_of_a_card_says_what_came_of_the_test(folder: Path) -> None:
    told = (folder / "README.md").read_text(encoding="utf-8")
    assert "2020). Test with shuffled weights (Adebayo et al., 2018): passed." in told
    assert "not passed, so no map" in (with_test(folder, 0.5) / "README.md").read_text(encoding="utf-8")


def test_the_grid_of_the_map_of_a_huge_picture_covers_all_of_it() -> None:
    whole = Geometry.picture((1, 3000, 2001))
    grid = map_grid(whole)
    assert max(grid.shape) <= MOST_EDGE
    for geometry in (whole, grid):
        corners = geometry.lps_from_kji([(0, -0.5, -0.5), (0, geometry.shape[1] - 0.5, geometry.shape[2] - 0.5)])
        np.testing.assert_allclose(corners[:, :2], [(-0.5, -0.5), (2000.5, 2999.5)], atol=1e-9)


def test_what_speaks_against_a_label_is_not_shown() -> None:
    made = SaliencyMap("a", "A", np.array([[-3, 0], [1, 2]], np.float32))
    np.testing.assert_allclose(made.shares, [[0, 0], [0.5, 1]])
    assert not SaliencyMap("a", "A", np.full((2, 2), -1, np.float32)).shares.any()


def test_the_picture_has_the_map_over_it_and_the_words_beneath(folder: Path, tmp_path: Path) -> None:
    (made,) = run_card(load_card(folder), {"photo": picture()}, device="cpu", options=RunOptions(maps=("cold",))).maps
    write_saliency(made, picture(), tmp_path / "map.png", "Spots")
    with Image.open(tmp_path / "map.png") as image:
        assert image.width == 900
        assert image.height > 720, "the words lie beneath"
        shown = np.asarray(image, np.float32)[:720]
    plain = np.asarray(Image.fromarray(picture().voxels[0]).resize((900, 720), Image.Resampling.BICUBIC), np.float32)
    changed = np.abs(shown - plain).max(axis=2)
    share = np.asarray(Image.fromarray(made.shares).resize((900, 720), Image.Resampling.BILINEAR))
    assert changed[share == 0].max(initial=0) <= 1
    assert changed[share > 0.5].min() > 0
    with pytest.raises(WriteError, match=r"does not end in \.png"):
        write_saliency(made, picture(), tmp_path / "map.jpg", "Spots")


def test_run_refuses_a_map_before_anything_is_run(folder: Path, tmp_path: Path) -> None:
    with_test(folder, 0.5)
    call = ["run", str(tmp_path), "--model", str(folder), "-o", str(tmp_path / "a.csv")]
    refused = CliRunner().invoke(commands, [*call, "--saliency", str(tmp_path / "b.png")])
    assert "did not pass the test" in str(refused.exception)
    assert not (tmp_path / "b.png").exists()
