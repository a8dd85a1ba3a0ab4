from tests.recipes.generators.trunk import hearts
from tests.recipes.scores import mean_dice
from tests.recipes.trial import Trial

TRIAL = Trial(
    "heart-saliency",
    kind="chests on CT with a bright heart",
    make=hearts,
    score=mean_dice,
    measure="mean Dice",
    least=0.7,
    chance="0.1",
    nodes={
        "where": {
            "network": {
                "network": "UNet", "spatial_dims": 2, "in_channels": 1, "out_channels": 2, "channels": [8, 16, 32],
                "strides": [2, 2],
            },
            "patch": [1, 48, 48],
        }
    },
    schedule={"steps": 150, "batch": 4, "learning_rate": 5e-3},
)  # fmt: skip
