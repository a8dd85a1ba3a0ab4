from tests.recipes.generators.lungs import lung_vessels
from tests.recipes.scores import mean_dice
from tests.recipes.trial import Trial

TRIAL = Trial(
    "lung-vessels-ct",
    kind="pieces of lung whose arteries run beside bronchi",
    make=lung_vessels,
    score=mean_dice,
    measure="Dice",
    least=0.6,
    chance="0.4, were all vessels told by chance",
    learn=16,
    nodes={
        "kinds": {
            "network": {
                "network": "UNet", "spatial_dims": 3, "in_channels": 1, "out_channels": 3, "channels": [8, 16, 32],
                "strides": [2, 2], "num_res_units": 1,
            },
            "patch": [16, 48, 48],
        }
    },
    schedule={"steps": 350, "batch": 2, "learning_rate": 5e-3},
)  # fmt: skip
