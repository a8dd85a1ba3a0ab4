from tests.recipes.generators.hearts import ventricles
from tests.recipes.scores import mean_auc
from tests.recipes.trial import Trial

TRIAL = Trial(
    "coronary-stenosis-ct",
    kind="left ventricles on CT, in half of them a part of the wall darker",
    make=ventricles,
    score=mean_auc,
    measure="AUC",
    least=0.7,
    chance="0.5",
    learn=60,
    judge=40,
    nodes={
        "myocardium": {
            "network": {
                "network": "UNet", "spatial_dims": 2, "in_channels": 1, "out_channels": 2, "channels": [8, 16, 32],
                "strides": [2, 2],
            },
            "patch": [1, 48, 48],
        },
        "clusters": {"patch": [1, 5, 5], "components": 4, "clusters": 60, "most": 4000},
    },
    card={
        "preprocess": [
            {"op": "orient", "params": {"axes": "LPS"}},
            {"op": "windows", "params": {"windows": [[-100, 400]]}},
        ]
    },
    schedule={"steps": 120, "batch": 4, "learning_rate": 5e-3},
)  # fmt: skip
