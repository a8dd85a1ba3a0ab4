"""What a model draws on an image of which it knows nothing is told from what it stands for."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from engine.cards.colours import FAR, unlikeness
from engine.cards.registry import find_card
from engine.inference.context import Context
from engine.inference.features import Features
from engine.inference.run import run_card
from engine.inference.scores import Scores
from engine.opening import open_volume
from engine.operations import choose, combine, features, gate, hierarchy, pool
from engine.volume import Geometry, Volume


def test_an_outline_on_an_image_without_an_opinion_says_so(tmp_path: Path) -> None:
    Image.new("L", (288, 224), 90).save(tmp_path / "flat.png")
    result = run_card(find_card("breast-us"), {"us": open_volume(tmp_path / "flat.png")}, device="cpu")
    assert all(score.abstained for score in result.scores)
    (lesion,) = result.rois
    assert lesion.without_opinion and lesion.roi_type == ""
    assert lesion.provenance.description.endswith("(the model gives no opinion on this image)")


def test_a_photograph_of_skin_is_no_ultrasound_however_familiar_its_greys_seem(tmp_path: Path) -> None:
    skin = Image.new("RGB", (160, 120), (205, 140, 150))
    skin.paste((120, 60, 50), (50, 40, 110, 90))
    skin.save(tmp_path / "skin.png")
    picture = open_volume(tmp_path / "skin.png")
    result = run_card(find_card("breast-us"), {"us": picture}, device="cpu")
    assert all("colours of this picture" in score.abstained for score in result.scores)
    assert result.rois[0].without_opinion
    assert not any(
        "colours" in score.abstained for score in run_card(find_card("skin-lesion"), {"photo": picture}).scores
    )


def test_pictures_without_any_colour_are_unlike_those_of_skin_and_pale_ones_of_skin_unlike_ultrasound(
    tmp_path: Path,
) -> None:
    grey, pale = tmp_path / "grey.png", tmp_path / "pale.png"
    Image.new("RGB", (160, 120), (150, 150, 150)).save(grey)
    Image.new("RGB", (160, 120), (135, 85, 80)).save(pale)
    skin, breast = (find_card(name).card.inputs[0].colours for name in ("skin-lesion", "breast-us"))
    assert skin is not None and breast is not None
    assert unlikeness(skin, open_volume(grey)) > FAR and unlikeness(breast, open_volume(pale)) > FAR


CONTEXT = Context(
    find_card("external"), Volume(np.zeros((1, 1, 1)), Geometry.regular((0, 0, 0), np.eye(3), (1, 1, 1), (1, 1, 1)))
)
FAMILIAR = Scores(("a", "b"), np.array([[0.7, 0.3]], np.float32), 0.5, np.ones((1, 3), np.float32), {"b": "Few cases."})
STRANGE = Scores(("a", "b"), np.array([[0.6, 0.4]], np.float32), 3.0, np.ones((1, 3), np.float32))


@pytest.mark.parametrize(
    ("operation", "params", "inputs"),
    [
        (combine, {"how": "mean"}, (FAMILIAR, STRANGE)),
        (pool, {"pool": "mean"}, (FAMILIAR, STRANGE)),
        (gate, {"label": "a"}, (FAMILIAR, STRANGE)),
        (hierarchy, {"parents": {"c": ("a", "b")}}, (STRANGE,)),
        (choose, {"labels": ("a",)}, (STRANGE,)),
        (features, {}, (STRANGE,)),
    ],
)
def test_what_is_made_of_a_strange_image_stays_strange(
    operation: ModuleType, params: dict[str, Any], inputs: tuple[Scores, ...]
) -> None:
    made = operation.run(operation.Params(**params), inputs, CONTEXT)
    assert isinstance(made, Scores | Features) and made.strangeness == 3.0


def test_what_is_said_of_a_label_goes_with_it_under_another_name() -> None:
    chosen = choose.run(choose.Params(labels=("b",), rename={"b": "c"}), (FAMILIAR,), CONTEXT)
    assert isinstance(chosen, Scores) and chosen.notes == {"c": "Few cases."} and chosen.features is not None
    weighed = gate.run(gate.Params(label="a"), (FAMILIAR, FAMILIAR), CONTEXT)
    assert isinstance(weighed, Scores) and weighed.notes == FAMILIAR.notes
