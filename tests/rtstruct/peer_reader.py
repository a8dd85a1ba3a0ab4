"""Run by the interpreter of `.venv-peers`.

`peer_reader.py READER RTSTRUCT SERIES OUT.npz` reads with rt-utils or DicomRTTool;
`peer_reader.py write MASKS.npz SERIES OUT.dcm` writes with rt-utils.
"""

import sys
from pathlib import Path

import numpy as np


def rt_utils(rtstruct: Path, series: Path) -> dict[str, np.ndarray]:
    from rt_utils import RTStructBuilder

    opened = RTStructBuilder.create_from(dicom_series_path=str(series), rt_struct_path=str(rtstruct))
    out = {}
    for name in opened.get_roi_names():
        try:
            out[name] = np.moveaxis(opened.get_roi_mask_by_name(name), 2, 0)
        except AttributeError:  # a structure without contours
            continue
    return out


def dicom_rt_tool(rtstruct: Path, series: Path) -> dict[str, np.ndarray]:
    from DicomRTTool.ReaderWriter import DicomReaderWriter

    reader = DicomReaderWriter(description="peers", verbose=False)
    reader.walk_through_folders(str(series))
    reader.walk_through_folders(str(rtstruct.parent))
    names = list(reader.return_rois(print_rois=False))
    out = {}
    for name in names:
        reader.set_contour_names_and_associations(contour_names=[name])
        reader.get_images_and_mask()
        out[name] = reader.mask.astype(bool)
    return out


def write(masks: Path, series: Path, output: Path) -> None:
    from rt_utils import RTStructBuilder

    made = RTStructBuilder.create_new(dicom_series_path=str(series))
    with np.load(masks) as found:
        for name in found.files:
            made.add_roi(mask=np.moveaxis(found[name], 0, 2), name=name)
    made.save(str(output))


if __name__ == "__main__":
    which, first, series, output = sys.argv[1], *map(Path, sys.argv[2:])
    if which == "write":
        write(first, series, output)
    else:
        np.savez(output, **{"rt-utils": rt_utils, "DicomRTTool": dicom_rt_tool}[which](first, series))
