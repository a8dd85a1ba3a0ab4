"""NIfTI, NRRD and MetaImage files."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.dicom.header import Header
from engine.errors import PlanimeterError, ReadError
from engine.image_file import files_of, image_uid, is_image_file, placements, read_image_file, read_plane_count
from engine.progress import Progress, silent
from engine.stored.catalogue import Series
from engine.stored.handler import ImageHandler, Picture
from engine.volume import SeriesInfo, Volume


class ImageFiles(ImageHandler):
    """Files that hold one volume each, and name neither patient nor study."""

    def claims(self, path: Path) -> bool:
        """By its name and, for a NIfTI pair, by its content."""
        return is_image_file(path) and path.is_file()

    def look(self, headers: Sequence[Header]) -> list[Series]:
        """None: these are no DICOM files."""
        return []

    def look_at(self, path: Path) -> list[Series]:
        """The image of a file; twice where it gives itself two places, the one that is taken unasked first."""
        files = files_of(path)
        path = files[0]
        info = SeriesInfo(series_uid=str(path), description=path.name, source=str(path))
        try:
            places = placements(path)
            count = read_plane_count(path)
        except PlanimeterError as error:
            return [Series(str(path), info, "", self, files, 0, str(error))]
        out = [Series(str(path), info, "", self, files, count)]
        for other in places[1:]:
            uid = image_uid(path, other)
            described = replace(info, series_uid=uid, description=f"{path.name} (placed by its {other})")
            out.append(Series(uid, described, "", self, files, count, placement=other))
        return out

    def read(self, series: Series, progress: Progress, units: str = "") -> Volume:
        """The voxels of the file; its values are in one unit."""
        volume = read_image_file(series.files[0], progress, series.placement)
        if units and units.casefold() != volume.units.casefold():
            there = volume.units or "values without a unit"
            raise ReadError(f"{series.files[0].name} has no values in {units}, but {there}.")
        return volume

    def read_grid(self, series: Series) -> Volume:
        """The whole file: what it holds shows only when it is read."""
        return read_image_file(series.files[0], silent, series.placement)

    def read_middle(self, series: Series) -> Picture:
        """The middle plane of the file."""
        volume = read_image_file(series.files[0], silent, series.placement)
        middle = volume.voxels[volume.voxels.shape[0] // 2].astype(np.float32)
        return Picture(middle, volume.geometry.spacing_uv)
