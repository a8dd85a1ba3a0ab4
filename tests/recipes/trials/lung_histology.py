from tests.recipes.generators.slides import lung
from tests.recipes.scores import mean_auc
from tests.recipes.trial import Trial

VIEW = {"kind": "tiles", "pixels": [1, 64, 64], "least_tissue": 0.5}
SMALL = {"network": "InceptionV3", "in_channels": 3, "width": 0.125}

TRIAL = Trial(
    "lung-histology",
    kind="slides with nuclei of three kinds, on stroma coloured by genes",
    make=lung,
    score=mean_auc,
    measure="AUC",
    least=0.85,
    chance="0.5",
    learn=24,
    judge=18,
    nodes={
        "tissue": {"network": SMALL | {"num_classes": 3}, "view": VIEW},
        "genes": {"network": SMALL | {"num_classes": 6}, "view": VIEW},
    },
    schedule={
        "steps": 120,
        "batch": 12,
        "learning_rate": 5e-3,
        "augment": {"brightness": 0, "contrast": 0, "colour": 0},
    },
)  # fmt: skip
