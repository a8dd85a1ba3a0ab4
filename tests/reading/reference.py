"""SimpleITK's reading of the same files, to compare with."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import SimpleITK as sitk
from pydicom import dcmread

from engine.volume import Volume


def assert_planes_as_simpleitk(volume: Volume, files: Iterable[Path], factor: float = 1.0) -> None:
    """Each plane of `volume` is where and what SimpleITK reads from its file alone; `factor` scales its values."""
    headers = {file: dcmread(file, stop_before_pixels=True) for file in files}
    by_uid = {str(ds.SOPInstanceUID or ds.file_meta.MediaStorageSOPInstanceUID): file for file, ds in headers.items()}
    geometry = volume.geometry
    assert len(volume.instances) == geometry.shape[0]
    for k, instance in enumerate(volume.instances):
        image = sitk.ReadImage(str(by_uid[instance.sop_instance_uid]))
        values = sitk.GetArrayFromImage(image)[0].astype(np.float64) * factor
        directions = np.array(image.GetDirection()).reshape(3, 3)
        np.testing.assert_allclose(volume.voxels[k], values, rtol=1e-5, atol=1e-4)
        np.testing.assert_allclose(geometry.origins_lps[k], image.GetOrigin(), atol=1e-4)
        np.testing.assert_allclose(geometry.directions, directions, atol=1e-5)
        np.testing.assert_allclose(geometry.spacing_uv, image.GetSpacing()[:2], rtol=1e-6)
    assert (np.diff(geometry.positions) > 0).all()


def assert_series_as_simpleitk(volume: Volume, folder: Path, factor: float = 1.0) -> None:
    """`volume` is what SimpleITK's series reader makes of the one series in `folder`."""
    names = sitk.ImageSeriesReader.GetGDCMSeriesFileNames(str(folder), volume.info.series_uid)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(names)
    image = reader.Execute()
    assert_as_image(volume, image, factor)


def assert_as_image(volume: Volume, image: sitk.Image, factor: float = 1.0) -> None:
    """`volume` has the voxels, origin, spacing and directions of a SimpleITK image."""
    geometry = volume.geometry
    assert geometry.is_regular
    np.testing.assert_allclose(geometry.origins_lps[0], image.GetOrigin(), atol=1e-3)
    np.testing.assert_allclose(geometry.directions, np.array(image.GetDirection()).reshape(3, 3), atol=1e-5)
    if geometry.shape[0] > 1:
        np.testing.assert_allclose(geometry.spacing_xyz, image.GetSpacing(), rtol=1e-4)
    np.testing.assert_allclose(volume.voxels, sitk.GetArrayFromImage(image) * factor, rtol=1e-5, atol=1e-4)


def assert_same_places(volume: Volume, image: sitk.Image, count: int = 200) -> None:
    """Voxels at the same places in space have the same values, whatever the order of the axes of either."""
    rng = np.random.default_rng(0)
    index = rng.integers(0, volume.voxels.shape, size=(count, 3))
    for (k, j, i), point in zip(index, volume.geometry.lps_from_kji(index), strict=True):
        there = image.TransformPhysicalPointToIndex([float(x) for x in point])
        np.testing.assert_allclose(image.TransformIndexToPhysicalPoint(there), point, atol=1e-3)
        assert volume.voxels[k, j, i] == np.float32(image.GetPixel(there))
