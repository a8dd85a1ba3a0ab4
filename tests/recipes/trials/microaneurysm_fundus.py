from tests.recipes.generators.fundi import dotted_fundi
from tests.recipes.scores import sensitivity_at
from tests.recipes.trial import Trial

_NETWORK = {"network": "PatchNet", "in_channels": 3, "num_classes": 2, "filters": [8, 16], "dropout": 0.0}
TRIAL = Trial(
    "microaneurysm-fundus",
    kind="fundi with vessels, and red and brown dots",
    make=dotted_fundi,
    score=sensitivity_at(1.0),
    measure="sensitivity at 1 false box",
    least=0.7,
    chance="0.1",
    learn=10,
    judge=6,
    nodes={
        "spots": {"diameters_mm": [5], "least": 0.05, "most": 60},
        "first": {"network": _NETWORK, "pixels": [1, 16, 16], "edge_mm": 16, "keep": 0.05},
        "second": {"network": _NETWORK, "pixels": [1, 16, 16], "edge_mm": 20, "mirrors": []},
    },
    schedule={"steps": 80, "batch": 32, "learning_rate": 5e-3, "augment": {"colour": 0.0, "erase": 0.0}},
)
