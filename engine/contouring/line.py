"""Closed lines that run between voxel centres, each vertex free to slide on its link from one centre to the next.

All coordinates here are in voxels, (column, row), with the centres at whole numbers.

A ring crosses one link after another, each between the centre of a voxel inside and that of a neighbour outside; from
link to link it runs straight through one cell (the square between four centres). Whatever the share `t` of its link
at which each vertex lies, the ring parts the same centres, as long as 0 < t < 1: a chord of a cell separates exactly
the corners that the two links separate. Two chords of one cell join neighbouring links and so cannot cross, and rings
never touch. Everything below only chooses `t`.
"""

from dataclasses import dataclass

import numpy as np
import shapely
from numpy.typing import NDArray

from engine.contouring.march import cross, following, starts_of
from engine.volume import FloatArray

IntArray = NDArray[np.intp]
BoolArray = NDArray[np.bool_]

#: A vertex keeps at least this share of its link between itself and either centre. A chord then passes every centre at
#: MARGIN/√2 voxels or more, and two strands of line at twice that.
MARGIN = 0.16
#: Leaving out a vertex may move the line by this much (voxels), and regaining the area afterwards by as much again:
#: together well under MARGIN/√2 = 0.113, so that no centre changes sides and no strands meet.
SIMPLIFY = 0.03
#: Vertices between one and those that it is drawn towards, pass by pass: long strides first, to flatten the stairs of
#: lines almost parallel to the grid, and again from the middle ones on.
STRIDES = (8, 4, 2, 1, 4, 2, 1, 1)
#: Relative error of a ring's area that is left.
FITTED = 1e-6
#: Share of the way that a vertex goes in one pass.
PULL = 0.7


@dataclass
class BandedRings:
    """Closed rings whose vertices lie on links between a voxel centre inside and a neighbouring one outside.

    Args:
        inside: (n, 2) the centre inside, of all rings one after the other; a ring's first vertex is not repeated.
        link: (n, 2) unit step from the centre inside to the one outside.
        starts: (rings + 1,) index of each ring's first vertex, and n.
    """

    inside: FloatArray
    link: FloatArray
    starts: IntArray

    @classmethod
    def from_crossings(cls, points: FloatArray, starts: IntArray) -> "BandedRings":
        """Crossings of zeros and ones at level 0.49, so 0.49 of a link from the centre outside."""
        outside = np.rint(points)
        link = outside - points
        link = np.sign(link) * (np.abs(link) > 0.25)
        return cls(outside - link, link, starts)

    def at(self, t: FloatArray) -> FloatArray:
        """(n, 2) vertices at shares `t` of their links."""
        return self.inside + self.link * t[:, None]

    def subset(self, vertices: IntArray, starts: IntArray) -> "BandedRings":
        """Rings of some of the vertices."""
        return BandedRings(self.inside[vertices], self.link[vertices], starts)


def smooth_rings(rings: BandedRings) -> tuple[FloatArray, IntArray]:
    """The rings as smooth lines that enclose the area of their voxels.

    Method. First, every vertex is drawn, within its band, towards the smoothest curve through its neighbours some
    strides away. Next, all vertices of a ring slide by one common share, outwards or
    inwards, until the ring has the area of its voxels. That share exists: at one end of the band the area is too small
    in each cell, at the other too large, and it grows steadily in between. Last, vertices that are hardly felt are left
    out, and the area is fitted again; rings where that would need more than `SIMPLIFY` keep all their vertices.

    Returns:
        (m, 2) vertices of all rings, and (rings + 1,) index of each ring's first vertex, and m.
    """
    middle = np.full(len(rings.inside), 0.5)
    target = signed_areas(rings.at(middle), rings.starts)
    # Half-way crossings cut 1/8 of a voxel off each corner of the voxels' own outline and fill as much into each notch;
    # a closed outline has four more of the one than of the other.
    target += 0.5 * np.sign(target)
    t = _fit(rings, _fair(rings, middle), target)
    return _without_idle_vertices(rings, t, target)


def signed_areas(points: FloatArray, starts: IntArray) -> FloatArray:
    """(rings,) shoelace areas of rings whose first vertices are at `starts`, positive when anticlockwise (u, v)."""
    ahead = following(starts)
    x, y = points[:, 0], points[:, 1]
    doubled = x * y[ahead] - x[ahead] * y
    return np.asarray(np.add.reduceat(doubled, starts[:-1]) / 2, dtype=np.float64)


def _fair(rings: BandedRings, t: FloatArray) -> FloatArray:
    """Vertices drawn towards the line of least bending through those one and two strides away, within the band."""
    ring_size = np.diff(rings.starts)
    size = np.repeat(ring_size, ring_size)
    start = np.repeat(rings.starts[:-1], ring_size)
    place = np.arange(len(t)) - start
    distances = {stride * twice for stride in STRIDES for twice in (1, 2)}
    ahead = {d: start + (place + d) % size for d in distances}
    behind = {d: start + (place - d) % size for d in distances}
    # As complex numbers: one array instead of two, and (conj(a)·b).imag for the cross product.
    inside, link = rings.inside @ np.array([1, 1j]), rings.link @ np.array([1, 1j])
    for stride in STRIDES:
        points = inside + link * t
        before, after = points[behind[stride]], points[ahead[stride]]
        # The cubic through the four neighbours, half-way; a vertex can only follow it across the line, not along it.
        target = (4 * (before + after) - (points[behind[2 * stride]] + points[ahead[2 * stride]])) / 6
        chord = np.conj(after - before)
        across = (chord * link).imag
        usable = np.abs(across) > 0.25 * np.abs(chord)
        if stride > 1:
            usable &= size >= 5 * stride
        step = np.divide((chord * (target - points)).imag, across, out=np.zeros(len(t)), where=usable)
        t = np.clip(t + PULL * np.clip(step, -0.5, 0.5), MARGIN, 1 - MARGIN)
    return t


def _fit(rings: BandedRings, t: FloatArray, target: FloatArray) -> FloatArray:
    """Slide all vertices of a ring by one share, held inside the band, until its signed area is `target`.

    Outwards (rising t) adds foreground, so it raises the signed area of shells (positive) and holes (negative) alike.
    """
    ahead = following(rings.starts)
    size = np.diff(rings.starts)
    for _ in range(4):
        points = rings.at(t)
        missing = target - signed_areas(points, rings.starts)
        if (np.abs(missing) <= FITTED * np.abs(target)).all():
            return t
        outwards = np.repeat(missing > 0, size)
        free = np.where(outwards, t < 1 - MARGIN, t > MARGIN)
        a, b = points, points[ahead]
        m = rings.link * free[:, None]
        n = m[ahead]
        slope = np.add.reduceat(cross(a, n) + cross(m, b), rings.starts[:-1]) / 2
        step = np.divide(missing, slope, out=np.zeros(len(size)), where=slope > 1e-9)
        t = np.clip(t + np.repeat(step, size), MARGIN, 1 - MARGIN)
    off = np.flatnonzero(np.abs(signed_areas(rings.at(t), rings.starts) - target) > FITTED * np.abs(target))
    if len(off):
        vertices, starts = _vertices_of(rings.starts, off)
        t = t.copy()
        t[vertices] = _bisect(rings.subset(vertices, starts), t[vertices], target[off])
    return t


def _bisect(rings: BandedRings, t: FloatArray, target: FloatArray) -> FloatArray:
    """The same as `_fit`, slower and without fail: the area rises steadily with the share."""
    size = np.diff(rings.starts)
    low, high = np.full(len(size), -1.0), np.full(len(size), 1.0)
    slid = t
    for _ in range(40):
        middle = (low + high) / 2
        slid = np.clip(t + np.repeat(middle, size), MARGIN, 1 - MARGIN)
        small = signed_areas(rings.at(slid), rings.starts) < target
        low, high = np.where(small, middle, low), np.where(small, high, middle)
    return slid


def _vertices_of(starts: IntArray, rings: IntArray) -> tuple[IntArray, IntArray]:
    """Indices of the vertices of some rings, and where each of those rings starts among them."""
    size = starts[rings + 1] - starts[rings]
    new = starts_of(size)
    return np.arange(new[-1]) + np.repeat(starts[rings] - new[:-1], size), new


def _without_idle_vertices(rings: BandedRings, t: FloatArray, target: FloatArray) -> tuple[FloatArray, IntArray]:
    points = rings.at(t)
    size = np.diff(rings.starts)
    ring = np.repeat(np.arange(len(size)), size)
    numbered = np.column_stack([points, np.arange(len(points))])
    tolerance = np.where(size > 12, SIMPLIFY, 0.0)
    fewer = shapely.simplify(shapely.linearrings(numbered, indices=ring), tolerance, preserve_topology=False)
    coordinates, owner = shapely.get_coordinates(fewer, include_z=True, return_index=True)
    last = np.append(owner[1:] != owner[:-1], True)
    kept = coordinates[~last, 2].astype(np.intp)
    thin = rings.subset(kept, starts_of(np.bincount(owner[~last], minlength=len(size))))
    slid = _slide(thin, t[kept], target)
    moved = np.maximum.reduceat(np.abs(slid - t[kept]), thin.starts[:-1])
    error = np.abs(signed_areas(thin.at(slid), thin.starts) - target)
    refused = (moved > SIMPLIFY) | (error > FITTED * np.abs(target))
    if not refused.any():
        return thin.at(slid), thin.starts
    keep = refused[ring]
    keep[kept] = True
    points[kept] = np.where(refused[ring[kept], None], points[kept], thin.at(slid))
    return points[keep], starts_of(np.bincount(ring[keep], minlength=len(size)))


def _slide(rings: BandedRings, t: FloatArray, target: FloatArray) -> FloatArray:
    """Slide all vertices of a ring by one share until its signed area is `target`, heedless of the band."""
    ahead = following(rings.starts)
    size = np.diff(rings.starts)
    a, b, m, n = rings.at(t), rings.at(t)[ahead], rings.link, rings.link[ahead]
    slope = np.add.reduceat(cross(a, n) + cross(m, b), rings.starts[:-1]) / 2
    bend = np.add.reduceat(cross(m, n), rings.starts[:-1]) / 2
    missing = target - signed_areas(a, rings.starts)
    # The area is a quadratic of the share: the root next to zero.
    root = np.sqrt(np.maximum(slope**2 + 4 * bend * missing, 0.0))
    step = np.divide(2 * missing, slope + root, out=np.zeros(len(size)), where=slope + root > 1e-9)
    slid: FloatArray = t + np.repeat(step, size)
    return slid
