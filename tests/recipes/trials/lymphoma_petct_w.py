from tests.recipes.generators.petct import lymphomas
from tests.recipes.scores import mean_dice
from tests.recipes.trial import Trial

TRIAL = Trial(
    "lymphoma-petct-w",
    kind="trunks on PET and CT with hot nodes and hot fluid",
    make=lymphomas,
    score=mean_dice,
    measure="mean Dice",
    least=0.55,
    chance="0.05",
    nodes={
        "nodes": {
            "network": {
                "network": "TwoEncoderUNet", "in_channels": [1, 1], "out_channels": 2, "filters": [8, 16, 24]
            },
            "patch": [16, 48, 48],
        }
    },
    schedule={"steps": 100, "learning_rate": 5e-3},
)  # fmt: skip
