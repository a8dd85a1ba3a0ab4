"""The optional extra `planimeter[onnx]`: networks of ONNX files, run by ONNX Runtime on the processor.

Such a file is data. What could reach beyond it, operators of other makers and weights in other files, is refused.
"""

import importlib.util
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from engine.errors import CardError

#: Sets of operators that the standard has.
_DOMAINS = {"", "ai.onnx", "ai.onnx.ml"}
_CHECKED_EDGE = 64
#: Where weights lie that are too many for one ONNX file: no file of that name is ever read.
BESIDE = "beside"


def checked(data: bytes, where: str, *, allow_external: bool = False, beside: frozenset[str] = frozenset()) -> Any:
    """The model in the bytes of an ONNX file.

    Args:
        data: of the file.
        where: its name for people.
        allow_external: weights may lie in other files.
        beside: names of the weights that are given in memory, for which the file may say `BESIDE`.

    Raises:
        CardError: it is damaged, or holds what is refused; or the extra is not installed.
    """
    if importlib.util.find_spec("onnx") is None or importlib.util.find_spec("onnxruntime") is None:
        raise CardError(f"{where} needs the extra planimeter[onnx]; install it and try again.")
    import onnx
    from google.protobuf.message import DecodeError

    try:
        model = onnx.load_model_from_string(data)
    except (DecodeError, ValueError, RuntimeError, MemoryError) as error:
        raise CardError(f"{where} is damaged, cut short or no ONNX file; fetch it again.") from error
    if not model.graph.node:
        raise CardError(f"{where} is damaged, cut short or no ONNX file; fetch it again.")
    foreign = sorted({node.domain for node in _nodes(model)} - _DOMAINS)
    foreign += sorted({opset.domain for opset in model.opset_import} - _DOMAINS)
    if foreign:
        raise CardError(f"{where} needs operators of '{foreign[0][:80]}', which the standard of ONNX does not have.")
    if not allow_external and not all(_is_beside(tensor, beside) for tensor in external_tensors(model)):
        raise CardError(f"{where} has weights in another file, which a model here may not have.")
    return model


def external_tensors(model: Any) -> list[Any]:
    """Those whose values lie in another file."""
    return [tensor for tensor in tensors_of(model) if tensor.data_location == 1]


def _is_beside(tensor: Any, beside: frozenset[str]) -> bool:
    entries = [(entry.key, entry.value) for entry in tensor.external_data]
    return tensor.name in beside and entries == [("location", BESIDE)]


def _graphs(model: Any) -> Iterator[Any]:
    waiting = [model.graph, *model.functions]
    while waiting:
        graph = waiting.pop()
        yield graph
        for node in graph.node:
            for attribute in node.attribute:
                waiting += [*attribute.graphs, *([attribute.g] if attribute.HasField("g") else [])]


def _nodes(model: Any) -> Iterator[Any]:
    for graph in _graphs(model):
        yield from graph.node


def tensors_of(model: Any) -> Iterator[Any]:
    """Weights and constants, those of the graphs within the graph too."""
    for graph in _graphs(model):
        yield from getattr(graph, "initializer", ())
        for sparse in getattr(graph, "sparse_initializer", ()):
            yield from (sparse.values, sparse.indices)
        for node in graph.node:
            for attribute in node.attribute:
                yield from attribute.tensors
                if attribute.HasField("t"):
                    yield attribute.t


class OnnxGraph(nn.Module):
    """The network of an ONNX file with one input, whose first output counts.

    Args:
        data: of the file, as `checked`.
        where: its name for people.
        beside: weights that are not in the file, by name.

    Raises:
        CardError: ONNX Runtime can't run it.
    """

    def __init__(self, data: bytes, where: str, beside: Mapping[str, torch.Tensor] | None = None) -> None:
        super().__init__()
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = torch.get_num_threads()
        options.log_severity_level = 4
        self._where = where
        # Held, since the session does not copy them.
        self._beside = {name: onnxruntime.OrtValue.ortvalue_from_numpy(value.numpy())
                        for name, value in (beside or {}).items()}  # fmt: skip
        options.add_external_initializers(list(self._beside), list(self._beside.values()))
        try:
            self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:
            raise CardError(f"{where} can't be run by ONNX Runtime: {_reason(error)}.") from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            raise CardError(f"{where} has {len(inputs)} inputs, and one is known here: channels are images.")
        if inputs[0].type not in {"tensor(float)", "tensor(float16)"}:
            raise CardError(f"{where} takes {inputs[0].type[:40]}, and numbers of 16 or 32 bits are known here.")
        self._name, self._type = inputs[0].name, np.float16 if "16" in inputs[0].type else np.float32
        self._shape = list(inputs[0].shape)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """The network's first output, float32."""
        try:
            found = self._session.run(None, {self._name: image.cpu().numpy().astype(self._type, copy=False)})[0]
        except Exception as error:
            raise ValueError(_reason(error)) from error
        return torch.from_numpy(np.asarray(found, np.float32))

    def check(self, channels: int | None, window: Sequence[int], classes: int) -> torch.Tensor:
        """Refuse a network that takes another image, or gives another answer, than its card says.

        Args:
            channels: of the image; None for 1 or 3.
            window: its edges; 0 where any will do.
            classes: of the answer.

        Returns:
            Its answer to an image of zeros.

        Raises:
            CardError: says what differs.
        """
        if len(self._shape) != 2 + len(window):
            raise CardError(
                f"{self._where} takes an image of {len(self._shape) - 2} axes; its card says {len(window)}."
            )
        own = self._shape[1]
        if channels is None:
            channels = own if own in {1, 3} else 3
        for what, given, said in zip(
            ("channels", *["voxels"] * len(window)), self._shape[1:], (channels, *window), strict=True
        ):
            if isinstance(given, int) and given > 0 and given != said:
                raise CardError(f"{self._where} takes {given} {what}, and its card says {said or 'any number'}.")
        edges = [said or (given if isinstance(given, int) else _CHECKED_EDGE)
                 for given, said in zip(self._shape[2:], window, strict=True)]  # fmt: skip
        try:
            answer = self.forward(torch.zeros(1, channels, *edges))
        except (ValueError, RuntimeError) as error:
            raise CardError(f"{self._where} can't take such an image as its card says ({_reason(error)}).") from error
        shape = tuple(answer.shape)
        flat = shape == (1, classes)
        if classes > 1 and shape in {(1, *edges), (1, 1, *edges)}:
            raise CardError(
                f"{self._where} answers one number for each voxel, and its card says {classes} classes; where these "
                "are the numbers of labels, write labels as its activation."
            )
        if not flat and (len(shape) != 2 + len(window) or shape[1] != classes or list(shape[2:]) != edges):
            size = " x ".join(str(edge) for edge in shape)
            raise CardError(f"{self._where} answers with {size}, and its card says {classes} classes.")
        return answer


def _reason(error: Exception) -> str:
    text = re.sub(r"^\[ONNXRuntimeError\] : \d+ : \w+ : ", "", " ".join(str(error).split()))
    return text[:200].rstrip(".")
