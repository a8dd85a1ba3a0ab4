from tests.recipes.generators.liver import mr_kinds
from tests.recipes.scores import balanced_accuracy
from tests.recipes.trial import Trial

TRIAL = Trial(
    "liver-lesions-mr",
    kind="abdomens on three phases of MR with a lesion of one of six kinds",
    make=mr_kinds,
    score=balanced_accuracy,
    measure="balanced accuracy",
    least=0.6,
    chance="0.17",
    learn=36,
    judge=24,
    nodes={
        "lesion": {
            "network": {
                "network": "UNet", "spatial_dims": 2, "in_channels": 3, "out_channels": 2, "channels": [8, 16, 32],
                "strides": [2, 2],
            },
            "dimensions": 2, "patch": [1, 64, 64],
        },
        "kind": {
            "network": {
                "network": "CNN", "in_channels": 3, "num_classes": 6, "stages": [[16], [16], [16]], "dense": [16],
                "spatial_dims": 3, "pooled": 2,
            }
        },
    },
    card={
        "preprocess": [
            {"op": "orient", "params": {"axes": "LPS"}},
            {"op": "normalise", "params": {"over": "nonzero", "clip_percentiles": [1, 99]}},
        ]
    },
    schedule={
        "nodes": {
            "lesion": {"steps": 200, "batch": 8, "learning_rate": 5e-3},
            "kind": {"steps": 150, "batch": 16, "learning_rate": 5e-3},
        }
    },
)  # fmt: skip
