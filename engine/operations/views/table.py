"""All kinds of views: what a card can name is what a classifier can look at. A new one is a file, and a line here."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from engine.operations.views import crops, montage, slices, tiles, triplets, whole

if TYPE_CHECKING:
    from engine.inference.preprocess import Prepared
    from engine.inference.sampling import Around, Shown

View = Annotated[
    whole.Params | slices.Params | montage.Params | crops.Params | triplets.Params | tiles.Params,
    Field(discriminator="kind"),
]


@dataclass(frozen=True)
class ViewKind:
    """One kind of view.

    Args:
        build: of its params, the image and what an earlier node found, the views (channels, planes, rows, columns).
        around: it needs what an earlier node found.
        solid: it can have several planes, for a network of three dimensions.
        several: an image may have more than one.
    """

    build: "Callable[[Any, Prepared, Around | None], list[Shown]]"
    around: bool = False
    solid: bool = False
    several: bool = True


VIEWS: dict[str, ViewKind] = {
    "whole": ViewKind(whole.build, solid=True, several=False),
    "slices": ViewKind(slices.build),
    "montage": ViewKind(montage.build),
    "crops": ViewKind(crops.build, around=True, solid=True),
    "triplets": ViewKind(triplets.build, around=True),
    "tiles": ViewKind(tiles.build),
}
