"""Corrected cases as a data set to learn from: an image without its patient, and labels, in the nnU-Net raw layout.

Of an image its voxels, spacing and directions are kept, and nothing of its header; a case may have further images,
such as PET with CT, which are brought to the grid of the first. A case gets a number. Cases of one
patient are told by a code of the Patient ID, so that they stay on one side of every split; it is made with a key that
lies in the user's own folder and not in the data set, without which it can't be traced back.
"""

import contextlib
import hashlib
import hmac
import json
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from engine.contouring.fill import fill
from engine.data_folder import data_folder
from engine.dicom.rtstruct_read import filled_areas
from engine.errors import MismatchError, ReadError, WriteError
from engine.later import later
from engine.progress import Progress, silent
from engine.safe_file import whole_file, write_errors
from engine.sitk_image import itk, to_image
from engine.structures import ReviewState, Roi, StructureSet
from engine.training_images import FurtherImage, images_of, kind_of, why_not_added, why_not_beside
from engine.volume import Geometry, Volume

if TYPE_CHECKING:
    import filelock
else:
    filelock = later("filelock")

#: What a person must agree to, line by line, before a case is added.
CONSENT = (
    "This patient's images may be used for training: by consent, or by this department's rule.",
    "Removed: name, ID, birth date, sex, dates, times, institution, all UIDs, descriptions and every other element of "
    "the header, and the place of the image in the scanner. The case gets a number.",
    "Kept: the voxels, their spacing and directions, the kind of image, and the names of the structures; a code of the "
    "patient, alike for all of their cases, which only the key in your own folder traces back; a fingerprint of the "
    "image, by which it is known again. A face can be made from the voxels of a head, and a rare anatomy may be known "
    "again.",
)
#: Value of the label map of the first structure; 255 is the last that a byte has.
_MOST_LABELS = 255
#: Share of a structure that others may take of it where they overlap.
_MOST_LOST = 0.05
_DESCRIPTION, _IMAGES, _LABELS, _ENDING = "dataset.json", "imagesTr", "labelsTr", ".nii.gz"
#: What a card can have as a label, as of `engine.values.Identifier`.
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}")
_CASE = re.compile(r"case_(\d{4,})")


@dataclass(frozen=True)
class Added:
    """A case that was added.

    Args:
        case: its name in the set.
        structures: names that it has labels of.
        notes: what was converted or lost, a sentence each.
    """

    case: str
    structures: tuple[str, ...]
    notes: tuple[str, ...] = field(default=())


def why_left_out(roi: Roi) -> str:
    """Why a structure is no label of a training set, in some words; "" where it is one."""
    if roi.is_empty:
        return "has no contours"
    if roi.provenance.review.state is ReviewState.UNREVIEWED:
        return "nobody has reviewed it"
    if not _LABEL.fullmatch(roi.name.strip()):
        return "a network can't learn a name with other signs than letters, digits, _ and -; rename it"
    return ""


def case_of_image(folder: Path, volume: Volume) -> str:
    """The case of a training set that is this very image; "" where none is.

    Raises:
        ReadError: the set's description can't be read.
    """
    prints: dict[str, str] = _description(folder).get("fingerprints", {})
    own = _fingerprint(volume)
    return next((case for case, known in prints.items() if known == own), "")


def add_case(
    folder: Path,
    volume: Volume,
    structures: StructureSet,
    *,
    further: Sequence[FurtherImage] = (),
    replace: str = "",
    progress: Progress = silent,
) -> Added:
    """Add a case to a training set, which is made where it is not there.

    Args:
        folder: of the set; `dataset.json` in it must be of the same kinds of images a case, or not there yet.
        volume: CT, MR or PET.
        structures: all of them become labels; see `why_left_out`.
        further: images that belong to it, in the order in which a model takes them.
        replace: name of the case whose images and labels are replaced; "" for a new one.
        progress: reports and may stop, before the set is changed.

    Raises:
        MismatchError: the image or a structure can't be in the set; says which, and what to do.
        ReadError: the set's description can't be read, or another program is adding to it.
        WriteError: the folder can't be written; the set is as it was.
        CancelledError: stopped; the set is as it was.
    """
    problem = why_not_added(volume) or next(filter(None, (why_not_beside(volume, each.volume) for each in further)), "")
    refused = [f"{roi.name} {why}" for roi in structures.rois if (why := why_left_out(roi))]
    if problem or refused or not structures.rois:
        raise MismatchError(problem or f"Not every structure can be added: {'; '.join(refused) or 'there is none'}.")
    if len({roi.name.strip().casefold() for roi in structures.rois}) != len(structures.rois):
        raise MismatchError("Two of the structures have the same name; rename one before the case is added.")
    with write_errors(folder, "add the case"):
        (folder / _IMAGES).mkdir(parents=True, exist_ok=True)
        (folder / _LABELS).mkdir(parents=True, exist_ok=True)
    lock = filelock.FileLock(folder / ".adding.lock", timeout=5)
    try:
        lock.acquire()
    except filelock.Timeout as error:
        raise ReadError(f"Another window is adding a case to {folder}; try again in a moment.") from error
    try:
        return _add(folder, [FurtherImage(volume), *further], structures, replace, progress)
    finally:
        lock.release()


def _add(
    folder: Path, shown: Sequence[FurtherImage], structures: StructureSet, replace: str, progress: Progress
) -> Added:
    description, volumes = _description(folder), [each.volume for each in shown]
    volume = volumes[0]
    _check_kind(description, volumes, folder)
    if not structures.geometry.same_grid(volume.geometry):
        raise MismatchError("The structures lie on the planes of another image than the one to add.")
    values, names = _values_with(description, structures, folder), [roi.name.strip() for roi in structures.rois]
    labels, notes = _label_map(structures, [_value_of(values, name) for name in names], progress)
    progress(0.7, "Bringing the images together")
    images, said_of_images = images_of(volume, shown[1:])
    case = replace or _free_case(folder, description)
    progress(0.8, "Writing the case")
    written = {folder / _LABELS / f"{case}{_ENDING}": labels}
    # The labels first: an image alone would be taken for a case.
    for number, image in enumerate(images):
        written[folder / _IMAGES / f"{case}_{number:04d}{_ENDING}"] = image
    # A structure that comes with this case was contoured in none of those that are there.
    known = [name for name, value in (description.get("labels") or {}).items() if value]
    contoured = description.get("contoured") or {other: known for other in _cases_in(folder) if other != case}
    patient, said = _patient_code(volume, case)
    description |= {
        "channel_names": {str(number): kind_of(each) for number, each in enumerate(volumes)},
        "units": volume.units if len(shown) == 1 else [each.units for each in volumes],
        "labels": values,
        "file_ending": _ENDING,
        "contoured": {**contoured, case: [_known(values, name) for name in names]},
        "patients": {**description.get("patients", {}), case: patient},
        "fingerprints": {**description.get("fingerprints", {}), case: _fingerprint(volume)},
        "numTraining": len({*_cases_in(folder), case}),
        "agreed_to": list(CONSENT),
    }
    with _all_or_nothing(list(written)):
        for path, array in written.items():
            _write(array, volume.geometry, path)
        _write_description(folder, description)
    return Added(case, tuple(names), (*notes, *said_of_images, *said))


def _label_map(
    structures: StructureSet, values: Sequence[int], progress: Progress
) -> tuple[NDArray[np.uint8], list[str]]:
    """(planes, rows, columns): where structures overlap, the smaller one; and what that took, a sentence each.

    Raises:
        MismatchError: a structure would lose too much.
    """
    areas_of, notes = filled_areas(structures)
    masks = []
    for number, roi in enumerate(structures.rois):
        progress(0.8 * number / len(structures.rois), f"Filling {roi.name}")
        masks.append(fill(areas_of(roi), structures.geometry))
    sizes = [int(mask.sum()) for mask in masks]
    labels = np.zeros(structures.geometry.shape, np.uint8)
    for index in sorted(range(len(masks)), key=lambda index: -sizes[index]):
        labels[masks[index]] = values[index]
    for roi, value, mask, size in zip(structures.rois, values, masks, sizes, strict=True):
        lost = int((labels[mask] != value).sum())
        takers = [
            other.name
            for other, theirs in zip(structures.rois, values, strict=True)
            if theirs != value and (labels[mask] == theirs).any()
        ]
        if not size:
            raise MismatchError(f"{roi.name} holds no voxel of the image, so it can't be learned; leave it out.")
        if lost > _MOST_LOST * size:
            raise MismatchError(
                f"{roi.name} overlaps {', '.join(takers)}, and a voxel has one label: {lost / size:.0%} of it would be "
                "lost. Leave one of them out."
            )
        if lost:
            notes.append(f"{lost} of {size} voxels of {roi.name} count as {', '.join(takers)}, which they lie in too.")
    return labels, notes


def _check_kind(description: dict[str, Any], volumes: Sequence[Volume], folder: Path) -> None:
    channels = list((description.get("channel_names") or {}).values())
    wanted, units = [kind_of(each) for each in volumes], [each.units for each in volumes]
    if channels and channels != wanted:
        told = " with ".join(str(name) for name in channels)
        raise MismatchError(
            f"The cases of {folder} are {told}, and this one is {' with '.join(wanted)}; choose another folder, or "
            "other images for the case."
        )
    known = description.get("units", units)
    known = [known] if isinstance(known, str) else list(known)
    if known != units:
        told, own = (", ".join(each or "unknown units" for each in either) for either in (known, units))
        raise MismatchError(
            f"The values of {folder} are in {told}, and this image is in {own}; choose another folder, or other units."
        )
    if description.get("file_ending", _ENDING) != _ENDING:
        raise MismatchError(f"The files of {folder} end in {description['file_ending']}; choose another folder.")


def _values_with(description: dict[str, Any], structures: StructureSet, folder: Path) -> dict[str, int]:
    """The set's labels by name, with those of the structures that are new."""
    values = dict(description.get("labels") or {"background": 0})
    if not all(isinstance(value, int) for value in values.values()):
        raise MismatchError(f"The labels of {folder} are regions of several values; choose another folder.")
    for roi in structures.rois:
        name = roi.name.strip()
        if _known(values, name) not in values:
            values[name] = max(values.values()) + 1
    if max(values.values()) > _MOST_LABELS:
        raise MismatchError(f"{folder} would have more than {_MOST_LABELS} labels; choose another folder.")
    return values


def _known(values: dict[str, int], name: str) -> str:
    """The name as the set has it, upper and lower case alike."""
    return next((known for known in values if known.casefold() == name.casefold()), name)


def _value_of(values: dict[str, int], name: str) -> int:
    return values[_known(values, name)]


def _free_case(folder: Path, description: dict[str, Any]) -> str:
    names = {*_cases_in(folder), *description.get("patients", {})}
    numbers = [int(found[1]) for name in names if (found := _CASE.fullmatch(name))]
    return f"case_{max(numbers, default=0) + 1:04d}"


def _cases_in(folder: Path) -> list[str]:
    ending = f"_0000{_ENDING}"
    return sorted(path.name.removesuffix(ending) for path in (folder / _IMAGES).glob(f"*{ending}"))


def _write(values: NDArray[Any], geometry: Geometry, path: Path) -> None:
    """Write an array as NIfTI, with its first voxel at the origin; it appears whole or not at all."""
    image = to_image(values, geometry)
    image.SetOrigin((0.0, 0.0, 0.0))
    try:
        with whole_file(path) as file:
            itk().WriteImage(image, str(file), True, 1)
    except (OSError, RuntimeError) as error:
        raise WriteError(f"{path.name} could not be written in {path.parent}; is there room, and may you?") from error


@contextlib.contextmanager
def _all_or_nothing(paths: Sequence[Path]) -> Iterator[None]:
    """Put files back as they were where writing goes wrong."""
    before = [path.read_bytes() if path.exists() else None for path in paths]
    try:
        yield
    except BaseException:
        for path, data in zip(paths, before, strict=True):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
                if data is not None:
                    path.write_bytes(data)
        raise


def _fingerprint(volume: Volume) -> str:
    """By which an image is known again: of its voxels alone."""
    digest = hashlib.sha256(repr((volume.voxels.shape, str(volume.voxels.dtype))).encode())
    digest.update(np.ascontiguousarray(volume.voxels).tobytes())
    return digest.hexdigest()[:32]


def _patient_code(volume: Volume, case: str) -> tuple[str, tuple[str, ...]]:
    patient = volume.info.patient_id.strip()
    if not patient:
        return case, (
            "The image names no patient, so the case counts as one of its own; do not add others of this patient.",
        )
    return "p" + hmac.new(_key(), patient.encode(), hashlib.sha256).hexdigest()[:12], ()


def _key() -> bytes:
    """The secret with which patients' codes are made, of this user alone."""
    path = data_folder() / "training_sets.key"
    with write_errors(path, "add the case"):
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path) as file:
                file.write_bytes(secrets.token_bytes(32))
            path.chmod(0o600)
        return path.read_bytes()


def _description(folder: Path) -> dict[str, Any]:
    path = folder / _DESCRIPTION
    try:
        description = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ReadError(f"{path} can't be read as the description of a data set; choose another folder.") from error
    if not isinstance(description, dict):
        raise ReadError(f"{path} is no description of a data set; choose another folder.")
    return description


def _write_description(folder: Path, description: dict[str, Any]) -> None:
    path = folder / _DESCRIPTION
    with write_errors(path, "add the case"), whole_file(path) as file:
        file.write_text(json.dumps(description, indent=1, ensure_ascii=False), encoding="utf-8")
