from tests.recipes.generators.lungs import nodules
from tests.recipes.scores import sensitivity_at
from tests.recipes.trial import Trial

TRIAL = Trial(
    "lung-nodule-detection-ct",
    kind="chests with three nodules, and vessels",
    make=nodules,
    score=sensitivity_at(1.0),
    measure="sensitivity at 1 false box",
    least=0.6,
    chance="0.1",
    learn=10,
    judge=6,
    nodes={
        "spots": {"diameters_mm": [8, 12], "most": 60},
        "vessels": {"sigmas_mm": [2]},
        "sure": {
            "network": {
                "network": "CNN", "in_channels": 2, "num_classes": 2, "stages": [[8], [16]], "spatial_dims": 3,
                "dropout": 0.0,
            },
            "pixels": [12, 12, 12], "edge_mm": 24,
        },
    },
    card={
        "preprocess": [
            {"op": "orient", "params": {"axes": "LPS"}},
            {"op": "windows", "params": {"windows": [[-1000, 400]]}},
        ]
    },
    schedule={"steps": 120, "batch": 24, "learning_rate": 3e-3, "augment": {"colour": 0.0, "erase": 0.0}},
)  # fmt: skip
