from tests.recipes.generators.nodes import mesorectums
from tests.recipes.scores import mean_dice, sensitivity_at
from tests.recipes.trial import Figure, Trial

TRIAL = Trial(
    "rectal-nodes-mr",
    kind="nodes around a rectum on T2 and DWI, and vessels as grey on T2",
    make=mesorectums,
    score=sensitivity_at(1.0),
    measure="sensitivity at 1 false box",
    least=0.6,
    chance="0.1",
    further=(Figure(mean_dice, "Dice", 0.7, "0.03"),),
    learn=10,
    nodes={
        "planes": {
            "network": {
                "network": "RetinaNet", "in_channels": 2, "num_classes": 1, "num_anchors": 2, "filters": [8, 16, 32],
                "levels": 1, "width": 16,
            },
            "patch": [1, 64, 64], "edges_mm": [6, 10],
        },
        "drawn": {
            "network": {
                "network": "UNet", "spatial_dims": 2, "in_channels": 2, "out_channels": 2, "channels": [8, 16, 32],
                "strides": [2, 2],
            },
            "patch": [1, 64, 64],
        },
    },
    schedule={"steps": 150, "learning_rate": 5e-3, "nodes": {"planes": {"steps": 150, "learning_rate": 3e-3}}},
)  # fmt: skip
