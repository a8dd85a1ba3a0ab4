"""JPEG, PNG and TIFF files: photographs and single pictures, of which a folder is a list to page through."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.dicom.header import Header
from engine.errors import ReadError
from engine.files.picture_file import SUFFIXES, PictureFile, is_picture_file, read_picture, read_picture_header
from engine.progress import Progress
from engine.stored.catalogue import Series
from engine.stored.handler import ImageHandler, Picture
from engine.volume import COLOUR, Geometry, SeriesInfo, Volume

#: Modality of photographs, "External-camera Photography": what such files are where nothing says otherwise.
PHOTOGRAPH = "XC"
#: A thumbnail is made of about so many pixels along a side.
_SMALL = 512


class PictureFiles(ImageHandler):
    """Files that hold a picture each, or in TIFF several pages, and name neither patient nor study."""

    label = "Picture"
    suffixes = SUFFIXES
    files_label = "Pictures"
    pages = True

    def claims(self, path: Path) -> bool:
        """By its name."""
        return is_picture_file(path) and path.is_file()

    def look(self, headers: Sequence[Header]) -> list[Series]:
        """None: these are no DICOM files."""
        return []

    def look_at(self, path: Path) -> list[Series]:
        """The picture of a file; a TIFF of several pages of one size and kind is one series of frames."""
        info = SeriesInfo(str(path), str(path.parent), "", PHOTOGRAPH, path.name, source=str(path))
        info = replace(info, study_description=path.parent.name)
        try:
            header = read_picture_header(path)
        except ReadError as error:
            return [Series(str(path), info, PHOTOGRAPH, self, (path,), 0, str(error))]
        return [Series(str(path), info, PHOTOGRAPH, self, (path,), header.pages)]

    def read(self, series: Series, progress: Progress, units: str = "") -> Volume:
        """The picture, in grey levels or colours as it is stored."""
        path, header = series.files[0], read_picture_header(series.files[0])
        if units:
            raise ReadError(f"{path.name} is a picture, which has no values in {units}.")
        pages: list[PictureFile] = []
        for number in range(header.pages):
            progress(number / header.pages, f"Reading {path.name}")
            pages.append(read_picture(path, number))
        shapes = {(page.values.shape, page.values.dtype) for page in pages}
        if len(shapes) > 1:
            raise ReadError(
                f"The {header.pages} pages of {path.name} have different sizes or kinds of pixels; save each as a file."
            )
        first = pages[0].values
        # One picture may be very large: no second copy of it is made.
        voxels = first[None] if len(pages) == 1 else np.stack([page.values for page in pages])
        notes = tuple(dict.fromkeys(note for page in pages for note in page.notes))
        geometry = Geometry.picture((len(pages), first.shape[0], first.shape[1]))
        return Volume(voxels, geometry, PHOTOGRAPH, COLOUR if first.ndim == 3 else "", series.info, notes=notes)

    def read_grid(self, series: Series) -> Volume:
        """The size of the picture, from its header."""
        header = read_picture_header(series.files[0])
        shape = (header.pages, header.rows, header.columns)
        voxels = np.broadcast_to(np.uint8(0), (*shape, 3) if header.is_colour else shape)
        return Volume(voxels, Geometry.picture(shape), PHOTOGRAPH, COLOUR if header.is_colour else "", series.info)

    def read_middle(self, series: Series) -> Picture:
        """The middle page, of a large one every so many pixels."""
        values = read_picture(series.files[0], series.plane_count // 2).values
        step = max(1, max(values.shape) // _SMALL)
        return Picture(values[::step, ::step].astype(np.float32), (1.0, 1.0))
