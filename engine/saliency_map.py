"""A map of where a network looked, on the picture that it looked at."""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from engine.volume import Geometry, Volume

#: Said with every map.
NO_PROOF = "The map shows what moved the network's score; it is no proof of where a finding is."
#: A map has no more rows or columns than this; networks see less.
MOST_EDGE = 1024


@dataclass(frozen=True, eq=False)
class SaliencyMap:
    """What moved a score, place by place.

    Args:
        label: of the card's output.
        name: of the output, for people.
        values: (rows, columns) float32 over the whole of each plane of the picture, coarser than it where it is very
            large; above 0 what speaks for the label, below 0 what speaks against it.
        method: by which it was made, a word of `cards.saliency`.
    """

    label: str
    name: str
    values: NDArray[np.float32]
    method: str = "hirescam"

    @property
    def shares(self) -> NDArray[np.float32]:
        """(rows, columns) what speaks for the label, as a share 0..1 of the most; all 0 where nothing does."""
        most = float(self.values.max())
        return np.clip(self.values / most, 0, 1) if most > 0 else np.zeros_like(self.values)

    def laid_on(self, volume: Volume) -> Volume:
        """The shares as an image over the picture."""
        geometry = map_grid(volume.geometry)
        voxels = np.repeat(self.shares[None], geometry.shape[0], axis=0)
        info = replace(volume.info, series_uid="", description=f"Where the network looked: {self.name}")
        return Volume(voxels, geometry, units="share of the most", info=info)


def map_grid(geometry: Geometry) -> Geometry:
    """The grid of a map: that of the picture, or one of fewer rows and columns over the same extent."""
    planes, rows, columns = geometry.shape
    times = -(-max(rows, columns) // MOST_EDGE)
    if times == 1:
        return geometry
    across, down = -(-columns // times), -(-rows // times)
    u, v = geometry.spacing_uv
    coarse = (u * columns / across, v * rows / down)
    corner = (coarse[0] - u) / 2 * geometry.row_direction + (coarse[1] - v) / 2 * geometry.column_direction
    return replace(geometry, origins_lps=geometry.origins_lps + corner, spacing_uv=coarse, shape=(planes, down, across))
