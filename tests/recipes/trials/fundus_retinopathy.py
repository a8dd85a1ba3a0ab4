from tests.recipes.generators.fundus import diabetic
from tests.recipes.scores import mean_auc
from tests.recipes.trial import Trial

TRIAL = Trial(
    "fundus-retinopathy",
    kind="photographs of the fundus with dark spots, and bright ones near the middle",
    make=diabetic,
    score=mean_auc,
    measure="AUC",
    least=0.85,
    chance="0.5",
    learn=60,
    judge=40,
    nodes={
        "eye": {
            "network": {"network": "InceptionV3", "in_channels": 3, "num_classes": 2, "width": 0.125},
            "view": {"kind": "whole", "pixels": [1, 96, 96]},
        }
    },
    card={
        "preprocess": [
            {"op": "find_field", "params": {"what": "fundus"}},
            {"op": "resize", "params": {"pixels": [96, 96]}},
            {"op": "windows", "params": {"windows": [[0, 255]]}},
        ]
    },
    schedule={"steps": 120, "batch": 16, "learning_rate": 5e-3, "ensemble": 2},
)
