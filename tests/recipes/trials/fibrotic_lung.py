from tests.recipes.generators.chests import fibrosis
from tests.recipes.scores import balanced_accuracy
from tests.recipes.trial import Trial

TRIAL = Trial(
    "fibrotic-lung",
    kind="lungs on CT with honeycomb below, lines, or ground glass",
    make=fibrosis,
    score=balanced_accuracy,
    measure="balanced accuracy",
    least=0.7,
    chance="0.33",
    learn=24,
    judge=18,
    nodes={
        "montages": {
            "network": {
                "network": "InceptionResNetV2", "in_channels": 1, "num_classes": 3, "width": 0.125,
                "repeats": [1, 1, 1],
            },
            "view": {"kind": "montage", "pixels": [1, 48, 48], "grid": [2, 2], "count": 4},
        }
    },
    schedule={"steps": 100, "batch": 12, "learning_rate": 5e-3},
)  # fmt: skip
