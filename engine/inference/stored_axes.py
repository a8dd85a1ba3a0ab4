"""What a run says of a model that takes columns, rows and planes as a file stores them, on an image of no such file."""

from engine.inference.context import Context
from engine.inference.preprocess import AxisOrder
from engine.volume import Geometry, Volume


def note_stored(axes: str, image: Volume, context: Context) -> None:
    """Tell how such an image was taken, where the model doesn't say along which directions its axes rise.

    Args:
        axes: of the node; "" for those of the file.
        image: the first that the node looks at.
        context: of the run.
    """
    geometry = image.geometry
    if axes or geometry.stored is not None or not geometry.in_patient:
        return
    context.note(
        "The model takes columns, rows and planes as the files that it was taught on store them, and this series is no "
        f"such file: they were taken as SimpleITK reads it ({letters_of(geometry)}); if those files were stored "
        "otherwise, as dcm2niix writes them (LAS), import the model again with their axes."
    )


def letters_of(geometry: Geometry) -> str:
    """The patient directions along which columns, rows and planes rise most nearly, such as LPS."""
    axes = AxisOrder.towards(geometry, "LPS")
    told = ["", "", ""]
    for axis, image_axis in enumerate(axes.order):
        told[2 - image_axis] = ("SPL", "IAR")[axis in axes.reversed_axes][axis]
    return "".join(told)
