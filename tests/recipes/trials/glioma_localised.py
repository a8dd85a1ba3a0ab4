from tests.recipes.generators.brain import gliomas
from tests.recipes.scores import mean_dice
from tests.recipes.trial import Trial

TRIAL = Trial(
    "glioma-localised",
    kind="brains on four sequences with a glioma of four parts",
    make=gliomas,
    score=mean_dice,
    measure="mean Dice",
    least=0.6,
    chance="0.02",
    learn=8,
    judge=2,
    nodes={
        "where": {
            "network": {"network": "DilatedResNet", "in_channels": 4, "out_channels": 2, "depth": 10, "width": 0.25},
            "patch": [1, 64, 64],
        },
        "parts": {
            "network": {"network": "PatchAlexNet", "in_channels": 4, "out_channels": 5, "width": 0.125},
            "patch": [1, 48, 48],
        },
    },
    schedule={"steps": 150, "batch": 3, "learning_rate": 3e-3},
)  # fmt: skip
