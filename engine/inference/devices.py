"""Which device and precision a network runs in, and what is done when its memory runs out."""

import platform
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TypeVar

import torch

from engine.errors import EngineError
from engine.inference.context import Context
from engine.memory import ran_out

Size = TypeVar("Size")
Answer = TypeVar("Answer")


@dataclass(frozen=True)
class Device:
    """A place to compute.

    Args:
        name: "cpu", "cuda" or "mps".
        precision: of the network's layers; results are float32.
    """

    name: str
    precision: torch.dtype = torch.float32

    def __str__(self) -> str:
        return f"{self.name} {str(self.precision).removeprefix('torch.')}"

    def autocast(self) -> torch.autocast:
        """The context in which a network runs."""
        return torch.autocast(self.name, self.precision, enabled=self.precision != torch.float32)


def devices_to_try(wanted: str = "auto", precision: str = "auto") -> list[Device]:
    """The devices in order; where one runs out of memory the next takes over.

    Args:
        wanted: "auto", "cpu", "cuda" or "mps".
        precision: "auto" or "float32".

    Raises:
        EngineError: the wanted device is not there.
    """
    full = precision == "float32"
    found = []
    if wanted in {"auto", "cuda"} and torch.cuda.is_available():
        half = torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float16
        found.append(Device("cuda", torch.float32 if full else half))
    if wanted in {"auto", "mps"} and torch.backends.mps.is_available():
        found.append(Device("mps"))
    if wanted in {"cuda", "mps"} and not found:
        raise EngineError(f"There is no device '{wanted}' here; choose 'cpu' or 'auto'.")
    return [*found, Device("cpu", torch.bfloat16 if not full and cpu_has_bf16() else torch.float32)]


@cache
def cpu_has_bf16() -> bool:
    """True where the processor multiplies bfloat16 itself; elsewhere it would be emulated, and slower than float32."""
    if sys.platform == "linux" and platform.machine() == "x86_64":
        try:
            flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
        except OSError:
            return False
        return "avx512_bf16" in flags or "amx_bf16" in flags
    return False


def where_it_fits(
    context: Context,
    size: Size,
    smaller: Callable[[Size], Size | None],
    attempt: Callable[[Device, Size], Answer],
    consequence: str,
) -> Answer:
    """What `attempt` makes on the first device on which memory suffices; the user is told when it does not.

    Args:
        context: of the run.
        size: of the parts that are computed at a time.
        smaller: the next smaller size, None where there is none; tried before the next device.
        attempt: of a device and a size; what it leaves on the device it must free when it fails.
        consequence: what a smaller size means, as the end of a sentence for the user.

    Raises:
        EngineError: memory ran out everywhere.
    """
    for device in devices_to_try(context.device, context.options.precision):
        now: Size | None = size
        while now is not None:
            try:
                return attempt(device, now)
            except (torch.OutOfMemoryError, MemoryError, RuntimeError) as error:
                if not _is_memory(error):
                    raise
                now = smaller(now)
                context.note(f"Memory ran out on {device.name}{'' if now is None else f': {consequence}'}.")
    raise EngineError("Memory ran out on every device; close other programs, or choose a smaller image.")


def _is_memory(error: BaseException) -> bool:
    """True when an error of torch means that memory ran out; on the CPU and MPS it has no type of its own."""
    return isinstance(error, torch.OutOfMemoryError) or ran_out(error)
