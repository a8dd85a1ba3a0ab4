"""Plans and trains small networks with nnU-Net itself, run by an interpreter that has nnunetv2.

`nnunet_training.py FOLDER`: FOLDER/raw has the data sets and FOLDER/asked.json says of each {"number", "planner",
"configurations", "folds"}; results go to FOLDER/results. Nothing of nnU-Net is changed but sizes: memory to plan for,
filters, epochs.
"""

import json
import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

EPOCHS, ITERATIONS = 6, 30
MEMORY_GB, FILTERS, MOST_FILTERS = 0.02, 6, 24


def planned(asked: dict[str, Any], folder: Path) -> Path:
    """Fingerprint, plans and preprocessed data; gives the folder of these."""
    from nnunetv2.experiment_planning import plan_and_preprocess_api as api
    from nnunetv2.experiment_planning.experiment_planners.default_experiment_planner import ExperimentPlanner
    from nnunetv2.experiment_planning.experiment_planners.residual_unets.residual_encoder_unet_planners import (
        ResEncUNetPlanner,
    )
    from nnunetv2.utilities.dataset_name_id_conversion import convert_id_to_dataset_name

    number = asked["number"]
    api.extract_fingerprint_dataset(number, num_processes=1, verbose=False)
    planner = {"": ExperimentPlanner, "residual": ResEncUNetPlanner}[asked["planner"]](
        number, gpu_memory_target_in_gb=MEMORY_GB, plans_name="nnUNetPlans"
    )
    planner.UNet_base_num_features = FILTERS
    planner.UNet_max_features_3d = planner.UNet_max_features_2d = MOST_FILTERS
    planner.lowres_creation_threshold = 0.5
    planner.plan_experiment()
    configurations = [name.replace("cascade_", "") for name in asked["configurations"]]
    api.preprocess_dataset(number, "nnUNetPlans", configurations, num_processes=[1], verbose=False)
    return folder / "preprocessed" / str(convert_id_to_dataset_name(number))


def train(asked: dict[str, Any], preprocessed: Path) -> None:
    """All configurations and folds. All cases are learned from, and drawn where another network continues."""
    import torch
    from nnunetv2.training.nnUNetTrainer.nnUNetTrainer import nnUNetTrainer

    plans, dataset = (json.loads((preprocessed / name).read_text()) for name in ("nnUNetPlans.json", "dataset.json"))
    every = sorted(path.name.split(".")[0] for path in (preprocessed / "gt_segmentations").iterdir())
    (preprocessed / "splits_final.json").write_text(json.dumps([{"train": every, "val": every}] * 5))
    for configuration in asked["configurations"]:
        for fold in asked["folds"]:
            torch.manual_seed(fold)
            given = {**plans, "continue_training": False}
            trainer = nnUNetTrainer(given, configuration, fold, dataset, torch.device("cpu"))
            trainer.num_epochs, trainer.num_iterations_per_epoch = EPOCHS, ITERATIONS
            trainer.num_val_iterations_per_epoch = 1
            trainer.run_training()
            if trainer.configuration_manager.next_stage_names:
                trainer.perform_actual_validation()


def main(folder: Path) -> None:
    """In nnU-Net's order."""
    for name in ("raw", "preprocessed", "results"):
        os.environ[f"nnUNet_{name}"] = str(folder / name)
    os.environ |= {"OMP_NUM_THREADS": "1", "nnUNet_def_n_proc": "1", "nnUNet_compile": "f"}
    # A process that is spawned loads nnU-Net anew, which takes longer than what it is to do.
    forked = multiprocessing.get_context("fork")
    multiprocessing.get_context = lambda method=None: forked  # type: ignore[assignment]
    for asked in json.loads((folder / "asked.json").read_text()):
        os.environ |= {"nnUNet_n_proc_DA": "1"}
        preprocessed = planned(asked, folder)
        os.environ |= {"nnUNet_n_proc_DA": "0"}
        train(asked, preprocessed)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
