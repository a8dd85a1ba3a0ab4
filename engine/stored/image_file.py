"""NIfTI, NRRD and MetaImage files."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.dicom.header import Header
from engine.errors import PlanimeterError, ReadError
from engine.files.grid_file import SUFFIXES
from engine.files.image_file import (
    files_of,
    image_uid,
    is_image_file,
    placements,
    read_image_file,
    read_plane_count,
    volumes_of,
)
from engine.progress import Progress, silent
from engine.stored.catalogue import Series
from engine.stored.handler import ImageHandler, Picture
from engine.volume import LeftOut, SeriesInfo, Volume


class ImageFiles(ImageHandler):
    """Files that hold a volume, or several on one grid, and name neither patient nor study."""

    suffixes = (*SUFFIXES, ".hdr")
    files_label = "Volumes"

    def claims(self, path: Path) -> bool:
        """By its name and, for a NIfTI pair, by its content."""
        return is_image_file(path) and path.is_file()

    def look(self, headers: Sequence[Header]) -> list[Series]:
        """None: these are no DICOM files."""
        return []

    def look_at(self, path: Path) -> list[Series]:
        """The images of a file; twice where it gives itself two places, the one that is taken unasked first."""
        files = files_of(path)
        path = files[0]
        info = SeriesInfo(series_uid=str(path), description=path.name, source=str(path))
        try:
            places = placements(path)
            count, members = read_plane_count(path), volumes_of(path)
        except PlanimeterError as error:
            return [Series(str(path), info, "", self, files, 0, str(error))]
        out = _volumes(Series(str(path), info, "", self, files, count), members)
        for other in places[1:]:
            uid = image_uid(path, other)
            described = replace(info, series_uid=uid, description=f"{path.name} (placed by its {other})")
            out += _volumes(Series(uid, described, "", self, files, count, placement=other), members)
        return out

    def read(self, series: Series, progress: Progress, units: str = "") -> Volume:
        """The voxels of the file; its values are in one unit."""
        volume = self.read_grid(series, progress)
        if units and units.casefold() != volume.units.casefold():
            there = volume.units or "values without a unit"
            raise ReadError(f"{series.files[0].name} has no values in {units}, but {there}.")
        return volume

    def read_grid(self, series: Series, progress: Progress = silent) -> Volume:
        """The whole volume: what it holds shows only when it is read."""
        volume = read_image_file(series.files[0], progress, series.placement, series.volume)
        if series.volume is None:
            return volume
        info = replace(volume.info, description=series.info.description)
        return replace(volume, info=info, notes=(*volume.notes, *series.notes), left_out=series.left_out)

    def read_middle(self, series: Series) -> Picture:
        """The middle plane of the file."""
        volume = self.read_grid(series)
        middle = volume.voxels[volume.voxels.shape[0] // 2].astype(np.float32)
        return Picture(middle, volume.geometry.spacing_uv)


def _volumes(whole: Series, members: Sequence[str]) -> list[Series]:
    """A series for each volume of a file; the one that is given where it holds one."""
    if not members:
        return [whole]
    out = []
    for number, member in enumerate(members):
        sentence = (
            f"{whole.info.description} holds {len(members)} volumes; this is volume {member}. The others are left out."
        )
        left = LeftOut("volumes", (len(members) - 1) * whole.plane_count, whole.files, sentence)
        out.append(
            replace(
                whole,
                uid=f"{whole.uid}#{number + 1}" if number else whole.uid,
                info=replace(whole.info, description=f"{whole.info.description} [{member}]"),
                notes=(sentence,),
                volume=number,
                axis="time point" if ", at " in member else "number",
                member=member,
                order=((float(number), ""),),
                left_out=(left,),
            )
        )
    return out
