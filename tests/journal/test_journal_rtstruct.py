"""Structures as real RTSTRUCT files have them come back from the journal with every character of their contours."""

from dataclasses import fields
from pathlib import Path

import pytest
import shapely
from pydicom import dcmread

from engine.answers import Document
from engine.dicom.rtstruct_read import read_rtstruct
from engine.journal import Journal, Subject
from engine.structures import Roi, StructureSet


def rtstructs(folder: Path) -> list[Path]:
    found = []
    for path in sorted(folder.rglob("*.dcm")):
        if dcmread(path, stop_before_pixels=True, specific_tags=["Modality"], force=True).get("Modality") == "RTSTRUCT":
            found.append(path)
    return found


def test_real_structure_sets_come_back_as_they_were_read(shared_data: Path, tmp_path: Path) -> None:
    paths = rtstructs(shared_data / "dicom" / "breast_rtstruct") + rtstructs(shared_data / "dicom" / "rt_utils_cases")
    contours = 0
    for path in paths:
        structures = read_rtstruct(path, None)
        journal = Journal.start(Subject("1", "2", "CT", (str(path),)), structures.geometry, tmp_path)
        journal.record_base(Document(structures))
        found = journal.replay(structures.geometry).base.structures
        journal.close()
        for field in fields(StructureSet):
            if field.name not in ("geometry", "rois"):
                assert getattr(found, field.name) == getattr(structures, field.name)
        for one, two in zip(found.rois, structures.rois, strict=True):
            for field in fields(Roi):
                if field.name != "planes":
                    assert getattr(one, field.name) == getattr(two, field.name)
            assert list(one.planes) == list(two.planes)
            for plane, drawn in two.planes.items():
                assert one.planes[plane].source == drawn.source
                assert shapely.to_wkb(one.planes[plane].area) == shapely.to_wkb(drawn.area)
                contours += len(drawn.source)
    if not paths:
        pytest.skip("no RTSTRUCT among the test images")
    assert contours > 400
