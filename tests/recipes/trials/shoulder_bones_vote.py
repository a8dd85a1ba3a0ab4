from tests.recipes.generators.joints import shoulders
from tests.recipes.scores import mean_dice
from tests.recipes.trial import Trial

TRIAL = Trial(
    "shoulder-bones-vote",
    kind="shoulders on MR",
    make=shoulders,
    score=mean_dice,
    measure="mean Dice",
    least=0.7,
    chance="0.15",
    learn=8,
    judge=3,
    nodes={
        **{
            f"unet{number}": {
                "network": {
                    "network": "UNet", "spatial_dims": 2, "in_channels": 1, "out_channels": 3, "channels": [8, 16, 32],
                    "strides": [2, 2],
                },
                "patch": [1, 64, 64],
            }
            for number in (1, 2, 3)
        },
        **{
            name: {
                "network": {"network": "PatchAlexNet", "in_channels": channels, "out_channels": 3, "width": 0.125},
                "patch": [1, 64, 64],
            }
            for name, channels in (("patches", 1), ("edges", 3))
        },
    },
    schedule={"steps": 100, "batch": 3, "learning_rate": 3e-3},
)  # fmt: skip
