from tests.recipes.generators.skin import twelve
from tests.recipes.scores import mean_auc
from tests.recipes.trial import Trial

TRIAL = Trial(
    "skin-tumours",
    kind="photographs of skin with one lesion of twelve kinds",
    make=twelve,
    score=mean_auc,
    measure="AUC",
    least=0.85,
    chance="0.5",
    learn=96,
    judge=60,
    nodes={
        "tumour": {
            "network": {
                "network": "ResNet18", "spatial_dims": 2, "n_input_channels": 3, "num_classes": 12,
                "widen_factor": 0.25,
            },
            "view": {"kind": "whole", "pixels": [1, 64, 64]},
        }
    },
    schedule={"steps": 200, "batch": 24, "learning_rate": 5e-3, "augment": {"erase": 0, "colour": 0.02}},
)  # fmt: skip
