from tests.recipes.generators.trunk import breasts
from tests.recipes.scores import mean_dice
from tests.recipes.trial import Trial

TRIAL = Trial(
    "breast-ctv-dilated",
    kind="chests on CT with both breasts",
    make=breasts,
    score=mean_dice,
    measure="mean Dice",
    least=0.7,
    chance="0.05",
    nodes={
        "ctv": {
            "network": {"network": "DilatedResNet", "in_channels": 1, "out_channels": 2, "depth": 10, "width": 0.25},
            "patch": [1, 64, 64],
        }
    },
    schedule={"steps": 250, "batch": 6, "learning_rate": 5e-3},
)  # fmt: skip
