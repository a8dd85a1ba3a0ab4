from tests.recipes.generators.heads import nodes
from tests.recipes.scores import mean_auc
from tests.recipes.trial import Trial

VIEW = {"kind": "slices", "pixels": [1, 64, 64]}
NETWORKS = {
    "resnet": {
        "network": "ResNet18", "spatial_dims": 2, "n_input_channels": 1, "num_classes": 2, "widen_factor": 0.125,
    },
    "densenet": {
        "network": "DenseNet121", "spatial_dims": 2, "in_channels": 1, "out_channels": 2, "init_features": 8,
        "growth_rate": 4, "block_config": [2, 2, 2],
    },
    "inception": {"network": "InceptionV3", "in_channels": 1, "num_classes": 2, "width": 0.125},
    "inception_resnet": {
        "network": "InceptionResNetV2", "in_channels": 1, "num_classes": 2, "width": 0.125, "repeats": [1, 1, 1],
    },
    "squeezed": {"network": "PatchNet", "in_channels": 1, "num_classes": 2, "filters": [8, 16]},
    "efficient": {
        "network": "EfficientNet", "model_name": "efficientnet-b0", "pretrained": False, "spatial_dims": 2,
        "in_channels": 1, "num_classes": 2,
    },
    "alexnet": {"network": "AlexNet", "in_channels": 1, "num_classes": 2, "width": 0.25},
    "plain": {"network": "CNN", "in_channels": 1, "num_classes": 2, "stages": [[8, 8], [16, 16]]},
}  # fmt: skip

TRIAL = Trial(
    "thyroid-nodes-ct",
    kind="crops of CT around a node, oval and even or round with a dark middle",
    make=nodes,
    score=mean_auc,
    measure="AUC",
    least=0.9,
    chance="0.5",
    learn=24,
    judge=24,
    nodes={name: {"network": network, "view": VIEW} for name, network in NETWORKS.items()},
    schedule={"steps": 40, "batch": 12, "learning_rate": 5e-3},
)
