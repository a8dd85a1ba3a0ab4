"""The picture files of a set."""

from pathlib import Path

from engine.errors import ReadError
from engine.files.picture_file import is_picture_file
from engine.opening import open_volume
from engine.stored.picture import PictureFiles
from engine.stored.read import read_series
from engine.volume import Volume


def pictures_in(folder: Path) -> dict[str, Path]:
    """Name without suffix → file, of the pictures in a folder.

    Raises:
        ReadError: there is no such folder, or two pictures have the same name.
    """
    if not folder.is_dir():
        raise ReadError(f"{folder} is missing; it should hold the pictures.")
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        if is_picture_file(path):
            if path.stem in files:
                raise ReadError(f"{folder} holds two pictures named '{path.stem}'.")
            files[path.stem] = path
    return files


def picture(path: Path) -> Volume:
    """The picture, as the program opens it.

    Raises:
        ReadError: it is missing or damaged.
    """
    (series,) = PictureFiles().look_at(path)
    return read_series(series)


def image(path: Path) -> Volume:
    """The picture, or the volume in a file or a folder of DICOM files, as the program opens it.

    Raises:
        ReadError: it is missing or damaged.
    """
    if path.is_file() and is_picture_file(path):
        return picture(path)
    return open_volume(path)
