"""A model that looks at two images: each in its own place in the patient, chosen by role."""

import json
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from click.testing import CliRunner
from pydicom import dcmread

from engine import inputs
from engine.__main__ import commands
from engine.contouring.fill import fill
from engine.errors import MismatchError, UnsuitableInputError
from engine.inference.preprocess import prepare, prepare_onto
from engine.inference.run import run_card
from engine.inputs import Wanted, open_inputs
from engine.progress import silent
from engine.sitk_image import to_image
from engine.volume import Geometry, SeriesInfo, Volume
from tests.engine.models import UNET, Json, network_of, write_card, write_weights
from tests.synthetic import write_series

INPUTS: list[Json] = [
    {"role": "ct", "modality": ["CT"], "units": "HU"},
    {"role": "pet", "modality": ["PT"], "register_to": "ct"},
]
HOT: list[Json] = [
    {"node": "hot", "op": "threshold", "in": ["pet"], "params": {"label": "Hot", "low": 2.5}},
    {"node": "soft", "op": "threshold", "in": ["ct"], "params": {"label": "Soft", "low": -200}},
    {"node": "both", "op": "mask", "in": ["hot", "soft"], "params": {}},
]
STEPS: list[Json] = [
    {"op": "orient", "params": {}},
    {"op": "windows", "of": ["ct"], "params": {"windows": [[-500, 500], [0, 100]]}},
    {"op": "windows", "of": ["pet"], "params": {"windows": [[0, 10]]}},
]


def ct() -> Volume:
    voxels = np.full((20, 64, 64), -1000, np.int16)
    voxels[:, 16:48, 16:48] = 40
    geometry = Geometry.regular((0, 0, 0), np.eye(3), (2, 2, 3), voxels.shape)
    return Volume(voxels, geometry, "CT", "HU", SeriesInfo(frame_of_reference_uid="1.1"))


def pet(frame: str = "1.1", shift: float = 0.0) -> Volume:
    """Coarser, turned head to feet, and only partly over the CT; hot in a box of the patient."""
    voxels = np.zeros((16, 24, 24), np.float32)
    directions = np.diag([1.0, -1.0, -1.0])
    geometry = Geometry.regular((10 + shift, 110, 50), directions, (4, 4, 4), voxels.shape)
    index = np.argwhere(np.ones(voxels.shape, bool))
    lps = geometry.lps_from_kji(index)
    inside = ((lps > (48 + shift, 40, 20)) & (lps < (80 + shift, 72, 44))).all(axis=1)
    voxels[tuple(index[inside].T)] = 8.0
    return Volume(voxels, geometry, "PT", "SUVbw", SeriesInfo(frame_of_reference_uid=frame))


def test_each_image_is_seen_in_its_own_place(tmp_path: Path) -> None:
    loaded = write_card(tmp_path / "m", HOT, [{"kind": "mask", "label": "Hot", "name": "GTV", "node": "both"}],
                        inputs=INPUTS, preprocess=STEPS)  # fmt: skip
    (roi,) = run_card(loaded, {"ct": ct(), "pet": pet()}).rois
    mask = fill({plane: roi.area(plane) for plane in roi.planes}, ct().geometry)
    where = ct().geometry.lps_from_kji(np.argwhere(mask))
    # The hot voxels' centres lie from 50 to 78, 42 to 70 and 22 to 42 mm, and 2.5 of 8 is reached 2.75 mm off them; the
    # outermost voxel of the CT within that is less than its own spacing away.
    step = np.array(ct().geometry.spacing_xyz)
    low, high = np.array((50, 42, 22)) - 2.75, np.array((78, 70, 42)) + 2.75
    assert ((where.min(axis=0) >= low) & (where.min(axis=0) < low + step)).all()
    assert ((where.max(axis=0) <= high) & (where.max(axis=0) > high - step)).all()


def test_images_become_channels_of_one_network(tmp_path: Path) -> None:
    folder = tmp_path / "m"
    arguments = UNET | {"in_channels": 3}
    graph: list[Json] = [
        {"node": "fused", "op": "concatenate", "in": ["ct", "pet"], "params": {}},
        {
            "node": "net", "op": "segment", "in": ["fused"],
            "weights": [write_weights(folder, "weights", network_of(arguments))],
            "params": {"network": arguments, "patch": [16, 32, 32], "labels": ["Left", "Right"]},
        },
    ]  # fmt: skip
    loaded = write_card(folder, graph, ["Left", "Right"], inputs=INPUTS, preprocess=STEPS)
    first = run_card(loaded, {"ct": ct(), "pet": pet()}, device="cpu")
    again = run_card(loaded, {"ct": ct(), "pet": pet()}, device="cpu")
    moved = run_card(loaded, {"ct": ct(), "pet": pet(shift=12.0)}, device="cpu")
    volumes = [[roi.volume_cm3(ct().geometry) for roi in result.rois] for result in (first, again, moved)]
    assert any(volumes[0]) and volumes[0] == volumes[1]
    assert volumes[0] != volumes[2], "the network sees where the PET lies"


def test_an_image_laid_onto_another_stays_itself_when_it_is_cut(tmp_path: Path) -> None:
    loaded = write_card(tmp_path / "m", HOT, [{"kind": "mask", "label": "Hot", "name": "GTV", "node": "both"}],
                        inputs=INPUTS, preprocess=[{"op": "orient", "params": {}}])  # fmt: skip
    base = prepare(ct(), loaded.card.preprocess)
    laid = prepare_onto(pet(), base, ())
    box = (slice(6, 18), slice(10, 50), slice(20, 60))
    cut = laid.recut(box, None, silent)
    assert cut.geometry.same_grid(base.recut(box, None, silent).geometry)
    np.testing.assert_allclose(cut.axes.to_image(cut.values), laid.axes.to_image(laid.values)[box], atol=1e-4)
    assert cut.values.max() > 7 and cut.values.min() == 0
    finer = laid.recut(box, (1, 1, 1), silent)
    assert finer.shape != cut.shape and finer.values.max() > 7 and finer.values.min() == 0


@pytest.mark.parametrize(
    ("inputs", "sentence"),
    [
        ({"ct": ct()}, "needs a PET image as 'pet', and there is none"),
        ({"ct": ct(), "pet": pet("2.2")}, "different frames of reference"),
        ({"ct": ct(), "pet": pet(shift=900.0)}, "do not overlap"),
    ],
)
def test_images_that_do_not_go_together_are_refused(tmp_path: Path, inputs: dict[str, Volume], sentence: str) -> None:
    loaded = write_card(tmp_path / "m", HOT, [{"kind": "mask", "label": "Hot", "name": "GTV", "node": "both"}],
                        inputs=INPUTS, preprocess=STEPS)  # fmt: skip
    with pytest.raises(UnsuitableInputError, match=sentence):
        run_card(loaded, inputs)


def test_ct_and_pet_of_a_study_are_found_by_their_roles(shared_data: Path, tmp_path: Path) -> None:
    study = shared_data / "dicom" / "sts_petct_mr" / "STS_001"
    loaded = write_card(tmp_path / "m", HOT, [{"kind": "mask", "label": "Hot", "name": "GTV", "node": "both"}],
                        inputs=INPUTS, preprocess=STEPS)  # fmt: skip
    run = ["run", str(study), "--model", str(loaded.folder), "-o", str(tmp_path / "rt.dcm"), "--json"]
    result = CliRunner().invoke(commands, run, prog_name="planimeter")
    assert result.exit_code in {0, 3}, result.output
    told = json.loads(result.stdout)
    assert told["structures"][0]["name"] == "GTV" and told["structures"][0]["volume_cm3"] > 20
    alone = ["run", str(study / "CT"), *run[2:]]
    result = CliRunner().invoke(commands, alone, prog_name="planimeter")
    assert "needs a PET image as 'pet'" in result.output + str(result.exception)


class Study:
    """A folder of series of one patient in one frame of reference, and a model of two inputs."""

    def __init__(self, folder: Path, *kinds: str) -> None:
        self._folder = folder
        self.uids = [self._write(folder / "study" / str(number), kind) for number, kind in enumerate(kinds)]
        outputs: list[str | Json] = [{"kind": "mask", "label": "Hot", "name": "GTV", "node": "both"}]
        self._model = write_card(folder / "m", HOT, outputs, inputs=INPUTS).folder

    def _write(self, folder: Path, kind: str) -> str:
        # Bq/ml, which are about 6 SUV for the patient of these files.
        voxels = ct().voxels if kind == "CT" else np.full(ct().voxels.shape, 20000)
        paths = write_series(folder, voxels, ct().geometry, kind, StudyInstanceUID="1.2.3", FrameOfReferenceUID="1.2.4")
        return str(dcmread(paths[0]).SeriesInstanceUID)

    def run(self, *more: str) -> str:
        """All that the command line says of a run."""
        path, out = self._folder / "study", self._folder / "rt.dcm"
        arguments = ["run", str(path), "--model", str(self._model), "-o", str(out), *more]
        result = CliRunner().invoke(commands, arguments, prog_name="planimeter")
        return f"{result.output} {result.exception or ''}"


def test_a_lone_second_image_is_told_to_lack_the_first(tmp_path: Path) -> None:
    assert "needs a CT image as 'ct', and there is none" in Study(tmp_path, "PT").run()


def test_a_series_named_for_a_role_of_another_kind_is_refused_by_that_kind(tmp_path: Path) -> None:
    study = Study(tmp_path, "CT", "PT")
    said = "is made for CT as 'ct', and this image is PET"
    assert said in study.run("--input", f"ct={study.uids[1]}")
    assert said in study.run("--series", study.uids[1])
    assert "is made for PET as 'pet', and this image is CT" in study.run("--input", f"pet={study.uids[0]}")


def test_a_role_is_given_once_and_by_any_form_of_a_uid(tmp_path: Path) -> None:
    study = Study(tmp_path, "CT", "PT", "PT")
    assert "Several images could be 'pet'" in study.run()
    early, late = (f"pet={uid}" for uid in study.uids[1:])
    assert "two series for 'pet'" in study.run("--input", early, "--input", late)
    assert "1 structures" in study.run("--input", early)
    assert "1 structures" in study.run("--input", f"{late}#1")
    assert "no image series 1.2.99 to be 'pet'" in study.run("--input", "pet=1.2.99")


def test_images_of_different_frames_of_reference_are_refused_before_they_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = Study(tmp_path, "CT")
    write_series(tmp_path / "study" / "pet", ct().voxels, ct().geometry, "PT", FrameOfReferenceUID="9.9")
    monkeypatch.setattr(inputs, "open_volume", lambda *_: pytest.fail("an image was read"))
    assert "different frames of reference" in study.run()


def as_files(folder: Path, shift: float = 0.0) -> tuple[Path, Path]:
    """The CT and the PET as NIfTI files."""
    paths = []
    for name, volume in (("a.nii.gz", ct()), ("b.nii.gz", pet(shift=shift))):
        (folder / name[0]).mkdir(parents=True, exist_ok=True)
        sitk.WriteImage(to_image(volume.voxels, volume.geometry), str(folder / name[0] / name))
        paths.append(folder / name[0] / name)
    return paths[0], paths[1]


def test_each_image_may_be_a_file_of_its_own(tmp_path: Path) -> None:
    card = write_card(tmp_path / "m", HOT, [{"kind": "mask", "label": "Hot", "name": "GTV", "node": "both"}],
                      inputs=INPUTS, preprocess=STEPS).card  # fmt: skip
    first, second = as_files(tmp_path / "data")
    for path, by_role in (
        (first, {"pet": str(second)}),
        (tmp_path / "data", {"pet": str(second)}),
        (second.parent, {"ct": str(first), "pet": str(second.parent)}),
    ):
        opened = open_inputs(card, path, Wanted(by_role=by_role))
        assert {role: volume.voxels.shape for role, volume in opened.items()} == {
            "ct": (20, 64, 64),
            "pet": (16, 24, 24),
        }
    with pytest.raises(MismatchError, match=r"There is nothing at .*c.nii.gz to be 'pet'"):
        open_inputs(card, first, Wanted(by_role={"pet": str(tmp_path / "c.nii.gz")}))
    with pytest.raises(MismatchError, match="several images that could be 'pet'"):
        open_inputs(card, first, Wanted(by_role={"pet": str(tmp_path / "data")}))
    with pytest.raises(MismatchError, match="One image can't play several roles"):
        open_inputs(card, first, Wanted(by_role={"pet": str(first)}))


def test_files_that_do_not_lie_together_are_refused_by_the_command(tmp_path: Path) -> None:
    write_card(tmp_path / "m", HOT, [{"kind": "mask", "label": "Hot", "name": "GTV", "node": "both"}],
               inputs=INPUTS, preprocess=STEPS)  # fmt: skip
    first, second = as_files(tmp_path / "data", shift=900.0)
    asked = ["run", str(first), "--model", str(tmp_path / "m"), "--input", f"pet={second}", "-o", str(tmp_path / "out")]
    result = CliRunner().invoke(commands, asked)
    assert "do not overlap" in str(result.exception)
