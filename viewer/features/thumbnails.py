"""The small pictures of the study tree."""

from typing import TYPE_CHECKING

from numpy.typing import NDArray

from engine.errors import CancelledError, PlanimeterError
from engine.later import later
from engine.stored.catalogue import Series

if TYPE_CHECKING:
    from engine.stored import read
else:
    read = later("engine.stored.read")


def thumbnail_of(series: Series) -> NDArray | None:
    """A small picture of an image series, as `read.thumbnail`; None where it can't be made."""
    try:
        return read.thumbnail(series)
    except CancelledError:
        raise
    except (PlanimeterError, OSError, ValueError):
        # A thumbnail is a courtesy; why the series can't be read is said when it is opened.
        return None
