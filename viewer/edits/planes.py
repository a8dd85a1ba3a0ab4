"""What is done to the active structure on whole planes: delete, copy from a neighbour, fill the gaps between. No Qt."""

from collections.abc import Mapping

import numpy as np
import shapely
from numpy.typing import NDArray
from shapely import MultiPolygon

from engine.loose import loose_contours
from engine.structures import Roi, StructureSet
from engine.volume import Geometry
from viewer.edits.target import RefusedError, existing, refuse_change
from viewer.history import History, redraw
from viewer.session import Session


def delete_here(session: Session, history: History) -> None:
    """Clear the active ROI on the plane of the cursor.

    Raises:
        RefusedError: nothing may be changed, or there is nothing on this plane.
    """
    delete_on(history, existing(session), session.plane)


def delete_on(history: History, roi: Roi, plane: int) -> None:
    """Clear a ROI on an acquired plane. Raises RefusedError as `delete_here`."""
    refuse_change(roi)
    step = redraw(roi, {plane: MultiPolygon()}, text=f"Delete on plane {plane + 1} of {roi.name}", tool="delete plane")
    if step is None:
        raise RefusedError(f"{roi.name} has nothing on plane {plane + 1}.")
    history.do(step)


def copy_here(session: Session, history: History, above: bool) -> None:
    """Replace the active ROI on the plane of the cursor by what it is on the next drawn plane above or below.

    Raises:
        RefusedError: nothing may be changed, or nothing is drawn on that side.
    """
    roi, plane = existing(session), session.plane
    structures = _structures(session)
    direction = above_sign(structures.geometry) * (1 if above else -1)
    drawn = [k for k, contours in roi.planes.items() if not contours.area.is_empty and (k - plane) * direction > 0]
    side = "above" if above else "below"
    if not drawn:
        raise RefusedError(f"{roi.name} has nothing {side} plane {plane + 1} to copy.")
    source = min(drawn, key=lambda k: abs(k - plane))
    area = moved_between(roi.area(source), structures.geometry, source, plane)
    text = f"Copy plane {source + 1} to plane {plane + 1} of {roi.name}"
    step = redraw(roi, {plane: area}, text=text, tool=f"copy from {side}")
    if step is not None:
        history.do(step)


def above_sign(geometry: Geometry) -> int:
    """+1 when the plane above in the view (towards the head, the right or the front) has the higher index, else −1."""
    axis = int(np.abs(geometry.normal).argmax())
    towards_end = geometry.normal[axis] > 0
    return 1 if towards_end == (axis == 2) else -1


def moved_between(area: MultiPolygon, geometry: Geometry, source: int, target: int) -> MultiPolygon:
    """The area of plane `source`, carried along the patient's axes to plane `target` `(u, v)` mm.

    With a tilted gantry the first voxels of two planes are not above each other; else it is the same object.
    """
    shift = geometry.plane_from_lps(target, geometry.origins_lps[source])[0]
    if np.abs(shift).max() < 1e-6:
        return area
    moved = shapely.transform(area, lambda points: points + shift)
    return MultiPolygon(moved)


def drawn_planes(roi: Roi) -> list[int]:
    """The planes on which the ROI has an area, in order."""
    return [k for k, contours in roi.planes.items() if not contours.area.is_empty]


def gaps(roi: Roi) -> list[int]:
    """Empty planes between the first and the last drawn plane."""
    drawn = drawn_planes(roi)
    return [k for k in range(min(drawn), max(drawn)) if k not in set(drawn)] if drawn else []


def centre_lps(roi: Roi, geometry: Geometry) -> NDArray[np.float64] | None:
    """(3,) LPS mm inside the ROI near its centre of mass, on a plane that it is drawn on.

    Without areas it is a point of the contours that are none, the nearest to their middle; None when there are neither.
    """
    drawn = {k: contours.area for k, contours in roi.planes.items() if not contours.area.is_empty}
    if not drawn:
        return _centre_of_loose(roi, geometry)
    mass = np.array([area.area * geometry.plane_thickness[k] for k, area in drawn.items()])
    middle = float(mass @ geometry.positions[list(drawn)] / mass.sum())
    plane = min(drawn, key=lambda k: abs(geometry.positions[k] - middle))
    point = drawn[plane].centroid
    if not drawn[plane].contains(point):
        point = max(drawn[plane].geoms, key=lambda part: part.area).representative_point()
    centre: NDArray[np.float64] = geometry.lps_from_plane(plane, [point.x, point.y])[0]
    return centre


def _centre_of_loose(roi: Roi, geometry: Geometry) -> NDArray[np.float64] | None:
    shown = [contour.points_lps for contour in loose_contours(roi.loose, geometry) if contour.planes]
    if not shown:
        return None
    points = np.concatenate(shown)
    nearest: NDArray[np.float64] = points[np.linalg.norm(points - points.mean(axis=0), axis=1).argmin()]
    return nearest


def areas_of(roi: Roi) -> Mapping[int, MultiPolygon]:
    """Plane index → area."""
    return {plane: contours.area for plane, contours in roi.planes.items()}


def _structures(session: Session) -> StructureSet:
    assert session.structures is not None, "the caller has checked that a series is open"
    return session.structures
