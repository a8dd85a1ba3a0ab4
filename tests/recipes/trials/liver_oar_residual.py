from tests.recipes.generators.trunk import abdomens
from tests.recipes.scores import mean_dice
from tests.recipes.trial import Trial

TRIAL = Trial(
    "liver-oar-residual",
    kind="abdomens on CT with five organs",
    make=abdomens,
    score=mean_dice,
    measure="mean Dice",
    least=0.6,
    chance="0.05",
    nodes={
        "organs": {
            "network": {
                "network": "SegResNet", "spatial_dims": 2, "in_channels": 1, "out_channels": 6, "init_filters": 8,
                "blocks_down": [1, 1, 1, 1], "blocks_up": [1, 1, 1],
            },
            "patch": [1, 64, 64],
        }
    },
    schedule={"steps": 350, "batch": 4, "learning_rate": 8e-3},
)  # fmt: skip
