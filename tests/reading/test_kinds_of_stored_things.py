"""Which kind of stored thing a DICOM object is."""

from pathlib import Path

import pytest

from engine.stored import table
from engine.stored.image import Images
from engine.stored.scan import scan
from tests.synthetic import make_geometry, make_voxels, write_series

DOSE = "1.2.840.10008.5.1.4.1.1.481.2"


class Doses(Images):
    """A kind that is opened of what was only listed."""

    sop_classes = frozenset({DOSE})


def test_a_new_kind_has_the_objects_that_were_only_listed_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    geometry = make_geometry((4, 8, 8))
    write_series(tmp_path, make_voxels(geometry.shape), geometry, "RTDOSE", SOPClassUID=DOSE)
    (listed,) = scan([tmp_path]).series()
    assert not listed.is_image and "dose grid" in listed.problem
    monkeypatch.setattr(table, "HANDLERS", (table.HANDLERS[0], Doses(), *table.HANDLERS[1:]))
    table._tables.cache_clear()
    try:
        (opened,) = scan([tmp_path]).series()
    finally:
        monkeypatch.undo()
        table._tables.cache_clear()
    assert opened.is_image
