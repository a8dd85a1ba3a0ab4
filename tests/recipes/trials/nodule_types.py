from tests.recipes.generators.chests import nodules
from tests.recipes.scores import balanced_accuracy
from tests.recipes.trial import Trial

TRIAL = Trial(
    "nodule-types",
    kind="cubes of lung on CT with one nodule of six types, outlined",
    make=nodules,
    score=balanced_accuracy,
    measure="balanced accuracy",
    least=0.6,
    chance="0.17",
    learn=48,
    judge=30,
    nodes={
        "turned": {
            "network": {
                "network": "MultiStreamCNN", "scales": 3, "num_classes": 6, "filters": [8, 16, 16, 32], "dense": [64],
            },
            "view": {"kind": "triplets", "pixels": [1, 32, 32], "sizes_mm": [10, 20, 30], "rotations": 3},
        }
    },
    card={
        "preprocess": [
            {"op": "orient", "params": {"axes": "LPS"}},
            {"op": "windows", "params": {"windows": [[-1200, 400]]}, "of": ["ct"]},
        ]
    },
    schedule={"steps": 150, "batch": 24, "learning_rate": 5e-3},
)  # fmt: skip
