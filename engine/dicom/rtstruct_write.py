"""StructureSet → RTSTRUCT: written beside its target, read back, certified, and only then put in place.

The file is in implicit VR little endian (PS3.5 A.1), whose lengths have four bytes, so that Contour Data of any size
fits and every reader of DICOM can read it. Contours that we draw are kept below 65,534 bytes nevertheless, so that
the file survives a program that rewrites it in an explicit form; contours as they were read are never changed.
"""

import hashlib
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import shapely
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.filebase import DicomBytesIO
from pydicom.filewriter import write_dataset
from pydicom.uid import UID, ImplicitVRLittleEndian
from shapely import MultiPolygon, Polygon

from engine.contouring.keyhole import keyhole
from engine.dicom.certificate import Certificate, certify
from engine.dicom.certified import write_certified
from engine.dicom.conformance import file_problems
from engine.dicom.digits import contour_texts
from engine.dicom.encoding import implicit_element, implicit_sequence
from engine.dicom.presets import ExportOptions, HoleStyle, approval_told, chosen, written_names
from engine.dicom.rtstruct_file import (
    CONTOUR_DATA,
    CONTOUR_GEOMETRIC_TYPE,
    CONTOUR_IMAGE_SEQUENCE,
    CONTOUR_NUMBER,
    CONTOUR_SEQUENCE,
    NUMBER_OF_CONTOUR_POINTS,
    REFERENCED_FRAME_NUMBER,
    REFERENCED_ROI_NUMBER,
    REFERENCED_SOP_CLASS_UID,
    REFERENCED_SOP_INSTANCE_UID,
    ROI_CONTOUR_SEQUENCE,
    ROI_DISPLAY_COLOR,
    RTSTRUCT_CLASS,
    parse_rtstruct,
)
from engine.dicom.rtstruct_header import choose_character_set, cut_told, header, identity, stable_uid, stamp
from engine.dicom.rtstruct_limits import point_limit, split, thinned
from engine.dicom.rtstruct_read import structures_from
from engine.errors import MismatchError, WriteError
from engine.progress import Progress, silent
from engine.structures import PlaneContours, RawContour, Roi, StructureSet
from engine.volume import FloatArray, Geometry, Volume

#: Polygons and holes smaller than this (mm²) are crumbs of floating point arithmetic and are not written.
CRUMB_MM2 = 1e-4

IMPLEMENTATION_UID = stable_uid("Planimeter")

STANDARD = ExportOptions()

#: Why a picture has no RTSTRUCT.
NO_FRAME = (
    "A picture lies in no frame of reference, in which an RTSTRUCT would have to say where its contours are; write "
    "masks or a DICOM segmentation instead."
)

Image = tuple[str, str, int | None]


def export_rtstruct(
    structures: StructureSet,
    volume: Volume | None,
    path: Path,
    options: ExportOptions = STANDARD,
    progress: Progress = silent,
    *,
    remarks: Sequence[str] = (),
) -> Certificate:
    """Write structures to an RTSTRUCT file that has been read back and compared with them.

    The file appears at `path` only when it agrees; its certificate is written beside it as `NAME.certificate.json`.
    The same structures give the same SOP Instance UID, and over a file that holds them already, the same bytes.

    Args:
        structures: to write.
        volume: the image that they are on; None keeps the references of the file that they were read from.
        path: of the file.
        options: what to write and how.
        progress: reports and may stop.
        remarks: sentences about the image that go into the certificate.

    Raises:
        MismatchError: the structures are not on this image.
        CertificationError: the file, read back, differs; what stood at `path` is still there.
        WriteError: nothing to write, or the folder can't be written to.
    """
    if not structures.geometry.in_patient:
        raise MismatchError(NO_FRAME)
    if volume is not None and not structures.geometry.same_grid(volume.geometry):
        raise MismatchError("The structures lie on the planes of another image than the one to export them with.")
    rois = tuple(_with_uid(_without_crumbs(roi), structures) for roi in chosen(structures, options))
    if not rois:
        raise WriteError("There are no structures to export.")
    if len(rois) == len(structures.rois):
        rois += tuple(_with_uid(roi, structures) for roi in structures.elsewhere)
    progress(0.0, "Writing structures")
    written = {roi.number for roi in rois}
    left_out = tuple(roi.name for roi in (*structures.rois, *structures.elsewhere) if roi.number not in written)
    data, uid, changes = rtstruct_bytes(structures, volume, rois, options, path=path, progress=progress)
    path = Path(path)

    def certified(temporary: Path) -> Certificate:
        progress(0.5, "Reading the file back")
        file = parse_rtstruct(temporary)
        again = structures_from(file, volume, structures.geometry)
        progress(0.6, "Comparing the file with the structures")
        again = replace(again, rois=again.rois + again.elsewhere)
        about = {
            "file": path.name,
            "sha256": hashlib.sha256(temporary.read_bytes()).hexdigest(),
            "sop_instance_uid": uid,
            "left_out": left_out,
            "changes": (*changes, *remarks),
            "conformance": tuple(file_problems(file, volume)),
        }
        compared = certify(replace(structures, rois=rois), again, options, progress).model_copy(update=about)
        progress(0.95, "Putting the file in place")
        return compared

    certificate = write_certified(path, data, "RTSTRUCT", certified)
    progress(1.0, "Exported")
    return certificate


def rtstruct_bytes(
    structures: StructureSet,
    volume: Volume | None,
    rois: Sequence[Roi],
    options: ExportOptions,
    *,
    path: Path | None = None,
    progress: Progress = silent,
) -> tuple[bytes, str, list[str]]:
    """(the file's bytes, its SOP Instance UID, sentences on what was changed for the options' limits).

    Args:
        path: where the file will be; a file there that holds the same content lends its dates.
    """
    names = written_names(rois, options.name_length)
    ds = header(structures, volume, rois, names, options)
    charset = choose_character_set(ds)
    changes = [*approval_told(structures, rois), *cut_told(ds, identity(structures, volume))]
    changes += [f"'{r.name}' is written as '{names[r.number]}'." for r in rois if names[r.number] != r.name]
    aside = {roi.number for roi in structures.elsewhere}
    changes += [
        f"'{roi.name}' of another frame of reference is written as it was read." for roi in rois if roi.number in aside
    ]
    images = _images(volume)
    items: list[bytes] = []
    for index, roi in enumerate(rois):
        progress(0.5 * index / len(rois), f"Writing {roi.name}")
        of_image = {} if roi.number in aside else images
        items.append(_roi_contour_item(roi, structures.geometry, of_image, options, changes))
    contours = implicit_sequence(ROI_CONTOUR_SEQUENCE, items)
    before, after = Dataset(), Dataset()
    for element in ds:
        (before if element.tag < ROI_CONTOUR_SEQUENCE else after).add(element)
    content = hashlib.sha256(_encoded(before) + contours + _encoded(after, charset)).hexdigest()
    uid = stable_uid("RTSTRUCT", content)
    before.SOPInstanceUID = uid
    stamp(before, options.when or _earlier_stamp(path, uid) or datetime.now())
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = UID(RTSTRUCT_CLASS)
    meta.MediaStorageSOPInstanceUID = UID(uid)
    meta.TransferSyntaxUID = ImplicitVRLittleEndian
    meta.ImplementationClassUID = UID(IMPLEMENTATION_UID)
    meta.ImplementationVersionName = "PLANIMETER"
    start = io.BytesIO()
    before.file_meta = meta
    pydicom.dcmwrite(start, before, enforce_file_format=True)
    return start.getvalue() + contours + _encoded(after, charset), uid, changes


def _earlier_stamp(path: Path | None, uid: str) -> datetime | None:
    """Date and time of the file at `path` where it is the one that is to be written again."""
    if path is None or not path.is_file():
        return None
    try:
        old = pydicom.dcmread(path, specific_tags=["SOPInstanceUID", "StructureSetDate", "StructureSetTime"])
        if str(old.get("SOPInstanceUID", "")) != uid:
            return None
        return datetime.strptime(f"{old.StructureSetDate}{old.StructureSetTime}", "%Y%m%d%H%M%S")
    except Exception:  # whatever stands there and can't be read lends no date
        return None


def _encoded(ds: Dataset, charset: str = "ISO_IR 192") -> bytes:
    buffer = DicomBytesIO()
    buffer.is_little_endian = True
    buffer.is_implicit_VR = True
    write_dataset(buffer, ds, parent_encoding=pydicom.charset.convert_encodings(charset))
    return bytes(buffer.getvalue())


def _with_uid(roi: Roi, structures: StructureSet) -> Roi:
    if roi.uid:
        return roi
    where = structures.geometry.origins_lps.tobytes().hex()
    return replace(roi, uid=stable_uid("ROI", structures.sop_instance_uid, where, str(roi.number), roi.name))


def _without_crumbs(roi: Roi) -> Roi:
    """The ROI without polygons and holes that are too small to mean anything, on planes that are drawn anew."""
    changed: dict[int, PlaneContours | None] = {}
    for plane, contours in roi.planes.items():
        if contours.source:
            continue
        rings = shapely.get_rings(shapely.get_parts(contours.area))
        if len(rings) and shapely.area(shapely.polygons(rings)).min() >= CRUMB_MM2:
            continue
        kept = [
            Polygon(polygon.exterior, [hole for hole in polygon.interiors if Polygon(hole).area >= CRUMB_MM2])
            for polygon in contours.area.geoms
            if polygon.area >= CRUMB_MM2
        ]
        changed[plane] = PlaneContours(MultiPolygon(kept)) if kept else None
    return roi.with_planes(changed) if changed else roi


def _images(volume: Volume | None) -> dict[int, Image]:
    if volume is None:
        return {}
    return {k: (i.sop_class_uid, i.sop_instance_uid, i.frame_number) for k, i in enumerate(volume.instances)}


@dataclass(frozen=True)
class _Drawn:
    """A ring to write on a plane, `(u, v)` mm."""

    plane: int
    ring: FloatArray
    geometric_type: bytes


def _roi_contour_item(
    roi: Roi, geometry: Geometry, images: dict[int, Image], options: ExportOptions, changes: list[str]
) -> bytes:
    """The content of a ROI's item in the ROI Contour Sequence."""
    drawn: list[_Drawn] = []
    kept: dict[int, tuple[RawContour, ...]] = {}
    parted = thinner = 0
    plain = [c.area for c in roi.planes.values() if not (c.source and options.keep_source)]
    hollow = bool(plain) and bool(shapely.get_num_interior_rings(shapely.get_parts(np.array(plain, object))).any())
    kind = b"CLOSEDPLANAR_XOR" if hollow and options.holes is HoleStyle.XOR else b"CLOSED_PLANAR"
    limit = point_limit(geometry, options)
    for plane, contours in roi.planes.items():
        if contours.source and options.keep_source:
            kept[plane] = contours.source
            continue
        for polygon in contours.area.geoms:
            pieces = [polygon]
            if limit is not None and shapely.get_num_coordinates(polygon) > limit:
                thin = thinned(polygon, geometry, options.thinning_mm)
                thinner += thin is not polygon
                pieces = split(thin, geometry, limit)
                parted += len(pieces) > 1
            for piece in pieces:
                if options.holes is HoleStyle.KEYHOLE and piece.interiors:
                    drawn.append(_Drawn(plane, keyhole(piece, geometry.spacing_uv), kind))
                else:
                    for ring in (piece.exterior, *piece.interiors):
                        drawn.append(_Drawn(plane, shapely.get_coordinates(ring)[:-1], kind))
    if thinner:
        changes.append(f"{thinner} contours of '{roi.name}' were thinned by at most {options.thinning_mm} mm.")
    if parted:
        changes.append(f"{parted} contours of '{roi.name}' were split, because they have more than {limit} points.")
    by_plane: dict[int, list[bytes]] = {plane: [] for plane in roi.planes}
    image_bytes = {plane: _image_sequence((images[plane],)) for plane in roi.planes if plane in images}
    for ring, text in zip(drawn, _texts(drawn, geometry, options.decimals), strict=True):
        by_plane[ring.plane].append(
            image_bytes.get(ring.plane, b"")
            + implicit_element(CONTOUR_GEOMETRIC_TYPE, ring.geometric_type)
            + implicit_element(NUMBER_OF_CONTOUR_POINTS, str(len(ring.ring)).encode())
            + implicit_element(CONTOUR_DATA, text)
        )
    for plane, sources in kept.items():
        by_plane[plane] += [_raw_item(source, image_bytes.get(plane)) for source in sources]
    resolvable = {image[1] for image in images.values()}
    loose = [_raw_item(source, None if _refers(source, resolvable) or not images else b"") for source in roi.loose]
    contours_items = [item for plane in sorted(by_plane) for item in by_plane[plane]] + loose
    parts = [implicit_element(ROI_DISPLAY_COLOR, "\\".join(map(str, roi.colour)).encode())]
    if contours_items:
        parts.append(implicit_sequence(CONTOUR_SEQUENCE, contours_items))
    parts.append(implicit_element(REFERENCED_ROI_NUMBER, str(roi.number).encode()))
    attached = json.loads(roi.attachments or "{}").get("contour")
    return _merged(parts, attached) if attached else b"".join(parts)


def _refers(source: RawContour, resolvable: set[str]) -> bool:
    return any(instance in resolvable for _, instance, _ in source.image_uids)


def _texts(drawn: Sequence[_Drawn], geometry: Geometry, decimals: int) -> list[bytes]:
    if not drawn:
        return []
    counts = np.array([len(ring.ring) for ring in drawn], dtype=np.intp)
    uv = np.concatenate([ring.ring for ring in drawn])
    origins = geometry.origins_lps[np.repeat([ring.plane for ring in drawn], counts)]
    points = origins + uv[:, :1] * geometry.row_direction + uv[:, 1:] * geometry.column_direction
    return contour_texts(points, counts, decimals)


def _raw_item(source: RawContour, images: bytes | None) -> bytes:
    """A contour as it was read; `images` replaces its image references where they are given."""
    points = source.data.count("\\") // 3 + 1 if source.data else 0
    geometric_type = source.geometric_type or "CLOSED_PLANAR"
    if geometric_type.startswith("CLOSED") and points < 3:
        # PS3.3 C.8.8.6.1: one point is a POINT, and two enclose nothing.
        geometric_type = "POINT" if points == 1 else "OPEN_PLANAR"
    parts = [
        _image_sequence(source.image_uids) if images is None else images,
        implicit_element(CONTOUR_GEOMETRIC_TYPE, geometric_type.encode("latin-1", "replace")),
        implicit_element(NUMBER_OF_CONTOUR_POINTS, str(points).encode()),
        b"" if source.number is None else implicit_element(CONTOUR_NUMBER, str(source.number).encode()),
        implicit_element(CONTOUR_DATA, source.data.encode("latin-1")),
    ]
    return _merged(parts, json.loads(source.attachments)) if source.attachments else b"".join(parts)


def _image_sequence(images: Sequence[Image]) -> bytes:
    if not images:
        return b""
    contents = []
    for sop_class, instance, frame in images:
        content = implicit_element(REFERENCED_SOP_CLASS_UID, sop_class.encode(), b"\0")
        content += implicit_element(REFERENCED_SOP_INSTANCE_UID, instance.encode(), b"\0")
        if frame is not None:
            content += implicit_element(REFERENCED_FRAME_NUMBER, str(frame).encode())
        contents.append(content)
    return implicit_sequence(CONTOUR_IMAGE_SEQUENCE, contents)


def _merged(parts: Sequence[bytes], attached: dict[str, Any]) -> bytes:
    """Elements with those of a pydicom JSON data set put in order between them."""
    extra = [_encoded_one(element) for element in Dataset.from_json(attached)]
    every = [part for part in parts if part] + extra
    return b"".join(sorted(every, key=_tag))


def _tag(part: Any) -> tuple[int, int]:
    return int.from_bytes(part[:2], "little"), int.from_bytes(part[2:4], "little")


def _encoded_one(element: Any) -> bytes:
    ds = Dataset()
    ds.add(element)
    return _encoded(ds)
