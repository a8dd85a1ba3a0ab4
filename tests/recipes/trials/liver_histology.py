from tests.recipes.generators.slides import liver
from tests.recipes.scores import mean_auc
from tests.recipes.trial import Trial

TRIAL = Trial(
    "liver-histology",
    kind="slides with nuclei of two kinds",
    make=liver,
    score=mean_auc,
    measure="AUC",
    least=0.9,
    chance="0.5",
    learn=20,
    judge=20,
    nodes={
        "tissue": {
            "network": {
                "network": "InceptionV3", "in_channels": 3, "num_classes": 2, "width": 0.125, "dense": [32, 16],
                "targeted": 0.5,
            },
            "view": {"kind": "tiles", "pixels": [1, 64, 64], "least_tissue": 0.5},
        }
    },
    schedule={"steps": 100, "batch": 12, "learning_rate": 5e-3},
)  # fmt: skip
