from tests.recipes.generators.cohorts import nasopharynges
from tests.recipes.scores import concordance
from tests.recipes.trial import Trial

_NETWORK = {
    "network": "ConvClassifier", "in_shape": [1, 16, 24, 24], "classes": 2, "channels": [8, 16], "strides": [2, 2]
}  # fmt: skip
_NODE = {"network": _NETWORK, "view": {"kind": "whole", "pixels": [16, 24, 24]}}
TRIAL = Trial(
    "nasopharynx-petct",
    kind="heads on PET and CT with a tumour, N stages, and times of relapse",
    make=nasopharynges,
    score=concordance,
    measure="C",
    least=0.65,
    chance="0.5",
    learn=150,
    judge=100,
    nodes={"pet_net": _NODE, "ct_net": _NODE},
    schedule={"steps": 80, "batch": 12, "learning_rate": 2e-3, "augment": {"erase": 0.0}},
)
