from tests.recipes.generators.cohorts import chests
from tests.recipes.scores import concordance
from tests.recipes.trial import Trial

TRIAL = Trial(
    "copd-ct",
    kind="chests with holes in the lungs, smokers' ages, and times of death",
    make=chests,
    score=concordance,
    measure="C",
    least=0.62,
    chance="0.5",
    learn=200,
    judge=100,
    nodes={
        "slices": {
            "network": {"network": "PatchNet", "in_channels": 1, "num_classes": 2, "filters": [8, 16]},
            "view": {"kind": "montage", "pixels": [1, 48, 64], "grid": [2, 2]},
        }
    },
    schedule={"steps": 150, "batch": 16, "learning_rate": 3e-3, "augment": {"erase": 0.0}},
)
