"""An export is certified and put in place whole, or it is not there at all."""

import errno
import json
from dataclasses import replace
from pathlib import Path

import pytest

from engine import safe_file
from engine.dicom import rtstruct_write
from engine.dicom.certificate import Certificate
from engine.dicom.presets import ExportOptions
from engine.dicom.rtstruct_write import export_rtstruct
from engine.errors import CancelledError, CertificationError, MismatchError, PlanimeterError, WriteError
from engine.structures import StructureSet
from engine.volume import Volume
from tests.rtstruct.study import disc, make_study
from tests.synthetic import make_geometry


def test_the_certificate_lies_beside_the_file_and_matches_it(
    tmp_path: Path, volume: Volume, structures: StructureSet
) -> None:
    import hashlib

    certificate = export_rtstruct(structures, volume, tmp_path / "rt.dcm")
    saved = Certificate(**json.loads((tmp_path / "rt.dcm.certificate.json").read_text()))
    assert saved == certificate and saved.ok and saved.conformance == ()
    assert saved.sha256 == hashlib.sha256((tmp_path / "rt.dcm").read_bytes()).hexdigest()
    (entry,) = saved.structures
    assert entry.volume_file_cm3 == pytest.approx(entry.volume_screen_cm3, rel=1e-5)
    assert entry.planes_file == len(structures.rois[0].planes)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["rt.dcm", "rt.dcm.certificate.json"]


def spoil_points(data: bytes) -> bytes:
    return data.replace(b"CLOSED_PLANAR ", b"OPEN_PLANAR   ", 1)


def spoil_name(data: bytes) -> bytes:
    return data.replace(b"Shell ", b"Shelf ", 1)


def spoil_place(data: bytes) -> bytes:
    start = data.index(b"\x06\x30\x50\x00") + 9
    return data[:start] + (b"7" if data[start : start + 1] == b"8" else b"8") + data[start + 1 :]


@pytest.mark.parametrize("spoil", [spoil_points, spoil_name, spoil_place])
def test_a_file_that_differs_is_not_put_in_place(
    tmp_path: Path, volume: Volume, structures: StructureSet, monkeypatch: pytest.MonkeyPatch, spoil: object
) -> None:
    (tmp_path / "rt.dcm").write_bytes(b"what stood here before")
    real = rtstruct_write.rtstruct_bytes

    def spoilt(*given: object, **named: object) -> object:
        data, uid, changes = real(*given, **named)  # type: ignore[arg-type]
        changed = spoil(data)  # type: ignore[operator]
        assert changed != data
        return changed, uid, changes

    monkeypatch.setattr(rtstruct_write, "rtstruct_bytes", spoilt)
    with pytest.raises(CertificationError, match="was not written"):
        export_rtstruct(structures, volume, tmp_path / "rt.dcm")
    assert (tmp_path / "rt.dcm").read_bytes() == b"what stood here before"
    assert [p.name for p in tmp_path.iterdir()] == ["rt.dcm"]


@pytest.mark.parametrize("failing", ["write", "fsync", "replace"])
def test_a_full_disk_leaves_what_was_there_and_says_so(
    tmp_path: Path, volume: Volume, structures: StructureSet, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    (tmp_path / "rt.dcm").write_bytes(b"before")

    def full(*given: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    if failing == "write":
        monkeypatch.setattr(safe_file.tempfile, "mkstemp", lambda **named: full())
    else:
        monkeypatch.setattr(safe_file.os, failing, full)
    with pytest.raises(WriteError, match=r"rt\.dcm could not be written.*No space left"):
        export_rtstruct(structures, volume, tmp_path / "rt.dcm")
    assert (tmp_path / "rt.dcm").read_bytes() == b"before"
    assert [p.name for p in tmp_path.iterdir()] == ["rt.dcm"]


def test_a_really_full_disk(volume: Volume, structures: StructureSet) -> None:
    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("needs /dev/full")
    with pytest.raises(WriteError):
        export_rtstruct(structures, volume, full / "rt.dcm")


def test_a_folder_that_is_not_there_or_in_the_way(tmp_path: Path, volume: Volume, structures: StructureSet) -> None:
    with pytest.raises(WriteError, match="could not be written"):
        export_rtstruct(structures, volume, tmp_path / "gone" / "rt.dcm")
    (tmp_path / "taken").mkdir()
    with pytest.raises(WriteError, match="folder"):
        export_rtstruct(structures, volume, tmp_path / "taken")
    assert list((tmp_path / "taken").iterdir()) == []


def test_stopping_leaves_nothing_behind(tmp_path: Path, volume: Volume, structures: StructureSet) -> None:
    def stop(fraction: float, stage: str) -> None:
        if fraction >= 0.6:
            raise CancelledError("Stopped.")

    with pytest.raises(CancelledError):
        export_rtstruct(structures, volume, tmp_path / "rt.dcm", progress=stop)
    assert list(tmp_path.iterdir()) == []


def test_structures_of_another_image_and_none_at_all_are_refused(tmp_path: Path, volume: Volume) -> None:
    other = make_study(tmp_path / "other", make_geometry((4, 20, 20)))
    with pytest.raises(MismatchError):
        export_rtstruct(disc(volume), other, tmp_path / "rt.dcm")
    with pytest.raises(WriteError, match="no structures"):
        export_rtstruct(StructureSet(volume.geometry), volume, tmp_path / "rt.dcm")
    with pytest.raises(PlanimeterError, match="number 5"):
        export_rtstruct(disc(volume), volume, tmp_path / "rt.dcm", ExportOptions(numbers=(5,)))


def test_texts_that_tell_studies_apart_and_are_cut_are_named(
    tmp_path: Path, volume: Volume, structures: StructureSet
) -> None:
    assert not export_rtstruct(structures, volume, tmp_path / "fits.dcm").changes
    long = replace(volume, info=replace(volume.info, accession_number="A" * 20, patient_id="P" * 70))
    told = export_rtstruct(structures, long, tmp_path / "cut.dcm").changes
    assert len(told) == 2
    assert "patient ID of the image has 70 characters" in told[0] and "cut to 64" in told[0]
    assert "accession number of the image has 20 characters" in told[1] and "cut to 16" in told[1]
    # They are the patient's: the file has them, a sentence has not.
    assert "PPP" not in told[0] and "AAA" not in told[1]
