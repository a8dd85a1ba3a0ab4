"""An averaged patient is deformed to the image, and its structures come along."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from engine.operations.kinds import Made, expect
from engine.values import Count, Labels, Strict

if TYPE_CHECKING:
    from engine.inference.context import Context
    from engine.inference.maps import Maps
    from engine.inference.preprocess import Prepared


#: Its image, and its maps, in the card's folder.
FILES = ("average.nii.gz", "probabilities.nii.gz")


class Params(Strict):
    """Deformable registration of an averaged patient, who lies in the card's folder.

    Args:
        labels: of the atlas's probability maps, in order.
        iterations: of the registration, from the coarsest level to the finest.
    """

    labels: Annotated[Labels, Field(min_length=1)]
    iterations: Annotated[tuple[Count, ...], Field(min_length=1, max_length=3)] = (50, 50, 30)


def makes(params: Params, given: Sequence[Made]) -> Made:
    """Maps of the atlas's labels."""
    expect(given, ("image",))
    return Made("maps", params.labels)


def run(params: Params, inputs: Sequence[Any], context: "Context") -> "Maps":
    """The atlas's probabilities on the image's grid."""
    from engine.inference.atlas import load_atlas, register_atlas
    from engine.inference.maps import Maps

    image: Prepared = inputs[0]
    atlas = load_atlas(context.loaded.folder, list(params.labels))
    spacing = image.spacing
    warped = register_atlas(
        image.values, (spacing[2], spacing[1], spacing[0]), atlas, tuple(params.iterations), context.progress
    )
    maps = Maps(params.labels, image, exclusive=False)
    for plane in range(warped.shape[1]):
        maps.add(plane, warped[:, plane])
    return maps
