"""Whether a series says that text was burned into its pixels, which no removal of header elements takes away."""

import contextlib
from pathlib import Path

import pydicom

from engine.volume import SeriesInfo


def says_burned_in(info: SeriesInfo) -> bool:
    """Whether any file of the series, in the folder that it was read from, has Burned In Annotation "YES".

    Files that can't be read, and images that are no DICOM, say nothing.
    """
    folder = Path(info.source)
    if not info.series_uid or not folder.is_dir():
        return False
    for path in sorted(folder.iterdir()):
        # pydicom raises nearly anything on damaged bytes.
        with contextlib.suppress(Exception):
            tags = ["SeriesInstanceUID", "BurnedInAnnotation"]
            header = pydicom.dcmread(path, stop_before_pixels=True, specific_tags=tags)
            same = str(header.get("SeriesInstanceUID", "")) == info.series_uid
            if same and str(header.get("BurnedInAnnotation", "")).strip().upper() == "YES":
                return True
    return False
