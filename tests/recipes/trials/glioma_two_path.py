from tests.recipes.generators.brain import gliomas
from tests.recipes.scores import mean_dice
from tests.recipes.trial import Trial

TRIAL = Trial(
    "glioma-two-path",
    kind="brains on four sequences with a glioma of four parts",
    make=gliomas,
    score=mean_dice,
    measure="mean Dice",
    least=0.7,
    chance="0.02",
    learn=8,
    judge=2,
    nodes={
        name: {
            "network": {
                "network": "TwoPathCNN", "in_channels": channels, "out_channels": 5, "detail": 12, "context": 12,
                "kernel": 9,
            },
            "patch": [1, 64, 64],
        }
        for name, channels in (("first", 4), ("second", 8))
    },
    schedule={"steps": 150, "batch": 2, "learning_rate": 5e-3},
)  # fmt: skip
