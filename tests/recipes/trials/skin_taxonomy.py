from tests.recipes.generators.skin import seven
from tests.recipes.scores import mean_auc
from tests.recipes.trial import Trial

TRIAL = Trial(
    "skin-taxonomy",
    kind="photographs of skin with one lesion of seven kinds",
    make=seven,
    score=mean_auc,
    measure="AUC",
    least=0.85,
    chance="0.5",
    learn=70,
    judge=56,
    nodes={
        "leaves": {
            "network": {"network": "InceptionV3", "in_channels": 3, "num_classes": 7, "width": 0.125},
            "view": {"kind": "whole", "pixels": [1, 64, 64]},
        }
    },
    schedule={"steps": 150, "batch": 20, "learning_rate": 5e-3, "augment": {"erase": 0, "colour": 0.02}},
)
