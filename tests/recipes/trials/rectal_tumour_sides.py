from tests.recipes.generators.joints import rectums
from tests.recipes.scores import mean_dice
from tests.recipes.trial import Trial

TRIAL = Trial(
    "rectal-tumour-sides",
    kind="pelves on MR with a tumour in the wall of the rectum",
    make=rectums,
    score=mean_dice,
    measure="mean Dice",
    least=0.6,
    chance="0.03",
    nodes={
        "gtv": {
            "network": {
                "network": "SideOutputResNet", "in_channels": 1, "out_channels": 2, "depth": 10, "width": 0.25
            },
            "patch": [1, 64, 64],
        }
    },
    schedule={"steps": 450, "batch": 6, "learning_rate": 5e-3},
)  # fmt: skip
