"""nnU-Net's own part of the comparison, run by an interpreter that has nnunetv2: `nnunet_peer.py FOLDER`.

Reads FOLDER/cases.json, a list of {"name", "model" (a results folder), "images", "out", "previous" (or ""), "folds",
"mirrors"}, or of what TotalSegmentator is to do: {"name", "task", "ids", "models", "results", ...}. Makes the weights
of each model where there are none, from a seed, with "calm" such that they draw areas and no noise; predicts, where
there are "images"; tells seconds and memory in FOLDER/told.json.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path

for variable in ("nnUNet_raw", "nnUNet_preprocessed", "nnUNet_results"):
    os.environ.setdefault(variable, "/nonexistent")

import torch  # noqa: E402
from nnunetv2.inference.predict_from_raw_data import nnUNetPredictor  # noqa: E402
from nnunetv2.utilities.get_network_from_plans import get_network_from_plans  # noqa: E402
from nnunetv2.utilities.label_handling.label_handling import determine_num_input_channels  # noqa: E402
from nnunetv2.utilities.plans_handling.plans_handler import PlansManager  # noqa: E402


def make_weights(
    model: Path,
    folds: list[str],
    mirrors: list[int] | None,
    favoured: dict[str, float] | None = None,
    calm: bool = False,
) -> None:
    """A checkpoint as nnU-Net writes it, of a network from a seed; `favoured` channels are likelier than others.

    See `_calmed`.
    """
    plans, dataset = (json.loads((model / name).read_text()) for name in ("plans.json", "dataset.json"))
    configuration_name = model.name.split("__")[-1]
    manager = PlansManager(plans)
    configuration = manager.get_configuration(configuration_name)
    labels = manager.get_label_manager(dataset)
    for fold in folds:
        path = model / f"fold_{fold}" / "checkpoint_final.pth"
        if path.exists():
            continue
        torch.manual_seed(sum(map(ord, str(model.name) + fold)))
        network = get_network_from_plans(
            configuration.network_arch_class_name,
            configuration.network_arch_init_kwargs,
            configuration.network_arch_init_kwargs_req_import,
            determine_num_input_channels(manager, configuration, dataset),
            labels.num_segmentation_heads,
            deep_supervision=True,
        )
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.mul_(1.5)
            noise = torch.randn(1, _channels(network), *(min(edge, 64) for edge in configuration.patch_size))
            if calm:
                noise = _calmed(network, noise)
            # No class is to be the likeliest everywhere.
            logits = network.eval()(noise)[0]
            axes = [0, *range(2, logits.ndim)]
            head = network.decoder.seg_layers[-1]
            if calm:
                spread = logits.std(axes)
                head.weight /= spread.reshape(-1, *[1] * (logits.ndim - 1))
                head.bias /= spread
                logits = network(noise)[0]
            head.bias -= logits.mean(axes)
            for channel, amount in (favoured or {}).items():
                head.bias[int(channel)] += amount * logits.std()
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(
            {
                "network_weights": network.state_dict(),
                "init_args": {
                    "configuration": configuration_name, "fold": fold, "plans": plans, "dataset_json": dataset,
                    "device": torch.device("cpu"),
                },
                "trainer_name": "nnUNetTrainer",
                "inference_allowed_mirroring_axes": mirrors,
                "_best_ema": torch.zeros(1).double().numpy()[0],
                "logging": {"ema_fg_dice": [torch.zeros(1).double().numpy()[0]], "epoch_end_timestamps": [time.time()]},
                "optimizer_state": None, "grad_scaler_state": None, "current_epoch": 1,
            },
            path,
        )  # fmt: skip


def _calmed(network: torch.nn.Module, noise: torch.Tensor) -> torch.Tensor:
    """Makes a network of random weights draw areas as large as those of its image; gives such an image.

    What doubles the samples gives its neighbours all the same, else random weights leave a chequered pattern.
    """
    for module in network.modules():
        if isinstance(module, torch.nn.ConvTranspose3d):
            module.weight.copy_(module.weight.mean((2, 3, 4), keepdim=True).expand_as(module.weight))
    coarse = torch.nn.functional.avg_pool3d(noise, 8)
    return torch.nn.functional.interpolate(coarse, noise.shape[2:], mode="trilinear") * 20


def total_segmentator(case: dict[str, object]) -> None:
    """A task by TotalSegmentator's own program, which fetches nothing and tells nobody of it."""
    from totalsegmentator import python_api

    # What needs a licence number needs none where the weights are random.
    for name in ("download_pretrained_weights", "send_usage_stats", "increase_prediction_counter", "show_license_info"):
        setattr(python_api, name, lambda *_: None)
    # Of a device that was given as a word it makes none for the task by which another is cropped.
    python_api.convert_device_to_string = str
    python_api.totalsegmentator(
        case["images"][0], Path(f"{case['out']}.nii.gz"), task=case["task"], ml=True, nr_thr_saving=1, quiet=True,
        device="cpu", fast=bool(case.get("fast")),
    )  # fmt: skip


def _taken(began: float, processors: float) -> dict[str, float]:
    return {
        "seconds": time.perf_counter() - began,
        "processor_seconds": time.process_time() - processors,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _channels(network: torch.nn.Module) -> int:
    return next(value.shape[1] for value in network.state_dict().values() if value.ndim > 3)


def main(folder: Path) -> None:
    """Predict each case."""
    told = {}
    torch.set_num_threads(2)
    for case in json.loads((folder / "cases.json").read_text()):
        if "task" in case:
            for model in case["models"]:
                favoured = case.get("favoured", {}).get(model)
                make_weights(Path(model), ["0"], [0, 1, 2], favoured, bool(case.get("calm")))
            if not case["images"]:
                continue
            began, processors = time.perf_counter(), time.process_time()
            total_segmentator(case)
            told[case["name"]] = _taken(began, processors)
            continue
        model = Path(case["model"])
        favoured = case.get("favoured", {}).get(str(model))
        make_weights(model, case.get("folds", ["0"]), case["mirrors"], favoured, bool(case.get("calm")))
        if not case["images"]:
            continue
        predictor = nnUNetPredictor(
            tile_step_size=case.get("step", 0.5), use_gaussian=True, use_mirroring=case["mirrors"] is not None,
            perform_everything_on_device=False, device=torch.device("cpu"), allow_tqdm=False,
        )  # fmt: skip
        predictor.initialize_from_trained_model_folder(str(model), None)
        began, processors = time.perf_counter(), time.process_time()
        predictor.predict_from_files_sequential([case["images"]], [case["out"]], False, True, case["previous"] or None)
        told[case["name"]] = _taken(began, processors)
    (folder / "told.json").write_text(json.dumps(told))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
