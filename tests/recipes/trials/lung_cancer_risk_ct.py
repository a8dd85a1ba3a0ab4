from tests.recipes.generators.lungs import screened
from tests.recipes.scores import mean_auc, sensitivity_at
from tests.recipes.trial import Figure, Trial

_CNN = {
    "network": "CNN", "in_channels": 2, "num_classes": 1, "stages": [[8], [16], [16]], "spatial_dims": 3, "dropout": 0.0
}  # fmt: skip
TRIAL = Trial(
    "lung-cancer-risk-ct",
    kind="chests with a large nodule, which half of the priors show as large",
    make=screened,
    score=mean_auc,
    measure="AUC",
    least=0.8,
    chance="0.5",
    further=(Figure(sensitivity_at(1.0), "sensitivity at 1 false box", 0.7, "0.1"),),
    learn=40,
    judge=30,
    nodes={
        "regions": {
            "network": {
                "network": "RetinaNet", "in_channels": 1, "num_classes": 1, "num_anchors": 2, "filters": [8, 16],
                "levels": 1, "width": 16, "spatial_dims": 3,
            },
            "patch": [20, 32, 32], "edges_mm": [18, 27],
        },
        "whole": {"network": _CNN, "view": {"kind": "whole", "pixels": [20, 48, 64]}},
        "near": {"network": _CNN, "view": {"kind": "crops", "pixels": [16, 16, 16], "sizes_mm": [36]}},
    },
    card={
        "preprocess": [
            {"op": "orient", "params": {"axes": "LPS"}},
            {"op": "windows", "params": {"windows": [[-1000, 400]]}},
        ]
    },
    schedule={
        "steps": 100, "batch": 8, "learning_rate": 3e-3, "augment": {"erase": 0.0},
        "nodes": {"regions": {"steps": 120, "batch": 4}, "near": {"views": 2}},
    },
)  # fmt: skip
