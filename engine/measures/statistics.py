"""Mean, standard deviation, extremes and peak of voxels.

Mean, variance (over n, not n − 1), minimum and maximum are those of the Image Biomarker Standardisation Initiative
(IBSI reference manual, section 3.3; Zwanenburg et al., Radiology 2020;295:328).

SUVpeak is its global intensity peak (section 3.2.2): the highest mean, over all voxels of the region, of the voxels
whose centres lie within a sphere of 1 cm³ about the voxel; the sphere may reach beyond the region, and into the
neighbouring planes. It is the sphere of PERCIST (Wahl et al., J Nucl Med 2009;50 Suppl 1:122S), put where it is
highest.
"""

import numpy as np

from engine.measures.inside import Inside
from engine.measures.measure import Value
from engine.volume import Volume

#: Of a sphere of 1 cm³, mm.
PEAK_RADIUS_MM = (3 / (4 * np.pi)) ** (1 / 3) * 10


#: How many voxels of a region have no number in the file.
WITHOUT_NUMBER = "Without a number"


def statistics(inside: Inside, volume: Volume) -> tuple[Value, ...]:
    """What the voxels amount to, in the unit of the image; nothing where there are none. A PET in SUV has a SUVpeak.

    Voxels for which the file gives no number count for none of it, and are counted apart.
    """
    measured = volume.is_measured(inside.index)
    values, unit = inside.values[measured], volume.units
    without = (Value(WITHOUT_NUMBER, float((~measured).sum())),) if not measured.all() else ()
    if not values.size:
        return without
    inside = Inside(inside.index[measured], values)
    out = (
        Value("Voxels", float(values.size)),
        Value("Mean", float(values.mean()), unit),
        Value("SD", float(values.std()), unit),
        Value("Minimum", float(values.min()), unit),
        Value("Maximum", float(values.max()), unit),
        *without,
    )
    return (*out, Value("SUVpeak", peak(inside, volume), unit)) if unit.startswith("SUV") else out


def peak(inside: Inside, volume: Volume) -> float:
    """The highest mean of a sphere of 1 cm³ about a voxel of the region, in the unit of the image."""
    geometry = volume.geometry
    steps = np.array(geometry.spacing_xyz[::-1])
    reach = np.floor(PEAK_RADIUS_MM / steps).astype(int)
    offsets = np.indices(2 * reach + 1).reshape(3, -1).T - reach
    offsets = offsets[((offsets * steps) ** 2).sum(axis=1) <= PEAK_RADIUS_MM**2]
    total, count = np.zeros(len(inside.index)), np.zeros(len(inside.index))
    for offset in offsets:
        at = inside.index + offset
        there = ((at >= 0) & (at < geometry.shape)).all(axis=1)
        there[there] = volume.is_measured(at[there])
        total[there] += volume.voxels[tuple(at[there].T)]
        count += there
    return float((total / count).max())
