"""A card.json of an imported model that was changed by hand is refused in a sentence that says what does not fit."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from engine.answers import RunOptions
from engine.cards.registry import load_card
from engine.errors import CardError
from engine.importing.source import Wish
from engine.importing.worker import converted
from engine.inference.run import run_card
from engine.progress import silent
from tests.importing.bundles import CLASSIFIERS
from tests.importing.checkpoints import write_checkpoint
from tests.importing.nnunet_models import KINDS
from tests.importing.test_doubt import image_of


@pytest.fixture(scope="module")
def cards(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place, made = tmp_path_factory.mktemp("cards"), {}
    model = KINDS["residual encoder"]
    write_checkpoint(model, place)
    scores = CLASSIFIERS["DenseNet of a volume"].write(place / "scores")
    for kind, source in (("nnU-Net", place / model.name), ("scores", scores)):
        made[kind] = place / f"card of {kind}"
        made[kind].mkdir()
        converted(source, made[kind], Wish(), silent)
    return made


Change = Callable[[dict[str, Any]], object]
CHANGES: dict[str, tuple[str, Change, str]] = {
    "features": ("nnU-Net", lambda params: params["network"]["features"].__setitem__(2, 32),
                 "their 'encoder.stages.2.blocks.0.conv1.conv.weight' is 16 x 8 x 3 x 3 x 3, and by the card it is 32"),
    "blocks": ("nnU-Net", lambda params: params["network"]["blocks"].__setitem__(2, 3), "they have no 'encoder.stages"),
    "norm": ("nnU-Net", lambda params: params["network"]["norm_arguments"].update(affine=False),
             "the card's network has no 'decoder"),
    "patch": ("nnU-Net", lambda params: params["patch"].__setitem__(1, 25), "can't take a patch of 24 x 25 x 24"),
    "size": ("scores", lambda params: params["before"][1].update(size=[32, 32]), "needs 3 numbers"),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGES)
def test_the_sentence_says_what_does_not_fit(what: str, cards: dict[str, Path]) -> None:
    kind, change, said = CHANGES[what]
    file = cards[kind] / "card.json"
    text = file.read_text()
    values = json.loads(text)
    change(values["graph"][0]["params"])
    file.write_text(json.dumps(values))
    try:
        loaded = load_card(cards[kind])
        volume, _ = image_of(0)
        with pytest.raises(CardError) as caught:
            if loaded.problem:
                raise CardError(loaded.problem)
            options = RunOptions(override=True, precision="float32")
            run_card(loaded, {loaded.card.inputs[0].role: volume}, device="cpu", options=options)
    finally:
        file.write_text(text)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)
