from tests.recipes.generators.heads import brains
from tests.recipes.scores import balanced_accuracy
from tests.recipes.trial import Trial

TRIAL = Trial(
    "alzheimers-pet",
    kind="brains on PET with low uptake at the back, on one side or both",
    make=brains,
    score=balanced_accuracy,
    measure="balanced accuracy",
    least=0.7,
    chance="0.33",
    learn=48,
    judge=24,
    nodes={
        "brain": {
            "network": {"network": "InceptionV3", "in_channels": 1, "num_classes": 3, "width": 0.125},
            "view": {"kind": "montage", "pixels": [1, 32, 32], "grid": [4, 4]},
        }
    },
    card={
        "preprocess": [
            {"op": "orient", "params": {"axes": "LPS"}},
            {"op": "normalise", "params": {"clip_percentiles": [0.5, 99.5]}},
        ]
    },
    schedule={
        "steps": 150,
        "batch": 16,
        "learning_rate": 5e-3,
        "augment": {"flip_rows": 0, "flip_columns": 0, "rotation_deg": 3, "erase": 0, "shift": 0.02, "scale": 0.05},
    },
)
