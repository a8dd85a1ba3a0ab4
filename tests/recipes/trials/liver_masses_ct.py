from tests.recipes.generators.liver import ct_kinds
from tests.recipes.scores import balanced_accuracy
from tests.recipes.trial import Trial

TRIAL = Trial(
    "liver-masses-ct",
    kind="abdomens on three phases of CT with a mass of one of five kinds",
    make=ct_kinds,
    score=balanced_accuracy,
    measure="balanced accuracy",
    least=0.6,
    chance="0.2",
    learn=40,
    judge=20,
    nodes={
        "mass": {
            "network": {
                "network": "UNet", "spatial_dims": 2, "in_channels": 3, "out_channels": 2, "channels": [8, 16, 32],
                "strides": [2, 2],
            },
            "patch": [1, 64, 64],
        },
        "kind": {
            "network": {
                "network": "CNN", "in_channels": 3, "num_classes": 5, "stages": [[8, 8], [16, 16], [16, 16]],
                "dense": [32, 16], "pooled": 2,
            },
            "view": {"kind": "crops", "pixels": [1, 32, 32], "widen": 1.3},
        },
    },
    card={
        "preprocess": [
            {"op": "orient", "params": {"axes": "LPS"}},
            {"op": "windows", "params": {"windows": [[-110, 190]]}},
        ]
    },
    schedule={
        "nodes": {
            "mass": {"steps": 250, "batch": 8, "learning_rate": 5e-3},
            "kind": {"steps": 250, "batch": 16, "learning_rate": 5e-3},
        }
    },
)  # fmt: skip
