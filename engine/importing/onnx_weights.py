"""An ONNX file as the engine runs it: checked, with its weights in it, or beside it where one file can't hold them."""

import math
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np
import onnx
import torch
from google.protobuf.message import EncodeError
from numpy.typing import NDArray
from onnx import TensorProto, external_data_helper, helper, numpy_helper
from safetensors import SafetensorError
from safetensors.torch import save_file

from engine.cards.weights import LARGEST_WEIGHTS, sha256_of
from engine.errors import CardError
from engine.importing.finite import not_finite
from engine.importing.source import Source
from engine.inference.onnx_graph import BESIDE, OnnxGraph, checked, external_tensors, tensors_of

Json = dict[str, Any]

#: What one ONNX file can hold.
_LARGEST_IN_ONE = 2 * 1024**3 - 1
_FILE, _WEIGHTS = "network.onnx", "network.safetensors"
#: Kinds of number that may lie beside the file; what little there is of others stays in it.
_PLAIN = (TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.INT64, TensorProto.INT32,
          TensorProto.INT8, TensorProto.UINT8)  # fmt: skip
_FLOATING = {TensorProto.FLOAT, TensorProto.FLOAT16, TensorProto.DOUBLE, TensorProto.BFLOAT16}
_ACTIVATIONS = {"Softmax": "softmax", "Sigmoid": "sigmoid", "HardSigmoid": "sigmoid"}
_PASSING = {"Identity", "Cast", "Transpose", "Reshape", "Squeeze", "Unsqueeze", "Flatten", "Clip"}
#: Smaller ones stay in the file: the network reads its shapes from them.
_SMALL = 1024


def write_graph(source: Source, path: Path, target: Path, numbers: int = 0) -> tuple[list[Json], OnnxGraph, str]:
    """Write an ONNX file, and what lies beside it, into `target`.

    Args:
        source: that is imported.
        path: of the file.
        target: folder for it.
        numbers: that it answers, one a voxel, each of which becomes a channel; 0 where it answers channels.

    Returns:
        `weights` of a node, the network ready to run, and with what it ends: see `activation_within`.

    Raises:
        CardError: it is damaged, too large, or reaches outside its folder; or its weights are no finite numbers.
    """
    where = source.told(path)
    if path.stat().st_size > LARGEST_WEIGHTS:
        raise _too_large(where)
    source.count(path)
    model = checked(path.read_bytes(), where, allow_external=True)
    total = path.stat().st_size + _check_external(source, path, model, where)
    source.progress(0.2, f"Reading {where}")
    beside: dict[str, torch.Tensor] = {}
    try:
        if total > _LARGEST_IN_ONE:
            for tensor in model.graph.initializer:
                if tensor.data_location == TensorProto.EXTERNAL and tensor.data_type in _PLAIN:
                    values = _mapped(tensor, path.parent)
                    if values.size > _SMALL:
                        _check(values, tensor.name, where)
                        beside[tensor.name] = torch.from_numpy(values)
                        _put_beside(tensor)
        for tensor in external_tensors(model):
            if tensor.name not in beside:
                _load(tensor, path.parent)
        check_finite_graph(model, where)
        if numbers:
            _tell_apart(model, numbers)
        data = model.SerializeToString()
    except (OSError, ValueError, TypeError, onnx.checker.ValidationError) as error:
        raise CardError(f"{where} has weights that are damaged or cut short; fetch them again.") from error
    except EncodeError as error:
        raise CardError(f"{where} has more than 2 GB within one of its files, which ONNX can't hold.") from error
    source.progress(0.5, f"Converting {where}")
    (target / _FILE).write_bytes(data)
    files = [_FILE]
    if beside:
        try:
            save_file(beside, target / _WEIGHTS)
        except SafetensorError as error:
            raise CardError(f"The weights in {where} could not be written to {target}; make room there.") from error
        files.append(_WEIGHTS)
    source.progress(0.7, f"Trying {where}")
    graph = OnnxGraph(checked(data, where, beside=frozenset(beside)).SerializeToString(), where, beside)
    return [{"file": name, "sha256": sha256_of(target / name)} for name in files], graph, activation_within(model)


def activation_within(model: Any) -> str:
    """The activation that an ONNX file does itself, last of all for its first output: "softmax", "sigmoid" or "".

    What only moves values or changes their kind may follow it.
    """
    makers = {name: node for node in model.graph.node for name in node.output}
    name = model.graph.output[0].name if model.graph.output else ""
    for _ in range(len(model.graph.node)):
        node = makers.get(name)
        if node is None or not node.input:
            return ""
        if node.op_type in _ACTIVATIONS:
            return _ACTIVATIONS[node.op_type]
        if node.op_type not in _PASSING:
            return ""
        name = node.input[0]
    return ""


def _tell_apart(model: Any, numbers: int) -> None:
    """Let a graph that answers a number a voxel, with or without an axis of channels, answer a channel a number.

    It is 1 where the voxel has that number, and 0 elsewhere.
    """
    graph = model.graph
    held = {tensor.name for tensor in graph.initializer}
    image = next((given for given in graph.input if given.name not in held), None)
    if image is None or not graph.output:
        return
    axes = len(image.type.tensor_type.shape.dim)
    channel = np.arange(axes) == 1
    constants = {
        "channel": channel.astype(np.int64),
        "not_channel": (~channel).astype(np.int64),
        "numbers": np.arange(numbers, dtype=np.int64).reshape(1, numbers, *[1] * (axes - 2)),
    }
    own = f"planimeter_{len(graph.node)}_"
    graph.initializer.extend(numpy_helper.from_array(value, own + name) for name, value in constants.items())
    answer = graph.output[0].name
    steps: list[tuple[str, list[str], str, dict[str, Any]]] = [
        ("Shape", [image.name], "size_of_image", {}),
        ("Mul", [f"{own}size_of_image", f"{own}not_channel"], "size_elsewhere", {}),
        ("Add", [f"{own}size_elsewhere", f"{own}channel"], "size", {}),
        ("Cast", [answer], "whole", {"to": TensorProto.INT64}),
        ("Reshape", [f"{own}whole", f"{own}size"], "placed", {}),
        ("Equal", [f"{own}placed", f"{own}numbers"], "is_it", {}),
        ("Cast", [f"{own}is_it"], "told_apart", {"to": TensorProto.FLOAT}),
    ]
    for step, given, made, attributes in steps:
        graph.node.append(helper.make_node(step, given, [own + made], **attributes))
    graph.output[0].CopyFrom(helper.make_tensor_value_info(f"{own}told_apart", TensorProto.FLOAT, None))


def check_finite_graph(model: Any, where: str) -> None:
    """Refuse an ONNX file whose weights are no finite numbers.

    Raises:
        CardError: names those.
    """
    for tensor in tensors_of(model):
        if tensor.data_location == TensorProto.DEFAULT and tensor.data_type in _FLOATING:
            values = numpy_helper.to_array(tensor)
            plain = values if values.dtype.kind == "f" else values.astype(np.float32)
            _check(plain, tensor.name or "a constant", where)


def _check(values: NDArray[Any], name: str, where: str) -> None:
    """Refuse what is no number; one infinite value alone may be a bound."""
    if values.dtype.kind == "f" and not np.isfinite(values).all() and (values.size > 1 or np.isnan(values).any()):
        raise not_finite(name, where)


def _mapped(tensor: Any, folder: Path) -> NDArray[Any]:
    """The values of a tensor where they lie in their file, which is not read whole."""
    given = {entry.key: entry.value for entry in tensor.external_data}
    kind, shape = helper.tensor_dtype_to_np_dtype(tensor.data_type), tuple(tensor.dims)
    if int(given.get("length") or 0) not in {0, math.prod(shape) * kind.itemsize}:
        raise ValueError(f"{tensor.name} has another size than its shape")
    return np.memmap(folder / given["location"], kind, "c", int(given.get("offset") or 0), shape)


def _load(tensor: Any, folder: Path) -> None:
    """Bring the values of a tensor in from the file that holds them."""
    external_data_helper.load_external_data_for_tensor(tensor, str(folder))
    tensor.data_location = TensorProto.DEFAULT
    del tensor.external_data[:]


def _put_beside(tensor: Any) -> None:
    del tensor.external_data[:]
    entry = tensor.external_data.add()
    entry.key, entry.value = "location", BESIDE


def _check_external(source: Source, path: Path, model: Any, where: str) -> int:
    """How many bytes of weights lie in other files, all of them beside the file; those are counted as read."""
    total, sizes = 0, {}
    for tensor in external_tensors(model):
        given = {entry.key: entry.value for entry in tensor.external_data}
        name = given.get("location", "")
        if name not in sizes:
            sizes[name] = _size_of(path.parent, name, where)
        try:
            # A part that two weights share counts twice, as it will in memory.
            total += int(given.get("length") or sizes[name] - int(given.get("offset") or 0))
        except ValueError as error:
            raise CardError(f"{where} is damaged: it does not say where its weights lie.") from error
        if total > LARGEST_WEIGHTS or sum(sizes.values()) > LARGEST_WEIGHTS:
            raise _too_large(where)
    for name in sorted(sizes):
        source.count(path.parent / name)
    return total


def _size_of(folder: Path, name: str, where: str) -> int:
    """The size of a file in which weights lie."""
    parts = PurePosixPath(name.replace("\\", "/"))
    path = folder / name
    outside = not name or "\0" in name or parts.is_absolute() or ".." in parts.parts or ":" in name or path.is_symlink()
    if outside or path.resolve().parent != folder.resolve():
        raise CardError(f"{where} has weights in '{name[:80]}', which is outside its folder; nothing was read of it.")
    if not path.is_file():
        raise CardError(f"{where} has weights in '{name[:80]}', which is missing.")
    return path.stat().st_size


def _too_large(where: str) -> CardError:
    return CardError(f"{where} is larger than {LARGEST_WEIGHTS // 1024**3} GB, so it was not read.")
