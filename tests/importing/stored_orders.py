"""Images in each of the 48 orders in which a file can store one, upright or turned."""

from itertools import permutations, product
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK as sitk
from nibabel.orientations import axcodes2ornt, ornt_transform
from numpy.typing import NDArray
from scipy.spatial.transform import Rotation

ORDERS = ["".join(letters) for axes in permutations(("LR", "PA", "IS")) for letters in product(*axes)]
#: By which the oblique ones are turned, degrees about x, y and z.
TURN = np.array([24.0, -20.0, 25.0])


def write_stored(
    values_ras: NDArray[np.int16], spacing: tuple[float, ...], order: str, path: Path, oblique: bool
) -> Path:
    """Write an image of one patient in an order; NRRD and MetaImage files hold what the NIfTI file would.

    Args:
        values_ras: (right, front, head).
        spacing: mm along these.
        order: patient directions along which the file's axes rise.
        path: of the file.
        oblique: whether the patient lies turned in the scanner.
    """
    affine = np.diag([*spacing, 1.0])
    if oblique:
        affine[:3, :3] = Rotation.from_rotvec(TURN, degrees=True).as_matrix() @ affine[:3, :3]
    affine[:3, 3] = -20, -13, 7
    image = nibabel.Nifti1Image(values_ras, affine)
    turned = image.as_reoriented(ornt_transform(axcodes2ornt("RAS"), axcodes2ornt(order)))
    if path.suffix == ".nii":
        nibabel.save(turned, path)
        return path
    stored = sitk.GetImageFromArray(np.asarray(turned.dataobj).transpose(2, 1, 0))
    lps = np.diag([-1.0, -1.0, 1.0, 1.0]) @ turned.affine
    sizes = np.linalg.norm(lps[:3, :3], axis=0)
    stored.SetOrigin(lps[:3, 3].tolist())
    stored.SetSpacing(sizes.tolist())
    stored.SetDirection((lps[:3, :3] / sizes).ravel().tolist())
    sitk.WriteImage(stored, path)
    return path
