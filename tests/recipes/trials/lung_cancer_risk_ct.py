from tests.recipes.generators.lungs import screened
from tests.recipes.scores import mean_auc
from tests.recipes.trial import Trial

_WHOLE = {
    "network": "CNN", "in_channels": 1, "num_classes": 1, "stages": [[8], [16], [16]], "spatial_dims": 3, "dropout": 0.0
}  # fmt: skip
TRIAL = Trial(
    "lung-cancer-risk-ct",
    kind="chests with small nodules, and in half of them a large one",
    make=screened,
    score=mean_auc,
    measure="AUC",
    least=0.8,
    chance="0.5",
    learn=40,
    judge=30,
    nodes={
        "regions": {"diameters_mm": [9, 21], "most": 6},
        "whole": {"network": _WHOLE, "view": {"kind": "whole", "pixels": [20, 48, 64]}},
        "near": {"network": _WHOLE, "view": {"kind": "crops", "pixels": [16, 16, 16], "sizes_mm": [36]}},
    },
    card={
        "preprocess": [
            {"op": "orient", "params": {"axes": "LPS"}},
            {"op": "windows", "params": {"windows": [[-1000, 400]]}},
        ]
    },
    schedule={
        "steps": 100, "batch": 8, "learning_rate": 3e-3, "augment": {"erase": 0.0}, "nodes": {"near": {"views": 6}}
    },
)  # fmt: skip
