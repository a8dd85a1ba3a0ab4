"""What programs that aren't ours read from the files that we write."""

import shutil
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from engine.dicom.presets import ExportOptions, HoleStyle
from engine.dicom.rtstruct_write import export_rtstruct
from engine.volume import Geometry
from tests.rtstruct import foreign
from tests.rtstruct.study import filled, make_study, shell, traced
from tests.synthetic import make_geometry, random_rotation

AXES = {
    "axial": ((1, 0, 0), (0, 1, 0)),
    "axial, seen from above": ((1, 0, 0), (0, -1, 0)),
    "prone": ((-1, 0, 0), (0, -1, 0)),
    "coronal": ((1, 0, 0), (0, 0, -1)),
    "sagittal": ((0, 1, 0), (0, 0, -1)),
    "sagittal, mirrored": ((0, -1, 0), (0, 0, 1)),
}


def directions(name: str) -> NDArray[np.float64]:
    row, column = (np.array(axis, dtype=np.float64) for axis in AXES[name])
    return np.stack([row, column, np.cross(row, column)], axis=1)


@st.composite
def geometries(draw: st.DrawFn) -> Geometry:
    """Any orientation, spacing and size; planes even, uneven, or tilted to their normal."""
    axes = draw(st.sampled_from([*map(directions, AXES), random_rotation(1), random_rotation(2)]))
    spacing = draw(st.sampled_from([(1.0, 1.0, 3.0), (0.7, 1.3, 2.0), (0.488281, 0.488281, 1.25), (2.1, 0.9, 5.0)]))
    shape = draw(st.sampled_from([(4, 14, 17), (1, 12, 12), (5, 9, 21)]))
    kind = draw(st.sampled_from(["even", "uneven", "tilted"]))
    k = np.arange(shape[0])
    along, across = np.zeros(shape[0]), np.zeros(shape[0])
    if kind == "uneven":
        along = np.array([0.0, 0.4, -0.3, 1.5, 0.1])[: shape[0]] * spacing[2] / 2
    if kind == "tilted":
        across = k * spacing[2] * np.tan(np.radians(draw(st.sampled_from([-18.0, 12.5]))))
    offsets = along[:, None] * axes[:, 2] + across[:, None] * axes[:, 1]
    return make_geometry(
        shape, spacing, draw(st.sampled_from([(-40.0, -60.0, -100.0), (12.345, 0.001, 777.7)])), axes, offsets
    )


@st.composite
def masks(draw: st.DrawFn, shape: tuple[int, int, int]) -> NDArray[np.bool_]:
    """Noise of any density and grain: single voxels, diagonal touches, holes, islands in holes, the image's edge."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    grain = draw(st.integers(1, 4))
    small = rng.random((shape[0], shape[1] // grain + 1, shape[2] // grain + 1)) < draw(
        st.sampled_from([0.03, 0.3, 0.5, 0.9])
    )
    return np.kron(small, np.ones((1, grain, grain), dtype=np.bool_))[:, : shape[1], : shape[2]]


@settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(st.data())
def test_mask_to_polygons_to_file_to_another_reader_gives_the_mask(data: st.DataObject) -> None:
    geometry = data.draw(geometries())
    mask = data.draw(masks(geometry.shape))
    style = data.draw(st.sampled_from(list(HoleStyle)))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        volume = make_study(folder / "ct", geometry)
        structures = traced(volume, {"Noise": mask, "Inverse": ~mask})
        export_rtstruct(structures, volume, folder / "rt.dcm", ExportOptions(holes=style))
        found = foreign.even_odd_masks(folder / "rt.dcm", folder / "ct")
    assert np.array_equal(found["Noise"], mask)
    assert np.array_equal(found["Inverse"], ~mask)


@pytest.mark.parametrize("axes", ["axial", "prone"])  # it reads structures on axial planes only
@pytest.mark.parametrize("xor", [False, True])
def test_plastimatch_reads_every_voxel_hollows_included(tmp_path: Path, axes: str, xor: bool) -> None:
    foreign.need_program("plastimatch")
    geometry = make_geometry((8, 40, 44), (0.98, 0.98, 2.5), directions=directions(axes))
    volume = make_study(tmp_path / "ct", geometry)
    wanted = {"Shell": shell(geometry.shape), "Voxel": np.zeros(geometry.shape, dtype=np.bool_)}
    wanted["Voxel"][3, 11, 7] = True
    export_rtstruct(traced(volume, wanted), volume, tmp_path / "rt.dcm")
    found = foreign.plastimatch_masks(tmp_path / "rt.dcm", tmp_path / "ct", tmp_path / "pm", xor=xor)
    for name, mask in wanted.items():
        assert np.array_equal(found[name], mask), name


@pytest.mark.parametrize("reader", ["rt-utils", "DicomRTTool"])
def test_readers_that_round_to_pixels_find_hollows_in_keyholes(tmp_path: Path, reader: str) -> None:
    foreign.need_peers()
    geometry = make_geometry((8, 96, 96), (0.98, 0.98, 2.5))
    volume = make_study(tmp_path / "ct", geometry)
    mask = shell(geometry.shape)
    (tmp_path / "rt").mkdir()
    export_rtstruct(traced(volume, {"Shell": mask}), volume, tmp_path / "rt" / "rt.dcm")
    (tmp_path / "rt" / "rt.dcm.certificate.json").unlink()
    found = foreign.peer_masks(reader, tmp_path / "rt" / "rt.dcm", tmp_path / "ct", tmp_path / "out")
    (hollow,) = found.values()
    # They move each point to a pixel's centre and paint the line itself, which alone costs them this much.
    assert foreign.dice(hollow, mask) > 0.9
    k, j, i = np.argwhere(mask).mean(axis=0).round().astype(int)
    assert not mask[k, j, i] and not hollow[k, j, i]


def test_dcmtk_reads_the_file_and_rewrites_it_in_an_explicit_form(tmp_path: Path) -> None:
    foreign.need_program("dcmdump")
    volume = make_study(tmp_path / "ct")
    export_rtstruct(traced(volume, {"脑干": shell(volume.geometry.shape)}), volume, tmp_path / "rt.dcm")
    text = foreign.run("dcmdump", "+U8", "+P", "ROIName", "+P", "TransferSyntaxUID", tmp_path / "rt.dcm")
    assert "[脑干]" in text and "LittleEndianImplicit" in text
    shutil.copy(tmp_path / "rt.dcm", tmp_path / "explicit.dcm")
    foreign.run("dcmconv", "+te", tmp_path / "rt.dcm", tmp_path / "explicit.dcm")
    before = foreign.contour_texts(tmp_path / "rt.dcm")
    assert foreign.contour_texts(tmp_path / "explicit.dcm") == before


def test_our_own_reader_agrees_with_the_foreign_one(tmp_path: Path) -> None:
    from engine.dicom.rtstruct_read import read_rtstruct

    volume = make_study(tmp_path / "ct")
    mask = shell(volume.geometry.shape)
    export_rtstruct(traced(volume, {"Shell": mask}), volume, tmp_path / "rt.dcm")
    ours = filled(read_rtstruct(tmp_path / "rt.dcm", volume))
    assert np.array_equal(ours["Shell"], foreign.even_odd_masks(tmp_path / "rt.dcm", tmp_path / "ct")["Shell"])
