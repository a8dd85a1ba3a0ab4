"""How much of a structure lies beside the pixels of its image, where no mask can hold it."""

from collections.abc import Mapping

from shapely import MultiPolygon, box

from engine.volume import Geometry


def beside_cm3(areas: Mapping[int, MultiPolygon], geometry: Geometry) -> float:
    """Volume of the parts beyond the outermost pixels' edges, cm³; parts of less than a pixel on a plane don't count.

    Args:
        areas: plane index → polygons, `(u, v)` mm.
        geometry: of the image.
    """
    du, dv = geometry.spacing_uv
    _, rows, columns = geometry.shape
    image = box(-du / 2, -dv / 2, (columns - 0.5) * du, (rows - 0.5) * dv)
    total = 0.0
    for plane, area in areas.items():
        if not area.is_empty and not image.contains(box(*area.bounds)):
            outside = area.difference(image).area
            total += outside * geometry.plane_thickness[plane] if outside >= du * dv else 0.0
    return float(total) / 1000
