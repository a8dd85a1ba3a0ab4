"""DICOM images: a series becomes one volume a stack of planes."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np

from engine.dicom.header import Header
from engine.dicom.info import loss_notes, read_info, text_notes
from engine.dicom.pictures import is_picture
from engine.dicom.pixels import read_stored, why_undecodable
from engine.dicom.planes import VOLUME_MODALITIES
from engine.dicom.read import grid_of_planes, read_planes
from engine.dicom.stack import Stack, make_stacks
from engine.errors import ReadError
from engine.progress import Progress
from engine.stored.catalogue import Series
from engine.stored.dicom_picture import PICTURES
from engine.stored.handler import ImageHandler, Picture
from engine.stored.unopened import UNKNOWN
from engine.volume import Volume


class Images(ImageHandler):
    """CT, MR, PET and whatever else is stored as grey-scale planes with a place; what has none is a picture."""

    def look(self, headers: Sequence[Header]) -> list[Series]:
        """A series for each stack of planes, and one for files that turn out to have none."""
        without = [header for header in headers if not header.planes and not header.problem]
        volumes, pictures = [], []
        for stack in make_stacks(headers):
            if is_picture(stack.planes[0], stack.header.modality):
                pictures += PICTURES.of_planes(stack.planes)
            else:
                volumes.append(self._series(stack))
        return [*volumes, *pictures, *(UNKNOWN.look(without) if without else [])]

    def _series(self, stack: Stack) -> Series:
        first = stack.planes[0].image.path
        info = read_info(first)
        label = f" [{stack.label}]" if stack.label else ""
        info = replace(info, description=f"{info.description}{label}".strip())
        problem = stack.problem or why_undecodable(stack.planes)
        return Series(
            uid=info.series_uid or str(first.parent),
            info=info,
            modality=info.modality,
            # A picture that is no volume is not missed as one that cannot be opened.
            handler=self if info.modality in VOLUME_MODALITIES or not problem else UNKNOWN,
            files=tuple(dict.fromkeys(plane.image.path for plane in stack.planes)),
            plane_count=len(stack.planes),
            problem=problem,
            notes=(
                *stack.notes,
                *_remarks(stack),
                *text_notes(info),
                *loss_notes(info, stack.planes[0].image.transfer_syntax),
            ),
            planes=stack.planes,
            axis=stack.axis,
            member=stack.member,
            order=stack.order,
            left_out=stack.left_out,
        )

    def read(self, series: Series, progress: Progress, units: str = "") -> Volume:
        """The voxels of all planes."""
        volume = read_planes(series.planes, series.info, series.notes, progress, units)
        return replace(volume, left_out=(*series.left_out, *volume.left_out))

    def read_grid(self, series: Series) -> Volume:
        """The planes' places, from the headers that were read."""
        return replace(grid_of_planes(series.planes, series.info, series.notes), left_out=series.left_out)

    def read_middle(self, series: Series) -> Picture:
        """The pixels of one plane."""
        plane = series.planes[len(series.planes) // 2]
        with closing(read_stored([plane])) as stored_planes:
            stored = next(stored_planes)
        if isinstance(stored, ReadError):
            raise stored
        return Picture(
            stored.astype(np.float32), plane.spacing_uv or (1.0, 1.0), plane.image.photometric == "MONOCHROME1"
        )


def _remarks(stack: Stack) -> Iterator[str]:
    """What had to be assumed about the files of a stack, each once."""
    files: dict[str, dict[Path, None]] = {}
    for plane in stack.planes:
        for remark in plane.image.remarks:
            files.setdefault(remark, {})[plane.image.path] = None
    for remark, paths in files.items():
        first = next(iter(paths)).name
        yield f"{first}: {remark}." if len(paths) == 1 else f"{len(paths)} files, such as {first}: {remark}."
