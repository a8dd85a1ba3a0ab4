"""Where the network looked, in the window: asked for beneath a score, as a layer that says what it is not."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from safetensors.torch import save_file

from engine.answers import Score, key_of
from engine.cards.registry import LoadedCard, load_card
from engine.cards.schema import Card
from engine.cards.weights import sha256_of
from engine.inference.picture_networks import PatchNet
from engine.saliency_map import NO_PROOF
from engine.training.publish import write_card
from engine.volume import Geometry, Volume
from tests.engine.test_saliency import CARD
from tests.viewer.hand import CTRL, LEFT, SHIFT, Hand, pixels
from tests.viewer.see import phantom
from viewer.features.saliency import Saliency
from viewer.session import View
from viewer.widgets.cards_panel import CardsPanel
from viewer.widgets.findings_panel import FindingsPanel


def card(folder: Path, similarity: float = 0.1) -> LoadedCard:
    """Of a network that was taught nothing, whose maps are said to be so like those of shuffled weights."""
    folder.mkdir()
    torch.manual_seed(0)
    save_file(PatchNet(3, 3, [8, 16]).state_dict(), folder / "weights.safetensors")
    sha = sha256_of(folder / "weights.safetensors")
    values = json.loads(json.dumps(CARD))
    values["graph"][0]["weights"] = [{"file": "weights.safetensors", "sha256": sha}]
    tested = {"node": "spot", "weights": [sha], "similarity": similarity, "limit": 0.4, "n": 12, "shuffles": 3}
    values["saliency"] = [tested, tested | {"method": "occlusion"}]
    write_card(Card.model_validate(values), folder)
    return load_card(folder)


def picture(seed: int = 0) -> Volume:
    voxels = np.random.default_rng(seed).integers(0, 255, (1, 48, 60, 3)).astype(np.uint8)
    volume = Volume(voxels, Geometry.picture((1, 48, 60)), "XC", "rgb")
    return replace(volume, info=replace(volume.info, description=f"picture {seed}"))


def ran(hand: Hand, loaded: LoadedCard) -> Saliency:
    """The model has been run on the picture, and its first score is looked at."""
    cards = hand.window.findChild(CardsPanel)
    # The window reads the models' folders by itself, once it is seen.
    hand.wait_until(lambda: bool(cards.cards), 20)
    cards.show_cards([loaded])
    cards.run_button.click()
    hand.wait_until(lambda: bool(hand.session.document.scores), 60)
    hand.session.set_active_finding(key_of(hand.session.document.scores[0]))
    hand.window.findChild(FindingsPanel).view.setFocus()
    hand.settle()
    return hand.window.findChild(Saliency)


@pytest.mark.slow
def test_a_map_lies_over_its_picture_until_it_is_hidden_or_another_picture_opens(window: Hand, tmp_path: Path) -> None:
    window.open(picture())
    feature = ran(window, card(tmp_path / "card"))
    row, session, pane = feature.row, window.session, window.pane(View.AXIAL)
    document = session.document
    assert row.isVisibleTo(window.window) and row.words.isHidden()
    before = pixels(pane)
    QTest.mouseClick(row.button, LEFT)
    window.wait_until(lambda: len(session.layers) == 2, 60)
    assert row.words.text() == NO_PROOF and not row.words.isHidden()
    assert "no proof of place" in pane.scene.annotations.title, "wherever the map is seen, also on a screenshot"
    shown = pixels(pane)
    assert np.abs(shown.astype(int) - before).max() > 50
    row.opacity.setValue(20)
    assert session.layers[1].opacity == pytest.approx(0.2)
    hirescam = session.layers[1].volume.voxels
    # By the other method, which is another map.
    row.method.setFocus()
    QTest.keyClick(row.method, Qt.Key.Key_Down)
    window.wait_until(
        lambda: len(session.layers) == 2 and not np.allclose(session.layers[1].volume.voxels, hirescam), 60
    )
    assert session.document is document, "to look changes nothing"
    pane.setFocus()
    window.key(Qt.Key.Key_J, SHIFT)
    assert len(session.layers) == 1 and "proof" not in pane.scene.annotations.title
    # What was computed is shown again at once.
    window.key(Qt.Key.Key_J, SHIFT)
    assert len(session.layers) == 2
    # The next score has another map.
    session.set_active_finding(key_of(session.document.scores[1]))
    assert len(session.layers) == 1
    window.key(Qt.Key.Key_J, SHIFT)
    window.wait_until(lambda: len(session.layers) == 2, 60)
    window.open(picture(1))
    assert len(session.layers) == 1 and "proof" not in pane.scene.annotations.title
    assert not row.isVisibleTo(window.window)


@pytest.mark.slow
def test_a_map_that_is_under_way_is_stopped_or_left_behind(window: Hand, tmp_path: Path) -> None:
    window.open(picture())
    feature = ran(window, card(tmp_path / "card"))
    window.key(Qt.Key.Key_J, SHIFT)
    assert feature.row.cancel.isVisibleTo(feature.row) and not feature.row.button.isEnabled()
    QTest.mouseClick(feature.row.cancel, LEFT)
    window.wait_until(feature.row.button.isEnabled, 20)
    assert len(window.session.layers) == 1 and not feature.row.cancel.isVisibleTo(feature.row)
    # The score goes with undo, and its map with it.
    session = window.session
    window.key(Qt.Key.Key_J, SHIFT)
    window.wait_until(lambda: len(session.layers) == 2, 60)
    window.key(Qt.Key.Key_Z, CTRL)
    assert not session.document.scores and len(session.layers) == 1
    window.key(Qt.Key.Key_Y, CTRL)
    session.set_active_finding(key_of(session.document.scores[0]))
    # Not the map that is there already, but one on its way.
    feature.row.method.setCurrentIndex(1)
    window.key(Qt.Key.Key_J, SHIFT)
    window.open(picture(1))
    window.wait_until(lambda: not feature.row.cancel.isVisibleTo(feature.row), 20)
    assert len(window.session.layers) == 1


def test_no_map_is_offered_of_a_card_that_did_not_pass_or_of_other_weights(window: Hand, tmp_path: Path) -> None:
    window.open(picture())
    passed, failed = card(tmp_path / "passed"), card(tmp_path / "failed", similarity=0.9)
    feature = window.window.findChild(Saliency)
    cards, made = window.window.findChild(CardsPanel), failed.card.weights[0].sha256
    score = Score(1, "cold", "Is cold", 0.5)
    provenance = replace(score.provenance, algorithm="spots", weights_sha256=made)
    window.wait_until(lambda: bool(cards.cards), 20)
    for shown, weights, offered in ((passed, made, True), (failed, made, False), (passed, "0" * 64, False)):
        cards.show_cards([shown])
        document = replace(
            window.session.document, scores=(replace(score, provenance=replace(provenance, weights_sha256=weights)),)
        )
        window.session._document = document
        window.session.set_active_finding(None)
        window.session.set_active_finding(key_of(document.scores[0]))
        assert feature.row.isVisibleTo(window.window) is offered


def test_the_map_of_one_volume_is_no_layer_for_another_of_the_same_frame() -> None:
    from viewer.layers import on_base
    from viewer.looks import base_layer, layer_over

    first, second = phantom(), phantom(modality="MR")
    info = replace(first.info, frame_of_reference_uid="1.2.3", series_uid="1.2.4")
    first, second = replace(first, info=info), replace(second, info=replace(info, series_uid="1.2.5"))
    third = replace(first, info=replace(info, series_uid="1.2.6"))
    over = (layer_over(third, third), replace(layer_over(third, third), derived="computed"))
    kept, _ = on_base(base_layer(second, second), (base_layer(first, first), *over), None)
    assert [layer.derived for layer in kept] == ["", ""]
    again, _ = on_base(base_layer(first, first), (base_layer(first, first), *over), None)
    assert [layer.derived for layer in again] == ["", "", "computed"]
