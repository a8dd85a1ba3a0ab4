"""ONNX files with small networks, made on the spot, with the card beside each."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

Json = dict[str, Any]

DRAWS: Json = {
    "name": "A small file", "task": "segment", "modality": "CT", "axes": "SPL", "spacing_mm": [2.5, 2.0, 2.0],
    "intensities": [{"do": "scale_range", "low": -157, "high": 264, "to_low": 0, "to_high": 1, "clip": True}],
    "labels": ["liver", "kidney_left"], "activation": "softmax", "patch": [8, 16, 16], "overlap": 0.5,
    "blend": "gaussian", "licence": "CC BY 4.0",
}  # fmt: skip
SCORES: Json = {
    "name": "Scores", "task": "classify", "modality": "MR", "axes": "RAS", "size": [16, 16, 12],
    "intensities": [{"do": "normalise"}], "labels": ["benign", "malignant"], "activation": "softmax",
}  # fmt: skip


def network(
    classes: int = 3, channels: int = 1, scores: bool = False, domain: str = "", *, seed: int = 0, features: int = 4
) -> Any:
    """Two convolutions; for scores their mean over the image."""
    rng = np.random.default_rng(seed)
    weights = {
        "w1": rng.normal(0, 0.4, (features, channels, 3, 3, 3)), "b1": rng.normal(0, 0.2, features),
        "w2": rng.normal(0, 0.6, (classes, features, 3, 3, 3)), "b2": rng.normal(0, 0.1, classes),
        "ones": np.ones(classes), "zeros": np.zeros(classes),
    }  # fmt: skip
    made = [numpy_helper.from_array(value.astype(np.float32), name) for name, value in weights.items()]
    nodes = [
        helper.make_node("Conv", ["image", "w1", "b1"], ["a"], pads=[1] * 6),
        helper.make_node("Tanh", ["a"], ["b"], domain=domain),
        helper.make_node("Conv", ["b", "w2", "b2"], ["c"], pads=[1] * 6),
    ]
    if scores:
        nodes += [helper.make_node("GlobalAveragePool", ["c"], ["d"]), helper.make_node("Flatten", ["d"], ["out"])]
    else:
        # Each class is the likeliest somewhere.
        nodes.append(helper.make_node("InstanceNormalization", ["c", "ones", "zeros"], ["out"]))
    graph = helper.make_graph(
        nodes, "small",
        [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", channels, "a", "b", "c"])],
        [helper.make_tensor_value_info("out", TensorProto.FLOAT, None)], made,
    )  # fmt: skip
    opsets = [helper.make_opsetid("", 17), *([helper.make_opsetid(domain, 1)] if domain else [])]
    return helper.make_model(graph, opset_imports=opsets, ir_version=9)


def ended(model: Any, *ends: tuple[str, Json], kind: int = TensorProto.FLOAT) -> Any:
    """The model with further steps at its end."""
    for number, (step, attributes) in enumerate(ends):
        inputs, name = [model.graph.output[0].name], f"end{number}"
        model.graph.node.append(helper.make_node(step, inputs, [name], **attributes))
        model.graph.output[0].CopyFrom(helper.make_tensor_value_info(name, kind, None))
    return model


SOFTMAX_WITHIN = [("Softmax", {"axis": 1}), ("Identity", {})]


def write(folder: Path, model: Any, small: Json, **changes: Any) -> Path:
    """The path of the file."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "small.onnx"
    onnx.save(model, path)
    path.with_suffix(".json").write_text(json.dumps(small | changes))
    return path
