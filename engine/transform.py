"""How one frame of reference lies in another: a rigid or affine matrix of the patient's millimetres."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from engine.errors import GeometryError


@dataclass(frozen=True, eq=False)
class Transform:
    """Takes LPS millimetres of one frame of reference to those of another.

    Args:
        from_frame, to_frame: FrameOfReferenceUID; "" where a file names none.
        matrix: (4, 4) homogeneous, column vectors, `[x, y, z, 1]` mm of `from_frame` → mm of `to_frame`.

    Raises:
        GeometryError: the matrix is not affine, or cannot be inverted.
    """

    from_frame: str
    to_frame: str
    matrix: NDArray[np.float64]

    def __post_init__(self) -> None:
        matrix = np.array(self.matrix, dtype=np.float64)
        if matrix.shape != (4, 4) or not np.isfinite(matrix).all() or not np.array_equal(matrix[3], (0, 0, 0, 1)):
            raise GeometryError("A transform needs 4×4 finite numbers whose last row is 0 0 0 1.")
        if abs(np.linalg.det(matrix[:3, :3])) < 1e-9:
            raise GeometryError("The transform folds space flat, so positions cannot be taken back through it.")
        matrix.setflags(write=False)
        object.__setattr__(self, "matrix", matrix)

    @classmethod
    def identity(cls, frame: str = "") -> "Transform":
        """The transform of a frame of reference onto itself."""
        return cls(frame, frame, np.eye(4))

    @property
    def is_identity(self) -> bool:
        """True when every position stays where it is."""
        return bool(np.array_equal(self.matrix, np.eye(4)))

    def inverse(self) -> "Transform":
        """The way back."""
        return Transform(self.to_frame, self.from_frame, np.linalg.inv(self.matrix).astype(np.float64))

    def apply(self, points_lps: ArrayLike) -> NDArray[np.float64]:
        """(n, 3) or (3,) LPS mm of `from_frame` → (n, 3) LPS mm of `to_frame`."""
        points = np.atleast_2d(np.asarray(points_lps, dtype=np.float64))
        return np.asarray(points @ self.matrix[:3, :3].T + self.matrix[:3, 3], dtype=np.float64)
