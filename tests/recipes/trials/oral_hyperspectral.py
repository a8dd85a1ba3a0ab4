from tests.recipes.generators.heads import cubes
from tests.recipes.scores import mean_auc
from tests.recipes.trial import Trial

TRIAL = Trial(
    "oral-hyperspectral",
    kind="cubes of 40 bands with an absorption that lies elsewhere in malignant tissue",
    make=cubes,
    score=mean_auc,
    measure="AUC",
    least=0.9,
    chance="0.5",
    learn=24,
    judge=24,
    nodes={
        "patches": {
            "network": {
                "network": "PartitionedCNN", "in_channels": 40, "num_classes": 2, "partitions": 4, "filters": 4,
                "joined": [16, 16], "dense": [16],
            }
        }
    },
    schedule={"steps": 80, "batch": 16, "learning_rate": 5e-3},
)  # fmt: skip
