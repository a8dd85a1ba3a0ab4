from tests.recipes.generators.knees import SERIES, knees
from tests.recipes.scores import mean_auc
from tests.recipes.trial import Trial

NETWORK = {"network": "CNN", "in_channels": 1, "num_classes": 3, "stages": [[8], [16], [32]], "dropout": 0.0}

TRIAL = Trial(
    "knee-mr",
    kind="knees on three series of MR, an injury on some slices of one or all",
    make=knees,
    score=mean_auc,
    measure="AUC",
    least=0.8,
    chance="0.5",
    learn=40,
    judge=24,
    nodes={
        f"{series}_slices": {"network": NETWORK, "view": {"kind": "slices", "pixels": [1, 48, 48], "axis": "axial"}}
        for series in SERIES.values()
    },
    card={
        # All series are written as axial ones.
        "inputs": [{"role": series, "modality": ["MR"]} for series in SERIES.values()],
        "preprocess": [{"op": "normalise", "params": {"over": "nonzero", "clip_percentiles": [0.5, 99.9]}}],
    },
    schedule={
        "steps": 220,
        "batch": 6,
        "views": 8,
        "learning_rate": 1e-2,
        "augment": {
            "rotation_deg": 5,
            "shift": 0.03,
            "scale": 0.05,
            "erase": 0,
            "flip_rows": 0,
            "brightness": 0,
            "noise": 0.02,
        },
    },
)
