from tests.recipes.generators.fundus import detached
from tests.recipes.scores import mean_auc
from tests.recipes.trial import Trial

TRIAL = Trial(
    "retinal-detachment",
    kind="photographs of the fundus, some with a grey, folded part",
    make=detached,
    score=mean_auc,
    measure="AUC",
    least=0.9,
    chance="0.5",
    learn=60,
    judge=40,
    nodes={
        "eye": {
            "network": {
                "network": "CNN", "in_channels": 3, "num_classes": 1, "stages": [[16], [16], [32]], "dense": [32],
                "pooled": 3,
            }
        }
    },
    schedule={"steps": 100, "batch": 16, "learning_rate": 3e-3},
)  # fmt: skip
