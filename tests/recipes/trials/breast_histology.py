from tests.recipes.generators.slides import breast
from tests.recipes.scores import mean_auc
from tests.recipes.trial import Trial


def _node(classes: int, magnification: float) -> dict[str, object]:
    network = {
        "network": "ResNet18", "spatial_dims": 2, "n_input_channels": 3, "num_classes": classes, "widen_factor": 0.125,
    }  # fmt: skip
    view = {
        "kind": "tiles", "pixels": [1, 32, 32], "magnification": magnification, "taken_at": 40, "least_tissue": 0.3,
    }  # fmt: skip
    return {"network": network, "view": view}


TRIAL = Trial(
    "breast-histology",
    kind="slides with nuclei of four kinds on stroma of two colours",
    make=breast,
    score=mean_auc,
    measure="AUC",
    least=0.8,
    chance="0.5",
    learn=32,
    judge=24,
    nodes={
        "x4": _node(2, 10),
        "x10": _node(2, 10),
        "x20": _node(2, 20),
        "x40": _node(2, 40),
        "benign_tiles": _node(4, 40),
        "malignant_tiles": _node(4, 40),
    },
    schedule={"steps": 60, "batch": 16, "learning_rate": 5e-3, "augment": {"brightness": 0.02, "colour": 0.02}},
)
