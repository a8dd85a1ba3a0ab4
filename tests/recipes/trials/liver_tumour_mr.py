from tests.recipes.generators.liver import mr_tumours
from tests.recipes.scores import mean_dice
from tests.recipes.trial import Trial

TRIAL = Trial(
    "liver-tumour-mr",
    kind="abdomens on MR with a tumour in the liver",
    make=mr_tumours,
    score=mean_dice,
    measure="Dice",
    least=0.7,
    chance="0.05",
    nodes={
        "tumour": {
            "network": {
                "network": "UNet", "spatial_dims": 2, "in_channels": 1, "out_channels": 2, "channels": [8, 16, 32],
                "strides": [2, 2],
            },
            "patch": [1, 64, 64],
        }
    },
    schedule={"steps": 250, "learning_rate": 5e-3},
)  # fmt: skip
