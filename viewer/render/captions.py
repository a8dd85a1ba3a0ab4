"""What a plane view calls what it shows: its plane, frame or picture, and the directions around it. No Qt."""

from engine.volume import Volume
from viewer.render.orientation import ViewFrame, letters

_SIDES = ("left", "right", "up", "down")
#: The other way of each letter of Patient Orientation.
_OPPOSITE = str.maketrans("LRPAHF", "RLAPFH")


def caption(frame: ViewFrame, volume: Volume, index: int, plane: int) -> str:
    """Name and number of what is shown: "Axial  12 / 80", "Axial  oblique, 23°"; of a picture its name and frame.

    Args:
        frame: of the view.
        volume: that is open.
        index: of the plane of the displayed grid.
        plane: index of the acquired plane.
    """
    # The acquired plane, as everywhere else: the grid that tilted or uneven planes are shown on has more.
    number, count = (plane + 1, volume.geometry.shape[0]) if frame.across == 2 else (index + 1, frame.count)
    if frame.unturned is not None:
        return f"{frame.view.value.capitalize()}  oblique, {frame.degrees:.0f}°"
    if volume.geometry.in_patient:
        name = frame.view.value.capitalize() + (" (oblique)" if frame.is_oblique else "")
        return f"{name}  {number} / {count}"
    name = volume.info.description or volume.modality or "Picture"
    return f"{name}   frame {number} / {count}" if count > 1 else name


def directions(frame: ViewFrame, volume: Volume) -> tuple[str, str, str, str]:
    """Letters of the patient left, right, up and down; of a picture those that its file states, or none."""
    if volume.geometry.in_patient:
        left, right, up, down = (letters(frame.direction_lps(side)) for side in _SIDES)
        return left, right, up, down
    along_row, _, along_column = str(volume.info.attributes.get("PatientOrientation", "")).partition("\\")
    return along_row.translate(_OPPOSITE), along_row, along_column.translate(_OPPOSITE), along_column
