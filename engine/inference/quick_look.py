"""The first network of a card, as a quick look: are the structures that the card is about in this image at all?"""

from engine.cards.suitability import region_words
from engine.errors import UnsuitableInputError
from engine.inference.context import AGAINST, Context
from engine.inference.maps import Maps

#: A structure counts as found where the network is this sure of it over this volume, mm³. The network for head and neck
#: was as sure of 0.5 cm³ at most of anything in thighs and of what lies not in a trunk; of 1.2 cm³ and more in heads.
SURE, LEAST_MM3 = 0.8, 1000.0
#: An image that lacks more than three quarters of the structures is of another part of the body.
LEAST_SHARE = 0.25
#: Interpreted types of what may not be there.
_TARGETS = ("GTV", "CTV", "PTV")


def check_found(context: Context, maps: Maps) -> None:
    """Stop the run where the first network found hardly any of its structures; a run that was told to go on notes it.

    Targets don't count: that a tumour is not found is an answer. Nor is anything asked of a card without regions, or of
    an image without millimetres.

    Raises:
        UnsuitableInputError: hardly any was found; a person may override it.
    """
    image = context.card.inputs[0]
    targets = {output.label for output in context.card.outputs if output.kind == "mask" and output.roi_type in _TARGETS}
    labels = [label for label in maps.labels if label not in targets]
    if not image.regions or not labels or context.inputs[image.role].geometry.unit != "mm":
        return
    found = [label for label in labels if _is_found(maps, label)]
    if len(found) >= LEAST_SHARE * len(labels):
        return
    count = "none" if not found else f"only {len(found)}"
    what = f"{count} of its {len(labels)} structures" if len(labels) > 1 else f"no {labels[0]}"
    sentence = f"{context.card.title} found {what} in a quick look at this image; it is made for {region_words(image)}."
    if not context.options.override:
        raise UnsuitableInputError(sentence, True)
    context.note(f"{AGAINST}{sentence}")


def _is_found(maps: Maps, label: str) -> bool:
    found = maps.map(label)
    if found is None:
        return False
    x, y, z = found.geometry.spacing_xyz
    return bool((found.probability >= SURE).sum() * x * y * z >= LEAST_MM3)
