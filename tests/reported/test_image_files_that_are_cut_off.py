"""Image and mask files of all kinds whose voxels are not all there, or not as they were written, are refused."""

import gzip
import zlib
from collections.abc import Callable
from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from click.testing import CliRunner

from engine.__main__ import commands
from engine.errors import ReadError
from engine.files.masks import read_mask
from engine.opening import open_volume
from engine.stored.scan import scan
from engine.training.nnunet_set import DataSet
from tests.synthetic import make_geometry, write_series

SHAPE = (6, 16, 20)
STORED = np.random.default_rng(0).integers(0, 2, SHAPE).astype(np.int16)
RAW = STORED.tobytes()
PACKED, ZIPPED = gzip.compress(RAW), zlib.compress(RAW)

NRRD = (
    "NRRD0004\ntype: short\ndimension: 3\nspace: left-posterior-superior\nsizes: 20 16 6\n"
    "space directions: (1,0,0) (0,1,0) (0,0,3)\nspace origin: (0,0,0)\nendian: little\nencoding: {}\n{}"
)
META = (
    "ObjectType = Image\nNDims = 3\nBinaryData = True\nBinaryDataByteOrderMSB = False\nCompressedData = {}\n{}"
    "TransformMatrix = 1 0 0 0 1 0 0 0 1\nOffset = 0 0 0\nElementSpacing = 1 1 3\nDimSize = 20 16 6\n"
    "ElementType = MET_SHORT\nElementDataFile = {}\n"
)

Write = Callable[[Path], Path]


def changed(data: bytes, at: int) -> bytes:
    out = bytearray(data)
    out[at] ^= 8
    return bytes(out)


def nifti(change: Callable[[bytes], bytes], name: str = "m.nii", version: int = 1) -> Write:
    def write(folder: Path) -> Path:
        kind = nibabel.Nifti1Image if version == 1 else nibabel.Nifti2Image
        nibabel.save(kind(STORED.transpose(2, 1, 0), np.diag([1, 1, 3, 1])), folder / "whole.nii")
        (folder / name).write_bytes(change((folder / "whole.nii").read_bytes()))
        (folder / "whole.nii").unlink()
        return folder / name

    return write


def pair(header: Callable[[bytes], bytes], data: Callable[[bytes], bytes]) -> Write:
    def write(folder: Path) -> Path:
        nibabel.save(nibabel.Nifti1Pair(STORED.transpose(2, 1, 0), np.diag([1, 1, 3, 1])), folder / "m.img")
        for name, change in (("m.hdr", header), ("m.img", data)):
            (folder / name).write_bytes(change((folder / name).read_bytes()))
        return folder / "m.hdr"

    return write


def nrrd(encoding: str, data: bytes, beside: str = "") -> Write:
    def write(folder: Path) -> Path:
        path = folder / ("m.nhdr" if beside else "m.nrrd")
        head = NRRD.format(encoding, f"data file: {beside}\n" if beside else "\n").encode()
        path.write_bytes(head if beside else head + data)
        if beside:
            (folder / beside).write_bytes(data)
        return path

    return write


def meta(data: bytes, stated: int | None = None, beside: str = "", packed: bool = True) -> Write:
    def write(folder: Path) -> Path:
        path = folder / ("m.mhd" if beside else "m.mha")
        size = "" if stated is None else f"CompressedDataSize = {stated}\n"
        head = META.format(packed, size, beside or "LOCAL").encode()
        path.write_bytes(head if beside else head + data)
        if beside:
            (folder / beside).write_bytes(data)
        return path

    return write


def offset(value: float) -> Callable[[bytes], bytes]:
    return lambda data: data[:108] + np.float32(value).tobytes() + data[112:]


HALF = 352 + len(RAW) // 2
CUT: dict[str, Write] = {
    "nii": nifti(lambda data: data[:HALF]),
    "nii by a byte": nifti(lambda data: data[:-1]),
    "nii within its header": nifti(lambda data: data[:200]),
    "nii, empty": nifti(lambda _: b""),
    "nii of version 2": nifti(lambda data: data[:HALF], version=2),
    "nii.gz": nifti(lambda data: gzip.compress(data)[: len(gzip.compress(data)) // 2], "m.nii.gz"),
    "nii.gz of half the voxels": nifti(lambda data: gzip.compress(data[:HALF]), "m.nii.gz"),
    "nii.gz without its checksum": nifti(lambda data: gzip.compress(data)[:-8], "m.nii.gz"),
    "nii.gz without its length": nifti(lambda data: gzip.compress(data)[:-4], "m.nii.gz"),
    "nii.gz with another checksum": nifti(lambda data: changed(gzip.compress(data), -6), "m.nii.gz"),
    "nii.gz with another length": nifti(lambda data: changed(gzip.compress(data), -2), "m.nii.gz"),
    "nii.gz without its second member": nifti(lambda data: gzip.compress(data[:HALF]), "m.nii.gz"),
    "nii.gz whose second member is cut off": nifti(
        lambda data: gzip.compress(data[:HALF]) + gzip.compress(data[HALF:])[:-20], "m.nii.gz"
    ),
    "nii whose voxels would begin too late": nifti(offset(400)),
    "nii whose voxels would begin in its header": nifti(offset(100)),
    "nii whose voxels would begin at 0": nifti(offset(0)),
    "nii whose voxels would begin nowhere": nifti(offset(np.nan)),
    "nii of more voxels than memory": nifti(lambda data: data[:42] + b"\xff\x7f" * 3 + data[48:]),
    "img": pair(lambda data: data, lambda data: data[: len(data) // 2]),
    "img whose voxels would begin too late": pair(offset(16), lambda data: data),
    "nrrd": nrrd("raw", RAW[: len(RAW) // 2]),
    "nrrd, gzip": nrrd("gzip", PACKED[: len(PACKED) // 2]),
    "nrrd, gzip without its length": nrrd("gzip", PACKED[:-4]),
    "nrrd, gzip with another checksum": nrrd("gzip", changed(PACKED, -6)),
    "nrrd, gzip of half the voxels": nrrd("gzip", gzip.compress(RAW[: len(RAW) // 2])),
    "nhdr": nrrd("raw", RAW[: len(RAW) // 2], "m.raw"),
    "nhdr, gzip": nrrd("gzip", PACKED[: len(PACKED) // 2], "m.raw.gz"),
    "nhdr, gzip with another length": nrrd("gzip", changed(PACKED, -2), "m.raw.gz"),
    "mha": meta(RAW[: len(RAW) // 2], packed=False),
    "mha, compressed": meta(ZIPPED[: len(ZIPPED) // 2], len(ZIPPED)),
    "mha, compressed, another voxel": meta(changed(ZIPPED, len(ZIPPED) // 2), len(ZIPPED)),
    "mha, compressed, another checksum": meta(changed(ZIPPED, -1), len(ZIPPED)),
    "mha, compressed half": meta(zlib.compress(RAW[: len(RAW) // 2]), len(zlib.compress(RAW[: len(RAW) // 2]))),
    "mha, compressed, too small a size": meta(ZIPPED, len(ZIPPED) // 2),
    "mha, compressed, no size": meta(ZIPPED),
    "mhd": meta(RAW[: len(RAW) // 2], beside="m.raw", packed=False),
    "mhd, compressed": meta(ZIPPED[: len(ZIPPED) // 2], len(ZIPPED), "m.zraw"),
}
WHOLE: dict[str, Write] = {
    "nii": nifti(lambda data: data),
    "nii with bytes behind": nifti(lambda data: data + b"more"),
    "nii with an extension": nifti(
        lambda data: offset(368)(data[:348] + b"\1\0\0\0\x10" + bytes(15) + data[352:])
    ),
    "nii of version 2": nifti(lambda data: data, version=2),
    "nii.gz": nifti(gzip.compress, "m.nii.gz"),
    "nii.gz of several members": nifti(lambda data: gzip.compress(data[:999]) + gzip.compress(data[999:]), "m.nii.gz"),
    "nii.gz with bytes behind": nifti(lambda data: gzip.compress(data) + b"\0\0more", "m.nii.gz"),
    "nii.gz that is not compressed": nifti(lambda data: data, "m.nii.gz"),
    "nii that is compressed": nifti(gzip.compress),
    "img": pair(lambda data: data, lambda data: data + b"more"),
    "nrrd": nrrd("raw", RAW + b"more"),
    "nrrd, gzip": nrrd("gzip", PACKED),
    "nrrd, gzip of several members": nrrd("gzip", gzip.compress(RAW[:999]) + gzip.compress(RAW[999:])),
    "nhdr": nrrd("raw", RAW, "m.raw"),
    "nhdr, gzip": nrrd("gzip", PACKED, "m.raw.gz"),
    "mha": meta(RAW + b"more", packed=False),
    "mha, compressed": meta(ZIPPED, len(ZIPPED)),
    "mhd": meta(RAW, beside="m.raw", packed=False),
    "mhd, compressed": meta(ZIPPED, len(ZIPPED), "m.zraw"),
}  # fmt: skip


@pytest.mark.parametrize("kind", CUT)
def test_a_file_without_all_its_voxels_is_refused_as_image_and_as_mask(tmp_path: Path, kind: str) -> None:
    path = CUT[kind](tmp_path)
    with pytest.raises(ReadError, match=r"m\.(nii|nii\.gz|hdr|img|nrrd|nhdr|mha|mhd|raw|raw\.gz|zraw)\b"):
        open_volume(path)
    with pytest.raises(ReadError):
        read_mask(path)


@pytest.mark.parametrize("kind", WHOLE)
def test_a_whole_file_is_read_whatever_follows_its_voxels(tmp_path: Path, kind: str) -> None:
    path = WHOLE[kind](tmp_path)
    np.testing.assert_array_equal(np.sort(open_volume(path).voxels, axis=None), np.sort(STORED, axis=None))
    assert int(read_mask(path).values.sum()) == int(STORED.sum())


@pytest.mark.parametrize("kind", ["img", "nhdr", "nhdr, gzip", "mhd", "mhd, compressed"])
@pytest.mark.parametrize("listed", [False, True])
def test_voxels_beside_their_header_are_no_unreadable_file(tmp_path: Path, kind: str, listed: bool) -> None:
    path = WHOLE[kind](tmp_path)
    if listed and kind in ("nhdr", "mhd"):
        (tmp_path / "m.raw").unlink()
        for k, plane in enumerate(STORED):
            (tmp_path / f"a{k}.raw").write_bytes(plane.tobytes())
        named = path.read_text().replace("m.raw", "LIST\n" + "\n".join(f"a{k}.raw" for k in range(6)))
        path.write_text(named)
    catalogue = scan([tmp_path])
    assert [series.info.description for series in catalogue.series()] == [path.name] and not catalogue.unreadable
    np.testing.assert_array_equal(np.sort(open_volume(tmp_path).voxels, axis=None), np.sort(STORED, axis=None))


def test_voxels_kept_in_a_way_that_is_not_read_are_not_called_damaged(tmp_path: Path) -> None:
    text = META.format(False, "", "LOCAL").replace("BinaryData = True", "BinaryData = False")
    (tmp_path / "m.mha").write_text(text + " ".join(map(str, STORED.ravel())))
    with pytest.raises(ReadError, match="as text, which is not read"):
        open_volume(tmp_path / "m.mha")
    with pytest.raises(ReadError, match="bzip2, which is not read"):
        open_volume(nrrd("bzip2", b"BZh")(tmp_path))


def test_no_rtstruct_is_written_from_a_mask_that_is_cut_off(tmp_path: Path) -> None:
    geometry = make_geometry((6, 32, 32), (1, 1, 3), origin=(-8, -8, 0))
    write_series(tmp_path / "ct", np.zeros(geometry.shape, np.int16), geometry)
    mask = np.zeros(geometry.shape, np.uint8)
    mask[1:5, 8:16, 8:20] = 1
    image = sitk.GetImageFromArray(mask)
    image.SetSpacing((1, 1, 3))
    image.SetOrigin((-8, -8, 0))
    (tmp_path / "masks").mkdir()
    path = tmp_path / "masks" / "organ.nii"
    sitk.WriteImage(image, str(path))
    path.write_bytes(path.read_bytes()[: 352 + 3 * 32 * 32])
    arguments = ["rtstruct", "from-masks", str(path.parent), str(tmp_path / "ct"), "-o", str(tmp_path / "rt.dcm")]
    result = CliRunner().invoke(commands, arguments)
    assert isinstance(result.exception, ReadError) and "organ.nii is cut off" in str(result.exception)
    assert not (tmp_path / "rt.dcm").exists()


def test_a_case_of_a_data_set_is_refused_where_its_labels_are_cut_off(tmp_path: Path) -> None:
    for folder in ("imagesTr", "labelsTr"):
        (tmp_path / folder).mkdir()
    (tmp_path / "dataset.json").write_text('{"labels": {"background": 0, "Organ": 1}, "file_ending": ".nii"}')
    nifti(lambda data: data, "a_0000.nii")(tmp_path / "imagesTr")
    nifti(lambda data: data, "a.nii")(tmp_path / "labelsTr")
    assert int(DataSet(tmp_path, ["Organ"]).read("a").labels.sum()) == int(STORED.sum())
    nifti(lambda data: data[:HALF], "a.nii")(tmp_path / "labelsTr")
    with pytest.raises(ReadError, match=r"a\.nii is cut off"):
        DataSet(tmp_path, ["Organ"]).read("a")


FEWER: dict[str, Write] = {
    "nii": nifti(lambda data: data + RAW),
    "nii.gz": nifti(lambda data: gzip.compress(data + RAW), "m.nii.gz"),
    "img": pair(lambda data: data, lambda data: data + RAW),
    "nrrd": nrrd("raw", RAW + RAW),
    "nhdr": nrrd("raw", RAW + RAW, "m.raw"),
    "mha": meta(RAW + RAW, packed=False),
    "mhd": meta(RAW + RAW, beside="m.raw", packed=False),
}


@pytest.mark.parametrize("kind", FEWER)
def test_a_header_that_names_fewer_voxels_than_there_are_is_told(tmp_path: Path, kind: str) -> None:
    path = FEWER[kind](tmp_path)
    assert any(f"{len(RAW)} bytes more" in note for note in open_volume(path).notes)


@pytest.mark.parametrize("kind", ["nhdr", "mhd"])
def test_voxels_that_are_not_beside_their_header_are_named(tmp_path: Path, kind: str) -> None:
    path = WHOLE[kind](tmp_path)
    (tmp_path / "m.raw").unlink()
    with pytest.raises(ReadError, match=r"m\.raw, is not beside it"):
        open_volume(path)
