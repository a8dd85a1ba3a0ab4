from tests.recipes.generators.liver import mr_tumours
from tests.recipes.scores import mean_dice, sensitivity_at
from tests.recipes.trial import Figure, Trial


def _renamed(folder, count, seed):
    mr_tumours(folder, count, seed)
    path = folder / "dataset.json"
    path.write_text(path.read_text("utf-8").replace('"GTV"', '"GTVp"'), "utf-8")


TRIAL = Trial(
    "breast-tumour-mr",
    kind="a tumour in an organ, and a vessel as bright outside of it, on MR",
    make=_renamed,
    score=sensitivity_at(1.0),
    measure="sensitivity at 1 false box",
    least=0.6,
    chance="0.1",
    further=(Figure(mean_dice, "Dice", 0.5, "0.05"),),
    nodes={
        "where": {
            "network": {
                "network": "RetinaNet", "in_channels": 1, "num_classes": 1, "num_anchors": 2, "filters": [8, 16, 32],
                "levels": 1, "width": 16,
            },
            "patch": [1, 64, 64], "edges_mm": [8, 13],
        },
        "tumour": {
            "network": {
                "network": "UNet", "spatial_dims": 2, "in_channels": 1, "out_channels": 2, "channels": [8, 16, 32],
                "strides": [2, 2],
            },
            "patch": [1, 64, 64],
        },
    },
    schedule={"steps": 250, "learning_rate": 5e-3, "nodes": {"where": {"steps": 300, "learning_rate": 3e-3}}},
)  # fmt: skip
