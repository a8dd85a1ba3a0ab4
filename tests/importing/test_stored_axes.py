"""Models of other programs see an image as those programs read it, in whatever order its file stores the axes."""

import pickle
from pathlib import Path
from types import SimpleNamespace

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
import torch
from monai.transforms import EnsureChannelFirst, LoadImage, Orientation, Spacing
from monai.transforms.utils import convert_applied_interp_mode
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform
from torch import nn

from engine.answers import RunOptions
from engine.cards.registry import LoadedCard, load_card
from engine.cards.schema import Card
from engine.cards.suitability import why_unsuitable
from engine.contouring.fill import fill
from engine.files.image_file import read_image_file
from engine.importing.source import Wish
from engine.importing.worker import converted
from engine.inference import ready
from engine.inference.image_steps import seen
from engine.inference.nnunet_grid import on_grid
from engine.inference.run import run_card
from engine.inference.stored_axes import letters_of
from engine.operations.image_steps import Resample
from engine.operations.nnunet import Channel, Params
from engine.process.messages import SharedVolume
from engine.progress import silent
from engine.volume import Geometry, Volume
from tests.importing.bundles import RANGE, Bundle, windows
from tests.importing.checkpoints import write_checkpoint
from tests.importing.nnunet_models import Model
from tests.importing.stored_orders import ORDERS, write_stored
from tests.synthetic import make_voxels

SPACING = (1.5, 1.25, 2.5)
#: Nothing of it is 0, so that nothing is cropped.
PATIENT = np.where(make_voxels((7, 6, 5), low=-300, high=300) == 0, 1, make_voxels((7, 6, 5), low=-300, high=300))


def params_of(volume: Volume, axes: str) -> Params:
    """Of a network that sees the image's own voxels."""
    return Params.model_construct(
        axes=axes, transpose=(0, 1, 2), first_mm=None, dimensions=3, channels=(Channel(scheme="none"),),
        spacing_mm=SPACING, image=SimpleNamespace(order=1, order_across=0, separate=False), activation="softmax",
    )  # fmt: skip


@pytest.mark.parametrize(("suffix", "orders"), [(".nii", ORDERS), (".nrrd", ORDERS[::5]), (".mha", ORDERS[::5])])
def test_axes_as_stored_are_those_of_the_file(suffix: str, orders: list[str], tmp_path: Path) -> None:
    for number, order in enumerate(orders):
        path = write_stored(PATIENT, SPACING, order, tmp_path / f"{order}{suffix}", bool(number % 3))
        volume = read_image_file(path)
        image = sitk.ReadImage(path)
        spacing = tuple(image.GetSpacing()[::-1])
        params = params_of(volume, "").model_copy(update={"spacing_mm": spacing})
        grid, data = on_grid(params, [volume], None, silent)
        assert np.array_equal(data[0], sitk.GetArrayFromImage(image)), order
        assert grid.spacing_mm == spacing, order
        found = seen([volume], "", ())
        assert np.array_equal(found.data[0], sitk.GetArrayFromImage(image).T), order
        if suffix == ".nii":
            assert np.array_equal(found.affine, nibabel.load(path).affine), order
        # What goes to the inference process says so as well.
        there = pickle.loads(pickle.dumps(SharedVolume("", "<i2", volume.geometry, "CT", "HU")))
        assert there.geometry.stored is not None and volume.geometry.stored is not None
        assert there.geometry.stored.planes_fall == volume.geometry.stored.planes_fall


@pytest.mark.parametrize(("axes", "orders"), [("RAS", ORDERS), ("PSR", ORDERS[::5])])
def test_axes_towards_directions_are_those_of_nibabel(axes: str, orders: list[str], tmp_path: Path) -> None:
    for number, order in enumerate(orders):
        path = write_stored(PATIENT, SPACING, order, tmp_path / f"{order}.nii", bool(number % 3))
        volume = read_image_file(path)
        image = nibabel.load(path)
        turned = image.as_reoriented(ornt_transform(io_orientation(image.affine), axcodes2ornt(axes)))
        spacing = tuple(float(step) for step in turned.header.get_zooms()[::-1])
        params = params_of(volume, axes).model_copy(update={"spacing_mm": spacing})
        grid, data = on_grid(params, [volume], None, silent)
        assert np.array_equal(data[0], np.asarray(turned.dataobj).T), order
        assert grid.spacing_mm == spacing, order
        found = seen([volume], axes, ())
        assert np.array_equal(found.data[0], np.asarray(turned.dataobj)), order
        np.testing.assert_allclose(found.affine, turned.affine, rtol=0, atol=1e-12)


@pytest.mark.parametrize("axes", ["", "RAS"])
def test_an_oblique_image_is_resampled_as_monai_does_it_to_the_last_bit(axes: str, tmp_path: Path) -> None:
    wanted = (3.0, 2.5, 1.25)  # half as many samples, and a tie; or twice as many
    for order in ORDERS[::7]:
        path = write_stored(PATIENT[:6, :6], SPACING, order, tmp_path / f"{order}.nii", oblique=True)
        image = EnsureChannelFirst()(LoadImage(reader="NibabelReader")(path))
        if axes:
            image = Orientation(axcodes=axes, labels=(("L", "R"), ("P", "A"), ("I", "S")))(image)
        theirs = Spacing(pixdim=wanted, mode="bilinear", padding_mode="border")(image)
        found = seen([read_image_file(path)], axes, [Resample(do="resample", spacing_mm=wanted)])
        assert found.data.shape == theirs.shape, order
        np.testing.assert_allclose(found.data, theirs, atol=1e-4)


@pytest.mark.parametrize("along", [0, 2])
@pytest.mark.parametrize("axes", ["", "RAS"])
def test_labels_of_an_oblique_image_come_back_from_the_voxels_that_are_monais_nearest(
    axes: str, along: int, tmp_path: Path
) -> None:
    wanted = (3.0, 2.5, 5.0)  # twice as far apart, so that every voxel lies in the middle between two
    values = make_voxels((34, 30, 16), low=-300, high=300)
    for order in ("PSR", "AIL", "IPL", "RAS", "SPR", "IAL"):
        path = write_stored(values, SPACING, order, tmp_path / f"{order}.nii", oblique=True)
        image = EnsureChannelFirst()(LoadImage(reader="NibabelReader")(path))
        if axes:
            image = Orientation(axcodes=axes, labels=(("L", "R"), ("P", "A"), ("I", "S")))(image)
        spacing = Spacing(pixdim=wanted, mode="bilinear", padding_mode="border")
        labels = spacing(image)
        labels.set_array(torch.from_numpy(np.random.default_rng(0).random(labels.shape) > 0.5).float())
        labels.applied_operations = convert_applied_interp_mode(labels.applied_operations, mode="nearest")
        mask = np.asarray(labels[0]) > 0.5
        theirs = np.asarray(spacing.inverse(labels)[0]) > 0.5

        found = seen([read_image_file(path)], axes, [Resample(do="resample", spacing_mm=wanted)]).across(along)
        turned = [along, *(axis for axis in range(3) if axis != along)]
        ours = found.nearest_on_image(mask.transpose(turned))
        assert np.array_equal(ours, theirs.transpose(turned)), order


class Brighter(nn.Module):
    """A network that finds what is brighter than soft tissue."""

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        return torch.cat([torch.zeros_like(image), 10 * (image - 0.5), torch.full_like(image, -9.0)], 1)


@pytest.fixture(scope="module", params=["nnU-Net", "MONAI"])
def card(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> LoadedCard:
    """A card that takes axes as stored."""
    place = tmp_path_factory.mktemp("card")
    if request.param == "nnU-Net":
        model = Model(patch=(24, 24, 24), spacing=(2.0, 2.0, 2.0), schemes=("NoNormalization",), mirrors=None)
        write_checkpoint(model, place)
        source = place / model.name
    else:
        source = Bundle(before=[RANGE], inferer=windows(24, 24, 24)).write(place / "bundle")
    (place / "made").mkdir()
    converted(source, place / "made", Wish(), silent)
    return load_card(place / "made")


def phantom() -> np.ndarray:
    """A patient (right, front, head) with an organ that is its own mirror image along no axis."""
    values = np.full((16, 18, 20), -80, np.int16)
    values[2:6, 9:16, 4:9] = 200
    values[2:6, 9:12, 9:15] = 200
    values[6:9, 9:11, 4:7] = 200
    return values


def test_structures_lie_at_their_place_in_the_patient(
    card: LoadedCard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ready, "load_networks", lambda *_: [Brighter()])
    for number, order in enumerate(ORDERS):
        path = write_stored(phantom(), (2.0, 2.0, 2.0), order, tmp_path / f"{order}.nii", bool(number % 3))
        volume = read_image_file(path)
        organ = volume.voxels > 100
        exact = bool(number % 2)
        options = RunOptions(override=True, precision="float32", chosen={"exact": exact})
        result = run_card(card, {card.card.inputs[0].role: volume}, device="cpu", options=options)
        drawn = fill({k: plane.area for k, plane in result.rois[0].planes.items()}, volume.geometry)
        assert np.array_equal(drawn, organ), order
        assert not any("stored" in note for note in result.notes)


def test_a_series_that_is_no_file_is_taken_as_simpleitk_reads_it_and_that_is_said(
    card: LoadedCard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ready, "load_networks", lambda *_: [Brighter()])
    directions = np.array([[0, 0, -1.0], [1, 0, 0], [0, -1, 0]])
    geometry = Geometry.regular((0, 0, 0), directions, (2, 2, 2), (16, 18, 20))
    volume = Volume(phantom(), geometry, "CT", "HU")
    options = RunOptions(override=True, precision="float32")
    result = run_card(card, {card.card.inputs[0].role: volume}, device="cpu", options=options)
    (note,) = [note for note in result.notes if "stored" in note]
    assert "as SimpleITK reads it (PIR)" in note
    assert letters_of(geometry) == "PIR"
    assert np.array_equal(seen([volume], "", ()).data[0], volume.voxels.T)
    assert any("DICOM series as SimpleITK reads it" in note for note in card.card.provenance.notes)


def test_a_file_that_does_not_say_how_it_lies_is_refused_where_a_model_turns_it(
    card: LoadedCard, tmp_path: Path
) -> None:
    for name, affine in (("unplaced.nii", None), ("placed.nii", np.diag([2.0, 2.0, 2.0, 1.0]))):
        image = nibabel.Nifti1Image(phantom(), affine)
        image.header.set_zooms((2.0, 2.0, 2.0))
        nibabel.save(image, tmp_path / name)
    unplaced, placed = (read_image_file(tmp_path / name) for name in ("unplaced.nii", "placed.nii"))
    (node,) = card.card.graph
    turns = node.model_copy(update={"params": node.params.model_copy(update={"axes": "RAS"})})
    turning = card.card.model_copy(update={"graph": (turns,)})
    role = card.card.inputs[0].role

    def told(asked: Card, volume: Volume) -> list[bool]:
        return [each.overridable for each in why_unsuitable(asked, {role: volume}) if "how it lies" in each.text]

    # nibabel, with which such models read files, turns it another way than is shown here.
    assert not np.array_equal(nibabel.load(tmp_path / "unplaced.nii").affine[:3, :3], np.diag([2.0, 2.0, 2.0]))
    assert told(turning, unplaced) == [True]
    assert told(turning, placed) == []
    assert told(card.card, unplaced) == [], "as stored it is the same array for everybody"
    assert np.array_equal(seen([unplaced], "", ()).data[0], phantom())
