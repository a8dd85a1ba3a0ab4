"""A slab is the voxels within half its thickness, by another program's projection."""

import numpy as np
import pytest
import SimpleITK as sitk

from engine.slab import Projection, Slab, planes_of, projected
from engine.volume import Geometry, Volume

VOXELS = np.random.default_rng(3).integers(-1000, 2000, (20, 24, 30)).astype(np.int16)
VOLUME = Volume(VOXELS, Geometry.regular((0, 0, 0), np.eye(3), (1.0, 1.5, 2.5), VOXELS.shape))
FILTERS = {
    Projection.MAXIMUM: sitk.MaximumProjection,
    Projection.MINIMUM: sitk.MinimumProjection,
    Projection.MEAN: sitk.MeanProjection,
}


@pytest.mark.parametrize("projection", list(Projection))
@pytest.mark.parametrize(("axis", "planes"), [(0, slice(8, 13)), (1, slice(7, 14)), (2, slice(5, 16))])
def test_a_slab_is_the_projection_of_its_planes(projection: Projection, axis: int, planes: slice) -> None:
    # 10 mm: five planes of 2.5 mm, seven rows of 1.5 mm, eleven columns of 1 mm.
    place = [slice(None)] * 3
    place[axis] = planes
    image = sitk.GetImageFromArray(VOXELS[tuple(place)])
    expected = sitk.GetArrayFromImage(FILTERS[projection](image, 2 - axis)).squeeze(axis)
    found = projected(VOLUME, axis, 10, Slab(projection, 10.0))
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_a_slab_ends_with_the_image_and_is_one_plane_at_least() -> None:
    assert planes_of(Slab(Projection.MEAN, 30.0), 2, 2.5, 20) == slice(0, 9)
    assert planes_of(Slab(Projection.MEAN, 1.0), 2, 2.5, 20) == slice(2, 3)
