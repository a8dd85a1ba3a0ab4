"""Where a picture shows something: the round field of a fundus camera, or the tissue on a slide."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from engine.errors import EngineError
from engine.volume import Volume

#: Of 0 to 255: the glass of a slide is brighter in every colour (Coudray et al., Nat Med 2018, leave out such tiles).
_GLASS = 220.0
#: Of the brightest: what is darker lies outside the field of a fundus camera.
_DARK = 0.08
#: Pixels along an edge of the picture in which the field is looked for.
_SMALL = 512


def is_background(colours: NDArray[np.floating] | NDArray[np.integer]) -> NDArray[np.bool_]:
    """(rows, columns) true where (3, rows, columns) colours, 0 to 255, are those of a slide's empty glass."""
    return np.asarray((np.asarray(colours) > _GLASS).all(axis=0))


def field_box(volume: Volume, what: str) -> tuple[slice, slice, slice]:
    """(planes, rows, columns) of the box around a "fundus", or around the "tissue" of a slide.

    Raises:
        EngineError: the picture shows neither.
    """
    step = max(max(volume.voxels.shape[1:3]) // _SMALL, 1)
    small = volume.voxels[:, ::step, ::step].astype(np.float32)
    if small.ndim == 3:
        small = np.repeat(small[..., None], 3, axis=-1)
    if what == "tissue":
        shown = ~np.stack([is_background(plane) for plane in np.moveaxis(small, -1, 1)])
    else:
        grey = small.max(axis=-1)
        shown = grey > _DARK * grey.max()
    # A speck of dust, or a date in a corner, is not what is looked for.
    shown = ndimage.binary_opening(shown.any(axis=0), np.ones((3, 3)))
    rows, columns = np.flatnonzero(shown.any(axis=1)), np.flatnonzero(shown.any(axis=0))
    if not len(rows):
        raise EngineError(f"This picture shows no {'tissue' if what == 'tissue' else 'field of a fundus camera'}.")
    last = volume.voxels.shape[1:3]
    return (
        slice(0, volume.voxels.shape[0]),
        slice(int(rows[0]) * step, min(int(rows[-1] + 1) * step, last[0])),
        slice(int(columns[0]) * step, min(int(columns[-1] + 1) * step, last[1])),
    )
