"""Writes DICOM image series for tests: any geometry, pixel format, rescale and transfer syntax."""

import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import gdcm
import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydicom import dcmread
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.sequence import Sequence as DicomSequence
from pydicom.uid import (
    CTImageStorage,
    EnhancedCTImageStorage,
    EnhancedMRImageStorage,
    EnhancedPETImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    MRImageStorage,
    PositronEmissionTomographyImageStorage,
    RLELossless,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from engine.volume import Geometry

SOP_CLASSES = {"CT": CTImageStorage, "MR": MRImageStorage, "PT": PositronEmissionTomographyImageStorage}
ENHANCED_SOP_CLASSES = {
    "CT": EnhancedCTImageStorage,
    "MR": EnhancedMRImageStorage,
    "PT": EnhancedPETImageStorage,
}


def make_geometry(
    shape: tuple[int, int, int] = (6, 16, 20),
    spacing: tuple[float, float, float] = (0.9, 1.1, 2.5),
    origin: ArrayLike = (-40.0, -60.0, -100.0),
    directions: ArrayLike | None = None,
    offsets: ArrayLike | None = None,
) -> Geometry:
    """A geometry of parallel planes.

    Args:
        shape: (planes, rows, columns).
        spacing: mm between columns, rows and planes.
        origin: LPS mm of the first voxel's centre.
        directions: (3, 3) columns are row direction, column direction and normal; identity (axial) by default.
        offsets: (planes, 3) LPS mm to add to the regular origins, for uneven or tilted planes.
    """
    axes = np.eye(3) if directions is None else np.asarray(directions, dtype=np.float64)
    regular = Geometry.regular(origin, axes, spacing, shape)
    if offsets is None:
        return regular
    origins = regular.origins_lps + np.asarray(offsets, dtype=np.float64)
    return Geometry(origins, axes[:, 0], axes[:, 1], spacing[:2], shape, spacing[2])


def random_rotation(seed: int) -> NDArray[np.float64]:
    """A (3, 3) right-handed rotation, the same for the same seed."""
    q, r = np.linalg.qr(np.random.default_rng(seed).normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    if np.linalg.det(q) < 0:
        q[:, 2] = -q[:, 2]
    return np.asarray(q, dtype=np.float64)


def make_voxels(shape: tuple[int, int, int], seed: int = 0, low: int = -1000, high: int = 2000) -> NDArray[np.int16]:
    """Voxels that differ everywhere, so that any flip, shift or swap shows: seeded noise in [low, high)."""
    return np.random.default_rng(seed).integers(low, high, size=shape).astype(np.int16)


def _ds(value: float) -> str:
    return f"{value:.10g}"[:16]


def _dataset(modality: str, geometry: Geometry, folder: Path, elements: dict[str, Any]) -> Dataset:
    """The elements that all files of a series share."""
    ds = Dataset()
    key = [str(folder), modality, str(elements.get("SeriesDescription", ""))]
    ds.SpecificCharacterSet = "ISO_IR 192"
    ds.SOPClassUID = SOP_CLASSES.get(modality, SecondaryCaptureImageStorage)
    ds.ImageType = ["ORIGINAL", "PRIMARY", "AXIAL"]
    ds.StudyDate = ds.SeriesDate = ds.AcquisitionDate = ds.ContentDate = "20240102"
    ds.StudyTime = ds.SeriesTime = ds.AcquisitionTime = ds.ContentTime = "101500"
    ds.AccessionNumber = ""
    ds.Modality = modality
    ds.Manufacturer = "Synthetic"
    ds.ReferringPhysicianName = ""
    ds.StudyDescription = "Synthetic study"
    ds.SeriesDescription = f"Synthetic {modality}"
    ds.PatientName = "Phantom^Synthetic"
    ds.PatientID = "SYN-1"
    ds.PatientBirthDate = ""
    ds.PatientSex = "O"
    ds.PatientPosition = "HFS"
    ds.StudyInstanceUID = generate_uid(entropy_srcs=["study", *key[:1]])
    ds.SeriesInstanceUID = generate_uid(entropy_srcs=["series", *key])
    ds.StudyID = "1"
    ds.SeriesNumber = 1
    ds.AcquisitionNumber = 1
    ds.FrameOfReferenceUID = generate_uid(entropy_srcs=["frame of reference", *key[:1]])
    ds.PositionReferenceIndicator = ""
    ds.SliceThickness = _ds(geometry.slice_thickness)
    ds.PixelSpacing = [_ds(geometry.spacing_uv[1]), _ds(geometry.spacing_uv[0])]
    ds.ImageOrientationPatient = [_ds(v) for v in (*geometry.row_direction, *geometry.column_direction)]
    if modality == "PT":
        ds.Units = "BQML"
        ds.CorrectedImage = ["DECY", "ATTN", "SCAT"]
        ds.DecayCorrection = "START"
        ds.PatientWeight = "70"
        ds.ActualFrameDuration = "120000"
        ds.FrameReferenceTime = "0"
        dose = Dataset()
        dose.RadiopharmaceuticalStartTime = "091500"
        dose.RadionuclideTotalDose = "350000000"
        dose.RadionuclideHalfLife = "6586.2"
        ds.RadiopharmaceuticalInformationSequence = DicomSequence([dose])
    return ds


def _set_pixels(
    ds: Dataset, values: NDArray[Any], *, slope: float, intercept: float, signed: bool, bits: tuple[int, int]
) -> None:
    """Store `values` (real values; rows and columns last) as pixel data of the given format."""
    allocated, stored_bits = bits
    stored = np.rint((values.astype(np.float64) - intercept) / slope)
    low, high = (-(2 ** (stored_bits - 1)), 2 ** (stored_bits - 1) - 1) if signed else (0, 2**stored_bits - 1)
    if stored.min() < low or stored.max() > high:
        raise ValueError(f"stored values {stored.min()}..{stored.max()} do not fit {stored_bits} bits, signed={signed}")
    # Two's complement within the stored bits; the bits above stay clear, as the standard asks.
    raw = stored.astype(np.int64) & (2**stored_bits - 1)
    ds.SamplesPerPixel = 1
    ds.PhotometricInterpretation = "MONOCHROME2"
    ds.Rows, ds.Columns = values.shape[-2:]
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = allocated, stored_bits, stored_bits - 1
    ds.PixelRepresentation = int(signed)
    ds.RescaleSlope, ds.RescaleIntercept = _ds(slope), _ds(intercept)
    pixels = raw.astype({8: "<u1", 16: "<u2", 32: "<u4"}[allocated]).tobytes()
    ds.PixelData = pixels + b"\0" * (len(pixels) % 2)
    ds["PixelData"].VR = "OW"


def _save(ds: Dataset, path: Path, transfer_syntax: str) -> None:
    encode = COMPRESSED.get(transfer_syntax)
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian if encode is not None else transfer_syntax
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
    if transfer_syntax == ExplicitVRBigEndian and ds.BitsAllocated == 16:
        ds.PixelData = np.frombuffer(ds.PixelData, "<u2").byteswap().tobytes()
    ds.save_as(path, enforce_file_format=True)
    if encode is not None:
        ds.PixelData = _encode(path, encode)
        ds["PixelData"].VR = "OB"
        ds["PixelData"].is_undefined_length = True
        ds.file_meta.TransferSyntaxUID = transfer_syntax
        ds.save_as(path, enforce_file_format=True)


def _encode(path: Path, transfer_syntax: int) -> bytes:
    """The encapsulated pixel data of the file at `path` in one of GDCM's transfer syntaxes."""
    change = gdcm.FileChangeTransferSyntax()
    change.SetInputFileName(str(path))
    with tempfile.TemporaryDirectory() as folder:
        output = str(Path(folder) / "encoded.dcm")
        change.SetOutputFileName(output)
        change.SetTransferSyntax(gdcm.TransferSyntax(transfer_syntax))
        if not change.Change():
            raise ValueError(f"GDCM does not encode {path}")
        return bytes(dcmread(output).PixelData)


#: Transfer syntaxes whose pixel data is encapsulated, as GDCM's codes; all without loss.
COMPRESSED = {
    RLELossless: gdcm.TransferSyntax.RLELossless,
    JPEGLossless: gdcm.TransferSyntax.JPEGLosslessProcess14,
    JPEGLosslessSV1: gdcm.TransferSyntax.JPEGLosslessProcess14_1,
    JPEGLSLossless: gdcm.TransferSyntax.JPEGLSLossless,
    JPEG2000Lossless: gdcm.TransferSyntax.JPEG2000Lossless,
}


def write_series(
    folder: Path,
    voxels: NDArray[Any],
    geometry: Geometry,
    modality: str = "CT",
    *,
    slope: float | Sequence[float] = 1.0,
    intercept: float | Sequence[float] | None = None,
    signed: bool = True,
    bits: tuple[int, int] = (16, 16),
    transfer_syntax: str = ExplicitVRLittleEndian,
    names: Sequence[str] | None = None,
    edit: Callable[[Dataset, int], None] | None = None,
    **elements: Any,
) -> list[Path]:
    """Write one file a plane and return the paths in the order of the planes.

    Args:
        folder: made when absent. The UIDs depend on it, the modality and the SeriesDescription alone.
        voxels: (planes, rows, columns) real values (HU, ...), which the stored values rescale to.
        slope, intercept: RescaleSlope and RescaleIntercept, one or one per plane; the intercept is 0 when signed and
            -1024 when not.
        signed, bits: PixelRepresentation, and (BitsAllocated, BitsStored).
        transfer_syntax: any uncompressed one, deflated, or one of `COMPRESSED`.
        names: file names in the order of the planes; "0000.dcm", ... by default.
        edit: called with each dataset and its plane index before it is written; it may delete elements.
        elements: DICOM keyword → value for every file, such as `PatientID="X"`.
    """
    folder.mkdir(parents=True, exist_ok=True)
    count = geometry.shape[0]
    default = 0.0 if signed else -1024.0
    slopes = np.broadcast_to(np.asarray(slope, dtype=float), (count,))
    intercepts = np.broadcast_to(np.asarray(default if intercept is None else intercept, dtype=float), (count,))
    paths = []
    for k in range(count):
        ds = _dataset(modality, geometry, folder, elements)
        ds.SOPInstanceUID = generate_uid(entropy_srcs=[ds.SeriesInstanceUID, str(k)])
        ds.InstanceNumber = k + 1
        ds.ImagePositionPatient = [_ds(v) for v in geometry.origins_lps[k]]
        values = np.asarray(voxels[k])
        _set_pixels(ds, values, slope=float(slopes[k]), intercept=float(intercepts[k]), signed=signed, bits=bits)
        for keyword, value in elements.items():
            setattr(ds, keyword, value)
        if edit is not None:
            edit(ds, k)
        paths.append(folder / (names[k] if names is not None else f"{k:04d}.dcm"))
        _save(ds, paths[-1], transfer_syntax)
    return paths


def write_enhanced(
    path: Path,
    voxels: NDArray[Any],
    geometry: Geometry,
    modality: str = "CT",
    *,
    slope: float | Sequence[float] = 1.0,
    intercept: float | Sequence[float] = 0.0,
    per_frame: bool = True,
    order: Sequence[int] | None = None,
    transfer_syntax: str = ExplicitVRLittleEndian,
    edit: Callable[[Dataset], None] | None = None,
    **elements: Any,
) -> Path:
    """Write the planes as one enhanced multi-frame file.

    Args:
        per_frame: pixel measures, orientation and rescale go into the per-frame groups, else into the shared ones.
        order: plane index of each frame; ascending by default.
        edit: called with the dataset before it is written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    count = geometry.shape[0]
    order = list(range(count)) if order is None else list(order)
    slopes = np.broadcast_to(np.asarray(slope, dtype=float), (count,))
    intercepts = np.broadcast_to(np.asarray(intercept, dtype=float), (count,))
    ds = _dataset(modality, geometry, path.parent, elements)
    for keyword in ("SliceThickness", "PixelSpacing", "ImageOrientationPatient"):
        delattr(ds, keyword)
    ds.SOPClassUID = ENHANCED_SOP_CLASSES[modality]
    ds.SOPInstanceUID = generate_uid(entropy_srcs=[ds.SeriesInstanceUID, path.name])
    ds.InstanceNumber = 1
    frames = []
    shared = Dataset()
    for k in order:
        frame = Dataset()
        common = frame if per_frame else shared
        measures, orientation, position, rescale = Dataset(), Dataset(), Dataset(), Dataset()
        measures.PixelSpacing = [_ds(geometry.spacing_uv[1]), _ds(geometry.spacing_uv[0])]
        measures.SliceThickness = _ds(geometry.slice_thickness)
        orientation.ImageOrientationPatient = [_ds(v) for v in (*geometry.row_direction, *geometry.column_direction)]
        position.ImagePositionPatient = [_ds(v) for v in geometry.origins_lps[k]]
        rescale.RescaleSlope, rescale.RescaleIntercept = _ds(float(slopes[k])), _ds(float(intercepts[k]))
        rescale.RescaleType = "HU" if modality == "CT" else "US"
        common.PixelMeasuresSequence = DicomSequence([measures])
        common.PlaneOrientationSequence = DicomSequence([orientation])
        common.PixelValueTransformationSequence = DicomSequence([rescale])
        frame.PlanePositionSequence = DicomSequence([position])
        content = Dataset()
        content.StackID = "1"
        content.InStackPositionNumber = k + 1
        frame.FrameContentSequence = DicomSequence([content])
        frames.append(frame)
    ds.SharedFunctionalGroupsSequence = DicomSequence([shared])
    ds.PerFrameFunctionalGroupsSequence = DicomSequence(frames)
    stored = np.stack([(np.asarray(voxels[k], float) - intercepts[k]) / slopes[k] for k in order])
    _set_pixels(ds, stored, slope=1.0, intercept=0.0, signed=True, bits=(16, 16))
    del ds.RescaleSlope, ds.RescaleIntercept
    ds.NumberOfFrames = count
    for keyword, value in elements.items():
        setattr(ds, keyword, value)
    if edit is not None:
        edit(ds)
    _save(ds, path, transfer_syntax)
    return path
