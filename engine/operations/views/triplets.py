"""Three orthogonal planes through what an earlier node found, at several sizes, turned in several ways."""

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from engine.values import Millimetres, Size, Strict

if TYPE_CHECKING:
    from engine.inference.preprocess import Prepared
    from engine.inference.sampling import Around, Shown


class Params(Strict):
    """Triplets of orthogonal planes; the planes of all sizes are channels of one view.

    So nodules are shown in Ciompi et al., Sci Rep 2017;7:46479.

    Args:
        pixels: (1, rows, columns) of a plane.
        sizes_mm: edges of the planes; the size of what was found where none is given.
        rotations: views of each place, whose planes are turned about all three axes by parts of a right angle.
    """

    kind: Literal["triplets"]
    pixels: Size
    sizes_mm: Annotated[tuple[Millimetres, ...], Field(max_length=8)] = ()
    rotations: Annotated[int, Field(ge=1, le=64)] = 1


def build(params: Params, image: "Prepared", around: "Around | None") -> "list[Shown]":
    """(channels x sizes x 3, 1, rows, columns) of each place and rotation; size by size, axial, coronal, sagittal.

    Raises:
        CardError: nothing was found that planes could go through.
    """
    from scipy.spatial.transform import Rotation

    from engine.inference.sampling import joined, plane_through, targets_of, whole_of

    whole = whole_of(image)
    made = []
    for target in targets_of(image, around):
        for number in range(params.rotations):
            turn = Rotation.from_euler("xyz", [90.0 * number / params.rotations] * 3, degrees=True).as_matrix()
            planes = []
            for size in params.sizes_mm or (target.extent_mm,):
                for rows_along, columns_along in ((1, 2), (0, 2), (0, 1)):
                    ways = (turn[:, rows_along], turn[:, columns_along])
                    cut = plane_through(
                        whole, target.centre, image.spacing, ways, edge_mm=size, pixels=params.pixels[1:]
                    )
                    planes.append(cut)
            made.append(joined(planes))
    return made
