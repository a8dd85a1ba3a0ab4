"""What a model draws on an image of which it knows nothing is told from what it stands for."""

from pathlib import Path

from PIL import Image

from engine.cards.colours import FAR, unlikeness
from engine.cards.registry import find_card
from engine.inference.run import run_card
from engine.opening import open_volume


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
