"""Operations that tidy a structure up: smooth, islands, holes, gaps, points. No Qt."""

from engine.contouring import interpolate as interpolation
from engine.contouring import islands, simplify, smooth
from viewer.edits.operations.form import Operation
from viewer.edits.parameters import Parameter

SMOOTH = Operation(
    "smooth", "Smooth", "Even out what is finer than a radius, and keep the volume",
    lambda work: smooth.smooth(work.areas, work.geometry, work.values["radius"], progress=work.progress),
    (Parameter("radius", "Radius", "mm", 3, 0.1, 50),),
)  # fmt: skip
ISLANDS = Operation(
    "islands", "Remove islands", "Remove pieces, connected in space, that are smaller than a volume",
    lambda work: islands.remove_islands(work.areas, work.geometry, work.values["volume"], work.progress),
    (Parameter("volume", "Smaller than", "cm³", 0.1, 0, 1000, 2),),
)  # fmt: skip
HOLES = Operation(
    "holes", "Fill holes", "Fill holes of a plane that are smaller than an area",
    lambda work: islands.fill_holes(work.areas, work.geometry, work.values["area"] * 100, work.progress),
    (Parameter("area", "Smaller than", "cm²", 100, 0, 10000, 2),),
)  # fmt: skip
LARGEST = Operation(
    "largest", "Largest only", "Keep only the largest piece, connected in space",
    lambda work: islands.keep_largest(work.areas, work.geometry, progress=work.progress),
)  # fmt: skip
INTERPOLATE = Operation(
    "interpolate", "Interpolate", "Fill the empty planes between drawn ones",
    lambda work: interpolation.interpolate(work.areas, work.geometry, progress=work.progress),
)  # fmt: skip
SIMPLIFY = Operation(
    "simplify", "Simplify", "Leave out points; no line moves by more than a distance",
    lambda work: simplify.simplify(work.areas, work.geometry, work.values["tolerance"], work.progress),
    (Parameter("tolerance", "At most", "mm", 0.1, 0.01, 5, 2),),
)  # fmt: skip
