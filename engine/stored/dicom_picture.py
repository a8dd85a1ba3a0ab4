"""DICOM pictures: a file is one picture, or the frames of one; those of a study are a list to page through."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from engine.dicom.header import Header
from engine.dicom.info import read_info
from engine.dicom.picture_scale import picture_scale
from engine.dicom.pictures import files_of_pictures, picture_grid, read_dicom_picture, read_frame, why_no_picture
from engine.dicom.pixels import is_colour, read_stored
from engine.dicom.planes import StoredPlane
from engine.errors import ReadError
from engine.progress import Progress
from engine.stored.catalogue import Series
from engine.stored.handler import ImageHandler, Picture
from engine.volume import Volume


class DicomPictures(ImageHandler):
    """Photographs, captures, ultrasound, radiographs, angiograms: planes that are looked at by themselves."""

    pages = True

    def look(self, headers: Sequence[Header]) -> list[Series]:
        """A series for each file."""
        return self.of_planes([plane for header in headers for plane in header.planes])

    def of_planes(self, planes: Sequence[StoredPlane]) -> list[Series]:
        """A series for each file that planes are in."""
        files = files_of_pictures(planes)
        return [self._series(frames, len(files) > 1) for frames in files]

    def _series(self, frames: tuple[StoredPlane, ...], several: bool) -> Series:
        image = frames[0].image
        info = read_info(image.path)
        side, view = (str(info.attributes.get(name, "")) for name in ("ImageLaterality", "ViewPosition"))
        # Each file of a series is a picture of its own, with structures of its own.
        which = f"#{frames[0].instance_number}" if several and frames[0].instance_number else ""
        name = image.path.name if several and not which else which
        described = " ".join(part for part in (info.description, side, view, name) if part)
        info = replace(info, description=described, source=str(image.path))
        return Series(
            # By number, so that they are paged through in that order.
            uid=f"{info.series_uid or image.path.parent}#{frames[0].instance_number or image.path.name}",
            info=info,
            modality=info.modality,
            handler=self,
            files=(image.path,),
            plane_count=len(frames),
            problem=why_no_picture(frames),
            notes=tuple(f"{image.path.name}: {remark}." for remark in image.remarks),
            planes=frames,
        )

    def read(self, series: Series, progress: Progress, units: str = "") -> Volume:
        """The frames of the file."""
        return read_dicom_picture(series.planes, series.info, series.notes, progress, units)

    def read_grid(self, series: Series) -> Volume:
        """Its size, from the header that was read."""
        return picture_grid(series.planes, series.info, series.notes)

    def read_middle(self, series: Series) -> Picture:
        """The middle frame."""
        plane = series.planes[len(series.planes) // 2]
        spacing = picture_scale(plane).spacing_uv or (1.0, 1.0)
        if is_colour(plane.image):
            return Picture(read_frame(plane).astype(np.float32), spacing)
        stored = next(read_stored([plane]))
        if isinstance(stored, ReadError):
            raise stored
        return Picture(stored.astype(np.float32), spacing, plane.image.photometric == "MONOCHROME1")


#: Found among the images, by what their planes say.
PICTURES = DicomPictures()
